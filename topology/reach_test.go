package topology

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/flowcover/flowcover/topology/netset"
)

// traced asks Trace for one packet: whether the request arrives, and its reply.
func traced(t *testing.T, s *Snapshot, from, to string, c netset.Column) (request, both bool) {
	t.Helper()
	q := Query{From: from, To: to, Protocol: c.Protocol()}
	switch {
	case q.Protocol.HasPorts():
		q.Port = int(c.Port())
	case q.Protocol.HasTypes():
		q.ICMPType, q.ICMPCode = int(c.Port()>>8), int(c.Port()&255)
	}
	got, err := s.Trace(q)
	if err != nil {
		t.Fatalf("%s to %s: %v", from, to, err)
	}
	return got.Disposition.Delivered(), got.Disposition.Delivered() && got.Reply.Disposition.Delivered()
}

// at looks a packet up in an answer: the peer's interface (empty: none) and
// address.
func (r *Reach) at(eni string, a netip.Addr, c netset.Column) (request, both bool) {
	see := func(p netip.Prefix, columns, noReply netset.ColumnSet) {
		if p.Contains(a) {
			both = both || columns.Contains(c)
			request = request || columns.Contains(c) || noReply.Contains(c)
		}
	}
	for _, p := range r.Interfaces {
		if eni == "" || p.ENI == eni {
			see(p.Prefix, p.Columns, p.NoReply)
		}
	}
	if eni == "" {
		for _, b := range append(slices.Clone(r.Outside), r.Free...) {
			see(b.Prefix, b.Columns, b.NoReply)
		}
	}
	return request, both
}

var reachColumns = []netset.Column{netset.ColumnOf(netset.TCP, 53), netset.ColumnOf(netset.TCP, 80), netset.ColumnOf(netset.TCP, 101), netset.ColumnOf(netset.TCP, 40000),
	netset.ColumnOf(netset.UDP, 53), netset.ColumnOf(netset.UDP, 2000), netset.ColumnOf(netset.ICMP, 8<<8), netset.ColumnOf(netset.ICMP, 3<<8|4),
	netset.ColumnOf(netset.ICMP, 13<<8), netset.ColumnOf(netset.ICMPv6, 128<<8), netset.ColumnOf(netset.ICMPv6, 2<<8), netset.ColumnOf(50, 0)}

var reachAddrs = []string{"10.0.0.4", "10.0.0.5", "10.0.0.6", "10.0.0.7", "10.0.0.17", "10.0.0.36", "10.0.0.37", "10.0.0.68", "10.0.0.100", "10.0.0.200", "10.9.0.8", "10.9.0.9",
	"10.2.0.8", "10.2.0.9", "10.2.0.250", "10.77.0.1", "8.8.8.8", "9.9.9.9", "9.8.1.1", "52.92.3.4", "172.16.3.4", "192.168.3.4", "192.168.200.4", "203.0.113.4", "203.0.113.6",
	"203.0.113.68", "203.0.113.99", "169.254.169.254", "10.0.0.2", "2001:db8:a:1::4", "2001:db8:a:1::5", "2001:db8:a:2::4", "2001:db8:b:1::8", "2606:4700::1", "64:ff9b::808:808",
	"64:ff9b::cb00:7144", "64:ff9b::a00:24", "fd00:ec2::254", "fe80::1"}

// The sets and Trace are two ways to the same answer, both legs.
func TestReachAgreesWithTrace(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 22))
	counts := map[string]int{}
	for range 50 {
		s := wideWorld(r).build(t)
		for range 4 {
			n := s.r.Interfaces[r.IntN(len(s.r.Interfaces))]
			name := n.ID
			if here := s.InterfacesAt(n.Addresses[0]); len(here) == 1 && r.IntN(3) == 0 {
				name = n.Addresses[0].String()
			}
			checkDestinations(t, s, r, name, counts)
			checkSources(t, s, r, name, counts)
		}
		for _, outside := range []string{"8.8.8.8", "172.16.3.4", "192.168.3.4", "10.2.0.9", "2606:4700::1", "203.0.113.4"} {
			checkDestinations(t, s, r, outside, counts)
			checkSources(t, s, r, outside, counts)
		}
	}
	for _, k := range []string{"out both", "out one way", "out none", "in both", "in one way", "in none"} {
		if counts[k] < 200 {
			t.Errorf("%s: %d packets: the test has lost its reach (%v)", k, counts[k], counts)
		}
	}
	t.Log(counts)
}

func count(counts map[string]int, name string, request, both bool) {
	switch {
	case both:
		counts[name+" both"]++
	case request:
		counts[name+" one way"]++
	default:
		counts[name+" none"]++
	}
}

// families says which families an end has.
func families(s *Snapshot, end string) func(v6 bool) bool {
	if a, err := netip.ParseAddr(end); err == nil {
		return func(v6 bool) bool { return a.Is6() == v6 }
	}
	n, _ := s.Interface(end)
	return func(v6 bool) bool { _, ok := firstOf(n, v6); return ok }
}

func checkDestinations(t *testing.T, s *Snapshot, r *rand.Rand, end string, counts map[string]int) {
	t.Helper()
	out, err := s.Reach(ReachQuery{From: end})
	if err != nil {
		t.Fatal(err)
	}
	has := families(s, end)
	for range 100 {
		to, c := reachAddrs[r.IntN(len(reachAddrs))], reachColumns[r.IntN(len(reachColumns))]
		a := netip.MustParseAddr(to)
		if !has(a.Is6()) || s.ambiguous(end, a) {
			continue
		}
		request, both := traced(t, s, end, to, c)
		gotRequest, gotBoth := out.at("", a, c)
		count(counts, "out", request, both)
		if request != gotRequest || both != gotBoth {
			got, _ := s.Trace(Query{From: end, To: to, Protocol: c.Protocol(), Port: int(c.Port())})
			t.Fatalf("%s to %s on %v: Trace says %v %v, Reach %v %v\n%s", end, to, netset.Columns{First: c, Last: c}, request, both, gotRequest, gotBoth, strip(got))
		}
	}
}

// ambiguous says whether Trace cannot tell which of several VPCs is meant by an
// address that is asked for from outside.
func (s *Snapshot) ambiguous(from string, to netip.Addr) bool {
	a, err := netip.ParseAddr(from)
	return err == nil && len(s.InterfacesAt(to)) > 1 && !s.inside(a)
}

func checkSources(t *testing.T, s *Snapshot, r *rand.Rand, end string, counts map[string]int) {
	t.Helper()
	in, err := s.Reach(ReachQuery{To: end})
	if err != nil {
		t.Fatal(err)
	}
	has := families(s, end)
	for range 100 {
		c := reachColumns[r.IntN(len(reachColumns))]
		from, eni := reachAddrs[r.IntN(len(reachAddrs))], ""
		a := netip.MustParseAddr(from)
		if r.IntN(2) == 0 {
			peer := s.r.Interfaces[r.IntN(len(s.r.Interfaces))]
			from, eni = peer.ID, peer.ID
			if a = peer.Addresses[0]; s.forwardsOnly(&peer) {
				continue
			}
		}
		if !has(a.Is6()) || len(s.InterfacesAtPublic(a)) > 0 {
			continue
		}
		request, both := traced(t, s, from, end, c)
		gotRequest, gotBoth := in.at(eni, a, c)
		count(counts, "in", request, both)
		if request != gotRequest || both != gotBoth {
			got, _ := s.Trace(Query{From: from, To: end, Protocol: c.Protocol(), Port: int(c.Port())})
			t.Fatalf("%s to %s on %v: Trace says %v %v, Reach %v %v\n%s", from, end, netset.Columns{First: c, Last: c}, request, both, gotRequest, gotBoth, strip(got))
		}
	}
}

func TestReachSaysWhatIsWrong(t *testing.T) {
	s := wideWorld(rand.New(rand.NewPCG(1, 1))).build(t)
	for _, q := range []ReachQuery{{}, {From: "eni-1", To: "eni-2"}, {To: "eni-none"}, {From: "10.1.0.8"}, {To: "nonsense"}} {
		var end *EndpointError
		if _, err := s.Reach(q); !errors.As(err, &end) {
			t.Errorf("%+v: %v", q, err)
		}
	}
	if _, err := s.Reach(ReachQuery{From: "eni-1", SourcePort: 70000}); err == nil {
		t.Error("a source port of 70000 is taken")
	}
}
