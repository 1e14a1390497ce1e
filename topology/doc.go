// Package topology models what decides whether a packet passes in an AWS
// account: VPCs, subnets, route tables, security groups (SG), network ACLs
// (NACL), managed prefix lists, transit gateways (TGW), endpoints and network
// interfaces (ENI).
//
// A [Snapshot] is the account (or several) as it was read at one time. It is
// immutable and safe for concurrent use. Its canonical part depends on the
// account alone: resources sorted by id, no reading times, no source. Each
// resource has a fingerprint, the SHA-256 of its canonical JSON.
//
// [Snapshot.Trace] follows one flow in the order that AWS checks it, request
// and reply, and says in words what decided; [Snapshot.Flow] and [Replayer] do
// the same for many flows without words. [Snapshot.RuleOpens],
// [Snapshot.GroupOpens] and [Snapshot.ACLOpens] answer for whole sets of
// addresses and ports at once.
//
// What the snapshot lacks never stops a walk silently: the result's notes say
// what was assumed. Not modelled: endpoint policies, VPC block public access,
// network firewalls (their endpoints are taken to let everything pass), and
// what an appliance does with a packet (it is taken to forward it).
//
// The package does no I/O, knows no SDK and no clock.
package topology
