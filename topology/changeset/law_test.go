package changeset

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

// random builds a seeded account of two or three VPCs on a transit gateway with
// groups, references, a prefix list, ACLs with denies, IPv6, and its traffic.
func random(t testing.TB, seed uint64) (*account, *rand.Rand) {
	r := rand.New(rand.NewPCG(seed, 7))
	a := &account{}
	var transit, groups []string
	vpcs := 2 + r.IntN(2)
	for v := 1; v <= vpcs; v++ {
		vpc := fmt.Sprintf("vpc-%d", v)
		cidrs := []string{fmt.Sprintf("10.%d.0.0/16", v)}
		v6 := r.IntN(2) == 0
		if v6 {
			cidrs = append(cidrs, fmt.Sprintf("2001:db8:%d::/56", v))
		}
		a.vpc(vpc, cidrs...)
		a.route(vpc, "10.0.0.0/8", "tgw-1")
		a.route(vpc, "2001:db8::/32", "tgw-1")
		for n := range 3 {
			cidrs := []string{fmt.Sprintf("10.%d.%d.0/24", v, n)}
			if v6 {
				cidrs = append(cidrs, fmt.Sprintf("2001:db8:%d:%d::/64", v, n))
			}
			a.subnet(fmt.Sprintf("subnet-%d%d", v, n), vpc, cidrs...)
		}
		transit = append(transit, fmt.Sprintf("subnet-%d2", v))
		a.acl(fmt.Sprintf("acl-%d0", v), vpc, "")
		a.acl(fmt.Sprintf("acl-%d1", v), vpc, fmt.Sprintf("subnet-%d1", v), randomEntries(r, v6)...)
		var own []string
		for g := range 3 {
			id := fmt.Sprintf("sg-%d%d", v, g)
			own = append(own, id)
			groups = append(groups, id)
		}
		for _, id := range own {
			a.sg(id, vpc, randomRules(r, groups, v6)...)
		}
		for e := range 5 {
			n := r.IntN(2)
			addrs := []string{fmt.Sprintf("10.%d.%d.%d", v, n, 10+e)}
			if v6 {
				addrs = append(addrs, fmt.Sprintf("2001:db8:%d:%d::%x", v, n, 10+e))
			}
			r.Shuffle(len(own), func(i, j int) { own[i], own[j] = own[j], own[i] })
			a.eni(fmt.Sprintf("eni-%d%d", v, e), fmt.Sprintf("subnet-%d%d", v, n), strings.Join(own[:1+r.IntN(3)], " "), addrs...)
		}
	}
	a.r.PrefixLists = append(a.r.PrefixLists, topology.PrefixList{ID: "pl-1", Scope: home, Name: "hosts", Owner: home.Account, MaxEntries: 3,
		Entries: pfx("10.1.0.10/32", "10.2.0.0/24")})
	a.transit(transit...)
	randomTraffic(t, a, r)
	return a, r
}

var services = []string{"tcp/22", "tcp/443", "tcp/5432", "tcp/8080", "udp/53", "icmp", "50"}

func randomRules(r *rand.Rand, groups []string, v6 bool) []string {
	peers := []string{"0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.2.0.0/16", "10.1.0.0/24", "10.1.0.11/32", "10.2.1.12/32", "pl-1"}
	if v6 {
		peers = append(peers, "::/0", "2001:db8:1::/56", "2001:db8:2::/56")
	}
	peers = append(peers, groups...)
	cols := []string{"all", "tcp", "tcp/1-1024", "tcp/8000-9000", "icmp", "icmp/8:-1", "udp/53", "50", "tcp/443", "tcp/22"}
	seen := map[string]bool{}
	var out []string
	for range 3 + r.IntN(6) {
		dir := pick(r, []string{"in", "in", "out"})
		line := dir + " " + pick(r, cols) + " " + pick(r, peers)
		if !seen[rule(line).Key()] {
			seen[rule(line).Key()] = true
			out = append(out, line)
		}
	}
	if r.IntN(3) > 0 && !seen[rule("out all 0.0.0.0/0").Key()] {
		out = append(out, "out all 0.0.0.0/0")
	}
	return out
}

func randomEntries(r *rand.Rand, v6 bool) []string {
	var out []string
	for _, d := range []string{"in", "out"} {
		n := 50
		for range r.IntN(4) {
			out = append(out, fmt.Sprintf("%s %d %s %s %s", d, n, pick(r, []string{"allow", "deny"}),
				pick(r, []string{"tcp/443", "tcp/22", "tcp/8000-9000", "all", "udp", "icmp"}),
				pick(r, []string{"10.1.0.0/16", "10.2.1.0/24", "10.1.0.11/32", "0.0.0.0/0"})))
			n += 1 + r.IntN(60)
		}
		out = append(out, fmt.Sprintf("%s 1000 allow %s 0.0.0.0/0", d, pick(r, []string{"all", "tcp", "all"})))
		if v6 {
			out = append(out, fmt.Sprintf("%s 1001 allow all ::/0", d))
		}
	}
	return out
}

// randomTraffic adds the flows that the account admits among random ones, seen
// at both ends, some from outside, and noise that is not approved.
func randomTraffic(t testing.TB, a *account, r *rand.Rand) {
	s := a.snapshot(t)
	seen := map[string]bool{}
	add := func(line string, change ...func(*analyze.Flow)) {
		if !seen[line] {
			seen[line] = true
			a.flow(line, change...)
		}
	}
	some := shuffled(r, services)[:2+r.IntN(3)]
	for range 250 {
		from, to, svc := pick(r, a.r.Interfaces), pick(r, a.r.Interfaces), pick(r, some)
		i := r.IntN(len(to.Addresses))
		if from.ID == to.ID || i >= len(from.Addresses) {
			continue
		}
		if svc == "icmp" && i == 1 {
			svc = "icmpv6"
		}
		src, dst := from.Addresses[i], to.Addresses[i]
		outside := r.IntN(10) == 0 && i == 0
		if outside {
			src = netip.MustParseAddr(fmt.Sprintf("10.99.0.%d", r.IntN(40)))
		}
		p, port, _ := columns(svc)
		q := topology.FlowQuery{From: topology.End{ENI: from.ID, Addr: src}, To: topology.End{ENI: to.ID, Addr: dst}, Columns: netset.ProtocolColumns(p)}
		if outside {
			q.From.ENI = ""
		}
		switch {
		case p.HasPorts():
			q.Columns = netset.PortColumns(p, uint16(port), uint16(port))
		case p == netset.ICMP:
			q.Columns = netset.TypeColumns(p, 8, 0)
		case p == netset.ICMPv6:
			q.Columns = netset.TypeColumns(p, 128, 0)
		}
		in := fmt.Sprintf("%s in %s %s", to.ID, svc, src)
		switch v := s.Flow(q); {
		case v.Admitted() || outside && v.Request.Delivered():
			add(in)
			if !outside {
				add(fmt.Sprintf("%s out %s %s", from.ID, svc, dst))
			}
		case r.IntN(4) == 0:
			add(in, rejected)
		case r.IntN(8) == 0:
			add(in, unanswered)
		}
	}
}

// TestLaws: on random accounts every promise holds, what was applied admits
// every approved flow, nothing is left to do after, and the order of the input
// does not matter.
func TestLaws(t *testing.T) {
	changes, outcomes := 0, map[string]int{}
	for seed := uint64(1); seed <= 24; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			a, r := random(t, seed)
			p := newPlan()
			if r.IntN(3) == 0 {
				p.coverage = func(id string) (float64, []string) {
					if strings.HasSuffix(id, "1") {
						return 0.5, []string{"SKIPDATA in 300 of 720 hours"}
					}
					return 0.97, nil
				}
			}
			if r.IntN(3) == 0 {
				p.policy.NACLPerFamily = true
			}
			s := a.snapshot(t)
			c := p.build(t, s, a.flows)
			wantPromises(t, c)
			changes += len(c.Changes)
			for _, x := range c.Targets {
				outcomes[x.Outcome]++
			}

			wantRequires(t, c)
			wantSubsets(t, s, a, c, r)

			again := *a
			again.r = shuffledResources(r, a.r)
			again.flows = slices.Clone(a.flows)
			r.Shuffle(len(again.flows), func(i, j int) { again.flows[i], again.flows[j] = again.flows[j], again.flows[i] })
			if !bytes.Equal(encode(t, c), encode(t, p.build(t, again.snapshot(t), again.flows))) {
				t.Error("shuffled input gives other bytes")
			}

			after, err := Applied(s, c.Changes)
			if err != nil {
				t.Fatal(err)
			}
			second := p.build(t, after, a.flows)
			wantPromises(t, second)
			if len(second.Changes) != 0 {
				t.Errorf("the second plan proposes %d changes, such as %s on %s (%s)", len(second.Changes),
					second.Changes[0].Words(), second.Changes[0].Target, second.Changes[0].Reason)
			}
			if !slices.Equal(approvedIDs(c, a), approvedIDs(second, a)) {
				t.Error("the second plan approves other flows")
			}
		})
	}
	if changes < 500 || outcomes["changed"] < 100 || outcomes["insufficient-evidence"] < 10 {
		t.Errorf("the accounts are too tame: %d changes, outcomes %v", changes, outcomes)
	}
	t.Logf("%d changes, outcomes %v", changes, outcomes)
}

// approvedIDs are the flows that a plan does not list as not approved.
func approvedIDs(c *Changeset, a *account) []string {
	not := map[string]bool{}
	for _, n := range c.NotApproved {
		not[n.Flow] = true
	}
	var out []string
	for _, f := range a.flows {
		if !not[f.ID] {
			out = append(out, f.ID)
		}
	}
	slices.Sort(out)
	return out
}

func shuffledResources(r *rand.Rand, in topology.Resources) topology.Resources {
	out := in
	out.SecurityGroups = shuffled(r, in.SecurityGroups)
	for i := range out.SecurityGroups {
		out.SecurityGroups[i].Rules = shuffled(r, out.SecurityGroups[i].Rules)
	}
	out.NetworkACLs = shuffled(r, in.NetworkACLs)
	for i := range out.NetworkACLs {
		out.NetworkACLs[i].Entries = shuffled(r, out.NetworkACLs[i].Entries)
	}
	out.Interfaces = shuffled(r, in.Interfaces)
	out.Subnets = shuffled(r, in.Subnets)
	out.VPCs = shuffled(r, in.VPCs)
	return out
}

func shuffled[T any](r *rand.Rand, in []T) []T {
	out := slices.Clone(in)
	r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}
