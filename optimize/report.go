package optimize

import (
	"math"
	"math/big"
	"slices"
	"sort"

	"github.com/flowcover/flowcover/topology/netset"
)

// exposure measures what is open beyond the approved. Everything approved is
// open, so the difference of two measures is that of the sets.
func (b *basis) exposure(opens *netset.Set) Exposure {
	weighted, cells := b.approvedSize()
	all := opens.Count()
	x := Exposure{
		Weighted:     new(big.Int).Sub(b.w.of(opens, b.V6), weighted),
		AddressPorts: new(big.Int).Sub(all, cells),
	}
	if cells.Sign() > 0 {
		x.Log2Ratio = log2(all) - log2(cells)
	}
	return x
}

// approvedSize measures the approved cells, those under pinned rules included.
func (b *basis) approvedSize() (weighted, cells *big.Int) {
	slabs := b.need
	if !b.PinnedOpen.IsEmpty() {
		slabs = slabsOf(b.Problem, b.w, nil)
	}
	weighted, cells = new(big.Int), new(big.Int)
	for _, s := range slabs {
		counts := map[[2]uint64]uint64{} // by length and weight
		last, n := [2]uint64{}, uint64(0)
		for _, bl := range s.blocks {
			at := [2]uint64{uint64(bl.bits), b.w.weight(bl)}
			if at != last {
				counts[last] += n
				last, n = at, 0
			}
			n++
		}
		counts[last] += n
		for at, n := range counts {
			count := new(big.Int).SetUint64(n)
			count.Lsh(count, uint(b.w.width)-uint(at[0]))
			cells.Add(cells, new(big.Int).Mul(count, big.NewInt(int64(s.cols.Len()))))
			count.Mul(count, new(big.Int).SetUint64(at[1]))
			weighted.Add(weighted, count.Mul(count, new(big.Int).SetUint64(b.w.cols(s.cols))))
		}
	}
	return weighted, cells
}

func log2(x *big.Int) float64 {
	m := new(big.Float)
	exp := new(big.Float).SetInt(x).MantExp(m)
	f, _ := m.Float64()
	return math.Log2(f) + float64(exp)
}

// assign lists under each rule the flows that it carries.
func (b *basis) assign(rules []ChosenRule) {
	type cell struct {
		at, end key
		i       int
	}
	var cells []cell
	widest := map[uint8]bool{}
	for i := range b.Approved {
		if b.Approved[i].Flow == "" {
			continue
		}
		bl := blockOf(b.Approved[i].Prefix)
		widest[bl.bits] = true
		cells = append(cells, cell{bl.at, bl.at.last(int(bl.bits)), i})
	}
	if len(cells) == 0 {
		return
	}
	sort.Slice(cells, func(i, j int) bool {
		if c := cells[i].at.compare(cells[j].at); c != 0 {
			return c < 0
		}
		return cells[i].i < cells[j].i
	})
	from := func(k key) int {
		return sort.Search(len(cells), func(i int) bool { return cells[i].at.compare(k) >= 0 })
	}
	for n := range rules {
		r := &rules[n]
		if r.Deny {
			continue
		}
		if r.Ref != "" {
			if opens := b.opens(r.Rule); opens != nil {
				for _, c := range cells {
					if opens.OverlapsBlock(b.Approved[c.i].Block) {
						r.Flows = append(r.Flows, b.Approved[c.i].Flow)
					}
				}
			}
		} else {
			bl := blockOf(r.Prefix)
			take := func(lo int, end key, min uint8) {
				for ; lo < len(cells) && cells[lo].at.compare(end) <= 0; lo++ {
					a := &b.Approved[cells[lo].i]
					if a.Columns.Overlaps(r.Columns) && (min == 0 || blockOf(a.Prefix).bits == min-1) {
						r.Flows = append(r.Flows, a.Flow)
					}
				}
			}
			take(from(bl.at), bl.at.last(int(bl.bits)), 0)
			for bits := range widest { // wider cells that start before the rule
				if at := bl.at.masked(int(bits)); bits < bl.bits && at != bl.at {
					take(from(at), at, bits+1)
				}
			}
		}
		slices.Sort(r.Flows)
		r.Flows = slices.Compact(r.Flows)
	}
}

// opens gives what a reference opens, nil where the problem does not say.
func (b *basis) opens(r Rule) *netset.Set {
	for _, ref := range b.References {
		if ref.Ref == r.Ref && ref.Columns == r.Columns {
			return ref.Opens
		}
	}
	return nil
}

// areas adds up the rules one by one, where that can be held against a bound.
func (s *search[T]) areas(sol *Solution) {
	if s.areaBound == nil || len(s.PinnedOpen.Blocks()) > 0 {
		return
	}
	approved, _ := s.approvedSize()
	sum := new(big.Int)
	for _, r := range sol.Rules {
		if r.Ref != "" || r.Pinned {
			return
		}
		sum.Add(sum, s.w.measure(blockOf(r.Prefix), s.w.cols(r.Columns)))
	}
	sol.Areas = sum.Sub(sum, approved)
	sol.AreaBound = new(big.Int).Sub(s.areaBound, approved)
	if sol.AreaBound.Sign() < 0 {
		sol.AreaBound.SetInt64(0)
	}
}
