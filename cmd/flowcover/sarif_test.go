package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/flowcover/flowcover/topology/lint"
)

// sarifShape is what the schema of SARIF 2.1.0 says of an object: it must have
// the required properties and may have no other than those listed.
type sarifShape struct {
	required string
	props    map[string]string // property -> string, uri, [shape], shape, strings or one|of|these
}

// The part of https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json
// that lint writes. Its objects take no additional properties.
var sarifSchema = map[string]sarifShape{
	"log":                 {"version runs", map[string]string{"$schema": "uri", "version": "2.1.0", "runs": "[run]", "inlineExternalProperties": "any", "properties": "any"}},
	"run":                 {"tool results", map[string]string{"tool": "tool", "results": "[result]"}}, // results: required of a run that looked for any
	"tool":                {"driver", map[string]string{"driver": "toolComponent"}},
	"toolComponent":       {"name", map[string]string{"name": "string", "version": "string", "informationUri": "uri", "rules": "[reportingDescriptor]"}},
	"reportingDescriptor": {"id", map[string]string{"id": "string", "shortDescription": "message"}},
	"message":             {"text", map[string]string{"text": "string"}},
	"result": {"message", map[string]string{"ruleId": "string", "level": "none|note|warning|error", "message": "message", "locations": "[location]",
		"partialFingerprints": "strings", "suppressions": "[suppression]"}},
	"location":         {"", map[string]string{"physicalLocation": "physicalLocation", "logicalLocations": "[logicalLocation]"}},
	"physicalLocation": {"artifactLocation", map[string]string{"artifactLocation": "artifactLocation"}},
	"artifactLocation": {"", map[string]string{"uri": "uri"}},
	"logicalLocation":  {"", map[string]string{"name": "string", "kind": "string"}},
	"suppression":      {"kind", map[string]string{"kind": "inSource|external", "justification": "string"}},
}

// sarifFaults says where a value departs from a shape.
func sarifFaults(at, shape string, v any) []string {
	bad := func(want string) []string { return []string{fmt.Sprintf("%s is %v: want %s", at, v, want)} }
	text, isText := v.(string)
	switch {
	case strings.HasPrefix(shape, "["):
		list, ok := v.([]any)
		if !ok {
			return bad("a list")
		}
		var out []string
		for i, x := range list {
			out = append(out, sarifFaults(fmt.Sprintf("%s[%d]", at, i), strings.Trim(shape, "[]"), x)...)
			if slices.ContainsFunc(list[:i], func(y any) bool { return reflect.DeepEqual(x, y) }) && shape != "[result]" {
				out = append(out, at+" holds one item twice")
			}
		}
		return out
	case shape == "any":
		return nil
	case shape == "string":
		if !isText {
			return bad("text")
		}
		return nil
	case shape == "uri":
		if _, err := url.Parse(text); !isText || err != nil || strings.ContainsAny(text, " \"<>\\^`{|}") || strings.IndexFunc(text, func(r rune) bool { return r > 126 }) >= 0 {
			return bad("a URI")
		}
		return nil
	case shape == "strings":
		m, ok := v.(map[string]any)
		for _, x := range m {
			if _, isText := x.(string); !isText {
				ok = false
			}
		}
		if !ok {
			return bad("an object of texts")
		}
		return nil
	}
	s, known := sarifSchema[shape]
	m, ok := v.(map[string]any)
	switch {
	case !known && (!isText || !slices.Contains(strings.Split(shape, "|"), text)):
		return bad(shape)
	case !known:
		return nil
	case !ok:
		return bad("an object")
	}
	return sarifObjectFaults(at, s, m)
}

func sarifObjectFaults(at string, s sarifShape, m map[string]any) []string {
	var out []string
	for _, name := range strings.Fields(s.required) {
		if _, ok := m[name]; !ok {
			out = append(out, at+" lacks "+name)
		}
	}
	for name, x := range m {
		if s.props[name] == "" {
			out = append(out, at+" has "+name+", which the schema does not know")
			continue
		}
		out = append(out, sarifFaults(at+"."+name, s.props[name], x)...)
	}
	return out
}

func TestSARIFKeepsToItsSchema(t *testing.T) {
	out := lintJSON{Findings: []judgedByFile{
		{Finding: lint.Finding{ID: "l-1", Rule: "sg-unused", Severity: lint.Low, Resource: "sg-1", Reason: "r", Remedy: "m"}},
		{Finding: lint.Finding{ID: "l-2", Rule: "sg-open-admin", Severity: lint.High, Resource: "sg-2", Reason: "r", Evidence: "e", Remedy: "m"}, Acceptance: &acceptance{Until: "2027-01-01", Reason: "why"}},
		{Finding: lint.Finding{ID: "l-3", Rule: "tgw-no-return", Severity: lint.Medium, Resource: "tgw-rtb-1", Reason: "이유 \"q\"", Remedy: "m"}, Acceptance: &acceptance{Until: "2026-01-01", Reason: "why", Expired: true}},
	}}
	for _, x := range []struct {
		findings lintJSON
		file     string
	}{{out, "dir/snapshot.json"}, {lintJSON{}, "s.json"}, {out, "한국 100% a:b.json"}} {
		data := sarifOf(x.findings, x.file)
		var doc map[string]any
		if err := json.Unmarshal(data, &doc); err != nil {
			t.Fatal(err)
		}
		for _, f := range sarifFaults("log", "log", doc) {
			t.Errorf("%s: %s", x.file, f)
		}
	}
	checkSARIFResults(t, out)
	// The oracle sees what the schema forbids.
	for _, wrong := range []string{`{"version":"2.1.0"}`, `{"version":"2.0","runs":[]}`, `{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"x"}}}]}`,
		`{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"x"}},"results":[{"message":{"text":"t"},"level":"high"}]}]}`,
		`{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"x"}},"results":[{"message":{"text":"t"},"severity":"note"}]}]}`} {
		var doc map[string]any
		if err := json.Unmarshal([]byte(wrong), &doc); err != nil || len(sarifFaults("log", "log", doc)) == 0 {
			t.Errorf("%s passes (%v)", wrong, err)
		}
	}
}

// checkSARIFResults: each result names a rule that the tool lists, has what CI
// systems show and tell apart, and an accepted one is suppressed.
func checkSARIFResults(t *testing.T, in lintJSON) {
	t.Helper()
	var log sarifLog
	if err := json.Unmarshal(sarifOf(in, "s.json"), &log); err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, r := range log.Runs[0].Tool.Driver.Rules {
		if ids[r.ID] || r.ShortDescription.Text == "" {
			t.Errorf("rule %q stands twice or has no text", r.ID)
		}
		ids[r.ID] = true
	}
	var levels []string
	for i, r := range log.Runs[0].Results {
		f := in.Findings[i]
		levels = append(levels, r.Level)
		if !ids[r.RuleID] || r.PartialFingerprints["flowcover/v1"] != f.Finding.ID || len(r.Locations) != 1 || r.Locations[0].LogicalLocations[0].Name != f.Resource || (len(r.Suppressions) == 1) != f.accepted() {
			t.Errorf("%+v", r)
		}
	}
	if want := []string{"note", "error", "warning"}; !slices.Equal(levels, want) {
		t.Errorf("levels are %q, want %q", levels, want)
	}
}
