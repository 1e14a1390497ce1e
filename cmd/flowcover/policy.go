package main

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/cmd/internal/command"
	"github.com/flowcover/flowcover/cmd/internal/config"
	"github.com/flowcover/flowcover/cmd/internal/words"
	"github.com/flowcover/flowcover/topology/netset"
)

// policyFlags are what people decide about evidence: the same for analyze and
// plan, so that both mean the same by approved.
func policyFlags() []command.Flag {
	return []command.Flag{
		{Name: "policy-min-coverage", Hint: "SCORE", Type: command.Number, Key: "policy.min-coverage", Default: "0.9", Usage: "least evidence, 0 to 1, at which a rule that nothing used may go"},
		{Name: "policy-min-days", Hint: "N", Type: command.Int, Key: "policy.min-days", Usage: "approve only flows seen on so many days"},
		{Name: "policy-exclude", Hint: "LINE", Type: command.Strings, Key: "policy.exclude", Kind: config.Records, Usage: `do not approve flows that match all of a line such as "zone=internet port=tcp/22 class=single side=in days=3 name=why"`},
		{Name: "policy-zones", Hint: "NAME=CIDR", Type: command.Strings, Key: "policy.zones", Kind: config.Map, Usage: "a network with a name, for exclusions; internet is known"},
		{Name: "policy-icmp-types", Hint: "TYPE[:CODE]", Type: command.Strings, Key: "policy.icmp-types", Kind: config.List, Default: "8,3:4", Usage: "what an ICMP flow is taken to need, since logs name no type"},
		{Name: "policy-icmpv6-types", Hint: "TYPE[:CODE]", Type: command.Strings, Key: "policy.icmpv6-types", Kind: config.List, Default: "128,2:0", Usage: "the same of ICMPv6"},
		{Name: "policy-ephemeral", Hint: "FROM-TO", Key: "policy.ephemeral", Default: "1024-65535", Usage: "ports that openers use and replies go to"},
		{Name: "policy-admin-ports", Hint: "PROTO/PORT", Type: command.Strings, Key: "policy.admin-ports", Kind: config.List, Usage: "ports that raise a flow's risk as administration"},
		{Name: "policy-database-ports", Hint: "PROTO/PORT", Type: command.Strings, Key: "policy.database-ports", Kind: config.List, Usage: "ports that raise a flow's risk as databases"},
	}
}

// policyReader collects the policy with the text of each key for parameters.
type policyReader struct {
	c      *cli.Context
	params map[string]string
	err    error
}

// each reads every value of a flag; the first mistake stays.
func (r *policyReader) each(flag, key string, read func(string) error) {
	values := list(r.c.StringSlice(flag))
	for _, v := range values {
		if err := read(v); err != nil && r.err == nil {
			r.err = fmt.Errorf("%s: %q: %w", key, v, err)
		}
	}
	if len(values) > 0 {
		r.params[key] = strings.Join(values, ", ")
	}
}

// ports reads a list of ports in place of the default, if one is given.
func (r *policyReader) ports(flag, key string, into *[]netset.Columns) {
	var got []netset.Columns
	r.each(flag, key, func(s string) error {
		col, err := netset.ParseColumns(s)
		got = append(got, col)
		return err
	})
	if len(got) > 0 {
		*into = got
	}
}

func (r *policyReader) icmp(flag, key string, into *[]analyze.ICMPType) {
	*into = nil
	r.each(flag, key, func(s string) error {
		t, err := parseICMPType(s)
		*into = append(*into, t)
		return err
	})
}

// readPolicy turns the flags into the policy; its text goes into parameters.
func readPolicy(c *cli.Context) (analyze.Policy, map[string]string, error) {
	p := analyze.DefaultPolicy()
	r := &policyReader{c: c, params: map[string]string{}}
	p.MinCoverage, p.MinDays = c.Float64("policy-min-coverage"), c.Int("policy-min-days")
	if p.MinCoverage < 0 || p.MinCoverage > 1 {
		return p, nil, fmt.Errorf("policy.min-coverage is %v, want 0 to 1", p.MinCoverage)
	}
	if p.MinDays < 0 {
		return p, nil, fmt.Errorf("policy.min-days is %d, want 0 or more", p.MinDays)
	}
	r.params["policy.min-coverage"] = strconv.FormatFloat(p.MinCoverage, 'g', -1, 64)
	r.params["policy.min-days"] = strconv.Itoa(p.MinDays)
	r.params["policy.ephemeral"] = c.String("policy-ephemeral")
	zones := map[string]*analyze.Zone{}
	r.each("policy-zones", "policy.zones", func(s string) error { return addZone(zones, s) })
	for _, name := range sortedKeys(zones) {
		p.Zones = append(p.Zones, *zones[name])
	}
	r.icmp("policy-icmp-types", "policy.icmp-types", &p.ICMPTypes)
	r.icmp("policy-icmpv6-types", "policy.icmpv6-types", &p.ICMPv6Types)
	r.ports("policy-admin-ports", "policy.admin-ports", &p.AdminPorts)
	r.ports("policy-database-ports", "policy.database-ports", &p.DatabasePorts)
	r.each("policy-exclude", "policy.exclude", func(s string) error {
		x, err := parseExclusion(s, zones)
		p.Exclude = append(p.Exclude, x)
		return err
	})
	if r.err != nil {
		return p, nil, r.err
	}
	from, to, err := netset.ParsePorts(c.String("policy-ephemeral"))
	if err != nil {
		return p, nil, fmt.Errorf("policy.ephemeral: %w", err)
	}
	p.EphemeralLow, p.EphemeralHigh = int(from), int(to)
	return p, r.params, nil
}

func addZone(zones map[string]*analyze.Zone, s string) error {
	name, cidr, ok := strings.Cut(s, "=")
	if !ok || name == "" {
		return fmt.Errorf("want NAME=CIDR")
	}
	prefix, err := netip.ParsePrefix(cidr)
	if err != nil {
		return fmt.Errorf("want NAME=CIDR: %w", err)
	}
	if name == analyze.ZoneInternet {
		return fmt.Errorf("the zone %s is known already: every address that is neither private nor in a VPC", name)
	}
	if zones[name] == nil {
		zones[name] = &analyze.Zone{Name: name}
	}
	zones[name].Prefixes = append(zones[name].Prefixes, netset.CanonicalPrefix(prefix))
	return nil
}

// exclusionWords may stand in a line of policy.exclude.
var exclusionWords = []string{"class", "days", "name", "port", "side", "zone"}

func parseExclusion(s string, zones map[string]*analyze.Zone) (analyze.Exclusion, error) {
	var x analyze.Exclusion
	for _, part := range strings.Fields(s) {
		word, value, ok := strings.Cut(part, "=")
		if !ok || value == "" {
			return x, fmt.Errorf("%q: want WORD=VALUE with a word of %s", part, strings.Join(exclusionWords, ", "))
		}
		var err error
		switch word {
		case "name":
			x.Name = value
		case "zone":
			x.Zone = value
			if zones[value] == nil && value != analyze.ZoneInternet {
				err = fmt.Errorf("zone %q is not in policy.zones%s", value, words.Suggest(value, append(sortedKeys(zones), analyze.ZoneInternet), ""))
			}
		case "port":
			var c netset.Columns
			c, err = netset.ParseColumns(value)
			x.Columns = append(x.Columns, c)
		case "class":
			classes := []analyze.Class{analyze.Steady, analyze.Periodic, analyze.Occasional, analyze.Single, analyze.Stale}
			if !slices.Contains(classes, analyze.Class(value)) {
				err = fmt.Errorf("class %q: want one of %v", value, classes)
			}
			x.Classes = append(x.Classes, analyze.Class(value))
		case "side":
			if x.Side = analyze.Side(value); x.Side != analyze.In && x.Side != analyze.Out {
				err = fmt.Errorf("side %q: want in or out", value)
			}
		case "days":
			if x.MinDays, err = strconv.Atoi(value); err != nil || x.MinDays < 1 {
				err = fmt.Errorf("days %q: want a number of days from 1", value)
			}
		default:
			err = fmt.Errorf("unknown word %q%s", word, words.Suggest(word, exclusionWords, ""))
		}
		if err != nil {
			return x, err
		}
	}
	if x.Zone == "" && x.Columns == nil && x.Classes == nil && x.Side == "" && x.MinDays == 0 {
		return x, fmt.Errorf("the line sets no condition, so it matches nothing")
	}
	return x, nil
}

// parseICMPType reads 8 or 3:4.
func parseICMPType(s string) (analyze.ICMPType, error) {
	typ, code, err := netset.ParseType(s)
	return analyze.ICMPType{Type: typ, Code: code}, err
}
