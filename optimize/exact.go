package optimize

import (
	"context"
	"math/bits"
	"slices"

	"github.com/flowcover/flowcover/topology/netset"
)

// exactProgram finds, for every number of rules, the cheapest union of rules of
// prefix times interval of columns. It is exact: with A the atoms that rules at
// a node's ancestors have opened,
//
//	f_v[A][k] = min(g_v[A][k], min over intervals I of f_v[A|I][k-1] + cost of I\A at v)
//
// where g_v joins the children's tables. What is open already costs nothing, so
// the sum is that of the union. A node's states are cut to the hull of what is
// needed under it: nothing below opens more. A rule is tried only where both its
// end slabs are needed and closed and both children need some of what it opens:
// any other can shrink, or move to a child, and open less.
//
// Index k of a table stands for at most k rules; tables end where more rules no
// longer help.
type exactProgram[T num[T]] struct {
	in     *instance[T]
	plane  *plane
	leaves []leaf
	tree   lcpTree
	need   []uint64 // of inner nodes
	bad    []uint64 // atoms that no rule at the inner node may open; badAll: nor everything
	sums   [][]T    // sums[slab][i]: approved cost of the leaves before i
	pre    []*openSums[T]
	preAll *openSums[T]
	multi  bool // several protocols: a rule for all traffic is tried as well
	fixed  map[block][]netset.Columns
	coarse bool // leaves were left whole that had to be cut
	over   int  // only nodes with more leaves are stored
	stored map[int32]nodeTables[T]
	top    nodeTables[T]
	x      costs[T]
	bufs   sweepBufs[T]
}

const badAll = uint64(1) << 63

// nodeTables are a node's tables, one for each state of its space.
type nodeTables[T any] struct {
	space *space
	off   []int32 // len(space.states)+1
	vals  []T
}

func (n *nodeTables[T]) at(s int32) []T { return n.vals[n.off[s]:n.off[s+1]] }

// costs are what opening each atom at one node costs.
type costs[T num[T]] struct {
	cum  []T // running sum over atoms
	rest T   // of everything that is no atom
	fix  []netset.Columns
}

func newExactProgram[T num[T]](in *instance[T]) *exactProgram[T] {
	e := &exactProgram[T]{in: in, plane: newPlane(in.slabs, in.w), stored: map[int32]nodeTables[T]{}}
	if len(e.plane.atoms) > maxAtoms {
		return nil
	}
	e.leaves = e.part(e.plane.refine())
	e.tree = newTree(len(e.leaves), func(i int) key { return e.leaves[i].at })
	e.multi = len(in.slabs) > 0 && in.slabs[0].cols.First.Protocol() != in.slabs[len(in.slabs)-1].cols.Last.Protocol()
	e.need = make([]uint64, len(e.tree.nodes))
	for i := range e.tree.nodes {
		n := &e.tree.nodes[i]
		e.need[i] = e.needOf(n.left) | e.needOf(n.right)
	}
	return e
}

func (e *exactProgram[T]) needOf(c int32) uint64 {
	if c < 0 {
		return e.leaves[^c].need
	}
	return e.need[c]
}

func (e *exactProgram[T]) block(c int32) block {
	if c < 0 {
		return e.leaves[^c].block
	}
	n := &e.tree.nodes[c]
	return block{e.leaves[n.first].at.masked(int(n.bits)), n.bits}
}

// hull is what states under a node that needs this must tell apart. Where "all"
// may be a rule everything counts.
func (e *exactProgram[T]) hull(need uint64) uint64 {
	if first, last := ends(need); e.multi && !e.plane.joined(first, last) {
		return span(0, len(e.plane.atoms)-1)
	}
	return e.plane.hull(need)
}

// work estimates the inner steps that run takes, and how many table entries the
// nodes of more than 1, 2, 4, ... leaves have.
func (e *exactProgram[T]) work() (steps float64, entries [32]float64) {
	rules := make([]int32, len(e.tree.nodes))
	sizes := map[uint64]float64{}
	states := func(need uint64) float64 {
		h := e.hull(need)
		n, ok := sizes[h]
		if !ok {
			n = e.plane.count(h)
			sizes[h] = n
			m := float64(bits.OnesCount64(need))
			steps += n * m * m * 2 // listing the states and the moves from each
		}
		return n
	}
	count := func(c int32) int32 {
		if c >= 0 {
			return rules[c]
		}
		m := float64(bits.OnesCount64(e.leaves[^c].need))
		steps += states(e.leaves[^c].need) * m * m * m / 24
		return int32(m)
	}
	for i := range e.tree.nodes {
		n := &e.tree.nodes[i]
		left, right := count(n.left), count(n.right)
		rules[i] = min(int32(e.in.limit), left+right)
		table := states(e.need[i]) * float64(rules[i]+1)
		m := float64(bits.OnesCount64(e.need[i]))
		steps += table * (float64(min(left, right))/4 + 2 + m*m/4)
		for b := range entries {
			if int(n.last-n.first)+1 > 1<<b {
				entries[b] += table
			}
		}
	}
	if e.in.kind.bits > wordBits {
		steps *= wideSteps
	}
	return steps, entries
}

// prepare computes what run needs beside the tree.
func (e *exactProgram[T]) prepare(entries [32]float64, room float64) {
	for e.over = 1; e.over < 1<<31 && entries[bits.TrailingZeros(uint(e.over))] > room; {
		e.over *= 2
	}
	in := e.in
	e.sums = make([][]T, len(in.slabs))
	for s := range in.slabs {
		sum := make([]T, len(e.leaves)+1)
		w, bit := in.w.cols(in.slabs[s].cols), uint64(1)<<e.plane.at[s]
		for i, l := range e.leaves {
			sum[i+1] = sum[i]
			if l.has&bit != 0 {
				sum[i+1] = sum[i].add(in.size(l.block, w))
			}
		}
		e.sums[s] = sum
	}
	e.pre = make([]*openSums[T], len(e.plane.atoms))
	for a := range e.plane.atoms {
		e.pre[a] = in.openIn(e.plane.atoms[a].cols)
	}
	e.preAll = in.openIn(netset.AllColumns())
	e.fixed = map[block][]netset.Columns{}
	for r := range in.cur {
		e.fixed[r.block] = append(e.fixed[r.block], r.cols)
	}
	e.bad = make([]uint64, len(e.tree.nodes))
	if in.Open == nil && in.Forbidden == nil && len(in.w.zones) == 0 && in.MaxPrefix == 0 {
		return
	}
	for i := range e.tree.nodes {
		n := &e.tree.nodes[i]
		bad := uint64(0)
		for _, c := range []int32{n.left, n.right} {
			if c >= 0 {
				bad |= e.bad[c]
			}
		}
		e.bad[i] = e.badAt(e.block(int32(i)), e.need[i], bad)
	}
}

// badAt adds to bad the atoms between what a block needs that it may not open.
func (e *exactProgram[T]) badAt(b block, need, bad uint64) uint64 {
	if int(b.bits) < e.in.MaxPrefix || !e.in.w.pure(b) {
		return ^uint64(0)
	}
	for todo := e.plane.hull(need) &^ bad; todo != 0; todo &= todo - 1 {
		a := bits.TrailingZeros64(todo)
		if !e.in.allowed(rule{block: b, cols: e.plane.atoms[a].cols}) {
			bad |= 1 << a
		}
	}
	if e.multi && bad&badAll == 0 && !e.in.allowed(rule{block: b, cols: netset.AllColumns()}) {
		bad |= badAll
	}
	return bad
}

// leafBad is badAt for a leaf, which a cap only makes dearer.
func (e *exactProgram[T]) leafBad(l leaf) uint64 {
	if bits.OnesCount64(l.has) == 1 && l.has&e.plane.sealed == 0 || e.in.Open == nil && e.in.Forbidden == nil {
		return 0
	}
	bad := uint64(0)
	for todo := e.plane.hull(l.need) &^ l.has; todo != 0; todo &= todo - 1 {
		a := bits.TrailingZeros64(todo)
		if !e.in.allowed(rule{block: l.block, cols: e.plane.atoms[a].cols}) {
			bad |= 1 << a
		}
	}
	if e.multi && !e.in.allowed(rule{block: l.block, cols: netset.AllColumns()}) {
		bad |= badAll
	}
	return bad
}

// price sets e.x to the costs at a block that holds the leaves first..last.
func (e *exactProgram[T]) price(b block, first, last int) {
	x := &e.x
	x.cum = append(x.cum[:0], e.in.kind.of(0))
	var approved T
	for a, at := range e.plane.atoms {
		c := e.in.size(b, at.weight).sub(e.pre[a].within(b))
		if at.slab >= 0 {
			in := e.sums[at.slab][last+1].sub(e.sums[at.slab][first])
			c, approved = c.sub(in), approved.add(in)
		}
		x.cum = append(x.cum, x.cum[a].add(c))
	}
	if e.multi {
		all := e.in.size(b, e.in.w.cols(netset.AllColumns())).sub(e.preAll.within(b)).sub(approved)
		x.rest = all.sub(x.cum[len(x.cum)-1])
	}
	x.fix = nil
	if len(e.fixed) > 0 {
		x.fix = e.fixed[b]
	}
}

// of gives the cost of opening a set of atoms.
func (x *costs[T]) of(set uint64) T {
	var total T
	for set != 0 {
		a := bits.TrailingZeros64(set)
		n := bits.TrailingZeros64(^(set >> a)) // the run from a
		total = total.add(x.cum[a+n].sub(x.cum[a]))
		set &^= span(a, a+n-1)
	}
	return total
}

// standing gives today's rule at the node that does what a move does, if any.
func (e *exactProgram[T]) standing(state, add uint64) (netset.Columns, bool) {
	for _, c := range e.x.fix {
		if m, ok := e.plane.exactly(c); ok && m&^state == add {
			return c, true
		}
	}
	return netset.Columns{}, false
}

// exactly gives the atoms that make up an interval, if some do.
func (p *plane) exactly(c netset.Columns) (uint64, bool) {
	i := slices.IndexFunc(p.atoms, func(a atom) bool { return a.cols.First == c.First })
	j := slices.IndexFunc(p.atoms, func(a atom) bool { return a.cols.Last == c.Last })
	if i < 0 || j < i || !p.joined(i, j) {
		return 0, false
	}
	return span(i, j), true
}

func (e *exactProgram[T]) run(ctx context.Context) error {
	if e.tree.root < 0 {
		e.top = e.leafTables(e.tree.root)
		return nil
	}
	top, err := e.sweep(ctx, 0, e.tree.root, e.over, e.stored)
	e.top = top
	return err
}

// table is the root's: nothing is open above it.
func (e *exactProgram[T]) table() []T { return e.top.at(e.top.space.index[0]) }

func (e *exactProgram[T]) exact() bool { return !e.coarse }
