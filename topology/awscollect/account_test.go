package awscollect

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	zonetypes "github.com/aws/aws-sdk-go-v2/service/route53/types"
)

// built is what buildAccount made.
type built struct {
	vpcA, vpcB                   string
	subnetA, subnetA2, subnetB   string
	web, db                      string // security groups of VPC A
	acl                          string
	eni                          string
	tgw, tgwTable                string
	attachmentA, attachmentB     string
	peering, igw, nat, list      string
	gatewayEndpoint, ifaceEP, lb string
}

// must stops the test on the error of a call.
func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// buildAccount makes an account of every kind of resource that the server
// can make: two VPCs joined by a transit gateway and a peering connection.
func buildAccount(t *testing.T, cfg aws.Config) built {
	t.Helper()
	ctx, c := t.Context(), ec2.NewFromConfig(cfg)
	var b built
	b.vpcA, b.subnetA = buildVPC(t, c, cfg.Region, "10.10.0.0/16", "10.10.1.0/24", "a")
	b.vpcB, b.subnetB = buildVPC(t, c, cfg.Region, "10.20.0.0/16", "10.20.1.0/24", "b")
	b.subnetA2 = aws.ToString(must[*ec2.CreateSubnetOutput](t)(c.CreateSubnet(ctx, &ec2.CreateSubnetInput{
		VpcId: &b.vpcA, CidrBlock: aws.String("10.10.2.0/24"), AvailabilityZone: aws.String(cfg.Region + "b")})).Subnet.SubnetId)
	must[*ec2.AssociateVpcCidrBlockOutput](t)(c.AssociateVpcCidrBlock(ctx, &ec2.AssociateVpcCidrBlockInput{
		VpcId: &b.vpcA, CidrBlock: aws.String("10.11.0.0/16")}))
	must[*ec2.ModifyVpcAttributeOutput](t)(c.ModifyVpcAttribute(ctx, &ec2.ModifyVpcAttributeInput{
		VpcId: &b.vpcA, EnableDnsHostnames: &ec2types.AttributeBooleanValue{Value: aws.Bool(true)}}))
	buildRules(t, c, &b)
	buildTransit(t, c, &b)
	buildGateways(t, c, &b)
	buildServices(t, cfg, &b)
	buildZones(t, cfg, &b)
	return b
}

func buildVPC(t *testing.T, c *ec2.Client, region, cidr, subnet, zone string) (string, string) {
	ctx := t.Context()
	vpc := must[*ec2.CreateVpcOutput](t)(c.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: &cidr, TagSpecifications: []ec2types.TagSpecification{{
		ResourceType: ec2types.ResourceTypeVpc, Tags: []ec2types.Tag{{Key: aws.String("Name"), Value: aws.String("업무망 " + zone)}}}}})).Vpc.VpcId
	s := must[*ec2.CreateSubnetOutput](t)(c.CreateSubnet(ctx, &ec2.CreateSubnetInput{
		VpcId: vpc, CidrBlock: &subnet, AvailabilityZone: aws.String(region + zone)})).Subnet.SubnetId
	return *vpc, *s
}

func buildRules(t *testing.T, c *ec2.Client, b *built) {
	ctx := t.Context()
	group := func(name string) string {
		return *must[*ec2.CreateSecurityGroupOutput](t)(c.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{
			VpcId: &b.vpcA, GroupName: &name, Description: aws.String(name + " tier")})).GroupId
	}
	b.web, b.db = group("web"), group("db")
	b.list = *must[*ec2.CreateManagedPrefixListOutput](t)(c.CreateManagedPrefixList(ctx, &ec2.CreateManagedPrefixListInput{
		AddressFamily: aws.String("IPv4"), MaxEntries: aws.Int32(5), PrefixListName: aws.String("branches"),
		Entries: []ec2types.AddPrefixListEntry{{Cidr: aws.String("172.16.1.0/24")}, {Cidr: aws.String("172.16.2.0/24")}}})).PrefixList.PrefixListId
	must[*ec2.AuthorizeSecurityGroupIngressOutput](t)(c.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{
		GroupId: &b.web, IpPermissions: []ec2types.IpPermission{
			{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(443), ToPort: aws.Int32(443),
				IpRanges:   []ec2types.IpRange{{CidrIp: aws.String("0.0.0.0/0"), Description: aws.String("대외 서비스")}, {CidrIp: aws.String("10.20.0.0/16")}},
				Ipv6Ranges: []ec2types.Ipv6Range{{CidrIpv6: aws.String("::/0")}}},
			{IpProtocol: aws.String("icmp"), FromPort: aws.Int32(8), ToPort: aws.Int32(-1), IpRanges: []ec2types.IpRange{{CidrIp: aws.String("10.0.0.0/8")}}},
			{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(8080), ToPort: aws.Int32(8090), PrefixListIds: []ec2types.PrefixListId{{PrefixListId: &b.list}}},
		}}))
	must[*ec2.AuthorizeSecurityGroupIngressOutput](t)(c.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{
		GroupId: &b.db, IpPermissions: []ec2types.IpPermission{{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(5432), ToPort: aws.Int32(5432),
			UserIdGroupPairs: []ec2types.UserIdGroupPair{{GroupId: &b.web}}}}}))
	must[*ec2.AuthorizeSecurityGroupEgressOutput](t)(c.AuthorizeSecurityGroupEgress(ctx, &ec2.AuthorizeSecurityGroupEgressInput{
		GroupId: &b.db, IpPermissions: []ec2types.IpPermission{{IpProtocol: aws.String("udp"), FromPort: aws.Int32(53), ToPort: aws.Int32(53),
			IpRanges: []ec2types.IpRange{{CidrIp: aws.String("10.10.0.2/32")}}}}}))
	b.acl = *must[*ec2.CreateNetworkAclOutput](t)(c.CreateNetworkAcl(ctx, &ec2.CreateNetworkAclInput{VpcId: &b.vpcA})).NetworkAcl.NetworkAclId
	for i, e := range []ec2.CreateNetworkAclEntryInput{
		{Egress: aws.Bool(false), Protocol: aws.String("6"), CidrBlock: aws.String("10.20.0.0/16"), PortRange: &ec2types.PortRange{From: aws.Int32(443), To: aws.Int32(443)}},
		{Egress: aws.Bool(false), Protocol: aws.String("1"), CidrBlock: aws.String("10.0.0.0/8"), IcmpTypeCode: &ec2types.IcmpTypeCode{Type: aws.Int32(3), Code: aws.Int32(4)}},
		{Egress: aws.Bool(true), Protocol: aws.String("-1"), CidrBlock: aws.String("0.0.0.0/0")},
	} {
		e.NetworkAclId, e.RuleNumber, e.RuleAction = &b.acl, aws.Int32(int32(100*(i+1))), ec2types.RuleActionAllow
		must[*ec2.CreateNetworkAclEntryOutput](t)(c.CreateNetworkAclEntry(ctx, &e))
	}
	b.eni = *must[*ec2.CreateNetworkInterfaceOutput](t)(c.CreateNetworkInterface(ctx, &ec2.CreateNetworkInterfaceInput{
		SubnetId: &b.subnetA, Groups: []string{b.web, b.db}, PrivateIpAddress: aws.String("10.10.1.10"), Description: aws.String("front")})).NetworkInterface.NetworkInterfaceId
	must[*ec2.RunInstancesOutput](t)(c.RunInstances(ctx, &ec2.RunInstancesInput{
		ImageId: aws.String("ami-12c6146b"), MinCount: aws.Int32(1), MaxCount: aws.Int32(1), SubnetId: &b.subnetB}))
}

func buildTransit(t *testing.T, c *ec2.Client, b *built) {
	ctx := t.Context()
	b.tgw = *must[*ec2.CreateTransitGatewayOutput](t)(c.CreateTransitGateway(ctx, &ec2.CreateTransitGatewayInput{})).TransitGateway.TransitGatewayId
	attach := func(vpc, subnet string) string {
		return *must[*ec2.CreateTransitGatewayVpcAttachmentOutput](t)(c.CreateTransitGatewayVpcAttachment(ctx, &ec2.CreateTransitGatewayVpcAttachmentInput{
			TransitGatewayId: &b.tgw, VpcId: &vpc, SubnetIds: []string{subnet}})).TransitGatewayVpcAttachment.TransitGatewayAttachmentId
	}
	b.attachmentA, b.attachmentB = attach(b.vpcA, b.subnetA), attach(b.vpcB, b.subnetB)
	b.tgwTable = *must[*ec2.CreateTransitGatewayRouteTableOutput](t)(c.CreateTransitGatewayRouteTable(ctx, &ec2.CreateTransitGatewayRouteTableInput{
		TransitGatewayId: &b.tgw})).TransitGatewayRouteTable.TransitGatewayRouteTableId
	must[*ec2.EnableTransitGatewayRouteTablePropagationOutput](t)(c.EnableTransitGatewayRouteTablePropagation(ctx, &ec2.EnableTransitGatewayRouteTablePropagationInput{
		TransitGatewayRouteTableId: &b.tgwTable, TransitGatewayAttachmentId: &b.attachmentA}))
	must[*ec2.CreateTransitGatewayRouteOutput](t)(c.CreateTransitGatewayRoute(ctx, &ec2.CreateTransitGatewayRouteInput{
		TransitGatewayRouteTableId: &b.tgwTable, TransitGatewayAttachmentId: &b.attachmentB, DestinationCidrBlock: aws.String("10.20.0.0/16")}))
	must[*ec2.CreateTransitGatewayRouteOutput](t)(c.CreateTransitGatewayRoute(ctx, &ec2.CreateTransitGatewayRouteInput{
		TransitGatewayRouteTableId: &b.tgwTable, Blackhole: aws.Bool(true), DestinationCidrBlock: aws.String("192.168.0.0/16")}))
}

func buildGateways(t *testing.T, c *ec2.Client, b *built) {
	ctx := t.Context()
	b.igw = *must[*ec2.CreateInternetGatewayOutput](t)(c.CreateInternetGateway(ctx, &ec2.CreateInternetGatewayInput{})).InternetGateway.InternetGatewayId
	must[*ec2.AttachInternetGatewayOutput](t)(c.AttachInternetGateway(ctx, &ec2.AttachInternetGatewayInput{InternetGatewayId: &b.igw, VpcId: &b.vpcA}))
	address := must[*ec2.AllocateAddressOutput](t)(c.AllocateAddress(ctx, &ec2.AllocateAddressInput{Domain: ec2types.DomainTypeVpc}))
	b.nat = *must[*ec2.CreateNatGatewayOutput](t)(c.CreateNatGateway(ctx, &ec2.CreateNatGatewayInput{
		SubnetId: &b.subnetA2, AllocationId: address.AllocationId})).NatGateway.NatGatewayId
	must[*ec2.CreateEgressOnlyInternetGatewayOutput](t)(c.CreateEgressOnlyInternetGateway(ctx, &ec2.CreateEgressOnlyInternetGatewayInput{VpcId: &b.vpcA}))
	vgw := must[*ec2.CreateVpnGatewayOutput](t)(c.CreateVpnGateway(ctx, &ec2.CreateVpnGatewayInput{Type: ec2types.GatewayTypeIpsec1})).VpnGateway.VpnGatewayId
	must[*ec2.AttachVpnGatewayOutput](t)(c.AttachVpnGateway(ctx, &ec2.AttachVpnGatewayInput{VpcId: &b.vpcB, VpnGatewayId: vgw}))
	pcx := must[*ec2.CreateVpcPeeringConnectionOutput](t)(c.CreateVpcPeeringConnection(ctx, &ec2.CreateVpcPeeringConnectionInput{VpcId: &b.vpcA, PeerVpcId: &b.vpcB}))
	b.peering = *pcx.VpcPeeringConnection.VpcPeeringConnectionId
	must[*ec2.AcceptVpcPeeringConnectionOutput](t)(c.AcceptVpcPeeringConnection(ctx, &ec2.AcceptVpcPeeringConnectionInput{VpcPeeringConnectionId: &b.peering}))

	table := must[*ec2.CreateRouteTableOutput](t)(c.CreateRouteTable(ctx, &ec2.CreateRouteTableInput{VpcId: &b.vpcA})).RouteTable.RouteTableId
	must[*ec2.AssociateRouteTableOutput](t)(c.AssociateRouteTable(ctx, &ec2.AssociateRouteTableInput{RouteTableId: table, SubnetId: &b.subnetA}))
	for _, r := range []ec2.CreateRouteInput{
		{DestinationCidrBlock: aws.String("0.0.0.0/0"), GatewayId: &b.igw},
		{DestinationCidrBlock: aws.String("10.20.0.0/16"), TransitGatewayId: &b.tgw},
		{DestinationCidrBlock: aws.String("10.99.0.0/16"), NatGatewayId: &b.nat},
		{DestinationCidrBlock: aws.String("10.20.9.0/24"), VpcPeeringConnectionId: &b.peering},
		{DestinationCidrBlock: aws.String("10.98.0.0/16"), NetworkInterfaceId: &b.eni},
	} {
		r.RouteTableId = table
		must[*ec2.CreateRouteOutput](t)(c.CreateRoute(ctx, &r))
	}
	region := c.Options().Region
	b.gatewayEndpoint = *must[*ec2.CreateVpcEndpointOutput](t)(c.CreateVpcEndpoint(ctx, &ec2.CreateVpcEndpointInput{
		VpcId: &b.vpcA, ServiceName: aws.String("com.amazonaws." + region + ".s3"), RouteTableIds: []string{*table}})).VpcEndpoint.VpcEndpointId
	b.ifaceEP = *must[*ec2.CreateVpcEndpointOutput](t)(c.CreateVpcEndpoint(ctx, &ec2.CreateVpcEndpointInput{
		VpcId: &b.vpcA, ServiceName: aws.String("com.amazonaws." + region + ".ssm"), VpcEndpointType: ec2types.VpcEndpointTypeInterface,
		SubnetIds: []string{b.subnetA}, SecurityGroupIds: []string{b.web}, PrivateDnsEnabled: aws.Bool(true)})).VpcEndpoint.VpcEndpointId
}

// buildZones makes a zone of both VPCs with records of several kinds.
func buildZones(t *testing.T, cfg aws.Config, b *built) {
	ctx, c := t.Context(), route53.NewFromConfig(cfg)
	vpc := func(id *string) *zonetypes.VPC {
		return &zonetypes.VPC{VPCId: id, VPCRegion: zonetypes.VPCRegion(region)}
	}
	zone := must[*route53.CreateHostedZoneOutput](t)(c.CreateHostedZone(ctx, &route53.CreateHostedZoneInput{
		Name: aws.String("example.internal"), CallerReference: aws.String("1"), VPC: vpc(&b.vpcA),
		HostedZoneConfig: &zonetypes.HostedZoneConfig{PrivateZone: true}})).HostedZone.Id
	must[*route53.AssociateVPCWithHostedZoneOutput](t)(c.AssociateVPCWithHostedZone(ctx, &route53.AssociateVPCWithHostedZoneInput{HostedZoneId: zone, VPC: vpc(&b.vpcB)}))
	var changes []zonetypes.Change
	for _, r := range []zonetypes.ResourceRecordSet{
		{Name: aws.String("db.example.internal"), Type: zonetypes.RRTypeA, ResourceRecords: []zonetypes.ResourceRecord{{Value: aws.String("10.20.1.9")}, {Value: aws.String("10.20.1.8")}}},
		{Name: aws.String("api.example.internal"), Type: zonetypes.RRTypeCname, ResourceRecords: []zonetypes.ResourceRecord{{Value: aws.String("DB.example.internal.")}}},
		{Name: aws.String("note.example.internal"), Type: zonetypes.RRTypeTxt, ResourceRecords: []zonetypes.ResourceRecord{{Value: aws.String(`"no address"`)}}},
		{Name: aws.String("ssm.example.internal"), Type: zonetypes.RRTypeA, AliasTarget: &zonetypes.AliasTarget{
			DNSName: aws.String("vpce-1-x.ssm.ap-northeast-2.vpce.amazonaws.com"), HostedZoneId: aws.String("Z27UANNT0PRK1T")}},
	} {
		if r.TTL = nil; r.AliasTarget == nil {
			r.TTL = aws.Int64(60)
		}
		changes = append(changes, zonetypes.Change{Action: zonetypes.ChangeActionCreate, ResourceRecordSet: &r})
	}
	must[*route53.ChangeResourceRecordSetsOutput](t)(c.ChangeResourceRecordSets(ctx, &route53.ChangeResourceRecordSetsInput{
		HostedZoneId: zone, ChangeBatch: &zonetypes.ChangeBatch{Changes: changes}}))
}

func buildServices(t *testing.T, cfg aws.Config, b *built) {
	ctx, c := t.Context(), elb.NewFromConfig(cfg)
	lb := must[*elb.CreateLoadBalancerOutput](t)(c.CreateLoadBalancer(ctx, &elb.CreateLoadBalancerInput{
		Name: aws.String("front"), Subnets: []string{b.subnetA, b.subnetA2}, SecurityGroups: []string{b.web},
		Scheme: elbtypes.LoadBalancerSchemeEnumInternal, Type: elbtypes.LoadBalancerTypeEnumApplication}))
	b.lb = *lb.LoadBalancers[0].LoadBalancerArn
	target := func(name string, port int32) *string {
		g := must[*elb.CreateTargetGroupOutput](t)(c.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{
			Name: &name, Protocol: elbtypes.ProtocolEnumHttp, Port: &port, VpcId: &b.vpcA, TargetType: elbtypes.TargetTypeEnumIp})).TargetGroups[0].TargetGroupArn
		must[*elb.RegisterTargetsOutput](t)(c.RegisterTargets(ctx, &elb.RegisterTargetsInput{
			TargetGroupArn: g, Targets: []elbtypes.TargetDescription{{Id: aws.String("10.10.1.10"), Port: &port}}}))
		return g
	}
	main, api := target("main", 8080), target("api", 8081)
	forward := func(g *string) []elbtypes.Action {
		return []elbtypes.Action{{Type: elbtypes.ActionTypeEnumForward, TargetGroupArn: g}}
	}
	l := must[*elb.CreateListenerOutput](t)(c.CreateListener(ctx, &elb.CreateListenerInput{
		LoadBalancerArn: &b.lb, Port: aws.Int32(80), Protocol: elbtypes.ProtocolEnumHttp, DefaultActions: forward(main)}))
	must[*elb.CreateRuleOutput](t)(c.CreateRule(ctx, &elb.CreateRuleInput{
		ListenerArn: l.Listeners[0].ListenerArn, Priority: aws.Int32(10), Actions: forward(api),
		Conditions: []elbtypes.RuleCondition{{Field: aws.String("path-pattern"), Values: []string{"/api/*"}}}}))

	db := rds.NewFromConfig(cfg)
	must[*rds.CreateDBSubnetGroupOutput](t)(db.CreateDBSubnetGroup(ctx, &rds.CreateDBSubnetGroupInput{
		DBSubnetGroupName: aws.String("core"), DBSubnetGroupDescription: aws.String("core"), SubnetIds: []string{b.subnetA, b.subnetA2}}))
	must[*rds.CreateDBInstanceOutput](t)(db.CreateDBInstance(ctx, &rds.CreateDBInstanceInput{
		DBInstanceIdentifier: aws.String("ledger"), DBInstanceClass: aws.String("db.m5.large"), Engine: aws.String("postgres"),
		Port: aws.Int32(5433), DBSubnetGroupName: aws.String("core"), VpcSecurityGroupIds: []string{b.db},
		AllocatedStorage: aws.Int32(10), MasterUsername: aws.String("admin1"), MasterUserPassword: aws.String("password1")}))
}
