package target

import (
	"context"
	"net/netip"
	"slices"

	"github.com/flowcover/flowcover/optimize"
	"github.com/flowcover/flowcover/topology/netset"
)

// Where a list needs several ICMP types and few rules are left, a rule for all
// of ICMP, or for all traffic, may be the best there is. No exchange of columns
// and no lane finds it, so some types are widened to all of ICMP beforehand, in
// every combination or, of many types, one at a time and all at once, and an
// interval of types that is still chosen is rounded up.

// allTypes is how many ICMP types are widened in every combination.
const allTypes = 3

// defaultEffort is what [optimize.Options] takes without an effort.
const defaultEffort = 5

// solveOne solves a problem so that each rule of the answer can be written.
func solveOne(ctx context.Context, p *optimize.Problem, o optimize.Options) (*optimize.Solution, error) {
	s, err := solveAxis(ctx, p, o)
	if err != nil || s.Witness == nil && (s.Proven || s.Price < p.K) {
		return s, err // with a rule to spare, none has to stand for several
	}
	types, _ := icmpPieces(p)
	types = slices.DeleteFunc(types, func(c netset.Columns) bool { return c == netset.ProtocolColumns(c.Protocol()) })
	if len(types) < 2 {
		return s, nil
	}
	best := s
	tries, each := tries(len(types), o)
	for _, some := range tries {
		q := p
		for i, c := range types {
			if some>>i&1 == 1 {
				q = widened(q, c)
			}
		}
		try, err := solveRounded(ctx, p, q, each)
		if err != nil {
			return nil, err
		}
		if try != nil && (best.Witness != nil || better(try, best)) {
			best = try
		}
	}
	if best == s {
		return s, nil
	}
	relaxed, err := solveChecked(ctx, p, o)
	if err != nil {
		return nil, err
	}
	best.Frontier = placeOn(s.Frontier, optimize.Point{Price: best.Price, Excess: best.Exposure.Weighted})
	return bounded(p, relaxed, best), nil
}

// tries are the combinations that the effort allows, and the effort of each:
// all of them together take no more than some times the first answer.
func tries(types int, o optimize.Options) ([]uint64, optimize.Options) {
	all := combinations(types)
	effort := o.Effort
	if effort <= 0 {
		effort = defaultEffort
	}
	all = all[:min(len(all), max(1, effort/2))]
	o.Effort = max(1, effort/len(all))
	return all, o
}

func better(a, b *optimize.Solution) bool {
	c := a.Exposure.Weighted.Cmp(b.Exposure.Weighted)
	return c < 0 || c == 0 && a.Price < b.Price
}

// combinations lists which of n types to widen, as bits.
func combinations(n int) []uint64 {
	var out []uint64
	if n <= allTypes {
		last := uint64(1)<<n - 1
		out = append(out, 0, last)
		for some := uint64(1); some < last; some++ {
			out = append(out, some)
		}
		return out
	}
	n = min(n, 64)
	out = []uint64{0, ^uint64(0)}
	for i := range n {
		out = append(out, 1<<i)
	}
	return out
}

// widened asks for all of ICMP where p asks for the type or code c.
func widened(p *optimize.Problem, c netset.Columns) *optimize.Problem {
	q := *p
	q.Approved = slices.Clone(p.Approved)
	for i := range q.Approved {
		if a := &q.Approved[i]; a.Columns.Protocol().HasTypes() && slices.Contains(Expressible(a.Columns), c) {
			a.Columns = netset.ProtocolColumns(c.Protocol())
		}
	}
	return &q
}

// solveRounded answers p by an answer to q, which asks for more, with what
// cannot be written rounded up; nil where that breaks a rule of p.
func solveRounded(ctx context.Context, p, q *optimize.Problem, o optimize.Options) (*optimize.Solution, error) {
	s, err := solveChecked(ctx, q, o)
	if err != nil || s.Witness != nil {
		return nil, err
	}
	rules := slices.Clone(s.Rules)
	for i, r := range rules {
		if !r.Pinned && r.Ref == "" {
			if rules[i].Columns = roundUp(r.Columns); r.Deny && rules[i].Columns != r.Columns {
				return nil, nil // it would close more
			}
		}
	}
	if !p.Denies {
		rules = tightened(p, rules)
	}
	withFlows(p, rules)
	out := &optimize.Solution{Rules: rules, CutShort: s.CutShort}
	for _, r := range rules {
		out.Price += max(1, r.Price)
	}
	out = recount(p, out)
	if out.Price > p.K || optimize.Check(p, out) != nil {
		return nil, nil // such as a forbidden type, which all of ICMP would open
	}
	return out, nil
}

// roundUp is the least interval around c that a rule can name.
func roundUp(c netset.Columns) netset.Columns {
	first, last := c.First.Protocol(), c.Last.Protocol()
	switch {
	case first != last:
		return netset.AllColumns()
	case !first.HasTypes() || len(Expressible(c)) == 1:
		return c
	case c.First.Port()>>8 == c.Last.Port()>>8: // codes of one type
		return netset.TypeColumns(first, int(c.First.Port()>>8), -1)
	}
	return netset.ProtocolColumns(first)
}

// tightened shrinks each rule to what no other carries, and drops those that
// carry nothing more, until nothing changes.
func tightened(p *optimize.Problem, rules []optimize.ChosenRule) []optimize.ChosenRule {
	bs := make([]netset.Block, len(p.Approved))
	for i, c := range p.Approved {
		bs[i] = c.Block
	}
	approved := netset.Of(bs...)
	for again := true; again; {
		again = false
		for i := len(rules) - 1; i >= 0; i-- {
			r := rules[i]
			if r.Pinned || r.Ref != "" {
				continue
			}
			others := slices.Delete(slices.Clone(rules), i, i+1)
			need := approved.Subtract(Opens(p, others)).Blocks()
			if len(need) == 0 {
				rules, again = others, true
				continue
			}
			if least := hull(need); least != r.Block {
				rules[i].Block, again = least, true
			}
		}
	}
	return rules
}

// hull is the least rule around blocks of one family.
func hull(bs []netset.Block) netset.Block {
	out := bs[0]
	for _, b := range bs[1:] {
		for !out.Prefix.Contains(b.Prefix.Addr()) || out.Prefix.Bits() > b.Prefix.Bits() {
			out.Prefix = netip.PrefixFrom(out.Prefix.Addr(), out.Prefix.Bits()-1).Masked()
		}
		out.Columns = netset.Columns{First: min(out.Columns.First, b.Columns.First), Last: max(out.Columns.Last, b.Columns.Last)}
	}
	out.Columns = roundUp(out.Columns)
	return out
}

// withFlows lists under each rule the flows that it carries.
func withFlows(p *optimize.Problem, rules []optimize.ChosenRule) {
	for i := range rules {
		r := &rules[i]
		if r.Ref != "" || r.Deny {
			continue
		}
		r.Flows = nil
		for _, c := range p.Approved {
			if c.Flow != "" && c.Columns.Overlaps(r.Columns) && c.Prefix.Overlaps(r.Prefix) {
				r.Flows = append(r.Flows, c.Flow)
			}
		}
		slices.Sort(r.Flows)
		r.Flows = slices.Compact(r.Flows)
	}
}
