package parquetio

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sort"
	"strconv"

	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/metadata"
	"github.com/apache/arrow/go/v17/parquet/schema"

	"github.com/flowcover/flowcover/analyze"
)

// Version of the observations' schema. A reader reads its own version and
// those before it; a column that an older file lacks stays zero.
const (
	FlowsVersion    = 1
	flowsVersionKey = "flowcover.observations"
	metaPrefix      = "flowcover."
	flowsGroupRows  = 65536
)

// ErrVersion says that a file was written by a newer flowcover.
var ErrVersion = errors.New("written by a newer flowcover: read it with that one")

// WriteFlows writes flows, in the order given, as one Parquet file. Equal flows
// and equal meta give equal bytes.
func WriteFlows(w io.Writer, flows []analyze.Flow, meta map[string]string) error {
	fields := make(schema.FieldList, len(flowColumns))
	for i := range flowColumns {
		node, err := flowColumns[i].node()
		if err != nil {
			return fmt.Errorf("observations column %s: %w", flowColumns[i].name, err)
		}
		fields[i] = node
	}
	root, err := schema.NewGroupNode("observations", parquet.Repetitions.Required, fields, -1)
	if err != nil {
		return fmt.Errorf("observations schema: %w", err)
	}
	kv := metadata.NewKeyValueMetadata()
	if err := kv.Append(flowsVersionKey, strconv.Itoa(FlowsVersion)); err != nil {
		return err
	}
	keys := make([]string, 0, len(meta))
	for k := range meta {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		if err := kv.Append(metaPrefix+"meta."+k, meta[k]); err != nil {
			return err
		}
	}
	props := parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Snappy),
		parquet.WithVersion(parquet.V2_LATEST), parquet.WithCreatedBy("flowcover"),
		// A chunk whose dictionary outgrows the limit gets its encodings listed
		// in an order that changes from run to run.
		parquet.WithDictionaryPageSizeLimit(1<<30), parquet.WithDictionaryFor("id", false))
	pw := file.NewParquetWriter(w, root, file.WithWriterProps(props), file.WithWriteMetadata(kv))
	for from := 0; from < len(flows); from += flowsGroupRows {
		if err := writeFlowGroup(pw, flows[from:min(from+flowsGroupRows, len(flows))]); err != nil {
			return errors.Join(err, pw.Close())
		}
	}
	if err := pw.Close(); err != nil {
		return fmt.Errorf("close observations: %w", err)
	}
	return nil
}

func writeFlowGroup(pw *file.Writer, flows []analyze.Flow) error {
	group := pw.AppendRowGroup()
	for i := range flowColumns {
		cw, err := group.NextColumn()
		if err == nil {
			err = flowColumns[i].write(cw, flows)
		}
		if err == nil {
			err = cw.Close()
		}
		if err != nil {
			return fmt.Errorf("observations column %s: %w", flowColumns[i].name, err)
		}
	}
	return group.Close()
}

// ReadFlows reads what WriteFlows wrote.
func ReadFlows(r io.ReaderAt, size int64) (flows []analyze.Flow, meta map[string]string, err error) {
	footer, err := ReadFooter(ReaderRange(r), size, nil)
	if err != nil {
		return nil, nil, err
	}
	version, err := strconv.Atoi(footer.Meta[flowsVersionKey])
	if err != nil || version < 1 {
		return nil, nil, fmt.Errorf("not a file of observations: %q is %q in its metadata", flowsVersionKey, footer.Meta[flowsVersionKey])
	}
	if version > FlowsVersion {
		return nil, nil, fmt.Errorf("observations of version %d: %w", version, ErrVersion)
	}
	meta = map[string]string{}
	for k, v := range footer.Meta {
		if len(k) > len(metaPrefix)+5 && k[:len(metaPrefix)+5] == metaPrefix+"meta." {
			meta[k[len(metaPrefix)+5:]] = v
		}
	}
	// Pages are decoded by arrow, which panics on some that are damaged.
	defer func() {
		if p := recover(); p != nil {
			flows, meta, err = nil, nil, fmt.Errorf("%w: damaged pages: %v", ErrNotParquet, p)
		}
	}()
	pr, err := file.NewParquetReader(io.NewSectionReader(r, 0, size))
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrNotParquet, err)
	}
	defer func() { err = errors.Join(err, pr.Close()) }()
	for g := range footer.RowGroups {
		// A row takes pages' bytes; a footer that claims more rows than that lies.
		n := footer.RowGroups[g].Rows
		if n > flowsGroupRows {
			return nil, nil, fmt.Errorf("%w: row group %d claims %d rows, more than %d", ErrNotParquet, g, n, flowsGroupRows)
		}
		part := make([]analyze.Flow, n)
		if err := readFlowGroup(pr.RowGroup(g), footer, part); err != nil {
			return nil, nil, fmt.Errorf("row group %d: %w", g, err)
		}
		flows = append(flows, part...)
	}
	return flows, meta, nil
}

func readFlowGroup(g *file.RowGroupReader, footer *Footer, flows []analyze.Flow) error {
	byName := map[string]int{}
	for i, c := range footer.Columns {
		byName[c.Name] = i
	}
	for i := range flowColumns {
		c := &flowColumns[i]
		j, ok := byName[c.name]
		if !ok {
			continue
		}
		cr, err := g.Column(j)
		if err == nil {
			err = c.read(cr, flows)
		}
		if err != nil {
			return fmt.Errorf("column %s: %w", c.name, err)
		}
	}
	return nil
}

// FlowsBytes is WriteFlows into memory.
func FlowsBytes(flows []analyze.Flow, meta map[string]string) ([]byte, error) {
	var b bytes.Buffer
	if err := WriteFlows(&b, flows, meta); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
