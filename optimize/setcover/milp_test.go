package setcover

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "record the results of the MILP solver again")

// milpFamilies: of each, so many instances are held against a MILP solver.
var milpFamilies = []struct {
	family
	n int
}{
	{family{"scp4", 200, 1000, .02, 100}, 10}, {family{"scp5", 200, 2000, .02, 100}, 6}, {family{"scp6", 200, 1000, .05, 100}, 6},
	{family{"scpa", 300, 3000, .02, 100}, 6}, {family{"scpe", 50, 500, .2, 1}, 2},
}

// milp writes the instance in CPLEX LP format.
func milp(in *Instance) string {
	var b strings.Builder
	b.WriteString("Minimize\n")
	rows := make([][]string, in.Rows)
	for j, c := range in.Costs {
		fmt.Fprintf(&b, " + %d x%d\n", c, j)
		for _, i := range in.Columns[j] {
			rows[i] = append(rows[i], fmt.Sprint("x", j))
		}
	}
	b.WriteString("Subject To\n")
	for _, row := range rows {
		fmt.Fprintf(&b, " %s >= 1\n", strings.Join(row, "\n + "))
	}
	b.WriteString("Binary\n")
	for j := range in.Costs {
		fmt.Fprintf(&b, " x%d\n", j)
	}
	b.WriteString("End\n")
	return b.String()
}

// Thirty seeded instances like the OR-Library's, against the optimum that HiGHS
// proved: within half a percent or one unit, whichever is more. The zero Options
// refine at least 150 times, and what they find after 30 only gets better.
func TestAgainstMILP(t *testing.T) {
	path := filepath.Join("testdata", "milp.json")
	recorded := map[string]*int64{}
	if raw, err := os.ReadFile(path); err == nil {
		if err := json.Unmarshal(raw, &recorded); err != nil {
			t.Fatal(err)
		}
	} else if !*update {
		t.Fatal(err)
	}
	dir := os.Getenv("HIGHS_DIR")
	held := 0
	for _, f := range milpFamilies {
		for seed := range uint64(f.n) {
			name, in := fmt.Sprint(f.name, "-", seed), drawn(100+seed, f.rows, f.cols, f.density, f.most)
			want := recorded[name]
			if *update && want == nil {
				want = runHighs(t, dir, in)
				recorded[name] = want
			}
			if dir != "" && seed == 0 && f.cols <= 1000 && !*update {
				if now := runHighs(t, dir, in); now == nil || want == nil || *now != *want {
					t.Errorf("%s: the solver's result differs from the recorded", name)
				}
			}
			if want == nil {
				t.Errorf("%s: nothing is recorded", name)
				continue
			}
			s, err := Solve(context.Background(), in, Options{Iterations: 30})
			if err != nil {
				t.Fatal(err)
			}
			verify(t, in, s)
			if held++; s.Cost < *want || s.LowerBound > *want || s.Cost > *want+max(1, *want/200) {
				t.Errorf("%s: cost %d, bound %d, want %d", name, s.Cost, s.LowerBound, *want)
			}
		}
	}
	if *update {
		raw, err := json.MarshalIndent(recorded, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(raw, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if held != 30 {
		t.Errorf("%d instances were held against the record, want 30", held)
	}
}

// runHighs gives the optimum, nil where ten minutes do not prove it.
func runHighs(t *testing.T, dir string, in *Instance) *int64 {
	t.Helper()
	script, err := filepath.Abs(filepath.Join("testdata", "milp.mjs"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", script, "600")
	cmd.Dir, cmd.Stdin, cmd.Stderr = dir, strings.NewReader(milp(in)), os.Stderr
	raw, err := cmd.Output()
	if err != nil {
		t.Fatalf("node %s in %q (set HIGHS_DIR to a folder with the highs package): %v", script, dir, err)
	}
	var out *int64
	if err := json.Unmarshal(bytes.TrimSpace(raw), &out); err != nil {
		t.Fatalf("%q: %v", raw, err)
	}
	return out
}
