package optimize

import (
	"slices"

	"github.com/flowcover/flowcover/topology/netset"
)

// segmentProgram cuts by address where columnProgram cuts by column: each node
// of the LCP tree either leaves its needs to its children, or covers all of them
// on its own prefix by a few intervals of columns, the best for that number. Its
// rules never overlap. It suits subnets that each serve many ports.
type segmentProgram[T num[T]] struct {
	in     *instance[T]
	leaves []block
	tree   lcpTree
	leaf   []needs[T]
	node   []needs[T]
	open   map[netset.Columns]*openSums[T]
	multi  bool
}

// needs is what is needed under a node.
type needs[T num[T]] struct {
	slabs []int32
	sizes []T // how much of each
	table []T // index k: at most k rules
}

// maxSegments is the most leaves times slabs.
const maxSegments = 3_000_000

// newSegmentProgram gives nil where the problem is too large for it, or where a
// cap splits leaves.
func newSegmentProgram[T num[T]](in *instance[T]) *segmentProgram[T] {
	im := &improver[T]{in: in}
	im.cells()
	if len(im.leaves)*len(in.slabs) > maxSegments {
		return nil
	}
	g := &segmentProgram[T]{in: in, leaves: im.leaves, open: map[netset.Columns]*openSums[T]{}}
	g.multi = in.slabs[0].cols.First.Protocol() != in.slabs[len(in.slabs)-1].cols.Last.Protocol()
	g.tree = newTree(len(g.leaves), func(i int) key { return g.leaves[i].at })
	for i, b := range g.leaves {
		if int(b.bits) < in.MaxPrefix {
			return nil
		}
		n := needs[T]{slabs: im.slab[im.start[i]:im.start[i+1]]}
		for _, s := range n.slabs {
			n.sizes = append(n.sizes, in.size(b, in.w.cols(in.slabs[s].cols)))
		}
		n.table = g.best(b, &n, nil)
		g.leaf = append(g.leaf, n)
	}
	g.node = make([]needs[T], len(g.tree.nodes))
	for v := range g.tree.nodes {
		t := &g.tree.nodes[v]
		l, r := g.of(t.left), g.of(t.right)
		n := sumNeeds(l, r)
		joined := slices.Repeat([]T{in.kind.inf}, min(in.limit+1, len(l.table)+len(r.table)-1))
		in.kind.merge(joined, l.table, r.table)
		n.table = g.best(g.block(int32(v)), &n, joined)
		g.node[v] = n
	}
	return g
}

func (g *segmentProgram[T]) of(c int32) *needs[T] {
	if c < 0 {
		return &g.leaf[^c]
	}
	return &g.node[c]
}

func (g *segmentProgram[T]) block(c int32) block {
	if c < 0 {
		return g.leaves[^c]
	}
	n := &g.tree.nodes[c]
	return block{g.leaves[n.first].at.masked(int(n.bits)), n.bits}
}

func sumNeeds[T num[T]](l, r *needs[T]) needs[T] {
	var n needs[T]
	for i, j := 0, 0; i < len(l.slabs) || j < len(r.slabs); {
		switch {
		case j == len(r.slabs) || i < len(l.slabs) && l.slabs[i] < r.slabs[j]:
			n.slabs, n.sizes = append(n.slabs, l.slabs[i]), append(n.sizes, l.sizes[i])
			i++
		case i == len(l.slabs) || r.slabs[j] < l.slabs[i]:
			n.slabs, n.sizes = append(n.slabs, r.slabs[j]), append(n.sizes, r.sizes[j])
			j++
		default:
			n.slabs, n.sizes = append(n.slabs, l.slabs[i]), append(n.sizes, l.sizes[i].add(r.sizes[j]))
			i++
			j++
		}
	}
	return n
}

// best lowers what the children's tables give by intervals on the block itself.
func (g *segmentProgram[T]) best(b block, n *needs[T], joined []T) []T {
	own, _ := g.segments(b, n)
	out := joined
	for len(out) < len(own) {
		last := g.in.kind.inf
		if len(out) > 0 {
			last = out[len(out)-1]
		}
		out = append(out, last)
	}
	for k, c := range own {
		if c.less(out[k]) {
			out[k] = c
		}
	}
	for k := 1; k < len(out); k++ {
		if out[k-1].less(out[k]) {
			out[k] = out[k-1]
		}
	}
	for k := len(out); k > 1 && !out[k-1].less(out[k-2]); k = len(out) {
		out = out[:k-1]
	}
	return out
}

// segments gives the least cost of covering a block's needs by exactly k rules
// on it, and where the last of j intervals that cover the first i slabs begins.
func (g *segmentProgram[T]) segments(b block, n *needs[T]) (cost []T, from [][]int16) {
	m := len(n.slabs)
	inf := g.in.kind.inf
	most := min(m, g.in.limit)
	if int(b.bits) < g.in.MaxPrefix || !g.in.w.pure(b) {
		return []T{inf}, nil
	}
	price := g.prices(b, n)
	prev := slices.Repeat([]T{inf}, m+1)
	prev[0] = g.in.kind.of(0)
	cost = []T{inf}
	from = [][]int16{nil}
	for k := 1; k <= most; k++ {
		next, how := slices.Repeat([]T{inf}, m+1), make([]int16, m+1)
		for j := k; j <= m; j++ {
			for i := j - 1; i >= k-1; i-- {
				c := price(i, j-1)
				if c.infinite() {
					break
				}
				if prev[i].infinite() {
					continue
				}
				if c = c.add(prev[i]); c.less(next[j]) {
					next[j], how[j] = c, int16(i)
				}
			}
		}
		prev = next
		cost, from = append(cost, next[m]), append(from, how)
	}
	if g.multi && most > 0 {
		all := rule{block: b, cols: netset.AllColumns()}
		if c := g.cost(all, n.sizes); g.in.allowed(all) && c.less(cost[1]) {
			// from[1] stays: more intervals begin with it. from[0] says that one
			// rule is better for all traffic.
			cost[1], from[0] = c, []int16{1}
		}
	}
	return cost, from
}

// prices gives the cost of a rule on a block from one of its slabs to another,
// infinite from where it may not be.
func (g *segmentProgram[T]) prices(b block, n *needs[T]) func(i, j int) T {
	slabs := g.in.slabs
	// reach[j] is the first slab from which a rule may go to j.
	reach := make([]int, len(n.slabs))
	for j, s := range n.slabs {
		reach[j] = j
		if !g.in.allowed(rule{block: b, cols: slabs[s].cols}) || slabs[s].sealed() {
			reach[j] = j + 1
			continue
		}
		if j > 0 && reach[j-1] < j {
			cols := netset.Columns{First: slabs[n.slabs[j-1]].cols.First, Last: slabs[s].cols.Last}
			if cols.First.Protocol() == cols.Last.Protocol() && g.in.allowed(rule{block: b, cols: cols}) {
				reach[j] = reach[j-1]
			}
		}
	}
	sum := make([]T, len(n.slabs)+1)
	for i, x := range n.sizes {
		sum[i+1] = sum[i].add(x)
	}
	return func(i, j int) T {
		if i < reach[j] {
			return g.in.kind.inf
		}
		cols := netset.Columns{First: slabs[n.slabs[i]].cols.First, Last: slabs[n.slabs[j]].cols.Last}
		r := rule{block: b, cols: cols}
		return g.in.size(b, g.in.w.cols(cols)).sub(sum[j+1].sub(sum[i])).sub(g.openIn(cols).within(b)).add(g.in.newness(r))
	}
}

func (g *segmentProgram[T]) cost(r rule, sizes []T) T {
	c := g.in.size(r.block, g.in.w.cols(r.cols)).sub(g.openIn(r.cols).within(r.block)).add(g.in.newness(r))
	for _, x := range sizes {
		c = c.sub(x)
	}
	return c
}

func (g *segmentProgram[T]) openIn(cols netset.Columns) *openSums[T] {
	if len(g.in.pre) == 0 {
		return nil
	}
	o, ok := g.open[cols]
	if !ok {
		o = g.in.openIn(cols)
		g.open[cols] = o
	}
	return o
}

func (g *segmentProgram[T]) table() []T  { return g.of(g.tree.root).table }
func (g *segmentProgram[T]) exact() bool { return false }

func (g *segmentProgram[T]) rules(k int) []rule { return g.walk(nil, g.tree.root, k) }

func (g *segmentProgram[T]) walk(out []rule, c int32, k int) []rule {
	n := g.of(c)
	k = fewest(n.table, k)
	b := g.block(c)
	cost, from := g.segments(b, n)
	if k < len(cost) && !n.table[k].less(cost[k]) {
		return g.emit(out, b, n, k, from)
	}
	t := &g.tree.nodes[c]
	l, r := g.of(t.left), g.of(t.right)
	for i := 0; i <= k && i < len(l.table); i++ {
		if j := min(k-i, len(r.table)-1); !l.table[i].infinite() && !n.table[k].less(l.table[i].add(r.table[j])) {
			return g.walk(g.walk(out, t.left, i), t.right, j)
		}
	}
	return out
}

func (g *segmentProgram[T]) emit(out []rule, b block, n *needs[T], k int, from [][]int16) []rule {
	if k == 1 && from[0] != nil {
		return append(out, rule{block: b, cols: netset.AllColumns()})
	}
	for j := len(n.slabs); k > 0; k-- {
		i := int(from[k][j])
		out = append(out, rule{block: b, cols: netset.Columns{
			First: g.in.slabs[n.slabs[i]].cols.First, Last: g.in.slabs[n.slabs[j-1]].cols.Last}})
		j = i
	}
	return out
}

// both takes at each number of rules the better of two programs.
type both[T num[T]] struct {
	a, b program[T]
	tab  []T
	take []bool // b
}

func newBoth[T num[T]](inf T, a, b program[T]) *both[T] {
	x, y := a.table(), b.table()
	o := &both[T]{a: a, b: b}
	at := func(t []T, k int) T {
		if k < len(t) {
			return t[k]
		}
		return inf
	}
	for k := range max(len(x), len(y)) {
		p, q := at(x, k), at(y, k)
		o.take = append(o.take, q.less(p))
		if q.less(p) {
			p = q
		}
		o.tab = append(o.tab, p)
	}
	return o
}

func (o *both[T]) table() []T  { return o.tab }
func (o *both[T]) exact() bool { return o.a.exact() || o.b.exact() }

func (o *both[T]) rules(k int) []rule {
	if o.take[k] {
		return o.b.rules(k)
	}
	return o.a.rules(k)
}
