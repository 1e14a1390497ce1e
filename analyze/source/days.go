package source

import (
	"context"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"
)

// Passed is a folder that ListDays did not look into: one of AWS's layouts,
// whose name says that it holds nothing asked for.
type Passed struct {
	Name string // full, for messages
	// Period is the year, month or day, such as 2026-09, that the folder is of;
	// empty if it is another service's.
	Period string
	// Service is whose logs the folder holds; empty if it is of another time.
	Service string
}

// ListDays lists flow logs of the UTC days from and to, both included, and in
// between, as [Bucket.List] does. On S3 it goes down AWS's key layouts folder by
// folder and calls passed with each that it leaves out; a layout that it does
// not know is listed whole. Objects of other days may be among those listed.
func ListDays(ctx context.Context, b Bucket, from, to int32, each func(Object) error, passed func(Passed)) error {
	s, ok := b.(*s3Bucket)
	if !ok {
		return b.List(ctx, "", each)
	}
	d := &descent{b: s, from: from, to: to, each: each, passed: passed}
	return d.level(ctx, "", 0)
}

// descent is one ListDays.
type descent struct {
	b        *s3Bucket
	from, to int32
	each     func(Object) error
	passed   func(Passed)
}

// Above the folder AWSLogs anybody may have made folders. So many are looked
// into for it, and so deep; what goes beyond is listed whole.
const (
	foldersAbove = 32
	levelsAbove  = 4
)

// entry is an object or a folder of one level.
type entry struct {
	key    string // a folder's ends with a slash
	object *Object
	step   step
	passed Passed
}

// step is what becomes of a folder.
type step int

const (
	stepWhole  step = iota // list all that is in it
	stepDown               // look at its folders
	stepSearch             // the same, for AWSLogs may be below
	stepPass               // leave it out
)

// level lists what lies directly under a prefix and takes each folder's step.
func (d *descent) level(ctx context.Context, prefix string, depth int) error {
	entries, err := d.entries(ctx, prefix)
	if err != nil {
		return err
	}
	searched, loose := 0, false
	for i := range entries {
		e := &entries[i]
		if e.object != nil {
			loose = loose || ParseKey(e.key).Reason == ""
			continue
		}
		e.step, e.passed = d.stepOf(e.key)
		if e.step == stepSearch {
			searched++
		}
	}
	// Flow logs that lie here, or many folders: a layout of somebody's own.
	if own := loose || searched > foldersAbove || depth >= levelsAbove; own {
		for i := range entries {
			if entries[i].step == stepSearch {
				entries[i].step = stepWhole
			}
		}
	}
	for i := 0; i < len(entries); {
		n, err := d.take(ctx, prefix, entries[i:], depth)
		if err != nil {
			return err
		}
		i += n
	}
	return nil
}

// take handles the first of the entries, with those behind that go with it:
// neighbouring folders that are listed whole are one listing.
func (d *descent) take(ctx context.Context, prefix string, entries []entry, depth int) (int, error) {
	switch e := &entries[0]; {
	case e.object != nil:
		return 1, d.each(*e.object)
	case e.step == stepPass:
		e.passed.Name = d.b.Name(e.key)
		d.passed(e.passed)
		return 1, nil
	case e.step != stepWhole:
		return 1, d.level(ctx, e.key, depth+1)
	}
	n := 0
	for i := range entries {
		if entries[i].object == nil {
			if entries[i].step != stepWhole {
				break
			}
			n = i + 1
		}
	}
	first, last := entries[0].key, entries[n-1].key
	if n == 1 {
		return 1, d.b.List(ctx, first, d.each)
	}
	err := d.b.list(ctx, listing{prefix: prefix, after: strings.TrimSuffix(first, "/")}, func(o Object) error {
		if o.Key > last && !strings.HasPrefix(o.Key, last) {
			return errEnough
		}
		return d.each(o)
	}, nil)
	if err == errEnough { //nolint:errorlint // ours, as it is
		err = nil
	}
	return n, err
}

// errEnough ends a listing that has come past what is wanted.
var errEnough = fmt.Errorf("enough listed")

// entries are a level's objects and folders by key.
func (d *descent) entries(ctx context.Context, prefix string) ([]entry, error) {
	var out []entry
	err := d.b.list(ctx, listing{prefix: prefix, folders: true}, func(o Object) error {
		out = append(out, entry{key: o.Key, object: &o})
		return nil
	}, func(key string) {
		out = append(out, entry{key: key})
	})
	sort.Slice(out, func(i, j int) bool { return out[i].key < out[j].key })
	return out, err
}

// stepOf decides on a folder by the names on the way to it, those above the
// place that was opened included.
func (d *descent) stepOf(key string) (step, Passed) {
	dirs := strings.Split(strings.TrimSuffix(d.b.prefix+key, "/"), "/")
	for i := len(dirs) - 1; i >= 0; i-- {
		switch name, value, hive := strings.Cut(dirs[i], "="); {
		case dirs[i] == flowLogService, hive && (name == "aws-service" || name == "service"):
			if hive && value != flowLogService {
				return stepPass, Passed{Service: value}
			}
			return d.stepBelowService(dirs[i+1:])
		case dirs[i] == "AWSLogs":
			return stepBelowLogs(dirs[i+1:])
		}
	}
	return stepSearch, Passed{}
}

// stepBelowLogs: AWSLogs/, then [ORGANIZATION/]ACCOUNT/, or aws-account-id=ACCOUNT/
// with its like, then the service.
func stepBelowLogs(dirs []string) (step, Passed) {
	n := len(dirs)
	switch {
	case n == 0:
		return stepDown, Passed{}
	case strings.HasPrefix(dirs[n-1], "aws-account-id="):
		return stepDown, Passed{}
	case n <= 2 && isAccount(dirs[n-1]):
		return stepDown, Passed{}
	case n == 1 && strings.HasPrefix(dirs[0], "o-"):
		return stepDown, Passed{}
	case n >= 2 && n <= 3 && isAccount(dirs[n-2]) && !isDigits(dirs[n-1]) && !strings.Contains(dirs[n-1], "="):
		return stepPass, Passed{Service: dirs[n-1]}
	}
	return stepWhole, Passed{}
}

// stepBelowService: [REGION/]YYYY/MM/DD/, or aws-region=REGION/year=YYYY/month=MM/day=DD/.
func (d *descent) stepBelowService(dirs []string) (step, Passed) {
	if len(dirs) == 0 {
		return stepDown, Passed{}
	}
	rest := dirs
	if _, ok := datePart(dirs[0], 0); !ok {
		rest = dirs[1:]
		if strings.Contains(dirs[0], "=") && !strings.HasPrefix(dirs[0], "aws-region=") {
			return stepWhole, Passed{}
		}
	}
	if len(rest) == 0 {
		return stepDown, Passed{}
	}
	var part [3]int
	if len(rest) > len(part) {
		return stepWhole, Passed{}
	}
	for i, dir := range rest {
		n, ok := datePart(dir, i)
		if !ok {
			return stepWhole, Passed{}
		}
		part[i] = n
	}
	return d.stepOfPeriod(part, len(rest))
}

// stepOfPeriod compares a year, a month or a day with the days asked for.
func (d *descent) stepOfPeriod(part [3]int, n int) (step, Passed) {
	var first, end time.Time
	var text string
	switch y, m := part[0], time.Month(part[1]); n {
	case 1:
		first, end = date(y, 1, 1), date(y+1, 1, 1)
		text = first.Format("2006")
	case 2:
		first, end = date(y, m, 1), date(y, m+1, 1)
		text = first.Format("2006-01")
	default:
		first, end = date(y, m, part[2]), date(y, m, part[2]+1)
		text = first.Format(time.DateOnly)
		if first.Month() != m { // the 31st of a month of 30: no day
			return stepWhole, Passed{}
		}
	}
	from, to := dayOf(first), dayOf(end)-1
	switch {
	case to < d.from, from > d.to:
		return stepPass, Passed{Period: text}
	case from >= d.from && to <= d.to, n == 3:
		return stepWhole, Passed{}
	}
	return stepDown, Passed{}
}

func date(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }

// datePart reads the year, month or day (0, 1, 2) that a folder's name is of.
func datePart(dir string, which int) (int, bool) {
	length, least, most := 2, 1, 12
	switch which {
	case 0:
		length, least, most = 4, 1970, 9998
	case 2:
		most = 31
	}
	s := dir
	if name, value, hive := strings.Cut(dir, "="); hive {
		if name != [3]string{"year", "month", "day"}[which] {
			return 0, false
		}
		s = value
	}
	if !isDigits(s) || len(s) > length || which == 0 && len(s) != length {
		return 0, false
	}
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= least && n <= most
}
