package awsmodel

import (
	"cmp"
	"net/netip"
	"slices"

	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/flowcover/flowcover/topology"
)

// NetworkInterface reads an ENI.
func NetworkInterface(n ec2types.NetworkInterface) (topology.NetworkInterface, error) {
	f := &fields{}
	f.name("NetworkInterfaceId", text(n.NetworkInterfaceId))
	out := topology.NetworkInterface{
		ID: f.id, VPC: text(n.VpcId), Subnet: text(n.SubnetId), AZ: text(n.AvailabilityZone),
		Type: string(n.InterfaceType), Description: text(n.Description), Groups: groupIDs(n.Groups),
		RequesterManaged: isTrue(n.RequesterManaged), Requester: text(n.RequesterId),
		SourceDestCheck: isTrue(n.SourceDestCheck), Tags: tags(n.TagSet),
	}
	out.Account, out.Region = text(n.OwnerId), RegionOf(out.AZ)
	if a := n.Attachment; a != nil && !detached(a.Status) {
		out.Instance = text(a.InstanceId)
	}
	in := addresses{f: f, primary: text(n.PrivateIpAddress)}
	for _, p := range n.PrivateIpAddresses {
		in.private(p.PrivateIpAddress, isTrue(p.Primary))
		if p.Association != nil {
			in.public(p.PrivateIpAddress, p.Association.PublicIp, p.Association.CarrierIp)
		}
	}
	for _, p := range n.Ipv6Addresses {
		in.six(p.Ipv6Address)
	}
	for _, p := range n.Ipv4Prefixes {
		out.Prefixes = append(out.Prefixes, f.prefix("Ipv4Prefixes.Ipv4Prefix", p.Ipv4Prefix))
	}
	for _, p := range n.Ipv6Prefixes {
		out.Prefixes = append(out.Prefixes, f.prefix("Ipv6Prefixes.Ipv6Prefix", p.Ipv6Prefix))
	}
	if n.Association != nil {
		in.public(n.PrivateIpAddress, n.Association.PublicIp, n.Association.CarrierIp)
	}
	in.into(&out)
	return out, f.err
}

// addresses gathers an ENI's addresses in their order: the primary, the other
// private ones sorted, then IPv6 sorted.
type addresses struct {
	f       *fields
	primary string
	v4, v6  []netip.Addr
	publics map[string]netip.Addr
}

func (a *addresses) private(p *string, primary bool) {
	if text(p) == "" {
		return
	}
	if primary && a.primary == "" {
		a.primary = text(p)
	}
	a.v4 = append(a.v4, a.f.addr("PrivateIpAddresses.PrivateIpAddress", p))
}

func (a *addresses) six(p *string) {
	if text(p) != "" {
		a.v6 = append(a.v6, a.f.addr("Ipv6Addresses.Ipv6Address", p))
	}
}

// public keeps the outer address of a private one: a public one, or a
// carrier's in a Wavelength Zone.
func (a *addresses) public(private, public, carrier *string) {
	if text(public) == "" {
		public = carrier
	}
	if text(private) == "" || text(public) == "" {
		return
	}
	if a.publics == nil {
		a.publics = map[string]netip.Addr{}
	}
	key := a.f.addr("PrivateIpAddress", private)
	a.publics[key.String()] = a.f.addr("Association.PublicIp", public)
}

func (a *addresses) into(n *topology.NetworkInterface) {
	if a.primary != "" {
		first := a.f.addr("PrivateIpAddress", &a.primary)
		slices.SortFunc(a.v4, netip.Addr.Compare)
		rest := slices.DeleteFunc(slices.Compact(a.v4), func(x netip.Addr) bool { return x == first })
		n.Addresses = append([]netip.Addr{first}, rest...)
	} else {
		slices.SortFunc(a.v4, netip.Addr.Compare)
		n.Addresses = slices.Compact(a.v4)
	}
	slices.SortFunc(a.v6, netip.Addr.Compare)
	n.Addresses = append(n.Addresses, slices.Compact(a.v6)...)
	n.PublicAddresses = a.publics
}

// Instance reads an instance, and its ENIs as far as DescribeInstances tells
// them, for where DescribeNetworkInterfaces was not read.
func Instance(owner string, i ec2types.Instance) (topology.Instance, []topology.NetworkInterface, bool, error) {
	f := &fields{}
	f.name("InstanceId", text(i.InstanceId))
	out := topology.Instance{ID: f.id, Tags: tags(i.Tags)}
	zone := ""
	if i.Placement != nil {
		zone = text(i.Placement.AvailabilityZone)
	}
	out.Account, out.Region = owner, RegionOf(zone)
	if i.State != nil {
		out.State = string(i.State.Name)
	}
	byDevice := slices.Clone(i.NetworkInterfaces)
	slices.SortStableFunc(byDevice, func(a, b ec2types.InstanceNetworkInterface) int {
		return cmp.Or(cmp.Compare(device(a), device(b)), cmp.Compare(text(a.NetworkInterfaceId), text(b.NetworkInterfaceId)))
	})
	var enis []topology.NetworkInterface
	for _, n := range byDevice {
		eni, err := instanceInterface(n, f.id, zone)
		if err != nil && f.err == nil {
			f.err = err
		}
		if eni.Account == "" {
			eni.Account = owner
		}
		out.ENIs = append(out.ENIs, eni.ID)
		enis = append(enis, eni)
	}
	gone := out.State == string(ec2types.InstanceStateNameTerminated) || out.State == string(ec2types.InstanceStateNameShuttingDown)
	return out, enis, !gone, f.err
}

func device(n ec2types.InstanceNetworkInterface) int {
	if n.Attachment == nil {
		return 0
	}
	return number(n.Attachment.NetworkCardIndex, 0)<<16 + number(n.Attachment.DeviceIndex, 0)
}

// instanceInterface reads an ENI as DescribeInstances lists it: the same as
// DescribeNetworkInterfaces does, in types of its own and without the zone.
func instanceInterface(n ec2types.InstanceNetworkInterface, instance, zone string) (topology.NetworkInterface, error) {
	listed := ec2types.NetworkInterface{
		NetworkInterfaceId: n.NetworkInterfaceId, VpcId: n.VpcId, SubnetId: n.SubnetId, OwnerId: n.OwnerId, AvailabilityZone: &zone,
		InterfaceType: ec2types.NetworkInterfaceType(text(n.InterfaceType)), Description: n.Description, Groups: n.Groups,
		SourceDestCheck: n.SourceDestCheck, PrivateIpAddress: n.PrivateIpAddress, Association: association(n.Association),
		Attachment: &ec2types.NetworkInterfaceAttachment{InstanceId: &instance},
	}
	if listed.InterfaceType == "" {
		listed.InterfaceType = ec2types.NetworkInterfaceTypeInterface
	}
	for _, p := range n.PrivateIpAddresses {
		listed.PrivateIpAddresses = append(listed.PrivateIpAddresses, ec2types.NetworkInterfacePrivateIpAddress{
			PrivateIpAddress: p.PrivateIpAddress, Primary: p.Primary, Association: association(p.Association)})
	}
	for _, p := range n.Ipv6Addresses {
		listed.Ipv6Addresses = append(listed.Ipv6Addresses, ec2types.NetworkInterfaceIpv6Address{Ipv6Address: p.Ipv6Address})
	}
	for _, p := range n.Ipv4Prefixes {
		listed.Ipv4Prefixes = append(listed.Ipv4Prefixes, ec2types.Ipv4PrefixSpecification{Ipv4Prefix: p.Ipv4Prefix})
	}
	for _, p := range n.Ipv6Prefixes {
		listed.Ipv6Prefixes = append(listed.Ipv6Prefixes, ec2types.Ipv6PrefixSpecification{Ipv6Prefix: p.Ipv6Prefix})
	}
	return NetworkInterface(listed)
}

func association(a *ec2types.InstanceNetworkInterfaceAssociation) *ec2types.NetworkInterfaceAssociation {
	if a == nil {
		return nil
	}
	return &ec2types.NetworkInterfaceAssociation{PublicIp: a.PublicIp, CarrierIp: a.CarrierIp}
}
