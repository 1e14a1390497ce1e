package hostcap

import (
	"bytes"
	"encoding/binary"
	"io"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/flowcover/flowcover/analyze"
)

// sound checks what every reader promises: ports in range, addresses unmapped
// and without zones, and a capture that writes and reads back the same.
func sound(t *testing.T, read func(io.Reader) (*analyze.Capture, error), data []byte) {
	c, err := read(bytes.NewReader(data))
	if err != nil {
		if c != nil {
			t.Fatal("a capture and an error")
		}
		return
	}
	for _, n := range c.Connections {
		if n.LocalPort < analyze.NoPort || n.LocalPort > 65535 || n.PeerPort < analyze.NoPort || n.PeerPort > 65535 {
			t.Fatalf("ports %d, %d", n.LocalPort, n.PeerPort)
		}
		if n.Peer.Is4In6() || n.Peer.Zone() != "" || n.Local.Is4In6() || n.Local.Zone() != "" {
			t.Fatalf("addresses %s, %s", n.Local, n.Peer)
		}
	}
	var b bytes.Buffer
	if err := Write(&b, c); err != nil {
		return // times beyond year 9999 have no JSON form
	}
	again, err := ReadJSONL(&b)
	if err != nil {
		t.Fatalf("what was written is not read: %v", err)
	}
	if d := cmp.Diff(len(c.Connections), len(again.Connections), cmpopts.EquateComparable(netip.Addr{})); d != "" {
		t.Fatal(d)
	}
	b.Reset()
	if err := WriteParquet(&b, c); err != nil {
		t.Fatalf("Parquet: %v", err)
	}
	if again, err = ReadParquet(&b); err != nil || len(again.Connections) != len(c.Connections) || len(again.Listeners) != len(c.Listeners) {
		t.Fatalf("Parquet: what was written is not read: %v", err)
	}
}

func fuzzReader(f *testing.F, read func(io.Reader) (*analyze.Capture, error), seeds ...string) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) { sound(t, read, data) })
}

func FuzzSS(f *testing.F) { fuzzReader(f, ReadSS, ssText, "LISTEN 0 128 *:22 *:*\n") }

func FuzzNetstat(f *testing.F) {
	fuzzReader(f, ReadNetstat, netstatLinux, netstatMac, netstatWindows)
}

func FuzzConntrack(f *testing.F) { fuzzReader(f, ReadConntrack, conntrackText, conntrackEvents) }

func FuzzProcNet(f *testing.F) { fuzzReader(f, ReadProcNet, procTCP, procUDP) }

func FuzzRecipeCSV(f *testing.F) { fuzzReader(f, ReadRecipeCSV, recipeCSV) }

func FuzzZeek(f *testing.F) { fuzzReader(f, ReadZeek, zeekTSVText, zeekJSONText) }

func FuzzPCAP(f *testing.F) {
	fuzzReader(f, ReadPCAP, string(classicPCAP(binary.LittleEndian, false)), string(classicPCAP(binary.BigEndian, true)),
		string(ngPCAP(binary.LittleEndian)), string(ngPCAP(binary.BigEndian)))
}

func FuzzJSONL(f *testing.F) {
	fuzzReader(f, ReadJSONL, `{"format":"flowcover.capture/1","host":"h","addresses":["10.0.0.1"],"listeners":1,"connections":1}
{"kind":"listen","protocol":"tcp","addr":"::","port":22}
{"kind":"connection","protocol":"udp","local":"10.0.0.1","local_port":1,"peer":"10.0.0.2","peer_port":2,"opener":"local","first":"2026-09-01T00:00:00Z"}
`)
}

func FuzzParquet(f *testing.F) {
	var seeds []string
	for _, text := range []string{ssText, conntrackEvents} {
		c, err := Decode(strings.NewReader(text))
		if err != nil {
			f.Fatal(err)
		}
		var b bytes.Buffer
		if err := WriteParquet(&b, c); err != nil {
			f.Fatal(err)
		}
		seeds = append(seeds, b.String())
	}
	fuzzReader(f, ReadParquet, seeds...)
}

func FuzzDecode(f *testing.F) {
	fuzzReader(f, Decode, ssText, netstatLinux, conntrackText, procTCP, recipeCSV, zeekTSVText, "\x1f\x8b\x08\x00")
}
