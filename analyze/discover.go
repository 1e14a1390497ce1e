package analyze

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flowcover/flowcover/topology"
)

// Fields of flow logs, in AWS's words, by what is lost without them.
var (
	vpcFields = []string{"srcaddr", "dstaddr", "interface-id"}
	tgwFields = []string{"srcaddr", "dstaddr", "tgw-id"}
	// ruleFields: without one of them a flow makes no rule, or has no day of its own.
	ruleFields = []string{"srcport", "dstport", "protocol", "action", "start", "end", "log-status"}
	// sureFields settle who opened a connection, and between whom it was.
	sureFields = []string{"tcp-flags", "flow-direction", "pkt-srcaddr", "pkt-dstaddr"}
	// wantedFields are what a new flow log should hold.
	wantedFields = []string{"version", "account-id", "interface-id", "srcaddr", "dstaddr", "srcport", "dstport", "protocol", "packets", "bytes", "start", "end",
		"action", "log-status", "vpc-id", "subnet-id", "instance-id", "tcp-flags", "type", "pkt-srcaddr", "pkt-dstaddr", "region", "az-id",
		"flow-direction", "traffic-path", "ecs-service-name", "interface-type"}
	wantedTGWFields = []string{"version", "resource-type", "account-id", "tgw-id", "tgw-attachment-id", "tgw-pair-attachment-id", "tgw-src-vpc-id", "tgw-dst-vpc-id",
		"srcaddr", "dstaddr", "srcport", "dstport", "protocol", "packets", "bytes", "start", "end", "log-status", "type",
		"packets-lost-no-route", "packets-lost-blackhole", "packets-lost-mtu-exceeded", "packets-lost-ttl-expired", "tcp-flags", "region", "flow-direction"}
)

// FlowLogFindings says of each flow log what stands in the way of a sure
// reading, in the order of the logs.
func FlowLogFindings(logs []topology.FlowLog) []Finding {
	var out []Finding
	for i := range logs {
		out = append(out, flowLogFindings(&logs[i])...)
	}
	return out
}

func flowLogFindings(f *topology.FlowLog) []Finding {
	var out []Finding
	add := func(kind, severity, format string, args ...any) {
		out = append(out, Finding{Kind: kind, Severity: severity, Resource: strings.TrimSpace(f.ID + " " + f.Resource), Message: fmt.Sprintf(format, args...)})
	}
	if f.Destination != topology.ToS3 {
		where := map[topology.Destination]string{topology.ToCloudWatch: "CloudWatch Logs", topology.ToFirehose: "Firehose"}[f.Destination]
		if where == "" {
			where = string(f.Destination)
		}
		add("flow-log-elsewhere", "medium", "its records go to %s (%s), which is not read. One that goes to S3, with BUCKET yours: %s", where, f.Location, CreateFlowLog(*f))
		return out
	}
	if f.Trouble != "" {
		add("flow-log-fails", "high", "its records are not delivered: %s", f.Trouble)
	}
	switch f.Traffic {
	case "REJECT":
		add("flow-log-only-reject", "high", "it records only what was refused: what an account needs is not in it. One that records all: %s", CreateFlowLog(*f))
	case "ACCEPT":
		add("flow-log-only-accept", "medium", "it records only what was accepted: neither demands nor scans are seen")
	}
	if f.Format == "plain-text" {
		add("flow-log-text", "info", "its objects are text: they are read, but whole; those of one in Parquet in part")
	}
	vital := vpcFields
	if strings.HasPrefix(f.Resource, "tgw-") {
		vital = tgwFields
	}
	if miss := missingFields(f, vital); miss != "" {
		add("flow-log-lacks-fields", "high", "it has no %s: nothing of it can be read. A format cannot be changed; a new flow log: %s", miss, CreateFlowLog(*f))
		return out
	}
	rule := ruleFields
	if strings.HasPrefix(f.Resource, "tgw-") { // which knows no action
		rule = slices.DeleteFunc(slices.Clone(rule), func(s string) bool { return s == "action" })
	} else if miss := missingFields(f, sureFields); miss != "" {
		add("flow-log-lacks-fields", "medium", "it has no %s: who opened a connection, or between whom it was, is less sure", miss)
	}
	if miss := missingFields(f, rule); miss != "" {
		add("flow-log-lacks-fields", "high", "it has no %s: its flows make no rule, or have no time. A format cannot be changed; a new flow log: %s", miss, CreateFlowLog(*f))
	}
	return out
}

func missingFields(f *topology.FlowLog, want []string) string {
	var miss []string
	for _, w := range want {
		if !slices.Contains(f.Fields, w) {
			miss = append(miss, w)
		}
	}
	return strings.Join(miss, ", ")
}

// CreateFlowLog is the AWS CLI's command for a flow log of the same resource
// that goes to S3, in Parquet, with the fields that are wanted.
func CreateFlowLog(f topology.FlowLog) string {
	kind, fields, traffic, interval := "VPC", wantedFields, " --traffic-type ALL", 600
	switch {
	case strings.HasPrefix(f.Resource, "subnet-"):
		kind = "Subnet"
	case strings.HasPrefix(f.Resource, "eni-"):
		kind = "NetworkInterface"
	case strings.HasPrefix(f.Resource, "tgw-attach-"):
		kind, fields, traffic, interval = "TransitGatewayAttachment", wantedTGWFields, "", 60 // the only one for gateways
	case strings.HasPrefix(f.Resource, "tgw-"):
		kind, fields, traffic, interval = "TransitGateway", wantedTGWFields, "", 60
	}
	format := "${" + strings.Join(fields, "} ${") + "}"
	return fmt.Sprintf("aws ec2 create-flow-logs --region %s --resource-type %s --resource-ids %s%s --max-aggregation-interval %d "+
		"--log-destination-type s3 --log-destination arn:%s:s3:::BUCKET --log-format '%s' "+
		"--destination-options FileFormat=parquet,HiveCompatiblePartitions=false,PerHourPartition=false",
		f.Region, kind, f.Resource, traffic, interval, partitionOf(f.Region), format)
}

// partitionOf is the ARN's partition of a Region.
func partitionOf(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}
