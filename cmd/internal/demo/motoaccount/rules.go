package motoaccount

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

// groups makes the security groups, empty; a VPC's default group is there.
func (b *builder) groups(ctx context.Context) error {
	for _, g := range b.res.SecurityGroups {
		vpc := b.ids[g.VPC]
		if g.Name == "default" {
			out, err := b.c.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{Filters: []types.Filter{
				{Name: aws.String("vpc-id"), Values: []string{vpc}}, {Name: aws.String("group-name"), Values: []string{"default"}}}})
			if err != nil {
				return err
			}
			if len(out.SecurityGroups) != 1 {
				return fmt.Errorf("VPC %s has %d default groups", vpc, len(out.SecurityGroups))
			}
			b.ids[g.ID] = *out.SecurityGroups[0].GroupId
			continue
		}
		out, err := b.c.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{VpcId: &vpc, GroupName: aws.String(g.Name),
			Description: aws.String(cmp.Or(g.Description, g.Name)), TagSpecifications: tagged(types.ResourceTypeSecurityGroup, g.Tags)})
		if err != nil {
			return err
		}
		b.ids[g.ID] = *out.GroupId
	}
	return nil
}

// rules fills the groups, after taking the egress rules that a new group has.
func (b *builder) rules(ctx context.Context) error {
	for _, g := range b.res.SecurityGroups {
		id := b.ids[g.ID]
		out, err := b.c.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{GroupIds: []string{id}})
		if err != nil {
			return err
		}
		if have := out.SecurityGroups[0].IpPermissionsEgress; len(have) > 0 {
			if _, err := b.c.RevokeSecurityGroupEgress(ctx, &ec2.RevokeSecurityGroupEgressInput{GroupId: &id, IpPermissions: have}); err != nil {
				return err
			}
		}
		if have := out.SecurityGroups[0].IpPermissions; len(have) > 0 {
			if _, err := b.c.RevokeSecurityGroupIngress(ctx, &ec2.RevokeSecurityGroupIngressInput{GroupId: &id, IpPermissions: have}); err != nil {
				return err
			}
		}
		if in := b.permissions(g, topology.Ingress); len(in) > 0 {
			if _, err := b.c.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &id, IpPermissions: in}); err != nil {
				return fmt.Errorf("ingress of %s: %w", g.Name, err)
			}
		}
		if in := b.permissions(g, topology.Egress); len(in) > 0 {
			if _, err := b.c.AuthorizeSecurityGroupEgress(ctx, &ec2.AuthorizeSecurityGroupEgressInput{GroupId: &id, IpPermissions: in}); err != nil {
				return fmt.Errorf("egress of %s: %w", g.Name, err)
			}
		}
	}
	return nil
}

// permissions are one side's rules, one peer each.
func (b *builder) permissions(g topology.SecurityGroup, d topology.Direction) []types.IpPermission {
	var out []types.IpPermission
	for _, r := range g.Rules {
		if r.Direction != d {
			continue
		}
		p := types.IpPermission{IpProtocol: aws.String(protocolName(r.Protocol))}
		if r.Protocol.HasPorts() || r.Protocol.HasTypes() {
			p.FromPort, p.ToPort = aws.Int32(int32(r.FromPort)), aws.Int32(int32(r.ToPort))
		}
		var text *string
		if r.Description != "" {
			text = aws.String(r.Description)
		}
		switch {
		case r.Group != "":
			p.UserIdGroupPairs = []types.UserIdGroupPair{{GroupId: aws.String(b.ids[r.Group]), Description: text}}
		case r.PrefixList != "":
			p.PrefixListIds = []types.PrefixListId{{PrefixListId: aws.String(b.ids[r.PrefixList]), Description: text}}
		case r.CIDR.Addr().Is4():
			p.IpRanges = []types.IpRange{{CidrIp: aws.String(r.CIDR.String()), Description: text}}
		default:
			p.Ipv6Ranges = []types.Ipv6Range{{CidrIpv6: aws.String(r.CIDR.String()), Description: text}}
		}
		out = append(out, p)
	}
	return out
}

func protocolName(p netset.Protocol) string {
	if p == netset.AllProtocols {
		return "-1"
	}
	return p.String()
}

// acls makes the network ACLs and puts them before their subnets.
func (b *builder) acls(ctx context.Context) error {
	for _, a := range b.res.NetworkACLs {
		id, err := b.acl(ctx, a)
		if err != nil {
			return err
		}
		b.ids[a.ID] = id
		for _, e := range a.Entries {
			if e.DefaultDeny() {
				continue
			}
			if err := b.entry(ctx, id, e); err != nil {
				return fmt.Errorf("entry %d of %s: %w", e.Number, a.ID, err)
			}
		}
		for _, s := range a.Subnets {
			if a.IsDefault {
				continue // where the server put it
			}
			if err := b.guard(ctx, id, b.ids[s]); err != nil {
				return err
			}
		}
	}
	return nil
}

// acl makes an ACL, or finds the VPC's default one.
func (b *builder) acl(ctx context.Context, a topology.NetworkACL) (string, error) {
	vpc := b.ids[a.VPC]
	if !a.IsDefault {
		out, err := b.c.CreateNetworkAcl(ctx, &ec2.CreateNetworkAclInput{VpcId: &vpc, TagSpecifications: tagged(types.ResourceTypeNetworkAcl, a.Tags)})
		if err != nil {
			return "", err
		}
		return *out.NetworkAcl.NetworkAclId, nil
	}
	out, err := b.c.DescribeNetworkAcls(ctx, &ec2.DescribeNetworkAclsInput{Filters: []types.Filter{
		{Name: aws.String("vpc-id"), Values: []string{vpc}}, {Name: aws.String("default"), Values: []string{"true"}}}})
	if err != nil {
		return "", err
	}
	if len(out.NetworkAcls) != 1 {
		return "", fmt.Errorf("VPC %s has %d default ACLs", vpc, len(out.NetworkAcls))
	}
	return *out.NetworkAcls[0].NetworkAclId, b.tag(ctx, *out.NetworkAcls[0].NetworkAclId, a.Tags)
}

// entry makes an entry; a default ACL has some of them already.
func (b *builder) entry(ctx context.Context, acl string, e topology.NetworkACLEntry) error {
	in := &ec2.CreateNetworkAclEntryInput{NetworkAclId: &acl, RuleNumber: aws.Int32(int32(e.Number)), Egress: aws.Bool(e.Direction == topology.Egress),
		Protocol: aws.String(strconv.Itoa(int(e.Protocol))), RuleAction: types.RuleActionDeny}
	if e.Allow {
		in.RuleAction = types.RuleActionAllow
	}
	if e.CIDR.Addr().Is4() {
		in.CidrBlock = aws.String(e.CIDR.String())
	} else {
		in.Ipv6CidrBlock = aws.String(e.CIDR.String())
	}
	switch {
	case e.Protocol.HasPorts():
		in.PortRange = &types.PortRange{From: aws.Int32(int32(e.FromPort)), To: aws.Int32(int32(e.ToPort))}
	case e.Protocol.HasTypes():
		in.IcmpTypeCode = &types.IcmpTypeCode{Type: aws.Int32(int32(e.FromPort)), Code: aws.Int32(int32(e.ToPort))}
	}
	_, err := b.c.CreateNetworkAclEntry(ctx, in)
	var api smithy.APIError
	if errors.As(err, &api) && api.ErrorCode() == "NetworkAclEntryAlreadyExists" {
		return nil
	}
	return err
}

// guard moves a subnet from its present ACL to another.
func (b *builder) guard(ctx context.Context, acl, subnet string) error {
	out, err := b.c.DescribeNetworkAcls(ctx, &ec2.DescribeNetworkAclsInput{Filters: []types.Filter{{Name: aws.String("association.subnet-id"), Values: []string{subnet}}}})
	if err != nil {
		return err
	}
	for _, a := range out.NetworkAcls {
		at := slices.IndexFunc(a.Associations, func(x types.NetworkAclAssociation) bool { return aws.ToString(x.SubnetId) == subnet })
		if at >= 0 {
			_, err := b.c.ReplaceNetworkAclAssociation(ctx, &ec2.ReplaceNetworkAclAssociationInput{AssociationId: a.Associations[at].NetworkAclAssociationId, NetworkAclId: &acl})
			return err
		}
	}
	return fmt.Errorf("subnet %s has no network ACL", subnet)
}
