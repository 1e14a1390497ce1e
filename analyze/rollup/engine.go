package rollup

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"github.com/flowcover/flowcover/analyze/rollup/sealed"
	"github.com/flowcover/flowcover/analyze/source"
)

//go:embed sql/*.sql
var sqlFiles embed.FS

// spanSQL is no part of what a rollup is made with, nor of its name.
//
//go:embed sql/read/span.sql
var spanSQL string

// Options of Open.
type Options struct {
	// State is where rollups and observations are kept. Open it Writable.
	State source.Bucket
	// Scratch is a directory for staged objects and spilled tables; empty means
	// the system's. A folder of its own is made there and removed by Close.
	Scratch string
	// MemoryLimit of DuckDB in bytes; 0 means [sealed.DefaultMemory].
	MemoryLimit int64
	// DiskLimit bounds what DuckDB spills, in bytes; 0 means nine tenths of what
	// is free.
	DiskLimit int64
	// Threads of DuckDB; 0 means one for each CPU.
	Threads int
	// StageBytes bounds what is staged at a time; 0 means 256 MiB. An object of
	// Parquet that takes more is unreadable; text comes in pieces.
	StageBytes int64
	// Strict makes the first unreadable object an error.
	Strict bool
}

const (
	defaultStage = 256 << 20
	// readerVersion is part of a rollup's name: raise it when what the Go code
	// hands to the SQL changes its meaning.
	readerVersion = 1
)

// Engine makes and reads rollups. Its methods may be called by several
// goroutines and take turns.
type Engine struct {
	opt     Options
	dir     string // the scratch folder of this engine
	db      *sealed.DB
	conn    *sql.Conn
	inTx    bool   // a transaction is open
	version string // DuckDB's
	sqlHash string // of all SQL files
	mu      sync.Mutex
	fetched map[string]*stored // verified rollups, by name
	told    func(query string) // tests: called before each SQL file runs; else nil
}

// Open starts a sealed engine. Close it.
func Open(ctx context.Context, opt Options) (_ *Engine, err error) {
	if opt.State == nil {
		return nil, errors.New("rollup: no state given")
	}
	if opt.MemoryLimit <= 0 {
		opt.MemoryLimit = sealed.DefaultMemory()
	}
	if opt.Threads <= 0 {
		opt.Threads = runtime.GOMAXPROCS(0)
	}
	if opt.StageBytes <= 0 {
		opt.StageBytes = defaultStage
	}
	e := &Engine{opt: opt, fetched: map[string]*stored{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.Close())
		}
	}()
	if e.sqlHash, err = hashSQL(); err != nil {
		return nil, err
	}
	return e, e.connect(ctx)
}

// Folders of the scratch directory.
const (
	dirIn    = "in"    // inputs: links and staged objects
	dirOut   = "out"   // rollups being written
	dirState = "state" // rollups being read
)

func (e *Engine) connect(ctx context.Context) (err error) {
	e.db, err = sealed.Open(ctx, sealed.Options{Scratch: e.opt.Scratch, Memory: e.opt.MemoryLimit, Disk: e.opt.DiskLimit, Threads: e.opt.Threads})
	if err != nil {
		return err
	}
	e.dir, e.conn, e.version = e.db.Dir, e.db.Conn, e.db.Version
	for _, d := range []string{dirIn, dirOut, dirState} {
		if err := os.Mkdir(filepath.Join(e.dir, d), 0o755); err != nil {
			return fmt.Errorf("scratch directory: %w", err)
		}
	}
	return nil
}

// Close stops the engine and removes its scratch folder.
func (e *Engine) Close() error {
	if e.db == nil {
		return nil
	}
	return e.db.Close()
}

// query is the text of sql/NAME.sql.
func query(name string) string {
	b, err := sqlFiles.ReadFile("sql/" + name + ".sql")
	if err != nil {
		panic(err) // embedded, and each name is a constant
	}
	return string(b)
}

func hashSQL() (string, error) {
	h := sha256.New()
	// WalkDir goes in lexical order.
	err := fs.WalkDir(sqlFiles, "sql", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := sqlFiles.ReadFile(path)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(h, "%s %d\n%s\n", path, len(b), b)
		return err
	})
	return hex.EncodeToString(h.Sum(nil)), err
}

// run executes the file sql/NAME.sql, statement by statement.
func (e *Engine) run(ctx context.Context, name string, args ...any) error {
	if e.told != nil {
		e.told(name)
	}
	if _, err := e.conn.ExecContext(ctx, query(name), args...); err != nil {
		return fmt.Errorf("%s.sql: %w", name, cause(ctx, err))
	}
	return nil
}

func (e *Engine) exec(ctx context.Context, q string, args ...any) error {
	if _, err := e.conn.ExecContext(ctx, q, args...); err != nil {
		return cause(ctx, err)
	}
	return nil
}

// cause is the context's error where that is why DuckDB stopped.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// setFiles binds a list of our own paths to a variable.
func (e *Engine) setFiles(ctx context.Context, variable string, paths []string) error {
	return e.exec(ctx, "SET VARIABLE "+variable+" = ?", paths)
}

// copyTo writes a query's rows as a Parquet file with fixed row groups.
func (e *Engine) copyTo(ctx context.Context, name, path string) error {
	// A query's header comment would hide the closing bracket if it came last.
	q := "COPY (\n" + strings.TrimSpace(query(name)) + "\n) TO " + sealed.Literal(path) +
		" (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 61440)"
	if err := e.exec(ctx, q); err != nil {
		return fmt.Errorf("%s.sql: %w", name, err)
	}
	return nil
}

// engineName goes into a rollup's sidecar.
func (e *Engine) engineName() string { return "duckdb " + e.version }
