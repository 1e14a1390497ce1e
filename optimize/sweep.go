package optimize

import (
	"context"
	"fmt"
	"slices"

	"github.com/flowcover/flowcover/topology/netset"
)

// sweepBufs are taken again from node to node.
type sweepBufs[T any] struct {
	pairVals []T
	pairAt   [][2]int32
}

// sweep evaluates the inner nodes first..root in post-order and stores those
// with more than over leaves. Finished subtrees wait on a stack.
func (e *exactProgram[T]) sweep(ctx context.Context, first, root int32, over int, store map[int32]nodeTables[T]) (nodeTables[T], error) {
	var stack []nodeTables[T]
	var free []nodeTables[T]
	pop := func(c int32) nodeTables[T] {
		if c < 0 {
			return e.leafTables(c)
		}
		t := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		return t
	}
	for v := first; v <= root; v++ {
		if v%1024 == 0 && ctx.Err() != nil {
			return nodeTables[T]{}, fmt.Errorf("problem %q: %w", e.in.ID, ctx.Err())
		}
		n := e.tree.nodes[v]
		r := pop(n.right)
		l := pop(n.left)
		var out nodeTables[T]
		if k := len(free); k > 0 {
			out, free = free[k-1], free[:k-1]
		}
		e.node(v, &l, &r, &out)
		big := int(n.last-n.first)+1 > over
		if big {
			store[v] = nodeTables[T]{out.space, slices.Clone(out.off), slices.Clone(out.vals)}
		}
		if n.right >= 0 {
			free = append(free, r)
		}
		if n.left >= 0 {
			free = append(free, l)
		}
		stack = append(stack, out)
	}
	return stack[0], nil
}

// node fills the tables of an inner node from its children's.
func (e *exactProgram[T]) node(v int32, l, r, out *nodeTables[T]) {
	n := &e.tree.nodes[v]
	need, bad := e.need[v], e.bad[v]
	sp := e.plane.space(e.hull(need))
	out.space, out.off, out.vals = sp, append(out.off[:0], 0), out.vals[:0]
	e.price(e.block(v), int(n.first), int(n.last))
	pr := e.plane.pairing(sp, l.space, r.space)
	b := &e.bufs
	b.pairVals, b.pairAt = b.pairVals[:0], append(b.pairAt[:0], make([][2]int32, len(pr.l))...)
	nl, nr := e.needOf(n.left), e.needOf(n.right)
	for s, state := range sp.states {
		open := need &^ state
		if open == 0 {
			out.vals = append(out.vals, e.in.kind.of(0))
			out.off = append(out.off, int32(len(out.vals)))
			continue
		}
		start := len(out.vals)
		q := pr.of[s]
		if b.pairAt[q][1] == 0 {
			from := len(b.pairVals)
			e.merge(l.at(pr.l[q]), r.at(pr.r[q]))
			b.pairAt[q] = [2]int32{int32(from), int32(len(b.pairVals))}
		}
		out.vals = append(out.vals, b.pairVals[b.pairAt[q][0]:b.pairAt[q][1]]...)
		for i := range sp.moves[s] {
			m := &sp.moves[s][i]
			if open>>m.a&1 == 0 || open>>m.b&1 == 0 || m.add&nl == 0 || m.add&nr == 0 || m.add&bad != 0 {
				continue
			}
			e.lower(out, start, out.at(m.to), e.moveCost(state, m.add, 1), 1)
		}
		if c, ok := e.allCost(state, open, bad, 1); ok && open&nl != 0 && open&nr != 0 {
			e.lower(out, start, []T{e.in.kind.of(0)}, c, 1)
		}
		e.finish(out, start)
	}
}

// merge appends the joined table of two children to the pair buffer.
func (e *exactProgram[T]) merge(l, r []T) {
	b := &e.bufs
	from := len(b.pairVals)
	for range min(e.in.limit+1, len(l)+len(r)-1) {
		b.pairVals = append(b.pairVals, e.in.kind.inf)
	}
	e.in.kind.merge(b.pairVals[from:], l, r)
}

// lower applies a rule of a price, that costs c and leads to table src, to the
// table being made at the end of out.
func (e *exactProgram[T]) lower(out *nodeTables[T], start int, src []T, c T, price int) {
	want := min(e.in.limit+1, len(src)+price)
	for len(out.vals)-start < want {
		out.vals = append(out.vals, out.vals[len(out.vals)-1])
	}
	e.in.kind.lower(out.vals[start:], src, c, price)
}

// finish cuts the table at the end of out where more rules no longer help.
func (e *exactProgram[T]) finish(out *nodeTables[T], start int) {
	n := len(out.vals)
	for n-1 > start && !out.vals[n-1].less(out.vals[n-2]) {
		n--
	}
	out.vals = out.vals[:n]
	out.off = append(out.off, int32(n))
}

// moveCost is what opening add on top of state costs, with what a new rule costs.
func (e *exactProgram[T]) moveCost(state, add uint64, price int) T {
	c := e.x.of(add)
	if len(e.x.fix) > 0 && price == 1 {
		if _, ok := e.standing(state, add); ok {
			return c
		}
	}
	return c.add(e.in.kind.of(uint64(price)))
}

// allCost is what a rule for all traffic costs where it can be of use.
func (e *exactProgram[T]) allCost(state, open, bad uint64, price int) (T, bool) {
	if !e.multi || bad&badAll != 0 {
		return e.in.kind.inf, false
	}
	first, last := ends(open)
	if e.plane.joined(first, last) {
		return e.in.kind.inf, false
	}
	c := e.x.rest.add(e.x.of(span(0, len(e.plane.atoms)-1) &^ state))
	if price == 1 && slices.Contains(e.x.fix, netset.AllColumns()) {
		return c, true
	}
	return c.add(e.in.kind.of(uint64(price))), true
}

// leafTables gives the tables of a leaf.
func (e *exactProgram[T]) leafTables(c int32) nodeTables[T] {
	l := e.leaves[^c]
	price := 1
	if int(l.bits) < e.in.MaxPrefix {
		price = min(1<<min(30, e.in.MaxPrefix-int(l.bits)), e.in.limit+1)
	}
	sp := e.plane.space(e.hull(l.need))
	e.price(l.block, int(^c), int(^c))
	bad := e.leafBad(l)
	out := nodeTables[T]{space: sp, off: make([]int32, 1, len(sp.states)+1), vals: make([]T, 0, 2*len(sp.states))}
	for s, state := range sp.states {
		open := l.need &^ state
		start := len(out.vals)
		if open == 0 {
			out.vals = append(out.vals, e.in.kind.of(0))
			out.off = append(out.off, int32(len(out.vals)))
			continue
		}
		out.vals = append(out.vals, e.in.kind.inf)
		for i := range sp.moves[s] {
			m := &sp.moves[s][i]
			if open>>m.a&1 == 0 || open>>m.b&1 == 0 || m.add&bad != 0 {
				continue
			}
			e.lower(&out, start, out.at(m.to), e.moveCost(state, m.add, price), price)
		}
		if c, ok := e.allCost(state, open, bad, price); ok {
			e.lower(&out, start, []T{e.in.kind.of(0)}, c, price)
		}
		e.finish(&out, start)
	}
	return out
}
