package optimize

import (
	"context"
	"math/rand/v2"
	"slices"

	"github.com/flowcover/flowcover/topology/netset"
)

// improver makes a cover better by taking out some of its rules and solving
// exactly what they leave bare, again and again (large neighbourhood search).
// It evaluates the true union, never a sum of areas, and only ever goes down.
type improver[T num[T]] struct {
	in     *instance[T]
	leaves []block
	start  []int32 // of each leaf's cells; len(leaves)+1
	slab   []int32 // of each cell
	count  []int32 // how many rules open the cell
	slack  int     // rules that may be added
	rules  []rule
	work   float64 // inner steps that are left
	step   float64 // the most of one exact repair
	cost   T
}

// newImprover gives nil where a rule does not hold whole leaves: where caps
// split one, there is no more to find by this way.
func newImprover[T num[T]](in *instance[T], rules []rule, slack int, work float64) *improver[T] {
	im := &improver[T]{in: in, rules: slices.Clone(rules), slack: slack, work: work, step: max(3e7, work/5)}
	im.cells()
	im.count = make([]int32, len(im.slab))
	for _, r := range rules {
		if !im.whole(r) {
			return nil
		}
		im.each(r, func(c int32) { im.count[c]++ })
	}
	if slices.Contains(im.count, 0) {
		return nil
	}
	im.cost = im.costOf(in, rules)
	return im
}

// cells cuts the slabs' blocks into leaves and lists what each leaf needs.
func (im *improver[T]) cells() {
	slabs := im.in.slabs
	type need struct {
		block
		slab int32
	}
	var all []need
	cuts := cutsOf(slabs)
	for i, s := range slabs {
		for _, b := range s.blocks {
			for _, piece := range cuts.split(b) {
				all = append(all, need{piece, int32(i)})
			}
		}
	}
	slices.SortFunc(all, func(a, b need) int {
		if c := a.compare(b.block); c != 0 {
			return c
		}
		return int(a.slab) - int(b.slab)
	})
	for i, n := range all {
		if i == 0 || n.block != all[i-1].block {
			im.leaves = append(im.leaves, n.block)
			im.start = append(im.start, int32(i))
		}
		im.slab = append(im.slab, n.slab)
	}
	im.start = append(im.start, int32(len(all)))
}

// cuts says where blocks must be cut so that those of all slabs are equal or apart.
type cuts struct{ inner []block }

func cutsOf(slabs []slab) cuts {
	var all []block
	for _, s := range slabs {
		all = append(all, s.blocks...)
	}
	sortBlocks(all)
	return cuts{slices.Compact(all)}
}

func (c cuts) split(b block) []block {
	i, _ := slices.BinarySearchFunc(c.inner, b, block.compare)
	for i < len(c.inner) && c.inner[i] == b {
		i++
	}
	if i == len(c.inner) || !b.contains(c.inner[i]) {
		return []block{b}
	}
	l, r := b.halves()
	return append(c.split(l), c.split(r)...)
}

// span gives the leaves that a block holds.
func (im *improver[T]) span(b block) (first, end int) {
	first, _ = slices.BinarySearchFunc(im.leaves, b, block.compare)
	end, _ = slices.BinarySearchFunc(im.leaves, b.at.last(int(b.bits)), func(x block, k key) int {
		if x.at.compare(k) <= 0 {
			return -1
		}
		return 1
	})
	return first, end
}

// whole says whether a rule cuts no leaf and no slab.
func (im *improver[T]) whole(r rule) bool {
	first, end := im.span(r.block)
	if first >= end {
		return false
	}
	for _, s := range im.in.slabs {
		if s.cols.Overlaps(r.cols) && !r.cols.Contains(s.cols) {
			return false
		}
	}
	return true
}

// slabs gives the slabs that a rule opens.
func (im *improver[T]) slabs(c netset.Columns) (first, end int) {
	s := im.in.slabs
	first, _ = slices.BinarySearchFunc(s, c.First, func(s slab, c netset.Column) int { return int(s.cols.First) - int(c) })
	for end = first; end < len(s) && s[end].cols.Last <= c.Last; end++ {
	}
	return first, end
}

// each calls do with every cell that a rule opens.
func (im *improver[T]) each(r rule, do func(cell int32)) {
	first, end := im.span(r.block)
	from, to := im.slabs(r.cols)
	for i := first; i < end; i++ {
		for c := im.start[i]; c < im.start[i+1]; c++ {
			if s := int(im.slab[c]); s >= from && s < to {
				do(c)
			}
		}
	}
}

// repair takes out the rules at the given places and puts the best in their stead.
func (im *improver[T]) repair(ctx context.Context, out []int) (bool, error) {
	if len(out) == 0 || im.work < 0 {
		return false, nil
	}
	var rest, gone []rule
	for i, r := range im.rules {
		if slices.Contains(out, i) {
			gone = append(gone, r)
		} else {
			rest = append(rest, r)
		}
	}
	sub := im.bare(gone)
	sub.limit = len(gone) + im.slack
	if len(sub.slabs) == 0 {
		im.take(rest, gone, nil)
		return true, nil
	}
	e := newExactProgram(sub)
	if e == nil {
		return false, nil
	}
	steps, entries := e.work()
	im.work -= 3e5 + float64(200*len(e.leaves)) // looking costs something too
	if steps > im.step {
		return false, nil
	}
	im.work -= steps
	sub.pre = im.open(rest)
	before := im.costOf(sub, gone)
	e.prepare(entries, exactRoom)
	if err := e.run(ctx); err != nil {
		return false, err
	}
	table := e.table()
	best := len(table) - 1
	if !table[best].less(before) {
		return false, nil
	}
	for best > 0 && !table[best].less(table[best-1]) {
		best--
	}
	im.cost = im.cost.add(table[best]).sub(before)
	im.take(rest, gone, e.rules(best))
	return true, nil
}

// take replaces the rules.
func (im *improver[T]) take(rest, gone, put []rule) {
	for _, r := range gone {
		im.each(r, func(c int32) { im.count[c]-- })
	}
	for _, r := range put {
		im.each(r, func(c int32) { im.count[c]++ })
	}
	im.slack += len(gone) - len(put)
	im.rules = append(rest, put...)
}

// bare makes the instance of the cells that only the given rules open.
func (im *improver[T]) bare(gone []rule) *instance[T] {
	for _, r := range gone {
		im.each(r, func(c int32) { im.count[c]-- })
	}
	blocks := make([][]block, len(im.in.slabs))
	seen := map[int32]bool{}
	for _, r := range gone {
		first, end := im.span(r.block)
		for i := first; i < end; i++ {
			if seen[int32(i)] {
				continue
			}
			seen[int32(i)] = true
			for c := im.start[i]; c < im.start[i+1]; c++ {
				if im.count[c] == 0 {
					blocks[im.slab[c]] = append(blocks[im.slab[c]], im.leaves[i])
				}
			}
		}
	}
	for _, r := range gone {
		im.each(r, func(c int32) { im.count[c]++ })
	}
	sub := *im.in
	sub.slabs, sub.loose = nil, true
	for i, bs := range blocks {
		if len(bs) > 0 {
			sub.slabs = append(sub.slabs, slab{im.in.slabs[i].cols, im.in.w.cut(normal(bs))})
		}
	}
	return &sub
}

// open lists, disjoint, what is open when only some rules stand.
func (im *improver[T]) open(rest []rule) []rule {
	bs := make([]netset.Block, 0, len(rest)+len(im.in.pre))
	for _, r := range rest {
		bs = append(bs, r.netset(im.in.V6))
	}
	for _, r := range im.in.pre {
		bs = append(bs, r.netset(im.in.V6))
	}
	return im.in.openRules(netset.Of(bs...))
}

// costOf is what the rules taken out cost on top of what is open without them.
func (im *improver[T]) costOf(sub *instance[T], gone []rule) T {
	cost := im.in.kind.of(0)
	bs := make([]netset.Block, 0, len(gone))
	for _, r := range gone {
		cost = cost.add(im.in.newness(r))
		bs = append(bs, r.netset(im.in.V6))
	}
	open := make([]netset.Block, 0, len(sub.pre))
	for _, r := range sub.pre {
		open = append(open, r.netset(im.in.V6))
	}
	opened := im.in.w.of(netset.Of(bs...).Subtract(netset.Of(open...)), im.in.V6)
	cost = cost.add(im.in.kind.ofBig(opened).shl(im.in.shift))
	for _, s := range sub.slabs {
		w := im.in.w.cols(s.cols)
		for _, b := range s.blocks {
			cost = cost.sub(im.in.size(b, w))
		}
	}
	return cost
}

// run goes down to where no neighbourhood helps, and from there, as long as the
// work lasts, merges some rules at random and goes down again.
func (im *improver[T]) run(ctx context.Context) error {
	r := rand.New(rand.NewPCG(1, 2))
	if err := im.descend(ctx, r); err != nil {
		return err
	}
	for fails := 0; im.work > shakeWork && fails < maxFails && len(im.rules) > 2; {
		best, counts, cost, slack := slices.Clone(im.rules), slices.Clone(im.count), im.cost, im.slack
		im.shake(r)
		err := im.descend(ctx, r)
		if im.cost.less(cost) {
			fails = 0
		} else {
			im.rules, im.count, im.cost, im.slack = best, counts, cost, slack
			fails++
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// shakeWork is the work that must be left for a shake to be tried.
const shakeWork = 2e8

// maxFails is after how many shakes that led to nothing the search ends.
const maxFails = 12

// descend tries neighbourhoods until none helps or the work is done: all budgets
// shared out anew, runs of neighbouring slabs, then what lies under one prefix,
// then rules close by.
func (im *improver[T]) descend(ctx context.Context, r *rand.Rand) error {
	im.trim()
	defer im.trim()
	for round := 0; im.work > 0; round++ {
		better, err := im.balance(ctx, round)
		if err != nil {
			return err
		}
		better = im.trim() || better
		var tries [][]int
		for _, width := range []int{4, 6, 8, 3} {
			for i := 0; i+width <= max(width, len(im.in.slabs)); i += max(1, width/3) {
				tries = append(tries, []int{i, i + width})
			}
		}
		for _, t := range tries {
			ok, err := im.repair(ctx, im.inWindow(t[0], t[1]))
			if err != nil {
				return err
			}
			better = better || ok
		}
		for i := 0; i < len(im.rules); i++ {
			ok, err := im.repair(ctx, im.under(i, 1<<r.IntN(4)))
			if err != nil {
				return err
			}
			better = better || ok
		}
		for range len(im.rules) {
			ok, err := im.repair(ctx, im.near(r))
			if err != nil {
				return err
			}
			better = better || ok
		}
		if !better {
			return nil
		}
	}
	return nil
}

// shake merges about a fifth of the rules with the one next to them.
func (im *improver[T]) shake(r *rand.Rand) {
	for range max(1, len(im.rules)/5) {
		pair := im.near(r)
		if len(pair) < 2 {
			return
		}
		a, b := im.rules[pair[0]], im.rules[pair[1]]
		n := min(int(a.bits), int(b.bits), a.at.common(b.at))
		both := rule{block: block{a.at.masked(n), uint8(n)}, cols: netset.Columns{
			First: min(a.cols.First, b.cols.First), Last: max(a.cols.Last, b.cols.Last)}}
		if both.cols.First.Protocol() != both.cols.Last.Protocol() || !im.in.admissible(both) {
			continue
		}
		var rest, gone []rule
		for _, x := range im.rules {
			if both.contains(x.block) && both.cols.Contains(x.cols) {
				gone = append(gone, x)
			} else {
				rest = append(rest, x)
			}
		}
		im.take(rest, gone, []rule{both})
	}
	im.cost = im.costOf(im.in, im.rules)
}

// inWindow lists the rules whose columns lie in a run of slabs.
func (im *improver[T]) inWindow(first, end int) []int {
	var out []int
	for i, r := range im.rules {
		if a, b := im.slabs(r.cols); a >= first && b <= end {
			out = append(out, i)
		}
	}
	return out
}

// under lists the rules in the prefix some bits above a rule.
func (im *improver[T]) under(i, up int) []int {
	if i >= len(im.rules) {
		return nil
	}
	n := max(0, int(im.rules[i].bits)-up)
	b := block{im.rules[i].at.masked(n), uint8(n)}
	var out []int
	for j, r := range im.rules {
		if b.contains(r.block) {
			out = append(out, j)
		}
	}
	if len(out) < 2 {
		return nil
	}
	return out
}

// near draws a rule and some of those nearest to it, by address or by columns.
func (im *improver[T]) near(r *rand.Rand) []int {
	n := len(im.rules)
	at, size, byCols := r.IntN(n), 2+r.IntN(6), r.IntN(2) == 0
	from := im.rules[at]
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	far := func(i int) (int, int) {
		x := im.rules[i]
		addr := 128 - from.at.common(x.at)
		cols := max(0, int(x.cols.First)-int(from.cols.Last), int(from.cols.First)-int(x.cols.Last))
		if byCols {
			return cols, addr
		}
		return addr, cols
	}
	slices.SortStableFunc(order, func(a, b int) int {
		if a == at || b == at {
			return map[bool]int{true: -1, false: 1}[a == at]
		}
		a1, a2 := far(a)
		b1, b2 := far(b)
		if a1 != b1 {
			return a1 - b1
		}
		return a2 - b2
	})
	return order[:min(n, size)]
}
