package journal

import (
	"bytes"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

func october() time.Time { return time.Date(2026, 10, 1, 9, 0, 0, 0, time.FixedZone("KST", 9*3600)) }

var (
	scope  = topology.Scope{Account: "111111111111", Region: "ap-northeast-2"}
	groups = []topology.SecurityGroup{{ID: "sg-1", Scope: scope, VPC: "vpc-1", Name: "웹", Rules: []topology.SecurityGroupRule{
		{ID: "sgr-1", Direction: topology.Ingress, Protocol: netset.TCP, FromPort: 443, ToPort: 443, CIDR: netip.MustParsePrefix("10.0.0.0/8")}}}}
	acls = []topology.NetworkACL{{ID: "acl-1", Scope: scope, VPC: "vpc-1", Entries: []topology.NetworkACLEntry{
		{Number: 100, Direction: topology.Egress, Allow: true, Protocol: netset.AllProtocols, FromPort: -1, ToPort: -1, CIDR: netip.MustParsePrefix("::/0")}}}}
)

func TestJournalFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "changeset.journal.jsonl")
	j, err := Open(path, october)
	if err != nil {
		t.Fatal(err)
	}
	begin := Record{Kind: Begin, Changeset: "5e2d", Signatures: []string{"SHA256:abc"}, Groups: groups, ACLs: acls}
	for _, r := range []Record{begin, {Kind: Start, Changeset: "5e2d", Change: "c-1"}, {Kind: Done, Changeset: "5e2d", Change: "c-1", Rule: "sgr-9"}} {
		if err := j.Append(r); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Open(path, october); err == nil || !strings.Contains(err.Error(), "another run holds it") {
		t.Errorf("opened twice: %v", err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}

	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// A crash in the middle of the last line.
	if err := os.WriteFile(path, data[:len(data)-9], 0o644); err != nil {
		t.Fatal(err)
	}
	j, err = Open(path, october)
	if err != nil {
		t.Fatal(err)
	}
	if got := j.Records(); len(got) != 2 || got[1].Kind != Start || got[0].Time != "2026-10-01T00:00:00Z" {
		t.Fatalf("records %+v; want the two whole ones, with times in UTC", got)
	}
	if got := j.Records()[0]; !reflect.DeepEqual(got.Groups, groups) || !reflect.DeepEqual(got.ACLs, acls) {
		t.Errorf("the resources came back changed: %+v", got)
	}
	if err := j.Append(Record{Kind: Done, Changeset: "5e2d", Change: "c-1"}); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if j, err = Open(path, october); err != nil || len(j.Records()) != 3 {
		t.Fatalf("after the torn line and a new one: %v", err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestJournalThatIsNone(t *testing.T) {
	for name, text := range map[string]string{
		"not JSON":      "hello\n",
		"other format":  `{"format":"flowcover.journal/9","kind":"end","changeset":"x"}` + "\n",
		"unknown kind":  `{"format":"flowcover.journal/1","kind":"maybe","changeset":"x"}` + "\n",
		"unknown field": `{"format":"flowcover.journal/1","kind":"end","changeset":"x","extra":1}` + "\n",
		"torn inside":   `{"format":"flowcover.jour` + "\n" + `{"format":"flowcover.journal/1","kind":"end","changeset":"x"}` + "\n",
	} {
		path := filepath.Join(t.TempDir(), "j")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := Open(path, nil)
		var bad *Error
		if !errors.As(err, &bad) || bad.Line != 1 || bad.File != path {
			t.Errorf("%s: %v; want the file and line 1", name, err)
		}
		if got, _ := os.ReadFile(path); string(got) != text {
			t.Errorf("%s: the file was changed", name)
		}
	}
}

func TestNothingFollowsABrokenRecord(t *testing.T) {
	j, err := Open(filepath.Join(t.TempDir(), "j"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.file.Close(); err != nil { // the disk is gone
		t.Fatal(err)
	}
	first := j.Append(Record{Kind: End, Changeset: "5e2d"})
	if first == nil || j.Append(Record{Kind: End, Changeset: "5e2d"}) == nil || len(j.Records()) != 0 {
		t.Errorf("error %v, records %v; want errors and no record", first, j.Records())
	}
}

func FuzzJournal(f *testing.F) {
	f.Add([]byte(`{"format":"flowcover.journal/1","kind":"end","changeset":"x"}` + "\n"))
	f.Add([]byte(`{"format":"flowcover.journal/1","kind":"begin","changeset":"x","groups":[{"id":"sg-1","rules":[]}]}` + "\n{"))
	f.Add([]byte("\n\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		records, whole, err := parse("j", data)
		if err != nil {
			return
		}
		if whole > len(data) || whole > 0 && data[whole-1] != '\n' || bytes.IndexByte(data[whole:], '\n') >= 0 {
			t.Fatalf("%d bytes read of %q: want all whole lines and no more", whole, data)
		}
		if lines := bytes.Count(data[:whole], []byte("\n")); lines != len(records) {
			t.Fatalf("%d records of %d lines", len(records), lines)
		}
		// What was read plans the same after another reading.
		again, _, err := parse("j", data[:whole])
		if err != nil || len(again) != len(records) {
			t.Fatalf("read again: %d records, %v", len(again), err)
		}
	})
}
