package analyze

import (
	"net/netip"

	"github.com/flowcover/flowcover/topology/netset"
)

// Settle says for each row who opened its connection and folds the rows into
// flows: one flow for one conversation at each of its ends, however many
// records, intervals and ENIs in between logged it.
//
// The cascade, the first that answers: the SYN bits of the row's own day
// (already in the row); another row of the window on which the same service of
// the same two addresses was settled by them; a host capture; a NAT gateway on
// the way, which carries only what its inside opened; what listens (a socket
// that answered a SYN in these logs, load balancer listeners and targets,
// interface endpoints, databases, rules of today that name few ports: the rule
// that names fewer wins); one end met by at least 16 peer ports; for anything
// but TCP, packets that went one way only; the port's class; the end that met
// more peer ports; the lower port.
//
// ICMP and other protocols without ports show no opener. Where packets were
// accepted one way only, their sender opened it (a REJECT of the other
// direction is the reply that a NACL stopped). Where they went both ways,
// today's rules decide: if they admit it one way, that way; if both ways, it is
// reported both ways, each flow with all the counts, so that no rule which
// carries it today is lost; if neither, it stays unsettled. The same holds
// where both ports are equal; there one way alone counts before any guess. A log without ports or protocol gives a flow of
// addresses: shown, never a rule.
//
// Rows and flows need no order; the flows come sorted by key.
func Settle(rows []Row, ev Evidence) ([]Flow, []Finding) {
	s := newSettler(rows, ev)
	for i := range s.rows {
		s.settle(&s.rows[i])
	}
	return s.fold()
}

// srow is a row with what the cascade found.
type srow struct {
	*Row
	role       *eniRole
	middle     bool // its ENI only forwards it
	translated bool // the forwarding ENI's own address stands in for one of its ends
	both       bool // nothing tells and rules admit both ways
	chosen     Side
	how        Method
}

type settler struct {
	w         *world
	ev        Evidence
	rows      []srow
	opened    map[opening]bool // strong: who opened which service
	listening map[socket]bool  // answered a SYN in these logs
	captured  *captureIndex
	natInside map[pair]bool
	set       *listeners
	fan       *fan
	ways      map[conversation]uint8
	middles   map[string]bool // ENIs with a row that they only forward
}

// opening is a settled service: opener, responder and the responder's port.
type opening struct {
	opener, responder netip.Addr
	proto             netset.Protocol
	port              int32
}

// pair is two addresses in order.
type pair struct{ a, b netip.Addr }

// conversation is one connection at one ENI, whoever opened it.
type conversation struct {
	eni         string
	local, peer socket
}

func (r *Row) localSocket() socket { return socket{r.Local, r.Protocol, int32(r.LocalPort)} }
func (r *Row) peerSocket() socket  { return socket{r.Peer, r.Protocol, int32(r.PeerPort)} }

func (r *Row) hasPorts() bool {
	return r.Protocol.HasPorts() && (r.LocalPort != NoPort || r.PeerPort != NoPort)
}

// servicePort gives the port connected to, were the side as given.
func (r *Row) servicePort(s Side) int {
	switch s {
	case In:
		return r.LocalPort
	case Out:
		return r.PeerPort
	}
	return NoPort
}

// opening gives the row as an opening, were the side as given.
func (r *Row) opening(s Side) opening {
	if s == In {
		return opening{r.Peer, r.Local, r.Protocol, int32(r.LocalPort)}
	}
	return opening{r.Local, r.Peer, r.Protocol, int32(r.PeerPort)}
}

func newSettler(rows []Row, ev Evidence) *settler {
	s := &settler{
		w: newWorld(ev.Snapshots, ev.Hours), ev: ev, rows: make([]srow, len(rows)),
		opened: map[opening]bool{}, listening: map[socket]bool{}, natInside: map[pair]bool{},
		fan: newFan(), ways: map[conversation]uint8{}, middles: map[string]bool{},
	}
	for i := range rows {
		r := unfolded(&rows[i])
		s.rows[i] = srow{Row: r, chosen: r.Side, how: r.Method}
		if r.Side != In && r.Side != Out {
			s.rows[i].chosen, s.rows[i].how = Unsettled, MethodNone
		}
		if r.InterfaceType != "" && r.InterfaceType != "-" {
			s.w.types[r.ENI] = max(s.w.types[r.ENI], r.InterfaceType)
		}
	}
	s.markMiddles()
	for i := range s.rows {
		s.note(&s.rows[i])
	}
	s.fan.finish()
	s.captured = indexCaptures(ev.Captures, s.w)
	s.set = newListeners(s.w)
	return s
}

// unfolded gives an unsettled row back the port that was folded away, where it
// was one and the same all along (a DNS server that asks from port 53).
func unfolded(r *Row) *Row {
	if r.Side == In || r.Side == Out || r.OpenerPortLow == NoPort || r.OpenerPortLow != r.OpenerPortHigh ||
		(r.LocalPort == NoPort) == (r.PeerPort == NoPort) {
		return r
	}
	u := *r
	if u.LocalPort == NoPort {
		u.LocalPort = u.OpenerPortLow
	} else {
		u.PeerPort = u.OpenerPortLow
	}
	return &u
}

// note takes the facts that other rows may be settled by from a row.
func (s *settler) note(r *srow) {
	if r.chosen != Unsettled {
		if r.how == MethodSYN && r.servicePort(r.chosen) != NoPort {
			o := r.opening(r.chosen)
			s.opened[o] = true
			if r.SynAck {
				s.listening[socket{o.responder, o.proto, o.port}] = true
			}
		}
		return
	}
	if r.Protocol.HasPorts() {
		s.fan.add(r.Row)
	}
	k, turned := s.conversation(r.Row)
	s.ways[k] |= way(r.Row, turned)
}

// conversation gives the row's conversation, and whether the row sees it turned
// round. Of ENIs in the middle each may see one direction only, so that all of
// them together are one observer, of the ends in order.
func (s *settler) conversation(r *Row) (conversation, bool) {
	k := conversation{r.ENI, r.localSocket(), r.peerSocket()}
	if !s.middles[r.ENI] {
		return k, false
	}
	k.eni = ""
	if compareSockets(k.peer, k.local) < 0 {
		k.local, k.peer = k.peer, k.local
		return k, true
	}
	return k, false
}

func compareSockets(a, b socket) int {
	if c := a.addr.Compare(b.addr); c != 0 {
		return c
	}
	return int(a.port) - int(b.port)
}

const (
	acceptIn uint8 = 1 << iota
	acceptOut
	rejectIn
	rejectOut
)

func way(r *Row, turned bool) uint8 {
	var w uint8
	in, out := acceptIn, acceptOut
	if r.Action == Reject {
		in, out = rejectIn, rejectOut
	}
	if turned {
		in, out = out, in
	}
	if r.PacketsIn > 0 {
		w |= in
	}
	if r.PacketsOut > 0 {
		w |= out
	}
	return w
}

// step is one rule of the cascade: a side, or Unsettled where it cannot tell.
type step struct {
	method Method
	decide func(*settler, *Row) Side
}

var cascade = []step{
	{MethodOtherDay, (*settler).byOtherDay},
	{MethodCapture, (*settler).byCapture},
	{MethodNAT, (*settler).byNAT},
	{MethodListener, (*settler).byListener},
	{MethodRules, (*settler).byRulesOfEqualPorts},
	{MethodFanIn, (*settler).byFan},
	{MethodOneWay, (*settler).byOneWay},
	{MethodPorts, (*settler).byService},
	{MethodFewPorts, (*settler).byFewPorts},
	{MethodPorts, (*settler).byClass},
	{MethodLower, (*settler).byLower},
}

func (s *settler) settle(r *srow) {
	if r.chosen != Unsettled {
		return
	}
	for _, st := range cascade {
		if side := st.decide(s, r.Row); side != Unsettled {
			r.chosen, r.how = side, st.method
			return
		}
	}
	if r.middle {
		return // rules are asked at the ends
	}
	in, out := s.byRules(r.Row)
	switch {
	case in && out:
		r.both, r.how = true, MethodRules
	case in:
		r.chosen, r.how = In, MethodRules
	case out:
		r.chosen, r.how = Out, MethodRules
	}
}

// either turns two answers into a side where exactly one holds.
func either(in, out bool) Side {
	switch {
	case in && !out:
		return In
	case out && !in:
		return Out
	}
	return Unsettled
}

// sockets asks something of each end whose port is known.
func (r *Row) sockets(ask func(socket) bool) Side {
	return either(
		r.LocalPort != NoPort && ask(r.localSocket()),
		r.PeerPort != NoPort && ask(r.peerSocket()))
}

func (s *settler) byOtherDay(r *Row) Side {
	if !r.hasPorts() {
		return Unsettled
	}
	return either(
		r.LocalPort != NoPort && s.opened[r.opening(In)],
		r.PeerPort != NoPort && s.opened[r.opening(Out)])
}

func (s *settler) byCapture(r *Row) Side {
	if !r.hasPorts() {
		return Unsettled
	}
	if side := s.captured.connection(r); side != Unsettled {
		return side
	}
	return r.sockets(s.captured.listens)
}

func (s *settler) byNAT(r *Row) Side {
	return either(s.natInside[pair{r.Peer, r.Local}], s.natInside[pair{r.Local, r.Peer}])
}

func (s *settler) byListener(r *Row) Side {
	if !r.hasPorts() {
		return Unsettled
	}
	if side := r.sockets(func(k socket) bool { return s.listening[k] }); side != Unsettled {
		return side
	}
	if r.LocalPort == r.PeerPort {
		return Unsettled // both listen, by the number: rules are asked who may
	}
	in, out := s.set.width(r.opening(In)), s.set.width(r.opening(Out))
	if r.LocalPort == NoPort {
		in = 0
	}
	if r.PeerPort == NoPort {
		out = 0
	}
	return either(in > 0 && (out == 0 || in < out), out > 0 && (in == 0 || out < in))
}

// byRulesOfEqualPorts: two DNS or NTP servers both listen on the port; today's
// rules often let only one of them ask.
func (s *settler) byRulesOfEqualPorts(r *Row) Side {
	if !r.hasPorts() || r.LocalPort != r.PeerPort || s.middles[r.ENI] {
		return Unsettled
	}
	return either(s.byRules(r))
}

func (s *settler) byFan(r *Row) Side {
	if !r.hasPorts() {
		return Unsettled
	}
	in, out := 0, 0
	if r.LocalPort != NoPort {
		in = s.fan.of(r.localSocket())
	}
	if r.PeerPort != NoPort {
		out = s.fan.of(r.peerSocket())
	}
	return either(in >= manyPeers && in >= 4*out, out >= manyPeers && out >= 4*in)
}

func (s *settler) byOneWay(r *Row) Side {
	if r.Protocol == netset.TCP {
		return Unsettled
	}
	k, turned := s.conversation(r)
	w := s.ways[k]
	in, out := w&acceptIn != 0, w&acceptOut != 0
	if !in && !out {
		in, out = w&rejectIn != 0, w&rejectOut != 0
	}
	side := either(in, out)
	if turned {
		side = opposite(side)
	}
	if side != Unsettled && s.byService(r) != Unsettled && s.byService(r) != side {
		return Unsettled // a lone answer: its request was not logged
	}
	return side
}

// byService answers where one port is a known service and the other is none
// that anything listens on.
func (s *settler) byService(r *Row) Side {
	l, p, ok := classes(r)
	if !ok {
		return Unsettled
	}
	return either(l == servicePort && p >= userPort, p == servicePort && l >= userPort)
}

func (s *settler) byFewPorts(r *Row) Side {
	if !r.hasPorts() || r.LocalPort == NoPort || r.PeerPort == NoPort {
		return Unsettled
	}
	in, out := s.fan.of(r.localSocket()), s.fan.of(r.peerSocket())
	return either(in >= 3 && in >= 3*out, out >= 3 && out >= 3*in)
}

func (s *settler) byClass(r *Row) Side {
	l, p, ok := classes(r)
	if !ok {
		return Unsettled
	}
	return either(l < p, p < l)
}

func classes(r *Row) (local, peer portClass, ok bool) {
	if !r.Protocol.HasPorts() || r.LocalPort == NoPort || r.PeerPort == NoPort {
		return 0, 0, false
	}
	return classOf(r.Protocol, r.LocalPort), classOf(r.Protocol, r.PeerPort), true
}

func (s *settler) byLower(r *Row) Side {
	if !r.Protocol.HasPorts() {
		return Unsettled
	}
	switch {
	case r.LocalPort != NoPort && r.PeerPort != NoPort:
		return either(r.LocalPort < r.PeerPort, r.PeerPort < r.LocalPort)
	case r.OpenerPortLow != NoPort && r.OpenerPortLow < 1024:
		// A scan from one fixed port: the end with many ports was probed.
		return either(r.PeerPort != NoPort, r.LocalPort != NoPort)
	}
	return either(r.LocalPort != NoPort, r.PeerPort != NoPort)
}
