package hostcap

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/topology/netset"
)

// State is what a socket does.
type State uint8

// The states that matter here. Opening: the host sent a SYN; Opened: it got one.
const (
	Connected State = iota
	Listening
	Opening
	Opened
)

// Socket is one line of a list of sockets.
type Socket struct {
	Protocol  netset.Protocol
	State     State
	Local     netip.Addr
	LocalPort int
	Peer      netip.Addr // invalid while listening
	PeerPort  int
	Opener    analyze.Side // where the source tells; else empty
	Until     time.Time    // when it ended, where the source tells
	// Packets and Bytes are running totals, where the source counts.
	Packets, Bytes int64
	Process        string
	PID            int
}

// Recorder puts samples together into one capture. The zero value is ready. It
// is not safe for concurrent use.
type Recorder struct {
	conns     map[connKey]*analyze.Connection
	listeners map[listenKey]*analyze.ListeningSocket
	heard     map[netset.Protocol]bool
	sides     map[connKey]analyze.Side // what an earlier recorder knew
}

type connKey struct {
	proto       netset.Protocol
	local, peer netip.AddrPort
}

type listenKey struct {
	proto netset.Protocol
	local netip.AddrPort
}

// Add adds one sample. The time may be zero where it is not known.
func (r *Recorder) Add(at time.Time, sample []Socket) {
	if r.conns == nil {
		r.conns = map[connKey]*analyze.Connection{}
		r.listeners = map[listenKey]*analyze.ListeningSocket{}
		r.heard = map[netset.Protocol]bool{}
	}
	for i := range sample {
		if s := &sample[i]; s.State == Listening {
			r.listen(at, s)
		}
	}
	for i := range sample {
		if s := &sample[i]; s.State != Listening {
			r.connect(at, s)
		}
	}
}

// Next gives a recorder for what follows. It has recorded nothing, but a
// connection that was there at the given time or later keeps its side in it: the
// socket that listened may be gone.
func (r *Recorder) Next(at time.Time) *Recorder {
	next := &Recorder{sides: map[connKey]analyze.Side{}}
	for k, c := range r.conns {
		if c.Opener != analyze.Unsettled && !c.Last.Before(at) {
			next.sides[k] = c.Opener
		}
	}
	return next
}

// Len is the number of connections and listening sockets recorded.
func (r *Recorder) Len() int { return len(r.conns) + len(r.listeners) }

func (r *Recorder) listen(at time.Time, s *Socket) {
	k := listenKey{s.Protocol, netip.AddrPortFrom(s.Local.Unmap().WithZone(""), uint16(s.LocalPort))}
	l := r.listeners[k]
	if l == nil {
		l = &analyze.ListeningSocket{Protocol: s.Protocol, Addr: k.local.Addr(), Port: s.LocalPort, First: at}
		r.listeners[k] = l
	}
	r.heard[s.Protocol] = true
	l.First, l.Last = widen(l.First, l.Last, at)
	if l.Process == "" {
		l.Process, l.PID = s.Process, s.PID
	}
}

func widen(first, last, at time.Time) (time.Time, time.Time) {
	if at.IsZero() {
		return first, last
	}
	if first.IsZero() || at.Before(first) {
		first = at
	}
	if at.After(last) {
		last = at
	}
	return first, last
}

func (r *Recorder) connect(at time.Time, s *Socket) {
	k := connKey{s.Protocol, netip.AddrPortFrom(s.Local.Unmap().WithZone(""), uint16(max(s.LocalPort, 0))),
		netip.AddrPortFrom(s.Peer.Unmap().WithZone(""), uint16(max(s.PeerPort, 0)))}
	c := r.conns[k]
	if c == nil {
		c = &analyze.Connection{Protocol: s.Protocol, Local: k.local.Addr(), LocalPort: s.LocalPort,
			Peer: k.peer.Addr(), PeerPort: s.PeerPort, Opener: analyze.Unsettled, First: at}
		if side, ok := r.sides[k]; ok {
			c.Opener = side
		}
		r.conns[k] = c
	}
	c.First, c.Last = widen(c.First, c.Last, at)
	c.First, c.Last = widen(c.First, c.Last, s.Until)
	c.Count++
	c.Packets, c.Bytes = max(c.Packets, s.Packets), max(c.Bytes, s.Bytes)
	if c.Process == "" {
		c.Process, c.PID = s.Process, s.PID
	}
	if c.Opener == analyze.Unsettled {
		c.Opener = r.opener(k, s)
	}
}

// opener tells by the state, else by the listening sockets known so far. One
// that starts to listen later does not turn round a connection that was there.
func (r *Recorder) opener(k connKey, s *Socket) analyze.Side {
	switch {
	case s.Opener == analyze.In || s.Opener == analyze.Out:
		return s.Opener
	case s.State == Opening:
		return analyze.Out
	case s.State == Opened:
		return analyze.In
	case !s.Protocol.HasPorts() || !r.heard[s.Protocol]:
		return analyze.Unsettled
	case r.isHeard(k.proto, k.local):
		return analyze.In
	}
	return analyze.Out
}

func (r *Recorder) isHeard(p netset.Protocol, at netip.AddrPort) bool {
	addrs := []netip.Addr{at.Addr(), netip.IPv6Unspecified()}
	if at.Addr().Is4() {
		addrs = append(addrs, netip.IPv4Unspecified())
	}
	return slices.ContainsFunc(addrs, func(a netip.Addr) bool {
		_, ok := r.listeners[listenKey{p, netip.AddrPortFrom(a, at.Port())}]
		return ok
	})
}

// Capture gives what was recorded, sorted. Its addresses are those that its
// sockets have; who knows the host better overwrites them.
func (r *Recorder) Capture() *analyze.Capture {
	c := &analyze.Capture{}
	seen := map[netip.Addr]bool{}
	for _, l := range r.listeners {
		c.Listeners = append(c.Listeners, *l)
		seen[l.Addr] = true
		c.Since, c.Until = span(c.Since, c.Until, l.First, l.Last)
	}
	for _, n := range r.conns {
		c.Connections = append(c.Connections, *n)
		seen[n.Local] = true
		c.Since, c.Until = span(c.Since, c.Until, n.First, n.Last)
	}
	for a := range seen {
		if ofHost(a) {
			c.Addresses = append(c.Addresses, a)
		}
	}
	sortCapture(c)
	return c
}

func span(since, until, first, last time.Time) (time.Time, time.Time) {
	since, until = widen(since, until, first)
	return widen(since, until, last)
}

// ofHost says whether an address may tell one host from another.
func ofHost(a netip.Addr) bool {
	return a.IsValid() && !a.IsUnspecified() && !a.IsLoopback() && !a.IsLinkLocalUnicast() && !a.IsMulticast()
}

func sortCapture(c *analyze.Capture) {
	slices.SortFunc(c.Addresses, netip.Addr.Compare)
	c.Addresses = slices.Compact(c.Addresses)
	slices.SortFunc(c.Listeners, func(a, b analyze.ListeningSocket) int {
		return cmp.Or(int(a.Protocol)-int(b.Protocol), a.Addr.Compare(b.Addr), a.Port-b.Port)
	})
	slices.SortFunc(c.Connections, func(a, b analyze.Connection) int {
		return cmp.Or(int(a.Protocol)-int(b.Protocol), a.Local.Compare(b.Local), a.LocalPort-b.LocalPort,
			a.Peer.Compare(b.Peer), a.PeerPort-b.PeerPort)
	})
}
