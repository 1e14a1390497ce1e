package awsapply

import (
	"slices"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/changeset"
)

// differs says what differs between a resource and what was planned on. The
// changeset holds no copy of the resource, but for each list that was planned
// the rules as they would stand: take its changes back, and that is the list
// as it was.
func (p Plan) differs(at place, now state) []string {
	var want []string
	planned := map[listName]bool{}
	for _, t := range p.Changeset.Targets {
		if t.Resource != at.id {
			continue
		}
		for _, v6 := range []bool{false, true} {
			if t.Family == "both" || (t.Family == "ipv6") == v6 {
				planned[listName{t.Direction, v6}] = true
			}
		}
		for i := range t.Rules {
			if l := docLine(at, &t.Rules[i]); l != "" {
				want = append(want, l)
			}
		}
	}
	for _, c := range p.Changeset.Changes {
		if placeOf(c) != at || c.After == nil {
			continue
		}
		added := docLine(at, c.After)
		want = slices.DeleteFunc(want, func(l string) bool { return l == added })
	}
	for _, c := range p.Changeset.Changes {
		if placeOf(c) == at && c.Before != nil {
			want = append(want, docLine(at, c.Before))
		}
	}
	slices.Sort(want)
	diff := differences(slices.Compact(want), now.plannedLines(planned))
	if len(diff) == 0 {
		return []string{"its planned rules are the same, but its tags, name, description, associations or other rules are not"}
	}
	return diff
}

// listName is one list of rules that a plan solves.
type listName struct {
	direction topology.Direction
	v6        bool
}

// plannedLines are the lines of those lists that were planned. A rule that
// names a group or a prefix list stands in both families.
func (s state) plannedLines(planned map[listName]bool) []string {
	var out []string
	if s.acl != nil {
		for _, e := range s.acl.Entries {
			if planned[listName{e.Direction, e.CIDR.Addr().Is6()}] && !e.DefaultDeny() {
				out = append(out, entryLine(e))
			}
		}
		return out
	}
	for _, r := range s.group.Rules {
		v4, v6 := planned[listName{r.Direction, false}], planned[listName{r.Direction, true}]
		switch {
		case !r.CIDR.IsValid() && (v4 || v6), r.CIDR.IsValid() && !r.CIDR.Addr().Is6() && v4, r.CIDR.IsValid() && r.CIDR.Addr().Is6() && v6:
			out = append(out, r.Key())
		}
	}
	return out
}

// docLine writes a rule of the changeset as [state.lines] does; empty for an
// ACL's final deny, which no plan changes.
func docLine(at place, d *changeset.RuleDoc) string {
	if at.acl {
		e, err := d.Entry()
		if err != nil || e.DefaultDeny() {
			return ""
		}
		return entryLine(e)
	}
	r, err := d.Rule()
	if err != nil {
		return ""
	}
	return r.Key()
}
