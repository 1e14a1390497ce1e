package motoaccount

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/flowcover/flowcover/topology"
)

// interfaces makes the ENIs, save those of NAT gateways.
func (b *builder) interfaces(ctx context.Context) error {
	nat := map[string]bool{}
	for _, g := range b.res.Gateways {
		for _, e := range g.ENIs {
			nat[e] = true
		}
	}
	for _, e := range b.res.Interfaces {
		if nat[e.ID] {
			continue
		}
		in := &ec2.CreateNetworkInterfaceInput{SubnetId: aws.String(b.ids[e.Subnet]), TagSpecifications: tagged(types.ResourceTypeNetworkInterface, e.Tags)}
		if e.Description != "" {
			in.Description = aws.String(e.Description)
		}
		for _, g := range e.Groups {
			in.Groups = append(in.Groups, b.ids[g])
		}
		for _, a := range e.Addresses {
			if six, ok := b.moved(e.VPC, a); ok {
				in.Ipv6Addresses = append(in.Ipv6Addresses, types.InstanceIpv6Address{Ipv6Address: aws.String(six.String())})
			} else if a.Is4() && in.PrivateIpAddress == nil {
				in.PrivateIpAddress = aws.String(a.String())
			}
		}
		out, err := b.c.CreateNetworkInterface(ctx, in)
		if err != nil {
			return err
		}
		id := *out.NetworkInterface.NetworkInterfaceId
		b.ids[e.ID] = id
		if len(e.PublicAddresses) == 0 {
			continue
		}
		address, err := b.c.AllocateAddress(ctx, &ec2.AllocateAddressInput{Domain: types.DomainTypeVpc})
		if err != nil {
			return err
		}
		if _, err := b.c.AssociateAddress(ctx, &ec2.AssociateAddressInput{AllocationId: address.AllocationId, NetworkInterfaceId: &id}); err != nil {
			return err
		}
	}
	return nil
}

// instances starts a machine on each ENI that has one.
func (b *builder) instances(ctx context.Context) error {
	for _, i := range b.res.Instances {
		if len(i.ENIs) == 0 {
			continue
		}
		out, err := b.c.RunInstances(ctx, &ec2.RunInstancesInput{ImageId: aws.String("ami-12c6146b"), MinCount: aws.Int32(1), MaxCount: aws.Int32(1),
			TagSpecifications: tagged(types.ResourceTypeInstance, i.Tags),
			NetworkInterfaces: []types.InstanceNetworkInterfaceSpecification{{DeviceIndex: aws.Int32(0), NetworkInterfaceId: aws.String(b.ids[i.ENIs[0]])}}})
		if err != nil {
			return err
		}
		b.ids[i.ID] = *out.Instances[0].InstanceId
	}
	return nil
}

// transit makes the transit gateways and their attachments.
func (b *builder) transit(ctx context.Context) error {
	for _, t := range b.res.TransitGateways {
		options := &types.TransitGatewayRequestOptions{DefaultRouteTableAssociation: types.DefaultRouteTableAssociationValueDisable,
			DefaultRouteTablePropagation: types.DefaultRouteTablePropagationValueDisable}
		if t.SecurityGroupReferencing {
			options.SecurityGroupReferencingSupport = types.SecurityGroupReferencingSupportValueEnable
		}
		out, err := b.c.CreateTransitGateway(ctx, &ec2.CreateTransitGatewayInput{Options: options, TagSpecifications: tagged(types.ResourceTypeTransitGateway, t.Tags)})
		if err != nil {
			return err
		}
		b.ids[t.ID] = *out.TransitGateway.TransitGatewayId
	}
	for _, a := range b.res.Attachments {
		switch a.ResourceType {
		case "vpc":
			in := &ec2.CreateTransitGatewayVpcAttachmentInput{TransitGatewayId: aws.String(b.ids[a.TransitGateway]), VpcId: aws.String(b.ids[a.Resource]),
				TagSpecifications: tagged(types.ResourceTypeTransitGatewayAttachment, a.Tags)}
			for _, s := range a.Subnets {
				in.SubnetIds = append(in.SubnetIds, b.ids[s])
			}
			out, err := b.c.CreateTransitGatewayVpcAttachment(ctx, in)
			if err != nil {
				return err
			}
			b.ids[a.ID] = *out.TransitGatewayVpcAttachment.TransitGatewayAttachmentId
		case "vpn":
			if err := b.vpn(ctx, a); err != nil {
				return err
			}
		}
	}
	return nil
}

// vpn makes a VPN connection and finds the attachment that comes with it.
func (b *builder) vpn(ctx context.Context, a topology.TransitGatewayAttachment) error {
	customer, err := b.c.CreateCustomerGateway(ctx, &ec2.CreateCustomerGatewayInput{Type: types.GatewayTypeIpsec1, BgpAsn: aws.Int32(65000), IpAddress: aws.String("203.0.113.250")})
	if err != nil {
		return err
	}
	vpn, err := b.c.CreateVpnConnection(ctx, &ec2.CreateVpnConnectionInput{Type: aws.String("ipsec.1"), CustomerGatewayId: customer.CustomerGateway.CustomerGatewayId,
		TransitGatewayId: aws.String(b.ids[a.TransitGateway])})
	if err != nil {
		return err
	}
	b.ids[a.Resource] = *vpn.VpnConnection.VpnConnectionId
	out, err := b.c.DescribeTransitGatewayAttachments(ctx, &ec2.DescribeTransitGatewayAttachmentsInput{})
	if err != nil {
		return err
	}
	for _, x := range out.TransitGatewayAttachments {
		if x.ResourceType == types.TransitGatewayAttachmentResourceTypeVpn && aws.ToString(x.ResourceId) == b.ids[a.Resource] {
			b.ids[a.ID] = *x.TransitGatewayAttachmentId
			return b.tag(ctx, *x.TransitGatewayAttachmentId, a.Tags)
		}
	}
	return fmt.Errorf("VPN connection %s came without an attachment", b.ids[a.Resource])
}

// transitTables makes the transit gateways' route tables with what fills them.
// Propagated routes follow from the propagations. moto shows every attachment
// as associated with the gateway's default table, whatever it was told, so that
// table is filled with what all the others have.
func (b *builder) transitTables(ctx context.Context) error {
	for _, t := range b.res.TransitRouteTables {
		gateway := b.ids[t.TransitGateway]
		out, err := b.c.CreateTransitGatewayRouteTable(ctx, &ec2.CreateTransitGatewayRouteTableInput{TransitGatewayId: &gateway,
			TagSpecifications: tagged(types.ResourceTypeTransitGatewayRouteTable, t.Tags)})
		if err != nil {
			return err
		}
		id := *out.TransitGatewayRouteTable.TransitGatewayRouteTableId
		b.ids[t.ID] = id
		for _, a := range b.res.Attachments {
			if a.RouteTable != t.ID {
				continue
			}
			if _, err := b.c.AssociateTransitGatewayRouteTable(ctx, &ec2.AssociateTransitGatewayRouteTableInput{TransitGatewayRouteTableId: &id, TransitGatewayAttachmentId: aws.String(b.ids[a.ID])}); err != nil {
				return err
			}
		}
		standard, err := b.defaultTable(ctx, gateway)
		if err != nil {
			return err
		}
		for _, table := range []string{id, standard} {
			if err := b.fillTable(ctx, table, t); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *builder) defaultTable(ctx context.Context, gateway string) (string, error) {
	out, err := b.c.DescribeTransitGatewayRouteTables(ctx, &ec2.DescribeTransitGatewayRouteTablesInput{})
	if err != nil {
		return "", err
	}
	for _, t := range out.TransitGatewayRouteTables {
		if aws.ToString(t.TransitGatewayId) == gateway && aws.ToBool(t.DefaultAssociationRouteTable) {
			return *t.TransitGatewayRouteTableId, nil
		}
	}
	return "", fmt.Errorf("transit gateway %s has no default route table", gateway)
}

// fillTable adds a table's propagations and static routes, once.
func (b *builder) fillTable(ctx context.Context, table string, t topology.TransitGatewayRouteTable) error {
	for _, a := range t.Propagations {
		key := table + " " + a
		if b.done[key] {
			continue
		}
		b.done[key] = true
		if _, err := b.c.EnableTransitGatewayRouteTablePropagation(ctx, &ec2.EnableTransitGatewayRouteTablePropagationInput{TransitGatewayRouteTableId: &table, TransitGatewayAttachmentId: aws.String(b.ids[a])}); err != nil {
			return err
		}
	}
	for _, r := range t.Routes {
		if !r.Static {
			continue
		}
		in := &ec2.CreateTransitGatewayRouteInput{TransitGatewayRouteTableId: &table, DestinationCidrBlock: aws.String(r.Destination.String())}
		if r.Attachment == "" {
			in.Blackhole = aws.Bool(true)
		} else {
			in.TransitGatewayAttachmentId = aws.String(b.ids[r.Attachment])
		}
		if _, err := b.c.CreateTransitGatewayRoute(ctx, in); err != nil {
			return err
		}
	}
	return nil
}

// routeTables makes the VPCs' route tables. A gateway endpoint makes its own routes.
func (b *builder) routeTables(ctx context.Context) error {
	for _, t := range b.res.RouteTables {
		id, err := b.routeTable(ctx, t)
		if err != nil {
			return err
		}
		b.ids[t.ID] = id
		for _, s := range t.Subnets {
			if _, err := b.c.AssociateRouteTable(ctx, &ec2.AssociateRouteTableInput{RouteTableId: &id, SubnetId: aws.String(b.ids[s])}); err != nil {
				return err
			}
		}
		for _, r := range t.Routes {
			if r.Target == "local" || strings.HasPrefix(r.Target, "vpce-") {
				continue
			}
			in := b.route(id, r)
			if b.leaves(r) {
				gateway, err := b.vpnGateway(ctx, t.VPC)
				if err != nil {
					return err
				}
				in.TransitGatewayId, in.GatewayId = nil, &gateway
			}
			if _, err := b.c.CreateRoute(ctx, in); err != nil {
				return fmt.Errorf("route to %s: %w", r.Target, err)
			}
		}
	}
	return nil
}

// leaves says whether a route leads through a transit gateway to a VPN. moto
// does not tell the attachment of a static transit gateway route, so that
// nothing could follow it there: the way out is a VPN gateway at the VPC instead.
func (b *builder) leaves(r topology.Route) bool {
	if !strings.HasPrefix(r.Target, "tgw-") {
		return false
	}
	to := []netip.Prefix{r.Destination}
	for _, l := range b.res.PrefixLists {
		if r.PrefixList == l.ID {
			to = l.Entries
		}
	}
	for _, t := range b.res.TransitRouteTables {
		for _, x := range t.Routes {
			if x.Static && x.Attachment != "" && slices.ContainsFunc(to, func(p netip.Prefix) bool { return p.Overlaps(x.Destination) }) {
				return true
			}
		}
	}
	return false
}

// vpnGateway gives the VPC's VPN gateway, made when first asked for.
func (b *builder) vpnGateway(ctx context.Context, vpc string) (string, error) {
	if id := b.ids["vgw of "+vpc]; id != "" {
		return id, nil
	}
	out, err := b.c.CreateVpnGateway(ctx, &ec2.CreateVpnGatewayInput{Type: types.GatewayTypeIpsec1})
	if err != nil {
		return "", err
	}
	id := *out.VpnGateway.VpnGatewayId
	b.ids["vgw of "+vpc] = id
	_, err = b.c.AttachVpnGateway(ctx, &ec2.AttachVpnGatewayInput{VpnGatewayId: &id, VpcId: aws.String(b.ids[vpc])})
	return id, err
}

// routeTable makes a table, or finds the VPC's main one.
func (b *builder) routeTable(ctx context.Context, t topology.RouteTable) (string, error) {
	vpc := b.ids[t.VPC]
	if !t.Main {
		out, err := b.c.CreateRouteTable(ctx, &ec2.CreateRouteTableInput{VpcId: &vpc, TagSpecifications: tagged(types.ResourceTypeRouteTable, t.Tags)})
		if err != nil {
			return "", err
		}
		return *out.RouteTable.RouteTableId, nil
	}
	out, err := b.c.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{Filters: []types.Filter{{Name: aws.String("vpc-id"), Values: []string{vpc}}}})
	if err != nil {
		return "", err
	}
	for _, x := range out.RouteTables {
		if slices.ContainsFunc(x.Associations, func(a types.RouteTableAssociation) bool { return aws.ToBool(a.Main) }) {
			return *x.RouteTableId, b.tag(ctx, *x.RouteTableId, t.Tags)
		}
	}
	return "", fmt.Errorf("VPC %s has no main route table", vpc)
}

func (b *builder) route(table string, r topology.Route) *ec2.CreateRouteInput {
	in := &ec2.CreateRouteInput{RouteTableId: &table}
	switch {
	case r.PrefixList != "":
		in.DestinationPrefixListId = aws.String(b.ids[r.PrefixList])
	case r.Destination.Addr().Is4():
		in.DestinationCidrBlock = aws.String(r.Destination.String())
	default:
		in.DestinationIpv6CidrBlock = aws.String(r.Destination.String())
	}
	target := aws.String(b.ids[r.Target])
	switch kind, _, _ := strings.Cut(r.Target, "-"); kind {
	case "tgw":
		in.TransitGatewayId = target
	case "nat":
		in.NatGatewayId = target
	case "eigw":
		in.EgressOnlyInternetGatewayId = target
	default:
		in.GatewayId = target
	}
	return in
}

func (b *builder) endpoints(ctx context.Context) error {
	for _, e := range b.res.Endpoints {
		if e.Type != "Gateway" {
			continue
		}
		in := &ec2.CreateVpcEndpointInput{VpcId: aws.String(b.ids[e.VPC]), ServiceName: aws.String(e.Service), VpcEndpointType: types.VpcEndpointTypeGateway,
			TagSpecifications: tagged(types.ResourceTypeVpcEndpoint, e.Tags)}
		for _, t := range e.RouteTables {
			in.RouteTableIds = append(in.RouteTableIds, b.ids[t])
		}
		out, err := b.c.CreateVpcEndpoint(ctx, in)
		if err != nil {
			return err
		}
		b.ids[e.ID] = *out.VpcEndpoint.VpcEndpointId
	}
	return nil
}
