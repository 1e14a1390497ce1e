package target

import (
	"context"
	"fmt"
	"math/big"
	"slices"

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
	joined, splits := convolveAll([][]optimize.Point{alone[0].Frontier, alone[1].Frontier})
	r.Frontier = joined
	for at := len(joined) - 1; at >= 0; at-- { // excess falls strictly, so the last is the least
		if joined[at].Price > r.Quota {
			continue
		}
		ok, err := r.takeSplit(ctx, ps, splits[at], o)
		if err != nil {
			return r, err
		}
		if ok {
			// The split is the best one only if both frontiers are; a bound on
			// each half at its own price says nothing about another split.
			r.Proven = r.Proven && alone[0].Proven && alone[1].Proven && r.Excess.Cmp(joined[at].Excess) == 0
			r.Bound, r.BoundKind = nil, ""
			if r.Proven {
				r.Bound, r.BoundKind = r.Excess, "optimal"
			}
			r.Frontier = placeOn(joined, optimize.Point{Price: r.Price, Excess: r.Excess})
			return r, nil
		}
	}
	r.cannot(pairWitness(r, alone, joined))
	return r, nil
}

// takeSplit solves each family at its part. ok is false where a family has no
// answer there that can be written.
func (r *Result) takeSplit(ctx context.Context, ps []*optimize.Problem, split []int, o optimize.Options) (ok bool, err error) {
	var ss []*optimize.Solution
	for i, p := range ps {
		q := *p
		q.K = split[i]
		s, err := solveOne(ctx, &q, o)
		if err != nil || s.Witness != nil {
			return false, err
		}
		ss = append(ss, s)
	}
	proven := true
	for _, s := range ss {
		r.take(s)
		proven = proven && s.Proven
	}
	r.Proven = proven
	return true, nil
}

// convolveAll joins frontiers: the least sum of excess at each total price,
// strictly falling, with the split that gives it (of several, the one with the
// fewest rules in the first).
func convolveAll(fs [][]optimize.Point) (joined []optimize.Point, splits [][]int) {
	joined, splits = []optimize.Point{{Price: 0, Excess: new(big.Int)}}, [][]int{nil}
	for _, f := range fs {
		joined, splits = convolve(joined, splits, f)
	}
	return joined, splits
}

func convolve(a []optimize.Point, splits [][]int, b []optimize.Point) (joined []optimize.Point, out [][]int) {
	type sum struct {
		excess *big.Int
		split  []int
	}
	best := map[int]sum{}
	top := 0
	for i, x := range a {
		for _, y := range b {
			price, e := x.Price+y.Price, new(big.Int).Add(x.Excess, y.Excess)
			top = max(top, price)
			if s, ok := best[price]; !ok || e.Cmp(s.excess) < 0 {
				best[price] = sum{e, append(slices.Clone(splits[i]), y.Price)}
			}
		}
	}
	for price := 0; price <= top; price++ {
		s, ok := best[price]
		if !ok {
			continue
		}
		if n := len(joined); n > 0 && joined[n-1].Excess.Cmp(s.excess) <= 0 {
			continue
		}
		joined = append(joined, optimize.Point{Price: price, Excess: s.excess})
		out = append(out, s.split)
	}
	return joined, out
}

// pairWitness says why two families do not fit one quota.
func pairWitness(r Result, alone [2]*optimize.Solution, joined []optimize.Point) *optimize.Witness {
	for _, s := range alone {
		if s.Witness != nil && (s.Witness.LeastPrice == 0 || len(joined) == 0) {
			return s.Witness
		}
	}
	least := 0
	if len(joined) > 0 {
		least = joined[0].Price
	}
	return &optimize.Witness{LeastPrice: least,
		Message: fmt.Sprintf("%s needs at least %d entries for both families together; the quota leaves %d", r.ID, least, r.Quota)}
}
