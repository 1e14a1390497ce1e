package awscollect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"

	"github.com/flowcover/flowcover/topology"
)

const callFlowLogs = "DescribeFlowLogs"

// FlowLogs asks EC2 for the flow logs of every account and Region that the
// options name, sorted by account, Region and id. A place where the call is
// refused is in the second list and ends nothing.
//
// Calls: ec2:DescribeFlowLogs, sts:GetCallerIdentity, and sts:AssumeRole with roles.
func FlowLogs(ctx context.Context, cfg aws.Config, opts Options) ([]topology.FlowLog, []topology.NotRead, error) {
	regions := slices.Clone(opts.Regions)
	if len(regions) == 0 && cfg.Region != "" {
		regions = []string{cfg.Region}
	}
	slices.Sort(regions)
	regions = slices.Compact(regions)
	if len(regions) == 0 {
		return nil, nil, errors.New("looking for flow logs: no Region is named: use --region, or set AWS_REGION")
	}
	configs, err := assumed(ctx, cfg, opts.Roles, regions[0])
	if err != nil {
		return nil, nil, fmt.Errorf("looking for flow logs: %w", err)
	}
	var out []topology.FlowLog
	var refused []topology.NotRead
	for _, c := range configs {
		for _, region := range regions {
			scope := topology.Scope{Account: c.account, Region: region}
			api := ec2.NewFromConfig(c.config, func(o *ec2.Options) { o.Region, o.Retryer = region, retryer(o.BaseEndpoint) })
			found, err := flowLogsOf(ctx, api, scope)
			code, no := refusedWith(err)
			switch {
			case err == nil:
				out = append(out, found...)
			case ctx.Err() != nil:
				return nil, nil, ctx.Err()
			case no:
				refused = append(refused, topology.NotRead{Scope: scope, Call: callFlowLogs, Code: code})
			default:
				return nil, nil, fmt.Errorf("looking for flow logs: %s/%s: %w", scope.Account, region, err)
			}
		}
	}
	slices.SortFunc(out, func(a, b topology.FlowLog) int {
		return cmp.Or(strings.Compare(a.Account, b.Account), strings.Compare(a.Region, b.Region), strings.Compare(a.ID, b.ID))
	})
	return out, refused, nil
}

func flowLogsOf(ctx context.Context, api ec2.DescribeFlowLogsAPIClient, scope topology.Scope) ([]topology.FlowLog, error) {
	var out []topology.FlowLog
	err := pages(ctx, ec2.NewDescribeFlowLogsPaginator(api, &ec2.DescribeFlowLogsInput{MaxResults: perPage}), func(p *ec2.DescribeFlowLogsOutput) {
		for i := range p.FlowLogs {
			out = append(out, flowLog(&p.FlowLogs[i], scope))
		}
	})
	var code smithy.APIError
	if errors.As(err, &code) && credentialCodes[code.ErrorCode()] {
		return nil, &CredentialsError{Err: err}
	}
	return out, err
}

func flowLog(f *ec2types.FlowLog, scope topology.Scope) topology.FlowLog {
	out := topology.FlowLog{
		Scope: scope, ID: aws.ToString(f.FlowLogId), Resource: aws.ToString(f.ResourceId),
		Destination: topology.Destination(f.LogDestinationType), Location: aws.ToString(f.LogDestination),
		Fields: logFields(aws.ToString(f.LogFormat)), Traffic: string(f.TrafficType), Interval: int(aws.ToInt32(f.MaxAggregationInterval)),
	}
	if out.Destination == "" { // as flow logs were before there was a choice
		out.Destination = topology.ToCloudWatch
	}
	if out.Location == "" {
		out.Location = aws.ToString(f.LogGroupName)
	}
	if out.Destination == topology.ToS3 {
		out.Format = string(ec2types.DestinationFileFormatPlainText) // AWS's default
		if o := f.DestinationOptions; o != nil {
			out.Format = cmp.Or(string(o.FileFormat), out.Format)
			out.HivePartitions, out.HourPartitions = aws.ToBool(o.HiveCompatiblePartitions), aws.ToBool(o.PerHourPartition)
		}
	}
	if status := aws.ToString(f.DeliverLogsStatus); status == "FAILED" {
		out.Trouble = cmp.Or(aws.ToString(f.DeliverLogsErrorMessage), status)
	}
	return out
}

var formatField = regexp.MustCompile(`\$\{([a-z0-9-]+)\}`)

// logFields reads a log format: ${version} ${account-id} ...
func logFields(format string) []string {
	out := []string{}
	for _, m := range formatField.FindAllStringSubmatch(format, -1) {
		out = append(out, m[1])
	}
	return out
}
