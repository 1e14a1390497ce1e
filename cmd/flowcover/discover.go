package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/cmd/internal/awsenv"
	"github.com/flowcover/flowcover/cmd/internal/command"
	"github.com/flowcover/flowcover/cmd/internal/table"
	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/awscollect"
)

// askForLogs asks EC2 for the flow logs and adds those on S3 to the logs to
// read. Its findings say what is amiss with each.
func (a *analyzeRun) askForLogs(ctx context.Context, res *analysis) ([]analyze.Finding, error) {
	if !a.discover {
		return nil, nil
	}
	cfg, err := awsenv.Load(ctx, firstOf(a.regions), a.endpoint)
	if err != nil {
		return nil, err
	}
	if cfg.Region == "" {
		return nil, command.Usage("--discover: no region is known; give --region or set AWS_REGION")
	}
	a.env.Progress.Show("look for flow logs", 0, 0, "")
	var refused []topology.NotRead
	res.flowLogs, refused, err = awscollect.FlowLogs(ctx, cfg, awscollect.Options{Regions: a.regions, Roles: a.roles})
	if err != nil {
		return nil, fmt.Errorf("--discover: %w", err)
	}
	found := analyze.FlowLogFindings(res.flowLogs)
	for _, n := range refused {
		found = append(found, analyze.Finding{Kind: "flow-logs-not-read", Severity: "medium", Resource: n.Account + " " + n.Region,
			Message: fmt.Sprintf("which flow logs there are is not known: %s was refused (%s); allow ec2:%s, or name the places with --logs", n.Call, n.Code, n.Call)})
	}
	for _, f := range res.flowLogs {
		if uri := f.URI(); uri != "" && !slices.Contains(a.logs, uri) {
			a.logs = append(a.logs, uri)
		}
	}
	if len(a.logs) > 0 {
		return found, nil
	}
	if len(found) == 0 {
		return nil, errors.New("--discover: EC2 knows of no flow log here; name other Regions with --region, or the places with --logs")
	}
	if err := a.printFlowLogs(res.flowLogs, found); err != nil {
		return nil, err
	}
	return nil, errors.New("--discover: no flow log goes to S3, so there is nothing to read; see the findings")
}

// printFlowLogs says what was found where nothing of it can be read.
func (a *analyzeRun) printFlowLogs(logs []topology.FlowLog, found []analyze.Finding) error {
	if a.json {
		return writeJSON(a.env.Out, discoveredJSON{Format: "flowcover.flow-logs/1", FlowLogs: orEmpty(logs), Findings: found})
	}
	var b strings.Builder
	writeFlowLogs(&b, a.env.Width, logs)
	writeFindings(&b, a.env.Width, found, listed)
	_, err := io.WriteString(a.env.Out, b.String())
	return err
}

// discoveredJSON is what analyze --discover --json prints where no flow log can
// be read.
type discoveredJSON struct {
	Format   string             `json:"format"`
	FlowLogs []topology.FlowLog `json:"flow_logs"`
	Findings []analyze.Finding  `json:"findings"`
}

func writeFlowLogs(b *strings.Builder, width int, logs []topology.FlowLog) {
	for _, f := range logs {
		where := f.URI()
		if where == "" {
			where = string(f.Destination) + " " + f.Location
		}
		text := []string{f.Resource, where}
		if f.Format != "" {
			layout := f.Format
			if f.HivePartitions {
				layout += " in Hive folders"
			}
			if f.HourPartitions {
				layout += " by the hour"
			}
			text = append(text, layout)
		}
		if f.Traffic != "" {
			text = append(text, f.Traffic)
		}
		text = append(text, fmt.Sprintf("every %d s", f.Interval), plural(len(f.Fields), "field", "fields"))
		b.WriteString(table.Indent("flow log "+f.ID+" ", table.Clean(strings.Join(text, ", ")), width) + "\n")
	}
}
