package hostcap

import (
	"fmt"
	"io"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/topology/netset"
)

// ReadSS reads the output of ss, with or without its header and its Netid
// column: ss -tunap, ss -Htan and the like. Numbers are needed (-n). Without
// Netid a list is of one protocol: UDP where a socket is UNCONN and none is in a
// state that TCP alone has.
func ReadSS(r io.Reader) (*analyze.Capture, error) {
	var unnamed []int // sockets of lines without Netid
	udp, tcp := false, false
	n := 0
	return readList(r, func(line string) (*Socket, error) {
		s, named, err := ssLine(line)
		if s != nil {
			if !named {
				unnamed = append(unnamed, n)
				udp = udp || s.Protocol == netset.UDP
				tcp = tcp || s.Protocol == netset.TCP && !strings.HasPrefix(strings.TrimSpace(line), "ESTAB")
			}
			n++
		}
		return s, err
	}, func(sample []Socket) {
		for _, i := range unnamed {
			if udp && !tcp {
				sample[i].Protocol = netset.UDP
			}
		}
	})
}

// ReadNetstat reads netstat -tunap of Linux, netstat -an of macOS and BSD, and
// netstat -ano of Windows. Lines whose addresses netstat cut off to fit its
// columns are passed over, and said so.
func ReadNetstat(r io.Reader) (*analyze.Capture, error) {
	short := 0
	c, err := readList(r, func(line string) (*Socket, error) {
		s, err := netstatLine(line)
		if err != nil && cutOff(line) {
			short++
			return nil, nil
		}
		return s, err
	}, func([]Socket) {})
	if err == nil && short > 0 {
		c.Incomplete = fmt.Sprintf("%d lines have an address that netstat cut off: list with -W", short)
	}
	return c, err
}

// cutOff says whether a line's IPv6 address is as long as netstat's column.
func cutOff(line string) bool {
	for _, w := range strings.Fields(line) {
		if len(w) >= 18 && strings.Count(w, ":") >= 2 {
			if _, _, err := splitAddress(w); err != nil {
				return true
			}
		}
	}
	return false
}

// readList reads one sample from lines. parse gives nil for a line that holds
// no socket of TCP or UDP; settle sees all of them at the end.
func readList(r io.Reader, parse func(line string) (*Socket, error), settle func([]Socket)) (*analyze.Capture, error) {
	s := newScanner(r)
	var sample []Socket
	for n := 1; s.Scan(); n++ {
		sock, err := parse(s.Text())
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if sock != nil {
			sample = append(sample, *sock)
		}
	}
	if err := s.Err(); err != nil {
		return nil, err
	}
	settle(sample)
	var rec Recorder
	rec.Add(time.Time{}, sample)
	return rec.Capture(), nil
}

// ssStates are ss's words; what is missing holds no connection (CLOSE).
var ssStates = map[string]State{
	"LISTEN": Listening, "UNCONN": Listening, "ESTAB": Connected, "SYN-SENT": Opening, "SYN-RECV": Opened,
	"FIN-WAIT-1": Connected, "FIN-WAIT-2": Connected, "TIME-WAIT": Connected, "CLOSE-WAIT": Connected,
	"LAST-ACK": Connected, "CLOSING": Connected,
}

var ssUsers = regexp.MustCompile(`users:\(\("((?:[^"\\]|\\.)*)",pid=(\d+)`)

// ssLine reads a line; named says whether it names its protocol.
func ssLine(line string) (s *Socket, named bool, err error) {
	w := strings.Fields(line)
	if len(w) == 0 || slices.Contains([]string{"Netid", "State", "Recv-Q"}, w[0]) {
		return nil, false, nil
	}
	s = &Socket{}
	switch w[0] {
	case "tcp", "mptcp":
		s.Protocol, w, named = netset.TCP, w[1:], true
	case "udp", "udplite":
		s.Protocol, w, named = netset.UDP, w[1:], true
	default:
		if _, ok := ssStates[w[0]]; !ok && w[0] != "CLOSE" {
			return nil, false, nil // unix, raw, packet, netlink sockets
		}
		s.Protocol = netset.TCP
		if w[0] == "UNCONN" {
			s.Protocol = netset.UDP
		}
	}
	if len(w) < 5 {
		return nil, named, fmt.Errorf("%d columns: want state, two queues and two addresses", len(w))
	}
	state, ok := ssStates[w[0]]
	if !ok || w[0] == "UNCONN" && s.Protocol == netset.TCP {
		return nil, named, nil // a socket of TCP that is bound and does nothing
	}
	s.State = state
	if m := ssUsers.FindStringSubmatch(line); m != nil {
		s.Process = m[1]
		s.PID, _ = strconv.Atoi(m[2]) // digits only: an overflow leaves 0, unknown
	}
	s, err = s.ends(w[3], w[4])
	return s, named, err
}

// ends fills in both addresses.
func (s *Socket) ends(local, peer string) (*Socket, error) {
	var err error
	if s.Local, s.LocalPort, err = splitAddress(local); err != nil {
		return nil, err
	}
	if s.LocalPort == analyze.NoPort {
		return nil, fmt.Errorf("local address %q: want a port", local)
	}
	if s.State == Listening {
		s.PeerPort = analyze.NoPort
		return s, nil
	}
	if s.Peer, s.PeerPort, err = splitAddress(peer); err != nil {
		return nil, err
	}
	if s.PeerPort == analyze.NoPort || s.Peer.IsUnspecified() {
		s.State, s.Peer = Listening, netip.Addr{} // an unconnected UDP socket
	}
	return s, nil
}

// splitAddress reads host:port in all the ways that ss and netstat write it:
// 10.0.0.1:22, [::1]:22, :::22, *:22, 10.0.0.1%eth0:68, 10.0.0.1.22 (BSD),
// *.* and *:* for anything.
func splitAddress(s string) (netip.Addr, int, error) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		i = strings.LastIndexByte(s, '.')
	} else if j := strings.LastIndexByte(s, '.'); j > i && strings.Count(s, ":") > 1 {
		i = j // BSD: 2001:db8::1.22
	}
	if i < 0 {
		return netip.Addr{}, 0, fmt.Errorf("address %q: want host:port", s)
	}
	host, port := s[:i], s[i+1:]
	p := analyze.NoPort
	if port != "*" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			return netip.Addr{}, 0, fmt.Errorf("address %q: port %q is not a number: list with -n", s, port)
		}
		p = int(n)
	}
	host, _, _ = strings.Cut(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"), "%")
	host = strings.TrimSuffix(host, "]")
	if host == "*" || host == "" {
		return netip.IPv6Unspecified(), p, nil // both families
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}, 0, fmt.Errorf("address %q: %q is no IP address: list with -n", s, host)
	}
	return plain(a), p, nil
}

// netstatStates are the words of Linux, BSD and Windows.
var netstatStates = map[string]State{
	"LISTEN": Listening, "LISTENING": Listening, "ESTABLISHED": Connected, "SYN_SENT": Opening, "SYN_RECV": Opened,
	"SYN_RCVD": Opened, "SYN_RECEIVED": Opened, "FIN_WAIT1": Connected, "FIN_WAIT2": Connected, "FIN_WAIT_1": Connected, "FIN_WAIT_2": Connected,
	"TIME_WAIT": Connected, "CLOSE_WAIT": Connected, "LAST_ACK": Connected, "CLOSING": Connected,
}

// netstatIdle are the states of sockets of TCP that hold no connection.
var netstatIdle = []string{"CLOSE", "CLOSED", "BOUND", "IDLE", "UNKNOWN", "DELETE_TCB"}

// isWord says whether a column is a word, not a number, a dash or 800/sshd.
func isWord(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return unicode.IsLetter(r)
}

// foreignState tells the state where the word is of another language (ABHÖREN,
// VERBUNDEN): only who listens has a foreign address without a port.
func foreignState(peer string) State {
	if _, port, err := splitAddress(peer); err == nil && port <= 0 {
		return Listening
	}
	return Connected
}

func netstatLine(line string) (*Socket, error) {
	w := strings.Fields(line)
	if len(w) == 0 {
		return nil, nil
	}
	var s Socket
	switch name := strings.ToLower(w[0]); {
	case slices.Contains([]string{"tcp", "tcp4", "tcp6", "tcp46"}, name):
		s.Protocol = netset.TCP
	case slices.Contains([]string{"udp", "udp4", "udp6", "udp46"}, name):
		s.Protocol = netset.UDP
	default:
		return nil, nil // headers, unix sockets, routes
	}
	windows := w[0] == "TCP" || w[0] == "UDP"
	w = w[1:]
	if !windows {
		if len(w) < 2 {
			return nil, fmt.Errorf("%d columns: want two queues and two addresses", len(w))
		}
		w = w[2:]
	}
	if len(w) < 2 {
		return nil, fmt.Errorf("%q: want a local and a foreign address", line)
	}
	local, peer, rest := w[0], w[1], w[2:]
	if s.Protocol == netset.UDP && peer != "*:*" && peer != "*.*" {
		s.State = Connected
	} else if s.Protocol == netset.UDP {
		s.State = Listening
	}
	if len(rest) > 0 {
		if st, ok := netstatStates[strings.ToUpper(rest[0])]; ok {
			s.State, rest = st, rest[1:]
		} else if s.Protocol == netset.TCP {
			if slices.Contains(netstatIdle, strings.ToUpper(rest[0])) || !isWord(rest[0]) {
				return nil, nil
			}
			s.State, rest = foreignState(peer), rest[1:]
		}
	}
	if len(rest) > 0 {
		pid, name, _ := strings.Cut(rest[0], "/")
		s.PID, _ = strconv.Atoi(pid) // "-" where netstat may not know
		s.Process = strings.TrimSuffix(name, ":")
	}
	return s.ends(local, peer)
}
