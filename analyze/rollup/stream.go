package rollup

import (
	"context"
	"errors"
	"fmt"
)

// stream is an object of text that takes more of the stage than was reserved
// for it: DuckDB reads it piece by piece, in one transaction, so that it counts
// whole or not at all.
type stream struct {
	object *object
	stop   context.CancelFunc // ends the reading
	pieces chan []*input
	read   chan struct{} // a piece was read, its files are gone
	err    error         // why the reading ended early; set before pieces closes

	// Of the side that reads.
	lost    bool // DuckDB could not read a piece: the others are passed over
	transit bool
}

// piecesAhead is how many whole pieces wait or are read while the next is written.
const piecesAhead = 2

func newStream(o *object, stop context.CancelFunc) *stream {
	return &stream{object: o, stop: stop, pieces: make(chan []*input, piecesAhead+1), read: make(chan struct{}, piecesAhead+1)}
}

func (st *stream) end(err error) {
	st.err = err
	close(st.pieces)
}

// forward sends the pieces on as they come, each a batch, and then the end.
func (st *stream) forward(ctx context.Context, u *unit, weight int64, send func(*batch) error) error {
	for {
		select {
		case p, more := <-st.pieces:
			if !more {
				return send(&batch{unit: u, stream: st, ends: true, weight: weight})
			}
			if err := send(&batch{unit: u, stream: st, inputs: p}); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// addPiece sums a piece into the working tables, in the transaction that the
// first one opens and the end closes.
func (e *Engine) addPiece(ctx context.Context, s *stager, b *batch) error {
	st := b.stream
	if b.ends {
		return e.endStream(ctx, s, b)
	}
	if st.lost {
		return nil
	}
	if !e.inTx {
		if err := e.exec(ctx, "BEGIN TRANSACTION"); err != nil {
			return err
		}
		e.inTx = true
	}
	for _, inputs := range bySchema(b.inputs) {
		transit, err := e.sumInto(ctx, b.unit, inputs)
		st.transit = st.transit || transit
		if err == nil {
			continue
		}
		if err := errors.Join(e.rollback(ctx), ctx.Err()); err != nil {
			return err
		}
		_, bad, err := e.blame(ctx, b.unit, inputs, err)
		if err != nil {
			return err
		}
		st.lost = true
		st.stop()
		return e.failed(bad)
	}
	return nil
}

func (e *Engine) endStream(ctx context.Context, s *stager, b *batch) error {
	st := b.stream
	switch {
	case st.lost:
		return nil
	case st.err != nil:
		return errors.Join(e.rollback(ctx), s.file(ctx, st.object, st.err))
	case !e.inTx:
		return nil
	}
	if err := e.exec(ctx, "COMMIT"); err != nil {
		return fmt.Errorf("%s: %w", b.unit.describe(), errors.Join(err, e.rollback(ctx)))
	}
	e.inTx = false
	b.unit.transit = b.unit.transit || st.transit
	return nil
}

// rollback ends the open transaction, if there is one: also after the context,
// which may be what ended it.
func (e *Engine) rollback(ctx context.Context) error {
	if !e.inTx {
		return nil
	}
	e.inTx = false
	return e.exec(context.WithoutCancel(ctx), "ROLLBACK")
}
