package awsapply

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/flowcover/flowcover/topology/awsapply/journal"
	"github.com/flowcover/flowcover/topology/changeset"
)

// Step is told to whoever follows the run, once for each change.
type Step struct {
	Index   int // from 1, over all approved changes
	Total   int
	Change  changeset.Change
	Already bool // it stood before: nothing was written
}

// Report is what a run did.
type Report struct {
	Changes int // approved
	Made    int // by this run
	Already int // stood before, or made by an earlier run
	// Rules are the ids of new security group rules by change.
	Rules map[string]string
}

// Applier applies plans.
type Applier struct {
	API      API
	Journal  Journal
	Progress func(Step) // may be nil
	Clock    Clock      // nil: the machine's
	// SettleLimit is how long to wait for EC2 to show the rules; 0: five minutes.
	SettleLimit time.Duration
	// WritesPerSecond is how often each API action is called once EC2's bucket
	// for it is empty; 0: four, of the five that EC2 refills.
	WritesPerSecond int
}

// Apply makes the approved changes with the machine's clock. See [Applier.Apply].
func Apply(ctx context.Context, api API, plan Plan, journal Journal, progress func(Step)) (Report, error) {
	return (&Applier{API: api, Journal: journal, Progress: progress}).Apply(ctx, plan)
}

// Apply makes the approved changes of a plan, in the document's order.
//
// Errors, besides those of AWS: [*WorldMovedError] and [*AlreadyAppliedError]
// before anything is written, [*PartlyAppliedError] if the run, or an earlier
// one, stopped on its way (a context that ends included), [*NotSettledError],
// [*AccountError], [*CredentialsError], [*JournalError].
func (a *Applier) Apply(ctx context.Context, plan Plan) (Report, error) {
	r, err := a.prepare(ctx, plan)
	if err != nil || len(r.changes) == 0 {
		return Report{}, err
	}
	if err := r.begin(); err != nil {
		return r.report, r.stopped(err)
	}
	for i, c := range r.changes {
		if err := r.step(ctx, i, c); err != nil {
			return r.report, r.stopped(err)
		}
	}
	if err := r.settle(ctx); err != nil {
		return r.report, err
	}
	if err := a.Journal.Append(journal.Record{Kind: journal.End, Changeset: plan.Digest}); err != nil {
		return r.report, err
	}
	return r.report, nil
}

// Check reads what the plan touches and gives the error that [Applier.Apply]
// would give before its first write. It writes nothing, not even to the journal.
func (a *Applier) Check(ctx context.Context, plan Plan) error {
	_, err := a.prepare(ctx, plan)
	return err
}

// run is one run of Apply.
type run struct {
	a       *Applier
	plan    Plan
	changes []changeset.Change
	clients map[place]EC2
	pace    *pace

	baselines map[place]state // before the first change ever
	fresh     []place         // baselines that the journal does not have yet
	current   map[place]state // as known now
	done      map[string]bool
	report    Report
}

// prepare decides whether, and from where, to go on.
func (a *Applier) prepare(ctx context.Context, plan Plan) (*run, error) {
	if a.Clock == nil {
		a.Clock = systemClock{}
	}
	changes, err := plan.changes()
	if err != nil {
		return nil, err
	}
	r := &run{
		a: a, plan: plan, changes: changes, clients: map[place]EC2{}, pace: newPace(a.Clock, a.WritesPerSecond),
		baselines: map[place]state{}, current: map[place]state{}, done: map[string]bool{},
		report: Report{Changes: len(changes), Rules: map[string]string{}},
	}
	ended, started, err := r.recall()
	if err != nil {
		return nil, err
	}
	if ended && r.left() == 0 {
		return nil, &AlreadyAppliedError{Digest: plan.Digest, Changes: len(changes), Journal: true}
	}
	if err := r.look(ctx, started); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *run) left() int {
	n := 0
	for _, c := range r.changes {
		if !r.done[c.ID] {
			n++
		}
	}
	return n
}

func (r *run) client(ctx context.Context, p place) (EC2, error) {
	if c, ok := r.clients[p]; ok {
		return c, nil
	}
	c, err := r.a.API.Region(ctx, p.account, p.region)
	if err == nil {
		r.clients[p] = c
	}
	return c, err
}

// begin puts the baselines on record before the first write.
func (r *run) begin() error {
	rec := journal.Record{Kind: journal.Begin, Changeset: r.plan.Digest, Signatures: r.plan.Signatures}
	for _, p := range r.fresh {
		if s := r.baselines[p]; s.acl != nil {
			rec.ACLs = append(rec.ACLs, *s.acl)
		} else {
			rec.Groups = append(rec.Groups, *s.group)
		}
	}
	return r.a.Journal.Append(rec)
}

// step makes one change, unless it is made.
func (r *run) step(ctx context.Context, i int, c changeset.Change) error {
	already := r.done[c.ID]
	if !already {
		if err := ctx.Err(); err != nil {
			return err
		}
		stands, err := r.current[placeOf(c)].holds(c)
		if err != nil {
			return err
		}
		if stands {
			already = true
			if err := r.finish(c, "", true); err != nil {
				return err
			}
		} else if already, err = r.make(ctx, c); err != nil {
			return fmt.Errorf("change %s on %s (%s): %w", c.ID, c.Target, c.Words(), err)
		}
	}
	if already {
		r.report.Already++
	} else {
		r.report.Made++
	}
	if r.a.Progress != nil {
		r.a.Progress(Step{Index: i + 1, Total: len(r.changes), Change: c, Already: already})
	}
	return nil
}

// make writes one change and puts it on record.
func (r *run) make(ctx context.Context, c changeset.Change) (already bool, err error) {
	p := placeOf(c)
	if err := r.pace.wait(ctx, c.Kind+" "+string(directionOf(c))+" "+p.account+" "+p.region); err != nil {
		return false, err
	}
	if err := r.a.Journal.Append(journal.Record{Kind: journal.Start, Changeset: r.plan.Digest, Change: c.ID}); err != nil {
		return false, err
	}
	api := r.clients[p]
	rule, err := write(ctx, api, c, r.current[p])
	if standsPerhaps(err) {
		now, lookErr := r.lookAgain(ctx, p, c)
		if lookErr != nil {
			return false, errors.Join(err, lookErr)
		}
		r.current[p] = now
		already, err = true, nil
	}
	if err != nil {
		return false, err
	}
	if !already {
		next, err := r.current[p].after([]changeset.Change{c})
		if err != nil {
			return false, err
		}
		r.current[p] = next
	}
	return already, r.finish(c, rule, already)
}

// lookAgain reads a resource until it shows the change, for as long as EC2 may
// take to do so.
func (r *run) lookAgain(ctx context.Context, p place, c changeset.Change) (state, error) {
	for wait := time.Second; ; wait *= 2 {
		now, err := read(ctx, r.clients[p], p)
		if err != nil {
			return state{}, err
		}
		stands, err := now.holds(c)
		switch {
		case err != nil:
			return state{}, err
		case stands:
			return now, nil
		case wait > consistentAfter:
			return state{}, errors.New("EC2 says that it is done already, and its rules say that it is not")
		}
		if err := r.a.Clock.Sleep(ctx, wait); err != nil {
			return state{}, err
		}
	}
}

func (r *run) finish(c changeset.Change, rule string, already bool) error {
	if err := r.a.Journal.Append(journal.Record{Kind: journal.Done, Changeset: r.plan.Digest, Change: c.ID, Rule: rule, Already: already}); err != nil {
		return err
	}
	r.done[c.ID] = true
	if rule != "" {
		r.report.Rules[c.ID] = rule
	}
	return nil
}

// stopped says how far the run came. Before the first change it is the bare error.
func (r *run) stopped(err error) error {
	var done, left []changeset.Change
	for _, c := range r.changes {
		if r.done[c.ID] {
			done = append(done, c)
		} else {
			left = append(left, c)
		}
	}
	if len(done) == 0 {
		return err
	}
	return &PartlyAppliedError{Done: ids(done), Left: ids(left), Err: err}
}

// settle waits until EC2 shows every touched resource as its last change left it.
func (r *run) settle(ctx context.Context) error {
	limit := r.a.SettleLimit
	if limit == 0 {
		limit = 5 * time.Minute
	}
	deadline := r.a.Clock.Now().Add(limit)
	wait := 2 * time.Second
	waiting := places(r.changes)
	for {
		var worst *NotSettledError
		for _, p := range slices.Clone(waiting) {
			now, err := read(ctx, r.clients[p], p)
			if err != nil {
				return r.stopped(err)
			}
			diff := differences(r.current[p].lines(), now.lines())
			if len(diff) == 0 {
				waiting = slices.DeleteFunc(waiting, func(x place) bool { return x == p })
			} else if worst == nil {
				worst = &NotSettledError{Resource: p.id, Differences: diff}
			}
		}
		if worst == nil {
			return nil
		}
		if !r.a.Clock.Now().Before(deadline) {
			return worst
		}
		if err := r.a.Clock.Sleep(ctx, wait); err != nil {
			return r.stopped(err)
		}
		wait = min(wait*2, 30*time.Second)
	}
}
