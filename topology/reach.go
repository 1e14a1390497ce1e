package topology

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"github.com/flowcover/flowcover/topology/netset"
)

// ReachQuery asks for sets: who reaches To, or what From reaches. One of the
// two is given, as in [Query].
type ReachQuery struct {
	From, To string
	// Columns limits the answer; empty: every column.
	Columns netset.ColumnSet
	// SourcePort is the opener's port; 0: every port of the ephemeral range has
	// to pass, as in [Query].
	SourcePort int
}

// Reach is the answer to a ReachQuery, both families. It says the same as
// [Snapshot.Trace] of each packet, and is worked out for intervals of
// addresses and sets of columns: an interval ends where a route, a rule, an
// entry, a subnet or an interface begins or ends.
type Reach struct {
	// Ends are the addresses that were asked about, one a family.
	Ends []ReachEnd `json:"ends"`
	// Interfaces are the peers in the snapshot.
	Interfaces []ReachPeer `json:"interfaces"`
	// Outside are the peers outside the snapshot, by the way they take.
	Outside []ReachBlock `json:"outside"`
	// Free are addresses of subnets that no interface holds: whoever gets one
	// reaches To, if its own security groups let it.
	Free []ReachBlock `json:"free"`
	// Notes say what was assumed, NotComputed what the answer leaves out.
	Notes       []string `json:"notes"`
	NotComputed []string `json:"not_computed"`
}

// ReachEnd is what was asked about.
type ReachEnd struct {
	Address  netip.Addr `json:"address"`
	ENI      string     `json:"eni,omitempty"`
	Instance string     `json:"instance,omitempty"`
}

// ReachPeer is an interface by one of its addresses.
type ReachPeer struct {
	ENI      string       `json:"eni"`
	Instance string       `json:"instance,omitempty"`
	VPC      string       `json:"vpc"`
	Subnet   string       `json:"subnet"`
	Prefix   netip.Prefix `json:"prefix"` // one address, or a delegated prefix
	// Columns pass both ways.
	Columns netset.ColumnSet `json:"-"`
	// NoReply pass one way: the request arrives, its reply does not.
	NoReply netset.ColumnSet `json:"-"`
}

// ReachBlock is a part of the address space.
type ReachBlock struct {
	Prefix  netip.Prefix     `json:"prefix"`
	By      string           `json:"by"` // gateway, attachment, subnet
	Columns netset.ColumnSet `json:"-"`
	NoReply netset.ColumnSet `json:"-"`

	first, last netip.Addr // until finish
}

// BesideInstance is a block's way to the services of a VPC itself.
const BesideInstance = "beside the instance"

// Reach answers for all peers at once.
func (s *Snapshot) Reach(q ReachQuery) (*Reach, error) {
	if (q.From == "") == (q.To == "") {
		return nil, &EndpointError{"from", q.From, "want either where it comes from or where it goes to"}
	}
	if q.SourcePort < 0 || q.SourcePort > ephemeralLast {
		return nil, fmt.Errorf("source port %d: want 0 to 65535", q.SourcePort)
	}
	if len(q.Columns) == 0 {
		q.Columns = netset.ColumnSet{netset.AllColumns()}
	}
	f := &reachFinder{s: s, q: q, out: &Reach{}, request: &walker{}, reply: &walker{}}
	var err error
	if q.To != "" {
		err = f.sources()
	} else {
		err = f.destinations()
	}
	if err != nil {
		return nil, err
	}
	return f.finish(), nil
}

// reachFinder goes through the address space interval by interval.
type reachFinder struct {
	s              *Snapshot
	q              ReachQuery
	out            *Reach
	request, reply *walker
}

func (f *reachFinder) ports(p netset.Protocol) netset.Columns {
	if f.q.SourcePort == 0 || !p.HasPorts() {
		return netset.Columns{}
	}
	return netset.PortColumns(p, uint16(f.q.SourcePort), uint16(f.q.SourcePort))
}

// sweep goes from first to last. step answers for an address and gives the last
// one for which its answer holds.
func sweep(first, last netip.Addr, step func(a netip.Addr) netip.Addr) {
	for a := first; a.IsValid() && !last.Less(a); {
		end := step(a)
		if last.Less(end) {
			end = last
		}
		a = end.Next()
	}
}

// pair is the answer for one interval of peers.
type pair struct{ both, oneWay, aside netset.ColumnSet }

// ask follows every column between two places, one of which stands for the
// addresses up to last, which it may draw nearer.
func (f *reachFinder) ask(from, to place, manyTo bool, last *netip.Addr) pair {
	w := f.request
	w.reset(f.s)
	w.src, w.dst, w.srcENI, w.sender, w.asker = from.addr, to.addr, from.eni, from.eni, from.eni
	w.wide = &wide{cols: f.q.Columns, src: !manyTo, dst: manyTo, last: last}
	if from.outside() {
		w.fromOutside(to)
	} else {
		w.fromPlace(from)
	}
	var p pair
	p.aside = w.wide.aside
	if w.end.Delivered() && len(w.wide.cols) > 0 {
		p.both = w.answers(f.reply, f.ports)
		p.oneWay = w.wide.cols.Subtract(p.both)
	}
	// That nobody holds a free address yet is what Free says.
	if free := !from.outside() && from.eni == nil; !free && (len(p.both) > 0 || len(p.oneWay) > 0 || len(p.aside) > 0) {
		f.note(w.notes)
	}
	return p
}

func (f *reachFinder) note(notes []string) {
	for _, n := range notes {
		if !slices.Contains(f.out.Notes, n) {
			f.out.Notes = append(f.out.Notes, n)
		}
	}
}

func (f *reachFinder) omit(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !slices.Contains(f.out.NotComputed, text) {
		f.out.NotComputed = append(f.out.NotComputed, text)
	}
}

func (f *reachFinder) end(n *NetworkInterface, a netip.Addr) {
	e := ReachEnd{Address: a}
	if n != nil {
		e.ENI, e.Instance = n.ID, n.Instance
	}
	f.out.Ends = append(f.out.Ends, e)
}

// peer adds an interface for the addresses from first to last.
func (f *reachFinder) peer(n *NetworkInterface, first, last netip.Addr, p pair) {
	if len(p.both) == 0 && len(p.oneWay) == 0 {
		return
	}
	for _, prefix := range netset.Range(first, last) {
		f.out.Interfaces = append(f.out.Interfaces, ReachPeer{ENI: n.ID, Instance: n.Instance, VPC: n.VPC, Subnet: n.Subnet,
			Prefix: prefix, Columns: p.both, NoReply: p.oneWay})
	}
}

func (f *reachFinder) block(into *[]ReachBlock, by string, first, last netip.Addr, p pair) {
	if len(p.both) == 0 && len(p.oneWay) == 0 {
		return
	}
	if n := len(*into); n > 0 {
		// One after the other with one answer are one.
		if b := &(*into)[n-1]; b.By == by && slices.Equal(b.Columns, p.both) && slices.Equal(b.NoReply, p.oneWay) && b.last.Next() == first {
			b.last = last
			return
		}
	}
	*into = append(*into, ReachBlock{By: by, Columns: p.both, NoReply: p.oneWay, first: first, last: last})
}

// finish sorts the answer and spells its intervals out as prefixes.
func (f *reachFinder) finish() *Reach {
	r := f.out
	for _, l := range []*[]ReachBlock{&r.Outside, &r.Free} {
		var out []ReachBlock
		for _, b := range *l {
			for _, p := range netset.Range(b.first, b.last) {
				out = append(out, ReachBlock{Prefix: p, By: b.By, Columns: b.Columns, NoReply: b.NoReply})
			}
		}
		slices.SortFunc(out, func(a, b ReachBlock) int {
			return cmp.Or(a.Prefix.Addr().Compare(b.Prefix.Addr()), cmp.Compare(a.Prefix.Bits(), b.Prefix.Bits()), cmp.Compare(a.By, b.By))
		})
		*l = orEmpty(out)
	}
	slices.SortFunc(r.Interfaces, func(a, b ReachPeer) int {
		return cmp.Or(cmp.Compare(a.VPC, b.VPC), cmp.Compare(a.Subnet, b.Subnet), cmp.Compare(a.ENI, b.ENI), a.Prefix.Addr().Compare(b.Prefix.Addr()))
	})
	for _, n := range f.s.r.NotRead {
		f.omit("what %s would have listed in %s %s (%s)", n.Call, n.Account, n.Region, n.Code)
	}
	slices.Sort(r.Notes)
	slices.Sort(r.NotComputed)
	r.Ends, r.Interfaces, r.Notes, r.NotComputed = orEmpty(r.Ends), orEmpty(r.Interfaces), orEmpty(r.Notes), orEmpty(r.NotComputed)
	return r
}
