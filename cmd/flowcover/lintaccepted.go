package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/flowcover/flowcover/cmd/internal/config"
	"github.com/flowcover/flowcover/topology/lint"
)

// acceptance says that people live with a finding, until a day and why.
type acceptance struct {
	Until  string `json:"until"` // the last day
	Reason string `json:"reason"`
	// Expired: the finding shows again.
	Expired bool `json:"expired"`
}

// judgedByFile is a finding with what the file of accepted ones says.
type judgedByFile struct {
	lint.Finding
	Acceptance *acceptance `json:"acceptance,omitempty"`
}

func (f judgedByFile) accepted() bool { return f.Acceptance != nil && !f.Acceptance.Expired }

// acceptances are the accepted findings by id, in the file's order.
type acceptances struct {
	file string
	ids  []string
	by   map[string]acceptance
}

// readAccepted reads the file: under "accepted", a finding's id each with
// "YYYY-MM-DD REASON".
func readAccepted(file string, data []byte) (acceptances, error) {
	out := acceptances{file: file, by: map[string]acceptance{}}
	values, err := config.Parse(file, data, []config.Key{{Name: "accepted", Kind: config.Map}})
	if err != nil {
		return out, err
	}
	for _, v := range values["accepted"] {
		id, text, _ := strings.Cut(v.Text, "=")
		bad := func(format string, args ...any) error {
			return fmt.Errorf("%s:%d: accepted: %s: %s", file, v.Line, id, fmt.Sprintf(format, args...))
		}
		until, reason, _ := strings.Cut(strings.TrimSpace(text), " ")
		switch _, err := time.Parse(time.DateOnly, until); {
		case !strings.HasPrefix(id, "l-"):
			return out, bad("want the id of a finding, such as l-0123456789ab")
		case err != nil:
			return out, bad("%q: want YYYY-MM-DD, the last day, and a reason after it", until)
		case strings.TrimSpace(reason) == "":
			return out, bad("the reason is missing; say after the date why the finding is accepted")
		}
		if _, twice := out.by[id]; twice {
			return out, bad("it stands twice")
		}
		out.ids = append(out.ids, id)
		out.by[id] = acceptance{Until: until, Reason: strings.TrimSpace(reason)}
	}
	return out, nil
}

// judge gives each finding its acceptance, and says which are of no use.
func (a acceptances) judge(findings []lint.Finding, now time.Time) (out []judgedByFile, notes []string) {
	out, notes = []judgedByFile{}, []string{}
	found := map[string]bool{}
	for _, f := range findings {
		found[f.ID] = true
		j := judgedByFile{Finding: f}
		if acc, ok := a.by[f.ID]; ok {
			acc.Expired = acc.Until < today(now)
			j.Acceptance = &acc
		}
		out = append(out, j)
	}
	for _, id := range a.ids {
		if !found[id] {
			notes = append(notes, fmt.Sprintf("%s accepts %s, which is no longer found: take the line away", a.file, id))
		}
	}
	return out, notes
}
