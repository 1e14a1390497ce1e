package command

import (
	"context"
	"errors"
	"testing"
)

func TestLeave(t *testing.T) {
	if n, err := Leave(context.Background(), func() int { return 3 }); n != 3 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	end := make(chan struct{})
	defer close(end)
	n, err := Leave(ctx, func() int {
		cancel()
		<-end // never, as far as the caller is concerned
		return 3
	})
	if n != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("%d, %v", n, err)
	}
}
