package awscollect

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/flowcover/flowcover/topology"
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
				r, _, err := FromDir(t.Context(), filepath.Join(dir, c.Snapshot))
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
			got, err := s.Trace(topology.Query{From: c.From, To: c.To, Protocol: p, Port: c.Port})
			if err != nil {
				t.Fatal(err)
			}
			if got.Disposition != c.Disposition || !slices.Equal(got.Path, c.Path) {
				t.Errorf("got %s %v\nwant %s %v\nhops %+v", got.Disposition, got.Path, c.Disposition, c.Path, got.Hops)
			}
		})
	}
}
