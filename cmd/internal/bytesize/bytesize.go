// Package bytesize reads numbers of bytes as people write them.
package bytesize

import (
	"fmt"
	"strconv"
	"strings"
)

// Parse reads 512MiB, 1GB, 4096; empty is 0.
func Parse(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	digits := strings.TrimRight(s, "KMGTiBkb")
	units := map[string]int64{
		"": 1, "B": 1, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
		"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
	}
	unit, known := units[s[len(digits):]]
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || !known || n < 1 || n > (1<<62)/unit {
		return 0, fmt.Errorf("%q is no size; want bytes with a unit such as 512MiB or 2GiB", s)
	}
	return n * unit, nil
}
