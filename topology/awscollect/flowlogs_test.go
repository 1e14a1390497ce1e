package awscollect

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"github.com/flowcover/flowcover/scripts/mototest"
	"github.com/flowcover/flowcover/topology"
)

// pagedLogs is an EC2 whose flow logs come in three pages.
type pagedLogs struct{ tokens []string }

func (p *pagedLogs) DescribeFlowLogs(_ context.Context, in *ec2.DescribeFlowLogsInput, _ ...func(*ec2.Options)) (*ec2.DescribeFlowLogsOutput, error) {
	p.tokens = append(p.tokens, aws.ToString(in.NextToken))
	n := len(p.tokens)
	out := &ec2.DescribeFlowLogsOutput{FlowLogs: []ec2types.FlowLog{{FlowLogId: aws.String(fmt.Sprintf("fl-%d", n))}}}
	if n < 3 {
		out.NextToken = aws.String(fmt.Sprintf("page %d", n+1))
	}
	return out, nil
}

func TestEveryPageOfFlowLogsIsRead(t *testing.T) {
	p := &pagedLogs{}
	got, err := flowLogsOf(t.Context(), p, topology.Scope{})
	if err != nil || len(got) != 3 || !slices.Equal(p.tokens, []string{"", "page 2", "page 3"}) {
		t.Errorf("%v, asked for the pages %q, %v", got, p.tokens, err)
	}
}

func TestFlowLog(t *testing.T) {
	in := ec2types.FlowLog{
		FlowLogId: aws.String("fl-1"), ResourceId: aws.String("vpc-1"), LogDestinationType: ec2types.LogDestinationTypeS3,
		LogDestination: aws.String("arn:aws:s3:::logs/some/prefix/"), LogFormat: aws.String("${srcaddr}  ${pkt-srcaddr} ${instance-tag-2}"),
		TrafficType: ec2types.TrafficTypeReject, MaxAggregationInterval: aws.Int32(60), DeliverLogsStatus: aws.String("FAILED"),
		DeliverLogsErrorMessage: aws.String("Access error"),
		DestinationOptions:      &ec2types.DestinationOptionsResponse{FileFormat: ec2types.DestinationFileFormatParquet, PerHourPartition: aws.Bool(true)},
	}
	want := topology.FlowLog{Scope: topology.Scope{Account: "1", Region: "r"}, ID: "fl-1", Resource: "vpc-1", Destination: topology.ToS3,
		Location: "arn:aws:s3:::logs/some/prefix/", Format: "parquet", HourPartitions: true, Fields: []string{"srcaddr", "pkt-srcaddr", "instance-tag-2"},
		Traffic: "REJECT", Interval: 60, Trouble: "Access error"}
	got := flowLog(&in, want.Scope)
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if got.URI() != "s3://logs/some/prefix" {
		t.Errorf("URI %s", got.URI())
	}
	old := flowLog(&ec2types.FlowLog{LogGroupName: aws.String("/vpc/logs")}, want.Scope)
	if old.Destination != topology.ToCloudWatch || old.Location != "/vpc/logs" || old.URI() != "" {
		t.Errorf("%+v", old)
	}
}

func TestFlowLogsOnMoto(t *testing.T) {
	server := mototest.Start(t)
	cfg := server.Config(region)
	api := ec2.NewFromConfig(cfg)
	vpc, err := api.CreateVpc(t.Context(), &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")})
	if err != nil {
		t.Fatal(err)
	}
	id := aws.ToString(vpc.Vpc.VpcId)
	bucket := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	if _, err := bucket.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("logs"),
		CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: s3types.BucketLocationConstraint(region)}}); err != nil {
		t.Fatal(err)
	}
	for _, in := range []*ec2.CreateFlowLogsInput{
		{LogDestinationType: ec2types.LogDestinationTypeS3, LogDestination: aws.String("arn:aws:s3:::logs"), TrafficType: ec2types.TrafficTypeAccept, MaxAggregationInterval: aws.Int32(60)},
		{LogDestinationType: ec2types.LogDestinationTypeCloudWatchLogs, LogGroupName: aws.String("group"), DeliverLogsPermissionArn: aws.String("arn:aws:iam::1:role/x"), TrafficType: ec2types.TrafficTypeAll},
	} {
		in.ResourceIds, in.ResourceType = []string{id}, ec2types.FlowLogsResourceTypeVpc
		out, err := api.CreateFlowLogs(t.Context(), in)
		if err != nil || len(out.Unsuccessful) > 0 {
			t.Fatalf("%v, %+v", err, out)
		}
	}
	got, refused, err := FlowLogs(t.Context(), cfg, Options{Regions: []string{"us-east-1", region}})
	if err != nil || len(refused) > 0 || len(got) != 2 {
		t.Fatalf("%+v, refused %v, %v", got, refused, err)
	}
	slices.SortFunc(got, func(a, b topology.FlowLog) int { return strings.Compare(string(b.Destination), string(a.Destination)) })
	stored, cw := got[0], got[1]
	if stored.URI() != "s3://logs" || stored.Traffic != "ACCEPT" || stored.Interval != 60 || stored.Resource != id || stored.Account != mototest.Account || stored.Region != region ||
		stored.Format != "plain-text" || !slices.Contains(stored.Fields, "interface-id") {
		t.Errorf("to S3: %+v", stored)
	}
	if cw.Destination != topology.ToCloudWatch || cw.Location != "group" || cw.Traffic != "ALL" || cw.Format != "" {
		t.Errorf("to CloudWatch: %+v", cw)
	}
	_, refused, err = FlowLogs(t.Context(), refusingProxy(t, server, map[string]string{callFlowLogs: "UnauthorizedOperation"}).Config(region), Options{})
	if err != nil || len(refused) != 1 || refused[0].Code != "UnauthorizedOperation" {
		t.Errorf("refused: %v, %v", refused, err)
	}
}

// FuzzFlowLog reads any format and destination: the fields are those that the
// format names, in its order.
func FuzzFlowLog(f *testing.F) {
	f.Add("${version} ${account-id} ${pkt-srcaddr}", "s3", "arn:aws:s3:::logs/a/", "FAILED")
	f.Add("", "", "", "")
	f.Add("$ ${} ${Ver} ${a${b}}", "kinesis-data-firehose", "x", "SUCCESS")
	f.Fuzz(func(t *testing.T, format, destination, location, status string) {
		got := flowLog(&ec2types.FlowLog{LogFormat: &format, LogDestinationType: ec2types.LogDestinationType(destination), LogDestination: &location, DeliverLogsStatus: &status}, topology.Scope{})
		rest := format
		for _, field := range got.Fields {
			_, after, ok := strings.Cut(rest, "${"+field+"}")
			if field == "" || !ok {
				t.Fatalf("field %q of %q in %q", field, got.Fields, format)
			}
			rest = after
		}
		if got.Destination == "" || (got.Trouble != "") != (status == "FAILED") {
			t.Fatalf("%+v of a flow log that is %q", got, status)
		}
	})
}
