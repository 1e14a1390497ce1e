package topology

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/flowcover/flowcover/topology/netset"
)

// estate is the account that most trace tests start from: VPC a with a public,
// an application and a second application subnet, the last in a zone without an
// attachment; VPC b with two zones and a secondary range; one transit gateway.
func estate() *world {
	w := &world{}
	w.vpc("vpc-a", "10.0.0.0/16", "2001:db8:a::/56")
	w.vpc("vpc-b", "10.1.0.0/16", "10.9.0.0/16", "2001:db8:b::/56")
	w.subnet("subnet-pub", "vpc-a", "az1", "10.0.1.0/24", "2001:db8:a:1::/64")
	w.subnet("subnet-app", "vpc-a", "az1", "10.0.2.0/24", "2001:db8:a:2::/64")
	w.subnet("subnet-app2", "vpc-a", "az2", "10.0.3.0/24")
	w.subnet("subnet-ta", "vpc-a", "az1", "10.0.250.0/28")
	w.subnet("subnet-b1", "vpc-b", "az1", "10.1.1.0/24", "2001:db8:b:1::/64")
	w.subnet("subnet-b2", "vpc-b", "az2", "10.1.2.0/24")
	w.subnet("subnet-b9", "vpc-b", "az1", "10.9.1.0/24")
	w.subnet("subnet-tb1", "vpc-b", "az1", "10.1.250.0/28")
	w.subnet("subnet-tb2", "vpc-b", "az2", "10.1.250.16/28")
	w.table("rtb-main-a", "vpc-a", "")
	w.table("rtb-pub", "vpc-a", "subnet-pub", "0.0.0.0/0 igw-a", "::/0 igw-a")
	w.table("rtb-app", "vpc-a", "subnet-app subnet-app2", "0.0.0.0/0 nat-a", "::/0 eigw-a",
		"10.1.0.0/16 tgw-1", "10.9.0.0/16 tgw-1", "2001:db8:b::/56 tgw-1")
	w.table("rtb-main-b", "vpc-b", "", "10.0.0.0/16 tgw-1", "2001:db8:a::/56 tgw-1")
	w.acl("acl-a", "vpc-a", "")
	w.acl("acl-b", "vpc-b", "")
	w.sg("sg-a", "vpc-a", "in all 0.0.0.0/0", "out all 0.0.0.0/0", "in all ::/0", "out all ::/0")
	w.sg("sg-b", "vpc-b", "in all 0.0.0.0/0", "out all 0.0.0.0/0", "in all ::/0", "out all ::/0")
	w.eni("eni-pub", "subnet-pub", "sg-a", "10.0.1.10=203.0.113.10", "2001:db8:a:1::10")
	w.eni("eni-app", "subnet-app", "sg-a", "10.0.2.10", "2001:db8:a:2::10")
	w.eni("eni-near", "subnet-app", "sg-a", "10.0.2.11")
	w.eni("eni-app2", "subnet-app2", "sg-a", "10.0.3.10")
	w.eni("eni-b1", "subnet-b1", "sg-b", "10.1.1.10", "2001:db8:b:1::10")
	w.eni("eni-b2", "subnet-b2", "sg-b", "10.1.2.10")
	w.eni("eni-b9", "subnet-b9", "sg-b", "10.9.1.10")
	w.eni("eni-xnat", "subnet-pub", "", "10.0.1.250=198.51.100.5").Type = "nat_gateway"
	w.gateway(Gateway{ID: "igw-a", Kind: KindInternet, VPC: "vpc-a"})
	w.gateway(Gateway{ID: "eigw-a", Kind: KindEgressOnly, VPC: "vpc-a"})
	w.gateway(Gateway{ID: "nat-a", Kind: KindNAT, VPC: "vpc-a", Subnet: "subnet-pub", ENIs: []string{"eni-xnat"}, State: "available"})
	w.tgw("tgw-1")
	w.attach("tgw-attach-a", "tgw-1", "vpc-a", "tgw-rtb-1", "subnet-ta")
	w.attach("tgw-attach-b", "tgw-1", "vpc-b", "tgw-rtb-1", "subnet-tb1 subnet-tb2")
	w.transitTable("tgw-rtb-1", "tgw-1", "tgw-attach-a tgw-attach-b")
	return w
}

// routes replaces the static routes of a route table.
func (w *world) routes(id string, lines ...string) {
	for i := range w.r.RouteTables {
		if t := w.r.RouteTables[i]; t.ID == id {
			w.r.RouteTables = slices.Delete(w.r.RouteTables, i, i+1)
			w.table(id, t.VPC, strings.Join(t.Subnets, " "), lines...)
			return
		}
	}
	panic("no table " + id)
}

func (w *world) group(id string) *SecurityGroup {
	for i := range w.r.SecurityGroups {
		if w.r.SecurityGroups[i].ID == id {
			return &w.r.SecurityGroups[i]
		}
	}
	panic("no group " + id)
}

func (w *world) drop(sg string) {
	w.r.SecurityGroups = slices.DeleteFunc(w.r.SecurityGroups, func(g SecurityGroup) bool { return g.ID == sg })
}

type scenario struct {
	name  string
	with  func(*world)
	ask   string // from to columns [source port]
	want  string // disposition and path
	reply string // likewise; empty: not asked
}

func (c scenario) query() Query {
	f := append(strings.Fields(c.ask), "0")
	q := Query{From: f[0], To: f[1]}
	var to int
	q.Protocol, q.Port, to = columns(f[2])
	if q.Protocol.HasTypes() && q.Port >= 0 {
		q.ICMPType, q.ICMPCode, q.Port = q.Port, to, 0
	}
	if q.Port < 0 {
		q.Port = 0
	}
	for _, d := range f[3] {
		q.SourcePort = 10*q.SourcePort + int(d-'0')
	}
	return q
}

func (c scenario) columns() netset.Columns {
	cols, _, err := c.query().columns()
	if err != nil {
		panic(err)
	}
	return cols
}

func line(l Leg) string { return strings.Join(append([]string{string(l.Disposition)}, l.Path...), " ") }

func runScenarios(t *testing.T, cases []scenario) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := estate()
			if c.with != nil {
				c.with(w)
			}
			s := w.build(t)
			got, err := s.Trace(c.query())
			if err != nil {
				t.Fatal(err)
			}
			if line(got.Leg) != c.want {
				t.Errorf("request\n got %s\nwant %s\nhops %+v", line(got.Leg), c.want, got.Hops)
			}
			if c.reply != "" && line(got.Reply) != c.reply {
				t.Errorf("reply\n got %s\nwant %s\nhops %+v", line(got.Reply), c.reply, got.Reply.Hops)
			}
			for _, leg := range []Leg{got.Leg, got.Reply} {
				checkLeg(t, leg)
			}
			for _, f := range DecisionFaults(s, c.query()) {
				t.Error(f)
			}
		})
	}
}

// checkLeg holds for every leg: its last hop alone refuses, and refuses if and
// only if the packet is not delivered.
func checkLeg(t *testing.T, l Leg) {
	t.Helper()
	for i, h := range l.Hops {
		last := i == len(l.Hops)-1
		if (h.Verdict == Refuse) != (last && !l.Disposition.Delivered()) {
			t.Errorf("hop %d of %d has verdict %s in a leg that is %s: %+v", i, len(l.Hops), h.Verdict, l.Disposition, h)
		}
		if h.Kind == "" || h.Verdict == "" {
			t.Errorf("hop %d is incomplete: %+v", i, h)
		}
	}
	if len(l.Hops) == 0 && l.Disposition != NotSent {
		t.Errorf("a leg that is %s has no hop", l.Disposition)
	}
}

const (
	toB1     = "ACCEPTED i-app subnet-app vpc-a tgw-1 vpc-b subnet-b1 i-b1"
	fromB1   = "ACCEPTED i-b1 subnet-b1 vpc-b tgw-1 vpc-a subnet-app i-app"
	outByNAT = "i-app subnet-app vpc-a nat-a subnet-pub vpc-a igw-a"
)

func TestTraceInsideVPC(t *testing.T) {
	runScenarios(t, []scenario{
		{"neighbour", nil, "i-app 10.0.2.11 tcp/80", "ACCEPTED i-app i-near", "ACCEPTED i-near i-app"},
		{"neighbour asks no ACL", func(w *world) {
			w.acl("acl-x", "vpc-a", "subnet-app", "in 1 deny all 0.0.0.0/0", "out 1 deny all 0.0.0.0/0")
		},
			"i-app i-near tcp/80", "ACCEPTED i-app i-near", "ACCEPTED i-near i-app"},
		{"neighbour that is not there", nil, "i-app 10.0.2.99 tcp/80", "NEIGHBOR_UNREACHABLE i-app", "NOT_SENT"},
		{"itself", nil, "i-app 10.0.2.10 tcp/80", "ACCEPTED i-app", "ACCEPTED i-app"},
		{"other subnet", nil, "i-app eni-pub tcp/80", "ACCEPTED i-app subnet-app vpc-a subnet-pub i-pub", "ACCEPTED i-pub subnet-pub vpc-a subnet-app i-app"},
		{"by address", nil, "10.0.2.10 10.0.1.10 tcp/80", "ACCEPTED i-app subnet-app vpc-a subnet-pub i-pub", ""},
		{"no subnet", nil, "i-app 10.0.77.1 tcp/80", "NULL_ROUTED i-app subnet-app vpc-a", "NOT_SENT"},
		{"no interface", nil, "i-app 10.0.1.99 tcp/80", "NEIGHBOR_UNREACHABLE i-app subnet-app vpc-a subnet-pub", "NOT_SENT"},
		{"ipv6", nil, "eni-app 2001:db8:a:1::10 tcp/80", "ACCEPTED i-app subnet-app vpc-a subnet-pub i-pub", "ACCEPTED i-pub subnet-pub vpc-a subnet-app i-app"},
		{"ipv6 no interface", nil, "eni-app 2001:db8:a:1::11 tcp/80", "NEIGHBOR_UNREACHABLE i-app subnet-app vpc-a subnet-pub", ""},
		{"from an address without an interface", nil, "10.0.2.77 10.0.1.10 tcp/80", "ACCEPTED subnet-app vpc-a subnet-pub i-pub", "ACCEPTED i-pub subnet-pub vpc-a subnet-app"},
		{"the same to a neighbour", nil, "10.0.2.77 10.0.2.10 tcp/80", "ACCEPTED i-app", "ACCEPTED i-app"},
		{"the VPC's resolver", func(w *world) { w.group("sg-a").Rules = nil }, "i-app 10.0.0.2 udp/53", "ACCEPTED i-app", "ACCEPTED i-app"},
		{"the resolver's address on another port", nil, "i-app 10.0.0.2 tcp/80", "NULL_ROUTED i-app subnet-app vpc-a", ""},
		{"metadata", func(w *world) { w.group("sg-a").Rules = nil }, "i-app 169.254.169.254 tcp/80", "ACCEPTED i-app", "ACCEPTED i-app"},
	})
}

func TestTraceGroupsAndACLs(t *testing.T) {
	replace := func(id, vpc string, rules ...string) func(*world) {
		return func(w *world) { w.drop(id); w.sg(id, vpc, rules...) }
	}
	guard := func(subnet string, entries ...string) func(*world) {
		return func(w *world) { w.acl("acl-x", "vpc-a", subnet, entries...) }
	}
	runScenarios(t, []scenario{
		{"no egress rule", replace("sg-a", "vpc-a", "in all 0.0.0.0/0"), "i-app i-pub tcp/80", "DENIED_OUT i-app", "NOT_SENT"},
		{"egress to another port", replace("sg-a", "vpc-a", "out tcp/443 0.0.0.0/0"), "i-app i-pub tcp/80", "DENIED_OUT i-app", ""},
		{"no ingress rule", replace("sg-a", "vpc-a", "out all 0.0.0.0/0"), "i-app i-pub tcp/80", "DENIED_IN i-app subnet-app vpc-a subnet-pub i-pub", ""},
		{"a reply needs no rule", replace("sg-a", "vpc-a", "out tcp/80 10.0.1.10/32", "in tcp/80 10.0.2.10/32"), "i-app i-pub tcp/80",
			"ACCEPTED i-app subnet-app vpc-a subnet-pub i-pub", "ACCEPTED i-pub subnet-pub vpc-a subnet-app i-app"},
		{"any of several groups admits", func(w *world) {
			replace("sg-a", "vpc-a", "out all 0.0.0.0/0")(w)
			w.sg("sg-z", "vpc-a", "in tcp/80 10.0.2.0/24")
			w.r.Interfaces[0].Groups = []string{"sg-a", "sg-z"}
		}, "i-app i-pub tcp/80", "ACCEPTED i-app subnet-app vpc-a subnet-pub i-pub", ""},
		{"a reference", replace("sg-a", "vpc-a", "out all sg-a", "in tcp/80 sg-a"), "i-app i-pub tcp/80", "ACCEPTED i-app subnet-app vpc-a subnet-pub i-pub", ""},
		{"a reference to another group", func(w *world) {
			replace("sg-a", "vpc-a", "out all 0.0.0.0/0", "in tcp/80 sg-z")(w)
			w.sg("sg-z", "vpc-a")
		}, "i-app i-pub tcp/80", "DENIED_IN i-app subnet-app vpc-a subnet-pub i-pub", ""},
		{"a prefix list", func(w *world) {
			w.list("pl-9", "10.0.2.0/28")
			replace("sg-a", "vpc-a", "out all 0.0.0.0/0", "in tcp/80 pl-9")(w)
		}, "i-app i-pub tcp/80", "ACCEPTED i-app subnet-app vpc-a subnet-pub i-pub", ""},
		{"icmp echo", replace("sg-a", "vpc-a", "out icmp/8:0 0.0.0.0/0", "in icmp/8:0 0.0.0.0/0"), "i-app i-pub icmp", "ACCEPTED i-app subnet-app vpc-a subnet-pub i-pub", "ACCEPTED i-pub subnet-pub vpc-a subnet-app i-app"},
		{"icmp other type", replace("sg-a", "vpc-a", "out all 0.0.0.0/0", "in icmp/8:0 0.0.0.0/0"), "i-app i-pub icmp/13:0", "DENIED_IN i-app subnet-app vpc-a subnet-pub i-pub", ""},
		{"another protocol", nil, "i-app i-pub 50", "ACCEPTED i-app subnet-app vpc-a subnet-pub i-pub", "ACCEPTED i-pub subnet-pub vpc-a subnet-app i-app"},

		{"ACL refuses leaving", guard("subnet-app", "in 1 allow all 0.0.0.0/0", "out 1 deny tcp/80 10.0.1.0/24", "out 2 allow all 0.0.0.0/0"), "i-app i-pub tcp/80", "DENIED_OUT i-app subnet-app", ""},
		{"ACL refuses entering", guard("subnet-pub", "out 1 allow all 0.0.0.0/0"), "i-app i-pub tcp/80", "DENIED_IN i-app subnet-app vpc-a subnet-pub", "NOT_SENT"},
		{"the lower number wins", guard("subnet-pub", "out 1 allow all 0.0.0.0/0", "in 100 allow tcp/80 10.0.2.10/32", "in 200 deny all 0.0.0.0/0"), "i-app i-pub tcp/80",
			"ACCEPTED i-app subnet-app vpc-a subnet-pub i-pub", ""},
		{"ACL without a return entry", guard("subnet-app", "in 1 allow tcp/443 0.0.0.0/0", "out 1 allow all 0.0.0.0/0"), "i-app i-pub tcp/80",
			"ACCEPTED i-app subnet-app vpc-a subnet-pub i-pub", "DENIED_IN i-pub subnet-pub vpc-a subnet-app"},
		{"ephemeral range cut short", guard("subnet-app", "in 1 allow tcp/32768-65535 0.0.0.0/0", "out 1 allow all 0.0.0.0/0"), "i-app i-pub tcp/80",
			"ACCEPTED i-app subnet-app vpc-a subnet-pub i-pub", "DENIED_IN i-pub subnet-pub vpc-a subnet-app"},
		{"a source port within it", guard("subnet-app", "in 1 allow tcp/32768-65535 0.0.0.0/0", "out 1 allow all 0.0.0.0/0"), "i-app i-pub tcp/80 40000",
			"ACCEPTED i-app subnet-app vpc-a subnet-pub i-pub", "ACCEPTED i-pub subnet-pub vpc-a subnet-app i-app"},
		{"the range in two entries", guard("subnet-app", "in 1 allow tcp/1024-30000 0.0.0.0/0", "in 2 allow tcp/30001-65535 0.0.0.0/0", "out 1 allow all 0.0.0.0/0"), "i-app i-pub tcp/80",
			"ACCEPTED i-app subnet-app vpc-a subnet-pub i-pub", "ACCEPTED i-pub subnet-pub vpc-a subnet-app i-app"},
		{"one port of the range denied", guard("subnet-app", "in 1 deny tcp/3389 0.0.0.0/0", "in 2 allow all 0.0.0.0/0", "out 1 allow all 0.0.0.0/0"), "i-app i-pub tcp/80",
			"ACCEPTED i-app subnet-app vpc-a subnet-pub i-pub", "DENIED_IN i-pub subnet-pub vpc-a subnet-app"},
		{"ACL of the other family does not count", guard("subnet-pub", "out 1 allow all 0.0.0.0/0", "in 1 allow all ::/0"), "i-app i-pub tcp/80", "DENIED_IN i-app subnet-app vpc-a subnet-pub", ""},
		{"ipv6 ACL", guard("subnet-pub", "out 1 allow all ::/0", "in 1 allow all ::/0"), "i-app 2001:db8:a:1::10 tcp/80", "ACCEPTED i-app subnet-app vpc-a subnet-pub i-pub", "ACCEPTED i-pub subnet-pub vpc-a subnet-app i-app"},
	})
}

func TestTraceRoutes(t *testing.T) {
	runScenarios(t, []scenario{
		{"no route", func(w *world) { w.routes("rtb-app") }, "i-app 10.1.1.10 tcp/80", "NO_ROUTE i-app subnet-app", "NOT_SENT"},
		{"blackhole", func(w *world) { w.routes("rtb-app", "10.1.0.0/16 tgw-1 blackhole") }, "i-app 10.1.1.10 tcp/80", "NULL_ROUTED i-app subnet-app", ""},
		{"longest prefix", func(w *world) {
			w.routes("rtb-app", "0.0.0.0/0 tgw-1", "10.1.0.0/16 pcx-gone blackhole", "10.1.1.0/24 tgw-1")
		}, "i-app 10.1.1.10 tcp/80", toB1, ""},
		{"prefix list route", func(w *world) { w.list("pl-b", "10.1.0.0/16"); w.routes("rtb-app", "pl-b tgw-1") }, "i-app 10.1.1.10 tcp/80", toB1, fromB1},
		{"static before prefix list", func(w *world) {
			w.list("pl-b", "10.1.0.0/16")
			w.routes("rtb-app", "pl-b igw-a", "10.1.0.0/16 tgw-1")
		}, "i-app 10.1.1.10 tcp/80", toB1, ""},
		{"static before propagated", func(w *world) {
			w.routes("rtb-app", "10.1.0.0/16 vgw-1 active EnableVgwRoutePropagation", "10.1.0.0/16 tgw-1")
		}, "i-app 10.1.1.10 tcp/80", toB1, ""},
		{"prefix list before propagated", func(w *world) {
			w.list("pl-b", "10.1.0.0/16")
			w.routes("rtb-app", "10.1.0.0/16 vgw-1 active EnableVgwRoutePropagation", "pl-b tgw-1")
		}, "i-app 10.1.1.10 tcp/80", toB1, ""},
		{"main table where none is associated", func(w *world) { w.routes("rtb-pub", "0.0.0.0/0 igw-a"); w.routes("rtb-main-a", "10.1.0.0/16 tgw-1") },
			"i-b1 10.0.250.9 tcp/80", "NEIGHBOR_UNREACHABLE i-b1 subnet-b1 vpc-b tgw-1 vpc-a subnet-ta", ""},
		{"no return route", func(w *world) { w.routes("rtb-main-b") }, "i-app 10.1.1.10 tcp/80", toB1, "NO_ROUTE i-b1 subnet-b1"},
	})
}

func TestTraceEnds(t *testing.T) {
	w := estate()
	second := w.eni("eni-xapp2nd", "subnet-pub", "sg-a", "10.0.1.77")
	second.Instance = "i-app"
	for i := range w.r.Instances {
		if w.r.Instances[i].ID == "i-app" {
			w.r.Instances[i].ENIs = append(w.r.Instances[i].ENIs, "eni-xapp2nd")
		}
	}
	w.vpc("vpc-o", "10.0.0.0/16")
	w.subnet("subnet-o", "vpc-o", "az1", "10.0.2.0/24")
	w.acl("acl-o", "vpc-o", "")
	w.table("rtb-o", "vpc-o", "")
	w.sg("sg-o", "vpc-o", "in all 0.0.0.0/0", "out all 0.0.0.0/0")
	w.eni("eni-o", "subnet-o", "sg-o", "10.0.2.10")
	w.eni("eni-p", "subnet-o", "sg-o", "10.0.2.12")
	s := w.build(t)
	ask := func(from, to string) string {
		got, err := s.Trace(Query{From: from, To: to, Protocol: 6, Port: 80})
		if err != nil {
			return err.Error()
		}
		return line(got.Leg)
	}
	for _, c := range [][3]string{
		{"i-app", "10.0.1.10", "ACCEPTED i-app i-pub"}, // by the interface in the same subnet
		{"eni-app", "10.0.1.10", "ACCEPTED i-app subnet-app vpc-a subnet-pub i-pub"},
		{"eni-p", "10.0.2.10", "ACCEPTED i-p i-o"}, // of two VPCs the sender's own
		{"eni-near", "10.0.2.10", "ACCEPTED i-near i-app"},
		{"10.0.2.10", "eni-p", "ACCEPTED i-o i-p"},
		{"10.0.2.10", "10.0.2.12", "several interfaces hold it"},
		{"192.168.9.9", "10.0.2.10", "several interfaces hold it: name one of eni-app in vpc-a, eni-o in vpc-o"},
		{"203.0.113.10", "10.0.2.11", "ACCEPTED i-pub subnet-pub vpc-a subnet-app i-near"},
		{"eni-none", "10.0.2.12", "no such interface"},
		{"i-none", "10.0.2.12", "no such instance"},
		{"i-app", "", "want an eni-, i- or IP address"},
		{"i-app", "10.0.2", "want an eni-, i- or IP address"},
		{"i-app2", "2001:db8::1", "no address of the other end's family"},
		{"10.0.2.11", "2001:db8::1", "one is IPv4, the other IPv6"},
	} {
		if got := ask(c[0], c[1]); !strings.Contains(got, c[2]) {
			t.Errorf("from %s to %s: %s\nwant %s", c[0], c[1], got, c[2])
		}
	}
	var end *EndpointError
	if _, err := s.Trace(Query{From: "i-none", To: "10.0.2.12", Protocol: 6, Port: 80}); !errors.As(err, &end) || end.End != "from" {
		t.Errorf("error is %#v: want an EndpointError of from", err)
	}
	for _, q := range []Query{
		{From: "i-app", To: "i-pub", Protocol: -1},
		{From: "i-app", To: "i-pub", Protocol: 6, Port: 70000},
		{From: "i-app", To: "i-pub", Protocol: 6, Port: 80, SourcePort: -1},
		{From: "i-app", To: "i-pub", Protocol: 1, ICMPType: 300},
	} {
		if _, err := s.Trace(q); err == nil {
			t.Errorf("%+v was accepted", q)
		}
	}
}

func TestTraceNamesWhatDecides(t *testing.T) {
	w := estate()
	w.drop("sg-a")
	w.sg("sg-a", "vpc-a", "out all 0.0.0.0/0", "in tcp/443 10.0.2.0/24", "in tcp/80 10.0.3.0/24", "in tcp/22 10.9.0.0/16")
	s := w.build(t)
	got, err := s.Trace(Query{From: "i-app", To: "i-pub", Protocol: 6, Port: 80})
	if err != nil {
		t.Fatal(err)
	}
	last := got.Hops[len(got.Hops)-1]
	if want := "sg-a ingress tcp/80 10.0.3.0/24: the port matches, 10.0.2.10 does not"; last.Nearest != want {
		t.Errorf("nearest is %q, want %q", last.Nearest, want)
	}
	var named []string
	for _, h := range got.Hops {
		if h.Rule != nil {
			named = append(named, h.Kind+": "+h.Rule.String())
		}
	}
	want := []string{"security-group: sg-a egress all 0.0.0.0/0", "network-acl: acl-a egress 100",
		"route-table: rtb-app 10.0.0.0/16", "network-acl: acl-a ingress 100"}
	if !slices.Equal(named, want) {
		t.Errorf("deciding rules are %q, want %q", named, want)
	}
}

// What the snapshot lacks is said, and does not stop the walk where it can go on.
func TestTraceSaysWhatIsMissing(t *testing.T) {
	cases := map[string]struct {
		with func(*world)
		ask  string
		want string // note
		end  Disposition
	}{
		"ACLs": {func(w *world) {
			w.r.NetworkACLs = nil
			w.r.NotRead = []NotRead{{home, "DescribeNetworkAcls", "UnauthorizedOperation"}}
		}, "i-app i-pub tcp/80", "no network ACL of subnet-app is in the snapshot (DescribeNetworkAcls was refused: UnauthorizedOperation): taken as open", Accepted},
		"route tables": {func(w *world) { w.r.RouteTables = nil }, "i-app i-pub tcp/80", "taken as the local routes alone", Accepted},
		"a group":      {func(w *world) { w.drop("sg-a") }, "i-app i-pub tcp/80", "security group sg-a of eni-app is not in the snapshot", DeniedOut},
		"a list in a rule": {func(w *world) {
			w.drop("sg-a")
			w.sg("sg-a", "vpc-a", "out tcp/80 pl-far")
		}, "i-app i-pub tcp/80", "prefix list pl-far of sg-a is not in the snapshot", DeniedOut},
		"a list in a route": {func(w *world) { w.routes("rtb-app", "pl-far tgw-1") }, "i-app 10.1.1.10 tcp/80", "the entries of pl-far", NoRoute},
		"a TGW table":       {func(w *world) { w.r.TransitRouteTables = nil }, "i-app 10.1.1.10 tcp/80", "tgw-rtb-1 is not in the snapshot", ExitsNetwork},
		"a TGW of another account": {func(w *world) {
			w.r.TransitGateways[0].Account, w.r.TransitRouteTables, w.r.Attachments[0].RouteTable = "999988887777", nil, ""
		}, "i-app 10.1.1.10 tcp/80", "the route tables of tgw-1 are not in the snapshot: its owner reads them", ExitsNetwork},
		"TGW tables": {func(w *world) {
			w.r.TransitRouteTables, w.r.Attachments[0].RouteTable = nil, ""
			w.r.NotRead = []NotRead{{home, "DescribeTransitGatewayRouteTables", "UnauthorizedOperation"}}
		}, "i-app 10.1.1.10 tcp/80", "the route tables of tgw-1 are not in the snapshot (DescribeTransitGatewayRouteTables was refused: UnauthorizedOperation)", ExitsNetwork},
		"attachments": {func(w *world) {
			w.r.Attachments = nil
			w.r.NotRead = []NotRead{{home, "DescribeTransitGatewayVpcAttachments", "UnauthorizedOperation"}}
		}, "i-app 10.1.1.10 tcp/80", "an attachment of vpc-a may be missing in the snapshot (DescribeTransitGatewayVpcAttachments was refused", NullRouted},
		"interfaces": {func(w *world) { w.r.NotRead = []NotRead{{home, "DescribeNetworkInterfaces", "UnauthorizedOperation"}} },
			"i-app 10.0.1.99 tcp/80", "the interface of 10.0.1.99 may be missing in the snapshot (DescribeNetworkInterfaces was refused", NeighborUnreachable},
		"internet gateways": {func(w *world) {
			w.r.Gateways = nil
			w.routes("rtb-pub")
			w.r.NotRead = []NotRead{{home, "DescribeInternetGateways", "UnauthorizedOperation"}}
		}, "8.8.8.8 203.0.113.10 tcp/80", "the internet gateway of vpc-a may be missing in the snapshot (DescribeInternetGateways was refused", NullRouted},
		"attachment subnets": {func(w *world) { w.r.Attachments[0].Subnets = nil }, "i-app 10.1.1.10 tcp/80", "taken as present in each zone", Accepted},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := estate()
			c.with(w)
			got, err := w.build(t).Trace(scenario{ask: c.ask}.query())
			if err != nil {
				t.Fatal(err)
			}
			if got.Disposition != c.end || !strings.Contains(strings.Join(got.Notes, "\n"), c.want) {
				t.Errorf("%s with notes %q: want %s and a note with %q", got.Disposition, got.Notes, c.end, c.want)
			}
		})
	}
}

// Flow logs name the private address of what comes in by the public one.
func TestFlowFromTheInternetByPrivateAddress(t *testing.T) {
	s := estate().build(t)
	q := FlowQuery{From: End{Addr: netip.MustParseAddr("8.8.8.8")}, To: End{ENI: "eni-pub", Addr: netip.MustParseAddr("10.0.1.10")}}
	q.Columns = netset.PortColumns(netset.TCP, 443, 443)
	v := s.Flow(q)
	if v.Request != Accepted || v.Reply != ExitsNetwork || !v.Admitted() {
		t.Errorf("request %s, reply %s, %v: want ACCEPTED and EXITS_NETWORK", v.Request, v.Reply, v.Err)
	}
	// The ACL and the group see the private address inside and the peer's.
	for _, c := range v.RequestChecks {
		if c.Remote != q.From.Addr {
			t.Errorf("%s is asked for %s: want the peer's address", c.Resource, c.Remote)
		}
	}
	if v := s.Flow(FlowQuery{From: q.From, To: End{ENI: "eni-none"}, Columns: q.Columns}); v.Err == nil {
		t.Error("an unknown interface has a verdict")
	}
}

// A Replayer uses its memory again and answers as a fresh one.
func TestReplayerForgetsTheLastFlow(t *testing.T) {
	s := estate().build(t)
	r := s.Replayer()
	var qs []FlowQuery
	for _, from := range []string{"eni-app", "eni-pub", "eni-b1", "eni-app2"} {
		for _, to := range []string{"10.0.2.11", "8.8.8.8", "10.1.1.10", "10.1.99.9", "203.0.113.10"} {
			qs = append(qs, FlowQuery{From: End{ENI: from}, To: End{Addr: netip.MustParseAddr(to)}, Columns: netset.PortColumns(netset.TCP, 443, 443)})
		}
	}
	for range 2 {
		for _, q := range qs {
			got, want := r.Flow(q), s.Flow(q)
			if got.Request != want.Request || got.Reply != want.Reply || !slices.Equal(got.Rules(), want.Rules()) || !slices.Equal(got.Notes, want.Notes) {
				t.Fatalf("%+v: %+v, a fresh one says %+v", q, got, want)
			}
		}
	}
	allocs := testing.AllocsPerRun(100, func() { r.Flow(qs[2]) })
	if allocs > 6 {
		t.Errorf("a flow across the gateway allocates %v times", allocs)
	}
}
