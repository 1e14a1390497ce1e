package rollup

import (
	"context"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/analyze/source"
)

// testWindow is the window of threeDays, for the process that kills itself too.
func testWindow() analyze.Window {
	day := func(d int) time.Time { return time.Date(2026, 9, d, 0, 0, 0, 0, time.UTC) }
	return analyze.Window{Since: day(9), Until: day(12), Location: time.UTC}
}

// killing is a state at whose n-th write the process dies.
type killing struct {
	source.Bucket
	left *int
}

func (k killing) Put(ctx context.Context, key string, body io.ReadSeeker) error {
	if *k.left--; *k.left == 0 {
		p, err := os.FindProcess(os.Getpid())
		if err == nil {
			err = p.Signal(syscall.SIGKILL)
		}
		if err != nil {
			return err
		}
		select {} // until the signal arrives
	}
	return k.Bucket.Put(ctx, key, body)
}

// fullDisk is a store whose objects cannot be staged.
type fullDisk struct{ source.Bucket }

func (fullDisk) Local(string) (string, bool) { return "", false }

func (fullDisk) Open(context.Context, source.Object) (io.ReadCloser, error) {
	return nil, &os.PathError{Op: "write", Path: "stage", Err: syscall.ENOSPC}
}
