package hostcap

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Sampler takes samples of a Linux host's sockets from its /proc. It is not
// safe for concurrent use.
type Sampler struct {
	// Root is where proc is mounted; empty: /proc.
	Root string
	// Processes: find out which process holds a socket. It reads every process's
	// open files, which without the right shows the user's own only.
	Processes bool

	owners map[uint64]owner
	open   func(string) (io.ReadCloser, error) // nil: os.Open
}

type owner struct {
	name string
	pid  int
}

// Sample lists the sockets of TCP and UDP, both families, at this moment. A
// family that the kernel lacks is left out.
func (s *Sampler) Sample() ([]Socket, error) {
	root := s.Root
	if root == "" {
		root = "/proc"
	}
	var out []Socket
	var inodes []uint64
	add := func(k Socket, inode uint64) bool {
		out = append(out, k)
		inodes = append(inodes, inode)
		return true
	}
	read := 0
	for _, name := range []string{"tcp", "tcp6", "udp", "udp6"} {
		known, err := s.table(filepath.Join(root, "net", name), add)
		if err != nil {
			return nil, err
		}
		if known {
			read++
		}
	}
	if read == 0 {
		return nil, fmt.Errorf("%s: no tcp, tcp6, udp or udp6 there: this is no Linux host, or proc is not mounted", filepath.Join(root, "net"))
	}
	// The kernel lists what listens before what is connected. Who began to listen
	// in between, and has a connection already, is found by reading the first part
	// again; else the connection would look like one that this host opened.
	known := map[uint64]bool{}
	for _, i := range inodes {
		known[i] = true
	}
	for _, name := range []string{"tcp", "tcp6"} {
		_, err := s.table(filepath.Join(root, "net", name), func(k Socket, inode uint64) bool {
			return k.State == Listening && (known[inode] || add(k, inode))
		})
		if err != nil {
			return nil, err
		}
	}
	if s.Processes {
		s.name(root, out, inodes)
	}
	return out, nil
}

// table reads one of the kernel's tables; known is whether it has it.
func (s *Sampler) table(file string, each func(Socket, uint64) bool) (known bool, err error) {
	open := s.open
	if open == nil {
		open = func(name string) (io.ReadCloser, error) { return os.Open(name) }
	}
	f, err := open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := errors.Join(readProcNet(f, each), f.Close()); err != nil {
		return false, fmt.Errorf("%s: %w", file, err)
	}
	return true, nil
}

// name adds the processes. Processes that end meanwhile are passed over.
func (s *Sampler) name(root string, socks []Socket, inodes []uint64) {
	missing := false
	for _, i := range inodes {
		if _, ok := s.owners[i]; !ok && i != 0 {
			missing = true
			break
		}
	}
	if missing {
		s.owners = owners(root)
		for _, i := range inodes {
			if _, ok := s.owners[i]; !ok {
				s.owners[i] = owner{} // asked and not known: do not look again for it
			}
		}
	}
	for k := range socks {
		o := s.owners[inodes[k]]
		socks[k].Process, socks[k].PID = o.name, o.pid
	}
}

// owners reads /proc/PID/fd of every process that it may.
func owners(root string) map[uint64]owner {
	out := map[uint64]owner{}
	procs, err := os.ReadDir(root)
	if err != nil {
		return out
	}
	for _, p := range procs {
		pid, err := strconv.Atoi(p.Name())
		if err != nil {
			continue
		}
		dir := filepath.Join(root, p.Name(), "fd")
		fds, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		name := ""
		for _, fd := range fds {
			to, err := os.Readlink(filepath.Join(dir, fd.Name()))
			if err != nil {
				continue
			}
			text, ok := strings.CutPrefix(to, "socket:[")
			if !ok {
				continue
			}
			inode, err := strconv.ParseUint(strings.TrimSuffix(text, "]"), 10, 64)
			if err != nil {
				continue
			}
			if name == "" {
				if comm, err := os.ReadFile(filepath.Join(root, p.Name(), "comm")); err == nil {
					name = strings.TrimSpace(string(comm))
				}
			}
			if _, ok := out[inode]; !ok {
				out[inode] = owner{name, pid}
			}
		}
	}
	return out
}
