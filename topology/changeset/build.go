package changeset

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/optimize/target"
	"github.com/flowcover/flowcover/topology"
)

// Input is what Build works on. It is only read.
type Input struct {
	Snapshot *topology.Snapshot
	// Flows are the attributed flows that the targets were built from.
	Flows   []analyze.Flow
	Results []target.Result
	// Policy and Forbidden are those that the targets were built with.
	Policy    target.Policy
	Forbidden []analyze.ForbiddenCell
	Findings  []analyze.Finding

	Author       string
	Created      string // RFC 3339, UTC
	Tool         string
	Observations string
	Window       Window
	// HeldOutSince is the first day of the part of the window that was held out;
	// NothingHeldOut says why none was, where that is so.
	HeldOutSince   string
	NothingHeldOut string
	Parameters     map[string]string
}

// builder is an Input with what is derived from it once.
type builder struct {
	*Input
	flows   map[string]*analyze.Flow // by id
	byGroup map[string][]*analyze.Flow
	out     *Changeset
	stopped func() error // the context's: asked in every long loop
}

// listKey names one direction of a resource.
type listKey struct {
	resource string
	dir      topology.Direction
}

// Build writes the document: the difference of the snapshot and the answers, in
// apply order, with the promises checked. A promise that does not hold is in
// the document and is no error. The end of ctx is.
func Build(ctx context.Context, in Input) (*Changeset, error) {
	b := &builder{Input: &in, stopped: ctx.Err, flows: map[string]*analyze.Flow{}, byGroup: map[string][]*analyze.Flow{}}
	for i := range in.Flows {
		f := &in.Flows[i]
		b.flows[f.ID] = f
		if f.Group != "" {
			b.byGroup[f.Group] = append(b.byGroup[f.Group], f)
		}
	}
	for _, fs := range b.byGroup {
		slices.SortFunc(fs, func(x, y *analyze.Flow) int { return cmp.Compare(x.ID, y.ID) })
	}
	b.out = &Changeset{
		Format: Format, Author: in.Author, Created: in.Created, Tool: in.Tool,
		Snapshot: in.Snapshot.Digest(), Observations: in.Observations, Window: in.Window,
		Fingerprints: map[string]string{}, Parameters: maps.Clone(in.Parameters),
		Targets: []Target{}, Changes: []Change{}, Promises: []Promise{},
		NotApproved: []FlowNote{}, NotFollowed: []FlowNote{}, Findings: []Finding{},
	}
	if b.out.Parameters == nil {
		b.out.Parameters = map[string]string{}
	}
	if in.Policy.NACLPerFamily {
		b.out.Parameters[ParamNACLPerFamily] = "true"
	}
	if err := b.changes(); err != nil {
		return nil, err
	}
	b.notes()
	if err := b.promises(ctx); err != nil {
		return nil, err
	}
	b.out.NotApproved = sortNotes(b.out.NotApproved)
	b.out.NotFollowed = sortNotes(b.out.NotFollowed)
	b.out.Findings = sortFindings(b.out.Findings)
	return b.out, b.out.validate()
}

// changes plans every list, groups before ACLs, each by id and direction.
func (b *builder) changes() error {
	lists, keys := b.lists()
	for _, k := range keys {
		if err := b.stopped(); err != nil {
			return err
		}
		rs := lists[k]
		var err error
		if rs[0].Kind == target.KindGroup {
			err = b.groupChanges(k, rs)
		} else {
			err = b.aclChanges(k, rs)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// lists collects the answers for each list. They are copied, since the order of
// steps may turn one down.
func (b *builder) lists() (map[listKey][]*target.Result, []listKey) {
	lists := map[listKey][]*target.Result{}
	kinds := map[listKey]string{}
	var keys []listKey
	for i := range b.Results {
		r := b.Results[i]
		k := listKey{r.Resource, r.Direction}
		if lists[k] == nil {
			keys = append(keys, k)
			kinds[k] = r.Kind
		}
		lists[k] = append(lists[k], &r)
	}
	for _, rs := range lists {
		slices.SortFunc(rs, func(a, b *target.Result) int { return cmp.Compare(a.Family, b.Family) })
	}
	slices.SortFunc(keys, func(x, y listKey) int {
		return cmp.Or(-cmp.Compare(kinds[x], kinds[y]), cmp.Compare(x.resource, y.resource), -cmp.Compare(x.dir, y.dir))
	})
	return lists, keys
}

func (b *builder) groupChanges(k listKey, rs []*target.Result) error {
	g, ok := b.Snapshot.SecurityGroup(k.resource)
	if !ok {
		return fmt.Errorf("target %s: the snapshot has no such security group", rs[0].ID)
	}
	plan, err := target.PlanGroup(b.Snapshot, g, rs)
	if blocked(err, rs) {
		plan, err = target.PlanGroup(b.Snapshot, g, rs)
	}
	if err != nil {
		return err
	}
	var ops []op
	for _, st := range plan.Steps {
		o := op{kind: RuleAdd, flows: st.Flows}
		if st.Drop != nil {
			d := docOfRule(*st.Drop)
			o.kind, o.before = RuleRemove, &d
		} else {
			d := docOfRule(*st.Add)
			o.after = &d
		}
		ops = append(ops, o)
	}
	ex := &explainer{b: b, scope: g.Scope, id: g.ID, rs: rs, open: b.Snapshot.GroupOpens(k.resource, k.dir)}
	for _, r := range plan.After {
		ex.after = append(ex.after, standing{docOfRule(r), b.Snapshot.RuleOpens(g, r), ex.flowsOf(r.Key())})
	}
	b.emit(k, ops, ex, func(d *RuleDoc) (opens, error) {
		r, err := d.Rule()
		if err != nil {
			return nil, err
		}
		return b.Snapshot.RuleOpens(g, r), nil
	})
	b.targets(k, rs, ex, len(ops) > 0)
	return nil
}

func (b *builder) aclChanges(k listKey, rs []*target.Result) error {
	a, ok := b.Snapshot.NetworkACL(k.resource)
	if !ok {
		return fmt.Errorf("target %s: the snapshot has no such network ACL", rs[0].ID)
	}
	plan, err := target.PlanACL(b.Snapshot, a, rs, b.Policy.NACLPerFamily)
	if blocked(err, rs) {
		plan, err = target.PlanACL(b.Snapshot, a, rs, b.Policy.NACLPerFamily)
	}
	if err != nil {
		return err
	}
	var ops []op
	for _, st := range plan.Steps {
		o := op{kind: EntryReplace, flows: st.Flows}
		if st.Drop != nil {
			d := docOfEntry(*st.Drop)
			o.before = &d
		} else {
			o.kind = EntryAdd
		}
		if st.Add != nil {
			d := docOfEntry(*st.Add)
			o.after = &d
		} else {
			o.kind = EntryRemove
		}
		ops = append(ops, o)
	}
	ex := &explainer{b: b, scope: a.Scope, id: a.ID, rs: rs, open: b.Snapshot.ACLOpens(k.resource, k.dir)}
	for _, e := range plan.After {
		ex.after = append(ex.after, standing{docOfEntry(e), blockSet(e), ex.flowsOf(entryBlock(e).String())})
	}
	b.emit(k, ops, ex, func(d *RuleDoc) (opens, error) {
		e, err := d.Entry()
		if err != nil {
			return nil, err
		}
		return blockSet(e), nil
	})
	b.targets(k, rs, ex, len(ops) > 0)
	return nil
}

// blocked turns down lists whose change no safe order of steps can make: they
// stay as they are.
func blocked(err error, rs []*target.Result) bool {
	var no *target.Blocked
	if !errors.As(err, &no) {
		return false
	}
	for _, r := range rs {
		r.TurnDown(no.Reason)
	}
	return true
}

// targets writes down what was solved for a list.
func (b *builder) targets(k listKey, rs []*target.Result, ex *explainer, changed bool) {
	for _, r := range rs {
		t := Target{
			ID: r.ID, Resource: r.Resource, Kind: r.Kind, Direction: r.Direction, Family: r.Family, Quota: r.Quota,
			RulesBefore: r.Before, RulesAfter: r.Price,
			ExcessBefore: decimal(r.ExcessBefore), ExcessAfter: decimal(r.Excess),
			Frontier: []Point{}, Proven: r.Proven, BoundKind: r.BoundKind,
			CutShort: r.CutShort, Outcome: r.Outcome, Reason: r.Reason, Rules: []RuleDoc{},
		}
		for _, p := range r.Frontier {
			t.Frontier = append(t.Frontier, Point{Rules: p.Price, Excess: decimal(p.Excess)})
		}
		b.heldOut(r, &t)
		if r.Bound != nil {
			t.Bound = decimal(r.Bound)
		}
		t.RulesAfter = 0
		for _, s := range ex.after {
			if n := ex.price(s.doc, r.Family); n > 0 {
				t.RulesAfter += n
				d := s.doc
				d.Flows = s.flows
				t.Rules = append(t.Rules, d)
			}
		}
		touched := slices.ContainsFunc(b.out.Changes, func(c Change) bool {
			return c.Target == k.resource && c.direction() == k.dir && ex.touches(&c, r.Family)
		})
		switch {
		case t.Outcome != "" && t.Outcome != target.OutcomeNoFlows:
		case changed && touched:
			t.Outcome = target.OutcomeChanged
		case t.Outcome == "":
			t.Outcome = target.OutcomeUnchanged
		}
		b.out.Targets = append(b.out.Targets, t)
		b.outcomeFinding(r, &t)
	}
}

func (b *builder) outcomeFinding(r *target.Result, t *Target) {
	if t.Outcome == target.OutcomeCannot {
		b.out.Findings = append(b.out.Findings, Finding{Kind: t.Outcome, Severity: "high", Resource: r.Resource, Message: r.ID + ": " + r.Reason})
	}
	if t.CutShort {
		b.out.Findings = append(b.out.Findings, Finding{Kind: "cut-short", Severity: "medium", Resource: r.Resource,
			Message: r.ID + ": the time for a list of rules ended before the work was done; more time may find rules that open less"})
	}
	for _, key := range sortedKeys(r.Pinned) {
		b.out.Findings = append(b.out.Findings, Finding{Kind: "kept", Severity: "info", Resource: r.Resource,
			Message: fmt.Sprintf("%s: %s stays: %s", r.ID, key, r.Pinned[key])})
	}
}

func decimal(n *big.Int) string {
	if n == nil {
		return "0"
	}
	return n.String()
}

// notes lists the flows that no rule was made for, and what others found.
func (b *builder) notes() {
	for i := range b.Flows {
		f := &b.Flows[i]
		if f.Approved {
			continue
		}
		reason := "not approved"
		if len(f.Reasons) > 0 {
			reason = list(f.Reasons, 5)
		}
		b.out.NotApproved = append(b.out.NotApproved, FlowNote{f.ID, flowWords(f), reason})
	}
	for _, f := range b.Findings {
		b.out.Findings = append(b.out.Findings, Finding{f.Kind, f.Severity, f.Resource, f.Message})
	}
}
