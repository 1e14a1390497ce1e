package topology

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"testing"

	"github.com/flowcover/flowcover/topology/netset"
)

// large is an account of a size: VPCs with four subnets each, groups with
// rules, interfaces spread over both, every VPC on one transit gateway.
func large(vpcs, groups, rules, enis int) Resources {
	w := &world{}
	w.tgw("tgw-1")
	all := ""
	for v := range vpcs {
		id := fmt.Sprintf("vpc-%05d", v)
		base := func(host int) string { return fmt.Sprintf("10.%d.%d", v/16%256, v%16*16+host) }
		w.vpc(id, base(0)+".0/20")
		for n := range 4 {
			w.subnet(fmt.Sprintf("subnet-%05d-%d", v, n), id, fmt.Sprintf("az%d", n%2), base(n)+".0/24")
		}
		w.table("rtb-"+id, id, "", "10.0.0.0/8 tgw-1")
		w.acl("acl-"+id, id, "")
		w.attach("tgw-attach-"+id, "tgw-1", id, "tgw-rtb-1", fmt.Sprintf("subnet-%05d-0 subnet-%05d-1", v, v))
		all += " tgw-attach-" + id
	}
	w.transitTable("tgw-rtb-1", "tgw-1", all)
	for g := range groups {
		sg := SecurityGroup{ID: fmt.Sprintf("sg-%06d", g), Scope: home, VPC: fmt.Sprintf("vpc-%05d", g%vpcs), Name: "group"}
		for r := range rules {
			rule := SecurityGroupRule{ID: fmt.Sprintf("sgr-%06d%03d", g, r), Direction: Ingress, Protocol: netset.TCP, FromPort: 1000 + r, ToPort: 1000 + r,
				CIDR: netip.MustParsePrefix("10.0.0.0/8"), Description: "a rule of the application"}
			if r == 0 {
				rule = SecurityGroupRule{ID: rule.ID, Direction: Egress, Protocol: netset.AllProtocols, FromPort: -1, ToPort: -1, CIDR: netip.MustParsePrefix("0.0.0.0/0")}
			}
			sg.Rules = append(sg.Rules, rule)
		}
		w.r.SecurityGroups = append(w.r.SecurityGroups, sg)
	}
	for n := range enis {
		v, i := n%vpcs, n/vpcs
		id := fmt.Sprintf("eni-%06d", n)
		w.r.Interfaces = append(w.r.Interfaces, NetworkInterface{ID: id, Scope: home, VPC: fmt.Sprintf("vpc-%05d", v),
			Subnet: fmt.Sprintf("subnet-%05d-%d", v, i%4), AZ: fmt.Sprintf("az%d", i%2), Type: "interface", Instance: fmt.Sprintf("i-%06d", n),
			Addresses: []netip.Addr{netip.AddrFrom4([4]byte{10, byte(v / 16), byte(v%16*16 + i%4), byte(10 + i/4)})},
			Groups:    []string{fmt.Sprintf("sg-%06d", n%groups)}, SourceDestCheck: true, Tags: Tags{"Name": "server"}})
		w.r.Instances = append(w.r.Instances, Instance{ID: fmt.Sprintf("i-%06d", n), Scope: home, State: "running", ENIs: []string{id}})
	}
	return w.r
}

func BenchmarkDecode(b *testing.B) {
	for _, size := range [][4]int{{100, 1000, 20, 5000}, {1000, 10000, 20, 50000}} {
		b.Run(fmt.Sprintf("vpcs=%d,groups=%d,enis=%d", size[0], size[1], size[3]), func(b *testing.B) {
			s, err := New(large(size[0], size[1], size[2], size[3]))
			if err != nil {
				b.Fatal(err)
			}
			var buf bytes.Buffer
			if err := NewDocument(s, nil).Encode(&buf); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(buf.Len()))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Decode(bytes.NewReader(buf.Bytes())); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkFlow replays flows between random interfaces across the gateway;
// ns/op is for one flow, both legs.
func BenchmarkFlow(b *testing.B) {
	s, err := New(large(100, 1000, 20, 5000))
	if err != nil {
		b.Fatal(err)
	}
	enis := s.Resources().Interfaces
	c := netset.ColumnOf(netset.TCP, 1005)
	b.ReportAllocs()
	i, admitted := 0, 0
	replay := s.Replayer()
	for b.Loop() {
		from, to := &enis[i%len(enis)], &enis[(i*7919+13)%len(enis)]
		i++
		v := replay.Flow(FlowQuery{From: End{ENI: from.ID}, To: End{ENI: to.ID}, Columns: netset.Columns{First: c, Last: c}})
		if v.Admitted() {
			admitted++
		}
	}
	if admitted == 0 {
		b.Fatal("no flow was admitted")
	}
}

// BenchmarkReplay replays a million distinct flows on all CPUs and keeps of each
// whether it passes and how many rules decided.
func BenchmarkReplay(b *testing.B) {
	s, err := New(large(100, 1000, 20, 5000))
	if err != nil {
		b.Fatal(err)
	}
	enis := s.Resources().Interfaces
	const flows = 1_000_000
	query := func(i int) FlowQuery {
		c := netset.ColumnOf(netset.TCP, uint16(1000+i/250_000*5))
		return FlowQuery{From: End{ENI: enis[i%len(enis)].ID}, To: End{ENI: enis[(i/len(enis)*31+i*7+1)%len(enis)].ID}, Columns: netset.Columns{First: c, Last: c}}
	}
	admitted, rules := make([]bool, flows), make([]int32, flows)
	for b.Loop() {
		err := s.Replay(context.Background(), flows, 0, query, func(i int, v FlowVerdict) {
			admitted[i], rules[i] = v.Admitted(), int32(len(v.RequestChecks)+len(v.ReplyChecks))
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	passed := 0
	for _, a := range admitted {
		if a {
			passed++
		}
	}
	if passed == 0 || passed == flows {
		b.Fatalf("%d of %d flows are admitted", passed, flows)
	}
	b.ReportMetric(float64(passed), "admitted")
}

func BenchmarkReplace(b *testing.B) {
	for _, groups := range []int{100, 10000} {
		b.Run(fmt.Sprintf("groups=%d", groups), func(b *testing.B) {
			s, err := New(large(10, groups, 20, 100))
			if err != nil {
				b.Fatal(err)
			}
			g, _ := s.SecurityGroup("sg-000001")
			for b.Loop() {
				if _, err := s.Replace([]SecurityGroup{*g}, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
