package optimize

import (
	"context"
	"slices"
)

// rebalance solves groups of rules each by itself for every budget near its
// own, and shares the whole budget out anew by min-plus convolution. A repair
// keeps the number of rules where they are; this moves rules from where one more
// gains little to where it gains much. Each group must cover the cells that no
// earlier group covers, so the groups together cover all.
func (im *improver[T]) rebalance(ctx context.Context, groups [][]int) (bool, error) {
	total := len(im.rules) + im.slack
	taken := make([]bool, len(im.slab))
	join := slices.Repeat([]T{im.in.kind.inf}, total+1)
	join[0] = im.in.kind.of(0)
	var progs []*exactProgram[T]
	var from [][]int
	for _, g := range groups {
		sub := im.owned(g, taken)
		if len(sub.slabs) == 0 {
			continue
		}
		sub.limit = min(total, len(g)+3+im.slack)
		e := newExactProgram(sub)
		if e == nil {
			return false, nil
		}
		steps, entries := e.work()
		im.work -= 3e5 + float64(200*len(e.leaves))
		if steps > im.step || im.work < 0 {
			return false, nil
		}
		im.work -= steps
		e.prepare(entries, windowRoom)
		if err := e.run(ctx); err != nil {
			return false, err
		}
		next := slices.Repeat([]T{im.in.kind.inf}, total+1)
		how := make([]int, total+1)
		for k, base := range join {
			if base.infinite() {
				continue
			}
			for r, c := range e.table() {
				if k+r <= total && base.add(c).less(next[k+r]) {
					next[k+r], how[k+r] = base.add(c), r
				}
			}
		}
		join = next
		progs, from = append(progs, e), append(from, how)
	}
	best := 0
	for k := range join {
		if join[k].less(join[best]) {
			best = k
		}
	}
	if join[best].infinite() {
		return false, nil
	}
	var put []rule
	for i := len(progs) - 1; i >= 0; i-- {
		r := from[i][best]
		put = append(put, progs[i].rules(r)...)
		best -= r
	}
	return im.adopt(put), nil
}

// adopt takes other rules in place of all if they are better.
func (im *improver[T]) adopt(put []rule) bool {
	if im.same(put) || len(put) > len(im.rules)+im.slack {
		return false
	}
	cost := im.costOf(im.in, put)
	if !cost.less(im.cost) {
		return false
	}
	im.cost = cost
	im.take(nil, im.rules, put)
	return true
}

func (im *improver[T]) same(put []rule) bool {
	if len(put) != len(im.rules) {
		return false
	}
	for _, r := range put {
		if !slices.Contains(im.rules, r) {
			return false
		}
	}
	return true
}

// owned makes the instance of the cells of a group that are not taken yet, and
// takes them.
func (im *improver[T]) owned(group []int, taken []bool) *instance[T] {
	blocks := make([][]block, len(im.in.slabs))
	for _, i := range group {
		r := im.rules[i]
		first, end := im.span(r.block)
		for l := first; l < end; l++ {
			im.eachOf(l, r, func(c int32) {
				if !taken[c] {
					taken[c] = true
					blocks[im.slab[c]] = append(blocks[im.slab[c]], im.leaves[l])
				}
			})
		}
	}
	sub := *im.in
	sub.slabs, sub.loose = nil, true
	for i, bs := range blocks {
		if len(bs) > 0 {
			sub.slabs = append(sub.slabs, slab{im.in.slabs[i].cols, im.in.w.cut(normal(bs))})
		}
	}
	return &sub
}

// chunks splits the rules, in some order, into runs of some size.
func (im *improver[T]) chunks(byCols bool, size, skip int) [][]int {
	order := make([]int, len(im.rules))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		x, y := im.rules[a], im.rules[b]
		addr, cols := x.block.compare(y.block), x.cols.Compare(y.cols)
		if byCols {
			addr, cols = cols, addr
		}
		if addr != 0 {
			return addr
		}
		return cols
	})
	var out [][]int
	for at := skip % size; len(order) > 0; at = size {
		if at == 0 {
			at = size
		}
		n := min(at, len(order))
		out, order = append(out, order[:n]), order[n:]
	}
	return out
}

// balance rebalances over several ways to group.
func (im *improver[T]) balance(ctx context.Context, round int) (bool, error) {
	better := false
	for _, size := range []int{4, 7, 12} {
		for _, byCols := range []bool{true, false} {
			ok, err := im.rebalance(ctx, im.chunks(byCols, size, round*3+1))
			if err != nil {
				return better, err
			}
			better = better || ok
		}
	}
	return better, nil
}
