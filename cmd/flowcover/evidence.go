package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/flowcover/flowcover/analyze"
)

// snapshots are the snapshot files of a run.
type snapshots struct {
	at      []analyze.SnapshotAt
	digests []string
}

func readSnapshots(files []string) (snapshots, error) {
	var out snapshots
	for _, file := range files {
		doc, err := readSnapshot(file)
		if err != nil {
			return out, err
		}
		var at time.Time
		for _, r := range doc.Readings {
			if t, err := time.Parse(time.RFC3339, r.Time); err == nil && t.After(at) {
				at = t
			}
		}
		if at.IsZero() && len(files) > 1 {
			return out, fmt.Errorf("--snapshot %s: it does not say when it was taken, so a flow cannot go to the nearest of several; read it again with: flowcover snapshot --from-dir DIR --taken-at TIME", file)
		}
		out.at = append(out.at, analyze.SnapshotAt{Snapshot: doc.Snapshot(), Time: at})
		out.digests = append(out.digests, doc.Snapshot().Digest())
	}
	return out, nil
}

// captures are the host captures of a run.
type captures struct {
	captures []analyze.Capture
	findings []analyze.Finding
	digests  []string
}

// unreadable counts the capture files that could not be read.
func (c captures) unreadable() int {
	n := 0
	for _, f := range c.findings {
		if f.Kind == "unreadable-capture" {
			n++
		}
	}
	return n
}

// digestFiles gives the SHA-256 of every file in a folder, with its name.
func digestFiles(fsys fs.FS) ([]string, error) {
	var out []string
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := fsys.Open(p)
		if err != nil {
			return nil //nolint:nilerr // hostcap has a finding for it
		}
		h := sha256.New()
		_, err = io.Copy(h, f)
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		out = append(out, hex.EncodeToString(h.Sum(nil))+" "+p)
		return err
	})
	return out, err
}
