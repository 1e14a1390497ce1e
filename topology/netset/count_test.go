package netset

import (
	"math/big"
	"math/rand/v2"
	"net/netip"
	"testing"
)

// TestCountAddsUpBlocks: a set's size is the sum of its blocks' sizes, whole
// families and unaligned ranges included.
func TestCountAddsUpBlocks(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 5))
	sets := []*Set{nil, Everything(), Everything().Only(true), Everything().Only(false)}
	for range 300 {
		var bs []Block
		for range 1 + r.IntN(8) {
			a := netip.AddrFrom4([4]byte{byte(r.IntN(256)), 0, 0, byte(r.IntN(4))})
			if r.IntN(2) == 0 {
				a = netip.AddrFrom16([16]byte{byte(r.IntN(256)), 7: byte(r.IntN(2)), 8: byte(r.IntN(256)), 15: byte(r.IntN(4))})
			}
			first := Column(r.IntN(int(NumColumns)))
			bs = append(bs, Block{netip.PrefixFrom(a, r.IntN(a.BitLen()+1)), Columns{first, min(first+Column(r.IntN(9)), NumColumns-1)}}.Canonical())
		}
		sets = append(sets, Of(bs...))
		sets = append(sets, sets[len(sets)-2].Subtract(Of(bs...)))
	}
	for _, s := range sets {
		want := new(big.Int)
		for _, b := range s.Blocks() {
			n := new(big.Int).Lsh(big.NewInt(1), uint(b.Prefix.Addr().BitLen()-b.Prefix.Bits()))
			want.Add(want, n.Mul(n, big.NewInt(int64(b.Columns.Len()))))
		}
		if got := s.Count(); got.Cmp(want) != 0 {
			t.Fatalf("Count() = %s, want %s, of %v", got, want, s.Blocks())
		}
	}
}
