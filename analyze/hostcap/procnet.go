package hostcap

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/topology/netset"
)

// ReadProcNet reads a copy of /proc/net/tcp, tcp6, udp or udp6. The kernel's
// header line tells TCP from UDP.
func ReadProcNet(r io.Reader) (*analyze.Capture, error) {
	var sample []Socket
	if err := readProcNet(r, func(s Socket, _ uint64) bool {
		sample = append(sample, s)
		return true
	}); err != nil {
		return nil, err
	}
	var rec Recorder
	rec.Add(time.Time{}, sample)
	return rec.Capture(), nil
}

// The kernel's states of include/net/tcp_states.h.
const (
	stEstablished = 1
	stSynSent     = 2
	stSynRecv     = 3
	stClose       = 7 // also a UDP socket that is not connected
	stListen      = 10
	stNewSynRecv  = 12
)

// readProcNet gives each socket with its inode, which leads to its process.
// Several files may follow each other, each with its header. It ends where each
// says no.
func readProcNet(r io.Reader, each func(Socket, uint64) bool) error {
	s := newScanner(r)
	proto := netset.Protocol(0)
	for n := 1; s.Scan(); n++ {
		w := strings.Fields(s.Text())
		if len(w) == 0 {
			continue
		}
		if w[0] == "sl" {
			proto = netset.TCP
			if strings.Contains(s.Text(), "drops") {
				proto = netset.UDP
			}
			continue
		}
		if proto == 0 {
			return fmt.Errorf("line %d: no header line before it: TCP cannot be told from UDP", n)
		}
		sock, inode, err := procLine(proto, w)
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		if sock != nil && !each(*sock, inode) {
			return nil
		}
	}
	return s.Err()
}

func procLine(proto netset.Protocol, w []string) (*Socket, uint64, error) {
	if len(w) < 10 {
		return nil, 0, fmt.Errorf("%d columns: want at least 10", len(w))
	}
	s := &Socket{Protocol: proto}
	var err error
	if s.Local, s.LocalPort, err = hexAddress(w[1]); err != nil {
		return nil, 0, err
	}
	if s.Peer, s.PeerPort, err = hexAddress(w[2]); err != nil {
		return nil, 0, err
	}
	st, err := strconv.ParseUint(w[3], 16, 8)
	if err != nil {
		return nil, 0, fmt.Errorf("state %q: want two hex digits", w[3])
	}
	inode, err := strconv.ParseUint(w[9], 10, 64)
	if err != nil {
		return nil, 0, fmt.Errorf("inode %q: want a number", w[9])
	}
	switch {
	case st == stListen, st == stClose && proto == netset.UDP:
		s.State, s.Peer, s.PeerPort = Listening, netip.Addr{}, analyze.NoPort
	case st == stClose:
		return nil, 0, nil
	case st == stSynSent:
		s.State = Opening
	case st == stSynRecv, st == stNewSynRecv:
		s.State = Opened
	}
	return s, inode, nil
}

// hexAddress reads the kernel's ADDRESS:PORT: 32-bit words in the host's byte
// order, which is little-endian on every machine that AWS lets.
func hexAddress(s string) (netip.Addr, int, error) {
	host, port, ok := strings.Cut(s, ":")
	raw, err := hex.DecodeString(host)
	if !ok || err != nil || (len(raw) != 4 && len(raw) != 16) {
		return netip.Addr{}, 0, fmt.Errorf("address %q: want 8 or 32 hex digits, a colon and a port", s)
	}
	p, err := strconv.ParseUint(port, 16, 16)
	if err != nil {
		return netip.Addr{}, 0, fmt.Errorf("address %q: port %q: want hex digits", s, port)
	}
	for i := 0; i < len(raw); i += 4 {
		binary.BigEndian.PutUint32(raw[i:], binary.LittleEndian.Uint32(raw[i:]))
	}
	a, _ := netip.AddrFromSlice(raw)
	return plain(a), int(p), nil
}
