package analyze

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/flowcover/flowcover/topology"
)

// Service is what runs at an address for a while only: tasks of an ECS service
// or EKS pods. The next one has another address of the same subnet, so a rule for
// the address would not last.
type Service struct {
	Name  string       // such as "ECS service api" or "EKS pods"
	Range netip.Prefix // of the subnet that the addresses are taken from
}

// Services tells such addresses by what the logs and the snapshots say of their
// ENIs. It is not safe for concurrent use.
type Services struct {
	w    *world
	gone map[netip.Addr][]string // addresses of ENIs in no snapshot
	memo map[serviceKey]Service  // without a range: none
	none bool                    // nowhere is there one
}

type serviceKey struct {
	vpc  string
	addr netip.Addr
}

// ServicesOf reads the flows' own ENIs as well, for those that are in no
// snapshot any more.
func ServicesOf(flows []Flow, ev Evidence) *Services {
	w := newWorld(ev.Snapshots, ev.Hours)
	return newServices(w, goneAddresses(flows, w))
}

func newServices(w *world, gone map[netip.Addr][]string) *Services {
	s := &Services{w: w, gone: gone, memo: map[serviceKey]Service{}, none: true}
	for _, h := range w.hours {
		s.none = s.none && clean(h.ECSService) == ""
	}
	for _, at := range w.snaps {
		res := at.Snapshot.Resources()
		for i := range res.Interfaces {
			n := &res.Interfaces[i]
			s.none = s.none && len(n.Prefixes) == 0 && !isTask(n) && !strings.HasPrefix(n.Description, podsENI) && !strings.HasPrefix(n.Description, branchENI)
		}
	}
	return s
}

// isTask says whether the ENI was made for an ECS task.
func isTask(i *topology.NetworkInterface) bool {
	return strings.HasPrefix(i.Description, "arn:") && strings.Contains(i.Description, ":ecs:") && strings.Contains(i.Description, ":attachment/")
}

// goneAddresses are the addresses of ENIs that are in no snapshot, with their ids.
func goneAddresses(flows []Flow, w *world) map[netip.Addr][]string {
	gone := map[netip.Addr][]string{}
	for i := range flows {
		f := &flows[i]
		if i, _ := w.iface(f.ENI); i != nil || noENI(f.ENI) {
			continue
		}
		if l := gone[f.Local]; !slices.Contains(l, f.ENI) {
			gone[f.Local] = append(l, f.ENI)
		}
	}
	for _, l := range gone {
		slices.Sort(l)
	}
	return gone
}

// At gives the service at an address, seen from a VPC: where several VPCs have
// the address its own one counts. A nil Services knows none.
func (s *Services) At(vpc string, a netip.Addr) (Service, bool) {
	if s == nil || s.none || s.w.newest() == nil || !a.IsValid() {
		return Service{}, false
	}
	k := serviceKey{vpc, a}
	v, ok := s.memo[k]
	if !ok {
		v = s.find(vpc, a.Unmap())
		s.memo[k] = v
	}
	return v, v.Range.IsValid()
}

func (s *Services) find(vpc string, a netip.Addr) Service {
	var found []Service
	at := s.w.at(a)
	if slices.ContainsFunc(at, func(i *topology.NetworkInterface) bool { return i.VPC == vpc }) {
		at = slices.DeleteFunc(slices.Clone(at), func(i *topology.NetworkInterface) bool { return i.VPC != vpc })
	}
	for _, i := range at {
		found = append(found, Service{s.nameOf(i, a), s.rangeIn(i.Subnet, a)})
	}
	if len(at) == 0 {
		for _, id := range s.gone[a] {
			h := s.w.hours[id]
			found = append(found, Service{ecsName(clean(h.ECSService)), s.rangeIn(clean(h.Subnet), a)})
		}
	}
	for _, f := range found {
		if f.Name == "" || f.Range != found[0].Range {
			return Service{} // somebody else may have it, or have had it
		}
	}
	if len(found) == 0 {
		return Service{}
	}
	return found[0]
}

func (s *Services) rangeIn(subnet string, a netip.Addr) netip.Prefix {
	if sub, ok := s.w.newest().Subnet(subnet); ok {
		for _, p := range sub.CIDRs {
			if p.Contains(a) {
				return p
			}
		}
	}
	return netip.Prefix{}
}

func ecsName(service string) string {
	if service == "" {
		return ""
	}
	return "ECS service " + service
}

// Words that AWS writes into descriptions and tags of ENIs.
const (
	tagECSService = "aws:ecs:serviceName"
	tagEKSCluster = "cluster.k8s.amazonaws.com/name"
	podsENI       = "aws-K8S-"           // of the VPC CNI: a node's further ENI
	branchENI     = "aws-k8s-branch-eni" // a pod's own
)

// nameOf names the service that holds the address on the ENI; empty: none.
func (s *Services) nameOf(i *topology.NetworkInterface, a netip.Addr) string {
	d := i.Description
	switch {
	case clean(s.w.hours[i.ID].ECSService) != "":
		return ecsName(clean(s.w.hours[i.ID].ECSService))
	case isTask(i):
		if name := i.Tags[tagECSService]; name != "" {
			return ecsName(name)
		}
		return "ECS tasks"
	}
	// The first address is the node's own, but for a branch.
	pod := !slices.Contains(i.Addresses, a) || strings.HasPrefix(d, branchENI) ||
		strings.HasPrefix(d, podsENI) && i.Addresses[0] != a
	if !pod {
		return ""
	}
	if name := i.Tags[tagEKSCluster]; name != "" {
		return "EKS pods of " + name
	}
	return "EKS pods"
}
