package main

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/analyze/hostcap"
	"github.com/flowcover/flowcover/cmd/internal/atomicfile"
)

// form is the form of the files, which is their ending too.
type form string

const (
	formParquet form = "parquet"
	formJSONL   form = "jsonl"
	formCSV     form = "csv" // the recipe's
)

// formOf is the form asked for, else the one that the file's ending names, else
// Parquet.
func formOf(asked, out string) form {
	if asked != "" {
		return form(asked)
	}
	switch f := form(strings.TrimPrefix(filepath.Ext(out), ".")); f {
	case formJSONL, formCSV:
		return f
	}
	return formParquet
}

func (f form) write(w io.Writer, c *analyze.Capture) error {
	switch f {
	case formCSV:
		return hostcap.WriteRecipeCSV(w, c)
	case formJSONL:
		return hostcap.Write(w, c)
	}
	return hostcap.WriteParquet(w, c)
}

// guess is about what a line takes, for as long as no file tells.
func (f form) guess() float64 {
	switch f {
	case formCSV:
		return 40
	case formJSONL:
		return 260
	}
	return 40
}

// turn writes the current file when it is time to, and begins another.
func (r *recording) turn() error {
	full := r.full() || r.rotate > 0 && r.now().Sub(r.began) >= r.rotate
	if !full && r.now().Sub(r.written) < checkpoint {
		return nil
	}
	if err := r.write(); err != nil {
		return err
	}
	if full {
		r.current, r.began, r.file = *r.current.Next(r.sampled), time.Time{}, ""
		return r.first() // a connection that goes on is in both files
	}
	return nil
}

// full says whether the current file is as large as the flags let it be. What
// was open when it began does not fill it: of a host with more sockets than a
// file may hold, each file holds all, and as many that came later.
func (r *recording) full() bool {
	n := r.current.Len()
	if n < 2*r.base {
		return false
	}
	perLine := r.lineBytes
	if perLine == 0 {
		perLine = r.form.guess()
	}
	return r.rotateLines > 0 && n >= r.rotateLines || r.rotateSize > 0 && n > 0 && float64(n)*perLine >= float64(r.rotateSize)
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
	if err := atomicfile.Write(r.file, 0o644, func(w io.Writer) error { return r.form.write(w, c) }); err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	if st, err := os.Stat(r.file); err == nil && r.current.Len() > 0 {
		r.lineBytes = float64(st.Size()) / float64(r.current.Len())
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

// fileName is HOST-TIME.parquet and the like; of two files of one second the later gets a number.
func (r *recording) fileName() string {
	host := strings.Map(func(c rune) rune {
		if strings.ContainsRune(`/\:`, c) {
			return '-'
		}
		return c
	}, r.host)
	base := host + "-" + r.began.UTC().Format("20060102T150405Z")
	ext := "." + string(r.form)
	name := base + ext
	for n := 2; ; n++ {
		if _, err := os.Lstat(filepath.Join(r.out, name)); err != nil {
			return name
		}
		name = fmt.Sprintf("%s-%d%s", base, n, ext)
	}
}
