package changeset

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/flowcover/flowcover/optimize"
	"github.com/flowcover/flowcover/optimize/target"
	"github.com/flowcover/flowcover/topology/netset"
)

// spoilt gives an account with a group and its answers to spoil.
func spoilt(t *testing.T, spoil func(r *target.Result)) *Changeset {
	t.Helper()
	a := small()
	a.sg("sg-web", "vpc-1", "in tcp/443 10.0.0.0/8", "in tcp/22 10.1.0.0/16", "out all 0.0.0.0/0")
	a.eni("eni-web", "subnet-a", "sg-web", "10.1.1.10")
	a.eni("eni-b", "subnet-b", "sg-web", "10.1.2.20")
	a.flow("eni-web in tcp/443 10.1.2.20")
	a.flow("eni-web in tcp/443 10.1.2.77")
	a.flow("eni-web in tcp/22 10.1.1.99", rejected)
	a.flow("eni-b out tcp/443 10.1.1.10")
	p := newPlan()
	p.policy.Forbidden = netset.Of(netset.Block{Prefix: netip.MustParsePrefix("10.1.3.0/24"), Columns: netset.AllColumns()})
	p.corrupt = func(rs []target.Result) {
		for i := range rs {
			if rs[i].ID == "sg-web ingress ipv4" {
				spoil(&rs[i])
			}
		}
	}
	return p.build(t, a.snapshot(t), a.flows)
}

// TestPromiseCheckersSeeDamage: an answer that is spoilt on purpose breaks the
// promise that it should, with words that name the case.
func TestPromiseCheckersSeeDamage(t *testing.T) {
	block := func(prefix string, port uint16) optimize.ChosenRule {
		return optimize.ChosenRule{Rule: optimize.Rule{Price: 1, Block: netset.Block{
			Prefix: netip.MustParsePrefix(prefix), Columns: netset.PortColumns(netset.TCP, port, port)}}}
	}
	for _, tc := range []struct {
		name    string
		spoil   func(*target.Result)
		promise string
		says    string
	}{
		{"whole", func(*target.Result) {}, "", ""},
		{"a rule dropped", func(r *target.Result) { r.Rules = r.Rules[1:] }, PromiseAdmits, "10.1.2.20 -> 10.1.1.10 tcp/443 (f-eni-web-in-tcp.443-10.1.2.20): after c-"},
		{"a prefix widened", func(r *target.Result) {
			r.Rules[0].Prefix = netip.MustParsePrefix("0.0.0.0/0")
		}, PromiseNoWiden, "sg-web ingress opens tcp/443 "},
		{"a port added", func(r *target.Result) { r.Rules = append(r.Rules, block("10.1.2.0/24", 3306)) }, PromiseNoWiden, "tcp/3306 10.1.2.0/24"},
		{"a forbidden network opened", func(r *target.Result) { r.Rules = append(r.Rules, block("10.1.0.0/16", 443)) }, PromiseForbidden, "tcp/443 10.1.3.0/24, which is forbidden"},
		{"over the quota", func(r *target.Result) {
			r.Quota = 1
			r.Before = 1
		}, PromiseQuotas, "sg-web ingress ipv4 would count 2 rules; at most 1"},
		{"an excess misstated", func(r *target.Result) { r.Excess = r.ExcessBefore }, PromiseLeast, "its rules open 0 beyond"},
		{"a bound above", func(r *target.Result) { r.Bound, r.Proven = r.ExcessBefore, false }, PromiseLeast, "above its excess"},
		{"proven without a bound", func(r *target.Result) { r.Bound, r.Proven = nil, true }, PromiseLeast, "called proven"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := spoilt(t, func(r *target.Result) {
				tc.spoil(r)
				r.Price = len(r.Rules)
			})
			found := tc.promise == ""
			for _, p := range c.Promises {
				all := strings.Join(p.Counterexamples, "\n")
				switch {
				case p.ID == tc.promise:
					found = !p.Holds && strings.Contains(all, tc.says)
					if !found {
						t.Errorf("promise %s: holds %v, says:\n%s\nwant %q", p.ID, p.Holds, all, tc.says)
					}
				case tc.promise == "" && !p.Holds:
					t.Errorf("promise %s: %s", p.ID, all)
				}
			}
			if !found && !t.Failed() {
				t.Errorf("promise %q is not in the document", tc.promise)
			}
		})
	}
}

// TestWideningIsMarked: Build marks each change that opens more than today.
func TestWideningIsMarked(t *testing.T) {
	c := spoilt(t, func(r *target.Result) { r.Rules[0].Prefix = netip.MustParsePrefix("10.0.0.0/7") })
	marked := 0
	for _, ch := range c.Changes {
		if ch.Widens {
			marked++
		}
	}
	if marked != 1 {
		t.Errorf("%d changes are marked as widening, want 1", marked)
	}
}

// TestStepsAreChecked: an order that closes before it opens breaks the first
// promise even though the end is right.
func TestStepsAreChecked(t *testing.T) {
	a := small()
	a.sg("sg-web", "vpc-1", "in tcp/443 10.0.0.0/8", "out all 0.0.0.0/0")
	a.eni("eni-web", "subnet-a", "sg-web", "10.1.1.10")
	a.eni("eni-b", "subnet-b", "sg-web", "10.1.2.20")
	a.flow("eni-web in tcp/443 10.1.2.20")
	a.flow("eni-b out tcp/443 10.1.1.10")
	s := a.snapshot(t)
	c := newPlan().build(t, s, a.flows)
	wantPromises(t, c)
	b := rebuild(t, s, a, c)
	var opens, closes []Change
	for _, ch := range c.Changes {
		ch.Requires = nil
		if ch.Before == nil {
			opens = append(opens, ch)
		} else {
			closes = append(closes, ch)
		}
	}
	b.out.Changes = append(closes, opens...)
	b.out.Promises = nil
	if err := b.promises(t.Context()); err != nil {
		t.Fatal(err)
	}
	p := b.out.Promises[0]
	if p.ID != PromiseAdmits || p.Holds {
		t.Errorf("promise %s holds for an order that cuts", p.ID)
	}
	if _, err := Applied(s, b.out.Changes); err != nil {
		t.Errorf("the end itself should stand: %v", err)
	}
}
