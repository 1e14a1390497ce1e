package awscollect

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/flowcover/flowcover/topology/awscollect/internal/inventory"
)

// partTask makes a task of a call that is made for one parent.
func partTask[Page, Opts, T any](r *regionReader, call, parent string, where *[]inventory.Found[[]T], p pager[Page, Opts], items func(*Page) []T) task {
	from := r.origin(call)
	return task{call, parent, func(ctx context.Context) error {
		if err := pages(ctx, p, func(page *Page) { inventory.Add(r.inv, where, from, parent, items(page)) }); err != nil {
			return err
		}
		r.inv.Answer(call, parent, from)
		return nil
	}}
}

// parts are the calls for each VPC, prefix list, TGW route table and load balancer.
func (r *regionReader) parts() []task {
	i := r.inv
	var out []task
	for _, vpc := range here(r, &i.VPCs, func(v ec2types.Vpc) *string { return v.VpcId }) {
		for _, a := range []ec2types.VpcAttributeName{ec2types.VpcAttributeNameEnableDnsSupport, ec2types.VpcAttributeNameEnableDnsHostnames} {
			out = append(out, r.attribute(vpc, a))
		}
	}
	for _, list := range here(r, &i.PrefixLists, func(p ec2types.ManagedPrefixList) *string { return p.PrefixListId }) {
		out = append(out, partTask(r, inventory.CallPrefixEntries, list, &i.PrefixEntries,
			ec2.NewGetManagedPrefixListEntriesPaginator(r.ec2, &ec2.GetManagedPrefixListEntriesInput{
				PrefixListId: aws.String(list), MaxResults: aws.Int32(100),
			}),
			func(p *ec2.GetManagedPrefixListEntriesOutput) []ec2types.PrefixListEntry { return p.Entries }))
	}
	for _, table := range here(r, &i.TransitTables, func(t ec2types.TransitGatewayRouteTable) *string { return t.TransitGatewayRouteTableId }) {
		out = append(out, r.transitParts(table)...)
	}
	for _, lb := range here(r, &i.Balancers, func(b elbtypes.LoadBalancer) *string { return b.LoadBalancerArn }) {
		from := r.origin(inventory.CallListeners)
		out = append(out, task{inventory.CallListeners, lb, func(ctx context.Context) error {
			p := elb.NewDescribeListenersPaginator(r.elb, &elb.DescribeListenersInput{LoadBalancerArn: aws.String(lb), PageSize: aws.Int32(400)})
			err := pages(ctx, p, func(page *elb.DescribeListenersOutput) { inventory.Add(i, &i.Listeners, from, "", page.Listeners...) })
			if err == nil {
				i.Answer(inventory.CallListeners, lb, from)
			}
			return err
		}})
	}
	for _, group := range here(r, &i.TargetGroups, func(g elbtypes.TargetGroup) *string { return g.TargetGroupArn }) {
		from := r.origin(inventory.CallTargetHealth)
		out = append(out, task{inventory.CallTargetHealth, group, func(ctx context.Context) error {
			page, err := r.elb.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: aws.String(group)})
			if err == nil {
				inventory.Add(i, &i.Targets, from, group, page.TargetHealthDescriptions)
				i.Answer(inventory.CallTargetHealth, group, from)
			}
			return err
		}})
	}
	return append(out, r.zones()...)
}

func (r *regionReader) attribute(vpc string, name ec2types.VpcAttributeName) task {
	from := r.origin(inventory.CallVPCAttribute)
	return task{inventory.CallVPCAttribute, vpc, func(ctx context.Context) error {
		a, err := r.ec2.DescribeVpcAttribute(ctx, &ec2.DescribeVpcAttributeInput{VpcId: aws.String(vpc), Attribute: name})
		if err == nil {
			inventory.Add(r.inv, &r.inv.VPCAttributes, from, "", inventory.VPCAttribute{VpcId: aws.String(vpc), EnableDnsSupport: a.EnableDnsSupport, EnableDnsHostnames: a.EnableDnsHostnames})
		}
		return err
	}}
}

// transitParts are the calls for one TGW route table. Every route is wanted,
// so the filter that the search requires names both states that forward or drop.
func (r *regionReader) transitParts(table string) []task {
	i, id := r.inv, aws.String(table)
	states := []ec2types.Filter{{Name: aws.String("state"), Values: []string{"active", "blackhole"}}}
	return []task{
		partTask(r, inventory.CallTGWRoutes, table, &i.TransitRoutes,
			ec2.NewSearchTransitGatewayRoutesPaginator(r.ec2, &ec2.SearchTransitGatewayRoutesInput{
				// Pages are of 1000 by default, the greatest there are; moto's server
				// breaks if it is asked for that number.
				TransitGatewayRouteTableId: id, Filters: states,
			}),
			func(p *ec2.SearchTransitGatewayRoutesOutput) []ec2types.TransitGatewayRoute {
				if aws.ToBool(p.AdditionalRoutesAvailable) && aws.ToString(p.NextToken) == "" {
					i.Refuse(inventory.Refusal{
						Account: r.scope.Account, Region: r.scope.Region, Call: inventory.CallTGWRoutes, Code: inventory.CodeMoreThanOnePage,
					}, r.origin(inventory.CallTGWRoutes))
				}
				return p.Routes
			}),
		partTask(r, inventory.CallPropagations, table, &i.Propagations,
			ec2.NewGetTransitGatewayRouteTablePropagationsPaginator(r.ec2, &ec2.GetTransitGatewayRouteTablePropagationsInput{
				TransitGatewayRouteTableId: id, MaxResults: perPage,
			}),
			func(p *ec2.GetTransitGatewayRouteTablePropagationsOutput) []ec2types.TransitGatewayRouteTablePropagation {
				return p.TransitGatewayRouteTablePropagations
			}),
		partTask(r, inventory.CallTGWPrefixLists, table, &i.TransitPrefixLists,
			ec2.NewGetTransitGatewayPrefixListReferencesPaginator(r.ec2, &ec2.GetTransitGatewayPrefixListReferencesInput{
				TransitGatewayRouteTableId: id, MaxResults: perPage,
			}),
			func(p *ec2.GetTransitGatewayPrefixListReferencesOutput) []ec2types.TransitGatewayPrefixListReference {
				return p.TransitGatewayPrefixListReferences
			}),
	}
}

// partsOfParts are the calls for each listener, the rules by which an
// Application Load Balancer chooses among target groups, and for each zone.
func (r *regionReader) partsOfParts() []task {
	i := r.inv
	var out []task
	for _, listener := range here(r, &i.Listeners, func(l elbtypes.Listener) *string { return l.ListenerArn }) {
		from := r.origin(inventory.CallListenerRules)
		out = append(out, task{inventory.CallListenerRules, listener, func(ctx context.Context) error {
			p := elb.NewDescribeRulesPaginator(r.elb, &elb.DescribeRulesInput{ListenerArn: aws.String(listener), PageSize: aws.Int32(400)})
			err := pages(ctx, p, func(page *elb.DescribeRulesOutput) { inventory.Add(i, &i.ListenerRules, from, "", page.Rules...) })
			if err == nil {
				i.Answer(inventory.CallListenerRules, listener, from)
			}
			return err
		}})
	}
	return append(out, r.zoneRecords()...)
}
