package analyze

import (
	"net/netip"
	"time"

	"github.com/flowcover/flowcover/topology/netset"
)

// Row is one line of the day rollups summed over a window: what the logs say
// before anything but the day's own SYN bits settled who opened it. [Settle]
// turns rows into flows.
type Row struct {
	Account, Region, ENI string
	// InterfaceType is the flow log's own field; empty where the log lacks it.
	InterfaceType string
	Side          Side
	Protocol      netset.Protocol
	// Local and Peer are the connection's addresses: the pkt_ fields where the
	// log has them. Local is the one on the ENI's side of the record.
	Local, Peer netip.Addr
	// HopLocal and HopPeer are srcaddr and dstaddr as the ENI saw them, where
	// one of them differs from Local and Peer; else zero.
	HopLocal, HopPeer netip.Addr
	// LocalPort and PeerPort: of a settled row the opener's is NoPort. An
	// unsettled row has both, or NoPort where many were folded into one row.
	LocalPort, PeerPort int
	// OpenerPortLow and High bound the ports folded away; NoPort if none.
	OpenerPortLow, OpenerPortHigh int
	Action                        Action

	Records, Packets, Bytes int64
	PacketsIn, PacketsOut   int64 // towards the ENI, from the ENI
	BytesIn, BytesOut       int64
	First, Last             time.Time
	Days                    []int32 // of the window's zone, counted from 1970-01-01, ascending
	Hours                   uint32
	SynAck                  bool // a SYN+ACK was seen
	HasFlags                bool // the log has tcp_flags
	Method                  Method
}
