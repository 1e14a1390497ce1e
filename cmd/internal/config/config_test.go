package config

import (
	"fmt"
	"strings"
	"testing"
)

var keys = []Key{
	{"timezone", Scalar}, {"logs", List}, {"policy.min-coverage", Scalar}, {"policy.zones", Map},
	{"policy.exclude", Records}, {"quotas.nacl", Scalar}, {"quotas.sg", Scalar}, {"account", Scalar},
}

func TestParse(t *testing.T) {
	got, err := Parse("f.yaml", []byte(`# 설정
timezone: Asia/Seoul   # 서울
account: 012345678901
logs:
  - s3://a/b
  - "./한글 logs"
policy:
  min-coverage: 0.90
  zones:
    onprem: [172.16.0.0/12, 192.168.0.0/16]
    dmz: 10.0.0.0/16
  exclude:
    - zone=internet port=tcp/22
    - {name: no-admin, zone: internet, port: [tcp/22, tcp/3389]}
quotas: {nacl: per-family}
`), keys)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]Value{
		"timezone":            {{"Asia/Seoul", 2}},
		"account":             {{"012345678901", 3}},
		"logs":                {{"s3://a/b", 5}, {"./한글 logs", 6}},
		"policy.min-coverage": {{"0.90", 8}},
		"policy.zones":        {{"onprem=172.16.0.0/12", 10}, {"onprem=192.168.0.0/16", 10}, {"dmz=10.0.0.0/16", 11}},
		"policy.exclude":      {{"zone=internet port=tcp/22", 13}, {"name=no-admin zone=internet port=tcp/22 port=tcp/3389", 14}},
		"quotas.nacl":         {{"per-family", 15}},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestEmptyFilesAreFine(t *testing.T) {
	for _, s := range []string{"", "\n", "# only a comment\n", "---\n", "---\n# x\n", "logs: []\n"} {
		if _, err := Parse("f.yaml", []byte(s), keys); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestErrorsNameFileLineAndTheNearestKey(t *testing.T) {
	for in, want := range map[string]string{
		"timezone: a\ntimzone: b":          "f.yaml:2: unknown key timzone (did you mean timezone?)",
		"policy:\n  min-coverge: 1":        "f.yaml:2: unknown key policy.min-coverge (did you mean policy.min-coverage?)",
		"min-coverage: 1":                  "f.yaml:1: unknown key min-coverage (did you mean policy.min-coverage?)",
		"polcy:\n  min-coverage: 1":        "f.yaml:1: unknown key polcy (did you mean policy?)",
		"quotas:\n  zzz: 1":                "f.yaml:2: unknown key quotas.zzz; known here: nacl, sg",
		"policy: 1":                        "f.yaml:1: policy holds a single value; want one of its keys: exclude, min-coverage, zones",
		"timezone:\n  - a\n  - b":          "f.yaml:2: want a single value here, found a sequence",
		"timezone:":                        "a key without a value",
		"timezone: a\ntimezone: b":         "f.yaml:2: ",
		"- a":                              "f.yaml:1: want keys with values",
		"just text":                        "f.yaml:1: want keys with values",
		"timezone: &a x":                   "f.yaml:1: anchors",
		"timezone: !!str x":                "f.yaml:1: anchors",
		"policy:\n  zones: [a]":            "f.yaml:2: want a single value",
		"policy:\n  exclude: a":            "f.yaml:2: policy.exclude wants a list",
		"policy:\n  exclude: [{a: 'x y'}]": "f.yaml:2: a: \"x y\" has a blank",
		"timezone: a\n---\ntimezone: b":    "f.yaml:3: a second document",
		"timezone: [a":                     "f.yaml:1: ",
		"timezone: \"a":                    "f.yaml:1: ",
		"a: b: c":                          "f.yaml:1: ",
		"logs:\n  - {a: b}":                "f.yaml:2: want a single value",
		strings.Repeat("#", maxSize+1):     "larger than",
	} {
		_, err := Parse("f.yaml", []byte(in), keys)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q:\n got %v\nwant %s", in, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"timezone: a", "policy:\n  zones: {a: [b, c]}\n  exclude:\n  - {a: b}", "? a\n: b", "a: |\n  x\n", "&a b: *a", "<<: {a: b}", "timezone: .inf"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := Parse("f.yaml", []byte(s), keys)
		if err != nil && !strings.HasPrefix(err.Error(), "f.yaml") {
			t.Errorf("the error names no file: %v", err)
		}
		for k := range got {
			known := false
			for _, key := range keys {
				known = known || key.Name == k
			}
			if !known {
				t.Errorf("unknown key %q came out", k)
			}
		}
	})
}
