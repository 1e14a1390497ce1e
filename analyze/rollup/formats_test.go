package rollup

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/analyze/parquetio"
	"github.com/flowcover/flowcover/analyze/source"
)

// sharedCase copies a case that the workplace keeps outside of the project.
func sharedCase(t *testing.T, name string) []byte {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		b, err := os.ReadFile(filepath.Join(dir, "..", "shared", "cases", "flowlogs", name))
		if err == nil {
			return b
		}
	}
	t.Skip("../shared/cases/flowlogs is not beside the project: a user's clone has none")
	return nil
}

func gzipped(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestAWSFlagSequence(t *testing.T) {
	for name, pack := range map[string]func(testing.TB, []byte) []byte{"x.log": nil, "x.log.gz": gzipped} {
		b := sharedCase(t, "aws_docs_tcp_flag_sequence.log")
		if pack != nil {
			b = pack(t, b)
		}
		logs := t.TempDir()
		writeFile(t, logs, name, b)
		w := window(t, "2019-08-26", "2019-08-28", "UTC")
		e := openEngine(t, t.TempDir(), Options{})
		r := fill(t, e, logs, w)
		rows := rowsOf(t, e, r, w)
		wantRows(t, rows, "eni-1235b8ca123456789 in tcp 10.0.0.62:5001 52.213.180.42:* from 43416-43638 ACCEPT records 8 packets 15869/1252 bytes 23397117/65363")
		if len(rows) == 1 && (len(rows[0].Days) != 2 || rows[0].Account != "123456789010") {
			t.Errorf("row %+v", rows[0])
		}
		if r.Objects != (Objects{Read: 1}) {
			t.Errorf("objects %+v", r.Objects)
		}
	}
}

func TestAWSNATGateway(t *testing.T) {
	logs := t.TempDir()
	writeFile(t, logs, "nat.log", sharedCase(t, "aws_docs_traffic_through_a_nat_gateway.log"))
	w := window(t, "2026-09-01", "2026-09-02", "Asia/Seoul")
	e := openEngine(t, t.TempDir(), Options{})
	r := fill(t, e, logs, w)
	const nat, host = "eni-1235b8ca123456789", "eni-1111aaaa2222bbbb3"
	rows := rowsOf(t, e, r, w)
	wantRows(t, rows,
		host+" unsettled -2 10.0.1.5:* 203.0.113.5:* records 2 packets 0/0 bytes 0/0",
		nat+" unsettled -2 10.0.0.220:* 203.0.113.5:* records 2 packets 0/0 bytes 0/0",
		nat+" unsettled -2 203.0.113.5:* 10.0.1.5:* hop 10.0.0.220 10.0.1.5 records 2 packets 0/0 bytes 0/0")
	if len(r.Findings) != 1 || r.Findings[0].Kind != "undated-records" {
		t.Errorf("findings %+v", r.Findings)
	}
	for _, row := range rows {
		if !row.First.IsZero() || row.Days != nil || row.HasFlags {
			t.Errorf("row %+v", row)
		}
	}
}

func TestAWSDefaultFormat(t *testing.T) {
	logs := t.TempDir()
	writeFile(t, logs, "v2.log", sharedCase(t, "aws_docs_v2_default.log"))
	e := openEngine(t, t.TempDir(), Options{})
	const eni = "eni-1235b8ca123456789"
	w := window(t, "2014-12-14", "2014-12-15", "UTC")
	r := fill(t, e, logs, w)
	wantRows(t, rowsOf(t, e, r, w),
		eni+" unsettled tcp 172.31.16.21:22 172.31.16.139:20641 ACCEPT records 1 packets 20/0 bytes 4249/0",
		eni+" unsettled tcp 172.31.9.12:3389 172.31.9.69:49761 REJECT records 1 packets 20/0 bytes 4249/0")
	w = window(t, "2015-05-29", "2015-05-30", "UTC")
	r = fill(t, e, logs, w)
	wantRows(t, rowsOf(t, e, r, w),
		eni+" unsettled icmp 172.31.16.139:* 203.0.113.12:* ACCEPT records 1 packets 4/0 bytes 336/0",
		eni+" unsettled icmp 172.31.16.139:* 203.0.113.12:* REJECT records 1 packets 0/4 bytes 0/336")
	w = window(t, "2015-05-10", "2015-05-11", "UTC")
	r = fill(t, e, logs, w)
	wantRows(t, rowsOf(t, e, r, w))
	hours, err := e.ENIHours(context.Background(), r.Rollups, w)
	if err != nil {
		t.Fatal(err)
	}
	if len(hours) != 2 || hours[0].ENI != "eni-11111111aaaaaaaaa" || hours[0].SkipData != 1<<18 || hours[0].NoData != 0 ||
		hours[1].ENI != eni || hours[1].NoData != 1<<18 || hours[1].OK != 0 || hours[1].Account != "123456789010" {
		t.Errorf("hours %+v", hours)
	}
	w = window(t, "2016-10-31", "2016-11-01", "UTC")
	r = fill(t, e, logs, w)
	wantRows(t, rowsOf(t, e, r, w),
		eni+" unsettled tcp 2001:db8:1234:a102:3304:8879:34cf:4071:22 2001:db8:1234:a100:8d6e:3477:df66:f105:34892 ACCEPT records 1 packets 54/0 bytes 8855/0")
}

// One flow in every format and type that an account may have, in one unit: all
// of them add up in one row.
func TestFormatsAgree(t *testing.T) {
	start := at(t, "2026-09-10 03:00:00")
	base := func() rec {
		return rec{"account_id": testAccount, "interface_id": testENI, "srcaddr": "10.9.0.7", "dstaddr": "10.0.0.5",
			"srcport": 40001, "dstport": 443, "protocol": 6, "packets": 10, "bytes": 1000,
			"start": start, "end": start + 59, "action": "ACCEPT", "log_status": "OK", "flow_direction": "ingress", "tcp_flags": 2}
	}
	with := func(change func(rec)) []rec {
		r := base()
		change(r)
		return []rec{r}
	}
	text := func(names ...string) []byte {
		r := base()
		var vals []string
		for _, n := range names {
			v, ok := r[strings.ReplaceAll(n, "-", "_")]
			if !ok {
				v = "-"
			}
			vals = append(vals, fmt.Sprint(v))
		}
		return []byte(strings.Join(names, " ") + "\n" + strings.Join(vals, "  ") + "\n\n" + strings.Join(names, "\t") + "\r\n")
	}
	plain := func(r []rec) []byte { return parquetBytes(t, r, parquetio.FlowLogOptions{}) }
	files := map[string][]byte{
		"int64.parquet": plain(with(func(rec) {})),
		"numbers-as-text.parquet": plain(with(func(r rec) {
			for _, n := range numberFields {
				if v, ok := r[n]; ok {
					r[n] = fmt.Sprint(v)
				}
			}
		})),
		"v11.parquet": plain(with(func(r rec) {
			r["ecs_cluster_arn"], r["interface_type"], r["instance_tag"] = "arn:aws:ecs:x", "-", "a%20b"
			r["vpc_id"], r["pkt_srcaddr"], r["pkt_dstaddr"] = "vpc-1", "10.9.0.7", "10.0.0.5"
		})),
		"uncompressed.parquet": parquetBytes(t, with(func(rec) {}), parquetio.FlowLogOptions{Uncompressed: true}),
		"packed.parquet.gz":    gzipped(t, plain(with(func(rec) {}))),
		"named-so.parquet.gz":  plain(with(func(rec) {})),
		"text.log": text("version", "account-id", "interface-id", "srcaddr", "dstaddr", "srcport", "dstport", "protocol", "packets",
			"bytes", "start", "end", "action", "log-status", "flow-direction", "tcp-flags"),
		"text.log.gz": gzipped(t, text("tcp-flags", "flow-direction", "log-status", "action", "end", "start", "bytes", "packets",
			"protocol", "dstport", "srcport", "dstaddr", "srcaddr", "interface-id", "account-id", "some-new-field")),
		"hyphens.parquet": hyphened(t, with(func(rec) {})),
	}
	logs := t.TempDir()
	for name, b := range files {
		writeFile(t, logs, dayKey("2026-09-10", name), b)
	}
	w := window(t, "2026-09-10", "2026-09-11", "UTC")
	e := openEngine(t, t.TempDir(), Options{})
	r := fill(t, e, logs, w)
	if r.Objects != (Objects{Read: len(files)}) || len(r.Findings) > 0 {
		t.Fatalf("report %+v", r)
	}
	n := len(files)
	wantRows(t, rowsOf(t, e, r, w), fmt.Sprintf("%s in tcp 10.0.0.5:443 10.9.0.7:* from 40001-40001 ACCEPT records %d packets %d/0 bytes %d/0", testENI, n, 10*n, 1000*n))
}

// hyphened writes columns under the hyphened names of AWS's LogFormat.
func hyphened(t *testing.T, recs []rec) []byte {
	t.Helper()
	var cols []parquetio.FlowLogColumn
	for _, n := range append(append([]string{}, textFields...), numberFields...) {
		v, ok := recs[0][n]
		if !ok {
			continue
		}
		c := parquetio.FlowLogColumn{Name: strings.ReplaceAll(n, "_", "-")}
		switch v := v.(type) {
		case int:
			c.Kind, c.Ints = parquetio.FlowLogInt32, []int64{int64(v)}
		case string:
			c.Strings = []string{v}
		}
		cols = append(cols, c)
	}
	var b bytes.Buffer
	if err := parquetio.WriteFlowLog(&b, cols, parquetio.FlowLogOptions{}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Whatever is wrong with an object, it is counted, named and left out, and the
// others are read.
func TestUnreadableObjects(t *testing.T) {
	start := at(t, "2026-09-10 03:00:00")
	good := parquetBytes(t, tcp(testENI, "10.9.0.7", "10.0.0.5", 40001, 443, start, 2, 18), parquetio.FlowLogOptions{})
	var many []rec
	for i := range 500 {
		many = append(many, tcp(testENI, "10.9.0.7", "10.0.0.5", 40001+i, 443, start, 2, 18)...)
	}
	large := parquetBytes(t, many, parquetio.FlowLogOptions{})
	damaged := bytes.Clone(large)
	for i := 4; i < len(damaged)/2; i++ { // pages, not the footer
		damaged[i] ^= 0x5a
	}
	noAddr := parquetBytes(t, []rec{{"interface_id": testENI, "srcaddr": "10.0.0.1", "start": start}}, parquetio.FlowLogOptions{})
	noENI := parquetBytes(t, []rec{{"srcaddr": "10.0.0.1", "dstaddr": "10.0.0.2", "start": start}}, parquetio.FlowLogOptions{})
	bad := map[string]struct {
		bytes  []byte
		reason string
	}{
		"cut.parquet":       {good[:len(good)-50], "does not end in PAR1"},
		"damaged.parquet":   {damaged, "DuckDB cannot read it"},
		"empty.parquet":     {nil, "it is empty"},
		"noaddr.parquet":    {noAddr, "no column dstaddr"},
		"noeni.parquet":     {noENI, "neither a column interface_id nor tgw_id"},
		"nogzip.log.gz":     {[]byte("srcaddr dstaddr interface-id\n"), "not gzip"},
		"cut.log.gz":        {gzipped(t, bytes.Repeat([]byte("srcaddr dstaddr interface-id\n1 2 3\n"), 999))[:40], "damaged or cut off"},
		"noheader.log":      {[]byte("2 1 eni-1 10.0.0.1 10.0.0.2\n"), "not a header"},
		"shortheader.log":   {[]byte("srcaddr interface-id\n10.0.0.1 eni-1\n"), "no field dstaddr"},
		"empty.log":         {nil, "it is empty"},
		"all-bad-lines.log": {[]byte("srcaddr dstaddr interface-id\n1 2\n"), "none of its 1 lines"},
	}
	logs := t.TempDir()
	for name, f := range bad {
		writeFile(t, logs, dayKey("2026-09-10", name), f.bytes)
	}
	writeFile(t, logs, dayKey("2026-09-10", "good.parquet"), good)
	var norows bytes.Buffer
	if err := parquetio.WriteFlowLog(&norows, []parquetio.FlowLogColumn{{Name: "srcaddr"}, {Name: "dstaddr"}, {Name: "interface_id"}}, parquetio.FlowLogOptions{}); err != nil {
		t.Fatal(err)
	}
	writeFile(t, logs, dayKey("2026-09-10", "norows.parquet"), norows.Bytes())
	writeFile(t, logs, dayKey("2026-09-10", "onlyheader.log"), []byte("srcaddr dstaddr interface-id\n"))
	writeFile(t, logs, dayKey("2026-09-10", "somebadlines.log"),
		[]byte("srcaddr dstaddr interface-id action start\n10.9.0.8 10.0.0.5 "+testENI+" ACCEPT "+fmt.Sprint(start)+"\nx y\n10.9.0.8 10.0.0.5 eni\x01 ACCEPT 1\n"))
	writeFile(t, logs, "AWSLogs/123456789012/elasticloadbalancing/ap-northeast-2/2026/09/10/x.log.gz", []byte("x"))
	writeFile(t, logs, "README.txt", []byte("x"))
	writeFile(t, logs, dayKey("2026-11-10", "later.parquet"), good)

	w := window(t, "2026-09-10", "2026-09-11", "UTC")
	state := t.TempDir()
	check := func(r Report, built int) {
		t.Helper()
		if want := (Objects{Read: 2, Skipped: 2, Unreadable: len(bad), Outside: 3}); r.Objects != want || r.Built != built {
			t.Errorf("objects %+v, built %d, want %+v and %d", r.Objects, r.Built, want, built)
		}
		found := map[string]string{}
		for _, f := range r.Findings {
			if f.Kind == "unreadable-object" {
				found[filepath.Base(f.Resource)] = f.Message
			}
		}
		for name, f := range bad {
			base := filepath.Base(dayKey("2026-09-10", name))
			if !strings.Contains(found[base], f.reason) {
				t.Errorf("%s: finding %q, want one that says %q", name, found[base], f.reason)
			}
		}
	}
	e := openEngine(t, state, Options{})
	r := fill(t, e, logs, w)
	check(r, 1)
	rows := rowsOf(t, e, r, w)
	wantRows(t, rows,
		testENI+" in tcp 10.0.0.5:443 10.9.0.7:* from 40001-40001 ACCEPT records 2 packets 3/2 bytes 300/200",
		testENI+" unsettled -2 10.0.0.5:* 10.9.0.8:* ACCEPT records 1 packets 0/0 bytes 0/0")
	// A second run has read nothing anew and knows it all the same.
	r = fill(t, openEngine(t, state, Options{}), logs, w)
	check(r, 0)

	strict := openEngine(t, t.TempDir(), Options{Strict: true})
	_, err := strict.Fill(context.Background(), []source.Bucket{openDir(t, logs, false)}, w, nil)
	if err == nil || !strings.Contains(err.Error(), "unreadable") {
		t.Errorf("strict: %v", err)
	}
}

func TestNothingToRead(t *testing.T) {
	e := openEngine(t, t.TempDir(), Options{})
	w := window(t, "2026-09-10", "2026-09-11", "UTC")
	logs := t.TempDir()
	_, err := e.Fill(context.Background(), []source.Bucket{openDir(t, logs, false)}, w, nil)
	if !errors.Is(err, ErrNoLogs) || !strings.Contains(err.Error(), logs) || !strings.Contains(err.Error(), "vpcflowlogs") {
		t.Errorf("an empty directory: %v", err)
	}
	writeFile(t, logs, dayKey("2026-07-01", "a.parquet"), []byte("x"))
	_, err = e.Fill(context.Background(), []source.Bucket{openDir(t, logs, false)}, w, nil)
	if !errors.Is(err, ErrNoLogs) || !strings.Contains(err.Error(), "2026-07-01") {
		t.Errorf("another month: %v", err)
	}
	w.Since, w.Until = w.Until, w.Since
	if _, err = e.Fill(context.Background(), nil, w, nil); err == nil || !strings.Contains(err.Error(), "not before") {
		t.Errorf("an empty window: %v", err)
	}
}

func TestTransitGatewayLogs(t *testing.T) {
	start := at(t, "2026-09-10 03:00:00")
	tgw := func(src, dst string, sp, dp int, dir, att, pair string, flags, lost int) rec {
		return rec{"resource_type": "TransitGateway", "account_id": testAccount, "tgw_id": "tgw-1", "tgw_attachment_id": att, "tgw_pair_attachment_id": pair,
			"srcaddr": src, "dstaddr": dst, "srcport": sp, "dstport": dp, "protocol": 6, "packets": 4, "bytes": 400, "start": start, "end": start + 60,
			"log_status": "OK", "flow_direction": dir, "tcp_flags": flags, "region": testRegion,
			"packets_lost_no_route": lost, "packets_lost_blackhole": 0, "packets_lost_mtu_exceeded": 0, "packets_lost_ttl_expired": 0}
	}
	recs := []rec{
		tgw("10.1.0.5", "10.2.0.9", 40000, 443, "ingress", "att-a", "att-b", 2, 0),
		tgw("10.1.0.5", "10.2.0.9", 40000, 443, "egress", "att-b", "att-a", 2, 0),
		tgw("10.2.0.9", "10.1.0.5", 443, 40000, "ingress", "att-b", "att-a", 18, 0),
		tgw("10.2.0.9", "10.1.0.5", 443, 40000, "egress", "att-a", "att-b", 18, 0),
		tgw("10.1.0.5", "10.7.7.7", 40001, 53, "ingress", "att-a", "-", 2, 4),
	}
	logs := t.TempDir()
	writeFile(t, logs, dayKey("2026-09-10", "tgw.log.parquet"), parquetBytes(t, recs, parquetio.FlowLogOptions{}))
	w := window(t, "2026-09-10", "2026-09-11", "Asia/Seoul")
	e := openEngine(t, t.TempDir(), Options{})
	r := fill(t, e, logs, w)
	// A packet counts once, where it enters; the sides are those of the
	// addresses in order, for a gateway has none of its own.
	rows := rowsOf(t, e, r, w)
	wantRows(t, rows,
		" out tcp 10.1.0.5:* 10.2.0.9:443 from 40000-40000 records 2 packets 4/4 bytes 400/400",
		" out tcp 10.1.0.5:* 10.7.7.7:53 from 40001-40001 records 1 packets 0/4 bytes 0/400")
	for _, row := range rows {
		if row.InterfaceType != "transit_gateway" || row.Action != analyze.None {
			t.Errorf("row %+v", row)
		}
	}
	lost, err := e.Transit(context.Background(), r.Rollups, w)
	if err != nil {
		t.Fatal(err)
	}
	if len(lost) != 5 {
		t.Fatalf("transit %+v", lost)
	}
	for _, l := range lost {
		if want := int64(0); l.Dest.String() == "10.7.7.7" {
			want = 4
			if l.LostNoRoute != want || l.PairAttachment != "" || l.Direction != "ingress" || l.Gateway != "tgw-1" {
				t.Errorf("lost %+v", l)
			}
		} else if l.LostNoRoute != want || l.Packets != 4 || l.PairAttachment == "" {
			t.Errorf("lost %+v", l)
		}
	}
}

// Addresses that are none are counted and left out, and their neighbours kept.
func TestAddressesThatAreNone(t *testing.T) {
	start := at(t, "2026-09-10 03:00:00")
	recs := tcp(testENI, "10.9.0.7", "10.0.0.5", 40001, 443, start, 2, 18)
	for i, bad := range []string{"10.0.0.256", "not an address", "fe80::1%eth0", "1::2::3", "010.0.0.1", "'; DROP TABLE tuple; --"} {
		r := tcp(testENI, bad, "10.0.0.5", 40002+i, 443, start, 2, 18)[i%2]
		recs = append(recs, r)
	}
	behind := tcp(testENI, "10.9.0.8", "10.0.0.5", 40001, 443, start, 2, 18)[0]
	behind["pkt_srcaddr"], behind["pkt_dstaddr"] = "somewhere", "10.0.0.5"
	logs := t.TempDir()
	writeFile(t, logs, dayKey("2026-09-10", "a.parquet"), parquetBytes(t, append(recs, behind), parquetio.FlowLogOptions{}))
	w := window(t, "2026-09-10", "2026-09-11", "UTC")
	e := openEngine(t, t.TempDir(), Options{})
	r := fill(t, e, logs, w)
	wantRows(t, rowsOf(t, e, r, w),
		testENI+" in tcp 10.0.0.5:443 10.9.0.7:* from 40001-40001 ACCEPT records 2 packets 3/2 bytes 300/200")
	if len(r.Findings) != 1 || r.Findings[0].Kind != "malformed-records" || !strings.Contains(r.Findings[0].Message, "7 records") {
		t.Errorf("findings %+v", r.Findings)
	}
}
