package rulelist

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/topology/netset"
)

// flowLine is what counts of a flow in the output of analyze --json.
type flowLine struct {
	ID       string  `json:"id"`
	Side     string  `json:"side"`
	Group    *string `json:"group"`
	Protocol *string `json:"protocol"`
	Peer     *string `json:"peer"`
	Port     *int    `json:"port"`
	Records  int64   `json:"records"`
	Approved bool    `json:"approved"`
}

// FromFlows makes a list of the approved flows of one security group and
// direction: each peer on each service port, weighted by its records.
func FromFlows(flows []analyze.Flow, pick Pick) (*List, error) {
	lines := make([]flowLine, 0, len(flows))
	for i := range flows {
		j := flows[i].JSON()
		lines = append(lines, flowLine{j.ID, j.Side, j.Group, j.Protocol, j.Peer, j.Port, j.Records, j.Approved})
	}
	return fromLines(lines, pick)
}

func fromLines(lines []flowLine, pick Pick) (*List, error) {
	side := string(analyze.In)
	if pick.direction() == "egress" {
		side = string(analyze.Out)
	}
	used := func(f *flowLine) bool { return f.Approved && f.Side == side && f.Group != nil }
	var ids []string
	for i := range lines {
		if used(&lines[i]) {
			ids = append(ids, *lines[i].Group)
		}
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	if len(ids) == 0 {
		return nil, fmt.Errorf("none of the %d flows is approved and belongs to a security group in direction %s", len(lines), pick.direction())
	}
	id, err := pickGroup(ids, pick.Group)
	if err != nil {
		return nil, err
	}
	l := &List{Form: "flows of " + id + " " + pick.direction()}
	icmp := false
	for i := range lines {
		f := &lines[i]
		if !used(f) || *f.Group != id {
			continue
		}
		b, err := f.block()
		if err != nil {
			return nil, fmt.Errorf("flow %s: %w", f.ID, err)
		}
		icmp = icmp || b.Columns.Protocol().HasTypes()
		l.Entries = append(l.Entries, Entry{b, max(0, f.Records)})
	}
	if icmp {
		l.Notes = append(l.Notes, "flow logs name no ICMP types: a flow of ICMP is read as all of them")
	}
	return l, nil
}

func (f *flowLine) block() (netset.Block, error) {
	var b netset.Block
	if f.Protocol == nil || f.Peer == nil {
		return b, fmt.Errorf("its protocol or peer is not known")
	}
	a, err := netip.ParseAddr(*f.Peer)
	if err != nil {
		return b, fmt.Errorf("peer: %w", err)
	}
	a = a.Unmap().WithZone("")
	ports := ""
	p, err := netset.ParseProtocol(*f.Protocol)
	switch {
	case err != nil:
		return b, err
	case p.HasPorts() && f.Port == nil:
		return b, fmt.Errorf("its port is not known")
	case p.HasPorts():
		ports = strconv.Itoa(*f.Port)
	}
	b.Prefix = netip.PrefixFrom(a, a.BitLen())
	b.Columns, err = columnsOf(*f.Protocol, ports)
	return b, err
}
