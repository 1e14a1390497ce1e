package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/flowcover/flowcover/analyze/rollup/ask"
	"github.com/flowcover/flowcover/cmd/internal/table"
)

// questionsJSON is what query --list --json prints.
type questionsJSON struct {
	Format    string         `json:"format"`
	Questions []ask.Question `json:"questions"`
}

func (q *queryRun) printList() error {
	all, err := ask.Questions()
	if err != nil {
		return err
	}
	if q.json {
		return writeJSON(q.env.Out, questionsJSON{"flowcover.questions/1", all})
	}
	if q.csv {
		w := csv.NewWriter(q.env.Out)
		rows := [][]string{{"name", "text"}}
		for _, x := range all {
			rows = append(rows, []string{x.Name, x.Text})
		}
		return w.WriteAll(rows)
	}
	var b strings.Builder
	longest := 0
	for _, x := range all {
		longest = max(longest, len(x.Name))
	}
	for _, x := range all {
		b.WriteString(table.Indent(table.Pad(x.Name, longest+2), x.Text, q.env.Width) + "\n")
	}
	_, err = io.WriteString(q.env.Out, b.String())
	return err
}

// queryJSON is what query --json prints.
type queryJSON struct {
	Format       string       `json:"format"`
	Question     *string      `json:"question"`
	SQL          string       `json:"sql"`
	Observations string       `json:"observations"` // digest
	Earlier      *string      `json:"earlier"`      // digest
	Columns      []ask.Column `json:"columns"`
	Rows         []answerRow  `json:"rows"`
}

// answerRow is a row as an object whose keys stand in the columns' order.
type answerRow struct {
	columns []ask.Column
	values  []any
}

// MarshalJSON writes the object.
func (r answerRow) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for i, c := range r.columns {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := enc.Encode(c.Name); err != nil {
			return nil, err
		}
		b.WriteByte(':')
		if err := enc.Encode(r.values[i]); err != nil {
			return nil, err
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// answer asks and prints.
func (q *queryRun) answer(ctx context.Context, lib *ask.Library, in queried) error {
	a, err := lib.Ask(ctx, q.question.SQL)
	if err != nil {
		return err
	}
	defer func() { _ = a.Close() }()
	switch {
	case q.csv:
		return writeCSV(q.env.Out, a)
	case q.json:
		return q.writeJSON(a, in)
	}
	return q.writeTable(a)
}

func (q *queryRun) writeJSON(a *ask.Answer, in queried) error {
	out := queryJSON{Format: "flowcover.query/1", SQL: q.question.SQL, Observations: in.Beside.Digest, Columns: a.Columns, Rows: []answerRow{}}
	if q.question.Name != "" {
		out.Question = &q.question.Name
	}
	if in.earlierDigest != "" {
		out.Earlier = &in.earlierDigest
	}
	for {
		row, more, err := a.Next()
		if err != nil {
			return err
		}
		if !more {
			return writeJSON(q.env.Out, out)
		}
		out.Rows = append(out.Rows, answerRow{a.Columns, row})
	}
}

func writeCSV(out io.Writer, a *ask.Answer) error {
	w := csv.NewWriter(out)
	head := make([]string, len(a.Columns))
	for i, c := range a.Columns {
		head[i] = c.Name
	}
	if err := w.Write(head); err != nil {
		return err
	}
	for {
		row, more, err := a.Next()
		if err != nil {
			return err
		}
		if !more {
			w.Flush()
			return w.Error()
		}
		cells := make([]string, len(row))
		for i, v := range row {
			cells[i] = cell(v, "")
		}
		if err := w.Write(cells); err != nil {
			return err
		}
	}
}

// shortestCell is the width to which a column of text may be cut.
const shortestCell = 9

// keptColumns are never left out of a table, however narrow it is.
const keptColumns = 3

func (q *queryRun) writeTable(a *ask.Answer) error {
	t := &table.Table{}
	for i, c := range a.Columns {
		col := table.Column{Name: c.Name, Right: isNumber(c.Type)}
		own := q.question.Name != ""
		if own && i >= keptColumns {
			col.Drop = len(a.Columns) - i // the last go first
		}
		// Of flowcover's own questions addresses and ids stay whole.
		if !col.Right && c.Type != "BOOLEAN" && c.Type != "DATE" && (!own || c.Name == "reason" || c.Name == "rule") {
			col.Min = shortestCell
		}
		t.Columns = append(t.Columns, col)
	}
	n := 0
	for ; ; n++ {
		row, more, err := a.Next()
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if q.top > 0 && n >= q.top {
			continue
		}
		cells := make([]string, len(row))
		for i, v := range row {
			cells[i] = cell(v, "-")
			if when, err := time.Parse(time.RFC3339Nano, cells[i]); err == nil && a.Columns[i].Type == "TIMESTAMPTZ" {
				cells[i] = when.Format("2006-01-02T15:04Z")
			}
		}
		t.Add(cells...)
	}
	if err := t.Write(q.env.Out, q.env.Width); err != nil {
		return err
	}
	switch {
	case n == 0:
		_, err := fmt.Fprintln(q.env.Out, "no rows")
		return err
	case n > len(t.Rows):
		_, err := fmt.Fprintf(q.env.Out, "and %s (--top 0)\n", plural(n-len(t.Rows), "more row", "more rows"))
		return err
	}
	return nil
}

func isNumber(typ string) bool {
	switch typ {
	case "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "FLOAT", "DOUBLE":
		return true
	}
	return strings.HasPrefix(typ, "DECIMAL")
}

// cell writes a value in a line; lists and structures as JSON.
func cell(v any, null string) string {
	switch x := v.(type) {
	case nil:
		return null
	case string:
		return x
	case bool:
		return strconv.FormatBool(x)
	case int64:
		return strconv.FormatInt(x, 10)
	case *big.Int:
		return x.String()
	case float64:
		return strconv.FormatFloat(x, 'g', -1, 64)
	}
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(text)
}
