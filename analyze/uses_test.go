package analyze

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

func use(t *testing.T, us []RuleUse, resource, rule string) RuleUse {
	t.Helper()
	for _, u := range us {
		if u.Rule.Resource == resource && u.Rule.Rule == rule {
			return u
		}
	}
	t.Fatalf("no rule %s %s", resource, rule)
	return RuleUse{}
}

func TestUses(t *testing.T) {
	r := testAccount()
	r.SecurityGroups[4].Rules = append(r.SecurityGroups[4].Rules,
		rule(topology.Ingress, netset.TCP, 9000, 9000, "10.0.1.0/24"), // within 9000-9010 of 10.0.0.0/16
		rule(topology.Ingress, netset.TCP, 9000, 9000, "10.0.2.0/24"))
	r.NetworkACLs[1].Entries = append(r.NetworkACLs[1].Entries,
		topology.NetworkACLEntry{Number: 200, Direction: topology.Ingress, Allow: true, Protocol: netset.TCP, FromPort: 5432, ToPort: 5432, CIDR: prefix("10.0.1.128/25")},
		topology.NetworkACLEntry{Number: 210, Direction: topology.Ingress, Allow: true, Protocol: netset.TCP, FromPort: 22, ToPort: 22, CIDR: prefix("10.0.1.0/24")})
	local := topology.Route{Destination: prefix("10.0.0.0/16"), Target: "local", State: "active", Origin: "CreateRouteTable"}
	r.RouteTables = []topology.RouteTable{{ID: "rtb-main", Scope: seoul, VPC: "vpc-1", Main: true, Routes: []topology.Route{local,
		{Destination: prefix("10.50.0.0/16"), Target: "tgw-gone", State: "blackhole", Origin: "CreateRoute"}}}}
	ev := evidence(t)
	ev.Snapshots = []SnapshotAt{{snapshotOf(t, r), september.Until}}
	flows, _ := attributed(t, ev,
		row("eni-web1", In, netset.TCP, "10.0.1.5", 8080, "10.0.0.80", NoPort), // sg-web's and sg-common's rule
		row("eni-web1", In, netset.TCP, "10.0.1.5", 22, "10.9.0.4", NoPort),    // sg-web's alone
		row("eni-web1", In, netset.TCP, "10.0.1.5", 22, "10.9.0.5", NoPort, 3),
		row("eni-web1", Out, netset.TCP, "10.0.1.5", NoPort, "10.0.2.50", 5432), row("eni-rds", In, netset.TCP, "10.0.2.50", 5432, "10.0.1.5", NoPort, 1, 9), // one connection, two ends
		row("eni-ecs1", In, netset.TCP, "10.0.4.10", 9000, "10.0.1.5", NoPort))
	us := Uses(flows, ev.Snapshots[0].Snapshot)
	u := use(t, us, "sg-web", "ingress tcp/8080 sg-alb")
	if u.Flows != 1 || u.Alone != 0 || !u.Redundant() || u.Unused() || u.UsedShare != 1 {
		t.Errorf("%+v", u)
	}
	u = use(t, us, "sg-web", "ingress tcp/22 10.9.0.0/16")
	if u.Flows != 2 || u.Alone != 2 || math.Abs(u.UsedShare-2.0/65536) > 1e-12 || !u.Last.Equal(flows[0].Last) && u.Last.Day() != 3 {
		t.Errorf("%+v", u)
	}
	if len(u.By) != 2 || u.By[0] == u.By[1] {
		t.Errorf("which flows: %q", u.By)
	}
	if u = use(t, us, "sg-common", "ingress icmp 10.0.0.0/8"); !u.Unused() {
		t.Errorf("%+v", u)
	}
	u = use(t, us, "sg-ecs", "ingress tcp/9000 10.0.1.0/24")
	if len(u.ContainedIn) != 1 || u.ContainedIn[0].Rule != "ingress tcp/9000-9010 10.0.0.0/16" || u.Flows != 1 {
		t.Errorf("%+v", u)
	}
	if u = use(t, us, "sg-ecs", "ingress tcp/9000-9010 10.0.0.0/16"); len(u.ContainedIn) != 0 {
		t.Errorf("%+v", u)
	}
	u = use(t, us, "acl-db", "ingress 100")
	if u.Flows != 1 || u.Alone != 1 || u.Last.Day() != 9 {
		t.Errorf("one connection, seen at both ends: %+v", u)
	}
	if u = use(t, us, "acl-db", "egress 100"); u.Flows != 1 {
		t.Errorf("the reply's entry: %+v", u)
	}
	u = use(t, us, "acl-db", "ingress 200")
	if !u.Unused() || len(u.ContainedIn) != 1 || u.ContainedIn[0].Rule != "ingress 100" {
		t.Errorf("shadowed: %+v", u)
	}
	if u = use(t, us, "acl-db", "ingress 210"); !u.Unused() || len(u.ContainedIn) != 0 {
		t.Errorf("%+v", u)
	}
	if u = use(t, us, "rtb-main", "10.0.0.0/16"); u.Flows != 3 {
		t.Errorf("%+v", u)
	}
	if u = use(t, us, "rtb-main", "10.50.0.0/16"); !u.Unused() {
		t.Errorf("%+v", u)
	}
	if d := cmp.Diff(us, Uses(shuffled(2, flows), ev.Snapshots[0].Snapshot)); d != "" {
		t.Errorf("order matters: %s", d)
	}
}
