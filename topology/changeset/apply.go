package changeset

import (
	"fmt"
	"slices"

	"github.com/flowcover/flowcover/optimize/target"
	"github.com/flowcover/flowcover/topology"
)

// Applied gives the snapshot as it stands after the changes, made in order.
// A change that does not fit (a rule that is there already, one that is not
// there, an entry whose number is taken) is an error that names it.
func Applied(s *topology.Snapshot, changes []Change) (*topology.Snapshot, error) {
	w := newWorld(s)
	for i := range changes {
		if err := w.do(&changes[i]); err != nil {
			return nil, err
		}
	}
	return w.snapshot()
}

// Step is one change with what its list counts around it.
type Step struct {
	Change    string             `json:"change"`
	Kind      string             `json:"kind"`
	Target    string             `json:"target"`
	Direction topology.Direction `json:"direction"`
	Text      string             `json:"text"`
	// Counts are of the change's own list; a rule that names a group or prefix
	// list counts in both families.
	Before []Count `json:"before"`
	After  []Count `json:"after"`
}

// Count is what a list counts of its quota.
type Count struct {
	Family string `json:"family"` // ipv4 | ipv6 | both
	Rules  int    `json:"rules"`
	Quota  int    `json:"quota"`
}

// Steps simulates the changes in order on a snapshot, for a dry run. The quotas
// are those of the snapshot, as planned with the changeset's parameters.
func Steps(c *Changeset, s *topology.Snapshot) ([]Step, error) {
	w := newWorld(s)
	w.perFamily = c.Parameters[ParamNACLPerFamily] == "true"
	out := make([]Step, 0, len(c.Changes))
	for i := range c.Changes {
		ch := &c.Changes[i]
		st := Step{Change: ch.ID, Kind: ch.Kind, Target: ch.Target, Direction: ch.direction(), Text: ch.Words()}
		var err error
		if st.Before, err = w.counts(ch); err != nil {
			return nil, err
		}
		if err := w.do(ch); err != nil {
			return nil, err
		}
		if st.After, err = w.counts(ch); err != nil {
			return nil, err
		}
		out = append(out, st)
	}
	return out, nil
}

// ParamNACLPerFamily is the parameter that says how a network ACL's quota counts.
const ParamNACLPerFamily = "quotas.nacl-per-family"

// Words is the change in one line: "add ingress tcp/443 from 10.0.0.0/8".
func (c *Change) Words() string {
	switch c.Kind {
	case RuleAdd, EntryAdd:
		return "add " + c.After.words()
	case RuleRemove, EntryRemove:
		return "remove " + c.Before.words()
	}
	return "replace " + c.Before.words() + " by " + c.After.words()
}

func (c *Change) direction() topology.Direction {
	if c.After != nil {
		return c.After.Direction
	}
	return c.Before.Direction
}

// world is an account whose groups and ACLs are changed one step at a time.
type world struct {
	base      *topology.Snapshot
	groups    map[string]*topology.SecurityGroup
	acls      map[string]*topology.NetworkACL
	perFamily bool
}

func newWorld(s *topology.Snapshot) *world {
	return &world{base: s, groups: map[string]*topology.SecurityGroup{}, acls: map[string]*topology.NetworkACL{}}
}

// group gives a copy of the group that may be changed.
func (w *world) group(id string) (*topology.SecurityGroup, bool) {
	if g, ok := w.groups[id]; ok {
		return g, true
	}
	g, ok := w.base.SecurityGroup(id)
	if !ok {
		return nil, false
	}
	c := *g
	c.Rules = slices.Clone(g.Rules)
	w.groups[id] = &c
	return &c, true
}

func (w *world) acl(id string) (*topology.NetworkACL, bool) {
	if a, ok := w.acls[id]; ok {
		return a, true
	}
	a, ok := w.base.NetworkACL(id)
	if !ok {
		return nil, false
	}
	c := *a
	c.Entries = slices.Clone(a.Entries)
	w.acls[id] = &c
	return &c, true
}

func (w *world) do(c *Change) error {
	var err error
	if c.onACL() {
		err = w.doEntry(c)
	} else {
		err = w.doRule(c)
	}
	if err != nil {
		return fmt.Errorf("change %s on %s: %s: %w", c.ID, c.Target, c.Words(), err)
	}
	return nil
}

func (w *world) doRule(c *Change) error {
	g, ok := w.group(c.Target)
	if !ok {
		return fmt.Errorf("the snapshot has no such security group")
	}
	doc := c.After
	if doc == nil {
		doc = c.Before
	}
	r, err := doc.Rule()
	if err != nil {
		return err
	}
	at := slices.IndexFunc(g.Rules, func(x topology.SecurityGroupRule) bool { return x.Key() == r.Key() })
	switch {
	case c.Kind == RuleAdd && at >= 0:
		return fmt.Errorf("the rule is there already")
	case c.Kind == RuleAdd:
		g.Rules = append(g.Rules, r)
	case at < 0:
		return fmt.Errorf("the rule is not there")
	default:
		g.Rules = slices.Delete(g.Rules, at, at+1)
	}
	return nil
}

func (w *world) doEntry(c *Change) error {
	a, ok := w.acl(c.Target)
	if !ok {
		return fmt.Errorf("the snapshot has no such network ACL")
	}
	if c.Before != nil {
		e, err := c.Before.Entry()
		if err != nil {
			return err
		}
		at := slices.IndexFunc(a.Entries, func(x topology.NetworkACLEntry) bool { return sameEntry(x, e) })
		if at < 0 {
			return fmt.Errorf("the entry is not there")
		}
		a.Entries = slices.Delete(a.Entries, at, at+1)
	}
	if c.After != nil {
		e, err := c.After.Entry()
		if err != nil {
			return err
		}
		if slices.ContainsFunc(a.Entries, func(x topology.NetworkACLEntry) bool {
			return x.Number == e.Number && x.Direction == e.Direction
		}) {
			return fmt.Errorf("number %d is taken", e.Number)
		}
		a.Entries = append(a.Entries, e)
	}
	return nil
}

func sameEntry(a, b topology.NetworkACLEntry) bool {
	return a.Number == b.Number && a.Direction == b.Direction && a.Allow == b.Allow && entryBlock(a) == entryBlock(b)
}

// snapshot gives the account as it stands.
func (w *world) snapshot() (*topology.Snapshot, error) {
	var groups []topology.SecurityGroup
	var acls []topology.NetworkACL
	for _, id := range sortedKeys(w.groups) {
		groups = append(groups, *w.groups[id])
	}
	for _, id := range sortedKeys(w.acls) {
		acls = append(acls, *w.acls[id])
	}
	return w.base.Replace(groups, acls)
}

// onto puts the state of the change's resource onto a snapshot.
func (w *world) onto(s *topology.Snapshot, c *Change) (*topology.Snapshot, error) {
	if a, ok := w.acls[c.Target]; ok {
		return s.Replace(nil, []topology.NetworkACL{*a})
	}
	return s.Replace([]topology.SecurityGroup{*w.groups[c.Target]}, nil)
}

// counts says what the change's list counts of its quota.
func (w *world) counts(c *Change) ([]Count, error) {
	if c.onACL() {
		return w.aclCounts(c.Target, c.direction())
	}
	return w.groupCounts(c.Target, c.direction())
}

func (w *world) groupCounts(id string, dir topology.Direction) ([]Count, error) {
	g, ok := w.group(id)
	if !ok {
		return nil, fmt.Errorf("security group %s is not in the snapshot", id)
	}
	q, err := target.GroupQuota(w.base, g.Scope)
	if err != nil {
		return nil, err
	}
	out := []Count{{target.FamilyV4, 0, q}, {target.FamilyV6, 0, q}}
	for _, r := range g.Rules {
		if r.Direction != dir {
			continue
		}
		out[0].Rules += target.RulePrice(w.base, r, false)
		out[1].Rules += target.RulePrice(w.base, r, true)
	}
	return out, nil
}

func (w *world) aclCounts(id string, dir topology.Direction) ([]Count, error) {
	a, ok := w.acl(id)
	if !ok {
		return nil, fmt.Errorf("network ACL %s is not in the snapshot", id)
	}
	n := [2]int{}
	hasV6 := false
	for _, e := range a.Entries {
		v6 := e.CIDR.Addr().Is6()
		hasV6 = hasV6 || v6
		if e.Direction != dir || e.DefaultDeny() {
			continue
		}
		if v6 {
			n[1]++
		} else {
			n[0]++
		}
	}
	q, err := target.ACLQuota(w.base, a.Scope, hasV6, w.perFamily)
	if err != nil {
		return nil, err
	}
	switch {
	case !hasV6:
		return []Count{{target.FamilyV4, n[0], q}}, nil
	case w.perFamily:
		return []Count{{target.FamilyV4, n[0], q}, {target.FamilyV6, n[1], q}}, nil
	}
	return []Count{{target.FamilyBoth, n[0] + n[1], q}}, nil
}
