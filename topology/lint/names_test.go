package lint_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/flowcover/flowcover/topology"
)

// named gives everything that can have a name one.
func named(r *topology.Resources) {
	name := func(tags *topology.Tags) {
		if *tags == nil {
			*tags = topology.Tags{}
		}
		if (*tags)["Name"] == "" {
			*tags = topology.Tags{"Name": "NAMED"}
		}
	}
	for i := range r.VPCs {
		name(&r.VPCs[i].Tags)
	}
	for i := range r.Subnets {
		name(&r.Subnets[i].Tags)
	}
	for i := range r.RouteTables {
		name(&r.RouteTables[i].Tags)
	}
	for i := range r.NetworkACLs {
		name(&r.NetworkACLs[i].Tags)
	}
	for i := range r.Interfaces {
		name(&r.Interfaces[i].Tags)
	}
	for i := range r.TransitGateways {
		name(&r.TransitGateways[i].Tags)
	}
	for i := range r.Attachments {
		name(&r.Attachments[i].Tags)
	}
	for i := range r.TransitRouteTables {
		name(&r.TransitRouteTables[i].Tags)
	}
	for i := range r.Endpoints {
		name(&r.Endpoints[i].Tags)
	}
	for i := range r.SecurityGroups {
		r.SecurityGroups[i].Name = "NAMED"
	}
	r.Gateways = append(r.Gateways, topology.Gateway{ID: "igw-1", Scope: home, Kind: topology.KindInternet, VPC: "vpc-a", Tags: topology.Tags{"Name": "NAMED"}})
}

var bareID = regexp.MustCompile(`\b(?:vpc|subnet|rtb|tgw|acl|eni|igw|vpce|sg|Z)-?[a-z0-9-]+\b(?: \((?:NAMED|[ab]-private))?`)

// Where a person reads an id the name stands beside it; but for those in a
// rule's own words and in the list of groups that a client carries.
func TestReasonsNameWhatTheySay(t *testing.T) {
	seen := 0
	for _, f := range allFaults() {
		r, e := clean(), used()
		f.make(&r, e)
		named(&r)
		for _, x := range run(t, r, e).Findings {
			text := strings.ReplaceAll(x.Reason, x.Detail, "")
			text = regexp.MustCompile(`with sg-[^,]*, |(?:in|e)gress \S+ sg-\S+`).ReplaceAllString(text, "")
			for _, id := range bareID.FindAllString(text, -1) {
				if strings.Contains(id, "(") {
					seen++
				} else {
					t.Errorf("%s: %s stands without its name in %q", x.Rule, id, x.Reason)
				}
			}
		}
	}
	if seen < 30 {
		t.Errorf("only %d names were seen", seen)
	}
}
