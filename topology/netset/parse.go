package netset

import (
	"fmt"
	"strconv"
	"strings"
)

// ParseColumns reads what Columns.String writes: all, tcp, tcp/443, udp/1-10,
// icmp/8, icmp/3:4, 50.
func ParseColumns(s string) (Columns, error) {
	name, rest, has := strings.Cut(s, "/")
	p, err := ParseProtocol(name)
	if err != nil {
		return Columns{}, err
	}
	switch {
	case !has:
		return ProtocolColumns(p), nil
	case p.HasTypes():
		typ, code, err := ParseType(rest)
		return TypeColumns(p, typ, code), err
	case p.HasPorts():
		from, to, err := ParsePorts(rest)
		return PortColumns(p, from, to), err
	}
	return Columns{}, fmt.Errorf("protocol %s has no ports", p)
}

// ParsePorts reads 443 or 1024-65535.
func ParsePorts(s string) (from, to uint16, err error) {
	low, high, ranged := strings.Cut(s, "-")
	if !ranged {
		high = low
	}
	first, err1 := strconv.ParseUint(low, 10, 16)
	last, err2 := strconv.ParseUint(high, 10, 16)
	if err1 != nil || err2 != nil || first > last {
		return 0, 0, fmt.Errorf("%q: want a port or FROM-TO within 0 to 65535", s)
	}
	return uint16(first), uint16(last), nil
}

// ParseType reads an ICMP type with or without a code, 8 or 3:4. The code is -1
// where none is given.
func ParseType(s string) (typ, code int, err error) {
	first, second, has := strings.Cut(s, ":")
	code = -1
	if typ, err = strconv.Atoi(first); err != nil || typ < 0 || typ > 255 {
		return 0, 0, fmt.Errorf("%q: want an ICMP type from 0 to 255, or TYPE:CODE", s)
	}
	if has {
		if code, err = strconv.Atoi(second); err != nil || code < 0 || code > 255 {
			return 0, 0, fmt.Errorf("%q: want an ICMP code from 0 to 255 after the colon", s)
		}
	}
	return typ, code, nil
}
