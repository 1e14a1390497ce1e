package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/flowcover/flowcover/analyze/internal/s3fake"
	"github.com/flowcover/flowcover/scripts/mototest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

func noWait(context.Context, int) error { return nil }

func openFake(t *testing.T, prefix string, opt Options) (*s3fake.Server, Bucket) {
	t.Helper()
	s := s3fake.Start(t, "logs")
	opt.Config = s.Config()
	if opt.Wait == nil {
		opt.Wait = noWait
	}
	b, err := Open(context.Background(), "s3://logs/"+prefix, opt)
	if err != nil {
		t.Fatal(err)
	}
	return s, b
}

// buckets are a directory, the fake and moto, each empty and writable.
func buckets(t *testing.T) map[string]Bucket {
	t.Helper()
	ctx := context.Background()
	dir, err := Open(ctx, t.TempDir(), Options{Writable: true})
	if err != nil {
		t.Fatal(err)
	}
	_, fake := openFake(t, "some/prefix/", Options{Writable: true})
	srv := mototest.Start(t)
	cfg := srv.Config("ap-northeast-2")
	if _, err := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }).
		CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("state")}); err != nil && !strings.Contains(err.Error(), "IllegalLocationConstraint") {
		t.Fatal(err)
	} else if err != nil {
		cfg = srv.Config("us-east-1")
		if _, err := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }).
			CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("state")}); err != nil {
			t.Fatal(err)
		}
	}
	moto, err := Open(ctx, "s3://state/flowcover", Options{Config: &cfg, EndpointURL: srv.URL, Writable: true})
	if err != nil {
		t.Fatal(err)
	}
	return map[string]Bucket{"directory": dir, "fake": fake, "moto": moto}
}

func keys(t *testing.T, b Bucket, prefix string) []string {
	t.Helper()
	var out []string
	if err := b.List(context.Background(), prefix, func(o Object) error { out = append(out, o.Key); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

// Every bucket keeps the same contract.
func TestBucketContract(t *testing.T) {
	ctx := context.Background()
	for name, b := range buckets(t) {
		t.Run(name, func(t *testing.T) {
			if got := keys(t, b, ""); len(got) != 0 {
				t.Errorf("not empty: %v", got)
			}
			data := make([]byte, block+300<<10) // more than one request's
			for i := range data {
				data[i] = byte(i * i >> 8)
			}
			for _, k := range []string{"b/c/2.bin", "b/1.bin", "a.bin", "b.bin", "b/c/10.bin"} {
				if err := b.Put(ctx, k, bytes.NewReader(append([]byte(k), data...))); err != nil {
					t.Fatal(err)
				}
			}
			if got, want := keys(t, b, ""), []string{"a.bin", "b.bin", "b/1.bin", "b/c/10.bin", "b/c/2.bin"}; !slices.Equal(got, want) {
				t.Errorf("listed %v, want %v", got, want)
			}
			if got, want := keys(t, b, "b/c"), []string{"b/c/10.bin", "b/c/2.bin"}; !slices.Equal(got, want) {
				t.Errorf("listed %v, want %v", got, want)
			}
			o, err := b.Stat(ctx, "b/1.bin")
			if err != nil || o.Size != int64(len(data)+7) {
				t.Fatalf("%+v %v", o, err)
			}
			p := make([]byte, 1000)
			if err := b.ReadRange(ctx, o, 7+100, p); err != nil || !bytes.Equal(p, data[100:1100]) {
				t.Errorf("range: %v", err)
			}
			r, err := b.Open(ctx, o)
			if err != nil {
				t.Fatal(err)
			}
			all, err := io.ReadAll(r)
			if err := errors.Join(err, r.Close()); err != nil || !bytes.Equal(all, append([]byte("b/1.bin"), data...)) {
				t.Errorf("whole: %d bytes, %v", len(all), err)
			}
			stamp, err := b.Stamp(ctx, o)
			if err != nil || stamp == "" {
				t.Fatal(err)
			}
			if err := b.Put(ctx, "b/1.bin", strings.NewReader("other")); err != nil {
				t.Fatal(err)
			}
			if err := b.ReadRange(ctx, o, 0, p); !errors.Is(err, ErrChanged) {
				t.Errorf("a replaced object: %v", err)
			}
			o2, err := b.Stat(ctx, "b/1.bin")
			if err != nil {
				t.Fatal(err)
			}
			if again, err := b.Stamp(ctx, o2); err != nil || again == stamp {
				t.Errorf("stamp of other bytes: %s, %v", again, err)
			}
			for range 2 { // twice: gone is no error
				if err := b.Delete(ctx, "b/1.bin"); err != nil {
					t.Error(err)
				}
			}
			if _, err := b.Stat(ctx, "b/1.bin"); !errors.Is(err, ErrNotFound) {
				t.Errorf("a deleted object: %v", err)
			}
			if _, err := ReadAll(ctx, b, "none", 10); !errors.Is(err, ErrNotFound) {
				t.Errorf("no object: %v", err)
			}
			if _, err := ReadAll(ctx, b, "a.bin", 10); err == nil || !strings.Contains(err.Error(), "more than the 10") {
				t.Errorf("a large one: %v", err)
			}
			if err := b.Put(ctx, "empty", strings.NewReader("")); err != nil {
				t.Error(err)
			}
			if p, err := ReadAll(ctx, b, "empty", 10); err != nil || len(p) != 0 {
				t.Errorf("an empty one: %v %v", p, err)
			}
		})
	}
}

// Faults that pass are waited out; the bytes are right, and the retries counted.
func TestPassingFaults(t *testing.T) {
	data := make([]byte, 200<<10)
	for i := range data {
		data[i] = byte(i ^ i>>8)
	}
	for name, fault := range map[string]s3fake.Fault{
		"500":        {Status: 500, Code: "InternalError"},
		"503":        {Status: 503, Code: "SlowDown"},
		"reset":      {Cutting: true, Cut: 100, Reset: true},
		"reset at 0": {Cutting: true, Cut: 0, Reset: true},
		"short body": {Cutting: true, Cut: 1000},
	} {
		s, b := openFake(t, "", Options{})
		s.PageSize = 2
		s.Rule = func(r s3fake.Request) *s3fake.Fault {
			if r.N%3 == 0 || r.Key == "" && fault.Cutting {
				return nil
			}
			return &fault
		}
		for i := range 5 {
			s.Put(fmt.Sprintf("k%d", i), data)
		}
		if got := keys(t, b, ""); len(got) != 5 {
			t.Errorf("%s: listed %v", name, got)
		}
		var o Object
		if err := b.List(context.Background(), "k3", func(x Object) error { o = x; return nil }); err != nil {
			t.Fatal(err)
		}
		p := make([]byte, 50<<10)
		if err := b.ReadRange(context.Background(), o, 1000, p); err != nil || !bytes.Equal(p, data[1000:1000+len(p)]) {
			t.Errorf("%s: range: %v", name, err)
		}
		r, err := b.Open(context.Background(), o)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		all, err := io.ReadAll(r)
		if err := errors.Join(err, r.Close()); err != nil || !bytes.Equal(all, data) {
			t.Errorf("%s: whole: %d bytes: %v", name, len(all), err)
		}
		if b.Traffic().Retries == 0 {
			t.Errorf("%s: no retries were counted", name)
		}
	}
}

// Faults that stay are errors that say what it was about, after a bounded
// number of tries.
func TestLastingFaults(t *testing.T) {
	for name, c := range map[string]struct {
		fault s3fake.Fault
		is    error
		tries int
		text  string
	}{
		"503":   {s3fake.Fault{Status: 503, Code: "SlowDown"}, nil, 4, "after 4 tries"},
		"reset": {s3fake.Fault{Cutting: true, Cut: 0, Reset: true}, nil, 4, "after 4 tries"},
		"403":   {s3fake.Fault{Status: 403, Code: "AccessDenied"}, ErrDenied, 1, "s3://logs/k"},
		"404":   {s3fake.Fault{Status: 404, Code: "NoSuchKey"}, ErrNotFound, 1, "s3://logs/k"},
		"412":   {s3fake.Fault{Status: 412, Code: "PreconditionFailed"}, ErrChanged, 1, "s3://logs/k"},
		"301":   {s3fake.Fault{Status: http.StatusMovedPermanently, Code: "PermanentRedirect"}, nil, 1, "another region"},
	} {
		s, b := openFake(t, "", Options{Attempts: 4})
		s.Put("k", make([]byte, 1000))
		n := 0
		s.Rule = func(r s3fake.Request) *s3fake.Fault {
			if r.Key == "k" && r.Method == http.MethodGet {
				n++
				return &c.fault
			}
			return nil
		}
		o, err := b.Stat(context.Background(), "k")
		if err != nil {
			t.Fatal(err)
		}
		err = b.ReadRange(context.Background(), o, 0, make([]byte, 10))
		if err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v", name, err)
		}
		if n != c.tries {
			t.Errorf("%s: %d tries, want %d", name, n, c.tries)
		}
	}
}

func TestBadPlaces(t *testing.T) {
	ctx := context.Background()
	for uri, text := range map[string]string{
		"":                      "an empty place",
		"s3://":                 "names no bucket",
		"gs://bucket/x":         "not a kind of place",
		"/no/such/directory/at": "no such directory",
	} {
		if _, err := Open(ctx, uri, Options{Config: &aws.Config{Region: "us-east-1"}}); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%q: %v", uri, err)
		}
	}
	s := s3fake.Start(t, "logs")
	b, err := Open(ctx, "s3://other/x", Options{Config: s.Config(), Wait: noWait})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.List(ctx, "", func(Object) error { return nil }); err == nil || !strings.Contains(err.Error(), `no bucket "other"`) {
		t.Errorf("no bucket: %v", err)
	}
	s.Rule = func(s3fake.Request) *s3fake.Fault { return &s3fake.Fault{Status: 403, Code: "AccessDenied"} }
	if _, err := Open(ctx, "s3://logs/x", Options{Config: s.Config(), Wait: noWait, Writable: true}); !errors.Is(err, ErrDenied) || !strings.Contains(err.Error(), "cannot be written") {
		t.Errorf("not writable: %v", err)
	}
}

func TestNoCredentials(t *testing.T) {
	for _, k := range []string{"AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_WEB_IDENTITY_TOKEN_FILE"} {
		t.Setenv(k, "")
	}
	none := filepath.Join(t.TempDir(), "none")
	t.Setenv("AWS_CONFIG_FILE", none)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", none)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	_, err := Open(context.Background(), "s3://logs", Options{})
	if err == nil || !strings.Contains(err.Error(), "no AWS credentials") || !strings.Contains(err.Error(), "AWS_PROFILE") {
		t.Error(err)
	}
}

// A directory's listing is in S3's order whatever the names are, follows links,
// and a file is a place of one object.
func TestDirectoryListing(t *testing.T) {
	root := t.TempDir()
	r := rand.New(rand.NewPCG(1, 2))
	var want []string
	for i := range 60 {
		parts := make([]string, 1+r.IntN(4))
		for j := range parts {
			parts[j] = []string{"a", "a-b", "a.b", "ab", "A", "가"}[r.IntN(6)]
		}
		parts = append(parts, fmt.Sprintf("%d.log", i))
		key := strings.Join(parts, "/")
		if err := os.MkdirAll(filepath.Join(root, filepath.Dir(key)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, key), []byte(key), 0o644); err != nil {
			t.Fatal(err)
		}
		want = append(want, key)
	}
	slices.Sort(want)
	b, err := Open(context.Background(), root, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := keys(t, b, ""); !slices.Equal(got, want) {
		t.Errorf("listed\n%v\nwant\n%v", got, want)
	}
	for _, p := range []string{"a/", "a", "a/a", "가"} {
		var some []string
		for _, k := range want {
			if strings.HasPrefix(k, p) {
				some = append(some, k)
			}
		}
		if got := keys(t, b, p); !slices.Equal(got, some) {
			t.Errorf("prefix %s: %v, want %v", p, got, some)
		}
	}
	file, err := Open(context.Background(), filepath.Join(root, want[0]), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := keys(t, file, ""); len(got) != 1 || got[0] != filepath.Base(want[0]) {
		t.Errorf("a file: %v", got)
	}
	other := t.TempDir()
	if err := os.Symlink(root, filepath.Join(other, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(other, filepath.Join(root, "zzz-loop")); err != nil {
		t.Fatal(err)
	}
	b, err = Open(context.Background(), other, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.List(context.Background(), "", func(Object) error { return nil }); err == nil || !strings.Contains(err.Error(), "folders deep") && !strings.Contains(err.Error(), "symbolic links") {
		t.Errorf("a loop of links: %v", err)
	}
}

// A copy has the stamps of what it was copied from; a change of any byte that
// the stamp reads changes it.
func TestStampsFollowContent(t *testing.T) {
	ctx := context.Background()
	stamp := func(name string, data []byte) string {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
		b, err := Open(ctx, dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		o, err := b.Stat(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		s, err := b.Stamp(ctx, o)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for _, size := range []int{0, 10, stampWhole, stampWhole + 1, 3 << 20} {
		for _, name := range []string{"x.parquet", "x.log.gz", "x.log"} {
			data := bytes.Repeat([]byte("0123456789abcde\n"), size/16+1)[:size]
			base := stamp(name, data)
			if again := stamp(name, data); again != base {
				t.Errorf("%s of %d bytes: a copy has another stamp", name, size)
			}
			for _, at := range []int{0, size / 2, size - 1} {
				if at < 0 || size == 0 {
					continue
				}
				changed := bytes.Clone(data)
				changed[at] ^= 1
				whole := size <= stampWhole || name == "x.log"
				if (stamp(name, changed) == base) == (whole || at != size/2) {
					t.Errorf("%s of %d bytes, changed at %d: whole %v", name, size, at, whole)
				}
			}
		}
	}
}
