package topology

import (
	"slices"
	"strings"
	"testing"
)

// The rules of how AWS decides, each with the tests that hold it. "variants"
// are the tables of this file, which compare what decided and what came
// nearest as well; the others stand in trace_test.go and trace_paths_test.go.
//
//	security groups: any rule of any group admits     TestTraceGroupsAndACLs, variantsGroups
//	  replies pass unasked                            TestTraceGroupsAndACLs
//	  references: same VPC, peering in one Region,
//	  TGW inbound only; private addresses only; not
//	  over TGW peering, through appliances, to
//	  PrivateLink, in use1-az3                        TestTraceReferencesAcross, variantsReferences
//	NACL: lowest number, final deny, both legs        TestTraceGroupsAndACLs, variantsACLs
//	  not inside a subnet; not for DNS, metadata ...  TestTraceInsideVPC
//	  subnet of the attachment: four lists            TestTraceAttachmentSubnetACL, variantsTransit
//	route tables: longest prefix, static over list
//	  over propagated, blackhole, more specific than
//	  local, gateway's own table                      TestTraceRoutes, variantsRoutes
//	attachment in the zone; zone by id, not by name   TestTraceTransitGateway, variantsTransit
//	one association; none drops                       TestTraceTransitGateway
//	TGW routes: longest, static, list, VPC, Direct
//	  Connect, Connect, VPN; blackhole                variantsTransitRoutes
//	out in its own zone, else any; appliance mode     TestTraceAttachmentSubnetACL
//	TGW peering: static routes, two tables            TestTracePeeredTransitGateways
//	the way back is asked by itself                   variantsTransit, variantsReplies
//	peering: the peer's own ranges and no further     TestTracePeering, variantsPeering
//	NAT, internet, egress-only gateways               TestTraceInternetAndNAT, variantsReplies
//	gateway endpoints: by list, own VPC only, IPv4    TestTraceVPNAndEndpoints, variantsEndpoints
//	interface endpoints: group, any VPC, no ping      TestTraceVPNAndEndpoints, variantsEndpoints
//	private DNS, zones that VPCs share                topology/lint
type variant struct {
	name  string
	with  func(*world)
	ask   string
	want  string // disposition and path
	by    string // the hop that decides: the last where it refuses, else one of them
	near  string // what comes nearest
	reply string
	back  string // as by
	rnear string // as near
}

func hopText(h Hop) string {
	text := h.Kind + " " + h.Resource
	if h.Rule != nil {
		text += ": " + h.Rule.Rule
		if h.Rule.Resource != h.Resource {
			text += " of " + h.Rule.Resource
		}
	}
	return text
}

func runVariants(t *testing.T, cases []variant) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := estate()
			if c.with != nil {
				c.with(w)
			}
			s := w.build(t)
			got, err := s.Trace(scenario{ask: c.ask}.query())
			if err != nil {
				t.Fatal(err)
			}
			variantLeg(t, "request", got.Leg, c.want, c.by, c.near)
			variantLeg(t, "reply", got.Reply, c.reply, c.back, c.rnear)
			for _, f := range DecisionFaults(s, scenario{ask: c.ask}.query()) {
				t.Error(f)
			}
		})
	}
}

func variantLeg(t *testing.T, name string, l Leg, want, by, near string) {
	t.Helper()
	if want == "" && strings.HasPrefix(line(l), string(NotSent)) {
		return
	}
	if line(l) != want {
		t.Errorf("%s\n got %s\nwant %s\nhops %+v", name, line(l), want, l.Hops)
	}
	checkLeg(t, l)
	if len(l.Hops) == 0 {
		return
	}
	last := l.Hops[len(l.Hops)-1]
	if l.Disposition.Delivered() {
		if by != "" && !slices.ContainsFunc(l.Hops, func(h Hop) bool { return hopText(h) == by }) {
			t.Errorf("%s: no hop is %q in %+v", name, by, l.Hops)
		}
		return
	}
	if hopText(last) != by {
		t.Errorf("%s is decided by %q, want %q", name, hopText(last), by)
	}
	if last.Nearest != near {
		t.Errorf("%s: nearest is %q, want %q", name, last.Nearest, near)
	}
}

const (
	toPub     = "i-app subnet-app vpc-a subnet-pub i-pub"
	fromPub   = "i-pub subnet-pub vpc-a subnet-app i-app"
	acrossB1  = "i-app subnet-app vpc-a tgw-1 vpc-b subnet-b1 i-b1"
	acrossApp = "i-b1 subnet-b1 vpc-b tgw-1 vpc-a subnet-app i-app"
)

func withGroup(id, vpc string, rules ...string) func(*world) {
	return func(w *world) { w.drop(id); w.sg(id, vpc, rules...) }
}

func withACL(vpc, subnet string, entries ...string) func(*world) {
	return func(w *world) { w.acl("acl-x", vpc, subnet, entries...) }
}

func both(fs ...func(*world)) func(*world) {
	return func(w *world) {
		for _, f := range fs {
			f(w)
		}
	}
}

func TestVariantsGroups(t *testing.T) {
	runVariants(t, []variant{
		{"the first rule that admits is named", withGroup("sg-a", "vpc-a", "out all 0.0.0.0/0", "in tcp/80-90 10.0.2.0/24", "in tcp/80 10.0.0.0/8"), "i-app i-pub tcp/80",
			"ACCEPTED " + toPub, "security-group sg-a: ingress tcp/80 10.0.0.0/8", "", "ACCEPTED " + fromPub, "", ""},
		{"the longest common prefix is nearest", withGroup("sg-a", "vpc-a", "out all 0.0.0.0/0", "in tcp/80 10.9.0.0/16", "in tcp/80 10.0.2.128/25", "in tcp/22 10.0.2.10/32"), "i-app i-pub tcp/80",
			"DENIED_IN " + toPub, "security-group sg-a", "sg-a ingress tcp/80 10.0.2.128/25: the port matches, 10.0.2.10 does not", "", "", ""},
		{"the address is nearer than nothing", withGroup("sg-a", "vpc-a", "out all 0.0.0.0/0", "in tcp/22 10.0.2.10/32", "in udp/80 172.16.0.0/12"), "i-app i-pub tcp/80",
			"DENIED_IN " + toPub, "security-group sg-a", "sg-a ingress tcp/22 10.0.2.10/32: the address matches, tcp/80 does not", "", "", ""},
		{"one port beyond the range", withGroup("sg-a", "vpc-a", "out tcp/1-79 0.0.0.0/0"), "i-app i-pub tcp/80",
			"DENIED_OUT i-app", "security-group sg-a", "sg-a egress tcp/1-79 0.0.0.0/0: the address matches, tcp/80 does not", "", "", ""},
		{"no rule at all", withGroup("sg-a", "vpc-a"), "i-app i-pub tcp/80", "DENIED_OUT i-app", "security-group sg-a", "", "", "", ""},
		{"udp is not tcp", withGroup("sg-a", "vpc-a", "out all 0.0.0.0/0", "in tcp/53 0.0.0.0/0"), "i-app i-pub udp/53",
			"DENIED_IN " + toPub, "security-group sg-a", "sg-a ingress tcp/53 0.0.0.0/0: the address matches, udp/53 does not", "", "", ""},
		{"a rule of the other family", withGroup("sg-a", "vpc-a", "out all 0.0.0.0/0", "in tcp/80 ::/0"), "i-app i-pub tcp/80",
			"DENIED_IN " + toPub, "security-group sg-a", "sg-a ingress tcp/80 ::/0: the port matches, 10.0.2.10 does not", "", "", ""},
		{"a list without the address", both(func(w *world) { w.list("pl-9", "10.0.3.0/24") }, withGroup("sg-a", "vpc-a", "out all 0.0.0.0/0", "in tcp/80 pl-9")), "i-app i-pub tcp/80",
			"DENIED_IN " + toPub, "security-group sg-a", "sg-a ingress tcp/80 pl-9: the port matches, 10.0.2.10 does not", "", "", ""},
		{"a list of the other family", both(func(w *world) { w.list("pl-9", "2001:db8::/32") }, withGroup("sg-a", "vpc-a", "out tcp/80 pl-9")), "i-app i-pub tcp/80",
			"DENIED_OUT i-app", "security-group sg-a", "sg-a egress tcp/80 pl-9: the port matches, 10.0.1.10 does not", "", "", ""},
		{"its own group", withGroup("sg-a", "vpc-a", "out all sg-a", "in tcp/80 sg-a"), "i-app i-near tcp/80",
			"ACCEPTED i-app i-near", "security-group sg-a: ingress tcp/80 sg-a", "", "ACCEPTED i-near i-app", "", ""},
		{"its own group, and a peer without it", both(withGroup("sg-a", "vpc-a", "out all 0.0.0.0/0", "in tcp/80 sg-a"), func(w *world) {
			w.sg("sg-z", "vpc-a", "out all 0.0.0.0/0")
			w.eni("eni-new", "subnet-app", "sg-z", "10.0.2.50")
		}), "i-new i-near tcp/80", "DENIED_IN i-new i-near", "security-group sg-a", "sg-a ingress tcp/80 sg-a: the port matches, 10.0.2.50 does not", "", "", ""},
		{"a second group is carried, too", both(withGroup("sg-a", "vpc-a", "out all 0.0.0.0/0", "in tcp/80 sg-z"), func(w *world) {
			w.sg("sg-z", "vpc-a")
			w.eni("eni-new", "subnet-app", "sg-a sg-z", "10.0.2.50")
		}), "i-new i-near tcp/80", "ACCEPTED i-new i-near", "security-group sg-a: ingress tcp/80 sg-z", "", "ACCEPTED i-near i-new", "", ""},
		{"a protocol without ports", withGroup("sg-a", "vpc-a", "out all 0.0.0.0/0", "in 47 10.0.2.0/24"), "i-app i-pub 47",
			"ACCEPTED " + toPub, "security-group sg-a: ingress 47 10.0.2.0/24", "", "ACCEPTED " + fromPub, "", ""},
		{"another protocol without ports", withGroup("sg-a", "vpc-a", "out all 0.0.0.0/0", "in 47 10.0.2.0/24"), "i-app i-pub 50",
			"DENIED_IN " + toPub, "security-group sg-a", "sg-a ingress 47 10.0.2.0/24: the address matches, 50 does not", "", "", ""},
		{"icmp, every code of a type", withGroup("sg-a", "vpc-a", "out all 0.0.0.0/0", "in icmp/3:* 0.0.0.0/0"), "i-app i-pub icmp/3:4",
			"ACCEPTED " + toPub, "security-group sg-a: ingress icmp/3 0.0.0.0/0", "", "ACCEPTED " + fromPub, "", ""},
	})
}

func TestVariantsACLs(t *testing.T) {
	out := "out 1 allow all 0.0.0.0/0"
	runVariants(t, []variant{
		{"a deny before the allow", withACL("vpc-a", "subnet-pub", out, "in 200 deny tcp/80 10.0.2.0/24", "in 300 allow all 0.0.0.0/0"), "i-app i-pub tcp/80",
			"DENIED_IN i-app subnet-app vpc-a subnet-pub", "network-acl acl-x: ingress 200", "acl-x ingress 300 allow all 0.0.0.0/0: it allows, and comes after the deny", "", "", ""},
		{"a deny after the allow", withACL("vpc-a", "subnet-pub", out, "in 400 deny tcp/80 10.0.2.0/24", "in 300 allow all 0.0.0.0/0"), "i-app i-pub tcp/80",
			"ACCEPTED " + toPub, "network-acl acl-x: ingress 300", "", "ACCEPTED " + fromPub, "", ""},
		{"the final deny", withACL("vpc-a", "subnet-pub", out, "in 100 allow tcp/443 10.0.0.0/8", "in 110 allow tcp/80 10.0.3.0/24"), "i-app i-pub tcp/80",
			"DENIED_IN i-app subnet-app vpc-a subnet-pub", "network-acl acl-x: ingress 32767", "acl-x ingress 110 allow tcp/80 10.0.3.0/24: the port matches, 10.0.2.10 does not", "", "", ""},
		{"the final deny of ipv6", withACL("vpc-a", "subnet-pub", out, "in 100 allow all 0.0.0.0/0", "out 2 allow all ::/0"), "i-app 2001:db8:a:1::10 tcp/80",
			"DENIED_IN i-app subnet-app vpc-a subnet-pub", "network-acl acl-x: ingress 32768", "acl-x ingress 100 allow all 0.0.0.0/0: the port matches, 2001:db8:a:2::10 does not", "", "", ""},
		{"replies cut at 60999", withACL("vpc-a", "subnet-app", out, "in 100 allow tcp/1024-60999 0.0.0.0/0"), "i-app i-pub tcp/80",
			"ACCEPTED " + toPub, "network-acl acl-a: ingress 100", "", "DENIED_IN i-pub subnet-pub vpc-a subnet-app", "network-acl acl-x: ingress 32767",
			"acl-x ingress 100 allow tcp/1024-60999 0.0.0.0/0: the address matches, tcp/61000-65535 does not"},
		{"the last port that passes", withACL("vpc-a", "subnet-app", out, "in 100 allow tcp/1024-60999 0.0.0.0/0"), "i-app i-pub tcp/80 60999",
			"ACCEPTED " + toPub, "", "", "ACCEPTED " + fromPub, "network-acl acl-x: ingress 100", ""},
		{"the first that does not", withACL("vpc-a", "subnet-app", out, "in 100 allow tcp/1024-60999 0.0.0.0/0"), "i-app i-pub tcp/80 61000",
			"ACCEPTED " + toPub, "", "", "DENIED_IN i-pub subnet-pub vpc-a subnet-app", "network-acl acl-x: ingress 32767",
			"acl-x ingress 100 allow tcp/1024-60999 0.0.0.0/0: the address matches, tcp/61000 does not"},
		{"replies refused leaving", withACL("vpc-a", "subnet-pub", "in 1 allow all 0.0.0.0/0", "out 100 allow tcp/80 0.0.0.0/0"), "i-app i-pub tcp/80 40000",
			"ACCEPTED " + toPub, "network-acl acl-x: ingress 1", "", "DENIED_OUT i-pub subnet-pub", "network-acl acl-x: egress 32767",
			"acl-x egress 100 allow tcp/80 0.0.0.0/0: the address matches, tcp/40000 does not"},
		{"udp answers on udp", withACL("vpc-a", "subnet-app", out, "in 100 allow tcp/1024-65535 0.0.0.0/0"), "i-app i-pub udp/53 40000",
			"ACCEPTED " + toPub, "", "", "DENIED_IN i-pub subnet-pub vpc-a subnet-app", "network-acl acl-x: ingress 32767",
			"acl-x ingress 100 allow tcp/1024-65535 0.0.0.0/0: the address matches, udp/40000 does not"},
		{"an echo's reply is another type", withACL("vpc-a", "subnet-app", out, "in 100 allow icmp/8:* 0.0.0.0/0"), "i-app i-pub icmp",
			"ACCEPTED " + toPub, "", "", "DENIED_IN i-pub subnet-pub vpc-a subnet-app", "network-acl acl-x: ingress 32767",
			"acl-x ingress 100 allow icmp/8 0.0.0.0/0: the address matches, icmp/0:0 does not"},
		{"and passes by its own", withACL("vpc-a", "subnet-app", out, "in 100 allow icmp/0:* 0.0.0.0/0"), "i-app i-pub icmp",
			"ACCEPTED " + toPub, "", "", "ACCEPTED " + fromPub, "network-acl acl-x: ingress 100", ""},
		{"a protocol without ports, in a list of ports", withACL("vpc-a", "subnet-pub", out, "in 100 allow tcp/1-65535 0.0.0.0/0"), "i-app i-pub 50",
			"DENIED_IN i-app subnet-app vpc-a subnet-pub", "network-acl acl-x: ingress 32767", "acl-x ingress 100 allow tcp/1-65535 0.0.0.0/0: the address matches, 50 does not", "", "", ""},
	})
}

func TestVariantsRoutes(t *testing.T) {
	routes := func(lines ...string) func(*world) { return func(w *world) { w.routes("rtb-app", lines...) } }
	runVariants(t, []variant{
		{"a propagated route that is longer", routes("10.1.0.0/16 nat-a", "10.1.1.0/24 tgw-1 active EnableVgwRoutePropagation"), "i-app 10.1.1.10 tcp/80",
			"ACCEPTED " + acrossB1, "route-table rtb-app: 10.1.1.0/24", "", "ACCEPTED " + acrossApp, "", ""},
		{"a list's entry that is longer than a static route", both(func(w *world) { w.list("pl-b", "10.1.1.0/25") }, routes("10.1.1.0/24 igw-a", "pl-b tgw-1")), "i-app 10.1.1.10 tcp/80",
			"ACCEPTED " + acrossB1, "route-table rtb-app: pl-b", "", "ACCEPTED " + acrossApp, "", ""},
		{"a static route as long as a list's entry", both(func(w *world) { w.list("pl-b", "10.1.1.0/24") }, routes("10.1.1.0/24 tgw-1", "pl-b igw-a")), "i-app 10.1.1.10 tcp/80",
			"ACCEPTED " + acrossB1, "route-table rtb-app: 10.1.1.0/24", "", "ACCEPTED " + acrossApp, "", ""},
		{"a longer blackhole", routes("10.1.0.0/16 tgw-1", "10.1.1.0/24 pcx-1 blackhole"), "i-app 10.1.1.10 tcp/80",
			"NULL_ROUTED i-app subnet-app", "route-table rtb-app: 10.1.1.0/24", "rtb-app 10.1.0.0/16 leads to tgw-1, and is shorter", "", "", ""},
		{"a static blackhole over a propagated route", routes("10.1.0.0/16 vgw-1 active EnableVgwRoutePropagation", "10.1.0.0/16 tgw-gone blackhole"), "i-app 10.1.1.10 tcp/80",
			"NULL_ROUTED i-app subnet-app", "route-table rtb-app: 10.1.0.0/16", "", "", "", ""},
		{"another table has the route", routes("10.8.0.0/16 tgw-1"), "i-app 10.1.1.10 tcp/80", "NO_ROUTE i-app subnet-app", "route-table rtb-app",
			"rtb-app has a route to 10.0.0.0/16", "", "", ""},
		{"a table of the same VPC has it", both(routes(), func(w *world) { w.routes("rtb-pub", "10.1.0.0/16 tgw-1") }), "i-app 10.1.1.10 tcp/80", "NO_ROUTE i-app subnet-app", "route-table rtb-app",
			"rtb-pub, of the same VPC, routes it to tgw-1", "", "", ""},
		{"a secondary range has no route", routes("10.1.0.0/16 tgw-1"), "i-app 10.9.1.10 tcp/80", "NO_ROUTE i-app subnet-app", "route-table rtb-app", "rtb-app has a route to 10.1.0.0/16", "", "", ""},
		{"a subnet inside the VPC by an appliance", both(func(w *world) { w.eni("eni-fw", "subnet-ta", "sg-a", "10.0.250.5").SourceDestCheck = false }, routes("10.0.1.0/24 eni-fw")), "i-app i-pub tcp/80",
			"ACCEPTED i-app subnet-app vpc-a i-fw subnet-ta vpc-a subnet-pub i-pub", "route-table rtb-app: 10.0.1.0/24", "", "ACCEPTED " + fromPub, "", ""},
		{"a list that the snapshot lacks", routes("pl-far tgw-1"), "i-app 10.1.1.10 tcp/80", "NO_ROUTE i-app subnet-app", "route-table rtb-app", "rtb-app has a route to 10.0.0.0/16", "", "", ""},
		{"from the internet by the gateway's table", func(w *world) {
			w.eni("eni-fw", "subnet-ta", "sg-a", "10.0.250.5").SourceDestCheck = false
			w.table("rtb-edge", "vpc-a", "none", "10.0.1.0/24 eni-fw")
			last := &w.r.RouteTables[len(w.r.RouteTables)-1]
			last.Subnets, last.Gateways = nil, []string{"igw-a"}
		}, "8.8.8.8 203.0.113.10 tcp/443", "ACCEPTED igw-a vpc-a i-fw subnet-ta vpc-a subnet-pub i-pub", "route-table rtb-edge: 10.0.1.0/24", "",
			"EXITS_NETWORK i-pub subnet-pub vpc-a igw-a", "", ""},
		{"from the internet to a gateway's blackhole", func(w *world) {
			w.table("rtb-edge", "vpc-a", "none", "10.0.1.0/24 eni-gone blackhole")
			last := &w.r.RouteTables[len(w.r.RouteTables)-1]
			last.Subnets, last.Gateways = nil, []string{"igw-a"}
		}, "8.8.8.8 203.0.113.10 tcp/443", "NULL_ROUTED igw-a", "route-table rtb-edge: 10.0.1.0/24", "rtb-edge 10.0.0.0/16 leads to local, and is shorter", "", "", ""},
	})
}
