package linetest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"

	"github.com/flowcover/flowcover/topology/changeset"
)

const (
	bucket = "line"
	since  = "2026-09-29"
	until  = "2026-10-01"
	author = "김보안@bank.example"
	other  = "lee@bank.example"
)

// shown is what plan and show print with --json, as far as this test reads it.
type shown struct {
	Format   string              `json:"format"`
	Digest   string              `json:"digest"`
	Author   string              `json:"author"`
	Changes  []changeset.Change  `json:"changes"`
	Promises []changeset.Promise `json:"promises"`
	Targets  []changeset.Target  `json:"targets"`
}

// TestLine is the main job on real servers, from the account to its new rules.
// Each stage works on what the one before left.
func TestLine(t *testing.T) {
	h := build(t)
	for _, stage := range []struct {
		name string
		do   func(*testing.T, *house)
	}{
		{"snapshot", snapshot}, {"logs", logs}, {"analyze", analyze}, {"bad input", badInput}, {"plan", plan}, {"refusals", refusals}, {"review", review},
		{"edited", edited}, {"world moved", moved}, {"dry run", dryRun}, {"apply", apply}, {"again", again}, {"nothing left", nothingLeft},
	} {
		if !t.Run(stage.name, func(t *testing.T) { stage.do(t, h) }) {
			t.Fatalf("%s failed; the later stages rest on it", stage.name)
		}
	}
}

func snapshot(t *testing.T, h *house) {
	type answer struct {
		Format, Digest string
		Accounts       []string
		Counts         map[string]int
	}
	r := decode[answer](t, h.want(t, 0, "snapshot", "--region", region, "-o", "snapshot.json", "--endpoint-url", h.server.URL, "--json"))
	if r.Format != "flowcover.snapshotted/1" || len(r.Accounts) != 1 || r.Counts["interfaces"] < 35 || r.Counts["vpcs"] < 3 || r.Counts["transit_gateways"] != 1 {
		t.Errorf("snapshot --json: %+v; want the demo's account", r)
	}
	// A read of an unchanged account is the same snapshot.
	if again := decode[answer](t, h.want(t, 0, "snapshot", "--region", region, "-o", "again.json", "--json")); again.Digest != r.Digest {
		t.Errorf("digest %s, read again %s", r.Digest, again.Digest)
	}
}

func (h *house) s3() *s3.Client {
	return s3.NewFromConfig(h.server.Config(region), func(o *s3.Options) { o.UsePathStyle = true })
}

// logs makes the account's logs and puts them into a bucket.
func logs(t *testing.T, h *house) {
	h.want(t, 0, "demo", "--logs-only", "--snapshot", "snapshot.json", "--days", "2", "--end", until, "--records", "12000", "--out", "traffic")
	c := h.s3()
	for _, name := range []string{bucket, "empty"} {
		if _, err := c.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String(name),
			CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: region}}); err != nil {
			t.Fatal(err)
		}
	}
	root := h.path("traffic/logs")
	g, ctx := errgroup.WithContext(t.Context())
	g.SetLimit(4)
	n := 0
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		key, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		n++
		g.Go(func() error {
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			defer func() { _ = f.Close() }()
			_, err = c.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(bucket), Key: aws.String("logs/" + filepath.ToSlash(key)), Body: f})
			return err
		})
		return nil
	})
	if werr := g.Wait(); err == nil {
		err = werr
	}
	if err != nil || n < 100 {
		t.Fatalf("%d objects uploaded: %v", n, err)
	}
}

// observed is what analyze prints with --json, as far as this test reads it.
type observed struct {
	Format, Digest, Observations string
	Objects                      struct{ Read, Skipped, Unreadable, Outside int }
	Flows                        []struct {
		Account  string
		Approved bool
	}
}

func analyze(t *testing.T, h *house) {
	args := []string{"analyze", "--logs", "s3://" + bucket + "/logs", "--captures", "traffic/captures", "--snapshot", "snapshot.json",
		"--state", "s3://" + bucket + "/state", "--since", since, "--until", until, "--timezone", "Asia/Seoul", "--region", region, "--json"}
	first := h.want(t, 0, args...)
	r := decode[observed](t, first)
	approved := 0
	for _, f := range r.Flows {
		if f.Approved {
			approved++
		}
	}
	if r.Format != "flowcover.analyze/1" || r.Objects.Read < 100 || r.Objects.Unreadable+r.Objects.Outside > 0 || approved < 100 || approved == len(r.Flows) {
		t.Errorf("%d flows, %d approved, objects %+v", len(r.Flows), approved, r.Objects)
	}
	if !strings.HasPrefix(r.Observations, "s3://"+bucket+"/state/observations/"+r.Digest) {
		t.Errorf("observations are at %s, digest %s", r.Observations, r.Digest)
	}
	second := decode[observed](t, h.want(t, 0, args...))
	if second.Digest != r.Digest || len(second.Flows) != len(r.Flows) {
		t.Errorf("the second run has digest %s and %d flows, the first %s and %d", second.Digest, len(second.Flows), r.Digest, len(r.Flows))
	}
}

func planArgs(snapshot, out string, more ...string) []string {
	return append([]string{"plan", "--snapshot", snapshot, "--state", "s3://" + bucket + "/state", "--region", region, "-o", out}, more...)
}

func plan(t *testing.T, h *house) {
	h.want(t, 0, planArgs("snapshot.json", "changeset.json", "--author", author)...)
	s := decode[shown](t, h.want(t, 0, "show", "changeset.json", "--json"))
	if s.Format != "flowcover.show/1" || s.Author != author || len(s.Changes) < 50 || len(s.Promises) != 5 {
		t.Fatalf("format %s, author %s, %d changes, %d promises", s.Format, s.Author, len(s.Changes), len(s.Promises))
	}
	for _, p := range s.Promises {
		if !p.Holds || p.Checked == 0 {
			t.Errorf("promise %s: holds %v, %d checked, %v", p.ID, p.Holds, p.Checked, p.Counterexamples)
		}
	}
	kinds := map[string]int{}
	for _, c := range s.Changes {
		kinds[c.Kind]++
	}
	for _, k := range []string{changeset.RuleAdd, changeset.RuleRemove, changeset.EntryAdd, changeset.EntryRemove} {
		if kinds[k] == 0 {
			t.Errorf("no change of kind %s among %v", k, kinds)
		}
	}
	text := h.want(t, 0, "show", "changeset.json").out
	for _, words := range []string{author, s.Digest, "promises", "flowcover review changeset.json"} {
		if !strings.Contains(text, words) {
			t.Errorf("show does not print %q", words)
		}
	}
}

// keygen makes an SSH key and gives its line in an allowed-signers file.
func (h *house) keygen(t *testing.T, file, principal string) string {
	t.Helper()
	r := command(t, h.dir, h.env, sshKeygen(t), "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", file)
	if r.code != 0 {
		t.Fatalf("ssh-keygen: %s", r.err)
	}
	pub, err := os.ReadFile(h.path(file + ".pub"))
	if err != nil {
		t.Fatal(err)
	}
	return principal + " " + string(pub)
}

func sshKeygen(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("ssh-keygen")
	if err != nil {
		t.Fatal("ssh-keygen is not on the PATH; on Debian: apt-get install openssh-client")
	}
	return path
}

// reviews lists the review files of a folder, without their signatures.
func (h *house) reviews(t *testing.T, folder string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(h.dir, folder, "changeset.review.*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range found {
		if found[i], err = filepath.Rel(h.dir, f); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(found)
	return found
}

func approve(file, key string) []string {
	return []string{"review", file, "--approve", "all", "--reason", "분기 재인증 — 3분기", "--key", key}
}

// review has the changeset approved by somebody who did not write it, after
// its author, whose word alone is not enough.
func review(t *testing.T, h *house) {
	h.want(t, 0, approve("changeset.json", "author_key")...)
	h.want(t, 15, applyArgs("changeset.json", "--dry-run", "--snapshot", "snapshot.json")...).says(t, author)
	h.want(t, 15, applyArgs("changeset.json")...)
	h.want(t, 0, approve("changeset.json", "other_key")...)
	reviews := h.reviews(t, ".")
	if len(reviews) != 2 {
		t.Fatalf("reviews %v; want two", reviews)
	}
	for _, r := range reviews {
		verified := ""
		for _, who := range []string{author, other} {
			if h.sshVerify(t, r, who) {
				verified += who
			}
		}
		if verified != author && verified != other {
			t.Errorf("ssh-keygen verifies %s as by %q; want one of the two who signed", r, verified)
		}
	}
}

// sshVerify asks ssh-keygen about a review's signature.
func (h *house) sshVerify(t *testing.T, name, principal string) bool {
	t.Helper()
	f, err := os.Open(h.path(name))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	cmd := exec.CommandContext(t.Context(), sshKeygen(t), "-Y", "verify", "-f", "allowed_signers", "-I", principal, "-n", "flowcover", "-s", name+".sig")
	cmd.Dir, cmd.Stdin = h.dir, f
	out, err := cmd.CombinedOutput()
	return err == nil && strings.Contains(string(out), fmt.Sprintf("Good %q signature for %s", "flowcover", principal))
}
