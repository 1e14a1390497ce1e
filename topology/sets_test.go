package topology

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/flowcover/flowcover/topology/netset"
)

// randomWorld is a small account with rules drawn from few addresses and few
// ports, so that they meet often.
func randomWorld(r *rand.Rand) *world {
	w := &world{}
	w.vpc("vpc-a", "10.0.0.0/24", "2001:db8::/56")
	w.vpc("vpc-b", "10.1.0.0/24")
	w.subnet("subnet-a1", "vpc-a", "az1", "10.0.0.0/27", "2001:db8::/64")
	w.subnet("subnet-a2", "vpc-a", "az2", "10.0.0.32/27")
	w.subnet("subnet-b1", "vpc-b", "az1", "10.1.0.0/27")
	w.list("pl-1", "10.0.0.0/29", "10.1.0.8/30")
	w.tgw("tgw-1")
	w.r.TransitGateways[0].SecurityGroupReferencing = r.IntN(2) == 0
	for _, v := range []string{"a", "b"} {
		w.attach("tgw-attach-"+v, "tgw-1", "vpc-"+v, "tgw-rtb-1", "subnet-"+v+"1").SecurityGroupReferencing = r.IntN(4) > 0
	}
	w.transitTable("tgw-rtb-1", "tgw-1", "tgw-attach-a tgw-attach-b")
	w.table("rtb-a", "vpc-a", "", "10.1.0.0/24 tgw-1", "0.0.0.0/0 igw-a")
	w.table("rtb-b", "vpc-b", "", "10.0.0.0/24 tgw-1")
	w.gateway(Gateway{ID: "igw-a", Kind: KindInternet, VPC: "vpc-a"})
	peers := []string{"0.0.0.0/0", "10.0.0.0/27", "10.0.0.4/31", "10.1.0.0/24", "10.0.0.8/32", "::/0", "2001:db8::/64", "sg-1", "sg-2", "pl-1", "8.8.8.8/32"}
	cols := []string{"all", "tcp/80", "tcp/1-100", "tcp", "udp/53", "icmp/8:0", "icmp", "50", "tcp/1024-65535", "udp/1024-65535"}
	for i := 1; i <= 3; i++ {
		var rules []string
		for range r.IntN(6) {
			rules = append(rules, []string{"in", "out"}[r.IntN(2)]+" "+cols[r.IntN(len(cols))]+" "+peers[r.IntN(len(peers))])
		}
		w.sg(fmt.Sprintf("sg-%d", i), []string{"vpc-a", "vpc-b"}[i/3], rules...)
	}
	for i, sub := range []string{"subnet-a1", "subnet-a2", "subnet-b1"} {
		entries := []string{}
		for n := 1; n <= 3+r.IntN(5); n++ {
			verb := "allow"
			if r.IntN(4) == 0 {
				verb = "deny"
			}
			for _, d := range []string{"in", "out"} {
				p := peers[r.IntN(7)]
				if r.IntN(2) == 0 {
					p = "0.0.0.0/0"
				}
				entries = append(entries, fmt.Sprintf("%s %d %s %s %s", d, n, verb, cols[r.IntN(len(cols))], p))
			}
		}
		w.acl(fmt.Sprintf("acl-%d", i), "vpc-"+sub[7:8], sub, entries...)
	}
	w.eni("eni-1", "subnet-a1", "sg-1", "10.0.0.4=203.0.113.4", "2001:db8::4")
	w.eni("eni-2", "subnet-a1", "sg-1 sg-2", "10.0.0.5")
	w.eni("eni-3", "subnet-a2", "sg-2", "10.0.0.36")
	w.eni("eni-4", "subnet-b1", "sg-3", "10.1.0.8")
	return w
}

func randomAddr(r *rand.Rand) netip.Addr {
	all := []string{"10.0.0.4", "10.0.0.5", "10.0.0.8", "10.0.0.36", "10.1.0.8", "10.1.0.9", "8.8.8.8", "9.9.9.9", "2001:db8::4", "2001:db8:ffff::1"}
	return netip.MustParseAddr(all[r.IntN(len(all))])
}

func randomColumn(r *rand.Rand) netset.Column {
	all := []netset.Column{netset.ColumnOf(netset.TCP, 80), netset.ColumnOf(netset.TCP, 100), netset.ColumnOf(netset.TCP, 101), netset.ColumnOf(netset.TCP, 1024),
		netset.ColumnOf(netset.UDP, 53), netset.ColumnOf(netset.ICMP, 8<<8), netset.ColumnOf(netset.ICMP, 13<<8), netset.ColumnOf(50, 0), netset.ColumnOf(47, 0)}
	return all[r.IntN(len(all))]
}

// The sets and the single questions are two ways to the same answer.
func TestSetsAgreeWithSingleQuestions(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 60 {
		s := randomWorld(r).build(t)
		for _, d := range []Direction{Ingress, Egress} {
			for i := range 3 {
				sg, acl := fmt.Sprintf("sg-%d", i+1), fmt.Sprintf("acl-%d", i)
				group, list := s.GroupOpens(sg, d), s.ACLOpens(acl, d)
				for range 60 {
					a, c := randomAddr(r), randomColumn(r)
					if got, want := len(s.GroupAdmits(sg, d, a, c)) > 0, group.Contains(a, c); got != want {
						g, _ := s.SecurityGroup(sg)
						t.Fatalf("%s %s %s %v: GroupAdmits says %v, GroupOpens %v\n%+v", sg, d, a, c, got, want, g.Rules)
					}
					if _, got := s.ACLDecides(acl, d, a, c); got != list.Contains(a, c) {
						t.Fatalf("%s %s %s %v: ACLDecides says %v, ACLOpens the opposite", acl, d, a, c, got)
					}
				}
			}
		}
	}
}

// For an interval the ACL admits what it admits for each of its columns.
func TestACLIntervalsAgreeWithSets(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for range 60 {
		s := randomWorld(r).build(t)
		for range 100 {
			acl, d, a := fmt.Sprintf("acl-%d", r.IntN(3)), []Direction{Ingress, Egress}[r.IntN(2)], randomAddr(r)
			p := []netset.Protocol{netset.TCP, netset.UDP}[r.IntN(2)]
			from := uint16(r.IntN(2000))
			cols := netset.PortColumns(p, from, from+uint16(r.IntN(60000)))
			_, refused, got := s.aclDecides(acl, d, a, cols)
			open := s.ACLOpens(acl, d)
			want := open.ContainsBlock(netset.Block{Prefix: netip.PrefixFrom(a, a.BitLen()), Columns: cols})
			if got != want {
				t.Fatalf("%s %s %s %s: %v, the set says %v", acl, d, a, cols, got, want)
			}
			if !got && (!cols.Contains(refused) || open.OverlapsBlock(netset.Block{Prefix: netip.PrefixFrom(a, a.BitLen()), Columns: refused})) {
				t.Fatalf("%s %s %s %s: says that %s is refused, the set opens some of it", acl, d, a, cols, refused)
			}
		}
	}
}

// Flow and Trace agree, and what they say of rules and entries agrees with the
// sets at each crossing.
func TestFlowAgreesWithTraceAndSets(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	ends := map[Disposition]int{}
	for range 60 {
		s := randomWorld(r).build(t)
		for range 60 {
			from, to := randomAddr(r), randomAddr(r)
			if from.Is6() != to.Is6() {
				continue
			}
			c := netset.ColumnOf(netset.TCP, []uint16{80, 101, 1024}[r.IntN(3)])
			traced, err := s.Trace(Query{From: from.String(), To: to.String(), Protocol: netset.TCP, Port: int(c.Port())})
			if err != nil {
				t.Fatal(err)
			}
			v := s.Flow(FlowQuery{From: End{Addr: from}, To: End{Addr: to}, Columns: netset.Columns{First: c, Last: c}})
			if v.Err != nil || v.Request != traced.Disposition || v.Reply != traced.Reply.Disposition {
				t.Fatalf("%s to %s: Flow says %s %s %v, Trace %s %s", from, to, v.Request, v.Reply, v.Err, traced.Disposition, traced.Reply.Disposition)
			}
			ends[v.Request]++
			for _, check := range append(v.RequestChecks, v.ReplyChecks...) {
				b := netset.Block{Prefix: netip.PrefixFrom(check.Remote, check.Remote.BitLen()), Columns: check.Columns}
				switch check.Kind {
				case KindACLEntry:
					if s.ACLOpens(check.Resource, check.Direction).ContainsBlock(b) != check.Allow {
						t.Fatalf("%s to %s: %+v, the set says otherwise", from, to, check)
					}
				case KindSGRule:
					n, _ := s.Interface(check.ENI)
					opens := netset.Of()
					for _, g := range n.Groups {
						opens = opens.Union(s.GroupOpens(g, check.Direction))
					}
					// The sets follow references from every VPC that could come;
					// the walk knows which way the packet came.
					if check.Allow && !opens.ContainsBlock(b) {
						t.Fatalf("%s to %s: %+v, the sets open it not", from, to, check)
					}
					if !check.Allow && opens.ContainsBlock(b) {
						t.Fatalf("%s to %s: %+v, the sets open it", from, to, check)
					}
				}
			}
		}
	}
	for _, d := range []Disposition{Accepted, DeniedIn, DeniedOut, ExitsNetwork, NeighborUnreachable, NullRouted} {
		if ends[d] == 0 {
			t.Errorf("no flow ended %s: the test has lost its reach (%v)", d, ends)
		}
	}
}

// A fresh snapshot is asked by several at once; what is made on first use is
// made once (the race detector watches).
func TestSnapshotIsSafeForConcurrentUse(t *testing.T) {
	s := randomWorld(rand.New(rand.NewPCG(13, 14))).build(t)
	want := randomWorld(rand.New(rand.NewPCG(13, 14))).build(t)
	results := make(chan string, 8)
	for range 8 {
		go func() {
			got, err := s.Trace(Query{From: "10.0.0.4", To: "10.1.0.8", Protocol: netset.TCP, Port: 80})
			results <- fmt.Sprint(strip(got), err, s.Digest(), s.GroupOpens("sg-1", Ingress).Blocks(), s.ACLOpens("acl-0", Egress).Blocks())
		}()
	}
	got, err := want.Trace(Query{From: "10.0.0.4", To: "10.1.0.8", Protocol: netset.TCP, Port: 80})
	alone := fmt.Sprint(strip(got), err, want.Digest(), want.GroupOpens("sg-1", Ingress).Blocks(), want.ACLOpens("acl-0", Egress).Blocks())
	for range 8 {
		if together := <-results; together != alone {
			t.Errorf("asked together:\n%s\nasked alone:\n%s", together, alone)
		}
	}
}

// strip replaces pointers by what they point to, so that text compares.
func strip(r Result) string {
	var out string
	for _, leg := range []Leg{r.Leg, r.Reply} {
		out += fmt.Sprint(leg.Disposition, leg.Path, leg.Notes)
		for _, h := range leg.Hops {
			if h.Rule != nil {
				out += h.Rule.String()
			}
			out += h.Kind + h.Resource + h.Verdict + h.Detail + h.Nearest
		}
	}
	return out
}
