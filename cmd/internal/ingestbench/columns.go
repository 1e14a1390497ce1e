package main

import (
	"io"

	"github.com/flowcover/flowcover/analyze/parquetio"
)

// column is one of version 5's fields: a text, or a number and whether it is
// there.
type column struct {
	name   string
	kind   parquetio.FlowLogKind
	text   func(*record) string
	number func(*record) (int64, bool)
}

// said and told are absent in a record of silence: a text is "-" then.
func said(name string, f func(*record) string) column {
	return always(name, func(x *record) string {
		if x.silent {
			return "-"
		}
		return f(x)
	})
}

func always(name string, f func(*record) string) column {
	return column{name: name, kind: parquetio.FlowLogString, text: f}
}

func same(name, value string) column { return always(name, func(*record) string { return value }) }

func told(name string, kind parquetio.FlowLogKind, f func(*record) int64) column {
	return column{name: name, kind: kind, number: func(x *record) (int64, bool) { return f(x), !x.silent }}
}

// columns are the 29 of version 5, in AWS's order.
var columns = []column{
	{name: "version", kind: parquetio.FlowLogInt32, number: func(*record) (int64, bool) { return 5, true }},
	same("account_id", account),
	always("interface_id", func(x *record) string { return x.on.id }),
	said("srcaddr", func(x *record) string { return x.src }),
	said("dstaddr", func(x *record) string { return x.dst }),
	told("srcport", parquetio.FlowLogInt32, func(x *record) int64 { return x.srcPort }),
	told("dstport", parquetio.FlowLogInt32, func(x *record) int64 { return x.dstPort }),
	told("protocol", parquetio.FlowLogInt32, func(x *record) int64 { return x.protocol }),
	told("packets", parquetio.FlowLogInt64, func(x *record) int64 { return x.packets }),
	told("bytes", parquetio.FlowLogInt64, func(x *record) int64 { return x.bytes }),
	{name: "start", kind: parquetio.FlowLogInt64, number: func(x *record) (int64, bool) { return x.start, true }},
	{name: "end", kind: parquetio.FlowLogInt64, number: func(x *record) (int64, bool) { return x.end, true }},
	said("action", func(x *record) string { return pick(x.reject, "REJECT", "ACCEPT") }),
	always("log_status", func(x *record) string { return pick(x.silent, "NODATA", "OK") }),
	always("vpc_id", func(x *record) string { return x.on.vpc }),
	always("subnet_id", func(x *record) string { return x.on.subnet }),
	always("instance_id", func(x *record) string { return x.on.instance }),
	told("tcp_flags", parquetio.FlowLogInt32, func(x *record) int64 { return x.flags }),
	said("type", func(*record) string { return "IPv4" }),
	said("pkt_srcaddr", func(x *record) string { return x.pktSrc }),
	said("pkt_dstaddr", func(x *record) string { return x.pktDst }),
	same("region", region),
	always("az_id", func(x *record) string { return x.on.zone }),
	same("sublocation_type", "-"),
	same("sublocation_id", "-"),
	said("pkt_src_aws_service", func(x *record) string { return x.srcAWS }),
	said("pkt_dst_aws_service", func(x *record) string { return x.dstAWS }),
	said("flow_direction", func(x *record) string { return pick(x.egress, "egress", "ingress") }),
	{name: "traffic_path", kind: parquetio.FlowLogInt32, number: func(x *record) (int64, bool) { return x.path, x.path > 0 }},
}

// writeRecords writes one object.
func writeRecords(w io.Writer, recs []record) error {
	out := make([]parquetio.FlowLogColumn, len(columns))
	for i, c := range columns {
		out[i] = parquetio.FlowLogColumn{Name: c.name, Kind: c.kind}
		if c.text != nil {
			out[i].Strings = make([]string, len(recs))
			for j := range recs {
				out[i].Strings[j] = c.text(&recs[j])
			}
			continue
		}
		out[i].Ints, out[i].Null = make([]int64, len(recs)), make([]bool, len(recs))
		for j := range recs {
			n, there := c.number(&recs[j])
			out[i].Ints[j], out[i].Null[j] = n, !there
		}
	}
	return parquetio.WriteFlowLog(w, out, parquetio.FlowLogOptions{})
}
