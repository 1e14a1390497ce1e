package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// A file's host is named wherever the file lies: in a folder that is given, by its
// path or its name there, or alone.
func TestReadCapturesNames(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"dir/a.csv", "dir/sub/b.csv", "other/c.csv", "eni-7/d.csv"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), []byte("2026-09-01 10:00:00,10.0.2.50,443\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(root)
	for _, c := range []struct {
		args, want, found []string
	}{
		{[]string{"other/c.csv=eni-1"}, []string{"c.csv [eni-1]"}, nil},
		{[]string{"eni-7/d.csv"}, []string{"d.csv [eni-7]"}, nil},
		{[]string{"other/c.csv"}, []string{"c.csv []"}, []string{"capture-without-host"}},
		{[]string{"dir", "a.csv=eni-1", "sub/b.csv=eni-2"}, []string{"a.csv [eni-1]", "sub/b.csv [eni-2]"}, nil},
		{[]string{"dir/a.csv=eni-1", "dir", "dir/sub/b.csv=eni-2"}, []string{"a.csv [eni-1]", "sub/b.csv [eni-2]"}, nil},
		{[]string{"dir/sub", "b.csv=eni-2", "other", "c.csv=eni-3"}, []string{"b.csv [eni-2]", "c.csv [eni-3]"}, nil},
		{[]string{"dir/sub", "b.csv=eni-2", "other/c.csv=eni-3", "x.csv=eni-4"}, []string{"b.csv [eni-2]", "c.csv [eni-3]"}, []string{"capture-name-unused"}},
	} {
		got, err := readCaptures(c.args)
		if err != nil {
			t.Errorf("%v: %v", c.args, err)
			continue
		}
		var words, found []string
		for _, x := range got.captures {
			words = append(words, fmt.Sprint(x.Source, " ", x.ENIs))
		}
		for _, f := range got.findings {
			found = append(found, f.Kind)
		}
		if !slices.Equal(words, c.want) || !slices.Equal(found, c.found) || len(got.digests) != len(c.want) {
			t.Errorf("%v: %v, %v, %d digests", c.args, words, found, len(got.digests))
		}
	}
	for _, args := range [][]string{{"nosuch"}, {"nosuch.csv=eni-1"}, {"other/c.csv=web1"}} {
		if _, err := readCaptures(args); err == nil {
			t.Errorf("%v is taken", args)
		}
	}
}
