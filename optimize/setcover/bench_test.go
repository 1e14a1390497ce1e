package setcover

import (
	"cmp"
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

// crewTrip is what a duty is made of.
type crewTrip struct {
	from, to int // stations on a line of 40
	dep, arr float64
}

// drawnRail makes an instance like the OR-Library's of railway crews: rows are
// trips of a day, a column is a duty of up to 12 trips that one crew can do one
// after the other, which costs 1 from home to home and else 2. As there the bound
// of the linear relaxation is near the optimum.
func drawnRail(seed uint64, rows, cols int) *Instance {
	const stations, home = 40, 15
	r := rand.New(rand.NewPCG(seed, 13))
	trips := make([]crewTrip, rows)
	for i := range trips {
		from := r.IntN(stations)
		to := (from + 1 + r.IntN(5)) % stations
		dep := r.Float64() * 20
		trips[i] = crewTrip{from, to, dep, dep + 0.3 + r.Float64()*1.5}
	}
	slices.SortFunc(trips, func(a, b crewTrip) int { return cmp.Compare(a.dep, b.dep) })
	in := &Instance{Rows: rows}
	for j := range cols {
		at := r.IntN(rows)
		if j < rows {
			at = j // every trip has a duty
		}
		duty := []int32{int32(at)}
		for len(duty) < 12 {
			next := following(trips, trips[at], trips[duty[0]].dep+8)
			if len(next) == 0 || r.IntN(12) == 0 {
				break
			}
			at = int(next[r.IntN(len(next))])
			duty = append(duty, int32(at))
		}
		cost := int64(2)
		if trips[duty[0]].from < home && trips[at].to < home {
			cost = 1
		}
		in.Columns, in.Costs = append(in.Columns, duty), append(in.Costs, cost)
	}
	return in
}

// following lists the trips that a crew can take after one, up to two stations
// on and an hour and a half later, and be back by the end.
func following(trips []crewTrip, after crewTrip, end float64) []int32 {
	var out []int32
	for k, t := range trips {
		walk := (t.from - after.to + 40) % 40
		ready := after.arr + 0.2*float64(walk)
		if walk <= 2 && t.dep >= ready && t.dep < ready+1.5 && t.arr < end {
			out = append(out, int32(k))
		}
	}
	return out
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
