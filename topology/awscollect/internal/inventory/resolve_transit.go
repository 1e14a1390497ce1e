package inventory

import (
	"cmp"
	"fmt"
	"slices"

	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/awsmodel"
)

func (r *resolver) transit() error {
	for _, e := range r.tgws {
		v := e.value
		var err error
		if v.Scope, err = r.scopes.of(v.ID, v.Scope, e.from); err != nil {
			return err
		}
		r.scopes.owners[v.ID] = v.Scope
		r.out.TransitGateways = append(r.out.TransitGateways, v)
	}
	if err := r.attachments(); err != nil {
		return err
	}
	return r.transitTables()
}

// attachments joins the answers of three calls about one attachment, and the
// associations that route tables list.
func (r *resolver) attachments() error {
	all, err := merge(r.inv.Attachments, awsmodel.Attachment, attachmentKind)
	if err != nil {
		return err
	}
	vpcs, err := merge(r.inv.VPCAttachments, awsmodel.VPCAttachment, attachmentKind)
	if err != nil {
		return err
	}
	at := make(map[string]int, len(all))
	for i := range all {
		at[attachmentKind.key(&all[i].value)] = i
	}
	for _, e := range vpcs {
		key := attachmentKind.key(&e.value)
		i, known := at[key]
		if !known {
			at[key] = len(all)
			all = append(all, e)
			continue
		}
		a := &all[i].value
		a.Subnets, a.ApplianceMode, a.SecurityGroupReferencing = e.value.Subnets, e.value.ApplianceMode, e.value.SecurityGroupReferencing
		if a.Tags == nil {
			a.Tags = e.value.Tags
		}
	}
	if all, err = r.peerAttachments(all, at); err != nil {
		return err
	}
	tables, err := r.associatedTables()
	if err != nil {
		return err
	}
	for _, e := range all {
		v := e.value
		if t, ok := tables[v.ID+" at "+v.TransitGateway]; ok {
			v.RouteTable = t
		}
		if v.Scope, err = r.scopes.of(v.ID, v.Scope, e.from, v.TransitGateway); err != nil {
			return err
		}
		slices.Sort(v.Subnets)
		r.out.Attachments = append(r.out.Attachments, v)
	}
	return nil
}

// peerAttachments tells each side of a peering the other side's gateway and
// attachment. A side that DescribeTransitGatewayAttachments did not list is
// added where its gateway is known.
func (r *resolver) peerAttachments(all []entry[topology.TransitGatewayAttachment], at map[string]int) ([]entry[topology.TransitGatewayAttachment], error) {
	ours := map[string]bool{}
	for _, e := range r.tgws {
		ours[e.value.ID] = true
	}
	for _, f := range r.inv.TransitPeerings {
		requester, accepter, state, ok, err := awsmodel.PeeringAttachment(f.value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.from.Source, err)
		}
		if !ok {
			continue
		}
		for _, side := range [...][2]awsmodel.PeerSide{{requester, accepter}, {accepter, requester}} {
			here, there := side[0], side[1]
			v := topology.TransitGatewayAttachment{
				ID: here.Attachment, Scope: here.Scope, TransitGateway: here.TransitGateway, ResourceType: "peering", State: state,
			}
			key := attachmentKind.key(&v)
			i, known := at[key]
			if !known {
				if !ours[here.TransitGateway] {
					continue
				}
				i = len(all)
				at[key] = i
				all = append(all, entry[topology.TransitGatewayAttachment]{v, f.from})
			}
			a := &all[i].value
			a.Resource, a.ResourceOwner = there.TransitGateway, cmp.Or(a.ResourceOwner, there.Scope.Account)
			a.PeerAttachment = there.Attachment
		}
	}
	return all, nil
}

// associatedTables gives the route table of each "attachment at gateway" that
// GetTransitGatewayRouteTableAssociations lists.
func (r *resolver) associatedTables() (map[string]string, error) {
	gateway := map[string]string{}
	for _, f := range r.inv.TransitTables {
		if f.value.TransitGatewayRouteTableId != nil && f.value.TransitGatewayId != nil {
			gateway[*f.value.TransitGatewayRouteTableId] = *f.value.TransitGatewayId
		}
	}
	byTable, err := unite(r.inv.Associations, func(_ string, a ec2types.TransitGatewayRouteTableAssociation) (string, bool, error) {
		id, ok := awsmodel.Association(a)
		return id, ok, nil
	}, cmp.Compare)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for table, attachments := range byTable {
		for _, id := range attachments {
			out[id+" at "+gateway[table]] = table
		}
	}
	return out, nil
}

func (r *resolver) transitTables() error {
	tables, err := merge(r.inv.TransitTables, awsmodel.TransitRouteTable, tgwTableKind)
	if err != nil {
		return err
	}
	routes, err := r.transitRoutes()
	if err != nil {
		return err
	}
	propagations, err := unite(r.inv.Propagations, func(_ string, p ec2types.TransitGatewayRouteTablePropagation) (string, bool, error) {
		id, ok := awsmodel.Propagation(p)
		return id, ok, nil
	}, cmp.Compare)
	if err != nil {
		return err
	}
	references, err := unite(r.inv.TransitPrefixLists, func(_ string, x ec2types.TransitGatewayPrefixListReference) (topology.TransitGatewayPrefixListRef, bool, error) {
		_, ref, ok := awsmodel.PrefixListReference(x)
		return ref, ok, nil
	}, func(a, b topology.TransitGatewayPrefixListRef) int {
		return cmp.Or(cmp.Compare(a.PrefixList, b.PrefixList), cmp.Compare(a.Attachment, b.Attachment))
	})
	if err != nil {
		return err
	}
	for _, e := range tables {
		v := e.value
		v.Routes, v.Propagations, v.PrefixListReferences = routes[v.ID], propagations[v.ID], references[v.ID]
		if v.Scope, err = r.scopes.of(v.ID, v.Scope, e.from, v.TransitGateway); err != nil {
			return err
		}
		r.out.TransitRouteTables = append(r.out.TransitRouteTables, v)
	}
	return nil
}

// transitRoutes gives the routes of each table. Answers about one table may
// hold parts of it, but must not disagree about a destination.
func (r *resolver) transitRoutes() (map[string][]topology.TransitGatewayRoute, error) {
	type place struct {
		table, destination string
		kind               ec2types.TransitGatewayRouteType
	}
	type told struct {
		routes []topology.TransitGatewayRoute
		from   *Origin
	}
	seen := map[place]told{}
	out := map[string][]topology.TransitGatewayRoute{}
	for _, f := range r.inv.TransitRoutes {
		for _, x := range f.value {
			routes, err := awsmodel.TransitRoutes(f.parent, x)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", f.from.Source, err)
			}
			if len(routes) == 0 {
				continue
			}
			slices.SortFunc(routes, func(a, b topology.TransitGatewayRoute) int { return cmp.Compare(a.Attachment, b.Attachment) })
			p := place{f.parent, routes[0].Destination.String(), x.Type}
			other, twice := seen[p]
			switch {
			case !twice:
				seen[p] = told{routes, f.from}
				out[f.parent] = append(out[f.parent], routes...)
			case !slices.Equal(other.routes, routes):
				return nil, &ConflictError{Resource: f.parent + " route " + p.destination, First: other.from.Source, Second: f.from.Source}
			}
		}
	}
	return out, nil
}
