package topology

import (
	"bufio"
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
	seal := s.seal()
	return &Document{Format: DocumentFormat, Readings: orEmpty(readings), Digest: seal.digest,
		Fingerprints: seal.prints, Resources: s.r, snapshot: s}
}

// Snapshot gives the snapshot in the document. It is nil for a Document that
// neither NewDocument nor Decode made.
func (d *Document) Snapshot() *Snapshot { return d.snapshot }

// Encode writes the document, one resource a line. Equal documents give equal
// bytes.
func (d *Document) Encode(w io.Writer) error {
	if d.snapshot == nil {
		return errors.New("encode snapshot: the document holds no snapshot; make it with NewDocument")
	}
	b := bufio.NewWriterSize(w, 1<<16)
	if err := d.write(b); err != nil {
		return fmt.Errorf("encode snapshot: %w", err)
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("encode snapshot: %w", err)
	}
	return nil
}

// write keeps the format first: a reader that knows another version need read
// no further. Resources come one by one, so that no second copy of a large
// account is held; a failed write shows at the flush.
func (d *Document) write(b *bufio.Writer) error {
	head, err := json.Marshal(struct {
		Format   string    `json:"format"`
		Readings []Reading `json:"readings"`
		Digest   string    `json:"digest"`
	}{DocumentFormat, orEmpty(d.Readings), d.snapshot.Digest()})
	if err != nil {
		return err
	}
	put := func(s string) { _, _ = b.WriteString(s) }
	put(strings.TrimSuffix(string(head), "}") + ",\n\"fingerprints\":{")
	prints := d.snapshot.seal().prints
	for i, id := range sortedKeys(prints) {
		key, err := json.Marshal(id)
		if err != nil {
			return err
		}
		if i > 0 {
			put(",")
		}
		put("\n" + string(key) + ":\"" + prints[id] + "\"")
	}
	put("},\n\"resources\":{")
	k := 0
	err = eachKind(&d.snapshot.r, func(kind string, n int, item func(int) (string, any)) error {
		if k++; k > 1 {
			put(",")
		}
		put("\n\"" + kind + "\":[")
		for i := range n {
			_, v := item(i)
			line, err := json.Marshal(v)
			if err != nil {
				return err
			}
			if i > 0 {
				put(",")
			}
			put("\n")
			_, _ = b.Write(line)
		}
		put("]")
		return nil
	})
	put("}}\n")
	return err
}

// Decode reads a snapshot file and checks it: the format and its version, no
// unknown field, every value, every fingerprint, and the digest.
func Decode(r io.Reader) (*Document, error) {
	d := &Document{}
	dec := json.NewDecoder(r)
	dec.DisallowUnknownFields()
	if err := d.read(dec); err != nil {
		return nil, fmt.Errorf("snapshot: %w", err)
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

// read goes through the document value by value, so that a large one is never
// held as text.
func (d *Document) read(dec *json.Decoder) error {
	seen := map[string]bool{}
	err := eachField(dec, "", func(key string) error {
		if seen[key] {
			return fmt.Errorf("field %q stands twice", key)
		}
		if seen[key] = true; key != "format" && !seen["format"] {
			return errors.New("the first field is not the format; is this a snapshot.json?")
		}
		switch key {
		case "format":
			if err := decode(dec, key, &d.Format); err != nil {
				return err
			}
			return d.checkFormat()
		case "readings":
			return decode(dec, key, &d.Readings)
		case "digest":
			return decode(dec, key, &d.Digest)
		case "fingerprints":
			return decode(dec, key, &d.Fingerprints)
		case "resources":
			return d.readResources(dec)
		}
		return unknownField(key, jsonFields(reflect.TypeFor[Document](), false))
	})
	if err != nil {
		return err
	}
	if !seen["format"] {
		return d.checkFormat()
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("text after the end of the document at byte %d", dec.InputOffset())
	}
	return nil
}

func (d *Document) checkFormat() error {
	switch {
	case d.Format == DocumentFormat:
		return nil
	case strings.HasPrefix(d.Format, formatFamily):
		return fmt.Errorf("format %q is of another version; this flowcover reads %s: use the flowcover that wrote it, or take the snapshot again",
			d.Format, DocumentFormat)
	}
	return fmt.Errorf("format %q: want %s; is this a snapshot.json?", d.Format, DocumentFormat)
}

func (d *Document) readResources(dec *json.Decoder) error {
	r := &d.Resources
	lists := map[string]func(string) error{
		"vpcs": list(dec, &r.VPCs), "subnets": list(dec, &r.Subnets), "route_tables": list(dec, &r.RouteTables),
		"security_groups": list(dec, &r.SecurityGroups), "network_acls": list(dec, &r.NetworkACLs), "prefix_lists": list(dec, &r.PrefixLists),
		"transit_gateways": list(dec, &r.TransitGateways), "transit_gateway_attachments": list(dec, &r.Attachments),
		"transit_gateway_route_tables": list(dec, &r.TransitRouteTables), "peering_connections": list(dec, &r.Peerings),
		"gateways": list(dec, &r.Gateways), "vpc_endpoints": list(dec, &r.Endpoints), "network_interfaces": list(dec, &r.Interfaces),
		"instances": list(dec, &r.Instances), "load_balancers": list(dec, &r.LoadBalancers), "db_instances": list(dec, &r.DBInstances),
		"hosted_zones": list(dec, &r.HostedZones), "quotas": list(dec, &r.Quotas), "not_read": list(dec, &r.NotRead),
	}
	seen := map[string]bool{}
	return eachField(dec, "resources", func(key string) error {
		read, ok := lists[key]
		if !ok {
			return unknownField(key, jsonFields(reflect.TypeFor[Resources](), false))
		}
		if seen[key] {
			return fmt.Errorf("field %q stands twice", key)
		}
		seen[key] = true
		return read(key)
	})
}

// eachField reads an object and hands over each of its keys.
func eachField(dec *json.Decoder, at string, field func(string) error) error {
	if err := delimiter(dec, at, '{'); err != nil {
		return err
	}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return explain(dec, at, err)
		}
		key, ok := token.(string)
		if !ok {
			return fmt.Errorf("%s: want a field name at byte %d", at, dec.InputOffset())
		}
		if err := field(key); err != nil {
			return err
		}
	}
	return delimiter(dec, at, '}')
}

// list reads an array value by value.
func list[T any](dec *json.Decoder, into *[]T) func(string) error {
	return func(key string) error {
		if err := delimiter(dec, key, '['); err != nil {
			return err
		}
		for dec.More() {
			var v T
			if err := decode(dec, fmt.Sprintf("%s[%d]", key, len(*into)), &v); err != nil {
				return err
			}
			*into = append(*into, v)
		}
		return delimiter(dec, key, ']')
	}
}

func delimiter(dec *json.Decoder, at string, want json.Delim) error {
	token, err := dec.Token()
	if err != nil {
		return explain(dec, at, err)
	}
	if token != want {
		return fmt.Errorf("%s at byte %d: want %q", orDocument(at), dec.InputOffset(), want.String())
	}
	return nil
}

func decode(dec *json.Decoder, at string, v any) error {
	if err := dec.Decode(v); err != nil {
		if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
			return fmt.Errorf("%s: %w", at, unknownField(strings.Trim(name, `"`), jsonFields(reflect.TypeOf(v), true)))
		}
		return explain(dec, at, err)
	}
	return nil
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
	return fmt.Sprintf("snapshot: %s: %s: the file was changed after it was written, or another version of flowcover wrote it; take the snapshot again", what, e.Reason)
}

func (d *Document) verify(s *Snapshot) error {
	prints := s.seal().prints
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
func explain(dec *json.Decoder, at string, err error) error {
	at = orDocument(at)
	var syntax *json.SyntaxError
	var typed *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("%s: not JSON at byte %d: %w", at, syntax.Offset, err)
	case errors.As(err, &typed):
		return fmt.Errorf("%s: field %s: want %s, not a %s: %w", at, typed.Field, typed.Type, typed.Value, err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%s: the file ends too early, at byte %d: %w", at, dec.InputOffset(), io.ErrUnexpectedEOF)
	}
	return fmt.Errorf("%s: %w", at, err)
}

func orDocument(at string) string {
	if at == "" {
		return "the document"
	}
	return at
}

func unknownField(name string, known []string) error {
	if len(name) > 64 {
		name = name[:64]
	}
	return fmt.Errorf("unknown field %q; the nearest known one is %q", name, nearest(name, known))
}

// jsonFields lists the field names of a type, sorted; with deep also those of
// the types that it holds.
func jsonFields(t reflect.Type, deep bool) []string {
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
			if f.IsExported() && (deep || f.Anonymous) {
				walk(f.Type)
			}
		}
	}
	walk(t)
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
