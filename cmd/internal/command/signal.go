package command

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// Stopped is the cause of a context that a signal ended.
type Stopped struct{ Signal syscall.Signal }

func (s Stopped) Error() string { return "stopped by " + s.Signal.String() }

// ExitCode is 128 and the signal's number.
func (s Stopped) ExitCode() int { return 128 + int(s.Signal) }

// WithSignals gives a context that ends at the first SIGINT or SIGTERM. The
// second ends the process at once: somebody does not want to wait.
func WithSignals(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	ch := make(chan os.Signal, 2)
	signal.Notify(ch, syscall.SIGINT, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		for n := 0; ; n++ {
			select {
			case <-done:
				return
			case got := <-ch:
				sig, ok := got.(syscall.Signal)
				if !ok {
					continue
				}
				if n > 0 {
					os.Exit(Stopped{sig}.ExitCode())
				}
				_, _ = fmt.Fprintf(os.Stderr, "flowcover: %s, stopping (once more: at once)\n", Stopped{sig})
				cancel(Stopped{sig})
			}
		}
	}()
	return ctx, func() {
		signal.Stop(ch)
		close(done)
		cancel(nil)
	}
}
