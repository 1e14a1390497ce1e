package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// bench is one run of the benchmark.
type bench struct {
	work      string // folder for logs, states and servers; kept for the next run
	python    string // with duckdb and its httpfs extension
	versitygw string
	sql       string // folder of the ingest's SQL files
	log       io.Writer
	first     time.Time
}

func (b *bench) say(format string, args ...any) {
	_, _ = fmt.Fprintf(b.log, "%s  "+format+"\n", append([]any{time.Now().Format(time.TimeOnly)}, args...)...)
}

// once makes something unless an earlier run did; what was made in part is made
// again.
func (b *bench) once(path string, do func() error) error {
	done := path + ".complete"
	if _, err := os.Stat(done); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	b.say("making %s", path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	return os.WriteFile(done, nil, 0o644)
}

func mib(n int64) string { return fmt.Sprintf("%d MiB", (n+1<<19)>>20) }

// spec is for logs from the benchmark's first day on.
func (b *bench) spec(dir string, days, records, objects int) logSpec {
	return logSpec{dir: dir, seed: 1, enis: 300, days: days, first: b.first, perDay: records, objects: objects}
}
