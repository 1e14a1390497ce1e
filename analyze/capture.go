package analyze

import (
	"net/netip"
	"time"

	"github.com/flowcover/flowcover/topology/netset"
)

// Capture is what one host saw of its own sockets. Its readers and the writer
// are in analyze/hostcap.
type Capture struct {
	Source string // the file it came from
	Host   string // host name; empty where the form names none
	// Instance and ENIs name the host to AWS, where known. Else Addresses tell.
	Instance  string
	ENIs      []string
	Addresses []netip.Addr // the host's own, loopback and link-local left out
	// Since and Until bound the capture; zero where the form has no times.
	Since, Until time.Time
	// Incomplete says what of the source could not be read; empty: all was.
	Incomplete  string
	Listeners   []ListeningSocket
	Connections []Connection
}

// ListeningSocket is a socket that waits for others.
type ListeningSocket struct {
	Protocol netset.Protocol
	// Addr is unspecified (0.0.0.0, ::) where it listens on every address;
	// :: stands for both families.
	Addr        netip.Addr
	Port        int
	First, Last time.Time
	Process     string
	PID         int
}

// Connection is one connection of the host.
type Connection struct {
	Protocol            netset.Protocol
	Local, Peer         netip.Addr
	LocalPort, PeerPort int // NoPort where not known
	// Opener is In where the peer opened it, Out where the host did, else Unsettled.
	Opener      Side
	First, Last time.Time
	Count       int64 // samples, events, log lines or packets that saw it
	// Packets and Bytes of both directions, where the form counts them; else 0.
	Packets, Bytes int64
	Process        string
	PID            int
}
