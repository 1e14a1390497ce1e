package analyze

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

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
	days   windowDays // for what captures saw; zero: the window is not known
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
