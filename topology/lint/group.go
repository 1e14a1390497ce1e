package lint

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

// The quota codes of Service Quotas, and their default.
const (
	rulesPerGroup   = "L-0EA8095F"
	defaultPerGroup = 60
	nearShare       = 0.9
)

func (l *linter) groups() {
	carried, referred := l.carried(), map[string]bool{}
	for i := range l.r.SecurityGroups {
		g := &l.r.SecurityGroups[i]
		for _, r := range g.Rules {
			if r.Group != "" && r.Group != g.ID {
				referred[r.Group] = true
			}
		}
	}
	same := map[string]*topology.SecurityGroup{}
	for i := range l.r.SecurityGroups {
		g := &l.r.SecurityGroups[i]
		l.groupUse(g, carried[g.ID], referred[g.ID])
		l.groupTwin(g, same)
		l.shadowed(g)
		l.nearQuota(g)
		for _, r := range g.Rules {
			l.stale(g, r)
			l.open(g, r)
		}
	}
}

// carried lists the groups that something carries.
func (l *linter) carried() map[string]bool {
	out := map[string]bool{}
	mark := func(ids []string) {
		for _, id := range ids {
			out[id] = true
		}
	}
	for i := range l.r.Interfaces {
		mark(l.r.Interfaces[i].Groups)
	}
	for i := range l.r.LoadBalancers {
		mark(l.r.LoadBalancers[i].Groups)
	}
	for i := range l.r.DBInstances {
		mark(l.r.DBInstances[i].Groups)
	}
	for i := range l.r.Endpoints {
		mark(l.r.Endpoints[i].Groups)
	}
	return out
}

func (l *linter) groupUse(g *topology.SecurityGroup, carried, referred bool) {
	if carried || g.Name == "default" || l.unread("DescribeNetworkInterfaces", g.Scope) {
		return
	}
	if referred {
		l.add(Finding{Rule: "sg-unattached", Severity: Low, Resource: g.ID, Reason: "rules of other groups refer to " + l.s.Label(g.ID) + ", and no interface carries it: they admit nobody",
			Remedy: "remove those rules, or put the group on the interfaces that it is for"}, g.Scope)
		return
	}
	l.add(Finding{Rule: "sg-unused", Severity: Low, Resource: g.ID, Reason: "nothing carries " + l.s.Label(g.ID) + " and no rule refers to it",
		Remedy: "delete the group, unless a launch template or another account needs it"}, g.Scope)
}

// groupTwin finds groups of one VPC with equal rules.
func (l *linter) groupTwin(g *topology.SecurityGroup, same map[string]*topology.SecurityGroup) {
	if len(g.Rules) < 2 {
		return // a group with one rule, such as AWS's own egress, says little
	}
	keys := []string{g.VPC}
	for _, r := range g.Rules {
		keys = append(keys, strings.ReplaceAll(r.Key(), g.ID, "itself"))
	}
	slices.Sort(keys[1:])
	key := strings.Join(keys, "\n")
	first, ok := same[key]
	if !ok {
		same[key] = g
		return
	}
	l.add(Finding{Rule: "sg-duplicate", Severity: Low, Resource: g.ID, Detail: first.ID,
		Reason: fmt.Sprintf("%s has the same rules as %s", l.s.Label(g.ID), l.s.Label(first.ID)),
		Remedy: "use one of the two on all interfaces"}, g.Scope)
}

// shadowed finds rules that another rule contains. A table by peer keeps it
// from comparing each with each.
func (l *linter) shadowed(g *topology.SecurityGroup) {
	type place struct {
		d      topology.Direction
		prefix netip.Prefix
		peer   string
	}
	at := map[place][]int{}
	placeOf := func(r *topology.SecurityGroupRule) place {
		if r.CIDR.IsValid() {
			return place{d: r.Direction, prefix: r.CIDR}
		}
		return place{d: r.Direction, peer: r.Peer()}
	}
	for i := range g.Rules {
		p := placeOf(&g.Rules[i])
		at[p] = append(at[p], i)
	}
	for i := range g.Rules {
		r := &g.Rules[i]
		p := placeOf(r)
		places := []place{p}
		if p.prefix.IsValid() {
			for bits := p.prefix.Bits() - 1; bits >= 0; bits-- {
				places = append(places, place{d: r.Direction, prefix: netip.PrefixFrom(p.prefix.Addr(), bits).Masked()})
			}
		}
		by := l.container(g, i, func(yield func(int) bool) {
			for _, p := range places {
				for _, j := range at[p] {
					if !yield(j) {
						return
					}
				}
			}
		})
		if by >= 0 {
			l.add(Finding{Rule: "sg-rule-shadowed", Severity: Low, Resource: g.ID, Detail: r.Key(),
				Reason: fmt.Sprintf("%s of %s opens nothing that %s does not open", r.Key(), l.s.Label(g.ID), g.Rules[by].Key()), Evidence: l.use(r.Ref(g.ID)),
				Remedy: "remove the rule", Change: &Change{"sg-rule-remove", g.ID, r.Key()}}, g.Scope)
		}
	}
}

func (l *linter) container(g *topology.SecurityGroup, i int, candidates func(func(int) bool)) int {
	cols := g.Rules[i].Columns()
	by := -1
	candidates(func(j int) bool {
		other := g.Rules[j].Columns()
		// Of two that open the same the first stays.
		if j == i || !other.Contains(cols) || other == cols && g.Rules[j].Peer() == g.Rules[i].Peer() && j > i {
			return true
		}
		by = j
		return false
	})
	return by
}

func (l *linter) nearQuota(g *topology.SecurityGroup) {
	quota := defaultPerGroup
	if v, ok := l.s.Quota(g.Scope, rulesPerGroup); ok {
		quota = v
	}
	count := map[string]int{}
	for _, r := range g.Rules {
		n := 1
		if list, ok := l.s.PrefixList(r.PrefixList); ok && r.PrefixList != "" {
			n = max(list.MaxEntries, len(list.Entries), 1)
		}
		v4, v6 := true, true
		if r.CIDR.IsValid() {
			v4, v6 = r.CIDR.Addr().Is4(), r.CIDR.Addr().Is6()
		}
		if v4 {
			count[string(r.Direction)+" ipv4"] += n
		}
		if v6 {
			count[string(r.Direction)+" ipv6"] += n
		}
	}
	for _, side := range []string{"ingress ipv4", "ingress ipv6", "egress ipv4", "egress ipv6"} {
		if n := count[side]; float64(n) >= nearShare*float64(quota) && quota > 0 {
			l.add(Finding{Rule: "sg-near-quota", Severity: Medium, Resource: g.ID, Detail: side,
				Reason: fmt.Sprintf("%s counts %d rules %s of %d", l.s.Label(g.ID), n, side, quota),
				Remedy: "flowcover plan finds the fewest rules that carry what flows; or ask AWS for a higher quota"}, g.Scope)
		}
	}
}

// stale finds references that AWS does not follow.
func (l *linter) stale(g *topology.SecurityGroup, r topology.SecurityGroupRule) {
	if r.Group == "" || r.Group == g.ID {
		return
	}
	f := Finding{Rule: "sg-stale-reference", Severity: Medium, Resource: g.ID, Detail: r.Key(), Evidence: l.use(r.Ref(g.ID)),
		Remedy: "remove the rule", Change: &Change{"sg-rule-remove", g.ID, r.Key()}}
	other, ok := l.s.SecurityGroup(r.Group)
	switch {
	case !ok && (r.GroupOwner != "" && r.GroupOwner != g.Account || l.unread("DescribeSecurityGroups", g.Scope)):
		l.not["references to groups of accounts that are not in the snapshot"] = true
		return
	case !ok:
		f.Reason = fmt.Sprintf("%s of %s refers to a group that does not exist", r.Key(), l.s.Label(g.ID))
	case !l.s.ReferenceHolds(g, other, r.Direction):
		f.Reason = fmt.Sprintf("%s of %s refers to a group of %s, which no peering or transit gateway joins in a way that carries references", r.Key(), l.s.Label(g.ID), l.s.Label(other.VPC))
	default:
		return
	}
	l.add(f, g.Scope)
}

// open finds doors to the world.
func (l *linter) open(g *topology.SecurityGroup, r topology.SecurityGroupRule) {
	if r.Direction != topology.Ingress || !r.CIDR.IsValid() || r.CIDR.Bits() != 0 {
		return
	}
	for _, kind := range []struct {
		rule, word string
		ports      []netset.Columns
	}{{"sg-open-admin", "administration", l.o.AdminPorts}, {"sg-open-database", "database", l.o.DatabasePorts}} {
		var hit []string
		for _, c := range kind.ports {
			if r.Columns().Overlaps(c) {
				hit = append(hit, c.String())
			}
		}
		if len(hit) == 0 {
			continue
		}
		more := ""
		if len(hit) > 4 {
			more = fmt.Sprintf(" and %d more", len(hit)-4)
			hit = hit[:4]
		}
		l.add(Finding{Rule: kind.rule, Severity: High, Resource: g.ID, Detail: r.Key(), Evidence: l.use(r.Ref(g.ID)),
			Reason: fmt.Sprintf("%s opens %s ports to %s: %s%s", l.s.Label(g.ID), kind.word, r.CIDR, strings.Join(hit, ", "), more),
			Remedy: "admit the networks that need it instead; flowcover plan finds them", Change: &Change{"sg-rule-remove", g.ID, r.Key()}}, g.Scope)
	}
}
