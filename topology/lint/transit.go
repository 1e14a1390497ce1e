package lint

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/flowcover/flowcover/topology"
)

func (l *linter) transit() {
	known := map[string]bool{} // attachments that some table leads to
	members := map[string][]*topology.TransitGatewayAttachment{}
	for i := range l.r.Attachments {
		a := &l.r.Attachments[i]
		if a.Usable() {
			l.association(a)
			if a.ResourceType == topology.AttachVPC {
				members[a.RouteTable] = append(members[a.RouteTable], a)
			}
			l.appliance(a)
		}
	}
	for i := range l.r.TransitRouteTables {
		t := &l.r.TransitRouteTables[i]
		for _, id := range l.s.TransitTargets(t.ID) {
			known[id] = true
		}
		l.transitRoutes(t)
		l.wayBack(t, members[t.ID])
	}
	for i := range l.r.Attachments {
		if a := &l.r.Attachments[i]; a.Usable() && a.ResourceType == topology.AttachVPC && !known[a.ID] && l.tablesRead(a.TransitGateway) {
			f := Finding{Rule: "tgw-no-propagation", Severity: High, Resource: a.ID,
				Reason: fmt.Sprintf("no table of %s leads to %s, attached by %s: nothing comes back to it", l.s.Label(a.TransitGateway), l.s.Label(a.Resource), l.s.Label(a.ID)),
				Remedy: "have the attachment propagate to the tables of those who talk to it, or add a static route"}
			if slices.ContainsFunc(l.r.TransitRouteTables, func(t topology.TransitGatewayRouteTable) bool { return slices.Contains(t.Propagations, a.ID) }) {
				f.Reason += "; it propagates, and static routes hide what it does"
				f.Remedy = "remove the static routes that hide it, such as a blackhole of its range"
			}
			l.add(f, a.Scope)
		}
	}
	for i := range l.r.Subnets {
		l.zone(&l.r.Subnets[i])
	}
	l.twoWays()
}

// tablesRead says whether the gateway's tables are in the snapshot at all.
func (l *linter) tablesRead(tgw string) bool {
	for i := range l.r.TransitRouteTables {
		if l.r.TransitRouteTables[i].TransitGateway == tgw {
			return true
		}
	}
	l.not["routes of transit gateways whose tables are not in the snapshot: "+tgw] = true
	return false
}

func (l *linter) association(a *topology.TransitGatewayAttachment) {
	f := Finding{Rule: "tgw-no-association", Severity: High, Resource: a.ID, Remedy: "associate the attachment with the table of its zone"}
	if a.RouteTable == "" {
		if l.tablesRead(a.TransitGateway) {
			f.Reason = fmt.Sprintf("%s is associated with no route table: what comes in by it is dropped", l.s.Label(a.ID))
			l.add(f, a.Scope)
		}
		return
	}
	t, ok := l.s.TransitRouteTable(a.RouteTable)
	if !ok {
		return // said by tablesRead, or the table is another account's
	}
	targets := l.s.TransitTargets(t.ID)
	switch {
	case t.TransitGateway != a.TransitGateway:
		f.Reason = fmt.Sprintf("%s of %s is associated with %s, a table of %s", l.s.Label(a.ID), l.s.Label(a.TransitGateway), l.s.Label(t.ID), l.s.Label(t.TransitGateway))
	case len(targets) == 1 && targets[0] == a.ID:
		f.Reason = fmt.Sprintf("%s is associated with %s, which leads back to it alone: it is the wrong table, or lacks propagations", l.s.Label(a.ID), l.s.Label(t.ID))
		f.Severity = Medium
	default:
		return
	}
	l.add(f, a.Scope)
}

func (l *linter) transitRoutes(t *topology.TransitGatewayRouteTable) {
	for _, r := range t.Routes {
		ref := topology.RuleRef{Kind: topology.KindTransitRoute, Resource: t.ID, Rule: r.Destination.String()}
		f := Finding{Resource: t.ID, Detail: r.Destination.String(), Evidence: l.use(ref)}
		if r.State == topology.StateBlackhole || r.Attachment == "" {
			f.Rule, f.Severity, f.Remedy = "tgw-blackhole", Low, "keep it if it separates on purpose, and accept the finding; else remove it"
			f.Reason = fmt.Sprintf("%s drops what goes to %s", l.s.Label(t.ID), r.Destination)
			if r.Attachment != "" {
				f.Severity = Medium
				f.Reason += ": " + l.s.Label(r.Attachment) + " is gone"
			}
			f.Change = &Change{"tgw-route-remove", t.ID, r.Destination.String()}
			l.add(f, t.Scope)
			continue
		}
		if !r.Static || l.o.Evidence == nil {
			continue
		}
		u, used := l.o.Evidence.Used[ref]
		if !used {
			f.Rule, f.Severity, f.Change = "route-unused", Low, &Change{"tgw-route-remove", t.ID, r.Destination.String()}
			f.Reason = fmt.Sprintf("no flow took the route of %s to %s", l.s.Label(t.ID), r.Destination)
			f.Remedy = "remove the route if nothing rarer needs it (a month end, a failover)"
			l.add(f, t.Scope)
			continue
		}
		l.wide(f, u, r.Destination, t.Scope)
	}
}

// wayBack finds, for a table, the VPCs that it leads to and whose own table
// does not lead back to those associated with it.
func (l *linter) wayBack(t *topology.TransitGatewayRouteTable, members []*topology.TransitGatewayAttachment) {
	for _, id := range l.s.TransitTargets(t.ID) {
		far, ok := l.s.Attachment(id)
		if !ok || far.ResourceType != topology.AttachVPC || far.RouteTable == "" {
			continue
		}
		if _, ok := l.s.TransitRouteTable(far.RouteTable); !ok {
			continue
		}
		for _, a := range members {
			if a.ID == far.ID {
				continue
			}
			v, ok := l.s.VPC(a.Resource)
			if !ok {
				continue
			}
			for _, p := range v.CIDRs {
				// Another attachment, or a blackhole, is somebody's choice.
				if !slices.ContainsFunc(l.samples(v, p), func(x netip.Addr) bool { _, ok := l.s.TransitRouteTo(far.RouteTable, x); return !ok }) {
					continue
				}
				l.add(Finding{Rule: "tgw-no-return", Severity: Medium, Resource: far.RouteTable, Detail: fmt.Sprintf("%s %s", far.Resource, p),
					Reason: fmt.Sprintf("%s leads %s to %s, whose table %s has no route back to %s", l.s.Label(t.ID), l.s.Label(a.Resource), l.s.Label(far.Resource), l.s.Label(far.RouteTable), p),
					Remedy: fmt.Sprintf("have %s propagate to %s, or take the route there away", l.s.Label(a.ID), l.s.Label(far.RouteTable))}, t.Scope)
			}
		}
	}
}

// zone finds subnets whose zone the gateway does not serve.
func (l *linter) zone(n *topology.Subnet) {
	t, ok := l.s.SubnetRouteTable(n.ID)
	if !ok {
		return
	}
	for _, tgw := range targets(t, "tgw-") {
		a, ok := l.s.VPCAttachment(tgw, n.VPC)
		f := Finding{Rule: "tgw-zone", Severity: High, Resource: n.ID, Detail: tgw}
		switch {
		case !ok && (l.unread("DescribeTransitGatewayVpcAttachments", n.Scope) || l.unread("DescribeTransitGatewayAttachments", n.Scope)):
			continue
		case !ok || !a.Usable():
			f.Reason = fmt.Sprintf("%s routes to %s, to which %s has no attachment in use", l.s.Label(n.ID), l.s.Label(tgw), l.s.Label(n.VPC))
			f.Remedy = "attach the VPC, or take the route away"
		case l.serves(a, n):
			continue
		default:
			f.Reason = fmt.Sprintf("%s routes to %s, and %s has no subnet in %s: what it sends there is dropped", l.s.Label(n.ID), l.s.Label(tgw), l.s.Label(a.ID), n.AZ)
			f.Remedy = "add a subnet of " + n.AZ + " to the attachment"
		}
		if len(l.s.InterfacesInSubnet(n.ID)) == 0 {
			f.Severity = Low
		}
		l.add(f, n.Scope)
	}
}

// serves says whether an attachment has a subnet in a subnet's zone, or one
// that the snapshot does not know.
func (l *linter) serves(a *topology.TransitGatewayAttachment, n *topology.Subnet) bool {
	for _, id := range a.Subnets {
		at, ok := l.s.Subnet(id)
		if !ok || at.SameZone(n) {
			return true
		}
	}
	return len(a.Subnets) == 0
}

// targets lists a table's targets of one kind, each once.
func targets(t *topology.RouteTable, prefix string) []string {
	var out []string
	seen := map[string]bool{}
	for _, r := range t.Routes {
		if strings.HasPrefix(r.Target, prefix) && r.State == topology.StateActive && !seen[r.Target] {
			seen[r.Target] = true
			out = append(out, r.Target)
		}
	}
	return out
}

// appliance finds an attachment in front of stateful appliances in several
// zones without appliance mode: replies may take another zone's appliance.
func (l *linter) appliance(a *topology.TransitGatewayAttachment) {
	if a.ResourceType != topology.AttachVPC || a.ApplianceMode || len(a.Subnets) < 2 {
		return
	}
	seen := map[string]bool{}
	for _, id := range a.Subnets {
		if t, ok := l.s.SubnetRouteTable(id); ok {
			for _, prefix := range []string{"eni-", "i-", "vpce-"} {
				for _, to := range targets(t, prefix) {
					if e, ok := l.s.Endpoint(to); prefix == "vpce-" && (!ok || !strings.EqualFold(e.Type, "GatewayLoadBalancer")) {
						continue
					}
					seen[to] = true
				}
			}
		}
	}
	if len(seen) > 1 {
		l.add(Finding{Rule: "tgw-asymmetric", Severity: High, Resource: a.ID, Detail: "appliance mode",
			Reason: fmt.Sprintf("%s leads to appliances in several zones without appliance mode: a reply may meet one that never saw the request", l.s.Label(a.ID)),
			Remedy: "turn on appliance mode for the attachment"}, a.Scope)
	}
}

// twoWays finds pairs of VPCs between which requests go by one transit gateway
// and replies by another.
func (l *linter) twoWays() {
	type way struct{ from, to string }
	ways := map[way]map[string]bool{}
	for i := range l.r.Subnets {
		n := &l.r.Subnets[i]
		t, ok := l.s.SubnetRouteTable(n.ID)
		if !ok {
			continue
		}
		for _, tgw := range targets(t, "tgw-") {
			a, ok := l.s.VPCAttachment(tgw, n.VPC)
			if !ok {
				continue
			}
			for _, id := range l.s.TransitTargets(a.RouteTable) {
				far, ok := l.s.Attachment(id)
				if !ok || far.ResourceType != topology.AttachVPC || far.Resource == n.VPC || !l.sends(n, far, tgw) {
					continue
				}
				w := way{n.VPC, far.Resource}
				if ways[w] == nil {
					ways[w] = map[string]bool{}
				}
				ways[w][tgw] = true
			}
		}
	}
	for w, there := range ways {
		back := ways[way{w.to, w.from}]
		if w.from > w.to || len(there) != 1 || len(back) != 1 {
			continue
		}
		for tgw := range there {
			for other := range back {
				if v, ok := l.s.VPC(w.from); ok && tgw != other {
					l.add(Finding{Rule: "tgw-asymmetric", Severity: Medium, Resource: w.from, Detail: w.to,
						Reason: fmt.Sprintf("%s sends to %s by %s, and gets its replies by %s: a stateful appliance on either way sees half", l.s.Label(w.from), l.s.Label(w.to), l.s.Label(tgw), l.s.Label(other)),
						Remedy: "route both directions by one gateway"}, v.Scope)
				}
			}
		}
	}
}

// sends says whether a subnet sends a VPC's addresses to a transit gateway.
func (l *linter) sends(n *topology.Subnet, far *topology.TransitGatewayAttachment, tgw string) bool {
	v, ok := l.s.VPC(far.Resource)
	if !ok {
		return false
	}
	for _, p := range v.CIDRs {
		for _, x := range l.samples(v, p) {
			if r, ok := l.s.RouteTo(n.ID, x); ok && r.Target == tgw {
				return true
			}
		}
	}
	return false
}

// samples are addresses of a VPC's range for which routes are looked up: one of
// each of its subnets in it, for more than these need no route; where none is
// known the range's first.
func (l *linter) samples(v *topology.VPC, p netip.Prefix) []netip.Addr {
	var out []netip.Addr
	for _, n := range l.subnets[v.ID] {
		for _, x := range n.CIDRs {
			if p.Contains(x.Addr()) {
				out = append(out, x.Addr())
			}
		}
	}
	if len(out) == 0 {
		return []netip.Addr{p.Addr()}
	}
	return out
}
