package topology

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/flowcover/flowcover/topology/netset"
)

// canonical gives a copy of r in which everything has its one form: prefixes
// masked and unmapped, lists sorted, ports as AWS means them. r is not changed.
// Sorting resources and joining doubles comes after validation.
func canonical(r Resources) Resources {
	r.VPCs = mapEach(r.VPCs, canonicalVPC)
	r.Subnets = mapEach(r.Subnets, canonicalSubnet)
	r.RouteTables = mapEach(r.RouteTables, canonicalRouteTable)
	r.SecurityGroups = mapEach(r.SecurityGroups, canonicalGroup)
	r.NetworkACLs = mapEach(r.NetworkACLs, canonicalACL)
	r.PrefixLists = mapEach(r.PrefixLists, func(p PrefixList) PrefixList {
		p.Entries = prefixes(p.Entries, true)
		return p
	})
	r.TransitGateways = mapEach(r.TransitGateways, func(t TransitGateway) TransitGateway {
		t.Tags = tags(t.Tags)
		return t
	})
	r.Attachments = mapEach(r.Attachments, func(a TransitGatewayAttachment) TransitGatewayAttachment {
		a.Subnets, a.Tags = ids(a.Subnets), tags(a.Tags)
		return a
	})
	r.TransitRouteTables = mapEach(r.TransitRouteTables, canonicalTransitTable)
	r.Peerings = mapEach(r.Peerings, func(p PeeringConnection) PeeringConnection {
		p.Requester.CIDRs = prefixes(p.Requester.CIDRs, false)
		p.Accepter.CIDRs = prefixes(p.Accepter.CIDRs, false)
		return p
	})
	r.Gateways = mapEach(r.Gateways, func(g Gateway) Gateway {
		g.ENIs, g.Tags = ids(g.ENIs), tags(g.Tags)
		g.Destinations = prefixes(g.Destinations, false)
		return g
	})
	r.Endpoints = mapEach(r.Endpoints, func(e VPCEndpoint) VPCEndpoint {
		e.DNSNames, e.Subnets, e.ENIs = ids(e.DNSNames), ids(e.Subnets), ids(e.ENIs)
		e.Groups, e.RouteTables, e.Tags = ids(e.Groups), ids(e.RouteTables), tags(e.Tags)
		return e
	})
	r.Interfaces = mapEach(r.Interfaces, canonicalInterface)
	r.Instances = mapEach(r.Instances, func(i Instance) Instance {
		i.ENIs, i.Tags = nonEmpty(slices.Clone(i.ENIs)), tags(i.Tags)
		return i
	})
	r.LoadBalancers = mapEach(r.LoadBalancers, canonicalLoadBalancer)
	r.DBInstances = mapEach(r.DBInstances, func(d DBInstance) DBInstance {
		d.Groups, d.Subnets = ids(d.Groups), ids(d.Subnets)
		return d
	})
	r.HostedZones = mapEach(r.HostedZones, canonicalZone)
	r.Quotas = slices.Clone(r.Quotas)
	r.NotRead = slices.Clone(r.NotRead)
	return r
}

func mapEach[T any](in []T, f func(T) T) []T {
	out := make([]T, len(in))
	for i, v := range in {
		out[i] = f(v)
	}
	return out
}

func canonicalVPC(v VPC) VPC {
	v.CIDRs, v.Tags = prefixes(v.CIDRs, true), tags(v.Tags)
	return v
}

func canonicalSubnet(s Subnet) Subnet {
	s.CIDRs, s.Tags = prefixes(s.CIDRs, true), tags(s.Tags)
	return s
}

func canonicalRouteTable(t RouteTable) RouteTable {
	t.Subnets, t.Gateways, t.Tags = ids(t.Subnets), ids(t.Gateways), tags(t.Tags)
	t.Routes = slices.Clone(t.Routes)
	for i := range t.Routes {
		t.Routes[i].Destination = canonicalPrefix(t.Routes[i].Destination)
	}
	slices.SortFunc(t.Routes, func(a, b Route) int {
		return cmp.Or(comparePrefix(a.Destination, b.Destination), cmp.Compare(a.PrefixList, b.PrefixList),
			cmp.Compare(a.Target, b.Target), cmp.Compare(a.Origin, b.Origin), cmp.Compare(a.State, b.State))
	})
	t.Routes = orEmpty(slices.Compact(t.Routes))
	return t
}

func canonicalGroup(g SecurityGroup) SecurityGroup {
	g.VPCs, g.Tags = ids(g.VPCs), tags(g.Tags)
	rules := slices.Clone(g.Rules)
	for i := range rules {
		r := &rules[i]
		r.CIDR = canonicalPrefix(r.CIDR)
		r.FromPort, r.ToPort = canonicalPorts(r.Protocol, r.FromPort, r.ToPort)
		if r.GroupOwner == g.Account {
			r.GroupOwner = ""
		}
	}
	slices.SortFunc(rules, compareRules)
	g.Rules = orEmpty(slices.Compact(rules))
	return g
}

func compareRules(a, b SecurityGroupRule) int {
	return cmp.Or(cmp.Compare(a.Direction, b.Direction), a.Columns().Compare(b.Columns()),
		comparePrefix(a.CIDR, b.CIDR), cmp.Compare(a.PrefixList, b.PrefixList),
		cmp.Compare(a.GroupOwner, b.GroupOwner), cmp.Compare(a.Group, b.Group),
		cmp.Compare(a.ID, b.ID), cmp.Compare(a.Description, b.Description))
}

func canonicalACL(a NetworkACL) NetworkACL {
	a.Subnets, a.Tags = ids(a.Subnets), tags(a.Tags)
	a.Entries = slices.Clone(a.Entries)
	for i := range a.Entries {
		e := &a.Entries[i]
		e.CIDR = canonicalPrefix(e.CIDR)
		e.FromPort, e.ToPort = canonicalPorts(e.Protocol, e.FromPort, e.ToPort)
	}
	slices.SortFunc(a.Entries, func(x, y NetworkACLEntry) int {
		return cmp.Or(cmp.Compare(x.Direction, y.Direction), cmp.Compare(x.Number, y.Number), comparePrefix(x.CIDR, y.CIDR))
	})
	a.Entries = orEmpty(slices.Compact(a.Entries))
	return a
}

func canonicalTransitTable(t TransitGatewayRouteTable) TransitGatewayRouteTable {
	t.Propagations, t.Tags = ids(t.Propagations), tags(t.Tags)
	t.Routes = slices.Clone(t.Routes)
	for i := range t.Routes {
		t.Routes[i].Destination = canonicalPrefix(t.Routes[i].Destination)
	}
	slices.SortFunc(t.Routes, func(a, b TransitGatewayRoute) int {
		return cmp.Or(comparePrefix(a.Destination, b.Destination), compareBool(b.Static, a.Static),
			cmp.Compare(a.Attachment, b.Attachment), cmp.Compare(a.PrefixList, b.PrefixList), cmp.Compare(a.State, b.State))
	})
	t.Routes = orEmpty(slices.Compact(t.Routes))
	t.PrefixListReferences = slices.Clone(t.PrefixListReferences)
	slices.SortFunc(t.PrefixListReferences, func(a, b TransitGatewayPrefixListRef) int {
		return cmp.Or(cmp.Compare(a.PrefixList, b.PrefixList), cmp.Compare(a.Attachment, b.Attachment))
	})
	t.PrefixListReferences = nonEmpty(slices.Compact(t.PrefixListReferences))
	return t
}

func canonicalInterface(n NetworkInterface) NetworkInterface {
	n.Groups, n.Tags = ids(n.Groups), tags(n.Tags)
	n.Prefixes = prefixes(n.Prefixes, false)
	addrs := make([]netip.Addr, 0, len(n.Addresses))
	for _, a := range n.Addresses {
		if a = a.Unmap(); !slices.Contains(addrs, a) {
			addrs = append(addrs, a)
		}
	}
	if len(addrs) > 1 {
		// The primary stays first: that order has a meaning.
		rest := addrs[1:]
		if addrs[0].Is6() {
			rest = addrs
		}
		slices.SortFunc(rest, netip.Addr.Compare)
	}
	n.Addresses = addrs
	public := make(map[string]netip.Addr, len(n.PublicAddresses))
	for private, addr := range n.PublicAddresses {
		if p, err := netip.ParseAddr(private); err == nil {
			private = p.Unmap().String()
		}
		public[private] = addr.Unmap()
	}
	if n.PublicAddresses = public; len(public) == 0 {
		n.PublicAddresses = nil
	}
	return n
}

func canonicalLoadBalancer(l LoadBalancer) LoadBalancer {
	l.Groups = ids(l.Groups)
	l.Listeners = mapEach(l.Listeners, func(x Listener) Listener {
		x.Targets = slices.Clone(x.Targets)
		slices.SortFunc(x.Targets, func(a, b Target) int {
			return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Port, b.Port))
		})
		x.Targets = nonEmpty(slices.Compact(x.Targets))
		return x
	})
	slices.SortFunc(l.Listeners, func(a, b Listener) int {
		return cmp.Or(cmp.Compare(a.Port, b.Port), cmp.Compare(a.Protocol, b.Protocol),
			slices.CompareFunc(a.Targets, b.Targets, func(x, y Target) int {
				return cmp.Or(cmp.Compare(x.ID, y.ID), cmp.Compare(x.Port, y.Port))
			}))
	})
	l.Listeners = nonEmpty(l.Listeners)
	return l
}

// canonicalPorts gives FromPort and ToPort their one form: -1 and -1 where the
// protocol has neither ports nor types, 0 and 65535 for every port.
func canonicalPorts(p netset.Protocol, from, to int) (int, int) {
	switch {
	case p.HasPorts() && from == -1 && to == -1:
		return 0, 65535
	case p.HasPorts():
		return from, to
	case p.HasTypes() && from < 0:
		return -1, -1
	case p.HasTypes():
		return from, to
	}
	return -1, -1
}

func canonicalPrefix(p netip.Prefix) netip.Prefix {
	if !p.IsValid() {
		return p
	}
	return netset.CanonicalPrefix(p)
}

func prefixes(in []netip.Prefix, keepEmpty bool) []netip.Prefix {
	out := mapEach(in, canonicalPrefix)
	slices.SortFunc(out, comparePrefix)
	out = slices.Compact(out)
	if keepEmpty {
		return out
	}
	return nonEmpty(out)
}

func comparePrefix(a, b netip.Prefix) int {
	return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// ids sorts a list of names and drops repeats; nil where none is left.
func ids(in []string) []string {
	out := slices.Clone(in)
	slices.Sort(out)
	return nonEmpty(slices.Compact(out))
}

func tags(t Tags) Tags {
	if len(t) == 0 {
		return nil
	}
	return maps.Clone(t)
}

func nonEmpty[T any](s []T) []T {
	if len(s) == 0 {
		return nil
	}
	return s
}

func orEmpty[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

func compareScope(a, b Scope) int {
	return cmp.Or(strings.Compare(a.Account, b.Account), strings.Compare(a.Region, b.Region))
}
