package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Object is one object of a bucket, as it was listed.
type Object struct {
	Key      string // relative to the bucket's URI
	Size     int64
	Modified time.Time
	// ETag is S3's; empty in a directory until [Bucket.Stamp] is asked.
	ETag string
}

// Bucket is a place of objects: a directory, or a prefix in an S3 bucket.
type Bucket interface {
	// URI is the place as a person wrote it.
	URI() string
	// Name is the full name of the object with the key, for messages.
	Name(key string) string
	// Root identifies the place and the key's full path in it: two buckets
	// that overlap give the same object the same Root name.
	Root(key string) string
	// List calls each with every object whose key begins with prefix, in
	// ascending order of keys, until it returns an error.
	List(ctx context.Context, prefix string, each func(Object) error) error
	// Stat finds one object; the error is ErrNotFound if there is none.
	Stat(ctx context.Context, key string) (Object, error)
	// Stamp is the identity of the object's content.
	Stamp(ctx context.Context, o Object) (string, error)
	// ReadRange fills p from the object's bytes at offset. The error is
	// ErrChanged if the object is not the one that was listed any more.
	ReadRange(ctx context.Context, o Object, offset int64, p []byte) error
	// Open reads the whole object. Reading goes on after a broken connection.
	Open(ctx context.Context, o Object) (io.ReadCloser, error)
	// Local is the path of the object's file where it has one on this machine.
	Local(key string) (string, bool)
	// Put writes an object whole or not at all.
	Put(ctx context.Context, key string, body io.ReadSeeker) error
	// Delete removes an object; that it is not there is no error.
	Delete(ctx context.Context, key string) error
	// Traffic counts what went over the network so far.
	Traffic() Traffic
}

// Errors of buckets, wrapped with the object's name.
var (
	ErrNotFound = errors.New("no such object")
	ErrChanged  = errors.New("the object was replaced while it was read")
	ErrDenied   = errors.New("access denied")
)

// Traffic counts requests to a network store. Of a directory it is zero.
type Traffic struct {
	Requests int64
	Retries  int64
	Bytes    int64 // of objects, received
}

// Options of Open. The zero value reads AWS's usual environment.
type Options struct {
	// EndpointURL is an S3 endpoint other than AWS's, addressed path style.
	EndpointURL string
	Region      string
	// Config is used instead of AWS's usual environment if it is set.
	Config *aws.Config
	// Writable makes the directory if need be and tries it by writing to it.
	Writable bool
	// Attempts bounds the tries of one request; 0 means 8.
	Attempts int
	// Wait is slept between tries, given the try's number from 1; nil means
	// exponential backoff with jitter.
	Wait func(ctx context.Context, try int) error
}

// Open opens a directory or an s3://bucket/prefix.
func Open(ctx context.Context, uri string, opts Options) (Bucket, error) {
	if strings.HasPrefix(uri, "s3://") {
		return openS3(ctx, uri, opts)
	}
	if i := strings.Index(uri, "://"); i > 0 && !strings.HasPrefix(uri, "file://") {
		return nil, fmt.Errorf("%q: %s is not a kind of place flowcover reads: give a directory or s3://BUCKET/PREFIX", uri, uri[:i])
	}
	return openDir(strings.TrimPrefix(uri, "file://"), opts)
}

// ReadAll reads a whole small object, at most limit bytes.
func ReadAll(ctx context.Context, b Bucket, key string, limit int64) ([]byte, error) {
	o, err := b.Stat(ctx, key)
	if err != nil {
		return nil, err
	}
	if o.Size > limit {
		return nil, fmt.Errorf("%s: %d bytes, more than the %d expected at most", b.Name(key), o.Size, limit)
	}
	p := make([]byte, o.Size)
	if o.Size == 0 {
		return p, nil
	}
	return p, b.ReadRange(ctx, o, 0, p)
}

type counters struct{ requests, retries, bytes atomic.Int64 }

func (c *counters) Traffic() Traffic {
	return Traffic{Requests: c.requests.Load(), Retries: c.retries.Load(), Bytes: c.bytes.Load()}
}
