package lint_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/lint"
	"github.com/flowcover/flowcover/topology/netset"
)

// cleanOf is the clean account with more VPCs, zones and ranges: everything
// talks to everything by one transit gateway, and nothing is wrong.
func cleanOf(r *rand.Rand) topology.Resources {
	n := 2 + r.IntN(4)
	out := topology.Resources{TransitGateways: []topology.TransitGateway{{ID: "tgw-1", Scope: home}}}
	table := topology.TransitGatewayRouteTable{ID: "tgw-rtb-1", Scope: home, TransitGateway: "tgw-1"}
	for i := range n {
		v := fmt.Sprint(i)
		vpc := topology.VPC{ID: "vpc-" + v, Scope: home, CIDRs: []netip.Prefix{pfx(fmt.Sprintf("10.%d.0.0/16", i))}}
		if r.IntN(2) == 0 {
			vpc.CIDRs = append(vpc.CIDRs, pfx(fmt.Sprintf("10.%d.0.0/16", 100+i)))
		}
		rt := topology.RouteTable{ID: "rtb-" + v, Scope: home, VPC: vpc.ID, Main: true, Routes: []topology.Route{{Destination: pfx("10.0.0.0/8"), Target: "tgw-1", State: topology.StateActive}}}
		at := topology.TransitGatewayAttachment{ID: "tgw-attach-" + v, Scope: home, TransitGateway: "tgw-1", ResourceType: "vpc", Resource: vpc.ID, State: "available", RouteTable: table.ID}
		g := group("sg-"+v, rule(topology.Ingress, netset.TCP, 443, 443, "10.0.0.0/8"), rule(topology.Egress, netset.AllProtocols, -1, -1, "0.0.0.0/0"), rule(topology.Ingress, netset.UDP, 1000+i, 1000+i, "10.0.0.0/8"))
		g.VPC = vpc.ID
		for j, p := range vpc.CIDRs {
			rt.Routes = append(rt.Routes, topology.Route{Destination: p, Target: "local", State: topology.StateActive})
			for z := range 1 + r.IntN(3) {
				b := p.Addr().As4()
				b[2] = byte(z)
				sub := topology.Subnet{ID: fmt.Sprintf("subnet-%s-%d-%d", v, j, z), Scope: home, VPC: vpc.ID, AZ: fmt.Sprintf("az%d", z), CIDRs: []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4(b), 24)}}
				if j == 0 || z > 0 {
					sub.AZ = fmt.Sprintf("az%d", min(z, len(at.Subnets)))
				}
				if j == 0 {
					at.Subnets = append(at.Subnets, sub.ID)
					sub.AZ = fmt.Sprintf("az%d", z)
				} else {
					sub.AZ = fmt.Sprintf("az%d", z%len(at.Subnets))
				}
				b[3] = 10
				out.Subnets = append(out.Subnets, sub)
				out.Interfaces = append(out.Interfaces, topology.NetworkInterface{ID: "eni-" + sub.ID, Scope: home, VPC: vpc.ID, Subnet: sub.ID, AZ: sub.AZ, Type: "interface",
					Addresses: []netip.Addr{netip.AddrFrom4(b)}, Groups: []string{g.ID}, SourceDestCheck: true})
			}
		}
		out.VPCs, out.RouteTables, out.Attachments = append(out.VPCs, vpc), append(out.RouteTables, rt), append(out.Attachments, at)
		out.SecurityGroups = append(out.SecurityGroups, g)
		out.NetworkACLs = append(out.NetworkACLs, topology.NetworkACL{ID: "acl-" + v, Scope: home, VPC: vpc.ID, IsDefault: true, Entries: []topology.NetworkACLEntry{
			entry(100, topology.Ingress, true, netset.AllProtocols, -1, -1, "0.0.0.0/0"), entry(100, topology.Egress, true, netset.AllProtocols, -1, -1, "0.0.0.0/0")}})
		table.Propagations = append(table.Propagations, at.ID)
	}
	out.TransitRouteTables = []topology.TransitGatewayRouteTable{table}
	return withEndpoint(out)
}

// withEndpoint puts an endpoint into the first VPC, which the second resolves
// by a zone.
func withEndpoint(out topology.Resources) topology.Resources {
	first := out.Subnets[0]
	a := first.CIDRs[0].Addr().As4()
	a[3] = 20
	out.Interfaces = append(out.Interfaces, topology.NetworkInterface{ID: "eni-vpce", Scope: home, VPC: first.VPC, Subnet: first.ID, AZ: first.AZ, Type: "vpc_endpoint",
		Addresses: []netip.Addr{netip.AddrFrom4(a)}, Groups: []string{"sg-0"}})
	out.Endpoints = []topology.VPCEndpoint{{ID: "vpce-1", Scope: home, VPC: first.VPC, Type: "Interface", Service: "com.amazonaws.ap-northeast-2.ssm", PrivateDNS: true,
		Subnets: []string{first.ID}, ENIs: []string{"eni-vpce"}, Groups: []string{"sg-0"}, State: "available"}}
	out.HostedZones = []topology.HostedZone{{ID: "Z1", Owner: home.Account, Name: "ssm.ap-northeast-2.amazonaws.com", VPCs: []string{out.VPCs[1].ID}, RecordsRead: true,
		Records: []topology.ZoneRecord{{Name: "ssm.ap-northeast-2.amazonaws.com", Type: "A", Values: []string{netip.AddrFrom4(a).String()}}}}}
	return out
}

func TestNothingIsFoundInRandomCleanAccounts(t *testing.T) {
	r := rand.New(rand.NewPCG(51, 52))
	for range 100 {
		account := cleanOf(r)
		e := &lint.Evidence{Window: "September", Used: map[topology.RuleRef]lint.Use{}}
		for _, rt := range account.RouteTables {
			e.Used[topology.RuleRef{Kind: topology.KindRoute, Resource: rt.ID, Rule: "10.0.0.0/8"}] = lint.Use{Flows: 1, Within: pfx("10.0.0.0/9")}
		}
		if got := run(t, account, e); len(got.Findings) > 0 {
			t.Fatalf("%+v", got.Findings)
		}
	}
}

// spoil changes a clean account in a few random places.
func spoil(r *rand.Rand, out *topology.Resources) {
	cidrs := []string{"0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/16", "10.1.0.0/16", "10.0.1.0/24", "10.0.0.10/32", "172.16.0.0/12"}
	ports := [][2]int{{22, 22}, {443, 443}, {1024, 65535}, {32768, 65535}, {32768, 60999}, {1, 65535}, {5432, 5432}, {3389, 3389}}
	pick := func() (netset.Protocol, int, int, string) {
		p := ports[r.IntN(len(ports))]
		if r.IntN(5) == 0 {
			return netset.AllProtocols, -1, -1, cidrs[r.IntN(len(cidrs))]
		}
		return []netset.Protocol{netset.TCP, netset.UDP}[r.IntN(2)], p[0], p[1], cidrs[r.IntN(len(cidrs))]
	}
	dirs := []topology.Direction{topology.Ingress, topology.Egress}
	if r.IntN(8) == 0 {
		g, port := &out.SecurityGroups[0], []int{22, 5432}[r.IntN(2)]
		g.Rules = append(g.Rules, rule(topology.Ingress, netset.TCP, port, port, []string{"0.0.0.0/0", "::/0"}[r.IntN(2)]))
	}
	for range 1 + r.IntN(5) {
		p, from, to, cidr := pick()
		g := &out.SecurityGroups[r.IntN(len(out.SecurityGroups))]
		a := &out.NetworkACLs[r.IntN(len(out.NetworkACLs))]
		at := &out.Attachments[r.IntN(len(out.Attachments))]
		x := &out.TransitRouteTables[0]
		switch r.IntN(12) {
		case 0:
			g.Rules = append(g.Rules, rule(dirs[r.IntN(2)], p, from, to, cidr))
		case 1:
			g.Rules = g.Rules[min(1+r.IntN(2), len(g.Rules)):]
		case 2:
			g.Rules = append(g.Rules, rule(dirs[r.IntN(2)], netset.TCP, 80, 80, []string{"sg-0", "sg-1", "sg-gone", "sg-new"}[r.IntN(4)]))
		case 3, 4, 5:
			a.Entries = append(a.Entries, entry(1+r.IntN(200), dirs[r.IntN(2)], r.IntN(2) == 0, p, from, to, cidr))
		case 6:
			a.Entries = slices.DeleteFunc(a.Entries, func(e topology.NetworkACLEntry) bool { return e.Number == 100 && e.Direction == dirs[r.IntN(2)] })
		case 7:
			at.Subnets = at.Subnets[:1]
		case 8:
			at.RouteTable = ""
		case 9:
			x.Propagations = slices.Clone(x.Propagations[min(1, len(x.Propagations)):])
		case 10:
			x.Routes = append(x.Routes, topology.TransitGatewayRoute{Destination: pfx(cidrs[1+r.IntN(5)]), Static: true, State: topology.StateBlackhole})
		default:
			rt := &out.RouteTables[r.IntN(len(out.RouteTables))]
			rt.Routes = append(rt.Routes, topology.Route{Destination: pfx("172.16.0.0/12"), Target: "pcx-1", State: topology.StateBlackhole})
		}
	}
	if r.IntN(3) == 0 {
		out.SecurityGroups = append(out.SecurityGroups, group("sg-new"))
	}
	tidy(out)
}

// tidy keeps of what names one thing the first: AWS would refuse the second.
func tidy(out *topology.Resources) {
	for i := range out.NetworkACLs {
		seen := map[string]bool{}
		out.NetworkACLs[i].Entries = slices.DeleteFunc(out.NetworkACLs[i].Entries, func(e topology.NetworkACLEntry) bool {
			k := fmt.Sprint(e.Direction, e.Number)
			defer func() { seen[k] = true }()
			return seen[k]
		})
	}
	for i := range out.SecurityGroups {
		seen := map[string]bool{}
		out.SecurityGroups[i].Rules = slices.DeleteFunc(out.SecurityGroups[i].Rules, func(x topology.SecurityGroupRule) bool {
			defer func() { seen[x.Key()] = true }()
			return seen[x.Key()]
		})
	}
	for i := range out.TransitRouteTables {
		out.TransitRouteTables[i].Routes = slices.CompactFunc(out.TransitRouteTables[i].Routes, func(a, b topology.TransitGatewayRoute) bool { return a.Destination == b.Destination })
	}
}

// random is the i-th spoiled account; the same at each call.
func random(i uint64) topology.Resources {
	r := rand.New(rand.NewPCG(61, i))
	account := cleanOf(r)
	spoil(r, &account)
	return account
}

const randomAccounts = 400

// Each finding is confirmed by a reading that shares no code with the rule, and
// what that reading sees is found.
func TestFindingsAreConfirmed(t *testing.T) {
	counts := map[string]int{}
	for i := range uint64(randomAccounts) {
		account := random(i)
		s, err := topology.New(account)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]bool{}
		for _, f := range run(t, account, nil).Findings {
			got[f.Rule+" "+f.Resource+" "+f.Detail] = true
			counts[f.Rule]++
		}
		want := plainFindings(s)
		for _, k := range want {
			if !got[k] {
				t.Errorf("account %d: %s is not found", i, k)
			}
		}
		for k := range got {
			name, _, _ := strings.Cut(k, " ")
			if confirmed[name] && !slices.Contains(want, k) {
				t.Errorf("account %d: %s is found and is not so", i, k)
			}
		}
		if t.Failed() {
			t.Fatalf("%+v", s.Resources())
		}
	}
	for name := range confirmed {
		if counts[name] < 5 {
			t.Errorf("%s is found %d times: the test has lost its reach (%v)", name, counts[name], counts)
		}
	}
	t.Log(counts)
}

// Every change that lint suggests, made alone, ends the finding and brings no
// other of its severity or a higher one.
func TestRemediesEndTheirFindings(t *testing.T) {
	rank := map[lint.Severity]int{lint.Low: 0, lint.Medium: 1, lint.High: 2}
	kinds := map[string]int{}
	for i := range uint64(randomAccounts) {
		before := run(t, random(i), nil)
		known := map[string]bool{}
		// An ACL entry without replies may get some by the remedy of another: it
		// is the same fault, mended in part.
		fault := func(f lint.Finding) string {
			return strings.Replace(f.Rule, "nacl-ephemeral-cut", "nacl-no-return", 1) + " " + f.Resource + " " + f.Detail
		}
		for _, f := range before.Findings {
			known[fault(f)] = true
		}
		for _, f := range before.Findings {
			if f.Change == nil {
				continue
			}
			account := random(i)
			for _, c := range f.Changes() {
				kinds[c.Kind]++
				apply(t, &account, c)
			}
			for _, after := range run(t, account, nil).Findings {
				// What an ACL or a route stops, no rule mends: the reason says so.
				if after.ID == f.ID && !strings.Contains(f.Reason, "stopped by acl-") && !strings.Contains(after.Reason, "stopped by acl-") &&
					!strings.Contains(after.Reason, "stopped by tgw-") {
					t.Errorf("account %d: after %+v there is still %s: %s", i, f.Changes(), f.Rule, after.Reason)
				}
				// A blackhole of a VPC whose peers do not propagate hides what follows
				// from that; it was found by itself.
				hidden := f.Rule == "tgw-blackhole" && slices.ContainsFunc(before.Findings, func(x lint.Finding) bool { return x.Rule == "tgw-no-propagation" })
				// Closing a door to the world cuts whoever came by it: the remedy says
				// to admit those who need it first.
				hidden = hidden || strings.HasPrefix(f.Rule, "sg-open-") && after.Rule == "endpoint-private-dns"
				if !known[fault(after)] && !hidden && rank[after.Severity] >= rank[f.Severity] {
					t.Errorf("account %d: %+v for %s brings %s %s: %s", i, f.Changes(), f.Rule, after.Severity, after.Rule, after.Reason)
				}
			}
		}
		if t.Failed() {
			t.FailNow()
		}
	}
	for _, k := range []string{"sg-rule-add", "sg-rule-remove", "nacl-entry-add", "nacl-entry-remove", "route-remove", "tgw-route-remove"} {
		if kinds[k] == 0 {
			t.Errorf("no %s was suggested (%v)", k, kinds)
		}
	}
	t.Log(kinds)
}

// apply makes a change as a person would: an entry that is added takes the next
// number after all others.
func apply(t *testing.T, out *topology.Resources, c lint.Change) {
	t.Helper()
	f := strings.Fields(c.Rule)
	done := 0
	switch c.Kind {
	case "sg-rule-add", "sg-rule-remove":
		for i := range out.SecurityGroups {
			if g := &out.SecurityGroups[i]; g.ID == c.Target && c.Kind == "sg-rule-add" {
				g.Rules = append(g.Rules, rule(topology.Direction(f[0]), netset.TCP, 443, 443, f[2]))
				done++
			} else if g.ID == c.Target {
				n := len(g.Rules)
				g.Rules = slices.DeleteFunc(g.Rules, func(x topology.SecurityGroupRule) bool { return x.Key() == c.Rule })
				done += n - len(g.Rules)
			}
		}
	case "nacl-entry-add", "nacl-entry-remove":
		for i := range out.NetworkACLs {
			a := &out.NetworkACLs[i]
			if a.ID != c.Target {
				continue
			}
			if n := len(a.Entries); c.Kind == "nacl-entry-remove" {
				a.Entries = slices.DeleteFunc(a.Entries, func(e topology.NetworkACLEntry) bool { return e.Ref(a.ID).Rule == c.Rule })
				done += n - len(a.Entries)
				continue
			}
			a.Entries = append(a.Entries, added(t, a.Entries, f))
			done++
		}
	case "route-remove":
		for i := range out.RouteTables {
			if rt := &out.RouteTables[i]; rt.ID == c.Target {
				n := len(rt.Routes)
				rt.Routes = slices.DeleteFunc(rt.Routes, func(x topology.Route) bool { return x.Destination.String() == c.Rule })
				done += n - len(rt.Routes)
			}
		}
	case "tgw-route-remove":
		for i := range out.TransitRouteTables {
			if x := &out.TransitRouteTables[i]; x.ID == c.Target {
				n := len(x.Routes)
				x.Routes = slices.DeleteFunc(x.Routes, func(y topology.TransitGatewayRoute) bool { return y.Destination.String() == c.Rule })
				done += n - len(x.Routes)
			}
		}
	}
	if done == 0 {
		t.Fatalf("%+v changes nothing", c)
	}
}

// added reads "ingress allow tcp/1024-65535 10.0.0.0/8" as the entry after all
// others.
func added(t *testing.T, entries []topology.NetworkACLEntry, f []string) topology.NetworkACLEntry {
	t.Helper()
	last := 0
	for _, e := range entries {
		last = max(last, e.Number)
	}
	name, ports, _ := strings.Cut(f[2], "/")
	p, err := netset.ParseProtocol(name)
	from, to, err2 := netset.ParsePorts(ports)
	if err != nil || err2 != nil {
		t.Fatal(f)
	}
	return entry(last+10, topology.Direction(f[0]), true, p, int(from), int(to), f[3])
}
