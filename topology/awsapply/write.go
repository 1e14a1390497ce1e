package awsapply

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/awsmodel"
	"github.com/flowcover/flowcover/topology/changeset"
)

// EC2 is the part of one Region's EC2 that applying needs.
type EC2 interface {
	ec2.DescribeSecurityGroupsAPIClient
	ec2.DescribeSecurityGroupRulesAPIClient
	ec2.DescribeSecurityGroupVpcAssociationsAPIClient
	ec2.DescribeNetworkAclsAPIClient
	AuthorizeSecurityGroupIngress(context.Context, *ec2.AuthorizeSecurityGroupIngressInput, ...func(*ec2.Options)) (*ec2.AuthorizeSecurityGroupIngressOutput, error)
	AuthorizeSecurityGroupEgress(context.Context, *ec2.AuthorizeSecurityGroupEgressInput, ...func(*ec2.Options)) (*ec2.AuthorizeSecurityGroupEgressOutput, error)
	RevokeSecurityGroupIngress(context.Context, *ec2.RevokeSecurityGroupIngressInput, ...func(*ec2.Options)) (*ec2.RevokeSecurityGroupIngressOutput, error)
	RevokeSecurityGroupEgress(context.Context, *ec2.RevokeSecurityGroupEgressInput, ...func(*ec2.Options)) (*ec2.RevokeSecurityGroupEgressOutput, error)
	CreateNetworkAclEntry(context.Context, *ec2.CreateNetworkAclEntryInput, ...func(*ec2.Options)) (*ec2.CreateNetworkAclEntryOutput, error)
	ReplaceNetworkAclEntry(context.Context, *ec2.ReplaceNetworkAclEntryInput, ...func(*ec2.Options)) (*ec2.ReplaceNetworkAclEntryOutput, error)
	DeleteNetworkAclEntry(context.Context, *ec2.DeleteNetworkAclEntryInput, ...func(*ec2.Options)) (*ec2.DeleteNetworkAclEntryOutput, error)
}

// write makes one change. was is the resource as last known: a rule is removed
// by the id that it has there. rule is a new rule's id, where AWS told it.
func write(ctx context.Context, api EC2, c changeset.Change, was state) (rule string, err error) {
	if onACL(c) {
		return "", writeEntry(ctx, api, c)
	}
	if c.Kind == changeset.RuleAdd {
		return authorize(ctx, api, c)
	}
	return "", revoke(ctx, api, c, was)
}

func authorize(ctx context.Context, api EC2, c changeset.Change) (string, error) {
	r, err := c.After.Rule()
	if err != nil {
		return "", err
	}
	permission := []ec2types.IpPermission{awsmodel.Permission(r, c.Account)}
	var made []ec2types.SecurityGroupRule
	if r.Direction == topology.Egress {
		out, err := api.AuthorizeSecurityGroupEgress(ctx, &ec2.AuthorizeSecurityGroupEgressInput{GroupId: &c.Target, IpPermissions: permission})
		if err != nil {
			return "", err
		}
		made = out.SecurityGroupRules
	} else {
		out, err := api.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &c.Target, IpPermissions: permission})
		if err != nil {
			return "", err
		}
		made = out.SecurityGroupRules
	}
	if len(made) == 1 {
		return aws.ToString(made[0].SecurityGroupRuleId), nil
	}
	return "", nil
}

func revoke(ctx context.Context, api EC2, c changeset.Change, was state) error {
	r, err := c.Before.Rule()
	if err != nil {
		return err
	}
	// By id where one is known: then no property can be taken for another.
	var ids []string
	var permissions []ec2types.IpPermission
	if was.group != nil {
		for _, x := range was.group.Rules {
			if x.ID != "" && x.Key() == r.Key() {
				ids = []string{x.ID}
			}
		}
	}
	if ids == nil {
		r.Description = ""
		permissions = []ec2types.IpPermission{awsmodel.Permission(r, c.Account)}
	}
	var unknown []ec2types.IpPermission
	if r.Direction == topology.Egress {
		out, err := api.RevokeSecurityGroupEgress(ctx, &ec2.RevokeSecurityGroupEgressInput{
			GroupId: &c.Target, SecurityGroupRuleIds: ids, IpPermissions: permissions,
		})
		if err != nil {
			return err
		}
		unknown = out.UnknownIpPermissions
	} else {
		out, err := api.RevokeSecurityGroupIngress(ctx, &ec2.RevokeSecurityGroupIngressInput{
			GroupId: &c.Target, SecurityGroupRuleIds: ids, IpPermissions: permissions,
		})
		if err != nil {
			return err
		}
		unknown = out.UnknownIpPermissions
	}
	// In a default VPC a rule that is not there is no error but told here.
	if len(unknown) > 0 {
		return errNotThere
	}
	return nil
}

func writeEntry(ctx context.Context, api EC2, c changeset.Change) error {
	if c.Kind == changeset.EntryRemove {
		e, err := c.Before.Entry()
		if err != nil {
			return err
		}
		_, err = api.DeleteNetworkAclEntry(ctx, &ec2.DeleteNetworkAclEntryInput{
			NetworkAclId: &c.Target, RuleNumber: aws.Int32(int32(e.Number)), Egress: aws.Bool(e.Direction == topology.Egress),
		})
		return err
	}
	e, err := c.After.Entry()
	if err != nil {
		return err
	}
	p := awsmodel.Entry(e)
	number, egress := aws.Int32(int32(e.Number)), aws.Bool(e.Direction == topology.Egress)
	if c.Kind == changeset.EntryReplace {
		_, err = api.ReplaceNetworkAclEntry(ctx, &ec2.ReplaceNetworkAclEntryInput{
			NetworkAclId: &c.Target, RuleNumber: number, Egress: egress, Protocol: &p.Protocol, RuleAction: p.Action,
			CidrBlock: p.CIDR4, Ipv6CidrBlock: p.CIDR6, PortRange: p.PortRange, IcmpTypeCode: p.ICMP,
		})
		return err
	}
	_, err = api.CreateNetworkAclEntry(ctx, &ec2.CreateNetworkAclEntryInput{
		NetworkAclId: &c.Target, RuleNumber: number, Egress: egress, Protocol: &p.Protocol, RuleAction: p.Action,
		CidrBlock: p.CIDR4, Ipv6CidrBlock: p.CIDR6, PortRange: p.PortRange, IcmpTypeCode: p.ICMP,
	})
	return err
}

// errNotThere is AWS's answer that a rule to remove is unknown.
var errNotThere = fmt.Errorf("the rule is not there")

// standsPerhaps are the answers that a change may have got because it was made
// before, by a try whose answer was lost.
func standsPerhaps(err error) bool {
	switch code(err) {
	case "InvalidPermission.Duplicate", "InvalidPermission.NotFound", "InvalidSecurityGroupRuleId.NotFound",
		"NetworkAclEntryAlreadyExists", "InvalidNetworkAclEntry.NotFound":
		return true
	}
	return errors.Is(err, errNotThere)
}
