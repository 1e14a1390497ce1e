package optimize

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/flowcover/flowcover/topology/netset"
)

func shorten(t *testing.T, p *Problem) *Solution {
	t.Helper()
	s, err := Shorten(context.Background(), p, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var bs []netset.Block
	for _, r := range s.Rules {
		bs = append(bs, r.Block)
	}
	if got := netset.Of(bs...); !got.Equal(approvedSet(p)) {
		t.Fatalf("%v opens %v, want %v", bs, got.Blocks(), approvedSet(p).Blocks())
	}
	q := *p
	q.K, q.Open = max(1, len(p.Approved)), approvedSet(p)
	if err := Check(&q, s); err != nil {
		t.Fatal(err)
	}
	if s.PriceBound > s.Price {
		t.Fatalf("bound %d, price %d", s.PriceBound, s.Price)
	}
	return s
}

// columnsOf reads the cases' way of writing protocols and ports.
func columnsOf(t *testing.T, proto string, ports any) netset.Columns {
	t.Helper()
	p, err := netset.ParseProtocol(proto)
	if err != nil {
		t.Fatal(err)
	}
	if ports == nil {
		return netset.ProtocolColumns(p)
	}
	from, to, ok := strings.Cut(fmt.Sprint(ports), "-")
	if !ok {
		to = from
	}
	a, err := strconv.Atoi(from)
	if err != nil {
		t.Fatal(err)
	}
	b, err := strconv.Atoi(to)
	if err != nil {
		t.Fatal(err)
	}
	return netset.PortColumns(p, uint16(a), uint16(b))
}

func TestShortenAnchors(t *testing.T) {
	raw, err := os.ReadFile(cases(t, "minimize/exact.json"))
	if err != nil {
		t.Fatal(err)
	}
	var list []struct {
		ID            string
		Before, After [][]any
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		t.Fatal(err)
	}
	for _, c := range list {
		p := &Problem{ID: c.ID}
		for _, r := range c.Before {
			b := netset.Block{Prefix: netip.MustParsePrefix(r[2].(string)), Columns: columnsOf(t, r[0].(string), r[1])}
			p.Approved = append(p.Approved, Cell{Block: b})
		}
		if s := shorten(t, p); s.Price > len(c.After) || s.PriceBound != s.Price {
			t.Errorf("%s: %d rules, bound %d, want %d: %v", c.ID, s.Price, s.PriceBound, len(c.After), s.Rules)
		}
	}
}

// Where the exact program fits, it needs as many rules when nothing beyond the
// approved is open to it.
func TestShortenAgainstExact(t *testing.T) {
	for seed := range 400 {
		r := rand.New(rand.NewPCG(uint64(seed), 21))
		g := newGrid(r)
		p := &Problem{ID: "exact", V6: g.v6}
		for _, b := range g.random(r, g.blocks(), 1+r.IntN(12)) {
			p.Approved = append(p.Approved, Cell{Block: b})
		}
		s := shorten(t, p)
		q := *p
		q.K, q.Open = len(p.Approved), approvedSet(p)
		want := mustSolve(t, &q)
		if want.PriceBound != want.Price || s.Price != want.Price || s.PriceBound > want.Price {
			t.Fatalf("seed %d: %d rules (bound %d), exactly %d: %v %v", seed, s.Price, s.PriceBound, want.Price, s.Rules, want.Rules)
		}
	}
}

func TestShortenLarge(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 22))
	p := &Problem{ID: "large"}
	for range 3000 {
		bits := 18 + r.IntN(15)
		a := netip.AddrFrom4([4]byte{10, byte(r.IntN(4)), byte(r.IntN(256)), byte(r.IntN(256))})
		from := uint16(r.IntN(40))
		p.Approved = append(p.Approved, Cell{Block: netset.Block{Prefix: netip.PrefixFrom(a, bits).Masked(), Columns: netset.PortColumns(netset.TCP, from, from+uint16(r.IntN(10)))}})
	}
	s := shorten(t, p)
	if s.Price >= len(p.Approved) || s.PriceBound*10 < s.Price*9 {
		t.Errorf("%d rules became %d, at least %d are needed", len(p.Approved), s.Price, s.PriceBound)
	}
	t.Logf("%d rules became %d, at least %d are needed", len(p.Approved), s.Price, s.PriceBound)
}
