package demo

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/topology/netset"
)

func TestScore(t *testing.T) {
	a, b, c := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("192.0.2.9")
	truth := &Truth{Format: TruthFormat, Pairs: []TruthEntry{
		{Service: "db", Kind: Legit, Opener: a, OpenerENI: "eni-a", Target: b, TargetENI: "eni-b", Protocol: 6, Port: 1521},
		{Service: "ping", Kind: Legit, Opener: a, OpenerENI: "eni-a", Target: b, TargetENI: "eni-b", Protocol: 1, Port: -1},
		{Service: "scan", Kind: Scan, Opener: c, Target: a, TargetENI: "eni-a", Protocol: 6, Port: 23},
	}}
	flow := func(eni string, side analyze.Side, proto netset.Protocol, local, peer netip.Addr, port int, approved bool) analyze.Flow {
		f := analyze.Flow{ENI: eni, Side: side, Protocol: proto, Local: local, Peer: peer, Port: port, Method: analyze.MethodSYN}
		f.Approved = approved
		return f
	}
	flows := []analyze.Flow{
		flow("eni-a", analyze.Out, 6, a, b, 1521, true),
		flow("eni-b", analyze.In, 6, b, a, 1521, true),
		flow("eni-b", analyze.Unsettled, 1, b, a, -1, false), // either direction of a ping is right
		flow("eni-a", analyze.In, 6, a, c, 23, true),         // a scan must not be approved
		flow("eni-b", analyze.Out, 6, b, a, 40001, false),    // a reply taken for a request
		flow("eni-b", analyze.Unsettled, 6, b, a, 1, false),  // nothing told
	}
	s := truth.Score(flows)
	if s.Settled != 5 || s.Right != 4 || s.Unsettled != 1 || s.Legit != 2 || s.Found != 2 || s.Approved != 3 || s.ApprovedLegit != 2 || s.Ends != 4 || s.Carried != 2 ||
		s.WrongBy[analyze.MethodSYN] != 1 || len(s.Wrong) != 1 || len(s.Missed) != 2 {
		t.Errorf("%+v", s)
	}
	if s.Precision() != 0.8 || s.Recall() != 1 || s.RuleRecall() != 0.5 || s.RulePrecision() != 2.0/3 {
		t.Errorf("%v %v %v %v", s.Precision(), s.Recall(), s.RulePrecision(), s.RuleRecall())
	}
	var out bytes.Buffer
	if err := truth.Encode(&out); err != nil {
		t.Fatal(err)
	}
	back, err := ReadTruth(&out)
	if err != nil || len(back.Pairs) != 3 || back.Pairs[0] != truth.Pairs[0] {
		t.Errorf("read back %+v: %v", back, err)
	}
	if _, err := ReadTruth(bytes.NewBufferString(`{"format":"other"}`)); err == nil {
		t.Error("another format was read")
	}
}
