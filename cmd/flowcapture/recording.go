package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/flowcover/flowcover/analyze/hostcap"
)

// recording is one run of flowcapture.
type recording struct {
	out                string
	folder             bool
	interval, duration time.Duration
	rotate             time.Duration
	rotateLines        int
	rotateSize         int64
	form               form
	interfaces         []string
	noLoopback         bool
	events             string // auto | on | off
	metadata           bool
	host, instance     string
	enis               []string
	sampler            sampler
	log                io.Writer
	now                func() time.Time
	own                []netip.Addr        // the host's addresses
	wanted             map[netip.Addr]bool // nil: every address
	current            hostcap.Recorder
	began, written     time.Time
	sampled            time.Time // the last whole sample
	file               string
	base               int     // lines that the file began with
	lineBytes          float64 // what a line of the last file took; 0: none was written
}

type sampler interface {
	Sample() ([]hostcap.Socket, error)
}

// foldersLines bounds what is kept in memory for a file that may rotate.
const foldersLines = 100_000

// checkpoint is how often the current file is written anew.
const checkpoint = time.Minute

// target finds out whether --out is a file or a folder.
func (r *recording) target() error {
	r.folder = isFolder(r.out)
	switch {
	case r.folder:
		if err := os.MkdirAll(r.out, 0o755); err != nil {
			return fmt.Errorf("--out: %w", err)
		}
	case r.rotate > 0 || r.rotateLines > 0 || r.rotateSize > 0:
		return fmt.Errorf("--out %s: want a folder where files rotate", r.out)
	}
	return nil
}

func isFolder(out string) bool {
	st, err := os.Stat(out)
	return strings.HasSuffix(out, "/") || (err == nil && st.IsDir())
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
	if err := r.first(); err != nil {
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
			if r.full() {
				if err := r.turn(); err != nil {
					return err
				}
			}
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

// first takes a file's first sample.
func (r *recording) first() error {
	err := r.sample()
	r.base = r.current.Len()
	return err
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
	r.sampled = at
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
