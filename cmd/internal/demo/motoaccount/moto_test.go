package motoaccount_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/flowcover/flowcover/cmd/internal/demo"
	"github.com/flowcover/flowcover/cmd/internal/demo/motoaccount"
	"github.com/flowcover/flowcover/scripts/mototest"
	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/awscollect"
)

// The demo's account, built on a server and read back through the API, has the
// same rules, and carries nearly all of its traffic.
func TestAccountOnMotoReadsBack(t *testing.T) {
	server := mototest.Start(t)
	cfg := server.Config("ap-northeast-2")
	res, err := demo.Account(1, demo.Size{})
	if err != nil {
		t.Fatal(err)
	}
	ids, err := motoaccount.BuildMoto(t.Context(), ec2.NewFromConfig(cfg), res)
	if err != nil {
		t.Fatal(err)
	}
	read, _, err := awscollect.FromAPI(t.Context(), cfg, awscollect.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := topology.New(read)
	if err != nil {
		t.Fatal(err)
	}
	compareRules(t, res, s, ids)
	whole, err := topology.New(res)
	if err != nil {
		t.Fatal(err)
	}
	opt := demo.Options{Out: t.TempDir(), Seed: 1, Days: 1, Records: 20000, Snapshot: whole, NoCaptures: true}
	want, err := demo.Generate(t.Context(), opt, nil)
	if err != nil {
		t.Fatal(err)
	}
	opt.Out, opt.Snapshot = t.TempDir(), s
	got, err := demo.Generate(t.Context(), opt, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range got.Dropped {
		t.Logf("dropped: %s", d)
	}
	if got.Pairs < want.Pairs*95/100 {
		t.Errorf("%d pairs on the account read back, %d on the account made", got.Pairs, want.Pairs)
	}
}

// compareRules compares every group's and ACL's rules, by the server's ids.
func compareRules(t *testing.T, res topology.Resources, s *topology.Snapshot, ids motoaccount.IDs) {
	t.Helper()
	translate := func(key string) string {
		for from, to := range ids {
			if strings.HasPrefix(from, "sg-") || strings.HasPrefix(from, "pl-") {
				key = strings.ReplaceAll(key, from, to)
			}
		}
		return key
	}
	for _, g := range res.SecurityGroups {
		have, ok := s.SecurityGroup(ids[g.ID])
		if !ok {
			t.Errorf("%s is not there", g.Name)
			continue
		}
		keys := map[string]bool{}
		for _, r := range have.Rules {
			keys[r.Key()] = true
		}
		for _, r := range g.Rules {
			if key := translate(r.Key()); !keys[key] {
				t.Errorf("%s lacks %s", g.Name, key)
			}
		}
		if len(have.Rules) != len(g.Rules) {
			t.Errorf("%s has %d rules, want %d", g.Name, len(have.Rules), len(g.Rules))
		}
	}
	compareACLs(t, res, s, ids)
	compareInterfaces(t, res, s, ids)
}

// compareACLs compares every ACL's entries and subnets.
func compareACLs(t *testing.T, res topology.Resources, s *topology.Snapshot, ids motoaccount.IDs) {
	t.Helper()
	for _, a := range res.NetworkACLs {
		have, ok := s.NetworkACL(ids[a.ID])
		if !ok {
			t.Errorf("ACL %s is not there", a.ID)
			continue
		}
		entries := map[topology.NetworkACLEntry]bool{}
		for _, e := range have.Entries {
			entries[e] = true
		}
		for _, e := range a.Entries {
			if e.Protocol.HasTypes() {
				e.FromPort, e.ToPort = -1, -1 // moto forgets an entry's ICMP type
			}
			if !e.DefaultDeny() && !entries[e] {
				t.Errorf("ACL %s lacks %+v, has %+v", a.Tags["Name"], e, have.Entries)
			}
		}
		for _, subnet := range a.Subnets {
			if on, ok := s.SubnetACL(ids[subnet]); !ok || on.ID != ids[a.ID] {
				t.Errorf("subnet %s is not behind ACL %s", subnet, a.Tags["Name"])
			}
		}
	}
}

// compareInterfaces compares the ENIs' addresses, roles and groups.
func compareInterfaces(t *testing.T, res topology.Resources, s *topology.Snapshot, ids motoaccount.IDs) {
	t.Helper()
	for _, e := range res.Interfaces {
		have, ok := s.Interface(ids[e.ID])
		if !ok {
			t.Errorf("ENI %s is not there", e.ID)
			continue
		}
		if e.Type != "nat_gateway" && (have.Addresses[0] != e.Addresses[0] || have.Tags["Role"] != e.Tags["Role"]) {
			t.Errorf("ENI %s is %v %v", e.ID, have.Addresses, have.Tags)
		}
		if len(e.Groups) > 0 && len(have.Groups) != len(e.Groups) {
			t.Errorf("ENI %s has groups %v, want %d", e.Tags["Name"], have.Groups, len(e.Groups))
		}
	}
}
