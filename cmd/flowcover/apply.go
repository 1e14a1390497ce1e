package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/urfave/cli/v2"

	"github.com/flowcover/flowcover/cmd/internal/awsenv"
	"github.com/flowcover/flowcover/cmd/internal/command"
	"github.com/flowcover/flowcover/cmd/internal/config"
	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/awsapply"
	"github.com/flowcover/flowcover/topology/changeset"
	"github.com/flowcover/flowcover/topology/review"
)

// applyRun makes the approved changes.
type applyRun struct {
	env            *command.Env
	file           string
	allowedSigners string
	reviews        []string
	dryRun         bool
	snapshot       string
	roles          []string
	endpoint       string
	perSecond      int
	json           bool
}

func applyVerb() command.Verb {
	return command.Verb{
		Name: "apply", Summary: "make the approved changes in AWS, in an order that cuts no live flow",
		Args: "CHANGESET", MinArgs: 1, MaxArgs: 1, Patient: true,
		About: "Reads the reviews beside the changeset, or those named with --review. Refuses, in this order: unsigned, signer unknown, " +
			"expired, changed after signing, the author alone approves, the account changed, already applied. A change is made when somebody " +
			"approved it, nobody rejected it, and all that it requires is made. Each step is written to CHANGESET.journal.jsonl beside " +
			"the changeset before and after it is made: after a crash or an interrupt the same command goes on from there.\n\n" +
			"Needs ec2:Describe* and, for the kinds of change at hand, ec2:AuthorizeSecurityGroup*, ec2:RevokeSecurityGroup*, " +
			"ec2:CreateNetworkAclEntry, ec2:ReplaceNetworkAclEntry, ec2:DeleteNetworkAclEntry.",
		Examples: []string{
			"flowcover apply changeset.json --allowed-signers allowed_signers --dry-run --snapshot snapshot.json",
			"flowcover apply changeset.json --allowed-signers allowed_signers",
		},
		Exits: []int{codeUnsigned, codeSigner, codeExpired, codeChanged, codeMoved, codeFourEyes, codeApplied, codePartly},
		Flags: []command.Flag{
			{Name: "allowed-signers", Hint: "FILE", Key: "allowed-signers", Usage: "who may approve, in OpenSSH's allowed_signers format"},
			{Name: "review", Hint: "FILE", Type: command.Strings, Usage: "count these reviews only, not all that lie beside the changeset"},
			{Name: "dry-run", Type: command.Bool, Usage: "check everything, say what would be made, and write nothing"},
			{Name: "snapshot", Hint: "FILE", Usage: "with --dry-run: check against this snapshot and call nobody"},
			{Name: "role-arn", Hint: "ARN", Type: command.Strings, Kind: config.List, Key: "role-arn", Usage: "assume this role; one for each account"},
			endpointFlag(),
			{Name: "writes-per-second", Hint: "N", Type: command.Int, Default: "4", Usage: "once EC2's burst is used up, of each kind of write; EC2 refills 5 for an account and Region, unless it was told to allow more"},
			jsonFlag(),
		},
		New: func(c *cli.Context, e *command.Env) (command.Runner, error) {
			a := &applyRun{
				env: e, file: c.Args().First(), allowedSigners: expandHome(c.String("allowed-signers")), reviews: c.StringSlice("review"), dryRun: c.Bool("dry-run"),
				snapshot: c.String("snapshot"), roles: list(c.StringSlice("role-arn")), endpoint: c.String("endpoint-url"), json: c.Bool("json"),
				perSecond: c.Int("writes-per-second"),
			}
			switch {
			case a.perSecond < 1 || a.perSecond > 1000:
				return nil, fmt.Errorf("--writes-per-second %d: want 1 to 1000", a.perSecond)
			case a.allowedSigners == "":
				return nil, fmt.Errorf("--allowed-signers is missing; give the file that says who may approve")
			case a.snapshot != "" && !a.dryRun:
				return nil, fmt.Errorf("--snapshot goes with --dry-run; a real run reads the account itself")
			}
			return a, nil
		},
	}
}

// approved is what the reviews let through.
type approved struct {
	cs         *changeset.Changeset
	digest     string
	ids        []string
	held       []review.Held
	signatures []string
}

func (a *applyRun) Run(ctx context.Context) error {
	ok, err := a.verify()
	if err != nil {
		return err
	}
	if len(ok.ids) == 0 {
		return a.print(ok, applyDone{}, nil)
	}
	plan := awsapply.Plan{Changeset: ok.cs, Digest: ok.digest, Approved: ok.ids, Signatures: ok.signatures}
	if a.dryRun && a.snapshot != "" {
		return a.rehearse(ok)
	}
	configs, err := awsenv.LoadRoles(ctx, ok.cs.Changes[0].Region, a.endpoint, a.roles)
	if err != nil {
		return err
	}
	if a.dryRun {
		return a.check(ctx, ok, plan, configs)
	}
	return a.make(ctx, ok, plan, configs)
}

// verify reads the changeset and its reviews and refuses what may not be applied.
func (a *applyRun) verify() (*approved, error) {
	data, err := os.ReadFile(a.file)
	if err != nil {
		return nil, fmt.Errorf("read changeset: %w", err)
	}
	f, err := os.Open(a.allowedSigners)
	if err != nil {
		return nil, fmt.Errorf("--allowed-signers: %w", err)
	}
	defer func() { _ = f.Close() }()
	allowed, err := review.ParseAllowedSigners(f, nil)
	if err != nil {
		return nil, fmt.Errorf("--allowed-signers %s: %w", a.allowedSigners, err)
	}
	files, err := readReviews(a.file, a.reviews)
	if err != nil {
		return nil, err
	}
	// The author stands in the changeset, which counts only once the reviews
	// say that nobody changed it: verified first without, then with the author.
	if _, err := review.Verify(data, files, allowed, "", a.env.Now()); err != nil {
		return nil, fmt.Errorf("%s: %w", a.file, err)
	}
	cs, _, err := readChangeset(a.file)
	if err != nil {
		return nil, err
	}
	decisions, err := review.Verify(data, files, allowed, cs.Author, a.env.Now())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a.file, err)
	}
	out := &approved{cs: cs, digest: review.Digest(data)}
	var needs []review.Need
	for _, c := range cs.Changes {
		needs = append(needs, review.Need{ID: c.ID, Requires: c.Requires})
	}
	if out.ids, out.held, err = decisions.Select(needs); err != nil {
		return nil, err
	}
	for _, r := range decisions.Reviews {
		out.signatures = append(out.signatures, r.Signer+" "+r.Key+" "+filepath.Base(r.File)+" sha256:"+r.Signature)
	}
	return out, nil
}

// only gives the changeset with the approved changes alone, for simulation.
func (ok *approved) only() *changeset.Changeset {
	cs := *ok.cs
	cs.Changes = nil
	for _, c := range ok.cs.Changes {
		if contains(ok.ids, c.ID) {
			cs.Changes = append(cs.Changes, c)
		}
	}
	return &cs
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// rehearse checks and simulates against a snapshot: no network.
func (a *applyRun) rehearse(ok *approved) error {
	doc, err := readSnapshot(a.snapshot)
	if err != nil {
		return err
	}
	snap, cs := doc.Snapshot(), ok.only()
	if err := moved(cs, snap); err != nil {
		return err
	}
	q, err := quotasOf(cs.Parameters)
	if err != nil {
		return fmt.Errorf("%s: parameters: %w", a.file, err)
	}
	if snap, err = q.over(snap); err != nil {
		return err
	}
	steps, err := changeset.Steps(cs, snap)
	if err != nil {
		return fmt.Errorf("%s: rehearse: %w", a.file, err)
	}
	return a.print(ok, applyDone{steps: steps}, nil)
}

// moved says whether a touched resource differs from what was planned on, or
// whether all of it stands already.
func moved(cs *changeset.Changeset, snap *topology.Snapshot) error {
	var errs error
	standing := 0
	seen := map[string]bool{}
	for i := range cs.Changes {
		c := &cs.Changes[i]
		if stands(c, snap) {
			standing++
		}
		if seen[c.Target] {
			continue
		}
		seen[c.Target] = true
		got, there := snap.Fingerprint(c.Target)
		if want := cs.Fingerprints[c.Target]; !there {
			errs = errors.Join(errs, &awsapply.WorldMovedError{Resource: c.Target, Differences: []string{"it is not in the snapshot"}})
		} else if got != want {
			errs = errors.Join(errs, &awsapply.WorldMovedError{Resource: c.Target, Differences: []string{"its fingerprint is not the one that was planned on"}})
		}
	}
	if errs != nil && standing == len(cs.Changes) {
		return &awsapply.AlreadyAppliedError{Changes: standing}
	}
	return errs
}

// stands says whether a snapshot is as the change would leave it.
func stands(c *changeset.Change, snap *topology.Snapshot) bool {
	if c.Before != nil && holds(c.Target, c.Before, snap) {
		return false
	}
	return c.After == nil || holds(c.Target, c.After, snap)
}

func holds(resource string, d *changeset.RuleDoc, snap *topology.Snapshot) bool {
	if g, ok := snap.SecurityGroup(resource); ok {
		want, err := d.Rule()
		if err != nil {
			return false
		}
		for _, r := range g.Rules {
			if r.Key() == want.Key() {
				return true
			}
		}
		return false
	}
	acl, ok := snap.NetworkACL(resource)
	want, err := d.Entry()
	if !ok || err != nil {
		return false
	}
	for _, e := range acl.Entries {
		if e == want {
			return true
		}
	}
	return false
}

// check asks AWS, without a write, whether a run would be refused.
func (a *applyRun) check(ctx context.Context, ok *approved, plan awsapply.Plan, configs []aws.Config) error {
	journal, err := a.oldJournal()
	if err != nil {
		return err
	}
	if c, isFile := journal.(*awsapply.FileJournal); isFile {
		defer func() { _ = c.Close() }()
	}
	ap := awsapply.Applier{API: awsapply.NewSDK(configs...), Journal: journal}
	if err := ap.Check(ctx, plan); err != nil {
		return err
	}
	return a.print(ok, applyDone{}, nil)
}

// noJournal is the journal of a changeset that was never applied.
type noJournal struct{}

func (noJournal) Records() []awsapply.Record { return nil }
func (noJournal) Append(awsapply.Record) error {
	return errors.New("a dry run writes no journal")
}

func (a *applyRun) journalFile() string {
	return strings.TrimSuffix(a.file, filepath.Ext(a.file)) + ".journal.jsonl"
}

func (a *applyRun) oldJournal() (awsapply.Journal, error) {
	if _, err := os.Stat(a.journalFile()); errors.Is(err, os.ErrNotExist) {
		return noJournal{}, nil
	}
	return awsapply.OpenJournal(a.journalFile(), a.env.Now)
}

func (a *applyRun) make(ctx context.Context, ok *approved, plan awsapply.Plan, configs []aws.Config) (err error) {
	journal, err := awsapply.OpenJournal(a.journalFile(), a.env.Now)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, journal.Close()) }()
	done := applyDone{state: map[string]string{}}
	ap := awsapply.Applier{API: awsapply.NewSDK(configs...), Journal: journal, WritesPerSecond: a.perSecond, Progress: func(s awsapply.Step) {
		done.state[s.Change.ID] = stateMade
		if s.Already {
			done.state[s.Change.ID] = stateAlready
		}
		a.env.Progress.Show("apply", int64(s.Index), int64(s.Total), "changes")
	}}
	report, err := ap.Apply(ctx, plan)
	a.env.Progress.Clear()
	done.made, done.already = report.Made, report.Already
	var partly *awsapply.PartlyAppliedError
	if err != nil && !errors.As(err, &partly) {
		return err
	}
	return errors.Join(a.print(ok, done, partly), err)
}
