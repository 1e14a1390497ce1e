package topology

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/flowcover/flowcover/topology/netset"
)

// world builds small accounts for tests: one method a resource, values in the
// form a person would write them.
type world struct{ r Resources }

var home = Scope{"111122223333", "ap-northeast-2"}

func pfx(s ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, x := range s {
		out = append(out, netip.MustParsePrefix(x))
	}
	return out
}

func (w *world) vpc(id string, cidrs ...string) {
	w.r.VPCs = append(w.r.VPCs, VPC{ID: id, Scope: home, CIDRs: pfx(cidrs...)})
}

func (w *world) subnet(id, vpc, az string, cidrs ...string) {
	w.r.Subnets = append(w.r.Subnets, Subnet{ID: id, Scope: home, VPC: vpc, AZ: az, CIDRs: pfx(cidrs...)})
}

// table adds a route table for subnets (none: the main one) with routes
// "destination target [state [origin]]"; the local routes are added.
func (w *world) table(id, vpc, subnets string, routes ...string) {
	t := RouteTable{ID: id, Scope: home, VPC: vpc, Subnets: strings.Fields(subnets), Main: subnets == ""}
	for _, v := range w.r.VPCs {
		if v.ID == vpc {
			for _, p := range v.CIDRs {
				t.Routes = append(t.Routes, Route{Destination: p, Target: "local", State: StateActive, Origin: "CreateRouteTable"})
			}
		}
	}
	for _, line := range routes {
		f := append(strings.Fields(line), "", "")
		r := Route{Target: f[1], State: StateActive, Origin: "CreateRoute"}
		if strings.HasPrefix(f[0], "pl-") {
			r.PrefixList = f[0]
		} else {
			r.Destination = netip.MustParsePrefix(f[0])
		}
		if f[2] != "" {
			r.State = f[2]
		}
		if f[3] != "" {
			r.Origin = f[3]
		}
		t.Routes = append(t.Routes, r)
	}
	w.r.RouteTables = append(w.r.RouteTables, t)
}

// columns reads "tcp/443", "tcp/1-10", "icmp/8:0", "icmp/3:*", "all".
func columns(s string) (p netset.Protocol, from, to int) {
	name, ports, ok := strings.Cut(s, "/")
	p, err := netset.ParseProtocol(name)
	if err != nil {
		panic(err)
	}
	if !ok {
		return p, -1, -1
	}
	atoi := func(s string) int {
		n := 0
		for _, c := range s {
			n = 10*n + int(c-'0')
		}
		return n
	}
	if a, b, ok := strings.Cut(ports, ":"); ok {
		if b == "*" { // every code
			return p, atoi(a), -1
		}
		return p, atoi(a), atoi(b)
	}
	if a, b, ok := strings.Cut(ports, "-"); ok {
		return p, atoi(a), atoi(b)
	}
	return p, atoi(ports), atoi(ports)
}

// sg adds a group with rules "in tcp/443 10.0.0.0/8|sg-x|pl-x".
func (w *world) sg(id, vpc string, rules ...string) {
	g := SecurityGroup{ID: id, Scope: home, VPC: vpc, Name: id}
	for _, line := range rules {
		f := strings.Fields(line)
		r := SecurityGroupRule{Direction: direction(f[0])}
		r.Protocol, r.FromPort, r.ToPort = columns(f[1])
		switch {
		case strings.HasPrefix(f[2], "sg-"):
			r.Group = f[2]
		case strings.HasPrefix(f[2], "pl-"):
			r.PrefixList = f[2]
		default:
			r.CIDR = netip.MustParsePrefix(f[2])
		}
		g.Rules = append(g.Rules, r)
	}
	w.r.SecurityGroups = append(w.r.SecurityGroups, g)
}

func direction(s string) Direction {
	if s == "in" {
		return Ingress
	}
	return Egress
}

// acl adds an ACL with entries "in 100 allow tcp/443 10.0.0.0/8". Without
// subnets it is the VPC's default; without entries it admits everything.
func (w *world) acl(id, vpc, subnets string, entries ...string) {
	if len(entries) == 0 {
		entries = []string{"in 100 allow all 0.0.0.0/0", "out 100 allow all 0.0.0.0/0", "in 101 allow all ::/0", "out 101 allow all ::/0"}
	}
	a := NetworkACL{ID: id, Scope: home, VPC: vpc, Subnets: strings.Fields(subnets), IsDefault: subnets == ""}
	for _, line := range entries {
		f := strings.Fields(line)
		e := NetworkACLEntry{Direction: direction(f[0]), Allow: f[2] == "allow", CIDR: netip.MustParsePrefix(f[4])}
		for _, c := range f[1] {
			e.Number = 10*e.Number + int(c-'0')
		}
		e.Protocol, e.FromPort, e.ToPort = columns(f[3])
		a.Entries = append(a.Entries, e)
	}
	w.r.NetworkACLs = append(w.r.NetworkACLs, a)
}

// eni adds an interface; with an "i-" name an instance of it as well. addrs
// are private addresses, "10.0.0.1=203.0.113.9" with a public one.
func (w *world) eni(id, subnet, groups string, addrs ...string) *NetworkInterface {
	n := NetworkInterface{ID: id, Scope: home, Subnet: subnet, Type: "interface", Groups: strings.Fields(groups),
		SourceDestCheck: true, PublicAddresses: map[string]netip.Addr{}}
	for _, s := range w.r.Subnets {
		if s.ID == subnet {
			n.VPC, n.AZ = s.VPC, s.AZ
		}
	}
	for _, a := range addrs {
		private, public, ok := strings.Cut(a, "=")
		n.Addresses = append(n.Addresses, netip.MustParseAddr(private))
		if ok {
			n.PublicAddresses[private] = netip.MustParseAddr(public)
		}
	}
	if name, ok := strings.CutPrefix(id, "eni-"); ok && !strings.HasPrefix(name, "x") {
		n.Instance = "i-" + name
		w.r.Instances = append(w.r.Instances, Instance{ID: n.Instance, Scope: home, State: "running", ENIs: []string{id}})
	}
	w.r.Interfaces = append(w.r.Interfaces, n)
	return &w.r.Interfaces[len(w.r.Interfaces)-1]
}

// attach adds a VPC attachment, associated with table (empty: none).
func (w *world) attach(id, tgw, vpc, table, subnets string) *TransitGatewayAttachment {
	w.r.Attachments = append(w.r.Attachments, TransitGatewayAttachment{ID: id, Scope: home, TransitGateway: tgw,
		ResourceType: AttachVPC, Resource: vpc, Subnets: strings.Fields(subnets), State: "available", RouteTable: table})
	return &w.r.Attachments[len(w.r.Attachments)-1]
}

// transitTable adds a TGW route table with propagations and static routes
// "destination attachment|blackhole".
func (w *world) transitTable(id, tgw, propagations string, routes ...string) *TransitGatewayRouteTable {
	t := TransitGatewayRouteTable{ID: id, Scope: home, TransitGateway: tgw, Propagations: strings.Fields(propagations)}
	for _, line := range routes {
		f := strings.Fields(line)
		r := TransitGatewayRoute{Destination: netip.MustParsePrefix(f[0]), Attachment: f[1], Static: true, State: StateActive}
		if f[1] == StateBlackhole {
			r.Attachment, r.State = "", StateBlackhole
		}
		t.Routes = append(t.Routes, r)
	}
	w.r.TransitRouteTables = append(w.r.TransitRouteTables, t)
	return &w.r.TransitRouteTables[len(w.r.TransitRouteTables)-1]
}

func (w *world) tgw(ids ...string) {
	for _, id := range ids {
		w.r.TransitGateways = append(w.r.TransitGateways, TransitGateway{ID: id, Scope: home})
	}
}

func (w *world) gateway(g Gateway) {
	g.Scope = home
	w.r.Gateways = append(w.r.Gateways, g)
}

func (w *world) list(id string, entries ...string) {
	w.r.PrefixLists = append(w.r.PrefixLists, PrefixList{ID: id, Scope: home, Name: id, Owner: home.Account, MaxEntries: 10, Entries: pfx(entries...)})
}

func (w *world) build(t testing.TB) *Snapshot {
	t.Helper()
	s, err := New(w.r)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
