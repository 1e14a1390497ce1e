package topology

import "testing"

func peering(id, a, b, status string) func(*world) {
	return func(w *world) {
		w.r.Peerings = append(w.r.Peerings, PeeringConnection{ID: id, Scope: home, Status: status, Requester: PeeringSide{VPC: a, Region: home.Region}, Accepter: PeeringSide{VPC: b, Region: home.Region}})
	}
}

// peered joins VPC a and b by a peering alone.
func peered(w *world) {
	peering("pcx-1", "vpc-a", "vpc-b", "active")(w)
	w.routes("rtb-app", "10.1.0.0/16 pcx-1")
	w.routes("rtb-main-b", "10.0.0.0/16 pcx-1")
}

const (
	peerB1  = "i-app subnet-app vpc-a vpc-b subnet-b1 i-b1"
	peerApp = "i-b1 subnet-b1 vpc-b vpc-a subnet-app i-app"
)

func TestVariantsReferences(t *testing.T) {
	refB := withGroup("sg-b", "vpc-b", "in tcp/443 sg-a")
	overTransit := func(w *world) {
		w.r.TransitGateways[0].SecurityGroupReferencing = true
		w.r.Attachments[0].SecurityGroupReferencing, w.r.Attachments[1].SecurityGroupReferencing = true, true
	}
	near := "sg-b ingress tcp/443 sg-a: the port matches, 10.0.2.10 does not"
	runVariants(t, []variant{
		{"over a peering", both(peered, refB), "i-app 10.1.1.10 tcp/443", "ACCEPTED " + peerB1, "security-group sg-b: ingress tcp/443 sg-a", "", "ACCEPTED " + peerApp, "", ""},
		{"over a peering of accounts", both(peered, refB, func(w *world) { w.r.Peerings[0].Accepter.Account = "999988887777" }), "i-app 10.1.1.10 tcp/443",
			"ACCEPTED " + peerB1, "security-group sg-b: ingress tcp/443 sg-a", "", "ACCEPTED " + peerApp, "", ""},
		{"over a peering of Regions: none", both(peered, refB, func(w *world) { w.r.Peerings[0].Accepter.Region = "us-east-1" }), "i-app 10.1.1.10 tcp/443",
			"DENIED_IN " + peerB1, "security-group sg-b", near, "", "", ""},
		{"out over a peering of Regions: none", both(peered, withGroup("sg-a", "vpc-a", "out tcp/443 sg-b"), func(w *world) { w.r.Peerings[0].Accepter.Region = "us-east-1" }), "i-app 10.1.1.10 tcp/443",
			"DENIED_OUT i-app", "security-group sg-a", "sg-a egress tcp/443 sg-b: the port matches, 10.1.1.10 does not", "", "", ""},
		{"over a transit gateway", both(overTransit, refB), "i-app 10.1.1.10 tcp/443", "ACCEPTED " + acrossB1, "security-group sg-b: ingress tcp/443 sg-a", "", "ACCEPTED " + acrossApp, "", ""},
		{"over a transit gateway to PrivateLink: none", both(overTransit, refB, func(w *world) { w.eni("eni-xvpce", "subnet-b1", "sg-b", "10.1.1.50").Type = "vpc_endpoint" }), "i-app 10.1.1.50 tcp/443",
			"DENIED_IN i-app subnet-app vpc-a tgw-1 vpc-b subnet-b1 eni-xvpce", "security-group sg-b", near, "", "", ""},
		{"over a transit gateway in use1-az3: none", both(overTransit, refB, func(w *world) {
			for i := range w.r.Subnets {
				if w.r.Subnets[i].AZ == "az1" {
					w.r.Subnets[i].AZID = "use1-az3"
				}
			}
		}), "i-app 10.1.1.10 tcp/443", "DENIED_IN " + acrossB1, "security-group sg-b", near, "", "", ""},
		{"inside a VPC to PrivateLink", both(withGroup("sg-z", "vpc-a", "in tcp/443 sg-a"), func(w *world) { w.eni("eni-xvpce", "subnet-pub", "sg-z", "10.0.1.50").Type = "vpc_endpoint" }), "i-app 10.0.1.50 tcp/443",
			"ACCEPTED i-app subnet-app vpc-a subnet-pub eni-xvpce", "security-group sg-z: ingress tcp/443 sg-a", "", "ACCEPTED eni-xvpce subnet-pub vpc-a subnet-app i-app", "", ""},
		{"by a public address: none", both(withGroup("sg-a", "vpc-a", "out all 0.0.0.0/0", "in tcp/443 sg-a"), func(w *world) { w.eni("eni-pub2", "subnet-pub", "sg-a", "10.0.1.20=203.0.113.20") }), "i-pub 203.0.113.20 tcp/443",
			"DENIED_IN i-pub subnet-pub vpc-a igw-a vpc-a subnet-pub i-pub2", "security-group sg-a", "sg-a ingress tcp/443 sg-a: the port matches, 203.0.113.10 does not", "", "", ""},
		{"through an appliance: none", both(withGroup("sg-z", "vpc-a", "in tcp/80 sg-a"), func(w *world) {
			w.eni("eni-fw", "subnet-ta", "sg-a", "10.0.250.5").SourceDestCheck = false
			w.eni("eni-z", "subnet-pub", "sg-z", "10.0.1.30")
			w.routes("rtb-app", "10.0.1.0/24 eni-fw")
		}), "i-app 10.0.1.30 tcp/80", "DENIED_IN i-app subnet-app vpc-a i-fw subnet-ta vpc-a subnet-pub i-z", "security-group sg-z",
			"sg-z ingress tcp/80 sg-a: the port matches, 10.0.2.10 does not", "", "", ""},
		{"behind a NAT gateway: none", both(withGroup("sg-b", "vpc-b", "in tcp/443 sg-a"), overTransit, func(w *world) {
			w.r.Gateways[2].Private = true
			w.routes("rtb-app", "10.1.0.0/16 nat-a")
			w.routes("rtb-pub", "10.1.0.0/16 tgw-1")
		}), "i-app 10.1.1.10 tcp/443", "DENIED_IN i-app subnet-app vpc-a nat-a subnet-pub vpc-a tgw-1 vpc-b subnet-b1 i-b1", "security-group sg-b",
			"sg-b ingress tcp/443 sg-a: the port matches, 10.0.1.250 does not", "", "", ""},
	})
}

func TestVariantsPeering(t *testing.T) {
	third := func(w *world) {
		w.vpc("vpc-c", "10.2.0.0/16")
		w.subnet("subnet-c", "vpc-c", "az1", "10.2.1.0/24")
		w.acl("acl-c", "vpc-c", "")
		w.table("rtb-c", "vpc-c", "", "10.1.0.0/16 pcx-2", "10.0.0.0/16 pcx-2")
		w.sg("sg-c", "vpc-c", "in all 0.0.0.0/0", "out all 0.0.0.0/0")
		w.eni("eni-c", "subnet-c", "sg-c", "10.2.1.10")
	}
	twin := func(w *world) { // overlaps vpc-b
		w.vpc("vpc-d", "10.1.0.0/16")
		w.subnet("subnet-d", "vpc-d", "az1", "10.1.1.0/24")
		w.acl("acl-d", "vpc-d", "")
		w.table("rtb-d", "vpc-d", "", "10.0.0.0/16 pcx-3")
		w.sg("sg-d", "vpc-d", "in all 0.0.0.0/0", "out all 0.0.0.0/0")
		w.eni("eni-d", "subnet-d", "sg-d", "10.1.1.10")
		peering("pcx-3", "vpc-d", "vpc-a", "active")(w)
	}
	runVariants(t, []variant{
		{"no further than the peer", both(peered, third, peering("pcx-2", "vpc-b", "vpc-c", "active"), func(w *world) {
			w.routes("rtb-app", "10.2.0.0/16 pcx-1")
			w.routes("rtb-main-b", "10.2.0.0/16 pcx-2", "10.0.0.0/16 pcx-1")
		}), "i-app 10.2.1.10 tcp/80", "NULL_ROUTED i-app subnet-app vpc-a vpc-b", "vpc vpc-b", "", "", "", ""},
		{"not to the peer's internet gateway", both(peered, func(w *world) { w.routes("rtb-main-b", "0.0.0.0/0 pcx-1") }), "i-b1 8.8.8.8 tcp/443",
			"NULL_ROUTED i-b1 subnet-b1 vpc-b vpc-a", "vpc vpc-a", "", "", "", ""},
		{"waits to be accepted", both(peered, func(w *world) { w.r.Peerings[0].Status = "pending-acceptance" }), "i-app 10.1.1.10 tcp/80",
			"NULL_ROUTED i-app subnet-app", "peering pcx-1", "", "", "", ""},
		{"no way back", both(peered, func(w *world) { w.routes("rtb-main-b", "10.0.1.0/24 pcx-1") }), "i-app 10.1.1.10 tcp/80",
			"ACCEPTED " + peerB1, "route-table rtb-app: 10.1.0.0/16", "", "NO_ROUTE i-b1 subnet-b1", "route-table rtb-main-b", "rtb-main-b has a route to 10.0.1.0/24"},
		{"the way back by the transit gateway", both(peered, func(w *world) { w.routes("rtb-main-b", "10.0.0.0/16 tgw-1") }), "i-app 10.1.1.10 tcp/80",
			"ACCEPTED " + peerB1, "", "", "ACCEPTED " + acrossApp, "tgw-route-table tgw-rtb-1: 10.0.0.0/16", ""},
		{"of two that overlap, the longer route", both(peered, twin, func(w *world) { w.routes("rtb-app", "10.1.0.0/16 pcx-1", "10.1.1.0/24 pcx-3") }), "i-app 10.1.1.10 tcp/80",
			"ACCEPTED i-app subnet-app vpc-a vpc-d subnet-d i-d", "route-table rtb-app: 10.1.1.0/24", "", "ACCEPTED i-d subnet-d vpc-d vpc-a subnet-app i-app", "", ""},
		{"of two that overlap, the other", both(peered, twin), "i-app 10.1.1.10 tcp/80", "ACCEPTED " + peerB1, "route-table rtb-app: 10.1.0.0/16", "", "ACCEPTED " + peerApp, "", ""},
		{"of two that overlap, the answer goes to the other", both(peered, twin, func(w *world) { w.routes("rtb-app", "10.1.0.0/16 pcx-1") }), "i-d 10.0.2.10 tcp/80",
			"ACCEPTED i-d subnet-d vpc-d vpc-a subnet-app i-app", "route-table rtb-d: 10.0.0.0/16", "", "DENIED_IN i-app subnet-app vpc-a vpc-b subnet-b1 i-b1", "network-interface eni-b1", ""},
		{"the peer's subnet refuses", both(peered, withACL("vpc-b", "subnet-b1", "in 7 deny tcp/80 10.0.2.0/24", "in 8 allow all 0.0.0.0/0", "out 1 allow all 0.0.0.0/0")), "i-app 10.1.1.10 tcp/80",
			"DENIED_IN i-app subnet-app vpc-a vpc-b subnet-b1", "network-acl acl-x: ingress 7", "acl-x ingress 8 allow all 0.0.0.0/0: it allows, and comes after the deny", "", "", ""},
	})
}

func TestVariantsTransit(t *testing.T) {
	zone := func(subnet, az, id string) func(*world) {
		return func(w *world) {
			for i := range w.r.Subnets {
				if w.r.Subnets[i].ID == subnet {
					w.r.Subnets[i].AZ, w.r.Subnets[i].AZID = az, id
				}
			}
		}
	}
	split := func(aTable, bTable string, more ...func(*world)) func(*world) {
		return both(append([]func(*world){func(w *world) {
			w.r.TransitRouteTables = nil
			w.r.Attachments[0].RouteTable, w.r.Attachments[1].RouteTable = "tgw-rtb-a", "tgw-rtb-b"
			w.transitTable("tgw-rtb-a", "tgw-1", aTable)
			w.transitTable("tgw-rtb-b", "tgw-1", bTable)
		}}, more...)...)
	}
	second := func(w *world) { // VPC b answers by a second gateway
		w.tgw("tgw-2")
		w.attach("tgw-attach-a2", "tgw-2", "vpc-a", "tgw-rtb-2", "subnet-ta")
		w.attach("tgw-attach-b2", "tgw-2", "vpc-b", "tgw-rtb-2", "subnet-tb1 subnet-tb2")
		w.transitTable("tgw-rtb-2", "tgw-2", "tgw-attach-a2 tgw-attach-b2")
		w.routes("rtb-main-b", "10.0.0.0/16 tgw-2")
	}
	byTwo := "ACCEPTED i-b1 subnet-b1 vpc-b tgw-2 vpc-a subnet-app i-app"
	refuse := []string{"in 50 allow all 0.0.0.0/0", "out 50 allow all 0.0.0.0/0"}
	runVariants(t, []variant{
		{"one zone by two names", both(zone("subnet-app", "apne2a", "id-1"), zone("subnet-ta", "apne2c", "id-1")), "i-app 10.1.1.10 tcp/80", "ACCEPTED " + acrossB1, "", "", "ACCEPTED " + acrossApp, "", ""},
		{"two zones by one name", both(zone("subnet-app", "az1", "id-1"), zone("subnet-ta", "az1", "id-2")), "i-app 10.1.1.10 tcp/80", "NULL_ROUTED i-app subnet-app", "attachment tgw-attach-a", "tgw-attach-a has subnet-ta (az1 id-2)", "", "", ""},
		{"a zone without an attachment, named", nil, "i-app2 10.1.1.10 tcp/80", "NULL_ROUTED i-app2 subnet-app2", "attachment tgw-attach-a", "tgw-attach-a has subnet-ta (az1)", "", "", ""},
		{"no answer from a zone without an attachment", nil, "i-b1 10.0.3.10 tcp/80", "ACCEPTED i-b1 subnet-b1 vpc-b tgw-1 vpc-a subnet-app2 i-app2", "", "",
			"NULL_ROUTED i-app2 subnet-app2", "attachment tgw-attach-a", "tgw-attach-a has subnet-ta (az1)"},
		{"association without propagation", split("tgw-attach-a", "tgw-attach-a tgw-attach-b"), "i-app 10.1.1.10 tcp/80", "NO_ROUTE i-app subnet-app vpc-a tgw-1", "tgw-route-table tgw-rtb-a",
			"tgw-rtb-b, of the same gateway, routes it to tgw-attach-b", "", "", ""},
		{"propagation to no table", split("tgw-attach-a", "tgw-attach-a"), "i-app 10.1.1.10 tcp/80", "NO_ROUTE i-app subnet-app vpc-a tgw-1", "tgw-route-table tgw-rtb-a",
			"tgw-attach-b attaches vpc-b, which holds the address, and does not propagate to tgw-rtb-a", "", "", ""},
		{"the answer's table lacks the way", split("tgw-attach-b", "tgw-attach-b"), "i-app 10.1.1.10 tcp/80", "ACCEPTED " + acrossB1, "tgw-route-table tgw-rtb-a: 10.1.0.0/16", "",
			"NO_ROUTE i-b1 subnet-b1 vpc-b tgw-1", "tgw-route-table tgw-rtb-b", "tgw-attach-a attaches vpc-a, which holds the address, and does not propagate to tgw-rtb-b"},
		{"the answer's attachment has no table", split("tgw-attach-b", "tgw-attach-a", func(w *world) { w.r.Attachments[1].RouteTable = "" }), "i-app 10.1.1.10 tcp/80", "ACCEPTED " + acrossB1, "", "",
			"NULL_ROUTED i-b1 subnet-b1 vpc-b tgw-1", "attachment tgw-attach-b", "tgw-rtb-b, of the same gateway, routes it to tgw-attach-a"},
		{"two gateways, one for each way", second, "i-app 10.1.1.10 tcp/80", "ACCEPTED " + acrossB1, "tgw-route-table tgw-rtb-1: 10.1.0.0/16", "", byTwo, "tgw-route-table tgw-rtb-2: 10.0.0.0/16", ""},
		{"and the second is not attached", both(second, func(w *world) { w.r.Attachments = w.r.Attachments[:3] }), "i-app 10.1.1.10 tcp/80", "ACCEPTED " + acrossB1, "", "",
			"NULL_ROUTED i-b1 subnet-b1", "transit-gateway tgw-2", "tgw-attach-b attaches vpc-b to tgw-1"},
		{"and its table drops", both(second, func(w *world) {
			w.r.TransitRouteTables = w.r.TransitRouteTables[:1]
			w.transitTable("tgw-rtb-2", "tgw-2", "tgw-attach-b2", "10.0.2.0/24 blackhole")
		}), "i-app 10.1.1.10 tcp/80", "ACCEPTED " + acrossB1, "", "", "NULL_ROUTED i-b1 subnet-b1 vpc-b tgw-2", "tgw-route-table tgw-rtb-2: 10.0.2.0/24", ""},
		{"the attachment's subnet, on the way in", withACL("vpc-a", "subnet-ta", append(refuse, "in 3 deny tcp/80 10.0.2.10/32")...), "i-app 10.1.1.10 tcp/80",
			"DENIED_IN i-app subnet-app vpc-a", "network-acl acl-x: ingress 3", "acl-x ingress 50 allow all 0.0.0.0/0: it allows, and comes after the deny", "", "", ""},
		{"the far attachment's subnet, on the way out", withACL("vpc-b", "subnet-tb1", append(refuse, "out 3 deny tcp/80 10.1.1.0/24")...), "i-app 10.1.1.10 tcp/80",
			"DENIED_IN i-app subnet-app vpc-a tgw-1 vpc-b", "network-acl acl-x: egress 3", "acl-x egress 50 allow all 0.0.0.0/0: it allows, and comes after the deny", "", "", ""},
		{"the far attachment's subnet, on the reply", withACL("vpc-b", "subnet-tb1", append(refuse, "in 3 deny tcp/1024-2000 10.1.1.0/24")...), "i-app 10.1.1.10 tcp/80",
			"ACCEPTED " + acrossB1, "", "", "DENIED_IN i-b1 subnet-b1 vpc-b", "network-acl acl-x: ingress 3", "acl-x ingress 50 allow all 0.0.0.0/0: it allows, and comes after the deny"},
	})
}

// Which of several TGW routes to one destination AWS takes (aws-facts 4).
func TestVariantsTransitRoutes(t *testing.T) {
	kinds := []string{AttachVPN, AttachDX, AttachConnect}
	table := func(statics []string, rows ...string) func(*world) { // rows: "destination attachment"
		return func(w *world) {
			for _, k := range kinds {
				w.r.Attachments = append(w.r.Attachments, TransitGatewayAttachment{ID: "tgw-attach-" + k, Scope: home, TransitGateway: "tgw-1", ResourceType: k, Resource: k + "-1", State: "available", RouteTable: "tgw-rtb-1"})
			}
			w.r.TransitRouteTables = nil
			x := w.transitTable("tgw-rtb-1", "tgw-1", "tgw-attach-a", statics...)
			for i := 0; i < len(rows); i += 2 {
				x.Routes = append(x.Routes, TransitGatewayRoute{Destination: pfx(rows[i])[0], Attachment: rows[i+1], State: StateActive})
			}
			w.routes("rtb-app", "10.1.0.0/16 tgw-1", "172.16.0.0/12 tgw-1")
		}
	}
	const vpn, dx, connect = "tgw-attach-" + AttachVPN, "tgw-attach-" + AttachDX, "tgw-attach-" + AttachConnect
	exit := "EXITS_NETWORK i-app subnet-app vpc-a tgw-1"
	at := "tgw-route-table tgw-rtb-1: "
	list := func(w *world) {
		w.list("pl-b", "10.1.0.0/16")
		w.r.TransitRouteTables[0].PrefixListReferences = []TransitGatewayPrefixListRef{{PrefixList: "pl-b", Attachment: "tgw-attach-b"}}
	}
	runVariants(t, []variant{
		{"out by Direct Connect", func(w *world) {
			w.r.Attachments = append(w.r.Attachments, TransitGatewayAttachment{ID: "tgw-attach-dx", Scope: home, TransitGateway: "tgw-1", ResourceType: AttachDX, Resource: "dxgw-1", State: "available", RouteTable: "tgw-rtb-1"})
			w.r.TransitRouteTables[0].Routes = []TransitGatewayRoute{{Destination: pfx("172.16.0.0/12")[0], Attachment: "tgw-attach-dx", State: StateActive}}
			w.routes("rtb-app", "172.16.0.0/12 tgw-1")
		}, "i-app 172.16.1.1 tcp/80", "EXITS_NETWORK i-app subnet-app vpc-a tgw-1 dxgw-1", "tgw-route-table tgw-rtb-1: 172.16.0.0/12", "", "ACCEPTED dxgw-1 tgw-1 vpc-a subnet-app i-app", "", ""},
		{"Direct Connect before VPN", table(nil, "172.16.0.0/12", vpn, "172.16.0.0/12", dx), "i-app 172.16.1.1 tcp/80", exit + " direct-connect-gateway-1", at + "172.16.0.0/12", "",
			"ACCEPTED direct-connect-gateway-1 tgw-1 vpc-a subnet-app i-app", "", ""},
		{"Connect before VPN", table(nil, "172.16.0.0/12", vpn, "172.16.0.0/12", connect), "i-app 172.16.1.1 tcp/80", exit, "attachment " + connect, "", "ACCEPTED tgw-1 vpc-a subnet-app i-app", "", ""},
		{"Direct Connect before Connect", table(nil, "172.16.0.0/12", connect, "172.16.0.0/12", dx), "i-app 172.16.1.1 tcp/80", exit + " direct-connect-gateway-1", "attachment " + dx, "",
			"ACCEPTED direct-connect-gateway-1 tgw-1 vpc-a subnet-app i-app", "", ""},
		{"the VPC before Direct Connect", table(nil, "10.1.0.0/16", dx, "10.1.0.0/16", "tgw-attach-b"), "i-app 10.1.1.10 tcp/80", "ACCEPTED " + acrossB1, at + "10.1.0.0/16", "", "ACCEPTED " + acrossApp, "", ""},
		{"a longer VPN route before the VPC", table(nil, "10.1.1.0/24", vpn, "10.1.0.0/16", "tgw-attach-b"), "i-app 10.1.1.10 tcp/80", exit, at + "10.1.1.0/24", "", "ACCEPTED tgw-1 vpc-a subnet-app i-app", "", ""},
		{"static before all that is propagated", table([]string{"10.1.0.0/16 tgw-attach-b"}, "10.1.0.0/16", dx), "i-app 10.1.1.10 tcp/80", "ACCEPTED " + acrossB1, at + "10.1.0.0/16", "", "ACCEPTED " + acrossApp, "", ""},
		{"a list before all that is propagated", both(table(nil, "10.1.0.0/16", dx), list), "i-app 10.1.1.10 tcp/80", "ACCEPTED " + acrossB1, at + "10.1.0.0/16", "", "ACCEPTED " + acrossApp, "", ""},
		{"static before a list", both(table([]string{"10.1.0.0/16 " + vpn}), list), "i-app 10.1.1.10 tcp/80", exit, "attachment " + vpn, "", "ACCEPTED tgw-1 vpc-a subnet-app i-app", "", ""},
		{"a list that the snapshot lacks", func(w *world) {
			w.r.TransitRouteTables = nil
			w.transitTable("tgw-rtb-1", "tgw-1", "tgw-attach-a").PrefixListReferences = []TransitGatewayPrefixListRef{{PrefixList: "pl-far", Attachment: "tgw-attach-b"}}
		}, "i-app 10.1.1.10 tcp/80", "NO_ROUTE i-app subnet-app vpc-a tgw-1", "tgw-route-table tgw-rtb-1", "tgw-attach-b attaches vpc-b, which holds the address, and does not propagate to tgw-rtb-1", "", "", ""},
	})
}

func TestVariantsReplies(t *testing.T) {
	exposed := func(w *world) { // a public address in a subnet that leaves by NAT
		w.eni("eni-odd", "subnet-app", "sg-a", "10.0.2.40=203.0.113.40")
	}
	runVariants(t, []variant{
		{"a public address behind a NAT gateway is not answered from", exposed, "8.8.8.8 203.0.113.40 tcp/443", "ACCEPTED igw-a vpc-a subnet-app i-odd", "", "",
			"DENIED_IN i-odd subnet-app vpc-a nat-a", "nat-gateway nat-a", ""},
		{"nor behind a regional one", both(exposed, func(w *world) { w.r.Gateways[2].Subnet, w.r.Gateways[2].ENIs = "", nil }), "8.8.8.8 203.0.113.40 tcp/443",
			"ACCEPTED igw-a vpc-a subnet-app i-odd", "", "", "DENIED_IN i-odd subnet-app vpc-a nat-a", "nat-gateway nat-a", ""},
		{"nor without a default route", both(exposed, func(w *world) { w.routes("rtb-app") }), "8.8.8.8 203.0.113.40 tcp/443", "ACCEPTED igw-a vpc-a subnet-app i-odd", "", "",
			"NO_ROUTE i-odd subnet-app", "route-table rtb-app", "rtb-pub, of the same VPC, routes it to igw-a"},
		{"a missing way back falls on the NAT gateway", func(w *world) { w.routes("rtb-app", "0.0.0.0/0 nat-a") }, "i-b1 10.0.2.10 tcp/80", "ACCEPTED " + acrossApp, "", "",
			"DENIED_IN i-app subnet-app vpc-a nat-a", "nat-gateway nat-a", ""},
		{"the internet's answer at the instance's subnet", withACL("vpc-a", "subnet-pub", "out 1 allow all 0.0.0.0/0", "in 9 allow tcp/443 0.0.0.0/0"), "i-pub 8.8.8.8 tcp/443 40000",
			"EXITS_NETWORK i-pub subnet-pub vpc-a igw-a", "route-table rtb-pub: 0.0.0.0/0", "", "DENIED_IN igw-a vpc-a subnet-pub", "network-acl acl-x: ingress 32767",
			"acl-x ingress 9 allow tcp/443 0.0.0.0/0: the address matches, tcp/40000 does not"},
		{"the answer by NAT, from the gateway's subnet to the opener", withACL("vpc-a", "subnet-app", "out 1 allow all 0.0.0.0/0", "in 9 allow tcp/1024-65535 10.0.0.0/8"), "i-app 8.8.8.8 tcp/443",
			"EXITS_NETWORK " + outByNAT, "nat-gateway nat-a", "", "DENIED_IN igw-a vpc-a subnet-pub nat-a vpc-a subnet-app", "network-acl acl-x: ingress 32767",
			"acl-x ingress 9 allow tcp/1024-65535 10.0.0.0/8: the port matches, 8.8.8.8 does not"},
		{"the answer by NAT, leaving the gateway's subnet", withACL("vpc-a", "subnet-pub", "in 1 allow all 0.0.0.0/0", "out 1 allow tcp/443 0.0.0.0/0"), "i-app 8.8.8.8 tcp/443 40000",
			"EXITS_NETWORK " + outByNAT, "", "", "DENIED_OUT igw-a vpc-a subnet-pub nat-a", "network-acl acl-x: egress 32767",
			"acl-x egress 1 allow tcp/443 0.0.0.0/0: the address matches, tcp/40000 does not"},
		{"egress only, the answer", withACL("vpc-a", "subnet-app", "out 1 allow all ::/0", "in 4 allow all 0.0.0.0/0"), "i-app 2606:4700::1111 tcp/443",
			"EXITS_NETWORK i-app subnet-app vpc-a eigw-a", "route-table rtb-app: ::/0", "", "DENIED_IN eigw-a vpc-a subnet-app", "network-acl acl-x: ingress 32768",
			"acl-x ingress 4 allow all 0.0.0.0/0: the port matches, 2606:4700::1111 does not"},
	})
}

func TestVariantsInternet(t *testing.T) {
	runVariants(t, []variant{
		{"its own public address", nil, "i-pub 203.0.113.10 tcp/443", "ACCEPTED i-pub subnet-pub vpc-a igw-a vpc-a subnet-pub i-pub", "route-table rtb-pub: 0.0.0.0/0", "",
			"ACCEPTED i-pub subnet-pub vpc-a igw-a vpc-a subnet-pub i-pub", "", ""},
		{"a public address of the same subnet goes by the gateway, past the ACL", both(withACL("vpc-a", "subnet-pub", "out 1 allow tcp/443 203.0.113.20/32", "out 2 allow tcp/1024-65535 203.0.113.10/32", "in 1 allow tcp/443 203.0.113.10/32"),
			func(w *world) { w.eni("eni-pub2", "subnet-pub", "sg-a", "10.0.1.20=203.0.113.20") }), "i-pub 203.0.113.20 tcp/443",
			"ACCEPTED i-pub subnet-pub vpc-a igw-a vpc-a subnet-pub i-pub2", "network-acl acl-x: ingress 1", "",
			"DENIED_IN i-pub2 subnet-pub vpc-a igw-a vpc-a subnet-pub", "network-acl acl-x: ingress 32767", "acl-x ingress 1 allow tcp/443 203.0.113.10/32: neither the address nor the port matches"},
		{"a private NAT gateway and the internet", func(w *world) {
			w.r.Gateways[2].Private = true
			w.r.Interfaces[7].PublicAddresses = nil
		}, "i-app 8.8.8.8 tcp/443", "DENIED_IN " + outByNAT, "internet-gateway igw-a", "", "", "", ""},
		{"ipv6 by the internet gateway", nil, "i-pub 2606:4700::1111 tcp/443", "EXITS_NETWORK i-pub subnet-pub vpc-a igw-a", "route-table rtb-pub: ::/0", "", "ACCEPTED igw-a vpc-a subnet-pub i-pub", "", ""},
		{"ipv6 to a unique local address", nil, "i-pub fd00::1 tcp/443", "NULL_ROUTED i-pub subnet-pub vpc-a igw-a", "internet-gateway igw-a", "", "", "", ""},
		{"from the internet to a closed port", withGroup("sg-a", "vpc-a", "in tcp/443 0.0.0.0/0"), "8.8.8.8 203.0.113.10 tcp/80", "DENIED_IN igw-a vpc-a subnet-pub i-pub", "security-group sg-a",
			"sg-a ingress tcp/443 0.0.0.0/0: the address matches, tcp/80 does not", "", "", ""},
	})
}

func TestVariantsEndpoints(t *testing.T) {
	s3 := func(w *world) {
		w.list("pl-s3", "52.216.0.0/15")
		w.r.Endpoints = []VPCEndpoint{{ID: "vpce-s3", Scope: home, VPC: "vpc-a", Type: "Gateway"}}
		w.routes("rtb-app", "pl-s3 vpce-s3", "0.0.0.0/0 nat-a", "10.1.0.0/16 tgw-1")
	}
	hub := func(w *world) { // VPC b leaves by VPC a
		s3(w)
		w.routes("rtb-main-b", "0.0.0.0/0 tgw-1")
		w.r.TransitRouteTables = nil
		w.transitTable("tgw-rtb-1", "tgw-1", "tgw-attach-b", "0.0.0.0/0 tgw-attach-a")
	}
	iface := func(rules ...string) func(*world) {
		return both(withGroup("sg-z", "vpc-a", rules...), func(w *world) { w.eni("eni-xvpce", "subnet-pub", "sg-z", "10.0.1.50").Type = "vpc_endpoint" })
	}
	runVariants(t, []variant{
		{"by the list", s3, "i-app 52.216.1.1 tcp/443", "EXITS_NETWORK i-app subnet-app vpc-a vpce-s3", "route-table rtb-app: pl-s3", "", "ACCEPTED vpce-s3 vpc-a subnet-app i-app", "", ""},
		{"a longer route instead", both(s3, func(w *world) { w.routes("rtb-app", "pl-s3 vpce-s3", "52.216.1.0/24 nat-a") }), "i-app 52.216.1.1 tcp/443", "EXITS_NETWORK " + outByNAT,
			"route-table rtb-app: 52.216.1.0/24", "", "ACCEPTED igw-a vpc-a subnet-pub nat-a vpc-a subnet-app i-app", "", ""},
		{"a group by the service's list", both(s3, withGroup("sg-a", "vpc-a", "out tcp/443 pl-s3")), "i-app 52.216.1.1 tcp/443", "EXITS_NETWORK i-app subnet-app vpc-a vpce-s3",
			"security-group sg-a: egress tcp/443 pl-s3", "", "ACCEPTED vpce-s3 vpc-a subnet-app i-app", "", ""},
		{"a group for private addresses alone", both(s3, withGroup("sg-a", "vpc-a", "out tcp/443 10.0.0.0/8")), "i-app 52.216.1.1 tcp/443", "DENIED_OUT i-app",
			"security-group sg-a", "sg-a egress tcp/443 10.0.0.0/8: the port matches, 52.216.1.1 does not", "", "", ""},
		{"a subnet that lets no answer in", both(s3, withACL("vpc-a", "subnet-app", "out 1 allow all 0.0.0.0/0", "in 1 allow all 10.0.0.0/8")), "i-app 52.216.1.1 tcp/443",
			"EXITS_NETWORK i-app subnet-app vpc-a vpce-s3", "", "", "DENIED_IN vpce-s3 vpc-a subnet-app", "network-acl acl-x: ingress 32767",
			"acl-x ingress 1 allow all 10.0.0.0/8: the port matches, 52.216.1.1 does not"},
		{"not for another VPC", both(hub, func(w *world) { w.table("rtb-ta", "vpc-a", "subnet-ta", "pl-s3 vpce-s3") }), "i-b1 52.216.1.1 tcp/443",
			"NULL_ROUTED i-b1 subnet-b1 vpc-b tgw-1 vpc-a vpce-s3", "vpc-endpoint vpce-s3", "", "", "", ""},
		{"for another VPC behind the VPC's NAT gateway", both(hub, func(w *world) {
			w.table("rtb-ta", "vpc-a", "subnet-ta", "0.0.0.0/0 nat-a")
			w.routes("rtb-pub", "pl-s3 vpce-s3", "10.1.0.0/16 tgw-1")
		}), "i-b1 52.216.1.1 tcp/443", "EXITS_NETWORK i-b1 subnet-b1 vpc-b tgw-1 vpc-a nat-a subnet-pub vpc-a vpce-s3", "route-table rtb-pub: pl-s3", "",
			"ACCEPTED vpce-s3 vpc-a subnet-pub nat-a vpc-a tgw-1 vpc-b subnet-b1 i-b1", "", ""},
		{"an interface endpoint", iface("in tcp/443 10.0.2.0/24"), "i-app 10.0.1.50 tcp/443", "ACCEPTED i-app subnet-app vpc-a subnet-pub eni-xvpce", "security-group sg-z: ingress tcp/443 10.0.2.0/24", "",
			"ACCEPTED eni-xvpce subnet-pub vpc-a subnet-app i-app", "", ""},
		{"its group lets the client not in", iface("in tcp/443 10.0.1.0/24"), "i-app 10.0.1.50 tcp/443", "DENIED_IN i-app subnet-app vpc-a subnet-pub eni-xvpce", "security-group sg-z",
			"sg-z ingress tcp/443 10.0.1.0/24: the port matches, 10.0.2.10 does not", "", "", ""},
		{"from another VPC", both(iface("in tcp/443 10.1.0.0/16"), func(w *world) { w.routes("rtb-pub", "10.1.0.0/16 tgw-1") }), "i-b1 10.0.1.50 tcp/443", "ACCEPTED i-b1 subnet-b1 vpc-b tgw-1 vpc-a subnet-pub eni-xvpce", "security-group sg-z: ingress tcp/443 10.1.0.0/16", "",
			"ACCEPTED eni-xvpce subnet-pub vpc-a tgw-1 vpc-b subnet-b1 i-b1", "", ""},
		{"it answers no ping", iface("in all 0.0.0.0/0"), "i-app 10.0.1.50 icmp", "DENIED_IN i-app subnet-app vpc-a subnet-pub eni-xvpce", "network-interface eni-xvpce", "", "", "", ""},
		{"a load balancer with a group", both(withGroup("sg-z", "vpc-a", "in tcp/443 10.0.2.0/24"), func(w *world) { w.eni("eni-xlb", "subnet-pub", "sg-z", "10.0.1.51").Type = "load_balancer" }), "i-app 10.0.1.51 tcp/80",
			"DENIED_IN i-app subnet-app vpc-a subnet-pub eni-xlb", "security-group sg-z", "sg-z ingress tcp/443 10.0.2.0/24: the address matches, tcp/80 does not", "", "", ""},
		{"a network load balancer without one", func(w *world) { w.eni("eni-xlb", "subnet-pub", "", "10.0.1.51").Type = "network_load_balancer" }, "i-app 10.0.1.51 tcp/80",
			"ACCEPTED i-app subnet-app vpc-a subnet-pub eni-xlb", "network-interface eni-xlb", "", "ACCEPTED eni-xlb subnet-pub vpc-a subnet-app i-app", "", ""},
		{"the load balancer to its target", both(withGroup("sg-z", "vpc-a", "out tcp/8080 sg-a"), withGroup("sg-a", "vpc-a", "in tcp/8080 sg-z"), func(w *world) {
			w.eni("eni-xlb", "subnet-pub", "sg-z", "10.0.1.51").Type = "load_balancer"
		}), "eni-xlb i-app tcp/8080", "ACCEPTED eni-xlb subnet-pub vpc-a subnet-app i-app", "security-group sg-a: ingress tcp/8080 sg-z", "", "ACCEPTED i-app subnet-app vpc-a subnet-pub eni-xlb", "", ""},
	})
}
