package awsapply

import (
	"errors"
	"strings"
	"testing"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/changeset"
)

func TestWorldMoved(t *testing.T) {
	for _, tc := range []struct {
		name string
		move func(*fake)
		want []string
	}{
		{"a rule more", func(f *fake) {
			f.groups["sg-web"].Rules = append(f.groups["sg-web"].Rules, rule("sgr-9", topology.Ingress, 3389, "0.0.0.0/0"))
		}, []string{"sg-web", "has ingress tcp/3389 0.0.0.0/0"}},
		{"a rule less", func(f *fake) { f.groups["sg-web"].Rules = f.groups["sg-web"].Rules[1:] }, []string{"sg-web", "lacks ingress tcp/443 0.0.0.0/0"}},
		{"another tag", func(f *fake) { f.groups["sg-web"].Tags = topology.Tags{"Name": "db"} }, []string{"sg-web", "tags"}},
		{"another entry", func(f *fake) { f.acls["acl-1"].Entries[1] = entry(200, topology.Ingress, 2222, "0.0.0.0/0") },
			[]string{"acl-1", "has ingress 200 allow tcp/2222 0.0.0.0/0", "lacks ingress 200 allow tcp/22 0.0.0.0/0"}},
		{"gone", func(f *fake) { delete(f.acls, "acl-1") }, []string{"acl-1", "does not exist"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f, j, p := newFake(today()), &memory{}, tighten(t, today())
			p.Changeset.Targets = targetsOf(p.Changeset)
			tc.move(f)
			_, err := (&Applier{API: f, Journal: j, Clock: newClock()}).Apply(t.Context(), p)
			var moved *WorldMovedError
			if !errors.As(err, &moved) {
				t.Fatalf("error %v; want the world to have moved", err)
			}
			for _, w := range tc.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("error %q; want %q in it", err, w)
				}
			}
			if len(f.writes) != 0 || len(j.records) != 0 {
				t.Errorf("writes %v, %d records; want none", f.writes, len(j.records))
			}
		})
	}
}

// targetsOf gives the targets as a plan writes them: each list as it would stand.
func targetsOf(c *changeset.Changeset) []changeset.Target {
	s, err := topology.New(today())
	if err != nil {
		panic(err)
	}
	if s, err = changeset.Applied(s, c.Changes); err != nil {
		panic(err)
	}
	var out []changeset.Target
	for _, d := range []topology.Direction{topology.Ingress, topology.Egress} {
		g, _ := s.SecurityGroup("sg-web")
		sg := changeset.Target{Resource: "sg-web", Kind: "security-group", Direction: d, Family: "ipv4"}
		for _, r := range g.Rules {
			if r.Direction == d {
				sg.Rules = append(sg.Rules, *ruleDoc(r))
			}
		}
		a, _ := s.NetworkACL("acl-1")
		acl := changeset.Target{Resource: "acl-1", Kind: "network-acl", Direction: d, Family: "ipv4"}
		for _, e := range a.Entries {
			if e.Direction == d && !e.DefaultDeny() {
				acl.Rules = append(acl.Rules, *entryDoc(e))
			}
		}
		out = append(out, sg, acl)
	}
	return out
}

// After a run was stopped, somebody else's change is still seen.
func TestWorldMovedBetweenRuns(t *testing.T) {
	f, j, p := newFake(today()), &memory{}, tighten(t, today())
	writes := 0
	f.before = func(call string) error {
		if !strings.HasPrefix(call, "Describe") {
			if writes++; writes == 4 {
				return refuse("RulesPerSecurityGroupLimitExceeded")
			}
		}
		return nil
	}
	var partly *PartlyAppliedError
	if _, err := (&Applier{API: f, Journal: j, Clock: newClock()}).Apply(t.Context(), p); !errors.As(err, &partly) || len(partly.Done) != 3 {
		t.Fatalf("error %v; want 3 done", err)
	}
	f.before = nil
	f.groups["sg-web"].Rules = append(f.groups["sg-web"].Rules, rule("sgr-9", topology.Ingress, 3389, "0.0.0.0/0"))
	_, err := (&Applier{API: f, Journal: j, Clock: newClock()}).Apply(t.Context(), p)
	var moved *WorldMovedError
	if !errors.As(err, &moved) || !strings.Contains(err.Error(), "has ingress tcp/3389") {
		t.Errorf("error %v; want the foreign rule named", err)
	}
	if len(f.writes) != 3 {
		t.Errorf("writes %v", f.writes)
	}
}
