package analyze

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/flowcover/flowcover/topology/netset"
)

// captureIndex answers what host captures saw.
type captureIndex struct {
	listening map[socket]bool
	side      map[[2]socket]Side // local, peer -> who opened it
}

// longLived is how long a UDP socket on an ephemeral port must have stood to
// count as one that waits for others: a client's looks the same.
const longLived = time.Hour

func indexCaptures(cs []Capture, w *world) *captureIndex {
	x := &captureIndex{listening: map[socket]bool{}, side: map[[2]socket]Side{}}
	for i := range cs {
		c := &cs[i]
		own := c.own(w)
		for _, l := range c.Listeners {
			if l.Protocol == netset.UDP && l.Port >= firstEphemeral && l.Last.Sub(l.First) < longLived {
				continue
			}
			for _, a := range l.heardOn(own) {
				x.listening[socket{a, l.Protocol, int32(l.Port)}] = true
			}
		}
		for _, n := range c.Connections {
			l := socket{n.Local, n.Protocol, int32(n.LocalPort)}
			p := socket{n.Peer, n.Protocol, int32(n.PeerPort)}
			x.put(l, p, n.Opener)
			x.put(p, l, opposite(n.Opener))
		}
	}
	return x
}

// put notes a connection's side; two captures that contradict leave it open.
func (x *captureIndex) put(l, p socket, s Side) {
	if s != In && s != Out {
		return
	}
	if old, ok := x.side[[2]socket{l, p}]; ok && old != s {
		s = Unsettled
	}
	x.side[[2]socket{l, p}] = s
}

func opposite(s Side) Side {
	switch s {
	case In:
		return Out
	case Out:
		return In
	}
	return s
}

// own gives all addresses known to be the host's.
func (c *Capture) own(w *world) []netip.Addr {
	out := slices.Clone(c.Addresses)
	for _, id := range c.eniIDs(w) {
		if i, _ := w.iface(id); i != nil {
			out = append(out, i.Addresses...)
		}
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return slices.Compact(out)
}

func (c *Capture) eniIDs(w *world) []string {
	out := slices.Clone(c.ENIs)
	for _, sn := range w.snaps {
		if i, ok := sn.Snapshot.Instance(c.Instance); ok {
			out = append(out, i.ENIs...)
			break
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// heardOn gives the addresses on which a listener hears.
func (l ListeningSocket) heardOn(own []netip.Addr) []netip.Addr {
	if !l.Addr.IsUnspecified() && l.Addr.IsValid() {
		return []netip.Addr{l.Addr}
	}
	if l.Addr.Is4() {
		return slices.DeleteFunc(slices.Clone(own), netip.Addr.Is6)
	}
	return own
}

func (x *captureIndex) listens(s socket) bool { return x.listening[s] }

func (x *captureIndex) connection(r *Row) Side {
	if s, ok := x.side[[2]socket{r.localSocket(), r.peerSocket()}]; ok {
		return s
	}
	return Unsettled
}

// addCaptures marks the flows that captures saw as well, adds those that only
// they saw, and reports where a capture and the logs contradict each other.
func (s *settler) addCaptures(b *flowSet) []Finding {
	var found []Finding
	for i := range s.ev.Captures {
		c := &s.ev.Captures[i]
		enis := c.eniIDs(s.w)
		unplaced := 0
		only := c.onlyAddress(s.w, enis)
		for _, n := range c.Connections {
			if !n.Local.IsValid() {
				n.Local = only
			}
			if !n.Local.IsValid() {
				unplaced++
				continue
			}
			if noRuleNeeded(n.Peer) || noRuleNeeded(n.Local) || n.Local == n.Peer {
				continue
			}
			how := s.settleConnection(&n)
			key, ok := s.captureKey(b, &n, enis)
			if !ok {
				unplaced++
				continue
			}
			found = append(found, b.addConnection(key, &n, how)...)
		}
		if unplaced > 0 {
			found = append(found, Finding{Kind: "capture-unplaced", Severity: "low", Resource: c.Source,
				Message: fmt.Sprintf("%d connections of %s have no local address, or one that no ENI of the snapshot holds", unplaced, c.name())})
		}
	}
	slices.SortFunc(found, compareFindings)
	return slices.Compact(found)
}

// onlyAddress gives the host's address where it has but one: the local end of
// connections whose form names none.
func (c *Capture) onlyAddress(w *world, enis []string) netip.Addr {
	if len(enis) == 1 {
		if i, _ := w.iface(enis[0]); i != nil {
			return i.Addresses[0] // the primary
		}
	}
	if len(c.Addresses) == 1 {
		return c.Addresses[0]
	}
	return netip.Addr{}
}

// settleConnection settles a captured connection whose form does not tell who
// opened it as the cascade settles a row. Where one port alone is known and it
// is of the openers' kind, only the cascade's evidence counts, no guess.
func (s *settler) settleConnection(n *Connection) Method {
	if n.Opener == In || n.Opener == Out {
		return MethodCapture
	}
	r := Row{Side: Unsettled, Protocol: n.Protocol, Local: n.Local, Peer: n.Peer, LocalPort: n.LocalPort, PeerPort: n.PeerPort,
		OpenerPortLow: NoPort, OpenerPortHigh: NoPort}
	for _, st := range cascade {
		if side := st.decide(s, &r); side != Unsettled && r.servicePort(side) != NoPort {
			if n.LocalPort == NoPort && n.PeerPort >= firstEphemeral && st.method == MethodLower {
				break
			}
			n.Opener = side
			return st.method
		}
	}
	return MethodNone
}

func (c *Capture) name() string {
	if c.Host != "" {
		return c.Host
	}
	return c.Source
}

// captureKey places a connection at the host's ENI. Without a snapshot the
// capture's only ENI, or none, must do.
func (s *settler) captureKey(b *flowSet, n *Connection, enis []string) (flowKey, bool) {
	k := flowKey{side: sideNumber(Unsettled), proto: n.Protocol, local: n.Local, peer: n.Peer, port: NoPort}
	switch {
	case n.Opener == In:
		k.side, k.port = sideNumber(In), int32(n.LocalPort)
	case n.Opener == Out:
		k.side, k.port = sideNumber(Out), int32(n.PeerPort)
	case n.LocalPort == n.PeerPort:
		k.port = int32(n.LocalPort)
	}
	ends := s.w.at(n.Local)
	for _, i := range ends {
		if len(ends) == 1 || slices.Contains(enis, i.ID) {
			k.place = b.place(place{i.Account, i.Region, i.ID})
			return k, true
		}
	}
	var p place
	if len(enis) == 1 {
		p.eni = enis[0]
	}
	k.place = b.place(p)
	return k, len(s.w.snaps) == 0
}

func compareFindings(a, b Finding) int {
	for _, c := range []int{
		severity(b.Severity) - severity(a.Severity), strings.Compare(a.Kind, b.Kind),
		strings.Compare(a.Resource, b.Resource), strings.Compare(a.Message, b.Message),
	} {
		if c != 0 {
			return c
		}
	}
	return 0
}

func severity(s string) int {
	return slices.Index([]string{"info", "low", "medium", "high"}, s)
}

// addConnection adds one captured connection to the flows. The log's flow of
// the same key is marked; a log that settled the other way is a finding.
func (b *flowSet) addConnection(k flowKey, n *Connection, how Method) []Finding {
	var found []Finding
	if how == MethodCapture {
		found = b.contradiction(k, n)
	}
	for _, a := range []Action{Accept, None, Reject} {
		k.action = actionNumber(a)
		if f := b.find(k); f != nil {
			f.SeenByCapture = true
			if stronger(how, f.Method) {
				f.Method = how
			}
			if a == None {
				f.capture(n, b.days)
			}
			return found
		}
	}
	k.action = actionNumber(None)
	f := b.get(k)
	f.Method = how
	f.capture(n, b.days)
	return found
}

// capture adds the counts of a connection that only captures saw.
func (f *flowSum) capture(n *Connection, days windowDays) {
	f.SeenByCapture = true
	f.Records += max(n.Count, 1)
	f.when(n.First, n.Last)
	opener := n.PeerPort
	if n.Opener == Out {
		opener = n.LocalPort
	}
	if n.Opener == In || n.Opener == Out {
		f.openerPorts(opener, opener)
	}
	if n.First.IsZero() {
		return
	}
	first, last := days.clip(n.First, n.Last)
	for d := first; d <= last; d++ {
		f.Days = mergeDays(f.Days, []int32{int32(d)})
	}
	for h := n.First.Unix() / 3600; h <= min(n.Last.Unix()/3600, n.First.Unix()/3600+23); h++ {
		f.Hours |= 1 << (h % 24)
	}
}

// contradiction looks for the same connection settled the other way by the
// logs' own SYN bits.
func (b *flowSet) contradiction(k flowKey, n *Connection) []Finding {
	o, other := k, opposite(n.Opener)
	o.side, o.action, o.port = sideNumber(other), actionNumber(Accept), int32(n.PeerPort)
	if other == In {
		o.port = int32(n.LocalPort)
	}
	f := b.find(o)
	if f == nil || f.Method != MethodSYN {
		return nil
	}
	return []Finding{{Kind: "capture-contradicts-log", Severity: "medium", Resource: f.ENI, Message: fmt.Sprintf(
		"%s between %s:%d and %s:%d: a capture says the side is %s, the flow log's SYN bits say %s; the log's is kept",
		n.Protocol, n.Local, n.LocalPort, n.Peer, n.PeerPort, n.Opener, other)}}
}
