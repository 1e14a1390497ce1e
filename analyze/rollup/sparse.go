package rollup

import (
	"cmp"
	"context"
	"errors"
	"os"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/flowcover/flowcover/analyze/parquetio"
)

// neededRanges are the ranges of the column chunks that the schema's fields
// lie in, ascending, near ones joined.
func neededRanges(f *parquetio.Footer, sc schema) []span {
	want := map[string]bool{}
	for _, fl := range sc.fields {
		want[fl.column] = true
	}
	var spans []span
	for _, g := range f.RowGroups {
		for i, c := range g.Chunks {
			if want[f.Columns[i].Name] && c.Length > 0 {
				spans = append(spans, span{c.Offset, c.Length})
			}
		}
	}
	return join(spans, gapBelow)
}

// join sorts spans and makes one of those that overlap or are nearer than gap.
func join(spans []span, gap int64) []span {
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.offset, b.offset) })
	var out []span
	for _, s := range spans {
		if n := len(out); n > 0 {
			last := &out[n-1]
			if end := last.offset + last.length; s.offset-end < gap {
				last.length = max(end, s.offset+s.length) - last.offset
				continue
			}
		}
		out = append(out, s)
	}
	return out
}

// rangeWorkers fetch one object's ranges at a time; many objects are fetched at
// once already.
const rangeWorkers = 4

// rangeBytes is the most that one request asks for, so that a broken one costs
// little and memory stays small.
const rangeBytes = 8 << 20

// fetchRanges writes an object's needed ranges at their own offsets into a file
// of the object's size; the rest of it stays a hole.
func (s *stager) fetchRanges(ctx context.Context, o *object, p *plan, path string) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.Truncate(p.size); err != nil {
		return err
	}
	write := func(b []byte, at int64) error {
		n, err := f.WriteAt(b, at)
		s.staged.Add(int64(n))
		return err
	}
	if err := write([]byte("PAR1"), 0); err != nil {
		return err
	}
	if err := write(p.tail, p.tailAt); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(rangeWorkers)
	for _, r := range p.ranges {
		end := min(r.offset+r.length, p.tailAt) // the tail is there already
		for at := r.offset; at < end; at += rangeBytes {
			n := min(rangeBytes, end-at)
			group.Go(func() error {
				b := make([]byte, n)
				if err := o.bucket.ReadRange(ctx, o.Object, at, b); err != nil {
					return err
				}
				return write(b, at)
			})
		}
	}
	return group.Wait()
}
