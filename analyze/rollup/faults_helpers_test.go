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

// fullDisk is a store whose objects cannot be staged.
type fullDisk struct{ source.Bucket }

func (fullDisk) Local(string) (string, bool) { return "", false }

func (fullDisk) Open(context.Context, source.Object) (io.ReadCloser, error) {
	return nil, &os.PathError{Op: "write", Path: "stage", Err: syscall.ENOSPC}
}
