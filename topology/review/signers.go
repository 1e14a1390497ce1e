package review

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// AllowedSigners says which keys speak for whom: OpenSSH's allowed_signers
// file (ssh-keygen(1), ALLOWED SIGNERS). The zero value allows nobody.
type AllowedSigners struct{ lines []signerLine }

type signerLine struct {
	number      int
	principals  patternList
	authority   bool // cert-authority: speaks for certificates, not for itself
	namespaces  patternList
	after       time.Time // zero: no limit
	before      time.Time
	fingerprint string
}

// ParseAllowedSigners reads an allowed-signers file. Times without a Z are in
// loc, as ssh-keygen takes the machine's own zone. A line that ssh-keygen
// would not read is an error that names the line.
func ParseAllowedSigners(r io.Reader, loc *time.Location) (*AllowedSigners, error) {
	if loc == nil {
		loc = time.UTC
	}
	var out AllowedSigners
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, 1<<20)
	for number := 1; sc.Scan(); number++ {
		text := strings.TrimSpace(sc.Text())
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		line, err := parseSignerLine(text, loc)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		line.number = number
		out.lines = append(out.lines, line)
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("read allowed signers: %w", err)
	}
	return &out, nil
}

// Len gives the number of keys in the file.
func (a *AllowedSigners) Len() int { return len(a.lines) }

func parseSignerLine(text string, loc *time.Location) (signerLine, error) {
	var line signerLine
	principals, rest, err := cutField(text)
	if err != nil {
		return line, err
	}
	if isKeyType(principals) {
		return line, fmt.Errorf("it begins with the key; the person it speaks for comes first: PRINCIPAL[,PRINCIPAL] [OPTIONS] KEYTYPE BASE64")
	}
	principals = strings.ReplaceAll(principals, `"`, "")
	if line.principals = parsePatterns(principals); len(line.principals) == 0 {
		return line, fmt.Errorf("no principal before the key; want: PRINCIPAL[,PRINCIPAL] [OPTIONS] KEYTYPE BASE64")
	}
	field, after, err := cutField(rest)
	if err != nil {
		return line, err
	}
	if !isKeyType(field) {
		if err := line.parseOptions(field, loc); err != nil {
			return line, err
		}
		if field, after, err = cutField(after); err != nil {
			return line, err
		}
	}
	if !isKeyType(field) {
		return line, fmt.Errorf("%q is neither a key type (such as ssh-ed25519) nor a list of options (cert-authority, namespaces=, valid-after=, valid-before=)", field)
	}
	blob, _, err := cutField(after)
	if err != nil {
		return line, err
	}
	raw, err := base64.StdEncoding.DecodeString(blob)
	if err != nil {
		return line, fmt.Errorf("the key is not base64: %w", err)
	}
	key, err := ssh.ParsePublicKey(raw)
	if err != nil {
		return line, fmt.Errorf("the key cannot be read: %w", err)
	}
	if key.Type() != field {
		return line, fmt.Errorf("the key is of type %s, the line says %s", key.Type(), field)
	}
	line.fingerprint = ssh.FingerprintSHA256(key)
	return line, nil
}

// cutField cuts the first field, blanks within double quotes kept.
func cutField(s string) (field, rest string, err error) {
	s = strings.TrimLeft(s, " \t")
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && s[i+1] == '"':
			i++
		case s[i] == '"':
			quoted = !quoted
		case (s[i] == ' ' || s[i] == '\t') && !quoted:
			return s[:i], s[i:], nil
		}
	}
	if quoted {
		return "", "", fmt.Errorf("a double quote is not closed")
	}
	return s, "", nil
}

func isKeyType(s string) bool {
	switch s {
	case ssh.KeyAlgoED25519, ssh.KeyAlgoRSA, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521,
		ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256, ssh.InsecureKeyAlgoDSA: //nolint:staticcheck // a file may still list one
		return true
	}
	return strings.HasSuffix(s, "-cert-v01@openssh.com")
}

func (l *signerLine) parseOptions(s string, loc *time.Location) error {
	for s != "" {
		option, rest := cutOption(s)
		s = rest
		name, value, has := strings.Cut(option, "=")
		if has {
			if len(value) < 2 || value[0] != '"' || value[len(value)-1] != '"' {
				return fmt.Errorf("option %s: the value must stand in double quotes", name)
			}
			value = strings.ReplaceAll(value[1:len(value)-1], `\"`, `"`)
		}
		var err error
		switch strings.ToLower(name) {
		case "cert-authority":
			l.authority = true
		case "namespaces":
			if l.namespaces = parsePatterns(value); len(l.namespaces) == 0 {
				err = fmt.Errorf("names no namespace")
			}
		case "valid-after":
			l.after, err = parseSignerTime(value, loc)
		case "valid-before":
			l.before, err = parseSignerTime(value, loc)
		default:
			err = fmt.Errorf("is not known; want cert-authority, namespaces=, valid-after= or valid-before=")
		}
		if err != nil {
			return fmt.Errorf("option %q: %w", name, err)
		}
	}
	if !l.after.IsZero() && !l.before.IsZero() && !l.before.After(l.after) {
		return fmt.Errorf("option valid-before is not later than valid-after")
	}
	return nil
}

// cutOption cuts at the first comma outside double quotes.
func cutOption(s string) (option, rest string) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && s[i+1] == '"':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == ',' && !quoted:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

func parseSignerTime(s string, loc *time.Location) (time.Time, error) {
	digits, zulu := strings.CutSuffix(strings.ToUpper(s), "Z")
	if zulu {
		loc = time.UTC
	}
	layout, ok := map[int]string{8: "20060102", 12: "200601021504", 14: "20060102150405"}[len(digits)]
	if ok {
		if t, err := time.ParseInLocation(layout, digits, loc); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time; want YYYYMMDD[Z] or YYYYMMDDHHMM[SS][Z]", s)
}

// patternList is ssh_config's: * and ? as wildcards, ! negates, and a negated
// pattern that matches wins over all others.
type patternList []pattern

type pattern struct {
	negated bool
	text    string
}

func parsePatterns(s string) patternList {
	var out patternList
	for _, p := range strings.Split(s, ",") {
		text, negated := strings.CutPrefix(strings.TrimSpace(p), "!")
		if text != "" {
			out = append(out, pattern{negated, text})
		}
	}
	return out
}

func (l patternList) match(s string) bool {
	found := false
	for _, p := range l {
		if wildcard(p.text, s) {
			if p.negated {
				return false
			}
			found = true
		}
	}
	return found
}

// literal gives the first pattern that names one principal; empty if none does.
func (l patternList) literal() string {
	for _, p := range l {
		if !p.negated && !strings.ContainsAny(p.text, "*?") {
			return p.text
		}
	}
	return ""
}

// wildcard matches with * and ?, in time linear in both for each star.
func wildcard(pattern, s string) bool {
	p, i := 0, 0
	star, mark := -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// validAt says whether the line's key speaks at that time, and if not, why.
func (l signerLine) validAt(now time.Time) (bool, string) {
	if !l.after.IsZero() && now.Before(l.after) {
		return false, "is valid only after " + l.after.UTC().Format(time.RFC3339)
	}
	if !l.before.IsZero() && !now.Before(l.before) {
		return false, "was valid only before " + l.before.UTC().Format(time.RFC3339)
	}
	return true, ""
}

// resolve finds who a key speaks for in this namespace. With a principal it
// must be one of the key's; without, the first that a line names literally. On
// refusal why says what stands in the way.
func (a *AllowedSigners) resolve(fingerprint, principal string, now time.Time) (name, why string) {
	why = "the key is not in the file"
	for _, l := range a.lines {
		if l.fingerprint != fingerprint {
			continue
		}
		valid, reason := l.validAt(now)
		switch {
		case l.authority:
			why = fmt.Sprintf("line %d names the key as a certificate authority only", l.number)
		case len(l.namespaces) > 0 && !l.namespaces.match(Namespace):
			why = fmt.Sprintf("line %d allows the key other namespaces than %q", l.number, Namespace)
		case !valid:
			why = fmt.Sprintf("the key of line %d %s", l.number, reason)
		case principal != "" && !l.principals.match(principal):
			why = fmt.Sprintf("line %d does not let the key speak for %q", l.number, principal)
		case principal != "":
			return principal, ""
		case l.principals.literal() == "":
			why = fmt.Sprintf("line %d names no single person for the key and the review names no principal (review --principal)", l.number)
		default:
			return l.principals.literal(), ""
		}
	}
	return "", why
}

// Principal gives the person whom the key may speak for at that time; empty
// if there is none or the file names only patterns.
func (a *AllowedSigners) Principal(fingerprint string, now time.Time) string {
	name, _ := a.resolve(fingerprint, "", now)
	return name
}

// speaksFor says whether any line lets the key be that principal, whatever
// its namespaces and times: what four eyes asks about the author.
func (a *AllowedSigners) speaksFor(fingerprint, principal string) bool {
	for _, l := range a.lines {
		if l.fingerprint == fingerprint && (l.principals.match(principal) || l.principals.matchFold(principal)) {
			return true
		}
	}
	return false
}

func (l patternList) matchFold(s string) bool {
	for _, p := range l {
		if !p.negated && wildcard(strings.ToLower(p.text), strings.ToLower(s)) {
			return true
		}
	}
	return false
}
