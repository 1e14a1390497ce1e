package awscollect

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/route53"
	zonetypes "github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/flowcover/flowcover/scripts/mototest"
)

// However the callers come, no window holds more turns than the burst and what
// the rate adds in it; and nobody waits longer than that takes.
func TestNoWindowHoldsMoreThanItsRate(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for range 200 {
		p := pace{every: time.Duration(1+r.IntN(500)) * time.Millisecond, burst: 1 + r.IntN(20)}
		clock := time.Unix(1_000_000, 0)
		var turns []time.Time
		b := &bucket{pace: p, now: func() time.Time { return clock }}
		b.sleep = func(_ context.Context, d time.Duration) error {
			turns[len(turns)-1] = clock.Add(d)
			return nil
		}
		waited := time.Duration(0)
		for range 100 {
			clock = clock.Add(time.Duration(r.IntN(3)) * p.every / 2)
			turns = append(turns, clock)
			if err := b.wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			waited = max(waited, turns[len(turns)-1].Sub(clock))
		}
		for i := range turns {
			for j := i + p.burst; j < len(turns); j++ {
				if least := time.Duration(j-i-p.burst+1) * p.every; turns[j].Sub(turns[i]) < least {
					t.Fatalf("%v: %d turns within %v, want %v at least", p, j-i+1, turns[j].Sub(turns[i]), least)
				}
			}
		}
		if longest := 100 * p.every; waited > longest {
			t.Fatalf("%v: one waited %v", p, waited)
		}
	}
}

func TestWaitEndsWithTheContext(t *testing.T) {
	b := newPaces().of("x", pace{every: time.Hour, burst: 1})
	if err := b.wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v; want the context's error", err)
	}
}

// Every attempt takes a turn of the bucket that the name says.
func TestEveryAttemptTakesATurn(t *testing.T) {
	calls := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if calls++; calls < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte(`<ListHostedZonesByVPCResponse><HostedZoneSummaries/><MaxItems>100</MaxItems></ListHostedZonesByVPCResponse>`))
	}))
	defer server.Close()
	p := newPaces()
	var turns int
	of := p.of("111111111111 route53", route53Pace)
	of.now = func() time.Time { turns++; return time.Unix(int64(turns)*100, 0) }
	client := route53.NewFromConfig((&mototest.Server{URL: server.URL}).Config(region), func(o *route53.Options) {
		o.APIOptions = append(o.APIOptions, p.slow(route53Pace, func(string) string { return "111111111111 route53" }))
	})
	vpc := "vpc-1"
	if _, err := client.ListHostedZonesByVPC(t.Context(), &route53.ListHostedZonesByVPCInput{VPCId: &vpc, VPCRegion: zonetypes.VPCRegionApNortheast2}); err != nil {
		t.Fatal(err)
	}
	if calls != 3 || turns != 3 {
		t.Errorf("%d calls took %d turns, want 3 each", calls, turns)
	}
}
