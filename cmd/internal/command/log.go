package command

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/flowcover/flowcover/cmd/internal/table"
)

// textHandler writes "warning: message key=value" for people: no times, no quotes
// where none are needed.
type textHandler struct {
	mu    *sync.Mutex
	w     io.Writer
	level slog.Level
	attrs []slog.Attr
}

func newTextHandler(w io.Writer, level slog.Level) *textHandler {
	return &textHandler{mu: new(sync.Mutex), w: w, level: level}
}

func (h *textHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level }

func (h *textHandler) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	switch {
	case r.Level >= slog.LevelError:
		b.WriteString("error: ")
	case r.Level >= slog.LevelWarn:
		b.WriteString("warning: ")
	}
	b.WriteString(r.Message)
	write := func(a slog.Attr) bool {
		text := a.Value.String()
		if strings.ContainsAny(text, " \"") {
			text = fmt.Sprintf("%q", text)
		}
		b.WriteString(" " + a.Key + "=" + text)
		return true
	}
	for _, a := range h.attrs {
		write(a)
	}
	r.Attrs(write)
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := fmt.Fprintln(h.w, table.Clean(b.String()))
	return err
}

func (h *textHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *h
	c.attrs = append(append([]slog.Attr{}, h.attrs...), attrs...)
	return &c
}

// WithGroup: groups are for machines; people read one line.
func (h *textHandler) WithGroup(string) slog.Handler { return h }

// Progress shows how far a long stage is: one line that is written over on a
// terminal, a log line now and then elsewhere. Its methods may be called from
// several goroutines; a nil Progress shows nothing.
type Progress struct {
	mu    sync.Mutex
	line  io.Writer // nil: not a terminal
	width int
	log   *slog.Logger
	now   func() time.Time
	quiet bool
	last  time.Time
	stage string
	shown bool
}

const (
	everyOnTerminal = 100 * time.Millisecond
	everyInLog      = time.Minute
)

// NewProgress gives a progress that writes log lines in JSON, for tests of what
// verbs tell.
func NewProgress(w io.Writer, now func() time.Time) *Progress {
	return &Progress{log: slog.New(slog.NewJSONHandler(w, nil)), now: now}
}

// Show says that done of total units of a stage are done; total 0: not known;
// no unit: the stage just runs.
func (p *Progress) Show(stage string, done, total int64, unit string) {
	text := ""
	var attrs []any
	if unit != "" {
		attrs = []any{"done", done, "total", total, "unit", unit}
	}
	switch {
	case total == 0 && unit != "":
		text = fmt.Sprintf("%d %s", done, unit)
	case total > 0:
		text = fmt.Sprintf("%d of %d %s (%d%%)", done, total, unit, done*100/total)
	}
	p.Tell(stage, text, attrs...)
}

// Tell says how far a stage is: in words for a terminal, in pairs of names and
// values for the log. What comes too soon after the last is passed over.
func (p *Progress) Tell(stage, text string, attrs ...any) {
	if p == nil || p.quiet {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	every := everyInLog
	if p.line != nil {
		every = everyOnTerminal
	}
	if stage == p.stage && now.Sub(p.last) < every {
		return
	}
	p.stage, p.last = stage, now
	if p.line == nil {
		p.log.Info(stage, attrs...)
		return
	}
	if text != "" {
		stage += ": " + text
	}
	p.shown = true
	_, _ = fmt.Fprintf(p.line, "\r\x1b[K%s", table.Truncate(stage, max(p.width-1, 20)))
}

// Clear takes the line away before something else is written.
func (p *Progress) Clear() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown {
		_, _ = fmt.Fprint(p.line, "\r\x1b[K")
		p.shown = false
	}
}
