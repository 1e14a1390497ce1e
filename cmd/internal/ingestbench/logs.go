package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"
)

// logSpec says which logs to write.
type logSpec struct {
	dir     string
	seed    uint64
	enis    int
	days    int
	first   time.Time // the first day's midnight, UTC
	perDay  int       // records
	objects int       // of a day
	// days are numbered from here: logs of later days alone are added so.
	from int
}

// record is one line of a log, its own fields.
type record struct {
	on               *eni
	src, dst         string // as the interface saw them
	pktSrc, pktDst   string
	srcAWS, dstAWS   string
	srcPort, dstPort int64
	protocol, flags  int64
	packets, bytes   int64
	start, end       int64
	egress           bool
	reject, silent   bool
	path             int64 // 0: absent
}

// writeLogs writes the objects of all days, two at a time.
func writeLogs(ctx context.Context, s logSpec) error {
	w := newWorld(rand.New(rand.NewPCG(s.seed, 0)), s.enis)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2)
	for d := s.from; d < s.from+s.days; d++ {
		for o := range s.objects {
			group.Go(func() error {
				if err := ctx.Err(); err != nil {
					return err
				}
				return s.writeObject(w, d, o)
			})
		}
	}
	return group.Wait()
}

// key is the object's, as AWS names it.
func (s logSpec) key(d, o int) string {
	at := s.objectTime(d, o)
	return fmt.Sprintf("AWSLogs/%s/vpcflowlogs/%s/%s/%s_vpcflowlogs_%s_%s_%s_%08x.log.parquet",
		account, region, at.Format("2006/01/02"), account, region, flowLog, at.Format("20060102T1504Z"), d*s.objects+o)
}

func (s logSpec) objectTime(d, o int) time.Time {
	return s.first.AddDate(0, 0, d).Add(24 * time.Hour * time.Duration(o) / time.Duration(s.objects)).Truncate(time.Minute)
}

func (s logSpec) writeObject(w *world, d, o int) (err error) {
	path := filepath.Join(s.dir, filepath.FromSlash(s.key(d, o)))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	buf := bufio.NewWriterSize(f, 1<<20)
	defer func() { err = errors.Join(err, buf.Flush(), f.Close()) }()
	r := rand.New(rand.NewPCG(s.seed, uint64(d)<<32|uint64(o)+1))
	n := s.perDay / s.objects
	if o < s.perDay%s.objects {
		n++
	}
	return writeRecords(buf, w.records(r, d, s.objectTime(d, o).Unix(), n))
}

// aggregation is the flow log's interval in seconds, span that of one object.
const (
	aggregation = 60
	span        = 300
)

// records makes n records of span seconds, in no order: AWS promises none.
func (w *world) records(r *rand.Rand, day int, start int64, n int) []record {
	out := make([]record, 0, n+8)
	for len(out) < n {
		switch k := r.IntN(1000); {
		case k < 2:
			out = append(out, record{on: w.enis[r.IntN(len(w.enis))], silent: true, start: start, end: start + aggregation - 1})
		case k < 30:
			out = append(out, w.probe(r, start))
		default:
			out = w.conversation(out, r, day, start)
		}
	}
	r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out[:n]
}

// probe is a stranger's knock at a public address, refused.
func (w *world) probe(r *rand.Rand, start int64) record {
	e := w.enis[r.IntN(len(w.enis))]
	src, service := outside(r)
	at := start + r.Int64N(span)
	return record{on: e, src: src, dst: e.addr, pktSrc: src, pktDst: e.addr, srcAWS: service, dstAWS: "-",
		srcPort: 1024 + r.Int64N(64000), dstPort: r.Int64N(10000), protocol: 6, flags: 2, packets: 1 + r.Int64N(3), bytes: 40 + 4*r.Int64N(6), start: at, end: at + r.Int64N(50), reject: true}
}

// conversation adds one connection's records within the object: of each end and
// of the NAT gateway between them, both directions, one to three intervals.
func (w *world) conversation(out []record, r *rand.Rand, day int, start int64) []record {
	i := w.pick(r)
	rt := &w.routes[i]
	// Two in five are connections that last the day: a pool of few client ports.
	low := r.Int64N(28000)
	lasting := r.IntN(5) < 2
	if lasting {
		low = int64((i*7919+day*104729)%27000) + r.Int64N(4)
	}
	port := 32768 + low
	intervals := 1 + r.IntN(3)
	if !lasting {
		intervals = 1 + r.IntN(2)
	}
	first := start + r.Int64N(span-aggregation*int64(intervals-1))
	for k := range intervals {
		at := first + int64(k)*aggregation
		end := min(at+r.Int64N(aggregation), at+aggregation-1)
		there, back := int64(0), int64(0)
		if rt.protocol == 6 && k == 0 && !lasting {
			there, back = 2, 18
			if intervals == 1 {
				there, back = 3, 19
			}
		}
		packets := int64(math.Exp(r.NormFloat64()*1.5 + 2.3))
		answer := packets + r.Int64N(packets/2+2)
		request := record{src: rt.from, dst: rt.to, pktSrc: rt.from, pktDst: rt.to, srcAWS: named(rt.fromAWS), dstAWS: named(rt.toAWS),
			srcPort: port, dstPort: rt.port, protocol: rt.protocol, flags: there, packets: packets + 1, bytes: (packets + 1) * (60 + r.Int64N(300)), start: at, end: end}
		reply := record{src: rt.to, dst: rt.from, pktSrc: rt.to, pktDst: rt.from, srcAWS: named(rt.toAWS), dstAWS: named(rt.fromAWS),
			srcPort: rt.port, dstPort: port, protocol: rt.protocol, flags: back, packets: answer + 1, bytes: (answer + 1) * (90 + r.Int64N(1300)), start: at, end: end}
		out = w.seen(out, r, rt, request, reply)
	}
	return out
}

func named(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// seen adds what each interface on the way logs of one packet each way.
func (w *world) seen(out []record, r *rand.Rand, rt *route, request, reply record) []record {
	add := func(on *eni, x record, egress bool, path int64) {
		x.on, x.egress, x.path = on, egress, path
		out = append(out, x)
	}
	if rt.client != nil {
		path := int64(1)
		if rt.server != nil && rt.server.vpc != rt.client.vpc {
			path = 6
		}
		add(rt.client, request, true, path)
		add(rt.client, reply, false, 0)
	}
	if rt.viaNAT {
		// The gateway's own address stands in the hop's place, another port outside.
		port := 1024 + r.Int64N(64000)
		a, b, c, d := request, request, reply, reply
		a.dst = w.nat.addr
		b.src, b.srcPort = w.nat.addr, port
		c.dst, c.dstPort = w.nat.addr, port
		d.src = w.nat.addr
		add(w.nat, a, false, 0)
		add(w.nat, b, true, 8)
		add(w.nat, c, false, 0)
		add(w.nat, d, true, 1)
	}
	if rt.server != nil {
		path := int64(1)
		if rt.client == nil {
			path = 8
		}
		add(rt.server, request, false, 0)
		add(rt.server, reply, true, path)
	}
	return out
}

func pick[T any](first bool, a, b T) T {
	if first {
		return a
	}
	return b
}
