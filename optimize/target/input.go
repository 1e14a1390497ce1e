package target

import (
	"fmt"
	"maps"
	"math/big"
	"net/netip"
	"slices"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/optimize"
	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

// The kinds of resource that hold a list of rules.
const (
	KindGroup = "security-group"
	KindACL   = "network-acl"
)

// The families of a target. Both: an ACL's one budget for both families.
const (
	FamilyV4   = "ipv4"
	FamilyV6   = "ipv6"
	FamilyBoth = "both"
)

// The outcomes of a target.
const (
	OutcomeChanged      = "changed"
	OutcomeUnchanged    = "unchanged"
	OutcomeInsufficient = "insufficient-evidence"
	OutcomeCannot       = "cannot-be-met"
	OutcomeNoFlows      = "no-flows"
)

// Policy is what people decided about rules, not what logs say.
type Policy struct {
	// MinCoverage: a resource whose evidence scores below it keeps every rule.
	MinCoverage float64
	// AllowWidening lets a rule open what today's rules close.
	AllowWidening bool
	// ICMP are the ICMP and ICMPv6 types that a flow is taken to need, since
	// flow logs name none. What today's rules do not admit of them is left out.
	ICMP []netset.Columns
	// EphemeralFrom and EphemeralTo are the ports that replies go to.
	EphemeralFrom, EphemeralTo uint16
	// NACLPerFamily: the network ACL quota counts each family by itself.
	NACLPerFamily bool
	// Forbidden are networks and ports that no rule may open anywhere.
	Forbidden *netset.Set
	// Keep: a security group rule that opens nothing outside it stays.
	Keep *netset.Set
	// MaxRules lowers the quota of a resource ("sg-1") or of one target
	// ("sg-1 ingress ipv4").
	MaxRules map[string]int
	// MaxExcess asks, by the same keys, for the fewest rules that open no more
	// than so much (weighted) beyond the approved.
	MaxExcess map[string]*big.Int
	// Weights prices exposure; nil: [DefaultWeights] of the snapshot.
	Weights *optimize.Weights
	// MaxPrefixV4 and MaxPrefixV6 cap how short a new prefix may be; 0: no cap.
	MaxPrefixV4, MaxPrefixV6 int
}

// DefaultPolicy is the policy of an account that says nothing: that of
// analyze.DefaultPolicy, and no widening.
func DefaultPolicy() Policy { return PolicyOf(analyze.DefaultPolicy()) }

// PolicyOf takes over what the policy for evidence has decided already:
// coverage, ICMP types and ephemeral ports.
func PolicyOf(p analyze.Policy) Policy {
	out := Policy{MinCoverage: p.MinCoverage, EphemeralFrom: uint16(p.EphemeralLow), EphemeralTo: uint16(p.EphemeralHigh)}
	for _, t := range p.ICMPTypes {
		out.ICMP = append(out.ICMP, netset.TypeColumns(netset.ICMP, t.Type, t.Code))
	}
	for _, t := range p.ICMPv6Types {
		out.ICMP = append(out.ICMP, netset.TypeColumns(netset.ICMPv6, t.Type, t.Code))
	}
	return out
}

// Input is what Build works on. It is only read.
type Input struct {
	Snapshot *topology.Snapshot
	// Flows are attributed flows, approved and not.
	Flows []analyze.Flow
	// Coverage scores the evidence for a security group or network ACL, 0 to
	// 1, with the reasons why it is less than 1. Nil: everything scores 1.
	Coverage func(resource string) (score float64, reasons []string)
	// Forbidden are refused cells that nobody asked for in review.
	Forbidden []analyze.ForbiddenCell
	// Services tells addresses that live for minutes: where today's rules admit
	// the subnet that they come from, the subnet is needed. Nil: none.
	Services *analyze.Services
	Policy   Policy
	// Scope limits the plan to sg-, acl- and vpc- ids. Empty: everything.
	Scope []string
}

// Target is one list of rules: one direction and family of a security group,
// or one direction of a network ACL.
type Target struct {
	ID        string // "sg-1 ingress ipv4"
	Resource  string
	Kind      string
	Account   string
	Region    string
	Direction topology.Direction
	Family    string
	// Quota is the most rules the list may hold, as AWS counts them.
	Quota int
	// Before is what today's list counts.
	Before int
	// Problems are what to solve: one, or IPv4 and IPv6 that share the quota.
	// A target without problems keeps its list if Kept, else only its pinned rules.
	Problems []*optimize.Problem
	// Kept: the list stands as it is, for Reason.
	Kept bool
	// Outcome is set where it is known before anything is solved.
	Outcome string
	Reason  string
	// Pinned says for each rule that stays for lack of evidence why, by the
	// rule's key (topology.SecurityGroupRule.Key; "egress 100" for an entry).
	Pinned map[string]string
	// Demands are approved cells that today's rules close: rules for them widen.
	Demands *netset.Set
	// Open is what the list opens today.
	Open *netset.Set
	// Coverage scores the evidence.
	Coverage        float64
	CoverageReasons []string
	// Flows are the approved flows that the list carries, by id.
	Flows []string
	// Cells are the approved cells, sorted, as the list must carry them.
	Cells []optimize.Cell
	// References are today's rules that name a group or prefix list, with what
	// they open in the family.
	References []optimize.Reference
	// Weight prices exposure.
	Weight *optimize.Weights

	pins     []optimize.Rule // pinned rules, where there is nothing to solve
	pinsOpen *netset.Set
	input    *Input // that it was built from
}

func (in *Input) coverage(resource string) (float64, []string) {
	if in.Coverage == nil {
		return 1, nil
	}
	return in.Coverage(resource)
}

// validate checks what people wrote.
func (in *Input) validate() error {
	if in.Snapshot == nil {
		return fmt.Errorf("target: no snapshot given")
	}
	p := &in.Policy
	if p.MinCoverage < 0 || p.MinCoverage > 1 {
		return fmt.Errorf("policy.min-coverage: %v: want a number from 0 to 1", p.MinCoverage)
	}
	if p.EphemeralFrom > p.EphemeralTo {
		return fmt.Errorf("policy.ephemeral: %d-%d: the first port is above the last", p.EphemeralFrom, p.EphemeralTo)
	}
	if p.EphemeralTo == 0 {
		p.EphemeralFrom, p.EphemeralTo = 1024, 65535
	}
	for _, c := range p.ICMP {
		if !c.Protocol().HasTypes() {
			return fmt.Errorf("policy.icmp: %s: want ICMP or ICMPv6 types", c)
		}
	}
	keys := make([]string, 0, len(p.MaxRules))
	for k := range p.MaxRules {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		if p.MaxRules[k] < 1 {
			return fmt.Errorf("max-rules %s=%d: want at least 1", k, p.MaxRules[k])
		}
	}
	for _, k := range slices.Sorted(maps.Keys(p.MaxExcess)) {
		if p.MaxExcess[k] == nil || p.MaxExcess[k].Sign() < 0 {
			return fmt.Errorf("max-excess %s=%s: want 0 or more", k, p.MaxExcess[k])
		}
	}
	return nil
}

// scope is the set of resources to plan for; nil means all.
type scope map[string]bool

func (sc scope) has(id string, vpcs ...string) bool {
	if sc == nil || sc[id] {
		return true
	}
	return slices.ContainsFunc(vpcs, func(v string) bool { return sc[v] })
}

func (in *Input) scope() (scope, error) {
	if len(in.Scope) == 0 {
		return nil, nil
	}
	sc := scope{}
	for _, id := range in.Scope {
		_, sg := in.Snapshot.SecurityGroup(id)
		_, acl := in.Snapshot.NetworkACL(id)
		_, vpc := in.Snapshot.VPC(id)
		if !sg && !acl && !vpc {
			return nil, fmt.Errorf("scope %q: the snapshot has no security group, network ACL or VPC of that id; "+
				"give an sg-, acl- or vpc- id that `flowcover snapshot` has read", id)
		}
		sc[id] = true
	}
	return sc, nil
}

// host is the prefix of one address.
func host(a netip.Addr) netip.Prefix {
	a = a.Unmap()
	return netip.PrefixFrom(a, a.BitLen())
}

func isV6(a netip.Addr) bool { return a.Unmap().Is6() }

func familyName(v6 bool) string {
	if v6 {
		return FamilyV6
	}
	return FamilyV4
}

// sortCells orders cells and drops exact repeats.
func sortCells(cells []optimize.Cell) []optimize.Cell {
	slices.SortFunc(cells, compareCells)
	return slices.CompactFunc(cells, func(a, b optimize.Cell) bool { return compareCells(a, b) == 0 })
}

func compareCells(a, b optimize.Cell) int {
	if c := a.Compare(b.Block); c != 0 {
		return c
	}
	switch {
	case a.Flow < b.Flow:
		return -1
	case a.Flow > b.Flow:
		return 1
	}
	return 0
}

func flowIDs(cells []optimize.Cell) []string {
	ids := make([]string, 0, len(cells))
	for _, c := range cells {
		if c.Flow != "" {
			ids = append(ids, c.Flow)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// demandsOf gives what cells ask for that is not open.
func demandsOf(cells []optimize.Cell, open *netset.Set) *netset.Set {
	var bs []netset.Block
	for _, c := range cells {
		if !open.ContainsBlock(c.Block) {
			bs = append(bs, c.Block)
		}
	}
	return netset.Of(bs...).Subtract(open)
}
