// Package argv puts a command line into the order that urfave/cli v2 reads.
//
// That library stops at the first argument and takes the flags behind it for
// arguments. Here flags may stand anywhere: before the command, behind it,
// between and behind its arguments. [Rewrite] gives "PROGRAM COMMAND FLAGS --
// ARGUMENTS". It refuses what the library would pass over in silence: an
// unknown flag or command, a flag without its value, a single flag given twice.
package argv

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flowcover/flowcover/cmd/internal/words"
)

// Flag is one flag under all its names, without dashes.
type Flag struct {
	Names []string
	Value bool // takes a value
	Multi bool // may be given more than once
}

// Command is one command with its own flags.
type Command struct {
	Name  string
	Flags []Flag
}

// Line is a command line in order.
type Line struct {
	Command string // empty: none was given
	Help    bool   // --help or -h stands somewhere before --
	Version bool
	// Args is program, command, flags, "--", arguments.
	Args []string
	// Rest are the arguments alone.
	Rest []string
}

// Error is a command line that cannot be understood.
type Error struct {
	Command string
	Message string
}

func (e *Error) Error() string { return e.Message }

// Rewrite reads args, the program's name first.
func Rewrite(args []string, globals []Flag, commands []Command) (Line, error) {
	p := parser{globals: globals, commands: commands, seen: map[string]bool{}}
	if len(args) > 0 {
		args = args[1:]
	}
	p.findCommand(args)
	if err := p.parse(args); err != nil {
		return Line{Command: p.line.Command}, err
	}
	p.line.Args = slices.Concat([]string{"flowcover", p.line.Command}, p.flags, []string{"--"}, p.line.Rest)
	return p.line, nil
}

type parser struct {
	globals  []Flag
	commands []Command
	command  *Command
	line     Line
	flags    []string
	seen     map[string]bool
}

// findCommand looks for the command first, because its flags may stand before it.
func (p *parser) findCommand(args []string) {
	for i := 0; i < len(args); i++ {
		a := args[i]
		switch {
		case a == "--":
			// What follows is no flag, but it may be the command.
		case isFlag(a):
			name, _, inline := split(a)
			if f := p.lookupAny(name); f != nil && f.Value && !inline {
				i++
			}
		default:
			for j := range p.commands {
				if p.commands[j].Name == a {
					p.command = &p.commands[j]
				}
			}
			return
		}
	}
}

func (p *parser) parse(args []string) error {
	for i := 0; i < len(args); i++ {
		a := args[i]
		if a == "--" {
			return p.positional(args[i+1:])
		}
		if !isFlag(a) {
			if err := p.positional(args[i : i+1]); err != nil {
				return err
			}
			continue
		}
		name, value, inline := split(a)
		if name == "help" || name == "h" {
			p.line.Help = true
			continue
		}
		if name == "version" && p.command == nil {
			p.line.Version = true
			continue
		}
		f := p.lookup(name)
		if f == nil {
			return p.unknown(a, name)
		}
		if p.seen[f.Names[0]] && !f.Multi {
			return p.fail("flag %s is given twice; it takes one value", a)
		}
		p.seen[f.Names[0]] = true
		dashed := dashes(f.Names[0])
		switch {
		case !f.Value && inline:
			p.flags = append(p.flags, dashed+"="+value)
		case !f.Value:
			p.flags = append(p.flags, dashed)
		case inline:
			p.flags = append(p.flags, dashed, value)
		case i+1 >= len(args) || args[i+1] == "--" || p.isKnownFlag(args[i+1]):
			return p.fail("flag %s needs a value", a)
		default:
			i++
			p.flags = append(p.flags, dashed, args[i])
		}
	}
	return nil
}

// positional takes the command's name, then arguments.
func (p *parser) positional(args []string) error {
	for _, a := range args {
		if p.line.Command != "" {
			p.line.Rest = append(p.line.Rest, a)
			continue
		}
		if p.command == nil || p.command.Name != a {
			var names []string
			for _, c := range p.commands {
				names = append(names, c.Name)
			}
			return p.fail("unknown command %q%s", a, words.Suggest(a, names, ""))
		}
		p.line.Command = a
	}
	return nil
}

func (p *parser) lookup(name string) *Flag {
	if f := find(p.globals, name); f != nil {
		return f
	}
	if p.command == nil {
		return nil
	}
	return find(p.command.Flags, name)
}

// lookupAny finds a flag of any command: only to know whether a value follows.
func (p *parser) lookupAny(name string) *Flag {
	if f := find(p.globals, name); f != nil {
		return f
	}
	for i := range p.commands {
		if f := find(p.commands[i].Flags, name); f != nil {
			return f
		}
	}
	return nil
}

func find(flags []Flag, name string) *Flag {
	for i := range flags {
		if slices.Contains(flags[i].Names, name) {
			return &flags[i]
		}
	}
	return nil
}

func (p *parser) isKnownFlag(a string) bool {
	if !isFlag(a) {
		return false
	}
	name, _, _ := split(a)
	return name == "help" || name == "h" || p.lookup(name) != nil
}

func (p *parser) unknown(a, name string) error {
	names := []string{"help"}
	for _, f := range p.globals {
		names = append(names, f.Names...)
	}
	where := ""
	if p.command != nil {
		where = " of " + p.command.Name
		for _, f := range p.command.Flags {
			names = append(names, f.Names...)
		}
	}
	flag, _, _ := strings.Cut(a, "=")
	return p.fail("unknown flag %s%s%s", flag, where, words.Suggest(name, names, "--"))
}

func (p *parser) fail(format string, args ...any) error {
	e := &Error{Message: fmt.Sprintf(format, args...)}
	if p.command != nil {
		e.Command = p.command.Name
	}
	return e
}

// isFlag: "-" alone is an argument, and so is a negative number.
func isFlag(a string) bool {
	if len(a) < 2 || a[0] != '-' {
		return false
	}
	return strings.Trim(a[1:], "0123456789.:") != ""
}

func split(a string) (name, value string, inline bool) {
	a = strings.TrimPrefix(strings.TrimPrefix(a, "-"), "-")
	return strings.Cut(a, "=")
}

func dashes(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}
