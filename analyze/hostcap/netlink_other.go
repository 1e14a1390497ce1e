//go:build !linux

package hostcap

import "net/netip"

// Events is for Linux; elsewhere its error is [ErrNoEvents].
func Events(func(netip.Addr) bool) (events <-chan Socket, lost func() int64, stop func() error, err error) {
	return nil, nil, nil, ErrNoEvents
}

func overrun(error) bool { return false }
