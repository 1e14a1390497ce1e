package inventory

import (
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	zonetypes "github.com/aws/aws-sdk-go-v2/service/route53/types"
	quotatypes "github.com/aws/aws-sdk-go-v2/service/servicequotas/types"

	"github.com/flowcover/flowcover/topology/awsmodel"
)

// exportFile is a file that is being read.
type exportFile struct {
	reader  *dirReader
	name    string // in the tree, with slashes
	path    string // for messages
	members []member
	from    *Origin
}

// handler reads one top-level key.
type handler func(f *exportFile, m member) error

// keys are the top-level keys of the answers that are understood. A wrapper's
// handler calls that of the answers inside it, so the table is filled at the start.
var keys map[string]handler

func init() { keys = answerKeys() }

func answerKeys() map[string]handler {
	return map[string]handler{
		"Vpcs":                             list(CallVPCs, func(i *Inventory) *[]Found[ec2types.Vpc] { return &i.VPCs }),
		"Subnets":                          list(CallSubnets, func(i *Inventory) *[]Found[ec2types.Subnet] { return &i.Subnets }),
		"AvailabilityZones":                list(CallZones, func(i *Inventory) *[]Found[ec2types.AvailabilityZone] { return &i.Zones }),
		"RouteTables":                      list(CallRouteTables, func(i *Inventory) *[]Found[ec2types.RouteTable] { return &i.RouteTables }),
		"SecurityGroups":                   list(CallGroups, func(i *Inventory) *[]Found[ec2types.SecurityGroup] { return &i.Groups }),
		"SecurityGroupRules":               list(CallGroupRules, func(i *Inventory) *[]Found[ec2types.SecurityGroupRule] { return &i.GroupRules }),
		"SecurityGroupVpcAssociations":     list(CallGroupVPCs, func(i *Inventory) *[]Found[ec2types.SecurityGroupVpcAssociation] { return &i.GroupVPCs }),
		"NetworkAcls":                      list(CallACLs, func(i *Inventory) *[]Found[ec2types.NetworkAcl] { return &i.ACLs }),
		"PrefixLists":                      prefixLists,
		"Entries":                          children(CallPrefixEntries, listParent, func(i *Inventory) *[]Found[[]ec2types.PrefixListEntry] { return &i.PrefixEntries }),
		"TransitGateways":                  list(CallTGWs, func(i *Inventory) *[]Found[ec2types.TransitGateway] { return &i.TransitGateways }),
		"TransitGatewayAttachments":        list(CallAttachments, func(i *Inventory) *[]Found[ec2types.TransitGatewayAttachment] { return &i.Attachments }),
		"TransitGatewayVpcAttachments":     list(CallVPCAttachments, func(i *Inventory) *[]Found[ec2types.TransitGatewayVpcAttachment] { return &i.VPCAttachments }),
		"TransitGatewayPeeringAttachments": list(CallTGWPeerings, func(i *Inventory) *[]Found[ec2types.TransitGatewayPeeringAttachment] { return &i.TransitPeerings }),
		"TransitGatewayRouteTables":        list(CallTGWTables, func(i *Inventory) *[]Found[ec2types.TransitGatewayRouteTable] { return &i.TransitTables }),
		"Routes":                           transitRoutes,
		"Associations":                     children(CallAssociations, tableParent, func(i *Inventory) *[]Found[[]ec2types.TransitGatewayRouteTableAssociation] { return &i.Associations }),
		"TransitGatewayRouteTablePropagations": children(CallPropagations, tableParent, func(i *Inventory) *[]Found[[]ec2types.TransitGatewayRouteTablePropagation] {
			return &i.Propagations
		}),
		"TransitGatewayPrefixListReferences": children(CallTGWPrefixLists, tableParent, func(i *Inventory) *[]Found[[]ec2types.TransitGatewayPrefixListReference] {
			return &i.TransitPrefixLists
		}),
		// Wrappers that repeat the parent beside each answer.
		"TransitGatewayStaticRoutes": wrapped("Routes"),
		"TransitGatewayPropagations": wrapped("TransitGatewayRouteTablePropagations"),
		"LoadBalancerListeners":      wrapped("Listeners"),
		"LoadBalancerTargetHealth":   wrapped("TargetHealthDescriptions"),

		"VpcPeeringConnections":      list(CallPeerings, func(i *Inventory) *[]Found[ec2types.VpcPeeringConnection] { return &i.Peerings }),
		"InternetGateways":           list(CallInternet, func(i *Inventory) *[]Found[ec2types.InternetGateway] { return &i.InternetGateways }),
		"EgressOnlyInternetGateways": list(CallEgressOnly, func(i *Inventory) *[]Found[ec2types.EgressOnlyInternetGateway] { return &i.EgressOnlyGateways }),
		"VpnGateways":                list(CallVPNGateways, func(i *Inventory) *[]Found[ec2types.VpnGateway] { return &i.VPNGateways }),
		"VpnConnections":             list(CallVPNs, func(i *Inventory) *[]Found[ec2types.VpnConnection] { return &i.VPNs }),
		"NatGateways":                list(CallNATs, func(i *Inventory) *[]Found[ec2types.NatGateway] { return &i.NATGateways }),
		"VpcEndpoints":               list(CallEndpoints, func(i *Inventory) *[]Found[ec2types.VpcEndpoint] { return &i.Endpoints }),
		"NetworkInterfaces":          list(CallENIs, func(i *Inventory) *[]Found[ec2types.NetworkInterface] { return &i.Interfaces }),
		"Reservations":               list(CallInstances, func(i *Inventory) *[]Found[ec2types.Reservation] { return &i.Reservations }),
		"LoadBalancers":              list(CallBalancers, func(i *Inventory) *[]Found[elbtypes.LoadBalancer] { return &i.Balancers }),
		"Listeners":                  listeners,
		"Rules":                      listenerRules,
		"TargetGroups":               list(CallTargetGroups, func(i *Inventory) *[]Found[elbtypes.TargetGroup] { return &i.TargetGroups }),
		"TargetHealthDescriptions":   children(CallTargetHealth, targetGroupParent, func(i *Inventory) *[]Found[[]elbtypes.TargetHealthDescription] { return &i.Targets }),
		"DBInstances":                databases,
		"HostedZoneSummaries":        children(CallHostedZones, vpcParent, func(i *Inventory) *[]Found[[]zonetypes.HostedZoneSummary] { return &i.HostedZones }),
		"ResourceRecordSets":         children(CallZoneRecords, zoneParent, func(i *Inventory) *[]Found[[]zonetypes.ResourceRecordSet] { return &i.ZoneRecords }),
		"Quotas":                     list(CallQuota, func(i *Inventory) *[]Found[quotatypes.ServiceQuota] { return &i.Quotas }),
		"Quota":                      quota,
		"EnableDnsSupport":           attribute,
		"EnableDnsHostnames":         attribute,
		"Account":                    caller,
		"NotRead":                    refusals,
	}
}

// companions stand beside an answer and say nothing of their own, or what the
// answer's handler asks for.
var companions = map[string]bool{
	"AdditionalRoutesAvailable": true, "NextToken": true, "NextMarker": true, "Marker": true, "ResponseMetadata": true,
	"TransitGatewayRouteTableId": true, "PrefixListId": true, "TargetGroupArn": true, "LoadBalancerArn": true,
	"ListenerArn": true, "VpcId": true, "UserId": true, "Arn": true, "ResultMetadata": true,
	"HostedZoneId": true, "MaxItems": true, "IsTruncated": true,
}

// unneeded are keys of the AWS CLI that decide about no packet here.
var unneeded = map[string]string{
	"Addresses":                "not needed: interfaces name their public addresses",
	"CustomerGateways":         "not needed: what a VPN reaches stands in its routes",
	"LoadBalancerAttributes":   "not needed",
	"LoadBalancerTargets":      "not needed",
	"DomainStatusList":         "not needed: its interfaces are among the network interfaces",
	"Volumes":                  "not needed",
	"Images":                   "not needed",
	"FlowLogs":                 "not needed",
	"DhcpOptions":              "not needed",
	"DBSubnetGroups":           "not needed: an instance names its subnets",
	"PrefixListAssociations":   "not needed: rules and routes name their prefix lists",
	"TransitGatewayConnects":   "not needed: attachments list them",
	"Tags":                     "not needed: each resource carries its own",
	"LoadBalancerDescriptions": "not read: a Classic Load Balancer's interfaces are among the network interfaces",
}

// list reads the answer of a call whose elements stand for themselves.
func list[T any](call string, where func(*Inventory) *[]Found[T]) handler {
	return func(f *exportFile, m member) error {
		values, err := decodeList[T](f.path, m)
		if err != nil {
			return err
		}
		inv := f.reader.inv
		inv.Answer(call, "", f.from)
		Add(inv, where(inv), f.from, "", values...)
		return nil
	}
}

// children reads an answer that belongs to something it may not name.
func children[T any](call string, parent func(*exportFile, []T) (string, error), where func(*Inventory) *[]Found[[]T]) handler {
	return func(f *exportFile, m member) error {
		values, err := decodeList[T](f.path, m)
		if err != nil {
			return err
		}
		id, err := parent(f, values)
		if err != nil {
			return err
		}
		inv := f.reader.inv
		inv.Answer(call, id, f.from)
		Add(inv, where(inv), f.from, id, values)
		return nil
	}
}

// beside gives the text of another top-level key of the file.
func (f *exportFile) beside(key string) (string, bool) {
	for _, m := range f.members {
		var s string
		if m.key == key && json.Unmarshal(m.value, &s) == nil && s != "" {
			return s, true
		}
	}
	return "", false
}

// inName gives the one id of a kind that the file's name holds, or its path.
func (f *exportFile) inName(id *regexp.Regexp) (string, error) {
	base := path.Base(f.name)
	for _, text := range []string{strings.TrimSuffix(base, path.Ext(base)), path.Dir(f.name)} {
		ids := id.FindAllString(text, -1)
		slices.Sort(ids)
		switch ids = slices.Compact(ids); len(ids) {
		case 0:
		case 1:
			return ids[0], nil
		default:
			return "", fmt.Errorf("its name holds %s", strings.Join(ids, " and "))
		}
	}
	return "", fmt.Errorf("its name holds none")
}

var (
	tableID = regexp.MustCompile(`tgw-rtb-[0-9A-Za-z]+`)
	listID  = regexp.MustCompile(`\bpl-[0-9A-Za-z]+`)
	vpcID   = regexp.MustCompile(`\bvpc-[0-9A-Za-z]+`)
	zoneID  = regexp.MustCompile(`\bZ[0-9A-Z]{5,}\b`)
)

func (f *exportFile) parentID(key, what, example string, id *regexp.Regexp) (string, error) {
	if s, ok := f.beside(key); ok {
		return s, nil
	}
	s, err := f.inName(id)
	if err != nil {
		return "", &FileError{File: f.path, Reason: fmt.Sprintf("the answer does not say which %s it belongs to, and %v: "+
			"name the file after it, such as %s, or put \"%s\" beside the answer", what, err, example, key)}
	}
	return s, nil
}

func tableParent[T any](f *exportFile, values []T) (string, error) {
	// References to prefix lists name their table, all of them the same.
	for _, v := range values {
		if r, ok := any(v).(ec2types.TransitGatewayPrefixListReference); ok && r.TransitGatewayRouteTableId != nil {
			return *r.TransitGatewayRouteTableId, nil
		}
	}
	return f.parentID("TransitGatewayRouteTableId", "transit gateway route table", "routes-tgw-rtb-0123456789abcdef0.json", tableID)
}

func listParent[T any](f *exportFile, _ []T) (string, error) {
	return f.parentID("PrefixListId", "prefix list", "entries-pl-0123456789abcdef0.json", listID)
}

func vpcParent[T any](f *exportFile, _ []T) (string, error) {
	return f.parentID("VpcId", "VPC", "hosted-zones-vpc-0123456789abcdef0.json", vpcID)
}

func zoneParent[T any](f *exportFile, _ []T) (string, error) {
	id, err := f.parentID("HostedZoneId", "hosted zone", "records-Z0123456789ABCDEFGHIJ.json", zoneID)
	return awsmodel.ZoneID(id), err
}

func targetGroupParent[T any](f *exportFile, _ []T) (string, error) {
	if s, ok := f.beside("TargetGroupArn"); ok {
		return s, nil
	}
	return "", &FileError{File: f.path, Key: "TargetHealthDescriptions", Reason: "the answer does not say which target group it belongs to: " +
		"put \"TargetGroupArn\": \"arn:...\" beside it, as scripts/export-account does"}
}

// transitRoutes reads search-transit-gateway-routes.
func transitRoutes(f *exportFile, m member) error {
	for _, x := range f.members {
		var more bool
		if x.key == CodeMoreThanOnePage && json.Unmarshal(x.value, &more) == nil && more {
			f.reader.inv.Refuse(Refusal{Call: CallTGWRoutes, Code: CodeMoreThanOnePage}, f.from)
		}
	}
	return children(CallTGWRoutes, tableParent, func(i *Inventory) *[]Found[[]ec2types.TransitGatewayRoute] { return &i.TransitRoutes })(f, m)
}

// prefixLists reads describe-managed-prefix-lists and the older
// describe-prefix-lists, which share their key.
func prefixLists(f *exportFile, m member) error {
	items, err := decodeList[struct {
		Cidrs         []string
		PrefixListArn *string
		OwnerId       *string
	}](f.path, m)
	if err != nil {
		return err
	}
	older := len(items) > 0
	for _, p := range items {
		older = older && p.PrefixListArn == nil && p.OwnerId == nil
	}
	if older {
		return list(CallOldPrefixLists, func(i *Inventory) *[]Found[ec2types.PrefixList] { return &i.OldPrefixLists })(f, m)
	}
	return list(CallPrefixLists, func(i *Inventory) *[]Found[ec2types.ManagedPrefixList] { return &i.PrefixLists })(f, m)
}
