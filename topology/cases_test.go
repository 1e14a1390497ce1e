package topology_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/awscollect"
	"github.com/flowcover/flowcover/topology/netset"
)

// sharedCases finds the folder of open cases, which a clone does not have.
func sharedCases(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
	}
	cases := filepath.Join(dir, "..", "shared", "cases", "topology")
	if _, err := os.Stat(cases); err != nil {
		t.Skip("the open cases are not here: no folder ../shared/cases/topology beside the project")
	}
	return cases
}

func TestTraceOpenCases(t *testing.T) {
	dir := sharedCases(t)
	data, err := os.ReadFile(filepath.Join(dir, "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Snapshot, From, To, Protocol string
		Port                         int
		Disposition                  topology.Disposition
		Path                         []string
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) == 0 {
		t.Fatal("expected.json holds no case")
	}
	snapshots := map[string]*topology.Snapshot{}
	for _, c := range cases {
		t.Run(c.Snapshot+" "+c.From+" "+c.To, func(t *testing.T) {
			s := snapshots[c.Snapshot]
			if s == nil {
				r, _, err := awscollect.FromDir(t.Context(), filepath.Join(dir, c.Snapshot))
				if err != nil {
					t.Fatal(err)
				}
				if s, err = topology.New(r); err != nil {
					t.Fatal(err)
				}
				snapshots[c.Snapshot] = s
			}
			p, err := netset.ParseProtocol(c.Protocol)
			if err != nil {
				t.Fatal(err)
			}
			q := topology.Query{From: c.From, To: c.To, Protocol: p, Port: c.Port}
			got, err := s.Trace(q)
			if err != nil {
				t.Fatal(err)
			}
			if got.Disposition != c.Disposition || !slices.Equal(got.Path, c.Path) {
				t.Errorf("got %s %v\nwant %s %v\nhops %+v", got.Disposition, got.Path, c.Disposition, c.Path, got.Hops)
			}
			for _, f := range topology.DecisionFaults(s, q) {
				t.Error(f)
			}
			stops(t, s, got)
		})
	}
}

// Between all ends of the open snapshots, whatever the answer, the rules that
// decide are those of a plain reading.
func TestDecisionsOfOpenSnapshots(t *testing.T) {
	dir := sharedCases(t)
	folders, err := filepath.Glob(filepath.Join(dir, "*", "aws_configs"))
	if err != nil || len(folders) == 0 {
		t.Fatalf("no snapshot in %s (%v)", dir, err)
	}
	asked := map[topology.Disposition]int{}
	for _, folder := range folders {
		r, _, err := awscollect.FromDir(t.Context(), filepath.Dir(folder))
		if err != nil {
			t.Fatal(err)
		}
		s, err := topology.New(r)
		if err != nil {
			t.Fatal(err)
		}
		var ends []string
		for _, n := range r.Interfaces {
			ends = append(ends, n.ID)
		}
		for _, from := range ends {
			for _, to := range append([]string{"8.8.8.8", "192.168.1.99", "10.10.0.9", "172.31.0.7"}, ends...) {
				for _, q := range []topology.Query{{Protocol: netset.TCP, Port: 22}, {Protocol: netset.TCP, Port: 443}, {Protocol: netset.ICMP}} {
					q.From, q.To = from, to
					got, err := s.Trace(q)
					if err != nil {
						continue // such as an end without an address of the family
					}
					asked[got.Disposition]++
					for _, f := range topology.DecisionFaults(s, q) {
						t.Errorf("%s: %+v: %s", folder, q, f)
					}
				}
			}
		}
	}
	if len(asked) < 5 {
		t.Errorf("the flows end in too few ways: %v", asked)
	}
	t.Log(asked)
}

// stops holds for a refusal: the last hop is what refuses, names what comes
// nearest where there is anything near, and nothing answers.
func stops(t *testing.T, s *topology.Snapshot, got topology.Result) {
	t.Helper()
	if got.Disposition.Delivered() {
		return
	}
	if got.Reply.Disposition != topology.NotSent || len(got.Reply.Hops) > 0 {
		t.Errorf("the reply to what never arrived is %+v", got.Reply)
	}
	last := got.Hops[len(got.Hops)-1]
	want, kind := false, ""
	switch got.Disposition {
	case topology.DeniedIn, topology.DeniedOut:
		kind = "security-group"
		for _, id := range strings.Fields(last.Resource) {
			g, _ := s.SecurityGroup(id)
			want = want || slices.ContainsFunc(g.Rules, func(r topology.SecurityGroupRule) bool {
				return (r.Direction == topology.Ingress) == (got.Disposition == topology.DeniedIn)
			})
		}
	case topology.NoRoute:
		kind, want = "route-table", true // every table has a local route
	}
	if last.Verdict != topology.Refuse || kind != "" && (last.Kind != kind || (last.Nearest != "") != want) {
		t.Errorf("%s stops at %+v: want a %s, nearest named: %t", got.Disposition, last, kind, want)
	}
}
