package linetest

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// applied is what apply prints with --json, as far as this test reads it.
type applied struct {
	Format        string
	DryRun        bool `json:"dry_run"`
	Made, Already int
	Changes       []struct{ ID, State string }
}

func (a applied) states() map[string]int {
	n := map[string]int{}
	for _, c := range a.Changes {
		n[c.State]++
	}
	return n
}

// dryRun rehearses without a network and without credentials.
func dryRun(t *testing.T, h *house) {
	args := applyArgs("changeset.json", "--dry-run", "--snapshot", "snapshot.json", "--json")
	r := h.runIn(t, h.offline(), args...)
	r.wants(t, 0, args)
	a := decode[applied](t, r)
	if !a.DryRun || len(a.Changes) < 50 || a.states()["would-be-made"] != len(a.Changes) {
		t.Errorf("dry run %v, %d changes: %v", a.DryRun, len(a.Changes), a.states())
	}
	if data, err := os.ReadFile(h.path("changeset.journal.jsonl")); len(data) > 0 || err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a journal is there before anything was applied (%v):\n%s", err, data)
	}
}

// apply applies the changeset in three runs: one that is killed, one that is
// interrupted, and one that comes to the end.
func apply(t *testing.T, h *house) {
	changes := decode[shown](t, h.want(t, 0, "show", "changeset.json", "--json")).Changes
	before := h.onServer(t)
	h.stopAfter(t, 10, syscall.SIGKILL, -1)
	h.stopAfter(t, 60, syscall.SIGINT, 20)
	a := decode[applied](t, h.want(t, 0, applyArgs("changeset.json", "--writes-per-second", "1000", "--json")...))
	if a.Made+a.Already != len(changes) || a.Already < 60 || a.Made == 0 {
		t.Errorf("the last run made %d, found %d made, of %d", a.Made, a.Already, len(changes))
	}
	h.compare(t, "changeset.json", before)
}

// stopAfter runs apply and sends it a signal once the journal has so many
// changes done.
func (h *house) stopAfter(t *testing.T, done int, s syscall.Signal, code int) {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, applyArgs("changeset.json", "--writes-per-second", "1000")...)
	var errs bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stderr = h.dir, h.env, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for signalled := false; ; {
		select {
		case <-tick.C:
			data, err := os.ReadFile(h.path("changeset.journal.jsonl"))
			if signalled || err != nil || bytes.Count(data, []byte(`"kind":"done"`)) < done {
				continue
			}
			if err := cmd.Process.Signal(s); err != nil {
				t.Fatal(err)
			}
			signalled = true
		case err := <-ended:
			var exit *exec.ExitError
			if err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			if got := cmd.ProcessState.ExitCode(); got != code || !signalled {
				t.Fatalf("exit status %d, want %d; signalled: %v\n%s", got, code, signalled, errs.String())
			}
			return
		}
	}
}

// again applies what is applied, with the journal and without.
func again(t *testing.T, h *house) {
	h.want(t, 16, applyArgs("changeset.json")...).says(t, "already")
	h.want(t, 16, applyArgs("changeset.json", "--dry-run")...)
	h.signed(t, "nojournal")
	h.want(t, 16, applyArgs("nojournal/changeset.json")...).says(t, "already")
}

// nothingLeft reads the account again and plans again: nothing is to be done.
func nothingLeft(t *testing.T, h *house) {
	h.want(t, 0, "snapshot", "--region", region, "-o", "after.json")
	h.want(t, 16, applyArgs("changeset.json", "--dry-run", "--snapshot", "after.json")...)
	r := h.run(t, planArgs("after.json", "second.json")...)
	if r.code != 0 && r.code != 4 {
		t.Fatalf("plan: exit status %d\n%s", r.code, r.err)
	}
	s := decode[shown](t, h.want(t, 0, "show", "second.json", "--json"))
	for _, c := range s.Changes {
		t.Errorf("the second plan proposes on %s: %s: %s", c.Target, c.Words(), c.Reason)
	}
	if !strings.Contains(r.out, "nothing to change") {
		t.Errorf("plan does not say that nothing is to change:\n%s", lastLines(r.out))
	}
	for _, p := range s.Promises {
		if !p.Holds {
			t.Errorf("promise %s: %v", p.ID, p.Counterexamples)
		}
	}
}
