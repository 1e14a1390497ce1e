package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// s3API is what this package needs of the S3 client.
type s3API interface {
	ListObjectsV2(context.Context, *s3.ListObjectsV2Input, ...func(*s3.Options)) (*s3.ListObjectsV2Output, error)
	HeadObject(context.Context, *s3.HeadObjectInput, ...func(*s3.Options)) (*s3.HeadObjectOutput, error)
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error)
	PutObject(context.Context, *s3.PutObjectInput, ...func(*s3.Options)) (*s3.PutObjectOutput, error)
	HeadBucket(context.Context, *s3.HeadBucketInput, ...func(*s3.Options)) (*s3.HeadBucketOutput, error)
	DeleteObject(context.Context, *s3.DeleteObjectInput, ...func(*s3.Options)) (*s3.DeleteObjectOutput, error)
}

type s3Bucket struct {
	counters
	uri      string
	bucket   string
	prefix   string // empty, or ends with a slash
	region   atomic.Pointer[regional]
	connect  func(region string) s3API
	attempts int
	wait     func(ctx context.Context, try int) error
}

// regional is a client of the Region that the bucket is thought to be in.
type regional struct {
	name string
	s3API
}

func (b *s3Bucket) api() s3API { return b.region.Load().s3API }

const (
	defaultAttempts = 8
	backoffBase     = 100 * time.Millisecond
	backoffMax      = 20 * time.Second
	idleConns       = 64
)

func openS3(ctx context.Context, uri string, opts Options) (Bucket, error) {
	bucket, prefix, _ := strings.Cut(strings.TrimPrefix(uri, "s3://"), "/")
	if bucket == "" {
		return nil, fmt.Errorf("%q names no bucket: write s3://BUCKET/PREFIX", uri)
	}
	if prefix = strings.TrimRight(prefix, "/"); prefix != "" {
		prefix += "/"
	}
	cfg, err := awsConfig(ctx, opts)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", uri, err)
	}
	b := &s3Bucket{uri: strings.TrimRight(uri, "/"), bucket: bucket, prefix: prefix, attempts: opts.Attempts, wait: opts.Wait}
	if b.attempts <= 0 {
		b.attempts = defaultAttempts
	}
	if b.wait == nil {
		b.wait = backoff
	}
	b.connect = func(region string) s3API { return newClient(cfg, opts, region) }
	b.region.Store(&regional{cfg.Region, b.connect(cfg.Region)})
	if opts.Writable {
		key := fmt.Sprintf(".try-%x", rand.Uint64())
		if err := b.Put(ctx, key, strings.NewReader("")); err != nil {
			return nil, fmt.Errorf("%s: cannot be written to: %w", uri, err)
		}
		if err := b.Delete(ctx, key); err != nil {
			return nil, fmt.Errorf("%s: cannot delete there: %w", uri, err)
		}
	}
	return b, nil
}

func newClient(cfg aws.Config, opts Options, region string) s3API {
	return s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.Region = region
		if opts.EndpointURL != "" {
			o.BaseEndpoint = aws.String(opts.EndpointURL)
		}
		o.UsePathStyle = o.BaseEndpoint != nil
		// Retries are ours: they go on inside a body, and are counted.
		o.Retryer = aws.NopRetryer{}
		// Stores other than AWS's know the newer checksums in part only.
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
	})
}

func awsConfig(ctx context.Context, opts Options) (aws.Config, error) {
	if opts.Config != nil {
		return *opts.Config, nil
	}
	client := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConnsPerHost = idleConns
	})
	load := []func(*config.LoadOptions) error{config.WithHTTPClient(client)}
	if opts.Region != "" {
		load = append(load, config.WithRegion(opts.Region))
	}
	cfg, err := config.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return aws.Config{}, err
	}
	if cfg.Region == "" {
		cfg.Region = "us-east-1"
	}
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		return aws.Config{}, fmt.Errorf("no AWS credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run where a role is attached: %w", err)
	}
	return cfg, nil
}

func backoff(ctx context.Context, try int) error {
	d := min(backoffBase<<min(try-1, 20), backoffMax)
	d = d/2 + rand.N(d/2+1)
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

func (b *s3Bucket) URI() string                 { return b.uri }
func (b *s3Bucket) Name(key string) string      { return "s3://" + b.bucket + "/" + b.prefix + key }
func (b *s3Bucket) Root(key string) string      { return b.Name(key) }
func (b *s3Bucket) Local(string) (string, bool) { return "", false }

func (b *s3Bucket) Stamp(_ context.Context, o Object) (string, error) { return o.ETag, nil }

// try runs one request until it succeeds, fails for good or has had its tries.
func (b *s3Bucket) try(ctx context.Context, what string, f func() error) error {
	for n := 1; ; n++ {
		b.requests.Add(1)
		err := f()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if b.moveTo(ctx, err) {
			continue
		}
		if n >= b.attempts || !retryable(err) {
			return b.explain(what, n, err)
		}
		b.retries.Add(1)
		if err := b.wait(ctx, n); err != nil {
			return err
		}
	}
}

// moveTo turns to the bucket's own Region where an answer says that it is in
// another: buckets of several Regions are read at once, with one configuration.
func (b *s3Bucket) moveTo(ctx context.Context, err error) bool {
	if !elsewhere(err) {
		return false
	}
	at := b.region.Load()
	region := regionIn(err)
	if region == "" {
		_, err := at.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &b.bucket})
		region = regionIn(err)
	}
	if region == "" || region == at.name {
		return false
	}
	// Another request may have turned there already.
	b.region.CompareAndSwap(at, &regional{region, b.connect(region)})
	return true
}

// elsewhere says that an answer is that of another Region than the bucket's.
func elsewhere(err error) bool {
	var status interface{ HTTPStatusCode() int }
	if !errors.As(err, &status) {
		return false
	}
	switch status.HTTPStatusCode() {
	case http.StatusMovedPermanently, http.StatusTemporaryRedirect:
		return true
	case http.StatusBadRequest: // a HEAD has no body to say more
		return regionIn(err) != "" || apiCode(err) == "AuthorizationHeaderMalformed"
	}
	return false
}

// regionIn is the bucket's Region as an error answer of S3 names it, or "".
func regionIn(err error) string {
	var answer *smithyhttp.ResponseError
	if !errors.As(err, &answer) || answer.Response == nil {
		return ""
	}
	return answer.Response.Header.Get("x-amz-bucket-region")
}

func apiCode(err error) string {
	var code smithy.APIError
	if errors.As(err, &code) {
		return code.ErrorCode()
	}
	return ""
}

// errShort: a body ended before its length.
var errShort = errors.New("the body ended early")

func retryable(err error) bool {
	if errors.Is(err, errShort) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, errBody) {
		return true
	}
	var status interface{ HTTPStatusCode() int }
	if errors.As(err, &status) {
		switch status.HTTPStatusCode() {
		case http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable,
			http.StatusGatewayTimeout, http.StatusTooManyRequests, http.StatusRequestTimeout:
			return true
		}
	}
	return retry.IsErrorRetryables(retry.DefaultRetryables).IsErrorRetryable(err) == aws.TrueTernary
}

// errBody marks an error met inside a body: the connection broke, so try again.
var errBody = errors.New("the connection broke")

func (b *s3Bucket) explain(what string, tries int, err error) error {
	var status interface{ HTTPStatusCode() int }
	kind, n := apiCode(err), 0
	if errors.As(err, &status) {
		n = status.HTTPStatusCode()
	}
	switch {
	case kind == "NoSuchBucket":
		return fmt.Errorf("%s: there is no bucket %q", what, b.bucket)
	case n == http.StatusNotFound, kind == "NoSuchKey", kind == "NotFound":
		return fmt.Errorf("%s: %w", what, ErrNotFound)
	case n == http.StatusPreconditionFailed:
		return fmt.Errorf("%s: %w", what, ErrChanged)
	case n == http.StatusForbidden:
		return fmt.Errorf("%s: %w (%s)", what, ErrDenied, kind)
	case elsewhere(err):
		return fmt.Errorf("%s: the bucket is in another region, and S3 does not say in which: give its region: %w", what, err)
	case tries > 1:
		return fmt.Errorf("%s: after %d tries: %w", what, tries, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

func (b *s3Bucket) List(ctx context.Context, prefix string, each func(Object) error) error {
	return b.list(ctx, listing{prefix: prefix}, each, nil)
}

// listing is what to list.
type listing struct {
	prefix  string
	after   string // keys after this one; empty: all
	folders bool   // what lies directly under the prefix, and the folders there
}

// list calls each with every object and folder with every folder, page by page.
func (b *s3Bucket) list(ctx context.Context, l listing, each func(Object) error, folder func(key string)) error {
	in := &s3.ListObjectsV2Input{Bucket: &b.bucket, Prefix: aws.String(b.prefix + l.prefix)}
	if l.after != "" {
		in.StartAfter = aws.String(b.prefix + l.after)
	}
	if l.folders {
		in.Delimiter = aws.String("/")
	}
	for {
		var out *s3.ListObjectsV2Output
		err := b.try(ctx, "list "+b.Name(l.prefix), func() (err error) {
			out, err = b.api().ListObjectsV2(ctx, in)
			return err
		})
		if err != nil {
			return err
		}
		for i := range out.Contents {
			o := &out.Contents[i]
			err := each(Object{
				Key:      strings.TrimPrefix(aws.ToString(o.Key), b.prefix),
				Size:     aws.ToInt64(o.Size),
				Modified: aws.ToTime(o.LastModified),
				ETag:     strings.Trim(aws.ToString(o.ETag), `"`),
			})
			if err != nil {
				return err
			}
		}
		for i := range out.CommonPrefixes {
			folder(strings.TrimPrefix(aws.ToString(out.CommonPrefixes[i].Prefix), b.prefix))
		}
		if !aws.ToBool(out.IsTruncated) || out.NextContinuationToken == nil {
			return nil
		}
		in.ContinuationToken = out.NextContinuationToken
	}
}

func (b *s3Bucket) Stat(ctx context.Context, key string) (Object, error) {
	var out *s3.HeadObjectOutput
	err := b.try(ctx, b.Name(key), func() (err error) {
		out, err = b.api().HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b.bucket, Key: aws.String(b.prefix + key)})
		return err
	})
	if err != nil {
		return Object{}, err
	}
	return Object{
		Key:      key,
		Size:     aws.ToInt64(out.ContentLength),
		Modified: aws.ToTime(out.LastModified),
		ETag:     strings.Trim(aws.ToString(out.ETag), `"`),
	}, nil
}

// get starts one GET of a range.
func (b *s3Bucket) get(ctx context.Context, o Object, offset, length int64) (io.ReadCloser, error) {
	in := &s3.GetObjectInput{
		Bucket: &b.bucket, Key: aws.String(b.prefix + o.Key),
		Range: aws.String(fmt.Sprintf("bytes=%d-%d", offset, offset+length-1)),
	}
	if o.ETag != "" {
		in.IfMatch = aws.String(`"` + o.ETag + `"`)
	}
	out, err := b.api().GetObject(ctx, in)
	if err != nil {
		return nil, err
	}
	// A server without If-Match answers with the new object: see that it is the old one.
	if tag := strings.Trim(aws.ToString(out.ETag), `"`); o.ETag != "" && tag != "" && tag != o.ETag {
		return nil, errors.Join(ErrChanged, out.Body.Close())
	}
	if n := aws.ToInt64(out.ContentLength); n != length {
		return nil, errors.Join(fmt.Errorf("%w: %d bytes announced, %d asked for", errShort, n, length), out.Body.Close())
	}
	return out.Body, nil
}

// requestTime bounds one try, so that a connection that says nothing more ends
// as one that broke.
const requestTime = 2 * time.Minute

func (b *s3Bucket) ReadRange(ctx context.Context, o Object, offset int64, p []byte) error {
	if len(p) == 0 {
		return nil
	}
	done := 0 // what came before a connection broke is kept
	return b.try(ctx, b.Name(o.Key), func() error {
		ctx, cancel := context.WithTimeout(ctx, requestTime)
		defer cancel()
		body, err := b.get(ctx, o, offset+int64(done), int64(len(p)-done))
		if err != nil {
			return b.late(ctx, err)
		}
		n, err := io.ReadFull(body, p[done:])
		done += n
		b.bytes.Add(int64(n))
		_ = body.Close()
		if err != nil {
			return fmt.Errorf("%w: %w", errBody, err)
		}
		return nil
	})
}

// late marks the error of a try that took too long as one to try again after.
func (b *s3Bucket) late(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("%w: no answer in %v", errBody, requestTime)
	}
	return err
}

// block is how much of an object one request of Open asks for.
const block = 4 << 20

// Open reads an object block by block, so that what breaks is tried again like
// any other range.
func (b *s3Bucket) Open(ctx context.Context, o Object) (io.ReadCloser, error) {
	r := &blockReader{ctx: ctx, b: b, o: o}
	if o.Size > 0 {
		return r, r.next()
	}
	return r, nil
}

type blockReader struct {
	ctx    context.Context
	b      *s3Bucket
	o      Object
	buf    []byte // what is read and not handed out
	space  []byte
	offset int64 // of the next block
}

func (r *blockReader) next() error {
	n := min(block, r.o.Size-r.offset)
	if r.space == nil {
		r.space = make([]byte, n)
	}
	if err := r.b.ReadRange(r.ctx, r.o, r.offset, r.space[:n]); err != nil {
		return err
	}
	r.buf = r.space[:n]
	r.offset += n
	return nil
}

func (r *blockReader) Read(p []byte) (int, error) {
	if len(r.buf) == 0 {
		if r.offset == r.o.Size {
			return 0, io.EOF
		}
		if err := r.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.buf)
	r.buf = r.buf[n:]
	return n, nil
}

func (r *blockReader) Close() error { return nil }

func (b *s3Bucket) Put(ctx context.Context, key string, body io.ReadSeeker) error {
	return b.try(ctx, "write "+b.Name(key), func() error {
		if _, err := body.Seek(0, io.SeekStart); err != nil {
			return err
		}
		_, err := b.api().PutObject(ctx, &s3.PutObjectInput{Bucket: &b.bucket, Key: aws.String(b.prefix + key), Body: body})
		return err
	})
}

func (b *s3Bucket) Delete(ctx context.Context, key string) error {
	err := b.try(ctx, "delete "+b.Name(key), func() error {
		_, err := b.api().DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.bucket, Key: aws.String(b.prefix + key)})
		return err
	})
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}
