package topology

import (
	"net/netip"
	"slices"

	"github.com/flowcover/flowcover/topology/netset"
)

// sources finds who reaches the query's end.
func (f *reachFinder) sources() error {
	addr, enis, err := f.s.named("to", f.q.To)
	if err != nil {
		return err
	}
	if addr.IsValid() {
		f.end(nil, addr)
		f.sourcesOf(place{addr: addr}, nil)
		return nil
	}
	found := false
	for _, v6 := range []bool{false, true} {
		for _, n := range enis {
			if a, ok := firstOf(n, v6); ok {
				f.end(n, a)
				f.sourcesOf(place{eni: n, addr: a}, n)
				found = true
				break
			}
		}
	}
	if !found {
		return &EndpointError{"to", f.q.To, "has no address"}
	}
	return nil
}

func (f *reachFinder) sourcesOf(to place, named *NetworkInterface) {
	if to.addr.Is4() && f.s.hasNAT64() {
		f.omit("sources that know %s by its NAT64 address, 64:ff9b::/96: ask for that", to.addr)
	}
	subnets := f.s.r.Subnets
	for i := range subnets {
		for _, p := range subnets[i].CIDRs {
			if p.Addr().Is6() == to.addr.Is6() || nat64(to.addr) {
				sweep(p.Addr(), netset.LastAddr(p), func(a netip.Addr) netip.Addr { return f.sourceIn(&subnets[i], a, to) })
			}
		}
	}
	whole := netip.PrefixFrom(to.addr, 0).Masked()
	sweep(whole.Addr(), netset.LastAddr(whole), func(a netip.Addr) netip.Addr { return f.sourceOutside(a, to, named) })
}

// sourceIn answers for sources in a subnet from an address on.
func (f *reachFinder) sourceIn(sub *Subnet, a netip.Addr, to place) netip.Addr {
	last := min2(f.s.ix.heldCuts().Last(a), f.s.ix.subnetCuts().Last(a))
	from := place{nil, sub, a}
	if n := f.s.interfaceIn(sub.VPC, a); n != nil {
		if f.s.forwardsOnly(n) {
			return last
		}
		from.eni = n
		if from.subnet = f.s.ix.subnets[n.Subnet]; from.subnet == nil {
			f.omit("%s as a source: its subnet %s is not in the snapshot", n.ID, n.Subnet)
			return last
		}
	}
	p := f.ask(from, to, false, &last)
	if from.eni != nil {
		p.both = p.both.Union(p.aside)
		f.peer(from.eni, a, last, p)
	} else {
		f.block(&f.out.Free, sub.ID, a, last, p)
	}
	return last
}

// sourceOutside answers for sources outside the snapshot.
func (f *reachFinder) sourceOutside(a netip.Addr, to place, named *NetworkInterface) netip.Addr {
	x := f.s.ix
	last := min2(x.heldCuts().Last(a), x.publicCuts().Last(a), x.subnetCuts().Last(a))
	if f.s.inside(a) {
		return last
	}
	if named != nil {
		// By its public address, where the answer goes out to the internet.
		if last = min2(last, unroutableCuts().Last(a)); x.tableOf(named.Subnet) != nil {
			last = min2(last, x.tableOf(named.Subnet).cuts().Last(a))
		}
		to.addr = f.s.publicFrom(named, to.addr, a)
	}
	if err := f.s.clear(to.addr.String(), place{addr: a}, to); err != nil {
		f.omit("sources outside the snapshot: %v", err)
		return last
	}
	p := f.ask(place{addr: a}, to, false, &last)
	f.block(&f.out.Outside, f.request.entry, a, last, p)
	return last
}

func (s *Snapshot) hasNAT64() bool {
	return slices.ContainsFunc(s.r.RouteTables, func(t RouteTable) bool {
		return slices.ContainsFunc(t.Routes, func(r Route) bool { return r.Destination == nat64Prefix })
	})
}

// inside says whether an address sends from within the snapshot.
func (s *Snapshot) inside(a netip.Addr) bool {
	if len(s.InterfacesAt(a)) > 0 || len(s.InterfacesAtPublic(a)) > 0 {
		return true
	}
	vpcs, _ := s.ix.vpcAt.Lookup(a)
	for _, v := range vpcs {
		if _, ok := s.SubnetOf(v, a); ok {
			return true
		}
	}
	return false
}

func (s *Snapshot) forwardsOnly(n *NetworkInterface) bool {
	_, nat := s.ix.natAt[n.ID]
	return nat || forwards(n.Type) != ""
}

func (s *Snapshot) interfaceIn(vpc string, a netip.Addr) *NetworkInterface {
	return (&walker{s: s, x: s.ix}).interfaceIn(vpc, a)
}

func min2(a netip.Addr, others ...netip.Addr) netip.Addr {
	for _, b := range others {
		if b.Less(a) {
			a = b
		}
	}
	return a
}

// destinations finds what the query's end reaches.
func (f *reachFinder) destinations() error {
	addr, enis, err := f.s.named("from", f.q.From)
	if err != nil {
		return err
	}
	if addr.IsValid() {
		from, err := f.s.placeOf(f.q.From, addr, nil)
		if err != nil {
			return err
		}
		f.end(from.eni, from.addr)
		f.destinationsOf(func(netip.Addr, *netip.Addr) (place, bool) { return from, true }, addr.Is6())
		return nil
	}
	found := false
	for _, v6 := range []bool{false, true} {
		if n, a, ok := f.s.addressOf(enis, v6, place{}, netip.Addr{}); ok {
			found = true
			f.end(n, a)
			f.destinationsOf(func(to netip.Addr, last *netip.Addr) (place, bool) { return f.senderTo(enis, to, last) }, v6)
		}
	}
	if !found {
		return &EndpointError{"from", f.q.From, "has no address"}
	}
	return nil
}

// senderTo is the interface that an instance sends from, as Trace picks it.
func (f *reachFinder) senderTo(enis []*NetworkInterface, to netip.Addr, last *netip.Addr) (place, bool) {
	*last = min2(*last, f.s.ix.subnetCuts().Last(to))
	n := f.s.sender(enis, to)
	a, ok := firstOf(n, to.Is6())
	if !ok {
		return place{}, false
	}
	sub, ok := f.s.ix.subnets[n.Subnet]
	if !ok {
		f.omit("what %s sends: its subnet %s is not in the snapshot", n.ID, n.Subnet)
	}
	return place{n, sub, a}, ok
}

func (f *reachFinder) destinationsOf(sender func(netip.Addr, *netip.Addr) (place, bool), v6 bool) {
	whole := netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	if v6 {
		whole = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	}
	sweep(whole.Addr(), netset.LastAddr(whole), func(a netip.Addr) netip.Addr {
		last := netset.LastAddr(whole)
		from, ok := sender(a, &last)
		if !ok {
			return last
		}
		to := place{addr: a}
		if from.outside() {
			last = min2(last, f.s.ix.heldCuts().Last(a), f.s.ix.publicCuts().Last(a))
			if err := f.s.clear(a.String(), from, to); err != nil {
				f.omit("%v", err)
				return last
			}
		}
		p := f.ask(from, to, true, &last)
		f.block(&f.out.Outside, BesideInstance, a, last, pair{both: p.aside})
		switch w := f.request; {
		case len(p.both) == 0 && len(p.oneWay) == 0:
		case w.landed != nil:
			f.peer(w.landed, a, last, p)
		default:
			f.block(&f.out.Outside, w.exit.by(), a, last, p)
		}
		return last
	})
}

// by names the way out.
func (e exit) by() string {
	switch {
	case e.attachment != nil:
		return e.attachment.ID
	case e.id != "":
		return e.id
	}
	return "the snapshot's edge"
}
