package parquetio

import (
	"errors"
	"fmt"
	"io"
	"unsafe"

	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/schema"
)

// FlowLogKind is the physical type of a flow log column.
type FlowLogKind uint8

// The types that AWS's documentation gives flow log fields.
const (
	FlowLogString FlowLogKind = iota
	FlowLogInt32
	FlowLogInt64
)

// FlowLogColumn is one column of a flow log object, held in memory: Strings
// for a string column, Ints for an integer one. A string column writes AWS's
// "-" for itself; an integer that is absent is NULL: its Null entry is true.
// A nil Null means that none is absent.
type FlowLogColumn struct {
	Name    string
	Kind    FlowLogKind
	Strings []string
	Ints    []int64
	Null    []bool
}

// rows is the column's length by its kind.
func (c *FlowLogColumn) rows() int {
	if c.Kind == FlowLogString {
		return len(c.Strings)
	}
	return len(c.Ints)
}

// FlowLogOptions say how an object is written. The zero value is what AWS
// writes as far as is known: gzip pages, one row group.
type FlowLogOptions struct {
	RowGroupRows int // rows of one row group; 0: all of them
	Uncompressed bool
}

// WriteFlowLog writes columns as one Parquet object in the shape of AWS's flow
// logs: every column optional, no nesting, gzip pages. Equal columns give equal
// bytes. All columns must be of one length.
func WriteFlowLog(w io.Writer, columns []FlowLogColumn, opt FlowLogOptions) (err error) {
	rows, root, err := flowLogSchema(columns)
	if err != nil {
		return err
	}
	codec := compress.Codecs.Gzip
	if opt.Uncompressed {
		codec = compress.Codecs.Uncompressed
	}
	props := parquet.NewWriterProperties(parquet.WithCompression(codec),
		parquet.WithVersion(parquet.V1_0), parquet.WithDataPageVersion(parquet.DataPageV1),
		parquet.WithCreatedBy("flowcover flow log writer"),
		// A chunk whose dictionary outgrows the limit gets its encodings listed
		// in an order that changes from run to run.
		parquet.WithDictionaryPageSizeLimit(1<<30))
	pw := file.NewParquetWriter(w, root, file.WithWriterProps(props))
	step := opt.RowGroupRows
	if step <= 0 {
		step = max(rows, 1)
	}
	for from := 0; from < rows; from += step {
		if err := writeFlowLogGroup(pw, columns, from, min(from+step, rows)); err != nil {
			return errors.Join(err, pw.Close())
		}
	}
	if err := pw.Close(); err != nil {
		return fmt.Errorf("close the flow log object: %w", err)
	}
	return nil
}

// flowLogSchema checks the columns' lengths and makes their schema.
func flowLogSchema(columns []FlowLogColumn) (int, *schema.GroupNode, error) {
	if len(columns) == 0 {
		return 0, nil, errors.New("a flow log object needs at least one column")
	}
	rows := columns[0].rows()
	fields := make(schema.FieldList, len(columns))
	for i := range columns {
		c := &columns[i]
		if c.rows() != rows || c.Null != nil && len(c.Null) != rows {
			return 0, nil, fmt.Errorf("flow log column %s has %d values and %d nulls, column %s has %d rows",
				c.Name, c.rows(), len(c.Null), columns[0].Name, rows)
		}
		typ, conv := parquet.Types.ByteArray, schema.ConvertedTypes.UTF8
		switch c.Kind {
		case FlowLogInt32:
			typ, conv = parquet.Types.Int32, schema.ConvertedTypes.Int32
		case FlowLogInt64:
			typ, conv = parquet.Types.Int64, schema.ConvertedTypes.Int64
		}
		node, err := schema.NewPrimitiveNodeConverted(c.Name, parquet.Repetitions.Optional, typ, conv, 0, 0, 0, -1)
		if err != nil {
			return 0, nil, fmt.Errorf("flow log column %s: %w", c.Name, err)
		}
		fields[i] = node
	}
	root, err := schema.NewGroupNode("flow_log", parquet.Repetitions.Required, fields, -1)
	if err != nil {
		return 0, nil, fmt.Errorf("flow log schema: %w", err)
	}
	return rows, root, nil
}

// writeFlowLogGroup writes rows from to to as one row group.
func writeFlowLogGroup(pw *file.Writer, columns []FlowLogColumn, from, to int) error {
	group := pw.AppendRowGroup()
	for i := range columns {
		cw, err := group.NextColumn()
		if err != nil {
			return fmt.Errorf("flow log column %s: %w", columns[i].Name, err)
		}
		if err := writeFlowLogChunk(cw, &columns[i], from, to); err != nil {
			return fmt.Errorf("flow log column %s: %w", columns[i].Name, err)
		}
		if err := cw.Close(); err != nil {
			return fmt.Errorf("flow log column %s: %w", columns[i].Name, err)
		}
	}
	return group.Close()
}

// writeFlowLogChunk writes one column's values; absent ones have definition
// level 0 and no value.
func writeFlowLogChunk(cw file.ColumnChunkWriter, c *FlowLogColumn, from, to int) error {
	levels := make([]int16, 0, to-from)
	for i := from; i < to; i++ {
		if c.Null != nil && c.Null[i] {
			levels = append(levels, 0)
		} else {
			levels = append(levels, 1)
		}
	}
	var err error
	switch w := cw.(type) {
	case *file.ByteArrayColumnChunkWriter:
		_, err = w.WriteBatch(present(c.Strings[from:to], levels, func(s string) parquet.ByteArray {
			return unsafe.Slice(unsafe.StringData(s), len(s)) // read only: arrow copies what it keeps
		}), levels, nil)
	case *file.Int32ColumnChunkWriter:
		_, err = w.WriteBatch(present(c.Ints[from:to], levels, func(n int64) int32 { return int32(n) }), levels, nil)
	case *file.Int64ColumnChunkWriter:
		_, err = w.WriteBatch(present(c.Ints[from:to], levels, func(n int64) int64 { return n }), levels, nil)
	default:
		err = fmt.Errorf("no writer for %T", cw)
	}
	return err
}

// present converts the values whose level is 1.
func present[A, B any](values []A, levels []int16, convert func(A) B) []B {
	out := make([]B, 0, len(values))
	for i, v := range values {
		if levels[i] == 1 {
			out = append(out, convert(v))
		}
	}
	return out
}
