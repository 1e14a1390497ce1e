package rulelist

import (
	"bufio"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"

	"github.com/flowcover/flowcover/optimize"
	"github.com/flowcover/flowcover/topology/netset"
)

// ParseForbidden reads what no rule may open: "PORTS", "CIDR" or "PORTS CIDR",
// such as "tcp/23", "203.0.113.0/24" or "tcp/23 203.0.113.0/24".
func ParseForbidden(s string) ([]netset.Block, error) {
	columns := netset.AllColumns()
	prefixes := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
	words := strings.Fields(s)
	if len(words) == 0 || len(words) > 2 {
		return nil, fmt.Errorf("want PORTS, CIDR or \"PORTS CIDR\"")
	}
	for i, word := range words {
		p, err := netip.ParsePrefix(word)
		if a, e := netip.ParseAddr(word); e == nil && strings.ContainsAny(word, ".:") && a.Zone() == "" {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err == nil {
			prefixes = []netip.Prefix{netset.CanonicalPrefix(p)}
			continue
		}
		if i > 0 {
			return nil, err
		}
		if columns, err = netset.ParseColumns(word); err != nil {
			return nil, err
		}
	}
	var out []netset.Block
	for _, p := range prefixes {
		out = append(out, netset.Block{Prefix: p, Columns: columns})
	}
	return out, nil
}

// ReadForbidden reads a file of such lines; # begins a comment.
func ReadForbidden(r io.Reader) ([]netset.Block, error) {
	var out []netset.Block
	err := eachLine(r, func(text string) error {
		bs, err := ParseForbidden(text)
		out = append(out, bs...)
		return err
	})
	return out, err
}

// Zones is what a zones file says: the price of exposure and the widest prefixes.
type Zones struct {
	Weights            optimize.Weights
	WidestV4, WidestV6 int // 0: no cap
}

// ReadZones reads a file of lines: "CIDR WEIGHT [NAME]" weighs each address of a
// network, "default WEIGHT" every other, "PORTS WEIGHT" (tcp/22 8) multiplies the
// weight of ports, "widest CIDR-LENGTH" (widest ipv4 /16) caps how short a prefix
// may be. A rule never spans two networks named here.
func ReadZones(r io.Reader) (*Zones, error) {
	z := &Zones{Weights: optimize.Weights{DefaultZone: 1}}
	err := eachLine(r, func(text string) error {
		words := strings.Fields(text)
		if len(words) < 2 {
			return fmt.Errorf("%q: want CIDR WEIGHT [NAME], PORTS WEIGHT, default WEIGHT, or widest ipv4 /BITS", shown(text))
		}
		if words[0] == "widest" {
			return z.widest(words[1:])
		}
		weight, err := strconv.ParseInt(words[1], 10, 32)
		if err != nil || weight < 1 {
			return fmt.Errorf("weight %q: want a whole number from 1 to %d", words[1], 1<<31-1)
		}
		if words[0] == "default" && len(words) == 2 {
			z.Weights.DefaultZone = weight
			return nil
		}
		if p, _, err := prefixOf(words[0]); err == nil && strings.ContainsAny(words[0], ".:") {
			name := strings.Join(words[2:], " ")
			if name == "" {
				name = p.String()
			}
			z.Weights.Zones = append(z.Weights.Zones, optimize.Zone{Name: name, Prefix: p, Weight: weight})
			return nil
		}
		cols, err := netset.ParseColumns(words[0])
		if err != nil || len(words) != 2 {
			return fmt.Errorf("%q: want CIDR WEIGHT [NAME], PORTS WEIGHT, default WEIGHT, or widest ipv4 /BITS", shown(text))
		}
		z.Weights.Ports = append(z.Weights.Ports, optimize.PortWeight{Columns: cols, Weight: weight})
		return nil
	})
	return z, err
}

func (z *Zones) widest(words []string) error {
	into, most := &z.WidestV4, 32
	if words[0] == "ipv6" {
		into, most = &z.WidestV6, 128
	} else if words[0] != "ipv4" {
		return fmt.Errorf("widest %s: want ipv4 or ipv6", words[0])
	}
	if len(words) != 2 {
		return fmt.Errorf("widest %s: want one length, such as /16", words[0])
	}
	n, err := strconv.Atoi(strings.TrimPrefix(words[1], "/"))
	if err != nil || n < 0 || n > most {
		return fmt.Errorf("widest %s %q: want a length from /0 to /%d", words[0], words[1], most)
	}
	*into = n
	return nil
}

// eachLine calls do for each line that says something.
func eachLine(r io.Reader, do func(string) error) error {
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, 1<<20)
	n := 0
	for sc.Scan() {
		n++
		text, _, _ := strings.Cut(strings.TrimPrefix(sc.Text(), "\ufeff"), "#")
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		if err := do(text); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	return sc.Err()
}
