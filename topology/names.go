package topology

// Name gives what people call a resource: the name of a security group, prefix
// list, load balancer or hosted zone, else the "Name" tag; empty where it has
// none.
func (s *Snapshot) Name(id string) string {
	if g, ok := s.groups[id]; ok {
		return g.group.Name
	}
	x := s.ix
	switch {
	case x.vpcs[id] != nil:
		return x.vpcs[id].Tags["Name"]
	case x.subnets[id] != nil:
		return x.subnets[id].Tags["Name"]
	case x.instances[id] != nil:
		return x.instances[id].Tags["Name"]
	case x.enis[id] != nil:
		return x.enis[id].Tags["Name"]
	case x.routeTables[id] != nil:
		return x.routeTables[id].Tags["Name"]
	case x.tgws[id] != nil:
		return x.tgws[id].Tags["Name"]
	case x.tgwTables[id] != nil:
		return x.tgwTables[id].Tags["Name"]
	case x.gateways[id] != nil:
		return x.gateways[id].Tags["Name"]
	case x.endpoints[id] != nil:
		return x.endpoints[id].Tags["Name"]
	case x.prefixLists[id] != nil:
		return x.prefixLists[id].Name
	case len(x.attachments[id]) > 0:
		return x.attachments[id][0].Tags["Name"]
	case s.acls[id] != nil:
		return s.acls[id].acl.Tags["Name"]
	}
	return x.otherNames[id]
}

// Label is an id with its name: "sg-1 (web)"; the id alone where it has none,
// or where the name is the id.
func (s *Snapshot) Label(id string) string {
	if n := s.Name(id); n != "" && n != id {
		return id + " (" + n + ")"
	}
	return id
}
