package changeset

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"

	"github.com/flowcover/flowcover/optimize/target"
	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

// The kinds of a Change.
const (
	RuleAdd      = "sg-rule-add"
	RuleRemove   = "sg-rule-remove"
	EntryAdd     = "nacl-entry-add"
	EntryRemove  = "nacl-entry-remove"
	EntryReplace = "nacl-entry-replace"
)

// Propose is a Change's decision as plan writes it.
const Propose = "propose"

func (c *Change) onACL() bool { return strings.HasPrefix(c.Kind, "nacl-") }

// computeID names the change by what it does: the same in every plan.
func (c *Change) computeID() string {
	h := sha256.New()
	for _, s := range []string{c.Kind, c.Account, c.Region, c.Target, c.Before.words(), c.After.words()} {
		_, _ = fmt.Fprintf(h, "%d:%s,", len(s), s) // a hash takes every write
	}
	return "c-" + hex.EncodeToString(h.Sum(nil))[:12]
}

// words writes the rule in one line: "ingress tcp/443 from 10.0.0.0/8",
// "egress 100 allow tcp/443 to 10.0.0.0/8".
func (d *RuleDoc) words() string {
	if d == nil {
		return ""
	}
	peer := d.CIDR
	switch {
	case d.PrefixList != "":
		peer = d.PrefixList
	case d.Group != "" && d.GroupOwner != "":
		peer = d.GroupOwner + "/" + d.Group
	case d.Group != "":
		peer = d.Group
	}
	cols := d.Protocol
	if p, err := netset.ParseProtocol(d.Protocol); err == nil {
		cols = netset.RuleColumns(p, d.FromPort, d.ToPort).String()
	}
	word := "from"
	if d.Direction == topology.Egress {
		word = "to"
	}
	if d.Number == 0 {
		return fmt.Sprintf("%s %s %s %s", d.Direction, cols, word, peer)
	}
	verb := "deny"
	if d.Allow {
		verb = "allow"
	}
	return fmt.Sprintf("%s %d %s %s %s %s", d.Direction, d.Number, verb, cols, word, peer)
}

// String is the rule in one line, for people.
func (d *RuleDoc) String() string { return d.words() }

// docOfRule writes a security group rule as a document does.
func docOfRule(r topology.SecurityGroupRule) RuleDoc {
	from, to := portsOf(r.Columns())
	d := RuleDoc{ID: r.ID, Direction: r.Direction, Allow: true, Protocol: protocolOf(r.Columns()),
		FromPort: from, ToPort: to, PrefixList: r.PrefixList, Group: r.Group, GroupOwner: r.GroupOwner, Description: r.Description}
	if r.CIDR.IsValid() {
		d.CIDR = r.CIDR.String()
	}
	return d
}

// docOfEntry writes a network ACL entry as a document does.
func docOfEntry(e topology.NetworkACLEntry) RuleDoc {
	from, to := portsOf(e.Columns())
	return RuleDoc{Number: e.Number, Direction: e.Direction, Allow: e.Allow, Protocol: protocolOf(e.Columns()),
		FromPort: from, ToPort: to, CIDR: e.CIDR.String()}
}

func protocolOf(c netset.Columns) string { return c.Protocol().String() }

func portsOf(c netset.Columns) (from, to int) { return c.FromTo() }

// columns reads the document's protocol and ports.
func (d *RuleDoc) columns() (netset.Protocol, error) {
	p, err := netset.ParseProtocol(d.Protocol)
	if err != nil {
		return 0, err
	}
	lo, hi := -1, 65535
	if p.HasTypes() {
		hi = 255
	}
	if p.HasPorts() && (d.FromPort < 0) != (d.ToPort < 0) || d.FromPort < lo || d.FromPort > hi || d.ToPort < lo || d.ToPort > hi ||
		p.HasPorts() && d.FromPort > d.ToPort {
		return 0, fmt.Errorf("rule %q: from_port %d, to_port %d: not a range of %s", d.words(), d.FromPort, d.ToPort, p)
	}
	if d.Direction != topology.Ingress && d.Direction != topology.Egress {
		return 0, fmt.Errorf("direction %q: want ingress or egress", d.Direction)
	}
	return p, nil
}

// Rule gives the security group rule that the document describes.
func (d *RuleDoc) Rule() (topology.SecurityGroupRule, error) {
	p, err := d.columns()
	if err != nil {
		return topology.SecurityGroupRule{}, err
	}
	r := topology.SecurityGroupRule{ID: d.ID, Direction: d.Direction, Protocol: p, FromPort: d.FromPort, ToPort: d.ToPort,
		PrefixList: d.PrefixList, Group: d.Group, GroupOwner: d.GroupOwner, Description: d.Description}
	peers := 0
	for _, s := range []string{d.CIDR, d.PrefixList, d.Group} {
		if s != "" {
			peers++
		}
	}
	if peers != 1 || !d.Allow || d.Number != 0 {
		return r, fmt.Errorf("rule %q: a security group rule has one of cidr, prefix_list and group, allows, and has no number", d.words())
	}
	if d.CIDR != "" {
		if r.CIDR, err = canonicalCIDR(d.CIDR); err != nil {
			return r, err
		}
	}
	return r, nil
}

// Entry gives the network ACL entry that the document describes.
func (d *RuleDoc) Entry() (topology.NetworkACLEntry, error) {
	p, err := d.columns()
	if err != nil {
		return topology.NetworkACLEntry{}, err
	}
	e := topology.NetworkACLEntry{Number: d.Number, Direction: d.Direction, Allow: d.Allow, Protocol: p, FromPort: d.FromPort, ToPort: d.ToPort}
	if d.Number < 1 || d.Number > target.MaxNumber || d.PrefixList != "" || d.Group != "" || d.ID != "" {
		return e, fmt.Errorf("entry %q: a network ACL entry has a number from 1 to %d and a cidr", d.words(), target.MaxNumber)
	}
	e.CIDR, err = canonicalCIDR(d.CIDR)
	return e, err
}

func canonicalCIDR(s string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, fmt.Errorf("cidr: %w", err)
	}
	if c := netset.CanonicalPrefix(p); c != p {
		return p, fmt.Errorf("cidr %q: want its canonical form, %s", s, c)
	}
	return p, nil
}

func entryBlock(e topology.NetworkACLEntry) netset.Block {
	return netset.Block{Prefix: e.CIDR, Columns: e.Columns()}
}
