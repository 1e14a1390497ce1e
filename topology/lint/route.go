package lint

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/flowcover/flowcover/topology"
)

// wideBits is by how many bits a route may be wider than what uses it.
const wideBits = 8

// privateWords are how people name subnets that the internet must not reach.
var privateWords = []string{"private", "priv-", "-priv", "internal", "isolated", "내부", "사설", "폐쇄"}

func (l *linter) routes() {
	for i := range l.r.RouteTables {
		t := &l.r.RouteTables[i]
		for _, r := range t.Routes {
			if r.Target != "local" {
				l.route(t, r)
			}
		}
	}
	for i := range l.r.Subnets {
		l.public(&l.r.Subnets[i])
	}
}

func destination(r topology.Route) string {
	if r.PrefixList != "" {
		return r.PrefixList
	}
	return r.Destination.String()
}

func (l *linter) route(t *topology.RouteTable, r topology.Route) {
	to := destination(r)
	ref := topology.RuleRef{Kind: topology.KindRoute, Resource: t.ID, Rule: to}
	gone := &Change{"route-remove", t.ID, to}
	f := Finding{Resource: t.ID, Detail: to, Evidence: l.use(ref)}
	if r.State == topology.StateBlackhole {
		f.Rule, f.Severity, f.Change = "route-blackhole", Medium, gone
		f.Reason = fmt.Sprintf("the route of %s to %s leads to %s, which is gone", l.s.Label(t.ID), l.s.Label(to), orNothing(l.s.Label(r.Target)))
		f.Remedy = "remove the route, or point it at what took its place"
		l.add(f, t.Scope)
		return
	}
	if l.o.Evidence == nil {
		return
	}
	u, used := l.o.Evidence.Used[ref]
	if !used {
		f.Rule, f.Severity, f.Change = "route-unused", Low, gone
		f.Reason = fmt.Sprintf("no flow took the route of %s to %s by %s", l.s.Label(t.ID), l.s.Label(to), l.s.Label(r.Target))
		f.Remedy = "remove the route if nothing rarer needs it (a month end, a failover)"
		l.add(f, t.Scope)
		return
	}
	if strings.HasPrefix(r.Target, "tgw-") {
		l.wide(f, u, r.Destination, t.Scope)
	}
}

// wide finds a route whose flows all go to a far smaller network.
func (l *linter) wide(f Finding, u Use, route netip.Prefix, scope topology.Scope) {
	if !route.IsValid() || !u.Within.IsValid() || u.Within.Bits() < route.Bits()+wideBits {
		return
	}
	f.Rule, f.Severity = "route-wide", Low
	f.Reason = fmt.Sprintf("the route of %s to %s carries flows to %s only", l.s.Label(f.Resource), route, u.Within)
	f.Remedy = fmt.Sprintf("replace it by a route to %s or to the networks that are meant", u.Within)
	l.add(f, scope)
}

func orNothing(target string) string {
	if target == "" {
		return "nothing"
	}
	return target
}

// public finds subnets that are private by name and public by route.
func (l *linter) public(n *topology.Subnet) {
	name := strings.ToLower(n.Tags["Name"])
	private := ""
	for _, w := range privateWords {
		if strings.Contains(name, w) {
			private = w
		}
	}
	t, ok := l.s.SubnetRouteTable(n.ID)
	if private == "" || !ok {
		return
	}
	for _, r := range t.Routes {
		if r.State == topology.StateActive && strings.HasPrefix(r.Target, "igw-") && r.Destination.IsValid() && r.Destination.Bits() == 0 {
			l.add(Finding{Rule: "subnet-public", Severity: High, Resource: n.ID, Detail: r.Destination.String(),
				Reason:   fmt.Sprintf("%s is called private, and its table %s sends %s to %s", l.s.Label(n.ID), l.s.Label(t.ID), r.Destination, l.s.Label(r.Target)),
				Evidence: l.use(topology.RuleRef{Kind: topology.KindRoute, Resource: t.ID, Rule: r.Destination.String()}),
				Remedy:   "associate the subnet with a table that has no internet gateway, or name it what it is"}, n.Scope)
		}
	}
}
