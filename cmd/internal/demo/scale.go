package demo

import "math"

// plan works out how much busier or quieter than its table the bank must be to
// leave about as many records as asked for, and each pair's load hour by hour.
func (g *generator) plan() {
	cal := calendar{g.first}
	back := int64(0)
	for i := range g.people.pairs {
		back = max(back, g.people.pairs[i].call.when.lookback(g.interval))
	}
	g.loadFrom = g.first - back
	g.loads = map[*call][]float64{}
	for i := range g.people.pairs {
		c := g.people.pairs[i].call
		if g.loads[c] != nil {
			continue
		}
		loads := make([]float64, g.last-g.loadFrom)
		for h := range loads {
			loads[h] = cal.load(&c.when, g.loadFrom+int64(h)) * c.when.rate
		}
		g.loads[c] = loads
	}
	jobs, rest := g.expect()
	g.scale = 1
	for range 4 {
		want := float64(g.opt.Records) - jobs - g.expectSilence()
		g.scale = max(want, 0.02*float64(g.opt.Records)) / max(rest, 1)
	}
	for i := range g.people.pairs {
		p := &g.people.pairs[i]
		p.loads = g.loads[p.call]
		if z := p.crowd; z != nil {
			p.crowdSize = z.size
			if z.grows {
				p.crowdSize = int(min(max(g.opt.Records/defaultRecords, 1)*int64(z.size), 100_000))
			}
		}
	}
}

// expect is how many records the jobs leave, and everything else unscaled.
func (g *generator) expect() (jobs, rest float64) {
	for i := range g.people.pairs {
		p := &g.people.pairs[i]
		sum := 0.0
		for _, l := range g.loads[p.call][g.first-g.loadFrom:] {
			sum += l
		}
		sum *= p.perConnection(g.interval) * float64(g.parallel(p))
		if p.call.when.job() {
			jobs += sum
		} else {
			rest += sum
		}
	}
	return jobs, rest
}

// week is the hours of a week, for which silence is estimated.
const week = 168

// expectSilence estimates how many intervals have no traffic at the present scale.
func (g *generator) expectSilence() float64 {
	touches := make([]float64, len(g.phases)*week)
	hours := make([]float64, week)
	for h := g.first; h < g.last; h++ {
		hours[h%week]++
	}
	for i := range g.people.pairs {
		p := &g.people.pairs[i]
		var mean [week]float64
		for h := g.first; h < g.last; h++ {
			mean[h%week] += g.loads[p.call][h-g.loadFrom] * (1 + p.call.when.seconds/float64(g.interval)) * float64(g.parallel(p))
		}
		scale := g.scale
		if p.call.when.job() {
			scale = 1
		}
		for _, hops := range [][]hop{p.route.request, p.route.reply[:min(1, len(p.route.reply))]} {
			for _, h := range hops {
				for w := range mean {
					touches[h.eni*week+w] += scale * mean[w] / max(hours[w], 1)
				}
			}
		}
	}
	silent := 0.0
	perHour := 3600 / float64(g.interval)
	for i, t := range touches {
		silent += hours[i%week] * perHour * math.Exp(-t/perHour)
	}
	return silent
}

// parallel is how many long connections a pair keeps at a time.
func (g *generator) parallel(p *pair) int {
	if p.call.when.shape == pool {
		return 2
	}
	return 1
}

// load is how many connections of a pair are to be expected in an hour; of a
// long connection, how many bursts.
func (g *generator) load(p *pair, hour int64) float64 {
	l := p.loads[max(0, min(hour, g.last-1)-g.loadFrom)]
	if p.call.when.job() {
		return l
	}
	return l * g.scale
}
