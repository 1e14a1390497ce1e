package analyze

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"time"
)

// recurrence finds the flow's class, its period in days (0: none) and the words.
// The days are sorted and at least two.
func recurrence(d []int, hours uint32, w windowDays) (Class, int, string) {
	seen := fmt.Sprintf("seen on %d of %d days", len(d), w.count())
	daily := dense(d, w.count())
	switch {
	case daily && bits.OnesCount32(hours) <= 3 && hours != 0 && len(d) >= fewestDaily:
		return Periodic, 1, seen + ", daily about " + clockHours(hours)
	case daily:
		return Steady, 1, seen
	}
	for _, find := range []func([]int) (int, string){monthly, twiceMonthly, weekly, everyFewDays} {
		if period, when := find(d); period > 0 {
			return Periodic, period, seen + ", " + when
		}
	}
	return Occasional, 0, seen
}

// fewestDaily is the least number of days that show that a flow is there daily: a
// working week.
const fewestDaily = 5

// dense: on four days of five of its span, or of its span's weekdays, and on
// fewestDaily at least; of a window that has fewer, on every day.
func dense(d []int, window int) bool {
	n := len(d)
	if n < fewestDaily {
		return n >= 2 && n == window
	}
	span := d[n-1] - d[0] + 1
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
	return 5*on >= 4*weekdays && on >= fewestDaily && 5*on >= 4*n
}

// clockHours writes the hours of a bitmap: "23:00" where they are one stretch, also
// over midnight, else each: "02:00 and 14:00".
func clockHours(hours uint32) string {
	var begins []string
	for h := range 24 {
		if hours&(1<<h) != 0 && hours&(1<<((h+23)%24)) == 0 {
			begins = append(begins, fmt.Sprintf("%02d:00", h))
		}
	}
	return listed(begins)
}

// listed writes "a", "a and b", "a, b and c".
func listed(words []string) string {
	if n := len(words); n > 1 {
		return strings.Join(words[:n-1], ", ") + " and " + words[n-1]
	}
	return strings.Join(words, "")
}

// weekday counts from Monday, 0, to Sunday, 6.
func weekday(day int) int { return ((day+3)%7 + 7) % 7 }

// weekly: at least three weeks, each of its weekdays in three quarters of the
// weeks of its span, and four of five days on these weekdays.
func weekly(d []int) (int, string) {
	var on [7]int
	for _, x := range d {
		on[weekday(x)]++
	}
	weeks := (d[len(d)-1]+3)/7 - (d[0]+3)/7 + 1
	var names []string
	hit := 0
	for i, n := range on {
		if n >= 3 && 4*n >= 3*weeks {
			names = append(names, time.Weekday((i+1)%7).String())
			hit += n
		}
	}
	if len(names) == 0 || 5*hit < 4*len(d) {
		return 0, ""
	}
	return 7, "weekly on " + listed(names)
}

// everyFewDays: four days or more, and four of five gaps alike: a fortnight, every
// tenth day, every other day.
func everyFewDays(d []int) (int, string) {
	if len(d) < 4 {
		return 0, ""
	}
	gaps := make([]int, len(d)-1)
	for i := range gaps {
		gaps[i] = d[i+1] - d[i]
	}
	sorted := slices.Sorted(slices.Values(gaps))
	period := sorted[len(sorted)/2]
	loose := 0 // a job of a fortnight may wait for a working day
	if period >= 7 {
		loose = 1
	}
	alike := 0
	for _, g := range gaps {
		if g >= period-loose && g <= period+loose {
			alike++
		}
	}
	if period < 2 || 5*alike < 4*len(gaps) || sorted[len(sorted)-1] > 3*period {
		return 0, ""
	}
	return period, fmt.Sprintf("every %d days", period)
}

// monthly: days around month ends only, in two months or more that follow each
// other; or about the same day of three months that follow each other, or of
// three quarters.
func monthly(d []int) (int, string) {
	if months, all := leads(d); all {
		switch {
		case len(months) >= 2 && apart(months, 1):
			return 31, "at month ends"
		case len(months) >= 3 && apart(months, 3):
			return 92, quarterWords(d)
		}
		return 0, ""
	}
	months := map[int]bool{}
	low, high, near, far := 31, 1, 31, 0 // days of the month, days before its end
	for _, x := range d {
		t := date(x)
		left := t.AddDate(0, 1, -t.Day()).Day() - t.Day()
		months[monthOf(x)] = true
		low, high, near, far = min(low, t.Day()), max(high, t.Day()), min(near, left), max(far, left)
	}
	about := fmt.Sprintf("about day %d", (low+high)/2)
	if high-low > 6 { // the last Friday is a day of its own in February
		about = fmt.Sprintf("about %d days before its end", (near+far)/2)
	}
	switch {
	case len(months) < 3 || min(high-low, far-near) > 6 || len(d) > 3*len(months):
		return 0, ""
	case apart(months, 1):
		return 31, "monthly " + about
	case apart(months, 3):
		return 92, "every third month " + about
	}
	return 0, ""
}

// leads gives the months that month ends lead into, and whether all days, or four
// of five of five and more, are such: a month end belongs to the month after it.
func leads(d []int) (map[int]bool, bool) {
	months := map[int]bool{}
	ends := 0
	for _, x := range d {
		if monthEnd(x) {
			ends++
			months[monthOf(x+7)] = true
		}
	}
	return months, ends == len(d) || len(d) >= 5 && 5*ends >= 4*len(d)
}

func quarterWords(d []int) string {
	if slices.ContainsFunc(d, quarterEnd) {
		return "at quarter ends"
	}
	return "every third month at its end"
}

// twiceMonthly: two parts of the month, each of them monthly by itself.
func twiceMonthly(d []int) (int, string) {
	byEnd := func(x int) bool { return monthEnd(x) }
	byDay := widestGap(d)
	for _, first := range []func(int) bool{byEnd, func(x int) bool { return date(x).Day() < byDay }} {
		var a, b []int
		for _, x := range d {
			if first(x) {
				a = append(a, x)
			} else {
				b = append(b, x)
			}
		}
		if len(a) < 3 || len(b) < 3 {
			continue
		}
		p, one := monthly(a)
		q, other := monthly(b)
		if p == 31 && q == 31 {
			return 15, one + " and " + other
		}
	}
	return 0, ""
}

// widestGap gives the day of the month after the widest gap between the days of
// the month that occur.
func widestGap(d []int) int {
	var on [32]bool
	for _, x := range d {
		on[date(x).Day()] = true
	}
	at, width, last := 0, 0, 0
	for day := 1; day <= 31; day++ {
		if !on[day] {
			continue
		}
		if last > 0 && day-last > width {
			at, width = day, day-last
		}
		last = day
	}
	return at
}

// apart says whether the months follow each other at so many months.
func apart(months map[int]bool, step int) bool {
	low, high := 1<<30, 0
	for m := range months {
		low, high = min(low, m), max(high, m)
	}
	for m := low; m <= high; m += step {
		if !months[m] {
			return false
		}
	}
	return high-low == step*(len(months)-1)
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
