package analyze

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

// bigInput is an account of 500 ENIs with n rows: two thirds settled, a third
// not, of clients everywhere.
func bigInput(b testing.TB, n int) Input {
	r := testAccount()
	groups := []string{"sg-web", "sg-common", "sg-db", "sg-alb", "sg-ecs"}
	for i := range r.SecurityGroups {
		for k := range 50 {
			r.SecurityGroups[i].Rules = append(r.SecurityGroups[i].Rules,
				rule(topology.Ingress, netset.TCP, 1000+k, 1000+k, fmt.Sprintf("10.%d.0.0/16", 100+k)))
		}
	}
	for i := range 500 {
		e := eni(fmt.Sprintf("eni-b%03d", i), "subnet-app", "interface", fmt.Sprintf("10.0.%d.%d", 8+i/200, 10+i%200), groups[i%5], groups[(i+1)%5])
		r.Interfaces = append(r.Interfaces, e)
	}
	in := Input{Window: september, Evidence: Evidence{Policy: DefaultPolicy(), Snapshots: []SnapshotAt{{snapshotOf(b, r), september.Until}}}}
	rng := rand.New(rand.NewPCG(11, 11))
	ports := []int{443, 5432, 8080, 1005, 1022, 40000}
	for i := range n {
		k := rng.IntN(500)
		local := fmt.Sprintf("10.0.%d.%d", 8+k/200, 10+k%200)
		x := row(fmt.Sprintf("eni-b%03d", k), []Side{In, Out, Unsettled}[i%3], netset.TCP, local, ports[rng.IntN(6)], "10.0.0.1", 32768+rng.IntN(28000), 1+rng.IntN(30))
		x.Peer = netip.AddrFrom4([4]byte{10, byte(rng.IntN(200)), byte(rng.IntN(40)), byte(rng.IntN(250))})
		switch x.Side {
		case In:
			x.PeerPort = NoPort
		case Out:
			x.LocalPort, x.PeerPort = NoPort, ports[rng.IntN(6)]
		}
		in.Rows = append(in.Rows, x)
	}
	return in
}

// BenchmarkObserve: settle, fold, attribute, rank and score, by rows.
func BenchmarkObserve(b *testing.B) {
	for _, n := range []int{10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("rows=%d", n), func(b *testing.B) {
			in := bigInput(b, n)
			b.ResetTimer()
			b.ReportAllocs()
			for b.Loop() {
				o := Observe(in)
				b.ReportMetric(float64(len(o.Flows)), "flows")
			}
		})
	}
}

// BenchmarkUses: which rules, entries and routes the flows used, by rows.
func BenchmarkUses(b *testing.B) {
	for _, n := range []int{10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("rows=%d", n), func(b *testing.B) {
			in := bigInput(b, n)
			o := Observe(in)
			b.ResetTimer()
			for b.Loop() {
				Uses(o.Flows, in.Snapshots[0].Snapshot)
			}
			b.ReportMetric(float64(len(o.Flows)), "flows")
		})
	}
}
