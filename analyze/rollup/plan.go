package rollup

import (
	"context"
	"errors"

	"github.com/flowcover/flowcover/analyze/parquetio"
	"github.com/flowcover/flowcover/analyze/source"
)

// What packed objects may grow to.
const (
	// usualGrowth is how many times its size packed text usually takes; text that
	// takes more comes in pieces.
	usualGrowth = 8
	// mostGrowth is the same for a packed Parquet file, whose pages are packed
	// already, and which cannot come in pieces.
	mostGrowth = 64
	// smallGuess is reserved at least where the size is a guess.
	smallGuess = 1 << 20
)

// plan is how an object gets to DuckDB.
type plan struct {
	link   string // a local file to link to
	ranges []span // of the object, to be written at their own offsets
	tail   []byte // its last bytes, already read
	tailAt int64
	schema schema
	size   int64
	weight int64 // bytes it will take on the stage
	guess  bool  // weight is one: what an object unpacks to shows in the end
	text   bool
	whole  bool // fetch first, look into it then
}

type span struct{ offset, length int64 }

func (s *stager) plan(ctx context.Context, o *object) (*plan, error) {
	local, isLocal := o.bucket.Local(o.Key)
	if o.format != source.Parquet {
		w := o.Size
		if o.format == source.TextGz {
			w *= usualGrowth
		}
		return &plan{text: true, size: o.Size, weight: min(max(w, smallGuess), s.half), guess: true}, nil
	}
	if o.Size == 0 {
		return nil, badContent("it is empty")
	}
	wrapped, err := s.isGzip(ctx, o)
	if err != nil {
		return nil, err
	}
	if wrapped {
		return &plan{whole: true, size: o.Size, weight: min(max(mostGrowth*o.Size, smallGuess), s.all), guess: true}, nil
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
