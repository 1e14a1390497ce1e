package netset

import (
	"slices"
	"strconv"
	"strings"
)

// ColumnSet is a set of columns: sorted disjoint intervals, neighbours joined.
// Its methods leave it alone and give a new one.
type ColumnSet []Columns

// ColumnsOf gives the union of intervals.
func ColumnsOf(cs ...Columns) ColumnSet {
	in := slices.Clone(cs)
	slices.SortFunc(in, Columns.Compare)
	var out ColumnSet
	for _, c := range in {
		if n := len(out); n > 0 && c.First <= out[n-1].Last+1 {
			out[n-1].Last = max(out[n-1].Last, c.Last)
			continue
		}
		out = append(out, c)
	}
	return out
}

// Intersect gives the columns that are in both.
func (s ColumnSet) Intersect(o ColumnSet) ColumnSet {
	var out ColumnSet
	for i, j := 0, 0; i < len(s) && j < len(o); {
		if c := (Columns{max(s[i].First, o[j].First), min(s[i].Last, o[j].Last)}); c.First <= c.Last {
			out = append(out, c)
		}
		if s[i].Last < o[j].Last {
			i++
		} else {
			j++
		}
	}
	return out
}

// Subtract gives the columns of s that are not in o.
func (s ColumnSet) Subtract(o ColumnSet) ColumnSet {
	var out ColumnSet
	j := 0
	for _, c := range s {
		for j < len(o) && o[j].Last < c.First {
			j++
		}
		for k := j; k < len(o) && o[k].First <= c.Last; k++ {
			if c.First < o[k].First {
				out = append(out, Columns{c.First, o[k].First - 1})
			}
			c.First = o[k].Last + 1
			if c.First > c.Last {
				break
			}
		}
		if c.First <= c.Last {
			out = append(out, c)
		}
	}
	return out
}

// Union gives the columns that are in either.
func (s ColumnSet) Union(o ColumnSet) ColumnSet {
	if len(o) == 0 {
		return s
	}
	return ColumnsOf(append(slices.Clone(s), o...)...)
}

// Contains says whether the column is in the set.
func (s ColumnSet) Contains(c Column) bool {
	return slices.ContainsFunc(s, func(i Columns) bool { return i.First <= c && c <= i.Last })
}

// Strings writes each part as Columns.String does, split where a protocol ends.
// A run of protocols without ports is written by number, "2-5"; every column
// there is, is "all".
func (s ColumnSet) Strings() []string {
	var out []string
	for _, c := range s {
		if c == AllColumns() {
			return []string{"all"}
		}
		for _, end := range [...]Column{udpFirst, icmpFirst, icmpv6First, otherFirst, NumColumns} {
			if c.First >= end || c.First > c.Last {
				continue
			}
			part := Columns{c.First, min(c.Last, end-1)}
			out = append(out, partText(part))
			c.First = end
		}
	}
	return out
}

func partText(c Columns) string {
	if c.First >= otherFirst && c.First < c.Last {
		return strconv.Itoa(int(c.First-otherFirst)) + "-" + strconv.Itoa(int(c.Last-otherFirst))
	}
	return typesText(c)
}

// typesText keeps an interval of ICMP columns exact, which Columns.String
// writes as AWS would, by one type and code.
func typesText(c Columns) string {
	p := c.Protocol()
	if !p.HasTypes() || c == ProtocolColumns(p) || c.First == c.Last || c.First&255 == 0 && c.Last == c.First|255 {
		return c.String()
	}
	first, last := Columns{c.First, c.First}, Columns{c.Last, c.Last}
	return first.String() + "-" + strings.TrimPrefix(last.String(), p.String()+"/")
}
