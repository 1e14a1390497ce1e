package target

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/topology/netset"
)

// What the replay asks of a new list's replies first is what the list is made
// to carry: asking for more fails a promise that was kept.
func TestRepliesAskedForAreRepliesWanted(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 2))
	any4 := netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	for range 20000 {
		from := 1 + r.IntN(60000)
		to := from + r.IntN(65536-from)
		f := analyze.Flow{Protocol: netset.UDP, Port: 123, OpenerPortLow: analyze.NoPort, OpenerPortHigh: analyze.NoPort}
		if r.IntN(4) > 0 {
			f.OpenerPortLow = 1 + r.IntN(65535)
			f.OpenerPortHigh = f.OpenerPortLow + r.IntN(65536-f.OpenerPortLow)
		}
		p := Policy{EphemeralFrom: uint16(from), EphemeralTo: uint16(to)}
		var blocks []netset.Block
		for _, c := range (&builder{Input: &Input{Policy: p}}).wanted(&f, true) {
			blocks = append(blocks, netset.Block{Prefix: any4, Columns: c})
		}
		if ask := replyRanges(&f, p)[0]; !netset.Of(blocks...).ContainsBlock(netset.Block{Prefix: any4, Columns: ask}) {
			t.Fatalf("ports %d-%d seen, policy %d-%d: %s is asked for, %v is wanted", f.OpenerPortLow, f.OpenerPortHigh, from, to, ask, blocks)
		}
	}
}
