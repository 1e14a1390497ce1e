//go:build unix

package rollup

import (
	"io/fs"
	"syscall"
)

// onDisk is what a file takes on the disk: a hole takes nothing.
func onDisk(d fs.DirEntry) int64 {
	info, err := d.Info()
	if err != nil {
		return 0
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Blocks * 512
	}
	return info.Size()
}
