package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// memory is the memory part of the benchmark: the same day's length of logs, in
// ever more days.
type memoryPart struct {
	spec  logSpec // of one day; days is how many differ from each other
	sizes []int   // days
}

type memoryRow struct {
	records int64
	days    int
	filled
}

func (p memoryPart) run(ctx context.Context, b *bench) ([]memoryRow, error) {
	dir := filepath.Join(b.work, "memory")
	p.spec.dir = filepath.Join(dir, "day")
	if err := b.once(p.spec.dir, func() error { return writeLogs(ctx, p.spec) }); err != nil {
		return nil, err
	}
	g, err := startGateway(ctx, b.versitygw, filepath.Join(dir, "s3"), 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = g.stop() }()
	if err := b.once(filepath.Join(dir, "uploaded"), func() error {
		return g.upload(ctx, p.spec.dir, "memory")
	}); err != nil {
		return nil, err
	}
	var rows []memoryRow
	for _, days := range p.sizes {
		prefix := fmt.Sprintf("memory-%d", days)
		if err := g.multiply("memory", prefix, p.spec, days); err != nil {
			return nil, err
		}
		state := filepath.Join(dir, fmt.Sprintf("state-%d", days))
		if err := os.RemoveAll(state); err != nil {
			return nil, err
		}
		f := fillFlags{logs: "s3://" + bucket + "/" + prefix, endpoint: g.direct, state: state, scratch: filepath.Join(dir, fmt.Sprintf("scratch-%d", days)),
			since: p.spec.first.Format(time.DateOnly), days: days, threads: 2}
		res, err := f.child(ctx)
		if err != nil {
			return nil, err
		}
		b.say("memory: %d days, %d records: %.0f s, peak %s resident, %s staged", days, res.Records, res.Wall, mib(res.RSS), mib(res.StagePeak))
		rows = append(rows, memoryRow{records: res.Records, days: days, filled: res})
	}
	return rows, nil
}
