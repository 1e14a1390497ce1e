package demo

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"

	"github.com/flowcover/flowcover/topology"
)

// pair is one opener and one target of a call, with the way between them.
type pair struct {
	call      *call
	label     uint64 // names its random streams
	from, to  end
	crowd     *zone      // the opener is drawn from it for each connection
	sample    netip.Addr // the opener, or one of the crowd
	crowdSize int
	route     route
	refused   int // the hop that refuses: an index of the request's hops, or of the reply's for NoReply
	index     int
	loads     []float64 // by hour; see generator.load
}

// ids of a pair's streams.
const (
	streamHour uint64 = iota + 1
	streamPool
	streamSkip
	streamFan
	streamGuess
)

// population is everything that opens connections in a snapshot.
type population struct {
	net     *network
	snap    *topology.Snapshot
	roles   []*role // by ENI
	pairs   []pair
	dropped []string // pairs that the table names and this snapshot does not carry
}

// populate finds the pairs: of ENIs with a role that the table knows, from the
// table; of the others, from the rules that admit them.
func populate(seed uint64, snap *topology.Snapshot) *population {
	all := snap.Resources()
	res := &all
	p := &population{net: newNetwork(res), snap: snap, roles: rolesOf(res)}
	byRole := map[string][]int{}
	var hosts, strangers []int
	for i := range res.Interfaces {
		e := &res.Interfaces[i]
		r := p.roles[i]
		switch {
		case r == nil && !isTransit(e) && !p.net.natENIs[i] && len(e.Addresses) > 0:
			strangers = append(strangers, i)
		case r == nil:
		default:
			byRole[r.name] = append(byRole[r.name], i)
			if r.host() {
				hosts = append(hosts, i)
			}
		}
	}
	byRole["*"] = hosts
	for i := range calls {
		p.addCall(seed, i, byRole)
	}
	p.addStrangers(seed, strangers)
	return p
}

// rolesOf is each ENI's role, by its own tag or its instance's; nil where the
// table knows none.
func rolesOf(res *topology.Resources) []*role {
	instances := map[string]string{}
	for _, i := range res.Instances {
		instances[i.ID] = i.Tags["Role"]
	}
	out := make([]*role, len(res.Interfaces))
	for i := range res.Interfaces {
		e := &res.Interfaces[i]
		out[i] = roleNamed(cmp.Or(e.Tags["Role"], instances[e.Instance]))
	}
	return out
}

// addCall adds the pairs of one call: each opener with as many of the targets
// as its fan-out says, chosen by chance.
func (p *population) addCall(seed uint64, index int, byRole map[string][]int) {
	c := &calls[index]
	v6 := c.from == "@internet6" || c.to == "@partner6"
	openers, crowd := p.ends(c.from, byRole, v6)
	targets, _ := p.ends(c.to, byRole, v6)
	for _, from := range openers {
		chosen := slices.Clone(targets)
		if crowd == nil {
			chosen = slices.DeleteFunc(chosen, func(t end) bool { return t.addr == from.addr })
		}
		if crowd == nil && len(chosen) > c.fanout() {
			draw := newStream(seed, streamFan, uint64(index), hash64(from.addr.String()))
			for i := range c.fanout() {
				j := i + draw.intn(len(chosen)-i)
				chosen[i], chosen[j] = chosen[j], chosen[i]
			}
			chosen = chosen[:c.fanout()]
		}
		for _, to := range chosen {
			p.add(c, from, to, crowd)
		}
	}
}

// ends gives the ends that a role, a zone or * stands for. A zone too large to
// list is one end whose address each connection draws.
func (p *population) ends(name string, byRole map[string][]int, v6 bool) ([]end, *zone) {
	if z := zoneNamed(name); z != nil {
		e := end{eni: -1, windows: z.windows, service: z.service}
		if len(z.hosts) == 0 {
			e.addr = z.pool.Addr().Next()
			return []end{e}, z
		}
		var out []end
		for _, h := range p.net.hosts(z) {
			e.addr = h
			out = append(out, e)
		}
		return out, nil
	}
	var out []end
	for _, i := range byRole[name] {
		e := &p.net.res.Interfaces[i]
		for _, a := range e.Addresses {
			if a.Is4() != v6 {
				r := p.roles[i]
				out = append(out, end{addr: a, eni: i, windows: r.ports == "windows", wide: !r.host()})
				break
			}
		}
	}
	return out, nil
}

// add adds a pair if a route carries it and the rules do with it what its
// kind says.
func (p *population) add(c *call, from, to end, crowd *zone) {
	r, ok := p.net.way(from, to)
	if !ok {
		p.drop(c, from, to, "no route")
		return
	}
	label := c.name + " " + c.from + " " + from.addr.String() + " " + to.addr.String() + " " + strconv.Itoa(c.port)
	one := pair{call: c, label: hash64(label), from: from, to: to, crowd: crowd, sample: from.addr, route: r}
	if crowd != nil {
		one.sample = crowd.member(7)
	}
	if why := p.judge(&one); why != "" {
		p.drop(c, from, to, why)
		return
	}
	for i := range one.route.request {
		one.route.request[i].service, one.route.request[i].toService = to.service, true
	}
	for i := range one.route.reply {
		one.route.reply[i].service = to.service
	}
	if crowd != nil {
		one.from.addr = netip.Addr{}
		for _, hops := range [][]hop{one.route.request, one.route.reply} {
			for i := range hops {
				hops[i].forget(from.addr)
			}
		}
	}
	p.pairs = append(p.pairs, one)
}

func (p *population) drop(c *call, from, to end, why string) {
	p.dropped = append(p.dropped, fmt.Sprintf("%s: %s to %s: %s", c.name, from.addr, to.addr, why))
}

// judge follows the pair through the rules and cuts its hops to those that
// log it; it says why the snapshot does not do what the pair's kind needs.
func (p *population) judge(one *pair) string {
	r := &one.route
	verdict, err := p.snap.Trace(p.query(one, one.sample))
	if err != nil {
		return err.Error()
	}
	there, back := verdict.Disposition.Delivered(), verdict.Reply.Disposition.Delivered()
	switch one.call.fate() {
	case Legit:
		if !there || !back {
			return fmt.Sprintf("request %s, reply %s", verdict.Disposition, verdict.Reply.Disposition)
		}
	case OneWay:
		if !there {
			return "request " + string(verdict.Disposition)
		}
		r.reply = nil
	case Demand, Scan:
		switch verdict.Disposition {
		case topology.DeniedIn:
			one.refused = len(r.request) - 1
		case topology.DeniedOut:
			r.request = r.request[:1]
		default:
			return "refused by its kind, and here " + string(verdict.Disposition)
		}
		r.reply = nil
	case Probe:
		// A NAT gateway has no group: its ENI logs ACCEPT for what it then drops.
		if !there && !p.net.natENIs[one.to.eni] {
			return "admitted by its kind, and here " + string(verdict.Disposition)
		}
		r.reply = nil
	case NoReply:
		if !there || verdict.Reply.Disposition != topology.DeniedOut {
			return fmt.Sprintf("only its reply is refused by its kind, and here request %s, reply %s", verdict.Disposition, verdict.Reply.Disposition)
		}
		r.reply = r.reply[:1]
	}
	return ""
}

// query asks Trace about a pair whose opener has the given address.
func (p *population) query(one *pair, opener netip.Addr) topology.Query {
	c := one.call
	q := topology.Query{From: opener.String(), To: one.to.addr.String(), Protocol: c.proto, Port: c.port, SourcePort: c.sport}
	if one.from.eni >= 0 && opener.Is4() {
		q.From = p.net.res.Interfaces[one.from.eni].ID
	}
	if one.to.eni >= 0 && one.to.addr.Is4() {
		q.To = p.net.res.Interfaces[one.to.eni].ID
		if public, ok := p.net.res.Interfaces[one.to.eni].PublicAddresses[one.to.addr.String()]; ok && one.route.name == "internet" {
			q.To = public.String()
		}
	}
	switch {
	case c.proto.HasTypes():
		q.ICMPType, q.Port = c.port, 0
	case c.fate() == Scan:
		q.Port = int(scanned[0])
	}
	return q
}

// forget leaves out the opener's address, for each connection to fill in.
func (h *hop) forget(opener netip.Addr) {
	for _, a := range []*netip.Addr{&h.src, &h.dst, &h.psrc, &h.pdst} {
		if *a == opener {
			*a = netip.Addr{}
		}
	}
}

// perConnection is how many records a connection is expected to leave.
func (p *pair) perConnection(interval int64) float64 {
	hops := float64(len(p.route.request) + len(p.route.reply))
	if p.call.when.long() {
		return hops
	}
	return hops * (1 + p.call.when.seconds/float64(interval))
}
