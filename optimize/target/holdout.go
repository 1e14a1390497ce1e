package target

import (
	"context"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/optimize"
	"github.com/flowcover/flowcover/topology/netset"
)

// Traffic counts approved flows that need a list in the held-out part of a window.
type Traffic struct {
	Flows int
	// New are those of the flows that were not approved on the part before alone.
	New int
	// Records of a flow are known for the whole window only: a part has as many
	// as it has of the flow's days.
	Records int64
}

// HeldOut says what a list made from the part before would have carried of the
// held-out part.
type HeldOut struct {
	// Total is what there was to carry.
	Total Traffic
	// At are points of the frontier, by rising price: every one where no flow is
	// new, since a list carries whatever it was made from.
	At []Carried
	// CutShort: the guard ended the work before every point was solved.
	CutShort bool
}

// Carried is what the list of so many rules would have carried.
type Carried struct {
	Price   int
	Traffic Traffic
}

// Part is the part of a window that is held out.
type Part struct {
	// From is the first day of the part, as in [analyze.Flow.Days].
	From int32
	// Earlier are the flows as they stood before.
	Earlier []analyze.Flow
}

// HoldOut solves again, without the held-out part, every list that the part
// brings new flows to, and notes in the results what those lists would have
// carried of it. It does so with a fifth of the effort at a handful of points of
// the frontier: the lowest, one half way up, the chosen one, the next, and the
// last. in and rs are what Build was given and Solve gave.
//
// Each family of a list is solved by itself. Today's rules, what policy and
// refused flows forbid and the coverage of the evidence are those of the whole
// window.
func HoldOut(ctx context.Context, in Input, rs []Result, part Part, o Options) error {
	early := in
	early.Flows = part.Earlier
	early.Policy.MaxRules, early.Policy.MaxExcess = nil, nil // the points are those of the frontier
	ts, _, err := Build(early)
	if err != nil {
		return err
	}
	byID := make(map[string]*Target, len(ts))
	for i := range ts {
		byID[ts[i].ID] = &ts[i]
	}
	seen := newSeen(in.Flows, part)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(max(1, o.Workers))
	var mu sync.Mutex
	done := 0
	for i := range rs {
		g.Go(func() error {
			held, err := holdOut(ctx, &rs[i], byID[rs[i].ID], seen.needs(&rs[i]), o)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			rs[i].Held = held
			if done++; o.Progress != nil {
				o.Progress(done, len(rs))
			}
			return nil
		})
	}
	return g.Wait()
}

// need is an approved flow of the held-out part, with all that it needs of a list.
type need struct {
	blocks  []netset.Block
	known   bool // approved on the part before
	records int64
}

// seen are the flows of a window whose last part is held out.
type seen struct {
	flows map[string]*analyze.Flow
	known map[string]bool
	from  int32
}

func newSeen(flows []analyze.Flow, part Part) *seen {
	s := &seen{flows: make(map[string]*analyze.Flow, len(flows)), known: make(map[string]bool, len(part.Earlier)), from: part.From}
	for i := range flows {
		s.flows[flows[i].ID] = &flows[i]
	}
	for i := range part.Earlier {
		s.known[part.Earlier[i].ID] = part.Earlier[i].Approved
	}
	return s
}

// needs lists the approved flows of a list that the held-out part saw.
func (s *seen) needs(r *Result) []need {
	blocks := map[string][]netset.Block{}
	for _, c := range r.Cells {
		blocks[c.Flow] = append(blocks[c.Flow], c.Block)
	}
	var out []need
	for _, id := range r.Flows {
		f, ok := s.flows[id]
		if !ok || !f.Approved {
			continue
		}
		if all, before := len(f.Days), f.DaysBefore(s.from); before < all {
			out = append(out, need{blocks[id], s.known[id], f.Records * int64(all-before) / int64(all)})
		}
	}
	return out
}

func holdOut(ctx context.Context, r *Result, early *Target, needs []need, o Options) (*HeldOut, error) {
	if r.Kept || len(r.Problems) == 0 || len(needs) == 0 {
		return nil, nil
	}
	h := &HeldOut{Total: traffic(needs, nil)}
	if h.Total.New == 0 {
		for _, p := range r.Frontier {
			h.At = append(h.At, Carried{p.Price, h.Total})
		}
		return h, nil
	}
	own := ctx
	if o.Guard != nil {
		var cancel context.CancelFunc
		own, cancel = o.Guard(ctx)
		defer cancel()
	}
	// A share is wanted at several points, not the last bit of excess.
	o.Optimize.Effort = max(1, o.Optimize.Effort/5)
	points := heldPoints(r.Frontier, r.Price)
	var last *Result // the answer at a higher point
	var open *netset.Set
	for _, price := range slices.Backward(points) {
		if last == nil || last.Price > price {
			s, err := solveEarly(own, early, price, o.Optimize)
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if own.Err() != nil {
				h.CutShort = true
				break
			}
			if err != nil {
				return nil, err
			}
			if s.Witness != nil {
				break // as little fits below
			}
			last, open = &s, s.opens()
		}
		h.At = append(h.At, Carried{price, traffic(needs, open)})
	}
	slices.Reverse(h.At)
	return h, nil
}

// solveEarly answers a list on what was known before, with so many rules. Of a
// list that was not there nothing opens.
func solveEarly(ctx context.Context, t *Target, price int, o optimize.Options) (Result, error) {
	if t == nil {
		return Result{}, nil
	}
	at := t.withQuota(price)
	return solveTarget(ctx, &at, nil, o)
}

// opens is what the list would open.
func (r *Result) opens() *netset.Set {
	if r.Kept {
		return r.Open
	}
	out := netset.Of().Union(r.PinnedOpen())
	for _, p := range r.Problems {
		out = out.Union(Opens(p, r.Rules))
	}
	return out
}

// traffic counts the flows that a list carries with all they need; nil open: all.
func traffic(needs []need, open *netset.Set) Traffic {
	var t Traffic
	for _, n := range needs {
		if open != nil && slices.ContainsFunc(n.blocks, func(b netset.Block) bool { return !open.ContainsBlock(b) }) {
			continue
		}
		t.Flows++
		t.Records += n.records
		if !n.known {
			t.New++
		}
	}
	return t
}

// heldPoints picks the prices to solve at, ascending.
func heldPoints(f []optimize.Point, chosen int) []int {
	at := 0
	for i, p := range f {
		if p.Price <= chosen {
			at = i
		}
	}
	var out []int
	for _, i := range []int{0, at / 2, at, at + 1, len(f) - 1} {
		if i >= 0 && i < len(f) && f[i].Price > 0 {
			out = append(out, f[i].Price)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
