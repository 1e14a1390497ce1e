package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/analyze/rollup"
	"github.com/flowcover/flowcover/analyze/source"
)

// filled is what one run of the ingest came to.
type filled struct {
	Seconds   float64 `json:"seconds"` // of Fill
	Records   int64   `json:"records"`
	Built     int     `json:"built"`
	Rollups   int     `json:"rollups"`
	Moved     int64   `json:"moved"`
	Whole     int64   `json:"whole"`
	StagePeak int64   `json:"stage_peak"` // bytes of staged files on the disk, looked at 20 times a second
	// RSS is the most that the process had in memory (VmHWM), bytes.
	RSS   int64 `json:"rss"`
	usage       // put in by whoever started the process
}

// fillFlags are those of the command fill: one ingest in a process of its own.
type fillFlags struct {
	logs, state, scratch, endpoint string
	since                          string
	days, threads                  int
	memory, stage                  int64
}

func runFill(ctx context.Context, args []string, out io.Writer) error {
	var f fillFlags
	set := flag.NewFlagSet("fill", flag.ContinueOnError)
	set.StringVar(&f.logs, "logs", "", "flow logs: a folder or s3://")
	set.StringVar(&f.state, "state", "", "state folder")
	set.StringVar(&f.scratch, "scratch", "", "scratch folder")
	set.StringVar(&f.endpoint, "endpoint", "", "S3 endpoint")
	set.StringVar(&f.since, "since", "2026-07-01", "first day, UTC")
	set.IntVar(&f.days, "days", 1, "days")
	set.IntVar(&f.threads, "threads", 2, "threads of the query engine")
	set.Int64Var(&f.memory, "memory", 0, "memory limit of the query engine")
	set.Int64Var(&f.stage, "stage", 0, "limit of the stage")
	if err := set.Parse(args); err != nil {
		return err
	}
	res, err := f.run(ctx)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(res)
}

func (f fillFlags) run(ctx context.Context) (filled, error) {
	var res filled
	since, err := time.Parse(time.DateOnly, f.since)
	if err != nil {
		return res, err
	}
	logs, err := source.Open(ctx, f.logs, source.Options{EndpointURL: f.endpoint, Region: "us-east-1"})
	if err != nil {
		return res, err
	}
	state, err := source.Open(ctx, f.state, source.Options{Writable: true})
	if err != nil {
		return res, err
	}
	eng, err := rollup.Open(ctx, rollup.Options{State: state, Scratch: f.scratch, Threads: f.threads, MemoryLimit: f.memory, StageBytes: f.stage})
	if err != nil {
		return res, err
	}
	defer func() { _ = eng.Close() }()
	peak := watch(f.scratch)
	began := time.Now()
	w := analyze.Window{Since: since, Until: since.AddDate(0, 0, f.days), Location: time.UTC}
	rep, err := eng.Fill(ctx, []source.Bucket{logs}, w, nil)
	if err != nil {
		return res, err
	}
	rss, err := peakRSS()
	return filled{RSS: rss, Seconds: time.Since(began).Seconds(), Records: rep.Records, Built: rep.Built, Rollups: len(rep.Rollups),
		Moved: rep.Moved, Whole: rep.Whole, StagePeak: peak()}, err
}

// watch looks at the disk that staged files take until it is asked for the most.
func watch(scratch string) func() int64 {
	stop, done := make(chan struct{}), make(chan int64)
	go func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		most := int64(0)
		for {
			select {
			case <-stop:
				done <- most
				return
			case <-tick.C:
				most = max(most, staged(scratch))
			}
		}
	}()
	return func() int64 {
		close(stop)
		return <-done
	}
}

// staged is the disk that the files of the stage take, holes left out.
func staged(scratch string) int64 {
	dirs, err := filepath.Glob(filepath.Join(scratch, "flowcover-scratch-*", "in"))
	if err != nil {
		return 0
	}
	sum := int64(0)
	for _, dir := range dirs {
		_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return nil // gone meanwhile
			}
			if info, err := d.Info(); err == nil {
				if st, ok := info.Sys().(*syscall.Stat_t); ok {
					sum += st.Blocks * 512
				}
			}
			return nil
		})
	}
	return sum
}

// peakRSS is the most memory that this process had, in bytes.
func peakRSS() (int64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		var kib int64
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kib); n == 1 {
			return kib << 10, nil
		}
	}
	return 0, errors.New("/proc/self/status has no VmHWM")
}
