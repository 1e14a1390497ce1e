package diagram

import (
	"fmt"
	"strings"

	"github.com/flowcover/flowcover/topology"
)

const (
	cardPad    = 10.0
	lineHeight = 16.0
	chipHeight = 18.0
)

// hasTraffic says whether the picture shows traffic at all.
func (p *picture) hasTraffic() bool { return len(p.o.Traffic) > 0 }

func (p *picture) cardHeight(c *vpcCard) float64 {
	if c.more != nil {
		return 84
	}
	h := 2*cardPad + 18 + lineHeight // name, counts
	if c.name != "" {
		h += 14 // id
	}
	h += 15 * float64(len(cidrLines(c.vpc)))
	if len(c.chips()) > 0 {
		h += chipHeight + 6
	}
	if p.hasTraffic() {
		h += lineHeight
	}
	return h
}

// cidrLines gives a VPC's blocks on at most two lines.
func cidrLines(v *topology.VPC) []string {
	var lines []string
	line := ""
	for i, c := range v.CIDRs {
		next := c.String()
		if line != "" {
			next = line + "  " + next
		}
		if fontMono.width(next) <= cardWidth-2*cardPad-30 || line == "" {
			line = next
			continue
		}
		if len(lines) == 1 {
			return append(lines, fmt.Sprintf("%s  +%d", line, len(v.CIDRs)-i))
		}
		lines, line = append(lines, line), c.String()
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// chips are the ways in and out of a VPC, in words.
func (c *vpcCard) chips() []string {
	var out []string
	for _, k := range []struct{ kind, one, many string }{
		{topology.KindInternet, "internet", "internet"}, {topology.KindEgressOnly, "IPv6 out", "IPv6 out"},
		{topology.KindNAT, "NAT", "NAT"}, {topology.KindVPN, "VPN", "VPN"},
	} {
		switch n := c.gateways[k.kind]; {
		case n == 1:
			out = append(out, k.one)
		case n > 1:
			out = append(out, fmt.Sprintf("%s ×%d", k.many, n))
		}
	}
	if c.endpoints > 0 {
		out = append(out, several(c.endpoints, "endpoint"))
	}
	if c.peerings > 0 {
		out = append(out, several(c.peerings, "peering"))
	}
	return out
}

// alone says whether nothing leads out of the VPC.
func (c *vpcCard) alone() bool {
	return len(c.hubs) == 0 && c.peerings == 0 && len(c.gateways) == 0
}

func (p *picture) card(d *svg, c *vpcCard) {
	if c.more != nil {
		p.moreCard(d, c)
		return
	}
	d.group(strings.Join([]string{c.label(), c.vpc.ID, c.vpc.Account + " " + c.vpc.Region, joinPrefixes(c.vpc)}, " · "))
	class := "card"
	if c.alone() {
		class += " alone"
	}
	d.rect(class, c.x, c.y, cardWidth, c.h, 7)
	x, y, room := c.x+cardPad, c.y+cardPad, cardWidth-2*cardPad
	d.text(fontHead, "", x, y+13, fontHead.fit(c.label(), room))
	y += 18
	if c.name != "" {
		d.text(fontMono, "soft", x, y+10, fontMono.fit(c.vpc.ID, room))
		y += 14
	}
	for _, line := range cidrLines(c.vpc) {
		d.text(fontMono, "", x, y+11, fontMono.fit(line, room))
		y += 15
	}
	counts := fmt.Sprintf("%s in %s · %s · %s", several(c.subnets, "subnet"), several(c.zones, "zone"), several(c.enis, "ENI"), several(c.groups, "SG"))
	d.text(fontSmall, "soft", x, y+12, fontSmall.fit(counts, room))
	y += lineHeight
	if p.hasTraffic() {
		text := fmt.Sprintf("in %s · out %s", thousands(c.in), thousands(c.out))
		d.text(fontSmall, "", x, y+12, text)
		if c.refused > 0 {
			d.anchored(fontSmall, "bad strong", "end", c.x+cardWidth-cardPad, y+12, thousands(c.refused)+" refused")
		}
		y += lineHeight
	}
	chips(d, c.chips(), x, y+4, room)
	d.end()
}

// chips writes words in small boxes, as many as there is room for.
func chips(d *svg, words []string, x, y, room float64) {
	end := x + room
	for i, word := range words {
		w := fontSmall.width(word) + 12
		more := fmt.Sprintf("+%d", len(words)-i)
		if left := end - x; w > left || (i < len(words)-1 && w+6+fontSmall.width(more)+12 > left) {
			word, w = more, fontSmall.width(more)+12
			words = words[:i+1]
		}
		d.rect("chip", x, y, w, chipHeight, 9)
		d.anchored(fontSmall, "", "middle", x+w/2, y+12.5, word)
		if x += w + 6; i >= len(words)-1 {
			return
		}
	}
}

// moreCard counts the VPCs that are not drawn.
func (p *picture) moreCard(d *svg, c *vpcCard) {
	var enis, groups, in, out, refused int
	var names []string
	for _, v := range c.more {
		enis, groups, in, out, refused = enis+v.enis, groups+v.groups, in+v.in, out+v.out, refused+v.refused
		names = append(names, v.label())
	}
	d.group(strings.Join(names, ", "))
	d.rect("more", c.x, c.y, cardWidth, c.h, 7)
	x, y := c.x+cardPad, c.y+cardPad
	d.text(fontHead, "soft", x, y+13, "+"+several(len(c.more), "more VPC"))
	d.text(fontSmall, "soft", x, y+32, several(enis, "ENI")+" · "+several(groups, "SG"))
	if p.hasTraffic() {
		d.text(fontSmall, "soft", x, y+48, fmt.Sprintf("in %s · out %s", thousands(in), thousands(out)))
		if refused > 0 {
			d.anchored(fontSmall, "bad", "end", c.x+cardWidth-cardPad, y+48, thousands(refused)+" refused")
		}
	}
	d.end()
}

func joinPrefixes(v *topology.VPC) string {
	var out []string
	for _, c := range v.CIDRs {
		out = append(out, c.String())
	}
	return strings.Join(out, " ")
}
