package target

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/optimize"
	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

var home = topology.Scope{Account: "111122223333", Region: "ap-northeast-2"}

// one is a VPC with a group on one interface.
func one(t testing.TB, quotas ...topology.Quota) *topology.Snapshot {
	t.Helper()
	any4 := netip.MustParsePrefix("0.0.0.0/0")
	deny := topology.NetworkACLEntry{Number: 32767, Protocol: netset.AllProtocols, FromPort: -1, ToPort: -1, CIDR: any4}
	allow := deny
	allow.Number, allow.Allow = 100, true
	entry := func(e topology.NetworkACLEntry, d topology.Direction) topology.NetworkACLEntry {
		e.Direction = d
		return e
	}
	s, err := topology.New(topology.Resources{
		VPCs:    []topology.VPC{{ID: "vpc-1", Scope: home, CIDRs: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}}},
		Subnets: []topology.Subnet{{ID: "subnet-1", Scope: home, VPC: "vpc-1", AZ: "ap-northeast-2a", CIDRs: []netip.Prefix{netip.MustParsePrefix("10.1.1.0/24")}}},
		SecurityGroups: []topology.SecurityGroup{{ID: "sg-1", Scope: home, VPC: "vpc-1", Name: "one", Rules: []topology.SecurityGroupRule{
			{Direction: topology.Ingress, Protocol: netset.AllProtocols, FromPort: -1, ToPort: -1, CIDR: any4}}}},
		NetworkACLs: []topology.NetworkACL{{ID: "acl-1", Scope: home, VPC: "vpc-1", IsDefault: true, Entries: []topology.NetworkACLEntry{
			entry(allow, topology.Ingress), entry(allow, topology.Egress), entry(deny, topology.Ingress), entry(deny, topology.Egress)}}},
		Interfaces: []topology.NetworkInterface{{ID: "eni-1", Scope: home, VPC: "vpc-1", Subnet: "subnet-1", Type: "interface",
			Addresses: []netip.Addr{netip.MustParseAddr("10.1.1.10")}, Groups: []string{"sg-1"}}},
		Quotas: quotas,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func approved(peer string, p netset.Protocol, port int) analyze.Flow {
	return analyze.Flow{ID: fmt.Sprintf("f-%s-%s-%d", peer, p, port), ENI: "eni-1", Side: analyze.In, Protocol: p, Port: port,
		Local: netip.MustParseAddr("10.1.1.10"), Peer: netip.MustParseAddr(peer), OpenerPortLow: analyze.NoPort, OpenerPortHigh: analyze.NoPort,
		Action: analyze.Accept, Answered: true, Attribution: analyze.Attribution{Group: "sg-1", Approved: true}}
}

func find(t testing.TB, ts []Target, id string) *Target {
	t.Helper()
	for i := range ts {
		if ts[i].ID == id {
			return &ts[i]
		}
	}
	t.Fatalf("no target %q", id)
	return nil
}

func TestInputErrorsNameTheField(t *testing.T) {
	s := one(t)
	quota := func(code string, n int) *topology.Snapshot {
		return one(t, topology.Quota{Scope: home, Code: code, Value: n})
	}
	for _, tc := range []struct {
		name, says string
		in         Input
	}{
		{"no snapshot", "no snapshot", Input{}},
		{"unknown group", `scope "sg-9": the snapshot has no`, Input{Snapshot: s, Scope: []string{"sg-9"}}},
		{"no id", `scope "web": the snapshot has no`, Input{Snapshot: s, Scope: []string{"web"}}},
		{"coverage", "policy.min-coverage: 1.5", Input{Snapshot: s, Policy: Policy{MinCoverage: 1.5}}},
		{"max-rules", "max-rules sg-1=0: want at least 1", Input{Snapshot: s, Policy: Policy{MaxRules: map[string]int{"sg-1": 0}}}},
		{"above the quota", "max-rules sg-1=61: above the quota, 60", Input{Snapshot: s, Policy: Policy{MaxRules: map[string]int{"sg-1": 61}}}},
		{"unknown in max-rules", `max-rules sg-2: no such`, Input{Snapshot: s, Policy: Policy{MaxRules: map[string]int{"sg-2": 5}}}},
		{"unknown list", `max-rules sg-1 ingress ipv6: sg-1 has no list`, Input{Snapshot: s, Policy: Policy{MaxRules: map[string]int{"sg-1 ingress ipv6": 5}}}},
		{"quota of a group", "quota L-0EA8095F of account 111122223333", Input{Snapshot: quota(CodeRulesPerGroup, 0)}},
		{"quota of an ACL", "quota L-2AEEBF1A of account 111122223333", Input{Snapshot: quota(CodeRulesPerACL, 1)}},
		{"icmp", "policy.icmp: tcp/443", Input{Snapshot: s, Policy: Policy{ICMP: []netset.Columns{netset.PortColumns(netset.TCP, 443, 443)}}}},
		{"ephemeral", "policy.ephemeral: 5-4", Input{Snapshot: s, Policy: Policy{EphemeralFrom: 5, EphemeralTo: 4}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, _, err := Build(tc.in)
			if err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("error %v, want one with %q", err, tc.says)
			}
		})
	}
}

func TestQuotas(t *testing.T) {
	for _, tc := range []struct {
		quotas     []topology.Quota
		group, acl int
	}{
		{nil, 60, 19},
		{[]topology.Quota{{Scope: home, Code: CodeRulesPerGroup, Value: 100}, {Scope: home, Code: CodeRulesPerACL, Value: 40}}, 100, 39},
		{[]topology.Quota{{Scope: home, Code: CodeRulesPerGroup, Value: 200}, {Scope: home, Code: CodeGroupsPerENI, Value: 16}}, 62, 19},
	} {
		s := one(t, tc.quotas...)
		g, err1 := GroupQuota(s, home)
		a, err2 := ACLQuota(s, home, false, false)
		if g != tc.group || a != tc.acl || err1 != nil || err2 != nil {
			t.Errorf("%v: %d, %d, want %d, %d (%v, %v)", tc.quotas, g, a, tc.group, tc.acl, err1, err2)
		}
	}
	for _, tc := range []struct {
		v6, perFamily bool
		want          int
	}{{true, false, 18}, {true, true, 19}, {false, true, 19}} {
		if got, err := ACLQuota(one(t), home, tc.v6, tc.perFamily); got != tc.want || err != nil {
			t.Errorf("ACL quota with IPv6 %v, per family %v: %d, want %d (%v)", tc.v6, tc.perFamily, got, tc.want, err)
		}
	}
}

func TestCells(t *testing.T) {
	in := Input{Snapshot: one(t), Policy: DefaultPolicy(), Flows: []analyze.Flow{
		approved("10.9.0.1", netset.TCP, 443), approved("10.9.0.2", netset.ICMP, analyze.NoPort), approved("10.9.0.3", netset.Protocol(50), analyze.NoPort),
		approved("10.9.0.4", netset.UDP, 123)}}
	in.Flows[3].OpenerPortLow, in.Flows[3].OpenerPortHigh = 123, 123
	ts, _, err := Build(in)
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]string{
		"sg-1 ingress ipv4":  "tcp/443 10.9.0.1/32, icmp/3:4 10.9.0.2/32, icmp/8 10.9.0.2/32, 50 10.9.0.3/32, udp/123 10.9.0.4/32",
		"acl-1 ingress ipv4": "tcp/443 10.9.0.1/32, icmp/3:4 10.9.0.2/32, icmp/8 10.9.0.2/32, 50 10.9.0.3/32, udp/123 10.9.0.4/32",
		"acl-1 egress ipv4": "tcp/1024-65535 10.9.0.1/32, icmp/0 10.9.0.2/32, icmp/3:4 10.9.0.2/32, 50 10.9.0.3/32, " +
			"udp/123 10.9.0.4/32, udp/1024-65535 10.9.0.4/32",
	} {
		var got []string
		for _, c := range find(t, ts, id).Cells {
			got = append(got, c.Block.String())
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%s: cells %s\nwant %s", id, strings.Join(got, ", "), want)
		}
	}
}

// TestMeasure: the meter agrees with counting cells one by one.
func TestMeasure(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	block := func(bits int) netip.Prefix {
		p, err := netip.AddrFrom4([4]byte{10, 0, 0, byte(r.IntN(256))}).Prefix(bits)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for range 300 {
		w := &optimize.Weights{DefaultZone: int64(r.IntN(3))}
		seen := map[netip.Prefix]bool{}
		for range r.IntN(5) {
			if p := block(24 + r.IntN(9)); !seen[p] {
				seen[p] = true
				w.Zones = append(w.Zones, optimize.Zone{Name: p.String(), Prefix: p, Weight: int64(1 + r.IntN(9))})
			}
		}
		for range r.IntN(3) {
			from := uint16(r.IntN(10))
			w.Ports = append(w.Ports, optimize.PortWeight{Columns: netset.PortColumns(netset.TCP, from, from+uint16(r.IntN(6))), Weight: int64(1 + r.IntN(5))})
		}
		var bs []netset.Block
		for range 1 + r.IntN(4) {
			from := uint16(r.IntN(10))
			bs = append(bs, netset.Block{Prefix: block(24 + r.IntN(9)), Columns: netset.PortColumns(netset.TCP, from, from+uint16(r.IntN(8)))})
		}
		set := netset.Of(bs...)
		want := int64(0)
		for host := range 256 {
			a := netip.AddrFrom4([4]byte{10, 0, 0, byte(host)})
			zone, bits := max(1, w.DefaultZone), -1
			for _, z := range w.Zones {
				if z.Prefix.Contains(a) && z.Prefix.Bits() > bits {
					zone, bits = z.Weight, z.Prefix.Bits()
				}
			}
			for port := range uint16(20) {
				c := netset.ColumnOf(netset.TCP, port)
				weight := int64(1)
				for _, p := range w.Ports {
					if p.Columns.First <= c && c <= p.Columns.Last {
						weight = max(weight, p.Weight)
					}
				}
				if set.Contains(a, c) {
					want += zone * weight
				}
			}
		}
		if got := Measure(set, w, false); got.Cmp(big.NewInt(want)) != 0 {
			t.Fatalf("%v under %+v measures %s, want %d", bs, w, got, want)
		}
	}
}

// TestConvolve: against every pair of points.
func TestConvolve(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	frontier := func() []optimize.Point {
		var f []optimize.Point
		price, excess := r.IntN(3), int64(40)
		for range 1 + r.IntN(6) {
			f = append(f, optimize.Point{Price: price, Excess: big.NewInt(excess)})
			price += 1 + r.IntN(3)
			if excess -= int64(1 + r.IntN(12)); excess < 0 {
				break
			}
		}
		return f
	}
	for range 200 {
		fs := [][]optimize.Point{frontier(), frontier(), frontier()}
		joined, splits := convolveAll(fs)
		for budget := range 40 {
			best := int64(-1)
			for _, a := range fs[0] {
				for _, b := range fs[1] {
					for _, c := range fs[2] {
						if e := a.Excess.Int64() + b.Excess.Int64() + c.Excess.Int64(); a.Price+b.Price+c.Price <= budget && (best < 0 || e < best) {
							best = e
						}
					}
				}
			}
			got := int64(-1)
			for i, p := range joined {
				if p.Price > budget {
					break
				}
				got = p.Excess.Int64()
				if s := splits[i]; len(s) != 3 || s[0]+s[1]+s[2] != p.Price {
					t.Fatalf("split %v at price %d", s, p.Price)
				}
			}
			if got != best {
				t.Fatalf("at %d: %d, want %d", budget, got, best)
			}
		}
	}
}

// TestRemap: the exchange is its own inverse, keeps lengths, keeps the whole
// axis whole, and sets each ICMP piece apart.
func TestRemap(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		proto, peer := netset.ICMP, "10.0.0.1/32"
		if v6 {
			proto, peer = netset.ICMPv6, "2001:db8::1/128"
		}
		p := &optimize.Problem{V6: v6}
		for _, c := range []netset.Columns{netset.TypeColumns(proto, 0, -1), netset.TypeColumns(proto, 3, 4), netset.TypeColumns(proto, 8, -1), netset.TypeColumns(proto, 11, 0)} {
			p.Approved = append(p.Approved, optimize.Cell{Block: netset.Block{Prefix: netip.MustParsePrefix(peer), Columns: c}})
		}
		m, ok := remapOf(p)
		if !ok {
			t.Fatal("no exchange")
		}
		seen := map[netset.Protocol]bool{}
		for _, c := range p.Approved {
			to := m.apply(c.Columns)
			if len(to) != 1 || to[0].Len() != c.Columns.Len() || seen[to[0].Protocol()] {
				t.Errorf("%s lies at %v", c.Columns, to)
			}
			seen[to[0].Protocol()] = true
			if back := m.apply(to[0]); len(back) != 1 || back[0] != c.Columns {
				t.Errorf("%s comes back as %v", c.Columns, back)
			}
		}
		if all := m.apply(netset.AllColumns()); !slices.Equal(all, []netset.Columns{netset.AllColumns()}) {
			t.Errorf("the axis becomes %v", all)
		}
		r := rand.New(rand.NewPCG(1, 1))
		for range 200 {
			a, b := netset.Column(r.IntN(int(netset.NumColumns))), netset.Column(r.IntN(int(netset.NumColumns)))
			set := netset.Of(netset.Block{Prefix: netip.MustParsePrefix(peer), Columns: netset.Columns{First: min(a, b), Last: max(a, b)}})
			if there := m.set(set); there.Count().Cmp(set.Count()) != 0 || !m.set(there).Equal(set) {
				t.Fatalf("%v is not kept", set.Blocks())
			}
		}
	}
}

func TestExpressible(t *testing.T) {
	for _, tc := range []struct {
		in   netset.Columns
		want string
	}{
		{netset.PortColumns(netset.TCP, 1, 99), "tcp/1-99"},
		{netset.ProtocolColumns(netset.ICMP), "icmp"},
		{netset.TypeColumns(netset.ICMP, 8, -1), "icmp/8"},
		{netset.PortColumns(netset.ICMP, 3<<8|254, 5<<8|1), "icmp/3:254 icmp/3:255 icmp/4 icmp/5:0 icmp/5:1"},
		{netset.AllColumns(), "all"},
		{netset.Columns{First: netset.ColumnOf(netset.TCP, 65535), Last: netset.ColumnOf(netset.UDP, 0)}, "tcp/65535 udp/0"},
	} {
		var got []string
		for _, c := range Expressible(tc.in) {
			got = append(got, c.String())
		}
		if strings.Join(got, " ") != tc.want {
			t.Errorf("%s: %v, want %s", tc.in, got, tc.want)
		}
	}
	// The end of the axis holds columns that mean nothing: no endless loop there.
	last := netset.Columns{First: netset.ColumnOf(netset.ICMPv6, 65000), Last: netset.NumColumns - 1}
	if n := len(Expressible(last)); n < 250 {
		t.Errorf("%d pieces", n)
	}
}
