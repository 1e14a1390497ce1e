package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/flowcover/flowcover/cmd/internal/table"
	"github.com/flowcover/flowcover/topology"
)

// print writes the findings that nobody accepted, then how many there are and
// what was not looked at.
func (l *lintRun) print(w io.Writer, s *topology.Snapshot, out lintJSON) error {
	accepted, left := 0, []judgedByFile{}
	for _, f := range out.Findings {
		if f.accepted() {
			accepted++
		} else {
			left = append(left, f)
		}
	}
	var b strings.Builder
	if l.table {
		if err := l.printTable(&b, s, left); err != nil {
			return err
		}
	} else {
		for _, f := range left {
			l.printFinding(&b, f)
		}
	}
	if len(out.Findings) > 0 {
		b.WriteString("\n")
	}
	l.text(&b, "", fmt.Sprintf("%s, %d of them accepted", plural(len(out.Findings), "finding", "findings"), accepted))
	for _, n := range out.Notes {
		l.text(&b, "note  ", n)
	}
	for _, n := range out.NotComputed {
		l.text(&b, "not computed  ", n)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (l *lintRun) text(b *strings.Builder, first, s string) {
	b.WriteString(table.Indent(first, table.Clean(s), l.env.Width) + "\n")
}

func (l *lintRun) printFinding(b *strings.Builder, f judgedByFile) {
	l.text(b, "", fmt.Sprintf("%s  %s  %s %s", f.Severity, f.Rule, f.Finding.ID, f.Resource))
	l.text(b, "    ", f.Reason)
	if f.Evidence != "" {
		l.text(b, "    flows: ", f.Evidence)
	}
	l.text(b, "    remedy: ", f.Remedy)
	for _, c := range f.Changes() {
		l.text(b, "    change: ", fmt.Sprintf("%s %s %s", c.Kind, c.Target, c.Rule))
	}
	if f.Acceptance != nil {
		l.text(b, "    ", "was accepted until "+f.Acceptance.Until+": "+f.Acceptance.Reason+" (expired)")
	}
}

// printTable writes a line for each finding. Ids stay whole, so that they can
// be copied; the name gives way.
func (l *lintRun) printTable(w io.Writer, s *topology.Snapshot, findings []judgedByFile) error {
	if len(findings) == 0 {
		return nil
	}
	t := &table.Table{Columns: []table.Column{{Name: "grade"}, {Name: "rule", Min: 16}, {Name: "id"}, {Name: "resource"}, {Name: "name", Min: 4, Drop: 1}}}
	for _, f := range findings {
		t.Add(string(f.Severity), f.Rule, f.Finding.ID, f.Resource, s.Name(f.Resource))
	}
	return t.Write(w, l.env.Width)
}
