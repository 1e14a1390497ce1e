package analyze

import (
	"slices"
	"strings"
	"testing"

	"github.com/flowcover/flowcover/topology"
)

func TestFlowLogFindings(t *testing.T) {
	good := topology.FlowLog{Scope: topology.Scope{Region: "ap-northeast-2"}, ID: "fl-1", Resource: "vpc-1", Destination: topology.ToS3, Location: "arn:aws:s3:::b/p",
		Format: "parquet", Fields: wantedFields, Traffic: "ALL", Interval: 60}
	gateway := good
	gateway.Resource, gateway.Fields, gateway.Traffic = "tgw-1", wantedTGWFields, ""
	without := func(f topology.FlowLog, names ...string) topology.FlowLog {
		f.Fields = slices.DeleteFunc(slices.Clone(f.Fields), func(s string) bool { return slices.Contains(names, s) })
		return f
	}
	with := func(change func(*topology.FlowLog)) topology.FlowLog {
		f := good
		change(&f)
		return f
	}
	for name, c := range map[string]struct {
		log  topology.FlowLog
		want []string // "severity kind", then what the message says
		says string
	}{
		"good":         {good, nil, ""},
		"good gateway": {gateway, nil, ""},
		"only REJECT":  {with(func(f *topology.FlowLog) { f.Traffic = "REJECT" }), []string{"high flow-log-only-reject"}, "--traffic-type ALL"},
		"only ACCEPT":  {with(func(f *topology.FlowLog) { f.Traffic = "ACCEPT" }), []string{"medium flow-log-only-accept"}, "neither demands"},
		"text":         {with(func(f *topology.FlowLog) { f.Format = "plain-text" }), []string{"info flow-log-text"}, ""},
		"fails":        {with(func(f *topology.FlowLog) { f.Trouble = "Access error" }), []string{"high flow-log-fails"}, "Access error"},
		"CloudWatch":   {with(func(f *topology.FlowLog) { f.Destination, f.Location = topology.ToCloudWatch, "group" }), []string{"medium flow-log-elsewhere"}, "CloudWatch Logs (group)"},
		"Firehose": {with(func(f *topology.FlowLog) {
			f.Destination, f.Resource, f.Region = topology.ToFirehose, "subnet-1", "cn-north-1"
		}), []string{"medium flow-log-elsewhere"}, "--resource-type Subnet --resource-ids subnet-1 --traffic-type ALL --max-aggregation-interval 600 --log-destination-type s3 --log-destination arn:aws-cn:s3:::BUCKET --log-format '${version}"},
		"no flags":     {without(good, "tcp-flags", "pkt-srcaddr"), []string{"medium flow-log-lacks-fields"}, "no tcp-flags, pkt-srcaddr:"},
		"no ports":     {without(good, "dstport"), []string{"high flow-log-lacks-fields"}, "no dstport:"},
		"no addresses": {without(good, "srcaddr", "dstport"), []string{"high flow-log-lacks-fields"}, "no srcaddr: nothing"},
		"gateway, no addresses": {without(gateway, "tgw-id"), []string{"high flow-log-lacks-fields"},
			"--resource-type TransitGateway --resource-ids tgw-1 --max-aggregation-interval 60 --log-destination-type s3"},
	} {
		found := FlowLogFindings([]topology.FlowLog{c.log})
		var got []string
		text := ""
		for _, f := range found {
			got = append(got, f.Severity+" "+f.Kind)
			text += f.Message
		}
		if !slices.Equal(got, c.want) || !strings.Contains(text, c.says) {
			t.Errorf("%s: %v %q, want %v that says %q", name, got, text, c.want, c.says)
		}
	}
}
