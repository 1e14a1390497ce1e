package diagram

import (
	"strings"

	"github.com/flowcover/flowcover/topology"
)

// nameOf gives what people call a resource: its Name tag, or a group's name;
// empty where nothing names it.
func nameOf(s *topology.Snapshot, id string) string {
	kind, _, _ := strings.Cut(id, "-")
	tag := func(t topology.Tags, ok bool) string {
		if !ok {
			return ""
		}
		return clean(t["Name"])
	}
	switch {
	case strings.HasPrefix(id, "tgw-rtb-"):
		if v, ok := s.TransitRouteTable(id); ok {
			return tag(v.Tags, ok)
		}
	case strings.HasPrefix(id, "tgw-attach-"):
		if v, ok := s.Attachment(id); ok {
			return tag(v.Tags, ok)
		}
	}
	switch kind {
	case "vpc":
		if v, ok := s.VPC(id); ok {
			return tag(v.Tags, ok)
		}
	case "subnet":
		if v, ok := s.Subnet(id); ok {
			return tag(v.Tags, ok)
		}
	case "sg":
		if v, ok := s.SecurityGroup(id); ok {
			return clean(v.Name)
		}
	case "acl":
		if v, ok := s.NetworkACL(id); ok {
			return tag(v.Tags, ok)
		}
	case "rtb":
		if v, ok := s.RouteTable(id); ok {
			return tag(v.Tags, ok)
		}
	case "tgw":
		if v, ok := s.TransitGateway(id); ok {
			return tag(v.Tags, ok)
		}
	case "i":
		if v, ok := s.Instance(id); ok {
			return tag(v.Tags, ok)
		}
	case "eni":
		if v, ok := s.Interface(id); ok {
			return tag(v.Tags, ok)
		}
	case "igw", "eigw", "vgw", "nat":
		if v, ok := s.Gateway(id); ok {
			return tag(v.Tags, ok)
		}
	case "vpce":
		if v, ok := s.Endpoint(id); ok {
			return tag(v.Tags, ok)
		}
	}
	return ""
}
