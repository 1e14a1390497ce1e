package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

//go:embed alone.py
var aloneScript []byte

// alone runs DuckDB by itself over the same objects.
func (b *bench) alone(ctx context.Context, mode string, threads int, place, endpoint string) (filled, error) {
	var res filled
	dir := filepath.Join(b.work, "alone")
	if err := os.RemoveAll(dir); err != nil {
		return res, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return res, err
	}
	script := filepath.Join(dir, "alone.py")
	if err := os.WriteFile(script, aloneScript, 0o644); err != nil {
		return res, err
	}
	args := []string{script, mode, b.sql, strconv.Itoa(threads), dir, place}
	if endpoint != "" {
		args = append(args, endpoint)
	}
	out, use, err := measure(ctx, b.python, args...)
	if err != nil {
		return res, fmt.Errorf("DuckDB alone over %s: %w", place, err)
	}
	err = json.Unmarshal(out, &res)
	res.usage = use
	return res, err
}

// ingest fills a new state from logs of the benchmark.
func (b *bench) ingest(ctx context.Context, name, logs, endpoint string, days, threads int) (filled, error) {
	state := filepath.Join(b.work, name, "state")
	if err := os.RemoveAll(state); err != nil {
		return filled{}, err
	}
	return b.again(ctx, name, logs, endpoint, days, threads)
}

// again fills the state that stands.
func (b *bench) again(ctx context.Context, name, logs, endpoint string, days, threads int) (filled, error) {
	f := fillFlags{logs: logs, endpoint: endpoint, state: filepath.Join(b.work, name, "state"), scratch: filepath.Join(b.work, name, "scratch"),
		since: b.first.Format(time.DateOnly), days: days, threads: threads}
	return f.child(ctx)
}

// localPart: the ingest against DuckDB alone on a folder, at 1 and 2 threads.
type localPart struct{ records, objects, rounds int }

type localRow struct {
	threads               int
	records               int64
	ingest, rollup, group filled
}

func (p localPart) run(ctx context.Context, b *bench) ([]localRow, error) {
	logs := filepath.Join(b.work, "local", "logs")
	spec := b.spec(logs, 1, p.records, p.objects)
	if err := b.once(logs, func() error { return writeLogs(ctx, spec) }); err != nil {
		return nil, err
	}
	var rows []localRow
	for _, threads := range []int{1, 2} {
		row := localRow{threads: threads}
		// By turns, so that a busy moment of the machine falls on each; the quickest counts.
		for range p.rounds {
			in, err := b.ingest(ctx, "local", logs, "", 1, threads)
			if err != nil {
				return nil, err
			}
			all, err := b.alone(ctx, "rollup", threads, logs, "")
			if err != nil {
				return nil, err
			}
			one, err := b.alone(ctx, "group", threads, logs, "")
			if err != nil {
				return nil, err
			}
			row.records = in.Records
			row.ingest, row.rollup, row.group = quicker(row.ingest, in), quicker(row.rollup, all), quicker(row.group, one)
			b.say("local, %d threads: ingest %.1f s, its SQL in DuckDB alone %.1f s, one GROUP BY %.1f s", threads, in.Seconds, all.Seconds, one.Seconds)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// quicker is the run that took less; the zero value is none.
func quicker(a, b filled) filled {
	if a.Seconds == 0 || b.Seconds < a.Seconds {
		return b
	}
	return a
}

// networkPart: the same objects from a folder and over S3.
type networkPart struct {
	records, objects int
	delay            time.Duration
}

type networkResult struct {
	objects             int
	local, quick, slow  filled // from the folder, over S3, and with the delay
	httpfs, httpfsGroup filled // DuckDB reading the objects itself, with the delay
	requests            int64  // of the run with the delay
	sent                int64  // bytes that the proxy saw then
	delay               time.Duration
	shares              []share
}

func (p networkPart) run(ctx context.Context, b *bench) (networkResult, error) {
	r := networkResult{objects: p.objects, delay: p.delay}
	dir := filepath.Join(b.work, "s3")
	logs := filepath.Join(dir, "logs")
	if err := b.once(logs, func() error { return writeLogs(ctx, b.spec(logs, 1, p.records, p.objects)) }); err != nil {
		return r, err
	}
	var err error
	if r.shares, err = columnShares(logs); err != nil {
		return r, err
	}
	g, err := startGateway(ctx, b.versitygw, filepath.Join(dir, "served"), p.delay)
	if err != nil {
		return r, err
	}
	defer func() { _ = g.stop() }()
	if err := b.once(filepath.Join(dir, "uploaded"), func() error { return g.upload(ctx, logs, "day") }); err != nil {
		return r, err
	}
	place := "s3://" + bucket + "/day"
	if r.local, err = b.ingest(ctx, "s3", logs, "", 1, 2); err != nil {
		return r, err
	}
	b.say("s3: from the folder %.1f s", r.local.Seconds)
	if r.quick, err = b.ingest(ctx, "s3", place, g.direct, 1, 2); err != nil {
		return r, err
	}
	b.say("s3: over S3 %.1f s, %s of %s moved", r.quick.Seconds, mib(r.quick.Moved), mib(r.quick.Whole))
	if r.slow, err = b.ingest(ctx, "s3", place, g.slow, 1, 2); err != nil {
		return r, err
	}
	r.requests, r.sent = g.reqs.Load(), g.moved.Load()
	b.say("s3: with %v a request %.1f s, %d requests", p.delay, r.slow.Seconds, r.requests)
	if r.httpfs, err = b.alone(ctx, "rollup", 2, place, g.slow); err != nil {
		return r, err
	}
	b.say("s3: DuckDB's httpfs, the ingest's SQL: %.1f s", r.httpfs.Seconds)
	r.httpfsGroup, err = b.alone(ctx, "group", 2, place, g.slow)
	b.say("s3: DuckDB's httpfs, one GROUP BY: %.1f s", r.httpfsGroup.Seconds)
	return r, err
}

// rerunPart: many days, then nothing new, then one new day.
type rerunPart struct{ days, records, objects int }

type rerunResult struct {
	days                int
	records             int64
	first, same, oneNew filled
}

func (p rerunPart) run(ctx context.Context, b *bench) (rerunResult, error) {
	r := rerunResult{days: p.days}
	logs := filepath.Join(b.work, "rerun", fmt.Sprintf("logs-%d", rand.Uint32()))
	defer func() { _ = os.RemoveAll(logs) }()
	spec := b.spec(logs, p.days, p.records, p.objects)
	if err := writeLogs(ctx, spec); err != nil {
		return r, err
	}
	var err error
	if r.first, err = b.ingest(ctx, "rerun", logs, "", p.days, 2); err != nil {
		return r, err
	}
	r.records = r.first.Records
	if r.same, err = b.again(ctx, "rerun", logs, "", p.days, 2); err != nil {
		return r, err
	}
	spec.from, spec.days = p.days, 1
	if err := writeLogs(ctx, spec); err != nil {
		return r, err
	}
	if r.oneNew, err = b.again(ctx, "rerun", logs, "", p.days+1, 2); err != nil {
		return r, err
	}
	b.say("rerun: first %.2f s, nothing new %.2f s, one new day %.2f s", r.first.Seconds, r.same.Seconds, r.oneNew.Seconds)
	if r.same.Built != 0 || r.oneNew.Built != 1 {
		return r, fmt.Errorf("the second run made %d rollups and the third %d: want 0 and 1", r.same.Built, r.oneNew.Built)
	}
	return r, nil
}
