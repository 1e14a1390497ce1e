package topology

import (
	"net/netip"
	"slices"
)

// prefixTable maps prefixes to values and finds the longest that holds an
// address. It asks once per prefix length in use, which is few: a VPC's tables
// have a handful of lengths. The zero value is empty.
type prefixTable[V any] struct {
	at     map[netip.Prefix]V
	v4, v6 []int // lengths in use, longest first
}

func (t *prefixTable[V]) get(p netip.Prefix) (V, bool) {
	v, ok := t.at[p]
	return v, ok
}

// set puts v at p, which must be canonical.
func (t *prefixTable[V]) set(p netip.Prefix, v V) {
	if t.at == nil {
		t.at = make(map[netip.Prefix]V)
	}
	lengths := &t.v4
	if p.Addr().Is6() {
		lengths = &t.v6
	}
	if i, ok := slices.BinarySearchFunc(*lengths, p.Bits(), func(a, b int) int { return b - a }); !ok {
		*lengths = slices.Insert(*lengths, i, p.Bits())
	}
	t.at[p] = v
}

func (t *prefixTable[V]) lookup(a netip.Addr) (V, bool) {
	_, v, ok := t.longest(a)
	return v, ok
}

func (t *prefixTable[V]) longest(a netip.Addr) (netip.Prefix, V, bool) {
	lengths := t.v4
	if a.Is6() {
		lengths = t.v6
	}
	for _, bits := range lengths {
		p, err := a.Prefix(bits)
		if err != nil {
			continue // a zone: no table holds it
		}
		if v, ok := t.at[p]; ok {
			return p, v, true
		}
	}
	var zero V
	return netip.Prefix{}, zero, false
}
