package diagram

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

func render(t testing.TB, s *topology.Snapshot, o Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := Overview(&b, s, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// checkPicture wants well-formed XML that runs and fetches nothing, and every
// coordinate on the page.
func checkPicture(t testing.TB, picture string) {
	t.Helper()
	dec := xml.NewDecoder(strings.NewReader(picture))
	var width, height float64
	allowed := []string{"svg", "title", "desc", "style", "rect", "text", "tspan", "path", "circle", "g"}
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("not XML: %v", err)
		}
		e, ok := tok.(xml.StartElement)
		if !ok {
			continue
		}
		if !slices.Contains(allowed, e.Name.Local) {
			t.Fatalf("element %s", e.Name.Local)
		}
		at := map[string]float64{}
		for _, a := range e.Attr {
			if strings.HasPrefix(a.Name.Local, "on") || strings.Contains(a.Name.Local, "href") {
				t.Fatalf("%s has %s", e.Name.Local, a.Name.Local)
			}
			if v, err := strconv.ParseFloat(a.Value, 64); err == nil {
				at[a.Name.Local] = v
			}
		}
		switch e.Name.Local {
		case "svg":
			width, height = at["width"], at["height"]
		case "rect", "text":
			if at["x"] < 0 || at["y"] < 0 || at["x"]+at["width"] > width || at["y"]+at["height"] > height {
				t.Fatalf("%s at %v is not on the page of %v by %v", e.Name.Local, e.Attr, width, height)
			}
		}
	}
	for _, no := range []string{"@import", "url(", "javascript"} {
		if strings.Contains(picture, no) {
			t.Fatalf("the picture has %q", no)
		}
	}
}

// Whatever the account and its names: a sound picture, the same bytes again,
// nothing over anything else, every VPC drawn or counted.
func TestOverviewOfAnyAccount(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 5))
		vpcs := []int{0, 1, 3, 10, 17, 40, 120}[seed%7]
		s, seen := account(t, r, vpcs, 1+r.IntN(12), r.IntN(8), r.IntN(20))
		o := Options{Traffic: seen, Source: "a window", MaxVPCs: r.IntN(50)}
		if seed%3 == 0 {
			o.Traffic = nil
		}
		picture := render(t, s, o)
		checkPicture(t, picture)
		o.Traffic = slices.Clone(o.Traffic)
		r.Shuffle(len(o.Traffic), func(i, j int) { o.Traffic[i], o.Traffic[j] = o.Traffic[j], o.Traffic[i] })
		if again := render(t, s, o); again != picture {
			t.Fatalf("seed %d: traffic in another order gives another picture", seed)
		}
		checkLayout(t, newLayout(newPicture(s, o), 100), vpcs)
	}
}

type box struct{ x, y, w, h float64 }

func (a box) over(b box) bool {
	return a.x < b.x+b.w && b.x < a.x+a.w && a.y < b.y+b.h && b.y < a.y+a.h
}
func (a box) holds(b box) bool {
	return a.x <= b.x && a.y <= b.y && b.x+b.w <= a.x+a.w && b.y+b.h <= a.y+a.h
}

func checkLayout(t *testing.T, l *layout, vpcs int) {
	t.Helper()
	var frames, cards []box
	counted := 0
	for _, s := range l.shelves {
		for _, f := range s.frames {
			here := box{f.x, f.y, f.w, f.h}
			frames = append(frames, here)
			for _, c := range f.c.cards {
				card := box{c.x, c.y, cardWidth, c.h}
				if !here.holds(card) {
					t.Errorf("card %+v is not in its frame %+v", card, here)
				}
				if c.h < l.p.cardHeight(c) {
					t.Errorf("card of %v has no room for its %v", c.h, l.p.cardHeight(c))
				}
				cards = append(cards, card)
				if counted++; c.more != nil {
					counted += len(c.more) - 1
				}
			}
		}
	}
	for _, boxes := range [][]box{frames, cards} {
		for i, a := range boxes {
			if a.x+a.w > l.width || a.y+a.h > l.bottom {
				t.Errorf("%+v is beyond %v by %v", a, l.width, l.bottom)
			}
			for _, b := range boxes[:i] {
				if a.over(b) {
					t.Errorf("%+v lies over %+v", a, b)
				}
			}
		}
	}
	if counted != vpcs {
		t.Errorf("%d VPCs are drawn or counted, of %d", counted, vpcs)
	}
}

// What folding leaves out is counted: the matrix holds all the traffic.
func TestMatrixHoldsAllTraffic(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 9))
		vpcs := 1 + r.IntN(60)
		s, seen := account(t, r, vpcs, 1+r.IntN(30), 1, 0)
		p := newPicture(s, Options{Traffic: seen})
		places, at := p.places()
		if len(places) > matrixPlaces {
			t.Errorf("seed %d: %d rows", seed, len(places))
		}
		for _, x := range seen {
			for _, end := range []string{x.From, x.To} {
				if !slices.ContainsFunc(places, func(q place) bool { return q.key == at(end) }) {
					t.Errorf("seed %d: the matrix has no place for %s", seed, end)
				}
				if (end == Internet || end == Outside) && at(end) != end {
					t.Errorf("seed %d: %s is among the others", seed, end)
				}
			}
		}
	}
}

// A folded group shows the VPCs with the most traffic.
func TestFoldKeepsTheBusiest(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	s, _ := account(t, r, 30, 1, 1, 0)
	p := newPicture(s, Options{MaxVPCs: 3, Traffic: []Traffic{{From: "vpc-0029", To: "vpc-0007", Flows: 9}, {From: Internet, To: "vpc-0013", Refused: 4}}})
	var drawn []string
	for _, c := range p.clusters[0].cards {
		if c.more == nil {
			drawn = append(drawn, c.vpc.ID)
		}
	}
	slices.Sort(drawn)
	if want := []string{"vpc-0007", "vpc-0013", "vpc-0029"}; !slices.Equal(drawn, want) || p.folded != 27 {
		t.Errorf("drawn %v, %d folded; want %v and 27", drawn, p.folded, want)
	}
	if text := render(t, s, Options{MaxVPCs: 3}); !strings.Contains(text, "+27 more VPCs") {
		t.Error("the picture does not say how many it leaves out")
	}
}

func TestWhatWasNotReadIsSaid(t *testing.T) {
	s, err := topology.New(topology.Resources{VPCs: []topology.VPC{{ID: "vpc-1", Scope: topology.Scope{Account: "1", Region: "r"}}},
		NotRead: []topology.NotRead{{Call: "DescribeTransitGateways", Code: "UnauthorizedOperation"}, {Call: "GetServiceQuota", Code: "X"}}})
	if err != nil {
		t.Fatal(err)
	}
	text := render(t, s, Options{})
	if !strings.Contains(text, "DescribeTransitGateways (UnauthorizedOperation)") || strings.Contains(text, "GetServiceQuota") {
		t.Error("want the refused call that the picture rests on named, and no other")
	}
}

func TestPath(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	s, _ := account(t, r, 3, 1, 1, 0)
	words := append(slices.Clone(hostile), "10.0.0.0/8 by a rule that has a long text and goes over more than a line of the box it stands in, whatever the box")
	for range 200 {
		word := func() string { return words[r.IntN(len(words))] }
		leg := func(d topology.Disposition) (out topology.Leg) {
			out.Disposition = d
			for range r.IntN(12) {
				h := topology.Hop{Kind: word(), Resource: word(), Verdict: topology.Pass, Detail: word()}
				if r.IntN(2) == 0 {
					h.Rule = &topology.RuleRef{Resource: word(), Rule: word(), ID: word()}
				}
				out.Hops = append(out.Hops, h)
			}
			if len(out.Hops) > 0 && !d.Delivered() {
				out.Hops[len(out.Hops)-1].Verdict, out.Hops[len(out.Hops)-1].Nearest = topology.Refuse, word()
			}
			out.Notes = append(out.Notes, word())
			return out
		}
		all := append(topology.Dispositions(), topology.NotSent)
		res := topology.Result{Leg: leg(all[r.IntN(len(all))]), Reply: leg(all[r.IntN(len(all))])}
		var b bytes.Buffer
		if err := Path(&b, s, topology.Query{From: word(), To: "vpc-1", Protocol: netset.TCP, Port: 443}, res); err != nil {
			t.Fatal(err)
		}
		checkPicture(t, b.String())
		for _, leg := range []topology.Leg{res.Leg, res.Reply} {
			if !strings.Contains(b.String(), ">"+string(leg.Disposition)+"<") {
				t.Fatalf("the picture does not say %s", leg.Disposition)
			}
		}
	}
}

func TestText(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for range 2000 {
		var b strings.Builder
		for range r.IntN(12) {
			b.WriteString(hostile[r.IntN(len(hostile))] + strings.Repeat(" ", r.IntN(2)))
		}
		in := clean(b.String())
		room := float64(60 + r.IntN(300))
		if got := fontBody.fit(in, room); fontBody.width(got) > room || !utf8.ValidString(got) {
			t.Fatalf("%q in %v is %q", in, room, got)
		}
		lines := fontBody.wrap(in, room)
		if got, want := strings.ReplaceAll(strings.Join(lines, ""), " ", ""), strings.ReplaceAll(in, " ", ""); got != want {
			t.Fatalf("wrapped %q, got back %q", want, got)
		}
		for _, line := range lines {
			if fontBody.width(line) > max(room, 8*fontBody.column) {
				t.Fatalf("line %q is wider than %v", line, room)
			}
		}
	}
	for n, want := range map[int]string{7: "7", 9999: "9999", 12345: "12k", 999999: "999k", 3456789: "3.4M", 45678901: "45M"} {
		if got := short(n); got != want {
			t.Errorf("short(%d) = %q, want %q", n, got, want)
		}
	}
	if got := thousands(1234567); got != "1\u00a0234\u00a0567" {
		t.Errorf("thousands = %q", got)
	}
}

func FuzzNames(f *testing.F) {
	for _, h := range hostile {
		f.Add(h, "10.0.0.1")
	}
	f.Fuzz(func(t *testing.T, name, end string) {
		s, err := topology.New(topology.Resources{
			VPCs:            []topology.VPC{{ID: "vpc-" + name, Scope: topology.Scope{Account: name, Region: end}, Tags: topology.Tags{"Name": name}}},
			TransitGateways: []topology.TransitGateway{{ID: "tgw-" + end, Tags: topology.Tags{"Name": name}}},
		})
		if err != nil {
			return
		}
		checkPicture(t, render(t, s, Options{Title: name, Source: end, Traffic: []Traffic{{From: "vpc-" + name, To: end, Flows: 3, Refused: 1}}}))
		var b bytes.Buffer
		leg := topology.Leg{Disposition: topology.DeniedIn, Hops: []topology.Hop{{Kind: name, Resource: end, Verdict: topology.Refuse, Detail: name, Nearest: end}}}
		if err := Path(&b, s, topology.Query{From: name, To: end}, topology.Result{Leg: leg}); err != nil {
			t.Fatal(err)
		}
		checkPicture(t, b.String())
	})
}

func BenchmarkOverview(b *testing.B) {
	for _, vpcs := range []int{10, 200, 1000} {
		b.Run(fmt.Sprintf("vpcs=%d", vpcs), func(b *testing.B) {
			s, seen := account(b, rand.New(rand.NewPCG(1, 2)), vpcs, 8, 3, vpcs/10)
			for b.Loop() {
				if err := Overview(io.Discard, s, Options{Traffic: seen}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
