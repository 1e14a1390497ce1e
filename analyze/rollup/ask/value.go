package ask

import (
	"database/sql"
	"encoding/base64"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"time"

	duckdb "github.com/marcboeker/go-duckdb/v2"
)

type rows interface {
	Next() bool
	Scan(...any) error
	Err() error
	Close() error
}

var _ rows = (*sql.Rows)(nil)

// Next gives the next row, false at the end. A value is nil, a bool, an int64,
// a *big.Int, a float64, a string, a []any or a map[string]any: what JSON can
// hold. Times are RFC 3339 in UTC; a DECIMAL and a number that is none are text.
func (a *Answer) Next() ([]any, bool, error) {
	if !a.rows.Next() {
		return nil, false, a.rows.Err()
	}
	values := make([]any, len(a.Columns))
	into := make([]any, len(values))
	for i := range values {
		into[i] = &values[i]
	}
	if err := a.rows.Scan(into...); err != nil {
		return nil, false, err
	}
	for i, v := range values {
		values[i] = plain(v, a.Columns[i].Type)
	}
	return values, true, nil
}

// Close ends the reading.
func (a *Answer) Close() error { return a.rows.Close() }

func plain(v any, typ string) any {
	switch x := v.(type) {
	case nil, bool, int64, string:
		return x
	case int8:
		return int64(x)
	case int16:
		return int64(x)
	case int32:
		return int64(x)
	case uint8:
		return int64(x)
	case uint16:
		return int64(x)
	case uint32:
		return int64(x)
	case uint64:
		return new(big.Int).SetUint64(x)
	case *big.Int:
		if x.IsInt64() {
			return x.Int64()
		}
		return x
	case float32:
		return number(float64(x))
	case float64:
		return number(x)
	case duckdb.Decimal:
		return x.String()
	case time.Time:
		return timeText(x, typ)
	case duckdb.Interval:
		return fmt.Sprintf("%d months %d days %s", x.Months, x.Days, time.Duration(x.Micros)*time.Microsecond)
	case []byte:
		if typ == "UUID" && len(x) == 16 {
			var id duckdb.UUID
			copy(id[:], x)
			return id.String()
		}
		return base64.StdEncoding.EncodeToString(x)
	}
	return nested(v)
}

// nested are values in values, whose own type is not at hand.
func nested(v any) any {
	switch x := v.(type) {
	case []any:
		out := make([]any, len(x))
		for i := range x {
			out[i] = plain(x[i], "")
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(x))
		for k, e := range x {
			out[k] = plain(e, "")
		}
		return out
	case duckdb.Map:
		out := make(map[string]any, len(x))
		for k, e := range x {
			out[fmt.Sprint(plain(k, ""))] = plain(e, "")
		}
		return out
	case duckdb.Union:
		return plain(x.Value, "")
	}
	return fmt.Sprint(v)
}

// number keeps what JSON has no word for as text.
func number(f float64) any {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return strconv.FormatFloat(f, 'g', -1, 64)
	}
	return f
}

// timeText writes a time as precisely as its type is; in a list, where the type
// is not at hand, a time at midnight is a day.
func timeText(t time.Time, typ string) string {
	switch {
	case typ == "DATE", typ == "" && t.Equal(t.Truncate(24*time.Hour)):
		return t.Format(time.DateOnly)
	case typ == "TIME", typ == "TIMETZ":
		return t.Format("15:04:05.999999")
	}
	return t.UTC().Format(time.RFC3339Nano)
}
