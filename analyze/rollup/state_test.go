package rollup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/analyze/parquetio"
	"github.com/flowcover/flowcover/analyze/rollup/sealed"
	"github.com/flowcover/flowcover/analyze/source"
)

// Records on both sides of a day's end in the window's zone, each one counted
// in exactly one of the windows that meet there.
func TestWindowEdges(t *testing.T) {
	for _, c := range []struct{ zone, utc, day string }{
		{"UTC", "2026-09-30 00:00:00", "2026-09-30"}, {"Asia/Seoul", "2026-09-29 15:00:00", "2026-09-30"}, {"Asia/Kolkata", "2026-09-29 18:30:00", "2026-09-30"},
		{"America/Los_Angeles", "2026-09-30 07:00:00", "2026-09-30"}, {"Pacific/Kiritimati", "2026-09-29 10:00:00", "2026-09-30"},
		// The end of a month and a quarter.
		{"UTC", "2026-10-01 00:00:00", "2026-10-01"}, {"Asia/Seoul", "2026-09-30 15:00:00", "2026-10-01"}, {"America/New_York", "2026-10-01 04:00:00", "2026-10-01"},
	} {
		edge := at(t, c.utc) // the day's midnight in the zone
		logs := t.TempDir()
		n := 0
		add := func(start int, lag int) {
			r := udp("10.0.0.4", "10.0.0.2", 40000+n, 53, start, false)
			day := unixUTC(int64(start + lag)).Format("2006-01-02") // delivered that much later
			writeFile(t, logs, dayKey(day, fmt.Sprintf("%d.parquet", n)), parquetBytes(t, r, parquetio.FlowLogOptions{}))
			n++
		}
		for _, off := range []int{-86400, -3600, -60, -1} {
			add(edge+off, 0)
			add(edge+off, 900)
		}
		for _, off := range []int{0, 1, 60, 86399} {
			add(edge+off, 0)
			add(edge+off, 900)
		}
		state := t.TempDir()
		count := func(since, until string) int64 {
			w := window(t, since, until, c.zone)
			e := openEngine(t, state, Options{})
			var sum int64
			for _, r := range rowsOf(t, e, fill(t, e, logs, w), w) {
				sum += r.Records
			}
			return sum
		}
		next := func(n int) string { return unixUTC(int64(at(t, c.day+" 00:00:00") + n*86400)).Format("2006-01-02") }
		if a, b, all := count(next(-1), c.day), count(c.day, next(1)), count(next(-1), next(1)); a != 8 || b != 8 || all != 16 {
			t.Errorf("%s, %s: %d before, %d after, %d together; want 8, 8, 16", c.zone, c.day, a, b, all)
		}
	}
}

// stateFiles reads the rollups of a state.
func stateFiles(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(filepath.Join(dir, "rollups"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		out[rel] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func sameFiles(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	for name, b := range want {
		if g, ok := got[name]; !ok {
			t.Errorf("%s: %s is missing", what, name)
		} else if g != b {
			t.Errorf("%s: %s has other bytes", what, name)
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s: %s is new", what, name)
		}
	}
}

// Equal objects make equal bytes: at any number of threads, in little memory,
// whatever way they were staged, in which order they were listed.
func TestRollupsAreDeterministic(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	lines := randomLines(r, floorDay(int64(at(t, "2026-09-09 00:00:00"))), 3, false, true)
	for range 20 {
		lines = append(lines, randomLines(r, floorDay(int64(at(t, "2026-09-09 00:00:00"))), 3, true, true)...)
	}
	logs := t.TempDir()
	writeLines(t, r, logs, lines)
	w := window(t, "2026-09-09", "2026-09-12", "Asia/Seoul")
	first := t.TempDir()
	e := openEngine(t, first, Options{Threads: 1})
	fill(t, e, logs, w)
	want := stateFiles(t, first)
	if len(want) != 9 {
		t.Fatalf("%d files of 3 rollups", len(want))
	}
	for _, opt := range []Options{{Threads: 2}, {Threads: 4}, {Threads: 2, MemoryLimit: 192 << 20, StageBytes: 200 << 10}} {
		state := t.TempDir()
		fill(t, openEngine(t, state, opt), logs, w)
		sameFiles(t, fmt.Sprintf("threads %d, memory %d", opt.Threads, opt.MemoryLimit), stateFiles(t, state), want)
	}
	// Through a bucket that lists backwards and has no files of its own.
	state := t.TempDir()
	e = openEngine(t, state, Options{Threads: 2, StageBytes: 1 << 20})
	if _, err := e.Fill(context.Background(), []source.Bucket{backwards{openDir(t, logs, false)}}, w, nil); err != nil {
		t.Fatal(err)
	}
	sameFiles(t, "staged, listed backwards", stateFiles(t, state), want)
}

// backwards is a directory that behaves like a store on the network.
type backwards struct{ source.Bucket }

func (b backwards) Local(string) (string, bool) { return "", false }

func (b backwards) List(ctx context.Context, prefix string, each func(source.Object) error) error {
	var all []source.Object
	if err := b.Bucket.List(ctx, prefix, func(o source.Object) error { all = append(all, o); return nil }); err != nil {
		return err
	}
	slices.Reverse(all)
	for _, o := range all {
		if err := each(o); err != nil {
			return err
		}
	}
	return nil
}

// reads counts what is read of a bucket's objects.
type reads struct {
	source.Bucket
	mu *sync.Mutex
	n  map[string]int
}

func (r reads) Local(string) (string, bool) { return "", false }
func (r reads) Open(ctx context.Context, o source.Object) (io.ReadCloser, error) {
	r.mu.Lock()
	r.n[o.Key]++
	r.mu.Unlock()
	return r.Bucket.Open(ctx, o)
}

func threeDays(t *testing.T, logs string) {
	t.Helper()
	for i, day := range []string{"2026-09-09", "2026-09-10", "2026-09-11"} {
		recs := tcp(testENI, "10.9.0.7", "10.0.0.5", 40001+i, 443, at(t, day+" 12:00:00"), 2, 18)
		writeFile(t, logs, dayKey(day, "a.parquet"), parquetBytes(t, recs, parquetio.FlowLogOptions{}))
	}
}

func TestOnlyWhatIsNewIsRead(t *testing.T) {
	logs, state := t.TempDir(), t.TempDir()
	threeDays(t, logs)
	w := window(t, "2026-09-09", "2026-09-12", "UTC")
	run := func() (Report, map[string]int) {
		b := reads{openDir(t, logs, false), new(sync.Mutex), map[string]int{}}
		e := openEngine(t, state, Options{})
		rep, err := e.Fill(context.Background(), []source.Bucket{b}, w, nil)
		if err != nil {
			t.Fatal(err)
		}
		wantRows(t, rowsOf(t, e, rep, w)[:1], fmt.Sprintf("%s in tcp 10.0.0.5:443 10.9.0.7:* from 40001-40003 ACCEPT records 6 packets 9/6 bytes 900/600", testENI))
		return rep, b.n
	}
	rep, n := run()
	if rep.Built != 3 || len(n) != 3 {
		t.Errorf("first run built %d from %v", rep.Built, n)
	}
	rep, n = run()
	if rep.Built != 0 || len(n) != 0 || len(rep.Rollups) != 3 || rep.Objects.Read != 3 {
		t.Errorf("second run: %+v, read %v", rep, n)
	}
	// A late object makes its day again, and no other.
	writeFile(t, logs, dayKey("2026-09-10", "late.parquet"),
		parquetBytes(t, udp("10.0.0.4", "10.0.0.2", 1, 2, at(t, "2026-09-10 13:00:00"), false), parquetio.FlowLogOptions{}))
	rep, n = run()
	if rep.Built != 1 || len(n) != 2 || rep.Records != 7 {
		t.Errorf("after a late object: %+v, read %v", rep, n)
	}
}

func TestDamagedRollupsAreMadeAgain(t *testing.T) {
	logs, state := t.TempDir(), t.TempDir()
	threeDays(t, logs)
	w := window(t, "2026-09-09", "2026-09-12", "UTC")
	fill(t, openEngine(t, state, Options{}), logs, w)
	want := stateFiles(t, state)
	var names []string
	for name := range want {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names[:3] { // one rollup's sidecar and tables
		path := filepath.Join(state, name)
		for what, harm := range map[string]func() error{
			"gone":    func() error { return os.Remove(path) },
			"cut":     func() error { return os.Truncate(path, int64(len(want[name])/2)) },
			"flipped": func() error { return os.WriteFile(path, flip(want[name]), 0o644) },
			"empty":   func() error { return os.Truncate(path, 0) },
		} {
			if err := harm(); err != nil {
				t.Fatal(err)
			}
			rep := fill(t, openEngine(t, state, Options{}), logs, w)
			if what == "flipped" && strings.HasSuffix(name, ".json") {
				continue // a changed number in a sidecar is found by its files or not at all
			}
			if rep.Built != 1 {
				t.Errorf("%s %s: %d rollups made again", name, what, rep.Built)
			}
			sameFiles(t, name+" "+what, stateFiles(t, state), want)
		}
	}
}

func flip(s string) []byte {
	b := []byte(s)
	b[len(b)/2] ^= 1
	return b
}

// Wherever a run is stopped, the next goes on, and the state is as if nothing
// had happened.
func TestStoppedRunsGoOn(t *testing.T) {
	logs, whole := t.TempDir(), t.TempDir()
	threeDays(t, logs)
	w := window(t, "2026-09-09", "2026-09-12", "UTC")
	fill(t, openEngine(t, whole, Options{}), logs, w)
	want := stateFiles(t, whole)
	for stop := 1; stop <= len(want)+1; stop++ {
		state := t.TempDir()
		st := &stopping{Bucket: openDir(t, state, true), left: stop}
		e, err := Open(context.Background(), Options{State: st, Scratch: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		_, err = e.Fill(context.Background(), []source.Bucket{openDir(t, logs, false)}, w, nil)
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		if stopped := stop <= len(want); stopped != errors.Is(err, errStopped) {
			t.Fatalf("stop %d: %v", stop, err)
		}
		fill(t, openEngine(t, state, Options{}), logs, w)
		sameFiles(t, fmt.Sprintf("stopped at write %d", stop), stateFiles(t, state), want)
	}
}

var errStopped = errors.New("killed")

// stopping is a state whose n-th write fails, and all after it.
type stopping struct {
	source.Bucket
	left int
}

func (s *stopping) Put(ctx context.Context, key string, body io.ReadSeeker) error {
	if s.left--; s.left <= 0 {
		return errStopped
	}
	return s.Bucket.Put(ctx, key, body)
}

// A cancelled context ends a run soon and leaves nothing half-written.
func TestCancelledRun(t *testing.T) {
	logs, state := t.TempDir(), t.TempDir()
	threeDays(t, logs)
	w := window(t, "2026-09-09", "2026-09-12", "UTC")
	ctx, cancel := context.WithCancel(context.Background())
	e := openEngine(t, state, Options{})
	_, err := e.Fill(ctx, []source.Bucket{openDir(t, logs, false)}, w, func(p Progress) {
		if p.UnitsDone == 1 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	if rep := fill(t, e, logs, w); rep.Built > 2 || len(rep.Rollups) != 3 {
		t.Errorf("the same engine afterwards: %+v", rep)
	}
}

func TestObservationsRoundTrip(t *testing.T) {
	ctx := context.Background()
	state := t.TempDir()
	e := openEngine(t, state, Options{})
	if _, _, _, err := e.LoadObservations(ctx, ""); !errors.Is(err, ErrNoObservations) {
		t.Errorf("an empty state: %v", err)
	}
	w := window(t, "2026-09-09", "2026-09-12", "Asia/Seoul")
	in := Inputs{Rollups: []string{"a", "b"}, Snapshots: []string{"s"}, Window: w}
	d1, err := e.SaveObservations(ctx, in, []analyze.Flow{{ID: "f-1"}}, map[string]string{"k": "v"})
	if err != nil {
		t.Fatal(err)
	}
	in.Rollups = []string{"b", "a"}
	if e.Digest(in) != d1 {
		t.Error("the order of rollups changes the name")
	}
	in.Captures = []string{"c"}
	d2, err := e.SaveObservations(ctx, in, []analyze.Flow{{ID: "f-2"}}, nil)
	if err != nil || d1 == d2 {
		t.Fatalf("%v, %s and %s", err, d1, d2)
	}
	got, flows, _, err := e.LoadObservations(ctx, "")
	if err != nil || got != d2 || len(flows) != 1 || flows[0].ID != "f-2" {
		t.Errorf("newest: %s %+v %v", got, flows, err)
	}
	_, flows, meta, err := LoadObservations(ctx, openDir(t, state, false), d1)
	if err != nil || flows[0].ID != "f-1" || meta["k"] != "v" {
		t.Errorf("by name: %+v %v %v", flows, meta, err)
	}
}

func TestStateThatCannotBeWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "below"), "/proc/flowcover-state"} {
		if _, err := source.Open(context.Background(), dir, source.Options{Writable: true}); err == nil || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %v", dir, err)
		}
	}
}

// The engine reads and writes its scratch folder and nothing else, and cannot
// be opened up again.
func TestEngineIsSealed(t *testing.T) {
	e := openEngine(t, t.TempDir(), Options{})
	secret := filepath.Join(t.TempDir(), "secret.csv")
	if err := os.WriteFile(secret, []byte("a,b\n1,2\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{
		"SELECT * FROM read_csv(" + sealed.Literal(secret) + ")",
		"SELECT * FROM read_text('/etc/passwd')",
		"SELECT * FROM read_parquet('s3://bucket/key.parquet')",
		"SELECT * FROM read_csv('https://example.com/x.csv')",
		"COPY (SELECT 1) TO " + sealed.Literal(secret+".out"),
		"ATTACH " + sealed.Literal(secret+".db"),
		"INSTALL httpfs", "LOAD httpfs",
		"SET enable_external_access = TRUE", "SET lock_configuration = FALSE", "SET threads = 3", "SET memory_limit = '9GB'",
		"SET allowed_directories = ['/']", "SET temp_directory = '/tmp'",
	} {
		if err := e.exec(context.Background(), q); err == nil {
			t.Errorf("%s is let through", q)
		}
	}
	if _, err := os.Stat(secret + ".out"); err == nil {
		t.Error("a file was written outside")
	}
}

func FuzzReadText(f *testing.F) {
	f.Add([]byte("srcaddr dstaddr interface-id\n10.0.0.1 10.0.0.2 eni-1\n"))
	f.Add([]byte("version account-id interface-id srcaddr dstaddr\n2 1 eni - -\nsrcaddr dstaddr tgw-id\na b c\n"))
	f.Add([]byte("\r\n\t \x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var n int64
		records, bad, err := readText(bytes.NewReader(b), func(fields []string, values [][]byte) error {
			n++
			if len(fields) != len(values) {
				t.Fatalf("%d fields, %d values", len(fields), len(values))
			}
			for i, v := range values {
				if len(v) == 0 || bytes.ContainsAny(v, " \t\n\r\x00") || !isField[fields[i]] {
					t.Fatalf("field %q has the value %q", fields[i], v)
				}
			}
			return nil
		})
		if records != n || bad < 0 || err == nil && records+bad > int64(bytes.Count(b, []byte("\n")))+1 {
			t.Fatalf("%d records of %d, %d bad, %v", records, n, bad, err)
		}
	})
}
