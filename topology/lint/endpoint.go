package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

// endpoints finds the trap of private DNS: all clients of the endpoint's VPC
// resolve the service to the endpoint's addresses, whether they reach them or
// not. The service then times out and no flow log shows a refusal.
func (l *linter) endpoints() {
	clients := map[string][]*topology.NetworkInterface{}
	seen := map[string]bool{}
	for i := range l.r.Interfaces {
		n := &l.r.Interfaces[i]
		// Those alike in subnet and groups meet the same.
		key := n.Subnet + " " + strings.Join(n.Groups, " ")
		if n.Type != "interface" && n.Type != "lambda" || seen[key] || len(n.Addresses) == 0 {
			continue
		}
		seen[key] = true
		clients[n.VPC] = append(clients[n.VPC], n)
	}
	shared := false
	for i := range l.r.Endpoints {
		e := &l.r.Endpoints[i]
		if !strings.EqualFold(e.Type, "Interface") || len(e.ENIs) == 0 {
			continue
		}
		shared = true
		if e.PrivateDNS && (e.State == "" || strings.EqualFold(e.State, "available")) {
			l.endpoint(e, clients[e.VPC])
		}
	}
	if shared {
		l.not["endpoint names that VPCs share by private hosted zones: only the endpoint's own VPC is looked at"] = true
	}
}

func (l *linter) endpoint(e *topology.VPCEndpoint, clients []*topology.NetworkInterface) {
	if v, ok := l.s.VPC(e.VPC); ok && (v.EnableDNSSupport != nil && !*v.EnableDNSSupport || v.EnableDNSHostnames != nil && !*v.EnableDNSHostnames) {
		return // the VPC's resolver does not use the zone
	}
	replay := l.s.Replayer()
	https := netset.PortColumns(netset.TCP, 443, 443)
	var cut []string
	some := false
	for _, c := range clients {
		if slices.Contains(e.ENIs, c.ID) {
			continue
		}
		reached := 0
		for _, id := range e.ENIs {
			v := replay.Flow(topology.FlowQuery{From: topology.End{ENI: c.ID}, To: topology.End{ENI: id}, Columns: https})
			if v.Err != nil || v.Admitted() {
				reached++
			}
		}
		if reached == len(e.ENIs) {
			continue
		}
		some = some || reached > 0
		cut = append(cut, fmt.Sprintf("%s (%s)", c.ID, strings.Join(c.Groups, " ")))
	}
	if len(cut) == 0 {
		return
	}
	slices.Sort(cut)
	text := strings.Join(cut[:min(3, len(cut))], ", ")
	if len(cut) > 3 {
		text += fmt.Sprintf(" and %d more of other subnets or groups", len(cut)-3)
	}
	f := Finding{Rule: "endpoint-private-dns", Severity: High, Resource: e.ID, Detail: e.Service,
		Reason: fmt.Sprintf("private DNS of %s sends all clients of %s to its interfaces for %s, and these do not reach them on tcp/443: %s", l.s.Label(e.ID), e.VPC, e.Service, text),
		Remedy: "admit tcp/443 from the VPC to the endpoint's group, out of the clients' groups and through their ACLs; or turn private DNS off and give a zone of your own to those who need it"}
	if some {
		f.Reason += " (some of the endpoint's interfaces they do reach)"
	}
	if v, ok := l.s.VPC(e.VPC); ok && len(e.Groups) > 0 && len(v.CIDRs) > 0 {
		f.Change = &Change{"sg-rule-add", e.Groups[0], "ingress tcp/443 " + v.CIDRs[0].String()}
	}
	l.add(f, e.Scope)
}
