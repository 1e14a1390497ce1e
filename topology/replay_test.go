package topology

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
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

// TestReplayAgreesWithTrace: on random accounts with everything that Trace
// knows, Replay gives each flow the verdict and the deciding rules that Trace
// tells of it, on one worker and on several.
func TestReplayAgreesWithTrace(t *testing.T) {
	r := rand.New(rand.NewPCG(41, 42))
	compared, admitted := 0, 0
	for world := range 12 {
		s := wideWorld(r).build(t)
		var flows []FlowQuery
		var told []Result
		for len(flows) < 3*replayChunk {
			q := Query{From: s.r.Interfaces[r.IntN(len(s.r.Interfaces))].ID, To: reachAddrs[r.IntN(len(reachAddrs))], Protocol: netset.TCP,
				Port: []int{53, 80, 101, 443, 40000}[r.IntN(5)], SourcePort: []int{0, 1024, 40000}[r.IntN(3)]}
			if r.IntN(2) == 0 {
				q.From, q.To = q.To, q.From
			}
			got, err := s.Trace(q)
			if err != nil {
				continue // one is IPv4, the other IPv6
			}
			flows, told = append(flows, flowOf(t, s, q)), append(told, got)
		}
		for _, workers := range []int{1, 3} {
			faults := make([][]string, len(flows))
			err := s.Replay(context.Background(), len(flows), workers, func(i int) FlowQuery { return flows[i] },
				func(i int, v FlowVerdict) { faults[i] = append(faults[i], sameVerdict(told[i], v)...) })
			if err != nil {
				t.Fatal(err)
			}
			for i, f := range faults {
				if len(f) > 0 {
					t.Fatalf("account %d, %d workers, %+v: %s", world, workers, flows[i], f)
				}
			}
		}
		for _, got := range told {
			compared++
			if got.Disposition.Delivered() && got.Reply.Disposition.Delivered() {
				admitted++
			}
		}
	}
	if admitted < compared/50 {
		t.Errorf("only %d of %d flows pass: the test has lost its reach", admitted, compared)
	}
	t.Logf("%d of %d flows pass", admitted, compared)
}

// TestReplayStopsAllWorkers: a context that ends while several work lets each
// finish the chunk at hand. Nobody goes on after Replay has returned, and no
// flow is visited twice.
func TestReplayStopsAllWorkers(t *testing.T) {
	s, err := New(large(2, 4, 3, 20))
	if err != nil {
		t.Fatal(err)
	}
	const workers = 4
	flows := randomFlows(s, 200*replayChunk)
	for _, after := range []int64{1, replayChunk, 10*replayChunk + 7} {
		ctx, cancel := context.WithCancel(context.Background())
		var seen, returned, late atomic.Int64
		visits := make([]atomic.Int32, len(flows))
		err = s.Replay(ctx, len(flows), workers, func(i int) FlowQuery { return flows[i] }, func(i int, _ FlowVerdict) {
			visits[i].Add(1)
			late.Add(returned.Load())
			if seen.Add(1) == after {
				cancel()
			}
		})
		returned.Store(1)
		cancel()
		if !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled after %d flows: %v", after, err)
		}
		twice, unvisited := 0, 0
		for i := range visits {
			switch n := visits[i].Load(); {
			case n > 1:
				twice++
			case n == 0:
				unvisited++
			}
		}
		// Each worker has at most one chunk at hand when the context ends.
		if twice > 0 || unvisited == 0 || late.Load() > 0 || seen.Load() > after+workers*replayChunk || seen.Load() != int64(len(flows)-unvisited) {
			t.Errorf("cancelled after %d flows: %d visited, %d twice, %d not at all, %d after the end", after, seen.Load(), twice, unvisited, late.Load())
		}
	}
}
