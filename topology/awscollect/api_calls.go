package awscollect

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"
	"github.com/aws/smithy-go"

	"github.com/flowcover/flowcover/topology/awscollect/internal/inventory"
)

// ec2API is the part of EC2 that is read.
type ec2API interface {
	ec2.DescribeVpcsAPIClient
	ec2.DescribeSubnetsAPIClient
	ec2.DescribeRouteTablesAPIClient
	ec2.DescribeSecurityGroupsAPIClient
	ec2.DescribeSecurityGroupRulesAPIClient
	ec2.DescribeSecurityGroupVpcAssociationsAPIClient
	ec2.DescribeNetworkAclsAPIClient
	ec2.DescribeManagedPrefixListsAPIClient
	ec2.GetManagedPrefixListEntriesAPIClient
	ec2.DescribeTransitGatewaysAPIClient
	ec2.DescribeTransitGatewayAttachmentsAPIClient
	ec2.DescribeTransitGatewayVpcAttachmentsAPIClient
	ec2.DescribeTransitGatewayPeeringAttachmentsAPIClient
	ec2.DescribeTransitGatewayRouteTablesAPIClient
	ec2.SearchTransitGatewayRoutesAPIClient
	ec2.GetTransitGatewayRouteTablePropagationsAPIClient
	ec2.GetTransitGatewayPrefixListReferencesAPIClient
	ec2.DescribeVpcPeeringConnectionsAPIClient
	ec2.DescribeInternetGatewaysAPIClient
	ec2.DescribeEgressOnlyInternetGatewaysAPIClient
	ec2.DescribeNatGatewaysAPIClient
	ec2.DescribeVpcEndpointsAPIClient
	ec2.DescribeNetworkInterfacesAPIClient
	ec2.DescribeInstancesAPIClient
	DescribeVpcAttribute(context.Context, *ec2.DescribeVpcAttributeInput, ...func(*ec2.Options)) (*ec2.DescribeVpcAttributeOutput, error)
	DescribeVpnGateways(context.Context, *ec2.DescribeVpnGatewaysInput, ...func(*ec2.Options)) (*ec2.DescribeVpnGatewaysOutput, error)
	DescribeVpnConnections(context.Context, *ec2.DescribeVpnConnectionsInput, ...func(*ec2.Options)) (*ec2.DescribeVpnConnectionsOutput, error)
}

// elbAPI is the part of Elastic Load Balancing that is read.
type elbAPI interface {
	elb.DescribeLoadBalancersAPIClient
	elb.DescribeListenersAPIClient
	elb.DescribeRulesAPIClient
	elb.DescribeTargetGroupsAPIClient
	DescribeTargetHealth(context.Context, *elb.DescribeTargetHealthInput, ...func(*elb.Options)) (*elb.DescribeTargetHealthOutput, error)
}

// quotaAPI is the part of Service Quotas that is read.
type quotaAPI interface {
	GetServiceQuota(context.Context, *servicequotas.GetServiceQuotaInput, ...func(*servicequotas.Options)) (*servicequotas.GetServiceQuotaOutput, error)
}

// pager is a paginator of the SDK.
type pager[Page, Opts any] interface {
	HasMorePages() bool
	NextPage(context.Context, ...func(*Opts)) (*Page, error)
}

// pages makes a call page by page and gives each page to take.
func pages[Page, Opts any](ctx context.Context, p pager[Page, Opts], take func(*Page)) error {
	for p.HasMorePages() {
		page, err := p.NextPage(ctx)
		if err != nil {
			return err
		}
		take(page)
	}
	return nil
}

// listTask makes a task of a call that lists a kind of resource.
func listTask[Page, Opts, T any](r *regionReader, call string, where *[]inventory.Found[T], p pager[Page, Opts], items func(*Page) []T) task {
	from := r.origin(call)
	return task{call, "", func(ctx context.Context) error {
		if err := pages(ctx, p, func(page *Page) { inventory.Add(r.inv, where, from, "", items(page)...) }); err != nil {
			return err
		}
		r.inv.Answer(call, "", from)
		return nil
	}}
}

// perPage is the greatest page that most calls take.
var perPage = aws.Int32(1000)

// lists are the calls that need no ids.
func (r *regionReader) lists() []task {
	i := r.inv
	return append([]task{
		listTask(r, inventory.CallVPCs, &i.VPCs, ec2.NewDescribeVpcsPaginator(r.ec2, &ec2.DescribeVpcsInput{MaxResults: perPage}),
			func(p *ec2.DescribeVpcsOutput) []ec2types.Vpc { return p.Vpcs }),
		listTask(r, inventory.CallSubnets, &i.Subnets, ec2.NewDescribeSubnetsPaginator(r.ec2, &ec2.DescribeSubnetsInput{MaxResults: perPage}),
			func(p *ec2.DescribeSubnetsOutput) []ec2types.Subnet { return p.Subnets }),
		listTask(r, inventory.CallGroups, &i.Groups, ec2.NewDescribeSecurityGroupsPaginator(r.ec2, &ec2.DescribeSecurityGroupsInput{MaxResults: perPage}),
			func(p *ec2.DescribeSecurityGroupsOutput) []ec2types.SecurityGroup { return p.SecurityGroups }),
		listTask(r, inventory.CallRouteTables, &i.RouteTables, ec2.NewDescribeRouteTablesPaginator(r.ec2, &ec2.DescribeRouteTablesInput{MaxResults: aws.Int32(100)}),
			func(p *ec2.DescribeRouteTablesOutput) []ec2types.RouteTable { return p.RouteTables }),
		listTask(r, inventory.CallGroupRules, &i.GroupRules, ec2.NewDescribeSecurityGroupRulesPaginator(r.ec2, &ec2.DescribeSecurityGroupRulesInput{MaxResults: perPage}),
			func(p *ec2.DescribeSecurityGroupRulesOutput) []ec2types.SecurityGroupRule {
				return p.SecurityGroupRules
			}),
		listTask(r, inventory.CallGroupVPCs, &i.GroupVPCs, ec2.NewDescribeSecurityGroupVpcAssociationsPaginator(r.ec2, &ec2.DescribeSecurityGroupVpcAssociationsInput{MaxResults: perPage}),
			func(p *ec2.DescribeSecurityGroupVpcAssociationsOutput) []ec2types.SecurityGroupVpcAssociation {
				return p.SecurityGroupVpcAssociations
			}),
		listTask(r, inventory.CallACLs, &i.ACLs, ec2.NewDescribeNetworkAclsPaginator(r.ec2, &ec2.DescribeNetworkAclsInput{MaxResults: perPage}),
			func(p *ec2.DescribeNetworkAclsOutput) []ec2types.NetworkAcl { return p.NetworkAcls }),
		listTask(r, inventory.CallPrefixLists, &i.PrefixLists, ec2.NewDescribeManagedPrefixListsPaginator(r.ec2, &ec2.DescribeManagedPrefixListsInput{MaxResults: aws.Int32(100)}),
			func(p *ec2.DescribeManagedPrefixListsOutput) []ec2types.ManagedPrefixList { return p.PrefixLists }),
		listTask(r, inventory.CallPeerings, &i.Peerings, ec2.NewDescribeVpcPeeringConnectionsPaginator(r.ec2, &ec2.DescribeVpcPeeringConnectionsInput{MaxResults: perPage}),
			func(p *ec2.DescribeVpcPeeringConnectionsOutput) []ec2types.VpcPeeringConnection {
				return p.VpcPeeringConnections
			}),
		listTask(r, inventory.CallInternet, &i.InternetGateways, ec2.NewDescribeInternetGatewaysPaginator(r.ec2, &ec2.DescribeInternetGatewaysInput{MaxResults: perPage}),
			func(p *ec2.DescribeInternetGatewaysOutput) []ec2types.InternetGateway { return p.InternetGateways }),
		listTask(r, inventory.CallEgressOnly, &i.EgressOnlyGateways, ec2.NewDescribeEgressOnlyInternetGatewaysPaginator(r.ec2, &ec2.DescribeEgressOnlyInternetGatewaysInput{MaxResults: aws.Int32(255)}),
			func(p *ec2.DescribeEgressOnlyInternetGatewaysOutput) []ec2types.EgressOnlyInternetGateway {
				return p.EgressOnlyInternetGateways
			}),
		listTask(r, inventory.CallNATs, &i.NATGateways, ec2.NewDescribeNatGatewaysPaginator(r.ec2, &ec2.DescribeNatGatewaysInput{MaxResults: perPage}),
			func(p *ec2.DescribeNatGatewaysOutput) []ec2types.NatGateway { return p.NatGateways }),
		listTask(r, inventory.CallEndpoints, &i.Endpoints, ec2.NewDescribeVpcEndpointsPaginator(r.ec2, &ec2.DescribeVpcEndpointsInput{MaxResults: perPage}),
			func(p *ec2.DescribeVpcEndpointsOutput) []ec2types.VpcEndpoint { return p.VpcEndpoints }),
		listTask(r, inventory.CallENIs, &i.Interfaces, ec2.NewDescribeNetworkInterfacesPaginator(r.ec2, &ec2.DescribeNetworkInterfacesInput{MaxResults: perPage}),
			func(p *ec2.DescribeNetworkInterfacesOutput) []ec2types.NetworkInterface { return p.NetworkInterfaces }),
		listTask(r, inventory.CallInstances, &i.Reservations, ec2.NewDescribeInstancesPaginator(r.ec2, &ec2.DescribeInstancesInput{MaxResults: perPage}),
			func(p *ec2.DescribeInstancesOutput) []ec2types.Reservation { return p.Reservations }),
		r.whole(inventory.CallVPNGateways, func(ctx context.Context, from *inventory.Origin) error {
			out, err := r.ec2.DescribeVpnGateways(ctx, &ec2.DescribeVpnGatewaysInput{})
			if err == nil {
				inventory.Add(i, &i.VPNGateways, from, "", out.VpnGateways...)
			}
			return err
		}),
		r.whole(inventory.CallVPNs, func(ctx context.Context, from *inventory.Origin) error {
			out, err := r.ec2.DescribeVpnConnections(ctx, &ec2.DescribeVpnConnectionsInput{})
			if err == nil {
				inventory.Add(i, &i.VPNs, from, "", out.VpnConnections...)
			}
			return err
		}),
		r.quota(),
	}, append(r.transitLists(), r.serviceLists()...)...)
}

func (r *regionReader) transitLists() []task {
	i := r.inv
	return []task{
		listTask(r, inventory.CallTGWs, &i.TransitGateways, ec2.NewDescribeTransitGatewaysPaginator(r.ec2, &ec2.DescribeTransitGatewaysInput{MaxResults: perPage}),
			func(p *ec2.DescribeTransitGatewaysOutput) []ec2types.TransitGateway { return p.TransitGateways }),
		listTask(r, inventory.CallAttachments, &i.Attachments, ec2.NewDescribeTransitGatewayAttachmentsPaginator(r.ec2, &ec2.DescribeTransitGatewayAttachmentsInput{MaxResults: perPage}),
			func(p *ec2.DescribeTransitGatewayAttachmentsOutput) []ec2types.TransitGatewayAttachment {
				return p.TransitGatewayAttachments
			}),
		listTask(r, inventory.CallVPCAttachments, &i.VPCAttachments, ec2.NewDescribeTransitGatewayVpcAttachmentsPaginator(r.ec2, &ec2.DescribeTransitGatewayVpcAttachmentsInput{MaxResults: perPage}),
			func(p *ec2.DescribeTransitGatewayVpcAttachmentsOutput) []ec2types.TransitGatewayVpcAttachment {
				return p.TransitGatewayVpcAttachments
			}),
		listTask(r, inventory.CallTGWPeerings, &i.TransitPeerings, ec2.NewDescribeTransitGatewayPeeringAttachmentsPaginator(r.ec2, &ec2.DescribeTransitGatewayPeeringAttachmentsInput{MaxResults: perPage}),
			func(p *ec2.DescribeTransitGatewayPeeringAttachmentsOutput) []ec2types.TransitGatewayPeeringAttachment {
				return p.TransitGatewayPeeringAttachments
			}),
		listTask(r, inventory.CallTGWTables, &i.TransitTables, ec2.NewDescribeTransitGatewayRouteTablesPaginator(r.ec2, &ec2.DescribeTransitGatewayRouteTablesInput{MaxResults: perPage}),
			func(p *ec2.DescribeTransitGatewayRouteTablesOutput) []ec2types.TransitGatewayRouteTable {
				return p.TransitGatewayRouteTables
			}),
	}
}

func (r *regionReader) serviceLists() []task {
	i := r.inv
	return []task{
		listTask(r, inventory.CallBalancers, &i.Balancers, elb.NewDescribeLoadBalancersPaginator(r.elb, &elb.DescribeLoadBalancersInput{PageSize: aws.Int32(400)}),
			func(p *elb.DescribeLoadBalancersOutput) []elbtypes.LoadBalancer { return p.LoadBalancers }),
		listTask(r, inventory.CallTargetGroups, &i.TargetGroups, elb.NewDescribeTargetGroupsPaginator(r.elb, &elb.DescribeTargetGroupsInput{PageSize: aws.Int32(400)}),
			func(p *elb.DescribeTargetGroupsOutput) []elbtypes.TargetGroup { return p.TargetGroups }),
		listTask(r, inventory.CallDatabases, &i.Databases, rds.NewDescribeDBInstancesPaginator(r.rds, &rds.DescribeDBInstancesInput{MaxRecords: aws.Int32(100)}),
			func(p *rds.DescribeDBInstancesOutput) []rdstypes.DBInstance { return p.DBInstances }),
	}
}

// whole makes a task of a call without pages.
func (r *regionReader) whole(call string, run func(ctx context.Context, from *inventory.Origin) error) task {
	from := r.origin(call)
	return task{call, "", func(ctx context.Context) error {
		if err := run(ctx, from); err != nil {
			return err
		}
		r.inv.Answer(call, "", from)
		return nil
	}}
}

// quota reads the quotas that plans depend on. One of which AWS holds no value
// for this account is at its default.
func (r *regionReader) quota() task {
	return r.whole(inventory.CallQuota, func(ctx context.Context, from *inventory.Origin) error {
		for _, code := range inventory.QuotaCodes {
			out, err := r.quotas.GetServiceQuota(ctx, &servicequotas.GetServiceQuotaInput{
				ServiceCode: aws.String(inventory.QuotaService), QuotaCode: aws.String(code),
			})
			var api smithy.APIError
			if errors.As(err, &api) && api.ErrorCode() == inventory.QuotaNoneSet {
				continue
			}
			if err != nil {
				return err
			}
			if out.Quota != nil {
				inventory.Add(r.inv, &r.inv.Quotas, from, "", *out.Quota)
			}
		}
		return nil
	})
}

// here gives the ids of what was found in this Region of this account.
func here[T any](r *regionReader, list *[]inventory.Found[T], id func(T) *string) []string {
	return inventory.IDs(r.inv, list, r.scope, id)
}
