package hostcap

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// BenchmarkSample: one sample put into a recorder that knows the sockets, by
// the number of sockets.
func BenchmarkSample(b *testing.B) {
	for _, n := range []int{1_000, 10_000} {
		b.Run(fmt.Sprintf("sockets=%d", n), func(b *testing.B) {
			var text strings.Builder
			text.WriteString("  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n")
			for i := range n {
				fmt.Fprintf(&text, "%4d: 0501000A:%04X 3202%02X0A:1538 01 00000000:00000000 00:00000000 00000000  1000        0 %d 1 0 20 4 30 10 -1\n", i, 1024+i, i%256, 18003+i)
			}
			root := b.TempDir()
			if err := os.MkdirAll(filepath.Join(root, "net"), 0o755); err != nil {
				b.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(root, "net", "tcp"), []byte(text.String()), 0o644); err != nil {
				b.Fatal(err)
			}
			s := Sampler{Root: root}
			var rec Recorder
			b.ReportAllocs()
			for b.Loop() {
				sample, err := s.Sample()
				if err != nil {
					b.Fatal(err)
				}
				rec.Add(time.Now(), sample)
			}
		})
	}
}
