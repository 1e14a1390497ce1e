package main

import (
	"context"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/flowcover/flowcover/cmd/internal/atomicfile"
	"github.com/flowcover/flowcover/cmd/internal/command"
	"github.com/flowcover/flowcover/cmd/internal/config"
	"github.com/flowcover/flowcover/optimize/chart"
	"github.com/flowcover/flowcover/optimize/target"
	"github.com/flowcover/flowcover/topology/changeset"
)

// Flags of plan with which a person chooses a point on a frontier, and says how
// much work goes into it.

func chooseFlags() []command.Flag {
	return []command.Flag{
		{Name: "max-excess", Hint: "ID=N", Type: command.Strings, Key: "max-excess", Kind: config.Map, Usage: "the fewest rules that open no more than N (weighted) beyond the approved flows, for an sg- or acl- id"},
		{Name: "effort", Hint: "N", Type: command.Int, Key: "effort", Usage: "work on a list, in tenths of a second on one CPU, roughly; without it 5; the same effort gives the same answer"},
		{Name: "solve-time", Hint: "TIME", Key: "solve-time", Usage: "a guard, such as 30s: a list that takes longer gets the best rules so far and is marked cut short"},
		{Name: "hold-out", Hint: "auto|off", Key: "hold-out", Default: holdOutAuto, Usage: "auto: say what each list, made without the last quarter of a window of 20 days or more, would have carried of that; off: do not"},
		{Name: "svg", Hint: "DIR", Usage: "draw each list's frontier, rules against excess, into this folder"},
	}
}

// readMaxExcess reads "sg-1=1000000".
func readMaxExcess(lines []string) (map[string]*big.Int, error) {
	out := map[string]*big.Int{}
	for _, s := range lines {
		id, number, ok := strings.Cut(s, "=")
		n, isNumber := new(big.Int).SetString(number, 10)
		if !ok || !isNumber || n.Sign() < 0 {
			return nil, fmt.Errorf("--max-excess %q: want ID=N with N a whole number of 0 or more, such as sg-0123456789abcdef0=1000000", s)
		}
		out[id] = n
	}
	return out, nil
}

// readGuard reads --solve-time, and refuses an effort that is none.
func readGuard(c *cli.Context) (time.Duration, error) {
	if n := c.Int("effort"); c.IsSet("effort") && n < 1 {
		return 0, fmt.Errorf("--effort %d: want at least 1", n)
	}
	text := c.String("solve-time")
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("--solve-time %q: want a length of time, such as 30s or 2m", text)
	}
	return d, nil
}

// guard gives each list so much time, from when it is its turn.
func guard(d time.Duration) func(context.Context) (context.Context, context.CancelFunc) {
	if d <= 0 {
		return nil
	}
	return func(ctx context.Context) (context.Context, context.CancelFunc) { return context.WithTimeout(ctx, d) }
}

// drawAll writes the frontier of each list that was solved into a folder.
func drawAll(dir string, cs *changeset.Changeset) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("--svg: %w", err)
	}
	for i := range cs.Targets {
		t := &cs.Targets[i]
		if len(t.Frontier) == 0 {
			continue
		}
		file := filepath.Join(dir, strings.ReplaceAll(t.ID, " ", "-")+".svg")
		if err := atomicfile.Write(file, 0o644, chartOf(t).Write); err != nil {
			return fmt.Errorf("--svg: %w", err)
		}
	}
	return nil
}

// chartOf is a target of a changeset as a picture.
func chartOf(t *changeset.Target) *chart.Chart {
	number := func(s string) *big.Int {
		if n, ok := new(big.Int).SetString(s, 10); ok {
			return n
		}
		return new(big.Int)
	}
	c := &chart.Chart{Title: t.ID, Quota: t.Quota, Today: &chart.Point{Rules: t.RulesBefore, Excess: number(t.ExcessBefore)}}
	for _, p := range t.Frontier {
		c.Frontier = append(c.Frontier, chart.Point{Rules: p.Rules, Excess: number(p.Excess)})
		if p.Carried != nil {
			c.Frontier[len(c.Frontier)-1].Carried = &p.Carried.Flows
		}
	}
	if t.Outcome != target.OutcomeCannot {
		c.Proposed = &chart.Point{Rules: t.RulesAfter, Excess: number(t.ExcessAfter)}
	}
	return c
}
