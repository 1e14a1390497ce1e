package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// shapeOf lists every path of a JSON document with the kinds of value seen
// there: what a program that reads it relies on. Values are left out, the
// format field's excepted. Below a path in free any key may stand.
func shapeOf(data []byte, free []string) ([]string, error) {
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		return nil, err
	}
	seen := map[string]map[string]bool{}
	add := func(path, kind string) {
		if seen[path] == nil {
			seen[path] = map[string]bool{}
		}
		seen[path][kind] = true
	}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch x := v.(type) {
		case map[string]any:
			add(path, "object")
			for k, e := range x {
				if slices.Contains(free, path) {
					k = "*"
				}
				if path == "." && k == "format" {
					add("format", fmt.Sprintf("%q", e))
					continue
				}
				walk(strings.TrimPrefix(path+"."+k, ".."), e)
			}
		case []any:
			add(path, "list")
			for _, e := range x {
				walk(path+"[]", e)
			}
		case string:
			add(path, "text")
		case float64:
			add(path, "number")
		case bool:
			add(path, "true or false")
		case nil:
			add(path, "null")
		}
	}
	walk(".", v)
	var out []string
	for _, path := range sortedKeys(seen) {
		out = append(out, path+": "+strings.Join(sortedKeys(seen[path]), " or "))
	}
	return out, nil
}

// cmdShape is "shape NAME": the JSON on the last command's standard output has
// the shape in testdata/shapes/NAME.txt. UPDATE_SHAPES=DIR writes it there.
func cmdShape(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: shape NAME")
	}
	got, err := shapeOf([]byte(ts.ReadFile("stdout")), []string{"counts"})
	ts.Check(err)
	text := strings.Join(got, "\n") + "\n"
	if dir := os.Getenv("UPDATE_SHAPES"); dir != "" {
		ts.Check(os.MkdirAll(dir, 0o755))
		ts.Check(os.WriteFile(filepath.Join(dir, args[0]+".txt"), []byte(text), 0o600))
		return
	}
	want, err := os.ReadFile(filepath.Join(ts.Getenv("FIXTURES"), "shapes", args[0]+".txt"))
	ts.Check(err)
	if text != string(want) {
		ts.Fatalf("the shape of %s is not that of testdata/shapes/%s.txt; got\n%s\nwant\n%s", args[0], args[0], text, want)
	}
}

func TestShapeOf(t *testing.T) {
	got, err := shapeOf([]byte(`{"format":"x/1","a":[{"b":1},{"b":null,"c":"t"}],"counts":{"p":1,"q":2}}`), []string{"counts"})
	want := []string{".: object", "a: list", "a[]: object", "a[].b: null or number", "a[].c: text", "counts: object", "counts.*: number", `format: "x/1"`}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
}
