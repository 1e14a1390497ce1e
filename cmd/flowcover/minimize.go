package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/flowcover/flowcover/analyze/parquetio"
	"github.com/flowcover/flowcover/cmd/internal/command"
	"github.com/flowcover/flowcover/optimize/rulelist"
)

// minimizeRun makes a list of rules shorter.
type minimizeRun struct {
	env    *command.Env
	input  string
	pick   rulelist.Pick
	opts   rulelist.Options
	forbid string
	zones  string
	svg    string
	json   bool
}

// minimizeEffort lets the exact programs run at every size that fits memory.
const minimizeEffort = 64

func minimizeVerb() command.Verb {
	return command.Verb{
		Name: "minimize", Summary: "make any list of rules shorter, opening the least; no AWS needed",
		Args: "INPUT", MinArgs: 1, MaxArgs: 1,
		About: "INPUT is a file, or - for standard input: prefixes or addresses one a line; CSV of protocol,ports,cidr[,weight]; a JSON array of " +
			"[protocol, ports, cidr] or of objects with those keys (ports null for all, 443 or \"1-10\"; protocol any or -1 for all traffic); the output of " +
			"aws ec2 describe-security-groups; observations, as analyze writes them (.parquet) or prints them (--json).\n\n" +
			"The answer carries the whole list with at most --max rules and opens the least beyond; of such the fewest rules. " +
			"--exact opens what the list opens, to the last address, and is only shorter. IPv4 and IPv6 share --max. " +
			"Every cell, one address on one port, weighs 1 unless --zones says otherwise; in a list without ports an address counts once.",
		Examples: []string{
			"flowcover minimize prefixes.txt --max 60",
			"aws ec2 describe-security-groups | flowcover minimize - --group-id sg-0123456789abcdef0 --exact --json",
			"flowcover minimize rules.csv --max 40 --forbid forbidden.txt --svg frontier.svg",
		},
		Exits: []int{codeFindings},
		Flags: []command.Flag{
			{Name: "max", Hint: "K", Type: command.Int, Usage: "at most so many rules; without it AWS's default quota: 60, or for --kind nacl 19 (18 where there is IPv6)"},
			{Name: "exact", Type: command.Bool, Usage: "open exactly what the list opens, with the fewest rules"},
			{Name: "kind", Hint: "KIND", Default: rulelist.KindGroup, Values: []string{rulelist.KindGroup, rulelist.KindACL}, Usage: "sg, or nacl: entries are in order and may deny"},
			{Name: "forbid", Hint: "FILE", Usage: `what no rule may open, a line each: "PORTS", "CIDR" or "PORTS CIDR", such as "tcp/23 0.0.0.0/0"`},
			{Name: "zones", Hint: "FILE", Usage: `weights, a line each: "CIDR WEIGHT [NAME]", "PORTS WEIGHT", "default WEIGHT"; and "widest ipv4 /16"; no rule spans two networks named`},
			{Name: "group-id", Hint: "SG", Usage: "the security group, where INPUT has several"},
			{Name: "direction", Hint: "DIRECTION", Default: "ingress", Values: []string{"ingress", "egress"}, Usage: "which rules of a security group, or which flows"},
			{Name: "effort", Hint: "N", Type: command.Int, Default: fmt.Sprint(minimizeEffort), Usage: "work, in tenths of a second on one CPU, roughly; the same effort gives the same answer"},
			{Name: "svg", Hint: "FILE", Usage: "draw the frontier, rules against excess, into this file"},
			jsonFlag(),
		},
		Grace: 500 * time.Millisecond,
		New:   newMinimize,
	}
}

func newMinimize(c *cli.Context, e *command.Env) (command.Runner, error) {
	m := &minimizeRun{
		env: e, input: c.Args().First(), forbid: c.String("forbid"), zones: c.String("zones"), svg: c.String("svg"), json: c.Bool("json"),
		pick: rulelist.Pick{Group: c.String("group-id"), Direction: c.String("direction")},
		opts: rulelist.Options{Max: c.Int("max"), Kind: c.String("kind"), Exact: c.Bool("exact"), Effort: c.Int("effort")},
	}
	switch {
	case c.IsSet("max") && m.opts.Max < 1:
		return nil, fmt.Errorf("--max %d: want at least 1", m.opts.Max)
	case m.opts.Effort < 1:
		return nil, fmt.Errorf("--effort %d: want at least 1", m.opts.Effort)
	case m.opts.Exact && m.zones != "":
		return nil, fmt.Errorf("--exact opens nothing beyond the list, so there is nothing for --zones to weigh; leave one out")
	}
	return m, nil
}

func (m *minimizeRun) Run(ctx context.Context) error {
	l, err := m.read()
	if err != nil {
		return err
	}
	if err := m.readPolicy(); err != nil {
		return err
	}
	a, err := l.Solve(ctx, m.opts)
	if err != nil {
		return err
	}
	if m.svg != "" && len(a.Frontier) > 0 {
		if err := m.draw(l, a); err != nil {
			return err
		}
	}
	if m.json {
		err = writeJSON(m.env.Out, newMinimizeJSON(m, l, a))
	} else {
		err = (&minimizeView{out: m.env.Out, width: m.env.Width}).write(m, l, a)
	}
	if err == nil && a.Witness != nil {
		err = fmt.Errorf("%w: no list of at most %s will do", errFindings, plural(a.Max, "rule", "rules"))
	}
	return err
}

// read reads INPUT in whatever form it is.
func (m *minimizeRun) read() (*rulelist.List, error) {
	name, in := m.input, m.env.In
	if name == "-" {
		name = "standard input"
	} else {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	var head [4]byte
	n, err := io.ReadFull(in, head[:])
	if err != nil && n == 0 {
		return nil, command.Usage("%s: the list is empty", name)
	}
	in = io.MultiReader(bytes.NewReader(head[:n]), in)
	var l *rulelist.List
	if string(head[:n]) == "PAR1" {
		l, err = m.readParquet(in)
	} else {
		l, err = rulelist.Parse(in, m.pick)
	}
	if err != nil {
		return nil, &command.UsageError{Verb: "minimize", Err: fmt.Errorf("%s: %w", name, err)}
	}
	return l, nil
}

func (m *minimizeRun) readParquet(in io.Reader) (*rulelist.List, error) {
	data, err := io.ReadAll(in)
	if err != nil {
		return nil, err
	}
	flows, _, err := parquetio.ReadFlows(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, err
	}
	return rulelist.FromFlows(flows, m.pick)
}

// readPolicy reads --forbid and --zones.
func (m *minimizeRun) readPolicy() error {
	if m.forbid != "" {
		err := m.readLines("--forbid", m.forbid, func(r io.Reader) (err error) {
			m.opts.Forbidden, err = rulelist.ReadForbidden(r)
			return err
		})
		if err != nil {
			return err
		}
	}
	if m.zones == "" {
		return nil
	}
	return m.readLines("--zones", m.zones, func(r io.Reader) (err error) {
		m.opts.Zones, err = rulelist.ReadZones(r)
		return err
	})
}

func (m *minimizeRun) readLines(flag, file string, read func(io.Reader) error) error {
	f, err := os.Open(file)
	if err != nil {
		return command.Usage("%s: %v", flag, err)
	}
	defer func() { _ = f.Close() }()
	if err := read(f); err != nil {
		return command.Usage("%s %s: %v", flag, file, err)
	}
	return nil
}
