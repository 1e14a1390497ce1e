package hostcap

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/topology/netset"
)

// Format is the value of the first line's format field.
const Format = "flowcover.capture/1"

// header is the first line of a capture file.
type header struct {
	Format    string       `json:"format"`
	Host      string       `json:"host"`
	Instance  string       `json:"instance,omitempty"`
	ENIs      []string     `json:"enis,omitempty"`
	Addresses []netip.Addr `json:"addresses"`
	Since     *time.Time   `json:"since,omitempty"`
	Until     *time.Time   `json:"until,omitempty"`
	// Listeners and Connections count the lines that follow: a file that was cut
	// off shows.
	Listeners   int `json:"listeners"`
	Connections int `json:"connections"`
}

// line is a listening socket or a connection.
type line struct {
	Kind     string      `json:"kind"` // listen | connection
	Protocol string      `json:"protocol"`
	Addr     *netip.Addr `json:"addr,omitempty"` // listen
	Port     *int        `json:"port,omitempty"` // listen

	Local     *netip.Addr `json:"local,omitempty"`
	LocalPort *int        `json:"local_port,omitempty"`
	Peer      *netip.Addr `json:"peer,omitempty"`
	PeerPort  *int        `json:"peer_port,omitempty"`
	Opener    *string     `json:"opener,omitempty"` // local | peer; absent: not known
	Count     int64       `json:"count,omitempty"`
	Packets   int64       `json:"packets,omitempty"`
	Bytes     int64       `json:"bytes,omitempty"`

	First   *time.Time `json:"first,omitempty"`
	Last    *time.Time `json:"last,omitempty"`
	Process string     `json:"process,omitempty"`
	PID     int        `json:"pid,omitempty"`
}

// OpenerWord writes a connection's opener as captures do: local, peer, or nil.
func OpenerWord(s analyze.Side) *string {
	w := map[analyze.Side]string{analyze.In: "peer", analyze.Out: "local"}[s]
	if w == "" {
		return nil
	}
	return &w
}

// Write writes a capture as JSON lines. Equal captures give equal bytes.
func Write(w io.Writer, c *analyze.Capture) error {
	c2 := sorted(c)
	b := bufio.NewWriter(w)
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	if c2.Addresses == nil {
		c2.Addresses = []netip.Addr{}
	}
	if err := enc.Encode(header{Format: Format, Host: c.Host, Instance: c.Instance, ENIs: c.ENIs, Addresses: c2.Addresses,
		Since: when(c.Since), Until: when(c.Until), Listeners: len(c.Listeners), Connections: len(c.Connections)}); err != nil {
		return fmt.Errorf("write capture: %w", err)
	}
	for i := range c2.Listeners {
		l := &c2.Listeners[i]
		if err := enc.Encode(line{Kind: "listen", Protocol: l.Protocol.String(), Addr: &l.Addr, Port: &l.Port,
			First: when(l.First), Last: when(l.Last), Process: l.Process, PID: l.PID}); err != nil {
			return fmt.Errorf("write capture: %w", err)
		}
	}
	for i := range c2.Connections {
		n := &c2.Connections[i]
		if err := enc.Encode(connectionLine(n)); err != nil {
			return fmt.Errorf("write capture: %w", err)
		}
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write capture: %w", err)
	}
	return nil
}

// sorted gives a copy whose sockets are in order.
func sorted(c *analyze.Capture) *analyze.Capture {
	c2 := *c
	c2.Addresses = slices.Clone(c.Addresses)
	c2.Listeners = slices.Clone(c.Listeners)
	c2.Connections = slices.Clone(c.Connections)
	sortCapture(&c2)
	return &c2
}

func connectionLine(n *analyze.Connection) line {
	l := line{Kind: "connection", Protocol: n.Protocol.String(), Opener: OpenerWord(n.Opener), Count: n.Count, Packets: n.Packets, Bytes: n.Bytes,
		First: when(n.First), Last: when(n.Last), Process: n.Process, PID: n.PID}
	if n.Local.IsValid() {
		l.Local = &n.Local
	}
	if n.Peer.IsValid() {
		l.Peer = &n.Peer
	}
	if n.LocalPort >= 0 {
		l.LocalPort = &n.LocalPort
	}
	if n.PeerPort >= 0 {
		l.PeerPort = &n.PeerPort
	}
	return l
}

func when(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	u := t.UTC()
	return &u
}

func timeOf(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

// ReadJSONL reads a capture in flowcover's own form. Anything that [Write] would
// not write is an error that names the line.
func ReadJSONL(r io.Reader) (*analyze.Capture, error) {
	s := newScanner(r)
	c := &analyze.Capture{}
	var h header
	if !s.Scan() {
		return nil, errors.Join(errors.New("an empty file: want a first line with format "+Format), s.Err())
	}
	if err := strict(s.Bytes(), &h); err != nil {
		return nil, fmt.Errorf("line 1: %w", err)
	}
	if h.Format != Format {
		return nil, fmt.Errorf("line 1: format %q: this version reads %s", h.Format, Format)
	}
	c.Host, c.Instance, c.ENIs, c.Addresses = h.Host, h.Instance, h.ENIs, h.Addresses
	c.Since, c.Until = timeOf(h.Since), timeOf(h.Until)
	for n := 2; s.Scan(); n++ {
		if len(bytes.TrimSpace(s.Bytes())) == 0 {
			continue
		}
		var l line
		if err := strict(s.Bytes(), &l); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if err := l.into(c); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := s.Err(); err != nil {
		return nil, err
	}
	if len(c.Listeners) != h.Listeners || len(c.Connections) != h.Connections {
		return nil, fmt.Errorf("cut off or edited: the first line counts %d listening sockets and %d connections, the file has %d and %d",
			h.Listeners, h.Connections, len(c.Listeners), len(c.Connections))
	}
	sortCapture(c)
	return c, nil
}

func strict(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if d.More() {
		return errors.New("more than one JSON value on a line")
	}
	return nil
}

func (l *line) into(c *analyze.Capture) error {
	p, err := netset.ParseProtocol(l.Protocol)
	if err != nil {
		return err
	}
	if p == netset.AllProtocols {
		return fmt.Errorf("protocol %q names no one protocol", l.Protocol)
	}
	switch l.Kind {
	case "listen":
		if l.Addr == nil || l.Port == nil || !validPort(*l.Port) {
			return errors.New("a listen line needs addr and a port from 0 to 65535")
		}
		c.Listeners = append(c.Listeners, analyze.ListeningSocket{Protocol: p, Addr: plain(*l.Addr), Port: *l.Port,
			First: timeOf(l.First), Last: timeOf(l.Last), Process: l.Process, PID: l.PID})
	case "connection":
		n := analyze.Connection{Protocol: p, LocalPort: analyze.NoPort, PeerPort: analyze.NoPort, Opener: analyze.Unsettled,
			First: timeOf(l.First), Last: timeOf(l.Last), Count: l.Count, Packets: l.Packets, Bytes: l.Bytes, Process: l.Process, PID: l.PID}
		if l.Peer == nil {
			return errors.New("a connection line needs peer")
		}
		n.Peer = plain(*l.Peer)
		if l.Local != nil {
			n.Local = plain(*l.Local)
		}
		for _, x := range []struct {
			from *int
			to   *int
		}{{l.LocalPort, &n.LocalPort}, {l.PeerPort, &n.PeerPort}} {
			if x.from != nil {
				if !validPort(*x.from) {
					return fmt.Errorf("port %d: want 0 to 65535", *x.from)
				}
				*x.to = *x.from
			}
		}
		if l.Opener != nil {
			switch strings.ToLower(*l.Opener) {
			case "local":
				n.Opener = analyze.Out
			case "peer":
				n.Opener = analyze.In
			default:
				return fmt.Errorf("opener %q: want local or peer, or leave it out", *l.Opener)
			}
		}
		c.Connections = append(c.Connections, n)
	default:
		return fmt.Errorf("kind %q: want listen or connection", l.Kind)
	}
	return nil
}

func validPort(p int) bool { return p >= 0 && p <= 65535 }

func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// longestLine bounds a line of any text form.
const longestLine = 1 << 20

func newScanner(r io.Reader) *bufio.Scanner {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 0, 64<<10), longestLine)
	return s
}
