package demo

import (
	"net/netip"
	"slices"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

// aclLine is one entry of a table below: it allows, unless deny is set.
type aclLine struct {
	proto    netset.Protocol
	from, to int
	cidr     string
	deny     bool
}

const (
	tcp   = netset.TCP
	udp   = netset.UDP
	icmp  = netset.ICMP
	every = netset.AllProtocols
)

// publicIn and publicOut guard the DMZ's public subnets.
var publicIn = []aclLine{
	{tcp, 23, 23, "0.0.0.0/0", true}, {tcp, 445, 445, "0.0.0.0/0", true},
	{tcp, 443, 443, "0.0.0.0/0", false}, {tcp, 443, 443, "::/0", false}, {tcp, 22, 22, "0.0.0.0/0", false},
	{tcp, 1024, 65535, "0.0.0.0/0", false}, {tcp, 1024, 65535, "::/0", false}, {udp, 1024, 65535, "0.0.0.0/0", false},
	{every, -1, -1, "10.0.0.0/8", false}, {every, -1, -1, "172.20.0.0/16", false}, {icmp, 3, 4, "0.0.0.0/0", false},
}

var publicOut = []aclLine{
	{tcp, 443, 443, "0.0.0.0/0", false}, {tcp, 80, 80, "0.0.0.0/0", false},
	{tcp, 1024, 65535, "0.0.0.0/0", false}, {tcp, 1024, 65535, "::/0", false}, {udp, 1024, 65535, "0.0.0.0/0", false},
	{every, -1, -1, "10.0.0.0/8", false}, {every, -1, -1, "172.20.0.0/16", false}, {icmp, 3, 4, "0.0.0.0/0", false},
}

// dbIn and dbOut guard the database subnets: written out, close to the quota
// of 20, with entries that nothing has used for years.
var dbIn = []aclLine{
	{tcp, 445, 445, "0.0.0.0/0", true},
	{tcp, 1521, 1521, "10.20.0.0/16", false}, {tcp, 1521, 1521, "10.21.0.0/20", false}, {tcp, 1521, 1521, bizBlock, false},
	{tcp, 50000, 50000, "10.20.0.0/16", false}, {tcp, 50000, 50000, "10.21.0.0/20", false}, {tcp, 50000, 50000, "172.17.20.0/24", false},
	{tcp, 5432, 5432, "10.20.0.0/16", false}, {tcp, 51000, 51000, "10.30.0.0/21", false}, {tcp, 1024, 65535, "10.30.0.0/21", false},
	{tcp, 22, 22, "10.30.16.0/20", false}, {tcp, 10050, 10050, "10.30.16.0/20", false}, {tcp, 13782, 13782, "10.30.16.0/20", false},
	{icmp, -1, -1, "10.30.16.0/20", false}, {tcp, 1024, 65535, "10.30.16.0/20", false}, {udp, 123, 65535, "10.30.16.0/20", false},
	{tcp, 1433, 1433, "172.18.7.0/24", false}, {tcp, 3306, 3306, "172.19.4.0/24", false}, {tcp, 1521, 1521, "172.19.0.0/16", false},
}

var dbOut = []aclLine{
	{tcp, 1024, 65535, "10.20.0.0/16", false}, {tcp, 1024, 65535, "10.21.0.0/20", false}, {tcp, 1024, 65535, bizBlock, false},
	{tcp, 1024, 65535, "172.17.20.0/24", false}, {tcp, 1024, 65535, "10.30.0.0/21", false}, {tcp, 51000, 51000, "10.30.0.0/21", false},
	{tcp, 1024, 65535, "10.30.16.0/20", false}, {udp, 53, 53, "10.30.16.0/20", false}, {tcp, 53, 53, "10.30.16.0/20", false},
	{udp, 123, 123, "10.30.16.0/20", false}, {tcp, 443, 443, "10.30.16.0/20", false}, {tcp, 636, 636, "10.30.16.0/20", false},
	{tcp, 6514, 6514, "10.30.16.0/20", false}, {tcp, 10051, 10051, "10.30.16.0/20", false}, {icmp, -1, -1, "10.30.16.0/20", false},
	{tcp, 1024, 65535, "172.18.7.0/24", false}, {tcp, 1024, 65535, "172.19.0.0/16", false}, {tcp, 25, 25, "10.30.16.0/20", false},
}

// mgmtIn and mgmtOut guard the management subnets. The NOC's SNMP and pings
// come in and their replies do not go out: nobody wrote the return entry.
var mgmtIn = []aclLine{
	{every, -1, -1, "10.0.0.0/8", false}, {tcp, 0, 65535, "172.16.0.0/12", false}, {udp, 0, 65535, "172.20.0.0/16", false},
	{udp, 161, 161, "172.16.0.0/12", false}, {icmp, -1, -1, "172.16.0.0/12", false},
}

var mgmtOut = []aclLine{
	{every, -1, -1, "10.0.0.0/8", false}, {tcp, 0, 65535, "172.16.0.0/12", false}, {udp, 0, 65535, "172.20.0.0/16", false},
}

// addACLs makes the network ACLs: the default one of each VPC and three written out.
func (b *builder) addACLs() {
	open := []aclLine{{every, -1, -1, "0.0.0.0/0", false}}
	open6 := append(slices.Clone(open), aclLine{every, -1, -1, "::/0", false})
	custom := map[string]bool{}
	add := func(v *vpcPlan, name, title, tier string, in, out []aclLine) {
		subnets := b.both(v.key + "/" + tier)
		for _, s := range subnets {
			custom[s] = true
		}
		b.addACL(v, name, title, subnets, in, out)
	}
	add(&b.vpcs[0], "public", "공개망", "public", publicIn, publicOut)
	add(&b.vpcs[2], "db", "DB망", "db", dbIn, dbOut)
	add(&b.vpcs[2], "mgmt", "관리망", "mgmt", mgmtIn, mgmtOut)
	for i := range b.vpcs {
		v := &b.vpcs[i]
		var rest []string
		for _, s := range b.res.Subnets {
			if s.VPC == v.id && !custom[s.ID] {
				rest = append(rest, s.ID)
			}
		}
		slices.Sort(rest)
		lines := open
		if v.v6.IsValid() {
			lines = open6
		}
		b.addACL(v, "default", v.title+"-기본", rest, lines, lines)
	}
}

// addACL makes one, with the final denies that AWS adds.
func (b *builder) addACL(v *vpcPlan, name, title string, subnets []string, in, out []aclLine) {
	a := topology.NetworkACL{ID: b.id("acl", v.key, name), Scope: b.scope, VPC: v.id, IsDefault: name == "default", Subnets: subnets, Tags: named(title)}
	for _, side := range []struct {
		d     topology.Direction
		lines []aclLine
	}{{topology.Ingress, in}, {topology.Egress, out}} {
		for i, l := range side.lines {
			a.Entries = append(a.Entries, topology.NetworkACLEntry{Number: 100 + 10*i, Direction: side.d, Allow: !l.deny, Protocol: l.proto,
				FromPort: l.from, ToPort: l.to, CIDR: netip.MustParsePrefix(l.cidr)})
		}
		deny := topology.NetworkACLEntry{Number: 32767, Direction: side.d, Protocol: every, FromPort: -1, ToPort: -1, CIDR: netip.MustParsePrefix("0.0.0.0/0")}
		a.Entries = append(a.Entries, deny)
		if v.v6.IsValid() {
			deny.Number, deny.CIDR = 32768, netip.MustParsePrefix("::/0")
			a.Entries = append(a.Entries, deny)
		}
	}
	b.res.NetworkACLs = append(b.res.NetworkACLs, a)
}
