// Package journal keeps what a run of apply has done, one JSON record a line,
// each on stable storage before the run goes on, so that the next run can take
// up one that was stopped. It knows nothing of EC2.
package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/flowcover/flowcover/topology"
)

// Format is the value of each record's format field.
const Format = "flowcover.journal/1"

// The kinds of a record.
const (
	Begin = "begin" // a run starts: what the touched resources are like
	Start = "start" // a change is about to be made
	Done  = "done"  // it was made
	End   = "end"   // all approved changes stand, and EC2 shows them
)

// Record is one line of a journal.
type Record struct {
	Format string `json:"format"`
	Kind   string `json:"kind"`
	Time   string `json:"time,omitempty"` // RFC 3339, UTC
	// Changeset is the digest of the changeset's file.
	Changeset string `json:"changeset"`
	// Signatures name the reviews that approved, in a begin record.
	Signatures []string `json:"signatures,omitempty"`
	// Groups and ACLs are the touched resources as they were before the first
	// change to them, in a begin record.
	Groups []topology.SecurityGroup `json:"groups,omitempty"`
	ACLs   []topology.NetworkACL    `json:"acls,omitempty"`
	// Change is the change's id, Rule the new rule's sgr- id.
	Change string `json:"change,omitempty"`
	Rule   string `json:"rule,omitempty"`
	// Already says that the change stood in the world before it was made.
	Already bool `json:"already,omitempty"`
}

// File is a journal of JSON lines in a file. It is held by one process
// at a time and is not safe for concurrent use.
type File struct {
	path    string
	file    *os.File
	now     func() time.Time
	records []Record
	broken  error // a record that was not written whole: nothing may follow it
}

// Open opens or creates a journal. A last line that a crash cut short
// is taken off; any other line that does not read is an error. A journal that
// another process holds open is an error as well.
func Open(path string, now func() time.Time) (*File, error) {
	_, err := os.Stat(path)
	isNew := errors.Is(err, fs.ErrNotExist)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("opening the journal: %w", err)
	}
	j := &File{path: path, file: f, now: now}
	if err := j.load(isNew); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return j, nil
}

func (j *File) load(isNew bool) error {
	if err := lock(j.file); err != nil {
		return &Error{File: j.path, Reason: "another run holds it: wait until that is done (" + err.Error() + ")"}
	}
	if isNew {
		// The directory too must know of the file before anything is written to EC2.
		if err := syncDir(filepath.Dir(j.path)); err != nil {
			return fmt.Errorf("creating the journal: %w", err)
		}
	}
	data, err := io.ReadAll(j.file)
	if err != nil {
		return fmt.Errorf("reading the journal: %w", err)
	}
	records, whole, err := parse(j.path, data)
	if err != nil {
		return err
	}
	if whole < len(data) {
		if err := j.file.Truncate(int64(whole)); err != nil {
			return fmt.Errorf("taking the torn last line off the journal: %w", err)
		}
	}
	if _, err := j.file.Seek(int64(whole), io.SeekStart); err != nil {
		return fmt.Errorf("reading the journal: %w", err)
	}
	j.records = records
	return nil
}

// parse reads whole lines. whole is the length of what was read.
func parse(name string, data []byte) (records []Record, whole int, err error) {
	for line := 1; whole < len(data); line++ {
		n := bytes.IndexByte(data[whole:], '\n')
		if n < 0 {
			return records, whole, nil // torn by a crash: the step was not begun
		}
		dec := json.NewDecoder(bytes.NewReader(data[whole : whole+n]))
		dec.DisallowUnknownFields()
		var r Record
		if err := dec.Decode(&r); err != nil {
			return nil, 0, &Error{File: name, Line: line, Reason: "is no record of a journal: " + err.Error()}
		}
		if dec.More() {
			return nil, 0, &Error{File: name, Line: line, Reason: "holds more than one record"}
		}
		if r.Format != Format {
			return nil, 0, &Error{File: name, Line: line, Reason: fmt.Sprintf("format is %q, want %q", r.Format, Format)}
		}
		switch r.Kind {
		case Begin, Start, Done, End:
		default:
			return nil, 0, &Error{File: name, Line: line, Reason: fmt.Sprintf("kind is %q, want begin, start, done or end", r.Kind)}
		}
		records = append(records, r)
		whole += n + 1
	}
	return records, whole, nil
}

// Records gives all records, oldest first.
func (j *File) Records() []Record { return j.records }

// Append writes a record and waits until it is on the disk. After an error the
// file takes no more: it may end in half a record, which the next Open takes off.
func (j *File) Append(r Record) error {
	if j.broken != nil {
		return j.broken
	}
	r.Format = Format
	if j.now != nil {
		r.Time = j.now().UTC().Format(time.RFC3339)
	}
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("writing the journal: %w", err)
	}
	_, err = j.file.Write(append(line, '\n'))
	if err == nil {
		err = j.file.Sync()
	}
	if err != nil {
		j.broken = fmt.Errorf("writing the journal: %w", err)
		return j.broken
	}
	j.records = append(j.records, r)
	return nil
}

// Close lets the journal go.
func (j *File) Close() error { return j.file.Close() }

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Error is a journal that does not fit.
type Error struct {
	File   string
	Line   int // 0: the whole file
	Reason string
}

func (e *Error) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("%s line %d: %s", e.File, e.Line, e.Reason)
	}
	return fmt.Sprintf("%s: %s", e.File, e.Reason)
}
