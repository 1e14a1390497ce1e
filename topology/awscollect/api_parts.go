package awscollect

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// partTask makes a task of a call that is made for one parent.
func partTask[Page, Opts, T any](r *regionReader, call, parent string, where *[]found[[]T], p pager[Page, Opts], items func(*Page) []T) task {
	from := r.origin(call)
	return task{call, parent, func(ctx context.Context) error {
		if err := pages(ctx, p, func(page *Page) { add(r.inv, where, from, parent, items(page)) }); err != nil {
			return err
		}
		r.inv.answer(call, parent, from)
		return nil
	}}
}

// parts are the calls for each VPC, prefix list, TGW route table and load balancer.
func (r *regionReader) parts() []task {
	i := r.inv
	var out []task
	for _, vpc := range here(r, i.vpcs, func(v ec2types.Vpc) *string { return v.VpcId }) {
		for _, a := range []ec2types.VpcAttributeName{ec2types.VpcAttributeNameEnableDnsSupport, ec2types.VpcAttributeNameEnableDnsHostnames} {
			out = append(out, r.attribute(vpc, a))
		}
	}
	for _, list := range here(r, i.prefixLists, func(p ec2types.ManagedPrefixList) *string { return p.PrefixListId }) {
		out = append(out, partTask(r, callPrefixEntries, list, &i.prefixEntries,
			ec2.NewGetManagedPrefixListEntriesPaginator(r.ec2, &ec2.GetManagedPrefixListEntriesInput{
				PrefixListId: aws.String(list), MaxResults: aws.Int32(100),
			}),
			func(p *ec2.GetManagedPrefixListEntriesOutput) []ec2types.PrefixListEntry { return p.Entries }))
	}
	for _, table := range here(r, i.tgwTables, func(t ec2types.TransitGatewayRouteTable) *string { return t.TransitGatewayRouteTableId }) {
		out = append(out, r.transitParts(table)...)
	}
	for _, lb := range here(r, i.balancers, func(b elbtypes.LoadBalancer) *string { return b.LoadBalancerArn }) {
		from := r.origin(callListeners)
		out = append(out, task{callListeners, lb, func(ctx context.Context) error {
			p := elb.NewDescribeListenersPaginator(r.elb, &elb.DescribeListenersInput{LoadBalancerArn: aws.String(lb), PageSize: aws.Int32(400)})
			err := pages(ctx, p, func(page *elb.DescribeListenersOutput) { add(i, &i.listeners, from, "", page.Listeners...) })
			if err == nil {
				i.answer(callListeners, lb, from)
			}
			return err
		}})
	}
	for _, group := range here(r, i.targetGroups, func(g elbtypes.TargetGroup) *string { return g.TargetGroupArn }) {
		from := r.origin(callTargetHealth)
		out = append(out, task{callTargetHealth, group, func(ctx context.Context) error {
			page, err := r.elb.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: aws.String(group)})
			if err == nil {
				add(i, &i.targets, from, group, page.TargetHealthDescriptions)
				i.answer(callTargetHealth, group, from)
			}
			return err
		}})
	}
	return out
}

func (r *regionReader) attribute(vpc string, name ec2types.VpcAttributeName) task {
	from := r.origin(callVPCAttribute)
	return task{callVPCAttribute, vpc, func(ctx context.Context) error {
		a, err := r.ec2.DescribeVpcAttribute(ctx, &ec2.DescribeVpcAttributeInput{VpcId: aws.String(vpc), Attribute: name})
		if err == nil {
			add(r.inv, &r.inv.vpcAttributes, from, "", vpcAttribute{aws.String(vpc), a.EnableDnsSupport, a.EnableDnsHostnames})
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
		partTask(r, callTGWRoutes, table, &i.tgwRoutes,
			ec2.NewSearchTransitGatewayRoutesPaginator(r.ec2, &ec2.SearchTransitGatewayRoutesInput{
				// Pages are of 1000 by default, the greatest there are; moto's server
				// breaks if it is asked for that number.
				TransitGatewayRouteTableId: id, Filters: states,
			}),
			func(p *ec2.SearchTransitGatewayRoutesOutput) []ec2types.TransitGatewayRoute {
				if aws.ToBool(p.AdditionalRoutesAvailable) && aws.ToString(p.NextToken) == "" {
					i.refuse(refusal{r.scope.Account, r.scope.Region, callTGWRoutes, codeMoreThanOnePage, ""}, r.origin(callTGWRoutes))
				}
				return p.Routes
			}),
		partTask(r, callPropagations, table, &i.propagations,
			ec2.NewGetTransitGatewayRouteTablePropagationsPaginator(r.ec2, &ec2.GetTransitGatewayRouteTablePropagationsInput{
				TransitGatewayRouteTableId: id, MaxResults: perPage,
			}),
			func(p *ec2.GetTransitGatewayRouteTablePropagationsOutput) []ec2types.TransitGatewayRouteTablePropagation {
				return p.TransitGatewayRouteTablePropagations
			}),
		partTask(r, callTGWPrefixLists, table, &i.tgwPrefixLists,
			ec2.NewGetTransitGatewayPrefixListReferencesPaginator(r.ec2, &ec2.GetTransitGatewayPrefixListReferencesInput{
				TransitGatewayRouteTableId: id, MaxResults: perPage,
			}),
			func(p *ec2.GetTransitGatewayPrefixListReferencesOutput) []ec2types.TransitGatewayPrefixListReference {
				return p.TransitGatewayPrefixListReferences
			}),
	}
}

// partsOfParts are the calls for each listener: the rules by which an
// Application Load Balancer chooses among target groups.
func (r *regionReader) partsOfParts() []task {
	i := r.inv
	var out []task
	for _, listener := range here(r, i.listeners, func(l elbtypes.Listener) *string { return l.ListenerArn }) {
		from := r.origin(callListenerRules)
		out = append(out, task{callListenerRules, listener, func(ctx context.Context) error {
			p := elb.NewDescribeRulesPaginator(r.elb, &elb.DescribeRulesInput{ListenerArn: aws.String(listener), PageSize: aws.Int32(400)})
			err := pages(ctx, p, func(page *elb.DescribeRulesOutput) { add(i, &i.listenerRules, from, "", page.Rules...) })
			if err == nil {
				i.answer(callListenerRules, listener, from)
			}
			return err
		}})
	}
	return out
}
