package awsapply

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/flowcover/flowcover/scripts/mototest"
	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/awscollect"
	"github.com/flowcover/flowcover/topology/changeset"
	"github.com/flowcover/flowcover/topology/netset"
)

// buildRules makes a group and an ACL on the server.
func buildRules(t *testing.T, cfg aws.Config) (group, acl string) {
	t.Helper()
	ctx, c := t.Context(), ec2.NewFromConfig(cfg)
	vpc, err := c.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.1.0.0/16")})
	if err != nil {
		t.Fatal(err)
	}
	g, err := c.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{VpcId: vpc.Vpc.VpcId, GroupName: aws.String("web"), Description: aws.String("web")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: g.GroupId, IpPermissions: []ec2types.IpPermission{
		{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(443), ToPort: aws.Int32(443), IpRanges: []ec2types.IpRange{{CidrIp: aws.String("0.0.0.0/0")}}},
		{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(22), ToPort: aws.Int32(22), IpRanges: []ec2types.IpRange{{CidrIp: aws.String("10.0.0.0/8"), Description: aws.String("관리")}}},
		{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(80), ToPort: aws.Int32(80), UserIdGroupPairs: []ec2types.UserIdGroupPair{{GroupId: g.GroupId}}},
	}}); err != nil {
		t.Fatal(err)
	}
	a, err := c.CreateNetworkAcl(ctx, &ec2.CreateNetworkAclInput{VpcId: vpc.Vpc.VpcId})
	if err != nil {
		t.Fatal(err)
	}
	for n, port := range map[int32]int32{100: 443, 200: 22} {
		if _, err := c.CreateNetworkAclEntry(ctx, &ec2.CreateNetworkAclEntryInput{
			NetworkAclId: a.NetworkAcl.NetworkAclId, RuleNumber: aws.Int32(n), Egress: aws.Bool(false), Protocol: aws.String("6"), RuleAction: ec2types.RuleActionAllow,
			CidrBlock: aws.String("0.0.0.0/0"), PortRange: &ec2types.PortRange{From: aws.Int32(port), To: aws.Int32(port)},
		}); err != nil {
			t.Fatal(err)
		}
	}
	return *g.GroupId, *a.NetworkAcl.NetworkAclId
}

// TestOnServer applies to a real API what was planned on a snapshot read from
// it, reads it again and compares.
func TestOnServer(t *testing.T) {
	cfg := mototest.Start(t).Config(seoul)
	group, acl := buildRules(t, cfg)
	read := func() *topology.Snapshot {
		t.Helper()
		r, _, err := awscollect.FromAPI(t.Context(), cfg, awscollect.Options{})
		if err != nil {
			t.Fatal(err)
		}
		s, err := topology.New(r)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	before := read()
	plan := everyChange(before, group, acl)
	c := plan.Changeset

	j, err := OpenJournal(filepath.Join(t.TempDir(), "j"), october)
	if err != nil {
		t.Fatal(err)
	}
	report, err := Apply(t.Context(), NewSDK(cfg), plan, j, nil)
	if err != nil {
		t.Fatal(err)
	}
	if report.Made != len(c.Changes) {
		t.Errorf("report %+v", report)
	}
	after := read()
	want, err := changeset.Applied(before, c.Changes)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{group, acl} {
		w, g := stateIn(want, id, id == acl), stateIn(after, id, id == acl)
		if d := differences(w.lines(), g.lines()); d != nil {
			t.Errorf("%s on the server differs from the changeset: %v", id, d)
		}
	}
	var already *AlreadyAppliedError
	if _, err := Apply(t.Context(), NewSDK(cfg), plan, j, nil); !errors.As(err, &already) {
		t.Errorf("again: %v; want already applied", err)
	}
	other := plan
	other.Digest = "another"
	if _, err := Apply(t.Context(), NewSDK(cfg), other, &memory{}, nil); !errors.As(err, &already) {
		t.Errorf("the same changes again without a journal: %v; want already applied", err)
	}
	for i := range c.Changes {
		c.Changes[i].Account = "999999999999"
	}
	var wrong *AccountError
	if _, err := Apply(t.Context(), NewSDK(cfg), other, &memory{}, nil); !errors.As(err, &wrong) || wrong.Caller != mototest.Account {
		t.Errorf("another account: %v", err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// everyChange is a plan of every kind of change on what buildRules made.
func everyChange(before *topology.Snapshot, group, acl string) Plan {
	c := &changeset.Changeset{Format: changeset.Format, Fingerprints: map[string]string{}}
	for _, id := range []string{group, acl} {
		c.Fingerprints[id], _ = before.Fingerprint(id)
	}
	change := func(id, kind, target string, b, a *changeset.RuleDoc) {
		c.Changes = append(c.Changes, changeset.Change{ID: id, Kind: kind, Target: target, Account: mototest.Account, Region: seoul, Before: b, After: a})
	}
	change("c-1", changeset.RuleAdd, group, nil, ruleDoc(rule("", topology.Ingress, 443, "203.0.113.0/24")))
	change("c-2", changeset.RuleAdd, group, nil, ruleDoc(topology.SecurityGroupRule{Direction: topology.Egress, Protocol: netset.UDP, FromPort: 53, ToPort: 53, CIDR: cidr("2001:db8::/64")}))
	change("c-3", changeset.RuleRemove, group, ruleDoc(rule("", topology.Ingress, 443, "0.0.0.0/0")), nil)
	change("c-4", changeset.RuleRemove, group, ruleDoc(topology.SecurityGroupRule{Direction: topology.Ingress, Protocol: netset.TCP, FromPort: 80, ToPort: 80, Group: group}), nil)
	change("c-5", changeset.RuleRemove, group, ruleDoc(rule("", topology.Ingress, 22, "10.0.0.0/8")), nil)
	change("c-6", changeset.EntryAdd, acl, nil, entryDoc(entry(110, topology.Ingress, 443, "203.0.113.0/24")))
	change("c-7", changeset.EntryReplace, acl, entryDoc(entry(200, topology.Ingress, 22, "0.0.0.0/0")), entryDoc(entry(200, topology.Ingress, 22, "10.0.0.0/8")))
	change("c-8", changeset.EntryRemove, acl, entryDoc(entry(100, topology.Ingress, 443, "0.0.0.0/0")), nil)
	return Plan{Changeset: c, Digest: digest, Approved: ids(c.Changes)}
}
