package ask

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/analyze/parquetio"
	"github.com/flowcover/flowcover/analyze/rollup/sealed"
	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

var seoul = time.FixedZone("Asia/Seoul", 9*3600)

func day(s string) int32 {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return int32(t.Unix() / 86400)
}

// flow makes an accepted flow towards 10.0.0.1, seen on the days.
func flow(peer string, port int, days ...string) analyze.Flow {
	f := analyze.Flow{
		ID: fmt.Sprintf("f-%s-%d", peer, port), Account: "1", Region: "ap-northeast-2", ENI: "eni-1", Side: analyze.In, Protocol: netset.TCP,
		Local: netip.MustParseAddr("10.0.0.1"), Peer: netip.MustParseAddr(peer), Port: port, OpenerPortLow: 32768, OpenerPortHigh: 40000,
		Action: analyze.Accept, Records: 10, Packets: 100, Bytes: int64(1000 * port), Hours: 1<<3 | 1<<20, Method: analyze.MethodSYN, Answered: true, SeenByLog: true,
	}
	f.Group, f.Class, f.Approved = "sg-1", analyze.Steady, true
	for _, d := range days {
		f.Days = append(f.Days, day(d))
	}
	if len(days) > 0 {
		f.First = time.Unix(int64(f.Days[0])*86400+3*3600, 0).UTC()
		f.Last = time.Unix(int64(f.Days[len(days)-1])*86400+20*3600, 0).UTC()
	}
	return f
}

func write(t *testing.T, flows ...analyze.Flow) string {
	t.Helper()
	for i := range flows {
		flows[i].Rank = i + 1
	}
	b, err := parquetio.FlowsBytes(flows, nil)
	if err != nil {
		t.Fatal(err)
	}
	// A name that SQL would take for a pattern.
	file := filepath.Join(t.TempDir(), "it's [a-z]*.parquet")
	if err := os.WriteFile(file, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

func open(t *testing.T, in Input) *Library {
	t.Helper()
	if in.Beside.Window.Until.IsZero() {
		in.Beside.Window = analyze.Window{Since: time.Date(2026, 6, 1, 0, 0, 0, 0, seoul), Until: time.Date(2026, 9, 1, 0, 0, 0, 0, seoul), Location: time.UTC}
	}
	l, err := Open(t.Context(), in, sealed.Options{Scratch: t.TempDir(), Threads: 2, Memory: 256 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// ask gives the answer's rows as JSON lines.
func ask(t *testing.T, l *Library, query string) []string {
	t.Helper()
	a, err := l.Ask(t.Context(), query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer func() { _ = a.Close() }()
	var out []string
	for {
		row, more, err := a.Next()
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		if !more {
			return out
		}
		if len(row) != len(a.Columns) {
			t.Fatalf("%s: %d values for %d columns", query, len(row), len(a.Columns))
		}
		b, err := json.Marshal(row)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(b))
	}
}

func want(t *testing.T, l *Library, query string, lines ...string) {
	t.Helper()
	if got := ask(t, l, query); strings.Join(got, "\n") != strings.Join(lines, "\n") {
		t.Errorf("%s\ngot  %s\nwant %s", query, strings.Join(got, "\n     "), strings.Join(lines, "\n     "))
	}
}

func TestFlowsTable(t *testing.T) {
	f := flow("203.0.113.9", 22, "2026-06-30", "2026-07-01")
	f.Why = []string{"seen on 2 of 92 days", analyze.WhyInternet, "tcp/22" + analyze.WhyAdmin}
	f.AdmittedBy = []topology.RuleRef{{Kind: "sg-rule", Resource: "sg-1", Rule: "ingress|odd tcp/22", ID: "sgr-1"}}
	bare := analyze.Flow{ID: "f-bare", Side: analyze.Unsettled, Protocol: analyze.UnknownProtocol, Port: analyze.NoPort,
		OpenerPortLow: analyze.NoPort, OpenerPortHigh: analyze.NoPort, Local: netip.MustParseAddr("fd00::1"), Peer: netip.MustParseAddr("fd00::2"), ENI: "-"}
	esp := flow("10.9.0.1", analyze.NoPort, "2026-07-02")
	esp.Protocol, esp.Side = 50, analyze.Out
	l := open(t, Input{Flows: write(t, f, bare, esp)})
	want(t, l, `SELECT rank, opener, target, service, days, day_list, "first", "last", hours, sg, port, internet, admin_port, database_port FROM flows`,
		`[1,"203.0.113.9","10.0.0.1","tcp/22",2,["2026-06-30","2026-07-01"],"2026-06-30T03:00:00Z","2026-07-01T20:00:00Z",[3,20],"sg-1",22,true,true,false]`,
		`[2,null,null,null,0,[],null,null,[],null,null,false,false,false]`,
		`[3,"10.0.0.1","10.9.0.1","50",1,["2026-07-02"],"2026-07-02T03:00:00Z","2026-07-02T20:00:00Z",[3,20],"sg-1",null,false,false,false]`)
	want(t, l, "SELECT admitted_by FROM observations WHERE rank = 1", `[[{"id":"sgr-1","kind":"sg-rule","resource":"sg-1","rule":"ingress|odd tcp/22"}]]`)
	want(t, l, `SELECT eni, "local", "action", "method", account FROM flows WHERE rank = 2`, `[null,"fd00::1",null,null,null]`)
}

func TestTablesBeside(t *testing.T) {
	l := open(t, Input{Flows: write(t), Beside: Beside{
		Digest:   "d1",
		Window:   analyze.Window{Since: time.Date(2026, 9, 1, 0, 0, 0, 0, seoul), Until: time.Date(2026, 10, 1, 0, 0, 0, 0, seoul), Location: time.UTC},
		Rules:    []analyze.RuleUse{{Rule: topology.RuleRef{Kind: "sg-rule", Resource: "sg-1", Rule: "r", ID: "sgr-1"}, Flows: 2, Records: 5, UsedShare: 0.5, ContainedIn: []topology.RuleRef{{Kind: "sg-rule", Resource: "sg-1", Rule: "s"}}}},
		Coverage: []analyze.Coverage{{Resource: "eni-1", Score: 0.75, Reasons: []string{"a", "b"}}},
		Findings: []analyze.Finding{{Kind: "k", Severity: "low", Message: "m's"}},
	}})
	want(t, l, "FROM about", `["d1","2026-08-31T15:00:00Z","2026-09-30T15:00:00Z","UTC","2026-07-01"]`)
	want(t, l, `SELECT resource, rule, state, flows, "last", used_share, len(contained_in) FROM rules`, `["sg-1","r","contained",2,null,0.5,1]`)
	want(t, l, "FROM coverage", `["eni-1",0.75,["a","b"]]`)
	want(t, l, "FROM findings", `["low","k",null,"m's"]`)
	want(t, l, "SELECT count(*) FROM flows", "[0]")
}

// Every question is answered, also where there is nothing to tell.
func TestQuestions(t *testing.T) {
	qs, err := Questions()
	if err != nil {
		t.Fatal(err)
	}
	admin := flow("203.0.113.9", 22, "2026-06-02", "2026-08-02")
	admin.Why = []string{analyze.WhyInternet, "tcp/22" + analyze.WhyAdmin}
	refused := flow("10.0.0.9", 5432, "2026-08-03")
	refused.Action, refused.Approved, refused.Reasons = analyze.Reject, false, []string{analyze.ReasonRejected}
	guess := flow("10.0.0.8", 8080, "2026-06-03")
	guess.Method = analyze.MethodLower
	full := open(t, Input{Flows: write(t, admin, refused, guess, flow("10.0.0.7", 443, "2026-07-04"))})
	empty := open(t, Input{Flows: write(t)})
	wants := map[string]string{
		"top-talkers":       `["10.0.0.8","10.0.0.1","tcp/8080",8080000,100,10,1,"2026-06-03T20:00:00Z","sg-1"]`,
		"rejected-demands":  `["10.0.0.9","10.0.0.1","tcp/5432","eni-1",1,10,"steady"`,
		"new-this-quarter":  `["10.0.0.7","10.0.0.1","tcp/443","2026-07-04","2026-07-04",1,"sg-1"]`,
		"gone-this-quarter": `["10.0.0.8","10.0.0.1","tcp/8080","2026-06-03","2026-06-03",1,"sg-1"]`,
		"internet-facing":   `["from the internet","10.0.0.1","tcp/22",1,10,22000,"2026-08-02T20:00:00Z",1,"sg-1","eni-1"]`,
		"admin-ports":       `["203.0.113.9","10.0.0.1","tcp/22","ACCEPT","steady",2,10,"2026-08-02T20:00:00Z",true,true,"sg-1","f-203.0.113.9-22"]`,
		"not-approved":      `["rejected: a demand, which somebody may raise in review",1,10,"f-10.0.0.9-5432"]`,
		"weakly-settled":    `["10.0.0.8","10.0.0.1","tcp/8080","lower-port",1,10,"sg-1","f-10.0.0.8-8080"]`,
		"rules-by-use":      "",
	}
	for _, q := range qs {
		if q.Text == "" || !strings.Contains(q.SQL, "-- Grain:") {
			t.Errorf("%s: no words, or no grain", q.Name)
		}
		first, known := wants[q.Name]
		delete(wants, q.Name)
		got := ask(t, full, q.SQL)
		if !known || (first == "") != (len(got) == 0) || (first != "" && !strings.HasPrefix(got[0], first)) {
			t.Errorf("%s: got %v, want first %s", q.Name, got, first)
		}
		if got := ask(t, empty, q.SQL); len(got) > 0 {
			t.Errorf("%s on nothing: %v", q.Name, got)
		}
	}
	for name := range wants {
		t.Errorf("there is no question %s", name)
	}
}

// What is new and gone, against the same reckoning in Go: a window that begins
// in the quarter needs an earlier one.
func TestQuarter(t *testing.T) {
	w := analyze.Window{Since: time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC), Until: time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC), Location: time.UTC}
	now := write(t, flow("10.0.0.1", 1, "2026-08-05"), flow("10.0.0.2", 2, "2026-08-06"))
	before := write(t, flow("10.0.0.1", 1, "2026-05-05"), flow("10.0.0.3", 3, "2026-06-29"), flow("10.0.0.4", 4, "2026-07-02"))
	l := open(t, Input{Flows: now, Beside: Beside{Window: w}})
	question := func(name string) string {
		b, err := files.ReadFile("questions/" + name + ".sql")
		if err != nil {
			t.Fatal(err)
		}
		return "SELECT service FROM (" + string(b) + ")"
	}
	want(t, l, question("new-this-quarter"))
	want(t, l, question("gone-this-quarter"))
	l = open(t, Input{Flows: now, Earlier: before, Beside: Beside{Window: w}})
	want(t, l, question("new-this-quarter"), `["tcp/4"]`, `["tcp/2"]`)
	want(t, l, question("gone-this-quarter"), `["tcp/3"]`)
	for until, quarter := range map[string]string{"2026-10-01": "2026-07-01", "2026-10-02": "2026-10-01", "2027-01-01": "2026-10-01", "2026-03-31": "2026-01-01"} {
		u, err := time.ParseInLocation(time.DateOnly, until, seoul)
		if err != nil {
			t.Fatal(err)
		}
		if got := Quarter(analyze.Window{Until: u, Location: seoul}).Format(time.DateOnly); got != quarter {
			t.Errorf("until %s: quarter %s, want %s", until, got, quarter)
		}
	}
}

// Nothing but questions goes through, and they reach nothing outside.
func TestOnlyQuestions(t *testing.T) {
	l := open(t, Input{Flows: write(t, flow("10.0.0.2", 80, "2026-07-01"))})
	secret := filepath.Join(t.TempDir(), "secret.csv")
	if err := os.WriteFile(secret, []byte("a,b\n1,2\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{
		"", " ", "-- nothing", ";", "SELECT 1; SELECT 2", "SELECT 1; DROP TABLE rules", "DROP TABLE rules", "INSERT INTO rules VALUES (1)",
		"COPY (SELECT 1) TO " + sealed.Literal(secret), "COPY flows TO '/tmp/x'", "ATTACH 'x.db'", "CREATE TABLE x AS SELECT 1", "SET threads = 1", "SET VARIABLE flows = 'x'",
		"INSTALL httpfs", "LOAD httpfs", "PRAGMA version", "CALL pragma_version()", "EXPORT DATABASE '/tmp/x'", "CHECKPOINT", "BEGIN", "VACUUM",
		"SELECT * FROM read_csv(" + sealed.Literal(secret) + ")", "SELECT * FROM read_text('/etc/passwd')", "SELECT * FROM '" + secret + "'", "FROM glob('/*')",
		"SELECT * FROM read_parquet('s3://bucket/key.parquet')", "SELECT * FROM read_csv('https://example.com/x.csv')",
		"SELECT getenv('HOME')", "SELECT * FROM sniff_csv(" + sealed.Literal(secret) + ")", "SELECT 1) TO '/tmp/x'; --",
	} {
		a, err := l.Ask(t.Context(), q)
		var bad *SQLError
		if err == nil {
			_ = a.Close()
			t.Errorf("%s is let through", q)
		} else if !errors.As(err, &bad) || strings.ContainsAny(err.Error(), "\n") || len(err.Error()) < 20 {
			t.Errorf("%s: %T %v", q, err, err)
		}
		if err := l.Save(t.Context(), q, &bytes.Buffer{}); err == nil {
			t.Errorf("%s is saved", q)
		}
	}
	for _, q := range []string{"FROM flows", "DESCRIBE flows", "SHOW TABLES", "SUMMARIZE flows", "WITH a AS (SELECT 1) FROM a", "VALUES (1)", "SELECT 1;", "SELECT 1 -- x", "(SELECT 1)"} {
		if got := ask(t, l, q); len(got) == 0 {
			t.Errorf("%s: no row", q)
		}
	}
}

func TestErrorsSayWhere(t *testing.T) {
	l := open(t, Input{Flows: write(t)})
	for q, text := range map[string]string{
		"SELEC 1":                   `SQL: syntax error at or near "SELEC" (at "SELEC", character 1)`,
		"SELECT nosuch FROM flows":  `SQL: Binder Error: Referenced column "nosuch" not found`,
		"SELECT * FROM flow":        "SQL: Catalog Error: Table with name flow does not exist! Did you mean",
		"SELECT 'x'::INTEGER":       "SQL: Conversion Error: Could not convert string 'x' to INT32",
		"SELECT 1; SELECT 2":        "SQL: it holds 2 statements",
		"DELETE FROM rules":         "SQL: only questions are answered",
		"SELECT count(*) FROM (":    "SQL: syntax error at end of input",
		"SELECT * FROM read_csv(1)": "SQL: Binder Error",
	} {
		_, err := l.Ask(t.Context(), q)
		if err == nil || !strings.HasPrefix(err.Error(), text) {
			t.Errorf("%s: %v\nwant %s", q, err, text)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Ask(ctx, "SELECT 1"); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
}

func TestValues(t *testing.T) {
	l := open(t, Input{Flows: write(t)})
	want(t, l, `SELECT sum(1), 1::DECIMAL(10,2), [1,2], {'a':[DATE '2026-01-02']}, DATE '2026-01-02', TIMESTAMPTZ '2026-01-02 03:04:05.5+09', MAP {'a':1},
		'infinity'::DOUBLE, INTERVAL 26 HOUR, '\xAA'::BLOB, TIME '10:00:01', true, NULL, 18446744073709551615::UBIGINT, 7::TINYINT, 8::UTINYINT, 9::USMALLINT, 0.5::FLOAT,
		'6f1e4b1e-7d1c-4b1e-8d1c-6f1e4b1e7d1c'::UUID, 170141183460469231731687303715884105727::HUGEINT`,
		`[1,"1",[1,2],{"a":["2026-01-02"]},"2026-01-02","2026-01-01T18:04:05.5Z",{"a":1},"+Inf","0 months 0 days 26h0m0s","qg==","10:00:01",true,null,18446744073709551615,7,8,9,0.5,"6f1e4b1e-7d1c-4b1e-8d1c-6f1e4b1e7d1c",170141183460469231731687303715884105727]`)
	a, err := l.Ask(t.Context(), "SELECT 1 AS a, 2 AS a, 3 AS b")
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(a.Columns) != "[{a INTEGER} {a_2 INTEGER} {b INTEGER}]" {
		t.Errorf("columns %v", a.Columns)
	}
}

// A saved answer holds what was asked.
func TestSave(t *testing.T) {
	l := open(t, Input{Flows: write(t, flow("10.0.0.2", 80, "2026-07-01"), flow("10.0.0.3", 81, "2026-07-01"))})
	var b bytes.Buffer
	if err := l.Save(t.Context(), "SELECT opener, port, day_list FROM flows ORDER BY port; -- that is all", &b); err != nil {
		t.Fatal(err)
	}
	foot, err := parquetio.ReadFooter(parquetio.ReaderRange(bytes.NewReader(b.Bytes())), int64(b.Len()), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(foot.RowGroups) != 1 || foot.RowGroups[0].Rows != 2 || foot.Columns[0].Name != "opener" {
		t.Errorf("%+v", foot)
	}
}

// Times are taken apart in the window's zone, whatever the machine's.
func TestZone(t *testing.T) {
	loc, err := time.LoadLocation("Asia/Seoul")
	if err != nil {
		t.Skip("no time zones on this machine:", err)
	}
	w := analyze.Window{Since: time.Date(2026, 8, 1, 0, 0, 0, 0, loc), Until: time.Date(2026, 9, 1, 0, 0, 0, 0, loc), Location: loc}
	l := open(t, Input{Flows: write(t, flow("10.0.0.2", 80, "2026-08-05")), Beside: Beside{Window: w}})
	want(t, l, `SELECT "last"::DATE, hour("first") FROM flows`, `["2026-08-06",12]`)
}
