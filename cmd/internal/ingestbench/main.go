// Ingestbench measures how flow logs become rollups: time against DuckDB alone,
// bytes moved over S3, memory, disk, and what a second run costs. Each ingest
// runs in a process of its own. scripts/bench runs it; docs/BENCHMARKS.md has
// what it found.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "ingestbench:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 && args[0] == "fill" { // by this program itself
		return runFill(ctx, args[1:], os.Stdout)
	}
	b := &bench{log: os.Stderr}
	set := flag.NewFlagSet("scripts/bench ingest", flag.ContinueOnError)
	set.StringVar(&b.work, "work", "", "folder for logs and states; what is made there is used again by the next run")
	set.StringVar(&b.python, "python", "python3", "Python with duckdb and duckdb-extension-httpfs")
	set.StringVar(&b.versitygw, "versitygw", "versitygw", "the S3 server's program")
	set.StringVar(&b.sql, "sql", "analyze/rollup/sql", "folder of the ingest's SQL")
	parts := set.String("parts", "local,s3,rerun,memory", "what to measure")
	var l localPart
	set.IntVar(&l.records, "local-records", 5_000_000, "local: records")
	set.IntVar(&l.objects, "local-objects", 288, "local: objects")
	set.IntVar(&l.rounds, "rounds", 2, "local: runs of each, of which the quickest counts")
	var n networkPart
	set.IntVar(&n.records, "s3-records", 26_000_000, "s3: records")
	set.IntVar(&n.objects, "s3-objects", 500, "s3: objects")
	set.DurationVar(&n.delay, "delay", 20*time.Millisecond, "s3: added to each request")
	var r rerunPart
	set.IntVar(&r.days, "rerun-days", 90, "rerun: days")
	set.IntVar(&r.records, "rerun-records", 50_000, "rerun: records of a day")
	set.IntVar(&r.objects, "rerun-objects", 24, "rerun: objects of a day")
	var m memoryPart
	set.IntVar(&m.spec.perDay, "memory-records", 10_000_000, "memory: records of a day")
	set.IntVar(&m.spec.objects, "memory-objects", 288, "memory: objects of a day")
	set.IntVar(&m.spec.days, "memory-distinct", 3, "memory: days that differ; the others are links to them")
	days := set.String("memory-days", "1,10,30", "memory: numbers of days")
	if err := set.Parse(args); err != nil {
		return err
	}
	if b.work == "" || set.NArg() > 0 {
		return errors.New("give -work FOLDER, and nothing but flags")
	}
	var err error
	if b.work, err = filepath.Abs(b.work); err != nil {
		return err
	}
	for s := range strings.SplitSeq(*days, ",") {
		d, err := strconv.Atoi(s)
		if err != nil || d < 1 {
			return fmt.Errorf("-memory-days %s: want numbers of days such as 1,10,30", *days)
		}
		m.sizes = append(m.sizes, d)
	}
	b.first = time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
	return b.measureParts(ctx, strings.Split(*parts, ","), l, n, r, m)
}

// measureParts runs the parts that were asked for and prints their tables.
func (b *bench) measureParts(ctx context.Context, names []string, l localPart, n networkPart, r rerunPart, m memoryPart) error {
	m.spec.seed, m.spec.enis, m.spec.first = 1, 300, b.first
	for _, name := range names {
		var out, title string
		var err error
		switch name {
		case "local":
			var rows []localRow
			rows, err = l.run(ctx, b)
			title, out = "Against DuckDB alone", localReport(rows)
		case "s3":
			var res networkResult
			if res, err = n.run(ctx, b); err == nil {
				title, out = "Over S3", networkReport(res)
			}
		case "rerun":
			var res rerunResult
			res, err = r.run(ctx, b)
			title, out = "Second runs", rerunReport(res)
		case "memory":
			var rows []memoryRow
			rows, err = m.run(ctx, b)
			title, out = "Memory and disk", memoryReport(rows)
		default:
			err = fmt.Errorf("-parts: %q is none of local, s3, rerun, memory", name)
		}
		if err != nil {
			return err
		}
		if _, err := fmt.Printf("### %s\n\n%s\n%s\n\n", title, out, machine()); err != nil {
			return err
		}
	}
	return nil
}
