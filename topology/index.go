package topology

import (
	"net/netip"
	"slices"
	"sync"

	"github.com/flowcover/flowcover/topology/netset"
)

// index finds resources. It depends on no rule and no entry, so a proposed
// snapshot shares it.
type index struct {
	vpcs        map[string]*VPC
	subnets     map[string]*Subnet
	enis        map[string]*NetworkInterface
	instances   map[string]*Instance
	prefixLists map[string]*PrefixList
	routeTables map[string]*RouteTable
	tgws        map[string]*TransitGateway
	attachments map[string][]*TransitGatewayAttachment
	tgwTables   map[string]*TransitGatewayRouteTable
	gateways    map[string]*Gateway
	endpoints   map[string]*VPCEndpoint
	peerings    map[string]*PeeringConnection
	zonesOfVPC  map[string][]*HostedZone
	quotas      map[Quota]int
	accounts    []string
	otherNames  map[string]string // of load balancers and hosted zones
	tgwOfTable  map[string]bool   // gateways with a table in the snapshot

	eniAt         map[netip.Addr][]*NetworkInterface
	eniAtPublic   map[netip.Addr][]*NetworkInterface
	delegated     netset.Table[[]*NetworkInterface]
	eniInGroup    map[string][]*NetworkInterface
	eniInSubnet   map[string][]*NetworkInterface
	eniOfInstance map[string][]*NetworkInterface

	subnetAt   map[string]*netset.Table[*Subnet] // by VPC
	vpcAt      netset.Table[[]string]            // VPC ids by CIDR
	subnetACL  map[string]string
	defaultACL map[string]string
	subnetRT   map[string]*vpcTable
	mainRT     map[string]*vpcTable
	gatewayRT  map[string]*vpcTable
	transitRT  map[string]*transitTable

	attachmentOf map[[2]string]*TransitGatewayAttachment // {tgw, VPC}
	internetOf   map[string]*Gateway                     // by VPC
	natAt        map[string]*Gateway                     // by ENI
	lists        map[string]*netset.Table[struct{}]
	notRead      map[string]string // call -> the code it was refused with

	// Where the answer of a lookup may change; see wide.
	heldCuts, publicCuts, subnetCuts, vpcCuts func() netset.Cuts

	peered  map[[2]string]bool  // VPC pairs with an active peering in one Region, which carries SG references
	refTGWs map[string][]string // VPC -> gateways that carry SG references
}

func byID[T any](in []T, id func(*T) string) map[string]*T {
	m := make(map[string]*T, len(in))
	for i := range in {
		if _, ok := m[id(&in[i])]; !ok {
			m[id(&in[i])] = &in[i]
		}
	}
	return m
}

func newIndex(r Resources) *index {
	x := &index{
		vpcs:        byID(r.VPCs, func(v *VPC) string { return v.ID }),
		subnets:     byID(r.Subnets, func(v *Subnet) string { return v.ID }),
		enis:        byID(r.Interfaces, func(v *NetworkInterface) string { return v.ID }),
		instances:   byID(r.Instances, func(v *Instance) string { return v.ID }),
		prefixLists: byID(r.PrefixLists, func(v *PrefixList) string { return v.ID }),
		routeTables: byID(r.RouteTables, func(v *RouteTable) string { return v.ID }),
		tgws:        byID(r.TransitGateways, func(v *TransitGateway) string { return v.ID }),
		tgwTables:   byID(r.TransitRouteTables, func(v *TransitGatewayRouteTable) string { return v.ID }),
		gateways:    byID(r.Gateways, func(v *Gateway) string { return v.ID }),
		endpoints:   byID(r.Endpoints, func(v *VPCEndpoint) string { return v.ID }),
		peerings:    byID(r.Peerings, func(v *PeeringConnection) string { return v.ID }),
		zonesOfVPC:  make(map[string][]*HostedZone),
		quotas:      make(map[Quota]int, len(r.Quotas)),
		notRead:     make(map[string]string),
		otherNames:  make(map[string]string, len(r.HostedZones)+len(r.LoadBalancers)),
	}
	for i := range r.LoadBalancers {
		x.otherNames[r.LoadBalancers[i].ID] = r.LoadBalancers[i].Name
	}
	for i := range r.HostedZones {
		x.otherNames[r.HostedZones[i].ID] = r.HostedZones[i].Name
		for _, vpc := range r.HostedZones[i].VPCs {
			x.zonesOfVPC[vpc] = append(x.zonesOfVPC[vpc], &r.HostedZones[i])
		}
	}
	for _, q := range r.Quotas {
		x.quotas[Quota{Scope: q.Scope, Code: q.Code}] = q.Value
	}
	for _, n := range r.NotRead {
		x.notRead[n.Call] = n.Code
	}
	for i := range r.VPCs {
		if a := r.VPCs[i].Account; !slices.Contains(x.accounts, a) {
			x.accounts = append(x.accounts, a)
		}
	}
	slices.Sort(x.accounts)
	x.addLists(r)
	x.addInterfaces(r)
	x.addSubnets(r)
	x.addTables(r)
	x.addGateways(r)
	x.addCuts(r)
	return x
}

func (x *index) addLists(r Resources) {
	x.lists = make(map[string]*netset.Table[struct{}], len(r.PrefixLists))
	for i := range r.PrefixLists {
		t := &netset.Table[struct{}]{}
		for _, p := range r.PrefixLists[i].Entries {
			t.Set(p, struct{}{})
		}
		x.lists[r.PrefixLists[i].ID] = t
	}
}

func (x *index) addInterfaces(r Resources) {
	x.eniAt = make(map[netip.Addr][]*NetworkInterface, len(r.Interfaces))
	x.eniAtPublic = make(map[netip.Addr][]*NetworkInterface)
	x.eniInGroup = make(map[string][]*NetworkInterface)
	x.eniInSubnet = make(map[string][]*NetworkInterface)
	x.eniOfInstance = make(map[string][]*NetworkInterface)
	for i := range r.Interfaces {
		n := &r.Interfaces[i]
		for _, a := range n.Addresses {
			x.eniAt[a] = append(x.eniAt[a], n)
		}
		for _, p := range n.Prefixes {
			others, _ := x.delegated.Get(p)
			x.delegated.Set(p, append(others, n))
		}
		public := make(map[netip.Addr]bool, len(n.PublicAddresses))
		for _, a := range n.PublicAddresses {
			if !public[a] {
				public[a] = true
				x.eniAtPublic[a] = append(x.eniAtPublic[a], n)
			}
		}
		for _, g := range n.Groups {
			x.eniInGroup[g] = append(x.eniInGroup[g], n)
		}
		x.eniInSubnet[n.Subnet] = append(x.eniInSubnet[n.Subnet], n)
		if n.Instance != "" {
			x.eniOfInstance[n.Instance] = append(x.eniOfInstance[n.Instance], n)
		}
	}
	for i := range r.Instances {
		x.orderInterfaces(&r.Instances[i])
	}
}

// orderInterfaces puts an instance's interfaces in its own order, those that
// only the ENI's side names last.
func (x *index) orderInterfaces(v *Instance) {
	var out []*NetworkInterface
	for _, id := range v.ENIs {
		if n, ok := x.enis[id]; ok {
			out = append(out, n)
		}
	}
	for _, n := range x.eniOfInstance[v.ID] {
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	x.eniOfInstance[v.ID] = out
}

func (x *index) addSubnets(r Resources) {
	x.subnetAt = make(map[string]*netset.Table[*Subnet], len(r.VPCs))
	for i := range r.Subnets {
		n := &r.Subnets[i]
		t, ok := x.subnetAt[n.VPC]
		if !ok {
			t = &netset.Table[*Subnet]{}
			x.subnetAt[n.VPC] = t
		}
		for _, p := range n.CIDRs {
			t.Set(p, n)
		}
	}
	for i := range r.VPCs {
		for _, p := range r.VPCs[i].CIDRs {
			others, _ := x.vpcAt.Get(p)
			x.vpcAt.Set(p, append(others, r.VPCs[i].ID))
		}
	}
	x.subnetACL = make(map[string]string, len(r.Subnets))
	x.defaultACL = make(map[string]string, len(r.VPCs))
	for i := range r.NetworkACLs {
		a := &r.NetworkACLs[i]
		for _, sub := range a.Subnets {
			x.subnetACL[sub] = a.ID
		}
		if a.IsDefault {
			x.defaultACL[a.VPC] = a.ID
		}
	}
}

func (x *index) addTables(r Resources) {
	x.subnetRT = make(map[string]*vpcTable, len(r.Subnets))
	x.mainRT = make(map[string]*vpcTable, len(r.VPCs))
	x.gatewayRT = make(map[string]*vpcTable)
	for i := range r.RouteTables {
		t := &vpcTable{table: &r.RouteTables[i]}
		t.routes = sync.OnceValue(func() *netset.Table[readyRoute] { return x.compileRoutes(t.table) })
		t.cuts = sync.OnceValue(func() netset.Cuts { return netset.CutsAt(t.routes().Prefixes()...) })
		for _, sub := range t.table.Subnets {
			x.subnetRT[sub] = t
		}
		for _, g := range t.table.Gateways {
			x.gatewayRT[g] = t
		}
		if t.table.Main {
			x.mainRT[t.table.VPC] = t
		}
	}
	x.tgwOfTable = make(map[string]bool, len(r.TransitGateways))
	x.transitRT = make(map[string]*transitTable, len(r.TransitRouteTables))
	for i := range r.TransitRouteTables {
		t := &transitTable{table: &r.TransitRouteTables[i]}
		t.routes = sync.OnceValue(func() *netset.Table[transitRoute] { return x.compileTransit(t.table) })
		t.cuts = sync.OnceValue(func() netset.Cuts { return netset.CutsAt(t.routes().Prefixes()...) })
		x.transitRT[t.table.ID] = t
		x.tgwOfTable[t.table.TransitGateway] = true
	}
}

func (x *index) addGateways(r Resources) {
	x.attachments = make(map[string][]*TransitGatewayAttachment, len(r.Attachments))
	x.attachmentOf = make(map[[2]string]*TransitGatewayAttachment, len(r.Attachments))
	x.refTGWs = make(map[string][]string)
	for i := range r.Attachments {
		a := &r.Attachments[i]
		x.attachments[a.ID] = append(x.attachments[a.ID], a)
		if a.ResourceType != AttachVPC {
			continue
		}
		at := [2]string{a.TransitGateway, a.Resource}
		if old, ok := x.attachmentOf[at]; !ok || !usable(old) && usable(a) {
			x.attachmentOf[at] = a
		}
		if t, ok := x.tgws[a.TransitGateway]; ok && t.SecurityGroupReferencing && a.SecurityGroupReferencing && usable(a) {
			x.refTGWs[a.Resource] = append(x.refTGWs[a.Resource], a.TransitGateway)
		}
	}
	x.internetOf = make(map[string]*Gateway)
	x.natAt = make(map[string]*Gateway)
	for i := range r.Gateways {
		g := &r.Gateways[i]
		if g.Kind == KindInternet && g.VPC != "" {
			x.internetOf[g.VPC] = g
		}
		if g.Kind == KindNAT {
			for _, n := range g.ENIs {
				x.natAt[n] = g
			}
		}
	}
	x.peered = make(map[[2]string]bool)
	for i := range r.Peerings {
		p := &r.Peerings[i]
		if one := p.Requester.Region == "" || p.Accepter.Region == "" || p.Requester.Region == p.Accepter.Region; one && (p.Status == "" || p.Status == "active") {
			x.peered[[2]string{p.Requester.VPC, p.Accepter.VPC}] = true
			x.peered[[2]string{p.Accepter.VPC, p.Requester.VPC}] = true
		}
	}
}

func (x *index) aclOf(subnet string) string {
	if id, ok := x.subnetACL[subnet]; ok {
		return id
	}
	if sub, ok := x.subnets[subnet]; ok {
		return x.defaultACL[sub.VPC]
	}
	return ""
}

func (x *index) tableOf(subnet string) *vpcTable {
	if t, ok := x.subnetRT[subnet]; ok {
		return t
	}
	if sub, ok := x.subnets[subnet]; ok {
		return x.mainRT[sub.VPC]
	}
	return nil
}

// usable says whether an attachment carries traffic in its state.
func usable(a *TransitGatewayAttachment) bool {
	return a.State == "" || a.State == "available" || a.State == "modifying"
}
