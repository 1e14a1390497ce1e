package optimize

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/flowcover/flowcover/topology/netset"
)

// benchPorts are what a busy host serves.
var benchPorts = []uint16{22, 80, 443, 3306, 5432, 6379, 8080, 9092, 1521, 389, 636, 88, 445, 3389, 5672, 15672, 2049, 111, 53, 123, 161, 514, 25, 587, 993, 995, 8443, 9000, 27017, 11211}

// clustered draws addresses the way networks hand them out: subnets of hosts.
func clustered(seed uint64, n, ports int) *Problem {
	r := rand.New(rand.NewPCG(seed, 2))
	p := &Problem{ID: fmt.Sprintf("%d addresses, %d ports", n, ports), K: 60}
	p.Approved = make([]Cell, 0, n)
	base := uint32(0)
	for i := range n {
		if i%50 == 0 {
			base = 10<<24 | r.Uint32N(1<<16)<<8
			if n > 200_000 {
				base = r.Uint32N(1<<24) << 8
			}
		}
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], base|r.Uint32N(256))
		port := benchPorts[r.IntN(ports)]
		p.Approved = append(p.Approved, Cell{Block: netset.Block{
			Prefix:  netip.PrefixFrom(netip.AddrFrom4(b), 32),
			Columns: netset.PortColumns(netset.TCP, port, port)}})
	}
	return p
}

func BenchmarkSolve(b *testing.B) {
	for _, size := range []struct{ n, ports int }{
		{100, 1}, {100, 4}, {100, 8}, {1000, 8}, {10_000, 8}, {100_000, 1}, {100_000, 4}, {100_000, 6}, {1_000_000, 1}, {1_000_000, 4},
	} {
		p := clustered(1, size.n, size.ports)
		b.Run(fmt.Sprintf("n=%d/m=%d", size.n, size.ports), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s, err := Solve(context.Background(), p, Options{})
				if err != nil || !s.Proven {
					b.Fatalf("%v proven %v", err, s.Proven)
				}
			}
		})
	}
}
