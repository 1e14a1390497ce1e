package awscollect

import (
	"context"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/awscollect/internal/inventory"
)

// NotInExport is the code of a call whose answer a folder does not hold.
const NotInExport = inventory.NotInExport

// What both ways of reading give besides the resources, and their errors.
type (
	// Report says what was read, and what was ignored. It stands outside a
	// snapshot's canonical part.
	Report = inventory.Report
	// Source is one account and Region that was read.
	Source = inventory.Source
	// Ignored is a file, or a key of a file, that made no part of the snapshot.
	Ignored = inventory.Ignored

	// FileError is a file that is not what the AWS CLI prints.
	FileError = inventory.FileError
	// ConflictError is a resource that was read twice with different contents.
	ConflictError = inventory.ConflictError
	// ScopeError is a resource of which nothing tells the account or the Region.
	ScopeError = inventory.ScopeError
	// RefusedError is a call that nothing works without and that AWS refused.
	RefusedError = inventory.RefusedError
)

// FromDir reads every file of a folder tree as JSON that the AWS CLI printed:
// aws ec2, elbv2, rds and service-quotas describe-*, get-* and search-*. What a
// file holds is told by its top-level keys, whatever its name. Answers that do
// not repeat what they belong to (a route table's routes, a prefix list's
// entries) take it from the file's name, or from a key beside them.
//
// A file that is not JSON, or cut short, is an error that names it and the
// place. Whatever is not understood is in the report, never dropped in silence.
func FromDir(ctx context.Context, dir string) (topology.Resources, Report, error) {
	return inventory.FromDir(ctx, dir)
}
