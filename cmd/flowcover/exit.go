package main

import (
	"errors"

	"github.com/flowcover/flowcover/cmd/internal/command"
	"github.com/flowcover/flowcover/topology/awsapply"
	"github.com/flowcover/flowcover/topology/review"
)

// The exit codes, as every help page and the README list them.
const (
	codeFailed     = 1
	codeUsage      = 2
	codeUnreadable = 3
	codeFindings   = 4
	codePromise    = 5
	codeUnsigned   = 10
	codeSigner     = 11
	codeExpired    = 12
	codeChanged    = 13
	codeMoved      = 14
	codeFourEyes   = 15
	codeApplied    = 16
	codePartly     = 20
)

var exits = []command.Exit{
	{Code: 0, Text: "done"},
	{Code: codeFailed, Text: "failed"},
	{Code: codeUsage, Text: "the command line or the configuration cannot be used"},
	{Code: codeUnreadable, Text: "done, but some input could not be read"},
	{Code: codeFindings, Text: "done, with findings; or the rules do not fit the quota; or trace --expect met another verdict"},
	{Code: codePromise, Text: "a promise of the plan fails"},
	{Code: codeUnsigned, Text: "apply refuses: unsigned"},
	{Code: codeSigner, Text: "apply refuses: the signer is unknown"},
	{Code: codeExpired, Text: "apply refuses: the review has expired"},
	{Code: codeChanged, Text: "apply refuses: the changeset or a review was changed after signing"},
	{Code: codeMoved, Text: "apply refuses: the account has changed since the snapshot"},
	{Code: codeFourEyes, Text: "apply refuses: the author is the only one to approve"},
	{Code: codeApplied, Text: "apply refuses: already applied"},
	{Code: codePartly, Text: "partly applied, or not yet seen to be in force; run apply again to go on"},
	{Code: 130, Text: "stopped by an interrupt (Ctrl-C)"},
	{Code: 143, Text: "stopped by SIGTERM"},
}

// What a verb that has done its work may end with all the same.
var (
	errUnreadable = errors.New("some input could not be read")
	errFindings   = errors.New("there are findings")
	errPromise    = errors.New("a promise of the plan fails")
)

// exitCode is the one place where an error becomes an exit code.
func exitCode(err error) int {
	var usage *command.UsageError
	var stopped command.Stopped
	var moved *awsapply.WorldMovedError
	var applied *awsapply.AlreadyAppliedError
	var partly *awsapply.PartlyAppliedError
	var unsettled *awsapply.NotSettledError
	switch {
	case err == nil:
		return 0
	// That AWS was written to in part matters more than what stopped it.
	case errors.As(err, &partly), errors.As(err, &unsettled):
		return codePartly
	case errors.As(err, &stopped):
		return stopped.ExitCode()
	case errors.As(err, &usage):
		return codeUsage
	case errors.Is(err, review.ErrUnsigned):
		return codeUnsigned
	case errors.Is(err, review.ErrSignerUnknown):
		return codeSigner
	case errors.Is(err, review.ErrExpired):
		return codeExpired
	case errors.Is(err, review.ErrChanged):
		return codeChanged
	case errors.Is(err, review.ErrFourEyes):
		return codeFourEyes
	case errors.As(err, &moved):
		return codeMoved
	case errors.As(err, &applied):
		return codeApplied
	case errors.Is(err, errPromise):
		return codePromise
	case errors.Is(err, errUnreadable):
		return codeUnreadable
	case errors.Is(err, errFindings):
		return codeFindings
	}
	return codeFailed
}
