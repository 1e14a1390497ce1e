package analyze

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

// widestListener is how many ports a rule may name and still say that
// something listens on each: a rule of all ports says nothing.
const widestListener = 1024

// Listener is a port on which an account's resources are set up to be
// connected to, and what says so.
type Listener struct {
	Addr     netip.Addr
	Protocol netset.Protocol
	Port     int
	Why      string // "load balancer listener", "target", "interface endpoint", "database"
}

// Listeners lists the ports on which load balancers, their targets, interface
// endpoints and databases listen, sorted. Rules tell of listeners as well, by
// group and not by address: the cascade asks them separately.
func Listeners(s *topology.Snapshot) []Listener {
	var out []Listener
	add := func(a netip.Addr, p netset.Protocol, port int, why string) {
		if a.IsValid() && port > 0 {
			out = append(out, Listener{a, p, port, why})
		}
	}
	r := s.Resources()
	byENI := func(ids []string, p netset.Protocol, port int, why string) {
		for _, id := range ids {
			if i, ok := s.Interface(id); ok {
				for _, a := range i.Addresses {
					add(a, p, port, why)
				}
			}
		}
	}
	for _, e := range r.Endpoints {
		if e.Type == "Interface" && !strings.Contains(e.Service, ".vpce.") {
			byENI(e.ENIs, netset.TCP, 443, "interface endpoint") // AWS's own services; others take any port
		}
	}
	balancers, databases := describedENIs(r.Interfaces)
	for _, lb := range r.LoadBalancers {
		_, name, _ := strings.Cut(lb.ID, ":loadbalancer/")
		for _, l := range lb.Listeners {
			byENI(balancers[name], l.Protocol, l.Port, "load balancer listener")
			for _, t := range l.Targets {
				if a, err := netip.ParseAddr(t.ID); err == nil {
					add(a.Unmap(), l.Protocol, t.Port, "target")
				} else if i, ok := s.Instance(t.ID); ok {
					byENI(i.ENIs, l.Protocol, t.Port, "target")
				}
			}
		}
	}
	for _, d := range r.DBInstances {
		byENI(databaseENIs(s, d, databases[d.VPC]), netset.TCP, d.Port, "database")
	}
	slices.SortFunc(out, func(a, b Listener) int {
		if c := a.Addr.Compare(b.Addr); c != 0 {
			return c
		}
		if c := int(a.Protocol) - int(b.Protocol); c != 0 {
			return c
		}
		if c := a.Port - b.Port; c != 0 {
			return c
		}
		return strings.Compare(a.Why, b.Why)
	})
	return slices.Compact(out)
}

// describedENIs finds load balancers' ENIs by AWS's name for them, and the ENIs
// of databases by their VPC: AWS's own descriptions tell.
func describedENIs(all []topology.NetworkInterface) (balancers, databases map[string][]string) {
	balancers, databases = map[string][]string{}, map[string][]string{}
	for _, i := range all {
		switch {
		case strings.HasPrefix(i.Description, "ELB "):
			name := strings.TrimPrefix(i.Description, "ELB ")
			balancers[name] = append(balancers[name], i.ID)
		case strings.HasPrefix(i.Description, "RDS"):
			databases[i.VPC] = append(databases[i.VPC], i.ID)
		}
	}
	return balancers, databases
}

// databaseENIs picks the database's ENIs of its VPC: those in its subnets with
// its groups. AWS's answers do not tie the two together otherwise.
func databaseENIs(s *topology.Snapshot, d topology.DBInstance, in []string) []string {
	groups := slices.Sorted(slices.Values(d.Groups))
	return slices.DeleteFunc(slices.Clone(in), func(id string) bool {
		i, ok := s.Interface(id)
		return !ok || (len(d.Subnets) > 0 && !slices.Contains(d.Subnets, i.Subnet)) ||
			!slices.Equal(groups, slices.Sorted(slices.Values(i.Groups)))
	})
}

// listeners answers how narrowly something says that a port is listened on.
type listeners struct {
	w       *world
	exact   map[socket]bool
	ingress map[string][]netset.Columns // group -> narrow ingress rules
	egress  map[string][]egressHint
	memo    map[opening]int
}

type egressHint struct {
	cols netset.Columns
	to   netip.Prefix // invalid: a group or a prefix list
}

func newListeners(w *world) *listeners {
	l := &listeners{
		w: w, exact: map[socket]bool{}, ingress: map[string][]netset.Columns{},
		egress: map[string][]egressHint{}, memo: map[opening]int{},
	}
	if w.newest() == nil {
		return l
	}
	for _, x := range Listeners(w.newest()) {
		l.exact[socket{x.Addr, x.Protocol, int32(x.Port)}] = true
	}
	for _, sn := range w.snaps {
		r := sn.Snapshot.Resources()
		for i := range r.SecurityGroups {
			l.addGroup(&r.SecurityGroups[i])
		}
	}
	return l
}

func (l *listeners) addGroup(g *topology.SecurityGroup) {
	for _, r := range g.Rules {
		c := r.Columns()
		if !c.Protocol().HasPorts() || c.Len() > widestListener {
			continue
		}
		if r.Direction == topology.Ingress {
			l.ingress[g.ID] = append(l.ingress[g.ID], c)
		} else {
			l.egress[g.ID] = append(l.egress[g.ID], egressHint{c, r.CIDR})
		}
	}
}

// width gives how many ports the narrowest thing names that says the
// responder listens: 0 for none.
func (l *listeners) width(o opening) int {
	if o.port < 0 {
		return 0
	}
	if w, ok := l.memo[o]; ok {
		return w
	}
	w := l.find(o)
	l.memo[o] = w
	return w
}

func (l *listeners) find(o opening) int {
	if l.exact[socket{o.responder, o.proto, o.port}] {
		return 1
	}
	best := 0
	col := netset.ColumnOf(o.proto, uint16(o.port))
	take := func(c netset.Columns) {
		if c.First <= col && col <= c.Last && (best == 0 || c.Len() < best) {
			best = c.Len()
		}
	}
	for _, i := range l.w.at(o.responder) {
		for _, g := range i.Groups {
			for _, c := range l.ingress[g] {
				take(c)
			}
		}
	}
	for _, i := range l.w.at(o.opener) {
		for _, g := range i.Groups {
			for _, h := range l.egress[g] {
				if !h.to.IsValid() || h.to.Contains(o.responder) {
					take(h.cols)
				}
			}
		}
	}
	return best
}

// byRules asks which way today's rules admit the connection, at the row's own
// ENI and at its peer's where the snapshot knows it. It is for rows that show
// nothing else: no ports, or both the same.
func (s *settler) byRules(r *Row) (in, out bool) {
	i, snap := s.w.iface(r.ENI)
	if i == nil || r.Action == Reject || r.Protocol == UnknownProtocol {
		return false, false
	}
	cols := netset.ProtocolColumns(r.Protocol)
	if r.Protocol.HasPorts() {
		if r.LocalPort == NoPort || r.PeerPort == NoPort {
			return false, false
		}
		cols = netset.PortColumns(r.Protocol, uint16(r.LocalPort), uint16(r.LocalPort))
	}
	in = admitsAt(snap, i, topology.Ingress, r.Peer, cols)
	out = admitsAt(snap, i, topology.Egress, r.Peer, cols)
	if peers := s.w.at(r.Peer); len(peers) > 0 {
		in = in && slices.ContainsFunc(peers, func(p *topology.NetworkInterface) bool {
			return admitsAt(snap, p, topology.Egress, r.Local, cols)
		})
		out = out && slices.ContainsFunc(peers, func(p *topology.NetworkInterface) bool {
			return admitsAt(snap, p, topology.Ingress, r.Local, cols)
		})
	}
	return in, out
}

// admitsAt says whether an ENI's groups admit some of the columns. One without
// groups (a network load balancer) admits all.
func admitsAt(s *topology.Snapshot, i *topology.NetworkInterface, d topology.Direction, peer netip.Addr, cols netset.Columns) bool {
	return len(i.Groups) == 0 || slices.ContainsFunc(i.Groups, func(g string) bool { return len(admitting(s, g, d, peer, cols)) > 0 })
}

// admitting lists the group's rules that admit some of the columns for the
// peer, in the snapshot's order, each once.
func admitting(s *topology.Snapshot, group string, d topology.Direction, peer netip.Addr, cols netset.Columns) []topology.RuleRef {
	if cols.First == cols.Last {
		return s.GroupAdmits(group, d, peer, cols.First)
	}
	g, ok := s.SecurityGroup(group)
	if !ok {
		return nil
	}
	var at []netset.Column
	for _, r := range g.Rules {
		if c := r.Columns(); r.Direction == d && c.Overlaps(cols) {
			at = append(at, max(c.First, cols.First))
		}
	}
	slices.Sort(at)
	var out []topology.RuleRef
	for _, c := range slices.Compact(at) {
		for _, ref := range s.GroupAdmits(group, d, peer, c) {
			if !slices.Contains(out, ref) {
				out = append(out, ref)
			}
		}
	}
	return out
}
