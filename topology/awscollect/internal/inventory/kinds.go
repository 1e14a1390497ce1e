package inventory

import "github.com/flowcover/flowcover/topology"

// How each kind of resource is told apart, who owns it, and how it is compared.
var (
	vpcKind = kind[topology.VPC]{
		key:   func(v *topology.VPC) string { return v.ID },
		owner: func(v *topology.VPC) string { return v.Account },
		wrap:  func(v topology.VPC) topology.Resources { return topology.Resources{VPCs: []topology.VPC{v}} },
	}
	subnetKind = kind[topology.Subnet]{
		key:   func(v *topology.Subnet) string { return v.ID },
		owner: func(v *topology.Subnet) string { return v.Account },
		wrap:  func(v topology.Subnet) topology.Resources { return topology.Resources{Subnets: []topology.Subnet{v}} },
	}
	routeTableKind = kind[topology.RouteTable]{
		key:   func(v *topology.RouteTable) string { return v.ID },
		owner: func(v *topology.RouteTable) string { return v.Account },
		wrap: func(v topology.RouteTable) topology.Resources {
			return topology.Resources{RouteTables: []topology.RouteTable{v}}
		},
	}
	groupKind = kind[topology.SecurityGroup]{
		key:   func(v *topology.SecurityGroup) string { return v.ID },
		owner: func(v *topology.SecurityGroup) string { return v.Account },
		wrap: func(v topology.SecurityGroup) topology.Resources {
			return topology.Resources{SecurityGroups: []topology.SecurityGroup{v}}
		},
	}
	aclKind = kind[topology.NetworkACL]{
		key:   func(v *topology.NetworkACL) string { return v.ID },
		owner: func(v *topology.NetworkACL) string { return v.Account },
		wrap: func(v topology.NetworkACL) topology.Resources {
			return topology.Resources{NetworkACLs: []topology.NetworkACL{v}}
		},
	}
	prefixListKind = kind[topology.PrefixList]{
		key:   func(v *topology.PrefixList) string { return v.ID },
		owner: func(v *topology.PrefixList) string { return v.Account },
		wrap: func(v topology.PrefixList) topology.Resources {
			return topology.Resources{PrefixLists: []topology.PrefixList{v}}
		},
	}
	tgwKind = kind[topology.TransitGateway]{
		key:   func(v *topology.TransitGateway) string { return v.ID },
		owner: func(v *topology.TransitGateway) string { return v.Account },
		wrap: func(v topology.TransitGateway) topology.Resources {
			return topology.Resources{TransitGateways: []topology.TransitGateway{v}}
		},
	}
	// A peering attachment has one id at both gateways.
	attachmentKind = kind[topology.TransitGatewayAttachment]{
		key:   func(v *topology.TransitGatewayAttachment) string { return v.ID + " at " + v.TransitGateway },
		owner: func(v *topology.TransitGatewayAttachment) string { return v.Account },
		wrap: func(v topology.TransitGatewayAttachment) topology.Resources {
			return topology.Resources{Attachments: []topology.TransitGatewayAttachment{v}}
		},
	}
	tgwTableKind = kind[topology.TransitGatewayRouteTable]{
		key: func(v *topology.TransitGatewayRouteTable) string { return v.ID },
		wrap: func(v topology.TransitGatewayRouteTable) topology.Resources {
			return topology.Resources{TransitRouteTables: []topology.TransitGatewayRouteTable{v}}
		},
	}
	peeringKind = kind[topology.PeeringConnection]{
		key: func(v *topology.PeeringConnection) string { return v.ID },
		wrap: func(v topology.PeeringConnection) topology.Resources {
			return topology.Resources{Peerings: []topology.PeeringConnection{v}}
		},
	}
	gatewayKind = kind[topology.Gateway]{
		key:   func(v *topology.Gateway) string { return v.ID },
		owner: func(v *topology.Gateway) string { return v.Account },
		wrap: func(v topology.Gateway) topology.Resources {
			return topology.Resources{Gateways: []topology.Gateway{v}}
		},
	}
	endpointKind = kind[topology.VPCEndpoint]{
		key:   func(v *topology.VPCEndpoint) string { return v.ID },
		owner: func(v *topology.VPCEndpoint) string { return v.Account },
		wrap: func(v topology.VPCEndpoint) topology.Resources {
			return topology.Resources{Endpoints: []topology.VPCEndpoint{v}}
		},
	}
	eniKind = kind[topology.NetworkInterface]{
		key:   func(v *topology.NetworkInterface) string { return v.ID },
		owner: func(v *topology.NetworkInterface) string { return v.Account },
		wrap: func(v topology.NetworkInterface) topology.Resources {
			return topology.Resources{Interfaces: []topology.NetworkInterface{v}}
		},
	}
	instanceKind = kind[topology.Instance]{
		key:   func(v *topology.Instance) string { return v.ID },
		owner: func(v *topology.Instance) string { return v.Account },
		wrap: func(v topology.Instance) topology.Resources {
			return topology.Resources{Instances: []topology.Instance{v}}
		},
	}
	balancerKind = kind[topology.LoadBalancer]{
		key: func(v *topology.LoadBalancer) string { return v.ID },
		wrap: func(v topology.LoadBalancer) topology.Resources {
			return topology.Resources{LoadBalancers: []topology.LoadBalancer{v}}
		},
	}
	// A DB instance's name is unique within an account and Region only.
	databaseKind = kind[topology.DBInstance]{
		key: func(v *topology.DBInstance) string { return v.Account + "/" + v.Region + "/" + v.ID },
		wrap: func(v topology.DBInstance) topology.Resources {
			return topology.Resources{DBInstances: []topology.DBInstance{v}}
		},
	}
)
