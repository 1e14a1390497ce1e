package optimize

import (
	"bufio"
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flowcover/flowcover/topology/netset"
)

// cases finds the shared folder of open data beside the project, or skips.
func cases(t testing.TB, path string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
	full := filepath.Join(dir, "..", "shared", "cases", path)
	if _, err := os.Stat(full); err != nil {
		t.Skipf("open data is not here: %v", err)
	}
	return full
}

func mustSolve(t testing.TB, p *Problem) *Solution {
	t.Helper()
	s, err := Solve(context.Background(), p, Options{Effort: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := Check(p, s); err != nil {
		t.Fatal(err)
	}
	return s
}

var https = netset.PortColumns(netset.TCP, 443, 443)

func TestPrefixAnchors(t *testing.T) {
	f, err := os.Open(cases(t, "prefixes/ec2-us-east-1.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	p := &Problem{ID: "ec2"}
	for sc := bufio.NewScanner(f); sc.Scan(); {
		if line := strings.TrimSpace(sc.Text()); line != "" {
			p.Approved = append(p.Approved, Cell{Block: netset.Block{Prefix: netip.MustParsePrefix(line), Columns: https}})
		}
	}
	for k, want := range map[int]int64{19: 1702671456, 20: 1635611744, 40: 535515744, 60: 121524832, 100: 7733344, 200: 10240, 232: 0} {
		p.K = k
		s := mustSolve(t, p)
		if got := s.Exposure.Weighted.Int64(); got != want || !s.Proven || s.Price > k {
			t.Errorf("K=%d: excess %d at price %d, proven %v; want %d proven", k, got, s.Price, s.Proven, want)
		}
	}
}
