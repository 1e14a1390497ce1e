package demo

import "time"

// seoul is the bank's clock. Korea keeps no summer time, so that no time zone
// database is needed.
var seoul = time.FixedZone("KST", 9*3600)

// shape is how a call's connections lie in time, by the bank's clock.
type shape uint8

const (
	steady     shape = iota // the same day and night
	customers               // day and evening, fewer at weekends
	office                  // working hours of working days
	occasional              // working hours, seldom
	stale                   // working hours of the window's first week, then never
	daily                   // one hour of every day
	weekly                  // one hour of one weekday
	monthEnd                // one hour of a month's last day
	quarterEnd              // one hour of a quarter's last day
	pool                    // connections that live for days, then are replaced
	persistent              // connections older than the window that outlive it
)

// schedule says when and how much.
type schedule struct {
	shape     shape
	rate      float64 // connections an hour at the busiest; of pool and persistent: bursts an hour of one connection
	hour      int     // daily to quarterEnd
	weekday   time.Weekday
	seconds   float64 // a connection's mean length
	lifeHours int64   // pool
	up, down  float64 // mean bytes from and to the opener; of pool and persistent: of a burst
}

// long says whether a connection lives on from hour to hour in bursts.
func (s *schedule) long() bool { return s.shape == pool || s.shape == persistent }

// job says whether the call is a job with a number of runs, which no wish for
// more or fewer records changes.
func (s *schedule) job() bool { return s.shape >= daily && s.shape <= quarterEnd }

// longest is how many seconds a connection may last.
func (s *schedule) longest() int64 { return int64(3*s.seconds) + 1 }

// lookback is how many hours before an hour a connection may have begun that
// still has a record in it, or in an aggregation interval that reaches into it.
func (s *schedule) lookback(interval int64) int64 {
	if s.long() {
		return 1
	}
	return (s.longest()+interval+closeNoise)/3600 + 1
}

// calendar answers what the bank's clock says of an hour, counted from 1970.
type calendar struct{ first int64 } // the window's first hour

// holidays are the Korean public holidays of 2026's second half, month and day.
var holidays = map[[2]int]bool{
	{8, 15}: true, {8, 17}: true, {9, 24}: true, {9, 25}: true, {9, 26}: true,
	{10, 3}: true, {10, 5}: true, {10, 9}: true, {12, 25}: true,
}

// load is the share of the busiest hour's connections that the hour has.
func (c calendar) load(s *schedule, hour int64) float64 {
	t := time.Unix(hour*3600, 0).In(seoul)
	_, month, day := t.Date()
	off := t.Weekday() == time.Saturday || t.Weekday() == time.Sunday || holidays[[2]int{int(month), day}]
	tomorrow := t.AddDate(0, 0, 1)
	switch s.shape {
	case customers:
		return customerLoad(t.Hour(), off)
	case office:
		return officeLoad(t.Hour(), off)
	case occasional:
		return 0.2 + 0.8*officeLoad(t.Hour(), off)
	case stale:
		if hour-c.first >= 6*24 {
			return 0
		}
		return officeLoad(t.Hour(), false)
	case daily:
		return onlyIf(t.Hour() == s.hour)
	case weekly:
		return onlyIf(t.Hour() == s.hour && t.Weekday() == s.weekday)
	case monthEnd:
		return onlyIf(t.Hour() == s.hour && tomorrow.Day() == 1)
	case quarterEnd:
		return onlyIf(t.Hour() == s.hour && tomorrow.Day() == 1 && tomorrow.Month()%3 == 1)
	}
	return 1
}

func onlyIf(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

func customerLoad(hour int, off bool) float64 {
	load := 0.9
	switch {
	case hour < 6:
		load = 0.08
	case hour < 9:
		load = 0.5
	case hour == 12 || hour >= 19 && hour < 22:
		load = 1
	case hour >= 22:
		load = 0.4
	}
	if off {
		load *= 0.6
	}
	return load
}

func officeLoad(hour int, off bool) float64 {
	switch {
	case off:
		return 0.03
	case hour >= 9 && hour < 18:
		return 1
	case hour == 8 || hour == 18 || hour == 19:
		return 0.4
	}
	return 0.03
}
