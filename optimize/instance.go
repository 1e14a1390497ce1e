package optimize

import (
	"slices"

	"github.com/flowcover/flowcover/topology/netset"
)

// slab: the addresses that need every column of an interval. Slabs are disjoint
// in columns, sorted, and cross no part of the axis.
type slab struct {
	cols   netset.Columns
	blocks []block // sorted, disjoint, each in one zone
}

// rule is a CIDR rule inside the programs.
type rule struct {
	block
	cols netset.Columns
	deny bool
}

func (r rule) netset(v6 bool) netset.Block {
	return netset.Block{Prefix: r.prefix(v6), Columns: r.cols}
}

// instance is a Problem with some traffic already open (pinned rules and
// references), made ready for the programs.
type instance[T num[T]] struct {
	*Problem
	w     *weighing
	kind  kind[T]
	shift uint // costs are excess<<shift plus one for each rule that does not stand today
	limit int  // the most rules to look at
	slabs []slab
	pre   []rule // open already; disjoint
	cur   map[rule]bool
	loose bool // a part of a search: leaves need not be cut to be exact
}

// slabsOf gives what is approved and not yet open.
func slabsOf(p *Problem, w *weighing, pre *netset.Set) []slab {
	out := groups(p.Approved)
	for i := range out {
		out[i].blocks = normal(out[i].blocks)
	}
	if !pre.IsEmpty() || overlapping(out) {
		out = cutSlabs(out, pre, p.V6)
	}
	out = fuse(out)
	for i := range out {
		out[i].blocks = w.cut(out[i].blocks)
	}
	return out
}

// groups lists, for each interval of columns in the cells, the prefixes there.
func groups(cells []Cell) []slab {
	counts := map[netset.Columns]int{}
	for i := 0; i < len(cells); {
		from, cols := i, cells[i].Columns
		for i < len(cells) && cells[i].Columns == cols {
			i++
		}
		counts[cols] += i - from
	}
	var out []slab
	index := map[netset.Columns][]int{} // a cell's columns to slabs
	for cols, n := range counts {
		for _, part := range byProtocol(cols) {
			i := slices.IndexFunc(out, func(s slab) bool { return s.cols == part })
			if i < 0 {
				i, out = len(out), append(out, slab{part, make([]block, 0, n)})
			}
			index[cols] = append(index[cols], i)
		}
	}
	var at []int
	for i := range cells {
		if i == 0 || cells[i].Columns != cells[i-1].Columns {
			at = index[cells[i].Columns]
		}
		for _, n := range at {
			out[n].blocks = append(out[n].blocks, blockOf(cells[i].Prefix))
		}
	}
	slices.SortFunc(out, func(a, b slab) int { return a.cols.Compare(b.cols) })
	return out
}

// axis holds the parts of the column axis in which an interval can be one rule,
// and last the protocols without ports or types, each a column of its own.
var axis = [...]netset.Columns{
	netset.ProtocolColumns(netset.TCP), netset.ProtocolColumns(netset.UDP),
	netset.ProtocolColumns(netset.ICMP), netset.ProtocolColumns(netset.ICMPv6),
	{First: netset.ProtocolColumns(netset.ICMPv6).Last + 1, Last: netset.NumColumns - 1},
}

// byProtocol cuts an interval at the borders of the axis's parts.
func byProtocol(c netset.Columns) []netset.Columns {
	var out []netset.Columns
	for _, part := range axis {
		if part.Overlaps(c) {
			out = append(out, netset.Columns{First: max(c.First, part.First), Last: min(c.Last, part.Last)})
		}
	}
	return out
}

// samePart says whether both columns lie in one part of the axis.
func samePart(a, b netset.Column) bool {
	for _, part := range axis {
		if a <= part.Last {
			return part.First <= b && b <= part.Last
		}
	}
	return false
}

// other says whether the slab lies among the protocols without ports or types.
func (s slab) other() bool { return s.cols.First >= axis[len(axis)-1].First }

// sealed says whether only a rule for all traffic can open the slab.
func (s slab) sealed() bool { return s.cols.First.Protocol() != s.cols.Last.Protocol() }

// seal splits runs of protocols without ports, which take a rule each. Where the
// same addresses need more of them than there may be rules, only a rule for all
// traffic can be meant, and the run stays one slab.
func seal(slabs []slab, limit int) []slab {
	if !slices.ContainsFunc(slabs, slab.sealed) {
		return slabs
	}
	var out []slab
	for _, s := range slabs {
		n := 0
		for _, o := range slabs {
			if o.other() && slices.Equal(o.blocks, s.blocks) {
				n += o.cols.Len()
			}
		}
		if !s.sealed() || n > limit {
			out = append(out, s)
			continue
		}
		for c := s.cols.First; c <= s.cols.Last; c++ {
			out = append(out, slab{netset.Columns{First: c, Last: c}, s.blocks})
		}
	}
	return out
}

func overlapping(s []slab) bool {
	for i := 1; i < len(s); i++ {
		if s[i].cols.First <= s[i-1].cols.Last {
			return true
		}
	}
	return false
}

// cutSlabs makes overlapping slabs disjoint in columns and takes out what is open.
func cutSlabs(s []slab, pre *netset.Set, v6 bool) []slab {
	var bs []netset.Block
	for _, sl := range s {
		for _, b := range sl.blocks {
			bs = append(bs, netset.Block{Prefix: b.prefix(v6), Columns: sl.cols})
		}
	}
	var out []slab
	for _, b := range netset.Of(bs...).Subtract(pre).Blocks() {
		for _, cols := range byProtocol(b.Columns) {
			i, found := slices.BinarySearchFunc(out, cols, func(s slab, c netset.Columns) int { return s.cols.Compare(c) })
			if !found {
				out = slices.Insert(out, i, slab{cols: cols})
			}
			out[i].blocks = append(out[i].blocks, blockOf(b.Prefix))
		}
	}
	for i := range out {
		out[i].blocks = normal(out[i].blocks)
	}
	return out
}

// fuse joins touching slabs of one protocol that need the same addresses.
func fuse(s []slab) []slab {
	var out []slab
	for _, sl := range s {
		if n := len(out); n > 0 && out[n-1].cols.Last+1 == sl.cols.First &&
			samePart(out[n-1].cols.Last, sl.cols.First) && slices.Equal(out[n-1].blocks, sl.blocks) {
			out[n-1].cols.Last = sl.cols.Last
			continue
		}
		out = append(out, sl)
	}
	return out
}

// admissible says whether a rule may be proposed, zones and caps included.
func (in *instance[T]) admissible(r rule) bool {
	return int(r.bits) >= in.MaxPrefix && in.w.pure(r.block) && in.allowed(r)
}

// allowed says whether nothing that a rule opens is forbidden.
func (in *instance[T]) allowed(r rule) bool {
	if in.Open == nil && in.Forbidden == nil {
		return true
	}
	b := r.netset(in.V6)
	return (in.Open == nil || in.Open.ContainsBlock(b)) && (in.Forbidden == nil || !in.Forbidden.OverlapsBlock(b))
}

// unit is the cost of opening one address of a block on columns of some weight.
func (in *instance[T]) unit(b block, cols uint64) T {
	return in.kind.of(cols).mul(in.w.weight(b)).shl(in.shift)
}

// size is the cost of opening a whole block, which must lie in one zone.
func (in *instance[T]) size(b block, cols uint64) T {
	return in.unit(b, cols).shl(uint(in.w.width) - uint(b.bits))
}

// newness is what a rule costs for not standing today.
func (in *instance[T]) newness(r rule) T {
	if in.cur[r] {
		return in.kind.of(0)
	}
	return in.kind.of(1)
}

// window is the prefix program for rules on one interval of columns, over the
// needs of the slabs inside it.
func (in *instance[T]) window(slabs []slab, cols netset.Columns) *prefixProgram[T] {
	leaves := slabs[0].blocks
	if len(slabs) > 1 {
		leaves = nil
		for _, s := range slabs {
			leaves = append(leaves, s.blocks...)
		}
		leaves = in.w.cut(normal(leaves))
	}
	weight := in.w.cols(cols)
	sums := in.needSums(slabs, leaves)
	open := in.openIn(cols)
	p := &prefixProgram[T]{kind: in.kind, limit: in.limit, leaves: leaves, price: in.leafPrices(leaves)}
	whole := len(slabs) == 1 && slabs[0].cols == cols
	p.leafCost = func(i int) T {
		r := rule{block: leaves[i], cols: cols}
		if !whole && !in.allowed(r) {
			return in.kind.inf
		}
		own := in.newness(r)
		if p.price != nil && p.price[i] > 1 {
			own = in.kind.of(uint64(p.price[i]))
		}
		return in.size(r.block, weight).sub(sums[i+1].sub(sums[i])).sub(open.within(r.block)).add(own)
	}
	shut := &shut{}
	if in.Open != nil || in.Forbidden != nil || len(in.w.zones) > 0 {
		shut.at = make([]bool, len(leaves))
	}
	p.nodeCost = func(b block, first, last int) T {
		r := rule{block: b, cols: cols}
		if shut.any(first, last) || !in.admissible(r) {
			shut.mark(first, last)
			return in.kind.inf
		}
		return in.size(b, weight).sub(sums[last+1].sub(sums[first])).sub(open.within(b)).add(in.newness(r))
	}
	return p
}

// leafPrices counts the rules that a leaf wider than the cap takes; nil: all 1.
func (in *instance[T]) leafPrices(leaves []block) []int32 {
	var out []int32
	for i, b := range leaves {
		if int(b.bits) >= in.MaxPrefix {
			continue
		}
		if out == nil {
			out = make([]int32, len(leaves))
			for j := range out {
				out[j] = 1
			}
		}
		out[i] = 1 << min(30, in.MaxPrefix-int(b.bits))
	}
	return out
}

// needSums gives the running sum over leaves of what their addresses need.
func (in *instance[T]) needSums(slabs []slab, leaves []block) []T {
	sums := make([]T, len(leaves)+1)
	for _, s := range slabs {
		weight := in.w.cols(s.cols)
		i := 0
		for _, b := range s.blocks {
			for !leaves[i].contains(b) {
				i++
			}
			sums[i+1] = sums[i+1].add(in.size(b, weight))
		}
	}
	for i := range leaves {
		sums[i+1] = sums[i+1].add(sums[i])
	}
	return sums
}

// shut remembers which nodes may not be a rule, since no node above one may. A
// node's children hold its first and its last leaf, and nodes come in post-order,
// so it is enough to mark the ends.
type shut struct{ at []bool }

func (s *shut) any(first, last int) bool { return s.at != nil && (s.at[first] || s.at[last]) }

func (s *shut) mark(first, last int) {
	if s.at != nil {
		s.at[first], s.at[last] = true, true
	}
}

// openRules lists what is open as disjoint rules of the problem's family.
func (in *instance[T]) openRules(s *netset.Set) []rule {
	var out []rule
	for _, b := range s.Blocks() {
		if b.Prefix.Addr().Is6() == in.V6 {
			out = append(out, rule{block: blockOf(b.Prefix), cols: b.Columns})
		}
	}
	return out
}

// openSums answers how much of a block is open already on some columns.
type openSums[T num[T]] struct {
	blocks []block // sorted
	sums   []T
	units  map[block]T // cost per address of the open parts on exactly this block
	depths []uint8
	width  int
}

func (in *instance[T]) openIn(cols netset.Columns) *openSums[T] {
	if len(in.pre) == 0 {
		return nil
	}
	o := &openSums[T]{units: map[block]T{}, width: in.w.width}
	for _, r := range in.pre {
		c := netset.Columns{First: max(r.cols.First, cols.First), Last: min(r.cols.Last, cols.Last)}
		if c.First > c.Last {
			continue
		}
		for _, b := range in.w.cut([]block{r.block}) {
			if _, ok := o.units[b]; !ok {
				o.blocks = append(o.blocks, b)
				o.depths = append(o.depths, b.bits)
			}
			o.units[b] = o.units[b].add(in.unit(b, in.w.cols(c)))
		}
	}
	slices.SortFunc(o.blocks, block.compare)
	slices.Sort(o.depths)
	o.depths = slices.Compact(o.depths)
	o.sums = make([]T, len(o.blocks)+1)
	for i, b := range o.blocks {
		o.sums[i+1] = o.sums[i].add(o.units[b].shl(uint(o.width) - uint(b.bits)))
	}
	return o
}

// within gives the open part of a block. The open parts are disjoint cells, but
// their prefixes may nest where columns differ.
func (o *openSums[T]) within(b block) T {
	var total T
	if o == nil {
		return total
	}
	from, _ := slices.BinarySearchFunc(o.blocks, b, block.compare)
	end, _ := slices.BinarySearchFunc(o.blocks, b.at.last(int(b.bits)), func(x block, k key) int {
		if x.at.compare(k) <= 0 {
			return -1
		}
		return 1
	})
	if end > from {
		total = o.sums[end].sub(o.sums[from])
	}
	for _, d := range o.depths {
		if d >= b.bits {
			break
		}
		if u, ok := o.units[block{b.at.masked(int(d)), d}]; ok {
			total = total.add(u.shl(uint(o.width) - uint(b.bits)))
		}
	}
	return total
}
