package inventory

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/flowcover/flowcover/topology"
)

// A small account as the AWS CLI prints it.
const (
	vpcsJSON = `{"Vpcs": [{"VpcId": "vpc-1", "OwnerId": "111111111111", "CidrBlock": "10.0.0.0/16", "State": "available",
		"CidrBlockAssociationSet": [{"CidrBlock": "10.0.0.0/16", "CidrBlockState": {"State": "associated"}},
			{"CidrBlock": "10.9.0.0/16", "CidrBlockState": {"State": "disassociated"}}]}]}`
	subnetsJSON = `{"Subnets": [{"SubnetId": "subnet-1", "VpcId": "vpc-1", "OwnerId": "111111111111", "CidrBlock": "10.0.1.0/24",
		"AvailabilityZone": "ap-northeast-2a", "AvailabilityZoneId": "apne2-az1"}]}`
	groupsJSON = `{"SecurityGroups": [{"GroupId": "sg-1", "GroupName": "web", "VpcId": "vpc-1", "OwnerId": "111111111111",
		"IpPermissions": [{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "10.0.0.0/8"}],
			"UserIdGroupPairs": [{"GroupId": "sg-2", "UserId": "222222222222"}]}],
		"IpPermissionsEgress": [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]}]}`
	tablesJSON = `{"TransitGatewayRouteTables": [{"TransitGatewayRouteTableId": "tgw-rtb-1", "TransitGatewayId": "tgw-1", "State": "available"}]}`
	tgwsJSON   = `{"TransitGateways": [{"TransitGatewayId": "tgw-1", "OwnerId": "111111111111", "State": "available",
		"TransitGatewayArn": "arn:aws:ec2:ap-northeast-2:111111111111:transit-gateway/tgw-1"}]}`
	routesJSON = `{"Routes": [{"DestinationCidrBlock": "10.5.0.0/16", "Type": "static", "State": "active",
		"TransitGatewayAttachments": [{"TransitGatewayAttachmentId": "tgw-attach-1", "ResourceId": "vpc-1", "ResourceType": "vpc"}]},
		{"DestinationCidrBlock": "10.6.0.0/16", "Type": "static", "State": "blackhole"}], "AdditionalRoutesAvailable": false}`
)

// write makes a folder of files.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		full := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func account(more ...string) map[string]string {
	files := map[string]string{"a.json": vpcsJSON, "b.json": subnetsJSON, "c.json": groupsJSON}
	for i := 0; i+1 < len(more); i += 2 {
		files[more[i]] = more[i+1]
	}
	return files
}

func readDir(t *testing.T, files map[string]string) (topology.Resources, Report) {
	t.Helper()
	r, report, err := FromDir(t.Context(), write(t, files))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := topology.New(r); err != nil {
		t.Fatal(err)
	}
	return r, report
}

func TestFromDirReadsByKeyNotByName(t *testing.T) {
	separate, _ := readDir(t, account("tgw.txt", tgwsJSON, "t.json", tablesJSON, "search-tgw-rtb-1.json", routesJSON))
	// All in one file, and in UTF-16 as PowerShell writes it.
	inner := func(s string) string { return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(s), "{"), "}") }
	joined := "{" + strings.Join([]string{inner(vpcsJSON), inner(subnetsJSON), inner(groupsJSON), inner(tgwsJSON), inner(tablesJSON),
		`"TransitGatewayStaticRoutes": [{"TransitGatewayRouteTableId": "tgw-rtb-1", ` + inner(routesJSON) + `}]`}, ",") + "}"
	together, report := readDir(t, map[string]string{"everything": utf16LE(joined)})
	a, b := snapshot(t, separate), snapshot(t, together)
	if a.Digest() != b.Digest() {
		t.Errorf("the same answers in other files give another snapshot:\n%s\n%s", asJSON(separate), asJSON(together))
	}
	if report.Files != 1 || len(report.Ignored) != 0 {
		t.Errorf("report %+v", report)
	}
	vpc, _ := a.VPC("vpc-1")
	if vpc.Account != "111111111111" || vpc.Region != "ap-northeast-2" || !slices.Equal(vpc.CIDRs, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16")}) {
		t.Errorf("VPC %+v; want the Region of its subnet and no disassociated block", vpc)
	}
	g, _ := a.SecurityGroup("sg-1")
	if !slices.ContainsFunc(g.Rules, func(r topology.SecurityGroupRule) bool { return r.Group == "sg-2" && r.GroupOwner == "222222222222" }) {
		t.Errorf("rules %v; want the reference to another account's group", g.Rules)
	}
	table, _ := a.TransitRouteTable("tgw-rtb-1")
	if len(table.Routes) != 2 || table.Routes[0].Attachment != "tgw-attach-1" || !table.Routes[0].Static || table.Routes[1].State != "blackhole" {
		t.Errorf("routes %+v", table.Routes)
	}
	for _, n := range separate.NotRead {
		if n.Code != NotInExport {
			t.Errorf("not read %+v", n)
		}
		if n.Call == CallVPCs || n.Call == CallTGWRoutes || n.Call == CallTGWs {
			t.Errorf("%s is said to be missing", n.Call)
		}
	}
	for _, call := range []string{CallRouteTables, CallVPCAttribute, CallPropagations} {
		if !slices.ContainsFunc(separate.NotRead, func(n topology.NotRead) bool { return n.Call == call }) {
			t.Errorf("%s is missing and nobody says so", call)
		}
	}
}

func utf16LE(s string) string {
	b := []byte{0xFF, 0xFE}
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return string(b)
}

func asJSON(v any) string {
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func TestFromDirErrorsNameFileAndWayOut(t *testing.T) {
	for name, tc := range map[string]struct {
		files map[string]string
		want  []string
	}{
		"not JSON":        {account("x.json", "hello"), []string{"x.json", "not JSON", "at byte 1"}},
		"cut short":       {account("x.json", vpcsJSON[:60]), []string{"x.json", "at byte 60", "cut short"}},
		"two values":      {account("x.json", "{}\n{}"), []string{"x.json", "at byte 4"}},
		"empty file":      {account("x.json", ""), []string{"x.json", "empty"}},
		"a list":          {account("x.json", "[]"), []string{"x.json", "a list", "--query"}},
		"no list":         {account("x.json", `{"NatGateways": {"NatGatewayId": "nat-1"}}`), []string{"x.json", "NatGateways", "want a list"}},
		"wrong type":      {account("x.json", `{"NatGateways": [{"NatGatewayId": 7}]}`), []string{"x.json", "NatGateways[0]", "NatGatewayId"}},
		"bad prefix":      {account("x.json", `{"RouteTables": [{"RouteTableId": "rtb-1", "VpcId": "vpc-1", "OwnerId": "111111111111", "Routes": [{"DestinationCidrBlock": "10.0.0.0/99"}]}]}`), []string{"x.json", "rtb-1", "10.0.0.0/99"}},
		"no table":        {account("x.json", routesJSON), []string{"x.json", "which transit gateway route table", "routes-tgw-rtb-", "TransitGatewayRouteTableId"}},
		"two tables":      {account("tgw-rtb-1-tgw-rtb-2.json", routesJSON), []string{"tgw-rtb-1 and tgw-rtb-2"}},
		"no prefix list":  {account("x.json", `{"Entries": [{"Cidr": "10.0.0.0/8"}]}`), []string{"x.json", "which prefix list", "entries-pl-"}},
		"no target group": {account("x.json", `{"TargetHealthDescriptions": []}`), []string{"x.json", "target group", "TargetGroupArn"}},
		"no VPC beside":   {account("x.json", `{"EnableDnsSupport": {"Value": true}}`), []string{"x.json", "VpcId"}},
		"nothing":         {map[string]string{"x.json": "{}"}, []string{"describe-vpcs", "export-account"}},
		"another content": {account("z.json", strings.ReplaceAll(groupsJSON, "443", "8443")), []string{"sg-1", "c.json", "z.json", "different contents"}},
		"no Region":       {map[string]string{"a.json": vpcsJSON}, []string{"a.json", "Region of vpc-1", "ACCOUNT/REGION"}},
		"two Regions": {account("d/z.json", strings.NewReplacer("vpc-1", "vpc-2", "subnet-1", "subnet-2", "ap-northeast-2", "us-east-1").Replace(subnetsJSON),
			"v/x.json", strings.ReplaceAll(vpcsJSON, "vpc-1", "vpc-3")), []string{"x.json", "Region of vpc-3", "ap-northeast-2, us-east-1"}},
		"no account":   {map[string]string{"a.json": strings.ReplaceAll(vpcsJSON, `"OwnerId": "111111111111",`, ""), "us-east-1/b.json": "{}", "z.json": `{"AvailabilityZones": [{"RegionName": "us-east-1"}]}`}, []string{"account of vpc-1"}},
		"core refused": {account("x.json", `{"NotRead": [{"Call": "DescribeSubnets", "Code": "UnauthorizedOperation"}]}`), []string{"DescribeSubnets", "UnauthorizedOperation", "ec2:DescribeSubnets"}},
		"two routes": {account("t.json", tablesJSON, "1-tgw-rtb-1.json", routesJSON, "2-tgw-rtb-1.json", strings.ReplaceAll(routesJSON, "tgw-attach-1", "tgw-attach-2")),
			[]string{"tgw-rtb-1 route 10.5.0.0/16", "1-tgw-rtb-1.json", "2-tgw-rtb-1.json"}},
		"two entry lists": {account("1-pl-1.json", `{"Entries": [{"Cidr": "10.0.0.0/8"}]}`, "2-pl-1.json", `{"Entries": []}`), []string{"pl-1", "1-pl-1.json", "2-pl-1.json"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := write(t, tc.files)
			_, _, err := FromDir(t.Context(), dir)
			if err == nil {
				t.Fatal("no error")
			}
			for _, w := range tc.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("error %q; want %q in it", err, w)
				}
			}
		})
	}
	if _, _, err := FromDir(t.Context(), filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
}

func TestFromDirTellsWhatItIgnored(t *testing.T) {
	_, report := readDir(t, account("README.md", "# notes", ".cache/x.json", "junk", "k.json", `{"KeyPairs": [], "Vpcs": [], "Addresses": []}`))
	var got []string
	for _, i := range report.Ignored {
		got = append(got, filepath.Base(i.File)+" "+i.Key)
	}
	slices.Sort(got)
	if want := []string{".cache ", "README.md ", "k.json Addresses", "k.json KeyPairs"}; !slices.Equal(got, want) {
		t.Errorf("ignored %q, want %q", got, want)
	}
}

func TestFromDirTakesTheSameExportTwice(t *testing.T) {
	once, _ := readDir(t, account("t.json", tablesJSON, "g.json", tgwsJSON, "r-tgw-rtb-1.json", routesJSON))
	twice, _ := readDir(t, account("t.json", tablesJSON, "g.json", tgwsJSON, "r-tgw-rtb-1.json", routesJSON,
		"again/t.json", tablesJSON, "again/g.json", tgwsJSON, "again/r-tgw-rtb-1.json", routesJSON, "again/v.json", vpcsJSON,
		// AWS gives rules in any order.
		"again/s.json", strings.Replace(groupsJSON, `[{"CidrIp": "10.0.0.0/8"}]`, `[{"CidrIp": "10.0.0.0/8"}, {"CidrIp": "10.0.0.0/8"}]`, 1)))
	if snapshot(t, once).Digest() != snapshot(t, twice).Digest() {
		t.Errorf("twice the same differs:\n%s\n%s", asJSON(once), asJSON(twice))
	}
}

// Times come in whatever form; everything else beside them is read.
func TestFromDirTakesAnyTime(t *testing.T) {
	for _, at := range []string{`"2019-11-28 18:49:58+00:00"`, `"2019-11-28T18:49:58+00:00"`, `1574967000.5`, `"yesterday"`, `null`, `{"a": 1}`} {
		r, _ := readDir(t, account("n.json", fmt.Sprintf(`{"NetworkInterfaces": [{"NetworkInterfaceId": "eni-1", "SubnetId": "subnet-1", "VpcId": "vpc-1",
			"OwnerId": "111111111111", "PrivateIpAddress": "10.0.1.5", "AvailabilityZone": "ap-northeast-2a", "Status": "in-use",
			"Attachment": {"AttachTime": %s, "InstanceId": "i-1", "Status": "attached"}}]}`, at)))
		if len(r.Interfaces) != 1 || r.Interfaces[0].Instance != "i-1" || r.Interfaces[0].Addresses[0] != netip.MustParseAddr("10.0.1.5") {
			t.Errorf("with the time %s: %+v", at, r.Interfaces)
		}
	}
}

func TestFromDirTakesInterfacesFromInstances(t *testing.T) {
	instances := `{"Reservations": [{"OwnerId": "111111111111", "Instances": [
		{"InstanceId": "i-1", "State": {"Name": "running"}, "Placement": {"AvailabilityZone": "ap-northeast-2a"}, "NetworkInterfaces": [
			{"NetworkInterfaceId": "eni-2", "SubnetId": "subnet-1", "VpcId": "vpc-1", "PrivateIpAddress": "10.0.1.6", "Attachment": {"DeviceIndex": 1}, "Groups": [{"GroupId": "sg-1"}]},
			{"NetworkInterfaceId": "eni-1", "SubnetId": "subnet-1", "VpcId": "vpc-1", "PrivateIpAddress": "10.0.1.5", "Attachment": {"DeviceIndex": 0}, "Groups": [{"GroupId": "sg-1"}],
			 "Association": {"PublicIp": "203.0.113.9"}, "Ipv6Addresses": [{"Ipv6Address": "2001:db8::5"}]}]},
		{"InstanceId": "i-2", "State": {"Name": "terminated"}}]}]}`
	r, _ := readDir(t, account("i.json", instances))
	if len(r.Instances) != 1 || !slices.Equal(r.Instances[0].ENIs, []string{"eni-1", "eni-2"}) || r.Instances[0].Region != "ap-northeast-2" {
		t.Fatalf("instances %+v; want the running one with its ENIs by device", r.Instances)
	}
	n := r.Interfaces[0]
	if n.ID != "eni-1" || n.Account != "111111111111" || n.Instance != "i-1" || len(n.Addresses) != 2 || n.PublicAddresses["10.0.1.5"] != netip.MustParseAddr("203.0.113.9") {
		t.Errorf("interface %+v", n)
	}
	listed, _ := readDir(t, account("i.json", instances, "n.json", `{"NetworkInterfaces": [{"NetworkInterfaceId": "eni-1", "SubnetId": "subnet-1", "VpcId": "vpc-1",
		"OwnerId": "111111111111", "AvailabilityZone": "ap-northeast-2a", "PrivateIpAddress": "10.0.1.99", "Attachment": {"InstanceId": "i-1"}}]}`))
	if len(listed.Interfaces) != 2 || listed.Interfaces[0].Addresses[0] != netip.MustParseAddr("10.0.1.99") {
		t.Errorf("interfaces %+v; want DescribeNetworkInterfaces to go first", listed.Interfaces)
	}
}

func TestFromDirSeveralAccounts(t *testing.T) {
	second := func(s string) string {
		return strings.NewReplacer("vpc-1", "vpc-2", "subnet-1", "subnet-2", "sg-1", "sg-2", "111111111111", "222222222222", "ap-northeast-2", "us-east-1").Replace(s)
	}
	shared := func(tags string) string {
		return `{"TransitGatewayAttachments": [{"TransitGatewayAttachmentId": "tgw-attach-9", "TransitGatewayId": "tgw-1", "TransitGatewayOwnerId": "111111111111",
			"ResourceType": "vpc", "ResourceId": "vpc-2", "ResourceOwnerId": "222222222222", "State": "available", "Tags": ` + tags + `}]}`
	}
	files := map[string]string{
		"export/111111111111/ap-northeast-2/vpcs.json": vpcsJSON, "export/111111111111/ap-northeast-2/subnets.json": subnetsJSON,
		"export/111111111111/ap-northeast-2/sgs.json": groupsJSON, "export/111111111111/ap-northeast-2/tgws.json": tgwsJSON,
		"export/111111111111/ap-northeast-2/at.json": shared(`[{"Key": "Name", "Value": "owner's"}]`),
		"export/222222222222/us-east-1/vpcs.json":    second(vpcsJSON), "export/222222222222/us-east-1/sgs.json": second(groupsJSON),
		"export/222222222222/us-east-1/at.json":   shared(`[]`),
		"export/222222222222/us-east-1/igws.json": `{"EgressOnlyInternetGateways": [{"EgressOnlyInternetGatewayId": "eigw-1", "Attachments": []}]}`,
		"export/222222222222/us-east-1/not-read.json": `{"NotRead": [{"Account": "222222222222", "Region": "us-east-1", "Call": "DescribeSubnets2", "Code": "UnauthorizedOperation"},
			{"Call": "DescribeVpcEndpoints", "Code": "UnauthorizedOperation"}]}`,
	}
	r, report := readDir(t, files)
	if len(report.Sources) != 2 || report.Sources[1].Account != "222222222222" || report.Sources[1].Region != "us-east-1" {
		t.Errorf("sources %+v", report.Sources)
	}
	if v := r.VPCs[1]; v.Account != "222222222222" || v.Region != "us-east-1" {
		t.Errorf("VPC %+v; want the folder's Region, for it has no subnet", v)
	}
	if len(r.Attachments) != 1 || r.Attachments[0].Tags["Name"] != "owner's" || r.Attachments[0].Account != "111111111111" {
		t.Errorf("attachments %+v; want the owner's reading", r.Attachments)
	}
	if g := r.Gateways[0]; g.Account != "222222222222" || g.Region != "us-east-1" {
		t.Errorf("gateway %+v; want the folder's account", g)
	}
	var second222 []string
	for _, n := range r.NotRead {
		if n.Account == "222222222222" && n.Code == "UnauthorizedOperation" {
			second222 = append(second222, n.Call+" "+n.Region)
		}
		if n.Account == "222222222222" && n.Call == "DescribeVpcEndpoints" && n.Code != "UnauthorizedOperation" {
			t.Errorf("%+v; want the refusal's own code", n)
		}
	}
	if !slices.Equal(second222, []string{"DescribeSubnets2 us-east-1", "DescribeVpcEndpoints us-east-1"}) {
		t.Errorf("not read %v", second222)
	}
}

// What is deleted or going is in no snapshot.
func TestFromDirLeavesOutWhatIsGone(t *testing.T) {
	r, _ := readDir(t, account("x.json", `{
		"NatGateways": [{"NatGatewayId": "nat-1", "VpcId": "vpc-1", "State": "deleted"}, {"NatGatewayId": "nat-2", "VpcId": "vpc-1", "State": "available"}],
		"VpcEndpoints": [{"VpcEndpointId": "vpce-1", "VpcId": "vpc-1", "State": "deleting"}],
		"VpcPeeringConnections": [{"VpcPeeringConnectionId": "pcx-1", "Status": {"Code": "rejected"}}],
		"TransitGatewayAttachments": [{"TransitGatewayAttachmentId": "tgw-attach-1", "TransitGatewayId": "tgw-1", "State": "deleted"}],
		"TransitGatewayVpcAttachments": [{"TransitGatewayAttachmentId": "tgw-attach-1", "TransitGatewayId": "tgw-1", "State": "deleted"}],
		"TransitGatewayRouteTables": [{"TransitGatewayRouteTableId": "tgw-rtb-1", "TransitGatewayId": "tgw-1", "State": "deleting"}],
		"TransitGateways": [{"TransitGatewayId": "tgw-1", "State": "deleting"}],
		"PrefixLists": [{"PrefixListId": "pl-1", "OwnerId": "111111111111", "State": "delete-complete"}],
		"DBInstances": [{"DBInstanceIdentifier": "x", "DBInstanceStatus": "deleting"}],
		"VpnGateways": [{"VpnGatewayId": "vgw-1", "State": "available", "VpcAttachments": [{"VpcId": "vpc-9", "State": "detached"}, {"VpcId": "vpc-1", "State": "attached"}]}],
		"VpnConnections": [{"VpnConnectionId": "vpn-1", "VpnGatewayId": "vgw-1", "State": "available", "Options": {"StaticRoutesOnly": true}, "Routes": [{"DestinationCidrBlock": "172.16.0.0/12", "State": "available"}]},
			{"VpnConnectionId": "vpn-2", "VpnGatewayId": "vgw-1", "State": "deleted", "Options": {"StaticRoutesOnly": false}}]
	}`))
	if len(r.Gateways) != 2 || r.Gateways[0].ID != "nat-2" || r.Gateways[1].VPC != "vpc-1" || len(r.Gateways[1].Destinations) != 1 {
		t.Errorf("gateways %+v", r.Gateways)
	}
	if n := len(r.Endpoints) + len(r.Peerings) + len(r.Attachments) + len(r.TransitRouteTables) + len(r.TransitGateways) + len(r.PrefixLists) + len(r.DBInstances); n != 0 {
		t.Errorf("%d resources that are gone: %s", n, asJSON(r))
	}
}

// A peering attachment has one id at both gateways, each in its own Region.
func TestFromDirTransitPeering(t *testing.T) {
	tgw := func(id, region string) string {
		return fmt.Sprintf(`{"TransitGateways": [{"TransitGatewayId": "%s", "OwnerId": "111111111111", "State": "available",
			"TransitGatewayArn": "arn:aws:ec2:%s:111111111111:transit-gateway/%s"}]}`, id, region, id)
	}
	side := func(id, other, table string) string {
		return fmt.Sprintf(`{"TransitGatewayAttachments": [{"TransitGatewayAttachmentId": "tgw-attach-p", "TransitGatewayId": "%s", "TransitGatewayOwnerId": "111111111111",
			"ResourceType": "peering", "ResourceId": "%s", "ResourceOwnerId": "111111111111", "State": "available",
			"Association": {"TransitGatewayRouteTableId": "%s", "State": "associated"}}]}`, id, other, table)
	}
	peering := `{"TransitGatewayPeeringAttachments": [{"TransitGatewayAttachmentId": "tgw-attach-p", "State": "available",
		"RequesterTgwInfo": {"TransitGatewayId": "tgw-1", "OwnerId": "111111111111", "Region": "ap-northeast-2"},
		"AccepterTgwInfo": {"TransitGatewayId": "tgw-2", "OwnerId": "111111111111", "Region": "us-east-1"}}]}`
	r, _ := readDir(t, account("1/t.json", tgw("tgw-1", "ap-northeast-2"), "2/t.json", tgw("tgw-2", "us-east-1"),
		"1/a.json", side("tgw-1", "tgw-2", "tgw-rtb-1"), "2/a.json", side("tgw-2", "tgw-1", "tgw-rtb-2"), "1/p.json", peering, "2/p.json", peering))
	if len(r.Attachments) != 2 {
		t.Fatalf("attachments %+v; want one at each gateway", r.Attachments)
	}
	for i, want := range []struct{ tgw, other, region, table string }{{"tgw-1", "tgw-2", "ap-northeast-2", "tgw-rtb-1"}, {"tgw-2", "tgw-1", "us-east-1", "tgw-rtb-2"}} {
		a := r.Attachments[i]
		if a.TransitGateway != want.tgw || a.Resource != want.other || a.Region != want.region || a.RouteTable != want.table || a.PeerAttachment != "tgw-attach-p" {
			t.Errorf("attachment %+v, want %+v", a, want)
		}
	}
	// Where only the peering call was made, the gateways that are known get it.
	r, _ = readDir(t, account("1/t.json", tgw("tgw-1", "ap-northeast-2"), "1/p.json", peering))
	if len(r.Attachments) != 1 || r.Attachments[0].TransitGateway != "tgw-1" || r.Attachments[0].Resource != "tgw-2" {
		t.Errorf("attachments %+v; want the one at the known gateway", r.Attachments)
	}
}

func FuzzFile(f *testing.F) {
	for _, s := range []string{vpcsJSON, subnetsJSON, groupsJSON, tablesJSON, tgwsJSON, routesJSON, `{"Vpcs": [{"VpcId": null}], "NotRead": [{}]}`,
		`{"TransitGatewayPropagations": [{"TransitGatewayRouteTablePropagations": []}]}`, `{"Quota": {"Value": 1e99}}`, utf16LE(`{"Vpcs": []}`), `{"a":1}{`,
		`{"NetworkInterfaces": [{"Attachment": {"AttachTime": "x"}}]}`} {
		f.Add("x-tgw-rtb-1-pl-2.json", []byte(s))
	}
	for _, s := range []string{zonesJSON, recordsJSON} {
		f.Add("hosted-zones-vpc-1.json", []byte(s))
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) { // every answer that is read
		f.Add("x-tgw-rtb-1-pl-2-vpc-3.json", fmt.Appendf(nil, `{"VpcId": "vpc-1", "TargetGroupArn": "arn:1", "HostedZoneId": "Z1", "%s": [{}]}`, key))
	}
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		d := &dirReader{dir: "dir", inv: New()}
		data = toUTF8(data)
		if err := d.file(name, "dir/111111111111/us-east-1/f.json", data); err != nil {
			if !strings.Contains(err.Error(), "f.json") {
				t.Fatalf("error %q does not name the file", err)
			}
			return
		}
		if !json.Valid(data) {
			t.Fatalf("read without an error, and is no JSON: %q", data)
		}
		r, err := d.inv.Resolve()
		if err != nil {
			return
		}
		if _, err := topology.New(r); err != nil {
			var bad *topology.ResourceError
			if !errors.As(err, &bad) {
				t.Fatalf("error %v; want one that names the resource", err)
			}
		}
	})
}

func snapshot(t *testing.T, r topology.Resources) *topology.Snapshot {
	t.Helper()
	s, err := topology.New(r)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
