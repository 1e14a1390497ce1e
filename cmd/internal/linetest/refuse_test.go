package linetest

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/changeset"
)

func applyArgs(file string, more ...string) []string {
	return append([]string{"apply", file, "--allowed-signers", "allowed_signers"}, more...)
}

// refusals are what apply says before anybody who may has approved.
func refusals(t *testing.T, h *house) {
	signers := h.keygen(t, "author_key", author) + h.keygen(t, "other_key", other)
	h.keygen(t, "stranger_key", "stranger@example")
	h.keygen(t, "late_key", other)
	h.write(t, "allowed_signers", signers)

	h.want(t, 10, applyArgs("changeset.json")...).says(t, "unsigned", "flowcover review")
	h.want(t, 10, applyArgs("changeset.json", "--dry-run", "--snapshot", "snapshot.json")...)

	h.copyTo(t, "unknown", "changeset.json")
	h.want(t, 0, approve("unknown/changeset.json", "stranger_key")...)
	h.want(t, 11, applyArgs("unknown/changeset.json")...).says(t, "unknown")

	h.copyTo(t, "unsigned", "changeset.json")
	h.want(t, 0, approve("unsigned/changeset.json", "other_key")...)
	if err := os.Remove(h.path(h.reviews(t, "unsigned")[0] + ".sig")); err != nil {
		t.Fatal(err)
	}
	h.want(t, 10, applyArgs("unsigned/changeset.json")...).says(t, "unsigned")

	h.copyTo(t, "expired", "changeset.json")
	h.want(t, 0, approve("expired/changeset.json", "other_key")...)
	h.yesterday(t, h.reviews(t, "expired")[0], "other_key")
	h.want(t, 12, applyArgs("expired/changeset.json")...).says(t, "expired")

	h.copyTo(t, "rejected", "changeset.json")
	h.want(t, 0, "review", "rejected/changeset.json", "--reject", "all", "--reason", "업무 확인 필요", "--key", "other_key")
	r := h.want(t, 0, applyArgs("rejected/changeset.json", "--dry-run", "--snapshot", "snapshot.json")...)
	if !strings.Contains(r.out, "nothing is approved") {
		t.Errorf("a dry run of what was rejected prints:\n%s", lastLines(r.out))
	}
}

func (h *house) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(h.path(name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// signed copies the changeset with everything that was signed about it.
func (h *house) signed(t *testing.T, folder string) []string {
	t.Helper()
	names := []string{"changeset.json"}
	for _, r := range h.reviews(t, ".") {
		names = append(names, r, r+".sig")
	}
	h.copyTo(t, folder, names...)
	return h.reviews(t, folder)
}

// edited changes the changeset, each review and each signature after signing.
func edited(t *testing.T, h *house) {
	h.signed(t, "edited")
	h.edit(t, "edited/changeset.json", `"decision": "propose"`, `"decision": "approve"`)
	h.want(t, 13, applyArgs("edited/changeset.json")...).says(t, "changed after signing")

	reviews := h.signed(t, "edited-review")
	for _, r := range reviews {
		data, err := os.ReadFile(h.path(r))
		if err != nil {
			t.Fatal(err)
		}
		h.edit(t, r, `"decision": "approve"`, `"decision": "reject"`)
		h.want(t, 13, applyArgs("edited-review/changeset.json")...).says(t, r)
		h.write(t, r, string(data))
	}
	// A review must not pass under another's signature.
	sig, err := os.ReadFile(h.path(reviews[1] + ".sig"))
	if err != nil {
		t.Fatal(err)
	}
	h.write(t, reviews[0]+".sig", string(sig))
	h.want(t, 13, applyArgs("edited-review/changeset.json")...).says(t, reviews[0])
}

// moved changes rules on the server that the changeset touches, and others.
func moved(t *testing.T, h *house) {
	s := decode[shown](t, h.want(t, 0, "show", "changeset.json", "--json"))
	at := slices.IndexFunc(s.Changes, func(c changeset.Change) bool { return c.Kind == changeset.RuleRemove })
	group := s.Changes[at].Target
	rule := []types.IpPermission{{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(4711), ToPort: aws.Int32(4711),
		IpRanges: []types.IpRange{{CidrIp: aws.String("192.0.2.99/32")}}}}

	h.authorize(t, group, rule)
	h.want(t, 14, applyArgs("changeset.json")...).says(t, group, "4711")
	h.want(t, 14, applyArgs("changeset.json", "--dry-run")...).says(t, group)
	h.revoke(t, group, rule)

	at = slices.IndexFunc(s.Changes, func(c changeset.Change) bool {
		return c.Kind == changeset.EntryRemove && c.Before.Direction == topology.Ingress
	})
	entry := s.Changes[at]
	h.number(t, entry, entry.Before.Number+1)
	h.want(t, 14, applyArgs("changeset.json")...).says(t, entry.Target)
	h.number(t, entry, entry.Before.Number)

	// What the changeset does not touch may move.
	untouched := ""
	for _, target := range s.Targets {
		if target.Kind == "security-group" && !slices.ContainsFunc(s.Changes, func(c changeset.Change) bool { return c.Target == target.Resource }) {
			untouched = target.Resource
		}
	}
	if untouched == "" {
		t.Fatal("every group is touched; want one that is not")
	}
	h.authorize(t, untouched, rule)
	h.want(t, 0, applyArgs("changeset.json", "--dry-run")...)
	h.revoke(t, untouched, rule)

	h.want(t, 0, "snapshot", "--region", region, "-o", "again.json")
	before, after := h.digest(t, "snapshot.json"), h.digest(t, "again.json")
	if before != after {
		t.Errorf("digest %s before the refusals, %s after: something was written", before, after)
	}
}

// digest is a snapshot file's, as a plan on it would hold.
func (h *house) digest(t *testing.T, name string) string {
	t.Helper()
	f, err := os.Open(h.path(name))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	doc, err := topology.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	return doc.Snapshot().Digest()
}

func (h *house) authorize(t *testing.T, group string, rule []types.IpPermission) {
	t.Helper()
	if _, err := h.client.AuthorizeSecurityGroupIngress(t.Context(), &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &group, IpPermissions: rule}); err != nil {
		t.Fatal(err)
	}
}

func (h *house) revoke(t *testing.T, group string, rule []types.IpPermission) {
	t.Helper()
	if _, err := h.client.RevokeSecurityGroupIngress(t.Context(), &ec2.RevokeSecurityGroupIngressInput{GroupId: &group, IpPermissions: rule}); err != nil {
		t.Fatal(err)
	}
}

// number gives the entry that a change removes another number on the server.
func (h *house) number(t *testing.T, c changeset.Change, to int) {
	t.Helper()
	out, err := h.client.DescribeNetworkAcls(t.Context(), &ec2.DescribeNetworkAclsInput{NetworkAclIds: []string{c.Target}})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range out.NetworkAcls[0].Entries {
		n := int(aws.ToInt32(e.RuleNumber))
		if aws.ToBool(e.Egress) || n != c.Before.Number && n != c.Before.Number+1 {
			continue
		}
		if _, err := h.client.CreateNetworkAclEntry(t.Context(), &ec2.CreateNetworkAclEntryInput{NetworkAclId: &c.Target, Egress: e.Egress, RuleNumber: aws.Int32(int32(to)),
			Protocol: e.Protocol, RuleAction: e.RuleAction, CidrBlock: e.CidrBlock, Ipv6CidrBlock: e.Ipv6CidrBlock, PortRange: e.PortRange, IcmpTypeCode: e.IcmpTypeCode}); err != nil {
			t.Fatal(err)
		}
		if _, err := h.client.DeleteNetworkAclEntry(t.Context(), &ec2.DeleteNetworkAclEntryInput{NetworkAclId: &c.Target, Egress: e.Egress, RuleNumber: e.RuleNumber}); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Fatalf("%s has no ingress entry %d", c.Target, c.Before.Number)
}

// yesterday makes a review one that ended a day ago, and signs it again, as one
// may without flowcover.
func (h *house) yesterday(t *testing.T, name, key string) {
	t.Helper()
	data, err := os.ReadFile(h.path(name))
	if err != nil {
		t.Fatal(err)
	}
	ended := time.Now().AddDate(0, 0, -1).UTC()
	for field, at := range map[string]time.Time{"signed_at": ended.AddDate(0, 0, -1), "expires_at": ended} {
		data = regexp.MustCompile(`"`+field+`": "[^"]*"`).ReplaceAll(data, []byte(`"`+field+`": "`+at.Format(time.RFC3339)+`"`))
	}
	h.write(t, name, string(data))
	if err := os.Remove(h.path(name + ".sig")); err != nil {
		t.Fatal(err)
	}
	if r := command(t, h.dir, h.env, sshKeygen(t), "-q", "-Y", "sign", "-f", key, "-n", "flowcover", name); r.code != 0 {
		t.Fatalf("ssh-keygen: %s", r.err)
	}
}
