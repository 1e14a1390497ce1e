package changeset

import (
	"github.com/flowcover/flowcover/topology"
)

// Format is the value of the document's format field.
const Format = "flowcover.changeset/1"

// Changeset is the document. JSON field names are its public shape.
type Changeset struct {
	Format  string `json:"format"`
	Author  string `json:"author"`
	Created string `json:"created"` // RFC 3339, UTC
	Tool    string `json:"tool"`    // version that planned it

	// Snapshot is the digest of the canonical part of the snapshot planned on.
	Snapshot string `json:"snapshot"`
	// Fingerprints of every resource touched by a change or relied on by it.
	Fingerprints map[string]string `json:"fingerprints"`
	Observations string            `json:"observations"` // digest
	Window       Window            `json:"window"`
	Parameters   map[string]string `json:"parameters"` // what the plan was asked, sorted by key when written

	Targets  []Target  `json:"targets"`
	Changes  []Change  `json:"changes"` // in apply order
	Promises []Promise `json:"promises"`
	// NotApproved lists every flow that no rule was made for, with the reason.
	NotApproved []FlowNote `json:"not_approved"`
	// NotFollowed lists approved flows that Trace cannot follow today.
	NotFollowed []FlowNote `json:"not_followed"`
	Findings    []Finding  `json:"findings"`
}

// Window is the time the evidence covers; since inclusive, until exclusive.
type Window struct {
	Since    string `json:"since"`
	Until    string `json:"until"`
	Timezone string `json:"timezone"`
}

// Target is one list of rules that was solved.
type Target struct {
	ID           string             `json:"id"` // resource, direction, family: "sg-1 ingress ipv4"
	Resource     string             `json:"resource"`
	Kind         string             `json:"kind"` // security-group | network-acl
	Direction    topology.Direction `json:"direction"`
	Family       string             `json:"family"` // ipv4 | ipv6 | both (NACL, combined quota)
	Quota        int                `json:"quota"`
	RulesBefore  int                `json:"rules_before"` // as the quota counts them
	RulesAfter   int                `json:"rules_after"`
	ExcessBefore string             `json:"excess_before"` // weighted, decimal
	ExcessAfter  string             `json:"excess_after"`
	Frontier     []Point            `json:"frontier"`
	HeldOut      HeldOut            `json:"held_out"`
	Bound        string             `json:"bound,omitempty"`
	BoundKind    string             `json:"bound_kind,omitempty"`
	Proven       bool               `json:"proven"`
	// CutShort: the guard on time ended the work on the list.
	CutShort bool `json:"cut_short,omitempty"`
	// Outcome is changed | unchanged | insufficient-evidence | cannot-be-met | no-flows.
	Outcome string    `json:"outcome"`
	Reason  string    `json:"reason,omitempty"`
	Rules   []RuleDoc `json:"rules"` // the whole list as it would stand
}

// Point is a point of the frontier; Excess is decimal.
type Point struct {
	Rules  int    `json:"rules"`
	Excess string `json:"excess"`
	// Carried is what a list of so many rules, made from the part of the window
	// before the held-out one, would have carried of that. Nil: not known.
	Carried *Carried `json:"carried"`
}

// HeldOut is the last part of the window, which lists made without it are held
// against.
type HeldOut struct {
	Since string `json:"since,omitempty"` // its first day, in the window's time zone
	// Flows are the approved flows of that part which need the list; NewFlows
	// those of them that the part before had not seen. Records of a flow are
	// spread evenly over its days.
	Flows    int   `json:"flows"`
	NewFlows int   `json:"new_flows"`
	Records  int64 `json:"records"`
	// Reason says why no point has a share.
	Reason string `json:"reason,omitempty"`
}

// Carried are shares of what was held out, 0 to 1, rounded down to four digits.
type Carried struct {
	Flows    float64  `json:"flows"`
	NewFlows *float64 `json:"new_flows"` // nil: there were none
	Records  float64  `json:"records"`
}

// RuleDoc is a rule, entry or reference as a person reads it.
type RuleDoc struct {
	ID          string             `json:"id,omitempty"`     // sgr-
	Number      int                `json:"number,omitempty"` // NACL
	Direction   topology.Direction `json:"direction"`
	Allow       bool               `json:"allow"`
	Protocol    string             `json:"protocol"` // tcp, udp, icmp, icmpv6, all, or a number
	FromPort    int                `json:"from_port"`
	ToPort      int                `json:"to_port"`
	CIDR        string             `json:"cidr,omitempty"`
	PrefixList  string             `json:"prefix_list,omitempty"`
	Group       string             `json:"group,omitempty"`
	GroupOwner  string             `json:"group_owner,omitempty"`
	Description string             `json:"description,omitempty"`
	Flows       []string           `json:"flows,omitempty"` // ids of the flows it carries
}

// Change is one step: one rule or entry added, removed or replaced.
type Change struct {
	ID      string `json:"id"`     // c- and 12 hex digits over kind, target and rule: the same in every plan
	Kind    string `json:"kind"`   // sg-rule-add | sg-rule-remove | nacl-entry-add | nacl-entry-remove | nacl-entry-replace
	Target  string `json:"target"` // resource id
	Account string `json:"account"`
	Region  string `json:"region"`
	// Decision is propose; a review says approve or reject.
	Decision string   `json:"decision"`
	Before   *RuleDoc `json:"before"` // nil: none
	After    *RuleDoc `json:"after"`
	Reason   string   `json:"reason"`
	Widens   bool     `json:"widens,omitempty"`
	Evidence Evidence `json:"evidence"`
	Risk     string   `json:"risk"` // low | medium | high
	// Requires are the ids of the changes that must be applied before this one:
	// a removal requires the additions that take over its flows.
	Requires []string `json:"requires,omitempty"`
}

// Evidence is what the logs say about the rule.
type Evidence struct {
	Flows    int      `json:"flows"` // distinct flows it carries (add) or admitted (remove)
	Records  int64    `json:"records"`
	LastSeen string   `json:"last_seen,omitempty"`
	Coverage float64  `json:"coverage"`           // 0..1, of the window for this target
	Examples []string `json:"examples,omitempty"` // up to five flows in words
}

// Promise is one of the five of a plan, checked by code that is not the optimizer's.
type Promise struct {
	ID              string   `json:"id"` // admits-approved | no-widening | no-forbidden | quotas-at-every-step | least-exposure
	Text            string   `json:"text"`
	Holds           bool     `json:"holds"`
	Checked         int      `json:"checked"` // how many cases were checked
	Counterexamples []string `json:"counterexamples"`
}

// FlowNote is a flow with the reason why it stands where it does.
type FlowNote struct {
	Flow   string `json:"flow"`
	Text   string `json:"text"` // "10.0.0.5 -> 10.1.0.7 tcp/443"
	Reason string `json:"reason"`
}

// Finding is something a person should know.
type Finding struct {
	Kind     string `json:"kind"`
	Severity string `json:"severity"`
	Resource string `json:"resource,omitempty"`
	Message  string `json:"message"`
}
