package main

import (
	"regexp"
	"strings"

	"github.com/flowcover/flowcover/topology"
)

// labels puts names beside ids in text for people: beside each id once, so
// that a leg of ten hops stays short.
type labels struct {
	s    *topology.Snapshot
	seen map[string]bool
}

func newLabels(s *topology.Snapshot) *labels { return &labels{s, map[string]bool{}} }

// always names an id, also where it was named before.
func (l *labels) always(id string) string {
	l.seen[id] = true
	return l.s.Label(id)
}

var idLike = regexp.MustCompile(`[A-Za-z][A-Za-z0-9]*(?:-[A-Za-z0-9]+)+`)

// text names the ids of a text that were not named yet.
func (l *labels) text(s string) string {
	return idLike.ReplaceAllStringFunc(s, func(id string) string {
		if l.seen[id] {
			return id
		}
		return l.always(id)
	})
}

// list names ids that stand in one field, blanks between them.
func (l *labels) list(ids string) string {
	var out []string
	for _, id := range strings.Fields(ids) {
		out = append(out, l.always(id))
	}
	return strings.Join(out, " ")
}
