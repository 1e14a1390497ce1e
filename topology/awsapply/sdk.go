package awsapply

import (
	"context"
	"errors"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// API gives the EC2 of an account's Region. It refuses an account that the
// credentials are not of, with an [*AccountError].
type API interface {
	Region(ctx context.Context, account, region string) (EC2, error)
}

// SDK is the API through the AWS SDK.
type SDK struct {
	configs []aws.Config

	mu      sync.Mutex
	callers []string // account of each configuration, once known
	clients map[[2]string]EC2
}

// NewSDK makes an API of one configuration for each account, of which the one
// whose credentials are of the asked account is used.
func NewSDK(configs ...aws.Config) *SDK {
	return &SDK{configs: configs, clients: map[[2]string]EC2{}}
}

// Region implements [API].
func (s *SDK) Region(ctx context.Context, account, region string) (EC2, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := [2]string{account, region}
	if c, ok := s.clients[key]; ok {
		return c, nil
	}
	if s.callers == nil {
		callers, err := s.identify(ctx, region)
		if err != nil {
			return nil, err
		}
		s.callers = callers
	}
	for i, caller := range s.callers {
		if caller == account {
			c := ec2.NewFromConfig(s.configs[i], func(o *ec2.Options) {
				o.Region, o.Retryer = region, patient(o.BaseEndpoint)
			})
			s.clients[key] = c
			return c, nil
		}
	}
	caller := ""
	if len(s.callers) > 0 {
		caller = s.callers[0]
	}
	return nil, &AccountError{Want: account, Caller: caller}
}

func (s *SDK) identify(ctx context.Context, region string) ([]string, error) {
	out := make([]string, 0, len(s.configs))
	for _, cfg := range s.configs {
		cfg.Region = region
		if cfg.Credentials == nil {
			return nil, &CredentialsError{Err: errors.New("the configuration has none")}
		}
		if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
			return nil, &CredentialsError{Err: err}
		}
		who, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		if err != nil {
			return nil, &CredentialsError{Err: err}
		}
		out = append(out, aws.ToString(who.Account))
	}
	return out, nil
}

// patient tries a call ten times. A server that stands in for AWS answers a
// call that it does not know with a page, at once and for good.
func patient(endpoint *string) aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = 10
		if endpoint != nil {
			o.Retryables = append([]retry.IsErrorRetryable{retry.IsErrorRetryableFunc(func(err error) aws.Ternary {
				if code(err) == "" && unavailable(err) {
					return aws.FalseTernary
				}
				return aws.UnknownTernary
			})}, o.Retryables...)
		}
	})
}
