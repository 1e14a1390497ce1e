package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// openSockets opens n sockets of connections within this machine.
func openSockets(b *testing.B, n int) {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.Close() })
	for range n / 2 {
		out, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			b.Fatalf("%v (ulimit -n?)", err)
		}
		b.Cleanup(func() { _ = out.Close() })
		in, err := l.Accept()
		if err != nil {
			b.Fatalf("%v (ulimit -n?)", err)
		}
		b.Cleanup(func() { _ = in.Close() })
	}
}

// BenchmarkSockets: what the whole program takes on a host with so many open
// sockets: CPU time a sample, its writing included, and the most memory. It runs
// for a fixed time, so use -benchtime 1x.
func BenchmarkSockets(b *testing.B) {
	for _, n := range []int{1_000, 10_000} {
		for _, flag := range []string{"", "--processes"} {
			b.Run(fmt.Sprintf("sockets=%d%s", n, flag), func(b *testing.B) {
				openSockets(b, n)
				const samples = 20
				var cpu, rss, bytes float64
				for b.Loop() {
					file := filepath.Join(b.TempDir(), "capture.parquet")
					args := []string{"--out", file, "--interval", "250ms", "--duration", "4750ms", "--metadata", "off"}
					if flag != "" {
						args = append(args, flag)
					}
					cmd := exec.Command(os.Args[0], args...)
					cmd.Env = append(os.Environ(), "FLOWCAPTURE_TEST_MAIN=1")
					if out, err := cmd.CombinedOutput(); err != nil {
						b.Fatalf("%v: %s", err, out)
					}
					st, err := os.Stat(file)
					if err != nil {
						b.Fatal(err)
					}
					use, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
					if !ok {
						b.Fatal("the system does not say what a process used")
					}
					cpu = float64((cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Milliseconds())
					rss, bytes = float64(use.Maxrss)/1024, float64(st.Size())
				}
				b.ReportMetric(cpu/samples, "cpu-ms/sample")
				b.ReportMetric(rss, "MiB-max")
				b.ReportMetric(bytes/1024, "KiB-file")
			})
		}
	}
}
