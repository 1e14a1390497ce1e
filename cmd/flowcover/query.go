package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/analyze/rollup"
	"github.com/flowcover/flowcover/analyze/rollup/ask"
	"github.com/flowcover/flowcover/analyze/source"
	"github.com/flowcover/flowcover/cmd/internal/atomicfile"
	"github.com/flowcover/flowcover/cmd/internal/command"
	"github.com/flowcover/flowcover/cmd/internal/words"
)

// queryRun asks observations a question in SQL.
type queryRun struct {
	env          *command.Env
	question     ask.Question // Name is empty for SQL of the user's own
	list         bool
	state        string
	observations string
	before       string
	window       *analyze.Window // nil: whatever the newest observations cover
	engine       engineOptions
	region       string
	endpoint     string
	parquet      string
	top          int
	json, csv    bool
}

func queryVerb() command.Verb {
	flags := []command.Flag{
		{Name: "list", Type: command.Bool, Usage: "list the questions that come with flowcover"},
		stateFlag(),
		{Name: "observations", Hint: "FILE", Usage: "ask this observations file; without it the newest of --state"},
		{Name: "since", Hint: "DATE", Usage: "ask the newest observations of this window, with --until"},
		{Name: "until", Hint: "DATE", Usage: "the window's end, exclusive"},
		zoneFlag(),
		{Name: "before", Hint: "FILE", Usage: "observations of an earlier window, for what is new and gone; without it those of the state that know most of the quarter before"},
		{Name: "csv", Type: command.Bool, Usage: "print CSV with a header line"},
		{Name: "parquet", Hint: "FILE", Usage: "write the answer as a Parquet file in place of printing it"},
		{Name: "top", Hint: "N", Type: command.Int, Default: "100", Usage: "rows to print for people; 0: all; --json and --csv print all"},
		regionFlag(), endpointFlag(),
	}
	for _, f := range engineFlags() {
		if slices.Contains([]string{"scratch", "memory", "disk", "threads"}, f.Name) {
			flags = append(flags, f)
		}
	}
	return command.Verb{
		Name: "query", Summary: "ask the observations in SQL, or one of the questions that come with flowcover",
		Args: "SQL|NAME", MaxArgs: 1,
		About: "Tables: flows (a row a flow; also called observations), rules, coverage, findings, about, earlier and history; " +
			"docs/query.md has their columns, and \"DESCRIBE flows\" prints them. SQL is DuckDB's. It runs in a sealed engine: it can ask, " +
			"not change anything, and reaches no file and no network. \"-\" reads the SQL from standard input.",
		Examples: []string{
			"flowcover query --list",
			"flowcover query top-talkers --state state",
			"flowcover query 'SELECT service, count(*) AS flows FROM flows GROUP BY service ORDER BY flows DESC' --state state --json",
		},
		Flags: append(flags, jsonFlag()),
		New:   newQuery,
	}
}

func newQuery(c *cli.Context, e *command.Env) (command.Runner, error) {
	q := &queryRun{
		env: e, list: c.Bool("list"), state: c.String("state"), observations: c.String("observations"), before: c.String("before"),
		region: firstOf(list(c.StringSlice("region"))), endpoint: c.String("endpoint-url"), parquet: c.String("parquet"), top: c.Int("top"),
		json: c.Bool("json"), csv: c.Bool("csv"),
	}
	var err error
	switch {
	case q.list && c.Args().Present():
		return nil, fmt.Errorf("--list asks nothing: leave out %q", c.Args().First())
	case q.json && q.csv, q.parquet != "" && (q.json || q.csv):
		return nil, errors.New("--json, --csv and --parquet are three forms of the answer; give one")
	case q.top < 0:
		return nil, fmt.Errorf("--top %d: want 0 or more", q.top)
	case q.list:
		return q, nil
	case !c.Args().Present():
		return nil, errors.New("a question is missing; give SQL, or a name of query --list")
	}
	if q.question, err = readQuestion(c.Args().First(), e.In); err != nil {
		return nil, err
	}
	if q.state == "" && q.observations == "" {
		return nil, errors.New("--state is missing; give what analyze was given, or an --observations file")
	}
	if q.window, err = chosenWindow(c, e.Now()); err != nil {
		return nil, err
	}
	q.engine, err = readEngineOptions(c)
	return q, err
}

var questionName = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// readQuestion finds the question of a name; anything that is no single word is
// SQL. "-" stands for standard input.
func readQuestion(arg string, in io.Reader) (ask.Question, error) {
	if arg == "-" {
		text, err := io.ReadAll(io.LimitReader(in, 1<<20))
		if err != nil {
			return ask.Question{}, fmt.Errorf("read SQL from standard input: %w", err)
		}
		return ask.Question{SQL: string(text)}, nil
	}
	if !questionName.MatchString(arg) {
		return ask.Question{SQL: arg}, nil
	}
	all, err := ask.Questions()
	if err != nil {
		return ask.Question{}, err
	}
	var names []string
	for _, q := range all {
		if q.Name == arg {
			return q, nil
		}
		names = append(names, q.Name)
	}
	return ask.Question{}, fmt.Errorf("no question has the name %q%s; query --list has them all", arg, words.Suggest(arg, names, ""))
}

func (q *queryRun) Run(ctx context.Context) error {
	if q.list {
		return q.printList()
	}
	in, clean, err := q.open(ctx)
	if err != nil {
		return err
	}
	defer clean()
	lib, err := ask.Open(ctx, in.Input, q.engine.sealed())
	if err != nil {
		return err
	}
	defer func() { _ = lib.Close() }()
	q.mention(in)
	if q.parquet != "" {
		err = atomicfile.Write(q.parquet, 0o644, func(w io.Writer) error { return lib.Save(ctx, q.question.SQL, w) })
	} else {
		err = q.answer(ctx, lib, in)
	}
	var bad *ask.SQLError
	if errors.As(err, &bad) {
		return &command.UsageError{Verb: "query", Err: err}
	}
	return err
}

// asksOf says whether the SQL names a table, or a view that rests on it.
func (q *queryRun) asksOf(tables ...string) bool {
	text := strings.ToLower(q.question.SQL)
	return slices.ContainsFunc(tables, func(t string) bool { return strings.Contains(text, t) })
}

// mention says what the answer cannot know.
func (q *queryRun) mention(in queried) {
	switch {
	case q.asksOf("rules") && len(in.Beside.Rules) == 0:
		q.env.Log.Warn("these observations say nothing of rules: make them with analyze --snapshot")
	case q.asksOf("history") && in.Earlier == "" && !in.Beside.Window.Since.Before(ask.Quarter(in.Beside.Window)):
		q.env.Log.Warn("nothing tells what was there before this quarter: the window begins in it and no earlier observations are known (--before)")
	}
}

// queried is what a query is asked of.
type queried struct {
	ask.Input
	earlierDigest string
}

// open finds the observations and brings those of S3 to this machine.
func (q *queryRun) open(ctx context.Context) (in queried, clean func(), err error) {
	var copies []func()
	clean = func() {
		for _, remove := range copies {
			remove()
		}
	}
	o, earlier, fetch, err := q.find(ctx)
	if err != nil {
		return in, clean, err
	}
	w, err := windowOf(o.Window)
	if err != nil {
		return in, clean, err
	}
	in.Beside = ask.Beside{Digest: o.Digest, Window: w, Rules: o.Rules, Coverage: o.Coverage, Findings: o.Findings}
	for _, f := range []struct {
		of   *observations
		into *string
		path string
	}{{o, &in.Flows, q.observations}, {earlier, &in.Earlier, q.before}} {
		if f.of == nil {
			continue
		}
		if *f.into = f.path; f.path != "" {
			continue
		}
		path, remove, err := fetch(f.of.Digest)
		if err != nil {
			clean()
			return in, clean, err
		}
		copies = append(copies, remove)
		*f.into = path
	}
	if earlier != nil {
		in.earlierDigest = earlier.Digest
	}
	return in, clean, nil
}

// find gives the observations that are asked, those of an earlier window (nil:
// none), and a function that gives the path of a digest's file.
func (q *queryRun) find(ctx context.Context) (o, earlier *observations, fetch func(string) (string, func(), error), err error) {
	var state source.Bucket
	if q.state != "" {
		if state, err = source.Open(ctx, q.state, source.Options{EndpointURL: q.endpoint, Region: q.region}); err != nil {
			return nil, nil, nil, fmt.Errorf("--state: %w", err)
		}
	}
	if q.observations != "" {
		o, err = readBeside(q.observations)
	} else {
		o, err = q.ofState(ctx, state)
	}
	switch {
	case err != nil:
		return nil, nil, nil, err
	case q.before != "":
		earlier, err = readBeside(q.before)
	case state != nil && q.asksOf("earlier", "history"):
		earlier, err = findEarlier(ctx, state, o)
	}
	return o, earlier, func(digest string) (string, func(), error) {
		return fetchObservations(ctx, state, digest, q.engine.scratch)
	}, err
}

func (q *queryRun) ofState(ctx context.Context, state source.Bucket) (*observations, error) {
	var digest string
	var err error
	if q.window != nil {
		digest, err = findObservations(ctx, state, *q.window)
	} else if digest, err = rollup.NewestObservations(ctx, state); err != nil {
		err = fmt.Errorf("--state: %w", err)
	}
	if err != nil {
		return nil, err
	}
	return readSidecar(ctx, state, sidecarKey(digest))
}

// findEarlier gives those observations of the state that know most of the
// quarter before the one in which the window ends; nil where none knows any.
func findEarlier(ctx context.Context, state source.Bucket, now *observations) (*observations, error) {
	w, err := windowOf(now.Window)
	if err != nil {
		return nil, err
	}
	all, err := sidecars(ctx, state)
	if err != nil {
		return nil, err
	}
	quarter := ask.Quarter(w)
	start := quarter.AddDate(0, -3, 0)
	var best *observations
	var most time.Duration
	for _, o := range all { // the newest first: of two that know as much it stays
		x, err := windowOf(o.Window)
		if err != nil || o.Digest == now.Digest {
			continue
		}
		since, until := x.Since, x.Until
		if since.Before(start) {
			since = start
		}
		if until.After(quarter) {
			until = quarter
		}
		if d := until.Sub(since); d > most {
			best, most = o, d
		}
	}
	return best, nil
}

// fetchObservations gives the path of an observations file; clean removes it
// where it is a copy.
func fetchObservations(ctx context.Context, state source.Bucket, digest, scratch string) (path string, clean func(), err error) {
	key := rollup.ObservationsKey(digest)
	if path, ok := state.Local(key); ok {
		return path, func() {}, nil
	}
	obj, err := state.Stat(ctx, key)
	if err != nil {
		return "", nil, fmt.Errorf("--state: %w", err)
	}
	r, err := state.Open(ctx, obj)
	if err != nil {
		return "", nil, fmt.Errorf("--state: %w", err)
	}
	defer func() { _ = r.Close() }()
	f, err := os.CreateTemp(scratch, "flowcover-observations-*.parquet")
	if err != nil {
		return "", nil, err
	}
	clean = func() { _ = os.Remove(f.Name()) }
	_, err = io.Copy(f, r)
	if err = errors.Join(err, f.Close()); err != nil {
		clean()
		return "", nil, fmt.Errorf("--state: %w", err)
	}
	return f.Name(), clean, nil
}
