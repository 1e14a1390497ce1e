package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/flowcover/flowcover/cmd/internal/command"
	"github.com/flowcover/flowcover/cmd/internal/table"
	"github.com/flowcover/flowcover/topology"
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

// The table of findings fits 80 columns, with every id whole.
func TestLintTableFits(t *testing.T) {
	scope := topology.Scope{Account: "111122223333", Region: "ap-northeast-2"}
	r := topology.Resources{SecurityGroups: []topology.SecurityGroup{{ID: "sg-0123456789abcdef0", Scope: scope, VPC: "vpc-0123456789abcdef0", Name: "계정계-원장-데이터베이스-운영"}},
		VPCs:               []topology.VPC{{ID: "vpc-0123456789abcdef0", Scope: scope}},
		TransitGateways:    []topology.TransitGateway{{ID: "tgw-0123456789abcdef0", Scope: scope}},
		TransitRouteTables: []topology.TransitGatewayRouteTable{{ID: "tgw-rtb-0123456789abcdef0", Scope: scope, TransitGateway: "tgw-0123456789abcdef0", Tags: topology.Tags{"Name": "내부"}}}}
	s, err := topology.New(r)
	if err != nil {
		t.Fatal(err)
	}
	out := lintJSON{Findings: []judgedByFile{}}
	for i, rule := range lint.Rules() {
		resource := []string{"sg-0123456789abcdef0", "tgw-rtb-0123456789abcdef0"}[i%2]
		out.Findings = append(out.Findings, judgedByFile{Finding: lint.Finding{ID: fmt.Sprintf("l-%012x", i), Rule: rule.ID, Severity: []lint.Severity{lint.High, lint.Medium, lint.Low}[i%3], Resource: resource, Reason: "r", Remedy: "m"}})
	}
	out.Findings[1].Acceptance = &acceptance{Until: "2027-01-01", Reason: "why"}
	var b strings.Builder
	l := &lintRun{env: &command.Env{Width: 80}, table: true}
	if err := l.print(&b, s, out); err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(b.String(), "\n") {
		if table.Width(line) > 80 {
			t.Errorf("%d columns: %s", table.Width(line), line)
		}
	}
	for i, f := range out.Findings {
		if strings.Contains(b.String(), f.Finding.ID+"  "+f.Resource) == f.accepted() {
			t.Errorf("%s (accepted: %t) in\n%s", f.Finding.ID, out.Findings[i].accepted(), b.String())
		}
	}
	if !strings.HasPrefix(b.String(), "grade   rule") || !strings.Contains(b.String(), "계정") {
		t.Error(b.String())
	}
}
