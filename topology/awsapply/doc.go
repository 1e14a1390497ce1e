// Package awsapply makes the approved changes of a changeset in EC2: security
// group rules and network ACL entries, one at a time, in the document's order.
//
// Before the first write it reads what the changes touch and refuses if that
// is not as it was planned on ([*WorldMovedError]). A [Journal] says before and
// after each step what is done, so a run that was stopped, at whatever point,
// is taken up by the next: what the journal or the world shows as done is not
// done again. Nothing is taken as done on the word of an error code alone: the
// rules are read again and compared.
//
// After the last step it waits until Describe shows the rules as approved
// ([*NotSettledError] if that takes too long), for EC2 is eventually consistent.
package awsapply
