package analyze

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// calendar is a job's plan: the days of one month on which it runs.
type calendar struct {
	name string
	on   func(year int, month time.Month) time.Time
}

func dayOf(t time.Time) int { return int(t.Unix() / 86400) }

// working moves a day off the weekend, forwards or back.
func working(t time.Time, step int) time.Time {
	for weekday(dayOf(t)) > 4 {
		t = t.AddDate(0, 0, step)
	}
	return t
}

func firstOf(y int, m time.Month) time.Time { return time.Date(y, m, 1, 0, 0, 0, 0, time.UTC) }

// monthlyPlans are the ways in which jobs are planned once a month.
func monthlyPlans() (out []calendar) {
	add := func(name string, on func(int, time.Month) time.Time) { out = append(out, calendar{name, on}) }
	for day := 1; day <= 28; day++ {
		add(fmt.Sprint("day ", day), func(y int, m time.Month) time.Time { return firstOf(y, m).AddDate(0, 0, day-1) })
	}
	for day := 4; day <= 25; day++ { // around month ends a moved day changes the month: the plans below
		add(fmt.Sprint("day ", day, ", or the working day after"), func(y int, m time.Month) time.Time { return working(firstOf(y, m).AddDate(0, 0, day-1), 1) })
		add(fmt.Sprint("day ", day, ", or the working day before"), func(y int, m time.Month) time.Time { return working(firstOf(y, m).AddDate(0, 0, day-1), -1) })
	}
	for i := range 7 {
		for nth := range 4 {
			add(fmt.Sprintf("weekday %d number %d", i, nth+1), func(y int, m time.Month) time.Time {
				t := firstOf(y, m)
				return t.AddDate(0, 0, (i-weekday(dayOf(t))+7)%7+7*nth)
			})
		}
		add(fmt.Sprintf("last weekday %d", i), func(y int, m time.Month) time.Time {
			t := firstOf(y, m).AddDate(0, 1, -1)
			return t.AddDate(0, 0, -((weekday(dayOf(t)) - i + 7) % 7))
		})
	}
	add("last day", func(y int, m time.Month) time.Time { return firstOf(y, m).AddDate(0, 1, -1) })
	add("last working day", func(y int, m time.Month) time.Time { return working(firstOf(y, m).AddDate(0, 1, -1), -1) })
	add("first working day", func(y int, m time.Month) time.Time { return working(firstOf(y, m), 1) })
	return out
}

func quarterOf(y, q int) Window {
	return Window{Since: firstOf(y, time.Month(3*q+1)), Until: firstOf(y, time.Month(3*q+4))}
}

func classIn(w Window, hours uint32, days ...int) (Class, string) {
	slices.Sort(days)
	f := Flow{Hours: hours}
	for _, d := range slices.Compact(days) {
		f.Days = append(f.Days, int32(d))
	}
	a := &attributor{window: daysOf(w, nil)}
	class, why := a.classify(&f)
	return class, strings.Join(why, "; ")
}

// A monthly job seen three times in a quarter is periodic, however its day is
// planned, in every quarter of thirteen years.
func TestMonthlyJobsArePeriodic(t *testing.T) {
	for _, plan := range monthlyPlans() {
		for y := 2020; y <= 2032; y++ {
			for q := range 4 {
				var days []int
				for m := range 3 {
					days = append(days, dayOf(plan.on(y, time.Month(3*q+m+1))))
				}
				if got, why := classIn(quarterOf(y, q), 1<<3, days...); got != Periodic {
					t.Errorf("%s in quarter %d of %d: %s (%s)", plan.name, q+1, y, got, why)
				}
			}
		}
	}
}

// Two plans of one job, such as the 10th and the 25th or the 15th and the last.
func TestTwiceMonthlyJobsArePeriodic(t *testing.T) {
	for _, pair := range [][2]string{{"day 1", "day 15"}, {"day 10", "day 25"}, {"day 15", "last day"}, {"day 15", "last working day"}, {"day 5, or the working day after", "day 20, or the working day after"}} {
		for y := 2020; y <= 2032; y++ {
			for q := range 4 {
				var days []int
				for _, plan := range monthlyPlans() {
					for m := range 3 {
						if slices.Contains(pair[:], plan.name) {
							days = append(days, dayOf(plan.on(y, time.Month(3*q+m+1))))
						}
					}
				}
				if got, why := classIn(quarterOf(y, q), 1<<3, days...); got != Periodic || !strings.Contains(why, " and ") {
					t.Errorf("%v in quarter %d of %d: %s (%s)", pair, q+1, y, got, why)
				}
			}
		}
	}
}

// Quarter ends of a year, and month ends of the books: three days before to three after.
func TestQuarterAndMonthEnds(t *testing.T) {
	for y := 2020; y <= 2032; y++ {
		year := Window{Since: firstOf(y, 1), Until: firstOf(y+1, 1)}
		var quarters, months []int
		for m := 1; m <= 12; m++ {
			end := dayOf(firstOf(y, time.Month(m)).AddDate(0, 1, -1))
			if m%3 == 0 {
				quarters = append(quarters, end)
			}
			months = append(months, end-1, end, end+1)
		}
		if got, why := classIn(year, 1, quarters...); got != Periodic || !strings.Contains(why, "at quarter ends") {
			t.Errorf("quarter ends of %d: %s (%s)", y, got, why)
		}
		months = months[:len(months)-1] // the last is beyond the year
		if got, why := classIn(year, 1, append(months, dayOf(firstOf(y, 6))+14)...); got != Periodic || !strings.Contains(why, "at month ends") {
			t.Errorf("month ends of %d and one day besides: %s (%s)", y, got, why)
		}
		for q := range 4 {
			if got, why := classIn(quarterOf(y, q), 1, dayOf(firstOf(y, time.Month(3*q+3)).AddDate(0, 1, -1))); got != Single || !strings.Contains(why, "month end") {
				t.Errorf("one quarter end: %s (%s)", got, why)
			}
		}
	}
}

// Any set of weekdays, week after week, at least three weeks long, is periodic
// where it has up to four days of the week, and named; from the working week on
// it is daily. Where the window begins does not matter.
func TestWeeklyPlans(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	const allDay = 1<<24 - 1
	for set := 1; set < 1<<7; set++ {
		y, q := 2020+rng.IntN(13), rng.IntN(4)
		w := quarterOf(y, q)
		from := dayOf(w.Until) - 7*(3+rng.IntN(10)) // whole weeks
		var days []int
		for d := from; d < dayOf(w.Until); d++ {
			if set>>weekday(d)&1 == 1 {
				days = append(days, d)
			}
		}
		got, why := classIn(w, allDay, days...)
		n := 0
		for i := range 7 {
			n += set >> i & 1
		}
		switch {
		case n >= 6, set&31 == 31:
			if got != Steady {
				t.Errorf("weekdays %07b: %s (%s), want steady", set, got, why)
			}
		case n <= 3:
			if got != Periodic {
				t.Errorf("weekdays %07b: %s (%s), want periodic", set, got, why)
			}
			for i := range 7 {
				if name := time.Weekday((i + 1) % 7).String(); set>>i&1 == 1 != strings.Contains(why, name) {
					t.Errorf("weekdays %07b: %s", set, why)
				}
			}
		case got != Steady && got != Periodic:
			t.Errorf("weekdays %07b: %s (%s)", set, got, why)
		}
	}
}

// Every N days, also where a fortnight waits for a working day.
func TestEveryFewDays(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	for range 500 {
		n := 2 + rng.IntN(20)
		w := quarterOf(2020+rng.IntN(13), rng.IntN(4))
		first, last := dayOf(w.Since)+rng.IntN(n), dayOf(w.Until)
		var days []int
		for d := first; d < last; d += n {
			days = append(days, d)
		}
		if got, why := classIn(w, 1, days...); len(days) >= 4 && got != Periodic {
			t.Errorf("every %d days: %s (%s)", n, got, why)
		}
	}
}

// The smallest numbers of days: nothing is steady on less than a working week
// unless the window is no longer, one day is single, two say nothing of a period
// but for month ends.
func TestFewestDays(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	for range 2000 {
		w := quarterOf(2020+rng.IntN(13), rng.IntN(4))
		first, last := dayOf(w.Since), dayOf(w.Until)-1
		one := first + rng.IntN(last-first+1)
		if got, _ := classIn(w, 1, one); got != Single {
			t.Fatalf("one day: %s", got)
		}
		days := []int{one, first + rng.IntN(last-first+1)}
		got, why := classIn(w, 1, days...)
		if days[0] != days[1] && got == Steady || got == Periodic && (!monthEnd(days[0]) || !monthEnd(days[1])) {
			t.Fatalf("two days: %s (%s)", got, why)
		}
		run := 2 + rng.IntN(3) // up to today, on which it began lately
		days = nil
		for i := range run {
			days = append(days, last-i)
		}
		if got, why := classIn(w, 1<<24-1, days...); got == Steady || got == Periodic && !monthEnd(days[0]) {
			t.Fatalf("the last %d days: %s (%s)", run, got, why)
		}
		short := Window{Since: w.Until.AddDate(0, 0, -run), Until: w.Until}
		if got, why := classIn(short, 1<<24-1, days...); got != Steady {
			t.Fatalf("each day of a window of %d: %s (%s)", run, got, why)
		}
	}
}

// Seen in the last fortnight, a flow is never stale; silent for longer than it
// ever was, two and a half times and more than three weeks, it always is, but for
// a monthly or a quarterly one, which gets two periods and a half.
func TestStale(t *testing.T) {
	rng := rand.New(rand.NewPCG(10, 10))
	for range 5000 {
		w := Window{Since: firstOf(2025, 1), Until: firstOf(2026, 1)}
		last := dayOf(w.Until) - 1
		days := []int{last - rng.IntN(14)}
		for range 1 + rng.IntN(20) {
			days = append(days, last-rng.IntN(365))
		}
		if got, why := classIn(w, 1, days...); got == Stale {
			t.Fatalf("seen %d days before the end: %s (%s)", last-slices.Max(days), got, why)
		}
		days = nil
		for range 2 + rng.IntN(10) {
			days = append(days, last-300-rng.IntN(60))
		}
		slices.Sort(days)
		if days = slices.Compact(days); len(days) < 2 {
			continue
		}
		if got, why := classIn(w, 1, days...); got != Stale {
			t.Fatalf("silent for 300 days: %s (%s)", got, why)
		}
	}
}

// Days at random have no period: one in thirty is taken for periodic at most. A
// steady flow with every tenth day missing stays steady.
func TestChance(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 11))
	w := quarterOf(2026, 2)
	first, n := dayOf(w.Since), 92
	periodic, runs := 0, 6000
	for range runs {
		var days []int
		for range 3 + rng.IntN(25) {
			days = append(days, first+rng.IntN(n))
		}
		if got, _ := classIn(w, 1<<24-1, days...); got == Periodic {
			periodic++
		}
		days = nil
		for _, k := range rng.Perm(n)[:n-9] {
			days = append(days, first+k)
		}
		if got, why := classIn(w, 1<<24-1, days...); got != Steady {
			t.Fatalf("%s (%s)", got, why)
		}
	}
	t.Logf("%d of %d random flows look periodic", periodic, runs)
	if 30*periodic > runs {
		t.Errorf("%d of %d random flows look periodic", periodic, runs)
	}
}

func TestClockHours(t *testing.T) {
	for hours, want := range map[uint32]string{1 << 2: "02:00", 1<<23 | 1: "23:00", 1<<23 | 1 | 2: "23:00", 1<<2 | 1<<14: "02:00 and 14:00", 7: "00:00", 1 | 1<<8 | 1<<16: "00:00, 08:00 and 16:00"} {
		if got := clockHours(hours); got != want {
			t.Errorf("%024b: %s, want %s", hours, got, want)
		}
	}
}
