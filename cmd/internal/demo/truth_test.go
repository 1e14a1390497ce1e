package demo

import (
	"encoding/json"
	"os"
	"testing"
)

func readTruth(t *testing.T, path string) *Truth {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out Truth
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	if out.Format != TruthFormat || len(out.Pairs) == 0 {
		t.Fatalf("truth of format %q with %d pairs", out.Format, len(out.Pairs))
	}
	return &out
}

// inMemory makes a run's records and writes nothing.
func inMemory(t *testing.T, opt Options) (*Truth, *Report) {
	t.Helper()
	if err := opt.defaults(); err != nil {
		t.Fatal(err)
	}
	g := newGenerator(opt, &Report{Snapshot: snapshotOf(t, account(t, opt.Seed, Size{opt.VPCs, opt.ENIs}))}, nil)
	e := &emitter{g: g, marks: make([]uint8, int64(len(g.phases))*g.perHour), truth: newTruthTable(g)}
	for hour := g.first; hour < g.last; hour++ {
		g.makeHour(e, hour)
		g.report.Records += int64(len(e.out))
		g.report.count(e.out)
	}
	return e.truth.truth(), g.report
}

// The mix has enough of what makes reading flow logs hard.
func TestMixIsHardEnough(t *testing.T) {
	truth, r := inMemory(t, Options{Seed: 1})
	services, high := map[string]bool{}, map[string]bool{}
	share := map[string]int{}
	legit := 0
	kinds := map[Kind]int{}
	for _, x := range truth.Pairs {
		kinds[x.Kind]++
		if x.Kind != Legit || x.From == "@internet" || x.From == "@internet6" || x.From == "@branch" {
			continue // a crowd's thousands of pairs would hide the rest
		}
		legit++
		service := x.Target.String() + " " + x.Service
		services[service] = true
		if x.Port >= 32768 {
			high[service] = true
		}
		if x.Port > 0 && x.Port < 49152 && x.OpenerPortHigh > 0 && x.OpenerPortHigh < 32768 && x.OpenerPortLow == x.OpenerPortHigh {
			share["both ports registered"]++
		}
		if x.CrossesMidnight {
			share["over midnight"]++
		}
		if !x.SYN && x.Protocol == 6 {
			share["without a SYN"]++
		}
	}
	t.Logf("%d pairs, %d legitimate beside the crowds, %d services, %d on high ports, %v, %v, dropped %v", len(truth.Pairs), legit, len(services), len(high), share, kinds, r.Dropped)
	if 20*len(high) < len(services) {
		t.Errorf("%d of %d services on ports from 32768 up, want 5%%", len(high), len(services))
	}
	for _, what := range []string{"both ports registered", "over midnight", "without a SYN"} {
		if 20*share[what] < legit {
			t.Errorf("%s: %d of %d pairs, want 5%%", what, share[what], legit)
		}
	}
	for _, kind := range []Kind{Legit, OneWay, Demand, Scan, Probe, NoReply} {
		if kinds[kind] == 0 {
			t.Errorf("no pair of kind %s", kind)
		}
	}
	if r.SkipData == 0 || r.NoData == 0 || r.Rejected == 0 {
		t.Errorf("%+v", r)
	}
	seen := map[string]bool{}
	for _, x := range truth.Pairs {
		seen[x.Service] = true
	}
	for i := range calls {
		if c := &calls[i]; c.to != "biz" && c.from != "biz" && !seen[c.name] {
			t.Errorf("%s never happened", c.name)
		}
	}
}
