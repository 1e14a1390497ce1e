package rollup

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/analyze/parquetio"
	"github.com/flowcover/flowcover/topology/netset"
)

// The oracle does with maps and loops what the SQL does, from the documents'
// words alone.

// line is one record as the oracle sees it. Addresses and ports are absent as
// zero values; flags below zero: the log has none.
type line struct {
	day               int32 // of the object's key
	eni               string
	src, dst          string
	pktSrc, pktDst    string
	sport, dport      int
	proto             int
	packets, bytes    int64
	start, end        int64
	action, dir       string
	flags             int
	hasFlags          bool
	status            string
	unit              string
	local, peer       string
	hopLocal, hopPeer string
	lport, pport      int
	arriving          bool
	side              analyze.Side
}

func (l *line) tuple() string {
	return fmt.Sprint(l.unit, l.eni, l.proto, l.local, l.peer, l.hopLocal, l.hopPeer, l.lport, l.pport)
}

func private(s string) bool {
	a := netip.MustParseAddr(s)
	return a.IsPrivate() || netip.MustParsePrefix("100.64.0.0/10").Contains(a)
}

// orient says which address is the interface's, as the documents say.
func orient(lines []*line) {
	type place struct {
		unit, eni string
		day       int32
	}
	seen, arrived, standsIn := map[place]map[string]int{}, map[place]map[string]int{}, map[place]map[string]int{}
	for _, l := range lines {
		p := place{l.unit, l.eni, floorDay(l.start)}
		if seen[p] == nil {
			seen[p], arrived[p], standsIn[p] = map[string]int{}, map[string]int{}, map[string]int{}
		}
		seen[p][l.src]++
		seen[p][l.dst]++
		arrived[p][l.dst]++
		if cmp.Or(l.pktSrc, l.src) != l.src {
			standsIn[p][l.src]++
		}
		if cmp.Or(l.pktDst, l.dst) != l.dst {
			standsIn[p][l.dst]++
		}
	}
	for _, l := range lines {
		p := place{l.unit, l.eni, floorDay(l.start)}
		before := func(a, b string) bool { // a rather than b is the interface's own
			if seen[p][a] != seen[p][b] {
				return seen[p][a] > seen[p][b]
			}
			if standsIn[p][a] != standsIn[p][b] {
				return standsIn[p][a] > standsIn[p][b]
			}
			if private(a) != private(b) {
				return private(a)
			}
			if arrived[p][a] != arrived[p][b] {
				return arrived[p][a] > arrived[p][b]
			}
			return a < b
		}
		switch l.dir {
		case "ingress":
			l.arriving = true
		case "egress":
			l.arriving = false
		default:
			l.arriving = before(l.dst, l.src)
		}
		ps, pd := cmp.Or(l.pktSrc, l.src), cmp.Or(l.pktDst, l.dst)
		hopped := ps != l.src || pd != l.dst
		sp, dp := l.sport, l.dport
		if l.proto != 6 && l.proto != 17 {
			sp, dp = analyze.NoPort, analyze.NoPort
		}
		if l.arriving {
			l.local, l.peer, l.lport, l.pport = pd, ps, dp, sp
		} else {
			l.local, l.peer, l.lport, l.pport = ps, pd, sp, dp
		}
		if hopped && l.arriving {
			l.hopLocal, l.hopPeer = l.dst, l.src
		} else if hopped {
			l.hopLocal, l.hopPeer = l.src, l.dst
		}
	}
}

func settleOracle(lines []*line) {
	type ev struct{ peer, local bool }
	evidence := map[string]ev{}
	for _, l := range lines {
		if l.proto != 6 || !l.hasFlags {
			continue
		}
		syn, ack := l.flags&18 == 2, l.flags&18 == 18
		e := evidence[l.tuple()]
		if syn && l.arriving || ack && !l.arriving {
			e.peer = true
		}
		if syn && !l.arriving || ack && l.arriving {
			e.local = true
		}
		evidence[l.tuple()] = e
	}
	for _, l := range lines {
		switch e := evidence[l.tuple()]; {
		case e.peer && !e.local:
			l.side = analyze.In
		case e.local && !e.peer:
			l.side = analyze.Out
		default:
			l.side = analyze.Unsettled
		}
	}
}

// endpoints counts the other ends' ports of answered, unsettled conversations,
// whichever interfaces of the partition saw the request and the answer.
func endpoints(lines []*line) map[string]int {
	sent := map[string]bool{}
	way := func(l *line, from, to string, fp, tp int) string {
		return fmt.Sprint(l.unit, l.proto, from, fp, to, tp)
	}
	tuples := func(yield func(*line)) {
		for _, l := range lines {
			if l.side == analyze.Unsettled && l.lport >= 0 && l.pport >= 0 {
				yield(l)
			}
		}
	}
	tuples(func(l *line) {
		switch {
		case l.action == "REJECT":
		case l.arriving:
			sent[way(l, l.peer, l.local, l.pport, l.lport)] = true
		default:
			sent[way(l, l.local, l.peer, l.lport, l.pport)] = true
		}
	})
	others := map[string]map[int]bool{}
	tuples(func(l *line) {
		if !sent[way(l, l.peer, l.local, l.pport, l.lport)] || !sent[way(l, l.local, l.peer, l.lport, l.pport)] {
			return
		}
		for _, end := range []struct {
			key   string
			other int
		}{{endKey(l, l.local, l.lport), l.pport}, {endKey(l, l.peer, l.pport), l.lport}} {
			if others[end.key] == nil {
				others[end.key] = map[int]bool{}
			}
			others[end.key][end.other] = true
		}
	})
	n := map[string]int{}
	for k, v := range others {
		if len(v) >= 16 {
			n[k] = len(v)
		}
	}
	return n
}

func endKey(l *line, addr string, port int) string { return fmt.Sprint(l.unit, l.proto, addr, port) }

func oracleRows(all []*line, w analyze.Window) []analyze.Row {
	var lines []*line
	for _, l := range all {
		if l.status == "OK" {
			lines = append(lines, l)
		}
	}
	orient(lines)
	settleOracle(lines)
	ends := endpoints(lines)
	byKey := map[string]*analyze.Row{}
	for _, l := range lines {
		if l.start < w.Since.Unix() || l.start >= w.Until.Unix() {
			continue
		}
		lport, pport, opener := l.lport, l.pport, analyze.NoPort
		served := 0
		nl, np := ends[endKey(l, l.local, l.lport)], ends[endKey(l, l.peer, l.pport)]
		switch {
		case l.side == analyze.In:
			served = 1
		case l.side == analyze.Out:
			served = 2
		case nl > 0 && (nl > np || nl == np && l.lport < l.pport):
			served = 1
		case np > 0 && (np > nl || nl == np && l.pport < l.lport):
			served = 2
		}
		switch served {
		case 1:
			opener, pport = pport, analyze.NoPort
		case 2:
			opener, lport = lport, analyze.NoPort
		}
		key := fmt.Sprint(l.eni, l.side, l.proto, l.local, l.peer, l.hopLocal, l.hopPeer, lport, pport, l.action)
		r := byKey[key]
		if r == nil {
			r = &analyze.Row{Account: testAccount, Region: testRegion, ENI: l.eni, Side: l.side, Protocol: netset.Protocol(l.proto),
				Local: addr(l.local), Peer: addr(l.peer), HopLocal: addr(l.hopLocal), HopPeer: addr(l.hopPeer),
				LocalPort: lport, PeerPort: pport, OpenerPortLow: opener, OpenerPortHigh: opener, Action: analyze.Action(l.action),
				First: unixUTC(l.start), Last: unixUTC(l.end)}
			if l.side != analyze.Unsettled {
				r.Method = analyze.MethodSYN
			}
			byKey[key] = r
		}
		r.Records++
		r.Packets += l.packets
		r.Bytes += l.bytes
		if l.arriving {
			r.PacketsIn, r.BytesIn = r.PacketsIn+l.packets, r.BytesIn+l.bytes
		} else {
			r.PacketsOut, r.BytesOut = r.PacketsOut+l.packets, r.BytesOut+l.bytes
		}
		r.OpenerPortLow, r.OpenerPortHigh = min(r.OpenerPortLow, opener), max(r.OpenerPortHigh, opener)
		if t := unixUTC(l.start); t.Before(r.First) {
			r.First = t
		}
		if t := unixUTC(l.end); t.After(r.Last) {
			r.Last = t
		}
		_, offset := unixUTC(l.start).In(w.Location).Zone()
		if d := floorDay(l.start + int64(offset)); !slices.Contains(r.Days, d) {
			r.Days = append(r.Days, d)
			slices.Sort(r.Days)
		}
		r.Hours |= 1 << (l.start % 86400 / 3600)
		r.SynAck = r.SynAck || l.hasFlags && l.proto == 6 && l.flags&18 == 18
		r.HasFlags = r.HasFlags || l.hasFlags
	}
	var rows []analyze.Row
	for _, r := range byKey {
		rows = append(rows, *r)
	}
	return rows
}

func addr(s string) netip.Addr {
	if s == "" {
		return netip.Addr{}
	}
	return netip.MustParseAddr(s)
}

// randomLines makes traffic of few hosts and ports, so that much of it meets.
func randomLines(r *rand.Rand, from, days int32, withDirection, withFlags bool) []*line {
	pick := func(s []string) string { return s[r.IntN(len(s))] }
	hosts := []string{"10.0.0.5", "10.0.0.9", "10.1.0.77", "203.0.113.9", "198.51.100.7", "2001:db8::5", "fd00::1"}
	r.Shuffle(len(hosts), func(i, j int) { hosts[i], hosts[j] = hosts[j], hosts[i] })
	hosts = hosts[:1+r.IntN(len(hosts))]
	ports := []int{22, 53, 443, 5432, 40000, 40001, 50000}[:2+r.IntN(6)]
	spread := 15 + r.IntN(6) // about as many as fold
	var out []*line
	for range 100 + r.IntN(700) {
		own := "10.0.0.4"
		peer := pick(hosts)
		if strings.Contains(peer, ":") {
			own = "fd00::4"
		}
		l := line{day: from + r.Int32N(days), eni: fmt.Sprintf("eni-%d", r.IntN(2)), status: "OK", hasFlags: withFlags,
			proto: []int{6, 6, 6, 17, 1, 47}[r.IntN(6)], packets: r.Int64N(50), action: pick([]string{"ACCEPT", "ACCEPT", "ACCEPT", "REJECT"})}
		l.unit = fmt.Sprint(l.day)
		l.bytes = l.packets * 60
		l.start = int64(l.day)*86400 - 120 + r.Int64N(86400)
		l.end = l.start + r.Int64N(600)
		l.sport, l.dport = ports[r.IntN(len(ports))], 40000+r.IntN(spread)
		if r.IntN(3) == 0 {
			l.sport, l.dport = l.dport, l.sport
		}
		l.flags = []int{0, 0, 0, 0, 0, 0, 1, 2, 18, 3, 19, 4}[r.IntN(12)]
		if r.IntN(20) == 0 { // a NAT or gateway interface's record
			l.pktSrc = "192.0.2.1"
		}
		l.src, l.dst, l.arriving = peer, own, true
		n := 1
		if r.IntN(3) > 0 {
			n = 2 // and the answer
		}
		for i := range n {
			c := l
			if i == 1 {
				c.src, c.dst, c.sport, c.dport, c.arriving = l.dst, l.src, l.dport, l.sport, false
				c.pktSrc, c.pktDst = "", l.pktSrc
				// What answers a SYN is a SYN+ACK.
				c.flags = map[int]int{2: 18, 3: 19, 18: 2, 19: 3}[l.flags]
			}
			if withDirection {
				c.dir = map[bool]string{true: "ingress", false: "egress"}[c.arriving]
			}
			out = append(out, &c)
		}
	}
	// Silence and gaps say nothing of flows.
	out = append(out, &line{day: from, eni: "eni-0", status: "NODATA", unit: fmt.Sprint(from), start: int64(from) * 86400, end: int64(from)*86400 + 60})
	return out
}

func (l *line) rec() rec {
	r := rec{"account_id": testAccount, "interface_id": l.eni, "start": int(l.start), "end": int(l.end), "log_status": l.status}
	if l.status != "OK" {
		return r
	}
	maps.Copy(r, rec{"srcaddr": l.src, "dstaddr": l.dst, "srcport": l.sport, "dstport": l.dport, "protocol": l.proto,
		"packets": int(l.packets), "bytes": int(l.bytes), "action": l.action})
	if l.dir != "" {
		r["flow_direction"] = l.dir
	}
	if l.hasFlags {
		r["tcp_flags"] = l.flags
	}
	if l.pktSrc != "" {
		r["pkt_srcaddr"] = l.pktSrc
	}
	if l.pktDst != "" {
		r["pkt_dstaddr"] = l.pktDst
	}
	return r
}

// asText writes a record file as text of a random field order.
func asText(r *rand.Rand, lines []*line) []byte {
	names := []string{"interface-id", "srcaddr", "dstaddr", "srcport", "dstport", "protocol", "packets", "bytes", "start", "end",
		"action", "log-status", "flow-direction", "tcp-flags", "pkt-srcaddr", "pkt-dstaddr", "account-id"}
	if !lines[0].hasFlags {
		names = slices.DeleteFunc(names, func(s string) bool { return s == "tcp-flags" })
	}
	r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	var b strings.Builder
	b.WriteString(strings.Join(names, " ") + "\n")
	for _, l := range lines {
		rc := l.rec()
		for i, n := range names {
			v, ok := rc[strings.ReplaceAll(n, "-", "_")]
			if !ok {
				v = "-"
			}
			if i > 0 {
				b.WriteString(strings.Repeat(" ", 1+r.IntN(2)))
			}
			fmt.Fprint(&b, v)
		}
		b.WriteByte('\n')
	}
	return []byte(b.String())
}

// writeLines spreads lines over objects of their days, in random formats.
func writeLines(t *testing.T, r *rand.Rand, dir string, lines []*line) {
	t.Helper()
	byDay := map[int32][]*line{}
	var days []int32
	for _, l := range lines {
		if byDay[l.day] == nil {
			days = append(days, l.day)
		}
		byDay[l.day] = append(byDay[l.day], l)
	}
	slices.Sort(days)
	for _, d := range days {
		ls := byDay[d]
		r.Shuffle(len(ls), func(i, j int) { ls[i], ls[j] = ls[j], ls[i] })
		for n := 0; len(ls) > 0; n++ {
			k := min(1+r.IntN(300), len(ls))
			day := unixUTC(int64(d) * 86400).Format("2006-01-02")
			if r.IntN(3) == 0 {
				writeFile(t, dir, dayKey(day, fmt.Sprintf("%d.log", n)), asText(r, ls[:k]))
			} else {
				var recs []rec
				for _, l := range ls[:k] {
					recs = append(recs, l.rec())
				}
				if _, ok := recs[0]["srcaddr"]; !ok && len(recs) == 1 {
					recs[0]["srcaddr"], recs[0]["dstaddr"] = "-", "-" // as AWS writes silence
				}
				writeFile(t, dir, dayKey(day, fmt.Sprintf("%d.log.parquet", n)),
					parquetBytes(t, recs, parquetio.FlowLogOptions{RowGroupRows: 1 + r.IntN(60)}))
			}
			ls = ls[k:]
		}
	}
}

func TestRowsMatchTheOracle(t *testing.T) {
	zones := []string{"UTC", "Asia/Seoul", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"}
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 99))
		// Around a change of the clocks and an end of a month.
		from := floorDay(int64(at(t, "2026-10-30 00:00:00")))
		lines := randomLines(r, from, 4, seed%2 == 0, seed%3 != 0)
		logs := t.TempDir()
		writeLines(t, r, logs, lines)
		e := openEngine(t, t.TempDir(), Options{Threads: 1 + int(seed%3)})
		w := window(t, "2026-10-31", "2026-11-02", zones[seed%uint64(len(zones))])
		if seed%7 == 6 { // a window that begins at an odd second
			w.Since = w.Since.Add(1234567891234)
		}
		rep := fill(t, e, logs, w)
		got := rowsOf(t, e, rep, w)
		want := oracleRows(lines, w)
		compareRows(t, fmt.Sprintf("seed %d, %s", seed, w.Location), got, want)
	}
}

func compareRows(t *testing.T, name string, got, want []analyze.Row) {
	t.Helper()
	text := func(rows []analyze.Row) []string {
		var out []string
		for _, r := range rows {
			r.InterfaceType = ""
			out = append(out, fmt.Sprintf("%s %+v", show(r), r))
		}
		sort.Strings(out)
		return out
	}
	g, w := text(got), text(want)
	if slices.Equal(g, w) {
		return
	}
	t.Errorf("%s: %d rows, want %d", name, len(g), len(w))
	n := 0
	for _, s := range g {
		if !slices.Contains(w, s) && n < 5 {
			t.Errorf("  not expected: %s", s)
			n++
		}
	}
	for _, s := range w {
		if !slices.Contains(g, s) && n < 10 {
			t.Errorf("  missing:      %s", s)
			n++
		}
	}
}
