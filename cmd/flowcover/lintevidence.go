package main

import (
	"net/netip"
	"time"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/lint"
	"github.com/flowcover/flowcover/topology/netset"
)

// lintEvidence follows each flow through the snapshot and counts what decides
// on it: rules, entries and routes of those accepted, the ACL entry that
// refuses of those rejected.
func lintEvidence(flows []analyze.Flow, s *topology.Snapshot, window string) *lint.Evidence {
	e := &lint.Evidence{Window: window, Used: map[topology.RuleRef]lint.Use{}, Denied: map[topology.RuleRef]lint.Use{}}
	replay := s.Replayer()
	for i := range flows {
		f := &flows[i]
		q, ok := lintQuery(f)
		if !ok {
			continue
		}
		v := replay.Flow(q)
		seen := map[topology.RuleRef]bool{}
		for _, checks := range [][]topology.Check{v.RequestChecks, v.ReplyChecks} {
			for _, c := range checks {
				if c.Rule == (topology.RuleRef{}) {
					continue
				}
				into := e.Used
				if f.Action == analyze.Reject {
					if into = e.Denied; c.Kind != topology.KindACLEntry || c.Allow {
						continue
					}
				}
				u := into[c.Rule]
				if !seen[c.Rule] {
					u.Flows++
					seen[c.Rule] = true
				}
				u.Last = max(u.Last, f.Last.UTC().Format(time.DateOnly))
				u.Within = joinPrefix(u.Within, c.Remote)
				into[c.Rule] = u
			}
		}
	}
	return e
}

// lintQuery asks for a flow; false where its record does not tell enough.
func lintQuery(f *analyze.Flow) (topology.FlowQuery, bool) {
	if !f.Local.IsValid() || !f.Peer.IsValid() || f.Side == analyze.Unsettled || f.Protocol < 0 || f.Protocol.HasPorts() && f.Port < 0 || f.Action == analyze.None {
		return topology.FlowQuery{}, false
	}
	cols := netset.ProtocolColumns(f.Protocol)
	switch {
	case f.Protocol.HasPorts():
		cols = netset.PortColumns(f.Protocol, uint16(f.Port), uint16(f.Port))
	case f.Protocol == netset.ICMP: // no log names the type
		cols = netset.TypeColumns(f.Protocol, 8, 0)
	case f.Protocol == netset.ICMPv6:
		cols = netset.TypeColumns(f.Protocol, 128, 0)
	}
	q := topology.FlowQuery{From: topology.End{ENI: f.ENI, Addr: f.Local}, To: topology.End{Addr: f.Peer}, Columns: cols}
	if f.Side == analyze.In {
		q.From, q.To = q.To, q.From
	}
	if f.Protocol.HasPorts() && f.OpenerPortLow != analyze.NoPort {
		q.ReplyPorts = netset.PortColumns(f.Protocol, uint16(f.OpenerPortLow), uint16(f.OpenerPortHigh))
	}
	return q, true
}

// joinPrefix gives the longest prefix that holds both.
func joinPrefix(p netip.Prefix, a netip.Addr) netip.Prefix {
	if !p.IsValid() {
		return netip.PrefixFrom(a, a.BitLen())
	}
	if p.Addr().Is4() != a.Is4() {
		return p
	}
	for !p.Contains(a) {
		p = netip.PrefixFrom(p.Addr(), p.Bits()-1).Masked()
	}
	return p
}
