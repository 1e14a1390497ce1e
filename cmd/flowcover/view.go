package main

import (
	"fmt"
	"io"
	"math/big"
	"slices"
	"strings"

	"github.com/flowcover/flowcover/cmd/internal/table"
	"github.com/flowcover/flowcover/topology/changeset"
)

// changesetView prints a changeset for people.
type changesetView struct {
	out   io.Writer
	width int
	all   bool // unchanged lists and every flow, too
	brief bool // no rule by rule

	b strings.Builder
}

// listed is how many lines of a long list are printed without --all.
const listed = 10

func (v *changesetView) most() int {
	if v.brief {
		return 5
	}
	return listed
}

func (v *changesetView) line(format string, args ...any) {
	v.b.WriteString(fmt.Sprintf(format, args...) + "\n")
}

// text wraps a paragraph, with first before its first line.
func (v *changesetView) text(first, s string) {
	v.b.WriteString(table.Indent(first, table.Clean(s), v.width) + "\n")
}

func (v *changesetView) flush() error {
	_, err := io.WriteString(v.out, v.b.String())
	v.b.Reset()
	return err
}

func (v *changesetView) write(cs *changeset.Changeset, digest string) error {
	author := cs.Author
	if author == "" {
		author = "a batch (no author)"
	}
	v.text("changeset   ", digest)
	v.text("author      ", author)
	v.text("created     ", cs.Created)
	v.text("window      ", fmt.Sprintf("%s to %s (%s)", cs.Window.Since, cs.Window.Until, cs.Window.Timezone))
	if err := v.flush(); err != nil {
		return err
	}
	if err := v.overview(cs); err != nil {
		return err
	}
	if !v.brief {
		v.targets(cs)
	}
	v.promises(cs.Promises)
	v.notes("flows that are not approved; no rule was made for them", cs.NotApproved)
	v.notes("approved flows that cannot be followed through the snapshot today", cs.NotFollowed)
	v.findings(cs.Findings)
	return v.flush()
}

// overview is one line a target.
func (v *changesetView) overview(cs *changeset.Changeset) error {
	t := &table.Table{Columns: []table.Column{
		{Name: "rules of"}, {Name: "today", Right: true}, {Name: "then", Right: true}, {Name: "quota", Right: true},
		{Name: "excess today", Right: true, Drop: 1}, {Name: "excess then", Right: true, Drop: 2}, {Name: "outcome", Min: 11},
	}}
	unchanged := 0
	for _, g := range cs.Targets {
		if g.Outcome == "unchanged" && !v.all {
			unchanged++
			continue
		}
		t.Add(g.ID, fmt.Sprint(g.RulesBefore), fmt.Sprint(g.RulesAfter), fmt.Sprint(g.Quota), short(g.ExcessBefore), short(g.ExcessAfter), g.Outcome)
	}
	v.line("")
	if err := v.flush(); err != nil {
		return err
	}
	if len(t.Rows) > 0 {
		if err := t.Write(v.out, v.width); err != nil {
			return err
		}
	}
	if unchanged > 0 {
		v.line("%s as today", plural(unchanged, "other list of rules stays", "other lists of rules stay"))
	}
	return v.flush()
}

// targets lists, per target, the rules that go, come and stay.
func (v *changesetView) targets(cs *changeset.Changeset) {
	for _, g := range cs.Targets {
		if g.Outcome == "unchanged" && !v.all {
			continue
		}
		v.line("")
		v.text("", fmt.Sprintf("%s: %d of %d rules today, %d proposed (%s)", g.ID, g.RulesBefore, g.Quota, g.RulesAfter, proof(g)))
		if g.Reason != "" {
			v.text("    ", g.Reason)
		}
		if s := heldWords(&g); s != "" {
			v.text("    ", s)
		}
		added := map[string]bool{}
		for _, c := range cs.Changes {
			if c.Target != g.Resource || !inTarget(c, g) {
				continue
			}
			if c.After != nil {
				added[c.After.String()] = true
			}
			v.change(c)
		}
		kept := 0
		for _, r := range g.Rules {
			if added[r.String()] {
				continue
			}
			if kept++; kept <= listed || v.all {
				v.text("    ", r.String())
			}
		}
		if kept > listed && !v.all {
			v.line("    and %d more that stay (--all)", kept-listed)
		}
	}
}

func (v *changesetView) change(c changeset.Change) {
	var mark, rule string
	switch {
	case c.Before == nil:
		mark, rule = "+", c.After.String()
	case c.After == nil:
		mark, rule = "-", c.Before.String()
	default:
		mark, rule = "~", c.Before.String()+" becomes "+c.After.String()
	}
	if c.Widens {
		rule += " (widens)"
	}
	v.text("  "+mark+" ", rule)
	v.text("      ", fmt.Sprintf("%s, risk %s: %s", c.ID, c.Risk, c.Reason))
}

// inTarget says whether a change is of this target's direction and family.
func inTarget(c changeset.Change, g changeset.Target) bool {
	r := c.After
	if r == nil {
		r = c.Before
	}
	if r.Direction != g.Direction {
		return false
	}
	if g.Family == "both" || r.CIDR == "" {
		return true
	}
	return strings.Contains(r.CIDR, ":") == (g.Family == "ipv6")
}

// proof says how good the proposed rules are known to be.
func proof(g changeset.Target) string {
	if g.CutShort {
		g.CutShort = false
		return proof(g) + "; cut short: the time for it ended before the work was done"
	}
	switch {
	case g.Outcome == "insufficient-evidence" || g.Outcome == "no-flows" || g.Outcome == "cannot-be-met":
		return g.Outcome
	case g.Proven:
		return "excess " + short(g.ExcessAfter) + ", proven least for so many rules"
	case g.Bound != "":
		return "excess " + short(g.ExcessAfter) + ", at least " + short(g.Bound) + " by " + g.BoundKind
	}
	return "excess " + short(g.ExcessAfter) + ", no bound is known"
}

func (v *changesetView) promises(list []changeset.Promise) {
	v.line("")
	v.line("promises")
	for _, p := range list {
		word := "holds"
		if !p.Holds {
			word = "FAILS"
		}
		v.text("  "+word+"  ", fmt.Sprintf("%s (%s, %d checked)", p.Text, p.ID, p.Checked))
		for _, c := range p.Counterexamples {
			v.text("         ", c)
		}
	}
}

func (v *changesetView) notes(title string, notes []changeset.FlowNote) {
	if len(notes) == 0 {
		return
	}
	v.line("")
	v.text("", title+fmt.Sprintf(" (%d)", len(notes)))
	for i, n := range notes {
		if i == v.most() && !v.all {
			v.line("  and %d more (--all)", len(notes)-i)
			return
		}
		v.text("  ", fmt.Sprintf("%s  %s: %s", n.Flow, n.Text, n.Reason))
	}
}

func (v *changesetView) findings(list []changeset.Finding) {
	if len(list) == 0 {
		return
	}
	v.line("")
	v.line("findings")
	for i, f := range list {
		if i == v.most() && !v.all {
			v.line("  and %d more (--all)", len(list)-i)
			return
		}
		v.text("  ", fmt.Sprintf("%s %s %s", f.Severity, f.Kind, strings.TrimSpace(f.Resource+" "+f.Message)))
	}
}

// next says what to do with the changeset.
func (v *changesetView) next(file string, changes int) error {
	v.line("")
	if changes == 0 {
		v.line("nothing to change")
		return v.flush()
	}
	if v.brief {
		v.line("see each rule with its reason and evidence:\n  flowcover show %s", file)
	}
	v.line("review it:\n  flowcover review %s --approve all --reason TEXT --key ~/.ssh/id_ed25519", file)
	return v.flush()
}

// short writes a decimal number so that a person can compare it: as it is up
// to five digits, then with k, M, G, T, P, E, then as a power of ten.
func short(decimal string) string {
	n, ok := new(big.Int).SetString(decimal, 10)
	if !ok {
		return decimal
	}
	text := n.String()
	digits := strings.TrimPrefix(text, "-")
	if len(digits) <= 5 {
		return text
	}
	sign := text[:len(text)-len(digits)]
	step := (len(digits) - 1) / 3
	units := []string{"", "k", "M", "G", "T", "P", "E"}
	lead := len(digits) - 3*step
	if step >= len(units) {
		return fmt.Sprintf("%s%s.%se%d", sign, digits[:1], digits[1:2], len(digits)-1)
	}
	if lead < 3 {
		return sign + digits[:lead] + "." + digits[lead:lead+1] + units[step]
	}
	return sign + digits[:lead] + units[step]
}

// plural counts things.
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// sortedKeys gives a map's keys in order.
func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
