package analyze

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/flowcover/flowcover/topology/netset"
)

var sameFlow = cmp.Options{cmpopts.EquateComparable(Flow{}.Local), cmpopts.EquateEmpty()}

func TestCaseTCPFlagSequence(t *testing.T) {
	recs := caseRecords(t, "aws_docs_tcp_flag_sequence.log")
	flows, _ := Settle(rollup(recs), Evidence{Policy: DefaultPolicy()})
	f := oneFlow(t, flows)
	if f.Side != In || f.Peer != addr("52.213.180.42") || f.Port != 5001 || f.Method != MethodSYN || !f.Answered || f.Records != 8 {
		t.Fatalf("got %+v", f)
	}
}

func TestCaseNATGateway(t *testing.T) {
	recs := caseRecords(t, "aws_docs_traffic_through_a_nat_gateway.log")
	for seed := range uint64(20) {
		flows, _ := Settle(rollup(shuffled(seed, recs)), Evidence{Policy: DefaultPolicy()})
		f := oneFlow(t, flows)
		if f.ENI != "eni-1111aaaa2222bbbb3" || f.Side != Out || f.Local != addr("10.0.1.5") || f.Peer != addr("203.0.113.5") || f.MiddleRecords != 2 {
			t.Fatalf("seed %d: got %+v", seed, f)
		}
	}
}

func TestCaseV2Default(t *testing.T) {
	recs := caseRecords(t, "aws_docs_v2_default.log")
	flows, _ := Settle(rollup(recs), Evidence{Policy: DefaultPolicy()})
	const e = "eni-1235b8ca123456789"
	if f := byText(t, flows, e, "172.31.16.139 -> 172.31.16.21 tcp/22", Accept); f.Method.Strong() {
		t.Errorf("v2 logs settle nothing strongly: %s", f.Method)
	}
	if f := byText(t, flows, e, "172.31.9.69 -> 172.31.9.12 tcp/3389", Reject); f.Answered {
		t.Error("a REJECT of one direction is not answered")
	}
	in := byText(t, flows, e, "203.0.113.12 -> 172.31.16.139 icmp", Accept)
	no := byText(t, flows, e, "203.0.113.12 -> 172.31.16.139 icmp", Reject)
	if in.Side != In || no.Side != In || !replyRefused(&in, &no) {
		t.Errorf("the NACL, not the group, stopped the reply: %+v %+v", in, no)
	}
	_, found := Forbidden(flows, Evidence{Policy: DefaultPolicy()})
	if !hasKind(found, "nacl-no-return") {
		t.Errorf("no finding says that a NACL lacks the return: %v", found)
	}
	byText(t, flows, e, "2001:db8:1234:a100:8d6e:3477:df66:f105 -> 2001:db8:1234:a102:3304:8879:34cf:4071 tcp/22", Accept)
	if len(flows) != 5 {
		t.Errorf("%d flows, want 5", len(flows))
	}
}

func hasKind(fs []Finding, kind string) bool {
	for _, f := range fs {
		if f.Kind == kind {
			return true
		}
	}
	return false
}

// Each step of the cascade, alone: what answers and what it answers.
func TestCascade(t *testing.T) {
	const un = Unsettled
	many := func(n int, f func(i int) Row) (out []Row) {
		for i := range n {
			out = append(out, f(i))
		}
		return out
	}
	client := func(i int) Row { // a service on 40000, opened from high ports
		return row("eni-web1", un, netset.TCP, "10.0.1.5", 40000, "10.9.0.9", 50000+i)
	}
	capture := Capture{Host: "h", Addresses: nil, ENIs: []string{"eni-web1"},
		Listeners: []ListeningSocket{{Protocol: netset.TCP, Addr: addr("::"), Port: 45000}}}
	oneway := row("eni-web1", un, netset.UDP, "10.0.1.5", 30001, "10.9.0.9", 30000)
	oneway.PacketsIn, oneway.BytesIn = 0, 0
	folded := row("eni-web1", un, netset.TCP, "10.0.1.5", NoPort, "10.9.0.9", 41000)
	folded.OpenerPortLow, folded.OpenerPortHigh = 33000, 60000
	scan := folded
	scan.OpenerPortLow, scan.OpenerPortHigh = 1, 60000
	for _, c := range []struct {
		name   string
		rows   []Row
		cap    *Capture
		side   Side
		port   int
		method Method
		total  int
	}{
		{"the day's SYN", []Row{row("eni-web1", In, netset.TCP, "10.0.1.5", 40000, "10.9.0.9", NoPort)}, nil, In, 40000, MethodSYN, 1},
		{"another day of the same service, one flow", []Row{
			row("eni-web1", In, netset.TCP, "10.0.1.5", 40000, "10.9.0.9", NoPort, 1),
			row("eni-web1", un, netset.TCP, "10.0.1.5", 40000, "10.9.0.9", 1025, 2)}, nil, In, 40000, MethodSYN, 1},
		{"a capture that saw it listen", []Row{row("eni-web1", un, netset.TCP, "10.0.1.5", 45000, "10.9.0.9", 1030)}, &capture, In, 45000, MethodCapture, 1},
		{"a socket that answered somebody else's SYN", []Row{
			row("eni-web1", un, netset.TCP, "10.0.1.5", 2000, "10.9.0.9", 40001),
			row("eni-x", In, netset.TCP, "10.9.0.9", 40001, "10.9.0.10", NoPort)}, nil, Out, 40001, MethodListener, 2},
		{"a rule of today", []Row{row("eni-web1", un, netset.TCP, "10.0.1.5", 8080, "10.9.0.9", 80)}, nil, In, 8080, MethodListener, 1},
		{"the narrower rule", []Row{row("eni-web1", un, netset.TCP, "10.0.1.5", 8080, "10.0.4.10", 9005)}, nil, In, 8080, MethodListener, 1},
		{"a database", []Row{row("eni-web1", un, netset.TCP, "10.0.1.5", 1029, "10.0.2.50", 5432)}, nil, Out, 5432, MethodListener, 1},
		{"many peer ports", many(16, client), nil, In, 40000, MethodFanIn, 1},
		{"too few peer ports", many(15, client), nil, In, 40000, MethodFewPorts, 1},
		{"folded by many ports within a day", []Row{folded}, nil, Out, 41000, MethodFanIn, 1},
		{"a scan from one fixed port", []Row{scan}, nil, In, NoPort, MethodLower, 1},
		{"one way", []Row{oneway}, nil, Out, 30000, MethodOneWay, 1},
		{"a known service", []Row{row("eni-web1", un, netset.UDP, "10.0.1.5", 40000, "10.9.0.9", 53)}, nil, Out, 53, MethodPorts, 1},
		{"NFS from a reserved port", []Row{row("eni-web1", un, netset.TCP, "10.0.1.5", 900, "10.9.0.9", 2049)}, nil, Out, 2049, MethodPorts, 1},
		{"a user port against an ephemeral one", []Row{row("eni-web1", un, netset.TCP, "10.0.1.5", 7123, "10.9.0.9", 51000)}, nil, In, 7123, MethodPorts, 1},
		{"the lower of two", []Row{row("eni-web1", un, netset.TCP, "10.0.1.5", 51001, "10.9.0.9", 51000)}, nil, Out, 51000, MethodLower, 1},
		{"equal ports that egress alone admits", []Row{row("eni-web1", un, netset.UDP, "10.0.1.5", 123, "10.9.0.9", 123)}, nil, Out, 123, MethodRules, 1},
		{"equal ports, one folded away", []Row{func() Row {
			r := row("eni-web1", un, netset.UDP, "10.0.1.5", NoPort, "10.9.0.9", 53)
			r.OpenerPortLow, r.OpenerPortHigh = 53, 53
			return r
		}()}, nil, Out, 53, MethodRules, 1},
		{"equal ports that nothing admits", []Row{row("eni-rds", un, netset.UDP, "10.0.2.50", 123, "10.9.0.9", 123)}, nil, Unsettled, 123, MethodNone, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			ev := evidence(t)
			if c.cap != nil {
				ev.Captures = []Capture{*c.cap}
			}
			flows, _ := Settle(c.rows, ev)
			var f Flow
			for _, x := range flows {
				if x.ENI != "eni-x" {
					f = x
				}
			}
			if len(flows) != c.total || f.Side != c.side || f.Port != c.port || f.Method != c.method {
				t.Errorf("%d flows; %s port %d by %q, want %d; %s port %d by %q", len(flows), f.Side, f.Port, f.Method, c.total, c.side, c.port, c.method)
			}
		})
	}
}

// ICMP that went both ways is reported in each direction that rules admit.
func TestICMPSides(t *testing.T) {
	ping := row("eni-web1", Unsettled, netset.ICMP, "10.0.1.5", NoPort, "10.0.9.9", NoPort)
	flows, _ := Settle([]Row{ping}, evidence(t))
	if len(flows) != 2 || flows[0].Side != In || flows[1].Side != Out || flows[0].Method != MethodRules {
		t.Fatalf("both directions are admitted: %+v", flows)
	}
	ping.ENI, ping.Local = "eni-rds", addr("10.0.2.50")
	if f := oneFlow(t, first(Settle([]Row{ping}, evidence(t)))); f.Side != Unsettled || f.Port != NoPort {
		t.Errorf("no rule admits it: %+v", f)
	}
	ping.PacketsIn = 0
	if f := oneFlow(t, first(Settle([]Row{ping}, evidence(t)))); f.Side != Out || f.Method != MethodOneWay {
		t.Errorf("only this end sent: %+v", f)
	}
}

func first[A, B any](a A, _ B) A { return a }

// What nothing but rules settles folds with its middle all the same, and a way
// that the peer's rules refuse is none.
func TestUnsettledMiddleFolds(t *testing.T) {
	ping := row("eni-web1", Unsettled, netset.ICMP, "10.0.1.5", NoPort, "10.0.2.50", NoPort)
	ntp := row("eni-web1", Unsettled, netset.UDP, "10.0.1.5", 123, "10.60.0.1", 123)
	rows := []Row{ping, ntp}
	for _, r := range []Row{ping, ntp} {
		r.ENI, r.HopLocal, r.HopPeer = "eni-tgw", addr("10.0.3.4"), r.Peer
		rows = append(rows, r)
	}
	flows, _ := Settle(rows, evidence(t))
	if len(flows) != 2 {
		t.Fatalf("%d flows, want 2: %+v", len(flows), flows)
	}
	if f := byText(t, flows, "eni-web1", "10.0.1.5 -> 10.60.0.1 udp/123", Accept); f.MiddleRecords != 2 {
		t.Errorf("%+v", f)
	}
	// The database's group admits no ICMP either way.
	if f := byText(t, flows, "eni-web1", "10.0.1.5 <-> 10.0.2.50 icmp", Accept); f.MiddleRecords != 2 || f.Method != MethodNone {
		t.Errorf("%+v", f)
	}
}

// A connection across the transit gateway, logged by both ends and two middles.
func TestMiddleFolds(t *testing.T) {
	tgw := func(local, peer string, lport int, pport int, side Side) Row {
		r := row("eni-tgw", side, netset.TCP, local, lport, peer, pport, 1, 2)
		r.HopLocal, r.HopPeer = addr("10.0.3.4"), addr(peer)
		return r
	}
	rows := []Row{
		row("eni-web1", Out, netset.TCP, "10.0.1.5", NoPort, "10.50.0.9", 443, 1),
		tgw("10.50.0.9", "10.0.1.5", 443, NoPort, In),
		tgw("10.50.0.9", "10.0.1.6", 443, NoPort, In), // web2's own log lacks it
		tgw("10.0.1.7", "10.50.0.9", 9100, NoPort, In),
	}
	for seed := range uint64(10) {
		flows, _ := Settle(shuffled(seed, rows), evidence(t))
		if len(flows) != 3 {
			t.Fatalf("%d flows, want 3", len(flows))
		}
		a := byText(t, flows, "eni-web1", "10.0.1.5 -> 10.50.0.9 tcp/443", Accept)
		if a.SeenInMiddle || a.MiddleRecords != 4 || len(a.Days) != 2 || a.Records != 2 {
			t.Errorf("folded flow: %+v", a)
		}
		b := byText(t, flows, "eni-web2", "10.0.1.6 -> 10.50.0.9 tcp/443", Accept)
		if !b.SeenInMiddle || b.Side != Out || !b.Answered || b.Records != 4 {
			t.Errorf("flow of the middle alone: %+v", b)
		}
		c := byText(t, flows, "eni-other", "10.50.0.9 -> 10.0.1.7 tcp/9100", Accept)
		if !c.SeenInMiddle || c.Side != In {
			t.Errorf("flow of the middle alone: %+v", c)
		}
	}
}

// A load balancer's two legs are two flows; where it keeps the client's address
// its records of the second leg fold into the target's flow.
func TestLoadBalancers(t *testing.T) {
	nlb := eni("eni-nlb", "subnet-pub", "network_load_balancer", "10.0.0.90")
	r := testAccount()
	r.Interfaces = append(r.Interfaces, nlb)
	ev := evidence(t)
	ev.Snapshots = []SnapshotAt{{snapshotOf(t, r), september.Until}}
	kept := row("eni-nlb", Out, netset.TCP, "198.51.100.7", NoPort, "10.0.1.5", 8080)
	kept.HopLocal, kept.HopPeer = addr("10.0.0.90"), addr("10.0.1.5")
	flows, _ := Settle([]Row{
		row("eni-alb", In, netset.TCP, "10.0.0.80", 443, "198.51.100.7", NoPort), // ALB: both legs its own
		row("eni-alb", Out, netset.TCP, "10.0.0.80", NoPort, "10.0.1.5", 8080),
		row("eni-web1", In, netset.TCP, "10.0.1.5", 8080, "10.0.0.80", NoPort),
		row("eni-nlb", In, netset.TCP, "10.0.0.90", 443, "198.51.100.7", NoPort), // NLB that keeps the client's address
		kept,
		row("eni-web1", In, netset.TCP, "10.0.1.5", 8080, "198.51.100.7", NoPort),
	}, ev)
	if len(flows) != 5 {
		t.Errorf("%d flows, want 5", len(flows))
	}
	byText(t, flows, "eni-alb", "198.51.100.7 -> 10.0.0.80 tcp/443", Accept)
	byText(t, flows, "eni-alb", "10.0.0.80 -> 10.0.1.5 tcp/8080", Accept)
	byText(t, flows, "eni-web1", "10.0.0.80 -> 10.0.1.5 tcp/8080", Accept)
	byText(t, flows, "eni-nlb", "198.51.100.7 -> 10.0.0.90 tcp/443", Accept)
	if f := byText(t, flows, "eni-web1", "198.51.100.7 -> 10.0.1.5 tcp/8080", Accept); f.MiddleRecords != 2 {
		t.Errorf("%+v", f)
	}
}

// Secondary, pod and delegated addresses are an ENI's own, known by the
// snapshot or, of an ENI in none, by the instance and subnet that the logs name.
func TestOwnAddresses(t *testing.T) {
	r := testAccount()
	pods := eni("eni-node", "subnet-app", "interface", "10.0.1.20", "sg-common")
	pods.Addresses = append(pods.Addresses, addr("10.0.1.21"))
	pods.Prefixes = append(pods.Prefixes, prefix("10.0.1.48/28"))
	r.Interfaces = append(r.Interfaces, pods)
	ev := evidence(t)
	ev.Snapshots = []SnapshotAt{{snapshotOf(t, r), september.Until}}
	ev.Hours = []ENIHours{{ENI: "eni-gone", Instance: "i-1", VPC: "vpc-1", Subnet: "subnet-app"}, {ENI: "eni-fw", Instance: "-"}}
	at := func(e, local, hop string) Row {
		x := row(e, In, netset.TCP, local, 8080, "10.0.4.10", NoPort)
		x.HopLocal, x.HopPeer = addr(hop), x.Peer
		return x
	}
	for local, e := range map[string]string{"10.0.1.21": "eni-node", "10.0.1.50": "eni-node", "10.0.1.99": "eni-gone"} {
		hop := map[string]string{"eni-node": "10.0.1.20", "eni-gone": "10.0.1.98"}[e]
		flows, _ := Settle([]Row{at(e, local, hop)}, ev)
		if f := oneFlow(t, flows); f.ENI != e || f.Side != In || f.SeenInMiddle {
			t.Errorf("%s: %+v", local, f)
		}
	}
	for local, e := range map[string]string{"10.0.2.77": "eni-node", "10.0.2.78": "eni-gone", "10.0.1.97": "eni-fw"} {
		flows, _ := Settle([]Row{at(e, local, "10.0.1.20")}, ev)
		if f := oneFlow(t, flows); f.ENI != "eni-ecs1" || f.Side != Out || !f.SeenInMiddle {
			t.Errorf("%s is forwarded: %+v", local, f)
		}
	}
}

// A zonal and a regional NAT gateway: what passes is the inside's flow.
func TestNATGateways(t *testing.T) {
	in := row("eni-nat", Unsettled, netset.TCP, "198.51.100.9", 50000, "10.0.1.6", 50001) // by ports: the wrong way
	in.PeerPort, in.LocalPort = 40000, 50000
	in.HopLocal, in.HopPeer = addr("10.0.0.220"), in.Peer
	out := row("eni-nat", Unsettled, netset.TCP, "10.0.0.220", 1055, "198.51.100.9", 50000)
	scan := row("eni-nat", In, netset.TCP, "10.0.0.220", 22, "198.51.100.66", NoPort)
	web := row("eni-web2", Unsettled, netset.TCP, "10.0.1.6", 40000, "198.51.100.9", 50000)
	regional := row("-", Unsettled, netset.TCP, "10.0.1.6", 40000, "198.51.100.9", 50000)
	flows, found := Settle([]Row{in, out, scan, web, regional}, evidence(t))
	f := oneFlow(t, flows)
	if f.Text() != "10.0.1.6 -> 198.51.100.9 tcp/50000" || f.ENI != "eni-web2" || f.Method != MethodNAT || f.MiddleRecords != 4 {
		t.Errorf("%+v", f)
	}
	if !hasKind(found, "nat-own-address") {
		t.Errorf("the scan of the NAT's address is not told: %v", found)
	}
}

// Each ENI between the ends may see one direction only: no sign of one-way traffic.
func TestMiddleSeesOneDirection(t *testing.T) {
	there := row("eni-tgw", Unsettled, netset.UDP, "10.60.0.1", 7000, "10.0.1.5", 7001)
	there.HopLocal, there.HopPeer, there.PacketsOut = addr("10.0.3.4"), there.Peer, 0
	back := there
	back.ENI, back.InterfaceType, back.PacketsIn, back.PacketsOut = "eni-tgw2", "transit_gateway", 0, 10
	end := row("eni-web1", Unsettled, netset.UDP, "10.0.1.5", 7001, "10.60.0.1", 7000)
	f := oneFlow(t, first(Settle([]Row{there, back, end}, evidence(t))))
	if f.Side != Out || f.Port != 7000 || f.Method != MethodLower || f.MiddleRecords != 4 {
		t.Errorf("%+v", f)
	}
	back.PacketsIn, back.PacketsOut = 10, 0 // now the middle as a whole saw one way only
	flows, _ := Settle([]Row{there, back}, evidence(t))
	if f := byText(t, flows, "eni-web1", "10.0.1.5 -> 10.60.0.1 udp/7000", Accept); f.Method != MethodOneWay || !f.SeenInMiddle {
		t.Errorf("%+v", f)
	}
}

// A log without pkt_ fields shows a transit gateway ENI's own address: it stands
// in for an end and makes no flow.
func TestStandInAddress(t *testing.T) {
	r := row("eni-tgw", Unsettled, netset.TCP, "10.0.3.4", 8080, "10.0.1.5", 51000)
	r.HasFlags = false
	flows, found := Settle([]Row{r, row("eni-web1", Out, netset.TCP, "10.0.1.5", NoPort, "10.60.0.1", 8080)}, evidence(t))
	if f := oneFlow(t, flows); f.MiddleRecords != 0 || !hasKind(found, "stand-in-address") {
		t.Errorf("%+v %v", f, found)
	}
}

// Whatever the order, the same flows; and turning a row round at the ENI whose
// snapshot address is the peer changes nothing.
func TestSettleOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	var rows []Row
	for range 400 {
		side := []Side{In, Out, Unsettled}[rng.IntN(3)]
		proto := []netset.Protocol{netset.TCP, netset.UDP, netset.ICMP, 50}[rng.IntN(4)]
		l, p := rng.IntN(4)*7000+22, rng.IntN(5)*11000+443
		switch {
		case !proto.HasPorts():
			side, l, p = Unsettled, NoPort, NoPort
		case side == In:
			p = NoPort
		case side == Out:
			l = NoPort
		}
		e := []string{"eni-web1", "eni-web2", "eni-tgw", "eni-nat", "eni-gone"}[rng.IntN(5)]
		local := map[string]string{"eni-web1": "10.0.1.5", "eni-web2": "10.0.1.6", "eni-tgw": "10.0.1.5", "eni-nat": "203.0.113.5", "eni-gone": "10.0.4.77"}[e]
		r := row(e, side, proto, local, l, fmt.Sprintf("10.%d.0.%d", rng.IntN(2), rng.IntN(9)), p, 1+rng.IntN(30))
		if rng.IntN(4) == 0 {
			r.Action = Reject
		}
		if e == "eni-tgw" || e == "eni-nat" {
			r.HopLocal, r.HopPeer = addr("10.0.3.4"), r.Peer
		}
		rows = append(rows, r)
	}
	want, wantFound := Settle(rows, evidence(t))
	for seed := range uint64(8) {
		turned := shuffled(seed, rows)
		for i := range turned {
			if r := &turned[i]; r.ENI == "eni-web1" && i%2 == 0 {
				r.Local, r.Peer, r.LocalPort, r.PeerPort = r.Peer, r.Local, r.PeerPort, r.LocalPort
				r.PacketsIn, r.PacketsOut, r.BytesIn, r.BytesOut = r.PacketsOut, r.PacketsIn, r.BytesOut, r.BytesIn
				r.Side = opposite(r.Side)
			}
		}
		got, found := Settle(turned, evidence(t))
		if d := cmp.Diff(want, got, sameFlow); d != "" {
			t.Fatalf("seed %d: order matters (-want +got):\n%s", seed, d)
		}
		if d := cmp.Diff(wantFound, found); d != "" {
			t.Fatalf("seed %d: %s", seed, d)
		}
	}
	ids := map[string]bool{}
	for _, f := range want {
		if ids[f.ID] {
			t.Errorf("id %s twice", f.ID)
		}
		ids[f.ID] = true
		if f.ENI == "eni-nat" || f.ENI == "eni-tgw" {
			t.Errorf("a flow at a middle ENI: %+v", f)
		}
	}
}
