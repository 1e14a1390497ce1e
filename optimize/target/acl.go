package target

import (
	"fmt"
	"net/netip"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/optimize"
	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

// crossing is one passage of a flow over the boundary of a subnet.
type crossing struct {
	acl    string
	dir    topology.Direction
	remote netip.Addr // as it is at that hop: translated behind a NAT gateway
	reply  bool       // the answer's way, towards the opener's ephemeral port
}

// aclKey names one direction of a network ACL.
type aclKey = groupKey

// remoteKey names what one list opens towards one address.
type remoteKey struct {
	aclKey
	remote netip.Addr
}

// aclNeeds is what the flows ask of the network ACLs.
type aclNeeds struct {
	cells    map[aclKey][]optimize.Cell
	open     map[aclKey]*netset.Set
	byRemote map[remoteKey][]netset.Columns
	findings []analyze.Finding
}

// collectACLs hands each approved flow's service and return cells to every
// network ACL whose subnets' boundary its path crosses. A flow that merely holds
// its security group's rules needs the ACLs as well.
func (in *builder) collectACLs() aclNeeds {
	n := aclNeeds{cells: map[aclKey][]optimize.Cell{}, open: map[aclKey]*netset.Set{}, byRemote: map[remoteKey][]netset.Columns{}}
	for i := range in.Flows {
		f := &in.Flows[i]
		if !f.Approved && !f.Holds || !f.Peer.IsValid() || !f.Local.IsValid() {
			continue
		}
		for _, c := range in.crossings(f) {
			in.addCrossing(&n, f, c)
		}
	}
	return n
}

func (in *builder) addCrossing(n *aclNeeds, f *analyze.Flow, c crossing) {
	k := aclKey{c.acl, c.dir}
	for _, cols := range in.crossingColumns(f, c, in.openTo(n, k, c.remote)) {
		b := netset.Block{Prefix: in.lasting(f, k, n.open[k], c.remote, cols), Columns: cols}
		n.cells[k] = append(n.cells[k], optimize.Cell{Block: b, Flow: f.ID})
	}
}

// openTo lists the columns that the list opens towards one address, ascending.
func (in *builder) openTo(n *aclNeeds, k aclKey, remote netip.Addr) []netset.Columns {
	rk := remoteKey{k, remote}
	if cols, ok := n.byRemote[rk]; ok {
		return cols
	}
	set, ok := n.open[k]
	if !ok {
		set = in.Snapshot.ACLOpens(k.group, k.dir)
		n.open[k] = set
	}
	cols := set.ColumnsAt(remote)
	n.byRemote[rk] = cols
	return cols
}

// crossingColumns gives the columns that the flow needs at a crossing whose
// list opens those of open towards the remote address. What is not open today is
// asked for only by a flow that was approved by name.
func (in *builder) crossingColumns(f *analyze.Flow, c crossing, open []netset.Columns) []netset.Columns {
	want := in.wanted(f, c.reply)
	if got := intersect(want, open); len(got) > 0 {
		return got
	}
	if f.Protocol.HasTypes() {
		if got := intersect([]netset.Columns{netset.ProtocolColumns(f.Protocol)}, open); len(got) > 0 {
			return got
		}
	}
	if ByName(f) {
		return want
	}
	return nil
}

// wanted gives the columns of a flow's requests or of the answers to them.
func (in *builder) wanted(f *analyze.Flow, reply bool) []netset.Columns {
	p := f.Protocol
	switch {
	case p < 0 || p > 255:
		return nil
	case p.HasTypes():
		return in.icmpWanted(p, reply)
	case !p.HasPorts():
		return []netset.Columns{netset.ProtocolColumns(p)}
	case f.Port < 0 || f.Port > 65535:
		return nil
	case !reply:
		return []netset.Columns{netset.PortColumns(p, uint16(f.Port), uint16(f.Port))}
	}
	from, to := in.Policy.EphemeralFrom, in.Policy.EphemeralTo
	out := []netset.Columns{netset.PortColumns(p, from, to)}
	if lo, hi := f.OpenerPortLow, min(f.OpenerPortHigh, int(from)-1); lo >= 0 && lo <= hi {
		out = append(out, netset.PortColumns(p, uint16(lo), uint16(hi))) // NTP, NFS and the like
	}
	if lo, hi := max(f.OpenerPortLow, int(to)+1), f.OpenerPortHigh; f.OpenerPortLow >= 0 && lo <= hi && hi <= 65535 {
		out = append(out, netset.PortColumns(p, uint16(lo), uint16(hi)))
	}
	return out
}

// icmpWanted is the policy's types of p; for the answer also what answers them.
func (in *builder) icmpWanted(p netset.Protocol, reply bool) []netset.Columns {
	var out []netset.Columns
	for _, c := range in.Policy.ICMP {
		if c.Protocol() != p {
			continue
		}
		if reply {
			c = answerTo(c)
		}
		out = append(out, c)
	}
	return out
}

// answerTo maps echo requests to echo replies. Errors such as "packet too big"
// answer traffic themselves and come from either side.
func answerTo(c netset.Columns) netset.Columns {
	switch typ := c.First.Port() >> 8; {
	case c.Protocol() == netset.ICMP && typ == 8:
		return netset.TypeColumns(netset.ICMP, 0, -1)
	case c.Protocol() == netset.ICMPv6 && typ == 128:
		return netset.TypeColumns(netset.ICMPv6, 129, -1)
	}
	return c
}

// intersect gives the parts of want that lie in open, expressible by a rule each.
func intersect(want, open []netset.Columns) []netset.Columns {
	var out []netset.Columns
	for _, w := range want {
		for _, o := range open {
			if w.Overlaps(o) {
				out = append(out, Expressible(netset.Columns{First: max(w.First, o.First), Last: min(w.Last, o.Last)})...)
			}
		}
	}
	return out
}

// aclTargets builds the targets of one network ACL.
func (in *builder) aclTargets(a *topology.NetworkACL, n *aclNeeds) ([]Target, []analyze.Finding, error) {
	var out []Target
	var findings []analyze.Finding
	for _, dir := range []topology.Direction{topology.Ingress, topology.Egress} {
		cells := sortCells(n.cells[aclKey{a.ID, dir}])
		families := []string{FamilyBoth}
		switch hasV6 := aclHasV6(a, cells); {
		case !hasV6:
			families = []string{FamilyV4}
		case in.Policy.NACLPerFamily:
			families = []string{FamilyV4, FamilyV6}
		}
		for _, family := range families {
			t, err := in.aclTarget(a, dir, family, cells)
			if err != nil {
				return nil, nil, err
			}
			if t.Reason != "" {
				findings = append(findings, analyze.Finding{Kind: t.Outcome, Severity: "low", Resource: a.ID, Message: t.ID + ": " + t.Reason})
			}
			out = append(out, t)
		}
	}
	return out, findings, nil
}

func aclHasV6(a *topology.NetworkACL, cells []optimize.Cell) bool {
	for _, e := range a.Entries {
		if isV6(e.CIDR.Addr()) {
			return true
		}
	}
	return len(cells) > 0 && isV6(cells[len(cells)-1].Prefix.Addr()) // netip sorts IPv6 last
}

// inFamily says whether an address belongs to a target's family.
func inFamily(family string, a netip.Addr) bool {
	return family == FamilyBoth || (family == FamilyV6) == isV6(a)
}

func (in *builder) aclTarget(a *topology.NetworkACL, dir topology.Direction, family string, cells []optimize.Cell) (t Target, err error) {
	t = Target{
		ID:       a.ID + " " + string(dir) + " " + family,
		Resource: a.ID, Kind: KindACL, Account: a.Account, Region: a.Region,
		Direction: dir, Family: family,
		Open: in.Snapshot.ACLOpens(a.ID, dir), Weight: in.weights, Pinned: map[string]string{},
	}
	if family != FamilyBoth {
		t.Open = t.Open.Only(family == FamilyV6)
	}
	for _, e := range a.Entries {
		if e.Direction == dir && !e.DefaultDeny() && inFamily(family, e.CIDR.Addr()) {
			t.Before++
		}
	}
	for _, c := range cells {
		if inFamily(family, c.Prefix.Addr()) {
			t.Cells = append(t.Cells, c)
		}
	}
	t.Flows = flowIDs(t.Cells)
	t.Demands = demandsOf(t.Cells, t.Open)
	q, err := ACLQuota(in.Snapshot, a.Scope, family == FamilyBoth || family == FamilyV6, in.Policy.NACLPerFamily)
	if err != nil {
		return t, err
	}
	if t.Quota, err = in.Policy.limit(t.ID, a.ID, q); err != nil {
		return t, err
	}
	t.Coverage, t.CoverageReasons = in.coverage(a.ID)
	switch {
	case len(cells) == 0:
		t.keepAll(OutcomeInsufficient, "no approved flow crosses the boundary of its subnets; its entries stay")
	case t.Coverage < in.Policy.MinCoverage:
		t.keepAll(OutcomeInsufficient, evidenceReason(t.Coverage, in.Policy.MinCoverage, t.CoverageReasons))
	case len(t.Cells) == 0:
		t.Outcome, t.Reason = OutcomeNoFlows, "no approved flow of the family crosses the boundary of its subnets"
	default:
		for _, v6 := range []bool{false, true} {
			if p := in.aclProblem(a, &t, v6); p != nil {
				t.Problems = append(t.Problems, p)
			}
		}
	}
	return t, nil
}

// aclProblem writes one family of the list down; nil if nothing needs it. The
// answer is a list of allow entries alone, so denies are never candidates: what
// they close today is outside Open.
func (in *builder) aclProblem(a *topology.NetworkACL, t *Target, v6 bool) *optimize.Problem {
	if !inFamily(t.Family, unspecified(v6)) {
		return nil
	}
	p := &optimize.Problem{
		ID: fmt.Sprintf("%s %s %s", a.ID, t.Direction, familyName(v6)), V6: v6, K: t.Quota,
		Forbidden: in.forbidden(a.ID, t.Direction, v6),
		Weight:    in.weights,
		MaxPrefix: in.Policy.MaxPrefixV4,
	}
	if v6 {
		p.MaxPrefix = in.Policy.MaxPrefixV6
	}
	for _, c := range t.Cells {
		if isV6(c.Prefix.Addr()) == v6 {
			p.Approved = append(p.Approved, c)
		}
	}
	if len(p.Approved) == 0 {
		return nil
	}
	open := t.Open.Only(v6)
	if !in.Policy.AllowWidening {
		p.Open = open.Union(t.Demands.Only(v6))
	}
	for _, e := range a.Entries {
		if e.Direction != t.Direction || !e.Allow || isV6(e.CIDR.Addr()) != v6 {
			continue
		}
		if b := (netset.Block{Prefix: e.CIDR, Columns: e.Columns()}); open.ContainsBlock(b) {
			p.Current = append(p.Current, optimize.Rule{Block: b, Price: 1})
		}
	}
	return p
}

func unspecified(v6 bool) netip.Addr {
	if v6 {
		return netip.IPv6Unspecified()
	}
	return netip.IPv4Unspecified()
}
