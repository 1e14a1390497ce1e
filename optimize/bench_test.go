package optimize

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
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

// benchSizes are the figures that docs/BENCHMARKS.md states; m is the number of
// ports.
var benchSizes = []struct{ n, ports int }{
	{1_000_000, 1}, {10_000_000, 1}, {1000, 8}, {10_000, 8}, {100_000, 6}, {1_000_000, 4}, {20_000, 30},
}

// BenchmarkSolve solves one list at K=60, rules rebuilt, and reports its excess
// and, where it is not proven, the gap to the bound of the sum of areas.
func BenchmarkSolve(b *testing.B) {
	for _, size := range benchSizes {
		b.Run(fmt.Sprintf("n=%d/m=%d", size.n, size.ports), func(b *testing.B) {
			p := clustered(1, size.n, size.ports)
			b.ReportAllocs()
			for b.Loop() {
				s, err := Solve(context.Background(), p, Options{Effort: EffortExact})
				if err != nil || s.Rules == nil || size.ports <= 8 && !s.Proven {
					b.Fatalf("%v proven %v", err, s.Proven)
				}
				x, _ := new(big.Float).SetInt(s.Exposure.Weighted).Float64()
				b.ReportMetric(x, "excess")
				if !s.Proven && s.AreaBound != nil {
					low, _ := new(big.Float).SetInt(s.AreaBound).Float64()
					sum, _ := new(big.Float).SetInt(s.Areas).Float64()
					b.ReportMetric(100*(sum-low)/max(1, sum), "areagap%")
				}
			}
		})
	}
}

// BenchmarkGreedyMerge is what other tools do, on the same problems: merge the
// two rules that together open the least more, until K are left.
func BenchmarkGreedyMerge(b *testing.B) {
	for _, size := range []struct{ n, ports int }{{10_000, 1}, {1000, 8}, {10_000, 8}, {20_000, 30}} {
		b.Run(fmt.Sprintf("n=%d/m=%d", size.n, size.ports), func(b *testing.B) {
			p := clustered(1, size.n, size.ports)
			for b.Loop() {
				rules := greedyMerge(p)
				excess := new(big.Int).Sub(netset.Of(rules...).Count(), approvedSet(p).Count())
				x, _ := new(big.Float).SetInt(excess).Float64()
				b.ReportMetric(x, "excess")
			}
		})
	}
}

// merging is a rule of the greedy merge, with the partner that it would best be
// merged with.
type merging struct {
	block
	first, last netset.Column
	area        int64
	with        int
	cost        int64
	gone        bool
}

func (m *merging) joined(o *merging) merging {
	n := min(int(m.bits), int(o.bits), m.at.common(o.at))
	out := merging{block: block{m.at.masked(n), uint8(n)}, first: min(m.first, o.first), last: max(m.last, o.last)}
	out.area = int64(out.last-out.first+1) << (32 - n)
	return out
}

// greedyMerge looks at all pairs; each rule remembers its best partner.
func greedyMerge(p *Problem) []netset.Block {
	var all []merging
	for _, s := range groups(p.Approved) {
		for _, b := range normal(s.blocks) {
			all = append(all, merging{block: b, first: s.cols.First, last: s.cols.Last, area: int64(s.cols.Len()) << (32 - b.bits)})
		}
	}
	best := func(i int) {
		m := &all[i]
		m.with, m.cost = -1, math.MaxInt64
		for j := range all {
			if j == i || all[j].gone {
				continue
			}
			to := m.joined(&all[j])
			if c := to.area - m.area - all[j].area; c < m.cost {
				m.with, m.cost = j, c
			}
		}
	}
	for i := range all {
		best(i)
	}
	for left := len(all); left > p.K; left-- {
		at := -1
		for i := range all {
			if !all[i].gone && (at < 0 || all[i].cost < all[at].cost) {
				at = i
			}
		}
		gone := all[at].with
		all[at] = all[at].joined(&all[gone])
		all[gone].gone = true
		for i := range all {
			if m := &all[i]; !m.gone && (i == at || m.with == at || m.with == gone) {
				best(i)
			} else if !m.gone {
				to := m.joined(&all[at])
				if c := to.area - m.area - all[at].area; c < m.cost {
					m.with, m.cost = at, c
				}
			}
		}
	}
	var out []netset.Block
	for i := range all {
		if !all[i].gone {
			out = append(out, rule{block: all[i].block, cols: netset.Columns{First: all[i].first, Last: all[i].last}}.netset(false))
		}
	}
	return out
}
