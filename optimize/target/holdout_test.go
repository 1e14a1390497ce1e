package target

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

// randomWindow is flows of a window of 28 days, the last 7 held out.
func randomWindow(r *rand.Rand) []analyze.Flow {
	var flows []analyze.Flow
	seen := map[string]bool{}
	for range 4 + r.IntN(14) {
		f := approved(fmt.Sprintf("10.9.%d.%d", r.IntN(2), r.IntN(32)), netset.TCP, []int{22, 443, 8080}[r.IntN(3)])
		if seen[f.ID] {
			continue
		}
		seen[f.ID] = true
		for d := range int32(28) {
			if r.IntN(12) == 0 {
				f.Days = append(f.Days, d)
			}
		}
		if len(f.Days) == 0 {
			f.Days = []int32{int32(r.IntN(28))}
		}
		f.Records = int64(r.IntN(1000))
		flows = append(flows, f)
	}
	return flows
}

// admitsAlone asks the account itself, not the optimizer: does the group with
// the rules of an answer admit the flow?
func admitsAlone(t *testing.T, s *topology.Snapshot, r *Result, f *analyze.Flow) bool {
	t.Helper()
	g, _ := s.SecurityGroup("sg-1")
	next := *g
	next.Rules = nil
	for _, c := range r.Rules {
		rule, err := RuleOf(r.Direction, c.Rule)
		if err != nil {
			t.Fatal(err)
		}
		next.Rules = append(next.Rules, rule)
	}
	changed, err := s.Replace([]topology.SecurityGroup{next}, nil)
	if err != nil {
		t.Fatal(err)
	}
	port := uint16(f.Port)
	return changed.GroupOpens("sg-1", topology.Ingress).ContainsBlock(netset.Block{
		Prefix: netip.PrefixFrom(f.Peer, 32), Columns: netset.PortColumns(netset.TCP, port, port)})
}

// TestHoldOutIsAPlanOfThePartBefore: what a point carries is what the plan of the
// earlier flows alone, with so many rules, admits of the later ones.
func TestHoldOutIsAPlanOfThePartBefore(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 11))
	s := one(t)
	points, partly := 0, 0
	for range 60 {
		in := Input{Snapshot: s, Flows: randomWindow(r), Policy: DefaultPolicy(), Scope: []string{"sg-1"}}
		const from = 21
		ts, _, err := Build(in)
		if err != nil {
			t.Fatal(err)
		}
		rs, err := Solve(context.Background(), ts, Options{})
		if err != nil {
			t.Fatal(err)
		}
		part := Part{From: from, Earlier: analyze.Earlier(in.Flows, from, 0)}
		if err := HoldOut(context.Background(), in, rs, part, Options{Workers: 2}); err != nil {
			t.Fatal(err)
		}
		res := rs[slices.IndexFunc(rs, func(x Result) bool { return x.ID == "sg-1 ingress ipv4" })]
		var later []analyze.Flow
		for _, f := range in.Flows {
			if f.Days[len(f.Days)-1] >= from {
				later = append(later, f)
			}
		}
		if len(later) == 0 {
			if res.Held != nil {
				t.Fatalf("held %+v though no flow is of the part", res.Held)
			}
			continue
		}
		if res.Held.Total.Flows != len(later) || len(res.Held.At) == 0 {
			t.Fatalf("held %+v, want %d flows", res.Held, len(later))
		}
		for _, at := range res.Held.At {
			want := carriedOf(t, s, in, part.Earlier, later, at.Price)
			if at.Traffic.Flows != want {
				t.Fatalf("%d rules carry %d of %d flows, a plan of the part before %d", at.Price, at.Traffic.Flows, len(later), want)
			}
			if points++; want < len(later) {
				partly++
			}
		}
	}
	if points < 100 || partly < 20 {
		t.Errorf("%d points, %d of them carry a part only: too few to say anything", points, partly)
	}
}

func carriedOf(t *testing.T, s *topology.Snapshot, in Input, earlier, later []analyze.Flow, price int) int {
	t.Helper()
	in.Flows = earlier
	in.Policy.MaxRules = map[string]int{"sg-1 ingress ipv4": price}
	ts, _, err := Build(in)
	if err != nil {
		t.Fatal(err)
	}
	// As many steps as it takes are not the question here.
	got, err := solveTarget(context.Background(), find(t, ts, "sg-1 ingress ipv4"), nil, Options{}.Optimize)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for i := range later {
		if admitsAlone(t, s, &got, &later[i]) {
			n++
		}
	}
	return n
}

func TestRecordsAreSpreadOverDays(t *testing.T) {
	f := approved("10.9.0.1", netset.TCP, 443)
	f.Days, f.Records = []int32{1, 2, 25, 26}, 101
	g := approved("10.9.0.2", netset.TCP, 443)
	g.Days, g.Records = []int32{27}, 9
	flows := []analyze.Flow{f, g}
	w := newSeen(flows, Part{From: 21, Earlier: analyze.Earlier(flows, 21, 3)})
	r := &Result{Target: Target{Flows: []string{f.ID, g.ID}}}
	if got := traffic(w.needs(r), nil); got != (Traffic{Flows: 2, New: 2, Records: 59}) {
		t.Errorf("%+v", got) // two days before are fewer than three: new
	}
	w = newSeen(flows, Part{From: 21, Earlier: analyze.Earlier(flows, 21, 2)})
	if got := traffic(w.needs(r), nil); got.New != 1 {
		t.Errorf("%+v", got)
	}
}
