package inventory

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/awsmodel"
)

func (r *resolver) peerings() error {
	all, err := merge(r.inv.Peerings, awsmodel.Peering, peeringKind)
	if err != nil {
		return err
	}
	for _, e := range all {
		v := e.value
		for _, side := range []*topology.PeeringSide{&v.Requester, &v.Accepter} {
			known := r.scopes.owners[side.VPC]
			side.Account, side.Region = cmp.Or(side.Account, known.Account), cmp.Or(side.Region, known.Region)
		}
		own := topology.Scope{Account: v.Requester.Account, Region: v.Requester.Region}
		if v.Scope, err = r.scopes.of(v.ID, own, e.from, v.Requester.VPC, v.Accepter.VPC); err != nil {
			return err
		}
		r.out.Peerings = append(r.out.Peerings, v)
	}
	return nil
}

func (r *resolver) gateways() error {
	igws, err := merge(r.inv.InternetGateways, always(awsmodel.InternetGateway), gatewayKind)
	if err != nil {
		return err
	}
	eigws, err := merge(r.inv.EgressOnlyGateways, always(awsmodel.EgressOnlyGateway), gatewayKind)
	if err != nil {
		return err
	}
	vgws, err := merge(r.inv.VPNGateways, awsmodel.VPNGateway, gatewayKind)
	if err != nil {
		return err
	}
	nats, err := merge(r.inv.NATGateways, awsmodel.NATGateway, gatewayKind)
	if err != nil {
		return err
	}
	static, err := r.staticDestinations()
	if err != nil {
		return err
	}
	for _, e := range slices.Concat(igws, eigws, vgws, nats) {
		v := e.value
		v.Destinations = static[v.ID]
		if v.Scope, err = r.scopes.of(v.ID, v.Scope, e.from, v.VPC, v.Subnet); err != nil {
			return err
		}
		r.out.Gateways = append(r.out.Gateways, v)
	}
	slices.SortFunc(r.out.Gateways, func(a, b topology.Gateway) int { return cmp.Compare(a.ID, b.ID) })
	return nil
}

// staticDestinations gives what a VPN gateway's connections reach, for those
// gateways of which every connection is routed statically.
func (r *resolver) staticDestinations() (map[string][]netip.Prefix, error) {
	out := map[string][]netip.Prefix{}
	learned := map[string]bool{}
	for _, f := range r.inv.VPNs {
		gateway, to, static, ok, err := awsmodel.VPNDestinations(f.value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.from.Source, err)
		}
		switch {
		case !ok || gateway == "":
		case !static:
			learned[gateway] = true
		default:
			out[gateway] = append(out[gateway], to...)
		}
	}
	for gateway := range learned {
		delete(out, gateway)
	}
	for gateway, to := range out {
		slices.SortFunc(to, func(a, b netip.Prefix) int {
			return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
		})
		out[gateway] = slices.Compact(to)
	}
	return out, nil
}

func (r *resolver) endpoints() error {
	all, err := merge(r.inv.Endpoints, awsmodel.Endpoint, endpointKind)
	if err != nil {
		return err
	}
	for _, e := range all {
		v := e.value
		if v.Scope, err = r.scopes.of(v.ID, v.Scope, e.from, v.VPC); err != nil {
			return err
		}
		slices.Sort(v.ENIs)
		slices.Sort(v.Subnets)
		slices.Sort(v.RouteTables)
		slices.Sort(v.Groups)
		r.out.Endpoints = append(r.out.Endpoints, v)
	}
	return nil
}

func (r *resolver) machinesAndInterfaces() error {
	var err error
	for _, e := range r.enis {
		v := e.value
		if v.Scope, err = r.scopes.of(v.ID, v.Scope, e.from, v.VPC); err != nil {
			return err
		}
		r.out.Interfaces = append(r.out.Interfaces, v)
	}
	slices.SortFunc(r.out.Interfaces, func(a, b topology.NetworkInterface) int { return cmp.Compare(a.ID, b.ID) })
	for _, e := range r.machines {
		v := e.value
		if v.Scope, err = r.scopes.of(v.ID, v.Scope, e.from); err != nil {
			return err
		}
		r.out.Instances = append(r.out.Instances, v)
	}
	return nil
}

func (r *resolver) services() error {
	if err := r.balancers(); err != nil {
		return err
	}
	databases, err := merge(r.inv.Databases, awsmodel.DBInstance, databaseKind)
	if err != nil {
		return err
	}
	for _, e := range databases {
		v := e.value
		if v.Scope, err = r.scopes.of(v.ID, v.Scope, e.from, v.VPC); err != nil {
			return err
		}
		slices.Sort(v.Groups)
		slices.Sort(v.Subnets)
		r.out.DBInstances = append(r.out.DBInstances, v)
	}
	return r.quotas()
}

func (r *resolver) quotas() error {
	type place struct {
		topology.Scope
		code string
	}
	seen := map[place]entry[topology.Quota]{}
	for _, f := range r.inv.Quotas {
		if s := f.value.ServiceCode; s != nil && *s != "" && *s != QuotaService {
			continue
		}
		v, err := awsmodel.Quota(f.value)
		if err != nil {
			return fmt.Errorf("%s: %w", f.from.Source, err)
		}
		// A default's ARN may name another Region than the one that was asked.
		if v.Scope, err = r.scopes.of("quota "+v.Code, v.Scope, f.from); err != nil {
			return err
		}
		p := place{v.Scope, v.Code}
		if other, twice := seen[p]; twice {
			if other.value != v {
				return &ConflictError{Resource: "quota " + v.Code, First: other.from.Source, Second: f.from.Source}
			}
			continue
		}
		seen[p] = entry[topology.Quota]{v, f.from}
		r.out.Quotas = append(r.out.Quotas, v)
	}
	slices.SortFunc(r.out.Quotas, func(a, b topology.Quota) int {
		return cmp.Or(compareScope(a.Scope, b.Scope), cmp.Compare(a.Code, b.Code))
	})
	return nil
}

// balancers puts each load balancer's listeners to it, with the targets of the
// groups that the listener or one of its rules forwards to.
func (r *resolver) balancers() error {
	all, err := merge(r.inv.Balancers, always(awsmodel.LoadBalancer), balancerKind)
	if err != nil {
		return err
	}
	groupsOfRule := map[string][]string{} // listener ARN to target groups
	for _, f := range r.inv.ListenerRules {
		if f.value.RuleArn != nil {
			l := awsmodel.ListenerOfRule(*f.value.RuleArn)
			groupsOfRule[l] = append(groupsOfRule[l], awsmodel.TargetGroups(f.value.Actions)...)
		}
	}
	listeners, err := merge(r.inv.Listeners, always(awsmodel.ReadListener), kind[awsmodel.Listener]{
		key: func(l *awsmodel.Listener) string { return l.ARN },
		wrap: func(l awsmodel.Listener) topology.Resources {
			b := topology.LoadBalancer{ID: cmp.Or(l.LoadBalancer, l.ARN), Listeners: l.Ports}
			b.Groups = append(b.Groups, l.TargetGroups...)
			return topology.Resources{LoadBalancers: []topology.LoadBalancer{b}}
		},
	})
	if err != nil {
		return err
	}
	targets, err := unite(r.inv.Targets, func(_ string, d elbtypes.TargetHealthDescription) (topology.Target, bool, error) {
		t, ok := awsmodel.Target(d)
		return t, ok, nil
	}, compareTargets)
	if err != nil {
		return err
	}
	byBalancer := map[string][]topology.Listener{}
	for _, e := range listeners {
		groups := append(slices.Clone(e.value.TargetGroups), groupsOfRule[e.value.ARN]...)
		slices.Sort(groups)
		var to []topology.Target
		for _, g := range slices.Compact(groups) {
			to = append(to, targets[g]...)
		}
		slices.SortFunc(to, compareTargets)
		to = slices.Compact(to)
		for _, p := range e.value.Ports {
			p.Targets = to
			byBalancer[e.value.LoadBalancer] = append(byBalancer[e.value.LoadBalancer], p)
		}
	}
	for _, e := range all {
		v := e.value
		v.Listeners = byBalancer[v.ID]
		slices.SortFunc(v.Listeners, func(a, b topology.Listener) int {
			return cmp.Or(cmp.Compare(a.Port, b.Port), cmp.Compare(a.Protocol, b.Protocol))
		})
		if v.Scope, err = r.scopes.of(v.ID, v.Scope, e.from, v.VPC); err != nil {
			return err
		}
		slices.Sort(v.Groups)
		r.out.LoadBalancers = append(r.out.LoadBalancers, v)
	}
	return nil
}

func compareTargets(a, b topology.Target) int {
	return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Port, b.Port))
}
