package analyze

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flowcover/flowcover/topology/netset"
)

func TestClasses(t *testing.T) {
	seoulTime, err := time.LoadLocation("Asia/Seoul")
	if err != nil {
		seoulTime = time.FixedZone("KST", 9*3600)
	}
	quarter := Window{Since: time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC), Until: time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)}
	kst := Window{Since: time.Date(2026, 6, 30, 15, 0, 0, 0, time.UTC), Until: time.Date(2026, 9, 30, 15, 0, 0, 0, time.UTC), Location: seoulTime}
	day := func(m time.Month, d int) int32 {
		return int32(time.Date(2026, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400)
	}
	every := func(from int32, n, step int) (out []int32) {
		for i := range n {
			out = append(out, from+int32(i*step))
		}
		return out
	}
	var weekdays []int32
	for _, d := range every(day(7, 1), 92, 1) {
		if weekday(int(d)) < 5 {
			weekdays = append(weekdays, d)
		}
	}
	const allDay, night = 1<<24 - 1, 1 << 2
	for _, c := range []struct {
		name  string
		w     Window
		days  []int32
		hours uint32
		want  Class
		why   string
	}{
		{"every day, all day", quarter, every(day(7, 1), 92, 1), allDay, Steady, "92 of 92 days"},
		{"weekdays", quarter, weekdays, allDay, Steady, ""},
		{"new in the last fortnight", quarter, every(day(9, 17), 14, 1), allDay, Steady, ""},
		{"every night", quarter, every(day(7, 1), 92, 1), night, Periodic, "daily about 02:00"},
		{"every Monday", quarter, every(day(7, 6), 13, 7), night, Periodic, "weekly on Monday"},
		{"three Sundays of the last month", quarter, every(day(9, 13), 3, 7), night, Periodic, "weekly on Sunday"},
		{"month ends", quarter, []int32{day(7, 31), day(8, 31), day(9, 30)}, night, Periodic, "at month ends"},
		{"month ends over midnight", quarter, []int32{day(7, 31), day(8, 1), day(8, 31), day(9, 1), day(9, 30)}, night, Periodic, "at month ends"},
		{"the 25th, weekends moved", quarter, []int32{day(7, 24), day(8, 25), day(9, 25)}, night, Periodic, "monthly about day 24"},
		{"month ends of Seoul, UTC nights", kst, []int32{day(8, 1), day(9, 1), day(9, 30)}, 1 << 16, Periodic, "at month ends"},
		{"one month end", quarter, []int32{day(8, 31)}, night, Single, "a month end"},
		{"one day", quarter, []int32{day(8, 15)}, night, Single, "seen on one day"},
		{"now and then", quarter, []int32{day(7, 3), day(7, 22), day(8, 14), day(9, 20)}, night, Occasional, ""},
		{"daily until July", quarter, every(day(7, 1), 20, 1), allDay, Stale, "not seen in the last 72 days"},
		{"weekly until August", quarter, every(day(7, 6), 4, 7), night, Stale, "weekly"},
		{"twice, long ago", quarter, []int32{day(7, 3), day(7, 5)}, night, Stale, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := &attributor{window: daysOf(c.w, nil)}
			got, why := a.classify(&Flow{Days: c.days, Hours: c.hours})
			if got != c.want || !strings.Contains(strings.Join(why, "; "), c.why) {
				t.Errorf("%s (%v), want %s (%s)", got, why, c.want, c.why)
			}
		})
	}
}

func TestWeekdayAndMonthEnd(t *testing.T) {
	for d := -800; d < 30000; d++ {
		at := date(d)
		if want := (int(at.Weekday()) + 6) % 7; weekday(d) != want {
			t.Fatalf("%s: weekday %d, want %d", at, weekday(d), want)
		}
		last := at.AddDate(0, 1, -at.Day()).Day()
		if want := at.Day() <= 3 || at.Day() > last-3; monthEnd(d) != want {
			t.Fatalf("%s: monthEnd %v", at, monthEnd(d))
		}
	}
}

// Ranks are 1 to n, the same for the same flows in any order, and what is
// approved comes before a scan.
func TestRank(t *testing.T) {
	ev := evidence(t)
	rng := rand.New(rand.NewPCG(3, 3))
	var rows []Row
	for i := range 200 {
		r := row("eni-web1", In, netset.TCP, "10.0.1.5", 22+i%3, "10.9.0."+[]string{"4", "5", "6"}[rng.IntN(3)], NoPort, daysUpTo(1+rng.IntN(30))...)
		r.Bytes = rng.Int64N(1 << 40)
		if rng.IntN(3) == 0 {
			r.Action, r.Peer = Reject, addr("198.51.100.7")
		}
		rows = append(rows, r)
	}
	want, _ := attributed(t, ev, rows...)
	for i, f := range want {
		if f.Rank != i+1 || len(f.Why) == 0 || f.Class == "" {
			t.Fatalf("flow %d has rank %d, class %q, why %v", i, f.Rank, f.Class, f.Why)
		}
	}
	if !want[0].Approved || want[len(want)-1].Action != Reject {
		t.Error("a refused flow comes before an approved one")
	}
	for seed := range uint64(5) {
		got, _ := attributed(t, ev, shuffled(seed, rows)...)
		if d := cmp.Diff(want, got, sameFlow); d != "" {
			t.Fatalf("order matters: %s", d)
		}
		flows, _ := Settle(rows, ev)
		got, _ = Attribute(shuffled(seed, flows), ev, september)
		if d := cmp.Diff(want, got, sameFlow); d != "" {
			t.Fatalf("order of flows matters: %s", d)
		}
	}
}

func hoursOf(eni string, from, to int, ok, skip uint32) (out []ENIHours) {
	for d := from; d <= to; d++ {
		out = append(out, ENIHours{Account: seoul.Account, ENI: eni, Day: int32(day0.Unix()/86400) + int32(d-1), OK: ok, SkipData: skip})
	}
	return out
}

func TestCoverage(t *testing.T) {
	const full = 1<<24 - 1
	ev := evidence(t)
	ev.Hours = slices.Concat(
		hoursOf("eni-web1", 1, 30, full, 0),
		hoursOf("eni-web2", 16, 30, full, 0), // made in mid-September
		hoursOf("eni-other", 1, 30, full, 1), // an hour of SKIPDATA each day
		hoursOf("eni-ecs1", 1, 30, full>>8, 0),
		hoursOf("eni-ecs2", 1, 30, full, 0),
		hoursOf("eni-alb", 0, 31, full, 0), // beyond the window
	)
	c := CoverageOf(ev.Hours, nil, ev, september)
	for id, want := range map[string]float64{
		"eni-web1": 1, "eni-web2": 0.5, "eni-other": 23.0 / 24, "eni-ecs1": 2.0 / 3, "eni-alb": 1,
		"sg-web":    1,         // web2 is young, web1 was watched
		"sg-common": 23.0 / 24, // the least of three
		"sg-ecs":    2.0 / 3,
		"sg-db":     0, // never logged
		"sg-nobody": 0,
		"acl-db":    0,
		"acl-open":  0, // the NAT and the TGW ENI were not logged
	} {
		got, why := c.Of(id)
		if math.Abs(got-want) > 1e-9 {
			t.Errorf("%s: %v (%v), want %v", id, got, why, want)
		}
		if got < 1 && len(why) == 0 {
			t.Errorf("%s: %v without a reason", id, got)
		}
	}
	if len(c.Notes) != 0 {
		t.Errorf("September holds a quarter end: %v", c.Notes)
	}
	again := CoverageOf(shuffled(1, ev.Hours), nil, ev, september)
	if d := cmp.Diff(c, again); d != "" {
		t.Errorf("order matters: %s", d)
	}
	for name, c := range map[string]struct {
		a    Action
		want float64
	}{"reject": {Reject, 0}, "accept": {Accept, 0.95}} {
		flows := []Flow{{Account: seoul.Account, Action: c.a, Records: 5000}}
		if got, _ := CoverageOf(ev.Hours, flows, ev, september).Of("eni-web1"); got != c.want {
			t.Errorf("%s only: %v", name, got)
		}
	}
	w := Window{Since: day0, Until: day0.AddDate(0, 0, 14)}
	if c := CoverageOf(ev.Hours, nil, ev, w); len(c.Notes) != 1 || !strings.Contains(c.Notes[0], "month end") {
		t.Errorf("notes %v", c.Notes)
	}
	w = Window{Since: day0.AddDate(0, -1, 0), Until: day0.AddDate(0, 0, 14)}
	if c := CoverageOf(ev.Hours, nil, ev, w); len(c.Notes) != 1 || !strings.Contains(c.Notes[0], "quarter end") {
		t.Errorf("notes %v", c.Notes)
	}
}

// The estimate against the formula worked by hand, and its limits.
func TestUnseen(t *testing.T) {
	flow := func(days ...int) Flow {
		f := Flow{Action: Accept, Side: In}
		for _, d := range days {
			f.Days = append(f.Days, int32(day0.Unix()/86400)+int32(d-1))
		}
		return f
	}
	all := daysUpTo(30)
	s := Unseen([]Flow{flow(all...), flow(3), flow(5), flow(29), flow(1, 2), {Action: Reject, Side: In, Days: []int32{1}}}, september)
	// U = 35, Q1 = 3, Q2 = 1, T = 30: 1 - 3/35 * 87/89.
	if want := 1 - 3.0/35*(87.0/89); math.Abs(s.All.Coverage-want) > 1e-12 || !s.All.Estimable || s.All.FlowDays != 35 || s.All.Once != 3 || s.All.Twice != 1 {
		t.Errorf("%+v, want %v", s.All, want)
	}
	if s.Weekdays.Days != 22 || !s.Weekdays.Estimable || s.Month.Days != 6 || s.Month.Estimable {
		t.Errorf("weekdays %+v, month ends %+v", s.Weekdays, s.Month)
	}
	if s.LastWeek != 2 || s.Known != 1 {
		t.Errorf("held out: %d of %d", s.Known, s.LastWeek)
	}
	short := Unseen([]Flow{flow(1)}, Window{Since: day0, Until: day0.AddDate(0, 0, 19)})
	if short.All.Estimable {
		t.Error("19 days are too few")
	}
	if s := Unseen([]Flow{flow(all...)}, september); s.All.Coverage != 1 {
		t.Errorf("everything seen daily: %+v", s.All)
	}
}
