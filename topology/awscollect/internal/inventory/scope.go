package inventory

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/flowcover/flowcover/topology"
)

// scopes finds the account and Region of resources whose answers do not name
// them. In order: what the resource itself says, what the VPC or transit
// gateway it belongs to says, the names of the folders it was found under, what
// the other answers of its folder agree on, what the whole tree agrees on.
type scopes struct {
	owners  map[string]topology.Scope // by id of VPC, subnet, gateway
	folders map[string]*evidence
	tree    evidence
}

// evidence is the accounts and Regions that answers name.
type evidence struct{ accounts, regions map[string]bool }

func (e *evidence) note(s topology.Scope) {
	if e.accounts == nil {
		e.accounts, e.regions = map[string]bool{}, map[string]bool{}
	}
	if s.Account != "" {
		e.accounts[s.Account] = true
	}
	if s.Region != "" {
		e.regions[s.Region] = true
	}
}

// only gives the account and the Region where there is just one of each.
func (e *evidence) only() topology.Scope {
	return topology.Scope{Account: single(e.accounts), Region: single(e.regions)}
}

func single(m map[string]bool) string {
	if len(m) != 1 {
		return ""
	}
	for k := range m {
		return k
	}
	return ""
}

func newScopes() *scopes {
	return &scopes{owners: map[string]topology.Scope{}, folders: map[string]*evidence{}}
}

// see takes note of what one resource says about itself, and about its owner.
func (s *scopes) see(own topology.Scope, from *Origin, ids ...string) {
	for _, id := range ids {
		if id == "" {
			continue
		}
		known := s.owners[id]
		if known.Account == "" {
			known.Account = own.Account
		}
		if known.Region == "" {
			known.Region = own.Region
		}
		s.owners[id] = known
	}
	if s.folders[from.Folder] == nil {
		s.folders[from.Folder] = &evidence{}
	}
	s.folders[from.Folder].note(own)
	s.tree.note(own)
}

// region takes note of a Region that lies in a VPC, whoever owns the resource.
func (s *scopes) region(region string, from *Origin, vpc string) {
	s.see(topology.Scope{Region: region}, from, vpc)
}

// of gives the full scope of a resource: own is what it says itself, parents
// are the ids it belongs to, nearest first.
func (s *scopes) of(id string, own topology.Scope, from *Origin, parents ...string) (topology.Scope, error) {
	candidates := make([]topology.Scope, 0, len(parents)+4)
	candidates = append(candidates, own)
	for _, p := range parents {
		if p != "" {
			candidates = append(candidates, s.owners[p])
		}
	}
	candidates = append(candidates, from.Hint)
	if f := s.folders[from.Folder]; f != nil {
		candidates = append(candidates, f.only())
	}
	candidates = append(candidates, s.tree.only())

	var out topology.Scope
	for _, c := range candidates {
		if out.Account == "" {
			out.Account = c.Account
		}
		if out.Region == "" {
			out.Region = c.Region
		}
	}
	switch {
	case out.Region == "":
		return out, &ScopeError{Resource: id, Source: from.Source, What: "Region", Known: slices.Sorted(maps.Keys(s.tree.regions))}
	case out.Account == "":
		return out, &ScopeError{Resource: id, Source: from.Source, What: "account", Known: slices.Sorted(maps.Keys(s.tree.accounts))}
	}
	return out, nil
}

// ScopeError is a resource of which nothing tells the account or the Region.
type ScopeError struct {
	Resource string
	Source   string
	What     string   // account or Region
	Known    []string // those that the tree names
}

func (e *ScopeError) Error() string {
	known := "nothing in the folder names one"
	if len(e.Known) > 0 {
		known = "the folder names " + strings.Join(e.Known, ", ")
	}
	return fmt.Sprintf("%s: the %s of %s is not known (%s): put the file under folders named ACCOUNT/REGION, such as 123456789012/ap-northeast-2",
		e.Source, e.What, e.Resource, known)
}
