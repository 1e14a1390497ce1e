package rollup

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/flowcover/flowcover/analyze/source"
)

const (
	maxLine = 64 << 10
	// maxUnpacked bounds what a packed object may unpack to.
	maxUnpacked = 8 << 30
	// textFile is where a normalised text file ends and the next begins, so
	// that DuckDB's threads share the work.
	textFile = 32 << 20
)

var errUnpacked = badContent("it unpacks to more than %d GiB", maxUnpacked>>30)

// unpack reads gzip, to an end: a few kilobytes can hold petabytes.
func unpack(r io.Reader) (io.Reader, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, packError(err)
	}
	return &unpacker{z: z, left: maxUnpacked}, nil
}

type unpacker struct {
	z    *gzip.Reader
	left int64
}

func (u *unpacker) Read(p []byte) (int, error) {
	n, err := u.z.Read(p)
	if u.left -= int64(n); u.left < 0 {
		return n, errUnpacked
	}
	return n, packError(err)
}

// packError tells damage in the packed bytes from trouble in getting them.
func packError(err error) error {
	switch {
	case errors.Is(err, gzip.ErrHeader):
		return badContent("it is not gzip")
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, io.ErrUnexpectedEOF):
		return badContent("its gzip data is damaged or cut off: %v", err)
	case err != nil && strings.HasPrefix(err.Error(), "flate:"):
		return badContent("its gzip data is damaged: %v", err)
	}
	return err
}

// fetchText writes an object of text records as normalised files: fields in a
// fixed order, parted by tabs, those that a rollup needs alone. The files take no
// more of the stage than the job has: if there are more, they come as a stream.
func (s *stager) fetchText(ctx context.Context, j *job) ([]*input, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	o := j.object
	body, err := o.bucket.Open(ctx, o.Object)
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }()
	var r io.Reader = body
	if o.format == source.TextGz {
		if r, err = unpack(bufio.NewReaderSize(body, 256<<10)); err != nil {
			return nil, err
		}
	}
	w := &textWriter{ctx: ctx, stop: stop, s: s, j: j, most: max(j.weight/piecesAhead, 1)}
	records, bad, err := readText(&ctxReader{ctx, r}, w.write)
	err = errors.Join(err, w.flush())
	o.badLines = bad
	if err == nil && records == 0 {
		err = errSkip
		if bad > 0 {
			err = badContent("none of its %d lines is a record", bad)
		}
	}
	return w.finish(err), err
}

// textWriter writes records into files of a bounded size and one schema each,
// and the files into pieces.
type textWriter struct {
	ctx    context.Context
	stop   context.CancelFunc
	s      *stager
	j      *job
	most   int64 // bytes of a piece
	inputs []*input
	bytes  int64      // of the piece
	whole  [][]*input // pieces that were not handed over yet
	unread int        // pieces on the stage besides the one being written
	fields []string
	f      *os.File
	buf    *bufio.Writer
	size   int64 // of the file
}

// write takes one record: the values of fields. The slices are the caller's.
func (w *textWriter) write(fields []string, values [][]byte) error {
	n := int64(len(values)) // a tab or the line's end after each
	for _, v := range values {
		n += int64(len(v))
	}
	full := w.bytes > 0 && (w.bytes+n > w.most || len(w.inputs) >= offerFiles && !sameSlice(fields, w.fields))
	if full {
		if err := w.cut(); err != nil {
			return err
		}
	}
	if w.f == nil || w.size > textFile || !sameSlice(fields, w.fields) {
		if err := w.next(fields); err != nil {
			return err
		}
	}
	for i, v := range values {
		if i > 0 {
			if err := w.buf.WriteByte('\t'); err != nil {
				return err
			}
		}
		if _, err := w.buf.Write(v); err != nil {
			return err
		}
	}
	w.size += n
	w.bytes += n
	return w.buf.WriteByte('\n')
}

// cut ends a piece. While as many as the job has room for are on the stage it
// waits until one was read.
func (w *textWriter) cut() error {
	if err := w.flush(); err != nil {
		return err
	}
	w.whole, w.inputs = append(w.whole, w.inputs), nil
	w.j.used += w.bytes
	w.bytes = 0
	if w.unread++; w.unread < piecesAhead {
		return nil
	}
	if w.j.stream == nil {
		w.j.stream = newStream(w.j.object, w.stop)
		close(w.j.done)
	}
	w.handOver()
	select {
	case <-w.j.stream.read:
		w.unread--
		return nil
	case <-w.ctx.Done():
		return w.ctx.Err()
	}
}

// handOver does not wait: the channel has room for all that is on the stage.
func (w *textWriter) handOver() {
	for _, p := range w.whole {
		w.j.stream.pieces <- p
	}
	w.whole = nil
}

// finish hands the last piece over, or returns all files where there was no
// stream, and those of an object that is at fault.
func (w *textWriter) finish(err error) []*input {
	w.j.used += w.bytes
	if w.j.stream != nil && err == nil {
		w.whole, w.inputs = append(w.whole, w.inputs), nil
		w.handOver()
	}
	return slices.Concat(slices.Concat(w.whole...), w.inputs)
}

// sameSlice: readText hands out one slice for as long as headers name the same fields.
func sameSlice(a, b []string) bool { return len(a) == len(b) && len(a) > 0 && &a[0] == &b[0] }

func (w *textWriter) next(fields []string) error {
	if err := w.flush(); err != nil {
		return err
	}
	in := &input{path: w.s.path("tsv"), schema: textSchema(fields), object: w.j.object}
	f, err := os.Create(in.path)
	if err != nil {
		return err
	}
	w.inputs = append(w.inputs, in)
	w.f, w.buf, w.fields, w.size = f, bufio.NewWriterSize(f, 256<<10), fields, 0
	return nil
}

func (w *textWriter) flush() error {
	if w.f == nil {
		return nil
	}
	err := errors.Join(w.buf.Flush(), w.f.Close())
	w.s.staged.Add(w.size)
	w.f = nil
	return err
}

// readText reads text records: a header line that names the fields, then a
// record a line, fields parted by blanks. Header lines may come again, with
// other fields as well. Lines that fit no header are counted as bad. emit gets
// the fields a rollup needs, the same slice while headers name the same ones.
func readText(r io.Reader, emit func(fields []string, values [][]byte) error) (records, bad int64, err error) {
	br := bufio.NewReaderSize(r, maxLine)
	var head *header
	var words, values [][]byte
	for {
		line, tooLong, err := readLine(br)
		if err != nil && !errors.Is(err, io.EOF) {
			return records, bad, err
		}
		words = splitBlanks(line, words[:0])
		switch {
		case tooLong:
			bad++
		case len(words) == 0:
		case isHeader(words):
			h := newHeader(words)
			if why := h.schema.missing(); why != "" {
				return records, bad, badContent("its header line: %s", strings.Replace(why, "column", "field", 1))
			}
			// The same fields again, in whatever order, go on in the same file.
			if head != nil && slices.Equal(h.fields, head.fields) {
				h.fields = head.fields
			}
			head = h
		case head == nil:
			return records, bad, badContent("its first line is not a header that names srcaddr and dstaddr")
		case len(words) != head.width || !clean(line):
			bad++
		default:
			values = values[:0]
			for _, i := range head.at {
				values = append(values, words[i])
			}
			if err := emit(head.fields, values); err != nil {
				return records, bad, err
			}
			records++
		}
		if errors.Is(err, io.EOF) {
			break
		}
	}
	if head == nil {
		return records, bad, badContent("it is empty")
	}
	return records, bad, nil
}

// readLine reads a line without its end. Of one that is too long the rest is
// passed over.
func readLine(br *bufio.Reader) (line []byte, tooLong bool, err error) {
	line, err = br.ReadSlice('\n')
	for errors.Is(err, bufio.ErrBufferFull) {
		tooLong = true
		_, err = br.ReadSlice('\n')
	}
	return line, tooLong, err
}

func splitBlanks(line []byte, words [][]byte) [][]byte {
	for i := 0; i < len(line); {
		switch line[i] {
		case ' ', '\t', '\r', '\n':
			i++
			continue
		}
		from := i
		for i < len(line) && line[i] != ' ' && line[i] != '\t' && line[i] != '\r' && line[i] != '\n' {
			i++
		}
		words = append(words, line[from:i])
	}
	return words
}

// clean says that a line holds text alone, which DuckDB's reader takes.
func clean(line []byte) bool {
	for _, c := range line {
		if c < ' ' && c != '\t' && c != '\r' && c != '\n' {
			return false
		}
	}
	return utf8.Valid(line)
}

type header struct {
	width  int
	fields []string // those of the rollup, in the fixed order
	at     []int    // where each stands on the line
	schema schema
}

// isHeader: no record holds the word srcaddr or dstaddr.
func isHeader(words [][]byte) bool {
	for _, w := range words {
		if bytes.EqualFold(w, []byte("srcaddr")) || bytes.EqualFold(w, []byte("dstaddr")) {
			return true
		}
	}
	return false
}

func newHeader(words [][]byte) *header {
	h := &header{width: len(words)}
	at := map[string]int{}
	for i, w := range words {
		name := fieldName(string(w))
		if _, again := at[name]; !again && isField[name] {
			at[name] = i
		}
	}
	for _, list := range [][]string{textFields, numberFields} {
		for _, name := range list {
			if i, ok := at[name]; ok {
				h.fields, h.at = append(h.fields, name), append(h.at, i)
			}
		}
	}
	h.schema = textSchema(h.fields)
	return h
}

func (o *object) badLinesReason() string {
	return fmt.Sprintf("%d lines do not fit the header and were left out", o.badLines)
}
