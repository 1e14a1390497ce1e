package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/flowcover/flowcover/cmd/internal/atomicfile"
	"github.com/flowcover/flowcover/cmd/internal/awsenv"
	"github.com/flowcover/flowcover/cmd/internal/command"
	"github.com/flowcover/flowcover/cmd/internal/table"
	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/awscollect"
)

// snapshotRun reads an account into a file.
type snapshotRun struct {
	env      *command.Env
	dir      string
	taken    string // RFC 3339: when the folder was exported
	regions  []string
	roles    []string
	endpoint string
	out      string
	json     bool
}

func snapshotVerb() command.Verb {
	return command.Verb{
		Name: "snapshot", Summary: "read VPCs, rules, routes and interfaces into one file",
		About: "Calls AWS, or reads a folder of the JSON that the AWS CLI prints (scripts/export-account writes one). Needs ec2:Describe*, " +
			"ec2:Get* and ec2:SearchTransitGatewayRoutes, and, each optional, elasticloadbalancing:Describe*, rds:Describe*, " +
			"route53:ListHostedZonesByVPC, route53:ListResourceRecordSets and servicequotas:GetServiceQuota. A call that is refused, or an optional service that " +
			"cannot be reached, is recorded as not read; whoever relies on it says so.",
		Examples: []string{
			"flowcover snapshot --region ap-northeast-2 -o snapshot.json",
			"flowcover snapshot --from-dir export/ -o snapshot.json",
		},
		Flags: []command.Flag{
			{Name: "from-dir", Hint: "DIR", Usage: "read this folder of aws describe-* JSON and call nobody"},
			{Name: "taken-at", Hint: "TIME", Usage: "with --from-dir: when the folder was exported (RFC 3339), to tell several snapshots apart"},
			regionFlag(),
			roleFlag("assume this role; one for each account to read"),
			endpointFlag(),
			{Name: "out", Short: "o", Hint: "FILE", Usage: "snapshot file to write", Default: "snapshot.json"},
			jsonFlag(),
		},
		New: func(c *cli.Context, e *command.Env) (command.Runner, error) {
			s := &snapshotRun{
				env: e, dir: c.String("from-dir"), taken: c.String("taken-at"), regions: list(c.StringSlice("region")), roles: list(c.StringSlice("role-arn")),
				endpoint: c.String("endpoint-url"), out: c.String("out"), json: c.Bool("json"),
			}
			if s.taken != "" {
				if s.dir == "" {
					return nil, fmt.Errorf("--taken-at goes with --from-dir; what AWS answers is of now")
				}
				at, err := time.Parse(time.RFC3339, s.taken)
				if err != nil {
					return nil, fmt.Errorf("--taken-at %q: want a time such as 2026-10-01T09:00:00+09:00", s.taken)
				}
				s.taken = at.UTC().Format(time.RFC3339)
			}
			if s.out == "" {
				return nil, fmt.Errorf("--out is empty; give the file to write")
			}
			return s, nil
		},
	}
}

func (s *snapshotRun) Run(ctx context.Context) error {
	if err := atomicfile.Check(s.out); err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	resources, report, err := s.read(ctx)
	if err != nil {
		return err
	}
	snap, err := topology.New(resources)
	if err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	doc := topology.NewDocument(snap, s.readings(report))
	if err := atomicfile.Write(s.out, 0o644, doc.Encode); err != nil {
		return err
	}
	for _, i := range report.Ignored {
		level := slog.LevelWarn
		if strings.HasPrefix(i.Reason, "not needed") {
			level = slog.LevelInfo
		}
		s.env.Log.Log(ctx, level, "not used", "file", i.File, "key", i.Key, "reason", i.Reason)
	}
	for _, n := range snap.Resources().NotRead {
		if n.Code != awscollect.NotInExport {
			s.env.Log.Warn("not read", "account", n.Account, "region", n.Region, "call", n.Call, "code", n.Code)
		}
	}
	if s.json {
		return writeJSON(s.env.Out, s.summary(snap, doc, report))
	}
	return s.print(s.env.Out, snap)
}

func (s *snapshotRun) read(ctx context.Context) (topology.Resources, awscollect.Report, error) {
	if s.dir != "" {
		r, report, err := awscollect.FromDir(ctx, s.dir)
		if err != nil {
			err = fmt.Errorf("--from-dir: %w", err)
		}
		return r, report, err
	}
	cfg, err := awsenv.Load(ctx, firstOf(s.regions), s.endpoint)
	if err != nil {
		return topology.Resources{}, awscollect.Report{}, err
	}
	if cfg.Region == "" {
		return topology.Resources{}, awscollect.Report{}, command.Usage("no region is known; give --region, set AWS_REGION, or read a folder with --from-dir")
	}
	var done int64
	total := int64(max(1, len(s.regions)) * max(1, len(s.roles)))
	r, report, err := awscollect.FromAPI(ctx, cfg, awscollect.Options{Regions: s.regions, Roles: s.roles, Progress: func(string, string) {
		done++
		s.env.Progress.Show("snapshot", done, total, "regions")
	}})
	var credentials *awscollect.CredentialsError
	if errors.As(err, &credentials) {
		err = fmt.Errorf("%w; log in (aws sso login), set AWS_PROFILE, or read a folder with --from-dir", err)
	}
	return r, report, err
}

func (s *snapshotRun) readings(report awscollect.Report) []topology.Reading {
	at := s.taken
	if s.dir == "" {
		at = s.env.Now().UTC().Format(time.RFC3339)
	}
	var out []topology.Reading
	for _, src := range report.Sources {
		out = append(out, topology.Reading{Account: src.Account, Region: src.Region, Source: src.From, Time: at})
	}
	return out
}

// counts lists how many of each kind there are, in the order people think of them.
func counts(r topology.Resources) []struct {
	Name  string
	Count int
} {
	return []struct {
		Name  string
		Count int
	}{
		{"VPCs", len(r.VPCs)}, {"subnets", len(r.Subnets)}, {"route tables", len(r.RouteTables)},
		{"security groups", len(r.SecurityGroups)}, {"network ACLs", len(r.NetworkACLs)}, {"prefix lists", len(r.PrefixLists)},
		{"transit gateways", len(r.TransitGateways)}, {"attachments", len(r.Attachments)}, {"TGW route tables", len(r.TransitRouteTables)},
		{"peerings", len(r.Peerings)}, {"gateways", len(r.Gateways)}, {"endpoints", len(r.Endpoints)},
		{"interfaces", len(r.Interfaces)}, {"instances", len(r.Instances)}, {"load balancers", len(r.LoadBalancers)},
		{"databases", len(r.DBInstances)}, {"hosted zones", len(r.HostedZones)}, {"quotas", len(r.Quotas)},
	}
}

func (s *snapshotRun) print(w io.Writer, snap *topology.Snapshot) error {
	r := snap.Resources()
	t := &table.Table{Columns: []table.Column{{Name: "resource"}, {Name: "count", Right: true}}}
	for _, c := range counts(r) {
		t.Add(c.Name, fmt.Sprint(c.Count))
	}
	if err := t.Write(w, s.env.Width); err != nil {
		return err
	}
	var missing []string
	for _, n := range r.NotRead {
		missing = append(missing, n.Call)
	}
	var b strings.Builder
	if len(missing) > 0 {
		b.WriteString("\n" + table.Indent("not read: ", strings.Join(unique(missing), ", "), s.env.Width) + "\n")
	}
	b.WriteString("\n" + table.Indent("accounts: ", strings.Join(snap.Accounts(), ", "), s.env.Width) + "\n")
	b.WriteString("digest:   " + snap.Digest() + "\nsnapshot: " + s.out + "\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// snapshotJSON is what snapshot --json prints.
type snapshotJSON struct {
	Format   string               `json:"format"`
	Snapshot string               `json:"snapshot"`
	Digest   string               `json:"digest"`
	Accounts []string             `json:"accounts"`
	Readings []topology.Reading   `json:"readings"`
	Counts   map[string]int       `json:"counts"`
	NotRead  []topology.NotRead   `json:"not_read"`
	Ignored  []awscollect.Ignored `json:"ignored"`
}

func (s *snapshotRun) summary(snap *topology.Snapshot, doc *topology.Document, report awscollect.Report) snapshotJSON {
	r := snap.Resources()
	out := snapshotJSON{
		Format: "flowcover.snapshotted/1", Snapshot: s.out, Digest: snap.Digest(), Accounts: orEmpty(snap.Accounts()),
		Readings: orEmpty(doc.Readings), Counts: map[string]int{}, NotRead: orEmpty(r.NotRead), Ignored: orEmpty(report.Ignored),
	}
	for _, c := range counts(r) {
		out.Counts[strings.ReplaceAll(strings.ToLower(c.Name), " ", "_")] = c.Count
	}
	return out
}
