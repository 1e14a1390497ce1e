package awsapply

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/awsmodel"
	"github.com/flowcover/flowcover/topology/changeset"
)

// state is a security group or a network ACL as it stands.
type state struct {
	group *topology.SecurityGroup
	acl   *topology.NetworkACL
}

// errGone is a resource that is not there.
var errGone = errors.New("it does not exist any more")

// read asks EC2 for a resource as it stands.
func read(ctx context.Context, api EC2, p place) (state, error) {
	if p.acl {
		return readACL(ctx, api, p)
	}
	return readGroup(ctx, api, p)
}

func readACL(ctx context.Context, api EC2, p place) (state, error) {
	out, err := api.DescribeNetworkAcls(ctx, &ec2.DescribeNetworkAclsInput{NetworkAclIds: []string{p.id}})
	if code(err) == "InvalidNetworkAclID.NotFound" || err == nil && len(out.NetworkAcls) == 0 {
		return state{}, errGone
	}
	if err != nil {
		return state{}, fmt.Errorf("reading %s: %w", p.id, err)
	}
	a, err := awsmodel.NetworkACL(out.NetworkAcls[0])
	if err != nil {
		return state{}, fmt.Errorf("reading %s: %w", p.id, err)
	}
	a.Scope = topology.Scope{Account: orElse(a.Account, p.account), Region: p.region}
	return canonical(state{acl: &a})
}

func readGroup(ctx context.Context, api EC2, p place) (state, error) {
	out, err := api.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{GroupIds: []string{p.id}})
	if code(err) == "InvalidGroup.NotFound" || err == nil && len(out.SecurityGroups) == 0 {
		return state{}, errGone
	}
	if err != nil {
		return state{}, fmt.Errorf("reading %s: %w", p.id, err)
	}
	g, err := awsmodel.SecurityGroup(out.SecurityGroups[0])
	if err != nil {
		return state{}, fmt.Errorf("reading %s: %w", p.id, err)
	}
	g.Scope = topology.Scope{Account: orElse(g.Account, p.account), Region: p.region}
	listed, err := readRules(ctx, api, p.id)
	if err != nil {
		return state{}, err
	}
	awsmodel.NameRules(&g, listed)
	if g.VPCs, err = readVPCs(ctx, api, g); err != nil {
		return state{}, err
	}
	return canonical(state{group: &g})
}

// readRules gives a group's rules with their ids. Whoever may not list them, or
// asks a server that cannot, goes on without ids.
func readRules(ctx context.Context, api EC2, group string) ([]topology.SecurityGroupRule, error) {
	p := ec2.NewDescribeSecurityGroupRulesPaginator(api, &ec2.DescribeSecurityGroupRulesInput{
		Filters: []ec2types.Filter{{Name: aws.String("group-id"), Values: []string{group}}},
	})
	var rules []topology.SecurityGroupRule
	for p.HasMorePages() {
		page, err := p.NextPage(ctx)
		if unavailable(err) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading the rules of %s: %w", group, err)
		}
		for _, r := range page.SecurityGroupRules {
			if aws.ToString(r.GroupId) != group {
				continue
			}
			rule, err := awsmodel.SecurityGroupRule(r)
			if err != nil {
				return nil, fmt.Errorf("reading the rules of %s: %w", group, err)
			}
			rules = append(rules, rule)
		}
	}
	return rules, nil
}

// readVPCs gives the further VPCs of a group.
func readVPCs(ctx context.Context, api EC2, g topology.SecurityGroup) ([]string, error) {
	p := ec2.NewDescribeSecurityGroupVpcAssociationsPaginator(api, &ec2.DescribeSecurityGroupVpcAssociationsInput{
		Filters: []ec2types.Filter{{Name: aws.String("group-id"), Values: []string{g.ID}}},
	})
	var out []string
	for p.HasMorePages() {
		page, err := p.NextPage(ctx)
		if unavailable(err) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading the VPCs of %s: %w", g.ID, err)
		}
		for _, a := range page.SecurityGroupVpcAssociations {
			if group, vpc, ok := awsmodel.SecurityGroupVPC(a); ok && group == g.ID && vpc != g.VPC {
				out = append(out, vpc)
			}
		}
	}
	return out, nil
}

// canonical gives a state its one form.
func canonical(s state) (state, error) {
	snap, err := s.snapshot()
	if err != nil {
		return state{}, err
	}
	return stateIn(snap, s.id(), s.acl != nil), nil
}

func (s state) id() string {
	if s.acl != nil {
		return s.acl.ID
	}
	return s.group.ID
}

func (s state) snapshot() (*topology.Snapshot, error) {
	var r topology.Resources
	if s.acl != nil {
		r.NetworkACLs = []topology.NetworkACL{*s.acl}
	} else {
		r.SecurityGroups = []topology.SecurityGroup{*s.group}
	}
	return topology.New(r)
}

func stateIn(s *topology.Snapshot, id string, acl bool) state {
	if acl {
		a, _ := s.NetworkACL(id)
		return state{acl: a}
	}
	g, _ := s.SecurityGroup(id)
	return state{group: g}
}

// matches says whether a state has a fingerprint that a snapshot took. A
// snapshot may have been read without rule ids, or without a group's further
// VPCs, where those calls were refused; that alone is no difference.
func (s state) matches(fingerprint string) (bool, error) {
	variants := []state{s}
	if s.group != nil {
		noIDs := *s.group
		noIDs.Rules = slices.Clone(noIDs.Rules)
		for i := range noIDs.Rules {
			noIDs.Rules[i].ID = ""
		}
		noVPCs, neither := *s.group, noIDs
		noVPCs.VPCs, neither.VPCs = nil, nil
		variants = append(variants, state{group: &noIDs}, state{group: &noVPCs}, state{group: &neither})
	}
	for _, v := range variants {
		snap, err := v.snapshot()
		if err != nil {
			return false, err
		}
		if f, ok := snap.Fingerprint(v.id()); ok && f == fingerprint {
			return true, nil
		}
	}
	return false, nil
}

// after gives the state that changes make of s.
func (s state) after(changes []changeset.Change) (state, error) {
	snap, err := s.snapshot()
	if err != nil {
		return state{}, err
	}
	var own []changeset.Change
	for _, c := range changes {
		if c.Target == s.id() {
			own = append(own, c)
		}
	}
	snap, err = changeset.Applied(snap, own)
	if err != nil {
		return state{}, err
	}
	return stateIn(snap, s.id(), s.acl != nil), nil
}

// lines writes each rule or entry in one line, the same for the same meaning.
// Rule ids and descriptions are no part of it: they open nothing.
func (s state) lines() []string {
	var out []string
	if s.acl != nil {
		for _, e := range s.acl.Entries {
			out = append(out, entryLine(e))
		}
	} else {
		for _, r := range s.group.Rules {
			out = append(out, r.Key())
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func entryLine(e topology.NetworkACLEntry) string {
	action := "deny"
	if e.Allow {
		action = "allow"
	}
	return fmt.Sprintf("%s %d %s %s %s", e.Direction, e.Number, action, e.Columns(), e.CIDR)
}

// holds says whether the change's outcome stands in s.
func (s state) holds(c changeset.Change) (bool, error) {
	lines := s.lines()
	line := func(d *changeset.RuleDoc) (string, error) {
		if onACL(c) {
			e, err := d.Entry()
			return entryLine(e), err
		}
		r, err := d.Rule()
		return r.Key(), err
	}
	if c.After != nil {
		l, err := line(c.After)
		return slices.Contains(lines, l), err
	}
	l, err := line(c.Before)
	return !slices.Contains(lines, l), err
}

// differences says what got has and what it lacks against want.
func differences(want, got []string) []string {
	var out []string
	for _, l := range got {
		if !slices.Contains(want, l) {
			out = append(out, "has "+l)
		}
	}
	for _, l := range want {
		if !slices.Contains(got, l) {
			out = append(out, "lacks "+l)
		}
	}
	return out
}

// code gives the error code of AWS's answer, empty where there is none.
func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// unavailable says whether a reading call may not, or cannot, be made here.
func unavailable(err error) bool {
	if err == nil {
		return false
	}
	switch code(err) {
	case "UnauthorizedOperation", "AccessDenied", "InvalidAction", "NotImplemented", "UnsupportedOperation":
		return true
	case "", "UnknownError":
		var status interface{ HTTPStatusCode() int }
		return errors.As(err, &status) && (status.HTTPStatusCode() == 500 || status.HTTPStatusCode() == 501)
	}
	return strings.HasSuffix(code(err), "NotImplemented")
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
