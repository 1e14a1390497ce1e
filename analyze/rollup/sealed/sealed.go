// Package sealed starts DuckDB so that SQL reaches one scratch folder and
// nothing else: no network, no extension, no other file, and no setting that
// could be changed afterwards.
package sealed

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	duckdb "github.com/marcboeker/go-duckdb/v2"
)

// Options of Open. The zero value takes the machine's defaults.
type Options struct {
	// Scratch is the directory in which the database's own folder is made;
	// empty: the system's.
	Scratch string
	// Memory bounds DuckDB, in bytes; 0: [DefaultMemory].
	Memory int64
	// Disk bounds what it spills, in bytes; 0: nine tenths of what is free.
	Disk int64
	// Threads; 0: one for each CPU.
	Threads int
	// Zone is the time zone in which SQL takes a time apart; empty: UTC, never
	// the machine's.
	Zone string
}

// DB is a sealed database in memory. It has one connection.
type DB struct {
	*sql.Conn
	// Dir is its folder, the only one that SQL reads and writes. Close removes it.
	Dir string
	// Version is DuckDB's.
	Version string

	db   *sql.DB
	lock *os.File
}

// Open makes the folder and starts a sealed database. Close it.
func Open(ctx context.Context, o Options) (*DB, error) {
	d := &DB{}
	if err := d.open(ctx, o); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func (d *DB) open(ctx context.Context, o Options) (err error) {
	if o.Scratch == "" {
		o.Scratch = os.TempDir()
	}
	if o.Memory <= 0 {
		o.Memory = DefaultMemory()
	}
	if o.Threads <= 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	if o.Scratch, err = filepath.Abs(o.Scratch); err != nil {
		return fmt.Errorf("scratch directory: %w", err)
	}
	if err := os.MkdirAll(o.Scratch, 0o755); err != nil {
		return fmt.Errorf("scratch directory: %w", err)
	}
	removeStale(o.Scratch)
	if d.Dir, d.lock, err = makeScratch(o.Scratch); err != nil {
		return fmt.Errorf("scratch directory: %w", err)
	}
	connector, err := duckdb.NewConnector("", nil)
	if err != nil {
		return fmt.Errorf("start DuckDB: %w", err)
	}
	d.db = sql.OpenDB(connector)
	if d.Conn, err = d.db.Conn(ctx); err != nil {
		return fmt.Errorf("start DuckDB: %w", err)
	}
	for _, q := range d.settings(o) {
		if _, err := d.ExecContext(ctx, q); err != nil {
			return fmt.Errorf("seal DuckDB: %s: %w", q, err)
		}
	}
	if err := d.QueryRowContext(ctx, "SELECT version()").Scan(&d.Version); err != nil {
		return fmt.Errorf("start DuckDB: %w", err)
	}
	return nil
}

// settings are what seals the database. The order matters: the folder is
// allowed first, then everything else is shut, then nothing can be changed any
// more.
func (d *DB) settings(o Options) []string {
	disk := "SELECT 1" // DuckDB's own default
	if o.Disk > 0 {
		disk = fmt.Sprintf("SET max_temp_directory_size = '%dKiB'", o.Disk>>10)
	}
	return []string{
		"SET allowed_directories = [" + Literal(d.Dir) + "]",
		"SET temp_directory = " + Literal(filepath.Join(d.Dir, "spill")),
		disk,
		fmt.Sprintf("SET memory_limit = '%dKiB'", o.Memory>>10),
		fmt.Sprintf("SET threads = %d", workers(o.Threads)),
		"SET TimeZone = " + Literal(cmp.Or(o.Zone, "UTC")),
		"SET preserve_insertion_order = TRUE",
		"SET enable_progress_bar = FALSE",
		"SET enable_external_file_cache = FALSE",
		"SET autoinstall_known_extensions = FALSE",
		"SET autoload_known_extensions = FALSE",
		"SET allow_community_extensions = FALSE",
		"SET allow_persistent_secrets = FALSE",
		"SET enable_external_access = FALSE",
		"SET lock_configuration = TRUE",
	}
}

// workers is the number of threads that DuckDB is given where so many are
// wanted: three for two. With exactly two, DuckDB 1.4.3 puts the halves of an
// aggregate that outgrew its memory together as if both had as many partitions
// (mended after it: duckdb pull request 20357). It was seen to fail inside
// itself on that, and could have summed wrongly instead. With one thread there
// is nothing to put together, and from three on every thread is made to agree.
func workers(threads int) int {
	if threads == 2 {
		return 3
	}
	return threads
}

// Literal quotes one of our own paths for a statement that takes no parameters.
func Literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// Close stops the database and removes its folder.
func (d *DB) Close() error {
	var errs []error
	if d.Conn != nil {
		errs = append(errs, d.Conn.Close())
	}
	if d.db != nil {
		errs = append(errs, d.db.Close())
	}
	if d.Dir != "" {
		errs = append(errs, os.RemoveAll(d.Dir))
	}
	if d.lock != nil {
		errs = append(errs, d.lock.Close())
	}
	return errors.Join(errs...)
}
