package demo

import "net/netip"

// record is one flow log record, before it is written.
type record struct {
	eni                  int32
	src, dst, psrc, pdst netip.Addr
	sport, dport         int32
	proto                int16
	flags                int8
	path                 int8
	action               int8
	status               int8
	egress               bool
	psrcService          string
	pdstService          string
	packets, bytes       int64
	start, end           int64 // unix seconds
}

const (
	accept int8 = iota + 1
	reject
)

const (
	statusOK int8 = iota
	statusNoData
	statusSkipData
)

// TCP flags as flow logs give them: OR-ed over the interval, ACK alone is 0.
const (
	flagFIN    = 1
	flagSYN    = 2
	flagRST    = 4
	flagSYNACK = 18
)

// connection is one conversation, or one burst of a long one.
type connection struct {
	start, end     int64
	opener, target netip.Addr
	sport, dport   int32
	natPort        int32
	up, down       int64 // bytes
	upPackets      int64
	downPackets    int64
	opens, closes  bool // the SYN, the FIN lie in it
	reset          bool // closed by RST
	noise          bool // a packet arrives after the close
	udp            bool // for captures
}

// closeNoise is how many seconds after the close a stray packet may arrive.
const closeNoise = 60
