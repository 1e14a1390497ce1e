package awscollect

import (
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flowcover/flowcover/scripts/mototest"
	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/awscollect/internal/inventory"
	"github.com/flowcover/flowcover/topology/netset"
)

const region = "ap-northeast-2"

// TestSameEitherWay reads one account through the API and through
// scripts/export-account, and wants the same snapshot.
func TestSameEitherWay(t *testing.T) {
	server := mototest.Start(t)
	b := buildAccount(t, server.Config(region))
	// Two calls are refused, one of them for a part of something else.
	refusing := refusingProxy(t, server, map[string]string{"DescribeVpnConnections": "UnauthorizedOperation", "DescribeTargetHealth": "AccessDenied"})
	cfg := refusing.Config(region)

	viaAPI, report, err := FromAPI(t.Context(), cfg, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Sources) != 1 || report.Sources[0].Account != mototest.Account || report.Sources[0].Region != region {
		t.Errorf("sources %v; want the one account and Region", report.Sources)
	}
	t.Run("contents", func(t *testing.T) { checkContents(t, viaAPI, b) })

	if _, err := exec.LookPath("aws"); err != nil {
		t.Fatal("this test needs the AWS CLI: run scripts/mototest/install and put what it prints on the PATH")
	}
	dir := t.TempDir()
	if log, err := export(t, refusing, dir); err != nil {
		t.Fatalf("scripts/export-account: %v\n%s", err, log)
	}
	viaDir, report, err := FromDir(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Ignored) > 0 {
		t.Errorf("the export holds what is not understood: %v", report.Ignored)
	}
	a, d := snapshot(t, viaAPI), snapshot(t, viaDir)
	if diff := cmp.Diff(a.Resources(), d.Resources(), cmp.Comparer(func(x, y netip.Prefix) bool { return x == y }),
		cmp.Comparer(func(x, y netip.Addr) bool { return x == y })); diff != "" {
		t.Errorf("the API and the export differ (-api +export):\n%s", diff)
	}
	if a.Digest() != d.Digest() {
		t.Errorf("digest %s through the API, %s through the export", a.Digest(), d.Digest())
	}
	checkScriptMakesTheSameCalls(t, dir)
}

// export runs scripts/export-account and gives what it says.
func export(t *testing.T, server *mototest.Server, dir string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "../../scripts/export-account", "--region", region, dir)
	cmd.Env = append(server.Env(), "AWS_MAX_ATTEMPTS=1") // moto does not learn a call by being asked again
	log, err := cmd.CombinedOutput()
	return string(log), err
}

// An export that cannot be whole leaves nothing behind, and none is overwritten.
func TestExportThatFails(t *testing.T) {
	server := mototest.Start(t)
	for call, want := range map[string][]string{
		"DescribeSecurityGroups": {"DescribeSecurityGroups was refused (UnauthorizedOperation)", "ec2:DescribeSecurityGroups"},
		"DescribeRouteTables":    {"DescribeRouteTables failed in " + region, "nothing was written"},
	} {
		code := "UnauthorizedOperation"
		if call == "DescribeRouteTables" {
			code = "InternalFailure"
		}
		dir := filepath.Join(t.TempDir(), "export")
		log, err := export(t, refusingProxy(t, server, map[string]string{call: code}), dir)
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 1 {
			t.Errorf("%s: %v; want exit status 1", call, err)
		}
		for _, w := range want {
			if !strings.Contains(log, w) {
				t.Errorf("%s: it says %q; want %q", call, log, w)
			}
		}
		if left, err := filepath.Glob(filepath.Join(dir, "*", "*")); err != nil || len(left) > 0 {
			t.Errorf("%s: it left %v, %v", call, left, err)
		}
	}
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, mototest.Account, region), 0o755); err != nil {
		t.Fatal(err)
	}
	if log, err := export(t, server, dir); err == nil || !strings.Contains(log, "is there already") {
		t.Errorf("over another export: %v, %q", err, log)
	}
}

func snapshot(t *testing.T, r topology.Resources) *topology.Snapshot {
	t.Helper()
	s, err := topology.New(r)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// checkScriptMakesTheSameCalls looks for an answer or a refusal of every call.
func checkScriptMakesTheSameCalls(t *testing.T, dir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, mototest.Account, region, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("files %v, %v", files, err)
	}
	r, _, err := FromDir(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range r.NotRead {
		if n.Code == NotInExport {
			t.Errorf("scripts/export-account does not make %s", n.Call)
		}
	}
}

func checkContents(t *testing.T, r topology.Resources, b built) {
	s := snapshot(t, r)
	vpc, ok := s.VPC(b.vpcA)
	if !ok || len(vpc.CIDRs) != 2 || vpc.EnableDNSHostnames == nil || !*vpc.EnableDNSHostnames || vpc.Tags["Name"] != "업무망 a" {
		t.Errorf("VPC %+v", vpc)
	}
	web, _ := s.SecurityGroup(b.web)
	var rules []string
	for _, x := range web.Rules {
		if x.ID == "" {
			t.Errorf("rule %s has no id", x.Key())
		}
		rules = append(rules, x.Key())
	}
	for _, want := range []string{"ingress tcp/443 0.0.0.0/0", "ingress tcp/443 ::/0", "ingress tcp/443 10.20.0.0/16",
		"ingress icmp/8 10.0.0.0/8", "ingress tcp/8080-8090 " + b.list, "egress all 0.0.0.0/0"} {
		if !slices.Contains(rules, want) {
			t.Errorf("rules %q; want %q", rules, want)
		}
	}
	db, _ := s.SecurityGroup(b.db)
	if !slices.ContainsFunc(db.Rules, func(x topology.SecurityGroupRule) bool {
		return x.Group == b.web && x.GroupOwner == "" && x.FromPort == 5432
	}) {
		t.Errorf("rules of db %v; want a reference to web in the same account", db.Rules)
	}
	acl, _ := s.NetworkACL(b.acl)
	// moto keeps neither the ICMP type and code nor the final deny.
	if !slices.ContainsFunc(acl.Entries, func(e topology.NetworkACLEntry) bool {
		return e.Number == 200 && e.Protocol == netset.ICMP && e.Direction == topology.Ingress && e.Allow
	}) || !slices.ContainsFunc(acl.Entries, func(e topology.NetworkACLEntry) bool {
		return e.Number == 100 && e.Protocol == netset.TCP && e.FromPort == 443 && e.CIDR == netip.MustParsePrefix("10.20.0.0/16")
	}) || len(acl.Entries) < 3 {
		t.Errorf("entries %v", acl.Entries)
	}
	list, _ := s.PrefixList(b.list)
	if list.MaxEntries != 5 || len(list.Entries) != 2 || list.Account != mototest.Account {
		t.Errorf("prefix list %+v", list)
	}
	checkTransit(t, s, b)
	checkRest(t, s, b)
}

func checkTransit(t *testing.T, s *topology.Snapshot, b built) {
	// moto does not name a static route's attachment in a form that any client reads.
	table, ok := s.TransitRouteTable(b.tgwTable)
	if !ok || len(table.Propagations) != 1 || !slices.ContainsFunc(table.Routes, func(x topology.TransitGatewayRoute) bool {
		return x.Static && x.State == "active" && x.Destination == netip.MustParsePrefix("10.20.0.0/16")
	}) || !slices.ContainsFunc(table.Routes, func(x topology.TransitGatewayRoute) bool { return x.State == "blackhole" && x.Attachment == "" }) {
		t.Errorf("TGW table %+v", table)
	}
	at, _ := s.Attachment(b.attachmentA)
	if at.Resource != b.vpcA || !slices.Equal(at.Subnets, []string{b.subnetA}) || at.RouteTable == "" {
		t.Errorf("attachment %+v", at)
	}
	eni, _ := s.Interface(b.eni)
	if len(eni.Addresses) == 0 || eni.Addresses[0] != netip.MustParseAddr("10.10.1.10") || len(eni.Groups) != 2 {
		t.Errorf("ENI %+v", eni)
	}
}

func checkRest(t *testing.T, s *topology.Snapshot, b built) {
	r := s.Resources()
	kinds := map[string]int{}
	for _, g := range r.Gateways {
		kinds[g.Kind]++
	}
	if kinds["nat"] != 1 || kinds["internet"] != 1 || kinds["egress-only-internet"] != 1 || kinds["vpn"] != 1 {
		t.Errorf("gateways %v", kinds)
	}
	if len(r.Endpoints) != 2 || len(r.Peerings) != 1 || r.Peerings[0].Status != "active" || len(r.Quotas) != len(inventory.QuotaCodes) {
		t.Errorf("%d endpoints, peerings %v, %d quotas", len(r.Endpoints), r.Peerings, len(r.Quotas))
	}
	if len(r.LoadBalancers) != 1 || len(r.LoadBalancers[0].Listeners) != 1 || r.LoadBalancers[0].Listeners[0].Port != 80 ||
		r.LoadBalancers[0].Listeners[0].Targets != nil {
		t.Errorf("load balancers %+v; want no targets, for that call was refused", r.LoadBalancers)
	}
	if len(r.DBInstances) != 1 || r.DBInstances[0].Port != 5433 || len(r.DBInstances[0].Subnets) != 2 {
		t.Errorf("databases %+v", r.DBInstances)
	}
	if len(r.HostedZones) != 1 || r.HostedZones[0].Owner != mototest.Account || len(r.HostedZones[0].VPCs) != 2 || !r.HostedZones[0].RecordsRead ||
		len(r.HostedZones[0].Records) != 3 || len(s.ZonesOf(b.vpcB)) != 1 {
		t.Errorf("hosted zones %+v; want one of both VPCs with its three records that lead to an address", r.HostedZones)
	}
	var notRead []string
	for _, n := range r.NotRead {
		notRead = append(notRead, n.Call+" "+n.Code+" "+n.Region)
	}
	// moto does not know two of the calls.
	if want := []string{"DescribeSecurityGroupVpcAssociations NotImplemented " + region, "DescribeTargetHealth AccessDenied " + region,
		"DescribeVpnConnections UnauthorizedOperation " + region, "GetTransitGatewayPrefixListReferences NotImplemented " + region}; !slices.Equal(notRead, want) {
		t.Errorf("not read %q, want %q", notRead, want)
	}
	if len(r.Instances) != 1 || len(r.Instances[0].ENIs) != 1 {
		t.Errorf("instances %+v", r.Instances)
	}
}
