package main

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/flowcover/flowcover/analyze/rollup"
	"github.com/flowcover/flowcover/cmd/internal/command"
)

// The pace is that of what is read now: days that stood already made none.
func TestFillProgress(t *testing.T) {
	at := time.Unix(1_800_000_000, 0)
	var b bytes.Buffer
	f := &fillProgress{show: command.NewProgress(io.Writer(&b), func() time.Time { return at }), now: func() time.Time { return at }}
	p := rollup.Progress{Units: 90, Objects: 900, Bytes: 90_000, Unit: ""}
	f.tell(p)
	p.UnitsDone, p.ObjectsDone, p.BytesDone, p.Stood, p.Records, p.StoodRecords = 80, 800, 80_000, 80_000, 5_000, 5_000
	at = at.Add(time.Hour) // spent on looking at what stood
	f.tell(p)
	at = at.Add(2 * time.Minute)
	p.UnitsDone, p.ObjectsDone, p.BytesDone, p.Records, p.Moved, p.Retried = 84, 840, 84_000, 5_000+240_000, 1_600, 2
	f.tell(p)
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if len(lines) != 3 {
		t.Fatalf("%d lines:\n%s", len(lines), b.String())
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(lines[2]), &got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"days": 84., "days_total": 90., "objects": 840., "objects_total": 900., "bytes": 84_000., "bytes_total": 90_000.,
		"records": 245_000., "records_per_second": 2000., "seconds_left": 180., "bytes_moved": 1600., "requests_retried": 2.,
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	if strings.Contains(lines[1], "seconds_left") {
		t.Errorf("a time left before anything was read: %s", lines[1])
	}
}
