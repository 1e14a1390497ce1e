package demo

import (
	"net/netip"
	"strconv"

	"github.com/flowcover/flowcover/analyze/parquetio"
	"github.com/flowcover/flowcover/topology"
)

// logField is one field of a flow log: how a record's value is told. A field
// has text or number; number says whether the record has the value at all.
type logField struct {
	name    string // as in Parquet; text logs write - for _
	version int
	kind    parquetio.FlowLogKind
	text    func(*logView, *record) string
	number  func(*logView, *record) (int64, bool)
}

// logView is what a record's words are looked up in.
type logView struct {
	version    int
	enis       []topology.NetworkInterface
	zoneID     []string // by ENI
	addresses  map[netip.Addr]string
	statusText [3]string
	records    []record // of the hour
}

// record gives the record of a place: its index is in the lower 40 bits.
func (v *logView) record(place uint64) *record { return &v.records[place&(1<<40-1)] }

func (g *generator) newView() *logView {
	v := &logView{version: g.opt.Version, enis: g.people.net.res.Interfaces, addresses: map[netip.Addr]string{},
		statusText: [3]string{"OK", "NODATA", "SKIPDATA"}}
	for i := range v.enis {
		id := ""
		if s := g.people.net.subnets[v.enis[i].Subnet]; s != nil {
			id = s.AZID
		}
		v.zoneID = append(v.zoneID, dash(id))
	}
	return v
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// address writes an address, - for none. What was written is kept, up to a
// number, since the same few occur again and again.
func (v *logView) address(a netip.Addr) string {
	if !a.IsValid() {
		return "-"
	}
	s, ok := v.addresses[a]
	if !ok {
		if len(v.addresses) > 1<<16 {
			clear(v.addresses)
		}
		s = a.String()
		v.addresses[a] = s
	}
	return s
}

func ofOK(get func(*record) int64) func(*logView, *record) (int64, bool) {
	return func(_ *logView, r *record) (int64, bool) { return get(r), r.status == statusOK }
}

func always(get func(*logView, *record) int64) func(*logView, *record) (int64, bool) {
	return func(v *logView, r *record) (int64, bool) { return get(v, r), true }
}

// logFields are the 29 fields of version 5, in AWS's order: the first 14 are
// the default format. Rows without data keep the ENI's own fields.
var logFields = []logField{
	{name: "version", version: 2, kind: parquetio.FlowLogInt32, number: always(func(v *logView, _ *record) int64 { return int64(v.version) })},
	{name: "account_id", version: 2, text: func(v *logView, r *record) string { return v.enis[r.eni].Account }},
	{name: "interface_id", version: 2, text: func(v *logView, r *record) string { return v.enis[r.eni].ID }},
	{name: "srcaddr", version: 2, text: func(v *logView, r *record) string { return v.address(r.address(srcaddr)) }},
	{name: "dstaddr", version: 2, text: func(v *logView, r *record) string { return v.address(r.address(dstaddr)) }},
	{name: "srcport", version: 2, kind: parquetio.FlowLogInt32, number: ofOK(func(r *record) int64 { return int64(r.sport) })},
	{name: "dstport", version: 2, kind: parquetio.FlowLogInt32, number: ofOK(func(r *record) int64 { return int64(r.dport) })},
	{name: "protocol", version: 2, kind: parquetio.FlowLogInt32, number: ofOK(func(r *record) int64 { return int64(r.proto) })},
	{name: "packets", version: 2, kind: parquetio.FlowLogInt64, number: ofOK(func(r *record) int64 { return r.packets })},
	{name: "bytes", version: 2, kind: parquetio.FlowLogInt64, number: ofOK(func(r *record) int64 { return r.bytes })},
	{name: "start", version: 2, kind: parquetio.FlowLogInt64, number: always(func(_ *logView, r *record) int64 { return r.start })},
	{name: "end", version: 2, kind: parquetio.FlowLogInt64, number: always(func(_ *logView, r *record) int64 { return r.end })},
	{name: "action", version: 2, text: func(_ *logView, r *record) string {
		switch r.action {
		case accept:
			return "ACCEPT"
		case reject:
			return "REJECT"
		}
		return "-"
	}},
	{name: "log_status", version: 2, text: func(v *logView, r *record) string { return v.statusText[r.status] }},
	{name: "vpc_id", version: 3, text: func(v *logView, r *record) string { return v.enis[r.eni].VPC }},
	{name: "subnet_id", version: 3, text: func(v *logView, r *record) string { return v.enis[r.eni].Subnet }},
	{name: "instance_id", version: 3, text: func(v *logView, r *record) string { return dash(v.enis[r.eni].Instance) }},
	{name: "tcp_flags", version: 3, kind: parquetio.FlowLogInt32, number: ofOK(func(r *record) int64 { return int64(r.flags) })},
	{name: "type", version: 3, text: func(_ *logView, r *record) string {
		switch {
		case r.status != statusOK:
			return "-"
		case r.address(srcaddr).Is4():
			return "IPv4"
		}
		return "IPv6"
	}},
	{name: "pkt_srcaddr", version: 3, text: func(v *logView, r *record) string { return v.address(r.address(pktSrcaddr)) }},
	{name: "pkt_dstaddr", version: 3, text: func(v *logView, r *record) string { return v.address(r.address(pktDstaddr)) }},
	{name: "region", version: 4, text: func(v *logView, r *record) string { return v.enis[r.eni].Region }},
	{name: "az_id", version: 4, text: func(v *logView, r *record) string { return v.zoneID[r.eni] }},
	{name: "sublocation_type", version: 4, text: func(*logView, *record) string { return "-" }},
	{name: "sublocation_id", version: 4, text: func(*logView, *record) string { return "-" }},
	{name: "pkt_src_aws_service", version: 5, text: func(_ *logView, r *record) string { return r.service(false) }},
	{name: "pkt_dst_aws_service", version: 5, text: func(_ *logView, r *record) string { return r.service(true) }},
	{name: "flow_direction", version: 5, text: func(_ *logView, r *record) string {
		switch {
		case r.status != statusOK:
			return "-"
		case r.hop.egress:
			return "egress"
		}
		return "ingress"
	}},
	{name: "traffic_path", version: 5, kind: parquetio.FlowLogInt32, number: func(_ *logView, r *record) (int64, bool) {
		if r.hop == nil {
			return 0, false
		}
		return int64(r.hop.path), r.hop.egress && r.hop.path != 0
	}},
}

// fieldsOf are the fields of logs of a version: 2 is AWS's default format.
func fieldsOf(version int) []logField {
	for i, f := range logFields {
		if f.version > version {
			return logFields[:i]
		}
	}
	return logFields
}

// table fills columns, using again those given.
func (v *logView) table(fields []logField, places []uint64, columns []parquetio.FlowLogColumn) []parquetio.FlowLogColumn {
	if columns == nil {
		columns = make([]parquetio.FlowLogColumn, len(fields))
	}
	for i, f := range fields {
		c := &columns[i]
		c.Name, c.Kind = f.name, f.kind
		c.Strings, c.Ints, c.Null = c.Strings[:0], c.Ints[:0], c.Null[:0]
		for _, place := range places {
			r := v.record(place)
			if f.text != nil {
				c.Strings = append(c.Strings, f.text(v, r))
				continue
			}
			n, ok := f.number(v, r)
			c.Ints, c.Null = append(c.Ints, n), append(c.Null, !ok)
		}
		if f.text != nil {
			c.Null = nil
		}
	}
	return columns
}

// line appends a record as a line of text.
func (v *logView) line(out []byte, fields []logField, r *record) []byte {
	for i, f := range fields {
		if i > 0 {
			out = append(out, ' ')
		}
		if f.text != nil {
			out = append(out, f.text(v, r)...)
		} else if n, ok := f.number(v, r); ok {
			out = strconv.AppendInt(out, n, 10)
		} else {
			out = append(out, '-')
		}
	}
	return append(out, '\n')
}
