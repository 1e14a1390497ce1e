package rollup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sync/semaphore"
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
	// stream is set if the inputs are a piece of an object, ends if none follows.
	stream *stream
	ends   bool
}

// objects counts the batch's objects and their bytes. An object's inputs stand
// together; one in pieces counts at its end.
func (b *batch) objects() (n int, bytes int64) {
	if b.stream != nil {
		if b.ends {
			return 1, b.stream.object.Size
		}
		return 0, 0
	}
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
	all    int64 // the budget: what one object may take
	half   int64 // of it: what a batch of several may hold, and a guess reserve
	seq    atomic.Int64
	out    chan *batch

	footer atomic.Int64 // the size of the last footer: a guess at the next one's
	staged atomic.Int64 // bytes written to the stage
}

func newStager(e *Engine) *stager {
	s := &stager{e: e, budget: semaphore.NewWeighted(e.opt.StageBytes), all: e.opt.StageBytes, half: e.opt.StageBytes / 2, out: make(chan *batch)}
	s.footer.Store(16 << 10)
	return s
}

// job is one object on its way through the stage.
type job struct {
	object *object
	plan   *plan
	inputs []*input
	stream *stream // instead of inputs: the object comes in pieces
	weight int64   // of the stage's budget
	used   int64   // of weight, where that is a guess
	err    error
	ready  chan struct{} // closed when the plan stands
	done   chan struct{} // closed when the inputs stand, or the stream begins
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
			if s.reserve(ctx, j, fetched) != nil {
				return
			}
			workers.Go(func() { s.fetchJob(ctx, j) })
			select {
			case fetched <- j:
			case <-ctx.Done():
				return
			}
		}
	})
	return s.collect(ctx, u, fetched)
}

// reserve takes a job's share of the budget. Up to half is there in time, since
// the collector keeps no more than the other half back; for more than that it is
// told, by nil, to keep nothing.
func (s *stager) reserve(ctx context.Context, j *job, fetched chan<- *job) error {
	if j.err != nil || j.plan.weight == 0 {
		return nil
	}
	if j.plan.weight > s.all {
		j.err = stageTooSmall(j.plan.weight, s.all)
		return nil
	}
	if j.plan.weight > s.half {
		select {
		case fetched <- nil:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := s.budget.Acquire(ctx, j.plan.weight); err != nil {
		return err
	}
	j.weight = j.plan.weight
	return nil
}

// stageTooSmall is no fault of the object's content: with a larger stage the
// next run reads it.
func stageTooSmall(want, all int64) error {
	return fmt.Errorf("it takes %d KiB of the stage, which holds %d KiB: allow more with --stage", (want+1023)>>10, all>>10)
}

// fetchJob makes a job's inputs, and gives back what was reserved too much.
func (s *stager) fetchJob(ctx context.Context, j *job) {
	if j.err != nil {
		close(j.done)
		return
	}
	inputs, err := s.fetch(ctx, j)
	if j.stream != nil {
		s.drop(inputs)
		j.stream.end(err)
		return
	}
	j.inputs, j.err = inputs, err
	if j.plan.guess && j.used < j.weight {
		s.budget.Release(j.weight - j.used)
		j.weight = j.used
	}
	close(j.done)
}

// collect puts the fetched objects together into batches. What it keeps back
// is never more than half of the budget.
func (s *stager) collect(ctx context.Context, u *unit, fetched <-chan *job) error {
	b := &batch{unit: u}
	send := func(next *batch) error {
		select {
		case s.out <- next:
			b = &batch{unit: u}
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for j := range fetched {
		if j != nil {
			<-j.done
		}
		if j != nil && j.stream == nil {
			if err := s.settle(ctx, j); err != nil {
				return err
			}
		}
		full := j == nil || j.stream != nil || b.weight+j.weight > s.half || len(b.inputs)+len(j.inputs) > batchFiles
		if full && len(b.inputs) > 0 {
			if err := send(b); err != nil {
				return err
			}
		}
		switch {
		case j == nil:
			continue
		case j.stream != nil:
			if err := j.stream.forward(ctx, u, j.weight, send); err != nil {
				return err
			}
			continue
		}
		b.inputs = append(b.inputs, j.inputs...)
		b.weight += j.weight
		if b.weight > s.half {
			if err := send(b); err != nil {
				return err
			}
			continue
		}
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
	return send(b)
}

// settle files a job's error, if it has one.
func (s *stager) settle(ctx context.Context, j *job) error {
	if j.err == nil {
		return nil
	}
	s.drop(j.inputs)
	s.budget.Release(j.weight)
	j.inputs, j.weight = nil, 0
	return s.file(ctx, j.object, j.err)
}

// file puts an error down to the object, or returns it as the run's.
func (s *stager) file(ctx context.Context, o *object, err error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if errors.Is(err, errSkip) {
		o.status, o.reason = statusSkipped, "it holds no rows"
		return nil
	}
	if fatal(err) {
		return fmt.Errorf("stage %s: %w", o.name(), err)
	}
	var content contentError
	o.fail(err.Error(), !errors.As(err, &content))
	if s.e.opt.Strict {
		return fmt.Errorf("%s: unreadable: %w", o.name(), err)
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
	if b.stream != nil && !b.ends {
		b.stream.read <- struct{}{} // there is room for as many as are on the way
	}
}

func (s *stager) drop(inputs []*input) {
	for _, in := range inputs {
		// Ours, in the scratch folder that goes anyway.
		_ = os.Remove(in.path)
	}
}

// clear removes what a run that ended early left on the stage.
func (s *stager) clear() error {
	dir := filepath.Join(s.e.dir, dirIn)
	return errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o755))
}

func (s *stager) path(ext string) string {
	return filepath.Join(s.e.dir, dirIn, fmt.Sprintf("%08d.%s", s.seq.Add(1), ext))
}
