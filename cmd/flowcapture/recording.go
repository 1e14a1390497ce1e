package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/analyze/hostcap"
	"github.com/flowcover/flowcover/cmd/internal/atomicfile"
)

// recording is one run of flowcapture.
type recording struct {
	out                string
	folder             bool
	interval, duration time.Duration
	rotate             time.Duration
	rotateLines        int
	interfaces         []string
	noLoopback         bool
	events             string // auto | on | off
	metadata           bool
	csv                bool // the recipe's form
	host, instance     string
	enis               []string
	sampler            sampler
	log                io.Writer
	now                func() time.Time
	own                []netip.Addr        // the host's addresses
	wanted             map[netip.Addr]bool // nil: every address
	current            hostcap.Recorder
	began, written     time.Time
	file               string
}

type sampler interface {
	Sample() ([]hostcap.Socket, error)
}

// checkpoint is how often the current file is written anew.
const checkpoint = time.Minute

// target finds out whether --out is a file or a folder.
func (r *recording) target() error {
	st, err := os.Stat(r.out)
	r.folder = strings.HasSuffix(r.out, "/") || (err == nil && st.IsDir())
	switch {
	case r.folder:
		if err := os.MkdirAll(r.out, 0o755); err != nil {
			return fmt.Errorf("--out: %w", err)
		}
	case r.rotate > 0 || r.rotateLines > 0:
		return fmt.Errorf("--out %s: want a folder where files rotate", r.out)
	}
	return nil
}

// Run records until the duration is over or ctx ends, and writes what it saw.
func (r *recording) Run(ctx context.Context) (err error) {
	if err := r.identify(ctx); err != nil {
		return err
	}
	if r.duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, r.duration)
		defer cancel()
	}
	heard, stop, err := r.listen()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	if err := r.sample(); err != nil {
		return err // nothing was seen yet
	}
	r.say("recording the sockets of %s every %s", r.host, r.interval)
	tick := time.NewTicker(r.interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			r.drain(heard)
			return errors.Join(r.sample(), r.write())
		case s, ok := <-heard:
			if !ok {
				heard = nil // the kernel has no more to say
				continue
			}
			r.current.Add(r.now(), r.keep([]hostcap.Socket{s}))
		case <-tick.C:
			if err := r.sample(); err != nil {
				return errors.Join(err, r.write())
			}
			if err := r.turn(); err != nil {
				return err
			}
		}
	}
}

// drain takes the events that are there already.
func (r *recording) drain(heard <-chan hostcap.Socket) {
	for {
		select {
		case s, ok := <-heard:
			if !ok {
				return
			}
			r.current.Add(r.now(), r.keep([]hostcap.Socket{s}))
		default:
			return
		}
	}
}

// identify finds out who the host is.
func (r *recording) identify(ctx context.Context) error {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return fmt.Errorf("list the host's addresses: %w", err)
	}
	r.own = addresses(addrs)
	if len(r.interfaces) > 0 {
		r.wanted = map[netip.Addr]bool{}
		for _, name := range r.interfaces {
			i, err := net.InterfaceByName(name)
			if err != nil {
				return fmt.Errorf("--interface %s: %w", name, err)
			}
			addrs, err := i.Addrs()
			if err != nil {
				return fmt.Errorf("--interface %s: %w", name, err)
			}
			for _, a := range prefixes(addrs) {
				r.wanted[a] = true
			}
		}
	}
	if r.metadata && (r.instance == "" || len(r.enis) == 0) {
		id := askMetadata(ctx, metadataURL)
		if r.instance == "" {
			r.instance = id.instance
		}
		if len(r.enis) == 0 {
			r.enis = id.enis
		}
	}
	slices.Sort(r.enis)
	return nil
}

// addresses gives those that tell one host from another.
func addresses(in []net.Addr) []netip.Addr {
	return slices.DeleteFunc(prefixes(in), func(a netip.Addr) bool { return a.IsLoopback() || a.IsLinkLocalUnicast() })
}

func prefixes(in []net.Addr) (out []netip.Addr) {
	for _, a := range in {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			out = append(out, p.Addr().Unmap().WithZone(""))
		}
	}
	return out
}

func (r *recording) sample() error {
	s, err := r.sampler.Sample()
	if err != nil {
		return fmt.Errorf("sample the sockets: %w", err)
	}
	at := r.now()
	if r.began.IsZero() {
		r.began, r.written = at, at
	}
	r.current.Add(at, r.keep(s))
	return nil
}

// keep drops what the flags leave out.
func (r *recording) keep(in []hostcap.Socket) []hostcap.Socket {
	return slices.DeleteFunc(in, func(s hostcap.Socket) bool {
		local := s.Local.Unmap().WithZone("")
		if s.State == hostcap.Listening && local.IsUnspecified() {
			return false
		}
		return r.noLoopback && local.IsLoopback() || r.wanted != nil && !r.wanted[local]
	})
}

// turn writes the current file when it is time to, and begins another.
func (r *recording) turn() error {
	at := r.now()
	full := r.rotate > 0 && at.Sub(r.began) >= r.rotate || r.rotateLines > 0 && r.current.Len() >= r.rotateLines
	if !full && at.Sub(r.written) < checkpoint {
		return nil
	}
	if err := r.write(); err != nil {
		return err
	}
	if full {
		r.current, r.began, r.file = hostcap.Recorder{}, time.Time{}, ""
		return r.sample() // a connection that goes on is in both files
	}
	return nil
}

// write writes the current file, whole.
func (r *recording) write() error {
	if r.began.IsZero() {
		return nil
	}
	if r.file == "" {
		r.file = r.out
		if r.folder {
			r.file = filepath.Join(r.out, r.fileName())
		}
	}
	c := r.current.Capture()
	c.Host, c.Instance, c.ENIs = r.host, r.instance, r.enis
	c.Addresses = append([]netip.Addr(nil), r.own...)
	c.Since, c.Until = r.began, r.now()
	err := atomicfile.Write(r.file, 0o644, func(w io.Writer) error {
		if r.csv {
			return hostcap.WriteRecipeCSV(w, c)
		}
		return hostcap.Write(w, c)
	})
	if err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	r.written = r.now()
	r.say("wrote %s: %d listening sockets, %d connections%s", r.file, len(c.Listeners), len(c.Connections), unknown(c))
	return nil
}

func unknown(c *analyze.Capture) string {
	n := 0
	for _, x := range c.Connections {
		if x.Opener == analyze.Unsettled {
			n++
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" (%d of unknown side)", n)
}

// fileName is HOST-TIME.jsonl, or .csv; of two files of one second the later gets a number.
func (r *recording) fileName() string {
	host := strings.Map(func(c rune) rune {
		if strings.ContainsRune(`/\:`, c) {
			return '-'
		}
		return c
	}, r.host)
	base := host + "-" + r.began.UTC().Format("20060102T150405Z")
	ext := ".jsonl"
	if r.csv {
		ext = ".csv"
	}
	name := base + ext
	for n := 2; ; n++ {
		if _, err := os.Lstat(filepath.Join(r.out, name)); err != nil {
			return name
		}
		name = fmt.Sprintf("%s-%d%s", base, n, ext)
	}
}

// listen hears of connections between samples, as --events says.
func (r *recording) listen() (<-chan hostcap.Socket, func() error, error) {
	none := func() error { return nil }
	if r.events == "off" {
		return nil, none, nil
	}
	own := func(a netip.Addr) bool { return slices.Contains(r.own, a) }
	heard, lost, stop, err := hostcap.Events(own)
	switch {
	case err != nil && r.events == "on":
		return nil, none, fmt.Errorf("--events on: %w", err)
	case err != nil:
		r.say("no connection events (%v): connections shorter than %s may be missed", err, r.interval)
		return nil, none, nil
	}
	return heard, func() error {
		if n := lost(); n > 0 {
			r.say("the kernel dropped connection events %d times: connections shorter than %s may be missing", n, r.interval)
		}
		return stop()
	}, nil
}

func (r *recording) say(format string, args ...any) {
	_, _ = fmt.Fprintf(r.log, "flowcapture: "+format+"\n", args...)
}
