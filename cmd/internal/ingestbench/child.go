package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// child runs this program again, as a process of its own, so that its memory
// and processor time are those of one ingest.
func (f fillFlags) child(ctx context.Context) (filled, error) {
	var res filled
	self, err := os.Executable()
	if err != nil {
		return res, err
	}
	if err := os.MkdirAll(f.scratch, 0o755); err != nil {
		return res, err
	}
	args := []string{"fill", "-logs", f.logs, "-state", f.state, "-scratch", f.scratch, "-endpoint", f.endpoint, "-since", f.since,
		"-days", strconv.Itoa(f.days), "-threads", strconv.Itoa(f.threads), "-memory", fmt.Sprint(f.memory), "-stage", fmt.Sprint(f.stage)}
	out, use, err := measure(ctx, self, args...)
	if err != nil {
		return res, fmt.Errorf("ingest of %s: %w", f.logs, err)
	}
	if err := json.Unmarshal(out, &res); err != nil {
		return res, err
	}
	res.usage = use
	return res, nil
}

// usage is what a process took.
type usage struct {
	Wall, CPU float64 // seconds
}

// measure runs a command to its end.
func measure(ctx context.Context, name string, args ...string) ([]byte, usage, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), credentials()...)
	cmd.Stderr = os.Stderr
	var out bytes.Buffer
	cmd.Stdout = &out
	began := time.Now()
	err := cmd.Run()
	u := usage{Wall: time.Since(began).Seconds()}
	if st := cmd.ProcessState; st != nil {
		u.CPU = (st.UserTime() + st.SystemTime()).Seconds()
	}
	if err != nil {
		return nil, u, fmt.Errorf("%s: %w", filepath.Base(name), err)
	}
	return out.Bytes(), u, nil
}
