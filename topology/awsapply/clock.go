package awsapply

import (
	"context"
	"time"
)

// Clock tells and waits. Tests bring one that does not wait.
type Clock interface {
	Now() time.Time
	// Sleep waits for d or until ctx ends, and then gives its error.
	Sleep(ctx context.Context, d time.Duration) error
}

// systemClock is the machine's own.
type systemClock struct{}

func (systemClock) Now() time.Time { return time.Now() }

func (systemClock) Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// writesPerSecond is how often one kind of write is made. EC2 refills five a
// second for an account and Region (aws-facts 6.5), and others write as well.
const writesPerSecond = 4

// pace spaces the calls of each kind.
type pace struct {
	clock Clock
	next  map[string]time.Time
}

func newPace(c Clock) *pace { return &pace{clock: c, next: map[string]time.Time{}} }

// wait returns when a call of this kind may be made.
func (p *pace) wait(ctx context.Context, kind string) error {
	now := p.clock.Now()
	at := p.next[kind]
	if at.Before(now) {
		at = now
	}
	p.next[kind] = at.Add(time.Second / writesPerSecond)
	if at.After(now) {
		return p.clock.Sleep(ctx, at.Sub(now))
	}
	return ctx.Err()
}
