package topology

import "strings"

// FlowLog is a flow log as EC2 describes it: where its records go and what they
// hold. It is no part of a snapshot.
type FlowLog struct {
	Scope
	ID string `json:"id"` // fl-...
	// Resource is the vpc-, subnet-, eni-, tgw- or tgw-attach- that is logged.
	Resource    string      `json:"resource"`
	Destination Destination `json:"destination"`
	// Location is the S3 ARN (arn:aws:s3:::bucket/prefix/), the log group or the
	// delivery stream.
	Location       string   `json:"location"`
	Format         string   `json:"format"` // parquet or plain-text; empty where it is not on S3
	HivePartitions bool     `json:"hive_partitions"`
	HourPartitions bool     `json:"hour_partitions"`
	Fields         []string `json:"fields"`   // in AWS's words, such as pkt-srcaddr
	Traffic        string   `json:"traffic"`  // ALL, ACCEPT or REJECT; empty of a transit gateway
	Interval       int      `json:"interval"` // greatest aggregation interval in seconds
	// Trouble is AWS's word for why records are not delivered; empty if they are.
	Trouble string `json:"trouble"`
}

// Destination is where a flow log's records go, in AWS's words.
type Destination string

// The destinations.
const (
	ToS3         Destination = "s3"
	ToCloudWatch Destination = "cloud-watch-logs"
	ToFirehose   Destination = "kinesis-data-firehose"
)

// URI is the place of a flow log on S3 as s3://bucket/prefix; empty for others.
func (f FlowLog) URI() string {
	if f.Destination != ToS3 {
		return ""
	}
	_, path, ok := strings.Cut(f.Location, ":s3:::")
	if !ok || path == "" {
		return ""
	}
	return "s3://" + strings.TrimRight(path, "/")
}
