// Package table lays out text for people: tables and paragraphs that fit the
// terminal, with wide (Korean, Chinese, Japanese) characters counted as the two
// columns they take.
//
// A table that is too wide gives up width where the columns allow it, the cut
// marked by "…", then whole columns that may go; where even that is not enough
// each row becomes a block of "name: value" lines, none left out. Width 0 means no limit: a file or a pipe gets all of it.
package table

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mattn/go-runewidth"
)

// cond counts ambiguous characters (such as "…") as one column everywhere, so
// that the same text has the same shape under every locale.
var cond = &runewidth.Condition{StrictEmojiNeutral: true}

// Width gives the columns that s takes.
func Width(s string) int { return cond.StringWidth(s) }

// Truncate cuts s to width columns, the cut marked by "…".
func Truncate(s string, width int) string {
	if Width(s) <= width {
		return s
	}
	if width <= 0 {
		return ""
	}
	return cond.Truncate(s, width, "…")
}

// Pad fills s with blanks to width columns.
func Pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-Width(s)))
}

// PadLeft puts the blanks before s.
func PadLeft(s string, width int) string {
	return strings.Repeat(" ", max(0, width-Width(s))) + s
}

// Wrap breaks s into lines of at most width columns at blanks; a word that is
// longer is broken anywhere, since an id that is cut cannot be copied.
func Wrap(s string, width int) []string {
	if width <= 0 {
		return []string{s}
	}
	var lines []string
	line := ""
	for _, word := range strings.Fields(s) {
		for {
			switch {
			case line == "" && Width(word) <= width:
				line, word = word, ""
			case line != "" && Width(line)+1+Width(word) <= width:
				line, word = line+" "+word, ""
			case line == "":
				head := cut(word, width)
				lines, word = append(lines, head), word[len(head):]
			default:
				lines, line = append(lines, line), ""
			}
			if word == "" {
				break
			}
		}
	}
	if line != "" || len(lines) == 0 {
		lines = append(lines, line)
	}
	return lines
}

// cut gives the longest head of s that takes at most width columns, at least
// one character.
func cut(s string, width int) string {
	w := 0
	for i, r := range s {
		rw := cond.RuneWidth(r)
		if w+rw > width && i > 0 {
			return s[:i]
		}
		w += rw
	}
	return s
}

// Indent wraps s and puts first before its first line, and as many blanks
// before the others.
func Indent(first, s string, width int) string {
	pad := Width(first)
	inner := 0
	if width > 0 {
		inner = max(width-pad, 8)
	}
	return first + strings.Join(Wrap(s, inner), "\n"+strings.Repeat(" ", pad))
}

// Column is a column of a table.
type Column struct {
	Name  string
	Right bool // numbers
	// Min is the least width the column may be cut to; 0: it is never cut.
	Min int
	// Drop says which columns are left out, the lowest number first, where cutting
	// does not suffice; 0: the column stays.
	Drop int
}

// Table is a table that is being filled.
type Table struct {
	Columns []Column
	Rows    [][]string
	// Indent is put before every line.
	Indent string
}

const gap = "  "

// Add adds a row; it must have a cell per column.
func (t *Table) Add(cells ...string) {
	if len(cells) != len(t.Columns) {
		panic(fmt.Sprintf("table: %d cells for %d columns", len(cells), len(t.Columns)))
	}
	for i := range cells {
		cells[i] = Clean(cells[i])
	}
	t.Rows = append(t.Rows, cells)
}

// Clean replaces control characters: text from tags and logs must not move the
// cursor or colour the terminal.
func Clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case r < 0x20 || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 ||
			r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069:
			return '\uFFFD'
		}
		return r
	}, s)
}

// Write writes the table for a terminal of so many columns; 0 is no limit.
func (t *Table) Write(w io.Writer, width int) error {
	if len(t.Columns) == 0 {
		return nil
	}
	widths := t.natural()
	if width > 0 && !t.fit(widths, width-Width(t.Indent)) {
		for less := t.less(); less != nil; less = less.less() {
			if widths := less.natural(); less.fit(widths, width-Width(t.Indent)) {
				return less.Write(w, width)
			}
		}
		return t.writeBlocks(w, width)
	}
	var b strings.Builder
	head := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		head[i] = c.Name
	}
	t.line(&b, head, widths)
	for _, row := range t.Rows {
		t.line(&b, row, widths)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// less is the table without the column that goes first, nil if none may go.
func (t *Table) less() *Table {
	first := -1
	for i, c := range t.Columns {
		if c.Drop > 0 && (first < 0 || c.Drop < t.Columns[first].Drop) {
			first = i
		}
	}
	if first < 0 {
		return nil
	}
	out := &Table{Columns: slices.Delete(slices.Clone(t.Columns), first, first+1), Indent: t.Indent}
	for _, row := range t.Rows {
		out.Rows = append(out.Rows, slices.Delete(slices.Clone(row), first, first+1))
	}
	return out
}

func (t *Table) natural() []int {
	widths := make([]int, len(t.Columns))
	for i, c := range t.Columns {
		widths[i] = Width(c.Name)
	}
	for _, row := range t.Rows {
		for i, cell := range row {
			widths[i] = max(widths[i], Width(cell))
		}
	}
	return widths
}

// fit takes width from the widest column that may give some, one at a time.
func (t *Table) fit(widths []int, width int) bool {
	total := len(gap) * (len(widths) - 1)
	for _, w := range widths {
		total += w
	}
	for total > width {
		widest := -1
		for i, c := range t.Columns {
			if c.Min > 0 && widths[i] > c.Min && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return false
		}
		widths[widest]--
		total--
	}
	return true
}

func (t *Table) line(b *strings.Builder, cells []string, widths []int) {
	var line strings.Builder
	line.WriteString(t.Indent)
	for i, cell := range cells {
		if i > 0 {
			line.WriteString(gap)
		}
		cell = Truncate(cell, widths[i])
		if t.Columns[i].Right {
			line.WriteString(PadLeft(cell, widths[i]))
		} else {
			line.WriteString(Pad(cell, widths[i]))
		}
	}
	b.WriteString(strings.TrimRight(line.String(), " "))
	b.WriteByte('\n')
}

// writeBlocks writes a row as a block, a blank line between two.
func (t *Table) writeBlocks(w io.Writer, width int) error {
	var b strings.Builder
	for n, row := range t.Rows {
		if n > 0 {
			b.WriteByte('\n')
		}
		for i, cell := range row {
			if cell == "" {
				continue
			}
			name := t.Columns[i].Name
			if name != "" {
				name += ": "
			}
			b.WriteString(Indent(t.Indent+name, cell, width))
			b.WriteByte('\n')
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
