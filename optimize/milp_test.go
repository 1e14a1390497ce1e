package optimize

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/flowcover/flowcover/topology/netset"
)

var update = flag.Bool("update", false, "record the results of the MILP solver again")

const milpProblems = 200

// milpProblem draws a problem that is too large for brute force: hosts of a /28
// or /27 on up to five ports.
func milpProblem(seed int) (*Problem, []uint16) {
	r := rand.New(rand.NewPCG(uint64(seed), 41))
	bits, m := 28, 2+r.IntN(3)
	if seed%4 == 0 {
		bits, m = 27, 3+r.IntN(3)
	}
	var ports []uint16
	port := uint16(20 + r.IntN(60))
	for range m {
		ports = append(ports, port)
		port += uint16(1 + r.IntN(1+r.IntN(60)))
	}
	p := &Problem{ID: fmt.Sprint("milp ", seed), K: 2 + r.IntN(6)}
	for i := range 1 << (32 - bits) {
		for _, port := range ports {
			if r.IntN(5) < 2 {
				a := netip.AddrFrom4([4]byte{10, 0, 0, byte(64 + i)})
				p.Approved = append(p.Approved, Cell{Block: netset.Block{Prefix: netip.PrefixFrom(a, 32), Columns: netset.PortColumns(netset.TCP, port, port)}})
			}
		}
	}
	if seed%3 == 0 {
		a := netip.AddrFrom4([4]byte{10, 0, 0, byte(64 + r.IntN(16))})
		p.Forbidden = netset.Of(netset.Block{Prefix: netip.PrefixFrom(a, 32), Columns: netset.ProtocolColumns(netset.TCP)}).Subtract(approvedSet(p))
	}
	return p, ports
}

// milpColumns lists the ports and the gaps between them.
func milpColumns(ports []uint16) []netset.Columns {
	var cols []netset.Columns
	for i, port := range ports {
		if i > 0 && ports[i-1]+1 < port {
			cols = append(cols, netset.PortColumns(netset.TCP, ports[i-1]+1, port-1))
		}
		cols = append(cols, netset.PortColumns(netset.TCP, port, port))
	}
	return cols
}

// milp writes the union model: a variable for each rule, one for each cell that
// is opened beyond the approved. It knows nothing of trees or states.
func milp(p *Problem, ports []uint16) string {
	cols := milpColumns(ports)
	approved := approvedSet(p)
	var cover, open strings.Builder
	var rules, cells, weights []string
	holding := map[string][]string{} // cell to rules
	for bits := 26; bits <= 32; bits++ {
		for at := 64; at < 96; at += 1 << (32 - bits) {
			pre := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(at)}), bits)
			if pre != pre.Masked() {
				continue
			}
			for i, a := range ports {
				for _, b := range ports[i:] {
					block := netset.Block{Prefix: pre, Columns: netset.PortColumns(netset.TCP, a, b)}
					if p.Forbidden.OverlapsBlock(block) || !approved.OverlapsBlock(block) {
						continue
					}
					name := fmt.Sprintf("x%d", len(rules))
					rules = append(rules, name)
					for host := at; host < at+1<<(32-bits) && host < 128; host++ {
						for c, col := range cols {
							if block.Columns.Contains(col) {
								cell := fmt.Sprintf("%d_%d", host, c)
								holding[cell] = append(holding[cell], name)
							}
						}
					}
				}
			}
		}
	}
	for host := 64; host < 128; host++ {
		for c, col := range cols {
			cell := fmt.Sprintf("%d_%d", host, c)
			one := netset.Block{Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(host)}), 32), Columns: col}
			if approved.ContainsBlock(one) {
				fmt.Fprintf(&cover, " %s >= 1\n", strings.Join(holding[cell], " + "))
				continue
			}
			if len(holding[cell]) == 0 {
				continue
			}
			cells, weights = append(cells, "y"+cell), append(weights, fmt.Sprintf("%d y%s", col.Len(), cell))
			for _, x := range holding[cell] {
				fmt.Fprintf(&open, " y%s - %s >= 0\n", cell, x)
			}
		}
	}
	bounds := make([]string, len(cells))
	for i, y := range cells {
		bounds[i] = fmt.Sprintf(" 0 <= %s <= 1\n", y)
	}
	return fmt.Sprintf("Minimize\n %s\nSubject To\n%s%s %s <= %d\nBounds\n%sBinary\n %s\nEnd\n", strings.Join(weights, " + "),
		cover.String(), open.String(), strings.Join(rules, " + "), p.K, strings.Join(bounds, ""), strings.Join(rules, "\n "))
}

func TestAgainstMILP(t *testing.T) {
	path := filepath.Join("testdata", "milp.json")
	var recorded []*int64
	if raw, err := os.ReadFile(path); err == nil {
		if err := json.Unmarshal(raw, &recorded); err != nil {
			t.Fatal(err)
		}
	} else if !*update {
		t.Fatal(err)
	}
	if dir := os.Getenv("HIGHS_DIR"); dir != "" {
		fresh := runHighs(t, dir)
		if *update {
			recorded = fresh
			raw, err := json.Marshal(fresh)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, append(raw, '\n'), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.EqualFunc(fresh, recorded, func(a, b *int64) bool { return (a == nil) == (b == nil) && (a == nil || *a == *b) }) {
			t.Fatal("the solver's results differ from the recorded")
		}
	}
	if len(recorded) != milpProblems {
		t.Fatalf("%d results are recorded, want %d", len(recorded), milpProblems)
	}
	for seed, want := range recorded {
		p, _ := milpProblem(seed)
		s := mustSolve(t, p)
		switch {
		case want == nil && s.Rules != nil:
			t.Errorf("seed %d: an answer to what the solver calls infeasible", seed)
		case want != nil && (s.Rules == nil || !s.Proven || s.Exposure.Weighted.Int64() != *want):
			t.Errorf("seed %d: %v, want excess %d", seed, s.Exposure.Weighted, *want)
		}
	}
}

func runHighs(t *testing.T, dir string) []*int64 {
	t.Helper()
	var models []string
	for seed := range milpProblems {
		models = append(models, milp(milpProblem(seed)))
	}
	in, err := json.Marshal(models)
	if err != nil {
		t.Fatal(err)
	}
	script, err := filepath.Abs(filepath.Join("testdata", "milp.mjs"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", script)
	cmd.Dir, cmd.Stdin, cmd.Stderr = dir, bytes.NewReader(in), os.Stderr
	raw, err := cmd.Output()
	if err != nil {
		t.Fatalf("node %s in %s: %v", script, dir, err)
	}
	var out []*int64
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}
