package source

import (
	"context"
	"strings"
	"testing"

	"github.com/flowcover/flowcover/analyze/internal/s3fake"
)

// Buckets in several Regions are read and written with one configuration,
// however S3 says that a bucket is elsewhere.
func TestBucketsOfSeveralRegions(t *testing.T) {
	ctx := context.Background()
	for name, c := range map[string]struct {
		region            string
		malformed, silent bool
	}{
		"the configured one": {"us-east-1", false, false},
		"301":                {"ap-northeast-2", false, false},
		"400":                {"eu-central-1", true, false},
		"301, no header":     {"ap-northeast-2", false, true},
		"400, no header":     {"ap-northeast-2", true, true},
	} {
		s := s3fake.Start(t, "logs")
		s.Region, s.Malformed, s.Silent = c.region, c.malformed, c.silent
		s.Put("p/k", []byte("bytes"))
		// Whichever request is the first.
		for what, use := range map[string]func(Bucket) error{
			"list": func(b Bucket) error { return b.List(ctx, "", func(Object) error { return nil }) },
			"put":  func(b Bucket) error { return b.Put(ctx, "new", strings.NewReader("x")) },
			"get":  func(b Bucket) error { return b.ReadRange(ctx, Object{Key: "k", Size: 5}, 0, make([]byte, 5)) },
		} {
			b, err := Open(ctx, "s3://logs/p", Options{Config: s.Config(), Wait: noWait})
			if err != nil {
				t.Fatal(err)
			}
			if err := use(b); err != nil {
				t.Errorf("%s: %s: %v", name, what, err)
			}
			if p, err := ReadAll(ctx, b, "k", 10); err != nil || string(p) != "bytes" {
				t.Errorf("%s: after %s: %q, %v", name, what, p, err)
			}
			if n := b.Traffic().Retries; n != 0 {
				t.Errorf("%s: %d retries for finding the region", name, n)
			}
		}
	}
}
