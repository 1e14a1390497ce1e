package topology

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/flowcover/flowcover/topology/netset"
)

// toInternet leaves by an internet gateway, which turns a private source into
// the public address that belongs to it.
func (w *walker) toInternet(sub *Subnet, id string) {
	if g, ok := w.x.gateways[id]; ok && g.VPC != sub.VPC {
		w.stop(NullRouted, "internet-gateway", id, "it is not attached to %s", sub.VPC)
		return
	}
	w.node(sub.VPC)
	w.node(id)
	w.cutPublic()
	if unroutable(w.dst) {
		w.stop(NullRouted, "internet-gateway", id, "the internet does not route %s", w.dst)
		return
	}
	if w.dst.Is4() {
		if !w.publish() {
			w.stop(DeniedIn, "internet-gateway", id, "%s has no public address", w.src)
			return
		}
	} else if unroutable(w.src) {
		w.stop(DeniedIn, "internet-gateway", id, "%s is not an address of the internet", w.src)
		return
	}
	w.srcENI, w.via = nil, overGateway
	if w.known(w.dst) {
		w.pass("internet-gateway", id, "leaves as %s, for a public address of the snapshot", w.src)
		w.enterInternet()
		return
	}
	w.exit = exit{kind: exitInternet, id: id, vpc: sub.VPC}
	w.stop(ExitsNetwork, "internet-gateway", id, "leaves as %s", w.src)
}

// publish turns the source into its public address. An appliance that has one
// and forwards for an address that has none is taken to translate.
func (w *walker) publish() bool {
	if w.sender != nil {
		if a, ok := w.sender.PublicAddresses[w.src.String()]; ok {
			w.src = a
			w.oneSrc()
			return true
		}
	}
	if w.relay == nil || w.relay == w.sender {
		return false
	}
	private, ok := firstOf(w.relay, false)
	if !ok {
		return false
	}
	public, ok := w.relay.PublicAddresses[private.String()]
	if !ok {
		return false
	}
	w.note("%s forwards for %s: taken to translate to its own address", w.nodeOf(w.relay), w.src)
	w.translate(w.relay, private)
	w.src = public
	return true
}

// translate puts a translator's address in the place of the source.
func (w *walker) translate(n *NetworkInterface, to netip.Addr) {
	if !w.reply {
		w.nats = append(w.nats, session{n, w.src, w.dst, w.back, w.manySrc()})
		w.back = replyColumns(w.cols, netset.Columns{})
	}
	w.src, w.sender, w.srcENI = to, n, nil
	w.oneSrc()
}

// known says whether a public address belongs to an interface here.
func (w *walker) known(a netip.Addr) bool {
	w.cutDst(w.x.publicCuts)
	w.cutDst(w.x.heldCuts)
	if a.Is4() {
		return len(w.x.eniAtPublic[a]) > 0
	}
	return slices.ContainsFunc(w.s.InterfacesAt(a), func(n *NetworkInterface) bool { return w.x.internetOf[n.VPC] != nil })
}

// enterInternet brings the packet from the internet to a public address.
func (w *walker) enterInternet() {
	if w.steps++; w.steps > maxSteps {
		w.stop(NullRouted, "internet-gateway", "", "the routes lead in circles")
		return
	}
	w.via, w.az = overGateway, nil
	w.cutDst(w.x.publicCuts)
	w.cutDst(w.x.heldCuts)
	here := w.x.eniAtPublic[w.dst]
	if w.dst.Is6() {
		here = w.s.InterfacesAt(w.dst)
	}
	if len(here) == 0 {
		w.stop(NullRouted, "internet-gateway", "", "no interface has the public address %s", w.dst)
		return
	}
	n := here[0]
	igw := w.internetGateway(n)
	if igw == "" {
		w.unread("the internet gateway of "+n.VPC, "DescribeInternetGateways")
		w.stop(NullRouted, "vpc", n.VPC, "no internet gateway is attached")
		return
	}
	w.node(igw)
	if w.dst.Is4() {
		public := w.dst
		for _, private := range sortedKeys(n.PublicAddresses) {
			if n.PublicAddresses[private] == public {
				w.dst = netip.MustParseAddr(private)
				w.oneDst()
				break
			}
		}
		w.pass("internet-gateway", igw, "%s is %s of %s", public, w.dst, n.ID)
	}
	w.fromGateway(igw, n.VPC)
}

// internetGateway finds the gateway by which an interface is reached from the
// internet. Where gateways were not read, its route table may name it.
func (w *walker) internetGateway(n *NetworkInterface) string {
	if g, ok := w.x.internetOf[n.VPC]; ok {
		return g.ID
	}
	t := w.x.tableOf(n.Subnet)
	if t == nil {
		return ""
	}
	for _, r := range t.table.Routes {
		if _, read := w.x.gateways[r.Target]; strings.HasPrefix(r.Target, "igw-") && r.State != StateBlackhole && !read {
			w.note("internet gateway %s is not in the snapshot: taken as attached, for %s routes to it", r.Target, t.table.ID)
			return r.Target
		}
	}
	return ""
}

// fromGateway brings the packet from a gateway into its VPC: along the
// gateway's own route table where it has one.
func (w *walker) fromGateway(id, vpc string) {
	if t, ok := w.x.gatewayRT[id]; ok {
		r, ok := w.ask(t, "")
		if !ok {
			return
		}
		if r.Target != "local" {
			w.node(vpc)
			w.follow(&Subnet{ID: id, VPC: vpc}, r)
			return
		}
	}
	w.intoVPC(vpc, nil)
}

// toEgressOnly leaves by an egress-only internet gateway.
func (w *walker) toEgressOnly(sub *Subnet, id string) {
	w.node(sub.VPC)
	w.node(id)
	w.cutPublic()
	switch {
	case w.dst.Is4() || unroutable(w.dst):
		w.stop(NullRouted, "egress-only-internet-gateway", id, "the internet does not route %s over IPv6", w.dst)
	case unroutable(w.src):
		w.stop(DeniedIn, "egress-only-internet-gateway", id, "%s is not an address of the internet", w.src)
	default:
		w.exit = exit{kind: exitEgressOnly, id: id, vpc: sub.VPC}
		w.stop(ExitsNetwork, "egress-only-internet-gateway", id, "leaves as %s", w.src)
	}
}

// toVPN leaves by a virtual private gateway.
func (w *walker) toVPN(sub *Subnet, id string) {
	g, ok := w.x.gateways[id]
	if ok && g.VPC != sub.VPC {
		w.stop(NullRouted, "vpn-gateway", id, "it is not attached to %s", sub.VPC)
		return
	}
	w.node(sub.VPC)
	w.node(id)
	if ok {
		w.cutDstAt(g.Destinations)
	}
	if ok && g.Destinations != nil && !holds(g.Destinations, w.dst) {
		w.stop(NoRoute, "vpn-gateway", id, "none of its connections routes %s", w.dst)
		return
	}
	w.exit = exit{kind: exitGateway, id: id, vpc: sub.VPC}
	w.stop(ExitsNetwork, "vpn-gateway", id, "leaves for %s", w.dst)
}

// toNAT sends the packet through a NAT gateway, whose subnet has an ACL and a
// route table of its own.
func (w *walker) toNAT(sub *Subnet, id string) {
	g, ok := w.x.gateways[id]
	if !ok {
		w.node(sub.VPC)
		w.note("NAT gateway %s is not in the snapshot%s", id, w.x.refusal("DescribeNatGateways"))
		w.exit = exit{kind: exitGateway, id: id, vpc: sub.VPC}
		w.node(id)
		w.stop(ExitsNetwork, "nat-gateway", id, "the gateway is not in the snapshot")
		return
	}
	if g.Subnet == "" && g.VPC == sub.VPC {
		w.toRegionalNAT(g)
		return
	}
	at, n := w.x.subnets[g.Subnet], w.natInterface(g)
	if at == nil || n == nil || g.State != "" && g.State != "available" {
		w.stop(NullRouted, "nat-gateway", id, "it is %s, or its interface or subnet %s is not in the snapshot", g.State, g.Subnet)
		return
	}
	w.node(sub.VPC)
	if at != sub && !w.acl(at, Ingress) {
		w.end = DeniedIn
		return
	}
	w.node(id)
	if w.unknown(id) {
		return
	}
	w.cutDstAt(nat64Prefixes)
	if !w.translates() {
		w.stop(DeniedIn, "nat-gateway", id, "it translates TCP, UDP and ICMP only")
		return
	}
	private, ok := firstOf(n, false)
	if !ok || w.dst.Is6() && !nat64(w.dst) {
		w.stop(DeniedIn, "nat-gateway", id, "it cannot carry %s", w.dst)
		return
	}
	w.pass("nat-gateway", id, "%s becomes %s", w.src, private)
	w.translate(n, private)
	if nat64(w.dst) {
		b := w.dst.As16()
		w.dst = netip.AddrFrom4([4]byte(b[12:]))
	}
	w.fromHostNamed(at)
}

// toRegionalNAT leaves by a NAT gateway that lies in no subnet: no ACL, and
// the VPC's internet gateway behind it.
func (w *walker) toRegionalNAT(g *Gateway) {
	w.node(g.VPC)
	w.node(g.ID)
	if w.unknown(g.ID) {
		return
	}
	out, ok := w.x.internetOf[g.VPC]
	w.cutPublic()
	if !w.translates() || !ok || w.dst.Is6() || unroutable(w.dst) {
		w.stop(DeniedIn, "nat-gateway", g.ID, "it cannot carry %s", w.dst)
		return
	}
	w.exit = exit{kind: exitGateway, id: g.ID, first: out.ID, vpc: g.VPC}
	w.node(out.ID)
	w.stop(ExitsNetwork, "nat-gateway", g.ID, "leaves by %s", out.ID)
}

// translates says whether a NAT gateway knows the packet's protocol.
func (w *walker) translates() bool { return w.carries(natColumns) }

// unknown ends a reply that routes lead to a NAT gateway by which its request
// did not come: the gateway opens no connection for an answer.
func (w *walker) unknown(nat string) bool {
	if w.reply {
		w.stop(DeniedIn, "nat-gateway", nat, "it did not carry the request, and drops the answer")
	}
	return w.reply
}

// carries says whether the packet's column is one of s; of many it leaves
// those.
func (w *walker) carries(s netset.ColumnSet) bool {
	if w.wide != nil && !w.wide.whole {
		return w.keep(s)
	}
	return s.Contains(w.cols.First)
}

// fromHostNamed goes on from a translator's subnet, also to a neighbour.
func (w *walker) fromHostNamed(at *Subnet) {
	w.node(at.ID)
	w.fromHost(at)
}

func (w *walker) natInterface(g *Gateway) *NetworkInterface {
	for _, id := range g.ENIs {
		if n, ok := w.x.enis[id]; ok {
			return n
		}
	}
	return nil
}

// untranslate has a translator hand a reply on to the one who asked.
func (w *walker) untranslate(n *NetworkInterface) {
	last := len(w.nats) - 1
	s := w.nats[last]
	w.nats = w.nats[:last]
	w.pass("nat-gateway", w.nodeOf(n), "%s becomes %s, a connection that it knows", w.dst, s.src)
	w.src, w.dst, w.cols, w.sender = s.dst, s.src, s.cols, n
	w.manyDst(s.many)
	sub, ok := w.x.subnets[n.Subnet]
	if !ok {
		w.stop(NullRouted, "network-interface", n.ID, "its subnet %s is not in the snapshot", n.Subnet)
		return
	}
	w.az = sub
	if holds(sub.CIDRs, w.dst) {
		w.fromHost(sub)
		return
	}
	// The path names the translator's subnet on one of its sides only, as on
	// the way out.
	if !w.acl(sub, Egress) {
		w.end = DeniedOut
		return
	}
	w.route(sub)
}

// toEndpoint goes to a gateway endpoint, or through a gateway load balancer's.
func (w *walker) toEndpoint(sub *Subnet, id string) {
	e, ok := w.x.endpoints[id]
	w.node(sub.VPC)
	if !ok || !strings.EqualFold(e.Type, "GatewayLoadBalancer") {
		w.node(id)
		if ok && strings.EqualFold(e.Type, "Gateway") && w.foreign(sub.VPC) {
			w.stop(NullRouted, "vpc-endpoint", id, "a gateway endpoint takes nothing from outside %s", sub.VPC)
			return
		}
		w.exit = exit{kind: exitGateway, id: id, vpc: sub.VPC}
		w.stop(ExitsNetwork, "vpc-endpoint", id, "leaves for the service")
		return
	}
	var at *Subnet
	for _, s := range e.Subnets {
		if at == nil {
			at = w.x.subnets[s]
		}
	}
	if at == nil {
		w.node(id)
		w.stop(NullRouted, "vpc-endpoint", id, "its subnet is not in the snapshot")
		return
	}
	if at != sub && !w.acl(at, Ingress) {
		w.end = DeniedIn
		return
	}
	w.node(id)
	w.note("the appliances behind %s are taken to let everything pass", id)
	w.srcENI = nil
	w.fromHost(at)
}

// foreign says whether the packet comes from outside a VPC, with an address of
// outside: no gateway and no appliance of the VPC stands for the sender.
func (w *walker) foreign(vpc string) bool {
	here := func(n *NetworkInterface) bool { return n != nil && n.VPC == vpc }
	return !w.reply && w.via != within && !here(w.sender) && !here(w.relay)
}

// toAppliance sends the packet through an instance that forwards.
func (w *walker) toAppliance(sub *Subnet, id string) {
	n, ok := w.x.enis[id]
	if ns := w.x.eniOfInstance[id]; !ok && len(ns) > 0 {
		n, ok = ns[0], true
	}
	if !ok {
		w.stop(NullRouted, "network-interface", id, "the route's target is not in the snapshot")
		return
	}
	at := w.x.subnets[n.Subnet]
	if at == nil || n.SourceDestCheck {
		w.stop(NullRouted, "network-interface", n.ID, "it drops what is not addressed to it: its source/destination check is on, or its subnet is not known")
		return
	}
	w.node(sub.VPC)
	if at != sub && !w.acl(at, Ingress) {
		w.end = DeniedIn
		return
	}
	w.node(w.nodeOf(n))
	if !w.groups(n, Ingress) {
		w.end = DeniedIn
		return
	}
	if last := len(w.nats) - 1; w.reply && last >= 0 && w.nats[last].eni == n {
		w.untranslate(n)
		return
	}
	w.note("%s is taken to forward what reaches it", w.nodeOf(n))
	w.relay, w.srcENI = n, nil
	if !w.groups(n, Egress) {
		w.end = DeniedOut
		return
	}
	w.fromHost(at)
}
