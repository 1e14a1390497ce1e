package analyze

import (
	"cmp"
	"math/big"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

// RuleUse is what a window says of one SG rule, NACL entry or route.
type RuleUse struct {
	Rule topology.RuleRef `json:"rule"`
	// Flows is how many accepted flows it admits or carries; Alone, how many of
	// them nothing else of the ENI's groups admits. An ACL's entry or a route
	// decides alone always.
	Flows   int       `json:"flows"`
	Alone   int       `json:"alone"`
	Records int64     `json:"records"`
	Last    time.Time `json:"last,omitzero"`
	// By names some of the flows: the first ten in the order of their keys.
	By []string `json:"by"`
	// ContainedIn are rules of the same group and direction that open all that it
	// opens, each by itself, or entries of lower numbers that decide all of it
	// together: it could go and nothing would change.
	ContainedIn []topology.RuleRef `json:"contained_in"`
	// UsedShare is the share of the addresses times ports that it opens on which a
	// flow was seen; NaN-free: 0 where it opens nothing. Routes have none.
	UsedShare float64 `json:"used_share"`
}

// mostBy is how many flows a rule names.
const mostBy = 10

// Unused says whether no accepted flow of the window went by the rule.
func (u RuleUse) Unused() bool { return u.Flows == 0 }

// Redundant says whether other rules admit all its flows as well.
func (u RuleUse) Redundant() bool { return u.Flows > 0 && u.Alone == 0 }

// The states of a rule, as [RuleUse.State] gives them.
const (
	StateUnused    = "unused"
	StateContained = "contained" // used, and others open all that it opens
	StateRedundant = "redundant" // used, and others admit all that used it
	StateUsed      = "used"
)

// State says in one word what the window says of the rule.
func (u RuleUse) State() string {
	switch {
	case u.Unused():
		return StateUnused
	case len(u.ContainedIn) > 0:
		return StateContained
	case u.Redundant():
		return StateRedundant
	}
	return StateUsed
}

// Uses gives for every SG rule, NACL entry (the final denies left out) and route
// of the snapshot which accepted flows went by it, sorted by resource and rule.
// The flows are attributed ones. SG rules are asked at the flow's own ENI, in
// all its groups; entries and routes by following each connection once, request
// and reply, through the snapshot.
func Uses(flows []Flow, s *topology.Snapshot) []RuleUse {
	u := &uses{s: s, by: map[topology.RuleRef]*ruleUse{}, followed: map[opening][]*ruleUse{}, replay: s.Replayer()}
	u.list()
	var accepted []*Flow
	for i := range flows {
		if flows[i].Action == Accept {
			accepted = append(accepted, &flows[i])
		}
	}
	slices.SortFunc(accepted, compareFlowKeys)
	for _, f := range accepted {
		u.groups(f)
		u.follow(f)
	}
	return u.done()
}

type ruleUse struct {
	RuleUse
	opens *netset.Set                           // nil for routes
	cells map[netip.Addr]map[netset.Column]bool // of single columns
}

type uses struct {
	s        *topology.Snapshot
	by       map[topology.RuleRef]*ruleUse
	followed map[opening][]*ruleUse
	replay   *topology.Replayer
}

func (u *uses) add(ref topology.RuleRef, opens *netset.Set) *ruleUse {
	r := &ruleUse{RuleUse: RuleUse{Rule: ref, By: []string{}, ContainedIn: []topology.RuleRef{}}, opens: opens, cells: map[netip.Addr]map[netset.Column]bool{}}
	u.by[ref] = r
	return r
}

// list enters every rule, so that unused ones show.
func (u *uses) list() {
	r := u.s.Resources()
	for i := range r.SecurityGroups {
		u.listGroup(&r.SecurityGroups[i])
	}
	for i := range r.NetworkACLs {
		u.listACL(&r.NetworkACLs[i])
	}
	for _, t := range r.RouteTables {
		for _, x := range t.Routes {
			to := x.PrefixList
			if to == "" {
				to = x.Destination.String()
			}
			u.add(topology.RuleRef{Kind: topology.KindRoute, Resource: t.ID, Rule: to}, nil)
		}
	}
	for _, t := range r.TransitRouteTables {
		for _, x := range t.Routes {
			u.add(topology.RuleRef{Kind: topology.KindTransitRoute, Resource: t.ID, Rule: x.Destination.String()}, nil)
		}
	}
}

func (u *uses) listGroup(g *topology.SecurityGroup) {
	var all []*ruleUse
	for _, r := range g.Rules {
		all = append(all, u.add(r.Ref(g.ID), u.s.RuleOpens(g, r)))
	}
	for i, x := range all {
		for j, y := range all {
			if i == j || g.Rules[i].Direction != g.Rules[j].Direction || x.opens.IsEmpty() || !y.opens.ContainsSet(x.opens) {
				continue
			}
			// Of two that open the same the first listed stays.
			if j < i || !x.opens.ContainsSet(y.opens) {
				x.ContainedIn = append(x.ContainedIn, y.Rule)
			}
		}
	}
}

func (u *uses) listACL(a *topology.NetworkACL) {
	for _, d := range []topology.Direction{topology.Ingress, topology.Egress} {
		before := netset.Of()
		var earlier []topology.NetworkACLEntry
		for _, e := range slices.SortedStableFunc(slices.Values(a.Entries), func(x, y topology.NetworkACLEntry) int { return cmp.Compare(x.Number, y.Number) }) {
			if e.Direction != d || e.DefaultDeny() {
				continue
			}
			all := netset.Of(netset.Block{Prefix: e.CIDR, Columns: e.Columns()})
			decides := all.Subtract(before)
			r := u.add(e.Ref(a.ID), decides)
			if decides.IsEmpty() {
				for _, x := range earlier {
					if all.OverlapsBlock(netset.Block{Prefix: x.CIDR, Columns: x.Columns()}) {
						r.ContainedIn = append(r.ContainedIn, x.Ref(a.ID))
					}
				}
			}
			before = before.Union(all)
			earlier = append(earlier, e)
		}
	}
}

// groups counts the flow at every rule of its ENI's groups that admits it.
func (u *uses) groups(f *Flow) {
	d, cols, ok := f.asks()
	if !ok {
		return
	}
	groups := []string{f.Group}
	if i, ok := u.s.Interface(f.ENI); ok {
		groups = i.Groups
	}
	var refs []topology.RuleRef
	for _, g := range groups {
		refs = append(refs, admitting(u.s, g, d, f.Peer, cols)...)
	}
	if len(refs) == 0 {
		refs = f.AdmittedBy // by a membership that has ended
	}
	for _, ref := range refs {
		if r := u.by[ref]; r != nil {
			r.count(f, f.Peer, cols, len(refs) == 1)
		}
	}
}

func (r *ruleUse) count(f *Flow, remote netip.Addr, cols netset.Columns, alone bool) {
	r.Flows++
	r.Records += f.Records
	if alone {
		r.Alone++
	}
	r.lastAt(f.Last)
	if len(r.By) < mostBy {
		r.By = append(r.By, f.ID)
	}
	if cols.First != cols.Last || !remote.IsValid() {
		return // the whole of a protocol, or a range: no single cell was seen
	}
	at := r.cells[remote]
	if at == nil {
		at = map[netset.Column]bool{}
		r.cells[remote] = at
	}
	at[cols.First] = true
}

func (r *ruleUse) lastAt(t time.Time) {
	if t.After(r.Last) {
		r.Last = t
	}
}

// follow counts the entries and routes that decide on the connection.
func (u *uses) follow(f *Flow) {
	_, cols, ok := f.asks()
	if !ok || !f.Local.IsValid() || !f.Peer.IsValid() {
		return
	}
	k := opening{f.Local, f.Peer, f.Protocol, int32(f.Port)}
	q := topology.FlowQuery{From: topology.End{ENI: f.ENI, Addr: f.Local}, To: topology.End{Addr: f.Peer}, Columns: cols}
	if f.Side == In {
		k.opener, k.responder = f.Peer, f.Local
		q.From, q.To = q.To, q.From
	}
	if at, ok := u.followed[k]; ok { // the same connection, logged elsewhere, perhaps later
		for _, r := range at {
			r.lastAt(f.Last)
		}
		return
	}
	if f.Protocol.HasPorts() && f.OpenerPortLow != NoPort {
		q.ReplyPorts = netset.PortColumns(f.Protocol, uint16(f.OpenerPortLow), uint16(f.OpenerPortHigh))
	}
	v := u.replay.Flow(q)
	counted := []*ruleUse{}
	for _, checks := range [][]topology.Check{v.RequestChecks, v.ReplyChecks} {
		for _, c := range checks {
			if r := u.by[c.Rule]; r != nil && c.Kind != topology.KindSGRule && !slices.Contains(counted, r) {
				counted = append(counted, r)
				r.count(f, c.Remote, c.Columns, true)
			}
		}
	}
	u.followed[k] = counted
}

func (u *uses) done() []RuleUse {
	out := make([]RuleUse, 0, len(u.by))
	for _, r := range u.by {
		r.UsedShare = r.share()
		out = append(out, r.RuleUse)
	}
	slices.SortFunc(out, func(a, b RuleUse) int {
		return cmp.Or(strings.Compare(a.Rule.Kind, b.Rule.Kind), strings.Compare(a.Rule.Resource, b.Rule.Resource), strings.Compare(a.Rule.Rule, b.Rule.Rule))
	})
	return out
}

// share is the number of cells seen over the number of cells opened.
func (r *ruleUse) share() float64 {
	if r.opens == nil || r.opens.IsEmpty() {
		return 0
	}
	seen := 0
	for _, cols := range r.cells {
		seen += len(cols)
	}
	q, _ := new(big.Rat).SetFrac(big.NewInt(int64(seen)), r.opens.Count()).Float64()
	return min(q, 1)
}
