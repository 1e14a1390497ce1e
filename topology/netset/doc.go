// Package netset holds sets of network traffic and their algebra.
//
// Traffic is a set of cells. A cell is one remote address and one column.
// The column axis joins the protocols end to end, so that a port range of one
// protocol, and "all traffic" as AWS means it by protocol -1, are both one
// interval:
//
//	0      .. 65535   TCP ports
//	65536  .. 131071  UDP ports
//	131072 .. 196607  ICMP, type*256 + code
//	196608 .. 262143  ICMPv6, type*256 + code
//	262144 .. 262399  every other protocol, one column each, by IANA number
//
// The four columns of the last block whose number has ports or types (1, 6,
// 17, 58) exist but mean nothing; no flow lies on them.
//
// Addresses are IPv4 or IPv6, never IPv4-mapped IPv6: values are unmapped at
// the door. All types here are values or immutable and are safe for concurrent
// use. The package does no I/O.
package netset
