package command

import "context"

// Leave returns what f does, or the context's error as soon as that ends: f is
// left to the end of the process then. It is for computing that looks at no
// context, and has no effect but its result.
func Leave[T any](ctx context.Context, f func() T) (T, error) {
	done := make(chan T, 1)
	go func() { done <- f() }()
	select {
	case v := <-done:
		return v, nil
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}
