package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/analyze/hostcap"
	"github.com/flowcover/flowcover/topology/netset"
)

// TestMain lets the test binary be flowcapture itself, for signals.
func TestMain(m *testing.M) {
	if os.Getenv("FLOWCAPTURE_TEST_MAIN") != "" {
		main()
	}
	os.Exit(m.Run())
}

func readCaptures(t *testing.T, dir string) []analyze.Capture {
	t.Helper()
	cs, found, err := hostcap.Read(os.DirFS(dir), nil)
	if err != nil || len(found) > 0 {
		t.Fatal(err, found)
	}
	return cs
}

// fakeSampler gives one sample after the other, and then its error.
type fakeSampler struct {
	samples [][]hostcap.Socket
	n       int
	end     func()
	err     error
}

func (f *fakeSampler) Sample() ([]hostcap.Socket, error) {
	if f.n >= len(f.samples) {
		if f.err != nil {
			return nil, f.err
		}
		if f.end != nil {
			f.end()
		}
		return nil, nil
	}
	f.n++
	return slices.Clone(f.samples[f.n-1]), nil
}

func socket(local string, lport int, peer string, pport int) hostcap.Socket {
	return hostcap.Socket{Protocol: netset.TCP, Local: netip.MustParseAddr(local), LocalPort: lport, Peer: netip.MustParseAddr(peer), PeerPort: pport}
}

func testRecording(t *testing.T, f *fakeSampler) (*recording, context.Context) {
	ctx, cancel := context.WithCancel(t.Context())
	f.end = cancel
	at := time.Date(2026, 9, 1, 10, 0, 0, 0, time.UTC)
	return &recording{out: t.TempDir(), folder: true, form: formParquet, interval: 10 * time.Microsecond, events: "off", host: "h", sampler: f, log: io.Discard,
		now: func() time.Time { at = at.Add(time.Second); return at }}, ctx
}

func TestRotation(t *testing.T) {
	var samples [][]hostcap.Socket
	for i := range 1000 {
		samples = append(samples, []hostcap.Socket{socket("10.0.0.1", 40000+i, "10.0.0.2", 443)})
	}
	for name, set := range map[string]func(*recording){
		"by lines": func(r *recording) { r.rotateLines = 10 },
		"by time":  func(r *recording) { r.rotate = 20 * time.Second },
		"by size":  func(r *recording) { r.rotateSize = 9000 },
	} {
		r, ctx := testRecording(t, &fakeSampler{samples: samples})
		r.form = formJSONL
		set(r)
		if err := r.Run(ctx); err != nil {
			t.Fatal(err)
		}
		cs := readCaptures(t, r.out)
		seen := map[int]bool{}
		for _, c := range cs {
			for _, n := range c.Connections {
				seen[n.LocalPort] = true
			}
		}
		if len(cs) < 2 || len(seen) != 1000 {
			t.Errorf("%s: %d files with %d of 1000 connections", name, len(cs), len(seen))
		}
		for _, c := range cs {
			if st, err := os.Stat(filepath.Join(r.out, c.Source)); err != nil || r.rotateSize > 0 && st.Size() > 2*r.rotateSize {
				t.Errorf("%s: %v, %d bytes", name, err, st.Size())
			}
			if r.rotateLines > 0 && len(c.Connections) > r.rotateLines {
				t.Errorf("%s: %d connections", name, len(c.Connections))
			}
		}
	}
}

// In the recipe's form only what the host opened, or may have, is written.
func TestRecipeForm(t *testing.T) {
	in := socket("10.0.0.1", 22, "10.9.0.4", 50022)
	in.State = hostcap.Opened
	r, ctx := testRecording(t, &fakeSampler{samples: [][]hostcap.Socket{{socket("10.0.0.1", 40000, "10.0.0.2", 443), in}}})
	r.form = formCSV
	if err := r.Run(ctx); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(r.file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	c, err := hostcap.Decode(f)
	if err != nil || len(c.Connections) != 1 || c.Connections[0].PeerPort != 443 || !strings.HasSuffix(r.file, ".csv") {
		t.Errorf("%s: %v, %+v", r.file, err, c)
	}
}

func TestKeep(t *testing.T) {
	in := []hostcap.Socket{socket("127.0.0.1", 1, "127.0.0.1", 2), socket("10.0.0.1", 1, "10.0.0.2", 2), socket("10.0.0.9", 1, "10.0.0.2", 2),
		{Protocol: netset.TCP, State: hostcap.Listening, Local: netip.IPv6Unspecified(), LocalPort: 22}}
	r := recording{noLoopback: true, wanted: map[netip.Addr]bool{netip.MustParseAddr("10.0.0.1"): true, netip.MustParseAddr("127.0.0.1"): true}}
	if got := r.keep(in); len(got) != 2 || got[0].Local != netip.MustParseAddr("10.0.0.1") || got[1].State != hostcap.Listening {
		t.Errorf("%+v", got)
	}
}

// A failure midway: what was seen until then is written.
func TestFailureMidway(t *testing.T) {
	f := &fakeSampler{samples: [][]hostcap.Socket{{socket("10.0.0.1", 1, "10.0.0.2", 2)}}, err: errors.New("proc is gone")}
	r, ctx := testRecording(t, f)
	if err := r.Run(ctx); err == nil || !strings.Contains(err.Error(), "proc is gone") {
		t.Errorf("%v", err)
	}
	if cs := readCaptures(t, r.out); len(cs) != 1 || len(cs[0].Connections) != 1 {
		t.Errorf("%+v", cs)
	}
}

func TestUsage(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"--help", 0, "EXIT STATUS"},
		{"--version", 0, "dev"},
		{"extra", 2, `unexpected argument "extra"`},
		{"--colour", 2, "--help"},
		{"--interval 1ms", 2, "--interval 1ms: want at least 10ms"},
		{"--interval soon", 2, "soon"},
		{"--duration -1s", 2, "--duration"},
		{"--events maybe", 2, `--events "maybe": want one of auto, on, off`},
		{"--metadata x", 2, "--metadata"},
		{"--format xml", 2, `--format "xml": want one of parquet, jsonl, csv`},
		{"--rotate-size 1XB", 2, `--rotate-size "1XB" is no size`},
		{"--rotate-size 1MiB --out " + file, 2, "want a folder"},
		{"--eni x", 2, "begins with eni-"},
		{"--instance x", 2, "begins with i-"},
		{"--rotate-lines -1", 2, "--rotate-lines"},
		{"--rotate 1h --out " + file, 2, "want a folder"},
		{"--interface nosuch0 --metadata off --duration 10ms --out " + file, 1, "--interface nosuch0"},
		{"--out /proc/nowhere/ --duration 10ms", 2, "--out"},
		{"--out /nowhere/file --duration 10ms --metadata off --events off", 1, "--out"},
	} {
		var out, errs bytes.Buffer
		code := run(t.Context(), append([]string{"flowcapture"}, strings.Fields(c.args)...), &out, &errs)
		if text := out.String() + errs.String(); code != c.code || !strings.Contains(text, c.want) {
			t.Errorf("%s: exit %d, %s", c.args, code, text)
		}
	}
}

func TestMetadata(t *testing.T) {
	answers := map[string]string{
		"/latest/meta-data/instance-id":                                            "i-0abc",
		"/latest/meta-data/network/interfaces/macs/":                               "02:00:00:00:00:01/\n02:00:00:00:00:02/",
		"/latest/meta-data/network/interfaces/macs/02:00:00:00:00:01/interface-id": "eni-2",
		"/latest/meta-data/network/interfaces/macs/02:00:00:00:00:02/interface-id": "eni-1",
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPut && r.URL.Path == "/latest/api/token":
			_, _ = io.WriteString(w, "secret")
		case r.Header.Get("X-aws-ec2-metadata-token") == "secret" && answers[r.URL.Path] != "":
			_, _ = io.WriteString(w, answers[r.URL.Path])
		default:
			http.NotFound(w, r)
		}
	}))
	defer s.Close()
	id := askMetadata(t.Context(), s.URL)
	if id.instance != "i-0abc" || !slices.Equal(id.enis, []string{"eni-1", "eni-2"}) {
		t.Errorf("%+v", id)
	}
	s.Close()
	if id := askMetadata(t.Context(), s.URL); id.instance != "" {
		t.Errorf("no service: %+v", id)
	}
}

// The form is the one asked for, else the file's ending, else Parquet.
func TestFormOf(t *testing.T) {
	for _, c := range []struct {
		asked, out string
		want       form
	}{{"", ".", formParquet}, {"", "x.csv", formCSV}, {"", "x.jsonl", formJSONL}, {"", "x.parquet", formParquet}, {"csv", "x.jsonl", formCSV}, {"", "dir.d/", formParquet}} {
		if got := formOf(c.asked, c.out); got != c.want {
			t.Errorf("%q, %q: %s, want %s", c.asked, c.out, got, c.want)
		}
	}
}

// A host with more open sockets than a file's bound does not get a file a sample.
func TestMoreSocketsThanTheBound(t *testing.T) {
	var open []hostcap.Socket
	for i := range 50 {
		open = append(open, socket("10.0.0.1", 40000+i, "10.0.0.2", 443))
	}
	var samples [][]hostcap.Socket
	for range 30 {
		samples = append(samples, open)
	}
	r, ctx := testRecording(t, &fakeSampler{samples: samples})
	r.rotateLines = 10
	if err := r.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if cs := readCaptures(t, r.out); len(cs) != 1 || len(cs[0].Connections) != 50 {
		t.Errorf("%d files", len(cs))
	}
}
