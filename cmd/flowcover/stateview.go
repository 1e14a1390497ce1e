package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/flowcover/flowcover/analyze/rollup"
	"github.com/flowcover/flowcover/analyze/source"
	"github.com/flowcover/flowcover/cmd/internal/table"
)

// What a rollup of a state is.
const (
	rollupCurrent    = "current"
	rollupSuperseded = "superseded"
	rollupFuller     = "fuller" // than the current one, whose objects are fewer
	rollupDamaged    = "damaged"
)

// stateListed is what state list --json prints.
type stateListed struct {
	Format  string         `json:"format"`
	State   string         `json:"state"`
	Rollups []listedRollup `json:"rollups"`
}

type listedRollup struct {
	Name     string         `json:"name"`
	Status   string         `json:"status"` // current, superseded, fuller or damaged
	Day      string         `json:"day"`
	Account  string         `json:"account"`
	Region   string         `json:"region"`
	FlowLog  string         `json:"flow_log"`
	Objects  rollup.Objects `json:"objects"`
	Records  int64          `json:"records"`
	Bytes    int64          `json:"bytes"`
	Modified time.Time      `json:"modified"`
	Engine   string         `json:"engine"`
	Problem  *string        `json:"problem"`
}

// stateVerified is what state verify --json prints.
type stateVerified struct {
	Format  string          `json:"format"`
	State   string          `json:"state"`
	Checked int             `json:"checked"`
	Damaged []damagedRollup `json:"damaged"`
}

type damagedRollup struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// statePruned is what state prune --json prints.
type statePruned struct {
	Format  string         `json:"format"`
	State   string         `json:"state"`
	DryRun  bool           `json:"dry_run"`
	Rollups []prunedRollup `json:"rollups"`
	Fuller  []prunedRollup `json:"fuller"` // kept: the newer one is made from fewer objects
	Files   []string       `json:"files"`  // what killed runs left
	Bytes   int64          `json:"bytes"`
	Kept    int            `json:"kept"` // rollups
}

type prunedRollup struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

func listJSON(state source.Bucket, entries []rollup.Entry) stateListed {
	out := stateListed{Format: "flowcover.state-list/1", State: state.URI(), Rollups: []listedRollup{}}
	status := rollupStatuses(entries)
	for _, e := range entries {
		s := e.Sidecar
		l := listedRollup{
			Name: e.Name, Status: status[e.Name], Day: e.Day(), Account: s.Account, Region: s.Region, FlowLog: s.FlowLog,
			Objects: s.Objects, Records: s.Totals.Records, Bytes: e.Bytes, Modified: e.Modified.UTC().Truncate(time.Second), Engine: s.Engine,
		}
		if e.Err != nil {
			problem := e.Err.Error()
			l.Problem = &problem
		}
		out.Rollups = append(out.Rollups, l)
	}
	return out
}

// rollupStatuses says by name what each rollup is.
func rollupStatuses(entries []rollup.Entry) map[string]string {
	old, fuller := rollup.Superseded(entries), rollup.Fuller(entries)
	out := map[string]string{}
	for _, e := range entries {
		_, full := fuller[e.Name]
		switch {
		case e.Err != nil:
			out[e.Name] = rollupDamaged
		case old[e.Name]:
			out[e.Name] = rollupSuperseded
		case full:
			out[e.Name] = rollupFuller
		default:
			out[e.Name] = rollupCurrent
		}
	}
	return out
}

func (s *stateRun) printList(entries []rollup.Entry) error {
	t := &table.Table{Columns: []table.Column{
		{Name: "day"}, {Name: "account"}, {Name: "region", Drop: 2}, {Name: "flow log", Drop: 1},
		{Name: "objects", Right: true}, {Name: "unreadable", Right: true}, {Name: "records", Right: true}, {Name: "size", Right: true}, {Name: "status"},
	}}
	statuses := rollupStatuses(entries)
	counts := map[string]int{}
	var size, records int64
	for _, e := range entries {
		c, status := e.Sidecar, statuses[e.Name]
		counts[status]++
		size += e.Bytes
		if status == rollupCurrent {
			records += c.Totals.Records
		}
		t.Add(e.Day(), orDash(c.Account), orDash(c.Region), orDash(c.FlowLog), strconv.Itoa(c.Objects.Read+c.Objects.Skipped), strconv.Itoa(c.Objects.Unreadable),
			short(strconv.FormatInt(c.Totals.Records, 10)), sizeText(e.Bytes), status)
	}
	var b strings.Builder
	if len(entries) > 0 {
		if err := t.Write(&b, s.env.Width); err != nil {
			return err
		}
		b.WriteByte('\n')
	}
	text := fmt.Sprintf("%s of %s, %s: %d current", plural(len(entries), "rollup", "rollups"), plural(int(records), "record", "records"), sizeText(size), counts[rollupCurrent])
	for _, status := range []string{rollupSuperseded, rollupFuller, rollupDamaged} {
		if n := counts[status]; n > 0 {
			text += fmt.Sprintf(", %d %s", n, status)
		}
	}
	b.WriteString(table.Indent("", text, s.env.Width) + "\n")
	if counts[rollupSuperseded]+counts[rollupDamaged] > 0 {
		b.WriteString("remove what no run asks for: flowcover state prune --state " + s.state + " --dry-run\n")
	}
	_, err := io.WriteString(s.env.Out, b.String())
	return err
}

func (s *stateRun) printVerified(doc stateVerified) error {
	var b strings.Builder
	for _, d := range doc.Damaged {
		b.WriteString(table.Indent("damaged ", table.Clean(d.Name+": "+d.Reason), s.env.Width) + "\n")
	}
	fmt.Fprintf(&b, "%s checked, %d damaged\n", plural(doc.Checked, "rollup", "rollups"), len(doc.Damaged))
	_, err := io.WriteString(s.env.Out, b.String())
	return err
}

func (s *stateRun) printPruned(doc statePruned) error {
	verb := "removed"
	if doc.DryRun {
		verb = "would remove"
	}
	var b strings.Builder
	for _, r := range doc.Rollups {
		b.WriteString(table.Indent(verb+" ", r.Name+": "+r.Reason, s.env.Width) + "\n")
	}
	for _, r := range doc.Fuller {
		b.WriteString(table.Indent("kept ", r.Name+": "+r.Reason, s.env.Width) + "\n")
	}
	for _, f := range doc.Files {
		b.WriteString(table.Indent(verb+" ", table.Clean(f)+": a run that was killed left it", s.env.Width) + "\n")
	}
	fmt.Fprintf(&b, "%s %s and %s, %s; %d kept\n", verb, plural(len(doc.Rollups), "rollup", "rollups"), plural(len(doc.Files), "left file", "left files"),
		sizeText(doc.Bytes), doc.Kept)
	_, err := io.WriteString(s.env.Out, b.String())
	return err
}

// sizeText writes bytes for people: 512 B, 1.4 MiB.
func sizeText(n int64) string {
	if n < 1<<10 {
		return fmt.Sprintf("%d B", n)
	}
	f, unit := float64(n), -1
	for f >= 1<<10 && unit < 4 {
		f /= 1 << 10
		unit++
	}
	return fmt.Sprintf("%.1f %s", f, []string{"KiB", "MiB", "GiB", "TiB", "PiB"}[unit])
}
