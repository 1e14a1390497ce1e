package hostcap

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/analyze/parquetio"
)

// largestParquet bounds a capture in Parquet, which is read into memory as its
// footer stands at its end. A socket takes some 20 bytes of it.
const largestParquet = 1 << 30

// WriteParquet writes a capture as Parquet. Equal captures give equal bytes.
func WriteParquet(w io.Writer, c *analyze.Capture) error {
	return parquetio.WriteCapture(w, sorted(c))
}

// ReadParquet reads a capture in Parquet.
func ReadParquet(r io.Reader) (*analyze.Capture, error) {
	data, err := io.ReadAll(io.LimitReader(r, largestParquet+1))
	if err != nil {
		return nil, fmt.Errorf("parquet: %w", err)
	}
	if len(data) > largestParquet {
		return nil, errors.New("parquet: larger than 1 GiB, which no capture of flowcapture is")
	}
	c, err := parquetio.ReadCapture(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, fmt.Errorf("parquet: %w", err)
	}
	sortCapture(c)
	return c, nil
}
