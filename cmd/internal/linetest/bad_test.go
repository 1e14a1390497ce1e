package linetest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// badInput is what analyze, plan and snapshot say to what they cannot use.
func badInput(t *testing.T, h *house) {
	analyze := func(logs, state string, more ...string) []string {
		return append([]string{"analyze", "--logs", logs, "--state", state, "--since", since, "--until", until, "--timezone", "Asia/Seoul", "--region", region}, more...)
	}
	h.want(t, 1, analyze("s3://empty", "bad-state")...).says(t, "s3://empty", "no flow log")
	h.want(t, 1, analyze("s3://no-such-bucket", "bad-state")...).says(t, "no-such-bucket")
	h.want(t, 1, analyze("s3://"+bucket+"/logs", "s3://no-such-bucket/state")...).says(t, "no-such-bucket")
	h.want(t, 1, "plan", "--snapshot", "snapshot.json", "--state", "s3://empty/state", "--region", region, "-o", "none.json").says(t, "s3://empty/state", "run analyze")
	h.want(t, 2, planArgs("snapshot.json", "none.json", "--scope", "sg-00000000000000bad")...).says(t, "sg-00000000000000bad")

	args := []string{"snapshot", "--region", region, "-o", "none.json"}
	nobody := slices.DeleteFunc(slices.Clone(h.env), func(kv string) bool {
		return strings.HasPrefix(kv, "AWS_ACCESS") || strings.HasPrefix(kv, "AWS_SECRET")
	})
	r := h.runIn(t, nobody, args...)
	r.wants(t, 1, args)
	r.says(t, "credentials", "AWS_PROFILE", "--from-dir")
	if _, err := os.Stat(h.path("none.json")); err == nil {
		t.Error("none.json was written")
	}

	// A torn file among good ones: named, and the rest is done.
	c := h.s3()
	torn := "torn/" + h.anyLog(t)
	data, err := os.ReadFile(h.path("traffic/logs/" + strings.TrimPrefix(torn, "torn/")))
	if err != nil {
		t.Fatal(err)
	}
	for key, body := range map[string]string{torn: string(data), strings.Replace(torn, ".log.parquet", "x.log.parquet", 1): string(data[:len(data)/2])} {
		if _, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(bucket), Key: aws.String(key), Body: strings.NewReader(body)}); err != nil {
			t.Fatal(err)
		}
	}
	found := decode[struct {
		Objects  struct{ Read, Unreadable int }
		Findings []struct{ Resource, Message string }
	}](t, h.want(t, 3, analyze("s3://"+bucket+"/torn", "torn-state", "--json")...))
	named := slices.ContainsFunc(found.Findings, func(f struct{ Resource, Message string }) bool {
		return strings.Contains(f.Resource+f.Message, filepath.Base(strings.Replace(torn, ".log.parquet", "x.log.parquet", 1)))
	})
	if found.Objects.Read != 1 || found.Objects.Unreadable != 1 || !named {
		t.Errorf("a torn object beside a good one: %+v", found)
	}
}

// anyLog gives the path of one log object below traffic/logs.
func (h *house) anyLog(t *testing.T) string {
	t.Helper()
	root := h.path("traffic/logs")
	first := ""
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if first, err = filepath.Rel(root, path); err != nil {
			return err
		}
		return filepath.SkipAll
	})
	if err != nil || first == "" {
		t.Fatalf("no log object: %v", err)
	}
	return filepath.ToSlash(first)
}
