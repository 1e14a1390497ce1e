package target

import (
	"context"
	"slices"

	"github.com/flowcover/flowcover/optimize"
	"github.com/flowcover/flowcover/topology/netset"
)

// remap is a permutation of the column axis that exchanges intervals of equal
// length. It puts each ICMP type or code of a problem where no interval joins it
// to another: a rule can then be written for every interval that the optimizer
// may choose, "all traffic" stays the whole axis, and every measure is kept.
type remap struct{ swaps []swap }

type swap struct{ a, b netset.Columns }

// apply gives where an interval lies after the exchange, ascending and joined.
// It is its own inverse.
func (m *remap) apply(c netset.Columns) []netset.Columns {
	edges := []netset.Column{c.First, c.Last + 1}
	for _, s := range m.swaps {
		for _, x := range []netset.Columns{s.a, s.b} {
			for _, e := range []netset.Column{x.First, x.Last + 1} {
				if c.First < e && e <= c.Last {
					edges = append(edges, e)
				}
			}
		}
	}
	slices.Sort(edges)
	edges = slices.Compact(edges)
	var out []netset.Columns
	for i := 0; i+1 < len(edges); i++ {
		out = append(out, m.shift(netset.Columns{First: edges[i], Last: edges[i+1] - 1}))
	}
	slices.SortFunc(out, netset.Columns.Compare)
	joined := out[:0]
	for _, x := range out {
		if n := len(joined); n > 0 && joined[n-1].Last+1 == x.First {
			joined[n-1].Last = x.Last
			continue
		}
		joined = append(joined, x)
	}
	return joined
}

// shift moves an interval that lies in one part of a swap, or in none.
func (m *remap) shift(c netset.Columns) netset.Columns {
	for _, s := range m.swaps {
		from, to := s.a, s.b
		if s.b.Contains(c) {
			from, to = s.b, s.a
		}
		if from.Contains(c) {
			return netset.Columns{First: c.First - from.First + to.First, Last: c.Last - from.First + to.First}
		}
	}
	return c
}

func (m *remap) set(s *netset.Set) *netset.Set {
	if s == nil {
		return nil
	}
	var out []netset.Block
	for _, b := range s.Blocks() {
		for _, c := range m.apply(b.Columns) {
			out = append(out, netset.Block{Prefix: b.Prefix, Columns: c})
		}
	}
	return netset.Of(out...)
}

// remapOf finds the exchange for a problem. ok is false if its ICMP needs
// overlap, or are too many wide ones for the axis.
func remapOf(p *optimize.Problem) (m *remap, ok bool) {
	own, other := netset.ICMP, netset.ICMPv6
	if p.V6 {
		own, other = other, own
	}
	pieces, used := icmpPieces(p)
	m = &remap{}
	wide := 0
	spare := netset.NumColumns - 3 // protocol 253; 254 and 255 stay free of tricks
	for i, c := range pieces {
		switch {
		case c.Protocol() != own || i > 0 && pieces[i-1].Last >= c.First:
			return nil, false
		case c.Len() == 1:
			for used[spare] {
				spare--
			}
			m.swaps = append(m.swaps, swap{c, netset.Columns{First: spare, Last: spare}})
			spare--
		case wide == 1:
			offset := netset.ProtocolColumns(other).First - netset.ProtocolColumns(own).First
			if p.V6 {
				offset = -(netset.ProtocolColumns(own).First - netset.ProtocolColumns(other).First)
			}
			m.swaps = append(m.swaps, swap{c, netset.Columns{First: c.First + offset, Last: c.Last + offset}})
			wide++
		default:
			if wide++; wide > 2 {
				return nil, false
			}
		}
	}
	return m, spare > netset.ProtocolColumns(144).First
}

// icmpPieces lists the ICMP columns that the cells need, ascending, and which
// columns of other protocols they use.
func icmpPieces(p *optimize.Problem) (pieces []netset.Columns, used map[netset.Column]bool) {
	used = map[netset.Column]bool{}
	for _, c := range p.Approved {
		if c.Columns.Protocol().HasTypes() {
			pieces = append(pieces, Expressible(c.Columns)...)
		} else if c.Columns.Len() == 1 {
			used[c.Columns.First] = true
		}
	}
	slices.SortFunc(pieces, netset.Columns.Compare)
	return slices.Compact(pieces), used
}

// problem is p on the exchanged axis.
func (m *remap) problem(p *optimize.Problem) *optimize.Problem {
	q := *p
	q.Approved = nil
	for _, c := range p.Approved {
		for _, cols := range m.apply(c.Columns) {
			q.Approved = append(q.Approved, optimize.Cell{Block: netset.Block{Prefix: c.Prefix, Columns: cols}, Flow: c.Flow})
		}
	}
	q.Open, q.Forbidden, q.PinnedOpen = m.set(p.Open), m.set(p.Forbidden), m.set(p.PinnedOpen)
	q.Current = nil
	for _, r := range p.Current {
		if r.Ref == "" {
			cols := m.apply(r.Columns)
			if len(cols) != 1 {
				continue // such as all of ICMP: no interval any more
			}
			r.Columns = cols[0]
		}
		q.Current = append(q.Current, r)
	}
	q.References = nil
	for _, r := range p.References {
		r.Opens = m.set(r.Opens)
		q.References = append(q.References, r)
	}
	if p.Weight != nil {
		w := *p.Weight
		w.Ports = nil
		for _, pw := range p.Weight.Ports {
			for _, cols := range m.apply(pw.Columns) {
				w.Ports = append(w.Ports, optimize.PortWeight{Columns: cols, Weight: pw.Weight})
			}
		}
		q.Weight = &w
	}
	return &q
}

// solveRemapped solves p on an exchanged axis; nil where that gives no answer
// that can be written.
func solveRemapped(ctx context.Context, p *optimize.Problem, m *remap, o optimize.Options) (*optimize.Solution, error) {
	s, err := solveChecked(ctx, m.problem(p), o)
	if err != nil || s.Witness != nil {
		return nil, err
	}
	out := *s
	out.Rules = slices.Clone(s.Rules)
	for i, r := range out.Rules {
		if r.Ref != "" || r.Pinned {
			continue
		}
		cols := m.apply(r.Columns)
		if len(cols) != 1 {
			return nil, nil
		}
		out.Rules[i].Columns = cols[0]
	}
	if !writable(out.Rules) {
		return nil, nil
	}
	return recount(p, &out), nil
}
