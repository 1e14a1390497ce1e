package analyze

import (
	"fmt"
	"math/bits"
	"slices"
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

// recurrence finds the flow's class, its period in days (0: none) and the words.
func recurrence(d []int, hours uint32, w windowDays) (Class, int, string) {
	n := len(d)
	span := d[n-1] - d[0] + 1
	seen := fmt.Sprintf("seen on %d of %d days", n, w.count())
	daily := dense(d, span)
	switch {
	case daily && bits.OnesCount32(hours) <= 3 && n >= 5:
		return Periodic, 1, fmt.Sprintf("%s, daily about %02d:00", seen, bits.TrailingZeros32(hours))
	case daily:
		return Steady, 1, seen
	}
	if m := monthly(d); m != "" {
		return Periodic, 31, seen + ", " + m
	}
	if day, ok := weekly(d); ok {
		return Periodic, 7, fmt.Sprintf("%s, weekly on %s", seen, day)
	}
	return Occasional, 0, seen
}

// dense: on four days of five of its span, or of its span's weekdays.
func dense(d []int, span int) bool {
	n := len(d)
	if n < 5 {
		return n >= 2 && n == span
	}
	if 5*n >= 4*span {
		return true
	}
	weekdays, on := 0, 0
	for i := range span {
		if weekday(d[0]+i) < 5 {
			weekdays++
		}
	}
	for _, x := range d {
		if weekday(x) < 5 {
			on++
		}
	}
	return 5*on >= 4*weekdays && on >= 5
}

// weekday counts from Monday, 0, to Sunday, 6.
func weekday(day int) int { return ((day+3)%7 + 7) % 7 }

// weekly: at least three weeks, three quarters of the weeks of its span, and
// four of five days on one weekday.
func weekly(d []int) (string, bool) {
	var on [7]int
	weeks := map[int]bool{}
	for _, x := range d {
		on[weekday(x)]++
		weeks[(x+3)/7] = true
	}
	best := 0
	for i := range on {
		if on[i] > on[best] {
			best = i
		}
	}
	span := (d[len(d)-1]+3)/7 - (d[0]+3)/7 + 1
	if on[best] < 3 || 5*on[best] < 4*len(d) || 4*len(weeks) < 3*span {
		return "", false
	}
	return time.Weekday((best + 1) % 7).String(), true
}

// monthly: days around month ends only, in two months or more that follow each
// other; or about the same day of three months that follow each other.
func monthly(d []int) string {
	ends := map[int]bool{}
	allEnds := true
	for _, x := range d {
		if !monthEnd(x) {
			allEnds = false
			break
		}
		ends[monthOf(x+7)] = true // a month end belongs to the month it leads into
	}
	if allEnds && len(ends) >= 2 && consecutive(ends) {
		return "at month ends"
	}
	byMonth := map[int]bool{}
	low, high := 31, 1
	for _, x := range d {
		t := date(x)
		byMonth[monthOf(x)] = true
		low, high = min(low, t.Day()), max(high, t.Day())
	}
	if len(byMonth) >= 3 && high-low <= 6 && consecutive(byMonth) && len(d) <= 3*len(byMonth) {
		return fmt.Sprintf("monthly about day %d", (low+high)/2)
	}
	return ""
}

func consecutive(months map[int]bool) bool {
	low, high := 1<<30, 0
	for m := range months {
		low, high = min(low, m), max(high, m)
	}
	return high-low+1 == len(months)
}

func monthOf(day int) int { t := date(day); return t.Year()*12 + int(t.Month()) }

// monthEnd: the last three days of a month and the first three of the next,
// for jobs that wait for the last working day or for its books.
func monthEnd(day int) bool {
	return date(day).Day() <= 3 || date(day+3).Month() != date(day).Month()
}

// quarterEnd: a month end around the turn of a quarter.
func quarterEnd(day int) bool {
	return monthEnd(day) && slices.Contains([]time.Month{time.January, time.April, time.July, time.October}, date(day+7).Month())
}

// localHours turns a bitmap of UTC hours into the zone's.
func localHours(h uint32, offset int) uint32 {
	s := ((offset % 24) + 24) % 24
	return (h<<s | h>>(24-s)) & (1<<24 - 1)
}
