package rollup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/analyze/source"
)

const secondsADay = 86400

// object is one flow log object of a unit.
type object struct {
	source.Object
	bucket source.Bucket
	format source.Format
	key    string // canonical
	stamp  string

	status   status
	reason   string
	badLines int64
	// passing: not the object's content is at fault but the way to it, so that
	// the next run tries again.
	passing bool
}

func (o *object) name() string { return o.bucket.Name(o.Key) }

type status byte

const (
	statusRead status = iota
	statusSkipped
	statusUnreadable
)

// unit is one key partition: what one rollup is made from.
type unit struct {
	source.Partition
	objects []*object
	cuts    []int64
	transit bool // some of its files are of transit gateways
}

// bytes is the size of the unit's objects.
func (u *unit) bytes() int64 {
	n := int64(0)
	for _, o := range u.objects {
		n += o.Size
	}
	return n
}

// remoteBytes is the size of those that come over the network.
func (u *unit) remoteBytes() int64 {
	n := int64(0)
	for _, o := range u.objects {
		if _, local := o.bucket.Local(o.Key); !local {
			n += o.Size
		}
	}
	return n
}

// dayRange are the UTC days, both included, whose partitions may hold records
// of the window.
func dayRange(w analyze.Window) (from, to int32) {
	return floorDay(w.Since.Unix()) - 1, floorDay(w.Until.Unix()-1) + 1
}

func floorDay(seconds int64) int32 {
	if seconds < 0 {
		seconds -= secondsADay - 1
	}
	return int32(seconds / secondsADay)
}

// cutsOf are the instants inside UTC days around a partition's day at which a
// window in this zone may begin or end, ascending. A partition without a day
// is cut at the window's own ends alone.
func cutsOf(day int32, w analyze.Window) []int64 {
	set := map[int64]bool{}
	add := func(t int64) {
		if t%secondsADay != 0 {
			set[t] = true
		}
	}
	for _, t := range []time.Time{w.Since, w.Until} {
		near := floorDay(t.Unix()) >= day-1 && floorDay(t.Unix()) <= day+1
		if day == source.Undated || near {
			add(t.Unix())
		}
	}
	if day != source.Undated {
		from, to := int64(day-1)*secondsADay, int64(day+2)*secondsADay
		loc := location(w)
		first := time.Unix(from, 0).In(loc)
		for i := -1; i <= 5; i++ {
			t := time.Date(first.Year(), first.Month(), first.Day()+i, 0, 0, 0, 0, loc).Unix()
			if t >= from && t < to {
				add(t)
			}
		}
	}
	cuts := make([]int64, 0, len(set))
	for t := range set {
		cuts = append(cuts, t)
	}
	slices.Sort(cuts)
	return cuts
}

func location(w analyze.Window) *time.Location {
	if w.Location == nil {
		return time.UTC
	}
	return w.Location
}

// gather lists the buckets and sorts their objects into units of the window.
type gathered struct {
	units    []*unit
	outside  int
	foreign  map[string]*foreignObjects // no flow logs, by reason
	logs     int                        // flow log objects, of whatever day
	first    int32
	last     int32
	passed   passedOver
	overlaps int
}

// passedOver are the folders that were not listed.
type passedOver struct {
	times    int // of other days
	first    string
	last     string
	example  string
	services map[string]*foreignObjects
}

func (p *passedOver) add(f source.Passed) {
	if f.Service != "" {
		if p.services == nil {
			p.services = map[string]*foreignObjects{}
		}
		if p.services[f.Service] == nil {
			p.services[f.Service] = &foreignObjects{example: f.Name}
		}
		p.services[f.Service].count++
		return
	}
	if p.times == 0 {
		p.first, p.last, p.example = f.Period, f.Period, f.Name
	}
	p.times++
	p.first, p.last = min(p.first, f.Period), max(p.last, f.Period)
}

type foreignObjects struct {
	count   int
	example string
}

func gather(ctx context.Context, logs []source.Bucket, w analyze.Window) (*gathered, error) {
	g := &gathered{foreign: map[string]*foreignObjects{}}
	from, to := dayRange(w)
	units := map[source.Partition]*unit{}
	seen := map[string]bool{}
	for _, b := range logs {
		err := source.ListDays(ctx, b, from, to, func(o source.Object) error {
			k := source.ParseKey(o.Key)
			if k.Reason != "" {
				g.outside++
				f := g.foreign[k.Reason]
				if f == nil {
					f = &foreignObjects{example: b.Name(o.Key)}
					g.foreign[k.Reason] = f
				}
				f.count++
				return nil
			}
			g.sawDay(k.Day)
			if k.Day != source.Undated && (k.Day < from || k.Day > to) {
				g.outside++
				return nil
			}
			if len(logs) > 1 {
				root := b.Root(o.Key)
				if seen[root] { // two places that overlap
					g.overlaps++
					return nil
				}
				seen[root] = true
			}
			u := units[k.Partition]
			if u == nil {
				u = &unit{Partition: k.Partition, cuts: cutsOf(k.Day, w)}
				units[k.Partition] = u
			}
			u.objects = append(u.objects, &object{Object: o, bucket: b, format: k.Format, key: source.CanonicalKey(o.Key)})
			return nil
		}, g.passed.add)
		if err != nil {
			return nil, err
		}
	}
	for _, u := range units {
		g.units = append(g.units, u)
	}
	sort.Slice(g.units, func(i, j int) bool { return g.units[i].Compare(g.units[j].Partition) < 0 })
	return g, nil
}

func (g *gathered) sawDay(day int32) {
	g.logs++
	if day == source.Undated {
		return
	}
	if g.first == 0 || day < g.first {
		g.first = day
	}
	g.last = max(g.last, day)
}

// stampAll identifies the unit's objects and puts them in the order of their
// canonical keys. An object that cannot be identified is unreadable, for now.
func (u *unit) stampAll(ctx context.Context) error {
	var group errgroup.Group
	group.SetLimit(8)
	for _, o := range u.objects {
		group.Go(func() error {
			stamp, err := o.bucket.Stamp(ctx, o.Object)
			if err != nil {
				o.fail(err.Error(), true)
			}
			o.stamp = stamp
			return ctx.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	sort.SliceStable(u.objects, func(i, j int) bool {
		a, b := u.objects[i], u.objects[j]
		if a.key != b.key {
			return a.key < b.key
		}
		if a.stamp != b.stamp {
			return a.stamp < b.stamp
		}
		return a.Size < b.Size
	})
	return nil
}

func (o *object) fail(reason string, passing bool) {
	o.status, o.reason, o.passing = statusUnreadable, reason, passing
}

// name is the rollup's name: DAY/DIGEST. Objects that could not be got at this
// time are left out, so that a rollup without them is not taken for a whole one.
func (e *Engine) name(u *unit) string {
	h := sha256.New()
	line := func(format string, args ...any) {
		// A hash's Write returns no error.
		_, _ = fmt.Fprintf(h, format+"\n", args...)
	}
	line("%s %d", sidecarFormat, readerVersion)
	line("duckdb %s sql %s", e.version, e.sqlHash)
	line("partition %q %q %q %d", u.Account, u.Region, u.FlowLog, u.Day)
	line("cuts %v", u.cuts)
	for _, o := range u.objects {
		if !o.passing {
			line("object %q %q %d %s", o.key, o.stamp, o.Size, o.format)
		}
	}
	return u.DayString() + "/" + hex.EncodeToString(h.Sum(nil)[:16])
}

// describe names the unit for a message.
func (u *unit) describe() string {
	parts := []string{u.DayString()}
	for _, s := range []string{u.Account, u.Region, u.FlowLog} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, " ")
}
