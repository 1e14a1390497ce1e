package diagram

import "slices"

// Sizes, in pixels.
const (
	margin    = 28.0
	cardWidth = 268.0
	cardGap   = 18.0
	framePad  = 14.0
	frameHead = 26.0
	laneGap   = 9.0  // between the lines of hubs, and of peerings
	perRow    = 4    // cards side by side
	maxHubs   = 5    // transit gateways with a line of their own
	maxLanes  = 12   // peerings with a line of their own
	railRoom  = 12.0 // above a row of cards, before its rails
)

// frame is a group's box.
type frame struct {
	c          *cluster
	columns    int
	first      int // column
	x, y, w, h float64
}

// shelf is a row of frames, and in it rows of cards that line up.
type shelf struct {
	frames []*frame
	rows   []row
	y, h   float64
}

// row is a row of cards across a shelf: rails of hubs above, peerings below.
type row struct {
	cards    []*vpcCard
	rails    []int // hubs that have a card here
	peerings []int
	y, h     float64 // of the cards
}

// layout places frames from left to right and from top to bottom.
type layout struct {
	p       *picture
	shelves []*shelf
	left    float64 // where frames begin: trunks stand to the left of it
	top     float64
	width   float64 // of the whole picture
	right   float64 // where frames end: peerings' lanes stand to the right of it
	bottom  float64
	rowOf   map[*vpcCard]*row
}

func newLayout(p *picture, top float64) *layout {
	l := &layout{p: p, top: top, rowOf: map[*vpcCard]*row{}}
	hubs := min(len(p.hubs), maxHubs)
	l.left = margin
	if hubs > 0 {
		l.left += 16 + laneGap*float64(hubs)
	}
	l.pack()
	l.mark()
	l.place()
	return l
}

// pack puts groups on shelves of at most perRow columns.
func (l *layout) pack() {
	var s *shelf
	free := 0
	for _, c := range l.p.clusters {
		columns := min(perRow, len(c.cards))
		if s == nil || columns > free {
			s, free = &shelf{}, perRow
			l.shelves = append(l.shelves, s)
		}
		f := &frame{c: c, columns: columns, first: perRow - free}
		s.frames = append(s.frames, f)
		free -= columns
		for i, card := range c.cards {
			card.column, card.at = f.first+i%columns, i/columns
			for len(s.rows) <= card.at {
				s.rows = append(s.rows, row{})
			}
			s.rows[card.at].cards = append(s.rows[card.at].cards, card)
		}
	}
}

// mark notes which hubs and peerings pass each row.
func (l *layout) mark() {
	for _, s := range l.shelves {
		for i := range s.rows {
			w := &s.rows[i]
			slices.SortFunc(w.cards, func(a, b *vpcCard) int { return a.column - b.column })
			for _, c := range w.cards {
				l.rowOf[c] = w
				for _, j := range c.hubs {
					if j.hub < maxHubs && !slices.Contains(w.rails, j.hub) {
						w.rails = append(w.rails, j.hub)
					}
				}
			}
			slices.Sort(w.rails)
		}
	}
	for i, c := range l.p.peerings {
		if i >= maxLanes {
			break
		}
		for _, vpc := range []string{c.Requester.VPC, c.Accepter.VPC} {
			if w := l.rowOf[l.p.byVPC[vpc]]; !slices.Contains(w.peerings, i) {
				w.peerings = append(w.peerings, i)
			}
		}
	}
}

// place gives everything its coordinates.
func (l *layout) place() {
	y, right := l.top, l.left
	for _, s := range l.shelves {
		s.y = y
		y += frameHead
		for i := range s.rows {
			w := &s.rows[i]
			y += railRoom + laneGap*float64(len(w.rails))
			w.y = y
			for _, c := range w.cards {
				w.h = max(w.h, l.p.cardHeight(c))
			}
			y += w.h + 4 + laneGap*float64(len(w.peerings))
		}
		y += framePad
		s.h = y - s.y
		for _, f := range s.frames {
			f.x = l.columnX(f.first, s, f) - framePad
			f.y, f.h = s.y, s.h
			f.w = float64(f.columns)*(cardWidth+cardGap) - cardGap + 2*framePad
			right = max(right, f.x+f.w)
		}
		for i := range s.rows {
			for _, c := range s.rows[i].cards {
				c.y, c.h = s.rows[i].y, s.rows[i].h
			}
		}
		y += cardGap
	}
	l.right, l.bottom = right, y
	l.width = right + margin
	if n := min(len(l.p.peerings), maxLanes); n > 0 {
		l.width += laneGap * float64(n)
	}
	l.width = max(l.width, 760)
}

// columnX gives the left edge of the cards of a frame's first column, and sets
// that of all its cards. Frames that share a shelf stand apart by their pads.
func (l *layout) columnX(first int, s *shelf, f *frame) float64 {
	before := slices.Index(s.frames, f)
	x := l.left + framePad + float64(first)*(cardWidth+cardGap) + float64(before)*(2*framePad)
	for i, c := range f.c.cards {
		c.x = x + float64(i%f.columns)*(cardWidth+cardGap)
	}
	return x
}
