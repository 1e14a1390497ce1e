package rulelist

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"

	"github.com/flowcover/flowcover/optimize"
	"github.com/flowcover/flowcover/optimize/target"
	"github.com/flowcover/flowcover/topology/netset"
)

// The kinds of list, which differ in their default limit and in whether an entry
// may deny.
const (
	KindGroup = "sg"
	KindACL   = "nacl"
)

// Options say what is asked for.
type Options struct {
	Max       int // the most rules; 0: DefaultMax
	Kind      string
	Exact     bool // open what the list opens and nothing else
	Forbidden []netset.Block
	Zones     *Zones // nil: every cell weighs 1
	Effort    int    // see optimize.Options
}

// DefaultMax is AWS's default quota: 60 rules of a security group, in a family;
// 20 entries of a network ACL, of which one a family is the final deny.
func DefaultMax(kind string, hasV6 bool) int {
	switch {
	case kind != KindACL:
		return target.DefaultRulesPerGroup
	case hasV6:
		return target.DefaultRulesPerACL - 2
	}
	return target.DefaultRulesPerACL - 1
}

// Rule is a rule of the answer.
type Rule struct {
	netset.Block
	Deny    bool
	Entries int   // how many entries of the list it carries
	Weight  int64 // theirs
}

// Answer is a shorter list.
type Answer struct {
	Max        int
	Before     int // rules of the list as read
	Addresses  *big.Int
	Rules      []Rule // in the order of the list, where one denies
	References []Reference
	Price      int
	// ExtraAddresses are open on some column, and on none in the list.
	ExtraAddresses *big.Int
	ExtraCells     *big.Int // addresses times ports beyond the list
	Excess         *big.Int // weighted
	Bound          *big.Int // of Excess, at Price; 0 where none is known
	BoundKind      string   // empty: none is known
	// Proven: nothing less is possible; with Exact, no fewer rules are.
	Proven     bool
	PriceBound int // Exact: fewer rules than these are impossible
	Frontier   []optimize.Point
	Witness    *optimize.Witness // why there is no answer; Rules is then empty
}

// HasV6 says whether the list holds IPv6 entries.
func (l *List) HasV6() bool {
	return slices.ContainsFunc(l.Entries, func(e Entry) bool { return e.Prefix.Addr().Is6() })
}

// plainFrontier is how far the frontier of a plain list goes: it costs little.
const plainFrontier = 300

// Solve shortens the list. The rules have passed optimize.Check.
func (l *List) Solve(ctx context.Context, o Options) (*Answer, error) {
	if o.Max <= 0 {
		o.Max = DefaultMax(o.Kind, l.HasV6())
	}
	a := &Answer{Max: o.Max, Before: len(l.Entries) + len(l.References), References: l.References,
		ExtraAddresses: new(big.Int), ExtraCells: new(big.Int), Excess: new(big.Int), Bound: new(big.Int)}
	room := o.Max - len(l.References)
	if room < 1 && len(l.Entries) > 0 {
		a.Witness = &optimize.Witness{LeastPrice: len(l.References) + 1,
			Message: fmt.Sprintf("%d rules name security groups or prefix lists and stay as they are; with --max %d no room is left", len(l.References), o.Max)}
		a.Addresses = addresses(l.blocks()).Count()
		return a, nil
	}
	ps := l.problems(o, room)
	a.Addresses = l.count(ps, o)
	solve := l.fewest
	if o.Exact {
		solve = l.exactly
	}
	if err := solve(ctx, a, ps, room, o); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if a.Witness == nil {
		if l.fast(o) {
			l.carry(a.Rules)
		}
		if err := l.check(a, ps, o); err != nil {
			return nil, fmt.Errorf("the answer fails its check, and is not shown: %w", err)
		}
	}
	a.Price += len(l.References)
	for i := range a.Frontier {
		a.Frontier[i].Price += len(l.References)
	}
	if w := a.Witness; w != nil && w.LeastPrice > 0 {
		w.LeastPrice += len(l.References)
	}
	return a, nil
}

// count is the number of addresses in the list.
func (l *List) count(ps []*optimize.Problem, o Options) *big.Int {
	if !l.fast(o) {
		return addresses(l.blocks()).Count()
	}
	n := new(big.Int)
	for _, p := range ps {
		n.Add(n, cellSet(p).Count())
	}
	return n
}

func (l *List) blocks() []netset.Block {
	out := make([]netset.Block, len(l.Entries))
	for i, e := range l.Entries {
		out[i] = e.Block
	}
	return out
}

// addresses forgets the columns of blocks.
func addresses(bs []netset.Block) *netset.Set {
	out := make([]netset.Block, len(bs))
	for i, b := range bs {
		out[i] = netset.Block{Prefix: b.Prefix, Columns: everyPort}
	}
	return netset.Of(out...)
}

// problems makes one problem of each family that the list holds.
func (l *List) problems(o Options, k int) []*optimize.Problem {
	var out []*optimize.Problem
	for _, v6 := range []bool{false, true} {
		if !v6 && l.fast(o) {
			if p := l.plainProblem(k); p != nil {
				out = append(out, p)
			}
			continue
		}
		p := &optimize.Problem{ID: l.Form, V6: v6, K: k, Denies: o.Kind == KindACL && !o.Exact}
		for i, e := range l.Entries {
			if e.Prefix.Addr().Is6() == v6 {
				p.Approved = append(p.Approved, optimize.Cell{Block: e.Block, Flow: strconv.Itoa(i)})
			}
		}
		if len(p.Approved) == 0 {
			continue
		}
		if len(o.Forbidden) > 0 {
			set := netset.Of(o.Forbidden...)
			if l.Plain {
				set = addresses(set.Blocks())
			}
			p.Forbidden = set.Only(v6)
		}
		if z := o.Zones; z != nil {
			p.Weight, p.MaxPrefix = &z.Weights, z.WidestV4
			if v6 {
				p.MaxPrefix = z.WidestV6
			}
		}
		out = append(out, p)
	}
	return out
}

// fewest finds the rules that open the least within the room.
func (l *List) fewest(ctx context.Context, a *Answer, ps []*optimize.Problem, room int, o Options) error {
	opts := optimize.Options{Effort: o.Effort, FrontierTo: room + 1} // what one rule more would buy
	if l.Plain {
		opts.FrontierTo = max(opts.FrontierTo, min(len(l.Entries), plainFrontier))
	}
	r, err := target.Alone(ctx, l.Form, ps, room, opts)
	if err != nil {
		return err
	}
	a.Frontier = slices.Clone(r.Frontier)
	if r.Witness != nil {
		a.Witness = r.Witness
		return nil
	}
	l.take(a, r.Rules)
	a.Excess, a.ExtraCells, a.Price = r.Excess, r.Exposure.AddressPorts, r.Price
	a.Proven = r.Proven
	if r.Bound != nil {
		a.Bound, a.BoundKind = r.Bound, r.BoundKind
	}
	if o.Zones == nil && len(ps[0].Approved) > 0 && !l.Plain {
		return l.orExactly(ctx, a, ps, room, o)
	}
	return nil
}

// orExactly takes the shortest exact list instead where it fits the room and is
// better: it opens nothing more, or it has fewer rules.
func (l *List) orExactly(ctx context.Context, a *Answer, ps []*optimize.Problem, room int, o Options) error {
	if a.Proven && a.Excess.Sign() > 0 {
		return nil // no exact list fits
	}
	exact := &Answer{ExtraCells: new(big.Int), Excess: new(big.Int), Bound: new(big.Int)}
	if err := l.exactly(ctx, exact, ps, room, o); err != nil {
		return err
	}
	if exact.Witness != nil || a.Excess.Sign() == 0 && a.Price <= exact.Price {
		return nil
	}
	at := optimize.Point{Price: exact.Price, Excess: exact.Excess}
	a.Frontier = append(slices.DeleteFunc(a.Frontier, func(p optimize.Point) bool { return p.Price >= at.Price }), at)
	a.Rules, a.Price, a.Excess, a.ExtraCells = exact.Rules, exact.Price, exact.Excess, exact.ExtraCells
	a.Bound, a.BoundKind, a.Proven = exact.Excess, optimize.BoundOptimal, true
	return nil
}

// exactly finds the fewest rules with the meaning of the list.
func (l *List) exactly(ctx context.Context, a *Answer, ps []*optimize.Problem, room int, o Options) error {
	for _, p := range ps {
		if w := clash(p); w != nil {
			a.Witness = w
			return nil
		}
		s, err := target.Exactly(ctx, p, optimize.Options{Effort: o.Effort})
		if err != nil {
			return err
		}
		l.take(a, s.Rules)
		a.Price += s.Price
		a.PriceBound += s.PriceBound
	}
	a.Bound, a.BoundKind = new(big.Int), optimize.BoundOptimal
	a.Proven = a.PriceBound == a.Price
	a.Frontier = []optimize.Point{{Price: a.Price, Excess: new(big.Int)}}
	if a.Price > room {
		least := "the least found"
		if a.PriceBound > room {
			least = "and no fewer than " + strconv.Itoa(a.PriceBound) + " can do"
		}
		a.Witness = &optimize.Witness{LeastPrice: a.Price,
			Message: fmt.Sprintf("%d rules open exactly what the list opens, %s; --max leaves room for %d", a.Price, least, room)}
		a.Rules, a.Price, a.Proven = nil, 0, false
	}
	return nil
}

// clash finds what the list opens and the forbidden cells close.
func clash(p *optimize.Problem) *optimize.Witness {
	for i := range p.Approved {
		c := &p.Approved[i]
		if !p.Forbidden.OverlapsBlock(c.Block) {
			continue
		}
		bad := p.Forbidden.Intersect(netset.Of(c.Block)).Blocks()
		return &optimize.Witness{Approved: c, Forbidden: &bad[0],
			Message: fmt.Sprintf("the list opens %s, and %s, a part of it, is forbidden", c.Block, bad[0])}
	}
	return nil
}

// take adds rules to the answer.
func (l *List) take(a *Answer, rules []optimize.ChosenRule) {
	for _, r := range rules {
		out := Rule{Block: r.Block, Deny: r.Deny, Entries: len(r.Flows)}
		for _, id := range r.Flows {
			if i, err := strconv.Atoi(id); err == nil {
				out.Weight += l.Entries[i].Weight
			}
		}
		a.Rules = append(a.Rules, out)
	}
}

// check holds the rules against the list with code that is not the solver's, and
// counts the addresses that they open.
func (l *List) check(a *Answer, ps []*optimize.Problem, o Options) error {
	excess, cells, extra := new(big.Int), new(big.Int), new(big.Int)
	price := 0
	for _, p := range ps {
		if !p.V6 && l.fast(o) {
			n, beyond, err := l.checkPlain(a)
			if err != nil {
				return err
			}
			price += n
			for _, x := range []*big.Int{excess, cells, extra} {
				x.Add(x, beyond)
			}
			continue
		}
		s := &optimize.Solution{}
		for _, r := range a.Rules {
			if r.Prefix.Addr().Is6() == p.V6 {
				s.Rules = append(s.Rules, optimize.ChosenRule{Rule: optimize.Rule{Block: r.Block, Price: 1, Deny: r.Deny}})
			}
		}
		opens := target.Opens(p, s.Rules)
		approved := cellSet(p)
		beyond := opens.Subtract(approved)
		s.Price = len(s.Rules)
		s.Exposure = optimize.Exposure{Weighted: target.Measure(beyond, p.Weight, p.V6), AddressPorts: beyond.Count()}
		s.Frontier = []optimize.Point{{Price: s.Price, Excess: s.Exposure.Weighted}}
		if err := optimize.Check(p, s); err != nil {
			return err
		}
		excess.Add(excess, s.Exposure.Weighted)
		cells.Add(cells, s.Exposure.AddressPorts)
		extra.Add(extra, addresses(opens.Blocks()).Subtract(addresses(approved.Blocks())).Count())
		price += s.Price
	}
	if price != a.Price || excess.Cmp(a.Excess) != 0 || cells.Cmp(a.ExtraCells) != 0 {
		return fmt.Errorf("%d rules open %s cells weighing %s, and %d, %s and %s are stated", price, cells, excess, a.Price, a.ExtraCells, a.Excess)
	}
	if a.Bound.Cmp(a.Excess) > 0 {
		return errors.New("the bound is above the excess")
	}
	a.ExtraAddresses = extra
	return nil
}

func cellSet(p *optimize.Problem) *netset.Set {
	bs := make([]netset.Block, len(p.Approved))
	for i, c := range p.Approved {
		bs[i] = c.Block
	}
	return netset.Of(bs...)
}

// Columns gives a rule's columns: all of them in a plain list.
func (l *List) Columns(b netset.Block) netset.Columns {
	if l.Plain {
		return netset.AllColumns()
	}
	return b.Columns
}
