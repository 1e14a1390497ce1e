package hostcap

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/flowcover/flowcover/analyze"
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
		{"ss -una, which names no protocol", "State  Recv-Q Send-Q Local Address:Port Peer Address:Port\nUNCONN 0 0 0.0.0.0:53 0.0.0.0:*\nESTAB 0 0 10.0.1.5:40123 10.0.9.9:8125\n",
			[]string{"udp listen 0.0.0.0:53", "udp 10.0.1.5:40123 10.0.9.9:8125 local"}},
		{"ss with idle sockets of TCP", "tcp UNCONN 0 0 0.0.0.0:7000 0.0.0.0:*\ntcp LISTEN 0 128 *:22 *:*\n\t cubic wscale:7,7 rto:204\n", []string{"tcp listen [::]:22"}},
		{"ss with zones", "udp UNCONN 0 0 [fe80::1]%eth0:546 [::]:*\nudp ESTAB 0 0 10.0.1.5%eth0:68 10.0.1.1:67\n", []string{"udp listen [fe80::1]:546", "udp 10.0.1.5:68 10.0.1.1:67 local"}},
		{"conntrack to a service's address", "tcp 6 100 ESTABLISHED src=10.0.1.5 dst=10.96.0.10 sport=50100 dport=443 src=10.0.3.7 dst=10.0.1.5 sport=8443 dport=50100\n" +
			"tcp 6 100 ESTABLISHED src=10.9.0.4 dst=10.0.1.5 sport=50022 dport=80 src=172.17.0.2 dst=10.9.0.4 sport=8080 dport=50022\n",
			[]string{"tcp 10.0.1.5:80 10.9.0.4:50022 peer", "tcp 10.0.1.5:50100 10.0.3.7:8443 local"}},
		{"conntrack over IPv6", "ipv6 10 tcp 6 100 ESTABLISHED src=2001:db8::5 dst=2001:db8::9 sport=50100 dport=443 src=2001:db8::9 dst=2001:db8::5 sport=443 dport=50100\n" +
			"icmpv6 58 29 src=2001:db8::5 dst=2001:db8::9 type=128 code=0 id=7 src=2001:db8::9 dst=2001:db8::5 type=129 code=0 id=7\n",
			[]string{"tcp 2001:db8::5:50100 2001:db8::9:443 local", "icmpv6 2001:db8::5:-1 2001:db8::9:-1 local"}},
		{"recipe, quoted", "\ufeff\"Timestamp\",\"Destination IP\",\"Port\"\n\"2026-09-01 10:00:00\",\"10.0.2.50\",\"5432\"\n", []string{"tcp invalid IP:-1 10.0.2.50:5432 ?"}},
		{"recipe without a header", "\ufeff2026-09-01 10:00:00,2001:db8::9,443\n", []string{"tcp invalid IP:-1 2001:db8::9:443 ?"}},
		{"Zeek with commas", "#separator ,\n#unset_field,?\n#fields,ts,id.orig_h,id.orig_p,id.resp_h,id.resp_p,proto,local_resp\n1788220800.25,10.0.1.5,50100,10.0.2.50,5432,tcp,?\n",
			[]string{hosts[4]}},
		{"Zeek that met no handshake", "#fields\tts\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tconn_state\thistory\n" +
			"1.5\t10.0.1.5\t22\t10.9.0.4\t50022\ttcp\tOTH\tDd\n1.5\t10.0.1.5\t50100\t10.0.2.50\t5432\ttcp\tOTH\tHd\n",
			[]string{"tcp 10.0.1.5:22 10.9.0.4:50022 ?", hosts[4]}},
		{"netstat of Windows in German", strings.NewReplacer("LISTENING  ", "ABHÖREN", "ESTABLISHED", "HERGESTELLT", "Proto  Local Address", "Proto  Lokale Adresse", "Active Connections", "Aktive Verbindungen").Replace(netstatWindows),
			[]string{hosts[0], hosts[1], "udp listen 0.0.0.0:53", hosts[2], hosts[4]}},
		{"netstat of Windows in Korean", strings.NewReplacer("Proto  Local Address", "프로토콜  로컬 주소", "Active Connections", "활성 연결").Replace(netstatWindows),
			[]string{hosts[0], hosts[1], "udp listen 0.0.0.0:53", hosts[2], hosts[4]}},
		{"netstat of Windows with bound sockets", "  TCP    10.0.1.5:50000   0.0.0.0:0   BOUND   77\n" + netstatWindows,
			[]string{hosts[0], hosts[1], "udp listen 0.0.0.0:53", hosts[2], hosts[4]}},
		{"netstat of Linux in German", strings.ReplaceAll(netstatLinux, "ESTABLISHED", "VERBUNDEN"),
			[]string{hosts[0], hosts[1], "udp listen 127.0.0.53:53", hosts[2], hosts[3], hosts[4], sent, "udp 10.0.1.5:40123 10.0.9.9:8125 local"}},
		{"conntrack of one entry to the internet", "udp 17 25 src=10.0.1.5 dst=8.8.8.8 sport=40123 dport=53 src=8.8.8.8 dst=10.0.1.5 sport=53 dport=40123\n",
			[]string{"udp 10.0.1.5:40123 8.8.8.8:53 local"}},
		{"conntrack to an address that leads here", conntrackText + "tcp 6 9 ESTABLISHED src=203.0.113.9 dst=198.51.100.1 sport=40000 dport=80 src=10.0.1.5 dst=203.0.113.9 sport=8080 dport=40000 [ASSURED]\n",
			[]string{"icmp 10.0.1.5:-1 10.9.0.4:-1 peer", hosts[2], "tcp 10.0.1.5:8080 203.0.113.9:40000 peer", hosts[4],
				"tcp 10.0.1.5:61000 10.0.9.1:443 local", "udp 10.0.1.5:40123 10.0.9.9:8125 local"}},
		{"Zeek's stream of several logs", "{\"_path\":\"capture_loss\",\"ts\":1.0}\n{\"_path\":\"dns\",\"ts\":1.0,\"id.orig_h\":\"10.0.1.5\",\"id.orig_p\":5000,\"id.resp_h\":\"10.0.0.2\",\"id.resp_p\":53,\"proto\":\"udp\"}\n" +
			strings.ReplaceAll(zeekJSONText, "{", "{\"_path\":\"conn\","), []string{"tcp 10.0.1.5:22 198.51.100.7:50022 peer", hosts[4]}},
		{"Zeek JSON with an object for the ends", `{"ts":1.5,"id":{"orig_h":"10.0.1.5","orig_p":50100,"resp_h":"10.0.2.50","resp_p":5432},"proto":"tcp"}` + "\n", []string{hosts[4]}},
		{"Zeek JSON with underscores", strings.ReplaceAll(zeekJSONText, "\"id.", "\"id_"), []string{"tcp 10.0.1.5:22 198.51.100.7:50022 peer", hosts[4]}},
		{"Zeek that saw the echo reply alone", "#fields\tts\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\n1.5\t10.0.9.9\t0\t10.0.1.5\t8\ticmp\n",
			[]string{"icmp 10.0.9.9:-1 10.0.1.5:-1 peer"}},
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

func TestCounts(t *testing.T) {
	zeek, err := Decode(strings.NewReader(`{"ts":100.5,"duration":2.25,"id.orig_h":"10.0.1.5","id.orig_p":50100,"id.resp_h":"10.0.2.50","id.resp_p":5432,"proto":"tcp","orig_pkts":3,"resp_pkts":2,"orig_ip_bytes":300,"resp_ip_bytes":200}`))
	if err != nil {
		t.Fatal(err)
	}
	if n := zeek.Connections[0]; n.Packets != 5 || n.Bytes != 500 || n.Count != 1 || n.Last.Sub(n.First) != 2250*time.Millisecond {
		t.Errorf("Zeek: %+v", n)
	}
	track, err := Decode(strings.NewReader("[DESTROY] tcp 6 src=10.0.1.5 dst=10.0.2.50 sport=50100 dport=5432 packets=3 bytes=300 src=10.0.2.50 dst=10.0.1.5 sport=5432 dport=50100 packets=2 bytes=200\n"))
	if err != nil {
		t.Fatal(err)
	}
	if n := track.Connections[0]; n.Packets != 5 || n.Bytes != 500 {
		t.Errorf("conntrack: %+v", n)
	}
}

// What is written in the recipe's form is read back, as far as the form goes.
func TestWriteRecipeCSV(t *testing.T) {
	c, err := Decode(strings.NewReader(conntrackEvents + conntrackText))
	if err != nil {
		t.Fatal(err)
	}
	for i := range c.Connections {
		c.Connections[i].First = time.Unix(1788220800-int64(i), 0)
	}
	var b bytes.Buffer
	if err := WriteRecipeCSV(&b, c); err != nil {
		t.Fatal(err)
	}
	again, err := Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"tcp invalid IP:-1 10.0.2.50:5432 ?", "tcp invalid IP:-1 10.0.9.1:443 ?"}
	if d := cmp.Diff(want, words(again)); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// netstat of Linux cuts long addresses off: that is said, the rest is read.
func TestCutOffAddresses(t *testing.T) {
	c, err := Decode(strings.NewReader(netstatLinux + "tcp6       0      0 2001:db8:1234:5678:9:52 2001:db8:1234:5678::443 ESTABLISHED -\n"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(c.Incomplete, "1 lines have an address that netstat cut off") || len(c.Connections) != 5 {
		t.Errorf("%q, %d connections", c.Incomplete, len(c.Connections))
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
		{"#separator \\x09\n#path\tdns\n#fields\tts\tproto\n1.0\tudp\n", "a log of Zeek's, but of dns: want conn.log"},
	} {
		_, err := Decode(strings.NewReader(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.60q: %v, want %q", c.text, err, c.want)
		}
	}
}
