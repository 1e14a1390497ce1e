package optimize

import "slices"

// small is the number of leaves below which a subtree's choices are not stored
// but computed again when its rules are wanted.
const small = 512

// prefixProgram finds, for every number of rules up to limit, the cheapest
// prefixes that cover all leaves, in one interval of columns. It is exact.
//
// The candidates are the nodes of the tree of longest common prefixes (LCP) of
// the leaves: any other prefix can shrink to the LCP of what it covers. With
// f_v[1] the cost of the node's own prefix,
//
//	f_v[k] = min over i+j=k of f_left[i] + f_right[j],
//
// and tables are no longer than the leaves below. (Soldo, Markopoulou and
// Argyraki, Optimal filtering of source address prefixes, INFOCOM 2009.)
type prefixProgram[T num[T]] struct {
	kind   kind[T]
	limit  int
	leaves []block // sorted, disjoint
	// price of a leaf in rules, where one may take several; nil: 1 each.
	price []int32
	// leafCost and nodeCost give the cost of a rule, infinite where it may not
	// be. A node's cost is asked for once, after those of its descendants.
	leafCost func(i int) T
	nodeCost func(b block, first, last int) T

	lcpTree
	cost   []T // of each inner node's own prefix
	stored []splits
	table  []T // of the root; index i stands for i+1 rules

	arena, spare []T
}

// splits holds, for one node, how many of k+1 rules go to the left child.
type splits struct {
	node int32
	left []uint16
}

// chosen is a rule of the answer: an inner node or a leaf (^leaf).
type chosen = int32

func (p *prefixProgram[T]) block(c int32) block {
	if c < 0 {
		return p.leaves[^c]
	}
	n := &p.nodes[c]
	return block{p.leaves[n.first].at.masked(int(n.bits)), n.bits}
}

// run fills the root's table.
func (p *prefixProgram[T]) run() {
	p.lcpTree = newTree(len(p.leaves), func(i int) key { return p.leaves[i].at })
	p.cost = make([]T, len(p.nodes))
	for i := range p.nodes {
		p.cost[i] = p.nodeCost(p.block(int32(i)), int(p.nodes[i].first), int(p.nodes[i].last))
	}
	if p.root < 0 {
		p.table = p.leafTable(p.root, nil)
		return
	}
	p.table = slices.Clone(p.sweep(0, p.root, small, &p.stored))
}

// leafTable appends a leaf's table to buf.
func (p *prefixProgram[T]) leafTable(c int32, buf []T) []T {
	i := int(^c)
	n := 1
	if p.price != nil {
		n = min(int(p.price[i]), p.limit+1)
	}
	for k := 1; k < n; k++ {
		buf = append(buf, p.kind.inf)
	}
	if n <= p.limit {
		buf = append(buf, p.leafCost(i))
	}
	return buf
}

// sweep evaluates the subtree of inner nodes first..root in post-order and
// stores the splits of nodes with more than over leaves. The tables of finished
// subtrees lie on a stack in the arena.
func (p *prefixProgram[T]) sweep(first, root int32, over int, store *[]splits) []T {
	arena := p.arena[:0]
	var starts []int
	var leftBuf, rightBuf []T
	for v := first; v <= root; v++ {
		n := &p.nodes[v]
		var l, r []T
		top := len(arena)
		if n.right >= 0 {
			top = starts[len(starts)-1]
			starts = starts[:len(starts)-1]
			r = arena[top:]
		} else {
			rightBuf = p.leafTable(n.right, rightBuf[:0])
			r = rightBuf
		}
		if n.left >= 0 {
			right := top
			top = starts[len(starts)-1]
			starts = starts[:len(starts)-1]
			l = arena[top:right]
		} else {
			leftBuf = p.leafTable(n.left, leftBuf[:0])
			l = leftBuf
		}
		out := p.combine(l, r, p.cost[v])
		if int(n.last-n.first)+1 > over {
			*store = append(*store, splits{v, p.splitsOf(l, r, out)})
		}
		starts = append(starts, top)
		arena = append(arena[:top], out...)
	}
	p.arena = arena
	return arena[starts[0]:]
}

// combine gives a node's table in a buffer that the next call takes again.
func (p *prefixProgram[T]) combine(l, r []T, own T) []T {
	n := min(p.limit, len(l)+len(r))
	out := p.spare[:0]
	for range n {
		out = append(out, p.kind.inf)
	}
	p.spare = out
	p.kind.join(out, l, r)
	if n > 0 && own.less(out[0]) {
		out[0] = own
	}
	return out
}

// splitsOf finds again, for each k, the first split that gives the table's value.
func (p *prefixProgram[T]) splitsOf(l, r, out []T) []uint16 {
	s := make([]uint16, len(out))
	for k := 1; k < len(out); k++ {
		if out[k].infinite() {
			continue
		}
		for i := max(0, k-len(r)); i < len(l) && i < k; i++ {
			if sum := l[i].add(r[k-1-i]); !out[k].less(sum) {
				s[k] = uint16(i + 1)
				break
			}
		}
	}
	return s
}

// rules lists the nodes that give the root's value at k rules, by address.
func (p *prefixProgram[T]) rules(k int) []chosen {
	return p.descend(p.root, k, p.stored, nil)
}

func (p *prefixProgram[T]) descend(c int32, k int, stored []splits, out []chosen) []chosen {
	if c < 0 || k == 1 {
		return append(out, c)
	}
	i, found := slices.BinarySearchFunc(stored, c, func(s splits, c int32) int { return int(s.node) - int(c) })
	if !found {
		stored = nil
		p.sweep(p.from(c), c, 1, &stored)
		i = len(stored) - 1
	}
	left := int(stored[i].left[k-1])
	out = p.descend(p.nodes[c].left, left, stored, out)
	return p.descend(p.nodes[c].right, k-left, stored, out)
}

// least gives the fewest rules that cover all leaves at any cost.
func (p *prefixProgram[T]) least() int64 {
	p.lcpTree = newTree(len(p.leaves), func(i int) key { return p.leaves[i].at })
	of := make([]int64, len(p.nodes))
	get := func(c int32) int64 {
		if c >= 0 {
			return of[c]
		}
		if p.leafCost(int(^c)).infinite() {
			return unreachable
		}
		if p.price != nil {
			return int64(p.price[^c])
		}
		return 1
	}
	for i := range p.nodes {
		n := &p.nodes[i]
		of[i] = min(unreachable, get(n.left)+get(n.right))
		if !p.nodeCost(p.block(int32(i)), int(n.first), int(n.last)).infinite() {
			of[i] = 1
		}
	}
	return get(p.root)
}

// unreachable is more rules than any list may have.
const unreachable = int64(1) << 40
