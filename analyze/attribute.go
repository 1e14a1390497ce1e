package analyze

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

// Attribute gives each flow its VPC, subnet, security group and admitting
// rules, decides whether it is approved, classifies and ranks it. The flows it
// returns are copies, ordered by rank.
//
// Today is the newest snapshot. An ENI in none is attributed through its
// siblings: the ENIs of its ECS service, else of its subnet, if all of them
// have the same groups. A rule that references a group still counts where the
// flow's peer was a member when it was seen and is gone now; such a flow makes
// no cell but holds the rule.
func Attribute(flows []Flow, ev Evidence, w Window) ([]Flow, []Finding) {
	return attribute(slices.Clone(flows), ev, w)
}

// attribute is Attribute on flows that are the caller's to change.
func attribute(out []Flow, ev Evidence, w Window) ([]Flow, []Finding) {
	a := newAttributor(out, ev, w)
	if !slices.IsSortedFunc(out, func(x, y Flow) int { return compareFlowKeys(&x, &y) }) {
		slices.SortFunc(out, func(x, y Flow) int { return compareFlowKeys(&x, &y) })
	}
	named := map[string]bool{}
	for _, id := range ev.Policy.Approve {
		named[id] = false
	}
	for i := range out {
		f := &out[i]
		f.Attribution = Attribution{}
		a.place(f)
		f.Class, f.Why = a.classify(f)
		if v, ok := a.services.At(f.VPC, f.Peer); ok {
			f.Why = append(f.Why, "its peer is one of "+v.Name+" in "+v.Range.String())
		}
		a.approve(f)
		if _, ok := named[f.ID]; ok {
			named[f.ID] = true
			a.approveByName(f)
		}
	}
	rank(out, a)
	found := a.findings()
	for _, id := range sortedKeys(named, strings.Compare) {
		if !named[id] {
			found = append(found, Finding{Kind: "unknown-flow", Severity: "high", Resource: id,
				Message: "no flow of this id is in the observations; it was to be approved by name"})
		}
	}
	slices.SortFunc(found, compareFindings)
	return out, found
}

type attributor struct {
	w      *world
	today  *topology.Snapshot
	policy Policy
	window windowDays
	// accounts of the newest snapshot.
	accounts map[string]bool
	gone     map[netip.Addr][]string // addresses of ENIs in no snapshot
	services *Services
	placed   map[string]*placement
	networks []netip.Prefix // of the VPCs of all snapshots

	scratch      []int
	unattributed map[string]int // ENI -> flows
	outside      map[string]int // account -> flows
}

// placement is what is known of one ENI.
type placement struct {
	vpc, subnet string
	// groups are today's, in the order in which they are asked to carry a flow.
	groups  []string
	inSnap  bool
	unsure  bool   // groups are those of all siblings, which differ
	note    string // why it is unattributed
	acl     string // of its subnet, today
	cidrs   []netip.Prefix
	outside bool // of an account that no snapshot holds
}

func newAttributor(flows []Flow, ev Evidence, w Window) *attributor {
	a := &attributor{
		w: newWorld(ev.Snapshots, ev.Hours), policy: ev.Policy, window: daysOf(w, flows),
		accounts: map[string]bool{}, placed: map[string]*placement{},
		unattributed: map[string]int{}, outside: map[string]int{},
	}
	a.today = a.w.newest()
	for _, sn := range a.w.snaps {
		for _, id := range sn.Snapshot.Accounts() {
			a.accounts[id] = true
		}
		for _, v := range sn.Snapshot.Resources().VPCs {
			a.networks = append(a.networks, v.CIDRs...)
		}
	}
	slices.SortFunc(a.networks, func(x, y netip.Prefix) int { return netset.Block{Prefix: x}.Compare(netset.Block{Prefix: y}) })
	a.networks = slices.Compact(a.networks)
	a.gone = goneAddresses(flows, a.w)
	a.services = newServices(a.w, a.gone)
	return a
}

// internet says whether an address lies neither in private space nor in a VPC.
func (a *attributor) internet(x netip.Addr) bool {
	return x.IsValid() && !private(x) &&
		!slices.ContainsFunc(a.networks, func(p netip.Prefix) bool { return p.Contains(x) })
}

// place fills in where the flow belongs and which rules admit it today.
func (a *attributor) place(f *Flow) {
	if a.today == nil || noENI(f.ENI) {
		return
	}
	p := a.placed[f.ENI]
	if p == nil {
		p = a.placement(f)
		a.placed[f.ENI] = p
	}
	f.VPC, f.Subnet = p.vpc, p.subnet
	d, cols, ok := f.asks()
	switch {
	case p.outside:
		a.outside[f.Account]++
		return
	case p.unsure:
		a.unattributed[f.ENI]++
		if ok {
			for _, g := range p.groups {
				refs, _ := a.admitted(f, g, d, cols)
				f.AdmittedBy = append(f.AdmittedBy, refs...)
			}
		}
		f.Holds = f.Action == Accept && len(f.AdmittedBy) > 0
		return
	case len(p.groups) == 0 || !ok:
		return
	}
	f.Group = p.groups[0]
	for _, g := range p.groups {
		refs, byMembership := a.admitted(f, g, d, cols)
		if len(refs) == 0 || (byMembership && f.Holds) {
			continue
		}
		f.Group, f.AdmittedBy, f.Holds = g, refs, byMembership && f.Action == Accept
		if !byMembership {
			return
		}
	}
}

// asks gives the direction and the columns that a rule must admit.
func (f *Flow) asks() (topology.Direction, netset.Columns, bool) {
	d := topology.Ingress
	switch f.Side {
	case Out:
		d = topology.Egress
	case In:
	default:
		return d, netset.Columns{}, false
	}
	switch {
	case f.Protocol == UnknownProtocol || f.Protocol == netset.AllProtocols:
		return d, netset.Columns{}, false
	case f.Protocol.HasPorts() && f.Port == NoPort:
		return d, netset.Columns{}, false
	case f.Protocol.HasPorts():
		return d, netset.PortColumns(f.Protocol, uint16(f.Port), uint16(f.Port)), true
	}
	return d, netset.ProtocolColumns(f.Protocol), true
}

// admitted lists the rules of the group that admit the flow today. byMembership:
// only rules that reference a group or prefix list do, and only because the
// peer was a member then.
func (a *attributor) admitted(f *Flow, group string, d topology.Direction, cols netset.Columns) (refs []topology.RuleRef, byMembership bool) {
	refs = admitting(a.today, group, d, f.Peer, cols)
	if len(refs) > 0 {
		return refs, false
	}
	g, ok := a.today.SecurityGroup(group)
	if !ok {
		return nil, false
	}
	byReference := func(r topology.SecurityGroupRule) bool {
		return (r.Group != "" || r.PrefixList != "") && r.Direction == d && r.Columns().Overlaps(cols)
	}
	if !slices.ContainsFunc(g.Rules, byReference) {
		return nil, false
	}
	var then []topology.RuleRef
	if old := a.w.nearest(f); old != a.today {
		then = admitting(old, group, d, f.Peer, cols)
	}
	members := a.groupsOfGone(f.Peer)
	for _, r := range g.Rules {
		if !byReference(r) {
			continue
		}
		stood := slices.ContainsFunc(then, func(x topology.RuleRef) bool { return x.Rule == r.Key() })
		if stood || (r.Group != "" && slices.Contains(members, r.Group)) {
			refs = append(refs, topology.RuleRef{Kind: "sg-rule", Resource: group, Rule: r.Key(), ID: r.ID})
		}
	}
	return refs, len(refs) > 0
}

// groupsOfGone gives the groups of ENIs that held the address and are gone. An
// address that somebody else holds today tells nothing of who held it then.
func (a *attributor) groupsOfGone(x netip.Addr) []string {
	if len(a.today.InterfacesAt(x)) > 0 {
		return nil
	}
	var out []string
	for _, id := range a.gone[x] {
		if p := a.placed[id]; p != nil && !p.unsure {
			out = append(out, p.groups...)
		} else if p == nil {
			if p := a.siblings(id); !p.unsure {
				out = append(out, p.groups...)
			}
		}
	}
	return out
}

// placement finds an ENI in the snapshots, or its siblings.
func (a *attributor) placement(f *Flow) *placement {
	i, snap := a.w.iface(f.ENI)
	if i == nil {
		p := a.siblings(f.ENI)
		if _, here := a.today.Subnet(p.subnet); !here && clean(f.Account) != "" && f.Account != "unknown" && !a.accounts[f.Account] {
			p.outside, p.unsure = true, false
		}
		a.guards(p)
		return p
	}
	p := &placement{vpc: i.VPC, subnet: i.Subnet, inSnap: true, groups: a.inOrder(i.Groups)}
	if snap != a.today && len(p.groups) == 0 && len(i.Groups) > 0 {
		p.unsure, p.note = true, "its ENI and its security groups are gone"
	}
	a.guards(p)
	return p
}

// guards adds what today's subnet says.
func (a *attributor) guards(p *placement) {
	if s, ok := a.today.Subnet(p.subnet); ok {
		p.cidrs = s.CIDRs
		if p.vpc == "" {
			p.vpc = s.VPC
		}
	}
	if acl, ok := a.today.SubnetACL(p.subnet); ok {
		p.acl = acl.ID
	}
}

// inOrder gives those of the groups that exist today: the one on the fewest
// ENIs first, then the lowest id.
func (a *attributor) inOrder(groups []string) []string {
	out := slices.DeleteFunc(slices.Clone(groups), func(g string) bool {
		_, ok := a.today.SecurityGroup(g)
		return !ok
	})
	slices.SortFunc(out, func(x, y string) int {
		return cmp.Or(len(a.today.InterfacesInGroup(x))-len(a.today.InterfacesInGroup(y)), strings.Compare(x, y))
	})
	return slices.Compact(out)
}

// siblings places an ENI that is in no snapshot.
func (a *attributor) siblings(eni string) *placement {
	h := a.w.hours[eni]
	p := &placement{vpc: clean(h.VPC), subnet: clean(h.Subnet)}
	var like []*topology.NetworkInterface
	if svc := clean(h.ECSService); svc != "" {
		for _, id := range sortedKeys(a.w.hours, strings.Compare) {
			if o := a.w.hours[id]; o.ECSService == svc && o.VPC == h.VPC {
				if i, ok := a.today.Interface(id); ok {
					like = append(like, i)
				}
			}
		}
	}
	if len(like) == 0 {
		for _, i := range a.today.InterfacesInSubnet(p.subnet) {
			if !forwards(i.Type) && len(i.Groups) > 0 && (h.InterfaceType == "" || h.InterfaceType == "-" || h.InterfaceType == i.Type) {
				like = append(like, i)
			}
		}
	}
	if len(like) == 0 {
		p.unsure = true
		p.note = "its ENI is in no snapshot and has no siblings there"
		return p
	}
	var all []string
	for _, i := range like {
		all = append(all, i.Groups...)
		if !slices.Equal(slices.Sorted(slices.Values(i.Groups)), slices.Sorted(slices.Values(like[0].Groups))) {
			p.unsure = true
			p.note = "its ENI is in no snapshot and its siblings in " + p.subnet + " have different security groups"
		}
	}
	p.groups = a.inOrder(all)
	return p
}

func clean(s string) string {
	if s == "-" {
		return ""
	}
	return s
}

func (a *attributor) findings() []Finding {
	var out []Finding
	for _, id := range sortedKeys(a.unattributed, strings.Compare) {
		out = append(out, Finding{Kind: "unattributed", Severity: "medium", Resource: id, Message: fmt.Sprintf(
			"%d flows: %s; rules that could have carried them stay", a.unattributed[id], a.placed[id].note)})
	}
	for _, id := range sortedKeys(a.outside, strings.Compare) {
		out = append(out, Finding{Kind: "outside-account", Severity: "medium", Resource: id, Message: fmt.Sprintf(
			"%d flows are of account %s, which no snapshot holds", a.outside[id], id)})
	}
	return out
}
