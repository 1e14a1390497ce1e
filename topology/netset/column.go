package netset

import (
	"fmt"
	"strconv"
)

// Protocol is an IANA protocol number, or AllProtocols.
type Protocol int16

// The protocols that have names in AWS's API, and AWS's -1.
const (
	AllProtocols Protocol = -1
	ICMP         Protocol = 1
	TCP          Protocol = 6
	UDP          Protocol = 17
	ICMPv6       Protocol = 58
)

// String gives AWS's short name (tcp, udp, icmp, icmpv6, all) or the number.
func (p Protocol) String() string {
	switch p {
	case AllProtocols:
		return "all"
	case ICMP:
		return "icmp"
	case TCP:
		return "tcp"
	case UDP:
		return "udp"
	case ICMPv6:
		return "icmpv6"
	}
	return strconv.Itoa(int(p))
}

// ParseProtocol reads a name or number as AWS, the CLI and flow logs write it:
// tcp, udp, icmp, icmpv6, a number from 0 to 255, and -1, all or any for all.
func ParseProtocol(s string) (Protocol, error) {
	switch s {
	case "-1", "all", "any":
		return AllProtocols, nil
	case "tcp":
		return TCP, nil
	case "udp":
		return UDP, nil
	case "icmp":
		return ICMP, nil
	case "icmpv6":
		return ICMPv6, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > 255 {
		return 0, fmt.Errorf("protocol %q: want tcp, udp, icmp, icmpv6, a number from 0 to 255, or -1 for all", s)
	}
	return Protocol(n), nil
}

// HasPorts says whether the protocol's columns are ports.
func (p Protocol) HasPorts() bool { return p == TCP || p == UDP }

// HasTypes says whether the protocol's columns are ICMP types and codes.
func (p Protocol) HasTypes() bool { return p == ICMP || p == ICMPv6 }

// Column is a position on the column axis, 0 to NumColumns-1.
type Column uint32

const (
	portSpace = 1 << 16

	tcpFirst    Column = 0 * portSpace
	udpFirst    Column = 1 * portSpace
	icmpFirst   Column = 2 * portSpace
	icmpv6First Column = 3 * portSpace
	otherFirst  Column = 4 * portSpace

	// NumColumns is the length of the axis.
	NumColumns Column = otherFirst + 256
)

// ColumnOf gives the column of one port (TCP, UDP), of type*256+code (ICMP,
// ICMPv6), or of a protocol without either, for which port is ignored.
// p must not be AllProtocols.
func ColumnOf(p Protocol, port uint16) Column {
	switch p {
	case TCP:
		return tcpFirst + Column(port)
	case UDP:
		return udpFirst + Column(port)
	case ICMP:
		return icmpFirst + Column(port)
	case ICMPv6:
		return icmpv6First + Column(port)
	}
	return otherFirst + Column(uint8(p))
}

// Protocol gives the protocol that owns the column.
func (c Column) Protocol() Protocol {
	switch {
	case c < udpFirst:
		return TCP
	case c < icmpFirst:
		return UDP
	case c < icmpv6First:
		return ICMP
	case c < otherFirst:
		return ICMPv6
	}
	return Protocol(c - otherFirst)
}

// Port gives the port, or type*256+code, or 0 for a protocol without either.
func (c Column) Port() uint16 {
	if c >= otherFirst {
		return 0
	}
	return uint16(c % portSpace)
}

// Columns is an inclusive interval of columns. Its zero value is TCP port 0.
type Columns struct{ First, Last Column }

// AllColumns is the whole axis: what AWS's protocol -1 stands for.
func AllColumns() Columns { return Columns{0, NumColumns - 1} }

// ProtocolColumns gives every column of p, the whole axis for AllProtocols.
func ProtocolColumns(p Protocol) Columns {
	if p == AllProtocols {
		return AllColumns()
	}
	if p.HasPorts() || p.HasTypes() {
		return Columns{ColumnOf(p, 0), ColumnOf(p, 65535)}
	}
	return Columns{ColumnOf(p, 0), ColumnOf(p, 0)}
}

// PortColumns gives the columns of ports from to to, both included, of TCP or
// UDP. For ICMP and ICMPv6 the numbers are type*256+code.
func PortColumns(p Protocol, from, to uint16) Columns {
	return Columns{ColumnOf(p, from), ColumnOf(p, to)}
}

// TypeColumns gives the columns of an ICMP or ICMPv6 type and code as AWS
// writes them: -1 stands for all types, or all codes of a type.
func TypeColumns(p Protocol, icmpType, code int) Columns {
	switch {
	case icmpType < 0:
		return ProtocolColumns(p)
	case code < 0:
		return PortColumns(p, uint16(icmpType)<<8, uint16(icmpType)<<8|255)
	}
	n := uint16(icmpType)<<8 | uint16(uint8(code))
	return PortColumns(p, n, n)
}

// RuleColumns gives the columns that a rule with AWS's FromPort and ToPort
// matches. For protocols without ports both are ignored, as AWS does; for TCP
// and UDP -1 means all ports; for ICMP they are type and code.
func RuleColumns(p Protocol, from, to int) Columns {
	switch {
	case p.HasTypes():
		return TypeColumns(p, from, to)
	case p.HasPorts() && from >= 0:
		return PortColumns(p, uint16(from), uint16(to))
	}
	return ProtocolColumns(p)
}

// Protocol gives the one protocol that the interval lies in, or AllProtocols
// where it spans several.
func (c Columns) Protocol() Protocol {
	if p := c.First.Protocol(); p == c.Last.Protocol() {
		return p
	}
	return AllProtocols
}

// FromTo gives AWS's FromPort and ToPort (type and code for ICMP, -1 and -1
// where all are meant or the protocol has neither).
func (c Columns) FromTo() (from, to int) {
	p := c.Protocol()
	switch {
	case p.HasTypes():
		if c == ProtocolColumns(p) {
			return -1, -1
		}
		typ := int(c.First.Port() >> 8)
		if c.First == c.Last {
			return typ, int(c.First.Port() & 255)
		}
		return typ, -1
	case p.HasPorts():
		return int(c.First.Port()), int(c.Last.Port())
	}
	return -1, -1
}

// Len is the number of columns in the interval.
func (c Columns) Len() int { return int(c.Last) - int(c.First) + 1 }

// Contains says whether o lies in c.
func (c Columns) Contains(o Columns) bool { return c.First <= o.First && o.Last <= c.Last }

// Overlaps says whether the two share a column.
func (c Columns) Overlaps(o Columns) bool { return c.First <= o.Last && o.First <= c.Last }

// Compare orders by First, then Last.
func (c Columns) Compare(o Columns) int {
	switch {
	case c.First != o.First:
		return int(c.First) - int(o.First)
	default:
		return int(c.Last) - int(o.Last)
	}
}

// String writes "all", "tcp/443", "tcp/1-10", "tcp", "icmp/8", "icmp/3:4", "50".
func (c Columns) String() string {
	p := c.Protocol()
	if p == AllProtocols || c == ProtocolColumns(p) {
		return p.String()
	}
	from, to := c.FromTo()
	switch {
	case p.HasTypes() && to < 0:
		return fmt.Sprintf("%s/%d", p, from)
	case p.HasTypes():
		return fmt.Sprintf("%s/%d:%d", p, from, to)
	case from == to:
		return fmt.Sprintf("%s/%d", p, from)
	}
	return fmt.Sprintf("%s/%d-%d", p, from, to)
}
