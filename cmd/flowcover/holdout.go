package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/optimize/target"
	"github.com/flowcover/flowcover/topology/changeset"
)

// The values of --hold-out.
const (
	holdOutAuto = "auto"
	holdOutOff  = "off"
)

func readHoldOut(s string) (off bool, err error) {
	if s != holdOutAuto && s != holdOutOff {
		return false, fmt.Errorf("--hold-out %q: want %s or %s", s, holdOutAuto, holdOutOff)
	}
	return s == holdOutOff, nil
}

// holdOut holds the lists against the last part of the window: they are made
// again without it. It gives the part's first day, or why nothing was held out.
func (p *planRun) holdOut(ctx context.Context, in target.Input, rs []target.Result, w analyze.Window) (since, none string, err error) {
	if p.noHoldOut {
		return "", "--hold-out is off", nil
	}
	first, _, ok := w.LastPart()
	if !ok {
		return "", "the window is shorter than 20 days", nil
	}
	part := target.Part{From: first, Earlier: analyze.Earlier(in.Flows, first, p.policy.MinDays)}
	if err := target.HoldOut(ctx, in, rs, part, p.options("hold out")); err != nil {
		return "", "", fmt.Errorf("hold out the last part of the window: %w", err)
	}
	return time.Unix(int64(first)*86400, 0).UTC().Format(time.DateOnly), "", nil
}

// heldWords says in a line what the list made without the last part of the
// window would have carried of that, at the proposed number of rules and around.
func heldWords(t *changeset.Target) string {
	if t.HeldOut.Flows > 0 && t.HeldOut.NewFlows == 0 {
		return fmt.Sprintf("the window from %s on brought it no flow that was not seen before", t.HeldOut.Since)
	}
	var at []string
	for _, p := range t.Frontier {
		if p.Carried == nil {
			continue
		}
		at = append(at, fmt.Sprintf("%s of them with %s", percent(p.Carried.Flows), plural(p.Rules, "rule", "rules")))
	}
	if len(at) == 0 {
		return ""
	}
	return fmt.Sprintf("made without the window from %s on, which has %s, %d of them new, the list would have carried %s",
		t.HeldOut.Since, plural(t.HeldOut.Flows, "flow", "flows"), t.HeldOut.NewFlows, strings.Join(at, ", "))
}

// percent is a share rounded down to a tenth of a percent.
func percent(s float64) string {
	tenths := int(s*1000 + 1e-9)
	if tenths%10 == 0 {
		return fmt.Sprintf("%d%%", tenths/10)
	}
	return fmt.Sprintf("%d.%d%%", tenths/10, tenths%10)
}
