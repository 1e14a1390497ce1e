package ask

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	duckdb "github.com/marcboeker/go-duckdb/v2"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/analyze/rollup/sealed"
)

//go:embed tables/*.sql questions/*.sql
var files embed.FS

// Beside is what stands beside the flows of an observations file.
type Beside struct {
	Digest   string
	Window   analyze.Window
	Rules    []analyze.RuleUse
	Coverage []analyze.Coverage
	Findings []analyze.Finding
}

// Input is what a library holds.
type Input struct {
	// Flows is the path of an observations file, Earlier of one of an earlier
	// window; empty: there is none.
	Flows, Earlier string
	Beside         Beside
}

// Library is a sealed database of observations. It is not safe for concurrent use.
type Library struct {
	db *sealed.DB
}

// Open loads observations. Close it.
func Open(ctx context.Context, in Input, opt sealed.Options) (*Library, error) {
	if loc := in.Beside.Window.Location; loc != nil && opt.Zone == "" {
		opt.Zone = loc.String()
	}
	db, err := sealed.Open(ctx, opt)
	if err != nil {
		return nil, err
	}
	l := &Library{db: db}
	if err := l.load(ctx, in); err != nil {
		return nil, errors.Join(fmt.Errorf("load observations: %w", err), l.Close())
	}
	return l, nil
}

// Close removes the library.
func (l *Library) Close() error { return l.db.Close() }

func (l *Library) load(ctx context.Context, in Input) error {
	scripts := []string{"05_names", "10_observed", "20_flows", "30_beside"}
	if err := l.link(ctx, "flows", in.Flows); err != nil {
		return err
	}
	if in.Earlier != "" {
		if err := l.link(ctx, "earlier", in.Earlier); err != nil {
			return err
		}
		scripts = append(scripts, "21_earlier")
	} else {
		scripts = append(scripts, "22_no_earlier")
	}
	for _, doc := range in.Beside.documents() {
		text, err := json.Marshal(doc.rows)
		if err != nil {
			return fmt.Errorf("%s: %w", doc.name, err)
		}
		if err := l.set(ctx, doc.name, string(text)); err != nil {
			return err
		}
	}
	for _, name := range append(scripts, "40_history") {
		text, err := files.ReadFile("tables/" + name + ".sql")
		if err != nil {
			return err
		}
		if _, err := l.db.ExecContext(ctx, string(text)); err != nil {
			return fmt.Errorf("%s.sql: %w", name, err)
		}
	}
	return nil
}

func (l *Library) set(ctx context.Context, variable, value string) error {
	_, err := l.db.ExecContext(ctx, "SET VARIABLE "+variable+" = ?::VARCHAR", value)
	return err
}

// link gives a file a name of ours in the library's folder, which no SQL can
// take for a pattern, and tells the SQL.
func (l *Library) link(ctx context.Context, variable, path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	to := filepath.Join(l.db.Dir, variable+".parquet")
	if os.Link(path, to) != nil { // another file system
		if err := copyFile(path, to); err != nil {
			return err
		}
	}
	return l.set(ctx, variable, to)
}

func copyFile(from, to string) (err error) {
	w, err := os.Create(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	return copyTo(w, from)
}

func copyTo(w io.Writer, from string) error {
	r, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	_, err = io.Copy(w, r)
	return err
}

// Column is a column of an answer.
type Column struct {
	Name string `json:"name"`
	Type string `json:"type"` // DuckDB's, such as VARCHAR or TIMESTAMPTZ
}

// Answer is a table that is read row by row. Close it.
type Answer struct {
	Columns []Column
	rows    rows
}

// SQLError is SQL that the library does not take. Its text is one line and says
// what is wrong and where.
type SQLError struct{ Text string }

func (e *SQLError) Error() string { return "SQL: " + e.Text }

// Ask runs one SELECT.
func (l *Library) Ask(ctx context.Context, query string) (*Answer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := l.check(ctx, query); err != nil {
		return nil, err
	}
	got, err := l.db.QueryContext(ctx, query)
	if err != nil {
		return nil, explain(ctx, err)
	}
	types, err := got.ColumnTypes()
	if err != nil {
		return nil, errors.Join(err, got.Close())
	}
	a := &Answer{rows: got}
	seen := map[string]int{}
	for _, t := range types {
		name := t.Name()
		seen[name]++
		if n := seen[name]; n > 1 {
			name = fmt.Sprintf("%s_%d", name, n)
		}
		a.Columns = append(a.Columns, Column{name, t.DatabaseTypeName()})
	}
	return a, nil
}

// Save writes an answer as a Parquet file.
func (l *Library) Save(ctx context.Context, query string, w io.Writer) error {
	if err := l.check(ctx, query); err != nil {
		return err
	}
	// Written anew by DuckDB, without comments and semicolons.
	var plain string
	if err := l.db.QueryRowContext(ctx, "SELECT json_deserialize_sql(json_serialize_sql(?::VARCHAR))", query).Scan(&plain); err != nil {
		return explain(ctx, err)
	}
	tmp := filepath.Join(l.db.Dir, "answer.parquet")
	if _, err := l.db.ExecContext(ctx, "COPY ("+plain+") TO "+sealed.Literal(tmp)+" (FORMAT parquet, COMPRESSION zstd)"); err != nil {
		return explain(ctx, err)
	}
	return copyTo(w, tmp)
}

// check lets one statement through that only reads: DuckDB's parser alone
// tells, and what it cannot write as a tree of SELECTs is none.
func (l *Library) check(ctx context.Context, query string) error {
	var tree any
	if err := l.db.QueryRowContext(ctx, "SELECT json_serialize_sql(?::VARCHAR)", query).Scan(&tree); err != nil {
		return explain(ctx, err)
	}
	doc, _ := tree.(map[string]any)
	if failed, _ := doc["error"].(bool); failed {
		text, _ := doc["error_message"].(string)
		if doc["error_type"] == "not implemented" {
			text = "only questions are answered: SELECT, WITH, FROM, VALUES, DESCRIBE, SUMMARIZE or SHOW TABLES"
		}
		if at, ok := doc["position"].(string); ok {
			text += near(query, at)
		}
		return &SQLError{oneLine(text)}
	}
	statements, _ := doc["statements"].([]any)
	switch len(statements) {
	case 0:
		return &SQLError{"there is no statement in it"}
	case 1:
		return nil
	}
	return &SQLError{fmt.Sprintf("it holds %d statements; ask one at a time", len(statements))}
}

// near quotes what stands at a position that the parser named.
func near(query, at string) string {
	var i int
	if _, err := fmt.Sscanf(at, "%d", &i); err != nil || i < 0 || i >= len(query) {
		return ""
	}
	rest := strings.Fields(query[i:])
	if len(rest) == 0 {
		return " (at the end)"
	}
	return fmt.Sprintf(" (at %q, character %d)", rest[0], i+1)
}

// lineMark is where DuckDB's messages quote the query.
var lineMark = regexp.MustCompile(`\n+LINE \d+: `)

// explain makes DuckDB's error one line.
func explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var d *duckdb.Error
	if !errors.As(err, &d) {
		return err
	}
	text := d.Msg
	if i := lineMark.FindStringIndex(text); i != nil {
		text = text[:i[0]]
	}
	return &SQLError{oneLine(text)}
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// documents are the tables beside the flows, as rows of JSON.
func (b Beside) documents() []document {
	loc := b.Window.Location
	if loc == nil {
		loc = time.UTC
	}
	rules := make([]ruleRow, 0, len(b.Rules))
	for _, r := range b.Rules {
		rules = append(rules, ruleRow{RuleUse: r, Kind: r.Rule.Kind, Resource: r.Rule.Resource, Rule: r.Rule.Rule, ID: r.Rule.ID,
			State: r.State(), Last: instant(r.Last), ContainedIn: refs(r)})
	}
	return []document{
		{"about", []aboutRow{{b.Digest, instant(b.Window.Since), instant(b.Window.Until), loc.String(), Quarter(b.Window).Format(time.DateOnly)}}},
		{"rules", rules}, {"coverage", notNil(b.Coverage)}, {"findings", notNil(b.Findings)},
	}
}

type document struct {
	name string
	rows any
}

type aboutRow struct {
	Digest   string  `json:"digest"`
	Since    *string `json:"since"`
	Until    *string `json:"until"`
	Timezone string  `json:"timezone"`
	Quarter  string  `json:"quarter"`
}

// ruleRow flattens a rule's use; its own fields go before those it embeds.
type ruleRow struct {
	analyze.RuleUse
	Kind        string   `json:"kind"`
	Resource    string   `json:"resource"`
	Rule        string   `json:"rule"`
	ID          string   `json:"id"`
	State       string   `json:"state"`
	Last        *string  `json:"last"`
	ContainedIn []string `json:"contained_in"`
}

func refs(r analyze.RuleUse) []string {
	out := make([]string, 0, len(r.ContainedIn))
	for _, x := range r.ContainedIn {
		out = append(out, x.String())
	}
	return out
}

func instant(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := t.UTC().Format(time.RFC3339)
	return &s
}

func notNil[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// Quarter is the first day of the quarter in which the window's last day lies.
func Quarter(w analyze.Window) time.Time {
	loc := w.Location
	if loc == nil {
		loc = time.UTC
	}
	last := w.Until.Add(-time.Nanosecond).In(loc)
	return time.Date(last.Year(), (last.Month()-1)/3*3+1, 1, 0, 0, 0, 0, loc)
}

// Question is one that comes with the library.
type Question struct {
	Name string `json:"name"`
	// Text says in words what it asks.
	Text string `json:"text"`
	SQL  string `json:"sql"`
}

// Questions lists them by name.
func Questions() ([]Question, error) {
	names, err := fs.Glob(files, "questions/*.sql")
	if err != nil {
		return nil, err
	}
	var out []Question
	for _, name := range names {
		text, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		first, _, _ := strings.Cut(string(text), "\n")
		out = append(out, Question{strings.TrimSuffix(strings.TrimPrefix(name, "questions/"), ".sql"), strings.TrimPrefix(first, "-- "), string(text)})
	}
	return out, nil
}
