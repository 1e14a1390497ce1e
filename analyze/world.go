package analyze

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

// SnapshotAt is a snapshot with the time at which it was read.
type SnapshotAt struct {
	Snapshot *topology.Snapshot
	Time     time.Time
}

// Evidence is what helps to read the logs besides the logs themselves. Every
// part of it may be missing.
type Evidence struct {
	Snapshots []SnapshotAt
	Captures  []Capture
	Hours     []ENIHours
	Policy    Policy
	days      windowDays // set by Observe: captures' days are the window's
}

// world answers questions about ENIs and addresses from several snapshots and
// the logs' own words about their ENIs. It is not safe for concurrent use.
type world struct {
	snaps  []SnapshotAt // newest first
	hours  map[string]ENIHours
	types  map[string]string // ENI -> the log's interface type
	atMemo map[netip.Addr][]*topology.NetworkInterface
}

func newWorld(ss []SnapshotAt, hours []ENIHours) *world {
	w := &world{
		snaps:  sortedSnapshots(ss),
		hours:  map[string]ENIHours{},
		types:  map[string]string{},
		atMemo: map[netip.Addr][]*topology.NetworkInterface{},
	}
	for _, h := range hours {
		w.hours[h.ENI] = mergeENI(w.hours[h.ENI], h)
	}
	return w
}

func sortedSnapshots(ss []SnapshotAt) []SnapshotAt {
	out := slices.Clone(ss)
	out = slices.DeleteFunc(out, func(s SnapshotAt) bool { return s.Snapshot == nil })
	slices.SortStableFunc(out, func(a, b SnapshotAt) int {
		if c := b.Time.Compare(a.Time); c != 0 {
			return c
		}
		return strings.Compare(b.Snapshot.Digest(), a.Snapshot.Digest())
	})
	return out
}

// mergeENI joins what several days say of one ENI; the later day wins, the
// greater text breaks a tie, so that order does not matter.
func mergeENI(a, b ENIHours) ENIHours {
	if b.Day < a.Day {
		a, b = b, a
	}
	pick := func(older, newer string) string {
		if newer == "" || newer == "-" || (a.Day == b.Day && older > newer) {
			return older
		}
		return newer
	}
	b.VPC, b.Subnet = pick(a.VPC, b.VPC), pick(a.Subnet, b.Subnet)
	b.Instance, b.ECSService = pick(a.Instance, b.Instance), pick(a.ECSService, b.ECSService)
	b.InterfaceType = pick(a.InterfaceType, b.InterfaceType)
	b.Account, b.Region = pick(a.Account, b.Account), pick(a.Region, b.Region)
	return b
}

// Today gives the newest snapshot, nil without any.
func (ev Evidence) Today() *topology.Snapshot {
	if s := sortedSnapshots(ev.Snapshots); len(s) > 0 {
		return s[0].Snapshot
	}
	return nil
}

// newest gives the snapshot of today, nil without any.
func (w *world) newest() *topology.Snapshot {
	if len(w.snaps) == 0 {
		return nil
	}
	return w.snaps[0].Snapshot
}

// nearest gives the snapshot nearest in time to the flow: the distance to
// [First, Last]. Of two equally near the newer.
func (w *world) nearest(f *Flow) *topology.Snapshot {
	var best *topology.Snapshot
	var least time.Duration
	for _, s := range w.snaps {
		d := time.Duration(0)
		switch {
		case f.Last.IsZero():
		case s.Time.After(f.Last):
			d = s.Time.Sub(f.Last)
		case s.Time.Before(f.First):
			d = f.First.Sub(s.Time)
		}
		if best == nil || d < least {
			best, least = s.Snapshot, d
		}
	}
	return best
}

// iface gives the ENI from the newest snapshot that holds it.
func (w *world) iface(id string) (*topology.NetworkInterface, *topology.Snapshot) {
	for _, s := range w.snaps {
		if i, ok := s.Snapshot.Interface(id); ok {
			return i, s.Snapshot
		}
	}
	return nil, nil
}

// at gives the ENIs that hold a private address, in the newest snapshot that
// knows any. Overlapping VPCs give several.
func (w *world) at(a netip.Addr) []*topology.NetworkInterface {
	if out, ok := w.atMemo[a]; ok {
		return out
	}
	var out []*topology.NetworkInterface
	for _, s := range w.snaps {
		if out = s.Snapshot.InterfacesAt(a); len(out) > 0 {
			break
		}
	}
	w.atMemo[a] = out
	return out
}

// owns says whether the address is the ENI's own: primary, secondary or in a
// delegated prefix.
func owns(i *topology.NetworkInterface, a netip.Addr) bool {
	return slices.Contains(i.Addresses, a) ||
		slices.ContainsFunc(i.Prefixes, func(p netip.Prefix) bool { return p.Contains(a) })
}

// kind gives the ENI's interface type: the snapshot's, else the log's.
func (w *world) kind(eni, logged string) string {
	if i, _ := w.iface(eni); i != nil && i.Type != "" {
		return i.Type
	}
	if logged != "" && logged != "-" {
		return logged
	}
	if t := w.types[eni]; t != "" {
		return t
	}
	if t := w.hours[eni].InterfaceType; t != "-" {
		return t
	}
	return ""
}

// forwards says whether ENIs of the type only pass traffic on.
func forwards(kind string) bool {
	switch kind {
	case "transit_gateway", "nat_gateway", "regional_nat_gateway", "natGateway", "gateway_load_balancer", "gateway_load_balancer_endpoint":
		return true
	}
	return false
}

func isNAT(kind string) bool {
	return kind == "nat_gateway" || kind == "regional_nat_gateway" || kind == "natGateway"
}

// private says whether the address is of a kind no internet host has.
func private(a netip.Addr) bool {
	return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || sharedSpace.Contains(a)
}

var sharedSpace = netip.MustParsePrefix("100.64.0.0/10") // RFC 6598; EKS pods live there

// noRuleNeeded says whether AWS neither logs nor filters traffic of this
// address: link-local metadata, DNS and time (only captures see it).
func noRuleNeeded(a netip.Addr) bool {
	return a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified() ||
		awsLocal6.Contains(a)
}

var awsLocal6 = netip.MustParsePrefix("fd00:ec2::/32") // metadata, DNS and time over IPv6

// socket is one end of a connection.
type socket struct {
	addr  netip.Addr
	proto netset.Protocol
	port  int32
}
