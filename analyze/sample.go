package analyze

// leastDays is how many days a sample needs before anything is estimated.
const leastDays = 20

// Sample estimates how much of the traffic that exists the window has seen.
// Its units are days, its species flows (accepted, settled).
type Sample struct {
	Days     int `json:"days"`      // T
	FlowDays int `json:"flow_days"` // U: flows summed over the days they were seen on
	Once     int `json:"once"`      // Q1: flows seen on one day
	Twice    int `json:"twice"`     // Q2
	// Estimable is false with fewer than 20 days or no flows; Coverage is then 0.
	Estimable bool    `json:"estimable"`
	Coverage  float64 `json:"coverage"`
}

// Samples are the estimates over all days, weekdays alone and month ends alone,
// with a check of the same question by holding out the window's last week.
type Samples struct {
	All      Sample `json:"all"`
	Weekdays Sample `json:"weekdays"`
	Month    Sample `json:"month_ends"`
	// LastWeek is the number of flows seen in the last seven days, Known how many
	// of them the days before had seen. Both 0 in a window of 7 days or less.
	LastWeek int `json:"last_week"`
	Known    int `json:"last_week_known"`
}

// Unseen estimates sample coverage for incidence data (Chao and Jost 2012):
// C = 1 - Q1/U * (T-1)Q1 / ((T-1)Q1 + 2 Q2).
func Unseen(flows []Flow, w Window) Samples {
	d := daysOf(w, flows)
	all := newSample(d, func(int) bool { return true })
	weekdays := newSample(d, func(x int) bool { return weekday(x) < 5 })
	month := newSample(d, monthEnd)
	var s Samples
	for i := range flows {
		f := &flows[i]
		if f.Action != Accept || f.Side == Unsettled {
			continue
		}
		days := d.appendDays(nil, f)
		all.add(days)
		weekdays.add(days)
		month.add(days)
		if d.count() > 7 && len(days) > 0 && days[len(days)-1] > d.last-7 {
			s.LastWeek++
			if days[0] <= d.last-7 {
				s.Known++
			}
		}
	}
	s.All, s.Weekdays, s.Month = all.done(), weekdays.done(), month.done()
	return s
}

type sampler struct {
	Sample
	in          func(day int) bool
	first, last int
}

func newSample(d windowDays, in func(int) bool) *sampler {
	s := &sampler{in: in, first: d.first, last: d.last}
	for x := d.first; x <= d.last; x++ {
		if in(x) {
			s.Days++
		}
	}
	return s
}

func (s *sampler) add(days []int) {
	n := 0
	for _, x := range days {
		if x >= s.first && x <= s.last && s.in(x) {
			n++
		}
	}
	s.FlowDays += n
	switch n {
	case 1:
		s.Once++
	case 2:
		s.Twice++
	}
}

func (s *sampler) done() Sample {
	s.Estimable = s.Days >= leastDays && s.FlowDays > 0
	if !s.Estimable {
		return s.Sample
	}
	s.Coverage = 1
	if s.Once > 0 {
		q1, t := float64(s.Once), float64(s.Days-1)
		s.Coverage = 1 - q1/float64(s.FlowDays)*(t*q1/(t*q1+2*float64(s.Twice)))
	}
	return s.Sample
}
