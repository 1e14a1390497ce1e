package changeset

import (
	"math/big"
	"testing"

	"github.com/flowcover/flowcover/optimize"
	"github.com/flowcover/flowcover/optimize/target"
)

// TestHeldOutShares: shares are of what was held out, rounded down, and stand at
// the points that were looked at.
func TestHeldOutShares(t *testing.T) {
	b := &builder{Input: &Input{HeldOutSince: "2026-09-24"}}
	r := &target.Result{Held: &target.HeldOut{Total: target.Traffic{Flows: 30000, New: 3, Records: 70},
		At: []target.Carried{{Price: 2, Traffic: target.Traffic{Flows: 29999, New: 2, Records: 70}}}},
		Frontier: []optimize.Point{{Price: 1, Excess: big.NewInt(9)}, {Price: 2, Excess: big.NewInt(3)}}}
	doc := &Target{Frontier: []Point{{Rules: 1, Excess: "9"}, {Rules: 2, Excess: "3"}}}
	b.heldOut(r, doc)
	c := doc.Frontier[1].Carried
	if doc.Frontier[0].Carried != nil || c == nil || c.Flows != 0.9999 || *c.NewFlows != 0.6666 || c.Records != 1 {
		t.Errorf("%+v", doc.Frontier)
	}
	if doc.HeldOut != (HeldOut{Since: "2026-09-24", Flows: 30000, NewFlows: 3, Records: 70}) {
		t.Errorf("%+v", doc.HeldOut)
	}
	for _, tc := range []struct {
		in   Input
		r    target.Result
		says string
	}{
		{Input{NothingHeldOut: "off"}, *r, "off"},
		{Input{}, target.Result{Target: target.Target{Kept: true}}, "the list stays as it is"},
		{Input{}, target.Result{}, "no approved flow of that part needs the list"},
		{Input{}, target.Result{Held: &target.HeldOut{}}, "no list could be made from the part before"},
		{Input{}, target.Result{Held: &target.HeldOut{CutShort: true}}, "the time for the list ended before every point was solved"},
	} {
		doc := &Target{Frontier: []Point{{Rules: 2, Excess: "3"}}}
		b := &builder{Input: &tc.in}
		if b.heldOut(&tc.r, doc); doc.HeldOut.Reason != tc.says || doc.Frontier[0].Carried != nil {
			t.Errorf("%+v, want %q", doc.HeldOut, tc.says)
		}
	}
}
