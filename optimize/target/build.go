package target

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/optimize"
	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

// builder is an Input with what is derived from it once.
type builder struct {
	*Input
	weights *optimize.Weights
	forbids map[groupKey][]netset.Block
	open    *topology.Snapshot // see openSnapshot
}

// Build gives every list of rules in scope as a target, sorted by resource,
// direction and family, and what a person should know about them.
func Build(in Input) ([]Target, []analyze.Finding, error) {
	if err := in.validate(); err != nil {
		return nil, nil, err
	}
	sc, err := in.scope()
	if err != nil {
		return nil, nil, err
	}
	res := in.Snapshot.Resources()
	b := &builder{Input: &in, weights: in.Policy.Weights, forbids: map[groupKey][]netset.Block{}}
	if b.weights == nil {
		b.weights = DefaultWeights(res)
	}
	for _, f := range in.Forbidden {
		k := groupKey{f.Resource, f.Direction}
		b.forbids[k] = append(b.forbids[k], f.Block)
	}
	var out []Target
	groups := b.collectGroups()
	findings := groups.findings
	for i := range res.SecurityGroups {
		g := &res.SecurityGroups[i]
		if !sc.has(g.ID, append([]string{g.VPC}, g.VPCs...)...) {
			continue
		}
		ts, fs, err := b.groupTargets(g, &groups)
		if err != nil {
			return nil, nil, err
		}
		out, findings = append(out, ts...), append(findings, fs...)
	}
	acls := b.collectACLs()
	findings = append(findings, acls.findings...)
	for i := range res.NetworkACLs {
		a := &res.NetworkACLs[i]
		if !sc.has(a.ID, a.VPC) {
			continue
		}
		ts, fs, err := b.aclTargets(a, &acls)
		if err != nil {
			return nil, nil, err
		}
		out, findings = append(out, ts...), append(findings, fs...)
	}
	for i := range out {
		out[i].input = &in
	}
	if err := in.checkLimits(sc, out); err != nil {
		return nil, nil, err
	}
	return out, sortFindings(findings), nil
}

// checkLimits refuses a limit for a list that does not exist, which would
// otherwise be asked for in vain.
func (in *Input) checkLimits(sc scope, ts []Target) error {
	for _, key := range slices.Sorted(maps.Keys(in.Policy.MaxRules)) {
		if err := in.checkLimit("max-rules", key, sc, ts); err != nil {
			return err
		}
	}
	for _, key := range slices.Sorted(maps.Keys(in.Policy.MaxExcess)) {
		if err := in.checkLimit("max-excess", key, sc, ts); err != nil {
			return err
		}
	}
	return nil
}

func (in *Input) checkLimit(limit, key string, sc scope, ts []Target) error {
	id, list, named := strings.Cut(key, " ")
	g, sg := in.Snapshot.SecurityGroup(id)
	a, acl := in.Snapshot.NetworkACL(id)
	switch {
	case !sg && !acl:
		return fmt.Errorf("%s %s: no such security group or network ACL in the snapshot", limit, key)
	case !named:
		return nil
	case sg && !sc.has(id, append([]string{g.VPC}, g.VPCs...)...), acl && !sc.has(id, a.VPC):
		return nil
	}
	var lists []string
	for _, t := range ts {
		if t.Resource == id {
			lists = append(lists, t.ID)
		}
	}
	if !slices.Contains(lists, key) {
		return fmt.Errorf("%s %s: %s has no list %q; it has %s", limit, key, id, list, strings.Join(lists, ", "))
	}
	return nil
}

func sortFindings(fs []analyze.Finding) []analyze.Finding {
	slices.SortFunc(fs, func(a, b analyze.Finding) int {
		for _, p := range [][2]string{{a.Kind, b.Kind}, {a.Resource, b.Resource}, {a.Message, b.Message}} {
			if p[0] < p[1] {
				return -1
			}
			if p[0] > p[1] {
				return 1
			}
		}
		return 0
	})
	return slices.Compact(fs)
}
