package target

import (
	"fmt"

	"github.com/flowcover/flowcover/topology"
)

// The Service Quotas codes that rules count against, and AWS's defaults.
const (
	CodeRulesPerGroup     = "L-0EA8095F"
	CodeGroupsPerENI      = "L-2AFB9258"
	CodeRulesPerACL       = "L-2AEEBF1A"
	DefaultRulesPerGroup  = 60
	DefaultGroupsPerENI   = 5
	DefaultRulesPerACL    = 20
	maxRulesTimesGroups   = 1000
	defaultDeniesOneKind  = 1
	defaultDeniesTwoKinds = 2
)

func quota(s *topology.Snapshot, sc topology.Scope, code string, def int) (int, error) {
	v, ok := s.Quota(sc, code)
	if !ok {
		return def, nil
	}
	if v < 1 {
		return 0, fmt.Errorf("quota %s of account %s, %s: %d: want at least 1; "+
			"correct it in the configuration's quotas or in Service Quotas", code, sc.Account, sc.Region, v)
	}
	return v, nil
}

// GroupQuota is the most rules a security group may hold in one direction and
// family: the quota, and no more than 1000 over the groups an ENI may have.
func GroupQuota(s *topology.Snapshot, sc topology.Scope) (int, error) {
	rules, err := quota(s, sc, CodeRulesPerGroup, DefaultRulesPerGroup)
	if err != nil {
		return 0, err
	}
	groups, err := quota(s, sc, CodeGroupsPerENI, DefaultGroupsPerENI)
	if err != nil {
		return 0, err
	}
	return max(1, min(rules, maxRulesTimesGroups/groups)), nil
}

// ACLQuota is the most entries that a plan puts into one direction of a network
// ACL. AWS's pages differ on whether the final denies and the families count
// together, so the careful reading is taken: one list for both families, one
// place for each final deny. perFamily: each family counts by itself.
func ACLQuota(s *topology.Snapshot, sc topology.Scope, hasV6, perFamily bool) (int, error) {
	q, err := quota(s, sc, CodeRulesPerACL, DefaultRulesPerACL)
	if err != nil {
		return 0, err
	}
	spare := defaultDeniesOneKind
	if hasV6 && !perFamily {
		spare = defaultDeniesTwoKinds
	}
	if q <= spare {
		return 0, fmt.Errorf("quota %s of account %s, %s: %d entries leave no room beside the final deny; want at least %d",
			CodeRulesPerACL, sc.Account, sc.Region, q, spare+1)
	}
	return q - spare, nil
}

// limit applies --max-rules: the target's own, else its resource's.
func (p *Policy) limit(id, resource string, quota int) (int, error) {
	for _, key := range []string{id, resource} {
		n, ok := p.MaxRules[key]
		if !ok {
			continue
		}
		if n > quota {
			return 0, fmt.Errorf("max-rules %s=%d: above the quota, %d", key, n, quota)
		}
		return n, nil
	}
	return quota, nil
}

// PrefixListPrice is what a prefix list counts in a quota: its MaxEntries, or
// where that is not known the entries it has. Known is false for the latter.
func PrefixListPrice(s *topology.Snapshot, id string) (price int, known bool) {
	pl, ok := s.PrefixList(id)
	if !ok {
		return 1, false
	}
	if pl.MaxEntries > 0 {
		return pl.MaxEntries, true
	}
	return max(1, len(pl.Entries)), false
}

// RulePrice is what a security group rule counts in a family's quota: a CIDR 1
// in its own family, a reference 1 and a prefix list its MaxEntries in both.
func RulePrice(s *topology.Snapshot, r topology.SecurityGroupRule, v6 bool) int {
	switch {
	case r.Group != "":
		return 1
	case r.PrefixList != "":
		n, _ := PrefixListPrice(s, r.PrefixList)
		return n
	case isV6(r.CIDR.Addr()) == v6:
		return 1
	}
	return 0
}
