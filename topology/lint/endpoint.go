package lint

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

var https = netset.PortColumns(netset.TCP, 443, 443)

// endpoints finds the trap of private DNS: all clients of a VPC resolve a
// service to an endpoint's addresses, whether they reach them or not. The
// service then times out and no flow log shows a refusal.
func (l *linter) endpoints() {
	names := l.serviceNames()
	if len(names) == 0 {
		return
	}
	clients := l.clients()
	replay := l.s.Replayer()
	for _, n := range names {
		l.endpoint(n, clients[n.vpc], replay)
	}
}

// clients lists by VPC those that may ask for a service, one of those that are
// alike in subnet, groups and families: they meet the same.
func (l *linter) clients() map[string][]*topology.NetworkInterface {
	out := map[string][]*topology.NetworkInterface{}
	seen := map[string]bool{}
	for i := range l.r.Interfaces {
		n := &l.r.Interfaces[i]
		if n.Type != "interface" && n.Type != "lambda" || len(n.Addresses) == 0 {
			continue
		}
		v4, v6 := families(n)
		key := fmt.Sprint(n.Subnet, n.Groups, v4, v6)
		if !seen[key] {
			seen[key] = true
			out[n.VPC] = append(out[n.VPC], n)
		}
	}
	return out
}

func families(n *topology.NetworkInterface) (v4, v6 bool) {
	for _, a := range n.Addresses {
		v4, v6 = v4 || a.Is4(), v6 || a.Is6()
	}
	return v4, v6
}

// cut is a client that a name sends to interfaces that it does not reach.
type cut struct {
	client *topology.NetworkInterface
	some   bool // it reaches others of them
	// at is the first that it does not reach, from and to the addresses;
	// invalid: they have no family in common.
	at       *topology.NetworkInterface
	from, to netip.Addr
	notes    []string
}

// ask has a client try all interfaces that a name leads to. unknown says what
// the snapshot lacks to tell.
func (l *linter) ask(c *topology.NetworkInterface, n serviceName, replay *topology.Replayer) (out cut, refused bool, unknown string) {
	out.client = c
	for _, id := range n.enis {
		at, ok := l.s.Interface(id)
		if !ok {
			return out, false, "interface " + id + " is not in the snapshot"
		}
		from, to := pair(c, at)
		if from.IsValid() {
			v := replay.Flow(topology.FlowQuery{From: topology.End{ENI: c.ID, Addr: from}, To: topology.End{ENI: at.ID, Addr: to}, Columns: https})
			if v.Err != nil {
				return out, false, v.Err.Error()
			}
			if v.Admitted() {
				out.some = true
				continue
			}
			for _, note := range v.Notes {
				if !slices.Contains(out.notes, note) {
					out.notes = append(out.notes, note)
				}
			}
		}
		if out.at == nil {
			out.at, out.from, out.to = at, from, to
		}
	}
	return out, out.at != nil, ""
}

// pair gives addresses of one family, IPv4 first.
func pair(a, b *topology.NetworkInterface) (from, to netip.Addr) {
	for _, v6 := range []bool{false, true} {
		is := func(x netip.Addr) bool { return x.Is6() == v6 }
		i, j := slices.IndexFunc(a.Addresses, is), slices.IndexFunc(b.Addresses, is)
		if i >= 0 && j >= 0 {
			return a.Addresses[i], b.Addresses[j]
		}
	}
	return netip.Addr{}, netip.Addr{}
}

func (l *linter) endpoint(n serviceName, clients []*topology.NetworkInterface, replay *topology.Replayer) {
	e := n.endpoint
	var cuts []cut
	some := false
	for _, c := range clients {
		if slices.Contains(e.ENIs, c.ID) {
			continue
		}
		x, refused, unknown := l.ask(c, n, replay)
		switch {
		case unknown != "":
			l.not[fmt.Sprintf("whether %s reaches %s: %s", c.ID, e.ID, unknown)] = true
		case refused:
			cuts = append(cuts, x)
			some = some || x.some
		}
	}
	if len(cuts) == 0 {
		return
	}
	slices.SortFunc(cuts, func(a, b cut) int { return strings.Compare(a.client.ID, b.client.ID) })
	f := Finding{Rule: "endpoint-private-dns", Severity: High, Resource: e.ID, Detail: n.detail,
		Reason: n.reason + ", and these do not reach them on tcp/443: " + l.cutText(cuts),
		Remedy: n.remedy}
	if some {
		f.Reason += " (some of the endpoint's interfaces they do reach)"
	}
	if notes := doubts(cuts); len(notes) > 0 {
		f.Severity = Medium
		f.Reason += "; assumed: " + strings.Join(notes, ", ")
	}
	changes := l.admitting(e, cuts)
	if len(changes) > 0 {
		f.Change, f.More = &changes[0], changes[1:]
	}
	l.add(f, e.Scope)
}

// doubts gives what was assumed where no client is cut without assuming.
func doubts(cuts []cut) []string {
	var out []string
	for _, c := range cuts {
		if len(c.notes) == 0 {
			return nil
		}
		out = append(out, c.notes...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// cutText names the first clients with what refuses them.
func (l *linter) cutText(cuts []cut) string {
	var parts []string
	for _, c := range cuts[:min(3, len(cuts))] {
		parts = append(parts, fmt.Sprintf("%s with %s, %s", l.s.Label(c.client.ID), orNoGroup(c.client.Groups), l.refusal(c)))
	}
	text := strings.Join(parts, "; ")
	if len(cuts) > 3 {
		text += fmt.Sprintf("; and %d more of other subnets or groups", len(cuts)-3)
	}
	return text
}

func orNoGroup(groups []string) string {
	if len(groups) == 0 {
		return "no group"
	}
	return strings.Join(groups, " ")
}

// refusal words what stops a client.
func (l *linter) refusal(c cut) string {
	if !c.from.IsValid() {
		return "which has no address of the family of " + l.s.Label(c.at.ID)
	}
	got, err := l.s.Trace(topology.Query{From: c.client.ID, To: c.at.ID, Protocol: netset.TCP, Port: 443})
	if c.from.Is6() {
		got, err = l.s.Trace(topology.Query{From: c.client.ID, To: c.to.String(), Protocol: netset.TCP, Port: 443})
	}
	if err != nil {
		return "stopped"
	}
	hops, way := got.Hops, "stopped by "
	if got.Disposition.Delivered() {
		hops, way = got.Reply.Hops, "whose reply is stopped by "
	}
	for _, h := range hops {
		if h.Verdict == topology.Refuse {
			text := way + l.labels(strings.Fields(h.Resource))
			if h.Rule != nil {
				text += " " + h.Rule.Rule
			}
			return text
		}
	}
	return "stopped"
}

// admitting gives the rules that the endpoint's group and the clients' lack.
// What ACLs and routes refuse, no rule mends: the reason names it.
func (l *linter) admitting(e *topology.VPCEndpoint, cuts []cut) []Change {
	var out []Change
	add := func(group string, d topology.Direction, peer string) {
		c := Change{"sg-rule-add", group, fmt.Sprintf("%s tcp/443 %s", d, peer)}
		if !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	for _, c := range cuts {
		if !c.from.IsValid() {
			continue
		}
		if len(c.at.Groups) > 0 && !l.admits(c.at.Groups, topology.Ingress, c.from) {
			add(c.at.Groups[0], topology.Ingress, l.rangeOf(c.client.VPC, c.from))
		}
		if len(c.client.Groups) > 0 && !l.admits(c.client.Groups, topology.Egress, c.to) {
			for _, id := range e.ENIs {
				if at, ok := l.s.Interface(id); ok {
					if from, to := pair(c.client, at); from.IsValid() {
						add(c.client.Groups[0], topology.Egress, netip.PrefixFrom(to, to.BitLen()).String())
					}
				}
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Change) int { return strings.Compare(b.Rule[:1], a.Rule[:1]) }) // the endpoint's first
	return out
}

func (l *linter) admits(groups []string, d topology.Direction, peer netip.Addr) bool {
	return slices.ContainsFunc(groups, func(g string) bool { return len(l.s.GroupAdmits(g, d, peer, https.First)) > 0 })
}

// rangeOf gives the range of a VPC that holds an address: clients that are
// started later in it are meant, too.
func (l *linter) rangeOf(vpc string, a netip.Addr) string {
	if v, ok := l.s.VPC(vpc); ok {
		for _, p := range v.CIDRs {
			if p.Contains(a) {
				return p.String()
			}
		}
	}
	return netip.PrefixFrom(a, a.BitLen()).String()
}
