package awscollect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/flowcover/flowcover/scripts/mototest"
	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/awscollect/internal/inventory"
)

// refusingProxy stands before a server and refuses calls, as IAM would.
func refusingProxy(t *testing.T, s *mototest.Server, codes map[string]string) *mototest.Server {
	t.Helper()
	to, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	forward := httputil.NewSingleHostReverseProxy(to)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		form, _ := url.ParseQuery(string(body)) // not every service sends a form
		if code, no := codes[form.Get("Action")]; no {
			w.WriteHeader(http.StatusForbidden)
			answer := `<Response><Errors><Error><Code>%s</Code><Message>no</Message></Error></Errors><RequestID>1</RequestID></Response>`
			if form.Get("Version") == "2015-12-01" { // elbv2 speaks another dialect
				answer = `<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>no</Message></Error><RequestId>1</RequestId></ErrorResponse>`
			}
			_, _ = fmt.Fprintf(w, answer, code)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(proxy.Close)
	return &mototest.Server{URL: proxy.URL}
}

func TestRefusedCoreAndRoles(t *testing.T) {
	server := mototest.Start(t)
	t.Run("core call refused", func(t *testing.T) {
		_, _, err := FromAPI(t.Context(), refusingProxy(t, server, map[string]string{"DescribeSubnets": "UnauthorizedOperation"}).Config(region), Options{})
		var refused *RefusedError
		if !errors.As(err, &refused) || refused.Call != "DescribeSubnets" || !strings.Contains(err.Error(), "ec2:DescribeSubnets") {
			t.Errorf("error %v; want the call and the permission named", err)
		}
	})
	t.Run("credentials refused", func(t *testing.T) {
		_, _, err := FromAPI(t.Context(), refusingProxy(t, server, map[string]string{"DescribeVpcs": "AuthFailure"}).Config(region), Options{})
		var nobody *CredentialsError
		if !errors.As(err, &nobody) {
			t.Errorf("error %v; want that the credentials are not taken", err)
		}
	})
	t.Run("any other error is one", func(t *testing.T) {
		_, _, err := FromAPI(t.Context(), refusingProxy(t, server, map[string]string{"DescribeRouteTables": "InvalidParameterValue"}).Config(region), Options{})
		if err == nil || !strings.Contains(err.Error(), "DescribeRouteTables") || !strings.Contains(err.Error(), mototest.Account+"/"+region) {
			t.Errorf("error %v; want the call and the place named", err)
		}
	})
	t.Run("stopped", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, _, err := FromAPI(ctx, server.Config(region), Options{}); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v; want the context's", err)
		}
	})
	t.Run("two roles and two Regions", func(t *testing.T) { twoRoles(t, server) })
}

func twoRoles(t *testing.T, server *mototest.Server) {
	cfg := server.Config(region)
	accounts := []string{"111111111111", "222222222222"}
	var roles []string
	for i, a := range accounts {
		role := "arn:aws:iam::" + a + ":role/reader"
		roles = append(roles, role)
		other := cfg.Copy()
		other.Credentials = stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), role)
		cidr := fmt.Sprintf("10.%d.0.0/16", i+1)
		if _, err := ec2.NewFromConfig(other).CreateVpc(t.Context(), &ec2.CreateVpcInput{CidrBlock: &cidr}); err != nil {
			t.Fatal(err)
		}
	}
	var told atomic.Int32
	read := func(roles []string) (topology.Resources, Report) {
		r, report, err := FromAPI(t.Context(), cfg, Options{Roles: roles, Regions: []string{"us-east-1", region}, Progress: func(string, string) { told.Add(1) }})
		if err != nil {
			t.Fatal(err)
		}
		return r, report
	}
	r, report := read(roles)
	if len(report.Sources) != 4 || told.Load() != 4 {
		t.Errorf("sources %v, told %d; want two accounts in two Regions", report.Sources, told.Load())
	}
	for i, a := range accounts {
		want := fmt.Sprintf("10.%d.0.0/16", i+1)
		if !slices.ContainsFunc(r.VPCs, func(v topology.VPC) bool {
			return v.Account == a && v.Region == region && len(v.CIDRs) == 1 && v.CIDRs[0].String() == want
		}) {
			t.Errorf("VPCs %v; want %s in %s", r.VPCs, want, a)
		}
	}
	slices.Reverse(roles)
	again, _ := read(roles)
	if a, b := snapshot(t, r).Digest(), snapshot(t, again).Digest(); a != b {
		t.Errorf("the roles in another order give another snapshot: %s, %s", a, b)
	}
}

func TestNoCredentialsNoRegion(t *testing.T) {
	var nobody *CredentialsError
	if _, _, err := FromAPI(t.Context(), aws.Config{Region: region}, Options{}); !errors.As(err, &nobody) || !strings.Contains(err.Error(), "AWS_PROFILE") {
		t.Errorf("no credentials: %v", err)
	}
	failing := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return aws.Credentials{}, errors.New("expired") })
	if _, _, err := FromAPI(t.Context(), aws.Config{Region: region, Credentials: failing}, Options{}); !errors.As(err, &nobody) {
		t.Errorf("failing credentials: %v", err)
	}
	if _, _, err := FromAPI(t.Context(), aws.Config{Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")}, Options{}); err == nil || !strings.Contains(err.Error(), "--region") {
		t.Errorf("no Region: %v", err)
	}
}

// paged is an EC2 whose subnets come in three pages.
type paged struct {
	ec2API
	tokens []string
}

func (p *paged) DescribeSubnets(_ context.Context, in *ec2.DescribeSubnetsInput, _ ...func(*ec2.Options)) (*ec2.DescribeSubnetsOutput, error) {
	p.tokens = append(p.tokens, aws.ToString(in.NextToken))
	n := len(p.tokens)
	out := &ec2.DescribeSubnetsOutput{Subnets: []ec2types.Subnet{{SubnetId: aws.String(fmt.Sprintf("subnet-%d", n))}}}
	if n < 3 {
		out.NextToken = aws.String(fmt.Sprintf("page %d", n+1))
	}
	return out, nil
}

func TestEveryPageIsRead(t *testing.T) {
	p := &paged{}
	r := &regionReader{scope: topology.Scope{Account: "111111111111", Region: region}, inv: inventory.New(), ec2: p}
	i := slices.IndexFunc(r.lists(), func(x task) bool { return x.call == inventory.CallSubnets })
	if err := r.lists()[i].run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(p.tokens, []string{"", "page 2", "page 3"}) {
		t.Errorf("asked for the pages %q", p.tokens)
	}
	ids := inventory.IDs(r.inv, &r.inv.Subnets, r.scope, func(s ec2types.Subnet) *string { return s.SubnetId })
	if !slices.Equal(ids, []string{"subnet-1", "subnet-2", "subnet-3"}) {
		t.Errorf("subnets %v", ids)
	}
}

// A server that is busy is asked again; one that stands in for AWS and does not
// know a call is not.
func TestRetries(t *testing.T) {
	for _, tc := range []struct {
		name, body string
		status     int
		wantCalls  int32
		wantCode   string
	}{
		{"throttled", `<Response><Errors><Error><Code>RequestLimitExceeded</Code><Message>slow down</Message></Error></Errors></Response>`, 503, maxAttempts, ""},
		{"unknown call", `<!doctype html><title>500 Internal Server Error</title>`, 500, 1, inventory.CodeNotImplemented},
		{"refused", `<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>no</Message></Error></Errors></Response>`, 403, 1, "UnauthorizedOperation"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var calls atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				calls.Add(1)
				w.WriteHeader(tc.status)
				_, _ = io.WriteString(w, tc.body)
			}))
			defer server.Close()
			cfg := (&mototest.Server{URL: server.URL}).Config(region)
			client := ec2.NewFromConfig(cfg, func(o *ec2.Options) {
				o.Retryer = retry.AddWithMaxBackoffDelay(retryer(o.BaseEndpoint), time.Millisecond)
			})
			_, err := client.DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{})
			if err == nil || calls.Load() != tc.wantCalls {
				t.Errorf("%d calls, %v; want %d and an error", calls.Load(), err, tc.wantCalls)
			}
			if code, _ := refusedWith(err); code != tc.wantCode {
				t.Errorf("refused with %q, want %q (%v)", code, tc.wantCode, err)
			}
		})
	}
}
