package inventory

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/awsmodel"
)

// resolver turns an inventory into resources.
type resolver struct {
	inv    *Inventory
	scopes *scopes
	out    topology.Resources

	vpcs     []entry[topology.VPC]
	subnets  []entry[topology.Subnet]
	tables   []entry[topology.RouteTable]
	groups   []entry[topology.SecurityGroup]
	acls     []entry[topology.NetworkACL]
	lists    []entry[topology.PrefixList]
	tgws     []entry[topology.TransitGateway]
	enis     []entry[topology.NetworkInterface]
	machines []entry[topology.Instance]
}

// resolve gives the resources of all answers, sorted by id.
func (inv *Inventory) Resolve() (topology.Resources, error) {
	r := &resolver{inv: inv, scopes: newScopes()}
	for _, step := range []func() error{
		r.read, r.learn, r.network, r.security, r.prefixLists, r.transit, r.peerings, r.gateways,
		r.endpoints, r.machinesAndInterfaces, r.services, r.hostedZones, r.notRead,
	} {
		if err := step(); err != nil {
			return topology.Resources{}, err
		}
	}
	return r.out, nil
}

// read converts and merges the kinds that tell about others' scopes.
func (r *resolver) read() error {
	var err error
	if r.vpcs, err = merge(r.inv.VPCs, always(awsmodel.VPC), vpcKind); err != nil {
		return err
	}
	if r.subnets, err = merge(r.inv.Subnets, always(awsmodel.Subnet), subnetKind); err != nil {
		return err
	}
	if r.tables, err = merge(r.inv.RouteTables, always(awsmodel.RouteTable), routeTableKind); err != nil {
		return err
	}
	if r.groups, err = merge(r.inv.Groups, always(awsmodel.SecurityGroup), groupKind); err != nil {
		return err
	}
	if r.acls, err = merge(r.inv.ACLs, always(awsmodel.NetworkACL), aclKind); err != nil {
		return err
	}
	if r.lists, err = merge(r.inv.PrefixLists, awsmodel.ManagedPrefixList, prefixListKind); err != nil {
		return err
	}
	if r.tgws, err = merge(r.inv.TransitGateways, awsmodel.TransitGateway, tgwKind); err != nil {
		return err
	}
	if r.enis, err = merge(r.inv.Interfaces, always(awsmodel.NetworkInterface), eniKind); err != nil {
		return err
	}
	return r.readInstances()
}

// readInstances takes an ENI from its instance where DescribeNetworkInterfaces
// does not list it.
func (r *resolver) readInstances() error {
	known := make(map[string]bool, len(r.enis))
	for _, e := range r.enis {
		known[e.value.ID] = true
	}
	var instances []Found[instanceAnswer]
	for _, f := range r.inv.Reservations {
		for _, i := range f.value.Instances {
			instances = append(instances, Found[instanceAnswer]{instanceAnswer{f.value.OwnerId, i}, "", f.from})
		}
	}
	var extra []entry[topology.NetworkInterface]
	seen := map[string]bool{}
	for _, f := range instances {
		_, enis, ok, err := f.value.read()
		if err != nil {
			return fmt.Errorf("%s: %w", f.from.Source, err)
		}
		for _, n := range enis {
			if ok && !known[n.ID] && !seen[n.ID] {
				seen[n.ID] = true
				extra = append(extra, entry[topology.NetworkInterface]{n, f.from})
			}
		}
	}
	r.enis = append(r.enis, extra...)
	var err error
	r.machines, err = merge(instances, func(a instanceAnswer) (topology.Instance, bool, error) {
		i, _, ok, err := a.read()
		return i, ok, err
	}, instanceKind)
	return err
}

type instanceAnswer struct {
	owner *string
	i     ec2types.Instance
}

func (a instanceAnswer) read() (topology.Instance, []topology.NetworkInterface, bool, error) {
	owner := ""
	if a.owner != nil {
		owner = *a.owner
	}
	return awsmodel.Instance(owner, a.i)
}

// learn gathers what answers say about accounts and Regions.
func (r *resolver) learn() error {
	s := r.scopes
	for _, e := range r.vpcs {
		s.see(e.value.Scope, e.from, e.value.ID)
	}
	for _, e := range r.subnets {
		s.see(e.value.Scope, e.from, e.value.ID)
		s.region(e.value.Region, e.from, e.value.VPC)
	}
	for _, e := range r.groups {
		s.see(e.value.Scope, e.from)
		s.region(e.value.Region, e.from, e.value.VPC)
	}
	for _, e := range r.enis {
		s.see(e.value.Scope, e.from)
		s.region(e.value.Region, e.from, e.value.VPC)
	}
	for _, e := range r.tgws {
		s.see(e.value.Scope, e.from, e.value.ID)
	}
	for _, e := range r.tables {
		s.see(e.value.Scope, e.from)
	}
	for _, e := range r.acls {
		s.see(e.value.Scope, e.from)
	}
	for _, e := range r.machines {
		s.see(e.value.Scope, e.from)
	}
	for _, f := range r.inv.Zones {
		if f.value.RegionName != nil {
			s.see(topology.Scope{Region: *f.value.RegionName}, f.from)
		}
	}
	for _, f := range r.inv.callers {
		s.see(topology.Scope{Account: f.value}, f.from)
	}
	return nil
}

func (r *resolver) network() error {
	support, hostnames, err := r.attributes()
	if err != nil {
		return err
	}
	for _, e := range r.vpcs {
		v := e.value
		v.EnableDNSSupport, v.EnableDNSHostnames = support[v.ID].value, hostnames[v.ID].value
		if v.Scope, err = r.scopes.of(v.ID, v.Scope, e.from, v.ID); err != nil {
			return err
		}
		r.scopes.owners[v.ID] = v.Scope
		r.out.VPCs = append(r.out.VPCs, v)
	}
	for _, e := range r.subnets {
		v := e.value
		if v.Scope, err = r.scopes.of(v.ID, v.Scope, e.from, v.VPC); err != nil {
			return err
		}
		r.scopes.owners[v.ID] = v.Scope
		r.out.Subnets = append(r.out.Subnets, v)
	}
	for _, e := range r.tables {
		v := e.value
		if v.Scope, err = r.scopes.of(v.ID, v.Scope, e.from, v.VPC); err != nil {
			return err
		}
		r.out.RouteTables = append(r.out.RouteTables, v)
	}
	return nil
}

// attributes gives each VPC's two DNS switches.
func (r *resolver) attributes() (support, hostnames map[string]entry[*bool], err error) {
	support, hostnames = map[string]entry[*bool]{}, map[string]entry[*bool]{}
	set := func(m map[string]entry[*bool], vpc, name string, a *ec2types.AttributeBooleanValue, from *Origin) error {
		if a == nil || a.Value == nil {
			return nil
		}
		if other, twice := m[vpc]; twice && *other.value != *a.Value {
			return &ConflictError{Resource: vpc + " " + name, First: other.from.Source, Second: from.Source}
		}
		m[vpc] = entry[*bool]{a.Value, from}
		return nil
	}
	for _, f := range r.inv.VPCAttributes {
		if f.value.VpcId == nil {
			continue
		}
		err := set(support, *f.value.VpcId, "EnableDnsSupport", f.value.EnableDnsSupport, f.from)
		if err == nil {
			err = set(hostnames, *f.value.VpcId, "EnableDnsHostnames", f.value.EnableDnsHostnames, f.from)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	return support, hostnames, nil
}

func (r *resolver) security() error {
	listed, err := r.listedRules()
	if err != nil {
		return err
	}
	further := map[string][]string{}
	for _, f := range r.inv.GroupVPCs {
		if g, vpc, ok := awsmodel.SecurityGroupVPC(f.value); ok {
			further[g] = append(further[g], vpc)
		}
	}
	for _, e := range r.groups {
		v := e.value
		awsmodel.NameRules(&v, listed[v.ID])
		for _, vpc := range further[v.ID] {
			if vpc != v.VPC {
				v.VPCs = append(v.VPCs, vpc)
			}
		}
		slices.Sort(v.VPCs)
		v.VPCs = slices.Compact(v.VPCs)
		if v.Scope, err = r.scopes.of(v.ID, v.Scope, e.from, v.VPC); err != nil {
			return err
		}
		r.out.SecurityGroups = append(r.out.SecurityGroups, v)
	}
	for _, e := range r.acls {
		v := e.value
		if v.Scope, err = r.scopes.of(v.ID, v.Scope, e.from, v.VPC); err != nil {
			return err
		}
		r.out.NetworkACLs = append(r.out.NetworkACLs, v)
	}
	return nil
}

// listedRules gives the rules of DescribeSecurityGroupRules by group.
func (r *resolver) listedRules() (map[string][]topology.SecurityGroupRule, error) {
	type ruleOf struct {
		group string
		rule  topology.SecurityGroupRule
	}
	rules, err := merge(r.inv.GroupRules, func(x ec2types.SecurityGroupRule) (ruleOf, bool, error) {
		rule, err := awsmodel.SecurityGroupRule(x)
		group := ""
		if x.GroupId != nil {
			group = *x.GroupId
		}
		return ruleOf{group, rule}, true, err
	}, kind[ruleOf]{
		key: func(x *ruleOf) string { return x.rule.ID },
		wrap: func(x ruleOf) topology.Resources {
			return topology.Resources{SecurityGroups: []topology.SecurityGroup{{ID: cmp.Or(x.group, "sg"), Rules: []topology.SecurityGroupRule{x.rule}}}}
		},
	})
	if err != nil {
		return nil, err
	}
	out := map[string][]topology.SecurityGroupRule{}
	for _, e := range rules {
		out[e.value.group] = append(out[e.value.group], e.value.rule)
	}
	return out, nil
}

func (r *resolver) prefixLists() error {
	entries, err := unite(r.inv.PrefixEntries, awsmodel.PrefixListEntry, func(a, b netip.Prefix) int {
		return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
	})
	if err != nil {
		return err
	}
	old, err := merge(r.inv.OldPrefixLists, always(awsmodel.OldPrefixList), prefixListKind)
	if err != nil {
		return err
	}
	oldByID := map[string]entry[topology.PrefixList]{}
	for _, e := range old {
		oldByID[e.value.ID] = e
	}
	have := map[string]bool{}
	for _, e := range r.lists {
		have[e.value.ID] = true
	}
	for _, e := range old {
		if !have[e.value.ID] {
			r.lists = append(r.lists, e)
		}
	}
	for _, e := range r.lists {
		v := e.value
		if list, ok := entries[v.ID]; ok {
			v.Entries = list
		} else if o, ok := oldByID[v.ID]; ok {
			v.Entries = o.value.Entries
		}
		if v.Scope, err = r.scopes.of(v.ID, v.Scope, e.from); err != nil {
			return err
		}
		r.out.PrefixLists = append(r.out.PrefixLists, v)
	}
	return nil
}
