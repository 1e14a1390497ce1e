package command

import (
	"io"
	"log/slog"
	"os"
	"strconv"
	"time"

	"golang.org/x/term"
)

// Streams are the three standard streams.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Env is what a verb knows of the world around it.
type Env struct {
	Streams
	// Width is the width of what reads Out, in columns; 0: not a terminal.
	Width    int
	Color    bool // Out is a terminal that may be coloured
	Log      *slog.Logger
	Progress *Progress
	Now      func() time.Time
	Version  string
	// Ask reads a passphrase from the terminal; nil where there is none.
	Ask func(prompt string) ([]byte, error)
}

// Values of --log-format.
const (
	logAuto = "auto"
	logText = "text"
	logJSON = "json"
)

func newEnv(s Streams, version, logFormat string, quiet bool) *Env {
	e := &Env{Streams: s, Version: version, Now: time.Now}
	e.Width = widthOf(s.Out)
	outTTY, errTTY := isTerminal(s.Out), isTerminal(s.Err)
	_, noColor := os.LookupEnv("NO_COLOR")
	dumb := os.Getenv("TERM") == "dumb"
	e.Color = outTTY && !noColor && !dumb
	level := slog.LevelInfo
	if quiet {
		level = slog.LevelWarn
	}
	asJSON := logFormat == logJSON || logFormat == logAuto && !errTTY
	if asJSON {
		e.Log = slog.New(slog.NewJSONHandler(s.Err, &slog.HandlerOptions{Level: level}))
	} else {
		e.Log = slog.New(newTextHandler(s.Err, level))
	}
	e.Progress = &Progress{log: e.Log, now: e.Now, quiet: quiet}
	if errTTY && !dumb && !asJSON {
		e.Progress.line = s.Err
		e.Progress.width = widthOf(s.Err)
	}
	if f, ok := s.In.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		e.Ask = func(prompt string) ([]byte, error) {
			if _, err := io.WriteString(s.Err, prompt); err != nil {
				return nil, err
			}
			answer, err := term.ReadPassword(int(f.Fd()))
			_, _ = io.WriteString(s.Err, "\n")
			return answer, err
		}
	}
	return e
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// widthOf: COLUMNS, set by a person or a test, goes before what the terminal says.
func widthOf(w io.Writer) int {
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		return n
	}
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0
	}
	n, _, err := term.GetSize(int(f.Fd()))
	if err != nil || n <= 0 {
		return 80
	}
	return n
}
