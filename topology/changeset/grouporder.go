package changeset

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flowcover/flowcover/optimize/target"
	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

// op is one step on one list, before it has evidence and words.
type op struct {
	kind          string
	before, after *RuleDoc
	flows         []string // that the rule added carries
}

// groupList is one direction of a security group on its way from today's
// rules to the planned ones.
type groupList struct {
	s     *topology.Snapshot
	g     *topology.SecurityGroup
	dir   topology.Direction
	quota int
	index *liveIndex // of the approved cells that today's rules carry
	keep  []topology.SecurityGroupRule
	add   []plannedRule
	drop  []topology.SecurityGroupRule
}

type plannedRule struct {
	topology.SecurityGroupRule
	flows []string
}

// groupLists compares the answers for one direction of a group with today's rules.
func newGroupList(s *topology.Snapshot, g *topology.SecurityGroup, rs []*target.Result) (*groupList, error) {
	l := &groupList{s: s, g: g, dir: rs[0].Direction}
	var err error
	if l.quota, err = target.GroupQuota(s, g.Scope); err != nil {
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
			rule, err := ruleOf(r.Direction, c.Rule)
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
	slices.SortFunc(l.add, func(a, b plannedRule) int { return compareRules(a.SecurityGroupRule, b.SecurityGroupRule) })
	slices.SortFunc(l.drop, compareRules)
	live := netset.Of(cells...).Intersect(s.GroupOpens(g.ID, l.dir))
	rules := append(slices.Clone(l.keep), l.drop...)
	for _, p := range l.add {
		rules = append(rules, p.SecurityGroupRule)
	}
	l.index = newLiveIndex(live, rules, func(r topology.SecurityGroupRule) *netset.Set { return s.RuleOpens(g, r) })
	return l, nil
}

// droppable says whether an answer speaks for the rule: one of its family that
// was solved, and none of its family that keeps everything.
func droppable(s *topology.Snapshot, r topology.SecurityGroupRule, rs []*target.Result) bool {
	solved := false
	for _, res := range rs {
		if target.RulePrice(s, r, res.Family == target.FamilyV6) == 0 {
			continue
		}
		if res.Kept {
			return false
		}
		solved = true
	}
	return solved
}

func compareRules(a, b topology.SecurityGroupRule) int {
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

// ops puts the steps in order: what opens first, where the quota leaves room;
// else what nothing live needs is closed to make room. ok is false, with the
// reason, where every order would cut a live flow or pass the quota.
func (l *groupList) ops() (out []op, why string, ok bool) {
	state := append(slices.Clone(l.keep), l.drop...)
	limit := l.limits(state)
	adds, drops := slices.Clone(l.add), slices.Clone(l.drop)
	// Several places may be short; then an addition that frees a rule goes first.
	for len(adds) > 0 {
		if i := l.nextAdd(state, adds, drops, limit); i >= 0 {
			out = append(out, addOp(adds[i]))
			state = append(state, adds[i].SecurityGroupRule)
			adds = slices.Delete(adds, i, i+1)
			continue
		}
		i := l.spare(state, drops, adds[0].SecurityGroupRule)
		if i < 0 {
			return nil, fmt.Sprintf("the %d rules that the quota allows are all needed by live flows until new ones stand, "+
				"and there is no place for one more; raise the quota by one, or remove a rule by hand", l.quota), false
		}
		out = append(out, dropOp(drops[i]))
		state = without(state, drops[i])
		drops = slices.Delete(drops, i, i+1)
	}
	for _, d := range drops {
		out = append(out, dropOp(d))
	}
	return out, "", true
}

func addOp(p plannedRule) op {
	d := docOfRule(p.SecurityGroupRule)
	return op{kind: RuleAdd, after: &d, flows: p.flows}
}

func dropOp(r topology.SecurityGroupRule) op {
	d := docOfRule(r)
	return op{kind: RuleRemove, before: &d}
}

// limits gives what each family may count at any step: the quota, or what
// stands today where that is more already.
func (l *groupList) limits(state []topology.SecurityGroupRule) [2]int {
	n := l.counts(state)
	return [2]int{max(l.quota, n[0]), max(l.quota, n[1])}
}

func (l *groupList) counts(state []topology.SecurityGroupRule) (n [2]int) {
	for _, r := range state {
		n[0] += target.RulePrice(l.s, r, false)
		n[1] += target.RulePrice(l.s, r, true)
	}
	return n
}

func (l *groupList) fits(state []topology.SecurityGroupRule, r topology.SecurityGroupRule, limit [2]int) bool {
	n := l.counts(append(slices.Clone(state), r))
	return n[0] <= limit[0] && n[1] <= limit[1]
}

// nextAdd picks the addition to make now, -1 if none fits. While there is room
// for all of them any will do; else the one after which most rules are spare.
func (l *groupList) nextAdd(state []topology.SecurityGroupRule, adds []plannedRule, drops []topology.SecurityGroupRule, limit [2]int) int {
	all := slices.Clone(state)
	for _, a := range adds {
		all = append(all, a.SecurityGroupRule)
	}
	if n := l.counts(all); n[0] <= limit[0] && n[1] <= limit[1] {
		return 0
	}
	now := l.index.carriedBy(state)
	best, most := -1, -1
	for i, a := range adds {
		if !l.fits(state, a.SecurityGroupRule, limit) {
			continue
		}
		spare := 0
		for _, d := range drops {
			if l.index.without(now, d, l.index.of[a.Key()]) {
				spare++
			}
		}
		if spare > most {
			best, most = i, spare
		}
	}
	return best
}

// spare finds a rule to drop that no live flow needs and whose place helps to
// add next, -1 if there is none.
func (l *groupList) spare(state, drops []topology.SecurityGroupRule, next topology.SecurityGroupRule) int {
	now := l.index.carriedBy(state)
	for i, d := range drops {
		helps := false
		for _, v6 := range []bool{false, true} {
			helps = helps || target.RulePrice(l.s, d, v6) > 0 && target.RulePrice(l.s, next, v6) > 0
		}
		if helps && l.index.without(now, d, nil) {
			return i
		}
	}
	return -1
}

func without(state []topology.SecurityGroupRule, d topology.SecurityGroupRule) []topology.SecurityGroupRule {
	return slices.DeleteFunc(slices.Clone(state), func(r topology.SecurityGroupRule) bool { return r.Key() == d.Key() })
}

func mergeIDs(a, b []string) []string {
	out := append(slices.Clone(a), b...)
	slices.Sort(out)
	return slices.Compact(out)
}
