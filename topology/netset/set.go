package netset

import (
	"encoding/binary"
	"math/big"
	"math/bits"
	"net/netip"
	"slices"

	"go4.org/netipx"
)

// Block is a prefix times an interval of columns: what one rule matches.
type Block struct {
	Prefix  netip.Prefix
	Columns Columns
}

// String writes "tcp/443 10.0.0.0/8".
func (b Block) String() string { return b.Columns.String() + " " + b.Prefix.String() }

// Compare orders by prefix (address, then the shorter first), then columns.
func (b Block) Compare(o Block) int {
	if c := b.Prefix.Addr().Compare(o.Prefix.Addr()); c != 0 {
		return c
	}
	if c := b.Prefix.Bits() - o.Prefix.Bits(); c != 0 {
		return c
	}
	return b.Columns.Compare(o.Columns)
}

// Canonical gives the block with its host bits cleared and its address unmapped.
func (b Block) Canonical() Block {
	return Block{Prefix: CanonicalPrefix(b.Prefix), Columns: b.Columns}
}

// CanonicalPrefix clears host bits and turns IPv4-mapped IPv6 into IPv4.
func CanonicalPrefix(p netip.Prefix) netip.Prefix {
	a, bits := p.Addr(), p.Bits()
	if a.Is4In6() && bits >= 96 {
		a, bits = a.Unmap(), bits-96
	}
	return netip.PrefixFrom(a, bits).Masked()
}

// Set is an immutable set of cells, of both families at once. The nil Set and
// the zero Set are empty. Equal sets have one representation.
type Set struct{ slabs []slab }

// slab: the same addresses on every column of an interval. The slabs of a Set
// are sorted and disjoint, none is empty, and neighbours that touch differ.
type slab struct {
	cols Columns
	ips  *netipx.IPSet
}

// Of gives the union of blocks.
func Of(blocks ...Block) *Set {
	bs := slices.Clone(blocks)
	edges := make([]Column, 0, 2*len(bs))
	for i := range bs {
		bs[i] = bs[i].Canonical()
		edges = append(edges, bs[i].Columns.First, bs[i].Columns.Last+1)
	}
	slices.Sort(edges)
	edges = slices.Compact(edges)
	slices.SortFunc(bs, func(a, b Block) int { return a.Columns.Compare(b.Columns) })
	var out []slab
	var active []Block
	next := 0
	for i := 0; i+1 < len(edges); i++ {
		first, last := edges[i], edges[i+1]-1
		active = slices.DeleteFunc(active, func(b Block) bool { return b.Columns.Last < first })
		for next < len(bs) && bs[next].Columns.First <= first {
			active = append(active, bs[next])
			next++
		}
		var b netipx.IPSetBuilder
		for _, blk := range active {
			b.AddPrefix(blk.Prefix)
		}
		out = appendSlab(out, slab{Columns{first, last}, mustSet(&b)})
	}
	return &Set{out}
}

// Everything is every address of both families on every column.
func Everything() *Set {
	return Of(
		Block{netip.PrefixFrom(netip.IPv4Unspecified(), 0), AllColumns()},
		Block{netip.PrefixFrom(netip.IPv6Unspecified(), 0), AllColumns()})
}

// mustSet: IPSetBuilder fails only on invalid prefixes, which Canonical's
// callers cannot pass on: an invalid prefix adds nothing.
func mustSet(b *netipx.IPSetBuilder) *netipx.IPSet {
	s, _ := b.IPSet()
	return s
}

func appendSlab(out []slab, s slab) []slab {
	if s.ips.Equal(noIPs) { // Ranges would copy them
		return out
	}
	if n := len(out); n > 0 && out[n-1].cols.Last+1 == s.cols.First && out[n-1].ips.Equal(s.ips) {
		out[n-1].cols.Last = s.cols.Last
		return out
	}
	return append(out, s)
}

var noIPs = mustSet(&netipx.IPSetBuilder{})

// combine walks both sets' elementary column intervals and joins the addresses.
func combine(a, b *Set, join func(x, y *netipx.IPSet) *netipx.IPSet) *Set {
	as, bs := a.list(), b.list()
	edges := make([]Column, 0, 2*(len(as)+len(bs)))
	for _, l := range [][]slab{as, bs} {
		for _, s := range l {
			edges = append(edges, s.cols.First, s.cols.Last+1)
		}
	}
	slices.Sort(edges)
	edges = slices.Compact(edges)
	var out []slab
	i, j := 0, 0
	for e := 0; e+1 < len(edges); e++ {
		first, last := edges[e], edges[e+1]-1
		x, y := noIPs, noIPs
		for i < len(as) && as[i].cols.Last < first {
			i++
		}
		if i < len(as) && as[i].cols.First <= first {
			x = as[i].ips
		}
		for j < len(bs) && bs[j].cols.Last < first {
			j++
		}
		if j < len(bs) && bs[j].cols.First <= first {
			y = bs[j].ips
		}
		out = appendSlab(out, slab{Columns{first, last}, join(x, y)})
	}
	return &Set{out}
}

func (s *Set) list() []slab {
	if s == nil {
		return nil
	}
	return s.slabs
}

// Union gives the cells that are in either.
func (s *Set) Union(o *Set) *Set {
	return combine(s, o, func(x, y *netipx.IPSet) *netipx.IPSet {
		if x.Equal(noIPs) {
			return y
		}
		if y.Equal(noIPs) {
			return x
		}
		var b netipx.IPSetBuilder
		b.AddSet(x)
		b.AddSet(y)
		return mustSet(&b)
	})
}

// Intersect gives the cells that are in both.
func (s *Set) Intersect(o *Set) *Set {
	return combine(s, o, func(x, y *netipx.IPSet) *netipx.IPSet {
		if x.Equal(noIPs) || y.Equal(noIPs) {
			return noIPs
		}
		var b netipx.IPSetBuilder
		b.AddSet(x)
		b.Intersect(y)
		return mustSet(&b)
	})
}

// Subtract gives the cells of s that are not in o.
func (s *Set) Subtract(o *Set) *Set {
	return combine(s, o, func(x, y *netipx.IPSet) *netipx.IPSet {
		if x.Equal(noIPs) || y.Equal(noIPs) {
			return x
		}
		var b netipx.IPSetBuilder
		b.AddSet(x)
		b.RemoveSet(y)
		return mustSet(&b)
	})
}

// IsEmpty says whether the set has no cell.
func (s *Set) IsEmpty() bool { return len(s.list()) == 0 }

// Equal says whether both hold the same cells.
func (s *Set) Equal(o *Set) bool {
	return slices.EqualFunc(s.list(), o.list(), func(x, y slab) bool {
		return x.cols == y.cols && x.ips.Equal(y.ips)
	})
}

// Contains says whether the cell is in the set.
func (s *Set) Contains(a netip.Addr, c Column) bool {
	if sl, ok := s.at(c); ok {
		return sl.ips.Contains(a.Unmap())
	}
	return false
}

func (s *Set) at(c Column) (slab, bool) {
	l := s.list()
	i, found := slices.BinarySearchFunc(l, c, func(sl slab, c Column) int {
		switch {
		case sl.cols.Last < c:
			return -1
		case sl.cols.First > c:
			return 1
		}
		return 0
	})
	if !found {
		return slab{}, false
	}
	return l[i], true
}

// ColumnsAt lists the columns that the set holds for one address, ascending,
// neighbours joined.
func (s *Set) ColumnsAt(a netip.Addr) []Columns {
	a = a.Unmap()
	var out []Columns
	for _, sl := range s.list() {
		if !sl.ips.Contains(a) {
			continue
		}
		if n := len(out); n > 0 && out[n-1].Last+1 == sl.cols.First {
			out[n-1].Last = sl.cols.Last
			continue
		}
		out = append(out, sl.cols)
	}
	return out
}

// ContainsBlock says whether every cell of b is in the set.
func (s *Set) ContainsBlock(b Block) bool {
	b = b.Canonical()
	l := s.list()
	need := b.Columns.First
	i, _ := slices.BinarySearchFunc(l, need, func(sl slab, c Column) int { return int(int64(sl.cols.Last) - int64(c)) })
	for ; i < len(l) && l[i].cols.First <= need; i++ {
		if !l[i].ips.ContainsPrefix(b.Prefix) {
			return false
		}
		if l[i].cols.Last >= b.Columns.Last {
			return true
		}
		need = l[i].cols.Last + 1
	}
	return false
}

// OverlapsBlock says whether the set and b share a cell.
func (s *Set) OverlapsBlock(b Block) bool {
	b = b.Canonical()
	l := s.list()
	i, _ := slices.BinarySearchFunc(l, b.Columns.First, func(sl slab, c Column) int { return int(int64(sl.cols.Last) - int64(c)) })
	for ; i < len(l) && l[i].cols.First <= b.Columns.Last; i++ {
		if l[i].ips.OverlapsPrefix(b.Prefix) {
			return true
		}
	}
	return false
}

// ContainsSet says whether every cell of o is in s.
func (s *Set) ContainsSet(o *Set) bool { return o.Subtract(s).IsEmpty() }

// Blocks lists disjoint blocks whose union is the set, by column then address.
func (s *Set) Blocks() []Block {
	var out []Block
	for _, sl := range s.list() {
		ps := sl.ips.Prefixes()
		out = slices.Grow(out, len(ps))
		for _, p := range ps {
			out = append(out, Block{p, sl.cols})
		}
	}
	return out
}

// Only gives the part of the set in one family.
func (s *Set) Only(v6 bool) *Set {
	all := netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	if v6 {
		all = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	}
	return s.Intersect(Of(Block{all, AllColumns()}))
}

// Count is the number of cells (address times column), exactly.
func (s *Set) Count() *big.Int {
	total := new(big.Int)
	for _, sl := range s.list() {
		var n size
		for _, r := range sl.ips.Ranges() {
			n.add(r.From(), r.To())
		}
		total.Add(total, new(big.Int).Mul(n.int(), big.NewInt(int64(sl.cols.Len()))))
	}
	return total
}

// size counts addresses: hi<<64 | lo, with whole for all 2^128 of IPv6.
type size struct {
	whole, hi, lo uint64
}

// add adds the addresses of a range.
func (n *size) add(from, to netip.Addr) {
	a, b := from.As16(), to.As16() // IPv4 differs in the last words alone
	lo, borrow := bits.Sub64(binary.BigEndian.Uint64(b[8:]), binary.BigEndian.Uint64(a[8:]), 0)
	hi, _ := bits.Sub64(binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(a[:8]), borrow)
	lo, carry := bits.Add64(lo, 1, 0)
	hi, over := bits.Add64(hi, 0, carry)
	n.whole += over
	n.lo, carry = bits.Add64(n.lo, lo, 0)
	n.hi, carry = bits.Add64(n.hi, hi, carry)
	n.whole += carry
}

func (n *size) int() *big.Int {
	out := new(big.Int).SetUint64(n.whole)
	for _, w := range []uint64{n.hi, n.lo} {
		out.Lsh(out, 64).Or(out, new(big.Int).SetUint64(w))
	}
	return out
}
