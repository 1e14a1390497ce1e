package optimize

import (
	"fmt"
	"math/big"
	"math/bits"
	"slices"

	"github.com/flowcover/flowcover/topology/netset"
)

// weighing is Weights made ready: zones as blocks of the problem's family and
// the running sum of column weights.
type weighing struct {
	width int // 32 or 128
	zones []zoneBlock
	other uint64 // weight of addresses in no zone
	edges []netset.Column
	sums  []uint64 // sums[i]: weight of the columns below edges[i]
	each  []uint64 // each[i]: weight of every column from edges[i] on
}

type zoneBlock struct {
	block
	name   string
	weight uint64
}

func newWeighing(p *Problem) (*weighing, error) {
	w := &weighing{width: 32, other: 1}
	if p.V6 {
		w.width = 128
	}
	if p.Weight == nil {
		return w, w.columns(nil)
	}
	if p.Weight.DefaultZone < 0 {
		return nil, fmt.Errorf("problem %q: Weight.DefaultZone %d: want 1 or more, or 0 for 1", p.ID, p.Weight.DefaultZone)
	}
	if p.Weight.DefaultZone > 0 {
		w.other = uint64(p.Weight.DefaultZone)
	}
	byName := map[string]int64{}
	for _, z := range p.Weight.Zones {
		if z.Weight < 1 {
			return nil, fmt.Errorf("problem %q: zone %q: weight %d: want 1 or more", p.ID, z.Name, z.Weight)
		}
		if have, ok := byName[z.Name]; ok && have != z.Weight {
			return nil, fmt.Errorf("problem %q: zone %q has the weights %d and %d: want one", p.ID, z.Name, have, z.Weight)
		}
		byName[z.Name] = z.Weight
		if !z.Prefix.IsValid() {
			return nil, fmt.Errorf("problem %q: zone %q: prefix is not valid", p.ID, z.Name)
		}
		if netset.CanonicalPrefix(z.Prefix).Addr().Is6() == p.V6 {
			w.zones = append(w.zones, zoneBlock{blockOf(z.Prefix), z.Name, uint64(z.Weight)})
		}
	}
	slices.SortStableFunc(w.zones, func(a, b zoneBlock) int { return a.compare(b.block) })
	for i := 1; i < len(w.zones); i++ {
		if a, b := w.zones[i-1], w.zones[i]; a.block == b.block && a.name != b.name {
			return nil, fmt.Errorf("problem %q: zones %q and %q have the same prefix %s", p.ID, a.name, b.name, a.prefix(p.V6))
		}
	}
	return w, w.columns(p.Weight.Ports)
}

// columns builds the running sums. A column in several intervals takes the
// greatest weight, one in none weighs 1.
func (w *weighing) columns(ports []PortWeight) error {
	edges := []netset.Column{0, netset.NumColumns}
	for _, pw := range ports {
		if pw.Weight < 1 {
			return fmt.Errorf("port weight of %s: %d: want 1 or more", pw.Columns, pw.Weight)
		}
		edges = append(edges, pw.Columns.First, pw.Columns.Last+1)
	}
	slices.Sort(edges)
	edges = slices.Compact(edges)
	sum := uint64(0)
	for i, e := range edges {
		weight := uint64(1)
		for _, pw := range ports {
			if pw.Columns.First <= e && e <= pw.Columns.Last {
				weight = max(weight, uint64(pw.Weight))
			}
		}
		w.edges, w.sums, w.each = append(w.edges, e), append(w.sums, sum), append(w.each, weight)
		if i+1 < len(edges) {
			hi, lo := bits.Mul64(weight, uint64(edges[i+1]-e))
			if sum += lo; hi != 0 || sum>>40 != 0 {
				return fmt.Errorf("port weight of %d: too large: the weights of all columns must sum to less than 2^40", weight)
			}
		}
	}
	return nil
}

// below is the weight of the columns before c.
func (w *weighing) below(c netset.Column) uint64 {
	i, found := slices.BinarySearch(w.edges, c)
	if !found {
		i--
	}
	return w.sums[i] + w.each[i]*uint64(c-w.edges[i])
}

// cols is the weight of an interval of columns.
func (w *weighing) cols(c netset.Columns) uint64 { return w.below(c.Last+1) - w.below(c.First) }

// zone gives the index of the longest zone that holds the whole block, -1 for none.
func (w *weighing) zone(b block) int {
	best := -1
	for i, z := range w.zones { // sorted by address, then the shorter first
		if z.at.compare(b.at) > 0 {
			break
		}
		if z.contains(b) {
			best = i
		}
	}
	return best
}

// weight is that of each address of a block that lies in one zone.
func (w *weighing) weight(b block) uint64 {
	if i := w.zone(b); i >= 0 {
		return w.zones[i].weight
	}
	return w.other
}

// pure says whether the block lies in one zone.
func (w *weighing) pure(b block) bool {
	if len(w.zones) == 0 {
		return true
	}
	name, outer := "", w.zone(b)
	if outer >= 0 {
		name = w.zones[outer].name
	}
	i, _ := slices.BinarySearchFunc(w.zones, b, func(z zoneBlock, b block) int { return z.compare(b) })
	for ; i < len(w.zones) && b.contains(w.zones[i].block); i++ {
		if outer < 0 || w.zones[i].name != name {
			return false
		}
	}
	return true
}

// cut splits blocks until each lies in one zone and none is wider than /cap.
func (w *weighing) cut(bs []block) []block {
	if len(w.zones) == 0 {
		return bs
	}
	var out []block
	var walk func(b block)
	walk = func(b block) {
		if w.pure(b) {
			out = append(out, b)
			return
		}
		l, r := b.halves()
		walk(l)
		walk(r)
	}
	for _, b := range bs {
		walk(b)
	}
	return out
}

// measure is the weighted size of any block on a weight of columns.
func (w *weighing) measure(b block, cols uint64) *big.Int {
	total := new(big.Int)
	for _, part := range w.cut([]block{b}) {
		n := new(big.Int).SetUint64(w.weight(part))
		n.Mul(n, new(big.Int).SetUint64(cols))
		total.Add(total, n.Lsh(n, uint(w.width)-uint(part.bits)))
	}
	return total
}

// of is the weighted size of a set in the problem's family.
func (w *weighing) of(s *netset.Set, v6 bool) *big.Int {
	total := new(big.Int)
	for _, b := range s.Blocks() {
		if b.Prefix.Addr().Is6() == v6 {
			total.Add(total, w.measure(blockOf(b.Prefix), w.cols(b.Columns)))
		}
	}
	return total
}
