package rulelist

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/flowcover/flowcover/topology/netset"
)

// somePlain makes a list of IPv4 prefixes that often nest, touch and repeat.
func somePlain(r *rand.Rand) *List {
	l := &List{Form: "prefixes", Plain: true}
	for range 1 + r.IntN(40) {
		base, spread := uint32(10)<<24, uint32(r.IntN(64))
		if r.IntN(8) == 0 {
			base, spread = ^uint32(0)-63, uint32(r.IntN(64))
		}
		p := netip.PrefixFrom(addrOf(uint64(base+spread)), 32-r.IntN(5)).Masked()
		if r.IntN(100) == 0 {
			p = netip.PrefixFrom(addrOf(0), r.IntN(3))
		}
		l.Entries = append(l.Entries, Entry{netset.Block{Prefix: p, Columns: everyPort}, 1})
	}
	return l
}

func TestCollapseIsTheSet(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 1))
	for i := range 2000 {
		l := somePlain(r)
		got := collapse(l.Entries)
		var want []netip.Prefix
		for _, b := range addresses(l.blocks()).Blocks() {
			want = append(want, b.Prefix)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("list %d: %v\ngot  %v\nwant %v", i, l.blocks(), got, want)
		}
	}
}

// TestPlainChecksAgainstSets: rules at random are judged as the sets judge them,
// and carry what one by one comparison says.
func TestPlainChecksAgainstSets(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 2))
	held := 0
	for i := range 2000 {
		l := somePlain(r)
		var rules []Rule
		for _, p := range collapse(somePlain(r).Entries) {
			if p.Bits() > 3 && i%3 > 0 {
				p = netip.PrefixFrom(p.Addr(), p.Bits()-3).Masked()
			}
			if !slices.ContainsFunc(rules, func(x Rule) bool { return x.Prefix.Overlaps(p) }) {
				rules = append(rules, Rule{Block: netset.Block{Prefix: p, Columns: everyPort}})
			}
		}
		var bs []netset.Block
		for _, x := range rules {
			bs = append(bs, x.Block)
		}
		open, want := netset.Of(bs...), addresses(l.blocks())
		price, beyond, err := l.checkPlain(&Answer{Rules: rules})
		if holds := open.ContainsSet(want); holds != (err == nil) {
			t.Fatalf("list %d: checkPlain says %v, and the rules hold the list: %v\n%v\n%v", i, err, holds, l.blocks(), bs)
		}
		if err == nil {
			held++
			if extra := open.Subtract(want).Count(); price != len(rules) || beyond.Cmp(extra) != 0 {
				t.Fatalf("list %d: %d rules open %s beyond, want %d and %s", i, price, beyond, len(rules), extra)
			}
		}
		l.carry(rules)
		for _, x := range rules {
			n := 0
			for _, e := range l.Entries {
				if e.Prefix.Overlaps(x.Prefix) {
					n++
				}
			}
			if x.Entries != n || x.Weight != int64(n) {
				t.Fatalf("list %d: rule %s carries %d entries, weight %d; want %d", i, x.Prefix, x.Entries, x.Weight, n)
			}
		}
	}
	if held < 100 {
		t.Fatalf("only %d of 2000 random rule lists hold their list; the test shows too little", held)
	}
}
