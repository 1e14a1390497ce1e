package awscollect

// The calls that a snapshot is made of, by the names that AWS gives them.
// scripts/export-account makes the same; a test holds the two together.
const (
	callVPCs            = "DescribeVpcs"
	callVPCAttribute    = "DescribeVpcAttribute"
	callSubnets         = "DescribeSubnets"
	callRouteTables     = "DescribeRouteTables"
	callGroups          = "DescribeSecurityGroups"
	callGroupRules      = "DescribeSecurityGroupRules"
	callGroupVPCs       = "DescribeSecurityGroupVpcAssociations"
	callACLs            = "DescribeNetworkAcls"
	callPrefixLists     = "DescribeManagedPrefixLists"
	callPrefixEntries   = "GetManagedPrefixListEntries"
	callTGWs            = "DescribeTransitGateways"
	callAttachments     = "DescribeTransitGatewayAttachments"
	callVPCAttachments  = "DescribeTransitGatewayVpcAttachments"
	callTGWPeerings     = "DescribeTransitGatewayPeeringAttachments"
	callTGWTables       = "DescribeTransitGatewayRouteTables"
	callTGWRoutes       = "SearchTransitGatewayRoutes"
	callPropagations    = "GetTransitGatewayRouteTablePropagations"
	callTGWPrefixLists  = "GetTransitGatewayPrefixListReferences"
	callPeerings        = "DescribeVpcPeeringConnections"
	callInternet        = "DescribeInternetGateways"
	callEgressOnly      = "DescribeEgressOnlyInternetGateways"
	callVPNGateways     = "DescribeVpnGateways"
	callVPNs            = "DescribeVpnConnections"
	callNATs            = "DescribeNatGateways"
	callEndpoints       = "DescribeVpcEndpoints"
	callENIs            = "DescribeNetworkInterfaces"
	callInstances       = "DescribeInstances"
	callBalancers       = "DescribeLoadBalancers"
	callListeners       = "DescribeListeners"
	callListenerRules   = "DescribeRules"
	callTargetGroups    = "DescribeTargetGroups"
	callTargetHealth    = "DescribeTargetHealth"
	callDatabases       = "DescribeDBInstances"
	callQuota           = "GetServiceQuota"
	callAssociations    = "GetTransitGatewayRouteTableAssociations" // folders only: attachments tell the same
	callOldPrefixLists  = "DescribePrefixLists"                     // folders only: older exports have it
	callZones           = "DescribeAvailabilityZones"               // folders only: names the Region
	callCallerIdentity  = "GetCallerIdentity"
	quotaService        = "vpc"
	quotaNoneSet        = "NoSuchResourceException" // the default is in force
	codeNotImplemented  = "NotImplemented"
	codeMoreThanOnePage = "AdditionalRoutesAvailable"
)

// regionCalls are the calls made once in each Region.
var regionCalls = []string{
	callVPCs, callSubnets, callGroups, callRouteTables, callGroupRules, callGroupVPCs, callACLs, callPrefixLists,
	callTGWs, callAttachments, callVPCAttachments, callTGWPeerings, callTGWTables, callPeerings,
	callInternet, callEgressOnly, callVPNGateways, callVPNs, callNATs, callEndpoints, callENIs, callInstances,
	callBalancers, callTargetGroups, callDatabases, callQuota,
}

// coreCalls are those without which there is no snapshot.
var coreCalls = map[string]bool{callVPCs: true, callSubnets: true, callGroups: true}

// quotaCodes are the quotas that plans depend on: rules per security group,
// groups per interface, rules per network ACL, routes per route table.
var quotaCodes = []string{"L-0EA8095F", "L-2AFB9258", "L-2AEEBF1A", "L-93826ACB"}
