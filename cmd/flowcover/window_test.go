package main

import (
	"strings"
	"testing"
	"time"
)

func TestParseWindow(t *testing.T) {
	now := time.Date(2026, 10, 2, 16, 30, 0, 0, time.UTC) // the 3rd in Seoul
	for _, c := range []struct{ since, until, zone, wantSince, wantUntil string }{
		{"2026-09-01", "2026-10-01", "UTC", "2026-09-01T00:00:00Z", "2026-10-01T00:00:00Z"},
		{"2026-09-01", "2026-10-01", "Asia/Seoul", "2026-09-01T00:00:00+09:00", "2026-10-01T00:00:00+09:00"},
		{"30d", "", "UTC", "2026-09-02T00:00:00Z", "2026-10-02T00:00:00Z"},
		{"1d", "", "Asia/Seoul", "2026-10-02T00:00:00+09:00", "2026-10-03T00:00:00+09:00"},
		{"2026-09-01T10:00:00+09:00", "2026-09-02", "UTC", "2026-09-01T01:00:00Z", "2026-09-02T00:00:00Z"},
		{"1d", "2026-11-02", "America/New_York", "2026-11-01T00:00:00-04:00", "2026-11-02T00:00:00-05:00"}, // 25 hours
	} {
		w, err := parseWindow(c.since, c.until, c.zone, now)
		if err != nil {
			t.Errorf("%v: %v", c, err)
			continue
		}
		text := windowText(w)
		if text.Since != c.wantSince || text.Until != c.wantUntil || text.Timezone != c.zone {
			t.Errorf("%v: %v", c, text)
		}
		back, err := windowOf(text)
		if err != nil || !back.Since.Equal(w.Since) || !back.Until.Equal(w.Until) || back.Location.String() != c.zone {
			t.Errorf("%v: does not come back: %v, %v", text, back, err)
		}
	}
	for _, c := range []struct{ since, until, zone, want string }{
		{"", "", "UTC", "--since is missing"},
		{"0d", "", "UTC", "1d to 3660d"},
		{"2026-9-1", "", "UTC", "--since"},
		{"2026-09-01", "tomorrow", "UTC", "--until"},
		{"2026-09-01", "2026-09-01", "UTC", "is not before"},
		{"2026-09-01", "", "Local", "--timezone"},
		{"2026-09-01", "", "Mars", "--timezone"},
	} {
		if _, err := parseWindow(c.since, c.until, c.zone, now); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v", c, err)
		}
	}
}
