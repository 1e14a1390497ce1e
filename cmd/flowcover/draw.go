package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/analyze/rollup"
	"github.com/flowcover/flowcover/analyze/source"
	"github.com/flowcover/flowcover/cmd/internal/atomicfile"
	"github.com/flowcover/flowcover/cmd/internal/command"
	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/changeset"
	"github.com/flowcover/flowcover/topology/diagram"
	"github.com/flowcover/flowcover/topology/netset"
)

// drawRun draws a snapshot.
type drawRun struct {
	env      *command.Env
	snapshot string
	state    string
	region   string
	endpoint string
	out      string
	title    string
	vpcs     int
	json     bool
}

func drawVerb() command.Verb {
	return command.Verb{
		Name: "draw", Summary: "draw a snapshot as SVG: VPCs, what joins them, who talks to whom",
		Args: "SNAPSHOT", MinArgs: 0, MaxArgs: 1,
		About: "The picture stands alone (no scripts, no fonts from elsewhere) and is light or dark as the reader's screen is. With --state " +
			"it shows the connections of the newest observations between VPCs, and those that were refused. Of an account with more than " +
			"--max-vpcs VPCs it draws those with the most traffic, group by group, and counts the others.",
		Examples: []string{
			"flowcover draw snapshot.json -o topology.svg",
			"flowcover draw snapshot.json --state state --title \"Core banking, September\" -o topology.svg",
		},
		Flags: []command.Flag{
			oneSnapshotFlag(),
			stateFlag(),
			{Name: "out", Short: "o", Hint: "FILE", Usage: "picture to write; - for standard output", Default: "topology.svg"},
			{Name: "title", Hint: "TEXT", Usage: "title; without it the account"},
			{Name: "max-vpcs", Hint: "N", Type: command.Int, Default: "40", Usage: "how many VPCs to draw one by one"},
			regionFlag(), endpointFlag(),
			jsonFlag(),
		},
		New: newDraw,
	}
}

func newDraw(c *cli.Context, e *command.Env) (command.Runner, error) {
	d := &drawRun{
		env: e, snapshot: cmp.Or(c.Args().First(), firstOf(c.StringSlice("snapshot"))), state: c.String("state"), out: c.String("out"),
		title: c.String("title"), vpcs: c.Int("max-vpcs"), json: c.Bool("json"),
		region: firstOf(list(c.StringSlice("region"))), endpoint: c.String("endpoint-url"),
	}
	switch {
	case d.snapshot == "":
		return nil, fmt.Errorf("name the snapshot to draw; make one with: flowcover snapshot")
	case d.out == "":
		return nil, fmt.Errorf("--out is empty; give the file to write")
	case d.vpcs < 1:
		return nil, fmt.Errorf("--max-vpcs %d: want at least 1", d.vpcs)
	case d.json && d.out == "-":
		return nil, fmt.Errorf("--json and --out - both want standard output; give --out a file")
	}
	return d, nil
}

// drawJSON is what draw --json prints.
type drawJSON struct {
	Format   string            `json:"format"`
	Picture  string            `json:"picture"`
	Snapshot string            `json:"snapshot"` // digest
	Window   string            `json:"window"`   // of the traffic; empty: none is drawn
	Traffic  []diagram.Traffic `json:"traffic"`
}

func (d *drawRun) Run(ctx context.Context) error {
	doc, err := readSnapshot(d.snapshot)
	if err != nil {
		return err
	}
	s := doc.Snapshot()
	o := diagram.Options{Title: d.title, MaxVPCs: d.vpcs}
	if d.state != "" {
		if o.Traffic, o.Source, err = d.traffic(ctx, s); err != nil {
			return err
		}
	}
	picture := func(w io.Writer) error { return diagram.Overview(w, s, o) }
	if d.out == "-" {
		return picture(d.env.Out)
	}
	if err := atomicfile.Write(d.out, 0o644, picture); err != nil {
		return err
	}
	if d.json {
		return writeJSON(d.env.Out, drawJSON{"flowcover.drawn/1", d.out, s.Digest(), o.Source, orEmpty(o.Traffic)})
	}
	_, err = fmt.Fprintf(d.env.Out, "picture: %s\n", d.out)
	return err
}

// traffic reads the newest observations. A state without any, as it is before
// the first analyze, gives a picture without traffic.
func (d *drawRun) traffic(ctx context.Context, s *topology.Snapshot) ([]diagram.Traffic, string, error) {
	state, err := source.Open(ctx, d.state, source.Options{EndpointURL: d.endpoint, Region: d.region})
	if err != nil {
		return nil, "", fmt.Errorf("--state: %w; run analyze first", err)
	}
	o, flows, err := loadObservations(ctx, state, nil)
	if errors.Is(err, rollup.ErrNoObservations) {
		d.env.Log.Warn("no traffic is drawn", "state", d.state, "reason", "it holds no observations: run analyze first")
		return nil, "", nil
	}
	if err != nil {
		return nil, "", err
	}
	return connectionsBetween(s, flows), windowWords(o.Window), nil
}

// windowWords writes a window as days where it begins and ends at midnight.
func windowWords(w changeset.Window) string {
	since, a, okA := strings.Cut(w.Since, "T00:00:00")
	until, b, okB := strings.Cut(w.Until, "T00:00:00")
	if okA && okB && a == b {
		return fmt.Sprintf("%s to %s, %s", since, until, w.Timezone)
	}
	return fmt.Sprintf("%s to %s", w.Since, w.Until)
}

// connectionsBetween counts the distinct connections between the places of a snapshot.
// Both ends of a connection log it: it counts once.
func connectionsBetween(s *topology.Snapshot, flows []analyze.Flow) []diagram.Traffic {
	type connection struct {
		opener, answerer netip.Addr
		protocol         netset.Protocol
		port             int
		refused          bool
		from, to         string
	}
	w := newWhereabouts(s)
	seen := make(map[connection]bool, len(flows))
	sums := map[[2]string]*diagram.Traffic{}
	for i := range flows {
		f := &flows[i]
		local := cmp.Or(f.VPC, w.of(f.Local, ""))
		peer := w.of(f.Peer, local)
		c := connection{f.Peer, f.Local, f.Protocol, f.Port, f.Action == analyze.Reject, peer, local}
		if f.Side == analyze.Out {
			c.opener, c.answerer, c.from, c.to = f.Local, f.Peer, local, peer
		}
		if seen[c] {
			continue
		}
		seen[c] = true
		key := [2]string{c.from, c.to}
		if sums[key] == nil {
			sums[key] = &diagram.Traffic{From: c.from, To: c.to}
		}
		if c.refused {
			sums[key].Refused++
		} else {
			sums[key].Flows++
		}
	}
	out := make([]diagram.Traffic, 0, len(sums))
	for _, t := range sums {
		out = append(out, *t)
	}
	slices.SortFunc(out, func(a, b diagram.Traffic) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
	return out
}

// whereabouts tells in which VPC an address lives.
type whereabouts struct {
	s     *topology.Snapshot
	vpcs  netset.Table[[]string] // by CIDR
	known map[[2]string]string
}

func newWhereabouts(s *topology.Snapshot) *whereabouts {
	w := &whereabouts{s: s, known: map[[2]string]string{}}
	for _, v := range s.Resources().VPCs {
		for _, c := range v.CIDRs {
			others, _ := w.vpcs.Get(c)
			w.vpcs.Set(c, append(others, v.ID))
		}
	}
	return w
}

// of gives the VPC of an address, or what stands for places beyond. Where
// several VPCs hold it, the one of the other end goes first; without it nobody
// can tell, and it counts as beyond.
func (w *whereabouts) of(a netip.Addr, other string) string {
	key := [2]string{a.String(), other}
	at, ok := w.known[key]
	if !ok {
		at = w.find(a, other)
		w.known[key] = at
	}
	return at
}

func (w *whereabouts) find(a netip.Addr, other string) string {
	var vpcs []string
	for _, n := range append(slices.Clone(w.s.InterfacesAt(a)), w.s.InterfacesAtPublic(a)...) {
		vpcs = append(vpcs, n.VPC)
	}
	if len(vpcs) == 0 {
		vpcs, _ = w.vpcs.Lookup(a)
	}
	vpcs = slices.Compact(slices.Sorted(slices.Values(vpcs)))
	switch {
	case slices.Contains(vpcs, other):
		return other
	case len(vpcs) == 1:
		return vpcs[0]
	case len(vpcs) > 1 || !a.IsGlobalUnicast() || a.IsPrivate() || sharedSpace.Contains(a):
		return diagram.Outside
	}
	return diagram.Internet
}

// sharedSpace is carrier-grade NAT's, which the internet does not route.
var sharedSpace = netip.MustParsePrefix("100.64.0.0/10")
