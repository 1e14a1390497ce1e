package parquetio

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/schema"
)

// column is one column of a file of rows: exactly one pair of accessors is set.
// Lists are repeated columns, a column with absent is nullable, everything else
// is required.
type column[R any] struct {
	name     string
	text     func(*R) string
	setText  func(*R, string) error
	num      func(*R) int64
	setNum   func(*R, int64)
	texts    func(*R) []string
	addText  func(*R, string) error
	nums     func(*R) []int64
	addNum   func(*R, int64)
	isTime   bool          // of num: microseconds since 1970, zeroTime for the zero time
	isSwitch bool          // of num: 0 or 1
	absent   func(*R) bool // of num and text: the row has no value
}

func textColumn[R any](name string, field func(*R) *string) column[R] {
	return column[R]{name: name,
		text:    func(f *R) string { return *field(f) },
		setText: func(f *R, s string) error { *field(f) = s; return nil }}
}

func wordColumn[T ~string, R any](name string, field func(*R) *T) column[R] {
	return column[R]{name: name,
		text:    func(f *R) string { return string(*field(f)) },
		setText: func(f *R, s string) error { *field(f) = T(s); return nil }}
}

func textsColumn[R any](name string, field func(*R) *[]string) column[R] {
	return column[R]{name: name,
		texts:   func(f *R) []string { return *field(f) },
		addText: func(f *R, s string) error { *field(f) = append(*field(f), s); return nil }}
}

func intColumn[T ~int | ~int16 | ~int64 | ~uint32, R any](name string, field func(*R) *T) column[R] {
	return column[R]{name: name,
		num:    func(f *R) int64 { return int64(*field(f)) },
		setNum: func(f *R, n int64) { *field(f) = T(n) }}
}

func boolColumn[R any](name string, field func(*R) *bool) column[R] {
	return column[R]{name: name, isSwitch: true,
		num: func(f *R) int64 {
			if *field(f) {
				return 1
			}
			return 0
		},
		setNum: func(f *R, n int64) { *field(f) = n != 0 }}
}

// zeroTime stands for the zero time.Time, which has no number in range.
const zeroTime = -1 << 62

func timeColumn[R any](name string, field func(*R) *time.Time) column[R] {
	return column[R]{name: name, isTime: true,
		num: func(f *R) int64 {
			if field(f).IsZero() {
				return zeroTime
			}
			return field(f).UnixMicro()
		},
		setNum: func(f *R, n int64) {
			if n != zeroTime {
				*field(f) = time.UnixMicro(n).UTC()
			}
		}}
}

func addrColumn[R any](name string, field func(*R) *netip.Addr) column[R] {
	return column[R]{name: name,
		text: func(f *R) string {
			if !field(f).IsValid() {
				return ""
			}
			return field(f).String()
		},
		setText: func(f *R, s string) error {
			if s == "" {
				return nil
			}
			a, err := netip.ParseAddr(s)
			*field(f) = a
			return err
		}}
}

func (c *column[R]) repeated() bool { return c.texts != nil || c.nums != nil }

func (c *column[R]) node() (schema.Node, error) {
	rep := parquet.Repetitions.Required
	switch {
	case c.repeated():
		rep = parquet.Repetitions.Repeated
	case c.absent != nil:
		rep = parquet.Repetitions.Optional
	}
	var logical schema.LogicalType = schema.StringLogicalType{}
	typ := parquet.Types.ByteArray
	switch {
	case c.isSwitch:
		return schema.NewPrimitiveNode(c.name, rep, parquet.Types.Boolean, -1, -1)
	case c.isTime:
		typ, logical = parquet.Types.Int64, schema.NewTimestampLogicalType(true, schema.TimeUnitMicros)
	case c.num != nil, c.nums != nil:
		typ, logical = parquet.Types.Int64, schema.NewIntLogicalType(64, true)
	}
	return schema.NewPrimitiveNodeLogical(c.name, rep, logical, typ, 0, -1)
}

func (c *column[R]) write(cw file.ColumnChunkWriter, rows []R) error {
	switch w := cw.(type) {
	case *file.BooleanColumnChunkWriter:
		values := make([]bool, len(rows))
		for i := range rows {
			values[i] = c.num(&rows[i]) != 0
		}
		_, err := w.WriteBatch(values, nil, nil)
		return err
	case *file.Int64ColumnChunkWriter:
		values, def, rep := spread(rows, c.num, c.nums, c.absent)
		_, err := w.WriteBatch(values, def, rep)
		return err
	case *file.ByteArrayColumnChunkWriter:
		texts, def, rep := spread(rows, c.text, c.texts, c.absent)
		values := make([]parquet.ByteArray, len(texts))
		for i, s := range texts {
			values[i] = parquet.ByteArray(s)
		}
		_, err := w.WriteBatch(values, def, rep)
		return err
	}
	return fmt.Errorf("no writer for %T", cw)
}

// spread lays out a column's values; a repeated one with its levels: the first
// of a list repeats at level 0, an empty list is defined at level 0, and so is
// what a row of a nullable column lacks.
func spread[R, T any](rows []R, one func(*R) T, many func(*R) []T, absent func(*R) bool) (values []T, def, rep []int16) {
	if absent != nil {
		def = make([]int16, len(rows))
		for i := range rows {
			if !absent(&rows[i]) {
				values, def[i] = append(values, one(&rows[i])), 1
			}
		}
		return values, def, nil
	}
	if one != nil {
		values = make([]T, len(rows))
		for i := range rows {
			values[i] = one(&rows[i])
		}
		return values, nil, nil
	}
	for i := range rows {
		list := many(&rows[i])
		if len(list) == 0 {
			def, rep = append(def, 0), append(rep, 0)
			continue
		}
		for j, v := range list {
			values, def, rep = append(values, v), append(def, 1), append(rep, int16(min(j, 1)))
		}
	}
	return values, def, rep
}

func (c *column[R]) read(cr file.ColumnChunkReader, rows []R) error {
	switch r := cr.(type) {
	case *file.BooleanColumnChunkReader:
		return gather(rows, c, r.ReadBatch, func(f *R, v bool) error {
			if v {
				c.setNum(f, 1)
			}
			return nil
		})
	case *file.Int64ColumnChunkReader:
		return gather(rows, c, r.ReadBatch, func(f *R, v int64) error {
			if c.addNum != nil {
				c.addNum(f, v)
			} else if c.setNum != nil {
				c.setNum(f, v)
			}
			return nil
		})
	case *file.ByteArrayColumnChunkReader:
		words := map[string]string{} // one string for each value, not for each row
		return gather(rows, c, r.ReadBatch, func(f *R, v parquet.ByteArray) error {
			s, ok := words[string(v)]
			if !ok {
				s = string(v)
				words[s] = s
			}
			if c.addText != nil {
				return c.addText(f, s)
			}
			if c.setText != nil {
				return c.setText(f, s)
			}
			return nil
		})
	}
	return fmt.Errorf("no reader for %T", cr)
}

const readBatch = 4096

// gather reads a column to its end and puts each value into its row.
func gather[R, T any](rows []R, c *column[R], read func(int64, []T, []int16, []int16) (int64, int, error), put func(*R, T) error) error {
	values := make([]T, readBatch)
	def, rep := make([]int16, readBatch), make([]int16, readBatch)
	row := -1
	for {
		levels, got, err := read(readBatch, values, def, rep)
		if err != nil {
			return err
		}
		if levels == 0 && got == 0 {
			break
		}
		next := 0
		for i := range max(int(levels), got) {
			if !c.repeated() || rep[i] == 0 {
				row++
			}
			if (c.repeated() || c.absent != nil) && def[i] == 0 {
				continue
			}
			if row < 0 || row >= len(rows) || next >= got {
				return fmt.Errorf("more values than the %d rows have", len(rows))
			}
			if err := put(&rows[row], values[next]); err != nil {
				return err
			}
			next++
		}
	}
	if row+1 != len(rows) {
		return fmt.Errorf("%d values for %d rows", row+1, len(rows))
	}
	return nil
}
