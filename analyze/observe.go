package analyze

import "slices"

// Input is everything that a reading of logs rests on.
type Input struct {
	Rows []Row
	Evidence
	Window Window
}

// Observations is what it says.
type Observations struct {
	Flows     []Flow // by rank
	Findings  []Finding
	Forbidden []ForbiddenCell
	Coverage  *Coverages
	Samples   Samples
}

// Observe settles, folds, attributes, ranks and scores: the whole of analysis
// after the rollups. Equal input in any order gives equal output.
func Observe(in Input) *Observations {
	if !in.Window.Since.IsZero() && !in.Window.Until.IsZero() {
		in.days = daysOf(in.Window, nil)
	}
	flows, found := Settle(in.Rows, in.Evidence)
	o := judge(flows, in.Evidence, in.Window)
	o.Findings = append(found, o.Findings...)
	slices.SortFunc(o.Findings, compareFindings)
	return o
}

// Reobserve attributes flows that are settled already anew: against another
// snapshot or another policy. Hours of the same window must be in ev.
func Reobserve(flows []Flow, ev Evidence, w Window) *Observations {
	return judge(slices.Clone(flows), ev, w)
}

// judge changes flows.
func judge(flows []Flow, ev Evidence, w Window) *Observations {
	o := &Observations{}
	var rejected []Finding
	o.Flows, o.Findings = attribute(flows, ev, w)
	o.Forbidden, rejected = Forbidden(o.Flows, ev)
	o.Findings = append(o.Findings, rejected...)
	o.Coverage = CoverageOf(ev.Hours, o.Flows, ev, w)
	o.Samples = Unseen(o.Flows, w)
	slices.SortFunc(o.Findings, compareFindings)
	return o
}
