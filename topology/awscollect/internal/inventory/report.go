package inventory

import "github.com/flowcover/flowcover/topology"

// Report says what was read besides the resources themselves. It stands
// outside a snapshot's canonical part.
type Report struct {
	// Sources are the accounts and Regions read and where from: "api", or the folder.
	Sources []Source
	// Ignored lists every file and top-level key that was not understood or is
	// not needed, with the reason.
	Ignored []Ignored
	// Files is the number of files that were read.
	Files int
}

// Source is one account and Region that was read.
type Source struct {
	topology.Scope
	From string
}

// Ignored is a file, or a key of a file, that made no part of the snapshot.
type Ignored struct {
	File   string `json:"file"`
	Key    string `json:"key,omitempty"`
	Reason string `json:"reason"`
}
