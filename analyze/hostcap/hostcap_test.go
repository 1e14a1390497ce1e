package hostcap

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/topology/netset"
)

const ssText = `Netid State     Recv-Q Send-Q           Local Address:Port     Peer Address:Port  Process
udp   UNCONN    0      0            127.0.0.53%lo:53            0.0.0.0:*      users:(("systemd-resolve",pid=600,fd=13))
udp   ESTAB     0      0                 10.0.1.5:40123         10.0.9.9:8125  users:(("app",pid=900,fd=4))
tcp   LISTEN    0      128                0.0.0.0:22            0.0.0.0:*      users:(("sshd",pid=800,fd=3))
tcp   LISTEN    0      511                      *:8080                *:*
tcp   ESTAB     0      0                 10.0.1.5:22           10.9.0.4:50022  users:(("sshd",pid=990,fd=4),("sshd",pid=991,fd=4))
tcp   TIME-WAIT 0      0        [::ffff:10.0.1.5]:8080   [::ffff:10.0.0.80]:1044
tcp   ESTAB     0      0                 10.0.1.5:50100        10.0.2.50:5432
tcp   SYN-SENT  0      1                 10.0.1.5:50101        10.0.2.51:5432
tcp   LISTEN    0      128                   [::]:22               [::]:*
u_str ESTAB     0      0      /run/x.sock 1234   * 1235
`

const netstatLinux = `Active Internet connections (servers and established)
Proto Recv-Q Send-Q Local Address           Foreign Address         State       PID/Program name
tcp        0      0 0.0.0.0:22              0.0.0.0:*               LISTEN      800/sshd: /usr/sbin
tcp        0      0 10.0.1.5:22             10.9.0.4:50022          ESTABLISHED 990/sshd: ec2-user
tcp        0      0 10.0.1.5:50100          10.0.2.50:5432          ESTABLISHED -
tcp6       0      0 :::8080                 :::*                    LISTEN      901/java
tcp6       0      0 ::ffff:10.0.1.5:8080    ::ffff:10.0.0.80:1044   TIME_WAIT   -
udp        0      0 127.0.0.53:53           0.0.0.0:*                           600/systemd-resolve
udp        0      0 10.0.1.5:40123          10.0.9.9:8125           ESTABLISHED 900/app
tcp        0      1 10.0.1.5:50101          10.0.2.51:5432          SYN_SENT    -
`

const netstatMac = `Active Internet connections (including servers)
Proto Recv-Q Send-Q  Local Address          Foreign Address        (state)
tcp4       0      0  10.0.1.5.22            10.9.0.4.50022         ESTABLISHED
tcp46      0      0  *.8080                 *.*                    LISTEN
tcp4       0      0  *.22                   *.*                    LISTEN
tcp4       0      0  10.0.1.5.8080          10.0.0.80.1044         TIME_WAIT
tcp4       0      0  10.0.1.5.50100         10.0.2.50.5432         ESTABLISHED
tcp6       0      0  2001:db8::5.50101      2001:db8::9.443        SYN_SENT
udp4       0      0  *.53                   *.*
`

const netstatWindows = `
Active Connections

  Proto  Local Address          Foreign Address        State           PID
  TCP    0.0.0.0:22             0.0.0.0:0              LISTENING       900
  TCP    10.0.1.5:22            10.9.0.4:50022         ESTABLISHED     900
  TCP    10.0.1.5:50100         10.0.2.50:5432         ESTABLISHED     1200
  TCP    [::]:8080              [::]:0                 LISTENING       1200
  UDP    0.0.0.0:53             *:*                                    300
`

const conntrackText = `tcp      6 431999 ESTABLISHED src=10.0.1.5 dst=10.0.2.50 sport=50100 dport=5432 src=10.0.2.50 dst=10.0.1.5 sport=5432 dport=50100 [ASSURED] mark=0 use=1
tcp      6 86 TIME_WAIT src=10.9.0.4 dst=10.0.1.5 sport=50022 dport=22 src=10.0.1.5 dst=10.9.0.4 sport=22 dport=50022 [ASSURED] mark=0 use=1
tcp      6 86 ESTABLISHED src=172.17.0.2 dst=10.0.9.1 sport=40000 dport=443 src=10.0.9.1 dst=10.0.1.5 sport=443 dport=61000 [ASSURED] mark=0 use=1
udp      17 25 src=10.0.1.5 dst=10.0.9.9 sport=40123 dport=8125 [UNREPLIED] src=10.0.9.9 dst=10.0.1.5 sport=8125 dport=40123 mark=0 use=1
icmp     1 29 src=10.9.0.4 dst=10.0.1.5 type=8 code=0 id=7 src=10.0.1.5 dst=10.9.0.4 type=0 code=0 id=7 mark=0 use=1
conntrack v1.4.7 (conntrack-tools): 5 flow entries have been shown.
`

const conntrackEvents = `[1788220800.250000]	    [NEW] tcp      6 120 SYN_SENT src=10.0.1.5 dst=10.0.2.50 sport=50100 dport=5432 [UNREPLIED] src=10.0.2.50 dst=10.0.1.5 sport=5432 dport=50100
[1788220860.500000]	 [UPDATE] tcp      6 60 SYN_RECV src=10.0.1.5 dst=10.0.2.50 sport=50100 dport=5432 src=10.0.2.50 dst=10.0.1.5 sport=5432 dport=50100
[1788220920.000000]	[DESTROY] tcp      6 src=10.0.1.5 dst=10.0.2.50 sport=50100 dport=5432 src=10.0.2.50 dst=10.0.1.5 sport=5432 dport=50100 [ASSURED]
`

const procTCP = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 18001 1 0000000000000000 100 0 0 10 0
   1: 0501000A:0016 0400090A:C366 01 00000000:00000000 00:00000000 00000000     0        0 18002 1 0000000000000000 20 4 30 10 -1
   2: 0501000A:C3B4 3202000A:1538 01 00000000:00000000 00:00000000 00000000  1000        0 18003 1 0000000000000000 20 4 30 10 -1
  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 18004 1 0000000000000000 100 0 0 10 0
   1: 0000000000000000FFFF00000501000A:1F90 0000000000000000FFFF00005000000A:0414 06 00000000:00000000 03:00000A93 00000000     0        0 0 3 0000000000000000
`

const procUDP = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  100: 3500007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000   101        0 18005 2 0000000000000000 0
  101: 0501000A:9CBB 0909000A:1FBD 01 00000000:00000000 00:00000000 00000000   101        0 18006 2 0000000000000000 0
`

const recipeCSV = `Timestamp, Destination IP, Port
2026-09-01 10:00:00, 10.0.2.50, 5432
2026-09-01 10:00:05, 10.0.2.50, 5432
2026-09-01 10:00:05, 10.9.0.4, 50022
`

const zeekTSVText = "#separator \\x09\n#path\tconn\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tlocal_orig\tlocal_resp\n" +
	"1788220800.250000\tC1\t10.0.1.5\t50100\t10.0.2.50\t5432\ttcp\tT\tT\n" +
	"1788220801.000000\tC2\t198.51.100.7\t50022\t10.0.1.5\t22\ttcp\tF\tT\n" +
	"1788220802.000000\tC3\t10.0.1.5\t8\t10.0.9.9\t0\ticmp\tT\t-\n#close\t2026-09-01\n"

const zeekJSONText = `{"ts":1788220800.25,"uid":"C1","id.orig_h":"10.0.1.5","id.orig_p":50100,"id.resp_h":"10.0.2.50","id.resp_p":5432,"proto":"tcp"}
{"ts":"2026-09-01T00:00:01Z","uid":"C2","id.orig_h":"198.51.100.7","id.orig_p":50022,"id.resp_h":"10.0.1.5","id.resp_p":22,"proto":"tcp","local_orig":false,"local_resp":true}
`

// words writes a capture's content for comparison.
func words(c *analyze.Capture) (out []string) {
	for _, l := range c.Listeners {
		out = append(out, fmt.Sprintf("%s listen %s", l.Protocol, netip.AddrPortFrom(l.Addr, uint16(l.Port))))
	}
	for _, n := range c.Connections {
		opener := "?"
		if w := OpenerWord(n.Opener); w != nil {
			opener = *w
		}
		out = append(out, fmt.Sprintf("%s %s:%d %s:%d %s", n.Protocol, n.Local, n.LocalPort, n.Peer, n.PeerPort, opener))
	}
	return out
}

func TestForms(t *testing.T) {
	hosts := []string{
		"tcp listen 0.0.0.0:22", "tcp listen [::]:8080",
		"tcp 10.0.1.5:22 10.9.0.4:50022 peer", "tcp 10.0.1.5:8080 10.0.0.80:1044 peer", "tcp 10.0.1.5:50100 10.0.2.50:5432 local",
	}
	sent := "tcp 10.0.1.5:50101 10.0.2.51:5432 local"
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"ss", ssText, []string{hosts[0], "tcp listen [::]:22", hosts[1], "udp listen 127.0.0.53:53", hosts[2], hosts[3], hosts[4], sent, "udp 10.0.1.5:40123 10.0.9.9:8125 local"}},
		{"ss without header or Netid", "LISTEN 0 128 *:22 *:*\nESTAB 0 0 10.0.1.5:22 10.9.0.4:50022\n", []string{"tcp listen [::]:22", hosts[2]}},
		{"ss without listeners", "ESTAB 0 0 10.0.1.5:22 10.9.0.4:50022\n", []string{"tcp 10.0.1.5:22 10.9.0.4:50022 ?"}},
		{"netstat of Linux", netstatLinux, []string{hosts[0], hosts[1], "udp listen 127.0.0.53:53", hosts[2], hosts[3], hosts[4], sent, "udp 10.0.1.5:40123 10.0.9.9:8125 local"}},
		{"netstat of macOS", netstatMac, []string{"tcp listen [::]:22", hosts[1], "udp listen [::]:53", hosts[2], hosts[3], hosts[4], "tcp 2001:db8::5:50101 2001:db8::9:443 local"}},
		{"netstat of Windows", netstatWindows, []string{hosts[0], hosts[1], "udp listen 0.0.0.0:53", hosts[2], hosts[4]}},
		{"conntrack -L", conntrackText, []string{"icmp 10.0.1.5:-1 10.9.0.4:-1 peer", hosts[2], hosts[4],
			"tcp 10.0.1.5:61000 10.0.9.1:443 local", "udp 10.0.1.5:40123 10.0.9.9:8125 local"}},
		{"conntrack -E", conntrackEvents, []string{hosts[4]}},
		{"/proc/net/tcp and tcp6", procTCP, hosts},
		{"/proc/net/udp", procUDP, []string{"udp listen 127.0.0.53:53", "udp 10.0.1.5:40123 10.0.9.9:8125 local"}},
		{"recipe", recipeCSV, []string{"tcp invalid IP:-1 10.0.2.50:5432 ?", "tcp invalid IP:-1 10.9.0.4:50022 ?"}},
		{"Zeek TSV", zeekTSVText, []string{"icmp 10.0.1.5:-1 10.0.9.9:-1 local", "tcp 10.0.1.5:22 198.51.100.7:50022 peer", hosts[4]}},
		{"Zeek JSON", zeekJSONText, []string{"tcp 10.0.1.5:22 198.51.100.7:50022 peer", hosts[4]}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Decode(strings.NewReader(c.text))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, words(got)); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
			if c.name == "/proc/net/udp" {
				return
			}
			// The same sample through gzip, with Windows' line ends.
			var z bytes.Buffer
			w := gzip.NewWriter(&z)
			if _, err := w.Write([]byte(strings.ReplaceAll(c.text, "\n", "\r\n"))); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			again, err := Decode(&z)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, words(again)); d != "" {
				t.Errorf("gzipped: -want +got:\n%s", d)
			}
		})
	}
}

func TestSSProcess(t *testing.T) {
	c, err := Decode(strings.NewReader(ssText))
	if err != nil {
		t.Fatal(err)
	}
	if l := c.Listeners[0]; l.Process != "sshd" || l.PID != 800 {
		t.Errorf("%+v", l)
	}
	if d := cmp.Diff([]netip.Addr{netip.MustParseAddr("10.0.1.5")}, c.Addresses, cmpopts.EquateComparable(netip.Addr{})); d != "" {
		t.Error(d)
	}
}

func TestConntrackTimes(t *testing.T) {
	c, err := Decode(strings.NewReader(conntrackEvents))
	if err != nil {
		t.Fatal(err)
	}
	n := c.Connections[0]
	if n.Count != 3 || n.First.Unix() != 1788220800 || n.Last.Sub(n.First) != 2*time.Minute-250*time.Millisecond {
		t.Errorf("%+v", n)
	}
}

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
		if _, err := Decode(bytes.NewReader(data[:len(data)-3])); err == nil {
			t.Errorf("%s: a file cut short is not noticed", name)
		}
	}
}

// Bad input: an error that names the line and the way out.
func TestBad(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "no known form"},
		{"hello world\n", "no known form"},
		{"LISTEN 0 128 *:ssh *:*\n", "line 1: address \"*:ssh\": port \"ssh\" is not a number: list with -n"},
		{"tcp 0 0 web.example:22 10.0.0.1:1 ESTABLISHED\n", "no known form"},
		{"Active Internet connections\ntcp 0 0 web.example:22 10.0.0.1:1 ESTABLISHED\n", "list with -n"},
		{"sl local_address rem_address st inode\n0: zz:0016 00000000:0000 0A 0 0 0 0 0 0 0\n", "line 2: address"},
		{"Timestamp, Destination IP, Port\nyesterday, 10.0.0.1, 22\n", "timestamp \"yesterday\": want"},
		{"Timestamp, Destination IP, Port\n2026-09-01 10:00:00, web, 22\n", "line 2: Destination IP"},
		{"Timestamp, Destination IP, Port\n2026-09-01 10:00:00, 10.0.0.1, 70000\n", "line 2: Port"},
		{"tcp 6 100 ESTABLISHED src=x dst=10.0.0.1 sport=1 dport=2\n", "src=x: no IP address"},
		{`{"format":"flowcover.capture/9"}`, `format "flowcover.capture/9": this version reads flowcover.capture/1`},
		{`{"format":"flowcover.capture/1","host":"h","addresses":[],"listeners":1,"connections":0}`, "cut off"},
		{`{"format":"flowcover.capture/1","host":"h","addresses":[],"colour":1}`, "colour"},
		{"{\"format\":\"flowcover.capture/1\"}\n{\"kind\":\"connection\",\"protocol\":\"tcp\"}\n", "line 2: a connection line needs peer"},
		{"{\"format\":\"flowcover.capture/1\"}\n{\"kind\":\"x\",\"protocol\":\"tcp\"}\n", "line 2: kind \"x\""},
		{"#separator \\x09\n1\t2\n", "no #fields line"},
	} {
		_, err := Decode(strings.NewReader(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.60q: %v, want %q", c.text, err, c.want)
		}
	}
}

func TestReadTree(t *testing.T) {
	var own bytes.Buffer
	if err := Write(&own, &analyze.Capture{Host: "web1", ENIs: []string{"eni-1"}}); err != nil {
		t.Fatal(err)
	}
	fsys := fstest.MapFS{
		"web1.jsonl":             {Data: own.Bytes()},
		"eni-22/recipe.csv":      {Data: []byte(recipeCSV)},
		"10.0.1.9.txt":           {Data: []byte(recipeCSV)},
		"i-77.csv":               {Data: []byte(recipeCSV)},
		"nobody.csv":             {Data: []byte(recipeCSV)},
		"by-name.csv":            {Data: []byte(recipeCSV)},
		"broken.txt":             {Data: []byte("what is this\n")},
		".hidden":                {Data: []byte("what is this\n")},
		"hosts/10.0.1.8/ss.text": {Data: []byte(ssText)},
	}
	cs, found, err := Read(fsys, Names{"by-name.csv": "eni-33", "absent.csv": "eni-44"})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, c := range cs {
		got[c.Source] = fmt.Sprint(c.Instance, c.ENIs, c.Addresses)
	}
	want := map[string]string{
		"web1.jsonl": "[eni-1] []", "eni-22/recipe.csv": "[eni-22] []", "10.0.1.9.txt": "[] [10.0.1.9]", "i-77.csv": "i-77[] []",
		"nobody.csv": "[] []", "by-name.csv": "[eni-33] []", "hosts/10.0.1.8/ss.text": "[] [10.0.1.5 10.0.1.8]",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	var kinds []string
	for _, f := range found {
		kinds = append(kinds, f.Resource+" "+f.Kind)
	}
	if d := cmp.Diff([]string{"absent.csv capture-name-unused", "broken.txt unreadable-capture", "nobody.csv capture-without-host"}, kinds); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if _, _, err := Read(fsys, Names{"by-name.csv": "web"}); err == nil {
		t.Error("a name that is no host is taken")
	}
}

// What is written is read back the same, and the same capture gives the same bytes.
func TestRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	at := time.Date(2026, 9, 1, 10, 0, 0, 0, time.UTC)
	var rec Recorder
	for i := range 50 {
		var sample []Socket
		for range rng.IntN(20) {
			a := netip.AddrFrom4([4]byte{10, 0, byte(rng.IntN(2)), byte(rng.IntN(3))})
			s := Socket{Protocol: []netset.Protocol{netset.TCP, netset.UDP}[rng.IntN(2)], State: State(rng.IntN(4)), Local: a, LocalPort: rng.IntN(5) + 20,
				Peer: netip.MustParseAddr("2001:db8::1"), PeerPort: 50000 + rng.IntN(9), Process: "p"}
			if s.State == Listening {
				s.Peer, s.PeerPort = netip.Addr{}, analyze.NoPort
			}
			sample = append(sample, s)
		}
		rec.Add(at.Add(time.Duration(i)*time.Second), sample)
	}
	c := rec.Capture()
	c.Host = "h <한국어>"
	var b bytes.Buffer
	if err := Write(&b, c); err != nil {
		t.Fatal(err)
	}
	got, err := ReadJSONL(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(c, got, cmpopts.EquateComparable(netip.Addr{}), cmpopts.EquateEmpty()); d != "" {
		t.Fatalf("-want +got:\n%s", d)
	}
	rng.Shuffle(len(c.Connections), func(i, j int) { c.Connections[i], c.Connections[j] = c.Connections[j], c.Connections[i] })
	var b2 bytes.Buffer
	if err := Write(&b2, c); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.Bytes(), b2.Bytes()) {
		t.Error("the order of connections shows in the bytes")
	}
}

// A connection keeps its side when a listener on its local port comes later.
func TestOpenerIsKept(t *testing.T) {
	var rec Recorder
	a, b := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	other := Socket{Protocol: netset.TCP, State: Listening, Local: a, LocalPort: 22}
	conn := Socket{Protocol: netset.TCP, Local: a, LocalPort: 40000, Peer: b, PeerPort: 443}
	late := Socket{Protocol: netset.TCP, State: Listening, Local: a, LocalPort: 40000}
	rec.Add(time.Unix(1, 0), []Socket{other, conn})
	rec.Add(time.Unix(2, 0), []Socket{other, conn, late})
	if c := rec.Capture(); c.Connections[0].Opener != analyze.Out || c.Connections[0].Count != 2 {
		t.Errorf("%+v", c.Connections[0])
	}
}

// This machine's own sockets while known connections are open: each is in the
// sample with the right side, both ends.
func TestSampleOfThisHost(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the sampler reads Linux's /proc/net")
	}
	var want []string
	for _, at := range []string{"127.0.0.1:0", "[::1]:0"} {
		l, err := net.Listen("tcp", at)
		if err != nil {
			t.Logf("%s: %v (this machine lacks the family)", at, err)
			continue
		}
		defer func() { _ = l.Close() }()
		for range 5 {
			out, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = out.Close() }()
			in, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = in.Close() }()
			client, server := netip.MustParseAddrPort(out.LocalAddr().String()), netip.MustParseAddrPort(l.Addr().String())
			want = append(want,
				fmt.Sprintf("tcp %s:%d %s:%d local", client.Addr(), client.Port(), server.Addr(), server.Port()),
				fmt.Sprintf("tcp %s:%d %s:%d peer", server.Addr(), server.Port(), client.Addr(), client.Port()))
		}
	}
	s := Sampler{Processes: true}
	sample, err := s.Sample()
	if err != nil {
		t.Fatal(err)
	}
	var rec Recorder
	rec.Add(time.Now(), sample)
	c := rec.Capture()
	have := map[string]bool{}
	for _, w := range words(c) {
		have[w] = true
	}
	for _, w := range want {
		if !have[w] {
			t.Errorf("the sample lacks %s", w)
		}
	}
	mine := 0
	for _, n := range c.Connections {
		if n.PID == os.Getpid() {
			mine++
		}
	}
	if mine < len(want) {
		t.Errorf("%d connections are this process's, want at least %d", mine, len(want))
	}
}

func TestSamplerWithoutProc(t *testing.T) {
	s := Sampler{Root: filepath.Join(t.TempDir(), "proc")}
	if _, err := s.Sample(); err == nil || !strings.Contains(err.Error(), "no Linux host") {
		t.Errorf("%v", err)
	}
}
