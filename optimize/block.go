package optimize

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"net/netip"
	"slices"

	"github.com/flowcover/flowcover/topology/netset"
)

// key is an address shifted to the top of 128 bits, so that one code serves
// both families.
type key struct{ hi, lo uint64 }

func keyOf(a netip.Addr) key {
	if a.Is4() {
		b := a.As4()
		return key{hi: uint64(binary.BigEndian.Uint32(b[:])) << 32}
	}
	b := a.As16()
	return key{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

func (k key) addr(v6 bool) netip.Addr {
	if !v6 {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], uint32(k.hi>>32))
		return netip.AddrFrom4(b)
	}
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], k.hi)
	binary.BigEndian.PutUint64(b[8:], k.lo)
	return netip.AddrFrom16(b)
}

func (k key) compare(o key) int {
	if c := cmp.Compare(k.hi, o.hi); c != 0 {
		return c
	}
	return cmp.Compare(k.lo, o.lo)
}

// common is the number of leading bits that two keys share.
func (k key) common(o key) int {
	if x := k.hi ^ o.hi; x != 0 {
		return bits.LeadingZeros64(x)
	}
	return 64 + bits.LeadingZeros64(k.lo^o.lo)
}

// masked keeps the first n bits.
func (k key) masked(n int) key {
	switch {
	case n <= 0:
		return key{}
	case n < 64:
		return key{hi: k.hi &^ (1<<(64-n) - 1)}
	case n < 128:
		return key{k.hi, k.lo &^ (1<<(128-n) - 1)}
	}
	return k
}

// with sets the bit at position n, counted from the top.
func (k key) with(n int) key {
	if n < 64 {
		k.hi |= 1 << (63 - n)
	} else {
		k.lo |= 1 << (127 - n)
	}
	return k
}

// last is the greatest key in the block that starts here.
func (k key) last(n int) key {
	switch {
	case n < 64:
		return key{k.hi | (1<<(64-n) - 1), ^uint64(0)}
	case n < 128:
		return key{k.hi, k.lo | (1<<(128-n) - 1)}
	}
	return k
}

// block is a prefix: its first key and its length. The bits beyond are zero.
type block struct {
	at   key
	bits uint8
}

func blockOf(p netip.Prefix) block {
	p = netset.CanonicalPrefix(p)
	return block{keyOf(p.Addr()), uint8(p.Bits())}
}

func (b block) prefix(v6 bool) netip.Prefix {
	return netip.PrefixFrom(b.at.addr(v6), int(b.bits))
}

func (b block) contains(o block) bool {
	return b.bits <= o.bits && b.at.common(o.at) >= int(b.bits)
}

func (b block) compare(o block) int {
	if c := b.at.compare(o.at); c != 0 {
		return c
	}
	return cmp.Compare(b.bits, o.bits)
}

func (b block) halves() (block, block) {
	n := b.bits + 1
	return block{b.at, n}, block{b.at.with(int(b.bits)), n}
}

// sibling says whether the two blocks are the halves of one.
func (b block) sibling(o block) bool {
	return b.bits == o.bits && b.bits > 0 && b.at != o.at && b.at.common(o.at) >= int(b.bits)-1
}

// normal sorts blocks, drops those that lie in others and joins halves: the
// shortest list with the same addresses. It works in place.
func normal(bs []block) []block {
	sortBlocks(bs)
	out := bs[:0]
	for _, b := range bs {
		if n := len(out); n > 0 && out[n-1].contains(b) {
			continue
		}
		for n := len(out); n > 0 && out[n-1].sibling(b); n = len(out) {
			b = block{out[n-1].at, b.bits - 1}
			out = out[:n-1]
		}
		out = append(out, b)
	}
	return out
}

// sortBlocks sorts by address, the wider first. Long IPv4 lists go by digits.
func sortBlocks(bs []block) {
	if slices.IsSortedFunc(bs, block.compare) {
		return
	}
	if len(bs) < 1<<12 {
		slices.SortFunc(bs, block.compare)
		return
	}
	packed := make([]uint64, len(bs))
	for i, b := range bs {
		if b.at.lo != 0 || b.at.hi<<32 != 0 || b.bits > 32 {
			slices.SortFunc(bs, block.compare)
			return
		}
		packed[i] = b.at.hi>>32<<6 | uint64(b.bits)
	}
	const digit = 13 // three of them hold 32 bits of address and 6 of length
	spare := make([]uint64, len(bs))
	var at [1 << digit]int
	for shift := 0; shift < 39; shift += digit {
		clear(at[:])
		for _, x := range packed {
			at[x>>shift&(1<<digit-1)]++
		}
		sum := 0
		for i, n := range at {
			at[i], sum = sum, sum+n
		}
		for _, x := range packed {
			d := x >> shift & (1<<digit - 1)
			spare[at[d]] = x
			at[d]++
		}
		packed, spare = spare, packed
	}
	for i, x := range packed {
		bs[i] = block{key{hi: x >> 6 << 32}, uint8(x & 63)}
	}
}
