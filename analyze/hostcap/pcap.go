package hostcap

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/topology/netset"
)

// The file formats' magic numbers, as read big-endian.
const (
	magicMicro   = 0xa1b2c3d4
	magicNano    = 0xa1b23c4d
	magicSection = 0x0a0d0d0a
	byteOrder    = 0x1a2b3c4d
)

// longestPacket bounds what one packet, or one block of a pcapng, may claim.
const longestPacket = 1 << 24

// ReadPCAP reads pcap and pcapng: the connections of TCP, UDP and ICMP in it
// and who opened them: who sent the SYN, or for UDP and ICMP the first packet.
// Local is the side that opened; where a TCP connection was under way already,
// the first packet's sender, and the opener is not known. Packets that are not
// IP, fragments without ports and ICMP's errors, which belong to another
// connection, are passed over. A file that was cut off gives what is before.
func ReadPCAP(r io.Reader) (*analyze.Capture, error) {
	p := &pcap{r: bufio.NewReaderSize(r, 1<<16), talks: map[talkKey]*talk{}}
	head, err := p.r.Peek(4)
	if err != nil {
		return nil, fmt.Errorf("pcap: %w", err)
	}
	if binary.BigEndian.Uint32(head) == magicSection {
		err = p.blocks()
	} else {
		err = p.classic()
	}
	cut := errors.Is(err, io.ErrUnexpectedEOF) && p.packets > 0
	if err != nil && !cut {
		return nil, fmt.Errorf("pcap: after %d packets: %w", p.packets, err)
	}
	c := p.capture()
	switch {
	case p.odd > 0 && p.odd == p.packets:
		return nil, errors.New("pcap: its link type is none that is known here: Ethernet, Linux cooked (SLL, SLL2), raw IP, loopback")
	case p.odd > 0:
		c.Incomplete = fmt.Sprintf("%d of %d packets are of a link type that is not known here", p.odd, p.packets)
	case cut:
		c.Incomplete = fmt.Sprintf("the file is cut off after %d packets", p.packets)
	}
	return c, nil
}

type pcap struct {
	r       *bufio.Reader
	order   binary.ByteOrder
	packets int
	odd     int    // of a link type that is not known
	links   []link // pcapng interfaces of the section
	talks   map[talkKey]*talk
	list    []*talk
}

// link is a capture interface: its link type and its clock's ticks a second.
type link struct {
	kind  uint32
	ticks uint64
}

// talkKey is a connection; the lesser end first.
type talkKey struct {
	proto netset.Protocol
	a, b  netip.AddrPort
}

type talk struct {
	proto       netset.Protocol
	first, last time.Time
	from, to    netip.AddrPort // of the first packet
	opener      netip.AddrPort // zero: not known
	packets     int64
	bytes       int64 // of IP
}

func (p *pcap) classic() error {
	var h [24]byte
	if _, err := io.ReadFull(p.r, h[:]); err != nil {
		return err
	}
	ticks := uint64(1e6)
	switch m := binary.BigEndian.Uint32(h[:]); m {
	case magicMicro, magicNano:
		p.order = binary.BigEndian
	default:
		p.order = binary.LittleEndian
	}
	switch p.order.Uint32(h[:]) {
	case magicMicro:
	case magicNano:
		ticks = 1e9
	default:
		return errors.New("neither pcap nor pcapng: unknown magic number")
	}
	kind := p.order.Uint32(h[20:]) & 0x0fffffff
	for {
		var ph [16]byte
		if _, err := io.ReadFull(p.r, ph[:]); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		at := time.Unix(int64(p.order.Uint32(ph[:])), int64(uint64(p.order.Uint32(ph[4:]))*(1e9/ticks))).UTC()
		data, err := p.bytes(p.order.Uint32(ph[8:]))
		if err != nil {
			return err
		}
		p.frame(kind, at, data)
	}
}

// bytes reads n bytes without trusting n for more than what is there.
func (p *pcap) bytes(n uint32) ([]byte, error) {
	if n > longestPacket {
		return nil, fmt.Errorf("a length of %d bytes: longer than any packet", n)
	}
	data := make([]byte, 0, min(n, 1<<12))
	for len(data) < int(n) {
		at := len(data)
		data = append(data, make([]byte, min(int(n)-at, 1<<16))...)
		if _, err := io.ReadFull(p.r, data[at:]); err != nil {
			return nil, midway(err)
		}
	}
	return data, nil
}

// midway: an end within a packet is none that one may come to.
func midway(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (p *pcap) blocks() error {
	for {
		var h [8]byte
		if _, err := io.ReadFull(p.r, h[:]); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if binary.BigEndian.Uint32(h[:]) == magicSection {
			if err := p.section(); err != nil {
				return err
			}
		}
		kind, n := p.order.Uint32(h[:]), p.order.Uint32(h[4:])
		if n < 12 || n%4 != 0 {
			return fmt.Errorf("a block of %d bytes", n)
		}
		body, err := p.bytes(n - 8)
		if err != nil {
			return err
		}
		if err := p.block(kind, body[:len(body)-4]); err != nil {
			return err
		}
	}
}

// section takes the byte order of the section that begins.
func (p *pcap) section() error {
	m, err := p.r.Peek(4)
	if err != nil {
		return midway(err)
	}
	switch {
	case binary.BigEndian.Uint32(m) == byteOrder:
		p.order = binary.BigEndian
	case binary.LittleEndian.Uint32(m) == byteOrder:
		p.order = binary.LittleEndian
	default:
		return errors.New("a section without a byte-order mark")
	}
	p.links = nil
	return nil
}

// The block types of pcapng that matter.
const (
	blockInterface = 1
	blockOld       = 2 // a packet, as the first drafts wrote it
	blockSimple    = 3
	blockPacket    = 6
)

func (p *pcap) block(kind uint32, b []byte) error {
	switch kind {
	case blockInterface:
		if len(b) < 8 {
			return errors.New("an interface block cut short")
		}
		p.links = append(p.links, link{uint32(p.order.Uint16(b)), p.resolution(b[8:])})
	case blockPacket, blockOld:
		if len(b) < 20 {
			return errors.New("a packet block cut short")
		}
		of := p.order.Uint32(b)
		if kind == blockOld {
			of = uint32(p.order.Uint16(b))
		}
		if int(of) >= len(p.links) {
			return fmt.Errorf("a packet of interface %d, of %d", of, len(p.links))
		}
		l := p.links[of]
		ticks := uint64(p.order.Uint32(b[4:]))<<32 | uint64(p.order.Uint32(b[8:]))
		at := time.Unix(int64(ticks/l.ticks), int64(float64(ticks%l.ticks)/float64(l.ticks)*1e9)).UTC()
		data := b[20:]
		p.frame(l.kind, at, data[:min(len(data), int(p.order.Uint32(b[12:])))])
	case blockSimple:
		if len(b) < 4 || len(p.links) == 0 {
			return errors.New("a simple packet block cut short, or of no interface")
		}
		p.frame(p.links[0].kind, time.Time{}, b[4:])
	}
	return nil
}

// resolution finds option if_tsresol: microseconds without it.
func (p *pcap) resolution(opts []byte) uint64 {
	for len(opts) >= 4 {
		code, n := p.order.Uint16(opts), int(p.order.Uint16(opts[2:]))
		if code == 0 || len(opts) < 4+n {
			break
		}
		if code == 9 && n == 1 {
			v := opts[4]
			if v&0x80 != 0 {
				return 1 << min(v&0x7f, 62)
			}
			t := uint64(1)
			for range min(v, 18) {
				t *= 10
			}
			return t
		}
		opts = opts[min(len(opts), 4+(n+3)/4*4):]
	}
	return 1e6
}

func (p *pcap) capture() *analyze.Capture {
	c := &analyze.Capture{}
	for _, t := range p.list {
		from, to := t.from, t.to
		n := analyze.Connection{Protocol: t.proto, Opener: analyze.Unsettled, First: t.first, Last: t.last, Count: t.packets, Packets: t.packets, Bytes: t.bytes}
		if t.opener.IsValid() {
			n.Opener = analyze.Out
			if t.opener == to {
				from, to = to, from
			}
		}
		n.Local, n.LocalPort, n.Peer, n.PeerPort = from.Addr(), int(from.Port()), to.Addr(), int(to.Port())
		if !t.proto.HasPorts() {
			n.LocalPort, n.PeerPort = analyze.NoPort, analyze.NoPort
		}
		c.Connections = append(c.Connections, n)
		c.Since, c.Until = span(c.Since, c.Until, t.first, t.last)
	}
	sortCapture(c)
	return c
}
