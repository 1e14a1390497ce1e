package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/analyze/source"
	"github.com/flowcover/flowcover/cmd/internal/atomicfile"
	"github.com/flowcover/flowcover/cmd/internal/command"
	"github.com/flowcover/flowcover/cmd/internal/config"
	"github.com/flowcover/flowcover/optimize"
	"github.com/flowcover/flowcover/optimize/rulelist"
	"github.com/flowcover/flowcover/optimize/target"
	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/changeset"
	"github.com/flowcover/flowcover/topology/netset"
	"github.com/flowcover/flowcover/topology/review"
)

// planRun works out the rules and writes the changeset.
type planRun struct {
	env          *command.Env
	snapshots    []string
	state        string
	observations string
	window       *analyze.Window // nil: whatever the newest observations cover
	scope        []string
	author       string
	out          string
	policy       analyze.Policy
	rules        target.Policy
	quotas       quotas
	params       map[string]string
	region       string
	endpoint     string
	workers      int
	effort       int
	solveTime    time.Duration // 0: no guard
	noHoldOut    bool
	svg          string
	json         bool
	all          bool
}

func planVerb() command.Verb {
	flags := []command.Flag{
		snapshotsFlag("snapshot file; of several the newest is planned on"),
		stateFlag(),
		{Name: "observations", Hint: "FILE", Usage: "plan from this observations file; without it the newest of --state"},
		{Name: "scope", Hint: "ID", Type: command.Strings, Usage: "plan only for these: sg-, acl- or vpc- ids"},
		{Name: "author", Hint: "PRINCIPAL", Key: "author", Usage: "who writes the changeset, and so cannot be the only one to approve it; empty for a batch"},
		{Name: "out", Short: "o", Hint: "FILE", Usage: "changeset file to write", Default: "changeset.json"},
		{Name: "approve-flow", Hint: "ID", Type: command.Strings, Usage: "approve a flow by its id (f-...) whatever its reason"},
		{Name: "allow-widening", Type: command.Bool, Usage: "let a change open what today's rules close; each such change says so"},
		{Name: "max-rules", Hint: "ID=N", Type: command.Strings, Key: "max-rules", Kind: config.Map, Usage: "fewer rules than the quota allows, for an sg- or acl- id"},
		{Name: "policy-forbidden", Hint: "LINE", Type: command.Strings, Key: "policy.forbidden", Kind: config.List, Usage: `what no rule may open anywhere: "PORTS", "CIDR" or "PORTS CIDR", such as "tcp/23 0.0.0.0/0"`},
		{Name: "policy-widest-ipv4", Hint: "BITS", Type: command.Int, Key: "policy.widest-ipv4", Usage: "no new IPv4 rule wider than /BITS"},
		{Name: "policy-widest-ipv6", Hint: "BITS", Type: command.Int, Key: "policy.widest-ipv6", Usage: "no new IPv6 rule wider than /BITS"},
	}
	flags = append(flags,
		command.Flag{Name: "since", Hint: "DATE", Usage: "plan from the newest observations of this window, with --until"},
		command.Flag{Name: "until", Hint: "DATE", Usage: "the window's end, exclusive"},
		zoneFlag())
	flags = append(flags, chooseFlags()...)
	flags = append(flags, policyFlags()...)
	flags = append(flags, quotaFlags()...)
	flags = append(flags, regionFlag(), endpointFlag(),
		command.Flag{Name: "workers", Hint: "N", Type: command.Int, Key: "workers", Usage: "lists solved at a time; without it one a CPU; the answer is the same"},
		command.Flag{Name: "all", Type: command.Bool, Usage: "print rule by rule what changes, unchanged lists, and every flow that is not approved"},
		jsonFlag())
	return command.Verb{
		Name: "plan", Summary: "work out the rules and write the difference to today as a changeset",
		About: "For every security group and network ACL in scope: the least exposure within the quota, with the fewest rules that reach it. " +
			"No approved flow is dropped to fit a quota; where the quota cannot be met the plan says so and leaves the list as it is. " +
			"The plan's promises are checked by code that is not the optimizer's and stand in the changeset.",
		Examples: []string{
			"flowcover plan --snapshot snapshot.json --state state -o changeset.json",
			"flowcover plan --snapshot snapshot.json --state state --scope sg-0123456789abcdef0 --max-rules sg-0123456789abcdef0=40 --author kim@bank.example",
		},
		Exits: []int{codeFindings, codePromise},
		Flags: flags,
		Grace: 900 * time.Millisecond,
		New:   newPlan,
	}
}

func newPlan(c *cli.Context, e *command.Env) (command.Runner, error) {
	p := &planRun{
		env: e, snapshots: list(c.StringSlice("snapshot")), state: c.String("state"), observations: c.String("observations"),
		scope: list(c.StringSlice("scope")), author: strings.TrimSpace(c.String("author")), out: c.String("out"), region: firstOf(list(c.StringSlice("region"))), endpoint: c.String("endpoint-url"),
		workers: c.Int("workers"), effort: c.Int("effort"), svg: c.String("svg"), json: c.Bool("json"), all: c.Bool("all"),
	}
	switch {
	case len(p.snapshots) == 0:
		return nil, fmt.Errorf("--snapshot is missing; make one with: flowcover snapshot")
	case p.state == "" && p.observations == "":
		return nil, fmt.Errorf("--state is missing; give what analyze was given, or an --observations file")
	case p.out == "":
		return nil, fmt.Errorf("--out is empty; give the file to write")
	}
	var err error
	if p.window, err = chosenWindow(c, e.Now()); err != nil {
		return nil, err
	}
	if p.solveTime, err = readGuard(c); err != nil {
		return nil, err
	}
	if p.noHoldOut, err = readHoldOut(c.String("hold-out")); err != nil {
		return nil, err
	}
	if p.policy, p.params, err = readPolicy(c); err != nil {
		return nil, err
	}
	p.policy.Approve = list(c.StringSlice("approve-flow"))
	var quotaParams map[string]string
	if p.quotas, quotaParams, err = readQuotas(c); err != nil {
		return nil, err
	}
	for k, v := range quotaParams {
		p.params[k] = v
	}
	if p.rules, err = p.readRules(c); err != nil {
		return nil, err
	}
	if p.workers <= 0 {
		p.workers = runtime.GOMAXPROCS(0)
	}
	note := func(key string, values []string) {
		if len(values) > 0 {
			p.params[key] = strings.Join(values, ", ")
		}
	}
	note("scope", p.scope)
	note("approve-flow", p.policy.Approve)
	note("max-rules", list(c.StringSlice("max-rules")))
	note("max-excess", list(c.StringSlice("max-excess")))
	if p.effort > 0 {
		p.params["effort"] = strconv.Itoa(p.effort)
	}
	note("solve-time", list([]string{c.String("solve-time")}))
	if p.noHoldOut {
		p.params["hold-out"] = holdOutOff
	}
	note("policy.forbidden", list(c.StringSlice("policy-forbidden")))
	p.params["allow-widening"] = strconv.FormatBool(p.rules.AllowWidening)
	return p, nil
}

// readRules is the policy as the targets take it.
func (p *planRun) readRules(c *cli.Context) (target.Policy, error) {
	r := target.DefaultPolicy()
	r.MinCoverage = p.policy.MinCoverage
	r.AllowWidening = c.Bool("allow-widening")
	r.EphemeralFrom, r.EphemeralTo = uint16(p.policy.EphemeralLow), uint16(p.policy.EphemeralHigh)
	r.NACLPerFamily = c.String("quotas-nacl") == naclPerFamily
	r.ICMP = nil
	for _, t := range p.policy.ICMPTypes {
		r.ICMP = append(r.ICMP, netset.TypeColumns(netset.ICMP, t.Type, t.Code))
	}
	for _, t := range p.policy.ICMPv6Types {
		r.ICMP = append(r.ICMP, netset.TypeColumns(netset.ICMPv6, t.Type, t.Code))
	}
	r.MaxRules = map[string]int{}
	for _, s := range list(c.StringSlice("max-rules")) {
		id, number, ok := strings.Cut(s, "=")
		n, err := strconv.Atoi(number)
		if !ok || err != nil || n < 1 {
			return r, fmt.Errorf("--max-rules %q: want ID=N with N at least 1, such as sg-0123456789abcdef0=40", s)
		}
		r.MaxRules[id] = n
	}
	var err error
	if r.MaxExcess, err = readMaxExcess(list(c.StringSlice("max-excess"))); err != nil {
		return r, err
	}
	var blocks []netset.Block
	for _, s := range list(c.StringSlice("policy-forbidden")) {
		b, err := rulelist.ParseForbidden(s)
		if err != nil {
			return r, fmt.Errorf("policy.forbidden: %q: %w", s, err)
		}
		blocks = append(blocks, b...)
	}
	if len(blocks) > 0 {
		r.Forbidden = netset.Of(blocks...)
	}
	r.MaxPrefixV4, r.MaxPrefixV6 = c.Int("policy-widest-ipv4"), c.Int("policy-widest-ipv6")
	if r.MaxPrefixV4 < 0 || r.MaxPrefixV4 > 32 || r.MaxPrefixV6 < 0 || r.MaxPrefixV6 > 128 {
		return r, fmt.Errorf("policy.widest-ipv4 is %d and policy.widest-ipv6 %d, want a prefix length of at most 32 and 128", r.MaxPrefixV4, r.MaxPrefixV6)
	}
	return r, nil
}

func (p *planRun) Run(ctx context.Context) error {
	if err := atomicfile.Check(p.out); err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	cs, err := p.plan(ctx)
	if err != nil {
		return err
	}
	if stale, err := filepath.Glob(review.Pattern(p.out)); err == nil && len(stale) > 0 {
		p.env.Log.Warn("reviews of an earlier changeset lie beside this one; they do not count for it", "files", strings.Join(stale, " "))
	}
	if err := atomicfile.Write(p.out, 0o644, cs.Encode); err != nil {
		return err
	}
	if p.svg != "" {
		if err := drawAll(p.svg, cs); err != nil {
			return err
		}
	}
	p.env.Progress.Clear()
	if err := p.print(cs); err != nil {
		return err
	}
	return verdictOf(cs)
}

// verdictOf is how a plan that was written ends all the same.
func verdictOf(cs *changeset.Changeset) error {
	var errs []error
	for _, pr := range cs.Promises {
		if !pr.Holds {
			errs = append(errs, fmt.Errorf("%w: %s (%s)", errPromise, pr.Text, pr.ID))
		}
	}
	cannot, high := 0, 0
	for _, t := range cs.Targets {
		if t.Outcome == target.OutcomeCannot {
			cannot++
		}
	}
	for _, f := range cs.Findings {
		if f.Severity == "high" {
			high++
		}
	}
	if cannot > 0 {
		errs = append(errs, fmt.Errorf("%w: %s cannot be met within the quota", errFindings, plural(cannot, "list of rules", "lists of rules")))
	} else if high > 0 {
		errs = append(errs, fmt.Errorf("%w: %s of high severity", errFindings, plural(high, "finding", "findings")))
	}
	return errors.Join(errs...)
}

func (p *planRun) print(cs *changeset.Changeset) error {
	_, data, err := readChangeset(p.out)
	if err != nil {
		return fmt.Errorf("read back what was written: %w", err)
	}
	digest := review.Digest(data)
	if p.json {
		out := newShowJSON(cs, digest)
		out.Format = "flowcover.plan/1"
		return writeJSON(p.env.Out, out)
	}
	v := &changesetView{out: p.env.Out, width: p.env.Width, all: p.all, brief: !p.all}
	if err := v.write(cs, digest); err != nil {
		return err
	}
	return v.next(p.out, len(cs.Changes))
}

// load reads the observations: the file named, those of the window asked for,
// or the newest.
func (p *planRun) load(ctx context.Context) (*observations, []analyze.Flow, analyze.Window, error) {
	var o *observations
	var flows []analyze.Flow
	var err error
	if p.observations != "" {
		o, flows, err = readObservations(p.observations)
	} else {
		var state source.Bucket
		if state, err = source.Open(ctx, p.state, source.Options{EndpointURL: p.endpoint, Region: p.region}); err != nil {
			return nil, nil, analyze.Window{}, fmt.Errorf("--state: %w; run analyze first", err)
		}
		o, flows, err = loadObservations(ctx, state, p.window)
	}
	if err != nil {
		return nil, nil, analyze.Window{}, err
	}
	w, err := windowOf(o.Window)
	if err != nil {
		err = fmt.Errorf("observations %s: %w", o.Digest, err)
	}
	return o, flows, w, err
}

func (p *planRun) plan(ctx context.Context) (*changeset.Changeset, error) {
	snaps, err := readSnapshots(p.snapshots)
	if err != nil {
		return nil, err
	}
	o, flows, window, err := p.load(ctx)
	if err != nil {
		return nil, err
	}
	hours, err := o.hours()
	if err != nil {
		return nil, fmt.Errorf("observations %s: %w", o.Digest, err)
	}
	today := newest(snaps.at)
	if err := sameAccount(flows, today); err != nil {
		return nil, err
	}
	if err := knownFlows(p.policy.Approve, flows); err != nil {
		return nil, err
	}
	p.env.Progress.Show("attribute", 0, 0, "")
	ev := analyze.Evidence{Snapshots: snaps.at, Hours: hours, Policy: p.policy}
	judged := analyze.Reobserve(flows, ev, window)
	effective, err := p.quotas.over(today)
	if err != nil {
		return nil, err
	}
	in := target.Input{
		Snapshot: effective, Flows: judged.Flows, Coverage: judged.Coverage.Of, Forbidden: judged.Forbidden,
		Services: analyze.ServicesOf(flows, ev), Policy: p.rules, Scope: p.scope,
	}
	targets, found, err := target.Build(in)
	if err != nil { // of what people asked for: scope, quotas, limits
		return nil, &command.UsageError{Verb: "plan", Err: err}
	}
	results, err := target.Solve(ctx, targets, p.options("solve"))
	if err != nil {
		return nil, err
	}
	since, none, err := p.holdOut(ctx, in, results, window)
	if err != nil {
		return nil, err
	}
	p.env.Progress.Show("check the promises", 0, 0, "")
	cs, err := changeset.Build(ctx, changeset.Input{
		Snapshot: effective, Flows: judged.Flows, Results: results, Policy: p.rules, Forbidden: in.Forbidden,
		Findings: slices.Concat(judged.Findings, found), Author: p.author, Created: p.env.Now().UTC().Format(time.RFC3339), Tool: "flowcover " + p.env.Version,
		Observations: o.Digest, Window: windowText(window), HeldOutSince: since, NothingHeldOut: none, Parameters: p.params,
	})
	if err != nil {
		return nil, err
	}
	cs.Snapshot = today.Digest()
	return cs, nil
}

// options are those of everything that solves lists.
func (p *planRun) options(stage string) target.Options {
	return target.Options{
		Workers: p.workers, Guard: guard(p.solveTime), Optimize: optimize.Options{Effort: p.effort},
		Progress: func(done, total int) { p.env.Progress.Show(stage, int64(done), int64(total), "lists of rules") },
	}
}

// newest gives the snapshot that was taken last; of equals the last named.
func newest(at []analyze.SnapshotAt) *topology.Snapshot {
	best := at[0]
	for _, s := range at[1:] {
		if !s.Time.Before(best.Time) {
			best = s
		}
	}
	return best.Snapshot
}

// sameAccount refuses observations of other accounts than the snapshot's.
func sameAccount(flows []analyze.Flow, s *topology.Snapshot) error {
	seen := map[string]bool{}
	for i := range flows {
		acc := flows[i].Account
		if acc == "" || slices.Contains(s.Accounts(), acc) {
			return nil
		}
		seen[acc] = true
	}
	if len(seen) == 0 {
		return nil
	}
	return fmt.Errorf("the observations are of %s, the snapshot of %s; give the snapshot of the account that was logged (--snapshot)",
		strings.Join(sortedKeys(seen), ", "), strings.Join(s.Accounts(), ", "))
}

func knownFlows(ids []string, flows []analyze.Flow) error {
	known := map[string]bool{}
	for i := range flows {
		known[flows[i].ID] = true
	}
	for _, id := range ids {
		if !known[id] {
			return command.Usage("--approve-flow %s: no such flow in the observations; flowcover analyze --json and show list the ids", id)
		}
	}
	return nil
}
