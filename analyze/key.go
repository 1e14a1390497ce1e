package analyze

import (
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// id names the flow by its key.
func (f *Flow) id() string {
	b := make([]byte, 0, 160)
	for _, s := range []string{f.Account, f.Region, f.ENI, string(f.Side)} {
		b = append(append(b, s...), ' ')
	}
	b = append(strconv.AppendInt(b, int64(f.Protocol), 10), ' ')
	for _, a := range []netip.Addr{f.Local, f.Peer} {
		if a.IsValid() {
			b = a.AppendTo(b)
		}
		b = append(b, ' ')
	}
	b = append(strconv.AppendInt(b, int64(f.Port), 10), ' ')
	b = append(b, f.Action...)
	sum := sha256.Sum256(b)
	return "f-" + hex.EncodeToString(sum[:8])
}

// when widens First and Last.
func (f *Flow) when(first, last time.Time) {
	if !first.IsZero() && (f.First.IsZero() || first.Before(f.First)) {
		f.First = first
	}
	if last.After(f.Last) {
		f.Last = last
	}
}

// compareFlowKeys orders flows by key.
func compareFlowKeys(a, b *Flow) int {
	if c := strings.Compare(a.Account, b.Account); c != 0 {
		return c
	}
	if c := strings.Compare(a.Region, b.Region); c != 0 {
		return c
	}
	if c := strings.Compare(a.ENI, b.ENI); c != 0 {
		return c
	}
	if c := strings.Compare(string(a.Side), string(b.Side)); c != 0 {
		return c
	}
	if c := int(a.Protocol) - int(b.Protocol); c != 0 {
		return c
	}
	if c := a.Local.Compare(b.Local); c != 0 {
		return c
	}
	if c := a.Peer.Compare(b.Peer); c != 0 {
		return c
	}
	if c := a.Port - b.Port; c != 0 {
		return c
	}
	return strings.Compare(string(a.Action), string(b.Action))
}
