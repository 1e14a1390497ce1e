package topology

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"slices"
)

// sealed are the digests of a snapshot: of the whole, and of each resource.
// Two resources of one id (a peering attachment's ends, databases of one name)
// share one over both.
type sealed struct {
	digest string
	prints map[string]string
}

// seal encodes each resource once. The digest is of what json.Marshal gives
// for Resources, put together from the resources' own JSON.
func seal(r *Resources) sealed {
	out := sealed{prints: make(map[string]string, len(r.SecurityGroups)+len(r.Interfaces)+len(r.Instances)+len(r.Subnets))}
	all := sha256.New()
	put := func(s string) { _, _ = io.WriteString(all, s) } // a hash never fails
	put("{")
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	kinds := 0
	err := eachKind(r, func(kind string, n int, item func(int) (string, any)) error {
		if kinds++; kinds > 1 {
			put(",")
		}
		put("\"" + kind + "\":[")
		for i := range n {
			if i > 0 {
				put(",")
			}
			id, v := item(i)
			buf.Reset()
			if err := enc.Encode(v); err != nil {
				return err
			}
			line := bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
			_, _ = all.Write(line)
			if id == "" {
				continue
			}
			sum := sha256.Sum256(line)
			if old, twice := out.prints[id]; twice {
				sum = sha256.Sum256(append([]byte(old), line...))
			}
			out.prints[id] = hex.EncodeToString(sum[:])
		}
		put("]")
		return nil
	})
	if err != nil {
		panic("topology: a checked resource does not encode: " + err.Error())
	}
	put("}")
	out.digest = hex.EncodeToString(all.Sum(nil))
	return out
}

// eachKind goes through the lists of Resources in the order of its fields.
// item gives an element's id, empty where it has none, and the element.
func eachKind(r *Resources, f func(kind string, n int, item func(int) (string, any)) error) error {
	steps := []func() error{
		visit(f, "vpcs", r.VPCs, func(v *VPC) string { return v.ID }),
		visit(f, "subnets", r.Subnets, func(v *Subnet) string { return v.ID }),
		visit(f, "route_tables", r.RouteTables, func(v *RouteTable) string { return v.ID }),
		visit(f, "security_groups", r.SecurityGroups, func(v *SecurityGroup) string { return v.ID }),
		visit(f, "network_acls", r.NetworkACLs, func(v *NetworkACL) string { return v.ID }),
		visit(f, "prefix_lists", r.PrefixLists, func(v *PrefixList) string { return v.ID }),
		visit(f, "transit_gateways", r.TransitGateways, func(v *TransitGateway) string { return v.ID }),
		visit(f, "transit_gateway_attachments", r.Attachments, func(v *TransitGatewayAttachment) string { return v.ID }),
		visit(f, "transit_gateway_route_tables", r.TransitRouteTables, func(v *TransitGatewayRouteTable) string { return v.ID }),
		visit(f, "peering_connections", r.Peerings, func(v *PeeringConnection) string { return v.ID }),
		visit(f, "gateways", r.Gateways, func(v *Gateway) string { return v.ID }),
		visit(f, "vpc_endpoints", r.Endpoints, func(v *VPCEndpoint) string { return v.ID }),
		visit(f, "network_interfaces", r.Interfaces, func(v *NetworkInterface) string { return v.ID }),
		visit(f, "instances", r.Instances, func(v *Instance) string { return v.ID }),
		visit(f, "load_balancers", r.LoadBalancers, func(v *LoadBalancer) string { return v.ID }),
		visit(f, "db_instances", r.DBInstances, func(v *DBInstance) string { return v.ID }),
		visit(f, "hosted_zones", r.HostedZones, func(v *HostedZone) string { return v.ID }),
		visit(f, "quotas", r.Quotas, func(*Quota) string { return "" }),
		visit(f, "not_read", r.NotRead, func(*NotRead) string { return "" }),
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func visit[T any](f func(string, int, func(int) (string, any)) error, kind string, in []T, id func(*T) string) func() error {
	return func() error {
		return f(kind, len(in), func(i int) (string, any) { return id(&in[i]), &in[i] })
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
