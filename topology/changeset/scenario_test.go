package changeset

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/optimize/target"
	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

func wantFinding(t *testing.T, c *Changeset, kind, says string) {
	t.Helper()
	for _, f := range c.Findings {
		if f.Kind == kind && strings.Contains(f.Message, says) {
			return
		}
	}
	t.Errorf("no finding %s with %q among %v", kind, says, c.Findings)
}

// TestReferencesStay: peers that a reference admits are carried by it, on the
// ports used alone, and not by their addresses.
func TestReferencesStay(t *testing.T) {
	a := small()
	a.sg("sg-db", "vpc-1", "in tcp sg-web", "in tcp/5432 sg-old", "out all 0.0.0.0/0")
	a.sg("sg-web", "vpc-1", "out all 0.0.0.0/0")
	a.sg("sg-old", "vpc-1", "out all 0.0.0.0/0")
	a.eni("eni-db", "subnet-b", "sg-db", "10.1.2.20")
	for i := range 3 {
		a.eni(fmt.Sprintf("eni-web%d", i), "subnet-a", "sg-web", fmt.Sprintf("10.1.1.1%d", i))
		a.flow(fmt.Sprintf("eni-db in tcp/5432 10.1.1.1%d", i))
	}
	p := newPlan()
	p.scope = []string{"sg-db"}
	c := p.build(t, a.snapshot(t), a.flows)
	wantPromises(t, c)
	wantWords(t, c, "sg-db",
		"add ingress tcp/5432 from sg-web",
		"remove ingress tcp/5432 from sg-old",
		"remove ingress tcp from sg-web",
		"remove egress all to 0.0.0.0/0")
}

// TestPrefixListPrice: a list counts with its MaxEntries in the quota.
func TestPrefixListPrice(t *testing.T) {
	a := small()
	a.r.PrefixLists = append(a.r.PrefixLists, topology.PrefixList{ID: "pl-1", Scope: home, Name: "com.amazonaws.ap-northeast-2.s3", Owner: "AWS",
		MaxEntries: 7, Entries: pfx("52.219.0.0/16")})
	a.sg("sg-web", "vpc-1", "out tcp/443 pl-1", "out udp/53 0.0.0.0/0")
	a.eni("eni-web", "subnet-a", "sg-web", "10.1.1.10")
	for i := range 9 {
		a.flow(fmt.Sprintf("eni-web out tcp/443 52.219.%d.1", i*7))
	}
	p := newPlan()
	p.scope = []string{"sg-web"}
	p.policy.MaxRules = map[string]int{"sg-web egress ipv4": 8}
	c := p.build(t, a.snapshot(t), a.flows)
	wantPromises(t, c)
	o := outcome(t, c, "sg-web egress ipv4")
	if o.RulesBefore != 8 || o.RulesAfter != 7 || len(o.Rules) != 1 || o.Rules[0].PrefixList != "pl-1" {
		t.Errorf("before %d, after %d, rules %v; want 8, 7, the list alone", o.RulesBefore, o.RulesAfter, o.Rules)
	}
}

// TestReferenceCountsInBothFamilies: a reference that one family needs stands,
// and counts, in the other as well.
func TestReferenceCountsInBothFamilies(t *testing.T) {
	a := &account{}
	a.vpc("vpc-1", "10.1.0.0/16", "2001:db8:1::/56")
	a.subnet("subnet-a", "vpc-1", "10.1.1.0/24", "2001:db8:1:1::/64")
	a.acl("acl-0", "vpc-1", "")
	a.sg("sg-db", "vpc-1", "in tcp/5432 sg-web", "in tcp/5432 2001:db8:1:1::/64", "in tcp/5432 10.1.1.0/24")
	a.sg("sg-web", "vpc-1", "out all 0.0.0.0/0", "out all ::/0")
	a.eni("eni-db", "subnet-a", "sg-db", "10.1.1.20", "2001:db8:1:1::20")
	a.eni("eni-web", "subnet-a", "sg-web", "10.1.1.10", "2001:db8:1:1::10")
	a.eni("eni-web2", "subnet-a", "sg-web", "10.1.1.11", "2001:db8:1:1::11")
	a.flow("eni-db in tcp/5432 10.1.1.10")
	a.flow("eni-db in tcp/5432 10.1.1.11")
	a.flow("eni-db in tcp/5432 2001:db8:1:1::99")
	p := newPlan()
	p.scope = []string{"sg-db"}
	c := p.build(t, a.snapshot(t), a.flows)
	wantPromises(t, c)
	v4, v6 := outcome(t, c, "sg-db ingress ipv4"), outcome(t, c, "sg-db ingress ipv6")
	if v4.RulesAfter != 1 || v6.RulesAfter != 2 {
		t.Errorf("ipv4 counts %d, ipv6 %d; want 1 (the reference) and 2 (the reference and an address)", v4.RulesAfter, v6.RulesAfter)
	}
}

func TestEvidenceThatDoesNotSuffice(t *testing.T) {
	a := small()
	a.subnet("subnet-c", "vpc-1", "10.1.3.0/24")
	a.acl("acl-c", "vpc-1", "subnet-c", "in 100 allow all 0.0.0.0/0", "out 100 allow all 0.0.0.0/0")
	a.sg("sg-gap", "vpc-1", "in tcp/443 10.0.0.0/8", "in tcp/22 10.0.0.0/8", "out all 0.0.0.0/0")
	a.sg("sg-bare", "vpc-1", "in tcp/443 10.0.0.0/8")
	a.sg("sg-idle", "vpc-1", "in tcp/443 10.0.0.0/8")
	a.eni("eni-gap", "subnet-a", "sg-gap", "10.1.1.10")
	a.eni("eni-idle", "subnet-a", "sg-idle", "10.1.1.11")
	a.flow("eni-gap in tcp/443 10.1.2.20")
	p := newPlan()
	p.coverage = func(id string) (float64, []string) {
		if id == "sg-gap" {
			return 0.42, []string{"SKIPDATA in 300 of 720 hours"}
		}
		return 1, nil
	}
	c := p.build(t, a.snapshot(t), a.flows)
	wantPromises(t, c)
	wantWords(t, c, "sg-gap")
	wantWords(t, c, "sg-bare")
	wantWords(t, c, "acl-c")
	wantWords(t, c, "sg-idle", "remove ingress tcp/443 from 10.0.0.0/8")
	for id, says := range map[string]string{
		"sg-gap ingress ipv4":  "0.42 is below 0.90; its rules stay: SKIPDATA in 300 of 720 hours",
		"sg-bare ingress ipv4": "no network interface",
		"acl-c ingress ipv4":   "no approved flow crosses",
	} {
		if o := outcome(t, c, id); o.Outcome != target.OutcomeInsufficient || !strings.Contains(o.Reason, says) {
			t.Errorf("%s: %s (%s), want %s with %q", id, o.Outcome, o.Reason, target.OutcomeInsufficient, says)
		}
		wantFinding(t, c, target.OutcomeInsufficient, says)
	}
	if got := c.Changes[slices.IndexFunc(c.Changes, func(x Change) bool { return x.Target == "sg-idle" })]; got.Reason != "no approved flow used it in the window" || got.Risk != "low" {
		t.Errorf("reason %q, risk %q", got.Reason, got.Risk)
	}
}

// TestHeldRules: the flows of an interface that is gone keep the rules that
// carried them, though they make no cell.
func TestHeldRules(t *testing.T) {
	a := small()
	a.sg("sg-web", "vpc-1", "in tcp/443 10.0.0.0/8", "in tcp/22 10.9.0.0/16", "in tcp/80 10.9.0.0/16", "out all 0.0.0.0/0")
	a.eni("eni-web", "subnet-a", "sg-web", "10.1.1.10")
	a.flow("eni-web in tcp/443 10.1.2.20")
	a.flow("eni-web in tcp/22 10.9.1.1", func(f *analyze.Flow) { f.Port, f.Method = 40022, analyze.MethodLower })
	p := newPlan()
	p.scope = []string{"sg-web"}
	s := a.snapshot(t)
	ts, _, err := target.Build(target.Input{Snapshot: s, Policy: p.policy, Flows: []analyze.Flow{{
		ID: "f-gone", ENI: "eni-gone", Side: analyze.In, Protocol: netset.TCP, Port: 22, Local: netip.MustParseAddr("10.1.1.99"), Peer: netip.MustParseAddr("10.9.1.1"),
		Attribution: analyze.Attribution{Holds: true, Reasons: []string{"unattributed: its ENI is gone"},
			AdmittedBy: []topology.RuleRef{rule("in tcp/22 10.9.0.0/16").Ref("sg-web")}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(ts, func(x target.Target) bool { return x.ID == "sg-web ingress ipv4" })
	if why := ts[i].Pinned["ingress tcp/22 10.9.0.0/16"]; !strings.Contains(why, "f-gone") || len(ts[i].Pinned) != 1 {
		t.Errorf("pinned %v", ts[i].Pinned)
	}
}

func TestDemandByNameWidens(t *testing.T) {
	a := small()
	a.sg("sg-web", "vpc-1", "in tcp/443 10.1.0.0/16", "out all 0.0.0.0/0")
	a.eni("eni-web", "subnet-a", "sg-web", "10.1.1.10")
	a.eni("eni-b", "subnet-b", "sg-web", "10.1.2.20")
	a.flow("eni-web in tcp/443 10.1.2.20")
	a.flow("eni-b out tcp/443 10.1.1.10")
	a.flow("eni-b out tcp/8443 10.1.1.10")
	id := a.flow("eni-web in tcp/8443 10.1.2.20", rejected)
	s := a.snapshot(t)
	if c := newPlan().build(t, s, a.flows); slices.ContainsFunc(c.Changes, func(x Change) bool { return x.Widens }) {
		t.Error("a REJECT alone widens")
	}
	p := newPlan()
	p.approve = []string{id}
	c := p.build(t, s, a.flows)
	wantPromises(t, c)
	i := slices.IndexFunc(c.Changes, func(x Change) bool { return x.Widens })
	if i < 0 || c.Changes[i].Words() != "add ingress tcp/8443 from 10.1.2.20/32" || c.Changes[i].Risk != "high" {
		t.Errorf("changes:\n%s", strings.Join(words(c, "sg-web"), "\n"))
	}
	after, err := Applied(s, c.Changes)
	if err != nil {
		t.Fatal(err)
	}
	if v := after.Flow(topology.FlowQuery{From: topology.End{ENI: "eni-b"}, To: topology.End{ENI: "eni-web"}, Columns: netset.PortColumns(netset.TCP, 8443, 8443)}); !v.Admitted() {
		t.Errorf("the demand does not pass: %+v", v)
	}
}

func TestWideningWhereAllowed(t *testing.T) {
	a := small()
	var rules []string
	for i := range 5 {
		rules = append(rules, fmt.Sprintf("in tcp/443 10.1.2.%d/30", 16*i))
	}
	a.sg("sg-web", "vpc-1", rules...)
	a.eni("eni-web", "subnet-a", "sg-web", "10.1.1.10")
	for i := range 5 {
		a.flow(fmt.Sprintf("eni-web in tcp/443 10.1.2.%d", 16*i+1))
	}
	p := newPlan()
	p.scope = []string{"sg-web"}
	p.policy.MaxRules = map[string]int{"sg-web": 2}
	c := p.build(t, a.snapshot(t), a.flows)
	wantPromises(t, c)
	o := outcome(t, c, "sg-web ingress ipv4")
	if o.Outcome != target.OutcomeCannot || len(o.Frontier) == 0 || o.Frontier[0].Rules < 3 {
		t.Errorf("without widening: %s (%s), frontier %v", o.Outcome, o.Reason, o.Frontier)
	}
	wantFinding(t, c, target.OutcomeCannot, "sg-web ingress ipv4")
	p.policy.AllowWidening = true
	c = p.build(t, a.snapshot(t), a.flows)
	wantPromises(t, c)
	if o = outcome(t, c, "sg-web ingress ipv4"); o.Outcome != target.OutcomeChanged || o.RulesAfter > 2 {
		t.Errorf("with widening: %s, %d rules", o.Outcome, o.RulesAfter)
	}
	if !slices.ContainsFunc(c.Changes, func(x Change) bool { return x.Widens && x.Risk == "high" }) {
		t.Error("no change says that it widens")
	}
}

// TestNotFollowed: a flow whose path the snapshot does not hold keeps what its
// own group and ACL admit, and is listed with the reason.
func TestNotFollowed(t *testing.T) {
	a := small()
	a.sg("sg-web", "vpc-1", "in tcp/443 0.0.0.0/0", "out tcp/443 0.0.0.0/0")
	a.eni("eni-web", "subnet-a", "sg-web", "10.1.1.10")
	id := a.flow("eni-web out tcp/443 172.16.5.5") // no route leads there
	c := newPlan().build(t, a.snapshot(t), a.flows)
	wantPromises(t, c)
	if len(c.NotFollowed) != 1 || c.NotFollowed[0].Flow != id || !strings.Contains(c.NotFollowed[0].Reason, "NO_ROUTE") {
		t.Errorf("not followed: %v", c.NotFollowed)
	}
	wantWords(t, c, "sg-web", "remove ingress tcp/443 from 0.0.0.0/0",
		"add egress tcp/443 to 172.16.5.5/32", "remove egress tcp/443 to 0.0.0.0/0")
	for _, w := range []string{"add ingress 200 allow tcp/1024-65535 from 172.16.5.5/32", "add egress 200 allow tcp/443 to 172.16.5.5/32"} {
		if !slices.Contains(words(c, "acl-0"), w) {
			t.Errorf("no %q among %v", w, words(c, "acl-0"))
		}
	}
}

// TestTransitSubnetACL: the ACL of the subnet where a transit gateway is
// attached is crossed by flows whose ends lie elsewhere.
func TestTransitSubnetACL(t *testing.T) {
	a := &account{}
	for v := 1; v <= 2; v++ {
		vpc := fmt.Sprintf("vpc-%d", v)
		a.vpc(vpc, fmt.Sprintf("10.%d.0.0/16", v))
		a.route(vpc, "10.0.0.0/8", "tgw-1")
		a.subnet(fmt.Sprintf("subnet-%d", v), vpc, fmt.Sprintf("10.%d.1.0/24", v))
		a.subnet(fmt.Sprintf("subnet-t%d", v), vpc, fmt.Sprintf("10.%d.9.0/28", v))
		a.acl("acl-"+vpc, vpc, "")
		a.acl("acl-t"+vpc, vpc, fmt.Sprintf("subnet-t%d", v), "in 100 allow all 0.0.0.0/0", "out 100 allow all 0.0.0.0/0")
		a.sg("sg-"+vpc, vpc, "in tcp/443 10.0.0.0/8", "out tcp/443 10.0.0.0/8")
		a.eni(fmt.Sprintf("eni-%d", v), fmt.Sprintf("subnet-%d", v), "sg-"+vpc, fmt.Sprintf("10.%d.1.10", v))
	}
	a.transit("subnet-t1", "subnet-t2")
	a.flow("eni-1 out tcp/443 10.2.1.10")
	a.flow("eni-2 in tcp/443 10.1.1.10")
	s := a.snapshot(t)
	c := newPlan().build(t, s, a.flows)
	wantPromises(t, c)
	wantWords(t, c, "acl-tvpc-1",
		"add ingress 200 allow tcp/443 from 10.1.1.10/32", "remove ingress 100 allow all from 0.0.0.0/0",
		"add egress 200 allow tcp/1024-65535 to 10.1.1.10/32", "remove egress 100 allow all to 0.0.0.0/0")
	wantWords(t, c, "acl-tvpc-2",
		"add ingress 200 allow tcp/1024-65535 from 10.2.1.10/32", "remove ingress 100 allow all from 0.0.0.0/0",
		"add egress 200 allow tcp/443 to 10.2.1.10/32", "remove egress 100 allow all to 0.0.0.0/0")
}

func TestRemovalNamesWhatItCuts(t *testing.T) {
	a := small()
	a.sg("sg-web", "vpc-1", "in tcp/443 10.0.0.0/8", "out all 0.0.0.0/0")
	a.eni("eni-web", "subnet-a", "sg-web", "10.1.1.10")
	a.flow("eni-web in tcp/443 10.1.2.20")
	p := newPlan()
	p.scope = []string{"sg-web"}
	a.flow("eni-web in tcp/443 10.3.3.3")
	s := a.snapshot(t)
	ev := analyze.Evidence{Snapshots: []analyze.SnapshotAt{{Snapshot: s, Time: windowStart}}, Policy: analyze.DefaultPolicy()}
	ev.Policy.Exclude = []analyze.Exclusion{{Name: "partners", Zone: "partner"}}
	ev.Policy.Zones = []analyze.Zone{{Name: "partner", Prefixes: pfx("10.3.0.0/16")}}
	o := analyze.Reobserve(a.flows, ev, analyze.Window{})
	ts, _, err := target.Build(target.Input{Snapshot: s, Flows: o.Flows, Policy: p.policy, Scope: p.scope})
	if err != nil {
		t.Fatal(err)
	}
	rs, err := target.Solve(t.Context(), ts, target.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := Build(t.Context(), Input{Snapshot: s, Flows: o.Flows, Results: rs, Policy: p.policy})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(c.Changes, func(x Change) bool { return x.Kind == RuleRemove && x.Before.CIDR == "10.0.0.0/8" })
	got := c.Changes[i]
	if want := "replaced by ingress tcp/443 from 10.1.2.20/32; 1 flow that is not approved will be cut: 10.3.3.3 -> 10.1.1.10 tcp/443"; got.Reason != want || got.Risk != "high" {
		t.Errorf("risk %s, reason %q, want %q", got.Risk, got.Reason, want)
	}
	if len(c.NotApproved) != 1 || c.NotApproved[0].Reason != "policy: partners" {
		t.Errorf("not approved: %v", c.NotApproved)
	}
}
