package topology

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/flowcover/flowcover/topology/netset"
)

// The resource types of a transit gateway attachment.
const (
	AttachVPC     = "vpc"
	AttachVPN     = "vpn"
	AttachDX      = "direct-connect-gateway"
	AttachConnect = "connect"
	AttachPeering = "peering"
)

// vpcTable is a VPC route table with its routes by destination, the entries of
// prefix lists spelled out. Compiled when first asked.
type vpcTable struct {
	table  *RouteTable
	routes func() *netset.Table[readyRoute]
	cuts   func() netset.Cuts
}

type readyRoute struct {
	*Route
	ref RuleRef
}

// compileRoutes keeps for each destination the route that AWS prefers: static,
// then prefix list, then propagated.
func (x *index) compileRoutes(t *RouteTable) *netset.Table[readyRoute] {
	out := &netset.Table[readyRoute]{}
	offer := func(p netip.Prefix, r *Route) {
		if old, ok := out.Get(p); !ok || routePriority(r) < routePriority(old.Route) {
			out.Set(p, readyRoute{r, r.ref(t.ID)})
		}
	}
	for i := range t.Routes {
		r := &t.Routes[i]
		if r.PrefixList == "" {
			offer(r.Destination, r)
		} else if l, ok := x.prefixLists[r.PrefixList]; ok {
			for _, p := range l.Entries {
				offer(p, r)
			}
		}
	}
	return out
}

func routePriority(r *Route) int {
	switch {
	case r.Target == "local":
		return 0
	case r.PrefixList != "":
		return 2
	case r.Origin == "EnableVgwRoutePropagation":
		return 3
	}
	return 1
}

// ref names the route.
func (r *Route) ref(table string) RuleRef {
	to := r.PrefixList
	if to == "" {
		to = r.Destination.String()
	}
	return RuleRef{Kind: KindRoute, Resource: table, Rule: to}
}

// transitTable is a TGW route table with its routes by destination.
type transitTable struct {
	table  *TransitGatewayRouteTable
	routes func() *netset.Table[transitRoute]
	cuts   func() netset.Cuts
}

// transitRoute is where a TGW route table sends a destination.
type transitRoute struct {
	attachment string // empty: blackhole
	blackhole  bool
	priority   int
	origin     string // static, propagated or the prefix list's id
	ref        RuleRef
}

// The order in which a TGW prefers routes to one CIDR, from static on.
const (
	priorityStatic = iota
	priorityPrefixList
	priorityVPC
	priorityDX
	priorityConnect
	priorityVPN
	priorityPeering
)

func (x *index) compileTransit(t *TransitGatewayRouteTable) *netset.Table[transitRoute] {
	out := &netset.Table[transitRoute]{}
	offer := func(p netip.Prefix, r transitRoute) {
		r.ref = RuleRef{Kind: KindTransitRoute, Resource: t.ID, Rule: p.String()}
		old, ok := out.Get(p)
		if !ok || cmp.Or(cmp.Compare(r.priority, old.priority), cmp.Compare(r.attachment, old.attachment)) < 0 {
			out.Set(p, r)
		}
	}
	for _, r := range t.Routes {
		v := transitRoute{attachment: r.Attachment, origin: "propagated", priority: x.propagatedPriority(r.Attachment)}
		switch {
		case r.PrefixList != "":
			v.priority, v.origin = priorityPrefixList, r.PrefixList
		case r.Static:
			v.priority, v.origin = priorityStatic, "static"
		}
		v.blackhole = r.State == StateBlackhole || r.Attachment == ""
		offer(r.Destination, v)
	}
	for _, ref := range t.PrefixListReferences {
		if l, ok := x.prefixLists[ref.PrefixList]; ok {
			for _, p := range l.Entries {
				offer(p, transitRoute{attachment: ref.Attachment, blackhole: ref.Blackhole || ref.Attachment == "",
					priority: priorityPrefixList, origin: ref.PrefixList})
			}
		}
	}
	// A VPC attachment propagates the VPC's CIDRs. An answer that lists static
	// routes alone does not show them; one that lists all says the same twice,
	// and where CIDRs overlap it knows which of them AWS took.
	for _, id := range t.Propagations {
		for _, a := range x.attachments[id] {
			v, ok := x.vpcs[a.Resource]
			if a.ResourceType != AttachVPC || !ok {
				continue
			}
			for _, p := range v.CIDRs {
				if _, listed := out.Get(p); !listed {
					offer(p, transitRoute{attachment: id, priority: priorityVPC, origin: "propagated"})
				}
			}
		}
	}
	return out
}

func (x *index) propagatedPriority(attachment string) int {
	for _, a := range x.attachments[attachment] {
		switch a.ResourceType {
		case AttachDX:
			return priorityDX
		case AttachConnect:
			return priorityConnect
		case AttachVPN:
			return priorityVPN
		case AttachPeering:
			return priorityPeering
		}
	}
	return priorityVPC
}

// unreadLists lists the prefix lists that routes name and the snapshot lacks.
func (x *index) unreadLists(t *RouteTable) string {
	var out []string
	for _, r := range t.Routes {
		if _, ok := x.prefixLists[r.PrefixList]; r.PrefixList != "" && !ok {
			out = append(out, r.PrefixList)
		}
	}
	return strings.Join(slices.Compact(out), ", ")
}
