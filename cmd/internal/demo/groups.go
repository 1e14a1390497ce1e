package demo

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

// bizBlock holds every affiliate's VPC, so that one rule admits them all.
const bizBlock = "10.32.0.0/11"

// extraGroups are the groups that follow from no role.
var extraGroups = map[string][]string{
	"dmz":  {"legacy-open"},
	"core": {"legacy-any", "legacy-hosts", "migration", "temp-2019"},
	"dbm":  {"legacy-dba"},
}

// openEgress are the groups with AWS's egress rule of a new group. In the DB
// and management VPC egress is written out, as for load balancers and functions.
var openEgress = map[string]bool{
	"dmz/common": true, "core/common": true, "biz/common": true,
	"dmz/web": true, "core/was": true, "core/temp-2019": true, "dbm/rds-core": true,
}

// writtenEgress says whether the role's own group lists what it may open.
func (r *role) writtenEgress() bool {
	switch r.made {
	case "nlb", "alb", "lambda":
		return true
	}
	return r.vpc == "dbm" && r.host()
}

// addGroups makes every VPC's groups and the rules that the calls need, then
// what years have left behind.
func (b *builder) addGroups() {
	for i := range b.vpcs {
		v := &b.vpcs[i]
		names := []string{"default", "common"}
		for _, r := range roles {
			if r.vpc == v.kind && len(r.groups) > 0 {
				names = append(names, r.groups[0])
			}
		}
		for _, name := range append(names, extraGroups[v.kind]...) {
			b.addGroup(v, name)
		}
	}
	for i := range calls {
		c := &calls[i]
		switch c.fate() {
		case Legit, OneWay, NoReply:
			b.admit(c)
		}
	}
	b.addCommon()
	b.addLeftovers()
	for i := range b.res.SecurityGroups {
		b.identifyRules(&b.res.SecurityGroups[i])
	}
}

var groupTitles = map[string]string{
	"common": "공통 관리", "legacy-open": "구 전체 개방 (정리 대상)", "legacy-any": "구 사내 전체 (정리 대상)",
	"legacy-hosts": "구 단말 목록", "migration": "2021 이관 임시", "temp-2019": "2019 임시", "legacy-dba": "DBA 단말 목록",
	"default": "default VPC security group",
}

func (b *builder) addGroup(v *vpcPlan, name string) {
	g := topology.SecurityGroup{ID: b.id("sg", v.key, name), Scope: b.scope, VPC: v.id, Name: v.key + "-" + name, Description: name}
	if name == "default" {
		g.Name, g.Description = "default", groupTitles["default"]
	} else {
		title := groupTitles[name]
		if r := roleNamed(name); r != nil {
			title = r.title
		}
		g.Tags = named(title, "서비스", name)
	}
	b.groups[v.key+"/"+name] = len(b.res.SecurityGroups)
	b.res.SecurityGroups = append(b.res.SecurityGroups, g)
	key := v.key + "/" + name
	if name == "default" {
		b.rule(key, topology.SecurityGroupRule{Direction: topology.Ingress, Protocol: netset.AllProtocols, FromPort: -1, ToPort: -1, Group: g.ID})
	}
	if name == "default" || openEgress[v.kind+"/"+name] {
		b.rule(key, all(topology.Egress, "0.0.0.0/0"))
		if v.v6.IsValid() {
			b.rule(key, all(topology.Egress, "::/0"))
		}
	}
}

func all(d topology.Direction, cidr string) topology.SecurityGroupRule {
	return topology.SecurityGroupRule{Direction: d, Protocol: netset.AllProtocols, FromPort: -1, ToPort: -1, CIDR: netip.MustParsePrefix(cidr)}
}

// rule adds a rule to a group, once.
func (b *builder) rule(group string, r topology.SecurityGroupRule) {
	i, ok := b.groups[group]
	if !ok {
		panic("demo: no group " + group) // a slip in the tables above
	}
	g := &b.res.SecurityGroups[i]
	if !slices.ContainsFunc(g.Rules, func(o topology.SecurityGroupRule) bool { return o.Key() == r.Key() }) {
		g.Rules = append(g.Rules, r)
	}
}

// plansOf are the VPCs in which a role stands.
func (b *builder) plansOf(kind string) []*vpcPlan {
	var out []*vpcPlan
	for i := range b.vpcs {
		if b.vpcs[i].kind == kind {
			out = append(out, &b.vpcs[i])
		}
	}
	return out
}

// admit adds the rules that a call needs at its targets and, where egress is
// written out, at its openers.
func (b *builder) admit(c *call) {
	for i := range roles {
		r := &roles[i]
		if r.name != c.to && (c.to != "*" || !r.host()) {
			continue
		}
		name := c.group
		if name == "" {
			name = r.groups[0]
		}
		for _, v := range b.plansOf(r.vpc) {
			b.peers(c, topology.Ingress, v, v.key+"/"+name, c.from)
		}
	}
	for i := range roles {
		r := &roles[i]
		if r.name != c.from && (c.from != "*" || !r.host()) || !r.writtenEgress() {
			continue
		}
		name := r.groups[0]
		if c.from == "*" {
			name = "common"
		}
		for _, v := range b.plansOf(r.vpc) {
			b.peers(c, topology.Egress, v, v.key+"/"+name, c.to)
		}
	}
}

// peers adds one rule for each way in which the peer (a role, a zone or *) is
// written in VPC v.
func (b *builder) peers(c *call, d topology.Direction, v *vpcPlan, group, peer string) {
	proto, from, to := c.columns()
	add := func(r topology.SecurityGroupRule) {
		r.Direction, r.Protocol, r.FromPort, r.ToPort = d, proto, from, to
		r.Description = c.name
		b.rule(group, r)
	}
	cidr := func(text string) { add(topology.SecurityGroupRule{CIDR: netip.MustParsePrefix(text)}) }
	if z := zoneNamed(peer); z != nil {
		list, isList := strings.CutPrefix(z.allow, "pl:")
		switch {
		case z.allow == "leftover":
			for _, h := range z.hosts {
				cidr(h + "/32")
			}
		case isList:
			add(topology.SecurityGroupRule{PrefixList: b.prefixList(list)})
		default:
			cidr(z.allow)
		}
		return
	}
	if peer == "*" {
		cidr("10.0.0.0/8")
		return
	}
	r := roleNamed(peer)
	switch {
	case r.vpc == "biz":
		cidr(bizBlock)
	case r.vpc == v.kind:
		add(topology.SecurityGroupRule{Group: b.groupID(v.key + "/" + r.groups[0])})
	case r.name == "web" && c.to == "alb" && d == topology.Ingress:
		// Over the transit gateway a group can be named in ingress rules only.
		add(topology.SecurityGroupRule{Group: b.groupID("dmz/web")})
	default:
		for _, tier := range b.plansOf(r.vpc)[0].tiers {
			if tier.name == r.tier {
				for _, text := range tier.cidrs {
					cidr(text)
				}
			}
		}
	}
}

func (b *builder) groupID(key string) string { return b.res.SecurityGroups[b.groups[key]].ID }

// addCommon adds what every host has: path MTU discovery.
func (b *builder) addCommon() {
	for i := range b.vpcs {
		v := &b.vpcs[i]
		b.rule(v.key+"/common", topology.SecurityGroupRule{Direction: topology.Ingress, Protocol: netset.ICMP, FromPort: 3, ToPort: 4,
			CIDR: netip.MustParsePrefix("0.0.0.0/0"), Description: "경로 MTU"})
		if v.v6.IsValid() {
			b.rule(v.key+"/common", topology.SecurityGroupRule{Direction: topology.Ingress, Protocol: netset.ICMPv6, FromPort: 2, ToPort: 0,
				CIDR: netip.MustParsePrefix("::/0"), Description: "경로 MTU"})
		}
	}
}

// addLeftovers adds what nobody dared to take away: rules that are far too
// wide, and lists of single hosts, most of them gone, close to the quota.
func (b *builder) addLeftovers() {
	port := func(cidr string, from, to int, why string) topology.SecurityGroupRule {
		return topology.SecurityGroupRule{Direction: topology.Ingress, Protocol: netset.TCP, FromPort: from, ToPort: to,
			CIDR: netip.MustParsePrefix(cidr), Description: why}
	}
	b.rule("dmz/legacy-open", port("0.0.0.0/0", 22, 22, "2018 구축사 원격 (임시)"))
	b.rule("dmz/legacy-open", all(topology.Ingress, "10.0.0.0/8"))
	b.rule("core/legacy-any", port("10.0.0.0/8", 0, 65535, "구 사내 전체"))
	b.rule("core/legacy-any", port("172.16.0.0/12", 8000, 8999, "구 지점"))
	b.rule("dbm/rds-core", topology.SecurityGroupRule{Direction: topology.Ingress, Protocol: netset.TCP, FromPort: 1521, ToPort: 1521,
		PrefixList: b.prefixList("sites"), Description: "본점 직접 조회 (2017)"})
	for _, list := range []struct {
		group, third string
		port, upTo   int
	}{{"core/legacy-hosts", "172.18", 8583, 58}, {"core/migration", "172.19", 44100, 55},
		{"dbm/legacy-dba", "172.17", 50000, 59}, {"core/temp-2019", "172.22", 3306, 45}} {
		draw := newStream(b.seed, hash64(list.group))
		for tries := 0; b.ingressRules(list.group) < list.upTo && tries < 1000; tries++ {
			cidr := fmt.Sprintf("%s.%d.%d/32", list.third, draw.between(1, 30), draw.between(2, 250))
			b.rule(list.group, port(cidr, list.port, list.port, fmt.Sprintf("요청 %d-%04d", draw.between(2014, 2021), draw.intn(10000))))
		}
	}
}

func (b *builder) ingressRules(group string) int {
	n := 0
	for _, r := range b.res.SecurityGroups[b.groups[group]].Rules {
		if r.Direction == topology.Ingress {
			n++
		}
	}
	return n
}

// identifyRules gives the rules their ids.
func (b *builder) identifyRules(g *topology.SecurityGroup) {
	for i := range g.Rules {
		g.Rules[i].ID = b.id("sgr", g.ID, g.Rules[i].Key())
	}
}
