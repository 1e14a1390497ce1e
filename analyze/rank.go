package analyze

import (
	"fmt"
	"math/bits"
	"slices"
	"strconv"
)

// rank orders flows that are sorted by key by what a reviewer should read first and says why.
// Nothing else depends on it. All weights are integers, so that every machine
// ranks alike.
func rank(flows []Flow, a *attributor) {
	order := make([]uint64, len(flows)) // the score's complement, then the place by key
	for i := range flows {
		order[i] = uint64(1<<31-a.score(&flows[i]))<<32 | uint64(i)
	}
	slices.Sort(order)
	reorder(flows, order)
	for i := range flows {
		flows[i].Rank = i + 1
	}
}

// reorder puts the flow that order names at each place, moving each flow once.
func reorder(flows []Flow, order []uint64) {
	const index = 1<<32 - 1
	for start := range order {
		if order[start]&index == uint64(start) {
			continue
		}
		first := flows[start]
		for i := start; ; {
			from := int(order[i] & index)
			order[i] = uint64(i)
			if from == start {
				flows[i] = first
				break
			}
			flows[i] = flows[from]
			i = from
		}
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

// Words of Why that others look for: the whole of the first, the ends of the others.
const (
	WhyInternet = "the peer is on the internet"
	WhyAdmin    = " is an admin port"
	WhyDatabase = " is a database port"
)

func (a *attributor) risk(f *Flow) int {
	s := 0
	say := func(points int, why string) {
		s += points
		f.Why = append(f.Why, why)
	}
	if a.internet(f.Peer) {
		say(120, WhyInternet)
	}
	if f.on(a.policy.AdminPorts) {
		say(120, f.service()+WhyAdmin)
	}
	if f.on(a.policy.DatabasePorts) {
		say(80, f.service()+WhyDatabase)
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
	return f.Protocol.String() + "/" + strconv.Itoa(f.Port)
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
