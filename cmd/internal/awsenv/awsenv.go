// Package awsenv makes the AWS configuration that the commands share: the
// usual environment, profile and role, with an endpoint of one's own if given.
package awsenv

import (
	"context"
	"fmt"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
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
