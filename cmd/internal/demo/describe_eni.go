package demo

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

// protocolNumber is how NACLs and flow logs write a protocol.
func protocolNumber(p netset.Protocol) string { return strconv.Itoa(int(p)) }

// protocolName is how security groups write it.
func protocolName(p netset.Protocol) string {
	if p == netset.AllProtocols {
		return "-1"
	}
	return p.String()
}

// routeObject writes a route with the key that AWS has for its target's kind.
func routeObject(r topology.Route) object {
	o := object{"State": r.State, "Origin": r.Origin}
	switch {
	case r.PrefixList != "":
		o["DestinationPrefixListId"] = r.PrefixList
	case r.Destination.Addr().Is4():
		o["DestinationCidrBlock"] = r.Destination.String()
	default:
		o["DestinationIpv6CidrBlock"] = r.Destination.String()
	}
	kind, _, _ := strings.Cut(r.Target, "-")
	key := map[string]string{"tgw": "TransitGatewayId", "nat": "NatGatewayId", "pcx": "VpcPeeringConnectionId", "eni": "NetworkInterfaceId",
		"eigw": "EgressOnlyInternetGatewayId", "i": "InstanceId", "lgw": "LocalGatewayId", "cagw": "CarrierGatewayId"}[kind]
	if r.Target != "" {
		o[cmp.Or(key, "GatewayId")] = r.Target
	}
	return o
}

// group writes a security group with its rules gathered into permissions.
func (d *describer) group(g topology.SecurityGroup) object {
	return object{"GroupId": g.ID, "GroupName": g.Name, "Description": g.Description, "VpcId": g.VPC, "OwnerId": g.Account,
		"SecurityGroupArn": d.arn("ec2", "security-group/"+g.ID), "IpPermissions": d.permissions(g, topology.Ingress),
		"IpPermissionsEgress": d.permissions(g, topology.Egress), "Tags": tagList(g.Tags)}
}

func (d *describer) permissions(g topology.SecurityGroup, side topology.Direction) []object {
	type key struct {
		p        netset.Protocol
		from, to int
	}
	var order []key
	gathered := map[key]object{}
	for _, r := range g.Rules {
		if r.Direction != side {
			continue
		}
		k := key{r.Protocol, r.FromPort, r.ToPort}
		p := gathered[k]
		if p == nil {
			p = object{"IpProtocol": protocolName(r.Protocol), "IpRanges": []object{}, "Ipv6Ranges": []object{}, "PrefixListIds": []object{}, "UserIdGroupPairs": []object{}}
			if r.Protocol.HasPorts() || r.Protocol.HasTypes() {
				p["FromPort"], p["ToPort"] = r.FromPort, r.ToPort
			}
			gathered[k] = p
			order = append(order, k)
		}
		list, peer := "IpRanges", object{}
		switch {
		case r.PrefixList != "":
			list, peer["PrefixListId"] = "PrefixListIds", r.PrefixList
		case r.Group != "":
			list, peer["GroupId"] = "UserIdGroupPairs", r.Group
			peer["UserId"] = cmp.Or(r.GroupOwner, g.Account)
		case r.CIDR.Addr().Is4():
			peer["CidrIp"] = r.CIDR.String()
		default:
			list, peer["CidrIpv6"] = "Ipv6Ranges", r.CIDR.String()
		}
		if r.Description != "" {
			peer["Description"] = r.Description
		}
		p[list] = append(p[list].([]object), peer)
	}
	out := []object{}
	for _, k := range order {
		out = append(out, gathered[k])
	}
	return out
}

// groupRules lists every rule with its id.
func (d *describer) groupRules() []object {
	out := []object{}
	for _, g := range d.res.SecurityGroups {
		for _, r := range g.Rules {
			if g.Scope != d.scope || r.ID == "" {
				continue
			}
			o := object{"SecurityGroupRuleId": r.ID, "GroupId": g.ID, "GroupOwnerId": g.Account, "IsEgress": r.Direction == topology.Egress,
				"IpProtocol": protocolName(r.Protocol), "FromPort": r.FromPort, "ToPort": r.ToPort, "Tags": []any{},
				"SecurityGroupRuleArn": d.arn("ec2", "security-group-rule/"+r.ID)}
			switch {
			case r.PrefixList != "":
				o["PrefixListId"] = r.PrefixList
			case r.Group != "":
				o["ReferencedGroupInfo"] = object{"GroupId": r.Group, "UserId": cmp.Or(r.GroupOwner, g.Account)}
			case r.CIDR.Addr().Is4():
				o["CidrIpv4"] = r.CIDR.String()
			default:
				o["CidrIpv6"] = r.CIDR.String()
			}
			if r.Description != "" {
				o["Description"] = r.Description
			}
			out = append(out, o)
		}
	}
	return out
}

// eni writes a network interface.
func (d *describer) eni(e topology.NetworkInterface) object {
	out := object{"NetworkInterfaceId": e.ID, "OwnerId": e.Account, "VpcId": e.VPC, "SubnetId": e.Subnet, "AvailabilityZone": e.AZ,
		"InterfaceType": e.Type, "Description": e.Description, "RequesterManaged": e.RequesterManaged, "SourceDestCheck": e.SourceDestCheck,
		"Status": "in-use", "MacAddress": "06:" + mac(e.ID), "Groups": d.groupNames(e.Groups), "TagSet": tagList(e.Tags),
		"Attachment": object{"AttachmentId": "eni-attach-0" + e.ID[len(e.ID)-16:], "DeleteOnTermination": e.Instance != "", "DeviceIndex": 0,
			"AttachTime": "2024-03-04T01:12:30+00:00", "Status": "attached"}}
	attachment := out["Attachment"].(object)
	if e.Instance != "" {
		attachment["InstanceId"], attachment["InstanceOwnerId"] = e.Instance, e.Account
	} else {
		attachment["InstanceOwnerId"] = cmp.Or(e.Requester, "amazon-aws")
		attachment["DeviceIndex"] = 1
	}
	if e.Requester != "" {
		out["RequesterId"] = e.Requester
	}
	addresses, v6 := []object{}, []object{}
	for _, a := range e.Addresses {
		if a.Is6() {
			v6 = append(v6, object{"Ipv6Address": a.String(), "IsPrimaryIpv6": false})
			continue
		}
		o := object{"PrivateIpAddress": a.String(), "Primary": len(addresses) == 0}
		if p, ok := e.PublicAddresses[a.String()]; ok {
			o["Association"] = object{"AllocationId": "eipalloc-0" + e.ID[len(e.ID)-16:], "AssociationId": "eipassoc-0" + e.ID[len(e.ID)-16:],
				"IpOwnerId": e.Account, "PublicDnsName": "", "PublicIp": p.String()}
		}
		if len(addresses) == 0 {
			out["PrivateIpAddress"] = a.String()
			if o["Association"] != nil {
				out["Association"] = o["Association"]
			}
		}
		addresses = append(addresses, o)
	}
	out["PrivateIpAddresses"], out["Ipv6Addresses"] = addresses, v6
	return out
}

func (d *describer) groupNames(ids []string) []object {
	out := []object{}
	for _, id := range ids {
		at := slices.IndexFunc(d.res.SecurityGroups, func(g topology.SecurityGroup) bool { return g.ID == id })
		name := ""
		if at >= 0 {
			name = d.res.SecurityGroups[at].Name
		}
		out = append(out, object{"GroupId": id, "GroupName": name})
	}
	return out
}

func mac(id string) string {
	h := id[len(id)-10:]
	return h[:2] + ":" + h[2:4] + ":" + h[4:6] + ":" + h[6:8] + ":" + h[8:]
}

// reservation writes an instance in a reservation of its own.
func (d *describer) reservation(i topology.Instance) object {
	interfaces := []object{}
	zone, private := "", ""
	for n, id := range i.ENIs {
		at := slices.IndexFunc(d.res.Interfaces, func(e topology.NetworkInterface) bool { return e.ID == id })
		if at < 0 {
			continue
		}
		o := d.eni(d.res.Interfaces[at])
		attachment := o["Attachment"].(object)
		attachment["DeviceIndex"] = n
		delete(attachment, "InstanceId")
		delete(attachment, "InstanceOwnerId")
		delete(o, "TagSet")
		delete(o, "AvailabilityZone")
		delete(o, "RequesterManaged")
		interfaces = append(interfaces, o)
		if n == 0 {
			zone, private = d.res.Interfaces[at].AZ, d.res.Interfaces[at].Addresses[0].String()
		}
	}
	code := map[string]int{"pending": 0, "running": 16, "stopping": 64, "stopped": 80}[i.State]
	return object{"ReservationId": fmt.Sprintf("r-0%s", i.ID[len(i.ID)-16:]), "OwnerId": i.Account, "Groups": []any{},
		"Instances": []object{{"InstanceId": i.ID, "ImageId": "ami-0f3a440bbcff3d043", "InstanceType": "m6i.xlarge", "PrivateIpAddress": private,
			"LaunchTime": "2024-03-04T01:12:29+00:00", "State": object{"Code": code, "Name": i.State}, "Placement": object{"AvailabilityZone": zone, "Tenancy": "default"},
			"NetworkInterfaces": interfaces, "Tags": tagList(i.Tags)}}}
}
