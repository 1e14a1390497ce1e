package inventory

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/awsmodel"
)

// notRead lists what was not read: calls that were refused, and, of a folder,
// calls whose answer it does not hold.
func (r *resolver) notRead() error {
	type place struct {
		topology.Scope
		call string
	}
	seen := map[place]bool{}
	note := func(s topology.Scope, call, code string) {
		p := place{s, call}
		if !seen[p] {
			seen[p] = true
			r.out.NotRead = append(r.out.NotRead, topology.NotRead{Scope: s, Call: call, Code: code})
		}
	}
	live := r.live()
	for _, f := range r.inv.refused {
		// What was being deleted is in no snapshot, so nothing of it is missing.
		if p := f.value.Parent; p != "" && !live[p] {
			continue
		}
		own := topology.Scope{Account: f.value.Account, Region: f.value.Region}
		s, err := r.scopes.of("the refused call "+f.value.Call, own, f.from)
		if err != nil {
			return err
		}
		note(s, f.value.Call, f.value.Code)
	}
	for _, s := range r.scopesRead() {
		for _, call := range RegionCalls {
			if !r.answered(call, s) {
				note(s, call, NotInExport)
			}
		}
		for _, call := range r.missingParts(s) {
			note(s, call, NotInExport)
		}
	}
	slices.SortFunc(r.out.NotRead, func(a, b topology.NotRead) int {
		return cmp.Or(compareScope(a.Scope, b.Scope), cmp.Compare(a.Call, b.Call))
	})
	return nil
}

// live gives the ids of all that calls are made about and the snapshot holds.
func (r *resolver) live() map[string]bool {
	out := map[string]bool{}
	for _, v := range r.out.VPCs {
		out[v.ID] = true
	}
	for _, t := range r.out.TransitRouteTables {
		out[t.ID] = true
	}
	for _, p := range r.out.PrefixLists {
		out[p.ID] = true
	}
	for _, z := range r.out.HostedZones {
		out[z.ID] = true
	}
	for _, b := range r.out.LoadBalancers {
		out[b.ID] = true
	}
	return out
}

// scopesRead lists the accounts and Regions that were read as such: those of
// VPCs, but not of VPCs that another account only shares.
func (r *resolver) scopesRead() []topology.Scope {
	var out []topology.Scope
	for _, e := range r.vpcs {
		s := r.scopes.owners[e.value.ID]
		if h := e.from.Hint.Account; h != "" {
			s.Account = h
		}
		out = append(out, s)
	}
	slices.SortFunc(out, compareScope)
	return slices.Compact(out)
}

// answered says whether an answer of a call counts for a scope. An answer
// whose account or Region nothing tells counts for all.
func (r *resolver) answered(call string, s topology.Scope) bool {
	names := []string{call}
	switch call {
	case CallPrefixLists:
		names = append(names, CallOldPrefixLists)
	case CallAttachments: // an export may hold the VPC attachments alone
		names = append(names, CallVPCAttachments)
	}
	for _, name := range names {
		for _, from := range r.inv.answered[name] {
			at := from.Hint
			if f := r.scopes.folders[from.Folder]; f != nil {
				at.Account, at.Region = cmp.Or(at.Account, f.only().Account), cmp.Or(at.Region, f.only().Region)
			}
			if (at.Account == "" || at.Account == s.Account) && (at.Region == "" || at.Region == s.Region) {
				return true
			}
		}
	}
	return false
}

// missingParts lists the calls that are made once for each of something and
// are not answered for one of a scope's.
func (r *resolver) missingParts(s topology.Scope) []string {
	var out []string
	missing := func(call string, parents []string) {
		for _, p := range parents {
			if !r.inv.answers[call+" "+p] {
				out = append(out, call)
				return
			}
		}
	}
	for _, v := range r.out.VPCs {
		if v.Scope == s && (v.EnableDNSSupport == nil || v.EnableDNSHostnames == nil) {
			out = append(out, CallVPCAttribute)
			break
		}
	}
	var tables, lists, balancers, listeners, groups []string
	for _, t := range r.out.TransitRouteTables {
		if t.Scope == s {
			tables = append(tables, t.ID)
		}
	}
	for _, p := range r.out.PrefixLists {
		if p.Scope == s && len(p.Entries) == 0 {
			lists = append(lists, p.ID)
		}
	}
	for _, b := range r.out.LoadBalancers {
		if b.Scope == s {
			balancers = append(balancers, b.ID)
		}
	}
	for _, f := range r.inv.Listeners {
		if f.value.ListenerArn != nil && f.value.LoadBalancerArn != nil && slices.Contains(balancers, *f.value.LoadBalancerArn) {
			listeners = append(listeners, *f.value.ListenerArn)
		}
	}
	for _, f := range r.inv.TargetGroups {
		if f.value.TargetGroupArn != nil && awsmodel.ScopeOfARN(*f.value.TargetGroupArn) == s {
			groups = append(groups, *f.value.TargetGroupArn)
		}
	}
	vpcs, zones := r.missingZones(s)
	missing(CallHostedZones, vpcs)
	missing(CallZoneRecords, zones)
	missing(CallTGWRoutes, tables)
	missing(CallPropagations, tables)
	missing(CallTGWPrefixLists, tables)
	missing(CallPrefixEntries, lists)
	missing(CallListeners, balancers)
	missing(CallListenerRules, listeners)
	missing(CallTargetHealth, groups)
	return out
}

// refusedCore gives an error where one of the calls that nothing works without
// was refused and nothing else told the same.
func (inv *Inventory) RefusedCore() error {
	for _, f := range inv.refused {
		if CoreCalls[f.value.Call] {
			return &RefusedError{Source: f.from.Source, Call: f.value.Call, Code: f.value.Code}
		}
	}
	return nil
}

// RefusedError is a call that nothing works without and that AWS refused.
type RefusedError struct {
	Source, Call, Code string
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("%s: %s was refused (%s), and no snapshot can be made without it: allow ec2:%s to the role or user that reads, "+
		"or let somebody who may read run scripts/export-account and use snapshot --from-dir", e.Source, e.Call, e.Code, e.Call)
}
