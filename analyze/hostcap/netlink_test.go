package hostcap

import (
	"encoding/binary"
	"errors"
	"io"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/topology/netset"
)

func attribute(kind uint16, v []byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(len(v)+4))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, v...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

func tupleOf(proto netset.Protocol, src, dst string, sport, dport uint16) []byte {
	s, d := netip.MustParseAddr(src), netip.MustParseAddr(dst)
	from, to := uint16(1), uint16(2)
	if s.Is6() {
		from, to = 3, 4
	}
	ip := append(attribute(from, s.AsSlice()), attribute(to, d.AsSlice())...)
	p := attribute(1, []byte{byte(proto)})
	p = append(p, attribute(2, binary.BigEndian.AppendUint16(nil, sport))...)
	p = append(p, attribute(3, binary.BigEndian.AppendUint16(nil, dport))...)
	const nested = 0x8000
	return append(attribute(1|nested, ip), attribute(2|nested, p)...)
}

func eventMessage(kind uint16, orig, reply []byte) []byte {
	body := append([]byte{2, 0, 0, 0}, attribute(1|0x8000, orig)...)
	body = append(body, attribute(2|0x8000, reply)...)
	b := binary.NativeEndian.AppendUint32(nil, uint32(len(body)+netlinkHeader))
	b = binary.NativeEndian.AppendUint16(b, kind)
	return append(append(b, make([]byte, 10)...), body...)
}

func testEvents() []byte {
	b := eventMessage(typeConntrackNew, tupleOf(netset.TCP, "10.0.1.5", "10.0.2.50", 50100, 5432), tupleOf(netset.TCP, "10.0.2.50", "10.0.1.5", 5432, 50100))
	b = append(b, eventMessage(typeConntrackNew|2, tupleOf(netset.TCP, "10.0.1.5", "10.0.2.51", 1, 2), nil)...) // a DELETE
	b = append(b, eventMessage(typeConntrackNew, tupleOf(netset.UDP, "2001:db8::9", "2001:db8::5", 40000, 53), nil)...)
	return append(b, eventMessage(typeConntrackNew, tupleOf(netset.TCP, "172.17.0.2", "10.0.9.1", 40000, 443), tupleOf(netset.TCP, "10.0.9.1", "10.0.1.5", 443, 61000))...)
}

func ownAddress(a netip.Addr) bool {
	return a == netip.MustParseAddr("10.0.1.5") || a == netip.MustParseAddr("2001:db8::5")
}

func TestEvents(t *testing.T) {
	r, w := io.Pipe()
	h := &hearer{f: r, out: make(chan Socket), quit: make(chan struct{}), done: make(chan struct{})}
	go h.run(ownAddress)
	go func() { _, _ = w.Write(testEvents()) }()
	var got []Socket
	for range 3 {
		got = append(got, <-h.out)
	}
	a := netip.MustParseAddr
	want := []Socket{
		{Protocol: netset.TCP, Local: a("10.0.1.5"), LocalPort: 50100, Peer: a("10.0.2.50"), PeerPort: 5432, Opener: analyze.Out},
		{Protocol: netset.UDP, Local: a("2001:db8::5"), LocalPort: 53, Peer: a("2001:db8::9"), PeerPort: 40000, Opener: analyze.In},
		{Protocol: netset.TCP, Local: a("10.0.1.5"), LocalPort: 61000, Peer: a("10.0.9.1"), PeerPort: 443, Opener: analyze.Out},
	}
	if d := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{})); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	// Stopping while nobody takes what is there does not hang.
	go func() { _, _ = w.Write(testEvents()) }()
	if err := h.stop(); err != nil {
		t.Error(err)
	}
	if err := h.stop(); err != nil {
		t.Error(err)
	}
}

// On this machine: either events can be heard and stopped, or the error says why not.
func TestEventsOfThisHost(t *testing.T) {
	_, lost, stop, err := Events(ownAddress)
	if err != nil {
		if !errors.Is(err, ErrNoEvents) {
			t.Errorf("%v", err)
		}
		return
	}
	if err := stop(); err != nil || lost() != 0 {
		t.Errorf("stop: %v, lost %d", err, lost())
	}
}

func FuzzEvents(f *testing.F) {
	f.Add(testEvents())
	f.Fuzz(func(t *testing.T, data []byte) {
		tracks, _ := parseEvents(data)
		for i := range tracks {
			s := tracks[i].seenFrom(ownAddress)
			if !s.Local.IsValid() || !s.Peer.IsValid() {
				t.Fatalf("%+v", s)
			}
		}
	})
}
