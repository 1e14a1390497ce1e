package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/analyze/source"
	"github.com/flowcover/flowcover/cmd/internal/atomicfile"
	"github.com/flowcover/flowcover/cmd/internal/command"
	"github.com/flowcover/flowcover/topology/lint"
)

// lintRun looks for what is wrong in a snapshot.
type lintRun struct {
	env              *command.Env
	snapshot, state  string
	accepted, sarif  string
	region, endpoint string
	policy           analyze.Policy
	table, json      bool
}

func lintVerb() command.Verb {
	return command.Verb{
		Name: "lint", Summary: "find what is wrong, unused or dangerous in a snapshot",
		About: "Looks through routes, transit gateways, network ACLs, security groups and endpoints, and says for each finding why, what " +
			"the flows say (--state), and the remedy. Findings that people accept stand in a file with an expiry and a reason; one that " +
			"has expired shows again. Findings that nobody accepted end with 4.",
		Examples: []string{
			"flowcover lint --snapshot snapshot.json --state state --accepted lint-accepted.yaml",
			"flowcover lint --snapshot snapshot.json --sarif lint.sarif",
			"flowcover lint --snapshot snapshot.json --table",
		},
		Exits: []int{codeFindings},
		Flags: []command.Flag{
			oneSnapshotFlag(), stateFlag(), regionFlag(), endpointFlag(),
			{Name: "accepted", Hint: "FILE", Key: "lint.accepted", Usage: `accepted findings: "accepted:" and a line "ID: YYYY-MM-DD REASON" each`},
			{Name: "sarif", Hint: "FILE", Usage: "write the findings as SARIF 2.1.0, too"},
			{Name: "table", Type: command.Bool, Usage: "a line for each finding, without reason and remedy"},
			jsonFlag(),
		},
		New: func(c *cli.Context, e *command.Env) (command.Runner, error) {
			l := &lintRun{
				env: e, snapshot: firstOf(c.StringSlice("snapshot")), state: c.String("state"), accepted: c.String("accepted"), sarif: c.String("sarif"),
				region: firstOf(list(c.StringSlice("region"))), endpoint: c.String("endpoint-url"), policy: analyze.DefaultPolicy(),
				table: c.Bool("table"), json: c.Bool("json"),
			}
			switch n := len(c.StringSlice("snapshot")); {
			case l.table && l.json:
				return nil, fmt.Errorf("--table and --json do not go together")
			case n == 0:
				return nil, fmt.Errorf("--snapshot is missing; make one with: flowcover snapshot")
			case n > 1:
				return nil, fmt.Errorf("--snapshot is given %d times; lint looks at one", n)
			}
			return l, nil
		},
	}
}

// lintJSON is what lint --json prints.
type lintJSON struct {
	Format      string         `json:"format"`
	Snapshot    string         `json:"snapshot"`
	Window      string         `json:"window"` // of the flows; empty: none were read
	Findings    []judgedByFile `json:"findings"`
	NotComputed []string       `json:"not_computed"`
	Notes       []string       `json:"notes"`
}

func (l *lintRun) Run(ctx context.Context) error {
	doc, err := readSnapshot(l.snapshot)
	if err != nil {
		return err
	}
	var accepted acceptances
	if l.accepted != "" {
		data, err := os.ReadFile(l.accepted)
		if err != nil {
			return fmt.Errorf("--accepted: %w", err)
		}
		if accepted, err = readAccepted(l.accepted, data); err != nil {
			return &command.UsageError{Verb: "lint", Err: err}
		}
	}
	o := lint.Options{AdminPorts: l.policy.AdminPorts, DatabasePorts: l.policy.DatabasePorts}
	if l.state != "" {
		state, err := source.Open(ctx, l.state, source.Options{EndpointURL: l.endpoint, Region: l.region})
		if err != nil {
			return fmt.Errorf("--state: %w; run analyze first", err)
		}
		obs, flows, err := loadObservations(ctx, state, nil)
		if err != nil {
			return err
		}
		o.Evidence = lintEvidence(flows, doc.Snapshot(), day(obs.Window.Since)+" to "+day(obs.Window.Until))
	}
	report := lint.Run(doc.Snapshot(), o)
	out := lintJSON{Format: "flowcover.lint/1", Snapshot: doc.Snapshot().Digest(), NotComputed: report.NotComputed}
	if o.Evidence != nil {
		out.Window = o.Evidence.Window
	}
	out.Findings, out.Notes = accepted.judge(report.Findings, l.env.Now())
	if l.sarif != "" {
		if err := atomicfile.WriteBytes(l.sarif, 0o644, sarifOf(out, l.snapshot)); err != nil {
			return fmt.Errorf("--sarif: %w", err)
		}
	}
	if l.json {
		err = writeJSON(l.env.Out, out)
	} else {
		err = l.print(l.env.Out, doc.Snapshot(), out)
	}
	if n := unaccepted(out.Findings); err == nil && n > 0 {
		return fmt.Errorf("%w: %s", errFindings, plural(n, "is not accepted", "are not accepted"))
	}
	return err
}

func day(t string) string { return t[:min(10, len(t))] }

func unaccepted(findings []judgedByFile) int {
	n := 0
	for _, f := range findings {
		if !f.accepted() {
			n++
		}
	}
	return n
}

// today is the day that decides whether an acceptance has expired, in UTC.
func today(t time.Time) string { return t.UTC().Format(time.DateOnly) }
