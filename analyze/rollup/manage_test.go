package rollup

import (
	"context"
	"os"
	"path/filepath"
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
