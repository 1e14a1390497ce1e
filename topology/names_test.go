package topology

import "testing"

// Everything that can have a name shows it after its id.
func TestLabelKnowsEveryKind(t *testing.T) {
	tags := Tags{"Name": "업무"}
	s, err := New(Resources{
		VPCs: []VPC{{ID: "vpc-1", Scope: home, Tags: tags}, {ID: "vpc-2", Scope: home}}, Subnets: []Subnet{{ID: "subnet-1", Scope: home, VPC: "vpc-1", Tags: tags}},
		Instances: []Instance{{ID: "i-1", Scope: home, Tags: tags}}, Interfaces: []NetworkInterface{{ID: "eni-1", Scope: home, VPC: "vpc-1", Subnet: "subnet-1", Tags: tags}},
		RouteTables: []RouteTable{{ID: "rtb-1", Scope: home, VPC: "vpc-1", Tags: tags}}, NetworkACLs: []NetworkACL{{ID: "acl-1", Scope: home, VPC: "vpc-1", Tags: tags}},
		SecurityGroups:  []SecurityGroup{{ID: "sg-1", Scope: home, VPC: "vpc-1", Name: "업무"}},
		PrefixLists:     []PrefixList{{ID: "pl-1", Scope: home, Name: "업무"}},
		TransitGateways: []TransitGateway{{ID: "tgw-1", Scope: home, Tags: tags}}, TransitRouteTables: []TransitGatewayRouteTable{{ID: "tgw-rtb-1", Scope: home, TransitGateway: "tgw-1", Tags: tags}},
		Attachments: []TransitGatewayAttachment{{ID: "tgw-attach-1", Scope: home, TransitGateway: "tgw-1", ResourceType: AttachVPC, Resource: "vpc-1", Tags: tags}},
		Gateways:    []Gateway{{ID: "igw-1", Scope: home, Kind: KindInternet, Tags: tags}}, Endpoints: []VPCEndpoint{{ID: "vpce-1", Scope: home, VPC: "vpc-1", Tags: tags}},
		LoadBalancers: []LoadBalancer{{ID: "arn:lb", Scope: home, Name: "업무"}}, HostedZones: []HostedZone{{ID: "Z1", Owner: home.Account, Name: "업무"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"vpc-1", "subnet-1", "i-1", "eni-1", "rtb-1", "acl-1", "sg-1", "pl-1", "tgw-1", "tgw-rtb-1", "tgw-attach-1", "igw-1", "vpce-1", "arn:lb", "Z1"} {
		if got := s.Label(id); got != id+" (업무)" {
			t.Errorf("%s is labelled %q", id, got)
		}
	}
	for _, id := range []string{"vpc-2", "vpc-9", ""} {
		if got := s.Label(id); got != id {
			t.Errorf("%q has no name and is labelled %q", id, got)
		}
	}
}
