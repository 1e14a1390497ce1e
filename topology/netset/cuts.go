package netset

import (
	"net/netip"
	"slices"

	"go4.org/netipx"
)

// Cuts divides each family's addresses into intervals: it holds, sorted, the
// addresses at which a new one begins. The zero value leaves them whole.
type Cuts []netip.Addr

// CutsAt gives the cuts at the edges of canonical prefixes: no prefix holds
// one part of an interval and leaves out another.
func CutsAt(ps ...netip.Prefix) Cuts {
	out := make(Cuts, 0, 2*len(ps))
	for _, p := range ps {
		out = append(out, p.Addr())
		if after := LastAddr(p).Next(); after.IsValid() {
			out = append(out, after)
		}
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return slices.Compact(out)
}

// Last gives the last address of the interval in which an address lies.
func (c Cuts) Last(a netip.Addr) netip.Addr {
	i, found := slices.BinarySearchFunc(c, a, netip.Addr.Compare)
	if found {
		i++
	}
	if i < len(c) && c[i].BitLen() == a.BitLen() {
		return c[i].Prev()
	}
	return LastAddr(netip.PrefixFrom(a, 0))
}

// LastAddr gives the last address of a prefix.
func LastAddr(p netip.Prefix) netip.Addr { return netipx.PrefixLastIP(p) }

// Range gives the prefixes that hold just the addresses from first to last, of
// one family.
func Range(first, last netip.Addr) []netip.Prefix { return netipx.IPRangeFrom(first, last).Prefixes() }
