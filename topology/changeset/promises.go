package changeset

import (
	"context"
	"fmt"
	"math/big"
	"slices"

	"github.com/flowcover/flowcover/optimize/target"
	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

// The ids of the promises.
const (
	PromiseAdmits    = "admits-approved"
	PromiseNoWiden   = "no-widening"
	PromiseForbidden = "no-forbidden"
	PromiseQuotas    = "quotas-at-every-step"
	PromiseLeast     = "least-exposure"
)

// maxListed is how many counterexamples a promise lists; the rest is counted.
const maxListed = 20

// ledger gathers the cases of one promise.
type ledger struct {
	id, text string
	checked  int
	failed   int
	listed   []string
}

func (l *ledger) fail(format string, args ...any) {
	l.failed++
	if len(l.listed) < maxListed {
		l.listed = append(l.listed, fmt.Sprintf(format, args...))
	}
}

func (l *ledger) promise() Promise {
	p := Promise{ID: l.id, Text: l.text, Holds: l.failed == 0, Checked: l.checked, Counterexamples: []string{}}
	p.Counterexamples = append(p.Counterexamples, l.listed...)
	if more := l.failed - len(l.listed); more > 0 {
		p.Counterexamples = append(p.Counterexamples, fmt.Sprintf("and %d more", more))
	}
	return p
}

// promises checks what the plan promises. The changes are made one by one on
// the snapshot; what is asked of the states between is asked of the snapshot's
// own evaluation, not of the code that chose or ordered the rules.
func (b *builder) promises(ctx context.Context) error {
	after, err := b.replay(ctx)
	if err != nil {
		return err
	}
	for _, check := range []func(*topology.Snapshot){b.noWidening, b.noForbidden} {
		if err := b.stopped(); err != nil {
			return err
		}
		check(after)
	}
	if err := b.quotas(); err != nil {
		return err
	}
	b.leastExposure()
	return nil
}

func (b *builder) keep(l *ledger) { b.out.Promises = append(b.out.Promises, l.promise()) }

// touched lists the lists that changes touch, in order.
func (b *builder) touched() []listKey {
	seen := map[listKey]bool{}
	var out []listKey
	for i := range b.out.Changes {
		k := listKey{b.out.Changes[i].Target, b.out.Changes[i].direction()}
		if !seen[k] {
			seen[k] = true
			out = append(out, k)
		}
	}
	return out
}

func opensOf(s *topology.Snapshot, k listKey) *netset.Set {
	if _, ok := s.SecurityGroup(k.resource); ok {
		return s.GroupOpens(k.resource, k.dir)
	}
	return s.ACLOpens(k.resource, k.dir)
}

// noWidening: what a list opens after is what it opened before, but for what
// was asked for: a demand approved by name, or any change that says "widens"
// where the policy allows widening. For an ACL that opens more, the groups of the
// interfaces behind it are asked as well: both must let a packet through.
func (b *builder) noWidening(after *topology.Snapshot) {
	l := &ledger{id: PromiseNoWiden, text: "nothing is opened that today's rules close, but what was asked for and is marked as widening"}
	for _, k := range b.touched() {
		l.checked++
		more := opensOf(after, k).Subtract(opensOf(b.Snapshot, k)).Subtract(b.askedFor(k, after))
		if _, acl := after.NetworkACL(k.resource); acl && !more.IsEmpty() {
			more = more.Intersect(behind(after, k))
		}
		for _, blk := range more.Blocks() {
			l.fail("%s %s opens %s, which today's rules close", k.resource, k.dir, blk)
		}
	}
	b.keep(l)
}

// askedFor is what a list may open beyond today: what its changes that are
// marked as widening open, if widening is allowed or a demand asks for it.
func (b *builder) askedFor(k listKey, s *topology.Snapshot) *netset.Set {
	marked := netset.Of()
	for i := range b.out.Changes {
		c := &b.out.Changes[i]
		if c.Widens && c.After != nil && c.Target == k.resource && c.direction() == k.dir {
			marked = marked.Union(docOpens(s, c.Target, c.After))
		}
	}
	if b.Policy.AllowWidening {
		return marked
	}
	demands := netset.Of()
	for i := range b.Results {
		if r := &b.Results[i]; r.Resource == k.resource && r.Direction == k.dir {
			demands = demands.Union(r.Demands)
		}
	}
	return marked.Intersect(demands)
}

// docOpens gives what a rule opens, references resolved.
func docOpens(s *topology.Snapshot, id string, d *RuleDoc) *netset.Set {
	if d.Number > 0 {
		if e, err := d.Entry(); err == nil && e.Allow {
			return netset.Of(entryBlock(e))
		}
		return netset.Of()
	}
	r, err := d.Rule()
	g, ok := s.SecurityGroup(id)
	if err != nil || !ok {
		return netset.Of()
	}
	return s.RuleOpens(g, r)
}

// behind is what the groups of the interfaces behind an ACL open together.
func behind(s *topology.Snapshot, k listKey) *netset.Set {
	a, ok := s.NetworkACL(k.resource)
	if !ok {
		return netset.Of()
	}
	subnets := a.Subnets
	if a.IsDefault {
		for _, sub := range s.Resources().Subnets {
			if own, ok := s.SubnetACL(sub.ID); ok && own.ID == a.ID {
				subnets = append(slices.Clone(subnets), sub.ID)
			}
		}
	}
	seen := map[string]bool{}
	out := netset.Of()
	for _, sub := range subnets {
		for _, n := range s.InterfacesInSubnet(sub) {
			if len(n.Groups) == 0 { // nothing stands behind the ACL
				return netset.Everything()
			}
			for _, g := range n.Groups {
				if !seen[g] {
					seen[g] = true
					out = out.Union(s.GroupOpens(g, k.dir))
				}
			}
		}
	}
	return out
}

// noForbidden: no rule that a change adds touches a forbidden cell. What stands
// today and stays is named as a finding, since the plan did not open it.
func (b *builder) noForbidden(after *topology.Snapshot) {
	l := &ledger{id: PromiseForbidden, text: "no forbidden cell is opened"}
	cells := map[listKey][]netset.Block{}
	for _, f := range b.Forbidden {
		k := listKey{f.Resource, f.Direction}
		cells[k] = append(cells[k], f.Block)
	}
	forbidden := func(k listKey) *netset.Set { return netset.Of(cells[k]...).Union(b.Policy.Forbidden) }
	for i := range b.out.Changes {
		c := &b.out.Changes[i]
		if c.After == nil || !c.After.Allow {
			continue
		}
		l.checked++
		bad := docOpens(after, c.Target, c.After).Intersect(forbidden(listKey{c.Target, c.direction()}))
		for _, blk := range bad.Blocks() {
			l.fail("%s: %s on %s opens %s, which is forbidden", c.ID, c.Words(), c.Target, blk)
		}
	}
	for _, k := range b.touched() {
		l.checked++
		// Removing a deny opens cells without adding a rule.
		bad := opensOf(after, k).Subtract(opensOf(b.Snapshot, k)).Intersect(forbidden(k))
		for _, blk := range bad.Blocks() {
			l.fail("%s %s comes to open %s, which is forbidden", k.resource, k.dir, blk)
		}
	}
	b.keep(l)
	for i := range b.out.Targets {
		t := &b.out.Targets[i]
		if open := opensOf(after, listKey{t.Resource, t.Direction}).Intersect(forbidden(listKey{t.Resource, t.Direction})); !open.IsEmpty() {
			b.out.Findings = append(b.out.Findings, Finding{Kind: "forbidden-stays-open", Severity: "high", Resource: t.Resource,
				Message: fmt.Sprintf("%s %s opens %s today, which is forbidden, and stays as it is: %s",
					t.Resource, t.Direction, open.Blocks()[0], t.Reason)})
		}
	}
}

// quotas: after each step each list fits its quota, or counts no more than it
// does today where that is above the quota already.
func (b *builder) quotas() error {
	l := &ledger{id: PromiseQuotas, text: "every quota holds at every step of the apply order"}
	steps, err := Steps(b.out, b.Snapshot)
	if err != nil {
		return err
	}
	start := map[listKey]map[string]int{}
	for _, s := range steps {
		k := listKey{s.Target, s.Direction}
		if start[k] == nil {
			start[k] = map[string]int{}
			for _, c := range s.Before {
				start[k][c.Family] = c.Rules
			}
		}
		for _, c := range s.After {
			l.checked++
			if limit := max(c.Quota, start[k][c.Family]); c.Rules > limit {
				l.fail("after %s (%s), %s %s counts %d %s rules; the quota is %d", s.Change, s.Text, s.Target, s.Direction, c.Rules, c.Family, c.Quota)
			}
		}
	}
	for i := range b.out.Targets {
		t := &b.out.Targets[i]
		l.checked++
		if t.RulesAfter > max(t.Quota, t.RulesBefore) {
			l.fail("%s would count %d rules; at most %d are asked for", t.ID, t.RulesAfter, t.Quota)
		}
	}
	b.keep(l)
	return nil
}

// leastExposure: the exposure that each solved list states is what its rules
// open, and the bound stated beside it is no higher.
func (b *builder) leastExposure() {
	l := &ledger{id: PromiseLeast, text: "at its number of rules each list's exposure is proven least, or within the stated gap of a valid bound, or said to have no known bound"}
	for i := range b.Results {
		r := &b.Results[i]
		t := b.target(r.ID)
		if t == nil || r.Kept || t.Outcome == target.OutcomeCannot {
			continue
		}
		l.checked++
		if got := b.measured(r); got.Cmp(r.Excess) != 0 {
			l.fail("%s states an excess of %s; its rules open %s beyond the approved", r.ID, r.Excess, got)
		}
		switch {
		case r.Bound != nil && r.Bound.Cmp(r.Excess) > 0:
			l.fail("%s states the bound %s above its excess %s", r.ID, r.Bound, r.Excess)
		case r.Proven && (r.Bound == nil || r.Bound.Cmp(r.Excess) != 0):
			l.fail("%s is called proven, and its bound is not its excess", r.ID)
		case r.Bound == nil:
			b.out.Findings = append(b.out.Findings, Finding{Kind: "no-bound", Severity: "info", Resource: r.Resource,
				Message: r.ID + ": no bound is known for how far this is from the least exposure"})
		}
	}
	b.keep(l)
}

func (b *builder) target(id string) *Target {
	for i := range b.out.Targets {
		if b.out.Targets[i].ID == id {
			return &b.out.Targets[i]
		}
	}
	return nil
}

// measured weighs anew what a result's rules open beyond the approved. A
// reference counts as the optimizer was told that it does.
func (b *builder) measured(r *target.Result) *big.Int {
	opens := r.PinnedOpen()
	var cells, rules []netset.Block
	for _, c := range r.Rules {
		if c.Ref == "" {
			rules = append(rules, c.Block)
		} else if !c.Pinned {
			opens = opens.Union(r.ReferenceOpens(c.Rule))
		}
	}
	for _, c := range r.Cells {
		cells = append(cells, c.Block)
	}
	extra := opens.Union(netset.Of(rules...)).Subtract(netset.Of(cells...))
	total := new(big.Int)
	for _, v6 := range []bool{false, true} {
		if r.Family == target.FamilyBoth || (r.Family == target.FamilyV6) == v6 {
			total.Add(total, target.Measure(extra, r.Weight, v6))
		}
	}
	return total
}
