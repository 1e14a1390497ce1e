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
func listTask[Page, Opts, T any](r *regionReader, call string, where *[]found[T], p pager[Page, Opts], items func(*Page) []T) task {
	from := r.origin(call)
	return task{call, "", func(ctx context.Context) error {
		if err := pages(ctx, p, func(page *Page) { add(r.inv, where, from, "", items(page)...) }); err != nil {
			return err
		}
		r.inv.answer(call, "", from)
		return nil
	}}
}

// perPage is the greatest page that most calls take.
var perPage = aws.Int32(1000)

// lists are the calls that need no ids.
func (r *regionReader) lists() []task {
	i := r.inv
	return append([]task{
		listTask(r, callVPCs, &i.vpcs, ec2.NewDescribeVpcsPaginator(r.ec2, &ec2.DescribeVpcsInput{MaxResults: perPage}),
			func(p *ec2.DescribeVpcsOutput) []ec2types.Vpc { return p.Vpcs }),
		listTask(r, callSubnets, &i.subnets, ec2.NewDescribeSubnetsPaginator(r.ec2, &ec2.DescribeSubnetsInput{MaxResults: perPage}),
			func(p *ec2.DescribeSubnetsOutput) []ec2types.Subnet { return p.Subnets }),
		listTask(r, callGroups, &i.groups, ec2.NewDescribeSecurityGroupsPaginator(r.ec2, &ec2.DescribeSecurityGroupsInput{MaxResults: perPage}),
			func(p *ec2.DescribeSecurityGroupsOutput) []ec2types.SecurityGroup { return p.SecurityGroups }),
		listTask(r, callRouteTables, &i.routeTables, ec2.NewDescribeRouteTablesPaginator(r.ec2, &ec2.DescribeRouteTablesInput{MaxResults: aws.Int32(100)}),
			func(p *ec2.DescribeRouteTablesOutput) []ec2types.RouteTable { return p.RouteTables }),
		listTask(r, callGroupRules, &i.groupRules, ec2.NewDescribeSecurityGroupRulesPaginator(r.ec2, &ec2.DescribeSecurityGroupRulesInput{MaxResults: perPage}),
			func(p *ec2.DescribeSecurityGroupRulesOutput) []ec2types.SecurityGroupRule {
				return p.SecurityGroupRules
			}),
		listTask(r, callGroupVPCs, &i.groupVPCs, ec2.NewDescribeSecurityGroupVpcAssociationsPaginator(r.ec2, &ec2.DescribeSecurityGroupVpcAssociationsInput{MaxResults: perPage}),
			func(p *ec2.DescribeSecurityGroupVpcAssociationsOutput) []ec2types.SecurityGroupVpcAssociation {
				return p.SecurityGroupVpcAssociations
			}),
		listTask(r, callACLs, &i.acls, ec2.NewDescribeNetworkAclsPaginator(r.ec2, &ec2.DescribeNetworkAclsInput{MaxResults: perPage}),
			func(p *ec2.DescribeNetworkAclsOutput) []ec2types.NetworkAcl { return p.NetworkAcls }),
		listTask(r, callPrefixLists, &i.prefixLists, ec2.NewDescribeManagedPrefixListsPaginator(r.ec2, &ec2.DescribeManagedPrefixListsInput{MaxResults: aws.Int32(100)}),
			func(p *ec2.DescribeManagedPrefixListsOutput) []ec2types.ManagedPrefixList { return p.PrefixLists }),
		listTask(r, callPeerings, &i.peerings, ec2.NewDescribeVpcPeeringConnectionsPaginator(r.ec2, &ec2.DescribeVpcPeeringConnectionsInput{MaxResults: perPage}),
			func(p *ec2.DescribeVpcPeeringConnectionsOutput) []ec2types.VpcPeeringConnection {
				return p.VpcPeeringConnections
			}),
		listTask(r, callInternet, &i.igws, ec2.NewDescribeInternetGatewaysPaginator(r.ec2, &ec2.DescribeInternetGatewaysInput{MaxResults: perPage}),
			func(p *ec2.DescribeInternetGatewaysOutput) []ec2types.InternetGateway { return p.InternetGateways }),
		listTask(r, callEgressOnly, &i.eigws, ec2.NewDescribeEgressOnlyInternetGatewaysPaginator(r.ec2, &ec2.DescribeEgressOnlyInternetGatewaysInput{MaxResults: aws.Int32(255)}),
			func(p *ec2.DescribeEgressOnlyInternetGatewaysOutput) []ec2types.EgressOnlyInternetGateway {
				return p.EgressOnlyInternetGateways
			}),
		listTask(r, callNATs, &i.nats, ec2.NewDescribeNatGatewaysPaginator(r.ec2, &ec2.DescribeNatGatewaysInput{MaxResults: perPage}),
			func(p *ec2.DescribeNatGatewaysOutput) []ec2types.NatGateway { return p.NatGateways }),
		listTask(r, callEndpoints, &i.endpoints, ec2.NewDescribeVpcEndpointsPaginator(r.ec2, &ec2.DescribeVpcEndpointsInput{MaxResults: perPage}),
			func(p *ec2.DescribeVpcEndpointsOutput) []ec2types.VpcEndpoint { return p.VpcEndpoints }),
		listTask(r, callENIs, &i.enis, ec2.NewDescribeNetworkInterfacesPaginator(r.ec2, &ec2.DescribeNetworkInterfacesInput{MaxResults: perPage}),
			func(p *ec2.DescribeNetworkInterfacesOutput) []ec2types.NetworkInterface { return p.NetworkInterfaces }),
		listTask(r, callInstances, &i.reservations, ec2.NewDescribeInstancesPaginator(r.ec2, &ec2.DescribeInstancesInput{MaxResults: perPage}),
			func(p *ec2.DescribeInstancesOutput) []ec2types.Reservation { return p.Reservations }),
		r.whole(callVPNGateways, func(ctx context.Context, from *origin) error {
			out, err := r.ec2.DescribeVpnGateways(ctx, &ec2.DescribeVpnGatewaysInput{})
			if err == nil {
				add(i, &i.vgws, from, "", out.VpnGateways...)
			}
			return err
		}),
		r.whole(callVPNs, func(ctx context.Context, from *origin) error {
			out, err := r.ec2.DescribeVpnConnections(ctx, &ec2.DescribeVpnConnectionsInput{})
			if err == nil {
				add(i, &i.vpns, from, "", out.VpnConnections...)
			}
			return err
		}),
		r.quota(),
	}, append(r.transitLists(), r.serviceLists()...)...)
}

func (r *regionReader) transitLists() []task {
	i := r.inv
	return []task{
		listTask(r, callTGWs, &i.tgws, ec2.NewDescribeTransitGatewaysPaginator(r.ec2, &ec2.DescribeTransitGatewaysInput{MaxResults: perPage}),
			func(p *ec2.DescribeTransitGatewaysOutput) []ec2types.TransitGateway { return p.TransitGateways }),
		listTask(r, callAttachments, &i.attachments, ec2.NewDescribeTransitGatewayAttachmentsPaginator(r.ec2, &ec2.DescribeTransitGatewayAttachmentsInput{MaxResults: perPage}),
			func(p *ec2.DescribeTransitGatewayAttachmentsOutput) []ec2types.TransitGatewayAttachment {
				return p.TransitGatewayAttachments
			}),
		listTask(r, callVPCAttachments, &i.vpcAttachments, ec2.NewDescribeTransitGatewayVpcAttachmentsPaginator(r.ec2, &ec2.DescribeTransitGatewayVpcAttachmentsInput{MaxResults: perPage}),
			func(p *ec2.DescribeTransitGatewayVpcAttachmentsOutput) []ec2types.TransitGatewayVpcAttachment {
				return p.TransitGatewayVpcAttachments
			}),
		listTask(r, callTGWPeerings, &i.tgwPeerings, ec2.NewDescribeTransitGatewayPeeringAttachmentsPaginator(r.ec2, &ec2.DescribeTransitGatewayPeeringAttachmentsInput{MaxResults: perPage}),
			func(p *ec2.DescribeTransitGatewayPeeringAttachmentsOutput) []ec2types.TransitGatewayPeeringAttachment {
				return p.TransitGatewayPeeringAttachments
			}),
		listTask(r, callTGWTables, &i.tgwTables, ec2.NewDescribeTransitGatewayRouteTablesPaginator(r.ec2, &ec2.DescribeTransitGatewayRouteTablesInput{MaxResults: perPage}),
			func(p *ec2.DescribeTransitGatewayRouteTablesOutput) []ec2types.TransitGatewayRouteTable {
				return p.TransitGatewayRouteTables
			}),
	}
}

func (r *regionReader) serviceLists() []task {
	i := r.inv
	return []task{
		listTask(r, callBalancers, &i.balancers, elb.NewDescribeLoadBalancersPaginator(r.elb, &elb.DescribeLoadBalancersInput{PageSize: aws.Int32(400)}),
			func(p *elb.DescribeLoadBalancersOutput) []elbtypes.LoadBalancer { return p.LoadBalancers }),
		listTask(r, callTargetGroups, &i.targetGroups, elb.NewDescribeTargetGroupsPaginator(r.elb, &elb.DescribeTargetGroupsInput{PageSize: aws.Int32(400)}),
			func(p *elb.DescribeTargetGroupsOutput) []elbtypes.TargetGroup { return p.TargetGroups }),
		listTask(r, callDatabases, &i.databases, rds.NewDescribeDBInstancesPaginator(r.rds, &rds.DescribeDBInstancesInput{MaxRecords: aws.Int32(100)}),
			func(p *rds.DescribeDBInstancesOutput) []rdstypes.DBInstance { return p.DBInstances }),
	}
}

// whole makes a task of a call without pages.
func (r *regionReader) whole(call string, run func(ctx context.Context, from *origin) error) task {
	from := r.origin(call)
	return task{call, "", func(ctx context.Context) error {
		if err := run(ctx, from); err != nil {
			return err
		}
		r.inv.answer(call, "", from)
		return nil
	}}
}

// quota reads the quotas that plans depend on. One of which AWS holds no value
// for this account is at its default.
func (r *regionReader) quota() task {
	return r.whole(callQuota, func(ctx context.Context, from *origin) error {
		for _, code := range quotaCodes {
			out, err := r.quotas.GetServiceQuota(ctx, &servicequotas.GetServiceQuotaInput{
				ServiceCode: aws.String(quotaService), QuotaCode: aws.String(code),
			})
			var api smithy.APIError
			if errors.As(err, &api) && api.ErrorCode() == quotaNoneSet {
				continue
			}
			if err != nil {
				return err
			}
			if out.Quota != nil {
				add(r.inv, &r.inv.quotas, from, "", *out.Quota)
			}
		}
		return nil
	})
}

// here keeps what was found in this Region of this account.
func here[T any](r *regionReader, list []found[T], id func(T) *string) []string {
	r.inv.mu.Lock()
	defer r.inv.mu.Unlock()
	var out []string
	for _, f := range list {
		if p := id(f.value); p != nil && f.from.hint == r.scope {
			out = append(out, *p)
		}
	}
	return out
}
