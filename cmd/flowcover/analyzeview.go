package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/analyze/rollup"
	"github.com/flowcover/flowcover/cmd/internal/table"
	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/changeset"
)

// analyzeJSON is what analyze --json prints.
type analyzeJSON struct {
	Format       string             `json:"format"`
	Digest       string             `json:"digest"`
	Observations string             `json:"observations"`
	Window       changeset.Window   `json:"window"`
	Objects      rollup.Objects     `json:"objects"`
	Records      int64              `json:"records"`
	Traffic      trafficJSON        `json:"traffic"`
	Flows        []analyze.FlowJSON `json:"flows"`
	Findings     []analyze.Finding  `json:"findings"`
	Coverage     []analyze.Coverage `json:"coverage"`
	Rules        []ruleJSON         `json:"rules"`
	Losses       []analyze.Loss     `json:"losses"`
	FlowLogs     []topology.FlowLog `json:"flow_logs"` // with --discover
	Samples      analyze.Samples    `json:"samples"`
}

// ruleJSON is what the window says of a rule, with its state in a word.
type ruleJSON struct {
	analyze.RuleUse
	State string `json:"state"`
}

// trafficJSON counts what went over the network for the objects read this time.
type trafficJSON struct {
	Moved   int64 `json:"bytes_moved"`
	Saved   int64 `json:"bytes_saved"` // of those objects, and not needed
	Retried int64 `json:"requests_retried"`
}

func trafficOf(r rollup.Report) trafficJSON {
	return trafficJSON{Moved: r.Moved, Saved: max(0, r.Whole-r.Moved), Retried: r.Retried}
}

func (a *analyzeRun) asJSON(res *analysis) analyzeJSON {
	out := analyzeJSON{
		Format: "flowcover.analyze/1", Digest: res.digest, Observations: res.key, Window: windowText(a.window),
		Objects: res.report.Objects, Records: res.report.Records, Traffic: trafficOf(res.report), Losses: orEmpty(res.losses), FlowLogs: orEmpty(res.flowLogs), Flows: []analyze.FlowJSON{},
		Findings: orEmpty(res.findings), Coverage: orEmpty(res.found.Coverage.List), Samples: res.found.Samples,
	}
	out.Rules = []ruleJSON{}
	for _, r := range res.rules {
		out.Rules = append(out.Rules, ruleJSON{r, r.State()})
	}
	for _, f := range res.found.Flows {
		j := f.JSON()
		j.AdmittedBy, j.Reasons, j.Why = orEmpty(j.AdmittedBy), orEmpty(j.Reasons), orEmpty(j.Why)
		out.Flows = append(out.Flows, j)
	}
	return out
}

func (a *analyzeRun) print(res *analysis) error {
	if err := writeFlows(a.env.Out, a.env.Width, res.found.Flows, a.top); err != nil {
		return err
	}
	var b strings.Builder
	text := func(s string) { b.WriteString(table.Indent("", table.Clean(s), a.env.Width) + "\n") }
	approved := 0
	for i := range res.found.Flows {
		if res.found.Flows[i].Approved {
			approved++
		}
	}
	b.WriteByte('\n')
	text(fmt.Sprintf("%s of %s, %d approved", plural(len(res.found.Flows), "flow", "flows"), plural(int(res.report.Records), "record", "records"), approved))
	for _, line := range sampleTexts(res.found.Samples) {
		text(line)
	}
	o := res.report.Objects
	text(fmt.Sprintf("objects: %d read, %d skipped, %d unreadable, %d outside; %s built, %d stood", o.Read, o.Skipped, o.Unreadable, o.Outside,
		plural(res.report.Built, "day rollup", "day rollups"), len(res.report.Rollups)-res.report.Built))
	writeFlowLogs(&b, a.env.Width, res.flowLogs)
	if t := trafficOf(res.report); t.Moved+t.Retried > 0 {
		text(fmt.Sprintf("network: %s moved, %s of the objects read not needed, %s tried again", sizeText(t.Moved), sizeText(t.Saved), plural(int(t.Retried), "request", "requests")))
	}
	if err := writeRules(&b, a.env.Width, res.rules, a.state); err != nil {
		return err
	}
	writeFindings(&b, a.env.Width, res.findings, listed)
	text("observations: " + res.key)
	_, err := io.WriteString(a.env.Out, b.String())
	return err
}

// sampleTexts say how much of the traffic that recurs the window is thought to
// hold, and how the same question comes out where the last week is held out.
func sampleTexts(s analyze.Samples) []string {
	part := func(name string, x analyze.Sample) string {
		if !x.Estimable {
			return fmt.Sprintf("%s not estimable (%s, want 20)", name, plural(x.Days, "day", "days"))
		}
		return fmt.Sprintf("%s %.2f%% (%d days)", name, 100*x.Coverage, x.Days)
	}
	out := []string{"seen of what recurs, estimated: " + part("all days", s.All) + ", " + part("weekdays", s.Weekdays) + ", " + part("month ends", s.Month)}
	if s.LastWeek > 0 {
		out = append(out, fmt.Sprintf("last week held out: %d of its %s had been seen before, %.2f%%", s.Known,
			plural(s.LastWeek, "flow", "flows"), 100*float64(s.Known)/float64(s.LastWeek)))
	}
	return out
}

// writeRules counts the rules by kind and state.
func writeRules(b *strings.Builder, width int, rules []analyze.RuleUse, state string) error {
	if len(rules) == 0 {
		return nil
	}
	states := []string{analyze.StateUnused, analyze.StateContained, analyze.StateRedundant, analyze.StateUsed}
	count := map[string]map[string]int{}
	for _, r := range rules {
		k := r.Rule.Kind
		if count[k] == nil {
			count[k] = map[string]int{}
		}
		count[k]["all"]++
		count[k][r.State()]++
	}
	t := &table.Table{Columns: []table.Column{{Name: "rules today"}, {Name: "all", Right: true}}}
	for _, s := range states {
		t.Columns = append(t.Columns, table.Column{Name: s, Right: true})
	}
	for _, k := range sortedKeys(count) {
		cells := []string{k, strconv.Itoa(count[k]["all"])}
		for _, s := range states {
			cells = append(cells, strconv.Itoa(count[k][s]))
		}
		t.Add(cells...)
	}
	b.WriteByte('\n')
	if err := t.Write(b, width); err != nil {
		return err
	}
	_, err := fmt.Fprintf(b, "each of them: flowcover query rules-by-use --state %s\n", state)
	return err
}

func writeFindings(b *strings.Builder, width int, list []analyze.Finding, most int) {
	if len(list) == 0 {
		return
	}
	b.WriteString("\nfindings\n")
	for i, f := range list {
		if i == most {
			fmt.Fprintf(b, "  and %d more (--json lists all)\n", len(list)-most)
			break
		}
		b.WriteString(table.Indent("  ", table.Clean(f.Severity+" "+f.Kind+" "+strings.TrimSpace(f.Resource+" "+f.Message)), width) + "\n")
	}
	b.WriteByte('\n')
}

// writeFlows prints the ranked table, the first top flows; 0: all.
func writeFlows(w io.Writer, width int, flows []analyze.Flow, top int) error {
	t := &table.Table{Columns: []table.Column{
		{Name: "rank", Right: true}, {Name: "from", Min: 9}, {Name: "to", Min: 9}, {Name: "service"}, {Name: "class", Min: 4},
		{Name: "days", Right: true}, {Name: "records", Right: true}, {Name: "last", Drop: 1}, {Name: "carried by", Drop: 2}, {Name: "approved", Min: 8},
	}}
	for i := range flows {
		if top > 0 && i == top {
			break
		}
		f := &flows[i]
		t.Add(strconv.Itoa(f.Rank), opener(f), opened(f), service(f), string(f.Class), strconv.Itoa(len(f.Days)), short(strconv.FormatInt(f.Records, 10)),
			f.Last.UTC().Format(time.DateOnly), orDash(f.Group), verdict(f))
	}
	if err := t.Write(w, width); err != nil {
		return err
	}
	if top > 0 && len(flows) > top {
		_, err := fmt.Fprintf(w, "and %s (--top 0)\n", plural(len(flows)-top, "more flow", "more flows"))
		return err
	}
	return nil
}

func opener(f *analyze.Flow) string {
	if f.Side == analyze.Out {
		return f.Local.String()
	}
	return f.Peer.String()
}

func opened(f *analyze.Flow) string {
	if f.Side == analyze.Out {
		return f.Peer.String()
	}
	return f.Local.String()
}

func service(f *analyze.Flow) string {
	name := "?"
	if f.Protocol != analyze.UnknownProtocol {
		name = f.Protocol.String()
	}
	if f.Port != analyze.NoPort {
		name += "/" + strconv.Itoa(f.Port)
	}
	if f.Side == analyze.Unsettled {
		name += " (who opened it is not known)"
	}
	return name
}

func verdict(f *analyze.Flow) string {
	if f.Approved {
		return "yes"
	}
	if len(f.Reasons) == 0 {
		return "no"
	}
	return "no: " + f.Reasons[0]
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
