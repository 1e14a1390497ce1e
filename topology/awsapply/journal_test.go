package awsapply

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func october() time.Time { return time.Date(2026, 10, 1, 9, 0, 0, 0, time.FixedZone("KST", 9*3600)) }

func TestJournalFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "changeset.journal.jsonl")
	j, err := OpenJournal(path, october)
	if err != nil {
		t.Fatal(err)
	}
	begin := Record{Kind: RecordBegin, Changeset: digest, Signatures: []string{"SHA256:abc"}, Groups: today().SecurityGroups, ACLs: today().NetworkACLs}
	for _, r := range []Record{begin, {Kind: RecordStart, Changeset: digest, Change: "c-1"}, {Kind: RecordDone, Changeset: digest, Change: "c-1", Rule: "sgr-9"}} {
		if err := j.Append(r); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := OpenJournal(path, october); err == nil || !strings.Contains(err.Error(), "another run holds it") {
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
	j, err = OpenJournal(path, october)
	if err != nil {
		t.Fatal(err)
	}
	if got := j.Records(); len(got) != 2 || got[1].Kind != RecordStart || got[0].Time != "2026-10-01T00:00:00Z" {
		t.Fatalf("records %+v; want the two whole ones, with times in UTC", got)
	}
	want, err := state{group: &begin.Groups[0]}.snapshot()
	if err != nil {
		t.Fatal(err)
	}
	got, err := state{group: &j.Records()[0].Groups[0]}.snapshot()
	if err != nil || got.Digest() != want.Digest() {
		t.Errorf("the group came back changed: %v", err)
	}
	if err := j.Append(Record{Kind: RecordDone, Changeset: digest, Change: "c-1"}); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if j, err = OpenJournal(path, october); err != nil || len(j.Records()) != 3 {
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
		_, err := OpenJournal(path, nil)
		var bad *JournalError
		if !errors.As(err, &bad) || bad.Line != 1 || bad.File != path {
			t.Errorf("%s: %v; want the file and line 1", name, err)
		}
		if got, _ := os.ReadFile(path); string(got) != text {
			t.Errorf("%s: the file was changed", name)
		}
	}
}

// Runs with a real file, closed and opened between them.
func TestResumeFromFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j")
	f, p := newFake(today()), tighten(t, today())
	writes := 0
	f.before = func(call string) error {
		if strings.HasPrefix(call, "Describe") {
			return nil
		}
		if writes++; writes%2 == 0 {
			return refuse("InternalError")
		}
		return nil
	}
	for run := 1; ; run++ {
		j, err := OpenJournal(path, october)
		if err != nil {
			t.Fatal(err)
		}
		_, err = (&Applier{API: f, Journal: j, Clock: newClock()}).Apply(t.Context(), p)
		if cerr := j.Close(); cerr != nil {
			t.Fatal(cerr)
		}
		if err == nil {
			break
		}
		var partly *PartlyAppliedError
		if !errors.As(err, &partly) || len(partly.Done) != run {
			t.Fatalf("run %d: %v; want one more change than the run before", run, err)
		}
	}
	checkApplied(t, f, p)
	if len(f.writes) != 7 {
		t.Errorf("writes %v; want each once", f.writes)
	}
}

func FuzzJournal(f *testing.F) {
	f.Add([]byte(`{"format":"flowcover.journal/1","kind":"end","changeset":"x"}` + "\n"))
	f.Add([]byte(`{"format":"flowcover.journal/1","kind":"begin","changeset":"x","groups":[{"id":"sg-1","rules":[]}]}` + "\n{"))
	f.Add([]byte("\n\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		records, whole, err := parseJournal("j", data)
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
		again, _, err := parseJournal("j", data[:whole])
		if err != nil || len(again) != len(records) {
			t.Fatalf("read again: %d records, %v", len(again), err)
		}
	})
}
