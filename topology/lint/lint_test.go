package lint_test

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/lint"
	"github.com/flowcover/flowcover/topology/netset"
)

var home = topology.Scope{Account: "111122223333", Region: "ap-northeast-2"}

func pfx(s string) netip.Prefix { return netip.MustParsePrefix(s) }

func rule(d topology.Direction, p netset.Protocol, from, to int, peer string) topology.SecurityGroupRule {
	r := topology.SecurityGroupRule{Direction: d, Protocol: p, FromPort: from, ToPort: to}
	if peer[:3] == "sg-" {
		r.Group = peer
	} else {
		r.CIDR = pfx(peer)
	}
	return r
}

func entry(n int, d topology.Direction, allow bool, p netset.Protocol, from, to int, cidr string) topology.NetworkACLEntry {
	return topology.NetworkACLEntry{Number: n, Direction: d, Allow: allow, Protocol: p, FromPort: from, ToPort: to, CIDR: pfx(cidr)}
}

// clean is an account of two VPCs behind a transit gateway in which nothing is
// wrong.
func clean() topology.Resources {
	r := topology.Resources{TransitGateways: []topology.TransitGateway{{ID: "tgw-1", Scope: home}}}
	for i, v := range []string{"a", "b"} {
		far := fmt.Sprintf("10.%d.0.0/16", 1-i)
		cidr := fmt.Sprintf("10.%d.0.0/16", i)
		r.VPCs = append(r.VPCs, topology.VPC{ID: "vpc-" + v, Scope: home, CIDRs: []netip.Prefix{pfx(cidr)}})
		r.Subnets = append(r.Subnets, topology.Subnet{ID: "subnet-" + v, Scope: home, VPC: "vpc-" + v, AZ: "az1", CIDRs: []netip.Prefix{pfx(fmt.Sprintf("10.%d.1.0/24", i))},
			Tags: topology.Tags{"Name": v + "-private"}})
		r.RouteTables = append(r.RouteTables, topology.RouteTable{ID: "rtb-" + v, Scope: home, VPC: "vpc-" + v, Main: true, Routes: []topology.Route{
			{Destination: pfx(cidr), Target: "local", State: "active"}, {Destination: pfx(far), Target: "tgw-1", State: "active"}}})
		r.NetworkACLs = append(r.NetworkACLs, topology.NetworkACL{ID: "acl-" + v, Scope: home, VPC: "vpc-" + v, IsDefault: true, Entries: []topology.NetworkACLEntry{
			entry(100, topology.Ingress, true, netset.AllProtocols, -1, -1, "0.0.0.0/0"), entry(100, topology.Egress, true, netset.AllProtocols, -1, -1, "0.0.0.0/0")}})
		r.SecurityGroups = append(r.SecurityGroups, topology.SecurityGroup{ID: "sg-" + v, Scope: home, VPC: "vpc-" + v, Name: v, Rules: []topology.SecurityGroupRule{
			rule(topology.Ingress, netset.TCP, 443, 443, far), rule(topology.Egress, netset.AllProtocols, -1, -1, "0.0.0.0/0"), rule(topology.Ingress, netset.TCP, 443, 443, "sg-"+v)}})
		r.Interfaces = append(r.Interfaces, topology.NetworkInterface{ID: "eni-" + v, Scope: home, VPC: "vpc-" + v, Subnet: "subnet-" + v, AZ: "az1", Type: "interface",
			Addresses: []netip.Addr{netip.MustParseAddr(fmt.Sprintf("10.%d.1.10", i))}, Groups: []string{"sg-" + v}, SourceDestCheck: true})
		r.Attachments = append(r.Attachments, topology.TransitGatewayAttachment{ID: "tgw-attach-" + v, Scope: home, TransitGateway: "tgw-1", ResourceType: "vpc", Resource: "vpc-" + v,
			Subnets: []string{"subnet-" + v}, State: "available", RouteTable: "tgw-rtb-1"})
	}
	r.TransitRouteTables = []topology.TransitGatewayRouteTable{{ID: "tgw-rtb-1", Scope: home, TransitGateway: "tgw-1", Propagations: []string{"tgw-attach-a", "tgw-attach-b"}}}
	r.Interfaces = append(r.Interfaces, topology.NetworkInterface{ID: "eni-vpce", Scope: home, VPC: "vpc-a", Subnet: "subnet-a", AZ: "az1", Type: "vpc_endpoint",
		Addresses: []netip.Addr{netip.MustParseAddr("10.0.1.20")}, Groups: []string{"sg-a"}})
	r.Endpoints = []topology.VPCEndpoint{{ID: "vpce-1", Scope: home, VPC: "vpc-a", Type: "Interface", Service: "com.amazonaws.ap-northeast-2.ssm", PrivateDNS: true,
		Subnets: []string{"subnet-a"}, ENIs: []string{"eni-vpce"}, Groups: []string{"sg-a"}, State: "available"}}
	return r
}

func run(t *testing.T, r topology.Resources, e *lint.Evidence) lint.Report {
	t.Helper()
	s, err := topology.New(r)
	if err != nil {
		t.Fatal(err)
	}
	return lint.Run(s, lint.Options{Evidence: e, AdminPorts: []netset.Columns{netset.PortColumns(netset.TCP, 22, 22)}, DatabasePorts: []netset.Columns{netset.PortColumns(netset.TCP, 5432, 5432)}})
}

// used is evidence by which each route of the clean account is used.
func used() *lint.Evidence {
	e := &lint.Evidence{Window: "September", Used: map[topology.RuleRef]lint.Use{}, Denied: map[topology.RuleRef]lint.Use{}}
	for i, v := range []string{"a", "b"} {
		far := fmt.Sprintf("10.%d.0.0/16", 1-i)
		e.Used[topology.RuleRef{Kind: topology.KindRoute, Resource: "rtb-" + v, Rule: far}] = lint.Use{Flows: 2, Last: "2026-09-30", Within: pfx(fmt.Sprintf("10.%d.0.0/17", 1-i))}
	}
	return e
}

func TestNothingIsFoundInACleanAccount(t *testing.T) {
	for _, e := range []*lint.Evidence{nil, used()} {
		if got := run(t, clean(), e); len(got.Findings) != 0 {
			t.Errorf("%+v", got.Findings)
		}
	}
}

type fault struct {
	rule, resource string
	make           func(*topology.Resources, *lint.Evidence)
}

func groupRule(r *topology.Resources, x topology.SecurityGroupRule) {
	r.SecurityGroups[0].Rules = append(r.SecurityGroups[0].Rules, x)
}

func group(id string, rules ...topology.SecurityGroupRule) topology.SecurityGroup {
	return topology.SecurityGroup{ID: id, Scope: home, VPC: "vpc-a", Name: id, Rules: rules}
}

func groupFaults() []fault {
	in := topology.Ingress
	return []fault{
		{"sg-unused", "sg-x", func(r *topology.Resources, _ *lint.Evidence) {
			r.SecurityGroups = append(r.SecurityGroups, group("sg-x"))
		}},
		{"sg-unattached", "sg-x", func(r *topology.Resources, _ *lint.Evidence) {
			r.SecurityGroups = append(r.SecurityGroups, group("sg-x"))
			groupRule(r, rule(in, netset.TCP, 80, 80, "sg-x"))
		}},
		{"sg-duplicate", "sg-c", func(r *topology.Resources, _ *lint.Evidence) {
			c := r.SecurityGroups[0]
			c.ID, c.Name = "sg-c", "c"
			c.Rules = slices.Clone(c.Rules)
			c.Rules[2].Group = "sg-c"
			r.SecurityGroups = append(r.SecurityGroups, c)
			r.Interfaces[0].Groups = append(r.Interfaces[0].Groups, "sg-c")
		}},
		{"sg-rule-shadowed", "sg-a", func(r *topology.Resources, _ *lint.Evidence) {
			groupRule(r, rule(in, netset.TCP, 443, 443, "10.1.7.0/24"))
		}},
		{"sg-stale-reference", "sg-a", func(r *topology.Resources, _ *lint.Evidence) { groupRule(r, rule(in, netset.TCP, 80, 80, "sg-gone")) }},
		{"sg-stale-reference", "sg-a", func(r *topology.Resources, _ *lint.Evidence) { groupRule(r, rule(in, netset.TCP, 80, 80, "sg-b")) }},
		{"sg-open-admin", "sg-a", func(r *topology.Resources, _ *lint.Evidence) { groupRule(r, rule(in, netset.TCP, 20, 30, "0.0.0.0/0")) }},
		{"sg-open-database", "sg-a", func(r *topology.Resources, _ *lint.Evidence) { groupRule(r, rule(in, netset.TCP, 5432, 5432, "::/0")) }},
		{"sg-near-quota", "sg-a", func(r *topology.Resources, _ *lint.Evidence) {
			for i := range 53 {
				groupRule(r, rule(in, netset.TCP, 1000+2*i, 1000+2*i, "10.1.0.0/16"))
			}
		}},
		{"endpoint-private-dns", "vpce-1", func(r *topology.Resources, _ *lint.Evidence) {
			r.SecurityGroups[0].Rules = r.SecurityGroups[0].Rules[:2]
		}},
	}
}

func aclFaults() []fault {
	set := func(es ...topology.NetworkACLEntry) func(*topology.Resources, *lint.Evidence) {
		return func(r *topology.Resources, _ *lint.Evidence) { r.NetworkACLs[1].Entries = es }
	}
	in := entry(100, topology.Ingress, true, netset.AllProtocols, -1, -1, "0.0.0.0/0")
	return []fault{
		{"nacl-no-return", "acl-b", set(in)},
		{"nacl-ephemeral-cut", "acl-b", set(in, entry(100, topology.Egress, true, netset.AllProtocols, -1, -1, "10.0.0.0/8"), entry(110, topology.Egress, true, netset.TCP, 32768, 65535, "0.0.0.0/0"))},
		{"nacl-shadowed", "acl-b", set(in, entry(110, topology.Ingress, false, netset.TCP, 22, 22, "0.0.0.0/0"), entry(100, topology.Egress, true, netset.AllProtocols, -1, -1, "0.0.0.0/0"))},
		{"nacl-deny-hit", "acl-b", func(r *topology.Resources, e *lint.Evidence) {
			deny := entry(50, topology.Ingress, false, netset.TCP, 22, 22, "0.0.0.0/0")
			r.NetworkACLs[1].Entries = append(r.NetworkACLs[1].Entries, deny)
			e.Denied[deny.Ref("acl-b")] = lint.Use{Flows: 3, Last: "2026-09-30"}
		}},
	}
}

func routeFaults() []fault {
	route := func(to, target, state string) func(*topology.Resources, *lint.Evidence) {
		return func(r *topology.Resources, _ *lint.Evidence) {
			r.RouteTables[0].Routes = append(r.RouteTables[0].Routes, topology.Route{Destination: pfx(to), Target: target, State: state})
		}
	}
	return []fault{
		{"route-blackhole", "rtb-a", route("10.9.0.0/16", "pcx-1", "blackhole")},
		{"route-unused", "rtb-a", route("10.9.0.0/16", "tgw-1", "active")},
		{"subnet-public", "subnet-a", route("0.0.0.0/0", "igw-1", "active")},
		{"route-wide", "rtb-a", func(_ *topology.Resources, e *lint.Evidence) {
			e.Used[topology.RuleRef{Kind: topology.KindRoute, Resource: "rtb-a", Rule: "10.1.0.0/16"}] = lint.Use{Flows: 1, Within: pfx("10.1.1.0/28")}
		}},
		{"tgw-blackhole", "tgw-rtb-1", func(r *topology.Resources, _ *lint.Evidence) {
			r.TransitRouteTables[0].Routes = []topology.TransitGatewayRoute{{Destination: pfx("10.9.0.0/16"), Static: true, State: "blackhole"}}
		}},
		{"tgw-no-association", "tgw-attach-a", func(r *topology.Resources, _ *lint.Evidence) { r.Attachments[0].RouteTable = "" }},
		{"tgw-no-propagation", "tgw-attach-b", func(r *topology.Resources, _ *lint.Evidence) {
			r.TransitRouteTables[0].Propagations = []string{"tgw-attach-a"}
		}},
		{"tgw-no-return", "tgw-rtb-2", func(r *topology.Resources, _ *lint.Evidence) {
			r.Attachments[1].RouteTable = "tgw-rtb-2"
			r.TransitRouteTables = append(r.TransitRouteTables, topology.TransitGatewayRouteTable{ID: "tgw-rtb-2", Scope: home, TransitGateway: "tgw-1", Propagations: []string{"tgw-attach-b"}})
		}},
		{"tgw-zone", "subnet-c", func(r *topology.Resources, _ *lint.Evidence) {
			r.Subnets = append(r.Subnets, topology.Subnet{ID: "subnet-c", Scope: home, VPC: "vpc-a", AZ: "az2", CIDRs: []netip.Prefix{pfx("10.0.2.0/24")}})
		}},
		{"tgw-asymmetric", "tgw-attach-a", func(r *topology.Resources, _ *lint.Evidence) {
			r.Subnets = append(r.Subnets, topology.Subnet{ID: "subnet-c", Scope: home, VPC: "vpc-a", AZ: "az2", CIDRs: []netip.Prefix{pfx("10.0.2.0/24")}})
			r.Attachments[0].Subnets = []string{"subnet-a", "subnet-c"}
			r.RouteTables[0].Routes = append(r.RouteTables[0].Routes, topology.Route{Destination: pfx("0.0.0.0/0"), Target: "eni-a", State: "active"},
				topology.Route{Destination: pfx("10.8.0.0/16"), Target: "eni-vpce", State: "active"})
		}},
		{"tgw-asymmetric", "vpc-a", func(r *topology.Resources, _ *lint.Evidence) {
			r.TransitGateways = append(r.TransitGateways, topology.TransitGateway{ID: "tgw-2", Scope: home})
			for _, v := range []string{"a", "b"} {
				r.Attachments = append(r.Attachments, topology.TransitGatewayAttachment{ID: "tgw-attach-2" + v, Scope: home, TransitGateway: "tgw-2", ResourceType: "vpc", Resource: "vpc-" + v,
					Subnets: []string{"subnet-" + v}, State: "available", RouteTable: "tgw-rtb-3"})
			}
			r.TransitRouteTables = append(r.TransitRouteTables, topology.TransitGatewayRouteTable{ID: "tgw-rtb-3", Scope: home, TransitGateway: "tgw-2", Propagations: []string{"tgw-attach-2a", "tgw-attach-2b"}})
			r.RouteTables[1].Routes[1].Target = "tgw-2"
		}},
	}
}

func allFaults() []fault { return slices.Concat(groupFaults(), aclFaults(), routeFaults()) }

// Each fault is found where it is; the clean account is each rule's negative.
func TestFaultsAreFound(t *testing.T) {
	tested := map[string]bool{}
	for _, f := range allFaults() {
		r, e := clean(), used()
		f.make(&r, e)
		got := run(t, r, e)
		tested[f.rule] = true
		if !slices.ContainsFunc(got.Findings, func(x lint.Finding) bool {
			return x.Rule == f.rule && x.Resource == f.resource && x.Reason != "" && x.Remedy != "" && x.Account == home.Account
		}) {
			t.Errorf("%s of %s is not found in %+v", f.rule, f.resource, got.Findings)
		}
		slices.Reverse(r.SecurityGroups)
		slices.Reverse(r.Interfaces)
		slices.Reverse(r.Attachments)
		if again := run(t, r, e); !reflect.DeepEqual(again, got) {
			t.Errorf("%s: another order of the input gives another report", f.rule)
		}
	}
	for _, r := range lint.Rules() {
		if !tested[r.ID] {
			t.Errorf("%s has no test", r.ID)
		}
	}
}

func TestWhatWasNotReadIsSaid(t *testing.T) {
	r := clean()
	r.SecurityGroups = append(r.SecurityGroups, group("sg-x"))
	r.NotRead = []topology.NotRead{{Scope: home, Call: "DescribeNetworkInterfaces", Code: "UnauthorizedOperation"}}
	got := run(t, r, nil)
	if len(got.Findings) != 0 || !slices.Contains(got.NotComputed, "what DescribeNetworkInterfaces would have listed in 111122223333 ap-northeast-2 (UnauthorizedOperation)") {
		t.Errorf("%+v", got)
	}
}

// 10 000 groups of 20 rules: no rule compares each with each. The test fails on
// a wrong answer only; the time is logged.
func TestManyGroups(t *testing.T) {
	r := clean()
	for i := range 10000 {
		g := group(fmt.Sprintf("sg-%05d", i))
		for j := range 20 {
			g.Rules = append(g.Rules, rule(topology.Ingress, netset.TCP, 1000+j, 1000+j, fmt.Sprintf("10.%d.%d.0/24", i%200, j)))
		}
		g.Rules = append(g.Rules, rule(topology.Ingress, netset.TCP, 7, 7, fmt.Sprintf("10.1.%d.%d/32", i/256, i%256)))
		r.SecurityGroups = append(r.SecurityGroups, g)
	}
	s, err := topology.New(r)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	got := lint.Run(s, lint.Options{})
	t.Logf("%d findings in %v", len(got.Findings), time.Since(start))
	if len(got.Findings) != 10000 { // each is unused
		t.Errorf("%d findings", len(got.Findings))
	}
}
