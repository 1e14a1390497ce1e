package awsapply

import (
	"time"

	"github.com/flowcover/flowcover/topology/awsapply/journal"
)

// Journal keeps what is done. Append returns when the record is on stable storage.
type Journal interface {
	Records() []journal.Record // oldest first
	Append(journal.Record) error
}

// The journal's own words, for who only imports this package.
type (
	// Record is one line of a journal.
	Record = journal.Record
	// FileJournal is a journal of JSON lines in a file.
	FileJournal = journal.File
	// JournalError is a journal that does not fit.
	JournalError = journal.Error
)

// OpenJournal opens or creates a journal in a file, for one process at a time.
func OpenJournal(path string, now func() time.Time) (*journal.File, error) {
	return journal.Open(path, now)
}
