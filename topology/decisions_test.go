package topology

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
)

// On random accounts every rule that decided is the one that a plain reading
// of the resources gives, and Trace and Flow say the same.
func TestDecisionsOnRandomAccounts(t *testing.T) {
	r := rand.New(rand.NewPCG(31, 32))
	counts := map[Disposition]int{}
	replies := map[Disposition]int{}
	for range 60 {
		s := wideWorld(r).build(t)
		for range 150 {
			q := Query{From: s.r.Interfaces[r.IntN(len(s.r.Interfaces))].ID, To: s.r.Interfaces[r.IntN(len(s.r.Interfaces))].ID}
			switch r.IntN(4) {
			case 0:
				q.To = reachAddrs[r.IntN(len(reachAddrs))]
			case 1:
				q.From = reachAddrs[r.IntN(len(reachAddrs))]
			}
			c := reachColumns[r.IntN(len(reachColumns))]
			q.Protocol = c.Protocol()
			if q.Protocol.HasPorts() {
				q.Port = int(c.Port())
				q.SourcePort = []int{0, 0, 1024, 40000, 1023}[r.IntN(5)]
			} else if q.Protocol.HasTypes() {
				q.ICMPType, q.ICMPCode = int(c.Port()>>8), int(c.Port()&255)
			}
			got, err := s.Trace(q)
			if err != nil {
				continue // the question is not clear, such as IPv4 to IPv6
			}
			counts[got.Disposition]++
			replies[got.Reply.Disposition]++
			for _, f := range DecisionFaults(s, q) {
				t.Errorf("%+v: %s", q, f)
			}
		}
		if t.Failed() {
			return
		}
	}
	for _, d := range Dispositions() {
		if counts[d] < 20 {
			t.Errorf("%s ends %d requests: the test has lost its reach (%v)", d, counts[d], counts)
		}
	}
	t.Log(counts, replies)
}

// The oracle sees a wrong answer: without this it could say nothing and pass.
func TestOracleSeesWrongDecisions(t *testing.T) {
	w := estate()
	w.acl("acl-x", "vpc-a", "subnet-pub", "in 1 deny tcp/22 0.0.0.0/0", "in 2 allow all 0.0.0.0/0", "out 1 allow all 0.0.0.0/0")
	s := w.build(t)
	v := s.Flow(FlowQuery{From: End{ENI: "eni-app"}, To: End{ENI: "eni-b1"}, Columns: scenario{ask: "a b tcp/443"}.columns()})
	if faults := checkFaults(s, v); len(faults) > 0 {
		t.Fatal(faults)
	}
	seen := map[string]bool{}
	for i, c := range v.RequestChecks {
		for _, wrong := range []func(*Check){
			func(c *Check) { c.Rule.Rule += "0" },
			func(c *Check) { c.Remote = netip.MustParseAddr("2001:db9::1") },
			func(c *Check) { c.Allow = false },
		} {
			bad := v
			bad.RequestChecks = slices.Clone(v.RequestChecks)
			wrong(&bad.RequestChecks[i])
			if len(checkFaults(s, bad)) == 0 {
				t.Errorf("%+v passes as a decision", bad.RequestChecks[i])
			}
			seen[c.Kind] = true
		}
	}
	if len(seen) != 4 {
		t.Errorf("only %v were tried", seen)
	}
}
