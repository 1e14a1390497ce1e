package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/flowcover/flowcover/cmd/internal/command"
)

// TestOpenTopologyCases runs each open case through snapshot and trace, as a
// person would: the disposition and the path are what its authors expect.
func TestOpenTopologyCases(t *testing.T) {
	folder := casesFolder()
	if folder == "" {
		t.Skip("the open cases are not beside this checkout")
	}
	data, err := os.ReadFile(filepath.Join(folder, "topology", "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Snapshot, From, To, Protocol string
		Port                         int
		Disposition                  string
		Path                         []string
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) == 0 {
		t.Fatal("expected.json names no case")
	}
	t.Chdir(t.TempDir())
	for _, c := range cases {
		file := c.Snapshot + ".json"
		if _, err := os.Stat(file); err != nil {
			flowcover(t, "snapshot", "--quiet", "--from-dir", filepath.Join(folder, "topology", c.Snapshot), "-o", file)
		}
		out := flowcover(t, "trace", "--snapshot", file, "--from", c.From, "--to", c.To, "--protocol", c.Protocol, "--port", strconv.Itoa(c.Port), "--json")
		var got struct {
			Disposition string
			Path        []string
		}
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatal(err)
		}
		if got.Disposition != c.Disposition || !slices.Equal(got.Path, c.Path) {
			t.Errorf("%s: %s to %s %s/%d:\n got %s %v\nwant %s %v", c.Snapshot, c.From, c.To, c.Protocol, c.Port, got.Disposition, got.Path, c.Disposition, c.Path)
		}
	}
}

// flowcover runs a command line that must end well and gives its output.
func flowcover(t *testing.T, args ...string) []byte {
	t.Helper()
	var out, errs bytes.Buffer
	code := newApp().Main(context.Background(), append([]string{"flowcover"}, args...), command.Streams{In: strings.NewReader(""), Out: &out, Err: &errs})
	if code != 0 {
		t.Fatalf("flowcover %s: exit status %d\n%s", strings.Join(args, " "), code, errs.String())
	}
	return out.Bytes()
}
