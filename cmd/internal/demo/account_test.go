package demo

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/awscollect"
)

// snapshotOf checks an account with topology's own validation.
func snapshotOf(t *testing.T, res topology.Resources) *topology.Snapshot {
	t.Helper()
	s, err := topology.New(res)
	if err != nil {
		t.Fatalf("the account is not a valid snapshot: %v", err)
	}
	return s
}

func account(t *testing.T, seed uint64, size Size) topology.Resources {
	t.Helper()
	res, err := Account(seed, size)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// What the folder of JSON says is what the account is.
func TestAccountReadsBack(t *testing.T) {
	for _, size := range []Size{{}, {VPCs: 5, ENIs: 90}} {
		res := account(t, 7, size)
		dir := t.TempDir()
		if err := WriteAccount(dir, &res); err != nil {
			t.Fatal(err)
		}
		read, report, err := awscollect.FromDir(context.Background(), dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range report.Ignored {
			t.Errorf("ignored: %s %s: %s", i.File, i.Key, i.Reason)
		}
		want, got := snapshotOf(t, res), snapshotOf(t, read)
		if want.Digest() != got.Digest() {
			t.Errorf("read back differently (-made +read):\n%s", cmp.Diff(want.Resources(), got.Resources(), cmp.Comparer(func(a, b interface{ String() string }) bool { return a.String() == b.String() })))
		}
	}
}
