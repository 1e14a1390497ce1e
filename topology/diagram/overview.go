package diagram

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/flowcover/flowcover/topology"
)

// Overview draws a snapshot: its VPCs in boxes by account and Region, the
// transit gateways they hang on, their peerings and gateways, and, if traffic
// is given, who talks to whom and what was refused.
func Overview(w io.Writer, s *topology.Snapshot, o Options) error {
	p := newPicture(s, o)
	d := &svg{}
	y := p.head(d)
	y = p.legendOfHubs(d, y)
	l := newLayout(p, y)
	for _, sh := range l.shelves {
		for _, f := range sh.frames {
			p.frame(d, f)
		}
	}
	l.trunks(d)
	l.rails(d)
	l.lanes(d)
	for _, sh := range l.shelves {
		for i := range sh.rows {
			for _, c := range sh.rows[i].cards {
				p.card(d, c)
			}
		}
	}
	y = l.bottom
	width := l.width
	if p.hasTraffic() {
		var right float64
		y, right = p.matrix(d, y+8)
		width = max(width, right+margin)
	}
	y = p.foot(d, y+6, width)
	return d.write(w, width, y+margin/2, p.title(), p.summary())
}

func (p *picture) title() string {
	if t := clean(p.o.Title); t != "" {
		return t
	}
	accounts := map[string]bool{}
	for _, c := range p.clusters {
		accounts[c.scope.Account] = true
	}
	if len(accounts) == 1 {
		return "Account " + p.clusters[0].scope.Account
	}
	return several(len(accounts), "account")
}

func (p *picture) summary() string {
	r := p.s.Resources()
	return strings.Join([]string{several(len(r.VPCs), "VPC"), several(len(r.Subnets), "subnet"), several(len(r.Interfaces), "interface"),
		several(len(r.SecurityGroups), "security group"), several(len(r.TransitGateways), "transit gateway"),
		several(len(r.Peerings), "peering")}, " · ")
}

func (p *picture) head(d *svg) float64 {
	d.text(fontTitle, "", margin, margin+10, fontTitle.fit(p.title(), 700))
	d.text(fontBody, "soft", margin, margin+30, p.summary())
	y := margin + 38
	if p.o.Source != "" {
		d.text(fontBody, "soft", margin, y+10, "Traffic: "+clean(p.o.Source))
		y += 18
	}
	return y + 12
}

// attachmentWords names what hangs on a transit gateway.
var attachmentWords = map[string]string{
	"vpc": "VPC", "vpn": "VPN", "direct-connect-gateway": "Direct Connect", "connect": "Connect", "peering": "TGW peering", "tgw-peering": "TGW peering",
}

// legendOfHubs writes a line for each transit gateway; its trunk begins there.
func (p *picture) legendOfHubs(d *svg, y float64) float64 {
	for i, h := range p.hubs {
		if i == maxHubs {
			d.text(fontBody, "soft", margin+16+laneGap*maxHubs, y+13, "+"+several(len(p.hubs)-maxHubs, "more transit gateway")+", without lines")
			y += 24
			break
		}
		var parts []string
		for _, kind := range slices.Sorted(maps.Keys(h.attachments)) {
			word := attachmentWords[kind]
			if word == "" {
				word = kind
			}
			parts = append(parts, fmt.Sprintf("%s ×%d", word, h.attachments[kind]))
		}
		parts = append(parts, several(h.tables, "route table"))
		name := "Transit gateway " + h.gateway.ID
		if h.name != "" {
			name = "Transit gateway " + fontHead.fit(h.name, 300)
			parts = append([]string{h.gateway.ID}, parts...)
		}
		x := margin + 16 + laneGap*float64(min(len(p.hubs), maxHubs))
		d.dot(fmt.Sprintf("f%d", i), trunkX(i), y+9, 5)
		d.line(fmt.Sprintf("h%d", i), 2, trunkX(i), y+9, x-6, y+9)
		d.put("<text class=\"%s\" x=\"%s\" y=\"%s\">%s<tspan class=\"%s soft\" dx=\"10\" font-weight=\"400\">%s</tspan></text>\n",
			fontHead.class, num(x), num(y+13), escape(name), fontBody.class, escape(strings.Join(parts, " · ")))
		y += 24
	}
	return y + 8
}

func trunkX(hub int) float64 { return margin + laneGap*float64(hub) + 4 }

func (p *picture) frame(d *svg, f *frame) {
	d.rect("frame", f.x, f.y, f.w, f.h, 10)
	head := strings.TrimSpace(f.c.scope.Account + "  " + f.c.scope.Region)
	count := several(f.c.all, "VPC")
	room := f.w - 2*framePad - fontSmall.width(count) - 10
	d.text(fontHead, "", f.x+framePad, f.y+19, fontHead.fit(head, room))
	d.anchored(fontSmall, "soft", "end", f.x+f.w-framePad, f.y+18, count)
}

// trunks draws each transit gateway's line down to the last row it serves.
func (l *layout) trunks(d *svg) {
	top := l.top - 8 - 24*float64(min(len(l.p.hubs), maxHubs+1))
	for i := range min(len(l.p.hubs), maxHubs) {
		last := 0.0
		for _, s := range l.shelves {
			for k := range s.rows {
				if at := slices.Index(s.rows[k].rails, i); at >= 0 {
					last = s.rows[k].railY(at)
				}
			}
		}
		if last > 0 {
			d.line(fmt.Sprintf("h%d", i), 2.5, trunkX(i), top+24*float64(i)+9, trunkX(i), last)
		}
	}
}

func (w *row) railY(at int) float64 { return w.y - 8 - laneGap*float64(len(w.rails)-1-at) }

// rails draws, above each row, a line from every trunk to the cards that hang
// on it. A drop is the wider, the more connections its VPC has with others.
func (l *layout) rails(d *svg) {
	for _, s := range l.shelves {
		for k := range s.rows {
			w := &s.rows[k]
			for at, hub := range w.rails {
				y, class := w.railY(at), fmt.Sprintf("h%d", hub)
				far := 0.0
				for _, c := range w.cards {
					for i, j := range c.hubs {
						if j.hub == hub {
							far = max(far, dropX(c, i))
						}
					}
				}
				d.line("under", 6, trunkX(hub)+4, y, far, y)
				d.line(class, 2, trunkX(hub), y, far, y)
				d.dot(fmt.Sprintf("f%d", hub), trunkX(hub), y, 3.5)
				for _, c := range w.cards {
					for i, j := range c.hubs {
						if j.hub == hub {
							l.drop(d, c, i, y)
						}
					}
				}
			}
		}
	}
}

func dropX(c *vpcCard, i int) float64 { return c.x + 24 + 16*float64(min(i, 12)) }

func (l *layout) drop(d *svg, c *vpcCard, i int, y float64) {
	j := c.hubs[i]
	class, width := fmt.Sprintf("h%d", j.hub), 2.0
	if j.loose {
		class += " loose"
	}
	if n := c.in + c.out; n > 0 {
		width = min(6, width+math.Round(10*math.Log10(float64(n)))/10)
	}
	d.group(j.note)
	d.line(class, width, dropX(c, i), y, dropX(c, i), c.y)
	d.dot(fmt.Sprintf("f%d", j.hub), dropX(c, i), y, max(3, width/2+0.5))
	d.end()
}

// lanes draws peerings: out of a card's bottom, along below its row, and by a
// lane of its own to the right where the other VPC stands in another row.
func (l *layout) lanes(d *svg) {
	used := map[*vpcCard]int{}
	for i, c := range l.p.peerings {
		if i >= maxLanes {
			return
		}
		a, b := l.p.byVPC[c.Requester.VPC], l.p.byVPC[c.Accepter.VPC]
		leave := func(v *vpcCard) (x, y float64) {
			w := l.rowOf[v]
			x = v.x + cardWidth - 20 - 12*float64(min(used[v], 18))
			used[v]++
			return x, w.y + w.h + 8 + laneGap*float64(slices.Index(w.peerings, i))
		}
		ax, ay := leave(a)
		bx, by := leave(b)
		lane := l.right + 8 + laneGap*float64(i)
		points := []float64{ax, a.y + a.h, ax, ay}
		if ay != by {
			points = append(points, lane, ay, lane, by)
		}
		points = append(points, bx, by, bx, b.y+b.h)
		d.group(c.ID + ": " + a.label() + " and " + b.label())
		d.line("under", 5, points...)
		d.line("peer", 2, points...)
		d.dot("peerdot", ax, a.y+a.h, 3)
		d.dot("peerdot", bx, b.y+b.h, 3)
		d.end()
	}
}

// foot explains the lines and says what was not read.
func (p *picture) foot(d *svg, y, width float64) float64 {
	say := func(class, text string) {
		for _, line := range fontSmall.wrap(text, width-2*margin) {
			d.text(fontSmall, class, margin, y+12, line)
			y += 15
		}
	}
	var how []string
	if len(p.hubs) > 0 {
		how = append(how, "A line from the left is a transit gateway, dashed where an attachment is not available or has no route table.")
	}
	if len(p.peerings) > 0 {
		how = append(how, "A line below a row is a VPC peering.")
		if n := len(p.peerings) - maxLanes; n > 0 {
			how = append(how, several(n, "more peering")+" only counted in the boxes.")
		}
	}
	if p.hasTraffic() {
		how = append(how, "Figures count distinct connections with other places (in, out) and all that were refused; the wider a line, the more.")
	}
	how = append(how, "A dashed box has no way out.")
	if p.folded > 0 {
		how = append(how, fmt.Sprintf("%s of %d only counted: those with the least traffic, then the fewest interfaces.",
			several(p.folded, "VPC"), len(p.byVPC)))
	}
	say("soft", strings.Join(how, " "))
	if calls := p.notRead(); len(calls) > 0 {
		say("warn", "Not read, so it may be missing here: "+strings.Join(calls, ", "))
	}
	say("soft", "Snapshot "+p.s.Digest()[:16])
	return y
}

// notRead lists the calls that this picture rests on and that gave no answer.
func (p *picture) notRead() []string {
	var out []string
	for _, n := range p.s.Resources().NotRead {
		if needed[n.Call] {
			out = append(out, fmt.Sprintf("%s (%s)", n.Call, n.Code))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

var needed = map[string]bool{
	"DescribeTransitGateways": true, "DescribeTransitGatewayAttachments": true, "DescribeTransitGatewayRouteTables": true,
	"DescribeVpcPeeringConnections": true, "DescribeInternetGateways": true, "DescribeNatGateways": true, "DescribeVpnGateways": true,
	"DescribeEgressOnlyInternetGateways": true, "DescribeVpcEndpoints": true, "DescribeNetworkInterfaces": true,
}
