package diagram

import (
	"fmt"
	"io"
	"net/netip"
	"strings"

	"github.com/flowcover/flowcover/topology"
)

const (
	legWidth = 520.0
	legGap   = 36.0
	hopPad   = 10.0
)

// Path draws a traced connection: the request's hops on the left, the reply's
// on the right, each with the rule, entry or route that decided, and where the
// packet stopped.
func Path(w io.Writer, s *topology.Snapshot, q topology.Query, r topology.Result) error {
	d := &svg{}
	title := fmt.Sprintf("%s to %s", q.From, q.To)
	d.text(fontTitle, "", margin, margin+10, fontTitle.fit(title, legWidth))
	d.text(fontBody, "soft", margin, margin+31, asked(q))
	y := margin + 50
	width := 2*margin + legWidth
	y = drawLeg(d, s, "Request", q.From, q.To, r.Leg, margin, y)
	if r.Reply.Disposition == topology.NotSent {
		y = drawLeg(d, s, "Reply", q.To, q.From, r.Reply, margin, y+18)
	} else {
		y = max(y, drawLeg(d, s, "Reply", q.To, q.From, r.Reply, margin+legWidth+legGap, margin+50))
		width += legWidth + legGap
	}
	height := y + 22
	d.text(fontSmall, "soft", margin, height-4, "Snapshot "+s.Digest()[:16])
	return d.write(w, width, height+margin/2, title,
		fmt.Sprintf("request %s, reply %s", r.Disposition, r.Reply.Disposition))
}

// asked writes what was asked, in words.
func asked(q topology.Query) string {
	text := q.Protocol.String()
	switch {
	case q.Protocol.HasPorts():
		text += fmt.Sprintf(" to port %d", q.Port)
		if q.SourcePort != 0 {
			text += fmt.Sprintf(" from port %d", q.SourcePort)
		}
	case q.Protocol.HasTypes() && (q.ICMPType != 0 || q.ICMPCode != 0):
		text += fmt.Sprintf(" type %d code %d", q.ICMPType, q.ICMPCode)
	}
	return text
}

// verdicts say a disposition in words.
var verdicts = map[topology.Disposition]string{
	topology.Accepted: "delivered", topology.DeniedOut: "refused leaving", topology.DeniedIn: "refused on arrival",
	topology.NoRoute: "no route matches", topology.NullRouted: "a route matches and cannot carry",
	topology.NeighborUnreachable: "no interface holds the address", topology.ExitsNetwork: "leaves the snapshot", topology.NotSent: "not sent: the request never arrived",
}

// drawLeg draws one direction and gives where it ends.
func drawLeg(d *svg, s *topology.Snapshot, name, from, to string, leg topology.Leg, x, y float64) float64 {
	good := leg.Disposition.Delivered()
	class, chip := "bad", "badchip"
	switch {
	case good:
		class, chip = "good", "chip"
	case leg.Disposition == topology.NotSent:
		class, chip = "soft", "chip"
	}
	d.text(fontHead, "", x, y+14, name)
	word := string(leg.Disposition)
	w := fontSmall.width(word)*1.15 + 18
	d.rect(chip, x+72, y, w, 20, 10)
	d.anchored(fontSmall, class+" strong", "middle", x+72+w/2, y+14, word)
	d.text(fontBody, class, x+72+w+10, y+14.5, verdicts[leg.Disposition])
	y += 32
	if leg.Disposition == topology.NotSent {
		return notes(d, leg.Notes, x, y)
	}
	y = endBox(d, s, "from", from, x, y, true)
	for i := range leg.Hops {
		y = arrow(d, x, y, false)
		y = drawHop(d, s, &leg.Hops[i], x, y)
	}
	y = arrow(d, x, y, !good)
	y = endBox(d, s, "to", to, x, y, good)
	return notes(d, leg.Notes, x, y+8)
}

// arrow leads from one box to the next; where the packet stopped, with a cross.
func arrow(d *svg, x, y float64, stopped bool) float64 {
	const length = 20.0
	at := x + 26
	if stopped {
		d.line("softline loose", 2, at, y, at, y+length)
		d.line("badline", 2.5, at-6, y+4, at+6, y+16)
		d.line("badline", 2.5, at+6, y+4, at-6, y+16)
		return y + length
	}
	d.line("goodline", 2, at, y, at, y+length-2)
	d.line("goodline", 2, at-5, y+length-8, at, y+length-2, at+5, y+length-8)
	return y + length
}

// endBox draws an end: what was named, and what the snapshot calls it.
func endBox(d *svg, s *topology.Snapshot, role, id string, x, y float64, reached bool) float64 {
	class := "card"
	if !reached {
		class = "card alone"
	}
	lines := describeEnd(s, id)
	h := 2*hopPad + 16 + 15*float64(len(lines))
	d.rect(class, x, y, legWidth, h, 8)
	d.text(fontSmall, "soft", x+hopPad, y+hopPad+11, role)
	d.text(fontHead, "", x+hopPad+34, y+hopPad+12, fontHead.fit(id, legWidth-2*hopPad-34))
	for i, line := range lines {
		d.text(fontSmall, "soft", x+hopPad+34, y+hopPad+27+15*float64(i), fontSmall.fit(line, legWidth-2*hopPad-34))
	}
	return y + h
}

// describeEnd says what an end is: its name, its interface, where it stands.
func describeEnd(s *topology.Snapshot, id string) []string {
	var enis []*topology.NetworkInterface
	switch {
	case strings.HasPrefix(id, "eni-"):
		if n, ok := s.Interface(id); ok {
			enis = []*topology.NetworkInterface{n}
		}
	case strings.HasPrefix(id, "i-"):
		enis = s.InterfacesOfInstance(id)
	default:
		if a, err := netip.ParseAddr(id); err == nil {
			if enis = s.InterfacesAt(a); len(enis) == 0 {
				enis = s.InterfacesAtPublic(a)
			}
		}
	}
	if len(enis) == 0 {
		return nil
	}
	if len(enis) > 1 && !strings.HasPrefix(id, "i-") {
		return []string{several(len(enis), "interface") + " of the snapshot hold it"}
	}
	n := enis[0]
	var out, where []string
	for _, part := range []string{clean(s.Name(n.Instance)), clean(n.Tags["Name"]), clean(n.Description)} {
		if part != "" {
			out = append(out, part)
			break
		}
	}
	if len(n.Addresses) > 0 {
		where = append(where, n.Addresses[0].String())
	}
	if n.Instance != "" && n.Instance != id {
		where = append(where, n.Instance)
	}
	if n.ID != id {
		where = append(where, n.ID)
	}
	out = append(out, strings.Join(where, " · "))
	return append(out, withName(s, n.Subnet), withName(s, n.VPC))
}

// withName puts the name people use before an id.
func withName(s *topology.Snapshot, id string) string {
	if name := clean(s.Name(id)); name != "" {
		return name + " (" + id + ")"
	}
	return id
}

// hopWords are the kinds of hops as people call them.
var hopWords = map[string]string{
	"security-group": "Security group", "network-acl": "Network ACL", "route-table": "Route table", "tgw-route-table": "TGW route table",
}

func drawHop(d *svg, s *topology.Snapshot, h *topology.Hop, x, y float64) float64 {
	refused := h.Verdict != topology.Pass
	room := legWidth - 2*hopPad
	kind := hopWords[h.Kind]
	if kind == "" {
		kind = strings.ToUpper(h.Kind[:min(1, len(h.Kind))]) + strings.ReplaceAll(h.Kind[min(1, len(h.Kind)):], "-", " ")
	}
	decided, nearest := decidedBy(s, h), []string(nil)
	var details []string
	if h.Detail != "" {
		details = fontSmall.wrap(clean(h.Detail), room)
	}
	rules := fontMono.wrap(decided, room)
	if h.Nearest != "" {
		nearest = fontSmall.wrap("Nearest: "+clean(h.Nearest), room-16)
	}
	height := 2*hopPad + 14 + 14*float64(len(rules)) + 14*float64(len(details))
	if nearest != nil {
		height += 14*float64(len(nearest)) + 16
	}
	class := "card"
	if refused {
		class = "badcard"
	}
	d.rect(class, x, y, legWidth, height, 8)
	at := y + hopPad + 11
	name := kind
	if n := clean(s.Name(h.Resource)); n != "" {
		name += " " + n
	}
	word, wordClass := "pass", "good"
	if refused {
		word, wordClass = "STOP", "bad"
	}
	d.text(fontHead, "", x+hopPad, at, fontHead.fit(name, room-44))
	d.anchored(fontHead, wordClass, "end", x+legWidth-hopPad, at, word)
	at += 16
	for _, line := range rules {
		d.text(fontMono, "", x+hopPad, at, line)
		at += 14
	}
	for _, line := range details {
		d.text(fontSmall, "soft", x+hopPad, at, line)
		at += 14
	}
	if nearest != nil {
		d.rect("warnchip", x+hopPad, at-8, room, 14*float64(len(nearest))+10, 5)
		for i, line := range nearest {
			d.text(fontSmall, "warn", x+hopPad+8, at+5+14*float64(i), line)
		}
	}
	return y + height
}

// decidedBy writes the resource and the rule of it that decided.
func decidedBy(s *topology.Snapshot, h *topology.Hop) string {
	text := clean(h.Resource)
	if h.Rule == nil {
		return text
	}
	text += ": " + clean(h.Rule.Rule)
	if h.Rule.Resource != h.Resource {
		text += " of " + clean(withName(s, h.Rule.Resource))
	}
	if h.Rule.ID != "" {
		text += " (" + h.Rule.ID + ")"
	}
	return text
}

func notes(d *svg, in []string, x, y float64) float64 {
	for _, n := range in {
		for _, line := range fontSmall.wrap("Note: "+clean(n), legWidth) {
			d.text(fontSmall, "warn", x, y+12, line)
			y += 14
		}
	}
	return y
}
