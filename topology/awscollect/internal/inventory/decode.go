package inventory

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"
	"unicode/utf16"
)

// FileError is a file that is not what the AWS CLI prints.
type FileError struct {
	File   string
	Offset int64  // bytes from the start, 0 where it does not matter
	Key    string // top-level key, with the index of the element
	Reason string
}

func (e *FileError) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Key != "" {
		b.WriteString(": " + e.Key)
	}
	if e.Offset > 0 {
		fmt.Fprintf(&b, ": at byte %d", e.Offset)
	}
	b.WriteString(": " + e.Reason)
	return b.String()
}

// member is one top-level key of a file with its value.
type member struct {
	key    string
	value  json.RawMessage
	offset int64
}

// toUTF8 takes off a byte order mark, and recodes the UTF-16 that a redirect in
// Windows PowerShell writes.
func toUTF8(data []byte) []byte {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(data, []byte{0xEF, 0xBB, 0xBF}):
		return data[3:]
	case bytes.HasPrefix(data, []byte{0xFF, 0xFE}):
		order = binary.LittleEndian
	case bytes.HasPrefix(data, []byte{0xFE, 0xFF}):
		order = binary.BigEndian
	default:
		return data
	}
	units := make([]uint16, 0, len(data)/2)
	for i := 2; i+1 < len(data); i += 2 {
		units = append(units, order.Uint16(data[i:]))
	}
	return []byte(string(utf16.Decode(units)))
}

// members splits a file into its top-level keys, in their order.
func members(file string, data []byte) ([]member, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, &FileError{File: file, Reason: "is empty, as a file is when the AWS CLI was refused or stopped: export it again, or remove it"}
	}
	var whole json.RawMessage
	if err := json.Unmarshal(data, &whole); err != nil {
		return nil, syntaxError(file, data, err)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	tok, err := dec.Token()
	if err != nil {
		return nil, syntaxError(file, data, err)
	}
	if tok != json.Delim('{') {
		return nil, &FileError{File: file, Reason: fmt.Sprintf("its top level is %s, and the AWS CLI prints an object: export without --query and with --output json", nameOf(tok))}
	}
	var out []member
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			return nil, syntaxError(file, data, err)
		}
		m := member{key: tok.(string), offset: dec.InputOffset()}
		if err := dec.Decode(&m.value); err != nil {
			return nil, syntaxError(file, data, err)
		}
		out = append(out, m)
	}
	return out, nil
}

func nameOf(tok json.Token) string {
	switch tok.(type) {
	case json.Delim:
		return "a list"
	case string:
		return "a text"
	case nil:
		return "null"
	}
	return "a single value"
}

func syntaxError(file string, data []byte, err error) error {
	e := &FileError{File: file, Reason: "is not JSON as the AWS CLI prints it with --output json: " + err.Error()}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		e.Offset = syntax.Offset
		if syntax.Offset >= int64(len(data)) {
			e.Reason = "ends in the middle of its JSON: the export was cut short, make it again"
		}
	}
	return e
}

// decodeList decodes a list of T. Times are never needed and come in more
// forms than the SDK reads, so one that it refuses is left out.
func decodeList[T any](file string, m member) ([]T, error) {
	var items []json.RawMessage
	if err := json.Unmarshal(m.value, &items); err != nil {
		return nil, &FileError{File: file, Offset: m.offset, Key: m.key, Reason: "want a list, as the AWS CLI prints it"}
	}
	out := make([]T, len(items))
	for i, raw := range items {
		if err := decodeItem(raw, &out[i]); err != nil {
			return nil, &FileError{File: file, Key: fmt.Sprintf("%s[%d]", m.key, i), Reason: err.Error()}
		}
	}
	return out, nil
}

func decodeItem[T any](raw json.RawMessage, into *T) error {
	err := json.Unmarshal(raw, into)
	var bad *time.ParseError
	if err != nil && (errors.As(err, &bad) || strings.Contains(err.Error(), "Time.UnmarshalJSON")) {
		err = withoutTimes(raw, into)
	}
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return fmt.Errorf("%s: found a JSON %s where %s belongs", wrong.Field, wrong.Value, wrong.Type)
	}
	return err
}

// withoutTimes decodes raw as if it named no time anywhere.
func withoutTimes[T any](raw json.RawMessage, into *T) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var tree any
	if err := dec.Decode(&tree); err != nil {
		return err
	}
	dropTimes(tree, reflect.TypeFor[T]())
	clean, err := json.Marshal(tree)
	if err != nil {
		return err
	}
	*into = *new(T)
	return json.Unmarshal(clean, into)
}

var timeType = reflect.TypeFor[time.Time]()

// dropTimes removes the members of tree that t's fields would decode as times.
func dropTimes(tree any, t reflect.Type) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch v := tree.(type) {
	case []any:
		if t.Kind() == reflect.Slice {
			for _, item := range v {
				dropTimes(item, t.Elem())
			}
		}
	case map[string]any:
		if t.Kind() != reflect.Struct {
			return
		}
		for name, item := range v {
			// As encoding/json does, names match in any case.
			f, ok := t.FieldByNameFunc(func(n string) bool { return strings.EqualFold(n, name) })
			if !ok {
				continue
			}
			ft := f.Type
			for ft.Kind() == reflect.Pointer {
				ft = ft.Elem()
			}
			if ft == timeType {
				delete(v, name)
				continue
			}
			dropTimes(item, ft)
		}
	}
}
