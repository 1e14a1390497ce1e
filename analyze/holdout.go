package analyze

// The least that a window and its last part must span for the part to be held
// out: a week, and what is before it long enough to make rules from.
const (
	leastWhole = 20
	leastHeld  = 7
)

// LastPart gives the first day of the window's last quarter, at least a week of
// it, counted as in [Flow.Days], and how many days it has. ok is false where the
// window is shorter than 20 days.
func (w Window) LastPart() (first int32, days int, ok bool) {
	if w.Since.IsZero() || w.Until.IsZero() {
		return 0, 0, false
	}
	d := daysOf(w, nil)
	if d.count() < leastWhole {
		return 0, 0, false
	}
	days = max(leastHeld, d.count()/4)
	return int32(d.last - days + 1), days, true
}

// Earlier gives the flows as they stood before a day: those seen by then, with
// their days until then. Of what else is known of a flow nothing is kept by day,
// so it stays as the whole window shows it; only the least number of days for
// approval is asked anew.
func Earlier(flows []Flow, day int32, minDays int) []Flow {
	var out []Flow
	for _, f := range flows {
		n := f.DaysBefore(day)
		if n == 0 {
			continue
		}
		f.Days = f.Days[:n:n]
		f.Approved = f.Approved && n >= minDays
		out = append(out, f)
	}
	return out
}

// DaysBefore counts the flow's days before a day.
func (f *Flow) DaysBefore(day int32) int {
	n := 0
	for n < len(f.Days) && f.Days[n] < day {
		n++
	}
	return n
}
