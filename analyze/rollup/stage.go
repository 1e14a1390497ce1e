package rollup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sync/semaphore"

	"github.com/flowcover/flowcover/analyze/parquetio"
	"github.com/flowcover/flowcover/analyze/source"
)

// input is a local file that DuckDB can read: a link, or a staged object.
type input struct {
	path   string
	schema schema
	object *object
}

// batch is what DuckDB reads at a time: inputs of one unit.
type batch struct {
	unit   *unit
	inputs []*input
	weight int64 // of the stage's budget, given back by done
	last   bool  // the unit's last
}

// objects counts the batch's objects and their bytes. An object's inputs stand
// together.
func (b *batch) objects() (n int, bytes int64) {
	var last *object
	for _, in := range b.inputs {
		if in.object != last {
			last = in.object
			n++
			bytes += last.Size
		}
	}
	return n, bytes
}

// Sizes of staging.
const (
	batchFiles   = 1000
	offerFiles   = 256
	offerBytes   = 8 << 20
	stageWorkers = 16
	// wholeBelow: an object up to this size is fetched whole, in one request.
	wholeBelow = 128 << 10
	// gapBelow: two ranges nearer than this are fetched as one.
	gapBelow = 32 << 10
	// wholeShare: an object of which so much is needed is fetched whole.
	wholeShare = 0.9
)

// errSkip says that an object holds no rows.
var errSkip = errors.New("no rows")

// contentError is an object's own fault: it will be the same next time.
type contentError struct{ reason string }

func (e contentError) Error() string { return e.reason }

func badContent(format string, args ...any) error {
	return contentError{fmt.Sprintf(format, args...)}
}

// stager makes units' objects into batches, ahead of DuckDB by no more than
// its budget of staged bytes.
type stager struct {
	e      *Engine
	budget *semaphore.Weighted
	half   int64 // of the budget: what a batch may hold, and one object take
	seq    atomic.Int64
	out    chan *batch

	footer atomic.Int64 // the size of the last footer: a guess at the next one's
	staged atomic.Int64 // bytes written to the stage
}

func newStager(e *Engine) *stager {
	s := &stager{e: e, budget: semaphore.NewWeighted(e.opt.StageBytes), half: e.opt.StageBytes / 2, out: make(chan *batch)}
	s.footer.Store(16 << 10)
	return s
}

// job is one object on its way through the stage.
type job struct {
	object *object
	plan   *plan
	inputs []*input
	weight int64
	err    error
	ready  chan struct{} // closed when the plan, then again when the inputs stand
	done   chan struct{}
}

// run stages all units in order and closes the channel at the end. An error
// ends everything: what is one object's fault is kept with the object.
func (s *stager) run(ctx context.Context, units []*unit) error {
	defer close(s.out)
	for _, u := range units {
		if err := s.runUnit(ctx, u); err != nil {
			return err
		}
	}
	return nil
}

func (s *stager) runUnit(ctx context.Context, u *unit) error {
	var workers sync.WaitGroup
	defer workers.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// Plans are made in parallel; the budget is taken in the objects' order, so
	// that whoever waits for it waits for batches that will be read.
	planned := make(chan *job, stageWorkers)
	fetched := make(chan *job, stageWorkers)
	workers.Go(func() {
		defer close(planned)
		for _, o := range u.objects {
			if o.status != statusRead {
				continue
			}
			j := &job{object: o, ready: make(chan struct{}), done: make(chan struct{})}
			workers.Go(func() {
				j.plan, j.err = s.plan(ctx, o)
				close(j.ready)
			})
			select {
			case planned <- j:
			case <-ctx.Done():
				return
			}
		}
	})
	workers.Go(func() {
		defer close(fetched)
		for j := range planned {
			<-j.ready
			if j.err == nil && j.plan.weight > 0 {
				w := min(j.plan.weight, s.half)
				if err := s.budget.Acquire(ctx, w); err != nil {
					return
				}
				j.weight = w
			}
			workers.Go(func() {
				if j.err == nil {
					j.inputs, j.err = s.fetch(ctx, j)
				}
				close(j.done)
			})
			select {
			case fetched <- j:
			case <-ctx.Done():
				return
			}
		}
	})
	return s.collect(ctx, u, fetched)
}

// collect puts the fetched objects together into batches.
func (s *stager) collect(ctx context.Context, u *unit, fetched <-chan *job) error {
	b := &batch{unit: u}
	send := func() error {
		select {
		case s.out <- b:
			b = &batch{unit: u}
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for j := range fetched {
		<-j.done
		if err := s.settle(ctx, j); err != nil {
			return err
		}
		if len(b.inputs) > 0 && (b.weight+j.weight > s.half || len(b.inputs)+len(j.inputs) > batchFiles) {
			if err := send(); err != nil {
				return err
			}
		}
		b.inputs = append(b.inputs, j.inputs...)
		b.weight += j.weight
		// If DuckDB has nothing to do it may have what there is.
		if b.weight >= offerBytes || len(b.inputs) >= offerFiles {
			select {
			case s.out <- b:
				b = &batch{unit: u}
			default:
			}
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	b.last = true
	return send()
}

// settle files an object's error: with the object, or as the run's.
func (s *stager) settle(ctx context.Context, j *job) error {
	if j.err == nil {
		return nil
	}
	s.drop(j.inputs)
	s.budget.Release(j.weight)
	j.inputs, j.weight = nil, 0
	if err := ctx.Err(); err != nil {
		return err
	}
	if errors.Is(j.err, errSkip) {
		j.object.status, j.object.reason = statusSkipped, "it holds no rows"
		return nil
	}
	if fatal(j.err) {
		return fmt.Errorf("stage %s: %w", j.object.name(), j.err)
	}
	var content contentError
	j.object.fail(j.err.Error(), !errors.As(j.err, &content))
	if s.e.opt.Strict {
		return fmt.Errorf("%s: unreadable: %w", j.object.name(), j.err)
	}
	return nil
}

// fatal says that no object is at fault: the disk is full or cannot be written.
func fatal(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EROFS)
}

// done gives a batch's budget back and removes its files.
func (s *stager) done(b *batch) {
	s.drop(b.inputs)
	s.budget.Release(b.weight)
}

func (s *stager) drop(inputs []*input) {
	for _, in := range inputs {
		// Ours, in the scratch folder that goes anyway.
		_ = os.Remove(in.path)
	}
}

func (s *stager) path(ext string) string {
	return filepath.Join(s.e.dir, dirIn, fmt.Sprintf("%08d.%s", s.seq.Add(1), ext))
}

// plan is how an object gets to DuckDB.
type plan struct {
	link   string // a local file to link to
	ranges []span // of the object, to be written at their own offsets
	tail   []byte // its last bytes, already read
	tailAt int64
	schema schema
	size   int64
	weight int64 // bytes it will take on the stage
	text   bool
	whole  bool // fetch first, look into it then
}

type span struct{ offset, length int64 }

func (s *stager) plan(ctx context.Context, o *object) (*plan, error) {
	local, isLocal := o.bucket.Local(o.Key)
	if o.format != source.Parquet {
		// Text grows when it is unpacked; an estimate keeps the stage bounded.
		w := o.Size
		if o.format == source.TextGz {
			w *= 8
		}
		return &plan{text: true, size: o.Size, weight: max(w, 1)}, nil
	}
	if o.Size == 0 {
		return nil, badContent("it is empty")
	}
	wrapped, err := s.isGzip(ctx, o)
	if err != nil {
		return nil, err
	}
	if wrapped {
		return &plan{whole: true, size: o.Size, weight: 2 * o.Size}, nil
	}
	if !isLocal && o.Size <= wholeBelow {
		return &plan{whole: true, size: o.Size, weight: o.Size}, nil
	}
	p := &plan{size: o.Size}
	read := func(offset int64, b []byte) error { return o.bucket.ReadRange(ctx, o.Object, offset, b) }
	keep := func(offset int64, b []byte) error {
		p.tailAt, p.tail = offset, b
		return nil
	}
	if isLocal {
		keep = nil
	}
	footer, err := parquetio.ReadFooterHint(read, o.Size, s.footer.Load()+1024, keep)
	if err != nil {
		return nil, footerError(err)
	}
	s.footer.Store(footer.Size - footer.Tail)
	if p.schema, err = checkSchema(footer); err != nil {
		return nil, err
	}
	if isLocal {
		p.link = local
		return p, nil
	}
	need := int64(0)
	p.ranges = neededRanges(footer, p.schema)
	for _, r := range p.ranges {
		need += r.length
	}
	if float64(need) >= wholeShare*float64(o.Size) {
		p.ranges = []span{{0, p.tailAt}}
	}
	for _, r := range p.ranges {
		p.weight += r.length
	}
	p.weight += int64(len(p.tail))
	return p, nil
}

// isGzip tells a Parquet file packed as a whole, as the name .parquet.gz may
// mean, from one with gzip pages.
func (s *stager) isGzip(ctx context.Context, o *object) (bool, error) {
	if len(o.Key) < 3 || o.Key[len(o.Key)-3:] != ".gz" || o.Size < 4 {
		return false, nil
	}
	var head [2]byte
	if err := o.bucket.ReadRange(ctx, o.Object, 0, head[:]); err != nil {
		return false, err
	}
	return head == [2]byte{0x1f, 0x8b}, nil
}

func footerError(err error) error {
	if errors.Is(err, parquetio.ErrNotParquet) {
		return contentError{err.Error()}
	}
	return err
}

func checkSchema(f *parquetio.Footer) (schema, error) {
	sc := parquetSchema(f)
	if why := sc.missing(); why != "" {
		return sc, contentError{why}
	}
	if f.Rows == 0 {
		return sc, errSkip
	}
	return sc, nil
}

// fetch makes an object's planned inputs.
func (s *stager) fetch(ctx context.Context, j *job) ([]*input, error) {
	p, o := j.plan, j.object
	switch {
	case p.text:
		return s.fetchText(ctx, o)
	case p.link != "":
		in := &input{path: s.path("parquet"), schema: p.schema, object: o}
		return []*input{in}, os.Symlink(p.link, in.path)
	case p.whole:
		return s.fetchWhole(ctx, o)
	}
	in := &input{path: s.path("parquet"), schema: p.schema, object: o}
	return []*input{in}, s.fetchRanges(ctx, o, p, in.path)
}

// fetchWhole stages an object and looks into it there.
func (s *stager) fetchWhole(ctx context.Context, o *object) ([]*input, error) {
	in := &input{path: s.path("parquet"), object: o}
	made := []*input{in}
	body, err := o.bucket.Open(ctx, o.Object)
	if err != nil {
		return nil, err
	}
	err = s.writeWhole(body, o, in.path)
	_ = body.Close()
	if err != nil {
		return made, err
	}
	f, err := os.Open(in.path)
	if err != nil {
		return made, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return made, err
	}
	footer, err := parquetio.ReadFooter(parquetio.ReaderRange(f), info.Size(), nil)
	if err != nil {
		return made, footerError(err)
	}
	in.schema, err = checkSchema(footer)
	return made, err
}

func (s *stager) writeWhole(body io.Reader, o *object, path string) error {
	r := body
	if len(o.Key) > 3 && o.Key[len(o.Key)-3:] == ".gz" {
		unpacked, err := unpack(body)
		if err != nil {
			return err
		}
		r = unpacked
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	n, err := io.Copy(f, r)
	s.staged.Add(n)
	return errors.Join(err, f.Close())
}
