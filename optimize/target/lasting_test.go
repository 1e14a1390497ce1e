package target

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

// tasksIn is the account of one with a subnet of ECS tasks.
func tasksIn(t *testing.T, rules ...topology.SecurityGroupRule) *topology.Snapshot {
	t.Helper()
	res := one(t).Resources()
	res.Subnets = append(res.Subnets, topology.Subnet{ID: "subnet-2", Scope: home, VPC: "vpc-1", AZ: "ap-northeast-2a", CIDRs: []netip.Prefix{netip.MustParsePrefix("10.1.2.0/24")}})
	groups := append([]topology.SecurityGroup(nil), res.SecurityGroups...)
	groups[0].Rules = rules
	res.SecurityGroups = append(groups, topology.SecurityGroup{ID: "sg-tasks", Scope: home, VPC: "vpc-1", Name: "tasks"})
	for i, a := range []string{"10.1.2.20", "10.1.2.99"} {
		res.Interfaces = append(res.Interfaces, topology.NetworkInterface{ID: []string{"eni-a", "eni-b"}[i], Scope: home, VPC: "vpc-1", Subnet: "subnet-2", Type: "interface",
			Description: "arn:aws:ecs:ap-northeast-2:111122223333:attachment/1", Addresses: []netip.Addr{netip.MustParseAddr(a)}, Groups: []string{"sg-tasks"}})
	}
	s, err := topology.New(res)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Tasks take other addresses tomorrow: what is needed is the part of their
// subnet that today's rules open.
func TestTasksNeedTheirSubnet(t *testing.T) {
	rule := func(peer string) topology.SecurityGroupRule {
		r := topology.SecurityGroupRule{Direction: topology.Ingress, Protocol: netset.TCP, FromPort: 443, ToPort: 443}
		if strings.HasPrefix(peer, "sg-") {
			r.Group = peer
			return r
		}
		r.CIDR = netip.MustParsePrefix(peer)
		return r
	}
	for _, c := range []struct {
		name, want string
		rules      []topology.SecurityGroupRule
		forbidden  string
		widest     int
	}{
		{"open to all", "10.1.2.0/24", []topology.SecurityGroupRule{rule("0.0.0.0/0")}, "", 0},
		{"open to a part", "10.1.2.0/27, 10.1.2.99/32", []topology.SecurityGroupRule{rule("10.1.2.0/27"), rule("10.1.2.99/32")}, "", 0},
		{"a part is forbidden", "10.1.2.0/25", []topology.SecurityGroupRule{rule("0.0.0.0/0")}, "10.1.2.128/25", 0},
		{"policy says how wide", "10.1.2.0/26, 10.1.2.64/26", []topology.SecurityGroupRule{rule("0.0.0.0/0")}, "", 26},
		{"a rule names their group", "10.1.2.20/32, 10.1.2.99/32", []topology.SecurityGroupRule{rule("sg-tasks"), rule("0.0.0.0/0")}, "", 0},
	} {
		s := tasksIn(t, c.rules...)
		flows := []analyze.Flow{approved("10.1.2.20", netset.TCP, 443), approved("10.1.2.99", netset.TCP, 443)}
		for i := range flows {
			flows[i].VPC = "vpc-1"
			for _, r := range c.rules {
				if r.Group != "" {
					flows[i].AdmittedBy = append(flows[i].AdmittedBy, topology.RuleRef{Kind: topology.KindSGRule, Resource: "sg-1", Rule: r.Key()})
				}
			}
		}
		in := Input{Snapshot: s, Flows: flows, Policy: DefaultPolicy(),
			Services: analyze.ServicesOf(flows, analyze.Evidence{Snapshots: []analyze.SnapshotAt{{Snapshot: s, Time: time.Unix(1, 0)}}})}
		in.Policy.MaxPrefixV4 = c.widest
		if c.forbidden != "" {
			in.Policy.Forbidden = netset.Of(netset.Block{Prefix: netip.MustParsePrefix(c.forbidden), Columns: netset.AllColumns()})
		}
		ts, _, err := Build(in)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		var got []string
		for _, cell := range find(t, ts, "sg-1 ingress ipv4").Cells {
			if p := cell.Prefix.String(); !seen[p] {
				seen[p] = true
				got = append(got, p)
			}
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%s: %s, want %s", c.name, strings.Join(got, ", "), c.want)
		}
		acl := find(t, ts, "acl-1 ingress ipv4")
		if want := c.widest; len(acl.Cells) == 0 || acl.Cells[0].Prefix.Bits() != max(want, 24) && c.forbidden == "" {
			t.Errorf("%s: the ACL's cells: %v", c.name, acl.Cells)
		}
	}
}
