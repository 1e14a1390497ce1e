package netset

import (
	"math/big"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
)

// The oracle: a small world of 16 IPv4 and 16 IPv6 addresses and 24 columns
// around the seams of the axis, one bool a cell.
var (
	world4 = netip.MustParsePrefix("10.0.0.0/28")
	world6 = netip.MustParsePrefix("2001:db8::/124")
)

// seams are the columns of the small world: the ends of each protocol's part.
func seams() []Column {
	var out []Column
	for _, c := range []Column{0, udpFirst, icmpFirst, icmpv6First, otherFirst, NumColumns} {
		for d := -2; d <= 1; d++ {
			if n := int(c) + d; n >= 0 && n < int(NumColumns) {
				out = append(out, Column(n))
			}
		}
	}
	return append(out, 443, 1000, 1001)
}

func addresses() []netip.Addr {
	var out []netip.Addr
	for _, p := range []netip.Prefix{world4, world6} {
		for a := p.Addr(); p.Contains(a); a = a.Next() {
			out = append(out, a)
		}
	}
	return out
}

type cell struct {
	a netip.Addr
	c Column
}

type naive map[cell]bool

func naiveOf(blocks []Block) naive {
	out := naive{}
	for _, a := range addresses() {
		for _, c := range seams() {
			for _, b := range blocks {
				if b.Prefix.Masked().Contains(a) && b.Columns.First <= c && c <= b.Columns.Last {
					out[cell{a, c}] = true
				}
			}
		}
	}
	return out
}

// randomBlock is a block whose edges lie on the seams; its host bits are set.
func randomBlock(r *rand.Rand) Block {
	base, bits := world4, 28
	if r.IntN(2) == 0 {
		base, bits = world6, 124
	}
	a := base.Addr()
	for range r.IntN(16) {
		a = a.Next()
	}
	bits += r.IntN(5)
	if r.IntN(8) == 0 {
		bits = r.IntN(bits)
	}
	s := seams()
	x, y := s[r.IntN(len(s))], s[r.IntN(len(s))]
	return Block{netip.PrefixFrom(a, bits), Columns{min(x, y), max(x, y)}}
}

func randomBlocks(r *rand.Rand) []Block {
	out := make([]Block, r.IntN(7))
	for i := range out {
		out[i] = randomBlock(r)
	}
	return out
}

func check(t *testing.T, what string, s *Set, in func(cell) bool) {
	t.Helper()
	for _, a := range addresses() {
		for _, c := range seams() {
			if got, want := s.Contains(a, c), in(cell{a, c}); got != want {
				t.Fatalf("%s: cell %s %v is %v, the oracle says %v\n%v", what, a, c, got, want, s.Blocks())
			}
		}
	}
}

func TestAlgebraAgainstOracle(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 300 {
		xs, ys := randomBlocks(r), randomBlocks(r)
		x, y := Of(xs...), Of(ys...)
		nx, ny := naiveOf(xs), naiveOf(ys)
		check(t, "of", x, func(c cell) bool { return nx[c] })
		check(t, "union", x.Union(y), func(c cell) bool { return nx[c] || ny[c] })
		check(t, "intersect", x.Intersect(y), func(c cell) bool { return nx[c] && ny[c] })
		check(t, "subtract", x.Subtract(y), func(c cell) bool { return nx[c] && !ny[c] })
		check(t, "only ipv6", x.Only(true), func(c cell) bool { return nx[c] && c.a.Is6() })
		check(t, "only ipv4", x.Only(false), func(c cell) bool { return nx[c] && c.a.Is4() })
	}
}

func TestAlgebraLaws(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for range 300 {
		xs, ys, zs := randomBlocks(r), randomBlocks(r), randomBlocks(r)
		x, y, z := Of(xs...), Of(ys...), Of(zs...)
		equal := func(law string, a, b *Set) {
			t.Helper()
			if !a.Equal(b) {
				t.Fatalf("%s: %v\nand %v differ", law, a.Blocks(), b.Blocks())
			}
		}
		equal("union is Of both", x.Union(y), Of(append(slices.Clone(xs), ys...)...))
		equal("union commutes", x.Union(y), y.Union(x))
		equal("intersect commutes", x.Intersect(y), y.Intersect(x))
		equal("union associates", x.Union(y).Union(z), x.Union(y.Union(z)))
		equal("distributes", x.Intersect(y.Union(z)), x.Intersect(y).Union(x.Intersect(z)))
		equal("de Morgan", x.Subtract(y.Union(z)), x.Subtract(y).Intersect(x.Subtract(z)))
		equal("parts", x.Intersect(y).Union(x.Subtract(y)), x)
		equal("blocks", Of(x.Blocks()...), x)
		equal("with nothing", x.Union(nil), x)
		equal("within everything", x.Intersect(Everything()), x)
		if x.ContainsSet(y) != y.Subtract(x).IsEmpty() || !x.Union(y).ContainsSet(y) {
			t.Fatal("ContainsSet disagrees with Subtract")
		}
		sum := new(big.Int).Add(x.Union(y).Count(), x.Intersect(y).Count())
		if sum.Cmp(new(big.Int).Add(x.Count(), y.Count())) != 0 {
			t.Fatal("the counts of union and intersection do not add up")
		}
	}
}

func TestBlockQuestions(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for range 3000 {
		s, b := Of(randomBlocks(r)...), randomBlock(r)
		one := Of(b)
		if got, want := s.ContainsBlock(b), one.Subtract(s).IsEmpty(); got != want {
			t.Fatalf("ContainsBlock(%v) is %v, subtraction says %v: %v", b, got, want, s.Blocks())
		}
		if got, want := s.OverlapsBlock(b), !one.Intersect(s).IsEmpty(); got != want {
			t.Fatalf("OverlapsBlock(%v) is %v, intersection says %v: %v", b, got, want, s.Blocks())
		}
	}
}

func TestBlocksAreDisjointAndOrdered(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for range 200 {
		bs := Of(randomBlocks(r)...).Blocks()
		for i, a := range bs {
			for _, b := range bs[i+1:] {
				if a.Columns.Overlaps(b.Columns) && a.Prefix.Overlaps(b.Prefix) {
					t.Fatalf("%v and %v overlap", a, b)
				}
			}
		}
		if !slices.IsSortedFunc(bs, func(a, b Block) int {
			if c := a.Columns.Compare(b.Columns); c != 0 {
				return c
			}
			return a.Prefix.Addr().Compare(b.Prefix.Addr())
		}) {
			t.Fatalf("not in order: %v", bs)
		}
	}
}

func TestMappedAddressesAreIPv4(t *testing.T) {
	mapped := Of(Block{netip.MustParsePrefix("::ffff:10.0.0.0/120"), PortColumns(TCP, 1, 9)})
	plain := Of(Block{netip.MustParsePrefix("10.0.0.7/24"), PortColumns(TCP, 1, 9)})
	if !mapped.Equal(plain) {
		t.Errorf("%v and %v differ", mapped.Blocks(), plain.Blocks())
	}
	if !plain.Contains(netip.MustParseAddr("::ffff:10.0.0.3"), 5) {
		t.Error("a mapped address is not found")
	}
}

func TestCount(t *testing.T) {
	s := Of(Block{netip.MustParsePrefix("10.0.0.0/8"), PortColumns(TCP, 1, 10)}, Block{netip.MustParsePrefix("10.0.0.0/16"), PortColumns(TCP, 5, 14)},
		Block{netip.MustParsePrefix("2001:db8::/64"), PortColumns(UDP, 53, 53)})
	want := new(big.Int).Add(big.NewInt(10<<24+4<<16), new(big.Int).Lsh(big.NewInt(1), 64))
	if got := s.Count(); got.Cmp(want) != 0 {
		t.Errorf("Count is %s, want %s", got, want)
	}
	if n := (*Set)(nil).Count(); n.Sign() != 0 {
		t.Errorf("the nil set counts %s", n)
	}
}

func TestInvalidPrefixAddsNothing(t *testing.T) {
	if s := Of(Block{netip.Prefix{}, AllColumns()}); !s.IsEmpty() {
		t.Errorf("an invalid prefix opens %v", s.Blocks())
	}
}

func BenchmarkUnionOfRules(b *testing.B) {
	r := rand.New(rand.NewPCG(5, 5))
	for _, n := range []int{60, 600} {
		blocks := make([]Block, n)
		for i := range blocks {
			a := netip.AddrFrom4([4]byte{10, byte(r.IntN(8)), byte(r.IntN(256)), 0})
			port := uint16(r.IntN(5000))
			blocks[i] = Block{netip.PrefixFrom(a, 16+r.IntN(17)), PortColumns(TCP, port, port+uint16(r.IntN(3)))}
		}
		b.Run(big.NewInt(int64(n)).String(), func(b *testing.B) {
			for b.Loop() {
				_ = Of(blocks...)
			}
		})
	}
}
