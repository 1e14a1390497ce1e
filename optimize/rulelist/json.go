package rulelist

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/flowcover/flowcover/topology/netset"
)

// parseArray reads a JSON array: of [protocol, ports, cidr(, weight)], of
// objects with those keys, or of prefixes as texts.
func parseArray(r io.Reader) (*List, error) {
	dec := json.NewDecoder(r)
	if _, err := dec.Token(); err != nil {
		return nil, broken(dec, err)
	}
	l := &List{Form: "JSON"}
	for n := 0; dec.More(); n++ {
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return nil, broken(dec, err)
		}
		plain := raw[0] == '"'
		if n > 0 && plain != l.Plain {
			return nil, fmt.Errorf("element %d: texts and rules stand in one array; want one form", n)
		}
		l.Plain = plain
		if err := l.addJSON(raw); err != nil {
			return nil, fmt.Errorf("element %d: %w", n, err)
		}
	}
	if _, err := dec.Token(); err != nil {
		return nil, broken(dec, err)
	}
	if err := atEnd(dec); err != nil {
		return nil, err
	}
	if len(l.Entries) == 0 {
		return nil, errEmpty
	}
	return l, nil
}

func atEnd(dec *json.Decoder) error {
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("at byte %d: more follows after the end of the JSON", dec.InputOffset())
	}
	return nil
}

func broken(dec *json.Decoder, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the JSON ends in the middle, at byte %d", dec.InputOffset())
	}
	return fmt.Errorf("at byte %d: %w", dec.InputOffset(), err)
}

func (l *List) addJSON(raw json.RawMessage) error {
	switch raw[0] {
	case '"':
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return err
		}
		p, wider, err := prefixOf(s)
		if err != nil {
			return err
		}
		l.noteWider(wider, s, p)
		l.Entries = append(l.Entries, Entry{netset.Block{Prefix: p, Columns: everyPort}, 1})
		return nil
	case '[':
		var fields []json.RawMessage
		if err := json.Unmarshal(raw, &fields); err != nil {
			return err
		}
		if len(fields) < 3 || len(fields) > 4 {
			return fmt.Errorf("%d fields; want [protocol, ports, cidr] or [protocol, ports, cidr, weight]", len(fields))
		}
		return l.addFields(fields)
	case '{':
		var object map[string]json.RawMessage
		if err := json.Unmarshal(raw, &object); err != nil {
			return err
		}
		fields := make([]json.RawMessage, len(csvNames))
		keys := make([]string, 0, len(object))
		for k := range object {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for _, k := range keys {
			i := slices.Index(csvNames, k)
			if i < 0 {
				return fmt.Errorf("unknown key %q; want protocol, ports, cidr and weight", k)
			}
			fields[i] = object[k]
		}
		return l.addFields(fields)
	}
	return fmt.Errorf("%s; want [protocol, ports, cidr], an object with those keys, or a prefix", shown(string(raw)))
}

// addFields adds an entry from JSON values; an absent one is empty.
func (l *List) addFields(fields []json.RawMessage) error {
	var text [4]string
	for i, raw := range fields {
		s, err := scalar(raw)
		if err != nil {
			return fmt.Errorf("%s %w", csvNames[i], err)
		}
		text[i] = s
	}
	return l.add(text[0], text[1], text[2], text[3])
}

// scalar gives a text or number as text, null as "".
func scalar(raw json.RawMessage) (string, error) {
	raw = bytes.TrimSpace(raw)
	switch {
	case len(raw) == 0 || string(raw) == "null":
		return "", nil
	case raw[0] == '"':
		var s string
		err := json.Unmarshal(raw, &s)
		return s, err
	case raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9':
		return strings.TrimSuffix(string(raw), ".0"), nil
	}
	return "", fmt.Errorf("%s: want a text, a number or null", shown(string(raw)))
}

// parseObject reads the JSON objects that programs print.
func parseObject(r io.Reader, pick Pick) (*List, error) {
	var doc struct {
		Format         string
		SecurityGroups []awsGroup
		Flows          []flowLine `json:"flows"`
	}
	dec := json.NewDecoder(r)
	if err := dec.Decode(&doc); err != nil {
		return nil, broken(dec, err)
	}
	if err := atEnd(dec); err != nil {
		return nil, err
	}
	switch {
	case doc.SecurityGroups != nil:
		return fromGroups(doc.SecurityGroups, pick)
	case strings.HasPrefix(doc.Format, "flowcover.analyze/"):
		return fromLines(doc.Flows, pick)
	case strings.HasPrefix(doc.Format, "flowcover.observations/"):
		return nil, fmt.Errorf("format is %q: this file holds no flows; give the .parquet beside it", doc.Format)
	}
	return nil, fmt.Errorf("format is %q, and no SecurityGroups; want the output of aws ec2 describe-security-groups or flowcover analyze --json, or an array of rules", shown(doc.Format))
}
