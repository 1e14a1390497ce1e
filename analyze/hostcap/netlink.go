package hostcap

import (
	"encoding/binary"
	"errors"
	"net/netip"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/topology/netset"
)

// ErrNoEvents: this host cannot tell of connections as they begin.
var ErrNoEvents = errors.New("connection events need Linux, the right CAP_NET_ADMIN and a kernel that tracks connections")

// The kernel's numbers of uapi/linux/netfilter/nfnetlink*.h.
const (
	netlinkHeader    = 16
	netfilterHeader  = 4
	typeConntrackNew = 1 << 8 // subsystem ctnetlink, message CT_NEW
	attrTupleOrig    = 1
	attrTupleReply   = 2
	attrIP           = 1
	attrProto        = 2
	attrTypeMask     = 0x3fff // two flag bits above
)

// parseEvents reads the conntrack entries of one netlink datagram. Messages of
// another kind are passed over; one cut short is an error.
func parseEvents(b []byte) ([]track, error) {
	var out []track
	for len(b) >= netlinkHeader {
		n := int(binary.NativeEndian.Uint32(b))
		if n < netlinkHeader || n > len(b) {
			return out, errors.New("a netlink message of a wrong length")
		}
		kind, body := binary.NativeEndian.Uint16(b[4:]), b[netlinkHeader:n]
		if kind == typeConntrackNew && len(body) >= netfilterHeader {
			if t, ok := parseTrack(body[netfilterHeader:]); ok {
				out = append(out, t)
			}
		}
		b = b[min(len(b), (n+3)&^3):]
	}
	return out, nil
}

// attributes gives each attribute of a netlink message.
func attributes(b []byte, each func(kind uint16, value []byte)) {
	for len(b) >= 4 {
		n := int(binary.NativeEndian.Uint16(b))
		if n < 4 || n > len(b) {
			return
		}
		each(binary.NativeEndian.Uint16(b[2:])&attrTypeMask, b[4:n])
		b = b[min(len(b), (n+3)&^3):]
	}
}

func parseTrack(b []byte) (track, bool) {
	t := track{sport: analyze.NoPort, dport: analyze.NoPort, rsport: analyze.NoPort, rdport: analyze.NoPort}
	attributes(b, func(kind uint16, v []byte) {
		switch kind {
		case attrTupleOrig:
			t.proto = parseTuple(v, &t.src, &t.dst, &t.sport, &t.dport)
		case attrTupleReply:
			parseTuple(v, &t.rsrc, &t.rdst, &t.rsport, &t.rdport)
		}
	})
	return t, t.src.IsValid() && t.dst.IsValid() && (!t.proto.HasPorts() || t.sport >= 0 && t.dport >= 0)
}

func parseTuple(b []byte, src, dst *netip.Addr, sport, dport *int) netset.Protocol {
	var proto netset.Protocol
	attributes(b, func(kind uint16, v []byte) {
		attributes(v, func(k uint16, x []byte) {
			switch {
			case kind == attrIP && (k == 1 || k == 3): // source, IPv4 or IPv6
				*src = addressOf(x)
			case kind == attrIP && (k == 2 || k == 4):
				*dst = addressOf(x)
			case kind == attrProto && k == 1 && len(x) >= 1:
				proto = netset.Protocol(x[0])
			case kind == attrProto && k == 2 && len(x) >= 2:
				*sport = int(binary.BigEndian.Uint16(x))
			case kind == attrProto && k == 3 && len(x) >= 2:
				*dport = int(binary.BigEndian.Uint16(x))
			}
		})
	})
	if !proto.HasPorts() {
		*sport, *dport = analyze.NoPort, analyze.NoPort
	}
	return proto
}

func addressOf(b []byte) netip.Addr {
	a, _ := netip.AddrFromSlice(b)
	return plain(a)
}

// seenFrom gives the entry as it looks from a host with the given addresses:
// In where only its destination, or its reply's, is the host's.
func (t *track) seenFrom(own func(netip.Addr) bool) Socket {
	host := t.src
	switch {
	case own(t.src):
	case own(t.dst):
		host = t.dst
	case t.rdst.IsValid() && own(t.rdst):
		host = t.rdst
	}
	return t.socket(host)
}
