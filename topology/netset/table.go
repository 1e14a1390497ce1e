package netset

import (
	"net/netip"

	"github.com/gaissmai/bart"
)

// Table maps prefixes to values and finds the longest that holds an address.
// The zero value is empty. Reading at the same time is safe, writing is not.
type Table[V any] struct{ t bart.Table[V] }

// Get gives the value at just this prefix.
func (t *Table[V]) Get(p netip.Prefix) (V, bool) { return t.t.Get(p) }

// Set puts a value at a canonical prefix, in place of what was there.
func (t *Table[V]) Set(p netip.Prefix, v V) { t.t.Insert(p, v) }

// Prefixes lists the prefixes that have a value, in order.
func (t *Table[V]) Prefixes() []netip.Prefix {
	var out []netip.Prefix
	for p := range t.t.AllSorted() {
		out = append(out, p)
	}
	return out
}

// Lookup gives the value at the longest prefix that holds the address.
func (t *Table[V]) Lookup(a netip.Addr) (V, bool) { return t.t.Lookup(a) }

// Longest gives that prefix as well.
func (t *Table[V]) Longest(a netip.Addr) (netip.Prefix, V, bool) {
	return t.t.LookupPrefixLPM(netip.PrefixFrom(a, a.BitLen()))
}
