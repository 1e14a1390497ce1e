package chart

import (
	"fmt"
	"io"
	"math/big"
	"strings"
)

// Point is the least excess at a number of rules.
type Point struct {
	Rules  int
	Excess *big.Int
	// Carried is the share, 0 to 1, of the flows of the last part of the window
	// that such a list made from the part before would have carried. Nil: not known.
	Carried *float64
}

// Chart is what is drawn. Texts may be in any language.
type Chart struct {
	Title    string
	Frontier []Point // ascending
	Quota    int     // 0: none
	Today    *Point  // nil: not known
	Proposed *Point  // nil: nothing is
	// Words names the parts of the picture; the zero value: [English].
	Words Words
}

// Words are the texts of a picture.
type Words struct {
	Rules, Excess, Frontier, Quota, Today, Proposed, Carried string
	// Count is a number of rules, with %d where the number stands.
	Count string
}

// English and Korean are the words in the two languages of the review.
var (
	English = Words{"rules", "excess: what the rules open beyond the approved traffic", "least excess", "quota", "today", "proposed", "carried of the last part of the window", "%d rules"}
	Korean  = Words{"규칙 수", "초과 개방: 승인된 통신 밖으로 열리는 범위", "최소 초과", "한도", "현재", "제안", "마지막 기간 통신의 수용률", "규칙 %d개"}
)

// The size of the picture and of the field in it.
const (
	width, height = 760.0, 470.0
	left, right   = 78.0, 56.0
	top, bottom   = 62.0, 104.0
)

const style = `
  svg { --ink: #1c2733; --soft: #5b6b7a; --grid: #dde3e9; --paper: #ffffff; --line: #0b62a8; --now: #b3261e; --new: #0b7a4b; --held: #8a5a00 }
  @media (prefers-color-scheme: dark) { svg { --ink: #e8edf2; --soft: #a3b1bf; --grid: #33404c; --paper: #14191f; --line: #6db4f0; --now: #ff8a80; --new: #63d6a2; --held: #f0b858 } }
  @media print { svg { --ink: #000; --soft: #333; --grid: #bbb; --paper: #fff; --line: #0b62a8; --now: #b3261e; --new: #0b7a4b; --held: #8a5a00 } }
  text { font: 13px "Noto Sans KR", "Noto Sans CJK KR", "Apple SD Gothic Neo", "Malgun Gothic", "Segoe UI", "Helvetica Neue", Arial, sans-serif; fill: var(--ink) }
  .soft { fill: var(--soft) } .title { font-weight: 600 } .end { text-anchor: end } .mid { text-anchor: middle }
  .paper { fill: var(--paper) } .grid { stroke: var(--grid) } .axis { stroke: var(--soft) }
  .line { fill: none; stroke: var(--line); stroke-width: 2 } .dot { fill: var(--line) }
  .quota { stroke: var(--soft); stroke-width: 1.5; stroke-dasharray: 6 4 }
  .held { fill: none; stroke: var(--held); stroke-width: 1.5; stroke-dasharray: 2 3 } .part { fill: var(--held) }
  .now { fill: var(--paper); stroke: var(--now); stroke-width: 2.5 } .new { fill: var(--new); stroke: var(--paper); stroke-width: 1.5 }
`

// Write draws the chart.
func (c *Chart) Write(w io.Writer) error {
	d := newDrawing(c)
	d.frame()
	d.scale()
	d.lines()
	d.marks()
	d.legend()
	d.add("</svg>")
	_, err := io.WriteString(w, d.b.String())
	return err
}

type drawing struct {
	*Chart
	b       strings.Builder
	most    int     // rules at the right edge
	decades int     // powers of ten at the upper edge
	words   Words   // never empty
	held    bool    // a point has a share
	x0, x1  float64 // the field
	y0, y1  float64
}

func newDrawing(c *Chart) *drawing {
	d := &drawing{Chart: c, words: c.Words, x0: left, x1: width - right, y0: height - bottom, y1: top}
	if d.words == (Words{}) {
		d.words = English
	}
	d.most, d.decades = c.Quota, 1
	see := func(p *Point) {
		if p != nil {
			d.most = max(d.most, p.Rules)
			if p.Excess != nil {
				d.decades = max(d.decades, len(p.Excess.String()))
			}
		}
	}
	for i := range c.Frontier {
		see(&c.Frontier[i])
		d.held = d.held || c.Frontier[i].Carried != nil
	}
	see(c.Today)
	see(c.Proposed)
	step := tick(d.most)
	d.most = max(1, (d.most+step-1)/step) * step
	return d
}

// tick is a round distance that cuts n into at most ten.
func tick(n int) int {
	for unit := 1; ; unit *= 10 {
		for _, m := range []int{1, 2, 5} {
			if m*unit*10 >= n {
				return m * unit
			}
		}
	}
}

func (d *drawing) add(format string, args ...any) {
	fmt.Fprintf(&d.b, format+"\n", args...)
}

func (d *drawing) x(rules int) float64 {
	return d.x0 + (d.x1-d.x0)*float64(rules)/float64(d.most)
}

// y places an excess: 0 at the foot, then the logarithm of one more.
func (d *drawing) y(excess *big.Int) float64 {
	return d.y0 - (d.y0-d.y1)*log10(excess)/float64(d.decades)
}

// log10 of n+1, from the digits: the same on every machine to the tenth of a pixel.
func log10(n *big.Int) float64 {
	if n == nil {
		return 0
	}
	s := new(big.Int).Add(n, big.NewInt(1)).String()
	lead := 0
	for i := range 4 {
		lead *= 10
		if i < len(s) {
			lead += int(s[i] - '0')
		}
	}
	// 10^(1/1000) by integers is not worth it: a straight line within each
	// eighth of a decade is off by less than a pixel.
	for i := 1; i < len(eighths); i++ {
		if lead < eighths[i] {
			a, b := eighths[i-1], eighths[i]
			return float64(len(s)-1) + (float64(i-1)+float64(lead-a)/float64(b-a))/8
		}
	}
	return float64(len(s) - 1)
}

var eighths = []int{1000, 1334, 1778, 2371, 3162, 4217, 5623, 7499, 10000}

// share places a share, 0 to 1, on the right-hand scale.
func (d *drawing) share(s float64) float64 { return d.y0 - (d.y0-d.y1)*min(max(s, 0), 1) }
