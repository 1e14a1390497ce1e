package topology

import (
	"net/netip"

	"github.com/flowcover/flowcover/topology/netset"
)

// Scope is the account and Region a resource lives in.
type Scope struct {
	Account string `json:"account"`
	Region  string `json:"region"`
}

// Tags are a resource's tags. AWS's "Name" tag is what people call it.
type Tags map[string]string

// VPC is a virtual private cloud with all its associated CIDR blocks.
type VPC struct {
	ID string `json:"id"`
	Scope
	CIDRs              []netip.Prefix `json:"cidrs"`
	IsDefault          bool           `json:"is_default,omitempty"`
	EnableDNSSupport   *bool          `json:"enable_dns_support,omitempty"`   // nil: not read
	EnableDNSHostnames *bool          `json:"enable_dns_hostnames,omitempty"` // nil: not read
	Tags               Tags           `json:"tags,omitempty"`
}

// Subnet is a subnet with its IPv4 and IPv6 blocks.
type Subnet struct {
	ID string `json:"id"`
	Scope
	VPC   string         `json:"vpc"`
	AZ    string         `json:"az"`    // name, such as ap-northeast-2a
	AZID  string         `json:"az_id"` // apne2-az1: the same place in every account
	CIDRs []netip.Prefix `json:"cidrs"`
	Tags  Tags           `json:"tags,omitempty"`
}

// RouteTable is a VPC route table.
type RouteTable struct {
	ID string `json:"id"`
	Scope
	VPC      string   `json:"vpc"`
	Main     bool     `json:"main,omitempty"`
	Subnets  []string `json:"subnets,omitempty"`  // explicit associations
	Gateways []string `json:"gateways,omitempty"` // edge associations
	Routes   []Route  `json:"routes"`
	Tags     Tags     `json:"tags,omitempty"`
}

// Route is one route of a VPC route table: one destination, one target.
type Route struct {
	Destination netip.Prefix `json:"destination,omitzero"`
	PrefixList  string       `json:"prefix_list,omitempty"` // instead of Destination
	// Target is the target's id: local, igw-, eigw-, nat-, tgw-, pcx-, vgw-,
	// vpce-, eni-, i-, lgw-, cagw-. Empty where AWS names none (blackhole).
	Target string `json:"target"`
	State  string `json:"state"`  // active | blackhole
	Origin string `json:"origin"` // CreateRouteTable | CreateRoute | EnableVgwRoutePropagation
}

// SecurityGroup is a security group with its rules in both directions.
type SecurityGroup struct {
	ID string `json:"id"`
	Scope
	VPC         string              `json:"vpc"`
	VPCs        []string            `json:"vpcs,omitempty"` // further VPC associations
	Name        string              `json:"name"`
	Description string              `json:"description,omitempty"`
	Rules       []SecurityGroupRule `json:"rules"`
	Tags        Tags                `json:"tags,omitempty"`
}

// Direction is the direction of a rule, as AWS names it.
type Direction string

// The two directions. Ingress is towards the ENI or into the subnet.
const (
	Ingress Direction = "ingress"
	Egress  Direction = "egress"
)

// SecurityGroupRule is one rule: exactly one of CIDR, PrefixList and Group is set.
type SecurityGroupRule struct {
	ID        string          `json:"id,omitempty"` // sgr-; empty where the source lists no ids
	Direction Direction       `json:"direction"`
	Protocol  netset.Protocol `json:"protocol"`
	// FromPort and ToPort are AWS's: ports, or ICMP type and code; -1 for all.
	FromPort    int          `json:"from_port"`
	ToPort      int          `json:"to_port"`
	CIDR        netip.Prefix `json:"cidr,omitzero"`
	PrefixList  string       `json:"prefix_list,omitempty"`
	Group       string       `json:"group,omitempty"`       // referenced SG
	GroupOwner  string       `json:"group_owner,omitempty"` // its account, where it is another's
	Description string       `json:"description,omitempty"`
}

// Columns gives the columns that the rule matches.
func (r SecurityGroupRule) Columns() netset.Columns {
	return netset.RuleColumns(r.Protocol, r.FromPort, r.ToPort)
}

// Peer gives the rule's one source or destination as text: the CIDR, the
// prefix list's id, or the referenced group as [account/]sg-id.
func (r SecurityGroupRule) Peer() string {
	switch {
	case r.PrefixList != "":
		return r.PrefixList
	case r.Group != "" && r.GroupOwner != "":
		return r.GroupOwner + "/" + r.Group
	case r.Group != "":
		return r.Group
	}
	return r.CIDR.String()
}

// Key names the rule within its group by its meaning, the same whether its id
// is known or not: "ingress tcp/443 10.0.0.0/8".
func (r SecurityGroupRule) Key() string {
	return string(r.Direction) + " " + r.Columns().String() + " " + r.Peer()
}

// NetworkACL is a network ACL with its entries and the subnets it guards.
type NetworkACL struct {
	ID string `json:"id"`
	Scope
	VPC       string            `json:"vpc"`
	IsDefault bool              `json:"is_default,omitempty"`
	Subnets   []string          `json:"subnets,omitempty"`
	Entries   []NetworkACLEntry `json:"entries"` // the final deny (32767, 32768) included
	Tags      Tags              `json:"tags,omitempty"`
}

// NetworkACLEntry is one entry. It matches the remote prefix and the
// destination port (for ICMP type and code). The lowest number that matches wins.
type NetworkACLEntry struct {
	Number    int             `json:"number"`
	Direction Direction       `json:"direction"`
	Allow     bool            `json:"allow"`
	Protocol  netset.Protocol `json:"protocol"`
	FromPort  int             `json:"from_port"` // ports, or ICMP type; -1 for all
	ToPort    int             `json:"to_port"`   // ports, or ICMP code; -1 for all
	CIDR      netip.Prefix    `json:"cidr"`
}

// Columns gives the columns that the entry matches.
func (e NetworkACLEntry) Columns() netset.Columns {
	return netset.RuleColumns(e.Protocol, e.FromPort, e.ToPort)
}

// DefaultDeny says whether the entry is the final deny that AWS adds and
// nobody can remove: number 32767 (IPv4) or 32768 (IPv6).
func (e NetworkACLEntry) DefaultDeny() bool { return e.Number >= 32767 }

// PrefixList is a managed prefix list.
type PrefixList struct {
	ID string `json:"id"`
	Scope
	Name       string         `json:"name"`
	Owner      string         `json:"owner"` // account, or "AWS"
	V6         bool           `json:"v6,omitempty"`
	MaxEntries int            `json:"max_entries"` // what it counts as in a quota; 0: not known
	Entries    []netip.Prefix `json:"entries"`
}

// TransitGateway is a transit gateway.
type TransitGateway struct {
	ID string `json:"id"`
	Scope
	SecurityGroupReferencing bool `json:"security_group_referencing,omitempty"`
	Tags                     Tags `json:"tags,omitempty"`
}

// TransitGatewayAttachment attaches a VPC, VPN, peer or other resource.
type TransitGatewayAttachment struct {
	ID string `json:"id"`
	Scope
	TransitGateway string   `json:"transit_gateway"`
	ResourceType   string   `json:"resource_type"` // vpc | vpn | direct-connect-gateway | connect | peering
	Resource       string   `json:"resource"`      // vpc-, vpn-, dxgw, tgw- of the peer
	ResourceOwner  string   `json:"resource_owner,omitempty"`
	Subnets        []string `json:"subnets,omitempty"` // vpc only: one per AZ
	State          string   `json:"state"`
	RouteTable     string   `json:"route_table,omitempty"` // the associated one; empty: none
	ApplianceMode  bool     `json:"appliance_mode,omitempty"`
	// SecurityGroupReferencing: the attachment's side of the switch.
	SecurityGroupReferencing bool `json:"security_group_referencing,omitempty"`
	// PeerAttachment is the same attachment's id at the other gateway (peering).
	PeerAttachment string `json:"peer_attachment,omitempty"`
	Tags           Tags   `json:"tags,omitempty"`
}

// TransitGatewayRouteTable is a TGW route table with what fills it.
type TransitGatewayRouteTable struct {
	ID string `json:"id"`
	Scope
	TransitGateway string                `json:"transit_gateway"`
	Routes         []TransitGatewayRoute `json:"routes"`
	// Propagations are the ids of the attachments that propagate here.
	Propagations         []string                      `json:"propagations,omitempty"`
	PrefixListReferences []TransitGatewayPrefixListRef `json:"prefix_list_references,omitempty"`
	Tags                 Tags                          `json:"tags,omitempty"`
}

// TransitGatewayRoute is a route as SearchTransitGatewayRoutes lists it.
type TransitGatewayRoute struct {
	Destination netip.Prefix `json:"destination"`
	Attachment  string       `json:"attachment,omitempty"` // empty: blackhole
	Static      bool         `json:"static,omitempty"`     // else propagated
	State       string       `json:"state"`                // active | blackhole
	PrefixList  string       `json:"prefix_list,omitempty"`
}

// TransitGatewayPrefixListRef routes every entry of a prefix list.
type TransitGatewayPrefixListRef struct {
	PrefixList string `json:"prefix_list"`
	Attachment string `json:"attachment,omitempty"`
	Blackhole  bool   `json:"blackhole,omitempty"`
}

// PeeringConnection is a VPC peering connection.
type PeeringConnection struct {
	ID string `json:"id"`
	Scope
	Requester PeeringSide `json:"requester"`
	Accepter  PeeringSide `json:"accepter"`
	Status    string      `json:"status"` // active, ...
}

// PeeringSide is one VPC of a peering connection.
type PeeringSide struct {
	VPC     string         `json:"vpc"`
	Account string         `json:"account"`
	Region  string         `json:"region"`
	CIDRs   []netip.Prefix `json:"cidrs,omitempty"`
}

// Gateway is an internet, egress-only internet or virtual private gateway, or
// a NAT gateway: told apart by Kind.
type Gateway struct {
	ID string `json:"id"`
	Scope
	Kind    string   `json:"kind"` // internet | egress-only-internet | vpn | nat
	VPC     string   `json:"vpc"`  // empty: detached
	State   string   `json:"state,omitempty"`
	Subnet  string   `json:"subnet,omitempty"`  // nat
	ENIs    []string `json:"enis,omitempty"`    // nat
	Private bool     `json:"private,omitempty"` // nat: connectivity type private
	// Destinations are what a vpn gateway's connections reach, where every one
	// of them routes statically; nil where that is not known (BGP, not read).
	Destinations []netip.Prefix `json:"destinations,omitempty"`
	Tags         Tags           `json:"tags,omitempty"`
}

// VPCEndpoint is an interface, gateway or gateway load balancer endpoint.
type VPCEndpoint struct {
	ID string `json:"id"`
	Scope
	VPC        string `json:"vpc"`
	Type       string `json:"type"` // Interface | Gateway | GatewayLoadBalancer | ...
	Service    string `json:"service"`
	PrivateDNS bool   `json:"private_dns,omitempty"`
	// InboundResolverOnly: private DNS answers only what comes through a Route 53
	// inbound endpoint; names asked for in the VPC itself keep their public answer.
	InboundResolverOnly bool     `json:"inbound_resolver_only,omitempty"`
	DNSNames            []string `json:"dns_names,omitempty"`
	Subnets             []string `json:"subnets,omitempty"`
	ENIs                []string `json:"enis,omitempty"`
	Groups              []string `json:"groups,omitempty"`
	RouteTables         []string `json:"route_tables,omitempty"`
	State               string   `json:"state,omitempty"`
	Tags                Tags     `json:"tags,omitempty"`
}

// NetworkInterface is an ENI.
type NetworkInterface struct {
	ID string `json:"id"`
	Scope
	VPC         string `json:"vpc"`
	Subnet      string `json:"subnet"`
	AZ          string `json:"az"`
	Type        string `json:"type"`                  // interface, nat_gateway, transit_gateway, lambda, ...
	Description string `json:"description,omitempty"` // AWS's own text tells what made a requester-managed ENI
	Instance    string `json:"instance,omitempty"`
	// Addresses are all private addresses, the primary first, IPv6 last.
	Addresses []netip.Addr `json:"addresses"`
	// Prefixes are delegated prefixes (EKS pods).
	Prefixes []netip.Prefix `json:"prefixes,omitempty"`
	// PublicAddresses maps a private to its public address.
	PublicAddresses  map[string]netip.Addr `json:"public_addresses,omitempty"`
	Groups           []string              `json:"groups,omitempty"`
	RequesterManaged bool                  `json:"requester_managed,omitempty"`
	Requester        string                `json:"requester,omitempty"`
	SourceDestCheck  bool                  `json:"source_dest_check"`
	Tags             Tags                  `json:"tags,omitempty"`
}

// Instance is an EC2 instance; its addresses are its ENIs'.
type Instance struct {
	ID string `json:"id"`
	Scope
	State string   `json:"state,omitempty"`
	ENIs  []string `json:"enis,omitempty"` // by device index, the primary first
	Tags  Tags     `json:"tags,omitempty"`
}

// LoadBalancer is an Application, Network or Gateway Load Balancer.
type LoadBalancer struct {
	ID string `json:"id"` // ARN
	Scope
	Name      string     `json:"name"`
	Type      string     `json:"type"` // application | network | gateway
	Scheme    string     `json:"scheme,omitempty"`
	VPC       string     `json:"vpc"`
	Groups    []string   `json:"groups,omitempty"`
	Listeners []Listener `json:"listeners,omitempty"`
}

// Listener is a port on which a load balancer listens.
type Listener struct {
	Protocol netset.Protocol `json:"protocol"`
	Port     int             `json:"port"`
	Targets  []Target        `json:"targets,omitempty"`
}

// Target is where a listener forwards to.
type Target struct {
	ID   string `json:"id"` // instance, IP address, Lambda ARN
	Port int    `json:"port"`
}

// DBInstance is an RDS instance with the port that it listens on.
type DBInstance struct {
	ID string `json:"id"`
	Scope
	VPC     string   `json:"vpc"`
	Engine  string   `json:"engine"`
	Port    int      `json:"port"`
	Groups  []string `json:"groups,omitempty"`
	Subnets []string `json:"subnets,omitempty"`
}

// Quota is a Service Quotas value in force in one account and Region.
type Quota struct {
	Scope
	Code  string `json:"code"` // such as L-0EA8095F
	Value int    `json:"value"`
}

// NotRead is a call that was refused, unknown or out of reach, so that what it would have
// listed is missing. Whoever relies on it says so.
type NotRead struct {
	Scope
	Call string `json:"call"` // DescribeRouteTables
	Code string `json:"code"` // UnauthorizedOperation
}
