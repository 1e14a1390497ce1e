package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/flowcover/flowcover/topology/lint"
)

func TestAcceptedFindings(t *testing.T) {
	a, err := readAccepted("a.yaml", []byte("accepted:\n  l-1: 2026-09-30 shared bastion, gone in October\n  l-2: 2026-09-29 until the move\n  l-3: 2027-01-01 nothing like it\n"))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 9, 30, 23, 0, 0, 0, time.UTC)
	out, notes := a.judge([]lint.Finding{{ID: "l-1"}, {ID: "l-2"}, {ID: "l-4"}}, now)
	if !out[0].accepted() || out[1].accepted() || !out[1].Acceptance.Expired || out[2].Acceptance != nil || unaccepted(out) != 2 {
		t.Errorf("%+v", out)
	}
	if out[0].Acceptance.Reason != "shared bastion, gone in October" {
		t.Errorf("%+v", out[0].Acceptance)
	}
	if len(notes) != 1 || !strings.Contains(notes[0], "l-3") {
		t.Errorf("%q", notes)
	}
}

func TestAcceptedFileIsStrict(t *testing.T) {
	for in, want := range map[string]string{
		"acepted:\n  l-1: 2026-09-30 x\n":                  "accepted",
		"accepted:\n  l-1: 2026-09-30\n":                   "a.yaml:2: accepted: l-1: the reason is missing",
		"accepted:\n  l-1: soon because\n":                 `"soon": want YYYY-MM-DD`,
		"accepted:\n  sg-1: 2026-09-30 why\n":              "want the id of a finding",
		"accepted:\n  l-1: [2026-09-30 a, 2026-09-30 b]\n": "it stands twice",
	} {
		if _, err := readAccepted("a.yaml", []byte(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", in, err, want)
		}
	}
}

// The fields that SARIF 2.1.0's schema requires, and those that GitHub and
// others need to show a result.
func TestSARIFHasWhatItsSchemaRequires(t *testing.T) {
	out := lintJSON{Findings: []judgedByFile{
		{Finding: lint.Finding{ID: "l-1", Rule: "sg-unused", Severity: lint.Low, Resource: "sg-1", Reason: "r", Remedy: "m"}},
		{Finding: lint.Finding{ID: "l-2", Rule: "sg-open-admin", Severity: lint.High, Resource: "sg-2", Reason: "r", Remedy: "m"}, Acceptance: &acceptance{Until: "2027-01-01", Reason: "why"}},
	}}
	var doc struct {
		Version string `json:"version"`
		Runs    []struct {
			Tool struct {
				Driver struct {
					Name  string `json:"name"`
					Rules []struct {
						ID string `json:"id"`
					} `json:"rules"`
				} `json:"driver"`
			} `json:"tool"`
			Results []map[string]any `json:"results"`
		} `json:"runs"`
	}
	if err := json.Unmarshal(sarifOf(out, "dir/snapshot.json"), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Version != "2.1.0" || len(doc.Runs) != 1 || doc.Runs[0].Tool.Driver.Name == "" {
		t.Fatalf("%+v", doc)
	}
	ids := map[string]bool{}
	for _, r := range doc.Runs[0].Tool.Driver.Rules {
		ids[r.ID] = true
	}
	for _, r := range doc.Runs[0].Results {
		message, _ := r["message"].(map[string]any)
		rule, _ := r["ruleId"].(string)
		if message["text"] == nil || !ids[rule] || r["locations"] == nil || r["partialFingerprints"] == nil {
			t.Errorf("%+v", r)
		}
	}
	if level := doc.Runs[0].Results[1]["level"]; level != "error" || doc.Runs[0].Results[1]["suppressions"] == nil || doc.Runs[0].Results[0]["suppressions"] != nil {
		t.Errorf("%+v", doc.Runs[0].Results)
	}
}
