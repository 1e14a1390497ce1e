package analyze

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

func attributed(t *testing.T, ev Evidence, rows ...Row) ([]Flow, []Finding) {
	t.Helper()
	flows, found := Settle(rows, ev)
	out, more := Attribute(flows, ev, september)
	return out, append(found, more...)
}

func reasons(f Flow) string { return strings.Join(f.Reasons, " | ") }

// The one group that carries a flow: it admits it today; of several, the one
// on the fewest ENIs; then the lowest id.
func TestGroupOfFlow(t *testing.T) {
	alb := row("eni-web1", In, netset.TCP, "10.0.1.5", 8080, "10.0.0.80", NoPort)
	out := row("eni-web1", Out, netset.TCP, "10.0.1.5", NoPort, "198.51.100.7", 443)
	ssh := row("eni-web1", In, netset.TCP, "10.0.1.5", 22, "10.9.0.4", NoPort)
	flows, _ := attributed(t, evidence(t), alb, out, ssh)
	for text, want := range map[string]struct{ group, rule string }{
		"10.0.0.80 -> 10.0.1.5 tcp/8080":   {"sg-web", "ingress tcp/8080 sg-alb"}, // sg-common admits it too, on more ENIs
		"10.0.1.5 -> 198.51.100.7 tcp/443": {"sg-web", "egress all 0.0.0.0/0"},
		"10.9.0.4 -> 10.0.1.5 tcp/22":      {"sg-web", "ingress tcp/22 10.9.0.0/16"},
	} {
		f := byText(t, flows, "eni-web1", text, Accept)
		if f.Group != want.group || len(f.AdmittedBy) != 1 || f.AdmittedBy[0].Rule != want.rule || !f.Approved || f.VPC != "vpc-1" || f.Subnet != "subnet-app" {
			t.Errorf("%s: %s by %v, approved %v (%s)", text, f.Group, f.AdmittedBy, f.Approved, reasons(f))
		}
	}
}

func TestReasonsAgainst(t *testing.T) {
	base := func(f func(*Row)) Row {
		r := row("eni-web1", In, netset.TCP, "10.0.1.5", 22, "10.9.0.4", NoPort)
		f(&r)
		return r
	}
	for _, c := range []struct {
		name, want string
		row        Row
		hold       bool
		policy     func(*Policy)
	}{
		{"approved", "", base(func(*Row) {}), false, nil},
		{"rejected", ReasonRejected, base(func(r *Row) { r.Action = Reject }), false, nil},
		{"unanswered", ReasonUnanswered, base(func(r *Row) { r.SynAck, r.PacketsOut = false, 0 }), false, nil},
		{"answered by resets", ReasonUnanswered, base(func(r *Row) { r.SynAck, r.BytesIn, r.BytesOut = false, 600, 400 }), false, nil},
		{"its SYN+ACK was not logged", "", base(func(r *Row) { r.SynAck = false }), false, nil},
		{"v2, bytes one way", ReasonUnanswered, base(func(r *Row) { r.HasFlags, r.SynAck, r.BytesOut = false, false, 0 }), false, nil},
		{"no rule", ReasonChanged + "no rule of sg-web, sg-common admits it today", base(func(r *Row) { r.Peer = addr("10.8.0.4") }), false, nil},
		{"ACL", ReasonChanged + "acl-db egress 32767 refuses it today", func() Row {
			return row("eni-rds", Out, netset.TCP, "10.0.2.50", NoPort, "198.51.100.7", 443)
		}(), false, nil},
		{"a guess on an opener's port", ReasonGuess, func() Row {
			r := row("eni-web1", Unsettled, netset.TCP, "10.0.1.5", 51001, "10.9.0.9", 51000)
			return r
		}(), true, nil},
		{"nothing settles it", ReasonUnsettled, row("eni-rds", Unsettled, netset.ICMP, "10.0.2.50", NoPort, "10.0.9.9", NoPort), false, nil},
		{"no ports in the log", ReasonNoPorts, base(func(r *Row) { r.Protocol, r.Side, r.LocalPort = UnknownProtocol, Unsettled, NoPort }), false, nil},
		{"steady one-way traffic inside", ReasonUnanswered, func() Row {
			r := row("eni-web1", Out, netset.UDP, "10.0.1.5", NoPort, "10.9.0.9", 514, daysUpTo(30)...)
			r.PacketsIn, r.BytesIn, r.Hours = 0, 0, 1<<24-1
			return r
		}(), true, nil},
		{"one-way traffic to the internet", ReasonUnanswered, func() Row {
			r := row("eni-web1", Out, netset.UDP, "10.0.1.5", NoPort, "198.51.100.9", 514, daysUpTo(30)...)
			r.PacketsIn, r.BytesIn = 0, 0
			return r
		}(), false, nil},
		{"least days", ReasonPolicy + "seen on 1 of the 3 days asked for", base(func(*Row) {}), false, func(p *Policy) { p.MinDays = 3 }},
		{"zone", ReasonPolicy + "no partners", base(func(*Row) {}), false, func(p *Policy) {
			p.Zones = []Zone{{"partner", []netip.Prefix{prefix("10.9.0.0/16")}}}
			p.Exclude = []Exclusion{{Name: "no partners", Zone: "partner"}}
		}},
		{"another zone", "", base(func(*Row) {}), false, func(p *Policy) { p.Exclude = []Exclusion{{Zone: ZoneInternet}} }},
		{"every condition of a line", "", base(func(*Row) {}), false, func(p *Policy) {
			p.Exclude = []Exclusion{{Columns: p.AdminPorts, Classes: []Class{Steady}}}
		}},
		{"port and class", ReasonPolicy + "line 1", base(func(*Row) {}), false, func(p *Policy) {
			p.Exclude = []Exclusion{{Columns: p.AdminPorts, Classes: []Class{Single}, MinDays: 2, Side: In}}
		}},
		{"a line without conditions", "", base(func(*Row) {}), false, func(p *Policy) { p.Exclude = []Exclusion{{Name: "nothing"}} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			ev := evidence(t)
			if c.policy != nil {
				c.policy(&ev.Policy)
			}
			flows, _ := attributed(t, ev, c.row)
			f := oneFlow(t, flows)
			if reasons(f) != c.want || f.Approved != (c.want == "") || f.Holds != c.hold {
				t.Errorf("approved %v, holds %v, reasons %q, want %q", f.Approved, f.Holds, reasons(f), c.want)
			}
		})
	}
}

func daysUpTo(n int) (out []int) {
	for i := range n {
		out = append(out, i+1)
	}
	return out
}

func TestWithoutSnapshot(t *testing.T) {
	flows, found := attributed(t, Evidence{Policy: DefaultPolicy()}, row("eni-web1", In, netset.TCP, "10.0.1.5", 22, "10.9.0.4", NoPort))
	f := oneFlow(t, flows)
	if f.Approved || f.Group != "" || reasons(f) != ReasonNoSnapshot || f.Rank != 1 || len(found) != 0 {
		t.Errorf("%+v %v", f, found)
	}
}

func TestApproveByName(t *testing.T) {
	ev := evidence(t)
	demand := row("eni-web1", In, netset.TCP, "10.0.1.5", 22, "10.8.0.4", NoPort)
	demand.Action = Reject
	f := oneFlow(t, first(attributed(t, ev, demand)))
	ev.Policy.Approve = []string{f.ID, "f-0000000000000000"}
	flows, found := attributed(t, ev, demand)
	if f = oneFlow(t, flows); !f.Approved || !strings.HasPrefix(reasons(f), ReasonByName) || f.Group != "sg-web" {
		t.Errorf("%+v", f)
	}
	if !hasKind(found, "unknown-flow") {
		t.Error("an id that is nowhere is not reported")
	}
	if cells, _ := Forbidden(flows, ev); len(cells) != 0 {
		t.Errorf("a demand approved by name still forbids %v", cells)
	}
}

// An ENI in no snapshot belongs to its siblings' group if they agree.
func TestVanishedENI(t *testing.T) {
	at := func(eni, local string) Row { return row(eni, In, netset.TCP, local, 9000, "10.0.1.9", NoPort) }
	ev := evidence(t)
	day := int32(day0.Unix() / 86400)
	ev.Hours = []ENIHours{
		{Account: seoul.Account, ENI: "eni-gone1", Day: day, VPC: "vpc-1", Subnet: "subnet-ecs", ECSService: "api"},
		{Account: seoul.Account, ENI: "eni-gone2", Day: day, VPC: "vpc-1", Subnet: "subnet-app"},
		{Account: seoul.Account, ENI: "eni-gone3", Day: day, VPC: "vpc-1", Subnet: "subnet-tgw"},
		{Account: "999999999999", ENI: "eni-far", Day: day, VPC: "vpc-9", Subnet: "subnet-9"},
	}
	far := at("eni-far", "10.0.4.80")
	far.Account = "999999999999"
	web := row("eni-gone2", In, netset.TCP, "10.0.1.77", 8080, "10.0.0.80", NoPort)
	flows, found := attributed(t, ev, at("eni-gone1", "10.0.4.77"), web, at("eni-gone3", "10.0.3.9"), far)
	if f := byText(t, flows, "eni-gone1", "10.0.1.9 -> 10.0.4.77 tcp/9000", Accept); f.Group != "sg-ecs" || !f.Approved || f.VPC != "vpc-1" {
		t.Errorf("siblings agree: %+v", f.Attribution)
	}
	f := byText(t, flows, "eni-gone2", "10.0.0.80 -> 10.0.1.77 tcp/8080", Accept)
	if f.Group != "" || f.Approved || !f.Holds || len(f.AdmittedBy) != 2 || !strings.HasPrefix(reasons(f), ReasonUnattributed) {
		t.Errorf("siblings differ: %+v", f.Attribution)
	}
	f = byText(t, flows, "eni-gone3", "10.0.1.9 -> 10.0.3.9 tcp/9000", Accept)
	if f.Group != "" || f.Holds || !strings.Contains(reasons(f), "no siblings") {
		t.Errorf("no siblings: %+v", f.Attribution)
	}
	f = byText(t, flows, "eni-far", "10.0.1.9 -> 10.0.4.80 tcp/9000", Accept)
	if f.Approved || reasons(f) != ReasonOutside {
		t.Errorf("another account: %s", reasons(f))
	}
	for _, kind := range []string{"unattributed", "outside-account"} {
		if !hasKind(found, kind) {
			t.Errorf("no finding %s in %v", kind, found)
		}
	}
}

// A peer that was a member of a referenced group and is gone holds the rule.
func TestPeerGone(t *testing.T) {
	old := testAccount()
	old.Interfaces = append(old.Interfaces, eni("eni-web0", "subnet-app", "interface", "10.0.1.4", "sg-web"))
	ev := evidence(t)
	ev.Snapshots = append(ev.Snapshots, SnapshotAt{snapshotOf(t, old), day0})
	r := row("eni-rds", In, netset.TCP, "10.0.2.50", 5432, "10.0.1.4", NoPort)
	for seed := range uint64(4) {
		ev.Snapshots = shuffled(seed, ev.Snapshots)
		f := oneFlow(t, first(attributed(t, ev, r)))
		if f.Group != "sg-db" || f.Approved || !f.Holds || reasons(f) != ReasonPeerGone || len(f.AdmittedBy) != 1 || f.AdmittedBy[0].Rule != "ingress tcp/5432 sg-web" {
			t.Fatalf("older snapshot: %+v", f.Attribution)
		}
	}
	// The same where no snapshot ever held the peer and the logs place it.
	ev = evidence(t)
	ev.Hours = []ENIHours{{ENI: "eni-task0", Day: 1, VPC: "vpc-1", Subnet: "subnet-ecs"}}
	rds := testAccount()
	rds.SecurityGroups[2].Rules = append(rds.SecurityGroups[2].Rules, rule(topology.Ingress, netset.TCP, 5432, 5432, "sg-ecs"))
	ev.Snapshots = []SnapshotAt{{snapshotOf(t, rds), september.Until}}
	flows, _ := attributed(t, ev,
		row("eni-rds", In, netset.TCP, "10.0.2.50", 5432, "10.0.4.66", NoPort),
		row("eni-task0", Out, netset.TCP, "10.0.4.66", NoPort, "10.0.2.50", 5432))
	f := byText(t, flows, "eni-rds", "10.0.4.66 -> 10.0.2.50 tcp/5432", Accept)
	if !f.Holds || f.Approved || len(f.AdmittedBy) != 1 || f.AdmittedBy[0].Rule != "ingress tcp/5432 sg-ecs" {
		t.Errorf("peer placed by the logs: %+v", f.Attribution)
	}
}

// What a REJECT forbids and what it does not.
func TestForbidden(t *testing.T) {
	ev := evidence(t)
	no := func(r Row) Row {
		r.Action, r.PacketsOut, r.BytesOut, r.SynAck = Reject, 0, 0, false
		return r
	}
	weak := no(row("eni-web1", Unsettled, netset.TCP, "10.0.1.5", 3389, "10.8.0.4", 50000))
	flows, _ := attributed(t, ev,
		no(row("eni-web1", In, netset.TCP, "10.0.1.5", 3389, "10.8.0.3", NoPort)), // both groups refuse
		weak, // a guess
		no(row("eni-web1", Out, netset.TCP, "10.0.1.5", NoPort, "10.8.0.5", 25)),                                                                         // this end opened it
		no(row("eni-web1", In, netset.TCP, "10.0.1.5", 22, "10.9.0.4", NoPort)),                                                                          // admitted today
		no(row("eni-web1", In, netset.TCP, "10.0.1.5", 3390, "10.8.0.3", NoPort)), row("eni-web1", In, netset.TCP, "10.0.1.5", 3390, "10.8.0.3", NoPort), // accepted as well
		no(row("eni-rds", In, netset.TCP, "10.0.2.50", 5432, "10.0.4.10", NoPort)), // group and ACL refuse
	)
	cells, found := Forbidden(flows, ev)
	var got []string
	for _, c := range cells {
		got = append(got, c.Resource+" "+string(c.Direction)+" "+c.Block.String())
	}
	want := []string{
		"acl-db ingress tcp/5432 10.0.4.10/32",
		"sg-common ingress tcp/3389 10.8.0.3/32",
		"sg-db ingress tcp/5432 10.0.4.10/32",
		"sg-web ingress tcp/3389 10.8.0.3/32",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	for _, kind := range []string{"demand", "now-admitted", "reply-after-close"} {
		if !hasKind(found, kind) {
			t.Errorf("no finding %s in %v", kind, found)
		}
	}
	again, _ := Forbidden(shuffled(3, flows), ev)
	if !slices.Equal(cells, again) {
		t.Error("the order of flows matters")
	}
}

func TestNACLWithoutReturn(t *testing.T) {
	r := testAccount()
	r.NetworkACLs[1].Entries = slices.DeleteFunc(r.NetworkACLs[1].Entries, func(e topology.NetworkACLEntry) bool { return e.Direction == topology.Egress && e.Allow })
	ev := evidence(t)
	ev.Snapshots = []SnapshotAt{{snapshotOf(t, r), september.Until}}
	ok := row("eni-rds", In, netset.TCP, "10.0.2.50", 5432, "10.0.1.5", NoPort)
	ok.PacketsOut, ok.SynAck = 0, false
	no := row("eni-rds", In, netset.TCP, "10.0.2.50", 5432, "10.0.1.5", NoPort)
	no.PacketsIn, no.Action = 0, Reject
	flows, _ := attributed(t, ev, ok, no)
	cells, found := Forbidden(flows, ev)
	if len(cells) != 0 || !hasKind(found, "nacl-no-return") || !strings.Contains(found[0].Message, "acl-db egress 32767 stops them") {
		t.Errorf("%v %v", cells, found)
	}
}

// A capture adds flows, marks flows, and contradicts.
func TestCaptures(t *testing.T) {
	ev := evidence(t)
	at := day0.Add(12 * time.Hour)
	c := func(local string, lport int, peer string, pport int, side Side) Connection {
		return Connection{Protocol: netset.TCP, Local: addr(local), LocalPort: lport, Peer: addr(peer), PeerPort: pport, Opener: side, First: at, Last: at.Add(time.Minute), Count: 2}
	}
	ev.Captures = []Capture{{Source: "web1.jsonl", Host: "web1", ENIs: []string{"eni-web1"}, Connections: []Connection{
		c("10.0.1.5", 22, "10.9.0.4", 50000, In),         // the log has it
		c("10.0.1.5", 50001, "10.0.2.50", 5432, Out),     // only here
		c("10.0.1.5", 50002, "10.0.2.50", 5432, Out),     // the same flow
		c("10.0.1.5", 50003, "169.254.169.254", 80, Out), // needs no rule
		c("10.0.1.5", 50004, "10.9.0.77", 9999, In),      // the log's SYN says Out
		c("192.0.2.1", 50005, "10.9.0.77", 9999, Out),    // an address of no ENI
		c("127.0.0.1", 50006, "127.0.0.1", 9999, Out),    // within the host
	}}}
	flows, found := attributed(t, ev,
		row("eni-web1", In, netset.TCP, "10.0.1.5", 22, "10.9.0.4", NoPort),
		row("eni-web1", Out, netset.TCP, "10.0.1.5", NoPort, "10.9.0.77", 9999))
	if f := byText(t, flows, "eni-web1", "10.9.0.4 -> 10.0.1.5 tcp/22", Accept); !f.SeenByCapture || !f.SeenByLog || !f.Approved || f.Method != MethodSYN {
		t.Errorf("seen by both: %+v", f)
	}
	f := byText(t, flows, "eni-web1", "10.0.1.5 -> 10.0.2.50 tcp/5432", None)
	if f.SeenByLog || f.Approved || f.Records != 4 || len(f.Days) != 1 || f.Method != MethodCapture || f.OpenerPortHigh != 50002 || !strings.Contains(reasons(f), ReasonCaptureOnly) {
		t.Errorf("seen only by the capture: %+v", f)
	}
	if len(flows) != 4 {
		t.Errorf("%d flows, want 4", len(flows))
	}
	for _, kind := range []string{"capture-contradicts-log", "capture-unplaced"} {
		if !hasKind(found, kind) {
			t.Errorf("no finding %s in %v", kind, found)
		}
	}
}

// A capture's days are days of the window's zone, and of the window.
func TestCaptureDaysAreTheWindows(t *testing.T) {
	seoul := time.FixedZone("KST", 9*3600)
	w := Window{Since: time.Date(2026, 9, 1, 0, 0, 0, 0, seoul), Until: time.Date(2026, 9, 4, 0, 0, 0, 0, seoul), Location: seoul}
	ev := evidence(t)
	ev.Captures = []Capture{{Source: "web1.jsonl", Host: "web1", ENIs: []string{"eni-web1"}, Connections: []Connection{{
		Protocol: netset.TCP, Local: addr("10.0.1.5"), LocalPort: 50001, Peer: addr("10.0.2.50"), PeerPort: 5432, Opener: Out, Count: 1,
		First: w.Since.Add(-time.Hour), Last: w.Until.Add(time.Hour),
	}}}}
	o := Observe(Input{Evidence: ev, Window: w})
	first := int32(time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC).Unix() / 86400)
	if want := []int32{first, first + 1, first + 2}; len(o.Flows) != 1 || !slices.Equal(o.Flows[0].Days, want) {
		t.Errorf("flows %+v, want one of the days %v", o.Flows, want)
	}
}

// The old recipe's CSV: no local end, no opener. What the logs know settles it;
// an opener's port settles nothing.
func TestRecipeCaptures(t *testing.T) {
	c := func(peer string, port int) Connection {
		return Connection{Protocol: netset.TCP, LocalPort: NoPort, Peer: addr(peer), PeerPort: port, Opener: Unsettled, Count: 1}
	}
	ev := evidence(t)
	ev.Captures = []Capture{
		{Source: "recipe.csv", ENIs: []string{"eni-web1"}, Connections: []Connection{
			c("10.9.0.77", 45000), // the log settled it: a service
			c("10.9.0.78", 45000), // an opener's port
			c("10.9.0.79", 6000),
		}},
		{Source: "nobody.csv", Connections: []Connection{c("10.9.0.77", 443)}},
	}
	flows, found := attributed(t, ev, row("eni-web1", Out, netset.TCP, "10.0.1.5", NoPort, "10.9.0.77", 45000))
	if f := byText(t, flows, "eni-web1", "10.0.1.5 -> 10.9.0.77 tcp/45000", Accept); !f.SeenByCapture || !f.Approved {
		t.Errorf("%+v", f)
	}
	if f := byText(t, flows, "eni-web1", "10.0.1.5 <-> 10.9.0.78 tcp", None); f.Approved || f.Port != NoPort || f.Method != MethodNone {
		t.Errorf("%+v", f)
	}
	if f := byText(t, flows, "eni-web1", "10.0.1.5 -> 10.9.0.79 tcp/6000", None); f.Approved || f.Method != MethodLower {
		t.Errorf("%+v", f)
	}
	if len(flows) != 3 || !hasKind(found, "capture-unplaced") {
		t.Errorf("%d flows, findings %v", len(flows), found)
	}
}

func TestFlowJSON(t *testing.T) {
	r := row("eni-rds", Unsettled, netset.ICMP, "10.0.2.50", NoPort, "10.0.9.9", NoPort)
	f := oneFlow(t, first(attributed(t, evidence(t), r)))
	data, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	for _, k := range strings.Fields("account region eni side protocol local peer port action records packets bytes first last days method class rank approved admitted_by") {
		if _, ok := m[k]; !ok {
			t.Errorf("no field %s", k)
		}
	}
	if m["method"] != nil || m["port"] != nil || m["side"] != "unsettled" || m["protocol"] != "icmp" || m["days"] != 1.0 ||
		m["first"] != "2026-09-01T10:00:00Z" || len(m["admitted_by"].([]any)) != 0 {
		t.Errorf("%s", data)
	}
}
