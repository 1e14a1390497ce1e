// Package doctest runs what the documentation shows.
//
// A fenced block marked "console" in README.md or docs/*.md is a transcript:
// a line that starts with "$ " is a command, what follows it is what the
// command prints on standard output and standard error together. "..." inside a line stands
// for any text, alone on a line for any lines. A last line "exit status N"
// says that the command exits with N; without one it must exit with 0. Commands run in sh, in
// order, in one folder per page, in which a block's "flowcover" is this
// project's own and flowcover-demo/ holds the finished demo. A picture that a
// page shows is the file of its name that the page's commands write.
package doctest

import (
	"fmt"
	"regexp"
	"strings"
)

// Command is one command of a page with the output that the page shows.
type Command struct {
	Line   int // where the command stands in the page, from 1
	Text   string
	Output []string
	// first and end bound the output's lines in the page.
	first, end int
}

// Parse finds the commands of a page's console blocks.
func Parse(page string) ([]Command, error) {
	lines := strings.Split(page, "\n")
	var out []Command
	inside := false
	for i, l := range lines {
		switch {
		case !inside && strings.TrimSpace(l) == "```console":
			inside = true
			if i+1 >= len(lines) || !strings.HasPrefix(lines[i+1], "$ ") {
				return nil, fmt.Errorf("line %d: a console block starts with a command, \"$ ...\"", i+2)
			}
		case inside && strings.TrimSpace(l) == "```":
			inside = false
		case inside && strings.HasPrefix(l, "$ "):
			out = append(out, Command{Line: i + 1, Text: l[2:], first: i + 1, end: i + 1})
		case inside:
			c := &out[len(out)-1]
			if len(c.Output) == 0 && strings.HasSuffix(c.Text, "\\") {
				c.Text += "\n" + l
				c.first, c.end = i+1, i+1
				continue
			}
			c.Output = append(c.Output, l)
			c.end = i + 1
		}
	}
	if inside {
		return nil, fmt.Errorf("a console block is not closed")
	}
	return out, nil
}

var picture = regexp.MustCompile(`!\[[^\]]*\]\(([^():]+)\)`)

// Pictures lists the files beside the page that it shows as pictures.
func Pictures(page string) []string {
	var out []string
	for _, m := range picture.FindAllStringSubmatch(page, -1) {
		out = append(out, m[1])
	}
	return out
}

// Match says whether the output is what the page shows; else where it differs.
func Match(want, got []string) error {
	return match(want, got, 1)
}

func match(want, got []string, line int) error {
	for len(want) > 0 {
		if strings.TrimSpace(want[0]) == "..." {
			for skip := 0; skip <= len(got); skip++ {
				if match(want[1:], got[skip:], line+1) == nil {
					return nil
				}
			}
			if len(want) == 1 {
				return nil
			}
			return fmt.Errorf("output line %d: nothing after the dots matches %q", line, want[1])
		}
		if len(got) == 0 {
			return fmt.Errorf("output line %d: the page shows %q, the command printed no more", line, want[0])
		}
		if !matchLine(want[0], got[0]) {
			return fmt.Errorf("output line %d:\n page    %q\n command %q", line, want[0], got[0])
		}
		want, got, line = want[1:], got[1:], line+1
	}
	if len(got) > 0 {
		return fmt.Errorf("output line %d: the command printed %q, the page shows no more", line, got[0])
	}
	return nil
}

func matchLine(want, got string) bool {
	if !strings.Contains(want, "...") {
		return strings.TrimRight(want, " ") == strings.TrimRight(got, " ")
	}
	parts := strings.Split(want, "...")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	ok, err := regexp.MatchString("^"+strings.Join(parts, ".*")+"$", got)
	return err == nil && ok
}
