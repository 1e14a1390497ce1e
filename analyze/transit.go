package analyze

import (
	"net/netip"
	"time"
)

// Transit is what transit gateway (TGW) flow logs say over a window of one
// attachment and address pair, in one direction: evidence for routes, for
// nothing else.
type Transit struct {
	Account, Region string
	Gateway         string // tgw-...
	Attachment      string // the one that logged it
	PairAttachment  string // the one at the other end; empty where none was found
	Direction       string // ingress into the gateway, or egress; empty if unknown
	Source, Dest    netip.Addr

	Records, Packets, Bytes int64
	// Packets lost, by reason. NoRoute: the gateway's table has none. Blackhole:
	// the route leads nowhere.
	LostNoRoute, LostBlackhole, LostMTU, LostTTL int64
	First, Last                                  time.Time // zero if the log has no times
}
