package awsmodel

import (
	"slices"
	"strings"

	zonetypes "github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/flowcover/flowcover/topology"
)

// HostedZone reads a private hosted zone as ListHostedZonesByVPC names it to a
// VPC, without its records.
func HostedZone(z zonetypes.HostedZoneSummary) (topology.HostedZone, error) {
	f := &fields{}
	f.name("HostedZoneId", ZoneID(text(z.HostedZoneId)))
	out := topology.HostedZone{ID: f.id, Name: recordName(text(z.Name))}
	if o := z.Owner; o != nil {
		if out.Owner = text(o.OwningAccount); out.Owner == "" {
			out.Owner = text(o.OwningService)
		}
	}
	return out, f.err
}

// ZoneID gives a zone's id alone: some answers write /hostedzone/ before it.
func ZoneID(s string) string { return s[strings.LastIndexByte(s, '/')+1:] }

// ZoneRecord reads a record that leads to an address; ok is false for one of
// any other type.
func ZoneRecord(_ string, r zonetypes.ResourceRecordSet) (topology.ZoneRecord, bool, error) {
	out := topology.ZoneRecord{Name: recordName(text(r.Name)), Type: string(r.Type)}
	switch r.Type {
	case zonetypes.RRTypeA, zonetypes.RRTypeAaaa, zonetypes.RRTypeCname:
	default:
		return out, false, nil
	}
	for _, v := range r.ResourceRecords {
		value := text(v.Value)
		if r.Type == zonetypes.RRTypeCname {
			value = recordName(value)
		}
		out.Values = append(out.Values, value)
	}
	slices.Sort(out.Values)
	if r.AliasTarget != nil {
		out.Alias = recordName(text(r.AliasTarget.DNSName))
	}
	return out, out.Name != "", nil
}

// recordName undoes how Route 53 writes names: every character but a-z, 0-9,
// - and _ as a backslash and three octal digits, so that *.x is \052.x.
func recordName(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) && octal(s[i+1], '3') && octal(s[i+2], '7') && octal(s[i+3], '7') {
			b.WriteByte((s[i+1]-'0')<<6 | (s[i+2]-'0')<<3 | (s[i+3] - '0'))
			i += 3
			continue
		}
		b.WriteByte(s[i])
	}
	return topology.DomainName(strings.ToValidUTF8(b.String(), "\uFFFD"))
}

func octal(c, last byte) bool { return c >= '0' && c <= last }
