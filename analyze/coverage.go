package analyze

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"time"
)

// Coverage says how much of the window the evidence about a resource spans.
type Coverage struct {
	Resource string   `json:"resource"` // eni-, sg- or acl-
	Score    float64  `json:"score"`    // 0..1
	Reasons  []string `json:"reasons"`  // what lowers it, and what should be known besides
}

// Coverages holds the scores of all ENIs, groups and ACLs, by resource.
type Coverages struct {
	List []Coverage // sorted by resource
	// Notes hold for every resource: no month end or quarter end in the window.
	Notes []string
}

// Of gives the score of an ENI, group or ACL with the reasons. One that the
// logs and snapshots do not know scores 0.
func (c *Coverages) Of(resource string) (float64, []string) {
	i, ok := slices.BinarySearchFunc(c.List, resource, func(x Coverage, id string) int { return strings.Compare(x.Resource, id) })
	if !ok {
		return 0, append([]string{"no flow log speaks of it"}, c.Notes...)
	}
	return c.List[i].Score, append(slices.Clone(c.List[i].Reasons), c.Notes...)
}

// CoverageOf scores how much of the window the logs cover.
//
// An ENI's score is the share of the window's hours with an OK or NODATA record
// and without SKIPDATA. A group's, and an ACL's, is the least of its ENIs'; but
// hours before an ENI's first record count as covered for the group where
// another of its ENIs was logged then: the ENI is new, its group was watched.
// ENIs that only forward make no rules and count for ACLs alone. An account
// whose logs hold only REJECTs scores 0: what was accepted is not known. Only
// ACCEPTs cost a twentieth: no demand can be seen. No month end or quarter end
// in the window is said and costs nothing.
func CoverageOf(hours []ENIHours, flows []Flow, ev Evidence, w Window) *Coverages {
	c := newCoverage(hours, flows, ev, w)
	out := &Coverages{Notes: w.notes()}
	for _, id := range sortedKeys(c.enis, strings.Compare) {
		out.List = append(out.List, c.ofENI(id))
	}
	for _, id := range sortedKeys(c.members, strings.Compare) {
		out.List = append(out.List, c.ofMembers(id, c.members[id]))
	}
	slices.SortFunc(out.List, func(a, b Coverage) int { return strings.Compare(a.Resource, b.Resource) })
	return out
}

// notes says what a window lacks without lowering any score.
func (w Window) notes() []string {
	d := daysOf(w, nil)
	month, quarter := false, false
	for x := d.first; x <= d.last; x++ {
		last := date(x+1).Month() != date(x).Month()
		month = month || last
		quarter = quarter || (last && quarterEnd(x))
	}
	switch {
	case !month:
		return []string{"no month end lies in the window"}
	case !quarter:
		return []string{"no quarter end lies in the window"}
	}
	return nil
}

// hourSet is the window's hours, one bit each.
type hourSet []uint64

func (h hourSet) set(i int) { h[i/64] |= 1 << (i % 64) }

func (h hourSet) count() (n int) {
	for _, x := range h {
		n += bits.OnesCount64(x)
	}
	return n
}

func (h hourSet) or(o hourSet) {
	for i := range h {
		h[i] |= o[i]
	}
}

// eniCover is what the logs cover of one ENI.
type eniCover struct {
	logged, skipped hourSet
	first           int // the first hour with any record; -1: none
}

type coverage struct {
	start   int64 // the window's first hour since 1970
	hours   int
	enis    map[string]*eniCover
	members map[string][]string // group or ACL -> ENIs
	only    map[string]string   // account -> the only action its logs hold
	account map[string]string   // ENI -> account
}

func newCoverage(hours []ENIHours, flows []Flow, ev Evidence, w Window) *coverage {
	c := &coverage{enis: map[string]*eniCover{}, members: map[string][]string{}, account: map[string]string{}}
	c.start = w.Since.Unix() / 3600
	c.hours = max(0, int((w.Until.Unix()+3599)/3600-c.start))
	for _, h := range hours {
		e := c.eni(h.ENI)
		c.account[h.ENI] = h.Account
		for b := range 24 {
			i := int(int64(h.Day)*24 + int64(b) - c.start)
			if i < 0 || i >= c.hours {
				continue
			}
			if (h.OK|h.NoData|h.SkipData)>>b&1 == 1 && (e.first < 0 || i < e.first) {
				e.first = i
			}
			if (h.OK|h.NoData)>>b&1 == 1 {
				e.logged.set(i)
			}
			if h.SkipData>>b&1 == 1 {
				e.skipped.set(i)
			}
		}
	}
	for _, e := range c.enis {
		for i := range e.logged {
			e.logged[i] &^= e.skipped[i]
		}
	}
	c.onlyActions(flows)
	c.findMembers(ev)
	return c
}

func (c *coverage) eni(id string) *eniCover {
	e := c.enis[id]
	if e == nil {
		n := (c.hours + 63) / 64
		e = &eniCover{logged: make(hourSet, n), skipped: make(hourSet, n), first: -1}
		c.enis[id] = e
	}
	return e
}

// enough records to say that a flow log records one action only.
const manyRecords = 100

func (c *coverage) onlyActions(flows []Flow) {
	type sums struct{ accept, reject int64 }
	by := map[string]*sums{}
	for i := range flows {
		f := &flows[i]
		s := by[f.Account]
		if s == nil {
			s = &sums{}
			by[f.Account] = s
		}
		switch f.Action {
		case Accept:
			s.accept += f.Records
		case Reject:
			s.reject += f.Records
		}
	}
	c.only = map[string]string{}
	for acct, s := range by {
		switch {
		case s.accept == 0 && s.reject >= manyRecords:
			c.only[acct] = "REJECT"
		case s.reject == 0 && s.accept >= 10*manyRecords:
			c.only[acct] = "ACCEPT"
		}
	}
}

func (c *coverage) findMembers(ev Evidence) {
	w := newWorld(ev.Snapshots, nil)
	today := w.newest()
	if today == nil {
		return
	}
	for _, i := range today.Resources().Interfaces {
		c.eni(i.ID)
		if c.account[i.ID] == "" || c.account[i.ID] == "unknown" {
			c.account[i.ID] = i.Account
		}
		if !forwards(i.Type) {
			for _, g := range i.Groups {
				c.members[g] = append(c.members[g], i.ID)
			}
		}
		if acl, ok := today.SubnetACL(i.Subnet); ok {
			c.members[acl.ID] = append(c.members[acl.ID], i.ID)
		}
	}
}

func (c *coverage) ofENI(id string) Coverage {
	e := c.enis[id]
	return c.scored(Coverage{Resource: id, Reasons: []string{}}, e, e.logged.count(), e.first)
}

// scored fills in the score of an ENI with so many covered hours.
func (c *coverage) scored(out Coverage, e *eniCover, covered, young int) Coverage {
	if c.hours == 0 {
		out.Reasons = []string{"the window is empty"}
		return out
	}
	out.Score = float64(covered) / float64(c.hours)
	if e.first < 0 {
		out.Score = 0
		out.Reasons = []string{"no flow log record of it lies in the window: it is not logged, or younger"}
		return out
	}
	if n := e.skipped.count(); n > 0 {
		out.Reasons = append(out.Reasons, fmt.Sprintf("SKIPDATA in %d of %d hours", n, c.hours))
	}
	if young > 0 {
		at := time.Unix((c.start+int64(young))*3600, 0).UTC().Format("2006-01-02 15:04")
		out.Reasons = append(out.Reasons, fmt.Sprintf("first seen at %s UTC, %d hours after the window begins", at, young))
	}
	if n := c.hours - covered - e.skipped.count() - max(young, 0); n > 0 {
		out.Reasons = append(out.Reasons, fmt.Sprintf("no record in %d of %d hours", n, c.hours))
	}
	switch c.only[c.account[out.Resource]] {
	case "REJECT":
		out.Score = 0
		out.Reasons = append(out.Reasons, "the account's flow logs hold only REJECT records")
	case "ACCEPT":
		out.Score *= 0.95
		out.Reasons = append(out.Reasons, "the account's flow logs hold only ACCEPT records")
	}
	return out
}

func (c *coverage) ofMembers(id string, enis []string) Coverage {
	n := (c.hours + 63) / 64
	watched := make(hourSet, n)
	for _, x := range enis {
		watched.or(c.enis[x].logged)
	}
	slices.Sort(enis)
	out := Coverage{Reasons: []string{}} // a list, if an empty one, for readers of JSON
	for i, x := range enis {
		e := c.enis[x]
		covered := slices.Clone(e.logged)
		young := e.first
		for h := range max(0, e.first) {
			if watched[h/64]>>(h%64)&1 == 1 {
				covered.set(h)
			}
		}
		if e.first > 0 && covered.count()-e.logged.count() == e.first {
			young = 0
		}
		s := c.scored(Coverage{Resource: x, Reasons: []string{}}, e, covered.count(), young)
		if i == 0 || s.Score < out.Score {
			for k := range s.Reasons {
				s.Reasons[k] = x + ": " + s.Reasons[k]
			}
			out = s
		}
	}
	out.Resource = id
	return out
}
