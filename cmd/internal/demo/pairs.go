package demo

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"

	"github.com/flowcover/flowcover/topology"
)

// pair is one opener and one target of a call, with the way between them.
type pair struct {
	call     *call
	label    uint64 // names its random streams
	from, to end
	crowd    *zone // the opener is drawn from it for each connection
	route    route
	refused  int // the hop that refuses: an index of the request's hops, or of the reply's for NoReply
	index    int
	loads    []float64 // by hour; see generator.load
	weight   float64
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
	pairs   []pair
	dropped []string // pairs that the table names and no route carries
}

// populate finds the pairs: of ENIs with a role that the table knows, from the
// table; of the others, from the rules that admit them.
func populate(seed uint64, res *topology.Resources) *population {
	p := &population{net: newNetwork(res)}
	byRole := map[string][]int{}
	var hosts, strangers []int
	for i := range res.Interfaces {
		e := &res.Interfaces[i]
		r := roleNamed(roleOf(res, e))
		switch {
		case r == nil && !isTransit(e) && !isNAT(e) && len(e.Addresses) > 0:
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

// roleOf is the ENI's role, by its own tag or its instance's.
func roleOf(res *topology.Resources, e *topology.NetworkInterface) string {
	if r := e.Tags["Role"]; r != "" || e.Instance == "" {
		return r
	}
	for i := range res.Instances {
		if res.Instances[i].ID == e.Instance {
			return res.Instances[i].Tags["Role"]
		}
	}
	return ""
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
		for _, h := range z.hosts {
			e.addr = netip.MustParseAddr(h)
			out = append(out, e)
		}
		return out, nil
	}
	var out []end
	for _, i := range byRole[name] {
		e := &p.net.res.Interfaces[i]
		for _, a := range e.Addresses {
			if a.Is4() != v6 {
				r := roleNamed(roleOf(p.net.res, e))
				out = append(out, end{addr: a, eni: i, windows: r != nil && r.ports == "windows", wide: r != nil && !r.host()})
				break
			}
		}
	}
	return out, nil
}

// add adds a pair if a route carries it.
func (p *population) add(c *call, from, to end, crowd *zone) {
	r, ok := p.net.way(from, to)
	if !ok {
		p.dropped = append(p.dropped, fmt.Sprintf("%s: %s to %s: no route", c.name, from.addr, to.addr))
		return
	}
	label := c.name + " " + c.from + " " + from.addr.String() + " " + to.addr.String() + " " + strconv.Itoa(c.port)
	one := pair{call: c, label: hash64(label), from: from, to: to, crowd: crowd, route: r, weight: 1}
	switch c.fate() {
	case Demand, Scan:
		one.refused = p.refusal(r, from, to)
		one.route.request = r.request[:one.refused+1]
		one.route.reply = nil
	case Probe, OneWay:
		one.route.reply = nil
	case NoReply:
		one.route.reply = r.reply[:1]
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

// forget leaves out the opener's address, for each connection to fill in.
func (h *hop) forget(opener netip.Addr) {
	for _, a := range []*netip.Addr{&h.src, &h.dst, &h.psrc, &h.pdst} {
		if *a == opener {
			*a = netip.Addr{}
		}
	}
}

// refusal is the hop that refuses a connection nobody admitted: the target's
// ENI, whose group has no rule for it.
func (p *population) refusal(r route, _, _ end) int { return len(r.request) - 1 }

// perConnection is how many records a connection is expected to leave.
func (p *pair) perConnection(interval int64) float64 {
	hops := float64(len(p.route.request) + len(p.route.reply))
	if p.call.when.long() {
		return hops
	}
	return hops * (1 + p.call.when.seconds/float64(interval))
}
