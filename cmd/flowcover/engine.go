package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/flowcover/flowcover/analyze/rollup"
	"github.com/flowcover/flowcover/analyze/rollup/sealed"
	"github.com/flowcover/flowcover/analyze/source"
	"github.com/flowcover/flowcover/cmd/internal/bytesize"
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
		if *f.into, err = bytesize.Parse(c.String(f.name)); err != nil {
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
