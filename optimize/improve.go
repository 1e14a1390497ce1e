package optimize

import (
	"context"
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
		if len(st.rules) == 0 || len(st.rules) > in.limit {
			continue
		}
		im := newImprover(in, st.rules, in.limit-len(st.rules), effortWork*float64(s.options.Effort))
		if im == nil {
			continue
		}
		if err := im.run(ctx); err != nil {
			return err
		}
		im.sort()
		cost := base.add(im.cost)
		if e := &s.best[price+len(im.rules)]; cost.less(e.cost) {
			*e = entry[T]{cost, st.refs, &fixed[T]{im.rules}, len(im.rules)}
		}
	}
	return nil
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
