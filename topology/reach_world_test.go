package topology

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
)

// wideWorld makes an account with everything that Trace knows: two peered
// transit gateways, one of them with a VPN, peering, NAT, internet, egress-only
// and VPN gateways, endpoints, appliances, overlapping VPCs, zones without an
// attachment, blackholes, prefix lists, both families.
func wideWorld(r *rand.Rand) *world {
	w := &world{}
	chance := func(n int) bool { return r.IntN(n) == 0 }
	w.vpc("vpc-a", "10.0.0.0/24", "2001:db8:a::/56")
	w.vpc("vpc-b", "10.1.0.0/24", "10.9.0.0/25", "2001:db8:b::/56")
	w.vpc("vpc-c", "10.2.0.0/24")
	w.vpc("vpc-d", "10.1.0.0/24") // overlaps vpc-b
	w.subnet("subnet-a1", "vpc-a", "az1", "10.0.0.0/27", "2001:db8:a:1::/64")
	w.subnet("subnet-a2", "vpc-a", "az2", "10.0.0.32/27")
	w.subnet("subnet-ap", "vpc-a", "az1", "10.0.0.64/27", "2001:db8:a:2::/64")
	w.subnet("subnet-at", "vpc-a", "az1", "10.0.0.96/28")
	w.subnet("subnet-b1", "vpc-b", "az1", "10.1.0.0/27", "2001:db8:b:1::/64")
	w.subnet("subnet-b2", "vpc-b", "az2", "10.9.0.0/27")
	w.subnet("subnet-c1", "vpc-c", "az1", "10.2.0.0/27")
	w.subnet("subnet-d1", "vpc-d", "az1", "10.1.0.0/27")
	w.list("pl-1", "10.0.0.0/29", "10.1.0.8/30", "8.8.8.0/24")
	w.list("pl-b", "10.1.0.0/24", "10.9.0.0/25")
	wideTransit(w, r)
	wideRoutes(w, r)
	wideGateways(w, r)
	peers := []string{"0.0.0.0/0", "0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/27", "10.0.0.4/31", "10.1.0.0/24", "10.2.0.0/24", "::/0", "2001:db8:a::/56",
		"sg-1", "sg-2", "sg-3", "pl-1", "8.8.8.8/32", "172.16.0.0/12", "203.0.113.0/24"}
	cols := []string{"all", "all", "tcp/80", "tcp/1-100", "tcp", "udp/53", "icmp/8:0", "icmp", "50", "tcp/1024-65535", "udp/1024-65535", "icmp/3"}
	for i, vpc := range []string{"vpc-a", "vpc-a", "vpc-b", "vpc-c", "vpc-d"} {
		rules := []string{"out all 0.0.0.0/0", "out all ::/0"}
		if chance(2) {
			rules = rules[2:]
		}
		for range 2 + r.IntN(6) {
			rules = append(rules, []string{"in", "out"}[r.IntN(2)]+" "+cols[r.IntN(len(cols))]+" "+peers[r.IntN(len(peers))])
		}
		w.sg(fmt.Sprintf("sg-%d", i+1), vpc, rules...)
	}
	wideLists(w, r, peers[:9], cols)
	w.eni("eni-1", "subnet-a1", "sg-1", "10.0.0.4=203.0.113.4", "2001:db8:a:1::4").Prefixes = pfx("10.0.0.16/30")
	w.eni("eni-2", "subnet-a1", "sg-1 sg-2", "10.0.0.5", "10.0.0.6=203.0.113.6")
	w.eni("eni-3", "subnet-a2", "sg-2", "10.0.0.36")
	w.eni("eni-4", "subnet-ap", "sg-2", "10.0.0.68=203.0.113.68", "2001:db8:a:2::4").SourceDestCheck = chance(2)
	w.eni("eni-xnat", "subnet-ap", "", "10.0.0.70=203.0.113.70").Type = "nat_gateway"
	w.eni("eni-5", "subnet-b1", "sg-3", "10.1.0.8", "2001:db8:b:1::8")
	w.eni("eni-6", "subnet-b2", "sg-3", "10.9.0.8")
	w.eni("eni-7", "subnet-c1", "sg-4", "10.2.0.8").Type = []string{"interface", "vpc_endpoint"}[r.IntN(2)]
	w.eni("eni-8", "subnet-d1", "sg-5", "10.1.0.8")
	return w
}

func wideTransit(w *world, r *rand.Rand) {
	w.tgw("tgw-1", "tgw-2")
	w.r.TransitGateways[0].SecurityGroupReferencing = r.IntN(2) == 0
	for _, a := range []string{"a subnet-at", "b subnet-b1", "c subnet-c1", "d subnet-d1"} {
		name, subnets, _ := strings.Cut(a, " ")
		tgw, table := "tgw-1", []string{"tgw-rtb-1", "tgw-rtb-1", "tgw-rtb-2", ""}[r.IntN(4)]
		if name == "c" {
			tgw, table = "tgw-2", "tgw-rtb-3"
		}
		at := w.attach("tgw-attach-"+name, tgw, "vpc-"+name, table, subnets)
		at.SecurityGroupReferencing, at.ApplianceMode = r.IntN(3) > 0, r.IntN(3) == 0
		if r.IntN(8) == 0 {
			at.State = "failed"
		}
	}
	if r.IntN(2) == 0 {
		w.r.Attachments[1].Subnets = append(w.r.Attachments[1].Subnets, "subnet-b2")
	}
	w.r.Attachments = append(w.r.Attachments,
		TransitGatewayAttachment{ID: "tgw-attach-v", Scope: home, TransitGateway: "tgw-1", ResourceType: AttachVPN, Resource: "vpn-1", State: "available", RouteTable: "tgw-rtb-1"},
		TransitGatewayAttachment{ID: "tgw-attach-p", Scope: home, TransitGateway: "tgw-1", ResourceType: AttachPeering, Resource: "tgw-2", State: "available", RouteTable: "tgw-rtb-1"},
		TransitGatewayAttachment{ID: "tgw-attach-p", Scope: home, TransitGateway: "tgw-2", ResourceType: AttachPeering, Resource: "tgw-1", State: "available", RouteTable: "tgw-rtb-3"})
	statics := []string{"10.2.0.0/24 tgw-attach-p", "172.16.0.0/12 tgw-attach-v", "10.1.0.8/32 blackhole", "10.1.0.0/24 tgw-attach-d", "0.0.0.0/0 tgw-attach-a",
		"10.9.0.0/16 tgw-attach-gone"}
	pick := func(all []string, n int) []string {
		var out []string
		for _, s := range all {
			if r.IntN(n) > 0 {
				out = append(out, s)
			}
		}
		return out
	}
	t := w.transitTable("tgw-rtb-1", "tgw-1", strings.Join(pick([]string{"tgw-attach-a", "tgw-attach-b"}, 5), " "), pick(statics, 3)...)
	if r.IntN(2) == 0 {
		t.PrefixListReferences = []TransitGatewayPrefixListRef{{PrefixList: "pl-b", Attachment: "tgw-attach-b"}}
	}
	w.transitTable("tgw-rtb-2", "tgw-1", "tgw-attach-a", pick(statics, 2)...)
	w.transitTable("tgw-rtb-3", "tgw-2", "tgw-attach-c", "10.0.0.0/8 tgw-attach-p")
}

func wideRoutes(w *world, r *rand.Rand) {
	far := func() string {
		return []string{"10.0.0.0/8 tgw-1", "10.1.0.0/24 pcx-1", "10.1.0.0/24 pcx-2", "10.0.0.0/8 tgw-1 blackhole", "pl-b tgw-1", "10.1.0.0/25 eni-4"}[r.IntN(6)]
	}
	w.table("rtb-a", "vpc-a", "", far(), "172.16.0.0/12 tgw-1", []string{"0.0.0.0/0 nat-1", "0.0.0.0/0 eni-4", "0.0.0.0/0 tgw-1"}[r.IntN(3)], "::/0 eigw-1",
		"64:ff9b::/96 nat-1", "9.9.0.0/16 vgw-1", "pl-s3 vpce-s3")
	w.table("rtb-ap", "vpc-a", "subnet-ap", far(), "0.0.0.0/0 igw-a", "::/0 igw-a", "192.168.0.0/16 vgw-1", "9.8.0.0/16 vgw-1")
	w.table("rtb-at", "vpc-a", "subnet-at", []string{"0.0.0.0/0 nat-1", "10.0.0.0/28 eni-4", "10.2.0.0/24 tgw-1"}[r.IntN(3)], "pl-s3 vpce-s3")
	back := []string{"10.0.0.0/8 tgw-1", "10.0.0.0/24 pcx-1", "10.0.0.0/25 tgw-1"}
	w.table("rtb-b", "vpc-b", "", back[r.IntN(3)], "172.16.0.0/12 tgw-1", "0.0.0.0/0 tgw-1")
	w.table("rtb-c", "vpc-c", "", "10.0.0.0/8 tgw-2")
	w.table("rtb-d", "vpc-d", "", []string{"10.0.0.0/24 pcx-2", "10.0.0.0/8 tgw-1"}[r.IntN(2)])
	w.list("pl-s3", "52.92.0.0/16")
}

func wideGateways(w *world, r *rand.Rand) {
	w.gateway(Gateway{ID: "igw-a", Kind: KindInternet, VPC: "vpc-a"})
	w.gateway(Gateway{ID: "eigw-1", Kind: KindEgressOnly, VPC: "vpc-a"})
	w.gateway(Gateway{ID: "vgw-1", Kind: KindVPN, VPC: "vpc-a", Destinations: [][]netip.Prefix{nil, pfx("192.168.0.0/17", "9.9.0.0/16")}[r.IntN(2)]})
	nat := Gateway{ID: "nat-1", Kind: KindNAT, VPC: "vpc-a", State: "available", Subnet: "subnet-ap", ENIs: []string{"eni-xnat"}}
	if r.IntN(4) == 0 {
		nat.Subnet, nat.ENIs = "", nil
	}
	w.gateway(nat)
	w.r.Endpoints = append(w.r.Endpoints, VPCEndpoint{ID: "vpce-s3", Scope: home, VPC: "vpc-a", Type: "Gateway", Service: "com.amazonaws.ap-northeast-2.s3"})
	for _, p := range [][2]string{{"pcx-1", "vpc-b"}, {"pcx-2", "vpc-d"}} {
		id, far := p[0], p[1]
		status := "active"
		if r.IntN(6) == 0 {
			status = "deleted"
		}
		w.r.Peerings = append(w.r.Peerings, PeeringConnection{ID: id, Scope: home, Status: status, Requester: PeeringSide{VPC: "vpc-a", Region: "r1"},
			Accepter: PeeringSide{VPC: far, Region: []string{"", "r1", "r2"}[r.IntN(3)]}})
	}
	if r.IntN(4) == 0 {
		w.table("rtb-edge", "vpc-a", "subnet-none", "10.0.0.0/27 eni-4")
		t := &w.r.RouteTables[len(w.r.RouteTables)-1]
		t.Subnets, t.Gateways = nil, []string{"igw-a"}
	}
}

func wideLists(w *world, r *rand.Rand, peers, cols []string) {
	for i, sub := range w.r.Subnets {
		var entries []string
		for n := 1; n <= 1+r.IntN(3); n++ {
			verb := []string{"allow", "deny"}[r.IntN(2)]
			for _, d := range []string{"in", "out"} {
				if r.IntN(2) == 0 {
					entries = append(entries, fmt.Sprintf("%s %d %s %s %s", d, n, verb, cols[r.IntN(len(cols))], peers[r.IntN(len(peers))]))
				}
			}
		}
		if r.IntN(4) > 0 {
			entries = append(entries, "in 90 allow all 0.0.0.0/0", "out 90 allow all 0.0.0.0/0", "in 91 allow all ::/0", "out 91 allow all ::/0")
		}
		if len(entries) > 0 {
			w.acl(fmt.Sprintf("acl-%d", i), sub.VPC, sub.ID, entries...)
		}
	}
}
