package optimize

import (
	"context"
	"math"
	"math/big"
	"math/bits"
	"slices"

	"github.com/flowcover/flowcover/topology/netset"
)

// sum refills cum.
func (a *additive) sum() {
	w := a.width + 1
	n := len(a.cum)/w - 1
	for i := range n {
		row, next, u := a.cum[i*w:(i+1)*w], a.cum[(i+1)*w:(i+2)*w], a.u[i*a.width:(i+1)*a.width]
		acc := 0.0
		for s, x := range u {
			acc += x
			next[s+1] = row[s+1] + acc
		}
	}
}

// inside is the sum of u in a rule.
func (a *additive) inside(r *addRule) float64 {
	n, w := &a.nodes[r.node], a.width+1
	top, low := a.cum[n.end*w:], a.cum[n.first*w:]
	return top[r.q+1] - low[r.q+1] - top[r.p] + low[r.p]
}

// each calls do with every rule that may be of use: both its end slabs needed.
func (a *additive) each(do func(r addRule, inside float64)) {
	w := a.width + 1
	d := make([]float64, w)
	for i := range a.nodes {
		n := &a.nodes[i]
		top, low := a.cum[n.end*w:n.end*w+w], a.cum[n.first*w:n.first*w+w]
		for s := range d {
			d[s] = top[s] - low[s]
		}
		for p := range a.width {
			if d[p+1] == d[p] {
				continue
			}
			for q := p; q < a.width && a.part[q] == a.part[p]; q++ {
				if d[q+1] > d[q] {
					do(addRule{int32(i), int32(p), int32(q), n.size * float64(a.ends[q][1]-a.ends[p][0])}, d[q+1]-d[p])
				}
			}
		}
		if a.part[0] != a.part[a.width-1] {
			do(addRule{int32(i), 0, int32(a.width - 1), n.size * float64(a.all)}, d[a.width])
		}
	}
}

// price gives the bound at the multipliers and keeps the rules near to it.
func (a *additive) price() float64 {
	a.sum()
	total := a.cum[len(a.cum)-1] - a.lambda*float64(a.k)
	a.core = a.core[:0]
	near := additiveNear * a.lambda
	a.each(func(r addRule, inside float64) {
		c := r.area + a.lambda - inside
		if c < 0 {
			total += c
		}
		if c < near {
			a.core = append(a.core, r)
		}
	})
	return total
}

// value gives the core's bound and fills cover with how often each cell is in a
// rule of negative reduced cost, and gives the number of these. A rule is a
// rectangle of units and slabs: it marks its corners, and a running sum over
// both makes the counts.
func (a *additive) value() (bound float64, rules int) {
	a.sum()
	w := a.width + 1
	clear(a.marks)
	bound = a.cum[len(a.cum)-1] - a.lambda*float64(a.k)
	for i := range a.core {
		r := &a.core[i]
		c := r.area + a.lambda - a.inside(r)
		if c >= 0 {
			continue
		}
		bound += c
		rules++
		n := &a.nodes[r.node]
		low, top := a.marks[n.first*w:], a.marks[n.end*w:]
		low[r.p]++
		low[r.q+1]--
		top[r.p]--
		top[r.q+1]++
	}
	a.count()
	return bound, rules
}

// count turns marks into the counts of the cells.
func (a *additive) count() {
	w := a.width + 1
	above := a.marks[:w] // sums over units so far, of each slab
	for i := range len(a.at) - 1 {
		row := a.marks[i*w : (i+1)*w]
		if i > 0 {
			for s, n := range above {
				row[s] += n
			}
		}
		above = row
		slab, sum, base := 0, int32(0), i*a.width
		for x := a.at[i]; x < a.at[i+1]; x++ {
			for to := int(a.cells[x]) - base; slab <= to; slab++ {
				sum += row[slab]
			}
			a.cover[x] = sum
		}
	}
}

// Of the subgradient: after how many steps all rules are priced again, and how
// near to use a rule must be, in parts of lambda, to be looked at between.
const (
	additiveEvery = 10
	additiveNear  = 0.3
)

// Steps of the first round, as a share of what Polyak's rule gives: from
// multipliers that only hint, and from those of a coarser look.
const (
	firstStep  = 0.5
	refineStep = 0.05
)

// ascend improves the multipliers in rounds and keeps the best. A round's steps
// are measured by what each multiplier was worth when it began, since the cells
// of a wide rule and of a narrow one differ by many orders of magnitude.
func (a *additive) ascend(ctx context.Context, upper, step float64, rounds int) {
	best := a.price()
	for round := range rounds {
		length := step * math.Pow(0.7, float64(round))
		if round > 0 {
			for _, c := range a.cells {
				a.scale[c] = max(0.02*a.scale[c], a.u[c]-a.own[c])
			}
		}
		best = a.climb(ctx, best, upper, length)
	}
}

func (a *additive) climb(ctx context.Context, best, upper, length float64) float64 {
	bestU, bestLambda := slices.Clone(a.u), a.lambda
	idle, top, over := 0, math.Inf(-1), 0.0
	clear(a.way)
	for step := 1; step <= 300 && length > 0.0005 && ctx.Err() == nil; step++ {
		bound, rules := a.value()
		if idle++; bound > top {
			top, idle = bound, 0
		}
		if idle > 20 {
			length, idle = length*0.7, 0
		}
		over = 0.7*over + 0.3*float64(rules-a.k)
		if !a.move(length*max(upper-bound, 0.001*upper), over) {
			break
		}
		if step%additiveEvery == 0 {
			if full := a.price(); full > best {
				best, bestLambda = full, a.lambda
				copy(bestU, a.u)
			}
			top = best
		}
	}
	copy(a.u, bestU)
	a.lambda = bestLambda
	return best
}

// move goes along the smoothed subgradient by Polyak's rule.
func (a *additive) move(gap, over float64) bool {
	norm := over * over * a.scaleL
	for x, c := range a.cells {
		g := float64(1 - a.cover[x])
		a.way[c] = 0.7*a.way[c] + 0.3*g
		if a.u[c] == 0 && a.way[c] < 0 {
			a.way[c] = 0
		}
		norm += a.way[c] * a.way[c] * a.scale[c]
	}
	if norm == 0 {
		return false
	}
	t := gap / norm
	for _, c := range a.cells {
		a.u[c] = max(0, a.u[c]+t*a.way[c]*a.scale[c])
	}
	a.lambda = max(0, a.lambda+t*over*a.scaleL)
	return true
}

// bound sums the Lagrangian in integers over every rule, in units of 1<<shift.
func (a *additive) bound() *big.Int {
	w := a.width + 1
	sum := a.lambda
	for _, x := range a.u {
		sum += x
	}
	if sum >= 1<<62 {
		return new(big.Int)
	}
	shift := min(16, 62-bits.Len64(uint64(sum)+1))
	scale := float64(uint64(1) << shift)
	lambda := uint64(a.lambda * scale)
	cum := make([]uint64, len(a.cum))
	for i := 0; (i+1)*w < len(cum); i++ {
		acc := uint64(0)
		for s := range a.width {
			acc += uint64(a.u[i*a.width+s] * scale)
			cum[(i+1)*w+s+1] = cum[i*w+s+1] + acc
		}
	}
	total := new(big.Int).SetUint64(cum[len(cum)-1])
	total.Sub(total, new(big.Int).Mul(new(big.Int).SetUint64(lambda), big.NewInt(int64(a.k))))
	low := uint64(0) // what the rules of negative reduced cost take off
	take := func(n *addNode, p, q int, weight uint64) {
		in := cum[n.end*w+q+1] - cum[n.first*w+q+1] - cum[n.end*w+p] + cum[n.first*w+p]
		hi, area := bits.Mul64(n.exact, weight)
		if n.exact == 0 || hi != 0 || area >= 1<<(62-shift) {
			return // more than all multipliers together
		}
		if cost := area<<shift + lambda; in > cost {
			if low += in - cost; low >= 1<<62 {
				total.Sub(total, new(big.Int).SetUint64(low))
				low = 0
			}
		}
	}
	for i := range a.nodes {
		n := &a.nodes[i]
		for p := range a.width {
			for q := p; q < a.width && a.part[q] == a.part[p]; q++ {
				take(n, p, q, a.ends[q][1]-a.ends[p][0])
			}
		}
		if a.part[0] != a.part[a.width-1] {
			take(n, 0, a.width-1, a.all)
		}
	}
	total.Sub(total, new(big.Int).SetUint64(low))
	// Round up: areas are whole.
	total.Add(total, big.NewInt(int64(1)<<shift-1))
	total.Rsh(total, uint(shift))
	if total.Sign() < 0 {
		total.SetInt64(0)
	}
	return total
}

// worth lists rules by reduced cost, the least first.
func (a *additive) worth(most int) []addRule {
	a.price()
	type scored struct {
		r addRule
		c float64
	}
	var near []scored
	limit := a.lambda
	a.each(func(r addRule, inside float64) {
		if c := r.area + a.lambda - inside; c < limit {
			near = append(near, scored{r, c})
		}
	})
	slices.SortStableFunc(near, func(x, y scored) int {
		switch {
		case x.c < y.c:
			return -1
		case x.c > y.c:
			return 1
		}
		return 0
	})
	var out []addRule
	for _, s := range near[:min(len(near), most)] {
		out = append(out, s.r)
	}
	return out
}

// columns gives the interval of a rule.
func (a *additive) columns(slabs []slab, r addRule) netset.Columns {
	if a.part[r.p] != a.part[r.q] {
		return netset.AllColumns()
	}
	return netset.Columns{First: slabs[r.p].cols.First, Last: slabs[r.q].cols.Last}
}
