package target

import (
	"net/netip"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

// Follow replays a flow on a snapshot. Flow logs name neither ICMP types nor
// every port that an opener may use, so several questions stand for one flow,
// the widest first; q is the first that s admits both ways, else the first. The
// same q asked of another snapshot tells whether that one admits it too. ok is
// false for a flow that cannot be replayed: its interface is gone, or its log
// lacks a field.
func Follow(s *topology.Snapshot, f *analyze.Flow, p Policy) (q topology.FlowQuery, v topology.FlowVerdict, ok bool) {
	qs := queries(s, f, p)
	for i, try := range qs {
		got := s.Flow(try)
		if i == 0 || got.Admitted() {
			q, v = try, got
		}
		if got.Admitted() {
			break
		}
	}
	return q, v, len(qs) > 0
}

// queries lists the questions that stand for a flow, the widest first.
func queries(s *topology.Snapshot, f *analyze.Flow, p Policy) []topology.FlowQuery {
	dir, ok := directionOf(f.Side)
	if _, here := s.Interface(f.ENI); !here || !ok || !f.Peer.IsValid() || !f.Local.IsValid() || f.Protocol < 0 || f.Protocol > 255 {
		return nil
	}
	own, peer := topology.End{ENI: f.ENI, Addr: f.Local.Unmap()}, topology.End{Addr: f.Peer.Unmap()}
	q := topology.FlowQuery{From: peer, To: own}
	if dir == topology.Egress {
		q.From, q.To = own, peer
	}
	var out []topology.FlowQuery
	switch {
	case f.Protocol.HasTypes():
		for _, c := range icmpQuestions(s, f, p, dir) {
			q.Columns = c
			out = append(out, q)
		}
	case f.Protocol.HasPorts():
		if f.Port < 0 || f.Port > 65535 {
			return nil
		}
		q.Columns = netset.PortColumns(f.Protocol, uint16(f.Port), uint16(f.Port))
		for _, r := range replyRanges(f, p) {
			q.ReplyPorts = r
			out = append(out, q)
		}
	default:
		q.Columns = netset.ProtocolColumns(f.Protocol)
		out = append(out, q)
	}
	return out
}

// replyRanges are the opener's ports to ask for: the policy's whole range with
// what was seen, the policy's, what was seen, and what systems use.
func replyRanges(f *analyze.Flow, p Policy) []netset.Columns {
	cols := func(lo, hi int) netset.Columns { return netset.PortColumns(f.Protocol, uint16(lo), uint16(hi)) }
	from, to := int(p.EphemeralFrom), int(p.EphemeralTo)
	var out []netset.Columns
	lo, hi := f.OpenerPortLow, f.OpenerPortHigh
	seen := lo > 0 && lo <= hi && hi <= 65535
	switch apart := hi < from-1 || lo > to+1; {
	case seen && apart: // NTP from port 123: between that and the range nothing is needed
		out = append(out, cols(lo, hi))
	case seen && (lo < from || hi > to):
		out = append(out, cols(min(lo, from), max(hi, to)))
	}
	out = append(out, cols(from, to))
	if seen {
		out = append(out, cols(lo, hi))
	}
	return append(out, cols(32768, 65535), cols(32768, 60999), cols(49152, 65535))
}

// icmpQuestions are the policy's types, then the first of what the flow's
// group admits today.
func icmpQuestions(s *topology.Snapshot, f *analyze.Flow, p Policy, dir topology.Direction) []netset.Columns {
	var out []netset.Columns
	for _, c := range p.ICMP {
		if c.Protocol() == f.Protocol {
			out = append(out, netset.Columns{First: c.First, Last: c.First})
		}
	}
	if _, ok := s.SecurityGroup(f.Group); ok {
		all := netset.Of(netset.Block{Prefix: host(f.Peer), Columns: netset.ProtocolColumns(f.Protocol)})
		for _, b := range s.GroupOpens(f.Group, dir).Intersect(all).Blocks() {
			out = append(out, netset.Columns{First: b.Columns.First, Last: b.Columns.First})
		}
	}
	return out
}

// crossings lists where the flow's request and answer pass a network ACL.
func (in *builder) crossings(f *analyze.Flow) []crossing {
	_, v, ok := Follow(in.Snapshot, f, in.Policy)
	if ok && !v.Admitted() && ByName(f) {
		_, v, ok = Follow(in.openSnapshot(), f, in.Policy)
	}
	if !ok || !v.Admitted() {
		return in.ownCrossings(f)
	}
	return append(crossingsOf(v.RequestChecks, false), crossingsOf(v.ReplyChecks, true)...)
}

func crossingsOf(checks []topology.Check, reply bool) []crossing {
	var out []crossing
	for _, c := range checks {
		if c.Kind == topology.KindACLEntry {
			out = append(out, crossing{acl: c.Resource, dir: c.Direction, remote: c.Remote, reply: reply})
		}
	}
	return out
}

// openSnapshot is the account with every group and ACL open: the way that a
// flow takes if nothing but the routes decides.
func (in *builder) openSnapshot() *topology.Snapshot {
	if in.open != nil {
		return in.open
	}
	res := in.Snapshot.Resources()
	all := []netip.Prefix{netip.PrefixFrom(netip.IPv4Unspecified(), 0), netip.PrefixFrom(netip.IPv6Unspecified(), 0)}
	groups := make([]topology.SecurityGroup, len(res.SecurityGroups))
	acls := make([]topology.NetworkACL, len(res.NetworkACLs))
	for i, g := range res.SecurityGroups {
		g.Rules = nil
		for _, d := range []topology.Direction{topology.Ingress, topology.Egress} {
			for _, p := range all {
				g.Rules = append(g.Rules, topology.SecurityGroupRule{Direction: d, Protocol: netset.AllProtocols, FromPort: -1, ToPort: -1, CIDR: p})
			}
		}
		groups[i] = g
	}
	for i, a := range res.NetworkACLs {
		a.Entries = nil
		for _, d := range []topology.Direction{topology.Ingress, topology.Egress} {
			for n, p := range all {
				a.Entries = append(a.Entries, topology.NetworkACLEntry{Number: n + 1, Direction: d, Allow: true,
					Protocol: netset.AllProtocols, FromPort: -1, ToPort: -1, CIDR: p})
			}
		}
		acls[i] = a
	}
	open, err := in.Snapshot.Replace(groups, acls)
	if err != nil {
		open = in.Snapshot // cannot be: ids and subnets are its own
	}
	in.open = open
	return open
}

// ownCrossings are the crossings of a flow at its own subnet's boundary, for a
// flow whose path nobody can follow. Traffic inside one subnet crosses none.
func (in *builder) ownCrossings(f *analyze.Flow) []crossing {
	acl, ok := OwnACL(in.Snapshot, f)
	dir, settled := directionOf(f.Side)
	if !ok || !settled {
		return nil
	}
	back := topology.Ingress
	if dir == topology.Ingress {
		back = topology.Egress
	}
	return []crossing{
		{acl: acl.ID, dir: dir, remote: f.Peer.Unmap()},
		{acl: acl.ID, dir: back, remote: f.Peer.Unmap(), reply: true},
	}
}

// OwnACL is the network ACL that a flow passes at its own subnet; none if the
// subnet is not known or holds the peer as well.
func OwnACL(s *topology.Snapshot, f *analyze.Flow) (*topology.NetworkACL, bool) {
	sub, ok := ownSubnet(s, f)
	if !ok {
		return nil, false
	}
	for _, p := range sub.CIDRs {
		if p.Contains(f.Peer.Unmap()) {
			return nil, false
		}
	}
	return s.SubnetACL(sub.ID)
}

func ownSubnet(s *topology.Snapshot, f *analyze.Flow) (*topology.Subnet, bool) {
	if e, ok := s.Interface(f.ENI); ok {
		return s.Subnet(e.Subnet)
	}
	if f.Subnet != "" {
		return s.Subnet(f.Subnet)
	}
	return s.SubnetOf(f.VPC, f.Local)
}
