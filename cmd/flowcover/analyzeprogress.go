package main

import (
	"fmt"
	"time"

	"github.com/flowcover/flowcover/analyze/rollup"
	"github.com/flowcover/flowcover/cmd/internal/command"
)

// fillProgress says how far the reading of flow logs is, how fast it goes and
// how long it may take still. What stood already counts for neither.
type fillProgress struct {
	show  *command.Progress
	now   func() time.Time
	start time.Time
	pace  int64 // records a second
}

func (f *fillProgress) tell(p rollup.Progress) {
	now := f.now()
	if f.start.IsZero() || p.BytesDone == p.Stood { // nothing was read yet
		f.start = now
	}
	took := now.Sub(f.start).Seconds()
	left := time.Duration(-1)
	if read := p.BytesDone - p.Stood; read > 0 && took > 0 {
		left = time.Duration(took * float64(p.Bytes-p.BytesDone) / float64(read) * float64(time.Second)).Round(time.Second)
		if n := p.Records - p.StoodRecords; n > 0 {
			f.pace = int64(float64(n) / took)
		}
	}
	text := fmt.Sprintf("%d/%d days  %d/%d objects  %s of %s", p.UnitsDone, p.Units, p.ObjectsDone, p.Objects, sizeText(p.BytesDone), sizeText(p.Bytes))
	attrs := []any{
		"days", p.UnitsDone, "days_total", p.Units, "objects", p.ObjectsDone, "objects_total", p.Objects,
		"bytes", p.BytesDone, "bytes_total", p.Bytes, "records", p.Records, "bytes_moved", p.Moved, "requests_retried", p.Retried,
	}
	if f.pace > 0 {
		text += "  " + short(fmt.Sprint(f.pace)) + " records/s"
		attrs = append(attrs, "records_per_second", f.pace)
	}
	if left >= 0 {
		text += "  " + left.String() + " left"
		attrs = append(attrs, "seconds_left", int64(left.Seconds()))
	}
	f.show.Tell("read", text, attrs...)
}
