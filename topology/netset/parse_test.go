package netset

import "testing"

func TestParseColumns(t *testing.T) {
	for _, s := range []string{"all", "tcp", "tcp/443", "udp/1-10", "icmp", "icmp/8", "icmp/3:4", "icmpv6/128", "50"} {
		c, err := ParseColumns(s)
		if err != nil || c.String() != s {
			t.Errorf("%s: %s, %v", s, c, err)
		}
	}
	for _, s := range []string{"", "tpc", "tcp/", "tcp/70000", "tcp/9-8", "tcp/-1", "icmp/256", "icmp/3:256", "icmp/x", "50/1", "all/1", "tcp/1-"} {
		if c, err := ParseColumns(s); err == nil {
			t.Errorf("%s is taken for %s", s, c)
		}
	}
}

func FuzzParseColumns(f *testing.F) {
	f.Add("tcp/1-10")
	f.Add("icmp/3:4")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ParseColumns(s)
		if err != nil {
			return
		}
		if back, err := ParseColumns(c.String()); err != nil || back != c || c.Last >= NumColumns || c.First > c.Last {
			t.Errorf("%q: %v, %v, %v", s, c, back, err)
		}
	})
}
