package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/flowcover/flowcover/cmd/internal/command"
	"github.com/flowcover/flowcover/cmd/internal/table"
	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

// reachRun finds all peers of one end.
type reachRun struct {
	env      *command.Env
	snapshot string
	query    topology.ReachQuery
	all      bool
	json     bool
}

func reachVerb() command.Verb {
	return command.Verb{
		Name: "reach", Summary: "find everyone who reaches an address or port, or all that one end reaches",
		About: "Answers for all peers at once what trace answers for one: interfaces of the snapshot, and the address space outside it by " +
			"the gateway taken, each with the protocols and ports that pass, request and reply. No address is tried: the answer is worked " +
			"out for whole ranges. What it leaves out stands under \"not computed\".",
		Examples: []string{
			"flowcover reach --snapshot snapshot.json --to eni-0123456789abcdef0 --port 5432",
			"flowcover reach --snapshot snapshot.json --from i-0123456789abcdef0 --json | jq '.outside[]'",
		},
		Flags: []command.Flag{
			oneSnapshotFlag(),
			{Name: "to", Hint: "ENI|INSTANCE|IP", Usage: "who reaches this"},
			{Name: "from", Hint: "ENI|INSTANCE|IP", Usage: "what this reaches"},
			{Name: "protocol", Hint: "NAME|NUMBER", Usage: "only this protocol: tcp, udp, icmp, icmpv6 or a number", Default: "all"},
			{Name: "port", Hint: "N|N-N", Usage: "only these destination ports; tcp unless --protocol says udp"},
			{Name: "source-port", Hint: "N", Type: command.Int, Usage: "the opener's port; without it replies must pass to 1024-65535"},
			{Name: "all", Type: command.Bool, Usage: "show every prefix, and unused addresses of subnets"},
			jsonFlag(),
		},
		New: newReach,
	}
}

func newReach(c *cli.Context, e *command.Env) (command.Runner, error) {
	r := &reachRun{env: e, snapshot: firstOf(c.StringSlice("snapshot")), all: c.Bool("all"), json: c.Bool("json")}
	r.query = topology.ReachQuery{From: c.String("from"), To: c.String("to"), SourcePort: c.Int("source-port")}
	p, err := netset.ParseProtocol(c.String("protocol"))
	if err != nil {
		return nil, fmt.Errorf("--protocol: %w", err)
	}
	if ports := c.String("port"); ports != "" {
		if p == netset.AllProtocols {
			p = netset.TCP
		}
		if !p.HasPorts() {
			return nil, fmt.Errorf("--port does not go with protocol %s, which has no ports", p)
		}
		from, to, err := netset.ParsePorts(ports)
		if err != nil {
			return nil, fmt.Errorf("--port: %w", err)
		}
		r.query.Columns = netset.ColumnSet{netset.PortColumns(p, from, to)}
	} else if p != netset.AllProtocols {
		r.query.Columns = netset.ColumnSet{netset.ProtocolColumns(p)}
	}
	switch n := len(c.StringSlice("snapshot")); {
	case n > 1:
		return nil, fmt.Errorf("--snapshot is given %d times; reach asks one", n)
	case n == 0:
		return nil, fmt.Errorf("--snapshot is missing; make one with: flowcover snapshot")
	case (r.query.From == "") == (r.query.To == ""):
		return nil, fmt.Errorf("give one of --to and --from: an ENI, an instance or an IP address")
	}
	return r, nil
}

// reachJSON is what reach --json prints.
type reachJSON struct {
	Format string `json:"format"`
	From   string `json:"from,omitempty"`
	To     string `json:"to,omitempty"`
	*topology.Reach
	Interfaces []reachPeerJSON  `json:"interfaces"`
	Outside    []reachBlockJSON `json:"outside"`
	Free       []reachBlockJSON `json:"free"`
}

type reachPeerJSON struct {
	topology.ReachPeer
	Services []string `json:"services"`
	NoReply  []string `json:"no_reply"`
}

type reachBlockJSON struct {
	topology.ReachBlock
	Services []string `json:"services"`
	NoReply  []string `json:"no_reply"`
}

func (r *reachRun) Run(context.Context) error {
	doc, err := readSnapshot(r.snapshot)
	if err != nil {
		return err
	}
	found, err := doc.Snapshot().Reach(r.query)
	var end *topology.EndpointError
	if errors.As(err, &end) {
		return &command.UsageError{Verb: "reach", Err: fmt.Errorf("--%w", err)}
	}
	if err != nil {
		return &command.UsageError{Verb: "reach", Err: err}
	}
	if r.json {
		return writeJSON(r.env.Out, r.document(found))
	}
	return r.print(doc.Snapshot(), found)
}

func (r *reachRun) document(found *topology.Reach) reachJSON {
	out := reachJSON{Format: "flowcover.reach/1", From: r.query.From, To: r.query.To, Reach: found,
		Interfaces: []reachPeerJSON{}, Outside: reachBlocks(found.Outside), Free: reachBlocks(found.Free)}
	for _, p := range found.Interfaces {
		out.Interfaces = append(out.Interfaces, reachPeerJSON{p, orEmpty(p.Columns.Strings()), orEmpty(p.NoReply.Strings())})
	}
	return out
}

func reachBlocks(in []topology.ReachBlock) []reachBlockJSON {
	out := []reachBlockJSON{}
	for _, b := range in {
		out = append(out, reachBlockJSON{b, orEmpty(b.Columns.Strings()), orEmpty(b.NoReply.Strings())})
	}
	return out
}

// print writes the peers grouped by what passes, so that a hundred alike take
// a line each and their services stand once.
func (r *reachRun) print(s *topology.Snapshot, found *topology.Reach) error {
	var b strings.Builder
	text := func(first, line string) { b.WriteString(table.Indent(first, table.Clean(line), r.env.Width) + "\n") }
	title := "reached by"
	if r.query.From != "" {
		title = "reaches"
	}
	for _, e := range found.Ends {
		line := e.Address.String()
		if e.Instance != "" {
			line += " of " + e.ENI + " " + s.Label(e.Instance)
		} else if e.ENI != "" {
			line += " of " + s.Label(e.ENI)
		}
		text("", line+" "+title)
	}
	for _, g := range r.groups(s, found) {
		b.WriteString("\n")
		text("  ", g.services)
		for i, p := range g.peers {
			if i == listed && !r.all {
				text("    ", fmt.Sprintf("and %d more (--all)", len(g.peers)-i))
				break
			}
			text("    ", p)
		}
	}
	if len(found.Interfaces)+len(found.Outside) == 0 {
		b.WriteString("\n  nobody\n")
	}
	if n := len(found.Free); n > 0 && !r.all {
		b.WriteString("\n")
		text("  ", fmt.Sprintf("and unused addresses of subnets, in %s (--all)", plural(n, "prefix", "prefixes")))
	}
	if len(found.Notes)+len(found.NotComputed) > 0 {
		b.WriteString("\n")
	}
	for _, n := range found.Notes {
		text("  note  ", newLabels(s).text(n))
	}
	for _, n := range found.NotComputed {
		text("  not computed  ", n)
	}
	_, err := io.WriteString(r.env.Out, b.String())
	return err
}

// reachGroup are peers with the same services.
type reachGroup struct {
	services string
	peers    []string
}

func (r *reachRun) groups(s *topology.Snapshot, found *topology.Reach) []reachGroup {
	var out []reachGroup
	at := map[string]int{}
	add := func(columns, noReply netset.ColumnSet, peer string) {
		var parts []string
		if len(columns) > 0 {
			parts = append(parts, strings.Join(columns.Strings(), " "))
		}
		if len(noReply) > 0 {
			parts = append(parts, "without a reply: "+strings.Join(noReply.Strings(), " "))
		}
		key := strings.Join(parts, "; ")
		i, ok := at[key]
		if !ok {
			i = len(out)
			at[key] = i
			out = append(out, reachGroup{services: key})
		}
		out[i].peers = append(out[i].peers, peer)
	}
	for _, p := range found.Interfaces {
		line := prefixText(p.Prefix) + " " + s.Label(p.ENI)
		if p.Instance != "" {
			line = prefixText(p.Prefix) + " " + s.Label(p.Instance)
		}
		add(p.Columns, p.NoReply, line+" in "+s.Label(p.Subnet))
	}
	blocks := slices.Clone(found.Outside)
	if r.all {
		blocks = append(blocks, found.Free...)
	}
	for i := 0; i < len(blocks); i++ {
		p := blocks[i]
		first, last := p.Prefix.Addr(), netset.LastAddr(p.Prefix)
		for i+1 < len(blocks) && sameAnswer(blocks[i+1], p) && blocks[i+1].Prefix.Addr() == last.Next() {
			i++
			last = netset.LastAddr(blocks[i].Prefix)
		}
		by := "by " + s.Label(p.By)
		if strings.HasPrefix(p.By, "subnet-") {
			by = "unused in " + s.Label(p.By)
		} else if p.By == topology.BesideInstance {
			by = p.By
		}
		add(p.Columns, p.NoReply, rangeText(first, last)+" "+by)
	}
	return out
}

func sameAnswer(a, b topology.ReachBlock) bool {
	return a.By == b.By && slices.Equal(a.Columns, b.Columns) && slices.Equal(a.NoReply, b.NoReply)
}

// rangeText writes a range as a prefix where it is one.
func rangeText(first, last netip.Addr) string {
	if ps := netset.Range(first, last); len(ps) == 1 {
		return prefixText(ps[0])
	}
	return first.String() + " to " + last.String()
}

func prefixText(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}
