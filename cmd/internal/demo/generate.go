package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/flowcover/flowcover/topology"
)

// Options say what to make. Zero values mean the defaults given.
type Options struct {
	Out  string // folder for account/, logs/, captures/ and truth.json
	Seed uint64
	Days int       // 30
	End  time.Time // the window's end, a whole hour; 2026-10-01 00:00 in Seoul

	VPCs, ENIs int // size of the account: 3 and what its roles need
	// Records is about how many records to write; 1 200 000. Jobs and silence
	// leave some however few are asked for.
	Records int64
	// Snapshot: make logs for this account alone, and write no account.
	Snapshot *topology.Snapshot

	Layout   Layout
	Version  int  // of the flow log's fields: 5 (29 columns) or 2 (AWS's default format)
	Text     bool // gzipped text lines in place of Parquet
	Interval int  // aggregation interval in seconds: 600 or 60
	// ObjectsPerHour: 1, or up to 12 (every five minutes, as AWS delivers).
	ObjectsPerHour int
	Truth          bool // write truth.json, for tests
	NoCaptures     bool
	Workers        int // hours written at once; the number of CPUs
}

// Progress is how far the writing has come.
type Progress struct {
	Hours, AllHours int
	Objects         int64
	Records         int64
	Bytes           int64
}

// Report says what was made.
type Report struct {
	Since, Until time.Time
	Account      string // folder; empty where a snapshot was given
	Logs         string
	Captures     string
	Truth        string
	Snapshot     *topology.Snapshot
	Pairs        int
	Dropped      []string // pairs of the table that no route carries
	Progress
	NoData, SkipData, Rejected int64
}

// ErrExists: there is something in the folder already.
var ErrExists = errors.New("the folder is not empty")

// DefaultEnd closes a window of 30 days that holds a month's and a quarter's end.
var DefaultEnd = time.Date(2026, 10, 1, 0, 0, 0, 0, seoul)

// Location is the bank's time zone: Asia/Seoul, which keeps no summer time.
func Location() *time.Location { return seoul }

const defaultRecords = 1_200_000

func (o *Options) defaults() error {
	set := func(p *int, value int) {
		if *p == 0 {
			*p = value
		}
	}
	set(&o.Days, 30)
	set(&o.Version, 5)
	set(&o.Interval, 600)
	set(&o.ObjectsPerHour, 1)
	set(&o.Workers, runtime.NumCPU())
	if o.Records == 0 {
		o.Records = defaultRecords
	}
	if o.End.IsZero() {
		o.End = DefaultEnd
	}
	if o.Layout == "" {
		o.Layout = LayoutDefault
	}
	switch {
	case o.Days < 1 || o.Days > 3660:
		return fmt.Errorf("%d days: want from 1 to 3660", o.Days)
	case o.Records < 1:
		return fmt.Errorf("%d records: want at least 1", o.Records)
	case o.Version != 2 && o.Version != 5:
		return fmt.Errorf("flow log version %d: want 2 or 5", o.Version)
	case o.Interval != 60 && o.Interval != 600:
		return fmt.Errorf("aggregation interval %d: AWS has 60 and 600 seconds", o.Interval)
	case o.ObjectsPerHour < 1 || o.ObjectsPerHour > 12 || 60%o.ObjectsPerHour != 0:
		return fmt.Errorf("%d objects an hour: want 1, 2, 3, 4, 5, 6, 10 or 12", o.ObjectsPerHour)
	case o.End.Unix()%3600 != 0:
		return fmt.Errorf("end %s: want a whole hour", o.End.Format(time.RFC3339))
	case !o.Layout.known():
		return fmt.Errorf("layout %q: want one of %v", o.Layout, Layouts)
	}
	return nil
}

// generator is one run.
type generator struct {
	opt         Options
	seed        uint64
	people      *population
	interval    int64
	perHour     int64 // marks of one ENI in one hour
	first, last int64 // hours since 1970, last exclusive
	phases      []int64
	scale       float64
	loads       map[*call][]float64 // unscaled, by hour from loadFrom
	loadFrom    int64
	flowLogs    map[string]string // VPC to flow log id

	mu     sync.Mutex
	report *Report
	notify func(Progress)
}

// Generate makes the account (unless a snapshot is given), its logs and its
// captures. progress may be nil; it is called from one goroutine at a time.
func Generate(ctx context.Context, opt Options, progress func(Progress)) (*Report, error) {
	if err := opt.defaults(); err != nil {
		return nil, err
	}
	for _, name := range []string{"account", "logs", "captures"} {
		if list, err := os.ReadDir(filepath.Join(opt.Out, name)); err == nil && len(list) > 0 {
			return nil, fmt.Errorf("%s: %w: remove it or choose another --out", filepath.Join(opt.Out, name), ErrExists)
		}
	}
	report := &Report{Logs: filepath.Join(opt.Out, "logs"), Snapshot: opt.Snapshot}
	if opt.Snapshot == nil {
		res, err := Account(opt.Seed, Size{opt.VPCs, opt.ENIs})
		if err != nil {
			return nil, err
		}
		report.Account = filepath.Join(opt.Out, "account")
		if err := WriteAccount(report.Account, &res); err != nil {
			return nil, err
		}
		if report.Snapshot, err = topology.New(res); err != nil {
			return nil, fmt.Errorf("the demo's account: %w", err)
		}
	}
	g := newGenerator(opt, report, progress)
	truth, err := g.writeLogs(ctx)
	if err != nil {
		return nil, err
	}
	if !opt.NoCaptures {
		report.Captures = filepath.Join(opt.Out, "captures")
		if err := g.writeCaptures(report.Captures); err != nil {
			return nil, err
		}
	}
	if opt.Truth {
		report.Truth = filepath.Join(opt.Out, "truth.json")
		if err := writeFile(report.Truth, truth.truth().Encode); err != nil {
			return nil, err
		}
	}
	return report, nil
}

func newGenerator(opt Options, report *Report, progress func(Progress)) *generator {
	g := &generator{opt: opt, seed: opt.Seed, interval: int64(opt.Interval), last: opt.End.Unix() / 3600,
		people: populate(opt.Seed, report.Snapshot), report: report, notify: progress, flowLogs: map[string]string{}}
	g.first = g.last - int64(opt.Days)*24
	g.perHour = 3600/g.interval + 2
	res := g.people.net.res
	for i := range res.Interfaces {
		g.phases = append(g.phases, int64(mix(opt.Seed^hash64(res.Interfaces[i].ID))%uint64(g.interval)))
	}
	for _, v := range res.VPCs {
		g.flowLogs[v.ID] = "fl-0" + digest(opt.Seed, "flow log", v.ID)[:16]
	}
	for i := range g.people.pairs {
		g.people.pairs[i].index = i
	}
	g.plan()
	report.Since, report.Until = time.Unix(g.first*3600, 0).In(seoul), time.Unix(g.last*3600, 0).In(seoul)
	report.Pairs, report.Dropped = len(g.people.pairs), g.people.dropped
	report.AllHours = opt.Days * 24
	return g
}

// writeLogs writes the hours, several at once.
func (g *generator) writeLogs(ctx context.Context) (*truthTable, error) {
	group, ctx := errgroup.WithContext(ctx)
	hours := make(chan int64)
	group.Go(func() error {
		defer close(hours)
		for h := g.first; h < g.last; h++ {
			select {
			case hours <- h:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	truths := make([]*truthTable, g.opt.Workers)
	for w := range truths {
		truths[w] = newTruthTable(g)
		group.Go(func() error {
			e := &emitter{g: g, marks: make([]uint8, int64(len(g.phases))*g.perHour), truth: truths[w]}
			writer := g.newWriter()
			for h := range hours {
				if err := ctx.Err(); err != nil {
					return err
				}
				if err := g.writeHour(e, writer, h); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("write the demo's logs: %w", err)
	}
	for _, t := range truths[1:] {
		truths[0].merge(t)
	}
	return truths[0], nil
}

// makeHour makes the records of one hour.
func (g *generator) makeHour(e *emitter, hour int64) {
	e.begin(hour)
	for i := range g.people.pairs {
		e.pair(&g.people.pairs[i])
	}
	e.silence()
}

// count counts an hour's records by what they are.
func (r *Report) count(records []record) {
	for i := range records {
		switch {
		case records[i].status == statusNoData:
			r.NoData++
		case records[i].status == statusSkipData:
			r.SkipData++
		case records[i].action == reject:
			r.Rejected++
		}
	}
}

// writeHour makes and writes one hour.
func (g *generator) writeHour(e *emitter, w *objectWriter, hour int64) error {
	g.makeHour(e, hour)
	counts, err := w.hour(hour, e.out)
	if err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	r := g.report
	r.Hours++
	r.Objects += counts.Objects
	r.Records += counts.Records
	r.Bytes += counts.Bytes
	r.count(e.out)
	if g.notify != nil {
		g.notify(r.Progress)
	}
	return nil
}
