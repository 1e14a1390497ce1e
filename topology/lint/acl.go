package lint

import (
	"fmt"
	"strings"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

// The ephemeral ports that replies go to: of Linux, and of everything
// (NAT gateways, load balancers, Lambda).
const (
	ephemeralFirst = 1024
	linuxFirst     = 32768
	linuxLast      = 60999
	ephemeralLast  = 65535
)

func (l *linter) acls() {
	for i := range l.r.NetworkACLs {
		a := &l.r.NetworkACLs[i]
		for _, d := range []topology.Direction{topology.Ingress, topology.Egress} {
			l.acl(a, d)
		}
	}
}

func (l *linter) acl(a *topology.NetworkACL, d topology.Direction) {
	back := topology.Egress
	if d == topology.Egress {
		back = topology.Ingress
	}
	returns := l.s.ACLOpens(a.ID, back)
	before := netset.Of()
	for _, e := range a.Entries { // sorted by number
		if e.Direction != d {
			continue
		}
		l.denied(a, e)
		if e.DefaultDeny() {
			continue
		}
		whole := netset.Of(netset.Block{Prefix: e.CIDR, Columns: e.Columns()})
		decides := whole.Subtract(before)
		if decides.IsEmpty() {
			l.add(Finding{Rule: "nacl-shadowed", Severity: Low, Resource: a.ID, Detail: e.Ref(a.ID).Rule,
				Reason: fmt.Sprintf("entries with lower numbers decide all that %s of %s matches", e.Ref(a.ID).Rule, l.s.Label(a.ID)),
				Remedy: "remove the entry, or give it a lower number if it was meant to decide", Change: &Change{"nacl-entry-remove", a.ID, e.Ref(a.ID).Rule}}, a.Scope)
		} else if e.Allow {
			l.returns(a, e, decides, returns)
		}
		before = before.Union(whole)
	}
}

func (l *linter) denied(a *topology.NetworkACL, e topology.NetworkACLEntry) {
	if l.o.Evidence == nil || e.Allow {
		return
	}
	u, ok := l.o.Evidence.Denied[e.Ref(a.ID)]
	if !ok {
		return
	}
	l.add(Finding{Rule: "nacl-deny-hit", Severity: Medium, Resource: a.ID, Detail: e.Ref(a.ID).Rule,
		Reason:   fmt.Sprintf("%s of %s refuses flows that are tried", e.Ref(a.ID).Rule, l.s.Label(a.ID)),
		Evidence: fmt.Sprintf("%d refused flows of %s, the last on %s", u.Flows, l.o.Evidence.Window, u.Last),
		Remedy:   "if they are wanted, allow them by an entry with a lower number; if not, find who tries"}, a.Scope)
}

// returns finds requests whose replies the other direction refuses. An entry
// for high ports alone is taken to be for replies itself.
func (l *linter) returns(a *topology.NetworkACL, e topology.NetworkACLEntry, decides, returns *netset.Set) {
	for _, p := range []netset.Protocol{netset.TCP, netset.UDP} {
		asked := decides.Intersect(netset.Of(netset.Block{Prefix: e.CIDR, Columns: netset.ProtocolColumns(p)}))
		if asked.IsEmpty() || e.Protocol == p && e.FromPort >= ephemeralFirst && e.ToPort-e.FromPort > 1000 {
			continue
		}
		answer := func(from, to uint16) *netset.Set {
			var blocks []netset.Block
			for _, b := range asked.Blocks() {
				blocks = append(blocks, netset.Block{Prefix: b.Prefix, Columns: netset.PortColumns(p, from, to)})
			}
			return netset.Of(blocks...)
		}
		all := answer(ephemeralFirst, ephemeralLast)
		if returns.ContainsSet(all) {
			continue
		}
		f := Finding{Resource: a.ID, Detail: e.Ref(a.ID).Rule + " " + p.String(), Evidence: l.use(e.Ref(a.ID))}
		name := fmt.Sprintf("%s of %s admits %s from or to %s", e.Ref(a.ID).Rule, l.s.Label(a.ID), e.Columns(), e.CIDR)
		if denied := denies(a, opposite(e.Direction), all.Subtract(returns)); len(denied) > 0 {
			// An entry after them would change nothing, one before them would
			// undo what they are for.
			f.Remedy = fmt.Sprintf("narrow what denies them: %s of %s; or accept the finding if replies to these ports are to be refused", strings.Join(denied, ", "), l.s.Label(a.ID))
		} else {
			f.Remedy = fmt.Sprintf("allow %s/%d-%d %s in the other direction", p, ephemeralFirst, ephemeralLast, e.CIDR)
			f.Change = &Change{"nacl-entry-add", a.ID, fmt.Sprintf("%s allow %s/%d-%d %s", opposite(e.Direction), p, ephemeralFirst, ephemeralLast, e.CIDR)}
		}
		switch linux := answer(linuxFirst, linuxLast); {
		case returns.Intersect(all).IsEmpty():
			f.Rule, f.Severity = "nacl-no-return", Medium
			f.Reason = name + ", and no reply on any port from 1024 up"
		case returns.ContainsSet(linux):
			f.Rule, f.Severity = "nacl-ephemeral-cut", Low
			f.Reason = name + ", and replies to a part of 1024-65535 only: NAT gateways, load balancers and Lambda use all of it"
		default:
			f.Rule, f.Severity = "nacl-ephemeral-cut", Medium
			f.Reason = name + ", and replies to a part of the ephemeral ports only, not all that Linux uses (32768-60999)"
		}
		if !l.usedACL[a.ID] {
			f.Severity = Low
			f.Reason += "; no subnet uses the ACL"
		}
		l.add(f, a.Scope)
	}
}

// denies lists the entries, the final one left out, that deny a part of what is
// refused in a direction.
func denies(a *topology.NetworkACL, d topology.Direction, refused *netset.Set) []string {
	var out []string
	for _, e := range a.Entries { // sorted by number
		if e.Direction != d || e.DefaultDeny() {
			continue
		}
		whole := netset.Of(netset.Block{Prefix: e.CIDR, Columns: e.Columns()})
		if !e.Allow && !refused.Intersect(whole).IsEmpty() {
			out = append(out, e.Ref(a.ID).Rule)
		}
		refused = refused.Subtract(whole)
	}
	return out
}

func opposite(d topology.Direction) topology.Direction {
	if d == topology.Ingress {
		return topology.Egress
	}
	return topology.Ingress
}
