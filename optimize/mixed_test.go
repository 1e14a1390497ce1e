package optimize

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"testing"

	"github.com/flowcover/flowcover/topology/netset"
)

// mixedProblem draws what the demo's lists are like: several protocols, subnets
// and hosts together, today's rules as the bound, zones, something pinned.
func mixedProblem(seed uint64) *Problem {
	r := rand.New(rand.NewPCG(seed, 77))
	p := &Problem{ID: fmt.Sprint("mixed ", seed), K: 3 + r.IntN(58), V6: seed%5 == 4}
	for range 20 + r.IntN(150) {
		p.Approved = append(p.Approved, mixedCell(r, p.V6))
	}
	if r.IntN(2) == 0 {
		mixedOpen(r, p)
	}
	if r.IntN(2) == 0 && !p.V6 {
		p.Weight = &Weights{DefaultZone: 1, Zones: []Zone{{"own", netip.MustParsePrefix("10.1.0.0/16"), 900}, {"on", netip.MustParsePrefix("10.0.0.0/8"), 40}}}
	}
	if r.IntN(3) == 0 {
		b := p.Approved[0].Block
		p.Pinned, p.PinnedOpen = []Rule{{Block: b, Price: 1}}, netset.Of(b)
	}
	return p
}

func mixedCell(r *rand.Rand, v6 bool) Cell {
	pr := []netset.Protocol{netset.TCP, netset.TCP, netset.UDP, netset.ICMP, 50}[r.IntN(5)]
	port := uint16(r.IntN(30) * 37)
	cols := netset.PortColumns(netset.TCP, port, port)
	switch pr {
	case netset.UDP:
		cols = netset.PortColumns(pr, port, port+uint16(r.IntN(2)*500))
	case netset.ICMP, 50:
		cols = netset.ProtocolColumns(pr)
	}
	a, bits := netip.AddrFrom4([4]byte{10, byte(r.IntN(3)), byte(r.IntN(6)), byte(r.IntN(256))}), 32
	if v6 {
		a, bits = netip.AddrFrom16([16]byte{0: 0x20, 1: 1, 2: 0xd, 3: 0xb8, 7: byte(r.IntN(4)), 15: byte(r.IntN(256))}), 128
	}
	bits -= r.IntN(2) * r.IntN(9)
	return Cell{Block: netset.Block{Prefix: netip.PrefixFrom(a, bits).Masked(), Columns: cols}}
}

// mixedOpen bounds what may be opened by rules somewhat wider than the approved.
func mixedOpen(r *rand.Rand, p *Problem) {
	var open []netset.Block
	for _, c := range p.Approved {
		b := c.Block
		if r.IntN(3) == 0 {
			b.Prefix = netip.PrefixFrom(b.Prefix.Addr(), b.Prefix.Bits()-r.IntN(9)).Masked()
		}
		if r.IntN(6) == 0 {
			b.Columns = netset.ProtocolColumns(b.Columns.Protocol())
		}
		open = append(open, b)
	}
	p.Open = netset.Of(open...)
	for i, b := range open {
		if i%4 == 0 {
			p.Current = append(p.Current, Rule{Block: b, Price: 1})
		}
	}
}

// What is too large for the exact program takes every way of the search; each
// answer must stand before the checker.
func TestSearchOnMixedProblems(t *testing.T) {
	answers := 0
	for seed := range uint64(60) {
		if s := mustSolve(t, mixedProblem(seed)); s.Rules != nil {
			answers++
		}
	}
	if answers < 30 {
		t.Errorf("%d of 60 problems have an answer, want half of them at least", answers)
	}
}

// The search does not depend on the order of what is approved, stands or weighs.
func TestSearchInAnyOrder(t *testing.T) {
	for seed := uint64(0); seed < 60; seed += 7 {
		p := mixedProblem(seed)
		want := mustSolve(t, p)
		r := rand.New(rand.NewPCG(seed, 78))
		r.Shuffle(len(p.Approved), func(i, j int) { p.Approved[i], p.Approved[j] = p.Approved[j], p.Approved[i] })
		r.Shuffle(len(p.Current), func(i, j int) { p.Current[i], p.Current[j] = p.Current[j], p.Current[i] })
		if p.Weight != nil {
			z := p.Weight.Zones
			r.Shuffle(len(z), func(i, j int) { z[i], z[j] = z[j], z[i] })
		}
		got := mustSolve(t, p)
		if want.Witness == nil && !reflect.DeepEqual(got, want) || (want.Witness == nil) != (got.Witness == nil) {
			t.Fatalf("seed %d: another order, another answer: %+v and %+v", seed, got, want)
		}
	}
}
