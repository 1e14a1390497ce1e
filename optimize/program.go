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
	// exactWork is the most inner steps of the exact program: some seconds.
	exactWork = 4e9
	// exactRoom is how many table entries it may keep to rebuild rules from.
	exactRoom = 4e7
)

// program picks the exact program where it fits.
func (in *instance[T]) program(ctx context.Context) (program[T], error) {
	if len(in.slabs) > 1 {
		if e := newExactProgram(in); e != nil {
			if steps, entries := e.work(); steps <= exactWork {
				e.prepare(entries, exactRoom)
				return e, e.run(ctx)
			}
		}
	}
	return newColumnProgram(in), nil
}
