package rulelist

import (
	"encoding/binary"
	"fmt"
	"math/big"
	"net/netip"
	"slices"

	"github.com/flowcover/flowcover/optimize"
	"github.com/flowcover/flowcover/topology/netset"
)

// A plain list of IPv4 addresses may have millions of lines. It is then worked
// on as sorted numbers instead of cells with a name each.

// fast says whether nothing but the addresses of the list matters.
func (l *List) fast(o Options) bool {
	return l.Plain && o.Zones == nil && len(o.Forbidden) == 0 && (o.Kind != KindACL || o.Exact)
}

func word(a netip.Addr) uint64 {
	b := a.As4()
	return uint64(binary.BigEndian.Uint32(b[:]))
}

// collapse gives the shortest list of prefixes with the IPv4 addresses of the
// entries, sorted.
func collapse(es []Entry) []netip.Prefix {
	const lengths = 6 // bits that hold a prefix's length
	var keys []uint64 // address, then length: what lies in a prefix follows it
	for _, e := range es {
		if e.Prefix.Addr().Is4() {
			if keys == nil {
				keys = make([]uint64, 0, len(es))
			}
			keys = append(keys, word(e.Prefix.Addr())<<lengths|uint64(e.Prefix.Bits()))
		}
	}
	slices.Sort(keys)
	size := func(k uint64) uint64 { return 1 << (32 - k&(1<<lengths-1)) }
	out := keys[:0]
	for _, k := range keys {
		at := k >> lengths
		if n := len(out); n > 0 && at < out[n-1]>>lengths+size(out[n-1]) {
			continue
		}
		for n := len(out); n > 0; n = len(out) {
			prev := out[n-1]
			if size(prev) != size(k) || prev>>lengths^k>>lengths != size(k) {
				break
			}
			k, out = prev-1, out[:n-1] // two halves: the address of the lower, one bit less
		}
		out = append(out, k)
	}
	ps := make([]netip.Prefix, len(out))
	for i, k := range out {
		ps[i] = netip.PrefixFrom(addrOf(k>>lengths), int(k&(1<<lengths-1)))
	}
	return ps
}

func addrOf(w uint64) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], uint32(w))
	return netip.AddrFrom4(b)
}

// plainProblem is the problem of a plain list's IPv4 addresses; nil without any.
func (l *List) plainProblem(k int) *optimize.Problem {
	ps := collapse(l.Entries)
	if len(ps) == 0 {
		return nil
	}
	p := &optimize.Problem{ID: l.Form, K: k, Approved: make([]optimize.Cell, len(ps))}
	for i, x := range ps {
		p.Approved[i].Block = netset.Block{Prefix: x, Columns: everyPort}
	}
	return p
}

// ranges is a set of IPv4 addresses as first<<32|last, sorted and disjoint.
type ranges []uint64

func rangeOf(p netip.Prefix) uint64 {
	first := word(p.Addr())
	return first<<32 | (first + 1<<(32-p.Bits()) - 1)
}

// rangesOf sorts ranges and joins those that overlap or touch, in place.
func rangesOf(rs []uint64) ranges {
	slices.Sort(rs)
	out := rs[:0]
	for _, r := range rs {
		if n := len(out); n > 0 && r>>32 <= out[n-1]&(1<<32-1)+1 {
			out[n-1] = out[n-1]>>32<<32 | max(out[n-1]&(1<<32-1), r&(1<<32-1))
			continue
		}
		out = append(out, r)
	}
	return out
}

func (rs ranges) count() int64 {
	n := int64(0)
	for _, r := range rs {
		n += int64(r&(1<<32-1)) - int64(r>>32) + 1
	}
	return n
}

// contain says whether one range holds the whole of r.
func (rs ranges) contain(r uint64) bool {
	i, found := slices.BinarySearch(rs, r)
	if !found {
		if i < len(rs) && rs[i]>>32 == r>>32 {
			return true
		}
		i--
	}
	return i >= 0 && r&(1<<32-1) <= rs[i]&(1<<32-1)
}

// checkPlain holds the IPv4 rules against the entries as they were read, and
// gives how many rules there are and how many addresses they open beyond.
func (l *List) checkPlain(a *Answer) (price int, beyond *big.Int, err error) {
	var own []uint64
	for _, r := range a.Rules {
		switch {
		case !r.Prefix.Addr().Is4():
			continue
		case r.Deny || r.Block != r.Block.Canonical() || r.Columns != everyPort:
			return 0, nil, fmt.Errorf("rule %s is not one of a plain list", r.Block)
		}
		own = append(own, rangeOf(r.Prefix))
	}
	price = len(own)
	open := rangesOf(own)
	want := make([]uint64, 0, len(l.Entries))
	for i := range l.Entries {
		p := l.Entries[i].Prefix
		if !p.Addr().Is4() {
			continue
		}
		r := rangeOf(p)
		if !open.contain(r) {
			return 0, nil, fmt.Errorf("%s is in the list and not open", p)
		}
		want = append(want, r)
	}
	return price, big.NewInt(open.count() - rangesOf(want).count()), nil
}

// carry counts for each IPv4 rule of a plain list the entries that it opens a
// part of.
func (l *List) carry(rules []Rule) {
	var at []int
	for i, r := range rules {
		if r.Prefix.Addr().Is4() {
			at = append(at, i)
		}
	}
	slices.SortFunc(at, func(i, j int) int { return rules[i].Block.Compare(rules[j].Block) })
	spans := make([]uint64, len(at))
	for n, i := range at {
		spans[n] = rangeOf(rules[i].Prefix)
	}
	for i := range l.Entries {
		e := &l.Entries[i]
		if !e.Prefix.Addr().Is4() {
			continue
		}
		r := rangeOf(e.Prefix)
		// Rules of one interval of ports are disjoint: the last that starts no
		// later than the entry, and those that start in it.
		n, found := slices.BinarySearch(spans, r>>32<<32|(1<<32-1))
		if !found {
			n--
		}
		if n < 0 || spans[n]&(1<<32-1) < r>>32 {
			n++
		}
		for ; n < len(spans) && spans[n]>>32 <= r&(1<<32-1); n++ {
			rules[at[n]].Entries++
			rules[at[n]].Weight += e.Weight
		}
	}
}
