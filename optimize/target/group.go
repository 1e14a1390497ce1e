package target

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/optimize"
	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

// groupKey names one direction of a security group.
type groupKey struct {
	group string
	dir   topology.Direction
}

// groupNeeds is what the flows ask of the security groups.
type groupNeeds struct {
	cells map[groupKey][]optimize.Cell
	// hold says which rules must stand for a flow that no cell stands for, by
	// the rule's key, and why.
	hold     map[groupKey]map[string]string
	findings []analyze.Finding
}

// directionOf is that of the rule which a flow needs at its own end.
func directionOf(side analyze.Side) (topology.Direction, bool) {
	switch side {
	case analyze.In:
		return topology.Ingress, true
	case analyze.Out:
		return topology.Egress, true
	}
	return "", false
}

// ByName says whether a flow was approved by its id, whatever spoke against it:
// only such a flow may ask for what today's rules close.
func ByName(f *analyze.Flow) bool {
	return f.Approved && slices.ContainsFunc(f.Reasons, func(r string) bool { return strings.HasPrefix(r, analyze.ReasonByName) })
}

// collectGroups hands each approved flow's cells to its security group.
func (in *builder) collectGroups() groupNeeds {
	n := groupNeeds{cells: map[groupKey][]optimize.Cell{}, hold: map[groupKey]map[string]string{}}
	open := map[groupKey]*netset.Set{}
	for i := range in.Flows {
		f := &in.Flows[i]
		if f.Holds && !f.Approved {
			n.holdRules(f)
		}
		if f.Approved && f.Group != "" {
			in.addGroupCells(&n, open, f)
		}
	}
	return n
}

// holdRules pins the rules that must stand because of a flow whose need cannot
// be written as a cell.
func (n *groupNeeds) holdRules(f *analyze.Flow) {
	why := "flow " + f.ID + " may need it"
	if len(f.Reasons) > 0 {
		why += ": " + f.Reasons[0]
	}
	for _, ref := range f.AdmittedBy {
		for _, dir := range []topology.Direction{topology.Ingress, topology.Egress} {
			if ref.Kind != topology.KindSGRule || !strings.HasPrefix(ref.Rule, string(dir)+" ") {
				continue
			}
			k := groupKey{ref.Resource, dir}
			if n.hold[k] == nil {
				n.hold[k] = map[string]string{}
			}
			if have, ok := n.hold[k][ref.Rule]; !ok || why < have {
				n.hold[k][ref.Rule] = why
			}
		}
	}
}

func (in *builder) addGroupCells(n *groupNeeds, open map[groupKey]*netset.Set, f *analyze.Flow) {
	dir, settled := directionOf(f.Side)
	k := groupKey{f.Group, dir}
	set, ok := open[k]
	if !ok {
		set = in.Snapshot.GroupOpens(f.Group, dir)
		open[k] = set
	}
	_, known := in.Snapshot.SecurityGroup(f.Group)
	cols, clear := in.columns(f, set, f.Peer)
	if !settled || !known || !clear || !f.Peer.IsValid() {
		n.findings = append(n.findings, analyze.Finding{Kind: "no-rule", Severity: "medium", Resource: f.Group,
			Message: fmt.Sprintf("flow %s is approved, and no rule can be made of it: its side, protocol, port or security group is not known", f.ID)})
		return
	}
	named := in.byReference(f)
	for _, c := range cols {
		b := netset.Block{Prefix: host(f.Peer), Columns: c}
		if !named {
			b.Prefix = in.lasting(f, k, set, f.Peer, c)
		}
		if !set.ContainsBlock(b) && !ByName(f) {
			n.findings = append(n.findings, analyze.Finding{Kind: "not-admitted", Severity: "medium", Resource: f.Group,
				Message: fmt.Sprintf("flow %s needs %s, which %s does not admit today; it is not opened", f.ID, b, f.Group)})
			continue
		}
		n.cells[k] = append(n.cells[k], optimize.Cell{Block: b, Flow: f.ID})
	}
}

// columns gives the columns that a flow needs towards a peer where today's
// rules open set. known is false if the flow's log names no protocol or port.
func (in *builder) columns(f *analyze.Flow, set *netset.Set, peer netip.Addr) (cols []netset.Columns, known bool) {
	p := f.Protocol
	switch {
	case p == analyze.UnknownProtocol || p < 0 || p > 255:
		return nil, false
	case p.HasTypes():
		return icmpColumns(in.Policy.ICMP, p, set, peer), true
	case p.HasPorts():
		if f.Port < 0 || f.Port > 65535 {
			return nil, false
		}
		return []netset.Columns{netset.PortColumns(p, uint16(f.Port), uint16(f.Port))}, true
	}
	return []netset.Columns{netset.ProtocolColumns(p)}, true
}

// icmpColumns gives the wanted types that set opens to peer; where it opens
// none of those, all the types it opens. Flow logs name no ICMP type.
func icmpColumns(wanted []netset.Columns, p netset.Protocol, set *netset.Set, peer netip.Addr) []netset.Columns {
	var blocks []netset.Block
	for _, c := range wanted {
		if c.Protocol() == p {
			blocks = append(blocks, netset.Block{Prefix: host(peer), Columns: c})
		}
	}
	if got := set.Intersect(netset.Of(blocks...)); !got.IsEmpty() {
		return columnsOf(got)
	}
	got := set.Intersect(netset.Of(netset.Block{Prefix: host(peer), Columns: netset.ProtocolColumns(p)}))
	if got.IsEmpty() { // nothing is open: the policy's types are what a demand asks for
		return columnsOf(netset.Of(blocks...))
	}
	return columnsOf(got)
}

// columnsOf lists the columns of a set over one address, each ICMP interval
// cut into pieces that a rule can express: all types, one type, or one code.
func columnsOf(s *netset.Set) []netset.Columns {
	var out []netset.Columns
	for _, b := range s.Blocks() {
		out = append(out, Expressible(b.Columns)...)
	}
	slices.SortFunc(out, netset.Columns.Compare)
	return slices.Compact(out)
}

// groupTargets builds the targets of one security group.
func (in *builder) groupTargets(g *topology.SecurityGroup, n *groupNeeds) ([]Target, []analyze.Finding, error) {
	q, err := GroupQuota(in.Snapshot, g.Scope)
	if err != nil {
		return nil, nil, err
	}
	var out []Target
	var findings []analyze.Finding
	for _, dir := range []topology.Direction{topology.Ingress, topology.Egress} {
		k := groupKey{g.ID, dir}
		open := in.Snapshot.GroupOpens(g.ID, dir)
		for _, v6 := range []bool{false, true} {
			t, ok, err := in.groupTarget(g, dir, v6, q, open, n.cells[k], n.hold[k])
			if err != nil {
				return nil, nil, err
			}
			if !ok {
				continue
			}
			if t.Reason != "" {
				findings = append(findings, analyze.Finding{Kind: t.Outcome, Severity: "low", Resource: g.ID, Message: t.ID + ": " + t.Reason})
			}
			out = append(out, t)
		}
	}
	return out, findings, nil
}

// groupTarget builds one target. ok is false if the list has neither rules nor
// flows in the family.
func (in *builder) groupTarget(g *topology.SecurityGroup, dir topology.Direction, v6 bool, q int,
	open *netset.Set, cells []optimize.Cell, hold map[string]string) (t Target, ok bool, err error) {
	t = Target{
		ID:       g.ID + " " + string(dir) + " " + familyName(v6),
		Resource: g.ID, Kind: KindGroup, Account: g.Account, Region: g.Region,
		Direction: dir, Family: familyName(v6), Open: open.Only(v6), Weight: in.weights,
	}
	var rules, own []topology.SecurityGroupRule
	for _, r := range g.Rules {
		if r.Direction != dir {
			continue
		}
		if p := RulePrice(in.Snapshot, r, v6); p > 0 {
			t.Before += p
			rules = append(rules, r)
			if r.CIDR.IsValid() || !v6 {
				own = append(own, r)
			}
		}
	}
	for _, c := range cells {
		if isV6(c.Prefix.Addr()) == v6 {
			t.Cells = append(t.Cells, c)
		}
	}
	if len(t.Cells) == 0 && len(own) == 0 {
		return t, false, nil
	}
	t.Cells = sortCells(t.Cells)
	t.Flows = flowIDs(t.Cells)
	t.Demands = demandsOf(t.Cells, t.Open)
	if t.Quota, err = in.Policy.limit(t.ID, g.ID, q); err != nil {
		return t, false, err
	}
	t.Coverage, t.CoverageReasons = in.coverage(g.ID)
	p := in.groupProblem(g, &t, v6, rules, hold)
	switch {
	case t.Coverage < in.Policy.MinCoverage:
		t.keepAll(OutcomeInsufficient, evidenceReason(t.Coverage, in.Policy.MinCoverage, t.CoverageReasons))
	case len(t.Cells) == 0 && len(in.Snapshot.InterfacesInGroup(g.ID)) == 0:
		t.keepAll(OutcomeInsufficient, "the group has no network interface, so no flow could show which rules it needs; its rules stay")
	case len(t.Cells) == 0:
		t.Outcome, t.Reason = OutcomeNoFlows, "no approved flow used it in the window"
		t.pins, t.pinsOpen = p.Pinned, p.PinnedOpen
	default:
		t.Problems = []*optimize.Problem{p}
	}
	return t, true, nil
}

// keepAll leaves the list as it stands. What is demanded and not open yet is
// not granted on evidence that does not suffice.
func (t *Target) keepAll(outcome, reason string) {
	t.Kept, t.Outcome, t.Reason = true, outcome, reason
}

func evidenceReason(score, least float64, reasons []string) string {
	s := fmt.Sprintf("coverage of the evidence %.2f is below %.2f; its rules stay", score, least)
	if len(reasons) > 0 {
		s += ": " + strings.Join(reasons, "; ")
	}
	return s
}

// groupProblem writes the list down for the optimizer.
func (in *builder) groupProblem(g *topology.SecurityGroup, t *Target, v6 bool, rules []topology.SecurityGroupRule, hold map[string]string) *optimize.Problem {
	p := &optimize.Problem{
		ID: t.ID, V6: v6, K: t.Quota, Approved: t.Cells,
		Forbidden: in.forbidden(g.ID, t.Direction, v6),
		Weight:    in.weights,
		MaxPrefix: in.Policy.MaxPrefixV4,
	}
	if v6 {
		p.MaxPrefix = in.Policy.MaxPrefixV6
	}
	if !in.Policy.AllowWidening {
		p.Open = t.Open.Union(t.Demands)
	}
	pinned := netset.Of()
	t.Pinned = map[string]string{}
	for _, r := range rules {
		opens := in.Snapshot.RuleOpens(g, r).Only(v6)
		rule := optimize.Rule{Block: netset.Block{Prefix: r.CIDR, Columns: r.Columns()}, Price: RulePrice(in.Snapshot, r, v6)}
		if !r.CIDR.IsValid() {
			rule.Block = netset.Block{Columns: r.Columns()}
			rule.Ref = r.Peer()
			t.References = append(t.References, optimize.Reference{Rule: rule, Opens: opens})
		}
		if why, ok := in.pin(r, opens, hold); ok {
			t.Pinned[r.Key()] = why
			p.Pinned = append(p.Pinned, rule)
			pinned = pinned.Union(opens)
			continue
		}
		p.Current = append(p.Current, rule)
		if rule.Ref == "" {
			continue
		}
		p.References = append(p.References, in.referenceCandidates(rule, r, opens, t.Cells)...)
	}
	p.PinnedOpen = pinned
	p.References = sortReferences(p.References)
	return p
}

// pin says whether a rule that opens this must stay, and why.
func (in *builder) pin(r topology.SecurityGroupRule, opens *netset.Set, hold map[string]string) (why string, ok bool) {
	if why, ok := hold[r.Key()]; ok {
		return why, true
	}
	if in.Policy.Keep != nil && !opens.IsEmpty() && in.Policy.Keep.ContainsSet(opens) {
		return "policy keeps it", true
	}
	return "", false
}

// forbidden gathers what no rule of the list may open.
func (in *builder) forbidden(resource string, dir topology.Direction, v6 bool) *netset.Set {
	s := netset.Of(in.forbids[groupKey{resource, dir}]...)
	if in.Policy.Forbidden != nil {
		s = s.Union(in.Policy.Forbidden)
	}
	if s = s.Only(v6); s.IsEmpty() {
		return nil
	}
	return s
}
