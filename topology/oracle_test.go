package topology

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/flowcover/flowcover/topology/netset"
)

// DecisionFaults traces a connection and says what is wrong with the answer.
// Flow must give the same verdict by the same rules, and each rule, entry and
// route that decided is found again by reading the resources from the first to
// the last, with no index and no compiled table.
func DecisionFaults(s *Snapshot, q Query) []string {
	got, err := s.Trace(q)
	if err != nil {
		return []string{err.Error()}
	}
	fq, err := asFlow(s, q)
	if err != nil {
		return []string{err.Error()}
	}
	return append(sameVerdict(got, s.Flow(fq)), checkFaults(s, s.Flow(fq))...)
}

// asFlow asks what q asks without text.
func asFlow(s *Snapshot, q Query) (FlowQuery, error) {
	from, to, err := s.resolve(q)
	if err != nil {
		return FlowQuery{}, err
	}
	cols, reply, err := q.columns()
	if err != nil {
		return FlowQuery{}, err
	}
	end := func(p place) End {
		if p.eni == nil {
			return End{Addr: p.addr}
		}
		return End{ENI: p.eni.ID, Addr: p.addr}
	}
	fq := FlowQuery{From: end(from), To: end(to), Columns: cols}
	if q.Protocol.HasPorts() {
		fq.ReplyPorts = reply
	}
	return fq, nil
}

func flowOf(t *testing.T, s *Snapshot, q Query) FlowQuery {
	t.Helper()
	fq, err := asFlow(s, q)
	if err != nil {
		t.Fatal(err)
	}
	return fq
}

// sameVerdict compares what Trace tells with what Flow returns.
func sameVerdict(got Result, v FlowVerdict) []string {
	var faults []string
	if v.Err != nil || v.Request != got.Disposition || v.Reply != got.Reply.Disposition {
		faults = append(faults, fmt.Sprintf("Trace says %s and %s, Flow %s and %s (%v)", got.Disposition, got.Reply.Disposition, v.Request, v.Reply, v.Err))
	}
	if notes := slices.Concat(got.Notes, got.Reply.Notes); !slices.Equal(notes, v.Notes) {
		faults = append(faults, fmt.Sprintf("Trace notes %q, Flow %q", notes, v.Notes))
	}
	for _, leg := range []struct {
		name   string
		hops   []Hop
		checks []Check
	}{{"request", got.Hops, v.RequestChecks}, {"reply", got.Reply.Hops, v.ReplyChecks}} {
		var told, asked []string
		for _, h := range leg.hops {
			if h.Rule != nil {
				told = append(told, h.Rule.String()+" "+h.Verdict)
			}
		}
		for _, c := range leg.checks {
			if c.Rule != (RuleRef{}) {
				asked = append(asked, c.Rule.String()+" "+map[bool]string{true: Pass, false: Refuse}[c.Allow])
			}
		}
		if !slices.Equal(told, asked) {
			faults = append(faults, fmt.Sprintf("%s: Trace tells %q, Flow asked %q", leg.name, told, asked))
		}
	}
	return faults
}

func checkFaults(s *Snapshot, v FlowVerdict) []string {
	var faults []string
	r := s.Resources()
	for i, checks := range [][]Check{v.RequestChecks, v.ReplyChecks} {
		for j, c := range checks {
			var want string
			switch c.Kind {
			case KindACLEntry:
				want = plainACL(r, c)
			case KindSGRule:
				want = plainGroups(r, c)
			case KindRoute:
				want = plainRoute(r, c)
			case KindTransitRoute:
				want = plainTransit(r, c)
			default:
				want = "a known kind"
			}
			if want != "" {
				faults = append(faults, fmt.Sprintf("%s of %+v: want %s", c.Rule, c, want))
			}
			if !c.Allow && (j != len(checks)-1 || []Disposition{v.Request, v.Reply}[i].Delivered()) {
				faults = append(faults, fmt.Sprintf("%+v refuses, and the packet goes on", c))
			}
		}
	}
	return faults
}

// plainACL asks the entries one by one for each column. It returns what should
// have decided where that is not what did.
func plainACL(r Resources, c Check) string {
	var entries []NetworkACLEntry
	for _, a := range r.NetworkACLs {
		if a.ID == c.Resource {
			for _, e := range a.Entries {
				if e.Direction == c.Direction && e.CIDR.Contains(c.Remote) {
					entries = append(entries, e)
				}
			}
		}
	}
	slices.SortFunc(entries, func(a, b NetworkACLEntry) int { return a.Number - b.Number })
	number := 32767
	if c.Remote.Is6() {
		number++
	}
	decides := func(col netset.Column) (string, bool) {
		for _, e := range entries {
			if k := e.Columns(); k.First <= col && col <= k.Last {
				return fmt.Sprintf("%s %d", c.Direction, e.Number), e.Allow
			}
		}
		return fmt.Sprintf("%s %d", c.Direction, number), false
	}
	denying := map[string]bool{}
	for _, col := range samples(c.Columns, entries) {
		if rule, allow := decides(col); !allow {
			denying[rule] = true
		}
	}
	first, _ := decides(c.Columns.First)
	switch {
	case c.Allow != (len(denying) == 0):
		return fmt.Sprintf("allow %t, denied by %v", !c.Allow, denying)
	case c.Allow && c.Rule.Rule != first:
		return first
	case !c.Allow && !denying[c.Rule.Rule]:
		return fmt.Sprintf("one of %v", denying)
	}
	return ""
}

// samples are columns of an interval between which no entry changes.
func samples(in netset.Columns, entries []NetworkACLEntry) []netset.Column {
	out := []netset.Column{in.First, in.Last}
	for _, e := range entries {
		k := e.Columns()
		for _, col := range []netset.Column{k.First, k.First - 1, k.Last, k.Last + 1} {
			if in.First <= col && col <= in.Last {
				out = append(out, col)
			}
		}
	}
	return out
}

// plainGroups looks for the first rule that admits, references left out: which
// of them hold depends on the way.
func plainGroups(r Resources, c Check) string {
	var groups []string
	for _, n := range r.Interfaces {
		if n.ID == c.ENI {
			groups = n.Groups
		}
	}
	for _, id := range groups {
		for _, g := range r.SecurityGroups {
			if g.ID != id {
				continue
			}
			for _, rule := range g.Rules {
				k := rule.Columns()
				if rule.Direction != c.Direction || k.First > c.Columns.First || k.Last < c.Columns.Last {
					continue
				}
				if c.Allow && rule.Ref(g.ID) == c.Rule {
					if rule.Group == "" && !matches(r, rule, c.Remote) {
						return "a rule that holds " + c.Remote.String()
					}
					if rule.Group != "" && !slices.ContainsFunc(r.Interfaces, func(n NetworkInterface) bool {
						return slices.Contains(n.Groups, rule.Group) && (slices.Contains(n.Addresses, c.Remote) || holds(n.Prefixes, c.Remote))
					}) {
						return "a reference that " + c.Remote.String() + " carries"
					}
					return ""
				}
				if rule.Group == "" && matches(r, rule, c.Remote) {
					return rule.Ref(g.ID).String()
				}
			}
		}
	}
	if c.Allow {
		return "a rule of " + strings.Join(groups, ", ")
	}
	return ""
}

func matches(r Resources, rule SecurityGroupRule, a netip.Addr) bool {
	if rule.PrefixList == "" {
		return rule.CIDR.Contains(a)
	}
	return holds(entriesOf(r, rule.PrefixList), a)
}

func entriesOf(r Resources, list string) []netip.Prefix {
	for _, l := range r.PrefixLists {
		if l.ID == list {
			return l.Entries
		}
	}
	return nil
}

// choice is a route that matches; of those with the longest prefix AWS takes
// the one of the lowest rank.
type choice struct {
	bits, rank int
	rule, by   string
	dead       bool
}

func best(all []choice) (choice, bool) {
	if len(all) == 0 {
		return choice{}, false
	}
	return slices.MinFunc(all, func(a, b choice) int {
		if a.bits != b.bits {
			return b.bits - a.bits
		}
		if a.rank != b.rank {
			return a.rank - b.rank
		}
		return strings.Compare(a.by, b.by)
	}), true
}

func (c Check) compare(all []choice) string {
	b, ok := best(all)
	switch {
	case !ok && (c.Allow || c.Rule != RuleRef{}):
		return "no route"
	case ok && (c.Rule.Rule != b.rule || c.Allow == b.dead):
		return fmt.Sprintf("%+v", b)
	}
	return ""
}

func plainRoute(r Resources, c Check) string {
	var all []choice
	for _, t := range r.RouteTables {
		if t.ID != c.Resource {
			continue
		}
		for _, route := range t.Routes {
			dead := route.State == StateBlackhole || route.Target == ""
			offer := func(p netip.Prefix, rule string, rank int) {
				if p.Contains(c.Remote) {
					all = append(all, choice{p.Bits(), rank, rule, route.Target, dead})
				}
			}
			switch {
			case route.Target == "local":
				offer(route.Destination, route.Destination.String(), 0)
			case route.PrefixList != "":
				for _, p := range entriesOf(r, route.PrefixList) {
					offer(p, route.PrefixList, 2)
				}
			case strings.Contains(route.Origin, "Propagation"):
				offer(route.Destination, route.Destination.String(), 3)
			default:
				offer(route.Destination, route.Destination.String(), 1)
			}
		}
	}
	return c.compare(all)
}

func plainTransit(r Resources, c Check) string {
	var all []choice
	for _, t := range r.TransitRouteTables {
		if t.ID != c.Resource {
			continue
		}
		offer := func(p netip.Prefix, rank int, attachment string, dead bool) {
			if p.Contains(c.Remote) {
				all = append(all, choice{p.Bits(), rank, p.String(), attachment, dead || attachment == ""})
			}
		}
		for _, route := range t.Routes {
			rank := 2
			if route.PrefixList != "" {
				rank = 1
			} else if route.Static {
				rank = 0
			} else {
				for _, a := range r.Attachments {
					if a.ID == route.Attachment {
						rank = map[string]int{AttachVPC: 2, AttachDX: 3, AttachConnect: 4, AttachVPN: 5, AttachPeering: 6}[a.ResourceType]
					}
				}
			}
			offer(route.Destination, rank, route.Attachment, route.State == StateBlackhole)
		}
		for _, ref := range t.PrefixListReferences {
			for _, p := range entriesOf(r, ref.PrefixList) {
				offer(p, 1, ref.Attachment, ref.Blackhole)
			}
		}
		listed := slices.Clone(all)
		for _, id := range t.Propagations {
			for _, a := range r.Attachments {
				for _, v := range r.VPCs {
					if a.ID != id || a.ResourceType != AttachVPC || v.ID != a.Resource {
						continue
					}
					for _, p := range v.CIDRs {
						if !slices.ContainsFunc(listed, func(x choice) bool { return x.rule == p.String() }) {
							offer(p, 9, id, false)
						}
					}
				}
			}
		}
	}
	return c.compare(all)
}
