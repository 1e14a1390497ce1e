package rollup

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/analyze/parquetio"
)

// udp makes a datagram and, if asked, its answer.
func udp(local, peer string, lport, pport, start int, answered bool) []rec {
	dir := func(src, dst string, sp, dp int, way string) rec {
		return rec{"account_id": testAccount, "region": testRegion, "interface_id": testENI, "srcaddr": src, "dstaddr": dst,
			"srcport": sp, "dstport": dp, "protocol": 17, "packets": 1, "bytes": 100, "start": start, "end": start + 9,
			"action": "ACCEPT", "log_status": "OK", "flow_direction": way, "tcp_flags": 0}
	}
	recs := []rec{dir(local, peer, lport, pport, "egress")}
	if answered {
		recs = append(recs, dir(peer, local, pport, lport, "ingress"))
	}
	return recs
}

func TestUnsettledPortsFold(t *testing.T) {
	start := at(t, "2026-09-10 03:00:00")
	var recs []rec
	for i := range 16 { // answered on 53 to 16 of our ports: folded
		recs = append(recs, udp("10.0.0.4", "10.0.0.2", 40000+i, 53, start, true)...)
	}
	recs = append(recs, udp("10.0.0.4", "10.0.0.2", 45000, 53, start, false)...) // with the rest of it
	for i := range 15 {                                                          // one short: kept
		recs = append(recs, udp("10.0.0.4", "10.0.0.3", 40000+i, 123, start, true)...)
	}
	for i := range 20 { // never answered: a scanner's fixed port is no service
		recs = append(recs, udp("10.0.0.4", "203.0.113.9", 50000+i, 61000, start, false)...)
	}
	for i := range 16 { // our own service, of several peers together
		recs = append(recs, udp("10.0.0.4", fmt.Sprintf("10.0.1.%d", i%2), 161, 40000+i, start, true)...)
	}
	logs := t.TempDir()
	writeFile(t, logs, dayKey("2026-09-10", "a.parquet"), parquetBytes(t, recs, parquetio.FlowLogOptions{}))
	w := window(t, "2026-09-10", "2026-09-11", "UTC")
	e := openEngine(t, t.TempDir(), Options{})
	var short []string
	kept := map[string]int{}
	for _, r := range rowsOf(t, e, fill(t, e, logs, w), w) {
		if s := show(r); r.LocalPort == analyze.NoPort || r.PeerPort == analyze.NoPort {
			short = append(short, s)
		} else {
			kept[r.Peer.String()]++
		}
	}
	want := []string{
		testENI + " unsettled udp 10.0.0.4:* 10.0.0.2:53 from 40000-45000 ACCEPT records 33 packets 16/17 bytes 1600/1700",
		testENI + " unsettled udp 10.0.0.4:161 10.0.1.0:* from 40000-40014 ACCEPT records 16 packets 8/8 bytes 800/800",
		testENI + " unsettled udp 10.0.0.4:161 10.0.1.1:* from 40001-40015 ACCEPT records 16 packets 8/8 bytes 800/800",
	}
	if !slices.Equal(short, want) {
		t.Errorf("folded:\n%s\nwant:\n%s", strings.Join(short, "\n"), strings.Join(want, "\n"))
	}
	if len(kept) != 2 || kept["10.0.0.3"] != 15 || kept["203.0.113.9"] != 20 {
		t.Errorf("kept apart: %v", kept)
	}
}

// A request passes one interface of a transit gateway and its answer another:
// neither alone tells that it was answered, both together do.
func TestPortsFoldAcrossInterfaces(t *testing.T) {
	start := at(t, "2026-09-10 03:00:00")
	var recs []rec
	for i := range 16 {
		pair := udp("10.1.0.4", "10.2.0.2", 40000+i, 53, start, true)
		pair[0]["interface_id"], pair[0]["srcaddr"], pair[0]["pkt_srcaddr"], pair[0]["pkt_dstaddr"] = "eni-tgw-a", "10.2.255.4", "10.1.0.4", "10.2.0.2"
		pair[1]["interface_id"], pair[1]["dstaddr"], pair[1]["pkt_srcaddr"], pair[1]["pkt_dstaddr"] = "eni-tgw-b", "10.2.255.20", "10.2.0.2", "10.1.0.4"
		recs = append(recs, pair...)
	}
	logs := t.TempDir()
	writeFile(t, logs, dayKey("2026-09-10", "a.parquet"), parquetBytes(t, recs, parquetio.FlowLogOptions{}))
	w := window(t, "2026-09-10", "2026-09-11", "UTC")
	e := openEngine(t, t.TempDir(), Options{})
	wantRows(t, rowsOf(t, e, fill(t, e, logs, w), w),
		"eni-tgw-a unsettled udp 10.1.0.4:* 10.2.0.2:53 from 40000-40015 hop 10.2.255.4 10.2.0.2 ACCEPT records 16 packets 0/16 bytes 0/1600",
		"eni-tgw-b unsettled udp 10.1.0.4:* 10.2.0.2:53 from 40000-40015 hop 10.2.255.20 10.2.0.2 ACCEPT records 16 packets 16/0 bytes 1600/0")
}

// Of two endpoints that met, the one that met more is the service, else the
// lower port.
func TestFoldBetweenTwoEndpoints(t *testing.T) {
	start := at(t, "2026-09-10 03:00:00")
	for _, c := range []struct {
		more int // other ports that the peer's endpoint meets beyond the interface's
		want string
	}{
		{0, testENI + " unsettled udp 10.0.0.4:500 10.0.0.2:* from 600-600 ACCEPT records 2 packets 1/1 bytes 100/100"},
		{1, testENI + " unsettled udp 10.0.0.4:* 10.0.0.2:600 from 500-500 ACCEPT records 2 packets 1/1 bytes 100/100"},
	} {
		recs := udp("10.0.0.4", "10.0.0.2", 500, 600, start, true)
		for i := range 16 {
			recs = append(recs, udp("10.0.0.4", "10.0.0.8", 500, 41000+i, start, true)...)
		}
		for i := range 16 + c.more {
			recs = append(recs, udp("10.0.0.9", "10.0.0.2", 42000+i, 600, start, true)...)
		}
		logs := t.TempDir()
		writeFile(t, logs, dayKey("2026-09-10", "a.parquet"), parquetBytes(t, recs, parquetio.FlowLogOptions{}))
		w := window(t, "2026-09-10", "2026-09-11", "UTC")
		e := openEngine(t, t.TempDir(), Options{})
		var got []string
		for _, r := range rowsOf(t, e, fill(t, e, logs, w), w) {
			if r.Local.String() == "10.0.0.4" && r.Peer.String() == "10.0.0.2" {
				got = append(got, show(r))
			}
		}
		if len(got) != 1 || got[0] != c.want {
			t.Errorf("got %v, want %s", got, c.want)
		}
	}
}
