package topology

import (
	"fmt"
	"math/bits"
	"net/netip"
	"slices"
	"strings"

	"github.com/flowcover/flowcover/topology/netset"
)

// nearestRule says in words which rule of some groups comes nearest to
// admitting a packet: one that has the port and not the address, by the length
// of the common prefix, before one that has the address and not the port.
func (s *Snapshot) nearestRule(groups []string, d Direction, remote netip.Addr, cols netset.Columns) string {
	best, text := -1, ""
	for _, id := range groups {
		g, ok := s.groups[id]
		if !ok {
			continue
		}
		for _, r := range g.rules(d) {
			score, why := s.nearness(&r, remote, cols)
			if score > best {
				best, text = score, r.ref.String()+why
			}
		}
	}
	return text
}

func (s *Snapshot) nearness(r *readyRule, remote netip.Addr, cols netset.Columns) (int, string) {
	port := r.cols.Contains(cols)
	same := 0
	if r.cols.Protocol() == cols.Protocol() {
		same = 50
	}
	var address bool
	var common int
	switch {
	case r.rule.Group != "":
		common = 1
	case r.rule.PrefixList != "":
		address = s.matchesPrefix(r.rule, remote)
		common = 1
	default:
		address = r.rule.CIDR.Contains(remote)
		common = commonBits(r.rule.CIDR.Addr(), remote)
	}
	switch {
	case port && !address:
		return 1000 + common, ": the port matches, " + remote.String() + " does not"
	case address:
		return 500 + same, fmt.Sprintf(": the address matches, %s does not", cols)
	}
	return same + min(common, 32), ": neither the address nor the port matches"
}

func commonBits(a, b netip.Addr) int {
	if a.BitLen() != b.BitLen() {
		return 0
	}
	x, y := a.AsSlice(), b.AsSlice()
	n := 0
	for i := range x {
		if d := x[i] ^ y[i]; d != 0 {
			return n + bits.LeadingZeros8(d)
		}
		n += 8
	}
	return n
}

// nearestEntry says which later entry of an ACL would have allowed.
func (s *Snapshot) nearestEntry(acl string, d Direction, remote netip.Addr, cols netset.Columns) string {
	a, ok := s.acls[acl]
	if !ok {
		return ""
	}
	best, text := -1, ""
	for _, e := range a.entries(d) {
		if !e.entry.Allow {
			continue
		}
		port, address := e.cols.Contains(cols), e.entry.CIDR.Contains(remote)
		score, why := commonBits(e.entry.CIDR.Addr(), remote), ": neither the address nor the port matches"
		switch {
		case port && address:
			score, why = 2000, ": it allows, and comes after the deny"
		case port:
			score, why = 1000+score, ": the port matches, "+remote.String()+" does not"
		case address && e.cols.Overlaps(cols):
			score, why = 800, fmt.Sprintf(": it allows %s only", e.cols)
		case address:
			score, why = 500, fmt.Sprintf(": the address matches, %s does not", cols)
		}
		if score > best {
			best, text = score, e.ref.String()+" allow "+e.cols.String()+" "+e.entry.CIDR.String()+why
		}
	}
	return text
}

// nearestRoute names another route table of the VPC that has a route, or the
// route of this one with the longest common prefix.
func (x *index) nearestRoute(t *RouteTable, dst netip.Addr) string {
	if text := x.otherTable(t, dst); text != "" {
		return text
	}
	best, text := -1, ""
	for i := range t.Routes {
		if r := &t.Routes[i]; r.PrefixList == "" && r.Destination.Addr().Is6() == dst.Is6() {
			// Of two as near, one that a person could widen.
			if n := 2 * commonBits(r.Destination.Addr(), dst); n > best || n+1 > best && r.Target != "local" {
				if r.Target != "local" {
					n++
				}
				best, text = n, fmt.Sprintf("%s has a route to %s", t.ID, r.Destination)
			}
		}
	}
	return text
}

// otherTable names the table of the same VPC with the longest route.
func (x *index) otherTable(t *RouteTable, dst netip.Addr) string {
	best, text := -1, ""
	for _, id := range sortedKeys(x.routeTables) {
		other := x.routeTables[id]
		if other == t || other.VPC != t.VPC {
			continue
		}
		if p, r, ok := x.compileRoutes(other).Longest(dst); ok && p.Bits() > best && r.State != StateBlackhole && x.couldCarry(r.Target, dst) {
			best, text = p.Bits(), fmt.Sprintf("%s, of the same VPC, routes it to %s", other.ID, r.Target)
		}
	}
	return text
}

// nextShorter finds the route that would match without the one to p.
func nextShorter[V any](t *netset.Table[V], dst netip.Addr, p netip.Prefix) (netip.Prefix, V, bool) {
	for bits := p.Bits() - 1; bits >= 0; bits-- {
		q := netip.PrefixFrom(dst, bits).Masked()
		if v, ok := t.Get(q); ok {
			return q, v, true
		}
	}
	var none V
	return netip.Prefix{}, none, false
}

// couldCarry says whether a route's target takes an address at all: the way to
// the internet takes none that the internet drops.
func (x *index) couldCarry(target string, dst netip.Addr) bool {
	if !unroutable(dst) {
		return true
	}
	switch kind, _, _ := strings.Cut(target, "-"); kind {
	case "igw", "eigw":
		return false
	case "nat":
		g, ok := x.gateways[target]
		return ok && g.Private
	}
	return true
}

// nearestTransit names another table of the gateway that has a route, or the
// attachment that does not propagate.
func (x *index) nearestTransit(t *TransitGatewayRouteTable, dst netip.Addr) string {
	if text := x.otherTransit(t.TransitGateway, t.ID, dst); text != "" {
		return text
	}
	for _, id := range sortedKeys(x.attachments) {
		for _, a := range x.attachments[id] {
			if v, ok := x.vpcs[a.Resource]; ok && a.TransitGateway == t.TransitGateway && holds(v.CIDRs, dst) {
				return fmt.Sprintf("%s attaches %s, which holds the address, and does not propagate to %s", a.ID, v.ID, t.ID)
			}
		}
	}
	return ""
}

// otherTransit names a table of a gateway that routes an address, but for the
// one that does not.
func (x *index) otherTransit(tgw, but string, dst netip.Addr) string {
	for _, id := range sortedKeys(x.transitRT) {
		other := x.transitRT[id]
		if id == but || other.table.TransitGateway != tgw {
			continue
		}
		if r, ok := other.routes().Lookup(dst); ok && !r.blackhole {
			return fmt.Sprintf("%s, of the same gateway, routes it to %s", id, r.attachment)
		}
	}
	return ""
}

// nearestAttachment names a gateway to which a VPC is attached.
func (x *index) nearestAttachment(vpc string) string {
	for _, id := range sortedKeys(x.attachments) {
		for _, a := range x.attachments[id] {
			if a.ResourceType == AttachVPC && a.Resource == vpc && usable(a) {
				return fmt.Sprintf("%s attaches %s to %s", a.ID, vpc, a.TransitGateway)
			}
		}
	}
	return ""
}

// zoneName gives a zone's name with its id, which alone is the same in every
// account.
func zoneName(s *Subnet) string { return strings.TrimSpace(s.AZ + " " + s.AZID) }

// zonesServed names the zones in which an attachment has a subnet.
func (x *index) zonesServed(a *TransitGatewayAttachment) string {
	var out []string
	for _, id := range a.Subnets {
		if sub, ok := x.subnets[id]; ok {
			out = append(out, fmt.Sprintf("%s (%s)", sub.ID, zoneName(sub)))
		}
	}
	slices.Sort(out)
	return fmt.Sprintf("%s has %s", a.ID, strings.Join(out, ", "))
}
