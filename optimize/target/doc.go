// Package target builds the optimizer's problems from an account: one target
// for each direction and family of a security group, and for each direction of
// a network ACL, with the approved flows that go through it.
//
// It knows AWS's quotas and how rules count in them, which flows need which
// return traffic at a stateless ACL, and which rules must stay because the
// evidence against them does not suffice.
package target
