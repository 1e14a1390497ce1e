// Package motoaccount builds a snapshot's account on an EC2 API, which in tests
// is moto's server, so that it can be read back, planned on and changed there.
//
// What the API cannot be told to make has stand-ins or is left out: ENIs that
// services make (load balancers, databases, endpoints, the transit gateway) are
// plain ENIs with the same addresses, groups, tags and descriptions; load
// balancers, RDS instances and interface endpoints themselves are missing; ids
// and IPv6 blocks are the server's own.
package motoaccount

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/flowcover/flowcover/topology"
)

// IDs maps the ids of the snapshot to those of the server.
type IDs map[string]string

// builder makes one account.
type builder struct {
	c   *ec2.Client
	res *topology.Resources
	ids IDs
	v6  map[string]blockPair // by VPC of the snapshot
	// done are the propagations made: the default table takes every table's.
	done map[string]bool
}

// blockPair is a VPC's IPv6 block in the snapshot and on the server.
type blockPair struct{ from, to netip.Prefix }

// BuildMoto makes the account and gives its ids there.
func BuildMoto(ctx context.Context, c *ec2.Client, res topology.Resources) (IDs, error) {
	b := &builder{c: c, res: &res, ids: IDs{}, v6: map[string]blockPair{}, done: map[string]bool{}}
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"VPCs", b.vpcs}, {"subnets", b.subnets}, {"prefix lists", b.prefixLists}, {"security groups", b.groups}, {"rules", b.rules},
		{"internet gateways", b.internet}, {"interfaces", b.interfaces}, {"NAT gateways", b.nats}, {"transit gateways", b.transit},
		{"transit route tables", b.transitTables}, {"route tables", b.routeTables}, {"gateway endpoints", b.endpoints},
		{"network ACLs", b.acls}, {"instances", b.instances},
	} {
		if err := step.do(ctx); err != nil {
			return nil, fmt.Errorf("build %s: %w", step.what, err)
		}
	}
	return b.ids, nil
}

// tagged are tags as a create call takes them.
func tagged(kind types.ResourceType, tags topology.Tags) []types.TagSpecification {
	if len(tags) == 0 {
		return nil
	}
	return []types.TagSpecification{{ResourceType: kind, Tags: tagList(tags)}}
}

func tagList(tags topology.Tags) []types.Tag {
	var out []types.Tag
	for k, v := range tags {
		out = append(out, types.Tag{Key: aws.String(k), Value: aws.String(v)})
	}
	slices.SortFunc(out, func(a, b types.Tag) int { return cmp.Compare(*a.Key, *b.Key) })
	return out
}

// tag tags what a create call takes no tags for.
func (b *builder) tag(ctx context.Context, id string, tags topology.Tags) error {
	if len(tags) == 0 {
		return nil
	}
	_, err := b.c.CreateTags(ctx, &ec2.CreateTagsInput{Resources: []string{id}, Tags: tagList(tags)})
	return err
}

func (b *builder) vpcs(ctx context.Context) error {
	for _, v := range b.res.VPCs {
		in := &ec2.CreateVpcInput{TagSpecifications: tagged(types.ResourceTypeVpc, v.Tags)}
		var more []netip.Prefix
		var v6 netip.Prefix
		for _, c := range v.CIDRs {
			switch {
			case c.Addr().Is6():
				v6 = c
			case in.CidrBlock == nil:
				in.CidrBlock = aws.String(c.String())
			default:
				more = append(more, c)
			}
		}
		if v6.IsValid() {
			in.AmazonProvidedIpv6CidrBlock = aws.Bool(true)
		}
		out, err := b.c.CreateVpc(ctx, in)
		if err != nil {
			return err
		}
		id := *out.Vpc.VpcId
		b.ids[v.ID] = id
		for _, c := range more {
			if _, err := b.c.AssociateVpcCidrBlock(ctx, &ec2.AssociateVpcCidrBlockInput{VpcId: &id, CidrBlock: aws.String(c.String())}); err != nil {
				return err
			}
		}
		if v6.IsValid() {
			for _, a := range out.Vpc.Ipv6CidrBlockAssociationSet {
				block, err := netip.ParsePrefix(*a.Ipv6CidrBlock)
				if err != nil {
					return fmt.Errorf("the server's IPv6 block of %s: %w", id, err)
				}
				b.v6[v.ID] = blockPair{v6, block}
			}
		}
		for _, in := range []*ec2.ModifyVpcAttributeInput{
			{VpcId: &id, EnableDnsSupport: &types.AttributeBooleanValue{Value: v.EnableDNSSupport}},
			{VpcId: &id, EnableDnsHostnames: &types.AttributeBooleanValue{Value: v.EnableDNSHostnames}},
		} {
			if v.EnableDNSSupport == nil || v.EnableDNSHostnames == nil {
				continue
			}
			if _, err := b.c.ModifyVpcAttribute(ctx, in); err != nil {
				return err
			}
		}
	}
	return nil
}

// moved gives an IPv6 address in the block that the server chose.
func (b *builder) moved(vpc string, a netip.Addr) (netip.Addr, bool) {
	p, ok := b.v6[vpc]
	if !ok || !p.from.Contains(a) {
		return a, false
	}
	from, to := a.As16(), p.to.Addr().As16()
	keep := p.from.Bits() / 8
	copy(to[keep:], from[keep:])
	return netip.AddrFrom16(to), true
}

func (b *builder) subnets(ctx context.Context) error {
	for _, s := range b.res.Subnets {
		in := &ec2.CreateSubnetInput{VpcId: aws.String(b.ids[s.VPC]), AvailabilityZone: aws.String(s.AZ), TagSpecifications: tagged(types.ResourceTypeSubnet, s.Tags)}
		for _, c := range s.CIDRs {
			if c.Addr().Is4() {
				in.CidrBlock = aws.String(c.String())
			} else if a, ok := b.moved(s.VPC, c.Addr()); ok {
				in.Ipv6CidrBlock = aws.String(netip.PrefixFrom(a, c.Bits()).String())
			}
		}
		out, err := b.c.CreateSubnet(ctx, in)
		if err != nil {
			return err
		}
		b.ids[s.ID] = *out.Subnet.SubnetId
	}
	return nil
}

// prefixLists makes the account's own lists and finds AWS's by name.
func (b *builder) prefixLists(ctx context.Context) error {
	have, err := b.c.DescribeManagedPrefixLists(ctx, &ec2.DescribeManagedPrefixListsInput{})
	if err != nil {
		return err
	}
	for _, l := range b.res.PrefixLists {
		if l.Owner == "AWS" {
			for _, h := range have.PrefixLists {
				if *h.PrefixListName == l.Name {
					b.ids[l.ID] = *h.PrefixListId
				}
			}
			continue
		}
		family := "IPv4"
		if l.V6 {
			family = "IPv6"
		}
		in := &ec2.CreateManagedPrefixListInput{PrefixListName: aws.String(l.Name), AddressFamily: &family, MaxEntries: aws.Int32(int32(l.MaxEntries))}
		for _, e := range l.Entries {
			in.Entries = append(in.Entries, types.AddPrefixListEntry{Cidr: aws.String(e.String())})
		}
		out, err := b.c.CreateManagedPrefixList(ctx, in)
		if err != nil {
			return err
		}
		b.ids[l.ID] = *out.PrefixList.PrefixListId
	}
	return nil
}

func (b *builder) internet(ctx context.Context) error {
	for _, g := range b.res.Gateways {
		switch g.Kind {
		case "internet":
			out, err := b.c.CreateInternetGateway(ctx, &ec2.CreateInternetGatewayInput{TagSpecifications: tagged(types.ResourceTypeInternetGateway, g.Tags)})
			if err != nil {
				return err
			}
			b.ids[g.ID] = *out.InternetGateway.InternetGatewayId
			if _, err := b.c.AttachInternetGateway(ctx, &ec2.AttachInternetGatewayInput{InternetGatewayId: out.InternetGateway.InternetGatewayId, VpcId: aws.String(b.ids[g.VPC])}); err != nil {
				return err
			}
		case "egress-only-internet":
			out, err := b.c.CreateEgressOnlyInternetGateway(ctx, &ec2.CreateEgressOnlyInternetGatewayInput{VpcId: aws.String(b.ids[g.VPC]),
				TagSpecifications: tagged(types.ResourceTypeEgressOnlyInternetGateway, g.Tags)})
			if err != nil {
				return err
			}
			b.ids[g.ID] = *out.EgressOnlyInternetGateway.EgressOnlyInternetGatewayId
		}
	}
	return nil
}

// nats makes the NAT gateways. The server makes their ENIs and gives those its
// own addresses; they take the tags and description of the snapshot's.
func (b *builder) nats(ctx context.Context) error {
	for _, g := range b.res.Gateways {
		if g.Kind != "nat" {
			continue
		}
		address, err := b.c.AllocateAddress(ctx, &ec2.AllocateAddressInput{Domain: types.DomainTypeVpc})
		if err != nil {
			return err
		}
		out, err := b.c.CreateNatGateway(ctx, &ec2.CreateNatGatewayInput{SubnetId: aws.String(b.ids[g.Subnet]), AllocationId: address.AllocationId,
			TagSpecifications: tagged(types.ResourceTypeNatgateway, g.Tags)})
		if err != nil {
			return err
		}
		b.ids[g.ID] = *out.NatGateway.NatGatewayId
		for _, a := range out.NatGateway.NatGatewayAddresses {
			eni := *a.NetworkInterfaceId
			for _, e := range b.res.Interfaces {
				if !slices.Contains(g.ENIs, e.ID) {
					continue
				}
				b.ids[e.ID] = eni
				if err := b.tag(ctx, eni, e.Tags); err != nil {
					return err
				}
				if _, err := b.c.ModifyNetworkInterfaceAttribute(ctx, &ec2.ModifyNetworkInterfaceAttributeInput{NetworkInterfaceId: &eni,
					Description: &types.AttributeValue{Value: aws.String("Interface for NAT Gateway " + b.ids[g.ID])}}); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
