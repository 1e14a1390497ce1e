package rollup

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flowcover/flowcover/analyze/parquetio"
)

func TestListVerifyPrune(t *testing.T) {
	ctx := context.Background()
	logs, state := t.TempDir(), t.TempDir()
	threeDays(t, logs)
	w := window(t, "2026-09-09", "2026-09-12", "UTC")
	e := openEngine(t, state, Options{})
	fill(t, e, logs, w)
	writeFile(t, logs, dayKey("2026-09-10", "late.parquet"),
		parquetBytes(t, udp("10.0.0.4", "10.0.0.2", 1, 2, at(t, "2026-09-10 13:00:00"), false), parquetio.FlowLogOptions{}))
	now := fill(t, e, logs, w)

	bucket := openDir(t, state, true)
	entries, err := List(ctx, bucket)
	if err != nil || len(entries) != 4 {
		t.Fatalf("%d rollups, %v", len(entries), err)
	}
	for i, x := range entries {
		if x.Err != nil || x.Sidecar.Account != testAccount || x.Bytes == 0 || i > 0 && x.Name < entries[i-1].Name {
			t.Errorf("%+v", x)
		}
	}
	if bad, err := e.Verify(ctx, nil); err != nil || len(bad) != 0 {
		t.Errorf("an unharmed state: %v, %v", bad, err)
	}
	old := Superseded(entries)
	if len(old) != 1 {
		t.Fatalf("superseded: %v", old)
	}
	keep := func(x Entry) bool { return !old[x.Name] }
	orphan := filepath.Join(state, "rollups", "2026-09-01", "0123.flows.parquet")
	writeFile(t, state, "rollups/2026-09-01/0123.flows.parquet", []byte("x"))
	for _, c := range []struct {
		now   time.Time
		dry   bool
		files int
	}{{time.Now(), false, 0}, {time.Now().Add(48 * time.Hour), true, 1}, {time.Now().Add(48 * time.Hour), false, 1}} {
		if c.dry {
			writeFile(t, state, sidecarKey("2026-09-02/4567"), []byte("{}"))
			keep = func(x Entry) bool { return x.Err == nil }
		}
		p, err := Prune(ctx, bucket, c.now, keep, c.dry)
		if err != nil || len(p.Files) != c.files || len(p.Rollups) != 1 {
			t.Errorf("prune: %+v, %v", p, err)
		}
	}
	if _, err := os.Stat(orphan); err == nil {
		t.Error("what a killed run left is still there")
	}
	entries, err = List(ctx, bucket)
	if err != nil || len(entries) != 3 {
		t.Fatalf("%d rollups left, %v", len(entries), err)
	}
	for _, n := range now.Rollups {
		if _, err := bucket.Stat(ctx, sidecarKey(n)); err != nil {
			t.Error(err)
		}
	}
	path := filepath.Join(state, tableKey(now.Rollups[1], "flows"))
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, flip(string(b)), 0o644); err != nil {
		t.Fatal(err)
	}
	bad, err := e.Verify(ctx, nil)
	if err != nil || len(bad) != 1 || bad[now.Rollups[1]] == nil || !strings.Contains(bad[now.Rollups[1]].Error(), "another hash") {
		t.Errorf("a harmed state: %v, %v", bad, err)
	}
}

// A day that is read again after a lifecycle rule removed some of its objects
// does not take the place of the fuller rollup.
func TestFullerRollupIsKept(t *testing.T) {
	logs, state := t.TempDir(), t.TempDir()
	noon := at(t, "2026-09-10 12:00:00")
	for i := range 3 {
		writeFile(t, logs, dayKey("2026-09-10", fmt.Sprintf("%d.parquet", i)),
			parquetBytes(t, udp("10.0.0.4", "10.0.0.2", 1000+i, 53, noon, false), parquetio.FlowLogOptions{}))
	}
	w := window(t, "2026-09-10", "2026-09-11", "UTC")
	e := openEngine(t, state, Options{})
	full := fill(t, e, logs, w).Rollups[0]
	var thin []string
	for i := range 2 {
		if err := os.Remove(filepath.Join(logs, dayKey("2026-09-10", fmt.Sprintf("%d.parquet", i)))); err != nil {
			t.Fatal(err)
		}
		thin = append(thin, fill(t, e, logs, w).Rollups[0])
	}
	entries, err := List(context.Background(), openDir(t, state, true))
	if err != nil || len(entries) != 3 {
		t.Fatalf("%d rollups, %v", len(entries), err)
	}
	// The order of writing, whatever the file system's clock can tell apart.
	for i := range entries {
		entries[i].Modified = time.Unix(int64(slices.Index([]string{full, thin[0], thin[1]}, entries[i].Name)), 0)
	}
	if old := Superseded(entries); len(old) != 1 || !old[thin[0]] {
		t.Errorf("superseded: %v, want %s alone", old, thin[0])
	}
	fuller := Fuller(entries)
	if len(fuller) != 1 || fuller[full].Name != thin[1] {
		t.Errorf("fuller: %v", fuller)
	}
	for i := range entries {
		if newer, ok := fuller[entries[i].Name]; ok && !strings.Contains(entries[i].KeptReason(newer), "of 1 objects instead of 3") {
			t.Error(entries[i].KeptReason(newer))
		}
	}
}
