package optimize

import (
	"slices"

	"github.com/flowcover/flowcover/topology/netset"
)

// maxSteps is the most pieces the column axis is cut into before every
// interval between two of them is tried.
const maxSteps = 40

// columnProgram cuts the column axis into windows, solves each exactly by
// prefix, and joins their budgets by min-plus convolution: the frontier is not
// convex, so marginal gain would not do. With one slab it is exact. With more it
// is a good cover that rules of overlapping windows may still beat.
type columnProgram[T num[T]] struct {
	in    *instance[T]
	steps []slabRun
	// tables[j][k] is the least cost of the first j steps with k rules.
	tables [][]T
	how    [][]choice[T]
}

// slabRun is a run of slabs that is not cut further.
type slabRun struct{ first, last int }

// choice is the window that an entry of a table was completed with.
type choice[T num[T]] struct {
	prog  *prefixProgram[T]
	cols  netset.Columns
	from  int // the table that it was added to
	rules int
}

func newColumnProgram[T num[T]](in *instance[T]) *columnProgram[T] {
	c := &columnProgram[T]{in: in, steps: coarsen(in.slabs, in.w)}
	m := len(c.steps)
	c.tables = make([][]T, m+1)
	c.how = make([][]choice[T], m+1)
	for j := range c.tables {
		c.tables[j] = slices.Repeat([]T{in.kind.inf}, in.limit+1)
		c.how[j] = make([]choice[T], in.limit+1)
	}
	c.tables[0][0] = in.kind.of(0)
	in.windows(c.steps, c.add)
	return c
}

// windows calls do for each run of steps inside one protocol, and for all of
// them where there are several protocols. What do completes, table j, is asked
// for only after all that completes it.
func (in *instance[T]) windows(steps []slabRun, do func(i, j int, slabs []slab, cols netset.Columns)) {
	m := len(steps)
	for j := 1; j <= m; j++ {
		for i := j - 1; i >= 0; i-- {
			first, last := steps[i].first, steps[j-1].last
			cols := netset.Columns{First: in.slabs[first].cols.First, Last: in.slabs[last].cols.Last}
			if cols.First.Protocol() != cols.Last.Protocol() {
				break
			}
			do(i, j, in.slabs[first:last+1], cols)
		}
	}
	if in.slabs[0].cols.First.Protocol() != in.slabs[len(in.slabs)-1].cols.Last.Protocol() {
		do(0, m, in.slabs, netset.AllColumns())
	}
}

// leastRules gives the fewest rules that such windows need.
func (in *instance[T]) leastRules() int64 {
	steps := coarsen(in.slabs, in.w)
	of := slices.Repeat([]int64{unreachable}, len(steps)+1)
	of[0] = 0
	in.windows(steps, func(i, j int, slabs []slab, cols netset.Columns) {
		of[j] = min(of[j], of[i]+in.window(slabs, cols).least())
	})
	return of[len(steps)]
}

// add completes table i to table j with one window.
func (c *columnProgram[T]) add(i, j int, slabs []slab, cols netset.Columns) {
	prog := c.in.window(slabs, cols)
	prog.run()
	for k, base := range c.tables[i] {
		if base.infinite() {
			continue
		}
		for r, cost := range prog.table {
			n := k + r + 1
			if n > c.in.limit {
				break
			}
			if sum := base.add(cost); sum.less(c.tables[j][n]) {
				c.tables[j][n] = sum
				c.how[j][n] = choice[T]{prog, cols, i, r + 1}
			}
		}
	}
}

func (c *columnProgram[T]) table() []T { return c.tables[len(c.steps)] }

// exact says whether no other rules can be better at any price.
func (c *columnProgram[T]) exact() bool { return len(c.in.slabs) <= 1 }

func (c *columnProgram[T]) rules(k int) []rule {
	var out []rule
	for j := len(c.steps); j > 0; {
		h := c.how[j][k]
		for _, n := range h.prog.rules(h.rules) {
			out = append(out, c.in.expand(h.prog.block(n), n < 0, h.cols)...)
		}
		j, k = h.from, k-h.rules
	}
	return out
}

// expand gives the rules for a node: several where a leaf is wider than the cap.
func (in *instance[T]) expand(b block, leaf bool, cols netset.Columns) []rule {
	if !leaf || int(b.bits) >= in.MaxPrefix {
		return []rule{{b, cols}}
	}
	l, r := b.halves()
	return append(in.expand(l, true, cols), in.expand(r, true, cols)...)
}

// coarsen joins slabs over the lightest gaps until few enough are left.
func coarsen(slabs []slab, w *weighing) []slabRun {
	out := make([]slabRun, len(slabs))
	for i := range out {
		out[i] = slabRun{i, i}
	}
	for len(out) > maxSteps {
		best, bestGap := -1, uint64(0)
		for i := 1; i < len(out); i++ {
			a, b := slabs[out[i-1].last].cols, slabs[out[i].first].cols
			if a.Last.Protocol() != b.First.Protocol() {
				continue
			}
			gap := w.below(b.First) - w.below(a.Last+1)
			if best < 0 || gap < bestGap {
				best, bestGap = i, gap
			}
		}
		if best < 0 {
			return out
		}
		out[best-1].last = out[best].last
		out = slices.Delete(out, best, best+1)
	}
	return out
}
