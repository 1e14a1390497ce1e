package analyze

import (
	"slices"
	"testing"
	"time"
)

func TestLastPart(t *testing.T) {
	seoul := time.FixedZone("KST", 9*3600)
	since := time.Date(2026, 9, 1, 0, 0, 0, 0, seoul)
	for _, tc := range []struct {
		days, held int // held 0: none
	}{{1, 0}, {19, 0}, {20, 7}, {28, 7}, {30, 7}, {32, 8}, {90, 22}} {
		w := Window{Since: since, Until: since.AddDate(0, 0, tc.days), Location: seoul}
		first, days, ok := w.LastPart()
		if ok != (tc.held > 0) || days != tc.held {
			t.Errorf("%d days: %d held (%v), want %d", tc.days, days, ok, tc.held)
		}
		if want := date(int(first)).Format(time.DateOnly); ok && want != since.AddDate(0, 0, tc.days-tc.held).Format(time.DateOnly) {
			t.Errorf("%d days: the part begins on %s", tc.days, want)
		}
	}
	if _, _, ok := (Window{}).LastPart(); ok {
		t.Error("a window without times has a last part")
	}
}

func TestEarlier(t *testing.T) {
	flow := func(approved bool, days ...int32) Flow {
		return Flow{Days: days, Attribution: Attribution{Approved: approved}}
	}
	in := []Flow{flow(true, 1, 2, 9), flow(true, 9), flow(true, 3, 10), flow(false, 1, 2)}
	got := Earlier(in, 9, 2)
	if len(got) != 3 || !slices.Equal(got[0].Days, []int32{1, 2}) || !got[0].Approved || got[1].Approved || got[2].Approved {
		t.Errorf("%+v", got)
	}
	if len(in[0].Days) != 3 || !in[2].Approved {
		t.Error("the flows given were changed")
	}
}
