package netset

import (
	"math/rand/v2"
	"net/netip"
	"testing"
)

// The table against a walk over all its prefixes.
func TestTableFindsTheLongest(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 9))
	addr := func() netip.Addr {
		if r.IntN(2) == 0 {
			return netip.AddrFrom4([4]byte{10, byte(r.IntN(2)), byte(r.IntN(4)), byte(r.IntN(256))})
		}
		return netip.AddrFrom16([16]byte{0x20, 1, byte(r.IntN(2)), 15: byte(r.IntN(8))})
	}
	for range 200 {
		var table Table[int]
		all := map[netip.Prefix]int{}
		for n := range 1 + r.IntN(30) {
			a := addr()
			p := netip.PrefixFrom(a, r.IntN(a.BitLen()+1)).Masked()
			table.Set(p, n)
			all[p] = n
		}
		for range 100 {
			a := addr()
			var want netip.Prefix
			for p := range all {
				if p.Contains(a) && (!want.IsValid() || p.Bits() > want.Bits()) {
					want = p
				}
			}
			got, v, ok := table.Longest(a)
			if ok != want.IsValid() || ok && (got != want || v != all[want]) {
				t.Fatalf("%s: got %s %d %v, want %s", a, got, v, ok, want)
			}
			if w, found := table.Lookup(a); found != ok || w != v {
				t.Fatalf("%s: Lookup gives %d %v, Longest %d %v", a, w, found, v, ok)
			}
		}
		for p, n := range all {
			if v, ok := table.Get(p); !ok || v != n {
				t.Fatalf("Get(%s) = %d, %v, want %d", p, v, ok, n)
			}
		}
	}
}
