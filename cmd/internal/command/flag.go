package command

import (
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/flowcover/flowcover/cmd/internal/argv"
	"github.com/flowcover/flowcover/cmd/internal/config"
)

// Flag is one flag of a verb.
type Flag struct {
	Name  string
	Short string // one letter, without a dash
	// Hint names the value in help, such as FILE; empty: the flag is a switch.
	Hint  string
	Usage string
	// Key is the flag's key in the configuration file; empty: it has none. A
	// flag with a key also has a variable, FLOWCOVER_ and its name.
	Key     string
	Kind    config.Kind // how the key is written
	Env     []string    // further variables, asked after the flag's own
	Default string
	// Values are the values it may have, for completion; empty: any.
	Values []string
	Type   Type
}

// Type is what a flag's value is.
type Type int

// The types. Strings may be given more than once, or separated by commas.
const (
	Text Type = iota
	Strings
	Int
	Number
	Bool
)

// variables gives the names of the environment variables that set the flag.
func (f Flag) variables() []string {
	if f.Key == "" {
		return f.Env
	}
	return append([]string{"FLOWCOVER_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))}, f.Env...)
}

func (f Flag) names() []string {
	if f.Short == "" {
		return []string{f.Name}
	}
	return []string{f.Name, f.Short}
}

func (f Flag) argv() argv.Flag {
	return argv.Flag{Names: f.names(), Value: f.Type != Bool, Multi: f.Type == Strings}
}

// build makes the flag that urfave/cli parses. Defaults are set by the library
// from their text, so a wrong one shows in the first test of a verb.
func (f Flag) build() cli.Flag {
	env := f.variables()
	var short []string
	if f.Short != "" {
		short = []string{f.Short}
	}
	switch f.Type {
	case Strings:
		s := &cli.StringSliceFlag{Name: f.Name, Aliases: short, EnvVars: env, Usage: f.Usage}
		if f.Default != "" {
			s.Value = cli.NewStringSlice(strings.Split(f.Default, ",")...)
		}
		return s
	case Int:
		n, _ := strconv.Atoi(f.Default)
		return &cli.IntFlag{Name: f.Name, Aliases: short, EnvVars: env, Usage: f.Usage, Value: n}
	case Number:
		n, _ := strconv.ParseFloat(f.Default, 64)
		return &cli.Float64Flag{Name: f.Name, Aliases: short, EnvVars: env, Usage: f.Usage, Value: n}
	case Bool:
		return &cli.BoolFlag{Name: f.Name, Aliases: short, EnvVars: env, Usage: f.Usage}
	}
	return &cli.StringFlag{Name: f.Name, Aliases: short, EnvVars: env, Usage: f.Usage, Value: f.Default}
}

func buildAll(flags []Flag) []cli.Flag {
	out := make([]cli.Flag, 0, len(flags))
	for _, f := range flags {
		out = append(out, f.build())
	}
	return out
}

func argvFlags(flags []Flag) []argv.Flag {
	out := make([]argv.Flag, 0, len(flags))
	for _, f := range flags {
		out = append(out, f.argv())
	}
	return out
}
