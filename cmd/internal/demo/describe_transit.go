package demo

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

const someTime = "2024-03-04T01:00:00+00:00"

func (d *describer) gatewayAnswers() []answer {
	internet, egress, nats := []object{}, []object{}, []object{}
	for _, g := range d.res.Gateways {
		if g.Scope != d.scope {
			continue
		}
		attachments := []object{}
		if g.VPC != "" {
			state := "attached"
			if g.Kind == "internet" {
				state = "available"
			}
			attachments = append(attachments, object{"State": state, "VpcId": g.VPC})
		}
		switch g.Kind {
		case "internet":
			internet = append(internet, object{"InternetGatewayId": g.ID, "OwnerId": g.Account, "Attachments": attachments, "Tags": tagList(g.Tags)})
		case "egress-only-internet":
			egress = append(egress, object{"EgressOnlyInternetGatewayId": g.ID, "Attachments": attachments, "Tags": tagList(g.Tags)})
		case "nat":
			nats = append(nats, d.nat(g))
		}
	}
	return []answer{
		{"describe-internet-gateways", object{"InternetGateways": internet}},
		{"describe-egress-only-internet-gateways", object{"EgressOnlyInternetGateways": egress}},
		{"describe-nat-gateways", object{"NatGateways": nats}},
		{"describe-vpn-gateways", object{"VpnGateways": []any{}}},
		{"describe-vpn-connections", object{"VpnConnections": d.vpns()}},
		{"describe-vpc-peering-connections", object{"VpcPeeringConnections": []any{}}},
		{"describe-security-group-vpc-associations", object{"SecurityGroupVpcAssociations": []any{}}},
		{"describe-transit-gateway-peering-attachments", object{"TransitGatewayPeeringAttachments": []any{}}},
	}
}

// vpns are the connections behind the transit gateway's VPN attachments.
func (d *describer) vpns() []object {
	out := []object{}
	for _, a := range d.res.Attachments {
		if a.Scope == d.scope && a.ResourceType == "vpn" {
			out = append(out, object{"VpnConnectionId": a.Resource, "TransitGatewayId": a.TransitGateway, "CustomerGatewayId": "cgw-0" + a.ID[len(a.ID)-16:],
				"State": "available", "Type": "ipsec.1", "Category": "VPN", "Options": object{"StaticRoutesOnly": false}, "Routes": []any{}, "Tags": tagList(a.Tags)})
		}
	}
	return out
}

func (d *describer) nat(g topology.Gateway) object {
	addresses := []object{}
	for n, id := range g.ENIs {
		at := slices.IndexFunc(d.res.Interfaces, func(e topology.NetworkInterface) bool { return e.ID == id })
		if at < 0 {
			continue
		}
		private := d.res.Interfaces[at].Addresses[0].String()
		addresses = append(addresses, object{"NetworkInterfaceId": id, "PrivateIp": private, "IsPrimary": n == 0, "Status": "succeeded",
			"AllocationId": "eipalloc-0" + id[len(id)-16:], "PublicIp": d.res.Interfaces[at].PublicAddresses[private].String()})
	}
	kind := "public"
	if g.Private {
		kind = "private"
	}
	return object{"NatGatewayId": g.ID, "VpcId": g.VPC, "SubnetId": g.Subnet, "State": g.State, "ConnectivityType": kind,
		"CreateTime": someTime, "NatGatewayAddresses": addresses, "Tags": tagList(g.Tags)}
}

func (d *describer) transitAnswers() []answer {
	gateways, all, vpcs, tables := []object{}, []object{}, []object{}, []object{}
	for _, t := range d.res.TransitGateways {
		if t.Scope == d.scope {
			gateways = append(gateways, object{"TransitGatewayId": t.ID, "TransitGatewayArn": d.arn("ec2", "transit-gateway/"+t.ID), "OwnerId": t.Account,
				"State": "available", "CreationTime": someTime, "Tags": tagList(t.Tags), "Options": object{"AmazonSideAsn": 64512,
					"AutoAcceptSharedAttachments": "disable", "DefaultRouteTableAssociation": "disable", "DefaultRouteTablePropagation": "disable",
					"DnsSupport": "enable", "VpnEcmpSupport": "enable", "SecurityGroupReferencingSupport": onOff(t.SecurityGroupReferencing)}})
		}
	}
	for _, a := range d.res.Attachments {
		if a.Scope != d.scope {
			continue
		}
		o := object{"TransitGatewayAttachmentId": a.ID, "TransitGatewayId": a.TransitGateway, "TransitGatewayOwnerId": a.Account,
			"ResourceType": a.ResourceType, "ResourceId": a.Resource, "ResourceOwnerId": a.ResourceOwner, "State": a.State, "CreationTime": someTime, "Tags": tagList(a.Tags)}
		if a.RouteTable != "" {
			o["Association"] = object{"State": "associated", "TransitGatewayRouteTableId": a.RouteTable}
		}
		all = append(all, o)
		if a.ResourceType == "vpc" {
			vpcs = append(vpcs, object{"TransitGatewayAttachmentId": a.ID, "TransitGatewayId": a.TransitGateway, "VpcId": a.Resource, "VpcOwnerId": a.ResourceOwner,
				"State": a.State, "SubnetIds": a.Subnets, "CreationTime": someTime, "Tags": tagList(a.Tags),
				"Options": object{"DnsSupport": "enable", "Ipv6Support": "disable", "ApplianceModeSupport": onOff(a.ApplianceMode),
					"SecurityGroupReferencingSupport": onOff(a.SecurityGroupReferencing)}})
		}
	}
	var out []answer
	for _, t := range d.res.TransitRouteTables {
		if t.Scope == d.scope {
			tables = append(tables, object{"TransitGatewayRouteTableId": t.ID, "TransitGatewayId": t.TransitGateway, "State": "available",
				"DefaultAssociationRouteTable": false, "DefaultPropagationRouteTable": false, "CreationTime": someTime, "Tags": tagList(t.Tags)})
			out = append(out, d.tableAnswers(t)...)
		}
	}
	return append([]answer{
		{"describe-transit-gateways", object{"TransitGateways": gateways}},
		{"describe-transit-gateway-attachments", object{"TransitGatewayAttachments": all}},
		{"describe-transit-gateway-vpc-attachments", object{"TransitGatewayVpcAttachments": vpcs}},
		{"describe-transit-gateway-route-tables", object{"TransitGatewayRouteTables": tables}},
	}, out...)
}

func onOff(on bool) string {
	if on {
		return "enable"
	}
	return "disable"
}

// tableAnswers are what the calls about one transit gateway route table print:
// none of them names the table, so that the files do.
func (d *describer) tableAnswers(t topology.TransitGatewayRouteTable) []answer {
	at := func(id string) object {
		i := slices.IndexFunc(d.res.Attachments, func(a topology.TransitGatewayAttachment) bool { return a.ID == id })
		if i < 0 {
			return object{"TransitGatewayAttachmentId": id}
		}
		return object{"TransitGatewayAttachmentId": id, "ResourceId": d.res.Attachments[i].Resource, "ResourceType": d.res.Attachments[i].ResourceType}
	}
	routes, associations, propagations := []object{}, []object{}, []object{}
	for _, r := range t.Routes {
		o := object{"DestinationCidrBlock": r.Destination.String(), "State": r.State, "Type": "propagated"}
		if r.Static {
			o["Type"] = "static"
		}
		if r.Attachment != "" {
			o["TransitGatewayAttachments"] = []object{at(r.Attachment)}
		}
		if r.PrefixList != "" {
			o["PrefixListId"] = r.PrefixList
		}
		routes = append(routes, o)
	}
	for _, a := range d.res.Attachments {
		if a.RouteTable == t.ID {
			o := at(a.ID)
			o["State"] = "associated"
			associations = append(associations, o)
		}
	}
	for _, id := range t.Propagations {
		o := at(id)
		o["State"] = "enabled"
		propagations = append(propagations, o)
	}
	return []answer{
		{"search-transit-gateway-routes-" + t.ID, object{"Routes": routes, "AdditionalRoutesAvailable": false}},
		{"get-transit-gateway-route-table-associations-" + t.ID, object{"Associations": associations}},
		{"get-transit-gateway-route-table-propagations-" + t.ID, object{"TransitGatewayRouteTablePropagations": propagations}},
		{"get-transit-gateway-prefix-list-references-" + t.ID, object{"TransitGatewayPrefixListReferences": []any{}}},
	}
}

func (d *describer) prefixListAnswers() []answer {
	lists := []object{}
	var out []answer
	for _, p := range d.res.PrefixLists {
		if p.Scope != d.scope {
			continue
		}
		owner := p.Account
		if p.Owner == "AWS" {
			owner = "aws"
		}
		family := "IPv4"
		if p.V6 {
			family = "IPv6"
		}
		o := object{"PrefixListId": p.ID, "PrefixListName": p.Name, "OwnerId": p.Owner, "AddressFamily": family, "State": "create-complete",
			"PrefixListArn": "arn:aws:ec2:" + d.scope.Region + ":" + owner + ":prefix-list/" + p.ID, "Tags": []any{}}
		if p.Owner != "AWS" {
			o["MaxEntries"], o["Version"] = p.MaxEntries, 1
		}
		lists = append(lists, o)
		entries := []object{}
		for _, e := range p.Entries {
			entries = append(entries, object{"Cidr": e.String()})
		}
		out = append(out, answer{"get-managed-prefix-list-entries-" + p.ID, object{"Entries": entries}})
	}
	return append([]answer{{"describe-managed-prefix-lists", object{"PrefixLists": lists}}}, out...)
}

func (d *describer) serviceAnswers() []answer {
	endpoints, databases, quotas := []object{}, []object{}, []object{}
	for _, e := range d.res.Endpoints {
		if e.Scope != d.scope {
			continue
		}
		o := object{"VpcEndpointId": e.ID, "VpcEndpointType": e.Type, "VpcId": e.VPC, "OwnerId": e.Account, "ServiceName": e.Service, "State": e.State,
			"PrivateDnsEnabled": e.PrivateDNS, "RequesterManaged": false, "SubnetIds": orNone(e.Subnets), "NetworkInterfaceIds": orNone(e.ENIs),
			"RouteTableIds": orNone(e.RouteTables), "Groups": d.groupNames(e.Groups), "CreationTimestamp": someTime, "Tags": tagList(e.Tags)}
		dns := []object{}
		for _, name := range e.DNSNames {
			dns = append(dns, object{"DnsName": name, "HostedZoneId": "Z27UANNT0PRK1T"})
		}
		o["DnsEntries"] = dns
		endpoints = append(endpoints, o)
	}
	for _, db := range d.res.DBInstances {
		if db.Scope == d.scope {
			databases = append(databases, d.database(db))
		}
	}
	for _, q := range d.res.Quotas {
		if q.Scope == d.scope {
			quotas = append(quotas, object{"ServiceCode": "vpc", "ServiceName": "Amazon Virtual Private Cloud (Amazon VPC)", "QuotaCode": q.Code,
				"QuotaArn": d.arn("servicequotas", "vpc/"+q.Code), "Value": float64(q.Value), "Unit": "None", "Adjustable": true, "GlobalQuota": false})
		}
	}
	out := []answer{{"describe-vpc-endpoints", object{"VpcEndpoints": endpoints}}, {"rds-describe-db-instances", object{"DBInstances": databases}},
		{"list-service-quotas", object{"Quotas": quotas}}}
	return append(append(out, d.zoneAnswers()...), d.balancerAnswers()...)
}

// zoneAnswers tell each VPC its private hosted zones. The account has none of
// its own, so no records are asked for.
func (d *describer) zoneAnswers() []answer {
	var out []answer
	for _, v := range d.res.VPCs {
		if v.Scope != d.scope {
			continue
		}
		zones := []object{}
		for _, z := range d.res.HostedZones {
			if slices.Contains(z.VPCs, v.ID) {
				zones = append(zones, object{"HostedZoneId": z.ID, "Name": z.Name + ".", "Owner": object{"OwningService": z.Owner}})
			}
		}
		out = append(out, answer{"list-hosted-zones-by-vpc-" + v.ID, object{"VpcId": v.ID, "HostedZoneSummaries": zones, "MaxItems": "100"}})
	}
	return out
}

func orNone(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

func (d *describer) database(db topology.DBInstance) object {
	groups, subnets := []object{}, []object{}
	for _, g := range db.Groups {
		groups = append(groups, object{"VpcSecurityGroupId": g, "Status": "active"})
	}
	for _, s := range db.Subnets {
		subnets = append(subnets, object{"SubnetIdentifier": s, "SubnetStatus": "Active"})
	}
	return object{"DBInstanceIdentifier": db.ID, "DBInstanceArn": d.arn("rds", "db:"+db.ID), "DBInstanceClass": "db.r6i.2xlarge", "Engine": db.Engine,
		"DBInstanceStatus": "available", "DbInstancePort": 0, "VpcSecurityGroups": groups, "MultiAZ": false,
		"Endpoint":      object{"Address": db.ID + ".c1a2b3c4d5e6." + d.scope.Region + ".rds.amazonaws.com", "Port": db.Port, "HostedZoneId": "ZLA2NUCOLGUUR"},
		"DBSubnetGroup": object{"DBSubnetGroupName": "db", "VpcId": db.VPC, "SubnetGroupStatus": "Complete", "Subnets": subnets}}
}

// balancerAnswers are the answers of elbv2. A target group's health does not
// name the group, so that its ARN is put beside it, as scripts/export-account does.
func (d *describer) balancerAnswers() []answer {
	balancers, groups := []object{}, []object{}
	var out []answer
	for _, lb := range d.res.LoadBalancers {
		if lb.Scope != d.scope {
			continue
		}
		balancers = append(balancers, object{"LoadBalancerArn": lb.ID, "LoadBalancerName": lb.Name, "Type": lb.Type, "Scheme": lb.Scheme, "VpcId": lb.VPC,
			"State": object{"Code": "active"}, "SecurityGroups": orNone(lb.Groups), "AvailabilityZones": []any{}, "IpAddressType": "ipv4", "CreatedTime": someTime,
			"DNSName": lb.Name + ".elb." + d.scope.Region + ".amazonaws.com"})
		listeners := []object{}
		for i, l := range lb.Listeners {
			protocol := "TCP"
			switch {
			case lb.Type == "application":
				protocol = "HTTPS"
			case l.Protocol == netset.UDP:
				protocol = "UDP"
			}
			arn := d.arn("elasticloadbalancing", fmt.Sprintf("targetgroup/%s-%d/%s", lb.Name, l.Port, lb.ID[strings.LastIndexByte(lb.ID, '/')+1:]))
			listener := strings.Replace(lb.ID, ":loadbalancer/", ":listener/", 1) + fmt.Sprintf("/%016x", i+1)
			forward := []object{{"Type": "forward", "TargetGroupArn": arn}}
			listeners = append(listeners, object{"ListenerArn": listener, "LoadBalancerArn": lb.ID, "Port": l.Port, "Protocol": protocol, "DefaultActions": forward})
			out = append(out, answer{fmt.Sprintf("elbv2-describe-rules-%s-%d", lb.Name, l.Port), object{"Rules": []object{{"Priority": "default", "IsDefault": true,
				"RuleArn": strings.Replace(listener, ":listener/", ":listener-rule/", 1) + "/" + fmt.Sprintf("%016x", i+1), "Conditions": []any{}, "Actions": forward}}}})
			health, port := []object{}, l.Port
			for _, t := range l.Targets {
				port = t.Port
				health = append(health, object{"Target": object{"Id": t.ID, "Port": t.Port}, "HealthCheckPort": fmt.Sprint(t.Port), "TargetHealth": object{"State": "healthy"}})
			}
			groups = append(groups, object{"TargetGroupArn": arn, "TargetGroupName": fmt.Sprintf("%s-%d", lb.Name, l.Port), "Protocol": protocol, "Port": port,
				"VpcId": lb.VPC, "TargetType": "instance", "LoadBalancerArns": []string{lb.ID}})
			out = append(out, answer{fmt.Sprintf("elbv2-describe-target-health-%s-%d", lb.Name, l.Port), object{"TargetGroupArn": arn, "TargetHealthDescriptions": health}})
		}
		out = append(out, answer{"elbv2-describe-listeners-" + lb.Name, object{"Listeners": listeners}})
	}
	return append([]answer{{"elbv2-describe-load-balancers", object{"LoadBalancers": balancers}}, {"elbv2-describe-target-groups", object{"TargetGroups": groups}}}, out...)
}
