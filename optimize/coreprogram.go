package optimize

import (
	"context"
	"math/bits"
	"slices"

	"github.com/flowcover/flowcover/topology/netset"
)

// coreProgram is the exact program over a given list of rules. Fewer moves reach
// fewer states, so it goes far beyond the ports that the exact program can take:
// its states are found from the root down, as they are reached.
type coreProgram[T num[T]] struct {
	e     *exactProgram[T]
	moves map[int32][]coreMove // by node (or ^leaf), the widest first
	memo  []map[uint64][]T     // inner nodes, then leaves
	below []uint64             // what rules of all of a node's subtree can open together
	deep  []uint64             // what those below an inner node can open
	upper T                    // what costs more is of no interest
	left  int                  // table entries that may still be made
	costs []*costs[T]          // by slot
	ctx   context.Context
}

// coreMove is a rule at a node: it opens what it adds to the state.
type coreMove struct {
	span uint64
	all  bool
}

// newCoreProgram gives nil where the columns do not fit in a state, or a rule is
// not at a node of the tree.
func newCoreProgram[T num[T]](ctx context.Context, in *instance[T], rules []rule, upper T, entries int) *coreProgram[T] {
	sub := *in
	sub.loose = true
	e := newExactProgram(&sub)
	if e == nil {
		return nil
	}
	var none [32]float64
	e.prepare(none, 1)
	c := &coreProgram[T]{e: e, moves: map[int32][]coreMove{}, upper: upper, left: entries, ctx: ctx,
		memo: make([]map[uint64][]T, len(e.tree.nodes)+len(e.leaves))}
	c.costs = make([]*costs[T], len(c.memo))
	at := map[block]int32{}
	for i := range e.leaves {
		if int(e.leaves[i].bits) < in.MaxPrefix {
			return nil
		}
		at[e.leaves[i].block] = ^int32(i)
	}
	for v := range e.tree.nodes {
		at[e.block(int32(v))] = int32(v)
	}
	for _, r := range rules {
		v, ok := at[r.block]
		if !ok {
			return nil
		}
		m := coreMove{all: r.cols.First.Protocol() != r.cols.Last.Protocol()}
		if m.all {
			m.span = span(0, len(e.plane.atoms)-1)
		} else if m.span, ok = e.plane.exactly(r.cols); !ok {
			return nil
		}
		c.moves[v] = append(c.moves[v], m)
	}
	c.below, c.deep = make([]uint64, len(c.memo)), make([]uint64, len(e.tree.nodes))
	for v, moves := range c.moves {
		for _, m := range moves {
			c.below[c.slot(v)] |= m.span
		}
	}
	for v := range e.tree.nodes {
		// A need that some child has, and that neither the node's rules nor this
		// child's can open, cannot be met.
		n := &e.tree.nodes[v]
		l, r := c.below[c.slot(n.left)]|^e.needOf(n.left), c.below[c.slot(n.right)]|^e.needOf(n.right)
		c.deep[v] = l & r
		c.below[v] |= l & r
	}
	for v := range c.moves {
		slices.SortFunc(c.moves[v], func(a, b coreMove) int {
			if n := bits.OnesCount64(b.span) - bits.OnesCount64(a.span); n != 0 {
				return n
			}
			return bits.TrailingZeros64(a.span) - bits.TrailingZeros64(b.span)
		})
	}
	return c
}

// run gives the least cost with at most k rules; nil where there was no room.
func (c *coreProgram[T]) run() []T {
	t := c.solve(c.e.tree.root, 0)
	if c.left < 0 || c.ctx.Err() != nil {
		return nil
	}
	return t
}

func (c *coreProgram[T]) slot(v int32) int {
	if v < 0 {
		return len(c.e.tree.nodes) + int(^v)
	}
	return int(v)
}

// solve gives the table of a node under a state.
func (c *coreProgram[T]) solve(v int32, state uint64) []T {
	e := c.e
	need := e.needOf(v)
	state &= e.hull(need)
	open := need &^ state
	if open == 0 {
		return []T{e.in.kind.of(0)}
	}
	slot := c.slot(v)
	if open&^c.below[slot] != 0 {
		return []T{e.in.kind.inf}
	}
	if t, ok := c.memo[slot][state]; ok {
		return t
	}
	if c.left < 0 || c.ctx.Err() != nil {
		return []T{e.in.kind.inf}
	}
	// What the children cannot open must be opened here: by a rule that opens
	// the first of it.
	forced := open &^ c.lower(v)
	forced &= -forced
	t := []T{e.in.kind.inf}
	if forced == 0 {
		t = c.children(v, state)
	}
	nl, nr := need, need
	if v >= 0 {
		nl, nr = e.needOf(e.tree.nodes[v].left), e.needOf(e.tree.nodes[v].right)
	}
	for _, m := range c.moves[v] {
		add := m.span &^ state
		if add&nl&open == 0 || add&nr&open == 0 || add&forced != forced {
			continue
		}
		cost, _ := c.cost(v, m, state)
		if c.upper.less(cost) {
			continue
		}
		next := []T{e.in.kind.of(0)}
		if !m.all {
			next = c.solve(v, state|add)
		}
		for len(t) < min(e.in.limit+1, len(next)+1) {
			t = append(t, t[len(t)-1])
		}
		e.in.kind.lower(t, next, cost, 1)
	}
	return c.remember(slot, state, t)
}

// remember stores a table without what is of no interest.
func (c *coreProgram[T]) remember(slot int, state uint64, t []T) []T {
	for k := range t {
		if c.upper.less(t[k]) {
			t[k] = c.e.in.kind.inf
		}
	}
	for n := len(t); n > 1 && !t[n-1].less(t[n-2]); n = len(t) {
		t = t[:n-1]
	}
	if c.memo[slot] == nil {
		c.memo[slot] = map[uint64][]T{}
	}
	c.memo[slot][state] = slices.Clip(t)
	c.left -= len(t) + 4
	return t
}

// lower is what rules below a node can open together.
func (c *coreProgram[T]) lower(v int32) uint64 {
	if v < 0 {
		return 0
	}
	return c.deep[v]
}

// price gives what opening atoms at a node costs.
func (c *coreProgram[T]) price(v int32) *costs[T] {
	slot := c.slot(v)
	if c.costs[slot] == nil {
		if v < 0 {
			c.e.price(c.e.leaves[^v].block, int(^v), int(^v))
		} else {
			n := &c.e.tree.nodes[v]
			c.e.price(c.e.block(v), int(n.first), int(n.last))
		}
		x := c.e.x
		x.cum = slices.Clone(x.cum)
		c.costs[slot] = &x
	}
	return c.costs[slot]
}

// cost is what a move costs in a state, and the columns of its rule.
func (c *coreProgram[T]) cost(v int32, m coreMove, state uint64) (T, netset.Columns) {
	x := c.price(v)
	cost := x.of(m.span &^ state)
	if m.all {
		cost = cost.add(x.rest)
		if slices.Contains(x.fix, netset.AllColumns()) {
			return cost, netset.AllColumns()
		}
		return cost.add(c.e.in.kind.of(1)), netset.AllColumns()
	}
	for _, cols := range x.fix {
		if set, ok := c.e.plane.exactly(cols); ok && set&^state == m.span&^state {
			return cost, cols
		}
	}
	a, b := ends(m.span)
	return cost.add(c.e.in.kind.of(1)), netset.Columns{First: c.e.plane.atoms[a].cols.First, Last: c.e.plane.atoms[b].cols.Last}
}

// children joins the tables of a node's children.
func (c *coreProgram[T]) children(v int32, state uint64) []T {
	inf := c.e.in.kind.inf
	if v < 0 {
		return []T{inf}
	}
	n := &c.e.tree.nodes[v]
	l := c.solve(n.left, state)
	r := c.solve(n.right, state)
	out := slices.Repeat([]T{inf}, min(c.e.in.limit+1, len(l)+len(r)-1))
	c.e.in.kind.merge(out, l, r)
	return out
}

// table is what run gave.
func (c *coreProgram[T]) table() []T { return c.solve(c.e.tree.root, 0) }

func (c *coreProgram[T]) exact() bool { return false }

// rules rebuilds the rules of the root's value at k.
func (c *coreProgram[T]) rules(k int) []rule {
	var out []rule
	c.walk(&out, c.e.tree.root, 0, k)
	return out
}

func (c *coreProgram[T]) walk(out *[]rule, v int32, state uint64, k int) {
	e := c.e
	for {
		need := e.needOf(v)
		if need&^state == 0 {
			return
		}
		t := c.solve(v, state)
		k = fewest(t, k)
		value := t[k]
		if v >= 0 {
			n := &e.tree.nodes[v]
			l, r := c.solve(n.left, state), c.solve(n.right, state)
			for i := 0; i <= k && i < len(l); i++ {
				if j := min(k-i, len(r)-1); !l[i].infinite() && !value.less(l[i].add(r[j])) {
					c.walk(out, n.left, state, i)
					c.walk(out, n.right, state, j)
					return
				}
			}
		}
		next, ok := c.step(out, v, state, k, value)
		if !ok {
			return
		}
		state, k = next, k-1
	}
}

// step emits the rule at a node that gives the value.
func (c *coreProgram[T]) step(out *[]rule, v int32, state uint64, k int, value T) (uint64, bool) {
	e := c.e
	inside := state & e.hull(e.needOf(v))
	for _, m := range c.moves[v] {
		add := m.span &^ inside
		if add == 0 || k == 0 {
			continue
		}
		cost, cols := c.cost(v, m, inside)
		next := []T{e.in.kind.of(0)}
		if !m.all {
			next = c.solve(v, state|m.span)
		}
		if !value.less(next[min(k-1, len(next)-1)].add(cost)) {
			*out = append(*out, rule{block: e.block(v), cols: cols})
			return state | m.span, !m.all
		}
	}
	return state, false
}
