package changeset

import (
	"fmt"
	"slices"
	"time"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/optimize/target"
	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

type opens = *netset.Set

// op is one step on one list, before it has evidence and words.
type op struct {
	kind          string
	before, after *RuleDoc
	flows         []string // that the rule added carries
}

func mergeIDs(a, b []string) []string {
	out := append(slices.Clone(a), b...)
	slices.Sort(out)
	return slices.Compact(out)
}

// standing is a rule of the list as it would stand.
type standing struct {
	doc   RuleDoc
	opens opens
	flows []string
}

// explainer finds words and evidence for the changes of one list.
type explainer struct {
	b     *builder
	scope topology.Scope
	id    string
	rs    []*target.Result
	open  opens // today
	after []standing
	carry map[string][]string
}

// flowsOf gives the flows that a rule carries, by the rule's key.
func (ex *explainer) flowsOf(key string) []string {
	if ex.carry == nil {
		ex.carry = map[string][]string{}
		for _, r := range ex.rs {
			for _, c := range r.Rules {
				k := c.Block.String()
				if r.Kind == target.KindGroup {
					rule, err := target.RuleOf(r.Direction, c.Rule)
					if err != nil {
						continue // PlanGroup has refused it already
					}
					k = rule.Key()
				}
				ex.carry[k] = mergeIDs(ex.carry[k], c.Flows)
			}
		}
	}
	return ex.carry[key]
}

// price is what a rule of the list counts in a family of it.
func (ex *explainer) price(d RuleDoc, family string) int {
	if d.Number > 0 {
		e, err := d.Entry()
		if err == nil && (family == target.FamilyBoth || (family == target.FamilyV6) == e.CIDR.Addr().Is6()) {
			return 1
		}
		return 0
	}
	r, err := d.Rule()
	if err != nil {
		return 0
	}
	return target.RulePrice(ex.b.Snapshot, r, family == target.FamilyV6)
}

func (ex *explainer) touches(c *Change, family string) bool {
	return c.Before != nil && ex.price(*c.Before, family) > 0 || c.After != nil && ex.price(*c.After, family) > 0
}

// emit turns steps into changes.
func (b *builder) emit(k listKey, ops []op, ex *explainer, opensOf func(*RuleDoc) (opens, error)) {
	var dropped []string // removals that made room so far
	var adds []int       // index of additions of this list
	start := len(b.out.Changes)
	room := ex.room(ops)
	for _, o := range ops {
		c := Change{Kind: o.kind, Target: k.resource, Account: ex.scope.Account, Region: ex.scope.Region,
			Decision: Propose, Before: o.before, After: o.after}
		c.Evidence.Coverage = ex.rs[0].Coverage
		c.ID = c.computeID()
		if o.after != nil {
			o.after.Flows = o.flows
			if !c.onACL() {
				o.after.Description = "flowcover " + c.ID
			}
		}
		if o.before != nil {
			ex.explainRemoval(&c, opensOf)
			c.Requires = b.carriers(&c, adds)
			if !o.before.Allow {
				c.Requires = b.shadowed(&c, start)
			}
		}
		if o.after != nil {
			ex.explainAddition(&c, opensOf)
			adds = append(adds, len(b.out.Changes))
			if o.before == nil {
				if room == 0 {
					c.Requires = mergeIDs(c.Requires, dropped)
				} else {
					room--
				}
			}
		}
		if o.after == nil {
			dropped = append(dropped, c.ID)
		}
		b.out.Changes = append(b.out.Changes, c)
	}
	if len(b.out.Changes) > start {
		b.fingerprint(k.resource)
	}
}

// room is how many additions come before the first removal: those need no place
// that a removal makes.
func (ex *explainer) room(ops []op) int {
	n := 0
	for _, o := range ops {
		if o.after == nil {
			return n
		}
		if o.before == nil {
			n++
		}
	}
	return n
}

func (b *builder) fingerprint(id string) {
	if f, ok := b.Snapshot.Fingerprint(id); ok {
		b.out.Fingerprints[id] = f
	}
}

// carriers lists the additions made so far that carry a flow of the rule that goes.
func (b *builder) carriers(c *Change, adds []int) []string {
	var out []string
	need := map[string]bool{}
	for _, f := range c.Before.Flows {
		need[f] = true
	}
	for _, i := range adds {
		a := &b.out.Changes[i]
		if slices.ContainsFunc(a.After.Flows, func(f string) bool { return need[f] }) {
			out = append(out, a.ID)
		}
	}
	slices.Sort(out)
	return out
}

// shadowed lists the changes of the list so far that take away an allow entry
// which a deny overlaps: without them the deny's going would open it.
func (b *builder) shadowed(c *Change, start int) []string {
	deny, err := c.Before.Entry()
	if err != nil {
		return nil
	}
	var out []string
	for _, x := range b.out.Changes[start:] {
		if x.Before == nil || !x.Before.Allow {
			continue
		}
		if e, err := x.Before.Entry(); err == nil && e.CIDR.Overlaps(deny.CIDR) && e.Columns().Overlaps(deny.Columns()) {
			out = append(out, x.ID)
		}
	}
	slices.Sort(out)
	return out
}

func (ex *explainer) explainAddition(c *Change, opensOf func(*RuleDoc) (opens, error)) {
	ex.evidence(c, c.After.Flows)
	carried := "carries " + plural(len(c.After.Flows), "approved flow")
	if len(c.Evidence.Examples) > 0 {
		carried += ": " + list(c.Evidence.Examples, 3)
	}
	if c.Reason != "" {
		carried = c.Reason + "; the new entry " + carried
	}
	if !ex.stays(c.After) {
		carried = "stands only while the list is changed, which is at its quota; " + carried
	}
	c.Reason = carried
	if c.Risk == "" {
		c.Risk = "low"
	}
	set, err := opensOf(c.After)
	if err != nil || c.After.Allow && !ex.open.ContainsSet(set) {
		c.Widens = true
		c.Risk = "high"
		c.Reason += "; widens: it opens traffic that today's rules close"
	}
}

// stays says whether a rule is in the list at the end.
func (ex *explainer) stays(d *RuleDoc) bool {
	return slices.ContainsFunc(ex.after, func(s standing) bool { return s.doc.words() == d.words() })
}

func (ex *explainer) explainRemoval(c *Change, opensOf func(*RuleDoc) (opens, error)) {
	set, err := opensOf(c.Before)
	if err != nil {
		set = netset.Of()
	}
	c.Before.Flows = ex.approvedOn(set)
	ex.evidence(c, c.Before.Flows)
	cut := ex.othersOn(set)
	switch by := ex.replacedBy(set, c.Before.Flows); {
	case !c.Before.Allow:
		c.Reason, c.Risk = "a deny: what it closes is opened by no entry that will stand", "medium"
		c.Before.Flows, c.Evidence = nil, Evidence{Coverage: c.Evidence.Coverage}
		return
	case ex.contained(set) != nil:
		c.Reason, c.Risk = "contained in "+ex.contained(set).words(), "low"
		return
	case len(c.Before.Flows) == 0:
		c.Reason, c.Risk = "no approved flow used it in the window", "low"
	case len(by) > 0:
		c.Reason, c.Risk = "replaced by "+list(by, 3), "medium"
	default:
		c.Reason, c.Risk = "its flows are carried by the rules that stay", "medium"
	}
	if len(cut) > 0 {
		c.Reason += fmt.Sprintf("; %s that %s not approved will be cut: %s", plural(len(cut), "flow"), isAre(len(cut)), list(cut, 3))
		c.Risk = "high"
	}
	if c.Evidence.Coverage < 1 && c.Risk == "low" {
		c.Risk = "medium"
	}
}

func isAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// contained finds one rule that stays or comes and opens all of set.
func (ex *explainer) contained(set opens) *RuleDoc {
	for i := range ex.after {
		if ex.after[i].doc.Allow && ex.after[i].opens.ContainsSet(set) {
			return &ex.after[i].doc
		}
	}
	return nil
}

// approvedOn lists the approved flows whose cells lie on set.
func (ex *explainer) approvedOn(set opens) []string {
	var out []string
	for _, r := range ex.rs {
		for _, c := range r.Cells {
			if c.Flow != "" && set.OverlapsBlock(c.Block) {
				out = append(out, c.Flow)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// othersOn words the flows that set lets through today, that were accepted and
// answered, and that are not approved: a removal cuts them unless another rule stays.
func (ex *explainer) othersOn(set opens) []string {
	var out []string
	for _, f := range ex.b.byGroup[ex.id] {
		if f.Approved || f.Action == analyze.Reject || !f.Answered || !onDirection(f.Side, ex.rs[0].Direction) || !flowMatches(f, set) {
			continue
		}
		if !slices.ContainsFunc(ex.after, func(s standing) bool { return flowMatches(f, s.opens) }) {
			out = append(out, flowWords(f))
		}
	}
	return out
}

func onDirection(s analyze.Side, d topology.Direction) bool {
	return s == analyze.Unsettled || (s == analyze.In) == (d == topology.Ingress)
}

// replacedBy words the rules of the list to come that carry flows of set.
func (ex *explainer) replacedBy(set opens, flows []string) []string {
	need := map[string]bool{}
	for _, f := range flows {
		need[f] = true
	}
	var out []string
	for _, s := range ex.after {
		if s.doc.Allow && slices.ContainsFunc(s.flows, func(f string) bool { return need[f] }) && !s.opens.Intersect(set).IsEmpty() {
			out = append(out, s.doc.words())
		}
	}
	return out
}

// evidence says what the logs hold on flows.
func (ex *explainer) evidence(c *Change, ids []string) {
	ev := Evidence{Coverage: c.Evidence.Coverage, Flows: len(ids)}
	var last time.Time
	var examples []*analyze.Flow
	for _, id := range ids {
		f, ok := ex.b.flows[id]
		if !ok {
			continue
		}
		ev.Records += f.Records
		if f.Last.After(last) {
			last = f.Last
		}
		examples = append(examples, f)
	}
	slices.SortStableFunc(examples, func(a, b *analyze.Flow) int { return rankOf(a) - rankOf(b) })
	for _, f := range examples {
		if w := flowWords(f); !slices.Contains(ev.Examples, w) && len(ev.Examples) < 5 {
			ev.Examples = append(ev.Examples, w)
		}
	}
	if !last.IsZero() {
		ev.LastSeen = last.UTC().Format(time.RFC3339)
	}
	c.Evidence = ev
}

func rankOf(f *analyze.Flow) int {
	if f.Rank == 0 {
		return int(^uint(0) >> 1)
	}
	return f.Rank
}

func blockSet(e topology.NetworkACLEntry) opens { return netset.Of(entryBlock(e)) }
