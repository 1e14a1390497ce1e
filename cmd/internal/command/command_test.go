package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/flowcover/flowcover/cmd/internal/config"
	"github.com/flowcover/flowcover/cmd/internal/table"
)

// toy has one verb that prints what it was told.
func toy(run func(ctx context.Context, e *Env) error) *App {
	a := &App{
		Name: "flowcover", Version: "1.2.3", About: "A toy.", DefaultConfig: "flowcover.yaml",
		Exits: []Exit{{0, "done"}, {1, "failed"}, {2, "usage"}, {4, "findings"}, {7, "never here"}, {130, "interrupted"}},
		Code: func(err error) int {
			var u *UsageError
			var s Stopped
			switch {
			case errors.As(err, &s):
				return s.ExitCode()
			case errors.As(err, &u):
				return 2
			}
			return 1
		},
	}
	a.Verbs = []Verb{{
		Name: "say", Summary: "say what it was told", Args: "WORD", MaxArgs: 2, Exits: []int{4},
		About: "A first paragraph.\n\nA second one.", Examples: []string{"flowcover say hello --count 2"},
		Flags: []Flag{
			{Name: "count", Short: "n", Hint: "N", Type: Int, Usage: "how often", Key: "say.count", Default: "1"},
			{Name: "share", Hint: "X", Type: Number, Usage: "a part", Key: "share", Default: "0.9"},
			{Name: "names", Hint: "NAME", Type: Strings, Usage: "to whom", Key: "names", Kind: config.List},
			{Name: "loud", Type: Bool, Usage: "loudly", Key: "loud"},
			{Name: "mood", Hint: "MOOD", Usage: "how", Key: "mood", Values: []string{"good", "bad"}, Env: []string{"TOY_MOOD"}},
			{Name: "secret", Hint: "X", Usage: "never in a file"},
		},
		New: func(c *cli.Context, e *Env) (Runner, error) {
			if c.Int("count") < 0 {
				return nil, fmt.Errorf("--count %d: want 0 or more", c.Int("count"))
			}
			return runner(func(ctx context.Context) error {
				if run != nil {
					return run(ctx, e)
				}
				_, err := fmt.Fprintf(e.Out, "%d %v %v %t %q %v", c.Int("count"), c.Float64("share"), c.StringSlice("names"), c.Bool("loud"), c.String("mood"), c.Args().Slice())
				return err
			}), nil
		},
	}}
	return a
}

type runner func(ctx context.Context) error

func (r runner) Run(ctx context.Context) error { return r(ctx) }

type result struct {
	code     int
	out, err string
}

func run(t *testing.T, a *App, line string) result {
	t.Helper()
	var out, errs bytes.Buffer
	code := a.Main(context.Background(), append([]string{"flowcover"}, strings.Fields(line)...), Streams{strings.NewReader(""), &out, &errs})
	return result{code, out.String(), errs.String()}
}

func TestFlagsBeforeAndAfterArguments(t *testing.T) {
	t.Chdir(t.TempDir())
	want := `3 0.5 [a b c] true "good" [x y]`
	for _, line := range []string{
		"say --count 3 --share 0.5 --names a,b --names c --loud --mood good x y",
		"say x y --count 3 --share 0.5 --names a,b --names c --loud --mood good",
		"say x -n 3 --share=0.5 y --names a,b --names c --loud=true --mood=good",
		"--mood good --names a,b say --names c x -n=3 --share 0.5 --loud y",
	} {
		if r := run(t, toy(nil), line); r.code != 0 || r.out != want {
			t.Errorf("%s: %+v", line, r)
		}
	}
}

func TestPrecedenceFlagVariableFile(t *testing.T) {
	t.Chdir(t.TempDir())
	file := "say:\n  count: 5\nnames: [file1, file2]\nshare: 0.1\nloud: true\nmood: bad\n"
	if err := os.WriteFile("flowcover.yaml", []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	expect := func(line, want string) {
		t.Helper()
		if r := run(t, toy(nil), line); r.code != 0 || r.out != want {
			t.Errorf("%s: %+v, want %s", line, r, want)
		}
	}
	expect("say", `5 0.1 [file1 file2] true "bad" []`)
	t.Setenv("FLOWCOVER_COUNT", "6")
	t.Setenv("FLOWCOVER_NAMES", "env1,env2")
	t.Setenv("FLOWCOVER_LOUD", "false")
	t.Setenv("TOY_MOOD", "good")
	expect("say", `6 0.1 [env1 env2] false "good" []`)
	expect("say --count 7 --names flag --loud", `7 0.1 [flag] true "good" []`)

	other := filepath.Join(t.TempDir(), "other.yaml")
	if err := os.WriteFile(other, []byte("share: 0.2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	expect("say --config "+other, `6 0.2 [env1 env2] false "good" []`)
	t.Setenv("FLOWCOVER_CONFIG", other)
	expect("say", `6 0.2 [env1 env2] false "good" []`)
}

func TestUsageErrors(t *testing.T) {
	t.Chdir(t.TempDir())
	write := func(name, text string) {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("bad.yaml", "mood: good\nshair: 1\n")
	write("type.yaml", "# c\nsay:\n  count: many\n")
	write("choice.yaml", "mood: soso\n")
	write("nofile.yaml", "secret: x\n")
	for line, want := range map[string]string{
		"":                               "no command was given",
		"sya":                            `unknown command "sya" (did you mean say?)`,
		"say --cuont 1":                  "unknown flag --cuont of say (did you mean --count?)",
		"say --count":                    "flag --count needs a value",
		"say --count many":               "many",
		"say --count -1":                 "--count -1: want 0 or more",
		"say a b c":                      `unexpected argument "c"`,
		"say --mood soso":                `--mood is "soso", want one of good, bad`,
		"say --config none.yaml":         "none.yaml",
		"say --config bad.yaml":          "bad.yaml:2: unknown key shair (did you mean share?)",
		"say --config type.yaml":         `type.yaml:3: say.count: "many" is not of the kind`,
		"say --config choice.yaml":       "soso",
		"say --config nofile.yaml":       "nofile.yaml:1: unknown key secret",
		"say --log-format xml":           `--log-format is "xml"`,
		"say --loud=perhaps":             "perhaps",
		"say --count 1 --count 2 --loud": "--count is given twice",
	} {
		r := run(t, toy(nil), line)
		if r.code != 2 || r.out != "" || !strings.Contains(r.err, want) || !strings.Contains(r.err, "--help") {
			t.Errorf("%q: %+v, want %q", line, r, want)
		}
	}
	t.Setenv("FLOWCOVER_COUNT", "lots")
	if r := run(t, toy(nil), "say"); r.code != 2 || !strings.Contains(r.err, "FLOWCOVER_COUNT") {
		t.Errorf("%+v", r)
	}
}

func TestMisspeltVariablesAreMentioned(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("FLOWCOVER_CUONT", "3")
	t.Setenv("FLOWCOVER_MOTO_SERVER", "not a flag, but known")
	r := run(t, toy(nil), "say --log-format text")
	if r.code != 0 || !strings.Contains(r.err, "FLOWCOVER_CUONT") || !strings.Contains(r.err, "FLOWCOVER_COUNT") || strings.Contains(r.err, "MOTO") {
		t.Errorf("%+v", r)
	}
}

func TestHelp(t *testing.T) {
	for _, line := range []string{"say --help", "say -h", "--help say", "help say", "say x --count 1 --help"} {
		r := run(t, toy(nil), line)
		for _, want := range []string{"EXAMPLES\n  flowcover say hello", "EXIT STATUS", "  4  findings", "--count N", "FLOWCOVER_COUNT", "key say.count", "(default 1)", "A second one."} {
			if r.code != 0 || r.err != "" || !strings.Contains(r.out, want) {
				t.Errorf("%s: %d %q lacks %q", line, r.code, r.out, want)
			}
		}
		if strings.Contains(r.out, "never here") {
			t.Errorf("%s lists an exit code that the verb does not have", line)
		}
	}
	for _, line := range []string{"--help", "help", "-h"} {
		r := run(t, toy(nil), line)
		if r.code != 0 || !strings.Contains(r.out, "say what it was told") || !strings.Contains(r.out, "never here") {
			t.Errorf("%s: %+v", line, r)
		}
	}
	if r := run(t, toy(nil), "--version"); r.out != "flowcover 1.2.3\n" || r.code != 0 {
		t.Errorf("%+v", r)
	}
}

func TestHelpFitsTheTerminal(t *testing.T) {
	for _, columns := range []string{"40", "80"} {
		t.Setenv("COLUMNS", columns)
		for _, line := range []string{"--help", "say --help"} {
			for _, l := range strings.Split(run(t, toy(nil), line).out, "\n") {
				if fmt.Sprint(table.Width(l)) > columns && table.Width(l) > 40 {
					t.Errorf("%s at %s columns: %q", line, columns, l)
				}
			}
		}
	}
}

func TestSignalsGiveTheirExitCode(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, sig := range []Stopped{{2}, {15}} {
		ctx, cancel := context.WithCancelCause(context.Background())
		a := toy(func(ctx context.Context, _ *Env) error {
			cancel(sig)
			<-ctx.Done()
			return fmt.Errorf("read object: %w", ctx.Err())
		})
		var out, errs bytes.Buffer
		code := a.Main(ctx, []string{"flowcover", "say"}, Streams{strings.NewReader(""), &out, &errs})
		if code != 128+int(sig.Signal) || !strings.Contains(errs.String(), "stopped by") {
			t.Errorf("%v: %d %q", sig, code, errs.String())
		}
	}
}

func TestWorkThatDoesNotStopIsLeftBehind(t *testing.T) {
	t.Chdir(t.TempDir())
	never := make(chan struct{})
	t.Cleanup(func() { close(never) })
	ctx, cancel := context.WithCancelCause(context.Background())
	a := toy(func(context.Context, *Env) error {
		cancel(Stopped{2})
		<-never
		return nil
	})
	a.Grace = time.Millisecond
	var out, errs bytes.Buffer
	if code := a.Main(ctx, []string{"flowcover", "say"}, Streams{strings.NewReader(""), &out, &errs}); code != 130 {
		t.Errorf("%d %q", code, errs.String())
	}
}

func TestErrorsCanBeJSON(t *testing.T) {
	t.Chdir(t.TempDir())
	a := toy(func(_ context.Context, e *Env) error {
		e.Log.Info("working", "bucket", "한글")
		return errors.New("it broke: \"x\"")
	})
	r := run(t, a, "say --log-format json")
	lines := strings.Split(strings.TrimSpace(r.err), "\n")
	if r.code != 1 || len(lines) != 2 {
		t.Fatalf("%+v", r)
	}
	for i, want := range []string{"working", `it broke: "x"`} {
		var m map[string]any
		if err := json.Unmarshal([]byte(lines[i]), &m); err != nil || m["msg"] != want {
			t.Errorf("%s: %v", lines[i], err)
		}
	}
	if r := run(t, a, "say --log-format text --quiet"); r.err != "flowcover: it broke: \"x\"\n" {
		t.Errorf("%q", r.err)
	}
}

func TestCompletion(t *testing.T) {
	a := toy(nil)
	for line, want := range map[string]string{
		"":               "say",
		"s":              "say",
		"x":              "",
		"say --c":        "--config --count",
		"say x --mo":     "--mood",
		"say --mood ":    "good bad",
		"say --mood g":   "good",
		"say --count ":   "",
		"say ":           "",
		"--log-format j": "json",
		"say -- --c":     "",
		"--":             "--config --help --log-format --quiet",
	} {
		if got := strings.Join(a.Complete(strings.Split(line, " ")), " "); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
	for _, shell := range Shells {
		var b bytes.Buffer
		if err := a.WriteCompletion(&b, shell); err != nil || !strings.Contains(b.String(), CompleteVerb) || strings.Contains(b.String(), "PROGRAM") {
			t.Errorf("%s: %v\n%s", shell, err, b.String())
		}
	}
	if err := a.WriteCompletion(&bytes.Buffer{}, "csh"); err == nil {
		t.Error("csh has a completion")
	}
}

func TestProgressOnATerminalIsOneLine(t *testing.T) {
	var b bytes.Buffer
	at := time.Unix(0, 0)
	p := &Progress{line: &b, width: 40, now: func() time.Time { return at }}
	p.Show("읽는 중", 1, 10, "objects")
	p.Show("읽는 중", 2, 10, "objects") // too soon
	at = at.Add(time.Second)
	p.Show("읽는 중", 3, 10, "objects")
	p.Clear()
	p.Clear()
	if got, want := b.String(), "\r\x1b[K읽는 중: 1 of 10 objects (10%)\r\x1b[K읽는 중: 3 of 10 objects (30%)\r\x1b[K"; got != want {
		t.Errorf("%q", got)
	}
}

func TestProgressElsewhereIsALogLineNowAndThen(t *testing.T) {
	var b bytes.Buffer
	at := time.Unix(0, 0)
	p := &Progress{log: slog.New(newTextHandler(&b, slog.LevelInfo)), now: func() time.Time { return at }}
	for range 600 {
		p.Show("read", 1, 0, "objects")
		at = at.Add(time.Second)
	}
	if n := strings.Count(b.String(), "\n"); n != 10 {
		t.Errorf("%d lines in ten minutes:\n%s", n, b.String())
	}
	var none *Progress
	none.Show("read", 1, 1, "x")
	none.Clear()
}
