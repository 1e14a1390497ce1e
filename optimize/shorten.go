package optimize

import (
	"context"
	"fmt"
	"math/big"
	"slices"

	"github.com/flowcover/flowcover/optimize/setcover"
	"github.com/flowcover/flowcover/topology/netset"
)

// Shorten gives the fewest rules that open exactly what is approved, to the last
// address and column. It never joins tcp, udp and icmp to the rule for all
// traffic, which opens every other protocol as well. Of the problem only ID, V6
// and Approved count; K is the number of approved cells.
//
// Every rule of the answer can grow, inside what is approved, to a prefix and a
// run of columns that can grow no more. There are few of these, so the fewest
// rules are a set cover, solved by package setcover with a proven bound.
// PriceBound of the solution says how few rules are surely needed.
func Shorten(ctx context.Context, p *Problem, o Options) (*Solution, error) {
	q := &Problem{ID: p.ID, V6: p.V6, Approved: p.Approved, K: max(1, len(p.Approved))}
	if err := validate(q); err != nil {
		return nil, err
	}
	w, err := newWeighing(q)
	if err != nil {
		return nil, err
	}
	b := newBasis(q, w, q.K)
	b.options = o
	rules, bound, err := b.shortest(ctx)
	if err != nil {
		return nil, err
	}
	sol := &Solution{Price: len(rules), PriceBound: bound, Proven: true, BoundKind: BoundOptimal, Bound: new(big.Int)}
	sol.Frontier = []Point{{sol.Price, new(big.Int)}}
	sol.Exposure = Exposure{Weighted: new(big.Int), AddressPorts: new(big.Int)}
	for _, r := range rules {
		sol.Rules = append(sol.Rules, ChosenRule{Rule: Rule{Block: r.netset(q.V6), Price: 1}})
	}
	slices.SortFunc(sol.Rules, func(x, y ChosenRule) int { return compareRules(x.Rule, y.Rule) })
	b.assign(sol.Rules)
	return sol, nil
}

// shortest gives the fewest rules that were found for the needs and nothing
// beyond, and how few there must be.
func (b *basis) shortest(ctx context.Context) ([]rule, int, error) {
	if len(b.need) == 0 {
		return nil, 0, nil
	}
	in := &instance[wide]{Problem: b.Problem, w: b.w, kind: wideKind, slabs: seal(b.need, b.K), cur: b.cur}
	if len(in.slabs) == 1 && !in.slabs[0].sealed() {
		var out []rule
		for _, bl := range in.slabs[0].blocks {
			out = append(out, rule{block: bl, cols: in.slabs[0].cols})
		}
		return out, len(out), nil
	}
	im := &improver[wide]{in: in}
	im.cells()
	list := im.grown()
	inst := &setcover.Instance{Rows: len(im.slab)}
	for _, r := range list {
		var rows []int32
		im.each(r, func(c int32) { rows = append(rows, c) })
		inst.Costs, inst.Columns = append(inst.Costs, 1), append(inst.Columns, rows)
	}
	s, err := setcover.Solve(ctx, inst, setcover.Options{Iterations: coverRounds(inst)})
	if err != nil {
		return nil, 0, fmt.Errorf("problem %q: %w", b.ID, err)
	}
	var out []rule
	for _, j := range s.Sets {
		out = append(out, list[j])
	}
	return out, int(s.LowerBound), nil
}

// coverRounds keeps large covers to a few seconds.
func coverRounds(in *setcover.Instance) int {
	n := 0
	for _, rows := range in.Columns {
		n += len(rows)
	}
	return max(2, min(150, 10_000_000/(n+1)))
}

// grown lists the rules inside the needs that no other such rule contains.
func (im *improver[T]) grown() []rule {
	tree := newTree(len(im.leaves), func(i int) key { return im.leaves[i].at })
	slabs := im.in.slabs
	// full lists the slabs that are needed by every address of a node.
	full := make([][]int32, len(tree.nodes))
	of := func(c int32) (block, []int32) {
		if c < 0 {
			return im.leaves[^c], im.slab[im.start[^c]:im.start[^c+1]]
		}
		n := &tree.nodes[c]
		return block{im.leaves[n.first].at.masked(int(n.bits)), n.bits}, full[c]
	}
	parent := make([]int32, len(tree.nodes))
	leafParent := make([]int32, len(im.leaves))
	for i := range tree.nodes {
		n := &tree.nodes[i]
		for _, c := range []int32{n.left, n.right} {
			if c >= 0 {
				parent[c] = int32(i)
			} else {
				leafParent[^c] = int32(i)
			}
		}
		l, a := of(n.left)
		r, b := of(n.right)
		if l.bits == n.bits+1 && r.bits == n.bits+1 {
			full[i] = common(a, b)
		}
	}
	var out []rule
	emit := func(c int32, up []int32) {
		b, has := of(c)
		for _, run := range runs(slabs, has) {
			if !contained(run, runs(slabs, up)) {
				out = append(out, rule{block: b, cols: run})
			}
		}
	}
	for i := range im.leaves {
		var up []int32
		if tree.root >= 0 {
			up = full[leafParent[i]]
		}
		emit(^int32(i), up)
	}
	for i := range tree.nodes {
		var up []int32
		if int32(i) != tree.root {
			up = full[parent[i]]
		}
		emit(int32(i), up)
	}
	return out
}

func common(a, b []int32) []int32 {
	var out []int32
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] < b[0]:
			a = a[1:]
		case a[0] > b[0]:
			b = b[1:]
		default:
			out, a, b = append(out, a[0]), a[1:], b[1:]
		}
	}
	return out
}

// runs joins slabs that touch, inside a protocol; where they make up the whole
// axis, one run for all traffic stands for all of them.
func runs(slabs []slab, has []int32) []netset.Columns {
	var out []netset.Columns
	whole := true
	next := netset.Column(0)
	for _, s := range has {
		c := slabs[s].cols
		whole = whole && c.First == next
		next = c.Last + 1
		if slabs[s].sealed() {
			continue
		}
		if n := len(out); n > 0 && out[n-1].Last+1 == c.First && out[n-1].Last.Protocol() == c.First.Protocol() {
			out[n-1].Last = c.Last
			continue
		}
		out = append(out, c)
	}
	if whole && next == netset.NumColumns {
		return []netset.Columns{netset.AllColumns()}
	}
	return out
}

func contained(c netset.Columns, in []netset.Columns) bool {
	return slices.ContainsFunc(in, func(x netset.Columns) bool { return x.Contains(c) })
}
