package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/flowcover/flowcover/cmd/internal/table"
	"github.com/flowcover/flowcover/topology/awsapply"
	"github.com/flowcover/flowcover/topology/changeset"
)

// What became of a change.
const (
	stateMade    = "made"
	stateAlready = "already"
	stateHeld    = "held"
	stateLeft    = "left"
	stateWould   = "would-be-made"
)

// applyDone is what a run, or a rehearsal, did.
type applyDone struct {
	steps         []changeset.Step
	state         map[string]string
	made, already int
}

// applyJSON is what apply --json prints.
type applyJSON struct {
	Format     string        `json:"format"`
	Digest     string        `json:"digest"`
	DryRun     bool          `json:"dry_run"`
	Journal    *string       `json:"journal"`
	Signatures []string      `json:"signatures"`
	Made       int           `json:"made"`
	Already    int           `json:"already"`
	Changes    []applyChange `json:"changes"`
}

type applyChange struct {
	ID     string            `json:"id"`
	Kind   string            `json:"kind"`
	Target string            `json:"target"`
	Text   string            `json:"text"`
	State  string            `json:"state"`
	Reason *string           `json:"reason"` // why it is held
	Before []changeset.Count `json:"before"` // what its list counts, where it was simulated
	After  []changeset.Count `json:"after"`
}

func (a *applyRun) result(ok *approved, done applyDone, partly *awsapply.PartlyAppliedError) applyJSON {
	out := applyJSON{
		Format: "flowcover.apply/1", Digest: ok.digest, DryRun: a.dryRun, Signatures: orEmpty(ok.signatures), Made: done.made, Already: done.already,
		Changes: []applyChange{},
	}
	if !a.dryRun && len(ok.ids) > 0 {
		file := a.journalFile()
		out.Journal = &file
	}
	why := map[string]string{}
	for _, h := range ok.held {
		why[h.ID] = h.Reason
	}
	counts := map[string]changeset.Step{}
	for _, s := range done.steps {
		counts[s.Change] = s
	}
	for i := range ok.cs.Changes {
		c := &ok.cs.Changes[i]
		line := applyChange{ID: c.ID, Kind: c.Kind, Target: c.Target, Text: c.Words(), Before: orEmpty(counts[c.ID].Before), After: orEmpty(counts[c.ID].After)}
		reason, held := why[c.ID]
		switch {
		case held:
			line.State, line.Reason = stateHeld, &reason
		case done.state[c.ID] != "":
			line.State = done.state[c.ID]
		case a.dryRun:
			line.State = stateWould
		case partly != nil && contains(partly.Done, c.ID):
			line.State = stateAlready // by an earlier run
		case partly != nil:
			line.State = stateLeft
		default:
			line.State = stateAlready
		}
		out.Changes = append(out.Changes, line)
	}
	return out
}

func (a *applyRun) print(ok *approved, done applyDone, partly *awsapply.PartlyAppliedError) error {
	res := a.result(ok, done, partly)
	if a.json {
		return writeJSON(a.env.Out, res)
	}
	var b strings.Builder
	text := func(first, s string) { b.WriteString(table.Indent(first, table.Clean(s), a.env.Width) + "\n") }
	states := map[string]int{}
	for _, c := range res.Changes {
		states[c.State]++
		line := c.Target + " " + c.Text
		if c.Reason != nil {
			line += " (" + *c.Reason + ")"
		}
		for _, n := range c.After {
			line += fmt.Sprintf("; %s: %d of %d", n.Family, n.Rules, n.Quota)
		}
		text(table.Pad(c.State, 14)+c.ID+"  ", line)
	}
	b.WriteByte('\n')
	var sum []string
	for _, s := range []string{stateMade, stateAlready, stateWould, stateLeft, stateHeld} {
		if states[s] > 0 {
			sum = append(sum, fmt.Sprintf("%d %s", states[s], strings.ReplaceAll(s, "-", " ")))
		}
	}
	if len(ok.ids) == 0 {
		sum = append([]string{"nothing is approved"}, sum...)
	}
	text("", strings.Join(sum, ", "))
	for _, s := range res.Signatures {
		text("signed: ", s)
	}
	if res.Journal != nil {
		text("journal: ", *res.Journal)
	}
	_, err := io.WriteString(a.env.Out, b.String())
	return err
}
