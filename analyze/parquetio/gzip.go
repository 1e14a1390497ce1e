package parquetio

import (
	"bytes"
	"fmt"
	"io"
	"sync"

	"github.com/apache/arrow/go/v17/parquet/compress"
)

// pooledGzip is arrow's gzip codec with writers used again. Arrow makes one of
// about a megabyte for every page, which for small objects is most of the time.
type pooledGzip struct {
	compress.Codec
	writers *sync.Pool
}

// resetter is what arrow's gzip writers can do besides.
type resetter interface {
	io.WriteCloser
	Reset(io.Writer)
}

func init() {
	codec, err := compress.GetCodec(compress.Codecs.Gzip)
	if err != nil {
		return // arrow without gzip: nothing to improve
	}
	if _, ok := codec.NewWriter(io.Discard).(resetter); ok {
		compress.RegisterCodec(compress.Codecs.Gzip, pooledGzip{codec, &sync.Pool{}})
	}
}

// Encode compresses a block at the default level.
func (g pooledGzip) Encode(dst, src []byte) []byte {
	buf := bytes.NewBuffer(dst[:0])
	w, ok := g.writers.Get().(resetter)
	if ok {
		w.Reset(buf)
	} else if w, ok = g.NewWriter(buf).(resetter); !ok {
		return g.Codec.Encode(dst, src)
	}
	defer g.writers.Put(w)
	if _, err := w.Write(src); err != nil {
		panic(fmt.Errorf("gzip into memory: %w", err)) // a bytes.Buffer never fails
	}
	if err := w.Close(); err != nil {
		panic(fmt.Errorf("gzip into memory: %w", err))
	}
	return buf.Bytes()
}

// EncodeLevel compresses a block.
func (g pooledGzip) EncodeLevel(dst, src []byte, level int) []byte {
	if level == compress.DefaultCompressionLevel {
		return g.Encode(dst, src)
	}
	return g.Codec.EncodeLevel(dst, src, level)
}
