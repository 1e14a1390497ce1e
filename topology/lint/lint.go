// Package lint finds what is wrong, unused or dangerous in a snapshot.
//
// A [Finding] names a rule (what kind of fault), a resource, the reason in
// words and the remedy; its id stays the same as long as the fault does, so
// that people can accept it by id. What flows say comes in as plain values
// ([Evidence]). What the snapshot lacks is in the report's NotComputed.
//
// The package does no I/O and knows no clock.
package lint

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

// Severity says how much a finding matters.
type Severity string

// The severities.
const (
	Low    Severity = "low"
	Medium Severity = "medium"
	High   Severity = "high"
)

// Finding is one fault.
type Finding struct {
	ID       string   `json:"id"`   // l- and 12 hex digits over rule, resource and detail
	Rule     string   `json:"rule"` // see Rules
	Severity Severity `json:"severity"`
	Resource string   `json:"resource"`
	Detail   string   `json:"detail,omitempty"` // the part of the resource: a rule, entry, route, zone
	Account  string   `json:"account"`
	Region   string   `json:"region"`
	Reason   string   `json:"reason"`
	Evidence string   `json:"evidence,omitempty"` // what flows say
	Remedy   string   `json:"remedy"`
	Change   *Change  `json:"change,omitempty"`
	More     []Change `json:"more_changes,omitempty"` // what else it takes
}

// Change is a remedy as a change: Kind and Rule as a changeset writes them.
type Change struct {
	Kind   string `json:"kind"` // sg-rule-remove | sg-rule-add | nacl-entry-remove | nacl-entry-add | route-remove | tgw-route-remove
	Target string `json:"target"`
	Rule   string `json:"rule"`
}

// Changes lists the changes of the remedy, all of which it takes.
func (f Finding) Changes() []Change {
	if f.Change == nil {
		return nil
	}
	return append([]Change{*f.Change}, f.More...)
}

// Use is what the flows of a window say of a rule, entry or route.
type Use struct {
	Flows int
	Last  string // date of the last one
	// Within is the longest prefix that holds all destinations (routes).
	Within netip.Prefix
}

// Evidence is what flows say; nil: no flows were read, and the rules that need
// them find nothing.
type Evidence struct {
	Window string
	Used   map[topology.RuleRef]Use // by accepted flows
	Denied map[topology.RuleRef]Use // ACL entries by refused flows
}

// Options are what a bank may decide.
type Options struct {
	AdminPorts, DatabasePorts []netset.Columns
	Evidence                  *Evidence
}

// Report is all that was found, the gravest first.
type Report struct {
	Findings    []Finding `json:"findings"`
	NotComputed []string  `json:"not_computed"`
}

// linter collects findings.
type linter struct {
	s   *topology.Snapshot
	r   topology.Resources
	o   Options
	out []Finding
	not map[string]bool

	subnets map[string][]*topology.Subnet // by VPC
	usedACL map[string]bool               // those of some subnet
	names   nameIndex
}

// Run looks for every fault of [Rules].
func Run(s *topology.Snapshot, o Options) Report {
	l := &linter{s: s, r: s.Resources(), o: o, not: map[string]bool{}, subnets: map[string][]*topology.Subnet{}, usedACL: map[string]bool{}}
	for i := range l.r.Subnets {
		n := &l.r.Subnets[i]
		l.subnets[n.VPC] = append(l.subnets[n.VPC], n)
		if a, ok := s.SubnetACL(n.ID); ok {
			l.usedACL[a.ID] = true
		}
	}
	l.groups()
	l.acls()
	l.routes()
	l.transit()
	l.endpoints()
	for _, n := range l.r.NotRead {
		l.not[fmt.Sprintf("what %s would have listed in %s %s (%s)", n.Call, n.Account, n.Region, n.Code)] = true
	}
	if o.Evidence == nil {
		l.not["rules that need flows ("+strings.Join(needFlows(), ", ")+"): give --state"] = true
	}
	rank := map[Severity]int{High: 0, Medium: 1, Low: 2}
	slices.SortFunc(l.out, func(a, b Finding) int {
		return cmp.Or(rank[a.Severity]-rank[b.Severity], strings.Compare(a.Rule, b.Rule), strings.Compare(a.Resource, b.Resource), strings.Compare(a.Detail, b.Detail), strings.Compare(a.ID, b.ID))
	})
	l.out = slices.CompactFunc(l.out, func(a, b Finding) bool { return a.ID == b.ID })
	report := Report{Findings: l.out, NotComputed: []string{}}
	for n := range l.not {
		report.NotComputed = append(report.NotComputed, n)
	}
	slices.Sort(report.NotComputed)
	if report.Findings == nil {
		report.Findings = []Finding{}
	}
	return report
}

func (l *linter) add(f Finding, scope topology.Scope) {
	sum := sha256.Sum256([]byte(f.Rule + "\n" + f.Resource + "\n" + f.Detail))
	f.ID, f.Account, f.Region = "l-"+hex.EncodeToString(sum[:6]), scope.Account, scope.Region
	l.out = append(l.out, f)
}

// unread says whether a call was refused in a scope, in which case what it
// would have listed cannot be called missing.
func (l *linter) unread(call string, scope topology.Scope) bool {
	return slices.ContainsFunc(l.r.NotRead, func(n topology.NotRead) bool { return n.Call == call && n.Scope == scope })
}

// use words what flows say of a rule.
func (l *linter) use(ref topology.RuleRef) string {
	if l.o.Evidence == nil {
		return ""
	}
	u, ok := l.o.Evidence.Used[ref]
	if !ok {
		return "no flow of " + l.o.Evidence.Window + " used it"
	}
	return fmt.Sprintf("%d flows of %s used it, the last on %s", u.Flows, l.o.Evidence.Window, u.Last)
}

// Rule describes a kind of finding.
type Rule struct {
	ID   string
	Text string
	// Flows: it needs evidence from flows.
	Flows bool
}

// Rules lists all kinds, sorted.
func Rules() []Rule {
	return []Rule{
		{"endpoint-private-dns", "an interface endpoint's private DNS sends clients to an address that they cannot reach", false},
		{"nacl-deny-hit", "an ACL's deny refuses today's flows", true},
		{"nacl-ephemeral-cut", "an ACL admits requests, and their replies to a part of the ephemeral ports only", false},
		{"nacl-no-return", "an ACL admits requests and none of their replies", false},
		{"nacl-shadowed", "an ACL entry that earlier entries decide whole", false},
		{"route-blackhole", "a route whose target is gone", false},
		{"route-unused", "a route that no flow used", true},
		{"route-wide", "a route to a transit gateway that is far wider than the flows on it", true},
		{"sg-duplicate", "two security groups of a VPC with the same rules", false},
		{"sg-near-quota", "a security group near its quota of rules", false},
		{"sg-open-admin", "a security group that opens an administration port to the world", false},
		{"sg-open-database", "a security group that opens a database port to the world", false},
		{"sg-rule-shadowed", "a rule that another rule of the group contains", false},
		{"sg-stale-reference", "a rule that refers to a group that is gone or out of reach", false},
		{"sg-unattached", "a security group that rules refer to and no interface carries", false},
		{"sg-unused", "a security group that nothing carries or refers to", false},
		{"subnet-public", "a subnet that is private by name and public by route", false},
		{"tgw-asymmetric", "requests and replies take different ways through stateful parts", false},
		{"tgw-blackhole", "a transit gateway route that drops", false},
		{"tgw-no-association", "an attachment that is associated with no route table, or one of another gateway", false},
		{"tgw-no-propagation", "an attached VPC that no table of its gateway leads to", false},
		{"tgw-no-return", "a transit gateway route without its way back", false},
		{"tgw-zone", "a subnet that routes to a transit gateway without an attachment in its zone", false},
	}
}

func needFlows() []string {
	var out []string
	for _, r := range Rules() {
		if r.Flows {
			out = append(out, r.ID)
		}
	}
	return out
}
