package demo

import (
	"net/netip"

	"github.com/flowcover/flowcover/topology/netset"
)

// pair writes everything that pair p has in the emitter's hour.
func (e *emitter) pair(p *pair) {
	s := &p.call.when
	if s.long() {
		for n := range e.g.parallel(p) {
			e.bursts(p, n)
		}
		return
	}
	for hour := e.hour - s.lookback(e.g.interval); hour <= e.hour; hour++ {
		load := e.g.load(p, hour)
		if load == 0 {
			continue
		}
		draw := newStream(e.g.seed, streamHour, p.label, uint64(hour))
		for range draw.count(load) {
			c := p.draw(&draw, hour)
			if c.end+closeNoise >= e.from-e.g.interval && c.start < e.till {
				e.connection(p, &c)
			}
		}
	}
}

// draw makes one connection that starts within the hour.
func (p *pair) draw(draw *stream, hour int64) connection {
	s := &p.call.when
	c := connection{start: hour*3600 + int64(draw.intn(3600)), opens: true, closes: true}
	c.end = c.start + min(draw.around(s.seconds), s.longest()) - 1
	p.address(&c, draw)
	p.load(&c, draw)
	c.reset, c.noise = draw.chance(0.03), draw.chance(0.01)
	return c
}

// address draws the ports, and the opener of a crowd.
func (p *pair) address(c *connection, draw *stream) {
	c.opener, c.target = p.from.addr, p.to.addr
	if p.crowd != nil {
		c.opener = p.crowd.member(draw.intn(p.crowdSize))
	}
	c.dport = int32(p.call.port)
	switch {
	case p.call.fate() == Scan:
		c.dport = scanned[draw.intn(len(scanned))]
	case p.call.portTo != 0:
		c.dport = int32(draw.between(p.call.port, p.call.portTo))
	}
	low, high := 32768, 60999
	switch {
	case p.from.windows:
		low, high = 49152, 65535
	case p.from.wide:
		low, high = 1024, 65535
	}
	c.sport = int32(draw.between(low, high))
	c.natPort = int32(draw.between(1024, 65535))
	if p.call.sport != 0 {
		c.sport = int32(p.call.sport)
	}
	if p.call.fate() == Scan && draw.chance(0.4) {
		c.sport = 40000 // scanners that keep one source port
	}
}

// scanned are the ports that scanners try and nobody admitted.
var scanned = []int32{21, 23, 25, 80, 445, 1433, 3306, 3389, 5900, 6379, 8080, 9200, 11211, 27017}

// member gives the address of a crowd's n-th member, spread over its pool: an
// odd factor visits every address once.
func (z *zone) member(n int) netip.Addr {
	raw := z.pool.Addr().AsSlice()
	mask := uint32(1)<<min(31, uint(len(raw)*8-z.pool.Bits())) - 1
	at := (uint32(n)*2654435761 + 97) & mask
	for i := range 4 {
		raw[len(raw)-1-i] |= byte(at >> (8 * i))
	}
	a, _ := netip.AddrFromSlice(raw)
	return a
}

// load draws how much the connection carries.
func (p *pair) load(c *connection, draw *stream) {
	s := &p.call.when
	if len(p.route.reply) == 0 && p.call.fate() != OneWay || p.call.fate() == Demand || p.call.fate() == Scan {
		c.upPackets = int64(draw.between(1, 3))
		c.up = c.upPackets * 60
		return
	}
	c.up, c.down = draw.around(s.up), draw.around(s.down)
	switch p.call.proto {
	case netset.TCP:
		c.upPackets, c.downPackets = 4+c.up/900+c.down/4000, 3+c.down/1300+c.up/4000
		c.up, c.down = c.up+52*c.upPackets, c.down+52*c.downPackets
	case netset.UDP:
		c.upPackets, c.downPackets = 1+c.up/1200, 1+c.down/1200
		c.up, c.down = c.up+28*c.upPackets, c.down+28*c.downPackets
	default:
		c.upPackets, c.downPackets = 4+c.up/1400, 4+c.down/1400
		c.up, c.down = max(c.up, 84*c.upPackets), max(c.down, 84*c.downPackets)
	}
}

// life is when the n-th long connection of a pair was first opened and for how
// long each one lives before the next takes its place, in seconds.
func (g *generator) life(p *pair, n int) (open, life int64) {
	s := &p.call.when
	base := newStream(g.seed, streamPool, p.label, uint64(n))
	open, life = g.first*3600-int64(base.between(3600, 40*24*3600)), int64(1)<<40
	if s.shape == pool {
		life = s.lifeHours*3600 + int64(base.intn(7200))
	}
	return open, life
}

// longConnection is the k-th to stand in that place, without its load.
func (g *generator) longConnection(p *pair, n int, k int64) connection {
	ports := newStream(g.seed, streamPool, p.label, uint64(n), uint64(k))
	var c connection
	p.address(&c, &ports)
	return c
}

// bursts writes the hour of one long connection after another: bursts of
// traffic between the opening and the close, which may lie outside the window.
func (e *emitter) bursts(p *pair, n int) {
	open, life := e.g.life(p, n)
	// The hour before too: a burst may end in this one, and an interval that
	// reaches into this hour is not silent.
	for hour := e.hour - 1; hour <= e.hour; hour++ {
		from, till := hour*3600, (hour+1)*3600
		for k := max(0, floorDiv(from-open, life)); open+k*life < till; k++ {
			e.burst(p, e.g.longConnection(p, n, k), hour, open+k*life, open+(k+1)*life-1, n)
		}
	}
}

// burst writes one long connection's bursts in one hour. It was opened and
// closes at the given seconds.
func (e *emitter) burst(p *pair, c connection, hour, opened, closed int64, n int) {
	from, till := max(hour*3600, opened), min((hour+1)*3600-1, closed)
	if from > till {
		return
	}
	draw := newStream(e.g.seed, streamHour, p.label, uint64(hour), uint64(n), uint64(opened))
	one := func(start, end int64, opens, closes bool) {
		b := c
		b.start, b.end, b.opens, b.closes = start, end, opens, closes
		p.load(&b, &draw)
		e.connection(p, &b)
	}
	if from == opened {
		one(opened, min(opened+20, closed), true, false)
	}
	for range draw.count(e.g.load(p, hour)) {
		start := from + int64(draw.intn(int(till-from+1)))
		one(start, min(start+int64(draw.intn(20)), closed), false, false)
	}
	if till == closed {
		one(max(closed-5, from), closed, false, true)
	}
}
