package netset

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
)

// The oracle: one bool a column.
func columnsNaive(s ColumnSet) map[Column]bool {
	out := map[Column]bool{}
	for _, c := range s {
		for i := c.First; i <= c.Last; i++ {
			out[i] = true
		}
	}
	return out
}

func TestColumnSetAgreesWithOneBoolAColumn(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	random := func() ColumnSet {
		var cs []Columns
		for range r.IntN(6) {
			first := Column(r.IntN(60))
			cs = append(cs, Columns{first, first + Column(r.IntN(12))})
		}
		return ColumnsOf(cs...)
	}
	for range 2000 {
		a, b := random(), random()
		na, nb := columnsNaive(a), columnsNaive(b)
		both, less, either := columnsNaive(a.Intersect(b)), columnsNaive(a.Subtract(b)), columnsNaive(a.Union(b))
		for c := Column(0); c < 80; c++ {
			if both[c] != (na[c] && nb[c]) || less[c] != (na[c] && !nb[c]) || either[c] != (na[c] || nb[c]) || a.Contains(c) != na[c] {
				t.Fatalf("%v and %v at %d: %v %v %v", a, b, c, a.Intersect(b), a.Subtract(b), a.Union(b))
			}
		}
		for _, s := range []ColumnSet{a, a.Union(b)} {
			for i := 1; i < len(s); i++ {
				if s[i].First <= s[i-1].Last+1 {
					t.Fatalf("%v: parts touch", s)
				}
			}
		}
	}
}

func TestColumnSetStrings(t *testing.T) {
	for _, c := range []struct {
		in   ColumnSet
		want []string
	}{
		{nil, nil},
		{ColumnsOf(AllColumns()), []string{"all"}},
		{ColumnsOf(PortColumns(TCP, 443, 443), PortColumns(TCP, 444, 450)), []string{"tcp/443-450"}},
		{ColumnsOf(ProtocolColumns(TCP), PortColumns(UDP, 0, 53)), []string{"tcp", "udp/0-53"}},
		{ColumnsOf(TypeColumns(ICMP, 8, -1), ProtocolColumns(50)), []string{"icmp/8", "50"}},
		{ColumnsOf(AllColumns()).Subtract(ColumnsOf(PortColumns(TCP, 53, 53))), []string{"tcp/0-52", "tcp/54-65535", "udp", "icmp", "icmpv6", "0-255"}},
		{ColumnsOf(ProtocolColumns(50), ProtocolColumns(51)), []string{"50-51"}},
		{ColumnSet{{ColumnOf(ICMP, 3<<8|4), ColumnOf(ICMP, 8<<8)}}, []string{"icmp/3:4-8:0"}},
	} {
		if got := c.in.Strings(); !slices.Equal(got, c.want) {
			t.Errorf("%v: %q, want %q", c.in, got, c.want)
		}
	}
}

// Within an interval every prefix holds all or nothing.
func TestCutsSeparateNothingThatAPrefixHolds(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 500 {
		var ps []netip.Prefix
		for range r.IntN(6) {
			a := addresses()[r.IntN(32)]
			ps = append(ps, netip.PrefixFrom(a, a.BitLen()-r.IntN(6)).Masked())
		}
		cuts := CutsAt(ps...)
		for _, a := range addresses() {
			last := cuts.Last(a)
			if last.Less(a) || last.BitLen() != a.BitLen() {
				t.Fatalf("%v: %s to %s", ps, a, last)
			}
			for _, p := range ps {
				if p.Contains(a) != p.Contains(last) {
					t.Fatalf("%s to %s is cut by %s", a, last, p)
				}
				if p.Contains(a) && LastAddr(p).Less(last) {
					t.Fatalf("%s to %s goes beyond %s", a, last, p)
				}
			}
		}
	}
	all := Cuts(nil)
	if got := all.Last(netip.MustParseAddr("10.0.0.1")); got != netip.MustParseAddr("255.255.255.255") {
		t.Error(got)
	}
	if got := Range(netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.3")); len(got) != 2 {
		t.Error(got)
	}
}
