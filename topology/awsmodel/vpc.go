package awsmodel

import (
	"net/netip"
	"slices"
	"strings"

	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/flowcover/flowcover/topology"
)

// blockGone says whether a CIDR block association no longer routes.
func blockGone[S ~string](state S) bool {
	s := string(state)
	return strings.HasPrefix(s, "disassoc") || strings.HasPrefix(s, "fail")
}

// VPC reads a VPC with all its associated blocks.
func VPC(v ec2types.Vpc) (topology.VPC, error) {
	f := &fields{}
	f.name("VpcId", text(v.VpcId))
	out := topology.VPC{ID: f.id, IsDefault: isTrue(v.IsDefault), Tags: tags(v.Tags)}
	out.Account = text(v.OwnerId)
	for _, a := range v.CidrBlockAssociationSet {
		if a.CidrBlockState == nil || !blockGone(a.CidrBlockState.State) {
			out.CIDRs = append(out.CIDRs, f.prefix("CidrBlockAssociationSet.CidrBlock", a.CidrBlock))
		}
	}
	if len(v.CidrBlockAssociationSet) == 0 && text(v.CidrBlock) != "" {
		out.CIDRs = append(out.CIDRs, f.prefix("CidrBlock", v.CidrBlock))
	}
	for _, a := range v.Ipv6CidrBlockAssociationSet {
		if a.Ipv6CidrBlockState == nil || !blockGone(a.Ipv6CidrBlockState.State) {
			out.CIDRs = append(out.CIDRs, f.prefix("Ipv6CidrBlockAssociationSet.Ipv6CidrBlock", a.Ipv6CidrBlock))
		}
	}
	return out, f.err
}

// Subnet reads a subnet.
func Subnet(s ec2types.Subnet) (topology.Subnet, error) {
	f := &fields{}
	f.name("SubnetId", text(s.SubnetId))
	out := topology.Subnet{
		ID: f.id, VPC: text(s.VpcId), AZ: text(s.AvailabilityZone), AZID: text(s.AvailabilityZoneId), Tags: tags(s.Tags),
	}
	out.Scope = ScopeOfARN(text(s.SubnetArn))
	if owner := text(s.OwnerId); owner != "" {
		out.Account = owner
	}
	if r := RegionOf(out.AZ); r != "" {
		out.Region = r
	}
	if text(s.CidrBlock) != "" {
		out.CIDRs = append(out.CIDRs, f.prefix("CidrBlock", s.CidrBlock))
	}
	for _, a := range s.Ipv6CidrBlockAssociationSet {
		if a.Ipv6CidrBlockState == nil || !blockGone(a.Ipv6CidrBlockState.State) {
			out.CIDRs = append(out.CIDRs, f.prefix("Ipv6CidrBlockAssociationSet.Ipv6CidrBlock", a.Ipv6CidrBlock))
		}
	}
	return out, f.err
}

// RouteTable reads a VPC route table.
func RouteTable(t ec2types.RouteTable) (topology.RouteTable, error) {
	f := &fields{}
	f.name("RouteTableId", text(t.RouteTableId))
	out := topology.RouteTable{ID: f.id, VPC: text(t.VpcId), Tags: tags(t.Tags)}
	out.Account = text(t.OwnerId)
	for _, a := range t.Associations {
		if a.AssociationState != nil && blockGone(a.AssociationState.State) {
			continue
		}
		switch {
		case isTrue(a.Main):
			out.Main = true
		case text(a.SubnetId) != "":
			out.Subnets = append(out.Subnets, text(a.SubnetId))
		case text(a.GatewayId) != "":
			out.Gateways = append(out.Gateways, text(a.GatewayId))
		}
	}
	for _, r := range t.Routes {
		out.Routes = append(out.Routes, f.route(r))
	}
	return out, f.err
}

func (f *fields) route(r ec2types.Route) topology.Route {
	out := topology.Route{
		PrefixList: text(r.DestinationPrefixListId), Target: routeTarget(r),
		State: string(r.State), Origin: string(r.Origin),
	}
	// AWS has a third state, filtered, for a route that it does not use.
	if r.State == ec2types.RouteStateFiltered {
		out.State = string(ec2types.RouteStateBlackhole)
	}
	switch {
	case text(r.DestinationCidrBlock) != "":
		out.Destination = f.prefix("Routes.DestinationCidrBlock", r.DestinationCidrBlock)
	case text(r.DestinationIpv6CidrBlock) != "":
		out.Destination = f.prefix("Routes.DestinationIpv6CidrBlock", r.DestinationIpv6CidrBlock)
	case out.PrefixList == "":
		f.fail("Routes.DestinationCidrBlock", "", "a route names a destination or a prefix list")
	}
	return out
}

// routeTarget gives the one target. A route to an instance names its ENI as
// well, and it is the ENI that takes the packet.
func routeTarget(r ec2types.Route) string {
	for _, p := range []*string{
		r.NatGatewayId, r.TransitGatewayId, r.VpcPeeringConnectionId, r.EgressOnlyInternetGatewayId,
		r.NetworkInterfaceId, r.InstanceId, r.LocalGatewayId, r.CarrierGatewayId, r.CoreNetworkArn, r.OdbNetworkArn, r.GatewayId,
	} {
		if s := text(p); s != "" {
			return s
		}
	}
	return ""
}

// Peering reads a VPC peering connection. Its account and Region are the
// requester's, whichever side lists it.
func Peering(p ec2types.VpcPeeringConnection) (topology.PeeringConnection, bool, error) {
	f := &fields{}
	f.name("VpcPeeringConnectionId", text(p.VpcPeeringConnectionId))
	out := topology.PeeringConnection{
		ID:        f.id,
		Requester: f.side("RequesterVpcInfo", p.RequesterVpcInfo),
		Accepter:  f.side("AccepterVpcInfo", p.AccepterVpcInfo),
	}
	out.Scope = topology.Scope{Account: out.Requester.Account, Region: out.Requester.Region}
	if p.Status != nil {
		out.Status = string(p.Status.Code)
	}
	switch ec2types.VpcPeeringConnectionStateReasonCode(out.Status) {
	case ec2types.VpcPeeringConnectionStateReasonCodeDeleted, ec2types.VpcPeeringConnectionStateReasonCodeDeleting,
		ec2types.VpcPeeringConnectionStateReasonCodeRejected, ec2types.VpcPeeringConnectionStateReasonCodeExpired,
		ec2types.VpcPeeringConnectionStateReasonCodeFailed:
		return out, false, f.err
	}
	return out, true, f.err
}

func (f *fields) side(field string, v *ec2types.VpcPeeringConnectionVpcInfo) topology.PeeringSide {
	if v == nil {
		return topology.PeeringSide{}
	}
	out := topology.PeeringSide{VPC: text(v.VpcId), Account: text(v.OwnerId), Region: text(v.Region)}
	for _, b := range v.CidrBlockSet {
		out.CIDRs = append(out.CIDRs, f.prefix(field+".CidrBlockSet", b.CidrBlock))
	}
	if len(v.CidrBlockSet) == 0 && text(v.CidrBlock) != "" {
		out.CIDRs = append(out.CIDRs, f.prefix(field+".CidrBlock", v.CidrBlock))
	}
	for _, b := range v.Ipv6CidrBlockSet {
		out.CIDRs = append(out.CIDRs, f.prefix(field+".Ipv6CidrBlockSet", b.Ipv6CidrBlock))
	}
	slices.SortFunc(out.CIDRs, comparePrefix)
	return out
}

func comparePrefix(a, b netip.Prefix) int {
	if c := a.Addr().Compare(b.Addr()); c != 0 {
		return c
	}
	return a.Bits() - b.Bits()
}

// ManagedPrefixList reads a prefix list without its entries, which
// [PrefixListEntry] reads.
func ManagedPrefixList(p ec2types.ManagedPrefixList) (topology.PrefixList, bool, error) {
	f := &fields{}
	f.name("PrefixListId", text(p.PrefixListId))
	out := topology.PrefixList{
		ID: f.id, Name: text(p.PrefixListName), Owner: text(p.OwnerId),
		V6:         strings.EqualFold(text(p.AddressFamily), "IPv6"),
		MaxEntries: number(p.MaxEntries, 0),
	}
	out.Scope = ScopeOfARN(text(p.PrefixListArn))
	if out.Owner != "" && !strings.EqualFold(out.Owner, "aws") {
		out.Account = out.Owner
	}
	if out.MaxEntries == 0 && strings.EqualFold(out.Owner, "aws") {
		out.MaxEntries = weightOf(out.Name)
	}
	return out, !strings.HasPrefix(string(p.State), "delete-"), f.err
}

// OldPrefixList reads an answer of DescribePrefixLists, the older call, which
// lists AWS's own prefix lists with their entries.
func OldPrefixList(p ec2types.PrefixList) (topology.PrefixList, error) {
	f := &fields{}
	f.name("PrefixListId", text(p.PrefixListId))
	out := topology.PrefixList{ID: f.id, Name: text(p.PrefixListName), Owner: "AWS", MaxEntries: weightOf(text(p.PrefixListName))}
	if part := strings.Split(out.Name, "."); len(part) > 3 {
		out.Region = RegionOf(part[2])
	}
	for _, c := range p.Cidrs {
		out.Entries = append(out.Entries, f.prefix("Cidrs", &c))
	}
	out.V6 = len(out.Entries) > 0 && out.Entries[0].Addr().Is6()
	return out, f.err
}

// PrefixListEntry reads one entry of a list.
func PrefixListEntry(list string, e ec2types.PrefixListEntry) (netip.Prefix, bool, error) {
	f := &fields{id: list}
	return f.prefix("Entries.Cidr", e.Cidr), true, f.err
}

// weights are what AWS's own prefix lists count as in a quota. No API tells;
// the numbers stand in the VPC guide, "Available AWS-managed prefix lists".
var weights = map[string]int{
	"cloudfront.origin-facing": 55,
	"dynamodb":                 1,
	"ec2-instance-connect":     2,
	"groundstation":            5,
	"route53-healthchecks":     25,
	"s3":                       1,
	"s3express":                6,
	"secretsmanager-managed-external-secrets": 20,
	"vpc-lattice": 10,
}

// weightOf gives the weight of an AWS list by its name, such as
// com.amazonaws.ap-northeast-2.s3; 0 where the guide lists none.
func weightOf(name string) int {
	part := strings.SplitN(name, ".", 4)
	if len(part) != 4 || part[0] != "com" || part[1] != "amazonaws" {
		return 0
	}
	return weights[strings.TrimPrefix(part[3], "ipv6.")]
}
