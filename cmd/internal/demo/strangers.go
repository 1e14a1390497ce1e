package demo

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

// addStrangers makes up traffic for ENIs of no known role, from the rules that
// stand: each port that a rule admits gets a few of the peers it names. A rule
// that opens many ports gets traffic on two of them.
func (p *population) addStrangers(seed uint64, strangers []int) {
	groups := map[string]*topology.SecurityGroup{}
	for i := range p.net.res.SecurityGroups {
		groups[p.net.res.SecurityGroups[i].ID] = &p.net.res.SecurityGroups[i]
	}
	members := map[string][]int{}
	for i := range p.net.res.Interfaces {
		for _, g := range p.net.res.Interfaces[i].Groups {
			members[g] = append(members[g], i)
		}
	}
	for _, i := range strangers {
		e := &p.net.res.Interfaces[i]
		for _, id := range e.Groups {
			g := groups[id]
			if g == nil {
				continue
			}
			rules := slices.Clone(g.Rules)
			slices.SortFunc(rules, func(a, b topology.SecurityGroupRule) int { return cmp.Compare(a.Key(), b.Key()) })
			for _, r := range rules {
				if r.Direction == topology.Ingress {
					p.guess(seed, i, r, members)
				}
			}
		}
	}
}

// commonPorts are what listens behind a rule that opens many ports.
var commonPorts = []int{22, 80, 443, 3306, 5432, 8080, 8443, 9200, 33060, 44300}

// guess adds the pairs of one rule towards ENI to.
func (p *population) guess(seed uint64, to int, r topology.SecurityGroupRule, members map[string][]int) {
	target := &p.net.res.Interfaces[to]
	draw := newStream(seed, streamGuess, hash64(target.ID), hash64(r.Key()))
	for _, c := range guessCalls(r, &draw) {
		for _, from := range p.guessOpeners(target, r, members, &draw) {
			at := slices.IndexFunc(target.Addresses, func(a netip.Addr) bool { return a.Is4() == from.addr.Is4() })
			if at < 0 || from.eni == to {
				continue
			}
			before := len(p.dropped)
			p.add(c, from, end{addr: target.Addresses[at], eni: to}, nil)
			p.dropped = p.dropped[:before] // a guess that the rest of the rules refuse
		}
	}
}

// guessCalls makes the calls that a rule suggests.
func guessCalls(r topology.SecurityGroupRule, draw *stream) []*call {
	when := schedule{shape: shape(draw.intn(3)), rate: 1, seconds: 20, up: 4e3, down: 20e3}
	one := func(proto netset.Protocol, port int) *call {
		return &call{name: "rule " + r.Key(), proto: proto, port: port, when: when, kind: Legit}
	}
	cols := r.Columns()
	switch p := cols.Protocol(); {
	case p == netset.AllProtocols:
		return []*call{one(netset.TCP, commonPorts[draw.intn(len(commonPorts))])}
	case p.HasTypes():
		return []*call{one(p, max(r.FromPort, 0))}
	case !p.HasPorts():
		return []*call{one(p, 0)}
	case cols.Len() == 1:
		return []*call{one(p, int(cols.First.Port()))}
	default:
		low, high := int(cols.First.Port()), int(cols.Last.Port())
		first := draw.between(low, high)
		for _, port := range commonPorts {
			if low <= port && port <= high && draw.chance(0.5) {
				first = port
				break
			}
		}
		return []*call{one(p, first), one(p, draw.between(low, high))}
	}
}

// guessOpeners gives up to three openers that the rule admits.
func (p *population) guessOpeners(target *topology.NetworkInterface, r topology.SecurityGroupRule, members map[string][]int, draw *stream) []end {
	var candidates []int
	var outside []netip.Prefix
	switch {
	case r.Group != "":
		candidates = members[r.Group]
	case r.PrefixList != "":
		outside = p.net.lists[r.PrefixList]
	default:
		outside = []netip.Prefix{r.CIDR}
	}
	for _, prefix := range outside {
		for i := range p.net.res.Interfaces {
			e := &p.net.res.Interfaces[i]
			if len(e.Addresses) > 0 && prefix.Contains(e.Addresses[0]) && !isTransit(e) && !p.net.natENIs[i] {
				candidates = append(candidates, i)
			}
		}
	}
	var out []end
	for range min(2, len(candidates)) {
		e := candidates[draw.intn(len(candidates))]
		from := end{addr: p.net.res.Interfaces[e].Addresses[0], eni: e}
		if !slices.ContainsFunc(out, func(o end) bool { return o.addr == from.addr }) {
			out = append(out, from)
		}
	}
	for _, prefix := range outside {
		if a := drawAddress(prefix, draw); a.IsValid() && len(out) < 3 {
			if _, inside := p.net.byAddr[a]; !inside && !p.ours(a) {
				out = append(out, end{addr: a, eni: -1})
			}
		}
	}
	return out
}

// ours says whether a VPC of the snapshot holds the address: one that no ENI
// has opens nothing.
func (p *population) ours(a netip.Addr) bool {
	for _, v := range p.net.res.VPCs {
		for _, c := range v.CIDRs {
			if c.Contains(a) {
				return true
			}
		}
	}
	return false
}

// drawAddress draws an address of the prefix; of the whole internet, one that
// is reserved for benchmarks or documentation.
func drawAddress(p netip.Prefix, draw *stream) netip.Addr {
	switch {
	case p.Bits() == 0 && p.Addr().Is4():
		p = netip.MustParsePrefix("198.18.0.0/15")
	case p.Bits() == 0:
		p = netip.MustParsePrefix("2001:db8:ffff::/64")
	}
	raw := p.Masked().Addr().AsSlice()
	for bit := p.Bits(); bit < len(raw)*8; bit++ {
		if draw.next()&1 == 1 {
			raw[bit/8] |= 1 << (7 - bit%8)
		}
	}
	a, _ := netip.AddrFromSlice(raw)
	return a
}
