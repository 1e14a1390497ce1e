package hostcap

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/flowcover/flowcover/topology/netset"
)

// The link types that carry IP here (tcpdump.org's list).
const (
	linkNull, linkEthernet, linkRaw, linkLoop, linkSLL, linkIPv4, linkIPv6, linkSLL2 = 0, 1, 101, 108, 113, 228, 229, 276
	linkRawBSD, linkRawOld                                                           = 12, 14
)

// frame takes one captured frame apart as far as the ports.
func (p *pcap) frame(kind uint32, at time.Time, b []byte) {
	p.packets++
	switch kind {
	case linkEthernet:
		b = payload(b, 12, 14)
	case linkSLL:
		b = payload(b, 14, 16)
	case linkSLL2:
		b = payload(b, 0, 20)
	case linkNull, linkLoop:
		b = b[min(4, len(b)):]
	case linkRaw, linkRawBSD, linkRawOld, linkIPv4, linkIPv6:
	default:
		b = nil
		p.odd++
	}
	if len(b) > 0 {
		p.packet(at, b)
	}
}

// The types of a link's payload.
const (
	typeIPv4, typeIPv6   = 0x0800, 0x86dd
	typePPPoE            = 0x8864
	pppIPv4, pppIPv6     = 0x0021, 0x0057
	typeMPLS, typeMPLSUp = 0x8847, 0x8848
)

// payload gives the IP packet in a frame whose type stands at one place and
// whose payload begins at another; past VLAN tags, PPPoE and MPLS labels. Nil:
// there is none.
func payload(b []byte, typeAt, skip int) []byte {
	if len(b) < skip {
		return nil
	}
	kind, b := binary.BigEndian.Uint16(b[typeAt:]), b[skip:]
	for {
		switch kind {
		case typeIPv4, typeIPv6:
			return b
		case 0x8100, 0x88a8, 0x9100: // VLAN, also within VLAN
			if len(b) < 4 {
				return nil
			}
			kind, b = binary.BigEndian.Uint16(b[2:]), b[4:]
		case typePPPoE:
			if len(b) < 8 || binary.BigEndian.Uint16(b[6:]) != pppIPv4 && binary.BigEndian.Uint16(b[6:]) != pppIPv6 {
				return nil
			}
			return b[8:]
		case typeMPLS, typeMPLSUp:
			for len(b) >= 4 && b[2]&1 == 0 { // until the bottom of the stack
				b = b[4:]
			}
			return b[min(4, len(b)):]
		default:
			return nil
		}
	}
}

func (p *pcap) packet(at time.Time, b []byte) {
	var src, dst netip.Addr
	var proto netset.Protocol
	var size int
	switch {
	case b[0]>>4 == 4 && len(b) >= 20:
		n := int(b[0]&15) * 4
		if binary.BigEndian.Uint16(b[6:])&0x1fff != 0 || n < 20 || len(b) < n {
			return // a later fragment has no ports
		}
		src, dst, proto = netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20])), netset.Protocol(b[9])
		size = int(binary.BigEndian.Uint16(b[2:]))
		b = b[n:]
	case b[0]>>4 == 6 && len(b) >= 40:
		src, dst = netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40]))
		next := b[6]
		size = 40 + int(binary.BigEndian.Uint16(b[4:]))
		var ok bool
		if b, proto, ok = pastExtensions(next, b[40:]); !ok {
			return
		}
	default:
		return
	}
	p.segment(at, proto, plain(src), plain(dst), size, b)
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
		case 51: // authentication
			if len(b) < 8 || len(b) < int(b[1])*4+8 {
				return nil, 0, false
			}
			next, b = b[0], b[int(b[1])*4+8:]
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

func (p *pcap) segment(at time.Time, proto netset.Protocol, src, dst netip.Addr, size int, b []byte) {
	var from, to netip.AddrPort
	var opens, answers bool
	switch proto {
	case netset.TCP:
		if len(b) < 4 {
			return
		}
		if len(b) >= 14 { // else the capture kept the ports and not the flags
			opens = b[13]&(flagSYN|flagACK) == flagSYN
			answers = b[13]&(flagSYN|flagACK) == flagSYN|flagACK
		}
		from, to = netip.AddrPortFrom(src, binary.BigEndian.Uint16(b)), netip.AddrPortFrom(dst, binary.BigEndian.Uint16(b[2:]))
	case netset.UDP:
		if len(b) < 4 {
			return
		}
		opens = true
		from, to = netip.AddrPortFrom(src, binary.BigEndian.Uint16(b)), netip.AddrPortFrom(dst, binary.BigEndian.Uint16(b[2:]))
	case netset.ICMP, netset.ICMPv6:
		if len(b) == 0 {
			return
		}
		var known bool
		if opens, answers, known = asks(proto, b[0]); !known {
			return
		}
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
	t.bytes += int64(size)
	t.first, t.last = widen(t.first, t.last, at)
	switch {
	case t.opener.IsValid():
	case opens:
		t.opener = from
	case answers:
		t.opener = to
	}
}

// asks says whether an ICMP message asks or answers. Errors, and what routers
// and neighbours tell each other, open no connection.
func asks(proto netset.Protocol, typ byte) (opens, answers, known bool) {
	switch {
	case proto == netset.ICMP && (typ == 8 || typ == 13 || typ == 15 || typ == 17), proto == netset.ICMPv6 && typ == 128:
		return true, false, true
	case proto == netset.ICMP && (typ == 0 || typ == 14 || typ == 16 || typ == 18), proto == netset.ICMPv6 && typ == 129:
		return false, true, true
	}
	return false, false, false
}
