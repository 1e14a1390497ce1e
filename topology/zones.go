package topology

import (
	"cmp"
	"slices"
	"strings"
)

// HostedZone is a private hosted zone of Route 53: names that only the VPCs
// associated with it resolve. It has no Region.
type HostedZone struct {
	ID string `json:"id"`
	// Owner is the account whose zone it is, or the AWS service that made it in
	// an account of its own, such as that of an interface endpoint's private DNS.
	Owner string   `json:"owner"`
	Name  string   `json:"name"` // lower case, without the last dot
	VPCs  []string `json:"vpcs"` // those of the snapshot that are associated
	// Records are the names that lead to an address. They can be read of the
	// own account's zones only; RecordsRead says whether they were.
	Records     []ZoneRecord `json:"records,omitempty"`
	RecordsRead bool         `json:"records_read,omitempty"`
}

// ZoneRecord is a name of a zone: an address, or another name.
type ZoneRecord struct {
	Name   string   `json:"name"` // as HostedZone.Name; a wildcard begins with *.
	Type   string   `json:"type"` // A, AAAA, CNAME
	Values []string `json:"values,omitempty"`
	Alias  string   `json:"alias,omitempty"` // instead of Values: the name it follows
}

// CompareZoneRecords orders records by all they hold.
func CompareZoneRecords(a, b ZoneRecord) int {
	return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Alias, b.Alias), slices.Compare(a.Values, b.Values))
}

// DomainName gives a name its one form: lower case, without the last dot.
func DomainName(s string) string { return strings.ToLower(strings.TrimSuffix(s, ".")) }

func canonicalZone(z HostedZone) HostedZone {
	z.Name, z.VPCs = DomainName(z.Name), orEmpty(ids(z.VPCs))
	z.Records = mapEach(z.Records, func(r ZoneRecord) ZoneRecord {
		r.Name, r.Alias, r.Values = DomainName(r.Name), DomainName(r.Alias), ids(r.Values)
		return r
	})
	slices.SortFunc(z.Records, CompareZoneRecords)
	z.Records = nonEmpty(slices.CompactFunc(z.Records, func(a, b ZoneRecord) bool { return CompareZoneRecords(a, b) == 0 }))
	return z
}

// ZonesOf lists the private hosted zones that a VPC resolves names by.
func (s *Snapshot) ZonesOf(vpc string) []*HostedZone { return s.ix.zonesOfVPC[vpc] }
