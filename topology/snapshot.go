package topology

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
	Quotas             []Quota                    `json:"quotas"`
	NotRead            []NotRead                  `json:"not_read"`
}
