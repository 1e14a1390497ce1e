package lint_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/lint"
	"github.com/flowcover/flowcover/topology/netset"
)

// separate gives each VPC of the clean account a table of its own: a's leads to
// b, and b's leads to the given parts of a.
func separate(r *topology.Resources, back ...string) {
	r.Attachments[1].RouteTable = "tgw-rtb-2"
	r.TransitRouteTables[0].Propagations = []string{"tgw-attach-b"}
	t := topology.TransitGatewayRouteTable{ID: "tgw-rtb-2", Scope: home, TransitGateway: "tgw-1"}
	for _, p := range back {
		t.Routes = append(t.Routes, topology.TransitGatewayRoute{Destination: pfx(p), Attachment: "tgw-attach-a", Static: true, State: topology.StateActive})
	}
	r.TransitRouteTables = append(r.TransitRouteTables, t)
}

func found(got lint.Report, rule string) []string {
	var out []string
	for _, f := range got.Findings {
		if f.Rule == rule {
			out = append(out, string(f.Severity)+" "+f.Resource+" "+f.Detail)
		}
	}
	return out
}

// A way back need not lead to a whole VPC: to its subnets does.
func TestWayBackIsToSubnets(t *testing.T) {
	for _, c := range []struct {
		back, want string
	}{
		{"10.0.0.0/16", ""},
		{"10.0.1.0/24", ""},
		{"10.0.1.0/25", ""},
		{"10.0.2.0/24", "medium tgw-rtb-2 vpc-b 10.0.0.0/16"},
	} {
		r := clean()
		separate(&r, c.back)
		if got := strings.Join(found(run(t, r, nil), "tgw-no-return"), ", "); got != c.want {
			t.Errorf("back to %s: %q, want %q", c.back, got, c.want)
		}
	}
}

// Two gateways, one for each way, whose routes are to subnets alone.
func TestTwoWaysByRoutesToSubnets(t *testing.T) {
	r := clean()
	r.TransitGateways = append(r.TransitGateways, topology.TransitGateway{ID: "tgw-2", Scope: home})
	for _, v := range []string{"a", "b"} {
		r.Attachments = append(r.Attachments, topology.TransitGatewayAttachment{ID: "tgw-attach-2" + v, Scope: home, TransitGateway: "tgw-2", ResourceType: "vpc", Resource: "vpc-" + v,
			Subnets: []string{"subnet-" + v}, State: "available", RouteTable: "tgw-rtb-3"})
	}
	r.TransitRouteTables = append(r.TransitRouteTables, topology.TransitGatewayRouteTable{ID: "tgw-rtb-3", Scope: home, TransitGateway: "tgw-2", Propagations: []string{"tgw-attach-2a", "tgw-attach-2b"}})
	r.RouteTables[0].Routes[1].Destination = pfx("10.1.1.0/24")
	r.RouteTables[1].Routes[1] = topology.Route{Destination: pfx("10.0.1.0/24"), Target: "tgw-2", State: topology.StateActive}
	if got := found(run(t, r, nil), "tgw-asymmetric"); !slices.Equal(got, []string{"medium vpc-a vpc-b"}) {
		t.Errorf("%q", got)
	}
}

// What an ACL that no subnet uses lets through matters little, and is said so.
func TestACLWithoutSubnets(t *testing.T) {
	r := clean()
	r.NetworkACLs = append(r.NetworkACLs, topology.NetworkACL{ID: "acl-idle", Scope: home, VPC: "vpc-a", Entries: []topology.NetworkACLEntry{
		entry(100, topology.Ingress, true, netset.TCP, 443, 443, "0.0.0.0/0")}})
	got := run(t, r, nil)
	if list := found(got, "nacl-no-return"); !slices.Equal(list, []string{"low acl-idle ingress 100 tcp"}) || !strings.Contains(got.Findings[0].Reason, "; no subnet uses the ACL") {
		t.Errorf("%+v", got.Findings)
	}
}
