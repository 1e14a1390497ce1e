package rollup

import (
	"fmt"
	"sort"
	"strings"

	"github.com/flowcover/flowcover/analyze/parquetio"
)

// The flow log fields that a rollup is made from, as their Parquet columns are
// called. numbers are BIGINT in the SQL, all others text.
var (
	textFields = []string{
		"account_id", "interface_id", "srcaddr", "dstaddr", "action", "log_status",
		"pkt_srcaddr", "pkt_dstaddr", "region", "flow_direction",
		"vpc_id", "subnet_id", "instance_id", "interface_type", "ecs_service_name",
		"instance_tag", "instance_tag_2", "interface_tag", "interface_tag_2", "asg_tag", "asg_tag_2",
		"tgw_id", "tgw_attachment_id", "tgw_pair_attachment_id",
	}
	numberFields = []string{
		"srcport", "dstport", "protocol", "packets", "bytes", "start", "end", "tcp_flags",
		"packets_lost_no_route", "packets_lost_blackhole", "packets_lost_mtu_exceeded", "packets_lost_ttl_expired",
	}
	// interfaceFields say what an interface is; they are among textFields.
	interfaceFields = []string{
		"vpc_id", "subnet_id", "instance_id", "interface_type", "ecs_service_name",
		"instance_tag", "instance_tag_2", "interface_tag", "interface_tag_2", "asg_tag", "asg_tag_2",
	}
	isField = func() map[string]bool {
		m := map[string]bool{}
		for _, f := range append(append([]string{}, textFields...), numberFields...) {
			m[f] = true
		}
		return m
	}()
	// neededFields must be there, and one of the two after them.
	neededFields = []string{"srcaddr", "dstaddr"}
	eitherField  = [2]string{"interface_id", "tgw_id"}
)

// fieldName is the flow log field that a column or a header word names.
func fieldName(name string) string {
	return strings.ToLower(strings.ReplaceAll(strings.TrimSpace(name), "-", "_"))
}

// class is how a column's values become a field.
type class byte

const (
	classText  class = 't'
	classInt   class = 'i'
	classTime  class = 'T' // a timestamp
	classOther class = 'o' // anything else goes through text
)

// field is one column of a file that the rollup reads.
type field struct {
	name   string // the flow log field
	column string // as the file spells it
	class  class
}

// schema is what the files read by one query have in common.
type schema struct {
	text   bool // a normalised text file, not Parquet
	fields []field
	// all is every column of the file: DuckDB takes the first file's for all.
	all string
}

// key groups files that one query may read together.
func (s *schema) key() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v", s.text)
	for _, f := range s.fields {
		fmt.Fprintf(&b, "|%s=%s:%c", f.name, f.column, f.class)
	}
	return b.String() + "|" + s.all
}

func (s *schema) has(name string) bool {
	for _, f := range s.fields {
		if f.name == name {
			return true
		}
	}
	return false
}

// missing says in words which needed field is not there; empty if all are.
func (s *schema) missing() string {
	for _, name := range neededFields {
		if !s.has(name) {
			return "it has no column " + name
		}
	}
	if !s.has(eitherField[0]) && !s.has(eitherField[1]) {
		return fmt.Sprintf("it has neither a column %s nor %s", eitherField[0], eitherField[1])
	}
	return ""
}

// parquetSchema finds the flow log fields among a file's columns. Of two
// columns that name one field the first counts.
func parquetSchema(f *parquetio.Footer) schema {
	var s schema
	all := make([]string, 0, len(f.Columns))
	seen := map[string]bool{}
	for _, c := range f.Columns {
		all = append(all, fmt.Sprintf("%q:%s:%v:%v", c.Name, c.Type, c.Timestamp, c.Nested))
		name := fieldName(c.Name)
		if !isField[name] || seen[name] || c.Nested {
			continue
		}
		seen[name] = true
		s.fields = append(s.fields, field{name: name, column: c.Name, class: columnClass(c)})
	}
	sort.Strings(all)
	s.all = strings.Join(all, ",")
	sort.Slice(s.fields, func(i, j int) bool { return s.fields[i].name < s.fields[j].name })
	return s
}

func columnClass(c parquetio.Column) class {
	switch {
	case c.Timestamp || c.Type == "INT96":
		return classTime
	case c.Type == "INT32" || c.Type == "INT64":
		return classInt
	case c.Type == "BYTE_ARRAY":
		return classText
	}
	return classOther
}

// textSchema is the schema of a normalised text file with the given fields.
func textSchema(names []string) schema {
	s := schema{text: true}
	for _, n := range names {
		s.fields = append(s.fields, field{name: n, column: n, class: classText})
	}
	return s
}

// describesInterfaces says whether the files tell anything of interfaces but
// their ids.
func (s *schema) describesInterfaces() bool {
	for _, f := range interfaceFields {
		if s.has(f) {
			return true
		}
	}
	return false
}

// viewSQL makes the view record over the files of the variable files. All names
// in it are of the fixed list above, in a file's own spelling (which differs
// from the list's in case and hyphens alone).
func (s *schema) viewSQL(cuts []int64) string {
	by := map[string]field{}
	for _, f := range s.fields {
		by[f.name] = f
	}
	var b strings.Builder
	b.WriteString("CREATE OR REPLACE TEMP VIEW record AS\nWITH field AS (SELECT\n")
	for _, name := range textFields {
		expr := "NULL::VARCHAR"
		if f, ok := by[name]; ok {
			expr = quote(f.column)
			if f.class != classText {
				expr += "::VARCHAR"
			}
		}
		fmt.Fprintf(&b, "%s AS %s,\n", expr, quote(name))
	}
	for _, name := range numberFields {
		expr := "NULL::BIGINT"
		if f, ok := by[name]; ok {
			switch col := quote(f.column); f.class {
			case classInt:
				expr = "TRY_CAST(" + col + " AS BIGINT)"
			case classTime:
				expr = "floor(epoch(" + col + "))::BIGINT"
			default:
				expr = "TRY_CAST(" + col + "::VARCHAR AS BIGINT)"
			}
		}
		fmt.Fprintf(&b, "%s AS %s,\n", expr, quote(name))
	}
	_, flags := by["tcp_flags"]
	fmt.Fprintf(&b, "%v AS has_flags, %s AS kind\nFROM %s),\n", flags, s.kindSQL(), s.from())
	// A record without a valid start has no times: its objects' day counts.
	b.WriteString(`timed AS (SELECT *, CASE WHEN coalesce("start", "end") BETWEEN 1 AND 253402300799 THEN coalesce("start", "end") END AS started,
CASE WHEN started IS NOT NULL AND "end" BETWEEN 1 AND 253402300799 THEN "end" ELSE started END AS ended FROM field)` + "\n")
	fmt.Fprintf(&b, "SELECT *, %s AS slot FROM timed", slotSQL("started", cuts))
	return b.String()
}

// kindSQL tells the records of transit gateways from those of interfaces.
func (s *schema) kindSQL() string {
	switch {
	case !s.has(eitherField[1]):
		return "0::TINYINT"
	case !s.has(eitherField[0]):
		return "1::TINYINT"
	}
	return "CASE WHEN coalesce(interface_id, '-') IN ('-', '') AND coalesce(tgw_id, '-') NOT IN ('-', '') THEN 1 ELSE 0 END::TINYINT"
}

func (s *schema) from() string {
	if !s.text {
		return "read_parquet(getvariable('files'), hive_partitioning = FALSE, binary_as_string = TRUE)"
	}
	cols := make([]string, len(s.fields))
	for i, f := range s.fields {
		cols[i] = fmt.Sprintf("'%s': 'VARCHAR'", f.column)
	}
	return `read_csv(getvariable('files'), auto_detect = FALSE, header = FALSE, delim = '\t', quote = '', escape = '',` +
		` nullstr = '', hive_partitioning = FALSE, columns = {` + strings.Join(cols, ", ") + `})`
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// slotSQL is the number of cuts that an instant has passed.
func slotSQL(instant string, cuts []int64) string {
	if len(cuts) == 0 {
		return "0::TINYINT"
	}
	terms := make([]string, len(cuts))
	for i, c := range cuts {
		terms[i] = fmt.Sprintf("(%s >= %d)::TINYINT", instant, c)
	}
	return "coalesce(" + strings.Join(terms, " + ") + ", 0)::TINYINT"
}
