package analyze

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

// eniRole is what one ENI is to its rows.
type eniRole struct {
	iface    *topology.NetworkInterface
	forwards bool // every row of it
	nat      bool
	// balances: a load balancer. Its two legs are two flows; where it keeps the
	// client's address, the leg to the target belongs to the target's ENI.
	balances bool
	subnet   []netip.Prefix      // of an ENI in no snapshot, where its subnet is known
	instance bool                // the logs name an instance
	hops     map[netip.Addr]bool // its own addresses, as its records show them
}

// outsideLeg is a service that an ENI's foreign rows lead to.
type outsideLeg struct {
	eni   string
	addr  netip.Addr
	proto netset.Protocol
	port  int
}

// markMiddles finds the rows of ENIs that only forward, turns round rows whose
// local end is by the snapshot the peer, and learns what went through a NAT.
func (s *settler) markMiddles() {
	roles := map[string]*eniRole{}
	legs := map[outsideLeg]bool{}
	for i := range s.rows {
		r := &s.rows[i]
		role := roles[r.ENI]
		if role == nil {
			role = s.role(r.Row)
			roles[r.ENI] = role
		}
		r.role = role
		s.turn(r, role)
		foreign := role.foreign(r.Row)
		if foreign {
			role.hops[r.HopLocal] = true
		}
		r.middle = role.forwards || foreign
		if r.middle {
			s.middles[r.ENI] = true
		}
		if foreign {
			legs[outsideLeg{r.ENI, r.Local, r.Protocol, r.LocalPort}] = true
		}
	}
	translating := map[outsideLeg]bool{}
	for i := range s.rows {
		r := &s.rows[i]
		role := r.role
		if (len(legs) == 0 && !role.forwards) || role.foreign(r.Row) || noENI(r.ENI) {
			continue
		}
		leg := outsideLeg{r.ENI, r.Peer, r.Protocol, r.PeerPort}
		switch {
		case role.nat:
			r.translated = true
			translating[leg] = true
		case role.forwards && role.ownEnd(r.Row):
			r.translated = true // a log without pkt_ fields shows the ENI's own address
		case !role.forwards && !role.balances && r.chosen != In && legs[leg]:
			r.middle, r.translated = true, true
			translating[leg] = true
		}
	}
	for i := range s.rows {
		r := &s.rows[i]
		if !r.middle || r.translated {
			continue
		}
		leg := outsideLeg{r.ENI, r.Local, r.Protocol, r.LocalPort}
		if r.role.nat || translating[leg] {
			s.learnNAT(r.Row)
		}
	}
}

func noENI(id string) bool { return id == "" || id == "-" }

func (s *settler) role(r *Row) *eniRole {
	i, _ := s.w.iface(r.ENI)
	kind := s.w.kind(r.ENI, r.InterfaceType)
	role := &eniRole{iface: i, hops: map[netip.Addr]bool{}, forwards: forwards(kind) || noENI(r.ENI), nat: isNAT(kind) || noENI(r.ENI)}
	role.balances = kind == "network_load_balancer" || kind == "load_balancer" || (i != nil && strings.HasPrefix(i.Description, "ELB "))
	h := s.w.hours[r.ENI]
	role.instance = strings.HasPrefix(h.Instance, "i-")
	for _, sn := range s.w.snaps {
		if sub, ok := sn.Snapshot.Subnet(h.Subnet); ok {
			role.subnet = sub.CIDRs
			break
		}
	}
	return role
}

// foreign says whether both ends of the row's connection are other addresses
// than the ENI's own.
func (e *eniRole) foreign(r *Row) bool {
	if !r.HopLocal.IsValid() || r.HopLocal == r.Local {
		return false
	}
	switch {
	case e.iface != nil:
		return !owns(e.iface, r.Local)
	case !e.instance:
		return true
	case e.subnet != nil:
		return !slices.ContainsFunc(e.subnet, func(p netip.Prefix) bool { return p.Contains(r.Local) })
	}
	// Nothing but the log: an instance's secondary or pod address lies in its
	// own subnet, so near its primary one; what it forwards seldom does.
	bits := 24
	if r.HopLocal.Is6() {
		bits = 64
	}
	p, err := r.HopLocal.Prefix(bits)
	return err != nil || !p.Contains(r.Local)
}

// ownEnd says whether the forwarding ENI's own address is one of the row's ends.
// Where no snapshot knows its addresses, the hop addresses of its rows are its own.
func (e *eniRole) ownEnd(r *Row) bool {
	if e.iface != nil {
		return owns(e.iface, r.Local) || owns(e.iface, r.Peer)
	}
	return e.hops[r.Local] || e.hops[r.Peer]
}

// turn puts the ENI's own address on the local side where the rollup, which
// knows no snapshot, took the peer's for it.
func (s *settler) turn(r *srow, role *eniRole) {
	if role.iface == nil || role.forwards || owns(role.iface, r.Local) || !owns(role.iface, r.Peer) {
		return
	}
	t := *r.Row
	t.Local, t.Peer = t.Peer, t.Local
	t.HopLocal, t.HopPeer = t.HopPeer, t.HopLocal
	t.LocalPort, t.PeerPort = t.PeerPort, t.LocalPort
	t.PacketsIn, t.PacketsOut = t.PacketsOut, t.PacketsIn
	t.BytesIn, t.BytesOut = t.BytesOut, t.BytesIn
	switch r.chosen {
	case In:
		r.chosen = Out
	case Out:
		r.chosen = In
	}
	r.Row = &t
}

// learnNAT notes that the connection's inside opened it.
func (s *settler) learnNAT(r *Row) {
	inside, outside := r.Peer, r.Local
	if private(r.Local) && !private(r.Peer) {
		inside, outside = r.Local, r.Peer // a regional NAT's record names no ENI
	}
	s.natInside[pair{inside, outside}] = true
}
