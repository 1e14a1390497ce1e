// Package awscollect reads an account's topology: from AWS's Describe calls
// ([FromAPI]), or from a folder of the JSON that the AWS CLI prints for them
// ([FromDir], written by scripts/export-account). Both end in the SDK's own
// types and share all that follows, so the same account gives the same
// canonical part either way.
//
// A call that was refused, or that the server does not know, is recorded as
// [topology.NotRead] with its code and never ends the reading, save for the
// three that nothing works without: VPCs, subnets and security groups. In a
// folder a call whose answer is missing counts as not read with the code
// [NotInExport].
package awscollect
