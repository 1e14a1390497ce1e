package topology

// RuleRef names one rule, entry or route.
type RuleRef struct {
	// Kind is sg-rule, nacl-entry, route or tgw-route.
	Kind string `json:"kind"`
	// Resource is the group, ACL or table.
	Resource string `json:"resource"`
	// Rule is the rule's Key, the entry's "egress 100", the route's destination.
	Rule string `json:"rule"`
	// ID is the sgr- id where one is known.
	ID string `json:"id,omitempty"`
}

// String writes "sg-1 ingress tcp/443 10.0.0.0/8".
func (r RuleRef) String() string { return r.Resource + " " + r.Rule }

// The kinds of a RuleRef.
const (
	KindSGRule       = "sg-rule"
	KindACLEntry     = "nacl-entry"
	KindRoute        = "route"
	KindTransitRoute = "tgw-route"
)

// The kinds of a Gateway.
const (
	KindInternet   = "internet"
	KindEgressOnly = "egress-only-internet"
	KindVPN        = "vpn"
	KindNAT        = "nat"
)

// The states of a route.
const (
	StateActive    = "active"
	StateBlackhole = "blackhole"
)
