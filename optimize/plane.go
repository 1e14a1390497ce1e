package optimize

import (
	"math/bits"
	"slices"

	"github.com/flowcover/flowcover/topology/netset"
)

// maxAtoms is what a state's bits hold.
const maxAtoms = 63

// plane is the column axis of the exact program, cut into atoms: the slabs, and
// the gaps between neighbouring slabs of one protocol. A set of atoms is a
// uint64. A state is what rules at ancestors have opened: a set in which a gap
// comes only with both its neighbours, since rules end at slabs.
type plane struct {
	slabs  []slab
	atoms  []atom
	at     []int // slab to atom
	sealed uint64
	spaces map[uint64]*space
	lifts  map[[2]int32][]int32
	pairs  map[[3]int32]*pairing
}

// atom is a slab, or a gap.
type atom struct {
	cols   netset.Columns
	weight uint64
	slab   int // -1: a gap
}

func newPlane(slabs []slab, w *weighing) *plane {
	p := &plane{slabs: slabs, spaces: map[uint64]*space{}, lifts: map[[2]int32][]int32{}, pairs: map[[3]int32]*pairing{}}
	for i, s := range slabs {
		if i > 0 {
			gap := netset.Columns{First: slabs[i-1].cols.Last + 1, Last: s.cols.First - 1}
			if gap.First <= gap.Last && slabs[i-1].cols.Last.Protocol() == s.cols.First.Protocol() {
				p.atoms = append(p.atoms, atom{gap, w.cols(gap), -1})
			}
		}
		if s.sealed() {
			p.sealed |= 1 << len(p.atoms)
		}
		p.at = append(p.at, len(p.atoms))
		p.atoms = append(p.atoms, atom{s.cols, w.cols(s.cols), i})
	}
	return p
}

// span is the set of atoms from a to b.
func span(a, b int) uint64 { return (2<<b - 1) &^ (1<<a - 1) }

// joined says whether one rule other than "all" can hold both atoms.
func (p *plane) joined(a, b int) bool {
	return p.atoms[a].cols.First.Protocol() == p.atoms[b].cols.Last.Protocol()
}

// hull fills, in each protocol, what lies between the atoms of a set.
func (p *plane) hull(set uint64) uint64 {
	out := uint64(0)
	for set != 0 {
		a := bits.TrailingZeros64(set)
		b := a
		for rest := set; rest != 0; rest &= rest - 1 {
			if n := bits.TrailingZeros64(rest); p.joined(a, n) {
				b = n
			} else {
				break
			}
		}
		out |= span(a, b)
		set &^= span(a, b)
	}
	return out
}

// space lists the states inside a hull, the largest first: a rule leads only to
// states that come before.
type space struct {
	id     int32
	hull   uint64
	states []uint64
	index  map[uint64]int32
	moves  [][]move // from each state
}

// move opens the atoms from one slab to another, of which both are closed.
type move struct {
	a, b uint8  // atoms
	add  uint64 // newly open
	to   int32
}

// gapBefore says whether a hull holds a gap just before a slab's atom.
func (p *plane) gapBefore(hull uint64, a int) bool {
	return a > 0 && p.atoms[a-1].slab < 0 && hull>>(a-1)&1 == 1
}

// count gives the number of states in a hull without listing them.
func (p *plane) count(hull uint64) float64 {
	shut, open := 1.0, 0.0 // by whether the last slab is open
	for i := range p.atoms {
		if (hull&^p.sealed)>>i&1 == 0 || p.atoms[i].slab < 0 {
			continue
		}
		total := shut + open
		if p.gapBefore(hull, i) {
			open += total
		} else {
			open = total
		}
		shut = total
	}
	return shut + open
}

func (p *plane) space(hull uint64) *space {
	if s, ok := p.spaces[hull]; ok {
		return s
	}
	s := &space{id: int32(len(p.spaces)), hull: hull, states: []uint64{0}, index: map[uint64]int32{}}
	for i := range p.atoms {
		if (hull&^p.sealed)>>i&1 == 0 || p.atoms[i].slab < 0 {
			continue
		}
		gap := p.gapBefore(hull, i)
		for _, x := range s.states {
			s.states = append(s.states, x|1<<i)
			if gap && x>>(i-2)&1 == 1 {
				s.states = append(s.states, x|1<<i|1<<(i-1))
			}
		}
	}
	slices.SortFunc(s.states, func(x, y uint64) int {
		if c := bits.OnesCount64(y) - bits.OnesCount64(x); c != 0 {
			return c
		}
		if x < y {
			return -1
		}
		return 1
	})
	for i, x := range s.states {
		s.index[x] = int32(i)
	}
	s.moves = make([][]move, len(s.states))
	for i, x := range s.states {
		s.moves[i] = p.movesFrom(s, x)
	}
	p.spaces[hull] = s
	return s
}

func (p *plane) movesFrom(s *space, x uint64) []move {
	var out []move
	for a := range p.atoms {
		if (s.hull&^x)>>a&1 == 0 || p.atoms[a].slab < 0 {
			continue
		}
		for b := a; b < len(p.atoms) && p.joined(a, b); b++ {
			if (s.hull&^x)>>b&1 == 0 || p.atoms[b].slab < 0 {
				continue
			}
			add := span(a, b) &^ x
			out = append(out, move{uint8(a), uint8(b), add, s.index[x|add]})
		}
	}
	return out
}

// lift tells, for each state of one space, which state of a smaller space it is there.
func (p *plane) lift(from, to *space) []int32 {
	k := [2]int32{from.id, to.id}
	if l, ok := p.lifts[k]; ok {
		return l
	}
	l := make([]int32, len(from.states))
	for i, x := range from.states {
		l[i] = to.index[x&to.hull]
	}
	p.lifts[k] = l
	return l
}

// pairing lists the different pairs of child states that a node's states stand for.
type pairing struct {
	of   []int32 // state to pair
	l, r []int32
}

func (p *plane) pairing(v, l, r *space) *pairing {
	k := [3]int32{v.id, l.id, r.id}
	if x, ok := p.pairs[k]; ok {
		return x
	}
	x := &pairing{of: make([]int32, len(v.states))}
	seen := map[[2]int32]int32{}
	ll, lr := p.lift(v, l), p.lift(v, r)
	for i := range v.states {
		pr := [2]int32{ll[i], lr[i]}
		n, ok := seen[pr]
		if !ok {
			n = int32(len(x.l))
			seen[pr] = n
			x.l, x.r = append(x.l, pr[0]), append(x.r, pr[1])
		}
		x.of[i] = n
	}
	p.pairs[k] = x
	return x
}

// ends gives the lowest and the highest atom of a set that is not empty.
func ends(set uint64) (first, last int) {
	return bits.TrailingZeros64(set), 63 - bits.LeadingZeros64(set)
}
