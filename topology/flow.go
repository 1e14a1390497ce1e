package topology

import (
	"net/netip"

	"github.com/flowcover/flowcover/topology/netset"
)

// End is one end of a flow: an interface, an address, or the interface and
// which of its addresses. An address alone is looked up, and is outside where
// nothing of the snapshot holds it.
type End struct {
	ENI  string
	Addr netip.Addr
}

// FlowQuery is Query without text, for replaying many flows.
type FlowQuery struct {
	From, To End
	// Columns is what the opener asks for: one column, or an interval that one
	// SG rule must admit whole.
	Columns netset.Columns
	// ReplyPorts are the opener's own ports, to which the reply goes; the zero
	// value asks for the whole ephemeral range.
	ReplyPorts netset.Columns
}

// FlowVerdict is what becomes of a flow, with everything that decided.
type FlowVerdict struct {
	Request, Reply             Disposition
	RequestChecks, ReplyChecks []Check
	// Notes say what was assumed because the snapshot does not know it: a flow
	// with notes was not followed to its end.
	Notes []string
	// Err is set where the walk could not start; the dispositions are empty.
	Err error
}

// Admitted says whether request and reply both pass.
func (v FlowVerdict) Admitted() bool { return v.Request.Delivered() && v.Reply.Delivered() }

// Rules lists what decided, request first, in the order asked.
func (v FlowVerdict) Rules() []RuleRef {
	var out []RuleRef
	for _, cs := range [...][]Check{v.RequestChecks, v.ReplyChecks} {
		for _, c := range cs {
			if c.Rule != (RuleRef{}) {
				out = append(out, c.Rule)
			}
		}
	}
	return out
}

// Flow follows one flow, both ways, as Trace does, and builds no text.
func (s *Snapshot) Flow(q FlowQuery) FlowVerdict { return s.Replayer().Flow(q) }

// Replayer follows many flows through one snapshot and uses its memory again:
// a verdict's lists are good until the next call. Not for concurrent use; take
// one for each goroutine.
type Replayer struct {
	s              *Snapshot
	request, reply walker
	notes          []string
}

// Replayer makes a Replayer.
func (s *Snapshot) Replayer() *Replayer { return &Replayer{s: s} }

// Flow follows one flow.
func (r *Replayer) Flow(q FlowQuery) FlowVerdict {
	from, to, err := r.s.ends(q)
	if err != nil {
		return FlowVerdict{Err: err}
	}
	r.s.run(&r.request, &r.reply, from, to, q.Columns, replyColumns(q.Columns, q.ReplyPorts))
	v := FlowVerdict{Request: r.request.end, Reply: r.reply.end, RequestChecks: r.request.checks, ReplyChecks: r.reply.checks, Notes: r.request.notes}
	if len(r.reply.notes) > 0 {
		r.notes = append(append(r.notes[:0], v.Notes...), r.reply.notes...)
		v.Notes = r.notes
	}
	return v
}

func (s *Snapshot) ends(q FlowQuery) (from, to place, err error) {
	a, b := q.From.Addr.Unmap(), q.To.Addr.Unmap()
	var there []*NetworkInterface
	if q.To.ENI != "" {
		n, ok := s.ix.enis[q.To.ENI]
		if !ok {
			return from, to, &EndpointError{"to", q.To.ENI, "no such interface in the snapshot"}
		}
		if to.eni = n; !b.IsValid() {
			if b, ok = firstOf(n, a.IsValid() && a.Is6()); !ok {
				return from, to, &EndpointError{"to", q.To.ENI, "has no address of the other end's family"}
			}
		}
		there = []*NetworkInterface{n}
	}
	if !b.IsValid() {
		return from, to, &EndpointError{"to", q.To.Addr.String(), "want an interface or an address"}
	}
	to.addr = b
	if q.From.ENI != "" {
		n, ok := s.ix.enis[q.From.ENI]
		if !ok {
			return from, to, &EndpointError{"from", q.From.ENI, "no such interface in the snapshot"}
		}
		if !a.IsValid() {
			if a, ok = firstOf(n, b.Is6()); !ok {
				return from, to, &EndpointError{"from", q.From.ENI, "has no address of the other end's family"}
			}
		}
		sub, ok := s.ix.subnets[n.Subnet]
		if !ok {
			return from, to, &EndpointError{"from", q.From.ENI, "its subnet " + n.Subnet + " is not in the snapshot"}
		}
		return place{n, sub, a}, to, nil
	}
	if !a.IsValid() {
		return from, to, &EndpointError{"from", q.From.Addr.String(), "want an interface or an address"}
	}
	if from, err = s.placeOf(a.String(), a, there); err != nil {
		return from, to, err
	}
	if from.outside() && to.eni != nil {
		// Logs and captures see the private address of what came in by the
		// public one.
		to.addr = s.publicFrom(to.eni, b, a)
	}
	return from, to, s.clear(b.String(), from, to)
}
