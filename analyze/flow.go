package analyze

import (
	"net/netip"
	"time"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

// Side says who opened a connection, seen from the flow's ENI.
type Side string

// The sides. Unsettled: nothing tells yet.
const (
	In        Side = "in"
	Out       Side = "out"
	Unsettled Side = "unsettled"
)

// Action is the flow log's action.
type Action string

// The actions of AWS's flow logs. None: the source knows no action (TGW logs, captures).
const (
	Accept Action = "ACCEPT"
	Reject Action = "REJECT"
	None   Action = ""
)

// Method is how a flow's side was settled, strongest first.
type Method string

// The methods of the cascade, in order.
const (
	MethodSYN      Method = "syn"        // SYN or SYN+ACK bits of the five-tuple that day
	MethodOtherDay Method = "other-day"  // settled so on another day of the window
	MethodCapture  Method = "capture"    // a host capture saw the socket listen or connect
	MethodNAT      Method = "nat"        // it passed a NAT gateway, which carries only what its inside opened
	MethodListener Method = "listener"   // a socket that answered SYN, a rule, LB listener, endpoint or DB listens there
	MethodFanIn    Method = "fan-in"     // one (address, port) met by many peer ports
	MethodOneWay   Method = "one-way"    // packets went one way only: their sender opened it
	MethodPorts    Method = "port-class" // IANA service port against the ephemeral range
	MethodFewPorts Method = "few-ports"  // met by more peer ports than the other end, though not by many
	MethodLower    Method = "lower-port"
	MethodRules    Method = "rules" // nothing in the log tells; today's rules admit it this way
	MethodNone     Method = ""      // nothing to tell by
)

// Strong says whether the method is evidence rather than a guess.
func (m Method) Strong() bool {
	switch m {
	case MethodSYN, MethodOtherDay, MethodCapture:
		return true
	}
	return false
}

// Values of Port and Protocol that no log record carries.
const (
	NoPort                          = -1
	UnknownProtocol netset.Protocol = -2
)

// Flow is one observation. Counts cover both directions unless said otherwise.
type Flow struct {
	// ID names the flow for good: "f-" and 16 hex digits over its key
	// (account, region, ENI, side, protocol, local, peer, port, action).
	ID       string
	Account  string
	Region   string
	ENI      string // empty where the log names none (regional NAT gateway)
	Side     Side
	Protocol netset.Protocol // UnknownProtocol where the log has no such field
	Local    netip.Addr
	Peer     netip.Addr
	// Port is the port that is connected to: the ENI's for In, the peer's for
	// Out. NoPort for protocols without ports and for logs without the field.
	Port int
	// OpenerPortLow and High bound the opener's ports seen; NoPort if unknown.
	OpenerPortLow  int
	OpenerPortHigh int
	Action         Action

	Records     int64
	Packets     int64
	Bytes       int64
	PacketsIn   int64 // towards the ENI
	PacketsOut  int64
	First, Last time.Time
	Days        []int32 // days of the window's zone with at least one record, counted from 1970-01-01, ascending
	Hours       uint32  // bit h: seen in UTC hour h

	Method   Method
	Answered bool // SYN+ACK seen, or packets both ways; bytes both ways where the log has no flags
	// SeenInMiddle: neither end logged it, only ENIs between them.
	SeenInMiddle bool
	// MiddleRecords are the records of ENIs between the ends that were folded
	// into this flow. Records, Packets and Bytes do not hold them, unless
	// SeenInMiddle: then they are those of the one middle ENI that saw most.
	MiddleRecords int64
	// SeenByCapture: a host capture saw it; SeenByLog: a flow log did.
	SeenByCapture bool
	SeenByLog     bool

	Attribution
}

// Attribution is what a snapshot and a policy add to a flow.
type Attribution struct {
	VPC    string
	Subnet string
	// Group is the one security group that carries the flow. Empty: unattributed.
	Group string
	// AdmittedBy are the rules of Group (SG) that admit the flow today.
	AdmittedBy []topology.RuleRef
	// Holds: the flow makes no cell of its own, yet the rules in AdmittedBy must
	// stand because of it, for what it needs cannot be written as one: its ENI
	// or its peer is gone, or who opened it is a mere guess. Reasons says which.
	Holds bool
	// Approved as design says; else Reasons says why not.
	Approved bool
	Reasons  []string
	Class    Class
	// Rank is 1 for the flow to read first.
	Rank int
	Why  []string // the rank's reasons in words
}

// Class says how a flow recurs.
type Class string

// The classes.
const (
	Steady     Class = "steady"
	Periodic   Class = "periodic"
	Occasional Class = "occasional"
	Single     Class = "single"
	Stale      Class = "stale"
)

// ENIHours is what the logs say of one ENI's days: one bit an hour, UTC.
type ENIHours struct {
	Account, Region, ENI string
	Day                  int32 // since 1970-01-01
	OK, NoData, SkipData uint32
	VPC, Subnet          string
	Instance             string
	InterfaceType        string
	ECSService           string
}

// Finding is something a person should know: never a reason to fail by itself.
type Finding struct {
	Kind     string `json:"kind"`     // such as unreadable-object, outside-account, skipdata
	Severity string `json:"severity"` // info | low | medium | high
	Resource string `json:"resource,omitempty"`
	Message  string `json:"message"`
}

// Window is the time a reading covers: since inclusive, until exclusive.
type Window struct {
	Since, Until time.Time
	Location     *time.Location // decides days, weeks and month ends
}
