package awsmodel

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

const owner = "111111111111"

func randomPrefix(r *rand.Rand) netip.Prefix {
	if r.IntN(3) == 0 {
		var b [16]byte
		b[0], b[1] = 0x20, 0x01
		for i := 2; i < 8; i++ {
			b[i] = byte(r.IntN(256))
		}
		return netip.PrefixFrom(netip.AddrFrom16(b), r.IntN(65)).Masked()
	}
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(r.IntN(224)), byte(r.IntN(256)), byte(r.IntN(256)), byte(r.IntN(256))}), r.IntN(33)).Masked()
}

// randomColumns gives a protocol with ports or types as AWS would keep them.
func randomColumns(r *rand.Rand) (p netset.Protocol, from, to int) {
	p = []netset.Protocol{netset.AllProtocols, netset.TCP, netset.UDP, netset.ICMP, netset.ICMPv6, 50}[r.IntN(6)]
	switch {
	case p.HasPorts():
		from = r.IntN(65536)
		return p, from, from + r.IntN(65536-from)
	case p.HasTypes():
		if from = r.IntN(257) - 1; from < 0 {
			return p, -1, -1
		}
		return p, from, r.IntN(257) - 1
	}
	return p, -1, -1
}

// What Authorize is told is what Describe then answers: a rule written as a
// request and read as an answer is the same rule.
func TestPermissionReadsBackAsTheRule(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 5000 {
		rule := topology.SecurityGroupRule{Direction: topology.Ingress, Description: "급여 배치"}
		rule.Protocol, rule.FromPort, rule.ToPort = randomColumns(r)
		switch r.IntN(4) {
		case 0:
			rule.PrefixList = "pl-1"
		case 1:
			rule.Group = "sg-2"
			if r.IntN(2) == 0 {
				rule.GroupOwner = "222222222222"
			}
		default:
			rule.CIDR = randomPrefix(r)
		}
		in := ec2types.SecurityGroup{GroupId: aws.String("sg-1"), OwnerId: aws.String(owner)}
		if permission := Permission(rule, owner); r.IntN(2) == 0 {
			rule.Direction = topology.Egress
			in.IpPermissionsEgress = []ec2types.IpPermission{permission}
		} else {
			in.IpPermissions = []ec2types.IpPermission{permission}
		}
		g, err := SecurityGroup(in)
		if err != nil {
			t.Fatalf("%d: %+v: %v", i, rule, err)
		}
		if len(g.Rules) != 1 || g.Rules[0] != rule {
			t.Fatalf("%d: wrote %+v, read %+v", i, rule, g.Rules)
		}
	}
}

func TestEntryReadsBack(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 5000 {
		e := topology.NetworkACLEntry{Number: 1 + r.IntN(32766), Direction: topology.Egress, Allow: r.IntN(2) == 0, CIDR: randomPrefix(r)}
		e.Protocol, e.FromPort, e.ToPort = randomColumns(r)
		p := Entry(e)
		if p.Protocol == "tcp" || p.CIDR4 != nil && p.CIDR6 != nil {
			t.Fatalf("%d: %+v", i, p)
		}
		a, err := NetworkACL(ec2types.NetworkAcl{NetworkAclId: aws.String("acl-1"), Entries: []ec2types.NetworkAclEntry{{
			RuleNumber: aws.Int32(int32(e.Number)), Egress: aws.Bool(true), RuleAction: p.Action, Protocol: &p.Protocol,
			CidrBlock: p.CIDR4, Ipv6CidrBlock: p.CIDR6, PortRange: p.PortRange, IcmpTypeCode: p.ICMP,
		}}})
		if err != nil || len(a.Entries) != 1 || a.Entries[0] != e {
			t.Fatalf("%d: wrote %+v, read %+v, %v", i, e, a.Entries, err)
		}
	}
}

// AWS writes the same thing in several ways.
func TestOneFormForEachMeaning(t *testing.T) {
	read := func(protocol string, from, to *int32) string {
		g, err := SecurityGroup(ec2types.SecurityGroup{GroupId: aws.String("sg-1"), IpPermissions: []ec2types.IpPermission{{
			IpProtocol: &protocol, FromPort: from, ToPort: to, IpRanges: []ec2types.IpRange{{CidrIp: aws.String("10.1.2.3/8")}}}}})
		if err != nil {
			return err.Error()
		}
		r := g.Rules[0]
		return fmt.Sprint(r.Protocol, " ", r.FromPort, " ", r.ToPort, " ", r.CIDR)
	}
	for _, tc := range []struct {
		protocol string
		from, to *int32
		want     string
	}{
		{"-1", nil, nil, "all -1 -1 10.0.0.0/8"},
		{"-1", aws.Int32(0), aws.Int32(65535), "all -1 -1 10.0.0.0/8"},
		{"tcp", aws.Int32(-1), aws.Int32(-1), "tcp 0 65535 10.0.0.0/8"},
		{"6", aws.Int32(443), aws.Int32(443), "tcp 443 443 10.0.0.0/8"},
		{"icmp", aws.Int32(-1), aws.Int32(-1), "icmp -1 -1 10.0.0.0/8"},
		{"icmp", aws.Int32(8), aws.Int32(-1), "icmp 8 -1 10.0.0.0/8"},
		{"50", aws.Int32(0), aws.Int32(0), "50 -1 -1 10.0.0.0/8"},
	} {
		if got := read(tc.protocol, tc.from, tc.to); got != tc.want {
			t.Errorf("%s %v-%v reads as %q, want %q", tc.protocol, aws.ToInt32(tc.from), aws.ToInt32(tc.to), got, tc.want)
		}
	}
	for _, bad := range []struct {
		protocol string
		from, to int32
	}{{"tcp", 443, 80}, {"tcp", 1, 70000}, {"gre?", 0, 0}, {"icmp", 300, 0}} {
		if got := read(bad.protocol, &bad.from, &bad.to); !strings.Contains(got, "sg-1") || !strings.Contains(got, "IpPermissions.") {
			t.Errorf("%+v: %q; want an error that names the group and the field", bad, got)
		}
	}
}

func TestNameRules(t *testing.T) {
	rule := func(id string, port int) topology.SecurityGroupRule {
		return topology.SecurityGroupRule{ID: id, Direction: topology.Ingress, Protocol: netset.TCP, FromPort: port, ToPort: port, CIDR: netip.MustParsePrefix("10.0.0.0/8")}
	}
	g := topology.SecurityGroup{ID: "sg-1", Rules: []topology.SecurityGroupRule{rule("", 80), rule("", 443)}}
	NameRules(&g, []topology.SecurityGroupRule{rule("sgr-443", 443), rule("sgr-22", 22)})
	if g.Rules[0].ID != "" || g.Rules[1].ID != "sgr-443" || len(g.Rules) != 2 {
		t.Errorf("rules %+v; want the id of the one that is listed, and no rule more", g.Rules)
	}
}

func TestScopes(t *testing.T) {
	for zone, want := range map[string]string{
		"ap-northeast-2a": "ap-northeast-2", "us-west-2-lax-1a": "us-west-2", "us-gov-west-1b": "us-gov-west-1", "us-east-1": "us-east-1",
		"eu-central-1-wl1-ber-wlz-1": "eu-central-1", "": "", "apne2-az1": "", "configs": "",
	} {
		if got := RegionOf(zone); got != want {
			t.Errorf("RegionOf(%q) = %q, want %q", zone, got, want)
		}
	}
	for arn, want := range map[string]topology.Scope{
		"arn:aws:ec2:ap-northeast-2:111111111111:subnet/subnet-1": {Account: owner, Region: "ap-northeast-2"},
		"arn:aws:ec2:us-east-1:aws:prefix-list/pl-1":              {Region: "us-east-1"},
		"arn:aws:servicequotas:eu-west-1::vpc/L-0EA8095F":         {Region: "eu-west-1"},
		"subnet-1": {},
	} {
		if got := ScopeOfARN(arn); got != want {
			t.Errorf("ScopeOfARN(%q) = %v, want %v", arn, got, want)
		}
	}
}

func TestPrefixListWeights(t *testing.T) {
	for name, want := range map[string]int{
		"com.amazonaws.global.cloudfront.origin-facing": 55, "com.amazonaws.global.ipv6.cloudfront.origin-facing": 55,
		"com.amazonaws.ap-northeast-2.s3": 1, "com.amazonaws.ap-northeast-2.ipv6.vpc-lattice": 10, "com.amazonaws.ap-northeast-2.new-thing": 0, "branches": 0,
	} {
		p, _, err := ManagedPrefixList(ec2types.ManagedPrefixList{PrefixListId: aws.String("pl-1"), PrefixListName: &name, OwnerId: aws.String("AWS")})
		if err != nil || p.MaxEntries != want {
			t.Errorf("%s counts as %d, %v; want %d", name, p.MaxEntries, err, want)
		}
	}
}

func TestRouteTargets(t *testing.T) {
	for _, tc := range []struct {
		r    ec2types.Route
		want string
	}{
		{ec2types.Route{GatewayId: aws.String("local")}, "local"},
		{ec2types.Route{GatewayId: aws.String("vpce-1"), DestinationPrefixListId: aws.String("pl-1")}, "vpce-1"},
		{ec2types.Route{InstanceId: aws.String("i-1"), NetworkInterfaceId: aws.String("eni-1")}, "eni-1"},
		{ec2types.Route{InstanceId: aws.String("i-1")}, "i-1"},
		{ec2types.Route{TransitGatewayId: aws.String("tgw-1"), State: ec2types.RouteStateBlackhole}, "tgw-1"},
		{ec2types.Route{State: ec2types.RouteStateBlackhole}, ""},
	} {
		if tc.r.DestinationPrefixListId == nil {
			tc.r.DestinationCidrBlock = aws.String("10.0.0.0/8")
		}
		table, err := RouteTable(ec2types.RouteTable{RouteTableId: aws.String("rtb-1"), Routes: []ec2types.Route{tc.r}})
		if err != nil || table.Routes[0].Target != tc.want {
			t.Errorf("%+v: %+v, %v; want %q", tc.r, table.Routes, err, tc.want)
		}
	}
}

func TestListeners(t *testing.T) {
	for protocol, want := range map[elbtypes.ProtocolEnum][]topology.Listener{
		elbtypes.ProtocolEnumHttps:  {{Protocol: netset.TCP, Port: 443}},
		elbtypes.ProtocolEnumUdp:    {{Protocol: netset.UDP, Port: 443}},
		elbtypes.ProtocolEnumTcpUdp: {{Protocol: netset.TCP, Port: 443}, {Protocol: netset.UDP, Port: 443}},
		elbtypes.ProtocolEnumGeneve: {{Protocol: netset.UDP, Port: 6081}},
	} {
		l, err := ReadListener(elbtypes.Listener{ListenerArn: aws.String("l"), Port: aws.Int32(443), Protocol: protocol, DefaultActions: []elbtypes.Action{
			{TargetGroupArn: aws.String("b"), ForwardConfig: &elbtypes.ForwardActionConfig{TargetGroups: []elbtypes.TargetGroupTuple{{TargetGroupArn: aws.String("a")}, {TargetGroupArn: aws.String("b")}}}}}})
		if err != nil || !reflect.DeepEqual(l.Ports, want) || !slices.Equal(l.TargetGroups, []string{"a", "b"}) {
			t.Errorf("%s: %+v, %v; want %v", protocol, l, err, want)
		}
	}
	rule := "arn:aws:elasticloadbalancing:ap-northeast-2:111111111111:listener-rule/app/front/1/2/3"
	if got, want := ListenerOfRule(rule), "arn:aws:elasticloadbalancing:ap-northeast-2:111111111111:listener/app/front/1/2"; got != want {
		t.Errorf("ListenerOfRule = %s, want %s", got, want)
	}
}

// An ENI is the same, whether it or its instance is described.
func TestInterfaceOfAnInstanceReadsAsTheInterface(t *testing.T) {
	instance, zone := "i-1", "ap-northeast-2a"
	public := func(ip string) *ec2types.InstanceNetworkInterfaceAssociation {
		return &ec2types.InstanceNetworkInterfaceAssociation{PublicIp: &ip}
	}
	_, enis, _, err := Instance(owner, ec2types.Instance{
		InstanceId: &instance, Placement: &ec2types.Placement{AvailabilityZone: &zone},
		NetworkInterfaces: []ec2types.InstanceNetworkInterface{{
			NetworkInterfaceId: aws.String("eni-1"), VpcId: aws.String("vpc-1"), SubnetId: aws.String("subnet-1"), OwnerId: aws.String(owner),
			Description: aws.String("d"), SourceDestCheck: aws.Bool(true), PrivateIpAddress: aws.String("10.0.0.9"), Association: public("203.0.113.1"),
			Groups: []ec2types.GroupIdentifier{{GroupId: aws.String("sg-1")}},
			PrivateIpAddresses: []ec2types.InstancePrivateIpAddress{{PrivateIpAddress: aws.String("10.0.0.5"), Association: public("203.0.113.2")},
				{PrivateIpAddress: aws.String("10.0.0.9"), Primary: aws.Bool(true)}},
			Ipv6Addresses: []ec2types.InstanceIpv6Address{{Ipv6Address: aws.String("2001:db8::1")}},
			Ipv4Prefixes:  []ec2types.InstanceIpv4Prefix{{Ipv4Prefix: aws.String("10.0.1.0/28")}},
			Ipv6Prefixes:  []ec2types.InstanceIpv6Prefix{{Ipv6Prefix: aws.String("2001:db8:1::/80")}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	listed, err := NetworkInterface(ec2types.NetworkInterface{
		NetworkInterfaceId: aws.String("eni-1"), VpcId: aws.String("vpc-1"), SubnetId: aws.String("subnet-1"), OwnerId: aws.String(owner),
		AvailabilityZone: &zone, InterfaceType: ec2types.NetworkInterfaceTypeInterface, Description: aws.String("d"), SourceDestCheck: aws.Bool(true),
		PrivateIpAddress: aws.String("10.0.0.9"), Groups: []ec2types.GroupIdentifier{{GroupId: aws.String("sg-1")}},
		Association: &ec2types.NetworkInterfaceAssociation{PublicIp: aws.String("203.0.113.1")},
		Attachment:  &ec2types.NetworkInterfaceAttachment{InstanceId: &instance, Status: ec2types.AttachmentStatusAttached},
		PrivateIpAddresses: []ec2types.NetworkInterfacePrivateIpAddress{{PrivateIpAddress: aws.String("10.0.0.9"), Primary: aws.Bool(true)},
			{PrivateIpAddress: aws.String("10.0.0.5"), Association: &ec2types.NetworkInterfaceAssociation{PublicIp: aws.String("203.0.113.2")}}},
		Ipv6Addresses: []ec2types.NetworkInterfaceIpv6Address{{Ipv6Address: aws.String("2001:db8::1")}},
		Ipv4Prefixes:  []ec2types.Ipv4PrefixSpecification{{Ipv4Prefix: aws.String("10.0.1.0/28")}},
		Ipv6Prefixes:  []ec2types.Ipv6PrefixSpecification{{Ipv6Prefix: aws.String("2001:db8:1::/80")}},
	})
	if err != nil || len(enis) != 1 || !reflect.DeepEqual(enis[0], listed) {
		t.Errorf("of the instance %+v\nlisted        %+v, %v", enis, listed, err)
	}
}

func TestRecordNames(t *testing.T) {
	for in, want := range map[string]string{`\052.Example.COM.`: "*.example.com", `a\040b.`: "a b", `\352\260\200.kr.`: "가.kr", `x\05`: `x\05`, `\999`: `\999`, "": ""} {
		if got := recordName(in); got != want {
			t.Errorf("recordName(%q) = %q, want %q", in, got, want)
		}
	}
}
