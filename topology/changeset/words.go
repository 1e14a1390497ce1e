package changeset

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/topology/netset"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// flowWords writes a flow as people read it: "10.0.0.5 -> 10.1.0.7 tcp/443".
func flowWords(f *analyze.Flow) string {
	from, to := f.Peer, f.Local
	arrow := " -> "
	switch f.Side {
	case analyze.Out:
		from, to = f.Local, f.Peer
	case analyze.Unsettled:
		arrow = " <-> "
	}
	return from.String() + arrow + to.String() + " " + serviceWords(f)
}

func serviceWords(f *analyze.Flow) string {
	switch {
	case f.Protocol == analyze.UnknownProtocol:
		return "unknown protocol"
	case f.Protocol.HasPorts() && f.Port >= 0:
		return fmt.Sprintf("%s/%d", f.Protocol, f.Port)
	}
	return f.Protocol.String()
}

// list joins up to n items and counts the rest.
func list(items []string, n int) string {
	if len(items) <= n {
		return strings.Join(items, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(items[:n], ", "), len(items)-n)
}

func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}

// flowMatches says whether a flow may lie on a block, judged by what its record
// tells: protocol and port, or the protocol alone.
func flowMatches(f *analyze.Flow, s *netset.Set) bool {
	if !f.Peer.IsValid() {
		return false
	}
	p := f.Protocol
	cols := netset.AllColumns()
	switch {
	case p.HasPorts() && f.Port >= 0 && f.Port <= 65535:
		cols = netset.PortColumns(p, uint16(f.Port), uint16(f.Port))
	case p >= 0 && p <= 255:
		cols = netset.ProtocolColumns(p)
	}
	if cols.First == cols.Last {
		return s.Contains(f.Peer, cols.First)
	}
	a := f.Peer.Unmap()
	pre, err := a.Prefix(a.BitLen())
	return err == nil && s.OverlapsBlock(netset.Block{Prefix: pre, Columns: cols})
}

func sortNotes(ns []FlowNote) []FlowNote {
	slices.SortFunc(ns, func(a, b FlowNote) int {
		return cmp.Or(cmp.Compare(a.Flow, b.Flow), cmp.Compare(a.Text, b.Text), cmp.Compare(a.Reason, b.Reason))
	})
	return slices.Compact(ns)
}

func sortFindings(fs []Finding) []Finding {
	slices.SortFunc(fs, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Resource, b.Resource),
			cmp.Compare(a.Message, b.Message), cmp.Compare(a.Severity, b.Severity))
	})
	return slices.Compact(fs)
}
