package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/flowcover/flowcover/analyze/rollup"
	"github.com/flowcover/flowcover/analyze/source"
	"github.com/flowcover/flowcover/cmd/internal/command"
	"github.com/flowcover/flowcover/cmd/internal/words"
)

// What state does.
const (
	stateList   = "list"
	stateVerify = "verify"
	statePrune  = "prune"
)

var stateActions = []string{stateList, stateVerify, statePrune}

// stateRun looks after the rollups of a state.
type stateRun struct {
	env       *command.Env
	action    string
	state     string
	olderThan time.Duration // 0: whatever the age
	dry       bool
	engine    engineOptions
	region    string
	endpoint  string
	json      bool
}

func stateVerb() command.Verb {
	flags := []command.Flag{
		stateFlag(),
		{Name: "older-than", Hint: "AGE", Usage: "prune: remove also the rollups of days that ended longer ago than this, such as 400d"},
		{Name: "dry-run", Type: command.Bool, Usage: "prune: say what would be removed and remove nothing"},
	}
	for _, f := range engineFlags() {
		if slices.Contains([]string{"scratch", "memory", "disk", "threads"}, f.Name) {
			f.Usage = "verify: " + f.Usage
			flags = append(flags, f)
		}
	}
	flags = append(flags, regionFlag(), endpointFlag(), jsonFlag())
	return command.Verb{
		Name: "state", Summary: "list, verify or prune the day rollups of a state",
		Args: "list|verify|prune", Values: stateActions, MinArgs: 1, MaxArgs: 1,
		About: "list shows each rollup: its day, account, Region and flow log, what it was made from, and whether a later one " +
			"of the same day has taken its place.\n\n" +
			"verify reads every file of every rollup and holds bytes and rows against the hashes written beside them. Damaged ones are " +
			"named, with exit status 3; the next analyze makes those again that its window needs.\n\n" +
			"prune removes what no run asks for: rollups whose day was made anew (a late object, another time zone, a newer " +
			"flowcover), those whose sidecar cannot be read, what a killed run left more than a day ago, and with --older-than the rollups of " +
			"old days. It names what it removes. Observations stay.\n\n" +
			"On a state in S3: s3:ListBucket, s3:GetObject, and for prune s3:PutObject and s3:DeleteObject.",
		Examples: []string{
			"flowcover state list --state state",
			"flowcover state verify --state s3://audit/flowcover --json",
			"flowcover state prune --state state --older-than 400d --dry-run",
		},
		Grace: time.Minute,
		Exits: []int{codeUnreadable},
		Flags: flags,
		New:   newState,
	}
}

func newState(c *cli.Context, e *command.Env) (command.Runner, error) {
	s := &stateRun{
		env: e, action: c.Args().First(), state: c.String("state"), dry: c.Bool("dry-run"),
		region: firstOf(list(c.StringSlice("region"))), endpoint: c.String("endpoint-url"), json: c.Bool("json"),
	}
	var err error
	if s.engine, err = readEngineOptions(c); err != nil {
		return nil, err
	}
	older := c.String("older-than")
	switch {
	case !slices.Contains(stateActions, s.action):
		return nil, fmt.Errorf("%q is nothing that state does%s; want list, verify or prune", s.action, words.Suggest(s.action, stateActions, ""))
	case s.state == "":
		return nil, fmt.Errorf("--state is missing; give the folder or s3://bucket/prefix that analyze fills")
	case s.action != statePrune && (older != "" || s.dry):
		return nil, fmt.Errorf("--older-than and --dry-run go with prune; %s removes nothing", s.action)
	case older != "":
		if s.olderThan, err = parseAge(older); err != nil {
			return nil, fmt.Errorf("--older-than: %w", err)
		}
	}
	return s, nil
}

func (s *stateRun) Run(ctx context.Context) error {
	state, err := source.Open(ctx, s.state, source.Options{
		EndpointURL: s.endpoint, Region: s.region, Writable: s.action == statePrune && !s.dry,
	})
	if err != nil {
		return fmt.Errorf("--state: %w", err)
	}
	switch s.action {
	case stateVerify:
		return s.verify(ctx, state)
	case statePrune:
		return s.prune(ctx, state)
	}
	entries, err := rollup.List(ctx, state)
	if err != nil {
		return err
	}
	if s.json {
		return writeJSON(s.env.Out, listJSON(state, entries))
	}
	return s.printList(entries)
}

func (s *stateRun) verify(ctx context.Context, state source.Bucket) (err error) {
	eng, err := rollup.Open(ctx, s.engine.options(state))
	if err != nil {
		return err
	}
	defer func() { _ = eng.Close() }()
	checked := 0
	bad, err := eng.Verify(ctx, func(done, all int) {
		checked = done
		s.env.Progress.Show("verify", int64(done), int64(all), "rollups")
	})
	if err != nil {
		return err
	}
	s.env.Progress.Clear()
	doc := stateVerified{Format: "flowcover.state-verify/1", State: state.URI(), Checked: checked, Damaged: []damagedRollup{}}
	for _, name := range sortedKeys(bad) {
		doc.Damaged = append(doc.Damaged, damagedRollup{name, bad[name].Error()})
	}
	if s.json {
		err = writeJSON(s.env.Out, doc)
	} else {
		err = s.printVerified(doc)
	}
	if err == nil && len(bad) > 0 {
		err = fmt.Errorf("%w: %s damaged; analyze makes those again that its window needs", errUnreadable, plural(len(bad), "rollup is", "rollups are"))
	}
	return err
}

func (s *stateRun) prune(ctx context.Context, state source.Bucket) error {
	now := s.env.Now()
	entries, err := rollup.List(ctx, state)
	if err != nil {
		return err
	}
	why := s.prunable(entries, now)
	pruned, err := rollup.Prune(ctx, state, now, func(e rollup.Entry) bool { return why[e.Name] == "" }, s.dry)
	if err != nil {
		return err
	}
	doc := statePruned{
		Format: "flowcover.state-prune/1", State: state.URI(), DryRun: s.dry, Rollups: []prunedRollup{}, Fuller: []prunedRollup{},
		Files: orEmpty(pruned.Files), Bytes: pruned.Bytes, Kept: len(entries) - len(pruned.Rollups),
	}
	fuller := rollup.Fuller(entries)
	for _, e := range entries {
		if newer, ok := fuller[e.Name]; ok && why[e.Name] == "" {
			doc.Fuller = append(doc.Fuller, prunedRollup{e.Name, e.KeptReason(newer)})
		}
	}
	for _, name := range pruned.Rollups {
		doc.Rollups = append(doc.Rollups, prunedRollup{name, why[name]})
	}
	if s.json {
		return writeJSON(s.env.Out, doc)
	}
	return s.printPruned(doc)
}

// prunable says of each rollup that may go why it may.
func (s *stateRun) prunable(entries []rollup.Entry, now time.Time) map[string]string {
	why := map[string]string{}
	old := rollup.Superseded(entries)
	for _, e := range entries {
		switch end, dated := e.DayEnd(); {
		case e.Err != nil:
			why[e.Name] = "its sidecar cannot be read"
		case old[e.Name]:
			why[e.Name] = "its day was made anew"
		case s.olderThan > 0 && dated && now.Sub(end) > s.olderThan:
			why[e.Name] = "its day is older than asked for"
		}
	}
	return why
}
