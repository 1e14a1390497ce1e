package hostcap

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"
)

const (
	netlinkNetfilter = 12      // NETLINK_NETFILTER
	groupNew         = 1 << 0  // NFNLGRP_CONNTRACK_NEW
	eventBuffer      = 4 << 20 // bytes that the kernel may hold for us
)

// Events hears of each connection that the kernel begins to track, as seen from
// a host with the given addresses. The channel closes after stop, or when the
// kernel says no more; lost counts the times that the kernel had to drop some.
// The error is or wraps [ErrNoEvents].
func Events(own func(netip.Addr) bool) (events <-chan Socket, lost func() int64, stop func() error, err error) {
	fd, err := syscall.Socket(syscall.AF_NETLINK, syscall.SOCK_RAW|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, netlinkNetfilter)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("%w: %w", ErrNoEvents, err)
	}
	// More than the default, so that a burst is not lost; less is no failure.
	_ = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_RCVBUF, eventBuffer)
	if err := syscall.Bind(fd, &syscall.SockaddrNetlink{Family: syscall.AF_NETLINK, Groups: groupNew}); err != nil {
		return nil, nil, nil, fmt.Errorf("%w: %w", ErrNoEvents, errors.Join(err, syscall.Close(fd)))
	}
	h := &hearer{f: os.NewFile(uintptr(fd), "netlink"), out: make(chan Socket, 4096), quit: make(chan struct{}), done: make(chan struct{})}
	go h.run(own)
	return h.out, h.lost.Load, h.stop, nil
}

// overrun: the kernel dropped events because we were too slow; it goes on.
func overrun(err error) bool { return errors.Is(err, syscall.ENOBUFS) }
