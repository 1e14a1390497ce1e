package changeset

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/flowcover/flowcover/optimize/target"
	"github.com/flowcover/flowcover/topology"
)

// full gives a group whose ingress stands at its quota: live rules, each needed
// by one flow, and idle ones.
func full(quota, live, idle int) *account {
	a := small()
	var rules []string
	for i := range live {
		rules = append(rules, fmt.Sprintf("in tcp/443 10.1.2.%d/30", 4*i))
	}
	for i := range idle {
		rules = append(rules, fmt.Sprintf("in tcp/443 10.9.%d.0/24", i))
	}
	a.sg("sg-web", "vpc-1", append(rules, "out all 0.0.0.0/0")...)
	a.eni("eni-web", "subnet-a", "sg-web", "10.1.1.10")
	for i := range live {
		a.flow(fmt.Sprintf("eni-web in tcp/443 10.1.2.%d", 4*i+1))
	}
	a.r.Quotas = append(a.r.Quotas, topology.Quota{Scope: home, Code: target.CodeRulesPerGroup, Value: quota})
	return a
}

func kinds(c *Changeset, id string, dir topology.Direction) string {
	var out []string
	for i := range c.Changes {
		if ch := &c.Changes[i]; ch.Target == id && ch.direction() == dir {
			out = append(out, map[string]string{RuleAdd: "+", RuleRemove: "-", EntryAdd: "+", EntryRemove: "-", EntryReplace: "="}[ch.Kind])
		}
	}
	return strings.Join(out, "")
}

func outcome(t *testing.T, c *Changeset, id string) Target {
	t.Helper()
	i := slices.IndexFunc(c.Targets, func(x Target) bool { return x.ID == id })
	if i < 0 {
		t.Fatalf("no target %s", id)
	}
	return c.Targets[i]
}

func TestGroupOrderUnderTheQuota(t *testing.T) {
	for _, tc := range []struct {
		name              string
		quota, live, idle int
		kinds, outcome    string
	}{
		{"room for all", 20, 4, 2, "++++------", "changed"},
		{"idle rules make room", 6, 4, 2, "-+-+-+-+--", ""},
		{"one place is enough", 5, 4, 0, "+-+-+-+-", ""},
		{"no place at all", 4, 4, 0, "", "cannot-be-met"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := full(tc.quota, tc.live, tc.idle)
			p := newPlan()
			p.scope = []string{"sg-web"}
			s := a.snapshot(t)
			c := p.build(t, s, a.flows)
			wantPromises(t, c)
			got := kinds(c, "sg-web", topology.Ingress)
			if tc.name == "room for all" && got != tc.kinds {
				t.Errorf("order %s, want %s", got, tc.kinds)
			}
			if strings.Count(got, "+") != strings.Count(tc.kinds, "+") || strings.Count(got, "-") != strings.Count(tc.kinds, "-") {
				t.Errorf("order %s, want as many steps as %s", got, tc.kinds)
			}
			if o := outcome(t, c, "sg-web ingress ipv4"); tc.outcome != "" && o.Outcome != tc.outcome {
				t.Errorf("outcome %s (%s), want %s", o.Outcome, o.Reason, tc.outcome)
			}
			steps, err := Steps(c, s)
			if err != nil {
				t.Fatal(err)
			}
			for _, st := range steps {
				for _, n := range st.After {
					if n.Rules > n.Quota {
						t.Errorf("after %s: %d rules of %d", st.Text, n.Rules, n.Quota)
					}
				}
			}
			wantRequires(t, c)
			wantSubsets(t, s, a, c, rand.New(rand.NewPCG(1, 2)))
		})
	}
}

// wantSubsets: any part of the changes that has what each of it requires, as a
// review may approve it, fits the world, passes no quota, widens nothing and
// cuts no approved flow at any step.
func wantSubsets(t *testing.T, s *topology.Snapshot, a *account, c *Changeset, r *rand.Rand) {
	t.Helper()
	for range 6 {
		approved := map[string]bool{}
		part := *c
		part.Changes, part.Promises = nil, nil
		for _, ch := range c.Changes {
			ok := r.IntN(4) > 0
			for _, need := range ch.Requires {
				ok = ok && approved[need]
			}
			if approved[ch.ID] = ok; ok {
				part.Changes = append(part.Changes, ch)
			}
		}
		if err := part.validate(); err != nil {
			t.Fatal(err)
		}
		b := rebuild(t, s, a, &part)
		b.Policy.NACLPerFamily = c.Parameters[ParamNACLPerFamily] == "true"
		if err := b.promises(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantPromises(t, &part)
	}
}

// wantRequires: what a change requires stands before it.
func wantRequires(t *testing.T, c *Changeset) {
	t.Helper()
	at := map[string]int{}
	for i, ch := range c.Changes {
		for _, r := range ch.Requires {
			if j, ok := at[r]; !ok || j >= i {
				t.Errorf("%s requires %s, which does not stand before it", ch.ID, r)
			}
		}
		at[ch.ID] = i
	}
}

func TestRemovalRequiresWhatTakesOver(t *testing.T) {
	a := full(60, 2, 1)
	p := newPlan()
	p.scope = []string{"sg-web"}
	c := p.build(t, a.snapshot(t), a.flows)
	add := map[string]string{}
	for _, ch := range c.Changes {
		if ch.Kind == RuleAdd && ch.After.Direction == topology.Ingress {
			add[ch.After.CIDR] = ch.ID
		}
	}
	for _, ch := range c.Changes {
		if ch.Kind != RuleRemove || ch.Before.Direction != topology.Ingress {
			continue
		}
		var want []string
		switch ch.Before.CIDR {
		case "10.1.2.0/30":
			want = []string{add["10.1.2.1/32"]}
		case "10.1.2.4/30":
			want = []string{add["10.1.2.5/32"]}
		}
		if !slices.Equal(ch.Requires, want) {
			t.Errorf("%s requires %v, want %v", ch.Words(), ch.Requires, want)
		}
	}
}

// guarded gives an ACL with so many entries, each needed by one flow, and a
// flow whose peers lie inside them.
func guarded(quota, entries int, idle ...string) *account {
	a := small()
	a.subnet("subnet-c", "vpc-1", "10.1.3.0/24")
	var lines []string
	for i := range entries {
		lines = append(lines, fmt.Sprintf("in %d allow tcp/443 10.1.2.%d/30", 10+i, 4*i))
	}
	lines = append(lines, idle...)
	lines = append(lines, "out 100 allow all 0.0.0.0/0")
	a.acl("acl-c", "vpc-1", "subnet-c", lines...)
	a.sg("sg-web", "vpc-1", "in tcp/443 10.0.0.0/8", "out all 0.0.0.0/0")
	a.eni("eni-c", "subnet-c", "sg-web", "10.1.3.10")
	for i := range entries {
		a.flow(fmt.Sprintf("eni-c in tcp/443 10.1.2.%d", 4*i+1))
	}
	a.r.Quotas = append(a.r.Quotas, topology.Quota{Scope: home, Code: target.CodeRulesPerACL, Value: quota + 1})
	return a
}

func TestACLOrderUnderTheQuota(t *testing.T) {
	for _, tc := range []struct {
		name    string
		a       *account
		kinds   string
		outcome string
	}{
		{"room for all", guarded(10, 3), "+++---", "changed"},
		{"one place", guarded(4, 3), "+-+-+-", "changed"},
		{"swaps on the same number", guarded(3, 3), "===", "changed"},
		{"an idle entry gives its place", guarded(4, 3, "in 90 allow tcp/22 10.9.0.0/16"), "-+-+-+-", "changed"},
		{"denies go last", guarded(10, 3, "in 5 deny tcp/443 10.1.2.2/32", "in 50 allow tcp/443 10.9.0.0/16"), "+++-----", "changed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newPlan()
			p.scope = []string{"acl-c"}
			s := tc.a.snapshot(t)
			c := p.build(t, s, tc.a.flows)
			wantPromises(t, c)
			if got := kinds(c, "acl-c", topology.Ingress); got != tc.kinds {
				t.Errorf("order %s, want %s:\n%s", got, tc.kinds, strings.Join(words(c, "acl-c"), "\n"))
			}
			if o := outcome(t, c, "acl-c ingress ipv4"); o.Outcome != tc.outcome {
				t.Errorf("outcome %s (%s), want %s", o.Outcome, o.Reason, tc.outcome)
			}
			wantRequires(t, c)
			wantSubsets(t, s, tc.a, c, rand.New(rand.NewPCG(1, 2)))
		})
	}
}

func TestNumbersAreSpacedLongestPrefixFirst(t *testing.T) {
	a := guarded(10, 3)
	a.flow("eni-c in tcp/443 10.1.2.2")
	p := newPlan()
	p.scope = []string{"acl-c"}
	c := p.build(t, a.snapshot(t), a.flows)
	wantPromises(t, c)
	last, bits := 0, 33
	for _, r := range outcome(t, c, "acl-c egress ipv4").Rules {
		var n int
		if _, err := fmt.Sscanf(r.CIDR[strings.Index(r.CIDR, "/"):], "/%d", &n); err != nil {
			t.Fatal(err)
		}
		if r.Number%100 != 0 || r.Number <= last || n > bits {
			t.Errorf("entry %s after %d with /%d", r.String(), last, bits)
		}
		last, bits = r.Number, n
	}
	if last == 0 {
		t.Error("no entries")
	}
}

// TestFullListIsReachedInPhases: one wide rule, in use, cannot become as many
// exact ones as the quota allows, since one place is missing on the way. The
// plan goes as far as can be gone, and the next finds nothing to do.
func TestFullListIsReachedInPhases(t *testing.T) {
	for quota := 3; quota <= 8; quota++ {
		t.Run(fmt.Sprint(quota), func(t *testing.T) {
			a := small()
			a.sg("sg-web", "vpc-1", "in tcp/443 10.1.2.0/24", "out all 0.0.0.0/0")
			a.eni("eni-web", "subnet-a", "sg-web", "10.1.1.10")
			for i := range 7 {
				a.flow(fmt.Sprintf("eni-web in tcp/443 10.1.2.%d", 5+31*i))
			}
			a.r.Quotas = append(a.r.Quotas, topology.Quota{Scope: home, Code: target.CodeRulesPerGroup, Value: quota})
			p := newPlan()
			p.scope = []string{"sg-web"}
			s := a.snapshot(t)
			c := p.build(t, s, a.flows)
			wantPromises(t, c)
			wantRequires(t, c)
			wantSubsets(t, s, a, c, rand.New(rand.NewPCG(1, 2)))
			o := outcome(t, c, "sg-web ingress ipv4")
			if want := min(7, quota-1); o.RulesAfter != want || o.Outcome != target.OutcomeChanged {
				t.Errorf("%s: %d rules, want %d (%s)", o.Outcome, o.RulesAfter, want, o.Reason)
			}
			after, err := Applied(s, c.Changes)
			if err != nil {
				t.Fatal(err)
			}
			if second := p.build(t, after, a.flows); len(second.Changes) > 0 {
				t.Errorf("the second plan proposes %s", strings.Join(words(second, "sg-web"), "; "))
			}
		})
	}
}
