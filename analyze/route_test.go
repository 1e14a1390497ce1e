package analyze

import (
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

// Lost packets become findings, by attachment and reason; what was carried and
// what another attachment counted do not. The order of the lines is nothing.
func TestLosses(t *testing.T) {
	line := func(att, dir, src, dst string, noRoute, blackhole, ttl int64) Transit {
		return Transit{Account: "1", Region: "r", Gateway: "tgw-1", Attachment: att, Direction: dir, Source: addr(src), Dest: addr(dst),
			Packets: 100, LostNoRoute: noRoute, LostBlackhole: blackhole, LostTTL: ttl}
	}
	between := func(t Transit, pair string) Transit {
		t.PairAttachment = pair
		return t
	}
	lines := []Transit{
		line("att-a", "ingress", "10.0.0.1", "10.9.0.1", 4, 0, 0),
		line("att-a", "ingress", "10.0.0.2", "10.9.0.1", 5, 0, 0),
		line("att-a", "ingress", "10.0.0.3", "10.9.0.1", 1, 0, 0),
		line("att-a", "ingress", "10.0.0.4", "10.9.0.1", 1, 0, 0),
		line("att-b", "", "10.0.0.1", "10.8.0.1", 0, 7, 0),
		line("att-b", "egress", "10.0.0.1", "10.7.0.1", 0, 0, 3),
		between(line("att-c", "ingress", "10.0.0.1", "10.5.0.1", 0, 0, 2), "att-d"),
		between(line("att-d", "egress", "10.0.0.1", "10.5.0.1", 0, 0, 2), "att-c"),
		line("att-a", "ingress", "10.0.0.1", "10.6.0.1", 0, 0, 0),
	}
	losses, found := Losses(lines)
	if len(losses) != 7 {
		t.Errorf("losses %+v", losses)
	}
	var got []string
	for _, f := range found {
		got = append(got, f.Severity+" "+f.Kind+" "+f.Resource+" "+f.Message)
	}
	want := []string{
		"medium transit-no-route tgw-1 att-a 11 packets of 4 address pairs lost, such as 10.0.0.1 -> 10.9.0.1, 10.0.0.2 -> 10.9.0.1, 10.0.0.3 -> 10.9.0.1: the gateway's route table has no route to them",
		"medium transit-blackhole tgw-1 att-b 7 packets of 1 address pair lost, such as 10.0.0.1 -> 10.8.0.1: the route to them is a blackhole",
		"low transit-ttl tgw-1 att-b 3 packets of 1 address pair lost, such as 10.0.0.1 -> 10.7.0.1: their time to live ran out, as in a loop of routes",
		"low transit-ttl tgw-1 att-c 2 packets of 1 address pair lost, such as 10.0.0.1 -> 10.5.0.1: their time to live ran out, as in a loop of routes",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for seed := range uint64(5) {
		r := rand.New(rand.NewPCG(seed, 1))
		r.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
		l, f := Losses(lines)
		if !reflect.DeepEqual(l, losses) || !reflect.DeepEqual(f, found) {
			t.Fatalf("seed %d: another order gives another answer", seed)
		}
	}
}
