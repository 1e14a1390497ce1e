package target

import (
	"context"
	"slices"

	"github.com/flowcover/flowcover/optimize"
	"github.com/flowcover/flowcover/topology/netset"
)

// Alone solves problems that no account stands behind: one family, or two that
// share k rules. Of the Result only what the solution says is set.
func Alone(ctx context.Context, id string, ps []*optimize.Problem, k int, o optimize.Options) (Result, error) {
	t := Target{ID: id, Quota: k, Family: FamilyBoth, Problems: ps, Open: netset.Of()}
	return solveTarget(ctx, &t, nil, o)
}

// Exactly gives the fewest rules, each of which can be written, that open what
// is approved and nothing else. PriceBound says how few are surely needed.
func Exactly(ctx context.Context, p *optimize.Problem, o optimize.Options) (*optimize.Solution, error) {
	relaxed, err := optimize.Shorten(ctx, p, o)
	if err != nil || writable(relaxed.Rules) {
		return relaxed, err
	}
	best := withRules(relaxed, written(relaxed.Rules))
	if own := standing(p); len(own) < best.Price {
		best = withRules(relaxed, own)
	}
	if m, ok := remapOf(p); ok {
		s, err := optimize.Shorten(ctx, m.problem(p), o)
		if err != nil {
			return nil, err
		}
		rules := slices.Clone(s.Rules)
		for i, r := range rules {
			if cols := m.apply(r.Columns); len(cols) == 1 {
				rules[i].Columns = cols[0]
			}
		}
		if back := withRules(relaxed, written(rules)); back.Price < best.Price {
			best = back
			best.PriceBound = max(best.PriceBound, s.PriceBound) // each rule that can be written is one on that axis too
		}
	}
	return best, nil
}

// withRules is an exact answer with other rules of the same meaning.
func withRules(s *optimize.Solution, rules []optimize.ChosenRule) *optimize.Solution {
	out := *s
	slices.SortStableFunc(rules, compareChosen)
	out.Rules, out.Price = rules, len(rules)
	out.Frontier = []optimize.Point{{Price: out.Price, Excess: s.Exposure.Weighted}}
	return &out
}

// written takes rules apart into ones that AWS can express.
func written(rules []optimize.ChosenRule) []optimize.ChosenRule {
	var out []optimize.ChosenRule
	for _, r := range rules {
		for _, cols := range Expressible(r.Columns) {
			part := r
			part.Columns = cols
			out = append(out, part)
		}
	}
	return out
}

// standing is the approved cells as rules, without those inside another.
func standing(p *optimize.Problem) []optimize.ChosenRule {
	var out []optimize.ChosenRule
	for i, c := range p.Approved {
		inside := slices.ContainsFunc(p.Approved, func(o optimize.Cell) bool {
			return o.Block != c.Block && o.Prefix.Bits() <= c.Prefix.Bits() && o.Prefix.Overlaps(c.Prefix) && o.Columns.Contains(c.Columns)
		})
		again := slices.ContainsFunc(p.Approved[:i], func(o optimize.Cell) bool { return o.Block == c.Block })
		if !inside && !again {
			out = append(out, optimize.ChosenRule{Rule: optimize.Rule{Block: c.Block, Price: 1}, Flows: []string{c.Flow}})
		}
	}
	return written(out)
}
