package parquetio

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/metadata"
	"github.com/apache/arrow/go/v17/parquet/schema"
)

// Footer is what a Parquet file's footer says, checked against the file's size.
type Footer struct {
	Size      int64
	Rows      int64
	CreatedBy string
	Columns   []Column
	RowGroups []RowGroup
	Meta      map[string]string // the file's key-value metadata
	// Tail is where the footer's bytes begin: from there to Size.
	Tail int64
}

// Column is one leaf column, in the file's order.
type Column struct {
	Name   string // its path, joined by dots
	Type   string // the physical type: BOOLEAN, INT32, INT64, INT96, FLOAT, DOUBLE, BYTE_ARRAY, FIXED_LEN_BYTE_ARRAY
	Nested bool   // repeated, or inside a group
	// Timestamp: an integer that is annotated as an instant.
	Timestamp bool
}

// RowGroup is one row group. Chunks are in the order of the footer's Columns.
type RowGroup struct {
	Rows   int64
	Chunks []Chunk
}

// Chunk is the range of a column chunk's pages, dictionary included.
type Chunk struct {
	Offset, Length int64
	Uncompressed   int64
	// Bloom is where a bloom filter begins; 0 if there is none.
	Bloom int64
	// Min and Max of an integer column, where the statistics have them.
	Min, Max  int64
	HasMinMax bool
}

// ErrNotParquet says that a file is not Parquet, cut off, or lies about itself.
var ErrNotParquet = errors.New("not a readable Parquet file")

// Sizes of a Parquet file's parts.
const (
	magic         = "PAR1"
	trailer       = 8 // the footer's length and the magic
	maxFooter     = 32 << 20
	maxColumns    = 10000
	firstTailRead = 64 << 10
)

// ReadRange fills p from a file's bytes at offset.
type ReadRange func(offset int64, p []byte) error

// ReaderRange makes a ReadRange of an io.ReaderAt.
func ReaderRange(r io.ReaderAt) ReadRange {
	return func(offset int64, p []byte) error {
		n, err := r.ReadAt(p, offset)
		if n == len(p) {
			return nil
		}
		return err
	}
}

// ReadFooter reads and checks the footer of a file of size bytes, with one
// range where the footer is small, with two where it is not. tail, if not nil,
// receives the bytes read from the file's end.
func ReadFooter(read ReadRange, size int64, tail func(offset int64, p []byte) error) (*Footer, error) {
	return ReadFooterHint(read, size, firstTailRead, tail)
}

// ReadFooterHint is ReadFooter where the caller guesses how many bytes at the
// file's end hold the footer, for the first read.
func ReadFooterHint(read ReadRange, size, hint int64, tail func(offset int64, p []byte) error) (*Footer, error) {
	if size < trailer+int64(len(magic)) {
		return nil, fmt.Errorf("%w: %d bytes are too few", ErrNotParquet, size)
	}
	n := min(size, max(hint, 1<<10))
	p := make([]byte, n)
	if err := read(size-n, p); err != nil {
		return nil, err
	}
	if end := string(p[n-4:]); end != magic {
		if end == "PARE" {
			return nil, fmt.Errorf("%w: it is encrypted", ErrNotParquet)
		}
		return nil, fmt.Errorf("%w: it does not end in PAR1, so it is cut off or something else", ErrNotParquet)
	}
	length := int64(binary.LittleEndian.Uint32(p[n-trailer:]))
	if length > size-trailer-int64(len(magic)) || length > maxFooter || length == 0 {
		return nil, fmt.Errorf("%w: its footer claims %d bytes in a file of %d", ErrNotParquet, length, size)
	}
	if length+trailer > n {
		whole := make([]byte, length+trailer)
		head := whole[:length+trailer-n]
		if err := read(size-length-trailer, head); err != nil {
			return nil, err
		}
		copy(whole[len(head):], p)
		p = whole
	}
	if tail != nil {
		if err := tail(size-int64(len(p)), p); err != nil {
			return nil, err
		}
	}
	from := int64(len(p)) - length - trailer
	return parseFooter(p[from:int64(len(p))-trailer], size)
}

// parseFooter decodes a footer's bytes. Arrow panics on some footers that no
// writer makes; those are errors here.
func parseFooter(p []byte, size int64) (f *Footer, err error) {
	if err := checkThrift(p); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotParquet, err)
	}
	defer func() {
		if r := recover(); r != nil {
			f, err = nil, fmt.Errorf("%w: its footer is malformed: %v", ErrNotParquet, r)
		}
	}()
	meta, err := metadata.NewFileMetaData(p, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: its footer is malformed: %w", ErrNotParquet, err)
	}
	f = &Footer{Size: size, Rows: meta.NumRows, CreatedBy: meta.GetCreatedBy(), Tail: size - int64(len(p)) - trailer}
	n := meta.Schema.NumColumns()
	if n > maxColumns {
		return nil, fmt.Errorf("%w: it has %d columns", ErrNotParquet, n)
	}
	for i := range n {
		c := meta.Schema.Column(i)
		f.Columns = append(f.Columns, Column{
			Name:      c.Path(),
			Type:      c.PhysicalType().String(),
			Nested:    c.MaxRepetitionLevel() > 0 || len(c.ColumnPath()) > 1,
			Timestamp: isTimestamp(c),
		})
	}
	if kv := meta.KeyValueMetadata(); kv != nil {
		f.Meta = map[string]string{}
		for i, key := range kv.Keys() {
			f.Meta[key] = kv.Values()[i]
		}
	}
	rows := int64(0)
	for i := range meta.RowGroups {
		g, err := rowGroup(meta.RowGroup(i), n, f.Tail)
		if err != nil {
			return nil, fmt.Errorf("%w: row group %d: %w", ErrNotParquet, i, err)
		}
		rows += g.Rows
		f.RowGroups = append(f.RowGroups, g)
	}
	if rows != f.Rows || rows < 0 {
		return nil, fmt.Errorf("%w: its footer counts %d rows, its row groups %d", ErrNotParquet, f.Rows, rows)
	}
	return f, nil
}

func isTimestamp(c *schema.Column) bool {
	if _, ok := c.LogicalType().(schema.TimestampLogicalType); ok {
		return true
	}
	if _, ok := c.LogicalType().(*schema.TimestampLogicalType); ok {
		return true
	}
	t := c.ConvertedType()
	return t == schema.ConvertedTypes.TimestampMillis || t == schema.ConvertedTypes.TimestampMicros
}

func rowGroup(g *metadata.RowGroupMetaData, columns int, end int64) (RowGroup, error) {
	rg := RowGroup{Rows: g.NumRows()}
	if rg.Rows < 0 || g.NumColumns() != columns {
		return rg, fmt.Errorf("%d rows and %d columns of %d", rg.Rows, g.NumColumns(), columns)
	}
	for i := range columns {
		c, err := g.ColumnChunk(i)
		if err != nil {
			return rg, err
		}
		if c.FilePath() != "" {
			return rg, fmt.Errorf("column %d lies in another file", i)
		}
		k := Chunk{Offset: c.DataPageOffset(), Length: c.TotalCompressedSize(), Uncompressed: c.TotalUncompressedSize()}
		if d := c.DictionaryPageOffset(); c.HasDictionaryPage() && d > 0 && d < k.Offset {
			k.Offset = d
		}
		if k.Offset < int64(len(magic)) || k.Length < 0 || k.Uncompressed < 0 || k.Length > end-k.Offset {
			return rg, fmt.Errorf("column %d claims %d bytes at %d, the pages end at %d", i, k.Length, k.Offset, end)
		}
		if b := c.BloomFilterOffset(); b > 0 {
			if b >= end {
				return rg, fmt.Errorf("column %d claims a bloom filter at %d, the pages end at %d", i, b, end)
			}
			k.Bloom = b
		}
		k.Min, k.Max, k.HasMinMax = intStats(c)
		rg.Chunks = append(rg.Chunks, k)
	}
	return rg, nil
}

// intStats are an integer chunk's least and greatest value. Statistics of a
// wrong width are as good as none.
func intStats(c *metadata.ColumnChunkMetaData) (lo, hi int64, ok bool) {
	if c.Type() != parquet.Types.Int32 && c.Type() != parquet.Types.Int64 {
		return 0, 0, false
	}
	defer func() {
		if recover() != nil {
			lo, hi, ok = 0, 0, false
		}
	}()
	st, err := c.Statistics()
	if err != nil || st == nil || !st.HasMinMax() {
		return 0, 0, false
	}
	decode := func(p []byte) (int64, bool) {
		switch len(p) {
		case 4:
			return int64(int32(binary.LittleEndian.Uint32(p))), true
		case 8:
			return int64(binary.LittleEndian.Uint64(p)), true
		}
		return 0, false
	}
	lo, ok1 := decode(st.EncodeMin())
	hi, ok2 := decode(st.EncodeMax())
	return lo, hi, ok1 && ok2
}
