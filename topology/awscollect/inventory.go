package awscollect

import (
	"slices"
	"sync"

	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	quotatypes "github.com/aws/aws-sdk-go-v2/service/servicequotas/types"

	"github.com/flowcover/flowcover/topology"
)

// NotInExport is the code of a call whose answer a folder does not hold.
const NotInExport = "NotInExport"

// origin is where an answer came from: one file, or one call in one Region.
type origin struct {
	source string         // for messages
	folder string         // what lies here belongs together: a folder, or account/Region
	hint   topology.Scope // what the folders' names, or the call, say
}

// found is a value of an answer. parent is the id that the answer itself does
// not repeat: the route table of a route, the list of an entry.
type found[T any] struct {
	value  T
	parent string
	from   *origin
}

// inventory is all that was answered, unjudged. add and refuse are safe for
// concurrent use.
type inventory struct {
	mu sync.Mutex

	vpcs           []found[ec2types.Vpc]
	vpcAttributes  []found[vpcAttribute]
	subnets        []found[ec2types.Subnet]
	zones          []found[ec2types.AvailabilityZone] // hints about the Region only
	routeTables    []found[ec2types.RouteTable]
	groups         []found[ec2types.SecurityGroup]
	groupRules     []found[ec2types.SecurityGroupRule]
	groupVPCs      []found[ec2types.SecurityGroupVpcAssociation]
	acls           []found[ec2types.NetworkAcl]
	prefixLists    []found[ec2types.ManagedPrefixList]
	oldPrefixLists []found[ec2types.PrefixList]
	prefixEntries  []found[[]ec2types.PrefixListEntry] // parent: list

	tgws           []found[ec2types.TransitGateway]
	attachments    []found[ec2types.TransitGatewayAttachment]
	vpcAttachments []found[ec2types.TransitGatewayVpcAttachment]
	tgwPeerings    []found[ec2types.TransitGatewayPeeringAttachment]
	tgwTables      []found[ec2types.TransitGatewayRouteTable]
	tgwRoutes      []found[[]ec2types.TransitGatewayRoute]                 // parent: table
	associations   []found[[]ec2types.TransitGatewayRouteTableAssociation] // parent: table
	propagations   []found[[]ec2types.TransitGatewayRouteTablePropagation] // parent: table
	tgwPrefixLists []found[[]ec2types.TransitGatewayPrefixListReference]   // parent: table

	peerings     []found[ec2types.VpcPeeringConnection]
	igws         []found[ec2types.InternetGateway]
	eigws        []found[ec2types.EgressOnlyInternetGateway]
	vgws         []found[ec2types.VpnGateway]
	vpns         []found[ec2types.VpnConnection]
	nats         []found[ec2types.NatGateway]
	endpoints    []found[ec2types.VpcEndpoint]
	enis         []found[ec2types.NetworkInterface]
	reservations []found[ec2types.Reservation]

	balancers     []found[elbtypes.LoadBalancer]
	listeners     []found[elbtypes.Listener]
	listenerRules []found[elbtypes.Rule]
	targetGroups  []found[elbtypes.TargetGroup]
	targets       []found[[]elbtypes.TargetHealthDescription] // parent: target group
	databases     []found[rdstypes.DBInstance]
	quotas        []found[quotatypes.ServiceQuota]

	callers []found[string] // accounts that sts:GetCallerIdentity named

	answered map[string][]*origin // by call
	answers  map[string]bool      // by call and parent
	refused  []found[refusal]
}

// vpcAttribute is an answer of DescribeVpcAttribute, which names its VPC.
type vpcAttribute struct {
	VpcId              *string
	EnableDnsSupport   *ec2types.AttributeBooleanValue
	EnableDnsHostnames *ec2types.AttributeBooleanValue
}

// refusal is a call that gave no answer. Account and Region are those of a
// marker in a folder; the API's are in the origin.
type refusal struct {
	Account string
	Region  string
	Call    string
	Code    string
	// Parent is what the call was about, where it was gone by then.
	Parent string
}

func newInventory() *inventory {
	return &inventory{answered: map[string][]*origin{}, answers: map[string]bool{}}
}

// add puts values of one answer on a list.
func add[T any](inv *inventory, list *[]found[T], from *origin, parent string, values ...T) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	for _, v := range values {
		*list = append(*list, found[T]{v, parent, from})
	}
}

// answer notes that a call was answered, empty or not.
func (inv *inventory) answer(call, parent string, from *origin) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	inv.answers[call+" "+parent] = true
	if !slices.Contains(inv.answered[call], from) {
		inv.answered[call] = append(inv.answered[call], from)
	}
}

// refuse notes that a call was refused.
func (inv *inventory) refuse(r refusal, from *origin) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	inv.refused = append(inv.refused, found[refusal]{r, "", from})
	if r.Parent != "" {
		inv.answers[r.Call+" "+r.Parent] = true
	}
}
