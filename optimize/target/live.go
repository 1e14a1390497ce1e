package target

import (
	"math/bits"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

// liveIndex tells which part of the live traffic each rule of a group carries.
// The live traffic is cut into atoms, blocks that every rule carries as a whole
// or not at all, so that a rule is a set of bits.
type liveIndex struct {
	words int
	of    map[string][]uint64 // by rule key
}

func newLiveIndex(live *netset.Set, rules []topology.SecurityGroupRule, opens func(topology.SecurityGroupRule) *netset.Set) *liveIndex {
	atoms := live.Blocks()
	sets := make([]*netset.Set, len(rules))
	for i, r := range rules {
		sets[i] = opens(r)
		atoms = split(atoms, sets[i])
	}
	x := &liveIndex{words: (len(atoms) + 63) / 64, of: map[string][]uint64{}}
	for i, r := range rules {
		has := make([]uint64, x.words)
		for n, b := range atoms {
			if sets[i].ContainsBlock(b) {
				has[n/64] |= 1 << (n % 64)
			}
		}
		x.of[r.Key()] = has
	}
	return x
}

// split cuts the blocks that lie partly in a set.
func split(atoms []netset.Block, s *netset.Set) []netset.Block {
	out := make([]netset.Block, 0, len(atoms))
	for _, b := range atoms {
		if s.ContainsBlock(b) || !s.OverlapsBlock(b) {
			out = append(out, b)
			continue
		}
		whole := netset.Of(b)
		out = append(out, whole.Intersect(s).Blocks()...)
		out = append(out, whole.Subtract(s).Blocks()...)
	}
	return out
}

// carried is what some rules carry at least once, and at least twice.
type carried struct{ once, twice []uint64 }

func (x *liveIndex) carriedBy(state []topology.SecurityGroupRule) carried {
	c := carried{make([]uint64, x.words), make([]uint64, x.words)}
	for _, r := range state {
		for i, w := range x.of[r.Key()] {
			c.twice[i] |= c.once[i] & w
			c.once[i] |= w
		}
	}
	return c
}

// without says whether the other rules carry what d, one of them, carries. An
// addition that is not nil counts as one of them.
func (x *liveIndex) without(c carried, d topology.SecurityGroupRule, add []uint64) bool {
	for i, w := range x.of[d.Key()] {
		left := w &^ c.twice[i]
		if add != nil {
			left &^= c.once[i] & add[i]
		}
		if left != 0 {
			return false
		}
	}
	return true
}

// takes counts the atoms that one rule alone carries now and that r would share.
func (x *liveIndex) takes(c carried, r topology.SecurityGroupRule) int {
	n := 0
	for i, w := range x.of[r.Key()] {
		n += bits.OnesCount64(w & c.once[i] &^ c.twice[i])
	}
	return n
}
