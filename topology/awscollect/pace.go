package awscollect

import (
	"context"
	"sync"
	"time"

	"github.com/aws/smithy-go/middleware"
)

// EC2 gives each account, Region and kind of reading call a bucket of 100 that
// fills by 20 a second; Route 53 takes 5 calls a second from an account, of
// whatever kind. flowcover stays below both, for others call too.
var (
	ec2Pace     = pace{every: time.Second / 15, burst: 60}
	route53Pace = pace{every: time.Second / 4, burst: 4}
)

// pace is how often a call may be made.
type pace struct {
	every time.Duration
	burst int
}

// paces keeps the buckets of one reading. It is safe for concurrent use.
type paces struct {
	mu      sync.Mutex
	buckets map[string]*bucket
}

func newPaces() *paces { return &paces{buckets: map[string]*bucket{}} }

// of gives the bucket of a name, the same for all who ask.
func (p *paces) of(name string, at pace) *bucket {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.buckets[name]
	if b == nil {
		b = &bucket{pace: at, now: time.Now, sleep: sleep}
		p.buckets[name] = b
	}
	return b
}

// slow makes every attempt of a client's calls wait for its turn, retries too.
// name tells calls apart that have a bucket each: it is given the operation.
func (p *paces) slow(at pace, name func(operation string) string) func(*middleware.Stack) error {
	return func(stack *middleware.Stack) error {
		return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("flowcoverPace",
			func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
				if err := p.of(name(middleware.GetOperationName(ctx)), at).wait(ctx); err != nil {
					return middleware.FinalizeOutput{}, middleware.Metadata{}, err
				}
				return next.HandleFinalize(ctx, in)
			}), "Retry", middleware.After)
	}
}

// bucket hands out turns: burst at once, then one every so often.
type bucket struct {
	pace
	now   func() time.Time
	sleep func(context.Context, time.Duration) error

	mu   sync.Mutex
	next time.Time // when the bucket would have been empty, had it no burst
}

// wait returns when it is the caller's turn, or with the context's error.
func (b *bucket) wait(ctx context.Context) error {
	b.mu.Lock()
	now := b.now()
	if full := now.Add(-time.Duration(b.burst-1) * b.every); b.next.Before(full) {
		b.next = full
	}
	at := b.next
	b.next = at.Add(b.every)
	b.mu.Unlock()
	if d := at.Sub(now); d > 0 {
		return b.sleep(ctx, d)
	}
	return ctx.Err()
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
