package topology

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/flowcover/flowcover/topology/netset"
)

// randomFlows asks between random interfaces of an account, now and then for an
// interface that is not there.
func randomFlows(s *Snapshot, n int) []FlowQuery {
	r := rand.New(rand.NewPCG(7, uint64(n)))
	enis := s.Resources().Interfaces
	out := make([]FlowQuery, n)
	for i := range out {
		c := netset.ColumnOf(netset.TCP, uint16(995+r.IntN(30)))
		out[i] = FlowQuery{From: End{ENI: enis[r.IntN(len(enis))].ID}, To: End{ENI: enis[r.IntN(len(enis))].ID}, Columns: netset.Columns{First: c, Last: c}}
		if r.IntN(50) == 0 {
			out[i].To = End{ENI: "eni-gone"}
		}
	}
	return out
}

// TestReplayIsFlowByFlow: every flow is visited once, with the verdict that it
// has by itself, however many work on it.
func TestReplayIsFlowByFlow(t *testing.T) {
	s, err := New(large(8, 40, 20, 200))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 1, replayChunk, 5*replayChunk + 3} {
		flows := randomFlows(s, n)
		want, admitted, failed := make([]string, n), 0, 0
		for i, q := range flows {
			v := s.Flow(q)
			want[i] = fmt.Sprintf("%+v", v)
			if v.Admitted() {
				admitted++
			}
			if v.Err != nil {
				failed++
			}
		}
		if n > replayChunk && (admitted == 0 || admitted == n || failed == 0) {
			t.Fatalf("of %d flows %d are admitted and %d cannot start: that shows nothing", n, admitted, failed)
		}
		for _, workers := range []int{0, 1, 2, 7} {
			got := make([]string, n)
			if err := s.Replay(context.Background(), n, workers, func(i int) FlowQuery { return flows[i] },
				func(i int, v FlowVerdict) { got[i] += fmt.Sprintf("%+v", v) }); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%d flows on %d workers: not the verdicts of one by one", n, workers)
			}
		}
	}
}

func TestReplayStops(t *testing.T) {
	s, err := New(large(2, 4, 3, 20))
	if err != nil {
		t.Fatal(err)
	}
	flows := randomFlows(s, 20*replayChunk)
	ctx, cancel := context.WithCancel(context.Background())
	seen := 0
	err = s.Replay(ctx, len(flows), 1, func(i int) FlowQuery { return flows[i] }, func(int, FlowVerdict) {
		seen++
		cancel()
	})
	if !errors.Is(err, context.Canceled) || seen != replayChunk {
		t.Errorf("%v after %d flows, want the chunk of %d at hand to be the last", err, seen, replayChunk)
	}
}
