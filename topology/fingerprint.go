package topology

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
)

// fingerprints gives each resource's SHA-256 by id. Two resources of one id (a
// peering attachment's ends, databases of one name) share one over both.
func fingerprints(r Resources) map[string]string {
	p := printer{out: make(map[string]string, len(r.SecurityGroups)+len(r.Interfaces)+len(r.Subnets))}
	printEach(&p, r.VPCs, func(v *VPC) string { return v.ID })
	printEach(&p, r.Subnets, func(v *Subnet) string { return v.ID })
	printEach(&p, r.RouteTables, func(v *RouteTable) string { return v.ID })
	printEach(&p, r.SecurityGroups, func(v *SecurityGroup) string { return v.ID })
	printEach(&p, r.NetworkACLs, func(v *NetworkACL) string { return v.ID })
	printEach(&p, r.PrefixLists, func(v *PrefixList) string { return v.ID })
	printEach(&p, r.TransitGateways, func(v *TransitGateway) string { return v.ID })
	printEach(&p, r.Attachments, func(v *TransitGatewayAttachment) string { return v.ID })
	printEach(&p, r.TransitRouteTables, func(v *TransitGatewayRouteTable) string { return v.ID })
	printEach(&p, r.Peerings, func(v *PeeringConnection) string { return v.ID })
	printEach(&p, r.Gateways, func(v *Gateway) string { return v.ID })
	printEach(&p, r.Endpoints, func(v *VPCEndpoint) string { return v.ID })
	printEach(&p, r.Interfaces, func(v *NetworkInterface) string { return v.ID })
	printEach(&p, r.Instances, func(v *Instance) string { return v.ID })
	printEach(&p, r.LoadBalancers, func(v *LoadBalancer) string { return v.ID })
	printEach(&p, r.DBInstances, func(v *DBInstance) string { return v.ID })
	return p.out
}

type printer struct {
	out map[string]string
	buf bytes.Buffer
}

func printEach[T any](p *printer, in []T, id func(*T) string) {
	enc := json.NewEncoder(&p.buf)
	for i := range in {
		p.buf.Reset()
		key := id(&in[i])
		p.buf.WriteString(p.out[key])
		if err := enc.Encode(&in[i]); err != nil {
			panic("topology: resource does not encode: " + err.Error()) // checked values always do
		}
		sum := sha256.Sum256(p.buf.Bytes())
		p.out[key] = hex.EncodeToString(sum[:])
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
