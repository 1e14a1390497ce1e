package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/flowcover/flowcover/cmd/internal/command"
	"github.com/flowcover/flowcover/scripts/mototest"
)

// moto is a server with an empty bucket and a VPC, for a program run here.
func moto(t *testing.T, region, bucket string) (cfg aws.Config, vpc string) {
	t.Helper()
	server := mototest.Start(t)
	for _, kv := range server.Env() {
		if name, value, _ := strings.Cut(kv, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, value)
		}
	}
	cfg = server.Config(region)
	_, err := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }).CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket,
		CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: s3types.BucketLocationConstraint(region)}})
	if err != nil {
		t.Fatal(err)
	}
	out, err := ec2.NewFromConfig(cfg).CreateVpc(t.Context(), &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")})
	if err != nil {
		t.Fatal(err)
	}
	return cfg, aws.ToString(out.Vpc.VpcId)
}

func runHere(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = newApp().Main(context.Background(), append([]string{"flowcover"}, args...), command.Streams{In: strings.NewReader(""), Out: &out, Err: &errs})
	return code, out.String(), errs.String()
}

// Flow logs are found, those on S3 are read, and what is amiss is said.
func TestDiscover(t *testing.T) {
	const region = "ap-northeast-2"
	cfg, vpc := moto(t, region, "logs")
	dir := t.TempDir()
	run := func(flags ...string) (int, string, string) {
		return runHere(append([]string{"analyze", "--discover", "--region", region, "--since", "2026-09-01", "--until", "2026-09-03",
			"--state", filepath.Join(dir, "state"), "--scratch", filepath.Join(dir, "scratch")}, flags...)...)
	}
	if code, _, errs := run(); code != codeFailed || !strings.Contains(errs, "EC2 knows of no flow log here") {
		t.Errorf("no flow log: %d\n%s", code, errs)
	}
	create := func(in ec2.CreateFlowLogsInput) {
		in.ResourceIds, in.ResourceType = []string{vpc}, ec2types.FlowLogsResourceTypeVpc
		out, err := ec2.NewFromConfig(cfg).CreateFlowLogs(t.Context(), &in)
		if err != nil || len(out.Unsuccessful) > 0 {
			t.Fatalf("%v, %+v", err, out)
		}
	}
	create(ec2.CreateFlowLogsInput{LogDestinationType: ec2types.LogDestinationTypeCloudWatchLogs, LogGroupName: aws.String("group"),
		DeliverLogsPermissionArn: aws.String("arn:aws:iam::1:role/x"), TrafficType: ec2types.TrafficTypeAll})
	code, out, errs := run()
	if code != codeFailed || !strings.Contains(errs, "no flow log goes to S3") || !strings.Contains(out, "medium flow-log-elsewhere") || !strings.Contains(out, "aws ec2 create-flow-logs") {
		t.Errorf("only CloudWatch: %d\n%s\n%s", code, out, errs)
	}
	create(ec2.CreateFlowLogsInput{LogDestinationType: ec2types.LogDestinationTypeS3, LogDestination: aws.String("arn:aws:s3:::logs"), TrafficType: ec2types.TrafficTypeAccept})
	putSmallLogs(t, cfg, "logs")
	code, out, errs = run()
	if code != 0 || !strings.Contains(out, "48 read") || !strings.Contains(out, "medium flow-log-only-accept") || !strings.Contains(out, "s3://logs, plain-text, ACCEPT, every 600 s, 14 fields") {
		t.Errorf("with one on S3: %d\n%s\n%s", code, out, errs)
	}
	code, out, errs = run("--json")
	var doc analyzeJSON
	if err := json.Unmarshal([]byte(out), &doc); code != 0 || err != nil || len(doc.FlowLogs) != 2 || len(doc.Findings) == 0 || doc.Objects.Read != 48 {
		t.Errorf("in JSON: %d, %v, %+v\n%s", code, err, doc.FlowLogs, errs)
	}
}

func putSmallLogs(t *testing.T, cfg aws.Config, bucket string) {
	t.Helper()
	dir := t.TempDir()
	if err := smallLogs(dir, "111122223333"); err != nil {
		t.Fatal(err)
	}
	api := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		key, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		_, err = api.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: aws.String(filepath.ToSlash(key)), Body: bytes.NewReader(data)})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
