package rollup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/flowcover/flowcover/analyze/source"
)

// Entry is a rollup as the state lists it.
type Entry struct {
	Name     string
	Sidecar  Sidecar
	Bytes    int64 // of all its files
	Modified time.Time
	// Err says why the sidecar could not be read; nil if it could.
	Err error
}

// Day is the rollup's UTC day as 2006-01-02, or "undated"; its name tells it
// where the sidecar cannot be read.
func (e Entry) Day() string {
	day, _, _ := strings.Cut(e.Name, "/")
	return day
}

// DayEnd is when the rollup's day ended; false if it has none.
func (e Entry) DayEnd() (time.Time, bool) {
	t, err := time.Parse(time.DateOnly, e.Day())
	return t.AddDate(0, 0, 1), err == nil
}

// leftover are the files of the state that belong to no rollup: a run that was
// killed before it wrote the sidecar left them.
type leftover struct {
	key      string
	size     int64
	modified time.Time
}

// List returns the state's rollups by name. It needs no engine.
func List(ctx context.Context, state source.Bucket) ([]Entry, error) {
	entries, _, err := list(ctx, state)
	return entries, err
}

func list(ctx context.Context, state source.Bucket) ([]Entry, []leftover, error) {
	byName := map[string][]source.Object{}
	var names []string
	err := state.List(ctx, rollupPrefix, func(o source.Object) error {
		name := rollupName(o.Key)
		if byName[name] == nil {
			names = append(names, name)
		}
		byName[name] = append(byName[name], o)
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("state: %w", err)
	}
	slices.Sort(names)
	var entries []Entry
	var left []leftover
	// Side by side: on S3 each is a request or two.
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(sidecarsAtOnce)
	for _, name := range names {
		objects := byName[name]
		whole := slices.ContainsFunc(objects, func(o source.Object) bool { return o.Key == sidecarKey(name) })
		if !whole {
			for _, o := range objects {
				left = append(left, leftover{o.Key, o.Size, o.Modified})
			}
			continue
		}
		e := Entry{Name: name}
		for _, o := range objects {
			e.Bytes += o.Size
			if o.Modified.After(e.Modified) {
				e.Modified = o.Modified
			}
		}
		entries = append(entries, e)
	}
	for i := range entries {
		group.Go(func() error {
			e := &entries[i]
			e.Sidecar, e.Err = readSidecar(groupCtx, state, e.Name)
			if e.Err != nil && !errors.Is(e.Err, ErrDamaged) {
				return fmt.Errorf("state: %w", e.Err)
			}
			return nil
		})
	}
	return entries, left, group.Wait()
}

const sidecarsAtOnce = 16

// rollupName is the name of the rollup that a file of the state belongs to.
func rollupName(key string) string {
	dir, file := path.Split(strings.TrimPrefix(key, rollupPrefix))
	stem, _, _ := strings.Cut(file, ".")
	return dir + stem
}

// Verify reads every file of the state's rollups and returns the damaged ones,
// by name, with what is wrong. A damaged rollup is made again by the next Fill.
func (e *Engine) Verify(ctx context.Context, progress func(done, all int)) (map[string]error, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	entries, _, err := list(ctx, e.opt.State)
	if err != nil {
		return nil, err
	}
	bad := map[string]error{}
	for i, entry := range entries {
		err := e.verify(ctx, entry.Name)
		switch {
		case errors.Is(err, ErrDamaged):
			bad[entry.Name] = err
		case err != nil:
			return nil, err
		}
		if progress != nil {
			progress(i+1, len(entries))
		}
	}
	return bad, nil
}

// verify reads one rollup anew. Its files are on this disk no longer than that.
func (e *Engine) verify(ctx context.Context, name string) error {
	delete(e.fetched, name)
	st, err := e.fetch(ctx, name)
	switch {
	case errors.Is(err, source.ErrNotFound): // its sidecar went since it was listed
		return nil
	case errors.Is(err, ErrDamaged):
		return err
	case err != nil:
		return fmt.Errorf("state: %w", err)
	}
	err = e.verifyRows(ctx, st)
	delete(e.fetched, name)
	for _, path := range st.paths {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// verifyRows holds a rollup's rows against the hashes in its sidecar. Rows are
// hashed by DuckDB, so those of another version of it are left at their bytes.
func (e *Engine) verifyRows(ctx context.Context, st *stored) error {
	if st.sidecar.Engine != e.engineName() {
		return nil
	}
	for _, f := range st.sidecar.Files {
		rows, hash, err := e.rowHash(ctx, st.paths[f.Table])
		if err != nil {
			return err
		}
		if rows != f.Rows || hash != f.RowHash {
			return fmt.Errorf("rollup %s: %w: the rows of %s have another hash", st.sidecar.Name, ErrDamaged, f.Table)
		}
	}
	return nil
}

// Pruned says what Prune removed.
type Pruned struct {
	Rollups []string `json:"rollups"` // superseded, or older than asked for
	Files   []string `json:"files"`   // of runs that were killed
	Bytes   int64    `json:"bytes"`
}

// Prune removes what no window needs: rollups that keep does not ask for, and
// files without a sidecar that are older than a day, in which a run that still
// writes them would have ended. dry removes nothing. It needs no engine.
func Prune(ctx context.Context, state source.Bucket, now time.Time, keep func(Entry) bool, dry bool) (Pruned, error) {
	entries, left, err := list(ctx, state)
	if err != nil {
		return Pruned{}, err
	}
	var p Pruned
	remove := func(key string) error {
		if dry {
			return nil
		}
		return state.Delete(ctx, key)
	}
	for _, l := range left {
		if now.Sub(l.modified) < 24*time.Hour {
			continue
		}
		p.Files = append(p.Files, l.key)
		p.Bytes += l.size
		if err := remove(l.key); err != nil {
			return p, fmt.Errorf("state: %w", err)
		}
	}
	for _, e := range entries {
		if keep(e) {
			continue
		}
		p.Rollups = append(p.Rollups, e.Name)
		p.Bytes += e.Bytes
		// The sidecar first: what is left of it is then no rollup.
		keys := []string{sidecarKey(e.Name)}
		for _, t := range []string{"enis", "flows", "transit"} {
			keys = append(keys, tableKey(e.Name, t))
		}
		for _, k := range keys {
			if err := remove(k); err != nil {
				return p, fmt.Errorf("state: %w", err)
			}
		}
	}
	return p, nil
}

// Superseded are the rollups whose partition has one that was written later:
// a late object, another time zone or a newer flowcover made it anew. Those of
// [Fuller] are none of them.
func Superseded(entries []Entry) map[string]bool {
	fuller, newest := Fuller(entries), newestOf(entries)
	old := map[string]bool{}
	for _, e := range entries {
		if e.Err != nil || newest[e.partition()].Name != e.Name && fuller[e.Name].Name == "" {
			old[e.Name] = true
		}
	}
	return old
}

// Fuller are the rollups, of each partition one at most, that a later one made
// from fewer objects does not stand in for: a lifecycle rule had removed some of
// the objects by then, or they could not be got at. The value is the later one.
func Fuller(entries []Entry) map[string]Entry {
	newest := newestOf(entries)
	fullest := map[partition]Entry{}
	for _, e := range entries {
		newer := newest[e.partition()]
		if e.Err != nil || e.objects() <= newer.objects() {
			continue
		}
		best, ok := fullest[e.partition()]
		if !ok || e.objects() > best.objects() || e.objects() == best.objects() && e.later(best) {
			fullest[e.partition()] = e
		}
	}
	out := map[string]Entry{}
	for k, e := range fullest {
		out[e.Name] = newest[k]
	}
	return out
}

type partition struct{ day, account, region, flowLog string }

func (e *Entry) partition() partition {
	return partition{e.Sidecar.Day, e.Sidecar.Account, e.Sidecar.Region, e.Sidecar.FlowLog}
}

// objects counts those that the rollup is made from.
func (e *Entry) objects() int { return e.Sidecar.Objects.Read + e.Sidecar.Objects.Skipped }

func (e *Entry) later(other Entry) bool {
	return e.Modified.After(other.Modified) || e.Modified.Equal(other.Modified) && e.Name > other.Name
}

func newestOf(entries []Entry) map[partition]Entry {
	newest := map[partition]Entry{}
	for _, e := range entries {
		if other, ok := newest[e.partition()]; e.Err == nil && (!ok || e.later(other)) {
			newest[e.partition()] = e
		}
	}
	return newest
}

// KeptReason says of a rollup of [Fuller] why it is kept.
func (e *Entry) KeptReason(newer Entry) string {
	return fmt.Sprintf("its day was made anew, of %d objects instead of %d: kept, for those are no longer there to read", newer.objects(), e.objects())
}
