package rollup

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	duckdb "github.com/marcboeker/go-duckdb/v2"

	"github.com/flowcover/flowcover/analyze/source"
)

// begin makes the working tables of a unit.
func (e *Engine) begin(ctx context.Context, u *unit) error {
	if err := e.run(ctx, "00_tables"); err != nil {
		return err
	}
	var day any
	if u.Day != source.Undated {
		day = u.Day
	}
	for name, v := range map[string]any{"key_account": u.Account, "key_region": u.Region} {
		if err := e.exec(ctx, "SET VARIABLE "+name+" = ?", v); err != nil {
			return err
		}
	}
	return e.exec(ctx, "SET VARIABLE key_day = ?::INTEGER", day)
}

// add sums a batch into the working tables. Inputs that DuckDB cannot read are
// found out one by one, filed with their objects, and left out.
func (e *Engine) add(ctx context.Context, b *batch) error {
	for _, inputs := range bySchema(b.inputs) {
		if err := e.addGroup(ctx, b.unit, inputs); err != nil {
			return err
		}
	}
	return nil
}

// bySchema parts inputs into those of one schema each, in the schemas' order.
func bySchema(inputs []*input) [][]*input {
	groups := map[string][]*input{}
	for _, in := range inputs {
		k := in.schema.key()
		groups[k] = append(groups[k], in)
	}
	out := make([][]*input, 0, len(groups))
	for _, k := range slices.Sorted(maps.Keys(groups)) {
		out = append(out, groups[k])
	}
	return out
}

func (e *Engine) addGroup(ctx context.Context, u *unit, inputs []*input) error {
	for len(inputs) > 0 {
		err := e.sum(ctx, u, inputs)
		if err == nil || ctx.Err() != nil {
			return err
		}
		good, bad, err := e.blame(ctx, u, inputs, err)
		if err != nil {
			return err
		}
		if err := e.failed(bad); err != nil {
			return err
		}
		inputs = good
	}
	return nil
}

// blame finds the inputs at fault for DuckDB's error. Where it is none of
// theirs, the error is the run's.
func (e *Engine) blame(ctx context.Context, u *unit, inputs []*input, err error) (good []*input, bad []failed, _ error) {
	if invalidates(err) {
		return nil, nil, fmt.Errorf("%s: DuckDB failed inside itself, at no object's fault; the days done stand, so run it again: %w", u.describe(), err)
	}
	good, bad = e.sift(ctx, u, inputs)
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	if len(bad) == 0 {
		return nil, nil, fmt.Errorf("%s: %w", u.describe(), e.advise(err))
	}
	return good, bad, nil
}

// failed files bad inputs with their objects; if the run is strict the first is
// its end.
func (e *Engine) failed(bad []failed) error {
	for _, f := range bad {
		if e.opt.Strict {
			return fmt.Errorf("%s: unreadable: %s", f.in.object.name(), f.reason)
		}
		f.in.object.fail(f.reason, f.passing)
	}
	return nil
}

// invalidates says that DuckDB answers nothing any more after this error, so
// that asking it which object is at fault would blame them all.
func invalidates(err error) bool {
	var d *duckdb.Error
	return errors.As(err, &d) && (d.Type == duckdb.ErrorTypeInternal || d.Type == duckdb.ErrorTypeFatal)
}

// sum adds inputs of one schema to the working tables, all of them or none.
func (e *Engine) sum(ctx context.Context, u *unit, inputs []*input) error {
	if err := e.exec(ctx, "BEGIN TRANSACTION"); err != nil {
		return err
	}
	e.inTx = true
	transit, err := e.sumInto(ctx, u, inputs)
	if err == nil {
		err = e.exec(ctx, "COMMIT")
	}
	if err != nil {
		return errors.Join(err, e.rollback(ctx))
	}
	e.inTx = false
	u.transit = u.transit || transit
	return nil
}

// sumInto adds them within the open transaction, and says whether they are of
// transit gateways.
func (e *Engine) sumInto(ctx context.Context, u *unit, inputs []*input) (transit bool, _ error) {
	if err := e.readFrom(ctx, u, inputs); err != nil {
		return false, err
	}
	if err := e.run(ctx, "20_conversation"); err != nil {
		return false, err
	}
	if inputs[0].schema.describesInterfaces() {
		if err := e.run(ctx, "21_interface"); err != nil {
			return false, err
		}
	}
	if !inputs[0].schema.has(eitherField[1]) {
		return false, nil
	}
	return true, e.run(ctx, "22_transit")
}

// readFrom points the view record at inputs of one schema.
func (e *Engine) readFrom(ctx context.Context, u *unit, inputs []*input) error {
	paths := make([]string, len(inputs))
	for i, in := range inputs {
		paths[i] = in.path
	}
	if err := e.setFiles(ctx, "files", paths); err != nil {
		return err
	}
	if err := e.exec(ctx, inputs[0].schema.viewSQL(u.cuts)); err != nil {
		return fmt.Errorf("view of the files: %w", err)
	}
	return nil
}

type failed struct {
	in      *input
	reason  string
	passing bool // not the content alone is at fault
}

// sift reads each input by itself.
func (e *Engine) sift(ctx context.Context, u *unit, inputs []*input) (good []*input, bad []failed) {
	spoiled := map[*object]bool{}
	for _, in := range inputs {
		if ctx.Err() != nil {
			return nil, nil
		}
		if err := e.probe(ctx, u, in); err != nil {
			reason, passing := e.duckReason(err)
			bad = append(bad, failed{in, reason, passing})
			spoiled[in.object] = true
		}
	}
	for _, in := range inputs {
		// A text object may have been staged as several files.
		if !spoiled[in.object] {
			good = append(good, in)
		}
	}
	return good, bad
}

func (e *Engine) probe(ctx context.Context, u *unit, in *input) error {
	if err := e.readFrom(ctx, u, []*input{in}); err != nil {
		return err
	}
	return e.run(ctx, "23_probe")
}

// duckReason is DuckDB's message without the scratch file's name and SQL. With
// more memory another run may read the object.
func (e *Engine) duckReason(err error) (reason string, passing bool) {
	var d *duckdb.Error
	if !errors.As(err, &d) {
		return err.Error(), false
	}
	if d.Type == duckdb.ErrorTypeOutOfMemory {
		return fmt.Sprintf("DuckDB cannot read it within %d MiB of memory: if that is too little, allow more with --memory", e.opt.MemoryLimit>>20), true
	}
	msg, _, _ := strings.Cut(d.Msg, "\n")
	return "DuckDB cannot read it: " + msg, false
}

// advise adds the way out where DuckDB ran into a limit of ours.
func (e *Engine) advise(err error) error {
	var d *duckdb.Error
	if !errors.As(err, &d) || d.Type != duckdb.ErrorTypeOutOfMemory {
		return err
	}
	return fmt.Errorf("the memory limit of %d MiB or the disk for spilling is too small for %d threads: allow more of it, or fewer threads: %w",
		e.opt.MemoryLimit>>20, e.opt.Threads, err)
}

// badAddresses are the addresses of a table of flows that are none.
func (e *Engine) badAddresses(ctx context.Context, path string) ([]string, error) {
	if err := e.exec(ctx, "SET VARIABLE stored = ?", path); err != nil {
		return nil, err
	}
	rows, err := e.conn.QueryContext(ctx, query("44_addresses"))
	if err != nil {
		return nil, fmt.Errorf("44_addresses.sql: %w", cause(ctx, err))
	}
	var bad []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		if a, err := netip.ParseAddr(s); err != nil || a.Zone() != "" {
			bad = append(bad, s)
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, fmt.Errorf("44_addresses.sql: %w", cause(ctx, err))
	}
	return bad, nil
}

// finish works the unit's tables out, writes them to the state and returns the
// rollup.
func (e *Engine) finish(ctx context.Context, u *unit) (*stored, error) {
	st, err := e.workOut(ctx, u)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", u.describe(), e.advise(err))
	}
	return st, e.store(ctx, st)
}

func (e *Engine) workOut(ctx context.Context, u *unit) (*stored, error) {
	if err := e.run(ctx, "27_interfaces"); err != nil {
		return nil, err
	}
	st := &stored{sidecar: e.sidecar(u), paths: map[string]string{}}
	flows, err := e.workOutFlows(ctx, st)
	if err != nil {
		return nil, err
	}
	if err := e.run(ctx, "35_heard"); err != nil {
		return nil, err
	}
	t := &st.sidecar.Totals
	if err := e.conn.QueryRowContext(ctx, query("45_totals")).Scan(&t.Records, &t.NoData, &t.SkipData, &t.Malformed, &t.NoTime, &t.Misdated); err != nil {
		return nil, fmt.Errorf("45_totals.sql: %w", cause(ctx, err))
	}
	enis, err := e.writeTable(ctx, st, "41_enis", "enis")
	if err != nil {
		return nil, err
	}
	st.sidecar.Files = []File{enis, flows}
	if u.transit {
		transit, err := e.writeTable(ctx, st, "42_transit", "transit")
		if err != nil {
			return nil, err
		}
		st.sidecar.Files = append(st.sidecar.Files, transit)
	}
	return st, nil
}

// workOutFlows writes the flows. Records whose addresses are none are found
// there, where they are few, and taken out: then all is worked out again.
func (e *Engine) workOutFlows(ctx context.Context, st *stored) (File, error) {
	for {
		for _, q := range []string{"30_own", "31_tuple", "32_opener", "33_sided", "34_endpoint"} {
			if err := e.run(ctx, q); err != nil {
				return File{}, err
			}
		}
		f, err := e.writeTable(ctx, st, "40_flows", "flows")
		if err != nil {
			return f, err
		}
		bad, err := e.badAddresses(ctx, st.paths["flows"])
		if err != nil || len(bad) == 0 {
			return f, err
		}
		if err := e.exec(ctx, "SET VARIABLE no_address = ?", bad); err != nil {
			return f, err
		}
		if err := e.run(ctx, "29_no_address"); err != nil {
			return f, err
		}
	}
}

// store puts a rollup into the state; unless the very same stands there.
func (e *Engine) store(ctx context.Context, st *stored) error {
	if err := e.put(ctx, &st.sidecar, st.paths); err != nil {
		return fmt.Errorf("state: %w", err)
	}
	for _, path := range st.paths {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	delete(e.fetched, st.sidecar.Name)
	return nil
}

// writeTable writes a query's rows as one of the rollup's files.
func (e *Engine) writeTable(ctx context.Context, st *stored, query, table string) (File, error) {
	f := File{Table: table}
	path := filepath.Join(e.dir, dirOut, fmt.Sprintf("%s-%s.parquet", filepath.Base(st.sidecar.Name), table))
	st.paths[table] = path
	if err := e.copyTo(ctx, query, path); err != nil {
		return f, err
	}
	var err error
	if f.SHA256, f.Bytes, err = hashFile(path); err != nil {
		return f, err
	}
	f.Rows, f.RowHash, err = e.rowHash(ctx, path)
	return f, err
}

func (e *Engine) rowHash(ctx context.Context, path string) (rows int64, hash string, err error) {
	if err := e.exec(ctx, "SET VARIABLE stored = ?", path); err != nil {
		return 0, "", err
	}
	var h uint64
	if err := e.conn.QueryRowContext(ctx, query("46_row_hash")).Scan(&rows, &h); err != nil {
		return 0, "", fmt.Errorf("46_row_hash.sql: %w", cause(ctx, err))
	}
	return rows, strconv.FormatUint(h, 16), nil
}

// sidecar counts the unit's objects. Those that could not be got at are no part
// of the rollup and are not in it.
func (e *Engine) sidecar(u *unit) Sidecar {
	s := Sidecar{
		Format: sidecarFormat, Name: e.name(u), Day: u.DayString(),
		Account: u.Account, Region: u.Region, FlowLog: u.FlowLog,
		Engine: e.engineName(), SQL: e.sqlHash, Cuts: u.cuts,
		Exceptions: []Exception{},
	}
	for _, o := range u.objects {
		if o.passing {
			continue
		}
		s.Objects.count(o.status)
		x := Exception{Key: o.key, Reason: o.reason, BadLines: o.badLines}
		switch {
		case o.status == statusSkipped:
			x.Status = "skipped"
		case o.status == statusUnreadable:
			x.Status = "unreadable"
		case o.badLines > 0:
			x.Status, x.Reason = "read", o.badLinesReason()
		default:
			continue
		}
		s.Exceptions = append(s.Exceptions, x)
	}
	return s
}
