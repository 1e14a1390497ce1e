package optimize

import (
	"context"

	"github.com/flowcover/flowcover/topology/netset"
)

// rules rebuilds a set of rules that gives the root's value at k rules.
func (e *exactProgram[T]) rules(k int) []rule {
	d := descent[T]{e: e}
	d.walk(e.tree.root, &e.top, 0, k, e.stored)
	return d.out
}

// descent walks from the root down and asks, at each node, which choice gives
// the value in its table. Children that were too small to store are computed
// again with all below them.
type descent[T num[T]] struct {
	e   *exactProgram[T]
	out []rule
}

func (d *descent[T]) walk(c int32, t *nodeTables[T], state uint64, k int, store map[int32]nodeTables[T]) {
	e := d.e
	for {
		table := t.at(t.space.index[state&t.space.hull])
		k = min(k, len(table)-1)
		for k > 0 && !table[k].less(table[k-1]) {
			k--
		}
		open := e.needOf(c) &^ state
		if open == 0 {
			return
		}
		if c >= 0 && d.split(c, t, state, k, store) {
			return
		}
		next, price, done := d.move(c, t, state, k)
		if done {
			return
		}
		state, k = next, k-price
	}
}

// split goes to both children if sharing k among them gives the value.
func (d *descent[T]) split(c int32, t *nodeTables[T], state uint64, k int, store map[int32]nodeTables[T]) bool {
	e := d.e
	n := e.tree.nodes[c]
	l, ls := d.child(n.left, store)
	r, rs := d.child(n.right, store)
	value := t.at(t.space.index[state&t.space.hull])[k]
	a, b := l.at(l.space.index[state&l.space.hull]), r.at(r.space.index[state&r.space.hull])
	for i := 0; i < len(a) && i <= k; i++ {
		if a[i].infinite() {
			continue
		}
		if j := min(k-i, len(b)-1); !value.less(a[i].add(b[j])) {
			d.walk(n.left, &l, state, i, ls)
			d.walk(n.right, &r, state, j, rs)
			return true
		}
	}
	return false
}

// child gives a child's tables and where those of its descendants are.
func (d *descent[T]) child(c int32, store map[int32]nodeTables[T]) (nodeTables[T], map[int32]nodeTables[T]) {
	if c < 0 {
		return d.e.leafTables(c), store
	}
	if t, ok := store[c]; ok {
		return t, store
	}
	again := map[int32]nodeTables[T]{}
	n := &d.e.tree.nodes[c]
	over := max(1, int(n.last-n.first)/512)
	t, err := d.e.sweep(context.Background(), d.e.tree.from(c), c, over, again)
	if err != nil { // only an ended context fails
		panic(err)
	}
	return t, again
}

// move emits the rule at the node that gives the value.
func (d *descent[T]) move(c int32, t *nodeTables[T], state uint64, k int) (next uint64, price int, done bool) {
	e := d.e
	price, need := 1, e.needOf(c)
	nl, nr := need, need
	var bad uint64
	first, last := int(^c), int(^c)
	if c >= 0 {
		n := &e.tree.nodes[c]
		nl, nr, bad = e.needOf(n.left), e.needOf(n.right), e.bad[c]
		first, last = int(n.first), int(n.last)
	} else {
		bad = e.leafBad(e.leaves[^c])
		if b := int(e.leaves[^c].bits); b < e.in.MaxPrefix {
			price = min(1<<min(30, e.in.MaxPrefix-b), e.in.limit+1)
		}
	}
	b := e.block(c)
	e.price(b, first, last)
	at := t.space.index[state&t.space.hull]
	inside, open := t.space.states[at], need&^state
	value := t.at(at)[k]
	for i := range t.space.moves[at] {
		m := &t.space.moves[at][i]
		if open>>m.a&1 == 0 || open>>m.b&1 == 0 || m.add&nl == 0 || m.add&nr == 0 || m.add&bad != 0 || k < price {
			continue
		}
		to := t.at(m.to)
		if cost := to[min(k-price, len(to)-1)].add(e.moveCost(inside, m.add, price)); value.less(cost) {
			continue
		}
		cols, ok := e.standing(inside, m.add)
		if !ok || price > 1 {
			cols = netset.Columns{First: e.plane.atoms[m.a].cols.First, Last: e.plane.atoms[m.b].cols.Last}
		}
		d.out = append(d.out, e.in.expand(b, c < 0, cols)...)
		return state | m.add, price, false
	}
	d.out = append(d.out, e.in.expand(b, c < 0, netset.AllColumns())...)
	return 0, price, true
}
