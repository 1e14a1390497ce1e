package awsapply

import (
	"testing"
	"time"
)

// A bucket of forty writes is there at once, then four come each second.
func TestWritesArePaced(t *testing.T) {
	c := newClock()
	p := newPace(c, 0)
	write := func(action string, n int, want time.Duration) {
		t.Helper()
		for range n {
			if err := p.wait(t.Context(), action); err != nil {
				t.Fatal(err)
			}
		}
		if c.slept != want {
			t.Errorf("after %d writes of %s the pauses are %v, want %v", n, action, c.slept, want)
		}
	}
	write("add", 40, 0)
	write("add", 8, 2*time.Second)
	write("remove", 40, 2*time.Second)
	c.now = c.now.Add(time.Second)
	write("add", 4, 2*time.Second)
	write("add", 4, 3*time.Second)
	p = newPace(c, 20)
	write("add", 60, 4*time.Second)
}
