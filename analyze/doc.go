// Package analyze says what the logs mean: which connections an account's
// interfaces (ENIs) had, who opened them, which rule admitted them, and how
// much the evidence is worth.
//
// A [Flow] is an observation: one connection, as often as it happened in the
// window, seen from the one ENI where it begins or ends. Its side is In where
// the peer opened it towards the ENI and Out where the ENI opened it. Rules
// belong to such ends; an ENI that only forwards (a middle ENI) makes no flow
// of its own.
//
// [Attribute] finds the ENI's security group and the rules that admit the flow
// today, decides whether it is approved, and ranks it. A rank orders what a
// reviewer reads first and nothing else.
//
// The package does no I/O: rollups, captures and snapshots come in as values.
package analyze
