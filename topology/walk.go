package topology

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/flowcover/flowcover/topology/netset"
)

// Check is one decision on a flow's way, with the addresses as they are there.
type Check struct {
	Kind     string // KindSGRule, KindACLEntry, KindRoute or KindTransitRoute
	Resource string // the group, ACL or table asked; for an SG refusal the interface
	Subnet   string // whose boundary is crossed (ACL), or whose table it is (route; empty: a gateway's)
	ENI      string // security group checks
	// Direction, Remote and Columns are what a rule or entry is matched with.
	Direction Direction
	Remote    netip.Addr
	Columns   netset.Columns
	Allow     bool
	Rule      RuleRef // what decided; of several SG rules that admit, the first
}

// maxSteps ends a walk that routes lead in circles.
const maxSteps = 32

// walker follows one packet. Its methods end by setting end.
type walker struct {
	s     *Snapshot
	x     *index
	text  bool // write hops and notes
	reply bool // security groups know the connection and are not asked

	src, dst netip.Addr
	cols     netset.Columns
	back     netset.Columns    // on which the reply travels, here
	srcENI   *NetworkInterface // holds src; nil once translated or outside
	sender   *NetworkInterface // holds src as it is now, for the gateway's translation
	az       *Subnet           // where the packet is, for the choice of zone
	via      crossing
	steps    int

	path   []string
	hops   []Hop
	notes  []string
	checks []Check
	end    Disposition

	landed *NetworkInterface // where it was accepted
	ghost  netip.Addr        // a sender that no interface holds: replies reach it
	asker  *NetworkInterface // who opened the connection: replies reach nobody else
	exit   exit              // where it left
	nats   []session         // translations on the way out, for the reply
	relay  *NetworkInterface // the last appliance passed
	entry  string            // the gateway by which it came from outside
	wide   *wide             // nil: one packet
}

// crossing is how a packet came into the VPC it is in: it decides which
// references between security groups hold.
type crossing int

const (
	within crossing = iota
	overPeering
	overTransit  // all parts carry references
	overNoGroups // some part does not
	overGateway
)

// session is what a translator remembers of a request.
type session struct {
	eni      *NetworkInterface
	src, dst netip.Addr     // as the sender knows them
	cols     netset.Columns // the reply's, at the sender
	many     bool           // src stands for an interval (wide)
}

// exit is the way by which a packet left the snapshot.
type exit struct {
	kind       exitKind
	id         string
	first      string // what a reply passes before it; empty: nothing
	vpc        string
	attachment *TransitGatewayAttachment
}

type exitKind int

const (
	noExit exitKind = iota
	exitInternet
	exitEgressOnly
	exitGateway    // VPN gateway, gateway endpoint, other gateways: back into the VPC
	exitPeering    // the peer VPC is not in the snapshot
	exitAttachment // VPN and the like: back through the attachment's table
	exitTable      // the TGW's table is not in the snapshot: back to the VPC
)

// run follows the request from one place to another, and the reply, which
// travels on the columns reply. Both walkers are used anew.
func (s *Snapshot) run(w, r *walker, from, to place, cols, reply netset.Columns) {
	w.reset(s)
	w.src, w.dst, w.cols, w.back = from.addr, to.addr, cols, reply
	w.srcENI, w.sender, w.asker = from.eni, from.eni, from.eni
	if from.outside() {
		w.fromOutside(to)
	} else {
		w.fromPlace(from)
	}
	w.prepare(r)
	if r.end == "" {
		r.sendBack(w)
	}
}

// prepare readies r for the reply to what w delivered: its end stays open if
// there is one.
func (w *walker) prepare(r *walker) {
	r.reset(w.s)
	r.reply, r.src, r.dst, r.cols, r.end = true, w.dst, w.src, w.back, NotSent
	r.ghost, r.asker = w.ghost, w.asker
	r.nats = append(r.nats, w.nats...)
	if w.end.Delivered() {
		r.end = ""
	}
}

// sendBack sends a reply from where the request ended.
func (w *walker) sendBack(request *walker) {
	if request.landed == nil {
		w.comeBack(request.exit)
		return
	}
	w.sender = request.landed
	w.fromPlace(place{request.landed, w.x.subnets[request.landed.Subnet], w.src})
}

// reset clears a walker and keeps its memory and its wish for text.
func (w *walker) reset(s *Snapshot) {
	*w = walker{s: s, x: s.ix, text: w.text, path: w.path[:0], hops: w.hops[:0], notes: w.notes[:0], checks: w.checks[:0], nats: w.nats[:0]}
}

func (w *walker) leg() Leg {
	return Leg{Disposition: w.end, Path: orEmpty(w.path), Hops: orEmpty(w.hops), Notes: nonEmpty(w.notes)}
}

// node puts an id on the path, once where it repeats.
func (w *walker) node(id string) {
	if !w.text {
		return
	}
	if n := len(w.path); n == 0 || w.path[n-1] != id {
		w.path = append(w.path, id)
	}
}

// pass writes a hop that no rule decides.
func (w *walker) pass(kind, resource, format string, args ...any) {
	if w.text {
		w.hops = append(w.hops, Hop{Kind: kind, Resource: resource, Verdict: Pass, Detail: fmt.Sprintf(format, args...)})
	}
}

// stop ends the walk with a hop that says why.
func (w *walker) stop(d Disposition, kind, resource, format string, args ...any) {
	w.end = d
	if w.text {
		verdict := Refuse
		if d.Delivered() {
			verdict = Pass
		}
		w.hops = append(w.hops, Hop{Kind: kind, Resource: resource, Verdict: verdict, Detail: fmt.Sprintf(format, args...)})
	}
}

// near says what comes nearest to admitting what the last hop refused.
func (w *walker) near(find func() string) {
	if n := len(w.hops); w.text && n > 0 {
		w.hops[n-1].Nearest = find()
	}
}

// note says what was assumed because the snapshot does not know it.
func (w *walker) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !slices.Contains(w.notes, text) {
		w.notes = append(w.notes, text)
	}
}

// nodeOf is how an interface appears on a path.
func (w *walker) nodeOf(n *NetworkInterface) string {
	if n.Instance != "" {
		return n.Instance
	}
	if g, ok := w.x.natAt[n.ID]; ok {
		return g.ID
	}
	return n.ID
}

// acl asks the ACL of a subnet whether the packet may cross its boundary.
func (w *walker) acl(sub *Subnet, d Direction) bool {
	remote := w.dst
	if d == Ingress {
		remote = w.src
	}
	id := w.x.aclOf(sub.ID)
	if id == "" {
		w.note("no network ACL of %s is in the snapshot%s: taken as open", sub.ID, w.x.refusal("DescribeNetworkAcls"))
		return true
	}
	if w.wide != nil {
		return w.wideACL(id, d, remote)
	}
	ref, refused, allow := w.s.aclDecides(id, d, remote, w.cols)
	w.checks = append(w.checks, Check{Kind: KindACLEntry, Resource: id, Subnet: sub.ID, Direction: d, Remote: remote, Columns: w.cols, Allow: allow, Rule: ref})
	if !w.text {
		return allow
	}
	decided := ref // a copy, so that replays without text allocate none
	h := Hop{Kind: "network-acl", Resource: id, Rule: &decided, Verdict: Pass, Detail: fmt.Sprintf("%s of %s, %s %s", d, sub.ID, w.cols, remote)}
	if !allow {
		h.Verdict = Refuse
		h.Detail = fmt.Sprintf("%s of %s refuses %s %s", d, sub.ID, refused, remote)
		h.Nearest = w.s.nearestEntry(id, d, remote, refused)
	}
	w.hops = append(w.hops, h)
	return allow
}

// groups asks the security groups of an interface, one of which must admit.
func (w *walker) groups(n *NetworkInterface, d Direction) bool {
	if len(n.Groups) == 0 {
		w.pass("network-interface", n.ID, "has no security group")
		return true
	}
	remote := w.dst
	if d == Ingress {
		remote = w.src
	}
	if w.reply {
		if w.text {
			w.pass("security-group", strings.Join(n.Groups, " "), "%s is a reply: admitted with its request", d)
		}
		return true
	}
	if w.wide != nil {
		return w.wideGroups(n, d, remote)
	}
	c := Check{Kind: KindSGRule, Resource: n.ID, ENI: n.ID, Direction: d, Remote: remote, Columns: w.cols}
	for _, id := range n.Groups {
		if g, ok := w.s.groups[id]; ok {
			if r := w.groupRule(g, n, d, remote); r != nil {
				c.Resource, c.Allow, c.Rule = id, true, r.ref
				w.checks = append(w.checks, c)
				if w.text {
					w.hops = append(w.hops, Hop{Kind: "security-group", Resource: id, Rule: &r.ref, Verdict: Pass, Detail: d.of(n.ID)})
				}
				return true
			}
		} else {
			w.note("security group %s of %s is not in the snapshot%s: taken as admitting nothing", id, n.ID, w.x.refusal("DescribeSecurityGroups"))
		}
	}
	w.checks = append(w.checks, c)
	w.noteUnreadLists(n.Groups, d)
	if w.text {
		w.hops = append(w.hops, Hop{Kind: "security-group", Resource: strings.Join(n.Groups, " "), Verdict: Refuse,
			Detail:  fmt.Sprintf("no rule admits %s %s, %s", w.cols, remote, d.of(n.ID)),
			Nearest: w.s.nearestRule(n.Groups, d, remote, w.cols)})
	}
	return false
}

// noteUnreadLists says which prefix lists might have admitted what was refused.
func (w *walker) noteUnreadLists(groups []string, d Direction) {
	for _, id := range groups {
		g, ok := w.s.groups[id]
		if !ok {
			continue
		}
		for _, r := range g.rules(d) {
			if l := r.rule.PrefixList; l != "" && w.x.lists[l] == nil && r.cols.Contains(w.cols) {
				w.note("prefix list %s of %s is not in the snapshot%s: taken as empty", l, id, w.x.refusal("DescribeManagedPrefixLists"))
			}
		}
	}
}

// unread notes that what a packet lacks may be there and was not read.
func (w *walker) unread(what string, calls ...string) {
	for _, call := range calls {
		if why := w.x.refusal(call); why != "" {
			w.note("%s may be missing in the snapshot%s", what, why)
			return
		}
	}
}

// refusal says why a kind of resource is missing, where that is known.
func (x *index) refusal(call string) string {
	if code, ok := x.notRead[call]; ok {
		return " (" + call + " was refused: " + code + ")"
	}
	return ""
}

func (d Direction) of(eni string) string { return string(d) + " of " + eni }

// refersOverTransit says whether references over a transit gateway hold for an
// interface: AWS leaves one zone out.
func (x *index) refersOverTransit(n *NetworkInterface) bool {
	sub, ok := x.subnets[n.Subnet]
	return !ok || sub.AZID != "use1-az3"
}

// groupRule gives the first rule of a group that admits the packet.
func (w *walker) groupRule(g *groupRules, n *NetworkInterface, d Direction, remote netip.Addr) *readyRule {
	rules := g.rules(d)
	for i := range rules {
		r := &rules[i]
		if !r.cols.Contains(w.cols) {
			continue
		}
		if r.rule.Group == "" {
			if w.s.matchesPrefix(r.rule, remote) {
				return r
			}
		} else if w.reference(r.rule.Group, n, d, remote) {
			return r
		}
	}
	return nil
}

// reference says whether a reference to a group admits the packet at n.
func (w *walker) reference(group string, n *NetworkInterface, d Direction, remote netip.Addr) bool {
	if d == Ingress {
		if w.srcENI == nil || !slices.Contains(w.srcENI.Groups, group) {
			return false
		}
		if w.via == overTransit {
			return n.Type != "vpc_endpoint" && w.x.refersOverTransit(n) && w.x.refersOverTransit(w.srcENI)
		}
		return w.via == within || w.via == overPeering
	}
	for _, peer := range w.s.InterfacesAt(remote) {
		if slices.Contains(peer.Groups, group) && (peer.VPC == n.VPC || w.x.peered[[2]string{n.VPC, peer.VPC}]) {
			return true
		}
	}
	return false
}
