package parquetio

import (
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/metadata"
	"github.com/apache/arrow/go/v17/parquet/schema"
)

// table is one kind of file: its columns in the file's order.
type table[R any] struct {
	name    string // of the schema's root, and in errors
	columns []column[R]
	flat    []string // columns whose values hardly repeat: no dictionary
	blank   func(*R) // makes a row before its columns are read; nil: the zero value is it
}

// groupRows is how many rows a row group holds at most.
const groupRows = 65536

// write writes rows, in the order given. Equal rows and meta give equal bytes.
func (t *table[R]) write(w io.Writer, rows []R, meta [][2]string) error {
	fields := make(schema.FieldList, len(t.columns))
	for i := range t.columns {
		node, err := t.columns[i].node()
		if err != nil {
			return fmt.Errorf("%s column %s: %w", t.name, t.columns[i].name, err)
		}
		fields[i] = node
	}
	root, err := schema.NewGroupNode(t.name, parquet.Repetitions.Required, fields, -1)
	if err != nil {
		return fmt.Errorf("%s schema: %w", t.name, err)
	}
	kv := metadata.NewKeyValueMetadata()
	for _, m := range meta {
		if err := kv.Append(m[0], m[1]); err != nil {
			return err
		}
	}
	options := []parquet.WriterProperty{parquet.WithCompression(compress.Codecs.Snappy),
		parquet.WithVersion(parquet.V2_LATEST), parquet.WithCreatedBy("flowcover"),
		// A chunk whose dictionary outgrows the limit gets its encodings listed
		// in an order that changes from run to run.
		parquet.WithDictionaryPageSizeLimit(1 << 30)}
	for _, name := range t.flat {
		options = append(options, parquet.WithDictionaryFor(name, false))
	}
	// Arrow closes what can be closed, which is the caller's to do.
	pw := file.NewParquetWriter(struct{ io.Writer }{w}, root, file.WithWriterProps(parquet.NewWriterProperties(options...)), file.WithWriteMetadata(kv))
	for from := 0; from < len(rows); from += groupRows {
		if err := t.writeGroup(pw, rows[from:min(from+groupRows, len(rows))]); err != nil {
			return errors.Join(err, pw.Close())
		}
	}
	if err := pw.Close(); err != nil {
		return fmt.Errorf("close %s: %w", t.name, err)
	}
	return nil
}

func (t *table[R]) writeGroup(pw *file.Writer, rows []R) error {
	group := pw.AppendRowGroup()
	for i := range t.columns {
		cw, err := group.NextColumn()
		if err == nil {
			err = t.columns[i].write(cw, rows)
		}
		if err == nil {
			err = cw.Close()
		}
		if err != nil {
			return fmt.Errorf("%s column %s: %w", t.name, t.columns[i].name, err)
		}
	}
	return group.Close()
}

// read reads the rows of a file whose footer was read and checked. A column
// that the file lacks leaves its fields as they are in a blank row.
func (t *table[R]) read(r io.ReaderAt, footer *Footer) (rows []R, err error) {
	// Pages are decoded by arrow, which panics on some that are damaged.
	defer func() {
		if p := recover(); p != nil {
			rows, err = nil, fmt.Errorf("%w: damaged pages: %v", ErrNotParquet, p)
		}
	}()
	pr, err := file.NewParquetReader(io.NewSectionReader(r, 0, footer.Size))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotParquet, err)
	}
	defer func() { err = errors.Join(err, pr.Close()) }()
	for g := range footer.RowGroups {
		// A row takes pages' bytes; a footer that claims more rows than that lies.
		n := footer.RowGroups[g].Rows
		if n > groupRows {
			return nil, fmt.Errorf("%w: row group %d claims %d rows, more than %d", ErrNotParquet, g, n, groupRows)
		}
		part := make([]R, n)
		if t.blank != nil {
			for i := range part {
				t.blank(&part[i])
			}
		}
		if err := t.readGroup(pr.RowGroup(g), footer, part); err != nil {
			return nil, fmt.Errorf("row group %d: %w", g, err)
		}
		rows = append(rows, part...)
	}
	return rows, nil
}

func (t *table[R]) readGroup(g *file.RowGroupReader, footer *Footer, rows []R) error {
	byName := map[string]int{}
	for i, c := range footer.Columns {
		byName[c.Name] = i
	}
	for i := range t.columns {
		c := &t.columns[i]
		j, ok := byName[c.name]
		if !ok {
			continue
		}
		cr, err := g.Column(j)
		if err == nil {
			err = c.read(cr, rows)
		}
		if err != nil {
			return fmt.Errorf("column %s: %w", c.name, err)
		}
	}
	return nil
}
