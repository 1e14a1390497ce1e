package target

import (
	"slices"
	"strings"

	"github.com/flowcover/flowcover/optimize"
	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

// maxPieces is up to how many separate columns a reference is also offered
// piece by piece, besides the one interval that holds them.
const maxPieces = 3

// referenceCandidates offers a standing reference or prefix list on the columns
// that approved flows use under it: the interval that holds those of one
// protocol, and the pieces themselves where few. Columns that no flow uses are
// not offered, so a reference is never wider than today's. A reference under
// which no flow lies is not offered at all.
func (in *builder) referenceCandidates(rule optimize.Rule, r topology.SecurityGroupRule, opens *netset.Set, cells []optimize.Cell) []optimize.Reference {
	var used []netset.Block
	for _, c := range cells {
		if opens.ContainsBlock(c.Block) {
			used = append(used, c.Block)
		}
	}
	if len(used) == 0 {
		return nil
	}
	approved := netset.Of(used...)
	pieces := columnsUsed(used)
	cols := slices.Clone(hulls(pieces))
	if len(pieces) <= maxPieces {
		cols = append(cols, pieces...)
	}
	if rule.Columns.Protocol() == netset.AllProtocols && len(hulls(pieces)) > 1 {
		cols = append(cols, rule.Columns)
	}
	slices.SortFunc(cols, netset.Columns.Compare)
	cols = slices.Compact(cols)
	var out []optimize.Reference
	for _, c := range cols {
		out = append(out, optimize.Reference{
			Rule:  optimize.Rule{Block: netset.Block{Columns: c}, Ref: rule.Ref, Price: rule.Price},
			Opens: in.referenceOpens(r, opens, approved, pieces, c),
		})
	}
	return out
}

// referenceOpens is what a reference on columns c counts as opening. The members
// of a security group, and AWS's own lists, change without a plan: naming the
// group instead of today's addresses is no excess where approved flows use the
// column. A customer's prefix list counts with all its entries.
func (in *builder) referenceOpens(r topology.SecurityGroupRule, opens, approved *netset.Set, pieces []netset.Columns, c netset.Columns) *netset.Set {
	within := opens.Intersect(everywhere(c))
	if r.PrefixList != "" {
		if pl, ok := in.Snapshot.PrefixList(r.PrefixList); !ok || pl.Owner != "AWS" {
			return within
		}
	}
	for _, p := range pieces {
		within = within.Subtract(everywhere(p))
	}
	return within.Union(approved.Intersect(everywhere(c)))
}

func everywhere(cols ...netset.Columns) *netset.Set {
	var bs []netset.Block
	for _, b := range netset.Everything().Blocks() {
		for _, c := range cols {
			bs = append(bs, netset.Block{Prefix: b.Prefix, Columns: c})
		}
	}
	return netset.Of(bs...)
}

// columnsUsed lists the distinct columns of blocks, ascending.
func columnsUsed(bs []netset.Block) []netset.Columns {
	out := make([]netset.Columns, len(bs))
	for i, b := range bs {
		out[i] = b.Columns
	}
	slices.SortFunc(out, netset.Columns.Compare)
	return slices.Compact(out)
}

// hulls gives, for each protocol of pieces (ascending), the least interval that
// holds them and that a rule can express.
func hulls(pieces []netset.Columns) []netset.Columns {
	var out []netset.Columns
	for _, c := range pieces {
		if n := len(out); n > 0 && out[n-1].Protocol() == c.Protocol() {
			out[n-1].Last = max(out[n-1].Last, c.Last)
			continue
		}
		out = append(out, c)
	}
	for i, c := range out {
		if len(Expressible(c)) != 1 { // ICMP types that are no single type: all of them
			out[i] = netset.ProtocolColumns(c.Protocol())
		}
	}
	return out
}

// Expressible cuts columns into pieces that one rule each can express. Ports
// and whole protocols are one piece; of ICMP types a rule names all, one type
// or one code.
func Expressible(c netset.Columns) []netset.Columns {
	p := c.Protocol()
	if p == netset.AllProtocols && c != netset.AllColumns() {
		return splitProtocols(c)
	}
	if !p.HasTypes() || c == netset.ProtocolColumns(p) {
		return []netset.Columns{c}
	}
	var out []netset.Columns
	for at := c.First; at <= c.Last; {
		typ, code := int(at.Port()>>8), int(at.Port()&255)
		if whole := netset.TypeColumns(p, typ, -1); code == 0 && whole.Last <= c.Last {
			out = append(out, whole)
			at = whole.Last + 1
			continue
		}
		out = append(out, netset.Columns{First: at, Last: at})
		at++
	}
	return out
}

func splitProtocols(c netset.Columns) []netset.Columns {
	var out []netset.Columns
	for at := c.First; at <= c.Last; {
		last := min(c.Last, netset.ProtocolColumns(at.Protocol()).Last)
		if last < at { // a column of the last block that means nothing
			at++
			continue
		}
		out = append(out, Expressible(netset.Columns{First: at, Last: last})...)
		at = last + 1
	}
	return out
}

func sortReferences(refs []optimize.Reference) []optimize.Reference {
	slices.SortFunc(refs, func(a, b optimize.Reference) int {
		if c := strings.Compare(a.Ref, b.Ref); c != 0 {
			return c
		}
		return a.Columns.Compare(b.Columns)
	})
	return slices.CompactFunc(refs, func(a, b optimize.Reference) bool {
		return a.Ref == b.Ref && a.Columns == b.Columns
	})
}
