package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"unicode/utf8"
)

// grid is a Markdown table that also reads well on a terminal.
type grid [][]string

func (g *grid) add(cells ...string) { *g = append(*g, cells) }

func (g grid) String() string {
	width := map[int]int{}
	for _, row := range g {
		for i, c := range row {
			width[i] = max(width[i], utf8.RuneCountInString(c))
		}
	}
	var b strings.Builder
	for n, row := range g {
		for i, c := range row {
			fmt.Fprintf(&b, "| %s%s ", c, strings.Repeat(" ", width[i]-utf8.RuneCountInString(c)))
		}
		b.WriteString("|\n")
		if n == 0 {
			for i := range row {
				b.WriteString("|" + strings.Repeat("-", width[i]+2))
			}
			b.WriteString("|\n")
		}
	}
	return b.String()
}

func seconds(s float64) string { return fmt.Sprintf("%.1f s", s) }

func times(a, b filled) string {
	if b.Seconds == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", a.Seconds/b.Seconds)
}

// thousands writes a number in groups of three figures.
func thousands(n int64) string {
	if n < 1000 {
		return strconv.FormatInt(n, 10)
	}
	return fmt.Sprintf("%s %03d", thousands(n/1000), n%1000)
}

func perSecond(records int64, f filled) string {
	return thousands(int64(float64(records)/f.Seconds/1000) * 1000)
}

func millions(n int64) string {
	if n%1_000_000 == 0 {
		return fmt.Sprintf("%d million", n/1_000_000)
	}
	return fmt.Sprintf("%.1f million", float64(n)/1e6)
}

// localReport has a line for what was run and the threads. The machine may be
// doing other things too: processor time tells more then.
func localReport(rows []localRow) string {
	g := grid{{"threads", "what", "time", "ingest / this", "processor time", "ingest / this", "records/s"}}
	for _, r := range rows {
		row := func(name string, f filled) {
			g.add(fmt.Sprint(r.threads), name, seconds(f.Seconds), times(r.ingest, f),
				seconds(f.CPU), fmt.Sprintf("%.2f", r.ingest.CPU/f.CPU), perSecond(r.records, f))
		}
		row("ingest", r.ingest)
		row("DuckDB alone, the ingest's SQL", r.rollup)
		row("DuckDB alone, one GROUP BY", r.group)
	}
	records := int64(0)
	if len(rows) > 0 {
		records = rows[0].records
	}
	return fmt.Sprintf("%s records.\n\n%s", millions(records), g)
}

func networkReport(r networkResult) string {
	g := grid{{"where from", "time", "/ folder", "processor time", "bytes moved", "of the objects"}}
	row := func(name string, f filled) {
		moved, part := "", ""
		if f.Whole > 0 && f.Moved > 0 {
			moved, part = mib(f.Moved), fmt.Sprintf("%.3f", float64(f.Moved)/float64(f.Whole))
		}
		g.add(name, seconds(f.Seconds), times(f, r.local), seconds(f.CPU), moved, part)
	}
	row("folder", r.local)
	row("S3", r.quick)
	row(fmt.Sprintf("S3, %v added to each request", r.delay), r.slow)
	row("the same, DuckDB's httpfs with the ingest's SQL", r.httpfs)
	row("the same, DuckDB's httpfs with one GROUP BY", r.httpfsGroup)
	var b strings.Builder
	fmt.Fprintf(&b, "%d objects of %s, %s in all; the delaying proxy saw %d requests and %s of object bytes.\n\n%s\n",
		r.objects, mib(r.slow.Whole/int64(r.objects)), mib(r.slow.Whole), r.requests, mib(r.sent), g)
	s := grid{{"column", "share"}}
	for _, c := range r.shares {
		s.add(c.column, fmt.Sprintf("%.2f%%", 100*float64(c.bytes)/float64(c.of)))
	}
	fmt.Fprintf(&b, "What each column takes of these objects:\n\n%s", s)
	return b.String()
}

func memoryReport(rows []memoryRow) string {
	g := grid{{"records", "days", "time", "records/s", "peak resident", "peak stage"}}
	for _, r := range rows {
		g.add(millions(r.records), fmt.Sprint(r.days), fmt.Sprintf("%.0f s", r.Wall), perSecond(r.records, r.filled), mib(r.RSS), mib(r.StagePeak))
	}
	return g.String()
}

func rerunReport(r rerunResult) string {
	g := grid{{"run", "rollups made", "time", "/ first"}}
	row := func(name string, f filled) {
		g.add(name, fmt.Sprint(f.Built), fmt.Sprintf("%.2f s", f.Seconds), fmt.Sprintf("%.1f%%", 100*f.Seconds/r.first.Seconds))
	}
	row(fmt.Sprintf("first, %d days", r.days), r.first)
	row("nothing new", r.same)
	row("one new day", r.oneNew)
	return g.String()
}

// machine is what the numbers were measured on.
func machine() string {
	model, load := "unknown processor", ""
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == "model name" {
				model = strings.TrimSpace(v)
			}
		}
	}
	if b, err := os.ReadFile("/proc/loadavg"); err == nil {
		load = strings.Join(strings.Fields(string(b))[:3], " ")
	}
	return fmt.Sprintf("%s, %d processors, %s, load %s at the end", model, runtime.NumCPU(), runtime.Version(), load)
}
