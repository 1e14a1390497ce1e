package parquetio

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

type flow = analyze.Flow

// The columns of the observations, in the file's order. A new field of Flow
// goes to the end; a test sees to it that none is forgotten.
var flowColumns = []column[flow]{
	textColumn("id", func(f *flow) *string { return &f.ID }),
	textColumn("account", func(f *flow) *string { return &f.Account }),
	textColumn("region", func(f *flow) *string { return &f.Region }),
	textColumn("eni", func(f *flow) *string { return &f.ENI }),
	wordColumn("side", func(f *flow) *analyze.Side { return &f.Side }),
	intColumn("protocol", func(f *flow) *netset.Protocol { return &f.Protocol }),
	addrColumn("local", func(f *flow) *netip.Addr { return &f.Local }),
	addrColumn("peer", func(f *flow) *netip.Addr { return &f.Peer }),
	intColumn("port", func(f *flow) *int { return &f.Port }),
	intColumn("opener_port_low", func(f *flow) *int { return &f.OpenerPortLow }),
	intColumn("opener_port_high", func(f *flow) *int { return &f.OpenerPortHigh }),
	wordColumn("action", func(f *flow) *analyze.Action { return &f.Action }),
	intColumn("records", func(f *flow) *int64 { return &f.Records }),
	intColumn("packets", func(f *flow) *int64 { return &f.Packets }),
	intColumn("bytes", func(f *flow) *int64 { return &f.Bytes }),
	intColumn("packets_in", func(f *flow) *int64 { return &f.PacketsIn }),
	intColumn("packets_out", func(f *flow) *int64 { return &f.PacketsOut }),
	timeColumn("first", func(f *flow) *time.Time { return &f.First }),
	timeColumn("last", func(f *flow) *time.Time { return &f.Last }),
	{name: "days",
		nums: func(f *flow) []int64 {
			out := make([]int64, len(f.Days))
			for i, d := range f.Days {
				out[i] = int64(d)
			}
			return out
		},
		addNum: func(f *flow, n int64) { f.Days = append(f.Days, int32(n)) }},
	intColumn("hours", func(f *flow) *uint32 { return &f.Hours }),
	wordColumn("method", func(f *flow) *analyze.Method { return &f.Method }),
	boolColumn("answered", func(f *flow) *bool { return &f.Answered }),
	boolColumn("seen_in_middle", func(f *flow) *bool { return &f.SeenInMiddle }),
	intColumn("middle_records", func(f *flow) *int64 { return &f.MiddleRecords }),
	boolColumn("seen_by_capture", func(f *flow) *bool { return &f.SeenByCapture }),
	boolColumn("seen_by_log", func(f *flow) *bool { return &f.SeenByLog }),
	textColumn("vpc", func(f *flow) *string { return &f.VPC }),
	textColumn("subnet", func(f *flow) *string { return &f.Subnet }),
	textColumn("group", func(f *flow) *string { return &f.Group }),
	{name: "admitted_by", texts: ruleTexts, addText: addRule},
	boolColumn("holds", func(f *flow) *bool { return &f.Holds }),
	boolColumn("approved", func(f *flow) *bool { return &f.Approved }),
	textsColumn("reasons", func(f *flow) *[]string { return &f.Reasons }),
	wordColumn("class", func(f *flow) *analyze.Class { return &f.Class }),
	intColumn("rank", func(f *flow) *int { return &f.Rank }),
	textsColumn("why", func(f *flow) *[]string { return &f.Why }),
}

// ruleSeparator parts a rule reference's fields; no AWS name holds it.
const ruleSeparator = "|"

func ruleTexts(f *flow) []string {
	out := make([]string, len(f.AdmittedBy))
	for i, r := range f.AdmittedBy {
		out[i] = strings.Join([]string{r.Kind, r.Resource, r.ID, r.Rule}, ruleSeparator)
	}
	return out
}

func addRule(f *flow, s string) error {
	p := strings.SplitN(s, ruleSeparator, 4)
	if len(p) != 4 {
		return fmt.Errorf("%q is no rule reference", s)
	}
	f.AdmittedBy = append(f.AdmittedBy, topology.RuleRef{Kind: p[0], Resource: p[1], ID: p[2], Rule: p[3]})
	return nil
}
