package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/flowcover/flowcover/cmd/internal/command"
	"github.com/flowcover/flowcover/cmd/internal/demo"
)

// demoRun makes up an account with its traffic and runs the whole line on it.
type demoRun struct {
	env      *command.Env
	opt      demo.Options
	snapshot string
	logsOnly bool
	replace  bool
}

func demoVerb() command.Verb {
	return command.Verb{
		Name: "demo", Summary: "make up an account with 30 days of flow logs and run snapshot, analyze and plan on it",
		About: "Writes account/, logs/, captures/, snapshot.json, state/ and changeset.json into --out. No AWS account and no network is " +
			"needed. Equal seeds and sizes give equal files. With --logs-only --snapshot FILE it writes logs and captures for that " +
			"snapshot's account and stops.",
		Examples: []string{
			"flowcover demo",
			"flowcover demo --out big --days 90 --vpcs 6 --enis 400 --records 20000000",
			"flowcover demo --logs-only --snapshot snapshot.json --out traffic",
		},
		Grace: time.Minute, // the query engine stops and tidies up
		Exits: []int{codePromise},
		Flags: []command.Flag{
			{Name: "out", Short: "o", Hint: "DIR", Default: "flowcover-demo", Usage: "folder to write"},
			{Name: "seed", Hint: "N", Type: command.Int, Default: "1", Usage: "everything follows from it"},
			{Name: "days", Hint: "N", Type: command.Int, Default: "30", Usage: "days of logs"},
			{Name: "end", Hint: "DATE", Default: demo.DefaultEnd.Format(time.DateOnly), Usage: "the day after the last (Asia/Seoul)"},
			{Name: "vpcs", Hint: "N", Type: command.Int, Usage: "VPCs; 3 and more"},
			{Name: "enis", Hint: "N", Type: command.Int, Usage: "network interfaces; without it as many as the roles need"},
			{Name: "records", Hint: "N", Type: command.Int, Usage: "about how many flow log records to write; without it 1200000"},
			{Name: "layout", Hint: "LAYOUT", Default: string(demo.LayoutDefault), Values: layouts(), Usage: "how the logs' keys are laid out"},
			{Name: "log-version", Hint: "N", Type: command.Int, Default: "5", Usage: "flow log fields: 5 (29 columns) or 2 (AWS's default)"},
			{Name: "text", Type: command.Bool, Usage: "gzipped text logs in place of Parquet"},
			{Name: "interval", Hint: "SECONDS", Type: command.Int, Default: "600", Usage: "aggregation interval: 600 or 60"},
			{Name: "objects-per-hour", Hint: "N", Type: command.Int, Default: "1", Usage: "log objects of an hour: 1 to 12"},
			{Name: "truth", Type: command.Bool, Usage: "write truth.json, every connection that was made up"},
			{Name: "snapshot", Hint: "FILE", Usage: "with --logs-only: the account to make logs for"},
			{Name: "logs-only", Type: command.Bool, Usage: "only write logs and captures, for the account of --snapshot"},
			{Name: "replace", Type: command.Bool, Usage: "remove what an earlier demo wrote into --out first"},
		},
		New: newDemo,
	}
}

func layouts() []string {
	var out []string
	for _, l := range demo.Layouts {
		out = append(out, string(l))
	}
	return out
}

func newDemo(c *cli.Context, e *command.Env) (command.Runner, error) {
	d := &demoRun{env: e, snapshot: c.String("snapshot"), logsOnly: c.Bool("logs-only"), replace: c.Bool("replace")}
	end, err := time.ParseInLocation(time.DateOnly, c.String("end"), demo.Location())
	if err != nil {
		return nil, fmt.Errorf("--end %q: want a day such as 2026-10-01", c.String("end"))
	}
	for _, name := range []string{"seed", "days", "vpcs", "enis", "records"} {
		if n := c.Int(name); n < 0 || n == 0 && c.IsSet(name) && name != "seed" {
			return nil, fmt.Errorf("--%s %d: want at least 1", name, n)
		}
	}
	d.opt = demo.Options{
		Out: c.String("out"), Seed: uint64(c.Int("seed")), Days: c.Int("days"), End: end, VPCs: c.Int("vpcs"), ENIs: c.Int("enis"), Records: int64(c.Int("records")),
		Layout: demo.Layout(c.String("layout")), Version: c.Int("log-version"), Text: c.Bool("text"), Interval: c.Int("interval"),
		ObjectsPerHour: c.Int("objects-per-hour"), Truth: c.Bool("truth"),
	}
	switch {
	case d.opt.Out == "":
		return nil, fmt.Errorf("--out is empty; give the folder to write")
	case d.logsOnly && d.snapshot == "":
		return nil, fmt.Errorf("--logs-only wants --snapshot FILE: the account to make logs for")
	case !d.logsOnly && d.snapshot != "":
		return nil, fmt.Errorf("--snapshot goes with --logs-only; without it the demo makes its own account")
	}
	return d, nil
}

// written are the names that a demo writes into its folder.
var written = []string{"account", "logs", "captures", "state", "snapshot.json", "changeset.json", "truth.json"}

func (d *demoRun) Run(ctx context.Context) error {
	if err := d.makeRoom(); err != nil {
		return err
	}
	if d.logsOnly {
		doc, err := readSnapshot(d.snapshot)
		if err != nil {
			return err
		}
		d.opt.Snapshot = doc.Snapshot()
	}
	report, err := demo.Generate(ctx, d.opt, func(p demo.Progress) {
		d.env.Progress.Show("write flow logs", int64(p.Hours), int64(p.AllHours), "hours")
	})
	if err != nil {
		return err
	}
	d.env.Progress.Clear()
	if err := d.say("%s records in %s, %s to %s\n", strconv.FormatInt(report.Records, 10), plural(int(report.Objects), "object", "objects"),
		report.Since.Format(time.DateOnly), report.Until.Format(time.DateOnly)); err != nil {
		return err
	}
	for _, dropped := range report.Dropped {
		d.env.Log.Warn("no route carries a pair of the demo's traffic; it is left out", "pair", dropped)
	}
	if d.logsOnly {
		return d.say("logs: %s\n", report.Logs)
	}
	return d.line(ctx, report)
}

// makeRoom refuses to write over what is there, or removes an earlier demo.
func (d *demoRun) makeRoom() error {
	for _, name := range written {
		path := filepath.Join(d.opt.Out, name)
		if _, err := os.Lstat(path); errors.Is(err, os.ErrNotExist) {
			continue
		}
		if !d.replace {
			return fmt.Errorf("%s is there already; choose another --out, or give --replace to remove what an earlier demo wrote", path)
		}
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("--replace: %w", err)
		}
	}
	return nil
}

func (d *demoRun) say(format string, args ...any) error {
	_, err := fmt.Fprintf(d.env.Out, format, args...)
	return err
}

// line runs the verbs as a person would, each shown before it runs.
func (d *demoRun) line(ctx context.Context, report *demo.Report) error {
	at := func(name string) string { return filepath.Join(d.opt.Out, name) }
	const zone = "Asia/Seoul" // demo.Location
	steps := [][]string{
		{"snapshot", "--from-dir", at("account"), "--taken-at", report.Until.Format(time.RFC3339), "-o", at("snapshot.json")},
		{"analyze", "--logs", report.Logs, "--captures", report.Captures, "--snapshot", at("snapshot.json"),
			"--since", report.Since.Format(time.DateOnly), "--until", report.Until.Format(time.DateOnly), "--timezone", zone, "--state", at("state")},
		{"plan", "--snapshot", at("snapshot.json"), "--state", at("state"), "-o", at("changeset.json")},
	}
	var kept error
	for _, args := range steps {
		if err := d.say("\n$ flowcover %s\n", strings.Join(args, " ")); err != nil {
			return err
		}
		err := newApp().Run(ctx, append([]string{"flowcover"}, args...), d.env)
		switch {
		case errors.Is(err, errPromise):
			kept = err
		case errors.Is(err, errFindings), errors.Is(err, errUnreadable):
			// The account is made with things to find.
			d.env.Log.Info(err.Error())
		case err != nil:
			return fmt.Errorf("%s: %w", args[0], err)
		}
	}
	return kept
}
