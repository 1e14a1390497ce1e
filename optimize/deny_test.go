package optimize

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/flowcover/flowcover/topology/netset"
)

// paint gives, by trying all lists that put longer prefixes first, the least
// excess at each number of entries up to k.
func (g *grid) paint(p *Problem, k int) []int64 {
	type entry struct {
		cells uint64
		bits  int
		deny  bool
	}
	var entries []entry
	c := checker{p: &Problem{V6: p.V6, MaxPrefix: p.MaxPrefix, Weight: p.Weight}}
	for _, b := range g.blocks() {
		if b.Columns == netset.AllColumns() {
			continue
		}
		cells := g.cells(b)
		entries = append(entries, entry{cells, b.Prefix.Bits(), true})
		if c.cidr(b) == nil {
			entries = append(entries, entry{cells, b.Prefix.Bits(), false})
		}
	}
	slices.SortFunc(entries, func(a, b entry) int { return a.bits - b.bits })
	need, shut := g.setCells(approvedSet(p)), uint64(0)
	if p.Forbidden != nil {
		shut |= g.setCells(p.Forbidden)
	}
	if p.Open != nil {
		shut |= ^g.setCells(p.Open)
	}
	best := make([]int64, k+1)
	for i := range best {
		best[i] = -1
	}
	weights := make([]int64, 64)
	for i := range g.size() {
		for n, col := range g.cols {
			if col != restColumn {
				weights[i*len(g.cols)+n] = c.weighAny(netset.Of(netset.Block{Prefix: g.prefix(g.width(), i), Columns: netset.Columns{First: col, Last: col}}))
			}
		}
	}
	var try func(open uint64, used, from int)
	try = func(open uint64, used, from int) {
		if need&^open == 0 && open&shut == 0 {
			v := int64(0)
			for x := open &^ need; x != 0; x &= x - 1 {
				v += weights[bits.TrailingZeros64(x)]
			}
			for i := used; i <= k; i++ {
				if best[i] < 0 || v < best[i] {
					best[i] = v
				}
			}
		}
		if used == k {
			return
		}
		for i := from; i < len(entries); i++ {
			e := entries[i]
			next := open | e.cells
			if e.deny {
				next = open &^ e.cells
			}
			if next == open {
				continue
			}
			first := i // entries on prefixes of one length may come in any order
			for first > 0 && entries[first-1].bits == e.bits {
				first--
			}
			try(next, used+1, first)
		}
	}
	try(0, 0, 0)
	return best
}

func (c *checker) weighAny(s *netset.Set) int64 {
	if c.p.Weight == nil {
		return s.Count().Int64()
	}
	return c.weigh(s).Int64()
}

func TestDeniesAgainstEveryList(t *testing.T) {
	runs := 120
	if testing.Short() {
		runs = 30
	}
	better := 0
	for seed := range runs {
		r := rand.New(rand.NewPCG(uint64(seed), 31))
		g := &grid{base: netip.MustParseAddr("10.1.2.16"), logSize: 2 + r.IntN(2)}
		for i := range 2 + r.IntN(2) {
			g.cols = append(g.cols, netset.ColumnOf(netset.TCP, uint16(100+i)))
		}
		p := &Problem{ID: "list", K: 3, Denies: true}
		for _, b := range g.random(r, g.blocks()[1:], 2+r.IntN(5)) {
			if b.Columns != netset.AllColumns() {
				p.Approved = append(p.Approved, Cell{Block: b})
			}
		}
		if r.IntN(2) == 0 { // a hole is where a deny is of use
			b := g.random(r, g.blocks(), 1)[0]
			var cells []Cell
			for _, x := range approvedSet(p).Subtract(netset.Of(b)).Blocks() {
				cells = append(cells, Cell{Block: x})
			}
			p.Approved = cells
		}
		if r.IntN(2) == 0 {
			p.Forbidden = netset.Of(g.random(r, g.blocks(), 1+r.IntN(2))...).Subtract(approvedSet(p))
		}
		if r.IntN(4) == 0 {
			g.weigh(r, p)
		}
		if len(p.Approved) == 0 {
			continue
		}
		if p.Forbidden != nil && slices.ContainsFunc(p.Forbidden.Blocks(), func(b netset.Block) bool { return b.Columns.Len() > 3 }) {
			p.Forbidden = nil
		}
		want := g.paint(p, p.K)
		s := mustSolve(t, p)
		if s.Witness == nil && !s.Proven {
			t.Errorf("seed %d: not proven: %+v", seed, p)
			continue
		}
		if msg := compare(p, s, want); msg != "" {
			t.Fatalf("seed %d: %s\n%+v\n%+v", seed, msg, p, s)
		}
		q := *p
		q.Denies = false
		if plain := mustSolve(t, &q); plain.Rules == nil && s.Rules != nil || plain.Rules != nil && s.Exposure.Weighted.Cmp(plain.Exposure.Weighted) < 0 {
			better++
		}
	}
	if better < runs/20 {
		t.Error("no deny was ever of use")
	}
	t.Logf("denies were of use in %d of %d", better, runs)
}

// A port forbidden inside an ephemeral range is closed by a lower number.
func TestDenyInsideEphemeralRange(t *testing.T) {
	eph := netset.PortColumns(netset.TCP, 1024, 65535)
	any4 := netip.MustParsePrefix("10.0.0.0/8")
	p := &Problem{ID: "nacl", K: 4, Denies: true}
	for i := range 40 {
		a := netip.AddrFrom4([4]byte{10, byte(i * 5), byte(i * 11), 4})
		p.Approved = append(p.Approved, Cell{Block: netset.Block{Prefix: netip.PrefixFrom(a, 32), Columns: eph}, Flow: fmt.Sprint("f-", i)})
	}
	rdp := netset.PortColumns(netset.TCP, 3389, 3389)
	p.Forbidden = netset.Of(netset.Block{Prefix: any4, Columns: rdp})
	if s := mustSolve(t, p); s.Rules != nil || s.Witness == nil {
		t.Fatalf("3389 is approved and forbidden: %+v", s)
	}
	// Forbidden to others than the approved.
	p.Forbidden = p.Forbidden.Subtract(approvedSet(p))
	s := mustSolve(t, p)
	if s.Rules != nil {
		t.Fatalf("four entries cannot tell forty hosts apart: %+v", s.Rules)
	}
	p.Forbidden = netset.Of(netset.Block{Prefix: netip.MustParsePrefix("10.64.0.0/16"), Columns: rdp})
	p.K = 3
	s = mustSolve(t, p)
	var list []string
	for _, r := range s.Rules {
		word := "allow"
		if r.Deny {
			word = "deny"
		}
		list = append(list, word+" "+r.Block.String())
	}
	if len(s.Rules) == 0 || !strings.HasPrefix(list[0], "deny") {
		t.Fatalf("%v", list)
	}
	t.Log(list)
}
