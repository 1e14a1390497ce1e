package rulelist

import (
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/flowcover/flowcover/topology/netset"
)

func mustPrefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

func parse(t testing.TB, in string) *List {
	t.Helper()
	l, err := Parse(strings.NewReader(in), Pick{})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func solve(t testing.TB, l *List, o Options) *Answer {
	t.Helper()
	a, err := l.Solve(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// meaning is what rules open, the first that matches deciding.
func meaning(rules []Rule) *netset.Set {
	out := netset.Of()
	for i := len(rules) - 1; i >= 0; i-- {
		if one := netset.Of(rules[i].Block); rules[i].Deny {
			out = out.Subtract(one)
		} else {
			out = out.Union(one)
		}
	}
	return out
}

// random is a list of n rules on few addresses, so that they touch and nest.
func random(r *rand.Rand, n int) *List {
	protocols := []string{"tcp", "udp", "icmp", "any", "47", "tcp", "tcp"}
	var b strings.Builder
	for range n {
		proto, ports := protocols[r.IntN(len(protocols))], ""
		switch {
		case proto == "icmp" && r.IntN(2) == 0:
			ports = []string{"8", "3:4", "0"}[r.IntN(3)]
		case proto == "tcp" || proto == "udp":
			if from := r.IntN(12); from < 10 {
				ports = fmt.Sprintf("%d-%d", from, from+r.IntN(6))
			}
		}
		fmt.Fprintf(&b, "%s,%s,10.0.0.%d/%d\n", proto, ports, r.IntN(32), 28+r.IntN(5))
	}
	l, err := Parse(strings.NewReader(b.String()), Pick{})
	if err != nil {
		panic(err)
	}
	return l
}

// TestExactMeansTheSame: the shortened list opens what the list opens, with no
// more rules, and joins tcp, udp and icmp to nothing.
func TestExactMeansTheSame(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	for i := range 300 {
		l := random(r, 1+r.IntN(14))
		a := solve(t, l, Options{Max: 100, Exact: true})
		if a.Witness != nil {
			t.Fatalf("%d: %s", i, a.Witness.Message)
		}
		if !meaning(a.Rules).Equal(netset.Of(l.blocks()...)) {
			t.Fatalf("%d: %q becomes %v", i, lines(l), a.Rules)
		}
		if a.Price > a.Before || a.Price != len(a.Rules) || a.PriceBound > a.Price || a.ExtraCells.Sign() != 0 {
			t.Fatalf("%d: %d rules become %d, at least %d", i, a.Before, a.Price, a.PriceBound)
		}
		shuffled := &List{Form: l.Form, Entries: slices.Clone(l.Entries)}
		r.Shuffle(len(shuffled.Entries), func(i, j int) {
			shuffled.Entries[i], shuffled.Entries[j] = shuffled.Entries[j], shuffled.Entries[i]
		})
		if b := solve(t, shuffled, Options{Max: 100, Exact: true}); fmt.Sprint(b.Rules) != fmt.Sprint(a.Rules) {
			t.Fatalf("%d: shuffled, %v becomes %v", i, a.Rules, b.Rules)
		}
	}
}

// TestFewestCarriesTheList: whatever the limit, all of the list is open, the
// stated figures are those of the rules, and no bound is above them.
func TestFewestCarriesTheList(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for i := range 40 {
		l := random(r, 1+r.IntN(10))
		o := Options{Max: 1 + r.IntN(6), Kind: []string{KindGroup, KindACL}[r.IntN(2)], Effort: 1}
		a := solve(t, l, o)
		if a.Witness != nil {
			t.Fatalf("%d: %q with %d: %s", i, lines(l), o.Max, a.Witness.Message)
		}
		all, own := meaning(a.Rules), netset.Of(l.blocks()...)
		beyond := all.Subtract(own)
		if !all.ContainsSet(own) || len(a.Rules) > o.Max || beyond.Count().Cmp(a.ExtraCells) != 0 || a.Bound.Cmp(a.Excess) > 0 {
			t.Fatalf("%d: %q with %d becomes %v: %s beyond, %s stated, bound %s", i, lines(l), o.Max, a.Rules, beyond.Count(), a.ExtraCells, a.Bound)
		}
		free := big.NewInt(0)
		for host := range 256 {
			addr := netip.AddrFrom4([4]byte{10, 0, 0, byte(host)})
			if len(all.ColumnsAt(addr)) > 0 && len(own.ColumnsAt(addr)) == 0 {
				free.Add(free, big.NewInt(1))
			}
		}
		if inside := all.Subtract(netset.Of(netset.Block{Prefix: mustPrefix("10.0.0.0/24"), Columns: netset.AllColumns()})).IsEmpty(); inside && free.Cmp(a.ExtraAddresses) != 0 {
			t.Fatalf("%d: %s extra addresses stated, %s counted", i, a.ExtraAddresses, free)
		}
	}
}

func TestFamiliesShareTheLimit(t *testing.T) {
	l := parse(t, "10.0.0.0/8\n12.0.0.0/8\n2001:db8::/32\n2001:db9::/32\n2001:dba::/32\n")
	if a := solve(t, l, Options{Max: 1}); a.Witness == nil || a.Witness.LeastPrice != 2 || len(a.Rules) > 0 {
		t.Errorf("with 1: %+v", a.Witness)
	}
	for max, want := range map[int]string{
		2: "79228162514264337593644613632", // 2001:db8::/30 opens one /32 more, 8.0.0.0/5 six /8
		3: "100663296",                     // 8.0.0.0/5 still
		4: "0",                             // 10.0.0.0/8, 12.0.0.0/8, 2001:db8::/31, 2001:dba::/32
		5: "0",
	} {
		if a := solve(t, l, Options{Max: max}); !a.Proven || a.Price > max || a.Witness != nil || a.ExtraAddresses.String() != want {
			t.Errorf("with %d: %s by %d rules, want %s", max, a.ExtraAddresses, a.Price, want)
		}
	}
	if a := solve(t, l, Options{Max: 4}); a.ExtraAddresses.Sign() != 0 || a.Price != 4 {
		t.Errorf("with 4: %s by %d", a.ExtraAddresses, a.Price)
	}
	if a := solve(t, l, Options{Kind: KindACL}); a.Max != 18 {
		t.Errorf("the default of an ACL with IPv6 is %d", a.Max)
	}
}

func TestForbiddenZonesAndReferences(t *testing.T) {
	l := parse(t, "tcp,443,10.0.0.0\ntcp,443,10.0.0.2\ntcp,443,10.0.1.0\n")
	forbid := func(s string) []netset.Block {
		bs, err := ParseForbidden(s)
		if err != nil {
			t.Fatal(err)
		}
		return bs
	}
	if a := solve(t, l, Options{Max: 1, Forbidden: forbid("tcp/443 10.0.0.1")}); a.Witness == nil || a.Witness.LeastPrice != 3 {
		t.Errorf("a forbidden address between: %+v", a.Witness)
	}
	if a := solve(t, l, Options{Max: 1, Kind: KindACL, Forbidden: forbid("tcp/443 10.0.0.1")}); a.Witness == nil || a.Witness.LeastPrice != 2 {
		t.Errorf("an entry that denies it and one that allows: %+v", a.Witness)
	}
	for _, exact := range []bool{false, true} {
		a := solve(t, l, Options{Max: 9, Exact: exact, Forbidden: forbid("tcp/1-500 10.0.0.2")})
		if w := a.Witness; w == nil || w.Approved == nil || w.Forbidden == nil || w.LeastPrice != 0 || len(a.Rules) != 0 {
			t.Errorf("exact %v, a forbidden entry: %+v", exact, w)
		}
	}
	if a := solve(t, l, Options{Max: 2, Exact: true}); a.Witness == nil || a.Witness.LeastPrice != 3 {
		t.Errorf("exactly 3 rules with 2: %+v", a.Witness)
	}
	z, err := ReadZones(strings.NewReader("10.0.0.0/24 5 left\n10.0.1.0/24 1 right\n"))
	if err != nil {
		t.Fatal(err)
	}
	if a := solve(t, l, Options{Max: 2, Zones: z}); a.Excess.Int64() != 10 || a.ExtraCells.Int64() != 2 || !a.Proven {
		t.Errorf("zones: %s, %s", a.Excess, a.ExtraCells)
	}
	if a := solve(t, l, Options{Max: 1, Zones: z}); a.Witness == nil {
		t.Errorf("one rule for two zones: %v", a.Rules)
	}
	l.References = []Reference{{netset.PortColumns(netset.TCP, 1, 1), "sg-9"}}
	if a := solve(t, l, Options{Max: 2}); a.Price != 2 || len(a.Rules) != 1 || a.Frontier[0].Price != 2 {
		t.Errorf("beside a reference: %+v", a)
	}
	if a := solve(t, l, Options{Max: 1}); a.Witness == nil {
		t.Errorf("a reference takes the only place: %+v", a)
	}
}

func TestPlainListsForbidOnAnyPort(t *testing.T) {
	l := parse(t, "10.0.0.0\n10.0.0.2\n")
	bs, err := ParseForbidden("tcp/23 10.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	if a := solve(t, l, Options{Max: 1, Forbidden: bs}); a.Witness == nil || a.Witness.LeastPrice != 2 {
		t.Errorf("%+v", a.Witness)
	}
}

// TestOpenCases: the rule sets of the open cases, with as few rules or fewer.
func TestOpenCases(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "cases", "minimize", "exact.json"))
	if err != nil {
		t.Skipf("the open cases are not beside this checkout: %v", err)
	}
	var cases []struct {
		ID            string
		Before, After json.RawMessage
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		l, after := parse(t, string(c.Before)), parse(t, string(c.After))
		a := solve(t, l, Options{Max: 60, Exact: true})
		if !meaning(a.Rules).Equal(netset.Of(l.blocks()...)) || a.Price > len(after.Entries) || !a.Proven {
			t.Errorf("%s: %v, want %q", c.ID, a.Rules, lines(after))
		}
	}
}

func TestSolveStops(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if a, err := parse(t, "10.0.0.0\n10.0.0.2\n").Solve(ctx, Options{Max: 1}); err == nil {
		t.Errorf("an ended context gives %v", a.Rules)
	}
}

// FuzzParse: whatever is read can be written again and shortened without a crash.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"10.0.0.0/8\n::1", "tcp,443,10.0.0.0/8,1\n", "protocol,ports,cidr\nicmp,3:4,10.0.0.0/8", groups,
		`[["tcp",null,"10.0.0.0/8"],[1,8,"10.0.0.1"]]`, `[{"protocol":"any","cidr":"::/0"}]`,
		`{"format":"flowcover.analyze/1","flows":[{"id":"f","side":"in","group":"sg-1","protocol":"udp","peer":"::1","port":53,"approved":true}]}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		l, err := Parse(strings.NewReader(in), Pick{})
		if err != nil {
			return
		}
		if l.Plain {
			return
		}
		for _, e := range l.Entries {
			back := &List{}
			if err := back.add(ProtocolText(e.Columns), PortsText(e.Columns), e.Prefix.String(), fmt.Sprint(e.Weight)); err != nil {
				t.Fatalf("%s: %v", e.Block, err)
			}
			if back.Entries[0] != e {
				t.Fatalf("%v is written and read as %v", e, back.Entries[0])
			}
		}
	})
}
