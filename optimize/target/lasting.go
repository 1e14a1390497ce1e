package target

import (
	"net/netip"
	"slices"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

// lasting gives the addresses that a flow needs on columns where a list opens
// set: the host, or, where a service takes a new address for each task or pod,
// the widest part of the service's subnet around it that today's rules open, that
// nothing forbids and that is no wider than policy lets a rule be.
func (in *builder) lasting(f *analyze.Flow, k groupKey, set *netset.Set, a netip.Addr, c netset.Columns) netip.Prefix {
	own := host(a)
	v, ok := in.Services.At(f.VPC, own.Addr())
	if !ok {
		return own
	}
	bits := in.Policy.MaxPrefixV4
	if own.Addr().Is6() {
		bits = in.Policy.MaxPrefixV6
	}
	for bits = max(bits, v.Range.Bits()); bits < own.Bits(); bits++ {
		b := netset.Block{Prefix: netip.PrefixFrom(own.Addr(), bits).Masked(), Columns: c}
		if set.ContainsBlock(b) && !in.touchesForbidden(k, b) {
			return b.Prefix
		}
	}
	return own
}

// touchesForbidden says whether a block holds what no rule of the list may open.
func (in *builder) touchesForbidden(k groupKey, b netset.Block) bool {
	overlaps := func(x netset.Block) bool { return b.Prefix.Overlaps(x.Prefix) && b.Columns.Overlaps(x.Columns) }
	return slices.ContainsFunc(in.forbids[k], overlaps) || in.Policy.Forbidden != nil && in.Policy.Forbidden.OverlapsBlock(b)
}

// byReference says whether a rule that names a security group or prefix list
// admits the flow: then it lasts whatever address the peer takes.
func (in *builder) byReference(f *analyze.Flow) bool {
	g, ok := in.Snapshot.SecurityGroup(f.Group)
	return ok && slices.ContainsFunc(f.AdmittedBy, func(ref topology.RuleRef) bool {
		return ref.Resource == g.ID && slices.ContainsFunc(g.Rules, func(r topology.SecurityGroupRule) bool {
			return !r.CIDR.IsValid() && r.Key() == ref.Rule
		})
	})
}
