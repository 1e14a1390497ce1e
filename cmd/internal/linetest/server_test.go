package linetest

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/changeset"
)

// compare asks the server for its rules and wants those of the changeset's
// targets, exactly, and on what has no target those of before. The server's
// answers are read here by code that the product does not use.
func (h *house) compare(t *testing.T, file string, before map[string][]string) {
	t.Helper()
	want := maps.Clone(before)
	targets := decode[shown](t, h.want(t, 0, "show", file, "--json")).Targets
	for _, target := range targets {
		want[target.Resource] = nil
	}
	for _, target := range targets {
		for _, d := range target.Rules {
			want[target.Resource] = append(want[target.Resource], docLine(d))
		}
	}
	have := h.onServer(t)
	if len(targets) < 20 || len(have) != len(want) {
		t.Fatalf("%d targets on %d resources; the server has %d", len(targets), len(want), len(have))
	}
	for _, id := range slices.Sorted(maps.Keys(want)) {
		if diff := cmp.Diff(unique(want[id]), unique(have[id])); diff != "" {
			t.Errorf("%s (-changeset +server):\n%s", id, diff)
		}
	}
}

func unique(lines []string) []string {
	lines = slices.Clone(lines)
	slices.Sort(lines)
	return slices.Compact(lines)
}

// docLine is a rule of a changeset as one line; an entry has a number.
func docLine(d changeset.RuleDoc) string {
	ports := fmt.Sprintf("%d-%d", d.FromPort, d.ToPort)
	if d.Protocol != "tcp" && d.Protocol != "udp" {
		ports = "any" // moto forgets the types of an entry
		if (d.Protocol == "icmp" || d.Protocol == "icmpv6") && d.Number == 0 {
			ports = fmt.Sprintf("%d/%d", d.FromPort, d.ToPort)
		}
	}
	peer := d.CIDR + d.PrefixList + d.Group
	if d.Number == 0 {
		return fmt.Sprintf("%s %s %s %s", d.Direction, d.Protocol, ports, peer)
	}
	return fmt.Sprintf("%s %d allow=%v %s %s %s", d.Direction, d.Number, d.Allow, d.Protocol, ports, peer)
}

// onServer reads every group's and every ACL's rules as lines of the same form.
func (h *house) onServer(t *testing.T) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	groups := ec2.NewDescribeSecurityGroupsPaginator(h.client, &ec2.DescribeSecurityGroupsInput{})
	for groups.HasMorePages() {
		page, err := groups.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range page.SecurityGroups {
			out[*g.GroupId] = slices.Concat(permissionLines(topology.Ingress, g.IpPermissions), permissionLines(topology.Egress, g.IpPermissionsEgress))
		}
	}
	acls := ec2.NewDescribeNetworkAclsPaginator(h.client, &ec2.DescribeNetworkAclsInput{})
	for acls.HasMorePages() {
		page, err := acls.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range page.NetworkAcls {
			out[*a.NetworkAclId] = nil
			for _, e := range a.Entries {
				if aws.ToInt32(e.RuleNumber) < 32767 {
					out[*a.NetworkAclId] = append(out[*a.NetworkAclId], entryLine(e))
				}
			}
		}
	}
	return out
}

var protocols = map[string]string{"-1": "all", "6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6"}

func protocolName(s string) string {
	if name, ok := protocols[s]; ok {
		return name
	}
	return s
}

func permissionLines(d topology.Direction, list []types.IpPermission) []string {
	var out []string
	for _, p := range list {
		protocol, ports := protocolName(aws.ToString(p.IpProtocol)), "any"
		switch protocol {
		case "tcp", "udp":
			ports = fmt.Sprintf("%d-%d", aws.ToInt32(p.FromPort), aws.ToInt32(p.ToPort))
		case "icmp", "icmpv6":
			ports = fmt.Sprintf("%d/%d", aws.ToInt32(p.FromPort), aws.ToInt32(p.ToPort))
		}
		var peers []string
		for _, r := range p.IpRanges {
			peers = append(peers, prefix(*r.CidrIp))
		}
		for _, r := range p.Ipv6Ranges {
			peers = append(peers, prefix(*r.CidrIpv6))
		}
		for _, r := range p.PrefixListIds {
			peers = append(peers, *r.PrefixListId)
		}
		for _, r := range p.UserIdGroupPairs {
			peers = append(peers, *r.GroupId)
		}
		for _, peer := range peers {
			out = append(out, fmt.Sprintf("%s %s %s %s", d, protocol, ports, peer))
		}
	}
	return out
}

func entryLine(e types.NetworkAclEntry) string {
	d, ports := topology.Ingress, "any"
	if aws.ToBool(e.Egress) {
		d = topology.Egress
	}
	protocol := protocolName(aws.ToString(e.Protocol))
	if protocol == "tcp" || protocol == "udp" {
		ports = "0-65535"
		if e.PortRange != nil {
			ports = fmt.Sprintf("%d-%d", aws.ToInt32(e.PortRange.From), aws.ToInt32(e.PortRange.To))
		}
	}
	return fmt.Sprintf("%s %d allow=%v %s %s %s", d, aws.ToInt32(e.RuleNumber), e.RuleAction == types.RuleActionAllow, protocol, ports,
		prefix(aws.ToString(e.CidrBlock)+aws.ToString(e.Ipv6CidrBlock)))
}

// prefix writes a prefix in its one form; the server keeps what it was told.
func prefix(s string) string {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return s
	}
	return p.Masked().String()
}
