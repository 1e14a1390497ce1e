package review

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestAllowedSigners(t *testing.T) {
	k := signer(t)
	key := k.AuthorizedKey()
	seoul := time.FixedZone("KST", 9*3600)
	for _, c := range []struct {
		line, principal string
		want            string // the name, or "!" and a piece of the reason
	}{
		{"kim@bank " + key, "", "kim@bank"},
		{"kim@bank " + key + " a comment, with \"quotes", "kim@bank", "kim@bank"},
		{"\t kim@bank \t" + key, "", "kim@bank"},
		{"*@bank,lee@bank " + key, "", "lee@bank"},
		{"*@bank " + key, "kim@bank", "kim@bank"},
		{"*@bank,!kim@bank " + key, "kim@bank", "!does not let the key speak"},
		{"k?m@bank " + key, "kim@bank", "kim@bank"},
		{"kim@bank " + key, "lee@bank", "!does not let the key speak"},
		{`kim@bank namespaces="git,flowcover" ` + key, "", "kim@bank"},
		{`kim@bank NAMESPACES="flow*" ` + key, "", "kim@bank"},
		{`kim@bank namespaces="git" ` + key, "", "!other namespaces"},
		{`kim@bank cert-authority ` + key, "", "!certificate authority"},
		{`kim@bank valid-after="20260101Z" ` + key, "", "kim@bank"},
		{`kim@bank valid-after="20261002090000Z" ` + key, "", "kim@bank"},
		{`kim@bank valid-after="20261002090001Z" ` + key, "", "!only after"},
		{`kim@bank valid-before="20261002090001Z" ` + key, "", "kim@bank"},
		{`kim@bank valid-before="20261002090000Z" ` + key, "", "!only before"},
		{`kim@bank valid-before="202610021801" ` + key, "", "kim@bank"},     // 18:01 in Seoul
		{`kim@bank valid-before="202610021800" ` + key, "", "!only before"}, // 18:00 in Seoul
		{`kim@bank valid-after="20260101",valid-before="20270101",namespaces="flowcover" ` + key, "", "kim@bank"},
		{"# kim@bank " + key, "", "!not in the file"},
	} {
		a, err := ParseAllowedSigners(strings.NewReader("\n# head\n"+c.line+"\r\n"), seoul)
		if err != nil {
			t.Errorf("%s: %v", c.line, err)
			continue
		}
		name, why := a.resolve(k.Fingerprint(), c.principal, now)
		if want, refused := strings.CutPrefix(c.want, "!"); refused {
			if name != "" || !strings.Contains(why, want) {
				t.Errorf("%s: %q, %q; want refused with %q", c.line, name, why, want)
			}
		} else if name != c.want || why != "" {
			t.Errorf("%s: %q, %q; want %q", c.line, name, why, c.want)
		}
	}
}

func TestAllowedSignersErrorsNameTheLine(t *testing.T) {
	key := signer(t).AuthorizedKey()
	for line, text := range map[string]string{
		key:                                   "the person it speaks for comes first",
		"kim":                                 "neither a key type",
		", " + key:                            "no principal",
		"kim nonsense " + key:                 "nonsense",
		`kim namespaces=x ` + key:             "double quotes",
		`kim namespaces="x ` + key:            "not closed",
		`kim namespaces="" ` + key:            "names no namespace",
		`kim valid-after="2026-01-01" ` + key: "YYYYMMDD",
		`kim valid-after="20270101",valid-before="20260101" ` + key: "not later",
		"kim ssh-ed25519 !!!!":    "base64",
		"kim ssh-ed25519 AAAA":    "cannot be read",
		"kim ssh-rsa " + key[12:]: "of type ssh-ed25519",
	} {
		_, err := ParseAllowedSigners(strings.NewReader("kim "+key+"\n"+line+"\n"), time.UTC)
		wantText(t, err, "line 2", text)
	}
}

// ssh-keygen is the oracle: both must take or refuse the same lines.
func TestAllowedSignersAgreeWithSSHKeygen(t *testing.T) {
	file := newKeyFile(t, "", "-t", "ed25519")
	k := open(t, file, KeyOptions{})
	key := k.AuthorizedKey()
	f := signed(t, k, nil, yes("c-1"))
	dir := t.TempDir()
	sig, allowed := filepath.Join(dir, "sig"), filepath.Join(dir, "allowed")
	write(t, sig, f.Signature)
	for _, line := range []string{
		"kim " + key, "lee,kim " + key, "k* " + key, "k*,!kim " + key, "!lee,k?m " + key, "KIM " + key,
		`kim namespaces="flowcover" ` + key, `kim namespaces="git" ` + key, `kim namespaces="*,!flowcover" ` + key,
		`kim Namespaces="flow*",valid-after="20200101Z" ` + key, `kim valid-before="20200101" ` + key,
		`kim valid-after="20990101" ` + key, `kim cert-authority ` + key, `kim nonsense ` + key,
		`"kim" ` + key, `kim namespaces=flowcover ` + key, "kim  \t" + key, "lee " + key + "\nkim " + key,
	} {
		write(t, allowed, []byte(line+"\n"))
		out, theirs := keygen(t, string(f.Data), "-Y", "verify", "-f", allowed, "-I", "kim", "-n", "flowcover", "-s", sig)
		ours := false
		if a, err := ParseAllowedSigners(strings.NewReader(line+"\n"), time.Local); err == nil {
			_, why := a.resolve(k.Fingerprint(), "kim", time.Now())
			ours = why == ""
		}
		if ours != (theirs == nil) {
			t.Errorf("%s: we say %t, ssh-keygen says %q", line, ours, out)
		}
	}
}

func FuzzParseAllowedSigners(f *testing.F) {
	key := "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE7mTVKKLwOFbdzy24Lyj4zPCMJd5bxWEkn0v0gE7WVh"
	for _, s := range []string{
		"kim@bank " + key, `*,!x namespaces="a,b",valid-after="20260101Z" ` + key, "# c\n\n", `a "b\"c" d`, "a cert-authority,namespaces=\"x\" " + key,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseAllowedSigners(strings.NewReader(s), time.UTC)
		if err != nil {
			if a != nil {
				t.Error("an error and a value")
			}
			return
		}
		for _, l := range a.lines {
			name, why := a.resolve(l.fingerprint, "", now)
			if (name == "") == (why == "") {
				t.Errorf("name %q and reason %q", name, why)
			}
			if name != "" && !a.speaksFor(l.fingerprint, name) {
				t.Errorf("%q is found and may not speak", name)
			}
		}
	})
}

func FuzzDecode(f *testing.F) {
	r := Review{Changeset: Digest(nil), Key: "SHA256:x", SignedAt: now, ExpiresAt: now.Add(time.Hour), Decisions: []Decision{yes("a")}}
	good, err := r.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"format":"flowcover.review/1","decisions":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Decode(data)
		if err != nil {
			return
		}
		out, err := r.Encode()
		if err != nil {
			t.Skip("times with a fraction of a second may fall together when written")
		}
		if _, err := Decode(out); err != nil {
			t.Errorf("what was read cannot be written and read again: %v\n%s", err, out)
		}
	})
}

func TestWildcardIsNotExponential(t *testing.T) {
	start := time.Now()
	if wildcard(strings.Repeat("a*", 40)+"b", strings.Repeat("a", 5000)) {
		t.Error("matches")
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("took %s", d)
	}
}

func TestMain(m *testing.M) {
	// An agent of the person who runs the tests is nobody's business here.
	_ = os.Unsetenv("SSH_AUTH_SOCK")
	os.Exit(m.Run())
}
