package diagram

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// place is a row and a column of the matrix: a VPC, a whole account's Region,
// the internet, what is beyond, or all the others.
type place struct {
	key, label, tip string
	total           int
}

const (
	matrixPlaces = 16
	cellWidth    = 68.0
	cellHeight   = 24.0
	others       = "others"
)

// cell is the traffic of a row to a column.
type cell struct{ flows, refused int }

// matrix draws who opens connections to whom, and gives where it ends below
// and to the right.
func (p *picture) matrix(d *svg, y float64) (bottom, right float64) {
	places, at := p.places()
	cells := map[[2]string]*cell{}
	most := 0
	for _, t := range p.o.Traffic {
		key := [2]string{at(t.From), at(t.To)}
		if cells[key] == nil {
			cells[key] = &cell{}
		}
		cells[key].flows += t.Flows
		cells[key].refused += t.Refused
		most = max(most, cells[key].flows)
	}
	d.text(fontHead, "", margin, y+13, "Who opens connections to whom")
	d.text(fontSmall, "soft", margin, y+30, "A row opens connections to a column: how many were accepted, and in red how many were refused.")
	y += 44
	label := 60.0
	for _, q := range places {
		label = max(label, min(230, fontBody.width(q.label)))
	}
	x0 := margin + label + 12
	head := p.columnHeads(d, places, x0, y)
	y += head
	for i, from := range places {
		top := y + cellHeight*float64(i)
		d.group(from.tip)
		d.anchored(fontBody, "", "end", x0-8, top+16, fontBody.fit(from.label, label))
		d.end()
		for j, to := range places {
			drawCell(d, cells[[2]string{from.key, to.key}], most, x0+cellWidth*float64(j), top, from.label+" to "+to.label)
		}
	}
	return y + cellHeight*float64(len(places)) + 14, x0 + cellWidth*float64(len(places))
}

// columnHeads writes the columns' names slanted, and gives their height.
func (p *picture) columnHeads(d *svg, places []place, x0, y float64) float64 {
	long := 0.0
	for _, q := range places {
		long = max(long, min(190, fontSmall.width(q.label)))
	}
	height := long*0.6 + 12
	for j, q := range places {
		x := x0 + cellWidth*(float64(j)+0.4)
		d.put("<g transform=\"translate(%s %s) rotate(-36)\"><title>%s</title>", num(x), num(y+height-6), escape(q.tip))
		d.put("<text class=\"%s\">%s</text></g>\n", fontSmall.class, escape(fontSmall.fit(q.label, 190)))
	}
	return height
}

func drawCell(d *svg, c *cell, most int, x, y float64, tip string) {
	if c == nil || c.flows+c.refused == 0 {
		d.rect("grid", x, y, cellWidth, cellHeight, 0)
		return
	}
	d.group(fmt.Sprintf("%s: %s accepted, %s refused", tip, thousands(c.flows), thousands(c.refused)))
	shade := 0.0
	if c.flows > 0 {
		shade = 0.12 + 0.58*math.Log1p(float64(c.flows))/math.Log1p(float64(most))
	}
	d.put("<rect class=\"cell\" x=\"%s\" y=\"%s\" width=\"%s\" height=\"%s\" fill-opacity=\"%.2f\"/>\n", num(x), num(y), num(cellWidth), num(cellHeight), shade)
	d.rect("grid", x, y, cellWidth, cellHeight, 0)
	switch {
	case c.refused == 0:
		d.anchored(fontSmall, "", "middle", x+cellWidth/2, y+16, short(c.flows))
	case c.flows == 0:
		d.rect("badchip", x+8, y+4, cellWidth-16, cellHeight-8, 8)
		d.anchored(fontSmall, "bad strong", "middle", x+cellWidth/2, y+16, short(c.refused))
	default:
		d.rect("badchip", x+cellWidth/2+1, y+4, cellWidth/2-4, cellHeight-8, 8)
		d.anchored(fontSmall, "", "middle", x+cellWidth/4+1, y+16, short(c.flows))
		d.anchored(fontSmall, "bad strong", "middle", x+cellWidth*3/4-1, y+16, short(c.refused))
	}
	d.end()
}

// short writes a number in at most four characters: 9999, 12k, 3.4M.
func short(n int) string {
	switch {
	case n < 10_000:
		return fmt.Sprint(n)
	case n < 1_000_000:
		return fmt.Sprintf("%dk", n/1000)
	case n < 10_000_000:
		return fmt.Sprintf("%d.%dM", n/1_000_000, n/100_000%10)
	}
	return fmt.Sprintf("%dM", n/1_000_000)
}

// places chooses the rows and columns: VPCs, or, where both are many, accounts
// and Regions. Those with the least traffic are joined.
func (p *picture) places() (list []place, at func(string) string) {
	vpcs := 0
	seen := map[string]bool{}
	for _, t := range p.o.Traffic {
		for _, end := range []string{t.From, t.To} {
			if _, ok := p.byVPC[end]; ok && !seen[end] {
				seen[end] = true
				vpcs++
			}
		}
	}
	all := map[string]*place{}
	grouped := vpcs > matrixPlaces-2 && len(p.clusters) > 3
	key := func(end string) string {
		if c, ok := p.byVPC[end]; ok && grouped {
			return c.vpc.Account + " " + c.vpc.Region
		}
		return end
	}
	for _, t := range p.o.Traffic {
		for _, end := range []string{t.From, t.To} {
			k := key(end)
			if all[k] == nil {
				all[k] = p.placeOf(k)
			}
			all[k].total += t.Flows + t.Refused
		}
	}
	for _, q := range all {
		list = append(list, *q)
	}
	// What is no VPC is never among the others.
	slices.SortFunc(list, func(a, b place) int {
		return cmp.Or(-cmp.Compare(rankOf(a.key), rankOf(b.key)), -cmp.Compare(a.total, b.total), cmp.Compare(a.key, b.key))
	})
	joined := map[string]bool{}
	if len(list) > matrixPlaces {
		var names []string
		for _, q := range list[matrixPlaces-1:] {
			joined[q.key] = true
			names = append(names, q.label)
		}
		word := "other VPC"
		if grouped {
			word = "other group"
		}
		list = append(list[:matrixPlaces-1:matrixPlaces-1], place{key: others, label: several(len(names), word), tip: strings.Join(names, ", ")})
	}
	slices.SortFunc(list, func(a, b place) int {
		return cmp.Or(cmp.Compare(rankOf(a.key), rankOf(b.key)), cmp.Compare(a.label, b.label), cmp.Compare(a.key, b.key))
	})
	return list, func(end string) string {
		if k := key(end); !joined[k] {
			return k
		}
		return others
	}
}

// rankOf puts the VPCs first, then what is not one.
func rankOf(key string) int { return slices.Index([]string{others, Outside, Internet}, key) }

func (p *picture) placeOf(key string) *place {
	q := &place{key: key, label: key, tip: key}
	switch key {
	case Internet:
		q.tip = "public addresses that nobody in the snapshot holds"
	case Outside:
		q.tip = "private addresses beyond the snapshot: on premises or another account"
	}
	if c, ok := p.byVPC[key]; ok {
		q.label, q.tip = c.label(), c.label()+" · "+c.vpc.ID+" · "+joinPrefixes(c.vpc)
	}
	return q
}
