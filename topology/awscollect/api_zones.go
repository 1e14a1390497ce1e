package awscollect

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	zonetypes "github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/flowcover/flowcover/topology/awscollect/internal/inventory"
)

// zoneAPI is the part of Route 53 that is read.
type zoneAPI interface {
	ListHostedZonesByVPC(context.Context, *route53.ListHostedZonesByVPCInput, ...func(*route53.Options)) (*route53.ListHostedZonesByVPCOutput, error)
	ListResourceRecordSets(context.Context, *route53.ListResourceRecordSetsInput, ...func(*route53.Options)) (*route53.ListResourceRecordSetsOutput, error)
}

// zones are the calls for each VPC of the account's own: who shares another's
// VPC may not ask for its zones.
func (r *regionReader) zones() []task {
	i := r.inv
	var out []task
	for _, vpc := range here(r, &i.VPCs, func(v ec2types.Vpc) *string {
		if v.OwnerId != nil && *v.OwnerId != r.scope.Account {
			return nil
		}
		return v.VpcId
	}) {
		from := r.origin(inventory.CallHostedZones)
		out = append(out, task{inventory.CallHostedZones, vpc, func(ctx context.Context) error {
			in := &route53.ListHostedZonesByVPCInput{VPCId: aws.String(vpc), VPCRegion: zonetypes.VPCRegion(r.scope.Region), MaxItems: aws.Int32(100)}
			for {
				page, err := r.route53.ListHostedZonesByVPC(ctx, in)
				if err != nil {
					return err
				}
				inventory.Add(i, &i.HostedZones, from, vpc, page.HostedZoneSummaries)
				if in.NextToken = page.NextToken; aws.ToString(in.NextToken) == "" {
					break
				}
			}
			i.Answer(inventory.CallHostedZones, vpc, from)
			return nil
		}})
	}
	return out
}

// zoneRecords are the calls for each zone of the account's own. A zone has no
// Region: the first Region that meets it reads it.
func (r *regionReader) zoneRecords() []task {
	var out []task
	for _, zone := range r.inv.ZonesOwnedBy(r.scope) {
		if !r.inv.Claim(inventory.CallZoneRecords, zone) {
			continue
		}
		from := r.origin(inventory.CallZoneRecords)
		out = append(out, task{inventory.CallZoneRecords, zone, func(ctx context.Context) error {
			in := &route53.ListResourceRecordSetsInput{HostedZoneId: aws.String(zone), MaxItems: aws.Int32(300)}
			for {
				page, err := r.route53.ListResourceRecordSets(ctx, in)
				if err != nil {
					return err
				}
				inventory.Add(r.inv, &r.inv.ZoneRecords, from, zone, page.ResourceRecordSets)
				if !page.IsTruncated {
					break
				}
				in.StartRecordName, in.StartRecordType, in.StartRecordIdentifier = page.NextRecordName, page.NextRecordType, page.NextRecordIdentifier
			}
			r.inv.Answer(inventory.CallZoneRecords, zone, from)
			return nil
		}})
	}
	return out
}
