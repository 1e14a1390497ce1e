package inventory

// The calls that a snapshot is made of, by the names that AWS gives them.
// scripts/export-account makes the same; a test holds the two together.
const (
	CallVPCs            = "DescribeVpcs"
	CallVPCAttribute    = "DescribeVpcAttribute"
	CallSubnets         = "DescribeSubnets"
	CallRouteTables     = "DescribeRouteTables"
	CallGroups          = "DescribeSecurityGroups"
	CallGroupRules      = "DescribeSecurityGroupRules"
	CallGroupVPCs       = "DescribeSecurityGroupVpcAssociations"
	CallACLs            = "DescribeNetworkAcls"
	CallPrefixLists     = "DescribeManagedPrefixLists"
	CallPrefixEntries   = "GetManagedPrefixListEntries"
	CallTGWs            = "DescribeTransitGateways"
	CallAttachments     = "DescribeTransitGatewayAttachments"
	CallVPCAttachments  = "DescribeTransitGatewayVpcAttachments"
	CallTGWPeerings     = "DescribeTransitGatewayPeeringAttachments"
	CallTGWTables       = "DescribeTransitGatewayRouteTables"
	CallTGWRoutes       = "SearchTransitGatewayRoutes"
	CallPropagations    = "GetTransitGatewayRouteTablePropagations"
	CallTGWPrefixLists  = "GetTransitGatewayPrefixListReferences"
	CallPeerings        = "DescribeVpcPeeringConnections"
	CallInternet        = "DescribeInternetGateways"
	CallEgressOnly      = "DescribeEgressOnlyInternetGateways"
	CallVPNGateways     = "DescribeVpnGateways"
	CallVPNs            = "DescribeVpnConnections"
	CallNATs            = "DescribeNatGateways"
	CallEndpoints       = "DescribeVpcEndpoints"
	CallENIs            = "DescribeNetworkInterfaces"
	CallInstances       = "DescribeInstances"
	CallBalancers       = "DescribeLoadBalancers"
	CallListeners       = "DescribeListeners"
	CallListenerRules   = "DescribeRules"
	CallTargetGroups    = "DescribeTargetGroups"
	CallTargetHealth    = "DescribeTargetHealth"
	CallDatabases       = "DescribeDBInstances"
	CallHostedZones     = "ListHostedZonesByVPC"
	CallZoneRecords     = "ListResourceRecordSets" // of zones of the own account
	CallQuota           = "GetServiceQuota"
	CallAssociations    = "GetTransitGatewayRouteTableAssociations" // folders only: attachments tell the same
	CallOldPrefixLists  = "DescribePrefixLists"                     // folders only: older exports have it
	CallZones           = "DescribeAvailabilityZones"               // folders only: names the Region
	CallCallerIdentity  = "GetCallerIdentity"
	QuotaService        = "vpc"
	QuotaNoneSet        = "NoSuchResourceException" // the default is in force
	CodeNotImplemented  = "NotImplemented"
	CodeUnreachable     = "Unreachable"
	CodeMoreThanOnePage = "AdditionalRoutesAvailable"
)

// RegionCalls are the calls made once in each Region.
var RegionCalls = []string{
	CallVPCs, CallSubnets, CallGroups, CallRouteTables, CallGroupRules, CallGroupVPCs, CallACLs, CallPrefixLists,
	CallTGWs, CallAttachments, CallVPCAttachments, CallTGWPeerings, CallTGWTables, CallPeerings,
	CallInternet, CallEgressOnly, CallVPNGateways, CallVPNs, CallNATs, CallEndpoints, CallENIs, CallInstances,
	CallBalancers, CallTargetGroups, CallDatabases, CallQuota,
}

// CoreCalls are those without which there is no snapshot.
var CoreCalls = map[string]bool{CallVPCs: true, CallSubnets: true, CallGroups: true}

// QuotaCodes are the quotas that plans depend on: rules per security group,
// groups per interface, rules per network ACL, routes per route table.
var QuotaCodes = []string{"L-0EA8095F", "L-2AFB9258", "L-2AEEBF1A", "L-93826ACB"}
