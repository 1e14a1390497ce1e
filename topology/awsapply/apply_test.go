package awsapply

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/awsapply/journal"
	"github.com/flowcover/flowcover/topology/changeset"
	"github.com/flowcover/flowcover/topology/netset"
)

const (
	account = "111111111111"
	seoul   = "ap-northeast-2"
	digest  = "5e2d8a6f0c1b"
)

func cidr(s string) netip.Prefix { return netip.MustParsePrefix(s) }

func rule(id string, d topology.Direction, port int, peer string) topology.SecurityGroupRule {
	return topology.SecurityGroupRule{ID: id, Direction: d, Protocol: netset.TCP, FromPort: port, ToPort: port, CIDR: cidr(peer)}
}

func entry(n int, d topology.Direction, port int, peer string) topology.NetworkACLEntry {
	return topology.NetworkACLEntry{Number: n, Direction: d, Allow: true, Protocol: netset.TCP, FromPort: port, ToPort: port, CIDR: cidr(peer)}
}

// today is an account with a group and an ACL.
func today() topology.Resources {
	scope := topology.Scope{Account: account, Region: seoul}
	return topology.Resources{
		SecurityGroups: []topology.SecurityGroup{{
			ID: "sg-web", Scope: scope, VPC: "vpc-1", Name: "web", Tags: topology.Tags{"Name": "웹"},
			Rules: []topology.SecurityGroupRule{
				rule("sgr-1", topology.Ingress, 443, "0.0.0.0/0"), rule("sgr-2", topology.Ingress, 22, "10.0.0.0/8"),
				rule("sgr-3", topology.Egress, 5432, "10.1.0.0/16"),
				{ID: "sgr-4", Direction: topology.Ingress, Protocol: netset.TCP, FromPort: 80, ToPort: 80, Group: "sg-lb"},
			},
		}},
		NetworkACLs: []topology.NetworkACL{{
			ID: "acl-1", Scope: scope, VPC: "vpc-1", Subnets: []string{"subnet-1"},
			Entries: []topology.NetworkACLEntry{
				entry(100, topology.Ingress, 443, "0.0.0.0/0"), entry(200, topology.Ingress, 22, "0.0.0.0/0"),
				{Number: 100, Direction: topology.Egress, Allow: true, Protocol: netset.AllProtocols, FromPort: -1, ToPort: -1, CIDR: cidr("0.0.0.0/0")},
				{Number: 32767, Direction: topology.Ingress, Protocol: netset.AllProtocols, FromPort: -1, ToPort: -1, CIDR: cidr("0.0.0.0/0")},
				{Number: 32767, Direction: topology.Egress, Protocol: netset.AllProtocols, FromPort: -1, ToPort: -1, CIDR: cidr("0.0.0.0/0")},
			},
		}},
	}
}

func ruleDoc(r topology.SecurityGroupRule) *changeset.RuleDoc {
	d := &changeset.RuleDoc{ID: r.ID, Direction: r.Direction, Allow: true, Protocol: r.Protocol.String(), FromPort: r.FromPort, ToPort: r.ToPort, Group: r.Group}
	if r.CIDR.IsValid() {
		d.CIDR = r.CIDR.String()
	}
	return d
}

func entryDoc(e topology.NetworkACLEntry) *changeset.RuleDoc {
	return &changeset.RuleDoc{Number: e.Number, Direction: e.Direction, Allow: e.Allow, Protocol: e.Protocol.String(), FromPort: e.FromPort, ToPort: e.ToPort, CIDR: e.CIDR.String()}
}

// tighten is a plan of every kind of change.
func tighten(t *testing.T, r topology.Resources) Plan {
	t.Helper()
	s, err := topology.New(r)
	if err != nil {
		t.Fatal(err)
	}
	c := &changeset.Changeset{Format: changeset.Format, Fingerprints: map[string]string{}}
	for _, id := range []string{"sg-web", "acl-1"} {
		c.Fingerprints[id], _ = s.Fingerprint(id)
	}
	add := func(kind, target string, before, after *changeset.RuleDoc, requires ...string) string {
		id := fmt.Sprintf("c-%012d", len(c.Changes)+1)
		c.Changes = append(c.Changes, changeset.Change{ID: id, Kind: kind, Target: target, Account: account, Region: seoul, Before: before, After: after, Requires: requires})
		return id
	}
	in := add(changeset.RuleAdd, "sg-web", nil, ruleDoc(rule("", topology.Ingress, 443, "203.0.113.0/24")))
	add(changeset.RuleAdd, "sg-web", nil, ruleDoc(rule("", topology.Egress, 5432, "10.1.2.3/32")))
	add(changeset.RuleRemove, "sg-web", ruleDoc(rule("sgr-1", topology.Ingress, 443, "0.0.0.0/0")), nil, in)
	add(changeset.RuleRemove, "sg-web", ruleDoc(rule("sgr-3", topology.Egress, 5432, "10.1.0.0/16")), nil)
	add(changeset.EntryAdd, "acl-1", nil, entryDoc(entry(110, topology.Ingress, 8443, "10.9.0.0/16")))
	add(changeset.EntryReplace, "acl-1", entryDoc(entry(200, topology.Ingress, 22, "0.0.0.0/0")), entryDoc(entry(200, topology.Ingress, 22, "10.0.0.0/8")))
	add(changeset.EntryRemove, "acl-1", entryDoc(entry(100, topology.Ingress, 443, "0.0.0.0/0")), nil)
	return Plan{Changeset: c, Digest: digest, Approved: ids(c.Changes), Signatures: []string{"SHA256:abc"}}
}

// want are the lines of both resources after the plan.
func checkApplied(t *testing.T, f *fake, p Plan) {
	t.Helper()
	s, err := topology.New(today())
	if err != nil {
		t.Fatal(err)
	}
	changes, err := p.changes()
	if err != nil {
		t.Fatal(err)
	}
	want, err := changeset.Applied(s, changes)
	if err != nil {
		t.Fatal(err)
	}
	g, _ := want.SecurityGroup("sg-web")
	a, _ := want.NetworkACL("acl-1")
	if d := differences(state{group: g}.lines(), state{group: f.groups["sg-web"]}.lines()); d != nil {
		t.Errorf("sg-web differs from the changeset: %v", d)
	}
	if d := differences(state{acl: a}.lines(), state{acl: f.acls["acl-1"]}.lines()); d != nil {
		t.Errorf("acl-1 differs from the changeset: %v", d)
	}
}

func TestApplyMakesEveryChangeInOrder(t *testing.T) {
	f, j, c := newFake(today()), &memory{}, newClock()
	p := tighten(t, today())
	var steps []int
	a := &Applier{API: f, Journal: j, Clock: c, Progress: func(s Step) { steps = append(steps, s.Index) }}
	report, err := a.Apply(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	checkApplied(t, f, p)
	if report.Made != 7 || report.Already != 0 || len(report.Rules) != 2 {
		t.Errorf("report %+v; want 7 made and the ids of 2 new rules", report)
	}
	if !slices.IsSorted(steps) || len(steps) != 7 {
		t.Errorf("progress %v", steps)
	}
	want := []string{"AuthorizeSecurityGroupIngress sg-web", "AuthorizeSecurityGroupEgress sg-web", "RevokeSecurityGroupIngress sg-web",
		"RevokeSecurityGroupEgress sg-web", "CreateNetworkAclEntry acl-1", "ReplaceNetworkAclEntry acl-1", "DeleteNetworkAclEntry acl-1"}
	if !slices.Equal(f.writes, want) {
		t.Errorf("writes %v; want the document's order", f.writes)
	}
	if got := j.kinds(); got != "begin"+strings.Repeat(" start done", 7)+" end" {
		t.Errorf("journal %s", got)
	}
	if b := j.records[0]; b.Changeset != digest || !slices.Equal(b.Signatures, p.Signatures) || len(b.Groups) != 1 || len(b.ACLs) != 1 {
		t.Errorf("begin record %+v; want the digest, the signatures and both resources", b)
	}

	var already *AlreadyAppliedError
	if _, err := a.Apply(t.Context(), p); !errors.As(err, &already) || !already.Journal {
		t.Errorf("second run: %v; want already applied, by the journal", err)
	}
	if _, err := (&Applier{API: f, Journal: &memory{}, Clock: c}).Apply(t.Context(), p); !errors.As(err, &already) || already.Journal {
		t.Errorf("second run without the journal: %v; want already applied, by the world", err)
	}
	if len(f.writes) != 7 {
		t.Errorf("the later runs wrote: %v", f.writes[7:])
	}
}

func TestOnlyApprovedChangesAreMade(t *testing.T) {
	f := newFake(today())
	p := tighten(t, today())
	p.Approved = []string{p.Changeset.Changes[5].ID}
	if _, err := (&Applier{API: f, Journal: &memory{}, Clock: newClock()}).Apply(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(f.writes, []string{"ReplaceNetworkAclEntry acl-1"}) {
		t.Errorf("writes %v", f.writes)
	}
	if f.calls["DescribeSecurityGroups"] != 0 {
		t.Error("a resource that no approved change touches was read")
	}

	p.Approved = nil
	if r, err := (&Applier{API: f, Journal: &memory{}, Clock: newClock()}).Apply(t.Context(), p); err != nil || r.Made != 0 || len(f.writes) != 1 {
		t.Errorf("nothing approved: %+v, %v, %v", r, err, f.writes)
	}
	p.Approved = []string{p.Changeset.Changes[2].ID} // requires the first
	if _, err := (&Applier{API: f, Journal: &memory{}, Clock: newClock()}).Apply(t.Context(), p); err == nil || !strings.Contains(err.Error(), p.Changeset.Changes[0].ID) {
		t.Errorf("error %v; want the missing requirement named", err)
	}
	p.Approved = []string{"c-ffffffffffff"}
	if _, err := (&Applier{API: f, Journal: &memory{}, Clock: newClock()}).Apply(t.Context(), p); err == nil || !strings.Contains(err.Error(), "c-ffffffffffff") {
		t.Errorf("error %v; want the unknown change named", err)
	}
}

// A run that is stopped after any number of calls is taken up by the next.
func TestStoppedAnywhereThenResumed(t *testing.T) {
	whole := newFake(today())
	if _, err := (&Applier{API: whole, Journal: &memory{}, Clock: newClock()}).Apply(t.Context(), tighten(t, today())); err != nil {
		t.Fatal(err)
	}
	for _, kill := range []string{"before", "after"} {
		for k := range 7 {
			t.Run(fmt.Sprintf("%s write %d", kill, k+1), func(t *testing.T) {
				f, j, p := newFake(today()), &memory{}, tighten(t, today())
				ctx, cancel := context.WithCancel(t.Context())
				writes := 0
				stop := func(call string) error {
					if strings.HasPrefix(call, "Describe") {
						return nil
					}
					if writes++; writes == k+1 {
						cancel()
						return context.Canceled
					}
					return nil
				}
				if kill == "before" {
					f.before = stop
				} else {
					f.after = stop // the write was made and its answer lost
				}
				_, err := (&Applier{API: f, Journal: j, Clock: newClock()}).Apply(ctx, p)
				if !errors.Is(err, context.Canceled) {
					t.Fatalf("stopped run: %v; want the context's error", err)
				}
				var partly *PartlyAppliedError
				if k > 0 && (!errors.As(err, &partly) || len(partly.Done) != k || len(partly.Left) != 7-k) {
					t.Errorf("stopped run: %v; want %d done, %d left", err, k, 7-k)
				}
				f.before, f.after = nil, nil
				report, err := (&Applier{API: f, Journal: j, Clock: newClock()}).Apply(t.Context(), p)
				if err != nil {
					t.Fatalf("resumed run: %v", err)
				}
				checkApplied(t, f, p)
				if len(f.writes) != 7 {
					t.Errorf("writes %v; want each change once", f.writes)
				}
				if report.Made+report.Already != 7 {
					t.Errorf("report %+v", report)
				}
			})
		}
	}
}

// The same when the disk is full at any record.
func TestJournalThatCannotBeWritten(t *testing.T) {
	for full := 1; full <= 15; full++ {
		f, j, p := newFake(today()), &memory{full: full}, tighten(t, today())
		_, err := (&Applier{API: f, Journal: j, Clock: newClock()}).Apply(t.Context(), p)
		if err == nil || !strings.Contains(err.Error(), "no space left") {
			t.Fatalf("%d records fit: %v", full, err)
		}
		j.full = 0
		if _, err := (&Applier{API: f, Journal: j, Clock: newClock()}).Apply(t.Context(), p); err != nil {
			t.Fatalf("%d records fit, resumed: %v", full, err)
		}
		checkApplied(t, f, p)
		if len(f.writes) != 7 {
			t.Errorf("%d records fit: writes %v; want each once", full, f.writes)
		}
	}
	f := newFake(today())
	_, err := (&Applier{API: f, Journal: &failing{}, Clock: newClock()}).Apply(t.Context(), tighten(t, today()))
	if err == nil || len(f.writes) != 0 {
		t.Errorf("error %v, writes %v; want nothing written without a journal", err, f.writes)
	}
}

type failing struct{}

func (*failing) Records() []journal.Record   { return nil }
func (*failing) Append(journal.Record) error { return errors.New("read-only file system") }

// A snapshot that was read without rule ids is no other account.
func TestFingerprintWithoutRuleIDs(t *testing.T) {
	bare := today()
	for i := range bare.SecurityGroups[0].Rules {
		bare.SecurityGroups[0].Rules[i].ID = ""
	}
	f, p := newFake(today()), tighten(t, bare)
	if _, err := (&Applier{API: f, Journal: &memory{}, Clock: newClock()}).Apply(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	checkApplied(t, f, p)

	f, p = newFake(today()), tighten(t, bare)
	f.noIDs = true // then rules are removed by what they are
	if _, err := (&Applier{API: f, Journal: &memory{}, Clock: newClock()}).Apply(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	checkApplied(t, f, p)
}

func TestSlowWorld(t *testing.T) {
	f, j, p, c := newFake(today()), &memory{}, tighten(t, today()), newClock()
	f.lag = 3
	if _, err := (&Applier{API: f, Journal: j, Clock: c}).Apply(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	checkApplied(t, f, p)
	if c.slept < 6*time.Second {
		t.Errorf("slept %v; want pauses that grow until EC2 shows the rules", c.slept)
	}

	f, j, p, c = newFake(today()), &memory{}, tighten(t, today()), newClock()
	f.lag = 1000
	_, err := (&Applier{API: f, Journal: j, Clock: c, SettleLimit: time.Minute}).Apply(t.Context(), p)
	var slow *NotSettledError
	if !errors.As(err, &slow) || strings.Contains(j.kinds(), "end") {
		t.Fatalf("error %v; want that EC2 does not show the rules, and no end in the journal", err)
	}
	f.lag, f.stale = 0, map[string][]stale{}
	report, err := (&Applier{API: f, Journal: j, Clock: c}).Apply(t.Context(), p)
	if err != nil || report.Already != 7 || len(f.writes) != 7 {
		t.Errorf("looking again: %+v, %v, %d writes", report, err, len(f.writes))
	}
}

// An answer that it is done already is believed only if the rules say so too.
func TestDuplicateIsComparedNotBelieved(t *testing.T) {
	f, p := newFake(today()), tighten(t, today())
	f.before = func(call string) error {
		if call == "AuthorizeSecurityGroupIngress" {
			return refuse("InvalidPermission.Duplicate")
		}
		return nil
	}
	_, err := (&Applier{API: f, Journal: &memory{}, Clock: newClock()}).Apply(t.Context(), p)
	if err == nil || !strings.Contains(err.Error(), "its rules say that it is not") {
		t.Errorf("error %v; want the lie found out", err)
	}

	// A retry inside the SDK: the first try was made, the second says duplicate.
	f, p = newFake(today()), tighten(t, today())
	f.after = func(call string) error {
		switch call {
		case "AuthorizeSecurityGroupIngress":
			return refuse("InvalidPermission.Duplicate")
		case "RevokeSecurityGroupEgress":
			return refuse("InvalidSecurityGroupRuleId.NotFound")
		case "CreateNetworkAclEntry":
			return refuse("NetworkAclEntryAlreadyExists")
		case "DeleteNetworkAclEntry":
			return refuse("InvalidNetworkAclEntry.NotFound")
		}
		return nil
	}
	report, err := (&Applier{API: f, Journal: &memory{}, Clock: newClock()}).Apply(t.Context(), p)
	if err != nil || report.Already != 4 {
		t.Errorf("report %+v, %v; want 4 taken as made", report, err)
	}
	checkApplied(t, f, p)
}

func TestOverQuotaAndWrongAccount(t *testing.T) {
	f, p := newFake(today()), tighten(t, today())
	f.quota = 3 // the first ingress rule makes four
	_, err := (&Applier{API: f, Journal: &memory{}, Clock: newClock()}).Apply(t.Context(), p)
	if err == nil || !strings.Contains(err.Error(), "RulesPerSecurityGroupLimitExceeded") || !strings.Contains(err.Error(), p.Changeset.Changes[0].ID) {
		t.Errorf("error %v; want the code and the change", err)
	}
	f, p = newFake(today()), tighten(t, today())
	f.account = "222222222222"
	var wrong *AccountError
	if _, err := (&Applier{API: f, Journal: &memory{}, Clock: newClock()}).Apply(t.Context(), p); !errors.As(err, &wrong) || wrong.Want != account {
		t.Errorf("error %v; want the accounts", err)
	}
}

func TestCheckWritesNothing(t *testing.T) {
	f, j, p := newFake(today()), &memory{}, tighten(t, today())
	if err := (&Applier{API: f, Journal: j, Clock: newClock()}).Check(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if len(f.writes)+len(j.records) != 0 {
		t.Errorf("writes %v, records %v", f.writes, j.records)
	}
}

func TestJournalOfAnotherChangeset(t *testing.T) {
	f, j, p := newFake(today()), &memory{records: []journal.Record{{Kind: journal.Begin, Changeset: "other"}}}, tighten(t, today())
	var wrong *JournalError
	if _, err := (&Applier{API: f, Journal: j, Clock: newClock()}).Apply(t.Context(), p); !errors.As(err, &wrong) {
		t.Errorf("error %v; want the journal refused", err)
	}
}

func october() time.Time { return time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC) }

// Runs with a real file, closed and opened between them.
func TestResumeFromFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j")
	f, p := newFake(today()), tighten(t, today())
	writes := 0
	f.before = func(call string) error {
		if strings.HasPrefix(call, "Describe") {
			return nil
		}
		if writes++; writes%2 == 0 {
			return refuse("InternalError")
		}
		return nil
	}
	for run := 1; ; run++ {
		j, err := OpenJournal(path, october)
		if err != nil {
			t.Fatal(err)
		}
		_, err = (&Applier{API: f, Journal: j, Clock: newClock()}).Apply(t.Context(), p)
		if cerr := j.Close(); cerr != nil {
			t.Fatal(cerr)
		}
		if err == nil {
			break
		}
		var partly *PartlyAppliedError
		if !errors.As(err, &partly) || len(partly.Done) != run {
			t.Fatalf("run %d: %v; want one more change than the run before", run, err)
		}
	}
	checkApplied(t, f, p)
	if len(f.writes) != 7 {
		t.Errorf("writes %v; want each once", f.writes)
	}
}
