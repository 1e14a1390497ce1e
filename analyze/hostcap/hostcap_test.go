package hostcap

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/topology/netset"
)

func TestReadTree(t *testing.T) {
	var own bytes.Buffer
	if err := Write(&own, &analyze.Capture{Host: "web1", ENIs: []string{"eni-1"}}); err != nil {
		t.Fatal(err)
	}
	fsys := fstest.MapFS{
		"web1.jsonl":             {Data: own.Bytes()},
		"eni-22/recipe.csv":      {Data: []byte(recipeCSV)},
		"10.0.1.9.txt":           {Data: []byte(recipeCSV)},
		"i-77.csv":               {Data: []byte(recipeCSV)},
		"nobody.csv":             {Data: []byte(recipeCSV)},
		"by-name.csv":            {Data: []byte(recipeCSV)},
		"broken.txt":             {Data: []byte("what is this\n")},
		".hidden":                {Data: []byte("what is this\n")},
		"hosts/10.0.1.8/ss.text": {Data: []byte(ssText)},
	}
	cs, found, err := Read(fsys, Names{"by-name.csv": "eni-33", "absent.csv": "eni-44"})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, c := range cs {
		got[c.Source] = fmt.Sprint(c.Instance, c.ENIs, c.Addresses)
	}
	want := map[string]string{
		"web1.jsonl": "[eni-1] []", "eni-22/recipe.csv": "[eni-22] []", "10.0.1.9.txt": "[] [10.0.1.9]", "i-77.csv": "i-77[] []",
		"nobody.csv": "[] []", "by-name.csv": "[eni-33] []", "hosts/10.0.1.8/ss.text": "[] [10.0.1.5 10.0.1.8]",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	var kinds []string
	for _, f := range found {
		kinds = append(kinds, f.Resource+" "+f.Kind)
	}
	if d := cmp.Diff([]string{"absent.csv capture-name-unused", "broken.txt unreadable-capture", "nobody.csv capture-without-host"}, kinds); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if _, _, err := Read(fsys, Names{"by-name.csv": "web"}); err == nil {
		t.Error("a name that is no host is taken")
	}
}

// randomRecording puts random samples together.
func randomRecording(rng *rand.Rand) *analyze.Capture {
	at := time.Date(2026, 9, 1, 10, 0, 0, 0, time.UTC)
	var rec Recorder
	for i := range 50 {
		var sample []Socket
		for range rng.IntN(20) {
			a := netip.AddrFrom4([4]byte{10, 0, byte(rng.IntN(2)), byte(rng.IntN(3))})
			s := Socket{Protocol: []netset.Protocol{netset.TCP, netset.UDP}[rng.IntN(2)], State: State(rng.IntN(4)), Local: a, LocalPort: rng.IntN(5) + 20,
				Peer: netip.MustParseAddr("2001:db8::1"), PeerPort: 50000 + rng.IntN(9), Process: []string{"p", ""}[rng.IntN(2)], PID: rng.IntN(2)}
			if s.State == Listening {
				s.Peer, s.PeerPort = netip.Addr{}, analyze.NoPort
			}
			sample = append(sample, s)
		}
		rec.Add(at.Add(time.Duration(i)*time.Second), sample)
	}
	c := rec.Capture()
	c.Host, c.Instance, c.ENIs = "h <한국어>", "i-1", []string{"eni-1"}
	return c
}

// What is written is read back the same, in both forms, and the same capture
// gives the same bytes.
func TestRoundTrip(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 5))
		c := randomRecording(rng)
		for name, write := range map[string]func(io.Writer, *analyze.Capture) error{"JSON lines": Write, "Parquet": WriteParquet} {
			var b bytes.Buffer
			if err := write(&b, c); err != nil {
				t.Fatal(err)
			}
			got, err := Decode(bytes.NewReader(b.Bytes()))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(sorted(c), got, cmpopts.EquateComparable(netip.Addr{}), cmpopts.EquateEmpty()); d != "" {
				t.Fatalf("%s: -want +got:\n%s", name, d)
			}
			rng.Shuffle(len(c.Connections), func(i, j int) { c.Connections[i], c.Connections[j] = c.Connections[j], c.Connections[i] })
			var b2 bytes.Buffer
			if err := write(&b2, c); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(b.Bytes(), b2.Bytes()) {
				t.Errorf("%s: the order of connections shows in the bytes", name)
			}
		}
	}
}

// A connection keeps its side when a listener on its local port comes later.
func TestOpenerIsKept(t *testing.T) {
	var rec Recorder
	a, b := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	other := Socket{Protocol: netset.TCP, State: Listening, Local: a, LocalPort: 22}
	conn := Socket{Protocol: netset.TCP, Local: a, LocalPort: 40000, Peer: b, PeerPort: 443}
	late := Socket{Protocol: netset.TCP, State: Listening, Local: a, LocalPort: 40000}
	rec.Add(time.Unix(1, 0), []Socket{other, conn})
	rec.Add(time.Unix(2, 0), []Socket{other, conn, late})
	if c := rec.Capture(); c.Connections[0].Opener != analyze.Out || c.Connections[0].Count != 2 {
		t.Errorf("%+v", c.Connections[0])
	}
}

// A connection keeps its side in the next file too, though what listened is gone
// by then; one that had ended before says nothing.
func TestNextKeepsSides(t *testing.T) {
	var rec Recorder
	a, b := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	ssh := Socket{Protocol: netset.TCP, State: Listening, Local: a, LocalPort: 22}
	ftp := Socket{Protocol: netset.TCP, State: Listening, Local: a, LocalPort: 50021}
	stays := Socket{Protocol: netset.TCP, Local: a, LocalPort: 50021, Peer: b, PeerPort: 40001}
	ends := Socket{Protocol: netset.TCP, Local: a, LocalPort: 50021, Peer: b, PeerPort: 40002}
	rec.Add(time.Unix(1, 0), []Socket{ssh, ftp, stays, ends})
	rec.Add(time.Unix(2, 0), []Socket{ssh, stays})
	next := rec.Next(time.Unix(2, 0))
	if next.Len() != 0 {
		t.Errorf("%d lines are in it already", next.Len())
	}
	next.Add(time.Unix(3, 0), []Socket{ssh, stays, ends})
	got := next.Capture().Connections
	if len(got) != 2 || got[0].Opener != analyze.In || got[0].Count != 1 || got[1].Opener != analyze.Out {
		t.Errorf("%+v", got)
	}
}

// This machine's own sockets while known connections are open: each is in the
// sample with the right side, both ends.
func TestSampleOfThisHost(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the sampler reads Linux's /proc/net")
	}
	var want []string
	for _, at := range []string{"127.0.0.1:0", "[::1]:0"} {
		l, err := net.Listen("tcp", at)
		if err != nil {
			t.Logf("%s: %v (this machine lacks the family)", at, err)
			continue
		}
		defer func() { _ = l.Close() }()
		for range 5 {
			out, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = out.Close() }()
			in, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = in.Close() }()
			client, server := netip.MustParseAddrPort(out.LocalAddr().String()), netip.MustParseAddrPort(l.Addr().String())
			want = append(want,
				fmt.Sprintf("tcp %s:%d %s:%d local", client.Addr(), client.Port(), server.Addr(), server.Port()),
				fmt.Sprintf("tcp %s:%d %s:%d peer", server.Addr(), server.Port(), client.Addr(), client.Port()))
		}
	}
	s := Sampler{Processes: true}
	sample, err := s.Sample()
	if err != nil {
		t.Fatal(err)
	}
	var rec Recorder
	rec.Add(time.Now(), sample)
	c := rec.Capture()
	have := map[string]bool{}
	for _, w := range words(c) {
		have[w] = true
	}
	for _, w := range want {
		if !have[w] {
			t.Errorf("the sample lacks %s", w)
		}
	}
	mine := 0
	for _, n := range c.Connections {
		if n.PID == os.Getpid() {
			mine++
		}
	}
	if mine < len(want) {
		t.Errorf("%d connections are this process's, want at least %d", mine, len(want))
	}
}

// A service that begins to listen while the kernel's table is read, and has a
// connection at once: its side is the peer's, not this host's.
func TestListenerDuringASample(t *testing.T) {
	lines := strings.SplitAfter(procTCP, "\n")
	head, listens, conn := lines[0], lines[1], lines[2]
	other := strings.ReplaceAll(strings.ReplaceAll(listens, ":0016", ":0050"), "18001", "17001")
	reads := map[string]int{}
	s := Sampler{Root: "/proc", open: func(name string) (io.ReadCloser, error) {
		reads[name]++
		text := head + other + conn // the second line was not there yet
		switch {
		case filepath.Base(name) != "tcp":
			return nil, fs.ErrNotExist
		case reads[name] > 1:
			text = head + other + listens + conn
		}
		return io.NopCloser(strings.NewReader(text)), nil
	}}
	sample, err := s.Sample()
	if err != nil {
		t.Fatal(err)
	}
	var rec Recorder
	rec.Add(time.Unix(1, 0), sample)
	c := rec.Capture()
	if len(sample) != 3 || len(c.Listeners) != 2 || len(c.Connections) != 1 || c.Connections[0].Opener != analyze.In || c.Connections[0].Count != 1 {
		t.Errorf("%d sockets: %+v", len(sample), c)
	}
}

func TestSamplerWithoutProc(t *testing.T) {
	s := Sampler{Root: filepath.Join(t.TempDir(), "proc")}
	if _, err := s.Sample(); err == nil || !strings.Contains(err.Error(), "no Linux host") {
		t.Errorf("%v", err)
	}
}
