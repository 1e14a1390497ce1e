package analyze

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

// The reasons why a flow is not approved, as they begin.
const (
	ReasonRejected     = "rejected: a demand, which somebody may raise in review"
	ReasonCaptureOnly  = "seen only by a capture"
	ReasonNoAction     = "the log names no action"
	ReasonNoPorts      = "the log has no ports or protocol: a flow of addresses makes no rule"
	ReasonUnsettled    = "nothing tells who opened it"
	ReasonNoSnapshot   = "no snapshot: nothing to attribute it to"
	ReasonMiddleOnly   = "logged only in the middle, and neither end is an ENI of the snapshot"
	ReasonOutside      = "its account is in no snapshot"
	ReasonUnattributed = "unattributed: "
	ReasonUnanswered   = "never answered: a probe, or one-way traffic"
	ReasonChanged      = "rule changed since: "
	ReasonPeerGone     = "its peer is gone: only a membership that has ended admitted it"
	ReasonGuess        = "its port is of the openers' kind and who opened it is a guess"
	ReasonPolicy       = "policy: "
	ReasonByName       = "approved by name"
)

// approve decides as the policy and the evidence say. Every reason against is
// given, not the first alone.
func (a *attributor) approve(f *Flow) {
	r := a.evidenceAgainst(f)
	if a.today == nil || noENI(f.ENI) {
		f.Reasons = append(r, noPlace(a.today, f))
		return
	}
	p := a.placed[f.ENI]
	switch {
	case p.outside:
		r = append(r, ReasonOutside)
	case p.unsure:
		r = append(r, ReasonUnattributed+p.note)
	default:
		r = append(r, a.rulesAgainst(f, p)...)
	}
	r = append(r, a.policyAgainst(f)...)
	f.Approved, f.Reasons = len(r) == 0, r
}

func noPlace(today *topology.Snapshot, f *Flow) string {
	if today == nil {
		return ReasonNoSnapshot
	}
	return ReasonMiddleOnly
}

// evidenceAgainst gives what the observation itself lacks.
func (a *attributor) evidenceAgainst(f *Flow) (r []string) {
	switch {
	case f.Action == Reject:
		r = append(r, ReasonRejected)
	case !f.SeenByLog:
		r = append(r, ReasonCaptureOnly)
	case f.Action == None:
		r = append(r, ReasonNoAction)
	}
	switch {
	case f.Protocol == UnknownProtocol || (f.Protocol.HasPorts() && f.Port == NoPort && f.Side != Unsettled):
		r = append(r, ReasonNoPorts)
	case f.Side == Unsettled:
		r = append(r, ReasonUnsettled)
	}
	if f.Action == Accept && !f.Answered {
		r = append(r, ReasonUnanswered)
		// Syslog, metrics and the like are never answered. What goes on day after
		// day inside keeps its rules until a person decides.
		if f.Protocol != netset.TCP && len(f.AdmittedBy) > 0 && !a.internet(f.Peer) && (f.Class == Steady || f.Class == Periodic) {
			f.Holds = true
		}
	}
	if f.Method == MethodLower && f.Port >= firstEphemeral {
		r = append(r, ReasonGuess)
		f.Holds = f.Holds || (f.Action == Accept && f.Answered && len(f.AdmittedBy) > 0)
	}
	return r
}

// rulesAgainst gives what today's rules say against a flow of a known ENI.
func (a *attributor) rulesAgainst(f *Flow, p *placement) (r []string) {
	d, cols, ok := f.asks()
	if !ok || f.Action == Reject {
		return nil
	}
	switch {
	case len(p.groups) == 0: // an NLB without groups: its ACLs alone decide
	case len(f.AdmittedBy) == 0:
		r = append(r, fmt.Sprintf("%sno rule of %s admits it today", ReasonChanged, strings.Join(p.groups, ", ")))
	case f.Holds && !a.admittedNow(f, d, cols):
		r = append(r, ReasonPeerGone)
	}
	if ref, ok := a.aclRefuses(f, p, d, cols); ok {
		r = append(r, ReasonChanged+ref.String()+" refuses it today")
	}
	return r
}

func (a *attributor) admittedNow(f *Flow, d topology.Direction, cols netset.Columns) bool {
	return len(admitting(a.today, f.Group, d, f.Peer, cols)) > 0
}

// aclRefuses asks the ACL of the flow's own subnet for the request. Traffic
// within the subnet is not checked by it.
func (a *attributor) aclRefuses(f *Flow, p *placement, d topology.Direction, cols netset.Columns) (topology.RuleRef, bool) {
	if p.acl == "" || slices.ContainsFunc(p.cidrs, func(c netip.Prefix) bool { return c.Contains(f.Peer) }) {
		return topology.RuleRef{}, false
	}
	var refused topology.RuleRef
	for _, c := range a.columnsAsked(f, cols) {
		ref, allowed := a.today.ACLDecides(p.acl, d, f.Peer, c)
		if allowed {
			return topology.RuleRef{}, false
		}
		refused = ref
	}
	return refused, true
}

// columnsAsked gives the single columns to ask an ACL for: for ICMP, whose type
// no log names, the policy's types, one of which must pass.
func (a *attributor) columnsAsked(f *Flow, cols netset.Columns) []netset.Column {
	types := a.policy.ICMPTypes
	if f.Protocol == netset.ICMPv6 {
		types = a.policy.ICMPv6Types
	}
	if !f.Protocol.HasTypes() || len(types) == 0 {
		return []netset.Column{cols.First}
	}
	var out []netset.Column
	for _, t := range types {
		out = append(out, netset.TypeColumns(f.Protocol, t.Type, t.Code).First)
	}
	return out
}

// policyAgainst gives the policy lines that match.
func (a *attributor) policyAgainst(f *Flow) (r []string) {
	if n := a.policy.MinDays; len(f.Days) < n {
		r = append(r, fmt.Sprintf("%sseen on %d of the %d days asked for", ReasonPolicy, len(f.Days), n))
	}
	for i, e := range a.policy.Exclude {
		if a.excludes(e, f) {
			name := e.Name
			if name == "" {
				name = fmt.Sprintf("line %d", i+1)
			}
			r = append(r, ReasonPolicy+name)
		}
	}
	return r
}

func (a *attributor) excludes(e Exclusion, f *Flow) bool {
	conditions := 0
	holds := func(set, ok bool) bool {
		if set {
			conditions++
		}
		return !set || ok
	}
	return holds(e.Zone != "", a.inZone(e.Zone, f.Peer)) &&
		holds(len(e.Columns) > 0, f.on(e.Columns)) &&
		holds(len(e.Classes) > 0, slices.Contains(e.Classes, f.Class)) &&
		holds(e.Side != "", e.Side == f.Side) &&
		holds(e.MinDays > 0, len(f.Days) < e.MinDays) && conditions > 0
}

func (a *attributor) inZone(zone string, x netip.Addr) bool {
	for _, z := range a.policy.Zones {
		if z.Name == zone {
			return slices.ContainsFunc(z.Prefixes, func(p netip.Prefix) bool { return p.Contains(x) })
		}
	}
	return zone == ZoneInternet && a.internet(x)
}

// on says whether the flow's service lies on one of the columns.
func (f *Flow) on(cols []netset.Columns) bool {
	_, c, ok := f.asks()
	return ok && slices.ContainsFunc(cols, func(x netset.Columns) bool { return x.Overlaps(c) })
}

// approveByName approves what a person named by its id, whatever spoke against.
func (a *attributor) approveByName(f *Flow) {
	if f.Approved {
		return
	}
	if _, _, ok := f.asks(); !ok || f.Group == "" {
		f.Reasons = append(f.Reasons, ReasonByName+", but no rule can be made of it")
		return
	}
	against := strings.Join(f.Reasons, "; ")
	f.Approved, f.Reasons = true, []string{ReasonByName + ", against: " + against}
}
