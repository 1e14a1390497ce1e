package optimize

import (
	"context"
	"math/bits"
)

// priced is the least of cost plus lambda times the number of rules, and that
// number.
type priced struct {
	total word
	rules int32
}

func (a priced) less(b priced) bool {
	return a.total < b.total || a.total == b.total && a.rules < b.rules
}

// lagrange runs the exact program with a price on each rule in place of a table
// by the number of rules. For any lambda, the least total less lambda times K is
// at most the least cost with K rules: a bound on the true union. It takes a
// tenth or less of the exact program's work.
type lagrange struct {
	e      *exactProgram[word]
	lambda word
}

// lagrangeWork estimates the inner steps of one evaluation.
func (e *exactProgram[T]) lagrangeWork() float64 {
	steps := 0.0
	sizes := map[uint64]float64{}
	for _, need := range e.need {
		h := e.hull(need)
		states, ok := sizes[h]
		if !ok {
			states = e.plane.count(h)
			sizes[h] = states
		}
		m := float64(bits.OnesCount64(need))
		steps += states * (2 + m*m/4)
	}
	return steps
}

// unionBound searches for the lambda of the best bound: between a lambda whose
// answer has too many rules and one whose answer has few, at the slope of the
// line between the two. It gives a cost that k rules cannot go below.
func unionBound(ctx context.Context, e *exactProgram[word], k int, upper word) (word, bool) {
	l := &lagrange{e: e}
	best, ok := word(0), false
	at := func(lambda word) (priced, bool) {
		l.lambda = lambda
		p, done := l.eval(ctx)
		if done {
			best, ok = max(best, p.total-lambda*word(k)), true
		}
		return p, done
	}
	lo, done := at(0) // as many rules as are of use
	if !done || int(lo.rules) <= k {
		return best, ok
	}
	top := min(upper+1, infWord/word(4*(lo.rules+int32(k)+1)))
	hi, done := at(top)
	if !done || int(hi.rules) >= k {
		return best, ok
	}
	loCost, hiCost := lo.total, hi.total-top*word(hi.rules)
	for range 40 {
		lambda := (hiCost - loCost) / word(lo.rules-hi.rules)
		mid, done := at(lambda)
		if !done || mid.total >= loCost+lambda*word(lo.rules) || mid.total >= hiCost+lambda*word(hi.rules) {
			break
		}
		cost := mid.total - lambda*word(mid.rules)
		if int(mid.rules) > k {
			lo, loCost = mid, cost
		} else {
			hi, hiCost = mid, cost
		}
	}
	return best, ok
}

// eval gives the root's least; false where ctx ended.
func (l *lagrange) eval(ctx context.Context) (priced, bool) {
	e := l.e
	if e.tree.root < 0 {
		t, sp := l.leaf(e.tree.root)
		return t[sp.index[0]], true
	}
	type done struct {
		t  []priced
		sp *space
	}
	var stack []done
	var free [][]priced
	pop := func(c int32) done {
		if c < 0 {
			t, sp := l.leaf(c)
			return done{t, sp}
		}
		d := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		return d
	}
	for v := range e.tree.nodes {
		if v%1024 == 0 && ctx.Err() != nil {
			return priced{}, false
		}
		n := &e.tree.nodes[v]
		right := pop(n.right)
		left := pop(n.left)
		var buf []priced
		if k := len(free); k > 0 {
			buf, free = free[k-1][:0], free[:k-1]
		}
		sp := e.plane.space(e.hull(e.need[v]))
		t := l.node(int32(v), buf, sp, left.t, right.t, e.plane.pairing(sp, left.sp, right.sp))
		free = append(free, left.t, right.t)
		stack = append(stack, done{t, sp})
	}
	top := stack[0]
	return top.t[top.sp.index[0]], true
}

func (l *lagrange) node(v int32, t []priced, sp *space, left, right []priced, pr *pairing) []priced {
	e := l.e
	n := &e.tree.nodes[v]
	need, bad := e.need[v], e.bad[v]
	nl, nr := e.needOf(n.left), e.needOf(n.right)
	e.price(e.block(v), int(n.first), int(n.last))
	for s, state := range sp.states {
		open := need &^ state
		if open == 0 {
			t = append(t, priced{})
			continue
		}
		q := pr.of[s]
		a, b := left[pr.l[q]], right[pr.r[q]]
		best := priced{min(infWord, a.total+b.total), a.rules + b.rules}
		for i := range sp.moves[s] {
			m := &sp.moves[s][i]
			if open>>m.a&1 == 0 || open>>m.b&1 == 0 || m.add&nl == 0 || m.add&nr == 0 || m.add&bad != 0 {
				continue
			}
			to := t[m.to]
			if c := (priced{to.total + e.moveCost(state, m.add, 1) + l.lambda, to.rules + 1}); c.less(best) {
				best = c
			}
		}
		if c, ok := e.allCost(state, open, bad, 1); ok && open&nl != 0 && open&nr != 0 {
			if p := (priced{c + l.lambda, 1}); p.less(best) {
				best = p
			}
		}
		t = append(t, best)
	}
	return t
}

// leaf is node for a leaf.
func (l *lagrange) leaf(c int32) ([]priced, *space) {
	e := l.e
	lf := e.leaves[^c]
	price := 1
	if int(lf.bits) < e.in.MaxPrefix {
		price = min(1<<min(30, e.in.MaxPrefix-int(lf.bits)), e.in.limit+1)
	}
	sp := e.plane.space(e.hull(lf.need))
	e.price(lf.block, int(^c), int(^c))
	bad := e.leafBad(lf)
	t := make([]priced, 0, len(sp.states))
	for s, state := range sp.states {
		open := lf.need &^ state
		if open == 0 {
			t = append(t, priced{})
			continue
		}
		best := priced{total: infWord}
		for i := range sp.moves[s] {
			m := &sp.moves[s][i]
			if open>>m.a&1 == 0 || open>>m.b&1 == 0 || m.add&bad != 0 {
				continue
			}
			to := t[m.to]
			if c := (priced{to.total + e.moveCost(state, m.add, price) + l.lambda*word(price), to.rules + int32(price)}); c.less(best) {
				best = c
			}
		}
		if c, ok := e.allCost(state, open, bad, price); ok {
			if p := (priced{c + l.lambda*word(price), int32(price)}); p.less(best) {
				best = p
			}
		}
		t = append(t, best)
	}
	return t, sp
}
