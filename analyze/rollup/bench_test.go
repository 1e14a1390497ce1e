package rollup

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/analyze/internal/s3fake"
	"github.com/flowcover/flowcover/analyze/parquetio"
	"github.com/flowcover/flowcover/analyze/source"
)

// benchColumns makes one object's records of 29 columns, column by column.
func benchColumns(r *rand.Rand, start int64, n int) []parquetio.FlowLogColumn {
	text := func(name string, f func(i int) string) parquetio.FlowLogColumn {
		c := parquetio.FlowLogColumn{Name: name}
		for i := range n {
			c.Strings = append(c.Strings, f(i))
		}
		return c
	}
	number := func(name string, kind parquetio.FlowLogKind, f func(i int) int64) parquetio.FlowLogColumn {
		c := parquetio.FlowLogColumn{Name: name, Kind: kind}
		for i := range n {
			c.Ints = append(c.Ints, f(i))
		}
		return c
	}
	const i32, i64 = parquetio.FlowLogInt32, parquetio.FlowLogInt64
	host, peer, port, at := make([]int, n), make([]int, n), make([]int64, n), make([]int64, n)
	for i := range n {
		host[i], peer[i], port[i], at[i] = r.IntN(40), r.IntN(400), 32768+r.Int64N(28000), start+r.Int64N(3540)
		if i%2 == 1 { // the answer
			host[i], peer[i], port[i], at[i] = host[i-1], peer[i-1], port[i-1], at[i-1]
		}
	}
	local := func(i int) string { return fmt.Sprintf("10.0.%d.%d", host[i]/8, 4+host[i]%8) }
	remote := func(i int) string { return fmt.Sprintf("10.%d.%d.%d", 1+peer[i]%3, peer[i]/3%16, 4+peer[i]%200) }
	arriving := func(i int) bool { return i%2 == 0 }
	src := func(i int) string { return pick(arriving(i), remote(i), local(i)) }
	dst := func(i int) string { return pick(arriving(i), local(i), remote(i)) }
	same := func(s string) func(int) string { return func(int) string { return s } }
	return []parquetio.FlowLogColumn{
		number("version", i32, func(int) int64 { return 5 }), text("account_id", same(testAccount)),
		text("interface_id", func(i int) string { return fmt.Sprintf("eni-%017x", host[i]) }),
		text("srcaddr", src), text("dstaddr", dst),
		number("srcport", i32, func(i int) int64 { return pick(arriving(i), port[i], 443) }),
		number("dstport", i32, func(i int) int64 { return pick(arriving(i), 443, port[i]) }),
		number("protocol", i32, func(int) int64 { return 6 }),
		number("packets", i64, func(int) int64 { return 1 + r.Int64N(200) }), number("bytes", i64, func(int) int64 { return r.Int64N(1 << 20) }),
		number("start", i64, func(i int) int64 { return at[i] }), number("end", i64, func(i int) int64 { return at[i] + 58 }),
		text("action", same("ACCEPT")), text("log_status", same("OK")), text("vpc_id", same("vpc-0a1b2c3d4e5f60718")),
		text("subnet_id", func(i int) string { return fmt.Sprintf("subnet-%017x", host[i]/8) }),
		text("instance_id", func(i int) string { return fmt.Sprintf("i-%017x", host[i]) }),
		number("tcp_flags", i32, func(i int) int64 { return pick(arriving(i), int64(2), 18) }), text("type", same("IPv4")),
		text("pkt_srcaddr", src), text("pkt_dstaddr", dst), text("region", same(testRegion)), text("az_id", same("apne2-az1")),
		text("sublocation_type", same("-")), text("sublocation_id", same("-")), text("pkt_src_aws_service", same("-")), text("pkt_dst_aws_service", same("-")),
		text("flow_direction", func(i int) string { return pick(arriving(i), "ingress", "egress") }),
		number("traffic_path", i32, func(int) int64 { return 1 }),
	}
}

func pick[T any](first bool, a, b T) T {
	if first {
		return a
	}
	return b
}

// benchLogs writes a day of objects and returns their bytes.
func benchLogs(b *testing.B, dir string, records, objects int) (size int64) {
	b.Helper()
	r := rand.New(rand.NewPCG(1, uint64(records)))
	start := int64(at(b, "2026-09-10 00:00:00"))
	for i := range objects {
		var w countingBuffer
		cols := benchColumns(r, start+int64(i)*82800/int64(objects), records/objects)
		if err := parquetio.WriteFlowLog(&w, cols, parquetio.FlowLogOptions{}); err != nil {
			b.Fatal(err)
		}
		writeFile(b, dir, dayKey("2026-09-10", fmt.Sprintf("%d.log.parquet", i)), w)
		size += int64(len(w))
	}
	return size
}

type countingBuffer []byte

func (c *countingBuffer) Write(p []byte) (int, error) {
	*c = append(*c, p...)
	return len(p), nil
}

// Sizes of the benchmarks: records and objects of a day.
var benchSizes = []struct{ records, objects int }{{50_000, 24}, {500_000, 24}}

// BenchmarkFill makes a day's rollup from a directory.
func BenchmarkFill(b *testing.B) {
	for _, size := range benchSizes {
		dir := b.TempDir()
		bytes := benchLogs(b, dir, size.records, size.objects)
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("records=%d/threads=%d", size.records, threads), func(b *testing.B) {
				w := window(b, "2026-09-10", "2026-09-11", "Asia/Seoul")
				b.SetBytes(bytes)
				for b.Loop() {
					e := openEngine(b, b.TempDir(), Options{Threads: threads})
					fill(b, e, dir, w)
				}
				b.ReportMetric(float64(size.records)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
			})
		}
	}
}

// BenchmarkDuckDBAlone runs the same grouping in DuckDB on the same files, all
// at once and whole, with nothing of ours around it: what BenchmarkFill is held
// against.
func BenchmarkDuckDBAlone(b *testing.B) {
	ctx := context.Background()
	for _, size := range benchSizes {
		dir := b.TempDir()
		benchLogs(b, dir, size.records, size.objects)
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("records=%d/threads=%d", size.records, threads), func(b *testing.B) {
				w := window(b, "2026-09-10", "2026-09-11", "Asia/Seoul")
				e := openEngine(b, b.TempDir(), Options{Threads: threads})
				u, inputs := linked(b, e, dir, w)
				for b.Loop() {
					if err := e.begin(ctx, u); err != nil {
						b.Fatal(err)
					}
					if err := e.sum(ctx, u, inputs); err != nil {
						b.Fatal(err)
					}
					if _, err := e.workOut(ctx, u); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(size.records)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
			})
		}
	}
}

// linked is a directory's one unit, ready for DuckDB.
func linked(b *testing.B, e *Engine, dir string, w analyze.Window) (*unit, []*input) {
	b.Helper()
	g, err := gather(context.Background(), []source.Bucket{openDir(b, dir, false)}, w)
	if err != nil || len(g.units) != 1 {
		b.Fatalf("%d units, %v", len(g.units), err)
	}
	s := newStager(e)
	var inputs []*input
	for _, o := range g.units[0].objects {
		p, err := s.plan(context.Background(), o)
		if err != nil {
			b.Fatal(err)
		}
		in, err := s.fetch(context.Background(), &job{object: o, plan: p})
		if err != nil {
			b.Fatal(err)
		}
		inputs = append(inputs, in...)
	}
	return g.units[0], inputs
}

// BenchmarkFillOverS3 makes the same rollup from a store that answers after a
// delay, and reports the share of the bytes that were moved.
func BenchmarkFillOverS3(b *testing.B) {
	dir := b.TempDir()
	benchLogs(b, dir, 500_000, 24)
	s := s3fake.Start(b, "logs")
	upload(b, s, dir)
	s.Delay = 20_000_000 // 20 ms
	w := window(b, "2026-09-10", "2026-09-11", "Asia/Seoul")
	var moved, whole int64
	for b.Loop() {
		e := openEngine(b, b.TempDir(), Options{Threads: 2})
		rep, err := e.Fill(context.Background(), []source.Bucket{openFake(b, s, "")}, w, nil)
		if err != nil {
			b.Fatal(err)
		}
		moved, whole = rep.Moved, rep.Whole
	}
	b.ReportMetric(float64(moved)/float64(whole), "moved/whole")
}
