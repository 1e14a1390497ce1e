package demo

import (
	"encoding/json"
	"fmt"
	"io"
	"net/netip"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/topology/netset"
)

// ReadTruth reads what [Truth.Encode] wrote.
func ReadTruth(r io.Reader) (*Truth, error) {
	var t Truth
	if err := json.NewDecoder(r).Decode(&t); err != nil {
		return nil, fmt.Errorf("read the demo's truth: %w", err)
	}
	if t.Format != TruthFormat {
		return nil, fmt.Errorf("read the demo's truth: format %q, want %s", t.Format, TruthFormat)
	}
	return &t, nil
}

// Score says how well flows tell the truth. A flow is right if the truth has a
// connection from its opener to its target and port. Of protocols without
// ports, ICMP too, the logs do not show who opened: either direction is right.
type Score struct {
	Settled, Right, Unsettled int
	// Legit is how many legitimate pairs the truth has; Found, with how many of
	// them some flow is right.
	Legit, Found int
	// Approved flows, and those of them that are of legitimate pairs.
	Approved, ApprovedLegit int
	// Ends is how many ENIs the legitimate pairs end at; Carried, at how many of
	// them a right flow is approved.
	Ends, Carried int
	// Wrong and Missed are examples, up to 50 each.
	Wrong, Missed []string
	// WrongBy counts the wrong flows by their method.
	WrongBy map[analyze.Method]int
}

// Precision is the share of settled flows that are right.
func (s *Score) Precision() float64 { return ratio(s.Right, s.Settled) }

// Recall is the share of legitimate pairs found.
func (s *Score) Recall() float64 { return ratio(s.Found, s.Legit) }

// RulePrecision is the share of approved flows that are legitimate.
func (s *Score) RulePrecision() float64 { return ratio(s.ApprovedLegit, s.Approved) }

// RuleRecall is the share of the ends of legitimate pairs that an approved flow carries.
func (s *Score) RuleRecall() float64 { return ratio(s.Carried, s.Ends) }

func ratio(a, b int) float64 {
	if b == 0 {
		return 1
	}
	return float64(a) / float64(b)
}

// pairKey names a pair as a flow and the truth both do.
type pairKey struct {
	opener, target netip.Addr
	protocol, port int
}

func (k pairKey) turned() pairKey { return pairKey{k.target, k.opener, k.protocol, k.port} }

func (k pairKey) String() string {
	return fmt.Sprintf("%s -> %s protocol %d port %d", k.opener, k.target, k.protocol, k.port)
}

// scorer counts.
type scorer struct {
	score Score
	truth map[pairKey]*TruthEntry
	found map[pairKey]bool
	ends  map[string]bool // pair and ENI
}

// Score compares flows with the truth.
func (t *Truth) Score(flows []analyze.Flow) Score {
	s := scorer{truth: map[pairKey]*TruthEntry{}, found: map[pairKey]bool{}, ends: map[string]bool{}}
	s.score.WrongBy = map[analyze.Method]int{}
	for i := range t.Pairs {
		x := &t.Pairs[i]
		k := x.key()
		if old := s.truth[k]; old == nil || old.Kind != Legit {
			s.truth[k] = x
		}
	}
	for i := range flows {
		s.flow(&flows[i])
	}
	for i := range t.Pairs {
		s.pair(&t.Pairs[i])
	}
	return s.score
}

func (x *TruthEntry) key() pairKey { return pairKey{x.Opener, x.Target, x.Protocol, x.Port} }

// flow judges one flow.
func (s *scorer) flow(f *analyze.Flow) {
	k := pairKey{f.Local, f.Peer, int(f.Protocol), f.Port}
	if f.Side == analyze.In {
		k = k.turned()
	}
	undirected := !netset.Protocol(k.protocol).HasPorts()
	x := s.truth[k]
	if undirected {
		k.port = analyze.NoPort
		if x = s.truth[k]; x == nil {
			k = k.turned()
			x = s.truth[k]
		}
	}
	switch {
	case f.Side == analyze.Unsettled && !undirected:
		s.score.Unsettled++
		return
	case x == nil:
		s.score.Settled++
		s.score.WrongBy[f.Method]++
		example(&s.score.Wrong, fmt.Sprintf("%s at %s by %s, %d records, %s", k, f.ENI, f.Method, f.Records, f.Action))
	default:
		s.score.Settled++
		s.score.Right++
		s.found[k] = true
	}
	if f.Approved {
		s.score.Approved++
		if x != nil && x.Kind == Legit {
			s.score.ApprovedLegit++
			s.ends[k.String()+" "+f.ENI] = true
		}
	}
}

// pair judges what was found of a legitimate pair.
func (s *scorer) pair(x *TruthEntry) {
	if x.Kind != Legit {
		return
	}
	s.score.Legit++
	if s.found[x.key()] {
		s.score.Found++
	} else {
		example(&s.score.Missed, fmt.Sprintf("%s (%s, %d connections, %d records)", x.key(), x.Service, x.Connections, x.Records))
	}
	for _, eni := range []string{x.OpenerENI, x.TargetENI} {
		if eni == "" {
			continue
		}
		s.score.Ends++
		if s.ends[x.key().String()+" "+eni] {
			s.score.Carried++
		} else {
			example(&s.score.Missed, fmt.Sprintf("%s at %s: no approved flow (%s, %d records)", x.key(), eni, x.Service, x.Records))
		}
	}
}

func example(list *[]string, text string) {
	if len(*list) < 50 {
		*list = append(*list, text)
	}
}
