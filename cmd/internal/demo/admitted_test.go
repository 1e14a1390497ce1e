package demo

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

// What the table calls legitimate is what the account's rules and routes
// admit, both ways; what it calls refused they refuse.
func TestCallsAreWhatTheRulesSay(t *testing.T) {
	for _, size := range []Size{{}, {VPCs: 6, ENIs: 120}} {
		s := snapshotOf(t, account(t, 3, size))
		res := s.Resources()
		people := populate(3, s)
		for _, d := range people.dropped {
			t.Errorf("dropped: %s", d)
		}
		seen := map[string]int{}
		for i := range people.pairs {
			p := &people.pairs[i]
			q := people.query(p, p.sample)
			r, err := s.Trace(q)
			if err != nil {
				t.Errorf("%s %+v: %v", p.call.name, q, err)
				continue
			}
			seen[fmt.Sprintf("%s %s/%s", p.call.fate(), r.Disposition, r.Reply.Disposition)]++
			if why := contradicts(p, &r); why != "" {
				t.Errorf("%s (%s) %s -> %s %s/%d: %s\n request %s\n reply %s", p.call.name, p.call.fate(), q.From, q.To, q.Protocol, q.Port, why, lastHop(r.Leg), lastHop(r.Reply))
			}
		}
		t.Logf("%d VPCs, %d ENIs, %d pairs: %v", len(res.VPCs), len(res.Interfaces), len(people.pairs), seen)
	}
}

func lastHop(l topology.Leg) string {
	if len(l.Hops) == 0 {
		return string(l.Disposition)
	}
	h := l.Hops[len(l.Hops)-1]
	return fmt.Sprintf("%s at %s %s %v: %s (%s)", l.Disposition, h.Kind, h.Resource, h.Rule, h.Detail, h.Nearest)
}

// contradicts says how the trace differs from what the call's kind promises.
func contradicts(p *pair, r *topology.Result) string {
	there, back := r.Disposition.Delivered(), r.Reply.Disposition.Delivered()
	switch p.call.fate() {
	case Legit:
		if !there || !back {
			return "legitimate, and not admitted both ways"
		}
	case OneWay, Probe:
		// AWS logs an ACCEPT at a NAT gateway, which has no group, and drops it.
		if !there && p.call.to != "nat" {
			return "admitted by its kind, and refused"
		}
	case Demand, Scan:
		if r.Disposition != topology.DeniedIn {
			return "refused at the target by its kind"
		}
	case NoReply:
		if !there || back {
			return "only the reply is refused by its kind"
		}
	}
	return ""
}

// No list of rules is longer than its quota, and several come close.
func TestAccountKeepsQuotas(t *testing.T) {
	for _, size := range []Size{{}, {VPCs: 12, ENIs: 300}} {
		res := account(t, 5, size)
		lists := map[string]int{}
		for _, l := range res.PrefixLists {
			lists[l.ID] = l.MaxEntries
		}
		close := 0
		for _, g := range res.SecurityGroups {
			count := map[string]int{}
			for _, r := range g.Rules {
				for _, family := range []string{"4", "6"} {
					switch {
					case r.PrefixList != "":
						count[string(r.Direction)+family] += lists[r.PrefixList]
					case r.Group != "" || r.CIDR.Addr().Is4() == (family == "4"):
						count[string(r.Direction)+family]++
					}
				}
			}
			for side, n := range count {
				if n > 60 {
					t.Errorf("%s has %d rules of 60 (%s)", g.Name, n, side)
				}
				if n >= 55 {
					close++
				}
			}
		}
		if close < 3 {
			t.Errorf("%d groups come close to the quota, want 3", close)
		}
		for _, a := range res.NetworkACLs {
			count := map[topology.Direction]int{}
			for _, e := range a.Entries {
				if !e.DefaultDeny() {
					count[e.Direction]++
				}
			}
			if count[topology.Ingress] > 19 || count[topology.Egress] > 19 {
				t.Errorf("%s has %v entries, want at most 19", a.Tags["Name"], count)
			}
		}
		most := 0
		for _, e := range res.Interfaces {
			most = max(most, len(e.Groups))
			if len(e.Groups) > 5 {
				t.Errorf("%s has %d groups", e.ID, len(e.Groups))
			}
		}
		if most < 4 {
			t.Errorf("no ENI has four groups")
		}
	}
}

// Equal seeds give equal accounts, others do not; sizes are as asked for.
func TestAccountFollowsSeedAndSize(t *testing.T) {
	a, b, c := account(t, 1, Size{}), account(t, 1, Size{}), account(t, 2, Size{})
	if snapshotOf(t, a).Digest() != snapshotOf(t, b).Digest() {
		t.Error("one seed gave two accounts")
	}
	if snapshotOf(t, a).Digest() == snapshotOf(t, c).Digest() {
		t.Error("two seeds gave one account")
	}
	if n := len(a.Interfaces); n < 36 || n > 48 {
		t.Errorf("the smallest account has %d ENIs, want about 40", n)
	}
	if big := account(t, 1, Size{VPCs: 40, ENIs: 1500}); len(big.Interfaces) != 1500 || len(big.VPCs) != 40 {
		t.Errorf("%d ENIs in %d VPCs, want 1500 in 40", len(big.Interfaces), len(big.VPCs))
	}
	for _, n := range []int{2, maxVPCs + 1} {
		if _, err := Account(1, Size{VPCs: n}); err == nil {
			t.Errorf("%d VPCs were made", n)
		}
	}
	overlapping(t, account(t, 1, Size{VPCs: maxVPCs}))
}

// overlapping finds VPCs and subnets that share addresses.
func overlapping(t *testing.T, res topology.Resources) {
	t.Helper()
	var blocks []netset.Block
	var set *netset.Set
	for _, v := range res.VPCs {
		for _, c := range v.CIDRs {
			b := netset.Block{Prefix: c, Columns: netset.AllColumns()}
			for _, o := range blocks {
				if o.Prefix.Overlaps(c) {
					t.Fatalf("VPC blocks %s and %s overlap", o.Prefix, c)
				}
			}
			blocks = append(blocks, b)
		}
	}
	set = netset.Of(blocks...)
	seen := map[netip.Addr]string{}
	for _, e := range res.Interfaces {
		for _, a := range e.Addresses {
			if o, twice := seen[a]; twice {
				t.Errorf("%s and %s both have %s", o, e.ID, a)
			}
			seen[a] = e.ID
			if !set.Contains(a, 0) {
				t.Errorf("%s of %s lies in no VPC", a, e.ID)
			}
		}
	}
}
