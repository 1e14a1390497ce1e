package awsapply

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/awsapply/journal"
	"github.com/flowcover/flowcover/topology/awsmodel"
)

// fake is an EC2 that keeps groups and ACLs and says no as AWS does.
type fake struct {
	account string
	groups  map[string]*topology.SecurityGroup
	acls    map[string]*topology.NetworkACL

	quota    int                // rules per group and direction, entries per ACL and direction; 0: none
	noIDs    bool               // DescribeSecurityGroupRules is refused
	lag      int                // this many readings after a write still show the state before it
	stale    map[string][]stale // by resource
	before   func(call string) error
	after    func(call string) error
	writes   []string // calls that changed something, in order
	calls    map[string]int
	nextRule int
}

type stale struct {
	group *topology.SecurityGroup
	acl   *topology.NetworkACL
}

func newFake(r topology.Resources) *fake {
	f := &fake{account: "111111111111", groups: map[string]*topology.SecurityGroup{}, acls: map[string]*topology.NetworkACL{},
		stale: map[string][]stale{}, calls: map[string]int{}, nextRule: 1000}
	for _, g := range r.SecurityGroups {
		c := g
		c.Rules = slices.Clone(g.Rules)
		f.groups[g.ID] = &c
	}
	for _, a := range r.NetworkACLs {
		c := a
		c.Entries = slices.Clone(a.Entries)
		f.acls[a.ID] = &c
	}
	return f
}

func (f *fake) Region(_ context.Context, account, _ string) (EC2, error) {
	if account != f.account {
		return nil, &AccountError{Want: account, Caller: f.account}
	}
	return f, nil
}

func refuse(code string) error {
	return &smithy.GenericAPIError{Code: code, Message: "the fake says no"}
}

// called counts a call and runs what the test put before it.
func (f *fake) called(ctx context.Context, call string) error {
	f.calls[call]++
	if err := ctx.Err(); err != nil {
		return err
	}
	if f.before != nil {
		return f.before(call)
	}
	return nil
}

// wrote notes a change and keeps the state before it for slow readings.
func (f *fake) wrote(call, id string, was stale) error {
	f.writes = append(f.writes, call+" "+id)
	f.stale[id] = nil
	for range f.lag {
		f.stale[id] = append(f.stale[id], was)
	}
	if f.after != nil {
		return f.after(call)
	}
	return nil
}

func (f *fake) keepGroup(g *topology.SecurityGroup) stale {
	c := *g
	c.Rules = slices.Clone(g.Rules)
	return stale{group: &c}
}

func (f *fake) keepACL(a *topology.NetworkACL) stale {
	c := *a
	c.Entries = slices.Clone(a.Entries)
	return stale{acl: &c}
}

func (f *fake) shown(id string) stale {
	if s := f.stale[id]; len(s) > 0 {
		f.stale[id] = s[1:]
		return s[0]
	}
	return stale{f.groups[id], f.acls[id]}
}

func (f *fake) DescribeSecurityGroups(ctx context.Context, in *ec2.DescribeSecurityGroupsInput, _ ...func(*ec2.Options)) (*ec2.DescribeSecurityGroupsOutput, error) {
	if err := f.called(ctx, "DescribeSecurityGroups"); err != nil {
		return nil, err
	}
	g := f.shown(in.GroupIds[0]).group
	if g == nil {
		return nil, refuse("InvalidGroup.NotFound")
	}
	out := ec2types.SecurityGroup{GroupId: &g.ID, OwnerId: &g.Account, VpcId: &g.VPC, GroupName: &g.Name, Description: &g.Description}
	for k, v := range g.Tags {
		out.Tags = append(out.Tags, ec2types.Tag{Key: aws.String(k), Value: aws.String(v)})
	}
	for _, r := range g.Rules {
		p := awsmodel.Permission(r, g.Account)
		if r.Direction == topology.Egress {
			out.IpPermissionsEgress = append(out.IpPermissionsEgress, p)
		} else {
			out.IpPermissions = append(out.IpPermissions, p)
		}
	}
	return &ec2.DescribeSecurityGroupsOutput{SecurityGroups: []ec2types.SecurityGroup{out}}, nil
}

func (f *fake) DescribeSecurityGroupRules(ctx context.Context, in *ec2.DescribeSecurityGroupRulesInput, _ ...func(*ec2.Options)) (*ec2.DescribeSecurityGroupRulesOutput, error) {
	if err := f.called(ctx, "DescribeSecurityGroupRules"); err != nil {
		return nil, err
	}
	if f.noIDs {
		return nil, refuse("UnauthorizedOperation")
	}
	out := &ec2.DescribeSecurityGroupRulesOutput{}
	for _, id := range in.Filters[0].Values {
		for _, r := range f.groups[id].Rules {
			out.SecurityGroupRules = append(out.SecurityGroupRules, ruleAnswer(f.groups[id], r))
		}
	}
	return out, nil
}

func ruleAnswer(g *topology.SecurityGroup, r topology.SecurityGroupRule) ec2types.SecurityGroupRule {
	p := awsmodel.Permission(r, g.Account)
	x := ec2types.SecurityGroupRule{
		SecurityGroupRuleId: aws.String(r.ID), GroupId: aws.String(g.ID), GroupOwnerId: aws.String(g.Account),
		IsEgress: aws.Bool(r.Direction == topology.Egress), IpProtocol: p.IpProtocol, FromPort: p.FromPort, ToPort: p.ToPort,
	}
	switch {
	case r.PrefixList != "":
		x.PrefixListId = aws.String(r.PrefixList)
	case r.Group != "":
		x.ReferencedGroupInfo = &ec2types.ReferencedSecurityGroup{GroupId: aws.String(r.Group), UserId: aws.String(orElse(r.GroupOwner, g.Account))}
	case r.CIDR.Addr().Is6():
		x.CidrIpv6 = aws.String(r.CIDR.String())
	default:
		x.CidrIpv4 = aws.String(r.CIDR.String())
	}
	return x
}

func (f *fake) DescribeSecurityGroupVpcAssociations(ctx context.Context, _ *ec2.DescribeSecurityGroupVpcAssociationsInput, _ ...func(*ec2.Options)) (*ec2.DescribeSecurityGroupVpcAssociationsOutput, error) {
	return &ec2.DescribeSecurityGroupVpcAssociationsOutput{}, f.called(ctx, "DescribeSecurityGroupVpcAssociations")
}

func (f *fake) DescribeNetworkAcls(ctx context.Context, in *ec2.DescribeNetworkAclsInput, _ ...func(*ec2.Options)) (*ec2.DescribeNetworkAclsOutput, error) {
	if err := f.called(ctx, "DescribeNetworkAcls"); err != nil {
		return nil, err
	}
	a := f.shown(in.NetworkAclIds[0]).acl
	if a == nil {
		return nil, refuse("InvalidNetworkAclID.NotFound")
	}
	out := ec2types.NetworkAcl{NetworkAclId: &a.ID, OwnerId: &a.Account, VpcId: &a.VPC, IsDefault: &a.IsDefault}
	for _, s := range a.Subnets {
		out.Associations = append(out.Associations, ec2types.NetworkAclAssociation{SubnetId: aws.String(s)})
	}
	for _, e := range a.Entries {
		p := awsmodel.Entry(e)
		out.Entries = append(out.Entries, ec2types.NetworkAclEntry{
			RuleNumber: aws.Int32(int32(e.Number)), Egress: aws.Bool(e.Direction == topology.Egress), RuleAction: p.Action,
			Protocol: aws.String(p.Protocol), CidrBlock: p.CIDR4, Ipv6CidrBlock: p.CIDR6, PortRange: p.PortRange, IcmpTypeCode: p.ICMP,
		})
	}
	return &ec2.DescribeNetworkAclsOutput{NetworkAcls: []ec2types.NetworkAcl{out}}, nil
}

// rulesOf reads the rules of a request.
func rulesOf(d topology.Direction, owner string, ps []ec2types.IpPermission) []topology.SecurityGroupRule {
	in := ec2types.SecurityGroup{GroupId: aws.String("sg-request"), OwnerId: &owner}
	if d == topology.Egress {
		in.IpPermissionsEgress = ps
	} else {
		in.IpPermissions = ps
	}
	g, err := awsmodel.SecurityGroup(in)
	if err != nil {
		panic(fmt.Sprintf("a request that AWS would not take: %v", err))
	}
	return g.Rules
}

func (f *fake) authorize(ctx context.Context, call string, d topology.Direction, id string, ps []ec2types.IpPermission) ([]ec2types.SecurityGroupRule, error) {
	if err := f.called(ctx, call); err != nil {
		return nil, err
	}
	g := f.groups[id]
	if g == nil {
		return nil, refuse("InvalidGroup.NotFound")
	}
	was := f.keepGroup(g)
	added := rulesOf(d, g.Account, ps)
	count := len(added)
	for _, r := range g.Rules {
		if r.Direction == d {
			count++
		}
		if slices.ContainsFunc(added, func(x topology.SecurityGroupRule) bool { return x.Key() == r.Key() }) {
			return nil, refuse("InvalidPermission.Duplicate")
		}
	}
	if f.quota > 0 && count > f.quota {
		return nil, refuse("RulesPerSecurityGroupLimitExceeded")
	}
	var out []ec2types.SecurityGroupRule
	for _, r := range added {
		f.nextRule++
		r.ID = fmt.Sprintf("sgr-%d", f.nextRule)
		g.Rules = append(g.Rules, r)
		out = append(out, ruleAnswer(g, r))
	}
	return out, f.wrote(call, id, was)
}

func (f *fake) revoke(ctx context.Context, call string, d topology.Direction, id string, ids []string, ps []ec2types.IpPermission) error {
	if err := f.called(ctx, call); err != nil {
		return err
	}
	g := f.groups[id]
	was := f.keepGroup(g)
	gone := func(r topology.SecurityGroupRule) bool {
		return slices.Contains(ids, r.ID) || slices.ContainsFunc(rulesOf(d, g.Account, ps), func(x topology.SecurityGroupRule) bool { return x.Key() == r.Key() })
	}
	if !slices.ContainsFunc(g.Rules, gone) {
		if len(ids) > 0 {
			return refuse("InvalidSecurityGroupRuleId.NotFound")
		}
		return refuse("InvalidPermission.NotFound")
	}
	g.Rules = slices.DeleteFunc(g.Rules, gone)
	return f.wrote(call, id, was)
}

func (f *fake) AuthorizeSecurityGroupIngress(ctx context.Context, in *ec2.AuthorizeSecurityGroupIngressInput, _ ...func(*ec2.Options)) (*ec2.AuthorizeSecurityGroupIngressOutput, error) {
	rules, err := f.authorize(ctx, "AuthorizeSecurityGroupIngress", topology.Ingress, *in.GroupId, in.IpPermissions)
	if err != nil {
		return nil, err
	}
	return &ec2.AuthorizeSecurityGroupIngressOutput{SecurityGroupRules: rules}, nil
}

func (f *fake) AuthorizeSecurityGroupEgress(ctx context.Context, in *ec2.AuthorizeSecurityGroupEgressInput, _ ...func(*ec2.Options)) (*ec2.AuthorizeSecurityGroupEgressOutput, error) {
	rules, err := f.authorize(ctx, "AuthorizeSecurityGroupEgress", topology.Egress, *in.GroupId, in.IpPermissions)
	if err != nil {
		return nil, err
	}
	return &ec2.AuthorizeSecurityGroupEgressOutput{SecurityGroupRules: rules}, nil
}

func (f *fake) RevokeSecurityGroupIngress(ctx context.Context, in *ec2.RevokeSecurityGroupIngressInput, _ ...func(*ec2.Options)) (*ec2.RevokeSecurityGroupIngressOutput, error) {
	if err := f.revoke(ctx, "RevokeSecurityGroupIngress", topology.Ingress, *in.GroupId, in.SecurityGroupRuleIds, in.IpPermissions); err != nil {
		return nil, err
	}
	return &ec2.RevokeSecurityGroupIngressOutput{}, nil
}

func (f *fake) RevokeSecurityGroupEgress(ctx context.Context, in *ec2.RevokeSecurityGroupEgressInput, _ ...func(*ec2.Options)) (*ec2.RevokeSecurityGroupEgressOutput, error) {
	if err := f.revoke(ctx, "RevokeSecurityGroupEgress", topology.Egress, *in.GroupId, in.SecurityGroupRuleIds, in.IpPermissions); err != nil {
		return nil, err
	}
	return &ec2.RevokeSecurityGroupEgressOutput{}, nil
}

func (f *fake) entry(ctx context.Context, call, id string, number *int32, egress *bool, fill func(*ec2types.NetworkAclEntry)) error {
	if err := f.called(ctx, call); err != nil {
		return err
	}
	a := f.acls[id]
	if a == nil {
		return refuse("InvalidNetworkAclID.NotFound")
	}
	was := f.keepACL(a)
	d := topology.Ingress
	if *egress {
		d = topology.Egress
	}
	at := slices.IndexFunc(a.Entries, func(e topology.NetworkACLEntry) bool { return e.Number == int(*number) && e.Direction == d })
	count := 0
	for _, e := range a.Entries {
		if e.Direction == d {
			count++
		}
	}
	switch {
	case call == "CreateNetworkAclEntry" && at >= 0:
		return refuse("NetworkAclEntryAlreadyExists")
	case call == "CreateNetworkAclEntry" && f.quota > 0 && count >= f.quota:
		return refuse("NetworkAclEntryLimitExceeded")
	case call != "CreateNetworkAclEntry" && at < 0:
		return refuse("InvalidNetworkAclEntry.NotFound")
	}
	if at >= 0 {
		a.Entries = slices.Delete(a.Entries, at, at+1)
	}
	if fill != nil {
		e := ec2types.NetworkAclEntry{RuleNumber: number, Egress: egress}
		fill(&e)
		read, err := awsmodel.NetworkACL(ec2types.NetworkAcl{NetworkAclId: &id, Entries: []ec2types.NetworkAclEntry{e}})
		if err != nil {
			panic(fmt.Sprintf("a request that AWS would not take: %v", err))
		}
		a.Entries = append(a.Entries, read.Entries...)
	}
	return f.wrote(call, id, was)
}

func (f *fake) CreateNetworkAclEntry(ctx context.Context, in *ec2.CreateNetworkAclEntryInput, _ ...func(*ec2.Options)) (*ec2.CreateNetworkAclEntryOutput, error) {
	return &ec2.CreateNetworkAclEntryOutput{}, f.entry(ctx, "CreateNetworkAclEntry", *in.NetworkAclId, in.RuleNumber, in.Egress, func(e *ec2types.NetworkAclEntry) {
		e.Protocol, e.RuleAction, e.CidrBlock, e.Ipv6CidrBlock, e.PortRange, e.IcmpTypeCode = in.Protocol, in.RuleAction, in.CidrBlock, in.Ipv6CidrBlock, in.PortRange, in.IcmpTypeCode
	})
}

func (f *fake) ReplaceNetworkAclEntry(ctx context.Context, in *ec2.ReplaceNetworkAclEntryInput, _ ...func(*ec2.Options)) (*ec2.ReplaceNetworkAclEntryOutput, error) {
	return &ec2.ReplaceNetworkAclEntryOutput{}, f.entry(ctx, "ReplaceNetworkAclEntry", *in.NetworkAclId, in.RuleNumber, in.Egress, func(e *ec2types.NetworkAclEntry) {
		e.Protocol, e.RuleAction, e.CidrBlock, e.Ipv6CidrBlock, e.PortRange, e.IcmpTypeCode = in.Protocol, in.RuleAction, in.CidrBlock, in.Ipv6CidrBlock, in.PortRange, in.IcmpTypeCode
	})
}

func (f *fake) DeleteNetworkAclEntry(ctx context.Context, in *ec2.DeleteNetworkAclEntryInput, _ ...func(*ec2.Options)) (*ec2.DeleteNetworkAclEntryOutput, error) {
	return &ec2.DeleteNetworkAclEntryOutput{}, f.entry(ctx, "DeleteNetworkAclEntry", *in.NetworkAclId, in.RuleNumber, in.Egress, nil)
}

// fakeClock moves when somebody sleeps.
type fakeClock struct {
	now   time.Time
	slept time.Duration
}

func newClock() *fakeClock { return &fakeClock{now: time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)} }

func (c *fakeClock) Now() time.Time { return c.now }

func (c *fakeClock) Sleep(ctx context.Context, d time.Duration) error {
	c.now, c.slept = c.now.Add(d), c.slept+d
	return ctx.Err()
}

// memory is a journal without a disk.
type memory struct {
	records []journal.Record
	full    int // Append fails once this many are kept; 0: never
}

func (m *memory) Records() []journal.Record { return m.records }

func (m *memory) Append(r journal.Record) error {
	if m.full > 0 && len(m.records) >= m.full {
		return fmt.Errorf("no space left on device")
	}
	r.Format = journal.Format
	m.records = append(m.records, r)
	return nil
}

func (m *memory) kinds() string {
	var out []string
	for _, r := range m.records {
		out = append(out, r.Kind)
	}
	return strings.Join(out, " ")
}
