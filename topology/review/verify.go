package review

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
)

// The refusals. Each error of Verify wraps exactly one of them.
var (
	ErrUnsigned      = errors.New("unsigned")
	ErrSignerUnknown = errors.New("signer unknown")
	ErrExpired       = errors.New("review expired")
	ErrChanged       = errors.New("changed after signing")
	ErrFourEyes      = errors.New("four eyes")
)

// File is a review as it lies on disk.
type File struct {
	Name      string
	Data      []byte
	Signature []byte // nil: there is no .sig
}

// Opinion is one signer's decision about one change.
type Opinion struct {
	Signer string // principal
	Key    string // fingerprint
	Decision
}

// Signed is a review that stands, with the person who signed it.
type Signed struct {
	Review
	File      string
	Signer    string
	Signature string // SHA-256 of the .sig file in hex: how a journal names it
}

// Decisions are all standing reviews of one changeset.
type Decisions struct {
	Reviews  []Signed
	opinions map[string][]Opinion
}

// Of gives what signers said about a change, by signer.
func (d Decisions) Of(change string) []Opinion { return d.opinions[change] }

// Verify checks every review of a changeset: signature, signer, expiry, and
// that the changeset is the one that was reviewed. One review that does not
// stand refuses all, because what it would have rejected is not known; whoever
// wants to leave it out says so by naming the others. author is who wrote the
// changeset, empty for a batch.
func Verify(changeset []byte, files []File, allowed *AllowedSigners, author string, now time.Time) (Decisions, error) {
	d := Decisions{opinions: map[string][]Opinion{}}
	if len(files) == 0 {
		return d, fmt.Errorf("%w: no review of the changeset was found beside it; make one with: flowcover review", ErrUnsigned)
	}
	digest := Digest(changeset)
	for _, f := range files {
		s, err := verifyFile(f, digest, allowed, now)
		if err != nil {
			return Decisions{}, err
		}
		d.Reviews = append(d.Reviews, s)
	}
	slices.SortStableFunc(d.Reviews, func(a, b Signed) int {
		return strings.Compare(a.Signer+"\x00"+a.File, b.Signer+"\x00"+b.File)
	})
	for _, s := range d.Reviews {
		for _, dec := range s.Decisions {
			d.opinions[dec.Change] = append(d.opinions[dec.Change], Opinion{s.Signer, s.Key, dec})
		}
	}
	if err := d.fourEyes(allowed, author); err != nil {
		return Decisions{}, err
	}
	return d, nil
}

func verifyFile(f File, digest string, allowed *AllowedSigners, now time.Time) (Signed, error) {
	fail := func(kind error, format string, args ...any) (Signed, error) {
		return Signed{}, fmt.Errorf("%w: %s: %s", kind, f.Name, fmt.Sprintf(format, args...))
	}
	if len(f.Signature) == 0 {
		return fail(ErrUnsigned, "the signature %s is missing or empty", SignatureName(f.Name))
	}
	sig, err := sshsig.Unarmor(f.Signature)
	if err != nil {
		return fail(ErrChanged, "the signature %s cannot be read (%v); review again", SignatureName(f.Name), err)
	}
	key := ssh.FingerprintSHA256(sig.PublicKey)
	if err := sshsig.Verify(bytes.NewReader(f.Data), sig, sig.PublicKey, sig.HashAlgorithm, Namespace); err != nil {
		if errors.Is(err, sshsig.ErrNamespaceMismatch) {
			return fail(ErrUnsigned, "the signature is for the namespace %q, not %q", sig.Namespace, Namespace)
		}
		return fail(ErrChanged, "the signature of key %s is not over this file (%v); review again", key, err)
	}
	r, err := Decode(f.Data)
	if err != nil {
		return fail(ErrChanged, "signed, but not as flowcover writes a review: %v", err)
	}
	if err := usable(sig.PublicKey); err != nil {
		return fail(ErrSignerUnknown, "key %s: %v", key, err)
	}
	if r.Key != key {
		return fail(ErrSignerUnknown, "it says that %s signed it, but %s did", r.Key, key)
	}
	signer, why := allowed.resolve(key, r.Principal, now)
	if why != "" {
		return fail(ErrSignerUnknown, "key %s may not approve: %s (see --allowed-signers)", key, why)
	}
	if !now.Before(r.ExpiresAt) {
		return fail(ErrExpired, "the review of %s held until %s; review again", signer, r.ExpiresAt.UTC().Format(time.RFC3339))
	}
	if r.Changeset != digest {
		return fail(ErrChanged, "%s reviewed the changeset with SHA-256 %s, this one has %s; plan and review again, or restore the file that was reviewed",
			signer, r.Changeset, digest)
	}
	return Signed{Review: *r, File: f.Name, Signer: signer, Signature: Digest(f.Signature)}, nil
}

// fourEyes refuses where the author is the only one to approve a change. A key
// that may speak for the author counts as the author's under any other name.
func (d Decisions) fourEyes(allowed *AllowedSigners, author string) error {
	if author == "" {
		return nil
	}
	var alone []string
	for change, opinions := range d.opinions {
		approved, byOther, rejected := false, false, false
		for _, o := range opinions {
			if o.Decision.Decision == Reject {
				rejected = true
				continue
			}
			approved = true
			own := strings.EqualFold(o.Signer, author) || allowed.speaksFor(o.Key, author)
			byOther = byOther || !own
		}
		if approved && !byOther && !rejected {
			alone = append(alone, change)
		}
	}
	if len(alone) == 0 {
		return nil
	}
	slices.Sort(alone)
	return fmt.Errorf("%w: %s wrote the changeset and alone approves %s; somebody else has to review as well",
		ErrFourEyes, author, someOf(alone, 5))
}

func someOf(ids []string, n int) string {
	if len(ids) <= n {
		return strings.Join(ids, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(ids[:n], ", "), len(ids)-n)
}

// Need is what Select has to know of a change.
type Need struct {
	ID       string
	Requires []string // must be applied before
}

// Held is a change that is not applied, with the reason.
type Held struct {
	ID     string `json:"id"`
	Reason string `json:"reason"`
}

// Select gives the changes that may be applied, in the order given: approved
// by somebody, rejected by nobody, and whatever they require may be applied
// too. A decision about a change that is not among them is an error.
func (d Decisions) Select(changes []Need) (apply []string, held []Held, err error) {
	need := map[string]Need{}
	for _, c := range changes {
		need[c.ID] = c
	}
	for _, s := range d.Reviews {
		for _, dec := range s.Decisions {
			if _, ok := need[dec.Change]; !ok {
				return nil, nil, fmt.Errorf("%w: %s decides about %s, which is no change of this changeset", ErrChanged, s.File, dec.Change)
			}
		}
	}
	state := map[string]string{} // reason why not; "" is yes
	var judge func(id string) string
	judge = func(id string) string {
		if why, done := state[id]; done {
			return why
		}
		state[id] = "requires itself"
		why := d.refusal(id)
		for _, r := range need[id].Requires {
			if why != "" {
				break
			}
			if _, known := need[r]; !known {
				why = fmt.Sprintf("requires %s, which is no change of this changeset", r)
			} else if w := judge(r); w != "" {
				why = fmt.Sprintf("requires %s, which is not applied (%s)", r, w)
			}
		}
		state[id] = why
		return why
	}
	for _, c := range changes {
		if why := judge(c.ID); why != "" {
			held = append(held, Held{c.ID, why})
		} else {
			apply = append(apply, c.ID)
		}
	}
	return apply, held, nil
}

// refusal says why the signers do not let the change through; empty if they do.
func (d Decisions) refusal(id string) string {
	approved := false
	for _, o := range d.opinions[id] {
		if o.Decision.Decision == Reject {
			return strings.TrimSuffix(fmt.Sprintf("rejected by %s: %s", o.Signer, o.Reason), ": ")
		}
		approved = true
	}
	if !approved {
		return "nobody approved it"
	}
	return ""
}

// Own checks that a review is one that this key signed and nobody changed
// since, and gives it. Expiry and changeset are the caller's to look at.
func Own(f File, key *Key) (*Review, error) {
	fail := func(kind error, why string) (*Review, error) {
		return nil, fmt.Errorf("%w: %s: the earlier review %s", kind, f.Name, why)
	}
	if len(f.Signature) == 0 {
		return fail(ErrUnsigned, "has no signature")
	}
	sig, err := sshsig.Unarmor(f.Signature)
	if err != nil {
		return fail(ErrChanged, "has a signature that cannot be read")
	}
	if err := sshsig.Verify(bytes.NewReader(f.Data), sig, key.signer.PublicKey(), sig.HashAlgorithm, Namespace); err != nil {
		return fail(ErrChanged, "is not what this key signed")
	}
	r, err := Decode(f.Data)
	if err != nil {
		return fail(ErrChanged, "cannot be read: "+err.Error())
	}
	return r, nil
}
