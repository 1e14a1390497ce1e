package parquetio

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/file"
)

// flowLogColumns makes n rows; every third row is a NODATA row.
func flowLogColumns(n int) []FlowLogColumn {
	src := FlowLogColumn{Name: "srcaddr"}
	port := FlowLogColumn{Name: "srcport", Kind: FlowLogInt32}
	start := FlowLogColumn{Name: "start", Kind: FlowLogInt64}
	for i := range n {
		silent := i%3 == 2
		addr := fmt.Sprintf("10.0.0.%d", i%250)
		if silent {
			addr = "-"
		}
		src.Strings = append(src.Strings, addr)
		port.Ints = append(port.Ints, int64(1024+i))
		port.Null = append(port.Null, silent)
		start.Ints = append(start.Ints, int64(1_790_000_000+i))
	}
	return []FlowLogColumn{src, port, start}
}

func TestWriteFlowLogReadsBack(t *testing.T) {
	const n = 1000
	columns := flowLogColumns(n)
	var out, again bytes.Buffer
	opt := FlowLogOptions{RowGroupRows: 300}
	if err := WriteFlowLog(&out, columns, opt); err != nil {
		t.Fatal(err)
	}
	if err := WriteFlowLog(&again, columns, opt); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(out.Bytes(), again.Bytes()) {
		t.Error("equal columns gave different bytes")
	}
	r, err := file.NewParquetReader(bytes.NewReader(out.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	if r.NumRows() != n || r.NumRowGroups() != 4 {
		t.Fatalf("%d rows in %d row groups, want %d in 4", r.NumRows(), r.NumRowGroups(), n)
	}
	row := 0
	for g := range r.NumRowGroups() {
		rg := r.RowGroup(g)
		ports, levels := readInt32(t, rg, 1)
		at := 0
		for i, level := range levels {
			null := (row+i)%3 == 2
			if (level == 0) != null {
				t.Fatalf("row %d: definition level %d, want null %v", row+i, level, null)
			}
			if !null {
				if want := int32(1024 + row + i); ports[at] != want {
					t.Fatalf("row %d: srcport %d, want %d", row+i, ports[at], want)
				}
				at++
			}
		}
		row += len(levels)
		chunk, err := rg.MetaData().ColumnChunk(2)
		if err != nil {
			t.Fatal(err)
		}
		if set, err := chunk.StatsSet(); err != nil || !set {
			t.Errorf("row group %d has no statistics of start: %v", g, err)
		}
		if chunk.Compression().String() != "GZIP" {
			t.Errorf("start is %s, want gzip pages", chunk.Compression())
		}
	}
	if node := r.MetaData().Schema.Column(1); node.PhysicalType() != parquet.Types.Int32 {
		t.Errorf("srcport is %s, want INT32", node.PhysicalType())
	}
}

func readInt32(t *testing.T, rg *file.RowGroupReader, column int) ([]int32, []int16) {
	t.Helper()
	c, err := rg.Column(column)
	if err != nil {
		t.Fatal(err)
	}
	cr, ok := c.(*file.Int32ColumnChunkReader)
	if !ok {
		t.Fatalf("column %d is read by %T", column, c)
	}
	values, levels := make([]int32, rg.NumRows()), make([]int16, rg.NumRows())
	total, read, err := cr.ReadBatch(rg.NumRows(), values, levels, nil)
	if err != nil || total != rg.NumRows() {
		t.Fatalf("read %d of %d rows: %v", total, rg.NumRows(), err)
	}
	return values[:read], levels
}

func TestWriteFlowLogRefusesUnevenColumns(t *testing.T) {
	columns := flowLogColumns(5)
	columns[1].Ints = columns[1].Ints[:4]
	if err := WriteFlowLog(&bytes.Buffer{}, columns, FlowLogOptions{}); err == nil {
		t.Error("uneven columns were written")
	}
	if err := WriteFlowLog(&bytes.Buffer{}, nil, FlowLogOptions{}); err == nil {
		t.Error("no columns were written")
	}
}
