package review

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Format is the value of a review's format field.
const Format = "flowcover.review/1"

// Namespace is the namespace of every signature over a review.
const Namespace = "flowcover"

// DefaultExpiry is how long a review holds unless it says otherwise.
const DefaultExpiry = 14 * 24 * time.Hour

// The two decisions.
const (
	Approve = "approve"
	Reject  = "reject"
)

// Review is the document that is signed.
type Review struct {
	Format string `json:"format"`
	// Changeset is the SHA-256 of the changeset file's bytes, in hex.
	Changeset string `json:"changeset"`
	// Key is the signer's key as ssh-keygen -l prints it: SHA256:...
	Key string `json:"key"`
	// Principal is who the signer says to be; empty: whoever the
	// allowed-signers file says the key belongs to.
	Principal string     `json:"principal"`
	SignedAt  time.Time  `json:"signed_at"`
	ExpiresAt time.Time  `json:"expires_at"`
	Decisions []Decision `json:"decisions"` // by change id
}

// Decision is one person's word about one change.
type Decision struct {
	Change   string `json:"change"`
	Decision string `json:"decision"` // approve | reject
	Reason   string `json:"reason"`
}

// Digest gives the SHA-256 of a file's bytes in hex: the name of a changeset.
func Digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// FileName gives the name of the review that the key signs for the changeset
// file: changeset.review.KEY.json, in the changeset's folder. KEY is the
// fingerprint with the two characters that a file name cannot hold replaced
// (+ by -, / by _).
func FileName(changeset, fingerprint string) string {
	key := strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimPrefix(fingerprint, "SHA256:"))
	return stem(changeset) + ".review." + key + ".json"
}

// Pattern gives a glob that the names of all reviews of a changeset match.
func Pattern(changeset string) string { return escapeGlob(stem(changeset)) + ".review.*.json" }

// SignatureName gives the name of the signature of a review file.
func SignatureName(reviewFile string) string { return reviewFile + ".sig" }

func stem(changeset string) string {
	return strings.TrimSuffix(changeset, filepath.Ext(changeset))
}

func escapeGlob(s string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(s)
}

// Encode gives the bytes that are signed: indented JSON, decisions by change id.
func (r Review) Encode() ([]byte, error) {
	r.Format = Format
	r.SignedAt = r.SignedAt.UTC().Truncate(time.Second)
	r.ExpiresAt = r.ExpiresAt.UTC().Truncate(time.Second)
	r.Decisions = slices.Clone(r.Decisions)
	slices.SortFunc(r.Decisions, func(a, b Decision) int { return strings.Compare(a.Change, b.Change) })
	if r.Decisions == nil {
		r.Decisions = []Decision{}
	}
	if err := r.validate(); err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(r); err != nil {
		return nil, fmt.Errorf("encode review: %w", err)
	}
	return buf.Bytes(), nil
}

// Decode reads a review. An unknown field, another format, two decisions about
// one change and whatever else Encode would not write is an error.
func Decode(data []byte) (*Review, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	var r Review
	if err := dec.Decode(&r); err != nil {
		return nil, fmt.Errorf("not a review: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("not a review: something follows the JSON document")
	}
	if r.Format != Format {
		return nil, fmt.Errorf("field format is %q, want %q: it was written by another version or is no review", r.Format, Format)
	}
	if err := r.validate(); err != nil {
		return nil, err
	}
	return &r, nil
}

func (r Review) validate() error {
	if raw, err := hex.DecodeString(r.Changeset); err != nil || len(raw) != sha256.Size {
		return fmt.Errorf("field changeset is %q, want the SHA-256 of the changeset in hex", r.Changeset)
	}
	if !strings.HasPrefix(r.Key, "SHA256:") {
		return fmt.Errorf("field key is %q, want a fingerprint such as SHA256:..., as ssh-keygen -l prints it", r.Key)
	}
	if !r.ExpiresAt.After(r.SignedAt) {
		return fmt.Errorf("field expires_at is %s, want a time after signed_at (%s)",
			r.ExpiresAt.Format(time.RFC3339), r.SignedAt.Format(time.RFC3339))
	}
	seen := map[string]bool{}
	for i, d := range r.Decisions {
		switch {
		case d.Change == "":
			return fmt.Errorf("decisions[%d]: field change is empty", i)
		case seen[d.Change]:
			return fmt.Errorf("decisions[%d]: change %s is decided twice", i, d.Change)
		case d.Decision != Approve && d.Decision != Reject:
			return fmt.Errorf("decisions[%d]: field decision is %q, want approve or reject", i, d.Decision)
		}
		seen[d.Change] = true
	}
	return nil
}

// Merge lays later decisions over earlier ones: a change named in both has
// the later decision.
func Merge(earlier, later []Decision) []Decision {
	by := map[string]Decision{}
	for _, d := range slices.Concat(earlier, later) {
		by[d.Change] = d
	}
	out := make([]Decision, 0, len(by))
	for _, d := range by {
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b Decision) int { return strings.Compare(a.Change, b.Change) })
	return out
}
