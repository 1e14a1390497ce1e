package main

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/flowcover/flowcover/analyze"
)

// program is flowcapture as a process of its own.
type program struct {
	*exec.Cmd
	lines  *bufio.Scanner
	stderr strings.Builder
}

func start(t *testing.T, args ...string) *program {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("this test samples Linux's /proc/net and sends signals")
	}
	p := &program{Cmd: exec.Command(os.Args[0], args...)}
	p.Env = append(os.Environ(), "FLOWCAPTURE_TEST_MAIN=1")
	pipe, err := p.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Process.Kill() })
	p.lines = bufio.NewScanner(pipe)
	return p
}

// until reads what the program says until a line holds the words.
func (p *program) until(t *testing.T, words string) {
	t.Helper()
	for p.lines.Scan() {
		p.stderr.WriteString(p.lines.Text() + "\n")
		if words != "" && strings.Contains(p.lines.Text(), words) {
			return
		}
	}
	if words != "" {
		t.Fatalf("it never said %q: %s", words, p.stderr.String())
	}
}

// known are connections within this machine, and the side that each end is on.
type known struct{ sides map[string]analyze.Side }

func ends(local, peer net.Addr) string {
	text := func(a net.Addr) string {
		p := netip.MustParseAddrPort(a.String())
		return netip.AddrPortFrom(p.Addr().Unmap(), p.Port()).String()
	}
	return local.Network() + " " + text(local) + " " + text(peer)
}

// dial opens n connections to a new listener of its own, and keeps them open.
func (k *known) dial(t *testing.T, at string, n int) {
	t.Helper()
	l, err := net.Listen("tcp", at)
	if err != nil {
		t.Logf("%s: %v (this machine lacks the family)", at, err)
		return
	}
	t.Cleanup(func() { _ = l.Close() })
	for range n {
		out, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = out.Close() })
		in, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = in.Close() })
		k.sides[ends(out.LocalAddr(), out.RemoteAddr())] = analyze.Out
		k.sides[ends(in.LocalAddr(), in.RemoteAddr())] = analyze.In
	}
}

// datagrams opens n UDP sockets that are connected to one that is not.
func (k *known) datagrams(t *testing.T, n int) {
	t.Helper()
	l, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	for range n {
		out, err := net.Dial("udp", l.LocalAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = out.Close() })
		k.sides[ends(out.LocalAddr(), out.RemoteAddr())] = analyze.Out
	}
}

// check finds each known connection in some capture, on the right side in all.
func (k *known) check(t *testing.T, cs []analyze.Capture) {
	t.Helper()
	seen := map[string]bool{}
	for _, c := range cs {
		for _, n := range c.Connections {
			at := func(a netip.Addr, port int) netip.AddrPort { return netip.AddrPortFrom(a, uint16(port)) }
			key := fmt.Sprint(n.Protocol, " ", at(n.Local, n.LocalPort), " ", at(n.Peer, n.PeerPort))
			side, ok := k.sides[key]
			if ok && (n.Opener != side || n.Count < 1 || n.First.IsZero()) {
				t.Errorf("%s: %s: %+v, want side %s", c.Source, key, n, side)
			}
			seen[key] = true
		}
	}
	for key := range k.sides {
		if !seen[key] {
			t.Errorf("the files lack %s", key)
		}
	}
}

// The whole program, in each form that keeps sides: known connections are open
// while it runs, and a SIGTERM ends it. All are in the file, each end with the
// right side.
func TestRecordsKnownConnections(t *testing.T) {
	for _, form := range []string{"parquet", "jsonl"} {
		t.Run(form, func(t *testing.T) {
			k := known{map[string]analyze.Side{}}
			k.dial(t, "127.0.0.1:0", 10)
			k.dial(t, "[::1]:0", 10)
			k.datagrams(t, 5)
			dir := t.TempDir()
			args := []string{"--out", dir, "--interval", "20ms", "--metadata", "off", "--host", "web/1", "--eni", "eni-1", "--instance", "i-1", "--processes"}
			if form != "parquet" { // which is the default
				args = append(args, "--format", form)
			}
			p := start(t, args...)
			p.until(t, "recording the sockets")
			k.dial(t, "127.0.0.1:0", 10) // opened after the first sample: the last one has them
			if err := p.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			p.until(t, "")
			if err := p.Wait(); err != nil {
				t.Fatalf("%v: %s", err, p.stderr.String())
			}
			cs := readCaptures(t, dir)
			if len(cs) != 1 || cs[0].Host != "web/1" || !slices.Equal(cs[0].ENIs, []string{"eni-1"}) || cs[0].Instance != "i-1" ||
				!strings.HasPrefix(cs[0].Source, "web-1-") || !strings.HasSuffix(cs[0].Source, "."+form) {
				t.Fatalf("%+v\n%s", cs, p.stderr.String())
			}
			k.check(t, cs)
			mine := 0
			for _, n := range cs[0].Connections {
				if n.PID == os.Getpid() && n.Process != "" {
					mine++
				}
			}
			if mine < len(k.sides) {
				t.Errorf("%d connections are this process's, want at least %d", mine, len(k.sides))
			}
			if !strings.Contains(p.stderr.String(), "wrote "+dir) {
				t.Errorf("stderr: %s", p.stderr.String())
			}
		})
	}
}

// The filters, on this machine's sockets, for a fixed time: only what the named
// interface has, and nothing within the host.
func TestFiltersAndDuration(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("this test names Linux's loopback interface")
	}
	k := known{map[string]analyze.Side{}}
	k.dial(t, "127.0.0.1:0", 3)
	record := func(flag ...string) []analyze.Capture {
		dir := t.TempDir()
		args := append([]string{"flowcapture", "--out", dir, "--interval", "10ms", "--duration", "30ms", "--metadata", "off", "--events", "off"}, flag...)
		var out, errs bytes.Buffer
		if code := run(t.Context(), args, &out, &errs); code != exitDone {
			t.Fatalf("%v: exit %d, %s", args, code, errs.String())
		}
		return readCaptures(t, dir)
	}
	lo := record("--interface", "lo")
	k.check(t, lo)
	for _, n := range lo[0].Connections {
		if !n.Local.IsLoopback() {
			t.Errorf("%+v is not of the loopback interface", n)
		}
	}
	for _, n := range record("--no-loopback")[0].Connections {
		if n.Local.IsLoopback() {
			t.Errorf("%+v is within the host", n)
		}
	}
}

// The flags of the systemd unit are flags that there are, and they record.
func TestUnit(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the unit is for Linux")
	}
	unit, err := os.ReadFile("flowcapture.service")
	if err != nil {
		t.Fatal(err)
	}
	_, line, ok := strings.Cut(string(unit), "\nExecStart=/usr/local/bin/")
	if !ok {
		t.Fatal("the unit starts something else")
	}
	line, _, _ = strings.Cut(line, "\n")
	dir := t.TempDir()
	args := strings.Fields(strings.Replace(line, "/var/lib/flowcapture/", dir+"/", 1))
	var out, errs bytes.Buffer
	if code := run(t.Context(), append(args, "--duration", "20ms", "--metadata", "off"), &out, &errs); code != exitDone {
		t.Fatalf("%v: exit %d, %s", args, code, errs.String())
	}
	if cs := readCaptures(t, dir); len(cs) != 1 {
		t.Errorf("%d files", len(cs))
	}
}

// kill -9 while files rotate: each file that is there is whole, and what was
// open before the last one began is in them.
func TestKilled(t *testing.T) {
	k := known{map[string]analyze.Side{}}
	k.dial(t, "127.0.0.1:0", 10)
	dir := t.TempDir()
	p := start(t, "--out", dir, "--interval", "10ms", "--rotate", "30ms", "--metadata", "off", "--events", "off")
	p.until(t, "wrote "+dir)
	k.dial(t, "127.0.0.1:0", 10)
	for range 3 { // the file under way, and one that began with them open
		p.until(t, "wrote "+dir)
	}
	if err := p.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err == nil {
		t.Fatal("it was not killed")
	}
	cs := readCaptures(t, dir)
	if len(cs) < 4 {
		t.Errorf("%d files", len(cs))
	}
	k.check(t, cs)
}
