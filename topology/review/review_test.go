package review

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

var now = time.Date(2026, 10, 2, 9, 0, 0, 0, time.UTC)

const doc = `{"format":"flowcover.changeset/1"}`

// keygen runs the real ssh-keygen: reviews are worth what it says of them.
func keygen(t *testing.T, stdin string, args ...string) (string, error) {
	t.Helper()
	bin, err := exec.LookPath("ssh-keygen")
	if err != nil {
		t.Fatal("ssh-keygen is not on the PATH; install the Debian package openssh-client")
	}
	cmd := exec.Command(bin, args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func newKeyFile(t *testing.T, passphrase string, args ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "key")
	if out, err := keygen(t, "", append([]string{"-q", "-N", passphrase, "-C", "someone@host", "-f", file}, args...)...); err != nil {
		t.Fatalf("ssh-keygen: %v\n%s", err, out)
	}
	return file
}

func open(t *testing.T, file string, o KeyOptions) *Key {
	t.Helper()
	k, err := OpenKey(file, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Close() })
	return k
}

// signer is an in-memory key for the tests that need many.
func signer(t *testing.T) *Key {
	t.Helper()
	_, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ssh.NewSignerFromKey(priv)
	if err != nil {
		t.Fatal(err)
	}
	return &Key{signer: s}
}

func signed(t *testing.T, k *Key, edit func(*Review), decisions ...Decision) File {
	t.Helper()
	r := Review{
		Changeset: Digest([]byte(doc)), Key: k.Fingerprint(),
		SignedAt: now, ExpiresAt: now.Add(DefaultExpiry), Decisions: decisions,
	}
	if edit != nil {
		edit(&r)
	}
	data, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	sig, err := k.Sign(data)
	if err != nil {
		t.Fatal(err)
	}
	return File{Name: FileName("changeset.json", k.Fingerprint()), Data: data, Signature: sig}
}

func allow(t *testing.T, lines ...string) *AllowedSigners {
	t.Helper()
	a, err := ParseAllowedSigners(strings.NewReader(strings.Join(lines, "\n")), time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func yes(id string) Decision { return Decision{id, Approve, "needed"} }
func no(id string) Decision  { return Decision{id, Reject, "not ours"} }

func TestSSHKeygenAcceptsTheSignature(t *testing.T) {
	for _, args := range [][]string{
		{"-t", "ed25519"}, {"-t", "ecdsa", "-b", "256"}, {"-t", "ecdsa", "-b", "521"},
		{"-t", "rsa", "-b", "2048"}, {"-t", "rsa", "-b", "3072", "-m", "PEM"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			file := newKeyFile(t, "", args...)
			k := open(t, file, KeyOptions{})
			f := signed(t, k, nil, yes("c-1"))
			dir := t.TempDir()
			sigFile, allowedFile := filepath.Join(dir, "x.sig"), filepath.Join(dir, "allowed_signers")
			line := "kim@bank.example namespaces=\"flowcover\" " + k.AuthorizedKey() + "\n"
			write(t, sigFile, f.Signature)
			write(t, allowedFile, []byte(line))
			verify := []string{"-Y", "verify", "-f", allowedFile, "-I", "kim@bank.example", "-n", "flowcover", "-s", sigFile}
			if out, err := keygen(t, string(f.Data), verify...); err != nil {
				t.Fatalf("ssh-keygen refuses: %v\n%s", err, out)
			}
			if out, err := keygen(t, string(f.Data)+" ", verify...); err == nil {
				t.Fatalf("ssh-keygen accepts a changed file: %s", out)
			}
			if _, err := Verify([]byte(doc), []File{f}, allow(t, line), "", now); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestSignatureMadeBySSHKeygenIsAccepted(t *testing.T) {
	file := newKeyFile(t, "", "-t", "ed25519")
	k := open(t, file, KeyOptions{})
	f := signed(t, k, nil, yes("c-1"))
	path := filepath.Join(t.TempDir(), "review.json")
	write(t, path, f.Data)
	if out, err := keygen(t, "", "-Y", "sign", "-f", file, "-n", "flowcover", path); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var err error
	if f.Signature, err = os.ReadFile(path + ".sig"); err != nil {
		t.Fatal(err)
	}
	if _, err := Verify([]byte(doc), []File{f}, allow(t, "kim "+k.AuthorizedKey()), "", now); err != nil {
		t.Fatal(err)
	}
}

func TestFingerprintIsThatOfSSHKeygen(t *testing.T) {
	file := newKeyFile(t, "", "-t", "ed25519")
	out, err := keygen(t, "", "-l", "-f", file)
	if err != nil {
		t.Fatal(err)
	}
	if want := open(t, file, KeyOptions{}).Fingerprint(); !strings.Contains(out, want) {
		t.Errorf("ssh-keygen says %q, we say %s", out, want)
	}
}

func TestEncryptedKey(t *testing.T) {
	file := newKeyFile(t, "한국어 phrase", "-t", "ed25519")
	asked := ""
	k := open(t, file, KeyOptions{Passphrase: func(f string) ([]byte, error) { asked = f; return []byte("한국어 phrase"), nil }})
	if asked != file {
		t.Errorf("asked for the passphrase of %q, want %q", asked, file)
	}
	if _, err := k.Sign([]byte("x")); err != nil {
		t.Error(err)
	}
	_, err := OpenKey(file, KeyOptions{Passphrase: func(string) ([]byte, error) { return []byte("wrong"), nil }})
	wantText(t, err, file, "passphrase")
	_, err = OpenKey(file, KeyOptions{})
	wantText(t, err, file, "encrypted", "ssh-add", file+".pub")
}

func TestKeyFromAgent(t *testing.T) {
	file := newKeyFile(t, "", "-t", "rsa", "-b", "2048")
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	priv, err := ssh.ParseRawPrivateKey(raw)
	if err != nil {
		t.Fatal(err)
	}
	ring := agent.NewKeyring()
	socket := serveAgent(t, ring)

	_, err = OpenKey(file+".pub", KeyOptions{})
	wantText(t, err, "SSH_AUTH_SOCK", "ssh-add")
	_, err = OpenKey(file+".pub", KeyOptions{AgentSocket: socket})
	wantText(t, err, "holds 0 keys", "ssh-add "+file)

	if err := ring.Add(agent.AddedKey{PrivateKey: priv}); err != nil {
		t.Fatal(err)
	}
	k := open(t, file+".pub", KeyOptions{AgentSocket: socket})
	f := signed(t, k, nil, yes("c-1"))
	if _, err := Verify([]byte(doc), []File{f}, allow(t, "kim "+k.AuthorizedKey()), "", now); err != nil {
		t.Fatal(err)
	}
}

func serveAgent(t *testing.T, ring agent.Agent) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "fc") // a socket's path has to be short
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close(); _ = os.RemoveAll(dir) })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _ = agent.ServeAgent(ring, c) }()
		}
	}()
	return socket
}

func TestKeysThatCannotSign(t *testing.T) {
	_, err := OpenKey(filepath.Join(t.TempDir(), "none"), KeyOptions{})
	wantText(t, err, "none", "no such file")
	bad := filepath.Join(t.TempDir(), "bad")
	write(t, bad, []byte("not a key"))
	_, err = OpenKey(bad, KeyOptions{})
	wantText(t, err, bad)
	_, err = OpenKey(newKeyFile(t, "", "-t", "rsa", "-b", "1024"), KeyOptions{})
	wantText(t, err, "fewer than 2048 bits")
}

func TestVerifyRefuses(t *testing.T) {
	kim, lee := signer(t), signer(t)
	allowed := allow(t, "kim@bank "+kim.AuthorizedKey(), "*@bank "+lee.AuthorizedKey())
	good := signed(t, kim, nil, yes("c-1"))
	edited := good
	edited.Data = bytes.Replace(good.Data, []byte("needed"), []byte("NEEDED"), 1)
	noSig := good
	noSig.Signature = nil
	garbage := good
	garbage.Signature = []byte("-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n")
	stranger := signed(t, signer(t), nil, yes("c-1"))
	borrowed := signed(t, kim, func(r *Review) { r.Key = lee.Fingerprint() }, yes("c-1"))
	wrongName := signed(t, kim, func(r *Review) { r.Principal = "lee@bank" }, yes("c-1"))
	patternOnly := signed(t, lee, nil, yes("c-1"))
	other := signed(t, kim, func(r *Review) { r.Changeset = Digest([]byte("other")) }, yes("c-1"))

	for _, c := range []struct {
		name  string
		files []File
		at    time.Time
		want  error
		text  string
	}{
		{"no review", nil, now, ErrUnsigned, "flowcover review"},
		{"no signature", []File{noSig}, now, ErrUnsigned, ".sig"},
		{"signature is no signature", []File{garbage}, now, ErrChanged, ".sig"},
		{"review edited", []File{edited}, now, ErrChanged, "not over this file"},
		{"unknown key", []File{stranger}, now, ErrSignerUnknown, "not in the file"},
		{"one good, one unknown", []File{good, stranger}, now, ErrSignerUnknown, "not in the file"},
		{"another's key named", []File{borrowed}, now, ErrSignerUnknown, lee.Fingerprint()},
		{"another's name", []File{wrongName}, now, ErrSignerUnknown, "lee@bank"},
		{"a pattern names nobody", []File{patternOnly}, now, ErrSignerUnknown, "--principal"},
		{"expired", []File{good}, now.Add(DefaultExpiry), ErrExpired, "2026-10-16"},
		{"another changeset", []File{other}, now, ErrChanged, "plan and review again"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Verify([]byte(doc), c.files, allowed, "", c.at)
			if !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			wantText(t, err, c.text)
			for _, k := range []error{ErrUnsigned, ErrSignerUnknown, ErrExpired, ErrChanged, ErrFourEyes} {
				if k != c.want && errors.Is(err, k) { //nolint:errorlint // sentinels of our own
					t.Errorf("%v is %v as well", err, k)
				}
			}
		})
	}
	if _, err := Verify([]byte(doc), []File{good}, allowed, "", now.Add(DefaultExpiry-time.Second)); err != nil {
		t.Errorf("in its last second: %v", err)
	}
}

// Every byte of a review and of its signature counts.
func TestEveryFlippedByteIsRefused(t *testing.T) {
	k := signer(t)
	allowed := allow(t, "kim "+k.AuthorizedKey())
	good := signed(t, k, nil, yes("c-1"))
	for i := range good.Data {
		f := good
		f.Data = bytes.Clone(good.Data)
		f.Data[i] ^= 1
		if _, err := Verify([]byte(doc), []File{f}, allowed, "", now); !errors.Is(err, ErrChanged) {
			t.Fatalf("byte %d of the review flipped: %v", i, err)
		}
	}
	for i := range doc {
		b := []byte(doc)
		b[i] ^= 1
		if _, err := Verify(b, []File{good}, allowed, "", now); !errors.Is(err, ErrChanged) {
			t.Fatalf("byte %d of the changeset flipped: %v", i, err)
		}
	}
}

func TestFourEyes(t *testing.T) {
	kim, lee, kim2 := signer(t), signer(t), signer(t)
	allowed := allow(t,
		"kim@bank "+kim.AuthorizedKey(),
		"kim@bank,ops@bank "+kim2.AuthorizedKey(),
		"lee@bank "+lee.AuthorizedKey())
	own := signed(t, kim, nil, yes("c-1"), yes("c-2"))
	alias := signed(t, kim2, func(r *Review) { r.Principal = "ops@bank" }, yes("c-1"), yes("c-2"))
	for _, c := range []struct {
		name   string
		author string
		files  []File
		refuse string
	}{
		{"batch, one approver", "", []File{own}, ""},
		{"author alone", "kim@bank", []File{own}, "c-1, c-2"},
		{"author in capitals", "KIM@bank", []File{own}, "c-1, c-2"},
		{"author under another name and key", "kim@bank", []File{alias}, "c-1, c-2"},
		{"author twice", "kim@bank", []File{own, alias}, "c-1, c-2"},
		{"another for all", "kim@bank", []File{own, signed(t, lee, nil, yes("c-1"), yes("c-2"))}, ""},
		{"another for one of two", "kim@bank", []File{own, signed(t, lee, nil, yes("c-1"))}, "c-2"},
		{"another rejects", "kim@bank", []File{own, signed(t, lee, nil, no("c-1"), no("c-2"))}, ""},
		{"another alone", "kim@bank", []File{signed(t, lee, nil, yes("c-1"))}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Verify([]byte(doc), c.files, allowed, c.author, now)
			if c.refuse == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if !errors.Is(err, ErrFourEyes) {
				t.Fatalf("got %v, want four eyes", err)
			}
			wantText(t, err, c.refuse)
		})
	}
}

func TestSelect(t *testing.T) {
	kim, lee := signer(t), signer(t)
	allowed := allow(t, "kim "+kim.AuthorizedKey(), "lee "+lee.AuthorizedKey())
	d, err := Verify([]byte(doc), []File{
		signed(t, kim, nil, yes("a"), yes("b"), yes("c"), yes("e")),
		signed(t, lee, nil, no("b"), yes("a")),
	}, allowed, "", now)
	if err != nil {
		t.Fatal(err)
	}
	apply, held, err := d.Select([]Need{{"a", nil}, {"b", nil}, {"c", []string{"b"}}, {"d", nil}, {"e", []string{"a"}}})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(apply, " "); got != "a e" {
		t.Errorf("applies %q, want a and e", got)
	}
	got := fmt.Sprint(held)
	for _, want := range []string{"{b rejected by lee: not ours}", "{c requires b, which is not applied", "{d nobody approved it}"} {
		if !strings.Contains(got, want) {
			t.Errorf("held %s lacks %s", got, want)
		}
	}
	if _, _, err := d.Select([]Need{{"a", nil}}); !errors.Is(err, ErrChanged) {
		t.Errorf("a decision about an unknown change: %v", err)
	}
	if _, held, _ = d.Select([]Need{{"a", []string{"e"}}, {"b", nil}, {"c", nil}, {"e", []string{"a"}}}); len(held) != 3 {
		t.Errorf("two changes that require one another: held %v", held)
	}
}

func TestEncodeDecode(t *testing.T) {
	r := Review{Changeset: Digest([]byte(doc)), Key: "SHA256:x", SignedAt: now, ExpiresAt: now.Add(time.Hour),
		Decisions: []Decision{{"b", Approve, "한글 <이유>"}, {"a", Reject, ""}}}
	one, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	back, err := Decode(one)
	if err != nil {
		t.Fatal(err)
	}
	two, err := back.Encode()
	if err != nil || !bytes.Equal(one, two) {
		t.Errorf("not stable (%v):\n%s\n%s", err, one, two)
	}
	if !bytes.Contains(one, []byte("한글 <이유>")) {
		t.Errorf("text is escaped: %s", one)
	}
	for name, c := range map[string]struct{ old, new, text string }{
		"unknown field":  {`"principal"`, `"principle"`, "principle"},
		"format":         {"flowcover.review/1", "flowcover.review/9", "flowcover.review/9"},
		"decision":       {`"reject"`, `"maybe"`, "maybe"},
		"digest":         {r.Changeset, "abc", "changeset"},
		"expiry":         {"2026-10-02T10", "2026-10-02T08", "expires_at"},
		"twice":          {`"a"`, `"b"`, "twice"},
		"empty change":   {`"a"`, `""`, "empty"},
		"trailing bytes": {"]\n}", "]\n} {}", "follows"},
	} {
		_, err := Decode(bytes.Replace(one, []byte(c.old), []byte(c.new), 1))
		t.Run(name, func(t *testing.T) { wantText(t, err, c.text) })
	}
}

func TestMergeLetsTheLaterWin(t *testing.T) {
	got := Merge([]Decision{yes("a"), yes("b")}, []Decision{no("b"), yes("c")})
	if fmt.Sprint(got) != fmt.Sprint([]Decision{yes("a"), no("b"), yes("c")}) {
		t.Error(got)
	}
}

func TestNames(t *testing.T) {
	name := FileName("dir/my.changeset.json", "SHA256:a+b/c")
	if name != "dir/my.changeset.review.a-b_c.json" {
		t.Error(name)
	}
	for _, c := range []string{"dir/my.changeset.json", "dir/[x]*?.json"} {
		if ok, err := filepath.Match(Pattern(c), FileName(c, "SHA256:abc")); !ok || err != nil {
			t.Errorf("%s does not match %s", FileName(c, "SHA256:abc"), Pattern(c))
		}
	}
}

func write(t *testing.T, file string, data []byte) {
	t.Helper()
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func wantText(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", parts)
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("error %q lacks %q", err, p)
		}
	}
}
