package rulelist

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flowcover/flowcover/topology/netset"
)

// awsGroup is what counts of a group in describe-security-groups' output.
type awsGroup struct {
	GroupID string    `json:"GroupId"`
	In      []awsRule `json:"IpPermissions"`
	Out     []awsRule `json:"IpPermissionsEgress"`
}

type awsRule struct {
	Protocol string `json:"IpProtocol"`
	FromPort *int   `json:"FromPort"`
	ToPort   *int   `json:"ToPort"`
	V4       []struct {
		CIDR string `json:"CidrIp"`
	} `json:"IpRanges"`
	V6 []struct {
		CIDR string `json:"CidrIpv6"`
	} `json:"Ipv6Ranges"`
	Lists []struct {
		ID string `json:"PrefixListId"`
	} `json:"PrefixListIds"`
	Groups []struct {
		ID string `json:"GroupId"`
	} `json:"UserIdGroupPairs"`
}

// pickGroup finds the group that is meant among ids, sorted and without repeats.
func pickGroup(ids []string, want string) (string, error) {
	some := ids[:min(len(ids), 5)]
	more := ""
	if len(ids) > len(some) {
		more = fmt.Sprintf(" and %d more", len(ids)-len(some))
	}
	switch {
	case want != "" && slices.Contains(ids, want):
		return want, nil
	case want != "":
		return "", fmt.Errorf("--group-id %s: the input has no such group; it has %s%s", want, strings.Join(some, ", "), more)
	case len(ids) == 1:
		return ids[0], nil
	case len(ids) == 0:
		return "", fmt.Errorf("the input has no security group")
	}
	return "", fmt.Errorf("the input has %d security groups (%s%s); say which with --group-id", len(ids), strings.Join(some, ", "), more)
}

func fromGroups(groups []awsGroup, pick Pick) (*List, error) {
	var ids []string
	for _, g := range groups {
		ids = append(ids, g.GroupID)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	id, err := pickGroup(ids, pick.Group)
	if err != nil {
		return nil, err
	}
	l := &List{Form: id + " " + pick.direction()}
	for _, g := range groups {
		if g.GroupID != id {
			continue
		}
		rules := g.In
		if pick.direction() == "egress" {
			rules = g.Out
		}
		for i, r := range rules {
			if err := l.addRule(r); err != nil {
				return nil, fmt.Errorf("%s rule %d: %w", l.Form, i, err)
			}
		}
		if len(l.Entries) == 0 {
			return nil, fmt.Errorf("%s: the group has no rule for addresses in this direction", l.Form)
		}
		return l, nil
	}
	return nil, fmt.Errorf("--group-id %s: not found", id)
}

func (l *List) addRule(r awsRule) error {
	p, err := netset.ParseProtocol(r.Protocol)
	if err != nil {
		return fmt.Errorf("IpProtocol: %w", err)
	}
	from, to := -1, -1
	if r.FromPort != nil {
		from = *r.FromPort
	}
	if r.ToPort != nil {
		to = *r.ToPort
	}
	switch {
	case p.HasPorts() && from != -1 && (from < 0 || to < from || to > 65535):
		return fmt.Errorf("FromPort %d, ToPort %d: want 0 to 65535, the lower first", from, to)
	case p.HasTypes() && (from < -1 || from > 255 || to < -1 || to > 255):
		return fmt.Errorf("FromPort %d, ToPort %d: want an ICMP type and code, or -1", from, to)
	}
	cols := netset.RuleColumns(p, from, to)
	for _, text := range r.addresses() {
		prefix, wider, err := prefixOf(text)
		if err != nil {
			return err
		}
		l.noteWider(wider, text, prefix)
		l.Entries = append(l.Entries, Entry{netset.Block{Prefix: prefix, Columns: cols}, 1})
	}
	for _, g := range r.Groups {
		l.References = append(l.References, Reference{cols, g.ID})
	}
	for _, pl := range r.Lists {
		l.References = append(l.References, Reference{cols, pl.ID})
		l.Notes = append(l.Notes, pl.ID+" counts as one rule here; AWS counts its MaxEntries, which the input does not say")
	}
	return nil
}

func (r *awsRule) addresses() []string {
	var out []string
	for _, x := range r.V4 {
		out = append(out, x.CIDR)
	}
	for _, x := range r.V6 {
		out = append(out, x.CIDR)
	}
	return out
}
