package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/flowcover/flowcover/cmd/internal/command"
)

// asProgram makes the test binary be flowcover: for tests that send it signals.
const asProgram = "FLOWCOVER_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	testscript.Main(m, map[string]func(){"flowcover": main})
}

// TestScripts runs the command lines under testdata/script. Two commands are
// added to testscript's own: "status CODE PROGRAM ARGS" expects an exit code,
// "keygen FILE PRINCIPAL" makes an SSH key and appends its line to
// allowed_signers; "logs DIR [ACCOUNT]" writes flow logs for
// testdata/small; "parquet KIND FILE" writes a good or a bad object; "shape NAME"
// compares the JSON on standard output with testdata/shapes/NAME.txt.
func TestScripts(t *testing.T) {
	fixtures, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(e *testscript.Env) error {
			e.Setenv("FIXTURES", fixtures)
			e.Setenv("CASES", casesFolder())
			// No AWS of the machine's own: no profile, no instance metadata.
			e.Setenv("AWS_EC2_METADATA_DISABLED", "true")
			e.Setenv("AWS_CONFIG_FILE", filepath.Join(e.WorkDir, "no-aws-config"))
			e.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(e.WorkDir, "no-aws-credentials"))
			return nil
		},
		Condition: func(cond string) (bool, error) {
			if cond == "cases" {
				return casesFolder() != "", nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status":  cmdStatus,
			"keygen":  cmdKeygen,
			"logs":    cmdLogs,
			"parquet": cmdParquet,
			"shape":   cmdShape,
		},
	})
}

// casesFolder is the folder of open cases beside the project, or "".
func casesFolder() string {
	dir, err := filepath.Abs("../../../shared/cases")
	if err != nil {
		return ""
	}
	if _, err := os.Stat(filepath.Join(dir, "README.md")); err != nil {
		return ""
	}
	return dir
}

func cmdStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status CODE PROGRAM [ARGS]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

func cmdKeygen(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: keygen FILE PRINCIPAL")
	}
	file := ts.MkAbs(args[0])
	bin, err := exec.LookPath("ssh-keygen")
	if err != nil {
		ts.Fatalf("ssh-keygen is not on the PATH; install the Debian package openssh-client")
	}
	ts.Check(ts.Exec(bin, "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", file))
	pub, err := os.ReadFile(file + ".pub")
	ts.Check(err)
	f, err := os.OpenFile(ts.MkAbs("allowed_signers"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	ts.Check(err)
	_, err = fmt.Fprintf(f, "%s %s", args[1], pub)
	ts.Check(err)
	ts.Check(f.Close())
}

// TestSignals: the exit code says which signal stopped it. The program blocks
// on a pipe, so it is known to be running when the signal comes.
func TestSignals(t *testing.T) {
	for sig, want := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
		pipe := filepath.Join(t.TempDir(), "pipe")
		if err := syscall.Mkfifo(pipe, 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(os.Args[0], "show", pipe)
		cmd.Env = append(os.Environ(), asProgram+"=1")
		var errs strings.Builder
		cmd.Stderr = &errs
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		w, err := os.OpenFile(pipe, os.O_WRONLY, 0) // returns when the program reads
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		if got := cmd.ProcessState.ExitCode(); got != want || !strings.Contains(errs.String(), "stopped by") {
			t.Errorf("%v: exit status %d, want %d\n%s", sig, got, want, errs.String())
		}
	}
}

// TestEveryVerbIsDocumented: an example, a summary, and exit codes that the
// table knows.
func TestEveryVerbIsDocumented(t *testing.T) {
	known := map[int]bool{}
	for _, e := range exits {
		if known[e.Code] {
			t.Errorf("exit code %d stands twice", e.Code)
		}
		known[e.Code] = true
	}
	seenKeys := map[string]command.Flag{}
	for _, v := range newApp().Verbs {
		if v.Hidden {
			continue
		}
		if v.Summary == "" || len(v.Examples) == 0 {
			t.Errorf("%s has no summary or no example", v.Name)
		}
		for _, ex := range v.Examples {
			if !strings.Contains(ex, "flowcover "+v.Name) {
				t.Errorf("%s: the example %q is not of it", v.Name, ex)
			}
		}
		for _, code := range v.Exits {
			if !known[code] {
				t.Errorf("%s: exit code %d is not in the table", v.Name, code)
			}
		}
		for _, f := range v.Flags {
			if f.Usage == "" || (f.Hint == "") != (f.Type == command.Bool) {
				t.Errorf("%s --%s: has no usage, or a hint that does not fit", v.Name, f.Name)
			}
			if f.Key == "" {
				continue
			}
			if other, ok := seenKeys[f.Key]; ok && (other.Kind != f.Kind || other.Name != f.Name || other.Type != f.Type) {
				t.Errorf("%s --%s: the key %s is declared in two ways", v.Name, f.Name, f.Key)
			}
			seenKeys[f.Key] = f
		}
	}
}

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{errors.New("x"), codeFailed},
		{command.Usage("x"), codeUsage},
		{fmt.Errorf("a: %w", errFindings), codeFindings},
		{fmt.Errorf("a: %w", errors.Join(errUnreadable, errPromise)), codePromise},
		{fmt.Errorf("%w: %w", command.Stopped{Signal: 15}, context.Canceled), 143},
		{fmt.Errorf("%w: %w", command.Stopped{Signal: 2}, errPromise), 130},
	} {
		if got := exitCode(c.err); got != c.want {
			t.Errorf("%v: %d, want %d", c.err, got, c.want)
		}
	}
}

func TestShort(t *testing.T) {
	for in, want := range map[string]string{
		"0": "0", "99999": "99999", "100000": "100k", "1234567": "1.2M", "12345678": "12.3M", "-1234567": "-1.2M",
		"1099511627776": "1.0T", "1234567890123456789": "1.2E", "340282366920938463463374607431768211456": "3.4e38", "x": "x",
	} {
		if got := short(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func TestParseAge(t *testing.T) {
	for in, want := range map[string]time.Duration{"14d": 14 * 24 * time.Hour, "12h": 12 * time.Hour, "90m": 90 * time.Minute} {
		if got, err := parseAge(in); err != nil || got != want {
			t.Errorf("%s: %v, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "d", "-1d", "0d", "14", "99999999999d", "213503d", "4000d", "99999999h", "99999h", "87601h", "1.5d", "soon"} {
		if got, err := parseAge(in); err == nil {
			t.Errorf("%s is taken for %v", in, got)
		}
	}
}
