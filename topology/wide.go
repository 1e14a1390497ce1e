package topology

import (
	"net/netip"
	"sync"

	"github.com/flowcover/flowcover/topology/netset"
)

// wide makes a walker follow many packets at once. Columns are kept as a set
// from which each list takes what it refuses. Of the addresses, one may stand
// for itself and those after it up to last: each lookup on the way draws last
// nearer, so that in the end all of them have met the same answers.
type wide struct {
	cols  netset.ColumnSet
	aside netset.ColumnSet // delivered beside the way: the VPC's own services
	// whole asks for w.cols as one packet does, all of it or nothing (replies
	// to the ephemeral range); cols is not used.
	whole    bool
	src, dst bool        // which address stands for several
	last     *netip.Addr // shared by a request and its replies
}

var natColumns = netset.ColumnsOf(netset.ProtocolColumns(netset.TCP), netset.ProtocolColumns(netset.UDP), netset.ProtocolColumns(netset.ICMP))

func (w *walker) cutDst(cuts func() netset.Cuts) {
	if w.wide != nil && w.wide.dst {
		w.wide.until(cuts().Last(w.dst))
	}
}

func (w *walker) cutSrc(cuts func() netset.Cuts) {
	if w.wide != nil && w.wide.src {
		w.wide.until(cuts().Last(w.src))
	}
}

func (w *walker) cutDstAt(ps []netip.Prefix) {
	if w.wide != nil && w.wide.dst {
		w.wide.until(netset.CutsAt(ps...).Last(w.dst))
	}
}

// cutPublic separates what the internet routes.
func (w *walker) cutPublic() {
	w.cutSrc(unroutableCuts)
	w.cutDst(unroutableCuts)
}

var unroutableCuts = sync.OnceValue(func() netset.Cuts {
	var ps []netip.Prefix
	for _, p := range []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "127.0.0.0/8", "::1/128", "169.254.0.0/16", "fe80::/10",
		"224.0.0.0/4", "ff00::/8", "0.0.0.0/32", "::/128", sharedSpace.String()} {
		ps = append(ps, netip.MustParsePrefix(p))
	}
	return netset.CutsAt(ps...)
})

// until draws the interval's end nearer. An IPv4 address behind NAT64 stands
// for the IPv6 address that the sender knows.
func (v *wide) until(last netip.Addr) {
	if last.Is4() && v.last.Is6() {
		b := nat64Prefix.Addr().As16()
		four := last.As4()
		copy(b[12:], four[:])
		last = netip.AddrFrom16(b)
	}
	if last.Less(*v.last) {
		*v.last = last
	}
}

// oneSrc and oneDst say that from here on the address is one alone.
func (w *walker) oneSrc() {
	if w.wide != nil {
		w.wide.src = false
	}
}

func (w *walker) oneDst() { w.manyDst(false) }

func (w *walker) manyDst(many bool) {
	if w.wide != nil {
		w.wide.dst = many
	}
}

func (w *walker) manySrc() bool { return w.wide != nil && w.wide.src }

// keep leaves the columns that are in s, and says whether any is left.
func (w *walker) keep(s netset.ColumnSet) bool {
	w.wide.cols = w.wide.cols.Intersect(s)
	return len(w.wide.cols) > 0
}

func (w *walker) cutRemote(d Direction, cuts func() netset.Cuts) {
	if d == Ingress {
		w.cutSrc(cuts)
	} else {
		w.cutDst(cuts)
	}
}

func (w *walker) wideACL(id string, d Direction, remote netip.Addr) bool {
	a, ok := w.s.acls[id]
	if !ok {
		return false
	}
	w.cutRemote(d, func() netset.Cuts { return a.cuts(d) })
	if w.wide.whole {
		_, _, allow := w.s.aclDecides(id, d, remote, w.cols)
		return allow
	}
	left, open := w.wide.cols, netset.ColumnSet(nil)
	for _, e := range a.entries(d) {
		if len(left) == 0 {
			break
		}
		if !e.entry.CIDR.Contains(remote) {
			continue
		}
		here := netset.ColumnSet{e.cols}
		if e.entry.Allow {
			open = open.Union(left.Intersect(here))
		}
		left = left.Subtract(here)
	}
	return w.keep(open)
}

func (w *walker) wideGroups(n *NetworkInterface, d Direction, remote netip.Addr) bool {
	var open []netset.Columns
	for _, id := range n.Groups {
		g, ok := w.s.groups[id]
		if !ok {
			w.note("security group %s of %s is not in the snapshot%s: taken as admitting nothing", id, n.ID, w.x.refusal("DescribeSecurityGroups"))
			continue
		}
		w.cutRemote(d, func() netset.Cuts { return w.s.groupCuts(g, d) })
		rules := g.rules(d)
		for i := range rules {
			r := &rules[i]
			if r.rule.PrefixList != "" && w.x.lists[r.rule.PrefixList] == nil {
				w.note("prefix list %s of %s is not in the snapshot%s: taken as empty", r.rule.PrefixList, id, w.x.refusal("DescribeManagedPrefixLists"))
			}
			if r.rule.Group == "" && w.s.matchesPrefix(r.rule, remote) || r.rule.Group != "" && w.reference(r.rule.Group, n, d, remote) {
				open = append(open, r.cols)
			}
		}
	}
	return w.keep(netset.ColumnsOf(open...))
}

// wideService takes out what is answered beside the instance, and says whether
// that is all.
func (w *walker) wideService(n *NetworkInterface) bool {
	w.cutDst(besideCuts)
	if v, ok := w.x.vpcs[n.VPC]; ok {
		w.cutDstAt(resolvers(v))
	}
	if w.wide.whole {
		return w.service(n)
	}
	switch {
	case beside(w.dst):
		w.wide.aside, w.wide.cols = w.wide.cols, nil
	case w.x.resolver(n.VPC, w.dst):
		w.wide.aside = w.wide.cols.Intersect(dnsColumns)
		w.wide.cols = w.wide.cols.Subtract(dnsColumns)
	}
	if len(w.wide.cols) > 0 {
		return false
	}
	w.landed = n
	w.stop(Accepted, "network-interface", n.ID, "answered beside the instance")
	return true
}

var besideCuts = sync.OnceValue(func() netset.Cuts { return netset.CutsAt(singles(besideAddrs)...) })

func resolvers(v *VPC) []netip.Prefix {
	var out []netip.Prefix
	for _, p := range v.CIDRs {
		if p.Addr().Is4() {
			out = append(out, single(p.Addr().Next().Next()))
		}
	}
	return out
}

func single(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

func singles(as []netip.Addr) []netip.Prefix {
	var out []netip.Prefix
	for _, a := range as {
		out = append(out, single(a))
	}
	return out
}

// edges are the cuts of one direction of a group or an ACL, made when first
// asked.
type edges struct {
	once sync.Once
	cuts netset.Cuts
}

func (e *edges) of(prefixes func() []netip.Prefix) netset.Cuts {
	e.once.Do(func() { e.cuts = netset.CutsAt(prefixes()...) })
	return e.cuts
}

func (a *aclRules) cuts(d Direction) netset.Cuts {
	return a.edges[side(d)].of(func() []netip.Prefix {
		var ps []netip.Prefix
		for _, e := range a.entries(d) {
			ps = append(ps, e.entry.CIDR)
		}
		return ps
	})
}

// groupCuts separates what the rules of a group tell apart; a reference tells
// apart each member of the group it names.
func (s *Snapshot) groupCuts(g *groupRules, d Direction) netset.Cuts {
	return g.edges[side(d)].of(func() []netip.Prefix {
		var ps []netip.Prefix
		for _, r := range g.rules(d) {
			switch {
			case r.rule.Group != "":
				for _, n := range s.ix.eniInGroup[r.rule.Group] {
					ps = append(append(ps, singles(n.Addresses)...), n.Prefixes...)
				}
			case r.rule.PrefixList != "":
				if l, ok := s.ix.prefixLists[r.rule.PrefixList]; ok {
					ps = append(ps, l.Entries...)
				}
			default:
				ps = append(ps, r.rule.CIDR)
			}
		}
		return ps
	})
}

func (x *index) addCuts(r Resources) {
	cuts := func(add func(ps []netip.Prefix) []netip.Prefix) func() netset.Cuts {
		return sync.OnceValue(func() netset.Cuts { return netset.CutsAt(add(nil)...) })
	}
	x.heldCuts = cuts(func(ps []netip.Prefix) []netip.Prefix {
		for i := range r.Interfaces {
			ps = append(append(ps, singles(r.Interfaces[i].Addresses)...), r.Interfaces[i].Prefixes...)
		}
		return ps
	})
	x.publicCuts = cuts(func(ps []netip.Prefix) []netip.Prefix {
		for a := range x.eniAtPublic {
			ps = append(ps, single(a))
		}
		return ps
	})
	x.subnetCuts = cuts(func(ps []netip.Prefix) []netip.Prefix {
		for i := range r.Subnets {
			ps = append(ps, r.Subnets[i].CIDRs...)
		}
		return ps
	})
	x.vpcCuts = cuts(func(ps []netip.Prefix) []netip.Prefix {
		for i := range r.VPCs {
			ps = append(ps, r.VPCs[i].CIDRs...)
		}
		return ps
	})
}

// answers follows the replies to what a wide walker delivered, and gives the
// columns whose reply comes back. Requests that are answered on the same
// columns share one walk.
func (w *walker) answers(r *walker, ports func(netset.Protocol) netset.Columns) netset.ColumnSet {
	delivered := w.wide.cols
	var back netset.ColumnSet
	rest := delivered
	for _, class := range replyClasses {
		asked := delivered.Intersect(netset.ColumnSet{class})
		rest = rest.Subtract(netset.ColumnSet{class})
		if len(asked) == 0 {
			continue
		}
		first, later := replyColumns(class, ports(class.Protocol())), replyColumns(class, netset.Columns{})
		if w.answerClass(r, first, later, nil) {
			back = back.Union(asked)
		}
	}
	if len(rest) > 0 {
		if w.answerClass(r, netset.Columns{}, netset.Columns{}, rest) {
			back = back.Union(r.wide.cols)
		}
		back = back.Union(r.wide.aside)
	}
	return back
}

// replyClasses are the requests whose replies travel on other columns: all of
// a class on the same ones. What is left answers on its own column.
var replyClasses = []netset.Columns{
	netset.ProtocolColumns(netset.TCP), netset.ProtocolColumns(netset.UDP),
	netset.TypeColumns(netset.ICMP, 8, -1), netset.TypeColumns(netset.ICMP, 13, -1), netset.TypeColumns(netset.ICMP, 15, -1),
	netset.TypeColumns(netset.ICMP, 17, -1), netset.TypeColumns(netset.ICMPv6, 128, -1),
}

// answerClass follows one reply: to the sender on the columns first, between
// translators on later; with own, each column on itself.
func (w *walker) answerClass(r *walker, first, later netset.Columns, own netset.ColumnSet) bool {
	w.back = first
	if len(w.nats) > 0 {
		w.back = later
	}
	w.prepare(r)
	for i := range r.nats {
		r.nats[i].cols = later
		if i == 0 {
			r.nats[i].cols = first
		}
	}
	r.wide = &wide{cols: own, whole: own == nil, src: w.wide.dst, dst: w.wide.src, last: w.wide.last}
	if r.end == "" {
		r.sendBack(w)
	}
	for _, n := range r.notes {
		w.note("%s", n)
	}
	return r.end.Delivered()
}
