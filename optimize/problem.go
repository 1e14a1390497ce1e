package optimize

import (
	"math/big"
	"net/netip"

	"github.com/flowcover/flowcover/topology/netset"
)

// Cell is approved traffic: every address of the prefix on every column.
type Cell struct {
	netset.Block
	Flow string // the id of a flow that needs it; may be empty
}

// Rule is a rule of the answer, or one that stands today.
type Rule struct {
	netset.Block // zero where Ref is set
	// Ref is a referenced SG ([account/]sg-) or prefix list (pl-) with the
	// columns in Block.Columns; empty for a CIDR rule.
	Ref string
	// Price is what the rule counts in the quota: 1, or a prefix list's MaxEntries.
	Price int
	// Deny closes instead: an entry of a network ACL.
	Deny bool
}

// Reference is a candidate rule that opens what its members are.
type Reference struct {
	Rule
	Opens *netset.Set
}

// Problem is one list of rules to find. Prefixes must be of one family.
type Problem struct {
	ID string // such as "sg-1 ingress ipv4"
	V6 bool
	K  int // the most the rules may cost; at least 1

	Approved []Cell
	// Open bounds what may be opened (today's rules, where nothing may widen);
	// nil bounds nothing. It must hold every approved cell.
	Open *netset.Set
	// Forbidden may not be touched in any case. Nil: nothing is.
	Forbidden *netset.Set
	// Pinned rules stand as they are: their cells are open, their price is
	// taken from K. PinnedOpen is what they open, references resolved.
	Pinned     []Rule
	PinnedOpen *netset.Set
	// Current rules are candidates like any other; among equals they win.
	Current    []Rule
	References []Reference
	// Weight gives the price of exposure; nil weighs every cell 1.
	Weight *Weights
	// Denies allows entries that close what later ones open, as in a network
	// ACL. The rules of the answer are then an ordered list, of which the first
	// that matches decides. Pinned rules and references do not go with it.
	Denies bool
	// MaxPrefix caps how short a prefix may be: no rule wider than /N; 0: no cap.
	MaxPrefix int
}

// Weights weighs a cell by zone of its address and by its column, as integers.
type Weights struct {
	// Zones: the longest prefix that holds an address gives its weight; addresses
	// in none weigh DefaultZone. No rule spans two zones.
	Zones       []Zone
	DefaultZone int64
	// Ports: columns weighing more than 1 (admin and database ports).
	Ports []PortWeight
}

// Zone is a network with the weight of each of its addresses.
type Zone struct {
	Name   string
	Prefix netip.Prefix
	Weight int64
}

// PortWeight gives each column of an interval a weight.
type PortWeight struct {
	Columns netset.Columns
	Weight  int64
}

// Exposure is how much a set of rules opens beyond the approved.
type Exposure struct {
	Weighted     *big.Int // by the problem's weights
	AddressPorts *big.Int // cells, unweighted
	Log2Ratio    float64  // log2(opened / approved)
}

// Point is one point of the frontier: the least excess at a price.
type Point struct {
	Price  int
	Excess *big.Int // weighted
}

// ChosenRule is a rule of the answer with the flows that need it.
type ChosenRule struct {
	Rule
	Flows  []string // sorted ids of the flows it carries
	Pinned bool
}

// Solution is the answer to a Problem.
type Solution struct {
	// Rules are sorted: references first, then by prefix and columns. With
	// Denies they are in the order of the list: the longest prefix first.
	Rules    []ChosenRule
	Price    int // pinned rules included
	Exposure Exposure
	Frontier []Point // ascending price, strictly descending excess
	// Bound is a valid lower bound of the weighted excess at Price; nil: none known.
	Bound     *big.Int
	BoundKind string // one of the Bound constants; empty: none
	Proven    bool
	// Areas is the sum of the rules' weights less that of the approved cells:
	// what overlaps counts twice. AreaBound is what it is at least for any rules
	// of the problem within K. It is no bound on the excess, but where rules do
	// not overlap the two are the same. Nil where the excess is proven, and where
	// no bound was computed.
	Areas, AreaBound *big.Int
	// PriceBound: no rules of this excess cost less; 0: none known.
	PriceBound int
	// Kept: today's rules stand, since the gain would be less than asked for.
	Kept bool
	// CutShort: the context ended before the work was done.
	CutShort bool
	// Witness explains why no rules exist within K (Rules is then nil).
	Witness *Witness
}

// Witness is why a problem has no answer: an approved cell whose every cover
// touches a forbidden one, or the least price that would do.
type Witness struct {
	Approved   *Cell
	Forbidden  *netset.Block
	LeastPrice int // 0: no cover at any price
	Message    string
}

// Kinds of bound.
const (
	BoundOptimal = "optimal" // the excess itself: nothing less is possible
	// BoundList: nothing less is possible with a list of allow and deny entries
	// that puts the longer of two nested prefixes first.
	BoundList     = "optimal-longest-prefix-first"
	BoundLagrange = "lagrange" // Lagrangian of the number of rules, on the union
)
