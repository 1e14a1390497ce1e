package table

import (
	"math/rand/v2"
	"strings"
	"testing"
)

func sample() *Table {
	t := &Table{Columns: []Column{{Name: "id"}, {Name: "name", Min: 6}, {Name: "rules", Right: true}}}
	t.Add("sg-1", "업무망 웹 서버", "3")
	t.Add("sg-22", "web", "60")
	return t
}

func render(t *testing.T, tab *Table, width int) string {
	t.Helper()
	var b strings.Builder
	if err := tab.Write(&b, width); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestWideCharactersAlign(t *testing.T) {
	want := "" +
		"id     name            rules\n" +
		"sg-1   업무망 웹 서버      3\n" +
		"sg-22  web                60\n"
	if got := render(t, sample(), 0); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestNarrow(t *testing.T) {
	want := "" +
		"id     name      rules\n" +
		"sg-1   업무망 …      3\n" +
		"sg-22  web          60\n"
	if got := render(t, sample(), 22); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	want = "" +
		"id: sg-1\n" +
		"name: 업무망\n" +
		"      웹 서버\n" +
		"rules: 3\n" +
		"\n" +
		"id: sg-22\n" +
		"name: web\n" +
		"rules: 60\n"
	if got := render(t, sample(), 14); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// No line of a table is ever wider than the terminal.
func TestNoLineIsTooWide(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	runes := []rune("ab 한글…é日-")
	for range 300 {
		tab := &Table{Indent: strings.Repeat(" ", rng.IntN(4))}
		for range 1 + rng.IntN(5) {
			tab.Columns = append(tab.Columns, Column{Name: "col", Min: rng.IntN(3) * 4, Right: rng.IntN(2) == 0})
		}
		for range rng.IntN(6) {
			row := make([]string, len(tab.Columns))
			for i := range row {
				for range rng.IntN(40) {
					row[i] += string(runes[rng.IntN(len(runes))])
				}
			}
			tab.Add(row...)
		}
		for _, width := range []int{40, 80} {
			for _, line := range strings.Split(render(t, tab, width), "\n") {
				if Width(line) > width {
					t.Fatalf("%d columns in %d: %q", Width(line), width, line)
				}
			}
		}
	}
}

func TestWrapLosesNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	runes := []rune("ab   한글é日-")
	for range 500 {
		s := ""
		for range rng.IntN(80) {
			s += string(runes[rng.IntN(len(runes))])
		}
		width := 2 + rng.IntN(30)
		lines := Wrap(s, width)
		if got, want := strings.ReplaceAll(strings.Join(lines, ""), " ", ""), strings.ReplaceAll(s, " ", ""); got != want {
			t.Fatalf("%q at %d: %q", s, width, lines)
		}
		for _, l := range lines {
			if Width(l) > width {
				t.Fatalf("%q at %d: %q", s, width, lines)
			}
		}
	}
}

func TestTruncate(t *testing.T) {
	for _, c := range []struct {
		s     string
		width int
		want  string
	}{{"abc", 3, "abc"}, {"abcd", 3, "ab…"}, {"한글", 4, "한글"}, {"한글한", 4, "한…"}, {"abc", 1, "…"}, {"abc", 0, ""}} {
		if got := Truncate(c.s, c.width); got != c.want || Width(got) > c.width {
			t.Errorf("%q at %d: %q, want %q", c.s, c.width, got, c.want)
		}
	}
}

func TestCleanKeepsTheTerminalSafe(t *testing.T) {
	if got := Clean("a\x1b[31mb\tc\u202e한글\n"); got != "a\uFFFD[31mb c\uFFFD한글 " {
		t.Errorf("%q", got)
	}
}

func TestColumnsGoBeforeTheTableDoes(t *testing.T) {
	sample := func() *Table {
		tab := &Table{Columns: []Column{{Name: "id"}, {Name: "second", Drop: 2}, {Name: "first", Drop: 1}, {Name: "end"}}}
		tab.Add("abcdef", "22222222", "11111111", "z")
		return tab
	}
	for _, c := range []struct {
		width int
		want  string
	}{
		{31, "id      second    first     end\nabcdef  22222222  11111111  z\n"},
		{30, "id      second    end\nabcdef  22222222  z\n"},
		{20, "id      end\nabcdef  z\n"},
		{10, ""}, // blocks: nothing is left out
	} {
		var b strings.Builder
		if err := sample().Write(&b, c.width); err != nil {
			t.Fatal(err)
		}
		if c.width > 10 && b.String() != c.want {
			t.Errorf("width %d:\n%s\nwant\n%s", c.width, b.String(), c.want)
		}
		for _, name := range []string{"second", "first"} {
			if c.width == 10 && !strings.Contains(b.String(), name) {
				t.Errorf("width 10: %q is missing:\n%s", name, b.String())
			}
		}
	}
}
