package demo

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/flowcover/flowcover/topology"
)

// run generates into a new folder.
func run(t *testing.T, opt Options) *Report {
	t.Helper()
	opt.Out = t.TempDir()
	opt.Truth = true
	r, err := Generate(context.Background(), opt, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// files gives the folder's files by their slashed path, sorted.
func files(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			out = append(out, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

// line is one text record with its object's key.
type line struct {
	key    string
	fields map[string]string
}

func (l line) num(t *testing.T, name string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(l.fields[name], 10, 64)
	if err != nil {
		t.Fatalf("%s: %s is %q", l.key, name, l.fields[name])
	}
	return n
}

// eachLine reads every text record of a run.
func eachLine(t *testing.T, logs string, visit func(line)) {
	t.Helper()
	for _, key := range files(t, logs) {
		f, err := os.Open(filepath.Join(logs, filepath.FromSlash(key)))
		if err != nil {
			t.Fatal(err)
		}
		zip, err := gzip.NewReader(f)
		if err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		in := bufio.NewScanner(zip)
		var names []string
		for in.Scan() {
			words := strings.Split(in.Text(), " ")
			if names == nil {
				names = words
				continue
			}
			if len(words) != len(names) {
				t.Fatalf("%s: %d words of %d: %q", key, len(words), len(names), in.Text())
			}
			l := line{key, make(map[string]string, len(names))}
			for i, n := range names {
				l.fields[n] = words[i]
			}
			visit(l)
		}
		if err := errors.Join(in.Err(), f.Close()); err != nil {
			t.Fatalf("%s: %v", key, err)
		}
	}
}

// The seed decides every byte; the number of workers none.
func TestSameSeedSameBytes(t *testing.T) {
	opt := Options{Seed: 11, Days: 1, Records: 9000, Workers: 1}
	a := run(t, opt)
	opt.Workers = 3
	b := run(t, opt)
	opt.Seed = 12
	c := run(t, opt)
	same := func(x, y *Report) (equal, all int) {
		dirX, dirY := filepath.Dir(x.Logs), filepath.Dir(y.Logs)
		names := files(t, dirX)
		if !slices.Equal(names, files(t, dirY)) {
			return 0, len(names)
		}
		for _, n := range names {
			p, errP := os.ReadFile(filepath.Join(dirX, filepath.FromSlash(n)))
			q, errQ := os.ReadFile(filepath.Join(dirY, filepath.FromSlash(n)))
			if errP != nil || errQ != nil {
				t.Fatal(errP, errQ)
			}
			if string(p) == string(q) {
				equal++
			}
		}
		return equal, len(names)
	}
	if equal, all := same(a, b); equal != all || all < 90 {
		t.Errorf("with one and three workers %d of %d files are equal", equal, all)
	}
	if equal, _ := same(a, c); equal != 0 {
		t.Errorf("another seed gave the same files: %d", equal)
	}
}

func TestKeys(t *testing.T) {
	at := time.Date(2026, 9, 30, 14, 5, 0, 0, time.UTC)
	scope := topology.Scope{Account: "111122223333", Region: "ap-northeast-2"}
	file := "111122223333_vpcflowlogs_ap-northeast-2_fl-0123_20260930T1405Z_0a1b2c3d.log.parquet"
	for layout, folder := range map[Layout]string{
		LayoutDefault:    "AWSLogs/111122223333/vpcflowlogs/ap-northeast-2/2026/09/30/",
		LayoutHourly:     "AWSLogs/111122223333/vpcflowlogs/ap-northeast-2/2026/09/30/14/",
		LayoutHive:       "AWSLogs/aws-account-id=111122223333/aws-service=vpcflowlogs/aws-region=ap-northeast-2/year=2026/month=09/day=30/",
		LayoutHiveHourly: "AWSLogs/aws-account-id=111122223333/aws-service=vpcflowlogs/aws-region=ap-northeast-2/year=2026/month=09/day=30/hour=14/",
	} {
		if got := layout.Key(scope, "fl-0123", at, "0a1b2c3d", false); got != folder+file {
			t.Errorf("%s: %s\nwant %s", layout, got, folder+file)
		}
	}
	if got := LayoutDefault.Key(scope, "fl-0123", at.In(seoul), "0a1b2c3d", true); !strings.HasSuffix(got, "T1405Z_0a1b2c3d.log.gz") {
		t.Errorf("text: %s", got)
	}
}

// keyHour is the time in an object's name.
func keyHour(t *testing.T, key string) time.Time {
	t.Helper()
	words := strings.Split(filepath.Base(key), "_")
	at, err := time.Parse("20060102T1504Z", words[4])
	if err != nil {
		t.Fatalf("%s: %v", key, err)
	}
	return at
}

// Every record is one that AWS could have written, and the whole agrees with
// the truth.
func TestRecordsAreValidAndTrue(t *testing.T) {
	r := run(t, Options{Seed: 4, Days: 2, Records: 40000, Text: true, Layout: LayoutHive, ObjectsPerHour: 2, End: DefaultEnd})
	c := newChecker(t, r)
	c.width = 1800
	eachLine(t, r.Logs, c.line)
	c.finish(2)
	if got := c.records; got < 34000 || got > 46000 || got != r.Records {
		t.Errorf("%d records (report: %d), asked for 40000", got, r.Records)
	}
	if r.SkipData+c.count["SKIPDATA"] == 0 {
		t.Log("no SKIPDATA in this window")
	}
	if c.count["NODATA"] != r.NoData || c.count["REJECT"] != r.Rejected {
		t.Errorf("%v, report says %d NODATA, %d REJECT", c.count, r.NoData, r.Rejected)
	}
	for _, kind := range []string{"NODATA", "REJECT", "ACCEPT", "ingress", "egress", "IPv6", "S3", "flags 2", "flags 18", "flags 3", "flags 19", "flags 0", "flags 1",
		"protocol 1", "protocol 17", "protocol 50", "path 7", "path 8", "path 1", "transit", "nat"} {
		if c.count[kind] == 0 {
			t.Errorf("no record of %s", kind)
		}
	}
}

// checker checks records one by one and keeps what they add up to.
type checker struct {
	t       *testing.T
	r       *Report
	enis    map[string]topology.NetworkInterface
	subnets map[string]topology.Subnet
	count   map[string]int64
	records int64
	width   int64 // seconds of an object
	// data counts OK records by the addresses and ports of their connection.
	data map[string]int64
}

func newChecker(t *testing.T, r *Report) *checker {
	c := &checker{t: t, r: r, width: 3600, enis: map[string]topology.NetworkInterface{}, subnets: map[string]topology.Subnet{}, count: map[string]int64{}, data: map[string]int64{}}
	res := r.Snapshot.Resources()
	for _, e := range res.Interfaces {
		c.enis[e.ID] = e
	}
	for _, s := range res.Subnets {
		c.subnets[s.ID] = s
	}
	return c
}

func (c *checker) line(l line) {
	t, f := c.t, l.fields
	c.records++
	bad := func(format string, a ...any) {
		t.Helper()
		if c.count["bad"]++; c.count["bad"] < 20 {
			t.Errorf("%s: %s: %v", l.key, fmt.Sprintf(format, a...), f)
		}
	}
	e, ok := c.enis[f["interface-id"]]
	if !ok {
		bad("unknown ENI")
		return
	}
	if f["version"] != "5" || f["account-id"] != e.Account || f["region"] != e.Region || f["vpc-id"] != e.VPC || f["subnet-id"] != e.Subnet ||
		f["instance-id"] != dash(e.Instance) || f["az-id"] != c.subnets[e.Subnet].AZID || f["sublocation-type"] != "-" {
		bad("not what the snapshot says of %s", e.ID)
	}
	start, end := l.num(t, "start"), l.num(t, "end")
	hour := keyHour(t, l.key).Unix()
	if end < start || end-start >= 600 || end < hour || end >= hour+c.width {
		bad("times outside the object's time")
	}
	c.count[f["log-status"]]++
	if f["log-status"] != "OK" {
		for _, name := range []string{"srcaddr", "dstaddr", "srcport", "dstport", "protocol", "packets", "bytes", "action", "tcp-flags", "type",
			"pkt-srcaddr", "pkt-dstaddr", "flow-direction", "traffic-path", "pkt-src-aws-service", "pkt-dst-aws-service"} {
			if f[name] != "-" {
				bad("%s in a row without data", name)
			}
		}
		return
	}
	c.traffic(l, e, bad)
}

// traffic checks a row with data.
func (c *checker) traffic(l line, e topology.NetworkInterface, bad func(string, ...any)) {
	t, f := c.t, l.fields
	src, dst := netip.MustParseAddr(f["srcaddr"]), netip.MustParseAddr(f["dstaddr"])
	psrc, pdst := netip.MustParseAddr(f["pkt-srcaddr"]), netip.MustParseAddr(f["pkt-dstaddr"])
	own := src
	if f["flow-direction"] == "ingress" {
		own = dst
	}
	if !slices.Contains(e.Addresses, own) {
		bad("%s is not the ENI's", own)
	}
	isNAT := e.Type == "nat_gateway"
	middle := isTransit(&e) || isNAT
	if !middle && (src != psrc || dst != pdst) {
		bad("pkt_ addresses differ at an end")
	}
	if isTransit(&e) {
		c.count["transit"]++
		if slices.Contains(e.Addresses, psrc) || slices.Contains(e.Addresses, pdst) || f["instance-id"] != "-" {
			bad("a transit gateway's ENI ends a connection")
		}
	}
	if isNAT {
		c.count["nat"]++
	}
	packets, bytes := l.num(t, "packets"), l.num(t, "bytes")
	if packets < 1 || bytes < 20*packets || bytes > 9100*packets {
		bad("%d packets of %d bytes", packets, bytes)
	}
	proto, flags := l.num(t, "protocol"), l.num(t, "tcp-flags")
	if proto != 6 && flags != 0 || flags < 0 || flags > 23 || flags&24 == 8 {
		bad("flags %d of protocol %d", flags, proto)
	}
	if ported := proto == 6 || proto == 17; ported != (f["dstport"] != "0" && f["srcport"] != "0") {
		bad("ports of protocol %d", proto)
	}
	if (f["traffic-path"] != "-") != (f["flow-direction"] == "egress" && f["traffic-path"] != "-") || f["flow-direction"] == "egress" && f["traffic-path"] == "-" {
		bad("traffic path")
	}
	want := "IPv4"
	if src.Is6() {
		want = "IPv6"
	}
	if f["type"] != want {
		bad("type")
	}
	for _, kind := range []string{f["action"], f["flow-direction"], f["type"], f["pkt-dst-aws-service"], fmt.Sprintf("flags %d", flags),
		fmt.Sprintf("protocol %d", proto), "path " + f["traffic-path"]} {
		c.count[kind]++
	}
	c.data[fmt.Sprintf("%s %s %s %s %d", psrc, f["srcport"], pdst, f["dstport"], proto)]++
	c.data["all"]++
}

// finish compares with the truth: the records add up, and each legitimate pair
// was seen in both directions, at each end that is an ENI.
func (c *checker) finish(minimum int) {
	t := c.t
	truth := readTruth(t, c.r.Truth)
	var total int64
	pairs := map[string]map[string]bool{} // opener target proto port to what was seen
	for _, x := range truth.Pairs {
		total += x.Records
	}
	if total != c.data["all"] {
		t.Errorf("the truth accounts for %d records, the logs hold %d", total, c.data["all"])
	}
	for key := range c.data {
		w := strings.Fields(key)
		if len(w) != 5 {
			continue
		}
		note := func(k, what string) {
			if pairs[k] == nil {
				pairs[k] = map[string]bool{}
			}
			pairs[k][what] = true
		}
		if w[4] != "6" && w[4] != "17" {
			note(w[0]+" "+w[2]+" "+w[4]+" -1", "request")
			note(w[2]+" "+w[0]+" "+w[4]+" -1", "reply")
			continue
		}
		note(w[0]+" "+w[2]+" "+w[4]+" "+w[3], "request")
		note(w[2]+" "+w[0]+" "+w[4]+" "+w[1], "reply")
	}
	for _, x := range truth.Pairs {
		seen := pairs[fmt.Sprintf("%s %s %d %d", x.Opener, x.Target, x.Protocol, x.Port)]
		if !seen["request"] || x.Kind == Legit && !seen["reply"] {
			if x.Records > int64(minimum) { // the rest may have ended at the window's edge
				t.Errorf("%+v: seen %v", x, seen)
			}
		}
	}
}
