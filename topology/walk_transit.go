package topology

import (
	"fmt"
	"slices"
)

// toTransit hands the packet from a subnet to a transit gateway. The VPC's
// attachment must have a subnet in the same zone, and that subnet's ACL must
// let the packet in, also where it is the packet's own subnet.
func (w *walker) toTransit(sub *Subnet, tgw string) {
	a, ok := w.x.attachmentOf[[2]string{tgw, sub.VPC}]
	if !ok {
		w.unread("an attachment of "+sub.VPC, "DescribeTransitGatewayVpcAttachments", "DescribeTransitGatewayAttachments")
		w.stop(NullRouted, "transit-gateway", tgw, "%s has no attachment to it", sub.VPC)
		w.near(func() string { return w.x.nearestAttachment(sub.VPC) })
		return
	}
	if !usable(a) {
		w.stop(NullRouted, "attachment", a.ID, "the attachment is %s", a.State)
		return
	}
	at, known := w.attachedIn(a, sub)
	if at == nil && known {
		w.stop(NullRouted, "attachment", a.ID, "it has no subnet in %s, the zone of %s", zoneName(sub), sub.ID)
		w.near(func() string { return w.x.zonesServed(a) })
		return
	}
	w.node(sub.VPC)
	if at == nil {
		w.note("the subnets of attachment %s are not in the snapshot: taken as present in each zone, with an open ACL", a.ID)
	} else if !w.acl(at, Ingress) {
		w.end = DeniedIn
		return
	}
	w.via = overTransit
	w.enterTransit(a)
}

// tablesUnread says whether the route tables of a gateway may exist and were not
// read: only its owner sees them and what is associated with them.
func (x *index) tablesUnread(tgw string) bool {
	if x.tgwOfTable[tgw] {
		return false
	}
	t, ok := x.tgws[tgw]
	return !ok || !slices.Contains(x.accounts, t.Account) || x.refusal("DescribeTransitGatewayRouteTables") != ""
}

// attachedIn finds the attachment's subnet in the zone of another subnet.
// known is false where the attachment's subnets are not all in the snapshot.
func (w *walker) attachedIn(a *TransitGatewayAttachment, sub *Subnet) (at *Subnet, known bool) {
	known = len(a.Subnets) > 0
	for _, id := range a.Subnets {
		t, ok := w.x.subnets[id]
		if !ok {
			known = false
			continue
		}
		if sameZone(t, sub) && (at == nil || t == sub) {
			at = t
		}
	}
	return at, known
}

func sameZone(a, b *Subnet) bool {
	if a.AZID != "" && b.AZID != "" {
		return a.AZID == b.AZID
	}
	return a.AZ == b.AZ
}

// enterTransit asks the table associated with the attachment by which the
// packet comes.
func (w *walker) enterTransit(a *TransitGatewayAttachment) {
	if w.steps++; w.steps > maxSteps {
		w.stop(NullRouted, "transit-gateway", a.TransitGateway, "the routes lead in circles")
		return
	}
	w.node(a.TransitGateway)
	if t, ok := w.x.tgws[a.TransitGateway]; !ok || !t.SecurityGroupReferencing || !a.SecurityGroupReferencing {
		w.via = overNoGroups
	}
	if a.RouteTable == "" && w.x.tablesUnread(a.TransitGateway) {
		w.note("the route tables of %s are not in the snapshot%s: its owner reads them", a.TransitGateway, w.x.refusal("DescribeTransitGatewayRouteTables"))
		w.exit = exit{kind: exitTable, attachment: a}
		w.stop(ExitsNetwork, "transit-gateway", a.TransitGateway, "its tables are not in the snapshot")
		return
	}
	if a.RouteTable == "" {
		w.unread("the association of "+a.ID, "DescribeTransitGatewayAttachments")
		w.stop(NullRouted, "attachment", a.ID, "it is associated with no route table")
		w.near(func() string { return w.x.otherTransit(a.TransitGateway, "", w.dst) })
		return
	}
	t, ok := w.x.transitRT[a.RouteTable]
	if !ok {
		w.note("transit gateway route table %s is not in the snapshot", a.RouteTable)
		w.exit = exit{kind: exitTable, attachment: a}
		w.stop(ExitsNetwork, "tgw-route-table", a.RouteTable, "the table is not in the snapshot")
		return
	}
	c := Check{Kind: KindTransitRoute, Resource: t.table.ID, Direction: Egress, Remote: w.dst, Columns: w.cols}
	w.cutDst(t.cuts)
	p, r, ok := t.routes().Longest(w.dst)
	if !ok {
		w.checks = append(w.checks, c)
		w.end = NoRoute
		if w.text {
			w.hops = append(w.hops, Hop{Kind: "tgw-route-table", Resource: t.table.ID, Verdict: Refuse,
				Detail:  fmt.Sprintf("no route matches %s; %s is associated with this table", w.dst, a.ID),
				Nearest: w.x.nearestTransit(t.table, w.dst)})
		}
		return
	}
	c.Rule, c.Allow = r.ref, !r.blackhole
	w.checks = append(w.checks, c)
	if r.blackhole {
		w.end = NullRouted
		if w.text {
			ref := r.ref
			w.hops = append(w.hops, Hop{Kind: "tgw-route-table", Resource: t.table.ID, Rule: &ref, Verdict: Refuse, Detail: "the route is a blackhole"})
		}
		w.near(func() string {
			if _, shorter, ok := nextShorter(t.routes(), w.dst, p); ok && !shorter.blackhole {
				return fmt.Sprintf("%s leads to %s, and is shorter", shorter.ref, shorter.attachment)
			}
			return w.x.otherTransit(a.TransitGateway, t.table.ID, w.dst)
		})
		return
	}
	if w.text {
		ref := r.ref
		w.hops = append(w.hops, Hop{Kind: "tgw-route-table", Resource: t.table.ID, Rule: &ref, Verdict: Pass,
			Detail: fmt.Sprintf("%s by %s (%s) to %s", w.dst, p, r.origin, r.attachment)})
	}
	w.leaveTransit(a.TransitGateway, r.attachment)
}

// leaveTransit takes the packet out of a transit gateway by an attachment.
func (w *walker) leaveTransit(tgw, id string) {
	var a *TransitGatewayAttachment
	for _, other := range w.x.attachments[id] {
		if other.TransitGateway == tgw {
			a = other
		}
	}
	switch {
	case a == nil:
		w.note("attachment %s is not in the snapshot", id)
		w.exit = exit{kind: exitAttachment}
		w.stop(ExitsNetwork, "attachment", id, "the attachment is not in the snapshot")
	case !usable(a):
		w.stop(NullRouted, "attachment", id, "the attachment is %s", a.State)
	case a.ResourceType == AttachVPC:
		w.intoAttached(a)
	case a.ResourceType == AttachPeering:
		w.toPeerGateway(a)
	default:
		if a.ResourceType == AttachDX {
			w.node(a.Resource)
		}
		w.exit = exit{kind: exitAttachment, attachment: a}
		w.stop(ExitsNetwork, "attachment", id, "leaves by %s %s", a.ResourceType, a.Resource)
	}
}

func (w *walker) toPeerGateway(a *TransitGatewayAttachment) {
	w.via = overNoGroups // references do not cross a peering of gateways
	for _, id := range []string{a.ID, a.PeerAttachment} {
		for _, far := range w.x.attachments[id] {
			if far.TransitGateway != a.TransitGateway && id != "" {
				w.pass("attachment", a.ID, "peering from %s to %s", a.TransitGateway, far.TransitGateway)
				w.enterPeered(far)
				return
			}
		}
	}
	w.note("the other side of peering attachment %s is not in the snapshot", a.ID)
	w.exit = exit{kind: exitAttachment, attachment: a}
	w.stop(ExitsNetwork, "attachment", a.ID, "%s is not in the snapshot", a.Resource)
}

func (w *walker) enterPeered(far *TransitGatewayAttachment) {
	if !usable(far) {
		w.stop(NullRouted, "attachment", far.ID, "the attachment is %s", far.State)
		return
	}
	w.enterTransit(far)
	if w.via == overTransit {
		w.via = overNoGroups
	}
}

// intoAttached takes the packet from a transit gateway into a VPC. It comes
// out in the zone it was in if the attachment has a subnet there, else in any:
// then each of them must let it pass.
func (w *walker) intoAttached(a *TransitGatewayAttachment) {
	if _, ok := w.x.vpcs[a.Resource]; !ok {
		w.note("%s, attached by %s, is not in the snapshot", a.Resource, a.ID)
		w.exit = exit{kind: exitAttachment, attachment: a}
		w.stop(ExitsNetwork, "vpc", a.Resource, "the VPC is not in the snapshot")
		return
	}
	if !a.SecurityGroupReferencing {
		w.via = overNoGroups
	}
	w.node(a.Resource)
	landings := w.landings(a)
	if len(landings) == 0 {
		w.note("the subnets of attachment %s are not in the snapshot: their ACL is taken as open", a.ID)
		w.intoVPC(a.Resource, nil)
		return
	}
	w.cutDst(w.x.subnetCuts)
	target, _ := w.s.SubnetOf(a.Resource, w.dst)
	var first *Route
	for _, at := range landings {
		// Inside one subnet neither list of the ACL is asked.
		if at != target && !w.acl(at, Egress) {
			w.end = DeniedIn
			return
		}
		r, ok := w.lookup(at)
		if !ok {
			return
		}
		switch {
		case first == nil:
			first = r
		case first.Target != r.Target:
			w.note("%s may land in several zones whose route tables differ: followed from %s", a.ID, landings[0].ID)
		}
	}
	w.az = landings[0]
	w.follow(landings[0], first)
}

// landings lists the subnets in which a packet may leave an attachment.
func (w *walker) landings(a *TransitGatewayAttachment) []*Subnet {
	if w.az != nil && !a.ApplianceMode {
		if at, _ := w.attachedIn(a, w.az); at != nil {
			return []*Subnet{at}
		}
	}
	var out []*Subnet
	for _, id := range a.Subnets {
		if t, ok := w.x.subnets[id]; ok {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(a, b *Subnet) int {
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	return out
}
