package target

import (
	"math/big"
	"slices"

	"github.com/flowcover/flowcover/optimize"
	"github.com/flowcover/flowcover/topology/netset"
)

// Measure is the weighted size of a set in one family: each cell counts the
// weight of the longest zone that holds its address times the greatest weight
// of its column. It shares no code with the optimizer, whose figures are
// checked against it. A nil w weighs every cell 1.
func Measure(s *netset.Set, w *optimize.Weights, v6 bool) *big.Int {
	m := newMeter(w, v6)
	total := new(big.Int)
	for _, b := range s.Blocks() {
		if b.Prefix.Addr().Is6() == v6 {
			total.Add(total, new(big.Int).Mul(m.addresses(b, 0), m.columns(b.Columns)))
		}
	}
	return total
}

// meter is Weights of one family, zones sorted so that one comes before those
// inside it.
type meter struct {
	zones []optimize.Zone
	other *big.Int
	ports []optimize.PortWeight
}

func newMeter(w *optimize.Weights, v6 bool) *meter {
	m := &meter{other: big.NewInt(1)}
	if w == nil {
		return m
	}
	if w.DefaultZone > 0 {
		m.other = big.NewInt(w.DefaultZone)
	}
	m.ports = w.Ports
	for _, z := range w.Zones {
		if z.Prefix = netset.CanonicalPrefix(z.Prefix); z.Prefix.Addr().Is6() == v6 {
			m.zones = append(m.zones, z)
		}
	}
	slices.SortFunc(m.zones, func(a, b optimize.Zone) int {
		return netset.Block{Prefix: a.Prefix}.Compare(netset.Block{Prefix: b.Prefix})
	})
	return m
}

// addresses weighs the block's addresses: all at the weight of the zone around
// them, then each zone inside corrected. from is the first zone to look at.
func (m *meter) addresses(b netset.Block, from int) *big.Int {
	weight := m.other
	for _, z := range m.zones { // the last that holds it is the longest
		if z.Prefix.Bits() <= b.Prefix.Bits() && z.Prefix.Overlaps(b.Prefix) {
			weight = big.NewInt(z.Weight)
		}
	}
	total := new(big.Int).Mul(weight, size(b))
	for i := from; i < len(m.zones); i++ {
		z := m.zones[i].Prefix
		if z.Bits() <= b.Prefix.Bits() || !z.Overlaps(b.Prefix) {
			continue
		}
		inner := netset.Block{Prefix: z}
		total.Sub(total, new(big.Int).Mul(weight, size(inner)))
		total.Add(total, m.addresses(inner, i+1))
		for i+1 < len(m.zones) && z.Overlaps(m.zones[i+1].Prefix) {
			i++ // zones inside this one are counted already
		}
	}
	return total
}

func size(b netset.Block) *big.Int {
	return new(big.Int).Lsh(big.NewInt(1), uint(b.Prefix.Addr().BitLen()-b.Prefix.Bits()))
}

// columns weighs an interval of columns.
func (m *meter) columns(c netset.Columns) *big.Int {
	edges := []netset.Column{c.First, c.Last + 1}
	for _, p := range m.ports {
		for _, e := range []netset.Column{p.Columns.First, p.Columns.Last + 1} {
			if c.First < e && e <= c.Last {
				edges = append(edges, e)
			}
		}
	}
	slices.Sort(edges)
	edges = slices.Compact(edges)
	total := new(big.Int)
	for i := 0; i+1 < len(edges); i++ {
		weight := int64(1)
		for _, p := range m.ports {
			if p.Columns.First <= edges[i] && edges[i] <= p.Columns.Last {
				weight = max(weight, p.Weight)
			}
		}
		total.Add(total, big.NewInt(weight*int64(edges[i+1]-edges[i])))
	}
	return total
}
