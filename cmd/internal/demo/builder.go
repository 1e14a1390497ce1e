package demo

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

// The demo's account and Region.
const (
	demoAccount = "111122223333"
	demoRegion  = "ap-northeast-2"
)

// Size is how large an account is to be. Zero values mean the smallest: three
// VPCs and as many ENIs as their roles need.
type Size struct {
	VPCs, ENIs int
}

// maxVPCs is how many VPCs the address plan holds.
const maxVPCs = 500

// builder collects an account.
type builder struct {
	seed  uint64
	scope topology.Scope
	res   topology.Resources

	vpcs    []vpcPlan
	subnets map[string]*subnetPlan // by vpc/tier/zone letter
	groups  map[string]int         // vpc/name to index in res.SecurityGroups
	members map[string][]int       // role to indices in res.Interfaces
	tgw     string
}

// vpcPlan is a VPC as planned.
type vpcPlan struct {
	key, kind, id, title string
	cidrs                []netip.Prefix
	v6                   netip.Prefix
	tiers                []tierPlan
}

// tierPlan is a kind of subnet: one in each zone, or in the first alone.
type tierPlan struct {
	name, title string
	cidrs       []string // one a zone
}

// subnetPlan is a subnet as planned, with the host number to give next.
type subnetPlan struct {
	id, vpc, az string
	cidr, v6    netip.Prefix
	next        uint32
}

var (
	zoneLetters = []string{"a", "c"}
	zoneIDs     = map[string]string{"a": "apne2-az1", "c": "apne2-az3"}
)

// id names a resource: AWS's form, 17 hex digits.
func (b *builder) id(prefix string, parts ...string) string {
	return prefix + "-0" + digest(b.seed, append([]string{prefix}, parts...)...)[:16]
}

func named(name string, more ...string) topology.Tags {
	t := topology.Tags{"Name": name, "환경": "운영"}
	for i := 0; i+1 < len(more); i += 2 {
		t[more[i]] = more[i+1]
	}
	return t
}

// Account builds the demo's account. Equal seeds and sizes give equal accounts.
func Account(seed uint64, size Size) (topology.Resources, error) {
	if size.VPCs == 0 {
		size.VPCs = 3
	}
	if size.VPCs < 3 || size.VPCs > maxVPCs {
		return topology.Resources{}, fmt.Errorf("%d VPCs: the demo's account has from 3 to %d", size.VPCs, maxVPCs)
	}
	b := &builder{seed: seed, scope: topology.Scope{Account: demoAccount, Region: demoRegion},
		subnets: map[string]*subnetPlan{}, groups: map[string]int{}, members: map[string][]int{}}
	b.planVPCs(size.VPCs)
	b.addNetworks()
	b.addPrefixLists()
	b.addGroups()
	if err := b.addInterfaces(size.ENIs); err != nil {
		return topology.Resources{}, err
	}
	b.addGateways()
	b.addTransit()
	b.addRoutes()
	b.addACLs()
	b.addServices()
	b.addQuotas()
	return b.res, nil
}

// planVPCs lays out the address plan.
func (b *builder) planVPCs(n int) {
	b.vpcs = []vpcPlan{
		{key: "dmz", kind: "dmz", title: "인터넷-DMZ", cidrs: prefixes("10.10.0.0/16"), v6: netip.MustParsePrefix("2001:db8:a:b00::/56"),
			tiers: []tierPlan{{"public", "공개", []string{"10.10.0.0/24", "10.10.1.0/24"}},
				{"private", "내부", []string{"10.10.16.0/20", "10.10.32.0/20"}},
				{"tgw", "연결", []string{"10.10.255.0/28", "10.10.255.16/28"}}}},
		{key: "core", kind: "core", title: "업무", cidrs: prefixes("10.20.0.0/16", "10.21.0.0/20"),
			tiers: []tierPlan{{"app", "업무", []string{"10.20.16.0/20", "10.20.32.0/20"}},
				{"batch", "일괄", []string{"10.21.0.0/21", "10.21.8.0/21"}},
				{"endpoint", "엔드포인트", []string{"10.20.64.0/24", "10.20.65.0/24"}},
				{"tgw", "연결", []string{"10.20.255.0/28", "10.20.255.16/28"}}}},
		{key: "dbm", kind: "dbm", title: "DB-관리", cidrs: prefixes("10.30.0.0/16"),
			tiers: []tierPlan{{"db", "DB", []string{"10.30.0.0/22", "10.30.4.0/22"}},
				{"mgmt", "관리", []string{"10.30.16.0/24", "10.30.17.0/24"}},
				{"tgw", "연결", []string{"10.30.255.0/28", "10.30.255.16/28"}}}},
	}
	for i := range n - 3 {
		base := fmt.Sprintf("10.%d.%d", 32+i/16, i%16*16)
		at := func(third int) string { return fmt.Sprintf("10.%d.%d.0", 32+i/16, i%16*16+third) }
		b.vpcs = append(b.vpcs, vpcPlan{key: fmt.Sprintf("biz%03d", i+1), kind: "biz", title: fmt.Sprintf("계열사-%03d", i+1),
			cidrs: prefixes(base + ".0/20"),
			tiers: []tierPlan{{"app", "업무", []string{at(0) + "/22", at(4) + "/22"}},
				{"tgw", "연결", []string{at(15) + "/28", strings.TrimSuffix(at(15), "0") + "16/28"}}}})
	}
}

func prefixes(texts ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(texts))
	for i, t := range texts {
		out[i] = netip.MustParsePrefix(t)
	}
	return out
}

// addNetworks makes the VPCs and subnets.
func (b *builder) addNetworks() {
	yes := true
	for i := range b.vpcs {
		v := &b.vpcs[i]
		v.id = b.id("vpc", v.key)
		cidrs := v.cidrs
		if v.v6.IsValid() {
			cidrs = append(append([]netip.Prefix(nil), cidrs...), v.v6)
		}
		b.res.VPCs = append(b.res.VPCs, topology.VPC{ID: v.id, Scope: b.scope, CIDRs: cidrs,
			EnableDNSSupport: &yes, EnableDNSHostnames: &yes, Tags: named(v.title)})
		for t, tier := range v.tiers {
			for z, cidr := range tier.cidrs {
				b.addSubnet(v, tier, t*16+z, z, netip.MustParsePrefix(cidr))
			}
		}
	}
}

func (b *builder) addSubnet(v *vpcPlan, tier tierPlan, number, z int, cidr netip.Prefix) {
	letter := zoneLetters[z]
	p := &subnetPlan{id: b.id("subnet", v.key, tier.name, letter), vpc: v.key, az: demoRegion + letter, cidr: cidr, next: 4}
	cidrs := []netip.Prefix{cidr}
	if v.v6.IsValid() && tier.name != "tgw" {
		a := v.v6.Addr().As16()
		a[7] = byte(number)
		p.v6 = netip.PrefixFrom(netip.AddrFrom16(a), 64)
		cidrs = append(cidrs, p.v6)
	}
	b.subnets[v.key+"/"+tier.name+"/"+letter] = p
	b.res.Subnets = append(b.res.Subnets, topology.Subnet{ID: p.id, Scope: b.scope, VPC: v.id, AZ: p.az, AZID: zoneIDs[letter],
		CIDRs: cidrs, Tags: named(v.title + "-" + tier.title + "-" + letter)})
}

// take gives the subnet's next free address, and the IPv6 one of the same number.
func (p *subnetPlan) take() (v4, v6 netip.Addr, err error) {
	n := p.next
	p.next++
	a := p.cidr.Addr().As4()
	at := uint32(a[0])<<24 | uint32(a[1])<<16 | uint32(a[2])<<8 | uint32(a[3]) + n
	v4 = netip.AddrFrom4([4]byte{byte(at >> 24), byte(at >> 16), byte(at >> 8), byte(at)})
	// AWS keeps the last address of each subnet.
	if !p.cidr.Contains(v4) || !p.cidr.Contains(v4.Next()) {
		return v4, v6, fmt.Errorf("subnet %s has no address left for another ENI: ask for fewer ENIs or more VPCs", p.cidr)
	}
	if p.v6.IsValid() {
		w := p.v6.Addr().As16()
		w[14], w[15] = byte(n>>8), byte(n)
		v6 = netip.AddrFrom16(w)
	}
	return v4, v6, nil
}

// addPrefixLists makes AWS's S3 list and the bank's own list of its sites.
func (b *builder) addPrefixLists() {
	b.res.PrefixLists = []topology.PrefixList{
		{ID: b.prefixList("s3"), Scope: b.scope, Name: "com.amazonaws." + demoRegion + ".s3", Owner: "AWS", MaxEntries: 1,
			Entries: prefixes("3.5.140.0/22", "52.219.56.0/22", "52.219.60.0/23")},
		{ID: b.prefixList("sites"), Scope: b.scope, Name: "본점-영업점-대역", Owner: demoAccount, MaxEntries: 5,
			Entries: prefixes("172.16.0.0/16", "172.17.0.0/16", "172.20.0.0/16")},
	}
}

func (b *builder) prefixList(name string) string {
	if name == "s3" {
		return "pl-78a54011"
	}
	return b.id("pl", name)
}

// addQuotas writes down the quotas in force, AWS's defaults.
func (b *builder) addQuotas() {
	for _, q := range []struct {
		code  string
		value int
	}{{"L-0EA8095F", 60}, {"L-2AFB9258", 5}, {"L-2AEEBF1A", 20}, {"L-93826ACB", 500}} {
		b.res.Quotas = append(b.res.Quotas, topology.Quota{Scope: b.scope, Code: q.code, Value: q.value})
	}
}

// columns writes a call's ports as a rule does.
func (c *call) columns() (p netset.Protocol, from, to int) {
	switch {
	case c.proto.HasTypes():
		return c.proto, c.port, -1
	case !c.proto.HasPorts():
		return c.proto, -1, -1
	case c.portTo != 0:
		return c.proto, c.port, c.portTo
	}
	return c.proto, c.port, c.port
}
