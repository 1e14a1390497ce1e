package demo

import "github.com/flowcover/flowcover/topology/netset"

// emitter turns connections into the records of one hour.
type emitter struct {
	g          *generator
	hour       int64
	from, till int64 // seconds, till exclusive: records that end in between are kept
	out        []record
	marks      []uint8 // what befell each ENI's intervals around the hour
	truth      *truthTable
}

// Marks of an ENI's interval.
const (
	markActive  = 1 << iota // it has traffic
	markSkipped             // SKIPDATA stands for some of its records
)

// begin empties the emitter for another hour.
func (e *emitter) begin(hour int64) {
	e.hour, e.from, e.till = hour, hour*3600, (hour+1)*3600
	e.out = e.out[:0]
	clear(e.marks)
	e.skips()
}

// mark gives the place of an ENI's interval among the marks; nil where it lies
// too far from the hour to matter.
func (e *emitter) mark(eni int, index int64) *uint8 {
	at := index - floorDiv(e.from-e.g.phase(eni), e.g.interval)
	if at < 0 || at >= e.g.perHour {
		return nil
	}
	return &e.marks[int64(eni)*e.g.perHour+at]
}

// phase is where in the clock an ENI's aggregation intervals begin.
func (g *generator) phase(eni int) int64 { return g.phases[eni] }

// connection writes what a connection of pair p leaves in this hour.
func (e *emitter) connection(p *pair, c *connection) {
	req := p.route.request
	note := noted{}
	for i := range req {
		action := accept
		if (p.call.fate() == Demand || p.call.fate() == Scan) && i == p.refused {
			action = reject
		}
		e.direction(p, c, &req[i], true, action, i == 0, &note)
	}
	for i := range p.route.reply {
		action := accept
		if p.call.fate() == NoReply {
			action = reject
		}
		e.direction(p, c, &p.route.reply[i], false, action, false, &note)
	}
	if c.noise && c.closes {
		e.straggler(p, c, &note)
	}
	if note.records > 0 {
		e.truth.note(p, c, &note)
	}
}

// noted is what an hour saw of a connection.
type noted struct {
	records     int64
	first, last int64
	opened      bool // its first record lies in this hour
	syn         bool // a record with the SYN does
}

// direction writes one direction of a connection at one ENI, cut at the ENI's
// aggregation intervals.
func (e *emitter) direction(p *pair, c *connection, h *hop, request bool, action int8, first bool, note *noted) {
	step, phase := e.g.interval, e.g.phase(h.eni)
	packets, bytes := c.upPackets, c.up
	if !request {
		packets, bytes = c.downPackets, c.down
	}
	length := c.end - c.start + 1
	var donePackets, doneBytes int64
	for at := c.start; at <= c.end; {
		index := floorDiv(at-phase, step)
		till := min(c.end, phase+(index+1)*step-1)
		passed := till - c.start + 1
		n := packets*passed/length - donePackets
		size := bytes*passed/length - doneBytes
		if at == c.start && n == 0 {
			n, size = 1, max(size, 40)
		}
		e.touch(h.eni, index)
		if n > 0 && till >= e.from && till < e.till && !e.lost(h.eni, index) {
			r := e.fill(p, c, h, request)
			r.start, r.end, r.packets, r.bytes, r.action = at, till, n, max(size, 40*n), action
			r.flags = flagsOf(p, c, request, action, at == c.start, till == c.end)
			e.out = append(e.out, r)
			note.add(&r, first && at == c.start, request)
		}
		donePackets, doneBytes = donePackets+n, doneBytes+size
		at = till + 1
	}
}

func (n *noted) add(r *record, opened, request bool) {
	if n.records == 0 || r.start < n.first {
		n.first = r.start
	}
	n.last = max(n.last, r.end)
	n.records++
	n.opened = n.opened || opened
	n.syn = n.syn || r.flags&flagSYN != 0 && request
}

// fill makes the record's addresses and ports.
func (e *emitter) fill(p *pair, c *connection, h *hop, request bool) record {
	r := record{eni: int32(h.eni), hop: h, opener: c.opener, proto: int16(p.call.proto)}
	if p.call.proto.HasPorts() {
		r.sport, r.dport = c.sport, c.dport
		if h.nat {
			r.sport = c.natPort
		}
		if !request {
			r.sport, r.dport = r.dport, r.sport
		}
	}
	return r
}

// flagsOf gives the flags of the part of a connection between two seconds.
func flagsOf(p *pair, c *connection, request bool, action int8, first, last bool) int8 {
	if p.call.proto != netset.TCP {
		return 0
	}
	flags := int8(0)
	if c.opens && first {
		flags = flagSYN
		if !request {
			flags = flagSYNACK
		}
	}
	unanswered := p.route.reply == nil
	if c.closes && last && action == accept && !unanswered {
		if c.reset && request {
			flags |= flagRST
		} else {
			flags |= flagFIN
		}
	}
	return flags
}

// straggler is a packet of the target that arrives after the opener closed:
// the opener's group knows the connection no longer and refuses it.
func (e *emitter) straggler(p *pair, c *connection, note *noted) {
	if len(p.route.reply) == 0 || p.from.eni < 0 || p.call.proto != netset.TCP {
		return
	}
	h := &p.route.reply[len(p.route.reply)-1]
	at := c.end + 5 + int64(c.sport)%(closeNoise-10)
	index := floorDiv(at-e.g.phase(h.eni), e.g.interval)
	e.touch(h.eni, index)
	if at < e.from || at >= e.till || e.lost(h.eni, index) {
		return
	}
	r := e.fill(p, c, h, false)
	r.start, r.end, r.packets, r.bytes, r.action = at, at, 1, 40, reject
	if c.sport%3 == 0 {
		r.flags = flagRST
	}
	e.out = append(e.out, r)
	note.add(&r, false, false)
}

func (e *emitter) touch(eni int, index int64) {
	if m := e.mark(eni, index); m != nil {
		*m |= markActive
	}
}

// lost says whether a record falls among those that SKIPDATA stands for.
func (e *emitter) lost(eni int, index int64) bool {
	m := e.mark(eni, index)
	return m != nil && *m&markSkipped != 0 && len(e.out)%3 == 0
}

// silence writes the NODATA rows of the hour, and the SKIPDATA ones.
func (e *emitter) silence() {
	step := e.g.interval
	for i := range e.g.people.net.res.Interfaces {
		if len(e.g.people.net.res.Interfaces[i].Addresses) == 0 {
			continue
		}
		phase := e.g.phase(i)
		for index := floorDiv(e.from-phase, step); ; index++ {
			start := phase + index*step
			end := start + step - 2
			if end >= e.till {
				break
			}
			m := *e.mark(i, index)
			if end < e.from || m == markActive {
				continue
			}
			status := statusNoData
			if m&markSkipped != 0 {
				status = statusSkipData
			}
			e.out = append(e.out, record{eni: int32(i), start: start, end: end, status: status})
		}
	}
}

// skips chooses the ENI intervals around the hour that lost records.
func (e *emitter) skips() {
	step := e.g.interval
	for i := range e.g.people.net.res.Interfaces {
		phase := e.g.phase(i)
		for index := floorDiv(e.from-phase, step); phase+index*step < e.till; index++ {
			draw := newStream(e.g.seed, streamSkip, uint64(i), uint64(index))
			if draw.chance(4e-5 * float64(step) / 600) {
				*e.mark(i, index) |= markSkipped
			}
		}
	}
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
