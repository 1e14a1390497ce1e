package topology

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"
)

// Resources is the canonical part of a snapshot: everything sorted by id,
// equal for equal accounts however they were read.
type Resources struct {
	VPCs               []VPC                      `json:"vpcs"`
	Subnets            []Subnet                   `json:"subnets"`
	RouteTables        []RouteTable               `json:"route_tables"`
	SecurityGroups     []SecurityGroup            `json:"security_groups"`
	NetworkACLs        []NetworkACL               `json:"network_acls"`
	PrefixLists        []PrefixList               `json:"prefix_lists"`
	TransitGateways    []TransitGateway           `json:"transit_gateways"`
	Attachments        []TransitGatewayAttachment `json:"transit_gateway_attachments"`
	TransitRouteTables []TransitGatewayRouteTable `json:"transit_gateway_route_tables"`
	Peerings           []PeeringConnection        `json:"peering_connections"`
	Gateways           []Gateway                  `json:"gateways"`
	Endpoints          []VPCEndpoint              `json:"vpc_endpoints"`
	Interfaces         []NetworkInterface         `json:"network_interfaces"`
	Instances          []Instance                 `json:"instances"`
	LoadBalancers      []LoadBalancer             `json:"load_balancers"`
	DBInstances        []DBInstance               `json:"db_instances"`
	HostedZones        []HostedZone               `json:"hosted_zones"`
	Quotas             []Quota                    `json:"quotas"`
	NotRead            []NotRead                  `json:"not_read"`
}

// Snapshot is an account, or several, as read at one time. It is immutable and
// safe for concurrent use; what its methods return must not be changed.
type Snapshot struct {
	r      Resources
	ix     *index
	groups map[string]*groupRules
	acls   map[string]*aclRules
	seal   func() sealed
}

// New makes a snapshot of r, which it does not change: canonical values, sorted
// by id, checked. An error names the resource, the field and the value.
func New(r Resources) (*Snapshot, error) {
	r = canonical(r)
	if err := validate(r); err != nil {
		return nil, err
	}
	r, err := sorted(r)
	if err != nil {
		return nil, err
	}
	s := &Snapshot{r: r, ix: newIndex(r)}
	s.groups = make(map[string]*groupRules, len(r.SecurityGroups))
	for i := range r.SecurityGroups {
		g := &r.SecurityGroups[i]
		s.groups[g.ID] = &groupRules{group: g}
	}
	s.acls = make(map[string]*aclRules, len(r.NetworkACLs))
	for i := range r.NetworkACLs {
		a := &r.NetworkACLs[i]
		s.acls[a.ID] = &aclRules{acl: a}
	}
	s.lazy()
	return s, nil
}

func (s *Snapshot) lazy() {
	s.seal = sync.OnceValue(func() sealed { return seal(&s.r) })
}

// Replace gives the snapshot as it would be with these groups and ACLs in the
// place of those of the same id. Everything else is shared with s.
func (s *Snapshot) Replace(groups []SecurityGroup, acls []NetworkACL) (*Snapshot, error) {
	part := canonical(Resources{SecurityGroups: groups, NetworkACLs: acls})
	if err := validate(part); err != nil {
		return nil, err
	}
	n := &Snapshot{r: s.r, ix: s.ix, groups: s.groups, acls: s.acls}
	if len(groups) > 0 {
		n.r.SecurityGroups = slices.Clone(s.r.SecurityGroups)
		n.groups = maps.Clone(s.groups)
	}
	for _, g := range part.SecurityGroups {
		i, ok := slices.BinarySearchFunc(n.r.SecurityGroups, g.ID, func(g SecurityGroup, id string) int { return cmp.Compare(g.ID, id) })
		if !ok {
			return nil, fmt.Errorf("security group %s is not in the snapshot", g.ID)
		}
		n.r.SecurityGroups[i] = g
		n.groups[g.ID] = &groupRules{group: &g}
	}
	if len(acls) > 0 {
		n.r.NetworkACLs = slices.Clone(s.r.NetworkACLs)
		n.acls = maps.Clone(s.acls)
	}
	for _, a := range part.NetworkACLs {
		i, ok := slices.BinarySearchFunc(n.r.NetworkACLs, a.ID, func(a NetworkACL, id string) int { return cmp.Compare(a.ID, id) })
		if !ok {
			return nil, fmt.Errorf("network ACL %s is not in the snapshot", a.ID)
		}
		if !slices.Equal(a.Subnets, n.r.NetworkACLs[i].Subnets) || a.VPC != n.r.NetworkACLs[i].VPC {
			return nil, fmt.Errorf("network ACL %s: its VPC and subnets cannot be replaced, only its entries", a.ID)
		}
		n.r.NetworkACLs[i] = a
		n.acls[a.ID] = &aclRules{acl: &a}
	}
	n.lazy()
	return n, nil
}

// Resources gives the canonical part. It is shared: do not change it.
func (s *Snapshot) Resources() Resources { return s.r }

// Digest is the SHA-256 of the canonical JSON of Resources, in hex.
func (s *Snapshot) Digest() string { return s.seal().digest }

// Fingerprint is the SHA-256 of a resource's canonical JSON, in hex.
func (s *Snapshot) Fingerprint(id string) (string, bool) {
	f, ok := s.seal().prints[id]
	return f, ok
}

// Accounts lists the accounts that own a VPC here, sorted.
func (s *Snapshot) Accounts() []string { return s.ix.accounts }

// VPC finds a VPC by id.
func (s *Snapshot) VPC(id string) (*VPC, bool) { return find(s.ix.vpcs, id) }

// Subnet finds a subnet by id.
func (s *Snapshot) Subnet(id string) (*Subnet, bool) { return find(s.ix.subnets, id) }

// SecurityGroup finds a security group by id.
func (s *Snapshot) SecurityGroup(id string) (*SecurityGroup, bool) {
	if g, ok := s.groups[id]; ok {
		return g.group, true
	}
	return nil, false
}

// NetworkACL finds a network ACL by id.
func (s *Snapshot) NetworkACL(id string) (*NetworkACL, bool) {
	if a, ok := s.acls[id]; ok {
		return a.acl, true
	}
	return nil, false
}

// Interface finds a network interface by id.
func (s *Snapshot) Interface(id string) (*NetworkInterface, bool) { return find(s.ix.enis, id) }

// Instance finds an instance by id.
func (s *Snapshot) Instance(id string) (*Instance, bool) { return find(s.ix.instances, id) }

// PrefixList finds a managed prefix list by id.
func (s *Snapshot) PrefixList(id string) (*PrefixList, bool) { return find(s.ix.prefixLists, id) }

// RouteTable finds a VPC route table by id.
func (s *Snapshot) RouteTable(id string) (*RouteTable, bool) { return find(s.ix.routeTables, id) }

// TransitGateway finds a transit gateway by id.
func (s *Snapshot) TransitGateway(id string) (*TransitGateway, bool) { return find(s.ix.tgws, id) }

// Attachment finds a transit gateway attachment by id. A peering attachment
// has the same id at both gateways: this is the one at the lower gateway id.
func (s *Snapshot) Attachment(id string) (*TransitGatewayAttachment, bool) {
	if as := s.ix.attachments[id]; len(as) > 0 {
		return as[0], true
	}
	return nil, false
}

// TransitRouteTable finds a transit gateway route table by id.
func (s *Snapshot) TransitRouteTable(id string) (*TransitGatewayRouteTable, bool) {
	return find(s.ix.tgwTables, id)
}

// Gateway finds an internet, egress-only, VPN or NAT gateway by id.
func (s *Snapshot) Gateway(id string) (*Gateway, bool) { return find(s.ix.gateways, id) }

// Endpoint finds a VPC endpoint by id.
func (s *Snapshot) Endpoint(id string) (*VPCEndpoint, bool) { return find(s.ix.endpoints, id) }

func find[T any](m map[string]*T, id string) (*T, bool) {
	v, ok := m[id]
	return v, ok
}

// InterfacesAt lists the interfaces that hold a private address, itself or in a
// delegated prefix. VPCs that overlap give several.
func (s *Snapshot) InterfacesAt(a netip.Addr) []*NetworkInterface {
	a = a.Unmap()
	here := s.ix.eniAt[a]
	if delegated, ok := s.ix.delegated.Lookup(a); ok {
		return append(slices.Clone(here), delegated...)
	}
	return here
}

// InterfacesAtPublic lists the interfaces that a public address belongs to.
func (s *Snapshot) InterfacesAtPublic(a netip.Addr) []*NetworkInterface {
	return s.ix.eniAtPublic[a.Unmap()]
}

// InterfacesInGroup lists the interfaces that carry a security group.
func (s *Snapshot) InterfacesInGroup(sg string) []*NetworkInterface { return s.ix.eniInGroup[sg] }

// InterfacesInSubnet lists the interfaces of a subnet.
func (s *Snapshot) InterfacesInSubnet(subnet string) []*NetworkInterface {
	return s.ix.eniInSubnet[subnet]
}

// InterfacesOfInstance lists an instance's interfaces, the primary first.
func (s *Snapshot) InterfacesOfInstance(id string) []*NetworkInterface {
	return s.ix.eniOfInstance[id]
}

// SubnetACL gives the ACL that guards a subnet: the VPC's default one where
// none is associated.
func (s *Snapshot) SubnetACL(subnet string) (*NetworkACL, bool) {
	return s.NetworkACL(s.ix.aclOf(subnet))
}

// SubnetRouteTable gives a subnet's route table: the VPC's main one where none
// is associated.
func (s *Snapshot) SubnetRouteTable(subnet string) (*RouteTable, bool) {
	t := s.ix.tableOf(subnet)
	if t == nil {
		return nil, false
	}
	return t.table, true
}

// SubnetOf finds the subnet of a VPC that holds an address.
func (s *Snapshot) SubnetOf(vpc string, a netip.Addr) (*Subnet, bool) {
	if t, ok := s.ix.subnetAt[vpc]; ok {
		return t.Lookup(a.Unmap())
	}
	return nil, false
}

// Quota gives the value in force of a Service Quotas code; false where the
// snapshot does not know it.
func (s *Snapshot) Quota(scope Scope, code string) (int, bool) {
	v, ok := s.ix.quotas[Quota{Scope: scope, Code: code}]
	return v, ok
}
