package demo

import "net/netip"

// record is one flow log record, before it is written. What it has in common
// with the others of its hop stands there: an hour of a busy account is many.
type record struct {
	hop            *hop       // nil in rows without data
	opener         netip.Addr // stands for the hop's zero addresses
	packets, bytes int64
	start, end     int64 // unix seconds
	eni            int32
	sport, dport   int32
	proto          int16
	flags          int8
	action         int8
	status         int8
}

// address gives srcaddr, dstaddr, pkt-srcaddr or pkt-dstaddr.
func (r *record) address(which int) netip.Addr {
	if r.hop == nil {
		return netip.Addr{}
	}
	a := [...]netip.Addr{r.hop.src, r.hop.dst, r.hop.psrc, r.hop.pdst}[which]
	if a.IsValid() {
		return a
	}
	return r.opener
}

const (
	srcaddr = iota
	dstaddr
	pktSrcaddr
	pktDstaddr
)

// service gives pkt-src-aws-service, or pkt-dst-aws-service: AWS's name where
// the end outside is one of its services.
func (r *record) service(dst bool) string {
	if r.hop == nil || r.hop.service == "" || r.hop.toService != dst {
		return "-"
	}
	return r.hop.service
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
