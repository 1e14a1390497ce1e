package target

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"testing"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/optimize"
	"github.com/flowcover/flowcover/topology/netset"
)

func apart() []analyze.Flow {
	var fs []analyze.Flow
	for i := range 6 {
		fs = append(fs, approved(fmt.Sprintf("192.0.2.%d", 1<<i), netset.TCP, 443))
	}
	return fs
}

func solved(t *testing.T, p Policy, o Options) *Result {
	t.Helper()
	p.EphemeralFrom, p.EphemeralTo = 1024, 65535
	ts, _, err := Build(Input{Snapshot: one(t), Flows: apart(), Policy: p, Scope: []string{"sg-1"}})
	if err != nil {
		t.Fatal(err)
	}
	rs, err := Solve(t.Context(), ts, o)
	if err != nil {
		t.Fatal(err)
	}
	for i := range rs {
		if rs[i].ID == "sg-1 ingress ipv4" {
			return &rs[i]
		}
	}
	t.Fatal("no such list")
	return nil
}

// TestMaxExcess: for each point of the frontier, and between two, the fewest
// rules that open no more; what more rules would open stays to be seen.
func TestMaxExcess(t *testing.T) {
	full := solved(t, Policy{}, Options{})
	if len(full.Frontier) < 3 {
		t.Fatalf("a frontier of %d points tests nothing", len(full.Frontier))
	}
	for _, pt := range full.Frontier {
		for _, more := range []int64{0, 1} {
			most := new(big.Int).Add(pt.Excess, big.NewInt(more))
			for _, key := range []string{"sg-1", "sg-1 ingress ipv4"} {
				r := solved(t, Policy{MaxExcess: map[string]*big.Int{key: most}}, Options{})
				if r.Price != pt.Price || r.Excess.Cmp(pt.Excess) != 0 || !r.Proven || r.Quota != full.Quota || len(r.Frontier) != len(full.Frontier) {
					t.Errorf("%s=%s: %d rules, %s, frontier of %d", key, most, r.Price, r.Excess, len(r.Frontier))
				}
			}
		}
	}
	two := full.Frontier[1].Excess
	r := solved(t, Policy{MaxRules: map[string]int{"sg-1": 2}, MaxExcess: map[string]*big.Int{"sg-1": new(big.Int).Sub(two, big.NewInt(1))}}, Options{})
	if r.Outcome != OutcomeCannot || !r.Kept {
		t.Errorf("what 2 rules cannot do: %s, %s", r.Outcome, r.Reason)
	}
	if _, _, err := Build(Input{Snapshot: one(t), Policy: Policy{MaxExcess: map[string]*big.Int{"sg-1": big.NewInt(-1)}}}); err == nil {
		t.Error("a negative excess is taken")
	}
}

// TestGuard: a list whose time has ended is marked, still right, and says so; the
// end of the whole is an error.
func TestGuard(t *testing.T) {
	over := func(ctx context.Context) (context.Context, context.CancelFunc) {
		c, cancel := context.WithCancel(ctx)
		cancel()
		return c, cancel
	}
	r := solved(t, Policy{}, Options{Guard: over})
	if !r.CutShort {
		t.Error("a list cut short is not marked")
	}
	if r.Outcome == "" && (len(r.Rules) == 0 || r.Price > r.Quota) {
		t.Errorf("cut short, it has no answer and no reason: %+v", r)
	}
	if full := solved(t, Policy{}, Options{Guard: context.WithCancel}); full.CutShort || !full.Proven {
		t.Error("a list that had time enough is marked")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	ts, _, err := Build(Input{Snapshot: one(t), Flows: apart(), Scope: []string{"sg-1"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Solve(ctx, ts, Options{Guard: context.WithCancel, Optimize: optimize.Options{}}); !errors.Is(err, context.Canceled) {
		t.Errorf("the end of the whole: %v", err)
	}
}
