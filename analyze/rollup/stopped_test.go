package rollup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/flowcover/flowcover/analyze/internal/s3fake"
	"github.com/flowcover/flowcover/analyze/source"
)

// place is where a run ends early: the n-th time that it is at list, open, body,
// sql NAME or write.
type place struct {
	what string
	n    int64
}

func (p place) String() string { return fmt.Sprintf("%s %d", p.what, p.n) }

// ending is a store and a state, and the SQL, that end the run at a place.
type ending struct {
	source.Bucket
	at   place
	seen *atomic.Int64
	end  func()
}

func (e ending) here(what string) {
	if what == e.at.what && e.seen.Add(1) == e.at.n {
		e.end()
	}
}

func (ending) Local(string) (string, bool) { return "", false }

func (e ending) List(ctx context.Context, prefix string, each func(source.Object) error) error {
	return e.Bucket.List(ctx, prefix, func(o source.Object) error {
		e.here("list")
		return each(o)
	})
}

func (e ending) Open(ctx context.Context, o source.Object) (io.ReadCloser, error) {
	e.here("open")
	r, err := e.Bucket.Open(ctx, o)
	return endingReader{r, e}, err
}

func (e ending) Put(ctx context.Context, key string, body io.ReadSeeker) error {
	e.here("write")
	return e.Bucket.Put(ctx, key, body)
}

type endingReader struct {
	io.ReadCloser
	e ending
}

func (r endingReader) Read(p []byte) (int, error) {
	r.e.here("body")
	return r.ReadCloser.Read(p[:min(len(p), 4<<10)])
}

// places are in every stage of a run over stopLogs, in its first day or a later one.
var places = []place{
	{"list", 3},
	{"open", 1}, {"open", 3},
	{"body", 2}, {"body", 150}, // of 300: the large object is in pieces
	{"sql 20_conversation", 1}, {"sql 20_conversation", 4}, {"sql 34_endpoint", 2}, {"sql 27_interfaces", 3},
	{"write", 1}, {"write", 2}, {"write", 3}, {"write", 5}, {"write", 9},
}

const stopStage = 1 << 20

// stopLogs are three days, the second with an object that comes in pieces.
func stopLogs(t *testing.T) (logs string) {
	t.Helper()
	logs = t.TempDir()
	threeDays(t, logs)
	var b strings.Builder
	b.WriteString("srcaddr dstaddr interface-id start dstport protocol\n")
	for i := range 30000 {
		fmt.Fprintf(&b, "10.9.%d.%d 10.0.0.5 %s %d %d 6\n", i%7, i%200, testENI, at(t, "2026-09-10 12:00:00")+i%300, i%9)
	}
	writeFile(t, logs, dayKey("2026-09-10", "pieces.log"), []byte(b.String()))
	return logs
}

// stopEnv tells the test binary to run a Fill that kills itself.
const stopEnv = "FLOWCOVER_TEST_KILLED"

func TestMain(m *testing.M) {
	if os.Getenv(stopEnv) != "" {
		if err := fillAndDie(os.Getenv(stopEnv)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(3)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// fillAndDie runs a Fill that kills its own process at a place.
func fillAndDie(args string) error {
	var logs, state, scratch string
	var threads int
	var at place
	if _, err := fmt.Sscanf(args, "%s %s %s %d %d %q", &logs, &state, &scratch, &threads, &at.n, &at.what); err != nil {
		return err
	}
	ctx := context.Background()
	l, err := source.Open(ctx, logs, source.Options{})
	if err != nil {
		return err
	}
	st, err := source.Open(ctx, state, source.Options{Writable: true})
	if err != nil {
		return err
	}
	sql := strings.HasPrefix(at.what, "sql ")
	end := ending{at: at, seen: new(atomic.Int64), end: func() {
		kill := func() {
			if p, err := os.FindProcess(os.Getpid()); err == nil {
				_ = p.Kill()
			}
		}
		if sql {
			go kill() // while DuckDB is at work
			return
		}
		kill()
		select {} // until the signal arrives
	}}
	in, out := end, end
	in.Bucket, out.Bucket = l, st
	e, err := Open(ctx, Options{State: out, Scratch: scratch, Threads: threads, StageBytes: stopStage})
	if err != nil {
		return err
	}
	e.told = func(name string) { end.here("sql " + name) }
	_, err = e.Fill(ctx, []source.Bucket{in}, testWindow(), nil)
	if sql && end.seen.Load() >= at.n {
		select {} // it may be done before the signal arrives
	}
	return err
}

// A process killed at any place, at 1, 2 and 4 threads, leaves a state that the
// next run completes to the same bytes, and a scratch folder that it removes.
func TestKilledProcess(t *testing.T) {
	logs, whole := stopLogs(t), t.TempDir()
	w := testWindow()
	fill(t, openEngine(t, whole, Options{}), logs, w)
	want := stateFiles(t, whole)
	for i, at := range places {
		for j, threads := range []int{1, 2, 4} {
			if at.what == "write" && i%3 != j {
				continue // each of these at one of them
			}
			state, scratch := t.TempDir(), t.TempDir()
			what := fmt.Sprintf("killed at %v with %d threads", at, threads)
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), stopEnv+"="+fmt.Sprintf("%s %s %s %d %d %q", logs, state, scratch, threads, at.n, at.what))
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || !exit.Sys().(syscall.WaitStatus).Signaled() {
				t.Fatalf("%s: it was not: %v\n%s", what, err, out)
			}
			left, err := filepath.Glob(filepath.Join(scratch, "flowcover-scratch-*"))
			if err != nil || len(left) != 1 {
				t.Fatalf("%s: scratch folders %v, %v", what, left, err)
			}
			fill(t, openEngine(t, state, Options{Scratch: scratch, Threads: 5 - threads}), logs, w)
			got := stateFiles(t, state)
			for name := range got {
				if strings.Contains(name, ".put-") { // what was being written when it died
					delete(got, name)
				}
			}
			sameFiles(t, what, got, want)
			if _, err := os.Stat(left[0]); err == nil {
				t.Errorf("%s: its scratch folder is still there", what)
			}
		}
	}
}

// A run that is told to stop at any place does, and the same engine completes
// the state to the same bytes.
func TestStoppedRun(t *testing.T) {
	logs, whole := stopLogs(t), t.TempDir()
	w := testWindow()
	fill(t, openEngine(t, whole, Options{}), logs, w)
	want := stateFiles(t, whole)
	for i, at := range places {
		if at == (place{"write", 9}) {
			continue // the last one: the run is done before it hears of it
		}
		ctx, cancel := context.WithCancel(context.Background())
		end := ending{at: at, seen: new(atomic.Int64), end: cancel}
		in, out := end, end
		state := t.TempDir()
		in.Bucket, out.Bucket = openDir(t, logs, false), openDir(t, state, true)
		e := openEngine(t, state, Options{Threads: []int{1, 2, 4}[i%3], StageBytes: stopStage})
		e.opt.State = out
		e.told = func(name string) { end.here("sql " + name) }
		if _, err := e.Fill(ctx, []source.Bucket{in}, w, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("stopped at %v: %v", at, err)
		}
		if left, err := os.ReadDir(filepath.Join(e.dir, dirIn)); err != nil || len(left) > 0 {
			t.Errorf("stopped at %v: %d files left on the stage, %v", at, len(left), err)
		}
		if _, err := e.Fill(context.Background(), []source.Bucket{in}, w, nil); err != nil {
			t.Errorf("stopped at %v, then: %v", at, err)
		}
		sameFiles(t, fmt.Sprintf("stopped at %v", at), stateFiles(t, state), want)
		cancel()
	}
}

// A server that does not answer holds up nobody who wants to stop.
func TestStoppedWhileTheServerIsSilent(t *testing.T) {
	logs := stopLogs(t)
	for _, c := range []struct {
		what string
		hold func(s3fake.Request) bool
	}{
		{"listing", func(q s3fake.Request) bool { return q.Key == "" }},
		{"second page", func(q s3fake.Request) bool { return q.Key == "" && q.N == 2 }},
		{"object", func(q s3fake.Request) bool { return strings.HasSuffix(q.Key, "pieces.log") }},
	} {
		ctx, cancel := context.WithCancel(context.Background())
		release := make(chan struct{})
		s := s3fake.Start(t, "logs")
		upload(t, s, logs)
		s.PageSize = 1
		var held atomic.Bool
		s.Rule = func(q s3fake.Request) *s3fake.Fault {
			if c.hold(q) {
				held.Store(true)
				cancel()
				<-release
			}
			return nil
		}
		e := openEngine(t, t.TempDir(), Options{StageBytes: stopStage})
		_, err := e.Fill(ctx, []source.Bucket{openFake(t, s, "")}, testWindow(), nil)
		close(release)
		if !errors.Is(err, context.Canceled) || !held.Load() {
			t.Errorf("%s: held %v, %v", c.what, held.Load(), err)
		}
		cancel()
	}
}
