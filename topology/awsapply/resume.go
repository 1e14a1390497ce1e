package awsapply

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/flowcover/flowcover/topology/awsapply/journal"
	"github.com/flowcover/flowcover/topology/changeset"
)

// recall reads the journal: the baselines, what is done, and the change that
// was started last and of which nobody knows whether it was made.
func (r *run) recall() (ended bool, started string, err error) {
	byID := map[string]changeset.Change{}
	for _, c := range r.plan.Changeset.Changes {
		byID[c.ID] = c
	}
	touched := map[string]place{}
	for _, p := range places(r.plan.Changeset.Changes) {
		touched[p.id] = p
	}
	for _, rec := range r.a.Journal.Records() {
		if rec.Changeset != r.plan.Digest {
			return false, "", &JournalError{File: "the journal", Reason: fmt.Sprintf(
				"it is of the changeset %.12s, not of this one (%.12s): keep each changeset's journal beside it", rec.Changeset, r.plan.Digest)}
		}
		switch rec.Kind {
		case journal.Begin:
			ended = false
			for i := range rec.Groups {
				r.remember(touched, state{group: &rec.Groups[i]})
			}
			for i := range rec.ACLs {
				r.remember(touched, state{acl: &rec.ACLs[i]})
			}
		case journal.Start:
			started = rec.Change
		case journal.Done:
			if _, ok := byID[rec.Change]; !ok {
				return false, "", &JournalError{File: "the journal", Reason: fmt.Sprintf("it names the change %s, which the changeset does not have", rec.Change)}
			}
			r.done[rec.Change] = true
			if rec.Change == started {
				started = ""
			}
			if rec.Rule != "" {
				r.report.Rules[rec.Change] = rec.Rule
			}
		case journal.End:
			ended = true
		}
	}
	return ended, started, nil
}

func (r *run) remember(touched map[string]place, s state) {
	p, ok := touched[s.id()]
	if _, known := r.baselines[p]; ok && !known {
		r.baselines[p] = s
	}
}

// look reads every touched resource and compares it with what it should be.
func (r *run) look(ctx context.Context, started string) error {
	var moved error
	untouched := false // whether any resource still awaits a change
	for _, p := range places(r.changes) {
		now, err := r.compare(ctx, p, started)
		if err != nil && now == (state{}) {
			return err
		}
		r.current[p] = now
		var m *WorldMovedError
		if errors.As(err, &m) {
			standing, serr := r.stands(p, now)
			if serr != nil {
				return serr
			}
			if moved == nil {
				moved = err
			}
			untouched = untouched || !standing
			continue
		}
		if err != nil {
			return err
		}
		untouched = true
	}
	switch {
	case moved != nil && !untouched && len(r.done) == 0:
		// Somebody made the same changes, or our journal was lost.
		return &AlreadyAppliedError{Digest: r.plan.Digest, Changes: len(r.changes)}
	case moved != nil:
		return moved
	}
	return nil
}

// compare reads a resource and compares it with what it should be. Where we
// wrote to it ourselves, EC2 may take a while to show that.
func (r *run) compare(ctx context.Context, p place, started string) (state, error) {
	api, err := r.client(ctx, p)
	if err != nil {
		return state{}, err
	}
	for wait := time.Second; ; wait *= 2 {
		now, err := read(ctx, api, p)
		if errors.Is(err, errGone) {
			return state{}, &WorldMovedError{Resource: p.id, Differences: []string{errGone.Error()}}
		}
		if err != nil {
			return state{}, err
		}
		base, ours := r.baselines[p]
		err = r.judge(p, base, now, ours, started)
		if err == nil && !ours {
			r.baselines[p] = now
			r.fresh = append(r.fresh, p)
		}
		var m *WorldMovedError
		if !ours || wait > consistentAfter || !errors.As(err, &m) {
			return now, err
		}
		if err := r.a.Clock.Sleep(ctx, wait); err != nil {
			return state{}, err
		}
	}
}

// consistentAfter is the longest of the growing pauses between two readings of
// what we wrote ourselves: about half a minute in all.
const consistentAfter = 16 * time.Second

// stands says whether all changes of a resource stand in its state.
func (r *run) stands(p place, now state) (bool, error) {
	for _, c := range r.changes {
		if placeOf(c) != p {
			continue
		}
		ok, err := now.holds(c)
		if err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}

// judge compares a resource with what it should be: as planned on, or, where
// the journal knows it, as our own changes have left it.
func (r *run) judge(p place, base, now state, ours bool, started string) error {
	if !ours {
		want, ok := r.plan.Changeset.Fingerprints[p.id]
		if !ok {
			return fmt.Errorf("the changeset holds no fingerprint of %s, so nobody can tell whether it changed: plan again", p.id)
		}
		same, err := now.matches(want)
		if err != nil || same {
			return err
		}
		return &WorldMovedError{Resource: p.id, Differences: r.plan.differs(p, now)}
	}
	var made []changeset.Change
	for _, c := range r.plan.Changeset.Changes {
		if r.done[c.ID] {
			made = append(made, c)
		}
	}
	expected, err := base.after(made)
	if err != nil {
		return fmt.Errorf("the journal does not fit the changeset: %w", err)
	}
	diff := differences(expected.lines(), now.lines())
	if len(diff) == 0 {
		return nil
	}
	// The change that was under way when the last run stopped may stand.
	for _, c := range r.plan.Changeset.Changes {
		if c.ID == started && placeOf(c) == p && !r.done[c.ID] {
			with, err := expected.after([]changeset.Change{c})
			if err == nil && len(differences(with.lines(), now.lines())) == 0 {
				return nil
			}
		}
	}
	return &WorldMovedError{Resource: p.id, Differences: diff}
}
