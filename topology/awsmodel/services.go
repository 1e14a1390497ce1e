package awsmodel

import (
	"math"
	"slices"
	"strings"

	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	quotatypes "github.com/aws/aws-sdk-go-v2/service/servicequotas/types"

	"github.com/flowcover/flowcover/topology"
	"github.com/flowcover/flowcover/topology/netset"
)

// LoadBalancer reads a load balancer without its listeners.
func LoadBalancer(l elbtypes.LoadBalancer) (topology.LoadBalancer, error) {
	f := &fields{}
	f.name("LoadBalancerArn", text(l.LoadBalancerArn))
	out := topology.LoadBalancer{
		ID: f.id, Scope: ScopeOfARN(f.id), Name: text(l.LoadBalancerName), Type: string(l.Type),
		Scheme: string(l.Scheme), VPC: text(l.VpcId), Groups: l.SecurityGroups,
	}
	return out, f.err
}

// Listener is a load balancer's listener: its port in each protocol that it
// takes, and the target groups that it forwards to.
type Listener struct {
	ARN          string
	LoadBalancer string // ARN
	Ports        []topology.Listener
	TargetGroups []string // ARNs, sorted
}

// ReadListener reads a listener with the targets of its default action.
func ReadListener(l elbtypes.Listener) (Listener, error) {
	f := &fields{}
	f.name("ListenerArn", text(l.ListenerArn))
	out := Listener{ARN: f.id, LoadBalancer: text(l.LoadBalancerArn), TargetGroups: TargetGroups(l.DefaultActions)}
	port := number(l.Port, 0)
	switch l.Protocol {
	case elbtypes.ProtocolEnumUdp, elbtypes.ProtocolEnumQuic:
		out.Ports = []topology.Listener{{Protocol: netset.UDP, Port: port}}
	case elbtypes.ProtocolEnumTcpUdp, elbtypes.ProtocolEnumTcpQuic:
		out.Ports = []topology.Listener{{Protocol: netset.TCP, Port: port}, {Protocol: netset.UDP, Port: port}}
	case elbtypes.ProtocolEnumGeneve:
		out.Ports = []topology.Listener{{Protocol: netset.UDP, Port: 6081}}
	case "":
		// A Gateway Load Balancer's listener names no protocol and takes all.
	default:
		out.Ports = []topology.Listener{{Protocol: netset.TCP, Port: port}}
	}
	return out, f.err
}

// TargetGroups lists the target groups that actions forward to, sorted.
func TargetGroups(actions []elbtypes.Action) []string {
	var out []string
	add := func(arn string) {
		if arn != "" && !slices.Contains(out, arn) {
			out = append(out, arn)
		}
	}
	for _, a := range actions {
		add(text(a.TargetGroupArn))
		if a.ForwardConfig != nil {
			for _, g := range a.ForwardConfig.TargetGroups {
				add(text(g.TargetGroupArn))
			}
		}
	}
	slices.Sort(out)
	return out
}

// ListenerOfRule gives the listener that a listener rule belongs to, by the
// rule's ARN: .../listener-rule/app/NAME/LB/LISTENER/RULE.
func ListenerOfRule(ruleARN string) string {
	i := strings.LastIndexByte(ruleARN, '/')
	if i < 0 {
		return ""
	}
	return strings.Replace(ruleARN[:i], ":listener-rule/", ":listener/", 1)
}

// Target reads a registered target.
func Target(d elbtypes.TargetHealthDescription) (topology.Target, bool) {
	if d.Target == nil {
		return topology.Target{}, false
	}
	return topology.Target{ID: text(d.Target.Id), Port: number(d.Target.Port, 0)}, true
}

// DBInstance reads an RDS instance.
func DBInstance(d rdstypes.DBInstance) (topology.DBInstance, bool, error) {
	f := &fields{}
	f.name("DBInstanceIdentifier", text(d.DBInstanceIdentifier))
	out := topology.DBInstance{ID: f.id, Scope: ScopeOfARN(text(d.DBInstanceArn)), Engine: text(d.Engine)}
	if out.Region == "" {
		out.Region = RegionOf(text(d.AvailabilityZone))
	}
	// The endpoint's port is the one that is answered on; DbInstancePort stays 0
	// where it was never set apart.
	if out.Port = number(d.DbInstancePort, 0); d.Endpoint != nil && d.Endpoint.Port != nil {
		out.Port = number(d.Endpoint.Port, 0)
	}
	if g := d.DBSubnetGroup; g != nil {
		out.VPC = text(g.VpcId)
		for _, s := range g.Subnets {
			out.Subnets = append(out.Subnets, text(s.SubnetIdentifier))
		}
	}
	for _, g := range d.VpcSecurityGroups {
		if text(g.Status) != "removing" && text(g.Status) != "removed" {
			out.Groups = append(out.Groups, text(g.VpcSecurityGroupId))
		}
	}
	return out, text(d.DBInstanceStatus) != "deleting", f.err
}

// Quota reads a quota in force. Its scope is empty where the ARN names no
// account, as a default's does not.
func Quota(q quotatypes.ServiceQuota) (topology.Quota, error) {
	f := &fields{}
	f.name("QuotaCode", text(q.QuotaCode))
	out := topology.Quota{Code: f.id}
	if s := ScopeOfARN(text(q.QuotaArn)); s.Account != "" {
		out.Scope = s
	}
	if q.Value == nil || *q.Value < 0 || *q.Value > math.MaxInt32 {
		f.fail("Value", "", "want a number")
		return out, f.err
	}
	out.Value = int(*q.Value)
	return out, f.err
}
