package argv

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

var (
	globals  = []Flag{{Names: []string{"config"}, Value: true}}
	commands = []Command{
		{Name: "plan", Flags: []Flag{
			{Names: []string{"out", "o"}, Value: true}, {Names: []string{"json"}},
			{Names: []string{"scope"}, Value: true, Multi: true}, {Names: []string{"number"}, Value: true},
		}},
		{Name: "show", Flags: []Flag{{Names: []string{"json"}}}},
	}
)

func TestRewrite(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"plan a b", "flowcover plan -- a b"},
		{"plan a --json b", "flowcover plan --json -- a b"},
		{"plan a -o x b --scope=1 --scope 2", "flowcover plan --out x --scope 1 --scope 2 -- a b"},
		{"--json plan a", "flowcover plan --json -- a"},
		{"--config f plan", "flowcover plan --config f --"},
		{"-o x plan", "flowcover plan --out x --"},
		{"plan -json=false", "flowcover plan --json=false --"},
		{"plan -- --json -o", "flowcover plan -- --json -o"},
		{"plan a -- --json", "flowcover plan -- a --json"},
		{"-- plan --json", "flowcover plan -- --json"},
		{"plan -", "flowcover plan -- -"},
		{"plan --number -1", "flowcover plan --number -1 --"},
		{"plan -5", "flowcover plan -- -5"},
		{"plan --out=", "flowcover plan --out  --"},
		{"show plan", "flowcover show -- plan"},
	} {
		line, err := Rewrite(strings.Fields("prog "+c.in), globals, commands)
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		if got := strings.Join(line.Args, " "); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.in, got, c.want)
		}
	}
}

func TestRefused(t *testing.T) {
	for in, want := range map[string]string{
		"plna":                "unknown command \"plna\" (did you mean plan?)",
		"plan --jsno":         "unknown flag --jsno of plan (did you mean --json?)",
		"plan --jsno=1":       "unknown flag --jsno of plan (did you mean --json?)",
		"plan --zzzz":         "unknown flag --zzzz of plan",
		"show -o x":           "unknown flag -o of show",
		"plan -o":             "flag -o needs a value",
		"plan -o --json":      "flag -o needs a value",
		"plan -o -- x":        "flag -o needs a value",
		"plan --json --json":  "flag --json is given twice; it takes one value",
		"plan -o 1 --out 2":   "flag --out is given twice; it takes one value",
		"--confg x plan":      "unknown flag --confg (did you mean --config?)",
		"--bogus plan":        "unknown flag --bogus of plan",
		"--bogus":             "unknown flag --bogus",
		"plan --config":       "flag --config needs a value",
		"plan --version":      "unknown flag --version of plan",
		"":                    "",
		"--help":              "",
		"plan x --help":       "",
		"--version":           "",
		"plan --help --scope": "flag --scope needs a value",
	} {
		_, err := Rewrite(strings.Fields("prog "+in), globals, commands)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if !strings.HasPrefix(got, want) || (want == "") != (got == "") {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestHelpAndVersion(t *testing.T) {
	for in, want := range map[string]Line{
		"--help":      {Help: true},
		"plan a -h":   {Help: true, Command: "plan"},
		"-h plan":     {Help: true, Command: "plan"},
		"--version":   {Version: true},
		"plan -- -h":  {Command: "plan"},
		"":            {},
		"plan --json": {Command: "plan"},
	} {
		got, err := Rewrite(strings.Fields("prog "+in), globals, commands)
		if err != nil || got.Help != want.Help || got.Version != want.Version || got.Command != want.Command {
			t.Errorf("%q: %+v, %v; want %+v", in, got, err, want)
		}
	}
}

// Wherever flags stand among the arguments, the command line means the same.
func TestOrderOfFlagsDoesNotMatter(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	units := [][]string{{"--json"}, {"-o", "x"}, {"--config=c"}, {"--number", "-3"}}
	args := []string{"a", "b", "c"}
	for range 300 {
		rest := slices.Clone(units)
		rng.Shuffle(len(rest), func(i, j int) { rest[i], rest[j] = rest[j], rest[i] })
		words := [][]string{{"plan"}, {args[0]}, {args[1]}, {args[2]}}
		for _, u := range rest {
			words = slices.Insert(words, rng.IntN(len(words)+1), u)
		}
		in := append([]string{"prog"}, slices.Concat(words...)...)
		line, err := Rewrite(in, globals, commands)
		if err != nil {
			t.Fatalf("%q: %v", in, err)
		}
		if !slices.Equal(line.Rest, args) || line.Command != "plan" {
			t.Fatalf("%q: arguments %q of %q", in, line.Rest, line.Command)
		}
		for _, want := range []string{"--json", "--out x", "--config c", "--number -3"} {
			if !strings.Contains(strings.Join(line.Args, " "), want) {
				t.Fatalf("%q: %q lacks %s", in, line.Args, want)
			}
		}
	}
}

func FuzzRewrite(f *testing.F) {
	f.Add("plan\x00a\x00--json\x00-o\x00x")
	f.Add("--\x00plan\x00--json")
	f.Fuzz(func(t *testing.T, s string) {
		in := append([]string{"prog"}, strings.Split(s, "\x00")...)
		line, err := Rewrite(in, globals, commands)
		if err != nil {
			return
		}
		if line.Args[0] != "flowcover" || !slices.Contains(line.Args, "--") {
			t.Errorf("%q: %q", in, line.Args)
		}
		if !slices.Equal(line.Args[len(line.Args)-len(line.Rest):], line.Rest) {
			t.Errorf("%q: the arguments do not come last: %q", in, line.Args)
		}
	})
}
