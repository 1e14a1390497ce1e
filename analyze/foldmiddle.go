package analyze

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

// middleKey is one conversation as ENIs between its ends see it.
type middleKey struct {
	opening
	side   Side // Unsettled: opener and responder are in address order
	action Action
}

// orphan is a conversation that only ENIs in the middle logged.
type orphan struct {
	byENI map[string]*flowSum // seen from the opener, or from the lesser address
}

func (s *settler) foldMiddles(b *flowSet) []Finding {
	if !slices.ContainsFunc(s.rows, func(r srow) bool { return r.middle || r.translated }) {
		return nil
	}
	ends := map[middleKey][]int32{}
	for i := range int32(len(b.keys)) {
		f := b.flow(i)
		k := f.middleKey()
		ends[k] = append(ends[k], i)
		if f.Side != Unsettled { // what the middle could not settle belongs to it as well
			k = unsettledKey(f.Local, f.Peer, f.Protocol, f.Port, f.Action)
			ends[k] = append(ends[k], i)
		}
	}
	orphans := map[middleKey]*orphan{}
	through := map[outsideLeg]bool{}
	for i := range s.rows {
		r := &s.rows[i]
		if !r.middle || r.translated {
			continue
		}
		through[outsideLeg{r.ENI, r.Local, r.Protocol, r.LocalPort}] = true
		k := r.middleKey()
		if is := endsOf(ends, r, k); len(is) > 0 {
			for _, i := range is {
				b.flow(i).seen(r.Row)
				b.flow(i).MiddleRecords += r.Records
			}
			continue
		}
		o := orphans[k]
		if o == nil {
			o = &orphan{byENI: map[string]*flowSum{}}
			orphans[k] = o
		}
		o.add(k, r)
	}
	return append(s.addOrphans(b, orphans), s.translatedLegs(through)...)
}

// endsOf finds the flows of the row's ends; where the ends were settled the
// other way, they know better.
func endsOf(ends map[middleKey][]int32, r *srow, k middleKey) []int32 {
	if is := ends[k]; len(is) > 0 {
		return is
	}
	if !r.Protocol.HasPorts() || r.LocalPort == r.PeerPort {
		return ends[r.pairKey()]
	}
	if r.LocalPort != NoPort && r.PeerPort != NoPort && r.chosen != Unsettled {
		return ends[middleKey{r.opening(opposite(r.chosen)), Out, r.Action}]
	}
	return nil
}

// pairKey is the row's key without a direction.
func (r *srow) pairKey() middleKey {
	port := NoPort
	if r.Protocol.HasPorts() && r.LocalPort == r.PeerPort {
		port = r.LocalPort
	}
	return unsettledKey(r.Local, r.Peer, r.Protocol, port, r.Action)
}

func (r *srow) middleKey() middleKey {
	if r.chosen == Unsettled {
		return r.pairKey()
	}
	return middleKey{r.opening(r.chosen), Out, r.Action}
}

func (f *flowSum) middleKey() middleKey {
	if f.Side == Unsettled {
		return unsettledKey(f.Local, f.Peer, f.Protocol, f.Port, f.Action)
	}
	o := opening{f.Local, f.Peer, f.Protocol, int32(f.Port)}
	if f.Side == In {
		o.opener, o.responder = f.Peer, f.Local
	}
	return middleKey{o, Out, f.Action}
}

func unsettledKey(x, y netip.Addr, p netset.Protocol, port int, a Action) middleKey {
	if y.Less(x) {
		x, y = y, x
	}
	return middleKey{opening{x, y, p, int32(port)}, Unsettled, a}
}

func (o *orphan) add(k middleKey, r *srow) {
	f := o.byENI[r.ENI]
	if f == nil {
		f = &flowSum{syn: true, Flow: Flow{Account: r.Account, Region: r.Region, ENI: r.ENI, Side: k.side,
			Port: int(k.port), OpenerPortLow: NoPort, OpenerPortHigh: NoPort}}
		o.byENI[r.ENI] = f
	}
	f.add(r.Row, r.how, r.Local != k.opener)
}

// addOrphans gives each conversation that only the middle logged a flow at
// each end that the snapshots know, and one without an ENI if they know none.
func (s *settler) addOrphans(b *flowSet, orphans map[middleKey]*orphan) []Finding {
	var found []Finding
	unknown := 0
	for _, k := range sortedKeys(orphans, compareMiddle) {
		most, records := orphans[k].most()
		placed := false
		for _, side := range []Side{Out, In} {
			local, peer := k.opener, k.responder
			if side == In {
				local, peer = peer, local
			}
			i := s.endAt(local, most.ENI)
			if i == nil || forwards(i.Type) {
				continue
			}
			fk := flowKey{local, peer, b.place(place{i.Account, i.Region, i.ID}), k.port, k.proto, sideNumber(side), actionNumber(k.action)}
			if k.side == Unsettled {
				fk.side = sideNumber(Unsettled)
			}
			b.get(fk).adopt(most, records, side == In)
			placed = true
		}
		if placed {
			continue
		}
		unknown++
		fk := flowKey{k.opener, k.responder, b.place(place{most.Account, most.Region, ""}), k.port, k.proto, sideNumber(k.side), actionNumber(k.action)}
		b.get(fk).adopt(most, records, false)
	}
	if unknown > 0 && len(s.w.snaps) > 0 {
		found = append(found, Finding{Kind: "middle-only", Severity: "low", Message: fmt.Sprintf(
			"%d connections were logged only by forwarding ENIs and neither end is an ENI of the snapshot", unknown)})
	}
	return found
}

// most gives the sums of the ENI that saw most, with when all of them saw it,
// and the records of all.
func (o *orphan) most() (*flowSum, int64) {
	var best *flowSum
	var all int64
	for _, id := range sortedKeys(o.byENI, strings.Compare) {
		f := o.byENI[id]
		all += f.Records
		if best == nil || f.Records > best.Records {
			best = f
		}
	}
	out := *best
	for _, id := range sortedKeys(o.byENI, strings.Compare) {
		f := o.byENI[id]
		out.when(f.First, f.Last)
		out.Days = mergeDays(out.Days, f.Days)
		out.Hours |= f.Hours
		out.synAck = out.synAck || f.synAck
		if stronger(f.Method, out.Method) {
			out.Method = f.Method
		}
	}
	return &out, all
}

// adopt takes over what the middle saw; turned: seen from the responder.
func (f *flowSum) adopt(m *flowSum, records int64, turned bool) {
	own, key := f.Flow, *m
	f.flags, f.syn, f.synAck = key.flags, key.syn, key.synAck
	f.bytesIn, f.bytesOut = key.bytesIn, key.bytesOut
	f.Flow = key.Flow
	f.Account, f.Region, f.ENI, f.Side = own.Account, own.Region, own.ENI, own.Side
	f.Protocol, f.Local, f.Peer, f.Port, f.Action = own.Protocol, own.Local, own.Peer, own.Port, own.Action
	if turned {
		f.PacketsIn, f.PacketsOut = f.PacketsOut, f.PacketsIn
		f.bytesIn, f.bytesOut = f.bytesOut, f.bytesIn
	}
	f.SeenInMiddle, f.SeenByLog = true, true
	f.MiddleRecords = records
}

// endAt gives the one ENI that holds the address; of several in overlapping
// VPCs the one in the middle ENI's VPC.
func (s *settler) endAt(a netip.Addr, middle string) *topology.NetworkInterface {
	ends := s.w.at(a)
	if len(ends) == 1 {
		return ends[0]
	}
	m, _ := s.w.iface(middle)
	if m == nil {
		return nil
	}
	var out *topology.NetworkInterface
	for _, i := range ends {
		if i.VPC == m.VPC {
			if out != nil {
				return nil
			}
			out = i
		}
	}
	return out
}

// translatedLegs reports traffic of a forwarding ENI's own address: of a NAT's
// what belongs to no connection through it, scans of its public address mostly.
func (s *settler) translatedLegs(through map[outsideLeg]bool) []Finding {
	stray, standIns := map[string]int64{}, map[string]int64{}
	for i := range s.rows {
		r := &s.rows[i]
		switch {
		case !r.translated || through[outsideLeg{r.ENI, r.Peer, r.Protocol, r.PeerPort}]:
		case r.role.forwards && !r.role.nat:
			standIns[r.ENI] += r.Records
		default:
			stray[r.ENI] += r.Records
		}
	}
	var found []Finding
	for _, id := range sortedKeys(stray, strings.Compare) {
		found = append(found, Finding{Kind: "nat-own-address", Severity: "info", Resource: id, Message: fmt.Sprintf(
			"%d records of the NAT's own address belong to no connection through it; they make no rule", stray[id])})
	}
	for _, id := range sortedKeys(standIns, strings.Compare) {
		found = append(found, Finding{Kind: "stand-in-address", Severity: "info", Resource: id, Message: fmt.Sprintf(
			"%d records name this forwarding ENI's own address in place of an end's (a log without pkt_ fields); the ends' own records tell, these make no rule", standIns[id])})
	}
	return found
}

func compareMiddle(a, b middleKey) int {
	for _, c := range []int{
		a.opener.Compare(b.opener), a.responder.Compare(b.responder), int(a.proto) - int(b.proto),
		int(a.port) - int(b.port), strings.Compare(string(a.side), string(b.side)),
		strings.Compare(string(a.action), string(b.action)),
	} {
		if c != 0 {
			return c
		}
	}
	return 0
}

func sortedKeys[K comparable, V any](m map[K]V, compare func(a, b K) int) []K {
	out := make([]K, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.SortFunc(out, compare)
	return out
}
