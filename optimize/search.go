package optimize

import (
	"context"
	"fmt"
	"math/big"
	"slices"

	"github.com/flowcover/flowcover/topology/netset"
)

// search finds the best references and rules at every price.
type search[T num[T]] struct {
	*basis
	kind  kind[T]
	total *netset.Set // everything approved, or nil where no set is open before
	best  []entry[T]  // by price
	tried bool
	cut   bool // the context ended
	// areaBound is the least sum of areas of rules; nil: not known.
	areaBound *big.Int
	// unionBound is what the excess is at least within K; nil: not known.
	unionBound *big.Int
	share      float64 // of the work that one choice of references may take
	exact      bool
}

// entry is the best known at one price.
type entry[T num[T]] struct {
	cost T
	refs []int
	prog program[T]
	k    int
}

func solveIn[T num[T]](ctx context.Context, b *basis, kd kind[T]) (*Solution, error) {
	s := &search[T]{basis: b, kind: kd}
	if err := s.run(ctx); err != nil {
		return nil, err
	}
	if !s.exact && !s.cut {
		s.cut = s.improve(ctx) != nil
	}
	at := s.pick(b.K)
	if at < 0 {
		return s.unreachable(ctx)
	}
	sol := s.solution(at, s.best[at])
	sol.CutShort = s.cut
	if sol.Proven && s.options.MinGain == 0 || s.Denies {
		return sol, nil
	}
	return s.keep(sol), nil
}

// run fills best for every price up to b.to.
func (s *search[T]) run(ctx context.Context) error {
	s.best = make([]entry[T], s.to+1)
	for i := range s.best {
		s.best[i].cost = s.kind.inf
	}
	s.exact, s.share = true, 1
	if len(s.refs) > maxReferences || !s.fits() {
		s.exact = false
		s.share = 1 / float64(1+2*len(s.refs))
		return s.greedy(ctx)
	}
	s.share = 1 / float64(int(1)<<len(s.refs))
	for mask := range 1 << len(s.refs) {
		if mask > 0 && s.cut {
			break
		}
		var refs []int
		for i := range s.refs {
			if mask>>i&1 == 1 {
				refs = append(refs, i)
			}
		}
		if _, err := s.try(ctx, refs); err != nil {
			return err
		}
	}
	return nil
}

// fits says whether every choice of references can be solved exactly.
func (s *search[T]) fits() bool {
	in, _ := s.instance(nil, max(0, s.to-s.pinned))
	if len(s.refs) == 0 || len(in.slabs) < 2 {
		return true
	}
	e := newExactProgram(in)
	if e == nil {
		return false
	}
	return e.affords(1/float64(int(1)<<len(s.refs)), s.options.Effort)
}

// greedy adds, again and again, the reference that lowers the cost at K most.
func (s *search[T]) greedy(ctx context.Context) error {
	var refs []int
	cost, err := s.try(ctx, refs)
	if err != nil {
		return err
	}
	for !s.cut {
		best := -1
		for i := range s.refs {
			if slices.Contains(refs, i) {
				continue
			}
			c, err := s.try(ctx, append(slices.Clone(refs), i))
			if err != nil {
				return err
			}
			if c.less(cost) {
				best, cost = i, c
			}
		}
		if best < 0 {
			return nil
		}
		refs = append(refs, best)
	}
	return nil
}

// try opens some references, solves the rest, and keeps what is better. It
// gives the least cost within K, or at any price where K is out of reach.
func (s *search[T]) try(ctx context.Context, refs []int) (T, error) {
	least := s.kind.inf
	if err := ctx.Err(); err != nil && !s.tried {
		return least, fmt.Errorf("problem %q: %w", s.ID, err)
	}
	s.tried = true
	price := s.pinned
	for _, i := range refs {
		price += s.refs[i].Price
	}
	if price > s.to {
		return least, nil
	}
	in, base := s.instance(refs, s.to-price)
	var prog program[T]
	table := []T{s.kind.of(0)}
	if len(in.slabs) > 0 {
		var done bool
		prog, done = in.program(ctx, s.share, s.options.Effort)
		s.cut = s.cut || !done
		table = prog.table()
		_, lists := prog.(*denyProgram[T])
		s.exact = s.exact && prog.exact() && lists == s.Denies
	}
	for k, c := range table {
		if c.infinite() {
			continue
		}
		c = c.add(base)
		if price+k <= s.K && c.less(least) {
			least = c
		}
		if e := &s.best[price+k]; c.less(e.cost) {
			*e = entry[T]{c, slices.Clone(refs), prog, k}
		}
	}
	return least, nil
}

// instance makes the problem that is left once references are open, and gives
// what opening them and the pinned rules costs.
func (s *search[T]) instance(refs []int, limit int) (*instance[T], T) {
	in := &instance[T]{Problem: s.Problem, w: s.w, kind: s.kind, shift: s.shift(), limit: limit, slabs: s.need, cur: s.cur}
	pre := s.PinnedOpen
	base := s.kind.of(0)
	for _, i := range refs {
		pre = pre.Union(s.refs[i].Opens)
		if !s.curRef[refKey{s.refs[i].Ref, s.refs[i].Columns}] {
			base = base.add(s.kind.of(1))
		}
	}
	if len(refs) > 0 {
		in.slabs = slabsOf(s.Problem, s.w, pre)
	}
	in.slabs = seal(in.slabs, limit)
	if pre.IsEmpty() {
		return in, base
	}
	in.pre = in.openRules(pre)
	beyond := s.w.of(pre.Subtract(s.approved()), s.V6)
	return in, base.add(s.kind.ofBig(beyond).shl(in.shift))
}

func (s *search[T]) approved() *netset.Set {
	if s.total == nil {
		bs := make([]netset.Block, len(s.Approved))
		for i := range s.Approved {
			bs[i] = s.Approved[i].Block
		}
		s.total = netset.Of(bs...)
	}
	return s.total
}

// excess is the exposure in a cost.
func (s *search[T]) excess(c T) *big.Int {
	b := c.big()
	return b.Rsh(b, s.shift())
}

// frontier gives the points whose excess is less than at every lower price.
func (s *search[T]) frontier() []Point {
	var out []Point
	for price := range s.best {
		if s.best[price].cost.infinite() {
			continue
		}
		x := s.excess(s.best[price].cost)
		if n := len(out); n == 0 || x.Cmp(out[n-1].Excess) < 0 {
			out = append(out, Point{price, x})
		}
	}
	return out
}

// pick gives the lowest price whose excess equals the least within k, or -1.
func (s *search[T]) pick(k int) int {
	at := -1
	for _, pt := range s.frontier() {
		if pt.Price <= k {
			at = pt.Price
		}
	}
	return at
}

func (s *search[T]) solution(at int, e entry[T]) *Solution {
	sol := &Solution{Price: at, Frontier: s.frontier()}
	opens := s.PinnedOpen.Only(s.V6)
	for _, r := range s.Pinned {
		r.Price = max(1, r.Price)
		sol.Rules = append(sol.Rules, ChosenRule{Rule: r, Pinned: true})
	}
	for _, i := range e.refs {
		opens = opens.Union(s.refs[i].Opens)
		sol.Rules = append(sol.Rules, ChosenRule{Rule: s.refs[i].Rule})
	}
	if e.prog != nil {
		list := e.prog.rules(e.k)
		for _, r := range list {
			sol.Rules = append(sol.Rules, ChosenRule{Rule: Rule{Block: r.netset(s.V6), Price: 1, Deny: r.deny}})
		}
		opens = opens.Union(s.opened(list))
	}
	if s.Denies {
		slices.SortStableFunc(sol.Rules, func(x, y ChosenRule) int { return y.Prefix.Bits() - x.Prefix.Bits() })
	} else {
		slices.SortFunc(sol.Rules, func(x, y ChosenRule) int { return compareRules(x.Rule, y.Rule) })
	}
	s.assign(sol.Rules)
	sol.Exposure = s.exposure(opens)
	s.areas(sol)
	if s.unionBound != nil && sol.Bound == nil {
		sol.Bound, sol.BoundKind = s.unionBound, BoundLagrange
		sol.Proven = s.unionBound.Cmp(sol.Exposure.Weighted) == 0
	}
	if !s.exact {
		sol.Frontier = corrected(sol.Frontier, at, sol.Exposure.Weighted)
	}
	if s.exact {
		sol.PriceBound = at
	}
	if s.exact || sol.Exposure.Weighted.Sign() == 0 {
		sol.Proven, sol.Bound, sol.BoundKind = true, new(big.Int).Set(sol.Exposure.Weighted), BoundOptimal
		if s.Denies {
			sol.BoundKind = BoundList
		}
	}
	return sol
}

// corrected puts a point's true excess in place of one that counted overlaps
// twice, and drops the dearer points that are then no better.
func corrected(f []Point, at int, excess *big.Int) []Point {
	out := slices.DeleteFunc(f, func(p Point) bool {
		return p.Price != at && (p.Price > at) == (p.Excess.Cmp(excess) >= 0)
	})
	for i := range out {
		if out[i].Price == at {
			out[i].Excess = new(big.Int).Set(excess)
		}
	}
	return out
}

// opened is what a list opens; its denies stand in the order of the list.
func (s *search[T]) opened(list []rule) *netset.Set {
	var allow []netset.Block
	for _, r := range list {
		if !r.deny {
			allow = append(allow, r.netset(s.V6))
		}
	}
	if len(allow) == len(list) {
		return netset.Of(allow...)
	}
	open := netset.Of()
	for _, r := range slices.Backward(list) {
		if b := netset.Of(r.netset(s.V6)); r.deny {
			open = open.Subtract(b)
		} else {
			open = open.Union(b)
		}
	}
	return open
}

// unreachable says why nothing is possible within K, and what would be above.
func (s *search[T]) unreachable(ctx context.Context) (*Solution, error) {
	in, _ := s.instance(nil, s.to)
	least := s.pinned
	if len(in.slabs) > 0 {
		n := in.leastRules()
		if n >= unreachable {
			return &Solution{Witness: &Witness{Message: "no rules were found; the problem is too large to be sure that there are none"}}, nil
		}
		least += int(n)
	}
	wit := &Witness{LeastPrice: least}
	sol := &Solution{Witness: wit}
	wit.Message = s.tooFew(least)
	if least > s.K+maxRules/8 {
		return sol, nil
	}
	wider := *s.basis
	wider.to = max(least+min(s.K, 100), s.to)
	if wider.bits() > s.kind.bits {
		return sol, nil
	}
	up := &search[T]{basis: &wider, kind: s.kind}
	if err := up.run(ctx); err != nil {
		return nil, err
	}
	sol.Frontier = up.frontier()
	if len(sol.Frontier) > 0 {
		wit.LeastPrice = sol.Frontier[0].Price
	}
	wit.Message = s.tooFew(wit.LeastPrice)
	return sol, nil
}

func (s *search[T]) tooFew(least int) string {
	allowed := "rules are"
	if s.K == 1 {
		allowed = "rule is"
	}
	m := fmt.Sprintf("%d %s allowed, %d would do", s.K, allowed, least)
	if s.pinned > 0 {
		m += fmt.Sprintf(", %d of them rules that must stay", s.pinned)
	}
	return m
}
