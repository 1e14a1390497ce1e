package optimize

import (
	"cmp"
	"context"
	"slices"
)

func (d *denyProgram[T]) run(ctx context.Context) bool {
	d.nodes = make([][][]T, len(d.tree.nodes))
	for v := range d.tree.nodes {
		if ctx.Err() != nil {
			return false
		}
		n := &d.tree.nodes[v]
		b := d.blockOf(int32(v))
		l, r := d.edge(n.left, b), d.edge(n.right, b)
		tab := make([][]T, d.states())
		for s := range tab {
			tab[s] = d.join(l[s], r[s])
		}
		d.relax(tab, b, d.entriesAt(b))
		d.nodes[v] = tab
	}
	return true
}

func (d *denyProgram[T]) blockOf(c int32) block {
	if c < 0 {
		return d.leaves[^c].block
	}
	n := &d.tree.nodes[c]
	return block{d.leaves[n.first].at.masked(int(n.bits)), n.bits}
}

// join is the min-plus convolution, limit+1 long.
func (d *denyProgram[T]) join(a, b []T) []T {
	out := slices.Repeat([]T{d.in.kind.inf}, d.in.limit+1)
	d.in.kind.merge(out, a, b)
	for k := 1; k < len(out); k++ {
		if out[k-1].less(out[k]) {
			out[k] = out[k-1]
		}
	}
	return out
}

// below gives a child's table for one state.
func (d *denyProgram[T]) below(c int32, state uint64) []T {
	if c >= 0 {
		return d.nodes[c][state]
	}
	l := d.leaves[^c]
	return d.at(nil, l.block, l.need, l.has>>shutBit, l.need != 0, state)
}

// hanging lists the empty blocks beside the way from a node down to its child.
func (d *denyProgram[T]) hanging(child, parent block) []block {
	var out []block
	for n := int(parent.bits) + 2; n <= int(child.bits); n++ {
		at := child.at.masked(n)
		flip := key{}.with(n - 1)
		out = append(out, block{key{at.hi ^ flip.hi, at.lo ^ flip.lo}, uint8(n)})
	}
	return out
}

// along joins to a child's table those of the empty blocks on the way to it.
func (d *denyProgram[T]) along(c int32, parent block, state uint64) []T {
	t := d.below(c, state)
	if state == 0 {
		return t
	}
	for _, h := range d.hanging(d.blockOf(c), parent) {
		t = d.join(t, d.at(nil, h, 0, 0, false, state))
	}
	return t
}

// edge gives the tables of a child as its parent sees it: with the empty blocks
// on the way, and closing entries at the top of it.
func (d *denyProgram[T]) edge(c int32, parent block) [][]T {
	tab := make([][]T, d.states())
	for s := range tab {
		tab[s] = d.join(d.along(c, parent, uint64(s)), []T{d.in.kind.of(0)})
	}
	if top, ok := d.top(c, parent); ok {
		d.relax(tab, top, d.closes)
	}
	return tab
}

// top is the half of the parent that holds the child, if that is not the child.
func (d *denyProgram[T]) top(c int32, parent block) (block, bool) {
	b := d.blockOf(c)
	if b.bits == parent.bits+1 {
		return block{}, false
	}
	n := int(parent.bits) + 1
	return block{b.at.masked(n), uint8(n)}, true
}

func (d *denyProgram[T]) table() []T  { return d.below(d.tree.root, 0) }
func (d *denyProgram[T]) exact() bool { return !d.loose }

// rules rebuilds the entries, in the order of the list: the longest prefix
// first, and on one prefix what was applied last.
func (d *denyProgram[T]) rules(k int) []rule {
	var out []rule
	d.walk(&out, d.tree.root, 0, k)
	slices.Reverse(out)
	slices.SortStableFunc(out, func(a, b rule) int {
		if c := cmp.Compare(b.bits, a.bits); c != 0 {
			return c
		}
		return a.at.compare(b.at)
	})
	return out
}

// fewest lowers k as long as the value stays.
func fewest[T num[T]](t []T, k int) int {
	k = min(k, len(t)-1)
	for k > 0 && !t[k].less(t[k-1]) {
		k--
	}
	return k
}

func (d *denyProgram[T]) walk(out *[]rule, c int32, state uint64, k int) {
	if c < 0 {
		l := d.leaves[^c]
		d.inBlock(out, l.block, l.need, l.has>>shutBit, l.need != 0, state, k)
		return
	}
	n := &d.tree.nodes[c]
	b := d.blockOf(c)
	l, r := d.edge(n.left, b), d.edge(n.right, b)
	state, k = d.apply(out, b, d.entriesAt(b), state, k,
		func(s uint64) []T { return d.nodes[c][s] },
		func(s uint64) []T { return d.join(l[s], r[s]) })
	i, j := d.split(l[state], r[state], k)
	d.walkEdge(out, n.left, b, state, i)
	d.walkEdge(out, n.right, b, state, j)
}

// apply emits entries on a block until the rest of the value lies below it.
func (d *denyProgram[T]) apply(out *[]rule, b block, ops []denyOp, state uint64, k int, of, plain func(uint64) []T) (uint64, int) {
	for {
		t := of(state)
		k = fewest(t, k)
		if p := plain(state); k == 0 || !t[k].less(p[min(k, len(p)-1)]) {
			return state, k
		}
		for _, o := range ops {
			to := o.on(state)
			if to == state {
				continue
			}
			next := of(to)
			r := rule{b, o.cols, o.deny}
			if !t[k].less(next[min(k-1, len(next)-1)].add(d.in.newness(r))) {
				*out = append(*out, r)
				state = to
				break
			}
		}
		k--
	}
}

// split shares k among two tables so that they add up to their joined value.
func (d *denyProgram[T]) split(a, b []T, k int) (int, int) {
	value := d.join(a, b)[k]
	for i := 0; i <= k && i < len(a); i++ {
		if j := min(k-i, len(b)-1); !a[i].infinite() && !value.less(a[i].add(b[j])) {
			return i, j
		}
	}
	return k, 0
}

func (d *denyProgram[T]) walkEdge(out *[]rule, c int32, parent block, state uint64, k int) {
	if top, ok := d.top(c, parent); ok {
		tab := d.edge(c, parent)
		state, k = d.apply(out, top, d.closes, state, k,
			func(s uint64) []T { return tab[s] },
			func(s uint64) []T { return d.along(c, parent, s) })
	}
	if state != 0 {
		// Undo the joins of along, the last block first.
		hang := d.hanging(d.blockOf(c), parent)
		parts := [][]T{d.below(c, state)}
		for _, h := range hang {
			parts = append(parts, d.join(parts[len(parts)-1], d.at(nil, h, 0, 0, false, state)))
		}
		for i := len(hang) - 1; i >= 0; i-- {
			rest, own := d.split(parts[i], d.at(nil, hang[i], 0, 0, false, state), k)
			d.inBlock(out, hang[i], 0, 0, false, state, own)
			k = rest
		}
	}
	d.walk(out, c, state, k)
}

// inBlock emits the entries on a leaf or an empty block.
func (d *denyProgram[T]) inBlock(out *[]rule, b block, need, shut uint64, opens bool, state uint64, k int) {
	ops := d.closes
	if opens {
		ops = append(slices.Clone(d.closes), d.opens...)
	}
	of := func(s uint64) []T { return d.at(nil, b, need, shut, opens, s) }
	d.apply(out, b, ops, state, k, of, func(s uint64) []T { return of(s)[:1] })
}
