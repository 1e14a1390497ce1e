// Package awsenv makes the AWS configuration that the commands share: the
// usual environment, profile and role, with an endpoint of one's own if given.
package awsenv

import (
	"context"
	"fmt"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// Load reads AWS's usual environment. region and endpoint go before what it
// says where they are not empty. Whoever uses S3 addresses it path style when
// an endpoint is set.
func Load(ctx context.Context, region, endpoint string) (aws.Config, error) {
	if endpoint != "" {
		if u, err := url.Parse(endpoint); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return aws.Config{}, fmt.Errorf("--endpoint-url %q: want a URL such as https://vpce-1.s3.ap-northeast-2.vpce.amazonaws.com", endpoint)
		}
	}
	var opts []func(*config.LoadOptions) error
	if region != "" {
		opts = append(opts, config.WithRegion(region))
	}
	cfg, err := config.LoadDefaultConfig(ctx, opts...)
	if err != nil {
		return aws.Config{}, fmt.Errorf("read the AWS configuration: %w", err)
	}
	if endpoint != "" {
		cfg.BaseEndpoint = aws.String(endpoint)
	}
	return cfg, nil
}

// LoadRoles gives a configuration for each role, assumed with the usual
// credentials; without roles those credentials themselves.
func LoadRoles(ctx context.Context, region, endpoint string, roles []string) ([]aws.Config, error) {
	base, err := Load(ctx, region, endpoint)
	if err != nil {
		return nil, err
	}
	if len(roles) == 0 {
		return []aws.Config{base}, nil
	}
	client := sts.NewFromConfig(base)
	var out []aws.Config
	for _, role := range roles {
		cfg := base.Copy()
		cfg.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(client, role, func(o *stscreds.AssumeRoleOptions) {
			o.RoleSessionName = "flowcover"
		}))
		out = append(out, cfg)
	}
	return out, nil
}
