package netset

import (
	"math/rand/v2"
	"testing"
)

func TestColumnsOfProtocols(t *testing.T) {
	seen := map[Column]Protocol{}
	for p := Protocol(0); p <= 255; p++ {
		for _, port := range []uint16{0, 1, 443, 65535} {
			c := ColumnOf(p, port)
			if c >= NumColumns {
				t.Fatalf("%s/%d is column %d, beyond the axis", p, port, c)
			}
			if c.Protocol() != p {
				t.Fatalf("%s/%d is column %d of %s", p, port, c, c.Protocol())
			}
			if other, ok := seen[c]; ok && other != p {
				t.Fatalf("%s and %s share column %d", p, other, c)
			}
			seen[c] = p
			if p.HasPorts() || p.HasTypes() {
				if c.Port() != port {
					t.Fatalf("%s/%d comes back as %d", p, port, c.Port())
				}
			} else if c.Port() != 0 {
				t.Fatalf("%s has no ports, column says %d", p, c.Port())
			}
		}
	}
}

func TestRuleColumns(t *testing.T) {
	cases := []struct {
		p        Protocol
		from, to int
		want     string
	}{
		{AllProtocols, -1, -1, "all"},
		{AllProtocols, 0, 0, "all"},
		{TCP, 443, 443, "tcp/443"},
		{TCP, 0, 65535, "tcp"},
		{TCP, -1, -1, "tcp"},
		{UDP, 1, 10, "udp/1-10"},
		{ICMP, -1, -1, "icmp"},
		{ICMP, 3, 4, "icmp/3:4"},
		{ICMP, 8, -1, "icmp/8"},
		{ICMPv6, 128, 0, "icmpv6/128:0"},
		{50, 1, 2, "50"},
		{47, -1, -1, "47"},
	}
	for _, c := range cases {
		if got := RuleColumns(c.p, c.from, c.to).String(); got != c.want {
			t.Errorf("RuleColumns(%s, %d, %d) is %s, want %s", c.p, c.from, c.to, got, c.want)
		}
	}
}

// FromTo gives back what RuleColumns took, in canonical form.
func TestFromToRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	for range 5000 {
		var c Columns
		switch p := []Protocol{TCP, UDP, ICMP, ICMPv6, 50, AllProtocols}[r.IntN(6)]; {
		case p.HasPorts():
			a, b := r.IntN(65536), r.IntN(65536)
			c = RuleColumns(p, min(a, b), max(a, b))
		case p.HasTypes():
			c = TypeColumns(p, r.IntN(257)-1, r.IntN(257)-1)
		default:
			c = ProtocolColumns(p)
		}
		from, to := c.FromTo()
		if got := RuleColumns(c.Protocol(), from, to); got != c {
			t.Fatalf("%s %d..%d: from and to are %d and %d, which is %d..%d", c, c.First, c.Last, from, to, got.First, got.Last)
		}
	}
}

func TestParseProtocol(t *testing.T) {
	for _, p := range []Protocol{AllProtocols, 0, ICMP, TCP, UDP, ICMPv6, 47, 255} {
		if got, err := ParseProtocol(p.String()); err != nil || got != p {
			t.Errorf("%s parses as %s, %v", p, got, err)
		}
	}
	for _, s := range []string{"", "TCP ", "-2", "256", "tcp/80", "1e2"} {
		if p, err := ParseProtocol(s); err == nil {
			t.Errorf("%q parses as %s", s, p)
		}
	}
}

func FuzzParseProtocol(f *testing.F) {
	for _, s := range []string{"tcp", "-1", "47", "all", "٣"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParseProtocol(s)
		if err != nil {
			return
		}
		again, err := ParseProtocol(p.String())
		if err != nil || again != p {
			t.Fatalf("%q is %s, which parses as %s, %v", s, p, again, err)
		}
		if c := ProtocolColumns(p); c.First > c.Last || c.Last >= NumColumns {
			t.Fatalf("%s has columns %d..%d", p, c.First, c.Last)
		}
	})
}
