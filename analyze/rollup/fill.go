package rollup

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/analyze/source"
)

// Objects counts flow log objects; every object listed is in one of the four.
type Objects struct {
	Read       int `json:"read"`
	Skipped    int `json:"skipped"`    // they hold no rows
	Unreadable int `json:"unreadable"` // each is a finding
	Outside    int `json:"outside"`    // no flow logs, or not of the window
}

func (o *Objects) count(s status) {
	switch s {
	case statusRead:
		o.Read++
	case statusSkipped:
		o.Skipped++
	case statusUnreadable:
		o.Unreadable++
	}
}

// Report is what Fill did.
type Report struct {
	Objects  Objects
	Findings []analyze.Finding
	// Rollups are the names of the window's rollups, in order, those that stood
	// already included; Built counts the others.
	Rollups []string
	Built   int
	// Records of the window's rollups.
	Records int64
	// Moved are the bytes received over the network for this, of Whole bytes
	// that the objects read over it now have. Retried counts requests tried again.
	Moved, Whole, Retried int64
}

// Progress is how far Fill is. Days that stood already count as done.
type Progress struct {
	Units, UnitsDone     int // key partitions
	Objects, ObjectsDone int
	Bytes, BytesDone     int64 // of the objects
	Records              int64 // of the partitions done
	// Stood are the bytes, and StoodRecords the records, of what stood already.
	Stood, StoodRecords int64
	Moved               int64 // over the network
	Retried             int64 // requests tried again
	// Unit is the partition just done, in words; empty at the start.
	Unit string
}

// ErrNoLogs says that there is nothing to read.
var ErrNoLogs = errors.New("no flow logs")

// Fill makes the day rollups of the window that are not in the state yet, from
// the flow logs of all the places together. progress may be nil; it is called
// from one goroutine at a time.
func (e *Engine) Fill(ctx context.Context, logs []source.Bucket, w analyze.Window, progress func(Progress)) (Report, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !w.Since.Before(w.Until) {
		return Report{}, fmt.Errorf("the window is empty: since %s is not before until %s", w.Since.Format(time.DateOnly), w.Until.Format(time.DateOnly))
	}
	g, err := gather(ctx, logs, w)
	if err != nil {
		return Report{}, err
	}
	if len(g.units) == 0 {
		return Report{}, g.nothing(logs, w)
	}
	f := &filler{e: e, logs: logs, gathered: g, report: progress}
	return f.run(ctx)
}

// nothing says why there is nothing to read.
func (g *gathered) nothing(logs []source.Bucket, w analyze.Window) error {
	uris := make([]string, len(logs))
	for i, b := range logs {
		uris[i] = b.URI()
	}
	where := strings.Join(uris, ", ")
	if len(uris) == 0 {
		return fmt.Errorf("%w: no place to read them from was given", ErrNoLogs)
	}
	if g.logs > 0 {
		day := func(d int32) string { return source.Partition{Day: d}.DayString() }
		return fmt.Errorf("%w from %s to %s under %s: those there are from %s to %s", ErrNoLogs,
			w.Since.Format(time.DateOnly), w.Until.Format(time.DateOnly), where, day(g.first), day(g.last))
	}
	if p := g.passed; p.times > 0 {
		return fmt.Errorf("%w from %s to %s under %s: the folders there are of %s to %s", ErrNoLogs,
			w.Since.Format(time.DateOnly), w.Until.Format(time.DateOnly), where, p.first, p.last)
	}
	return fmt.Errorf("%w under %s (%d other objects); expected are keys such as %s", ErrNoLogs, where, g.outside, source.Layouts)
}

// filler is one run of Fill.
type filler struct {
	e        *Engine
	logs     []source.Bucket
	gathered *gathered
	report   func(Progress)
	progress Progress
	base     source.Traffic
	names    map[*unit]string
	sidecars map[*unit]Sidecar
	built    int
	whole    int64
}

func (f *filler) run(ctx context.Context) (Report, error) {
	f.names, f.sidecars = map[*unit]string{}, map[*unit]Sidecar{}
	f.base = f.traffic()
	for _, u := range f.gathered.units {
		f.progress.Units++
		f.progress.Objects += len(u.objects)
		f.progress.Bytes += u.bytes()
	}
	f.tell("")
	var todo []*unit
	for _, u := range f.gathered.units {
		done, err := f.standing(ctx, u)
		if err != nil {
			return Report{}, err
		}
		if done {
			f.progress.Stood += u.bytes()
			f.progress.StoodRecords += f.sidecars[u].Totals.Records
			f.advance(u, f.sidecars[u].Totals.Records, 0, 0)
			continue
		}
		todo = append(todo, u)
	}
	if err := f.build(ctx, todo); err != nil {
		return Report{}, err
	}
	return f.result(), nil
}

func (f *filler) traffic() source.Traffic {
	var sum source.Traffic
	for _, b := range f.logs {
		t := b.Traffic()
		sum.Requests += t.Requests
		sum.Retries += t.Retries
		sum.Bytes += t.Bytes
	}
	return sum
}

func (f *filler) tell(unit string) {
	if f.report == nil {
		return
	}
	f.progress.Unit = unit
	t := f.traffic()
	f.progress.Moved, f.progress.Retried = t.Bytes-f.base.Bytes, t.Retries-f.base.Retries
	f.report(f.progress)
}

// advance counts a unit as done, of whose objects and bytes some were counted
// already.
func (f *filler) advance(u *unit, records int64, objects int, bytes int64) {
	f.progress.UnitsDone++
	f.progress.ObjectsDone += len(u.objects) - objects
	f.progress.BytesDone += u.bytes() - bytes
	f.progress.Records += records
	f.tell(u.describe())
}

// standing looks for the unit's rollup in the state. A damaged one is as good
// as none: it is made again.
func (f *filler) standing(ctx context.Context, u *unit) (bool, error) {
	if err := u.stampAll(ctx); err != nil {
		return false, err
	}
	name := f.e.name(u)
	st, err := f.e.fetch(ctx, name)
	switch {
	case errors.Is(err, source.ErrNotFound), errors.Is(err, ErrDamaged):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("state: %w", err)
	}
	f.names[u], f.sidecars[u] = name, st.sidecar
	u.recall(&st.sidecar)
	return true, nil
}

// recall puts what a standing rollup knows of the objects back to them.
func (u *unit) recall(s *Sidecar) {
	byKey := map[string]*Exception{}
	for i := range s.Exceptions {
		byKey[s.Exceptions[i].Key] = &s.Exceptions[i]
	}
	for _, o := range u.objects {
		x := byKey[o.key]
		if x == nil || o.passing {
			continue
		}
		o.badLines = x.BadLines
		switch x.Status {
		case "skipped":
			o.status, o.reason = statusSkipped, x.Reason
		case "unreadable":
			o.fail(x.Reason, false)
		}
	}
}

func (f *filler) build(ctx context.Context, todo []*unit) error {
	if len(todo) == 0 {
		return nil
	}
	s := newStager(f.e)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.run(ctx, todo) })
	group.Go(func() error { return f.consume(ctx, s) })
	if err := group.Wait(); err != nil {
		return errors.Join(err, s.clear())
	}
	return nil
}

// consume reads the batches as they come and stores each unit's rollup.
func (f *filler) consume(ctx context.Context, s *stager) (err error) {
	defer func() { err = errors.Join(err, f.e.rollback(ctx)) }()
	var at *unit
	objects, bytes := 0, int64(0) // of the unit, counted as done
	for b := range s.out {
		if b.unit != at {
			at, objects, bytes = b.unit, 0, 0
			if err := f.e.begin(ctx, at); err != nil {
				return err
			}
		}
		var err error
		if b.stream != nil {
			err = f.e.addPiece(ctx, s, b)
		} else {
			err = f.e.add(ctx, b)
		}
		s.done(b)
		if err != nil {
			return err
		}
		if !b.last {
			n, size := b.objects()
			objects, bytes = objects+n, bytes+size
			f.progress.ObjectsDone += n
			f.progress.BytesDone += size
			f.tell("")
			continue
		}
		st, err := f.e.finish(ctx, at)
		if err != nil {
			return err
		}
		f.names[at], f.sidecars[at] = st.sidecar.Name, st.sidecar
		f.built++
		f.whole += at.remoteBytes()
		f.advance(at, st.sidecar.Totals.Records, objects, bytes)
	}
	return ctx.Err()
}

func (f *filler) result() Report {
	r := Report{Built: f.built, Whole: f.whole}
	t := f.traffic()
	r.Moved, r.Retried = t.Bytes-f.base.Bytes, t.Retries-f.base.Retries
	r.Objects.Outside = f.gathered.outside
	r.Findings = f.gathered.findings()
	seen := map[string]bool{}
	for _, u := range f.gathered.units {
		for _, o := range u.objects {
			r.Objects.count(o.status)
			r.Findings = append(r.Findings, o.findings()...)
		}
		s := f.sidecars[u]
		r.Findings = append(r.Findings, totalsFindings(u, s.Totals)...)
		if name := f.names[u]; !seen[name] { // copies of one partition are one rollup
			seen[name] = true
			r.Rollups = append(r.Rollups, name)
			r.Records += s.Totals.Records
		}
	}
	return r
}

func (o *object) findings() []analyze.Finding {
	switch {
	case o.status == statusUnreadable:
		return []analyze.Finding{{Kind: "unreadable-object", Severity: "high", Resource: o.name(), Message: "not read: " + o.reason}}
	case o.badLines > 0:
		return []analyze.Finding{{Kind: "malformed-lines", Severity: "medium", Resource: o.name(), Message: o.badLinesReason()}}
	}
	return nil
}

// findings of the listing: what lies among the flow logs and is none.
func (g *gathered) findings() []analyze.Finding {
	var out []analyze.Finding
	reasons := make([]string, 0, len(g.foreign))
	for why := range g.foreign {
		reasons = append(reasons, why)
	}
	sort.Strings(reasons)
	for _, why := range reasons {
		f := g.foreign[why]
		out = append(out, analyze.Finding{Kind: "not-a-flow-log", Severity: "info", Resource: f.example,
			Message: fmt.Sprintf("%d objects are no flow logs (%s), such as this one", f.count, why)})
	}
	out = append(out, g.passed.findings()...)
	if g.overlaps > 0 {
		out = append(out, analyze.Finding{Kind: "listed-twice", Severity: "info",
			Message: fmt.Sprintf("%d objects lie in more than one of the places given and are read once", g.overlaps)})
	}
	return out
}

// findings name the folders that were not listed: their objects are not counted.
func (p *passedOver) findings() []analyze.Finding {
	var out []analyze.Finding
	if p.times > 0 {
		out = append(out, analyze.Finding{Kind: "not-listed", Severity: "info", Resource: p.example,
			Message: fmt.Sprintf("%d folders of days outside the window were not listed, of %s to %s, such as this one; their objects are not counted", p.times, p.first, p.last)})
	}
	services := make([]string, 0, len(p.services))
	for s := range p.services {
		services = append(services, s)
	}
	sort.Strings(services)
	for _, s := range services {
		f := p.services[s]
		out = append(out, analyze.Finding{Kind: "not-listed", Severity: "info", Resource: f.example,
			Message: fmt.Sprintf("%d folders of another service's logs (%s) were not listed, such as this one", f.count, s)})
	}
	return out
}

func totalsFindings(u *unit, t Totals) []analyze.Finding {
	var out []analyze.Finding
	add := func(kind, severity, format string, args ...any) {
		out = append(out, analyze.Finding{Kind: kind, Severity: severity, Resource: u.describe(), Message: fmt.Sprintf(format, args...)})
	}
	if t.NoTime > 0 && u.Day == source.Undated {
		add("undated-records", "medium", "%d records have neither start nor end, and their objects' keys no day: every window holds them", t.NoTime)
	} else if t.NoTime > 0 {
		add("no-time", "low", "%d records have neither start nor end: the day in their objects' keys counts", t.NoTime)
	}
	if t.Malformed > 0 {
		add("malformed-records", "medium", "%d records have no addresses and are no NODATA or SKIPDATA: left out", t.Malformed)
	}
	if t.Misdated > 0 {
		add("misdated-records", "medium", "%d records began more than a day off the day in their objects' keys: a window may miss them", t.Misdated)
	}
	return out
}
