package rollup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	duckdb "github.com/marcboeker/go-duckdb/v2"

	"github.com/flowcover/flowcover/analyze/parquetio"
	"github.com/flowcover/flowcover/analyze/source"
)

// killedState tells the test binary to run a Fill that kills itself.
const killedState = "FLOWCOVER_TEST_KILLED_STATE"

func TestMain(m *testing.M) {
	if state := os.Getenv(killedState); state != "" {
		fillAndDie(state)
	}
	os.Exit(m.Run())
}

// fillAndDie runs a Fill and kills its own process at the state's n-th write.
func fillAndDie(state string) {
	ctx := context.Background()
	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(3)
		}
	}
	logs, err := source.Open(ctx, os.Getenv("FLOWCOVER_TEST_LOGS"), source.Options{})
	fail(err)
	st, err := source.Open(ctx, state, source.Options{Writable: true})
	fail(err)
	var n int
	_, err = fmt.Sscan(os.Getenv("FLOWCOVER_TEST_KILL_AT"), &n)
	fail(err)
	var threads int
	_, err = fmt.Sscan(os.Getenv("FLOWCOVER_TEST_THREADS"), &threads)
	fail(err)
	e, err := Open(ctx, Options{State: killing{st, &n}, Scratch: os.Getenv("FLOWCOVER_TEST_SCRATCH"), Threads: threads})
	fail(err)
	w := testWindow()
	_, err = e.Fill(ctx, []source.Bucket{logs}, w, nil)
	fail(err)
	os.Exit(0)
}

// A process killed at any write, at 1, 2 and 4 threads, leaves a state that the next run completes to
// the same bytes, and a scratch folder that the next run removes.
func TestKilledProcess(t *testing.T) {
	logs, whole := t.TempDir(), t.TempDir()
	threeDays(t, logs)
	w := testWindow()
	fill(t, openEngine(t, whole, Options{}), logs, w)
	want := stateFiles(t, whole)
	for i, n := range []int{1, 2, 3, 5, 9} {
		threads := []int{1, 2, 4}[i%3]
		state, scratch := t.TempDir(), t.TempDir()
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), killedState+"="+state, "FLOWCOVER_TEST_LOGS="+logs,
			"FLOWCOVER_TEST_SCRATCH="+scratch, fmt.Sprintf("FLOWCOVER_TEST_KILL_AT=%d", n), fmt.Sprintf("FLOWCOVER_TEST_THREADS=%d", threads))
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || !exit.Sys().(syscall.WaitStatus).Signaled() {
			t.Fatalf("write %d: the process was not killed: %v\n%s", n, err, out)
		}
		left, err := filepath.Glob(filepath.Join(scratch, "flowcover-scratch-*"))
		if err != nil || len(left) != 1 {
			t.Fatalf("write %d: scratch folders %v, %v", n, left, err)
		}
		fill(t, openEngine(t, state, Options{Scratch: scratch, Threads: 5 - threads}), logs, w)
		got := stateFiles(t, state)
		for name := range got {
			if strings.Contains(name, ".put-") { // what was being written when it died
				delete(got, name)
			}
		}
		sameFiles(t, fmt.Sprintf("killed at write %d", n), got, want)
		if _, err := os.Stat(left[0]); err == nil {
			t.Errorf("write %d: the killed run's scratch folder is still there", n)
		}
	}
}

// Two runs at once over one state do no harm.
func TestTwoRunsAtOnce(t *testing.T) {
	logs, whole, state := t.TempDir(), t.TempDir(), t.TempDir()
	threeDays(t, logs)
	w := testWindow()
	fill(t, openEngine(t, whole, Options{}), logs, w)
	done := make(chan error, 2)
	for range 2 {
		e := openEngine(t, state, Options{})
		b := openDir(t, logs, false)
		go func() {
			_, err := e.Fill(context.Background(), []source.Bucket{b}, w, nil)
			done <- err
		}()
	}
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	sameFiles(t, "two at once", stateFiles(t, state), stateFiles(t, whole))
}

// A full disk is the run's error, not the object's: nothing is called
// unreadable and no rollup is written.
func TestFullDiskIsNobodysFault(t *testing.T) {
	for _, err := range []error{syscall.ENOSPC, &os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}, fmt.Errorf("stage: %w", syscall.EDQUOT)} {
		if !fatal(err) {
			t.Errorf("%v passes for an object's fault", err)
		}
	}
	logs, state := t.TempDir(), t.TempDir()
	threeDays(t, logs)
	e := openEngine(t, state, Options{})
	b := fullDisk{openDir(t, logs, false)}
	_, err := e.Fill(context.Background(), []source.Bucket{b}, testWindow(), nil)
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(filepath.Join(state, "rollups")); err == nil {
		t.Error("a rollup was written")
	}
}

// A page that claims or holds far more than it should ends in a finding.
func TestInflatedText(t *testing.T) {
	bomb := gzipped(t, bytes.Repeat([]byte("0"), 8<<20)) // one line without an end
	logs := t.TempDir()
	writeFile(t, logs, dayKey("2026-09-10", "bomb.log.gz"), bomb)
	good := parquetBytes(t, tcp(testENI, "10.9.0.7", "10.0.0.5", 40001, 443, at(t, "2026-09-10 12:00:00"), 2, 18), parquetio.FlowLogOptions{})
	writeFile(t, logs, dayKey("2026-09-10", "good.parquet"), good)
	e := openEngine(t, t.TempDir(), Options{})
	rep := fill(t, e, logs, testWindow())
	if rep.Objects != (Objects{Read: 1, Unreadable: 1}) || rep.Records != 2 {
		t.Errorf("%+v", rep)
	}
	u := &unpacker{left: 10}
	z, err := unpack(bytes.NewReader(gzipped(t, make([]byte, 1000))))
	if err != nil {
		t.Fatal(err)
	}
	u.z = z.(*unpacker).z
	if _, err := u.Read(make([]byte, 100)); !errors.Is(err, errUnpacked) {
		t.Errorf("past the bound: %v", err)
	}
}

// An error that ends DuckDB is no object's: after it every object would be found
// unreadable.
func TestErrorsThatEndDuckDB(t *testing.T) {
	e := openEngine(t, t.TempDir(), Options{})
	_, invalid := e.conn.ExecContext(context.Background(), "SELECT error('it is a file that says so')")
	if invalid == nil || invalidates(fmt.Errorf("20_conversation.sql: %w", invalid)) {
		t.Errorf("%v ends DuckDB", invalid)
	}
	for _, typ := range []duckdb.ErrorType{duckdb.ErrorTypeInternal, duckdb.ErrorTypeFatal} {
		if err := errors.Join(fmt.Errorf("20_conversation.sql: %w", &duckdb.Error{Type: typ, Msg: "null"}), errors.New("ROLLBACK failed")); !invalidates(err) {
			t.Errorf("%v does not end DuckDB", err)
		}
	}
}
