package main

import "testing"

func TestThousands(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1 000", 659_000: "659 000", 1_003_040: "1 003 040", 12_000_007: "12 000 007"} {
		if got := thousands(n); got != want {
			t.Errorf("thousands(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestPerSecond(t *testing.T) {
	if got := perSecond(300_000_000, filled{Seconds: 295}); got != "1 016 000" {
		t.Errorf("300 million in 295 s: %q", got)
	}
}

func TestGridAligns(t *testing.T) {
	var g grid
	g.add("a", "records")
	g.add("한글", "1 000")
	want := "| a  | records |\n|----|---------|\n| 한글 | 1 000   |\n"
	if got := g.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
