package changeset

import (
	"slices"

	"github.com/flowcover/flowcover/optimize/target"
)

// heldOut writes down what points of a frontier would have carried of the part
// of the window that was held out.
func (b *builder) heldOut(r *target.Result, t *Target) {
	t.HeldOut.Since = b.HeldOutSince
	switch {
	case b.NothingHeldOut != "":
		t.HeldOut.Since, t.HeldOut.Reason = "", b.NothingHeldOut
		return
	case r.Kept:
		t.HeldOut.Reason = "the list stays as it is"
		return
	case r.Held == nil:
		t.HeldOut.Reason = "no approved flow of that part needs the list"
		return
	case len(r.Held.At) == 0:
		t.HeldOut.Reason = "no list could be made from the part before"
	}
	if r.Held.CutShort {
		t.HeldOut.Reason = "the time for the list ended before every point was solved"
	}
	all := r.Held.Total
	t.HeldOut.Flows, t.HeldOut.NewFlows, t.HeldOut.Records = all.Flows, all.New, all.Records
	for _, at := range r.Held.At {
		i := slices.IndexFunc(t.Frontier, func(p Point) bool { return p.Rules == at.Price })
		if i < 0 {
			continue
		}
		c := &Carried{Flows: share(int64(at.Traffic.Flows), int64(all.Flows)), Records: share(at.Traffic.Records, all.Records)}
		if all.New > 0 {
			n := share(int64(at.Traffic.New), int64(all.New))
			c.NewFlows = &n
		}
		t.Frontier[i].Carried = c
	}
}

// share is a part of a whole, rounded down, so that 1 means all of it.
func share(part, whole int64) float64 {
	if part >= whole {
		return 1
	}
	return float64(int64(float64(part)/float64(whole)*10000)) / 10000
}
