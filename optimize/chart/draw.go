package chart

import (
	"fmt"
	"math/big"
	"strings"
	"unicode"
)

func (d *drawing) frame() {
	d.add(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" role="img">`, width, height, width, height)
	d.add("<title>%s</title>", escape(d.Title))
	d.add("<desc>%s</desc>", escape(d.summary()))
	d.add("<style>%s</style>", style)
	d.add(`<rect class="paper" width="%.0f" height="%.0f"/>`, width, height)
	size := fit(d.Title, 17, width-32)
	d.add(`<text class="title" x="16" y="26" style="font-size:%.1fpx">%s</text>`, size, escape(d.Title))
	d.add(`<text class="soft" x="16" y="44" style="font-size:%.1fpx">%s</text>`, fit(d.words.Excess, 12, width-32), escape(d.words.Excess))
}

// summary is the picture in words, for those who cannot see it.
func (d *drawing) summary() string {
	var parts []string
	note := func(word string, p *Point) {
		if p != nil {
			parts = append(parts, fmt.Sprintf("%s: %s, %s", word, d.count(p.Rules), p.Excess))
		}
	}
	note(d.words.Today, d.Today)
	note(d.words.Proposed, d.Proposed)
	if d.Quota > 0 {
		parts = append(parts, fmt.Sprintf("%s: %d", d.words.Quota, d.Quota))
	}
	return strings.Join(parts, "; ")
}

func (d *drawing) count(rules int) string { return fmt.Sprintf(d.words.Count, rules) }

func (d *drawing) scale() {
	step := 1
	for d.decades/step > 8 {
		step++
	}
	d.level(new(big.Int), "0")
	for n := step; n <= d.decades; n += step {
		ten := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
		d.level(ten.Sub(ten, big.NewInt(1)), "10"+raised(n))
	}
	for n := 0; n <= d.most; n += tick(d.most) {
		x := d.x(n)
		d.add(`<line class="axis" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`, x, d.y0, x, d.y0+5)
		d.add(`<text class="soft mid" x="%.1f" y="%.1f">%d</text>`, x, d.y0+20, n)
	}
	d.add(`<text class="soft mid" x="%.1f" y="%.1f">%s</text>`, (d.x0+d.x1)/2, d.y0+38, escape(d.words.Rules))
	if d.held {
		for _, s := range []float64{0, 0.5, 1} {
			d.add(`<text class="soft" x="%.1f" y="%.1f">%.0f%%</text>`, d.x1+8, d.share(s)+4, 100*s)
		}
	}
}

func (d *drawing) level(excess *big.Int, text string) {
	y := d.y(excess)
	d.add(`<line class="grid" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`, d.x0, y, d.x1, y)
	d.add(`<text class="soft end" x="%.1f" y="%.1f">%s</text>`, d.x0-8, y+4, text)
}

// raised writes an exponent.
func raised(n int) string {
	return strings.Map(func(r rune) rune { return []rune("⁰¹²³⁴⁵⁶⁷⁸⁹")[r-'0'] }, fmt.Sprint(n))
}

// lines draws the frontier as steps: between two points the left one holds.
func (d *drawing) lines() {
	if d.Quota > 0 {
		x := d.x(d.Quota)
		d.add(`<line class="quota" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`, x, d.y1, x, d.y0)
	}
	if len(d.Frontier) == 0 {
		return
	}
	var path strings.Builder
	for i, p := range d.Frontier {
		if i == 0 {
			fmt.Fprintf(&path, "M%.1f %.1f", d.x(p.Rules), d.y(p.Excess))
			continue
		}
		fmt.Fprintf(&path, "H%.1fV%.1f", d.x(p.Rules), d.y(p.Excess))
	}
	// Nothing opens less than nothing; what more rules would open else is not known.
	if last := d.Frontier[len(d.Frontier)-1]; last.Rules < d.most && last.Excess.Sign() == 0 {
		fmt.Fprintf(&path, "H%.1f", d.x1)
	}
	d.shares()
	d.add(`<path class="line" d="%s"/>`, path.String())
	if len(d.Frontier) <= 80 {
		for _, p := range d.Frontier {
			d.add(`<circle class="dot" cx="%.1f" cy="%.1f" r="2.4"/>`, d.x(p.Rules), d.y(p.Excess))
		}
	}
}

// shares joins the points whose share is known; between them it is not.
func (d *drawing) shares() {
	var path, dots strings.Builder
	to := "M"
	for _, p := range d.Frontier {
		if p.Carried == nil {
			continue
		}
		x, y := d.x(p.Rules), d.share(*p.Carried)
		fmt.Fprintf(&path, "%s%.1f %.1f", to, x, y)
		fmt.Fprintf(&dots, "<circle class=\"part\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"/>\n", x, y)
		to = "L"
	}
	if d.held {
		d.add(`<path class="held" d="%s"/>`, path.String())
		d.b.WriteString(dots.String())
	}
}

func (d *drawing) marks() {
	if p := d.Today; p != nil {
		d.diamond(d.x(p.Rules), d.y(p.Excess))
	}
	if p := d.Proposed; p != nil {
		d.add(`<circle class="new" cx="%.1f" cy="%.1f" r="6"/>`, d.x(p.Rules), d.y(p.Excess))
	}
}

func (d *drawing) diamond(x, y float64) {
	d.add(`<path class="now" d="M%.1f %.1fl7 7l-7 7l-7 -7z"/>`, x, y-7)
}

// legend stands below the field, so that no label can lie on a line.
func (d *drawing) legend() {
	y := height - 42
	x := d.x0
	item := func(draw func(x, y float64), text string) {
		w := 26 + measure(text, 13) + 18
		if x+w > width-8 && x > d.x0 {
			x, y = d.x0, y+24
		}
		draw(x+10, y-4)
		d.add(`<text x="%.1f" y="%.1f">%s</text>`, x+26, y, escape(text))
		x += w
	}
	at := func(word string, p *Point) string {
		return fmt.Sprintf("%s: %s, %s", word, d.count(p.Rules), amount(p.Excess))
	}
	stroke := func(class string) func(x, y float64) {
		return func(x, y float64) {
			d.add(`<line class="%s" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`, class, x-10, y, x+10, y)
		}
	}
	item(stroke("line"), d.words.Frontier)
	if d.Quota > 0 {
		item(stroke("quota"), fmt.Sprintf("%s: %d", d.words.Quota, d.Quota))
	}
	if d.Today != nil {
		item(d.diamond, at(d.words.Today, d.Today))
	}
	if d.Proposed != nil {
		item(func(x, y float64) { d.add(`<circle class="new" cx="%.1f" cy="%.1f" r="6"/>`, x, y) }, at(d.words.Proposed, d.Proposed))
	}
	if d.held {
		item(stroke("held"), d.words.Carried)
	}
}

// amount shortens a long number: 121.5 × 10⁶.
func amount(n *big.Int) string {
	s := n.String()
	if len(s) <= 6 {
		return s
	}
	e := (len(s) - 1) / 3 * 3
	lead := len(s) - e
	return s[:lead] + "." + s[lead:lead+1] + " × 10" + raised(e)
}

// measure guesses the width of a text: wide characters take the size of the
// font, others a bit more than half.
func measure(s string, size float64) float64 {
	w := 0.0
	for _, r := range s {
		if unicode.In(r, unicode.Hangul, unicode.Han, unicode.Hiragana, unicode.Katakana) {
			w += size
			continue
		}
		w += 0.58 * size
	}
	return w
}

// fit is the font size at which a text fits, at most size.
func fit(s string, size, room float64) float64 {
	if w := measure(s, size); w > room {
		return max(6, size*room/w)
	}
	return size
}

// escape makes a text safe in SVG: markup and control characters have no effect.
func escape(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar || r == 0xFFFE || r == 0xFFFF {
			return ' '
		}
		return r
	}, s)
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(s)
}
