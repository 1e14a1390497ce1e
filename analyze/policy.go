package analyze

import (
	"net/netip"

	"github.com/flowcover/flowcover/topology/netset"
)

// Policy is what an account's people decided about evidence. The zero value
// approves nothing sensible: start from [DefaultPolicy].
type Policy struct {
	// MinCoverage is the least coverage score at which a rule that nothing used
	// may go.
	MinCoverage float64
	// MinDays is the least number of days a flow must have been seen on to be
	// approved; 0 and 1 ask nothing.
	MinDays int
	// Exclude are the policy lines: a flow that one of them matches is not approved.
	Exclude []Exclusion
	// Approve are ids of flows that a person approved by name.
	Approve []string
	// Zones are named networks, for exclusions and for the words of a rank.
	Zones []Zone
	// ICMP types that a flow of ICMP stands for, since logs carry no type.
	ICMPTypes, ICMPv6Types []ICMPType
	// EphemeralLow and EphemeralHigh bound the ports that openers use.
	EphemeralLow, EphemeralHigh int
	// AdminPorts and DatabasePorts raise a flow's risk.
	AdminPorts, DatabasePorts []netset.Columns
}

// Exclusion is one policy line. It matches a flow that meets every condition
// that is set; a line without conditions matches nothing.
type Exclusion struct {
	Name    string
	Zone    string // the peer lies in this zone
	Columns []netset.Columns
	Classes []Class
	Side    Side // empty: either
	MinDays int  // seen on fewer days than this
}

// Zone is a named set of networks. The name "internet" needs no networks: it
// is every address that is neither private nor in a VPC of the snapshot.
type Zone struct {
	Name     string
	Prefixes []netip.Prefix
}

// ZoneInternet names the zone of all addresses outside.
const ZoneInternet = "internet"

// ICMPType is an ICMP type and code; code -1 is every code.
type ICMPType struct{ Type, Code int }

// DefaultPolicy is the policy without a configuration file.
func DefaultPolicy() Policy {
	tcp := func(ports ...uint16) (out []netset.Columns) {
		for _, p := range ports {
			out = append(out, netset.PortColumns(netset.TCP, p, p))
		}
		return out
	}
	return Policy{
		MinCoverage:   0.9,
		ICMPTypes:     []ICMPType{{8, -1}, {3, 4}},   // echo request, fragmentation needed
		ICMPv6Types:   []ICMPType{{128, -1}, {2, 0}}, // echo request, packet too big
		EphemeralLow:  1024,
		EphemeralHigh: 65535,
		AdminPorts:    tcp(22, 23, 135, 445, 3389, 5900, 5985, 5986),
		DatabasePorts: tcp(1433, 1521, 3306, 5432, 5439, 6379, 9042, 9200, 11211, 27017, 50000),
	}
}
