package rollup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/flowcover/flowcover/analyze/source"
)

const (
	sidecarFormat = "flowcover.rollup/1"
	rollupPrefix  = "rollups/"
	sidecarLimit  = 64 << 20
)

// Sidecar describes a rollup. It is written last: without it there is none.
type Sidecar struct {
	Format  string  `json:"format"`
	Name    string  `json:"name"`
	Day     string  `json:"day"` // of the objects' keys, or "undated"
	Account string  `json:"account"`
	Region  string  `json:"region"`
	FlowLog string  `json:"flow_log"`
	Engine  string  `json:"engine"`
	SQL     string  `json:"sql"`
	Cuts    []int64 `json:"cuts"` // Unix seconds
	Objects Objects `json:"objects"`
	// Exceptions are the objects that were not read whole.
	Exceptions []Exception `json:"exceptions"`
	Totals     Totals      `json:"totals"`
	Files      []File      `json:"files"`
}

// Exception is an object that was skipped, unreadable, or had bad lines.
type Exception struct {
	Key      string `json:"key"` // canonical: from AWSLogs/ on
	Status   string `json:"status"`
	Reason   string `json:"reason,omitempty"`
	BadLines int64  `json:"bad_lines,omitempty"`
}

// Totals count a rollup's records.
type Totals struct {
	Records   int64 `json:"records"`
	NoData    int64 `json:"no_data"`
	SkipData  int64 `json:"skip_data"`
	Malformed int64 `json:"malformed"` // OK records without addresses
	NoTime    int64 `json:"no_time"`   // without start and end
	Misdated  int64 `json:"misdated"`  // more than a day off their key's day
}

// File is one table of a rollup.
type File struct {
	Table   string `json:"table"` // flows, enis or transit
	Rows    int64  `json:"rows"`
	Bytes   int64  `json:"bytes"`
	SHA256  string `json:"sha256"`
	RowHash string `json:"row_hash"`
}

func sidecarKey(name string) string      { return rollupPrefix + name + ".json" }
func tableKey(name, table string) string { return rollupPrefix + name + "." + table + ".parquet" }

// stored is a rollup that was found whole, and where its files lie locally.
type stored struct {
	sidecar Sidecar
	paths   map[string]string // by table
}

// ErrDamaged says that a rollup's files are not what its sidecar says.
var ErrDamaged = errors.New("the rollup is damaged")

// readSidecar reads and checks a sidecar. The error is source.ErrNotFound or
// ErrDamaged, or one of reaching the state.
func readSidecar(ctx context.Context, state source.Bucket, name string) (Sidecar, error) {
	var s Sidecar
	b, err := source.ReadAll(ctx, state, sidecarKey(name), sidecarLimit)
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return s, fmt.Errorf("%s: %w: %w", state.Name(sidecarKey(name)), ErrDamaged, err)
	}
	if s.Format != sidecarFormat || s.Name != name {
		return s, fmt.Errorf("%s: %w: it is %q of %q", state.Name(sidecarKey(name)), ErrDamaged, s.Format, s.Name)
	}
	return s, nil
}

// fetch finds a rollup in the state and makes its files readable for DuckDB,
// each checked against the sidecar's hash.
func (e *Engine) fetch(ctx context.Context, name string) (*stored, error) {
	if st := e.fetched[name]; st != nil {
		return st, nil
	}
	s, err := readSidecar(ctx, e.opt.State, name)
	if err != nil {
		return nil, err
	}
	st := &stored{sidecar: s, paths: map[string]string{}}
	for _, f := range s.Files {
		path := filepath.Join(e.dir, dirState, fmt.Sprintf("%s-%s.parquet", filepath.Base(name), f.Table))
		if err := e.fetchFile(ctx, tableKey(name, f.Table), f, path); err != nil {
			return nil, err
		}
		st.paths[f.Table] = path
	}
	e.fetched[name] = st
	return st, nil
}

func (e *Engine) fetchFile(ctx context.Context, key string, f File, path string) error {
	state := e.opt.State
	damaged := func(format string, args ...any) error {
		return fmt.Errorf("%s: %w: "+format, append([]any{state.Name(key), ErrDamaged}, args...)...)
	}
	o, err := state.Stat(ctx, key)
	if errors.Is(err, source.ErrNotFound) {
		return damaged("the file is gone")
	}
	if err != nil {
		return err
	}
	if o.Size != f.Bytes {
		return damaged("%d bytes instead of %d", o.Size, f.Bytes)
	}
	body, err := state.Open(ctx, o)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return err
	}
	h := sha256.New()
	local, isLocal := state.Local(key)
	if isLocal {
		if _, err := io.Copy(h, body); err != nil {
			return fmt.Errorf("%s: %w", state.Name(key), err)
		}
	} else if err := copyToFile(path, body, h); err != nil {
		return fmt.Errorf("%s: %w", state.Name(key), err)
	}
	if hex.EncodeToString(h.Sum(nil)) != f.SHA256 {
		return damaged("its bytes have another hash")
	}
	if isLocal {
		return os.Symlink(local, path)
	}
	return nil
}

func copyToFile(path string, r io.Reader, h io.Writer) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.MultiWriter(f, h), r)
	return errors.Join(err, f.Close())
}

// put writes a built rollup to the state, the sidecar last.
func (e *Engine) put(ctx context.Context, s *Sidecar, paths map[string]string) error {
	for i := range s.Files {
		if err := e.putFile(ctx, tableKey(s.Name, s.Files[i].Table), paths[s.Files[i].Table]); err != nil {
			return err
		}
	}
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return e.opt.State.Put(ctx, sidecarKey(s.Name), bytes.NewReader(append(b, '\n')))
}

func (e *Engine) putFile(ctx context.Context, key, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(e.opt.State.Put(ctx, key, f), f.Close())
}

func hashFile(path string) (sum string, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if size, err = io.Copy(h, f); err != nil {
		return "", 0, err
	}
	return hex.EncodeToString(h.Sum(nil)), size, nil
}
