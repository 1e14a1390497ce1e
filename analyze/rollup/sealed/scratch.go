package sealed

import (
	"bufio"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const (
	scratchPrefix = "flowcover-scratch-"
	lockName      = "lock"
)

// makeScratch makes a folder and a lock in it, held as long as the file is open.
func makeScratch(parent string) (string, *os.File, error) {
	dir, err := os.MkdirTemp(parent, scratchPrefix)
	if err != nil {
		return "", nil, err
	}
	// The name comes last: a lock that is there is held or stale.
	f, err := os.OpenFile(filepath.Join(dir, lockName+".new"), os.O_CREATE|os.O_RDWR, 0o644)
	if err == nil {
		// A file system without locks does without.
		_ = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		err = os.Rename(f.Name(), filepath.Join(dir, lockName))
	}
	return dir, f, err
}

// removeStale removes the scratch folders of processes that were killed. What
// cannot be removed is left: it is in nobody's way but the disk's.
func removeStale(parent string) {
	dirs, err := filepath.Glob(filepath.Join(parent, scratchPrefix+"*"))
	if err != nil {
		return
	}
	for _, dir := range dirs {
		f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR, 0)
		if err != nil {
			continue
		}
		if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			_ = os.RemoveAll(dir)
		}
		_ = f.Close()
	}
}

// Bounds of DefaultMemory.
const (
	memoryFloor = 256 << 20
	memoryRoof  = 768 << 20
)

// DefaultMemory is DuckDB's memory limit where none is given: two fifths of what
// this process may use (its cgroup's limit, else the machine's memory), at
// least 256 MiB and at most 1 GiB.
func DefaultMemory() int64 {
	limit := cgroupMemory()
	if limit <= 0 {
		limit = machineMemory()
	}
	if limit <= 0 {
		return memoryFloor
	}
	return min(max(limit*2/5, memoryFloor), memoryRoof)
}

// cgroupMemory is the least memory limit of this process's cgroups, 0 if none.
func cgroupMemory() int64 {
	least := int64(0)
	read := func(path string) {
		b, err := os.ReadFile(path)
		if err != nil {
			return
		}
		n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
		if err == nil && n > 0 && n < 1<<60 && (least == 0 || n < least) {
			least = n
		}
	}
	const v2, v1 = "/sys/fs/cgroup", "/sys/fs/cgroup/memory"
	read(filepath.Join(v2, "memory.max"))
	read(filepath.Join(v1, "memory.limit_in_bytes"))
	b, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return least
	}
	for _, line := range strings.Split(string(b), "\n") {
		p := strings.SplitN(line, ":", 3)
		if len(p) != 3 {
			continue
		}
		for dir := p[2]; dir != "/" && dir != "." && dir != ""; dir = filepath.Dir(dir) {
			switch p[1] {
			case "":
				read(filepath.Join(v2, dir, "memory.max"))
			case "memory":
				read(filepath.Join(v1, dir, "memory.limit_in_bytes"))
			}
		}
	}
	return least
}

func machineMemory() int64 {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0
	}
	defer func() { _ = f.Close() }()
	s := bufio.NewScanner(f)
	for s.Scan() {
		w := strings.Fields(s.Text())
		if len(w) >= 2 && w[0] == "MemTotal:" {
			n, err := strconv.ParseInt(w[1], 10, 64)
			if err != nil {
				return 0
			}
			return n << 10
		}
	}
	return 0
}
