package topology

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/flowcover/flowcover/topology/netset"
)

// Disposition is how a packet ends.
type Disposition string

// The dispositions.
const (
	Accepted            Disposition = "ACCEPTED"             // reached the interface and was admitted
	DeniedOut           Disposition = "DENIED_OUT"           // refused leaving: the source's group, its subnet's ACL
	DeniedIn            Disposition = "DENIED_IN"            // refused on arrival, or by a gateway on the way
	NoRoute             Disposition = "NO_ROUTE"             // no route matches
	NullRouted          Disposition = "NULL_ROUTED"          // a route matches and cannot carry
	NeighborUnreachable Disposition = "NEIGHBOR_UNREACHABLE" // a subnet holds the address, no interface does
	ExitsNetwork        Disposition = "EXITS_NETWORK"        // leaves by a gateway or the snapshot's edge
	NotSent             Disposition = "NOT_SENT"             // a reply to what never arrived
)

// Dispositions lists all that a request can end with.
func Dispositions() []Disposition {
	return []Disposition{Accepted, DeniedOut, DeniedIn, NoRoute, NullRouted, NeighborUnreachable, ExitsNetwork}
}

// Delivered says whether the packet reached its end, or left as it should.
func (d Disposition) Delivered() bool { return d == Accepted || d == ExitsNetwork }

// Query asks whether From reaches To.
type Query struct {
	// From and To are an ENI id, an instance id or an address.
	From, To string
	Protocol netset.Protocol
	Port     int // tcp and udp
	// ICMPType and ICMPCode of icmp and icmpv6; both 0 ask for an echo request.
	ICMPType, ICMPCode int
	// SourcePort is the opener's port; 0 asks for every port of the ephemeral
	// range 1024 to 65535: all of them must pass for the reply to pass.
	SourcePort int
}

// Result is the path of the request and of its reply.
type Result struct {
	Leg
	Reply Leg `json:"reply"`
}

// Leg is the path of one direction.
type Leg struct {
	Disposition Disposition `json:"disposition"`
	// Path are the ids passed. An ENI on an instance appears as the instance,
	// one of a NAT gateway as the gateway.
	Path []string `json:"path"`
	Hops []Hop    `json:"hops"`
	// Notes say what the snapshot does not know and was assumed.
	Notes []string `json:"notes,omitempty"`
}

// Hop is one decision on the path.
type Hop struct {
	Kind     string   `json:"kind"` // such as security-group, network-acl, route-table
	Resource string   `json:"resource"`
	Rule     *RuleRef `json:"rule"`    // nil: no single rule decided
	Verdict  string   `json:"verdict"` // pass | refuse
	Detail   string   `json:"detail,omitempty"`
	// Nearest is, for a refusal, what comes nearest to admitting the packet.
	Nearest string `json:"nearest,omitempty"`
}

// The verdicts of a Hop.
const (
	Pass   = "pass"
	Refuse = "refuse"
)

// EndpointError says that Trace cannot start: an end is unknown or unclear.
type EndpointError struct {
	End    string // from or to
	Value  string
	Reason string
}

func (e *EndpointError) Error() string { return fmt.Sprintf("%s %q: %s", e.End, e.Value, e.Reason) }

// Trace follows a request and its reply in the order in which AWS checks them.
// An error means that the question is wrong; a refusal is a result.
func (s *Snapshot) Trace(q Query) (Result, error) {
	cols, reply, err := q.columns()
	if err != nil {
		return Result{}, err
	}
	from, to, err := s.resolve(q)
	if err != nil {
		return Result{}, err
	}
	request, answer := &walker{text: true}, &walker{text: true}
	s.run(request, answer, from, to, cols, reply)
	return Result{Leg: request.leg(), Reply: answer.leg()}, nil
}

// columns gives the request's columns and the reply's.
func (q Query) columns() (request, reply netset.Columns, err error) {
	bad := func(field string, v int, want string) error {
		return fmt.Errorf("%s %d: want %s", field, v, want)
	}
	one := func(n int) netset.Columns { return netset.PortColumns(q.Protocol, uint16(n), uint16(n)) }
	switch {
	case q.Protocol == netset.AllProtocols:
		return request, reply, fmt.Errorf("protocol %s: a packet has one protocol; name it", q.Protocol)
	case q.Protocol.HasPorts():
		if q.Port < 0 || q.Port > 65535 {
			return request, reply, bad("port", q.Port, "0 to 65535")
		}
		if q.SourcePort < 0 || q.SourcePort > 65535 {
			return request, reply, bad("source port", q.SourcePort, "0 to 65535")
		}
		reply = netset.PortColumns(q.Protocol, ephemeralFirst, ephemeralLast)
		if q.SourcePort != 0 {
			reply = one(q.SourcePort)
		}
		return one(q.Port), reply, nil
	case q.Protocol.HasTypes():
		t, c := q.ICMPType, q.ICMPCode
		if t < 0 || t > 255 {
			return request, reply, bad("ICMP type", t, "0 to 255")
		}
		if c < 0 || c > 255 {
			return request, reply, bad("ICMP code", c, "0 to 255")
		}
		if t == 0 && c == 0 {
			t = echoRequest(q.Protocol)
		}
		request = one(t<<8 | c)
		return request, replyColumns(request, netset.Columns{}), nil
	}
	request = netset.ProtocolColumns(q.Protocol)
	return request, request, nil
}

const (
	ephemeralFirst = 1024
	ephemeralLast  = 65535
)

func echoRequest(p netset.Protocol) int {
	if p == netset.ICMPv6 {
		return 128
	}
	return 8
}

// replyColumns gives the columns on which the reply to a request travels, for
// protocols with ports to the given source ports (zero: the ephemeral range).
// ICMP queries are answered by their own type; errors are not answered, and
// stand for themselves here.
func replyColumns(request, ports netset.Columns) netset.Columns {
	p := request.First.Protocol()
	switch {
	case p.HasPorts() && ports != netset.Columns{}:
		return ports
	case p.HasPorts():
		return netset.PortColumns(p, ephemeralFirst, ephemeralLast)
	case p == netset.ICMP:
		answers := map[uint16]uint16{8: 0, 13: 14, 15: 16, 17: 18}
		if t, ok := answers[request.First.Port()>>8]; ok {
			return netset.PortColumns(p, t<<8, t<<8)
		}
	case p == netset.ICMPv6:
		if request.First.Port()>>8 == 128 {
			return netset.PortColumns(p, 129<<8, 129<<8)
		}
	}
	return request
}

// place is one end of a flow: an interface with one of its addresses, an
// address of a subnet that no interface holds, or an address outside.
type place struct {
	eni    *NetworkInterface
	subnet *Subnet // of eni, or alone
	addr   netip.Addr
}

func (p place) outside() bool { return p.subnet == nil }

// resolve finds the ends that the query names.
func (s *Snapshot) resolve(q Query) (from, to place, err error) {
	fromAddr, fromENIs, err := s.named("from", q.From)
	if err != nil {
		return from, to, err
	}
	toAddr, toENIs, err := s.named("to", q.To)
	if err != nil {
		return from, to, err
	}
	v6 := wantsV6(fromAddr, toAddr, fromENIs, toENIs)
	if fromAddr.IsValid() {
		if from, err = s.placeOf(q.From, fromAddr, toENIs); err != nil {
			return from, to, err
		}
	}
	if !toAddr.IsValid() {
		n, a, ok := s.addressOf(toENIs, v6, from, fromAddr)
		if !ok {
			return from, to, &EndpointError{"to", q.To, "has no address of the other end's family"}
		}
		to, toAddr = place{eni: n, addr: a}, a
	}
	to.addr = toAddr
	if !fromAddr.IsValid() {
		n := s.sender(fromENIs, toAddr)
		a, ok := firstOf(n, toAddr.Is6())
		if !ok {
			return from, to, &EndpointError{"from", q.From, "has no address of the other end's family"}
		}
		from = place{eni: n, addr: a}
		from.subnet, ok = s.ix.subnets[n.Subnet]
		if !ok {
			return from, to, &EndpointError{"from", q.From, "its subnet " + n.Subnet + " is not in the snapshot"}
		}
	}
	if err := s.clear(q.To, from, to); err != nil {
		return from, to, err
	}
	if from.addr.Is6() != to.addr.Is6() && !nat64(to.addr) {
		return from, to, fmt.Errorf("from %s to %s: one is IPv4, the other IPv6", from.addr, to.addr)
	}
	return from, to, nil
}

// named reads an end: an address, or the interfaces of an id.
func (s *Snapshot) named(end, text string) (netip.Addr, []*NetworkInterface, error) {
	switch {
	case text == "":
		return netip.Addr{}, nil, &EndpointError{end, text, "want an eni-, i- or IP address"}
	case strings.HasPrefix(text, "eni-"):
		n, ok := s.ix.enis[text]
		if !ok {
			return netip.Addr{}, nil, &EndpointError{end, text, "no such interface in the snapshot"}
		}
		return netip.Addr{}, []*NetworkInterface{n}, nil
	case strings.HasPrefix(text, "i-"):
		if ns := s.ix.eniOfInstance[text]; len(ns) > 0 {
			return netip.Addr{}, ns, nil
		}
		if _, ok := s.ix.instances[text]; ok {
			return netip.Addr{}, nil, &EndpointError{end, text, "the instance has no interface in the snapshot"}
		}
		return netip.Addr{}, nil, &EndpointError{end, text, "no such instance in the snapshot"}
	}
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" {
		return netip.Addr{}, nil, &EndpointError{end, text, "want an eni-, i- or IP address"}
	}
	return a.Unmap(), nil, nil
}

// clear refuses a private destination that several VPCs hold, where the packet
// comes from outside and nothing says which of them is meant.
func (s *Snapshot) clear(text string, from, to place) error {
	here := s.InterfacesAt(to.addr)
	if !from.outside() || to.eni != nil || len(here) < 2 || len(s.InterfacesAtPublic(to.addr)) > 0 {
		return nil
	}
	return &EndpointError{"to", text, "several interfaces hold it: name one of " + listed(here)}
}

func listed(ns []*NetworkInterface) string {
	var names []string
	for _, n := range ns {
		names = append(names, n.ID+" in "+n.VPC)
	}
	return strings.Join(names, ", ")
}

func wantsV6(from, to netip.Addr, fromENIs, toENIs []*NetworkInterface) bool {
	if from.IsValid() {
		return from.Is6()
	}
	if to.IsValid() {
		return to.Is6()
	}
	has4 := func(ns []*NetworkInterface) bool {
		return slices.ContainsFunc(ns, func(n *NetworkInterface) bool { _, ok := firstOf(n, false); return ok })
	}
	return !has4(fromENIs) || !has4(toENIs)
}

func firstOf(n *NetworkInterface, v6 bool) (netip.Addr, bool) {
	for _, a := range n.Addresses {
		if a.Is6() == v6 {
			return a, true
		}
	}
	return netip.Addr{}, false
}

// sender picks the interface through which an instance sends to an address:
// the one in the address's own subnet, else the primary.
func (s *Snapshot) sender(ns []*NetworkInterface, to netip.Addr) *NetworkInterface {
	for _, n := range ns {
		if sub, ok := s.ix.subnets[n.Subnet]; ok && holds(sub.CIDRs, to) {
			return n
		}
	}
	return ns[0]
}

// addressOf picks the address by which an end that is named by id is reached:
// from outside by its public address if it has one.
func (s *Snapshot) addressOf(ns []*NetworkInterface, v6 bool, from place, fromAddr netip.Addr) (*NetworkInterface, netip.Addr, bool) {
	for _, n := range ns {
		a, ok := firstOf(n, v6)
		if !ok {
			continue
		}
		if fromAddr.IsValid() && from.outside() {
			a = s.publicFrom(n, a, fromAddr)
		}
		return n, a, true
	}
	return nil, netip.Addr{}, false
}

// publicFrom gives the address by which a peer outside reaches an address of
// an interface: its public one, if the answer would leave by an internet
// gateway.
func (s *Snapshot) publicFrom(n *NetworkInterface, a, peer netip.Addr) netip.Addr {
	public, ok := n.PublicAddresses[a.String()]
	if !ok || unroutable(peer) {
		return a
	}
	if t := s.ix.tableOf(n.Subnet); t != nil {
		if r, ok := t.routes().Lookup(peer); ok && !strings.HasPrefix(r.Target, "igw-") {
			return a
		}
	}
	return public
}

// placeOf finds where an address sends from. Where VPCs overlap, the VPC of
// the other end decides.
func (s *Snapshot) placeOf(text string, a netip.Addr, others []*NetworkInterface) (place, error) {
	ns := s.InterfacesAt(a)
	if len(ns) == 0 {
		for _, n := range s.InterfacesAtPublic(a) {
			for _, private := range sortedKeys(n.PublicAddresses) {
				if sub, ok := s.ix.subnets[n.Subnet]; ok && n.PublicAddresses[private] == a {
					return place{n, sub, netip.MustParseAddr(private)}, nil
				}
			}
		}
	}
	if len(ns) > 1 {
		same := slices.DeleteFunc(slices.Clone(ns), func(n *NetworkInterface) bool {
			return !slices.ContainsFunc(others, func(o *NetworkInterface) bool { return o.VPC == n.VPC })
		})
		if len(same) != 1 {
			return place{}, &EndpointError{"from", text, "several interfaces hold it: name one of " + listed(ns)}
		}
		ns = same
	}
	if len(ns) == 1 {
		sub, ok := s.ix.subnets[ns[0].Subnet]
		if !ok {
			return place{}, &EndpointError{"from", text, "the subnet " + ns[0].Subnet + " of " + ns[0].ID + " is not in the snapshot"}
		}
		return place{ns[0], sub, a}, nil
	}
	vpcs, _ := s.ix.vpcAt.Lookup(a)
	var subs []*Subnet
	for _, v := range vpcs {
		if sub, ok := s.SubnetOf(v, a); ok {
			subs = append(subs, sub)
		}
	}
	switch {
	case len(subs) == 1:
		return place{nil, subs[0], a}, nil
	case len(subs) > 1:
		return place{}, &EndpointError{"from", text, "subnets of several VPCs hold it and no interface does: name an interface"}
	}
	return place{addr: a}, nil
}

func holds(ps []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(ps, func(p netip.Prefix) bool { return p.Contains(a) })
}

var sharedSpace = netip.MustParsePrefix("100.64.0.0/10")

// unroutable says whether the internet drops an address.
func unroutable(a netip.Addr) bool {
	return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified() || sharedSpace.Contains(a)
}

var (
	nat64Prefix   = netip.MustParsePrefix("64:ff9b::/96")
	nat64Prefixes = []netip.Prefix{nat64Prefix}
)

func nat64(a netip.Addr) bool { return nat64Prefix.Contains(a) }
