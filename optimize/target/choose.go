package target

import (
	"context"
	"fmt"
	"math/big"
	"slices"

	"github.com/flowcover/flowcover/optimize"
)

// maxExcess is what a person allows the list to open, nil where nobody says.
func (t *Target) maxExcess() *big.Int {
	if t.input == nil || t.Kept || len(t.Problems) == 0 {
		return nil
	}
	for _, key := range []string{t.ID, t.Resource} {
		if n, ok := t.input.Policy.MaxExcess[key]; ok {
			return n
		}
	}
	return nil
}

// solveChosen solves the families of one list at the points that people chose on
// the frontier: the fewest rules that open no more than MaxExcess.
func solveChosen(ctx context.Context, ts []Target, o optimize.Options) ([]Result, error) {
	if !slices.ContainsFunc(ts, func(t Target) bool { return t.maxExcess() != nil }) {
		return solveReachable(ctx, ts, o)
	}
	full, err := solveUnit(ctx, ts, o)
	if err != nil {
		return nil, err
	}
	at := slices.Clone(ts)
	for i := range ts {
		most := ts[i].maxExcess()
		if most == nil || full[i].Witness != nil {
			continue
		}
		price, ok := cheapest(full[i].Frontier, most, ts[i].Quota)
		if !ok {
			at[i].keepAll(OutcomeCannot, fmt.Sprintf("max-excess %s: the least that %d rules open is %s", most, ts[i].Quota, full[i].Excess))
			continue
		}
		at[i] = ts[i].withQuota(price)
	}
	out, err := solveReachable(ctx, at, o)
	if err != nil {
		return nil, err
	}
	for i := range out {
		out[i].Quota = ts[i].Quota
		if at[i].Quota == ts[i].Quota || out[i].Kept || len(full[i].Frontier) == 0 {
			continue
		}
		// What more rules would open stays to be seen. That they could open less
		// says nothing against the proof at this number.
		out[i].Frontier = placeOn(full[i].Frontier, optimize.Point{Price: out[i].Price, Excess: out[i].Excess})
	}
	return out, nil
}

// cheapest is the lowest price within the quota that opens no more than most.
func cheapest(f []optimize.Point, most *big.Int, quota int) (int, bool) {
	for _, p := range f {
		if p.Price <= quota && p.Excess.Cmp(most) <= 0 {
			return max(1, p.Price), true
		}
	}
	return 0, false
}
