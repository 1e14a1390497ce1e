package changeset

import (
	"context"
	"errors"
	"testing"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/optimize/target"
)

// endsAfter is a context that ends when it was asked so many times.
type endsAfter struct {
	context.Context
	left *int
}

func (e endsAfter) Err() error {
	if *e.left--; *e.left < 0 {
		return context.Canceled
	}
	return nil
}

// TestBuildStops: wherever the context ends, Build ends with it and gives nothing.
func TestBuildStops(t *testing.T) {
	a := small()
	a.sg("sg-web", "vpc-1", "in tcp/443 10.0.0.0/8", "out all 0.0.0.0/0")
	a.eni("eni-web", "subnet-a", "sg-web", "10.1.1.10")
	a.flow("eni-web in tcp/443 10.1.2.20")
	s := a.snapshot(t)
	o := analyze.Reobserve(a.flows, analyze.Evidence{Snapshots: []analyze.SnapshotAt{{Snapshot: s, Time: windowStart}}, Policy: analyze.DefaultPolicy()}, analyze.Window{})
	policy := newPlan().policy
	ts, _, err := target.Build(target.Input{Snapshot: s, Flows: o.Flows, Policy: policy})
	if err != nil {
		t.Fatal(err)
	}
	rs, err := target.Solve(t.Context(), ts, target.Options{})
	if err != nil {
		t.Fatal(err)
	}
	stops := 0
	for n := 0; ; n++ {
		left := n
		c, err := Build(endsAfter{t.Context(), &left}, Input{Snapshot: s, Flows: o.Flows, Results: rs, Policy: policy})
		if err == nil {
			break
		}
		if stops++; !errors.Is(err, context.Canceled) || c != nil {
			t.Fatalf("ended after %d: %v, %v", n, c, err)
		}
	}
	if stops < 8 {
		t.Errorf("the context is asked %d times: not in every long loop", stops)
	}
}
