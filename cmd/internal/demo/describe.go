package demo

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/flowcover/flowcover/topology"
)

// object is a JSON object; its keys are written sorted.
type object = map[string]any

// answer is what one call of the AWS CLI prints.
type answer struct {
	file string // its name without .json
	body object
}

// WriteAccount writes an account as the AWS CLI would export it: a file for
// each call under folder/ACCOUNT/REGION.
func WriteAccount(folder string, res *topology.Resources) error {
	scopes := map[topology.Scope]bool{}
	for _, v := range res.VPCs {
		scopes[v.Scope] = true
	}
	for scope := range scopes {
		d := describer{res: res, scope: scope}
		for _, a := range d.answers() {
			path := filepath.Join(folder, scope.Account, scope.Region, a.file+".json")
			if err := writeFile(path, func(w io.Writer) error {
				enc := json.NewEncoder(w)
				enc.SetEscapeHTML(false)
				enc.SetIndent("", "    ")
				return enc.Encode(a.body)
			}); err != nil {
				return err
			}
		}
	}
	return nil
}

// describer writes the answers of one account and Region.
type describer struct {
	res   *topology.Resources
	scope topology.Scope
}

func (d *describer) answers() []answer {
	out := []answer{
		{"describe-availability-zones", d.zones()},
		{"describe-vpcs", object{"Vpcs": each(d, d.res.VPCs, func(v topology.VPC) (topology.Scope, object) { return v.Scope, d.vpc(v) })}},
		{"describe-subnets", object{"Subnets": each(d, d.res.Subnets, func(s topology.Subnet) (topology.Scope, object) { return s.Scope, d.subnet(s) })}},
		{"describe-route-tables", object{"RouteTables": each(d, d.res.RouteTables, func(t topology.RouteTable) (topology.Scope, object) { return t.Scope, d.routeTable(t) })}},
		{"describe-security-groups", object{"SecurityGroups": each(d, d.res.SecurityGroups, func(g topology.SecurityGroup) (topology.Scope, object) { return g.Scope, d.group(g) })}},
		{"describe-security-group-rules", object{"SecurityGroupRules": d.groupRules()}},
		{"describe-network-acls", object{"NetworkAcls": each(d, d.res.NetworkACLs, func(a topology.NetworkACL) (topology.Scope, object) { return a.Scope, d.acl(a) })}},
		{"describe-network-interfaces", object{"NetworkInterfaces": each(d, d.res.Interfaces, func(e topology.NetworkInterface) (topology.Scope, object) { return e.Scope, d.eni(e) })}},
		{"describe-instances", object{"Reservations": each(d, d.res.Instances, func(i topology.Instance) (topology.Scope, object) { return i.Scope, d.reservation(i) })}},
	}
	out = append(out, d.gatewayAnswers()...)
	out = append(out, d.transitAnswers()...)
	out = append(out, d.prefixListAnswers()...)
	out = append(out, d.serviceAnswers()...)
	for _, v := range d.res.VPCs {
		for _, attr := range []struct {
			name string
			key  string
			on   *bool
		}{{"enableDnsSupport", "EnableDnsSupport", v.EnableDNSSupport}, {"enableDnsHostnames", "EnableDnsHostnames", v.EnableDNSHostnames}} {
			if v.Scope == d.scope && attr.on != nil {
				out = append(out, answer{"describe-vpc-attribute-" + attr.name + "-" + v.ID, object{"VpcId": v.ID, attr.key: object{"Value": *attr.on}}})
			}
		}
	}
	return out
}

// each converts those resources that are of the describer's account and Region.
func each[T any](d *describer, list []T, convert func(T) (topology.Scope, object)) []object {
	out := []object{}
	for _, x := range list {
		if scope, o := convert(x); scope == d.scope {
			out = append(out, o)
		}
	}
	return out
}

// tagList writes tags as AWS does, sorted by key.
func tagList(t topology.Tags) []object {
	keys := make([]string, 0, len(t))
	for k := range t {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	out := []object{}
	for _, k := range keys {
		out = append(out, object{"Key": k, "Value": t[k]})
	}
	return out
}

func (d *describer) arn(service, rest string) string {
	return "arn:aws:" + service + ":" + d.scope.Region + ":" + d.scope.Account + ":" + rest
}

func (d *describer) zones() object {
	zones := map[string]string{}
	for _, s := range d.res.Subnets {
		if s.Scope == d.scope {
			zones[s.AZ] = s.AZID
		}
	}
	names := make([]string, 0, len(zones))
	for name := range zones {
		names = append(names, name)
	}
	slices.Sort(names)
	list := []object{}
	for _, name := range names {
		list = append(list, object{"State": "available", "OptInStatus": "opt-in-not-required", "Messages": []any{}, "RegionName": d.scope.Region,
			"ZoneName": name, "ZoneId": zones[name], "GroupName": d.scope.Region, "NetworkBorderGroup": d.scope.Region, "ZoneType": "availability-zone"})
	}
	return object{"AvailabilityZones": list}
}

func (d *describer) vpc(v topology.VPC) object {
	var v4, v6 []object
	first := ""
	for i, c := range v.CIDRs {
		id := fmt.Sprintf("vpc-cidr-assoc-0%s%d", v.ID[len(v.ID)-15:], i)
		if c.Addr().Is6() {
			v6 = append(v6, object{"AssociationId": id, "Ipv6CidrBlock": c.String(), "Ipv6CidrBlockState": object{"State": "associated"},
				"NetworkBorderGroup": d.scope.Region, "Ipv6Pool": "Amazon"})
			continue
		}
		if first == "" {
			first = c.String()
		}
		v4 = append(v4, object{"AssociationId": id, "CidrBlock": c.String(), "CidrBlockState": object{"State": "associated"}})
	}
	out := object{"VpcId": v.ID, "OwnerId": v.Account, "State": "available", "CidrBlock": first, "CidrBlockAssociationSet": v4,
		"InstanceTenancy": "default", "IsDefault": v.IsDefault, "DhcpOptionsId": "dopt-0a1b2c3d4e5f60718", "Tags": tagList(v.Tags)}
	if len(v6) > 0 {
		out["Ipv6CidrBlockAssociationSet"] = v6
	}
	return out
}

func (d *describer) subnet(s topology.Subnet) object {
	out := object{"SubnetId": s.ID, "VpcId": s.VPC, "OwnerId": s.Account, "State": "available", "AvailabilityZone": s.AZ, "AvailabilityZoneId": s.AZID,
		"AvailableIpAddressCount": 200, "DefaultForAz": false, "MapPublicIpOnLaunch": false, "AssignIpv6AddressOnCreation": false,
		"SubnetArn": d.arn("ec2", "subnet/"+s.ID), "Tags": tagList(s.Tags)}
	v6 := []object{}
	for _, c := range s.CIDRs {
		if c.Addr().Is4() {
			out["CidrBlock"] = c.String()
		} else {
			v6 = append(v6, object{"AssociationId": "subnet-cidr-assoc-0" + s.ID[len(s.ID)-16:], "Ipv6CidrBlock": c.String(),
				"Ipv6CidrBlockState": object{"State": "associated"}})
		}
	}
	out["Ipv6CidrBlockAssociationSet"] = v6
	return out
}

func (d *describer) routeTable(t topology.RouteTable) object {
	associations := []object{}
	add := func(key, id string, main bool) {
		a := object{"Main": main, "RouteTableId": t.ID, "RouteTableAssociationId": "rtbassoc-0" + (t.ID + id)[len(t.ID+id)-16:],
			"AssociationState": object{"State": "associated"}}
		if key != "" {
			a[key] = id
		}
		associations = append(associations, a)
	}
	if t.Main {
		add("", "", true)
	}
	for _, s := range t.Subnets {
		add("SubnetId", s, false)
	}
	for _, g := range t.Gateways {
		add("GatewayId", g, false)
	}
	routes := []object{}
	for _, r := range t.Routes {
		routes = append(routes, routeObject(r))
	}
	return object{"RouteTableId": t.ID, "VpcId": t.VPC, "OwnerId": t.Account, "Associations": associations, "Routes": routes,
		"PropagatingVgws": []any{}, "Tags": tagList(t.Tags)}
}

func (d *describer) acl(a topology.NetworkACL) object {
	associations, entries := []object{}, []object{}
	for _, s := range a.Subnets {
		associations = append(associations, object{"NetworkAclAssociationId": "aclassoc-0" + s[len(s)-16:], "NetworkAclId": a.ID, "SubnetId": s})
	}
	for _, e := range a.Entries {
		o := object{"RuleNumber": e.Number, "Egress": e.Direction == topology.Egress, "Protocol": protocolNumber(e.Protocol), "RuleAction": "deny"}
		if e.Allow {
			o["RuleAction"] = "allow"
		}
		if e.CIDR.Addr().Is4() {
			o["CidrBlock"] = e.CIDR.String()
		} else {
			o["Ipv6CidrBlock"] = e.CIDR.String()
		}
		switch {
		case e.Protocol.HasPorts():
			o["PortRange"] = object{"From": e.FromPort, "To": e.ToPort}
		case e.Protocol.HasTypes():
			o["IcmpTypeCode"] = object{"Type": e.FromPort, "Code": e.ToPort}
		}
		entries = append(entries, o)
	}
	return object{"NetworkAclId": a.ID, "VpcId": a.VPC, "OwnerId": a.Account, "IsDefault": a.IsDefault, "Associations": associations,
		"Entries": entries, "Tags": tagList(a.Tags)}
}
