package awscollect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"golang.org/x/sync/errgroup"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/awscollect/internal/inventory"
)

// Options say what [FromAPI] reads.
type Options struct {
	// Regions to read; empty: the configuration's own.
	Regions []string
	// Roles are the ARNs of roles to assume, one for each account to read.
	// Empty: the account of the configuration's credentials.
	Roles []string
	// Progress, if set, is told each Region when it has been read. It may be
	// called from several goroutines.
	Progress func(account, region string)
}

// maxAttempts is how often a call is tried: a batch waits rather than fails.
const maxAttempts = 10

// regionsAtOnce and callsAtOnce bound how much is asked side by side; pace.go
// bounds how often.
const (
	regionsAtOnce = 4
	callsAtOnce   = 4
)

// FromAPI reads accounts through AWS's Describe calls.
//
// Errors: [*CredentialsError] where nobody is logged in, [*RefusedError] where
// one of the calls that nothing works without is refused, [*UnreachableError]
// where STS or EC2 cannot be reached. Any other refused call, or one whose
// service cannot be reached, is in the result as not read.
func FromAPI(ctx context.Context, cfg aws.Config, opts Options) (topology.Resources, Report, error) {
	regions := slices.Clone(opts.Regions)
	if len(regions) == 0 && cfg.Region != "" {
		regions = []string{cfg.Region}
	}
	slices.Sort(regions)
	regions = slices.Compact(regions)
	if len(regions) == 0 {
		return topology.Resources{}, Report{}, errors.New("reading the account: no Region is named: use --region, or set AWS_REGION")
	}
	configs, err := assumed(ctx, cfg, opts.Roles, regions[0])
	if err != nil {
		return topology.Resources{}, Report{}, fmt.Errorf("reading the account: %w", err)
	}
	inv, turns := inventory.New(), newPaces()
	var report Report
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(regionsAtOnce)
	for _, c := range configs {
		for _, region := range regions {
			report.Sources = append(report.Sources, Source{Scope: topology.Scope{Account: c.account, Region: region}, From: "api"})
			group.Go(func() error {
				if err := newRegionReader(c.config, c.account, region, inv, turns).read(groupCtx); err != nil {
					return fmt.Errorf("reading the account: %s/%s: %w", c.account, region, err)
				}
				if opts.Progress != nil {
					opts.Progress(c.account, region)
				}
				return nil
			})
		}
	}
	if err := group.Wait(); err != nil {
		return topology.Resources{}, report, err
	}
	if err := inv.RefusedCore(); err != nil {
		return topology.Resources{}, report, fmt.Errorf("reading the account: %w", err)
	}
	r, err := inv.Resolve()
	if err != nil {
		return topology.Resources{}, report, fmt.Errorf("reading the account: %w", err)
	}
	return r, report, nil
}

// accountConfig is a configuration with the account that its credentials are of.
type accountConfig struct {
	config  aws.Config
	account string
}

// assumed gives the configurations to read with: the caller's, or one for each role.
func assumed(ctx context.Context, cfg aws.Config, roles []string, region string) ([]accountConfig, error) {
	if cfg.Credentials == nil {
		return nil, &CredentialsError{Err: errors.New("the configuration has none")}
	}
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, &CredentialsError{Err: err}
	}
	cfg.Region = region
	configs := []aws.Config{cfg}
	if len(roles) > 0 {
		configs = configs[:0]
		client := sts.NewFromConfig(cfg)
		for _, role := range roles {
			c := cfg.Copy()
			c.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(client, role, func(o *stscreds.AssumeRoleOptions) {
				o.RoleSessionName = "flowcover-snapshot"
			}))
			configs = append(configs, c)
		}
	}
	out := make([]accountConfig, len(configs))
	for i, c := range configs {
		who, err := sts.NewFromConfig(c, func(o *sts.Options) { o.Retryer = soonRetryer(o.BaseEndpoint) }).
			GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case unreachable(err):
			return nil, &UnreachableError{Service: "STS", Region: region, Err: err}
		case err != nil && len(roles) > 0:
			return nil, fmt.Errorf("assuming the role %s: %w", roles[i], err)
		case err != nil:
			return nil, &CredentialsError{Err: err}
		}
		out[i] = accountConfig{c, aws.ToString(who.Account)}
	}
	return out, nil
}

// CredentialsError says that AWS does not know who asks.
type CredentialsError struct{ Err error }

func (e *CredentialsError) Error() string {
	return fmt.Sprintf("no usable AWS credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or log in (aws sso login), "+
		"or read an export with snapshot --from-dir: %v", e.Err)
}

func (e *CredentialsError) Unwrap() error { return e.Err }

// retryer tries a call often. A server that stands in for AWS (an endpoint was
// set) answers a call that it does not know with a page, at once and for good.
func retryer(endpoint *string) *retry.Standard {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = maxAttempts
		if endpoint != nil {
			known := retry.IsErrorRetryableFunc(func(err error) aws.Ternary {
				if notAnAnswer(err) {
					return aws.FalseTernary
				}
				return aws.UnknownTernary
			})
			o.Retryables = append([]retry.IsErrorRetryable{known}, o.Retryables...)
		}
	})
}

// notAnAnswer says whether the error is a page that no AWS service sends: a
// server's error, or an unknown path or method, with no AWS error inside.
func notAnAnswer(err error) bool {
	var status interface{ HTTPStatusCode() int }
	if !errors.As(err, &status) || !slices.Contains([]int{404, 405, 500, 501}, status.HTTPStatusCode()) {
		return false
	}
	var api smithy.APIError
	return !errors.As(err, &api) || api.ErrorCode() == "UnknownError" || api.ErrorCode() == ""
}

// refusedCodes are the answers to a call that may not, or cannot, be made.
var refusedCodes = map[string]bool{
	"UnauthorizedOperation": true, "AccessDenied": true, "AccessDeniedException": true, "AuthorizationError": true,
	"NotAuthorized": true, "InvalidAction": true, "UnknownOperation": true, "UnknownOperationException": true, "NotImplemented": true, "NotImplementedException": true,
	"UnsupportedOperation": true, "UnsupportedOperationException": true,
	"OptInRequired": true, "SubscriptionRequiredException": true,
}

// credentialCodes are the answers to credentials that AWS does not take.
var credentialCodes = map[string]bool{
	"AuthFailure": true, "InvalidClientTokenId": true, "ExpiredToken": true, "ExpiredTokenException": true, "RequestExpired": true,
	"UnrecognizedClientException": true, "SignatureDoesNotMatch": true, "InvalidSignatureException": true, "MissingAuthenticationToken": true,
}

// refusedWith gives the code with which a call was refused.
func refusedWith(err error) (string, bool) {
	if notAnAnswer(err) {
		return inventory.CodeNotImplemented, true
	}
	var api smithy.APIError
	if errors.As(err, &api) && refusedCodes[api.ErrorCode()] {
		return api.ErrorCode(), true
	}
	return "", false
}

// goneCode says whether a code tells that what a call is about is gone.
func goneCode(code string) bool {
	return strings.HasSuffix(code, "NotFound") || code == "InvalidVPCId" || code == "NoSuchHostedZone"
}

// regionReader reads one Region of one account.
type regionReader struct {
	scope   topology.Scope
	inv     *inventory.Inventory
	ec2     ec2API
	elb     elbAPI
	rds     rds.DescribeDBInstancesAPIClient
	quotas  quotaAPI
	route53 zoneAPI
}

func newRegionReader(cfg aws.Config, account, region string, inv *inventory.Inventory, turns *paces) *regionReader {
	return &regionReader{
		scope: topology.Scope{Account: account, Region: region},
		inv:   inv,
		ec2: ec2.NewFromConfig(cfg, func(o *ec2.Options) {
			o.Region, o.Retryer = region, retryer(o.BaseEndpoint)
			o.APIOptions = append(o.APIOptions, turns.slow(ec2Pace, func(call string) string { return account + " " + region + " " + call }))
		}),
		elb: elb.NewFromConfig(cfg, func(o *elb.Options) {
			o.Region, o.Retryer = region, soonRetryer(o.BaseEndpoint)
			o.APIOptions = append(o.APIOptions, (&gate{}).add)
		}),
		rds: rds.NewFromConfig(cfg, func(o *rds.Options) {
			o.Region, o.Retryer = region, soonRetryer(o.BaseEndpoint)
			o.APIOptions = append(o.APIOptions, (&gate{}).add)
		}),
		route53: route53.NewFromConfig(cfg, func(o *route53.Options) {
			o.Region, o.Retryer = region, soonRetryer(o.BaseEndpoint)
			o.APIOptions = append(o.APIOptions, (&gate{}).add, turns.slow(route53Pace, func(string) string { return account + " route53" }))
		}),
		quotas: servicequotas.NewFromConfig(cfg, func(o *servicequotas.Options) {
			o.Region, o.Retryer = region, soonRetryer(o.BaseEndpoint)
			o.APIOptions = append(o.APIOptions, (&gate{}).add)
		}),
	}
}

func (r *regionReader) origin(call string) *inventory.Origin {
	place := r.scope.Account + "/" + r.scope.Region
	return &inventory.Origin{Source: place + " " + call, Folder: place, Hint: r.scope}
}

// judge turns the error of a call into a refusal on record, or an error.
func (r *regionReader) judge(ctx context.Context, t task, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if code, ok := refusedWith(err); ok {
		r.inv.Refuse(inventory.Refusal{Account: r.scope.Account, Region: r.scope.Region, Call: t.call, Code: code}, r.origin(t.call))
		return nil
	}
	var api smithy.APIError
	if errors.As(err, &api) && t.parent != "" && goneCode(api.ErrorCode()) {
		r.inv.Refuse(inventory.Refusal{Account: r.scope.Account, Region: r.scope.Region, Call: t.call, Code: api.ErrorCode(), Parent: t.parent}, r.origin(t.call))
		return nil
	}
	if errors.As(err, &api) && credentialCodes[api.ErrorCode()] {
		return &CredentialsError{Err: err}
	}
	if unreachable(err) {
		if !optional(err) {
			return &UnreachableError{Service: "EC2", Region: r.scope.Region, Err: err}
		}
		r.inv.Refuse(inventory.Refusal{Account: r.scope.Account, Region: r.scope.Region, Call: t.call, Code: Unreachable}, r.origin(t.call))
		return nil
	}
	return fmt.Errorf("%s: %w", t.call, err)
}

// read makes all calls of the Region: those that need nothing first, then those
// for each thing found.
func (r *regionReader) read(ctx context.Context) error {
	for _, phase := range []func() []task{r.lists, r.parts, r.partsOfParts} {
		group, groupCtx := errgroup.WithContext(ctx)
		group.SetLimit(callsAtOnce)
		for _, t := range phase() {
			group.Go(func() error { return r.judge(groupCtx, t, t.run(groupCtx)) })
		}
		if err := group.Wait(); err != nil {
			return err
		}
	}
	return nil
}

// task is one call, with all its pages. parent is what it is about, which may
// be gone by the time of the call.
type task struct {
	call   string
	parent string
	run    func(ctx context.Context) error
}
