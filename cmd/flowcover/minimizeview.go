package main

import (
	"fmt"
	"io"
	"math/big"
	"strconv"
	"strings"

	"github.com/flowcover/flowcover/cmd/internal/table"
	"github.com/flowcover/flowcover/optimize"
	"github.com/flowcover/flowcover/optimize/rulelist"
	"github.com/flowcover/flowcover/topology/netset"
)

// minimizeJSON is what minimize --json prints. Counts are integers of any size.
type minimizeJSON struct {
	Format string         `json:"format"`
	Input  minimizeInput  `json:"input"`
	Kind   string         `json:"kind"`
	Max    int            `json:"max"`
	Exact  bool           `json:"exact"`
	Rules  []minimizeRule `json:"rules"`
	Price  int            `json:"price"`

	ExtraAddresses    *big.Int        `json:"extra_addresses"`
	ExtraAddressPorts *big.Int        `json:"extra_address_ports"`
	WeightedExcess    *big.Int        `json:"weighted_excess"`
	LowerBound        *big.Int        `json:"lower_bound"`
	BoundKind         string          `json:"bound_kind"`
	Proven            bool            `json:"proven"`
	Gap               float64         `json:"gap"`
	FewestRules       *int            `json:"fewest_rules,omitempty"`
	Frontier          []minimizePoint `json:"frontier"`
	Witness           *minimizeWhy    `json:"witness"`
}

type minimizeInput struct {
	Form      string   `json:"form"`
	Rules     int      `json:"rules"`
	Addresses *big.Int `json:"addresses"`
	Notes     []string `json:"notes"`
}

type minimizeRule struct {
	Protocol  string  `json:"protocol"`
	Ports     any     `json:"ports"` // null, a port, or "FROM-TO"; of ICMP a type or "TYPE:CODE"
	CIDR      *string `json:"cidr"`
	Action    string  `json:"action"`
	Reference string  `json:"reference,omitempty"`
	Entries   int     `json:"entries"`
	Weight    int64   `json:"weight"`
}

type minimizePoint struct {
	Price  int      `json:"price"`
	Excess *big.Int `json:"excess"`
}

type minimizeWhy struct {
	Message    string        `json:"message"`
	LeastPrice *int          `json:"least_price"` // null: no number of rules will do
	Approved   *minimizeCell `json:"approved"`
	Forbidden  *minimizeCell `json:"forbidden"`
}

type minimizeCell struct {
	Protocol string `json:"protocol"`
	Ports    any    `json:"ports"`
	CIDR     string `json:"cidr"`
}

func newMinimizeJSON(m *minimizeRun, l *rulelist.List, a *rulelist.Answer) minimizeJSON {
	out := minimizeJSON{
		Format: "flowcover.minimize/1", Input: minimizeInput{l.Form, a.Before, a.Addresses, orEmpty(l.Notes)},
		Kind: m.opts.Kind, Max: a.Max, Exact: m.opts.Exact, Rules: []minimizeRule{}, Price: a.Price,
		ExtraAddresses: a.ExtraAddresses, ExtraAddressPorts: a.ExtraCells, WeightedExcess: a.Excess,
		LowerBound: a.Bound, BoundKind: a.BoundKind, Proven: a.Proven, Gap: gapOf(a.Excess, a.Bound), Frontier: []minimizePoint{},
	}
	if a.BoundKind == "" {
		out.BoundKind = "none"
	}
	if m.opts.Exact {
		out.FewestRules = &a.PriceBound
	}
	for _, p := range a.Frontier {
		out.Frontier = append(out.Frontier, minimizePoint{p.Price, p.Excess})
	}
	if w := a.Witness; w != nil {
		out.Witness = &minimizeWhy{Message: w.Message, Approved: cellJSON(l, blockOf(w.Approved)), Forbidden: cellJSON(l, w.Forbidden)}
		if w.LeastPrice > 0 {
			out.Witness.LeastPrice = &w.LeastPrice
		}
		return out
	}
	for _, r := range a.Rules {
		cidr, action := r.Prefix.String(), "allow"
		if r.Deny {
			action = "deny"
		}
		cols := l.Columns(r.Block)
		out.Rules = append(out.Rules, minimizeRule{Protocol: rulelist.ProtocolText(cols), Ports: portsJSON(cols), CIDR: &cidr, Action: action, Entries: r.Entries, Weight: r.Weight})
	}
	for _, r := range a.References {
		out.Rules = append(out.Rules, minimizeRule{Protocol: rulelist.ProtocolText(r.Columns), Ports: portsJSON(r.Columns), Action: "allow", Reference: r.Target, Entries: 1, Weight: 1})
	}
	return out
}

func blockOf(c *optimize.Cell) *netset.Block {
	if c == nil {
		return nil
	}
	return &c.Block
}

func cellJSON(l *rulelist.List, b *netset.Block) *minimizeCell {
	if b == nil {
		return nil
	}
	cols := l.Columns(*b)
	return &minimizeCell{rulelist.ProtocolText(cols), portsJSON(cols), b.Prefix.String()}
}

// portsJSON gives ports as the input has them: null for all, a number for one.
func portsJSON(c netset.Columns) any {
	text := rulelist.PortsText(c)
	if text == "" {
		return nil
	}
	if n, err := strconv.Atoi(text); err == nil {
		return n
	}
	return text
}

// gapOf is the share of the excess that the bound leaves open.
func gapOf(excess, bound *big.Int) float64 {
	if excess.Sign() == 0 {
		return 0
	}
	gap, _ := new(big.Rat).SetFrac(new(big.Int).Sub(excess, bound), excess).Float64()
	return gap
}

// minimizeView prints an answer for people.
type minimizeView struct {
	out   io.Writer
	width int
	b     strings.Builder
}

func (v *minimizeView) text(first, s string) {
	v.b.WriteString(table.Indent(first, table.Clean(s), v.width) + "\n")
}

func (v *minimizeView) write(m *minimizeRun, l *rulelist.List, a *rulelist.Answer) error {
	v.text("today     ", fmt.Sprintf("%s, %s (%s)", plural(a.Before, "rule", "rules"), countText(a.Addresses, "address", "addresses"), l.Form))
	for _, n := range l.Notes {
		v.text("note      ", n)
	}
	if a.Witness != nil {
		v.text("proposed  ", fmt.Sprintf("none: at most %s will not do", plural(a.Max, "rule", "rules")))
		v.text("because   ", a.Witness.Message)
	} else {
		v.text("proposed  ", fmt.Sprintf("%s of at most %d", plural(a.Price, "rule", "rules"), a.Max))
		v.text("opens     ", v.opens(m, l, a))
		v.text("proof     ", proofText(m, a))
	}
	if err := v.rules(l, a); err != nil {
		return err
	}
	if err := v.frontier(a); err != nil {
		return err
	}
	if m.svg != "" && len(a.Frontier) > 0 {
		v.b.WriteString("\n")
		v.text("picture   ", m.svg)
	}
	return v.flush()
}

func (v *minimizeView) flush() error {
	_, err := io.WriteString(v.out, v.b.String())
	v.b.Reset()
	return err
}

func (v *minimizeView) opens(m *minimizeRun, l *rulelist.List, a *rulelist.Answer) string {
	if a.ExtraCells.Sign() == 0 {
		return "exactly what the list opens"
	}
	s := countText(a.ExtraAddresses, "address", "addresses") + " beyond the list"
	if !l.Plain {
		s += ", " + countText(a.ExtraCells, "address times port", "addresses times ports")
	}
	if m.opts.Zones != nil {
		s += ", weighing " + grouped(a.Excess)
	}
	return s
}

func proofText(m *minimizeRun, a *rulelist.Answer) string {
	switch {
	case m.opts.Exact && a.Proven:
		return "proven: no fewer rules open exactly this"
	case m.opts.Exact:
		return fmt.Sprintf("not proven: at least %s needed", plural(a.PriceBound, "rule is", "rules are"))
	case a.Proven && a.BoundKind == optimize.BoundList:
		return "proven least for a list with the longer of two nested prefixes first"
	case a.Proven:
		return "proven least for so many rules"
	case a.BoundKind != "":
		return fmt.Sprintf("not proven; at least %s (%s), a gap of %.2f%%", grouped(a.Bound), a.BoundKind, 100*gapOf(a.Excess, a.Bound))
	}
	return "not proven, and no bound is known"
}

// rules prints the proposed list.
func (v *minimizeView) rules(l *rulelist.List, a *rulelist.Answer) error {
	if a.Witness != nil {
		return nil
	}
	v.b.WriteString("\n")
	if err := v.flush(); err != nil {
		return err
	}
	t := &table.Table{Columns: []table.Column{{Name: "action"}, {Name: "protocol"}, {Name: "ports"}, {Name: "cidr"}, {Name: "carries", Right: true}}}
	add := func(action string, cols netset.Columns, cidr string, carries int) {
		ports := rulelist.PortsText(cols)
		if ports == "" {
			ports = "all"
		}
		protocol := rulelist.ProtocolText(cols)
		if protocol == "-1" {
			protocol = "all"
		}
		t.Add(action, protocol, ports, cidr, strconv.Itoa(carries))
	}
	for _, r := range a.Rules {
		action := "allow"
		if r.Deny {
			action = "deny"
		}
		add(action, l.Columns(r.Block), r.Prefix.String(), r.Entries)
	}
	for _, r := range a.References {
		add("allow", r.Columns, r.Target, 1)
	}
	return t.Write(v.out, v.width)
}

// frontier prints a few points: the first, those around the answer, the last.
func (v *minimizeView) frontier(a *rulelist.Answer) error {
	if len(a.Frontier) < 2 {
		return nil
	}
	at := 0
	for i, p := range a.Frontier {
		if p.Price <= a.Price || a.Witness != nil {
			at = i
		}
	}
	v.b.WriteString("\nwhat other numbers of rules open\n")
	if err := v.flush(); err != nil {
		return err
	}
	t := &table.Table{Columns: []table.Column{{Name: "rules", Right: true}, {Name: "excess", Right: true}, {Name: ""}}}
	const around = 3
	last := -1
	for i, p := range a.Frontier {
		if i > 0 && i < len(a.Frontier)-1 && (i < at-around || i > at+around) {
			continue
		}
		if i > last+1 {
			t.Add("...", "...", "")
		}
		last = i
		mark := ""
		switch {
		case i == at && a.Witness == nil:
			mark = "proposed"
		case p.Price > a.Max:
			mark = "more than " + strconv.Itoa(a.Max)
		}
		t.Add(strconv.Itoa(p.Price), grouped(p.Excess), mark)
	}
	return t.Write(v.out, v.width)
}

func countText(n *big.Int, one, many string) string {
	if n.Cmp(big.NewInt(1)) == 0 {
		return "1 " + one
	}
	return grouped(n) + " " + many
}

// grouped writes a number with a blank between thousands, long ones shortened.
func grouped(n *big.Int) string {
	digits := n.String()
	if len(digits) <= 4 || n.Sign() < 0 {
		return digits
	}
	if len(digits) > 21 {
		return short(digits)
	}
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(d)
	}
	return b.String()
}
