package topology

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// sorted sorts every kind of resource by id and joins doubles. The same
// resource may have been read twice, through two accounts that share it: its
// tags are then seen by its owner only. What differs in more than tags is an
// error, for one of the two is not what stands.
func sorted(r Resources) (Resources, error) {
	var err error
	r.VPCs, err = unique(err, r.VPCs, func(v *VPC) (string, *Tags) { return v.ID, &v.Tags })
	r.Subnets, err = unique(err, r.Subnets, func(v *Subnet) (string, *Tags) { return v.ID, &v.Tags })
	r.RouteTables, err = unique(err, r.RouteTables, func(v *RouteTable) (string, *Tags) { return v.ID, &v.Tags })
	r.SecurityGroups, err = unique(err, r.SecurityGroups, func(v *SecurityGroup) (string, *Tags) { return v.ID, &v.Tags })
	r.NetworkACLs, err = unique(err, r.NetworkACLs, func(v *NetworkACL) (string, *Tags) { return v.ID, &v.Tags })
	r.PrefixLists, err = unique(err, r.PrefixLists, func(v *PrefixList) (string, *Tags) { return v.ID, nil })
	r.TransitGateways, err = unique(err, r.TransitGateways, func(v *TransitGateway) (string, *Tags) { return v.ID, &v.Tags })
	// A peering attachment has one id at both gateways.
	r.Attachments, err = unique(err, r.Attachments, func(v *TransitGatewayAttachment) (string, *Tags) {
		return v.ID + " at " + v.TransitGateway, &v.Tags
	})
	r.TransitRouteTables, err = unique(err, r.TransitRouteTables, func(v *TransitGatewayRouteTable) (string, *Tags) { return v.ID, &v.Tags })
	r.Peerings, err = unique(err, r.Peerings, func(v *PeeringConnection) (string, *Tags) { return v.ID, nil })
	r.Gateways, err = unique(err, r.Gateways, func(v *Gateway) (string, *Tags) { return v.ID, &v.Tags })
	r.Endpoints, err = unique(err, r.Endpoints, func(v *VPCEndpoint) (string, *Tags) { return v.ID, &v.Tags })
	r.Interfaces, err = unique(err, r.Interfaces, func(v *NetworkInterface) (string, *Tags) { return v.ID, &v.Tags })
	r.Instances, err = unique(err, r.Instances, func(v *Instance) (string, *Tags) { return v.ID, &v.Tags })
	r.LoadBalancers, err = unique(err, r.LoadBalancers, func(v *LoadBalancer) (string, *Tags) { return v.ID, nil })
	// A DB instance's name is unique within an account and Region only.
	r.DBInstances, err = unique(err, r.DBInstances, func(v *DBInstance) (string, *Tags) {
		return v.ID + " in " + v.Account + "/" + v.Region, nil
	})
	r.HostedZones, err = unique(err, r.HostedZones, func(v *HostedZone) (string, *Tags) { return v.ID, nil })
	r.Quotas, err = unique(err, r.Quotas, func(v *Quota) (string, *Tags) {
		return v.Account + "/" + v.Region + " " + v.Code, nil
	})
	if err != nil {
		return Resources{}, err
	}
	slices.SortFunc(r.NotRead, func(a, b NotRead) int {
		return cmp.Or(compareScope(a.Scope, b.Scope), cmp.Compare(a.Call, b.Call), cmp.Compare(a.Code, b.Code))
	})
	r.NotRead = orEmpty(slices.Compact(r.NotRead))
	return r, nil
}

// unique sorts by key and joins neighbours of one key. earlier is the first
// error so far, which stays.
func unique[T any](earlier error, in []T, key func(*T) (string, *Tags)) ([]T, error) {
	type keyed struct {
		key string
		at  int
	}
	order := make([]keyed, len(in))
	for i := range in {
		k, _ := key(&in[i])
		order[i] = keyed{k, i}
	}
	slices.SortStableFunc(order, func(a, b keyed) int { return cmp.Compare(a.key, b.key) })
	out := make([]T, 0, len(in))
	for i, o := range order {
		if i > 0 && order[i-1].key == o.key {
			if err := join(o.key, &out[len(out)-1], &in[o.at], key); err != nil && earlier == nil {
				earlier = err
			}
			continue
		}
		out = append(out, in[o.at])
	}
	return out, earlier
}

// join puts b's tags to a's, if nothing else differs.
func join[T any](name string, a, b *T, key func(*T) (string, *Tags)) error {
	x, y := *a, *b
	_, tx := key(&x)
	_, ty := key(&y)
	if tx != nil {
		all := Tags{}
		maps.Copy(all, *ty)
		for k, v := range *tx {
			if other, ok := all[k]; ok && other != v {
				return &ResourceError{name, "tags[" + k + "]", v, "read twice, the other time as \"" + other + "\""}
			}
			all[k] = v
		}
		*tx, *ty = nil, nil
		if reflect.DeepEqual(x, y) {
			if *tx = all; len(all) == 0 {
				*tx = nil
			}
			*a = x
			return nil
		}
	} else if reflect.DeepEqual(x, y) {
		return nil
	}
	return &ResourceError{name, differingField(x, y), "", "read twice with different contents: keep one reading of it"}
}

// differingField names the first field in which two values differ.
func differingField(a, b any) string {
	x, y := reflect.ValueOf(a), reflect.ValueOf(b)
	for i := range x.NumField() {
		if !reflect.DeepEqual(x.Field(i).Interface(), y.Field(i).Interface()) {
			f := x.Type().Field(i)
			if name := jsonName(f); name != "" {
				return name
			}
			return f.Name
		}
	}
	return ""
}

func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}
