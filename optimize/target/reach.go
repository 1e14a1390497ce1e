package target

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/flowcover/flowcover/optimize"
	"github.com/flowcover/flowcover/topology"
)

// maxPhases is how many lists a change may pass through.
const maxPhases = 5

// solveReachable solves the families of one list so that today's list can be
// turned into the answer step by step. A list that fills its quota may leave no
// place for that: then fewer rules are asked for, and from that list on the full
// quota again, until nothing is left to do. So the next plan finds nothing to do.
func solveReachable(ctx context.Context, ts []Target, o optimize.Options) ([]Result, error) {
	first, err := solveUnit(ctx, ts, o)
	if err != nil {
		return nil, err
	}
	if ok, err := reachable(first); ok || err != nil {
		return first, err
	}
	var phases [][]Result
	for cur, rs := ts, first; len(phases) < maxPhases; {
		next, ok, err := solveWithin(ctx, cur, rs, o)
		if err != nil {
			return nil, err
		}
		if !ok || len(phases) > 0 && !moves(next) {
			break
		}
		phases = append(phases, next)
		if cur, err = after(cur, next); err != nil {
			return nil, err
		}
		if rs, err = solveUnit(ctx, cur, o); err != nil {
			return nil, err
		}
	}
	if len(phases) == 0 {
		return first, nil // no order of steps at all: the changeset turns it down
	}
	for {
		out := joinPhases(ts, first, phases)
		if len(phases) == 1 || !repeats(out) {
			return out, nil
		}
		phases = phases[:len(phases)-1] // a rule that comes twice cannot be told apart
	}
}

// repeats says whether a rule is added twice on the way.
func repeats(rs []Result) bool {
	seen := map[string]bool{}
	twice := func(key string) bool {
		again := seen[key]
		seen[key] = true
		return again
	}
	if g, ok := rs[0].group(); ok {
		p, err := PlanGroup(rs[0].input.Snapshot, g, pointers(rs))
		return err == nil && slices.ContainsFunc(p.Steps, func(s RuleStep) bool { return s.Add != nil && twice(s.Add.Key()) })
	}
	if a, ok := rs[0].acl(); ok {
		p, err := PlanACL(rs[0].input.Snapshot, a, pointers(rs), rs[0].input.Policy.NACLPerFamily)
		return err == nil && slices.ContainsFunc(p.Steps, func(s EntryStep) bool {
			return s.Add != nil && twice(fmt.Sprint(s.Add.Number, entryBlock(*s.Add)))
		})
	}
	return false
}

// solveWithin gives an answer that can be reached: rs, or one with fewer rules.
func solveWithin(ctx context.Context, ts []Target, rs []Result, o optimize.Options) (out []Result, ok bool, err error) {
	if ok, err := reachable(rs); ok || err != nil {
		return rs, ok, err
	}
	for _, fewer := range []int{1, 2, 4, 8} {
		less := slices.Clone(ts)
		for i := range less {
			if !rs[i].Kept {
				less[i] = ts[i].withQuota(rs[i].Price - fewer)
			}
		}
		next, err := solveUnit(ctx, less, o)
		if err != nil {
			return nil, false, err
		}
		if slices.ContainsFunc(next, func(r Result) bool { return r.Witness != nil }) {
			return nil, false, nil
		}
		if ok, err := reachable(next); ok || err != nil {
			for i := range next {
				next[i].Quota = ts[i].Quota
			}
			return next, ok, err
		}
	}
	return nil, false, nil
}

// withQuota is the target with fewer rules to use.
func (t Target) withQuota(n int) Target {
	t.Quota = max(1, min(n, t.Quota))
	t.Problems = slices.Clone(t.Problems)
	for i, p := range t.Problems {
		q := *p
		q.K = t.Quota
		t.Problems[i] = &q
	}
	return t
}

func pointers(rs []Result) []*Result {
	out := make([]*Result, len(rs))
	for i := range rs {
		out[i] = &rs[i]
	}
	return out
}

// reachable says whether there is an order of steps from today's list.
func reachable(rs []Result) (bool, error) {
	var err error
	if g, ok := rs[0].group(); ok {
		_, err = PlanGroup(rs[0].input.Snapshot, g, pointers(rs))
	} else if a, ok := rs[0].acl(); ok {
		_, err = PlanACL(rs[0].input.Snapshot, a, pointers(rs), rs[0].input.Policy.NACLPerFamily)
	}
	var no *Blocked
	if errors.As(err, &no) {
		return false, nil
	}
	return err == nil, err
}

func (t *Target) group() (*topology.SecurityGroup, bool) {
	return t.input.Snapshot.SecurityGroup(t.Resource)
}

func (t *Target) acl() (*topology.NetworkACL, bool) { return t.input.Snapshot.NetworkACL(t.Resource) }

// moves says whether answers that can be reached change anything.
func moves(rs []Result) bool {
	if g, ok := rs[0].group(); ok {
		p, err := PlanGroup(rs[0].input.Snapshot, g, pointers(rs))
		return err == nil && len(p.Steps) > 0
	}
	if a, ok := rs[0].acl(); ok {
		p, err := PlanACL(rs[0].input.Snapshot, a, pointers(rs), rs[0].input.Policy.NACLPerFamily)
		return err == nil && len(p.Steps) > 0
	}
	return false
}

// after builds the targets anew on the account as it stands with the answers.
func after(ts []Target, rs []Result) ([]Target, error) {
	in := *ts[0].input
	ids := map[string]bool{}
	for _, t := range ts {
		for _, id := range t.Flows {
			ids[id] = true
		}
	}
	in.Flows = nil
	for _, f := range ts[0].input.Flows {
		if ids[f.ID] || f.Holds {
			in.Flows = append(in.Flows, f)
		}
	}
	in.Scope = []string{ts[0].Resource}
	var err error
	if g, ok := rs[0].group(); ok {
		plan, perr := PlanGroup(in.Snapshot, g, pointers(rs))
		if perr != nil {
			return nil, perr
		}
		next := *g
		next.Rules = append(otherRules(g, ts[0].Direction), plan.After...)
		in.Snapshot, err = in.Snapshot.Replace([]topology.SecurityGroup{next}, nil)
	} else if a, ok := rs[0].acl(); ok {
		plan, perr := PlanACL(in.Snapshot, a, pointers(rs), in.Policy.NACLPerFamily)
		if perr != nil {
			return nil, perr
		}
		next := *a
		next.Entries = append(otherEntries(a, ts[0].Direction), plan.After...)
		in.Snapshot, err = in.Snapshot.Replace(nil, []topology.NetworkACL{next})
	}
	if err != nil {
		return nil, fmt.Errorf("%s as planned: %w", ts[0].Resource, err)
	}
	all, _, err := Build(in)
	if err != nil {
		return nil, err
	}
	var out []Target
	for _, t := range ts {
		i := slices.IndexFunc(all, func(x Target) bool { return x.ID == t.ID })
		if i < 0 { // neither rules nor flows are left in the family
			t.Problems, t.Kept, t.pins, t.pinsOpen, t.input = nil, false, nil, nil, &in
			out = append(out, t)
			continue
		}
		out = append(out, all[i])
	}
	return out, nil
}

func otherRules(g *topology.SecurityGroup, dir topology.Direction) []topology.SecurityGroupRule {
	return slices.DeleteFunc(slices.Clone(g.Rules), func(r topology.SecurityGroupRule) bool { return r.Direction == dir })
}

// otherEntries are those of the other direction, and the final denies.
func otherEntries(a *topology.NetworkACL, dir topology.Direction) []topology.NetworkACLEntry {
	return slices.DeleteFunc(slices.Clone(a.Entries), func(e topology.NetworkACLEntry) bool {
		return e.Direction == dir && !e.DefaultDeny()
	})
}

// joinPhases makes one answer of the last phase, seen from today.
func joinPhases(ts []Target, first []Result, phases [][]Result) []Result {
	last := phases[len(phases)-1]
	out := slices.Clone(last)
	for i := range out {
		out[i].Target = ts[i]
		out[i].Problems = last[i].Problems
		out[i].ExcessBefore = first[i].ExcessBefore
		out[i].Kept, out[i].Outcome, out[i].Reason = last[i].Kept, last[i].Outcome, last[i].Reason
		for _, p := range phases[:len(phases)-1] {
			out[i].Via = append(out[i].Via, p[i].Rules)
		}
		if !out[i].Kept && first[i].Excess.Cmp(out[i].Excess) < 0 {
			out[i].Reason = fmt.Sprintf("%d rules would open less, but today's list leaves no place to reach them step by step", first[i].Price)
		}
	}
	return out
}
