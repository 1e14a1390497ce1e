package words

import "testing"

func TestNearest(t *testing.T) {
	verbs := []string{"snapshot", "analyze", "plan", "show", "review", "apply", "trace", "demo"}
	for s, want := range map[string]string{
		"analyse": "analyze", "snapshto": "snapshot", "paln": "plan", "PLAN": "plan", "reviw": "review",
		"xyz": "", "": "", "shwo": "show", "demos": "demo", "apply": "apply", "t": "",
	} {
		if got := Nearest(s, verbs); got != want {
			t.Errorf("%q: %q, want %q", s, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"ab", "ba", 1}, {"abc", "abd", 1}, {"kitten", "sitting", 3}, {"가나", "나가", 1}} {
		if got := distance([]rune(c.a), []rune(c.b)); got != c.want {
			t.Errorf("%s %s: %d, want %d", c.a, c.b, got, c.want)
		}
		if a, b := distance([]rune(c.a), []rune(c.b)), distance([]rune(c.b), []rune(c.a)); a != b {
			t.Errorf("%s %s: not symmetric", c.a, c.b)
		}
	}
}
