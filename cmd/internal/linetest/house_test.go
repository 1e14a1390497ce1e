package linetest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/flowcover/flowcover/cmd/internal/demo"
	"github.com/flowcover/flowcover/cmd/internal/demo/motoaccount"
	"github.com/flowcover/flowcover/scripts/mototest"
)

const region = "ap-northeast-2"

// binary is the path of flowcover, built when first asked for.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "flowcover-linetest-")
	if err != nil {
		return "", err
	}
	built = dir
	path := filepath.Join(dir, "flowcover")
	// Not with the race detector, even where these tests are: the commands'
	// own tests have it, and this test is about what people run.
	out, err := exec.Command("go", "build", "-o", path, "../../flowcover").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

// built is the folder to remove when the tests are over.
var built string

func TestMain(m *testing.M) {
	code := m.Run()
	if built != "" {
		if err := os.RemoveAll(built); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	os.Exit(code)
}

// house is an account on a server, and a folder to work in.
type house struct {
	server *mototest.Server
	client *ec2.Client
	dir    string // where the commands run
	env    []string
}

// build makes the demo's account on a server of its own.
func build(t *testing.T) *house {
	t.Helper()
	server := mototest.Start(t)
	h := &house{server: server, client: ec2.NewFromConfig(server.Config(region)), dir: t.TempDir()}
	h.env = ownEnv(server.Env())
	account, err := demo.Account(1, demo.Size{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := motoaccount.BuildMoto(t.Context(), h.client, account); err != nil {
		t.Fatal(err)
	}
	return h
}

// ownEnv leaves out what would change the commands' behaviour behind our back.
func ownEnv(env []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(kv string) bool {
		return strings.HasPrefix(kv, "FLOWCOVER_") || strings.HasPrefix(kv, "SSH_AUTH_SOCK=")
	})
}

// offline is an environment without credentials, in which every server is dead.
func (h *house) offline() []string {
	env := slices.DeleteFunc(slices.Clone(h.env), func(kv string) bool {
		return strings.HasPrefix(kv, "AWS_ACCESS") || strings.HasPrefix(kv, "AWS_SECRET") || strings.HasPrefix(kv, "AWS_ENDPOINT")
	})
	return append(env, "AWS_ENDPOINT_URL=http://127.0.0.1:1", "HTTP_PROXY=http://127.0.0.1:1", "HTTPS_PROXY=http://127.0.0.1:1", "NO_PROXY=")
}

// path is a file in the folder that the commands run in.
func (h *house) path(name string) string { return filepath.Join(h.dir, name) }

// result is how a command ended.
type result struct {
	code     int
	out, err string
}

// run runs flowcover in the house's folder.
func (h *house) run(t *testing.T, args ...string) result {
	t.Helper()
	return h.runIn(t, h.env, args...)
}

func (h *house) runIn(t *testing.T, env []string, args ...string) result {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return command(t, h.dir, env, path, args...)
}

// want runs flowcover and asks for an exit code.
func (h *house) want(t *testing.T, code int, args ...string) result {
	t.Helper()
	r := h.run(t, args...)
	r.wants(t, code, args)
	return r
}

func (r result) wants(t *testing.T, code int, args []string) {
	t.Helper()
	if r.code != code {
		t.Fatalf("flowcover %s: exit status %d, want %d\n%s%s", strings.Join(args, " "), r.code, code, lastLines(r.out), r.err)
	}
}

// says asks for words among what a command printed on stderr.
func (r result) says(t *testing.T, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(r.err, w) {
			t.Errorf("stderr lacks %q:\n%s", w, r.err)
		}
	}
}

func command(t *testing.T, dir string, env []string, name string, args ...string) result {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	var out, errs bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, env, &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || errors.Is(err, context.Canceled) {
		t.Fatalf("%s %s: %v", name, strings.Join(args, " "), err)
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// lastLines keeps a failure readable.
func lastLines(s string) string {
	lines := strings.SplitAfter(s, "\n")
	return strings.Join(lines[max(0, len(lines)-40):], "")
}

// decode reads what a verb printed with --json.
func decode[T any](t *testing.T, r result) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(r.out), &v); err != nil {
		t.Fatalf("%v in:\n%s", err, lastLines(r.out))
	}
	return v
}

// copyTo copies files of the house's folder into a new folder below it.
func (h *house) copyTo(t *testing.T, folder string, names ...string) {
	t.Helper()
	if err := os.Mkdir(h.path(folder), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		data, err := os.ReadFile(h.path(name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(h.dir, folder, filepath.Base(name)), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// edit replaces the first old in a file.
func (h *house) edit(t *testing.T, name, old, replacement string) {
	t.Helper()
	data, err := os.ReadFile(h.path(name))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(data, []byte(old)) {
		t.Fatalf("%s does not hold %q", name, old)
	}
	if err := os.WriteFile(h.path(name), bytes.Replace(data, []byte(old), []byte(replacement), 1), 0o644); err != nil {
		t.Fatal(err)
	}
}
