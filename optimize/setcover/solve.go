package setcover

import (
	"context"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
)

// Options tune Solve. The zero value is seed 1 and iterations enough to come
// within half a percent of the best known covers of the OR-Library's instances.
type Options struct {
	// Iterations is how many times the best cover is refined; 0: a number that
	// suits the size.
	Iterations int
	// Seed of the random choices; 0 is 1.
	Seed uint64
}

// Solution is a cover.
type Solution struct {
	Cost int64
	Sets []int // the columns chosen, ascending
	// LowerBound: no cover costs less.
	LowerBound int64
	// Complete: the work was done, or the cover proven best. False only if ctx
	// ended before; then this is the best cover by that time.
	Complete bool
}

// Solve finds a cover and a bound. Errors are an instance that makes no sense
// and a row that no column covers ([ErrInfeasible]).
func Solve(ctx context.Context, in *Instance, o Options) (Solution, error) {
	if err := in.Validate(); err != nil {
		return Solution{}, err
	}
	if o.Seed == 0 {
		o.Seed = 1
	}
	s := &solver{ctx: ctx, in: in, rnd: rand.New(rand.NewPCG(o.Seed, 0x5e7c0ce4))}
	s.m = s.reduce()
	if s.m.rows > 0 {
		s.start()
		s.search(o.Iterations)
	}
	sol := Solution{Cost: int64(s.cost) + s.base, LowerBound: s.lower + s.base, Complete: !s.stopped || s.proven()}
	for _, j := range append(s.best, s.free...) {
		sol.Sets = append(sol.Sets, int(j))
	}
	slices.Sort(sol.Sets)
	return sol, nil
}

type solver struct {
	ctx     context.Context
	in      *Instance
	rnd     *rand.Rand
	m       *matrix   // what is left after columns that are surely chosen
	free    []int32   // those, in the instance
	base    int64     // their cost
	best    []int32   // the best cover of m, in the instance
	cost    float64   // its cost
	cover   []int32   // the cover that is being refined: the best since the last start
	upper   float64   // its cost
	lower   int64     // a proven bound for m
	u       []float64 // multipliers of that bound
	stopped bool
}

func (s *solver) proven() bool { return float64(s.lower) >= s.cost }

func (s *solver) ended() bool {
	if !s.stopped && s.ctx.Err() != nil {
		s.stopped = true
	}
	return s.stopped
}

// reduce chooses columns that cost nothing, and those that alone cover a row,
// and drops of equal columns all but the cheapest.
func (s *solver) reduce() *matrix {
	m := all(s.in)
	for {
		var sure []int32
		for j, c := range m.cost {
			if c == 0 {
				sure = append(sure, int32(j))
			}
		}
		for i := range m.rows {
			if row := m.row(int32(i)); len(row) == 1 {
				sure = append(sure, row[0])
			}
		}
		if len(sure) == 0 {
			return m
		}
		slices.Sort(sure)
		sure = slices.Compact(sure)
		for _, j := range sure {
			s.free = append(s.free, m.orig[j])
			s.base += s.in.Costs[m.orig[j]]
		}
		m = m.without(sure)
	}
}

// start takes the first cover and the root's bound.
func (s *solver) start() {
	zero := make([]float64, s.m.rows)
	first := greedy(s.m, zero, 0)
	s.upper, s.cost = math.Inf(1), math.Inf(1)
	s.offer(s.m, first, nil, 0)
	r := newRelaxed(s.m, s.upper, nil)
	r.ascend(0.3, 100, 10_000, s.ended)
	s.u = slices.Clone(r.best)
	s.lower = max(s.lower, exactBound(s.m, r.best))
}

// offer takes a cover of a residual matrix, with what was chosen before, if it
// is better than the one that is being refined.
func (s *solver) offer(m *matrix, cols, before []int32, cost float64) bool {
	total := cost + costOf(m, cols)
	if total >= s.upper-0.5 {
		return false
	}
	s.upper = total
	s.cover = slices.Clone(before)
	for _, j := range cols {
		s.cover = append(s.cover, m.orig[j])
	}
	if s.upper < s.cost-0.5 {
		s.cost, s.best = s.upper, slices.Clone(s.cover)
	}
	return true
}

// exactBound sums the Lagrangian in integers at multipliers rounded down.
func exactBound(m *matrix, u []float64) int64 {
	sum := 0.0
	for _, x := range u {
		sum += x
	}
	shift := min(20, 61-bits.Len64(uint64(sum)+1))
	if shift < 0 {
		return 0
	}
	scale := float64(int64(1) << shift)
	ints := make([]int64, len(u))
	total := int64(0)
	for i, x := range u {
		ints[i] = int64(x * scale)
		total += ints[i]
	}
	for j := range m.cost {
		c := int64(m.cost[j]) << shift
		for _, i := range m.col(int32(j)) {
			c -= ints[i]
		}
		if c < 0 {
			total += c
		}
	}
	one := int64(1) << shift
	return max(0, (total+one-1)>>shift)
}

// search refines the best cover until it is proven or the iterations are done.
func (s *solver) search(iterations int) {
	if iterations <= 0 {
		iterations = schedule(s.m)
	}
	s.threePhase(s.m, nil, 0, s.u)
	s.exchange(100 * s.m.rows)
	share, idle := 0.3, 0
	for n := 1; n <= iterations && !s.proven() && !s.ended(); n++ {
		if idle == restartAfter {
			idle, share = 0, 0.3
			s.again()
			continue
		}
		fixed := s.worthKeeping(share)
		m, u, ids, cost := s.fix(fixed)
		before := s.upper
		if m.rows > 0 {
			s.threePhase(m, ids, cost, shaken(u, 0.1, s.rnd))
		}
		if n%8 == 0 {
			s.exchange(50 * s.m.rows)
		}
		share, idle = share*1.1, idle+1
		if share > 0.9 {
			share = 0.3
		}
		if s.upper < before {
			share, idle = 0.3, 0
		}
	}
}

// restartAfter is how many refinements may bring nothing before another cover is
// begun.
const restartAfter = 40

// again begins another cover, from multipliers farther off.
func (s *solver) again() {
	s.upper = math.Inf(1)
	u := shaken(s.u, 0.5, s.rnd)
	s.offer(s.m, greedy(s.m, u, 0), nil, 0)
	s.threePhase(s.m, nil, 0, u)
	s.exchange(50 * s.m.rows)
}

// schedule is the number of refinements that suits a size. Of very many columns
// a refinement is dear, and the relaxation alone says much.
func schedule(m *matrix) int {
	if m.cols() > 20_000 {
		return 90
	}
	return max(150, min(300, int(1.4e7)/max(1, len(m.colRows))))
}

// worthKeeping lists columns of the cover (of m) that look best: those that
// would be dear to replace, until they cover a share of the rows.
func (s *solver) worthKeeping(share float64) []int32 {
	chosen := map[int32]bool{}
	for _, j := range s.cover {
		chosen[j] = true
	}
	times := make([]int32, s.m.rows)
	var cols []int32
	for j, o := range s.m.orig {
		if chosen[o] {
			cols = append(cols, int32(j))
			for _, i := range s.m.col(int32(j)) {
				times[i]++
			}
		}
	}
	delta := map[int32]float64{}
	for _, j := range cols {
		c, extra := s.m.cost[j], 0.0
		for _, i := range s.m.col(j) {
			c -= s.u[i]
			extra += s.u[i] * float64(times[i]-1) / float64(times[i])
		}
		delta[j] = max(0, c) + extra
	}
	slices.SortFunc(cols, func(a, b int32) int { return compare(delta[a], delta[b], a, b) })
	covered := make([]bool, s.m.rows)
	n := 0
	for k, j := range cols {
		if float64(n) >= share*float64(s.m.rows) {
			return cols[:k]
		}
		for _, i := range s.m.col(j) {
			if !covered[i] {
				covered[i] = true
				n++
			}
		}
	}
	return cols
}

// fix chooses columns of m and gives what is left, with its multipliers.
func (s *solver) fix(cols []int32) (m *matrix, u []float64, ids []int32, cost float64) {
	for _, j := range cols {
		ids = append(ids, s.m.orig[j])
		cost += s.m.cost[j]
	}
	m = s.m.without(cols)
	for _, i := range m.origRow {
		u = append(u, s.u[s.rowOf(i)])
	}
	return m, u, ids, cost
}

// rowOf finds an instance's row in m; m's rows are ascending.
func (s *solver) rowOf(row int32) int {
	i, _ := slices.BinarySearch(s.m.origRow, row)
	return i
}

// threePhase: multipliers, covers under them, columns fixed, on what is left
// again, until nothing is left or the bound says that nothing better is there.
func (s *solver) threePhase(m *matrix, ids []int32, cost float64, u []float64) {
	ids = slices.Clone(ids)
	for m.rows > 0 && !s.ended() {
		r := newRelaxed(m, s.upper-cost, u)
		r.ascend(0.2, 15, 400, s.ended)
		s.covers(r, ids, cost)
		if math.Ceil(r.bound+cost-1e-6) >= s.upper {
			return
		}
		fixed := fixable(r)
		for _, j := range fixed {
			ids = append(ids, m.orig[j])
			cost += m.cost[j]
		}
		next := m.without(fixed)
		at := make(map[int32]int, m.rows)
		for i, o := range m.origRow {
			at[o] = i
		}
		u = make([]float64, next.rows)
		for i, o := range next.origRow {
			u[i] = r.best[at[o]]
		}
		if u = shaken(u, 0.1, s.rnd); next.rows == 0 {
			s.offer(next, nil, ids, cost)
		}
		m = next
	}
}

// covers builds a cover at each of a walk of multipliers near the best.
func (s *solver) covers(r *relaxed, ids []int32, cost float64) {
	idle := 0
	for step := 0; step < 150 && idle < 60; step++ {
		bound := r.value()
		cover := greedy(r.core, r.u, 0)
		idle++
		if cover != nil && s.offer(r.core, cover, ids, cost) {
			r.upper = s.upper - cost
			idle = 0
		}
		r.step(bound, 0.1)
	}
}

// fixable lists columns (of full) that are surely good: those of negative
// reduced cost that alone among these cover some row, and a few by greedy choice.
func fixable(r *relaxed) []int32 {
	copy(r.u, r.best)
	r.value()
	m := r.core
	times := make([]int32, m.rows)
	for j, c := range r.reduced {
		if c < -0.001 {
			for _, i := range m.col(int32(j)) {
				times[i]++
			}
		}
	}
	chosen := map[int32]bool{}
	for j, c := range r.reduced {
		if c >= -0.001 {
			continue
		}
		for _, i := range m.col(int32(j)) {
			if times[i] == 1 {
				chosen[int32(j)] = true
				break
			}
		}
	}
	var out []int32
	for j := range m.cols() {
		if chosen[int32(j)] {
			out = append(out, int32(j))
		}
	}
	rest := m.without(out)
	if rest.rows > 0 {
		u := make([]float64, rest.rows)
		at := make(map[int32]int, m.rows)
		for i, o := range m.origRow {
			at[o] = i
		}
		for i, o := range rest.origRow {
			u[i] = r.best[at[o]]
		}
		ids := map[int32]int32{}
		for j, o := range m.orig {
			ids[o] = int32(j)
		}
		for _, j := range greedy(rest, u, max(1, r.full.rows/200)) {
			out = append(out, ids[rest.orig[j]])
		}
	}
	for i, j := range out {
		out[i] = r.ids[j]
	}
	return out
}
