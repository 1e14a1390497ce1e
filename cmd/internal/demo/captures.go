package demo

import (
	"cmp"
	"fmt"
	"io"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/flowcover/flowcover/analyze/hostcap"
	"github.com/flowcover/flowcover/topology/netset"
)

// captureHours is how long the captures run, up to the window's end.
const captureHours = 48

// writeCaptures writes what two hosts saw of their own sockets: one as
// flowcapture recorded it every minute, the other as lists of ss, every hour.
func (g *generator) writeCaptures(folder string) error {
	hosts := g.captureHosts()
	for i, eni := range hosts {
		h := g.newHost(eni)
		var err error
		if i == 0 {
			err = h.record(filepath.Join(folder, h.name+".jsonl"))
		} else {
			err = h.lists(filepath.Join(folder, h.id))
		}
		if err != nil {
			return fmt.Errorf("write the capture of %s: %w", h.name, err)
		}
	}
	return nil
}

// captureHosts chooses two hosts: those with the most connections that the
// logs cannot settle, older than the window.
func (g *generator) captureHosts() []int {
	weight := map[int]int{}
	for i := range g.people.pairs {
		p := &g.people.pairs[i]
		for _, e := range []int{p.from.eni, p.to.eni} {
			if e < 0 || g.people.roles[e] != nil && !g.people.roles[e].host() {
				continue
			}
			weight[e]++
			if p.call.when.shape == persistent && p.call.to != "log" {
				weight[e] += 100
			}
		}
	}
	hosts := make([]int, 0, len(weight))
	for e := range weight {
		hosts = append(hosts, e)
	}
	enis := g.people.net.res.Interfaces
	slices.SortFunc(hosts, func(a, b int) int {
		return cmp.Or(cmp.Compare(weight[b], weight[a]), cmp.Compare(enis[a].ID, enis[b].ID))
	})
	out := hosts[:min(1, len(hosts))]
	for _, h := range hosts { // the second of another role
		if len(out) == 1 && g.people.roles[h] != g.people.roles[out[0]] {
			return append(slices.Clone(out), h)
		}
	}
	return hosts[:min(2, len(hosts))]
}

// host is a host that is captured.
type host struct {
	g         *generator
	eni       int
	name, id  string // the host's name, its instance's or ENI's id
	listeners []hostcap.Socket
	pairs     []*pair
}

func (g *generator) newHost(eni int) *host {
	e := &g.people.net.res.Interfaces[eni]
	h := &host{g: g, eni: eni, id: cmp.Or(e.Instance, e.ID), name: strings.ReplaceAll(cmp.Or(e.Tags["Name"], e.ID), "/", "-")}
	for i := range g.people.pairs {
		p := &g.people.pairs[i]
		if p.from.eni != eni && p.to.eni != eni || p.call.fate() != Legit || !p.call.proto.HasPorts() {
			continue
		}
		h.pairs = append(h.pairs, p)
		if p.to.eni != eni {
			continue
		}
		for port := p.call.port; port <= max(p.call.port, min(p.call.portTo, p.call.port+3)); port++ {
			h.listen(p.call.proto, port)
		}
	}
	slices.SortFunc(h.listeners, compareSockets)
	return h
}

func (h *host) listen(proto netset.Protocol, port int) {
	name, pid := processOf(port)
	s := hostcap.Socket{Protocol: proto, State: hostcap.Listening, Local: netip.IPv4Unspecified(), LocalPort: port, PeerPort: -1, Process: name, PID: pid}
	if !slices.ContainsFunc(h.listeners, func(o hostcap.Socket) bool { return compareSockets(o, s) == 0 }) {
		h.listeners = append(h.listeners, s)
	}
}

func compareSockets(a, b hostcap.Socket) int {
	return cmp.Or(cmp.Compare(a.State, b.State), cmp.Compare(a.Protocol, b.Protocol), a.Local.Compare(b.Local), cmp.Compare(a.LocalPort, b.LocalPort),
		a.Peer.Compare(b.Peer), cmp.Compare(a.PeerPort, b.PeerPort))
}

// processes names what listens or connects on a port.
var processes = map[int]string{22: "sshd", 10050: "zabbix_agentd", 10051: "zabbix_agentd", 44100: "ledgerd", 44900: "ledgerd", 47001: "ledgerd",
	8583: "ledgerd", 50000: "db2sysc", 51000: "db2hadr", 6514: "rsyslogd", 61616: "ledgerd", 13782: "bpcd", 636: "sssd", 443: "dnf"}

func processOf(port int) (string, int) {
	name := cmp.Or(processes[port], "java")
	return name, 700 + int(hash64(name)%20000)
}

// during gives the host's connections that are open at some time of an hour,
// with the seconds at which they begin and end.
func (h *host) during(hour int64) []connection {
	var out []connection
	from, till := hour*3600, (hour+1)*3600
	keep := func(c connection) {
		if c.start < till && c.end >= from {
			out = append(out, c)
		}
	}
	for _, p := range h.pairs {
		s := &p.call.when
		if s.long() {
			for n := range h.g.parallel(p) {
				open, life := h.g.life(p, n)
				for k := max(0, floorDiv(from-open, life)); open+k*life < till; k++ {
					c := h.g.longConnection(p, n, k)
					c.start, c.end = open+k*life, open+(k+1)*life-1
					keep(c)
				}
			}
			continue
		}
		for at := hour - s.lookback(h.g.interval); at <= hour; at++ {
			load := h.g.load(p, at)
			if load == 0 {
				continue
			}
			draw := newStream(h.g.seed, streamHour, p.label, uint64(at))
			for range draw.count(load) {
				c := p.draw(&draw, at)
				c.udp = p.call.proto == netset.UDP
				keep(c)
			}
		}
	}
	return out
}

// sample is what the host's list of sockets shows at one second.
func (h *host) sample(open []connection, at int64) []hostcap.Socket {
	out := slices.Clone(h.listeners)
	own := h.g.people.net.res.Interfaces[h.eni].Addresses
	for i := range open {
		c := &open[i]
		if at < c.start || at > c.end || c.udp {
			continue // a UDP client's socket is gone before anybody looks
		}
		name, pid := processOf(int(c.dport))
		s := hostcap.Socket{Protocol: netset.TCP, State: hostcap.Connected, Local: c.opener, LocalPort: int(c.sport), Peer: c.target, PeerPort: int(c.dport), Process: name, PID: pid}
		if !slices.Contains(own, c.opener) {
			s.Local, s.LocalPort, s.Peer, s.PeerPort = s.Peer, s.PeerPort, s.Local, s.LocalPort
		}
		out = append(out, s)
	}
	slices.SortFunc(out, compareSockets)
	return slices.CompactFunc(out, func(a, b hostcap.Socket) bool { return compareSockets(a, b) == 0 })
}

// record writes what flowcapture would have recorded.
func (h *host) record(path string) error {
	var rec hostcap.Recorder
	for hour := max(h.g.first, h.g.last-captureHours); hour < h.g.last; hour++ {
		open := h.during(hour)
		for at := hour * 3600; at < (hour+1)*3600; at += 60 {
			rec.Add(time.Unix(at, 0).UTC(), h.sample(open, at))
		}
	}
	e := &h.g.people.net.res.Interfaces[h.eni]
	c := rec.Capture()
	c.Host, c.Instance, c.ENIs, c.Addresses = h.name, e.Instance, []string{e.ID}, e.Addresses
	return writeFile(path, func(w io.Writer) error { return hostcap.Write(w, c) })
}

// lists writes what ss -tunap printed, once an hour.
func (h *host) lists(folder string) error {
	for hour := max(h.g.first, h.g.last-captureHours); hour < h.g.last; hour++ {
		at := hour*3600 + 1800
		name := "ss-tunap-" + time.Unix(at, 0).In(seoul).Format("20060102-1504") + ".txt"
		open := h.during(hour)
		if err := writeFile(filepath.Join(folder, name), func(w io.Writer) error { return printSS(w, h.sample(open, at)) }); err != nil {
			return err
		}
	}
	return nil
}

// printSS writes sockets as ss -tunap of iproute2 does.
func printSS(w io.Writer, sockets []hostcap.Socket) error {
	const row = "%-5s %-6s %-6s %-6s %22s %22s%s\n"
	if _, err := fmt.Fprintf(w, row, "Netid", "State", "Recv-Q", "Send-Q", "Local Address:Port", "Peer Address:Port", " Process"); err != nil {
		return err
	}
	for i := range sockets {
		s := &sockets[i]
		state, peer := "ESTAB", netip.AddrPortFrom(s.Peer, uint16(s.PeerPort)).String()
		if s.State == hostcap.Listening {
			peer = "0.0.0.0:*"
			if state = "LISTEN"; s.Protocol == netset.UDP {
				state = "UNCONN"
			}
		}
		if _, err := fmt.Fprintf(w, row, s.Protocol, state, "0", "0", netip.AddrPortFrom(s.Local, uint16(s.LocalPort)).String(), peer,
			fmt.Sprintf(" users:((%q,pid=%d,fd=%d))", s.Process, s.PID, 3+i%90)); err != nil {
			return err
		}
	}
	return nil
}
