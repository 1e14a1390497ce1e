package main

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/optimize/rulelist"
)

func TestParseExclusion(t *testing.T) {
	zones := map[string]*analyze.Zone{"dmz": {Name: "dmz"}}
	x, err := parseExclusion("name=a zone=dmz port=tcp/22 port=udp/53 class=single side=in days=3", zones)
	if err != nil || x.Name != "a" || x.Zone != "dmz" || len(x.Columns) != 2 || x.Classes[0] != analyze.Single || x.Side != analyze.In || x.MinDays != 3 {
		t.Errorf("%+v, %v", x, err)
	}
	for s, want := range map[string]string{
		"":                "no condition",
		"name=only":       "no condition",
		"zone=dmzz":       "did you mean dmz?",
		"class=steadyy":   "class",
		"side=left":       "want in or out",
		"days=0":          "days",
		"prot=tcp":        "did you mean port?",
		"port=tcp/x":      "want a port",
		"zone internet":   "WORD=VALUE",
		"zone=":           "WORD=VALUE",
		"port=nonsense/1": "nonsense",
	} {
		if _, err := parseExclusion(s, zones); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", s, err, want)
		}
	}
}

func TestParseForbidden(t *testing.T) {
	for s, want := range map[string]string{
		"tcp/23":               "tcp/23 0.0.0.0/0, tcp/23 ::/0",
		"203.0.113.9/24":       "all 203.0.113.0/24",
		"tcp/22 2001:db8::/32": "tcp/22 2001:db8::/32",
	} {
		blocks, err := rulelist.ParseForbidden(s)
		var got []string
		for _, b := range blocks {
			got = append(got, b.String())
		}
		if err != nil || strings.Join(got, ", ") != want {
			t.Errorf("%s: %q, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "tcp/22 tcp/23", "a b c", "10.0.0.0/99"} {
		if b, err := rulelist.ParseForbidden(s); err == nil {
			t.Errorf("%q is taken for %v", s, b)
		}
	}
}

func TestAddZone(t *testing.T) {
	zones := map[string]*analyze.Zone{}
	for _, s := range []string{"a=10.0.0.1/8", "a=172.16.0.0/12", "b=2001:db8::/32"} {
		if err := addZone(zones, s); err != nil {
			t.Error(err)
		}
	}
	if !slices.Equal(zones["a"].Prefixes, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12")}) || len(zones) != 2 {
		t.Errorf("%v", zones)
	}
	for _, s := range []string{"", "a", "=10.0.0.0/8", "a=10.0.0.0", "internet=1.0.0.0/8"} {
		if err := addZone(zones, s); err == nil {
			t.Errorf("%q is a zone", s)
		}
	}
}
