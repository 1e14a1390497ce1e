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

// EC2 gives each account and Region a bucket of fifty calls of each API action
// and refills five a second (EC2 developer guide, request throttling). Others write
// as well, so that a run leaves them some of both.
const (
	writesAtOnce    = 40
	writesPerSecond = 4
)

// pace spaces the calls of each API action.
type pace struct {
	clock Clock
	one   time.Duration // between two writes
	// free is when the action's bucket is full again, as far as this run knows.
	free map[string]time.Time
}

// newPace makes one of so many writes a second; 0: writesPerSecond.
func newPace(c Clock, perSecond int) *pace {
	if perSecond <= 0 {
		perSecond = writesPerSecond
	}
	return &pace{clock: c, one: time.Second / time.Duration(perSecond), free: map[string]time.Time{}}
}

// wait returns when a call of this action may be made.
func (p *pace) wait(ctx context.Context, action string) error {
	now := p.clock.Now()
	free := p.free[action]
	if free.Before(now) {
		free = now
	}
	free = free.Add(p.one)
	p.free[action] = free
	if early := free.Sub(now) - writesAtOnce*p.one; early > 0 {
		return p.clock.Sleep(ctx, early)
	}
	return ctx.Err()
}
