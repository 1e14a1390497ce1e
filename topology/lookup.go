package topology

import (
	"net/netip"
	"slices"
)

// RouteTo gives the route by which a subnet's table sends an address.
func (s *Snapshot) RouteTo(subnet string, a netip.Addr) (*Route, bool) {
	t := s.ix.tableOf(subnet)
	if t == nil {
		return nil, false
	}
	r, ok := t.routes().Lookup(a.Unmap())
	return r.Route, ok
}

// TransitRouteTo gives the attachment to which a transit gateway's table sends
// an address; empty for a blackhole. ok is false where no route matches.
func (s *Snapshot) TransitRouteTo(table string, a netip.Addr) (attachment string, ok bool) {
	t, ok := s.ix.transitRT[table]
	if !ok {
		return "", false
	}
	r, ok := t.routes().Lookup(a.Unmap())
	if !ok || r.blackhole {
		return "", ok
	}
	return r.attachment, true
}

// TransitTargets lists the attachments to which a transit gateway's table has
// a route, sorted.
func (s *Snapshot) TransitTargets(table string) []string {
	t, ok := s.ix.transitRT[table]
	if !ok {
		return nil
	}
	seen := map[string]bool{}
	for _, p := range t.routes().Prefixes() {
		if r, ok := t.routes().Get(p); ok && !r.blackhole {
			seen[r.attachment] = true
		}
	}
	return sortedKeys(seen)
}

// VPCAttachment finds a VPC's attachment to a transit gateway.
func (s *Snapshot) VPCAttachment(tgw, vpc string) (*TransitGatewayAttachment, bool) {
	a, ok := s.ix.attachmentOf[[2]string{tgw, vpc}]
	return a, ok
}

// Usable says whether an attachment carries traffic in its state.
func (a *TransitGatewayAttachment) Usable() bool { return usable(a) }

// SameZone says whether two subnets lie in one availability zone.
func (s *Subnet) SameZone(o *Subnet) bool { return sameZone(s, o) }

// ReferenceHolds says whether AWS follows a rule of g that refers to another
// group: within their VPCs, over an active peering, and for ingress over a
// transit gateway that carries references.
func (s *Snapshot) ReferenceHolds(g, other *SecurityGroup, d Direction) bool {
	for _, a := range append(slices.Clone(g.VPCs), g.VPC) {
		for _, b := range append(slices.Clone(other.VPCs), other.VPC) {
			if s.referenceLocal(a, b, d) {
				return true
			}
		}
	}
	return false
}
