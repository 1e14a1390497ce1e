package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // a bare container has no zone files

	"github.com/urfave/cli/v2"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/cmd/internal/command"
	"github.com/flowcover/flowcover/topology/changeset"
)

// zoneFlag is shared; since and until are configured for analyze alone, and
// choose among the observations for plan.
func zoneFlag() command.Flag {
	return command.Flag{Name: "timezone", Hint: "TZ", Key: "timezone", Default: "UTC", Usage: "decides where days, weeks and months begin, such as Asia/Seoul"}
}

func windowFlags() []command.Flag {
	return []command.Flag{
		{Name: "since", Hint: "DATE", Key: "since", Usage: "first day of the window, or a time (RFC 3339), or days before --until such as 30d"},
		{Name: "until", Hint: "DATE", Key: "until", Usage: "the day after the window's last, or a time; without it the last midnight"},
		zoneFlag(),
	}
}

// parseWindow reads --since and --until in the time zone. Until may be left
// out: the last midnight, for whoever runs it every night.
func parseWindow(since, until, zone string, now time.Time) (analyze.Window, error) {
	var w analyze.Window
	loc, err := time.LoadLocation(zone)
	if err != nil || zone == "Local" {
		return w, fmt.Errorf("--timezone %q: want a name such as Asia/Seoul or UTC", zone)
	}
	w.Location = loc
	today := now.In(loc)
	w.Until = time.Date(today.Year(), today.Month(), today.Day(), 0, 0, 0, 0, loc)
	if until != "" {
		if w.Until, err = parseTime(until, loc); err != nil {
			return w, fmt.Errorf("--until %w", err)
		}
	}
	if since == "" {
		return w, fmt.Errorf("--since is missing; give a day such as 2026-09-01, or 30d for the thirty days before --until")
	}
	if days, ok := strings.CutSuffix(since, "d"); ok {
		n, err := strconv.Atoi(days)
		if err != nil || n < 1 || n > 3660 {
			return w, fmt.Errorf("--since %q: want a number of days from 1d to 3660d", since)
		}
		w.Since = w.Until.AddDate(0, 0, -n)
	} else if w.Since, err = parseTime(since, loc); err != nil {
		return w, fmt.Errorf("--since %w", err)
	}
	if !w.Since.Before(w.Until) {
		return w, fmt.Errorf("--since %s is not before --until %s", w.Since.Format(time.RFC3339), w.Until.Format(time.RFC3339))
	}
	return w, nil
}

func parseTime(s string, loc *time.Location) (time.Time, error) {
	if t, err := time.ParseInLocation(time.DateOnly, s, loc); err == nil {
		return t, nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t.In(loc), nil
	}
	return time.Time{}, fmt.Errorf("%q: want a day such as 2026-09-01, or a time such as 2026-09-01T09:00:00+09:00", s)
}

// chosenWindow is the window that --since and --until choose observations by;
// nil where they are not given.
func chosenWindow(c *cli.Context, now time.Time) (*analyze.Window, error) {
	since, until := c.String("since"), c.String("until")
	if since == "" && until == "" {
		return nil, nil
	}
	if since == "" || until == "" || c.String("observations") != "" {
		return nil, errors.New("--since and --until go together, and not with --observations")
	}
	w, err := parseWindow(since, until, c.String("timezone"), now)
	return &w, err
}

// windowText writes a window as documents hold it.
func windowText(w analyze.Window) changeset.Window {
	return changeset.Window{
		Since: w.Since.In(w.Location).Format(time.RFC3339), Until: w.Until.In(w.Location).Format(time.RFC3339), Timezone: w.Location.String(),
	}
}

// windowOf reads back what windowText wrote.
func windowOf(t changeset.Window) (analyze.Window, error) {
	loc, err := time.LoadLocation(t.Timezone)
	if err != nil {
		return analyze.Window{}, fmt.Errorf("window.timezone: %w", err)
	}
	since, err1 := time.Parse(time.RFC3339, t.Since)
	until, err2 := time.Parse(time.RFC3339, t.Until)
	if err1 != nil || err2 != nil {
		return analyze.Window{}, fmt.Errorf("window %s to %s: want times in RFC 3339", t.Since, t.Until)
	}
	return analyze.Window{Since: since.In(loc), Until: until.In(loc), Location: loc}, nil
}
