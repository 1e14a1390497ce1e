package parquetio

import (
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"time"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/topology/netset"
)

// Version of the captures' schema. A reader reads its own version and those
// before it.
const (
	CaptureVersion    = 1
	captureVersionKey = "flowcover.capture"
	captureHostKey    = "flowcover.capture.host"
)

// captureHost is what the file's metadata says of the host. It is what counts
// on reading; the host's columns repeat it for those who query many files.
type captureHost struct {
	Host      string       `json:"host"`
	Instance  string       `json:"instance,omitempty"`
	ENIs      []string     `json:"enis,omitempty"`
	Addresses []netip.Addr `json:"addresses"`
	Since     *time.Time   `json:"since,omitempty"`
	Until     *time.Time   `json:"until,omitempty"`
}

// captureRow is a listening socket or a connection. A listening socket has its
// address in Local and no peer.
type captureRow struct {
	of   *analyze.Capture // whose it is; nil on reading
	kind string
	analyze.Connection
}

// The values of column kind.
const (
	kindListen     = "listen"
	kindConnection = "connection"
)

// The columns of a capture, in the file's order. What is not known is null.
var captureColumns = []column[captureRow]{
	hostColumn("host", func(c *analyze.Capture) string { return c.Host }),
	hostColumn("instance", func(c *analyze.Capture) string { return c.Instance }),
	hostListColumn("enis", func(c *analyze.Capture) []string { return c.ENIs }),
	hostListColumn("addresses", func(c *analyze.Capture) []string {
		out := make([]string, len(c.Addresses))
		for i, a := range c.Addresses {
			out[i] = a.String()
		}
		return out
	}),
	textColumn("kind", func(r *captureRow) *string { return &r.kind }),
	{name: "protocol",
		text: func(r *captureRow) string { return r.Protocol.String() },
		setText: func(r *captureRow, s string) (err error) {
			r.Protocol, err = netset.ParseProtocol(s)
			return err
		}},
	orNull(addrColumn("local", func(r *captureRow) *netip.Addr { return &r.Local }), func(r *captureRow) bool { return !r.Local.IsValid() }),
	orNull(intColumn("local_port", func(r *captureRow) *int { return &r.LocalPort }), func(r *captureRow) bool { return r.LocalPort == analyze.NoPort }),
	orNull(addrColumn("peer", func(r *captureRow) *netip.Addr { return &r.Peer }), func(r *captureRow) bool { return !r.Peer.IsValid() }),
	orNull(intColumn("peer_port", func(r *captureRow) *int { return &r.PeerPort }), func(r *captureRow) bool { return r.PeerPort == analyze.NoPort }),
	{name: "opener", text: openerText, setText: setOpener, absent: func(r *captureRow) bool { return openerText(r) == "" }},
	intColumn("count", func(r *captureRow) *int64 { return &r.Count }),
	orNull(intColumn("packets", func(r *captureRow) *int64 { return &r.Packets }), func(r *captureRow) bool { return r.Packets == 0 }),
	orNull(intColumn("bytes", func(r *captureRow) *int64 { return &r.Bytes }), func(r *captureRow) bool { return r.Bytes == 0 }),
	orNull(timeColumn("first", func(r *captureRow) *time.Time { return &r.First }), func(r *captureRow) bool { return r.First.IsZero() }),
	orNull(timeColumn("last", func(r *captureRow) *time.Time { return &r.Last }), func(r *captureRow) bool { return r.Last.IsZero() }),
	orNull(textColumn("process", func(r *captureRow) *string { return &r.Process }), func(r *captureRow) bool { return r.Process == "" }),
	orNull(intColumn("pid", func(r *captureRow) *int { return &r.PID }), func(r *captureRow) bool { return r.PID == 0 }),
}

// captureTable is the file of a capture.
var captureTable = table[captureRow]{name: "capture", columns: captureColumns, blank: func(r *captureRow) {
	r.LocalPort, r.PeerPort, r.Opener = analyze.NoPort, analyze.NoPort, analyze.Unsettled
}}

func orNull(c column[captureRow], absent func(*captureRow) bool) column[captureRow] {
	c.absent = absent
	return c
}

// hostColumn is written only: the metadata is read.
func hostColumn(name string, of func(*analyze.Capture) string) column[captureRow] {
	return column[captureRow]{name: name,
		text:   func(r *captureRow) string { return of(r.of) },
		absent: func(r *captureRow) bool { return of(r.of) == "" }}
}

func hostListColumn(name string, of func(*analyze.Capture) []string) column[captureRow] {
	return column[captureRow]{name: name, texts: func(r *captureRow) []string { return of(r.of) }}
}

func openerText(r *captureRow) string {
	switch r.Opener {
	case analyze.In:
		return "peer"
	case analyze.Out:
		return "local"
	}
	return ""
}

func setOpener(r *captureRow, s string) error {
	switch s {
	case "local":
		r.Opener = analyze.Out
	case "peer":
		r.Opener = analyze.In
	default:
		return fmt.Errorf("opener %q: want local, peer or null", s)
	}
	return nil
}

// WriteCapture writes a capture, its sockets in the order given: a row for each
// listening socket and each connection. Times are kept to the microsecond.
// Equal captures give equal bytes.
func WriteCapture(w io.Writer, c *analyze.Capture) error {
	h := captureHost{Host: c.Host, Instance: c.Instance, ENIs: c.ENIs, Addresses: c.Addresses, Since: instant(c.Since), Until: instant(c.Until)}
	if h.Addresses == nil {
		h.Addresses = []netip.Addr{}
	}
	host, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("write capture: %w", err)
	}
	rows := make([]captureRow, 0, len(c.Listeners)+len(c.Connections))
	for _, l := range c.Listeners {
		rows = append(rows, captureRow{of: c, kind: kindListen, Connection: analyze.Connection{
			Protocol: l.Protocol, Local: l.Addr, LocalPort: l.Port, PeerPort: analyze.NoPort, First: l.First, Last: l.Last, Process: l.Process, PID: l.PID}})
	}
	for _, n := range c.Connections {
		rows = append(rows, captureRow{of: c, kind: kindConnection, Connection: n})
	}
	err = captureTable.write(w, rows, [][2]string{{captureVersionKey, strconv.Itoa(CaptureVersion)}, {captureHostKey, string(host)}})
	if err != nil {
		return fmt.Errorf("write capture: %w", err)
	}
	return nil
}

// ReadCapture reads what WriteCapture wrote.
func ReadCapture(r io.ReaderAt, size int64) (*analyze.Capture, error) {
	footer, err := ReadFooter(ReaderRange(r), size, nil)
	if err != nil {
		return nil, err
	}
	version, err := strconv.Atoi(footer.Meta[captureVersionKey])
	if err != nil || version < 1 {
		return nil, fmt.Errorf("a Parquet file, but no capture of flowcapture: %q is %q in its metadata", captureVersionKey, footer.Meta[captureVersionKey])
	}
	if version > CaptureVersion {
		return nil, fmt.Errorf("a capture of version %d: %w", version, ErrVersion)
	}
	var h captureHost
	if err := json.Unmarshal([]byte(footer.Meta[captureHostKey]), &h); err != nil {
		return nil, fmt.Errorf("metadata %s: %w", captureHostKey, err)
	}
	rows, err := captureTable.read(r, footer)
	if err != nil {
		return nil, err
	}
	c := &analyze.Capture{Host: h.Host, Instance: h.Instance, ENIs: h.ENIs}
	for _, a := range h.Addresses {
		c.Addresses = append(c.Addresses, a.Unmap().WithZone(""))
	}
	if h.Since != nil {
		c.Since = h.Since.UTC()
	}
	if h.Until != nil {
		c.Until = h.Until.UTC()
	}
	for i := range rows {
		if err := rows[i].into(c); err != nil {
			return nil, fmt.Errorf("row %d: %w", i+1, err)
		}
	}
	return c, nil
}

// into checks a row and adds it to the capture.
func (r *captureRow) into(c *analyze.Capture) error {
	for _, p := range []int{r.LocalPort, r.PeerPort} {
		if p < analyze.NoPort || p > 65535 {
			return fmt.Errorf("port %d: want 0 to 65535, or null", p)
		}
	}
	if r.Protocol == netset.AllProtocols {
		return fmt.Errorf("protocol %q names no one protocol", r.Protocol)
	}
	r.Local, r.Peer = r.Local.Unmap().WithZone(""), r.Peer.Unmap().WithZone("")
	switch r.kind {
	case kindListen:
		if !r.Local.IsValid() || r.LocalPort == analyze.NoPort {
			return fmt.Errorf("a listening socket needs local and local_port")
		}
		c.Listeners = append(c.Listeners, analyze.ListeningSocket{Protocol: r.Protocol, Addr: r.Local, Port: r.LocalPort,
			First: r.First, Last: r.Last, Process: r.Process, PID: r.PID})
	case kindConnection:
		if !r.Peer.IsValid() {
			return fmt.Errorf("a connection needs peer")
		}
		c.Connections = append(c.Connections, r.Connection)
	default:
		return fmt.Errorf("kind %q: want %s or %s", r.kind, kindListen, kindConnection)
	}
	return nil
}

// instant gives a time to the microsecond; nil for none.
func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	u := t.UTC().Truncate(time.Microsecond)
	return &u
}
