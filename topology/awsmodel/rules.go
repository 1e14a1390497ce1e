package awsmodel

import (
	"strconv"

	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

// SecurityGroup reads a group with its rules, which have no ids here:
// [NameRules] adds them.
func SecurityGroup(g ec2types.SecurityGroup) (topology.SecurityGroup, error) {
	f := &fields{}
	f.name("GroupId", text(g.GroupId))
	out := topology.SecurityGroup{
		ID: f.id, VPC: text(g.VpcId), Name: text(g.GroupName), Description: text(g.Description), Tags: tags(g.Tags),
	}
	out.Scope = ScopeOfARN(text(g.SecurityGroupArn))
	if owner := text(g.OwnerId); owner != "" {
		out.Account = owner
	}
	for _, p := range g.IpPermissions {
		out.Rules = f.permission(out.Rules, "IpPermissions", topology.Ingress, out.Account, p)
	}
	for _, p := range g.IpPermissionsEgress {
		out.Rules = f.permission(out.Rules, "IpPermissionsEgress", topology.Egress, out.Account, p)
	}
	return out, f.err
}

// permission adds the rules of one IpPermission: one for each peer.
func (f *fields) permission(rules []topology.SecurityGroupRule, field string, d topology.Direction, owner string, p ec2types.IpPermission) []topology.SecurityGroupRule {
	base := topology.SecurityGroupRule{Direction: d, Protocol: f.protocol(field+".IpProtocol", p.IpProtocol)}
	base.FromPort, base.ToPort = f.ports(field+".FromPort", base.Protocol, p.FromPort, p.ToPort)
	for _, r := range p.IpRanges {
		rule := base
		rule.CIDR, rule.Description = f.prefix(field+".IpRanges.CidrIp", r.CidrIp), text(r.Description)
		rules = append(rules, rule)
	}
	for _, r := range p.Ipv6Ranges {
		rule := base
		rule.CIDR, rule.Description = f.prefix(field+".Ipv6Ranges.CidrIpv6", r.CidrIpv6), text(r.Description)
		rules = append(rules, rule)
	}
	for _, r := range p.PrefixListIds {
		rule := base
		rule.PrefixList, rule.Description = text(r.PrefixListId), text(r.Description)
		if rule.PrefixList == "" {
			f.fail(field+".PrefixListIds.PrefixListId", "", "a rule names its prefix list")
		}
		rules = append(rules, rule)
	}
	for _, r := range p.UserIdGroupPairs {
		rule := base
		rule.Group, rule.Description = text(r.GroupId), text(r.Description)
		if rule.Group == "" {
			f.fail(field+".UserIdGroupPairs.GroupId", text(r.GroupName), "a reference names its group by id")
		}
		rule.GroupOwner = otherAccount(text(r.UserId), owner)
		rules = append(rules, rule)
	}
	return rules
}

// otherAccount gives the referenced group's account where it is another's.
func otherAccount(user, owner string) string {
	if user == owner {
		return ""
	}
	return user
}

// SecurityGroupRule reads a rule as DescribeSecurityGroupRules lists it.
func SecurityGroupRule(r ec2types.SecurityGroupRule) (topology.SecurityGroupRule, error) {
	f := &fields{}
	f.name("SecurityGroupRuleId", text(r.SecurityGroupRuleId))
	out := topology.SecurityGroupRule{
		ID: f.id, Direction: topology.Ingress, Protocol: f.protocol("IpProtocol", r.IpProtocol),
		PrefixList: text(r.PrefixListId), Description: text(r.Description),
	}
	if isTrue(r.IsEgress) {
		out.Direction = topology.Egress
	}
	out.FromPort, out.ToPort = f.ports("FromPort", out.Protocol, r.FromPort, r.ToPort)
	switch {
	case text(r.CidrIpv4) != "":
		out.CIDR = f.prefix("CidrIpv4", r.CidrIpv4)
	case text(r.CidrIpv6) != "":
		out.CIDR = f.prefix("CidrIpv6", r.CidrIpv6)
	case r.ReferencedGroupInfo != nil:
		out.Group = text(r.ReferencedGroupInfo.GroupId)
		out.GroupOwner = otherAccount(text(r.ReferencedGroupInfo.UserId), text(r.GroupOwnerId))
	case out.PrefixList == "":
		f.fail("CidrIpv4", "", "a rule names a prefix, a prefix list or a group")
	}
	return out, f.err
}

// NameRules gives g's rules the ids under which listed has the same rules. A
// rule that listed does not have keeps none: the group changed between the two
// answers, or the server knows no ids.
func NameRules(g *topology.SecurityGroup, listed []topology.SecurityGroupRule) {
	byKey := make(map[string]string, len(listed))
	for _, r := range listed {
		// A server may not say whose the group is that the rule stands in.
		r.GroupOwner = otherAccount(r.GroupOwner, g.Account)
		byKey[r.Key()] = r.ID
	}
	for i := range g.Rules {
		g.Rules[i].ID = byKey[g.Rules[i].Key()]
	}
}

// SecurityGroupVPC reads a further VPC of a group.
func SecurityGroupVPC(a ec2types.SecurityGroupVpcAssociation) (group, vpc string, ok bool) {
	return text(a.GroupId), text(a.VpcId), a.State == ec2types.SecurityGroupVpcAssociationStateAssociated ||
		a.State == ec2types.SecurityGroupVpcAssociationStateAssociating
}

// NetworkACL reads a network ACL with all its entries.
func NetworkACL(a ec2types.NetworkAcl) (topology.NetworkACL, error) {
	f := &fields{}
	f.name("NetworkAclId", text(a.NetworkAclId))
	out := topology.NetworkACL{ID: f.id, VPC: text(a.VpcId), IsDefault: isTrue(a.IsDefault), Tags: tags(a.Tags)}
	out.Account = text(a.OwnerId)
	for _, s := range a.Associations {
		if id := text(s.SubnetId); id != "" {
			out.Subnets = append(out.Subnets, id)
		}
	}
	for _, e := range a.Entries {
		out.Entries = append(out.Entries, f.entry(e))
	}
	return out, f.err
}

func (f *fields) entry(e ec2types.NetworkAclEntry) topology.NetworkACLEntry {
	out := topology.NetworkACLEntry{
		Number: number(e.RuleNumber, 0), Direction: topology.Ingress,
		Allow: e.RuleAction == ec2types.RuleActionAllow, Protocol: f.protocol("Entries.Protocol", e.Protocol),
	}
	if isTrue(e.Egress) {
		out.Direction = topology.Egress
	}
	if !out.Allow && e.RuleAction != ec2types.RuleActionDeny {
		f.fail("Entries.RuleAction", string(e.RuleAction), "entry "+strconv.Itoa(out.Number)+": want allow or deny")
	}
	if text(e.Ipv6CidrBlock) != "" {
		out.CIDR = f.prefix("Entries.Ipv6CidrBlock", e.Ipv6CidrBlock)
	} else {
		out.CIDR = f.prefix("Entries.CidrBlock", e.CidrBlock)
	}
	var from, to *int32
	switch {
	case out.Protocol.HasTypes() && e.IcmpTypeCode != nil:
		from, to = e.IcmpTypeCode.Type, e.IcmpTypeCode.Code
	case out.Protocol.HasPorts() && e.PortRange != nil:
		from, to = e.PortRange.From, e.PortRange.To
	}
	out.FromPort, out.ToPort = f.ports("Entries.PortRange", out.Protocol, from, to)
	return out
}

// Permission writes a rule as the one IpPermission that Authorize and Revoke
// take. owner is the account of the rule's own group.
func Permission(r topology.SecurityGroupRule, owner string) ec2types.IpPermission {
	out := ec2types.IpPermission{IpProtocol: new(protocolName(r.Protocol))}
	if r.Protocol.HasPorts() || r.Protocol.HasTypes() {
		out.FromPort, out.ToPort = new(int32(r.FromPort)), new(int32(r.ToPort))
	}
	var description *string
	if r.Description != "" {
		description = new(r.Description)
	}
	switch {
	case r.PrefixList != "":
		out.PrefixListIds = []ec2types.PrefixListId{{PrefixListId: new(r.PrefixList), Description: description}}
	case r.Group != "":
		pair := ec2types.UserIdGroupPair{GroupId: new(r.Group), Description: description}
		if r.GroupOwner != "" && r.GroupOwner != owner {
			pair.UserId = new(r.GroupOwner)
		}
		out.UserIdGroupPairs = []ec2types.UserIdGroupPair{pair}
	case r.CIDR.Addr().Is6():
		out.Ipv6Ranges = []ec2types.Ipv6Range{{CidrIpv6: new(r.CIDR.String()), Description: description}}
	default:
		out.IpRanges = []ec2types.IpRange{{CidrIp: new(r.CIDR.String()), Description: description}}
	}
	return out
}

// protocolName writes a protocol as SG calls want it: a name where AWS has
// one, a number, or -1.
func protocolName(p netset.Protocol) string {
	if p == netset.AllProtocols {
		return "-1"
	}
	return p.String()
}

// EntryParts are the parts of a NACL entry that Create and Replace take.
type EntryParts struct {
	Protocol  string // always a number, as NACL calls want it
	Action    ec2types.RuleAction
	CIDR4     *string
	CIDR6     *string
	PortRange *ec2types.PortRange
	ICMP      *ec2types.IcmpTypeCode
}

// Entry writes a NACL entry.
func Entry(e topology.NetworkACLEntry) EntryParts {
	out := EntryParts{Protocol: strconv.Itoa(int(e.Protocol)), Action: ec2types.RuleActionDeny}
	if e.Allow {
		out.Action = ec2types.RuleActionAllow
	}
	if e.CIDR.Addr().Is6() {
		out.CIDR6 = new(e.CIDR.String())
	} else {
		out.CIDR4 = new(e.CIDR.String())
	}
	switch {
	case e.Protocol.HasPorts():
		out.PortRange = &ec2types.PortRange{From: new(int32(e.FromPort)), To: new(int32(e.ToPort))}
	case e.Protocol.HasTypes():
		out.ICMP = &ec2types.IcmpTypeCode{Type: new(int32(e.FromPort)), Code: new(int32(e.ToPort))}
	}
	return out
}
