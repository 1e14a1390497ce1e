package main

import (
	"testing"

	"github.com/flowcover/flowcover/topology"
)

func TestLabels(t *testing.T) {
	scope := topology.Scope{Account: "111122223333", Region: "ap-northeast-2"}
	s, err := topology.New(topology.Resources{
		VPCs:           []topology.VPC{{ID: "vpc-1", Scope: scope, Tags: topology.Tags{"Name": "업무"}}, {ID: "vpc-2", Scope: scope}},
		SecurityGroups: []topology.SecurityGroup{{ID: "sg-1", Scope: scope, VPC: "vpc-1", Name: "web tier"}, {ID: "sg-2", Scope: scope, VPC: "vpc-1", Name: "sg-2"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	l := newLabels(s)
	for _, c := range [][2]string{
		{l.text("vpc-1 > vpc-2 > vpc-1"), "vpc-1 (업무) > vpc-2 > vpc-1"},
		{l.text("again vpc-1, and not vpc-12 or xvpc-1"), "again vpc-1, and not vpc-12 or xvpc-1"},
		{l.list("sg-1 sg-2"), "sg-1 (web tier) sg-2"},
		{l.list("sg-1"), "sg-1 (web tier)"},
		{l.text("ingress tcp/80 sg-1: the port matches, 10.0.0.1 does not"), "ingress tcp/80 sg-1: the port matches, 10.0.0.1 does not"},
		{newLabels(s).text("sg-1 ingress tcp/80 10.0.0.0/8"), "sg-1 (web tier) ingress tcp/80 10.0.0.0/8"},
		{newLabels(s).text(""), ""},
	} {
		if c[0] != c[1] {
			t.Errorf("got %q, want %q", c[0], c[1])
		}
	}
}
