package awscollect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/flowcover/flowcover/scripts/mototest"
	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/awscollect/internal/inventory"
)

// byService sends the requests of some services elsewhere. A request's
// signature names its service.
type byService struct {
	to     map[string]string // service -> URL
	before func(service string)

	mu    sync.Mutex
	calls map[string]int
}

func (b *byService) Do(r *http.Request) (*http.Response, error) {
	scope := strings.Split(r.Header.Get("Authorization"), "/")
	if len(scope) < 4 {
		return nil, fmt.Errorf("a request without a signature: %s", r.URL)
	}
	service := scope[3]
	b.mu.Lock()
	if b.calls == nil {
		b.calls = map[string]int{}
	}
	b.calls[service]++
	b.mu.Unlock()
	if b.before != nil {
		b.before(service)
	}
	if to := b.to[service]; to != "" {
		u, err := url.Parse(to)
		if err != nil {
			return nil, err
		}
		r.URL.Host = u.Host
	}
	return http.DefaultTransport.RoundTrip(r)
}

// closedPort is an address at which nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return "http://" + l.Addr().String()
}

// answering is a server that gives every request the same answer.
func answering(t *testing.T, status int, body string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// otherServices are those that a snapshot can do without, by the names in a signature,
// with the calls that are made where an account holds only what moto begins with.
var otherServices = map[string][]string{
	"elasticloadbalancing": {inventory.CallBalancers, inventory.CallTargetGroups},
	"rds":                  {inventory.CallDatabases},
	"route53":              {inventory.CallHostedZones},
	"servicequotas":        {inventory.CallQuota},
}

func TestAServiceThatCannotBeReachedIsNotRead(t *testing.T) {
	server := mototest.Start(t)
	const denied = `<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error><RequestId>1</RequestId></ErrorResponse>`
	const unknown = `<ErrorResponse><Error><Type>Sender</Type><Code>InvalidAction</Code><Message>no</Message></Error><RequestId>1</RequestId></ErrorResponse>`
	for _, tc := range []struct {
		name, to, code string
		services       []string
	}{
		{"closed port", closedPort(t), Unreachable, []string{"elasticloadbalancing", "rds", "route53", "servicequotas"}},
		{"no such name", "http://nobody.invalid", Unreachable, []string{"rds"}},
		{"denied", answering(t, 403, denied), "AccessDenied", []string{"elasticloadbalancing", "rds", "route53"}},
		{"unknown operation", answering(t, 400, unknown), "InvalidAction", []string{"elasticloadbalancing", "rds", "route53"}},
		{"unknown page", answering(t, 404, "<!doctype html><title>404 Not Found</title>"), inventory.CodeNotImplemented, []string{"elasticloadbalancing", "rds", "route53"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg, client := server.Config(region), &byService{to: map[string]string{}}
			cfg.HTTPClient = client
			var want []topology.NotRead
			for _, service := range tc.services {
				client.to[service] = tc.to
				for _, call := range otherServices[service] {
					want = append(want, topology.NotRead{Scope: topology.Scope{Account: mototest.Account, Region: region}, Call: call, Code: tc.code})
				}
			}
			slices.SortFunc(want, func(a, b topology.NotRead) int { return strings.Compare(a.Call, b.Call) })
			r, _, err := FromAPI(t.Context(), cfg, Options{})
			if err != nil {
				t.Fatal(err)
			}
			got := slices.DeleteFunc(slices.Clone(r.NotRead), func(n topology.NotRead) bool {
				return !slices.ContainsFunc(want, func(w topology.NotRead) bool { return w.Call == n.Call })
			})
			if !slices.Equal(got, want) {
				t.Errorf("not read %v, want %v", r.NotRead, want)
			}
			if len(r.VPCs) == 0 || len(r.Subnets) == 0 {
				t.Errorf("%d VPCs, %d subnets; want what EC2 gave", len(r.VPCs), len(r.Subnets))
			}
			if n := client.calls["rds"]; n < 1 || n > maxConnects {
				t.Errorf("%d requests to RDS, want 1 to %d", n, maxConnects)
			}
		})
	}
	t.Run("stopped meanwhile", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		cfg := server.Config(region)
		cfg.HTTPClient = &byService{to: map[string]string{"rds": closedPort(t)}, before: func(service string) {
			if service == "rds" {
				cancel()
			}
		}}
		if _, _, err := FromAPI(ctx, cfg, Options{}); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v; want the context's", err)
		}
	})
	t.Run("STS", func(t *testing.T) {
		cfg := server.Config(region)
		cfg.HTTPClient = &byService{to: map[string]string{"sts": closedPort(t)}}
		_, _, err := FromAPI(t.Context(), cfg, Options{})
		wantUnreachable(t, err, "STS")
	})
}

func wantUnreachable(t *testing.T, err error, service string) {
	t.Helper()
	var far *UnreachableError
	if !errors.As(err, &far) || far.Service != service || far.Region != region || !strings.Contains(err.Error(), "--from-dir") {
		t.Errorf("error %v; want that %s cannot be reached, and the way out", err, service)
	}
}

func TestWithoutEC2ThereIsNoSnapshot(t *testing.T) {
	cfg := (&mototest.Server{URL: closedPort(t)}).Config(region)
	client := ec2.NewFromConfig(cfg, func(o *ec2.Options) {
		o.Retryer = retry.AddWithMaxBackoffDelay(retryer(o.BaseEndpoint), time.Millisecond)
	})
	r := &regionReader{scope: topology.Scope{Account: mototest.Account, Region: region}, inv: inventory.New(), ec2: client}
	_, err := client.DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{})
	wantUnreachable(t, r.judge(t.Context(), task{call: inventory.CallVPCs}, err), "EC2")
}

// An endpoint that is down is asked a few times in all, not for each resource.
func TestAClosedGateAsksNobody(t *testing.T) {
	cfg := (&mototest.Server{URL: closedPort(t)}).Config(region)
	client := &byService{}
	cfg.HTTPClient = client
	r := newRegionReader(cfg, mototest.Account, region, inventory.New(), newPaces())
	for range 5 {
		if err := r.judge(t.Context(), r.serviceLists()[2], r.serviceLists()[2].run(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
	if n := client.calls["rds"]; n != maxConnects {
		t.Errorf("%d requests, want %d", n, maxConnects)
	}
}
