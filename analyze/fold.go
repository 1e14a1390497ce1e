package analyze

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

// place is where flows are observed.
type place struct{ account, region, eni string }

// flowKey is what makes two observations one flow. Places, sides and actions
// are numbers here: hundreds of thousands of keys are hashed and sorted.
type flowKey struct {
	local, peer  netip.Addr
	place, port  int32
	proto        netset.Protocol
	side, action uint8
}

var (
	sideList   = []Side{In, Out, Unsettled} // in the order of their words
	actionList = []Action{None, Accept, Reject}
)

func sideNumber(s Side) uint8     { return uint8(slices.Index(sideList, s)) }
func actionNumber(a Action) uint8 { return uint8(slices.Index(actionList, a)) }

// flowSum is a flow while its rows are added up.
type flowSum struct {
	Flow
	bytesIn, bytesOut  int64
	synAck, flags, syn bool // syn: every row of it was settled by a SYN
}

// chunk is how many flows are allocated at once: they are large, and growing
// one slice would copy them again and again.
const chunk = 1 << 11

// flowSet collects flows by key.
type flowSet struct {
	at     map[flowKey]int32
	keys   []flowKey
	chunks [][]flowSum
	ids    map[place]int32
	places []place
}

func newFlowSet(hint int) *flowSet {
	return &flowSet{at: make(map[flowKey]int32, hint), ids: map[place]int32{}}
}

func (b *flowSet) place(p place) int32 {
	i, ok := b.ids[p]
	if !ok {
		i = int32(len(b.places))
		b.ids[p] = i
		b.places = append(b.places, p)
	}
	return i
}

func (b *flowSet) flow(i int32) *flowSum { return &b.chunks[i/chunk][i%chunk] }

// find gives the flow of the key, nil where there is none.
func (b *flowSet) find(k flowKey) *flowSum {
	if i, ok := b.at[k]; ok {
		return b.flow(i)
	}
	return nil
}

// get gives the flow of the key, new if need be. The pointer stays good.
func (b *flowSet) get(k flowKey) *flowSum {
	if i, ok := b.at[k]; ok {
		return b.flow(i)
	}
	i := int32(len(b.keys))
	b.at[k] = i
	b.keys = append(b.keys, k)
	if i%chunk == 0 {
		b.chunks = append(b.chunks, make([]flowSum, 0, chunk))
	}
	c := &b.chunks[i/chunk]
	p := b.places[k.place]
	*c = append(*c, flowSum{syn: true, Flow: Flow{
		Account: p.account, Region: p.region, ENI: p.eni, Side: sideList[k.side], Protocol: k.proto,
		Local: k.local, Peer: k.peer, Port: int(k.port), Action: actionList[k.action],
		OpenerPortLow: NoPort, OpenerPortHigh: NoPort,
	}})
	return b.flow(i)
}

// sorted lists the flows in the order of their keys.
func (b *flowSet) sorted() []Flow {
	byName := make([]int32, len(b.places))
	for i := range byName {
		byName[i] = int32(i)
	}
	slices.SortFunc(byName, func(x, y int32) int {
		p, q := b.places[x], b.places[y]
		return cmp.Or(strings.Compare(p.account, q.account), strings.Compare(p.region, q.region), strings.Compare(p.eni, q.eni))
	})
	at := make([]int32, len(b.places))
	for i, p := range byName {
		at[p] = int32(i)
	}
	type item struct {
		flowKey
		i int32
	}
	items := make([]item, len(b.keys))
	for i, k := range b.keys {
		k.place = at[k.place]
		items[i] = item{k, int32(i)}
	}
	slices.SortFunc(items, func(x, y item) int { return compareKeys(&x.flowKey, &y.flowKey) })
	out := make([]Flow, len(items))
	for i := range items {
		f := b.flow(items[i].i)
		f.Answered = f.answered()
		out[i] = f.Flow
		out[i].ID = out[i].id()
	}
	return out
}

func compareKeys(x, y *flowKey) int {
	switch {
	case x.place != y.place:
		return int(x.place) - int(y.place)
	case x.side != y.side:
		return int(x.side) - int(y.side)
	case x.proto != y.proto:
		return int(x.proto) - int(y.proto)
	}
	if c := x.local.Compare(y.local); c != 0 {
		return c
	}
	if c := x.peer.Compare(y.peer); c != 0 {
		return c
	}
	if x.port != y.port {
		return int(x.port) - int(y.port)
	}
	return int(x.action) - int(y.action)
}

// add adds a row's counts; turned: the row is seen from its peer's end.
func (f *flowSum) add(r *Row, how Method, turned bool) {
	pin, pout, bin, bout := r.PacketsIn, r.PacketsOut, r.BytesIn, r.BytesOut
	if turned {
		pin, pout, bin, bout = pout, pin, bout, bin
	}
	f.Records += r.Records
	f.Packets += r.Packets
	f.Bytes += r.Bytes
	f.PacketsIn += pin
	f.PacketsOut += pout
	f.bytesIn += bin
	f.bytesOut += bout
	f.seen(r)
	f.SeenByLog = true
	f.synAck = f.synAck || r.SynAck
	f.flags = f.flags || r.HasFlags
	f.syn = f.syn && how == MethodSYN
	if f.Method == MethodNone || stronger(how, f.Method) {
		f.Method = how
	}
}

// seen adds when the row was seen and from which ports.
func (f *flowSum) seen(r *Row) {
	f.when(r.First, r.Last)
	f.Days = mergeDays(f.Days, r.Days)
	f.Hours |= r.Hours
	low, high := r.OpenerPortLow, r.OpenerPortHigh
	if low == NoPort && r.LocalPort != NoPort && r.PeerPort != NoPort && f.Side != Unsettled {
		low = r.LocalPort + r.PeerPort - max(f.Port, 0) // the port that is not the service's
		high = low
	}
	f.openerPorts(low, high)
}

func (f *Flow) openerPorts(low, high int) {
	if low == NoPort || high == NoPort {
		return
	}
	if f.OpenerPortLow == NoPort || low < f.OpenerPortLow {
		f.OpenerPortLow = low
	}
	if high > f.OpenerPortHigh {
		f.OpenerPortHigh = high
	}
}

// strength orders methods as the cascade does.
var strength = map[Method]int{MethodSYN: 11, MethodOtherDay: 10, MethodCapture: 9, MethodNAT: 8, MethodListener: 7,
	MethodFanIn: 6, MethodOneWay: 5, MethodPorts: 4, MethodFewPorts: 3, MethodLower: 2, MethodRules: 1}

func stronger(a, b Method) bool { return a != b && strength[a] > strength[b] }

// mergeDays joins two ascending lists. It never writes into either.
func mergeDays(a, b []int32) []int32 {
	switch {
	case len(b) == 0 || slices.Equal(a, b):
		return a
	case len(a) == 0:
		return b
	}
	out := make([]int32, 0, len(a)+len(b))
	out = append(append(out, a...), b...)
	slices.Sort(out)
	return slices.Compact(out)
}

// fold makes flows of the settled rows: those of the ends first, then what only
// ENIs between them saw, then what captures add.
func (s *settler) fold() ([]Flow, []Finding) {
	b := newFlowSet(len(s.rows) / 2)
	for i := range s.rows {
		if r := &s.rows[i]; !r.middle && !r.translated {
			s.addEnd(b, r)
		}
	}
	found := s.foldMiddles(b)
	found = append(found, s.addCaptures(b)...)
	slices.SortFunc(found, compareFindings)
	return b.sorted(), found
}

func (s *settler) addEnd(b *flowSet, r *srow) {
	sides := []Side{r.chosen}
	if r.both {
		sides = []Side{In, Out}
	}
	for _, side := range sides {
		b.get(s.key(b, r, side)).add(r.Row, r.how, false)
	}
}

func (s *settler) key(b *flowSet, r *srow, side Side) flowKey {
	p := place{r.Account, r.Region, r.ENI}
	if i := r.role.iface; i != nil {
		p.account, p.region = i.Account, i.Region
	}
	port := r.servicePort(side)
	switch {
	case !r.Protocol.HasPorts():
		port = NoPort
	case side == Unsettled && r.LocalPort == r.PeerPort:
		port = r.LocalPort
	}
	return flowKey{r.Local, r.Peer, b.place(p), int32(port), r.Protocol, sideNumber(side), actionNumber(r.Action)}
}

// answered: SYN+ACK, or packets both ways; where the log has no flags, bytes
// both ways. A TCP connection whose SYN is there but never a SYN+ACK, and which
// carried nothing beyond headers, was answered by resets only: a probe.
func (f *flowSum) answered() bool {
	both := f.PacketsIn > 0 && f.PacketsOut > 0
	switch {
	case f.Protocol == netset.TCP && f.flags:
		return f.synAck || (both && (!f.syn || !f.headersOnly()))
	case f.flags:
		return both
	case f.bytesIn > 0 || f.bytesOut > 0:
		return f.bytesIn > 0 && f.bytesOut > 0
	}
	return both
}

// headersOnly: on average no packet of either direction is larger than a SYN
// with all its options (60 bytes, 80 for IPv6).
func (f *flowSum) headersOnly() bool {
	header := int64(60)
	if f.Local.Is6() {
		header = 80
	}
	return f.bytesIn <= header*f.PacketsIn && f.bytesOut <= header*f.PacketsOut
}

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
