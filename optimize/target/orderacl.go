package target

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/flowcover/flowcover/optimize"
	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

const (
	maxNumber = 32766 // the last that a person or tool may use
	spacing   = 100   // between new entries, so that a person can insert
)

// MaxNumber is the last number that an entry may have.
const MaxNumber = maxNumber

// EntryStep creates, replaces (on the same number) or deletes one entry.
type EntryStep struct {
	Add, Drop *topology.NetworkACLEntry
	Flows     []string // that an added entry carries
}

// ACLPlan leads one direction of a network ACL from today's entries to the
// planned ones.
type ACLPlan struct {
	Steps []EntryStep
	After []topology.NetworkACLEntry // the list as it will stand, by number
}

// PlanACL compares the answers for one direction of an ACL with its entries and
// orders the difference: create where there is room, replace on the same number
// or delete what no live flow needs where there is none, delete last. The error
// is a [Blocked] where every order would cut a live flow or pass the quota.
func PlanACL(s *topology.Snapshot, a *topology.NetworkACL, rs []*Result, perFamily bool) (*ACLPlan, error) {
	out := &ACLPlan{}
	now := *a
	for _, phase := range phasesOf(rs) {
		l, err := newACLList(s, &now, phase, perFamily)
		if err != nil {
			return nil, err
		}
		steps, after, why := l.steps()
		if why != "" {
			return nil, &Blocked{why}
		}
		out.Steps, out.After = append(out.Steps, steps...), after
		now.Entries = append(otherEntries(a, l.dir), after...)
	}
	slices.SortFunc(out.After, func(x, y topology.NetworkACLEntry) int { return cmp.Compare(x.Number, y.Number) })
	return out, nil
}

// aclList is one direction of a network ACL on its way.
type aclList struct {
	dir       topology.Direction
	quota     int
	perFamily bool
	live      *netset.Set // approved cells that today's entries carry
	allowed   *netset.Set // what may be open at any step
	keep      []topology.NetworkACLEntry
	add       []plannedEntry
	drop      []topology.NetworkACLEntry
}

type plannedEntry struct {
	topology.NetworkACLEntry
	flows []string
}

// newACLList compares the answers for one direction of an ACL with its entries.
func newACLList(s *topology.Snapshot, a *topology.NetworkACL, rs []*Result, perFamily bool) (*aclList, error) {
	l := &aclList{dir: rs[0].Direction, perFamily: perFamily}
	hasV6 := false
	want := map[netset.Block]int{}
	var planned []plannedEntry
	var cells, final []netset.Block
	for _, r := range rs {
		hasV6 = hasV6 || r.Family != FamilyV4
		for _, c := range r.Cells {
			cells = append(cells, c.Block)
		}
		for _, c := range r.Rules {
			e, err := entryOf(r.Direction, c.Rule)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", r.ID, err)
			}
			i, ok := want[entryBlock(e)]
			if !ok {
				i = len(planned)
				want[entryBlock(e)] = i
				planned = append(planned, plannedEntry{NetworkACLEntry: e})
			}
			planned[i].flows = mergeIDs(planned[i].flows, c.Flows)
			final = append(final, entryBlock(e))
		}
	}
	var err error
	if l.quota, err = ACLQuota(s, a.Scope, hasV6, perFamily); err != nil {
		return nil, err
	}
	l.compare(a, rs, planned)
	var today []topology.NetworkACLEntry
	for _, e := range a.Entries {
		if e.Direction == l.dir {
			today = append(today, e)
		}
	}
	open := firstMatch(today)
	l.live = netset.Of(cells...).Intersect(open)
	l.allowed = open.Union(netset.Of(final...))
	return l, nil
}

// compare sorts today's entries into those that stand and those that go, and
// the planned ones that are missing into those to add.
func (l *aclList) compare(a *topology.NetworkACL, rs []*Result, planned []plannedEntry) {
	want := map[netset.Block]bool{}
	for _, p := range planned {
		want[entryBlock(p.NetworkACLEntry)] = true
	}
	stands := map[netset.Block]bool{}
	for _, e := range a.Entries {
		if e.Direction != l.dir || e.DefaultDeny() {
			continue
		}
		wanted := want[entryBlock(e)]
		switch {
		case !spokenFor(e, rs):
			l.keep = append(l.keep, e)
		case wanted && e.Allow && !stands[entryBlock(e)]:
			stands[entryBlock(e)] = true
			l.keep = append(l.keep, e)
		default:
			l.drop = append(l.drop, e)
		}
	}
	for _, p := range planned {
		if !stands[entryBlock(p.NetworkACLEntry)] {
			l.add = append(l.add, p)
		}
	}
	slices.SortFunc(l.add, func(a, b plannedEntry) int { return compareEntries(a.NetworkACLEntry, b.NetworkACLEntry) })
	slices.SortFunc(l.drop, func(a, b topology.NetworkACLEntry) int {
		if a.Allow != b.Allow { // denies last: until then they close what later entries open
			if a.Allow {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.Number, b.Number)
	})
}

// entryOf gives the network ACL entry, without a number, for a chosen rule.
func entryOf(dir topology.Direction, c optimize.Rule) (topology.NetworkACLEntry, error) {
	r, err := RuleOf(dir, c)
	if err == nil && !r.CIDR.IsValid() {
		err = fmt.Errorf("%s entry %s: a network ACL entry takes a CIDR only", dir, c.Ref)
	}
	return topology.NetworkACLEntry{Direction: dir, Allow: true, Protocol: r.Protocol, FromPort: r.FromPort, ToPort: r.ToPort, CIDR: r.CIDR}, err
}

func entryBlock(e topology.NetworkACLEntry) netset.Block {
	return netset.Block{Prefix: e.CIDR, Columns: e.Columns()}
}

// spokenFor says whether an answer that was solved speaks for the entry.
func spokenFor(e topology.NetworkACLEntry, rs []*Result) bool {
	for _, r := range rs {
		v6 := e.CIDR.Addr().Is6()
		if r.Family == FamilyBoth || (r.Family == FamilyV6) == v6 {
			return !r.Kept
		}
	}
	return false
}

// compareEntries puts the longest prefix first.
func compareEntries(a, b topology.NetworkACLEntry) int {
	if c := cmp.Compare(b.CIDR.Bits(), a.CIDR.Bits()); c != 0 {
		return c
	}
	return entryBlock(a).Compare(entryBlock(b))
}

// steps puts the steps in order; else it says why there is no order. Each is
// checked against what is live and what may be open.
func (l *aclList) steps() (out []EntryStep, after []topology.NetworkACLEntry, why string) {
	state := append(slices.Clone(l.keep), l.drop...)
	limit := l.limits(state)
	used := map[int]bool{}
	for _, e := range state {
		used[e.Number] = true
	}
	adds, drops := slices.Clone(l.add), slices.Clone(l.drop)
	last := 0
	for len(adds)+len(drops) > 0 {
		if len(adds) > 0 && l.fits(append(slices.Clone(state), adds[0].NetworkACLEntry), limit) {
			a := adds[0]
			a.Number = freeNumber(used, last, denyBefore(state, a.NetworkACLEntry))
			last = max(last, a.Number)
			used[a.Number] = true
			state, adds = append(state, a.NetworkACLEntry), adds[1:]
			out = append(out, EntryStep{Add: &a.NetworkACLEntry, Flows: a.flows})
			continue
		}
		if i := l.spare(state, drops); i >= 0 {
			d := drops[i]
			out = append(out, EntryStep{Drop: &d})
			state = withoutNumber(state, d.Number)
			drops = slices.Delete(drops, i, i+1)
			continue
		}
		i, j, found := l.swap(state, adds, drops)
		if !found {
			return nil, nil, fmt.Sprintf("the %d entries that the quota leaves are all needed by live flows until new ones stand, "+
				"and there is no place for one more; raise the quota, or remove an entry by hand", l.quota)
		}
		a, d := adds[i], drops[j]
		a.Number = d.Number
		out = append(out, EntryStep{Add: &a.NetworkACLEntry, Drop: &d, Flows: a.flows})
		state = append(withoutNumber(state, d.Number), a.NetworkACLEntry)
		adds, drops = slices.Delete(adds, i, i+1), slices.Delete(drops, j, j+1)
	}
	return out, state, ""
}

// counts gives the entries per budget: one, or one for each family.
func (l *aclList) counts(state []topology.NetworkACLEntry) (n [2]int) {
	for _, e := range state {
		if l.perFamily && e.CIDR.Addr().Is6() {
			n[1]++
		} else {
			n[0]++
		}
	}
	return n
}

func (l *aclList) limits(state []topology.NetworkACLEntry) [2]int {
	n := l.counts(state)
	return [2]int{max(l.quota, n[0]), max(l.quota, n[1])}
}

func (l *aclList) fits(state []topology.NetworkACLEntry, limit [2]int) bool {
	n := l.counts(state)
	return n[0] <= limit[0] && n[1] <= limit[1]
}

// spare finds an entry that can go now, -1 if there is none.
func (l *aclList) spare(state, drops []topology.NetworkACLEntry) int {
	for i, d := range drops {
		if l.safe(withoutNumber(state, d.Number)) {
			return i
		}
	}
	return -1
}

// swap finds an addition that can take the number of an entry that goes.
func (l *aclList) swap(state []topology.NetworkACLEntry, adds []plannedEntry, drops []topology.NetworkACLEntry) (a, d int, ok bool) {
	for d := range drops {
		rest := withoutNumber(state, drops[d].Number)
		for a := range adds {
			if l.perFamily && adds[a].CIDR.Addr().Is6() != drops[d].CIDR.Addr().Is6() {
				continue
			}
			e := adds[a].NetworkACLEntry
			e.Number = drops[d].Number
			if l.safe(append(slices.Clone(rest), e)) {
				return a, d, true
			}
		}
	}
	return 0, 0, false
}

// safe says whether a list carries every live flow and opens nothing that may
// not be open.
func (l *aclList) safe(state []topology.NetworkACLEntry) bool {
	open := firstMatch(state)
	return open.ContainsSet(l.live) && l.allowed.ContainsSet(open)
}

// firstMatch gives what a list opens: the lowest number that matches decides.
func firstMatch(entries []topology.NetworkACLEntry) *netset.Set {
	sorted := slices.Clone(entries)
	slices.SortFunc(sorted, func(a, b topology.NetworkACLEntry) int { return cmp.Compare(a.Number, b.Number) })
	open, decided := netset.Of(), netset.Of()
	for _, e := range sorted {
		b := netset.Of(entryBlock(e))
		if e.Allow {
			open = open.Union(b.Subtract(decided))
		}
		decided = decided.Union(b)
	}
	return open
}

func withoutNumber(state []topology.NetworkACLEntry, n int) []topology.NetworkACLEntry {
	return slices.DeleteFunc(slices.Clone(state), func(e topology.NetworkACLEntry) bool { return e.Number == n })
}

// denyBefore is the lowest number of a deny that overlaps e: e must stand
// before it to have its whole effect. 0: there is none.
func denyBefore(state []topology.NetworkACLEntry, e topology.NetworkACLEntry) int {
	least := 0
	for _, d := range state {
		if !d.Allow && d.CIDR.Overlaps(e.CIDR) && d.Columns().Overlaps(e.Columns()) && (least == 0 || d.Number < least) {
			least = d.Number
		}
	}
	return least
}

// freeNumber is the next free multiple of 100 after last. Where the entry must
// stand before a number that leaves no such place, any free number before it.
func freeNumber(used map[int]bool, last, before int) int {
	limit := maxNumber
	if before > 0 {
		limit = before - 1
	}
	for _, from := range []int{last/spacing*spacing + spacing, spacing} {
		for n := from; n <= limit; n += spacing {
			if !used[n] {
				return n
			}
		}
	}
	for n := limit; n >= 1; n-- {
		if !used[n] {
			return n
		}
	}
	return freeNumber(used, 0, 0) // no place before the deny: it stands in vain until the deny goes
}
