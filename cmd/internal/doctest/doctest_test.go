package doctest

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what the commands print into the pages, where a page shows no dots")

func TestPagesShowWhatTheCommandsPrint(t *testing.T) {
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	if len(pages) == 0 {
		t.Fatal("no page found in docs/")
	}
	pages = append(pages, filepath.Join(root, "README.md"), filepath.Join(root, "README.ko.md"))
	bin := build(t, root)
	demo := filepath.Join(t.TempDir(), "work")
	if err := os.MkdirAll(demo, 0o755); err != nil {
		t.Fatal(err)
	}
	printed, err := run(t, demo, bin, "flowcover demo")
	if err != nil {
		t.Fatalf("flowcover demo: %v\n%s", err, printed)
	}
	for _, page := range pages {
		t.Run(filepath.Base(page), func(t *testing.T) { runPage(t, page, bin, demo, printed) })
	}
}

// build makes flowcover, and a go that runs it for "go run ./cmd/flowcover".
func build(t *testing.T, root string) string {
	t.Helper()
	bin := t.TempDir()
	for _, name := range []string{"flowcover", "flowcapture"} {
		cmd := exec.Command("go", "build", "-o", filepath.Join(bin, name), "./cmd/"+name)
		cmd.Dir = root
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go build ./cmd/%s: %v\n%s", name, err, out)
		}
	}
	return bin
}

func runPage(t *testing.T, page, bin, demo, printed string) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	commands, err := Parse(string(text))
	if err != nil {
		t.Fatalf("%s: %v", page, err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(demo)); err != nil {
		t.Fatal(err)
	}
	outputs := make([][]string, len(commands))
	for i, c := range commands {
		got := printed // the demo ran once already, in full
		if c.Text != "go run ./cmd/flowcover demo" && c.Text != "flowcover demo" {
			if got, err = run(t, dir, bin, c.Text); err != nil {
				got += err.Error() + "\n"
			}
		}
		outputs[i] = lines(got)
		if err := Match(c.Output, outputs[i]); err != nil && !*update {
			t.Errorf("%s:%d: $ %s\n%v\nall of it:\n%s", page, c.Line, c.Text, err, got)
		}
	}
	checkPictures(t, page, string(text), dir)
	if *update {
		rewrite(t, page, string(text), commands, outputs)
	}
}

// checkPictures compares the pictures beside a page with those that its commands wrote.
func checkPictures(t *testing.T, page, text, dir string) {
	t.Helper()
	for _, name := range Pictures(text) {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Errorf("%s shows the picture %s, which none of its commands wrote: %v", page, name, err)
			continue
		}
		stands := filepath.Join(filepath.Dir(page), name)
		if *update {
			if err := os.WriteFile(stands, got, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(stands)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not the picture that %s writes today: run this test with -update", stands, page)
		}
	}
}

// run gives what the command prints, and "exit status N" as its error.
func run(t *testing.T, dir, bin, command string) (string, error) {
	t.Helper()
	cmd := exec.Command("sh", "-c", command)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "HOME="+dir, "NO_COLOR=1", "COLUMNS=80", "FLOWCOVER_QUIET=true", "FLOWCOVER_LOG_FORMAT=text",
		"AWS_EC2_METADATA_DISABLED=true", "FLOWCOVER_AUTHOR=")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s: %v", command, err)
	}
	if exit != nil {
		err = fmt.Errorf("exit status %d", exit.ExitCode())
	}
	return string(out), err
}

func lines(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(s, "\n"), "\n")
}

func rewrite(t *testing.T, page, text string, commands []Command, outputs [][]string) {
	t.Helper()
	old := strings.Split(text, "\n")
	for i := len(commands) - 1; i >= 0; i-- {
		c := commands[i]
		if Match(c.Output, outputs[i]) == nil {
			continue
		}
		tail := append([]string{}, old[c.end:]...)
		old = append(append(old[:c.first:c.first], outputs[i]...), tail...)
	}
	if err := os.WriteFile(page, []byte(strings.Join(old, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestParse(t *testing.T) {
	page := "# x\n\n```console\n$ a \\\n  b\none\ntwo\n$ c\n```\n\n```sh\n$ not run\n```\n"
	cs, err := Parse(page)
	if err != nil {
		t.Fatal(err)
	}
	if len(cs) != 2 || cs[0].Text != "a \\\n  b" || strings.Join(cs[0].Output, ",") != "one,two" || cs[1].Text != "c" || cs[1].Output != nil {
		t.Errorf("got %+v", cs)
	}
	for _, bad := range []string{"```console\nno command\n```", "```console\n$ a\n"} {
		if _, err := Parse(bad); err == nil {
			t.Errorf("Parse(%q) gives no error", bad)
		}
	}
}

func TestPictures(t *testing.T) {
	got := Pictures("![a (b) c](draw.svg) text [link](x.md) ![](y.png)\n![far](https://example.com/z.svg)")
	if strings.Join(got, ",") != "draw.svg,y.png" {
		t.Errorf("got %v", got)
	}
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		want, got string
		ok        bool
	}{
		{"a\nb", "a\nb", true},
		{"a\nb", "a", false},
		{"a", "a\nb", false},
		{"a\n...\nd", "a\nb\nc\nd", true},
		{"a\n...", "a", true},
		{"...\nx", "a\nb", false},
		{"took ... s", "took 1.5 s", true},
		{"took ... s", "took 1.5 m", false},
		{"a.c", "abc", false},
	} {
		if err := Match(lines(c.want), lines(c.got)); (err == nil) != c.ok {
			t.Errorf("Match(%q, %q) = %v, want ok %v", c.want, c.got, err, c.ok)
		}
	}
}
