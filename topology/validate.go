package topology

import (
	"fmt"
	"net/netip"
	"strconv"

	"github.com/flowcover/flowcover/topology/netset"
)

// ResourceError is a value in a resource that cannot be: it names all three.
type ResourceError struct {
	Resource string // id, or the kind where the id is what is wrong
	Field    string
	Value    string
	Reason   string
}

func (e *ResourceError) Error() string {
	return fmt.Sprintf("%s: %s %q: %s", e.Resource, e.Field, e.Value, e.Reason)
}

// checker gathers the first wrong value.
type checker struct{ err *ResourceError }

func (c *checker) fail(resource, field, value, reason string) {
	if c.err == nil {
		c.err = &ResourceError{resource, field, value, reason}
	}
}

func (c *checker) id(kind, id string) {
	if id == "" {
		c.fail(kind, "id", id, "a resource needs an id")
	}
}

func (c *checker) prefixes(id, field string, ps []netip.Prefix) {
	for i, p := range ps {
		if !p.IsValid() {
			c.fail(id, field+"["+strconv.Itoa(i)+"]", p.String(), "not a prefix")
		}
	}
}

// validate checks values, not references: a resource named by another may be
// missing because the call that lists it was refused.
func validate(r Resources) error {
	c := &checker{}
	for _, v := range r.VPCs {
		c.id("vpc", v.ID)
		c.prefixes(v.ID, "cidrs", v.CIDRs)
	}
	for _, s := range r.Subnets {
		c.id("subnet", s.ID)
		c.prefixes(s.ID, "cidrs", s.CIDRs)
		if s.VPC == "" {
			c.fail(s.ID, "vpc", s.VPC, "a subnet lies in a VPC")
		}
	}
	for i := range r.RouteTables {
		c.routeTable(&r.RouteTables[i])
	}
	for i := range r.SecurityGroups {
		c.group(&r.SecurityGroups[i])
	}
	for i := range r.NetworkACLs {
		c.acl(&r.NetworkACLs[i])
	}
	for _, p := range r.PrefixLists {
		c.id("prefix list", p.ID)
		c.prefixes(p.ID, "entries", p.Entries)
		if p.MaxEntries < 0 {
			c.fail(p.ID, "max_entries", strconv.Itoa(p.MaxEntries), "must not be negative")
		}
	}
	c.transit(r)
	c.rest(r)
	for i := range r.Interfaces {
		c.eni(&r.Interfaces[i])
	}
	if c.err != nil {
		return c.err
	}
	return nil
}

func (c *checker) transit(r Resources) {
	for _, t := range r.TransitGateways {
		c.id("transit gateway", t.ID)
	}
	for _, a := range r.Attachments {
		c.id("transit gateway attachment", a.ID)
		if a.TransitGateway == "" {
			c.fail(a.ID, "transit_gateway", "", "an attachment belongs to a transit gateway")
		}
	}
	for _, t := range r.TransitRouteTables {
		c.id("transit gateway route table", t.ID)
		for i, rt := range t.Routes {
			if !rt.Destination.IsValid() {
				c.fail(t.ID, fmt.Sprintf("routes[%d].destination", i), rt.Destination.String(), "not a prefix")
			}
		}
		for i, p := range t.PrefixListReferences {
			if p.PrefixList == "" {
				c.fail(t.ID, fmt.Sprintf("prefix_list_references[%d].prefix_list", i), "", "a reference names a prefix list")
			}
		}
	}
}

func (c *checker) rest(r Resources) {
	for _, p := range r.Peerings {
		c.id("peering connection", p.ID)
		c.prefixes(p.ID, "requester.cidrs", p.Requester.CIDRs)
		c.prefixes(p.ID, "accepter.cidrs", p.Accepter.CIDRs)
	}
	for _, g := range r.Gateways {
		c.id("gateway", g.ID)
		c.prefixes(g.ID, "destinations", g.Destinations)
		switch g.Kind {
		case KindInternet, KindEgressOnly, KindVPN, KindNAT:
		default:
			c.fail(g.ID, "kind", g.Kind, "want internet, egress-only-internet, vpn or nat")
		}
	}
	for _, e := range r.Endpoints {
		c.id("vpc endpoint", e.ID)
	}
	for _, i := range r.Instances {
		c.id("instance", i.ID)
	}
	for _, l := range r.LoadBalancers {
		c.id("load balancer", l.ID)
		for i, x := range l.Listeners {
			if x.Port < 0 || x.Port > 65535 {
				c.fail(l.ID, fmt.Sprintf("listeners[%d].port", i), strconv.Itoa(x.Port), "want 0 to 65535")
			}
		}
	}
	for _, d := range r.DBInstances {
		c.id("db instance", d.ID)
		if d.Port < 0 || d.Port > 65535 {
			c.fail(d.ID, "port", strconv.Itoa(d.Port), "want 0 to 65535")
		}
	}
	for _, z := range r.HostedZones {
		c.id("hosted zone", z.ID)
		for i, x := range z.Records {
			if x.Name == "" || x.Type == "" {
				c.fail(z.ID, fmt.Sprintf("records[%d].name", i), x.Name, "a record has a name and a type")
			}
		}
	}
	for _, q := range r.Quotas {
		c.id("quota", q.Code)
		if q.Value < 0 {
			c.fail(q.Code, "value", strconv.Itoa(q.Value), "must not be negative")
		}
	}
	for _, n := range r.NotRead {
		c.id("call not read", n.Call)
	}
}

func (c *checker) routeTable(t *RouteTable) {
	c.id("route table", t.ID)
	for i, r := range t.Routes {
		switch {
		case r.Destination.IsValid() == (r.PrefixList != ""):
			c.fail(t.ID, fmt.Sprintf("routes[%d].destination", i), r.Destination.String(),
				"a route has a destination prefix or a prefix list, one of the two")
		case r.State != "" && r.State != StateActive && r.State != StateBlackhole:
			c.fail(t.ID, fmt.Sprintf("routes[%d].state", i), r.State, "want active or blackhole")
		}
	}
}

func (c *checker) group(g *SecurityGroup) {
	c.id("security group", g.ID)
	for i, r := range g.Rules {
		field := func(name string) string { return fmt.Sprintf("rules[%d].%s", i, name) }
		peers := 0
		for _, set := range [...]bool{r.CIDR.IsValid(), r.PrefixList != "", r.Group != ""} {
			if set {
				peers++
			}
		}
		if peers != 1 {
			c.fail(g.ID, field("cidr"), r.CIDR.String(), "a rule has exactly one of cidr, prefix_list and group")
		}
		c.direction(g.ID, field("direction"), r.Direction)
		c.ports(g.ID, field("from_port"), r.Protocol, r.FromPort, r.ToPort)
	}
}

func (c *checker) acl(a *NetworkACL) {
	c.id("network acl", a.ID)
	type place struct {
		d  Direction
		n  int
		v6 bool
	}
	seen := make(map[place]bool, len(a.Entries))
	for i, e := range a.Entries {
		field := func(name string) string { return fmt.Sprintf("entries[%d].%s", i, name) }
		if !e.CIDR.IsValid() {
			c.fail(a.ID, field("cidr"), e.CIDR.String(), "not a prefix")
			return
		}
		if e.Number < 1 || e.Number > 32768 {
			c.fail(a.ID, field("number"), strconv.Itoa(e.Number), "want 1 to 32766, or 32767 and 32768 for the final deny")
		}
		c.direction(a.ID, field("direction"), e.Direction)
		c.ports(a.ID, field("from_port"), e.Protocol, e.FromPort, e.ToPort)
		// An old account may list the final deny of both families as 32767.
		p := place{e.Direction, e.Number, e.CIDR.Addr().Is6() && e.DefaultDeny()}
		if seen[p] {
			c.fail(a.ID, field("number"), strconv.Itoa(e.Number), "two "+string(e.Direction)+" entries have this number")
		}
		seen[p] = true
	}
}

func (c *checker) direction(id, field string, d Direction) {
	if d != Ingress && d != Egress {
		c.fail(id, field, string(d), "want ingress or egress")
	}
}

func (c *checker) ports(id, field string, p netset.Protocol, from, to int) {
	value := strconv.Itoa(from) + "-" + strconv.Itoa(to)
	switch {
	case p < -1 || p > 255:
		c.fail(id, field, p.String(), "want a protocol number from 0 to 255, or -1 for all")
	case p.HasPorts() && (from < 0 || to > 65535 || from > to):
		c.fail(id, field, value, "want ports from 0 to 65535, the lower first, or -1 and -1 for all")
	case p.HasTypes() && (from > 255 || to < -1 || to > 255):
		c.fail(id, field, value, "want an ICMP type and code from 0 to 255, or -1 for all")
	}
}

func (c *checker) eni(n *NetworkInterface) {
	c.id("network interface", n.ID)
	for i, a := range n.Addresses {
		if !a.IsValid() {
			c.fail(n.ID, fmt.Sprintf("addresses[%d]", i), a.String(), "not an address")
		}
	}
	c.prefixes(n.ID, "prefixes", n.Prefixes)
	for private, public := range n.PublicAddresses {
		if _, err := netip.ParseAddr(private); err != nil {
			c.fail(n.ID, "public_addresses", private, "the key is not an address")
		}
		if !public.IsValid() {
			c.fail(n.ID, "public_addresses["+private+"]", public.String(), "not an address")
		}
	}
}
