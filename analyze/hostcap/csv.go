package hostcap

import (
	"bufio"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/topology/netset"
)

// recipeTimes are the forms in which such files give times. A time without a
// zone is taken as UTC.
var recipeTimes = []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999", "2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006/01/02 15:04:05", "01/02/2006 15:04:05"}

// ReadRecipeCSV reads the old recipe's CSV: Timestamp, Destination IP, Port.
// It names neither the host's end nor who opened the connection, which is why
// its connections have no local address and no opener. Protocol is TCP: the
// recipe lists nothing else.
func ReadRecipeCSV(r io.Reader) (*analyze.Capture, error) {
	b := bufio.NewReader(r)
	if mark, err := b.Peek(3); err == nil && string(mark) == "\ufeff" {
		if _, err := b.Discard(3); err != nil {
			return nil, err
		}
	}
	c := csv.NewReader(b)
	c.TrimLeadingSpace = true
	c.FieldsPerRecord = 3
	c.ReuseRecord = true
	var rec Recorder
	for n := 0; ; n++ {
		w, err := c.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if n == 0 && isRecipeHeader(w) {
			continue
		}
		line, _ := c.FieldPos(0)
		a, err := netip.ParseAddr(strings.TrimSpace(w[1]))
		if err != nil {
			return nil, fmt.Errorf("line %d: Destination IP %q: no IP address", line, w[1])
		}
		port, err := strconv.ParseUint(strings.TrimSpace(w[2]), 10, 16)
		if err != nil {
			return nil, fmt.Errorf("line %d: Port %q: want 0 to 65535", line, w[2])
		}
		at, err := recipeTime(strings.TrimSpace(w[0]))
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		rec.Add(at, []Socket{{Protocol: netset.TCP, LocalPort: analyze.NoPort, Peer: a, PeerPort: int(port)}})
	}
	return rec.Capture(), nil
}

// WriteRecipeCSV writes a capture's connections in the old recipe's form, in the
// order of their first sight: less than [Write] keeps. Own ends, who opened,
// listening sockets and protocols other than TCP have no place in it. A
// connection that the peer opened is left out: its destination is this host,
// and the peer's port would be taken for one that somebody listens on.
func WriteRecipeCSV(w io.Writer, c *analyze.Capture) error {
	var tcp []analyze.Connection
	for _, n := range c.Connections {
		if n.Protocol == netset.TCP && n.PeerPort != analyze.NoPort && n.Opener != analyze.In {
			tcp = append(tcp, n)
		}
	}
	slices.SortStableFunc(tcp, func(a, b analyze.Connection) int {
		return cmp.Or(a.First.Compare(b.First), a.Peer.Compare(b.Peer), a.PeerPort-b.PeerPort)
	})
	out := csv.NewWriter(w)
	rows := [][]string{{"Timestamp", "Destination IP", "Port"}}
	for _, n := range tcp {
		rows = append(rows, []string{n.First.UTC().Format(time.RFC3339), n.Peer.String(), strconv.Itoa(n.PeerPort)})
	}
	if err := out.WriteAll(rows); err != nil {
		return fmt.Errorf("write capture: %w", err)
	}
	return nil
}

func isRecipeHeader(w []string) bool {
	return len(w) == 3 && strings.EqualFold(strings.TrimSpace(w[0]), "timestamp")
}

func recipeTime(s string) (time.Time, error) {
	for _, f := range recipeTimes {
		if t, err := time.Parse(f, s); err == nil {
			return t.UTC(), nil
		}
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && n > 0 && n < 1<<40 {
		return time.Unix(n, 0).UTC(), nil
	}
	return time.Time{}, fmt.Errorf("timestamp %q: want RFC 3339, or 2006-01-02 15:04:05, or seconds since 1970", s)
}
