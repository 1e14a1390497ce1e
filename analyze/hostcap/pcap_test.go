package hostcap

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// frame builds an Ethernet frame of TCP, with a VLAN tag where asked.
func frame(vlan bool, src, dst string, sport, dport uint16, flags byte) []byte {
	b := make([]byte, 12, 80)
	if vlan {
		b = append(b, 0x81, 0, 0, 7)
	}
	s, d := netip.MustParseAddr(src), netip.MustParseAddr(dst)
	if s.Is4() {
		b = append(b, 8, 0, 0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0)
	} else {
		b = append(b, 0x86, 0xdd, 0x60, 0, 0, 0, 0, 28, 0, 64)
	}
	b = append(append(b, s.AsSlice()...), d.AsSlice()...)
	if s.Is6() {
		b = append(b, 6, 0, 0, 0, 0, 0, 0, 0) // an empty hop-by-hop header
	}
	b = binary.BigEndian.AppendUint16(b, sport)
	b = binary.BigEndian.AppendUint16(b, dport)
	return append(b, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, flags, 0, 0, 0, 0, 0, 0)
}

var pcapFrames = [][]byte{
	frame(false, "10.0.1.5", "10.0.2.50", 50100, 5432, 2),
	frame(false, "10.0.2.50", "10.0.1.5", 5432, 50100, 18),
	frame(true, "10.0.1.5", "10.9.0.4", 22, 50022, 18), // its SYN was before the capture
	frame(false, "10.0.1.5", "10.9.0.5", 22, 50023, 16),
	frame(false, "2001:db8::5", "2001:db8::9", 50101, 443, 2),
}

var pcapWant = []string{
	"tcp 10.0.1.5:22 10.9.0.5:50023 ?", "tcp 10.0.1.5:50100 10.0.2.50:5432 local",
	"tcp 10.9.0.4:50022 10.0.1.5:22 local", "tcp 2001:db8::5:50101 2001:db8::9:443 local",
}

func classicPCAP(order binary.AppendByteOrder, nano bool) []byte {
	magic := uint32(magicMicro)
	if nano {
		magic = magicNano
	}
	b := order.AppendUint32(nil, magic)
	b = append(b, make([]byte, 16)...)
	b = order.AppendUint32(b, linkEthernet)
	for i, f := range pcapFrames {
		b = order.AppendUint32(b, 1788220800+uint32(i))
		b = order.AppendUint32(b, 500)
		b = order.AppendUint32(b, uint32(len(f)))
		b = order.AppendUint32(b, uint32(len(f)))
		b = append(b, f...)
	}
	return b
}

func ngPCAP(order binary.AppendByteOrder) []byte {
	block := func(kind uint32, body []byte) []byte {
		for len(body)%4 != 0 {
			body = append(body, 0)
		}
		b := order.AppendUint32(nil, kind)
		b = order.AppendUint32(b, uint32(len(body)+12))
		return order.AppendUint32(append(b, body...), uint32(len(body)+12))
	}
	section := order.AppendUint32(nil, byteOrder)
	section = append(section, 0, 1, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255)
	out := block(magicSection, section)
	iface := order.AppendUint16(nil, linkEthernet)
	iface = append(iface, 0, 0, 0, 0, 0, 0)
	iface = order.AppendUint16(iface, 9) // if_tsresol: nanoseconds
	iface = order.AppendUint16(iface, 1)
	iface = append(iface, 9, 0, 0, 0)
	out = append(out, block(blockInterface, iface)...)
	for i, f := range pcapFrames {
		at := (uint64(1788220800) + uint64(i)) * 1e9
		b := order.AppendUint32(nil, 0)
		b = order.AppendUint32(b, uint32(at>>32))
		b = order.AppendUint32(b, uint32(at))
		b = order.AppendUint32(b, uint32(len(f)))
		b = order.AppendUint32(b, uint32(len(f)))
		out = append(out, block(blockPacket, append(b, f...))...)
	}
	return out
}

func TestPCAP(t *testing.T) {
	for name, data := range map[string][]byte{
		"little-endian":         classicPCAP(binary.LittleEndian, false),
		"big-endian":            classicPCAP(binary.BigEndian, false),
		"nanoseconds":           classicPCAP(binary.LittleEndian, true),
		"pcapng, little-endian": ngPCAP(binary.LittleEndian),
		"pcapng, big-endian":    ngPCAP(binary.BigEndian),
	} {
		c, err := Decode(bytes.NewReader(data))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if d := cmp.Diff(pcapWant, words(c)); d != "" {
			t.Errorf("%s: -want +got:\n%s", name, d)
		}
		if c.Since.Unix() != 1788220800 || c.Until.Unix() != 1788220804 {
			t.Errorf("%s: from %s to %s", name, c.Since, c.Until)
		}
		// The last packet is lost, what is before it is not.
		short, err := Decode(bytes.NewReader(data[:len(data)-3]))
		if err != nil || !strings.Contains(short.Incomplete, "cut off after 4 packets") || len(short.Connections) != 3 {
			t.Errorf("%s: cut short: %v, %+v", name, err, short)
		}
		if c.Incomplete != "" {
			t.Errorf("%s: %s", name, c.Incomplete)
		}
	}
}

// wrap puts an Ethernet frame's IP packet into another link's frame.
func wrap(kind uint32, f []byte) []byte {
	ip := f[14:]
	v6 := f[12] == 0x86
	typ := f[12:14]
	switch kind {
	case linkSLL:
		return append(append(make([]byte, 14), typ...), ip...)
	case linkSLL2:
		return append(append(append([]byte{}, typ...), make([]byte, 18)...), ip...)
	case linkNull, linkLoop:
		return append([]byte{2, 0, 0, 0}, ip...)
	case linkEthernet: // PPPoE within two VLANs
		head := append(make([]byte, 12), 0x88, 0xa8, 0, 1, 0x81, 0, 0, 2, 0x88, 0x64, 0x11, 0, 0, 1, 0, byte(len(ip)+2), 0, 0x21)
		if v6 {
			head[len(head)-1] = 0x57
		}
		return append(head, ip...)
	}
	return ip
}

func onePCAP(kind uint32, frames ...[]byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, magicMicro)
	b = append(b, make([]byte, 16)...)
	b = binary.LittleEndian.AppendUint32(b, kind)
	for i, f := range frames {
		for _, x := range []uint32{1788220800 + uint32(i), 0, uint32(len(f)), uint32(len(f))} {
			b = binary.LittleEndian.AppendUint32(b, x)
		}
		b = append(b, f...)
	}
	return b
}

// Every link type gives the same.
func TestLinkTypes(t *testing.T) {
	for _, kind := range []uint32{linkEthernet, linkSLL, linkSLL2, linkNull, linkLoop, linkRaw, linkRawBSD, linkRawOld, linkIPv4, linkIPv6} {
		frames := [][]byte{
			wrap(kind, frame(false, "10.0.1.5", "10.0.2.50", 50100, 5432, 2)), wrap(kind, frame(false, "10.0.2.50", "10.0.1.5", 5432, 50100, 18)),
			wrap(kind, frame(false, "2001:db8::5", "2001:db8::9", 50101, 443, 2)),
		}
		c, err := Decode(bytes.NewReader(onePCAP(kind, frames...)))
		if err != nil {
			t.Fatalf("link type %d: %v", kind, err)
		}
		if d := cmp.Diff([]string{pcapWant[1], pcapWant[3]}, words(c)); d != "" {
			t.Errorf("link type %d: -want +got:\n%s", kind, d)
		}
		if n := c.Connections[0]; n.Packets != 2 || n.Bytes != 80 {
			t.Errorf("link type %d: %d packets, %d bytes", kind, n.Packets, n.Bytes)
		}
	}
	if _, err := Decode(bytes.NewReader(onePCAP(127, pcapFrames...))); err == nil || !strings.Contains(err.Error(), "link type") {
		t.Errorf("a link type of radio frames: %v", err)
	}
}

// A capture that kept a few bytes of each packet: the ports tell the connection,
// without flags nobody knows who opened it.
func TestShortPackets(t *testing.T) {
	f := frame(false, "10.0.1.5", "10.0.2.50", 50100, 5432, 2)
	for n, want := range map[int]string{14 + 20 + 3: "", 14 + 20 + 4: "tcp 10.0.1.5:50100 10.0.2.50:5432 ?", 14 + 20 + 13: "tcp 10.0.1.5:50100 10.0.2.50:5432 ?", 14 + 20 + 14: pcapWant[1]} {
		c, err := Decode(bytes.NewReader(onePCAP(linkEthernet, f[:n])))
		if err != nil || strings.Join(words(c), " ") != want {
			t.Errorf("%d bytes: %v, %v", n, words(c), err)
		}
	}
}

// datagram builds a frame of any protocol with the given payload.
func datagram(proto byte, src, dst string, body ...byte) []byte {
	f := frame(false, src, dst, 0, 0, 0)
	if f[12] == 0x86 {
		f = f[:14+40]
		f[20] = proto
		return append(f, body...)
	}
	f = f[:14+20]
	f[23] = proto
	return append(f, body...)
}

func TestOtherProtocols(t *testing.T) {
	arp := append(make([]byte, 12), 8, 6, 0, 1, 8, 0, 6, 4, 0, 1)
	fragment := datagram(17, "10.0.1.5", "10.0.1.6", 0, 53, 0, 53, 0, 8, 0, 0)
	fragment[21] = 7
	c, err := Decode(bytes.NewReader(onePCAP(linkEthernet, arp, fragment,
		datagram(17, "10.0.1.5", "10.0.0.2", 0xC0, 0, 0, 53, 0, 8, 0, 0), datagram(17, "10.0.0.2", "10.0.1.5", 0, 53, 0xC0, 0, 0, 8, 0, 0),
		datagram(1, "10.0.9.9", "10.0.1.5", 0, 0), // an echo reply, whose request was before the capture
		datagram(1, "10.0.1.5", "10.0.7.7", 8, 0), // a request
		datagram(1, "10.0.8.8", "10.0.1.5", 3, 1), // host unreachable: of another connection
		datagram(58, "2001:db8::5", "2001:db8::9", 128, 0),
		datagram(58, "2001:db8::5", "ff02::1:ff00:9", 135, 0)))) // neighbour solicitation
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"icmp 10.0.1.5:-1 10.0.7.7:-1 local", "icmp 10.0.1.5:-1 10.0.9.9:-1 local",
		"udp 10.0.1.5:49152 10.0.0.2:53 local", "icmpv6 2001:db8::5:-1 2001:db8::9:-1 local"}
	if d := cmp.Diff(want, words(c)); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}
