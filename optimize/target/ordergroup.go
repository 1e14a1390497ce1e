package target

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flowcover/flowcover/optimize"
	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

// RuleStep adds or drops one rule of a security group.
type RuleStep struct {
	Add, Drop *topology.SecurityGroupRule
	Flows     []string // that an added rule carries
}

// GroupPlan leads one direction of a security group from today's rules to the
// planned ones.
type GroupPlan struct {
	Steps []RuleStep
	After []topology.SecurityGroupRule // the list as it will stand
}

// Blocked says that no order of steps leads from today's list to the planned
// one without cutting a live flow or passing the quota.
type Blocked struct{ Reason string }

func (b *Blocked) Error() string { return b.Reason }

// PlanGroup compares the answers for one direction of a group (its families)
// with today's rules and orders the difference: what opens first, where the
// quota leaves room; else what no live flow needs is closed to make room. The
// error is a [Blocked] where every order would cut a live flow or pass the quota.
func PlanGroup(s *topology.Snapshot, g *topology.SecurityGroup, rs []*Result) (*GroupPlan, error) {
	out := &GroupPlan{}
	now := *g
	for _, phase := range phasesOf(rs) {
		l, err := newGroupList(s, &now, phase)
		if err != nil {
			return nil, err
		}
		steps, why := l.steps()
		if why != "" {
			return nil, &Blocked{why}
		}
		out.Steps = append(out.Steps, steps...)
		out.After = slices.Clone(l.keep)
		for _, a := range l.add {
			out.After = append(out.After, a.SecurityGroupRule)
		}
		now.Rules = append(otherRules(g, l.dir), out.After...)
	}
	slices.SortFunc(out.After, CompareRules)
	return out, nil
}

// phasesOf gives the lists that lead from today to the answers, those last.
func phasesOf(rs []*Result) [][]*Result {
	var out [][]*Result
	for i := range rs[0].Via {
		phase := make([]*Result, len(rs))
		for j, r := range rs {
			step := *r
			step.Rules, step.Via = r.Via[i], nil
			phase[j] = &step
		}
		out = append(out, phase)
	}
	return append(out, rs)
}

// groupList is one direction of a security group on its way.
type groupList struct {
	s     *topology.Snapshot
	g     *topology.SecurityGroup
	dir   topology.Direction
	quota int
	cells []netset.Block // approved
	keep  []topology.SecurityGroupRule
	add   []plannedRule
	drop  []topology.SecurityGroupRule
}

type plannedRule struct {
	topology.SecurityGroupRule
	flows []string
}

func newGroupList(s *topology.Snapshot, g *topology.SecurityGroup, rs []*Result) (*groupList, error) {
	l := &groupList{s: s, g: g, dir: rs[0].Direction}
	var err error
	if l.quota, err = GroupQuota(s, g.Scope); err != nil {
		return nil, err
	}
	want := map[string]int{} // key -> index in planned
	var planned []plannedRule
	var cells []netset.Block
	for _, r := range rs {
		for _, c := range r.Cells {
			cells = append(cells, c.Block)
		}
		for _, c := range r.Rules {
			rule, err := RuleOf(r.Direction, c.Rule)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", r.ID, err)
			}
			i, ok := want[rule.Key()]
			if !ok {
				i = len(planned)
				want[rule.Key()] = i
				planned = append(planned, plannedRule{SecurityGroupRule: rule})
			}
			planned[i].flows = mergeIDs(planned[i].flows, c.Flows)
		}
	}
	stands := map[string]bool{}
	for _, r := range g.Rules {
		if r.Direction != l.dir {
			continue
		}
		_, wanted := want[r.Key()]
		if wanted || !droppable(s, r, rs) {
			stands[r.Key()] = true
			l.keep = append(l.keep, r)
		} else {
			l.drop = append(l.drop, r)
		}
	}
	for _, p := range planned {
		if !stands[p.Key()] {
			l.add = append(l.add, p)
		}
	}
	slices.SortFunc(l.add, func(a, b plannedRule) int { return CompareRules(a.SecurityGroupRule, b.SecurityGroupRule) })
	slices.SortFunc(l.drop, CompareRules)
	l.cells = cells
	return l, nil
}

// droppable says whether an answer speaks for the rule: one of its family that
// was solved, and none of its family that keeps everything.
func droppable(s *topology.Snapshot, r topology.SecurityGroupRule, rs []*Result) bool {
	solved := false
	for _, res := range rs {
		if RulePrice(s, r, res.Family == FamilyV6) == 0 {
			continue
		}
		if res.Kept {
			return false
		}
		solved = true
	}
	return solved
}

func CompareRules(a, b topology.SecurityGroupRule) int {
	if a.CIDR.IsValid() != b.CIDR.IsValid() {
		if a.CIDR.IsValid() {
			return 1
		}
		return -1
	}
	if a.CIDR.IsValid() {
		return (netset.Block{Prefix: a.CIDR, Columns: a.Columns()}).Compare(netset.Block{Prefix: b.CIDR, Columns: b.Columns()})
	}
	if c := strings.Compare(a.Peer(), b.Peer()); c != 0 {
		return c
	}
	return a.Columns().Compare(b.Columns())
}

// live indexes the approved cells that today's rules carry.
func (l *groupList) live() *liveIndex {
	open := netset.Of()
	for _, r := range l.g.Rules {
		if r.Direction == l.dir {
			open = open.Union(l.s.RuleOpens(l.g, r))
		}
	}
	live := netset.Of(l.cells...).Intersect(open)
	return newLiveIndex(live, l.all(), func(r topology.SecurityGroupRule) *netset.Set { return l.s.RuleOpens(l.g, r) })
}

// all lists the rules of today and of the plan.
func (l *groupList) all() []topology.SecurityGroupRule {
	out := append(slices.Clone(l.keep), l.drop...)
	for _, a := range l.add {
		out = append(out, a.SecurityGroupRule)
	}
	return out
}

// steps puts the steps in order; else it says why there is no order.
func (l *groupList) steps() (out []RuleStep, why string) {
	state := append(slices.Clone(l.keep), l.drop...)
	limit := l.limits(state)
	adds, drops := slices.Clone(l.add), slices.Clone(l.drop)
	var live *liveIndex // only where there is no room for all
	if !l.fits(l.all(), limit) {
		live = l.live()
	}
	for len(adds) > 0 {
		i := 0
		if live != nil {
			i = l.nextAdd(live, state, adds, drops, limit)
		}
		if i >= 0 {
			a := adds[i]
			out = append(out, RuleStep{Add: &a.SecurityGroupRule, Flows: a.flows})
			state = append(state, a.SecurityGroupRule)
			adds = slices.Delete(adds, i, i+1)
			continue
		}
		if i = l.spare(live, state, drops, adds[0].SecurityGroupRule); i < 0 {
			return nil, fmt.Sprintf("the %d rules that the quota allows are all needed by live flows until new ones stand, "+
				"and there is no place for one more; raise the quota by one, or remove a rule by hand", l.quota)
		}
		d := drops[i]
		out = append(out, RuleStep{Drop: &d})
		state = slices.DeleteFunc(state, func(r topology.SecurityGroupRule) bool { return r.Key() == d.Key() })
		drops = slices.Delete(drops, i, i+1)
	}
	for i := range drops {
		out = append(out, RuleStep{Drop: &drops[i]})
	}
	return out, ""
}

// limits gives what each family may count at any step: the quota, or what
// stands today where that is more already.
func (l *groupList) limits(state []topology.SecurityGroupRule) [2]int {
	n := l.counts(state)
	return [2]int{max(l.quota, n[0]), max(l.quota, n[1])}
}

func (l *groupList) counts(state []topology.SecurityGroupRule) (n [2]int) {
	for _, r := range state {
		n[0] += RulePrice(l.s, r, false)
		n[1] += RulePrice(l.s, r, true)
	}
	return n
}

func (l *groupList) fits(state []topology.SecurityGroupRule, limit [2]int) bool {
	n := l.counts(state)
	return n[0] <= limit[0] && n[1] <= limit[1]
}

// nextAdd picks the addition to make now, -1 if none fits: the one after which
// most rules are spare, then the one that takes over most.
func (l *groupList) nextAdd(live *liveIndex, state []topology.SecurityGroupRule, adds []plannedRule, drops []topology.SecurityGroupRule, limit [2]int) int {
	now := live.carriedBy(state)
	best, bestSpare, bestTaken := -1, -1, -1
	for i, a := range adds {
		if !l.fits(append(slices.Clone(state), a.SecurityGroupRule), limit) {
			continue
		}
		spare := 0
		for _, d := range drops {
			if live.without(now, d, live.of[a.Key()]) {
				spare++
			}
		}
		taken := live.takes(now, a.SecurityGroupRule)
		if spare > bestSpare || spare == bestSpare && taken > bestTaken {
			best, bestSpare, bestTaken = i, spare, taken
		}
	}
	return best
}

// spare finds a rule to drop that no live flow needs and whose place helps to
// add next, -1 if there is none.
func (l *groupList) spare(live *liveIndex, state, drops []topology.SecurityGroupRule, next topology.SecurityGroupRule) int {
	now := live.carriedBy(state)
	for i, d := range drops {
		helps := false
		for _, v6 := range []bool{false, true} {
			helps = helps || RulePrice(l.s, d, v6) > 0 && RulePrice(l.s, next, v6) > 0
		}
		if helps && live.without(now, d, nil) {
			return i
		}
	}
	return -1
}

func mergeIDs(a, b []string) []string {
	out := append(slices.Clone(a), b...)
	slices.Sort(out)
	return slices.Compact(out)
}

// RuleOf gives the security group rule for a chosen one. Of ICMP types a rule
// can name only all, one type or one code.
func RuleOf(dir topology.Direction, c optimize.Rule) (topology.SecurityGroupRule, error) {
	from, to := c.Columns.FromTo()
	r := topology.SecurityGroupRule{Direction: dir, Protocol: c.Columns.Protocol(), FromPort: from, ToPort: to}
	if ps := Expressible(c.Columns); len(ps) != 1 || ps[0] != c.Columns {
		return r, fmt.Errorf("%s rule on columns %s: no single rule can express it", dir, c.Columns)
	}
	owner, group, shared := strings.Cut(c.Ref, "/")
	switch {
	case c.Ref == "":
		r.CIDR = c.Prefix
	case strings.HasPrefix(c.Ref, "pl-"):
		r.PrefixList = c.Ref
	case shared:
		r.Group, r.GroupOwner = group, owner
	default:
		r.Group = c.Ref
	}
	return r, nil
}
