package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/analyze/hostcap"
	"github.com/flowcover/flowcover/cmd/internal/command"
	"github.com/flowcover/flowcover/cmd/internal/table"
)

// captureRun prints what a host capture holds.
type captureRun struct {
	env  *command.Env
	file string
	top  int
	json bool
}

func captureVerb() command.Verb {
	return command.Verb{
		Name: "capture", Summary: "read one host capture and print its connections",
		Args: "read FILE", MinArgs: 2, MaxArgs: 2,
		About: "FILE is what flowcapture wrote, the output of ss -tunap, netstat -an, conntrack -L or -E, a copy of /proc/net/tcp and its like, " +
			"Zeek's conn.log (TSV or JSON), a pcap or pcapng, or CSV (Timestamp, Destination IP, Port); gzipped or not; \"-\" is standard input. " +
			"The form is told by the content. Who opened a connection is told where the form tells it, or by the listening sockets in it. " +
			"In a pcap the local side is the one that opened the connection.",
		Examples: []string{
			"flowcover capture read sockets.txt",
			"ss -tunap | flowcover capture read - --json",
		},
		Exits: []int{codeUnreadable},
		Flags: []command.Flag{
			{Name: "top", Hint: "N", Type: command.Int, Default: "100", Usage: "connections to print for people; 0: all; --json prints all"},
			jsonFlag(),
		},
		New: func(c *cli.Context, e *command.Env) (command.Runner, error) {
			if what := c.Args().First(); what != "read" {
				return nil, fmt.Errorf("capture %s: want capture read FILE", what)
			}
			if c.Int("top") < 0 {
				return nil, fmt.Errorf("--top %d: want 0 or more", c.Int("top"))
			}
			return &captureRun{env: e, file: c.Args().Get(1), top: c.Int("top"), json: c.Bool("json")}, nil
		},
	}
}

// captureJSON is what capture read --json prints. A nil value is not known.
type captureJSON struct {
	Format     string          `json:"format"`
	Host       *string         `json:"host"`
	Instance   *string         `json:"instance"`
	ENIs       []string        `json:"enis"`
	Addresses  []netip.Addr    `json:"addresses"`
	Since      *string         `json:"since"`
	Until      *string         `json:"until"`
	Flows      []captureFlow   `json:"flows"`
	Listeners  []captureSocket `json:"listeners"`
	Incomplete *string         `json:"incomplete"`
}

type captureFlow struct {
	Protocol  string  `json:"protocol"`
	Local     *string `json:"local"`
	LocalPort *int    `json:"local_port"`
	Peer      *string `json:"peer"`
	PeerPort  *int    `json:"peer_port"`
	Opener    *string `json:"opener"` // local, peer
	// Count is how often it was seen: samples, events, log lines or packets.
	Count   int64   `json:"count"`
	Packets *int64  `json:"packets"`
	Bytes   *int64  `json:"bytes"`
	First   *string `json:"first"`
	Last    *string `json:"last"`
	Process *string `json:"process"`
	PID     *int    `json:"pid"`
}

type captureSocket struct {
	Protocol string  `json:"protocol"`
	Address  string  `json:"address"` // 0.0.0.0: every IPv4 address, "::": every address
	Port     int     `json:"port"`
	Process  *string `json:"process"`
	PID      *int    `json:"pid"`
}

func (r *captureRun) Run(context.Context) error {
	c, err := r.read()
	if err != nil {
		return err
	}
	if r.json {
		err = writeJSON(r.env.Out, newCaptureJSON(c))
	} else {
		err = r.print(c)
	}
	if err == nil && c.Incomplete != "" {
		return fmt.Errorf("%s: %w: %s", r.file, errUnreadable, c.Incomplete)
	}
	return err
}

func (r *captureRun) read() (c *analyze.Capture, err error) {
	if r.file == "-" {
		if c, err = hostcap.Decode(r.env.In); err != nil {
			return nil, fmt.Errorf("standard input: %w", err)
		}
		return c, nil
	}
	f, err := os.Open(r.file)
	if err != nil {
		return nil, fmt.Errorf("read capture: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if c, err = hostcap.Decode(f); err != nil {
		return nil, fmt.Errorf("%s: %w", r.file, err)
	}
	return c, nil
}

// known is nil for a value that says nothing.
func known[T comparable](v T) *T {
	var nothing T
	if v == nothing {
		return nil
	}
	return &v
}

func knownPort(p int) *int {
	if p == analyze.NoPort {
		return nil
	}
	return &p
}

func knownAddr(a netip.Addr) *string {
	if !a.IsValid() {
		return nil
	}
	return known(a.String())
}

func knownTime(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	return known(t.UTC().Format(time.RFC3339Nano))
}

func newCaptureJSON(c *analyze.Capture) captureJSON {
	out := captureJSON{
		Format: "flowcover.capture-read/1", Host: known(c.Host), Instance: known(c.Instance), ENIs: orEmpty(c.ENIs), Addresses: orEmpty(c.Addresses),
		Since: knownTime(c.Since), Until: knownTime(c.Until), Flows: []captureFlow{}, Listeners: []captureSocket{}, Incomplete: known(c.Incomplete),
	}
	for i := range c.Connections {
		n := &c.Connections[i]
		out.Flows = append(out.Flows, captureFlow{
			Protocol: n.Protocol.String(), Local: knownAddr(n.Local), LocalPort: knownPort(n.LocalPort), Peer: knownAddr(n.Peer), PeerPort: knownPort(n.PeerPort),
			Opener: hostcap.OpenerWord(n.Opener), Count: n.Count, Packets: known(n.Packets), Bytes: known(n.Bytes),
			First: knownTime(n.First), Last: knownTime(n.Last), Process: known(n.Process), PID: known(n.PID),
		})
	}
	for _, l := range c.Listeners {
		out.Listeners = append(out.Listeners, captureSocket{l.Protocol.String(), l.Addr.String(), l.Port, known(l.Process), known(l.PID)})
	}
	return out
}

func (r *captureRun) print(c *analyze.Capture) error {
	t := &table.Table{Columns: []table.Column{
		{Name: "protocol"}, {Name: "local"}, {Name: "peer"}, {Name: "opener"}, {Name: "count", Right: true}, {Name: "last", Drop: 1}, {Name: "process", Drop: 2},
	}}
	for i := range c.Connections {
		if r.top > 0 && i == r.top {
			break
		}
		n := &c.Connections[i]
		opener, last := "-", "-"
		if w := hostcap.OpenerWord(n.Opener); w != nil {
			opener = *w
		}
		if !n.Last.IsZero() {
			last = n.Last.UTC().Format("2006-01-02T15:04:05Z")
		}
		t.Add(n.Protocol.String(), endText(n.Local, n.LocalPort), endText(n.Peer, n.PeerPort), opener, strconv.FormatInt(n.Count, 10), last, orDash(n.Process))
	}
	if err := t.Write(r.env.Out, r.env.Width); err != nil {
		return err
	}
	var b strings.Builder
	if more := len(c.Connections) - len(t.Rows); more > 0 {
		fmt.Fprintf(&b, "and %s (--top 0)\n", plural(more, "more connection", "more connections"))
	}
	if len(c.Listeners) > 0 {
		b.WriteString("\nlistens on\n")
		for _, l := range c.Listeners {
			b.WriteString(table.Indent("  ", table.Clean(strings.TrimSpace(l.Protocol.String()+" "+endText(l.Addr, l.Port)+" "+l.Process)), r.env.Width) + "\n")
		}
	}
	fmt.Fprintf(&b, "\n%s, %s; host: %s\n", plural(len(c.Connections), "connection", "connections"), plural(len(c.Listeners), "listening socket", "listening sockets"), hostText(c))
	_, err := io.WriteString(r.env.Out, b.String())
	return err
}

func hostText(c *analyze.Capture) string {
	words := append([]string{}, c.ENIs...)
	for _, a := range c.Addresses {
		words = append(words, a.String())
	}
	for _, w := range []string{c.Instance, c.Host} {
		if w != "" {
			words = append([]string{w}, words...)
		}
	}
	if len(words) == 0 {
		return "not named; analyze wants --captures FILE=eni-...|i-...|IP"
	}
	return table.Clean(strings.Join(words, " "))
}

// endText writes an end as 10.0.0.1:22, [2001:db8::1]:22, "-" where it is not known.
func endText(a netip.Addr, port int) string {
	switch {
	case !a.IsValid() && port == analyze.NoPort:
		return "-"
	case !a.IsValid():
		return "?:" + strconv.Itoa(port)
	case port == analyze.NoPort:
		return a.String()
	}
	return netip.AddrPortFrom(a, uint16(port)).String()
}
