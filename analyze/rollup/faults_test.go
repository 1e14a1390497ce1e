package rollup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	duckdb "github.com/marcboeker/go-duckdb/v2"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/analyze/parquetio"
	"github.com/flowcover/flowcover/analyze/source"
)

// Two runs at once over one state do no harm.
func TestTwoRunsAtOnce(t *testing.T) {
	logs, whole, state := t.TempDir(), t.TempDir(), t.TempDir()
	threeDays(t, logs)
	w := testWindow()
	fill(t, openEngine(t, whole, Options{}), logs, w)
	done := make(chan error, 2)
	for range 2 {
		e := openEngine(t, state, Options{})
		b := openDir(t, logs, false)
		go func() {
			_, err := e.Fill(context.Background(), []source.Bucket{b}, w, nil)
			done <- err
		}()
	}
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	sameFiles(t, "two at once", stateFiles(t, state), stateFiles(t, whole))
}

// A full disk is the run's error, not the object's: nothing is called
// unreadable and no rollup is written.
func TestFullDiskIsNobodysFault(t *testing.T) {
	for _, err := range []error{syscall.ENOSPC, &os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}, fmt.Errorf("stage: %w", syscall.EDQUOT)} {
		if !fatal(err) {
			t.Errorf("%v passes for an object's fault", err)
		}
	}
	logs, state := t.TempDir(), t.TempDir()
	threeDays(t, logs)
	e := openEngine(t, state, Options{})
	b := fullDisk{openDir(t, logs, false)}
	_, err := e.Fill(context.Background(), []source.Bucket{b}, testWindow(), nil)
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(filepath.Join(state, "rollups")); err == nil {
		t.Error("a rollup was written")
	}
}

// A page that claims or holds far more than it should ends in a finding.
func TestInflatedText(t *testing.T) {
	bomb := gzipped(t, bytes.Repeat([]byte("0"), 8<<20)) // one line without an end
	logs := t.TempDir()
	writeFile(t, logs, dayKey("2026-09-10", "bomb.log.gz"), bomb)
	good := parquetBytes(t, tcp(testENI, "10.9.0.7", "10.0.0.5", 40001, 443, at(t, "2026-09-10 12:00:00"), 2, 18), parquetio.FlowLogOptions{})
	writeFile(t, logs, dayKey("2026-09-10", "good.parquet"), good)
	e := openEngine(t, t.TempDir(), Options{})
	rep := fill(t, e, logs, testWindow())
	if rep.Objects != (Objects{Read: 1, Unreadable: 1}) || rep.Records != 2 {
		t.Errorf("%+v", rep)
	}
	u := &unpacker{left: 10}
	z, err := unpack(bytes.NewReader(gzipped(t, make([]byte, 1000))))
	if err != nil {
		t.Fatal(err)
	}
	u.z = z.(*unpacker).z
	if _, err := u.Read(make([]byte, 100)); !errors.Is(err, errUnpacked) {
		t.Errorf("past the bound: %v", err)
	}
}

// An error that ends DuckDB is no object's: after it every object would be found
// unreadable.
func TestErrorsThatEndDuckDB(t *testing.T) {
	e := openEngine(t, t.TempDir(), Options{})
	_, invalid := e.conn.ExecContext(context.Background(), "SELECT error('it is a file that says so')")
	if invalid == nil || invalidates(fmt.Errorf("20_conversation.sql: %w", invalid)) {
		t.Errorf("%v ends DuckDB", invalid)
	}
	for _, typ := range []duckdb.ErrorType{duckdb.ErrorTypeInternal, duckdb.ErrorTypeFatal} {
		if err := errors.Join(fmt.Errorf("20_conversation.sql: %w", &duckdb.Error{Type: typ, Msg: "null"}), errors.New("ROLLBACK failed")); !invalidates(err) {
			t.Errorf("%v does not end DuckDB", err)
		}
	}
}

// pageBomb is an object one of whose pages holds a text of so many bytes.
func pageBomb(t *testing.T, n int) []byte {
	t.Helper()
	long := strings.Repeat("0", n)
	cols := []parquetio.FlowLogColumn{
		{Name: "interface_id", Strings: []string{testENI, testENI}},
		{Name: "srcaddr", Strings: []string{long, long[:n-1]}},
		{Name: "dstaddr", Strings: []string{"10.0.0.5", "10.0.0.5"}},
	}
	var b bytes.Buffer
	if err := parquetio.WriteFlowLog(&b, cols, parquetio.FlowLogOptions{}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// lyingPage puts another size into the header of the largest page, which says
// what it unpacks to.
func lyingPage(t *testing.T, object []byte, size, claim int) []byte {
	t.Helper()
	varint := func(n, width int) []byte { // zigzag, as thrift's compact protocol writes it
		u := uint64(n) << 1
		var out []byte
		for i := range width {
			b := byte(u>>(7*i)) & 0x7f
			if i < width-1 {
				b |= 0x80
			}
			out = append(out, b)
		}
		return out
	}
	i := bytes.Index(object, varint(size, 4))
	if i < 0 {
		t.Fatalf("no page of %d bytes", size)
	}
	out := bytes.Clone(object)
	copy(out[i:], varint(claim, 4))
	return out
}

// A page that inflates without end, or to more than it says, ends its own object
// and takes no memory beyond the limit.
func TestInflatedPages(t *testing.T) {
	const honest = 2 << 20
	small := pageBomb(t, honest)
	page := 2*honest - 1 + 2*4 // two texts, their lengths before them
	good := parquetBytes(t, tcp(testENI, "10.9.0.7", "10.0.0.5", 40001, 443, at(t, "2026-09-10 12:00:00"), 2, 18), parquetio.FlowLogOptions{})
	for _, c := range []struct {
		name    string
		object  []byte
		objects Objects
		records int64
		says    string
	}{
		{"bomb", pageBomb(t, 100<<20), Objects{Read: 1, Unreadable: 1}, 2, "--memory"},
		{"less", lyingPage(t, small, page, 1000), Objects{Read: 1, Unreadable: 1}, 2, "DuckDB cannot read it"},
		// It does no harm: the page is what it is.
		{"more", lyingPage(t, small, page, 1<<27-1), Objects{Read: 2}, 4, ""},
	} {
		logs := t.TempDir()
		writeFile(t, logs, dayKey("2026-09-10", c.name+".parquet"), c.object)
		writeFile(t, logs, dayKey("2026-09-10", "good.parquet"), good)
		e := openEngine(t, t.TempDir(), Options{MemoryLimit: 160 << 20, Threads: 2})
		rep := fill(t, e, logs, testWindow())
		named := slices.ContainsFunc(rep.Findings, func(f analyze.Finding) bool {
			return strings.Contains(f.Resource, c.name+".parquet") && strings.Contains(f.Message, c.says)
		})
		if rep.Objects != c.objects || rep.Records != c.records || named != (c.says != "") {
			t.Errorf("%s: %+v", c.name, rep)
		}
	}
}
