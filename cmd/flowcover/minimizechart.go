package main

import (
	"math/big"

	"github.com/flowcover/flowcover/cmd/internal/atomicfile"
	"github.com/flowcover/flowcover/optimize/chart"
	"github.com/flowcover/flowcover/optimize/rulelist"
)

// draw writes the frontier as a picture.
func (m *minimizeRun) draw(l *rulelist.List, a *rulelist.Answer) error {
	c := &chart.Chart{Title: "flowcover minimize: " + l.Form, Quota: a.Max, Words: chart.English}
	for _, p := range a.Frontier {
		c.Frontier = append(c.Frontier, chart.Point{Rules: p.Price, Excess: p.Excess})
	}
	c.Today = &chart.Point{Rules: a.Before, Excess: new(big.Int)}
	if a.Witness == nil {
		c.Proposed = &chart.Point{Rules: a.Price, Excess: a.Excess}
	}
	return atomicfile.Write(m.svg, 0o644, c.Write)
}
