package accuracy

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/analyze/hostcap"
	"github.com/flowcover/flowcover/analyze/rollup"
	"github.com/flowcover/flowcover/analyze/source"
	"github.com/flowcover/flowcover/cmd/internal/demo"
	"github.com/flowcover/flowcover/topology"
)

// account is one generated account with what a test needs of it.
type account struct {
	rows  []analyze.Row
	hours []analyze.ENIHours
	caps  []analyze.Capture
	snap  *topology.Snapshot
	truth *demo.Truth
	win   analyze.Window
}

// generate makes logs of a version and rolls them up.
func generate(ctx context.Context, t *testing.T, version int, records int64) *account {
	t.Helper()
	out := filepath.Join(t.TempDir(), "demo")
	rep, err := demo.Generate(ctx, demo.Options{Out: out, Seed: 7, Days: 7, Records: records, Version: version, Truth: true, Workers: 2}, nil)
	if err != nil {
		t.Fatal(err)
	}
	a := &account{snap: rep.Snapshot, win: analyze.Window{Since: rep.Since, Until: rep.Until, Location: demo.Location()}}
	f, err := os.Open(rep.Truth)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if a.truth, err = demo.ReadTruth(f); err != nil {
		t.Fatal(err)
	}
	logs, err := source.Open(ctx, rep.Logs, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	state, err := source.Open(ctx, filepath.Join(t.TempDir(), "state"), source.Options{Writable: true})
	if err != nil {
		t.Fatal(err)
	}
	eng, err := rollup.Open(ctx, rollup.Options{State: state, Scratch: t.TempDir(), Threads: 2, MemoryLimit: 512 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = eng.Close() }()
	filled, err := eng.Fill(ctx, []source.Bucket{logs}, a.win, nil)
	if err != nil {
		t.Fatal(err)
	}
	if a.rows, err = eng.Rows(ctx, filled.Rollups, a.win); err != nil {
		t.Fatal(err)
	}
	if a.hours, err = eng.ENIHours(ctx, filled.Rollups, a.win); err != nil {
		t.Fatal(err)
	}
	var found []analyze.Finding
	if a.caps, found, err = hostcap.Read(os.DirFS(rep.Captures), nil); err != nil || len(found) > 0 {
		t.Fatal(err, found)
	}
	return a
}

func (a *account) score(captures, snapshot bool) (demo.Score, []analyze.Flow) {
	ev := analyze.Evidence{Hours: a.hours, Policy: analyze.DefaultPolicy()}
	if snapshot {
		ev.Snapshots = []analyze.SnapshotAt{{Snapshot: a.snap, Time: a.win.Until}}
	}
	if captures {
		ev.Captures = a.caps
	}
	o := analyze.Observe(analyze.Input{Rows: a.rows, Evidence: ev, Window: a.win})
	// The truth holds what left a record in the logs; a capture may know more.
	logged := slices.DeleteFunc(o.Flows, func(f analyze.Flow) bool { return !f.SeenByLog })
	return a.truth.Score(logged), logged
}

// The claim of the docs: how often the initiator and the rules are right.
func TestAccuracy(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: this generates and rolls up over a hundred thousand records")
	}
	const records = 60_000
	v5 := generate(t.Context(), t, 5, records)
	v2 := generate(t.Context(), t, 2, records)
	var table strings.Builder
	rows := []string{
		"| logs | flows | opener right | connections found | approved flows that are legitimate | legitimate ends that are approved |",
		"|---|---|---|---|---|---|",
	}
	fmt.Fprintf(&table, "%-32s %8s %9s %9s %9s %9s\n", "logs", "flows", "opener", "found", "approved", "carried")
	for _, c := range []struct {
		name               string
		a                  *account
		captures, snapshot bool
		opener, carried    float64
	}{
		{"v5", v5, false, true, 0.999, 0.999},
		{"v5 and captures of two hosts", v5, true, true, 0.999, 0.999},
		{"v5 without a snapshot", v5, false, false, 0.99, 0},
		{"v2", v2, false, true, 0.97, 0.99},
		{"v2 and captures of two hosts", v2, true, true, 0.97, 0.99},
		// Neither addresses nor types of ENIs are known: what transit gateway and
		// NAT ENIs log of themselves looks like flows of their own.
		{"v2 without a snapshot", v2, false, false, 0.7, 0},
	} {
		began := time.Now()
		s, flows := c.a.score(c.captures, c.snapshot)
		fmt.Fprintf(&table, "%-32s %8d %9.4f %9.4f %9.4f %9.4f   %v %s\n", c.name, len(flows), s.Precision(), s.Recall(),
			s.RulePrecision(), s.RuleRecall(), s.WrongBy, time.Since(began).Round(time.Millisecond))
		if c.snapshot {
			rows = append(rows, fmt.Sprintf("| %s | %d | %.4f | %.4f | %.4f | %.4f |", c.name, len(flows), s.Precision(), s.Recall(), s.RulePrecision(), s.RuleRecall()))
		}
		if s.Precision() < c.opener || s.RuleRecall() < c.carried && c.snapshot {
			t.Errorf("%s: opener %.4f, want %.3f; carried %.4f, want %.3f\nwrong: %s\nmissed: %s", c.name, s.Precision(), c.opener,
				s.RuleRecall(), c.carried, examples(s.Wrong), examples(s.Missed))
		}
		for m, n := range s.WrongBy {
			if m.Strong() && n > 0 {
				t.Errorf("%s: %d flows are wrong and settled by %q, which counts as strong: %s", c.name, n, m, examples(s.Wrong))
			}
		}
	}
	t.Logf("\n%s", table.String())
	page, err := os.ReadFile("../../../docs/analyze.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.Join(rows, "\n") + "\n"; !strings.Contains(string(page), want) {
		t.Errorf("docs/analyze.md has another table of accuracy; it is\n%s", want)
	}
}

func examples(list []string) string {
	return strings.Join(slices.Concat([]string{""}, list[:min(len(list), 25)]), "\n  ")
}
