package inventory

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/flowcover/flowcover/topology"
)

const (
	zonesJSON = `{"HostedZoneSummaries": [
		{"HostedZoneId": "Z0AAAAAAAA", "Name": "ssm.ap-northeast-2.amazonaws.com.", "Owner": {"OwningAccount": "111111111111"}},
		{"HostedZoneId": "Z0BBBBBBBB", "Name": "sqs.ap-northeast-2.amazonaws.com.", "Owner": {"OwningService": "vpce.amazonaws.com"}}], "MaxItems": "100"}`
	recordsJSON = `{"HostedZoneId": "/hostedzone/Z0AAAAAAAA", "ResourceRecordSets": [
		{"Name": "\\052.SSM.ap-northeast-2.amazonaws.com.", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "10.0.1.9"}, {"Value": "10.0.1.8"}]},
		{"Name": "ssm.ap-northeast-2.amazonaws.com.", "Type": "A", "AliasTarget": {"DNSName": "vpce-1.ssm.ap-northeast-2.vpce.amazonaws.com.", "HostedZoneId": "Z27", "EvaluateTargetHealth": false}},
		{"Name": "ssm.ap-northeast-2.amazonaws.com.", "Type": "SOA", "ResourceRecords": [{"Value": "x"}]}]}`
)

// Zones come a page and a VPC at a time; a zone's records belong to it alone.
func TestFromDirHostedZones(t *testing.T) {
	second := `{"VpcId": "vpc-1", "HostedZoneSummaries": [{"HostedZoneId": "Z0CCCCCCCC", "Name": "급여.internal", "Owner": {"OwningAccount": "222222222222"}}]}`
	elsewhere := `{"VpcId": "vpc-9", "HostedZoneSummaries": [{"HostedZoneId": "Z0AAAAAAAA", "Name": "ssm.ap-northeast-2.amazonaws.com.", "Owner": {"OwningAccount": "111111111111"}}]}`
	r, report := readDir(t, account("hosted-zones-vpc-1-1.json", zonesJSON, "more.json", second, "other.json", elsewhere, "x.json", recordsJSON))
	if len(report.Ignored) > 0 {
		t.Errorf("ignored %v", report.Ignored)
	}
	if len(r.HostedZones) != 3 {
		t.Fatalf("zones %+v; want three", r.HostedZones)
	}
	own, service := r.HostedZones[0], r.HostedZones[1]
	if own.Owner != "111111111111" || !slices.Equal(own.VPCs, []string{"vpc-1", "vpc-9"}) || !own.RecordsRead || own.Name != "ssm.ap-northeast-2.amazonaws.com" {
		t.Errorf("zone %+v", own)
	}
	if service.Owner != "vpce.amazonaws.com" || service.RecordsRead {
		t.Errorf("zone %+v; want a service's, whose records nobody reads", service)
	}
	want := []topology.ZoneRecord{
		{Name: "*.ssm.ap-northeast-2.amazonaws.com", Type: "A", Values: []string{"10.0.1.8", "10.0.1.9"}},
		{Name: "ssm.ap-northeast-2.amazonaws.com", Type: "A", Alias: "vpce-1.ssm.ap-northeast-2.vpce.amazonaws.com"},
	}
	if !slices.EqualFunc(own.Records, want, func(a, b topology.ZoneRecord) bool { return topology.CompareZoneRecords(a, b) == 0 }) {
		t.Errorf("records %+v, want %+v", own.Records, want)
	}
	s := snapshot(t, r)
	if zones := s.ZonesOf("vpc-1"); len(zones) != 3 {
		t.Errorf("vpc-1 resolves by %d zones, want 3", len(zones))
	}
}

func TestFromDirSaysWhichZonesWereNotRead(t *testing.T) {
	missing := func(files map[string]string) (out []string) {
		r, _ := readDir(t, files)
		for _, n := range r.NotRead {
			if n.Call == CallHostedZones || n.Call == CallZoneRecords {
				out = append(out, n.Call+" "+n.Code)
			}
		}
		return out
	}
	for _, tc := range []struct {
		files map[string]string
		want  []string
	}{
		{account(), []string{"ListHostedZonesByVPC NotInExport"}},
		{account("hosted-zones-vpc-1.json", zonesJSON), []string{"ListResourceRecordSets NotInExport"}},
		{account("hosted-zones-vpc-1.json", zonesJSON, "r.json", recordsJSON), nil},
		{account("hosted-zones-vpc-1.json", `{"HostedZoneSummaries": []}`), nil},
		{account("hosted-zones-vpc-1.json", zonesJSON, "n.json", `{"NotRead": [{"Call": "ListResourceRecordSets", "Code": "AccessDenied"}]}`), []string{"ListResourceRecordSets AccessDenied"}},
		{account("hosted-zones-vpc-1.json", zonesJSON, "n.json", `{"NotRead": [{"Call": "ListResourceRecordSets", "Code": "NoSuchHostedZone", "Parent": "Z0GONEGONE"}]}`), []string{"ListResourceRecordSets NotInExport"}},
	} {
		if got := missing(tc.files); !slices.Equal(got, tc.want) {
			t.Errorf("not read %q, want %q", got, tc.want)
		}
	}
}

func TestFromDirZonesThatCannotBe(t *testing.T) {
	renamed := strings.ReplaceAll(zonesJSON, "ssm.", "kms.")
	_, _, err := FromDir(t.Context(), write(t, account("hosted-zones-vpc-1.json", zonesJSON, "hosted-zones-vpc-2.json", renamed)))
	var conflict *ConflictError
	if !errors.As(err, &conflict) || conflict.Resource != "Z0AAAAAAAA" {
		t.Errorf("error %v; want the zone named that has two names", err)
	}
	_, _, err = FromDir(t.Context(), write(t, account("zones.json", zonesJSON)))
	var file *FileError
	if !errors.As(err, &file) || !strings.Contains(err.Error(), "VpcId") {
		t.Errorf("error %v; want that nothing says whose zones they are", err)
	}
}
