package parquetio

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/topology/netset"
)

// randomCapture has every field filled in most rows and none in some.
func randomCapture(t *testing.T, seed uint64, n int) *analyze.Capture {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 2))
	c := &analyze.Capture{Host: "호스트", ENIs: []string{"eni-1", "eni-2"}, Instance: "i-1",
		Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("2001:db8::1")}, Since: time.UnixMicro(1788220800000001).UTC()}
	for i := range n {
		var x analyze.Connection
		x.LocalPort, x.PeerPort, x.Opener, x.Protocol = analyze.NoPort, analyze.NoPort, analyze.Unsettled, netset.ICMP
		x.Peer = netip.MustParseAddr("2001:db8::9")
		if i%4 > 0 {
			fill(t, r, reflect.ValueOf(&x).Elem())
			x.Protocol = netset.Protocol(r.IntN(256))
			x.Opener = []analyze.Side{analyze.In, analyze.Out, analyze.Unsettled}[r.IntN(3)]
			x.LocalPort, x.PeerPort = r.IntN(65536), r.IntN(65536)
		}
		c.Connections = append(c.Connections, x)
		l := analyze.ListeningSocket{Protocol: netset.UDP, Addr: netip.IPv6Unspecified()}
		if i%3 > 0 {
			fill(t, r, reflect.ValueOf(&l).Elem())
			l.Protocol = netset.Protocol(r.IntN(256))
			l.Port = r.IntN(65536)
		}
		c.Listeners = append(c.Listeners, l)
	}
	return c
}

var cmpCapture = cmp.Options{cmpFlows, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(analyze.Capture{}, "Source", "Incomplete")}

func captureBytes(t *testing.T, c *analyze.Capture) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := WriteCapture(&b, c); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// What is written comes back the same, whatever it is, and gives the same bytes.
func TestCaptureRoundTrip(t *testing.T) {
	for _, n := range []int{0, 1, 40, 5000, groupRows / 2 * 3} {
		c := randomCapture(t, uint64(n), min(n, 5000))
		for len(c.Connections) < n { // more than one row group
			c.Connections = append(c.Connections, c.Connections[:min(len(c.Connections), n-len(c.Connections))]...)
		}
		b := captureBytes(t, c)
		if !bytes.Equal(b, captureBytes(t, c)) {
			t.Error("equal captures gave different bytes")
		}
		got, err := ReadCapture(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		if reflect.DeepEqual(c, got) { // fast, and blind to what an empty list is
			continue
		}
		if d := cmp.Diff(c, got, cmpCapture); d != "" {
			t.Fatalf("%d sockets: -want +got:\n%.2000s", n, d)
		}
	}
	empty := captureBytes(t, &analyze.Capture{})
	if c, err := ReadCapture(bytes.NewReader(empty), int64(len(empty))); err != nil || c.Host != "" || c.Connections != nil {
		t.Errorf("nothing at all: %+v, %v", c, err)
	}
}

// closer notes that it was closed.
type closer struct {
	bytes.Buffer
	closed bool
}

func (c *closer) Close() error {
	c.closed = true
	return nil
}

// What is written to stays open: it is the caller's, who syncs it.
func TestWriteLeavesTheFileOpen(t *testing.T) {
	var w closer
	if err := WriteCapture(&w, randomCapture(t, 1, 3)); err != nil || w.closed || w.Len() == 0 {
		t.Errorf("%v, closed %v, %d bytes", err, w.closed, w.Len())
	}
}

func TestReadCaptureRefuses(t *testing.T) {
	b := captureBytes(t, randomCapture(t, 1, 100))
	for _, n := range []int{0, 5, 11, 100, len(b) / 2, len(b) - 1} {
		if _, err := ReadCapture(bytes.NewReader(b[:n]), int64(n)); !errors.Is(err, ErrNotParquet) {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
	}
	newer := bytes.Replace(b, []byte(captureVersionKey+"\x18\x011"), []byte(captureVersionKey+"\x18\x019"), 1)
	if _, err := ReadCapture(bytes.NewReader(newer), int64(len(newer))); !errors.Is(err, ErrVersion) {
		t.Errorf("a newer version: %v", err)
	}
	flows, err := FlowsBytes(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ReadCapture(bytes.NewReader(flows), int64(len(flows))); err == nil || !strings.Contains(err.Error(), "no capture of flowcapture") {
		t.Errorf("observations: %v", err)
	}
	peer := netip.MustParseAddr("10.0.0.2")
	for want, c := range map[string]analyze.Capture{
		"needs peer":   {Connections: []analyze.Connection{{Protocol: netset.TCP}}},
		"port 65536":   {Connections: []analyze.Connection{{Protocol: netset.TCP, Peer: peer, PeerPort: 65536}}},
		"needs local":  {Listeners: []analyze.ListeningSocket{{Protocol: netset.TCP, Port: 1}}},
		"names no one": {Connections: []analyze.Connection{{Protocol: netset.AllProtocols, Peer: peer}}},
	} {
		var out bytes.Buffer
		err := WriteCapture(&out, &c)
		if err == nil {
			_, err = ReadCapture(bytes.NewReader(out.Bytes()), int64(out.Len()))
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", c, err, want)
		}
	}
}

func FuzzReadCapture(f *testing.F) {
	at := time.Unix(1788220800, 0).UTC()
	for _, n := range []int{0, 3} {
		c := analyze.Capture{Host: "h", Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.1")}, Since: at}
		for i := range n {
			c.Listeners = append(c.Listeners, analyze.ListeningSocket{Protocol: netset.TCP, Addr: netip.IPv6Unspecified(), Port: i, First: at})
			c.Connections = append(c.Connections, analyze.Connection{Protocol: netset.UDP, Local: c.Addresses[0], Peer: c.Addresses[0], PeerPort: i,
				LocalPort: analyze.NoPort, Opener: analyze.Out, Process: fmt.Sprint(i)})
		}
		var b bytes.Buffer
		if err := WriteCapture(&b, &c); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ReadCapture(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		var out bytes.Buffer
		if err := WriteCapture(&out, c); err != nil {
			return // times beyond year 9999 have no JSON form
		}
		again, err := ReadCapture(bytes.NewReader(out.Bytes()), int64(out.Len()))
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if len(again.Connections) != len(c.Connections) || len(again.Listeners) != len(c.Listeners) {
			t.Fatal("sockets were lost")
		}
	})
}
