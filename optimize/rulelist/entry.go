package rulelist

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/flowcover/flowcover/topology/netset"
)

// Entry is one rule of a list.
type Entry struct {
	netset.Block
	// Weight is how much the entry is used, such as a number of records. Every
	// entry is covered, so it decides nothing; rules carry the sum.
	Weight int64
}

// Reference is a rule that names a security group or a prefix list. It cannot be
// joined with others, so it stands as it is.
type Reference struct {
	Columns netset.Columns
	Target  string // sg- or pl-
}

// List is a list of rules as read.
type List struct {
	// Form says in words what was read: "prefixes", "CSV", "sg-1 ingress".
	Form    string
	Entries []Entry
	// Plain: entries are addresses on every port; Columns is then everyPort.
	Plain      bool
	References []Reference
	// Notes say what a reader of the list did that a person should know.
	Notes []string
}

// everyPort stands for all columns of a plain list, whose addresses count once.
var everyPort = netset.Columns{}

// columnsOf reads a protocol and its ports. Blank, "all", "any", "*" and "-1"
// ports mean all of them.
func columnsOf(protocol, ports string) (netset.Columns, error) {
	p, err := netset.ParseProtocol(strings.ToLower(strings.TrimSpace(protocol)))
	if err != nil {
		return netset.Columns{}, err
	}
	ports = strings.ToLower(strings.TrimSpace(ports))
	switch ports {
	case "", "all", "any", "*", "-1", "null", "-":
		return netset.ProtocolColumns(p), nil
	}
	switch {
	case p.HasPorts():
		from, to, err := netset.ParsePorts(strings.ReplaceAll(ports, " ", ""))
		if err != nil {
			return netset.Columns{}, fmt.Errorf("ports %w", err)
		}
		return netset.PortColumns(p, from, to), nil
	case p.HasTypes():
		typ, code, err := netset.ParseType(ports)
		if err != nil {
			return netset.Columns{}, fmt.Errorf("ports %w", err)
		}
		return netset.TypeColumns(p, typ, code), nil
	case ports == "0-65535":
		return netset.ProtocolColumns(p), nil
	}
	return netset.Columns{}, fmt.Errorf("ports %q: protocol %s has none; leave them empty", ports, p)
}

// prefixOf reads a prefix or an address. wider: it had host bits, which count
// for nothing.
func prefixOf(s string) (p netip.Prefix, wider bool, err error) {
	s = strings.TrimSpace(s)
	if !strings.Contains(s, "/") {
		a, err := netip.ParseAddr(s)
		if err != nil || a.Zone() != "" {
			return netip.Prefix{}, false, fmt.Errorf("%q: want an address or a prefix, such as 10.0.0.0/8 or 2001:db8::/32", s)
		}
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), false, nil
	}
	p, err = netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, false, fmt.Errorf("%q: want an address or a prefix, such as 10.0.0.0/8 or 2001:db8::/32", s)
	}
	return netset.CanonicalPrefix(p), p.Masked() != p, nil
}

// add puts an entry into the list, from the texts of its fields.
func (l *List) add(protocol, ports, cidr, weight string) error {
	cols, err := columnsOf(protocol, ports)
	if err != nil {
		return err
	}
	p, wider, err := prefixOf(cidr)
	if err != nil {
		return fmt.Errorf("cidr %w", err)
	}
	l.noteWider(wider, cidr, p)
	e := Entry{Block: netset.Block{Prefix: p, Columns: cols}, Weight: 1}
	if weight = strings.TrimSpace(weight); weight != "" {
		if e.Weight, err = strconv.ParseInt(weight, 10, 64); err != nil || e.Weight < 0 {
			return fmt.Errorf("weight %q: want a whole number of 0 or more", weight)
		}
	}
	l.Entries = append(l.Entries, e)
	return nil
}

// noteWider says once a list that host bits were cleared, as AWS does.
func (l *List) noteWider(wider bool, text string, p netip.Prefix) {
	if wider && len(l.Notes) == 0 {
		l.Notes = append(l.Notes, fmt.Sprintf("%s is read as %s, and others with host bits likewise, as AWS does", strings.TrimSpace(text), p))
	}
}

// ProtocolText gives a rule's protocol as AWS writes it: -1 for all traffic.
func ProtocolText(c netset.Columns) string {
	if p := c.Protocol(); p != netset.AllProtocols {
		return p.String()
	}
	return "-1"
}

// PortsText gives the ports of a rule as columnsOf reads them: "443", "1-10",
// "8" or "3:4" for ICMP; "" for all.
func PortsText(c netset.Columns) string {
	p := c.Protocol()
	if p == netset.AllProtocols || c == netset.ProtocolColumns(p) {
		return ""
	}
	_, ports, _ := strings.Cut(c.String(), "/")
	return ports
}
