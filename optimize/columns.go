package optimize

import (
	"context"
	"slices"

	"github.com/flowcover/flowcover/topology/netset"
)

// maxSteps is the most pieces the column axis is cut into before every
// interval between two of them is tried.
const maxSteps = 40

// columnProgram cuts the column axis into windows, solves each by itself, and
// joins their budgets by min-plus convolution: the frontier is not convex, so
// marginal gain would not do. Windows of few slabs are solved exactly, wide ones
// with rules that span the whole window. With one slab it is exact. With more it
// is a good cover that rules across windows may still beat.
type columnProgram[T num[T]] struct {
	in    *instance[T]
	steps []slabRun
	// tables[j][k] is the least cost of the first j steps with k rules.
	tables [][]T
	how    [][]choice[T]
	narrow int // windows of at most so many slabs are solved exactly
}

// slabRun is a run of slabs that is not cut further.
type slabRun struct{ first, last int }

// choice is the window that an entry of a table was completed with.
type choice[T num[T]] struct {
	prog  program[T]
	from  int // the table that it was added to
	rules int
}

// windowRoom is how many table entries each exact window keeps.
const windowRoom = 1e5

func newColumnProgram[T num[T]](in *instance[T], work float64) *columnProgram[T] {
	c := &columnProgram[T]{in: in, steps: coarsen(in.slabs, in.w)}
	m := len(c.steps)
	c.tables = make([][]T, m+1)
	c.how = make([][]choice[T], m+1)
	for j := range c.tables {
		c.tables[j] = slices.Repeat([]T{in.kind.inf}, in.limit+1)
		c.how[j] = make([]choice[T], in.limit+1)
	}
	c.tables[0][0] = in.kind.of(0)
	c.narrow = c.affordable(work)
	in.windows(c.steps, c.add)
	return c
}

// affordable gives the width of window up to which all can be solved exactly.
func (c *columnProgram[T]) affordable(work float64) int {
	for width := 2; ; width++ {
		any := false
		for i := 0; i+width <= len(c.in.slabs) && work >= 0; i++ {
			slabs := c.in.slabs[i : i+width]
			if slabs[0].cols.First.Protocol() == slabs[width-1].cols.Last.Protocol() {
				if e := newExactProgram(c.in.only(slabs)); e != nil {
					steps, _ := e.work()
					work -= steps
					any = true
				}
			}
		}
		if !any || work < 0 {
			return width - 1
		}
	}
}

// only is the instance with some of the slabs.
func (in *instance[T]) only(slabs []slab) *instance[T] {
	out := *in
	out.slabs = slabs
	return &out
}

// add completes table i to table j with one window.
func (c *columnProgram[T]) add(i, j int, slabs []slab, cols netset.Columns) {
	var prog program[T]
	if n := len(slabs); n > 1 && n <= c.narrow && cols != netset.AllColumns() {
		e := newExactProgram(c.in.only(slabs))
		_, entries := e.work()
		e.prepare(entries, windowRoom)
		if e.run(context.Background()) == nil { // only an ended context fails
			prog = e
		}
	}
	if prog == nil {
		prog = c.in.oneWindow(slabs, cols)
	}
	table := prog.table()
	for k, base := range c.tables[i] {
		if base.infinite() {
			continue
		}
		for r, cost := range table {
			n := k + r
			if n > c.in.limit {
				break
			}
			if sum := base.add(cost); sum.less(c.tables[j][n]) {
				c.tables[j][n] = sum
				c.how[j][n] = choice[T]{prog, i, r}
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
		out = append(out, h.prog.rules(h.rules)...)
		j, k = h.from, k-h.rules
	}
	return out
}

// windowProgram is a prefix program on one window, as a program.
type windowProgram[T num[T]] struct {
	in   *instance[T]
	cols netset.Columns
	*prefixProgram[T]
	all []T
}

func (in *instance[T]) oneWindow(slabs []slab, cols netset.Columns) program[T] {
	w := &windowProgram[T]{in: in, cols: cols, prefixProgram: in.window(slabs, cols)}
	w.run()
	w.all = append([]T{in.kind.inf}, w.prefixProgram.table...)
	return w
}

func (w *windowProgram[T]) table() []T  { return w.all }
func (w *windowProgram[T]) exact() bool { return true }

func (w *windowProgram[T]) rules(k int) []rule {
	var out []rule
	for _, n := range w.prefixProgram.rules(k) {
		out = append(out, w.in.expand(w.block(n), n < 0, w.cols)...)
	}
	return out
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

// expand gives the rules for a node: several where a leaf is wider than the cap.
func (in *instance[T]) expand(b block, leaf bool, cols netset.Columns) []rule {
	if !leaf || int(b.bits) >= in.MaxPrefix {
		return []rule{{block: b, cols: cols}}
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
