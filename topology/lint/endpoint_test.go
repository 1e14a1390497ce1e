package lint_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/lint"
	"github.com/flowcover/flowcover/topology/netset"
)

const vpceName = "vpce-1-abc.ssm.ap-northeast-2.vpce.amazonaws.com"

// hub is the clean account with a zone that vpc-b shares, and in which the
// service's name leads to the endpoint of vpc-a.
func hub(r *topology.Resources) {
	r.Endpoints[0].PrivateDNS = false
	r.Endpoints[0].DNSNames = []string{vpceName, "vpce-1-abc-az1.ssm.ap-northeast-2.vpce.amazonaws.com", "ssm.ap-northeast-2.amazonaws.com"}
	r.HostedZones = []topology.HostedZone{{ID: "Z1", Owner: home.Account, Name: "ssm.ap-northeast-2.amazonaws.com", VPCs: []string{"vpc-b"}, RecordsRead: true,
		Records: []topology.ZoneRecord{{Name: "ssm.ap-northeast-2.amazonaws.com", Type: "A", Alias: vpceName}}}}
}

// closed lets nobody but the endpoint's own group in.
func closed(r *topology.Resources) {
	r.SecurityGroups[0].Rules = r.SecurityGroups[0].Rules[1:]
}

func zoneRecord(name, kind, alias string, values ...string) topology.ZoneRecord {
	return topology.ZoneRecord{Name: name, Type: kind, Alias: alias, Values: values}
}

type endpointCase struct {
	name  string
	with  func(*topology.Resources)
	found string // reason contains; empty: nothing is found
	not   string // not computed contains
}

func endpointCases() []endpointCase {
	shared := func(records ...topology.ZoneRecord) func(*topology.Resources) {
		return func(r *topology.Resources) {
			hub(r)
			closed(r)
			r.HostedZones[0].Records = records
		}
	}
	const ssm = "ssm.ap-northeast-2.amazonaws.com"
	no := false
	return []endpointCase{
		{"a zone that another VPC shares", func(r *topology.Resources) { hub(r); closed(r) }, "zone Z1 (ssm.ap-northeast-2.amazonaws.com), which vpc-b resolves by, sends its clients to vpce-1 for " + ssm, ""},
		{"it names what stops them", func(r *topology.Resources) { hub(r); closed(r) }, "eni-b with sg-b, stopped by sg-a", ""},
		{"and they reach it", hub, "", ""},
		{"by address", shared(zoneRecord(ssm, "A", "", "10.0.1.20")), "zone Z1 (ssm", ""},
		{"by a canonical name", shared(zoneRecord(ssm, "CNAME", "", vpceName)), "zone Z1 (ssm", ""},
		{"by a name that is another name", shared(zoneRecord(ssm, "CNAME", "", "x."+ssm), zoneRecord("x."+ssm, "A", vpceName)), "for ssm.ap-northeast-2.amazonaws.com, x.ssm", ""},
		{"by the name of one zone's interface", shared(zoneRecord(ssm, "CNAME", "", "vpce-1-abc-az1.ssm.ap-northeast-2.vpce.amazonaws.com")), "zone Z1", ""},
		{"below a name that stands for all", func(r *topology.Resources) {
			shared(zoneRecord(ssm, "CNAME", "", "bucket.x."+vpceName))(r)
			r.Endpoints[0].DNSNames = []string{"*." + vpceName}
		}, "zone Z1", ""},
		{"to an address that two endpoints hold", func(r *topology.Resources) {
			shared(zoneRecord(ssm, "A", "", "10.0.1.20"))(r)
			r.VPCs = append(r.VPCs, topology.VPC{ID: "vpc-o", Scope: home, CIDRs: []netip.Prefix{pfx("10.0.0.0/16")}})
			r.Subnets = append(r.Subnets, topology.Subnet{ID: "subnet-o", Scope: home, VPC: "vpc-o", AZ: "az1", CIDRs: []netip.Prefix{pfx("10.0.1.0/24")}})
			r.Interfaces = append(r.Interfaces, topology.NetworkInterface{ID: "eni-o", Scope: home, VPC: "vpc-o", Subnet: "subnet-o", Type: "vpc_endpoint", Addresses: []netip.Addr{netip.MustParseAddr("10.0.1.20")}})
			r.Endpoints = append(r.Endpoints, topology.VPCEndpoint{ID: "vpce-2", Scope: home, VPC: "vpc-o", Type: "Interface", Service: "s", ENIs: []string{"eni-o"}, State: "available"})
		}, "", "which endpoint 10.0.1.20 is for vpc-b"},
		{"names in a circle", shared(zoneRecord(ssm, "CNAME", "", "x."+ssm), zoneRecord("x."+ssm, "CNAME", "", ssm)), "", ""},
		{"by the endpoint's private name, which is public elsewhere", shared(zoneRecord("x."+ssm, "CNAME", "", "kms.amazonaws.com")), "", ""},
		{"to another address", shared(zoneRecord(ssm, "A", "", "10.0.1.21")), "", ""},
		{"a longer zone answers instead", func(r *topology.Resources) {
			shared(zoneRecord("x."+ssm, "A", vpceName))(r)
			r.HostedZones = append(r.HostedZones, topology.HostedZone{ID: "Z2", Owner: home.Account, Name: "x." + ssm, VPCs: []string{"vpc-b"}, RecordsRead: true})
		}, "", ""},
		{"no zone where the VPC does not resolve", func(r *topology.Resources) { hub(r); closed(r); r.VPCs[1].EnableDNSHostnames = &no }, "", ""},
		{"a zone of an account that was not read", func(r *topology.Resources) {
			hub(r)
			closed(r)
			r.HostedZones[0].RecordsRead, r.HostedZones[0].Records, r.HostedZones[0].Owner = false, nil, "999988887777"
		}, "", "names of zone Z1 (" + ssm + ") lead: the records of account 999988887777"},
		{"private DNS for inbound resolvers only", func(r *topology.Resources) {
			r.SecurityGroups[0].Rules = r.SecurityGroups[0].Rules[:2]
			r.Endpoints[0].InboundResolverOnly = true
		}, "", ""},
		{"an endpoint that is being made", func(r *topology.Resources) {
			r.SecurityGroups[0].Rules = r.SecurityGroups[0].Rules[:2]
			r.Endpoints[0].State = "pending"
		}, "", ""},
		{"an interface that is not in the snapshot", func(r *topology.Resources) { r.Endpoints[0].ENIs = []string{"eni-far"} }, "", "whether eni-a reaches vpce-1: interface eni-far is not in the snapshot"},
		{"a client whose subnet is not in the snapshot", func(r *topology.Resources) { r.Interfaces[0].Subnet = "subnet-z" }, "", "whether eni-a reaches vpce-1: from \"eni-a\""},
		{"a client of the other family", func(r *topology.Resources) {
			r.Interfaces[0].Addresses = []netip.Addr{netip.MustParseAddr("2001:db8::5")}
		}, "eni-a with sg-a, which has no address of the family of eni-vpce", ""},
		{"a refusal that is assumed", func(r *topology.Resources) {
			r.SecurityGroups[0].Rules = append(r.SecurityGroups[0].Rules[:2:2], topology.SecurityGroupRule{Direction: topology.Ingress, Protocol: netset.TCP, FromPort: 443, ToPort: 443, PrefixList: "pl-far"})
		}, "; assumed: prefix list pl-far of sg-a is not in the snapshot", ""},
	}
}

func TestEndpointNames(t *testing.T) {
	for _, c := range endpointCases() {
		t.Run(c.name, func(t *testing.T) {
			r := clean()
			c.with(&r)
			got := run(t, r, nil)
			i := slices.IndexFunc(got.Findings, func(f lint.Finding) bool { return f.Rule == "endpoint-private-dns" })
			switch {
			case c.found == "" && i >= 0:
				t.Errorf("found: %s", got.Findings[i].Reason)
			case c.found != "" && (i < 0 || !strings.Contains(got.Findings[i].Reason, c.found)):
				t.Errorf("want a reason with %q in %+v", c.found, got.Findings)
			}
			if c.not != "" && !slices.ContainsFunc(got.NotComputed, func(s string) bool { return strings.Contains(s, c.not) }) {
				t.Errorf("want %q in %q", c.not, got.NotComputed)
			}
		})
	}
}

// The changes admit every client that is cut: of a secondary range, of IPv6,
// of another VPC, and those whose own groups let nothing out.
func TestEndpointChangesAdmitWhoIsCut(t *testing.T) {
	r := clean()
	hub(&r)
	closed(&r)
	r.Endpoints[0].PrivateDNS = true
	r.VPCs[0].CIDRs = append(r.VPCs[0].CIDRs, pfx("10.7.0.0/16"), pfx("2001:db8:a::/56"))
	r.Subnets[0].CIDRs = append(r.Subnets[0].CIDRs, pfx("2001:db8:a::/64"))
	r.Subnets = append(r.Subnets, topology.Subnet{ID: "subnet-7", Scope: home, VPC: "vpc-a", AZ: "az1", CIDRs: []netip.Prefix{pfx("10.7.1.0/24")}})
	r.RouteTables[0].Routes = append(r.RouteTables[0].Routes, topology.Route{Destination: pfx("10.7.0.0/16"), Target: "local", State: "active"})
	r.NetworkACLs[0].Entries = append(r.NetworkACLs[0].Entries, entry(101, topology.Ingress, true, netset.AllProtocols, -1, -1, "::/0"), entry(101, topology.Egress, true, netset.AllProtocols, -1, -1, "::/0"))
	for i := range r.Interfaces {
		if r.Interfaces[i].ID == "eni-vpce" {
			r.Interfaces[i].Groups = []string{"sg-e"}
			r.Interfaces[i].Addresses = append(r.Interfaces[i].Addresses, netip.MustParseAddr("2001:db8:a::20"))
		}
	}
	r.SecurityGroups = append(r.SecurityGroups, group("sg-e"), group("sg-c"))
	for id, at := range map[string][2]string{"eni-7": {"subnet-7", "10.7.1.10"}, "eni-6": {"subnet-a", "2001:db8:a::6"}} {
		r.Interfaces = append(r.Interfaces, topology.NetworkInterface{ID: id, Scope: home, VPC: "vpc-a", Subnet: at[0], AZ: "az1", Type: "interface",
			Addresses: []netip.Addr{netip.MustParseAddr(at[1])}, Groups: []string{"sg-c"}, SourceDestCheck: true})
	}
	var all []lint.Change
	for _, f := range run(t, r, nil).Findings {
		if f.Rule == "endpoint-private-dns" {
			all = append(all, f.Changes()...)
		}
	}
	for _, want := range []lint.Change{
		{Kind: "sg-rule-add", Target: "sg-e", Rule: "ingress tcp/443 10.0.0.0/16"}, {Kind: "sg-rule-add", Target: "sg-e", Rule: "ingress tcp/443 10.7.0.0/16"},
		{Kind: "sg-rule-add", Target: "sg-e", Rule: "ingress tcp/443 2001:db8:a::/56"}, {Kind: "sg-rule-add", Target: "sg-e", Rule: "ingress tcp/443 10.1.0.0/16"},
		{Kind: "sg-rule-add", Target: "sg-c", Rule: "egress tcp/443 10.0.1.20/32"}, {Kind: "sg-rule-add", Target: "sg-c", Rule: "egress tcp/443 2001:db8:a::20/128"},
	} {
		if !slices.Contains(all, want) {
			t.Errorf("%+v is not among %+v", want, all)
		}
	}
	for _, c := range all {
		i := slices.IndexFunc(r.SecurityGroups, func(g topology.SecurityGroup) bool { return g.ID == c.Target })
		d, rest, _ := strings.Cut(c.Rule, " tcp/443 ")
		r.SecurityGroups[i].Rules = append(r.SecurityGroups[i].Rules, rule(topology.Direction(d), netset.TCP, 443, 443, rest))
	}
	if got := run(t, r, nil); slices.ContainsFunc(got.Findings, func(f lint.Finding) bool { return f.Rule == "endpoint-private-dns" }) {
		t.Errorf("after the changes: %+v", got.Findings)
	}
}

// A zone of 20 000 records that 200 VPCs share, half of them names of names:
// nothing compares each with each. The time is logged, and decides nothing.
func TestManyRecords(t *testing.T) {
	r := clean()
	hub(&r)
	z := &r.HostedZones[0]
	for i := range 10000 {
		name := fmt.Sprintf("h%05d.%s", i, z.Name)
		z.Records = append(z.Records, zoneRecord(name, "A", "", "10.1.1.77"), zoneRecord("x."+name, "CNAME", "", name))
	}
	for i := range 200 {
		id := fmt.Sprintf("vpc-%03d", i)
		r.VPCs = append(r.VPCs, topology.VPC{ID: id, Scope: home, CIDRs: []netip.Prefix{pfx("172.16.0.0/16")}})
		z.VPCs = append(z.VPCs, id)
	}
	s, err := topology.New(r)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	got := lint.Run(s, lint.Options{})
	t.Logf("%d findings in %v", len(got.Findings), time.Since(start))
	if len(got.Findings) != 0 {
		t.Errorf("%+v", got.Findings)
	}
}
