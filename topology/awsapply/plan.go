package awsapply

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/changeset"
)

// Plan is what to apply.
type Plan struct {
	Changeset *changeset.Changeset
	// Digest is the SHA-256 of the changeset's file.
	Digest string
	// Approved are the ids of the changes to make.
	Approved []string
	// Signatures name the reviews that approved them; the journal keeps them.
	Signatures []string
}

// changes gives the approved changes in the document's order.
func (p Plan) changes() ([]changeset.Change, error) {
	if p.Changeset == nil || p.Digest == "" {
		return nil, fmt.Errorf("a plan needs a changeset and its digest")
	}
	approved := make(map[string]bool, len(p.Approved))
	for _, id := range p.Approved {
		approved[id] = true
	}
	var out []changeset.Change
	made := map[string]bool{}
	for _, c := range p.Changeset.Changes {
		if !approved[c.ID] {
			continue
		}
		for _, need := range c.Requires {
			if !made[need] {
				return nil, fmt.Errorf("change %s requires %s before it, which is not approved or comes later: approve both, or neither", c.ID, need)
			}
		}
		if err := checkChange(c); err != nil {
			return nil, err
		}
		made[c.ID] = true
		out = append(out, c)
	}
	for _, id := range p.Approved {
		if !made[id] {
			return nil, fmt.Errorf("the approved change %s is not in the changeset", id)
		}
	}
	return out, nil
}

// checkChange refuses a change that says nothing that can be made.
func checkChange(c changeset.Change) error {
	before, after := false, false
	switch c.Kind {
	case changeset.RuleAdd, changeset.EntryAdd:
		after = true
	case changeset.RuleRemove, changeset.EntryRemove:
		before = true
	case changeset.EntryReplace:
		before, after = true, true
	default:
		return fmt.Errorf("change %s: kind %q is not known to this version", c.ID, c.Kind)
	}
	if (c.Before != nil) != before || (c.After != nil) != after {
		return fmt.Errorf("change %s: a change of kind %s has another before and after", c.ID, c.Kind)
	}
	if c.Account == "" || c.Region == "" {
		return fmt.Errorf("change %s names no account or Region", c.ID)
	}
	var err error
	for _, d := range []*changeset.RuleDoc{c.Before, c.After} {
		switch {
		case d == nil || err != nil:
		case onACL(c):
			_, err = d.Entry()
		default:
			_, err = d.Rule()
		}
	}
	if err != nil {
		return fmt.Errorf("change %s: %w", c.ID, err)
	}
	if c.Kind == changeset.EntryReplace && (c.Before.Number != c.After.Number || c.Before.Direction != c.After.Direction) {
		return fmt.Errorf("change %s: an entry is replaced at its own number and direction only", c.ID)
	}
	return nil
}

func onACL(c changeset.Change) bool { return strings.HasPrefix(c.Kind, "nacl-") }

// place is a resource in its account and Region.
type place struct {
	account, region, id string
	acl                 bool
}

func placeOf(c changeset.Change) place { return place{c.Account, c.Region, c.Target, onACL(c)} }

// places lists the resources that changes touch, in order of first touch.
func places(changes []changeset.Change) []place {
	var out []place
	for _, c := range changes {
		if p := placeOf(c); !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

func ids(changes []changeset.Change) []string {
	out := make([]string, len(changes))
	for i, c := range changes {
		out[i] = c.ID
	}
	return out
}

// directionOf says on which side of its resource a change is.
func directionOf(c changeset.Change) topology.Direction {
	if c.After != nil {
		return c.After.Direction
	}
	return c.Before.Direction
}
