package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/flowcover/flowcover/cmd/internal/argv"
	"github.com/flowcover/flowcover/cmd/internal/config"
	"github.com/flowcover/flowcover/cmd/internal/words"
)

// Runner is a verb with its flags read.
type Runner interface {
	Run(ctx context.Context) error
}

// Verb is one command.
type Verb struct {
	Name     string
	Summary  string   // one line
	Args     string   // such as CHANGESET; shown in help
	Values   []string // what the first argument may be, for completion; empty: any
	MinArgs  int
	MaxArgs  int
	About    string // paragraphs, separated by an empty line
	Examples []string
	Exits    []int // exit codes beyond 0, 1, 2 that it may end with
	Flags    []Flag
	// New makes the runner. Its errors are the user's: exit code 2.
	New    func(c *cli.Context, e *Env) (Runner, error)
	Hidden bool
	// Patient: when told to stop it is waited for, however long it takes to
	// come to a good end. Others are left behind after Grace; 0: App.Grace.
	Patient bool
	Grace   time.Duration
}

// Exit is a line of the table of exit codes.
type Exit struct {
	Code int
	Text string
}

// App is a program with verbs.
type App struct {
	Name, Version, About string
	Verbs                []Verb
	Exits                []Exit
	// Code maps an error to an exit code: the program's one switch.
	Code func(error) int
	// Grace is how long a verb that is told to stop may take; 0: two seconds.
	Grace time.Duration
	// DefaultConfig is read if it is there and no --config says otherwise.
	DefaultConfig string
}

// UsageError is a command line or configuration that cannot be used.
type UsageError struct {
	Verb string
	Err  error
}

func (e *UsageError) Error() string { return e.Err.Error() }
func (e *UsageError) Unwrap() error { return e.Err }

// Usage makes a UsageError.
func Usage(format string, args ...any) error {
	return &UsageError{Err: fmt.Errorf(format, args...)}
}

// globals stand on every verb.
func globals() []Flag {
	return []Flag{
		{Name: "config", Hint: "FILE", Usage: "configuration file; without it flowcover.yaml in this folder, if there is one", Env: []string{"FLOWCOVER_CONFIG"}},
		{Name: "log-format", Hint: "FORMAT", Usage: "auto, text or json; auto: JSON lines where standard error is no terminal", Key: "log-format", Default: logAuto, Values: []string{logAuto, logText, logJSON}},
		{Name: "quiet", Type: Bool, Usage: "no progress and no informational log lines", Key: "quiet"},
	}
}

// Main runs the program and gives its exit code. The context should end when
// the program is told to stop.
func (a *App) Main(ctx context.Context, args []string, s Streams) int {
	err := a.run(ctx, args, s, nil)
	if err == nil {
		return 0
	}
	code := a.Code(err)
	a.report(s.Err, args, err, code)
	return code
}

// Run runs one command line for a verb that is made of others: with its
// streams, log and progress.
func (a *App) Run(ctx context.Context, args []string, e *Env) error {
	return a.run(ctx, args, e.Streams, e)
}

// report says on standard error why the program did not simply end well.
func (a *App) report(w io.Writer, args []string, err error, code int) {
	if wantsJSONLog(args) {
		newEnv(Streams{Err: w}, a.Version, logJSON, false).Log.Error(err.Error(), "exit", code)
		return
	}
	text := a.Name + ": " + strings.ReplaceAll(err.Error(), "\n", "; ")
	var usage *UsageError
	if errors.As(err, &usage) {
		help := a.Name
		if usage.Verb != "" {
			help += " " + usage.Verb
		}
		text += "\nSee: " + help + " --help"
	}
	_, _ = fmt.Fprintln(w, text)
}

// wantsJSONLog: an error before the flags are read has to know the format too.
func wantsJSONLog(args []string) bool {
	for i, a := range args {
		if strings.TrimLeft(a, "-") == "log-format="+logJSON ||
			strings.TrimLeft(a, "-") == "log-format" && i+1 < len(args) && args[i+1] == logJSON {
			return true
		}
	}
	return os.Getenv("FLOWCOVER_LOG_FORMAT") == logJSON
}

func (a *App) run(ctx context.Context, args []string, s Streams, outer *Env) error {
	if len(args) > 1 && args[1] == "help" { // "help plan" is "plan --help"
		args = slices.Concat(args[:1], args[2:], []string{"--help"})
	}
	line, err := argv.Rewrite(args, argvFlags(globals()), a.argvCommands())
	if err != nil {
		return &UsageError{Verb: line.Command, Err: err}
	}
	verb := a.verb(line.Command)
	switch {
	case line.Version:
		_, err := fmt.Fprintln(s.Out, a.Name, a.Version)
		return err
	case line.Help && verb == nil:
		return a.writeHelp(s.Out)
	case line.Help:
		return a.writeVerbHelp(s.Out, *verb)
	case verb == nil:
		if err := a.writeHelp(s.Err); err != nil {
			return err
		}
		return Usage("no command was given")
	case len(line.Rest) < verb.MinArgs:
		return &UsageError{verb.Name, fmt.Errorf("%s wants %s", verb.Name, verb.Args)}
	case len(line.Rest) > verb.MaxArgs:
		return &UsageError{verb.Name, fmt.Errorf("unexpected argument %q; %s", line.Rest[verb.MaxArgs], verb.takes())}
	}
	return a.dispatch(ctx, *verb, line, s, outer)
}

func (v Verb) takes() string {
	if v.MaxArgs == 0 {
		return v.Name + " takes flags only"
	}
	return v.Name + " takes " + v.Args
}

// dispatch lets urfave/cli parse and call the verb. Whatever fails before the
// runner runs is the user's to mend.
func (a *App) dispatch(ctx context.Context, verb Verb, line argv.Line, s Streams, e *Env) error {
	var running bool
	cmd := &cli.Command{
		Name: verb.Name, HideHelp: true, Flags: buildAll(slices.Concat(globals(), verb.Flags)),
		OnUsageError: func(_ *cli.Context, err error, _ bool) error { return plain(err) },
		Action: func(c *cli.Context) error {
			if err := a.configure(c, verb); err != nil {
				return err
			}
			if e == nil {
				e = newEnv(s, a.Version, c.String("log-format"), c.Bool("quiet"))
				a.mentionVariables(e)
			}
			r, err := verb.New(c, e)
			if err != nil {
				return err
			}
			running = true
			return a.wait(ctx, verb, r)
		},
	}
	app := &cli.App{
		Name: a.Name, HideHelp: true, HideVersion: true, Commands: []*cli.Command{cmd},
		Writer: s.Out, ErrWriter: s.Err, Reader: s.In,
		// urfave/cli would end the process itself on some errors.
		ExitErrHandler: func(*cli.Context, error) {},
		OnUsageError:   func(_ *cli.Context, err error, _ bool) error { return plain(err) },
	}
	err := app.RunContext(ctx, line.Args)
	if e != nil {
		e.Progress.Clear()
	}
	if err != nil && !running {
		return &UsageError{verb.Name, err}
	}
	if err != nil && ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	return err
}

// wait runs the verb. Not all work can be stopped half way; files are written
// whole or not at all, so what does not stop in time can be left behind.
func (a *App) wait(ctx context.Context, verb Verb, r Runner) error {
	if verb.Patient {
		return r.Run(ctx)
	}
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	timer := time.NewTimer(cmp.Or(verb.Grace, a.Grace, 2*time.Second))
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		return ctx.Err()
	}
}

// plain takes the library's "parse error" apart into words for people.
func plain(err error) error {
	text := strings.TrimSuffix(err.Error(), ": parse error")
	text = strings.Replace(text, "for flag -", "for flag --", 1)
	if text == err.Error() {
		return err
	}
	return errors.New(text + ": not of the kind that the flag takes (a number or a switch)")
}

// configure fills in from the file what neither flag nor variable set, and
// checks the values that have a fixed choice.
func (a *App) configure(c *cli.Context, verb Verb) error {
	file := c.String("config")
	if file == "" && a.DefaultConfig != "" {
		if _, err := os.Stat(a.DefaultConfig); err == nil {
			file = a.DefaultConfig
		}
	}
	flags := slices.Concat(globals(), verb.Flags)
	if file != "" {
		data, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("read configuration: %w", err)
		}
		values, err := config.Parse(file, data, a.Keys())
		if err != nil {
			return err
		}
		for _, f := range flags {
			if f.Key == "" || c.IsSet(f.Name) {
				continue
			}
			for _, v := range values[f.Key] {
				if err := c.Set(f.Name, v.Text); err != nil {
					return fmt.Errorf("%s:%d: %s: %q is not of the kind that it takes", file, v.Line, f.Key, v.Text)
				}
			}
		}
	}
	for _, f := range flags {
		if v := c.String(f.Name); len(f.Values) > 0 && f.Type == Text && v != "" && !slices.Contains(f.Values, v) {
			return fmt.Errorf("--%s is %q, want one of %s", f.Name, v, strings.Join(f.Values, ", "))
		}
	}
	return nil
}

// ownVariables are variables of the project that set no flag.
var ownVariables = []string{"FLOWCOVER_CONFIG", "FLOWCOVER_MOTO_SERVER", "FLOWCOVER_TEST_AS_PROGRAM"}

// mentionVariables warns of FLOWCOVER_ variables that no verb reads: most are
// misspelt, and would be passed over in silence.
func (a *App) mentionVariables(e *Env) {
	known := slices.Clone(ownVariables)
	for _, f := range globals() {
		known = append(known, f.variables()...)
	}
	for _, v := range a.Verbs {
		for _, f := range v.Flags {
			known = append(known, f.variables()...)
		}
	}
	var unknown []string
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		if strings.HasPrefix(name, "FLOWCOVER_") && !slices.Contains(known, name) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	for _, name := range unknown {
		e.Log.Warn("the variable " + name + " is read by no command" + words.Suggest(name, known, ""))
	}
}

// Keys are the keys of all verbs: one file serves them all.
func (a *App) Keys() []config.Key {
	var out []config.Key
	seen := map[string]bool{}
	add := func(flags []Flag) {
		for _, f := range flags {
			if f.Key != "" && !seen[f.Key] {
				seen[f.Key] = true
				out = append(out, config.Key{Name: f.Key, Kind: f.Kind})
			}
		}
	}
	add(globals())
	for _, v := range a.Verbs {
		add(v.Flags)
	}
	return out
}

func (a *App) verb(name string) *Verb {
	for i := range a.Verbs {
		if a.Verbs[i].Name == name {
			return &a.Verbs[i]
		}
	}
	return nil
}

func (a *App) argvCommands() []argv.Command {
	var out []argv.Command
	for _, v := range a.Verbs {
		out = append(out, argv.Command{Name: v.Name, Flags: argvFlags(v.Flags)})
	}
	return out
}
