package demo

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"time"
)

// TruthFormat is the value of the truth's format field.
const TruthFormat = "flowcover.demo-truth/1"

// Truth is what really happened, for tests to compare with what an analysis
// finds. Only connections that left a record in the logs are in it.
type Truth struct {
	Format string       `json:"format"`
	Seed   uint64       `json:"seed"`
	Since  time.Time    `json:"since"`
	Until  time.Time    `json:"until"`
	Pairs  []TruthEntry `json:"pairs"`
}

// TruthEntry is everything that one opener did at one port of one target.
type TruthEntry struct {
	Service   string     `json:"service"` // the call's name
	Kind      Kind       `json:"kind"`
	From      string     `json:"from,omitempty"` // role or zone; empty for traffic made up from rules
	To        string     `json:"to,omitempty"`
	Opener    netip.Addr `json:"opener"`
	OpenerENI string     `json:"opener_eni,omitempty"`
	Target    netip.Addr `json:"target"`
	TargetENI string     `json:"target_eni,omitempty"`
	Protocol  int        `json:"protocol"`
	Port      int        `json:"port"` // -1 for protocols without ports
	// OpenerPortLow and High bound the opener's ports; -1 without ports.
	OpenerPortLow  int `json:"opener_port_low"`
	OpenerPortHigh int `json:"opener_port_high"`
	// Way is vpc, transit, transit-vpn, nat, internet, gateway-endpoint, peering or vpn.
	Way         string `json:"way"`
	Connections int64  `json:"connections"` // opened within the window, or 1 for one that is older
	Records     int64  `json:"records"`     // of both directions and all ENIs
	First       int64  `json:"first"`       // unix seconds
	Last        int64  `json:"last"`
	// SYN: a record with the opener's SYN is in the logs.
	SYN bool `json:"syn"`
	// CrossesMidnight: one of its connections runs over a UTC midnight.
	CrossesMidnight bool `json:"crosses_midnight,omitempty"`
}

// truthTable gathers entries. One belongs to one worker; they are merged.
type truthTable struct {
	g       *generator
	entries map[truthKey]*TruthEntry
}

type truthKey struct {
	pair   int
	opener netip.Addr
	port   int32
}

func newTruthTable(g *generator) *truthTable {
	return &truthTable{g: g, entries: map[truthKey]*TruthEntry{}}
}

// note adds what one hour saw of one connection.
func (t *truthTable) note(p *pair, c *connection, seen *noted) {
	key := truthKey{p.index, c.opener, c.dport}
	x := t.entries[key]
	if x == nil {
		x = t.g.newEntry(p, c)
		t.entries[key] = x
	}
	x.Records += seen.records
	x.First, x.Last = min(x.First, seen.first), max(x.Last, seen.last)
	if p.call.proto.HasPorts() {
		x.OpenerPortLow, x.OpenerPortHigh = min(x.OpenerPortLow, int(c.sport)), max(x.OpenerPortHigh, int(c.sport))
	}
	if seen.opened && c.opens {
		x.Connections++
	}
	x.SYN = x.SYN || seen.syn
	x.CrossesMidnight = x.CrossesMidnight || floorDiv(c.start, 86400) != floorDiv(c.end, 86400) || p.call.when.long()
}

func (g *generator) newEntry(p *pair, c *connection) *TruthEntry {
	x := &TruthEntry{Service: p.call.name, Kind: p.call.fate(), From: p.call.from, To: p.call.to, Opener: c.opener, Target: c.target,
		Protocol: int(p.call.proto), Port: -1, OpenerPortLow: -1, OpenerPortHigh: -1, Way: p.route.name, First: 1 << 62}
	if p.from.eni >= 0 {
		x.OpenerENI = g.people.net.res.Interfaces[p.from.eni].ID
	}
	if p.to.eni >= 0 {
		x.TargetENI = g.people.net.res.Interfaces[p.to.eni].ID
	}
	if p.call.proto.HasPorts() {
		x.Port, x.OpenerPortLow, x.OpenerPortHigh = int(c.dport), 1<<16, -1
	}
	return x
}

// merge adds another worker's entries.
func (t *truthTable) merge(o *truthTable) {
	for key, x := range o.entries {
		y := t.entries[key]
		if y == nil {
			t.entries[key] = x
			continue
		}
		y.Records += x.Records
		y.Connections += x.Connections
		y.First, y.Last = min(x.First, y.First), max(x.Last, y.Last)
		y.OpenerPortLow, y.OpenerPortHigh = min(x.OpenerPortLow, y.OpenerPortLow), max(x.OpenerPortHigh, y.OpenerPortHigh)
		y.SYN, y.CrossesMidnight = x.SYN || y.SYN, x.CrossesMidnight || y.CrossesMidnight
	}
}

// truth sorts the entries into the document.
func (t *truthTable) truth() *Truth {
	doc := &Truth{Format: TruthFormat, Seed: t.g.seed, Since: time.Unix(t.g.first*3600, 0).UTC(), Until: time.Unix(t.g.last*3600, 0).UTC()}
	for _, x := range t.entries {
		if x.Connections == 0 {
			x.Connections = 1 // older than the window
		}
		doc.Pairs = append(doc.Pairs, *x)
	}
	slices.SortFunc(doc.Pairs, func(a, b TruthEntry) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), a.Target.Compare(b.Target), cmp.Compare(a.Protocol, b.Protocol),
			cmp.Compare(a.Port, b.Port), a.Opener.Compare(b.Opener), cmp.Compare(a.Kind, b.Kind))
	})
	return doc
}

// Encode writes the truth, one pair a line.
func (t *Truth) Encode(w io.Writer) error {
	head, err := json.Marshal(struct {
		Format string    `json:"format"`
		Seed   uint64    `json:"seed"`
		Since  time.Time `json:"since"`
		Until  time.Time `json:"until"`
	}{t.Format, t.Seed, t.Since, t.Until})
	if err != nil {
		return fmt.Errorf("truth: %w", err)
	}
	if _, err := fmt.Fprintf(w, "%s,\n\"pairs\": [", head[:len(head)-1]); err != nil {
		return fmt.Errorf("truth: %w", err)
	}
	for i := range t.Pairs {
		line, err := json.Marshal(&t.Pairs[i])
		if err != nil {
			return fmt.Errorf("truth: %w", err)
		}
		comma := ","
		if i == 0 {
			comma = ""
		}
		if _, err := fmt.Fprintf(w, "%s\n%s", comma, line); err != nil {
			return fmt.Errorf("truth: %w", err)
		}
	}
	if _, err := io.WriteString(w, "\n]}\n"); err != nil {
		return fmt.Errorf("truth: %w", err)
	}
	return nil
}
