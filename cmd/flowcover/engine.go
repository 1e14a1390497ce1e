package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/flowcover/flowcover/analyze/rollup"
	"github.com/flowcover/flowcover/analyze/rollup/sealed"
	"github.com/flowcover/flowcover/analyze/source"
	"github.com/flowcover/flowcover/cmd/internal/command"
)

func stateFlag() command.Flag {
	return command.Flag{Name: "state", Hint: "DIR|s3://...", Key: "state", Usage: "where rollups and observations are kept"}
}

func engineFlags() []command.Flag {
	return []command.Flag{
		{Name: "scratch", Hint: "DIR", Key: "engine.scratch", Usage: "folder for staged objects and spilled tables; without it the system's"},
		{Name: "memory", Hint: "SIZE", Key: "engine.memory", Usage: "memory of the query engine, such as 512MiB; without it two fifths of what this process may use, at most 768MiB"},
		{Name: "disk", Hint: "SIZE", Key: "engine.disk", Usage: "most that the query engine spills to disk, such as 10GiB; without it nine tenths of what is free"},
		{Name: "stage", Hint: "SIZE", Key: "engine.stage", Usage: "most bytes of flow logs on the disk at a time; without it 256MiB"},
		{Name: "threads", Hint: "N", Type: command.Int, Key: "engine.threads", Usage: "threads of the query engine; without it one a CPU"},
		{Name: "strict", Type: command.Bool, Key: "engine.strict", Usage: "stop at the first object that cannot be read"},
	}
}

// leastStage holds a few small objects, or two pieces of a large one.
const leastStage = 1 << 20

// engineOptions are the bounds of the query engine.
type engineOptions struct {
	scratch             string
	memory, disk, stage int64
	threads             int
	strict              bool
}

func readEngineOptions(c *cli.Context) (engineOptions, error) {
	o := engineOptions{scratch: c.String("scratch"), threads: c.Int("threads"), strict: c.Bool("strict")}
	if o.threads < 0 {
		return o, fmt.Errorf("--threads %d: want 1 or more", o.threads)
	}
	for _, f := range []struct {
		name string
		into *int64
	}{{"memory", &o.memory}, {"disk", &o.disk}, {"stage", &o.stage}} {
		var err error
		if *f.into, err = parseSize(c.String(f.name)); err != nil {
			return o, fmt.Errorf("--%s: %w", f.name, err)
		}
	}
	if o.stage > 0 && o.stage < leastStage {
		return o, fmt.Errorf("--stage %s: want at least %s", c.String("stage"), sizeText(leastStage))
	}
	return o, nil
}

func (o engineOptions) options(state source.Bucket) rollup.Options {
	return rollup.Options{
		State: state, Scratch: o.scratch, MemoryLimit: o.memory, DiskLimit: o.disk, Threads: o.threads, StageBytes: o.stage, Strict: o.strict,
	}
}

// sealed are the same bounds for SQL over observations.
func (o engineOptions) sealed() sealed.Options {
	return sealed.Options{Scratch: o.scratch, Memory: o.memory, Disk: o.disk, Threads: o.threads}
}

// parseSize reads 512MiB, 1GB, 4096; empty is 0.
func parseSize(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	digits := strings.TrimRight(s, "KMGTiBkb")
	units := map[string]int64{
		"": 1, "B": 1, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
		"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
	}
	unit, known := units[s[len(digits):]]
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || !known || n < 1 || n > (1<<62)/unit {
		return 0, fmt.Errorf("%q is no size; want bytes with a unit such as 512MiB or 2GiB", s)
	}
	return n * unit, nil
}
