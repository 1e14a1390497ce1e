package topology

import (
	"fmt"
	"net/netip"
	"slices"
	"sync"

	"github.com/flowcover/flowcover/topology/netset"
)

// groupRules is a security group with its rules made ready for many flows,
// when first asked.
type groupRules struct {
	group *SecurityGroup
	once  sync.Once
	dirs  [2][]readyRule
	edges [2]edges
}

type readyRule struct {
	rule *SecurityGroupRule
	cols netset.Columns
	ref  RuleRef
}

func (g *groupRules) rules(d Direction) []readyRule {
	g.once.Do(func() {
		for i := range g.group.Rules {
			r := &g.group.Rules[i]
			at := &g.dirs[side(r.Direction)]
			*at = append(*at, readyRule{r, r.Columns(), r.Ref(g.group.ID)})
		}
	})
	return g.dirs[side(d)]
}

func side(d Direction) int {
	if d == Ingress {
		return 0
	}
	return 1
}

// Ref names the rule as one of a group's.
func (r SecurityGroupRule) Ref(group string) RuleRef {
	return RuleRef{Kind: KindSGRule, Resource: group, Rule: r.Key(), ID: r.ID}
}

// Ref names the entry as one of an ACL's. The final deny has a number of its
// own in each family.
func (e NetworkACLEntry) Ref(acl string) RuleRef {
	return RuleRef{Kind: KindACLEntry, Resource: acl, Rule: fmt.Sprintf("%s %d", e.Direction, e.Number)}
}

// aclRules is an ACL with its entries by direction and number.
type aclRules struct {
	acl   *NetworkACL
	once  sync.Once
	dirs  [2][]readyEntry
	edges [2]edges
}

type readyEntry struct {
	entry *NetworkACLEntry
	cols  netset.Columns
	ref   RuleRef
}

func (a *aclRules) entries(d Direction) []readyEntry {
	a.once.Do(func() {
		for i := range a.acl.Entries {
			e := &a.acl.Entries[i]
			at := &a.dirs[side(e.Direction)]
			*at = append(*at, readyEntry{e, e.Columns(), e.Ref(a.acl.ID)})
		}
	})
	return a.dirs[side(d)]
}

// finalDeny is the deny that every ACL ends with, also where no answer lists it.
func finalDeny(acl string, d Direction, v6 bool) RuleRef {
	number := 32767
	if v6 {
		number = 32768
	}
	return NetworkACLEntry{Number: number, Direction: d}.Ref(acl)
}

// RuleOpens gives what a rule of g opens: remote addresses times columns. A
// reference stands for its members' private addresses, as far as AWS follows
// references between the two VPCs; a prefix list for its entries. What the
// snapshot does not know adds nothing.
func (s *Snapshot) RuleOpens(g *SecurityGroup, r SecurityGroupRule) *netset.Set {
	cols := r.Columns()
	var blocks []netset.Block
	for _, p := range s.rulePrefixes(g, &r) {
		blocks = append(blocks, netset.Block{Prefix: p, Columns: cols})
	}
	return netset.Of(blocks...)
}

func (s *Snapshot) rulePrefixes(g *SecurityGroup, r *SecurityGroupRule) []netip.Prefix {
	switch {
	case r.PrefixList != "":
		if l, ok := s.ix.prefixLists[r.PrefixList]; ok {
			return l.Entries
		}
		return nil
	case r.Group != "":
		var out []netip.Prefix
		for _, n := range s.ix.eniInGroup[r.Group] {
			if !s.referenceReaches(g, n, r.Direction) {
				continue
			}
			for _, a := range n.Addresses {
				out = append(out, netip.PrefixFrom(a, a.BitLen()))
			}
			out = append(out, n.Prefixes...)
		}
		return out
	}
	return []netip.Prefix{r.CIDR}
}

// referenceReaches says whether a rule of g that references a group of n
// admits n: within g's VPCs, over an active peering, and for ingress over a
// transit gateway that carries references on both sides.
func (s *Snapshot) referenceReaches(g *SecurityGroup, n *NetworkInterface, d Direction) bool {
	if s.referenceLocal(g.VPC, n.VPC, d) || slices.Contains(g.VPCs, n.VPC) {
		return true
	}
	return slices.ContainsFunc(g.VPCs, func(v string) bool { return s.referenceLocal(v, n.VPC, d) })
}

func (s *Snapshot) referenceLocal(a, b string, d Direction) bool {
	if a == b || s.ix.peered[[2]string{a, b}] {
		return true
	}
	if d != Ingress {
		return false
	}
	return slices.ContainsFunc(s.ix.refTGWs[a], func(t string) bool { return slices.Contains(s.ix.refTGWs[b], t) })
}

// GroupOpens gives what all rules of a group open together in one direction.
func (s *Snapshot) GroupOpens(sg string, d Direction) *netset.Set {
	g, ok := s.groups[sg]
	if !ok {
		return netset.Of()
	}
	var blocks []netset.Block
	for _, r := range g.rules(d) {
		for _, p := range s.rulePrefixes(g.group, r.rule) {
			blocks = append(blocks, netset.Block{Prefix: p, Columns: r.cols})
		}
	}
	return netset.Of(blocks...)
}

// ACLOpens gives what an ACL admits in one direction, both families: of the
// entries that match, the one with the lowest number decides.
func (s *Snapshot) ACLOpens(acl string, d Direction) *netset.Set {
	a, ok := s.acls[acl]
	if !ok {
		return netset.Of()
	}
	open, denied := netset.Of(), netset.Of()
	for _, e := range a.entries(d) {
		b := netset.Of(netset.Block{Prefix: e.entry.CIDR, Columns: e.cols})
		if e.entry.Allow {
			open = open.Union(b.Subtract(denied))
		} else {
			denied = denied.Union(b.Subtract(open))
		}
	}
	return open
}

// GroupAdmits lists the rules of a group that admit a peer on a column.
func (s *Snapshot) GroupAdmits(sg string, d Direction, peer netip.Addr, c netset.Column) []RuleRef {
	g, ok := s.groups[sg]
	if !ok {
		return nil
	}
	peer = peer.Unmap()
	var out []RuleRef
	var here []*NetworkInterface
	asked := false
	for _, r := range g.rules(d) {
		if c < r.cols.First || c > r.cols.Last {
			continue
		}
		if r.rule.Group == "" {
			if s.matchesPrefix(r.rule, peer) {
				out = append(out, r.ref)
			}
			continue
		}
		if !asked {
			here, asked = s.InterfacesAt(peer), true
		}
		if slices.ContainsFunc(here, func(n *NetworkInterface) bool {
			return slices.Contains(n.Groups, r.rule.Group) && s.referenceReaches(g.group, n, d)
		}) {
			out = append(out, r.ref)
		}
	}
	return out
}

// matchesPrefix says whether a rule's CIDR or prefix list holds an address.
func (s *Snapshot) matchesPrefix(r *SecurityGroupRule, a netip.Addr) bool {
	if r.PrefixList != "" {
		t, ok := s.ix.lists[r.PrefixList]
		if !ok {
			return false
		}
		_, ok = t.Lookup(a)
		return ok
	}
	return r.CIDR.Contains(a)
}

// ACLDecides gives the entry of an ACL that decides on a remote address and a
// column, and whether it allows. An ACL that is not in the snapshot denies.
func (s *Snapshot) ACLDecides(acl string, d Direction, remote netip.Addr, c netset.Column) (RuleRef, bool) {
	ref, _, allow := s.aclDecides(acl, d, remote.Unmap(), netset.Columns{First: c, Last: c})
	return ref, allow
}

// aclDecides asks for an interval of columns, all of which must pass. It gives
// the deciding entry and, where it denies, the columns that it denies first.
// Of several entries that allow parts, the one for the first column is named.
func (s *Snapshot) aclDecides(acl string, d Direction, remote netip.Addr, cols netset.Columns) (RuleRef, netset.Columns, bool) {
	a, ok := s.acls[acl]
	if !ok {
		return finalDeny(acl, d, remote.Is6()), cols, false
	}
	var store [8]netset.Columns
	left := append(store[:0], cols)
	var first RuleRef
	found := false
	for _, e := range a.entries(d) {
		if !e.entry.CIDR.Contains(remote) {
			continue
		}
		next := left[:0:0]
		for _, iv := range left {
			if !iv.Overlaps(e.cols) {
				next = append(next, iv)
				continue
			}
			if !e.entry.Allow {
				return e.ref, netset.Columns{First: max(iv.First, e.cols.First), Last: min(iv.Last, e.cols.Last)}, false
			}
			if !found || iv.First == cols.First && e.cols.First <= cols.First {
				first, found = e.ref, true
			}
			if iv.First < e.cols.First {
				next = append(next, netset.Columns{First: iv.First, Last: e.cols.First - 1})
			}
			if iv.Last > e.cols.Last {
				next = append(next, netset.Columns{First: e.cols.Last + 1, Last: iv.Last})
			}
		}
		if len(next) == 0 {
			return first, netset.Columns{}, true
		}
		left = next
	}
	return finalDeny(acl, d, remote.Is6()), left[0], false
}
