package awsapply

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

// JournalFormat is the value of each record's format field.
const JournalFormat = "flowcover.journal/1"

// The kinds of a record.
const (
	RecordBegin = "begin" // a run starts: what the touched resources are like
	RecordStart = "start" // a change is about to be made
	RecordDone  = "done"  // it was made
	RecordEnd   = "end"   // all approved changes stand, and EC2 shows them
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

// Journal keeps records. Append returns when the record is on stable storage.
type Journal interface {
	Records() []Record
	Append(Record) error
}

// FileJournal is a journal of JSON lines in a file. It is held by one process
// at a time and is not safe for concurrent use.
type FileJournal struct {
	path    string
	file    *os.File
	now     func() time.Time
	records []Record
}

// OpenJournal opens or creates a journal. A last line that a crash cut short
// is taken off; any other line that does not read is an error. A journal that
// another process holds open is an error as well.
func OpenJournal(path string, now func() time.Time) (*FileJournal, error) {
	_, err := os.Stat(path)
	isNew := errors.Is(err, fs.ErrNotExist)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("opening the journal: %w", err)
	}
	j := &FileJournal{path: path, file: f, now: now}
	if err := j.load(isNew); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return j, nil
}

func (j *FileJournal) load(isNew bool) error {
	if err := lock(j.file); err != nil {
		return &JournalError{File: j.path, Reason: "another run holds it: wait until that is done (" + err.Error() + ")"}
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
	records, whole, err := parseJournal(j.path, data)
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

// parseJournal reads whole lines. whole is the length of what was read.
func parseJournal(name string, data []byte) (records []Record, whole int, err error) {
	for line := 1; whole < len(data); line++ {
		n := bytes.IndexByte(data[whole:], '\n')
		if n < 0 {
			return records, whole, nil // torn by a crash: the step was not begun
		}
		dec := json.NewDecoder(bytes.NewReader(data[whole : whole+n]))
		dec.DisallowUnknownFields()
		var r Record
		if err := dec.Decode(&r); err != nil {
			return nil, 0, &JournalError{File: name, Line: line, Reason: "is no record of a journal: " + err.Error()}
		}
		if dec.More() {
			return nil, 0, &JournalError{File: name, Line: line, Reason: "holds more than one record"}
		}
		if r.Format != JournalFormat {
			return nil, 0, &JournalError{File: name, Line: line, Reason: fmt.Sprintf("format is %q, want %q", r.Format, JournalFormat)}
		}
		switch r.Kind {
		case RecordBegin, RecordStart, RecordDone, RecordEnd:
		default:
			return nil, 0, &JournalError{File: name, Line: line, Reason: fmt.Sprintf("kind is %q, want begin, start, done or end", r.Kind)}
		}
		records = append(records, r)
		whole += n + 1
	}
	return records, whole, nil
}

// Records gives all records, oldest first.
func (j *FileJournal) Records() []Record { return j.records }

// Append writes a record and waits until it is on the disk.
func (j *FileJournal) Append(r Record) error {
	r.Format = JournalFormat
	if j.now != nil {
		r.Time = j.now().UTC().Format(time.RFC3339)
	}
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("writing the journal: %w", err)
	}
	if _, err := j.file.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("writing the journal: %w", err)
	}
	if err := j.file.Sync(); err != nil {
		return fmt.Errorf("writing the journal: %w", err)
	}
	j.records = append(j.records, r)
	return nil
}

// Close lets the journal go.
func (j *FileJournal) Close() error { return j.file.Close() }

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
