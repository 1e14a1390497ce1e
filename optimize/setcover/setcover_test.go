package setcover

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
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

// drawn makes an instance as the OR-Library's were made: costs 1 to most, every
// row covered twice at least, every column covering a row.
func drawn(seed uint64, rows, cols int, density float64, most int64) *Instance {
	r := rand.New(rand.NewPCG(seed, 11))
	in := &Instance{Rows: rows, Columns: make([][]int32, cols)}
	has := map[[2]int32]bool{}
	put := func(i, j int) {
		if k := [2]int32{int32(i), int32(j)}; !has[k] {
			has[k] = true
			in.Columns[j] = append(in.Columns[j], int32(i))
		}
	}
	for range cols {
		in.Costs = append(in.Costs, 1+r.Int64N(most))
	}
	for i := range rows {
		put(i, r.IntN(cols))
		put(i, r.IntN(cols))
	}
	for j := range cols {
		put(r.IntN(rows), j)
	}
	for n := int(density*float64(rows)*float64(cols)) - len(has); n > 0; n-- {
		put(r.IntN(rows), r.IntN(cols))
	}
	return in
}

func verify(t testing.TB, in *Instance, s Solution) {
	t.Helper()
	seen, cost := make([]bool, in.Rows), int64(0)
	for k, j := range s.Sets {
		if k > 0 && s.Sets[k-1] >= j {
			t.Fatalf("sets are not ascending: %v", s.Sets)
		}
		cost += in.Costs[j]
		for _, i := range in.Columns[j] {
			seen[i] = true
		}
	}
	for i, ok := range seen {
		if !ok {
			t.Fatalf("row %d is not covered", i)
		}
	}
	if cost != s.Cost || s.LowerBound > s.Cost {
		t.Fatalf("cost %d stated %d, bound %d", cost, s.Cost, s.LowerBound)
	}
}

func TestBestKnown(t *testing.T) {
	for name, want := range map[string]int64{"scp41": 429, "scpa1": 253, "scpd1": 60} {
		f, err := os.Open(cases(t, "setcover/"+name+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		in, err := ParseORLibrary(f)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		s, err := Solve(context.Background(), in, Options{})
		if err != nil {
			t.Fatal(err)
		}
		verify(t, in, s)
		if s.Cost != want || !s.Complete {
			t.Errorf("%s: cost %d, complete %v, want %d", name, s.Cost, s.Complete, want)
		}
	}
}

// optimum tries all sets of rows.
func optimum(in *Instance) int64 {
	const none = int64(1) << 60
	best := make([]int64, 1<<in.Rows)
	for i := range best {
		best[i] = none
	}
	best[0] = 0
	for set := range best {
		if best[set] == none {
			continue
		}
		for j, rows := range in.Columns {
			to := set
			for _, i := range rows {
				to |= 1 << i
			}
			best[to] = min(best[to], best[set]+in.Costs[j])
		}
	}
	return best[len(best)-1]
}

func TestAgainstOptimum(t *testing.T) {
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 12))
		in := drawn(seed, 2+r.IntN(9), 3+r.IntN(25), 0.1+0.3*r.Float64(), 1+r.Int64N(20))
		if seed%5 == 0 {
			in.Costs[r.IntN(len(in.Costs))] = 0
		}
		s, err := Solve(context.Background(), in, Options{Iterations: 4})
		if err != nil {
			t.Fatal(err)
		}
		verify(t, in, s)
		if want := optimum(in); s.Cost != want || s.LowerBound > want || !s.Complete {
			t.Fatalf("seed %d: cost %d, bound %d, want %d", seed, s.Cost, s.LowerBound, want)
		}
	}
}

func TestSameAnswerTwice(t *testing.T) {
	in := drawn(3, 120, 900, .03, 100)
	a, err := Solve(context.Background(), in, Options{Iterations: 10})
	if err != nil {
		t.Fatal(err)
	}
	b, err := Solve(context.Background(), in, Options{Iterations: 10, Seed: 1})
	if err != nil || !reflect.DeepEqual(a, b) {
		t.Fatalf("%v, %v and %v", err, a, b)
	}
}

func TestEndOfContext(t *testing.T) {
	in := drawn(4, 200, 1000, .02, 100)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s, err := Solve(ctx, in, Options{})
	if err != nil || s.Complete {
		t.Fatalf("%v, complete %v", err, s.Complete)
	}
	verify(t, in, s)
}

func TestInfeasible(t *testing.T) {
	_, err := Solve(context.Background(), &Instance{Rows: 2, Costs: []int64{1}, Columns: [][]int32{{0}}}, Options{})
	if !errors.Is(err, ErrInfeasible) {
		t.Fatal(err)
	}
	if s, err := Solve(context.Background(), &Instance{}, Options{}); err != nil || s.Cost != 0 || !s.Complete {
		t.Fatalf("no rows: %v %v", s, err)
	}
}

func TestFormats(t *testing.T) {
	a, err := ParseORLibrary(strings.NewReader("2 3\n 4 5 6\n 2\n1 3\n 1 2\n"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := ParseRail(strings.NewReader("2 3\n4 1 1\n5 1 2\n6 1 1\n"))
	if err != nil || !reflect.DeepEqual(a, b) {
		t.Fatalf("%v: %v and %v", err, a, b)
	}
	for text, want := range map[string]string{
		"":                "number of rows",
		"2 x":             "\"x\"",
		"1 1 4 1":         "column of row 1: the file ends",
		"1 1 4 1 2":       "want a whole number from 1 to 1",
		"1 1 4 1 1 9":     "after the last number",
		"1 1 -4 1 1":      "cost of column 1",
		"1 99999999999 1": "number of columns",
	} {
		if _, err := ParseORLibrary(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func FuzzParseORLibrary(f *testing.F) {
	f.Add("2 3 4 5 6 2 1 3 1 2")
	f.Fuzz(func(t *testing.T, text string) { parsed(t, text, ParseORLibrary) })
}

func FuzzParseRail(f *testing.F) {
	f.Add("2 3 4 1 1 5 1 2 6 1 1")
	f.Fuzz(func(t *testing.T, text string) { parsed(t, text, ParseRail) })
}

// parsed: what a parser takes is an instance that Solve can judge.
func parsed(t *testing.T, text string, parse func(io.Reader) (*Instance, error)) {
	in, err := parse(strings.NewReader(text))
	if err != nil || in.Rows > 1000 || len(in.Costs) > 1000 {
		return
	}
	s, err := Solve(context.Background(), in, Options{Iterations: 1})
	if err == nil {
		verify(t, in, s)
	} else if !errors.Is(err, ErrInfeasible) {
		t.Fatal(err)
	}
}

// On crews the bound of the linear relaxation is near the optimum, and must be
// found: there the core's bound alone rises far above that of all columns.
func TestBoundOnCrews(t *testing.T) {
	for seed := range uint64(4) {
		in := drawnRail(seed, 160, 9000)
		s, err := Solve(context.Background(), in, Options{Iterations: 20})
		if err != nil {
			t.Fatal(err)
		}
		verify(t, in, s)
		if s.Cost > s.LowerBound+1 {
			t.Errorf("seed %d: cost %d, bound %d", seed, s.Cost, s.LowerBound)
		}
	}
}
