package rollup

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/analyze/parquetio"
	"github.com/flowcover/flowcover/analyze/source"
)

// rec is a flow log record: field names to values; ints are integer columns,
// strings text, a missing field is absent.
type rec map[string]any

// parquetBytes writes records as AWS does, with every field that any has.
func parquetBytes(t testing.TB, recs []rec, opt parquetio.FlowLogOptions) []byte {
	t.Helper()
	var names []string
	seen := map[string]bool{}
	for _, list := range [][]string{{"version"}, textFields, numberFields, extraNames(recs)} {
		for _, n := range list {
			for _, r := range recs {
				if _, ok := r[n]; ok && !seen[n] {
					seen[n] = true
					names = append(names, n)
				}
			}
		}
	}
	cols := make([]parquetio.FlowLogColumn, len(names))
	for i, n := range names {
		c := &cols[i]
		c.Name = n
		for _, r := range recs {
			if _, ok := r[n].(int); ok {
				c.Kind = parquetio.FlowLogInt64
			}
		}
		for _, r := range recs {
			switch v := r[n].(type) {
			case int:
				c.Ints, c.Null = append(c.Ints, int64(v)), append(c.Null, false)
			case string:
				c.Strings = append(c.Strings, v)
			case nil:
				if c.Kind == parquetio.FlowLogString {
					c.Strings = append(c.Strings, "-")
				} else {
					c.Ints, c.Null = append(c.Ints, 0), append(c.Null, true)
				}
			}
		}
		if c.Kind == parquetio.FlowLogString {
			c.Null = nil
		}
	}
	var b bytes.Buffer
	if err := parquetio.WriteFlowLog(&b, cols, opt); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// extraNames are fields in the tests that the rollup does not know by name.
func extraNames(recs []rec) []string {
	seen := map[string]bool{}
	for _, r := range recs {
		for n := range r {
			if !isField[n] && n != "version" {
				seen[n] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

func writeFile(t testing.TB, dir, key string, b []byte) {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(key))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

const (
	testAccount = "123456789012"
	testRegion  = "ap-northeast-2"
	testENI     = "eni-0123456789abcdef0"
)

// dayKey is a key in AWS's default layout.
func dayKey(day, name string) string {
	d := strings.ReplaceAll(day, "-", "/")
	stamp := strings.ReplaceAll(day, "-", "") + "T0000Z"
	return fmt.Sprintf("AWSLogs/%s/vpcflowlogs/%s/%s/%s_vpcflowlogs_%s_fl-0a1b2c3d_%s_%s",
		testAccount, testRegion, d, testAccount, testRegion, stamp, name)
}

func at(t testing.TB, s string) int {
	t.Helper()
	v, err := time.Parse("2006-01-02 15:04:05", s)
	if err != nil {
		t.Fatal(err)
	}
	return int(v.Unix())
}

func window(t testing.TB, since, until, zone string) analyze.Window {
	t.Helper()
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	w := analyze.Window{Location: loc}
	if w.Since, err = time.ParseInLocation(time.DateOnly, since, loc); err != nil {
		t.Fatal(err)
	}
	if w.Until, err = time.ParseInLocation(time.DateOnly, until, loc); err != nil {
		t.Fatal(err)
	}
	return w
}

func openDir(t testing.TB, dir string, writable bool) source.Bucket {
	t.Helper()
	b, err := source.Open(context.Background(), dir, source.Options{Writable: writable})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func openEngine(t testing.TB, state string, opt Options) *Engine {
	t.Helper()
	opt.State = openDir(t, state, true)
	if opt.Scratch == "" {
		opt.Scratch = t.TempDir()
	}
	e, err := Open(context.Background(), opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func fill(t testing.TB, e *Engine, logs string, w analyze.Window) Report {
	t.Helper()
	r, err := e.Fill(context.Background(), []source.Bucket{openDir(t, logs, false)}, w, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func rowsOf(t testing.TB, e *Engine, r Report, w analyze.Window) []analyze.Row {
	t.Helper()
	rows, err := e.Rows(context.Background(), r.Rollups, w)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// show is a row in words, for comparing.
func show(r analyze.Row) string {
	p := func(n int) string {
		if n == analyze.NoPort {
			return "*"
		}
		return fmt.Sprint(n)
	}
	s := fmt.Sprintf("%s %s %s %v:%s %v:%s", r.ENI, r.Side, r.Protocol, r.Local, p(r.LocalPort), r.Peer, p(r.PeerPort))
	if r.OpenerPortLow != analyze.NoPort {
		s += fmt.Sprintf(" from %d-%d", r.OpenerPortLow, r.OpenerPortHigh)
	}
	if r.HopLocal.IsValid() {
		s += fmt.Sprintf(" hop %v %v", r.HopLocal, r.HopPeer)
	}
	if r.Action != "" {
		s += " " + string(r.Action)
	}
	return fmt.Sprintf("%s records %d packets %d/%d bytes %d/%d", s, r.Records, r.PacketsIn, r.PacketsOut, r.BytesIn, r.BytesOut)
}

func wantRows(t *testing.T, rows []analyze.Row, want ...string) {
	t.Helper()
	var got []string
	for _, r := range rows {
		got = append(got, show(r))
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("rows:\n  %s\nwant:\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// conversation makes both directions of a TCP record pair.
func tcp(eni, client, server string, cport, sport, start, cflags, sflags int) []rec {
	dir := func(src, dst string, sp, dp, flags, n int) rec {
		return rec{"version": 5, "account_id": testAccount, "region": testRegion, "interface_id": eni,
			"srcaddr": src, "dstaddr": dst, "srcport": sp, "dstport": dp, "protocol": 6, "packets": n, "bytes": 100 * n,
			"start": start, "end": start + 59, "action": "ACCEPT", "log_status": "OK", "tcp_flags": flags}
	}
	return []rec{dir(client, server, cport, sport, cflags, 3), dir(server, client, sport, cport, sflags, 2)}
}

func TestSYNSettlesTheDay(t *testing.T) {
	logs := t.TempDir()
	noon := at(t, "2026-09-10 12:00:00")
	var recs []rec
	recs = append(recs, tcp(testENI, "10.9.0.7", "10.0.0.5", 40001, 443, noon, 2, 18)...)
	recs = append(recs, tcp(testENI, "10.9.0.7", "10.0.0.5", 40001, 443, noon+60, 0, 0)...) // inherits
	recs = append(recs, tcp(testENI, "10.9.0.7", "10.0.0.5", 40002, 443, noon, 3, 19)...)
	recs = append(recs, tcp(testENI, "10.9.0.7", "10.0.0.5", 40003, 443, noon, 0, 0)...) // nothing tells
	recs = append(recs, tcp(testENI, "10.0.0.5", "10.8.0.1", 51000, 5432, noon, 2, 18)...)
	reject := tcp(testENI, "10.9.0.7", "10.0.0.5", 40004, 22, noon, 2, 0)[0]
	reject["action"] = "REJECT"
	recs = append(recs, reject)
	writeFile(t, logs, dayKey("2026-09-10", "a.log.parquet"), parquetBytes(t, recs, parquetio.FlowLogOptions{}))

	w := window(t, "2026-09-10", "2026-09-11", "UTC")
	e := openEngine(t, t.TempDir(), Options{})
	r := fill(t, e, logs, w)
	if r.Objects != (Objects{Read: 1}) || r.Built != 1 || r.Records != 11 || len(r.Findings) != 0 {
		t.Errorf("report %+v", r)
	}
	rows := rowsOf(t, e, r, w)
	wantRows(t, rows,
		testENI+" in tcp 10.0.0.5:22 10.9.0.7:* from 40004-40004 REJECT records 1 packets 3/0 bytes 300/0",
		testENI+" in tcp 10.0.0.5:443 10.9.0.7:* from 40001-40002 ACCEPT records 6 packets 9/6 bytes 900/600",
		testENI+" out tcp 10.0.0.5:* 10.8.0.1:5432 from 51000-51000 ACCEPT records 2 packets 2/3 bytes 200/300",
		testENI+" unsettled tcp 10.0.0.5:443 10.9.0.7:40003 ACCEPT records 2 packets 3/2 bytes 300/200")
	in := rows[1]
	if in.Method != analyze.MethodSYN || !in.SynAck || !in.HasFlags || in.Hours != 1<<12 || in.Account != testAccount || in.Region != testRegion ||
		in.First.Unix() != int64(noon) || in.Last.Unix() != int64(noon+119) || len(in.Days) != 1 || in.Days[0] != floorDay(int64(noon)) {
		t.Errorf("row %+v", in)
	}
}

func unixUTC(s int64) time.Time { return time.Unix(s, 0).UTC() }
