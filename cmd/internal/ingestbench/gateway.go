package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/flowcover/flowcover/analyze/source"
)

// The gateway's only user, on loopback, for as long as the benchmark runs.
const (
	accessKey = "benchmark"
	secretKey = "benchmark-on-loopback"
	bucket    = "logs"
)

// gateway is a versitygw that serves a folder of buckets on loopback, and a
// proxy before it that adds a delay to each request.
type gateway struct {
	direct  string // endpoint without delay
	slow    string // endpoint through the proxy
	dir     string // the bucket's folder
	cmd     *exec.Cmd
	proxy   *http.Server
	delay   time.Duration
	reqs    atomic.Int64
	moved   atomic.Int64 // bytes of bodies that went through the proxy
	stopped chan struct{}
}

func startGateway(ctx context.Context, binary, dir string, delay time.Duration) (*gateway, error) {
	g := &gateway{dir: filepath.Join(dir, bucket), delay: delay, stopped: make(chan struct{})}
	if err := os.MkdirAll(g.dir, 0o755); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := l.Addr().String() // free a moment ago, and nobody else is asked
	if err := l.Close(); err != nil {
		return nil, err
	}
	g.direct = "http://" + address
	g.cmd = exec.CommandContext(ctx, binary, "--port", address, "--access", accessKey, "--secret", secretKey, "--quiet", "posix", dir)
	g.cmd.Cancel = func() error { return g.cmd.Process.Signal(syscall.SIGTERM) }
	if err := g.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = g.cmd.Wait()
		close(g.stopped)
	}()
	if err := g.await(ctx, address); err != nil {
		return nil, errors.Join(err, g.stop())
	}
	return g, g.startProxy()
}

// await waits until the gateway takes connections.
func (g *gateway) await(ctx context.Context, address string) error {
	for {
		c, err := net.Dial("tcp", address)
		if err == nil {
			return c.Close()
		}
		select {
		case <-g.stopped:
			return fmt.Errorf("versitygw ended: %s", g.cmd.ProcessState)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (g *gateway) startProxy() error {
	target, err := url.Parse(g.direct)
	if err != nil {
		return err
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true}
	proxy := &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host // it is signed
		},
		ModifyResponse: func(r *http.Response) error {
			if r.ContentLength > 0 && r.Request.Method == http.MethodGet {
				g.moved.Add(r.ContentLength)
			}
			return nil
		},
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	g.slow = "http://" + l.Addr().String()
	g.proxy = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.reqs.Add(1)
		select {
		case <-time.After(g.delay):
		case <-r.Context().Done():
			return
		}
		proxy.ServeHTTP(w, r)
	})}
	go func() { _ = g.proxy.Serve(l) }()
	return nil
}

func (g *gateway) stop() error {
	var err error
	if g.proxy != nil {
		err = g.proxy.Close()
	}
	// It may have ended by itself.
	_ = g.cmd.Process.Signal(syscall.SIGTERM)
	<-g.stopped
	return err
}

// credentials are what a child process needs to use the gateway.
func credentials() []string {
	return []string{"AWS_ACCESS_KEY_ID=" + accessKey, "AWS_SECRET_ACCESS_KEY=" + secretKey, "AWS_REGION=us-east-1",
		"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null"}
}

// upload puts a folder's files into the bucket under a prefix.
func (g *gateway) upload(ctx context.Context, dir, prefix string) error {
	for _, kv := range credentials() {
		k, v, _ := strings.Cut(kv, "=")
		if err := os.Setenv(k, v); err != nil {
			return err
		}
	}
	from, err := source.Open(ctx, dir, source.Options{})
	if err != nil {
		return err
	}
	to, err := source.Open(ctx, "s3://"+bucket+"/"+prefix, source.Options{EndpointURL: g.direct, Region: "us-east-1"})
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	err = from.List(ctx, "", func(o source.Object) error {
		group.Go(func() error {
			path, _ := from.Local(o.Key)
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			return errors.Join(to.Put(ctx, o.Key, f), f.Close())
		})
		return nil
	})
	return errors.Join(err, group.Wait())
}

// multiply makes a prefix of so many days: the objects of the days that were
// uploaded, linked in turn under the keys of each. The store's own marks of an
// object are kept with the file and so are linked too.
func (g *gateway) multiply(from, to string, s logSpec, days int) error {
	for d := range days {
		for o := range s.objects {
			old := filepath.Join(g.dir, from, filepath.FromSlash(s.key(d%s.days, o)))
			path := filepath.Join(g.dir, to, filepath.FromSlash(s.key(d, o)))
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				return err
			}
			if err := os.Link(old, path); err != nil && !errors.Is(err, fs.ErrExist) {
				return err
			}
		}
	}
	return nil
}
