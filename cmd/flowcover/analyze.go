package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/analyze/rollup"
	"github.com/flowcover/flowcover/analyze/source"
	"github.com/flowcover/flowcover/cmd/internal/command"
	"github.com/flowcover/flowcover/cmd/internal/config"
	"github.com/flowcover/flowcover/topology"
)

// analyzeRun turns flow logs into observations.
type analyzeRun struct {
	env       *command.Env
	logs      []string
	discover  bool
	regions   []string
	roles     []string
	captures  []string
	snapshots []string
	state     string
	window    analyze.Window
	policy    analyze.Policy
	params    map[string]string
	engine    engineOptions
	endpoint  string
	top       int
	csv       string
	parquet   string
	json      bool
}

func analyzeVerb() command.Verb {
	flags := []command.Flag{
		{Name: "logs", Hint: "DIR|s3://...", Type: command.Strings, Key: "logs", Kind: config.List, Usage: "flow logs: a folder or a bucket with a prefix, in any of AWS's key layouts"},
		{Name: "discover", Type: command.Bool, Key: "discover", Usage: "ask EC2 which flow logs there are, read those that go to S3 besides --logs, and say what is amiss with each"},
		{Name: "captures", Hint: "DIR|FILE", Type: command.Strings, Key: "captures", Kind: config.List, Usage: "host captures: a folder or file of flowcapture or of the output of ss, netstat, conntrack and others; FILE=ID names the host (eni-, i- or IP) of a file that does not"},
		snapshotsFlag("snapshot file; a flow goes to the one nearest in time; without one nothing is attributed"),
		stateFlag(),
	}
	flags = append(flags, windowFlags()...)
	flags = append(flags, policyFlags()...)
	flags = append(flags, engineFlags()...)
	flags = append(flags, regionFlag(), roleFlag("with --discover: assume this role to ask for flow logs; one for each account"), endpointFlag(),
		command.Flag{Name: "csv", Hint: "FILE", Usage: "also write the ranked table as CSV, columns as query's table flows"},
		command.Flag{Name: "parquet", Hint: "FILE", Usage: "also write it as Parquet"},
		command.Flag{Name: "top", Hint: "N", Type: command.Int, Default: "30", Usage: "print so many flows; 0: all"},
		jsonFlag())
	return command.Verb{
		Name: "analyze", Summary: "read flow logs and captures, and rank the connections they show",
		About: "Fills the state with a rollup a day (a day that is there already is not read again) and writes " +
			"STATE/observations/DIGEST.parquet, which plan reads. Needs s3:ListBucket and s3:GetObject on the logs, and s3:PutObject " +
			"on a state in S3.\n\n" +
			"--discover calls ec2:DescribeFlowLogs and sts:GetCallerIdentity, with --role-arn also sts:AssumeRole, in each --region. Without " +
			"it only S3 is called, and STS where the credentials need it.",
		Examples: []string{
			"flowcover analyze --logs s3://logs/vpc --snapshot snapshot.json --since 2026-09-01 --until 2026-10-01 --timezone Asia/Seoul --state state",
			"flowcover analyze --logs logs/ --captures captures/ --since 30d --state s3://audit/flowcover --json",
		},
		Grace: time.Minute, // the query engine stops and tidies up
		Exits: []int{codeUnreadable},
		Flags: flags,
		New:   newAnalyze,
	}
}

func newAnalyze(c *cli.Context, e *command.Env) (command.Runner, error) {
	a := &analyzeRun{
		env: e, logs: list(c.StringSlice("logs")), captures: list(c.StringSlice("captures")), snapshots: list(c.StringSlice("snapshot")),
		state: c.String("state"), discover: c.Bool("discover"), regions: list(c.StringSlice("region")), roles: list(c.StringSlice("role-arn")), endpoint: c.String("endpoint-url"), top: c.Int("top"), json: c.Bool("json"),
		csv: c.String("csv"), parquet: c.String("parquet"),
	}
	var err error
	if a.window, err = parseWindow(c.String("since"), c.String("until"), c.String("timezone"), e.Now()); err != nil {
		return nil, err
	}
	if a.policy, a.params, err = readPolicy(c); err != nil {
		return nil, err
	}
	if a.engine, err = readEngineOptions(c); err != nil {
		return nil, err
	}
	switch {
	case len(a.logs) == 0 && !a.discover:
		return nil, fmt.Errorf("--logs is missing; give a folder or s3://bucket/prefix, or --discover to find the account's flow logs")
	case a.state == "":
		return nil, fmt.Errorf("--state is missing; give a folder or s3://bucket/prefix where rollups and observations are kept")
	case a.top < 0:
		return nil, fmt.Errorf("--top %d: want 0 or more", a.top)
	}
	return a, nil
}

// analysis is what a run found.
type analysis struct {
	report   rollup.Report
	found    *analyze.Observations
	rules    []analyze.RuleUse // nil without a snapshot
	findings []analyze.Finding
	losses   []analyze.Loss
	flowLogs []topology.FlowLog
	captures int // capture files that could not be read
	digest   string
	key      string
}

func (a *analyzeRun) Run(ctx context.Context) error {
	res, err := a.analyze(ctx)
	if err != nil {
		return err
	}
	if err := a.export(ctx, res); err != nil {
		return err
	}
	if a.json {
		err = writeJSON(a.env.Out, a.asJSON(res))
	} else {
		err = a.print(res)
	}
	if n := res.report.Objects.Unreadable + res.captures; err == nil && n > 0 {
		return fmt.Errorf("%w: %s; the findings name each with the reason", errUnreadable, plural(n, "file", "files"))
	}
	return err
}

func (a *analyzeRun) analyze(ctx context.Context) (*analysis, error) {
	snaps, err := readSnapshots(a.snapshots)
	if err != nil {
		return nil, err
	}
	res := &analysis{}
	asked, err := a.askForLogs(ctx, res)
	if err != nil {
		return nil, err
	}
	// Opened first: that the state cannot be written to is known before any work.
	eng, logs, state, err := a.open(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = eng.Close() }()
	caps, err := readCaptures(a.captures)
	if err != nil {
		return nil, err
	}
	res.captures = caps.unreadable()
	progress := &fillProgress{show: a.env.Progress, now: a.env.Now}
	if res.report, err = eng.Fill(ctx, logs, a.window, progress.tell); err != nil {
		return nil, err
	}
	a.env.Progress.Show("attribute", 0, 0, "")
	rows, err := eng.Rows(ctx, res.report.Rollups, a.window)
	if err != nil {
		return nil, err
	}
	empty, err := a.emptyWindow(ctx, eng, res.report, rows)
	if err != nil {
		return nil, err
	}
	hours, err := eng.ENIHours(ctx, res.report.Rollups, a.window)
	if err != nil {
		return nil, err
	}
	transit, err := eng.Transit(ctx, res.report.Rollups, a.window)
	if err != nil {
		return nil, err
	}
	var lost []analyze.Finding
	res.losses, lost = analyze.Losses(transit)
	outside, err := outsideAccounts(rows, snaps)
	if err != nil {
		return nil, err
	}
	ev := analyze.Evidence{Snapshots: snaps.at, Captures: caps.captures, Hours: hours, Policy: a.policy}
	in := analyze.Input{Rows: rows, Evidence: ev, Window: a.window}
	if res.found, err = command.Leave(ctx, func() *analyze.Observations { return analyze.Observe(in) }); err != nil {
		return nil, err
	}
	if today := ev.Today(); today != nil {
		a.env.Progress.Show("follow flows through rules", 0, 0, "")
		if res.rules, err = command.Leave(ctx, func() []analyze.RuleUse { return analyze.Uses(res.found.Flows, today) }); err != nil {
			return nil, err
		}
	}
	res.findings = slices.Concat(asked, empty, res.report.Findings, outside, caps.findings, lost, res.found.Findings)
	return res, a.save(ctx, eng, state, res, snaps, caps, hours)
}

// emptyWindow says where the records are that were read, if the window holds none.
func (a *analyzeRun) emptyWindow(ctx context.Context, eng *rollup.Engine, rep rollup.Report, rows []analyze.Row) ([]analyze.Finding, error) {
	if len(rows) > 0 {
		return nil, nil
	}
	w := windowText(a.window)
	f := analyze.Finding{Kind: "empty-window", Severity: "high",
		Message: fmt.Sprintf("no flow of the %s read is in the window from %s to %s", plural(int(rep.Records), "record", "records"), w.Since, w.Until)}
	first, last, ok, err := eng.Span(ctx, rep.Rollups, a.window)
	if err != nil {
		return nil, err
	}
	if ok {
		in := func(t time.Time) string { return t.In(a.window.Location).Format(time.RFC3339) }
		f.Message += fmt.Sprintf("; they are from %s to %s: see --since, --until and --timezone", in(first), in(last))
	}
	return []analyze.Finding{f}, nil
}

// open opens the engine and every place that it works on.
func (a *analyzeRun) open(ctx context.Context) (*rollup.Engine, []source.Bucket, source.Bucket, error) {
	opt := source.Options{EndpointURL: a.endpoint, Region: firstOf(a.regions)}
	var logs []source.Bucket
	for _, uri := range a.logs {
		b, err := source.Open(ctx, uri, opt)
		if err != nil {
			return nil, nil, nil, fmt.Errorf("--logs: %w", err)
		}
		logs = append(logs, b)
	}
	opt.Writable = true
	state, err := source.Open(ctx, a.state, opt)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("--state: %w", err)
	}
	eng, err := rollup.Open(ctx, a.engine.options(state))
	if err != nil {
		return nil, nil, nil, err
	}
	return eng, logs, state, nil
}

// save writes the observations under the digest of all that they rest on.
func (a *analyzeRun) save(ctx context.Context, eng *rollup.Engine, state source.Bucket, res *analysis, snaps snapshots, caps captures, hours []analyze.ENIHours) error {
	in := rollup.Inputs{Rollups: res.report.Rollups, Snapshots: snaps.digests, Captures: caps.digests, Window: a.window}
	for _, k := range sortedKeys(a.params) {
		in.Parameters = append(in.Parameters, k+"="+a.params[k])
	}
	res.digest = eng.Digest(in)
	res.key = state.Name(rollup.ObservationsKey(res.digest))
	o := observations{
		Format: observationsFormat, Digest: res.digest, Window: windowText(a.window), Snapshots: orEmpty(snaps.digests), Captures: orEmpty(caps.digests),
		Rollups: orEmpty(res.report.Rollups), Parameters: a.params, Objects: res.report.Objects, Records: res.report.Records,
		Findings: orEmpty(res.findings), Coverage: orEmpty(res.found.Coverage.List), Notes: orEmpty(res.found.Coverage.Notes),
		Samples: res.found.Samples, Rules: orEmpty(res.rules), Losses: orEmpty(res.losses), Hours: hoursLines(hours),
	}
	if err := o.save(ctx, state); err != nil {
		return err
	}
	digest, err := eng.SaveObservations(ctx, in, res.found.Flows, map[string]string{"tool": "flowcover"})
	if err == nil && digest != res.digest {
		err = errors.New("observations were saved under another digest than was announced")
	}
	return err
}

// outsideAccounts compares the logs' accounts with the snapshots'. That none is
// inside is an error: the wrong snapshot, or the wrong logs.
func outsideAccounts(rows []analyze.Row, snaps snapshots) ([]analyze.Finding, error) {
	if len(snaps.at) == 0 {
		return nil, nil
	}
	known := map[string]bool{}
	for _, s := range snaps.at {
		for _, acc := range s.Snapshot.Accounts() {
			known[acc] = true
		}
	}
	records := map[string]int64{}
	inside := false
	for i := range rows {
		if acc := rows[i].Account; acc == "" || known[acc] {
			inside = true
		} else {
			records[acc] += rows[i].Records
		}
	}
	accounts := sortedKeys(records)
	if !inside && len(accounts) > 0 {
		return nil, fmt.Errorf("the logs are of %s, the snapshots of %s: none is in both; give the snapshot of the account that was logged (--snapshot), or the logs of the account that was read (--logs)",
			strings.Join(accounts, ", "), strings.Join(sortedKeys(known), ", "))
	}
	var out []analyze.Finding
	for _, acc := range accounts {
		out = append(out, analyze.Finding{Kind: "outside-account", Severity: "medium", Resource: acc,
			Message: fmt.Sprintf("%d records are of this account, which no snapshot holds: its flows are not attributed", records[acc])})
	}
	return out, nil
}
