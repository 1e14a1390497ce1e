package changeset

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/optimize/target"
	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

// replayed is an approved flow with the question that today's snapshot admits.
type replayed struct {
	flow *analyze.Flow
	q    topology.FlowQuery
	// own marks a flow that cannot be followed: its own group and ACL are asked.
	own bool
	cut bool
	// rules are the group rules that decide on it now, without their ids.
	rules    []topology.RuleRef
	passages []passage
}

// passage is where a flow passes a network ACL. Groups and ACLs do not change a
// flow's path, so neither do the changes of a plan.
type passage struct {
	list   listKey
	remote netip.Addr
	cols   netset.Columns
}

// watch finds the flows that a change may cut.
type watch struct {
	byRule map[topology.RuleRef][]*replayed
	byACL  map[listKey][]watched
}

type watched struct {
	*replayed
	passage
}

// replay walks every approved flow on today's snapshot and, after each change,
// those that the changed rule decided. It gives the snapshot after all changes.
func (b *builder) replay(ctx context.Context) (*topology.Snapshot, error) {
	l := &ledger{id: PromiseAdmits, text: "every approved flow that today's rules admit is admitted after every step and at the end, request and reply"}
	flows, demands := b.today()
	if err := b.stopped(); err != nil {
		return nil, err
	}
	l.checked = len(flows)
	on := &watch{byRule: map[topology.RuleRef][]*replayed{}, byACL: map[listKey][]watched{}}
	for _, r := range flows {
		for _, ref := range r.rules {
			on.byRule[ref] = append(on.byRule[ref], r)
		}
		for _, p := range r.passages {
			on.byACL[p.list] = append(on.byACL[p.list], watched{r, p})
		}
	}
	w := newWorld(b.Snapshot)
	cur := b.Snapshot
	for i := range b.out.Changes {
		c := &b.out.Changes[i]
		if err := b.stopped(); err != nil {
			return nil, err
		}
		if err := w.do(c); err != nil {
			return nil, err
		}
		if onlyOpens(c) {
			continue // it cuts nothing; the resource's next state includes it
		}
		var err error
		if cur, err = w.onto(cur, c); err != nil {
			return nil, fmt.Errorf("after change %s: %w", c.ID, err)
		}
		if err := b.step(l, cur, c, on); err != nil {
			return nil, err
		}
	}
	after, err := w.snapshot()
	if err != nil {
		return nil, err
	}
	if err := b.atEnd(ctx, l, after, flows); err != nil {
		return nil, err
	}
	b.demands(after, demands)
	b.keep(l)
	return after, nil
}

// atEnd asks for every flow again after all changes.
func (b *builder) atEnd(ctx context.Context, l *ledger, after *topology.Snapshot, flows []*replayed) error {
	passes := make([]bool, len(flows))
	err := after.Replay(ctx, len(flows), 0, func(i int) topology.FlowQuery { return flows[i].q },
		func(i int, v topology.FlowVerdict) { passes[i] = v.Admitted() })
	if err != nil {
		return err
	}
	for i, r := range flows {
		if r.cut || passes[i] && !r.own {
			continue
		}
		if why, ok := b.admits(after, r); !ok {
			l.fail("%s (%s): at the end %s", flowWords(r.flow), r.flow.ID, why)
		}
	}
	return nil
}

// onlyOpens: an addition to a group, or an allow entry more, closes nothing.
func onlyOpens(c *Change) bool {
	return c.Before == nil && c.After.Allow
}

// step asks again for the flows that the changed rule may have carried.
func (b *builder) step(l *ledger, s *topology.Snapshot, c *Change, on *watch) error {
	var asked []*replayed
	if c.onACL() {
		e, err := gone(c).Entry()
		if err != nil {
			return err
		}
		for _, x := range on.byACL[listKey{c.Target, c.direction()}] {
			if e.CIDR.Contains(x.remote) && e.Columns().Overlaps(x.cols) {
				asked = append(asked, x.replayed)
			}
		}
	} else {
		rule, err := gone(c).Rule()
		if err != nil {
			return err
		}
		ref := anonymous(rule.Ref(c.Target))
		asked = on.byRule[ref]
		delete(on.byRule, ref)
	}
	for _, r := range asked {
		if r.cut {
			continue
		}
		rules, why, ok := b.ask(s, r)
		if !ok {
			r.cut = true
			l.fail("%s (%s): after %s (%s on %s) %s", flowWords(r.flow), r.flow.ID, c.ID, c.Words(), c.Target, why)
			continue
		}
		for _, ref := range rules {
			if !slices.Contains(r.rules, ref) {
				on.byRule[ref] = append(on.byRule[ref], r)
			}
		}
		r.rules = rules
	}
	return nil
}

// gone is the rule that a change takes away; for a deny that it adds, the deny.
func gone(c *Change) *RuleDoc {
	if c.Before != nil {
		return c.Before
	}
	return c.After
}

// anonymous drops a rule's id: what decides is told apart by meaning.
func anonymous(r topology.RuleRef) topology.RuleRef {
	r.ID = ""
	return r
}

// today sorts the approved flows: those that today's snapshot admits, those
// that cannot be followed, and demands that today's rules refuse.
func (b *builder) today() (flows, demands []*replayed) {
	for i := range b.Flows {
		f := &b.Flows[i]
		if !f.Approved {
			continue
		}
		if b.stopped() != nil {
			break // Build ends with the reason
		}
		q, v, ok := target.Follow(b.Snapshot, f, b.Policy)
		switch {
		case ok && v.Admitted():
			r := &replayed{flow: f, q: q, rules: groupRules(v)}
			for _, cs := range [][]topology.Check{v.RequestChecks, v.ReplyChecks} {
				for _, c := range cs {
					if c.Kind == topology.KindACLEntry {
						r.passages = append(r.passages, passage{listKey{c.Resource, c.Direction}, c.Remote, c.Columns})
					}
				}
			}
			flows = append(flows, r)
			if len(v.Notes) > 0 {
				b.out.NotFollowed = append(b.out.NotFollowed, FlowNote{f.ID, flowWords(f), "followed as far as the snapshot tells: " + strings.Join(v.Notes, "; ")})
				flows = append(flows, b.alone(f))
			}
		case target.ByName(f):
			demands = append(demands, &replayed{flow: f, q: q})
		default:
			b.out.NotFollowed = append(b.out.NotFollowed, FlowNote{f.ID, flowWords(f), notFollowed(b.Snapshot, f, v, ok)})
			flows = append(flows, b.alone(f))
		}
	}
	return flows, demands
}

func notFollowed(s *topology.Snapshot, f *analyze.Flow, v topology.FlowVerdict, asked bool) string {
	if _, ok := s.Interface(f.ENI); !ok {
		return "its interface " + f.ENI + " is not in the snapshot"
	}
	if !asked {
		return "its log names no protocol, port or side to follow it by"
	}
	return verdictWords(v)
}

// verdictWords says why a flow does not pass.
func verdictWords(v topology.FlowVerdict) string {
	switch {
	case v.Err != nil:
		return v.Err.Error()
	case !v.Request.Delivered():
		return "its request ends as " + string(v.Request) + refusal(v.RequestChecks)
	case !v.Reply.Delivered():
		return "its reply ends as " + string(v.Reply) + refusal(v.ReplyChecks)
	}
	return "it passes"
}

func refusal(checks []topology.Check) string {
	if len(checks) == 0 || checks[len(checks)-1].Allow {
		return ""
	}
	c := checks[len(checks)-1]
	if c.Rule == (topology.RuleRef{}) {
		return fmt.Sprintf(" at %s %s (%s, %s)", c.Resource, c.Direction, c.Columns, c.Remote)
	}
	return fmt.Sprintf(" at %s (%s, %s)", c.Rule, c.Columns, c.Remote)
}

func groupRules(v topology.FlowVerdict) []topology.RuleRef {
	var out []topology.RuleRef
	for _, c := range v.RequestChecks {
		if c.Kind == topology.KindSGRule {
			out = append(out, anonymous(c.Rule))
		}
	}
	return out
}

// alone makes a flow that only its own group and ACL are asked for: after each
// change to them, since any of their rules may be the one.
func (b *builder) alone(f *analyze.Flow) *replayed {
	r := &replayed{flow: f, own: true, rules: b.ownRules(b.Snapshot, f)}
	if a, ok := target.OwnACL(b.Snapshot, f); ok {
		for _, d := range []topology.Direction{topology.Ingress, topology.Egress} {
			r.passages = append(r.passages, passage{listKey{a.ID, d}, f.Peer.Unmap(), netset.AllColumns()})
		}
	}
	return r
}

func (b *builder) ownRules(s *topology.Snapshot, f *analyze.Flow) []topology.RuleRef {
	var out []topology.RuleRef
	if g, ok := s.SecurityGroup(f.Group); ok {
		for _, rule := range g.Rules {
			out = append(out, anonymous(rule.Ref(g.ID)))
		}
	}
	return out
}

// ask says whether a snapshot admits the flow as today's does, and by which
// group rules, else why not.
func (b *builder) ask(s *topology.Snapshot, r *replayed) (rules []topology.RuleRef, why string, ok bool) {
	if r.own {
		why, ok = b.ownAdmits(s, r.flow)
		return b.ownRules(s, r.flow), why, ok
	}
	v := s.Flow(r.q)
	return groupRules(v), verdictWords(v), v.Admitted()
}

func (b *builder) admits(s *topology.Snapshot, r *replayed) (why string, ok bool) {
	_, why, ok = b.ask(s, r)
	return why, ok
}

// ownAdmits asks the flow's own group and ACL alone: whatever they admit of it
// today they must go on admitting.
func (b *builder) ownAdmits(s *topology.Snapshot, f *analyze.Flow) (why string, ok bool) {
	dir, back := topology.Ingress, topology.Egress
	if f.Side == analyze.Out {
		dir, back = back, dir
	}
	cols := netset.AllColumns()
	if p := f.Protocol; p >= 0 && p <= 255 {
		cols = netset.ProtocolColumns(p)
		if p.HasPorts() && f.Port >= 0 && f.Port <= 65535 {
			cols = netset.PortColumns(p, uint16(f.Port), uint16(f.Port))
		}
	}
	if cols.First == cols.Last && f.Group != "" {
		if len(b.Snapshot.GroupAdmits(f.Group, dir, f.Peer, cols.First)) > 0 && len(s.GroupAdmits(f.Group, dir, f.Peer, cols.First)) == 0 {
			return "its own group " + f.Group + " no longer admits it", false
		}
	}
	acl, found := target.OwnACL(b.Snapshot, f)
	if !found {
		return "", true
	}
	asks := []struct {
		dir topology.Direction
		col netset.Column
	}{{dir, cols.First}}
	if f.Protocol.HasPorts() {
		for _, port := range []int{f.OpenerPortLow, f.OpenerPortHigh, int(b.Policy.EphemeralTo)} {
			if port > 0 && port <= 65535 {
				asks = append(asks, struct {
					dir topology.Direction
					col netset.Column
				}{back, netset.ColumnOf(f.Protocol, uint16(port))})
			}
		}
	}
	if f.Protocol.HasTypes() {
		return "", true // the log names no type to ask for
	}
	for _, a := range asks {
		_, was := b.Snapshot.ACLDecides(acl.ID, a.dir, f.Peer, a.col)
		if ref, is := s.ACLDecides(acl.ID, a.dir, f.Peer, a.col); was && !is {
			return "its own network ACL refuses it by " + ref.String(), false
		}
	}
	return "", true
}

// demands names the flows approved by id that the new rules do not carry yet:
// the other end, or a route, refuses them.
func (b *builder) demands(after *topology.Snapshot, ds []*replayed) {
	for _, r := range ds {
		if _, v, ok := target.Follow(after, r.flow, b.Policy); !ok || !v.Admitted() {
			b.out.Findings = append(b.out.Findings, Finding{Kind: "demand-not-carried", Severity: "medium", Resource: r.flow.Group,
				Message: fmt.Sprintf("%s (%s) is approved by name and will still not pass: %s", flowWords(r.flow), r.flow.ID, verdictWords(v))})
		}
	}
}
