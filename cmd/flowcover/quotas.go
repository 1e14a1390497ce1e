package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/flowcover/flowcover/cmd/internal/command"
	"github.com/flowcover/flowcover/cmd/internal/config"
	"github.com/flowcover/flowcover/optimize/target"
	"github.com/flowcover/flowcover/topology"
)

// quotaKeys are the quotas that people may set where Service Quotas was not read
// or says something else, with the codes of Service Quotas.
var quotaKeys = []struct{ flag, key, code, usage string }{
	{"quotas-rules-per-group", "quotas.rules-per-group", target.CodeRulesPerGroup, "rules of a security group in each direction and family (AWS: 60)"},
	{"quotas-groups-per-interface", "quotas.groups-per-interface", target.CodeGroupsPerENI, "security groups of an interface (AWS: 5)"},
	{"quotas-rules-per-acl", "quotas.rules-per-acl", target.CodeRulesPerACL, "entries of a network ACL in each direction (AWS: 20)"},
}

const (
	naclCombined  = "combined"
	naclPerFamily = "per-family"
)

func quotaFlags() []command.Flag {
	var out []command.Flag
	for _, q := range quotaKeys {
		out = append(out, command.Flag{
			Name: q.flag, Hint: "[ACCOUNT=]N", Type: command.Strings, Key: q.key, Kind: config.Map,
			Usage: q.usage + "; of one account or of all, in place of what Service Quotas says",
		})
	}
	return append(out, command.Flag{
		Name: "quotas-nacl", Hint: "HOW", Key: "quotas.nacl", Default: naclCombined, Values: []string{naclCombined, naclPerFamily},
		Usage: "whether a network ACL's IPv4 and IPv6 entries share one quota (combined, the careful reading) or not (per-family)",
	})
}

// quotas are values by Service Quotas code and account; "" is every account.
type quotas map[string]map[string]int

// readQuotas reads the flags, or, when apply asks, a changeset's parameters.
func readQuotas(c *cli.Context) (quotas, map[string]string, error) {
	q, params := quotas{}, map[string]string{}
	for _, k := range quotaKeys {
		values := list(c.StringSlice(k.flag))
		if len(values) == 0 {
			continue
		}
		if err := q.set(k.key, k.code, values); err != nil {
			return nil, nil, err
		}
		params[k.key] = strings.Join(values, ", ")
	}
	return q, params, nil
}

func quotasOf(params map[string]string) (quotas, error) {
	q := quotas{}
	for _, k := range quotaKeys {
		if text := params[k.key]; text != "" {
			if err := q.set(k.key, k.code, list([]string{text})); err != nil {
				return nil, err
			}
		}
	}
	return q, nil
}

func (q quotas) set(key, code string, values []string) error {
	for _, v := range values {
		account, number, has := strings.Cut(v, "=")
		if !has {
			account, number = "", v
		}
		n, err := strconv.Atoi(number)
		if err != nil || n < 1 {
			return fmt.Errorf("%s: %q: want a quota of at least 1, for all accounts or as ACCOUNT=N", key, v)
		}
		if q[code] == nil {
			q[code] = map[string]int{}
		}
		q[code][account] = n
	}
	return nil
}

// over gives the snapshot with these quotas in force. Its digest is another
// one; what is written into documents is the digest of what was read.
func (q quotas) over(s *topology.Snapshot) (*topology.Snapshot, error) {
	if len(q) == 0 {
		return s, nil
	}
	r := s.Resources()
	scopes := map[topology.Scope]bool{}
	for _, v := range r.VPCs {
		scopes[v.Scope] = true
	}
	type place struct {
		topology.Scope
		code string
	}
	values := map[place]int{}
	for _, old := range r.Quotas {
		values[place{old.Scope, old.Code}] = old.Value
	}
	for code, accounts := range q {
		for sc := range scopes {
			if n, ok := accounts[sc.Account]; ok {
				values[place{sc, code}] = n
			} else if n, ok := accounts[""]; ok {
				values[place{sc, code}] = n
			}
		}
	}
	r.Quotas = nil
	for p, n := range values {
		r.Quotas = append(r.Quotas, topology.Quota{Scope: p.Scope, Code: p.code, Value: n})
	}
	slices.SortFunc(r.Quotas, func(a, b topology.Quota) int {
		return strings.Compare(a.Account+" "+a.Region+" "+a.Code, b.Account+" "+b.Region+" "+b.Code)
	})
	out, err := topology.New(r)
	if err != nil {
		return nil, fmt.Errorf("quotas: %w", err)
	}
	return out, nil
}
