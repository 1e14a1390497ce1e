package lint

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/flowcover/flowcover/topology"
)

// serviceName is a name that clients of a VPC resolve to an endpoint.
type serviceName struct {
	vpc      string
	endpoint *topology.VPCEndpoint
	enis     []string // those that the name leads to
	detail   string
	reason   string
	remedy   string
}

const admitText = "admit tcp/443 from the VPC to the endpoint's group, out of the clients' groups and through their ACLs; "

// serviceNames lists what leads to interface endpoints: their private DNS in
// their own VPC, and records of hosted zones in every VPC that a zone is
// associated with.
func (l *linter) serviceNames() []serviceName {
	var out []serviceName
	own := map[[2]string]bool{} // endpoint and VPC that private DNS joins
	some := false
	for i := range l.r.Endpoints {
		e := &l.r.Endpoints[i]
		if !usableEndpoint(e) {
			continue
		}
		some = true
		// An endpoint for inbound resolvers only leaves the VPC's own clients
		// with the service's public answer.
		if !e.PrivateDNS || e.InboundResolverOnly || !l.resolves(e.VPC) {
			continue
		}
		own[[2]string{e.ID, e.VPC}] = true
		out = append(out, serviceName{vpc: e.VPC, endpoint: e, enis: e.ENIs, detail: e.Service,
			reason: fmt.Sprintf("private DNS of %s sends all clients of %s to its interfaces for %s", l.s.Label(e.ID), l.s.Label(e.VPC), e.Service),
			remedy: admitText + "or turn private DNS off and give a zone of your own to those who need it"})
	}
	if !some {
		return nil
	}
	l.not["zones that Route 53 Profiles bring to a VPC: they are not read"] = true
	l.unreadZones()
	l.names = l.indexNames()
	for i := range l.r.VPCs {
		if v := l.r.VPCs[i].ID; l.resolves(v) {
			for _, n := range l.zoneNames(v) {
				if !own[[2]string{n.endpoint.ID, v}] {
					out = append(out, n)
				}
			}
		}
	}
	return out
}

func (l *linter) labels(ids []string) string {
	var out []string
	for _, id := range ids {
		out = append(out, l.s.Label(id))
	}
	return strings.Join(out, ", ")
}

func usableEndpoint(e *topology.VPCEndpoint) bool {
	return strings.EqualFold(e.Type, "Interface") && len(e.ENIs) > 0 && (e.State == "" || strings.EqualFold(e.State, "available"))
}

// resolves says whether a VPC's resolver uses private zones: both attributes
// must be on.
func (l *linter) resolves(vpc string) bool {
	off := func(v *bool) bool { return v != nil && !*v }
	v, ok := l.s.VPC(vpc)
	return ok && !off(v.EnableDNSSupport) && !off(v.EnableDNSHostnames)
}

// unreadZones says which zones may lead to an endpoint and were not read: those
// of other accounts. The zones that AWS makes are the endpoints' own.
func (l *linter) unreadZones() {
	for i := range l.r.HostedZones {
		z := &l.r.HostedZones[i]
		if !z.RecordsRead && len(z.VPCs) > 0 && isAccount(z.Owner) {
			l.not[fmt.Sprintf("where the names of zone %s lead: the records of account %s were not read", l.s.Label(z.ID), z.Owner)] = true
		}
	}
}

func isAccount(s string) bool {
	return len(s) == 12 && strings.Trim(s, "0123456789") == ""
}

// zoneNames lists the endpoints to which records of hosted zones lead a VPC,
// each once with all its names.
func (l *linter) zoneNames(vpc string) []serviceName {
	zones := l.s.ZonesOf(vpc)
	type led struct {
		enis, names, zones []string
	}
	by := map[*topology.VPCEndpoint]*led{}
	for _, z := range zones {
		for _, r := range z.Records {
			if zoneFor(zones, r.Name) != z {
				continue
			}
			for _, h := range l.leads(vpc, zones, r, 0) {
				if by[h.endpoint] == nil {
					by[h.endpoint] = &led{}
				}
				x := by[h.endpoint]
				x.enis, x.names = append(x.enis, h.enis...), append(x.names, r.Name)
				x.zones = append(x.zones, z.ID)
			}
		}
	}
	var out []serviceName
	for e, x := range by {
		for _, list := range []*[]string{&x.enis, &x.names, &x.zones} {
			slices.Sort(*list)
			*list = slices.Compact(*list)
		}
		out = append(out, serviceName{vpc: vpc, endpoint: e, enis: x.enis, detail: "in " + vpc,
			reason: fmt.Sprintf("zone %s, which %s resolves by, sends its clients to %s for %s", l.labels(x.zones), l.s.Label(vpc), l.s.Label(e.ID), strings.Join(x.names, ", ")),
			remedy: admitText + "or take the VPC from the zone"})
	}
	slices.SortFunc(out, func(a, b serviceName) int { return strings.Compare(a.endpoint.ID, b.endpoint.ID) })
	return out
}

// zoneFor gives the zone that answers for a name: of those whose names end it,
// the longest.
func zoneFor(zones []*topology.HostedZone, name string) *topology.HostedZone {
	var best *topology.HostedZone
	for _, z := range zones {
		if (name == z.Name || strings.HasSuffix(name, "."+z.Name)) && (best == nil || len(z.Name) > len(best.Name)) {
			best = z
		}
	}
	return best
}

// hit is an endpoint, and those of its interfaces that a record leads to.
type hit struct {
	endpoint *topology.VPCEndpoint
	enis     []string
}

// leads follows a record, through other names of the VPC's zones, to endpoints.
func (l *linter) leads(vpc string, zones []*topology.HostedZone, r topology.ZoneRecord, depth int) []hit {
	var out []hit
	follow := func(name string) {
		if h, ok := l.endpointNamed(name); ok {
			out = append(out, h)
			return
		}
		z := zoneFor(zones, name)
		if z == nil || depth > 8 {
			return // a public name, or one that leads in circles
		}
		for _, next := range l.names.records[z.ID][name] {
			out = append(out, l.leads(vpc, zones, *next, depth+1)...)
		}
	}
	switch {
	case r.Alias != "":
		follow(r.Alias)
	case r.Type == "CNAME":
		for _, v := range r.Values {
			follow(v)
		}
	default:
		for _, v := range r.Values {
			if a, err := netip.ParseAddr(v); err == nil {
				out = append(out, l.endpointAt(vpc, a)...)
			}
		}
	}
	return out
}

// nameIndex finds what records lead to: a zone of thousands of records may be
// associated with every VPC.
type nameIndex struct {
	at      map[netip.Addr][]hit                         // one interface each
	public  map[string]hit                               // by a public endpoint name, without *.
	records map[string]map[string][]*topology.ZoneRecord // by zone and name
}

func (l *linter) indexNames() nameIndex {
	x := nameIndex{map[netip.Addr][]hit{}, map[string]hit{}, map[string]map[string][]*topology.ZoneRecord{}}
	for i := range l.r.Endpoints {
		e := &l.r.Endpoints[i]
		if !usableEndpoint(e) {
			continue
		}
		for _, id := range e.ENIs {
			if n, ok := l.s.Interface(id); ok {
				for _, a := range n.Addresses {
					x.at[a] = append(x.at[a], hit{e, []string{id}})
				}
			}
		}
		for _, name := range e.DNSNames {
			if name = strings.TrimPrefix(topology.DomainName(name), "*."); strings.HasSuffix(name, publicSuffix) {
				x.public[name] = hit{e, l.inZoneOf(e, name)}
			}
		}
	}
	for i := range l.r.HostedZones {
		z := &l.r.HostedZones[i]
		by := map[string][]*topology.ZoneRecord{}
		for j := range z.Records {
			by[z.Records[j].Name] = append(by[z.Records[j].Name], &z.Records[j])
		}
		x.records[z.ID] = by
	}
	return x
}

// publicSuffix ends the public names of endpoints; their other names are public
// elsewhere and lead to the service.
const publicSuffix = ".vpce.amazonaws.com"

// endpointAt finds the endpoint whose interface holds an address. Where VPCs
// overlap, the asking VPC's own is meant; of several others none is.
func (l *linter) endpointAt(vpc string, a netip.Addr) []hit {
	found := l.names.at[a.Unmap()]
	for i, h := range found {
		if h.endpoint.VPC == vpc {
			return found[i : i+1]
		}
	}
	if len(found) > 1 {
		l.not[fmt.Sprintf("which endpoint %s is for %s: several hold the address", a, vpc)] = true
		return nil
	}
	return found
}

// endpointNamed finds the endpoint of a public endpoint name, or of a name
// below one that stands for all.
func (l *linter) endpointNamed(name string) (hit, bool) {
	name = strings.TrimPrefix(name, "*.")
	for strings.HasSuffix(name, publicSuffix) {
		if h, ok := l.names.public[name]; ok {
			return h, true
		}
		_, name, _ = strings.Cut(name, ".")
	}
	return hit{}, false
}

// inZoneOf gives the interfaces of an endpoint's name: those of a zone where
// the name's first label ends in one, else all.
func (l *linter) inZoneOf(e *topology.VPCEndpoint, name string) []string {
	label, _, _ := strings.Cut(name, ".")
	best, zone := e.ENIs, ""
	for _, id := range e.ENIs {
		n, ok := l.s.Interface(id)
		if !ok || n.AZ == "" || !strings.HasSuffix(label, "-"+n.AZ) {
			continue
		}
		if cmp.Compare(len(n.AZ), len(zone)) > 0 {
			best, zone = nil, n.AZ
		}
		if n.AZ == zone {
			best = append(best, id)
		}
	}
	return best
}
