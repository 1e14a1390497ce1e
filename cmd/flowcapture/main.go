// Command flowcapture records a host's sockets at an interval, so that
// flow logs can be read with what the host itself knows: which ports it listens
// on and who opened each connection. It is one static binary without cgo.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/flowcover/flowcover/analyze/hostcap"
	"github.com/flowcover/flowcover/cmd/internal/bytesize"
)

// version is set by the linker.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// The exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// usageError is a command line that cannot be used.
type usageError struct{ error }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	app := newApp(stdout, stderr)
	err := app.RunContext(ctx, args)
	var usage usageError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &usage):
		_, _ = fmt.Fprintf(stderr, "flowcapture: %v\nSee: flowcapture --help\n", err)
		return exitUsage
	}
	_, _ = fmt.Fprintf(stderr, "flowcapture: %v\n", err)
	return exitFailed
}

const about = `Samples the host's TCP and UDP sockets (/proc/net) until the duration is over or
it is told to stop (Ctrl-C, SIGTERM), and writes one capture file, or several
where it rotates. Files are there whole or not at all; the current one is
written anew every minute, so that a crash or kill -9 costs a minute at most.

With the right to (root, CAP_NET_ADMIN) and where the kernel tracks connections,
it also hears of each new connection between samples (--events). Process names
of other users need root as well.

EXAMPLE
   flowcapture --duration 24h --out /var/lib/flowcapture/
   flowcover analyze --logs s3://... --captures /var/lib/flowcapture/

EXIT STATUS
   0   done, or told to stop: what was seen is written
   1   failed; what was seen until then is written
   2   the command line cannot be used`

func newApp(stdout, stderr io.Writer) *cli.App {
	return &cli.App{
		Name: "flowcapture", Usage: "record a host's sockets for flowcover", Version: version, Description: about,
		ArgsUsage: " ", Writer: stdout, ErrWriter: stderr, HideHelpCommand: true,
		// urfave/cli would end the process itself on some errors.
		ExitErrHandler: func(*cli.Context, error) {},
		OnUsageError:   func(_ *cli.Context, err error, _ bool) error { return usageError{err} },
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "out", Aliases: []string{"o"}, Value: ".", Usage: "the `FILE`, or a folder that exists or ends in / for files named HOST-TIME.parquet"},
			&cli.StringFlag{Name: "format", Usage: "parquet, jsonl, or csv (Timestamp, Destination IP, Port of the TCP connections that the host opened, or may have); without it as --out ends, else parquet"},
			&cli.DurationFlag{Name: "interval", Value: 5 * time.Second, Usage: "time between samples"},
			&cli.DurationFlag{Name: "duration", Usage: "how long to record; without it until told to stop"},
			&cli.DurationFlag{Name: "rotate", Usage: "begin a new file after this time (--out must be a folder)"},
			&cli.StringFlag{Name: "rotate-size", Usage: "begin a new file when this one takes about `SIZE`, such as 16MiB"},
			&cli.IntFlag{Name: "rotate-lines", Value: foldersLines, Usage: "begin a new file after so many connections and listening sockets, which bounds memory; 0: never; a single FILE has no bound"},
			&cli.StringSliceFlag{Name: "interface", Usage: "keep only connections of this network interface's addresses (may be repeated)"},
			&cli.BoolFlag{Name: "no-loopback", Usage: "leave out connections within the host"},
			&cli.BoolFlag{Name: "processes", Usage: "record which process holds a socket"},
			&cli.StringFlag{Name: "events", Value: "auto", Usage: "hear of connections between samples: auto, on (fail where it cannot) or off"},
			&cli.StringFlag{Name: "host", Usage: "the host's name; without it the system's"},
			&cli.StringFlag{Name: "instance", Usage: "the host's instance id, i-..."},
			&cli.StringSliceFlag{Name: "eni", Usage: "an ENI of the host, eni-... (may be repeated)"},
			&cli.StringFlag{Name: "metadata", Value: "auto", Usage: "ask EC2's metadata service for instance and ENI ids: auto or off"},
		},
		Action: func(c *cli.Context) error {
			r, err := parse(c, stderr)
			if err != nil {
				return usageError{err}
			}
			return r.Run(c.Context)
		},
	}
}

// parse turns flags into a recording.
func parse(c *cli.Context, stderr io.Writer) (*recording, error) {
	if c.Args().Present() {
		return nil, fmt.Errorf("unexpected argument %q; flowcapture takes flags only", c.Args().First())
	}
	r := &recording{
		out: c.String("out"), interval: c.Duration("interval"), duration: c.Duration("duration"),
		rotate: c.Duration("rotate"), rotateLines: c.Int("rotate-lines"), form: formOf(c.String("format"), c.String("out")), interfaces: c.StringSlice("interface"),
		noLoopback: c.Bool("no-loopback"), events: c.String("events"), metadata: c.String("metadata") == "auto",
		host: c.String("host"), instance: c.String("instance"), enis: c.StringSlice("eni"),
		sampler: &hostcap.Sampler{Processes: c.Bool("processes")}, log: stderr,
		now: func() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }, // as Parquet keeps it
	}
	if !c.IsSet("rotate-lines") && !isFolder(r.out) {
		r.rotateLines = 0
	}
	for _, d := range []struct {
		flag  string
		value time.Duration
		least time.Duration
	}{{"interval", r.interval, 10 * time.Millisecond}, {"duration", r.duration, 0}, {"rotate", r.rotate, 0}} {
		if d.value < d.least {
			return nil, fmt.Errorf("--%s %s: want at least %s", d.flag, d.value, d.least)
		}
	}
	if r.rotateLines < 0 {
		return nil, fmt.Errorf("--rotate-lines %d: want 0 or more", r.rotateLines)
	}
	size, err := bytesize.Parse(c.String("rotate-size"))
	if err != nil {
		return nil, fmt.Errorf("--rotate-size %w", err)
	}
	r.rotateSize = size
	for _, v := range []struct{ flag, value, choices string }{
		{"events", r.events, "auto, on, off"}, {"metadata", c.String("metadata"), "auto, off"}, {"format", string(r.form), "parquet, jsonl, csv"},
	} {
		if !strings.Contains(", "+v.choices+",", ", "+v.value+",") {
			return nil, fmt.Errorf("--%s %q: want one of %s", v.flag, v.value, v.choices)
		}
	}
	if r.instance != "" && !strings.HasPrefix(r.instance, "i-") {
		return nil, fmt.Errorf("--instance %q: want an id that begins with i-", r.instance)
	}
	for _, id := range r.enis {
		if !strings.HasPrefix(id, "eni-") {
			return nil, fmt.Errorf("--eni %q: want an id that begins with eni-", id)
		}
	}
	if r.host == "" {
		name, err := os.Hostname()
		if err != nil {
			return nil, fmt.Errorf("the system does not know its name (%w): give it with --host", err)
		}
		r.host = name
	}
	return r, r.target()
}
