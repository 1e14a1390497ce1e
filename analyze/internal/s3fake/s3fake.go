// Package s3fake is an S3 server in this process that says no: it pages its
// listings, honours If-Match and Range, and does the faults it is told to. For
// tests only; moto stands beside it for the answers of a real server.
package s3fake

import (
	"crypto/md5" //nolint:gosec // an ETag, as S3 makes it
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// Fault is what happens to one request instead of its answer.
type Fault struct {
	// Status and Code are an error answer; 0: none.
	Status int
	Code   string
	// Cut ends the body after so many bytes: Reset by breaking the connection,
	// else by announcing no more than those. Used where Cutting is set.
	Cutting bool
	Cut     int
	Reset   bool
}

// Request is one request as a fault's rule sees it.
type Request struct {
	Method string
	Key    string // empty for a listing
	Range  string
	N      int // of all requests for this key with this method, from 1
}

// Server holds one bucket.
type Server struct {
	URL    string
	Bucket string
	// Rule, if set, decides on each request. Set it before the first one.
	Rule func(Request) *Fault
	// Delay is added to each request.
	Delay time.Duration
	// Region, if set, is the only one whose signatures are taken. Others are sent
	// there: by status 301 or, if Malformed is set, 400. Silent leaves out the
	// header that names it, but for HeadBucket.
	Region    string
	Malformed bool
	Silent    bool
	// PageSize of listings; 0 means 1000.
	PageSize int

	mu      sync.Mutex
	objects map[string]object
	counts  map[string]int
	sent    int64
	asked   int
}

type object struct {
	data []byte
	etag string
	at   time.Time
}

// Start serves an empty bucket until the test ends.
func Start(tb testing.TB, bucket string) *Server {
	tb.Helper()
	s := &Server{Bucket: bucket, objects: map[string]object{}, counts: map[string]int{}}
	h := httptest.NewServer(s)
	tb.Cleanup(h.Close)
	s.URL = h.URL
	return s
}

// Config reaches the server.
func (s *Server) Config() *aws.Config {
	return &aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String(s.URL),
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	}
}

// Put places an object.
func (s *Server) Put(key string, data []byte) {
	sum := md5.Sum(data) //nolint:gosec // see above
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects[key] = object{slices.Clone(data), hex.EncodeToString(sum[:]), time.Now()}
}

// Get returns an object's bytes, nil if there is none.
func (s *Server) Get(key string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.objects[key].data
}

// Keys are all keys, sorted.
func (s *Server) Keys() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sorted()
}

func (s *Server) sorted() []string {
	keys := make([]string, 0, len(s.objects))
	for k := range s.objects {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// Sent counts the bytes of bodies sent and the requests answered so far.
func (s *Server) Sent() (bytes int64, requests int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent, s.asked
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.Delay > 0 {
		time.Sleep(s.Delay)
	}
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if bucket != s.Bucket {
		fail(w, http.StatusNotFound, "NoSuchBucket")
		return
	}
	if s.Region != "" && !strings.Contains(r.Header.Get("Authorization"), "/"+s.Region+"/s3/") {
		s.sendAway(w, r, key)
		return
	}
	fault := s.fault(r, key)
	if fault != nil && fault.Status != 0 {
		fail(w, fault.Status, fault.Code)
		return
	}
	switch {
	case key == "" && r.Method == http.MethodGet:
		s.list(w, r)
	case r.Method == http.MethodPut:
		body, err := io.ReadAll(r.Body)
		if err != nil {
			fail(w, http.StatusBadRequest, "IncompleteBody")
			return
		}
		s.Put(key, body)
	case r.Method == http.MethodDelete:
		s.mu.Lock()
		delete(s.objects, key)
		s.mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodGet, r.Method == http.MethodHead:
		s.get(w, r, key, fault)
	default:
		fail(w, http.StatusMethodNotAllowed, "MethodNotAllowed")
	}
}

// sendAway answers as S3 does in a Region that is not the bucket's.
func (s *Server) sendAway(w http.ResponseWriter, r *http.Request, key string) {
	if !s.Silent || key == "" && r.Method == http.MethodHead {
		w.Header().Set("x-amz-bucket-region", s.Region)
	}
	if s.Malformed {
		fail(w, http.StatusBadRequest, "AuthorizationHeaderMalformed")
		return
	}
	fail(w, http.StatusMovedPermanently, "PermanentRedirect")
}

func (s *Server) fault(r *http.Request, key string) *Fault {
	s.mu.Lock()
	s.asked++
	id := r.Method + " " + key
	s.counts[id]++
	q := Request{Method: r.Method, Key: key, Range: r.Header.Get("Range"), N: s.counts[id]}
	s.mu.Unlock()
	if s.Rule == nil {
		return nil
	}
	return s.Rule(q) // which may ask the server itself
}

func fail(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "<Error><Code>%s</Code><Message>fake</Message></Error>", code)
}

type listing struct {
	XMLName               xml.Name `xml:"ListBucketResult"`
	IsTruncated           bool
	NextContinuationToken string `xml:",omitempty"`
	Contents              []entry
	CommonPrefixes        []common
}

type common struct{ Prefix string }

type entry struct {
	Key, ETag, LastModified string
	Size                    int
}

func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := r.URL.Query()
	size := s.PageSize
	if size == 0 {
		size = 1000
	}
	prefix, delimiter := q.Get("prefix"), q.Get("delimiter")
	after := max(q.Get("continuation-token"), q.Get("start-after"))
	var out listing
	last := "" // what was given out last
	for _, k := range s.sorted() {
		given := delimiter != "" && len(after) > len(prefix) && strings.HasSuffix(after, delimiter) // a folder, given out whole
		if !strings.HasPrefix(k, prefix) || k <= after || given && strings.HasPrefix(k, after) {
			continue
		}
		name, folder := k, false
		if i := strings.Index(k[len(prefix):], delimiter); delimiter != "" && i >= 0 {
			name, folder = k[:len(prefix)+i+1], true
		}
		if name == last {
			continue
		}
		if len(out.Contents)+len(out.CommonPrefixes) == size {
			out.IsTruncated, out.NextContinuationToken = true, last
			break
		}
		last = name
		if folder {
			out.CommonPrefixes = append(out.CommonPrefixes, common{name})
			continue
		}
		o := s.objects[k]
		out.Contents = append(out.Contents, entry{k, `"` + o.etag + `"`, o.at.UTC().Format(time.RFC3339), len(o.data)})
	}
	w.Header().Set("Content-Type", "application/xml")
	_ = xml.NewEncoder(w).Encode(out)
}

func (s *Server) get(w http.ResponseWriter, r *http.Request, key string, fault *Fault) {
	s.mu.Lock()
	o, ok := s.objects[key]
	s.mu.Unlock()
	if !ok {
		fail(w, http.StatusNotFound, "NoSuchKey")
		return
	}
	if m := r.Header.Get("If-Match"); m != "" && strings.Trim(m, `"`) != o.etag {
		fail(w, http.StatusPreconditionFailed, "PreconditionFailed")
		return
	}
	from, to, partial := span(r.Header.Get("Range"), len(o.data))
	if from > to {
		fail(w, http.StatusRequestedRangeNotSatisfiable, "InvalidRange")
		return
	}
	data := o.data[from:to]
	w.Header().Set("ETag", `"`+o.etag+`"`)
	w.Header().Set("Last-Modified", o.at.UTC().Format(http.TimeFormat))
	length, body := len(data), data
	if fault != nil && fault.Cutting {
		body = data[:min(fault.Cut, len(data))]
		if !fault.Reset {
			length = len(body)
		}
	}
	w.Header().Set("Content-Length", strconv.Itoa(length))
	if partial {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to-1, len(o.data)))
		w.WriteHeader(http.StatusPartialContent)
	}
	if r.Method == http.MethodHead {
		return
	}
	n, _ := w.Write(body)
	s.mu.Lock()
	s.sent += int64(n)
	s.mu.Unlock()
	if len(body) < length {
		if f, ok := w.(http.Flusher); ok {
			f.Flush()
		}
		panic(http.ErrAbortHandler) // the way to break a connection in net/http
	}
}

// span reads a Range header of one range as [from, to).
func span(h string, size int) (from, to int, partial bool) {
	a, b, ok := strings.Cut(strings.TrimPrefix(h, "bytes="), "-")
	if !ok {
		return 0, size, false
	}
	from, _ = strconv.Atoi(a)
	to = size
	if b != "" {
		if n, err := strconv.Atoi(b); err == nil {
			to = min(n+1, size)
		}
	}
	return from, to, true
}
