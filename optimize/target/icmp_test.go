package target

import (
	"context"
	"math/big"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/flowcover/flowcover/optimize"
	"github.com/flowcover/flowcover/topology/netset"
)

// tinyColumns are what the tiny lists need: types, all of ICMP, a port, all.
var tinyColumns = []netset.Columns{
	netset.TypeColumns(netset.ICMP, 0, -1), netset.TypeColumns(netset.ICMP, 3, -1), netset.TypeColumns(netset.ICMP, 8, -1),
	netset.ProtocolColumns(netset.ICMP), netset.PortColumns(netset.TCP, 443, 443), netset.AllColumns(),
}

func tinyHost(i int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 32)
}

func tinyProblem(r *rand.Rand) *optimize.Problem {
	p := &optimize.Problem{ID: "tiny", K: 1 + r.IntN(4)}
	for range 2 + r.IntN(6) {
		c := tinyColumns[r.IntN(5)]
		if r.IntN(20) == 0 {
			c = tinyColumns[5]
		}
		p.Approved = append(p.Approved, optimize.Cell{Block: netset.Block{Prefix: tinyHost(r.IntN(8)), Columns: c}})
	}
	return p
}

// leastByHand tries every choice of up to K rules over 8 addresses. An address
// has an atom of cells for each of six classes of columns.
func leastByHand(p *optimize.Problem) int64 {
	sizes := [6]int64{256, 256, 256, 65536 - 3*256, 1, 0}
	sizes[5] = int64(netset.NumColumns) - 65536 - 1
	masks := []uint64{1, 2, 4, 15, 16, 63} // of tinyColumns
	var need uint64
	for _, c := range p.Approved {
		for i, x := range tinyColumns {
			if x == c.Columns {
				need |= masks[i] << (6 * c.Prefix.Addr().As4()[3])
			}
		}
	}
	size := func(set uint64) (n int64) {
		for i := range 48 {
			n += int64(set>>i&1) * sizes[i%6]
		}
		return n
	}
	var rules []uint64
	for bits := range 4 {
		for at := 0; at < 8; at += 1 << bits {
			for _, m := range masks {
				var set uint64
				for i := range 1 << bits {
					set |= m << (6 * (at + i))
				}
				rules = append(rules, set)
			}
		}
	}
	best := int64(1) << 62
	var choose func(from, left int, open uint64)
	choose = func(from, left int, open uint64) {
		if open&need == need {
			best = min(best, size(open&^need))
			return
		}
		for i := from; left > 0 && i < len(rules); i++ {
			if rules[i]&need&^open != 0 {
				choose(i+1, left-1, open|rules[i])
			}
		}
	}
	choose(0, p.K, 0)
	return best
}

// TestFewRulesForTypes: lists of ICMP types beside all of ICMP, with few rules,
// against every choice of rules that can be written.
func TestFewRulesForTypes(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 4))
	const lists = 1500
	same := 0
	for n := range lists {
		p := tinyProblem(r)
		s, err := solveOne(context.Background(), p, optimize.Options{Effort: 20})
		if err != nil {
			t.Fatal(err)
		}
		want := big.NewInt(leastByHand(p))
		switch {
		case s.Witness != nil:
			t.Fatalf("list %d, K %d: no answer (%s), and %s is possible: %v", n, p.K, s.Witness.Message, want, p.Approved)
		case !writable(s.Rules) || optimize.Check(p, s) != nil:
			t.Fatalf("list %d: %v, %v", n, s.Rules, optimize.Check(p, s))
		case s.Exposure.Weighted.Cmp(want) < 0:
			t.Fatalf("list %d: %s is below %s, the least of all choices", n, s.Exposure.Weighted, want)
		case s.Bound != nil && s.Bound.Cmp(want) > 0:
			t.Fatalf("list %d: the bound %s is above %s, the least of all choices", n, s.Bound, want)
		case s.Exposure.Weighted.Cmp(want) == 0:
			same++
		default:
			t.Logf("list %d, K %d: %s, least %s: %v\n%v", n, p.K, s.Exposure.Weighted, want, p.Approved, s.Rules)
		}
	}
	if same < lists*99/100 {
		t.Fatalf("%d of %d are the least of all choices, want 99%%", same, lists)
	}
}
