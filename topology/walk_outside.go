package topology

import "strings"

// comeBack brings a reply in by the way its request went out.
func (w *walker) comeBack(e exit) {
	switch e.kind {
	case exitInternet:
		w.enterInternet()
	case exitEgressOnly, exitGateway:
		if e.first != "" {
			w.node(e.first)
		}
		w.node(e.id)
		w.fromGateway(e.id, e.vpc)
	case exitPeering:
		w.via = overPeering
		w.intoVPC(e.vpc, nil)
	case exitTable:
		w.node(e.attachment.TransitGateway)
		w.intoAttached(e.attachment)
	default:
		if e.attachment == nil || e.attachment.ResourceType == AttachVPC {
			w.note("the way back lies outside the snapshot: taken as open")
			w.stop(ExitsNetwork, "edge", "", "the way back lies outside the snapshot")
			return
		}
		if e.attachment.ResourceType == AttachDX {
			w.node(e.attachment.Resource)
		}
		w.enterTransit(e.attachment)
	}
}

// fromOutside brings a packet from an address that is not in the snapshot. A
// public destination is reached by its internet gateway; a private one by the
// way that its own subnet would answer.
func (w *walker) fromOutside(to place) {
	w.via = overGateway
	if w.dst.Is4() && w.known(w.dst) {
		w.entry = "internet"
		w.enterInternet()
		return
	}
	sub, vpc := w.target(to)
	if vpc == "" {
		w.stop(ExitsNetwork, "edge", "", "neither %s nor %s is in the snapshot", w.src, w.dst)
		return
	}
	var t *vpcTable
	if sub != nil {
		t = w.x.tableOf(sub.ID)
	} else {
		t = w.x.mainRT[vpc]
	}
	if t == nil {
		w.stop(NullRouted, "vpc", vpc, "no route table shows by which way %s would come in", w.src)
		return
	}
	w.cutSrc(t.cuts)
	r, ok := t.routes().Lookup(w.src)
	if !ok || r.State == StateBlackhole {
		w.stop(NullRouted, "route-table", t.table.ID, "no route leads back to %s: there is no way in from there", w.src)
		return
	}
	w.entry = r.Target
	switch kind, _, _ := strings.Cut(r.Target, "-"); {
	case kind == "vgw":
		w.node(r.Target)
		w.fromGateway(r.Target, vpc)
	case kind == "tgw":
		w.fromTransit(vpc, r.Target)
	case kind == "pcx":
		w.via = overPeering
		w.intoVPC(vpc, nil)
	case kind == "igw" && w.dst.Is6() && len(w.s.InterfacesAt(w.dst)) > 0:
		w.enterInternet()
	default:
		w.stop(NullRouted, "route-table", t.table.ID, "%s would come from %s, which lets no such connection in", w.src, r.Target)
	}
}

// target finds the subnet and VPC of a destination for a packet from outside.
func (w *walker) target(to place) (*Subnet, string) {
	n := to.eni
	w.cutDst(w.x.heldCuts)
	w.cutDst(w.x.vpcCuts)
	w.cutDst(w.x.subnetCuts)
	if here := w.s.InterfacesAt(w.dst); n == nil && len(here) > 0 {
		n = here[0]
	}
	if n != nil {
		return w.x.subnets[n.Subnet], n.VPC
	}
	vpcs, ok := w.x.vpcAt.Lookup(w.dst)
	if !ok {
		return nil, ""
	}
	for _, v := range vpcs {
		if sub, ok := w.s.SubnetOf(v, w.dst); ok {
			return sub, v
		}
	}
	return nil, vpcs[0]
}

// fromTransit brings a packet from outside through a transit gateway: by the
// attachment to which the VPC's own table would send the answer.
func (w *walker) fromTransit(vpc, tgw string) {
	a, ok := w.x.attachmentOf[[2]string{tgw, vpc}]
	if !ok || a.RouteTable == "" || w.x.transitRT[a.RouteTable] == nil {
		w.stop(NullRouted, "transit-gateway", tgw, "no table shows by which attachment %s would come in", w.src)
		return
	}
	w.cutSrc(w.x.transitRT[a.RouteTable].cuts)
	r, ok := w.x.transitRT[a.RouteTable].routes().Lookup(w.src)
	if ok && !r.blackhole {
		for _, in := range w.x.attachments[r.attachment] {
			if in.TransitGateway != tgw || in.ResourceType == AttachVPC {
				continue
			}
			if in.ResourceType == AttachDX {
				w.node(in.Resource)
			}
			w.entry = in.ID
			w.via = overTransit
			w.enterTransit(in)
			return
		}
	}
	w.stop(NullRouted, "tgw-route-table", a.RouteTable, "no route leads back to %s outside: there is no way in from there", w.src)
}
