package optimize

import (
	"math"
	"slices"

	"github.com/flowcover/flowcover/topology/netset"
)

// additive bounds the sum of the areas of at most K rules that cover all needs.
// What overlaps counts twice in that sum, so it is no bound on the union; where
// rules do not overlap the two are the same. It is the Lagrangian of the set
// cover of cells by rules, with a multiplier for each cell and one, lambda, for
// the number of rules:
//
//	sum u - lambda K + sum over rules of min(0, area + lambda - sum of u inside)
//
// which is a bound at any multipliers. They are found by subgradient in floats,
// rounded to integers, and the bound is summed in integers over every rule.
type additive struct {
	k      int
	width  int         // slabs
	ends   [][2]uint64 // of slabs, in column weight: a rule from p to q weighs ends[q][1]-ends[p][0]
	part   []int       // of the axis, by slab
	all    uint64
	units  []addUnit
	nodes  []addNode // the units, then what is above them
	has    []bool    // unit*width+slab: is a cell
	u      []float64 // of each, 0 where there is none
	own    []float64 // a cell's area
	lambda float64
	cum    []float64 // (units+1)*(width+1): sum of u before unit and slab
	cells  []int32   // the places of the cells in has
	at     []int32   // of each unit's first in cells
	cover  []int32   // of each cell: how often it is covered
	marks  []int32   // (units+1)*(width+1): corners of rules
	way    []float64
	scaleL float64
	scale  []float64 // how far a multiplier may go: what it has beyond its cell's area
	core   []addRule
}

// addUnit is a run of leaves that is looked at as one: a leaf, or, in a first
// look at a large problem, all that lies under some node.
type addUnit struct{ first, end int }

// addNode is a unit or a node above units.
type addNode struct {
	block
	first, end int
	size       float64
	exact      uint64 // the same; 0: too large
}

// addRule is a rule with its area.
type addRule struct {
	node, p, q int32
	area       float64
}

// maxAdditive is the most units times slabs.
const maxAdditive = 4_000_000

// newAdditive looks at all under a node as one where it has at most grain cells.
// It gives nil where the problem is too large.
func newAdditive[T num[T]](im *improver[T], k, grain int) *additive {
	in := im.in
	tree := newTree(len(im.leaves), func(i int) key { return im.leaves[i].at })
	a := &additive{k: k, width: len(in.slabs), all: in.w.cols(netset.AllColumns())}
	for i := range in.slabs {
		c := in.slabs[i].cols
		a.ends = append(a.ends, [2]uint64{in.w.below(c.First), in.w.below(c.Last + 1)})
		p := 0
		for !axis[p].Contains(c) {
			p++
		}
		if in.slabs[i].other() {
			p += int(c.First)
		}
		a.part = append(a.part, p)
	}
	unit := a.cut(tree, im.start, grain)
	n := len(a.units)
	if n*a.width > maxAdditive || k < 1 {
		return nil
	}
	for i, u := range a.units {
		b := im.leaves[u.first]
		if u.end > u.first+1 {
			length := b.at.common(im.leaves[u.end-1].at)
			b = block{b.at.masked(length), uint8(length)}
		}
		a.node(in.w, b, i, i+1)
	}
	for i := range tree.nodes {
		t := &tree.nodes[i]
		if b := (block{im.leaves[t.first].at.masked(int(t.bits)), t.bits}); unit[t.first] != unit[t.last] && in.w.pure(b) {
			a.node(in.w, b, unit[t.first], unit[t.last]+1) // no rule spans zones
		}
	}
	a.fill(in.w, im.leaves, im.start, im.slab)
	return a
}

// cut makes the units and tells which one each leaf is in.
func (a *additive) cut(tree lcpTree, start []int32, grain int) []int {
	unit := make([]int, len(start)-1)
	for i := range unit {
		unit[i] = -1
	}
	for v := len(tree.nodes) - 1; v >= 0; v-- { // parents before children
		t := &tree.nodes[v]
		if int(start[t.last+1]-start[t.first]) <= grain && unit[t.first] < 0 {
			for i := t.first; i <= t.last; i++ {
				unit[i] = int(t.first)
			}
		}
	}
	for i := range unit {
		if n := len(a.units); unit[i] >= 0 && unit[i] < i {
			a.units[n-1].end = i + 1
		} else {
			a.units = append(a.units, addUnit{i, i + 1})
		}
		unit[i] = len(a.units) - 1
	}
	return unit
}

func (a *additive) node(w *weighing, b block, first, end int) {
	n := addNode{block: b, first: first, end: end}
	n.size = math.Ldexp(float64(w.weight(b)), w.width-int(b.bits))
	if n.size < 1<<62 {
		n.exact = w.weight(b) << (w.width - int(b.bits))
	}
	a.nodes = append(a.nodes, n)
}

// fill makes the cells: what each unit needs of each slab.
func (a *additive) fill(w *weighing, leaves []block, start, slab []int32) {
	n, m := len(a.units), a.width
	a.has, a.own, a.u = make([]bool, n*m), make([]float64, n*m), make([]float64, n*m)
	a.way, a.scale = make([]float64, n*m), make([]float64, n*m)
	a.cum = make([]float64, (n+1)*(m+1))
	for i, u := range a.units {
		a.at = append(a.at, int32(len(a.cells)))
		for l := u.first; l < u.end; l++ {
			size := math.Ldexp(float64(w.weight(leaves[l])), w.width-int(leaves[l].bits))
			for c := start[l]; c < start[l+1]; c++ {
				s := int(slab[c])
				a.has[i*m+s] = true
				a.own[i*m+s] += size * float64(a.ends[s][1]-a.ends[s][0])
			}
		}
		for s := range m {
			if a.has[i*m+s] {
				a.cells = append(a.cells, int32(i*m+s))
			}
		}
	}
	a.at = append(a.at, int32(len(a.cells)))
	a.cover = make([]int32, len(a.cells))
	a.marks = make([]int32, len(a.cum))
}

// span gives the units that a rule holds whole.
func (a *additive) span(b block) (first, end int) {
	first, _ = slices.BinarySearchFunc(a.nodes[:len(a.units)], b, func(n addNode, b block) int { return n.compare(b) })
	for end = first; end < len(a.units) && b.contains(a.nodes[end].block); end++ {
	}
	return first, end
}

// start sets multipliers from a cover: each rule's cells share its excess and
// lambda, of which the share is taken that gives the best bound.
func (a *additive) start(rules []addArea, lambda float64) {
	over, part := make([]float64, len(a.u)), make([]float64, len(a.u))
	for _, r := range rules {
		first, end := a.span(r.block)
		rest, n := r.area, 0
		inside := func(do func(c int32)) {
			for x := a.at[first]; x < a.at[max(first, end)]; x++ {
				if s := int(a.cells[x]) % a.width; s >= r.p && s <= r.q {
					do(a.cells[x])
				}
			}
		}
		inside(func(c int32) {
			rest -= a.own[c]
			if part[c] == 0 {
				n++
			}
		})
		inside(func(c int32) {
			if part[c] == 0 {
				over[c], part[c] = max(0, rest)/float64(n), 1/float64(n)
			}
		})
	}
	set := func(share, l float64) {
		a.lambda = l
		for _, c := range a.cells {
			a.u[c] = a.own[c] + share*(over[c]+l*part[c])
		}
	}
	best, bestShare, bestLambda := math.Inf(-1), 0.0, 0.0
	for _, f := range []float64{0, 0.1, 0.25, 0.5, 1, 2} {
		for share := 1.0; share > 0.02; share *= 0.6 {
			set(share, lambda*f)
			if v := a.price(); v > best {
				best, bestShare, bestLambda = v, share, lambda*f
			}
		}
	}
	set(bestShare, bestLambda)
	for _, c := range a.cells {
		a.scale[c] = over[c] + lambda*part[c] + 0.01*a.own[c]
	}
	a.scaleL = max(1, lambda)
}

// addArea is a rule of a cover, with the slabs that it opens.
type addArea struct {
	block
	p, q int
	area float64
}

// refine takes over the multipliers of a coarser look: what a coarse cell has
// beyond its area is shared by its cells.
func (a *additive) refine(from *additive) {
	a.lambda, a.scaleL = from.lambda, from.scaleL
	unit := 0
	for i, n := range from.nodes[:len(from.units)] {
		first := unit
		for unit < len(a.units) && n.contains(a.nodes[unit].block) {
			unit++
		}
		for s := range a.width {
			cells := 0
			for j := first; j < unit; j++ {
				if a.has[j*a.width+s] {
					cells++
				}
			}
			more := from.u[i*a.width+s] - from.own[i*a.width+s]
			for j := first; j < unit; j++ {
				if c := j*a.width + s; a.has[c] {
					a.u[c] = max(0, a.own[c]+more/float64(cells))
					a.scale[c] = max(more/float64(cells), 0.01*a.own[c])
				}
			}
		}
	}
}
