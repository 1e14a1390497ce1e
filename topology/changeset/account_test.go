package changeset

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/optimize/target"
	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

var home = topology.Scope{Account: "111122223333", Region: "ap-northeast-2"}

// account builds small accounts in the form a person would write them.
type account struct {
	r     topology.Resources
	flows []analyze.Flow
}

func pfx(s ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, x := range s {
		out = append(out, netip.MustParsePrefix(x))
	}
	return out
}

func (a *account) vpc(id string, cidrs ...string) {
	a.r.VPCs = append(a.r.VPCs, topology.VPC{ID: id, Scope: home, CIDRs: pfx(cidrs...)})
	t := topology.RouteTable{ID: "rtb-" + id, Scope: home, VPC: id, Main: true}
	for _, p := range pfx(cidrs...) {
		t.Routes = append(t.Routes, topology.Route{Destination: p, Target: "local", State: "active", Origin: "CreateRouteTable"})
	}
	a.r.RouteTables = append(a.r.RouteTables, t)
}

// route adds a route to a VPC's table.
func (a *account) route(vpc, destination, target string) {
	for i := range a.r.RouteTables {
		if t := &a.r.RouteTables[i]; t.VPC == vpc {
			t.Routes = append(t.Routes, topology.Route{Destination: netip.MustParsePrefix(destination), Target: target, State: "active", Origin: "CreateRoute"})
		}
	}
}

func (a *account) subnet(id, vpc string, cidrs ...string) {
	a.r.Subnets = append(a.r.Subnets, topology.Subnet{ID: id, Scope: home, VPC: vpc, AZ: "ap-northeast-2a", AZID: "apne2-az1", CIDRs: pfx(cidrs...)})
}

// transit joins VPCs by a transit gateway with one table; each is attached
// through the subnet named.
func (a *account) transit(subnets ...string) {
	a.r.TransitGateways = append(a.r.TransitGateways, topology.TransitGateway{ID: "tgw-1", Scope: home, SecurityGroupReferencing: true})
	t := topology.TransitGatewayRouteTable{ID: "tgw-rtb-1", Scope: home, TransitGateway: "tgw-1"}
	for i, sub := range subnets {
		id := fmt.Sprintf("tgw-attach-%d", i)
		for _, s := range a.r.Subnets {
			if s.ID == sub {
				a.r.Attachments = append(a.r.Attachments, topology.TransitGatewayAttachment{ID: id, Scope: home, TransitGateway: "tgw-1",
					ResourceType: "vpc", Resource: s.VPC, Subnets: []string{sub}, State: "available", RouteTable: "tgw-rtb-1", SecurityGroupReferencing: true})
			}
		}
		t.Propagations = append(t.Propagations, id)
	}
	a.r.TransitRouteTables = append(a.r.TransitRouteTables, t)
}

// columns reads "tcp/443", "tcp/1-10", "icmp/8:0", "all".
func columns(s string) (p netset.Protocol, from, to int) {
	name, ports, ok := strings.Cut(s, "/")
	p, err := netset.ParseProtocol(name)
	if err != nil {
		panic(err)
	}
	if !ok {
		return p, -1, -1
	}
	n, err := fmt.Sscanf(ports, "%d-%d", &from, &to)
	if n < 2 {
		if n, err = fmt.Sscanf(ports, "%d:%d", &from, &to); n < 2 {
			_, err = fmt.Sscanf(ports, "%d", &from)
			to = from
		}
	}
	if err != nil && from == 0 && to == 0 && ports != "0" {
		panic(err)
	}
	return p, from, to
}

func direction(s string) topology.Direction {
	if s == "in" {
		return topology.Ingress
	}
	return topology.Egress
}

// rule reads "in tcp/443 10.0.0.0/8|sg-x|pl-x".
func rule(line string) topology.SecurityGroupRule {
	f := strings.Fields(line)
	r := topology.SecurityGroupRule{Direction: direction(f[0])}
	r.Protocol, r.FromPort, r.ToPort = columns(f[1])
	switch {
	case strings.HasPrefix(f[2], "sg-"):
		r.Group = f[2]
	case strings.HasPrefix(f[2], "pl-"):
		r.PrefixList = f[2]
	default:
		r.CIDR = netset.CanonicalPrefix(netip.MustParsePrefix(f[2]))
	}
	return r
}

func (a *account) sg(id, vpc string, rules ...string) {
	g := topology.SecurityGroup{ID: id, Scope: home, VPC: vpc, Name: id}
	for i, line := range rules {
		r := rule(line)
		r.ID = fmt.Sprintf("sgr-%s-%d", strings.TrimPrefix(id, "sg-"), i)
		g.Rules = append(g.Rules, r)
	}
	a.r.SecurityGroups = append(a.r.SecurityGroups, g)
}

// acl adds an ACL with entries "in 100 allow tcp/443 10.0.0.0/8" and the final
// denies. Without subnets it is the VPC's default; without entries it admits all.
func (a *account) acl(id, vpc, subnets string, entries ...string) {
	if len(entries) == 0 {
		entries = []string{"in 100 allow all 0.0.0.0/0", "out 100 allow all 0.0.0.0/0", "in 101 allow all ::/0", "out 101 allow all ::/0"}
	}
	n := topology.NetworkACL{ID: id, Scope: home, VPC: vpc, Subnets: strings.Fields(subnets), IsDefault: subnets == ""}
	v6 := false
	for _, line := range entries {
		f := strings.Fields(line)
		e := topology.NetworkACLEntry{Direction: direction(f[0]), Allow: f[2] == "allow", CIDR: netset.CanonicalPrefix(netip.MustParsePrefix(f[4]))}
		if _, err := fmt.Sscanf(f[1], "%d", &e.Number); err != nil {
			panic(err)
		}
		e.Protocol, e.FromPort, e.ToPort = columns(f[3])
		v6 = v6 || e.CIDR.Addr().Is6()
		n.Entries = append(n.Entries, e)
	}
	for _, d := range []topology.Direction{topology.Ingress, topology.Egress} {
		n.Entries = append(n.Entries, topology.NetworkACLEntry{Number: 32767, Direction: d, Protocol: netset.AllProtocols, FromPort: -1, ToPort: -1, CIDR: netip.MustParsePrefix("0.0.0.0/0")})
		if v6 {
			n.Entries = append(n.Entries, topology.NetworkACLEntry{Number: 32768, Direction: d, Protocol: netset.AllProtocols, FromPort: -1, ToPort: -1, CIDR: netip.MustParsePrefix("::/0")})
		}
	}
	a.r.NetworkACLs = append(a.r.NetworkACLs, n)
}

func (a *account) eni(id, subnet, groups string, addrs ...string) {
	e := topology.NetworkInterface{ID: id, Scope: home, Subnet: subnet, AZ: "ap-northeast-2a", Type: "interface", Groups: strings.Fields(groups), SourceDestCheck: true}
	for _, s := range a.r.Subnets {
		if s.ID == subnet {
			e.VPC = s.VPC
		}
	}
	for _, x := range addrs {
		e.Addresses = append(e.Addresses, netip.MustParseAddr(x))
	}
	a.r.Interfaces = append(a.r.Interfaces, e)
}

func (a *account) snapshot(t testing.TB) *topology.Snapshot {
	t.Helper()
	s, err := topology.New(a.r)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var windowStart = time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC)

// flow adds an observation at an ENI: "eni-1 in tcp/443 10.0.0.5". It is
// accepted and answered; change says otherwise.
func (a *account) flow(line string, change ...func(*analyze.Flow)) string {
	f := strings.Fields(line)
	fl := analyze.Flow{Account: home.Account, Region: home.Region, ENI: f[0], Side: analyze.Side(f[1]), Peer: netip.MustParseAddr(f[3]),
		Port: analyze.NoPort, OpenerPortLow: analyze.NoPort, OpenerPortHigh: analyze.NoPort,
		Action: analyze.Accept, Method: analyze.MethodSYN, Answered: true, SeenByLog: true,
		Records: 10, Packets: 100, Bytes: 1000, PacketsIn: 50, PacketsOut: 50, First: windowStart, Last: windowStart.AddDate(0, 0, 29)}
	p, from, _ := columns(f[2])
	fl.Protocol = p
	if p.HasPorts() {
		fl.Port, fl.OpenerPortLow, fl.OpenerPortHigh = from, 40000, 41000
	}
	for _, e := range a.r.Interfaces {
		if e.ID == fl.ENI {
			for _, x := range e.Addresses {
				if x.Is6() == fl.Peer.Is6() {
					fl.Local = x
				}
			}
		}
	}
	for d := range 30 {
		fl.Days = append(fl.Days, int32(windowStart.AddDate(0, 0, d).Unix()/86400))
	}
	fl.ID = fmt.Sprintf("f-%s-%s-%s-%s", fl.ENI, fl.Side, strings.ReplaceAll(f[2], "/", "."), fl.Peer)
	for _, c := range change {
		c(&fl)
	}
	a.flows = append(a.flows, fl)
	return fl.ID
}

func rejected(f *analyze.Flow)   { f.Action, f.Answered, f.ID = analyze.Reject, false, f.ID+"-r" }
func unanswered(f *analyze.Flow) { f.Answered, f.PacketsOut = false, 0 }

// plan is what a test asks for.
type plan struct {
	policy   target.Policy
	approve  []string
	coverage func(string) (float64, []string)
	scope    []string
	corrupt  func([]target.Result) // spoils the answers before they become changes
}

func newPlan() plan { return plan{policy: target.DefaultPolicy()} }

// build runs the line from flows to a changeset.
func (p plan) build(t testing.TB, s *topology.Snapshot, flows []analyze.Flow) *Changeset {
	t.Helper()
	c, err := p.try(s, flows)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (p plan) try(s *topology.Snapshot, flows []analyze.Flow) (*Changeset, error) {
	ev := analyze.Evidence{Snapshots: []analyze.SnapshotAt{{Snapshot: s, Time: windowStart}}, Policy: analyze.DefaultPolicy()}
	ev.Policy.Approve = p.approve
	w := analyze.Window{Since: windowStart, Until: windowStart.AddDate(0, 0, 30), Location: time.UTC}
	o := analyze.Reobserve(flows, ev, w)
	in := target.Input{Snapshot: s, Flows: o.Flows, Coverage: p.coverage, Forbidden: o.Forbidden, Policy: p.policy, Scope: p.scope}
	ts, findings, err := target.Build(in)
	if err != nil {
		return nil, err
	}
	rs, err := target.Solve(context.Background(), ts, target.Options{Workers: 2})
	if err != nil {
		return nil, err
	}
	if p.corrupt != nil {
		p.corrupt(rs)
	}
	return Build(context.Background(), Input{Snapshot: s, Flows: o.Flows, Results: rs, Policy: p.policy, Forbidden: o.Forbidden, Findings: findings,
		Created: "2026-10-01T00:00:00Z", Tool: "test", Observations: "0123", Window: Window{"2026-09-01", "2026-10-01", "UTC"},
		Parameters: map[string]string{"scope": strings.Join(p.scope, ",")}})
}

func encode(t testing.TB, c *Changeset) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := c.Encode(&buf); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func wantPromises(t testing.TB, c *Changeset) {
	t.Helper()
	for _, p := range c.Promises {
		if !p.Holds {
			t.Errorf("promise %s does not hold:\n  %s", p.ID, strings.Join(p.Counterexamples, "\n  "))
		}
	}
}

func words(c *Changeset, target string) []string {
	var out []string
	for i := range c.Changes {
		if c.Changes[i].Target == target {
			out = append(out, c.Changes[i].Words())
		}
	}
	return out
}

func wantWords(t testing.TB, c *Changeset, target string, want ...string) {
	t.Helper()
	if got := words(c, target); !slices.Equal(got, want) {
		t.Errorf("changes of %s:\n  %s\nwant:\n  %s", target, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func pick[T any](r *rand.Rand, xs []T) T { return xs[r.IntN(len(xs))] }

// rebuild gives a builder over a changeset, to check its promises again.
func rebuild(t testing.TB, s *topology.Snapshot, a *account, c *Changeset) *builder {
	t.Helper()
	ev := analyze.Evidence{Snapshots: []analyze.SnapshotAt{{Snapshot: s, Time: windowStart}}, Policy: analyze.DefaultPolicy()}
	w := analyze.Window{Since: windowStart, Until: windowStart.AddDate(0, 0, 30), Location: time.UTC}
	o := analyze.Reobserve(a.flows, ev, w)
	return &builder{Input: &Input{Snapshot: s, Flows: o.Flows, Policy: target.DefaultPolicy()}, out: c, stopped: context.Background().Err}
}
