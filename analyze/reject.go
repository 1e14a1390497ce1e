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

// ForbiddenCell is traffic that was refused to somebody who tried, that nobody
// was ever let through with, and that today's rules refuse: no plan opens it.
type ForbiddenCell struct {
	Resource  string // security group or network ACL
	Direction topology.Direction
	Block     netset.Block
	Flow      string // the id of the REJECTed flow
}

// Forbidden gives the cells that REJECTs forbid, and findings on all REJECTs.
// The flows are attributed ones ([Attribute]); a flow approved by name forbids
// nothing.
//
// A REJECT forbids its cell where the peer opened it by a strong method (SYN or
// capture), the window has no ACCEPT of it, and the ENI's groups or its subnet's
// ACL refuse it today: for every group of the ENI, or for the ACL, whichever
// refuses. Other REJECTs are findings only: a demand, a reply after the close, an
// ACL without a return rule.
func Forbidden(flows []Flow, ev Evidence) ([]ForbiddenCell, []Finding) {
	a := newAttributor(flows, ev, Window{})
	j := &rejects{a: a, accepted: map[anyAction]*Flow{}, group: map[groupPeer]bool{}, sums: map[rejectKind]*rejectSum{}}
	var refused []*Flow
	for i := range flows {
		if f := &flows[i]; f.Action == Reject {
			refused = append(refused, f)
			j.accepted[f.whoever()] = nil
			j.group[f.groupPeer("")] = false
		}
	}
	if len(refused) == 0 {
		return nil, nil
	}
	for i := range flows {
		f := &flows[i]
		if f.Action != Accept {
			continue
		}
		if _, asked := j.accepted[f.whoever()]; asked {
			j.accepted[f.whoever()] = f
		}
		if _, asked := j.group[f.groupPeer("")]; asked && f.Side == In {
			j.group[f.groupPeer(f.Group)] = true
		}
	}
	slices.SortFunc(refused, compareFlowKeys)
	for _, f := range refused {
		j.judge(f)
	}
	slices.SortFunc(j.cells, func(x, y ForbiddenCell) int {
		return cmp.Or(strings.Compare(x.Resource, y.Resource), strings.Compare(string(x.Direction), string(y.Direction)),
			x.Block.Compare(y.Block), strings.Compare(x.Flow, y.Flow))
	})
	cells := slices.CompactFunc(j.cells, func(x, y ForbiddenCell) bool {
		return x.Resource == y.Resource && x.Direction == y.Direction && x.Block == y.Block
	})
	return cells, j.findings()
}

type groupPeer struct {
	group string
	peer  netip.Addr
	proto netset.Protocol
	port  int
}

type rejectKind struct{ kind, resource, service string }

type rejectSum struct {
	severity string
	peers    int
	records  int64
	examples []string
	detail   string
}

type rejects struct {
	a        *attributor
	accepted map[anyAction]*Flow
	group    map[groupPeer]bool // accepted by a member of the group; kept for what was refused as well
	cells    []ForbiddenCell
	sums     map[rejectKind]*rejectSum
}

// anyAction is a flow's key without its action.
type anyAction struct {
	eni   string
	side  Side
	peer  netip.Addr
	local socket
}

func (f *Flow) whoever() anyAction {
	return anyAction{f.ENI, f.Side, f.Peer, socket{f.Local, f.Protocol, int32(f.Port)}}
}

func (f *Flow) groupPeer(group string) groupPeer {
	return groupPeer{group, f.Peer, f.Protocol, f.Port}
}

func (j *rejects) judge(f *Flow) {
	ok := j.accepted[f.whoever()]
	if ok != nil && replyRefused(ok, f) {
		kind := rejectKind{"nacl-no-return", j.aclOf(f), f.service()}
		j.sum(kind, "high", f, j.returnEntry(f))
		return
	}
	if ok != nil {
		j.sum(rejectKind{"reply-after-close", f.ENI, ""}, "info", f,
			"the same connections were accepted: late packets, or a rule that came or went")
		return
	}
	d, cols, asks := f.asks()
	if !asks || j.a.today == nil || noENI(f.ENI) {
		j.sum(rejectKind{"rejected", f.ENI, f.service()}, "info", f, "")
		return
	}
	p := j.a.placed[f.ENI]
	if p == nil {
		p = j.a.placement(f)
		j.a.placed[f.ENI] = p
	}
	sgRefuses := len(p.groups) > 0 && len(f.AdmittedBy) == 0
	ref, aclRefuses := j.a.aclRefuses(f, p, d, cols)
	switch {
	case !sgRefuses && !aclRefuses:
		j.sum(rejectKind{"now-admitted", j.place(f), f.service()}, "low", f, "today's rules admit it")
		return
	case j.a.internet(f.Peer) && f.Side == In:
		j.sum(rejectKind{"scan", j.place(f), ""}, "info", f, "from the internet")
	default:
		j.sum(rejectKind{"demand", j.place(f), f.service()}, "low", f, "refused today as well")
	}
	if f.Side == In && (f.Method == MethodSYN || f.Method == MethodCapture) && !f.Approved && !p.unsure {
		j.forbid(f, p, cols, sgRefuses, aclRefuses, ref)
	}
}

func (j *rejects) forbid(f *Flow, p *placement, cols netset.Columns, sg, acl bool, ref topology.RuleRef) {
	b := netset.Block{Prefix: netip.PrefixFrom(f.Peer, f.Peer.BitLen()), Columns: cols}
	if sg {
		for _, g := range p.groups {
			if !j.group[groupPeer{g, f.Peer, f.Protocol, f.Port}] {
				j.cells = append(j.cells, ForbiddenCell{g, topology.Ingress, b, f.ID})
			}
		}
	}
	if acl {
		j.cells = append(j.cells, ForbiddenCell{ref.Resource, topology.Ingress, b, f.ID})
	}
}

// replyRefused: the accepted flow has packets of the opener only, the refused
// one has the other end's. AWS: an ACCEPT with a REJECT the other way is a NACL
// that stopped the reply, since a security group would have let it pass.
func replyRefused(ok, no *Flow) bool {
	switch ok.Side {
	case In:
		return ok.PacketsOut == 0 && ok.PacketsIn > 0 && no.PacketsOut > 0 && no.PacketsIn == 0
	case Out:
		return ok.PacketsIn == 0 && ok.PacketsOut > 0 && no.PacketsIn > 0 && no.PacketsOut == 0
	}
	return false
}

func (j *rejects) aclOf(f *Flow) string {
	if j.a.today != nil && f.Subnet != "" {
		if acl, ok := j.a.today.SubnetACL(f.Subnet); ok {
			return acl.ID
		}
	}
	return f.ENI
}

// returnEntry names the entry that refuses the reply today.
func (j *rejects) returnEntry(f *Flow) string {
	acl := j.aclOf(f)
	d := topology.Egress
	var c netset.Column
	if f.Side == Out {
		d = topology.Ingress
	}
	switch {
	case f.Protocol == netset.ICMP:
		c = netset.ColumnOf(f.Protocol, 0) // echo reply
	case f.Protocol == netset.ICMPv6:
		c = netset.ColumnOf(f.Protocol, 129<<8)
	case f.Protocol.HasPorts() && f.OpenerPortLow != NoPort:
		c = netset.ColumnOf(f.Protocol, uint16(f.OpenerPortLow))
	case f.Protocol.HasPorts():
		c = netset.ColumnOf(f.Protocol, uint16(j.a.policy.EphemeralHigh))
	default:
		c = netset.ColumnOf(f.Protocol, 0)
	}
	if acl == f.ENI || j.a.today == nil {
		return "requests were accepted and their replies refused: a network ACL has no return rule"
	}
	ref, allowed := j.a.today.ACLDecides(acl, d, f.Peer, c)
	if allowed {
		return "requests were accepted and their replies refused; today " + ref.String() + " lets them pass"
	}
	return "requests were accepted and their replies refused: " + ref.String() + " stops them"
}

func (j *rejects) place(f *Flow) string {
	if f.Group != "" {
		return f.Group
	}
	return f.ENI
}

func (j *rejects) sum(k rejectKind, severity string, f *Flow, detail string) {
	s := j.sums[k]
	if s == nil {
		s = &rejectSum{severity: severity, detail: detail}
		j.sums[k] = s
	}
	s.peers++
	s.records += f.Records
	if len(s.examples) < 3 {
		s.examples = append(s.examples, f.Text())
	}
}

func (j *rejects) findings() []Finding {
	var out []Finding
	for k, s := range j.sums {
		msg := fmt.Sprintf("%d refused flows, %d records", s.peers, s.records)
		if k.service != "" {
			msg += ", " + k.service
		}
		msg += ", such as " + strings.Join(s.examples, ", ")
		if s.detail != "" {
			msg += ": " + s.detail
		}
		out = append(out, Finding{Kind: k.kind, Severity: s.severity, Resource: k.resource, Message: msg})
	}
	slices.SortFunc(out, compareFindings)
	return out
}
