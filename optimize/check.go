package optimize

import (
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"slices"

	"github.com/flowcover/flowcover/topology/netset"
)

// Check tells whether a solution is what its problem allows: everything approved
// is open, nothing forbidden is, the price adds up and fits, the exposure is as
// stated, and the frontier and the bound agree with it. It says nothing about
// whether a better one exists. It works with sets alone and shares no code with
// the solver, so that a mistake there cannot hide here.
func Check(p *Problem, s *Solution) error {
	if s == nil {
		return fmt.Errorf("problem %q: no solution to check", p.ID)
	}
	if s.Rules == nil && s.Witness != nil {
		return checkWitness(p, s)
	}
	c := checker{p: p, opens: netset.Of()}
	if err := errors.Join(c.rules(s), c.sets(), c.exposure(s), c.frontier(s)); err != nil {
		return fmt.Errorf("problem %q: %w", p.ID, err)
	}
	return nil
}

func checkWitness(p *Problem, s *Solution) error {
	w := s.Witness
	switch {
	case w.LeastPrice > 0 && w.LeastPrice <= p.K:
		return fmt.Errorf("problem %q: the witness says %d rules would do, and %d are allowed", p.ID, w.LeastPrice, p.K)
	case w.Approved != nil && w.Forbidden != nil && !netset.Of(w.Approved.Block).OverlapsBlock(*w.Forbidden):
		return fmt.Errorf("problem %q: the witness's cells %s and %s do not clash", p.ID, w.Approved.Block, w.Forbidden)
	case w.Message == "":
		return fmt.Errorf("problem %q: the witness has no message", p.ID)
	}
	return nil
}

type checker struct {
	p     *Problem
	opens *netset.Set // all rules
	// decided is what entries of an ordered list have allowed or denied so far.
	decided *netset.Set
	price   int
}

func (c *checker) rules(s *Solution) error {
	var errs []error
	pinned := slices.Clone(c.p.Pinned)
	var blocks []netset.Block
	for _, r := range s.Rules {
		c.price += max(1, r.Price)
		if r.Pinned {
			i := slices.IndexFunc(pinned, func(x Rule) bool { return x.Ref == r.Ref && x.Block == r.Block })
			if i < 0 {
				errs = append(errs, fmt.Errorf("rule %s %s is called pinned and is not", r.Block, r.Ref))
				continue
			}
			pinned = slices.Delete(pinned, i, i+1)
			continue
		}
		if r.Ref != "" {
			errs = append(errs, c.reference(r))
			continue
		}
		if c.p.Denies {
			errs = append(errs, c.entry(r))
			continue
		}
		if r.Deny {
			errs = append(errs, fmt.Errorf("rule %s denies, and the problem allows no denies", r.Block))
		}
		errs = append(errs, c.cidr(r.Block))
		blocks = append(blocks, r.Block)
	}
	if len(pinned) > 0 {
		errs = append(errs, fmt.Errorf("pinned rule %s %s is missing", pinned[0].Block, pinned[0].Ref))
	}
	if c.price != s.Price {
		errs = append(errs, fmt.Errorf("the rules cost %d and the solution says %d", c.price, s.Price))
	}
	if c.price > c.p.K {
		errs = append(errs, fmt.Errorf("the rules cost %d and K is %d", c.price, c.p.K))
	}
	c.opens = c.opens.Union(netset.Of(blocks...)).Union(c.p.PinnedOpen)
	if c.p.Denies {
		errs = append(errs, c.within(c.opens, "list"))
	}
	return errors.Join(errs...)
}

// entry takes the next entry of an ordered list: it decides what none before it
// has decided.
func (c *checker) entry(r ChosenRule) error {
	own := netset.Of(r.Block).Subtract(c.decided)
	c.decided = c.decided.Union(own)
	if r.Deny {
		if r.Columns.First.Protocol() != r.Columns.Last.Protocol() && r.Columns != netset.AllColumns() {
			return fmt.Errorf("entry %s spans protocols", r.Block)
		}
		return nil
	}
	c.opens = c.opens.Union(own)
	free := *c
	p := *c.p
	p.Open, p.Forbidden = nil, nil
	free.p = &p
	return free.cidr(r.Block)
}

func (c *checker) reference(r ChosenRule) error {
	for _, ref := range c.p.References {
		if ref.Ref == r.Ref && ref.Columns == r.Columns {
			c.opens = c.opens.Union(ref.Opens)
			return c.within(ref.Opens, r.Ref)
		}
	}
	return fmt.Errorf("reference %s on %s is none of the problem's", r.Ref, r.Columns)
}

func (c *checker) cidr(b netset.Block) error {
	if b != b.Canonical() || b.Prefix.Addr().Is6() != c.p.V6 {
		return fmt.Errorf("rule %s is not a canonical prefix of the problem's family", b)
	}
	if b.Columns.First.Protocol() != b.Columns.Last.Protocol() && b.Columns != netset.AllColumns() {
		return fmt.Errorf("rule %s spans protocols", b)
	}
	if b.Prefix.Bits() < c.p.MaxPrefix {
		return fmt.Errorf("rule %s is wider than /%d", b, c.p.MaxPrefix)
	}
	if c.p.Weight != nil {
		if names := c.zonesOf(b.Prefix); len(names) > 1 {
			return fmt.Errorf("rule %s spans the zones %q", b, names)
		}
	}
	return c.within(netset.Of(b), b.String())
}

func (c *checker) within(s *netset.Set, what string) error {
	if bad := c.p.Forbidden.Intersect(s).Blocks(); len(bad) > 0 {
		return fmt.Errorf("rule %s opens %s, which is forbidden", what, bad[0])
	}
	if c.p.Open != nil {
		if bad := s.Only(c.p.V6).Subtract(c.p.Open).Blocks(); len(bad) > 0 {
			return fmt.Errorf("rule %s opens %s, which may not be opened", what, bad[0])
		}
	}
	return nil
}

// sets: everything approved is open.
func (c *checker) sets() error {
	c.opens = c.opens.Only(c.p.V6)
	for _, a := range c.p.Approved {
		if !c.opens.ContainsBlock(a.Block) {
			missing := netset.Of(a.Block).Subtract(c.opens).Blocks()
			return fmt.Errorf("approved %s is not open", missing[0])
		}
	}
	return nil
}

func (c *checker) approved() *netset.Set {
	bs := make([]netset.Block, len(c.p.Approved))
	for i, a := range c.p.Approved {
		bs[i] = a.Block
	}
	return netset.Of(bs...)
}

func (c *checker) exposure(s *Solution) error {
	approved := c.approved() // all of it is open (sets), so a difference of measures is one of sets
	if n := new(big.Int).Sub(c.opens.Count(), approved.Count()); s.Exposure.AddressPorts == nil || n.Cmp(s.Exposure.AddressPorts) != 0 {
		return fmt.Errorf("the rules open %s cells beyond the approved and the solution says %s", n, s.Exposure.AddressPorts)
	}
	if n := new(big.Int).Sub(c.weigh(c.opens), c.weigh(approved)); s.Exposure.Weighted == nil || n.Cmp(s.Exposure.Weighted) != 0 {
		return fmt.Errorf("the weighted excess is %s and the solution says %s", n, s.Exposure.Weighted)
	}
	return nil
}

func (c *checker) frontier(s *Solution) error {
	at := false
	for i, pt := range s.Frontier {
		if i > 0 && (pt.Price <= s.Frontier[i-1].Price || pt.Excess.Cmp(s.Frontier[i-1].Excess) >= 0) {
			return fmt.Errorf("the frontier does not descend at price %d", pt.Price)
		}
		at = at || pt.Price == s.Price && pt.Excess.Cmp(s.Exposure.Weighted) == 0
	}
	if !at && !s.Kept {
		return fmt.Errorf("the point at price %d, excess %s is not on the frontier", s.Price, s.Exposure.Weighted)
	}
	if s.Bound != nil && s.Bound.Cmp(s.Exposure.Weighted) > 0 {
		return fmt.Errorf("the bound %s is above the excess %s", s.Bound, s.Exposure.Weighted)
	}
	if s.AreaBound != nil && (s.Areas == nil || s.AreaBound.Cmp(s.Areas) > 0 || s.Areas.Cmp(s.Exposure.Weighted) < 0) {
		return fmt.Errorf("areas %s, bound %s, excess %s: want bound <= areas >= excess", s.Areas, s.AreaBound, s.Exposure.Weighted)
	}
	if s.Proven && (s.Bound == nil || s.Bound.Cmp(s.Exposure.Weighted) != 0) {
		return fmt.Errorf("proven, and the bound is not the excess")
	}
	return nil
}

// weigh adds up the weight of a set: for each zone and each port weight the
// cells in both.
func (c *checker) weigh(s *netset.Set) *big.Int {
	w := c.p.Weight
	if w == nil {
		return s.Count()
	}
	total := new(big.Int)
	rest := s
	for _, z := range c.byLength() {
		part := rest.Intersect(netset.Of(netset.Block{Prefix: z.Prefix, Columns: netset.AllColumns()}))
		rest = rest.Subtract(part)
		total.Add(total, new(big.Int).Mul(c.byPort(part), big.NewInt(z.Weight)))
	}
	return total.Add(total, new(big.Int).Mul(c.byPort(rest), big.NewInt(max(1, w.DefaultZone))))
}

func (c *checker) byPort(s *netset.Set) *big.Int {
	total := new(big.Int)
	ports := slices.Clone(c.p.Weight.Ports)
	slices.SortStableFunc(ports, func(a, b PortWeight) int { return -compareInt(a.Weight, b.Weight) })
	for _, pw := range ports {
		part := s.Intersect(netset.Of(
			netset.Block{Prefix: netip.PrefixFrom(netip.IPv4Unspecified(), 0), Columns: pw.Columns},
			netset.Block{Prefix: netip.PrefixFrom(netip.IPv6Unspecified(), 0), Columns: pw.Columns}))
		s = s.Subtract(part)
		total.Add(total, new(big.Int).Mul(part.Count(), big.NewInt(pw.Weight)))
	}
	return total.Add(total, s.Count())
}

func compareInt(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// byLength lists the zones, the longest prefix first.
func (c *checker) byLength() []Zone {
	zs := slices.Clone(c.p.Weight.Zones)
	slices.SortStableFunc(zs, func(a, b Zone) int {
		return netset.CanonicalPrefix(b.Prefix).Bits() - netset.CanonicalPrefix(a.Prefix).Bits()
	})
	return zs
}

// zonesOf names the zones that a prefix has addresses in; "" is none of them.
func (c *checker) zonesOf(p netip.Prefix) []string {
	one := netset.Columns{}
	rest := netset.Of(netset.Block{Prefix: p, Columns: one})
	var names []string
	for _, z := range c.byLength() {
		b := netset.Block{Prefix: z.Prefix, Columns: one}
		if rest.OverlapsBlock(b) {
			rest = rest.Subtract(netset.Of(b))
			names = append(names, z.Name)
		}
	}
	if !rest.IsEmpty() {
		names = append(names, "")
	}
	slices.Sort(names)
	return slices.Compact(names)
}
