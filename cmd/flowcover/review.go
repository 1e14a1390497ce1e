package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/flowcover/flowcover/cmd/internal/atomicfile"
	"github.com/flowcover/flowcover/cmd/internal/command"
	"github.com/flowcover/flowcover/cmd/internal/words"
	"github.com/flowcover/flowcover/topology/changeset"
	"github.com/flowcover/flowcover/topology/review"
)

// reviewRun signs decisions about a changeset.
type reviewRun struct {
	env       *command.Env
	file      string
	approve   []string
	reject    []string
	reason    string
	key       string
	principal string
	expires   time.Duration
	replace   bool
	json      bool
}

func reviewVerb() command.Verb {
	return command.Verb{
		Name: "review", Summary: "approve or reject changes, signed with an SSH key",
		Args: "CHANGESET", MinArgs: 1, MaxArgs: 1,
		About: "Writes CHANGESET.review.KEY.json beside the changeset and a signature with .sig. A second review with the same " +
			"key adds to the first; a later decision about a change replaces an earlier one. A reject by anybody wins over " +
			"every approval. ssh-keygen checks the signature without flowcover:\n\n" +
			"ssh-keygen -Y verify -f allowed_signers -I PRINCIPAL -n flowcover -s REVIEW.sig < REVIEW\n\n" +
			"An encrypted key asks for its passphrase on a terminal; with --key FILE.pub the ssh-agent signs.",
		Examples: []string{
			`flowcover review changeset.json --approve all --reason "Q3 recertification" --key ~/.ssh/id_ed25519`,
			`flowcover review changeset.json --reject c-1f0a52b6c7d8 --reason "still used at year end" --key ~/.ssh/id_ed25519`,
		},
		Exits: []int{codeChanged},
		Flags: []command.Flag{
			{Name: "approve", Hint: "all|ID", Type: command.Strings, Usage: "approve all changes, or these"},
			{Name: "reject", Hint: "all|ID", Type: command.Strings, Usage: "reject all changes, or these; goes before --approve all"},
			{Name: "reason", Hint: "TEXT", Usage: "why; it is signed with the decisions"},
			{Name: "key", Hint: "FILE", Usage: "private SSH key, or the public key of one in ssh-agent", Key: "key"},
			{Name: "principal", Hint: "NAME", Usage: "who signs, as the allowed-signers file names them; without it that file tells by the key", Key: "principal"},
			{Name: "expires", Hint: "AGE", Usage: "how long the review holds, such as 14d or 12h", Key: "expires", Default: "14d"},
			{Name: "replace", Type: command.Bool, Usage: "forget this key's earlier review instead of adding to it"},
			jsonFlag(),
		},
		New: newReview,
	}
}

func newReview(c *cli.Context, e *command.Env) (command.Runner, error) {
	r := &reviewRun{
		env: e, file: c.Args().First(), approve: list(c.StringSlice("approve")), reject: list(c.StringSlice("reject")),
		reason: strings.TrimSpace(c.String("reason")), key: c.String("key"), principal: c.String("principal"),
		replace: c.Bool("replace"), json: c.Bool("json"),
	}
	var err error
	if r.expires, err = parseAge(c.String("expires")); err != nil {
		return nil, fmt.Errorf("--expires: %w", err)
	}
	switch {
	case len(r.approve)+len(r.reject) == 0:
		return nil, fmt.Errorf("nothing is decided; give --approve all, --approve ID or --reject ID")
	case slices.Contains(r.approve, "all") && slices.Contains(r.reject, "all"):
		return nil, fmt.Errorf("--approve all and --reject all contradict each other")
	case r.reason == "":
		return nil, fmt.Errorf("--reason is missing; whoever audits the change later reads it")
	case r.key == "":
		return nil, fmt.Errorf("--key is missing; give the SSH key to sign with, such as ~/.ssh/id_ed25519")
	}
	return r, nil
}

func (r *reviewRun) Run(context.Context) error {
	cs, data, err := readChangeset(r.file)
	if err != nil {
		return err
	}
	decisions, err := r.decide(cs.Changes)
	if err != nil {
		return err
	}
	key, err := review.OpenKey(expandHome(r.key), review.KeyOptions{AgentSocket: os.Getenv("SSH_AUTH_SOCK"), Passphrase: r.passphrase()})
	if err != nil {
		return err
	}
	defer func() { _ = key.Close() }()
	name := review.FileName(r.file, key.Fingerprint())
	if err := atomicfile.Check(name); err != nil {
		return err
	}
	if decisions, err = r.mergeEarlier(name, review.Digest(data), key, decisions); err != nil {
		return err
	}
	now := r.env.Now().UTC()
	doc := review.Review{
		Changeset: review.Digest(data), Key: key.Fingerprint(), Principal: r.principal,
		SignedAt: now, ExpiresAt: now.Add(r.expires), Decisions: decisions,
	}
	signed, err := doc.Encode()
	if err != nil {
		return err
	}
	sig, err := key.Sign(signed)
	if err != nil {
		return err
	}
	if err := atomicfile.WriteBytes(name, 0o644, signed); err != nil {
		return err
	}
	if err := atomicfile.WriteBytes(review.SignatureName(name), 0o644, sig); err != nil {
		return err
	}
	return r.print(name, cs, doc)
}

func (r *reviewRun) passphrase() func(string) ([]byte, error) {
	if r.env.Ask == nil {
		return nil
	}
	return func(file string) ([]byte, error) { return r.env.Ask("Passphrase of " + file + ": ") }
}

// decide turns the flags into one decision per change named.
func (r *reviewRun) decide(changes []changeset.Change) ([]review.Decision, error) {
	known := make([]string, len(changes))
	for i, c := range changes {
		known[i] = c.ID
	}
	said := map[string]string{}
	say := func(ids []string, word, flag string) error {
		for _, id := range ids {
			if id == "all" {
				continue
			}
			if !slices.Contains(known, id) {
				return command.Usage("%s %s: no such change in %s%s; see: flowcover show %s", flag, id, r.file, words.Suggest(id, known, ""), r.file)
			}
			if other := said[id]; other != "" && other != word {
				return command.Usage("change %s is both approved and rejected", id)
			}
			said[id] = word
		}
		return nil
	}
	if err := say(r.reject, review.Reject, "--reject"); err != nil {
		return nil, err
	}
	if err := say(r.approve, review.Approve, "--approve"); err != nil {
		return nil, err
	}
	rest := ""
	if slices.Contains(r.approve, "all") {
		rest = review.Approve
	} else if slices.Contains(r.reject, "all") {
		rest = review.Reject
	}
	var out []review.Decision
	for _, id := range known {
		word := said[id]
		if word == "" {
			word = rest
		}
		if word != "" {
			out = append(out, review.Decision{Change: id, Decision: word, Reason: r.reason})
		}
	}
	return out, nil
}

// mergeEarlier lays the new decisions over those that the same key signed
// before about the same changeset.
func (r *reviewRun) mergeEarlier(name, digest string, key *review.Key, decisions []review.Decision) ([]review.Decision, error) {
	data, err := os.ReadFile(name)
	if os.IsNotExist(err) || r.replace {
		return decisions, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the earlier review: %w", err)
	}
	sig, err := os.ReadFile(review.SignatureName(name))
	if err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("read the earlier signature: %w", err)
	}
	earlier, err := review.Own(review.File{Name: name, Data: data, Signature: sig}, key)
	if err != nil {
		return nil, fmt.Errorf("%w; with --replace this review takes its place", err)
	}
	if earlier.Changeset != digest {
		r.env.Log.Warn("the earlier review of this key was about another changeset and is replaced", "file", name)
		return decisions, nil
	}
	return review.Merge(earlier.Decisions, decisions), nil
}

// reviewJSON is what --json prints.
type reviewJSON struct {
	Format    string    `json:"format"`
	Review    string    `json:"review"`
	Signature string    `json:"signature"`
	Changeset string    `json:"changeset"`
	Key       string    `json:"key"`
	Principal *string   `json:"principal"`
	ExpiresAt time.Time `json:"expires_at"`
	Approved  int       `json:"approved"`
	Rejected  int       `json:"rejected"`
	Undecided int       `json:"undecided"`
}

func (r *reviewRun) print(name string, cs *changeset.Changeset, doc review.Review) error {
	out := reviewJSON{
		Format: "flowcover.reviewed/1", Review: name, Signature: review.SignatureName(name), Changeset: doc.Changeset, Key: doc.Key,
		ExpiresAt: doc.ExpiresAt.Truncate(time.Second), Undecided: len(cs.Changes) - len(doc.Decisions),
	}
	if r.principal != "" {
		out.Principal = &r.principal
	}
	approved := map[string]bool{}
	for _, d := range doc.Decisions {
		if d.Decision == review.Approve {
			approved[d.Change] = true
			out.Approved++
		} else {
			out.Rejected++
		}
	}
	for _, c := range cs.Changes {
		for _, need := range c.Requires {
			if approved[c.ID] && !approved[need] {
				r.env.Log.Warn("approved, but a change that it requires is not: it will not be applied", "change", c.ID, "requires", need)
			}
		}
	}
	if r.json {
		return writeJSON(r.env.Out, out)
	}
	_, err := fmt.Fprintf(r.env.Out, "%d approved, %d rejected, %d undecided of %d changes; holds until %s\nreview:    %s\nsignature: %s\nnext: flowcover apply %s --allowed-signers FILE --dry-run\n",
		out.Approved, out.Rejected, out.Undecided, len(cs.Changes), out.ExpiresAt.Format(time.RFC3339), name, out.Signature, r.file)
	return err
}
