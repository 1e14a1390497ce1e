package optimize

import (
	"context"
	"math"
	"math/big"
	"slices"

	"github.com/flowcover/flowcover/topology/netset"
)

// fixed is a program of one known answer.
type fixed[T num[T]] struct{ list []rule }

func (f *fixed[T]) table() []T       { return nil }
func (f *fixed[T]) rules(int) []rule { return f.list }
func (f *fixed[T]) exact() bool      { return false }

// improve starts from the best known within K, and from today's rules, and
// makes both better. It is for problems that the exact program does not fit.
func (s *search[T]) improve(ctx context.Context) error {
	type start struct {
		refs  []int
		rules []rule
	}
	var starts []start
	if at := s.pick(s.K); at >= 0 && s.best[at].prog != nil {
		if _, lists := s.best[at].prog.(*denyProgram[T]); lists {
			return nil
		}
		starts = append(starts, start{s.best[at].refs, s.best[at].prog.rules(s.best[at].k)})
	}
	var standing []int
	for i, r := range s.refs {
		if s.curRef[refKey{r.Ref, r.Columns}] {
			standing = append(standing, i)
		}
	}
	starts = append(starts, start{standing, nil})
	for _, st := range starts {
		price := s.pinned
		for _, i := range st.refs {
			price += s.refs[i].Price
		}
		if price > s.K {
			continue
		}
		in, base := s.instance(st.refs, s.K-price)
		if len(in.slabs) == 0 {
			continue
		}
		if st.rules == nil {
			st.rules = in.standing()
		}
		im, err := s.improveFrom(ctx, in, st.rules, 0.2)
		if err != nil {
			return err
		}
		if im != nil {
			s.take(im, st.refs, price, base)
		}
	}
	return s.guided(ctx, 3)
}

// improveFrom makes some rules better with a part of the effort.
func (s *search[T]) improveFrom(ctx context.Context, in *instance[T], rules []rule, part float64) (*improver[T], error) {
	if len(rules) == 0 || len(rules) > in.limit {
		return nil, nil
	}
	im := newImprover(in, rules, in.limit-len(rules), effortWork*float64(s.options.Effort)*part)
	if im == nil {
		return nil, nil
	}
	err := im.run(ctx)
	im.sort()
	return im, err
}

// take keeps a cover if it is the best of its price.
func (s *search[T]) take(im *improver[T], refs []int, price int, base T) {
	cost := base.add(im.cost)
	if e := &s.best[price+len(im.rules)]; cost.less(e.cost) {
		*e = entry[T]{cost, refs, &fixed[T]{im.rules}, len(im.rules)}
	}
}

const (
	coarseCells = 1000 // units of the first look at a problem, about
	fineCells   = 60_000
	boundEffort = 20      // the effort from which more cells than that are bounded one by one
	coreEntries = 500_000 // table entries of the exact solution on a core, by unit of effort
)

// guided looks for the multipliers of the sum of areas, and solves the problem
// exactly on the rules that these find worth looking at: at every price, with
// the true union. It gives the best within K to the improver, and begins again
// from what that finds as long as it helps. From the last multipliers it bounds
// the sum of areas.
func (s *search[T]) guided(ctx context.Context, rounds int) error {
	for round := range rounds {
		at := s.pick(s.K)
		if at < 0 || s.best[at].prog == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		e := s.best[at]
		price := at - e.k
		in, base := s.instance(e.refs, s.K-price)
		im := newImprover(in, e.prog.rules(e.k), in.limit-e.k, 0)
		if im == nil {
			return nil
		}
		if w, ok := any(in).(*instance[word]); ok && s.unionBound == nil {
			s.lagrange(ctx, w, s.best[at].cost.big(), base.big())
		}
		a := newAdditive(im, in.limit, len(im.slab)/coarseCells)
		if a == nil {
			return nil
		}
		areas, sum := im.areas()
		a.start(areas, sum/float64(4*len(areas)))
		a.ascend(ctx, sum, firstStep, 6)
		s.onCore(ctx, im, a, e.refs, price, base)
		at = s.pick(s.K)
		e = s.best[at]
		next, err := s.improveFrom(ctx, in, e.prog.rules(e.k), 0.4)
		if err != nil {
			return err
		}
		if next != nil {
			s.take(next, e.refs, price, base)
		}
		better := s.best[s.pick(s.K)].cost.less(e.cost)
		if !better || round == rounds-1 {
			if len(in.pre) == 0 && in.kind.bits == wordBits {
				s.bound(ctx, im, a, sum)
			}
			return nil
		}
	}
	return nil
}

// lagrangeShare is the part of a unit of effort's work that one evaluation of
// the bound on the union may take: there are a dozen or two.
const lagrangeShare = 0.2

// lagrange bounds the excess itself where the states are few enough. A bound
// without references holds only where there are none to choose.
func (s *search[T]) lagrange(ctx context.Context, in *instance[word], cost, base *big.Int) {
	if len(s.refs) > 0 || s.Denies {
		return
	}
	e := newExactProgram(in)
	if e == nil || e.lagrangeWork() > lagrangeShare*effortWork*float64(s.options.Effort) {
		return
	}
	var none [32]float64
	e.prepare(none, 1)
	if e.coarse {
		return
	}
	upper := word(new(big.Int).Sub(cost, base).Int64())
	if b, ok := unionBound(ctx, e, in.limit, upper); ok {
		total := b.big()
		s.unionBound = total.Rsh(total.Add(total, base), in.shift)
	}
}

// areas lists the rules' areas and their sum.
func (im *improver[T]) areas() ([]addArea, float64) {
	var out []addArea
	sum := 0.0
	for _, r := range im.rules {
		area := math.Ldexp(float64(im.in.w.weight(r.block)), im.in.w.width-int(r.bits)) * float64(im.in.w.cols(r.cols))
		p, q := im.slabs(r.cols)
		out = append(out, addArea{r.block, p, q - 1, area})
		sum += area
	}
	return out, sum
}

// onCore solves exactly on more and more rules, until there is no room.
func (s *search[T]) onCore(ctx context.Context, im *improver[T], a *additive, refs []int, price int, base T) {
	near := a.worth(4000)
	for _, n := range []int{250, 1000, 4000} {
		if n > 200*s.options.Effort {
			n = 200 * s.options.Effort
		}
		core := slices.Clone(im.rules)
		for _, r := range near[:min(n, len(near))] {
			x := rule{block: a.nodes[r.node].block, cols: a.columns(im.in.slabs, r)}
			if im.in.admissible(x) && !slices.Contains(core, x) {
				core = append(core, x)
			}
		}
		p := newCoreProgram(ctx, im.in, core, im.cost, coreEntries*s.options.Effort)
		if p == nil {
			return
		}
		for k, c := range p.run() {
			if c.infinite() {
				continue
			}
			if e := &s.best[price+k]; base.add(c).less(e.cost) {
				*e = entry[T]{base.add(c), refs, p, k}
			}
		}
		if len(near) <= n || p.left < 0 || n == 200*s.options.Effort {
			return
		}
	}
}

// bound bounds the sum of areas, cell by cell.
func (s *search[T]) bound(ctx context.Context, im *improver[T], a *additive, sum float64) {
	if len(im.leaves)*len(im.in.slabs) > fineCells && s.options.Effort < boundEffort {
		return
	}
	fine := newAdditive(im, im.in.limit, 1)
	if fine == nil {
		return
	}
	fine.refine(a)
	fine.ascend(ctx, sum, refineStep, 1+s.options.Effort/boundEffort)
	if b := fine.bound(); s.areaBound == nil || b.Cmp(s.areaBound) > 0 {
		s.areaBound = b
	}
}

// standing gives today's rules, each cut down to what it is needed for; nil
// where they do not cover what is approved.
func (in *instance[T]) standing() []rule {
	im := &improver[T]{in: in}
	im.cells()
	var list []rule
	for r := range in.cur {
		if r.deny {
			return nil
		}
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b rule) int { return a.netset(in.V6).Compare(b.netset(in.V6)) })
	im.count = make([]int32, len(im.slab))
	var out []rule
	for _, r := range list {
		if !in.admissible(r) {
			continue
		}
		im.each(r, func(c int32) { im.count[c]++ })
		out = append(out, r)
	}
	if slices.Contains(im.count, 0) {
		return nil
	}
	return im.tighten(out)
}

// tighten drops rules that others make needless, the one that opens most first,
// and shrinks the rest to the cells that need them.
func (im *improver[T]) tighten(rules []rule) []rule {
	slices.SortStableFunc(rules, func(a, b rule) int {
		x, y := im.in.w.measure(a.block, im.in.w.cols(a.cols)), im.in.w.measure(b.block, im.in.w.cols(b.cols))
		return y.Cmp(x)
	})
	var out []rule
	for _, r := range rules {
		first, last, from, to := -1, 0, int32(0), int32(0)
		for i, end := im.span(r.block); i < end; i++ {
			im.eachOf(i, r, func(c int32) {
				if im.count[c] > 1 {
					return
				}
				if first < 0 {
					first, from, to = i, im.slab[c], im.slab[c]
				}
				last, from, to = i, min(from, im.slab[c]), max(to, im.slab[c])
			})
		}
		im.each(r, func(c int32) { im.count[c]-- })
		if first < 0 {
			continue
		}
		a, b := im.leaves[first], im.leaves[last]
		n := min(int(a.bits), a.at.common(b.at))
		small := rule{block: block{a.at.masked(n), uint8(n)}, cols: r.cols}
		if im.in.slabs[from].cols.First.Protocol() == im.in.slabs[to].cols.Last.Protocol() {
			small.cols.First, small.cols.Last = im.in.slabs[from].cols.First, im.in.slabs[to].cols.Last
		}
		im.each(small, func(c int32) { im.count[c]++ })
		out = append(out, small)
	}
	return out
}

// trim tightens the rules if that makes the cover better.
func (im *improver[T]) trim() bool {
	old, counts := slices.Clone(im.rules), slices.Clone(im.count)
	im.rules = im.tighten(im.rules)
	cost := im.costOf(im.in, im.rules)
	if !cost.less(im.cost) {
		im.rules, im.count = old, counts
		return false
	}
	im.slack += len(old) - len(im.rules)
	im.cost = cost
	return true
}

// eachOf calls do with the cells of one leaf that a rule's columns open.
func (im *improver[T]) eachOf(leaf int, r rule, do func(cell int32)) {
	from, to := im.slabs(r.cols)
	for c := im.start[leaf]; c < im.start[leaf+1]; c++ {
		if s := int(im.slab[c]); s >= from && s < to {
			do(c)
		}
	}
}

func (im *improver[T]) sort() {
	slices.SortFunc(im.rules, func(a, b rule) int { return a.netset(im.in.V6).Compare(b.netset(im.in.V6)) })
}

// keep gives today's rules in place of a solution that gains too little.
func (s *search[T]) keep(sol *Solution) *Solution {
	price := s.pinned
	var refs []int
	for _, r := range s.Current {
		if r.Ref == "" {
			continue
		}
		i := slices.IndexFunc(s.refs, func(x Reference) bool { return x.Ref == r.Ref && x.Columns == r.Columns })
		if i < 0 {
			return sol
		}
		if !slices.Contains(refs, i) {
			refs, price = append(refs, i), price+s.refs[i].Price
		}
	}
	slices.Sort(refs)
	in, _ := s.instance(refs, 0)
	var rules []rule
	for r := range s.cur {
		if !in.admissible(r) {
			return sol
		}
		rules = append(rules, r)
	}
	if price += len(rules); len(rules) == 0 && len(refs) == 0 || price > s.K || !s.covered(refs, rules) {
		return sol
	}
	slices.SortFunc(rules, func(a, b rule) int { return a.netset(s.V6).Compare(b.netset(s.V6)) })
	now := s.solution(price, entry[T]{refs: refs, prog: &fixed[T]{rules}, k: len(rules)})
	gain := s.options.MinGain
	if !sol.Proven {
		gain = max(gain, 5)
	}
	// Kept if (today - best) * 1000 <= gain * today.
	today := now.Exposure.Weighted
	diff := new(big.Int).Sub(today, sol.Exposure.Weighted)
	if diff.Mul(diff, big.NewInt(1000)).Cmp(new(big.Int).Mul(today, big.NewInt(int64(gain)))) > 0 {
		return sol
	}
	if now.Price == sol.Price && diff.Sign() == 0 && sol.Proven {
		return sol // the same already, or as good and fewer new
	}
	now.Kept, now.Proven, now.CutShort = true, false, sol.CutShort
	now.Bound, now.BoundKind = sol.Bound, sol.BoundKind
	if now.Bound != nil && now.Bound.Cmp(today) == 0 {
		now.Proven = true
	}
	return now
}

// covered says whether references and rules open all that is approved.
func (s *search[T]) covered(refs []int, rules []rule) bool {
	open := s.PinnedOpen
	for _, i := range refs {
		open = open.Union(s.refs[i].Opens)
	}
	bs := make([]netset.Block, len(rules))
	for i, r := range rules {
		bs[i] = r.netset(s.V6)
	}
	return open.Union(netset.Of(bs...)).ContainsSet(s.approved())
}
