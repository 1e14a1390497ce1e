package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/flowcover/flowcover/cmd/internal/command"
	"github.com/flowcover/flowcover/cmd/internal/config"
)

// Flags that several verbs share.

func jsonFlag() command.Flag {
	return command.Flag{Name: "json", Type: command.Bool, Usage: "print JSON for programs, with a versioned format field"}
}

const maxAgeDays = 3650

// parseAge reads a length of time: a number of days (14d), or Go's own (12h).
func parseAge(s string) (time.Duration, error) {
	var d time.Duration
	var err error
	if days, ok := strings.CutSuffix(s, "d"); ok {
		var n int
		n, err = strconv.Atoi(days)
		if n > maxAgeDays { // before the product overflows
			n = maxAgeDays + 1
		}
		d = time.Duration(n) * 24 * time.Hour
	} else {
		d, err = time.ParseDuration(s)
	}
	if err != nil || d < time.Second || d > maxAgeDays*24*time.Hour {
		return 0, fmt.Errorf("%q is no length of time; want days such as 14d, or hours such as 12h, up to 3650d", s)
	}
	return d, nil
}

// expandHome does what a shell does with a leading ~/, for values from a file
// or a variable.
func expandHome(path string) string {
	rest, ok := strings.CutPrefix(path, "~/")
	if !ok {
		return path
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return path
	}
	return filepath.Join(home, rest)
}

// snapshotKey holds every verb's snapshots: one key, so that one file serves all.
const snapshotKey = "snapshot"

func snapshotsFlag(usage string) command.Flag {
	return command.Flag{Name: "snapshot", Hint: "FILE", Type: command.Strings, Kind: config.List, Key: snapshotKey, Usage: usage}
}

func oneSnapshotFlag() command.Flag {
	return snapshotsFlag("snapshot file, as flowcover snapshot writes it")
}

func firstOf(s []string) string {
	if len(s) == 0 {
		return ""
	}
	return s[0]
}

func regionFlag() command.Flag {
	return command.Flag{
		Name: "region", Hint: "REGION", Type: command.Strings, Kind: config.List, Key: "region",
		Usage: "AWS Region; without it AWS_REGION or the profile's",
	}
}

func roleFlag(usage string) command.Flag {
	return command.Flag{Name: "role-arn", Hint: "ARN", Type: command.Strings, Kind: config.List, Key: "role-arn", Usage: usage}
}

func endpointFlag() command.Flag {
	return command.Flag{
		Name: "endpoint-url", Hint: "URL", Key: "endpoint-url", Env: []string{"AWS_ENDPOINT_URL"},
		Usage: "call this endpoint in place of AWS's; S3 is then addressed path style",
	}
}
