package diagram

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/flowcover/flowcover/topology"
)

// What stands for an end of traffic that is no VPC of the snapshot.
const (
	Internet = "internet" // a public address that nobody in the snapshot holds
	Outside  = "outside"  // a private address beyond the snapshot: on premises, another account
)

// Traffic is what was seen from one place to another. From and To are the id
// of a VPC, [Internet] or [Outside].
type Traffic struct {
	From    string `json:"from"`
	To      string `json:"to"`
	Flows   int    `json:"flows"`   // distinct connections that were accepted
	Refused int    `json:"refused"` // distinct connections that were refused
}

// Options say what [Overview] draws.
type Options struct {
	Title string
	// Traffic, if there is any, and where it comes from, in words.
	Traffic []Traffic
	Source  string
	// MaxVPCs is how many VPCs are drawn one by one; 0 takes 40. Of a larger
	// account each group shows those with the most traffic and interfaces, and
	// counts the others.
	MaxVPCs int
}

const defaultMaxVPCs = 40

// vpcCard is a VPC as it is drawn, or, with more set, those that are not.
type vpcCard struct {
	vpc        *topology.VPC
	name       string
	subnets    int
	zones      int
	enis       int
	groups     int
	endpoints  int
	gateways   map[string]int // by kind
	peerings   int
	hubs       []joint // by order of the hubs
	in, out    int     // connections accepted from and to other places
	refused    int     // on either side
	more       []*vpcCard
	column, at int     // card's place: column and row of its shelf
	x, y, h    float64 // where it is drawn
}

// joint is a VPC's attachment to a transit gateway.
type joint struct {
	hub   int  // index
	loose bool // no route table is associated, or it is not available
	note  string
}

// hub is a transit gateway.
type hub struct {
	gateway     *topology.TransitGateway
	name        string
	attachments map[string]int // by resource type
	tables      int
}

// cluster is an account's Region with its VPCs.
type cluster struct {
	scope topology.Scope
	all   int
	cards []*vpcCard
}

// picture is all that Overview draws.
type picture struct {
	s        *topology.Snapshot
	o        Options
	clusters []*cluster
	byVPC    map[string]*vpcCard
	hubs     []*hub
	peerings []*topology.PeeringConnection // between VPCs that are drawn
	folded   int                           // VPCs that are only counted
}

func newPicture(s *topology.Snapshot, o Options) *picture {
	if o.MaxVPCs <= 0 {
		o.MaxVPCs = defaultMaxVPCs
	}
	p := &picture{s: s, o: o, byVPC: map[string]*vpcCard{}}
	r := s.Resources()
	p.addVPCs(r)
	p.addHubs(r)
	p.addTraffic()
	p.fold()
	for i := range r.Peerings {
		c := &r.Peerings[i]
		a, b := p.byVPC[c.Requester.VPC], p.byVPC[c.Accepter.VPC]
		for _, v := range []*vpcCard{a, b} {
			if v != nil && c.Status == "active" {
				v.peerings++
			}
		}
		if a != nil && b != nil && c.Status == "active" && p.drawn(a) && p.drawn(b) && a != b {
			p.peerings = append(p.peerings, c)
		}
	}
	return p
}

func (p *picture) addVPCs(r topology.Resources) {
	at := map[topology.Scope]*cluster{}
	for i := range r.VPCs {
		v := &r.VPCs[i]
		c := at[v.Scope]
		if c == nil {
			c = &cluster{scope: v.Scope}
			at[v.Scope], p.clusters = c, append(p.clusters, c)
		}
		card := &vpcCard{vpc: v, name: clean(v.Tags["Name"]), gateways: map[string]int{}}
		if card.name == "" && v.IsDefault {
			card.name = "default VPC"
		}
		c.cards, p.byVPC[v.ID] = append(c.cards, card), card
	}
	slices.SortFunc(p.clusters, func(a, b *cluster) int {
		return cmp.Or(cmp.Compare(a.scope.Account, b.scope.Account), cmp.Compare(a.scope.Region, b.scope.Region))
	})
	zones := map[[2]string]bool{}
	for _, n := range r.Subnets {
		if c := p.byVPC[n.VPC]; c != nil {
			c.subnets++
			if !zones[[2]string{n.VPC, n.AZ}] {
				zones[[2]string{n.VPC, n.AZ}] = true
				c.zones++
			}
		}
	}
	count := func(vpc string, add func(*vpcCard)) {
		if c := p.byVPC[vpc]; c != nil {
			add(c)
		}
	}
	for _, n := range r.Interfaces {
		count(n.VPC, func(c *vpcCard) { c.enis++ })
	}
	for _, g := range r.SecurityGroups {
		count(g.VPC, func(c *vpcCard) { c.groups++ })
	}
	for _, e := range r.Endpoints {
		count(e.VPC, func(c *vpcCard) { c.endpoints++ })
	}
	for _, g := range r.Gateways {
		count(g.VPC, func(c *vpcCard) { c.gateways[g.Kind]++ })
	}
}

func (p *picture) addHubs(r topology.Resources) {
	at := map[string]int{}
	for i := range r.TransitGateways {
		g := &r.TransitGateways[i]
		at[g.ID] = len(p.hubs)
		p.hubs = append(p.hubs, &hub{gateway: g, name: clean(g.Tags["Name"]), attachments: map[string]int{}})
	}
	for i := range r.Attachments {
		a := &r.Attachments[i]
		k, known := at[a.TransitGateway]
		if !known { // a gateway of another account, seen through its attachments
			k = len(p.hubs)
			at[a.TransitGateway] = k
			p.hubs = append(p.hubs, &hub{gateway: &topology.TransitGateway{ID: a.TransitGateway, Scope: a.Scope}, attachments: map[string]int{}})
		}
		p.hubs[k].attachments[a.ResourceType]++
		if c := p.byVPC[a.Resource]; c != nil {
			j := joint{hub: k, note: a.ID}
			switch {
			case a.State != "" && a.State != "available":
				j.loose, j.note = true, a.ID+" is "+a.State
			case a.RouteTable == "":
				j.loose, j.note = true, a.ID+" is associated with no route table"
			}
			c.hubs = append(c.hubs, j)
		}
	}
	for _, t := range r.TransitRouteTables {
		if k, ok := at[t.TransitGateway]; ok {
			p.hubs[k].tables++
		}
	}
	for _, c := range p.byVPC {
		slices.SortFunc(c.hubs, func(a, b joint) int { return cmp.Or(cmp.Compare(a.hub, b.hub), cmp.Compare(a.note, b.note)) })
	}
}

func (p *picture) addTraffic() {
	for _, t := range p.o.Traffic {
		from, to := p.byVPC[t.From], p.byVPC[t.To]
		if from != nil {
			from.refused += t.Refused
		}
		if to != nil && to != from {
			to.refused += t.Refused
		}
		if from == to {
			continue
		}
		if from != nil {
			from.out += t.Flows
		}
		if to != nil {
			to.in += t.Flows
		}
	}
}

// fold puts the VPCs of a group that are too many behind one card. Groups
// share what may be drawn evenly, each at least one.
func (p *picture) fold() {
	left, groups := p.o.MaxVPCs, len(p.clusters)
	order := slices.Clone(p.clusters)
	// The small groups first: what they leave over goes to the larger ones.
	slices.SortStableFunc(order, func(a, b *cluster) int { return cmp.Compare(len(a.cards), len(b.cards)) })
	for _, c := range order {
		c.all = len(c.cards)
		share := max(1, left/max(1, groups))
		groups--
		if c.all > share {
			slices.SortFunc(c.cards, func(a, b *vpcCard) int {
				return cmp.Or(-cmp.Compare(a.in+a.out+a.refused, b.in+b.out+b.refused), -cmp.Compare(a.enis, b.enis), cmp.Compare(a.vpc.ID, b.vpc.ID))
			})
			rest := &vpcCard{more: slices.Clone(c.cards[share:])}
			p.folded += len(rest.more)
			c.cards = c.cards[:share:share]
			sortCards(c.cards)
			c.cards = append(c.cards, rest)
		} else {
			sortCards(c.cards)
		}
		left -= min(share, c.all)
	}
}

func sortCards(cards []*vpcCard) {
	slices.SortFunc(cards, func(a, b *vpcCard) int {
		return cmp.Or(cmp.Compare(a.label(), b.label()), cmp.Compare(a.vpc.ID, b.vpc.ID))
	})
}

func (p *picture) drawn(c *vpcCard) bool {
	for _, x := range p.clusters {
		if x.scope == c.vpc.Scope {
			return slices.Contains(x.cards, c)
		}
	}
	return false
}

func (c *vpcCard) label() string {
	if c.name != "" {
		return c.name
	}
	return c.vpc.ID
}

// several writes a count with its word: "1 subnet", "2 subnets".
func several(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return thousands(n) + " " + word + "s"
}

// thousands writes a number with thin gaps: 12 345.
func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "\u00a0" + s[i:]
	}
	return s
}
