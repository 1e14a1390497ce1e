package analyze

import (
	"slices"

	"github.com/flowcover/flowcover/topology/netset"
)

// fold makes flows of the settled rows: those of the ends first, then what only
// ENIs between them saw, then what captures add.
func (s *settler) fold() ([]Flow, []Finding) {
	b := newFlowSet(len(s.rows) / 2)
	b.days = s.ev.days
	for i := range s.rows {
		if r := &s.rows[i]; !r.middle && !r.translated {
			s.addEnd(b, r)
		}
	}
	found := s.foldMiddles(b)
	found = append(found, s.addCaptures(b)...)
	slices.SortFunc(found, compareFindings)
	return b.sorted(), found
}

func (s *settler) addEnd(b *flowSet, r *srow) {
	sides := []Side{r.chosen}
	if r.both {
		sides = []Side{In, Out}
	}
	for _, side := range sides {
		b.get(s.key(b, r, side)).add(r.Row, r.how, false)
	}
}

func (s *settler) key(b *flowSet, r *srow, side Side) flowKey {
	p := place{r.Account, r.Region, r.ENI}
	if i := r.role.iface; i != nil {
		p.account, p.region = i.Account, i.Region
	}
	port := r.servicePort(side)
	switch {
	case !r.Protocol.HasPorts():
		port = NoPort
	case side == Unsettled && r.LocalPort == r.PeerPort:
		port = r.LocalPort
	}
	return flowKey{r.Local, r.Peer, b.place(p), int32(port), r.Protocol, sideNumber(side), actionNumber(r.Action)}
}

// answered: SYN+ACK, or packets both ways; where the log has no flags, bytes
// both ways. A TCP connection whose SYN is there but never a SYN+ACK, and which
// carried nothing beyond headers, was answered by resets only: a probe.
func (f *flowSum) answered() bool {
	both := f.PacketsIn > 0 && f.PacketsOut > 0
	switch {
	case f.Protocol == netset.TCP && f.flags:
		return f.synAck || (both && (!f.syn || !f.headersOnly()))
	case f.flags:
		return both
	case f.bytesIn > 0 || f.bytesOut > 0:
		return f.bytesIn > 0 && f.bytesOut > 0
	}
	return both
}

// headersOnly: on average no packet of either direction is larger than a SYN
// with all its options (60 bytes, 80 for IPv6).
func (f *flowSum) headersOnly() bool {
	if f.bytesIn+f.bytesOut == 0 {
		return false // the log has no bytes
	}
	header := int64(60)
	if f.Local.Is6() {
		header = 80
	}
	return f.bytesIn <= header*f.PacketsIn && f.bytesOut <= header*f.PacketsOut
}
