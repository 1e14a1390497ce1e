package parquetio

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/schema"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

type flow = analyze.Flow

// flowColumn is one column of the observations: exactly one pair of accessors
// is set. Lists are repeated columns, everything else is required.
type flowColumn struct {
	name     string
	text     func(*flow) string
	setText  func(*flow, string) error
	num      func(*flow) int64
	setNum   func(*flow, int64)
	texts    func(*flow) []string
	addText  func(*flow, string) error
	nums     func(*flow) []int64
	addNum   func(*flow, int64)
	isTime   bool // of num: microseconds since 1970, zeroTime for the zero time
	isSwitch bool // of num: 0 or 1
}

func textColumn(name string, field func(*flow) *string) flowColumn {
	return flowColumn{name: name,
		text:    func(f *flow) string { return *field(f) },
		setText: func(f *flow, s string) error { *field(f) = s; return nil }}
}

func wordColumn[T ~string](name string, field func(*flow) *T) flowColumn {
	return flowColumn{name: name,
		text:    func(f *flow) string { return string(*field(f)) },
		setText: func(f *flow, s string) error { *field(f) = T(s); return nil }}
}

func textsColumn(name string, field func(*flow) *[]string) flowColumn {
	return flowColumn{name: name,
		texts:   func(f *flow) []string { return *field(f) },
		addText: func(f *flow, s string) error { *field(f) = append(*field(f), s); return nil }}
}

func intColumn[T ~int | ~int16 | ~int64 | ~uint32](name string, field func(*flow) *T) flowColumn {
	return flowColumn{name: name,
		num:    func(f *flow) int64 { return int64(*field(f)) },
		setNum: func(f *flow, n int64) { *field(f) = T(n) }}
}

func boolColumn(name string, field func(*flow) *bool) flowColumn {
	return flowColumn{name: name, isSwitch: true,
		num: func(f *flow) int64 {
			if *field(f) {
				return 1
			}
			return 0
		},
		setNum: func(f *flow, n int64) { *field(f) = n != 0 }}
}

// zeroTime stands for the zero time.Time, which has no number in range.
const zeroTime = -1 << 62

func timeColumn(name string, field func(*flow) *time.Time) flowColumn {
	return flowColumn{name: name, isTime: true,
		num: func(f *flow) int64 {
			if field(f).IsZero() {
				return zeroTime
			}
			return field(f).UnixMicro()
		},
		setNum: func(f *flow, n int64) {
			if n != zeroTime {
				*field(f) = time.UnixMicro(n).UTC()
			}
		}}
}

func addrColumn(name string, field func(*flow) *netip.Addr) flowColumn {
	return flowColumn{name: name,
		text: func(f *flow) string {
			if !field(f).IsValid() {
				return ""
			}
			return field(f).String()
		},
		setText: func(f *flow, s string) error {
			if s == "" {
				return nil
			}
			a, err := netip.ParseAddr(s)
			*field(f) = a
			return err
		}}
}

// The columns of the observations, in the file's order. A new field of Flow
// goes to the end; a test sees to it that none is forgotten.
var flowColumns = []flowColumn{
	textColumn("id", func(f *flow) *string { return &f.ID }),
	textColumn("account", func(f *flow) *string { return &f.Account }),
	textColumn("region", func(f *flow) *string { return &f.Region }),
	textColumn("eni", func(f *flow) *string { return &f.ENI }),
	wordColumn("side", func(f *flow) *analyze.Side { return &f.Side }),
	intColumn("protocol", func(f *flow) *netset.Protocol { return &f.Protocol }),
	addrColumn("local", func(f *flow) *netip.Addr { return &f.Local }),
	addrColumn("peer", func(f *flow) *netip.Addr { return &f.Peer }),
	intColumn("port", func(f *flow) *int { return &f.Port }),
	intColumn("opener_port_low", func(f *flow) *int { return &f.OpenerPortLow }),
	intColumn("opener_port_high", func(f *flow) *int { return &f.OpenerPortHigh }),
	wordColumn("action", func(f *flow) *analyze.Action { return &f.Action }),
	intColumn("records", func(f *flow) *int64 { return &f.Records }),
	intColumn("packets", func(f *flow) *int64 { return &f.Packets }),
	intColumn("bytes", func(f *flow) *int64 { return &f.Bytes }),
	intColumn("packets_in", func(f *flow) *int64 { return &f.PacketsIn }),
	intColumn("packets_out", func(f *flow) *int64 { return &f.PacketsOut }),
	timeColumn("first", func(f *flow) *time.Time { return &f.First }),
	timeColumn("last", func(f *flow) *time.Time { return &f.Last }),
	{name: "days",
		nums: func(f *flow) []int64 {
			out := make([]int64, len(f.Days))
			for i, d := range f.Days {
				out[i] = int64(d)
			}
			return out
		},
		addNum: func(f *flow, n int64) { f.Days = append(f.Days, int32(n)) }},
	intColumn("hours", func(f *flow) *uint32 { return &f.Hours }),
	wordColumn("method", func(f *flow) *analyze.Method { return &f.Method }),
	boolColumn("answered", func(f *flow) *bool { return &f.Answered }),
	boolColumn("seen_in_middle", func(f *flow) *bool { return &f.SeenInMiddle }),
	intColumn("middle_records", func(f *flow) *int64 { return &f.MiddleRecords }),
	boolColumn("seen_by_capture", func(f *flow) *bool { return &f.SeenByCapture }),
	boolColumn("seen_by_log", func(f *flow) *bool { return &f.SeenByLog }),
	textColumn("vpc", func(f *flow) *string { return &f.VPC }),
	textColumn("subnet", func(f *flow) *string { return &f.Subnet }),
	textColumn("group", func(f *flow) *string { return &f.Group }),
	{name: "admitted_by", texts: ruleTexts, addText: addRule},
	boolColumn("holds", func(f *flow) *bool { return &f.Holds }),
	boolColumn("approved", func(f *flow) *bool { return &f.Approved }),
	textsColumn("reasons", func(f *flow) *[]string { return &f.Reasons }),
	wordColumn("class", func(f *flow) *analyze.Class { return &f.Class }),
	intColumn("rank", func(f *flow) *int { return &f.Rank }),
	textsColumn("why", func(f *flow) *[]string { return &f.Why }),
}

// ruleSeparator parts a rule reference's fields; no AWS name holds it.
const ruleSeparator = "|"

func ruleTexts(f *flow) []string {
	out := make([]string, len(f.AdmittedBy))
	for i, r := range f.AdmittedBy {
		out[i] = strings.Join([]string{r.Kind, r.Resource, r.ID, r.Rule}, ruleSeparator)
	}
	return out
}

func addRule(f *flow, s string) error {
	p := strings.SplitN(s, ruleSeparator, 4)
	if len(p) != 4 {
		return fmt.Errorf("%q is no rule reference", s)
	}
	f.AdmittedBy = append(f.AdmittedBy, topology.RuleRef{Kind: p[0], Resource: p[1], ID: p[2], Rule: p[3]})
	return nil
}

func (c *flowColumn) repeated() bool { return c.texts != nil || c.nums != nil }

func (c *flowColumn) node() (schema.Node, error) {
	rep := parquet.Repetitions.Required
	if c.repeated() {
		rep = parquet.Repetitions.Repeated
	}
	var logical schema.LogicalType = schema.StringLogicalType{}
	typ := parquet.Types.ByteArray
	switch {
	case c.isSwitch:
		return schema.NewPrimitiveNode(c.name, rep, parquet.Types.Boolean, -1, -1)
	case c.isTime:
		typ, logical = parquet.Types.Int64, schema.NewTimestampLogicalType(true, schema.TimeUnitMicros)
	case c.num != nil, c.nums != nil:
		typ, logical = parquet.Types.Int64, schema.NewIntLogicalType(64, true)
	}
	return schema.NewPrimitiveNodeLogical(c.name, rep, logical, typ, 0, -1)
}

func (c *flowColumn) write(cw file.ColumnChunkWriter, flows []analyze.Flow) error {
	switch w := cw.(type) {
	case *file.BooleanColumnChunkWriter:
		values := make([]bool, len(flows))
		for i := range flows {
			values[i] = c.num(&flows[i]) != 0
		}
		_, err := w.WriteBatch(values, nil, nil)
		return err
	case *file.Int64ColumnChunkWriter:
		values, def, rep := spread(flows, c.num, c.nums)
		_, err := w.WriteBatch(values, def, rep)
		return err
	case *file.ByteArrayColumnChunkWriter:
		texts, def, rep := spread(flows, c.text, c.texts)
		values := make([]parquet.ByteArray, len(texts))
		for i, s := range texts {
			values[i] = parquet.ByteArray(s)
		}
		_, err := w.WriteBatch(values, def, rep)
		return err
	}
	return fmt.Errorf("no writer for %T", cw)
}

// spread lays out a column's values; a repeated one with its levels: the first
// of a list repeats at level 0, an empty list is defined at level 0.
func spread[T any](flows []analyze.Flow, one func(*flow) T, many func(*flow) []T) (values []T, def, rep []int16) {
	if one != nil {
		values = make([]T, len(flows))
		for i := range flows {
			values[i] = one(&flows[i])
		}
		return values, nil, nil
	}
	for i := range flows {
		list := many(&flows[i])
		if len(list) == 0 {
			def, rep = append(def, 0), append(rep, 0)
			continue
		}
		for j, v := range list {
			values, def, rep = append(values, v), append(def, 1), append(rep, int16(min(j, 1)))
		}
	}
	return values, def, rep
}

func (c *flowColumn) read(cr file.ColumnChunkReader, flows []analyze.Flow) error {
	switch r := cr.(type) {
	case *file.BooleanColumnChunkReader:
		return gather(flows, c, r.ReadBatch, func(f *flow, v bool) error {
			if v {
				c.setNum(f, 1)
			}
			return nil
		})
	case *file.Int64ColumnChunkReader:
		return gather(flows, c, r.ReadBatch, func(f *flow, v int64) error {
			if c.addNum != nil {
				c.addNum(f, v)
			} else if c.setNum != nil {
				c.setNum(f, v)
			}
			return nil
		})
	case *file.ByteArrayColumnChunkReader:
		words := map[string]string{} // one string for each value, not for each row
		return gather(flows, c, r.ReadBatch, func(f *flow, v parquet.ByteArray) error {
			s, ok := words[string(v)]
			if !ok {
				s = string(v)
				words[s] = s
			}
			if c.addText != nil {
				return c.addText(f, s)
			}
			if c.setText != nil {
				return c.setText(f, s)
			}
			return nil
		})
	}
	return fmt.Errorf("no reader for %T", cr)
}

const readBatch = 4096

// gather reads a column to its end and puts each value into its flow.
func gather[T any](flows []analyze.Flow, c *flowColumn, read func(int64, []T, []int16, []int16) (int64, int, error), put func(*flow, T) error) error {
	values := make([]T, readBatch)
	def, rep := make([]int16, readBatch), make([]int16, readBatch)
	row := -1
	for {
		levels, got, err := read(readBatch, values, def, rep)
		if err != nil {
			return err
		}
		if levels == 0 && got == 0 {
			break
		}
		next := 0
		for i := range max(int(levels), got) {
			if !c.repeated() || rep[i] == 0 {
				row++
			}
			if c.repeated() && def[i] == 0 {
				continue
			}
			if row < 0 || row >= len(flows) || next >= got {
				return fmt.Errorf("more values than the %d rows have", len(flows))
			}
			if err := put(&flows[row], values[next]); err != nil {
				return err
			}
			next++
		}
	}
	if row+1 != len(flows) {
		return fmt.Errorf("%d values for %d rows", row+1, len(flows))
	}
	return nil
}
