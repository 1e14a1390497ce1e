package diagram

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// svg gathers a picture's elements. Those below come first in the file and so
// lie under those that come later.
type svg struct{ b strings.Builder }

// num writes a coordinate to a tenth of a pixel.
func num(v float64) string {
	s := strconv.FormatFloat(v, 'f', 1, 64)
	return strings.TrimSuffix(s, ".0")
}

func (s *svg) put(format string, args ...any) { fmt.Fprintf(&s.b, format, args...) }

// text writes a line; y is its baseline.
func (s *svg) text(f font, class string, x, y float64, text string) {
	if text != "" {
		s.put("<text class=\"%s\" x=\"%s\" y=\"%s\">%s</text>\n", join(f.class, class), num(x), num(y), escape(text))
	}
}

// anchored writes a line that ends (end) or has its middle (middle) at x.
func (s *svg) anchored(f font, class, anchor string, x, y float64, text string) {
	s.put("<text class=\"%s\" text-anchor=\"%s\" x=\"%s\" y=\"%s\">%s</text>\n", join(f.class, class), anchor, num(x), num(y), escape(text))
}

func (s *svg) rect(class string, x, y, w, h, round float64) {
	s.put("<rect class=\"%s\" x=\"%s\" y=\"%s\" width=\"%s\" height=\"%s\" rx=\"%s\"/>\n", class, num(x), num(y), num(w), num(h), num(round))
}

// line draws through points, with right angles if the points say so.
func (s *svg) line(class string, width float64, points ...float64) {
	s.put("<path class=\"%s\" stroke-width=\"%s\" d=\"M%s %s", class, num(width), num(points[0]), num(points[1]))
	for i := 2; i+1 < len(points); i += 2 {
		s.put("L%s %s", num(points[i]), num(points[i+1]))
	}
	s.put("\"/>\n")
}

func (s *svg) dot(class string, x, y, r float64) {
	s.put("<circle class=\"%s\" cx=\"%s\" cy=\"%s\" r=\"%s\"/>\n", class, num(x), num(y), num(r))
}

// group opens a group with a tooltip; its end is s.end.
func (s *svg) group(tip string) { s.put("<g><title>%s</title>\n", escape(tip)) }
func (s *svg) end()             { s.put("</g>\n") }

// write puts the elements into a picture of a size.
func (s *svg) write(w io.Writer, width, height float64, title, description string) error {
	_, err := fmt.Fprintf(w, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%s\" height=\"%s\" viewBox=\"0 0 %s %s\" role=\"img\" aria-labelledby=\"title desc\">\n"+
		"<title id=\"title\">%s</title>\n<desc id=\"desc\">%s</desc>\n<style>\n%s</style>\n<rect class=\"page\" width=\"100%%\" height=\"100%%\"/>\n%s</svg>\n",
		num(width), num(height), num(width), num(height), escape(title), escape(description), style(), s.b.String())
	if err != nil {
		return fmt.Errorf("write picture: %w", err)
	}
	return nil
}

func join(a, b string) string {
	if b == "" {
		return a
	}
	return a + " " + b
}

// hubColours tell transit gateways apart; both themes can carry them.
const hubColours = 6

func style() string {
	var b strings.Builder
	b.WriteString(`svg{--page:#fff;--ink:#1b2430;--soft:#5b6775;--edge:#c3cbd5;--frame:#f4f6f9;--card:#fff;--chip:#e9eef5;--good:#1f7a4d;--bad:#c0262d;--badbg:#fdecec;--warn:#8a5a00;--warnbg:#fff4dc;--peer:#6b4fb3;--flow:52,108,176;
--h0:#346cb0;--h1:#b0662a;--h2:#2d8a72;--h3:#9a3f86;--h4:#7a7a1e;--h5:#5a6b7d}
@media (prefers-color-scheme:dark){svg{--page:#12171d;--ink:#e6ebf1;--soft:#9aa7b5;--edge:#3b4754;--frame:#191f27;--card:#212a34;--chip:#2d3845;--good:#59c08c;--bad:#ff7a7a;--badbg:#43222a;--warn:#f0c069;--warnbg:#3d3320;--peer:#b9a3f5;--flow:96,156,230;
--h0:#6ea8ee;--h1:#e39a5c;--h2:#5cc4a8;--h3:#d887c6;--h4:#c4c45c;--h5:#9fb0c2}}
text{font-family:system-ui,"Segoe UI","Apple SD Gothic Neo","Malgun Gothic","Noto Sans KR","Noto Sans CJK KR",NanumGothic,"DejaVu Sans",sans-serif;fill:var(--ink)}
`)
	for _, f := range []font{fontTitle, fontHead, fontBody, fontSmall, fontMono} {
		weight := ""
		switch f {
		case fontTitle, fontHead:
			weight = ";font-weight:600"
		case fontMono:
			weight = `;font-family:ui-monospace,Menlo,Consolas,"DejaVu Sans Mono","NanumGothicCoding",monospace`
		}
		fmt.Fprintf(&b, ".%s{font-size:%spx%s}\n", f.class, num(f.size), weight)
	}
	b.WriteString(`.soft{fill:var(--soft)}.good{fill:var(--good)}.bad{fill:var(--bad)}.warn{fill:var(--warn)}.strong{font-weight:600}
.page{fill:var(--page)}.frame{fill:var(--frame);stroke:var(--edge)}.card{fill:var(--card);stroke:var(--edge)}.alone{stroke-dasharray:5 4}
.more{fill:none;stroke:var(--edge);stroke-dasharray:3 4}.chip{fill:var(--chip)}.badchip{fill:var(--badbg)}.warnchip{fill:var(--warnbg)}.badcard{fill:var(--badbg);stroke:var(--bad)}
.cell{fill:rgb(var(--flow))}.grid{stroke:var(--edge);fill:none}
path{fill:none}.peerdot{fill:var(--peer)}.under{stroke:var(--page)}.peer{stroke:var(--peer)}.loose{stroke-dasharray:5 4}.badline{stroke:var(--bad)}.goodline{stroke:var(--good)}.softline{stroke:var(--edge)}
`)
	for i := range hubColours {
		fmt.Fprintf(&b, ".h%d{stroke:var(--h%d)}.f%d{fill:var(--h%d)}\n", i, i, i, i)
	}
	return b.String()
}
