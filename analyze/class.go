package analyze

import (
	"fmt"
	"time"
)

// windowDays is a window in the days of its own time zone. A day is a number,
// counted from 1970-01-01 in that zone.
type windowDays struct {
	first, last int // both included
	loc         *time.Location
	offset      int // hours from UTC at the window's end, rounded down
}

// daysOf gives the window's days; a window without times is what the flows span.
func daysOf(w Window, flows []Flow) windowDays {
	loc := w.Location
	if loc == nil {
		loc = time.UTC
	}
	if w.Since.IsZero() || w.Until.IsZero() {
		for i := range flows {
			f := &flows[i]
			if !f.First.IsZero() && (w.Since.IsZero() || f.First.Before(w.Since)) {
				w.Since = f.First
			}
			if f.Last.After(w.Until) {
				w.Until = f.Last
			}
		}
	}
	end := w.Until.Add(-time.Nanosecond)
	_, seconds := end.In(loc).Zone()
	offset := seconds / 3600
	if seconds < 0 && seconds%3600 != 0 {
		offset--
	}
	return windowDays{first: dayIn(w.Since, loc), last: max(dayIn(end, loc), dayIn(w.Since, loc)), loc: loc, offset: offset}
}

// dayIn numbers the calendar day of t in a zone.
func dayIn(t time.Time, loc *time.Location) int {
	if t.IsZero() {
		return 0
	}
	y, m, d := t.In(loc).Date()
	return int(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

func (w windowDays) count() int { return w.last - w.first + 1 }

// clip gives the days from one time to another that lie in the window; all of
// them, in UTC, where no window is known.
func (w windowDays) clip(from, to time.Time) (first, last int) {
	if w.loc == nil {
		return dayIn(from, time.UTC), dayIn(to, time.UTC)
	}
	return max(dayIn(from, w.loc), w.first), min(dayIn(to, w.loc), w.last)
}

// date gives the calendar day of a number.
func date(day int) time.Time { return time.Unix(int64(day)*86400, 0).UTC() }

// appendDays appends the flow's days, which are the window's zone's already.
func (w windowDays) appendDays(out []int, f *Flow) []int {
	for _, d := range f.Days {
		out = append(out, int(d))
	}
	return out
}

// classify says how a flow recurs, and why.
func (a *attributor) classify(f *Flow) (Class, []string) {
	a.scratch = a.window.appendDays(a.scratch[:0], f)
	d := a.scratch
	n := len(d)
	switch {
	case n == 0:
		return Single, []string{"no day is known"}
	case n == 1 && monthEnd(d[0]):
		return Single, []string{"seen on one day, a month end"}
	case n == 1:
		return Single, []string{"seen on one day"}
	}
	gap := a.window.last - d[n-1]
	class, period, why := recurrence(d, localHours(f.Hours, a.window.offset), a.window)
	if gap > staleAfter(period, d) {
		return Stale, []string{why, fmt.Sprintf("not seen in the last %d days", gap)}
	}
	return class, []string{why}
}

// staleAfter is the silence in days that makes a flow stale: two periods and a
// half, a fortnight at least; without a period, twice its longest silence so far.
func staleAfter(period int, d []int) int {
	if period > 0 {
		return max(14, period*5/2)
	}
	longest := 0
	for i := 1; i < len(d); i++ {
		longest = max(longest, d[i]-d[i-1])
	}
	return max(21, 2*longest)
}

// localHours turns a bitmap of UTC hours into the zone's.
func localHours(h uint32, offset int) uint32 {
	s := ((offset % 24) + 24) % 24
	return (h<<s | h>>(24-s)) & (1<<24 - 1)
}
