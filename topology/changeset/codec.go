package changeset

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

const formatFamily = "flowcover.changeset/"

// Encode writes the document as indented JSON. Equal documents give equal bytes.
func (c *Changeset) Encode(w io.Writer) error {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(c); err != nil {
		return fmt.Errorf("encode changeset: %w", err)
	}
	if _, err := w.Write(buf.Bytes()); err != nil {
		return fmt.Errorf("write changeset: %w", err)
	}
	return nil
}

// Digest is the SHA-256 of a changeset file's bytes, in hex.
func Digest(file []byte) string {
	sum := sha256.Sum256(file)
	return hex.EncodeToString(sum[:])
}

// Decode reads a document. It refuses another format, a newer version, a field
// that it does not know, and anything after the document.
func Decode(r io.Reader) (*Changeset, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read changeset: %w", err)
	}
	if err := checkFormat(data); err != nil {
		return nil, err
	}
	var c Changeset
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&c); err != nil {
		return nil, explain(err, data)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("changeset: there is more after the document, at byte %d", dec.InputOffset())
	}
	return &c, c.validate()
}

func checkFormat(data []byte) error {
	var head struct {
		Format *string `json:"format"`
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return errors.New("changeset: the file is empty; want one that `flowcover plan` wrote")
	}
	if err := json.NewDecoder(bytes.NewReader(data)).Decode(&head); err != nil {
		return explain(err, data)
	}
	switch {
	case head.Format == nil:
		return fmt.Errorf("changeset: no field \"format\"; want a file that `flowcover plan` wrote (%s)", Format)
	case *head.Format == Format:
		return nil
	}
	if v, ok := strings.CutPrefix(*head.Format, formatFamily); ok {
		if n, err := strconv.Atoi(v); err == nil && n > 1 {
			return fmt.Errorf("changeset: format %q is newer than this flowcover, which reads %s; use the version that wrote it", *head.Format, Format)
		}
	}
	return fmt.Errorf("changeset: format %q: want %s, as `flowcover plan` writes", *head.Format, Format)
}

// explain turns a JSON error into one that names the place.
func explain(err error, data []byte) error {
	var syntax *json.SyntaxError
	var typ *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("changeset: not JSON at byte %d (line %d): %w", syntax.Offset, line(data, syntax.Offset), err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("changeset: the file ends early, after %d bytes: %w", len(data), err)
	case errors.As(err, &typ):
		return fmt.Errorf("changeset: field %s (line %d): got %s, want %s", typ.Field, line(data, typ.Offset), typ.Value, typ.Type)
	}
	return fmt.Errorf("changeset: %w", err)
}

func line(data []byte, offset int64) int {
	return 1 + bytes.Count(data[:min(int64(len(data)), max(0, offset))], []byte("\n"))
}

// validate checks what later steps rely on: known kinds, ids that occur once,
// requirements that come before.
func (c *Changeset) validate() error {
	seen := map[string]bool{}
	for i := range c.Changes {
		ch := &c.Changes[i]
		field := fmt.Sprintf("changes[%d]", i)
		if ch.ID == "" || seen[ch.ID] {
			return fmt.Errorf("changeset: %s.id %q: want an id that occurs once", field, ch.ID)
		}
		if err := ch.validate(); err != nil {
			return fmt.Errorf("changeset: %s (%s): %w", field, ch.ID, err)
		}
		for _, r := range ch.Requires {
			if !seen[r] {
				return fmt.Errorf("changeset: %s (%s): requires %q, which does not stand before it", field, ch.ID, r)
			}
		}
		seen[ch.ID] = true
	}
	return nil
}

func (c *Change) validate() error {
	var before, after bool
	switch c.Kind {
	case RuleAdd, EntryAdd:
		after = true
	case RuleRemove, EntryRemove:
		before = true
	case EntryReplace:
		before, after = true, true
	default:
		return fmt.Errorf("kind %q: want %s, %s, %s, %s or %s", c.Kind, RuleAdd, RuleRemove, EntryAdd, EntryRemove, EntryReplace)
	}
	if (c.Before != nil) != before || (c.After != nil) != after {
		return fmt.Errorf("kind %s: wants before: %t, after: %t", c.Kind, before, after)
	}
	for _, d := range []*RuleDoc{c.Before, c.After} {
		if d == nil {
			continue
		}
		var err error
		if c.onACL() {
			_, err = d.Entry()
		} else {
			_, err = d.Rule()
		}
		if err != nil {
			return err
		}
	}
	if c.Kind == EntryReplace && (c.Before.Number != c.After.Number || c.Before.Direction != c.After.Direction) {
		return errors.New("a replaced entry keeps its number and direction")
	}
	if id := c.computeID(); id != c.ID {
		return fmt.Errorf("the id does not fit the change; it would be %s", id)
	}
	return nil
}
