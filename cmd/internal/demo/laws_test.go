package demo

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flowcover/flowcover/analyze/parquetio"
	"github.com/flowcover/flowcover/topology"
)

// Cutting connections at intervals, hours and objects loses and doubles
// nothing: what the opener's ENI logged adds up to what was sent.
func TestHoursAddUp(t *testing.T) {
	report := &Report{Snapshot: snapshotOf(t, account(t, 8, Size{}))}
	opt := Options{Seed: 8, Days: 2, Records: 30000}
	if err := opt.defaults(); err != nil {
		t.Fatal(err)
	}
	g := newGenerator(opt, report, nil)
	logged := map[int]int64{} // packets by pair, of the request's first hop
	skipped := map[int]bool{}
	e := &emitter{g: g, marks: make([]uint8, int64(len(g.phases))*g.perHour), truth: newTruthTable(g)}
	for hour := g.first; hour < g.last; hour++ {
		e.begin(hour)
		for i := range g.people.pairs {
			p := &g.people.pairs[i]
			from := len(e.out)
			e.pair(p)
			for _, r := range e.out[from:] {
				if r.hop == &p.route.request[0] {
					logged[i] += r.packets
				}
				if r.end < hour*3600 || r.end >= (hour+1)*3600 || r.start > r.end {
					t.Fatalf("a record from %d to %d in hour %d", r.start, r.end, hour)
				}
			}
		}
		e.silence()
		for _, r := range e.out {
			skipped[int(r.eni)] = skipped[int(r.eni)] || r.status == statusSkipData
		}
	}
	compared := 0
	for i := range g.people.pairs {
		p := &g.people.pairs[i]
		if p.call.when.long() || skipped[p.route.request[0].eni] {
			continue
		}
		var sent, edges int64
		for hour := g.first - p.call.when.lookback(g.interval); hour < g.last; hour++ {
			draw := newStream(g.seed, streamHour, p.label, uint64(hour))
			load := g.load(p, hour)
			if load == 0 {
				continue
			}
			for range draw.count(load) {
				c := p.draw(&draw, hour)
				sent += c.upPackets
				if c.start < g.first*3600+g.interval || c.end >= g.last*3600-g.interval {
					edges += c.upPackets
				}
			}
		}
		if logged[i] > sent || logged[i] < sent-edges {
			t.Errorf("%s: %d packets sent (%d at the window's edges), %d logged", p.call.name, sent, edges, logged[i])
		}
		compared++
	}
	if compared < 300 {
		t.Errorf("%d pairs compared", compared)
	}
}

// More records are asked for, more are written, about as many as asked.
func TestRecordsAreAboutAsManyAsAsked(t *testing.T) {
	for _, want := range []int64{40_000, 160_000, 1_000_000} {
		_, r := inMemory(t, Options{Seed: 2, Days: 4, Records: want})
		if r.Records < want*85/100 || r.Records > want*115/100 {
			t.Errorf("%d records, asked for %d", r.Records, want)
		}
	}
}

// The Parquet objects have AWS's 29 columns and types, gzip pages, and as many
// rows as the report says; of version 2 the default format's 14.
func TestParquetColumns(t *testing.T) {
	for version, columns := range map[int]int{5: 29, 2: 14} {
		r := run(t, Options{Seed: 2, Days: 1, Records: 8000, Version: version, NoCaptures: true})
		var rows int64
		for _, key := range files(t, r.Logs) {
			data, err := os.ReadFile(filepath.Join(r.Logs, filepath.FromSlash(key)))
			if err != nil {
				t.Fatal(err)
			}
			in := bytes.NewReader(data)
			foot, err := parquetio.ReadFooter(parquetio.ReaderRange(in), int64(len(data)), nil)
			if err != nil {
				t.Fatalf("%s: %v", key, err)
			}
			if len(foot.Columns) != columns {
				t.Fatalf("%s has %d columns, want %d", key, len(foot.Columns), columns)
			}
			rows += foot.Rows
			for i, c := range foot.Columns {
				if c.Name != logFields[i].name {
					t.Errorf("column %d is %s, want %s", i, c.Name, logFields[i].name)
				}
			}
		}
		if rows != r.Records || rows == 0 {
			t.Errorf("version %d: %d rows, report says %d", version, rows, r.Records)
		}
	}
}

// Logs can be made for an account whose ENIs have no roles: every connection
// is one that its rules admit.
func TestStrangersFollowTheRules(t *testing.T) {
	res := account(t, 6, Size{})
	for i := range res.Interfaces {
		res.Interfaces[i].Tags = nil
	}
	for i := range res.Instances {
		res.Instances[i].Tags = nil
	}
	s := snapshotOf(t, res)
	people := populate(6, s)
	if len(people.pairs) < 100 {
		t.Fatalf("%d pairs made up from rules", len(people.pairs))
	}
	for i := range people.pairs {
		p := &people.pairs[i]
		r, err := s.Trace(people.query(p, p.sample))
		if err != nil || !r.Disposition.Delivered() || !r.Reply.Disposition.Delivered() {
			t.Errorf("%s: %v %s %s", p.call.name, err, r.Disposition, r.Reply.Disposition)
		}
	}
	r := run(t, Options{Seed: 6, Days: 1, Records: 10000, Snapshot: s, Text: true})
	if r.Account != "" {
		t.Errorf("an account was written into %s", r.Account)
	}
	c := newChecker(t, r)
	eachLine(t, r.Logs, c.line)
	c.finish(2)
}

// An empty account has silence to log, and one without ENIs nothing.
func TestEmptyAccount(t *testing.T) {
	s := snapshotOf(t, topology.Resources{})
	r := run0(t, Options{Seed: 1, Days: 1, Snapshot: s})
	if r.Records != 0 || r.Objects != 0 {
		t.Errorf("%+v", r.Progress)
	}
}

func run0(t *testing.T, opt Options) *Report {
	t.Helper()
	opt.Out = t.TempDir()
	r, err := Generate(context.Background(), opt, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// What a person can get wrong is an error that says so, and nothing is written.
func TestOptionsAreChecked(t *testing.T) {
	for want, opt := range map[string]Options{
		"days":      {Days: -1},
		"records":   {Records: -5},
		"version 7": {Version: 7},
		"interval":  {Interval: 30},
		"objects":   {ObjectsPerHour: 7},
		"whole":     {End: DefaultEnd.Add(1e9)},
		"layout":    {Layout: "flat"},
		"VPCs":      {VPCs: 1},
		"ENIs":      {ENIs: 1 << 20},
	} {
		opt.Out = t.TempDir()
		_, err := Generate(context.Background(), opt, nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
		if list := files(t, opt.Out); len(list) > 0 {
			t.Errorf("%s: wrote %v", want, list)
		}
	}
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "logs", "AWSLogs"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Generate(context.Background(), Options{Out: dir}, nil); !errors.Is(err, ErrExists) {
		t.Errorf("a folder with logs in it: %v", err)
	}
}

// Stopped in the middle, it leaves whole objects only.
func TestStopLeavesWholeObjects(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	dir := t.TempDir()
	_, err := Generate(ctx, Options{Out: dir, Seed: 1, Days: 3, Records: 20000}, func(p Progress) {
		if p.Hours == 5 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("%v", err)
	}
	for _, name := range files(t, dir) {
		if strings.HasSuffix(name, ".part") {
			t.Errorf("left %s", name)
		}
	}
}
