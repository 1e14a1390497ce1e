package awscollect

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/flowcover/flowcover/topology/awscollect/internal/inventory"
)

// Unreachable is the code of a call that was not made: its service's endpoint
// cannot be reached from here.
const Unreachable = inventory.CodeUnreachable

// maxConnects is how often a connection to a service is tried that a snapshot
// can do without. Each may take the half minute until a dial gives up.
const maxConnects = 3

// UnreachableError is a service that nothing works without and that gave no answer.
type UnreachableError struct {
	Service, Region string
	Err             error
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("%s in %s cannot be reached, and no snapshot can be made without it: is %s a Region, and does a proxy (HTTPS_PROXY), "+
		"a VPC endpoint or --endpoint-url lead to it from here? Or let somebody who reaches it run scripts/export-account and use snapshot --from-dir: %v",
		e.Service, e.Region, e.Region, e.Err)
}

func (e *UnreachableError) Unwrap() error { return e.Err }

// unreachable says whether a request got no answer at all: no name, no
// connection, or one that broke.
func unreachable(err error) bool {
	var sent *smithyhttp.RequestSendError
	return errors.As(err, &sent)
}

// unconnected says whether there was not even a connection.
func unconnected(err error) bool {
	var name *net.DNSError
	var op *net.OpError
	return unreachable(err) && (errors.As(err, &name) || errors.As(err, &op) && (op.Op == "dial" || op.Op == "proxyconnect"))
}

// optional says whether an error is of a service that a snapshot can do without.
func optional(err error) bool {
	var op *smithy.OperationError
	return errors.As(err, &op) && op.ServiceID != ec2.ServiceID
}

// impatient is a retryer that soon gives up an endpoint without a connection,
// but waits as long as any for one that is busy.
type impatient struct{ *retry.Standard }

func (i impatient) RetryDelay(attempt int, err error) (time.Duration, error) {
	if attempt >= maxConnects && unconnected(err) {
		return 0, err
	}
	return i.Standard.RetryDelay(attempt, err)
}

func soonRetryer(endpoint *string) aws.Retryer { return impatient{retryer(endpoint)} }

// gate keeps a client from calling an endpoint again that could not be reached:
// a thousand VPCs would each wait for the same dial. It is safe for concurrent use.
type gate struct {
	mu     sync.Mutex
	closed error
}

func (g *gate) failed() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closed
}

func (g *gate) add(stack *middleware.Stack) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("flowcoverGate",
		func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			if err := g.failed(); err != nil {
				return middleware.InitializeOutput{}, middleware.Metadata{}, err
			}
			out, metadata, err := next.HandleInitialize(ctx, in)
			if err != nil && ctx.Err() == nil && unreachable(err) {
				g.mu.Lock()
				g.closed = err
				g.mu.Unlock()
			}
			return out, metadata, err
		}), middleware.Before)
}
