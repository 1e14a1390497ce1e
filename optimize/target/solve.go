package target

import (
	"context"
	"math/big"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/flowcover/flowcover/optimize"
	"github.com/flowcover/flowcover/topology/netset"
)

// Result is a target with its answer.
type Result struct {
	Target
	// Rules is the whole list as it would stand, pinned rules included. Nil
	// where the list stays as it is (Kept).
	Rules []optimize.ChosenRule
	Price int
	// Frontier is the least excess at each number of rules, families joined.
	Frontier []optimize.Point
	// Excess and ExcessBefore are weighted: what the list opens, and opened,
	// beyond the approved cells.
	Excess, ExcessBefore *big.Int
	Exposure             optimize.Exposure
	Bound                *big.Int // nil: none known
	BoundKind            string
	Proven               bool
	Witness              *optimize.Witness
	// CutShort: the guard ended the work on the list before it was done.
	CutShort bool
	// Via are lists to pass through on the way to Rules, where no order of steps
	// leads there at once.
	Via [][]optimize.ChosenRule
	// Held says what points of the frontier, made from the first part of the
	// window, would have carried of the last. Nil: nothing was held out, or no
	// flow of that part needs the list. HoldOut fills it.
	Held *HeldOut
}

// Options of Solve. The zero value solves one target at a time.
type Options struct {
	Optimize optimize.Options
	Workers  int
	// Guard, where set, gives each list a context that may end before ctx does:
	// the list then gets the best answer so far, marked CutShort.
	Guard func(context.Context) (context.Context, context.CancelFunc)
	// Progress, where set, is called after each list; calls do not overlap.
	Progress func(done, total int)
}

// Solve answers every target, in the order given, whatever the number of
// workers. Each answer has passed optimize.Check.
func Solve(ctx context.Context, targets []Target, o Options) ([]Result, error) {
	out := make([]Result, len(targets))
	units := unitsOf(targets)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(max(1, o.Workers))
	var mu sync.Mutex
	done := 0
	for _, u := range units {
		g.Go(func() error {
			rs, err := solveGuarded(ctx, targets[u.from:u.to], o)
			if err != nil {
				return err
			}
			copy(out[u.from:u.to], rs)
			mu.Lock()
			defer mu.Unlock()
			done += u.to - u.from
			if o.Progress != nil {
				o.Progress(done, len(targets))
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return out, nil
}

// solveGuarded solves one list until it is done or the guard says stop.
func solveGuarded(ctx context.Context, ts []Target, o Options) ([]Result, error) {
	if o.Guard == nil {
		return solveChosen(ctx, ts, o.Optimize)
	}
	own, cancel := o.Guard(ctx)
	defer cancel()
	rs, err := solveChosen(own, ts, o.Optimize)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case own.Err() == nil:
		return rs, err
	case err != nil: // not even a first answer
		rs = make([]Result, len(ts))
		for i, t := range ts {
			if !t.Kept && len(t.Problems) > 0 {
				t.keepAll(OutcomeCannot, "the time for a list of rules ended before any answer was found; allow more")
			}
			if rs[i], err = solveTarget(ctx, &t, nil, o.Optimize); err != nil {
				return nil, err
			}
		}
	}
	for i := range rs {
		rs[i].CutShort = len(ts[i].Problems) > 0
	}
	return rs, nil
}

type unit struct{ from, to int }

// unitsOf joins the families of one direction of a security group, whose
// references count in both.
func unitsOf(ts []Target) []unit {
	var out []unit
	for i := range ts {
		if n := len(out); n > 0 && ts[i].Kind == KindGroup && ts[i-1].Resource == ts[i].Resource && ts[i-1].Direction == ts[i].Direction {
			out[n-1].to = i + 1
			continue
		}
		out = append(out, unit{i, i + 1})
	}
	return out
}

// solveUnit solves the families of one list. A reference that one family takes
// stands in the other as well, so it is pinned there, until nothing new comes.
func solveUnit(ctx context.Context, ts []Target, o optimize.Options) ([]Result, error) {
	out := make([]Result, len(ts))
	forced := map[string]optimize.Rule{}
	solved := make([]int, len(ts)) // how many forced references each answer knows
	for i := range solved {
		solved[i] = -1
	}
	for again := true; again; {
		again = false
		for i := range ts {
			if solved[i] == len(forced) {
				continue
			}
			r, err := solveTarget(ctx, &ts[i], forced, o)
			if err != nil {
				return nil, err
			}
			out[i], again = r, true
			for _, rule := range r.refs() {
				forced[refKey(rule)] = rule
			}
			solved[i] = len(forced)
		}
		if len(ts) == 1 {
			break
		}
	}
	return out, nil
}

func refKey(r optimize.Rule) string { return r.Ref + " " + r.Columns.String() }

// refs lists the references of the list as it would stand.
func (r *Result) refs() []optimize.Rule {
	var out []optimize.Rule
	if r.Kept {
		for _, ref := range r.References {
			out = append(out, ref.Rule)
		}
		return out
	}
	for _, c := range r.Rules {
		if c.Ref != "" {
			out = append(out, c.Rule)
		}
	}
	return out
}

// solveTarget answers one target with the given references standing.
func solveTarget(ctx context.Context, t *Target, forced map[string]optimize.Rule, o optimize.Options) (Result, error) {
	r := Result{Target: *t}
	for _, v6 := range t.families() {
		r.add(&r.ExcessBefore, excessOf(t.Open.Only(v6), t.Cells, t.Weight, v6))
	}
	if t.Kept {
		r.Price, r.Excess = t.Before, r.ExcessBefore
		return r, nil
	}
	r.Excess = new(big.Int)
	if len(t.Problems) == 0 {
		r.pinnedOnly(forced)
		return r, nil
	}
	ps := make([]*optimize.Problem, len(t.Problems))
	for i, p := range t.Problems {
		ps[i] = t.withForced(p, forced)
	}
	r.Problems = ps
	if len(ps) == 2 {
		return solvePair(ctx, r, ps, o)
	}
	s, err := solveOne(ctx, ps[0], o)
	if err != nil {
		return r, err
	}
	r.Frontier = s.Frontier
	r.take(s)
	return r, nil
}

func (r *Result) add(to **big.Int, n *big.Int) {
	if *to == nil {
		*to = new(big.Int)
	}
	*to = new(big.Int).Add(*to, n)
}

func (t *Target) families() []bool {
	switch t.Family {
	case FamilyV4:
		return []bool{false}
	case FamilyV6:
		return []bool{true}
	}
	return []bool{false, true}
}

// excessOf is the weighted measure of what a list opens beyond the approved.
func excessOf(open *netset.Set, cells []optimize.Cell, w *optimize.Weights, v6 bool) *big.Int {
	var bs []netset.Block
	for _, c := range cells {
		if isV6(c.Prefix.Addr()) == v6 {
			bs = append(bs, c.Block)
		}
	}
	return Measure(open.Subtract(netset.Of(bs...)), w, v6)
}

// withForced pins references that the other family of the list takes.
func (t *Target) withForced(p *optimize.Problem, forced map[string]optimize.Rule) *optimize.Problem {
	if len(forced) == 0 {
		return p
	}
	q := *p
	q.Pinned = slices.Clone(p.Pinned)
	pinned := map[string]bool{}
	for _, r := range p.Pinned {
		pinned[refKey(r)] = true
	}
	keys := make([]string, 0, len(forced))
	for k := range forced {
		if !pinned[k] {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	for _, k := range keys {
		r := forced[k]
		q.Pinned = append(q.Pinned, r)
		q.PinnedOpen = q.PinnedOpen.Union(t.rawOpens(r))
	}
	q.References = slices.DeleteFunc(slices.Clone(p.References), func(ref optimize.Reference) bool {
		_, ok := forced[refKey(ref.Rule)]
		return ok
	})
	return &q
}

// rawOpens is what a reference opens in the family.
func (t *Target) rawOpens(r optimize.Rule) *netset.Set {
	out := netset.Of()
	for _, have := range t.References {
		if have.Ref == r.Ref && have.Columns.Contains(r.Columns) {
			out = out.Union(have.Opens.Intersect(everywhere(r.Columns)))
		}
	}
	return out
}

// pinnedOnly answers a list that no approved flow uses: what is pinned, and
// references that the other family takes.
func (r *Result) pinnedOnly(forced map[string]optimize.Rule) {
	r.Rules = []optimize.ChosenRule{}
	have := map[string]bool{}
	for _, p := range r.pins {
		have[refKey(p)] = p.Ref != ""
		r.Rules = append(r.Rules, optimize.ChosenRule{Rule: p, Pinned: true})
		r.Price += p.Price
	}
	keys := make([]string, 0, len(forced))
	for k := range forced {
		if !have[k] {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	for _, k := range keys {
		r.Rules = append(r.Rules, optimize.ChosenRule{Rule: forced[k], Pinned: true})
		r.Price += forced[k].Price
		r.pinsOpen = r.pinsOpen.Union(r.rawOpens(forced[k]))
	}
	for _, v6 := range r.families() {
		if r.pinsOpen != nil {
			r.add(&r.Excess, Measure(r.pinsOpen.Only(v6), r.Weight, v6))
		}
	}
	r.Bound, r.BoundKind, r.Proven = r.Excess, "optimal", true
	r.Frontier = []optimize.Point{{Price: r.Price, Excess: r.Excess}}
}

// take writes the solution of the one problem into the result.
func (r *Result) take(s *optimize.Solution) {
	if s.Witness != nil {
		r.cannot(s.Witness)
		return
	}
	r.Rules, r.Price = append(r.Rules, s.Rules...), r.Price+s.Price
	r.add(&r.Excess, s.Exposure.Weighted)
	r.Exposure = joinExposure(r.Exposure, s.Exposure)
	r.Bound, r.BoundKind, r.Proven = s.Bound, s.BoundKind, s.Proven
}

// cannot keeps the list as it is, since nothing within the quota carries every
// approved flow.
func (r *Result) cannot(w *optimize.Witness) {
	r.Witness = w
	r.Rules, r.Price, r.Excess = nil, r.Before, r.ExcessBefore
	r.Bound, r.BoundKind, r.Proven = nil, "", false
	r.keepAll(OutcomeCannot, w.Message)
}

func joinExposure(a, b optimize.Exposure) optimize.Exposure {
	if a.Weighted == nil {
		return b
	}
	return optimize.Exposure{
		Weighted:     new(big.Int).Add(a.Weighted, b.Weighted),
		AddressPorts: new(big.Int).Add(a.AddressPorts, b.AddressPorts),
		Log2Ratio:    max(a.Log2Ratio, b.Log2Ratio),
	}
}

// PinnedOpen is what the list's pinned rules open.
func (r *Result) PinnedOpen() *netset.Set {
	out := r.pinsOpen
	for _, p := range r.Problems {
		out = out.Union(p.PinnedOpen)
	}
	return out
}

// ReferenceOpens is what a chosen reference counts as opening, as the optimizer
// was told.
func (r *Result) ReferenceOpens(c optimize.Rule) *netset.Set {
	out := netset.Of()
	for _, p := range r.Problems {
		for _, ref := range p.References {
			if ref.Ref == c.Ref && ref.Columns == c.Columns {
				out = out.Union(ref.Opens)
			}
		}
	}
	return out
}

// TurnDown keeps the list as it is after all, for a reason: it cannot be met.
func (r *Result) TurnDown(why string) {
	if r.Kept {
		return
	}
	r.cannot(&optimize.Witness{Message: why})
}
