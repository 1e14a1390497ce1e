// Package mototest gives tests a real S3, EC2, ELBv2, RDS, Route 53, STS and Service
// Quotas API: a moto server process on a free loopback port, one for each
// [Start], gone when the test ends, however it ends.
//
// The server is moto_server: the one that FLOWCOVER_MOTO_SERVER names, else the
// one on the PATH, else the one that scripts/mototest/install keeps in the
// cache folder. If there is none the test fails and says what to install; it
// never skips.
package mototest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// Version is the version of moto that scripts/mototest/install pins.
const Version = "5.2.1"

// Account is the account that the server's dummy credentials belong to.
const Account = "123456789012"

// startLimit is how long a server may take to answer. A loaded machine needs
// seconds to import moto; the limit only ends a wait that would never end.
const startLimit = 2 * time.Minute

// Server is a running moto server. Its methods are safe for concurrent use.
type Server struct {
	// URL is the endpoint of every service, such as http://127.0.0.1:45123.
	URL string
}

// Start starts a server and stops it when tb ends.
func Start(tb testing.TB) *Server {
	tb.Helper()
	binary, err := find(os.Getenv, exec.LookPath, isExecutable)
	if err != nil {
		tb.Fatal(err)
	}
	// Between choosing a free port and the server's bind another process may
	// take it, so a server that ends early is tried again on another port.
	var last error
	for range 3 {
		p, err := launch(tb.Context(), binary)
		if err == nil {
			tb.Cleanup(p.stop)
			return &Server{URL: p.url}
		}
		last = err
	}
	tb.Fatalf("starting %s: %v", binary, last)
	return nil
}

// Config gives an SDK configuration that talks to the server.
func (s *Server) Config(region string) aws.Config {
	return aws.Config{
		Region:       region,
		BaseEndpoint: aws.String(s.URL),
		Credentials:  credentials.NewStaticCredentialsProvider("testing", "testing", ""),
	}
}

// Env gives the whole environment for a child process that is to talk to the
// server: the present one with every AWS setting replaced.
func (s *Server) Env() []string {
	var env []string
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "AWS_") {
			env = append(env, kv)
		}
	}
	return append(env,
		"AWS_ENDPOINT_URL="+s.URL,
		"AWS_ACCESS_KEY_ID=testing",
		"AWS_SECRET_ACCESS_KEY=testing",
		"AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE="+os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE="+os.DevNull,
		"AWS_PAGER=",
	)
}

// Reset empties the server: every account, every service.
func (s *Server) Reset(tb testing.TB) {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), http.MethodPost, s.URL+"/moto-api/reset", nil)
	if err != nil {
		tb.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		tb.Fatalf("resetting the moto server: %v", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		tb.Fatalf("resetting the moto server: %s", resp.Status)
	}
}

// find gives the path of moto_server, or an error that says what to install.
func find(getenv func(string) string, lookPath func(string) (string, error), executable func(string) bool) (string, error) {
	if p := getenv("FLOWCOVER_MOTO_SERVER"); p != "" {
		if !executable(p) {
			return "", fmt.Errorf("FLOWCOVER_MOTO_SERVER is %q, which is no executable file: unset it or name a moto_server", p)
		}
		return p, nil
	}
	if p, err := lookPath("moto_server"); err == nil {
		return p, nil
	}
	cache := getenv("XDG_CACHE_HOME")
	if cache == "" {
		cache = filepath.Join(getenv("HOME"), ".cache")
	}
	p := filepath.Join(cache, "flowcover", "moto-"+Version, "bin", "moto_server")
	if executable(p) {
		return p, nil
	}
	return "", fmt.Errorf("this test needs moto's server and found none (FLOWCOVER_MOTO_SERVER, the PATH, %s): "+
		"run scripts/mototest/install (needs python3 with venv; on Debian: apt-get install python3-venv), "+
		"or pip install 'moto[server]==%s'", p, Version)
}

func isExecutable(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular() && st.Mode().Perm()&0o111 != 0
}

// process is a server process and the goroutine that waits for it.
type process struct {
	url    string
	cmd    *exec.Cmd
	output *tail
	ended  chan struct{} // closed when the process is gone
	err    error         // how it ended; read after ended
	once   sync.Once
}

func launch(ctx context.Context, binary string) (*process, error) {
	addr, err := freeAddress()
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	p := &process{url: "http://" + addr, output: new(tail), ended: make(chan struct{})}
	p.cmd = exec.Command(binary, "-H", host, "-p", port)
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	p.cmd.Env = append(os.Environ(), "PYTHONUNBUFFERED=1", "PYTHONDONTWRITEBYTECODE=1")
	// A grandchild that keeps the pipe must not hold up the wait.
	p.cmd.WaitDelay = 2 * time.Second
	ownGroup(p.cmd)

	started := make(chan error, 1)
	go func() {
		// On Linux the parent's death is that of the thread that started the
		// child, so this thread must live as long as the child does.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.ended)
		err := p.cmd.Start()
		started <- err
		if err != nil {
			p.err = err
			return
		}
		p.err = p.cmd.Wait()
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	if err := p.ready(ctx); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

// ready polls until the server answers or is gone.
func (p *process) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if p.answers(ctx) {
			select {
			case <-p.ended: // somebody else answered on that port
			default:
				return nil
			}
		}
		select {
		case <-p.ended:
			return fmt.Errorf("it ended before it answered on %s: %w\n%s", p.url, errors.Join(p.err), p.output)
		case <-ctx.Done():
			return fmt.Errorf("no answer on %s: %w\n%s", p.url, ctx.Err(), p.output)
		case <-tick.C:
		}
	}
}

func (p *process) answers(ctx context.Context) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/moto-api/data.json", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode == http.StatusOK
}

// stop kills the process and all it started, and waits until it is gone.
func (p *process) stop() {
	p.once.Do(func() {
		killGroup(p.cmd)
		<-p.ended
	})
}

// freeAddress gives a loopback address that nobody listened on a moment ago.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	addr := l.Addr().String()
	return addr, l.Close()
}

// tail keeps the last few kilobytes written to it, for error messages.
type tail struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

const tailSize = 8 << 10

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf.Write(b)
	if over := t.buf.Len() - tailSize; over > 0 {
		t.buf.Next(over)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.buf.String()
}
