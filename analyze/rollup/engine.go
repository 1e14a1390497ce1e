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

	duckdb "github.com/marcboeker/go-duckdb/v2"

	"github.com/flowcover/flowcover/analyze/source"
)

//go:embed sql/*.sql
var sqlFiles embed.FS

// Options of Open.
type Options struct {
	// State is where rollups and observations are kept. Open it Writable.
	State source.Bucket
	// Scratch is a directory for staged objects and spilled tables; empty means
	// the system's. A folder of its own is made there and removed by Close.
	Scratch string
	// MemoryLimit of DuckDB in bytes; 0 means [DefaultMemory].
	MemoryLimit int64
	// DiskLimit bounds what DuckDB spills, in bytes; 0 means unbounded.
	DiskLimit int64
	// Threads of DuckDB; 0 means one for each CPU.
	Threads int
	// StageBytes bounds what is staged at a time; 0 means 256 MiB.
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
	lock    *os.File
	db      *sql.DB
	conn    *sql.Conn
	version string // DuckDB's
	sqlHash string // of all SQL files
	mu      sync.Mutex
	fetched map[string]*stored // verified rollups, by name
}

// Open starts a sealed engine. Close it.
func Open(ctx context.Context, opt Options) (_ *Engine, err error) {
	if opt.State == nil {
		return nil, errors.New("rollup: no state given")
	}
	if opt.MemoryLimit <= 0 {
		opt.MemoryLimit = DefaultMemory()
	}
	if opt.Threads <= 0 {
		opt.Threads = runtime.GOMAXPROCS(0)
	}
	if opt.StageBytes <= 0 {
		opt.StageBytes = defaultStage
	}
	if opt.Scratch == "" {
		opt.Scratch = os.TempDir()
	}
	if opt.Scratch, err = filepath.Abs(opt.Scratch); err != nil {
		return nil, fmt.Errorf("scratch directory: %w", err)
	}
	if err := os.MkdirAll(opt.Scratch, 0o755); err != nil {
		return nil, fmt.Errorf("scratch directory: %w", err)
	}
	removeStale(opt.Scratch)
	e := &Engine{opt: opt, fetched: map[string]*stored{}}
	if e.dir, e.lock, err = makeScratch(opt.Scratch); err != nil {
		return nil, fmt.Errorf("scratch directory: %w", err)
	}
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
	dirSpill = "spill" // DuckDB's
)

func (e *Engine) connect(ctx context.Context) error {
	for _, d := range []string{dirIn, dirOut, dirState, dirSpill} {
		if err := os.Mkdir(filepath.Join(e.dir, d), 0o755); err != nil {
			return fmt.Errorf("scratch directory: %w", err)
		}
	}
	connector, err := duckdb.NewConnector("", nil)
	if err != nil {
		return fmt.Errorf("start DuckDB: %w", err)
	}
	e.db = sql.OpenDB(connector)
	if e.conn, err = e.db.Conn(ctx); err != nil {
		return fmt.Errorf("start DuckDB: %w", err)
	}
	spill := "SELECT 1" // DuckDB's own default: 90% of what is free
	if e.opt.DiskLimit > 0 {
		spill = fmt.Sprintf("SET max_temp_directory_size = '%dKiB'", e.opt.DiskLimit>>10)
	}
	// The order matters: directories are allowed first, then everything else is
	// shut, then nothing can be changed any more.
	for _, q := range []string{
		"SET allowed_directories = [" + literal(e.dir) + "]",
		"SET temp_directory = " + literal(filepath.Join(e.dir, dirSpill)),
		spill,
		fmt.Sprintf("SET memory_limit = '%dKiB'", e.opt.MemoryLimit>>10),
		fmt.Sprintf("SET threads = %d", e.opt.Threads),
		"SET preserve_insertion_order = TRUE",
		"SET enable_progress_bar = FALSE",
		"SET enable_external_file_cache = FALSE",
		"SET autoinstall_known_extensions = FALSE",
		"SET autoload_known_extensions = FALSE",
		"SET allow_community_extensions = FALSE",
		"SET allow_persistent_secrets = FALSE",
		"SET enable_external_access = FALSE",
		"SET lock_configuration = TRUE",
	} {
		if _, err := e.conn.ExecContext(ctx, q); err != nil {
			return fmt.Errorf("seal DuckDB: %s: %w", q, err)
		}
	}
	if err := e.conn.QueryRowContext(ctx, "SELECT version()").Scan(&e.version); err != nil {
		return fmt.Errorf("start DuckDB: %w", err)
	}
	return nil
}

// Close stops the engine and removes its scratch folder.
func (e *Engine) Close() error {
	var errs []error
	if e.conn != nil {
		errs = append(errs, e.conn.Close())
	}
	if e.db != nil {
		errs = append(errs, e.db.Close())
	}
	if e.dir != "" {
		errs = append(errs, os.RemoveAll(e.dir))
	}
	if e.lock != nil {
		errs = append(errs, e.lock.Close())
	}
	return errors.Join(errs...)
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
	q := "COPY (\n" + strings.TrimSpace(query(name)) + "\n) TO " + literal(path) +
		" (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 61440)"
	if err := e.exec(ctx, q); err != nil {
		return fmt.Errorf("%s.sql: %w", name, err)
	}
	return nil
}

// engineName goes into a rollup's sidecar.
func (e *Engine) engineName() string { return "duckdb " + e.version }
