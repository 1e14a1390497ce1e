package chart

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

func draw(t testing.TB, c *Chart) string {
	t.Helper()
	var b bytes.Buffer
	if err := c.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func big10(exp int64) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(exp), nil) }

// TestPictureIsXMLAndInside: every picture is well formed, and no mark lies
// outside of it.
func TestPictureIsXMLAndInside(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		c := &Chart{Title: "sg-1 <ingress> & \"ipv4\" \x00규칙", Quota: r.IntN(70)}
		held := r.IntN(2) == 0
		if r.IntN(2) == 0 {
			c.Words = Korean
		}
		rules, e := 0, big10(int64(1+r.IntN(40)))
		for range r.IntN(90) {
			rules += 1 + r.IntN(4)
			p := Point{Rules: rules, Excess: e}
			if share := r.Float64(); held && r.IntN(4) > 0 {
				p.Carried = &share
			}
			c.Frontier = append(c.Frontier, p)
			e = new(big.Int).Div(e, big.NewInt(int64(2+r.IntN(9))))
		}
		if r.IntN(2) == 0 {
			c.Today = &Point{Rules: r.IntN(400), Excess: big10(int64(r.IntN(44)))}
			c.Proposed = &Point{Rules: r.IntN(60), Excess: new(big.Int)}
		}
		svg := draw(t, c)
		if svg != draw(t, c) {
			t.Fatal("the same chart gives other bytes")
		}
		dec := xml.NewDecoder(strings.NewReader(svg))
		for {
			tok, err := dec.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%v\n%s", err, svg)
			}
			el, ok := tok.(xml.StartElement)
			if !ok {
				continue
			}
			for _, a := range el.Attr {
				v, err := strconv.ParseFloat(a.Value, 64)
				if err != nil {
					continue
				}
				most := width
				if strings.HasPrefix(a.Name.Local, "y") || a.Name.Local == "cy" {
					most = height
				}
				if v < 0 || v > most {
					t.Fatalf("%s of a %s is %v\n%s", a.Name.Local, el.Name.Local, v, svg)
				}
			}
		}
	}
}

func TestLogarithm(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	last := -1.0
	for i := range 5000 {
		n := big.NewInt(int64(i))
		if i > 2000 {
			n = big.NewInt(r.Int64())
		}
		got := log10(n)
		f, _ := new(big.Float).SetInt(n).Float64()
		if math.Abs(got-math.Log10(f+1)) > 0.01 {
			t.Fatalf("log10(%s+1) = %v, want %v", n, got, math.Log10(f+1))
		}
		if i <= 2000 && got <= last && i < 900 {
			t.Fatalf("log10 does not rise at %d", i)
		}
		last = got
	}
	if log10(nil) != 0 || log10(new(big.Int)) != 0 {
		t.Error("0 is not at the foot")
	}
}

func TestWhatIsSaid(t *testing.T) {
	one, half := 1.0, 0.5
	svg := draw(t, &Chart{Title: "t", Quota: 60, Frontier: []Point{{1, big10(9), &one}, {7, big10(8), nil}, {60, big.NewInt(121524832), &half}},
		Today: &Point{Rules: 293, Excess: new(big.Int)}, Proposed: &Point{Rules: 60, Excess: big.NewInt(121524832)}})
	for _, want := range []string{"today: 293 rules, 0", "proposed: 60 rules, 121.5 × 10⁶", "quota: 60", "10¹⁰", "100%", "carried of the last part", `class="part"`, "prefers-color-scheme: dark", "@media print"} {
		if !strings.Contains(svg, want) {
			t.Errorf("%q is not in the picture", want)
		}
	}
	for _, c := range []struct {
		n    int
		want int
	}{{0, 1}, {1, 1}, {10, 1}, {11, 2}, {60, 10}, {293, 50}, {1000, 100}} {
		if got := tick(c.n); got != c.want {
			t.Errorf("tick(%d) = %d, want %d", c.n, got, c.want)
		}
	}
	if s := fit(strings.Repeat("규칙", 100), 17, 700); measure(strings.Repeat("규칙", 100), s) > 1300 {
		t.Errorf("a long Korean title is set at %v", s)
	}
}

// TestKoreanCounts: a number stands before its counter word, not before "number of".
func TestKoreanCounts(t *testing.T) {
	svg := draw(t, &Chart{Frontier: []Point{{Rules: 60, Excess: big10(3)}}, Quota: 60, Words: Korean,
		Today: &Point{Rules: 52, Excess: new(big.Int)}, Proposed: &Point{Rules: 7, Excess: new(big.Int)}})
	for _, want := range []string{"현재: 규칙 52개, 0", "제안: 규칙 7개, 0", ">규칙 수<"} {
		if !strings.Contains(svg, want) {
			t.Errorf("the picture lacks %q", want)
		}
	}
}
