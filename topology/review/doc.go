// Package review is people's decisions about a changeset, signed.
//
// A review is a JSON file beside the changeset, changeset.review.KEY.json, and
// a detached armoured signature over its bytes, the same name with .sig: an
// OpenSSH signature in the namespace "flowcover". So whoever has OpenSSH can
// check one without flowcover:
//
//	ssh-keygen -Y verify -f allowed_signers -I PRINCIPAL -n flowcover -s X.json.sig < X.json
//
// A review names the changeset by the SHA-256 of its bytes, gives a decision
// with a reason per change, and holds until it expires. Who may approve stands
// in an allowed-signers file, in OpenSSH's own format ([AllowedSigners]).
//
// [Verify] judges all reviews of a changeset together and refuses with one of
// five errors: [ErrUnsigned], [ErrSignerUnknown], [ErrExpired], [ErrChanged],
// [ErrFourEyes]. [Decisions.Select] then says which changes may be applied.
//
// This is the only package that knows SSH keys and signatures.
package review
