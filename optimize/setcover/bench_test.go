package setcover

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
)

// family is one of the OR-Library's: instances of one size, density and costs.
type family struct {
	name       string
	rows, cols int
	density    float64
	most       int64 // costs are 1 to most
}

// families are the sizes of the OR-Library's random instances.
var families = []family{
	{"scp4", 200, 1000, .02, 100}, {"scp5", 200, 2000, .02, 100}, {"scp6", 200, 1000, .05, 100},
	{"scpa", 300, 3000, .02, 100}, {"scpb", 300, 3000, .05, 100}, {"scpc", 400, 4000, .02, 100},
	{"scpd", 400, 4000, .05, 100}, {"scpe", 50, 500, .2, 1},
	{"scpnre", 500, 5000, .1, 100}, {"scpnrf", 500, 5000, .2, 100},
	{"scpnrg", 1000, 10000, .02, 100}, {"scpnrh", 1000, 10000, .05, 100},
}

// drawnRail makes an instance like the OR-Library's of railway crews: rows are
// trips in the order of the day, a column is a duty, some runs of near trips,
// that costs 1 from where it begins and 2 from elsewhere.
func drawnRail(seed uint64, rows, cols int) *Instance {
	r := rand.New(rand.NewPCG(seed, 13))
	in := &Instance{Rows: rows}
	for j := range cols {
		at := r.IntN(rows)
		if j < rows {
			at = j // every trip has a duty
		}
		var duty []int32
		for left := 2 + r.IntN(10); left > 0 && at < rows; left-- {
			duty = append(duty, int32(at))
			at += 1 + r.IntN(3)*r.IntN(1+rows/20)
		}
		in.Columns = append(in.Columns, slices.Compact(duty))
		in.Costs = append(in.Costs, 1+r.Int64N(2))
	}
	return in
}

func BenchmarkSolve(b *testing.B) {
	for _, f := range families {
		benchmark(b, f.name, func() *Instance { return drawn(1, f.rows, f.cols, f.density, f.most) })
	}
	for _, f := range []family{{"rail507", 507, 63009, 0, 2}, {"rail516", 516, 47311, 0, 2}, {"rail582", 582, 55515, 0, 2}} {
		benchmark(b, f.name, func() *Instance { return drawnRail(1, f.rows, f.cols) })
	}
}

// benchmark reports beside the time the cover's cost, the proven bound and the
// gap between them in percent.
func benchmark(b *testing.B, name string, draw func() *Instance) {
	b.Run(name, func(b *testing.B) {
		in := draw()
		for b.Loop() {
			s, err := Solve(context.Background(), in, Options{})
			if err != nil {
				b.Fatal(err)
			}
			verify(b, in, s)
			b.ReportMetric(float64(s.Cost), "cost")
			b.ReportMetric(float64(s.LowerBound), "bound")
			b.ReportMetric(100*float64(s.Cost-s.LowerBound)/float64(max(1, s.LowerBound)), "gap%")
		}
	})
}
