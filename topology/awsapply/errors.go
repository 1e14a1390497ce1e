package awsapply

import (
	"fmt"
	"strings"
)

// WorldMovedError is a resource that is not as the changeset was planned on.
// Nothing was written.
type WorldMovedError struct {
	Resource string
	// Differences say in words what differs, as far as the changeset tells.
	Differences []string
}

func (e *WorldMovedError) Error() string {
	return fmt.Sprintf("%s changed since the plan was made: %s; take a new snapshot, plan and review again",
		e.Resource, strings.Join(e.Differences, "; "))
}

// AlreadyAppliedError says that everything approved stands already.
type AlreadyAppliedError struct {
	Digest  string
	Changes int
	// Journal says whether our own journal tells so; else the world does.
	Journal bool
}

func (e *AlreadyAppliedError) Error() string {
	by := "the rules in EC2 are as approved"
	if e.Journal {
		by = "the journal says so"
	}
	return fmt.Sprintf("all %d approved changes are applied already: %s", e.Changes, by)
}

// PartlyAppliedError is a run that stopped on its way. The same command takes
// it up again.
type PartlyAppliedError struct {
	Done []string // ids of changes made, in order, by this run or earlier ones
	Left []string // ids of changes still to make
	Err  error    // why it stopped
}

func (e *PartlyAppliedError) Error() string {
	return fmt.Sprintf("%d of %d changes are applied, then: %v; run apply again to go on from there",
		len(e.Done), len(e.Done)+len(e.Left), e.Err)
}

func (e *PartlyAppliedError) Unwrap() error { return e.Err }

// NotSettledError says that all changes were made and Describe does not show
// them yet. The next run looks again.
type NotSettledError struct {
	Resource    string
	Differences []string
}

func (e *NotSettledError) Error() string {
	return fmt.Sprintf("all changes were made, but EC2 does not show %s as approved yet: %s; run apply again to look again",
		e.Resource, strings.Join(e.Differences, "; "))
}

// AccountError is a caller who is not of the changes' account.
type AccountError struct{ Want, Caller string }

func (e *AccountError) Error() string {
	return fmt.Sprintf("the changes are for account %s and the credentials are of %s: use a profile or role of %s", e.Want, e.Caller, e.Want)
}

// CredentialsError says that AWS does not know who asks.
type CredentialsError struct{ Err error }

func (e *CredentialsError) Error() string {
	return fmt.Sprintf("no usable AWS credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or log in (aws sso login): %v", e.Err)
}

func (e *CredentialsError) Unwrap() error { return e.Err }
