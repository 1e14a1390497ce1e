package optimize

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"math/bits"
	"slices"

	"github.com/flowcover/flowcover/topology/netset"
)

// Options tune Solve. The zero value is right for a plan.
type Options struct {
	// FrontierTo is the greatest price on the frontier, if that is more than K.
	FrontierTo int
	// Effort is how much work goes into a problem, in units of about a tenth of a
	// second; 0 is 5. It bounds the exact program, which takes some times as long,
	// and the search where that does not fit; prefixes alone are always solved
	// exactly. [EffortExact] is for one list that should be proven. The same
	// effort gives the same answer on any machine.
	Effort int
	// MinGain keeps today's rules where they are possible and the best rules
	// found open less by no more than so many thousandths of today's excess.
	// Where the best is not proven it is at least 5, so that one plan after
	// another does not move rules about for nothing.
	MinGain int
}

// EffortExact is effort enough to solve exactly, in some seconds, a million
// addresses on 4 ports, a hundred thousand on 6 or ten thousand on 8.
const EffortExact = 60

// ErrTooHeavy: the weights of a problem overflow what the solver counts in.
var ErrTooHeavy = errors.New("weights are too large to count exactly")

const (
	maxReferences = 12    // tried in every combination
	maxRules      = 65535 // a table is never longer
)

// Solve finds the rules. A problem without an answer is not an error: its
// Solution has a Witness and no Rules. Errors are a field that makes no sense,
// weights that overflow, and the end of ctx.
//
// When ctx ends in the midst of the work the best so far is the answer, marked
// CutShort, if there is one.
//
// The caller should pass every Solution to [Check] before using it.
func Solve(ctx context.Context, p *Problem, o Options) (*Solution, error) {
	if err := validate(p); err != nil {
		return nil, err
	}
	w, err := newWeighing(p)
	if err != nil {
		return nil, err
	}
	if s := clash(p); s != nil {
		return s, nil
	}
	b := newBasis(p, w, max(p.K, o.FrontierTo))
	b.options = o
	if b.options.Effort <= 0 {
		b.options.Effort = 5
	}
	switch n := b.bits(); {
	case n <= wordBits:
		return solveIn(ctx, b, wordKind)
	case n <= wideBits:
		return solveIn(ctx, b, wideKind)
	default:
		return nil, fmt.Errorf("problem %q: %w: %d bits are needed, %d are there; use smaller zone or port weights", p.ID, ErrTooHeavy, n, wideBits)
	}
}

func validate(p *Problem) error {
	if p.K < 1 {
		return fmt.Errorf("problem %q: K %d: want 1 or more rules", p.ID, p.K)
	}
	width, ip := 32, 4
	if p.V6 {
		width, ip = 128, 6
	}
	if p.Denies && len(p.Pinned)+len(p.References) > 0 {
		return fmt.Errorf("problem %q: Denies with %d pinned rules and %d references: want neither", p.ID, len(p.Pinned), len(p.References))
	}
	if p.MaxPrefix < 0 || p.MaxPrefix > width {
		return fmt.Errorf("problem %q: MaxPrefix %d: want 0 to %d", p.ID, p.MaxPrefix, width)
	}
	family := func(what string, i int, b netset.Block) error {
		if !b.Prefix.IsValid() || netset.CanonicalPrefix(b.Prefix).Addr().Is6() != p.V6 {
			return fmt.Errorf("problem %q: %s[%d]: prefix %s: want an IPv%d prefix", p.ID, what, i, b.Prefix, ip)
		}
		if b.Columns.First > b.Columns.Last || b.Columns.Last >= netset.NumColumns {
			return fmt.Errorf("problem %q: %s[%d]: columns %d to %d: want First <= Last < %d", p.ID, what, i, b.Columns.First, b.Columns.Last, netset.NumColumns)
		}
		return nil
	}
	for i := range p.Approved {
		if err := family("Approved", i, p.Approved[i].Block); err != nil {
			return err
		}
	}
	for _, list := range []struct {
		what  string
		rules []Rule
	}{{"Pinned", p.Pinned}, {"Current", p.Current}} {
		what := list.what
		for i, r := range list.rules {
			if r.Price < 0 {
				return fmt.Errorf("problem %q: %s[%d]: price %d: want 1 or more", p.ID, what, i, r.Price)
			}
			if r.Ref != "" {
				continue
			}
			if err := family(what, i, r.Block); err != nil {
				return err
			}
		}
	}
	for i, r := range p.References {
		if r.Price < 0 || r.Ref == "" {
			return fmt.Errorf("problem %q: References[%d]: ref %q at price %d: want a name and a price of 1 or more", p.ID, i, r.Ref, r.Price)
		}
	}
	return nil
}

// clash looks for approved cells that no rule may cover.
func clash(p *Problem) *Solution {
	if p.Open == nil && p.Forbidden == nil {
		return nil
	}
	for i := range p.Approved {
		c := &p.Approved[i]
		if p.PinnedOpen.ContainsBlock(c.Block) {
			continue
		}
		if p.Forbidden.OverlapsBlock(c.Block) {
			bad := p.Forbidden.Intersect(netset.Of(c.Block)).Subtract(p.PinnedOpen).Blocks()
			if len(bad) > 0 {
				return &Solution{Witness: &Witness{Approved: c, Forbidden: &bad[0],
					Message: fmt.Sprintf("%s is approved%s, and %s, a part of it, is forbidden", c.Block, named(c.Flow), bad[0])}}
			}
		}
		if p.Open != nil && !p.Open.ContainsBlock(c.Block) {
			bad := netset.Of(c.Block).Subtract(p.Open).Subtract(p.PinnedOpen).Blocks()
			if len(bad) > 0 {
				return &Solution{Witness: &Witness{Approved: c, Forbidden: &bad[0],
					Message: fmt.Sprintf("%s is approved%s, and %s, a part of it, is closed today and may not be opened", c.Block, named(c.Flow), bad[0])}}
			}
		}
	}
	return nil
}

func named(flow string) string {
	if flow == "" {
		return ""
	}
	return " (flow " + flow + ")"
}

// basis is a problem made ready, before the arithmetic is chosen.
type basis struct {
	*Problem
	w      *weighing
	to     int // the greatest price wanted
	pinned int // price of the pinned rules
	need   []slab
	refs   []Reference // useful ones, sorted
	cur    map[rule]bool
	curRef map[refKey]bool

	options Options
}

type refKey struct {
	ref  string
	cols netset.Columns
}

func newBasis(p *Problem, w *weighing, to int) *basis {
	b := &basis{Problem: p, w: w, to: min(to, maxRules), cur: map[rule]bool{}, curRef: map[refKey]bool{}}
	for _, r := range p.Pinned {
		b.pinned += max(1, r.Price)
	}
	for _, r := range p.Current {
		if r.Ref != "" {
			b.curRef[refKey{r.Ref, r.Columns}] = true
		} else {
			b.cur[rule{blockOf(r.Prefix), r.Columns, r.Deny}] = true
		}
	}
	b.need = slabsOf(p, w, p.PinnedOpen)
	b.refs = b.useful()
	return b
}

// useful lists the references that may be proposed and cover something.
func (b *basis) useful() []Reference {
	var out []Reference
	for _, r := range b.References {
		opens := r.Opens.Only(b.V6)
		if b.Open != nil && !b.Open.ContainsSet(opens) || !b.Forbidden.Intersect(opens).IsEmpty() {
			continue
		}
		r.Price, r.Opens = max(1, r.Price), opens
		if b.covers(opens) {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(x, y Reference) int { return compareRules(x.Rule, y.Rule) })
	return slices.CompactFunc(out, func(x, y Reference) bool { return x.Ref == y.Ref && x.Columns == y.Columns })
}

func (b *basis) covers(s *netset.Set) bool {
	for _, sl := range b.need {
		for _, bl := range sl.blocks {
			if s.OverlapsBlock(netset.Block{Prefix: bl.prefix(b.V6), Columns: sl.cols}) {
				return true
			}
		}
	}
	return false
}

// shift is how far exposure is moved up to leave room for counting new rules.
func (b *basis) shift() uint { return uint(bits.Len(uint(2*b.to + maxReferences))) }

// bits is how many bits the greatest cost can take.
func (b *basis) bits() int {
	total := new(big.Int)
	var hull block
	cols := netset.Columns{}
	for i, s := range b.need {
		if len(s.blocks) == 0 {
			continue
		}
		first, last := s.blocks[0], s.blocks[len(s.blocks)-1]
		n := min(first.at.common(last.at), int(first.bits), int(last.bits))
		part := block{first.at.masked(n), uint8(n)}
		if i == 0 {
			hull, cols = part, s.cols
			continue
		}
		n = min(hull.at.common(part.at), int(hull.bits), n)
		hull, cols.Last = block{part.at.masked(n), uint8(n)}, s.cols.Last
	}
	weight := b.w.cols(cols)
	if cols.First.Protocol() != cols.Last.Protocol() {
		weight = b.w.cols(netset.AllColumns())
	}
	total.Add(total, b.w.measure(hull, weight)) // zone by zone: light networks are the large ones
	total.Add(total, b.w.of(b.PinnedOpen, b.V6))
	for _, r := range b.refs {
		total.Add(total, b.w.of(r.Opens, b.V6))
	}
	return total.BitLen() + int(b.shift()) + 1
}

func compareRules(x, y Rule) int {
	if (x.Ref != "") != (y.Ref != "") {
		if x.Ref != "" {
			return -1
		}
		return 1
	}
	if x.Ref != y.Ref {
		if x.Ref < y.Ref {
			return -1
		}
		return 1
	}
	if x.Ref != "" {
		return x.Columns.Compare(y.Columns)
	}
	return x.Block.Compare(y.Block)
}
