package analyze

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Loss is what a transit gateway (TGW) says it lost between two addresses over
// a window: evidence that a route is missing or leads nowhere.
type Loss struct {
	Account        string     `json:"account"`
	Region         string     `json:"region"`
	Gateway        string     `json:"gateway"`
	Attachment     string     `json:"attachment"`
	PairAttachment string     `json:"pair_attachment"`
	Source         netip.Addr `json:"source"`
	Dest           netip.Addr `json:"dest"`
	Packets        int64      `json:"packets"` // carried and lost
	NoRoute        int64      `json:"packets_lost_no_route"`
	Blackhole      int64      `json:"packets_lost_blackhole"`
	MTU            int64      `json:"packets_lost_mtu_exceeded"`
	TTL            int64      `json:"packets_lost_ttl_expired"`
}

// lossKinds are the reasons for which a TGW drops a packet, and what each means.
var lossKinds = []struct {
	kind, severity, why string
	of                  func(*Loss) int64
}{
	{"transit-no-route", "medium", "the gateway's route table has no route to them", func(l *Loss) int64 { return l.NoRoute }},
	{"transit-blackhole", "medium", "the route to them is a blackhole", func(l *Loss) int64 { return l.Blackhole }},
	{"transit-mtu", "low", "they were larger than the gateway carries", func(l *Loss) int64 { return l.MTU }},
	{"transit-ttl", "low", "their time to live ran out, as in a loop of routes", func(l *Loss) int64 { return l.TTL }},
}

// Losses are the transit lines with lost packets, sorted, with a finding for
// each attachment and reason. What one attachment lost on the way in counts
// there, and not again where the gateway would have sent it out.
func Losses(lines []Transit) ([]Loss, []Finding) {
	type way struct {
		gateway, in, out string
		src, dst         netip.Addr
	}
	entered := map[way]bool{}
	for _, t := range lines {
		if t.Direction == "ingress" && t.lost() {
			entered[way{t.Gateway, t.Attachment, t.PairAttachment, t.Source, t.Dest}] = true
		}
	}
	var out []Loss
	for _, t := range lines {
		if !t.lost() || t.Direction == "egress" && entered[way{t.Gateway, t.PairAttachment, t.Attachment, t.Source, t.Dest}] {
			continue
		}
		out = append(out, Loss{
			Account: t.Account, Region: t.Region, Gateway: t.Gateway, Attachment: t.Attachment, PairAttachment: t.PairAttachment, Source: t.Source, Dest: t.Dest,
			Packets: t.Packets, NoRoute: t.LostNoRoute, Blackhole: t.LostBlackhole, MTU: t.LostMTU, TTL: t.LostTTL,
		})
	}
	slices.SortFunc(out, func(a, b Loss) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Region, b.Region), cmp.Compare(a.Gateway, b.Gateway), cmp.Compare(a.Attachment, b.Attachment),
			cmp.Compare(a.PairAttachment, b.PairAttachment), a.Source.Compare(b.Source), a.Dest.Compare(b.Dest))
	})
	return out, lossFindings(out)
}

func (t *Transit) lost() bool { return t.LostNoRoute+t.LostBlackhole+t.LostMTU+t.LostTTL > 0 }

// examples is how many address pairs a finding names.
const examples = 3

func lossFindings(losses []Loss) []Finding {
	type place struct{ gateway, attachment string }
	var out []Finding
	for _, k := range lossKinds {
		packets, pairs := map[place]int64{}, map[place][]string{}
		for i := range losses {
			l := &losses[i]
			if n := k.of(l); n > 0 {
				p := place{l.Gateway, l.Attachment}
				packets[p] += n
				pairs[p] = append(pairs[p], l.Source.String()+" -> "+l.Dest.String())
			}
		}
		for _, p := range sortedKeys(packets, func(a, b place) int {
			return cmp.Or(strings.Compare(a.gateway, b.gateway), strings.Compare(a.attachment, b.attachment))
		}) {
			such := slices.Compact(slices.Sorted(slices.Values(pairs[p])))
			count := fmt.Sprintf("%d address pairs", len(such))
			if len(such) == 1 {
				count = "1 address pair"
			}
			out = append(out, Finding{Kind: k.kind, Severity: k.severity, Resource: strings.TrimSpace(p.gateway + " " + p.attachment), Message: fmt.Sprintf(
				"%d packets of %s lost, such as %s: %s", packets[p], count, strings.Join(such[:min(examples, len(such))], ", "), k.why)})
		}
	}
	return out
}
