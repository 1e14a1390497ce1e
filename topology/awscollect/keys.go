package awscollect

import (
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	quotatypes "github.com/aws/aws-sdk-go-v2/service/servicequotas/types"
)

// exportFile is a file that is being read.
type exportFile struct {
	reader  *dirReader
	name    string // in the tree, with slashes
	path    string // for messages
	members []member
	from    *origin
}

// handler reads one top-level key.
type handler func(f *exportFile, m member) error

// keys are the top-level keys of the answers that are understood. A wrapper's
// handler calls that of the answers inside it, so the table is filled at the start.
var keys map[string]handler

func init() { keys = answerKeys() }

func answerKeys() map[string]handler {
	return map[string]handler{
		"Vpcs":                             list(callVPCs, func(i *inventory) *[]found[ec2types.Vpc] { return &i.vpcs }),
		"Subnets":                          list(callSubnets, func(i *inventory) *[]found[ec2types.Subnet] { return &i.subnets }),
		"AvailabilityZones":                list(callZones, func(i *inventory) *[]found[ec2types.AvailabilityZone] { return &i.zones }),
		"RouteTables":                      list(callRouteTables, func(i *inventory) *[]found[ec2types.RouteTable] { return &i.routeTables }),
		"SecurityGroups":                   list(callGroups, func(i *inventory) *[]found[ec2types.SecurityGroup] { return &i.groups }),
		"SecurityGroupRules":               list(callGroupRules, func(i *inventory) *[]found[ec2types.SecurityGroupRule] { return &i.groupRules }),
		"SecurityGroupVpcAssociations":     list(callGroupVPCs, func(i *inventory) *[]found[ec2types.SecurityGroupVpcAssociation] { return &i.groupVPCs }),
		"NetworkAcls":                      list(callACLs, func(i *inventory) *[]found[ec2types.NetworkAcl] { return &i.acls }),
		"PrefixLists":                      prefixLists,
		"Entries":                          children(callPrefixEntries, listParent, func(i *inventory) *[]found[[]ec2types.PrefixListEntry] { return &i.prefixEntries }),
		"TransitGateways":                  list(callTGWs, func(i *inventory) *[]found[ec2types.TransitGateway] { return &i.tgws }),
		"TransitGatewayAttachments":        list(callAttachments, func(i *inventory) *[]found[ec2types.TransitGatewayAttachment] { return &i.attachments }),
		"TransitGatewayVpcAttachments":     list(callVPCAttachments, func(i *inventory) *[]found[ec2types.TransitGatewayVpcAttachment] { return &i.vpcAttachments }),
		"TransitGatewayPeeringAttachments": list(callTGWPeerings, func(i *inventory) *[]found[ec2types.TransitGatewayPeeringAttachment] { return &i.tgwPeerings }),
		"TransitGatewayRouteTables":        list(callTGWTables, func(i *inventory) *[]found[ec2types.TransitGatewayRouteTable] { return &i.tgwTables }),
		"Routes":                           transitRoutes,
		"Associations":                     children(callAssociations, tableParent, func(i *inventory) *[]found[[]ec2types.TransitGatewayRouteTableAssociation] { return &i.associations }),
		"TransitGatewayRouteTablePropagations": children(callPropagations, tableParent, func(i *inventory) *[]found[[]ec2types.TransitGatewayRouteTablePropagation] {
			return &i.propagations
		}),
		"TransitGatewayPrefixListReferences": children(callTGWPrefixLists, tableParent, func(i *inventory) *[]found[[]ec2types.TransitGatewayPrefixListReference] {
			return &i.tgwPrefixLists
		}),
		// Wrappers that repeat the parent beside each answer.
		"TransitGatewayStaticRoutes": wrapped("Routes"),
		"TransitGatewayPropagations": wrapped("TransitGatewayRouteTablePropagations"),
		"LoadBalancerListeners":      wrapped("Listeners"),
		"LoadBalancerTargetHealth":   wrapped("TargetHealthDescriptions"),

		"VpcPeeringConnections":      list(callPeerings, func(i *inventory) *[]found[ec2types.VpcPeeringConnection] { return &i.peerings }),
		"InternetGateways":           list(callInternet, func(i *inventory) *[]found[ec2types.InternetGateway] { return &i.igws }),
		"EgressOnlyInternetGateways": list(callEgressOnly, func(i *inventory) *[]found[ec2types.EgressOnlyInternetGateway] { return &i.eigws }),
		"VpnGateways":                list(callVPNGateways, func(i *inventory) *[]found[ec2types.VpnGateway] { return &i.vgws }),
		"VpnConnections":             list(callVPNs, func(i *inventory) *[]found[ec2types.VpnConnection] { return &i.vpns }),
		"NatGateways":                list(callNATs, func(i *inventory) *[]found[ec2types.NatGateway] { return &i.nats }),
		"VpcEndpoints":               list(callEndpoints, func(i *inventory) *[]found[ec2types.VpcEndpoint] { return &i.endpoints }),
		"NetworkInterfaces":          list(callENIs, func(i *inventory) *[]found[ec2types.NetworkInterface] { return &i.enis }),
		"Reservations":               list(callInstances, func(i *inventory) *[]found[ec2types.Reservation] { return &i.reservations }),
		"LoadBalancers":              list(callBalancers, func(i *inventory) *[]found[elbtypes.LoadBalancer] { return &i.balancers }),
		"Listeners":                  listeners,
		"Rules":                      listenerRules,
		"TargetGroups":               list(callTargetGroups, func(i *inventory) *[]found[elbtypes.TargetGroup] { return &i.targetGroups }),
		"TargetHealthDescriptions":   children(callTargetHealth, targetGroupParent, func(i *inventory) *[]found[[]elbtypes.TargetHealthDescription] { return &i.targets }),
		"DBInstances":                databases,
		"Quotas":                     list(callQuota, func(i *inventory) *[]found[quotatypes.ServiceQuota] { return &i.quotas }),
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
func list[T any](call string, where func(*inventory) *[]found[T]) handler {
	return func(f *exportFile, m member) error {
		values, err := decodeList[T](f.path, m)
		if err != nil {
			return err
		}
		inv := f.reader.inv
		inv.answer(call, "", f.from)
		add(inv, where(inv), f.from, "", values...)
		return nil
	}
}

// children reads an answer that belongs to something it may not name.
func children[T any](call string, parent func(*exportFile, []T) (string, error), where func(*inventory) *[]found[[]T]) handler {
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
		inv.answer(call, id, f.from)
		add(inv, where(inv), f.from, id, values)
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
		if x.key == codeMoreThanOnePage && json.Unmarshal(x.value, &more) == nil && more {
			f.reader.inv.refuse(refusal{Call: callTGWRoutes, Code: codeMoreThanOnePage}, f.from)
		}
	}
	return children(callTGWRoutes, tableParent, func(i *inventory) *[]found[[]ec2types.TransitGatewayRoute] { return &i.tgwRoutes })(f, m)
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
		return list(callOldPrefixLists, func(i *inventory) *[]found[ec2types.PrefixList] { return &i.oldPrefixLists })(f, m)
	}
	return list(callPrefixLists, func(i *inventory) *[]found[ec2types.ManagedPrefixList] { return &i.prefixLists })(f, m)
}
