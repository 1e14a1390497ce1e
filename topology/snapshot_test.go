package topology

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/flowcover/flowcover/topology/netset"
)

// sample is an account with something of every kind.
func sample() *world {
	w := &world{}
	w.vpc("vpc-a", "10.0.0.0/16", "2001:db8::/56")
	w.vpc("vpc-b", "10.1.0.0/16", "100.64.0.0/16")
	w.subnet("subnet-a1", "vpc-a", "az1", "10.0.1.0/24", "2001:db8:0:1::/64")
	w.subnet("subnet-a2", "vpc-a", "az2", "10.0.2.0/24")
	w.subnet("subnet-b1", "vpc-b", "az1", "10.1.1.0/24")
	w.list("pl-1", "192.0.2.0/24", "198.51.100.0/24")
	w.table("rtb-a", "vpc-a", "", "0.0.0.0/0 igw-a", "10.1.0.0/16 tgw-1", "pl-1 pcx-1")
	w.table("rtb-b", "vpc-b", "", "10.0.0.0/16 tgw-1")
	w.sg("sg-web", "vpc-a", "in tcp/443 0.0.0.0/0", "in tcp/80-81 10.0.0.0/8", "out all 0.0.0.0/0", "in icmp/8:0 10.0.0.0/8")
	w.sg("sg-db", "vpc-b", "in tcp/5432 sg-web", "in tcp/5432 pl-1", "out all ::/0")
	w.acl("acl-a", "vpc-a", "")
	w.acl("acl-b", "vpc-b", "subnet-b1", "in 100 allow tcp/5432 10.0.0.0/8", "in 90 deny tcp/5432 10.0.9.0/24", "out 100 allow tcp/1024-65535 0.0.0.0/0")
	w.eni("eni-1", "subnet-a1", "sg-web", "10.0.1.10=203.0.113.10", "10.0.1.11", "2001:db8:0:1::10")
	w.eni("eni-2", "subnet-b1", "sg-db", "10.1.1.10")
	w.tgw("tgw-1")
	w.attach("tgw-attach-a", "tgw-1", "vpc-a", "tgw-rtb-1", "subnet-a1")
	w.attach("tgw-attach-b", "tgw-1", "vpc-b", "tgw-rtb-1", "subnet-b1")
	w.transitTable("tgw-rtb-1", "tgw-1", "tgw-attach-a tgw-attach-b", "10.9.0.0/16 blackhole")
	w.gateway(Gateway{ID: "igw-a", Kind: KindInternet, VPC: "vpc-a", Tags: Tags{"Name": "인터넷"}})
	w.r.Peerings = []PeeringConnection{{ID: "pcx-1", Scope: home, Status: "active", Requester: PeeringSide{VPC: "vpc-a"}, Accepter: PeeringSide{VPC: "vpc-b"}}}
	w.r.LoadBalancers = []LoadBalancer{{ID: "arn:lb", Scope: home, Name: "lb", Type: "network", VPC: "vpc-a",
		Listeners: []Listener{{Protocol: netset.TCP, Port: 443, Targets: []Target{{"i-2", 80}, {"i-1", 80}}}, {Protocol: netset.TCP, Port: 80}}}}
	w.r.DBInstances = []DBInstance{{ID: "db", Scope: home, VPC: "vpc-b", Port: 5432}, {ID: "db", Scope: Scope{home.Account, "us-east-1"}, Port: 3306}}
	w.r.Endpoints = []VPCEndpoint{{ID: "vpce-1", Scope: home, VPC: "vpc-a", Type: "Interface", Subnets: []string{"subnet-a2", "subnet-a1"}}}
	w.r.HostedZones = []HostedZone{{ID: "Z1", Owner: home.Account, Name: "ssm.ap-northeast-2.amazonaws.com", VPCs: []string{"vpc-b", "vpc-a"}, RecordsRead: true,
		Records: []ZoneRecord{{Name: "ssm.ap-northeast-2.amazonaws.com", Type: "A", Alias: "vpce-1-x.ssm.ap-northeast-2.vpce.amazonaws.com"},
			{Name: "*.급여.internal", Type: "A", Values: []string{"10.0.0.2", "10.0.0.1"}}}}, {ID: "Z2", Owner: "vpce.amazonaws.com", Name: "s3.amazonaws.com"}}
	w.r.Quotas = []Quota{{home, "L-0EA8095F", 60}, {home, "L-2AFB9258", 5}}
	w.r.NotRead = []NotRead{{home, "DescribeRouteTables", "UnauthorizedOperation"}, {home, "DescribeVpcs", "X"}}
	return w
}

func shuffle[T any](r *rand.Rand, s []T) []T {
	out := slices.Clone(s)
	r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// shuffled reorders everything whose order AWS gives no meaning.
func shuffled(r *rand.Rand, in Resources) Resources {
	in.VPCs, in.Subnets, in.RouteTables = shuffle(r, in.VPCs), shuffle(r, in.Subnets), shuffle(r, in.RouteTables)
	in.SecurityGroups, in.NetworkACLs = shuffle(r, in.SecurityGroups), shuffle(r, in.NetworkACLs)
	in.Attachments, in.TransitRouteTables = shuffle(r, in.Attachments), shuffle(r, in.TransitRouteTables)
	in.Interfaces, in.Instances = shuffle(r, in.Interfaces), shuffle(r, in.Instances)
	in.DBInstances, in.Quotas, in.NotRead = shuffle(r, in.DBInstances), shuffle(r, in.Quotas), shuffle(r, in.NotRead)
	in.LoadBalancers, in.PrefixLists, in.Endpoints = slices.Clone(in.LoadBalancers), slices.Clone(in.PrefixLists), slices.Clone(in.Endpoints)
	for i := range in.VPCs {
		in.VPCs[i].CIDRs = shuffle(r, in.VPCs[i].CIDRs)
	}
	for i := range in.RouteTables {
		in.RouteTables[i].Routes = shuffle(r, in.RouteTables[i].Routes)
	}
	for i := range in.SecurityGroups {
		in.SecurityGroups[i].Rules = shuffle(r, in.SecurityGroups[i].Rules)
	}
	for i := range in.NetworkACLs {
		in.NetworkACLs[i].Entries = shuffle(r, in.NetworkACLs[i].Entries)
	}
	for i := range in.TransitRouteTables {
		in.TransitRouteTables[i].Propagations = shuffle(r, in.TransitRouteTables[i].Propagations)
	}
	for i := range in.PrefixLists {
		in.PrefixLists[i].Entries = shuffle(r, in.PrefixLists[i].Entries)
	}
	for i := range in.LoadBalancers {
		in.LoadBalancers[i].Listeners = shuffle(r, in.LoadBalancers[i].Listeners)
	}
	for i := range in.Endpoints {
		in.Endpoints[i].Subnets = shuffle(r, in.Endpoints[i].Subnets)
	}
	in.HostedZones = shuffle(r, in.HostedZones)
	for i := range in.HostedZones {
		in.HostedZones[i].VPCs, in.HostedZones[i].Records = shuffle(r, in.HostedZones[i].VPCs), shuffle(r, in.HostedZones[i].Records)
	}
	for i := range in.Interfaces {
		n := &in.Interfaces[i]
		n.Addresses = append(n.Addresses[:1:1], shuffle(r, n.Addresses[1:])...)
	}
	return in
}

func TestShuffledInputSameDigest(t *testing.T) {
	w := sample()
	want := w.build(t)
	r := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		s, err := New(shuffled(r, w.r))
		if err != nil {
			t.Fatal(err)
		}
		if s.Digest() != want.Digest() {
			t.Fatalf("another order gave another digest:\n%s", cmp.Diff(want.Resources(), s.Resources(), cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})))
		}
	}
}

func TestNewLeavesItsInputAlone(t *testing.T) {
	w := sample()
	r := rand.New(rand.NewPCG(3, 4))
	in := shuffled(r, w.r)
	before := shuffled(rand.New(rand.NewPCG(3, 4)), w.r)
	if _, err := New(in); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(before, in, cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})); d != "" {
		t.Errorf("New changed its input:\n%s", d)
	}
}

// The digest and the fingerprints are of the JSON that the types encode to.
func TestSealIsOfTheCanonicalJSON(t *testing.T) {
	s := sample().build(t)
	all, err := json.Marshal(s.Resources())
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("%x", sha256.Sum256(all)); s.Digest() != want {
		t.Errorf("the digest is %s, that of the JSON is %s", s.Digest(), want)
	}
	g, _ := s.SecurityGroup("sg-db")
	one, err := json.Marshal(g)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := s.Fingerprint("sg-db"); got != fmt.Sprintf("%x", sha256.Sum256(one)) {
		t.Errorf("the fingerprint is %s, that of the JSON is %x", got, sha256.Sum256(one))
	}
}

func TestNewIsIdempotent(t *testing.T) {
	s := sample().build(t)
	again, err := New(s.Resources())
	if err != nil {
		t.Fatal(err)
	}
	if again.Digest() != s.Digest() {
		t.Error("the canonical form is not its own canonical form")
	}
}

func TestCanonicalValues(t *testing.T) {
	w := &world{}
	w.r.VPCs = []VPC{{ID: "vpc-1", CIDRs: []netip.Prefix{netip.MustParsePrefix("10.0.5.9/16"), netip.MustParsePrefix("::ffff:10.9.0.0/112")}}}
	w.r.SecurityGroups = []SecurityGroup{{ID: "sg-1", Scope: home, Rules: []SecurityGroupRule{
		{Direction: Ingress, Protocol: netset.TCP, FromPort: -1, ToPort: -1, CIDR: netip.MustParsePrefix("10.1.2.3/8")},
		{Direction: Egress, Protocol: netset.AllProtocols, FromPort: 0, ToPort: 65535, Group: "sg-1", GroupOwner: home.Account},
	}}}
	r := w.build(t).Resources()
	if got := r.VPCs[0].CIDRs; got[0] != netip.MustParsePrefix("10.0.0.0/16") || got[1] != netip.MustParsePrefix("10.9.0.0/16") {
		t.Errorf("CIDRs are %v: want masked and unmapped", got)
	}
	rules := r.SecurityGroups[0].Rules
	if rules[0].Direction != Egress || rules[0].FromPort != -1 || rules[0].GroupOwner != "" {
		t.Errorf("first rule is %+v: want egress, no ports, the own account left out", rules[0])
	}
	if rules[1].FromPort != 0 || rules[1].ToPort != 65535 || rules[1].CIDR.String() != "10.0.0.0/8" {
		t.Errorf("second rule is %+v: want ports 0-65535 of 10.0.0.0/8", rules[1])
	}
}

func TestNewNamesWhatIsWrong(t *testing.T) {
	cases := map[string]struct {
		break_ func(*Resources)
		want   string
	}{
		"no id":        {func(r *Resources) { r.VPCs[0].ID = "" }, `vpc: id ""`},
		"ports":        {func(r *Resources) { r.SecurityGroups[0].Rules[0].FromPort = 70000 }, `sg-web: rules[`},
		"two peers":    {func(r *Resources) { r.SecurityGroups[0].Rules[0].Group = "sg-x" }, "exactly one of"},
		"direction":    {func(r *Resources) { r.NetworkACLs[1].Entries[0].Direction = "in" }, "want ingress or egress"},
		"entry number": {func(r *Resources) { r.NetworkACLs[1].Entries[0].Number = 90 }, "two ingress entries have this number"},
		"entry cidr":   {func(r *Resources) { r.NetworkACLs[1].Entries[0].CIDR = netip.Prefix{} }, "acl-b: entries["},
		"address":      {func(r *Resources) { r.Interfaces[0].Addresses[0] = netip.Addr{} }, "eni-1: addresses["},
		"gateway":      {func(r *Resources) { r.Gateways[0].Kind = "igw" }, `igw-a: kind "igw"`},
		"route":        {func(r *Resources) { r.RouteTables[0].Routes[0].PrefixList = "pl-1" }, "rtb-a: routes["},
		"read twice": {func(r *Resources) {
			r.VPCs = append(r.VPCs, VPC{ID: "vpc-a", Scope: home, CIDRs: pfx("10.7.0.0/16")})
		}, "vpc-a: cidrs"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := sample()
			c.break_(&w.r)
			_, err := New(w.r)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v: want %q in it", err, c.want)
			}
		})
	}
}

func TestReadTwiceJoinsTags(t *testing.T) {
	w := sample()
	g := w.r.Gateways[0]
	g.Tags = nil
	w.r.Gateways = append(w.r.Gateways, g)
	s := w.build(t)
	if got, _ := s.Gateway("igw-a"); len(s.Resources().Gateways) != 1 || got.Tags["Name"] != "인터넷" {
		t.Errorf("gateways are %+v: want one, with the owner's tags", s.Resources().Gateways)
	}
	if s.Digest() != sample().build(t).Digest() {
		t.Error("a second reading of a shared gateway changed the digest")
	}
}

func TestLookups(t *testing.T) {
	s := sample().build(t)
	a := netip.MustParseAddr
	if got := s.InterfacesAt(a("::ffff:10.0.1.11")); len(got) != 1 || got[0].ID != "eni-1" {
		t.Errorf("InterfacesAt a secondary address, mapped: %v", got)
	}
	if got := s.InterfacesAtPublic(a("203.0.113.10")); len(got) != 1 || got[0].ID != "eni-1" {
		t.Errorf("InterfacesAtPublic: %v", got)
	}
	if got, ok := s.SubnetACL("subnet-a2"); !ok || got.ID != "acl-a" {
		t.Errorf("an unassociated subnet's ACL is %v: want the default one", got)
	}
	if got, ok := s.SubnetACL("subnet-b1"); !ok || got.ID != "acl-b" {
		t.Errorf("an associated subnet's ACL is %v", got)
	}
	if got, ok := s.SubnetRouteTable("subnet-b1"); !ok || got.ID != "rtb-b" {
		t.Errorf("an unassociated subnet's table is %v: want the main one", got)
	}
	if got, ok := s.SubnetOf("vpc-a", a("10.0.2.7")); !ok || got.ID != "subnet-a2" {
		t.Errorf("SubnetOf is %v", got)
	}
	if _, ok := s.SubnetOf("vpc-b", a("10.0.2.7")); ok {
		t.Error("SubnetOf found an address of another VPC")
	}
	if v, ok := s.Quota(home, "L-0EA8095F"); !ok || v != 60 {
		t.Errorf("Quota is %d, %v", v, ok)
	}
	if _, ok := s.Quota(Scope{"0", "x"}, "L-0EA8095F"); ok {
		t.Error("Quota of an account that was not read")
	}
	if got := s.Accounts(); !slices.Equal(got, []string{home.Account}) {
		t.Errorf("Accounts: %v", got)
	}
}

func TestDelegatedPrefixesHoldAddresses(t *testing.T) {
	w := sample()
	w.r.Interfaces[1].Prefixes = pfx("10.1.1.64/28")
	s := w.build(t)
	if got := s.InterfacesAt(netip.MustParseAddr("10.1.1.70")); len(got) != 1 || got[0].ID != "eni-2" {
		t.Errorf("a delegated address is at %v", got)
	}
}

func TestReplaceSwapsRulesAndNothingElse(t *testing.T) {
	s := sample().build(t)
	old := s.Digest()
	g, _ := s.SecurityGroup("sg-db")
	changed := *g
	changed.Rules = []SecurityGroupRule{{Direction: Ingress, Protocol: netset.TCP, FromPort: 1, ToPort: 1, CIDR: netip.MustParsePrefix("10.9.9.9/8")}}
	n, err := s.Replace([]SecurityGroup{changed}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.Digest() != old || n.Digest() == old {
		t.Error("Replace changed the old snapshot, or not the new one")
	}
	r := s.Resources()
	r.SecurityGroups = slices.Clone(r.SecurityGroups)
	for i := range r.SecurityGroups {
		if r.SecurityGroups[i].ID == "sg-db" {
			r.SecurityGroups[i] = changed
		}
	}
	whole, err := New(r)
	if err != nil {
		t.Fatal(err)
	}
	if whole.Digest() != n.Digest() {
		t.Error("Replace and New differ on the same resources")
	}
	if !n.GroupOpens("sg-db", Ingress).Contains(netip.MustParseAddr("10.1.1.1"), netset.ColumnOf(netset.TCP, 1)) {
		t.Error("the new rule opens nothing")
	}
	fa, _ := s.Fingerprint("sg-web")
	fb, _ := n.Fingerprint("sg-web")
	ga, _ := s.Fingerprint("sg-db")
	gb, _ := n.Fingerprint("sg-db")
	if fa != fb || ga == gb {
		t.Error("fingerprints: only the replaced group's may change")
	}
	if _, err := s.Replace([]SecurityGroup{{ID: "sg-none"}}, nil); err == nil {
		t.Error("an unknown group was replaced")
	}
}

func TestDocumentRoundTrip(t *testing.T) {
	s := sample().build(t)
	readings := []Reading{{Account: home.Account, Region: home.Region, Source: "aws", Time: "2026-01-02T03:04:05Z"}}
	var first, second bytes.Buffer
	if err := NewDocument(s, readings).Encode(&first); err != nil {
		t.Fatal(err)
	}
	d, err := Decode(bytes.NewReader(first.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if d.Snapshot().Digest() != s.Digest() {
		t.Error("the digest changed on the way")
	}
	if diff := cmp.Diff(s.Resources(), d.Resources, cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})); diff != "" {
		t.Errorf("the resources changed on the way:\n%s", diff)
	}
	if err := d.Encode(&second); err != nil {
		t.Fatal(err)
	}
	if first.String() != second.String() {
		t.Error("decoded and encoded again, the bytes differ")
	}
	other := NewDocument(s, nil)
	if other.Digest != d.Digest {
		t.Error("readings reach the digest")
	}
}

func TestDecodeRefuses(t *testing.T) {
	var b bytes.Buffer
	if err := NewDocument(sample().build(t), nil).Encode(&b); err != nil {
		t.Fatal(err)
	}
	good := b.String()
	edit := func(old, new string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("the document has no %q", old)
		}
		return strings.Replace(good, old, new, 1)
	}
	cases := map[string]struct{ in, want string }{
		"other format":     {edit(DocumentFormat, "terraform"), `format "terraform"`},
		"later version":    {edit(DocumentFormat, "flowcover.snapshot/7"), "of another version"},
		"unknown field":    {edit(`"readings"`, `"reedings"`), `unknown field "reedings"; the nearest known one is "readings"`},
		"truncated":        {good[:len(good)/2], "the file ends too early"},
		"rule widened":     {edit(`"10.0.0.0/8"`, `"10.0.0.0/7"`), "was changed after it was written"},
		"tag changed":      {edit("인터넷", "x"), "igw-a: the fingerprint does not match"},
		"quota changed":    {edit(`"value":60`, `"value":600`), "quotas or not_read"},
		"resource renamed": {edit(`"id":"acl-b"`, `"id":"acl-c"`), "acl-c: the resource has no fingerprint"},
		"type":             {edit(`"main":true`, `"main":"yes"`), "route_tables[0]: field main: want bool"},
		"second document":  {good + "{}", "text after the end"},
		"field of a rule":  {edit(`"from_port"`, `"form_port"`), `security_groups[0]: unknown field "form_port"; the nearest known one is "from_port"`},
		"kind of resource": {edit(`"subnets":[`, `"subnet":[`), `unknown field "subnet"; the nearest known one is "subnets"`},
		"list twice":       {edit(`"quotas":[`, `"subnets":[],"quotas":[`), `field "subnets" stands twice`},
		"format later":     {`{"readings":[],"format":"flowcover.snapshot/1"}`, "the first field is not the format"},
		"a list":           {"[]", `want "{"`},
		"no format":        {"{}", `format ""`},
		"empty":            {"", "the file ends too early"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := Decode(strings.NewReader(c.in))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v: want %q in it", err, c.want)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	var b bytes.Buffer
	w := &world{}
	w.vpc("vpc-a", "10.0.0.0/16")
	w.sg("sg-a", "vpc-a", "in tcp/443 0.0.0.0/0")
	w.r.Quotas = []Quota{{home, "L-1", 6}}
	if err := NewDocument(w.build(f), []Reading{{Source: "aws"}}).Encode(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte(`{"format":"flowcover.snapshot/1","resources":{"vpcs":[{"id":"v","cidrs":["10.0.0.0/8"]}]}}`))
	f.Add([]byte(`{"format":"flowcover.snapshot/2"}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		d, err := Decode(bytes.NewReader(in))
		if err != nil {
			if !strings.HasPrefix(err.Error(), "snapshot: ") {
				t.Fatalf("the error does not say what it is about: %v", err)
			}
			return
		}
		var out bytes.Buffer
		if err := d.Encode(&out); err != nil {
			t.Fatal(err)
		}
		again, err := Decode(&out)
		if err != nil {
			t.Fatalf("what Encode wrote is refused: %v", err)
		}
		if again.Digest != d.Digest {
			t.Fatal("the digest changed on the way")
		}
	})
}

// Whatever resources New takes, their file reads back, and no walk panics.
func FuzzResources(f *testing.F) {
	w := &world{}
	w.vpc("v", "10.0.0.0/16")
	w.subnet("s", "v", "a", "10.0.1.0/24")
	w.table("r", "v", "", "0.0.0.0/0 igw-1", "10.9.0.0/16 tgw-1")
	w.sg("sg-1", "v", "in all sg-1", "out all 0.0.0.0/0")
	w.acl("acl", "v", "", "in 1 allow all 0.0.0.0/0", "out 1 allow all 0.0.0.0/0")
	w.eni("eni-1", "s", "sg-1", "10.0.1.4=203.0.113.4")
	w.gateway(Gateway{ID: "igw-1", Kind: KindInternet, VPC: "v"})
	seed, err := json.Marshal(w.r)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed, "10.0.1.4", "8.8.8.8")
	f.Add(seed, "8.8.8.8", "203.0.113.4")
	f.Add(seed, "eni-1", "10.9.0.1")
	f.Fuzz(func(t *testing.T, in []byte, from, to string) {
		var r Resources
		if json.Unmarshal(in, &r) != nil {
			return
		}
		s, err := New(r)
		if err != nil {
			return
		}
		var out bytes.Buffer
		if err := NewDocument(s, nil).Encode(&out); err != nil {
			t.Fatal(err)
		}
		d, err := Decode(&out)
		if err != nil {
			t.Fatalf("what Encode wrote is refused: %v", err)
		}
		if d.Digest != s.Digest() {
			t.Fatal("the digest changed on the way")
		}
		got, err := s.Trace(Query{From: from, To: to, Protocol: netset.TCP, Port: 80})
		if err == nil && (got.Disposition == "" || got.Reply.Disposition == "") {
			t.Fatalf("a walk without an end: %+v", got)
		}
	})
}
