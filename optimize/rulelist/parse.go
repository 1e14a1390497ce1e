package rulelist

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/flowcover/flowcover/topology/netset"
)

// Pick says which of several lists in one file is meant.
type Pick struct {
	Group     string // security group id; empty: the only one
	Direction string // ingress (also if empty) or egress
}

func (p Pick) direction() string {
	if p.Direction == "" {
		return "ingress"
	}
	return p.Direction
}

// Parse reads a list in any of the text forms: prefixes or addresses one a line,
// CSV of protocol,ports,cidr[,weight], a JSON array of those, the output of
// `aws ec2 describe-security-groups`, and of `flowcover analyze --json`. Errors
// name the line or element and what was found there.
func Parse(r io.Reader, pick Pick) (*List, error) {
	if d := pick.direction(); d != "ingress" && d != "egress" {
		return nil, fmt.Errorf("direction %q: want ingress or egress", d)
	}
	br := bufio.NewReaderSize(r, 1<<16)
	if mark, err := br.Peek(3); err == nil && bytes.Equal(mark, []byte{0xEF, 0xBB, 0xBF}) {
		_, _ = br.Discard(3)
	}
	first, skipped, err := firstByte(br)
	if err != nil {
		return nil, err
	}
	switch first {
	case '[':
		return parseArray(br)
	case '{':
		return parseObject(br, pick)
	}
	return parseLines(br, skipped)
}

var errEmpty = errors.New("the list is empty; want prefixes one a line, CSV, or JSON")

// firstByte skips blanks and gives the byte after them, which stays unread, and
// how many lines ended before it.
func firstByte(r *bufio.Reader) (first byte, lines int, err error) {
	for {
		b, err := r.ReadByte()
		if errors.Is(err, io.EOF) {
			return 0, 0, errEmpty
		}
		if err != nil {
			return 0, 0, err
		}
		if b == '\n' {
			lines++
		}
		if !slices.Contains([]byte(" \t\r\n"), b) {
			return b, lines, r.UnreadByte()
		}
	}
}

// parseLines reads prefixes one a line; from the first line with a comma on, CSV.
func parseLines(r *bufio.Reader, skipped int) (*List, error) {
	l := &List{Form: "prefixes", Plain: true}
	for n := skipped + 1; ; n++ {
		line, err := r.ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		end := err != nil
		text, _, _ := strings.Cut(line, "#")
		if text = strings.TrimSpace(text); text != "" {
			if strings.Contains(text, ",") {
				if len(l.Entries) > 0 {
					return nil, fmt.Errorf("line %d: %q has commas, and the lines before it are single prefixes; want one form in a file", n, shown(text))
				}
				return parseCSV(io.MultiReader(strings.NewReader(line), r), n-1)
			}
			p, wider, err := prefixOf(text)
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", n, err)
			}
			l.noteWider(wider, text, p)
			l.Entries = append(l.Entries, Entry{netset.Block{Prefix: p, Columns: everyPort}, 1})
		}
		if end {
			break
		}
	}
	if len(l.Entries) == 0 {
		return nil, errEmpty
	}
	return l, nil
}

// shown cuts a text that an error repeats.
func shown(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "..."
	}
	return s
}

var csvNames = []string{"protocol", "ports", "cidr", "weight"}

// parseCSV reads records; skipped is how many lines came before the reader.
func parseCSV(r io.Reader, skipped int) (*List, error) {
	l := &List{Form: "CSV"}
	cr := csv.NewReader(r)
	cr.Comment, cr.FieldsPerRecord, cr.TrimLeadingSpace, cr.ReuseRecord = '#', -1, true, true
	at := []int{0, 1, 2, 3}
	for first := true; ; first = false {
		rec, err := cr.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			var bad *csv.ParseError
			if errors.As(err, &bad) {
				return nil, fmt.Errorf("line %d: %w", skipped+bad.Line, bad.Err)
			}
			return nil, err
		}
		line, _ := cr.FieldPos(0)
		line += skipped
		if first {
			if cols, ok, err := header(rec); err != nil {
				return nil, fmt.Errorf("line %d: %w", line, err)
			} else if ok {
				at = cols
				continue
			}
		}
		if len(rec) < 3 || len(rec) > 4 && at[3] == 3 {
			return nil, fmt.Errorf("line %d: %d fields; want protocol,ports,cidr or protocol,ports,cidr,weight", line, len(rec))
		}
		field := func(i int) string {
			if at[i] < 0 || at[i] >= len(rec) {
				return ""
			}
			return rec[at[i]]
		}
		if err := l.add(field(0), field(1), field(2), field(3)); err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
	}
	if len(l.Entries) == 0 {
		return nil, errEmpty
	}
	return l, nil
}

// header says where the named columns stand, if the record is a header.
func header(rec []string) (at []int, ok bool, err error) {
	at = []int{-1, -1, -1, -1}
	for i, name := range rec {
		name = strings.ToLower(strings.TrimSpace(name))
		if name == "port" {
			name = "ports"
		}
		j := slices.Index(csvNames, name)
		if j < 0 {
			continue
		}
		if at[j] >= 0 {
			return nil, false, fmt.Errorf("header: %q stands twice", name)
		}
		at[j], ok = i, true
	}
	if !ok {
		return nil, false, nil
	}
	for j, name := range csvNames[:3] {
		if at[j] < 0 {
			return nil, false, fmt.Errorf("header: no column %q; want protocol,ports,cidr[,weight]", name)
		}
	}
	return at, true, nil
}
