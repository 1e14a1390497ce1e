package topology

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestTraceTransitGateway(t *testing.T) {
	runScenarios(t, []scenario{
		{"across", nil, "i-app 10.1.1.10 tcp/443", toB1, fromB1},
		{"across, ipv6", nil, "i-app 2001:db8:b:1::10 tcp/443", toB1, fromB1},
		{"secondary CIDR", nil, "i-app 10.9.1.10 tcp/443", "ACCEPTED i-app subnet-app vpc-a tgw-1 vpc-b subnet-b9 i-b9", "ACCEPTED i-b9 subnet-b9 vpc-b tgw-1 vpc-a subnet-app i-app"},
		{"zone without attachment", nil, "i-app2 10.1.1.10 tcp/443", "NULL_ROUTED i-app2 subnet-app2", "NOT_SENT"},
		{"into a zone without attachment", nil, "i-b2 10.0.3.10 tcp/443", "ACCEPTED i-b2 subnet-b2 vpc-b tgw-1 vpc-a subnet-app2 i-app2", "NULL_ROUTED i-app2 subnet-app2"},
		{"no attachment", func(w *world) { w.r.Attachments = w.r.Attachments[1:] }, "i-app 10.1.1.10 tcp/443", "NULL_ROUTED i-app subnet-app", ""},
		{"no association", func(w *world) { w.r.Attachments[0].RouteTable = "" }, "i-app 10.1.1.10 tcp/443", "NULL_ROUTED i-app subnet-app vpc-a tgw-1", ""},
		{"association without propagation", func(w *world) { w.r.TransitRouteTables[0].Propagations = []string{"tgw-attach-a"} }, "i-app 10.1.1.10 tcp/443",
			"NO_ROUTE i-app subnet-app vpc-a tgw-1", ""},
		{"no way back", func(w *world) { w.r.TransitRouteTables[0].Propagations = []string{"tgw-attach-b"} }, "i-app 10.1.1.10 tcp/443",
			toB1, "NO_ROUTE i-b1 subnet-b1 vpc-b tgw-1"},
		{"static route instead", func(w *world) {
			w.r.TransitRouteTables = nil
			w.transitTable("tgw-rtb-1", "tgw-1", "tgw-attach-a", "10.1.1.0/24 tgw-attach-b")
		}, "i-app 10.1.1.10 tcp/443", toB1, fromB1},
		{"static blackhole hides the propagated route", func(w *world) {
			w.r.TransitRouteTables = nil
			w.transitTable("tgw-rtb-1", "tgw-1", "tgw-attach-a tgw-attach-b", "10.1.0.0/16 blackhole")
		}, "i-app 10.1.1.10 tcp/443", "NULL_ROUTED i-app subnet-app vpc-a tgw-1", ""},
		{"a longer blackhole", func(w *world) {
			w.r.TransitRouteTables = nil
			w.transitTable("tgw-rtb-1", "tgw-1", "tgw-attach-a tgw-attach-b", "10.1.1.10/32 blackhole")
		}, "i-app 10.1.1.10 tcp/443", "NULL_ROUTED i-app subnet-app vpc-a tgw-1", ""},
		{"prefix list reference", func(w *world) {
			w.list("pl-b", "10.1.0.0/16", "10.9.0.0/16")
			w.r.TransitRouteTables = nil
			w.transitTable("tgw-rtb-1", "tgw-1", "tgw-attach-a").PrefixListReferences = []TransitGatewayPrefixListRef{{PrefixList: "pl-b", Attachment: "tgw-attach-b"}}
		}, "i-app 10.1.1.10 tcp/443", toB1, fromB1},
		{"prefix list reference before propagated, after static", func(w *world) {
			w.list("pl-b", "10.1.0.0/16")
			w.r.TransitRouteTables = nil
			t := w.transitTable("tgw-rtb-1", "tgw-1", "tgw-attach-a tgw-attach-b", "10.9.0.0/16 tgw-attach-b")
			t.PrefixListReferences = []TransitGatewayPrefixListRef{{PrefixList: "pl-b", Blackhole: true}}
		}, "i-app 10.1.1.10 tcp/443", "NULL_ROUTED i-app subnet-app vpc-a tgw-1", ""},
		{"two tables, each for the other side", func(w *world) {
			w.r.TransitRouteTables = nil
			w.r.Attachments[0].RouteTable, w.r.Attachments[1].RouteTable = "tgw-rtb-a", "tgw-rtb-b"
			w.transitTable("tgw-rtb-a", "tgw-1", "tgw-attach-b")
			w.transitTable("tgw-rtb-b", "tgw-1", "tgw-attach-a")
		}, "i-app 10.1.1.10 tcp/443", toB1, fromB1},
		{"listed and propagated say the same", func(w *world) {
			w.r.TransitRouteTables[0].Routes = []TransitGatewayRoute{{Destination: netip.MustParsePrefix("10.1.0.0/16"), Attachment: "tgw-attach-b", State: StateActive}}
		}, "i-app 10.1.1.10 tcp/443", toB1, fromB1},
		{"no subnet over there", nil, "i-app 10.1.99.1 tcp/443", "NULL_ROUTED i-app subnet-app vpc-a tgw-1 vpc-b", ""},
		{"no interface over there", nil, "i-app 10.1.1.99 tcp/443", "NEIGHBOR_UNREACHABLE i-app subnet-app vpc-a tgw-1 vpc-b subnet-b1", ""},
		{"attachment not available", func(w *world) { w.r.Attachments[1].State = "failed" }, "i-app 10.1.1.10 tcp/443", "NULL_ROUTED i-app subnet-app vpc-a tgw-1", ""},
		{"leaves by VPN", func(w *world) {
			w.r.Attachments = append(w.r.Attachments, TransitGatewayAttachment{ID: "tgw-attach-v", Scope: home, TransitGateway: "tgw-1", ResourceType: AttachVPN, Resource: "vpn-1", State: "available", RouteTable: "tgw-rtb-1"})
			w.r.TransitRouteTables = nil
			w.transitTable("tgw-rtb-1", "tgw-1", "tgw-attach-a", "172.16.0.0/12 tgw-attach-v")
			w.routes("rtb-app", "172.16.0.0/12 tgw-1")
		}, "i-app 172.16.3.4 tcp/443", "EXITS_NETWORK i-app subnet-app vpc-a tgw-1", "ACCEPTED tgw-1 vpc-a subnet-app i-app"},
		{"comes by VPN", func(w *world) {
			w.r.Attachments = append(w.r.Attachments, TransitGatewayAttachment{ID: "tgw-attach-v", Scope: home, TransitGateway: "tgw-1", ResourceType: AttachVPN, Resource: "vpn-1", State: "available", RouteTable: "tgw-rtb-1"})
			w.r.TransitRouteTables = nil
			w.transitTable("tgw-rtb-1", "tgw-1", "tgw-attach-a", "172.16.0.0/12 tgw-attach-v")
			w.routes("rtb-app", "172.16.0.0/12 tgw-1")
		}, "172.16.3.4 10.0.2.10 tcp/443", "ACCEPTED tgw-1 vpc-a subnet-app i-app", "EXITS_NETWORK i-app subnet-app vpc-a tgw-1"},
	})
}

// Which lists of which ACL a transit gateway's subnets ask (aws-facts 4).
func TestTraceAttachmentSubnetACL(t *testing.T) {
	open := []string{"in 50 allow all 0.0.0.0/0", "out 50 allow all 0.0.0.0/0"}
	guard := func(vpc, subnet string, entries ...string) func(*world) {
		return func(w *world) { w.acl("acl-x", vpc, subnet, append(slices.Clone(open), entries...)...) }
	}
	together := func(entries ...string) func(*world) {
		return func(w *world) {
			w.r.Attachments[0].Subnets = []string{"subnet-app"}
			w.acl("acl-x", "vpc-a", "subnet-app", append(slices.Clone(open), entries...)...)
		}
	}
	runScenarios(t, []scenario{
		{"inbound by source, on the way to it", guard("vpc-a", "subnet-ta", "in 1 deny tcp/443 10.0.2.10/32"), "i-app 10.1.1.10 tcp/443", "DENIED_IN i-app subnet-app vpc-a", ""},
		{"outbound not asked on the way to it", guard("vpc-a", "subnet-ta", "out 1 deny tcp/443 0.0.0.0/0"), "i-app 10.1.1.10 tcp/443", toB1, fromB1},
		{"outbound by destination, on the way from it", guard("vpc-b", "subnet-tb1", "out 1 deny tcp/443 10.1.1.10/32"), "i-app 10.1.1.10 tcp/443",
			"DENIED_IN i-app subnet-app vpc-a tgw-1 vpc-b", ""},
		{"inbound not asked on the way from it", guard("vpc-b", "subnet-tb1", "in 1 deny tcp/443 0.0.0.0/0"), "i-app 10.1.1.10 tcp/443", toB1, fromB1},
		{"the reply asks the other lists", guard("vpc-a", "subnet-ta", "out 1 deny tcp/1024-65535 10.0.2.10/32"), "i-app 10.1.1.10 tcp/443", toB1,
			"DENIED_IN i-b1 subnet-b1 vpc-b tgw-1 vpc-a"},
		{"same subnet: out asked on the way to it", together("out 1 deny tcp/443 10.1.0.0/16"), "i-app 10.1.1.10 tcp/443", "DENIED_OUT i-app subnet-app", ""},
		{"same subnet: in asked on the way to it", together("in 1 deny tcp/443 10.0.2.10/32"), "i-app 10.1.1.10 tcp/443", "DENIED_IN i-app subnet-app vpc-a", ""},
		{"same subnet: nothing asked on the way from it", together("in 1 deny all 10.1.0.0/16", "out 1 deny all 10.0.2.10/32"), "i-b1 10.0.2.10 tcp/443",
			"ACCEPTED i-b1 subnet-b1 vpc-b tgw-1 vpc-a subnet-app i-app", toB1},
		{"same subnet: a reply comes in unasked", together("in 1 deny all 10.1.0.0/16"), "i-app 10.1.1.10 tcp/443", toB1, fromB1},
		{"lands in its own zone", guard("vpc-b", "subnet-tb2", "out 1 deny all 0.0.0.0/0"), "i-app 10.1.1.10 tcp/443", toB1, fromB1},
		{"with appliance mode in any", func(w *world) {
			guard("vpc-b", "subnet-tb2", "out 1 deny all 0.0.0.0/0")(w)
			w.r.Attachments[1].ApplianceMode = true
		}, "i-app 10.1.1.10 tcp/443", "DENIED_IN i-app subnet-app vpc-a tgw-1 vpc-b", ""},
		{"in any where its own zone has none", func(w *world) {
			w.r.Attachments[1].Subnets = []string{"subnet-tb2"}
			guard("vpc-b", "subnet-tb2", "out 1 deny all 0.0.0.0/0")(w)
		}, "i-app 10.1.1.10 tcp/443", "DENIED_IN i-app subnet-app vpc-a tgw-1 vpc-b", ""},
		{"the attachment subnet's own table decides", func(w *world) { w.table("rtb-tb", "vpc-b", "subnet-tb1", "10.1.1.0/24 eni-gone blackhole") },
			"i-app 10.1.1.10 tcp/443", "NULL_ROUTED i-app subnet-app vpc-a tgw-1 vpc-b", ""},
	})
}

func TestTraceReferencesAcross(t *testing.T) {
	set := func(tgw, a, b bool, rules ...string) func(*world) {
		return func(w *world) {
			w.r.TransitGateways[0].SecurityGroupReferencing = tgw
			w.r.Attachments[0].SecurityGroupReferencing, w.r.Attachments[1].SecurityGroupReferencing = a, b
			w.drop("sg-b")
			w.sg("sg-b", "vpc-b", rules...)
		}
	}
	denied := "DENIED_IN" + strings.TrimPrefix(toB1, "ACCEPTED")
	runScenarios(t, []scenario{
		{"over a transit gateway", set(true, true, true, "in tcp/443 sg-a"), "i-app 10.1.1.10 tcp/443", toB1, fromB1},
		{"not enabled on the gateway", set(false, true, true, "in tcp/443 sg-a"), "i-app 10.1.1.10 tcp/443", denied, ""},
		{"not enabled on the source's attachment", set(true, false, true, "in tcp/443 sg-a"), "i-app 10.1.1.10 tcp/443", denied, ""},
		{"not enabled on the destination's", set(true, true, false, "in tcp/443 sg-a"), "i-app 10.1.1.10 tcp/443", denied, ""},
		{"egress never over a transit gateway", set(true, true, true, "out all sg-a"), "i-b1 10.0.2.10 tcp/443", "DENIED_OUT i-b1", ""},
		{"over a peering, both ways", func(w *world) {
			w.r.Peerings = []PeeringConnection{{ID: "pcx-1", Scope: home, Status: "active", Requester: PeeringSide{VPC: "vpc-a"}, Accepter: PeeringSide{VPC: "vpc-b"}}}
			w.routes("rtb-app", "10.1.0.0/16 pcx-1")
			w.routes("rtb-main-b", "10.0.0.0/16 pcx-1")
			w.drop("sg-a")
			w.sg("sg-a", "vpc-a", "out tcp/443 sg-b")
			set(false, false, false, "in tcp/443 sg-a")(w)
		}, "i-app 10.1.1.10 tcp/443", "ACCEPTED i-app subnet-app vpc-a vpc-b subnet-b1 i-b1", "ACCEPTED i-b1 subnet-b1 vpc-b vpc-a subnet-app i-app"},
	})
}

func TestTracePeering(t *testing.T) {
	peer := func(status string, extra ...string) func(*world) {
		return func(w *world) {
			w.r.Peerings = []PeeringConnection{{ID: "pcx-1", Scope: home, Status: status, Requester: PeeringSide{VPC: "vpc-a"}, Accepter: PeeringSide{VPC: "vpc-b"}}}
			w.routes("rtb-app", append([]string{"10.1.0.0/16 pcx-1"}, extra...)...)
			w.routes("rtb-main-b", "10.0.0.0/16 pcx-1")
		}
	}
	runScenarios(t, []scenario{
		{"across", peer("active"), "i-app 10.1.1.10 tcp/443", "ACCEPTED i-app subnet-app vpc-a vpc-b subnet-b1 i-b1", "ACCEPTED i-b1 subnet-b1 vpc-b vpc-a subnet-app i-app"},
		{"any zone", peer("active"), "i-app2 10.1.1.10 tcp/443", "ACCEPTED i-app2 subnet-app2 vpc-a vpc-b subnet-b1 i-b1", ""},
		{"deleted", peer("deleted"), "i-app 10.1.1.10 tcp/443", "NULL_ROUTED i-app subnet-app", ""},
		{"no transit through the peer", peer("active", "10.7.0.0/16 pcx-1"), "i-app 10.7.0.1 tcp/443", "NULL_ROUTED i-app subnet-app vpc-a vpc-b", ""},
		{"no subnet", peer("active"), "i-app 10.1.77.1 tcp/443", "NULL_ROUTED i-app subnet-app vpc-a vpc-b", ""},
		{"peer not in the snapshot", func(w *world) {
			peer("active", "10.7.0.0/16 pcx-2")(w)
			w.r.Peerings = append(w.r.Peerings, PeeringConnection{ID: "pcx-2", Scope: home, Status: "active", Requester: PeeringSide{VPC: "vpc-a"}, Accepter: PeeringSide{VPC: "vpc-far"}})
		}, "i-app 10.7.0.1 tcp/443", "EXITS_NETWORK i-app subnet-app vpc-a", "ACCEPTED vpc-a subnet-app i-app"},
		{"overlapping peers, told apart by route", func(w *world) {
			w.vpc("vpc-c", "10.1.0.0/16")
			w.subnet("subnet-c", "vpc-c", "az1", "10.1.1.0/24")
			w.table("rtb-c", "vpc-c", "", "10.0.0.0/16 pcx-c")
			w.acl("acl-c", "vpc-c", "")
			w.sg("sg-c", "vpc-c", "in all 0.0.0.0/0")
			w.eni("eni-c", "subnet-c", "sg-c", "10.1.1.10")
			peer("active", "10.1.1.0/24 pcx-c")(w)
			w.r.Peerings = append(w.r.Peerings, PeeringConnection{ID: "pcx-c", Scope: home, Status: "active", Requester: PeeringSide{VPC: "vpc-a"}, Accepter: PeeringSide{VPC: "vpc-c"}})
		}, "i-app 10.1.1.10 tcp/443", "ACCEPTED i-app subnet-app vpc-a vpc-c subnet-c i-c", "ACCEPTED i-c subnet-c vpc-c vpc-a subnet-app i-app"},
	})
}

func TestTraceGateways(t *testing.T) {
	runScenarios(t, []scenario{
		{"to the internet", nil, "i-pub 8.8.8.8 tcp/443", "EXITS_NETWORK i-pub subnet-pub vpc-a igw-a", "ACCEPTED igw-a vpc-a subnet-pub i-pub"},
		{"to the internet without a public address", func(w *world) { w.r.Interfaces[0].PublicAddresses = nil }, "i-pub 8.8.8.8 tcp/443", "DENIED_IN i-pub subnet-pub vpc-a igw-a", ""},
		{"a private address by an internet gateway", nil, "i-pub 192.168.7.7 tcp/443", "NULL_ROUTED i-pub subnet-pub vpc-a igw-a", ""},
		{"gateway detached", func(w *world) { w.r.Gateways[0].VPC = "" }, "i-pub 8.8.8.8 tcp/443", "NULL_ROUTED i-pub subnet-pub", ""},
		{"from the internet", nil, "8.8.8.8 203.0.113.10 tcp/443", "ACCEPTED igw-a vpc-a subnet-pub i-pub", "EXITS_NETWORK i-pub subnet-pub vpc-a igw-a"},
		{"from the internet by instance id", nil, "8.8.8.8 i-pub tcp/443", "ACCEPTED igw-a vpc-a subnet-pub i-pub", "EXITS_NETWORK i-pub subnet-pub vpc-a igw-a"},
		{"from a site with public addresses of its own", func(w *world) {
			w.gateway(Gateway{ID: "vgw-1", Kind: KindVPN, VPC: "vpc-a"})
			w.routes("rtb-pub", "0.0.0.0/0 igw-a", "9.9.0.0/16 vgw-1")
		}, "9.9.1.1 i-pub tcp/443", "ACCEPTED vgw-1 vpc-a subnet-pub i-pub", "EXITS_NETWORK i-pub subnet-pub vpc-a vgw-1"},
		{"from the internet, group refuses", func(w *world) { w.group("sg-a").Rules = w.group("sg-a").Rules[1:2] }, "8.8.8.8 203.0.113.10 tcp/443", "DENIED_IN igw-a vpc-a subnet-pub i-pub", ""},
		{"from the internet, ACL refuses", func(w *world) {
			w.acl("acl-x", "vpc-a", "subnet-pub", "out 1 allow all 0.0.0.0/0", "in 1 allow all 10.0.0.0/8")
		}, "8.8.8.8 203.0.113.10 tcp/443", "DENIED_IN igw-a vpc-a subnet-pub", ""},
		{"from the internet to a private address", nil, "8.8.8.8 10.0.1.10 tcp/443", "NULL_ROUTED", "NOT_SENT"},
		{"from outside to outside", nil, "8.8.8.8 9.9.9.9 tcp/443", "EXITS_NETWORK", ""},
		{"from the internet, ipv6", nil, "2606:4700::1111 2001:db8:a:1::10 tcp/443", "ACCEPTED igw-a vpc-a subnet-pub i-pub", "EXITS_NETWORK i-pub subnet-pub vpc-a igw-a"},
		{"egress only lets nothing in", nil, "2606:4700::1111 2001:db8:a:2::10 tcp/443", "NULL_ROUTED", ""},
		{"egress only out", nil, "i-app 2606:4700::1111 tcp/443", "EXITS_NETWORK i-app subnet-app vpc-a eigw-a", "ACCEPTED eigw-a vpc-a subnet-app i-app"},
		{"one public address to another", func(w *world) { w.eni("eni-pub2", "subnet-pub", "sg-a", "10.0.1.20=203.0.113.20") }, "i-pub 203.0.113.20 tcp/443",
			"ACCEPTED i-pub subnet-pub vpc-a igw-a vpc-a subnet-pub i-pub2", "ACCEPTED i-pub2 subnet-pub vpc-a igw-a vpc-a subnet-pub i-pub"},

		{"NAT gateway", nil, "i-app 8.8.8.8 tcp/443", "EXITS_NETWORK " + outByNAT, "ACCEPTED igw-a vpc-a subnet-pub nat-a vpc-a subnet-app i-app"},
		{"NAT gateway, ICMP", nil, "i-app 8.8.8.8 icmp", "EXITS_NETWORK " + outByNAT, "ACCEPTED igw-a vpc-a subnet-pub nat-a vpc-a subnet-app i-app"},
		{"NAT gateway, a protocol it does not know", nil, "i-app 8.8.8.8 50", "DENIED_IN i-app subnet-app vpc-a nat-a", ""},
		{"NAT gateway's subnet refuses by the opener's address", func(w *world) {
			w.acl("acl-x", "vpc-a", "subnet-pub", "in 1 deny tcp/443 10.0.2.0/24", "in 2 allow all 0.0.0.0/0", "out 1 allow all 0.0.0.0/0")
		}, "i-app 8.8.8.8 tcp/443", "DENIED_IN i-app subnet-app vpc-a", ""},
		{"NAT gateway's subnet refuses the way out", func(w *world) {
			w.acl("acl-x", "vpc-a", "subnet-pub", "in 1 allow all 0.0.0.0/0", "out 1 allow all 10.0.0.0/8")
		}, "i-app 8.8.8.8 tcp/443", "DENIED_OUT i-app subnet-app vpc-a nat-a subnet-pub", ""},
		{"NAT gateway takes replies on 1024 and up", func(w *world) {
			w.acl("acl-x", "vpc-a", "subnet-pub", "in 1 allow tcp/443 10.0.0.0/8", "in 2 allow tcp/1024-65535 0.0.0.0/0", "out 1 allow all 0.0.0.0/0")
		}, "i-app 8.8.8.8 tcp/443", "EXITS_NETWORK " + outByNAT, "ACCEPTED igw-a vpc-a subnet-pub nat-a vpc-a subnet-app i-app"},
		{"whatever the opener's port", func(w *world) {
			w.acl("acl-x", "vpc-a", "subnet-pub", "in 1 allow tcp/443 10.0.0.0/8", "in 2 allow tcp/40000 0.0.0.0/0", "out 1 allow all 0.0.0.0/0")
		}, "i-app 8.8.8.8 tcp/443 40000", "EXITS_NETWORK " + outByNAT, "DENIED_IN igw-a vpc-a subnet-pub"},
		{"and the opener's subnet sees the opener's port", func(w *world) {
			w.acl("acl-x", "vpc-a", "subnet-app", "in 2 allow tcp/40000 8.8.8.8/32", "out 1 allow all 0.0.0.0/0")
		}, "i-app 8.8.8.8 tcp/443 40000", "EXITS_NETWORK " + outByNAT, "ACCEPTED igw-a vpc-a subnet-pub nat-a vpc-a subnet-app i-app"},
		{"NAT gateway without a session", nil, "8.8.8.8 198.51.100.5 tcp/443", "DENIED_IN igw-a vpc-a subnet-pub nat-a", ""},
		{"NAT gateway from its own subnet", nil, "i-pub 10.0.1.250 tcp/80", "DENIED_IN i-pub nat-a", ""},
		{"NAT gateway deleted", func(w *world) { w.r.Gateways[2].State = "deleted" }, "i-app 8.8.8.8 tcp/443", "NULL_ROUTED i-app subnet-app", ""},
		{"regional NAT gateway", func(w *world) { w.r.Gateways[2].Subnet, w.r.Gateways[2].ENIs = "", nil }, "i-app 8.8.8.8 tcp/443",
			"EXITS_NETWORK i-app subnet-app vpc-a nat-a igw-a", "ACCEPTED igw-a nat-a vpc-a subnet-app i-app"},
		{"internet gateway not read", func(w *world) { w.r.Gateways = nil }, "8.8.8.8 203.0.113.10 tcp/443", "ACCEPTED igw-a vpc-a subnet-pub i-pub", "EXITS_NETWORK i-pub subnet-pub vpc-a igw-a"},
		{"NAT64", func(w *world) { w.routes("rtb-app", "64:ff9b::/96 nat-a") }, "i-app 64:ff9b::808:808 tcp/443", "EXITS_NETWORK " + outByNAT, "ACCEPTED igw-a vpc-a subnet-pub nat-a vpc-a subnet-app i-app"},
		{"private NAT across a transit gateway", func(w *world) {
			w.r.Gateways[2].Private = true
			w.routes("rtb-app", "10.1.0.0/16 nat-a")
			w.routes("rtb-pub", "10.1.0.0/16 tgw-1")
		}, "i-app 10.1.1.10 tcp/443", "ACCEPTED i-app subnet-app vpc-a nat-a subnet-pub vpc-a tgw-1 vpc-b subnet-b1 i-b1",
			"ACCEPTED i-b1 subnet-b1 vpc-b tgw-1 vpc-a subnet-pub nat-a vpc-a subnet-app i-app"},
		{"central NAT behind a transit gateway", func(w *world) {
			w.routes("rtb-main-b", "0.0.0.0/0 tgw-1")
			w.r.TransitRouteTables = nil
			w.transitTable("tgw-rtb-1", "tgw-1", "tgw-attach-b", "0.0.0.0/0 tgw-attach-a")
			w.table("rtb-ta", "vpc-a", "subnet-ta", "0.0.0.0/0 nat-a")
			w.routes("rtb-pub", "0.0.0.0/0 igw-a", "10.1.0.0/16 tgw-1")
		}, "i-b1 8.8.8.8 tcp/443", "EXITS_NETWORK i-b1 subnet-b1 vpc-b tgw-1 vpc-a nat-a subnet-pub vpc-a igw-a",
			"ACCEPTED igw-a vpc-a subnet-pub nat-a vpc-a tgw-1 vpc-b subnet-b1 i-b1"},
	})
}

func TestTraceVPNAndEndpoints(t *testing.T) {
	vgw := func(to ...string) func(*world) {
		return func(w *world) {
			w.gateway(Gateway{ID: "vgw-1", Kind: KindVPN, VPC: "vpc-a", Destinations: pfx(to...)})
			w.routes("rtb-app", "0.0.0.0/0 vgw-1")
		}
	}
	s3 := func(w *world) {
		w.list("pl-s3", "52.216.0.0/15")
		w.r.Endpoints = []VPCEndpoint{{ID: "vpce-s3", Scope: home, VPC: "vpc-a", Type: "Gateway"}}
		w.routes("rtb-app", "pl-s3 vpce-s3", "0.0.0.0/0 nat-a")
	}
	runScenarios(t, []scenario{
		{"to the site", vgw(), "i-app 192.168.1.1 tcp/443", "EXITS_NETWORK i-app subnet-app vpc-a vgw-1", "ACCEPTED vgw-1 vpc-a subnet-app i-app"},
		{"connections that route statically", vgw("192.168.0.0/16"), "i-app 192.168.1.1 tcp/443", "EXITS_NETWORK i-app subnet-app vpc-a vgw-1", ""},
		{"and not to there", vgw("192.168.0.0/16"), "i-app 8.8.8.8 tcp/443", "NO_ROUTE i-app subnet-app vpc-a vgw-1", ""},
		{"from the site", vgw(), "192.168.1.1 10.0.2.10 tcp/443", "ACCEPTED vgw-1 vpc-a subnet-app i-app", "EXITS_NETWORK i-app subnet-app vpc-a vgw-1"},
		{"from the site to no interface", vgw(), "192.168.1.1 10.0.2.99 tcp/443", "NEIGHBOR_UNREACHABLE vgw-1 vpc-a subnet-app", ""},
		{"from the site to no subnet", func(w *world) { vgw()(w); w.routes("rtb-main-a", "0.0.0.0/0 vgw-1") }, "192.168.1.1 10.0.99.1 tcp/443", "NULL_ROUTED vgw-1 vpc-a", ""},
		{"detached", func(w *world) { vgw()(w); w.r.Gateways[3].VPC = "" }, "i-app 192.168.1.1 tcp/443", "NULL_ROUTED i-app subnet-app", ""},
		{"gateway endpoint", s3, "i-app 52.216.1.1 tcp/443", "EXITS_NETWORK i-app subnet-app vpc-a vpce-s3", "ACCEPTED vpce-s3 vpc-a subnet-app i-app"},
		{"beside the endpoint's list", s3, "i-app 52.218.1.1 tcp/443", "EXITS_NETWORK " + outByNAT, ""},
		{"interface endpoint", func(w *world) {
			w.eni("eni-xvpce", "subnet-pub", "sg-a", "10.0.1.50").Type = "vpc_endpoint"
		}, "i-app 10.0.1.50 tcp/443", "ACCEPTED i-app subnet-app vpc-a subnet-pub eni-xvpce", "ACCEPTED eni-xvpce subnet-pub vpc-a subnet-app i-app"},
		{"an appliance that forwards", func(w *world) {
			w.eni("eni-fw", "subnet-pub", "sg-a", "10.0.1.60").SourceDestCheck = false
			w.routes("rtb-app", "10.1.0.0/16 eni-fw")
			w.routes("rtb-pub", "10.1.0.0/16 tgw-1")
		}, "i-app 10.1.1.10 tcp/443", "ACCEPTED i-app subnet-app vpc-a i-fw subnet-pub vpc-a tgw-1 vpc-b subnet-b1 i-b1", fromB1},
		{"one that checks its addresses", func(w *world) {
			w.eni("eni-fw", "subnet-pub", "sg-a", "10.0.1.60")
			w.routes("rtb-app", "10.1.0.0/16 i-fw")
		}, "i-app 10.1.1.10 tcp/443", "NULL_ROUTED i-app subnet-app", ""},
		{"a NAT instance", func(w *world) {
			w.eni("eni-fw", "subnet-pub", "sg-a", "10.0.1.60=203.0.113.60").SourceDestCheck = false
			w.routes("rtb-app", "0.0.0.0/0 i-fw")
		}, "i-app 8.8.8.8 tcp/443", "EXITS_NETWORK i-app subnet-app vpc-a i-fw subnet-pub vpc-a igw-a", "ACCEPTED igw-a vpc-a subnet-pub i-fw vpc-a subnet-app i-app"},
		{"appliances in a circle", func(w *world) {
			w.eni("eni-f1", "subnet-pub", "sg-a", "10.0.1.61").SourceDestCheck = false
			w.eni("eni-f2", "subnet-app", "sg-a", "10.0.2.61").SourceDestCheck = false
			w.routes("rtb-app", "10.1.0.0/16 eni-f1")
			w.routes("rtb-pub", "10.1.0.0/16 eni-f2")
		}, "i-app 10.1.1.10 tcp/443", circle(), ""},
	})
}

func circle() string {
	s := "NULL_ROUTED i-app subnet-app vpc-a i-f1 subnet-pub vpc-a i-f2"
	for range 15 {
		s += " subnet-app vpc-a i-f1 subnet-pub vpc-a i-f2"
	}
	return s + " subnet-app"
}

func TestTracePeeredTransitGateways(t *testing.T) {
	twin := func(w *world) {
		// VPC c hangs on a second gateway; the peering attachment has one id at both.
		w.vpc("vpc-c", "10.2.0.0/16")
		w.subnet("subnet-c", "vpc-c", "cz1", "10.2.1.0/24")
		w.acl("acl-c", "vpc-c", "")
		w.table("rtb-c", "vpc-c", "", "10.0.0.0/8 tgw-2")
		w.sg("sg-c", "vpc-c", "in all 0.0.0.0/0", "out all 0.0.0.0/0")
		w.eni("eni-c", "subnet-c", "sg-c", "10.2.1.10")
		w.tgw("tgw-2")
		w.attach("tgw-attach-c", "tgw-2", "vpc-c", "tgw-rtb-2", "subnet-c")
		for _, side := range [][3]string{{"tgw-1", "tgw-2", "tgw-rtb-1"}, {"tgw-2", "tgw-1", "tgw-rtb-2"}} {
			w.r.Attachments = append(w.r.Attachments, TransitGatewayAttachment{ID: "tgw-attach-p", Scope: home, TransitGateway: side[0],
				ResourceType: AttachPeering, Resource: side[1], RouteTable: side[2], State: "available"})
		}
		w.transitTable("tgw-rtb-2", "tgw-2", "tgw-attach-c", "10.0.0.0/16 tgw-attach-p")
		w.r.TransitRouteTables = w.r.TransitRouteTables[1:]
		w.transitTable("tgw-rtb-1", "tgw-1", "tgw-attach-a tgw-attach-b", "10.2.0.0/16 tgw-attach-p")
		w.routes("rtb-app", "10.2.0.0/16 tgw-1")
	}
	runScenarios(t, []scenario{
		{"across both", twin, "i-app 10.2.1.10 tcp/443", "ACCEPTED i-app subnet-app vpc-a tgw-1 tgw-2 vpc-c subnet-c i-c", "ACCEPTED i-c subnet-c vpc-c tgw-2 tgw-1 vpc-a subnet-app i-app"},
		{"of two accounts", func(w *world) {
			twin(w)
			far := Scope{"999988887777", "us-east-1"}
			w.r.TransitGateways[1].Scope = far
			for i := range w.r.Attachments {
				if w.r.Attachments[i].TransitGateway == "tgw-2" {
					w.r.Attachments[i].Scope = far
				}
			}
			for i := range w.r.TransitRouteTables {
				if w.r.TransitRouteTables[i].TransitGateway == "tgw-2" {
					w.r.TransitRouteTables[i].Scope = far
				}
			}
		}, "i-app 10.2.1.10 tcp/443", "ACCEPTED i-app subnet-app vpc-a tgw-1 tgw-2 vpc-c subnet-c i-c", "ACCEPTED i-c subnet-c vpc-c tgw-2 tgw-1 vpc-a subnet-app i-app"},
		{"a propagated route does not cross", func(w *world) {
			twin(w)
			w.r.TransitRouteTables[1].Routes = nil
			w.r.TransitRouteTables[1].Propagations = append(w.r.TransitRouteTables[1].Propagations, "tgw-attach-p")
		}, "i-app 10.2.1.10 tcp/443", "NO_ROUTE i-app subnet-app vpc-a tgw-1", ""},
		{"two ids that name each other", func(w *world) {
			twin(w)
			for i := range w.r.Attachments {
				if a := &w.r.Attachments[i]; a.ID == "tgw-attach-p" && a.TransitGateway == "tgw-2" {
					a.ID, a.PeerAttachment = "tgw-attach-q", "tgw-attach-p"
				} else if a.ID == "tgw-attach-p" {
					a.PeerAttachment = "tgw-attach-q"
				}
			}
			w.r.TransitRouteTables[0].Routes[0].Attachment = "tgw-attach-q"
		}, "i-app 10.2.1.10 tcp/443", "ACCEPTED i-app subnet-app vpc-a tgw-1 tgw-2 vpc-c subnet-c i-c", "ACCEPTED i-c subnet-c vpc-c tgw-2 tgw-1 vpc-a subnet-app i-app"},
		{"no static route", func(w *world) { twin(w); w.r.TransitRouteTables[1].Routes = nil }, "i-app 10.2.1.10 tcp/443", "NO_ROUTE i-app subnet-app vpc-a tgw-1", ""},
		{"far table has no route", func(w *world) { twin(w); w.r.TransitRouteTables[0].Propagations = nil }, "i-app 10.2.1.10 tcp/443", "NO_ROUTE i-app subnet-app vpc-a tgw-1 tgw-2", ""},
		{"far side not associated", func(w *world) { twin(w); w.r.Attachments[4].RouteTable = "" }, "i-app 10.2.1.10 tcp/443", "NULL_ROUTED i-app subnet-app vpc-a tgw-1 tgw-2", ""},
		{"far side not in the snapshot", func(w *world) { twin(w); w.r.Attachments = w.r.Attachments[:4] }, "i-app 10.2.1.10 tcp/443", "EXITS_NETWORK i-app subnet-app vpc-a tgw-1", "ACCEPTED tgw-1 vpc-a subnet-app i-app"},
		{"two gateways, one for each way", func(w *world) {
			twin(w)
			w.attach("tgw-attach-a2", "tgw-2", "vpc-a", "tgw-rtb-2", "subnet-ta")
			w.r.TransitRouteTables[0].Routes[0].Attachment = "tgw-attach-a2"
		}, "i-app 10.2.1.10 tcp/443", "ACCEPTED i-app subnet-app vpc-a tgw-1 tgw-2 vpc-c subnet-c i-c", "ACCEPTED i-c subnet-c vpc-c tgw-2 vpc-a subnet-app i-app"},
	})
}
