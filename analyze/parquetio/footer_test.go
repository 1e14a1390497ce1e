package parquetio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"
)

func flowLogBytes(t testing.TB, rows, group int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := WriteFlowLog(&b, flowLogColumns(rows), FlowLogOptions{RowGroupRows: group}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestFooterSaysWhereChunksLie(t *testing.T) {
	b := flowLogBytes(t, 1000, 300)
	f, err := ReadFooter(ReaderRange(bytes.NewReader(b)), int64(len(b)), nil)
	if err != nil {
		t.Fatal(err)
	}
	if f.Rows != 1000 || len(f.RowGroups) != 4 || len(f.Columns) != 3 {
		t.Fatalf("%d rows, %d row groups, %d columns", f.Rows, len(f.RowGroups), len(f.Columns))
	}
	if f.Columns[0] != (Column{Name: "srcaddr", Type: "BYTE_ARRAY"}) || f.Columns[2] != (Column{Name: "start", Type: "INT64"}) {
		t.Errorf("columns %+v", f.Columns)
	}
	at := int64(len(magic))
	for g, rg := range f.RowGroups {
		for c, k := range rg.Chunks {
			if k.Offset != at {
				t.Errorf("row group %d column %d begins at %d, the one before it ends at %d", g, c, k.Offset, at)
			}
			at = k.Offset + k.Length
		}
		k := rg.Chunks[2]
		if lo := int64(1_790_000_000 + 300*g); !k.HasMinMax || k.Min != lo || k.Max != lo+rg.Rows-1 {
			t.Errorf("row group %d: start from %d to %d (%v), want from %d", g, k.Min, k.Max, k.HasMinMax, lo)
		}
	}
	if at > f.Tail {
		t.Errorf("the pages end at %d, the footer begins at %d", at, f.Tail)
	}
}

// A footer larger than the first read takes a second one, of what is missing.
func TestFooterLargerThanTheFirstRead(t *testing.T) {
	b := flowLogBytes(t, 3000, 2)
	if n := binary.LittleEndian.Uint32(b[len(b)-8:]); n <= firstTailRead {
		t.Fatalf("the footer has only %d bytes", n)
	}
	var reads, bytesRead int
	f, err := ReadFooter(func(off int64, p []byte) error {
		reads++
		bytesRead += len(p)
		copy(p, b[off:])
		return nil
	}, int64(len(b)), func(off int64, p []byte) error {
		if !bytes.Equal(p, b[off:]) {
			t.Error("the tail handed on is not the file's")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if reads != 2 || int64(bytesRead) != f.Size-f.Tail || f.Rows != 3000 {
		t.Errorf("%d reads of %d bytes for a tail of %d", reads, bytesRead, f.Size-f.Tail)
	}
}

func TestFooterRefusesLies(t *testing.T) {
	good := flowLogBytes(t, 100, 50)
	lie := func(change func(b []byte) []byte) []byte { return change(bytes.Clone(good)) }
	for name, b := range map[string][]byte{
		"empty":        {},
		"cut off":      good[:len(good)-100],
		"magic alone":  []byte("PAR1PAR1"),
		"no footer":    lie(func(b []byte) []byte { binary.LittleEndian.PutUint32(b[len(b)-8:], 0); return b }),
		"huge footer":  lie(func(b []byte) []byte { binary.LittleEndian.PutUint32(b[len(b)-8:], 1<<31); return b }),
		"short footer": lie(func(b []byte) []byte { binary.LittleEndian.PutUint32(b[len(b)-8:], 20); return b }),
		"encrypted":    lie(func(b []byte) []byte { return append(b[:len(b)-1], 'E') }),
		// The same footer on a file without its pages: every chunk lies outside.
		"pages missing": lie(func(b []byte) []byte {
			n := int(binary.LittleEndian.Uint32(b[len(b)-8:]))
			return append([]byte(magic), b[len(b)-8-n:]...)
		}),
	} {
		if _, err := ReadFooter(ReaderRange(bytes.NewReader(b)), int64(len(b)), nil); !errors.Is(err, ErrNotParquet) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A list that claims more than its bytes is refused before it is allocated.
func TestThriftClaimsAreBacked(t *testing.T) {
	claim := []byte{0x29, 0xfc, 0xff, 0xff, 0xff, 0x7f} // field 2: a list of 2^28 structs
	if err := checkThrift(claim); !errors.Is(err, errThriftShort) {
		t.Error(err)
	}
	deep := bytes.Repeat([]byte{0x1c}, 1000) // structs in structs
	if err := checkThrift(deep); !errors.Is(err, errThriftDeep) {
		t.Error(err)
	}
}

// Flipping bytes of a footer gives an error or a footer within its file.
func TestFooterSurvivesDamage(t *testing.T) {
	good := flowLogBytes(t, 100, 25)
	n := int(binary.LittleEndian.Uint32(good[len(good)-8:]))
	r := rand.New(rand.NewPCG(7, 7))
	for range 4000 {
		b := bytes.Clone(good)
		for range 1 + r.IntN(4) {
			b[len(b)-8-n+r.IntN(n)] = byte(r.Uint32())
		}
		checkFooter(t, b)
	}
}

func checkFooter(t *testing.T, b []byte) {
	t.Helper()
	f, err := ReadFooter(ReaderRange(bytes.NewReader(b)), int64(len(b)), nil)
	if err != nil {
		return
	}
	for _, g := range f.RowGroups {
		if len(g.Chunks) != len(f.Columns) {
			t.Fatal("chunks and columns differ in number")
		}
		for _, c := range g.Chunks {
			if c.Offset < 4 || c.Length < 0 || c.Offset+c.Length > f.Tail || c.Bloom >= f.Tail {
				t.Fatalf("chunk %+v outside of the file", c)
			}
		}
	}
}

func FuzzFooter(f *testing.F) {
	f.Add(flowLogBytes(f, 10, 5))
	f.Add(flowLogBytes(f, 0, 0))
	f.Add([]byte("PAR1PAR1"))
	f.Fuzz(func(t *testing.T, b []byte) { checkFooter(t, b) })
}
