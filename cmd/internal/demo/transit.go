package demo

import (
	"net/netip"
	"slices"

	"github.com/flowcover/flowcover/topology"
)

// addGateways makes the internet, egress-only and NAT gateways.
func (b *builder) addGateways() {
	dmz := &b.vpcs[0]
	b.res.Gateways = []topology.Gateway{
		{ID: b.id("igw", "dmz"), Scope: b.scope, Kind: "internet", VPC: dmz.id, Tags: named("인터넷-관문")},
		{ID: b.id("eigw", "dmz"), Scope: b.scope, Kind: "egress-only-internet", VPC: dmz.id, Tags: named("인터넷-관문-v6")},
		{ID: b.id("nat", "dmz"), Scope: b.scope, Kind: "nat", VPC: dmz.id, State: "available", Subnet: b.subnets["dmz/public/a"].id,
			ENIs: []string{b.res.Interfaces[b.members["dmz/nat"][0]].ID}, Tags: named("외부-NAT")},
	}
}

// addTransit makes the transit gateway: the VPCs' attachments, a VPN to the
// bank's own sites, and one route table each for the inside, the DMZ and the VPN.
func (b *builder) addTransit() {
	b.tgw = b.id("tgw", "hub")
	b.res.TransitGateways = []topology.TransitGateway{{ID: b.tgw, Scope: b.scope, SecurityGroupReferencing: true, Tags: named("망연계-허브")}}
	inside, outer, vpn := b.id("tgw-rtb", "inside"), b.id("tgw-rtb", "dmz"), b.id("tgw-rtb", "vpn")
	vpnAttachment := b.id("tgw-attach", "vpn")
	var attachments []string
	for i := range b.vpcs {
		v := &b.vpcs[i]
		a := topology.TransitGatewayAttachment{ID: b.id("tgw-attach", v.key), Scope: b.scope, TransitGateway: b.tgw, ResourceType: "vpc",
			Resource: v.id, ResourceOwner: demoAccount, State: "available", RouteTable: inside, SecurityGroupReferencing: true, Tags: named(v.title)}
		for _, letter := range zoneLetters {
			a.Subnets = append(a.Subnets, b.subnets[v.key+"/tgw/"+letter].id)
		}
		slices.Sort(a.Subnets)
		if v.key == "dmz" {
			a.RouteTable = outer
		}
		attachments = append(attachments, a.ID)
		b.res.Attachments = append(b.res.Attachments, a)
	}
	b.res.Attachments = append(b.res.Attachments, topology.TransitGatewayAttachment{ID: vpnAttachment, Scope: b.scope, TransitGateway: b.tgw,
		ResourceType: "vpn", Resource: b.id("vpn", "sites"), ResourceOwner: demoAccount, State: "available", RouteTable: vpn, Tags: named("본점-VPN")})
	static := func(cidr, attachment string) topology.TransitGatewayRoute {
		r := topology.TransitGatewayRoute{Destination: netip.MustParsePrefix(cidr), Attachment: attachment, Static: true, State: "active"}
		if attachment == "" {
			r.State = "blackhole"
		}
		return r
	}
	b.res.TransitRouteTables = []topology.TransitGatewayRouteTable{
		b.transitTable(inside, "내부", attachments, static("172.16.0.0/12", vpnAttachment), static("10.99.0.0/16", "")),
		b.transitTable(outer, "DMZ", attachments[1:], static("172.20.0.0/16", vpnAttachment)),
		b.transitTable(vpn, "본점", attachments),
	}
}

// transitTable is a route table with the propagations of VPC attachments.
func (b *builder) transitTable(id, title string, attachments []string, static ...topology.TransitGatewayRoute) topology.TransitGatewayRouteTable {
	t := topology.TransitGatewayRouteTable{ID: id, Scope: b.scope, TransitGateway: b.tgw, Routes: static, Tags: named(title)}
	for _, a := range attachments {
		t.Propagations = append(t.Propagations, a)
		for i := range b.vpcs {
			if b.id("tgw-attach", b.vpcs[i].key) != a {
				continue
			}
			for _, cidr := range b.vpcs[i].cidrs {
				t.Routes = append(t.Routes, topology.TransitGatewayRoute{Destination: cidr, Attachment: a, State: "active"})
			}
		}
	}
	slices.Sort(t.Propagations)
	return t
}

// addRoutes makes the VPCs' route tables.
func (b *builder) addRoutes() {
	for i := range b.vpcs {
		v := &b.vpcs[i]
		to := func(dest, target string) topology.Route {
			return topology.Route{Destination: netip.MustParsePrefix(dest), Target: target, State: "active", Origin: "CreateRoute"}
		}
		inside := []topology.Route{to("10.0.0.0/8", b.tgw), to("172.16.0.0/12", b.tgw)}
		b.routeTable(v, "main", true, nil, nil)
		switch v.kind {
		case "dmz":
			igw := b.id("igw", "dmz")
			b.routeTable(v, "public", false, inside, []topology.Route{to("0.0.0.0/0", igw), to("::/0", igw)}, "public")
			b.routeTable(v, "private", false, inside, []topology.Route{to("0.0.0.0/0", b.id("nat", "dmz")), to("::/0", b.id("eigw", "dmz"))}, "private")
		case "core":
			s3 := topology.Route{PrefixList: b.prefixList("s3"), Target: b.id("vpce", "s3"), State: "active", Origin: "CreateRoute"}
			b.routeTable(v, "app", false, inside, []topology.Route{s3}, "app", "batch", "endpoint")
		case "dbm":
			sites := topology.Route{PrefixList: b.prefixList("sites"), Target: b.tgw, State: "active", Origin: "CreateRoute"}
			b.routeTable(v, "inside", false, inside[:1], []topology.Route{sites}, "db", "mgmt")
		default:
			b.routeTable(v, "app", false, inside, nil, "app")
		}
	}
}

func (b *builder) routeTable(v *vpcPlan, name string, main bool, routes, more []topology.Route, tiers ...string) {
	t := topology.RouteTable{ID: b.id("rtb", v.key, name), Scope: b.scope, VPC: v.id, Main: main, Tags: named(v.title + "-" + name)}
	for _, tier := range tiers {
		for _, letter := range zoneLetters {
			t.Subnets = append(t.Subnets, b.subnets[v.key+"/"+tier+"/"+letter].id)
		}
	}
	slices.Sort(t.Subnets)
	local := v.cidrs
	if v.v6.IsValid() {
		local = append(append([]netip.Prefix(nil), local...), v.v6)
	}
	for _, cidr := range local {
		t.Routes = append(t.Routes, topology.Route{Destination: cidr, Target: "local", State: "active", Origin: "CreateRouteTable"})
	}
	t.Routes = append(append(t.Routes, routes...), more...)
	b.res.RouteTables = append(b.res.RouteTables, t)
}

// addServices makes the load balancers, databases and endpoints that the
// managed ENIs belong to.
func (b *builder) addServices() {
	core, dbm := &b.vpcs[1], &b.vpcs[2]
	b.res.Endpoints = []topology.VPCEndpoint{
		{ID: b.id("vpce", "s3"), Scope: b.scope, VPC: core.id, Type: "Gateway", Service: "com.amazonaws." + demoRegion + ".s3",
			RouteTables: []string{b.id("rtb", "core", "app")}, State: "available", Tags: named("S3-관문")},
		{ID: b.id("vpce", "kms"), Scope: b.scope, VPC: core.id, Type: "Interface", Service: "com.amazonaws." + demoRegion + ".kms", PrivateDNS: true,
			DNSNames: []string{b.id("vpce", "kms") + ".kms." + demoRegion + ".vpce.amazonaws.com", "kms." + demoRegion + ".amazonaws.com"},
			Subnets:  b.both("core/endpoint"), ENIs: b.enisOf("core/endpoint"), Groups: []string{b.groupID("core/endpoint")},
			State: "available", Tags: named("KMS-엔드포인트")},
	}
	b.addLoadBalancer("nlb", "network", "internet-facing", "web", 443, 8443)
	b.addLoadBalancer("alb", "application", "internal", "was", 443, 8080)
	for _, db := range []struct {
		name, role, engine string
		port               int
	}{{"core-ledger", "rds-core", "oracle-ee", 1521}, {"notify", "rds-mgmt", "postgres", 5432}} {
		b.res.DBInstances = append(b.res.DBInstances, topology.DBInstance{ID: db.name, Scope: b.scope, VPC: dbm.id, Engine: db.engine, Port: db.port,
			Groups: []string{b.groupID("dbm/" + db.role)}, Subnets: b.both("dbm/db")})
	}
}

func (b *builder) both(tier string) []string {
	out := []string{b.subnets[tier+"/a"].id, b.subnets[tier+"/c"].id}
	slices.Sort(out)
	return out
}

func (b *builder) enisOf(member string) []string {
	var out []string
	for _, i := range b.members[member] {
		out = append(out, b.res.Interfaces[i].ID)
	}
	slices.Sort(out)
	return out
}

func (b *builder) addLoadBalancer(name, kind, scheme, targets string, port, targetPort int) {
	v := b.plansOf(roleNamed(name).vpc)[0]
	short := map[string]string{"network": "net", "application": "app"}[kind]
	lb := topology.LoadBalancer{ID: "arn:aws:elasticloadbalancing:" + demoRegion + ":" + demoAccount + ":loadbalancer/" + short + "/" + loadBalancerName(name) + "/" + b.loadBalancerHash(name),
		Scope: b.scope, Name: loadBalancerName(name), Type: kind, Scheme: scheme, VPC: v.id, Groups: []string{b.groupID(v.key + "/" + name)}}
	l := topology.Listener{Protocol: 6, Port: port}
	for _, i := range b.members[v.key+"/"+targets] {
		l.Targets = append(l.Targets, topology.Target{ID: b.res.Interfaces[i].Instance, Port: targetPort})
	}
	lb.Listeners = []topology.Listener{l}
	b.res.LoadBalancers = append(b.res.LoadBalancers, lb)
}
