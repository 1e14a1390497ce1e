package target

import (
	"context"
	"fmt"
	"math"
	"math/big"
	"slices"

	"github.com/flowcover/flowcover/optimize"
	"github.com/flowcover/flowcover/topology/netset"
)

// AWS's rules cannot name every interval of ICMP types: only all types, one
// type, or one code of a type. The optimizer knows intervals alone. Where its
// answer holds an interval that no rule can express, that answer is a bound, and
// the list is solved again with the types set apart on the axis (remap). Where
// the axis has no room for that it is solved in lanes: each ICMP type or code by
// itself, everything else together, budgets joined by min-plus convolution.

// solveAxis solves a problem with its types set apart, or in lanes.
func solveAxis(ctx context.Context, p *optimize.Problem, o optimize.Options) (*optimize.Solution, error) {
	m, ok := remapOf(p)
	if pieces, _ := icmpPieces(p); len(pieces) < 2 || !ok {
		return solvePlain(ctx, p, o)
	}
	s, err := solveRemapped(ctx, p, m, o)
	if err != nil || s == nil {
		if err == nil {
			return solvePlain(ctx, p, o)
		}
		return nil, err
	}
	if s.Exposure.Weighted.Sign() == 0 || !s.Proven {
		return s, nil // nothing opens less; or no bound would come of the axis as it is
	}
	relaxed, err := solveChecked(ctx, p, o)
	switch {
	case err != nil:
		return nil, err
	case relaxed.Witness != nil:
		return s, nil
	case writable(relaxed.Rules) && relaxed.Exposure.Weighted.Cmp(s.Exposure.Weighted) < 0:
		return relaxed, nil // a rule for all of ICMP does better
	}
	return bounded(p, relaxed, s), nil
}

// solvePlain solves a problem on its own axis, and in lanes where the answer
// cannot be written.
func solvePlain(ctx context.Context, p *optimize.Problem, o optimize.Options) (*optimize.Solution, error) {
	s, err := solveChecked(ctx, p, o)
	if err != nil || s.Witness != nil || writable(s.Rules) {
		return s, err
	}
	l, err := solveLanes(ctx, p, s, o)
	if err != nil || l.Witness == nil {
		return l, err
	}
	// Whole ICMP at least can be written. It opens more, and needs fewer rules.
	if wide, ok := wholeICMP(p); ok {
		w, err := solveChecked(ctx, wide, o)
		if err == nil && w.Witness == nil && writable(w.Rules) {
			return bounded(p, s, recount(p, w)), nil
		}
	}
	return l, nil
}

func solveChecked(ctx context.Context, p *optimize.Problem, o optimize.Options) (*optimize.Solution, error) {
	s, err := optimize.Solve(ctx, p, o)
	if err != nil {
		return nil, fmt.Errorf("solve %s: %w", p.ID, err)
	}
	if err := optimize.Check(p, s); err != nil {
		return nil, fmt.Errorf("check the answer for %s: %w", p.ID, err)
	}
	return s, nil
}

func writable(rules []optimize.ChosenRule) bool {
	return !slices.ContainsFunc(rules, func(r optimize.ChosenRule) bool {
		ps := Expressible(r.Columns)
		return len(ps) != 1 || ps[0] != r.Columns
	})
}

// solveLanes solves p in lanes. The pinned rules and the references of the
// relaxed answer stand; the lanes cover what is left.
func solveLanes(ctx context.Context, p *optimize.Problem, relaxed *optimize.Solution, o optimize.Options) (*optimize.Solution, error) {
	var fixed []optimize.ChosenRule
	open, price := p.PinnedOpen, 0
	for _, r := range relaxed.Rules {
		if !r.Pinned && r.Ref == "" {
			continue
		}
		if ps := Expressible(r.Columns); len(ps) != 1 {
			continue
		}
		fixed = append(fixed, r)
		price += max(1, r.Price)
		for _, ref := range p.References {
			if ref.Ref == r.Ref && ref.Columns == r.Columns {
				open = open.Union(ref.Opens)
			}
		}
	}
	lanes := lanesOf(p, open)
	frontiers := make([][]optimize.Point, len(lanes))
	for i, l := range lanes {
		l.K = max(1, p.K-price)
		s, err := solveChecked(ctx, l, o)
		if err != nil {
			return nil, err
		}
		if frontiers[i] = s.Frontier; len(s.Frontier) == 0 {
			return s, nil // its witness names a clash
		}
	}
	joined, splits := convolveAll(frontiers)
	at := -1
	for i, pt := range joined {
		if pt.Price+price <= p.K {
			at = i
		}
	}
	if at < 0 {
		least := joined[0].Price + price
		return &optimize.Solution{Frontier: joined, Witness: &optimize.Witness{LeastPrice: least,
			Message: fmt.Sprintf("%d rules are needed, since ICMP types that a rule cannot name together take one each; K is %d", least, p.K)}}, nil
	}
	var rules []optimize.ChosenRule
	for i, l := range lanes {
		l.K = splits[at][i]
		s, err := solveChecked(ctx, l, o)
		if err != nil {
			return nil, err
		}
		rules = append(rules, s.Rules...)
	}
	out := &optimize.Solution{Rules: append(fixed, rules...), Price: price + joined[at].Price}
	for _, pt := range joined {
		out.Frontier = append(out.Frontier, optimize.Point{Price: pt.Price + price, Excess: pt.Excess})
	}
	return bounded(p, relaxed, recount(p, out)), nil
}

// lanesOf cuts a problem's cells by what a rule can name.
func lanesOf(p *optimize.Problem, open *netset.Set) []*optimize.Problem {
	byLane := map[netset.Columns][]optimize.Cell{}
	var other []optimize.Cell
	for _, c := range p.Approved {
		if open.ContainsBlock(c.Block) {
			continue
		}
		if !c.Columns.Protocol().HasTypes() {
			other = append(other, c)
			continue
		}
		for _, cols := range Expressible(c.Columns) {
			byLane[cols] = append(byLane[cols], optimize.Cell{Block: netset.Block{Prefix: c.Prefix, Columns: cols}, Flow: c.Flow})
		}
	}
	lane := func(name string, cells []optimize.Cell, within func(netset.Columns) bool) *optimize.Problem {
		q := *p
		q.ID, q.Approved = p.ID+" "+name, cells
		q.Pinned, q.PinnedOpen, q.References = nil, nil, nil
		q.Denies = false // one lane's denies might close what another opens
		q.Current = slices.DeleteFunc(slices.Clone(p.Current), func(r optimize.Rule) bool { return r.Ref != "" || !within(r.Columns) })
		return &q
	}
	var out []*optimize.Problem
	if len(other) > 0 {
		out = append(out, lane("without ICMP", other, func(c netset.Columns) bool { return !c.Protocol().HasTypes() }))
	}
	keys := make([]netset.Columns, 0, len(byLane))
	for c := range byLane {
		keys = append(keys, c)
	}
	slices.SortFunc(keys, netset.Columns.Compare)
	for _, k := range keys {
		out = append(out, lane(k.String(), byLane[k], func(c netset.Columns) bool { return c == k }))
	}
	return out
}

// wholeICMP widens every ICMP cell to all types, where that may be open.
func wholeICMP(p *optimize.Problem) (*optimize.Problem, bool) {
	q := *p
	q.Approved = slices.Clone(p.Approved)
	for i, c := range q.Approved {
		if proto := c.Columns.Protocol(); proto.HasTypes() {
			q.Approved[i].Columns = netset.ProtocolColumns(proto)
			b := q.Approved[i].Block
			if p.Open != nil && !p.Open.ContainsBlock(b) || p.Forbidden.OverlapsBlock(b) {
				return nil, false
			}
		}
	}
	return &q, true
}

// bounded states how good an answer is. The relaxed one, which may use rules that
// cannot be written, bounds it from below where it is proven.
func bounded(p *optimize.Problem, relaxed, s *optimize.Solution) *optimize.Solution {
	out := *s
	out.Proven, out.Bound, out.BoundKind = false, nil, ""
	if relaxed.Proven && s.Price <= p.K && relaxed.Exposure.Weighted.Cmp(s.Exposure.Weighted) <= 0 {
		// Its point is the fewest rules of the least excess at K, so its excess
		// is the least at any price up to K.
		out.Bound, out.BoundKind = relaxed.Exposure.Weighted, "relaxed"
		out.Proven = out.Bound.Cmp(out.Exposure.Weighted) == 0
	}
	return &out
}

// recount gives an answer to p its true figures.
func recount(p *optimize.Problem, s *optimize.Solution) *optimize.Solution {
	var cells []netset.Block
	for _, c := range p.Approved {
		cells = append(cells, c.Block)
	}
	all, approved := Opens(p, s.Rules), netset.Of(cells...)
	extra := all.Subtract(approved)
	out := *s
	out.Witness = nil
	out.Exposure = optimize.Exposure{Weighted: Measure(extra, p.Weight, p.V6), AddressPorts: extra.Count(),
		Log2Ratio: log2(all.Count()) - log2(approved.Count())}
	if out.Bound != nil && out.Bound.Cmp(out.Exposure.Weighted) > 0 {
		out.Proven, out.Bound, out.BoundKind = false, nil, ""
	}
	if out.Exposure.Weighted.Sign() == 0 {
		out.Proven, out.Bound, out.BoundKind = true, new(big.Int), "optimal"
	}
	if !p.Denies { // else the order decides
		slices.SortStableFunc(out.Rules, compareChosen)
	}
	out.Frontier = placeOn(s.Frontier, optimize.Point{Price: out.Price, Excess: out.Exposure.Weighted})
	return &out
}

// Opens is what the rules of an answer to p open.
func Opens(p *optimize.Problem, list []optimize.ChosenRule) *netset.Set {
	opens := p.PinnedOpen
	var rules []netset.Block
	for i := len(list) - 1; i >= 0; i-- { // of entries the first that matches decides
		r := list[i]
		switch {
		case r.Pinned:
		case r.Deny:
			opens, rules = opens.Union(netset.Of(rules...)).Subtract(netset.Of(r.Block)), nil
		case r.Ref == "":
			rules = append(rules, r.Block)
		default:
			for _, ref := range p.References {
				if ref.Ref == r.Ref && ref.Columns == r.Columns {
					opens = opens.Union(ref.Opens)
				}
			}
		}
	}
	return opens.Union(netset.Of(rules...)).Only(p.V6)
}

// placeOn puts a point on a frontier and drops what does not descend around it.
func placeOn(f []optimize.Point, at optimize.Point) []optimize.Point {
	var out []optimize.Point
	for _, p := range f {
		if p.Price < at.Price && p.Excess.Cmp(at.Excess) > 0 {
			out = append(out, p)
		}
	}
	out = append(out, at)
	for _, p := range f {
		if p.Price > at.Price && p.Excess.Cmp(out[len(out)-1].Excess) < 0 {
			out = append(out, p)
		}
	}
	return out
}

func compareChosen(a, b optimize.ChosenRule) int {
	switch {
	case (a.Ref != "") != (b.Ref != ""):
		if a.Ref != "" {
			return -1
		}
		return 1
	case a.Ref < b.Ref:
		return -1
	case a.Ref > b.Ref:
		return 1
	}
	return a.Block.Compare(b.Block)
}

func log2(x *big.Int) float64 {
	if x.Sign() == 0 {
		return 0
	}
	m := new(big.Float)
	exp := new(big.Float).SetInt(x).MantExp(m)
	f, _ := m.Float64()
	return math.Log2(f) + float64(exp)
}
