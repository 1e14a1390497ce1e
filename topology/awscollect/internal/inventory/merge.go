package inventory

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/flowcover/flowcover/topology"
)

// entry is a resource with where it was read.
type entry[T any] struct {
	value T
	from  *Origin
}

// kind says how a kind of resource is told apart and compared.
type kind[T any] struct {
	key   func(*T) string
	owner func(*T) string // the account that owns it, where the answer says
	wrap  func(T) topology.Resources
}

// merge turns the values of a call into resources, each once. The same
// resource may have been read twice: with the same content that is harmless;
// with another it is an error that names both places. Of a resource that two
// accounts share, its owner's reading is taken.
func merge[S, T any](in []Found[S], convert func(S) (T, bool, error), k kind[T]) ([]entry[T], error) {
	// Regions are read side by side: their answers come in any order.
	in = slices.Clone(in)
	slices.SortStableFunc(in, func(a, b Found[S]) int { return cmp.Compare(a.from.Source, b.from.Source) })
	at := make(map[string]entry[T], len(in))
	for _, f := range in {
		v, ok, err := convert(f.value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.from.Source, err)
		}
		if !ok {
			continue
		}
		id := k.key(&v)
		other, twice := at[id]
		if !twice {
			at[id] = entry[T]{v, f.from}
			continue
		}
		keep, err := k.choose(id, other, entry[T]{v, f.from})
		if err != nil {
			return nil, err
		}
		at[id] = keep
	}
	out := make([]entry[T], 0, len(at))
	for _, id := range slices.Sorted(maps.Keys(at)) {
		out = append(out, at[id])
	}
	return out, nil
}

func (k kind[T]) choose(id string, a, b entry[T]) (entry[T], error) {
	if k.owner != nil {
		owner := k.owner(&a.value)
		ownA, ownB := owner != "" && a.from.Hint.Account == owner, owner != "" && b.from.Hint.Account == owner
		switch {
		case ownA && !ownB:
			return a, nil
		case ownB && !ownA:
			return b, nil
		}
	}
	same, err := sameContent(k.wrap(a.value), k.wrap(b.value))
	if err != nil {
		return a, fmt.Errorf("%s, %s: %w", a.from.Source, b.from.Source, err)
	}
	if !same {
		return a, &ConflictError{Resource: id, First: a.from.Source, Second: b.from.Source}
	}
	return a, nil
}

// sameContent compares by what a snapshot would hold, so that the order of
// rules and what no snapshot keeps make no difference.
func sameContent(a, b topology.Resources) (bool, error) {
	x, err := topology.New(a)
	if err != nil {
		return false, err
	}
	y, err := topology.New(b)
	if err != nil {
		return false, err
	}
	return x.Digest() == y.Digest(), nil
}

// ConflictError is a resource that was read twice with different contents.
type ConflictError struct {
	Resource      string
	First, Second string // files or calls
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("%s stands in %s and in %s with different contents: keep one export of the account and remove the other",
		e.Resource, e.First, e.Second)
}

// always makes a conversion of a kind that has no state of being gone.
func always[S, T any](convert func(S) (T, error)) func(S) (T, bool, error) {
	return func(s S) (T, bool, error) {
		v, err := convert(s)
		return v, true, err
	}
}

// unite turns the answers about each parent into one sorted list. A parent that
// was asked twice must have been answered the same: two answers that differ
// are two times of reading.
func unite[S, T any](in []Found[[]S], convert func(parent string, s S) (T, bool, error), compare func(a, b T) int) (map[string][]T, error) {
	type told struct {
		list []T
		from *Origin
	}
	first := map[string]map[string]*told{} // parent, source
	var parents []string
	for _, f := range in {
		if first[f.parent] == nil {
			first[f.parent] = map[string]*told{}
			parents = append(parents, f.parent)
		}
		t := first[f.parent][f.from.Source] // pages of one answer have one source
		if t == nil {
			t = &told{from: f.from}
			first[f.parent][f.from.Source] = t
		}
		for _, s := range f.value {
			v, ok, err := convert(f.parent, s)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", f.from.Source, err)
			}
			if ok {
				t.list = append(t.list, v)
			}
		}
	}
	out := make(map[string][]T, len(first))
	for _, parent := range parents {
		sources := slices.Sorted(maps.Keys(first[parent]))
		for i, source := range sources {
			t := first[parent][source]
			slices.SortFunc(t.list, compare)
			t.list = slices.CompactFunc(t.list, func(a, b T) bool { return compare(a, b) == 0 })
			if i > 0 && slices.CompareFunc(out[parent], t.list, compare) != 0 {
				return nil, &ConflictError{Resource: "what belongs to " + parent, First: sources[0], Second: source}
			}
			out[parent] = t.list
		}
	}
	return out, nil
}

func compareScope(a, b topology.Scope) int {
	return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Region, b.Region))
}
