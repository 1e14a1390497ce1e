package awsmodel

import (
	"net/netip"
	"slices"
	"strings"

	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/flowcover/flowcover/topology"
)

// InternetGateway reads an internet gateway; one that is attached nowhere has
// no VPC.
func InternetGateway(g ec2types.InternetGateway) (topology.Gateway, error) {
	f := &fields{}
	f.name("InternetGatewayId", text(g.InternetGatewayId))
	out := topology.Gateway{ID: f.id, Kind: "internet", VPC: attachedVPC(g.Attachments), Tags: tags(g.Tags)}
	out.Account = text(g.OwnerId)
	return out, f.err
}

// EgressOnlyGateway reads an egress-only internet gateway.
func EgressOnlyGateway(g ec2types.EgressOnlyInternetGateway) (topology.Gateway, error) {
	f := &fields{}
	f.name("EgressOnlyInternetGatewayId", text(g.EgressOnlyInternetGatewayId))
	return topology.Gateway{ID: f.id, Kind: "egress-only-internet", VPC: attachedVPC(g.Attachments), Tags: tags(g.Tags)}, f.err
}

func attachedVPC(as []ec2types.InternetGatewayAttachment) string {
	for _, a := range as {
		if !detached(a.State) {
			return text(a.VpcId)
		}
	}
	return ""
}

// detached tells an attachment that no longer carries. An internet gateway's
// is "available" while it does, other gateways' are "attached".
func detached(s ec2types.AttachmentStatus) bool { return strings.HasPrefix(string(s), "detach") }

// VPNGateway reads a virtual private gateway.
func VPNGateway(g ec2types.VpnGateway) (topology.Gateway, bool, error) {
	f := &fields{}
	f.name("VpnGatewayId", text(g.VpnGatewayId))
	out := topology.Gateway{ID: f.id, Kind: "vpn", State: string(g.State), Tags: tags(g.Tags)}
	for _, a := range g.VpcAttachments {
		if !detached(a.State) {
			out.VPC = text(a.VpcId)
			break
		}
	}
	return out, !transitGone(g.State), f.err
}

// VPNDestinations reads the prefixes that a VPN connection routes statically
// through its gateway (a vgw- or tgw-); static is false where it learns them by BGP.
func VPNDestinations(c ec2types.VpnConnection) (gateway string, to []netip.Prefix, static, ok bool, err error) {
	f := &fields{}
	f.name("VpnConnectionId", text(c.VpnConnectionId))
	gateway = text(c.VpnGatewayId)
	if gateway == "" {
		gateway = text(c.TransitGatewayId)
	}
	static = c.Options != nil && isTrue(c.Options.StaticRoutesOnly)
	for _, r := range c.Routes {
		if !transitGone(r.State) && text(r.DestinationCidrBlock) != "" {
			to = append(to, f.prefix("Routes.DestinationCidrBlock", r.DestinationCidrBlock))
		}
	}
	return gateway, to, static, !transitGone(c.State), f.err
}

// NATGateway reads a NAT gateway.
func NATGateway(g ec2types.NatGateway) (topology.Gateway, bool, error) {
	f := &fields{}
	f.name("NatGatewayId", text(g.NatGatewayId))
	out := topology.Gateway{
		ID: f.id, Kind: "nat", VPC: text(g.VpcId), State: string(g.State), Subnet: text(g.SubnetId),
		Private: g.ConnectivityType == ec2types.ConnectivityTypePrivate, Tags: tags(g.Tags),
	}
	for _, a := range g.NatGatewayAddresses {
		if id := text(a.NetworkInterfaceId); id != "" && !slices.Contains(out.ENIs, id) {
			out.ENIs = append(out.ENIs, id)
		}
	}
	slices.Sort(out.ENIs)
	return out, !transitGone(g.State), f.err
}

// Endpoint reads a VPC endpoint.
func Endpoint(e ec2types.VpcEndpoint) (topology.VPCEndpoint, bool, error) {
	f := &fields{}
	f.name("VpcEndpointId", text(e.VpcEndpointId))
	out := topology.VPCEndpoint{
		ID: f.id, VPC: text(e.VpcId), Type: string(e.VpcEndpointType), Service: text(e.ServiceName),
		PrivateDNS: isTrue(e.PrivateDnsEnabled), Subnets: e.SubnetIds, ENIs: e.NetworkInterfaceIds,
		RouteTables: e.RouteTableIds, State: strings.ToLower(string(e.State)), Tags: tags(e.Tags),
	}
	out.Account = text(e.OwnerId)
	if o := e.DnsOptions; o != nil {
		out.InboundResolverOnly = isTrue(o.PrivateDnsOnlyForInboundResolverEndpoint)
	}
	if out.Type == "" {
		out.Type = string(ec2types.VpcEndpointTypeGateway) // as the first endpoints were
	}
	for _, g := range e.Groups {
		out.Groups = append(out.Groups, text(g.GroupId))
	}
	for _, d := range e.DnsEntries {
		if name := text(d.DnsName); name != "" {
			out.DNSNames = append(out.DNSNames, name)
		}
	}
	gone := transitGone(e.State) || out.State == "expired"
	return out, !gone, f.err
}
