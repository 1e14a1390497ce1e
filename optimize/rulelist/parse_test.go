package rulelist

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/flowcover/flowcover/analyze"
	"github.com/flowcover/flowcover/topology/netset"
)

// lines gives entries as "tcp/443 10.0.0.0/8 x2", those of a plain list without ports.
func lines(l *List) []string {
	var out []string
	for _, e := range l.Entries {
		s := e.Block.String()
		if l.Plain {
			s = e.Prefix.String()
		}
		if e.Weight != 1 {
			s += fmt.Sprintf(" x%d", e.Weight)
		}
		out = append(out, s)
	}
	for _, r := range l.References {
		out = append(out, r.Columns.String()+" "+r.Target)
	}
	return out
}

const groups = `{"SecurityGroups":[
 {"GroupId":"sg-1","IpPermissions":[
  {"IpProtocol":"tcp","FromPort":443,"ToPort":443,"IpRanges":[{"CidrIp":"10.0.0.0/8"}],"Ipv6Ranges":[{"CidrIpv6":"2001:db8::/32"}],"UserIdGroupPairs":[{"GroupId":"sg-9"}],"PrefixListIds":[{"PrefixListId":"pl-7"}]},
  {"IpProtocol":"icmp","FromPort":3,"ToPort":4,"IpRanges":[{"CidrIp":"0.0.0.0/0"}]},
  {"IpProtocol":"icmp","FromPort":-1,"ToPort":-1,"IpRanges":[{"CidrIp":"10.9.0.0/16"}]}],
  "IpPermissionsEgress":[{"IpProtocol":"-1","IpRanges":[{"CidrIp":"0.0.0.0/0"}]}]},
 {"GroupId":"sg-2","IpPermissions":[]}]}`

func TestForms(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		pick     Pick
		want     []string
	}{
		{"prefixes", "\ufeff# office\n10.0.0.0/8  # all\r\n\n192.0.2.1\n2001:db8::/32\n::ffff:1.2.3.0/120", Pick{},
			[]string{"10.0.0.0/8", "192.0.2.1/32", "2001:db8::/32", "1.2.3.0/24"}},
		{"one address", "192.0.2.1", Pick{}, []string{"192.0.2.1/32"}},
		{"CSV", "tcp,443,10.0.0.0/8\n 17 , 1-10 ,10.0.0.1\n\"any\",,2001:db8::1\n# no\n-1,all,10.0.0.2\nicmp,8,10.0.0.3\n1,3:4,10.0.0.4\nudp,*,10.0.0.5,7", Pick{},
			[]string{"tcp/443 10.0.0.0/8", "udp/1-10 10.0.0.1/32", "all 2001:db8::1/128", "all 10.0.0.2/32", "icmp/8 10.0.0.3/32", "icmp/3:4 10.0.0.4/32", "udp 10.0.0.5/32 x7"}},
		{"CSV with header", "# x\nProtocol,Ports,CIDR,Weight\ntcp,443,10.0.0.0/8,0\nUDP,,10.0.0.1,", Pick{}, []string{"tcp/443 10.0.0.0/8 x0", "udp 10.0.0.1/32"}},
		{"CSV in another order", "cidr,port,note,protocol\n10.0.0.0/8,443,web,tcp", Pick{}, []string{"tcp/443 10.0.0.0/8"}},
		{"JSON arrays", `[["tcp",null,"10.0.0.0/8"],["udp","1-10","10.0.0.1/32",3],["any",null,"1.1.1.1"],[6,443,"1.1.1.2"],[-1,null,"1.1.1.3"],["icmp",8,"1.1.1.4"],["47",null,"1.1.1.5"],["6","443","1.1.1.6","2"]]`, Pick{},
			[]string{"tcp 10.0.0.0/8", "udp/1-10 10.0.0.1/32 x3", "all 1.1.1.1/32", "tcp/443 1.1.1.2/32", "all 1.1.1.3/32", "icmp/8 1.1.1.4/32", "47 1.1.1.5/32", "tcp/443 1.1.1.6/32 x2"}},
		{"JSON objects", ` [{"protocol":"tcp","ports":443,"cidr":"10.0.0.0/8"},{"cidr":"10.0.0.1","protocol":"icmp","weight":4}]`, Pick{}, []string{"tcp/443 10.0.0.0/8", "icmp 10.0.0.1/32 x4"}},
		{"JSON texts", `["10.0.0.0/8","::1"]`, Pick{}, []string{"10.0.0.0/8", "::1/128"}},
		{"a group", groups, Pick{Group: "sg-1"}, []string{"tcp/443 10.0.0.0/8", "tcp/443 2001:db8::/32", "icmp/3:4 0.0.0.0/0", "icmp 10.9.0.0/16", "tcp/443 sg-9", "tcp/443 pl-7"}},
		{"a group's egress", groups, Pick{Group: "sg-1", Direction: "egress"}, []string{"all 0.0.0.0/0"}},
		{"flows", `{"format":"flowcover.analyze/1","flows":[
			{"id":"f-1","side":"in","group":"sg-1","protocol":"tcp","peer":"10.0.0.1","port":443,"records":5,"approved":true},
			{"id":"f-2","side":"in","group":"sg-1","protocol":"icmp","peer":"10.0.0.2","port":null,"records":1,"approved":true},
			{"id":"f-3","side":"in","group":"sg-1","protocol":"tcp","peer":"10.0.0.3","port":443,"records":5,"approved":false},
			{"id":"f-4","side":"out","group":"sg-2","protocol":"tcp","peer":"10.0.0.4","port":443,"records":5,"approved":true}]}`, Pick{},
			[]string{"tcp/443 10.0.0.1/32 x5", "icmp 10.0.0.2/32"}},
	} {
		l, err := Parse(strings.NewReader(tc.in), tc.pick)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		if got := lines(l); !slices.Equal(got, tc.want) {
			t.Errorf("%s:\n got %q\nwant %q", tc.name, got, tc.want)
		}
	}
}

func TestErrorsSayWhereAndWhat(t *testing.T) {
	for in, want := range map[string]string{
		"":                                            "the list is empty",
		"# nothing\n":                                 "the list is empty",
		"10.0.0.0/8\n10.0.0.300\n":                    `line 2: "10.0.0.300": want an address or a prefix`,
		"10.0.0.0/8\nfe80::1%eth0":                    `line 2: "fe80::1%eth0"`,
		"10.0.0.0/8\ntcp,443,10.0.0.0/8\n":            "line 2: \"tcp,443,10.0.0.0/8\" has commas",
		"\n\ntcp,443,10.0.0.0/8\ntcp,0,x":             `line 4: cidr "x"`,
		"tcp,443,10.0.0.0/8\nsctp,1,10.0.0.0/8":       `line 2: protocol "sctp": want tcp`,
		"tcp,70000,10.0.0.0/8":                        `line 1: ports "70000": want a port`,
		"tcp,9-1,10.0.0.0/8":                          `line 1: ports "9-1"`,
		"any,443,10.0.0.0/8":                          `line 1: ports "443": protocol all has none`,
		"icmp,300,10.0.0.0/8":                         `line 1: ports "300": want an ICMP type`,
		"tcp,443":                                     "line 1: 2 fields",
		"tcp,443,10.0.0.0/8,-1":                       `line 1: weight "-1"`,
		"tcp,443,10.0.0.0/8,1,2":                      "line 1: 5 fields",
		"protocol,ports\ntcp,443":                     `line 1: header: no column "cidr"`,
		"protocol,cidr,cidr\n":                        `line 1: header: "cidr" stands twice`,
		"protocol,ports,cidr\n":                       "the list is empty",
		"tcp,\"443,10.0.0.0/8":                        "line 1: ",
		"[]":                                          "the list is empty",
		`[["tcp",443,"10.0.0.0/8"],["tcp",443]]`:      "element 1: 2 fields",
		`[["tcp",true,"10.0.0.0/8"]]`:                 "element 0: ports true: want a text",
		`[["tcp",443,"10.0.0.0/8"],"10.0.0.1"]`:       "element 1: texts and rules",
		`[{"protocol":"tcp","prefix":"::"}]`:          `element 0: unknown key "prefix"`,
		`[["tcp",443,"10.0.0.0/8"]`:                   "ends in the middle",
		`[["tcp",443,"10.0.0.0/8"]] x`:                "more follows",
		`[4]`:                                         "element 0: 4; want",
		`{"Vpcs":[]}`:                                 "no SecurityGroups",
		`{"SecurityGroups":[]}`:                       "has no security group",
		groups:                                        "has 2 security groups (sg-1, sg-2); say which with --group-id",
		`{"format":"flowcover.analyze/1","flows":[]}`: "none of the 0 flows",
		`{"format":"flowcover.observations/1"}`:       "give the .parquet beside it",
		`{"SecurityGroups":[{"GroupId":"sg-1","IpPermissions":[{"IpProtocol":"tcp","FromPort":9,"ToPort":1}]}]}`: "FromPort 9, ToPort 1",
	} {
		l, err := Parse(strings.NewReader(in), Pick{})
		if err == nil {
			t.Errorf("%q is read as %q", in, lines(l))
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q in it", in, err, want)
		}
	}
	if _, err := Parse(strings.NewReader(groups), Pick{Group: "sg-3"}); err == nil || !strings.Contains(err.Error(), "it has sg-1, sg-2") {
		t.Errorf("an unknown group: %v", err)
	}
	if _, err := Parse(strings.NewReader(groups), Pick{Group: "sg-1", Direction: "in"}); err == nil || !strings.Contains(err.Error(), "want ingress or egress") {
		t.Errorf("an unknown direction: %v", err)
	}
}

func TestFromFlows(t *testing.T) {
	flow := func(id string, side analyze.Side, ok bool) analyze.Flow {
		return analyze.Flow{ID: id, Side: side, Protocol: netset.TCP, Port: 22, Peer: netset.CanonicalPrefix(mustPrefix("10.0.0.7/32")).Addr(), Records: 3,
			Attribution: analyze.Attribution{Group: "sg-1", Approved: ok}}
	}
	l, err := FromFlows([]analyze.Flow{flow("a", analyze.In, true), flow("b", analyze.Out, true), flow("c", analyze.In, false)}, Pick{})
	if err != nil || !slices.Equal(lines(l), []string{"tcp/22 10.0.0.7/32 x3"}) {
		t.Errorf("%v, %v", l, err)
	}
}

func TestPolicyFiles(t *testing.T) {
	bs, err := ReadForbidden(strings.NewReader("# nobody\ntcp/23\n203.0.113.0/24 \nudp/53 10.0.0.1\n2001:db8::/32"))
	var got []string
	for _, b := range bs {
		got = append(got, b.String())
	}
	if want := []string{"tcp/23 0.0.0.0/0", "tcp/23 ::/0", "all 203.0.113.0/24", "udp/53 10.0.0.1/32", "all 2001:db8::/32"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
	z, err := ReadZones(strings.NewReader("default 2\n10.0.0.0/8 64 own network\n2001:db8::/32 3\ntcp/22 8\nwidest ipv4 /12\nwidest ipv6 40\n"))
	if err != nil {
		t.Fatal(err)
	}
	if s := fmt.Sprint(*z); s != "{{[{own network 10.0.0.0/8 64} {2001:db8::/32 2001:db8::/32 3}] 2 [{tcp/22 8}]} 12 40}" {
		t.Errorf("%s", s)
	}
	for in, want := range map[string]string{
		"10.0.0.0/8":       "line 1: \"10.0.0.0/8\": want CIDR WEIGHT",
		"\n10.0.0.0/8 x":   `line 2: weight "x"`,
		"tcp/99999 3":      "line 1",
		"widest ipv5 3":    "want ipv4 or ipv6",
		"widest ipv4 /33":  "/0 to /32",
		"widest ipv4":      "want one length",
		"default 0":        `weight "0"`,
		"tcp/22 3 and all": "want CIDR WEIGHT",
	} {
		if _, err := ReadZones(strings.NewReader(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("zones %q: %v; want %q in it", in, err, want)
		}
	}
	for _, in := range []string{"a b c", "tcp/x", "10.0.0.0/8 tcp/23", "8"} {
		if bs, err := ReadForbidden(strings.NewReader(in)); in != "8" && err == nil {
			t.Errorf("forbidden %q is read as %v", in, bs)
		}
	}
}
