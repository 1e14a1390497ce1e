package topology

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/flowcover/flowcover/topology/netset"
)

// fromPlace sends the packet from an interface, or from an address of a subnet
// that no interface holds (then no security group is asked).
func (w *walker) fromPlace(p place) {
	if p.subnet == nil {
		w.stop(NullRouted, "network-interface", p.eni.ID, "its subnet %s is not in the snapshot", p.eni.Subnet)
		return
	}
	if p.eni == nil {
		w.note("no interface holds %s: followed from %s as if one did, without a security group", p.addr, p.subnet.ID)
		w.ghost = p.addr
		w.fromHost(p.subnet)
		return
	}
	w.node(w.nodeOf(p.eni))
	w.cutDst(w.x.heldCuts)
	if slices.Contains(p.eni.Addresses, w.dst) {
		w.landed = p.eni
		w.stop(Accepted, "network-interface", p.eni.ID, "%s is its own address", w.dst)
		return
	}
	if w.wide != nil && w.wideService(p.eni) || w.wide == nil && w.service(p.eni) {
		return
	}
	if !w.groups(p.eni, Egress) {
		w.end = DeniedOut
		return
	}
	w.fromHost(p.subnet)
}

// service answers for what every instance reaches without a route, a security
// group or an ACL: the metadata, time and DNS services of its VPC.
func (w *walker) service(n *NetworkInterface) bool {
	c := w.cols.First
	if c != w.cols.Last {
		return false
	}
	dns := dnsColumns.Contains(c)
	answered := beside(w.dst) || dns && w.x.resolver(n.VPC, w.dst)
	if answered {
		w.landed = n
		w.stop(Accepted, "network-interface", n.ID, "%s is answered beside the instance: no rule, entry or route is asked", w.dst)
	}
	return answered
}

var dnsColumns = netset.ColumnsOf(netset.PortColumns(netset.TCP, 53, 53), netset.PortColumns(netset.UDP, 53, 53))

// resolver says whether an address is that of a VPC's own DNS resolver.
func (x *index) resolver(vpc string, a netip.Addr) bool {
	v, ok := x.vpcs[vpc]
	return ok && slices.ContainsFunc(v.CIDRs, func(p netip.Prefix) bool { return p.Addr().Is4() && p.Addr().Next().Next() == a })
}

// beside says whether an address is answered beside every instance.
func beside(a netip.Addr) bool { return slices.Contains(besideAddrs, a) }

var (
	metadata4 = netip.MustParseAddr("169.254.169.254")
	metadata6 = netip.MustParseAddr("fd00:ec2::254")
	dns4      = netip.MustParseAddr("169.254.169.253")
	dns6      = netip.MustParseAddr("fd00:ec2::253")
	time4     = netip.MustParseAddr("169.254.169.123")
	time6     = netip.MustParseAddr("fd00:ec2::123")

	besideAddrs = []netip.Addr{metadata4, metadata6, dns4, dns6, time4, time6}
)

// fromHost sends the packet from a host in a subnet: straight to a neighbour,
// or out of the subnet.
func (w *walker) fromHost(sub *Subnet) {
	w.cutDstAt(sub.CIDRs)
	if !holds(sub.CIDRs, w.dst) {
		w.fromSubnet(sub)
		return
	}
	w.az = sub
	n := w.interfaceIn(sub.VPC, w.dst)
	if n == nil {
		w.unheld(sub)
		return
	}
	w.pass("subnet", sub.ID, "%s is in the same subnet: no ACL, no route", w.dst)
	w.arrive(n)
}

// fromSubnet takes the packet out of a subnet: its ACL, then its route table.
func (w *walker) fromSubnet(sub *Subnet) {
	w.node(sub.ID)
	w.az = sub
	if !w.acl(sub, Egress) {
		w.end = DeniedOut
		return
	}
	w.route(sub)
}

// route follows the route table of a subnet.
func (w *walker) route(sub *Subnet) {
	if w.steps++; w.steps > maxSteps {
		w.stop(NullRouted, "subnet", sub.ID, "the routes lead in circles")
		return
	}
	r, ok := w.lookup(sub)
	if ok {
		w.follow(sub, r)
	}
}

// lookup asks a subnet's route table; where it gives no usable route the walk
// has ended.
func (w *walker) lookup(sub *Subnet) (*Route, bool) {
	t := w.x.tableOf(sub.ID)
	if t == nil {
		w.note("no route table of %s is in the snapshot%s: taken as the local routes alone", sub.ID, w.x.refusal("DescribeRouteTables"))
		w.cutDst(w.x.vpcCuts)
		if v, ok := w.x.vpcs[sub.VPC]; ok && holds(v.CIDRs, w.dst) {
			return &Route{Target: "local", State: StateActive}, true
		}
		w.stop(NoRoute, "route-table", sub.ID, "no route table was read, and %s is not local", w.dst)
		return nil, false
	}
	return w.ask(t, sub.ID)
}

// ask asks a route table: a subnet's, or with an empty name a gateway's.
func (w *walker) ask(t *vpcTable, subnet string) (*Route, bool) {
	c := Check{Kind: KindRoute, Resource: t.table.ID, Subnet: subnet, Direction: Egress, Remote: w.dst, Columns: w.cols}
	w.cutDst(t.cuts)
	p, r, ok := t.routes().Longest(w.dst)
	if !ok {
		w.checks = append(w.checks, c)
		w.end = NoRoute
		if lists := w.x.unreadLists(t.table); lists != "" {
			w.note("the entries of %s, to which %s routes, are not in the snapshot%s", lists, t.table.ID, w.x.refusal("GetManagedPrefixListEntries"))
		}
		if w.text {
			w.hops = append(w.hops, Hop{Kind: "route-table", Resource: t.table.ID, Verdict: Refuse,
				Detail: fmt.Sprintf("no route matches %s", w.dst), Nearest: w.x.nearestRoute(t.table, w.dst)})
		}
		return nil, false
	}
	c.Rule, c.Allow = r.ref, r.State != StateBlackhole && r.Target != ""
	w.checks = append(w.checks, c)
	if !c.Allow {
		w.end = NullRouted
		if w.text {
			ref := r.ref
			w.hops = append(w.hops, Hop{Kind: "route-table", Resource: t.table.ID, Rule: &ref, Verdict: Refuse, Detail: "the route is a blackhole: its target " + orNothing(r.Target) + " is gone"})
		}
		w.near(func() string {
			if _, shorter, ok := nextShorter(t.routes(), w.dst, p); ok && shorter.State != StateBlackhole && w.x.couldCarry(shorter.Target, w.dst) {
				return fmt.Sprintf("%s leads to %s, and is shorter", shorter.ref, shorter.Target)
			}
			return w.x.otherTable(t.table, w.dst)
		})
		return nil, false
	}
	if w.text {
		ref := r.ref
		w.hops = append(w.hops, Hop{Kind: "route-table", Resource: t.table.ID, Rule: &ref, Verdict: Pass, Detail: fmt.Sprintf("%s by %s to %s", w.dst, p, r.Target)})
	}
	return r.Route, true
}

func orNothing(target string) string {
	if target == "" {
		return "(none)"
	}
	return target
}

// follow goes to a route's target.
func (w *walker) follow(sub *Subnet, r *Route) {
	kind, _, _ := strings.Cut(r.Target, "-")
	switch kind {
	case "local":
		w.node(sub.VPC)
		w.intoVPC(sub.VPC, sub)
	case "tgw":
		w.toTransit(sub, r.Target)
	case "pcx":
		w.toPeer(sub, r.Target)
	case "igw":
		w.toInternet(sub, r.Target)
	case "eigw":
		w.toEgressOnly(sub, r.Target)
	case "nat":
		w.toNAT(sub, r.Target)
	case "vgw":
		w.toVPN(sub, r.Target)
	case "vpce":
		w.toEndpoint(sub, r.Target)
	case "eni", "i":
		w.toAppliance(sub, r.Target)
	default:
		w.node(sub.VPC)
		w.node(r.Target)
		w.exit = exit{kind: exitGateway, id: r.Target, vpc: sub.VPC}
		w.stop(ExitsNetwork, "gateway", r.Target, "leaves the snapshot")
	}
}

// intoVPC delivers the packet inside a VPC. from is the subnet of that VPC that
// it comes from; nil: a gateway or a peering, which lie in none.
func (w *walker) intoVPC(vpc string, from *Subnet) {
	w.node(vpc)
	w.cutDst(w.x.subnetCuts)
	sub, ok := w.s.SubnetOf(vpc, w.dst)
	if !ok {
		w.stop(NullRouted, "vpc", vpc, "no subnet holds %s", w.dst)
		return
	}
	w.node(sub.ID)
	w.az = sub
	if from != sub && !w.acl(sub, Ingress) {
		w.end = DeniedIn
		return
	}
	n := w.interfaceIn(vpc, w.dst)
	if n == nil {
		w.unheld(sub)
		return
	}
	w.arrive(n)
}

// unheld ends the packet in a subnet where no interface holds its address.
func (w *walker) unheld(sub *Subnet) {
	if w.reply && w.dst == w.ghost {
		w.stop(Accepted, "subnet", sub.ID, "back at %s, which was taken to be there", w.dst)
		return
	}
	if w.wide == nil {
		w.unread("the interface of "+w.dst.String(), "DescribeNetworkInterfaces")
	}
	w.stop(NeighborUnreachable, "subnet", sub.ID, "no interface holds %s", w.dst)
}

// interfaceIn finds the interface of a VPC that holds an address.
func (w *walker) interfaceIn(vpc string, a netip.Addr) *NetworkInterface {
	w.cutDst(w.x.heldCuts)
	for _, n := range w.x.eniAt[a] {
		if n.VPC == vpc {
			return n
		}
	}
	delegated, _ := w.x.delegated.Lookup(a)
	for _, n := range delegated {
		if n.VPC == vpc {
			return n
		}
	}
	return nil
}

// arrive ends the packet at an interface, or has a translator hand a reply on.
func (w *walker) arrive(n *NetworkInterface) {
	w.node(w.nodeOf(n))
	if last := len(w.nats) - 1; w.reply && last >= 0 && w.nats[last].eni == n {
		w.untranslate(n)
		return
	}
	if w.reply && w.asker != nil && n != w.asker {
		w.stop(DeniedIn, "network-interface", n.ID, "it has the address of %s, and never asked", w.asker.ID)
		return
	}
	if kind := forwards(n.Type); kind != "" {
		w.stop(DeniedIn, kind, w.nodeOf(n), "%s only forwards connections that it knows", n.ID)
		return
	}
	if g, ok := w.x.natAt[n.ID]; ok {
		w.stop(DeniedIn, "nat-gateway", g.ID, "%s only forwards connections that it knows", n.ID)
		return
	}
	if !w.groups(n, Ingress) {
		w.end = DeniedIn
		return
	}
	if n.Type == "vpc_endpoint" && !w.carries(notPing) {
		w.stop(DeniedIn, "network-interface", n.ID, "an endpoint answers no ping")
		return
	}
	w.landed = n
	w.stop(Accepted, "network-interface", n.ID, "delivered")
}

var notPing = netset.ColumnSet{netset.AllColumns()}.Subtract(netset.ColumnsOf(netset.ProtocolColumns(netset.ICMP), netset.ProtocolColumns(netset.ICMPv6)))

// forwards names the kind of an interface that ends no connection.
func forwards(interfaceType string) string {
	switch interfaceType {
	case "nat_gateway", "natGateway":
		return "nat-gateway"
	case "transit_gateway":
		return "transit-gateway"
	case "gateway_load_balancer", "gateway_load_balancer_endpoint":
		return "gateway-load-balancer"
	}
	return ""
}

// toPeer crosses a VPC peering connection, which leads no further than the
// peer's own addresses.
func (w *walker) toPeer(sub *Subnet, id string) {
	p, ok := w.x.peerings[id]
	if !ok {
		w.node(sub.VPC)
		w.note("peering connection %s is not in the snapshot%s", id, w.x.refusal("DescribeVpcPeeringConnections"))
		w.exit = exit{kind: exitPeering, id: id, vpc: sub.VPC}
		w.stop(ExitsNetwork, "peering", id, "the connection is not in the snapshot")
		return
	}
	if p.Status != "" && p.Status != "active" {
		w.stop(NullRouted, "peering", id, "the connection is %s", p.Status)
		return
	}
	far := p.Accepter
	if far.VPC == sub.VPC {
		far = p.Requester
	}
	w.node(sub.VPC)
	if w.via = overPeering; !w.x.peered[[2]string{sub.VPC, far.VPC}] {
		w.via = overNoGroups
	}
	if _, ok := w.x.vpcs[far.VPC]; !ok {
		w.cutDstAt(far.CIDRs)
		if len(far.CIDRs) > 0 && !holds(far.CIDRs, w.dst) {
			w.stop(NullRouted, "peering", id, "%s is no address of %s", w.dst, far.VPC)
			return
		}
		w.note("%s, the peer by %s, is not in the snapshot", far.VPC, id)
		w.exit = exit{kind: exitPeering, id: id, vpc: sub.VPC}
		w.stop(ExitsNetwork, "peering", id, "%s is not in the snapshot", far.VPC)
		return
	}
	w.pass("peering", id, "%s to %s", sub.VPC, far.VPC)
	w.intoVPC(far.VPC, nil)
}
