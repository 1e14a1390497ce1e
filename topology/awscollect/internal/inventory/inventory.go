// Package inventory holds the answers of AWS's Describe calls in the SDK's own
// types, whether they came over the API or from files, and makes a snapshot's
// resources of them. [FromDir] reads the files. It knows no API client.
package inventory

import (
	"slices"
	"sync"

	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	zonetypes "github.com/aws/aws-sdk-go-v2/service/route53/types"
	quotatypes "github.com/aws/aws-sdk-go-v2/service/servicequotas/types"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/awsmodel"
)

// NotInExport is the code of a call whose answer a folder does not hold.
const NotInExport = "NotInExport"

// Origin is where an answer came from: one file, or one call in one Region.
type Origin struct {
	Source string         // for messages
	Folder string         // what lies here belongs together: a folder, or account/Region
	Hint   topology.Scope // what the folders' names, or the call, say
}

// Found is a value of an answer. parent is the id that the answer itself does
// not repeat: the route table of a route, the list of an entry.
type Found[T any] struct {
	value  T
	parent string
	from   *Origin
}

// Inventory is all that was answered, unjudged. Add, Answer, Claim, Refuse and IDs are
// safe for concurrent use.
type Inventory struct {
	mu sync.Mutex

	VPCs           []Found[ec2types.Vpc]
	VPCAttributes  []Found[VPCAttribute]
	Subnets        []Found[ec2types.Subnet]
	Zones          []Found[ec2types.AvailabilityZone] // hints about the Region only
	RouteTables    []Found[ec2types.RouteTable]
	Groups         []Found[ec2types.SecurityGroup]
	GroupRules     []Found[ec2types.SecurityGroupRule]
	GroupVPCs      []Found[ec2types.SecurityGroupVpcAssociation]
	ACLs           []Found[ec2types.NetworkAcl]
	PrefixLists    []Found[ec2types.ManagedPrefixList]
	OldPrefixLists []Found[ec2types.PrefixList]
	PrefixEntries  []Found[[]ec2types.PrefixListEntry] // parent: list

	TransitGateways    []Found[ec2types.TransitGateway]
	Attachments        []Found[ec2types.TransitGatewayAttachment]
	VPCAttachments     []Found[ec2types.TransitGatewayVpcAttachment]
	TransitPeerings    []Found[ec2types.TransitGatewayPeeringAttachment]
	TransitTables      []Found[ec2types.TransitGatewayRouteTable]
	TransitRoutes      []Found[[]ec2types.TransitGatewayRoute]                 // parent: table
	Associations       []Found[[]ec2types.TransitGatewayRouteTableAssociation] // parent: table
	Propagations       []Found[[]ec2types.TransitGatewayRouteTablePropagation] // parent: table
	TransitPrefixLists []Found[[]ec2types.TransitGatewayPrefixListReference]   // parent: table

	Peerings           []Found[ec2types.VpcPeeringConnection]
	InternetGateways   []Found[ec2types.InternetGateway]
	EgressOnlyGateways []Found[ec2types.EgressOnlyInternetGateway]
	VPNGateways        []Found[ec2types.VpnGateway]
	VPNs               []Found[ec2types.VpnConnection]
	NATGateways        []Found[ec2types.NatGateway]
	Endpoints          []Found[ec2types.VpcEndpoint]
	Interfaces         []Found[ec2types.NetworkInterface]
	Reservations       []Found[ec2types.Reservation]

	Balancers     []Found[elbtypes.LoadBalancer]
	Listeners     []Found[elbtypes.Listener]
	ListenerRules []Found[elbtypes.Rule]
	TargetGroups  []Found[elbtypes.TargetGroup]
	Targets       []Found[[]elbtypes.TargetHealthDescription] // parent: target group
	Databases     []Found[rdstypes.DBInstance]
	Quotas        []Found[quotatypes.ServiceQuota]
	HostedZones   []Found[[]zonetypes.HostedZoneSummary] // parent: VPC
	ZoneRecords   []Found[[]zonetypes.ResourceRecordSet] // parent: zone

	callers []Found[string] // accounts that sts:GetCallerIdentity named

	answered map[string][]*Origin // by call
	answers  map[string]bool      // by call and parent
	claimed  map[string]bool      // by call and parent
	refused  []Found[Refusal]
}

// VPCAttribute is an answer of DescribeVpcAttribute, which names its VPC.
type VPCAttribute struct {
	VpcId              *string
	EnableDnsSupport   *ec2types.AttributeBooleanValue
	EnableDnsHostnames *ec2types.AttributeBooleanValue
}

// Refusal is a call that gave no answer. Account and Region are those of a
// marker in a folder; the API's are in the origin.
type Refusal struct {
	Account string
	Region  string
	Call    string
	Code    string
	// Parent is what the call was about, where it was gone by then.
	Parent string
}

func New() *Inventory {
	return &Inventory{answered: map[string][]*Origin{}, answers: map[string]bool{}, claimed: map[string]bool{}}
}

// Add puts values of one answer on a list.
func Add[T any](inv *Inventory, list *[]Found[T], from *Origin, parent string, values ...T) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	for _, v := range values {
		*list = append(*list, Found[T]{v, parent, from})
	}
}

// Answer notes that a call was answered, empty or not.
func (inv *Inventory) Answer(call, parent string, from *Origin) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	inv.answers[call+" "+parent] = true
	if !slices.Contains(inv.answered[call], from) {
		inv.answered[call] = append(inv.answered[call], from)
	}
}

// Claim says whether the caller is the first to ask something that is the same
// in every Region.
func (inv *Inventory) Claim(call, parent string) bool {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	key := call + " " + parent
	if inv.claimed[key] {
		return false
	}
	inv.claimed[key] = true
	return true
}

// Refuse notes that a call was refused.
func (inv *Inventory) Refuse(r Refusal, from *Origin) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	inv.refused = append(inv.refused, Found[Refusal]{r, "", from})
	if r.Parent != "" {
		inv.answers[r.Call+" "+r.Parent] = true
	}
}

// ZonesOwnedBy gives the hosted zones of an account that were found in one place.
func (inv *Inventory) ZonesOwnedBy(scope topology.Scope) []string {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	var out []string
	for _, f := range inv.HostedZones {
		for _, z := range f.value {
			if f.from.Hint == scope && z.HostedZoneId != nil && z.Owner != nil && z.Owner.OwningAccount != nil && *z.Owner.OwningAccount == scope.Account {
				out = append(out, awsmodel.ZoneID(*z.HostedZoneId))
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// IDs gives the ids of what was found in one place.
func IDs[T any](inv *Inventory, list *[]Found[T], scope topology.Scope, id func(T) *string) []string {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	var out []string
	for _, f := range *list {
		if p := id(f.value); p != nil && f.from.Hint == scope {
			out = append(out, *p)
		}
	}
	return out
}
