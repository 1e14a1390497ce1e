package analyze

import (
	"cmp"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

// record is one flow log record; the model below makes of them what a rollup
// hands to Settle, in the plainest way, so that tests can speak in records.
type record struct {
	account, eni, iftype, instance, direction string
	src, dst, psrc, pdst                      netip.Addr
	sport, dport, flags                       int // NoPort, -1: absent
	proto                                     netset.Protocol
	packets, bytes                            int64
	start, end                                int64
	action                                    Action
}

type fiveTuple struct {
	eni  string
	day  int64
	l, p socket
}

// rollup turns records into rows: local side by direction, else the address
// that the ENI's records hold most; SYN bits settle a five-tuple's day.
func rollup(recs []record) []Row {
	own := map[string]netip.Addr{}
	count := map[string]map[netip.Addr]int{}
	for _, r := range recs {
		if count[r.eni] == nil {
			count[r.eni] = map[netip.Addr]int{}
		}
		count[r.eni][r.src]++
		count[r.eni][r.dst]++
	}
	for eni, c := range count {
		own[eni] = slices.MaxFunc(sortedKeys(c, netip.Addr.Compare), func(a, b netip.Addr) int { return cmp.Compare(c[a], c[b]) })
	}
	type half struct {
		Row
		syn Side
	}
	var rows []half
	settled := map[fiveTuple]Side{}
	for _, r := range recs {
		ps, pd := r.psrc, r.pdst
		if !ps.IsValid() {
			ps, pd = r.src, r.dst
		}
		in := r.dst == own[r.eni]
		if r.direction != "" {
			in = r.direction == "ingress"
		}
		h := half{Row: Row{Account: r.account, ENI: r.eni, InterfaceType: r.iftype, Protocol: r.proto, Action: r.action,
			Local: ps, Peer: pd, HopLocal: r.src, HopPeer: r.dst, LocalPort: r.sport, PeerPort: r.dport,
			OpenerPortLow: NoPort, OpenerPortHigh: NoPort, Side: Unsettled,
			Records: 1, Packets: r.packets, Bytes: r.bytes, PacketsOut: r.packets, BytesOut: r.bytes,
			HasFlags: r.flags >= 0}}
		if in {
			h.Local, h.Peer, h.HopLocal, h.HopPeer = pd, ps, r.dst, r.src
			h.LocalPort, h.PeerPort = r.dport, r.sport
			h.PacketsIn, h.PacketsOut, h.BytesIn, h.BytesOut = r.packets, 0, r.bytes, 0
		}
		if h.HopLocal == h.Local && h.HopPeer == h.Peer {
			h.HopLocal, h.HopPeer = netip.Addr{}, netip.Addr{}
		}
		if !r.proto.HasPorts() {
			h.LocalPort, h.PeerPort = NoPort, NoPort
		}
		if r.start > 0 {
			h.First, h.Last = time.Unix(r.start, 0).UTC(), time.Unix(r.end, 0).UTC()
			h.Days = []int32{int32(r.start / 86400)}
			h.Hours = 1 << (r.start / 3600 % 24)
		}
		if r.proto == netset.TCP && r.flags >= 0 {
			switch {
			case r.flags&18 == 18:
				h.SynAck = true
				h.syn = map[bool]Side{true: Out, false: In}[in]
			case r.flags&2 != 0:
				h.syn = map[bool]Side{true: In, false: Out}[in]
			}
		}
		if h.syn != "" {
			settled[fiveTuple{r.eni, r.start / 86400, h.localSocket(), h.peerSocket()}] = h.syn
		}
		rows = append(rows, h)
	}
	var out []Row
	for i, h := range rows {
		if s, ok := settled[fiveTuple{h.ENI, recs[i].start / 86400, h.localSocket(), h.peerSocket()}]; ok {
			h.Side, h.Method = s, MethodSYN
			if s == In {
				h.PeerPort = NoPort
			} else {
				h.LocalPort = NoPort
			}
		}
		out = append(out, h.Row)
	}
	return out
}

// caseRecords reads one of the shared text cases, or skips the test.
func caseRecords(t *testing.T, name string) []record {
	t.Helper()
	file := "../../shared/cases/flowlogs/" + name
	data, err := os.ReadFile(file)
	if err != nil {
		t.Skipf("the shared cases are not here: %v", err)
	}
	var out []record
	var head []string
	for line := range strings.Lines(string(data)) {
		w := strings.Fields(line)
		if head == nil {
			head = w
			continue
		}
		r := record{sport: NoPort, dport: NoPort, flags: -1, proto: UnknownProtocol}
		for i, h := range head {
			setField(t, &r, h, w[i])
		}
		if r.src.IsValid() {
			out = append(out, r)
		}
	}
	return out
}

func setField(t *testing.T, r *record, name, v string) {
	if v == "-" {
		return
	}
	num := func() int {
		n, err := strconv.Atoi(v)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	switch name {
	case "account-id":
		r.account = v
	case "interface-id":
		r.eni = v
	case "instance-id":
		r.instance = v
	case "srcaddr":
		r.src = netip.MustParseAddr(v)
	case "dstaddr":
		r.dst = netip.MustParseAddr(v)
	case "pkt-srcaddr":
		r.psrc = netip.MustParseAddr(v)
	case "pkt-dstaddr":
		r.pdst = netip.MustParseAddr(v)
	case "srcport":
		r.sport = num()
	case "dstport":
		r.dport = num()
	case "protocol":
		r.proto = netset.Protocol(num())
	case "packets":
		r.packets = int64(num())
	case "bytes":
		r.bytes = int64(num())
	case "start":
		r.start = int64(num())
	case "end":
		r.end = int64(num())
	case "action":
		r.action = Action(v)
	case "tcp-flags":
		r.flags = num()
	}
}

func addr(s string) netip.Addr     { return netip.MustParseAddr(s) }
func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

// shuffled gives a copy in another order.
func shuffled[T any](seed uint64, in []T) []T {
	out := slices.Clone(in)
	rand.New(rand.NewPCG(seed, 1)).Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// rule makes a rule of a group. peer is a CIDR, an sg- or a pl-.
func rule(d topology.Direction, p netset.Protocol, from, to int, peer string) topology.SecurityGroupRule {
	r := topology.SecurityGroupRule{Direction: d, Protocol: p, FromPort: from, ToPort: to}
	switch {
	case strings.HasPrefix(peer, "sg-"):
		r.Group = peer
	case strings.HasPrefix(peer, "pl-"):
		r.PrefixList = peer
	default:
		r.CIDR = prefix(peer)
	}
	return r
}

var seoul = topology.Scope{Account: "111122223333", Region: "ap-northeast-2"}

// eni makes an interface of the test account.
func eni(id, subnet, kind, address string, groups ...string) topology.NetworkInterface {
	return topology.NetworkInterface{ID: id, Scope: seoul, VPC: "vpc-1", Subnet: subnet, AZ: "ap-northeast-2a", Type: kind,
		Addresses: []netip.Addr{addr(address)}, Groups: groups, SourceDestCheck: true}
}

// testAccount is a small account: web and db servers, a NAT gateway, a transit
// gateway ENI, a load balancer, a database.
func testAccount() topology.Resources {
	const in, out = topology.Ingress, topology.Egress
	sg := func(id string, rules ...topology.SecurityGroupRule) topology.SecurityGroup {
		return topology.SecurityGroup{ID: id, Scope: seoul, VPC: "vpc-1", Name: id, Rules: rules}
	}
	subnet := func(id, cidr string) topology.Subnet {
		return topology.Subnet{ID: id, Scope: seoul, VPC: "vpc-1", AZ: "ap-northeast-2a", CIDRs: []netip.Prefix{prefix(cidr)}}
	}
	all := func(d topology.Direction, n int, allow bool) topology.NetworkACLEntry {
		return topology.NetworkACLEntry{Number: n, Direction: d, Allow: allow, Protocol: netset.AllProtocols, FromPort: -1, ToPort: -1, CIDR: prefix("0.0.0.0/0")}
	}
	nat := eni("eni-nat", "subnet-pub", "nat_gateway", "10.0.0.220")
	nat.RequesterManaged = true
	rds := eni("eni-rds", "subnet-db", "interface", "10.0.2.50", "sg-db")
	rds.Description = "RDSNetworkInterface"
	alb := eni("eni-alb", "subnet-pub", "interface", "10.0.0.80", "sg-alb")
	alb.Description = "ELB app/front/abc"
	return topology.Resources{
		VPCs: []topology.VPC{{ID: "vpc-1", Scope: seoul, CIDRs: []netip.Prefix{prefix("10.0.0.0/16")}}},
		Subnets: []topology.Subnet{subnet("subnet-pub", "10.0.0.0/24"), subnet("subnet-app", "10.0.1.0/24"),
			subnet("subnet-db", "10.0.2.0/24"), subnet("subnet-tgw", "10.0.3.0/28"), subnet("subnet-ecs", "10.0.4.0/24")},
		SecurityGroups: []topology.SecurityGroup{
			sg("sg-web", rule(in, netset.TCP, 8080, 8080, "sg-alb"), rule(in, netset.TCP, 22, 22, "10.9.0.0/16"), rule(out, netset.AllProtocols, -1, -1, "0.0.0.0/0")),
			sg("sg-common", rule(in, netset.ICMP, -1, -1, "10.0.0.0/8"), rule(in, netset.TCP, 8080, 8080, "10.0.0.0/24"), rule(out, netset.TCP, 443, 443, "0.0.0.0/0")),
			sg("sg-db", rule(in, netset.TCP, 5432, 5432, "sg-web"), rule(out, netset.TCP, 443, 443, "0.0.0.0/0")),
			sg("sg-alb", rule(in, netset.TCP, 443, 443, "0.0.0.0/0"), rule(out, netset.TCP, 8080, 8080, "10.0.1.0/24")),
			sg("sg-ecs", rule(in, netset.TCP, 9000, 9010, "10.0.0.0/16"), rule(out, netset.AllProtocols, -1, -1, "0.0.0.0/0")),
		},
		NetworkACLs: []topology.NetworkACL{
			{ID: "acl-open", Scope: seoul, VPC: "vpc-1", IsDefault: true, Subnets: []string{"subnet-app", "subnet-pub", "subnet-tgw", "subnet-ecs"},
				Entries: []topology.NetworkACLEntry{all(in, 100, true), all(out, 100, true), all(in, 32767, false), all(out, 32767, false)}},
			{ID: "acl-db", Scope: seoul, VPC: "vpc-1", Subnets: []string{"subnet-db"},
				Entries: []topology.NetworkACLEntry{
					{Number: 100, Direction: in, Allow: true, Protocol: netset.TCP, FromPort: 5432, ToPort: 5432, CIDR: prefix("10.0.1.0/24")},
					{Number: 100, Direction: out, Allow: true, Protocol: netset.TCP, FromPort: 1024, ToPort: 65535, CIDR: prefix("10.0.1.0/24")},
					all(in, 32767, false), all(out, 32767, false)}},
		},
		Interfaces: []topology.NetworkInterface{
			eni("eni-web1", "subnet-app", "interface", "10.0.1.5", "sg-common", "sg-web"),
			eni("eni-web2", "subnet-app", "interface", "10.0.1.6", "sg-common", "sg-web"),
			eni("eni-other", "subnet-app", "interface", "10.0.1.7", "sg-common"),
			eni("eni-ecs1", "subnet-ecs", "interface", "10.0.4.10", "sg-ecs"),
			eni("eni-ecs2", "subnet-ecs", "interface", "10.0.4.11", "sg-ecs"),
			eni("eni-tgw", "subnet-tgw", "transit_gateway", "10.0.3.4"),
			nat, rds, alb,
		},
		LoadBalancers: []topology.LoadBalancer{{ID: "arn:aws:elasticloadbalancing:ap-northeast-2:111122223333:loadbalancer/app/front/abc",
			Scope: seoul, Name: "front", Type: "application", VPC: "vpc-1", Groups: []string{"sg-alb"},
			Listeners: []topology.Listener{{Protocol: netset.TCP, Port: 443, Targets: []topology.Target{{ID: "10.0.1.5", Port: 8080}}}}}},
		DBInstances: []topology.DBInstance{{ID: "arn:db", Scope: seoul, VPC: "vpc-1", Engine: "postgres", Port: 5432, Groups: []string{"sg-db"}, Subnets: []string{"subnet-db"}}},
	}
}

func snapshotOf(t testing.TB, r topology.Resources) *topology.Snapshot {
	t.Helper()
	s, err := topology.New(r)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var day0 = time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC)

// evidence is the test account as of the window's end.
func evidence(t testing.TB) Evidence {
	return Evidence{Policy: DefaultPolicy(), Snapshots: []SnapshotAt{{snapshotOf(t, testAccount()), day0.AddDate(0, 0, 30)}}}
}

var september = Window{Since: day0, Until: day0.AddDate(0, 0, 30), Location: time.UTC}

// row makes a row seen on the given days of September at 10 and 11 o'clock,
// with packets both ways.
func row(eni string, side Side, p netset.Protocol, local string, lport int, peer string, pport int, days ...int) Row {
	r := Row{Account: seoul.Account, Region: seoul.Region, ENI: eni, Side: side, Protocol: p, Local: addr(local), Peer: addr(peer),
		LocalPort: lport, PeerPort: pport, OpenerPortLow: NoPort, OpenerPortHigh: NoPort, Action: Accept,
		Records: int64(2 * max(1, len(days))), Packets: 20, Bytes: 9000, PacketsIn: 10, PacketsOut: 10, BytesIn: 2000, BytesOut: 7000,
		Hours: 1<<10 | 1<<11, HasFlags: true}
	if side != Unsettled {
		r.Method, r.SynAck = MethodSYN, p == netset.TCP
	}
	if len(days) == 0 {
		days = []int{1}
	}
	for _, d := range days {
		at := day0.AddDate(0, 0, d-1)
		r.Days = append(r.Days, int32(at.Unix()/86400))
		if r.First.IsZero() {
			r.First = at.Add(10 * time.Hour)
		}
		r.Last = at.Add(11 * time.Hour)
	}
	return r
}

func oneFlow(t *testing.T, fs []Flow) Flow {
	t.Helper()
	if len(fs) != 1 {
		for _, f := range fs {
			t.Logf("%s %s %s %s %s", f.ENI, f.Side, f.Text(), f.Action, f.Method)
		}
		t.Fatalf("%d flows, want 1", len(fs))
	}
	return fs[0]
}

func byText(t *testing.T, fs []Flow, eni, text string, a Action) Flow {
	t.Helper()
	for _, f := range fs {
		if f.ENI == eni && f.Text() == text && f.Action == a {
			return f
		}
	}
	for _, f := range fs {
		t.Logf("%s %s %s %s %s", f.ENI, f.Side, f.Text(), f.Action, f.Method)
	}
	t.Fatalf("no flow %s %s %s", eni, text, a)
	return Flow{}
}
