package rollup

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/flowcover/flowcover/analyze/parquetio"
	"github.com/flowcover/flowcover/analyze/source"
)

// watched is a store on the network whose readers look at what is on the stage
// each time that they are asked for bytes.
type watched struct {
	source.Bucket
	stage       string
	most, files *atomic.Int64
	each        func()
}

func watch(t *testing.T, logs string, e *Engine) watched {
	t.Helper()
	return watched{openDir(t, logs, false), filepath.Join(e.dir, dirIn), new(atomic.Int64), new(atomic.Int64), func() {}}
}

func (w watched) Local(string) (string, bool) { return "", false }

func (w watched) Open(ctx context.Context, o source.Object) (io.ReadCloser, error) {
	r, err := w.Bucket.Open(ctx, o)
	return watchedReader{r, w}, err
}

type watchedReader struct {
	io.ReadCloser
	w watched
}

func (r watchedReader) Read(p []byte) (int, error) {
	r.w.each()
	var bytes, files int64
	_ = filepath.WalkDir(r.w.stage, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			bytes += onDisk(d)
			files++
		}
		return nil
	})
	raise(r.w.most, bytes)
	raise(r.w.files, files)
	return r.ReadCloser.Read(p[:min(len(p), 4<<10)])
}

func raise(most *atomic.Int64, n int64) {
	for {
		if m := most.Load(); n <= m || most.CompareAndSwap(m, n) {
			return
		}
	}
}

// bombs are objects that unpack to many times their size, in many files, or
// are damaged at their end.
func bombs(t *testing.T) (logs string) {
	t.Helper()
	logs = t.TempDir()
	noon := at(t, "2026-09-10 12:00:00")
	line := func(i int) string { return fmt.Sprintf("10.9.%d.1 10.0.0.5 %s %d\n", i%200, testENI, noon) }
	head := "srcaddr dstaddr interface-id start\n"
	var many, heads, plain strings.Builder
	many.WriteString(head)
	for i := range 150000 {
		many.WriteString(line(i / 1000))
	}
	for i := range 4000 {
		heads.WriteString([]string{head, "dstport srcaddr dstaddr interface-id start\n"}[i%2] + strings.Repeat("443 ", i%2) + line(i))
	}
	plain.WriteString(head)
	for i := range 60000 {
		plain.WriteString(line(i))
	}
	whole := gzipped(t, []byte(many.String()))
	put := func(day, name string, b []byte) { writeFile(t, logs, dayKey(day, name), b) }
	put("2026-09-10", "a.log", []byte(plain.String()))
	put("2026-09-10", "b.log.gz", whole)
	put("2026-09-10", "c.log.gz", gzipped(t, []byte(heads.String())))
	put("2026-09-11", "d.log.gz", whole[:len(whole)-5]) // the checksum is cut
	put("2026-09-11", "e.log.gz", whole)
	r := rand.New(rand.NewPCG(9, 9))
	for i := range 6 {
		b := parquetBytes(t, wideRecords(r, noon, 800), parquetio.FlowLogOptions{})
		put("2026-09-10", fmt.Sprintf("p%d.parquet", i), b)
		put("2026-09-11", fmt.Sprintf("q%d.parquet.gz", i), gzipped(t, b))
	}
	return logs
}

// Whatever the objects unpack to, the stage stays within its bytes and files,
// and the rollups are the same as with room for everything.
func TestStageIsBoundedWhateverUnpacks(t *testing.T) {
	logs := bombs(t)
	w := window(t, "2026-09-10", "2026-09-12", "UTC")
	want := t.TempDir()
	rep := fill(t, openEngine(t, want, Options{}), logs, w)
	if rep.Objects != (Objects{Read: 16, Unreadable: 1}) || rep.Records != 150000*2+4000+60000+12*800 {
		t.Fatalf("with room: %+v", rep)
	}
	for _, budget := range []int64{1 << 20, 3 << 20} {
		state := t.TempDir()
		e := openEngine(t, state, Options{StageBytes: budget, Threads: 2})
		b := watch(t, logs, e)
		rep, err := e.Fill(context.Background(), []source.Bucket{b}, w, nil)
		if err != nil {
			t.Fatal(err)
		}
		if rep.Objects != (Objects{Read: 16, Unreadable: 1}) || len(rep.Findings) != 1 || !strings.Contains(rep.Findings[0].Resource, "d.log.gz") {
			t.Errorf("stage of %d: %+v", budget, rep)
		}
		sameFiles(t, fmt.Sprintf("stage of %d", budget), stateFiles(t, state), stateFiles(t, want))
		// Files take whole blocks of the disk.
		if m, n := b.most.Load(), b.files.Load(); m > budget+n*4096 || m < budget/4 || n > 2*batchFiles {
			t.Errorf("stage of %d: it held %d bytes in %d files", budget, m, n)
		}
		if left, err := os.ReadDir(b.stage); err != nil || len(left) > 0 {
			t.Errorf("%d files left on the stage, %v", len(left), err)
		}
	}
}

// An object that the stage cannot hold is named with the way out, and read
// when there is room.
func TestObjectLargerThanTheStage(t *testing.T) {
	r := rand.New(rand.NewPCG(10, 10))
	logs, state := t.TempDir(), t.TempDir()
	noon := at(t, "2026-09-10 12:00:00")
	big := parquetBytes(t, wideRecords(r, noon, 30000), parquetio.FlowLogOptions{})
	writeFile(t, logs, dayKey("2026-09-10", "big.parquet"), big)
	writeFile(t, logs, dayKey("2026-09-10", "packed.parquet.gz"), gzipped(t, big))
	for i := range 5 {
		writeFile(t, logs, dayKey("2026-09-10", fmt.Sprintf("small%d.parquet", i)),
			parquetBytes(t, wideRecords(r, noon, 1000), parquetio.FlowLogOptions{}))
	}
	w := window(t, "2026-09-10", "2026-09-11", "UTC")
	run := func(stage int64) Report {
		e := openEngine(t, state, Options{StageBytes: stage})
		rep, err := e.Fill(context.Background(), []source.Bucket{backwards{openDir(t, logs, false)}}, w, nil)
		if err != nil {
			t.Fatal(err)
		}
		return rep
	}
	rep := run(200 << 10)
	if rep.Objects != (Objects{Read: 5, Unreadable: 2}) || rep.Records != 5000 {
		t.Errorf("in a small stage: %+v", rep)
	}
	for _, f := range rep.Findings {
		if !strings.Contains(f.Message, "allow more with --stage") {
			t.Errorf("%+v", f)
		}
	}
	// More than half of the stage each, one after the other.
	if rep := run(int64(len(big)) * 5 / 4); rep.Objects != (Objects{Read: 7}) || rep.Records != 65000 {
		t.Errorf("in a stage of nearly its size: %+v", rep)
	}
	if rep := run(200 << 10); rep.Objects != (Objects{Read: 7}) || rep.Built != 0 {
		t.Errorf("once read: %+v", rep)
	}
}

// A file that unpacks to more than its size allows is not read to its end.
func TestPackedParquetBomb(t *testing.T) {
	logs := t.TempDir()
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	for range 64 {
		if _, err := z.Write(make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	writeFile(t, logs, dayKey("2026-09-10", "bomb.parquet.gz"), b.Bytes())
	e := openEngine(t, t.TempDir(), Options{})
	rep := fill(t, e, logs, testWindow())
	if rep.Objects != (Objects{Unreadable: 1}) || !strings.Contains(rep.Findings[0].Message, "more than 64 times its size") {
		t.Errorf("%+v", rep)
	}
}

// A piece that DuckDB cannot read takes the whole object out, those of its
// pieces that were read before as well.
func TestPieceThatCannotBeRead(t *testing.T) {
	ctx := context.Background()
	e := openEngine(t, t.TempDir(), Options{})
	u := &unit{Partition: source.Partition{Day: int32(at(t, "2026-09-10 00:00:00") / secondsADay)}}
	if err := e.begin(ctx, u); err != nil {
		t.Fatal(err)
	}
	s := newStager(e)
	fields := []string{"srcaddr", "dstaddr", "interface_id"}
	piece := func(o *object, text string) *input {
		in := &input{path: s.path("tsv"), schema: textSchema(fields), object: o}
		if text != "" {
			if err := os.WriteFile(in.path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return in
	}
	good, bad := &object{bucket: openDir(t, t.TempDir(), false)}, &object{bucket: openDir(t, t.TempDir(), false)}
	line := "10.9.0.1\t10.0.0.5\teni-1\n"
	for _, o := range []*object{bad, good} {
		stopped := false
		st := newStream(o, func() { stopped = true })
		for i := range 3 {
			text := line
			if o == bad && i == 1 {
				text = "" // the file is not there
			}
			if err := e.addPiece(ctx, s, &batch{unit: u, stream: st, inputs: []*input{piece(o, text)}}); err != nil {
				t.Fatal(err)
			}
		}
		if err := e.addPiece(ctx, s, &batch{unit: u, stream: st, ends: true}); err != nil {
			t.Fatal(err)
		}
		if stopped != (o == bad) || (o.status == statusUnreadable) != (o == bad) || e.inTx {
			t.Errorf("stopped %v, status %v (%s), in a transaction %v", stopped, o.status, o.reason, e.inTx)
		}
	}
	var n int
	if err := e.conn.QueryRowContext(ctx, "SELECT sum(records) FROM conversation").Scan(&n); err != nil || n != 3 {
		t.Errorf("%d records, %v", n, err)
	}
}

// A run ended in the middle of a stream leaves an engine that goes on.
func TestCancelledStream(t *testing.T) {
	logs, state, want := bombs(t), t.TempDir(), t.TempDir()
	w := window(t, "2026-09-10", "2026-09-12", "UTC")
	fill(t, openEngine(t, want, Options{}), logs, w)
	e := openEngine(t, state, Options{StageBytes: 1 << 20})
	b := watch(t, logs, e)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	asked := atomic.Int64{}
	b.each = func() {
		// The object in pieces is read 4 KiB at a time; by then two are with DuckDB.
		if asked.Add(1) == 420 {
			cancel()
		}
	}
	if _, err := e.Fill(ctx, []source.Bucket{b}, w, nil); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	if left, err := os.ReadDir(b.stage); err != nil || len(left) > 0 {
		t.Errorf("%d files left on the stage, %v", len(left), err)
	}
	fill(t, e, logs, w)
	sameFiles(t, "after a stream was ended", stateFiles(t, state), stateFiles(t, want))
}
