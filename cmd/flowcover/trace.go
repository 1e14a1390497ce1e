package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/flowcover/flowcover/cmd/internal/atomicfile"
	"github.com/flowcover/flowcover/cmd/internal/command"
	"github.com/flowcover/flowcover/cmd/internal/table"
	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/diagram"
	"github.com/flowcover/flowcover/topology/netset"
)

// traceRun follows one connection through a snapshot.
type traceRun struct {
	env      *command.Env
	snapshot string
	query    topology.Query
	expect   topology.Disposition
	picture  string // SVG file; empty: none
	json     bool
}

func traceVerb() command.Verb {
	var values []string
	for _, d := range topology.Dispositions() {
		values = append(values, string(d))
	}
	return command.Verb{
		Name: "trace", Summary: "follow a connection through a snapshot: each hop with the rule or route that decides",
		About: "Says how AWS would treat the request and its reply: " + strings.Join(values, ", ") + ". No packet is sent and AWS is " +
			"not called. The reply goes to --source-port; without it every port of the ephemeral range 1024 to 65535 has to pass.",
		Examples: []string{
			"flowcover trace --snapshot snapshot.json --from i-0123456789abcdef0 --to 10.20.1.15 --protocol tcp --port 443",
			"flowcover trace --snapshot snapshot.json --from 10.0.1.5 --to eni-0123456789abcdef0 --port 22 --expect DENIED_IN",
		},
		Exits: []int{codeFindings},
		Flags: []command.Flag{
			oneSnapshotFlag(),
			{Name: "from", Hint: "ENI|INSTANCE|IP", Usage: "where the connection is opened"},
			{Name: "to", Hint: "ENI|INSTANCE|IP", Usage: "where it goes"},
			{Name: "protocol", Hint: "NAME|NUMBER", Usage: "tcp, udp, icmp, icmpv6 or a number", Default: "tcp"},
			{Name: "port", Hint: "N", Type: command.Int, Usage: "destination port (tcp, udp)"},
			{Name: "source-port", Hint: "N", Type: command.Int, Usage: "the opener's port"},
			{Name: "icmp-type", Hint: "N", Type: command.Int, Usage: "ICMP type; without it an echo request"},
			{Name: "icmp-code", Hint: "N", Type: command.Int, Usage: "ICMP code"},
			{Name: "expect", Hint: "DISPOSITION", Usage: "exit with 4 on any other verdict of the request", Values: values},
			{Name: "svg", Hint: "FILE", Usage: "draw both directions hop by hop into this file, too"},
			jsonFlag(),
		},
		New: newTrace,
	}
}

func newTrace(c *cli.Context, e *command.Env) (command.Runner, error) {
	t := &traceRun{env: e, snapshot: firstOf(c.StringSlice("snapshot")), expect: topology.Disposition(c.String("expect")), picture: c.String("svg"), json: c.Bool("json")}
	if n := len(c.StringSlice("snapshot")); n > 1 {
		return nil, fmt.Errorf("--snapshot is given %d times; trace follows a connection through one", n)
	}
	p, err := netset.ParseProtocol(c.String("protocol"))
	if err != nil {
		return nil, fmt.Errorf("--protocol: %w", err)
	}
	t.query = topology.Query{
		From: c.String("from"), To: c.String("to"), Protocol: p, Port: c.Int("port"), SourcePort: c.Int("source-port"),
		ICMPType: c.Int("icmp-type"), ICMPCode: c.Int("icmp-code"),
	}
	switch {
	case t.snapshot == "":
		return nil, fmt.Errorf("--snapshot is missing; make one with: flowcover snapshot")
	case t.query.From == "":
		return nil, fmt.Errorf("--from is missing; give an ENI, an instance or an IP address")
	case t.query.To == "":
		return nil, fmt.Errorf("--to is missing; give an ENI, an instance or an IP address")
	case p.HasPorts() && !c.IsSet("port"):
		return nil, fmt.Errorf("--port is missing; %s has destination ports", p)
	case !p.HasPorts() && (c.IsSet("port") || c.IsSet("source-port")):
		return nil, fmt.Errorf("--port and --source-port do not go with protocol %s, which has no ports", p)
	case !p.HasTypes() && (c.IsSet("icmp-type") || c.IsSet("icmp-code")):
		return nil, fmt.Errorf("--icmp-type and --icmp-code go with icmp and icmpv6 only")
	}
	return t, nil
}

// traceJSON is what trace --json prints.
type traceJSON struct {
	Format string `json:"format"`
	topology.Result
}

func (t *traceRun) Run(context.Context) error {
	doc, err := readSnapshot(t.snapshot)
	if err != nil {
		return err
	}
	result, err := doc.Snapshot().Trace(t.query)
	var end *topology.EndpointError
	if errors.As(err, &end) {
		return &command.UsageError{Verb: "trace", Err: fmt.Errorf("--%w", err)}
	}
	if err != nil {
		return &command.UsageError{Verb: "trace", Err: err}
	}
	if t.picture != "" {
		if err := atomicfile.Write(t.picture, 0o644, func(w io.Writer) error { return diagram.Path(w, doc.Snapshot(), t.query, result) }); err != nil {
			return err
		}
	}
	if t.json {
		err = writeJSON(t.env.Out, traceJSON{"flowcover.trace/1", withLists(result)})
	} else {
		err = t.print(t.env.Out, doc.Snapshot(), result)
	}
	if err == nil && t.expect != "" && t.expect != result.Disposition {
		return fmt.Errorf("%w: the request is %s, expected %s", errFindings, result.Disposition, t.expect)
	}
	return err
}

func withLists(r topology.Result) topology.Result {
	for _, leg := range []*topology.Leg{&r.Leg, &r.Reply} {
		leg.Path, leg.Hops = orEmpty(leg.Path), orEmpty(leg.Hops)
	}
	return r
}

func (t *traceRun) print(w io.Writer, s *topology.Snapshot, r topology.Result) error {
	if err := t.printLeg(w, s, "request", r.Leg); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	return t.printLeg(w, s, "reply", r.Reply)
}

func (t *traceRun) printLeg(w io.Writer, s *topology.Snapshot, name string, leg topology.Leg) error {
	var b strings.Builder
	names := newLabels(s)
	text := func(first, s string) { b.WriteString(table.Indent(first, table.Clean(s), t.env.Width) + "\n") }
	text("", name+": "+string(leg.Disposition))
	if len(leg.Path) > 0 {
		text("  path  ", names.text(strings.Join(leg.Path, " > ")))
	}
	for _, h := range leg.Hops {
		mark := "  pass  "
		if h.Verdict != topology.Pass {
			mark = "  STOP  "
		}
		line := h.Kind + " " + names.list(h.Resource)
		if h.Rule != nil {
			line += ": " + names.text(h.Rule.Rule)
			if h.Rule.Resource != h.Resource {
				line += " of " + names.always(h.Rule.Resource)
			}
			if h.Rule.ID != "" {
				line += " (" + h.Rule.ID + ")"
			}
		}
		if h.Detail != "" {
			line += "; " + names.text(h.Detail)
		}
		text(mark, line)
		if h.Nearest != "" {
			text("        ", "nearest: "+names.text(h.Nearest))
		}
	}
	for _, n := range leg.Notes {
		text("  note  ", names.text(n))
	}
	_, err := io.WriteString(w, b.String())
	return err
}
