package setcover

import "slices"

// exchange searches near the cover: it takes columns out, and covers what
// is bare again with the columns that are worth most, where a row's worth grows
// each time it is left bare.
func (s *solver) exchange(steps int) {
	m, ids := s.promising()
	x := newExchanger(s, m)
	for _, j := range ids {
		x.add(j)
	}
	x.run(steps)
}

// promising gives the columns that a better cover can hold, as far as the bound
// tells, and the places of the cover's columns among them.
func (s *solver) promising() (*matrix, []int32) {
	gap := s.upper - float64(s.lower)
	chosen := map[int32]bool{}
	for _, j := range s.cover {
		chosen[j] = true
	}
	type col struct {
		j int32
		c float64
	}
	var list []col
	for j := range s.m.cost {
		c := s.m.cost[j]
		for _, i := range s.m.col(int32(j)) {
			c -= s.u[i]
		}
		if chosen[s.m.orig[j]] {
			c = -1e18
		}
		if c <= gap {
			list = append(list, col{int32(j), c})
		}
	}
	if most := 20 * s.m.rows; len(list) > most {
		slices.SortFunc(list, func(a, b col) int { return compare(a.c, b.c, a.j, b.j) })
		list = list[:most]
	}
	cols := make([]int32, len(list))
	for k := range list {
		cols[k] = list[k].j
	}
	slices.Sort(cols)
	m := s.m.only(cols)
	var best []int32
	for j, o := range m.orig {
		if chosen[o] {
			best = append(best, int32(j))
		}
	}
	return m, best
}

type exchanger struct {
	s      *solver
	m      *matrix
	in     []bool
	list   []int32 // columns in the cover
	place  []int32
	times  []int32
	weight []float64 // of rows
	// gain of a column outside: the weight of bare rows that it covers. Of one
	// inside: the weight of rows that it alone covers.
	gain  []float64
	since []int // when the column last moved
	bare  []int32
	at    []int32 // a row's place in bare
	cost  float64
	now   int
}

func newExchanger(s *solver, m *matrix) *exchanger {
	x := &exchanger{s: s, m: m, in: make([]bool, m.cols()), place: make([]int32, m.cols()),
		times: make([]int32, m.rows), weight: make([]float64, m.rows), gain: make([]float64, m.cols()),
		since: make([]int, m.cols()), at: make([]int32, m.rows)}
	for i := range m.rows {
		x.weight[i] = 1
		x.at[i] = int32(i)
		x.bare = append(x.bare, int32(i))
	}
	for j := range m.cols() {
		x.gain[j] = float64(len(m.col(int32(j))))
	}
	return x
}

func (x *exchanger) add(j int32) {
	x.in[j], x.place[j] = true, int32(len(x.list))
	x.list = append(x.list, j)
	x.cost += x.m.cost[j]
	x.since[j] = x.now
	x.gain[j] = 0
	for _, i := range x.m.col(j) {
		x.times[i]++
		switch x.times[i] {
		case 1:
			w := x.weight[i]
			for _, k := range x.m.row(i) {
				if !x.in[k] {
					x.gain[k] -= w
				}
			}
			x.gain[j] += w
			last := x.bare[len(x.bare)-1]
			x.bare[x.at[i]], x.at[last] = last, x.at[i]
			x.bare = x.bare[:len(x.bare)-1]
		case 2:
			for _, k := range x.m.row(i) {
				if x.in[k] && k != j {
					x.gain[k] -= x.weight[i]
					break
				}
			}
		}
	}
}

func (x *exchanger) remove(j int32) {
	last := x.list[len(x.list)-1]
	x.list[x.place[j]], x.place[last] = last, x.place[j]
	x.list = x.list[:len(x.list)-1]
	x.in[j] = false
	x.cost -= x.m.cost[j]
	x.since[j] = x.now
	x.gain[j] = 0
	for _, i := range x.m.col(j) {
		x.times[i]--
		switch x.times[i] {
		case 0:
			w := x.weight[i]
			for _, k := range x.m.row(i) {
				if !x.in[k] {
					x.gain[k] += w
				}
			}
			x.at[i] = int32(len(x.bare))
			x.bare = append(x.bare, i)
		case 1:
			for _, k := range x.m.row(i) {
				if x.in[k] {
					x.gain[k] += x.weight[i]
					break
				}
			}
		}
	}
}

// cheapest is the column of the cover that is least missed for its cost. Where
// settled is true, those that came in by the last step are not looked at.
func (x *exchanger) cheapest(settled bool) int32 {
	best := int32(-1)
	for _, j := range x.list {
		if settled && x.since[j] >= x.now-1 && x.now > 1 {
			continue
		}
		if best < 0 {
			best = j
			continue
		}
		a, b := x.gain[j]*x.m.cost[best], x.gain[best]*x.m.cost[j]
		if a < b || a == b && (x.since[j] < x.since[best] || x.since[j] == x.since[best] && j < best) {
			best = j
		}
	}
	return best
}

func (x *exchanger) run(steps int) {
	for x.now = 1; x.now <= steps; x.now++ {
		if x.now%1024 == 0 && x.s.ended() {
			return
		}
		for len(x.bare) == 0 {
			for {
				j := x.cheapest(false)
				if j < 0 || x.gain[j] > 0 {
					break
				}
				x.remove(j)
			}
			x.s.offer(x.m, x.list, nil, 0)
			if x.s.proven() || len(x.list) == 0 {
				return
			}
			x.remove(x.cheapest(false))
		}
		if j := x.cheapest(true); j >= 0 {
			x.remove(j)
		}
		for len(x.bare) > 0 && x.cover() {
		}
	}
}

// cover adds the best column for a bare row drawn at random, if the cost allows.
func (x *exchanger) cover() bool {
	i := x.bare[x.s.rnd.IntN(len(x.bare))]
	best := int32(-1)
	for _, j := range x.m.row(i) {
		if x.in[j] || x.since[j] == x.now || x.cost+x.m.cost[j] >= x.s.upper-0.5 {
			continue
		}
		if best < 0 {
			best = j
			continue
		}
		a, b := x.gain[j]*x.m.cost[best], x.gain[best]*x.m.cost[j]
		if a > b || a == b && (x.since[j] < x.since[best] || x.since[j] == x.since[best] && j < best) {
			best = j
		}
	}
	if best >= 0 {
		x.add(best)
	}
	for _, i := range x.bare {
		x.weight[i]++
		for _, j := range x.m.row(i) {
			x.gain[j]++
		}
	}
	return best >= 0
}
