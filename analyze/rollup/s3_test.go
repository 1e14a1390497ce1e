package rollup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/analyze/internal/s3fake"
	"github.com/flowcover/flowcover/analyze/parquetio"
	"github.com/flowcover/flowcover/analyze/source"
	"github.com/flowcover/flowcover/scripts/mototest"
)

func noWait(context.Context, int) error { return nil }

func openFake(t testing.TB, s *s3fake.Server, prefix string) source.Bucket {
	t.Helper()
	b, err := source.Open(context.Background(), "s3://"+s.Bucket+"/"+prefix, source.Options{Config: s.Config(), Wait: noWait, Attempts: 5})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// upload copies a directory into the fake.
func upload(t testing.TB, s *s3fake.Server, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		s.Put(filepath.ToSlash(rel), b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// wideRecords makes records of AWS's 29 columns, of which a rollup needs some.
func wideRecords(r *rand.Rand, start, n int) []rec {
	var recs []rec
	for i := range n {
		c := tcp(testENI, fmt.Sprintf("10.9.%d.%d", r.IntN(20), r.IntN(250)), "10.0.0.5", 30000+r.IntN(30000), 443, start+r.IntN(3000), 2, 18)[i%2]
		c["flow_direction"] = []string{"ingress", "egress"}[i%2]
		c["vpc_id"], c["subnet_id"], c["instance_id"] = "vpc-1", "subnet-1", "i-1"
		c["pkt_srcaddr"], c["pkt_dstaddr"] = c["srcaddr"], c["dstaddr"]
		c["padding"] = fmt.Sprintf("%x%x%x%x", r.Uint64(), r.Uint64(), r.Uint64(), r.Uint64())
		recs = append(recs, c)
	}
	return recs
}

func TestSparseStagingMovesWhatIsNeeded(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	logs := t.TempDir()
	for i := range 4 {
		b := parquetBytes(t, wideRecords(r, at(t, "2026-09-10 03:00:00"), 6000), parquetio.FlowLogOptions{RowGroupRows: 2500})
		if len(b) < 2*wholeBelow {
			t.Fatalf("objects of %d bytes are fetched whole anyway", len(b))
		}
		writeFile(t, logs, dayKey("2026-09-10", fmt.Sprintf("%d.parquet", i)), b)
	}
	w := window(t, "2026-09-10", "2026-09-11", "UTC")
	e := openEngine(t, t.TempDir(), Options{})
	want := rowsOf(t, e, fill(t, e, logs, w), w)

	s := s3fake.Start(t, "logs")
	upload(t, s, logs)
	e = openEngine(t, t.TempDir(), Options{})
	rep, err := e.Fill(context.Background(), []source.Bucket{openFake(t, s, "")}, w, nil)
	if err != nil {
		t.Fatal(err)
	}
	compareRows(t, "over S3", rowsOf(t, e, rep, w), want)
	if share := float64(rep.Moved) / float64(rep.Whole); share > 0.6 || share < 0.1 {
		t.Errorf("moved %d of %d bytes", rep.Moved, rep.Whole)
	}
	if sent, _ := s.Sent(); sent != rep.Moved {
		t.Errorf("the server sent %d bytes, the report says %d", sent, rep.Moved)
	}
}

// A small object costs one GET, of all of it.
func TestSmallObjectIsOneGet(t *testing.T) {
	s := s3fake.Start(t, "logs")
	b := parquetBytes(t, tcp(testENI, "10.9.0.7", "10.0.0.5", 40000, 443, at(t, "2026-09-10 12:00:00"), 2, 18), parquetio.FlowLogOptions{})
	if len(b) > wholeBelow {
		t.Fatalf("%d bytes are not small", len(b))
	}
	key := dayKey("2026-09-10", "small.parquet")
	s.Put(key, b)
	var gets, others atomic.Int64
	s.Rule = func(q s3fake.Request) *s3fake.Fault {
		switch {
		case q.Key == key && q.Method == http.MethodGet && q.Range == fmt.Sprintf("bytes=0-%d", len(b)-1):
			gets.Add(1)
		case q.Key != "":
			others.Add(1)
		}
		return nil
	}
	e := openEngine(t, t.TempDir(), Options{})
	rep, err := e.Fill(context.Background(), []source.Bucket{openFake(t, s, "")}, window(t, "2026-09-10", "2026-09-11", "UTC"), nil)
	if err != nil || rep.Records != 2 {
		t.Fatalf("%+v, %v", rep, err)
	}
	if gets.Load() != 1 || others.Load() != 0 || rep.Moved != int64(len(b)) {
		t.Errorf("%d GETs of the whole, %d other requests, %d bytes moved of %d", gets.Load(), others.Load(), rep.Moved, len(b))
	}
}

// Every fault that passes leaves no trace in the rollups but the retries.
func TestFillThroughFaults(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	logs := t.TempDir()
	for i := range 3 {
		writeFile(t, logs, dayKey("2026-09-10", fmt.Sprintf("%d.parquet", i)),
			parquetBytes(t, wideRecords(r, at(t, "2026-09-10 03:00:00"), 3000), parquetio.FlowLogOptions{}))
	}
	writeFile(t, logs, dayKey("2026-09-10", "text.log.gz"), gzipped(t, []byte("srcaddr dstaddr interface-id start\n"+
		strings.Repeat(fmt.Sprintf("10.9.0.1 10.0.0.5 %s %d\n", testENI, at(t, "2026-09-10 04:00:00")), 5000))))
	w := window(t, "2026-09-10", "2026-09-11", "UTC")
	run := func(rule func(s3fake.Request) *s3fake.Fault) (Report, []analyze.Row) {
		s := s3fake.Start(t, "logs")
		s.Rule, s.PageSize = rule, 2
		upload(t, s, logs)
		e := openEngine(t, t.TempDir(), Options{})
		rep, err := e.Fill(context.Background(), []source.Bucket{openFake(t, s, "")}, w, nil)
		if err != nil {
			t.Fatal(err)
		}
		return rep, rowsOf(t, e, rep, w)
	}
	_, want := run(nil)
	for name, fault := range map[string]s3fake.Fault{
		"500": {Status: 500, Code: "InternalError"}, "503": {Status: 503, Code: "SlowDown"},
		"reset": {Cutting: true, Cut: 300, Reset: true}, "short": {Cutting: true, Cut: 5000},
	} {
		var n atomic.Int64
		rep, rows := run(func(q s3fake.Request) *s3fake.Fault {
			if n.Add(1)%2 == 0 || q.Key == "" && fault.Cutting {
				return nil
			}
			return &fault
		})
		if rep.Objects != (Objects{Read: 4}) || rep.Retried == 0 || len(rep.Findings) > 0 {
			t.Errorf("%s: %+v", name, rep)
		}
		compareRows(t, name, rows, want)
	}
}

// An object that cannot be got at is named, does not stop the others, and is
// tried again by the next run, which then makes the whole day.
func TestObjectOutOfReach(t *testing.T) {
	logs := t.TempDir()
	noon := at(t, "2026-09-10 12:00:00")
	for i := range 3 {
		writeFile(t, logs, dayKey("2026-09-10", fmt.Sprintf("%d.parquet", i)),
			parquetBytes(t, tcp(testENI, "10.9.0.7", "10.0.0.5", 40000+i, 443, noon, 2, 18), parquetio.FlowLogOptions{}))
	}
	w := window(t, "2026-09-10", "2026-09-11", "UTC")
	s := s3fake.Start(t, "logs")
	upload(t, s, logs)
	denied := dayKey("2026-09-10", "1.parquet")
	var deny atomic.Bool
	deny.Store(true)
	s.Rule = func(r s3fake.Request) *s3fake.Fault {
		if r.Key == denied && deny.Load() {
			return &s3fake.Fault{Status: 403, Code: "AccessDenied"}
		}
		return nil
	}
	state := t.TempDir()
	run := func() Report {
		e := openEngine(t, state, Options{})
		rep, err := e.Fill(context.Background(), []source.Bucket{openFake(t, s, "")}, w, nil)
		if err != nil {
			t.Fatal(err)
		}
		return rep
	}
	for range 2 {
		rep := run()
		if rep.Objects != (Objects{Read: 2, Unreadable: 1}) || len(rep.Findings) != 1 || !strings.Contains(rep.Findings[0].Resource, denied) ||
			!strings.Contains(rep.Findings[0].Message, "access denied") || rep.Records != 4 {
			t.Errorf("denied: %+v", rep)
		}
	}
	deny.Store(false)
	if rep := run(); rep.Objects != (Objects{Read: 3}) || rep.Records != 6 || rep.Built != 1 {
		t.Errorf("allowed: %+v", rep)
	}
	if rep := run(); rep.Built != 0 || rep.Records != 6 {
		t.Errorf("again: %+v", rep)
	}
}

// An object that is replaced between its footer and its pages is not mixed.
func TestObjectReplacedMeanwhile(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	start := at(t, "2026-09-10 03:00:00")
	old := parquetBytes(t, wideRecords(r, start, 6000), parquetio.FlowLogOptions{})
	newer := parquetBytes(t, wideRecords(r, start, 6000), parquetio.FlowLogOptions{})
	key := dayKey("2026-09-10", "0.parquet")
	s := s3fake.Start(t, "logs")
	s.Put(key, old)
	s.Rule = func(q s3fake.Request) *s3fake.Fault {
		if q.Key == key && q.N == 2 {
			s.Put(key, newer)
		}
		return nil
	}
	w := window(t, "2026-09-10", "2026-09-11", "UTC")
	e := openEngine(t, t.TempDir(), Options{})
	rep, err := e.Fill(context.Background(), []source.Bucket{openFake(t, s, "")}, w, nil)
	if err != nil {
		t.Fatal(err)
	}
	if rep.Objects.Unreadable != 1 || !strings.Contains(rep.Findings[0].Message, "replaced") {
		t.Errorf("%+v", rep)
	}
}

// The stage never holds more than its budget, whatever waits.
func TestStageIsBounded(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	logs := t.TempDir()
	for d := 8; d <= 11; d++ {
		day := fmt.Sprintf("2026-09-%02d", d)
		for i := range 12 {
			writeFile(t, logs, dayKey(day, fmt.Sprintf("%d.parquet", i)),
				parquetBytes(t, wideRecords(r, at(t, day+" 03:00:00"), 2500), parquetio.FlowLogOptions{}))
		}
	}
	s := s3fake.Start(t, "logs")
	upload(t, s, logs)
	const budget = 1 << 20
	scratch := t.TempDir()
	e := openEngine(t, t.TempDir(), Options{StageBytes: budget, Scratch: scratch})
	var most atomic.Int64
	s.Rule = func(s3fake.Request) *s3fake.Fault {
		var sum int64
		_ = filepath.WalkDir(filepath.Join(e.dir, dirIn), func(_ string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				sum += onDisk(d)
			}
			return nil
		})
		for {
			if m := most.Load(); sum <= m || most.CompareAndSwap(m, sum) {
				return nil
			}
		}
	}
	w := window(t, "2026-09-09", "2026-09-11", "UTC")
	rep, err := e.Fill(context.Background(), []source.Bucket{openFake(t, s, "")}, w, nil)
	if err != nil {
		t.Fatal(err)
	}
	if rep.Whole < 4*budget || rep.Moved < 2*budget {
		t.Fatalf("only %d bytes were moved of %d", rep.Moved, rep.Whole)
	}
	// Files take whole blocks of the disk.
	if m := most.Load(); m > budget*5/4 || m == 0 {
		t.Errorf("the stage held %d bytes with a budget of %d", m, budget)
	}
	left, err := os.ReadDir(filepath.Join(e.dir, dirIn))
	if err != nil || len(left) > 0 {
		t.Errorf("%d files left on the stage, %v", len(left), err)
	}
}

// The whole way with logs and state on a real S3 server, as far as moto is one.
func TestFillOnMoto(t *testing.T) {
	ctx := context.Background()
	srv := mototest.Start(t)
	cfg := srv.Config("us-east-1")
	client := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	for _, name := range []string{"logs", "state"} {
		if _, err := client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(name)}); err != nil {
			t.Fatal(err)
		}
	}
	open := func(uri string, writable bool) source.Bucket {
		b, err := source.Open(ctx, uri, source.Options{Config: &cfg, EndpointURL: srv.URL, Writable: writable})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	r := rand.New(rand.NewPCG(9, 9))
	dir := t.TempDir()
	lines := randomLines(r, floorDay(int64(at(t, "2026-09-09 00:00:00"))), 3, true, true)
	writeLines(t, r, dir, lines)
	writeFile(t, dir, dayKey("2026-09-10", "wide.parquet"), parquetBytes(t, wideRecords(r, at(t, "2026-09-10 03:00:00"), 6000), parquetio.FlowLogOptions{}))
	w := window(t, "2026-09-09", "2026-09-12", "Asia/Seoul")
	local := openEngine(t, t.TempDir(), Options{})
	want := rowsOf(t, local, fill(t, local, dir, w), w)

	up := open("s3://logs/some/prefix", true)
	err := openDir(t, dir, false).List(ctx, "", func(o source.Object) error {
		f, err := os.Open(filepath.Join(dir, filepath.FromSlash(o.Key)))
		if err != nil {
			return err
		}
		return errors.Join(up.Put(ctx, o.Key, f), f.Close())
	})
	if err != nil {
		t.Fatal(err)
	}
	for run := range 2 {
		e, err := Open(ctx, Options{State: open("s3://state", true), Scratch: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		rep, err := e.Fill(ctx, []source.Bucket{open("s3://logs/some/prefix", false)}, w, nil)
		if err != nil {
			t.Fatal(err)
		}
		if built := map[int]int{0: 3, 1: 0}[run]; rep.Built != built || len(rep.Rollups) != 3 {
			t.Errorf("run %d: %+v", run, rep)
		}
		rows, err := e.Rows(ctx, rep.Rollups, w)
		if err != nil {
			t.Fatal(err)
		}
		compareRows(t, fmt.Sprintf("run %d", run), rows, want)
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
}
