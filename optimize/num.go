package optimize

import (
	"encoding/binary"
	"math/big"
	"math/bits"
)

// num is a non-negative integer that the programs count exposure in: word where
// the whole problem fits 61 bits, wide elsewhere. Floats are never used, since
// rounding makes a bound exceed the optimum in its last digit.
type num[T any] interface {
	add(T) T
	sub(T) T // the argument must not be greater
	less(T) bool
	mul(uint64) T
	shl(uint) T
	big() *big.Int
	infinite() bool
}

// word counts what fits an int64. Sums of two never overflow: everything stays
// below infWord, which is a quarter of the range.
type word int64

const (
	infWord  word = 1 << 62 / 2
	wordBits      = 60 // values must stay below 1<<wordBits
	wideBits      = 188
)

func (a word) add(b word) word   { return a + b }
func (a word) sub(b word) word   { return a - b }
func (a word) less(b word) bool  { return a < b }
func (a word) mul(n uint64) word { return a * word(n) }
func (a word) shl(n uint) word   { return a << n }
func (a word) big() *big.Int     { return big.NewInt(int64(a)) }
func (a word) infinite() bool    { return a >= infWord }

// wide is a 192-bit integer, least significant word first: 128 bits of IPv6
// addresses, 18 of columns, and room for weights and tie breaks.
type wide [3]uint64

var infWide = wide{0, 0, 1 << 61}

func (a wide) add(b wide) wide {
	var c uint64
	var r wide
	r[0], c = bits.Add64(a[0], b[0], 0)
	r[1], c = bits.Add64(a[1], b[1], c)
	r[2], _ = bits.Add64(a[2], b[2], c)
	return r
}

func (a wide) sub(b wide) wide {
	var c uint64
	var r wide
	r[0], c = bits.Sub64(a[0], b[0], 0)
	r[1], c = bits.Sub64(a[1], b[1], c)
	r[2], _ = bits.Sub64(a[2], b[2], c)
	return r
}

func (a wide) less(b wide) bool {
	switch {
	case a[2] != b[2]:
		return a[2] < b[2]
	case a[1] != b[1]:
		return a[1] < b[1]
	}
	return a[0] < b[0]
}

func (a wide) mul(n uint64) wide {
	var r wide
	h0, l0 := bits.Mul64(a[0], n)
	h1, l1 := bits.Mul64(a[1], n)
	_, l2 := bits.Mul64(a[2], n)
	var c uint64
	r[0] = l0
	r[1], c = bits.Add64(l1, h0, 0)
	r[2], _ = bits.Add64(l2, h1, c)
	return r
}

func (a wide) shl(n uint) wide {
	for ; n >= 64; n -= 64 {
		a = wide{0, a[0], a[1]}
	}
	if n == 0 {
		return a
	}
	return wide{a[0] << n, a[1]<<n | a[0]>>(64-n), a[2]<<n | a[1]>>(64-n)}
}

func (a wide) big() *big.Int {
	r := new(big.Int)
	for i := 2; i >= 0; i-- {
		r.Lsh(r, 64)
		r.Or(r, new(big.Int).SetUint64(a[i]))
	}
	return r
}

func (a wide) infinite() bool { return a[2] >= 1<<61 }

// kind is the arithmetic of one num: what generic code cannot spell, and the
// inner loop of the programs, which must not go through a dictionary.
type kind[T any] struct {
	bits int // values stay below 1<<bits
	inf  T
	of   func(uint64) T
	// ofBig takes what is known to fit.
	ofBig func(*big.Int) T
	// join lowers dst[i+j+1] to a[i]+b[j] wherever that is less. Index i of a
	// table stands for i+1 rules. What lies beyond dst is dropped.
	join func(dst, a, b []T)
	// merge lowers dst[i+j] to a[i]+b[j]. Here index k stands for k rules.
	merge func(dst, a, b []T)
	// lower lowers dst[n+k] to src[k]+c, for a dst that does not ascend.
	lower func(dst, src []T, c T, n int)
}

var (
	wordKind = kind[word]{bits: wordBits, inf: infWord, of: func(n uint64) word { return word(n) }, ofBig: func(n *big.Int) word { return word(n.Int64()) }, join: joinWord, merge: mergeWord, lower: lowerWord}
	wideKind = kind[wide]{bits: wideBits, inf: infWide, of: func(n uint64) wide { return wide{n} }, ofBig: wideOf, join: joinWide, merge: mergeWide, lower: lowerWide}
)

func wideOf(n *big.Int) wide {
	var buf [24]byte
	n.FillBytes(buf[:])
	return wide{binary.BigEndian.Uint64(buf[16:]), binary.BigEndian.Uint64(buf[8:]), binary.BigEndian.Uint64(buf[:])}
}

func joinWord(dst, a, b []word) {
	for i, x := range a {
		if i+1 >= len(dst) {
			return
		}
		if x >= infWord {
			continue
		}
		d := dst[i+1:]
		bb := b[:min(len(b), len(d))]
		d = d[:len(bb)]
		for j, y := range bb {
			d[j] = min(d[j], x+y)
		}
	}
}

func joinWide(dst, a, b []wide) {
	for i, x := range a {
		if i+1 >= len(dst) {
			return
		}
		if x.infinite() {
			continue
		}
		d := dst[i+1:]
		for j, y := range b[:min(len(b), len(d))] {
			if s := x.add(y); s.less(d[j]) {
				d[j] = s
			}
		}
	}
}

func mergeWord(dst, a, b []word) {
	for i, x := range a {
		if i >= len(dst) {
			return
		}
		if x >= infWord {
			continue
		}
		d := dst[i:]
		bb := b[:min(len(b), len(d))]
		d = d[:len(bb)]
		for j, y := range bb {
			d[j] = min(d[j], x+y)
		}
	}
}

func mergeWide(dst, a, b []wide) {
	for i, x := range a {
		if i >= len(dst) {
			return
		}
		if x.infinite() {
			continue
		}
		d := dst[i:]
		for j, y := range b[:min(len(b), len(d))] {
			if s := x.add(y); s.less(d[j]) {
				d[j] = s
			}
		}
	}
}

// Once dst is no more than c it stays so, and nothing can be lowered.
func lowerWord(dst, src []word, c word, n int) {
	for k := n; k < len(dst) && dst[k] > c; k++ {
		dst[k] = min(dst[k], src[min(k-n, len(src)-1)]+c)
	}
}

func lowerWide(dst, src []wide, c wide, n int) {
	for k := n; k < len(dst) && c.less(dst[k]); k++ {
		if s := src[min(k-n, len(src)-1)].add(c); s.less(dst[k]) {
			dst[k] = s
		}
	}
}
