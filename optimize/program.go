package optimize

import "context"

// program finds the rules of an instance at every price.
type program[T num[T]] interface {
	// table gives the least cost with k rules (or with at most k), from k = 0.
	table() []T
	// rules gives rules of that cost, for a k at which the table descends.
	rules(k int) []rule
	// exact says whether no other rules are better at any price.
	exact() bool
}

const (
	// exactWork is the most inner steps of the exact program: some ten seconds.
	exactWork = 2.5e9
	// exactUnit is how many of them a unit of effort is worth.
	exactUnit = 4e7
	// exactRoom is how many table entries it may keep to rebuild rules from.
	exactRoom = 4e7
	// effortWork is the inner steps of one unit of effort elsewhere.
	effortWork = 2e7
	// wideSteps is what a step costs in wide numbers.
	wideSteps = 3
)

var exactShare = 1.0 // tests lower it

// affords says whether the exact program fits a share of the effort.
func (e *exactProgram[T]) affords(share float64, effort int) bool {
	limit := min(exactWork, exactUnit*float64(effort))
	steps, _ := e.work()
	return steps <= limit*share*exactShare
}

// program picks the exact program where it fits, and else one that needs less
// work. When ctx ends, the least: then done is false.
func (in *instance[T]) program(ctx context.Context, share float64, effort int) (p program[T], done bool) {
	if in.Denies && ctx.Err() == nil {
		if d := newDenyProgram(in); d != nil && d.run(ctx) {
			return d, true
		}
	}
	if len(in.slabs) > 1 {
		if e := newExactProgram(in); e != nil && e.affords(share, effort) {
			_, entries := e.work()
			e.prepare(entries, exactRoom)
			if e.run(ctx) == nil {
				return e, true
			}
			return newColumnProgram(in, 0), false
		}
	}
	if ctx.Err() != nil {
		return newColumnProgram(in, 0), false
	}
	p = newColumnProgram(in, effortWork*float64(effort)/2*share)
	if !p.exact() {
		if g := newSegmentProgram(in); g != nil {
			p = newBoth(in.kind.inf, p, program[T](g))
		}
	}
	return p, true
}
