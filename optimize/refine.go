package optimize

import (
	"math/bits"
	"slices"

	"github.com/flowcover/flowcover/topology/netset"
)

// leaf is a block every address of which needs the same slabs.
type leaf struct {
	block
	has  uint64 // atoms
	need uint64 // those that are not covered by what covers the rest
}

// refine cuts the slabs' blocks into leaves, by address.
func (p *plane) refine() []leaf {
	var lists []part
	for i, s := range p.slabs {
		lists = append(lists, part{1 << p.at[i], s.blocks})
	}
	out := refine(nil, block{}, 0, lists)
	for i := range out {
		// What opens a sealed slab opens all.
		if only := out[i].has & p.sealed; only != 0 {
			out[i].need = only
		}
	}
	return out
}

// part is what of one slab lies in a block.
type part struct {
	need   uint64
	blocks []block
}

// refine appends the leaves inside b, all of which needs full, to out.
func refine(out []leaf, b block, full uint64, parts []part) []leaf {
	inside := parts[:0:0]
	for _, p := range parts {
		switch {
		case len(p.blocks) == 0:
		case p.blocks[0].contains(b):
			full |= p.need
		default:
			inside = append(inside, p)
		}
	}
	if len(inside) == 0 {
		if full != 0 {
			out = append(out, leaf{b, full, full})
		}
		return out
	}
	if full == 0 {
		b = hullOf(inside)
		if slices.ContainsFunc(inside, func(p part) bool { return p.blocks[0] == b }) {
			return refine(out, b, 0, inside)
		}
	}
	l, r := b.halves()
	left, right := make([]part, 0, len(inside)), make([]part, 0, len(inside))
	for _, p := range inside {
		n, _ := slices.BinarySearchFunc(p.blocks, r, block.compare)
		left, right = append(left, part{p.need, p.blocks[:n]}), append(right, part{p.need, p.blocks[n:]})
	}
	return refine(refine(out, l, full, left), r, full, right)
}

// hullOf is the longest prefix that holds all parts.
func hullOf(parts []part) block {
	h := parts[0].blocks[0]
	for _, p := range parts {
		for _, b := range []block{p.blocks[0], p.blocks[len(p.blocks)-1]} {
			n := min(int(h.bits), int(b.bits), h.at.common(b.at))
			h = block{h.at.masked(n), uint8(n)}
		}
	}
	return h
}

// maxParts is the most leaves that part may add.
const maxParts = 1 << 14

// part cuts the leaves whose addresses are not all alike. A leaf that needs one
// slab is best served by itself. One that needs several may be served by rules
// that open gaps, so its halves differ where a gap is open, closed or forbidden
// on one side only, or where a cap makes rules for both halves twice the price.
func (e *exactProgram[T]) part(leaves []leaf) []leaf {
	in := e.in
	if in.loose || in.Open == nil && in.Forbidden == nil && len(in.pre) == 0 && in.MaxPrefix == 0 {
		return leaves
	}
	left := maxParts
	out := make([]leaf, 0, len(leaves))
	var walk func(l leaf)
	walk = func(l leaf) {
		if bits.OnesCount64(l.need) < 2 || int(l.bits) == in.w.width || int(l.bits) >= in.MaxPrefix && e.alike(l) {
			out = append(out, l)
			return
		}
		if left--; left < 0 {
			e.coarse = true
			out = append(out, l)
			return
		}
		a, b := l.halves()
		walk(leaf{a, l.has, l.need})
		walk(leaf{b, l.has, l.need})
	}
	for _, l := range leaves {
		walk(l)
	}
	return out
}

// alike says whether each gap that a rule for the leaf may open is, on all of
// its addresses, one thing: open already, free to open, or not to be opened.
func (e *exactProgram[T]) alike(l leaf) bool {
	in := e.in
	var gaps []netset.Columns
	for todo := e.plane.hull(l.need) &^ l.has; todo != 0; todo &= todo - 1 {
		gaps = append(gaps, e.plane.atoms[bits.TrailingZeros64(todo)].cols)
	}
	if first, last := ends(l.need); e.multi && !e.plane.joined(first, last) {
		gaps = append(gaps, netset.AllColumns())
	}
	for _, cols := range gaps {
		gap := netset.Of(rule{block: l.block, cols: cols}.netset(in.V6))
		if in.Open != nil && !e.evenly(l.block, gap.Subtract(in.Open)) {
			return false
		}
		if in.Forbidden != nil && !e.evenly(l.block, gap.Intersect(in.Forbidden)) {
			return false
		}
		for _, r := range in.pre {
			if r.bits > l.bits && l.contains(r.block) && cols.Overlaps(r.cols) {
				return false
			}
		}
	}
	return true
}

// evenly says whether what may not be opened hits no address, or each by one column.
func (e *exactProgram[T]) evenly(b block, shut *netset.Set) bool {
	return shut.IsEmpty() || slices.ContainsFunc(shut.Blocks(), func(x netset.Block) bool { return blockOf(x.Prefix).contains(b) })
}
