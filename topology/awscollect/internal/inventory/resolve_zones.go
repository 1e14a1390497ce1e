package inventory

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	zonetypes "github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/awsmodel"
)

// hostedZones gathers the VPCs of each zone from what each VPC was told, and
// puts to it the records that were read.
func (r *resolver) hostedZones() error {
	records, err := unite(r.inv.ZoneRecords, func(_ string, x zonetypes.ResourceRecordSet) (topology.ZoneRecord, bool, error) {
		return awsmodel.ZoneRecord("", x)
	}, topology.CompareZoneRecords)
	if err != nil {
		return err
	}
	told := slices.Clone(r.inv.HostedZones)
	slices.SortStableFunc(told, func(a, b Found[[]zonetypes.HostedZoneSummary]) int { return cmp.Compare(a.from.Source, b.from.Source) })
	byID := map[string]entry[topology.HostedZone]{}
	for _, f := range told {
		for _, z := range f.value {
			v, err := awsmodel.HostedZone(z)
			if err != nil {
				return fmt.Errorf("%s: %w", f.from.Source, err)
			}
			e, twice := byID[v.ID]
			switch {
			case !twice:
				e = entry[topology.HostedZone]{v, f.from}
			case e.value.Name != v.Name || e.value.Owner != v.Owner:
				return &ConflictError{Resource: v.ID, First: e.from.Source, Second: f.from.Source}
			}
			if !slices.Contains(e.value.VPCs, f.parent) {
				e.value.VPCs = append(e.value.VPCs, f.parent)
			}
			byID[v.ID] = e
		}
	}
	for _, id := range slices.Sorted(maps.Keys(byID)) {
		v := byID[id].value
		v.Records, v.RecordsRead = records[id]
		slices.Sort(v.VPCs)
		r.out.HostedZones = append(r.out.HostedZones, v)
	}
	return nil
}

// missingZones lists the VPCs of a scope whose zones were not asked for, and
// the account's own zones whose records were not.
func (r *resolver) missingZones(s topology.Scope) (vpcs, zones []string) {
	here := map[string]bool{}
	for _, v := range r.out.VPCs {
		if v.Scope == s {
			here[v.ID] = true
			vpcs = append(vpcs, v.ID)
		}
	}
	for _, z := range r.out.HostedZones {
		if z.Owner == s.Account && slices.ContainsFunc(z.VPCs, func(vpc string) bool { return here[vpc] }) {
			zones = append(zones, z.ID)
		}
	}
	return vpcs, zones
}
