// Package optimize finds the fewest rules that open the least.
//
// A [Problem] is one list of rules: one direction and family of a security
// group, or one direction of a network ACL. Its universe is the approved
// traffic as cells (package netset). A rule is a prefix times an interval of
// columns inside one protocol, or of the whole axis. [Solve] covers every
// approved cell, touches no forbidden one, pays at most K, and opens the least
// beyond what was approved: the excess, the weighted measure of the union of
// the rules minus the approved cells.
//
// The answer is the frontier: the least excess at each price. The default point
// is the lowest price whose excess equals the least at K. Everything counts in
// integers. The same problem in any order gives the same answer.
//
// The package does no I/O.
package optimize
