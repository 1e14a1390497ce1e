package demo

import (
	"fmt"
	"net/netip"

	"github.com/flowcover/flowcover/topology"
)

// addInterfaces makes the ENIs of every role, the transit gateway's, and more
// of the roles that grow until there are as many as asked for.
func (b *builder) addInterfaces(want int) error {
	for i := range roles {
		for _, v := range b.plansOf(roles[i].vpc) {
			for range roles[i].base {
				if err := b.addInterface(&roles[i], v); err != nil {
					return err
				}
			}
		}
	}
	for i := range b.vpcs {
		if err := b.addTransitInterfaces(&b.vpcs[i]); err != nil {
			return err
		}
	}
	var turns []*role
	for i := range roles {
		for range roles[i].grows {
			turns = append(turns, &roles[i])
		}
	}
	biz := b.plansOf("biz")
	for n := 0; len(b.res.Interfaces) < want; n++ {
		r := turns[n%len(turns)]
		v := b.plansOf(r.vpc)
		if r.vpc == "biz" {
			if len(biz) == 0 {
				continue
			}
			v = biz[n%len(biz):]
		}
		if err := b.addInterface(r, v[0]); err != nil {
			return err
		}
	}
	return nil
}

// makers tell how AWS describes the ENIs that its services make.
var makers = map[string]struct{ kind, text, requester string }{
	"nlb":    {"network_load_balancer", "ELB net/%s/%s", "amazon-elb"},
	"alb":    {"interface", "ELB app/%s/%s", "amazon-elb"},
	"nat":    {"nat_gateway", "Interface for NAT Gateway %s", ""},
	"rds":    {"interface", "RDSNetworkInterface", "amazon-rds"},
	"vpce":   {"vpc_endpoint", "VPC Endpoint Interface %s", "amazon-aws"},
	"lambda": {"lambda", "AWS Lambda VPC ENI-%s", "AROAFLOWCOVERDEMO00000:" + demoAccount},
	"cache":  {"interface", "ElastiCache %s", "amazon-elasticache"},
}

// addInterface makes one ENI of a role, in the zones by turns.
func (b *builder) addInterface(r *role, v *vpcPlan) error {
	key := v.key + "/" + r.name
	number := len(b.members[key])
	letter := zoneLetters[number%len(zoneLetters)]
	subnet := b.subnets[v.key+"/"+r.tier+"/"+letter]
	v4, v6, err := subnet.take()
	if err != nil {
		return fmt.Errorf("role %s in VPC %s: %w", r.name, v.key, err)
	}
	label := fmt.Sprintf("%s-%s-%02d", r.title, letter, number+1)
	e := topology.NetworkInterface{ID: b.id("eni", key, fmt.Sprint(number)), Scope: b.scope, VPC: v.id, Subnet: subnet.id, AZ: subnet.az,
		Type: "interface", Addresses: []netip.Addr{v4}, SourceDestCheck: true, Tags: named(label, "Role", r.name)}
	if r.v6 {
		e.Addresses = append(e.Addresses, v6)
	}
	for _, g := range r.groups {
		e.Groups = append(e.Groups, b.groupID(v.key+"/"+g))
	}
	// The leftovers are not on every host: one to four groups each.
	if len(e.Groups) > 3 && number%3 == 2 {
		e.Groups = e.Groups[:3]
	}
	if r.name == "was" && number%2 == 1 {
		e.Groups = e.Groups[:2]
	}
	if r.public {
		e.PublicAddresses = map[string]netip.Addr{v4.String(): b.publicAddress()}
	}
	if r.host() {
		e.Instance = b.id("i", key, fmt.Sprint(number))
		b.res.Instances = append(b.res.Instances, topology.Instance{ID: e.Instance, Scope: b.scope, State: "running", ENIs: []string{e.ID}, Tags: e.Tags})
	} else {
		b.manage(&e, r)
	}
	b.members[key] = append(b.members[key], len(b.res.Interfaces))
	b.res.Interfaces = append(b.res.Interfaces, e)
	return nil
}

// manage makes the ENI one that a service made.
func (b *builder) manage(e *topology.NetworkInterface, r *role) {
	m := makers[r.made]
	e.Type, e.RequesterManaged, e.Requester = m.kind, true, m.requester
	switch r.made {
	case "nlb", "alb":
		e.Description = fmt.Sprintf(m.text, loadBalancerName(r.name), b.loadBalancerHash(r.name))
	case "nat":
		e.Description = fmt.Sprintf(m.text, b.id("nat", "dmz"))
		e.SourceDestCheck = false
	case "vpce":
		e.Description = fmt.Sprintf(m.text, b.id("vpce", "kms"))
	case "lambda":
		e.Description = fmt.Sprintf(m.text, "core-notify-"+digest(b.seed, "lambda")[:8])
	case "cache":
		e.Description = fmt.Sprintf(m.text, "core-session-001")
	default:
		e.Description = m.text
	}
}

// publicAddress gives the next Elastic IP.
func (b *builder) publicAddress() netip.Addr {
	n := 10
	for _, e := range b.res.Interfaces {
		n += len(e.PublicAddresses)
	}
	return netip.AddrFrom4([4]byte{198, 51, 100, byte(n)})
}

// addTransitInterfaces makes the transit gateway's ENIs of a VPC.
func (b *builder) addTransitInterfaces(v *vpcPlan) error {
	for _, letter := range zoneLetters {
		subnet := b.subnets[v.key+"/tgw/"+letter]
		v4, _, err := subnet.take()
		if err != nil {
			return err
		}
		b.res.Interfaces = append(b.res.Interfaces, topology.NetworkInterface{ID: b.id("eni", v.key, "tgw", letter), Scope: b.scope,
			VPC: v.id, Subnet: subnet.id, AZ: subnet.az, Type: "transit_gateway", Addresses: []netip.Addr{v4}, RequesterManaged: true,
			Requester: "522605744525", Description: "Network Interface for Transit Gateway Attachment " + b.id("tgw-attach", v.key)})
	}
	return nil
}

func loadBalancerName(role string) string {
	if role == "nlb" {
		return "ibank-nlb"
	}
	return "core-alb"
}

func (b *builder) loadBalancerHash(role string) string { return digest(b.seed, "lb", role)[:16] }
