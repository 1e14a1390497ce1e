package optimize

import (
	"math/bits"
	"slices"

	"github.com/flowcover/flowcover/topology/netset"
)

// denyProgram finds ordered lists in which entries may close what shorter
// prefixes open. From the root down each entry opens or closes an interval of
// columns for all below it; a state is the set of atoms that are open. With the
// tables indexed by state A and number of entries k,
//
//	f_v[A][k] = min(g_v[A][k], min over entries e of f_v[e(A)][k-1])
//
// and what is open and not approved is paid for at the blocks where nothing more
// happens. Entries stand at nodes of the LCP tree, and closing ones also at the
// empty blocks that hang from its edges, and at the top of each edge: the best
// denies sit there. Any set of atoms is a state, so it is for few ports.
//
// What may not be opened is, like what is approved, a leaf of the tree: it must
// be closed in the end, whatever was opened above it.
type denyProgram[T num[T]] struct {
	in     *instance[T]
	plane  *plane
	rest   uint64 // the atom that stands for all other columns; 0: not needed
	sum    []uint64
	leaves []leaf // has: what is needed, and above shutBit what must be closed
	tree   lcpTree
	opens  []denyOp
	closes []denyOp
	still  map[uint64][][]uint64
	nodes  [][][]T        // tables of the inner nodes, by state
	loose  bool           // an atom was taken as closed for a part of its columns
	deny   map[block]bool // where entries stand today
	today  map[block][][]T
}

// denyOp opens or closes atoms.
type denyOp struct {
	mask uint64
	cols netset.Columns
	deny bool
}

func (o denyOp) on(state uint64) uint64 {
	if o.deny {
		return state &^ o.mask
	}
	return state | o.mask
}

const (
	shutBit      = 32
	maxDenyAtoms = 10
	denyWork     = 3e9
	denyRoom     = 4e7
)

// newDenyProgram gives nil where the problem does not fit it.
func newDenyProgram[T num[T]](in *instance[T]) *denyProgram[T] {
	d := &denyProgram[T]{in: in, plane: newPlane(in.slabs, in.w), still: map[uint64][][]uint64{}, deny: map[block]bool{}, today: map[block][][]T{}}
	n := len(d.plane.atoms)
	first, last := in.slabs[0].cols, in.slabs[len(in.slabs)-1].cols
	if first.First.Protocol() != last.Last.Protocol() {
		d.rest = 1 << n
		n++
	}
	if n > maxDenyAtoms || len(in.pre) > 0 {
		return nil
	}
	d.leaves = d.refine()
	for _, l := range d.leaves {
		if l.need != 0 && int(l.bits) < in.MaxPrefix {
			return nil
		}
	}
	d.tree = newTree(len(d.leaves), func(i int) key { return d.leaves[i].at })
	states := float64(uint64(1) << n)
	k := float64(in.limit + 1)
	if nodes := float64(len(d.tree.nodes)); nodes*states*k > denyRoom || nodes*states*k*(30+k) > denyWork {
		return nil
	}
	d.weigh(n)
	d.entries(n)
	for r := range in.cur {
		d.deny[r.block] = true
	}
	return d
}

// refine makes the leaves: what is needed, and what must be closed.
func (d *denyProgram[T]) refine() []leaf {
	var parts []part
	for i, s := range d.plane.slabs {
		parts = append(parts, part{1 << d.plane.at[i], s.blocks})
	}
	root := hullOf(parts)
	var inside []netset.Block
	for a, at := range d.plane.atoms {
		shut := d.shut(root, at.cols)
		inside = append(inside, netset.Block{Prefix: root.prefix(d.in.V6), Columns: at.cols})
		parts = append(parts, d.shutPart(a, shut))
		d.loose = d.loose || d.partly(at.cols, shut)
	}
	if d.rest != 0 {
		shut := d.shut(root, netset.AllColumns()).Subtract(netset.Of(inside...))
		parts = append(parts, d.shutPart(bits.TrailingZeros64(d.rest), shut))
		d.loose = true // a deny of one protocol might close a part of it
	}
	out := refine(nil, block{}, 0, parts)
	for i := range out {
		l := &out[i]
		l.need = l.has & (1<<shutBit - 1)
		if only := l.need & d.plane.sealed; only != 0 {
			l.need = l.need | d.rest
		}
	}
	return out
}

// shut is what rules may not leave open under the root on some columns.
func (d *denyProgram[T]) shut(root block, cols netset.Columns) *netset.Set {
	all := netset.Of(netset.Block{Prefix: root.prefix(d.in.V6), Columns: cols})
	out := d.in.Forbidden.Intersect(all)
	if d.in.Open != nil {
		out = out.Union(all.Subtract(d.in.Open))
	}
	return out
}

func (d *denyProgram[T]) shutPart(atom int, shut *netset.Set) part {
	var bs []block
	for _, b := range shut.Blocks() {
		bs = append(bs, blockOf(b.Prefix))
	}
	return part{1 << (shutBit + atom), normal(bs)}
}

// partly says whether only some columns of an atom are shut for some address.
func (d *denyProgram[T]) partly(cols netset.Columns, shut *netset.Set) bool {
	return slices.ContainsFunc(shut.Blocks(), func(b netset.Block) bool { return b.Columns != cols })
}

// weigh sums the weight of each state.
func (d *denyProgram[T]) weigh(n int) {
	w := make([]uint64, n)
	rest := d.in.w.cols(netset.AllColumns())
	for a, at := range d.plane.atoms {
		w[a] = at.weight
		rest -= at.weight
	}
	if d.rest != 0 {
		w[n-1] = rest
	}
	d.sum = make([]uint64, 1<<n)
	for s := 1; s < len(d.sum); s++ {
		a := bits.TrailingZeros64(uint64(s))
		d.sum[s] = d.sum[s&(s-1)] + w[a]
	}
}

// entries lists what an entry can do.
func (d *denyProgram[T]) entries(n int) {
	p := d.plane
	for a := range p.atoms {
		for b := a; b < len(p.atoms) && p.joined(a, b); b++ {
			cols := netset.Columns{First: p.atoms[a].cols.First, Last: p.atoms[b].cols.Last}
			d.closes = append(d.closes, denyOp{span(a, b), cols, true})
			if p.atoms[a].slab >= 0 && p.atoms[b].slab >= 0 {
				d.opens = append(d.opens, denyOp{span(a, b), cols, false})
			}
		}
	}
	if d.rest != 0 {
		all := span(0, n-1)
		d.closes = append(d.closes, denyOp{all, netset.AllColumns(), true})
		d.opens = append(d.opens, denyOp{all, netset.AllColumns(), false})
	}
}

func (d *denyProgram[T]) states() int { return len(d.sum) }

// ways gives, for each state, the least weight left open beyond the needed in a
// block where all addresses are alike, after 0, 1, 2, ... entries on it; shorter
// where more do not help. It is empty for states from which nothing is possible.
func (d *denyProgram[T]) ways(need, shut uint64, opens bool) [][]uint64 {
	id := need | shut<<shutBit
	if !opens {
		id |= 1 << 63
	}
	if t, ok := d.still[id]; ok {
		return t
	}
	const none = ^uint64(0)
	ops := slices.Clone(d.closes)
	if opens {
		ops = append(ops, d.opens...)
	}
	cur := make([]uint64, d.states())
	for s := range cur {
		cur[s] = none
		if need&^uint64(s) == 0 && shut&uint64(s) == 0 {
			cur[s] = d.sum[uint64(s)&^need]
		}
	}
	out := make([][]uint64, d.states())
	for changed := true; changed; {
		changed = false
		next := slices.Clone(cur)
		for s := range cur {
			out[s] = append(out[s], cur[s])
			for _, o := range ops {
				if v := cur[o.on(uint64(s))]; v < next[s] {
					next[s] = v
					changed = true
				}
			}
		}
		cur = next
	}
	for s := range out {
		for n := len(out[s]); n > 1 && out[s][n-1] == out[s][n-2]; n = len(out[s]) {
			out[s] = out[s][:n-1]
		}
	}
	d.still[id] = out
	return out
}

// measure is the cost of opening a unit of columns on a block, zones mixed.
func (d *denyProgram[T]) measure(b block) T {
	var total T
	for _, part := range d.in.w.cut([]block{b}) {
		total = total.add(d.in.size(part, 1))
	}
	return total
}

// at gives the table, at most limit+1 long, of a block where all addresses are
// alike: a leaf, or an empty one.
func (d *denyProgram[T]) at(dst []T, b block, need, shut uint64, opens bool, state uint64) []T {
	if d.deny[b] {
		return d.standingAt(b, need, shut, opens)[state]
	}
	size := d.measure(b)
	dst = dst[:0]
	for k, w := range d.ways(need, shut, opens)[state] {
		if k > d.in.limit {
			break
		}
		c := d.in.kind.inf
		if w != ^uint64(0) {
			c = size.mul(w).add(d.in.kind.of(uint64(k)))
		}
		if k > 0 && !c.less(dst[k-1]) {
			c = dst[k-1]
		}
		dst = append(dst, c)
	}
	return dst
}

// standingAt is at, for all states, where an entry stands today on the block: it
// need not be new.
func (d *denyProgram[T]) standingAt(b block, need, shut uint64, opens bool) [][]T {
	if t, ok := d.today[b]; ok {
		return t
	}
	size := d.measure(b)
	tab := make([][]T, d.states())
	for s := range tab {
		tab[s] = slices.Repeat([]T{d.in.kind.inf}, d.in.limit+1)
		if need&^uint64(s) == 0 && shut&uint64(s) == 0 {
			tab[s][0] = size.mul(d.sum[uint64(s)&^need])
		}
	}
	ops := d.closes
	if opens {
		ops = append(slices.Clone(d.closes), d.opens...)
	}
	d.relax(tab, b, ops)
	d.today[b] = tab
	return tab
}

// relax lets entries on a block make tables better, by rising number of entries.
func (d *denyProgram[T]) relax(tab [][]T, b block, ops []denyOp) {
	fresh := make([]T, len(ops))
	for i, o := range ops {
		fresh[i] = d.in.newness(rule{b, o.cols, o.deny})
	}
	for k := 1; k <= d.in.limit; k++ {
		for s := range tab {
			best := tab[s][k]
			if tab[s][k-1].less(best) {
				best = tab[s][k-1]
			}
			for i, o := range ops {
				to := o.on(uint64(s))
				if to == uint64(s) {
					continue
				}
				if c := tab[to][k-1].add(fresh[i]); c.less(best) {
					best = c
				}
			}
			tab[s][k] = best
		}
	}
}

// entriesAt lists what entries may do at a node.
func (d *denyProgram[T]) entriesAt(b block) []denyOp {
	if int(b.bits) < d.in.MaxPrefix || !d.in.w.pure(b) {
		return d.closes
	}
	return append(slices.Clone(d.closes), d.opens...)
}
