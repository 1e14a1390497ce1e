package analyze

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"
)

// rank orders the flows by what a reviewer should read first and says why.
// Nothing else depends on it. All weights are integers, so that every machine
// ranks alike.
func rank(flows []Flow, a *attributor) {
	type scored struct {
		score int
		f     Flow
	}
	all := make([]scored, len(flows))
	for i := range flows {
		f := &flows[i]
		s := a.score(f)
		all[i] = scored{s, *f}
	}
	slices.SortFunc(all, func(x, y scored) int {
		return cmp.Or(y.score-x.score, compareFlowKeys(&x.f, &y.f))
	})
	for i := range all {
		flows[i] = all[i].f
		flows[i].Rank = i + 1
	}
}

// score adds up, in thousandths: how steady, how much, how recent, how sure,
// how risky. What is approved comes before what is not, what was accepted
// before what was refused.
func (a *attributor) score(f *Flow) int {
	s := 0
	switch {
	case f.Approved:
		s += 4000 // more than all else can add up to
	case f.Action != Reject:
		s += 2000
	}
	switch f.Class {
	case Steady:
		s += 300
	case Periodic:
		s += 280
	case Occasional:
		s += 120
	case Single:
		s += 40
	}
	s += 100 * min(len(f.Days), a.window.count()) / max(a.window.count(), 1)
	s += 3 * min(bits.Len64(uint64(max(f.Bytes, 0))), 50)
	if n := len(f.Days); n > 0 && f.Class != Stale {
		s += 100 * max(0, a.window.count()-(a.window.last-int(f.Days[n-1]))) / max(a.window.count(), 1)
	}
	s += surety(f.Method)
	if !f.Method.Strong() {
		f.Why = append(f.Why, "who opened it is settled by "+methodWords(f.Method))
	}
	return s + a.risk(f)
}

func surety(m Method) int {
	switch m {
	case MethodSYN, MethodOtherDay, MethodCapture:
		return 100
	case MethodNAT, MethodListener:
		return 80
	case MethodFanIn:
		return 60
	case MethodOneWay, MethodPorts:
		return 40
	case MethodFewPorts, MethodLower, MethodRules:
		return 15
	}
	return 0
}

func methodWords(m Method) string {
	switch m {
	case MethodNAT:
		return "the NAT gateway on its way"
	case MethodListener:
		return "what listens on its port"
	case MethodFanIn:
		return "the many peer ports that met its port"
	case MethodOneWay:
		return "its packets, which went one way only"
	case MethodPorts:
		return "the classes of its ports, a guess"
	case MethodFewPorts:
		return "the few peer ports that met its port, a guess"
	case MethodLower:
		return "its lower port, a guess"
	case MethodRules:
		return "today's rules alone, a guess"
	}
	return "nothing"
}

func (a *attributor) risk(f *Flow) int {
	s := 0
	say := func(points int, why string) {
		s += points
		f.Why = append(f.Why, why)
	}
	if a.internet(f.Peer) {
		say(120, "the peer is on the internet")
	}
	if f.on(a.policy.AdminPorts) {
		say(120, fmt.Sprintf("%s is an admin port", f.service()))
	}
	if f.on(a.policy.DatabasePorts) {
		say(80, fmt.Sprintf("%s is a database port", f.service()))
	}
	if f.Class == Single && f.Action != Reject {
		say(60, "a peer met on one day only")
	}
	if f.SeenInMiddle {
		say(20, "only ENIs between the ends logged it")
	}
	return s
}

// service writes "tcp/443", "icmp", "50".
func (f *Flow) service() string {
	if f.Port == NoPort {
		return f.Protocol.String()
	}
	return fmt.Sprintf("%s/%d", f.Protocol, f.Port)
}

// Text writes the flow as people read it, the opener first:
// "10.0.0.5 -> 10.1.0.7 tcp/443".
func (f Flow) Text() string {
	from, to, arrow := f.Local, f.Peer, "->"
	switch f.Side {
	case In:
		from, to = to, from
	case Out:
	default:
		arrow = "<->"
	}
	name := f.service()
	if f.Protocol == UnknownProtocol {
		name = "unknown protocol"
	}
	return fmt.Sprintf("%s %s %s %s", from, arrow, to, name)
}
