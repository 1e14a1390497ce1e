// Package changeset is the document that people sign: what a plan would change
// in an account, why, and what was proven about it.
//
// A [Changeset] never changes after plan. Its digest is the SHA-256 of the file's bytes.
// Changes stand in apply order: within a target what opens comes before what
// closes, so that no live flow is cut and no quota is passed at any step.
package changeset
