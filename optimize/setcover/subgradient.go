package setcover

import (
	"math"
	"math/rand/v2"
	"slices"
)

// relaxed is the Lagrangian relaxation of a matrix: each row has a multiplier,
// and a column's reduced cost is its cost less the multipliers of its rows.
type relaxed struct {
	full *matrix
	core *matrix
	ids  []int32   // core's columns in full
	u    []float64 // multipliers
	best []float64 // those of the best bound
	// bound is the best lower bound of full seen (in floats: a guide, not a proof).
	bound float64
	upper float64

	reduced []float64 // of core's columns
	covered []int32   // scratch: by row
	way     []float64 // the smoothed subgradient
}

// perRow is how many cheap columns of each row the core holds.
const perRow = 5

func newRelaxed(full *matrix, upper float64, u []float64) *relaxed {
	r := &relaxed{full: full, upper: upper, u: u, bound: math.Inf(-1)}
	if u == nil {
		r.u = make([]float64, full.rows)
		for i := range r.u {
			r.u[i] = math.Inf(1)
		}
		for j := range full.cost {
			rows := full.col(int32(j))
			for _, i := range rows {
				r.u[i] = min(r.u[i], full.cost[j]/float64(len(rows)))
			}
		}
	}
	r.best = slices.Clone(r.u)
	r.way = make([]float64, full.rows)
	r.price()
	return r
}

// price computes the bound of full at u and chooses the core anew: the columns
// of small reduced cost, and for each row the cheapest.
func (r *relaxed) price() float64 {
	m := r.full
	reduced := make([]float64, m.cols())
	bound := 0.0
	for _, x := range r.u {
		bound += x
	}
	var small []int32
	for j := range reduced {
		c := m.cost[j]
		for _, i := range m.col(int32(j)) {
			c -= r.u[i]
		}
		reduced[j] = c
		if c < 0 {
			bound += c
		}
		if c < 0.1 {
			small = append(small, int32(j))
		}
	}
	if most := perRow * m.rows; len(small) > most {
		slices.SortFunc(small, func(a, b int32) int { return compare(reduced[a], reduced[b], a, b) })
		small = small[:most]
	}
	in := make([]bool, m.cols())
	for _, j := range small {
		in[j] = true
	}
	for i := range m.rows {
		var top [perRow]int32
		n := 0
		for _, j := range m.row(int32(i)) {
			at := n
			for at > 0 && reduced[j] < reduced[top[at-1]] {
				at--
			}
			if at == perRow {
				continue
			}
			n = min(perRow, n+1)
			copy(top[at+1:n], top[at:])
			top[at] = j
		}
		for _, j := range top[:n] {
			in[j] = true
		}
	}
	r.ids = r.ids[:0]
	for j, ok := range in {
		if ok {
			r.ids = append(r.ids, int32(j))
		}
	}
	r.core = m.only(r.ids)
	r.covered = make([]int32, m.rows)
	if bound > r.bound {
		r.bound = bound
		copy(r.best, r.u)
	}
	return bound
}

func compare(a, b float64, i, j int32) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return int(i) - int(j)
}

// value computes the reduced costs and the bound of the core at u.
func (r *relaxed) value() float64 {
	m := r.core
	if cap(r.reduced) < m.cols() {
		r.reduced = make([]float64, m.cols())
	}
	r.reduced = r.reduced[:m.cols()]
	bound := 0.0
	for _, x := range r.u {
		bound += x
	}
	for j := range r.reduced {
		c := m.cost[j]
		for _, i := range m.colRows[m.colAt[j]:m.colAt[j+1]] {
			c -= r.u[i]
		}
		r.reduced[j] = c
		if c < 0 {
			bound += c
		}
	}
	return bound
}

// step moves u along the subgradient: rows not covered by columns of negative
// reduced cost become dearer, rows covered more than once cheaper.
func (r *relaxed) step(bound, lambda float64) {
	clear(r.covered)
	m := r.core
	for j, c := range r.reduced {
		if c < 0 {
			for _, i := range m.colRows[m.colAt[j]:m.colAt[j+1]] {
				r.covered[i]++
			}
		}
	}
	norm := 0.0
	for i, n := range r.covered {
		r.way[i] = smooth*r.way[i] + (1-smooth)*float64(1-n)
		if r.u[i] == 0 && r.way[i] < 0 {
			r.way[i] = 0
		}
		norm += r.way[i] * r.way[i]
	}
	if norm == 0 {
		return
	}
	t := lambda * max(r.upper-bound, 0.01*math.Abs(r.upper)+0.01) / norm
	for i := range r.covered {
		r.u[i] = max(0, r.u[i]+t*r.way[i])
	}
}

// ascend is the subgradient phase. The step shrinks where the bound of the core
// has not risen for a while, or that of all columns not at the last few looks: a
// core of few columns can rise for ever while the rest of the columns sinks. The
// phase ends when the step is tiny, or where the bound meets the best cover.
func (r *relaxed) ascend(lambda float64, patience, most int, stop func() bool) int {
	period, next := 10, 10
	top, topU := math.Inf(-1), slices.Clone(r.u) // the best of the core since it was priced
	idle, stale, step := 0, 0, 0
	clear(r.way)
	for ; step < most && lambda > 0.001; step++ {
		bound := r.value()
		if idle++; bound > top {
			top, idle = bound, 0
			copy(topU, r.u)
		}
		if idle >= patience {
			lambda *= shrink
			idle = 0
		}
		r.step(bound, lambda)
		if step < next {
			continue
		}
		// The bound counts only on all columns, at the best of the core.
		now, before := slices.Clone(r.u), r.bound
		copy(r.u, topU)
		full := r.price()
		copy(r.u, now)
		if stale++; r.bound > before {
			stale = 0
		}
		if stale == staleLooks {
			lambda *= shrink
			stale = 0
		}
		if stop() || r.bound >= r.upper-1e-9 {
			break
		}
		period = nextPeriod(period, (top-full)/max(1, r.upper))
		next, top = step+period, full
	}
	copy(r.u, topU)
	r.price()
	copy(r.u, r.best)
	r.price()
	return step
}

// Of the subgradient: by what the step shrinks, how much of the last direction is
// kept, and at how many looks the bound of all columns may rest. Tuned on
// OR-Library's scp41, scpa1 and scpd1, and on drawn railway crews.
const (
	shrink     = 0.7
	smooth     = 0.7
	staleLooks = 5
)

// nextPeriod says after how many steps the core is priced again: the more
// seldom, the nearer its bound is to that of all columns.
func nextPeriod(period int, gap float64) int {
	switch {
	case gap <= 1e-6:
		return min(100, period*10)
	case gap <= 0.02:
		return min(100, period*5)
	case gap <= 0.2:
		return min(100, period*2)
	}
	return 10
}

// shaken gives multipliers near u.
func shaken(u []float64, by float64, rnd *rand.Rand) []float64 {
	out := make([]float64, len(u))
	for i := range u {
		out[i] = u[i] * (1 - by + 2*by*rnd.Float64())
	}
	return out
}
