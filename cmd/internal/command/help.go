package command

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/flowcover/flowcover/cmd/internal/table"
)

// helpWidth: help is read in lines of at most so many columns.
const helpWidth = 100

func helpColumns(w io.Writer) int {
	if n := widthOf(w); n > 0 {
		return min(n, helpWidth)
	}
	return 80
}

type page struct {
	strings.Builder
	width int
}

func (p *page) heading(s string) { p.WriteString("\n" + s + "\n") }

func (p *page) paragraphs(s string) {
	for i, para := range strings.Split(strings.TrimSpace(s), "\n\n") {
		if i > 0 {
			p.WriteByte('\n')
		}
		p.WriteString(table.Indent("  ", para, p.width) + "\n")
	}
}

// pairs writes terms with their texts beside them, or below where it is narrow.
func (p *page) pairs(list [][2]string) {
	left := 0
	for _, kv := range list {
		left = max(left, table.Width(kv[0]))
	}
	left = min(left, 30)
	for _, kv := range list {
		if p.width < left+34 {
			p.WriteString("  " + kv[0] + "\n" + table.Indent("      ", kv[1], p.width) + "\n")
			continue
		}
		first := "  " + table.Pad(kv[0], left) + "  "
		if table.Width(kv[0]) > left {
			p.WriteString("  " + kv[0] + "\n")
			first = strings.Repeat(" ", left+4)
		}
		p.WriteString(table.Indent(first, kv[1], p.width) + "\n")
	}
}

func (a *App) writeHelp(w io.Writer) error {
	p := &page{width: helpColumns(w)}
	p.paragraphs(a.About)
	p.heading("USAGE")
	p.paragraphs(a.Name + " COMMAND [FLAGS] [ARGUMENTS]\n\n" + a.Name + " COMMAND --help")
	p.heading("COMMANDS")
	var list [][2]string
	for _, v := range a.Verbs {
		if !v.Hidden {
			list = append(list, [2]string{v.Name, v.Summary})
		}
	}
	p.pairs(list)
	p.heading("FLAGS OF EVERY COMMAND")
	p.flags(globals())
	p.pairs([][2]string{{"--help, -h", "help"}, {"--version", "version (without a command)"}})
	p.heading("CONFIGURATION")
	p.paragraphs("A flag goes before its variable, the variable before the file. The file is " + a.DefaultConfig +
		" in this folder, or what --config names. Flags may stand before and behind arguments; -- ends them.")
	p.heading("EXIT STATUS")
	p.exits(a.Exits)
	_, err := io.WriteString(w, p.String())
	return err
}

func (a *App) writeVerbHelp(w io.Writer, v Verb) error {
	p := &page{width: helpColumns(w)}
	p.paragraphs(a.Name + " " + v.Name + ": " + v.Summary)
	p.heading("USAGE")
	p.paragraphs(strings.TrimSpace(a.Name + " " + v.Name + " [FLAGS] " + v.Args))
	if v.About != "" {
		p.WriteByte('\n')
		p.paragraphs(v.About)
	}
	p.heading("EXAMPLES")
	for _, ex := range v.Examples {
		p.WriteString("  " + ex + "\n") // never wrapped: it is there to be copied
	}
	if len(v.Flags) > 0 {
		p.heading("FLAGS")
		p.flags(v.Flags)
	}
	p.heading("FLAGS OF EVERY COMMAND")
	p.flags(globals())
	p.heading("EXIT STATUS")
	var exits []Exit
	for _, e := range a.Exits {
		if e.Code <= 2 || e.Code >= 128 || slices.Contains(v.Exits, e.Code) {
			exits = append(exits, e)
		}
	}
	p.exits(exits)
	_, err := io.WriteString(w, p.String())
	return err
}

func (p *page) flags(flags []Flag) {
	var list [][2]string
	for _, f := range flags {
		name := "--" + f.Name
		if f.Short != "" {
			name = "-" + f.Short + ", " + name
		}
		if f.Hint != "" {
			name += " " + f.Hint
		}
		text := f.Usage
		if f.Default != "" {
			text += " (default " + f.Default + ")"
		}
		var also []string
		if f.Type == Strings {
			also = append(also, "repeatable")
		}
		if f.Key != "" && f.Key != f.Name {
			also = append(also, "key "+f.Key)
		}
		also = append(also, f.variables()...)
		if len(also) > 0 {
			text += " [" + strings.Join(also, ", ") + "]"
		}
		list = append(list, [2]string{name, text})
	}
	p.pairs(list)
}

func (p *page) exits(exits []Exit) {
	var list [][2]string
	for _, e := range exits {
		list = append(list, [2]string{fmt.Sprintf("%3d", e.Code), e.Text})
	}
	p.pairs(list)
}
