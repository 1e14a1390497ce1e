package hostcap

import (
	"cmp"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/topology/netset"
)

// track is one conntrack entry: the tuple as its opener sent it, and the
// reply's, which differ where the host translates addresses.
type track struct {
	at             time.Time
	proto          netset.Protocol
	src, dst       netip.Addr
	sport, dport   int
	rsrc, rdst     netip.Addr
	rsport, rdport int
	packets, bytes int64 // both ways, where the kernel counts
}

// ReadConntrack reads conntrack -L, conntrack -E (with -o timestamp or without)
// and /proc/net/nf_conntrack. The host's own address is the one that most
// entries have; an entry without it (a container's, a router's) counts from its
// opener's end.
func ReadConntrack(r io.Reader) (*analyze.Capture, error) {
	s := newScanner(r)
	var all []track
	for n := 1; s.Scan(); n++ {
		t, err := trackLine(s.Text())
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if t != nil {
			all = append(all, *t)
		}
	}
	if err := s.Err(); err != nil {
		return nil, err
	}
	host := trackHost(all)
	var rec Recorder
	for i := range all {
		rec.Add(all[i].at, []Socket{all[i].socket(host)})
	}
	c := rec.Capture()
	if host.IsValid() && ofHost(host) {
		c.Addresses = []netip.Addr{host}
	}
	return c, nil
}

func trackHost(all []track) netip.Addr {
	count := map[netip.Addr]int{}
	for i := range all {
		t := &all[i]
		for _, a := range slices.Compact([]netip.Addr{t.src, t.dst}) {
			if ofHost(a) {
				count[a]++
			}
		}
		if t.rdst != t.src && ofHost(t.rdst) {
			count[t.rdst]++
		}
	}
	var best netip.Addr
	for a, n := range count {
		if !best.IsValid() || cmp.Or(count[best]-n, outside(a)-outside(best), a.Compare(best)) < 0 {
			best = a
		}
	}
	return best
}

// outside is 1 for an address that no host of a VPC has: a tie goes to the others.
func outside(a netip.Addr) int {
	if a.IsPrivate() {
		return 0
	}
	return 1
}

// socket gives the entry as it looks on the wire of the host: with the
// addresses that the reply has, where the host translates them.
func (t *track) socket(host netip.Addr) Socket {
	s := Socket{Protocol: t.proto, Local: t.src, LocalPort: t.sport, Peer: t.dst, PeerPort: t.dport, Opener: analyze.Out, Packets: t.packets, Bytes: t.bytes}
	if t.dst != host && t.rsrc.IsValid() && !t.rsrc.IsLoopback() && t.rsrc != t.dst { // a service's address, which no wire has
		s.Peer, s.PeerPort = t.rsrc, t.rsport
	}
	switch {
	case t.src != host && t.rdst == host && t.rdst != t.src: // a container's, behind the host's address
		s.Local, s.LocalPort = t.rdst, t.rdport
	case t.rsrc == host && t.src != host && t.dst != host: // came to another address that leads here
		s.Local, s.LocalPort, s.Peer, s.PeerPort, s.Opener = t.rsrc, t.rsport, t.src, t.sport, analyze.In
	case t.dst == host && t.src != host:
		s.Local, s.LocalPort, s.Peer, s.PeerPort, s.Opener = t.dst, t.dport, t.src, t.sport, analyze.In
	}
	return s
}

// trackLine reads one entry, or one event; nil for a line that is none. The end
// of a connection tells of it as its beginning does.
func trackLine(text string) (*track, error) {
	w := strings.Fields(text)
	t := &track{sport: analyze.NoPort, dport: analyze.NoPort, rsport: analyze.NoPort, rdport: analyze.NoPort}
	for len(w) > 0 && strings.HasPrefix(w[0], "[") {
		if at, ok := trackTime(w[0]); ok {
			t.at = at
		}
		w = w[1:]
	}
	if len(w) > 2 && (w[0] == "ipv4" || w[0] == "ipv6") {
		w = w[2:] // /proc/net/nf_conntrack
	}
	if len(w) < 2 || !strings.Contains(text, "src=") {
		return nil, nil
	}
	n, err := strconv.ParseUint(w[1], 10, 8)
	if err != nil {
		return nil, fmt.Errorf("protocol %q: want a name and a number", strings.Join(w[:2], " "))
	}
	t.proto = netset.Protocol(n)
	seen := map[string]bool{}
	for _, x := range w[2:] {
		k, v, ok := strings.Cut(x, "=")
		switch {
		case !ok:
			continue
		case k == "packets" || k == "bytes":
			t.add(k, v)
			continue
		case !slices.Contains([]string{"src", "dst", "sport", "dport"}, k):
			continue
		}
		if err := t.set(k, v, seen[k]); err != nil {
			return nil, err
		}
		seen[k] = true
	}
	if !t.src.IsValid() || !t.dst.IsValid() {
		return nil, fmt.Errorf("%q: no src= and dst=", text)
	}
	if !t.proto.HasPorts() {
		t.sport, t.dport, t.rsport, t.rdport = analyze.NoPort, analyze.NoPort, analyze.NoPort, analyze.NoPort
	}
	return t, nil
}

// add sums the counters of both directions.
func (t *track) add(k, v string) {
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n < 0 || n > 1<<60 {
		return
	}
	if k == "packets" {
		t.packets += n
	} else {
		t.bytes += n
	}
}

// set fills in a field of the tuple, or of the reply's.
func (t *track) set(k, v string, reply bool) error {
	switch k {
	case "src", "dst":
		a, err := netip.ParseAddr(v)
		if err != nil {
			return fmt.Errorf("%s=%s: no IP address", k, v)
		}
		to := map[string][2]*netip.Addr{"src": {&t.src, &t.rsrc}, "dst": {&t.dst, &t.rdst}}[k]
		if reply {
			*to[1] = plain(a)
		} else {
			*to[0] = plain(a)
		}
	default:
		n, err := strconv.ParseUint(v, 10, 16)
		if err != nil {
			return fmt.Errorf("%s=%s: no port", k, v)
		}
		to := map[string][2]*int{"sport": {&t.sport, &t.rsport}, "dport": {&t.dport, &t.rdport}}[k]
		if reply {
			*to[1] = int(n)
		} else {
			*to[0] = int(n)
		}
	}
	return nil
}

// trackTime reads the [1700000000.123456] of -o timestamp.
func trackTime(s string) (time.Time, bool) {
	s = strings.Trim(s, "[]")
	sec, frac, _ := strings.Cut(s, ".")
	n, err := strconv.ParseInt(sec, 10, 64)
	if err != nil || n < 0 || n > 1<<40 {
		return time.Time{}, false
	}
	us, err := strconv.ParseUint("0"+frac, 10, 32)
	if err != nil {
		us = 0
	}
	return time.Unix(n, 0).Add(time.Duration(us) * time.Microsecond).UTC(), true
}
