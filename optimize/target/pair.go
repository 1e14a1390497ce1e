package target

import (
	"context"
	"fmt"
	"math/big"

	"github.com/flowcover/flowcover/optimize"
)

// solvePair shares one quota between two families: each is solved alone, the
// two frontiers are joined by min-plus convolution, and each family is solved
// again at its part of the best split. Exact, since the families share no cell.
func solvePair(ctx context.Context, r Result, ps []*optimize.Problem, o optimize.Options) (Result, error) {
	var alone [2]*optimize.Solution
	for i, p := range ps {
		q := *p
		q.K = r.Quota
		s, err := solveOne(ctx, &q, o)
		if err != nil {
			return r, err
		}
		alone[i] = s
	}
	joined, splits := convolve(alone[0].Frontier, alone[1].Frontier)
	r.Frontier = joined
	at := -1
	for i, p := range joined {
		if p.Price <= r.Quota {
			at = i // excess falls strictly, so the last within the quota is the least
		}
	}
	if at < 0 {
		r.cannot(pairWitness(r, alone, joined))
		return r, nil
	}
	proven, kinds := true, [2]string{}
	for i, p := range ps {
		q := *p
		q.K = splits[at][i]
		s, err := solveOne(ctx, &q, o)
		if err != nil {
			return r, err
		}
		if s.Witness != nil {
			return r, fmt.Errorf("solve %s: no answer at %d rules, which its own frontier names", q.ID, q.K)
		}
		r.take(s)
		proven, kinds[i] = proven && s.Proven && alone[i].Proven, s.BoundKind
	}
	// The split is the best one only if both frontiers are; a bound on each
	// half at its own price says nothing about another split.
	r.Proven, r.Bound, r.BoundKind = proven, nil, ""
	if proven {
		r.Bound, r.BoundKind = r.Excess, kinds[0]
	}
	return r, nil
}

// convolve joins two frontiers: the least sum of excess at each total price,
// strictly falling, with the split that gives it (of several, the one with the
// fewest rules in the first).
func convolve(a, b []optimize.Point) (joined []optimize.Point, splits [][2]int) {
	best := map[int]int{} // price -> index into sums
	type sum struct {
		excess *big.Int
		split  [2]int
	}
	var sums []sum
	top := 0
	for _, x := range a {
		for _, y := range b {
			price, e := x.Price+y.Price, new(big.Int).Add(x.Excess, y.Excess)
			top = max(top, price)
			if i, ok := best[price]; !ok || e.Cmp(sums[i].excess) < 0 {
				best[price] = len(sums)
				sums = append(sums, sum{e, [2]int{x.Price, y.Price}})
			}
		}
	}
	for price := 0; price <= top; price++ {
		i, ok := best[price]
		if !ok {
			continue
		}
		if n := len(joined); n > 0 && joined[n-1].Excess.Cmp(sums[i].excess) <= 0 {
			continue
		}
		joined = append(joined, optimize.Point{Price: price, Excess: sums[i].excess})
		splits = append(splits, sums[i].split)
	}
	return joined, splits
}

// pairWitness says why two families do not fit one quota.
func pairWitness(r Result, alone [2]*optimize.Solution, joined []optimize.Point) *optimize.Witness {
	for _, s := range alone {
		if s.Witness != nil && s.Witness.LeastPrice == 0 {
			return s.Witness
		}
	}
	if len(joined) == 0 {
		for _, s := range alone {
			if s.Witness != nil {
				return s.Witness
			}
		}
	}
	least := 0
	if len(joined) > 0 {
		least = joined[0].Price
	}
	return &optimize.Witness{LeastPrice: least,
		Message: fmt.Sprintf("%s needs at least %d entries for both families together; the quota leaves %d", r.ID, least, r.Quota)}
}
