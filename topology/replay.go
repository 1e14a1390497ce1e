package topology

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
)

// replayChunk is how many flows a worker takes at a time.
const replayChunk = 512

// Replay follows n flows through the snapshot on that many workers; 0 means one
// for each CPU. query gives the i-th flow and visit takes its verdict, whose
// lists are good only until visit returns. Both are called by several
// goroutines at once, for each i once and in no order, so what visit keeps under
// i does not depend on the number of workers. It returns the context's error if
// that ends first; then some flows were not visited.
func (s *Snapshot) Replay(ctx context.Context, n, workers int, query func(i int) FlowQuery, visit func(i int, v FlowVerdict)) error {
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	workers = max(1, min(workers, (n+replayChunk-1)/replayChunk))
	var next atomic.Int64
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			replay := s.Replayer()
			for ctx.Err() == nil {
				end := int(next.Add(replayChunk))
				if end-replayChunk >= n {
					return
				}
				for i := end - replayChunk; i < min(end, n); i++ {
					visit(i, replay.Flow(query(i)))
				}
			}
		})
	}
	group.Wait()
	return ctx.Err()
}
