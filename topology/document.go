package topology

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
)

// DocumentFormat is the value of a snapshot file's format field.
const DocumentFormat = "flowcover.snapshot/1"

const formatFamily = "flowcover.snapshot/"

// Reading says when and from where a part of the account was read. It stands
// outside the canonical part.
type Reading struct {
	Account string `json:"account"`
	Region  string `json:"region"`
	Source  string `json:"source"` // aws, or the folder
	Time    string `json:"time"`   // RFC 3339, UTC; empty: not known
}

// Document is a snapshot file.
type Document struct {
	Format   string    `json:"format"`
	Readings []Reading `json:"readings"`
	// Digest and Fingerprints guard against a file edited by hand: a
	// fingerprint for each resource by id, the digest for all of it.
	Digest       string            `json:"digest"`
	Fingerprints map[string]string `json:"fingerprints"`
	Resources    Resources         `json:"resources"`

	snapshot *Snapshot
}

// NewDocument makes the file of a snapshot.
func NewDocument(s *Snapshot, readings []Reading) *Document {
	return &Document{Format: DocumentFormat, Readings: orEmpty(readings), Digest: s.Digest(),
		Fingerprints: s.prints(), Resources: s.r, snapshot: s}
}

// Snapshot gives the snapshot in the document. It is nil for a Document that
// neither NewDocument nor Decode made.
func (d *Document) Snapshot() *Snapshot { return d.snapshot }

// Encode writes the document. Equal documents give equal bytes.
func (d *Document) Encode(w io.Writer) error {
	if d.snapshot == nil {
		return errors.New("encode snapshot: the document holds no snapshot; make it with NewDocument")
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	if err := enc.Encode(d); err != nil {
		return fmt.Errorf("encode snapshot: %w", err)
	}
	return nil
}

// Decode reads a snapshot file and checks it: the format and its version, no
// unknown field, every value, every fingerprint, and the digest.
func Decode(r io.Reader) (*Document, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read snapshot: %w", err)
	}
	if err := checkFormat(data); err != nil {
		return nil, err
	}
	d := &Document{}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(d); err != nil {
		return nil, explain(err)
	}
	if rest := bytes.TrimSpace(data[dec.InputOffset():]); len(rest) > 0 {
		return nil, fmt.Errorf("snapshot: unexpected text after the end of the document at byte %d", dec.InputOffset())
	}
	s, err := New(d.Resources)
	if err != nil {
		return nil, fmt.Errorf("snapshot: %w", err)
	}
	if err := d.verify(s); err != nil {
		return nil, err
	}
	d.Resources, d.Readings, d.snapshot = s.r, orEmpty(d.Readings), s
	return d, nil
}

// checkFormat reads the format first, so that a file of a later version is
// called that and not a file with an unknown field.
func checkFormat(data []byte) error {
	var head struct {
		Format string `json:"format"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return explain(err)
	}
	switch {
	case head.Format == DocumentFormat:
		return nil
	case strings.HasPrefix(head.Format, formatFamily):
		return fmt.Errorf("snapshot: format %q is of another version; this flowcover reads %s: use the flowcover that wrote it, or take the snapshot again",
			head.Format, DocumentFormat)
	}
	return fmt.Errorf("snapshot: format %q: want %s; is this a snapshot.json?", head.Format, DocumentFormat)
}

// EditedError says that a snapshot file is not what was written.
type EditedError struct {
	Resource string // id; empty: quotas or the list of calls not read
	Reason   string
}

func (e *EditedError) Error() string {
	what := e.Resource
	if what == "" {
		what = "quotas or not_read"
	}
	return fmt.Sprintf("snapshot: %s: %s: the file was changed after it was written; take the snapshot again", what, e.Reason)
}

func (d *Document) verify(s *Snapshot) error {
	prints := s.prints()
	for _, id := range sortedKeys(prints) {
		switch stored, ok := d.Fingerprints[id]; {
		case !ok:
			return &EditedError{id, "the resource has no fingerprint"}
		case stored != prints[id]:
			return &EditedError{id, "the fingerprint does not match"}
		}
	}
	for _, id := range sortedKeys(d.Fingerprints) {
		if _, ok := prints[id]; !ok {
			return &EditedError{id, "the fingerprint has no resource"}
		}
	}
	if d.Digest != s.Digest() {
		return &EditedError{"", "the digest does not match"}
	}
	return nil
}

// explain turns the decoder's error into one that a person can act on.
func explain(err error) error {
	var syntax *json.SyntaxError
	var typed *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("snapshot: not JSON at byte %d: %w", syntax.Offset, err)
	case errors.As(err, &typed):
		return fmt.Errorf("snapshot: field %s at byte %d: want %s, not a %s: %w", typed.Field, typed.Offset, typed.Type, typed.Value, err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("snapshot: the file ends too early: %w", err)
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		if name = strings.Trim(name, `"`); len(name) > 64 {
			name = name[:64]
		}
		return fmt.Errorf("snapshot: unknown field %q; the nearest known one is %q", name, nearest(name, documentFields()))
	}
	return fmt.Errorf("snapshot: %w", err)
}

// documentFields lists every field name that a snapshot file may have.
func documentFields() []string {
	seen := map[string]bool{}
	var walk func(t reflect.Type)
	walk = func(t reflect.Type) {
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct || t.PkgPath() != reflect.TypeFor[Document]().PkgPath() {
			return
		}
		for i := range t.NumField() {
			f := t.Field(i)
			if name := jsonName(f); name != "" {
				seen[name] = true
			}
			if f.IsExported() {
				walk(f.Type)
			}
		}
	}
	walk(reflect.TypeFor[Document]())
	return sortedKeys(seen)
}

// nearest gives the name with the least edit distance, the first of several.
func nearest(name string, known []string) string {
	best, least := "", 1<<30
	for _, k := range known {
		if d := distance(name, k); d < least {
			best, least = k, d
		}
	}
	return best
}

func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			up := row[j+1]
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, up, row[j])
			}
			diagonal, row[j+1] = up, cost
		}
	}
	return row[len(b)]
}

func digestOf(r Resources) string {
	h := sha256.New()
	if err := json.NewEncoder(h).Encode(r); err != nil {
		panic("topology: resources do not encode: " + err.Error()) // checked values always do
	}
	return hex.EncodeToString(h.Sum(nil))
}
