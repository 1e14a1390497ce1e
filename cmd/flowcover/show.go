package main

import (
	"context"

	"github.com/urfave/cli/v2"

	"github.com/flowcover/flowcover/cmd/internal/command"
	"github.com/flowcover/flowcover/topology/changeset"
	"github.com/flowcover/flowcover/topology/review"
)

// showRun prints a changeset.
type showRun struct {
	env  *command.Env
	file string
	all  bool
	json bool
}

func showVerb() command.Verb {
	return command.Verb{
		Name: "show", Summary: "show a changeset: rules today and proposed, reasons, promises",
		Args: "CHANGESET", MinArgs: 1, MaxArgs: 1,
		About: "Each list of rules stands under its resource, direction and family: what is added (+), removed (-), replaced (~) and kept. " +
			"Excess is how much the rules open beyond the approved flows, in addresses times ports, weighted. The order of the " +
			"changes in --json is the order in which apply makes them.",
		Examples: []string{"flowcover show changeset.json", "flowcover show changeset.json --json | jq '.changes[].id'"},
		Flags: []command.Flag{
			{Name: "all", Type: command.Bool, Usage: "show unchanged lists rule by rule, and every flow that is not approved"},
			jsonFlag(),
		},
		New: func(c *cli.Context, e *command.Env) (command.Runner, error) {
			return &showRun{env: e, file: c.Args().First(), all: c.Bool("all"), json: c.Bool("json")}, nil
		},
	}
}

func (s *showRun) Run(context.Context) error {
	cs, data, err := readChangeset(s.file)
	if err != nil {
		return err
	}
	if s.json {
		return writeJSON(s.env.Out, newShowJSON(cs, review.Digest(data)))
	}
	v := &changesetView{out: s.env.Out, width: s.env.Width, all: s.all}
	if err := v.write(cs, review.Digest(data)); err != nil {
		return err
	}
	return v.next(s.file, len(cs.Changes))
}

// showJSON is what show --json prints.
type showJSON struct {
	Format       string               `json:"format"`
	Digest       string               `json:"digest"`
	Author       string               `json:"author"`
	Created      string               `json:"created"`
	Snapshot     string               `json:"snapshot"`
	Observations string               `json:"observations"`
	Window       changeset.Window     `json:"window"`
	Changes      []showChange         `json:"changes"`
	Promises     []changeset.Promise  `json:"promises"`
	Targets      []changeset.Target   `json:"targets"`
	NotApproved  []changeset.FlowNote `json:"not_approved"`
	NotFollowed  []changeset.FlowNote `json:"not_followed"`
	Findings     []changeset.Finding  `json:"findings"`
}

type showChange struct {
	ID       string             `json:"id"`
	Kind     string             `json:"kind"`
	Target   string             `json:"target"`
	Account  string             `json:"account"`
	Region   string             `json:"region"`
	Decision string             `json:"decision"`
	Before   *changeset.RuleDoc `json:"before"`
	After    *changeset.RuleDoc `json:"after"`
	Reason   string             `json:"reason"`
	Widens   bool               `json:"widens"`
	Evidence changeset.Evidence `json:"evidence"`
	Risk     string             `json:"risk"`
	Requires []string           `json:"requires"`
}

func newShowJSON(cs *changeset.Changeset, digest string) showJSON {
	out := showJSON{
		Format: "flowcover.show/1", Digest: digest, Author: cs.Author, Created: cs.Created, Snapshot: cs.Snapshot,
		Observations: cs.Observations, Window: cs.Window, Changes: []showChange{}, Promises: orEmpty(cs.Promises), Targets: orEmpty(cs.Targets),
		NotApproved: orEmpty(cs.NotApproved), NotFollowed: orEmpty(cs.NotFollowed), Findings: orEmpty(cs.Findings),
	}
	for _, c := range cs.Changes {
		out.Changes = append(out.Changes, showChange{
			ID: c.ID, Kind: c.Kind, Target: c.Target, Account: c.Account, Region: c.Region, Decision: c.Decision, Before: c.Before, After: c.After,
			Reason: c.Reason, Widens: c.Widens, Evidence: c.Evidence, Risk: c.Risk, Requires: orEmpty(c.Requires),
		})
	}
	for i := range out.Promises {
		out.Promises[i].Counterexamples = orEmpty(out.Promises[i].Counterexamples)
	}
	for i := range out.Targets {
		out.Targets[i].Frontier = orEmpty(out.Targets[i].Frontier)
		out.Targets[i].Rules = orEmpty(out.Targets[i].Rules)
	}
	return out
}

// orEmpty makes an absent list an empty one: readers of JSON iterate.
func orEmpty[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
