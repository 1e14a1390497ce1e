// Package demo makes up a bank's AWS account and the traffic that runs in it.
//
// An account is three VPCs or more on a transit gateway with an on-premises
// network behind a VPN: [Account] builds it and writes it as `aws ... describe`
// JSON. The traffic is made for any snapshot, the demo's own or another one:
// [Generate] writes it as flow log objects under AWS's own keys, with two
// hosts' captures and, when asked, the truth about every connection, which
// tests compare with what the analysis finds.
//
// Words. A role is what a host is for (web, ledger, dns), kept in the ENI's
// tag Role. A zone is a group of addresses outside the account, written with
// an @. A call says that a role or zone opens connections to another one. A
// pair is one opener and one target of a call. A connection is one
// conversation of a pair. A hop is one ENI that logs one direction of it.
//
// Everything follows from the seed: no clock, no map order, no number of
// workers changes a byte. Each hour of a pair draws from a random stream of its
// own, so hours can be written in any order and memory holds a few of them.
//
// Addresses on the internet are those reserved for documentation and
// benchmarks (RFC 5737, RFC 2544, RFC 3849), save AWS's S3 ranges.
package demo
