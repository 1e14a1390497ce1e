package demo

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/flowcover/flowcover/topology"
)

// network finds the way of a packet through a snapshot, as far as flow logs
// show it: which ENIs log it and with which addresses.
type network struct {
	res     *topology.Resources
	subnets map[string]*topology.Subnet
	tables  map[string]*topology.RouteTable // by subnet
	lists   map[string][]netip.Prefix
	transit map[string]int // vpc/az to the TGW's ENI
	anyTGW  map[string]int // vpc to the first of them
	nats    map[string]int // NAT gateway to its ENI
	natENIs map[int]bool
	byAddr  map[netip.Addr]int
}

func newNetwork(res *topology.Resources) *network {
	n := &network{res: res, subnets: map[string]*topology.Subnet{}, tables: map[string]*topology.RouteTable{}, lists: map[string][]netip.Prefix{},
		transit: map[string]int{}, anyTGW: map[string]int{}, nats: map[string]int{}, natENIs: map[int]bool{}, byAddr: map[netip.Addr]int{}}
	main := map[string]*topology.RouteTable{}
	for i := range res.RouteTables {
		t := &res.RouteTables[i]
		if t.Main {
			main[t.VPC] = t
		}
		for _, s := range t.Subnets {
			n.tables[s] = t
		}
	}
	for i := range res.Subnets {
		s := &res.Subnets[i]
		n.subnets[s.ID] = s
		if n.tables[s.ID] == nil {
			n.tables[s.ID] = main[s.VPC]
		}
	}
	for _, l := range res.PrefixLists {
		n.lists[l.ID] = l.Entries
	}
	n.indexInterfaces()
	return n
}

// indexInterfaces finds the ENIs in between. A server that knows no ENIs of a
// transit or NAT gateway (moto) has stand-ins that bear AWS's description.
func (n *network) indexInterfaces() {
	for i := range n.res.Interfaces {
		e := &n.res.Interfaces[i]
		for _, a := range e.Addresses {
			if _, taken := n.byAddr[a]; !taken {
				n.byAddr[a] = i
			}
		}
		if isTransit(e) {
			key := e.VPC + "/" + n.az(e)
			if _, taken := n.transit[key]; !taken {
				n.transit[key] = i
			}
			if _, taken := n.anyTGW[e.VPC]; !taken {
				n.anyTGW[e.VPC] = i
			}
		}
	}
	for _, g := range n.res.Gateways {
		if g.Kind != "nat" {
			continue
		}
		for i := range n.res.Interfaces {
			e := &n.res.Interfaces[i]
			if slices.Contains(g.ENIs, e.ID) || len(g.ENIs) == 0 && e.Type == "nat_gateway" && e.Subnet == g.Subnet {
				if _, taken := n.nats[g.ID]; !taken {
					n.nats[g.ID] = i
				}
				n.natENIs[i] = true
			}
		}
	}
}

func isTransit(e *topology.NetworkInterface) bool {
	return e.Type == "transit_gateway" || strings.HasPrefix(e.Description, "Network Interface for Transit Gateway Attachment")
}

func (n *network) az(e *topology.NetworkInterface) string {
	if s := n.subnets[e.Subnet]; s != nil && e.AZ == "" {
		return s.AZ
	}
	return e.AZ
}

// target is where the subnet's routes send an address: the longest prefix, a
// CIDR before a prefix list. Empty: nowhere.
func (n *network) target(subnet string, to netip.Addr) string {
	t := n.tables[subnet]
	if t == nil {
		return ""
	}
	best, bits, listed := "", -1, false
	try := func(p netip.Prefix, list bool, target string) {
		if p.Contains(to) && (p.Bits() > bits || p.Bits() == bits && listed && !list) {
			best, bits, listed = target, p.Bits(), list
		}
	}
	for _, r := range t.Routes {
		if r.State == "blackhole" {
			continue
		}
		if r.Destination.IsValid() {
			try(r.Destination, false, r.Target)
		}
		for _, p := range n.lists[r.PrefixList] {
			try(p, true, r.Target)
		}
	}
	return best
}

// end is one end of a pair: an ENI of the account, or an address outside.
type end struct {
	addr    netip.Addr // zero where each connection draws one
	eni     int        // -1: outside
	windows bool
	wide    bool // opens from 1024 on, as load balancers, NAT and functions do
	service string
}

// hop is one ENI that logs one direction of a connection. A zero address
// stands for the opener's, which each connection may draw.
type hop struct {
	eni                  int
	src, dst, psrc, pdst netip.Addr
	egress               bool
	path                 int8   // traffic-path, 0: none
	nat                  bool   // the opener's port is the NAT gateway's
	service              string // AWS's service outside, if it is one
	toService            bool   // it is the destination
}

// route is a pair's way there and back, and its name in the truth.
type route struct {
	name           string
	request, reply []hop
}

// Traffic paths as AWS numbers them.
const (
	pathSame    = 1
	pathVPN     = 3
	pathPeering = 4
	pathS3      = 7
	pathIGW     = 8
)

// way finds the hops between two ends; false where no route leads there.
func (n *network) way(from, to end) (route, bool) {
	switch {
	case from.eni >= 0 && to.eni >= 0:
		return n.between(from, to)
	case from.eni >= 0:
		return n.leaving(from, to)
	case to.eni >= 0:
		return n.arriving(from, to)
	}
	return route{}, false
}

// ends are the two hops at the ends themselves.
func ends(from, to end, path int8) (out, in hop) {
	out = hop{eni: from.eni, src: from.addr, dst: to.addr, psrc: from.addr, pdst: to.addr, egress: true, path: path}
	in = hop{eni: to.eni, src: from.addr, dst: to.addr, psrc: from.addr, pdst: to.addr}
	return out, in
}

func (n *network) between(from, to end) (route, bool) {
	a, b := &n.res.Interfaces[from.eni], &n.res.Interfaces[to.eni]
	target, back := "local", "local"
	if a.VPC != b.VPC {
		target, back = n.target(a.Subnet, to.addr), n.target(b.Subnet, from.addr)
	}
	path := int8(pathSame)
	if strings.HasPrefix(target, "pcx-") {
		path = pathPeering
	}
	out, in := ends(from, to, path)
	replyOut, replyIn := ends(to, from, path)
	r := route{name: "vpc", request: []hop{out, in}, reply: []hop{replyOut, replyIn}}
	switch {
	case target == "local":
		return r, true
	case path == pathPeering && strings.HasPrefix(back, "pcx-"):
		r.name = "peering"
		return r, true
	case strings.HasPrefix(target, "tgw-") && strings.HasPrefix(back, "tgw-"):
		r.name = "transit"
		r.request = n.through(a, b, out, in)
		r.reply = n.through(b, a, replyOut, replyIn)
		return r, true
	}
	return route{}, false
}

// through puts the transit gateway's ENIs between two ends: on the sender's
// side in the sender's zone, on the other side in that zone too where there is
// one. Such an ENI logs its own address for the end that it stands in for.
func (n *network) through(a, b *topology.NetworkInterface, out, in hop) []hop {
	hops := []hop{out}
	if a != nil {
		if i, ok := n.transitENI(a.VPC, n.az(a)); ok {
			h := out
			h.eni, h.dst, h.egress, h.path = i, n.res.Interfaces[i].Addresses[0], false, 0
			hops = append(hops, h)
		}
	}
	if b != nil {
		zone := n.az(b)
		if a != nil {
			zone = n.az(a)
		}
		if i, ok := n.transitENI(b.VPC, zone); ok {
			h := in
			h.eni, h.src, h.egress, h.path = i, n.res.Interfaces[i].Addresses[0], true, pathSame
			hops = append(hops, h)
		}
	}
	return append(hops, in)
}

func (n *network) transitENI(vpc, az string) (int, bool) {
	if i, ok := n.transit[vpc+"/"+az]; ok {
		return i, true
	}
	i, ok := n.anyTGW[vpc]
	return i, ok
}

func (n *network) leaving(from, to end) (route, bool) {
	a := &n.res.Interfaces[from.eni]
	target := n.target(a.Subnet, to.addr)
	kind, _, _ := strings.Cut(target, "-")
	switch kind {
	case "tgw":
		out, in := ends(from, to, pathSame)
		replyOut, replyIn := ends(to, from, pathSame)
		there, back := n.through(a, nil, out, in), n.through(nil, a, replyOut, replyIn)
		return route{"transit-vpn", there[:len(there)-1], back[1:]}, true
	case "nat":
		if i, ok := n.nats[target]; ok {
			return n.translated(from, to, i), true
		}
		return route{}, false
	case "igw":
		if _, public := a.PublicAddresses[from.addr.String()]; !public && from.addr.Is4() {
			return route{}, false
		}
		return direct(from, to, "internet", pathIGW), true
	case "eigw":
		return direct(from, to, "internet", pathIGW), true
	case "vpce":
		return direct(from, to, "gateway-endpoint", pathS3), true
	case "vgw":
		return direct(from, to, "vpn", pathVPN), true
	}
	return route{}, false
}

// direct leaves by a gateway that logs nothing.
func direct(from, to end, name string, path int8) route {
	out, _ := ends(from, to, path)
	_, in := ends(to, from, path)
	return route{name, []hop{out}, []hop{in}}
}

// translated adds the four records of a NAT gateway's ENI.
func (n *network) translated(from, to end, nat int) route {
	own := n.res.Interfaces[nat].Addresses[0]
	out, _ := ends(from, to, pathSame)
	_, in := ends(to, from, pathSame)
	return route{"nat",
		[]hop{out,
			{eni: nat, src: from.addr, dst: own, psrc: from.addr, pdst: to.addr},
			{eni: nat, src: own, dst: to.addr, psrc: own, pdst: to.addr, egress: true, path: pathIGW, nat: true}},
		[]hop{{eni: nat, src: to.addr, dst: own, psrc: to.addr, pdst: own, nat: true},
			{eni: nat, src: own, dst: from.addr, psrc: to.addr, pdst: from.addr, egress: true, path: pathSame},
			in}}
}

// arriving is a connection from outside.
func (n *network) arriving(from, to end) (route, bool) {
	b := &n.res.Interfaces[to.eni]
	back := from.addr
	target := n.target(b.Subnet, back)
	kind, _, _ := strings.Cut(target, "-")
	switch kind {
	case "tgw":
		out, in := ends(from, to, pathSame)
		replyOut, replyIn := ends(to, from, pathSame)
		there, home := n.through(nil, b, out, in), n.through(b, nil, replyOut, replyIn)
		return route{"transit-vpn", there[1:], home[:len(home)-1]}, true
	case "igw":
		if _, public := b.PublicAddresses[to.addr.String()]; !public && to.addr.Is4() {
			return route{}, false
		}
		return incoming(from, to, "internet", pathIGW), true
	case "vgw":
		return incoming(from, to, "vpn", pathVPN), true
	}
	return route{}, false
}

// incoming arrives by a gateway that logs nothing.
func incoming(from, to end, name string, path int8) route {
	_, in := ends(from, to, path)
	out, _ := ends(to, from, path)
	return route{name, []hop{in}, []hop{out}}
}

// hosts gives a zone's addresses. Those of an AWS service lie in the prefix
// list that the snapshot has for it, where it has one.
func (n *network) hosts(z *zone) []netip.Addr {
	var out []netip.Addr
	for _, l := range n.res.PrefixLists {
		if z.service == "" || !strings.HasSuffix(l.Name, "."+strings.ToLower(z.service)) {
			continue
		}
		for i, p := range l.Entries {
			a := p.Addr()
			for range 7 + 4*i {
				a = a.Next()
			}
			out = append(out, a)
		}
		return out
	}
	for _, h := range z.hosts {
		out = append(out, netip.MustParseAddr(h))
	}
	return out
}
