package awsmodel

import (
	"strings"

	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/flowcover/flowcover/topology"
)

// TransitGateway reads a transit gateway.
func TransitGateway(t ec2types.TransitGateway) (topology.TransitGateway, bool, error) {
	f := &fields{}
	f.name("TransitGatewayId", text(t.TransitGatewayId))
	out := topology.TransitGateway{ID: f.id, Tags: tags(t.Tags)}
	out.Scope = ScopeOfARN(text(t.TransitGatewayArn))
	if owner := text(t.OwnerId); owner != "" {
		out.Account = owner
	}
	if o := t.Options; o != nil {
		out.SecurityGroupReferencing = o.SecurityGroupReferencingSupport == ec2types.SecurityGroupReferencingSupportValueEnable
	}
	return out, !transitGone(t.State), f.err
}

// transitGone says whether a gateway, attachment or table of this state
// forwards nothing any more and never will.
func transitGone[S ~string](state S) bool {
	switch strings.ToLower(string(state)) {
	case "deleted", "deleting", "failed", "failing", "rejected", "rejecting":
		return true
	}
	return false
}

// Attachment reads an attachment of any kind as DescribeTransitGatewayAttachments
// lists it. Its account is the gateway's owner's, whoever lists it.
func Attachment(a ec2types.TransitGatewayAttachment) (topology.TransitGatewayAttachment, bool, error) {
	f := &fields{}
	f.name("TransitGatewayAttachmentId", text(a.TransitGatewayAttachmentId))
	out := topology.TransitGatewayAttachment{
		ID: f.id, TransitGateway: text(a.TransitGatewayId), ResourceType: string(a.ResourceType),
		Resource: text(a.ResourceId), ResourceOwner: text(a.ResourceOwnerId), State: string(a.State), Tags: tags(a.Tags),
	}
	out.Account = text(a.TransitGatewayOwnerId)
	if s := a.Association; s != nil && s.State == ec2types.TransitGatewayAssociationStateAssociated {
		out.RouteTable = text(s.TransitGatewayRouteTableId)
	}
	return out, !transitGone(a.State), f.err
}

// VPCAttachment reads what DescribeTransitGatewayVpcAttachments alone tells:
// subnets and options. Where it is the only answer about the attachment, the
// result stands for itself, without a route table.
func VPCAttachment(a ec2types.TransitGatewayVpcAttachment) (topology.TransitGatewayAttachment, bool, error) {
	f := &fields{}
	f.name("TransitGatewayAttachmentId", text(a.TransitGatewayAttachmentId))
	out := topology.TransitGatewayAttachment{
		ID: f.id, TransitGateway: text(a.TransitGatewayId), ResourceType: "vpc",
		Resource: text(a.VpcId), ResourceOwner: text(a.VpcOwnerId), State: string(a.State),
		Subnets: a.SubnetIds, Tags: tags(a.Tags),
	}
	if o := a.Options; o != nil {
		out.ApplianceMode = o.ApplianceModeSupport == ec2types.ApplianceModeSupportValueEnable
		out.SecurityGroupReferencing = o.SecurityGroupReferencingSupport == ec2types.SecurityGroupReferencingSupportValueEnable
	}
	return out, !transitGone(a.State), f.err
}

// PeerSide is one gateway's side of a peering attachment.
type PeerSide struct {
	TransitGateway string
	Scope          topology.Scope
	Attachment     string // the attachment's id at this gateway
}

// PeeringAttachment reads both sides of a peering attachment, the requester first.
func PeeringAttachment(a ec2types.TransitGatewayPeeringAttachment) (requester, accepter PeerSide, state string, ok bool, err error) {
	f := &fields{}
	f.name("TransitGatewayAttachmentId", text(a.TransitGatewayAttachmentId))
	side := func(p *ec2types.PeeringTgwInfo, attachment string) PeerSide {
		if p == nil {
			return PeerSide{Attachment: attachment}
		}
		return PeerSide{
			TransitGateway: text(p.TransitGatewayId), Attachment: attachment,
			Scope: topology.Scope{Account: text(p.OwnerId), Region: text(p.Region)},
		}
	}
	requester = side(a.RequesterTgwInfo, f.id)
	accepter = side(a.AccepterTgwInfo, f.id)
	if id := text(a.AccepterTransitGatewayAttachmentId); id != "" {
		accepter.Attachment = id
	}
	return requester, accepter, string(a.State), !transitGone(a.State), f.err
}

// TransitRouteTable reads a route table without what fills it.
func TransitRouteTable(t ec2types.TransitGatewayRouteTable) (topology.TransitGatewayRouteTable, bool, error) {
	f := &fields{}
	f.name("TransitGatewayRouteTableId", text(t.TransitGatewayRouteTableId))
	out := topology.TransitGatewayRouteTable{ID: f.id, TransitGateway: text(t.TransitGatewayId), Tags: tags(t.Tags)}
	return out, !transitGone(t.State), f.err
}

// TransitRoutes reads one route of a table: one result for each attachment,
// for a route may have several of equal cost.
func TransitRoutes(table string, r ec2types.TransitGatewayRoute) ([]topology.TransitGatewayRoute, error) {
	f := &fields{id: table}
	if transitGone(r.State) {
		return nil, nil
	}
	base := topology.TransitGatewayRoute{
		Destination: f.prefix("Routes.DestinationCidrBlock", r.DestinationCidrBlock),
		Static:      r.Type == ec2types.TransitGatewayRouteTypeStatic,
		State:       string(r.State), PrefixList: text(r.PrefixListId),
	}
	if len(r.TransitGatewayAttachments) == 0 {
		return []topology.TransitGatewayRoute{base}, f.err
	}
	var out []topology.TransitGatewayRoute
	for _, a := range r.TransitGatewayAttachments {
		route := base
		route.Attachment = text(a.TransitGatewayAttachmentId)
		out = append(out, route)
	}
	return out, f.err
}

// Propagation reads the attachment that propagates into a table.
func Propagation(p ec2types.TransitGatewayRouteTablePropagation) (attachment string, ok bool) {
	return text(p.TransitGatewayAttachmentId),
		p.State != ec2types.TransitGatewayPropagationStateDisabled && p.State != ec2types.TransitGatewayPropagationStateDisabling
}

// Association reads the attachment that is associated with a table.
func Association(a ec2types.TransitGatewayRouteTableAssociation) (attachment string, ok bool) {
	return text(a.TransitGatewayAttachmentId), a.State == ec2types.TransitGatewayAssociationStateAssociated
}

// PrefixListReference reads a reference of a table to a prefix list.
func PrefixListReference(r ec2types.TransitGatewayPrefixListReference) (table string, out topology.TransitGatewayPrefixListRef, ok bool) {
	out = topology.TransitGatewayPrefixListRef{PrefixList: text(r.PrefixListId), Blackhole: isTrue(r.Blackhole)}
	if r.TransitGatewayAttachment != nil {
		out.Attachment = text(r.TransitGatewayAttachment.TransitGatewayAttachmentId)
	}
	return text(r.TransitGatewayRouteTableId), out, r.State != ec2types.TransitGatewayPrefixListReferenceStateDeleting
}
