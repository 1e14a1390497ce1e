package rollup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/flowcover/flowcover/analyze/parquetio"
)

// fetch makes an object's planned inputs.
func (s *stager) fetch(ctx context.Context, j *job) ([]*input, error) {
	p, o := j.plan, j.object
	switch {
	case p.text:
		return s.fetchText(ctx, j)
	case p.link != "":
		in := &input{path: s.path("parquet"), schema: p.schema, object: o}
		return []*input{in}, os.Symlink(p.link, in.path)
	case p.whole:
		return s.fetchWhole(ctx, j)
	}
	in := &input{path: s.path("parquet"), schema: p.schema, object: o}
	return []*input{in}, s.fetchRanges(ctx, o, p, in.path)
}

// fetchWhole stages an object and looks into it there.
func (s *stager) fetchWhole(ctx context.Context, j *job) ([]*input, error) {
	o := j.object
	in := &input{path: s.path("parquet"), object: o}
	made := []*input{in}
	body, err := o.bucket.Open(ctx, o.Object)
	if err != nil {
		return nil, err
	}
	j.used, err = s.writeWhole(&ctxReader{ctx, body}, j, in.path)
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

// writeWhole writes no more than the plan's weight.
func (s *stager) writeWhole(body io.Reader, j *job, path string) (int64, error) {
	r, most := body, j.plan.size
	if j.plan.guess {
		unpacked, err := unpack(body)
		if err != nil {
			return 0, err
		}
		r, most = unpacked, j.plan.weight
	}
	f, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(f, io.LimitReader(r, most))
	s.staged.Add(n)
	if err == nil && n == most {
		err = atEnd(r, j, s.all)
	}
	return n, errors.Join(err, f.Close())
}

// atEnd looks whether a reader that gave all there was room for has more.
func atEnd(r io.Reader, j *job, all int64) error {
	switch n, err := io.ReadFull(r, make([]byte, 1)); {
	case n == 0 && errors.Is(err, io.EOF):
		return nil
	case n == 0:
		return err
	case !j.plan.guess:
		return badContent("it is longer than its %d bytes", j.plan.size)
	case j.plan.weight == all:
		return fmt.Errorf("it unpacks to more than the stage's %d KiB: allow more with --stage", all>>10)
	}
	return badContent("it unpacks to more than %d times its size", mostGrowth)
}

// ctxReader ends with the context, where the reader under it does not look.
type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *ctxReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
