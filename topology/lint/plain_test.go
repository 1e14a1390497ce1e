package lint_test

import (
	"net/netip"
	"slices"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

// confirmed are the rules that plainFindings answers for, both ways.
var confirmed = map[string]bool{"sg-unused": true, "sg-unattached": true, "sg-rule-shadowed": true, "sg-open-admin": true, "sg-open-database": true, "sg-stale-reference": true,
	"nacl-shadowed": true, "route-blackhole": true, "tgw-blackhole": true, "tgw-no-propagation": true, "tgw-zone": true, "endpoint-private-dns": true}

// plainFindings reads an account in the plainest way: it asks Trace for single
// packets, and tries single addresses and ports.
func plainFindings(s *topology.Snapshot) []string {
	r := s.Resources()
	return slices.Concat(plainGroups(r), plainACLs(s, r), plainRoutes(s, r), plainEndpoints(s, r))
}

func plainGroups(r topology.Resources) []string {
	var out []string
	for _, g := range r.SecurityGroups {
		carried := slices.ContainsFunc(r.Interfaces, func(n topology.NetworkInterface) bool { return slices.Contains(n.Groups, g.ID) })
		named := slices.ContainsFunc(r.SecurityGroups, func(o topology.SecurityGroup) bool {
			return o.ID != g.ID && slices.ContainsFunc(o.Rules, func(x topology.SecurityGroupRule) bool { return x.Group == g.ID })
		})
		if !carried && named {
			out = append(out, "sg-unattached "+g.ID+" ")
		} else if !carried {
			out = append(out, "sg-unused "+g.ID+" ")
		}
		for i, x := range g.Rules {
			world := x.Direction == topology.Ingress && x.CIDR.IsValid() && x.CIDR.Bits() == 0
			if world && x.Columns().Contains(netset.PortColumns(netset.TCP, 22, 22)) {
				out = append(out, "sg-open-admin "+g.ID+" "+x.Key())
			}
			if world && x.Columns().Contains(netset.PortColumns(netset.TCP, 5432, 5432)) {
				out = append(out, "sg-open-database "+g.ID+" "+x.Key())
			}
			if x.Group != "" && x.Group != g.ID && !slices.ContainsFunc(r.SecurityGroups, func(o topology.SecurityGroup) bool { return o.ID == x.Group && o.VPC == g.VPC }) {
				out = append(out, "sg-stale-reference "+g.ID+" "+x.Key())
			}
			if slices.ContainsFunc(slices.Delete(slices.Clone(g.Rules), i, i+1), func(y topology.SecurityGroupRule) bool { return opensAll(y, x) }) {
				out = append(out, "sg-rule-shadowed "+g.ID+" "+x.Key())
			}
		}
	}
	return out
}

func opensAll(y, x topology.SecurityGroupRule) bool {
	if y.Direction != x.Direction || !y.Columns().Contains(x.Columns()) {
		return false
	}
	if x.CIDR.IsValid() {
		return y.CIDR.IsValid() && y.CIDR.Bits() <= x.CIDR.Bits() && y.CIDR.Contains(x.CIDR.Addr())
	}
	return x.Peer() == y.Peer()
}

// plainACLs tries each corner of each entry: where none decides, none of the
// entry does.
func plainACLs(s *topology.Snapshot, r topology.Resources) []string {
	var out []string
	for _, a := range r.NetworkACLs {
		var addrs []netip.Addr
		var cols []netset.Column
		for _, e := range a.Entries {
			addrs = append(addrs, e.CIDR.Addr(), netset.LastAddr(e.CIDR), netset.LastAddr(e.CIDR).Next())
			k := e.Columns()
			cols = append(cols, k.First, k.Last, k.First-1, k.Last+1)
		}
		for _, e := range a.Entries {
			decides := false
			for _, x := range addrs {
				for _, c := range cols {
					if x.IsValid() && e.CIDR.Contains(x) && e.Columns().First <= c && c <= e.Columns().Last {
						ref, _ := s.ACLDecides(a.ID, e.Direction, x, c)
						decides = decides || ref == e.Ref(a.ID)
					}
				}
			}
			if !decides {
				out = append(out, "nacl-shadowed "+a.ID+" "+e.Ref(a.ID).Rule)
			}
		}
	}
	return out
}

func plainRoutes(s *topology.Snapshot, r topology.Resources) []string {
	var out []string
	for _, t := range r.RouteTables {
		for _, x := range t.Routes {
			if x.State == topology.StateBlackhole {
				out = append(out, "route-blackhole "+t.ID+" "+x.Destination.String())
			}
		}
	}
	for _, t := range r.TransitRouteTables {
		for _, x := range t.Routes {
			if x.State == topology.StateBlackhole {
				out = append(out, "tgw-blackhole "+t.ID+" "+x.Destination.String())
			}
		}
	}
	for _, a := range r.Attachments {
		led := false
		for _, x := range r.Interfaces {
			if x.VPC == a.Resource {
				if to, _ := s.TransitRouteTo("tgw-rtb-1", x.Addresses[0]); to == a.ID {
					led = true
				}
			}
		}
		if !led {
			out = append(out, "tgw-no-propagation "+a.ID+" ")
		}
	}
	// A subnet whose zone is not served: what it sends to the gateway ends there,
	// also where no group and no ACL refuses it before.
	open := r
	open.NetworkACLs, open.Interfaces = nil, slices.Clone(r.Interfaces)
	for i := range open.Interfaces {
		open.Interfaces[i].Groups = nil
	}
	s, err := topology.New(open)
	if err != nil {
		panic(err)
	}
	for _, n := range r.Interfaces {
		got, err := s.Trace(topology.Query{From: n.ID, To: "10.200.0.1", Protocol: netset.UDP, Port: 53})
		if err != nil || got.Disposition != topology.NullRouted {
			continue
		}
		last := got.Hops[len(got.Hops)-1]
		if k := "tgw-zone " + n.Subnet + " tgw-1"; last.Kind == "attachment" && len(got.Path) == 2 && !slices.Contains(out, k) {
			out = append(out, k)
		}
	}
	return out
}

// plainEndpoints has every client try the endpoint.
func plainEndpoints(s *topology.Snapshot, r topology.Resources) []string {
	var out []string
	for detail, vpc := range map[string]string{r.Endpoints[0].Service: r.Endpoints[0].VPC, "in " + r.HostedZones[0].VPCs[0]: r.HostedZones[0].VPCs[0]} {
		for _, n := range r.Interfaces {
			if n.VPC != vpc || n.Type != "interface" {
				continue
			}
			got, err := s.Trace(topology.Query{From: n.ID, To: "eni-vpce", Protocol: netset.TCP, Port: 443})
			if err != nil || !got.Disposition.Delivered() || !got.Reply.Disposition.Delivered() {
				out = append(out, "endpoint-private-dns vpce-1 "+detail)
				break
			}
		}
	}
	return out
}
