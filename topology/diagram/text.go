package diagram

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
)

// cond counts as the tables of the command line do: the same under any locale.
var cond = &runewidth.Condition{StrictEmojiNeutral: true}

// font is how wide a text of one style gets, in pixels a column. No metrics of
// the reader's font are known: the widths are those of a wide one.
type font struct {
	class  string
	column float64
	size   float64
}

var (
	fontTitle = font{"t1", 12, 19}
	fontHead  = font{"t2", 8.6, 13.5}
	fontBody  = font{"t3", 7, 12}
	fontSmall = font{"t4", 6.1, 10.5}
	fontMono  = font{"tm", 6.4, 10.5}
)

// width gives the pixels that s takes at most.
func (f font) width(s string) float64 { return float64(cond.StringWidth(s)) * f.column }

// fit cuts s to a width, the cut marked by "…".
func (f font) fit(s string, width float64) string {
	columns := int(width / f.column)
	if cond.StringWidth(s) <= columns {
		return s
	}
	if columns <= 0 {
		return ""
	}
	return cond.Truncate(s, columns, "…")
}

// wrap breaks s at blanks into lines of a width. A longer word is broken
// anywhere: an id that is cut cannot be copied.
func (f font) wrap(s string, width float64) []string {
	columns := max(8, int(width/f.column))
	var lines []string
	line := ""
	for _, word := range strings.Fields(s) {
		if line != "" && cond.StringWidth(line)+1+cond.StringWidth(word) <= columns {
			line += " " + word
			continue
		}
		if line != "" {
			lines = append(lines, line)
		}
		for cond.StringWidth(word) > columns {
			head := cond.Truncate(word, columns, "")
			if head == "" { // wider than the line: keep at least one character
				_, n := utf8.DecodeRuneInString(word)
				head = word[:n]
			}
			lines, word = append(lines, head), word[len(head):]
		}
		line = word
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// clean makes a text from a tag safe to show: on one line, valid, and without
// characters that are not seen or that turn the direction of what follows.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError, unicode.Is(unicode.Noncharacter_Code_Point, r):
			return '\uFFFD'
		case unicode.IsSpace(r):
			return ' '
		case unicode.Is(unicode.C, r):
			return -1
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#39;")

func escape(s string) string { return escaper.Replace(clean(s)) }
