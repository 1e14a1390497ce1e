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
// IP, and fragments without ports, are passed over.
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
	if err != nil {
		return nil, fmt.Errorf("pcap: after %d packets: %w", p.packets, err)
	}
	return p.capture(), nil
}

type pcap struct {
	r       *bufio.Reader
	order   binary.ByteOrder
	packets int
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
			return nil, err
		}
	}
	return data, nil
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
		return err
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
	case blockPacket:
		if len(b) < 20 || int(p.order.Uint32(b)) >= len(p.links) {
			return errors.New("a packet block cut short, or of no interface")
		}
		l := p.links[p.order.Uint32(b)]
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

// The link types that carry IP here (tcpdump.org's list).
const (
	linkNull, linkEthernet, linkRaw, linkSLL, linkIPv4, linkIPv6, linkSLL2 = 0, 1, 101, 113, 228, 229, 276
	linkRawBSD, linkRawOld                                                 = 12, 14
)

// frame takes one captured frame apart as far as the ports.
func (p *pcap) frame(kind uint32, at time.Time, b []byte) {
	p.packets++
	skip := 0
	switch kind {
	case linkEthernet:
		skip = 14
		for len(b) >= skip+4 && isVLAN(binary.BigEndian.Uint16(b[skip-2:])) {
			skip += 4
		}
	case linkSLL:
		skip = 16
	case linkSLL2:
		skip = 20
	case linkNull:
		skip = 4
	case linkRaw, linkRawBSD, linkRawOld, linkIPv4, linkIPv6:
	default:
		return
	}
	if len(b) > skip {
		p.packet(at, b[skip:])
	}
}

func isVLAN(ethertype uint16) bool { return ethertype == 0x8100 || ethertype == 0x88a8 }

func (p *pcap) packet(at time.Time, b []byte) {
	var src, dst netip.Addr
	var proto netset.Protocol
	switch {
	case b[0]>>4 == 4 && len(b) >= 20:
		n := int(b[0]&15) * 4
		if binary.BigEndian.Uint16(b[6:])&0x1fff != 0 || n < 20 || len(b) < n {
			return // a later fragment has no ports
		}
		src, dst, proto = netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20])), netset.Protocol(b[9])
		b = b[n:]
	case b[0]>>4 == 6 && len(b) >= 40:
		src, dst = netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40]))
		next := b[6]
		var ok bool
		if b, proto, ok = pastExtensions(next, b[40:]); !ok {
			return
		}
	default:
		return
	}
	p.segment(at, proto, plain(src), plain(dst), b)
}

// pastExtensions skips IPv6's extension headers.
func pastExtensions(next byte, b []byte) ([]byte, netset.Protocol, bool) {
	for {
		switch next {
		case 0, 43, 60: // hop-by-hop, routing, destination options
			if len(b) < 8 || len(b) < int(b[1])*8+8 {
				return nil, 0, false
			}
			next, b = b[0], b[int(b[1])*8+8:]
		case 44: // fragment
			if len(b) < 8 || binary.BigEndian.Uint16(b[2:])&0xfff8 != 0 {
				return nil, 0, false
			}
			next, b = b[0], b[8:]
		default:
			return b, netset.Protocol(next), true
		}
	}
}

const (
	flagSYN = 2
	flagACK = 16
)

func (p *pcap) segment(at time.Time, proto netset.Protocol, src, dst netip.Addr, b []byte) {
	var from, to netip.AddrPort
	var opens, answers bool
	switch proto {
	case netset.TCP:
		if len(b) < 14 {
			return
		}
		opens = b[13]&(flagSYN|flagACK) == flagSYN
		answers = b[13]&(flagSYN|flagACK) == flagSYN|flagACK
		from, to = netip.AddrPortFrom(src, binary.BigEndian.Uint16(b)), netip.AddrPortFrom(dst, binary.BigEndian.Uint16(b[2:]))
	case netset.UDP:
		if len(b) < 8 {
			return
		}
		opens = true
		from, to = netip.AddrPortFrom(src, binary.BigEndian.Uint16(b)), netip.AddrPortFrom(dst, binary.BigEndian.Uint16(b[2:]))
	case netset.ICMP, netset.ICMPv6:
		opens = true
		from, to = netip.AddrPortFrom(src, 0), netip.AddrPortFrom(dst, 0)
	default:
		return
	}
	k := talkKey{proto, from, to}
	if to.Compare(from) < 0 {
		k.a, k.b = to, from
	}
	t := p.talks[k]
	if t == nil {
		t = &talk{proto: proto, from: from, to: to, first: at}
		p.talks[k] = t
		p.list = append(p.list, t)
	}
	t.packets++
	t.first, t.last = widen(t.first, t.last, at)
	switch {
	case t.opener.IsValid():
	case opens:
		t.opener = from
	case answers:
		t.opener = to
	}
}

func (p *pcap) capture() *analyze.Capture {
	c := &analyze.Capture{}
	for _, t := range p.list {
		from, to := t.from, t.to
		n := analyze.Connection{Protocol: t.proto, Opener: analyze.Unsettled, First: t.first, Last: t.last, Count: t.packets}
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
