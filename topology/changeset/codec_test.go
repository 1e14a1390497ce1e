package changeset

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func sample(t testing.TB) *Changeset {
	a := small()
	a.sg("sg-web", "vpc-1", "in tcp/443 10.0.0.0/8", "in icmp/8:-1 10.0.0.0/8", "out all 0.0.0.0/0")
	a.eni("eni-web", "subnet-a", "sg-web", "10.1.1.10")
	a.flow("eni-web in tcp/443 10.1.2.20")
	a.flow("eni-web in icmp 10.1.2.20")
	a.flow("eni-web in tcp/443 10.1.2.30", unanswered)
	return newPlan().build(t, a.snapshot(t), a.flows)
}

func TestCodecRoundTrip(t *testing.T) {
	c := sample(t)
	file := encode(t, c)
	got, err := Decode(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(c, got); d != "" {
		t.Errorf("decoded differs (-encoded +decoded):\n%s", d)
	}
	again := encode(t, got)
	if !bytes.Equal(file, again) {
		t.Error("encoding again gives other bytes")
	}
	if Digest(file) != Digest(again) || len(Digest(file)) != 64 {
		t.Errorf("digest %q", Digest(file))
	}
}

func TestDecodeRefuses(t *testing.T) {
	file := string(encode(t, sample(t)))
	first := strings.Index(file, `"cidr": "10.1.2.20/32"`)
	for _, tc := range []struct{ name, in, says string }{
		{"nothing", "\n", "is empty"},
		{"not JSON", "format: x", "not JSON at byte"},
		{"cut", file[:len(file)/2], "ends early, after"},
		{"no format", `{}`, "no field \"format\""},
		{"another format", `{"format":"flowcover.snapshot/1"}`, "want flowcover.changeset/1"},
		{"newer", `{"format":"flowcover.changeset/2"}`, "newer than this flowcover"},
		{"unknown field", strings.Replace(file, `"author"`, `"autor"`, 1), `unknown field "autor"`},
		{"wrong type", strings.Replace(file, `"author": ""`, `"author": 7`, 1), "field author (line 3): got number"},
		{"more after", file + "{}", "more after the document"},
		{"rule edited", file[:first] + strings.Replace(file[first:], "10.1.2.20/32", "10.1.2.21/32", 1), ""},
		{"kind", strings.Replace(file, `"kind": "sg-rule-add"`, `"kind": "route-add"`, 1), `kind "route-add": want`},
		{"change edited", editChange(file), "the id does not fit"},
		{"not canonical", strings.ReplaceAll(file, "10.1.2.20/32", "10.1.2.20/29"), "canonical form, 10.1.2.16/29"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Decode(strings.NewReader(tc.in))
			if tc.says == "" {
				return // in a target's list of rules: the signature guards it
			}
			if err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("error %v, want one with %q", err, tc.says)
			}
		})
	}
}

// editChange changes the port of the first change.
func editChange(file string) string {
	i := strings.Index(file, `"changes"`)
	return file[:i] + strings.Replace(file[i:], `"to_port": 443`, `"to_port": 444`, 1)
}

func FuzzDecode(f *testing.F) {
	f.Add(encode(f, sample(f)))
	f.Add([]byte(`{"format":"flowcover.changeset/1","changes":[{"id":"c-1","kind":"sg-rule-add"}]}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		c, err := Decode(bytes.NewReader(in))
		if err != nil {
			return
		}
		file := encode(t, c)
		again, err := Decode(bytes.NewReader(file))
		if err != nil {
			t.Fatalf("what was decoded cannot be decoded again: %v", err)
		}
		if !bytes.Equal(file, encode(t, again)) {
			t.Fatal("encoding is not stable")
		}
	})
}
